/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/mem: soft limit (the request), hard limit (limit or request), and the end of a container that reached it.
 *
 * The kernel kills one process of a group that is out of memory; a container missing a process is no use to its task,
 * so all of it ends, with the reason. v1 tells by an eventfd that is registered in cgroup.event_control; v2 by a change
 * of memory.events, which one inotify descriptor for all containers sees. Whichever process the kernel chose may be
 * the command itself, whose end can be seen before that notice: so inspect asks the kernel's count of kills again.
 *
 * The hard limit is raised at any time, but lowered only when it is first set: lowering the limit under what is used
 * would kill an executor for the end of one of its tasks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/isolation/cgroup_values.h"
#include "agent/isolation/isolator.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

struct mem_watch {
    struct container *c;
    int efd;                  /* v1; -1 */
    struct loop_watch *watch; /* v1 */
    int wd;                   /* v2; -1 */
    struct mem_watch *next, *prev;
};

/* v2: one inotify for the process. Made with the first container, never closed: containerizers come and go in tests only. */
static int inotify_fd = -1;
static struct loop_watch *inotify_watch;
static struct loop *inotify_loop;
static struct mem_watch *inotify_list;

static int64_t hard_limit(const struct container_resources *r)
{
    return cgroup_mem_bytes(r->mem_limit_bytes != CONTAINER_NONE ? r->mem_limit_bytes : r->mem_bytes);
}

static int mem_init(struct isolation *iso, struct error *err)
{
    if (iso->cg.mount[CG_MEMORY][0] == 0)
        return error_set(err, ERR_UNAVAILABLE, "isolation cgroups/mem: this machine has no memory cgroup controller under %s; "
                                               "use --isolation=posix/mem", iso->o.cgroups_hierarchy);
    return 0;
}

static void limit_values(const struct isolation *iso, int64_t limit, bool raise, struct cg_values *vs)
{
    if (iso->cg.v2) {
        if (limit == CONTAINER_INFINITY)
            cg_value_text(vs, CG_MEMORY, "memory.max", "max");
        else
            cg_value_set(vs, CG_MEMORY, "memory.max", limit);
        if (iso->o.cgroups_limit_swap)
            cg_value_text(vs, CG_MEMORY, "memory.swap.max", limit == CONTAINER_INFINITY ? "max" : "0");
        return;
    }
    int64_t v = limit == CONTAINER_INFINITY ? -1 : limit;
    /* memsw must never be below the limit: it goes first when both rise. */
    if (iso->o.cgroups_limit_swap && raise)
        cg_value_set(vs, CG_MEMORY, "memory.memsw.limit_in_bytes", v);
    cg_value_set(vs, CG_MEMORY, "memory.limit_in_bytes", v);
    if (iso->o.cgroups_limit_swap && !raise)
        cg_value_set(vs, CG_MEMORY, "memory.memsw.limit_in_bytes", v);
}

static const char *soft_file(const struct isolation *iso)
{
    return iso->cg.v2 ? "memory.low" : "memory.soft_limit_in_bytes";
}

static int mem_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    (void)err;
    const struct container_resources *r = &spec->resources;
    cg_value_set(&l->values, CG_MEMORY, soft_file(c->iso), cgroup_mem_bytes(r->mem_bytes));
    limit_values(c->iso, hard_limit(r), false, &l->values);
    c->mem_limit_set = true;
    if (r->mem_limit_bytes != CONTAINER_NONE && r->mem_limit_bytes > r->mem_bytes &&
        (spec->command_task || c->parent != NULL)) {
        int32_t adj = cgroup_oom_score_adj(r->mem_bytes, c->iso->host_mem_bytes);
        launch_raw(l, LAUNCH_OOM_ADJ, &adj, sizeof adj);
    }
    return 0;
}

static int mem_update(struct container *c, const struct container_resources *r, struct error *err)
{
    const struct isolation *iso = c->iso;
    if (cg_write_i64(&iso->cg, &c->group, CG_MEMORY, soft_file(iso), cgroup_mem_bytes(r->mem_bytes), err) != 0)
        return -(int)err->code;
    int64_t now = cg_read_i64(&iso->cg, &c->group, CG_MEMORY, iso->cg.v2 ? "memory.max" : "memory.limit_in_bytes");
    int64_t want = hard_limit(r);
    if (c->mem_limit_set && want <= now)
        return 0;
    struct cg_values vs = { .n = 0 };
    limit_values(iso, want, want > now, &vs);
    for (size_t i = 0; i < vs.n; i++) {
        if (cg_write(&iso->cg, &c->group, CG_MEMORY, vs.v[i].file, vs.v[i].text, err) != 0)
            return -(int)err->code;
    }
    c->mem_limit_set = true;
    return 0;
}

/* --- out of memory ------------------------------------------------------------------------------------ */

