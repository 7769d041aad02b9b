/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: a framework in a role, with a slot that is its bit in the masks. */
#include <stdlib.h>

#include "master/core/alloc/internal.h"

bool alloc_client_is_active(const struct alloc_client *c)
{
    return c->subscribed && !c->suppressed && c->framework->active;
}

void alloc_client_update(struct allocator *a, struct alloc_client *c)
{
    bool active = alloc_client_is_active(c);

    if (active && c->node.parent == NULL) {
        sorter_attach(&c->role->frameworks, &c->node);
        mask_set(a->active, c->slot);
    } else if (!active && c->node.parent != NULL) {
        sorter_detach(&c->node);
        mask_clear(a->active, c->slot);
    }
}

/* Where the client of this role is, or would be, among the framework's. */
static uint32_t client_position(const struct alloc_framework *f, const struct alloc_role *r)
{
    uint32_t lo = 0, hi = f->client_count;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if ((uintptr_t)f->clients[mid]->role < (uintptr_t)r)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct alloc_client *alloc_client_find(const struct alloc_framework *f, const struct alloc_role *r)
{
    uint32_t i = client_position(f, r);

    return r != NULL && i < f->client_count && f->clients[i]->role == r ? f->clients[i] : NULL;
}

static void client_gen_next(struct allocator *a, uint32_t slot)
{
    if (((++a->client_gens[slot]) & 0xffffff) == 0)
        filter_purge_slot(a, slot);
    mask_client_cleared(a, slot);
}

static uint32_t client_slot_take(struct allocator *a)
{
    uint32_t slot;

    if (a->client_free_count != 0) {
        slot = a->client_free[--a->client_free_count];
    } else {
        slot = a->client_slots;
        if (slot >= a->client_cap) {
            a->client_cap = a->client_cap != 0 ? a->client_cap * 2 : 64;
            a->clients = xrealloc(a->clients, a->client_cap, sizeof *a->clients);
            a->client_gens = xrealloc(a->client_gens, a->client_cap, sizeof *a->client_gens);
        }
        a->client_slots++;
        a->client_gens[slot] = 0;
        mask_clients_room(a);
    }
    client_gen_next(a, slot);
    return slot;
}

struct alloc_client *alloc_client_ensure(struct allocator *a, struct alloc_framework *f, struct name *role)
{
    struct alloc_role *r = alloc_role_ensure(a, role);
    struct alloc_client *c = alloc_client_find(f, r);

    if (c != NULL)
        return c;
    c = xcalloc(1, sizeof *c);
    sorter_node_init(&c->node, f->path);
    c->framework = f;
    c->role = r;
    c->slot = client_slot_take(a);
    a->clients[c->slot] = c;
    uint32_t i = client_position(f, r);
    ARRAY_ROOM(f->clients, f->client_count, f->client_cap);
    memmove(f->clients + i + 1, f->clients + i, (f->client_count - i) * sizeof *f->clients);
    f->clients[i] = c;
    f->client_count++;
    alloc_role_client_add(r, c);
    return c;
}

void alloc_client_filters_drop(struct allocator *a, struct alloc_client *c)
{
    c->role->filters -= c->filters;
    c->filters = 0;
    client_gen_next(a, c->slot);
}

void alloc_client_release(struct allocator *a, struct alloc_client *c)
{
    struct alloc_framework *f = c->framework;
    struct alloc_role *r = c->role;

    if (c->subscribed || c->holdings != NULL)
        return;
    alloc_client_update(a, c);
    alloc_client_filters_drop(a, c);
    alloc_run_client_left(a, c);
    mask_clear(a->own_minimum, c->slot);
    mask_clear(a->revocable, c->slot);
    uint32_t i = client_position(f, r);
    memmove(f->clients + i, f->clients + i + 1, (f->client_count - i - 1) * sizeof *f->clients);
    f->client_count--;
    a->clients[c->slot] = NULL;
    ARRAY_ROOM(a->client_free, a->client_free_count, a->client_free_cap);
    a->client_free[a->client_free_count++] = c->slot;
    alloc_role_client_remove(r, c);
    sorter_node_done(&c->node);
    free(c);
    alloc_role_release(a, r);
}
