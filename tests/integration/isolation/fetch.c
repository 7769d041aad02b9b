/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher, run by the containerizer before a command, from files and from a server in this process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/http.h"
#include "tests/integration/isolation/fixture.h"

struct web {
    struct http_server *server;
    uint16_t port;
    int hits;
    struct http_req *hanging;
};

static void on_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct web *w = arg;
    (void)r;
    (void)why;
    w->hanging = NULL;
}

static void on_request(void *ctx, struct http_req *r)
{
    struct web *w = ctx;
    struct str path = http_req_path(r);
    w->hits++;
    if (str_is(path, "/hello.txt")) {
        http_reply(r, 200, "text/plain", STR("hello from the web"));
    } else if (str_is(path, "/moved")) {
        http_reply_header(r, "Location", STR("/hello.txt"));
        http_reply(r, 302, NULL, STR(""));
    } else if (str_is(path, "/hang")) {
        w->hanging = r;
        http_req_on_gone(r, on_gone, w);
    } else {
        http_reply_text(r, 404, "no");
    }
}

static bool web_start(struct web *w, struct fixture *f)
{
    static const struct http_handler handler = { .on_request = on_request };
    struct net_addr addr, bound;
    struct error err;
    memset(w, 0, sizeof *w);
    if (net_parse_ip(STR("127.0.0.1"), 0, &addr) && http_server_new(&w->server, f->loop, NULL, &handler, w, &err) == 0 &&
        http_server_listen(w->server, &addr, &bound, &err) == 0) {
        w->port = bound.port;
        return true;
    }
    test_fail(__FILE__, __LINE__, "%s", err.msg);
    return false;
}

static struct fixture_event *run(struct fixture *f, const char *id, const char *command, const struct container_uri *uris,
                                 size_t count, int kind)
{
    struct error err;
    struct container_spec s = fixture_shell(f, id, command);
    s.command.uris = uris;
    s.command.uri_count = count;
    if (containerizer_launch(f->c, &s, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        return NULL;
    }
    return fixture_wait(f, id, kind);
}

static void write_file(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *out = fopen(path, "we");
    if (out != NULL) {
        (void)fputs(text, out);
        (void)fclose(out);
        (void)chmod(path, mode);
    }
}

TEST("fetcher: files, executables, names and directories")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        char a[300], b[300];
        write_file(&f, "prog", "#!/bin/sh\necho ran $1\n", 0644);
        (void)snprintf(a, sizeof a, "  file://%s/prog", f.dir);
        (void)snprintf(b, sizeof b, "%s/prog", f.dir);
        struct container_uri u[] = { { .value = a, .executable = true }, { .value = b, .output_file = "sub/dir/copy", .extract = true } };
        struct fixture_event *e = run(&f, "a1", "./prog x; [ -x sub/dir/copy ] || cat sub/dir/copy | tail -1", u, 2, EVENT_EXITED);
        if (e != NULL) {
            CHECK_INT(e->t.status, 0);
            CHECK_CSTR(fixture_file(&f, "a1", "stdout"), "ran x\necho ran $1");
        }
    }
    fixture_stop(&f);
}

TEST("fetcher: what is missing fails the launch with the original's words")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        static const char *const bad[] = { "/no/such/file", "hdfs://x/y", "relative", "http://", "file:///etc/" };
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            char id[8], want[160];
            struct container_uri u = { .value = bad[i], .extract = true };
            (void)snprintf(id, sizeof id, "a%zu", i);
            struct fixture_event *e = run(&f, id, "true", &u, 1, EVENT_FAILED);
            (void)snprintf(want, sizeof want, "Failed to fetch all URIs for container '%s': exited with status 1", id);
            if (e != NULL)
                CHECK_CSTR(e->err.msg, want);
            CHECK(strstr(fixture_file(&f, id, "stderr"), "Failed to fetch '") != NULL);
        }
        struct container_uri u = { .value = "/etc/hostname", .output_file = "../escape" };
        (void)run(&f, "b1", "true", &u, 1, EVENT_FAILED);
        CHECK(strstr(fixture_file(&f, "b1", "stderr"), "is not inside the sandbox") != NULL);
    }
    fixture_stop(&f);
}

TEST("fetcher: archives are unpacked, and none leaves the sandbox")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        char cmd[2048], a[300], b[300], c[300];
        (void)snprintf(cmd, sizeof cmd,
                       "cd %s && mkdir src && echo in >src/f && tar czf ok.tgz src && gzip -c src/f >one.txt.gz && "
                       "echo evil >victim && mkdir d && cd d && echo bad >x && tar cPf ../dots.tar ../d/../victim && ln -s %s out && "
                       "tar cf ../link.tar out && rm out && mkdir out && echo evil >out/victim && tar rf ../link.tar out/victim",
                       f.dir, f.dir);
        CHECK_INT(system(cmd), 0);
        (void)snprintf(a, sizeof a, "%s/ok.tgz", f.dir);
        (void)snprintf(b, sizeof b, "%s/one.txt.gz", f.dir);
        struct container_uri u[] = { { .value = a, .extract = true }, { .value = b, .extract = true } };
        struct fixture_event *e = run(&f, "a1", "cat src/f one.txt", u, 2, EVENT_EXITED);
        CHECK(e != NULL && e->t.status == 0);
        CHECK_CSTR(fixture_file(&f, "a1", "stdout"), "in\nin");
        write_file(&f, "victim", "good", 0644);
        (void)snprintf(c, sizeof c, "%s/dots.tar", f.dir);
        struct container_uri evil = { .value = c, .extract = true };
        (void)run(&f, "a2", "true", &evil, 1, EVENT_FAILED);
        (void)snprintf(c, sizeof c, "%s/link.tar", f.dir);
        (void)run(&f, "a3", "true", &evil, 1, EVENT_EXITED); /* libarchive replaces the link by a directory */
        CHECK_CSTR(fixture_file(&f, ".", "victim"), "good");
    }
    fixture_stop(&f);
}

