/* SPDX-License-Identifier: Apache-2.0 */
/* What one agent would offer to one client, and why not: eligibility, stripping, quota. Decides, changes
 * nothing. Source: reference of the allocator, sections 14 to 16. */
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/model/role.h"
#include "master/core/alloc/internal.h"

void alloc_offer_done(struct alloc_offer *o)
{
    resources_done(&o->resources);
    qvec_clear(&o->plain);
    qvec_clear(&o->guaranteed);
}

static bool big_enough(const struct allocator *a, const struct alloc_client *c, const struct resources *r)
{
    if (c->minimum == NULL)
        return alloc_minimum_reached(&a->minimum, r);
    return r->n != 0 && alloc_any_alternative_reached(c->minimum->alternatives, c->minimum->count, r);
}

/* --- quota --- */

int64_t alloc_quota_consumed(const struct alloc_role *r, uint32_t name)
{
    return qvec_get(&r->plain_used, name) + qvec_get(&r->reserved, name);
}

int64_t alloc_quota_left(const struct allocator *a, const struct alloc_role *r, uint32_t name)
{
    (void)a;
    if (r->quota == NULL)
        return INT64_MAX;
    for (uint32_t i = 0; i < r->quota->limit_count; i++)
        if (r->quota->limit[i].name == name) {
            int64_t left = r->quota->limit[i].milli - alloc_quota_consumed(r, name);
            return left > 0 ? left : 0;
        }
    return INT64_MAX;
}

static int64_t guarantee_left(const struct alloc_role *r, uint32_t name)
{
    if (r->quota == NULL)
        return 0;
    int64_t left = qvec_get(&r->quota->g, name) - alloc_quota_consumed(r, name);
    return left > 0 ? left : 0;
}

static int64_t room_beside_headroom(const struct allocator *a, uint32_t name)
{
    int64_t room = qvec_get(&a->run.room, name);
    int64_t left = (room > 0 ? room : 0) - qvec_get(&a->run.headroom, name);

    return left > 0 ? left : 0;
}

void alloc_quota_prepare(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    if (run->quota_known)
        return;
    qvec_clear(&run->headroom);
    qvec_clear(&run->room);
    for (uint32_t i = 0; i < a->quota_count; i++) {
        const struct alloc_role *r = a->limited[i];
        for (uint32_t n = 0; n < r->quota->g.n; n++) {
            int64_t left = guarantee_left(r, n);
            if (left > 0)
                qvec_add(&run->headroom, n, left);
        }
    }
    for (uint32_t n = 0; n < a->plain_total.n; n++)
        qvec_set(&run->room, n, qvec_get(&a->plain_total, n) - qvec_get(&a->plain_used, n));
    run->quota_known = true;
}

/* Most that quota lets pass of this name of plain resources. */
static int64_t quota_bound(const struct allocator *a, const struct alloc_role *role, enum alloc_phase stage,
                           uint32_t name)
{
    int64_t bound = qvec_has_positive(&a->run.headroom) ? room_beside_headroom(a, name) : INT64_MAX;
    int64_t left = alloc_quota_left(a, role, name);

    if (stage == ALLOC_PHASE_GUARANTEES)
        bound = milli_add_sat(bound, guarantee_left(role, name));
    return bound < left ? bound : left;
}

bool alloc_quota_is_dead(const struct allocator *a, const struct alloc_role *role, enum alloc_phase stage)
{
    for (size_t i = 0; i < a->minimum.count; i++) {
        const struct quantities *q = &a->minimum.alternatives[i];
        bool possible = true;
        for (uint32_t k = 0; k < q->n; k++) {
            uint32_t name = alloc_name_known(a, q->v[k].name);
            possible =
                possible && (name != ALLOC_NONE ? quota_bound(a, role, stage, name) : 0) >= q->v[k].milli;
        }
        if (possible)
            return false;
    }
    return a->minimum.count != 0;
}

/* --- eligibility --- */

static bool has_capability(const struct alloc_client *c, enum framework_capability cap)
{
    return framework_info_can(c->framework->info, cap);
}

