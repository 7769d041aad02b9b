/* SPDX-License-Identifier: Apache-2.0 */
/* Questions: nothing here changes anything, but for building the answers. */
#include <stdlib.h>

#include "common/model/role.h"
#include "master/core/alloc/internal.h"

struct framework_id allocator_framework_id(const struct allocator *a, struct framework_ref f)
{
    return alloc_framework_get(a, f)->info->id;
}

struct agent_id allocator_agent_id(const struct allocator *a, struct agent_ref g)
{
    return alloc_agent_get(a, g)->info->id;
}

struct framework_ref allocator_framework_at(const struct allocator *a, uint32_t slot)
{
    if (slot >= a->framework_slots || a->frameworks[slot] == NULL)
        return (struct framework_ref){ 0, 0 };
    return alloc_framework_ref(a->frameworks[slot]);
}

struct agent_ref allocator_agent_at(const struct allocator *a, uint32_t slot)
{
    if (slot >= a->agent_slots || a->hot[slot].agent == NULL)
        return (struct agent_ref){ 0, 0 };
    return alloc_agent_ref(a->hot[slot].agent);
}

uint32_t allocator_framework_slots(const struct allocator *a)
{
    return a->framework_slots;
}

uint32_t allocator_agent_slots(const struct allocator *a)
{
    return a->agent_slots;
}

const struct resources *allocator_agent_total(const struct allocator *a, struct agent_ref g)
{
    return &alloc_agent_get(a, g)->total;
}

const struct resources *allocator_agent_available(const struct allocator *a, struct agent_ref g)
{
    return &alloc_agent_get(a, g)->available;
}

const struct resources *allocator_holding(const struct allocator *a, struct framework_ref f,
                                          struct name *role, struct agent_ref g, enum alloc_state state)
{
    const struct alloc_client *c = alloc_client_find(alloc_framework_get(a, f), alloc_role_find(a, role));
    const struct alloc_holding *h = c != NULL ? alloc_holding_find(alloc_agent_get(a, g), c) : NULL;

    if (h == NULL)
        return NULL;
    const struct resources *r = state == ALLOC_OFFERED ? &h->offered : &h->allocated;
    return r->n != 0 ? r : NULL;
}

/* --- quantities out of vectors --- */

static void add_vector(const struct allocator *a, struct quantities *q, const struct qvec *v,
                       const struct qvec *minus)
{
    for (uint32_t i = 0; i < v->n; i++) {
        int64_t milli = qvec_get(v, i) - (minus != NULL ? qvec_get(minus, i) : 0);
        if (milli > 0)
            quantities_add(q, a->names[i], milli);
    }
}

void allocator_totals(const struct allocator *a, struct quantities *ret_total,
                      struct quantities *ret_offered_or_allocated)
{
    *ret_total = *ret_offered_or_allocated = QUANTITIES_INIT;
    add_vector(a, ret_total, &a->totals.total, NULL);
    add_vector(a, ret_offered_or_allocated, &a->root.tree.used, NULL);
}

struct quantities allocator_total_nonrevocable(const struct allocator *a)
{
    struct quantities q = QUANTITIES_INIT;

    add_vector(a, &q, &a->nonrevocable_total, NULL);
    return q;
}

/* --- roles --- */

static bool is_listed(const struct alloc_role *r)
{
    return r->client_count != 0 || r->quota != NULL || sorter_weight_of(r->weight) != SORTER_WEIGHT_ONE ||
           r->reserved_entries != 0;
}

static int by_name(const void *x, const void *y)
{
    return name_cmp(*(struct name *const *)x, *(struct name *const *)y);
}

size_t allocator_roles(const struct allocator *a, struct name ***ret_roles)
{
    struct name **v = NULL;
    size_t n = 0, cap = 0, kept = 0;

    for (const struct alloc_role *r = a->roles; r != NULL; r = r->hh.next)
        if (is_listed(r))
            for (const struct alloc_role *up = r; up != NULL && up->parent != NULL; up = up->parent) { /* and its ancestors */
                ARRAY_ROOM(v, n, cap);
                v[n++] = up->name;
            }
    if (n != 0)
        qsort(v, n, sizeof *v, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || v[i] != v[kept - 1])
            v[kept++] = v[i];
    *ret_roles = v;
    return kept;
}

void allocator_role_view_done(struct alloc_role_view *v)
{
    quantities_done(&v->guarantees);
    quantities_done(&v->limits);
    quantities_done(&v->consumed);
    quantities_done(&v->offered);
    quantities_done(&v->allocated);
    quantities_done(&v->reserved);
    free(v->frameworks);
    v->frameworks = NULL;
    v->framework_count = 0;
}

struct subscriber {
    const struct name *id;
    struct framework_ref ref;
};

static int by_id(const void *x, const void *y)
{
    return name_cmp(((const struct subscriber *)x)->id, ((const struct subscriber *)y)->id);
}

