/* SPDX-License-Identifier: Apache-2.0 */
/* The books: what each client holds of each agent, what is available, and the sums over roles and the cluster
 * that order and quota read. Every change goes through sums_change, which is its own inverse with the other
 * sign; allocator_check recomputes all of it.
 *
 * Shared resources are always available and count once per client and agent however many copies are held (and
 * once per role and agent, for the role's sums): their sums change when the first copy comes or the last one
 * goes. */
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/model/role.h"
#include "master/core/alloc/internal.h"

/* --- sums of the holdings --- */

static void role_sums_change(struct allocator *a, struct alloc_role *r, uint32_t name, int64_t milli,
                             bool plain, bool allocated)
{
    for (; r != &a->root; r = r->parent) {
        qvec_add(&r->tree.used, name, milli);
        if (plain)
            qvec_add(&r->plain_used, name, milli);
        if (allocated) {
            qvec_add(&r->allocated, name, milli);
            if (plain)
                qvec_add(&r->plain_allocated, name, milli);
        }
    }
    qvec_add(&a->root.tree.used, name, milli);
}

static void sums_change(struct allocator *a, struct alloc_client *c, const struct resource *x, int sign,
                        enum alloc_state state)
{
    if (x->type != VALUE_SCALAR)
        return;
    uint32_t name = alloc_name_index(a, x->name);
    bool plain = alloc_is_plain(x);
    int64_t milli = sign * x->milli;

    qvec_add(&c->node.used, name, milli);
    qvec_add(&c->role->self.used, name, milli);
    role_sums_change(a, c->role, name, milli, plain, state == ALLOC_ALLOCATED);
    if (plain)
        qvec_add(&a->plain_used, name, milli);
}

/* Does some client in this scope hold x on g? c alone, or a role (exactly, or with what is below). */
struct scope {
    const struct alloc_client *client;
    const struct alloc_role *role;
    bool below, allocated_only;
};

static bool held_within(const struct alloc_agent *g, const struct resource *x, struct scope s)
{
    const struct alloc_holding *h;

    DL_FOREACH2(g->holdings, h, agent_next)
    {
        struct resource y = *x; /* only looked at */
        if (s.client != NULL && h->client != s.client)
            continue;
        if (s.role != NULL &&
            (s.below ? !alloc_role_is_within(h->client->role, s.role) : h->client->role != s.role))
            continue;
        y.role = h->client->role->name;
        y.copies = 1;
        if (resources_contains_one(&h->allocated, &y) ||
            (!s.allocated_only && resources_contains_one(&h->offered, &y)))
            return true;
    }
    return false;
}

/* As sums_change for a shared entry; called while the holding does not have it (before the add, after the
 * removal). */
static void shared_sums_change(struct allocator *a, const struct alloc_agent *g, struct alloc_client *c,
                               const struct resource *x, int sign, enum alloc_state state)
{
    uint32_t name = alloc_name_index(a, x->name);
    int64_t milli = sign * x->milli;

    if (x->type != VALUE_SCALAR)
        return;
    if (!held_within(g, x, (struct scope){ .client = c }))
        qvec_add(&c->node.used, name, milli);
    if (!held_within(g, x, (struct scope){ .role = c->role }))
        qvec_add(&c->role->self.used, name, milli);
    for (struct alloc_role *r = c->role; r != NULL; r = r->parent) {
        if (!held_within(g, x, (struct scope){ .role = r, .below = true }))
            qvec_add(&r->tree.used, name, milli);
        if (state == ALLOC_ALLOCATED && r->parent != NULL &&
            !held_within(g, x, (struct scope){ .role = r, .below = true, .allocated_only = true }))
            qvec_add(&r->allocated, name, milli);
    }
}

void alloc_client_touch(struct alloc_client *c)
{
    sorter_touch(&c->node);
    sorter_touch(&c->role->self);
    for (struct alloc_role *r = c->role; r->parent != NULL; r = r->parent)
        sorter_touch(&r->tree);
}

/* --- holdings --- */

struct alloc_holding *alloc_holding_find(const struct alloc_agent *g, const struct alloc_client *c)
{
    struct alloc_holding *h;