/* How many processes the kernel has killed in this group. */
static int64_t oom_kills(const struct container *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(8192);
    struct error ignored;
    const char *file = c->iso->cg.v2 ? "memory.events" : "memory.oom_control";
    if (cg_read(&c->iso->cg, &c->group, CG_MEMORY, file, &b, &ignored) != 0)
        return 0;
    return cgroup_stat_value(sbuf_view(&b), "oom_kill");
}

static void oom_tell(struct container *c, void (*tell)(struct container *, enum container_limit_kind, int64_t, const char *))
{
    const struct cgroups *cg = &c->iso->cg;
    CLEANUP(sbuf_done_p) struct sbuf stat = SBUF_INIT(64 << 10);
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(64 << 10);
    struct error ignored;
    (void)cg_read(cg, &c->group, CG_MEMORY, "memory.stat", &stat, &ignored);
    int64_t limit = cg_read_i64(cg, &c->group, CG_MEMORY, cg->v2 ? "memory.max" : "memory.limit_in_bytes");
    int64_t used = cg_read_i64(cg, &c->group, CG_MEMORY, cg->v2 ? "memory.peak" : "memory.max_usage_in_bytes");
    if (used < 0) /* memory.peak came with Linux 5.19 */
        used = cg_read_i64(cg, &c->group, CG_MEMORY, "memory.current");
    if (cg->v2 && limit > 0 && (used < 0 || used > limit))
        used = limit;
    cgroup_oom_message(&text, limit < 0 ? hard_limit(&c->res) : limit, used < 0 ? 0 : used, sbuf_view(&stat));
    tell(c, CONTAINER_LIMIT_MEMORY, used < 0 ? CONTAINER_NONE : used, sbuf_ok(&text) ? text.p : "Memory limit exceeded");
}

static void on_eventfd(void *arg, int fd, int what)
{
    struct mem_watch *w = arg;
    uint64_t n;
    (void)what;
    (void)!read(fd, &n, sizeof n); /* only its having fired counts */
    /* The kernel also signals when the group is removed, by us or by a task of root that first moved away. */
    bool is_there = cg_read_i64(&w->c->iso->cg, &w->c->group, CG_MEMORY, "memory.limit_in_bytes") >= 0;
    if (is_there && (w->c->state == CONTAINER_RUNNING || w->c->state == CONTAINER_LAUNCHING))
        oom_tell(w->c, container_limit_hit);
}

static int watch_v1(struct container *c, struct mem_watch *w, struct error *err)
{
    char path[CG_PATH_MAX], text[64];
    if (!cg_file(&c->iso->cg, &c->group, CG_MEMORY, "memory.oom_control", path))
        return error_set(err, ERR_NOT_FOUND, "container %s has no memory cgroup", c->id);
    CLEANUP(fd_close_p) int control = open(path, O_RDONLY | O_CLOEXEC);
    if (control < 0)
        return error_set_errno(err, errno, "%s", path);
    w->efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->efd < 0)
        return error_set_errno(err, errno, "eventfd");
    (void)snprintf(text, sizeof text, "%d %d", w->efd, control);
    if (cg_write(&c->iso->cg, &c->group, CG_MEMORY, "cgroup.event_control", text, err) != 0)
        return error_wrap(err, "listening for out of memory");
    w->watch = loop_fd(c->iso->loop, w->efd, LOOP_READ, on_eventfd, w);
    return 0;
}

static void on_inotify(void *arg, int fd, int what)
{
    (void)arg;
    (void)what;
    char buf[4096] __attribute__((aligned(8)));
    ssize_t n = read(fd, buf, sizeof buf);
    for (ssize_t i = 0; i + (ssize_t)sizeof(struct inotify_event) <= n;) {
        const struct inotify_event *e = (const void *)(buf + i);
        i += (ssize_t)(sizeof *e + e->len);
        struct mem_watch *w, *next;
        DL_FOREACH_SAFE(inotify_list, w, next) {
            if (w->wd == e->wd && (e->mask & IN_MODIFY) != 0 && w->c->state == CONTAINER_RUNNING && oom_kills(w->c) > 0)
                oom_tell(w->c, container_limit_hit);
        }
    }
}

static int watch_v2(struct container *c, struct mem_watch *w, struct error *err)
{
    char path[CG_PATH_MAX];
    if (!cg_file(&c->iso->cg, &c->group, CG_MEMORY, "memory.events", path))
        return error_set(err, ERR_NOT_FOUND, "container %s has no memory cgroup", c->id);
    if (inotify_fd < 0) {
        inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (inotify_fd < 0)
            return error_set_errno(err, errno, "inotify for memory.events (fs.inotify.max_user_instances?)");
    }
    if (inotify_watch == NULL) {
        inotify_loop = c->iso->loop;
        inotify_watch = loop_fd(inotify_loop, inotify_fd, LOOP_READ, on_inotify, NULL);
    }
    w->wd = inotify_add_watch(inotify_fd, path, IN_MODIFY);
    if (w->wd < 0)
        return error_set_errno(err, errno, "watching %s (fs.inotify.max_user_watches?)", path);
    DL_APPEND(inotify_list, w);
    return 0;
}

