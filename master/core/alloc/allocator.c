/* SPDX-License-Identifier: Apache-2.0 */
/* Life of the allocator, frameworks, quota, weights, pause. See internal.h for the
 * plan of the files. */
#include "master/core/alloc/allocator.h"

#include <stdlib.h>

#include "master/core/alloc/internal.h"

/* --- life --- */

struct allocator_config allocator_config_default(void)
{
    return (struct allocator_config){
        .allocation_interval_ns = NS_PER_S,
        .filter_gpu_resources = true,
        .min_allocatable = STR("cpus:0.01|mem:32"),
        .recovery_factor = 0.80,
        .recovery_timeout_ns = 600 * NS_PER_S,
        .decisions_max = 65536,
    };
}

static int minimum_parse(struct str text, struct alloc_minimum *ret, struct error *err)
{
    struct str rest = text, part;

    while (rest.n != 0) {
        struct quantities q = QUANTITIES_INIT;
        (void)str_cut(&rest, '|', &part);
        int rc = quantities_parse(str_trim(part), &q, err);
        if (rc != 0)
            return error_wrap(err, "--min_allocatable_resources=%.*s", STR_ARG(text));
        ret->alternatives = xrealloc(ret->alternatives, ret->count + 1, sizeof *ret->alternatives);
        ret->alternatives[ret->count++] = q;
    }
    return 0;
}

static void minimum_done(struct alloc_minimum *m)
{
    for (size_t i = 0; i < m->count; i++)
        quantities_done(&m->alternatives[i]);
    free(m->alternatives);
}

int allocator_new(const struct allocator_config *config, struct allocator **ret, struct error *err)
{
    struct alloc_minimum minimum = { NULL, 0 };
    int rc = minimum_parse(config->min_allocatable, &minimum, err);

    if (rc != 0) {
        minimum_done(&minimum);
        return rc;
    }
    struct allocator *a = xcalloc(1, sizeof *a);
    a->minimum = minimum;
    a->interval_ns = config->allocation_interval_ns;
    a->recovery_timeout_ns = config->recovery_timeout_ns;
    a->recovery_factor = config->recovery_factor;
    a->role_sorter = config->role_sorter;
    a->framework_sorter = config->framework_sorter;
    a->filter_gpus = config->filter_gpu_resources;
    a->region = config->region.n != 0 ? name_of(config->region) : NULL;
    a->whitelist_all = true;
    a->filters.free = ALLOC_NONE;
    a->excluded = xcalloc(config->excluded_count + 1, sizeof *a->excluded);
    for (size_t i = 0; i < config->excluded_count; i++)
        a->excluded[a->excluded_count++] = name_of(config->excluded_names[i]);
    a->log_cap = config->decisions_max;
    a->log = a->log_cap != 0 ? xcalloc(a->log_cap, sizeof *a->log) : NULL;
    a->root.name = NAME_EMPTY;
    sorter_node_init(&a->root.tree, NAME_EMPTY);
    sorter_node_init(&a->root.self, NAME_EMPTY);
    sorter_node_init(&a->root.frameworks, NAME_EMPTY);
    a->totals.version = 1;
    (void)alloc_name_index(a, NAME_CPUS);
    (void)alloc_name_index(a, NAME_MEM);
    (void)alloc_name_index(a, NAME_DISK);
    (void)alloc_name_index(a, NAME_GPUS);
    *ret = a;
    return 0;
}

static void roles_done(struct allocator *a)
{
    struct alloc_role *r, *tmp;

    HASH_ITER(hh, a->roles, r, tmp) /* what only a quota or weight still keeps */
    {
        if (r->quota != NULL)
            allocator_quota_set(a, r->name, &QUANTITIES_INIT, &QUANTITIES_INIT);
    }
    while (a->roles != NULL) {
        r = a->roles;
        while (r->child_count != 0) { /* leaves first */
            struct alloc_role *below = r;
            for (struct alloc_role *s = a->roles; s != NULL; s = s->hh.next)
                if (s->parent == r)
                    below = s;
            r = below;
        }
        r->weight = 1;
        alloc_role_release(a, r);
    }
    free(a->root.tree.kid_room);
    qvec_clear(&a->root.tree.used);
}

void allocator_free(struct allocator *a)
{
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->agent_slots; i++)
        if (a->hot[i].agent != NULL)
            allocator_agent_remove(a, alloc_agent_ref(a->hot[i].agent));
    for (uint32_t i = 0; i < a->framework_slots; i++)
        if (a->frameworks[i] != NULL)
            allocator_framework_remove(a, alloc_framework_ref(a->frameworks[i]));
    allocator_whitelist_set(a, true, NULL, 0);
    alloc_run_done(a);
    alloc_log_done(a);
    roles_done(a);
    filter_table_done(a);
    mask_done(a);
    minimum_done(&a->minimum);
    for (uint32_t i = 0; i < a->name_count; i++)
        name_unref(a->names[i]);
    for (uint32_t i = 0; i < a->excluded_count; i++)
        name_unref(a->excluded[i]);
    name_unref(a->region);
    qvec_clear(&a->totals.total);
    qvec_clear(&a->plain_total);
    qvec_clear(&a->plain_used);
    qvec_clear(&a->nonrevocable_total);
    free(a->totals.excluded);
    free(a->names);
    free(a->excluded);
    free(a->limited);
    free(a->clients);
    free(a->client_gens);
    free(a->client_free);
    free(a->frameworks);
    free(a->framework_gens);
    free(a->hot);
    free(a->agent_free);
    free(a->agent_gens);
    free(a->pending);
    free(a);
}

