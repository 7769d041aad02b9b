/* SPDX-License-Identifier: Apache-2.0 */
/* How an instance ends. Its task ends by itself (instance_end) or is asked to (instance_kill); then the instance waits
 * for its next launch, rests with its volumes, or goes for good (instance_remove). Source: marathon-behaviour §8.
 *
 * An instance without a task goes at once; one whose agent is unreachable is forgotten at once too (if its agent
 * returns, reconciliation finds an unknown task and kills it). */
#include "marathon/core/internal.h"

void instance_remove(struct marathon *m, struct instance *i)
{
    ASSERT(!i->dead);
    if (i->reservation != RESERVATION_NONE)
        garbage_add(m, i);
    instance_change_begin(i); /* for good: it is no part of any sum from here on */
    checks_stop(m, i);
    kill_ended(m, i);
    timer_clear(&m->timers, &i->timer);
    timer_clear(&m->timers, &i->readiness_timer);
    instance_take_out(m, i);
}

/* The slot's newest definition if its configuration is that of the instance. */
static void take_newest_spec(struct marathon *m, struct instance *i)
{
    struct slot *s = i->slot;

    if (s->spec == NULL || i->spec == s->spec || i->old)
        return;
    spec_unref(m, i->spec);
    i->spec = spec_ref(s->spec);
}

/* A new one comes in its place. Not while the restart stands still: then it is started again as it was. */
static bool is_replaced(const struct instance *i)
{
    enum rollout_state r = rollout_state(i->slot);

    return i->slot->action == ACTION_RESTART && i->old && r != ROLLOUT_PAUSED && r != ROLLOUT_HOLDING;
}

void instance_end(struct marathon *m, struct instance *i)
{
    bool replace = is_replaced(i), keeps = i->reservation != RESERVATION_NONE, pinned = pin_keeps(i);

    ASSERT(instance_state_is_terminal(i->state));
    timer_clear(&m->timers, &i->timer);
    timer_clear(&m->timers, &i->readiness_timer);
    checks_stop(m, i);
    kill_ended(m, i);
    if (i->goal == GOAL_DECOMMISSIONED || i->slot->spec == NULL ||
        (!keeps && (i->goal == GOAL_STOPPED || replace || (app_is_every(&i->slot->spec->app) && !pinned)))) {
        instance_remove(m, i);
        return;
    }
    if (i->goal == GOAL_STOPPED || replace) {
        instance_rest(m, i);
        return;
    }
    take_newest_spec(m, i);
    if (!keeps && !pinned) {
        pin_clear(i);
        seen_agent_unref(m, i->agent);
        i->agent = NULL;
    }
    containers_clear(i);
    i->port_count = 0;
    i->ip_count = 0;
    i->check = (struct check_result){ .kind = CHECK_RESULT_NONE };
    i->staged_at = i->started_at = (struct opt_time){ 0 };
    i->ready = false;
    i->sentenced = false;
    i->readiness_asked = i->slot->deployment != NULL && i->spec->app.readiness_checks.n != 0;
    instance_set_state(m, i, INSTANCE_SCHEDULED);
    if (i->reservation == RESERVATION_ASKED)
        reservation_guard(m, i);
    if (pinned)
        pin_waits(m, i);
}

void instance_kill(struct marathon *m, struct instance *i, enum goal goal)
{
    bool rested = instance_rests(i);

    if (i->dead)
        return;
    if (goal > i->goal) {
        instance_change_begin(i);
        i->goal = goal;
        instance_change_end(m, i);
        instance_store(m, i);
    }
    if (rested) {
        if (i->goal == GOAL_DECOMMISSIONED)
            instance_remove(m, i);
        return;
    }
    switch (i->state) {
    case INSTANCE_SCHEDULED:
        if (i->goal == GOAL_STOPPED && i->reservation != RESERVATION_NONE)
            instance_rest(m, i);
        else if (i->goal != GOAL_RUNNING)
            instance_remove(m, i);
        return;
    case INSTANCE_UNREACHABLE:
    case INSTANCE_INACTIVE:
        /* Nobody answers there. One that is wanted is replaced, not waited for: repeating the kill would take the place of the
         * timers that give it up. With strategy "disabled" it is bound to its agent, and the kill waits for that. */
        if (i->goal == GOAL_RUNNING && i->spec->app.unreachable->disabled.v)
            break;
        if (instance_rests(i)) { /* its task may live on: it is killed when its agent returns */
            kill_ended(m, i);
            instance_rest(m, i);
            return;
        }
        if (m->connected)
            kill_tasks(m, i);
        instance_remove(m, i);
        return;
    case INSTANCE_PROVISIONED:
    case INSTANCE_STAGING:
    case INSTANCE_STARTING:
    case INSTANCE_RUNNING:
    case INSTANCE_KILLING:
        break;
    case INSTANCE_FINISHED:
    case INSTANCE_FAILED:
    case INSTANCE_KILLED:
    case INSTANCE_ERROR:
    case INSTANCE_DROPPED:
    case INSTANCE_GONE:
    case INSTANCE_UNKNOWN:
    case INSTANCE_STATE_COUNT:
        return;
    }
    kill_queue(m, i);
}

void instance_retire(struct marathon *m, struct instance *i)
{
    bool keep = i->reservation != RESERVATION_NONE && i->slot->spec != NULL &&
                instance_fits(i, i->slot->spec);

    instance_kill(m, i, keep ? GOAL_STOPPED : GOAL_DECOMMISSIONED);
}
