/* SPDX-License-Identifier: Apache-2.0 */
/* URLs; sessions; election and detection against a real server. Who leads given the children:
 * tests/unit/model/test_election.c. */
#include <poll.h>
#include <string.h>

#include "common/io/detector.h"
#include "common/io/leader.h"
#include "tests/unit/io/io_peer.h"
#include "tests/unit/io/zk_server.h"

static const struct {
    const char *text, *servers, *credentials,
        *path; /* servers NULL: refused, and credentials is a part of the message */
} urls[] = {
    { "zk://a:1/m", "a:1", NULL, "/m" },
    { "zk://a:1,b:2,c/m/n/", "a:1,b:2,c:2181", NULL, "/m/n" },
    { "zk://u:p@h:2181/mesos", "h:2181", "u:p", "/mesos" },
    { "zk://u:p@ss:w@h:2181/mesos", "h:2181", "u:p@ss:w", "/mesos" },
    { "zk://[::1]:2181/m", "[::1]:2181", NULL, "/m" },
    { "http://a/m", NULL, "does not begin with zk://", NULL },
    { "zk://a:1", NULL, "path is missing", NULL },
    { "zk://a:1/", NULL, "path is missing", NULL },
    { "zk://a:x/m", NULL, "port", NULL },
    { "zk://a:0/m", NULL, "port", NULL },
    { "zk://a:70000/m", NULL, "port", NULL },
    { "zk://,b:1/m", NULL, "host is missing", NULL },
    { "zk://user@a:1/m", NULL, "user:password", NULL },
    { "zk://a:1/m//n", NULL, "empty part", NULL },
};

TEST("URLs")
{
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct zk_url u = { NULL, NULL, NULL };
        struct error err = { .msg = "" };
        int rc = zk_url_parse(&u, str_of(urls[i].text), false, &err);
        if (urls[i].servers == NULL) {
            if (rc == 0 || strstr(err.msg, urls[i].credentials) == NULL ||
                strstr(err.msg, urls[i].text) == NULL)
                test_fail(__FILE__, __LINE__, "%s: %d %s", urls[i].text, rc, err.msg);
        } else if (rc != 0) {
            test_fail(__FILE__, __LINE__, "%s: %s", urls[i].text, err.msg);
        } else {
            CHECK_CSTR(u.servers, urls[i].servers);
            CHECK_CSTR(u.path, urls[i].path);
            CHECK_CSTR(u.credentials, urls[i].credentials);
        }
        zk_url_done(&u);
    }
}

/* --- election --- */
static struct loop *loop;

struct one {
    struct zk *zk;
    struct leader *l;
    struct sbuf seen; /* one letter per view: n none, o other, s self; upper case: unsure */
    char data[64];
};

static void on_view(void *arg, const struct leader_view *v)
{
    struct one *o = arg;
    sbuf_char(&o->seen, (v->unsure ? "NOS" : "nos")[v->who]);
    (void)snprintf(o->data, sizeof o->data, "%.*s", STR_ARG(v->data));
}

static void one_start(struct one *o, const char *data, int64_t timeout_ns)
{
    *o = (struct one){ .zk = zk_client(loop, NULL, timeout_ns), .seen = SBUF_INIT(1000) };
    struct leader_options lo = { .zk = o->zk,
                                 .path = "/election",
                                 .rule = ELECTION_MASTER,
                                 .data = str_of(data),
                                 .prefix = data != NULL ? "json.info_" : NULL };
    leader_new(&o->l, loop, &lo, on_view, o);
}

static void one_end(struct one *o)
{
    leader_free(o->l);
    zk_free(o->zk);
    sbuf_done(&o->seen);
}

static bool sees(struct one *o, char letter)
{
    if (LOOP_UNTIL(loop, o->seen.n != 0 && o->seen.p[o->seen.n - 1] == letter))
        return true;
    test_fail(__FILE__, __LINE__, "not %c within a minute, but \"%s\"", letter,
              o->seen.p != NULL ? o->seen.p : "");
    return false;
}

