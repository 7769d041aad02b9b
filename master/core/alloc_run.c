/* SPDX-License-Identifier: Apache-2.0 */
/* One allocation cycle: candidates, the two stages of section 15, inverse offers, results.
 *
 * A run may be cut into slices (work_max). Everything that a slice needs beyond the candidates and the grants so far is built anew
 * when the slice begins, so whatever happens in between is seen: agents and clients that left are skipped, amounts are
 * those of now. Grants are in the books at once, and handed out together when the run is done.
 *
 * The order among roles and frameworks is taken once per agent; what a grant moves is put in its new place when the agent is
 * done (place_moved).
 *
 * Agents that cannot have anything for anybody (nothing free, everybody blocked, too small) are left out before the
 * shuffle, in one pass over alloc_hot and the masks. Left out are also clients that quota keeps from any useful amount of
 * unreserved resources (run.dead), on agents that have nothing else. */
#include <stdlib.h>

#include "master/core/alloc_internal.h"

enum {
    PICK_MAX = 24,    /* up to so many possible clients, search among them instead of walking the whole order */
    SCAN_PER_WORK = 16 /* looks at a mask bit that cost as much as one look at a pair */
};

/* --- slices --- */

void alloc_run_books_changed(struct allocator *a)
{
    if (a->run.phase == ALLOC_PHASE_IDLE)
        return;
    a->run.sorted = false;
    a->run.quota_known = false;
}

void alloc_run_agent_left(struct allocator *a, struct alloc_agent *g)
{
    for (uint32_t i = g->grant_head; i != ALLOC_NONE; i = a->run.grants[i].next) {
        a->run.grants[i].client = NULL;
        resources_done(&a->run.grants[i].resources);
    }
    g->grant_head = ALLOC_NONE;
}

void alloc_run_client_left(struct allocator *a, struct alloc_client *c)
{
    for (uint32_t i = 0; i < a->run.grant_count; i++)
        if (a->run.grants[i].client == c) {
            a->run.grants[i].client = NULL;
            resources_done(&a->run.grants[i].resources);
        }
}

static void result_free(struct alloc_run_state *run)
{
    for (uint32_t i = 0; i < run->result_count; i++) {
        resources_done(&run->result[i].resources);
        name_unref(run->result[i].role);
    }
    run->result_count = 0;
    run->inverse_count = 0;
}

void alloc_run_done(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    result_free(run);
    free(run->result);
    for (uint32_t i = 0; i < run->grant_count; i++)
        resources_done(&run->grants[i].resources);
    free(run->grants);
    free(run->cand);
    free(run->maintained);
    free(run->hungry);
    free(run->moved);
    free(run->picked);
    free(run->inverse);
    qvec_clear(&run->headroom);
    qvec_clear(&run->room);
}

static void sort_all(struct allocator *a)
{
    if (a->run.sorted)
        return;
    sorter_sort_all(&a->root.tree, &a->totals);
    for (struct alloc_role *r = a->roles; r != NULL; r = r->hh.next)
        sorter_sort(&r->frameworks, &a->totals);
    a->run.sorted = true;
}

/* --- candidates --- */

static bool anybody_possible(const struct allocator *a, uint32_t slot)
{
    const struct alloc_hot *h = &a->hot[slot];
    const uint64_t *blocked = mask_blocked(a, slot), *among = h->small ? a->own_minimum : a->active;

    for (uint32_t i = 0; i < a->mask_words; i++)
        if ((a->active[i] & among[i] & ~blocked[i]) != 0)
            return true;
    return false;
}

