/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: what they have, whether they may be offered, maintenance. */
#include <stdlib.h>

#include "master/core/alloc/internal.h"

/* --- slots --- */

static uint32_t slot_take(struct allocator *a)
{
    if (a->agent_free_count != 0)
        return a->agent_free[--a->agent_free_count];
    if (a->agent_slots >= a->agent_cap) {
        a->agent_cap = a->agent_cap != 0 ? a->agent_cap * 2 : 64;
        a->hot = xrealloc(a->hot, a->agent_cap, sizeof *a->hot);
        a->agent_gens = xrealloc(a->agent_gens, a->agent_cap, sizeof *a->agent_gens);
        mask_agents_room(a);
    }
    a->agent_gens[a->agent_slots] = 0;
    mask_agent_new(a, a->agent_slots);
    return a->agent_slots++;
}

/* --- whitelist --- */

static int by_address(const void *x, const void *y)
{
    uintptr_t a = (uintptr_t) * (struct name *const *)x, b = (uintptr_t) * (struct name *const *)y;

    return a < b ? -1 : a > b;
}

static bool is_whitelisted(const struct allocator *a, struct str hostname)
{
    if (a->whitelist_all)
        return true;
    struct name *n = name_find(hostname);
    return n != NULL && a->whitelist_count != 0 &&
           bsearch(&n, a->whitelist, a->whitelist_count, sizeof n, by_address) != NULL;
}

static void usable_update(struct allocator *a, struct alloc_agent *g)
{
    a->hot[g->slot].usable = g->activated && g->whitelisted;
}

void allocator_whitelist_set(struct allocator *a, bool all, const struct str *hostnames, size_t count)
{
    for (uint32_t i = 0; i < a->whitelist_count; i++)
        name_unref(a->whitelist[i]);
    free(a->whitelist);
    a->whitelist = NULL;
    a->whitelist_count = 0;
    a->whitelist_all = all;
    if (!all) {
        a->whitelist = xcalloc(count + 1, sizeof *a->whitelist);
        for (size_t i = 0; i < count; i++)
            a->whitelist[a->whitelist_count++] = name_of(hostnames[i]);
        qsort(a->whitelist, a->whitelist_count, sizeof *a->whitelist, by_address);
    }
    for (uint32_t i = 0; i < a->agent_slots; i++) {
        struct alloc_agent *g = a->hot[i].agent;
        if (g == NULL)
            continue;
        g->whitelisted = is_whitelisted(a, g->hostname);
        usable_update(a, g);
    }
}

/* --- life --- */

static void agent_describe(struct allocator *a, struct alloc_agent *g, const struct alloc_agent_spec *spec)
{
    struct agent_info *info = agent_info_ref(spec->info);

    agent_info_unref(g->info);
    g->info = info;
    g->hostname = str_of(info->hostname);
    g->capabilities = info->capabilities;
    g->whitelisted = is_whitelisted(a, g->hostname);
    g->remote = info->region != NULL && a->region != NULL && info->region != a->region;
    g->total = resources_copy(spec->total);
    g->has_gpus = resources_milli(&g->total, NAME_GPUS) > 0;
    g->has_shared = resources_have_shared(&g->total);
    alloc_total_add(a, &g->total);
    usable_update(a, g);
}

struct agent_ref allocator_agent_add(struct allocator *a, const struct alloc_agent_spec *spec, bool active,
                                     const struct alloc_use *used, size_t used_count)
{
    struct alloc_agent *g = xcalloc(1, sizeof *g);

    ASSERT(spec->info->id.s.n != 0);
    alloc_run_books_changed(a);
    g->slot = slot_take(a);
    g->gen = ++a->agent_gens[g->slot];
    g->activated = active;
    g->grant_head = ALLOC_NONE;
    a->hot[g->slot] = (struct alloc_hot){ .agent = g, .gen = g->gen, .next_expiry_ms = INT64_MAX };
    mask_agent_reset(a, g->slot);
    a->agent_count++;
    agent_describe(a, g, spec);
    alloc_available_recompute(a, g);
    for (size_t i = 0; i < used_count; i++)
        allocator_use_add(a, alloc_agent_ref(g), &used[i]);
    alloc_pending_agent(a, g);
    if (a->paused && ++a->agents_added >= a->agents_expected) {
        a->paused = false;
        alloc_pending_all(a);
    }
    return alloc_agent_ref(g);
}

