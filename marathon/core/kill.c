/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of kills: a limit of kills in flight, and a repeat until the task is gone. Source: marathon-behaviour §8. */
#include "marathon/core/internal.h"

/* The first repeat comes early: right after a failover the master may not know the agent yet, and says
 * nothing. */
#define FIRST_RETRY_NS (5 * NS_PER_S)

/* Of a pod each container that has not ended: one would take the others with it, but it may be the one that
 * the executor has not heard of yet. */
void kill_tasks(struct marathon *m, struct instance *i)
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

void kill_queue(struct marathon *m, struct instance *i)
{
    if (i->kill_queued || i->kill_sent)
        return;
    DL_APPEND2(m->kills, i, kill_prev, kill_next);
    i->kill_queued = true;
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

