/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/isolation/fixture.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_launched(void *ctx, const char *id, pid_t pid, const struct error *err)
{
    struct fixture *f = ctx;
    if (f->count >= FIXTURE_EVENTS)
        return;
    struct fixture_event *e = &f->events[f->count++];
    memset(e, 0, sizeof *e);
    (void)snprintf(e->id, sizeof e->id, "%s", id);
    e->kind = err != NULL ? EVENT_FAILED : EVENT_LAUNCHED;
    e->pid = pid;
    if (err != NULL)
        e->err = *err;
}

static void on_exited(void *ctx, const char *id, const struct container_termination *t)
{
    struct fixture *f = ctx;
    if (f->count >= FIXTURE_EVENTS)
        return;
    struct fixture_event *e = &f->events[f->count++];
    memset(e, 0, sizeof *e);
    (void)snprintf(e->id, sizeof e->id, "%s", id);
    e->kind = EVENT_EXITED;
    e->t = *t;
    (void)snprintf(e->message, sizeof e->message, "%s", t->limitation.message != NULL ? t->limitation.message : "");
}

static bool make_containerizer(struct fixture *f, struct containerizer_options *o)
{
    char runtime[300], cache[300];
    struct error err;
    (void)snprintf(runtime, sizeof runtime, "%s/run", f->dir);
    (void)snprintf(cache, sizeof cache, "%s/cache", f->dir);
    o->runtime_dir = runtime;
    o->launcher_dir = f->bin;
    o->cgroups_root = f->root;
    o->fetcher_cache_dir = cache;
    struct containerizer_callbacks cb = { .ctx = f, .launched = on_launched, .exited = on_exited };
    if (containerizer_new(&f->c, f->loop, o, &cb, &err) == 0)
        return true;
    if (err.code == ERR_UNAVAILABLE || err.code == ERR_DENIED)
        test_skip("%s", err.msg);
    else
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return false;
}

bool fixture_start_options(struct fixture *f, struct containerizer_options *o)
{
    struct error err;
    char self[256];
    memset(f, 0, sizeof *f);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(self, '/');
        if (slash != NULL)
            *slash = 0;
    }
    const char *bin = getenv("STOA_BIN");
    (void)snprintf(f->bin, sizeof f->bin, "%s", bin != NULL ? bin : self);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/stoa-iso-XXXXXX");
    (void)snprintf(f->root, sizeof f->root, "stoa_test_%d", (int)getpid());
    if (mkdtemp(f->dir) == NULL || chmod(f->dir, 0755) != 0 || loop_new(&f->loop, NULL, &err) != 0) {
        test_fail(__FILE__, __LINE__, "fixture: %s", f->dir);
        return false;
    }
    return make_containerizer(f, o);
}

bool fixture_start(struct fixture *f, const char *isolation, const char *launcher)
{
    struct containerizer_options o = { .isolation = isolation, .launcher = launcher };
    return fixture_start_options(f, &o);
}

bool fixture_restart(struct fixture *f, struct containerizer_options *o)
{
    containerizer_free(f->c);
    f->c = NULL;
    return make_containerizer(f, o);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void destroy_one(void *ctx, const char *id)
{
    struct error err;
    (void)containerizer_destroy(ctx, id, &err);
}

static void remove_roots(const char *root)
{
    static const char *const subs[] = { "cpu", "cpuacct", "memory", "pids", "freezer", "devices", "blkio", "cpuset", "hugetlb",
                                        "perf_event", "unified", "." };
    for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup/%s/%s", subs[i], root);
        (void)rmdir(path);
    }
}

void fixture_stop(struct fixture *f)
{
    if (f->c != NULL) {
        containerizer_each(f->c, destroy_one, f->c);
        CHECK(FIXTURE_UNTIL(f, containerizer_count(f->c) == 0));
    }
    containerizer_free(f->c);
    loop_free(f->loop);
    (void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    remove_roots(f->root);
}

struct container_spec fixture_shell(struct fixture *f, const char *id, const char *command)
{
    static char sandbox[4][512];
    static int next;
    char *s = sandbox[next++ % 4];
    (void)snprintf(s, 512, "%s/%s", f->dir, id);
    return (struct container_spec){
        .id = id,
        .sandbox = s,
        .command = { .shell = true, .value = command },
        .resources = { .cpus_milli = 100, .mem_bytes = 64 << 20, .cpus_limit_milli = CONTAINER_NONE,
                       .mem_limit_bytes = CONTAINER_NONE, .disk_bytes = CONTAINER_NONE, .pids_max = CONTAINER_NONE },
    };
}

struct fixture_event *fixture_wait(struct fixture *f, const char *id, int kind)
{
    struct mono end = mono_add(loop_clock(), FIXTURE_WAIT_S * NS_PER_S);
    for (;;) {
        for (size_t i = 0; i < f->count; i++) {
            if ((int)f->events[i].kind == kind && strcmp(f->events[i].id, id) == 0)
                return &f->events[i];
            if (f->events[i].kind == EVENT_FAILED && kind != EVENT_FAILED && strcmp(f->events[i].id, id) == 0) {
                test_fail(__FILE__, __LINE__, "%s: %s", id, f->events[i].err.msg);
                return NULL;
            }
        }
        if (!mono_before(loop_clock(), end))
            break;
        loop_turn(f->loop, 50 * NS_PER_MS);
    }
    test_fail(__FILE__, __LINE__, "%s: no event %d in %d s", id, kind, FIXTURE_WAIT_S);
    return NULL;
}

bool fixture_launch(struct fixture *f, const struct container_spec *spec)
{
    struct error err;
    if (containerizer_launch(f->c, spec, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        return false;
    }
    return fixture_wait(f, spec->id, EVENT_LAUNCHED) != NULL;
}

const char *fixture_file(struct fixture *f, const char *id, const char *file)
{
    static char text[8192];
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s/%s", f->dir, id, file);
    FILE *in = fopen(path, "re");
    size_t n = in != NULL ? fread(text, 1, sizeof text - 1, in) : 0;
    if (in != NULL)
        (void)fclose(in);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n] = 0;
    return text;
}

bool fixture_wait_file(struct fixture *f, const char *id, const char *file)
{
    if (FIXTURE_UNTIL(f, fixture_file(f, id, file)[0] != 0))
        return true;
    test_fail(__FILE__, __LINE__, "%s: %s stays empty", id, file);
    return false;
}

bool process_exists(pid_t pid)
{
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f != NULL)
        (void)fclose(f);
    text[n] = 0;
    const char *p = strrchr(text, ')');
    return p != NULL && p[2] != 'Z' && p[2] != 'X'; /* a zombie runs no more */
}

bool fixture_wait_gone(struct fixture *f, pid_t pid)
{
    return FIXTURE_UNTIL(f, !process_exists(pid));
}