    DL_FOREACH2(g->holdings, h, agent_next)
    {
        if (h->client == c)
            return h;
    }
    return NULL;
}

static struct alloc_holding *holding_ensure(struct alloc_agent *g, struct alloc_client *c)
{
    struct alloc_holding *h = alloc_holding_find(g, c);

    if (h != NULL)
        return h;
    h = xcalloc(1, sizeof *h);
    h->client = c;
    h->agent = g;
    DL_APPEND2(g->holdings, h, agent_prev, agent_next);
    DL_APPEND2(c->holdings, h, client_prev, client_next);
    return h;
}

static void holding_free(struct allocator *a, struct alloc_holding *h)
{
    struct alloc_client *c = h->client;

    DL_DELETE2(h->agent->holdings, h, agent_prev, agent_next);
    DL_DELETE2(c->holdings, h, client_prev, client_next);
    resources_done(&h->offered);
    resources_done(&h->allocated);
    free(h);
    alloc_client_release(a, c);
}

static void holding_put(struct allocator *a, struct alloc_holding *h, const struct resource *x,
                        enum alloc_state state)
{
    struct resource y = resource_copy(x);

    h->whole_of = 0;
    if (y.role != h->client->role->name) {
        name_unref(y.role);
        y.role = name_ref(h->client->role->name);
    }
    if (x->shared)
        shared_sums_change(a, h->agent, h->client, x, 1, state);
    else
        sums_change(a, h->client, x, 1, state);
    resources_add_take(state == ALLOC_OFFERED ? &h->offered : &h->allocated, &y);
}

static void holding_take(struct allocator *a, struct alloc_holding *h, const struct resource *x,
                         enum alloc_state state)
{
    struct resources *from = state == ALLOC_OFFERED ? &h->offered : &h->allocated;
    struct resource y = *x; /* borrowed */

    h->whole_of = 0;
    y.role = h->client->role->name;
    ASSERT(resources_contains_one(from, &y));
    resources_sub(from, &y);
    if (x->shared)
        shared_sums_change(a, h->agent, h->client, x, -1, state);
    else
        sums_change(a, h->client, x, -1, state);
}

struct alloc_holding *alloc_hold_add(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                                     const struct resources *r, enum alloc_state state)
{
    struct alloc_holding *h = holding_ensure(g, c);
    struct resources *to = state == ALLOC_OFFERED ? &h->offered : &h->allocated;

    if (to->n == 0 && !g->has_shared && resources_role(r, NULL) == c->role->name) { /* the whole, as it is */
        resources_done(to);
        *to = resources_copy(r);
        for (uint32_t i = 0; i < r->n; i++)
            sums_change(a, c, &r->v[i], 1, state);
        return h;
    }
    for (uint32_t i = 0; i < r->n; i++)
        holding_put(a, h, &r->v[i], state);
    return h;
}

/* --- what is available --- */

void alloc_available_changed(struct allocator *a, struct alloc_agent *g)
{
    struct alloc_hot *h = &a->hot[g->slot];

    g->ref = ALLOC_REF_UNKNOWN;
    h->ref_known = false;
    h->free = g->available.n != 0;
}

static void available_put(struct alloc_agent *g, const struct resource *x)
{
    struct resource y = resource_copy(x);

    if (y.role != NULL) {
        name_unref(y.role);
        y.role = NULL;
    }
    resources_add_take(&g->available, &y);
}

void alloc_available_recompute(struct allocator *a, struct alloc_agent *g)
{
    const struct alloc_holding *h;

    g->overcommitted = false;
    resources_done(&g->available);
    g->available = resources_copy(&g->total);
    DL_FOREACH2(g->holdings, h, agent_next)
    {
        const struct resources *both[] = { &h->offered, &h->allocated };
        for (size_t k = 0; k < 2; k++)
            for (uint32_t i = 0; i < both[k]->n; i++) {
                if (both[k]->v[i].shared)
                    continue;
                struct resource y = resource_copy(&both[k]->v[i]);
                name_unref(y.role);
                y.role = NULL;
                /* One by one: of ports that two hold a sum would have one. */
                if (!resources_contains_one(&g->available, &y))
                    g->overcommitted = true;
                resources_sub(&g->available, &y);
                resource_done(&y);
            }
    }
    alloc_available_changed(a, g);
}

