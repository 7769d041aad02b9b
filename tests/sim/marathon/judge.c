/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold in marathon after each of its handlers, and when all has settled. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/framework.h"
#include "tests/sim/ledger.h"
#include "tests/sim/maintenance.h"
#include "tests/sim/marathon/jobs.h"
#include "tests/sim/marathon/rollouts.h"
#include "tests/sim/operator.h"

void judge_before(struct marathon_node *n)
{
    struct slot *s, *next;

    n->before_count = 0;
    if (!n->up)
        return;
    HASH_ITER(hh, n->sh.m->slots, s, next)
    {
        if (n->before_count == SNAPSHOT_MAX)
            return;
        (void)snprintf(n->before[n->before_count].id, sizeof n->before[0].id, "%s", s->id.p);
        rollout_before(s, &n->before[n->before_count].rollout);
        n->before[n->before_count].instances = s->instance_count;
        n->before[n->before_count].dying = s->dying[1];
        n->before[n->before_count++].ready = s->ready[0] + s->ready[1];
    }
}

/* An agent never has two instances of an app with one on every agent. */
static void check_every(struct marathon_node *n, const struct slot *s)
{
    for (const struct instance *i = s->instances; i != NULL; i = i->next)
        for (const struct instance *k = s->instances; k != i; k = k->next)
            if (i->agent != NULL && i->agent == k->agent)
                sim_fail(marathon_world(n), "%s has two instances on agent %s: %s and %s", s->id.p, i->agent->id.p, k->id.p, i->id.p);
}

static void check_slot(struct marathon_node *n, const struct slot *s, size_t k)
{
    int64_t ready_before = n->before[k].ready;
    int64_t ready = s->ready[0] + s->ready[1], live = s->live[0] + s->live[1];
    const struct rolling *r = &s->rolling;
    size_t scheduled = 0, count = 0;

    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        count++;
        scheduled += i->state == INSTANCE_SCHEDULED;
    }
    if (count != s->instance_count || scheduled != s->scheduled_count)
        sim_fail(marathon_world(n), "%s counts %zu instances, %zu waiting; it has %zu and %zu", s->id.p,
                 s->instance_count, s->scheduled_count, count, scheduled);
    if (str_is(s->id, "/app4"))
        check_every(n, s);
    rollout_judge(n, s, &n->before[k].rollout);
    if (s->action != ACTION_RESTART || s->action_done || s->every != NULL)
        return;
    /* Reckoned here again: what the core makes of the app's strategy is part of what is checked. */
    const struct app *app = s->spec != NULL ? &s->spec->app : NULL;
    double exact =
        app != NULL && app->upgrade != NULL ? (double)app->instances.v * app->upgrade->health_capacity.v : 0;
    int64_t floor = (int64_t)exact + ((double)(int64_t)exact < exact);
    /* One more than the capacity is started when nothing else can move (rolling.h). */
    if (live > r->capacity_max + 1 && s->instance_count > n->before[k].instances)
        sim_fail(marathon_world(n), "%s starts beyond its capacity: %lld instances, at most %lld", s->id.p,
                 (long long)live, (long long)r->capacity_max);
    /* What dies by itself is nobody's fault; old instances that marathon tells to go count against the floor.
     * (Surplus new ones go by the order of kill selection, which does not look at health. Resident ones without room, one at a time.) */
    bool same = s->deployment != NULL && strcmp(s->deployment->id, n->before[k].rollout.deployment) == 0; /* a new one begins with what is there */
    if (same && s->dying[1] > n->before[k].dying && ready < ready_before && ready < floor - r->resident)
        sim_fail(marathon_world(n), "%s kills below its floor: %lld ready, %lld before, floor %lld", s->id.p,
                 (long long)ready, (long long)ready_before, (long long)floor);
}

/* A kill that has no effect is repeated after --kill_retry_timeout. */
#define KILL_REPEATED_NS SEC(30 + 5)

static const struct kill_seen *kill_seen(const struct marathon_node *n, struct str id)
{
    for (size_t i = 0; i < n->kill_count; i++)
        if (str_is(id, n->kills[i].id))
            return &n->kills[i];
    return NULL;
}