static void candidate_consider(struct allocator *a, uint32_t slot)
{
    struct alloc_run_state *run = &a->run;
    struct alloc_hot *h = &a->hot[slot];
    struct alloc_candidate cand = { slot, h->gen };

    mask_agent_sync(a, slot);
    if (run->now.ns / NS_PER_MS >= h->next_expiry_ms)
        filter_agent_expire(a, h->agent, run->now.ns / NS_PER_MS);
    if (!h->usable)
        return;
    if (h->maintained) {
        ARRAY_ROOM(run->maintained, run->maintained_count, run->maintained_cap);
        run->maintained[run->maintained_count++] = cand;
    }
    if (!h->free || (h->ref_known && !anybody_possible(a, slot)))
        return;
    ARRAY_ROOM(run->cand, run->cand_count, run->cand_cap);
    run->cand[run->cand_count++] = cand;
}

static int by_slot(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

    return a < b ? -1 : a > b;
}

static void candidates_collect(struct allocator *a)
{
    if (a->pending_count > 1)
        qsort(a->pending, a->pending_count, sizeof *a->pending, by_slot);
    for (uint32_t i = 0; i < a->pending_count; i++) {
        struct alloc_hot *h = &a->hot[a->pending[i]];
        if (h->agent != NULL && h->pending && !a->run.all)
            candidate_consider(a, a->pending[i]);
        h->pending = false;
    }
    a->pending_count = 0;
    a->pending_all = a->pending_some = false;
    if (!a->run.all)
        return;
    for (uint32_t i = 0; i < a->agent_slots; i++)
        if (a->hot[i].agent != NULL)
            candidate_consider(a, i);
    if (a->mask_cap != 0) /* every agent has taken it over */
        memset(a->cleared, 0, a->mask_cap * sizeof *a->cleared);
}

static void shuffle(struct alloc_run_state *run)
{
    for (uint32_t i = run->cand_count; run->rng != NULL && i > 1; i--) {
        uint32_t k = (uint32_t)rng_below(run->rng, i);
        struct alloc_candidate t = run->cand[k];
        run->cand[k] = run->cand[i - 1];
        run->cand[i - 1] = t;
    }
    run->next = 0;
}

static struct alloc_agent *candidate_get(const struct allocator *a, struct alloc_candidate cand)
{
    const struct alloc_hot *h = &a->hot[cand.slot];

    return h->agent != NULL && h->gen == cand.gen && h->usable ? h->agent : NULL;
}

/* --- granting --- */

static void moved(struct allocator *a, struct sorter_node *n)
{
    struct alloc_run_state *run = &a->run;

    if (n->parent == NULL) {
        n->count++;
        return;
    }
    n->granted++;
    for (uint32_t i = 0; i < run->moved_count; i++)
        if (run->moved[i] == n)
            return;
    ARRAY_ROOM(run->moved, run->moved_count, run->moved_cap);
    run->moved[run->moved_count++] = n;
}

static struct alloc_role *role_of_tree(const struct sorter_node *n)
{
    return (struct alloc_role *)((char *)(uintptr_t)n - offsetof(struct alloc_role, tree));
}

static bool is_hungry(const struct alloc_role *r)
{
    if (r->quota == NULL)
        return false;
    for (uint32_t n = 0; n < r->quota->g.n; n++)
        if (qvec_get(&r->quota->g, n) > alloc_quota_consumed(r, n))
            return true;
    return false;
}

static void hungry_mask_change(struct allocator *a, const struct alloc_role *r, bool set)
{
    for (uint32_t i = 0; i < r->client_count; i++)
        (set ? mask_set : mask_clear)(a->run.hungry_mask, r->clients[i]->slot);
}

static bool hungry_lift(struct allocator *a, const struct alloc_role *r)
{
    struct alloc_run_state *run = &a->run;
    uint32_t i = 0;

    while (i < run->hungry_count && run->hungry[i] != r)
        i++;
    if (i == run->hungry_count)
        return false;
    memmove(run->hungry + i, run->hungry + i + 1, (run->hungry_count - i - 1) * sizeof *run->hungry);
    run->hungry_count--;
    return true;
}

