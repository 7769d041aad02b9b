/* SPDX-License-Identifier: Apache-2.0 */
/* One instance on every agent: apps with the constraint ["hostname", "EVERY"]. An addition of ours.
 *
 * An agent is wanted when it is known (it has offered something since we subscribed, and was not lost since) and
 * the app's other constraints admit it, or while an instance lives there. Each wanted agent without an instance
 * gets one that is pinned to it: it is launched on that agent's offers alone, keeps its place when its task ends,
 * and goes when its agent is lost.
 *
 *   agent offers      -> instance, SCHEDULED and pinned -> launched on the agent's next offer
 *   no room on it     -> unplaced: shown, waits on, but neither deployments nor restarts wait for it; only when its
 *                        room went to others in a restart does it count for the health floor
 *   agent unreachable -> INACTIVE: the place is kept until it returns or the instance is expunged
 *   agent lost        -> what waits for it goes
 *
 * A restart replaces agent by agent (rolling_kills_every): the old instance is killed first, so that the new one
 * finds its ports and resources; an agent never has two. A look at all agents is made only when something came or
 * went; otherwise the counters of the slot say that all is well. */
#include "marathon/core/internal.h"

/* After an action begins offers are asked for, and so long new agents may show up before it can be done. */
#define CENSUS_NS (3 * NS_PER_S)

/* --- life ------------------------------------------------------------------------------------------------- */
/* Suspended: what waits would find its agent occupied, or none that is its own, when it is launched before the step
 * in which the others go. */
static void drop_waiting(struct marathon *m, struct slot *s)
{
    for (struct instance *i = s->scheduled, *next; i != NULL; i = next) {
        next = i->sched_next;
        instance_kill(m, i, GOAL_DECOMMISSIONED);
    }
}

void every_set(struct marathon *m, struct slot *s)
{
    bool is_every = s->spec != NULL && app_is_every(&s->spec->app);

    if (!is_every || s->spec->app.instances.v == 0) {
        if (is_every)
            drop_waiting(m, s);
        else
            pins_release(m, s);
        every_free(m, s);
        return;
    }
    if (s->every == NULL) {
        s->every = xcalloc(1, sizeof *s->every);
        s->every->timer = (struct timer){ .kind = TIMER_EVERY, .owner = s };
        m->every_count++;
    }
    s->every->stale = true;
}

void every_free(struct marathon *m, struct slot *s)
{
    if (s->every == NULL)
        return;
    timer_clear(&m->timers, &s->every->timer);
    free(s->every);
    s->every = NULL;
    m->every_count--;
}

void every_census(struct marathon *m, struct slot *s)
{
    s->every->census_end = mono_add(m->now, CENSUS_NS);
    timer_set(&m->timers, &s->every->timer, s->every->census_end);
    m->revive_wanted = true;
}

void every_subscribed(struct marathon *m)
{
    struct slot *s, *tmp;

    if (m->every_count == 0)
        return;
    HASH_ITER(hh, m->slots, s, tmp)
    if (s->every != NULL)
        every_census(m, s);
}

void every_look(struct marathon *m)
{
    struct slot *s, *tmp;

    if (m->every_count == 0 || m->every_seen == m->agents_seen)
        return;
    m->every_seen = m->agents_seen;
    HASH_ITER(hh, m->slots, s, tmp)
    if (s->every != NULL)
        slot_mark(m, s);
}

void every_census_over(struct marathon *m, struct slot *s)
{
    slot_mark(m, s);
}

static bool in_census(const struct marathon *m, const struct slot *s)
{
    return !m->connected || mono_before(m->now, s->every->census_end);
}

void every_returned(struct marathon *m, struct instance *i)
{
    if (i->slot->every != NULL && i->old && i->slot->deployment == NULL)
        instance_retire(m, i);
}

/* --- the look ------------------------------------------------------------------------------------------------ */
static bool admits(const struct slot *s, const struct agent *a, struct arena *arena)
{
    struct offer o;
    struct match ignored;

    return seen_agent_offer(a, s->spec->app.role, arena, &o) && match_agent(&s->spec->app, &o, &ignored);
}

/* An instance as it is found: what it means for its agent, and whether it can stay. */
static void look_at_instance(struct marathon *m, struct slot *s, struct instance *i)
{
    struct agent *a = i->agent;
    bool waits = i->state == INSTANCE_SCHEDULED;

    if (waits && (!i->pinned || !a->known || !admits(s, a, &m->out->arena))) {
        instance_kill(m, i, GOAL_DECOMMISSIONED);
        return;
    }
    if (a == NULL)
        return;
    a->occupied_mark = m->agents_round;
    if (i->goal != GOAL_RUNNING || i->state == INSTANCE_INACTIVE)
        return;
    if (a->wanted_mark != m->agents_round)
        s->every->wanted++;
    a->wanted_mark = m->agents_round;
    if (!i->old && a->holder_mark == m->agents_round)
        instance_retire(m, i); /* a second one, of a time when the app was another */
    else if (!i->old)
        a->holder_mark = m->agents_round;
}

static void look_at_agent(struct marathon *m, struct slot *s, struct agent *a, int64_t *start_max)
{
    bool occupied = a->occupied_mark == m->agents_round;

    if (!a->known || (occupied && a->wanted_mark == m->agents_round) || !admits(s, a, &m->out->arena))
        return;
    s->every->wanted++;
    if (occupied)
        return; /* the one that ends there goes first */
    if (*start_max > 0) {
        (*start_max)--;
        (void)instance_schedule_pinned(m, s, a);
    } else {
        s->every->missing++;
    }
}

void every_make(struct marathon *m, struct slot *s, int64_t start_max)
{
    struct every *e = s->every;

    if (!e->stale && e->seen == m->agents_seen && (e->missing == 0 || start_max <= 0))
        return;
    e->stale = false;
    e->seen = m->agents_seen;
    e->wanted = e->missing = 0;
    m->agents_round++;
    for (struct instance *i = s->instances, *next; i != NULL; i = next) {
        next = i->next;
        look_at_instance(m, s, i);
    }
    for (struct agent *a = m->agents, *next; a != NULL; a = next) {
        next = a->hh.next;
        look_at_agent(m, s, a, &start_max);
    }
}

bool every_scaled(struct marathon *m, struct slot *s)
{
    every_make(m, s, INT64_MAX);
    return !in_census(m, s) && !s->every->stale && s->ready[0] + s->ready[1] == s->live[0] + s->live[1] &&
           s->dying[0] + s->dying[1] == 0;
}

bool every_restarted(const struct marathon *m, const struct slot *s)
{
    return !in_census(m, s) && !s->every->stale && s->every->missing == 0 && s->live[1] == 0 &&
           s->ready[0] == s->live[0] && s->dying[0] + s->dying[1] == 0;
}

