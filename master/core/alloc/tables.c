/* SPDX-License-Identifier: Apache-2.0 */
/* Finding things: names, frameworks and agents by reference; and what the next run has to look at. */
#include "master/core/alloc/internal.h"

uint32_t alloc_name_known(const struct allocator *a, const struct name *name)
{
    for (uint32_t i = 0; i < a->name_count; i++)
        if (a->names[i] == name)
            return i;
    return ALLOC_NONE;
}

uint32_t alloc_name_index(struct allocator *a, struct name *name)
{
    uint32_t i = alloc_name_known(a, name);

    if (i != ALLOC_NONE)
        return i;
    i = a->name_count;
    ARRAY_ROOM(a->names, i, a->name_cap);
    a->names[a->name_count++] = name_ref(name);
    a->totals.excluded = xrealloc(a->totals.excluded, a->name_count, sizeof *a->totals.excluded);
    a->totals.excluded[i] = false;
    a->totals.excluded_n = a->name_count;
    for (uint32_t k = 0; k < a->excluded_count; k++)
        if (a->excluded[k] == name)
            a->totals.excluded[i] = true;
    return i;
}

struct alloc_framework *alloc_framework_get(const struct allocator *a, struct framework_ref f)
{
    ASSERT(f.slot < a->framework_slots);
    ASSERT(a->frameworks[f.slot] != NULL && a->frameworks[f.slot]->gen == f.gen);
    return a->frameworks[f.slot];
}

struct framework_ref alloc_framework_ref(const struct alloc_framework *f)
{
    return (struct framework_ref){ f->slot, f->gen };
}

struct alloc_agent *alloc_agent_get(const struct allocator *a, struct agent_ref g)
{
    ASSERT(g.slot < a->agent_slots);
    ASSERT(a->hot[g.slot].agent != NULL && a->hot[g.slot].agent->gen == g.gen);
    return a->hot[g.slot].agent;
}

struct agent_ref alloc_agent_ref(const struct alloc_agent *g)
{
    return (struct agent_ref){ g->slot, g->gen };
}

struct alloc_inverse_state *alloc_inverse_find(struct alloc_agent *g, struct framework_ref f)
{
    for (uint32_t i = 0; i < g->inverse_count; i++)
        if (framework_ref_eq(g->inverses[i].framework, f))
            return &g->inverses[i];
    return NULL;
}

void alloc_pending_all(struct allocator *a)
{
    a->pending_all = true;
    a->stats.triggers++;
}

void alloc_pending_agent(struct allocator *a, struct alloc_agent *g)
{
    struct alloc_hot *h = &a->hot[g->slot];

    a->pending_some = true;
    a->stats.triggers++;
    if (h->pending)
        return;
    h->pending = true;
    ARRAY_ROOM(a->pending, a->pending_count, a->pending_cap);
    a->pending[a->pending_count++] = g->slot;
}