TEST("fetcher: http, redirects, errors, and one download for a cached URI")
{
    struct fixture f;
    struct web w = { .server = NULL };
    if (fixture_start(&f, NULL, "posix") && web_start(&w, &f)) {
        char a[100], b[100], c[100];
        (void)snprintf(a, sizeof a, "http://127.0.0.1:%u/hello.txt", w.port);
        (void)snprintf(b, sizeof b, "http://127.0.0.1:%u/moved", w.port);
        (void)snprintf(c, sizeof c, "http://127.0.0.1:%u/none", w.port);
        struct container_uri u[] = { { .value = a }, { .value = b } };
        if (run(&f, "a1", "cat hello.txt moved", u, 2, EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "a1", "stdout"), "hello from the webhello from the web");
        struct container_uri missing = { .value = c };
        (void)run(&f, "a2", "true", &missing, 1, EVENT_FAILED);
        CHECK(strstr(fixture_file(&f, "a2", "stderr"), "Unexpected HTTP response code: 404") != NULL);
        w.hits = 0;
        struct container_uri cached = { .value = a, .cache = true };
        struct container_spec s[3];
        struct error err;
        static const char *const ids[] = { "c1", "c2", "c3" };
        for (int i = 0; i < 3; i++) {
            s[i] = fixture_shell(&f, ids[i], "cat hello.txt");
            s[i].command.uris = &cached;
            s[i].command.uri_count = 1;
            CHECK_INT(containerizer_launch(f.c, &s[i], &err), 0);
        }
        for (int i = 0; i < 3; i++) {
            (void)fixture_wait(&f, ids[i], EVENT_EXITED);
            CHECK_CSTR(fixture_file(&f, ids[i], "stdout"), "hello from the web");
        }
        CHECK_INT(w.hits, 1);
    }
    http_server_free(w.server);
    fixture_stop(&f);
}

TEST("fetcher: a stalled download ends after fetcher_stall_timeout, and destroy ends it at once")
{
    struct fixture f;
    struct web w = { .server = NULL };
    struct containerizer_options o = { .launcher = "posix", .fetcher_stall_timeout_ns = NS_PER_S };
    struct containerizer_options patient = { .launcher = "posix", .fetcher_stall_timeout_ns = 1000 * NS_PER_S };
    if (fixture_start_options(&f, &o) && web_start(&w, &f)) {
        char a[100];
        struct error err;
        (void)snprintf(a, sizeof a, "http://127.0.0.1:%u/hang", w.port);
        struct container_uri u = { .value = a };
        (void)run(&f, "a1", "true", &u, 1, EVENT_FAILED);
        CHECK(strstr(fixture_file(&f, "a1", "stderr"), "fetcher_stall_timeout") != NULL);
        CHECK(fixture_restart(&f, &patient));
        struct container_spec s = fixture_shell(&f, "a2", "true");
        s.command.uris = &u;
        s.command.uri_count = 1;
        CHECK_INT(containerizer_launch(f.c, &s, &err), 0);
        CHECK(FIXTURE_UNTIL(&f, w.hanging != NULL));
        CHECK_INT(containerizer_destroy(f.c, "a2", &err), 0);
        struct fixture_event *e = fixture_wait(&f, "a2", EVENT_FAILED);
        if (e != NULL)
            CHECK_CSTR(e->err.msg, "Container destroyed during launching");
    }
    http_server_free(w.server);
    fixture_stop(&f);
}

TEST("fetcher: runs as the task's user")
{
    struct fixture f;
    if (geteuid() != 0) {
        test_skip("not root");
        return;
    }
#ifdef __SANITIZE_ADDRESS__
    test_skip("the leak checker of the fetcher cannot look into a process that changed its user");
    return;
#endif
    if (fixture_start(&f, NULL, "posix")) {
        char a[300];
        write_file(&f, "secret", "root only", 0600);
        write_file(&f, "open", "all", 0644);
        for (int cache = 0; cache < 2; cache++) {
            (void)snprintf(a, sizeof a, "%s/secret", f.dir);
            struct container_uri u = { .value = a, .cache = cache != 0 };
            struct error err;
            struct container_spec s = fixture_shell(&f, cache != 0 ? "a2" : "a1", "true");
            s.command.user = "nobody";
            s.command.uris = &u;
            s.command.uri_count = 1;
            CHECK_INT(containerizer_launch(f.c, &s, &err), 0);
            CHECK(fixture_wait(&f, s.id, EVENT_FAILED) != NULL);
        }
        (void)snprintf(a, sizeof a, "%s/open", f.dir);
        struct container_uri u = { .value = a, .cache = true };
        struct container_spec s = fixture_shell(&f, "a3", "stat -c %U open; cat open");
        s.command.user = "nobody";
        s.command.uris = &u;
        s.command.uri_count = 1;
        if (fixture_launch(&f, &s) && fixture_wait(&f, "a3", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "a3", "stdout"), "nobody\nall");
    }
    fixture_stop(&f);
}