static void hungry_drop_in(struct allocator *a, struct alloc_role *r)
{
    struct alloc_run_state *run = &a->run;
    uint32_t lo = 0, hi = run->hungry_count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (sorter_cmp(&run->hungry[mid]->tree, &r->tree) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    memmove(run->hungry + lo + 1, run->hungry + lo, (run->hungry_count - lo) * sizeof *run->hungry);
    run->hungry[lo] = r;
    run->hungry_count++;
}

/* The top-level roles that were served leave the hungry ones or move back among them. */
static void hungry_place(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;
    uint32_t lifted = 0;

    for (uint32_t i = 0; i < run->moved_count; i++) {
        struct alloc_role *r;
        if (run->moved[i]->parent != &a->root.tree || !hungry_lift(a, r = role_of_tree(run->moved[i])))
            continue;
        if (is_hungry(r))
            run->moved[lifted++] = run->moved[i];
        else
            hungry_mask_change(a, r, false);
    }
    for (uint32_t i = 0; i < lifted; i++)
        hungry_drop_in(a, role_of_tree(run->moved[i]));
}

static void place_moved(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    sorter_place_all(run->moved, run->moved_count, &a->totals);
    if (run->phase == ALLOC_PHASE_GUARANTEES)
        hungry_place(a);
    run->moved_count = 0;
}

/* Takes the offer from what is available: the entries move out or are copied, without a role yet. */
static struct resources take_available(struct allocator *a, struct alloc_agent *g, struct alloc_offer *o)
{
    struct resources r = o->whole ? g->available : o->resources;

    if (o->whole)
        g->available = RESOURCES_INIT;
    else
        o->resources = RESOURCES_INIT;
    for (uint32_t i = 0; i < r.n && !o->whole; i++) {
        if (r.v[i].shared) {
            if (g->run_shared_at != a->run.number)
                resources_done(&g->run_shared);
            g->run_shared_at = a->run.number;
            resources_add(&g->run_shared, &r.v[i]);
        } else {
            resources_sub(&g->available, &r.v[i]);
        }
    }
    a->hot[g->slot].free = g->available.n != 0;
    if (g->ref != ALLOC_REF_UNKNOWN) {
        g->ref = ALLOC_REF_BELOW;
        g->below_run = a->run.number;
        alloc_available_scan(a, g);
    }
    return r;
}

static void pending_add(struct allocator *a, struct alloc_agent *g, struct alloc_client *c, struct resources *r)
{
    struct alloc_run_state *run = &a->run;

    for (uint32_t i = g->grant_head; i != ALLOC_NONE; i = run->grants[i].next)
        if (run->grants[i].client == c) { /* both stages: one offer */
            resources_add_all(&run->grants[i].resources, r);
            resources_done(r);
            return;
        }
    ARRAY_ROOM(run->grants, run->grant_count, run->grant_cap);
    run->grants[run->grant_count] = (struct alloc_pending){ c, g->slot, g->gen, g->grant_head, *r };
    g->grant_head = run->grant_count++;
}

static void quota_charge(struct allocator *a, const struct alloc_offer *o)
{
    struct alloc_run_state *run = &a->run;

    for (uint32_t n = 0; n < o->plain.n; n++)
        if (qvec_get(&o->plain, n) != 0)
            qvec_add(&run->room, n, -qvec_get(&o->plain, n));
    for (uint32_t n = 0; n < o->guaranteed.n; n++) {
        int64_t left = qvec_get(&run->headroom, n), s = qvec_get(&o->guaranteed, n);
        if (s != 0)
            qvec_set(&run->headroom, n, left > s ? left - s : 0);
    }
}

static void grant(struct allocator *a, struct alloc_agent *g, struct alloc_client *c, struct alloc_offer *o)
{
    bool all = o->whole && g->ref == ALLOC_REF_EQUAL, small = a->hot[g->slot].small;
    struct resources r = take_available(a, g, o);
    struct alloc_role *leaf = c->role;

    resources_allocate(&r, c->role->name);
    struct alloc_holding *h = alloc_hold_add(a, g, c, &r, ALLOC_OFFERED);
    h->whole_of = all && h->offered.n == r.n ? g->reference_number : 0;
    h->whole_small = small;
    moved(a, &c->node);
    moved(a, &leaf->self);
    for (struct alloc_role *up = leaf; up->parent != NULL; up = up->parent)
        moved(a, &up->tree);
    quota_charge(a, o);
    alloc_log_add(a, a->run.now, c, g, ALLOC_REASON_GRANTED, &r, 0);
    a->stats.grants++;
    pending_add(a, g, c, &r);
}

/* --- looking at one pair --- */

static void mark_dead(struct allocator *a, struct alloc_role *r)
{
    if (!alloc_quota_is_dead(a, r, a->run.phase))
        return;
    for (uint32_t i = 0; i < r->client_count; i++)
        if (r->clients[i]->minimum == NULL)
            mask_set(a->run.dead, r->clients[i]->slot);
}

static void look(struct allocator *a, struct alloc_agent *g, struct alloc_client *c)
{
    struct alloc_offer o;
    bool for_good;
    int64_t until_ms = 0;
    enum alloc_reason reason = alloc_offer_make(a, g, c, a->run.phase, &o, &for_good, &until_ms);

    mask_clear(a->run.scratch, c->slot); /* once per agent and stage */
    a->stats.looks++;
    a->run.work = a->run.work > 1 ? a->run.work - 1 : 0;
    if (reason == ALLOC_REASON_GRANTED) {
        grant(a, g, c, &o);
    } else if (for_good) {
        if (g->ref == ALLOC_REF_EQUAL) {
            mask_set(mask_blocked(a, g->slot), c->slot);
            alloc_log_add(a, a->run.now, c, g, reason, &g->available, until_ms * NS_PER_MS);
        }
    } else if (g->plain && (reason == ALLOC_REASON_QUOTA_LIMIT || reason == ALLOC_REASON_HEADROOM)) {
        alloc_log_add(a, a->run.now, c, g, reason, &g->available, 0);
        mark_dead(a, c->role);
    }
    alloc_offer_done(&o);
}

/* Clients worth a look on g in this stage, in run.scratch; how many. */
static uint32_t possible_clients(struct allocator *a, const struct alloc_agent *g)
{
    struct alloc_run_state *run = &a->run;
    const uint64_t *blocked = mask_blocked(a, g->slot);
    bool small = a->hot[g->slot].small;
    uint32_t count = 0;

    for (uint32_t i = 0; i < a->mask_words; i++) {
        uint64_t w = a->active[i] & ~blocked[i];
        if (run->phase == ALLOC_PHASE_GUARANTEES)
            w &= run->hungry_mask[i];
        if (small)
            w &= a->own_minimum[i];
        if (g->plain)
            w &= ~run->dead[i];
        run->scratch[i] = w;
        count += (uint32_t)__builtin_popcountll(w);
    }
    return count;
}

/* Only reserved or revocable resources are left, so few of the clients are worth a look. */
static bool is_special(const struct allocator *a, const struct alloc_agent *g)
{
    return g->special && a->minimum.count != 0;
}

/* Nothing is left for anybody else on this agent in this stage. */
static bool is_finished(const struct allocator *a, const struct alloc_agent *g)
{
    const struct alloc_hot *h = &a->hot[g->slot];

    if (!h->free || (a->run.phase == ALLOC_PHASE_GUARANTEES && g->special))
        return true;
    if (!h->small)
        return false;
    for (uint32_t i = 0; i < a->mask_words; i++)
        if ((a->run.scratch[i] & a->own_minimum[i]) != 0)
            return false;
    return true;
}

/* Tries the role's clients in their order; false: the agent is finished. */
static bool serve_role(struct allocator *a, struct alloc_agent *g, struct alloc_role *r)
{
    for (uint32_t i = 0; i < r->frameworks.kid_count; i++) {
        struct alloc_client *c = (struct alloc_client *)r->frameworks.kids[i]; /* node is its first member */
        if (!mask_get(a->run.scratch, c->slot))
            continue;
        if (a->run.phase == ALLOC_PHASE_GUARANTEES && !is_hungry(r))
            return true;
        look(a, g, c);
        if (is_finished(a, g) || is_special(a, g))
            return false;
    }
    return true;
}

/* --- stage 2 on one agent --- */

static bool walk(struct allocator *a, struct alloc_agent *g, struct sorter_node *n, struct alloc_role *owner)
{
    for (uint32_t i = 0; i < n->kid_count; i++) {
        struct sorter_node *kid = n->kids[i];
        bool is_self = kid == &owner->self;
        struct alloc_role *r = is_self ? owner : role_of_tree(kid);
        bool go_on = kid->kid_count != 0 ? walk(a, g, kid, r) : serve_role(a, g, r);
        if (!go_on)
            return false;
    }
    return true;
}

static int client_cmp(const struct allocator *a, const struct alloc_client *x, const struct alloc_client *y)
{
    if (x->role != y->role) {
        if (a->role_sorter == ALLOC_SORTER_DRF)
            return sorter_cmp_deep(alloc_role_leaf(x->role), alloc_role_leaf(y->role));
        return x->role->random_key < y->role->random_key ? -1 : 1;
    }
    if (a->framework_sorter == ALLOC_SORTER_DRF)
        return sorter_cmp(&x->node, &y->node);
    return x->random_key < y->random_key ? -1 : 1;
}

static void picked_add(struct alloc_run_state *run, struct alloc_client *c, uint32_t *n)
{
    ARRAY_ROOM(run->picked, *n, run->picked_cap);
    run->picked[(*n)++] = c;
}

/* Keys for the random order: one per role and one per client. */
static void draw_keys(struct allocator *a, uint32_t n)
{
    struct alloc_run_state *run = &a->run;

    for (uint32_t i = 0; i < n; i++)
        run->picked[i]->role->order_mark = 0;
    for (uint32_t i = 0; i < n && run->rng != NULL; i++) {
        struct alloc_client *c = run->picked[i];
        if (c->role->order_mark == 0)
            c->role->random_key = sorter_random_key(sorter_relative_weight(alloc_role_leaf(c->role)), run->rng);
        c->role->order_mark = 1;
        c->random_key = sorter_random_key(1, run->rng);
    }
}

/* The picked clients one after the other, each time the first in order of the rest. */
static void serve_picked(struct allocator *a, struct alloc_agent *g, uint32_t n)
{
    struct alloc_run_state *run = &a->run;

    if (a->role_sorter == ALLOC_SORTER_RANDOM || a->framework_sorter == ALLOC_SORTER_RANDOM)
        draw_keys(a, n);
    while (n > 0) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < n; i++)
            if (client_cmp(a, run->picked[i], run->picked[first]) < 0)
                first = i;
        struct alloc_client *c = run->picked[first];
        run->picked[first] = run->picked[--n];
        look(a, g, c);
        if (is_finished(a, g))
            return;
    }
}