/* What rules the agent out whatever is free on it; GRANTED: nothing does. */
static enum alloc_reason agent_excluded(const struct allocator *a, const struct alloc_agent *g,
                                        const struct alloc_client *c)
{
    if (c->framework->constraints != NULL &&
        !offer_constraints_admit(c->framework->constraints, c->role->name, g->info))
        return ALLOC_REASON_CONSTRAINT;
    if (g->has_gpus && a->filter_gpus && !has_capability(c, FRAMEWORK_CAP_GPU_RESOURCES))
        return ALLOC_REASON_GPU;
    if (g->remote && !has_capability(c, FRAMEWORK_CAP_REGION_AWARE))
        return ALLOC_REASON_REGION;
    if (has_capability(c, FRAMEWORK_CAP_MULTI_ROLE) && (g->capabilities & AGENT_CAP_MULTI_ROLE) == 0)
        return ALLOC_REASON_AGENT_MULTI_ROLE;
    if (c->role->depth > 1 && (g->capabilities & AGENT_CAP_HIERARCHICAL_ROLE) == 0)
        return ALLOC_REASON_AGENT_HIERARCHICAL_ROLE;
    return ALLOC_REASON_GRANTED;
}

static bool is_stripped(const struct alloc_client *c, const struct resource *x)
{
    return (x->shared && !has_capability(c, FRAMEWORK_CAP_SHARED_RESOURCES)) ||
           (x->revocable && !has_capability(c, FRAMEWORK_CAP_REVOCABLE_RESOURCES)) ||
           (resource_has_refined_reservations(x) && !has_capability(c, FRAMEWORK_CAP_RESERVATION_REFINEMENT));
}

static bool offered_in_this_run(const struct allocator *a, const struct alloc_agent *g,
                                const struct resource *x)
{
    return x->shared && g->run_shared_at == a->run.number && a->run.phase != ALLOC_PHASE_IDLE &&
           resources_contains_one(&g->run_shared, x);
}

/* X of section 15: what is available and may go to the role, before stripping. */
static struct resources on_the_table(const struct allocator *a, const struct alloc_agent *g,
                                     const struct alloc_client *c)
{
    struct resources x = RESOURCES_INIT;
    struct str role = name_str(c->role->name);

    for (uint32_t i = 0; i < g->available.n; i++) {
        const struct resource *e = &g->available.v[i];
        if (resource_allocatable_to(e, role) && !offered_in_this_run(a, g, e))
            resources_add(&x, e);
    }
    return x;
}

/* --- cutting to quota --- */

struct piece { /* a plain entry of X: how much of it goes into the offer */
    const struct resource *entry;
    uint32_t name;
    int64_t guaranteed; /* S */
    int64_t extra;      /* E */
};

struct pieces {
    struct piece *v;
    uint32_t n;
    uint32_t *order;
    struct qvec left; /* scratch of shrink */
};

static void pieces_done(struct pieces *p)
{
    free(p->v);
    free(p->order);
    qvec_clear(&p->left);
}

/* Without randomness: what cannot be cut comes first, so that the outcome does not depend on the order of the
 * entries. */
static void pieces_order(struct pieces *p, struct rng *rng)
{
    uint32_t first = 0, last = p->n;

    for (uint32_t i = p->n; i-- > 0;)
        if (resource_is_divisible(p->v[i].entry))
            p->order[--last] = i;
    for (uint32_t i = 0; i < p->n; i++)
        if (!resource_is_divisible(p->v[i].entry))
            p->order[first++] = i;
    for (uint32_t i = p->n; rng != NULL && i > 1; i--) {
        uint32_t k = (uint32_t)rng_below(rng, i), t = p->order[k];
        p->order[k] = p->order[i - 1];
        p->order[i - 1] = t;
    }
}

/* How much of amount passes when p->left allows; INT64_MAX there: no bound. */
static int64_t pass(struct pieces *p, const struct piece *x, int64_t amount)
{
    int64_t left = qvec_get(&p->left, x->name);

    if (left == INT64_MAX)
        return amount;
    if (amount > left)
        amount = resource_is_divisible(x->entry) ? left : 0;
    qvec_add(&p->left, x->name, -amount);
    return amount;
}

static void shrink_extra(struct pieces *p, struct rng *rng)
{
    pieces_order(p, rng);
    for (uint32_t i = 0; i < p->n; i++) {
        struct piece *x = &p->v[p->order[i]];
        x->extra = pass(p, x, x->extra);
    }
}

