/* SPDX-License-Identifier: Apache-2.0 */
/* Running a plan: one step after the other; a step is done when every slot's action is. Also its ends:
 * success, and cancellation, which leaves what is half-way or starts the way back. Source: marathon-behaviour
 * §3.
 *
 * An empty plan ends in the next turn, not in the step that made it, so that its success event cannot
 * overtake the answer to the request. */
#include "marathon/core/internal.h"

struct deployment *deployment_new(struct marathon *m, struct wall version)
{
    struct deployment *d = xcalloc(1, sizeof *d);
    struct uuid u = uuid_make(m->rng);

    uuid_text(&u, d->id);
    d->version = version;
    d->timer = (struct timer){ .kind = TIMER_DEPLOYMENT, .owner = d };
    return d;
}

/* Gives up the definitions. Events of this step still show them: like the deployment, they are freed when the next step begins. */
static void plan_release(struct marathon *m, struct plan *p)
{
    if (p->released)
        return;
    p->released = true;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->steps[i].n; k++) {
            spec_unref(m, p->steps[i].actions[k].from);
            spec_unref(m, p->steps[i].actions[k].to);
        }
}

void plan_free(struct marathon *m, struct plan *p)
{
    plan_release(m, p);
    for (size_t i = 0; i < p->n; i++)
        free(p->steps[i].actions);
    free(p->steps);
    *p = (struct plan){ 0 };
}

void deployment_bury(struct marathon *m, struct deployment *d)
{
    d->dead = true;
    plan_release(m, &d->plan);
    d->queue_next = m->dead_deployments;
    m->dead_deployments = d;
}

/* Events of this step still show the plan: its memory goes with the deployment's, later. */
static void bury(struct marathon *m, struct deployment *d)
{
    timer_clear(&m->timers, &d->timer);
    HASH_DEL(m->deployments, d);
    DL_DELETE(m->deployment_list, d);
    m->deployment_count--;
    (void)step_store(m, STORE_DEPLOYMENT_DELETE, str_of(d->id));
    if (d->poked) { /* leave the list of the poked first: they share the link */
        struct deployment **p = &m->poked;
        while (*p != NULL && *p != d)
            p = &(*p)->queue_next;
        if (*p == d)
            *p = d->queue_next;
        d->poked = false;
    }
    deployment_bury(m, d);
}

static void unlock(struct marathon *m, struct deployment *d)
{
    for (size_t i = 0; i < d->plan.n; i++)
        for (size_t k = 0; k < d->plan.steps[i].n; k++) {
            struct slot *s = d->plan.steps[i].actions[k].slot;
            if (s->deployment != d)
                continue;
            s->deployment = NULL;
            rollout_end(m, s);
            s->action = ACTION_NONE;
            s->action_done = false;
            slot_mark(m, s);
        }
}

static void emit_plan(struct marathon *m, struct deployment *d, enum bus_type t, bool step)
{
    struct bus_event *e = bus_emit(m, t);

    e->deployment = d;
    e->step = step && d->current < d->plan.n ? &d->plan.steps[d->current] : NULL;
}

static void finish(struct marathon *m, struct deployment *d)
{
    emit_plan(m, d, BUS_DEPLOYMENT_SUCCESS, false);
    unlock(m, d);
    bury(m, d);
}

static void begin_restart(struct marathon *m, struct slot *s)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;
    int64_t unplaced = s->rollout.restored ? INT64_MAX : s->unplaced;
    struct rolling_counts c;

    for (struct instance *i = s->scheduled, *next; i != NULL; i = next) {
        next = i->sched_next;
        if (i->old)
            instance_retire(m, i);
    }
    backoff_reset(&s->backoff);
    timer_clear(&m->timers, &s->backoff_timer);
    launch_wait(m, s); /* new ones that were held back: nobody else asks for offers now */
    c = slot_counts(s);
    rolling_begin(&s->rolling, s->scale_to, u->health_capacity.v, u->over_capacity.v,
                  app_is_resident(&s->spec->app), &c);
    s->rolling.unplaced_before = unplaced;
    rollout_begin(m, s);
}

static void begin_action(struct marathon *m, struct deployment *d, const struct plan_action *a)
{
    struct slot *s = a->slot;

    s->action = a->type;
    s->action_done = false;
    s->scale_to = a->scale_to;
    s->scale_down = s->live[0] + s->live[1] > a->scale_to;
    if (a->type == ACTION_RESTART)
        begin_restart(m, s);
    if (s->every != NULL && (a->type == ACTION_SCALE || a->type == ACTION_RESTART))
        every_census(m, s);
    if (a->type == ACTION_START || a->type == ACTION_RESTART)
        checks_register(m, s, true);
    if (a->type == ACTION_STOP)
        backoff_reset(&s->backoff);
    ASSERT(s->deployment == d);
    slot_mark(m, s);
}

static void begin_step(struct marathon *m, struct deployment *d)
{
    const struct plan_step *st = &d->plan.steps[d->current];

    emit_plan(m, d, BUS_DEPLOYMENT_INFO, true);
    for (size_t k = 0; k < st->n; k++)
        begin_action(m, d, &st->actions[k]);
}

static void end_action(struct marathon *m, const struct plan_action *a)
{
    struct slot *s = a->slot;

    rollout_end(m, s);
    s->action = ACTION_NONE;
    s->action_done = false;
    if (a->type == ACTION_STOP) {
        struct bus_event *e = bus_emit(m, BUS_APP_TERMINATED);
        e->app_id = s->id;
        checks_register(m, s, false);
        if (s->failure.has)
            (void)step_store(m, STORE_FAILURE_DELETE, s->id);
        failure_clear(&s->failure);
    }
}

void deployment_start(struct marathon *m, struct deployment *d)
{
    d->started = true;
    m->counters.deployments++;
    if (d->plan.n == 0)
        timer_set(&m->timers, &d->timer, mono_add(m->now, NS_PER_MS));
    else
        begin_step(m, d);
}

void deployment_check(struct marathon *m, struct deployment *d)
{
    if (!d->started)
        return;
    if (d->current >= d->plan.n) {
        finish(m, d);
        return;
    }
    const struct plan_step *st = &d->plan.steps[d->current];
    for (size_t k = 0; k < st->n; k++)
        if (!st->actions[k].slot->action_done)
            return;
    for (size_t k = 0; k < st->n; k++)
        end_action(m, &st->actions[k]);
    emit_plan(m, d, BUS_DEPLOYMENT_STEP_SUCCESS, true);
    if (++d->current < d->plan.n)
        begin_step(m, d);
    else
        finish(m, d);
}

void deployment_fail(struct marathon *m, struct deployment *d, const char *reason)
{
    struct bus_event *e;

    if (d->current < d->plan.n && d->started)
        emit_plan(m, d, BUS_DEPLOYMENT_STEP_FAILURE, true);
    e = bus_emit(m, BUS_DEPLOYMENT_FAILED);
    e->deployment = d;
    e->reason = str_of(reason);
    m->counters.deployments_dismissed++;
    unlock(m, d);
    bury(m, d);
}

void deployment_free(struct marathon *m, struct deployment *d)
{
    plan_free(m, &d->plan);
    free(d);
}

