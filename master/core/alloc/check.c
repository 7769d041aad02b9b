/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: every sum of the books recomputed from the agents' totals and holdings, in the plainest way. */
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "master/core/alloc/internal.h"

static bool same(const struct qvec *a, const struct qvec *b)
{
    uint32_t n = a->n > b->n ? a->n : b->n;

    for (uint32_t i = 0; i < n; i++)
        if (qvec_get(a, i) != qvec_get(b, i))
            return false;
    return true;
}

static bool has_shared_before(const struct resources *r, uint32_t end, const struct resource *x)
{
    for (uint32_t i = 0; i < end; i++) {
        struct resource y = r->v[i], z = *x; /* borrowed */
        y.role = z.role = NULL;
        y.copies = z.copies = 1;
        if (resource_eq(&y, &z))
            return true;
    }
    return false;
}

/* Everything held of g by clients that accept says yes to. */
struct sum_of {
    const struct alloc_client *client;
    const struct alloc_role *role;
    bool below;
};

static void sum_agent(const struct allocator *a, const struct alloc_agent *g, struct sum_of s,
                      bool allocated_only, bool plain_only, struct qvec *sum)
{
    CLEANUP(resources_done_p) struct resources shared = RESOURCES_INIT;
    const struct alloc_holding *h;

    DL_FOREACH2(g->holdings, h, agent_next)
    {
        const struct resources *both[] = { &h->allocated, &h->offered };
        if (s.client != NULL && h->client != s.client)
            continue;
        if (s.role != NULL &&
            (s.below ? !alloc_role_is_within(h->client->role, s.role) : h->client->role != s.role))
            continue;
        for (int k = 0; k < (allocated_only ? 1 : 2); k++)
            for (uint32_t i = 0; i < both[k]->n; i++) {
                const struct resource *x = &both[k]->v[i];
                if (x->type != VALUE_SCALAR || (plain_only && !alloc_is_plain(x)))
                    continue;
                if (x->shared && has_shared_before(&shared, shared.n, x))
                    continue;
                if (x->shared)
                    resources_add(&shared, x);
                qvec_add(sum, alloc_name_known(a, x->name), x->milli);
            }
    }
}

static bool check_sum(const struct allocator *a, struct sum_of s, bool allocated_only, bool plain_only,
                      const struct qvec *got)
{
    struct qvec sum = { 0 };

    for (uint32_t i = 0; i < a->agent_slots; i++)
        if (a->hot[i].agent != NULL)
            sum_agent(a, a->hot[i].agent, s, allocated_only, plain_only, &sum);
    bool ok = same(&sum, got);
    qvec_clear(&sum);
    return ok;
}

static bool check_reserved(const struct allocator *a, const struct alloc_role *r)
{
    struct qvec sum = { 0 };
    uint32_t entries = 0;

    for (uint32_t i = 0; i < a->agent_slots; i++) {
        const struct alloc_agent *g = a->hot[i].agent;
        for (uint32_t k = 0; g != NULL && k < g->total.n; k++) {
            const struct resource *x = &g->total.v[k];
            const struct alloc_role *owner =
                x->reservations != NULL ? alloc_role_find(a, resource_reservation_role(x)) : NULL;
            if (owner == NULL || !alloc_role_is_within(owner, r))
                continue;
            entries += owner == r;
            if (x->type == VALUE_SCALAR)
                qvec_add(&sum, alloc_name_known(a, x->name), x->milli);
        }
    }
    bool ok = same(&sum, &r->reserved) && entries == r->reserved_entries;
    qvec_clear(&sum);
    return ok;
}

static int check_role(const struct allocator *a, const struct alloc_role *r, struct error *err)
{
    struct sum_of subtree = { NULL, r, true }, self = { NULL, r, false };
    const char *what = NULL;

    if (!check_sum(a, subtree, false, false, &r->tree.used))
        what = "used";
    else if (!check_sum(a, self, false, false, &r->self.used))
        what = "its own use";
    else if (!check_sum(a, subtree, true, false, &r->allocated))
        what = "allocated";
    else if (!check_sum(a, subtree, false, true, &r->plain_used))
        what = "plain use";
    else if (!check_sum(a, subtree, true, true, &r->plain_allocated))
        what = "plain allocated";
    else if (!check_reserved(a, r))
        what = "reserved";
    else if ((r->client_count != 0 && r->child_tracked != 0) != (r->self.parent != NULL))
        what = "its leaf";
    else if ((r->client_count + r->child_tracked != 0) != (r->tree.parent != NULL))
        what = "its place in the tree";
    if (what != NULL)
        return error_set(err, ERR_CONFLICT, "role %s: %s is wrong", r->name->text, what);
    for (uint32_t i = 0; i < r->client_count; i++) {
        const struct alloc_client *c = r->clients[i];
        if (!check_sum(a, (struct sum_of){ c, NULL, false }, false, false, &c->node.used))
            return error_set(err, ERR_CONFLICT, "role %s, framework %s: used is wrong", r->name->text,
                             c->framework->path->text);
        if (alloc_client_is_active(c) != (c->node.parent != NULL) ||
            mask_get(a->active, c->slot) != (c->node.parent != NULL))
            return error_set(err, ERR_CONFLICT, "role %s, framework %s: activity is wrong", r->name->text,
                             c->framework->path->text);
    }
    return 0;
}