static void serve_all_picked(struct allocator *a, struct alloc_agent *g)
{
    struct alloc_run_state *run = &a->run;
    uint32_t n = 0;

    for (uint32_t i = 0; i < a->mask_words; i++)
        for (uint64_t w = run->scratch[i]; w != 0; w &= w - 1)
            picked_add(run, a->clients[i * 64 + (uint32_t)__builtin_ctzll(w)], &n);
    serve_picked(a, g, n);
}

static void special_role(struct allocator *a, struct alloc_role *r, uint32_t *n)
{
    struct alloc_run_state *run = &a->run;

    for (uint32_t i = 0; i < r->frameworks.kid_count; i++) {
        struct alloc_client *c = (struct alloc_client *)r->frameworks.kids[i];
        if (mask_get(run->scratch, c->slot)) {
            mask_clear(run->scratch, c->slot);
            picked_add(run, c, n);
        }
    }
    for (uint32_t i = 0; i < r->tree.kid_count; i++)
        if (r->tree.kids[i] != &r->self)
            special_role(a, role_of_tree(r->tree.kids[i]), n);
}

/* The rest of an agent that has only special resources left: to the roles they are reserved for and their sub-roles, to clients
 * that take revocable ones, and to those whose own minimum may let pass what is not scalar. */
static void serve_special(struct allocator *a, struct alloc_agent *g)
{
    struct alloc_run_state *run = &a->run;
    bool revocable = false;
    uint32_t n = 0;

    for (uint32_t i = 0; i < g->available.n; i++) {
        const struct resource *x = &g->available.v[i];
        struct alloc_role *r = x->reservations != NULL ? alloc_role_find(a, resource_reservation_role(x)) : NULL;
        revocable = revocable || x->revocable;
        if (r != NULL)
            special_role(a, r, &n);
    }
    for (uint32_t i = 0; i < a->mask_words; i++) {
        uint64_t w = run->scratch[i] & (a->own_minimum[i] | (revocable ? a->revocable[i] : 0));
        for (; w != 0; w &= w - 1)
            picked_add(run, a->clients[i * 64 + (uint32_t)__builtin_ctzll(w)], &n);
    }
    serve_picked(a, g, n);
}

