/* SPDX-License-Identifier: Apache-2.0 */
/* The two stages on the candidates of a run: looking at pairs of agent and client in order, and granting.
 *
 * The order among roles and frameworks is taken once per agent; what a grant moves is put in its new place
 * when the agent is done (place_moved). Left out are clients that quota keeps from any useful amount of
 * unreserved resources (run.dead), on agents that have nothing else, and on agents that have only special
 * resources left all but the few clients that could take those (serve_special). Source: reference of the
 * allocator, section 15. */
#include <stdlib.h>

#include "master/core/alloc/internal.h"

enum {
    PICK_MAX = 24, /* up to so many possible clients, search among them instead of walking the whole order */
    SCAN_PER_WORK = 16 /* agents passed by that cost as much as one look at a pair */
};

/* --- order --- */

static void sort_all(struct allocator *a)
{
    if (a->run.sorted)
        return;
    sorter_sort_all(&a->root.tree, &a->totals);
    for (struct alloc_role *r = a->roles; r != NULL; r = r->hh.next)
        sorter_sort(&r->frameworks, &a->totals);
    a->run.sorted = true;
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

static void pending_add(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                        struct resources *r)
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
    if (x == y)
        return 0;
    if (x->role != y->role) {
        if (a->role_sorter == ALLOC_SORTER_DRF)
            return sorter_cmp_deep(alloc_role_leaf(x->role), alloc_role_leaf(y->role));
        return x->role->random_key < y->role->random_key ? -1 : 1;
    }
    if (a->framework_sorter == ALLOC_SORTER_DRF)
        return sorter_cmp(&x->node, &y->node);
    return x->random_key < y->random_key ? -1 : 1;
}

static int picked_cmp(const void *x, const void *y, void *a)
{
    return client_cmp(a, *(struct alloc_client *const *)x, *(struct alloc_client *const *)y);
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
            c->role->random_key =
                sorter_random_key(sorter_relative_weight(alloc_role_leaf(c->role)), run->rng);
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
    if (n > PICK_MAX) { /* searching for the first again and again would be quadratic */
        qsort_r(run->picked, n, sizeof(struct alloc_client *), picked_cmp, a);
        for (uint32_t i = 0; i < n && !is_finished(a, g); i++)
            look(a, g, run->picked[i]);
        return;
    }
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

/* The rest of an agent that has only special resources left: to the roles they are reserved for and their
 * sub-roles, to clients that take revocable ones, and to those whose own minimum may let pass what is not
 * scalar. */
static void serve_special(struct allocator *a, struct alloc_agent *g)
{
    struct alloc_run_state *run = &a->run;
    bool revocable = false;
    uint32_t n = 0;

    for (uint32_t i = 0; i < g->available.n; i++) {
        const struct resource *x = &g->available.v[i];
        struct alloc_role *r =
            x->reservations != NULL ? alloc_role_find(a, resource_reservation_role(x)) : NULL;
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
    if (count <= PICK_MAX || a->role_sorter == ALLOC_SORTER_RANDOM ||
        a->framework_sorter == ALLOC_SORTER_RANDOM)
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

bool alloc_stage_run(struct allocator *a)
{
    struct alloc_run_state *run = &a->run;

    stage_prepare(a);
    while (run->next < run->cand_count) {
        struct alloc_agent *g = alloc_candidate_get(a, run->cand[run->next]);
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