static void mem_cleanup(struct container *c)
{
    struct mem_watch *w = c->mem_watch;
    if (w == NULL)
        return;
    loop_watch_free(w->watch);
    if (w->efd >= 0)
        (void)close(w->efd);
    if (w->wd >= 0) {
        DL_DELETE(inotify_list, w);
        (void)inotify_rm_watch(inotify_fd, w->wd);
    }
    if (inotify_list == NULL && inotify_watch != NULL) {
        loop_watch_free(inotify_watch);
        inotify_watch = NULL;
    }
    free(w);
    c->mem_watch = NULL;
}

static int mem_isolate(struct container *c, struct error *err)
{
    struct mem_watch *w = xcalloc(1, sizeof *w);
    *w = (struct mem_watch){ .c = c, .efd = -1, .wd = -1 };
    c->mem_watch = w;
    int r = c->iso->cg.v2 ? watch_v2(c, w, err) : watch_v1(c, w, err);
    if (r != 0)
        mem_cleanup(c);
    return r;
}

static int mem_recover(struct container *c, struct error *err)
{
    c->mem_limit_set = true;
    return mem_isolate(c, err);
}

static void mem_inspect(struct container *c)
{
    if (c->limit_kind == CONTAINER_LIMIT_NONE && oom_kills(c) > 0)
        oom_tell(c, container_limit_note);
}

/* --- statistics --------------------------------------------------------------------------------------- */

static void usage_v1(struct container *c, struct container_usage *u)
{
    const struct cgroups *cg = &c->iso->cg;
    const struct cg_group *g = &c->group;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 10);
    struct error ignored;
    u->mem_total_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.usage_in_bytes");
    u->mem_limit_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.limit_in_bytes");
    u->mem_soft_limit_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.soft_limit_in_bytes");
    if (c->iso->o.cgroups_limit_swap)
        u->mem_total_memsw_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.memsw.usage_in_bytes");
    u->mem_kmem_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.kmem.usage_in_bytes");
    u->mem_kmem_tcp_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.kmem.tcp.usage_in_bytes");
    if (cg_read(cg, g, CG_MEMORY, "memory.stat", &b, &ignored) != 0)
        return;
    struct str s = sbuf_view(&b);
    u->mem_file_bytes = u->mem_cache_bytes = cgroup_stat_value(s, "total_cache");
    u->mem_anon_bytes = u->mem_rss_bytes = cgroup_stat_value(s, "total_rss");
    u->mem_mapped_file_bytes = cgroup_stat_value(s, "total_mapped_file");
    u->mem_swap_bytes = cgroup_stat_value(s, "total_swap");
    u->mem_unevictable_bytes = cgroup_stat_value(s, "total_unevictable");
}

static void usage_v2(struct container *c, struct container_usage *u)
{
    const struct cgroups *cg = &c->iso->cg;
    const struct cg_group *g = &c->group;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 10);
    struct error ignored;
    u->mem_total_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.current");
    u->mem_limit_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.max");
    u->mem_soft_limit_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.low");
    u->mem_swap_bytes = cg_read_i64(cg, g, CG_MEMORY, "memory.swap.current");
    if (cg_read(cg, g, CG_MEMORY, "memory.stat", &b, &ignored) != 0)
        return;
    struct str s = sbuf_view(&b);
    u->mem_file_bytes = u->mem_cache_bytes = cgroup_stat_value(s, "file");
    u->mem_anon_bytes = u->mem_rss_bytes = cgroup_stat_value(s, "anon");
    u->mem_mapped_file_bytes = cgroup_stat_value(s, "file_mapped");
    u->mem_unevictable_bytes = cgroup_stat_value(s, "unevictable");
    u->mem_kmem_bytes = cgroup_stat_value(s, "kernel");
    u->mem_kmem_tcp_bytes = cgroup_stat_value(s, "sock");
}

static void mem_usage(struct container *c, struct container_usage *u)
{
    if (c->iso->cg.v2)
        usage_v2(c, u);
    else
        usage_v1(c, u);
    /* Pressure counters need a listener per level; zero until the pressure isolator exists. */
    u->mem_low_pressure = u->mem_medium_pressure = u->mem_critical_pressure = 0;
    if (u->mem_limit_bytes == CONTAINER_INFINITY)
        u->mem_limit_bytes = CONTAINER_NONE;
}

const struct isolator_ops isolator_cgroups_mem = {
    .name = "cgroups/mem",
    .controllers = CG_BIT(CG_MEMORY),
    .needs_cgroup = true,
    .needs_root = true,
    .init = mem_init,
    .prepare = mem_prepare,
    .isolate = mem_isolate,
    .update = mem_update,
    .usage = mem_usage,
    .inspect = mem_inspect,
    .cleanup = mem_cleanup,
    .recover = mem_recover,
};