static bool prepare_agent(struct allocator *a, struct alloc_agent *g)
{
    if (!a->hot[g->slot].free)
        return false;
    mask_agent_sync(a, g->slot);
    mask_agent_reference(a, g);
    return true;
}

static void visit_fair(struct allocator *a, struct alloc_agent *g)
{
    uint32_t count;

    if (!prepare_agent(a, g) || (count = possible_clients(a, g)) == 0)
        return;
    sort_all(a);
    if (count <= PICK_MAX || a->role_sorter == ALLOC_SORTER_RANDOM || a->framework_sorter == ALLOC_SORTER_RANDOM)
        serve_all_picked(a, g);
    else if (is_special(a, g) || !walk(a, g, &a->root.tree, &a->root))
        if (!is_finished(a, g))
            serve_special(a, g);
    place_moved(a);
}

/* --- stage 1 on one agent --- */

static void visit_guarantees(struct allocator *a, struct alloc_agent *g)
{
    struct alloc_run_state *run = &a->run;

    if (!prepare_agent(a, g) || g->special || possible_clients(a, g) == 0)
        return;
    sort_all(a);
    for (uint32_t i = 0; i < run->hungry_count; i++)
        if (!serve_role(a, g, run->hungry[i]))
            break;
    place_moved(a);
}