static void took_back(struct allocator *a, struct alloc_agent *g, const struct resources *r)
{
    if (g->overcommitted) {
        alloc_available_recompute(a, g);
        return;
    }
    for (uint32_t i = 0; i < r->n; i++)
        if (!r->v[i].shared)
            available_put(g, &r->v[i]);
    alloc_available_changed(a, g);
}

/* All that the agent had was offered to c and comes back untouched: a decline. Everything is as before the
 * offer, so nothing need be compared or added up. false: not so. */
static bool whole_came_back(struct allocator *a, struct alloc_agent *g, struct alloc_holding *h,
                            const struct resources *r)
{
    struct alloc_hot *hot = &a->hot[g->slot];

    if (h->whole_of == 0 || h->whole_of != g->reference_number || g->overcommitted || g->available.n != 0 ||
        !mask_same_entries(r, &h->offered))
        return false;
    for (uint32_t i = 0; i < r->n; i++)
        sums_change(a, h->client, &r->v[i], -1, ALLOC_OFFERED);
    resources_done(&g->available);
    g->available = h->offered;
    h->offered = RESOURCES_INIT;
    resources_unallocate(&g->available);
    g->ref = ALLOC_REF_EQUAL;
    g->plain = true; /* only then is an offer made whole */
    g->special = false;
    hot->free = hot->ref_known = true;
    hot->small = h->whole_small;
    return true;
}

void alloc_give_back(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                     const struct resources *r, enum alloc_state state)
{
    struct alloc_holding *h = alloc_holding_find(g, c);

    ASSERT(h != NULL);
    if (state != ALLOC_OFFERED || !whole_came_back(a, g, h, r)) {
        for (uint32_t i = 0; i < r->n; i++)
            holding_take(a, h, &r->v[i], state);
        took_back(a, g, r);
    }
    alloc_client_touch(c);
    if (h->offered.n == 0 && h->allocated.n == 0)
        holding_free(a, h);
}

void alloc_holding_drop(struct allocator *a, struct alloc_holding *h, bool give_back)
{
    struct alloc_agent *g = h->agent;
    struct resources offered = resources_copy(&h->offered), allocated = resources_copy(&h->allocated);

    for (uint32_t i = 0; i < offered.n; i++)
        holding_take(a, h, &offered.v[i], ALLOC_OFFERED);
    for (uint32_t i = 0; i < allocated.n; i++)
        holding_take(a, h, &allocated.v[i], ALLOC_ALLOCATED);
    alloc_client_touch(h->client);
    holding_free(a, h);
    resources_add_all(&offered, &allocated);
    if (give_back)
        took_back(a, g, &offered);
    resources_done(&offered);
    resources_done(&allocated);
}

/* --- sums of the totals --- */

static void total_change(struct allocator *a, const struct resources *total, int sign)
{
    for (uint32_t i = 0; i < total->n; i++) {
        const struct resource *x = &total->v[i];
        bool scalar = x->type == VALUE_SCALAR;
        uint32_t name = scalar ? alloc_name_index(a, x->name) : 0;
        int64_t milli = scalar ? sign * x->milli : 0;

        if (scalar) {
            qvec_add(&a->totals.total, name, milli);
            if (!x->revocable)
                qvec_add(&a->nonrevocable_total, name, milli);
            if (alloc_is_plain(x))
                qvec_add(&a->plain_total, name, milli);
        }
        if (x->reservations == NULL)
            continue;
        struct alloc_role *role = alloc_role_ensure(a, resource_reservation_role(x));
        role->reserved_entries += (uint32_t)sign;
        for (struct alloc_role *r = role; scalar && r != &a->root; r = r->parent)
            qvec_add(&r->reserved, name, milli);
        alloc_role_release(a, role);
    }
    a->totals.version++;
}

void alloc_total_add(struct allocator *a, const struct resources *total)
{
    total_change(a, total, 1);
}

void alloc_total_sub(struct allocator *a, const struct resources *total)
{
    total_change(a, total, -1);
}

/* --- calls of the interface --- */

