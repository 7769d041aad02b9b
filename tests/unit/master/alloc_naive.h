/* SPDX-License-Identifier: Apache-2.0 */
/* The allocation cycle as the reference text has it (allocator, sections 12 and 14 to 17), written for
 * plainness: every sum is recomputed, every order is sorted, nothing is remembered between cycles. Compared
 * with the real one in test_alloc_reference.c. Agents are visited by slot and entries in order, as the real
 * one does without randomness. */
#ifndef STOA_TEST_ALLOC_NAIVE_H
#define STOA_TEST_ALLOC_NAIVE_H

#include "common/base/cleanup.h"
#include "tests/unit/master/alloc_cluster.h"

enum { N_AGENTS = 12, N_FRAMEWORKS = 10, N_ROLES = 7, N_NAMES = 4, N_FILTERS = 4096, N_HOLDINGS = 512 };

static const char *const naive_roles[N_ROLES] = { "a", "a/x", "a/x/p", "b", "b/y", "c", "*" };

struct naive_agent {
    bool there, active, pending;
    struct agent_ref ref;
    struct resources total;
    const char *attributes;
    uint32_t capabilities_missing;
};

struct naive_framework {
    bool there, active;
    struct framework_ref ref;
    char id[8];
    bool subscribed[N_ROLES], suppressed[N_ROLES];
    int64_t count[N_ROLES]; /* allocations of the client */
    bool tracked[N_ROLES];  /* it exists as a client: subscribed or holding */
    uint32_t capabilities;
    const char *rack; /* constraint of all roles: the attribute rack equals; NULL: none */
};

struct naive_filter {
    bool there;
    int framework, role, agent;
    struct resources what;
    int64_t until_ns;
};

struct naive_holding {
    bool there;
    int framework, role, agent;
    struct resources offered, allocated;
};

struct naive_quota {
    int64_t g[N_NAMES], l[N_NAMES]; /* l: -1 no limit */
};

struct naive {
    struct naive_agent agents[N_AGENTS];
    struct naive_framework frameworks[N_FRAMEWORKS];
    struct naive_filter filters[N_FILTERS];
    struct naive_holding holdings[N_HOLDINGS];
    struct naive_quota quota[N_ROLES];
    double weight[N_ROLES];
    int64_t tree_count[N_ROLES], self_count[N_ROLES];
    struct resources run_shared[N_AGENTS]; /* offered in this cycle */
    int64_t h[N_NAMES], f[N_NAMES];
    bool h_any;
    int64_t now_ns;
};

struct naive_grant {
    int framework, role, agent;
    struct resources r; /* unallocated */
};

struct naive_result {
    struct naive_grant v[512];
    int n;
};

static int naive_name(const struct name *n)
{
    return n == NAME_CPUS ? 0 : n == NAME_MEM ? 1 : n == NAME_DISK ? 2 : n == NAME_GPUS ? 3 : -1;
}

static bool naive_below(int role, int ancestor) /* or equal */
{
    return role == ancestor || role_is_strict_sub(str_of(naive_roles[role]), str_of(naive_roles[ancestor]));
}

static int naive_parent(int role)
{
    struct str up;

    if (!role_parent(str_of(naive_roles[role]), &up))
        return -1;
    for (int i = 0; i < N_ROLES; i++)
        if (str_is(up, naive_roles[i]))
            return i;
    return -1;
}

static struct naive_holding *naive_holding(struct naive *m, int framework, int role, int agent, bool make)
{
    struct naive_holding *free_one = NULL;

    for (int i = 0; i < N_HOLDINGS; i++) {
        struct naive_holding *h = &m->holdings[i];
        if (h->there && h->framework == framework && h->role == role && h->agent == agent)
            return h;
        if (!h->there && free_one == NULL)
            free_one = h;
    }
    if (make)
        *free_one =
            (struct naive_holding){ .there = true, .framework = framework, .role = role, .agent = agent };
    return make ? free_one : NULL;
}

/* --- sums, section 12 and 14 --- */