/* S = Shrink(Q, u), E = Q - S */
static bool cut_to_guarantee(const struct allocator *a, const struct alloc_role *role, struct pieces *p)
{
    bool any = false;

    for (uint32_t i = 0; i < p->n; i++)
        qvec_set(&p->left, p->v[i].name, guarantee_left(role, p->v[i].name));
    pieces_order(p, a->run.rng);
    for (uint32_t i = 0; i < p->n; i++) {
        struct piece *x = &p->v[p->order[i]];
        x->guaranteed = pass(p, x, x->extra);
        x->extra -= x->guaranteed;
        any = any || x->guaranteed > 0;
    }
    return any;
}

/* E = Shrink(E, L - consumed - S) */
static void cut_to_limit(const struct allocator *a, const struct alloc_role *role, struct pieces *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        qvec_set(&p->left, p->v[i].name, alloc_quota_left(a, role, p->v[i].name));
    for (uint32_t i = 0; i < p->n; i++) {
        int64_t left = qvec_get(&p->left, p->v[i].name);
        if (left != INT64_MAX)
            qvec_set(&p->left, p->v[i].name, left > p->v[i].guaranteed ? left - p->v[i].guaranteed : 0);
    }
    shrink_extra(p, a->run.rng);
}

/* E = Shrink(E, F - H) */
static void cut_to_headroom(const struct allocator *a, struct pieces *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        qvec_set(&p->left, p->v[i].name, room_beside_headroom(a, p->v[i].name));
    shrink_extra(p, a->run.rng);
}

/* --- the offer --- */

static struct pieces pieces_of(struct allocator *a, const struct resources *x)
{
    struct pieces p = { .v = xcalloc(x->n + 1, sizeof *p.v), .order = xcalloc(x->n + 1, sizeof *p.order) };

    for (uint32_t i = 0; i < x->n; i++)
        if (alloc_is_plain(&x->v[i]))
            p.v[p.n++] = (struct piece){ .entry = &x->v[i],
                                         .name = alloc_name_index(a, x->v[i].name),
                                         .extra = x->v[i].milli };
    return p;
}

static int64_t total_extra(const struct pieces *p)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < p->n; i++)
        sum = milli_add_sat(sum, p->v[i].extra);
    return sum;
}

/* Applies quota to the plain entries; false: nothing of the guarantee can be met here (stage 1). *ret_cut:
 * which rule took something away; GRANTED: none. */
static bool cut(struct allocator *a, const struct alloc_role *role, enum alloc_phase stage, struct pieces *p,
                enum alloc_reason *ret_cut)
{
    int64_t before;

    *ret_cut = ALLOC_REASON_GRANTED;
    if (stage == ALLOC_PHASE_GUARANTEES && !cut_to_guarantee(a, role, p)) {
        *ret_cut = ALLOC_REASON_QUOTA_LIMIT;
        return false;
    }
    before = total_extra(p);
    if (role->quota != NULL && role->quota->limit_count != 0)
        cut_to_limit(a, role, p);
    if (total_extra(p) != before)
        *ret_cut = ALLOC_REASON_QUOTA_LIMIT;
    before = total_extra(p);
    if (qvec_has_positive(&a->run.headroom))
        cut_to_headroom(a, p);
    if (total_extra(p) != before)
        *ret_cut = ALLOC_REASON_HEADROOM;
    return true;
}

static void assemble(const struct resources *x, const struct pieces *p, struct alloc_offer *ret)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (!alloc_is_plain(&x->v[i]))
            resources_add(&ret->resources, &x->v[i]);
    for (uint32_t i = 0; i < p->n; i++) {
        int64_t milli = p->v[i].guaranteed + p->v[i].extra;
        if (milli == 0)
            continue;
        struct resource y = resource_copy(p->v[i].entry);
        y.milli = milli;
        resources_add_take(&ret->resources, &y);
        qvec_add(&ret->plain, p->v[i].name, milli);
        if (p->v[i].guaranteed != 0)
            qvec_add(&ret->guaranteed, p->v[i].name, p->v[i].guaranteed);
    }
}

static enum alloc_reason judge(const struct allocator *a, const struct alloc_agent *g,
                               const struct alloc_client *c, const struct resources *offer,
                               int64_t *ret_until_ms)
{
    int64_t now_ms = a->run.now.ns / NS_PER_MS;

    if (!big_enough(a, c, offer))
        return offer->n == 0 ? ALLOC_REASON_NOTHING_FREE : ALLOC_REASON_TOO_SMALL;
    return filter_stops(a, g, c, offer, now_ms, ret_until_ms) ? ALLOC_REASON_FILTERED : ALLOC_REASON_GRANTED;
}