void judge_kills(struct marathon_node *n)
{
    struct kill_seen now[SNAPSHOT_MAX];
    size_t count = 0;

    for (const struct instance *i = n->up && n->sh.m->connected ? n->sh.m->instances : NULL; i != NULL; i = i->hh.next) {
        if (!i->kill_sent || i->state == INSTANCE_UNREACHABLE || count == SNAPSHOT_MAX)
            continue;
        const struct kill_seen *k = kill_seen(n, i->id);
        struct kill_seen *x = &now[count++];
        *x = (struct kill_seen){ .attempts = i->kill_attempts, .since = marathon_world(n)->now };
        (void)snprintf(x->id, sizeof x->id, "%.*s", STR_ARG(i->id));
        if (k != NULL && k->attempts == x->attempts)
            x->since = k->since;
        if (marathon_world(n)->now - x->since > KILL_REPEATED_NS && marathon_world(n)->now - marathon_world(n)->trouble_at[n->p->host] > KILL_REPEATED_NS)
            sim_fail(marathon_world(n), "%s asked for the end of %s %d s ago, it is %s, and nothing more is done", n->p->name, x->id,
                     (int)((marathon_world(n)->now - x->since) / NS_PER_S), instance_state_name(i->state));
    }
    memcpy(n->kills, now, count * sizeof now[0]);
    n->kill_count = count;
}

void judge_after(struct marathon_node *n)
{
    struct slot *s, *next;

    if (!n->up || n->p->dying)
        return;
    HASH_ITER(hh, n->sh.m->slots, s, next)
    {
        for (size_t i = 0; i < n->before_count; i++)
            if (str_is(s->id, n->before[i].id))
                check_slot(n, s, i);
    }
    jobs_judge(n);
}

/* --- the end --- */

/* Its volume is on an agent where others have taken the rest. */
static bool is_crowded_out(const struct slot *s, const struct instance *i)
{
    for (unsigned k = 0; s->queue != NULL && k < s->queue->note_count; k++)
        if (i->state == INSTANCE_SCHEDULED && i->agent != NULL && str_eq(i->agent->id, str_of(s->queue->notes[k].agent_id)))
            return s->queue->notes[k].reason == REJECT_CPUS || s->queue->notes[k].reason == REJECT_MEM;
    return false;
}

/* What has its volume on an agent that was given up, or that never heard under which id it was admitted, waits for it for ever. */
bool judge_orphans(const struct marathon_node *n)
{
    const struct slot *s = slot_find(n->sh.m, STR("/app3"));

    for (const struct instance *i = s != NULL ? s->instances : NULL; i != NULL; i = i->next)
        if ((i->state == INSTANCE_UNREACHABLE && !agents_have_id(marathon_world(n), i->agent->id)) || is_crowded_out(s, i))
            return true;
    return s != NULL && (operator_gave_up_any(marathon_world(n)) || maintenance_ended_any(marathon_world(n)));
}

/* What became of the offers that came while something waited. */
static const char *refusals(const struct slot *s)
{
    static char text[300];
    const struct queue_stats *q = s->queue;
    size_t n = 0;

    if (q == NULL || q->note_count == 0)
        return "; no offer came for it";
    for (unsigned i = 0; i < q->note_count && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "; an offer of %s: %s %s", q->notes[i].agent_id,
                              reject_name(q->notes[i].reason), q->notes[i].detail);
    return text;
}

/* Every app has its instances, running and healthy; nothing is being deployed. */
const char *sim_marathon_unsettled(struct sim *sim)
{
    static char text[500];
    struct marathon_node *n = marathon_leading(sim);
    struct slot *s, *next;

    if (n == NULL || n->sh.m->master == NULL)
        return "marathon is not connected";
    const char *jobs = jobs_unsettled(n);
    if (jobs[0] != '\0')
        return jobs;
    bool orphans = judge_orphans(n);
    HASH_ITER(hh, n->sh.m->slots, s, next)
    {
        int64_t want = slot_wanted(s) - s->unplaced;
        size_t resting = (size_t)s->unplaced;
        for (const struct instance *i = s->instances; i != NULL; i = i->next)
            resting += instance_rests(i);
        if (s->ready[0] + s->ready[1] == want && s->instance_count == (size_t)want + resting)
            continue;
        if (orphans && (str_is(s->id, "/app3") || n->sh.m->deployment_count != 0))
            continue;
        const struct instance *i = s->instances;
        while (i != NULL && i->state == INSTANCE_RUNNING && i->next != NULL)
            i = i->next;
        (void)snprintf(text, sizeof text, "%s wants %lld instances, has %zu, ready %lld; %s is %s%s", s->id.p,
                       (long long)want, s->instance_count, (long long)(s->ready[0] + s->ready[1]),
                       i != NULL ? i->id.p : "none", i != NULL ? instance_state_name(i->state) : "", refusals(s));
        return text;
    }
    if (n->sh.m->deployment_count == 0 || orphans)
        return "";
    (void)snprintf(text, sizeof text, "%zu deployments are not done", n->sh.m->deployment_count);
    return text;
}