static bool naive_plain(const struct resource *x)
{
    return x->type == VALUE_SCALAR && x->reservations == NULL && !x->revocable;
}

/* Scalars held in a scope; shared ones once per agent. framework -1: all; role -1: all; below: with
 * sub-roles. */
static void naive_used(const struct naive *m, int framework, int role, bool below, bool plain,
                       int64_t sum[N_NAMES])
{
    memset(sum, 0, N_NAMES * sizeof *sum);
    for (int g = 0; g < N_AGENTS; g++) {
        struct resources shared = RESOURCES_INIT;
        for (int i = 0; i < N_HOLDINGS; i++) {
            const struct naive_holding *h = &m->holdings[i];
            if (!h->there || h->agent != g || (framework >= 0 && h->framework != framework))
                continue;
            if (role >= 0 && (below ? !naive_below(h->role, role) : h->role != role))
                continue;
            const struct resources *both[] = { &h->offered, &h->allocated };
            for (int k = 0; k < 2; k++)
                for (uint32_t e = 0; e < both[k]->n; e++) {
                    struct resource x = both[k]->v[e]; /* borrowed */
                    x.copies = 1;
                    if (naive_name(x.name) < 0 || x.type != VALUE_SCALAR || (plain && !naive_plain(&x)))
                        continue;
                    if (x.shared && resources_contains_one(&shared, &x))
                        continue;
                    if (x.shared)
                        resources_add(&shared, &x);
                    sum[naive_name(x.name)] += x.milli;
                }
        }
        resources_done(&shared);
    }
}

static void naive_total(const struct naive *m, bool plain, int64_t sum[N_NAMES])
{
    memset(sum, 0, N_NAMES * sizeof *sum);
    for (int g = 0; g < N_AGENTS; g++)
        for (uint32_t e = 0; m->agents[g].there && e < m->agents[g].total.n; e++) {
            const struct resource *x = &m->agents[g].total.v[e];
            if (naive_name(x->name) >= 0 && x->type == VALUE_SCALAR && (!plain || naive_plain(x)))
                sum[naive_name(x->name)] += x->milli;
        }
}

static int64_t naive_consumed(const struct naive *m, int role, int name)
{
    int64_t sum[N_NAMES];

    naive_used(m, -1, role, true, true, sum);
    for (int g = 0; g < N_AGENTS; g++)
        for (uint32_t e = 0; m->agents[g].there && e < m->agents[g].total.n; e++) {
            const struct resource *x = &m->agents[g].total.v[e];
            struct str owner = name_str(resource_reservation_role(x));
            if (x->reservations != NULL && naive_name(x->name) == name &&
                (str_is(owner, naive_roles[role]) || role_is_strict_sub(owner, str_of(naive_roles[role]))))
                sum[name] += x->milli;
        }
    return sum[name];
}

static int64_t naive_guarantee_left(const struct naive *m, int role, int name)
{
    int64_t left = m->quota[role].g[name] - naive_consumed(m, role, name);
    return left > 0 ? left : 0;
}

static struct resources naive_available(const struct naive *m, int g)
{
    struct resources r = resources_copy(&m->agents[g].total);
    struct resources held = RESOURCES_INIT;

    for (int i = 0; i < N_HOLDINGS; i++)
        if (m->holdings[i].there && m->holdings[i].agent == g) {
            resources_add_all(&held, &m->holdings[i].offered);
            resources_add_all(&held, &m->holdings[i].allocated);
        }
    struct resources mine = resources_nonshared(&held);
    resources_sub_all(&r, &mine);
    resources_done(&mine);
    resources_done(&held);
    return r;
}

/* --- order --- */

struct naive_key {
    long double share; /* for lack of anything wider: the numbers of the test are small, and doubles of 64
                          bits keep them apart */
    int64_t count;
    char path[16];
    int index;
    bool self;
};

static long double naive_share(const struct naive *m, const int64_t used[N_NAMES], double weight)
{
    int64_t total[N_NAMES];
    long double share = 0;

    naive_total(m, false, total);
    for (int i = 0; i < N_NAMES; i++)
        if (total[i] > 0 && (long double)used[i] / (long double)total[i] > share)
            share = (long double)used[i] / (long double)total[i];
    return share / (long double)weight;
}