static int hungry_cmp(const void *x, const void *y)
{
    return sorter_cmp(&(*(struct alloc_role *const *)x)->tree, &(*(struct alloc_role *const *)y)->tree);
}

static void hungry_collect(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    run->hungry_count = 0;
    if (a->mask_cap != 0)
        memset(run->hungry_mask, 0, a->mask_cap * sizeof *run->hungry_mask);
    for (uint32_t i = 0; i < a->quota_count; i++) {
        struct alloc_role *r = a->limited[i];
        if (r->frameworks.kid_count == 0 || !is_hungry(r))
            continue;
        ARRAY_ROOM(run->hungry, run->hungry_count, run->hungry_cap);
        run->hungry[run->hungry_count++] = r;
        hungry_mask_change(a, r, true);
    }
    if (run->hungry_count == 0)
        return;
    sort_all(a);
    qsort(run->hungry, run->hungry_count, sizeof(struct alloc_role *), hungry_cmp);
}

/* --- stages --- */

static void stage_prepare(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    alloc_quota_prepare(a);
    if (a->mask_cap != 0)
        memset(run->dead, 0, a->mask_cap * sizeof *run->dead);
    if (run->phase == ALLOC_PHASE_GUARANTEES)
        hungry_collect(a);
    if (run->phase == ALLOC_PHASE_FAIR || run->hungry_count != 0)
        for (uint32_t i = 0; i < a->quota_count; i++)
            mark_dead(a, a->limited[i]);
}

