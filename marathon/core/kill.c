/* SPDX-License-Identifier: Apache-2.0 */
/* Killing: a queue, a limit of kills in flight, and a repeat until the task is gone. An instance without a
 * task goes at once; one whose agent is unreachable is forgotten at once too
 * (if its agent returns, reconciliation finds an unknown task and kills it). Source: marathon-behaviour §8.
 */
#include "marathon/core/internal.h"

/* The first repeat comes early: right after a failover the master may not know the agent yet, and says
 * nothing. */
#define FIRST_RETRY_NS (5 * NS_PER_S)

/* Of a pod each container that has not ended: one would take the others with it, but it may be the one that
 * the executor has not heard of yet. */
static void kill_tasks(struct marathon *m, struct instance *i)
{
    for (size_t k = 0; k == 0 || k < i->container_count; k++) {
        struct marathon_action *a;
        if (i->container_count != 0 && i->containers[k].told &&
            task_state_is_terminal(i->containers[k].state))
            continue;
        a = step_action(m, DO_KILL);
        a->kill.task_id =
            i->container_count == 0
                ? i->task_id
                : pod_task_id(&m->out->arena, i->id, pod_container(&i->spec->app, k), i->incarnation);
        a->kill.agent_id = i->agent != NULL ? i->agent->id : (struct str){ NULL, 0 };
    }
}

static void send(struct marathon *m, struct instance *i)
{
    int64_t retry_ns = m->config.kill_retry_ns;

    kill_tasks(m, i);
    if (i->kill_attempts++ == 0 && retry_ns > FIRST_RETRY_NS)
        retry_ns = FIRST_RETRY_NS;
    timer_set(&m->timers, &i->timer, mono_add(m->now, retry_ns));
}

void kill_pump(struct marathon *m)
{
    while (m->kills != NULL && m->kills_in_flight < m->config.kills_max && m->connected) {
        struct instance *i = m->kills;
        DL_DELETE2(m->kills, i, kill_prev, kill_next);
        i->kill_queued = false;
        i->kill_sent = true;
        m->kills_in_flight++;
        send(m, i);
    }
}

void kill_ended(struct marathon *m, struct instance *i)
{
    if (i->kill_queued)
        DL_DELETE2(m->kills, i, kill_prev, kill_next);
    if (i->kill_sent)
        m->kills_in_flight--;
    i->kill_queued = i->kill_sent = false;
    i->kill_attempts = 0;
}

void kill_timer(struct marathon *m, struct instance *i)
{
    if (m->connected)
        send(m, i);
    else
        timer_set(&m->timers, &i->timer, mono_add(m->now, m->config.kill_retry_ns));
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
    if (i->kill_queued || i->kill_sent)
        return;
    DL_APPEND2(m->kills, i, kill_prev, kill_next);
    i->kill_queued = true;
}

void instance_retire(struct marathon *m, struct instance *i)
{
    bool keep = i->reservation != RESERVATION_NONE && i->slot->spec != NULL &&
                instance_fits(i, i->slot->spec);

    instance_kill(m, i, keep ? GOAL_STOPPED : GOAL_DECOMMISSIONED);
}