TEST("the first candidate leads; when it leaves, the next does; watchers see both")
{
    struct one a, b, w;

    if (!zk_server())
        return;
    REQUIRE(loop_new(&loop, NULL, NULL) == 0);
    one_start(&w, NULL, 0);
    REQUIRE(sees(&w, 'n'));
    one_start(&a, "a", 0);
    REQUIRE(sees(&a, 's'));
    one_start(&b, "b", 0);
    REQUIRE(sees(&b, 'o'));
    CHECK_CSTR(b.data, "a");
    REQUIRE(sees(&w, 'o'));
    CHECK_CSTR(w.data, "a");
    one_end(&a);
    REQUIRE(sees(&b, 's'));
    CHECK(LOOP_UNTIL(loop, strcmp(w.data, "b") == 0));
    one_end(&b);
    REQUIRE(sees(&w, 'n'));
    one_end(&w);
    loop_free(loop);
}

TEST("a restart of the server makes a leader unsure, then sure again; nobody loses")
{
    struct one a, b;

    if (!zk_server())
        return;
    REQUIRE(loop_new(&loop, NULL, NULL) == 0);
    one_start(&a, "a", 10 * NS_PER_S);
    REQUIRE(sees(&a, 's'));
    one_start(&b, "b", 10 * NS_PER_S);
    REQUIRE(sees(&b, 'o'));
    zk_server_kill();
    REQUIRE(sees(&a, 'S'));
    REQUIRE(sees(&b, 'O'));
    REQUIRE(zk_server());
    REQUIRE(sees(&a, 's'));
    REQUIRE(sees(&b, 'o'));
    CHECK_CSTR(a.seen.p + a.seen.n - 3, "sSs");
    CHECK(strchr(b.seen.p, 's') == NULL);
    one_end(&a);
    one_end(&b);
    loop_free(loop);
}

/* Another process that contends: tells by one letter each when it follows and when it leads. */
static void other_process(int tell)
{
    struct one b;

    if (loop_new(&loop, NULL, NULL) != 0)
        _exit(1);
    one_start(&b, "b", 30 * NS_PER_S);
    for (const char *c = "os"; *c != '\0' && sees(&b, *c); c++)
        (void)!write(tell, c, 1);
    for (;;)
        loop_turn(loop, NS_PER_MS);
}