static void list_subscribers(const struct alloc_role *r, struct alloc_role_view *ret)
{
    struct subscriber *s = xcalloc(r->client_count + 1, sizeof *s);
    size_t n = 0;

    for (uint32_t i = 0; i < r->client_count; i++)
        if (r->clients[i]->subscribed)
            s[n++] = (struct subscriber){ r->clients[i]->framework->path,
                                          alloc_framework_ref(r->clients[i]->framework) };
    qsort(s, n, sizeof *s, by_id);
    ret->frameworks = xcalloc(n + 1, sizeof *ret->frameworks);
    for (size_t i = 0; i < n; i++)
        ret->frameworks[i] = s[i].ref;
    ret->framework_count = n;
    free(s);
}

bool allocator_role_view(const struct allocator *a, struct name *role, struct alloc_role_view *ret)
{
    const struct alloc_role *r = alloc_role_find(a, role);

    *ret = (struct alloc_role_view){ .role = role, .weight = 1 };
    if (r == NULL)
        return false;
    ret->weight = r->weight;
    if (r->quota != NULL) {
        ret->guarantees = quantities_copy(&r->quota->guarantees);
        ret->limits = quantities_copy(&r->quota->limits);
    }
    add_vector(a, &ret->consumed, &r->plain_allocated, NULL);
    add_vector(a, &ret->consumed, &r->reserved, NULL);
    add_vector(a, &ret->allocated, &r->allocated, NULL);
    add_vector(a, &ret->offered, &r->tree.used, &r->allocated);
    add_vector(a, &ret->reserved, &r->reserved, NULL);
    list_subscribers(r, ret);
    ret->share = sorter_share(&r->tree, &a->totals);
    ret->filter_count = r->filters;
    ret->tracked = r->client_count != 0;
    return true;
}

double allocator_weight(const struct allocator *a, struct name *role)
{
    const struct alloc_role *r = alloc_role_find(a, role);

    return r != NULL ? r->weight : 1;
}

bool allocator_framework_is_suppressed(const struct allocator *a, struct framework_ref f, struct name *role)
{
    const struct alloc_client *c = alloc_client_find(alloc_framework_get(a, f), alloc_role_find(a, role));

    return c != NULL && c->suppressed;
}

size_t allocator_excluded_agents(const struct allocator *a, struct framework_ref ref, struct name *role,
                                 struct agent_ref **ret)
{
    const struct alloc_framework *f = alloc_framework_get(a, ref);
    size_t n = 0;

    *ret = xcalloc(a->agent_count + 1, sizeof **ret);
    for (uint32_t i = 0; i < a->agent_slots; i++)
        if (a->hot[i].agent != NULL && !offer_constraints_admit(f->constraints, role, a->hot[i].agent->info))
            (*ret)[n++] = alloc_agent_ref(a->hot[i].agent);
    return n;
}

struct alloc_stats allocator_stats(const struct allocator *a)
{
    struct alloc_stats s = a->stats;

    s.agents = a->agent_count;
    s.frameworks = a->framework_count;
    s.roles = HASH_COUNT(a->roles);
    s.filters = a->filters.filters;
    s.filter_bytes = filter_bytes(a);
    return s;
}

/* --- why --- */

static enum alloc_reason why(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                             int64_t *ret_until_ms)
{
    struct alloc_offer o;
    bool for_good;
    enum alloc_reason reason;

    if (a->paused)
        return ALLOC_REASON_PAUSED;
    if (!g->activated)
        return ALLOC_REASON_AGENT_INACTIVE;
    if (!g->whitelisted)
        return ALLOC_REASON_WHITELIST;
    if (!c->framework->active)
        return ALLOC_REASON_FRAMEWORK_INACTIVE;
    if (c->suppressed || !c->subscribed)
        return ALLOC_REASON_SUPPRESSED;
    reason = alloc_offer_make(a, g, c, ALLOC_PHASE_FAIR, &o, &for_good, ret_until_ms);
    alloc_offer_done(&o);
    return reason;
}

struct alloc_decision allocator_why(const struct allocator *const_a, struct mono now,
                                    struct framework_ref ref, struct name *role, struct agent_ref agent)
{
    struct allocator *a =
        (struct allocator *)(uintptr_t)const_a; /* only scratch of the run is written, and put back */
    struct alloc_framework *f = alloc_framework_get(a, ref);
    struct alloc_agent *g = alloc_agent_get(a, agent);
    struct alloc_client *c = alloc_client_find(f, alloc_role_find(a, role));
    struct alloc_decision d = { .at = now,
                                .framework = ref,
                                .agent = agent,
                                .role = role,
                                .run = a->run.number,
                                .reason = ALLOC_REASON_SUPPRESSED };
    struct mono run_now = a->run.now;
    struct rng *rng = a->run.rng;
    bool idle = a->run.phase == ALLOC_PHASE_IDLE;
    int64_t until_ms = 0;

    d.cpus_milli = resources_milli(&g->available, NAME_CPUS);
    d.mem_milli = resources_milli(&g->available, NAME_MEM);
    if (c == NULL)
        return d;
    a->run.now = now;
    a->run.rng = NULL;
    if (idle)
        a->run.quota_known = false;
    alloc_quota_prepare(a);
    d.reason = why(a, g, c, &until_ms);
    d.until_ns = until_ms * NS_PER_MS;
    a->run.now = run_now;
    a->run.rng = rng;
    return d;
}
