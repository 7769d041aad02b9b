/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about resources alone. */
#include "master/core/alloc/internal.h"

static bool alternative_reached(const struct quantities *q, const struct resources *r)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (resources_milli(r, q->v[i].name) < q->v[i].milli)
            return false;
    return true;
}

bool alloc_any_alternative_reached(const struct quantities *alternatives, size_t count,
                                    const struct resources *r)
{
    for (size_t i = 0; i < count; i++)
        if (alternative_reached(&alternatives[i], r))
            return true;
    return count == 0;
}

bool alloc_minimum_reached(const struct alloc_minimum *m, const struct resources *r)
{
    return r->n != 0 && alloc_any_alternative_reached(m->alternatives, m->count, r);
}

bool mask_same_entries(const struct resources *a, const struct resources *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!resource_eq(&a->v[i], &b->v[i]))
            return false;
    return true;
}

void alloc_available_scan(struct allocator *a, struct alloc_agent *g)
{
    g->plain = g->special = true;
    a->hot[g->slot].small = true;
    if (g->available.n == 0)
        return;
    for (uint32_t i = 0; i < g->available.n; i++) {
        const struct resource *x = &g->available.v[i];
        if (x->reservations != NULL || x->revocable || x->shared)
            g->plain = false;
        else if (x->type == VALUE_SCALAR)
            g->special = false;
    }
    a->hot[g->slot].small = !alloc_minimum_reached(&a->minimum, &g->available);
}
