/* SPDX-License-Identifier: Apache-2.0 */
/* disk/du: the size of the sandbox by walking it, every --container_disk_watch_interval. A walk is spread over loop turns:
 * WALK_ENTRIES directory entries at a time, so that a million files do not hold the agent. Files with several links
 * count once per link, as du without its table would; the disk blocks count, not the lengths. Symbolic links (persistent
 * volumes) are not followed. A walk that a task got out of step, by moving folders meanwhile, never makes the size smaller. */
#include "agent/isolation/isolator.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/tree.h"

enum { WALK_ENTRIES = 512 };

struct du_watch {
    struct container *c;
    struct loop_timer timer;
    struct tree_walk *walk; /* NULL: none is under way */
    int64_t sum, last;      /* bytes; last: of the last complete walk, -1 before it */
};

static void count(void *arg, int dir, const char *name, const struct stat *st, bool leaving)
{
    struct du_watch *w = arg;
    (void)dir;
    (void)name;
    if (!leaving)
        w->sum += st->st_blocks * 512;
}

static void enforce(struct du_watch *w)
{
    struct container *c = w->c;
    if (!c->iso->o.enforce_container_disk_quota || c->res.disk_bytes == CONTAINER_NONE || w->last <= c->res.disk_bytes)
        return;
    char text[160];
    (void)snprintf(text, sizeof text, "Disk usage (%lldB) exceeds quota (%lldB)", (long long)w->last,
                   (long long)c->res.disk_bytes);
    container_limit_hit(c, CONTAINER_LIMIT_DISK, w->last, text);
}

static void on_timer(void *arg)
{
    struct du_watch *w = arg;
    struct error ignored; /* a sandbox that is gone takes nothing */
    if (w->walk == NULL) {
        int fd = sandbox_open(w->c->sandbox, &ignored);
        w->sum = 0;
        if (fd >= 0)
            w->walk = tree_walk_new(fd, count, w);
    }
    if (w->walk != NULL && tree_walk_step(w->walk, WALK_ENTRIES)) {
        loop_timer_in(&w->timer, NS_PER_MS);
        return;
    }
    bool whole = w->walk == NULL || tree_walk_is_whole(w->walk);
    tree_walk_free(TAKE(w->walk));
    if (whole || w->sum > w->last)
        w->last = w->sum;
    loop_timer_in(&w->timer, w->c->iso->o.container_disk_watch_interval_ns);
    enforce(w);
}

static int du_isolate(struct container *c, struct error *err)
{
    (void)err;
    struct du_watch *w = xcalloc(1, sizeof *w);
    w->c = c;
    w->last = -1;
    loop_timer_init(&w->timer, c->iso->loop, on_timer, w);
    loop_timer_in(&w->timer, c->iso->o.container_disk_watch_interval_ns);
    c->du_watch = w;
    return 0;
}

static void du_cleanup(struct container *c)
{
    struct du_watch *w = c->du_watch;
    if (w == NULL)
        return;
    tree_walk_free(w->walk);
    loop_timer_done(&w->timer);
    free(w);
    c->du_watch = NULL;
}

static void du_usage(struct container *c, struct container_usage *u)
{
    u->disk_limit_bytes = c->res.disk_bytes;
    if (c->du_watch != NULL && c->du_watch->last >= 0)
        u->disk_used_bytes = c->du_watch->last;
}

const struct isolator_ops isolator_disk_du = {
    .name = "disk/du",
    .isolate = du_isolate,
    .usage = du_usage,
    .cleanup = du_cleanup,
    .recover = du_isolate,
};
