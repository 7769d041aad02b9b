/* SPDX-License-Identifier: Apache-2.0 */
/* Launching: what an offer is used for.
 *
 * Every offer is given to the waiting apps in the order in which they began to wait; each takes as many
 * instances as fit and rules allow, and all launches of an offer go out in one ACCEPT. Each refusal is
 * recorded with its numbers: the queue endpoint and `why` read that. Source: marathon-behaviour §5. */
#include <stdio.h>

#include "marathon/core/internal.h"

enum {
    MATCHES_PER_STEP_MAX =
        300000 /* so that a flood of offers does not hold the loop; the rest is declined for a second */
};

/* --- records of refusals ----------------------------------------------------------------------------------
 */
static struct reject_note *note_of(struct queue_stats *q, struct str agent_id)
{
    struct reject_note *n;

    for (unsigned i = 0; i < q->note_count; i++)
        if (str_is(agent_id, q->notes[i].agent_id))
            return &q->notes[i];
    if (q->note_count < REJECT_NOTES_MAX)
        return &q->notes[q->note_count++];
    n = &q->notes[q->note_next++ % REJECT_NOTES_MAX];
    free(n->agent_id);
    offer_copy_unref(n->offer);
    *n = (struct reject_note){ 0 };
    return n;
}

static void count_processed(struct marathon *m, struct queue_stats *q)
{
    if (q->last_round != m->round) {
        q->last_round = m->round;
        q->last_processed = 0;
        memset(q->last_declined, 0, sizeof q->last_declined);
    }
    q->processed++;
    q->last_processed++;
    q->attempt_processed++;
}

static void note_match(struct marathon *m, struct reject_note *n, const struct match *match)
{
    n->reason = match->reason;
    n->reasons = match->reasons;
    n->need_milli = match->need_milli;
    n->have_milli = match->have_milli;
    n->at = m->wall;
    memcpy(n->detail, match->detail, sizeof n->detail);
}

static void note_reject(struct marathon *m, struct slot *s, const struct offer *o, const struct match *match,
                        struct batch *b)
{
    struct queue_stats *q = s->queue;
    struct reject_note *n = note_of(q, o->agent_id);

    q->unused++;
    q->last_declined[match->reason]++;
    q->attempt_declined[match->reason]++;
    q->last_unused_at = (struct opt_time){ true, m->wall };
    if (n->agent_id == NULL)
        n->agent_id = xstrndup(o->agent_id);
    if (b->seen == NULL)
        b->seen = offer_copy(o);
    offer_copy_unref(n->offer);
    n->offer = offer_copy_ref(b->seen);
    note_match(m, n, match);
}

/* --- matching ----------------------------------------------------------------------------------------------
 */
static struct placed *placed_of(struct marathon *m, struct slot *s, const struct app *a)
{
    if (s->placed_round == m->round && s->placed != NULL)
        return s->placed;
    s->placed = arena_array(&m->out->arena, a->constraints.n + 1, sizeof *s->placed);
    s->placed_round = m->round;
    for (size_t k = 0; s->placed != NULL && k < a->constraints.n; k++) {
        s->placed[k].c = LIST_AT(a->constraints, struct constraint, k);
        for (const struct instance *i = s->instances; i != NULL; i = i->next)
            if (i->agent != NULL && !i->old && !instance_rests(i) &&
                (i->state != INSTANCE_SCHEDULED || i->reservation != RESERVATION_NONE))
                placed_add(&s->placed[k],
                           field_value(s->placed[k].c->field, i->agent->hostname, i->agent->region,
                                       i->agent->zone, i->agent->attributes, i->agent->attribute_count),
                           &m->out->arena);
    }
    return s->placed;
}

static void add_launch(struct marathon *m, struct batch *b, const struct instance *i, enum launch_kind kind,
                       const struct match *match)
{
    struct launch l = { .kind = kind,
                        .instance = i,
                        .task_id = i->task_id,
                        .spec = i->spec,
                        .agent_id = i->agent->id,
                        .hostname = i->agent->hostname,
                        .ports = i->ports,
                        .container_ports = i->container_ports,
                        .port_count = i->port_count,
                        .picks = match->picks,
                        .pick_count = match->pick_count };

    batch_add(m, b, &l);
}

static struct agent *agent_of(struct marathon *m, const struct offer *o)
{
    return seen_agent_get(m, o->agent_id, o->hostname, o->region, o->zone, o->attributes, o->attribute_count);
}

