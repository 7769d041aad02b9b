/* SPDX-License-Identifier: Apache-2.0 */
/* The queue, the clocks, processes, and the trace. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

enum { LINE_MAX_BYTES = 400 };

/* --- chance --- */

bool chance(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

int64_t between(struct rng *r, int64_t lo, int64_t hi)
{
    return lo + (int64_t)rng_below(r, (uint64_t)(hi - lo + 1));
}

bool sim_next_step(struct sim *s, enum step_kind kind, struct rng *ret)
{
    unsigned n = s->steps[kind]++;

    rng_seed(ret, s->o.seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)n * STEP_KINDS + (uint64_t)kind + 1);
    return s->o.choice == NULL || n >= STEPS_MAX || !s->o.choice->dropped[kind][n];
}

/* --- trace --- */

static void hash_add(struct sim *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->hash = (s->hash ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
}

static void keep_line(struct sim *s, const char *line)
{
    char **slot = &s->ring[s->ring_n % s->ring_cap];

    free(*slot);
    *slot = xstrdup(line);
    s->ring_n++;
}

void sim_trace(struct sim *s, const char *who, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list ap;
    int n = snprintf(line, sizeof line, "[%9.3f] %-9s > ", (double)s->now / 1e6, who);

    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (len >= sizeof line)
        len = sizeof line - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20)
            line[i] = ' ';
    hash_add(s, line, len);
    if (s->ring_cap != 0)
        keep_line(s, line);
    if (s->o.trace)
        puts(line);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (s->failed)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(s->why, sizeof s->why, fmt, ap);
    va_end(ap);
    s->failed = true;
    sim_trace(s, "FAILED", "%s", s->why);
}

/* --- queue --- */

static bool before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void heap_push(struct sim *s, struct event *e)
{
    ARRAY_ROOM(s->heap, s->heap_n, s->heap_cap);
    size_t i = s->heap_n++;
    while (i > 0 && before(e, s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = e;
}

static struct event *heap_pop(struct sim *s)
{
    struct event *top = s->heap[0], *last = s->heap[--s->heap_n];
    size_t i = 0;

    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= s->heap_n)
            break;
        if (c + 1 < s->heap_n && before(s->heap[c + 1], s->heap[c]))
            c++;
        if (!before(s->heap[c], last))
            break;
        s->heap[i] = s->heap[c];
        i = c;
    }
    if (s->heap_n != 0)
        s->heap[i] = last;
    return top;
}

void sim_after(struct sim *s, struct proc *p, int64_t ns, event_fn *fn, void *arg, uint64_t n)
{
    struct event *e = s->spare;

    if (e != NULL)
        s->spare = e->next;
    else
        e = xmalloc(sizeof *e);
    *e = (struct event){ .at = s->now + (ns > 0 ? ns : 0),
                         .seq = ++s->seq,
                         .proc = p,
                         .incarnation = p != NULL ? p->incarnation : 0,
                         .fn = fn,
                         .arg = arg,
                         .n = n };
    heap_push(s, e);
}

struct mono sim_now(const struct sim *s)
{
    return (struct mono){ SEC(1000) + s->now };
}

struct wall sim_wall(const struct sim *s)
{
    return (struct wall){ INT64_C(1795478400000) + s->now / NS_PER_MS + s->wall_skew_ms };
}

static void event_release(struct sim *s, struct event *e)
{
    e->next = s->spare;
    s->spare = e;
}

/* --- processes --- */

struct proc *proc_new(struct sim *s, const struct proc_ops *ops, void *node, const char *name, int host,
                      const char *addr)
{
    struct proc *p = xcalloc(1, sizeof *p), **end = addr[0] != 0 ? &s->procs : &s->mortals;

    p->sim = s;
    p->ops = ops;
    p->node = node;
    p->host = host;
    p->wake_at = INT64_MAX;
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    (void)snprintf(p->addr, sizeof p->addr, "%s", addr);
    p->next = *end;
    *end = p;
    return p;
}

void sim_trouble(struct sim *s, int host)
{
    s->trouble_at[host] = s->now;
}

static void finish_death(struct proc *p)
{
    sim_trouble(p->sim, p->host);
    p->alive = false;
    p->dying = false;
    p->crash_in = 0;
    p->wake_at = INT64_MAX;
    p->incarnation++;
    while (p->backlog != NULL) {
        struct event *e = p->backlog;
        p->backlog = e->next;
        event_release(p->sim, e);
    }
    p->backlog_tail = NULL;
    p->paused = false;
    net_proc_died(p);
    p->ops->died(p);
}

static void enter(struct proc *p, struct proc **ret_before)
{
    *ret_before = p->sim->running;
    p->sim->running = p;
}

static void leave(struct proc *p, struct proc *before)
{
    p->sim->running = before;
    if (p->dying && before != p)
        finish_death(p);
}

void proc_start(struct proc *p)
{
    struct proc *outer;

    ASSERT(!p->alive);
    sim_trouble(p->sim, p->host);
    p->alive = true;
    p->dying = p->paused = p->clean = false;
    p->wake_at = INT64_MAX;
    rng_seed(&p->rng, rng_u64(&p->sim->rng_boot));
    enter(p, &outer);
    p->ops->start(p);
    leave(p, outer);
}