static int naive_key_cmp(const void *x, const void *y)
{
    const struct naive_key *a = x, *b = y;
    long double d = a->share - b->share;

    if (d > 1e-15L || d < -1e-15L)
        return d < 0 ? -1 : 1;
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    return strcmp(a->path, b->path);
}

static void naive_roles_below(const struct naive *m, int parent, int *order, int *n)
{
    struct naive_key keys[N_ROLES + 1];
    int count = 0;
    int64_t used[N_NAMES];

    for (int r = 0; r < N_ROLES; r++) {
        if (naive_parent(r) != parent)
            continue;
        naive_used(m, -1, r, true, false, used);
        keys[count] =
            (struct naive_key){ naive_share(m, used, m->weight[r]), m->tree_count[r], "", r, false };
        (void)snprintf(keys[count].path, sizeof keys[count].path, "%s", naive_roles[r]);
        count++;
    }
    if (parent >= 0 && count == 0) { /* a leaf */
        order[(*n)++] = parent;
        return;
    }
    if (parent >= 0) {
        naive_used(m, -1, parent, false, false, used);
        keys[count] = (struct naive_key){ naive_share(m, used, 1), m->self_count[parent], "", parent, true };
        (void)snprintf(keys[count].path, sizeof keys[count].path, "%s/.", naive_roles[parent]);
        count++;
    }
    qsort(keys, (size_t)count, sizeof *keys, naive_key_cmp);
    for (int i = 0; i < count; i++) {
        if (keys[i].self)
            order[(*n)++] = keys[i].index;
        else
            naive_roles_below(m, keys[i].index, order, n);
    }
}

static int naive_framework_order(const struct naive *m, int role, int *order)
{
    struct naive_key keys[N_FRAMEWORKS];
    int64_t used[N_NAMES];
    int n = 0;

    for (int f = 0; f < N_FRAMEWORKS; f++) {
        const struct naive_framework *w = &m->frameworks[f];
        if (!w->there || !w->active || !w->subscribed[role] || w->suppressed[role])
            continue;
        naive_used(m, f, role, false, false, used);
        keys[n] = (struct naive_key){ naive_share(m, used, 1), w->count[role], "", f, false };
        (void)snprintf(keys[n].path, sizeof keys[n].path, "%s", w->id);
        n++;
    }
    qsort(keys, (size_t)n, sizeof *keys, naive_key_cmp);
    for (int i = 0; i < n; i++)
        order[i] = keys[i].index;
    return n;
}

/* --- eligibility --- */

static bool naive_big(const struct resources *r)
{
    return resources_milli(r, NAME_CPUS) >= 10 || resources_milli(r, NAME_MEM) >= 32000;
}

static bool naive_excluded(const struct naive *m, int f, int role, int g)
{
    const struct naive_framework *w = &m->frameworks[f];
    const struct naive_agent *a = &m->agents[g];

    if (w->rack != NULL && (a->attributes == NULL || strcmp(a->attributes, w->rack) != 0))
        return true;
    if (resources_milli(&a->total, NAME_GPUS) > 0 && (w->capabilities & FRAMEWORK_CAP_GPU_RESOURCES) == 0)
        return true;
    if ((w->capabilities & FRAMEWORK_CAP_MULTI_ROLE) != 0 &&
        (a->capabilities_missing & AGENT_CAP_MULTI_ROLE) != 0)
        return true;
    return strchr(naive_roles[role], '/') != NULL &&
           (a->capabilities_missing & AGENT_CAP_HIERARCHICAL_ROLE) != 0;
}

static bool naive_filtered(const struct naive *m, int f, int role, int g, const struct resources *offer)
{
    for (int i = 0; i < N_FILTERS; i++) {
        const struct naive_filter *x = &m->filters[i];
        if (x->there && x->framework == f && x->role == role && x->agent == g && m->now_ns < x->until_ns &&
            resources_contains(&x->what, offer))
            return true;
    }
    return false;
}