static void recover_role(struct allocator *a, struct mono now, struct alloc_agent *g, struct alloc_client *c,
                         const struct resources *r, enum alloc_state state, int64_t refuse_ns)
{
    int64_t until_ns = 0;

    if (refuse_ns > 0 && c->subscribed && c->framework->active) {
        CLEANUP(resources_done_p) struct resources what = resources_copy(r);
        struct mono until = mono_add(now, refuse_ns > a->interval_ns ? refuse_ns : a->interval_ns);
        int64_t until_ms = until.ns / NS_PER_MS + (until.ns % NS_PER_MS != 0);

        resources_unallocate(&what);
        filter_add(a, g, c, &what, until_ms);
        /* It stops all that the mask's reference amount could become an offer of: no need to look at the pair
         * to know. */
        if (!g->has_shared && g->reference.n != 0 && resources_contains(&what, &g->reference)) {
            mask_agent_sync(a, g->slot);
            mask_set(mask_blocked(a, g->slot), c->slot);
        }
        until_ns = until.ns;
    }
    alloc_log_add(a, now, c, g, ALLOC_REASON_DECLINED, r, until_ns);
    alloc_give_back(a, g, c, r, state);
}

static bool has_role(const struct resource *r, const void *role)
{
    return r->role == role;
}

void allocator_recover(struct allocator *a, struct mono now, struct framework_ref f, struct agent_ref ref,
                       const struct resources *resources, enum alloc_state state, int64_t refuse_ns)
{
    struct alloc_framework *fw = alloc_framework_get(a, f);
    struct alloc_agent *g = alloc_agent_get(a, ref);
    CLEANUP(resources_done_p) struct resources rest = RESOURCES_INIT;
    struct name *role = resources_role(resources, NULL);

    alloc_run_books_changed(a);
    if (resources->n == 0)
        return;
    if (role == NULL) /* several roles: one after the other */
        rest = resources_copy(resources);
    while (role != NULL || rest.n != 0) {
        CLEANUP(resources_done_p) struct resources part = RESOURCES_INIT;
        struct name *one = role != NULL ? role : rest.v[0].role;
        ASSERT(one != NULL);
        struct alloc_client *c = alloc_client_find(fw, alloc_role_find(a, one));
        ASSERT(c != NULL);
        if (role != NULL) {
            recover_role(a, now, g, c, resources, state, refuse_ns);
            return;
        }
        part = resources_filter(&rest, has_role, one);
        resources_sub_all(&rest, &part);
        recover_role(a, now, g, c, &part, state, refuse_ns);
    }
}

void allocator_launch(struct allocator *a, struct framework_ref f, struct agent_ref ref,
                      const struct resources *resources)
{
    struct alloc_framework *fw = alloc_framework_get(a, f);
    struct alloc_agent *g = alloc_agent_get(a, ref);

    for (uint32_t i = 0; i < resources->n; i++) {
        const struct resource *x = &resources->v[i];
        ASSERT(x->role != NULL);
        struct alloc_client *c = alloc_client_find(fw, alloc_role_find(a, x->role));
        ASSERT(c != NULL);
        struct alloc_holding *h = alloc_holding_find(g, c);
        ASSERT(h != NULL);
        struct resource y = resource_copy(x);
        holding_take(a, h, &y, ALLOC_OFFERED);
        holding_put(a, h, &y, ALLOC_ALLOCATED);
        resource_done(&y);
    }
}

void allocator_use_add(struct allocator *a, struct agent_ref ref, const struct alloc_use *use)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);
    struct alloc_framework *f = alloc_framework_get(a, use->framework);

    alloc_run_books_changed(a);
    for (uint32_t i = 0; i < use->resources->n; i++) {
        struct resources one = { &use->resources->v[i], 1, 1 }; /* borrowed */
        ASSERT(one.v->role != NULL);
        struct alloc_client *c = alloc_client_ensure(a, f, one.v->role);
        alloc_hold_add(a, g, c, &one, ALLOC_ALLOCATED);
        alloc_client_touch(c);
    }
    alloc_available_recompute(a, g);
}

