/* SPDX-License-Identifier: Apache-2.0 */
/* One list of folders with their times. Trees of sandboxes are what tasks made of them, so a removal may take long: it goes on
 * in slices between the turns of the loop, one folder after the other, in <work_dir>/.gc, where a folder is moved first: its
 * name is free at once for whoever comes back. */
#include "agent/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/paths.h"
#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/io/tree.h"

struct entry {
    char *path;
    char *attached; /* run folder to be detached from files, with its framework and executor; or NULL */
    int64_t mtime_ms;
    struct entry *prev, *next;
    UT_hash_handle hh;
};

struct gc {
    struct loop *loop;
    struct gc_options o;
    struct loop_timer timer;
    struct entry *table;
    struct gc_counters counters;
    int64_t max_age_ms;
    char *removing; /* where it was, what is being removed; NULL: nothing */
    char *trash;
    unsigned thrown;
};

static int64_t mtime_ms(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 : -1;
}

static void entry_free(struct gc *g, struct entry *e)
{
    HASH_DEL(g->table, e);
    free(e->path);
    free(e->attached);
    free(e);
}

static void schedule(struct gc *g, const char *path, const char *attached)
{
    struct entry *e;
    int64_t t = mtime_ms(path);

    if (t < 0)
        return;
    HASH_FIND_STR(g->table, path, e);
    if (e == NULL) {
        e = xcalloc(1, sizeof *e);
        e->path = xstrdup(path);
        e->attached = attached != NULL ? xstrdup(attached) : NULL;
        HASH_ADD_KEYPTR(hh, g->table, e->path, strlen(e->path), e);
    }
    e->mtime_ms = t;
    g->counters.pending = HASH_COUNT(g->table);
}

static void unschedule(struct gc *g, const char *path)
{
    struct entry *e;

    HASH_FIND_STR(g->table, path, e);
    if (e != NULL)
        entry_free(g, e);
    g->counters.pending = HASH_COUNT(g->table);
}

static double disk_used(const char *path)
{
    struct statvfs v;

    if (statvfs(path, &v) != 0 || v.f_blocks == 0)
        return 0;
    return (double)(v.f_blocks - v.f_bavail) / (double)v.f_blocks;
}

static struct entry *oldest(struct gc *g, int64_t now_ms)
{
    struct entry *best = NULL;

    for (struct entry *e = g->table; e != NULL; e = e->hh.next)
        if (e->mtime_ms + g->max_age_ms <= now_ms && (best == NULL || e->mtime_ms < best->mtime_ms))
            best = e;
    return best;
}

static void compute_age(struct gc *g)
{
    double left = 1 - g->o.headroom - disk_used(g->o.work_dir);

    g->max_age_ms = left > 0 ? (int64_t)((double)(g->o.delay_ns / NS_PER_MS) * left) : 0;
    g->counters.max_age_secs = (double)g->max_age_ms / 1000.0;
}

static void next_one(struct gc *g)
{
    free(g->removing);
    g->removing = NULL;
    loop_timer_in(&g->timer, NS_PER_MS);
}

static void removed(void *arg, const struct error *err)
{
    struct gc *g = arg;

    (void)rmdir(g->trash); /* once it is empty */
    if (err == NULL) {
        g->counters.succeeded++;
        log_info("gc_removed", "path=" LOG_Q, LOG_QARG(str_of(g->removing)));
    } else {
        g->counters.failed++;
        log_warn("gc_failed", "path=" LOG_Q " error=" LOG_Q, LOG_QARG(str_of(g->removing)), LOG_QARG(str_of(err->msg)));
    }
    next_one(g);
}

/* Where the folder is now; where it was when it cannot be moved (another file system). */
static struct path throw_away(struct gc *g, const char *path)
{
    (void)mkdir(g->trash, 0700);
    for (int i = 0; i < 100; i++) { /* a number of an earlier run may be taken still */
        struct path to = path_fmt("%s/%u", g->trash, g->thrown++);
        if (rename(path, to.p) == 0)
            return to;
        if (errno != EEXIST && errno != ENOTEMPTY)
            break;
    }
    return path_fmt("%s", path);
}

static void tick(void *arg)
{
    struct gc *g = arg;

    compute_age(g);
    struct entry *e = oldest(g, loop_wall(g->loop).ms);
    if (e == NULL) {
        loop_timer_in(&g->timer, g->o.watch_interval_ns);
        return;
    }
    if (e->attached != NULL)
        files_detach_real(g->o.files, e->attached);
    g->removing = xstrdup(e->path);
    entry_free(g, e);
    g->counters.pending = HASH_COUNT(g->table);
    tree_remove_later(g->loop, AT_FDCWD, throw_away(g, g->removing).p, removed, g);
}

struct gc *gc_new(struct loop *loop, const struct gc_options *o)
{
    struct gc *g = xcalloc(1, sizeof *g);

    g->loop = loop;
    g->o = *o;
    g->trash = xstrdup(path_fmt("%s/.gc", o->work_dir).p);
    tree_remove_later(loop, AT_FDCWD, g->trash, NULL, NULL); /* an agent that was killed meanwhile */
    compute_age(g);
    loop_timer_init(&g->timer, loop, tick, g);
    loop_timer_in(&g->timer, o->watch_interval_ns);
    return g;
}

void gc_free(struct gc *g)
{
    struct entry *e, *next;

    if (g == NULL)
        return;
    HASH_ITER(hh, g->table, e, next)
        entry_free(g, e);
    tree_remove_stop(g->loop);
    loop_timer_done(&g->timer);
    free(g->removing);
    free(g->trash);
    free(g);
}

static struct path meta_of(const struct gc *g)
{
    return path_fmt("%s/meta", g->o.work_dir);
}

void gc_executor(struct gc *g, const struct agent *a, const struct agent_executor *e)
{
    struct path run = path_run(g->o.work_dir, a->id, e);
    struct path meta = meta_of(g);

    schedule(g, run.p, run.p);
    schedule(g, path_executor(g->o.work_dir, a->id, e).p, NULL);
    if (!e->checkpoint)
        return;
    schedule(g, path_run(meta.p, a->id, e).p, NULL);
    schedule(g, path_executor(meta.p, a->id, e).p, NULL);
}

void gc_framework(struct gc *g, const struct agent *a, const struct agent_framework *f)
{
    if (a->id == NULL)
        return;
    schedule(g, path_framework(g->o.work_dir, a->id, f->id).p, NULL);
    if (f->info->checkpoint)
        schedule(g, path_framework(meta_of(g).p, a->id, f->id).p, NULL);
}

void gc_reuse(struct gc *g, const struct agent *a, const struct agent_framework *f, struct str executor_id)
{
    struct path meta = meta_of(g);
    const char *roots[] = { g->o.work_dir, meta.p };

    for (size_t i = 0; i < 2; i++) {
        struct path fw = path_framework(roots[i], a->id, f->id);
        unschedule(g, fw.p);
        unschedule(g, path_fmt("%s/executors/%.*s", fw.p, STR_ARG(executor_id)).p);
    }
}

void gc_path(struct gc *g, const char *path)
{
    schedule(g, path, NULL);
}

void gc_counters(const struct gc *g, struct gc_counters *ret)
{
    *ret = g->counters;
}
