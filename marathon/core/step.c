/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: events to those who handle them, and recovery's last act. */
#include "marathon/core/internal.h"

static void flush_instances(struct marathon *m)
{
    for (struct instance *i = m->store_dirty, *next; i != NULL; i = next) {
        next = i->dirty_next;
        i->store_dirty = false;
        if (i->dead)
            continue;
        i->stored = true;
        step_store(m, STORE_INSTANCE, i->id)->instance = i;
    }
    m->store_dirty = NULL;
}

/* --- events -------------------------------------------------------------------------------------------- */
static void started(struct marathon *m)
{
    struct slot *s, *tmp;

    m->started = true;
    m->tokens = m->config.launch_tokens;
    timer_set(&m->timers, &m->token_timer, mono_add(m->now, m->config.launch_token_interval_ns));
    HASH_ITER(hh, m->slots, s, tmp)
    {
        slot_mark(m, s);
        launch_wait(m, s);
        s->health_registered = s->spec != NULL && s->spec->app.health_checks.n != 0;
    }
    for (struct instance *i = m->instances, *next; i != NULL; i = next) {
        next = i->hh.next;
        instance_resume(m, i);
    }
    for (struct deployment *d = m->deployment_list, *next; d != NULL; d = next) {
        next = d->next;
        deployment_start(m, d);
    }
    jobs_started(m);
    deleted_timer(m);
}

static void reconcile(struct marathon *m)
{
    if (m->connected)
        (void)step_action(m, DO_RECONCILE);
    timer_set(&m->timers, &m->reconcile_timer, mono_add(m->now, m->config.reconcile_interval_ns));
}

static void subscribed(struct marathon *m, struct str framework_id, struct str master)
{
    bool known = m->framework_id != NULL && str_is(framework_id, m->framework_id);
    struct bus_event *e;

    if (!known) {
        free(m->framework_id);
        m->framework_id = xstrndup(framework_id);
        (void)step_store(m, STORE_FRAMEWORK_ID, framework_id);
    }
    free(m->master);
    m->master = xstrndup(master);
    m->connected = true;
    m->suppressed = false;
    seen_agents_forget(m);
    every_subscribed(m);
    m->revive_wanted = m->revive_wanted || m->waiting != NULL || garbage_wanted(m);
    e = bus_emit(m, known ? BUS_SCHEDULER_REREGISTERED : BUS_SCHEDULER_REGISTERED);
    e->master = step_keep(m, master);
    e->message = step_keep(m, framework_id);
    reconcile(m);
    /* Kills that were under way may not have arrived. */
    for (struct instance *i = m->instances; i != NULL; i = i->hh.next)
        if (i->kill_sent)
            kill_timer(m, i);
}

static void disconnected(struct marathon *m)
{
    if (!m->connected)
        return;
    m->connected = false;
    (void)bus_emit(m, BUS_SCHEDULER_DISCONNECTED);
}

static void message(struct marathon *m, const struct marathon_event *ev)
{
    struct bus_event *e = bus_emit(m, BUS_FRAMEWORK_MESSAGE);

    e->agent_id = step_keep(m, ev->message.agent_id);
    e->instance_id = step_keep(m, ev->message.executor_id);
    e->message = step_keep(m, ev->message.data);
}

static void fire(struct marathon *m, struct timer *t)
{
    switch ((enum timer_kind)t->kind) {
    case TIMER_TOKENS:
        launch_tick_tokens(m);
        break;
    case TIMER_REVIVE:
        break; /* launch_demand looks at the time */
    case TIMER_RECONCILE:
        reconcile(m);
        break;
    case TIMER_INSTANCE:
        instance_timer(m, t->owner);
        break;
    case TIMER_CHECK:
        checks_due(m, t->owner, t);
        break;
    case TIMER_READINESS:
        readiness_due(m, t->owner);
        break;
    case TIMER_BACKOFF:
        launch_tick_backoff(m, t->owner);
        break;
    case TIMER_ROLLOUT:
        rollout_late(m, t->owner);
        break;
    case TIMER_EVERY:
        every_census_over(m, t->owner);
        break;
    case TIMER_DEPLOYMENT:
        deployment_poke(m, t->owner);
        break;
    case TIMER_JOB:
        job_timer(m, t->owner);
        break;
    case TIMER_RUN:
        run_timer(m, t->owner);
        break;
    case TIMER_DELETED:
        deleted_timer(m);
        break;
    }
}