/* Of an instance with a reservation the offer must be its agent's and show all of it. */
static bool may_be_its(struct marathon *m, const struct instance *i, const struct offer *o,
                       struct match_context *mc, struct match *ret)
{
    struct str *ids = arena_array(&m->out->arena, i->volume_count + 1, sizeof *ids);

    mc->kind = MATCH_RESERVED;
    mc->framework = str_of(m->framework_id != NULL ? m->framework_id : "");
    mc->owner = i->id;
    mc->persistence_ids = ids;
    *ret = (struct match){ .reason = REJECT_RESERVATION, .reasons = 1u << REJECT_RESERVATION };
    if (ids == NULL)
        return false;
    for (size_t k = 0; k < i->volume_count; k++) {
        struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 256);
        volume_persistence_id(i, k, &b);
        ids[k] = step_keep(m, sbuf_view(&b));
        sbuf_done(&b);
    }
    if (!str_eq(i->agent->id, o->agent_id))
        (void)snprintf(ret->detail, sizeof ret->detail, "instance %.*s has its volumes on agent %.*s",
                       STR_ARG(str_sub(i->id, i->id.n > 60 ? i->id.n - 60 : 0, 60)),
                       STR_ARG(str_sub(i->agent->hostname, 0, 60)));
    else
        return true;
    return false;
}

/* Uses the offer for one instance. */
static bool use_for_instance(struct marathon *m, struct slot *s, struct instance *i, struct offer *o,
                             struct match_context *mc, struct match *match, struct batch *b)
{
    bool reserve = app_is_resident(&i->spec->app) && i->reservation == RESERVATION_NONE;

    mc->kind = reserve ? MATCH_RESERVE : MATCH_PLAIN;
    mc->placed = placed_of(m, s, &i->spec->app);
    if (mc->placed == NULL)
        return false;
    b->tries++;
    if (i->reservation != RESERVATION_NONE && !may_be_its(m, i, o, mc, match))
        return false;
    match_try(&i->spec->app, o, mc, match);
    if (match->reason != REJECT_NONE)
        return false;
    if (reserve) {
        reservation_ask(m, i, agent_of(m, o));
        m->counters.reserve_operations++;
    } else {
        instance_provision(m, i, agent_of(m, o), match);
        m->tokens--;
    }
    add_launch(m, b, i, reserve ? LAUNCH_RESERVE : LAUNCH_RUN, match);
    offer_copy_unref(b->seen); /* there is less in the offer now */
    b->seen = NULL;
    return true;
}

/* Of an app with one instance on every agent only the one that is bound to this agent can use its offer. */
static void use_offer_for_pinned(struct marathon *m, struct slot *s, struct offer *o, struct batch *b)
{
    struct instance *i = pin_waiting(s, seen_agent_find(m, o->agent_id));
    struct match_context mc = {
        .config = &m->config, .arena = &m->out->arena, .rng = m->rng, .now = m->wall
    };
    struct match match = { .reason = REJECT_NONE };

    if (i == NULL || !str_eq(o->role, i->spec->app.role))
        return; /* an offer to another role says nothing about its own */
    count_processed(m, s->queue);
    if (use_for_instance(m, s, i, o, &mc, &match, b)) {
        if (s->queue != NULL)
            s->queue->last_used_at = (struct opt_time){ true, m->wall };
    } else if (match.reason != REJECT_NONE) {
        note_reject(m, s, o, &match, b);
        if (i->refusal == NULL)
            i->refusal = xcalloc(1, sizeof *i->refusal);
        note_match(m, i->refusal, &match);
        pin_refused(m, i);
    }
}

/* Instances without a reservation are all alike: the first that does not fit speaks for the rest. */
static void use_offer_for(struct marathon *m, struct slot *s, struct offer *o, struct batch *b)
{
    struct queue_stats *q = s->queue;
    struct match_context mc = {
        .config = &m->config, .arena = &m->out->arena, .rng = m->rng, .now = m->wall
    };
    struct match match, refused = { .reason = REJECT_NONE };
    bool alike_refused = false, used = false;

    if (s->every != NULL) {
        use_offer_for_pinned(m, s, o, b);
        return;
    }
    count_processed(m, q);
    for (struct instance *i = s->scheduled, *next; i != NULL; i = next) {
        next = i->sched_next;
        if (m->tokens <= 0 || b->n >= m->config.instances_per_offer_max)
            break;
        pin_release(m, i); /* the app was one with an instance on every agent when this one was made */
        if (i->reservation == RESERVATION_NONE && alike_refused)
            continue;
        match = (struct match){ .reason = REJECT_NONE };
        if (use_for_instance(m, s, i, o, &mc, &match, b)) {
            used = true;
            continue;
        }
        if (match.reason == REJECT_NONE)
            return; /* the arena is spent */
        if (refused.reason == REJECT_NONE || (refused.reason == REJECT_RESERVATION && i->agent != NULL &&
                                              str_eq(i->agent->id, o->agent_id)))
            refused = match;
        if (i->reservation != RESERVATION_NONE)
            continue;
        alike_refused = true;
        refused = match;
        if (!app_is_resident(&i->spec->app))
            break;
    }
    if (used)
        q->last_used_at = (struct opt_time){ true, m->wall };
    else if (refused.reason != REJECT_NONE)
        note_reject(m, s, o, &refused, b);
}