/* Candidates come in random order: their memory is asked for ahead of time. */
static void prefetch(const struct allocator *a, uint32_t next)
{
    const struct alloc_run_state *run = &a->run;
    enum { FAR = 12, MIDDLE = 8, NEAR = 4 };

    if (next + FAR < run->cand_count) {
        uint32_t slot = run->cand[next + FAR].slot;
        __builtin_prefetch(&a->hot[slot]);
        __builtin_prefetch(mask_blocked(a, slot));
        __builtin_prefetch(mask_blocked(a, slot) + 8);
    }
    if (next + MIDDLE < run->cand_count) {
        const char *g = (const char *)a->hot[run->cand[next + MIDDLE].slot].agent;
        __builtin_prefetch(g);
        __builtin_prefetch(g + 64);
    }
    if (next + NEAR < run->cand_count) {
        const struct alloc_agent *g = a->hot[run->cand[next + NEAR].slot].agent;
        if (g != NULL) {
            __builtin_prefetch(g->available.v);
            __builtin_prefetch((const char *)g->available.v + 64);
            __builtin_prefetch((const char *)g->available.v + 128);
            __builtin_prefetch(g->holdings);
        }
    }
}

/* true: all candidates were visited. */
static bool stage_run(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    stage_prepare(a);
    while (run->next < run->cand_count) {
        struct alloc_agent *g = candidate_get(a, run->cand[run->next]);
        if (run->phase == ALLOC_PHASE_GUARANTEES && run->hungry_count == 0)
            return true;
        if (run->work == 0)
            return false;
        run->next++;
        prefetch(a, run->next);
        if (g == NULL)
            continue;
        if (run->next % SCAN_PER_WORK == 0)
            run->work--;
        if (run->phase == ALLOC_PHASE_GUARANTEES)
            visit_guarantees(a, g);
        else
            visit_fair(a, g);
    }
    return true;
}

static void run_start(struct allocator *a, bool all)
{
    struct alloc_run_state *run = &a->run;

    run->number++;
    run->all = all;
    run->cand_count = run->maintained_count = 0;
    run->quota_known = run->sorted = false;
    candidates_collect(a);
    shuffle(run);
    run->phase = ALLOC_PHASE_GUARANTEES;
}

/* --- the end of a run --- */

/* Gives back what must not be handed out any more: the client or agent stopped taking part between two slices. */
static bool is_deliverable(struct allocator *a, struct alloc_pending *p)
{
    struct alloc_hot *h = &a->hot[p->agent];
    struct alloc_client *c = p->client;

    if (h->agent != NULL && h->gen == p->agent_gen)
        h->agent->grant_head = ALLOC_NONE;
    if (c == NULL) /* left, and its grants with it */
        return false;
    if (c->subscribed && c->framework->active && h->usable)
        return true;
    struct resources r = p->resources;
    p->client = NULL;
    p->resources = RESOURCES_INIT;
    alloc_give_back(a, h->agent, c, &r, ALLOC_OFFERED);
    resources_done(&r);
    return false;
}

/* Groups by framework slot, keeping the order within. */
static void deliver(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;
    uint32_t *start = xcalloc(a->framework_slots + 1, sizeof *start);
    uint32_t n = 0;

    for (uint32_t i = 0; i < run->grant_count; i++)
        if (is_deliverable(a, &run->grants[i])) {
            start[run->grants[i].client->framework->slot + 1]++;
            n++;
        }
    for (uint32_t i = 0; i < a->framework_slots; i++)
        start[i + 1] += start[i];
    if (n > run->result_cap || run->result == NULL) {
        free(run->result);
        run->result_cap = n + n / 2 + 1;
        run->result = xcalloc(run->result_cap, sizeof *run->result);
    }
    run->result_count = n;
    for (uint32_t i = 0; i < run->grant_count; i++) {
        struct alloc_pending *p = &run->grants[i];
        if (p->client == NULL)
            continue;
        run->result[start[p->client->framework->slot]++] =
            (struct alloc_grant){ alloc_framework_ref(p->client->framework), { p->agent, p->agent_gen },
                                  name_ref(p->client->role->name), p->resources };
    }
    run->grant_count = 0;
    free(start);
}