/* Shrink: -1 in q passes untouched (limits). What cannot be cut comes first. */
static struct resources naive_shrink(const struct resources *r, int64_t q[N_NAMES])
{
    struct resources out = RESOURCES_INIT;

    for (uint32_t e = 0; e < 2 * r->n; e++) {
        if (resource_is_divisible(&r->v[e % r->n]) != (e >= r->n))
            continue;
        struct resource x = resource_copy(&r->v[e % r->n]);
        int i = naive_name(x.name);
        int64_t left = i >= 0 ? q[i] : 0;
        if (left >= 0 && x.milli > left)
            x.milli = resource_is_divisible(&x) ? left : 0;
        if (left >= 0 && i >= 0)
            q[i] -= x.milli;
        if (x.milli > 0)
            resources_add_take(&out, &x);
        else
            resource_done(&x);
    }
    return out;
}

static void naive_amounts(const struct resources *r, int64_t sum[N_NAMES])
{
    memset(sum, 0, N_NAMES * sizeof *sum);
    for (uint32_t e = 0; e < r->n; e++)
        if (naive_name(r->v[e].name) >= 0)
            sum[naive_name(r->v[e].name)] += r->v[e].milli;
}

/* --- the cycle --- */

static void naive_record(struct naive *m, int f, int role, int g, const struct resources *offer,
                         struct naive_result *ret)
{
    struct naive_holding *h = naive_holding(m, f, role, g, true);
    int at = 0;

    resources_add_all(&h->offered, offer);
    m->frameworks[f].count[role]++;
    m->self_count[role]++;
    for (int r = role; r >= 0; r = naive_parent(r))
        m->tree_count[r]++;
    for (uint32_t e = 0; e < offer->n; e++)
        if (offer->v[e].shared)
            resources_add(&m->run_shared[g], &offer->v[e]);
    while (at < ret->n && !(ret->v[at].framework == f && ret->v[at].role == role && ret->v[at].agent == g))
        at++;
    if (at == ret->n)
        ret->v[ret->n++] = (struct naive_grant){ f, role, g, RESOURCES_INIT };
    resources_add_all(&ret->v[at].r, offer);
}

