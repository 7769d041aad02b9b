/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of roles: every role that a client, a reservation, a quota, a weight or a sub-role needs has a
 * node, and only those that clients need (they are *tracked*) take part in the order.
 *
 * A role without tracked sub-roles is a leaf of the sorter: its node tree stands for its own clients. With
 * tracked sub-roles tree becomes an inner node, and the role's own clients compete below it through the node
 * self, under the path "<role>/." and with weight 1. Source: reference of the allocator, section 12. */
#include <stdlib.h>

#include "common/model/role.h"
#include "master/core/alloc/internal.h"

struct alloc_role *alloc_role_find(const struct allocator *a, const struct name *name)
{
    struct alloc_role *r;

    HASH_FIND_PTR(a->roles, &name, r); /* names are interned */
    return r;
}

static struct name *self_path_of(struct str role)
{
    struct sbuf b = SBUF_INIT(role.n + 3);

    sbuf_str(&b, role);
    sbuf_c(&b, "/.");
    struct name *n = name_of(sbuf_view(&b));
    sbuf_done(&b);
    return n;
}

struct alloc_role *alloc_role_ensure(struct allocator *a, struct name *name)
{
    struct alloc_role *r = alloc_role_find(a, name);
    struct str up;

    if (r != NULL)
        return r;
    r = xcalloc(1, sizeof *r);
    r->name = name_ref(name);
    r->self_path = self_path_of(name_str(name));
    r->weight = 1;
    sorter_node_init(&r->tree, r->name);
    sorter_node_init(&r->self, r->self_path);
    sorter_node_init(&r->frameworks, r->name);
    if (role_parent(name_str(name), &up)) {
        struct name *above = name_of(up);
        r->parent = alloc_role_ensure(a, above);
        name_unref(above);
    } else {
        r->parent = &a->root;
    }
    r->parent->child_count++;
    r->depth = r->parent->depth + 1;
    HASH_ADD_PTR(a->roles, name, r);
    return r;
}

void alloc_role_release(struct allocator *a, struct alloc_role *r)
{
    while (r != &a->root && r->client_count == 0 && r->child_count == 0 && r->reserved_entries == 0 &&
           r->quota == NULL && sorter_weight_of(r->weight) == SORTER_WEIGHT_ONE) {
        struct alloc_role *up = r->parent;

        HASH_DEL(a->roles, r);
        up->child_count--;
        sorter_node_done(&r->tree);
        sorter_node_done(&r->self);
        sorter_node_done(&r->frameworks);
        qvec_clear(&r->plain_used);
        qvec_clear(&r->plain_allocated);
        qvec_clear(&r->allocated);
        qvec_clear(&r->reserved);
        free(r->clients);
        name_unref(r->self_path);
        name_unref(r->name);
        free(r);
        r = up;
    }
}

struct alloc_role *alloc_role_top(struct alloc_role *r)
{
    while (r->depth > 1)
        r = r->parent;
    return r;
}

bool alloc_role_is_within(const struct alloc_role *r, const struct alloc_role *ancestor)
{
    while (r->depth > ancestor->depth)
        r = r->parent;
    return r == ancestor;
}

void alloc_role_weight_apply(struct alloc_role *r)
{
    r->tree.weight = sorter_weight_of(r->weight);
    sorter_touch(&r->tree);
}

/* The first client below r appeared: r takes its place among its siblings, its parent becomes an inner node.
 */
static void track(struct alloc_role *r)
{
    struct alloc_role *up = r->parent;

    r->tree.count = 0;
    if (up == NULL)
        return;
    if (up->child_tracked++ == 0) {
        if (up->client_count == 0) {
            track(up);
        } else { /* a leaf so far */
            up->self.count = up->tree.count;
            sorter_attach(&up->tree, &up->self);
        }
    }
    sorter_attach(&up->tree, &r->tree);
}

static void untrack(struct alloc_role *r)
{
    struct alloc_role *up = r->parent;

    if (up == NULL)
        return;
    sorter_detach(&r->tree);
    if (--up->child_tracked == 0) {
        if (up->client_count == 0)
            untrack(up);
        else
            sorter_detach(&up->self);
    }
}

void alloc_role_client_add(struct alloc_role *r, struct alloc_client *c)
{
    uint32_t i = r->client_count;

    if (r->client_count == 0) {
        if (r->child_tracked == 0) {
            track(r);
        } else {
            r->self.count = 0;
            sorter_attach(&r->tree, &r->self);
        }
    }
    ARRAY_ROOM(r->clients, r->client_count, r->client_cap);
    for (; i > 0 && r->clients[i - 1]->framework->slot > c->framework->slot; i--)
        r->clients[i] = r->clients[i - 1];
    r->clients[i] = c;
    r->client_count++;
}

void alloc_role_client_remove(struct alloc_role *r, struct alloc_client *c)
{
    uint32_t i = 0;

    while (r->clients[i] != c)
        i++;
    memmove(r->clients + i, r->clients + i + 1, (r->client_count - i - 1) * sizeof *r->clients);
    if (--r->client_count > 0)
        return;
    if (r->child_tracked == 0)
        untrack(r);
    else
        sorter_detach(&r->self);
}