static void inverse_consider(struct allocator *a, struct alloc_agent *g, const struct alloc_framework *f)
{
    struct alloc_run_state *run = &a->run;
    struct framework_ref ref = alloc_framework_ref(f);
    struct alloc_inverse_state *s = alloc_inverse_find(g, ref);

    if (!f->active || (s != NULL && (s->outstanding || mono_before(run->now, s->filter_until))))
        return;
    if (s == NULL) {
        ARRAY_ROOM(g->inverses, g->inverse_count, g->inverse_cap);
        s = &g->inverses[g->inverse_count++];
        *s = (struct alloc_inverse_state){ .framework = ref, .filter_until = { INT64_MIN } };
    }
    s->outstanding = true;
    ARRAY_ROOM(run->inverse, run->inverse_count, run->inverse_cap);
    run->inverse[run->inverse_count++] = (struct alloc_inverse){ ref, alloc_agent_ref(g), g->unavailability };
}

static void inverse_run(struct allocator *a)
{
    const struct alloc_holding *h;

    for (uint32_t i = 0; i < a->run.maintained_count; i++) {
        struct alloc_agent *g = candidate_get(a, a->run.maintained[i]);
        if (g == NULL || !g->has_unavailability)
            continue;
        DL_FOREACH2(g->holdings, h, agent_next)
        {
            inverse_consider(a, g, h->client->framework);
        }
    }
}

static void run_finish(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    deliver(a);
    inverse_run(a);
    run->phase = ALLOC_PHASE_IDLE;
    run->sorted = false;
    a->stats.runs++;
    if (run->all || !a->timer_armed) {
        a->timer = mono_add(run->now, a->interval_ns);
        a->timer_armed = true;
    }
}

/* --- interface --- */

struct mono allocator_wake_at(const struct allocator *a)
{
    const struct mono at_once = { 0 };

    if (a->run.phase != ALLOC_PHASE_IDLE)
        return at_once;
    if (a->paused)
        return a->pause_until;
    if (a->pending_all || a->pending_some)
        return at_once;
    if (a->agent_count == 0)
        return MONO_NEVER;
    return a->timer_armed ? a->timer : at_once;
}

enum alloc_run allocator_run(struct allocator *a, struct mono now, struct rng *rng, size_t work_max,
                             struct alloc_result *ret)
{
    struct alloc_run_state *run = &a->run;

    *ret = (struct alloc_result){ NULL, 0, NULL, 0 };
    result_free(run);
    run->now = now;
    run->rng = rng;
    run->work = work_max != 0 ? work_max : SIZE_MAX;
    if (run->phase == ALLOC_PHASE_IDLE) {
        bool due = a->agent_count != 0 && (!a->timer_armed || !mono_before(now, a->timer));
        if (a->paused && mono_before(now, a->pause_until))
            return ALLOC_RUN_IDLE;
        if (a->paused) {
            a->paused = false;
            alloc_pending_all(a);
        }
        if (!a->pending_all && !a->pending_some && !due)
            return ALLOC_RUN_IDLE;
        run_start(a, a->pending_all || due);
    }
    if (run->phase == ALLOC_PHASE_GUARANTEES) {
        if (!stage_run(a))
            return ALLOC_RUN_MORE;
        shuffle(run);
        run->phase = ALLOC_PHASE_FAIR;
    }
    if (!stage_run(a))
        return ALLOC_RUN_MORE;
    run_finish(a);
    *ret = (struct alloc_result){ run->result, run->result_count, run->inverse, run->inverse_count };
    return ALLOC_RUN_DONE;
}
