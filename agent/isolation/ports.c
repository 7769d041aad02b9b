/* SPDX-License-Identifier: Apache-2.0 */
/* network/ports: a container in the host's network that listens on a TCP port it was not given is told of, or ended with
 * --enforce_container_ports. Which process listens is found through /proc: the sockets that listen by their inodes, and
 * the descriptors of the container's processes. What listens is read at most once in LISTENERS_FRESH_NS for all containers; one container's
 * descriptors are looked through in one go. Source: agent reference, §19. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/isolation/isolator.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

#define LISTENERS_FRESH_NS (5 * NS_PER_S)

struct listener {
    uint64_t inode;
    uint16_t port;
};

struct listeners {
    struct listener *v; /* by inode */
    size_t n, cap;
    struct mono at;
};

struct ports_watch {
    struct container *c;
    struct loop_timer timer;
    bool told;
};

static int by_inode(const void *a, const void *b)
{
    const struct listener *x = a, *y = b;
    return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void read_listeners(struct listeners *l, const char *path)
{
    CLEANUP(file_close_p) FILE *f = fopen(path, "re");
    char line[512];
    unsigned port, state;
    uint64_t inode;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*u %*u %" SCNu64, &port, &state, &inode) != 3 || state != 0x0a)
            continue;
        ARRAY_ROOM(l->v, l->n + 1, l->cap);
        l->v[l->n++] = (struct listener){ inode, (uint16_t)port };
    }
}

static const struct listeners *listeners_now(struct isolation *iso)
{
    int64_t fresh = iso->o.container_ports_watch_interval_ns < LISTENERS_FRESH_NS ? iso->o.container_ports_watch_interval_ns : LISTENERS_FRESH_NS;
    struct listeners *l = iso->listeners != NULL ? iso->listeners : (iso->listeners = xcalloc(1, sizeof *l));
    if (l->v != NULL && mono_diff(loop_now(iso->loop), l->at) < fresh)
        return l;
    l->n = 0;
    l->at = loop_now(iso->loop);
    read_listeners(l, "/proc/net/tcp");
    read_listeners(l, "/proc/net/tcp6");
    if (l->n != 0)
        qsort(l->v, l->n, sizeof *l->v, by_inode);
    return l;
}

void listeners_free(struct listeners *l)
{
    if (l != NULL)
        free(l->v);
    free(l);
}

struct scan {
    const struct container *c;
    const struct listeners *listeners;
    struct sbuf bad; /* ports that are not the container's, each between a blank and a comma */
};

static void check_socket(struct scan *s, uint64_t inode)
{
    const struct containerizer *owner = s->c->iso->owner;
    const struct listener key = { .inode = inode }, *found;
    char number[16];
    found = s->listeners->n != 0 ? bsearch(&key, s->listeners->v, s->listeners->n, sizeof key, by_inode) : NULL;
    if (found == NULL || owner->cb.owns_port == NULL || owner->cb.owns_port(owner->cb.ctx, s->c->id, found->port))
        return;
    (void)snprintf(number, sizeof number, " %u,", found->port);
    if (!str_contains(sbuf_view(&s->bad), str_of(number))) /* the other family, or another process of it */
        sbuf_c(&s->bad, number);
}

static void scan_process(void *arg, pid_t pid)
{
    char path[64], target[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof target - 1);
        struct str rest = str_mem(target, n > 0 ? (size_t)n : 0);
        uint64_t inode;
        if (str_skip(&rest, STR("socket:[")) && str_u64(&rest, UINT64_MAX, &inode))
            check_socket(arg, inode);
    }
    if (d != NULL)
        (void)closedir(d);
}

static void on_timer(void *arg)
{
    struct ports_watch *w = arg;
    struct container *c = w->c;
    struct scan s = { .c = c, .listeners = listeners_now(c->iso), .bad = SBUF_INIT(180) };
    struct error err;

    if (c->state == CONTAINER_RUNNING && s.listeners->n != 0)
        (void)cg_each_pid(&c->iso->cg, &c->kill_group, scan_process, &s);
    if (s.bad.n != 0)
        (void)error_set(&err, ERR_LIMIT, "Container %s is listening on unallocated port(s): [%.*s]", c->id,
                        (int)s.bad.n - 2, s.bad.p + 1);
    bool is_end = s.bad.n != 0 && c->iso->o.enforce_container_ports, is_news = s.bad.n != 0 && !w->told && !is_end;
    w->told = s.bad.n != 0;
    sbuf_done(&s.bad);
    if (is_news && c->iso->owner->cb.warn != NULL)
        c->iso->owner->cb.warn(c->iso->owner->cb.ctx, c->id, &err);
    if (is_end)
        container_limit_hit(c, CONTAINER_LIMIT_OTHER, CONTAINER_NONE, err.msg);
    else
        loop_timer_in(&w->timer, c->iso->o.container_ports_watch_interval_ns);
}

static int init(struct isolation *iso, struct error *err)
{
    if (!iso->linux_launcher)
        return error_set(err, ERR_INVALID, "isolation network/ports needs --launcher=linux");
    return 0;
}

/* Nested containers are found with the one around them; whoever has a network of its own may listen as it likes. */
static int isolate(struct container *c, struct error *err)
{
    (void)err;
    if (c->parent != NULL || c->cni != NULL)
        return 0;
    struct ports_watch *w = xcalloc(1, sizeof *w);
    w->c = c;
    loop_timer_init(&w->timer, c->iso->loop, on_timer, w);
    loop_timer_in(&w->timer, c->iso->o.container_ports_watch_interval_ns);
    c->ports_watch = w;
    return 0;
}

static void cleanup(struct container *c)
{
    if (c->ports_watch != NULL)
        loop_timer_done(&c->ports_watch->timer);
    free(c->ports_watch);
    c->ports_watch = NULL;
}

const struct isolator_ops isolator_network_ports = {
    .name = "network/ports",
    .needs_root = true,
    .init = init,
    .isolate = isolate,
    .recover = isolate,
    .cleanup = cleanup,
};