bool proc_effect(struct proc *p)
{
    if (!p->alive || p->dying)
        return false;
    if (p->crash_in > 0 && --p->crash_in == 0) {
        sim_trace(p->sim, p->name, "CRASH in the middle of a step");
        p->crashes++;
        p->dying = true;
        return false;
    }
    return true;
}

static void die(struct proc *p)
{
    if (!p->alive || p->dying)
        return;
    p->dying = true;
    if (p->sim->running != p)
        finish_death(p);
}

void proc_crash(struct proc *p)
{
    if (!p->alive || p->dying)
        return;
    sim_trace(p->sim, p->name, "CRASH");
    p->crashes++;
    die(p);
}

void proc_exit(struct proc *p)
{
    p->clean = p->clean || (p->alive && !p->dying);
    die(p);
}

void proc_pause(struct proc *p)
{
    sim_trouble(p->sim, p->host);
    p->paused = p->alive;
}

static void run(struct sim *s, struct event *e)
{
    struct proc *p = e->proc, *outer;

    if (p == NULL) {
        e->fn(s, NULL, e->arg, e->n);
    } else if (p->alive && p->incarnation == e->incarnation) {
        if (p->paused) {
            e->next = NULL;
            if (p->backlog_tail != NULL)
                p->backlog_tail->next = e;
            else
                p->backlog = e;
            p->backlog_tail = e;
            return;
        }
        enter(p, &outer);
        e->fn(s, p, e->arg, e->n);
        leave(p, outer);
    }
    event_release(s, e);
}

void proc_run(struct proc *p, event_fn *fn, void *arg, uint64_t n)
{
    struct proc *outer;

    enter(p, &outer);
    fn(p->sim, p, arg, n);
    leave(p, outer);
}

void proc_resume(struct proc *p)
{
    struct event *e = p->backlog;

    sim_trouble(p->sim, p->host);
    p->backlog = p->backlog_tail = NULL;
    p->paused = false;
    while (e != NULL) {
        struct event *next = e->next;
        run(p->sim, e);
        e = next;
    }
}

static void on_wake(struct sim *s, struct proc *p, void *arg, uint64_t n)
{
    (void)arg;
    if ((int64_t)n != p->wake_at)
        return; /* armed anew meanwhile */
    (void)s;
    p->wake_at = INT64_MAX;
    p->ops->wake(p);
}

void proc_wake_at(struct proc *p, struct mono at)
{
    struct sim *s = p->sim;
    int64_t t = at.ns == INT64_MAX ? INT64_MAX : at.ns - SEC(1000);

    if (t < s->now)
        t = s->now;
    if (t == p->wake_at || !p->alive)
        return;
    p->wake_at = t;
    if (t != INT64_MAX)
        sim_after(s, p, t - s->now, on_wake, NULL, (uint64_t)t);
}

struct proc *proc_by_addr(struct sim *s, struct str addr)
{
    for (struct proc *p = s->procs; p != NULL; p = p->next)
        if (p->addr[0] != 0 && str_is(addr, p->addr))
            return p;
    return NULL;
}

/* --- running --- */

bool sim_step(struct sim *s)
{
    if (s->failed || s->heap_n == 0)
        return false;
    struct event *e = heap_pop(s);
    ASSERT(e->at >= s->now);
    s->now = e->at;
    s->events++;
    run(s, e);
    return !s->failed;
}

void sim_run_until(struct sim *s, int64_t ns)
{
    while (s->heap_n != 0 && s->heap[0]->at <= ns && sim_step(s))
        ;
    if (!s->failed)
        s->now = ns;
}

static void seed_one(struct rng *r, struct rng *from)
{
    rng_seed(r, rng_u64(from));
}

void sim_init(struct sim *s, const struct sim_options *o)
{
    struct rng root;

    *s = (struct sim){ .o = *o, .hash = UINT64_C(14695981039346656037) };
    rng_seed(&root, o->seed);
    seed_one(&s->rng_net, &root);
    seed_one(&s->rng_fault, &root);
    seed_one(&s->rng_task, &root);
    seed_one(&s->rng_fw, &root);
    seed_one(&s->rng_boot, &root);
    seed_one(&s->rng_disk, &root);
    seed_one(&s->rng_marathon, &root);
    seed_one(&s->rng_zk, &root);
    s->ring_cap = o->trace_lines;
    s->ring = xcalloc(s->ring_cap + 1, sizeof *s->ring);
    s->master_store.sim = s->marathon_store.sim = s;
}

static void free_procs(struct proc *p)
{
    while (p != NULL) {
        struct proc *next = p->next;
        free(p);
        p = next;
    }
}

void sim_done(struct sim *s)
{
    struct proc *p;

    for (p = s->mortals; p != NULL; p = p->next)
        if (p->alive)
            proc_exit(p);
    for (p = s->procs; p != NULL; p = p->next)
        if (p->alive)
            proc_exit(p);
    net_done(s);
    world_free(s);
    while (s->heap_n != 0)
        free(s->heap[--s->heap_n]);
    while (s->spare != NULL) {
        struct event *e = s->spare;
        s->spare = e->next;
        free(e);
    }
    free_procs(s->procs);
    free_procs(s->mortals);
    vstore_done(&s->master_store);
    vstore_done(&s->marathon_store);
    for (size_t i = 0; i < s->ring_cap; i++)
        free(s->ring[i]);
    free(s->ring);
    free(s->heap);
}