/* Takes what is held out of the rest. False: it was not all there. */
static bool hold_within(struct resources *rest, const struct resources *held)
{
    CLEANUP(resources_done_p) struct resources mine = resources_nonshared(held);

    resources_unallocate(&mine);
    bool all = resources_contains(rest, &mine);
    resources_sub_all(rest, &mine);
    return all;
}

static int check_agent(const struct allocator *a, const struct alloc_agent *g, struct error *err)
{
    CLEANUP(resources_done_p) struct resources expected = resources_nonshared(&g->total);
    CLEANUP(resources_done_p) struct resources got = resources_nonshared(&g->available);
    const struct alloc_holding *h;
    bool over = false;

    DL_FOREACH2(g->holdings, h, agent_next)
    {
        over = !hold_within(&expected, &h->offered) || over;
        over = !hold_within(&expected, &h->allocated) || over;
        if (h->offered.n == 0 && h->allocated.n == 0)
            return error_set(err, ERR_CONFLICT, "agent %.*s: an empty holding", STR_ARG(g->info->id.s));
    }
    if (over != g->overcommitted)
        return error_set(err, ERR_CONFLICT, "agent %.*s: overcommitted is %d", STR_ARG(g->info->id.s),
                         g->overcommitted);
    if (!resources_eq(&expected, &got)) {
        CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(4096);
        resources_print(&text, &got);
        sbuf_c(&text, ", not ");
        resources_print(&text, &expected);
        return error_set(err, ERR_CONFLICT, "agent %.*s: available is %s", STR_ARG(g->info->id.s), text.p);
    }
    if (a->hot[g->slot].free != (g->available.n != 0))
        return error_set(err, ERR_CONFLICT, "agent %.*s: free is wrong", STR_ARG(g->info->id.s));
    return 0;
}

static int check_totals(const struct allocator *a, struct error *err)
{
    struct qvec total = { 0 }, plain = { 0 }, used = { 0 };

    for (uint32_t i = 0; i < a->agent_slots; i++) {
        const struct alloc_agent *g = a->hot[i].agent;
        for (uint32_t k = 0; g != NULL && k < g->total.n; k++) {
            const struct resource *x = &g->total.v[k];
            if (x->type != VALUE_SCALAR)
                continue;
            qvec_add(&total, alloc_name_known(a, x->name), x->milli);
            if (alloc_is_plain(x))
                qvec_add(&plain, alloc_name_known(a, x->name), x->milli);
        }
        if (g != NULL)
            sum_agent(a, g, (struct sum_of){ NULL, NULL, false }, false, true, &used);
    }
    bool ok = same(&total, &a->totals.total) && same(&plain, &a->plain_total) && same(&used, &a->plain_used);
    qvec_clear(&total);
    qvec_clear(&plain);
    qvec_clear(&used);
    return ok ? 0 : error_set(err, ERR_CONFLICT, "the totals of the cluster are wrong");
}

int allocator_check(const struct allocator *a, struct error *err)
{
    int rc = check_totals(a, err);

    for (uint32_t i = 0; i < a->agent_slots && rc == 0; i++)
        if (a->hot[i].agent != NULL)
            rc = check_agent(a, a->hot[i].agent, err);
    for (const struct alloc_role *r = a->roles; r != NULL && rc == 0; r = r->hh.next)
        rc = check_role(a, r, err);
    if (rc == 0 && !check_sum(a, (struct sum_of){ NULL, NULL, false }, false, false, &a->root.tree.used))
        rc = error_set(err, ERR_CONFLICT, "the use of the cluster is wrong");
    return rc;
}
