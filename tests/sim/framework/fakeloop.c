/* SPDX-License-Identifier: Apache-2.0 */
/* common/io/loop.h: turns, phases and the order of callbacks are those of the real one, time is the world's. And chance for
 * programs (random.h). */
#include "tests/sim/framework/fakeloop.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/random.h"
#include "tests/sim/framework/fakeio.h"

enum { LOOPS_MAX = HOSTS_MAX };

static struct proc *current;
static int64_t passed_ns; /* since the handler began, while it waits */
static struct {
    struct proc *p;
    struct loop *loop;
} loops[LOOPS_MAX];
static size_t loop_top; /* all that were ever used are below */

void fake_process(struct proc *p)
{
    current = p;
    passed_ns = 0;
}

void fake_enter(struct proc *p)
{
    current = p;
}

void fake_time_passes(int64_t ns)
{
    passed_ns += ns;
}

struct loop *fake_loop(const struct proc *p)
{
    for (size_t i = 0; i < loop_top; i++)
        if (loops[i].p == p)
            return loops[i].loop;
    return NULL;
}

struct proc *fake_current(void)
{
    return current;
}

int loop_new(struct loop **ret_loop, struct event_base *base, struct error *err)
{
    struct loop *l = fake_loop(current);
    size_t i = 0;

    (void)base;
    (void)err;
    if (l != NULL) { /* program and library share it, as they share a base */
        l->refs++;
        *ret_loop = l;
        return 0;
    }
    l = xcalloc(1, sizeof *l);
    l->p = current;
    l->refs = 1;
    while (loops[i].p != NULL)
        ASSERT(++i < LOOPS_MAX);
    loop_top = i + 1 > loop_top ? i + 1 : loop_top;
    loops[i].p = current;
    loops[i].loop = l;
    *ret_loop = l;
    return 0;
}

static void run_deferred(struct loop *l)
{
    for (int phase = 0; phase < LOOP_PHASE_COUNT; phase++)
        while (l->work[phase] != NULL) {
            struct loop_work *w = l->work[phase];
            loop_undefer(l, w);
            w->fn(w->arg);
        }
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    run_deferred(l);
    if (--l->refs != 0)
        return;
    for (size_t i = 0; i < loop_top; i++)
        if (loops[i].loop == l) {
            loops[i].loop = NULL;
            loops[i].p = NULL;
        }
    free(l->timers);
    free(l);
}

int loop_run(struct loop *loop, struct error *err)
{
    (void)loop;
    (void)err;
    return 0;
}

void loop_stop(struct loop *loop)
{
    (void)loop;
}

struct mono loop_now(struct loop *loop)
{
    return sim_now(loop->p->sim);
}

struct wall loop_wall(struct loop *loop)
{
    return sim_wall(loop->p->sim);
}

struct event_base *loop_base(struct loop *loop)
{
    (void)loop; /* loop_new gives everybody of this process the same loop */
    return NULL;
}

void loop_defer(struct loop *loop, struct loop_work *w)
{
    struct loop_work **end = &loop->work[w->phase];

    if (w->queued)
        return;
    w->queued = true;
    w->next = NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = w;
}

/* Time does not pass while something is done here: herds never wait. */
bool loop_herd_begin(struct loop *loop)
{
    (void)loop;
    return true;
}

void loop_herd_end(struct loop *loop)
{
    (void)loop;
}

bool loop_herd_is_over(struct loop *loop)
{
    (void)loop;
    return false;
}

void loop_defer_first(struct loop *loop, struct loop_work *w)
{
    loop_defer(loop, w);
}

void loop_undefer(struct loop *loop, struct loop_work *w)
{
    struct loop_work **at = &loop->work[w->phase];

    if (!w->queued)
        return;
    w->queued = false;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

static void guest_woken(struct sim *s, struct proc *p, void *arg, uint64_t at)
{
    struct loop *l = fake_loop(p);

    (void)s;
    (void)arg;
    if (l == NULL || l->armed.ns != (int64_t)at)
        return; /* armed anew meanwhile */
    l->armed = MONO_NEVER;
    fake_wake(p);
}

static void rearm(struct loop *l)
{
    struct mono at = MONO_NEVER, now = sim_now(l->p->sim);

    for (size_t i = 0; i < l->timer_count; i++)
        at = mono_min(at, l->timers[i]->at);
    if (!l->is_guest) {
        proc_wake_at(l->p, at);
        return;
    }
    if (at.ns == l->armed.ns)
        return;
    l->armed = at;
    if (at.ns != INT64_MAX)
        sim_after(l->p->sim, l->p, at.ns - now.ns, guest_woken, NULL, (uint64_t)at.ns);
}

void fake_guest(struct proc *p)
{
    struct loop *l = fake_loop(p);

    l->is_guest = true;
    l->armed = MONO_NEVER;
}

void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg)
{
    *t = (struct loop_timer){ .loop = loop, .fn = fn, .arg = arg, .at = MONO_NEVER };
    for (size_t i = 0; i < loop->timer_count; i++)
        if (loop->timers[i] == t)
            return;
    ARRAY_ROOM(loop->timers, loop->timer_count, loop->timer_cap);
    loop->timers[loop->timer_count++] = t;
}

void loop_timer_done(struct loop_timer *t)
{
    struct loop *l = t->loop;

    if (l == NULL)
        return;
    for (size_t i = 0; i < l->timer_count; i++)
        if (l->timers[i] == t) {
            for (; i + 1 < l->timer_count; i++)
                l->timers[i] = l->timers[i + 1];
            l->timer_count--;
        }
    t->loop = NULL;
}

void loop_timer_at(struct loop_timer *t, struct mono at)
{
    t->at = at;
}

void loop_timer_in(struct loop_timer *t, int64_t ns)
{
    loop_timer_at(t, mono_add(loop_now(t->loop), ns));
}

void loop_timer_cancel(struct loop_timer *t)
{
    t->at = MONO_NEVER;
}

struct mono loop_clock(void)
{
    return mono_add(sim_now(current->sim), passed_ns);
}

void random_rng(struct rng *r)
{
    rng_seed(r, rng_u64(&current->rng));
}

void random_bytes(void *p, size_t n)
{
    unsigned char *b = p;

    for (size_t i = 0; i < n; i++)
        b[i] = (unsigned char)rng_u64(&current->rng);
}

void fake_wake(struct proc *p)
{
    struct loop *l = fake_loop(p);
    struct mono now = sim_now(p->sim);

    fake_enter(p);
    for (size_t i = 0; l != NULL && i < l->timer_count; i++) {
        struct loop_timer *t = l->timers[i];
        if (t->at.ns > now.ns)
            continue;
        t->at = MONO_NEVER;
        t->fn(t->arg);
        l = fake_loop(p);
        i = (size_t)-1; /* timers may have come and gone */
    }
    fake_turn(p);
}

void fake_turn(struct proc *p)
{
    struct loop *l = fake_loop(p);

    /* What is put off to a phase that is over runs in the next turn, which waits for nothing. */
    for (int phase = 0; l != NULL && phase < LOOP_PHASE_COUNT;) {
        run_deferred(l);
        l = fake_loop(p);
        for (phase = 0; l != NULL && phase < LOOP_PHASE_COUNT && l->work[phase] == NULL;)
            phase++;
    }
    if (l != NULL)
        rearm(l);
}