/* --- frameworks --- */

static bool is_among(const struct name *role, struct name *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i] == role)
            return true;
    return false;
}

static void framework_describe(struct allocator *a, struct alloc_framework *f,
                               const struct alloc_framework_spec *spec)
{
    struct framework_info *info = framework_info_ref(spec->info);
    struct offer_constraints *constraints = offer_constraints_ref(spec->constraints);

    framework_info_unref(f->info);
    offer_constraints_unref(f->constraints);
    f->info = info;
    f->constraints = constraints;
    for (size_t i = 0; i < info->role_count; i++)
        alloc_client_ensure(a, f, info->roles[i])->subscribed = true;
    for (uint32_t i = f->client_count; i-- > 0;) {
        struct alloc_client *c = f->clients[i];
        bool was = c->suppressed;
        c->subscribed = is_among(c->role->name, info->roles, info->role_count);
        c->suppressed = is_among(c->role->name, spec->suppressed, spec->suppressed_count);
        c->minimum = framework_info_offer_filter(info, c->role->name);
        (c->minimum != NULL ? mask_set : mask_clear)(a->own_minimum, c->slot);
        (framework_info_can(info, FRAMEWORK_CAP_REVOCABLE_RESOURCES) ? mask_set : mask_clear)(a->revocable,
                                                                                              c->slot);
        if ((was && !c->suppressed) || !c->subscribed)
            alloc_client_filters_drop(a, c);
        mask_client_cleared(a, c->slot);
        alloc_client_update(a, c);
        alloc_client_release(a, c);
    }
}

struct framework_ref allocator_framework_add(struct allocator *a, const struct alloc_framework_spec *spec,
                                             bool active)
{
    struct alloc_framework *f = xcalloc(1, sizeof *f);
    uint32_t slot = 0;

    while (slot < a->framework_slots && a->frameworks[slot] != NULL)
        slot++;
    if (slot == a->framework_slots) {
        if (slot >= a->framework_cap) {
            a->framework_cap = a->framework_cap != 0 ? a->framework_cap * 2 : 64;
            a->frameworks = xrealloc(a->frameworks, a->framework_cap, sizeof *a->frameworks);
            a->framework_gens = xrealloc(a->framework_gens, a->framework_cap, sizeof *a->framework_gens);
        }
        a->framework_gens[slot] = 0;
        a->framework_slots++;
    }
    ASSERT(spec->info->id.s.n != 0);
    f->slot = slot;
    f->gen = ++a->framework_gens[slot];
    f->active = active;
    f->path = name_of(spec->info->id.s);
    a->frameworks[slot] = f;
    a->framework_count++;
    alloc_run_books_changed(a);
    framework_describe(a, f, spec);
    if (active)
        alloc_pending_all(a);
    return alloc_framework_ref(f);
}

void allocator_framework_update(struct allocator *a, struct framework_ref ref,
                                const struct alloc_framework_spec *spec)
{
    alloc_run_books_changed(a);
    framework_describe(a, alloc_framework_get(a, ref), spec);
}

static void inverses_drop(struct allocator *a, struct framework_ref f, bool filters_only)
{
    for (uint32_t i = 0; i < a->agent_slots && a->maintained_count != 0; i++) {
        if (!a->hot[i].maintained)
            continue;
        struct alloc_inverse_state *s = alloc_inverse_find(a->hot[i].agent, f);
        if (s == NULL)
            continue;
        s->filter_until = (struct mono){ INT64_MIN };
        if (!filters_only)
            s->outstanding = false;
    }
}

void allocator_framework_remove(struct allocator *a, struct framework_ref ref)
{
    struct alloc_framework *f = alloc_framework_get(a, ref);

    alloc_run_books_changed(a);
    inverses_drop(a, ref, false);
    f->active = false;
    while (f->client_count != 0) {
        struct alloc_client *c = f->clients[f->client_count - 1];
        c->subscribed = false;
        if (c->holdings != NULL)
            alloc_holding_drop(a, c->holdings, true); /* the last one releases c */
        else
            alloc_client_release(a, c);
    }
    a->frameworks[f->slot] = NULL;
    a->framework_count--;
    framework_info_unref(f->info);
    offer_constraints_unref(f->constraints);
    name_unref(f->path);
    free(f->clients);
    free(f);
}

void allocator_framework_activate(struct allocator *a, struct framework_ref ref)
{
    struct alloc_framework *f = alloc_framework_get(a, ref);

    alloc_run_books_changed(a);
    f->active = true;
    for (uint32_t i = 0; i < f->client_count; i++)
        alloc_client_update(a, f->clients[i]);
    alloc_pending_all(a);
}