static void strip(const struct alloc_client *c, struct resources *x)
{
    for (uint32_t i = x->n; i-- > 0;)
        if (is_stripped(c, &x->v[i])) {
            struct resource gone = resource_copy(&x->v[i]);
            resources_sub(x, &gone);
            resource_done(&gone);
        }
}

static enum alloc_reason make_cut(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                                  enum alloc_phase stage, const struct resources *x, struct alloc_offer *ret,
                                  bool *ret_for_good, int64_t *ret_until_ms)
{
    CLEANUP(pieces_done) struct pieces p = pieces_of(a, x);
    enum alloc_reason cut_by, reason;
    bool some = cut(a, c->role, stage, &p, &cut_by);

    if (some) {
        assemble(x, &p, ret);
        reason = judge(a, g, c, &ret->resources, ret_until_ms);
        if (reason == ALLOC_REASON_GRANTED)
            return reason;
    } else {
        reason = ALLOC_REASON_TOO_SMALL;
    }
    if (cut_by == ALLOC_REASON_GRANTED) {
        *ret_for_good = true;
        return reason;
    }
    enum alloc_reason uncut = judge(a, g, c, x, ret_until_ms); /* would it be refused without quota, too? */
    *ret_for_good = uncut != ALLOC_REASON_GRANTED;
    if (*ret_for_good)
        return uncut;
    return reason == ALLOC_REASON_FILTERED ? reason : cut_by;
}

static enum alloc_reason make_general(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                                      enum alloc_phase stage, struct alloc_offer *ret, bool *ret_for_good,
                                      int64_t *ret_until_ms)
{
    CLEANUP(resources_done_p) struct resources x = on_the_table(a, g, c);
    enum alloc_reason reason = ALLOC_REASON_GRANTED;

    *ret_for_good = true;
    if (x.n == 0)
        reason = ALLOC_REASON_NOTHING_FREE;
    else if (!big_enough(a, c, &x))
        reason = ALLOC_REASON_TOO_SMALL;
    if (reason == ALLOC_REASON_GRANTED) {
        strip(c, &x);
        if (!big_enough(a, c, &x))
            reason = ALLOC_REASON_CAPABILITY;
    }
    if (reason == ALLOC_REASON_GRANTED) {
        reason = make_cut(a, g, c, stage, &x, ret, ret_for_good, ret_until_ms);
        if (reason != ALLOC_REASON_GRANTED)
            resources_done(&ret->resources);
    }
    /* What of shared resources is on the table depends on who was served before in this run. */
    if (g->has_shared)
        *ret_for_good = false;
    return reason;
}

enum alloc_reason alloc_offer_make(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                                   enum alloc_phase stage, struct alloc_offer *ret, bool *ret_for_good,
                                   int64_t *ret_until_ms)
{
    enum alloc_reason reason = agent_excluded(a, g, c);

    *ret = (struct alloc_offer){ .whole = false };
    *ret_for_good = true;
    if (reason != ALLOC_REASON_GRANTED)
        return reason;
    /* The common case: nothing special on the agent and no quota in the way, so all of it is meant. */
    if (g->plain && stage == ALLOC_PHASE_FAIR && g->ref != ALLOC_REF_UNKNOWN &&
        !qvec_has_positive(&a->run.headroom) &&
        (c->role->quota == NULL || c->role->quota->limit_count == 0)) {
        ret->whole = true;
        if (c->minimum == NULL && a->hot[g->slot].small)
            return g->available.n == 0 ? ALLOC_REASON_NOTHING_FREE : ALLOC_REASON_TOO_SMALL;
        if (c->minimum != NULL && !big_enough(a, c, &g->available))
            return ALLOC_REASON_TOO_SMALL;
        return filter_stops(a, g, c, &g->available, a->run.now.ns / NS_PER_MS, ret_until_ms)
                   ? ALLOC_REASON_FILTERED
                   : ALLOC_REASON_GRANTED;
    }
    return make_general(a, g, c, stage, ret, ret_for_good, ret_until_ms);
}
