/* SPDX-License-Identifier: Apache-2.0 */
/* The masks: which clients need not be looked at for an agent, because nothing but a change of the facts
 * could make the answer another one. Per agent slot there are mask_cap words, one bit per client slot. A set
 * bit means: whatever part of the agent's *reference* amount is free, it is not offered to this client. It
 * rests on
 *
 *   - the client: capabilities, constraints, minimum, role. A change clears its bit on all agents
 * (mask_client_cleared): noted in one mask at once, carried out when an agent is next looked at
 * (mask_agent_sync).
 *   - the agent: attributes, capabilities, total. A change clears all its bits (mask_agent_reset).
 *   - filters: when one ends or is dropped, the bit goes (filters.c).
 *   - what is free being within the reference (mask_agent_reference). Filters and minimums that stop an
 * amount stop every part of it, so a smaller amount keeps the bits; a larger one clears them and becomes the
 * reference. */
#include "master/core/alloc/internal.h"

static void widen(uint64_t **m, uint32_t from, uint32_t to)
{
    *m = xrealloc(*m, to, sizeof **m);
    memset(*m + from, 0, (to - from) * sizeof **m);
}

void mask_clients_room(struct allocator *a)
{
    uint32_t words = (a->client_slots + 63) / 64;

    if (words > a->mask_cap) {
        uint32_t cap = a->mask_cap * 2 > words ? a->mask_cap * 2 : words;
        uint64_t *blocked = xcalloc((size_t)a->agent_cap * cap * 2 + 1, sizeof *blocked);
        for (uint32_t i = 0; i < a->agent_slots && a->mask_cap != 0; i++) {
            memcpy(blocked + (size_t)i * cap * 2, mask_blocked(a, i), a->mask_cap * sizeof *blocked);
            memcpy(blocked + (size_t)i * cap * 2 + cap, mask_filtered(a, i), a->mask_cap * sizeof *blocked);
        }
        free(a->blocked);
        a->blocked = blocked;
        widen(&a->active, a->mask_cap, cap);
        widen(&a->own_minimum, a->mask_cap, cap);
        widen(&a->revocable, a->mask_cap, cap);
        widen(&a->cleared, a->mask_cap, cap);
        widen(&a->run.hungry_mask, a->mask_cap, cap);
        widen(&a->run.dead, a->mask_cap, cap);
        widen(&a->run.scratch, a->mask_cap, cap);
        a->mask_cap = cap;
    }
    a->mask_words = words;
}

void mask_agents_room(struct allocator *a)
{
    a->blocked = xrealloc(a->blocked, (size_t)a->agent_cap * a->mask_cap * 2 + 1, sizeof *a->blocked);
}

void mask_agent_new(struct allocator *a, uint32_t agent_slot)
{
    if (a->mask_cap != 0)
        memset(mask_filtered(a, agent_slot), 0, a->mask_cap * sizeof *a->blocked);
}

void mask_done(struct allocator *a)
{
    free(a->blocked);
    free(a->active);
    free(a->own_minimum);
    free(a->revocable);
    free(a->cleared);
    free(a->run.hungry_mask);
    free(a->run.dead);
    free(a->run.scratch);
}

void mask_agent_reset(struct allocator *a, uint32_t agent_slot)
{
    if (a->mask_cap != 0)
        memset(mask_blocked(a, agent_slot), 0, a->mask_cap * sizeof *a->blocked);
    a->hot[agent_slot].mask_seen = a->mask_clears;
}

void mask_client_cleared(struct allocator *a, uint32_t client_slot)
{
    mask_set(a->cleared, client_slot);
    a->mask_clears++;
}

/* cleared may hold more than what came since the agent was last here (it is emptied only after a pass over
 * all agents): then a bit is cleared without need and found again at the cost of a look. */
void mask_agent_sync(struct allocator *a, uint32_t agent_slot)
{
    struct alloc_hot *h = &a->hot[agent_slot];

    if (h->mask_seen == a->mask_clears)
        return;
    uint64_t *m = mask_blocked(a, agent_slot);
    for (uint32_t i = 0; i < a->mask_words; i++)
        m[i] &= ~a->cleared[i];
    h->mask_seen = a->mask_clears;
}

static void reference_set(struct alloc_agent *g)
{
    resources_done(&g->reference);
    g->reference = resources_copy(&g->available);
    g->reference_number++;
    g->ref = ALLOC_REF_EQUAL;
}

void mask_agent_reference(struct allocator *a, struct alloc_agent *g)
{
    /* When it stays so over several runs, let the smaller amount, for which the bits hold too, be the
     * reference. */
    if (g->ref == ALLOC_REF_BELOW && g->below_run < a->run.number)
        reference_set(g);
    if (g->ref != ALLOC_REF_UNKNOWN)
        return;
    alloc_available_scan(a, g);
    if (mask_same_entries(&g->available, &g->reference)) {
        g->ref = ALLOC_REF_EQUAL;
    } else if (resources_contains(&g->reference, &g->available)) {
        g->ref = resources_contains(&g->available, &g->reference) ? ALLOC_REF_EQUAL : ALLOC_REF_BELOW;
        g->below_run = a->run.number;
    } else {
        mask_agent_reset(a, g->slot);
        reference_set(g);
    }
    a->hot[g->slot].ref_known = true;
}