void allocator_framework_deactivate(struct allocator *a, struct framework_ref ref)
{
    struct alloc_framework *f = alloc_framework_get(a, ref);

    alloc_run_books_changed(a);
    f->active = false;
    for (uint32_t i = 0; i < f->client_count; i++) {
        alloc_client_filters_drop(a, f->clients[i]);
        alloc_client_update(a, f->clients[i]);
    }
    inverses_drop(a, ref, false);
}

void allocator_suppress(struct allocator *a, struct framework_ref ref, struct name *const *roles,
                        size_t count)
{
    struct alloc_framework *f = alloc_framework_get(a, ref);

    alloc_run_books_changed(a);
    for (uint32_t i = 0; i < f->client_count; i++) {
        struct alloc_client *c = f->clients[i];
        if (!c->subscribed || (count != 0 && !is_among(c->role->name, roles, count)))
            continue;
        c->suppressed = true;
        alloc_client_update(a, c);
    }
}

void allocator_revive(struct allocator *a, struct framework_ref ref, struct name *const *roles, size_t count)
{
    struct alloc_framework *f = alloc_framework_get(a, ref);

    alloc_run_books_changed(a);
    for (uint32_t i = 0; i < f->client_count; i++) {
        struct alloc_client *c = f->clients[i];
        if (!c->subscribed || (count != 0 && !is_among(c->role->name, roles, count)))
            continue;
        alloc_client_filters_drop(a, c);
        c->suppressed = false;
        alloc_client_update(a, c);
    }
    inverses_drop(a, ref, true);
    alloc_pending_all(a);
}

/* --- quota and weights --- */

static void quota_free(struct alloc_quota *q)
{
    if (q == NULL)
        return;
    quantities_done(&q->guarantees);
    quantities_done(&q->limits);
    qvec_clear(&q->g);
    free(q->limit);
    free(q);
}

static struct alloc_quota *quota_new(struct allocator *a, const struct quantities *guarantees,
                                     const struct quantities *limits)
{
    struct alloc_quota *q = xcalloc(1, sizeof *q);

    q->guarantees = quantities_copy(guarantees);
    q->limits = quantities_copy(limits);
    for (uint32_t i = 0; i < guarantees->n; i++)
        qvec_set(&q->g, alloc_name_index(a, guarantees->v[i].name), guarantees->v[i].milli);
    q->limit = xcalloc(limits->n + 1, sizeof *q->limit);
    for (uint32_t i = 0; i < limits->n; i++)
        q->limit[q->limit_count++] =
            (struct alloc_limit){ alloc_name_index(a, limits->v[i].name), limits->v[i].milli };
    return q;
}

static void limited_add(struct allocator *a, struct alloc_role *r)
{
    uint32_t i = a->quota_count;

    ARRAY_ROOM(a->limited, a->quota_count, a->limited_cap);
    for (; i > 0 && name_cmp(a->limited[i - 1]->name, r->name) > 0; i--)
        a->limited[i] = a->limited[i - 1];
    a->limited[i] = r;
    a->quota_count++;
}

static void limited_remove(struct allocator *a, struct alloc_role *r)
{
    uint32_t i = 0;

    while (a->limited[i] != r)
        i++;
    memmove(a->limited + i, a->limited + i + 1, (a->quota_count - i - 1) * sizeof *a->limited);
    a->quota_count--;
}

void allocator_quota_set(struct allocator *a, struct name *role, const struct quantities *guarantees,
                         const struct quantities *limits)
{
    bool any = quantities_is_empty(guarantees) == false || limits->n != 0;

    alloc_run_books_changed(a);
    if (!any && alloc_role_find(a, role) == NULL)
        return;
    struct alloc_role *r = alloc_role_ensure(a, role);
    ASSERT(r->depth == 1);
    struct alloc_quota *q = any ? quota_new(a, guarantees, limits) : NULL;
    if (q != NULL && r->quota == NULL)
        limited_add(a, r);
    if (q == NULL && r->quota != NULL)
        limited_remove(a, r);
    quota_free(r->quota);
    r->quota = q;
    alloc_role_release(a, r);
}

void allocator_weight_set(struct allocator *a, struct name *role, double weight)
{
    alloc_run_books_changed(a);
    struct alloc_role *r = alloc_role_ensure(a, role);
    r->weight = weight;
    alloc_role_weight_apply(r);
    alloc_role_release(a, r);
}

/* --- pause --- */

void allocator_recovery_start(struct allocator *a, struct mono now, size_t registry_agents)
{
    size_t expected = (size_t)((double)registry_agents * a->recovery_factor);

    if (a->quota_count == 0 || expected == 0)
        return;
    a->agents_expected = expected;
    a->agents_added = 0;
    a->paused = true;
    a->pause_until = mono_add(now, a->recovery_timeout_ns);
}

bool allocator_is_paused(const struct allocator *a)
{
    return a->paused;
}