void allocator_agent_update(struct allocator *a, struct agent_ref ref, const struct alloc_agent_spec *spec)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);
    const struct agent_info *old = g->info;
    bool same_attributes = attributes_eq(&old->attributes, &spec->info->attributes);
    bool same = same_attributes && old->capabilities == spec->info->capabilities &&
                old->region == spec->info->region && old->zone == spec->info->zone &&
                str_eq(g->hostname, str_of(spec->info->hostname)) && resources_eq(&g->total, spec->total);
    struct resources before = g->total;

    alloc_run_books_changed(a);
    if (!same_attributes)
        filter_agent_clear(a, g);
    agent_describe(a, g, spec);
    alloc_total_sub(a, &before);
    resources_done(&before);
    alloc_available_recompute(a, g);
    if (same)
        return;
    mask_agent_reset(a, g->slot);
    alloc_pending_agent(a, g);
}

void allocator_agent_freed(struct allocator *a, struct agent_ref ref)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);

    if (2 * resources_milli(&g->available, NAME_CPUS) >= resources_milli(&g->total, NAME_CPUS) &&
        2 * resources_milli(&g->available, NAME_MEM) >= resources_milli(&g->total, NAME_MEM))
        alloc_pending_agent(a, g);
}

void allocator_agent_remove(struct allocator *a, struct agent_ref ref)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);

    alloc_run_books_changed(a);
    alloc_run_agent_left(a, g);
    while (g->holdings != NULL)
        alloc_holding_drop(a, g->holdings, false);
    filter_agent_clear(a, g);
    alloc_total_sub(a, &g->total);
    if (g->has_unavailability)
        a->maintained_count--;
    a->hot[g->slot].agent = NULL; /* pending stays set until the next run takes the slot off its list */
    a->hot[g->slot].usable = false;
    a->hot[g->slot].maintained = false;
    ARRAY_ROOM(a->agent_free, a->agent_free_count, a->agent_free_cap);
    a->agent_free[a->agent_free_count++] = g->slot;
    a->agent_count--;
    resources_done(&g->total);
    resources_done(&g->available);
    resources_done(&g->reference);
    resources_done(&g->run_shared);
    agent_info_unref(g->info);
    free(g->inverses);
    free(g);
}

void allocator_agent_activate(struct allocator *a, struct agent_ref ref)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);

    g->activated = true;
    usable_update(a, g);
}

void allocator_agent_deactivate(struct allocator *a, struct agent_ref ref)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);

    g->activated = false;
    usable_update(a, g);
}

/* --- maintenance --- */

void allocator_unavailability_set(struct allocator *a, struct agent_ref ref,
                                  const struct alloc_unavailability *u)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);

    a->maintained_count -= g->has_unavailability;
    g->has_unavailability = u != NULL;
    if (u != NULL)
        g->unavailability = *u;
    a->maintained_count += g->has_unavailability;
    a->hot[g->slot].maintained = g->has_unavailability;
    free(g->inverses);
    g->inverses = NULL;
    g->inverse_count = g->inverse_cap = 0;
    alloc_pending_agent(a, g);
}

void allocator_inverse_answer(struct allocator *a, struct mono now, struct framework_ref f,
                              struct agent_ref ref, int64_t refuse_ns)
{
    struct alloc_agent *g = alloc_agent_get(a, ref);
    struct alloc_inverse_state *s = alloc_inverse_find(g, f);

    if (s == NULL) /* the unavailability changed meanwhile */
        return;
    s->outstanding = false;
    s->filter_until = refuse_ns > 0 ? mono_add(now, refuse_ns) : (struct mono){ INT64_MIN };
}
