/* SPDX-License-Identifier: Apache-2.0 */
/* Offer filters: what a framework refused, for how long. There may be one per pair of client and agent (50
 * million in a large cluster), so a filter is 16 bytes in an array of its agent, sorted by client; the
 * refused resources are interned: agents of the same shape share one copy. No timer: an agent knows the first
 * end among its filters and looks when that has passed.
 *
 * Dropping all filters of a client (REVIVE, disconnection) counts up the generation of its slot; what is left
 * in the arrays does not match any more and is swept when an array is next touched. Source: reference of the
 * allocator, section 17. */
#include <stdlib.h>

#include "master/core/alloc/internal.h"

enum { GEN_MASK = (1 << 24) - 1 };
#define UNTIL_MASK ((UINT64_C(1) << 40) - 1)

/* --- the table of resources --- */

static void table_rehash(struct alloc_filter_table *t)
{
    uint32_t count = t->bucket_count != 0 ? t->bucket_count * 2 : 64;

    free(t->buckets);
    t->buckets = xcalloc(count, sizeof *t->buckets);
    for (uint32_t i = 0; i < count; i++)
        t->buckets[i] = ALLOC_NONE;
    t->bucket_count = count;
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->v[i].refs == 0)
            continue;
        uint32_t b = (uint32_t)(t->v[i].hash & (count - 1));
        t->v[i].next = t->buckets[b];
        t->buckets[b] = i;
    }
}

/* The index of an entry with these resources; one reference for the caller. */
static uint32_t table_intern(struct alloc_filter_table *t, const struct resources *what)
{
    uint64_t hash = resources_hash(what);
    uint32_t i;

    if (t->used >= t->bucket_count)
        table_rehash(t);
    for (i = t->buckets[hash & (t->bucket_count - 1)]; i != ALLOC_NONE; i = t->v[i].next)
        if (t->v[i].hash == hash && resources_eq(&t->v[i].resources, what)) {
            t->v[i].refs++;
            return i;
        }
    if (t->free != ALLOC_NONE) {
        i = t->free;
        t->free = t->v[i].next;
    } else {
        ARRAY_ROOM(t->v, t->n, t->cap);
        i = t->n++;
    }
    uint32_t b = (uint32_t)(hash & (t->bucket_count - 1));
    t->v[i] = (struct alloc_filtered){
        .resources = resources_copy(what), .hash = hash, .refs = 1, .next = t->buckets[b]
    };
    t->buckets[b] = i;
    t->used++;
    return i;
}

static void table_unref(struct alloc_filter_table *t, uint32_t i)
{
    uint32_t *at;

    if (--t->v[i].refs > 0)
        return;
    for (at = &t->buckets[t->v[i].hash & (t->bucket_count - 1)]; *at != i; at = &t->v[*at].next)
        ;
    *at = t->v[i].next;
    resources_done(&t->v[i].resources);
    t->v[i].next = t->free;
    t->free = i;
    t->used--;
}

void filter_table_done(struct allocator *a)
{
    free(a->filters.v);
    free(a->filters.buckets);
}

/* --- an agent's array --- */