/* One pair of agent and client; stage 1 or 2. 'n': next framework, 'r': next role. */
static char naive_try(struct naive *m, int stage, int g, int role, int f, struct naive_result *ret)
{
    struct resources x = RESOURCES_INIT, q = RESOURCES_INIT, offer = RESOURCES_INIT, s = RESOURCES_INIT,
                     e = RESOURCES_INIT, available;
    int64_t u[N_NAMES], left[N_NAMES], in_s[N_NAMES] = { 0 }, in_e[N_NAMES];
    bool any_u = false, limited = false, s_empty = false;

    for (int i = 0; i < N_NAMES; i++) {
        u[i] = naive_guarantee_left(m, role, i);
        any_u = any_u || u[i] > 0;
        limited = limited || m->quota[role].l[i] >= 0;
    }
    if (stage == 1 && !any_u)
        return 'r';
    if (naive_excluded(m, f, role, g))
        return 'n';
    available = naive_available(m, g);
    for (uint32_t k = 0; k < available.n; k++) {
        const struct resource *y = &available.v[k];
        if (resource_allocatable_to(y, str_of(naive_roles[role])) &&
            !(y->shared && resources_contains_one(&m->run_shared[g], y)))
            resources_add(&x, y);
    }
    resources_done(&available);
    bool go_on = x.n != 0 && naive_big(&x);
    for (uint32_t k = 0; go_on && k < x.n; k++) {
        const struct resource *y = &x.v[k];
        uint32_t caps = m->frameworks[f].capabilities;
        if ((y->shared && (caps & FRAMEWORK_CAP_SHARED_RESOURCES) == 0) ||
            (y->revocable && (caps & FRAMEWORK_CAP_REVOCABLE_RESOURCES) == 0) ||
            (resource_has_refined_reservations(y) && (caps & FRAMEWORK_CAP_RESERVATION_REFINEMENT) == 0))
            continue;
        if (naive_plain(y))
            resources_add(&q, y);
        else if (stage == 2 || y->reservations == NULL ||
                 str_is(name_str(resource_reservation_role(y)), naive_roles[role]))
            resources_add(&offer, y);
    }
    if (go_on) {
        e = resources_copy(&q);
        if (stage == 1) {
            s = naive_shrink(&q, u);
            s_empty = s.n == 0;
            resources_sub_all(&e, &s);
            naive_amounts(&s, in_s);
        }
        if (limited) {
            for (int i = 0; i < N_NAMES; i++) {
                left[i] = m->quota[role].l[i];
                if (left[i] >= 0) {
                    left[i] -= naive_consumed(m, role, i) + in_s[i];
                    left[i] = left[i] > 0 ? left[i] : 0;
                }
            }
            struct resources cut = naive_shrink(&e, left);
            resources_done(&e);
            e = cut;
        }
        bool h_any = false;
        for (int i = 0; i < N_NAMES; i++)
            h_any = h_any || m->h[i] > 0;
        if (h_any) {
            for (int i = 0; i < N_NAMES; i++) {
                left[i] = (m->f[i] > 0 ? m->f[i] : 0) - m->h[i];
                left[i] = left[i] > 0 ? left[i] : 0;
            }
            struct resources cut = naive_shrink(&e, left);
            resources_done(&e);
            e = cut;
        }
        naive_amounts(&e, in_e);
        resources_add_all(&offer, &s);
        resources_add_all(&offer, &e);
        if (!s_empty && offer.n != 0 && naive_big(&offer) && !naive_filtered(m, f, role, g, &offer)) {
            naive_record(m, f, role, g, &offer, ret);
            for (int i = 0; i < N_NAMES; i++) {
                m->f[i] -= in_s[i] + in_e[i];
                m->h[i] = m->h[i] > in_s[i] ? m->h[i] - in_s[i] : 0;
            }
        }
    }
    resources_done(&x);
    resources_done(&q);
    resources_done(&offer);
    resources_done(&s);
    resources_done(&e);
    return 'n';
}

static void naive_agent_stage(struct naive *m, int stage, int g, struct naive_result *ret)
{
    int roles[N_ROLES], n_roles = 0;

    naive_roles_below(m, -1, roles, &n_roles);
    for (int i = 0; i < n_roles; i++) {
        int order[N_FRAMEWORKS], n = naive_framework_order(m, roles[i], order);
        for (int k = 0; k < n; k++)
            if (naive_try(m, stage, g, roles[i], order[k], ret) == 'r')
                break;
    }
}

static void naive_cycle(struct naive *m, bool all, struct naive_result *ret)
{
    int by_slot[N_AGENTS], n = 0;
    int64_t total[N_NAMES], used[N_NAMES];

    ret->n = 0;
    for (int g = 0; g < N_AGENTS; g++) {
        resources_done(&m->run_shared[g]);
        if (!m->agents[g].there || !m->agents[g].active || (!all && !m->agents[g].pending))
            continue;
        int at = n++;
        for (; at > 0 && m->agents[by_slot[at - 1]].ref.slot > m->agents[g].ref.slot; at--)
            by_slot[at] = by_slot[at - 1];
        by_slot[at] = g;
    }
    naive_total(m, true, total);
    naive_used(m, -1, -1, true, true, used);
    for (int i = 0; i < N_NAMES; i++) {
        m->h[i] = 0;
        m->f[i] = total[i] - used[i];
        for (int r = 0; r < N_ROLES; r++)
            m->h[i] += naive_guarantee_left(m, r, i);
    }
    for (int stage = 1; stage <= 2; stage++)
        for (int i = 0; i < n; i++)
            naive_agent_stage(m, stage, by_slot[i], ret);
    for (int g = 0; g < N_AGENTS; g++)
        m->agents[g].pending = false;
}

#endif