/* The loop does not run for longer than the session lasts: as a stopped process. */
TEST("an expired session loses the lead for good, and contends anew behind the others")
{
    struct one a;
    int told[2];
    char letter = '\0';

    if (!zk_server())
        return;
    REQUIRE(loop_new(&loop, NULL, NULL) == 0);
    one_start(&a, "a", 2 * NS_PER_S);
    REQUIRE(sees(&a, 's'));
    REQUIRE(pipe2(told, O_CLOEXEC) == 0);
    pid_t pid = fork();
    if (pid == 0)
        other_process(told[1]);
    (void)close(told[1]);
    REQUIRE(fcntl(told[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(LOOP_UNTIL(loop, read(told[0], &letter, 1) == 1));
    struct pollfd leads = { .fd = told[0], .events = POLLIN };
    CHECK(poll(&leads, 1, 60000) == 1 && read(told[0], &letter, 1) == 1);
    (void)close(told[0]);
    REQUIRE(sees(&a, 'o'));
    CHECK_CSTR(a.data, "b");
    CHECK(strchr(a.seen.p, 'N') != NULL);
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    REQUIRE(sees(&a, 's'));
    one_end(&a);
    loop_free(loop);
}

static void on_result(void *arg, const struct zk_result *r)
{
    *(int *)arg = (int)r->code;
}

static int wait_code(int *code)
{
    (void)LOOP_UNTIL(loop, *code >= 0);
    return *code;
}

TEST("a candidate that somebody deletes has lost, and contends anew")
{
    struct one a, b;
    struct leader_view v;
    char path[100];

    if (!zk_server())
        return;
    REQUIRE(loop_new(&loop, NULL, NULL) == 0);
    one_start(&a, "a", 0);
    REQUIRE(sees(&a, 's'));
    one_start(&b, "b", 0);
    REQUIRE(sees(&b, 'o'));
    leader_view(a.l, &v);
    CHECK_INT(v.candidates, 1 + 1);
    (void)snprintf(path, sizeof path, "/election/%s", v.node);
    zk_delete(b.zk, path, -1, NULL, NULL);
    REQUIRE(sees(&b, 's'));
    REQUIRE(sees(&a, 'o'));
    CHECK(memchr(a.seen.p, 'n', a.seen.n) != NULL); /* never two at once: first not leading, then a follower */
    one_end(&b);
    REQUIRE(sees(&a, 's'));
    one_end(&a);
    loop_free(loop);
}

TEST("credentials: others may read what is for the world, and nothing else")
{
    int code = -1;

    if (!zk_server())
        return;
    REQUIRE(loop_new(&loop, NULL, NULL) == 0);
    struct zk *owner = zk_client(loop, "me:secret", 0), *other = zk_client(loop, NULL, 0);
    zk_create(owner, "/read", STR("x"), 0, ZK_ACL_WORLD_READ, NULL, NULL);
    zk_create(owner, "/private", STR("x"), 0, ZK_ACL_PRIVATE, on_result, &code);
    CHECK_INT(wait_code(&code), ZK_OK);
    code = -1;
    zk_get(other, "/read", on_result, &code);
    CHECK_INT(wait_code(&code), ZK_OK);
    code = -1;
    zk_set(other, "/read", STR("y"), -1, on_result, &code);
    CHECK_INT(wait_code(&code), ZK_DENIED);
    code = -1;
    zk_get(other, "/private", on_result, &code);
    CHECK_INT(wait_code(&code), ZK_DENIED);
    code = -1;
    zk_set(owner, "/private", STR("y"), 0, on_result, &code);
    CHECK_INT(wait_code(&code), ZK_OK);
    zk_free(owner);
    zk_free(other);
    loop_free(loop);
}

/* --- the text that users give --- */
static char found[400];

static void on_found(void *arg, const struct master_addr *m, bool unsure)
{
    (void)arg;
    (void)unsure;
    (void)snprintf(found, sizeof found, "%s", m != NULL ? m->pid : "nobody");
}

static const char *detect(const char *master)
{
    struct detector_options o = { .master = str_of(master) };
    struct detector *d;
    static struct error err;

    found[0] = '\0';
    if (detector_new(&d, loop, &o, on_found, NULL, &err) != 0)
        return err.msg;
    (void)LOOP_UNTIL(loop, found[0] != '\0');
    detector_free(d);
    return found;
}

TEST("fixed masters, and files that name one")
{
    char path[] = "/tmp/stoa-test-master-XXXXXX", text[100];

    REQUIRE(loop_new(&loop, NULL, NULL) == 0);
    CHECK_CSTR(detect("127.0.0.1:5050"), "master@127.0.0.1:5050");
    CHECK_CSTR(detect("master@127.0.0.1:5050"), "master@127.0.0.1:5050");
    CHECK(strstr(detect("127.0.0.1"), "is not host:port") != NULL);
    CHECK(strstr(detect("zk://a:b/c"), "port") != NULL);
    int fd = mkstemp(path);
    CHECK(write(fd, "127.0.0.2:5051\n", 15) == 15);
    (void)close(fd);
    (void)snprintf(text, sizeof text, "file://%s", path);
    CHECK_CSTR(detect(text), "master@127.0.0.2:5051");
    CHECK(!detector_needs_zk(str_of(text)));
    (void)unlink(path);
    CHECK(strstr(detect(text), path) != NULL);
    loop_free(loop);
}