static void decline(struct marathon *m, const struct offer *o, int64_t refuse_ns)
{
    struct marathon_action *a = step_action(m, DO_DECLINE);

    a->decline.offer_id = step_keep(m, o->id);
    a->decline.refuse_ns = refuse_ns;
    m->counters.offers_declined++;
}

/* An agent that begins anew, after a maintenance say, has another id and the disks it had: an instance whose volumes this offer
 * shows is where they are. What is offered is not in use, so a task that nobody hears of any more has ended. */
static void follow_volumes(struct marathon *m, const struct offer *o)
{
    for (size_t k = 0; m->framework_id != NULL && k < o->resource_count; k++) {
        const struct offer_resource *r = &o->resources[k];
        bool ours = r->persistence_id.p != NULL && r->labelled && r->owner.p != NULL && str_is(r->owner_framework, m->framework_id);
        struct instance *i = ours ? instance_find(m, r->owner) : NULL;
        if (i == NULL || i->reservation == RESERVATION_NONE || str_eq(i->agent->id, o->agent_id) || !volume_is_of(i, r->persistence_id))
            continue;
        if (i->state == INSTANCE_UNREACHABLE || i->state == INSTANCE_INACTIVE) {
            instance_set_state(m, i, INSTANCE_GONE);
            instance_end(m, i);
        }
        if (i->dead || (i->state != INSTANCE_SCHEDULED && !instance_rests(i)))
            continue;
        seen_agent_unref(m, i->agent);
        i->agent = agent_of(m, o);
        instance_store(m, i);
    }
}

/* Tasks of apps leave in one LAUNCH, each pod in a LAUNCH_GROUP of its own. */
static void count_launches(struct marathon *m, const struct batch *b)
{
    uint64_t groups = 0;

    for (size_t i = 0; i < b->n; i++)
        groups += b->v[i].kind == LAUNCH_RUN && b->v[i].spec->app.pod != NULL;
    m->counters.launch_operations += b->runs > groups;
    m->counters.launch_group_operations += groups;
    m->counters.tasks_launched += b->runs;
}

void launch_offers(struct marathon *m, struct offer *offers, size_t n)
{
    unsigned tries = 0;

    m->round++;
    seen_agents_note(m, offers, n);
    m->counters.offers_incoming += n;
    for (size_t k = 0; k < n; k++) {
        struct offer *o = &offers[k];
        struct batch b = { 0 };
        struct slot *s, *next;
        follow_volumes(m, o);
        reservations_review(m, o, &b);
        for (s = m->waiting; s != NULL && m->tokens > 0 && b.n < m->config.instances_per_offer_max;
             s = next) {
            next = s->wait_next;
            if (tries + b.tries > MATCHES_PER_STEP_MAX)
                break;
            if ((s->spec != NULL || s->job != NULL) && !launch_delayed(m, s))
                use_offer_for(m, s, o, &b);
        }
        tries += b.tries;
        offer_copy_unref(b.seen);
        seen_agent_keep(m, o);
        if (b.n == 0) {
            bool later = m->waiting != NULL && (m->tokens <= 0 || tries > MATCHES_PER_STEP_MAX);
            m->starved = m->starved || later;
            decline(m, o, later ? NS_PER_S : m->config.decline_ns);
            continue;
        }
        struct marathon_action *a = step_action(m, DO_ACCEPT);
        a->accept.offer_id = step_keep(m, o->id);
        a->accept.offer_index = k;
        a->accept.launches = b.v;
        a->accept.n = b.n;
        a->accept.refuse_ns = m->waiting != NULL ? 0 : m->config.decline_ns;
        m->counters.offers_used++;
        count_launches(m, &b);
    }
}
