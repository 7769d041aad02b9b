/* SPDX-License-Identifier: Apache-2.0 */
/* What time does to an instance that nobody tells about: guards of launches and reservations, steps of the
 * unreachable, repeats of kills. Source: marathon-behaviour §4 (guards), §8, §9. */
#include "marathon/core/internal.h"

static void reservation_timer(struct marathon *m, struct instance *i)
{
    if (i->reservation != RESERVATION_ASKED)
        return;
    if (!m->connected) {
        reservation_guard(m, i);
        return;
    }
    if (instance_rests(i)) {
        instance_remove(m, i);
        return;
    }
    garbage_add(m, i);
    reservation_lost(m, i);
    seen_agent_unref(m, i->agent);
    i->agent = NULL;
    launch_wait(m, i->slot);
    m->revive_wanted = true;
}

/* The instance's own timer: what it means depends on the state. */
void instance_timer(struct marathon *m, struct instance *i)
{
    if (i->kill_sent) {
        kill_timer(m, i);
        return;
    }
    if (i->state == INSTANCE_SCHEDULED && i->pinned) {
        pin_timer(m, i);
        return;
    }
    if (i->state == INSTANCE_SCHEDULED || instance_rests(i)) {
        reservation_timer(m, i);
        return;
    }
    switch (i->state) {
    case INSTANCE_PROVISIONED:
    case INSTANCE_STAGING:
    case INSTANCE_STARTING:
        instance_kill(m, i, GOAL_RUNNING); /* no word, or too slow: another try */
        return;
    case INSTANCE_UNREACHABLE:
        instance_set_state(m, i, INSTANCE_INACTIVE);
        unreachable_arm(m, i);
        return;
    case INSTANCE_INACTIVE:
        instance_remove(m, i);
        return;
    case INSTANCE_SCHEDULED:
    case INSTANCE_RUNNING:
    case INSTANCE_KILLING:
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
}

/* Timers as if the state had just begun: nobody knows how long we were away, and reconciliation tells soon.
 */
void instance_resume(struct marathon *m, struct instance *i)
{
    if (i->reservation == RESERVATION_ASKED && (i->state == INSTANCE_SCHEDULED || instance_rests(i)))
        reservation_guard(m, i);
    if (instance_rests(i))
        return;
    if (i->goal != GOAL_RUNNING) {
        instance_kill(m, i, i->goal);
        return;
    }
    switch (i->state) {
    case INSTANCE_PROVISIONED:
    case INSTANCE_STAGING:
    case INSTANCE_STARTING:
        timer_set(&m->timers, &i->timer, mono_add(m->now, m->config.launch_timeout_ns));
        break;
    case INSTANCE_RUNNING:
        i->running_since = m->now;
        checks_start(m, i);
        break;
    case INSTANCE_UNREACHABLE:
    case INSTANCE_INACTIVE:
        unreachable_arm(m, i);
        break;
    case INSTANCE_SCHEDULED:
    case INSTANCE_KILLING:
    case INSTANCE_FINISHED:
    case INSTANCE_FAILED:
    case INSTANCE_KILLED:
    case INSTANCE_ERROR:
    case INSTANCE_DROPPED:
    case INSTANCE_GONE:
    case INSTANCE_UNKNOWN:
    case INSTANCE_STATE_COUNT:
        break;
    }
}