static uint32_t lower_bound(const struct alloc_agent *g, uint32_t client)
{
    uint32_t lo = 0, hi = g->filter_count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (g->filters[mid].client < client)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_stale(const struct allocator *a, const struct alloc_filter *f)
{
    return f->gen != (a->client_gens[f->client] & GEN_MASK);
}

/* Counts f out and drops its resources. */
static void forget(struct allocator *a, const struct alloc_filter *f)
{
    struct alloc_client *c = a->clients[f->client];

    table_unref(&a->filters, f->what);
    a->filters.filters--;
    if (!is_stale(a, f) && c != NULL) {
        c->filters--;
        c->role->filters--;
    }
}

/* Called after entries of an agent went: its mask says again who has some. */
static void mask_rebuild(struct allocator *a, const struct alloc_agent *g)
{
    uint64_t *m = mask_filtered(a, g->slot);

    if (a->mask_cap != 0)
        memset(m, 0, a->mask_cap * sizeof *m);
    for (uint32_t i = 0; i < g->filter_count; i++)
        mask_set(m, g->filters[i].client);
}

static void remove_at(struct allocator *a, struct alloc_agent *g, uint32_t i)
{
    forget(a, &g->filters[i]);
    memmove(g->filters + i, g->filters + i + 1, (g->filter_count - i - 1) * sizeof *g->filters);
    g->filter_count--;
}

/* Makes the client's part of the array (from i) clean and leaves room for one more; returns its end. */
static uint32_t make_room(struct allocator *a, struct alloc_agent *g, uint32_t from, uint32_t client)
{
    uint32_t end = from, first = from;

    while (end < g->filter_count && g->filters[end].client == client) {
        if (is_stale(a, &g->filters[end])) {
            remove_at(a, g, end);
            continue;
        }
        if (g->filters[end].until_ms < g->filters[first].until_ms)
            first = end;
        end++;
    }
    if (end - from >= ALLOC_FILTERS_PER_PAIR_MAX) {
        remove_at(a, g, first);
        end--;
    }
    return end;
}

void filter_add(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                const struct resources *what, int64_t until_ms)
{
    uint32_t from = lower_bound(g, c->slot);
    uint32_t end = make_room(a, g, from, c->slot);
    uint32_t index = table_intern(&a->filters, what);
    uint64_t until = (uint64_t)until_ms & UNTIL_MASK;
    struct alloc_hot *h = &a->hot[g->slot];

    for (uint32_t i = from; i < end; i++)
        if (g->filters[i].what == index) { /* the same refused again */
            if (g->filters[i].until_ms < until)
                g->filters[i].until_ms = until & UNTIL_MASK;
            table_unref(&a->filters, index);
            return;
        }
    ARRAY_ROOM(g->filters, g->filter_count, g->filter_cap);
    memmove(g->filters + end + 1, g->filters + end, (g->filter_count - end) * sizeof *g->filters);
    g->filters[end] = (struct alloc_filter){ .client = c->slot,
                                             .what = index,
                                             .until_ms = until & UNTIL_MASK,
                                             .gen = a->client_gens[c->slot] & GEN_MASK };
    g->filter_count++;
    mask_set(mask_filtered(a, g->slot), c->slot);
    a->filters.filters++;
    c->filters++;
    c->role->filters++;
    if (until_ms < h->next_expiry_ms)
        h->next_expiry_ms = until_ms;
}

bool filter_stops(const struct allocator *a, const struct alloc_agent *g, const struct alloc_client *c,
                  const struct resources *offer, int64_t now_ms, int64_t *ret_until_ms)
{
    if (!mask_get(mask_filtered(a, g->slot), c->slot))
        return false;
    for (uint32_t i = lower_bound(g, c->slot); i < g->filter_count && g->filters[i].client == c->slot; i++) {
        const struct alloc_filter *f = &g->filters[i];
        if (is_stale(a, f) || (int64_t)f->until_ms <= now_ms ||
            !resources_contains(&a->filters.v[f->what].resources, offer))
            continue;
        if (ret_until_ms != NULL)
            *ret_until_ms = (int64_t)f->until_ms;
        return true;
    }
    return false;
}

void filter_agent_clear(struct allocator *a, struct alloc_agent *g)
{
    for (uint32_t i = 0; i < g->filter_count; i++)
        forget(a, &g->filters[i]);
    free(g->filters);
    g->filters = NULL;
    g->filter_count = g->filter_cap = 0;
    mask_rebuild(a, g);
    a->hot[g->slot].next_expiry_ms = INT64_MAX;
}

void filter_agent_expire(struct allocator *a, struct alloc_agent *g, int64_t now_ms)
{
    uint32_t kept = 0;
    int64_t next = INT64_MAX;

    for (uint32_t i = 0; i < g->filter_count; i++) {
        struct alloc_filter *f = &g->filters[i];
        if (is_stale(a, f)) {
            forget(a, f);
        } else if ((int64_t)f->until_ms <= now_ms) {
            mask_clear(mask_blocked(a, g->slot), f->client);
            forget(a, f);
        } else {
            if ((int64_t)f->until_ms < next)
                next = (int64_t)f->until_ms;
            g->filters[kept++] = *f;
        }
    }
    g->filter_count = kept;
    mask_rebuild(a, g);
    if (kept == 0) {
        free(g->filters);
        g->filters = NULL;
        g->filter_cap = 0;
    }
    a->hot[g->slot].next_expiry_ms = next;
}

void filter_purge_slot(struct allocator *a, uint32_t client_slot)
{
    for (uint32_t s = 0; s < a->agent_slots; s++) {
        struct alloc_agent *g = a->hot[s].agent;
        if (g == NULL)
            continue;
        uint32_t i = lower_bound(g, client_slot);
        while (i < g->filter_count && g->filters[i].client == client_slot)
            remove_at(a, g, i);
        mask_rebuild(a, g);
    }
}

size_t filter_bytes(const struct allocator *a)
{
    const struct alloc_filter_table *t = &a->filters;
    size_t bytes = t->cap * sizeof *t->v + t->bucket_count * sizeof *t->buckets;

    for (uint32_t i = 0; i < t->n; i++)
        if (t->v[i].refs != 0)
            bytes += t->v[i].resources.cap * sizeof(struct resource);
    for (uint32_t s = 0; s < a->agent_slots; s++)
        if (a->hot[s].agent != NULL)
            bytes += a->hot[s].agent->filter_cap * sizeof(struct alloc_filter);
    return bytes;
}
