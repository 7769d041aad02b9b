/* SPDX-License-Identifier: Apache-2.0 */
/* Apps in the order of the plan, each over all agents: every offer is given to the apps in that order anyway, so this
 * is what launch.c would do with the same offers. */
#include "marathon/core/predict.h"

#include "marathon/core/internal.h"

enum { TRIES_MAX = 200000, PLACEMENTS_MAX = 20000 };

struct predictor {
    struct marathon *m;
    struct arena *arena;
    struct prediction *out;
    struct offer *offers; /* used up as it goes */
    const struct agent **agents;
    size_t agent_count;
    unsigned tries;
};

static bool gather(struct predictor *p)
{
    size_t n = HASH_COUNT(p->m->agents);

    p->offers = arena_array(p->arena, n + 1, sizeof *p->offers);
    p->agents = arena_array(p->arena, n + 1, sizeof *p->agents);
    if (p->offers == NULL || p->agents == NULL)
        return false;
    for (const struct agent *a = p->m->agents; a != NULL; a = a->hh.next) {
        if (a->leftover == NULL)
            continue;
        if (!seen_agent_offer(a, STR("*"), p->arena, &p->offers[p->agent_count]))
            return false;
        p->agents[p->agent_count++] = a;
    }
    return true;
}

/* Those that stay where they are count for constraints; of a restart nobody stays. */
static struct placed *placed_now(struct predictor *p, const struct plan_action *act)
{
    const struct app *a = &act->to->app;
    struct placed *v = arena_array(p->arena, a->constraints.n + 1, sizeof *v);

    for (size_t k = 0; v != NULL && k < a->constraints.n; k++) {
        v[k].c = LIST_AT(a->constraints, struct constraint, k);
        for (const struct instance *i = act->slot->instances; i != NULL && act->type == ACTION_SCALE; i = i->next)
            if (i->agent != NULL && i->state != INSTANCE_SCHEDULED && !instance_rests(i))
                placed_add(&v[k],
                           field_value(v[k].c->field, i->agent->hostname, i->agent->region, i->agent->zone,
                                       i->agent->attributes, i->agent->attribute_count),
                           p->arena);
    }
    return v;
}

static int64_t new_instances(const struct plan_action *act)
{
    int64_t live = 0;

    if (act->type != ACTION_SCALE && act->type != ACTION_RESTART)
        return 0;
    if (act->type == ACTION_SCALE)
        live = act->slot->live[0] + act->slot->live[1];
    return act->scale_to > live ? act->scale_to - live : 0;
}

static unsigned count_bits(unsigned v)
{
    return (unsigned)__builtin_popcount(v);
}

/* The agent with the fewest failing rules comes nearest; the first of several. */
static void note_refusal(struct predictor *p, struct no_placement *u, const struct agent *a, const struct match *match)
{
    if (u->nearest != NULL && count_bits(u->note.reasons) <= count_bits(match->reasons))
        return;
    u->nearest = arena_str(p->arena, a->hostname).p;
    u->note = (struct reject_note){ .reason = match->reason,
                                    .reasons = match->reasons,
                                    .need_milli = match->need_milli,
                                    .have_milli = match->have_milli,
                                    .at = a->leftover->at };
    memcpy(u->note.detail, match->detail, sizeof u->note.detail);
}

static bool add_placement(struct predictor *p, const struct plan_action *act, const struct agent *a, int64_t n)
{
    struct prediction *out = p->out;

    if (out->placement_count == PLACEMENTS_MAX)
        return false;
    out->placements[out->placement_count++] = (struct placement){ .app = act->slot->id,
                                                                  .agent_id = a->id,
                                                                  .hostname = a->hostname,
                                                                  .instances = n,
                                                                  .offered_at = a->leftover->at };
    return true;
}

/* Of an app with one on every agent: not where it has one that stays. */
static bool has_one(const struct plan_action *act, const struct agent *a)
{
    for (const struct instance *i = a->pinned; i != NULL && act->type == ACTION_SCALE; i = i->pin_next)
        if (i->slot == act->slot && !i->dead && i->state != INSTANCE_SCHEDULED)
            return true;
    return false;
}

static bool place(struct predictor *p, const struct plan_action *act)
{
    struct match_context mc = { .config = &p->m->config,
                                .arena = p->arena,
                                .rng = p->m->rng,
                                .now = p->m->wall,
                                .kind = app_is_resident(&act->to->app) ? MATCH_RESERVE : MATCH_PLAIN,
                                .placed = placed_now(p, act) };
    bool every = app_is_every(&act->to->app) && act->to->app.instances.v != 0;
    int64_t left = every ? 0 : new_instances(act);
    struct no_placement u = { .app = act->slot->id };
    struct match match;

    for (size_t k = 0; mc.placed != NULL && k < p->agent_count && (every || left > 0); k++) {
        int64_t want = every ? match_agent(&act->to->app, &p->offers[k], &match) && !has_one(act, p->agents[k]) : left, n;
        p->offers[k].role = act->to->app.role; /* what nobody has reserved may be offered to it as well */
        for (n = 0; n < want; n++) {
            if (p->tries++ >= TRIES_MAX)
                return false;
            match_try(&act->to->app, &p->offers[k], &mc, &match);
            if (match.reason != REJECT_NONE)
                break;
        }
        if (n < want)
            note_refusal(p, &u, p->agents[k], &match);
        if (n > 0 && !add_placement(p, act, p->agents[k], n))
            return false;
        left += every ? want - n : -n;
    }
    u.instances = left;
    if (left > 0)
        p->out->unplaced[p->out->unplaced_count++] = u;
    return mc.placed != NULL;
}

struct prediction *predict(struct marathon *m, const struct plan *plan, struct arena *arena)
{
    struct predictor p = { .m = m, .arena = arena, .out = arena_alloc(arena, sizeof *p.out) };
    size_t actions = 0;

    for (size_t i = 0; i < plan->n; i++)
        actions += plan->steps[i].n;
    if (p.out == NULL || !gather(&p))
        return NULL;
    p.out->placements = arena_array(arena, PLACEMENTS_MAX, sizeof *p.out->placements);
    p.out->unplaced = arena_array(arena, actions + 1, sizeof *p.out->unplaced);
    if (p.out->placements == NULL || p.out->unplaced == NULL)
        return NULL;
    for (size_t i = 0; i < plan->n && !p.out->cut; i++)
        for (size_t k = 0; k < plan->steps[i].n && !p.out->cut; k++) {
            const struct plan_action *act = &plan->steps[i].actions[k];
            if (act->to != NULL && (act->type == ACTION_SCALE || act->type == ACTION_RESTART))
                p.out->cut = !place(&p, act);
        }
    return p.out;
}
