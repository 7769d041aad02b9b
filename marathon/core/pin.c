/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that are bound to one agent, of apps with one on every agent (every.c): launched on that agent's offers
 * alone. One that finds no room there is unplaced: it waits on, but nobody waits for it. */
#include "marathon/core/internal.h"

/* An agent that does not offer anything for so long has no room. */
#define PATIENCE_NS (30 * NS_PER_S)

static void pin_set(struct instance *i)
{
    ASSERT(!i->pinned);
    ASSERT(i->agent != NULL);
    i->pinned = true;
    DL_APPEND2(i->agent->pinned, i, pin_prev, pin_next);
}

/* An instance of the slot's present definition for the agent. */
struct instance *instance_schedule_pinned(struct marathon *m, struct slot *s, struct agent *a)
{
    struct instance *i = instance_schedule_new(m, s);

    i->agent = a;
    a->refs++;
    pin_set(i);
    pin_waits(m, i);
    return i;
}

void pin_clear(struct instance *i)
{
    if (!i->pinned)
        return;
    DL_DELETE2(i->agent->pinned, i, pin_prev, pin_next);
    i->pinned = false;
}

void pin_release(struct marathon *m, struct instance *i)
{
    ASSERT(i->state == INSTANCE_SCHEDULED);
    if (!i->pinned)
        return;
    pin_clear(i);
    timer_clear(&m->timers, &i->timer);
    instance_change_begin(i);
    i->unplaced = false;
    instance_change_end(m, i);
    if (i->reservation != RESERVATION_NONE)
        return;
    seen_agent_unref(m, i->agent);
    i->agent = NULL;
}

void pins_release(struct marathon *m, struct slot *s)
{
    for (struct instance *i = s->instances; i != NULL; i = i->next)
        if (i->state == INSTANCE_SCHEDULED)
            pin_release(m, i);
        else
            pin_clear(i);
}

void pin_restore(struct instance *i)
{
    if (app_is_every(&i->spec->app) && !i->pinned)
        pin_set(i);
}

struct instance *pin_waiting(const struct slot *s, const struct agent *a)
{
    for (struct instance *i = a->pinned; i != NULL; i = i->pin_next)
        if (i->slot == s && i->state == INSTANCE_SCHEDULED && i->goal == GOAL_RUNNING && !i->dead)
            return i;
    return NULL;
}

bool pin_keeps(const struct instance *i)
{
    return i->pinned && i->slot->every != NULL && i->agent->known;
}

void pin_waits(struct marathon *m, struct instance *i)
{
    timer_set(&m->timers, &i->timer, mono_add(m->now, PATIENCE_NS));
}

void pin_timer(struct marathon *m, struct instance *i)
{
    if (!m->connected || m->tokens <= 0 || launch_delayed(m, i->slot))
        pin_waits(m, i);
    else
        instance_set_unplaced(m, i);
}

void pin_refused(struct marathon *m, struct instance *i)
{
    timer_clear(&m->timers, &i->timer);
    instance_set_unplaced(m, i);
}