void allocator_copies_add(struct allocator *a, struct framework_ref f, struct agent_ref ref, const struct resources *shared)
{
    struct alloc_framework *fw = alloc_framework_get(a, f);
    struct alloc_agent *g = alloc_agent_get(a, ref);

    alloc_run_books_changed(a);
    for (uint32_t i = 0; i < shared->n; i++) {
        const struct resource *x = &shared->v[i];
        ASSERT(x->shared);
        struct alloc_client *c = alloc_client_find(fw, alloc_role_find(a, x->role));
        ASSERT(c != NULL);
        struct alloc_holding *h = alloc_holding_find(g, c);
        ASSERT(h != NULL);
        holding_put(a, h, x, ALLOC_OFFERED);
        alloc_client_touch(c);
    }
}

/* --- operations --- */

static struct conversion unallocated(const struct conversion *c)
{
    struct conversion u = { resources_copy(&c->consumed), resources_copy(&c->produced) };

    resources_unallocate(&u.consumed);
    resources_unallocate(&u.produced);
    return u;
}

static void total_replace(struct allocator *a, struct alloc_agent *g, struct resources *total)
{
    alloc_total_add(a, total); /* first: no role may vanish in between */
    alloc_total_sub(a, &g->total);
    resources_done(&g->total);
    g->total = *total;
    *total = RESOURCES_INIT;
    g->has_shared = resources_have_shared(&g->total);
}

int allocator_update_allocation(struct allocator *a, struct framework_ref f, struct agent_ref ref,
                                const struct conversion *c, struct error *err)
{
    struct alloc_framework *fw = alloc_framework_get(a, f);
    struct alloc_agent *g = alloc_agent_get(a, ref);
    struct name *role = resources_role(&c->consumed, NULL);
    struct alloc_client *client = role != NULL ? alloc_client_find(fw, alloc_role_find(a, role)) : NULL;
    struct alloc_holding *h = client != NULL ? alloc_holding_find(g, client) : NULL;

    if (h == NULL)
        return error_set(
            err, ERR_CONFLICT,
            "framework %.*s was offered nothing of agent %.*s in the role of what the operation consumes",
            STR_ARG(fw->info->id.s), STR_ARG(g->info->id.s));
    struct conversion mine = { resources_copy(&c->consumed), resources_copy(&c->produced) };
    struct conversion of_total = unallocated(c);
    struct resources held = resources_copy(&h->offered), total = resources_copy(&g->total);
    resources_allocate(&mine.produced, role);
    int rc = resources_apply(&held, &mine, err);
    if (rc == 0)
        rc = resources_apply(&total, &of_total, err);
    if (rc == 0) {
        alloc_run_books_changed(a);
        for (uint32_t i = 0; i < mine.consumed.n; i++)
            holding_take(a, h, &mine.consumed.v[i], ALLOC_OFFERED);
        for (uint32_t i = 0; i < mine.produced.n; i++)
            holding_put(a, h, &mine.produced.v[i], ALLOC_OFFERED);
        alloc_client_touch(client);
        total_replace(a, g, &total);
        alloc_available_recompute(a, g); /* a shared volume made here is available at once */
    }
    resources_done(&held);
    resources_done(&total);
    conversion_done(&mine);
    conversion_done(&of_total);
    return rc;
}

static int shared_in_use(const struct alloc_agent *g, const struct conversion *c, struct error *err)
{
    for (uint32_t i = 0; i < c->consumed.n; i++)
        if (c->consumed.v[i].shared && held_within(g, &c->consumed.v[i], (struct scope){ .client = NULL }))
            return error_set(err, ERR_CONFLICT, "a shared volume of agent %.*s is offered or in use",
                             STR_ARG(g->info->id.s));
    return 0;
}

int allocator_update_available(struct allocator *a, struct agent_ref ref, const struct conversion *c,
                               struct error *err)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);
    struct conversion u = unallocated(c);
    struct resources available = resources_copy(&g->available), total = resources_copy(&g->total);
    int rc = shared_in_use(g, &u, err);

    if (rc == 0)
        rc = resources_apply(&available, &u, err);
    if (rc == 0)
        rc = resources_apply(&total, &u, err);
    if (rc == 0) {
        alloc_run_books_changed(a);
        total_replace(a, g, &total);
        alloc_available_recompute(a, g);
    }
    resources_done(&available);
    resources_done(&total);
    conversion_done(&u);
    return rc;
}
