/* SPDX-License-Identifier: Apache-2.0 */
/* disk/du: the size of the sandbox by walking it, every --container_disk_watch_interval. A walk is spread over loop turns:
 * WALK_ENTRIES directory entries at a time, so that a million files do not hold the agent. Files with several links
 * count once per link, as du without its table would; the disk blocks count, not the lengths. Symbolic links (persistent
 * volumes) are not followed. */
#include "agent/isolation/isolator.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"

enum { WALK_ENTRIES = 512, WALK_DEPTH = 64 };

struct du_watch {
    struct container *c;
    struct loop_timer timer;
    DIR *stack[WALK_DEPTH];
    size_t depth;
    int64_t sum, last; /* bytes; last: of the last complete walk, -1 before it */
};

static void walk_open(struct du_watch *w, int at, const char *name)
{
    int fd = w->depth < WALK_DEPTH ? openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d != NULL)
        w->stack[w->depth++] = d;
    else if (fd >= 0)
        (void)close(fd);
}

static void walk_some(struct du_watch *w)
{
    for (int i = 0; i < WALK_ENTRIES && w->depth > 0; i++) {
        DIR *d = w->stack[w->depth - 1];
        struct dirent *e = readdir(d);
        if (e == NULL) {
            (void)closedir(d);
            w->depth--;
            continue;
        }
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        w->sum += st.st_blocks * 512;
        if (S_ISDIR(st.st_mode))
            walk_open(w, dirfd(d), e->d_name);
    }
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
    if (w->depth == 0) {
        w->sum = 0;
        walk_open(w, AT_FDCWD, w->c->sandbox);
    }
    walk_some(w);
    if (w->depth > 0) {
        loop_timer_in(&w->timer, NS_PER_MS);
        return;
    }
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
    while (w->depth > 0)
        (void)closedir(w->stack[--w->depth]);
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