static void kill_instances(struct marathon *m, const struct marathon_event *ev)
{
    for (size_t k = 0; k < ev->kill.n; k++) {
        struct instance *i = instance_of_task(m, ev->kill.instance_ids[k]);
        if (i != NULL)
            instance_kill(m, i, ev->kill.wipe ? GOAL_DECOMMISSIONED : GOAL_RUNNING);
    }
}

static int reset_delay(struct marathon *m, struct str id, struct error *err)
{
    struct slot *s = slot_find(m, id);

    if (s == NULL || s->scheduled_count == 0)
        return error_set(err, ERR_NOT_FOUND, "Application %.*s not found in tasks queue.",
                         STR_ARG(str_sub(id, 0, 150)));
    backoff_reset(&s->backoff);
    timer_clear(&m->timers, &s->backoff_timer);
    m->revive_wanted = true;
    return 0;
}

static int dispatch(struct marathon *m, const struct marathon_event *ev, struct error *err)
{
    switch (ev->type) {
    case EVENT_STARTED:
        started(m);
        return 0;
    case EVENT_SUBSCRIBED:
        subscribed(m, ev->subscribed.framework_id, ev->subscribed.master);
        return 0;
    case EVENT_DISCONNECTED:
        disconnected(m);
        return 0;
    case EVENT_OFFERS:
        launch_offers(m, ev->offers.v, ev->offers.n);
        return 0;
    case EVENT_AGENT_LOST:
        seen_agent_lost(m, ev->agent_lost);
        return 0;
    case EVENT_STATUS:
        status_apply(m, &ev->status);
        return 0;
    case EVENT_MESSAGE:
        message(m, ev);
        return 0;
    case EVENT_PROBE:
        probe_result(m, &ev->probe);
        return 0;
    case EVENT_TICK:
        return 0;
    case EVENT_UPDATE:
        return root_update_apply(m, ev->update, &m->out->result, err);
    case EVENT_CANCEL:
        return deployment_cancel(m, ev->cancel.deployment_id, ev->cancel.force, &m->out->result, err);
    case EVENT_KILL:
        kill_instances(m, ev);
        return 0;
    case EVENT_ROLLOUT:
        return rollout_command(m, ev->rollout.app_id, ev->rollout.verb, &m->out->result, err);
    case EVENT_RESET_DELAY:
        return reset_delay(m, ev->reset_delay, err);
    case EVENT_JOB_PUT:
        return job_put(m, ev->job_put, err);
    case EVENT_JOB_DELETE:
        return job_delete(m, ev->job.id, ev->job.stop_runs, err);
    case EVENT_JOB_RUN:
        return job_run_now(m, ev->job.id, &m->out->result, err);
    case EVENT_RUN_KILL:
        return run_kill(m, ev->job.id, ev->job.run_id, err);
    case EVENT_DELETED_FORGET:
        return deleted_forget(m, ev->deleted_forget, err);
    }
    return error_set(err, ERR_INVALID, "unknown event type %d", (int)ev->type);
}

enum { SETTLE_ROUNDS_MAX = 10000000 };

/* Looks at what changed until nothing does any more. */
static void settle(struct marathon *m)
{
    unsigned rounds = 0;

    while (m->dirty != NULL || m->poked != NULL) {
        ASSERT(rounds++ < SETTLE_ROUNDS_MAX);
        if (m->dirty != NULL) {
            struct slot *s = m->dirty;
            m->dirty = s->dirty_next;
            s->dirty = false;
            if (s->dead || !m->started)
                continue;
            slot_check(m, s);
            slot_maybe_free(m, s);
            continue;
        }
        struct deployment *d = m->poked;
        m->poked = d->queue_next;
        d->poked = false;
        if (!d->dead)
            deployment_check(m, d);
    }
    kill_pump(m);
}

int marathon_step(struct marathon *m, const struct marathon_event *ev, struct rng *rng,
                  struct marathon_actions *ret, struct error *err)
{
    struct timer *t;
    int rc;

    arena_clear(&ret->arena);
    ret->n = ret->store_count = 0;
    ret->result = (struct update_result){ 0 };
    m->out = ret;
    m->rng = rng;
    m->now = ev->now;
    m->wall = ev->wall;
    marathon_free_dead(m);
    rc = dispatch(m, ev, err);
    while ((t = timerq_pop(&m->timers, m->now)) != NULL)
        fire(m, t);
    if (m->started) {
        every_look(m);
        settle(m);
        while (m->undo_due) {
            rollouts_undo(m);
            settle(m);
        }
        launch_demand(m);
    }
    flush_instances(m);
    ret->wake_at = timerq_next(&m->timers);
    m->counters.kills_in_flight = m->kills_in_flight;
    m->out = NULL;
    m->rng = NULL;
    return rc;
}
