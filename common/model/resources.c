/* SPDX-License-Identifier: Apache-2.0 */
/* The collection and its algebra. Collections are short (2 to 20 entries), so everything is a linear walk; the common
 * comparisons end at the first pointer that differs. */
#include "common/model/resources.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/model/role.h"

void resources_done(struct resources *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        resource_done(&r->v[i]);
    free(r->v);
    *r = RESOURCES_INIT;
}

struct resources resources_copy(const struct resources *r)
{
    struct resources c = { NULL, r->n, r->n };

    if (r->n == 0)
        return RESOURCES_INIT;
    c.v = xmalloc(r->n * sizeof c.v[0]);
    for (uint32_t i = 0; i < r->n; i++)
        c.v[i] = resource_copy(&r->v[i]);
    return c;
}

static void append_take(struct resources *r, struct resource *x)
{
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 2 : r->cap < 8 ? r->cap + 2 : r->cap * 2; /* most have 2 to 4 entries */
        r->v = xrealloc(r->v, r->cap, sizeof r->v[0]);
    }
    r->v[r->n++] = *x;
    *x = (struct resource){ .name = NULL };
}

static void remove_at(struct resources *r, uint32_t i)
{
    resource_done(&r->v[i]);
    memmove(&r->v[i], &r->v[i + 1], (r->n - i - 1) * sizeof r->v[0]);
    r->n--;
}

/* --- algebra --- */

static void value_add(struct resource *a, const struct resource *x) /* a and x are addable */
{
    if (a->shared) {
        a->copies += x->copies;
    } else if (a->type == VALUE_SCALAR) {
        a->milli = milli_add_sat(a->milli, x->milli);
    } else if (a->type == VALUE_RANGES) {
        struct ranges *sum = ranges_add(a->ranges, x->ranges);
        ranges_unref(a->ranges);
        a->ranges = sum;
    } else {
        struct set *sum = set_add(a->set, x->set);
        set_unref(a->set);
        a->set = sum;
    }
}

static void value_sub(struct resource *a, const struct resource *x) /* x is subtractable from a */
{
    if (a->shared) {
        a->copies = a->copies > x->copies ? a->copies - x->copies : 0;
    } else if (a->type == VALUE_SCALAR) {
        a->milli = a->milli > x->milli ? a->milli - x->milli : 0;
    } else if (a->type == VALUE_RANGES) {
        struct ranges *rest = ranges_sub(a->ranges, x->ranges);
        ranges_unref(a->ranges);
        a->ranges = rest;
    } else {
        struct set *rest = set_sub(a->set, x->set);
        set_unref(a->set);
        a->set = rest;
    }
}

static struct resource *find_addable(struct resources *r, const struct resource *x)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].name == x->name && resource_addable(&r->v[i], x))
            return &r->v[i];
    return NULL;
}

void resources_add_take(struct resources *r, struct resource *x)
{
    if (resource_is_empty(x)) {
        resource_done(x);
        return;
    }

    struct resource *to = find_addable(r, x);
    if (to == NULL) {
        append_take(r, x);
        return;
    }
    value_add(to, x);
    resource_done(x);
}

void resources_add(struct resources *r, const struct resource *x)
{
    if (resource_is_empty(x))
        return;

    struct resource *to = find_addable(r, x);
    if (to != NULL) {
        value_add(to, x);
        return;
    }
    struct resource copy = resource_copy(x);
    append_take(r, &copy);
}

void resources_add_all(struct resources *a, const struct resources *b)
{
    ASSERT(a != b);
    for (uint32_t i = 0; i < b->n; i++)
        resources_add(a, &b->v[i]);
}

void resources_sub(struct resources *r, const struct resource *x)
{
    if (resource_is_empty(x))
        return;
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->v[i].name != x->name || !resource_subtractable(&r->v[i], x))
            continue;
        if (!r->v[i].shared && !resource_is_divisible(&r->v[i])) {
            remove_at(r, i);
            return;
        }
        value_sub(&r->v[i], x);
        if (resource_is_empty(&r->v[i]))
            remove_at(r, i);
        return;
    }
}

void resources_sub_all(struct resources *a, const struct resources *b)
{
    ASSERT(a != b);
    for (uint32_t i = 0; i < b->n; i++)
        resources_sub(a, &b->v[i]);
}

bool resources_contains_one(const struct resources *a, const struct resource *x)
{
    if (resource_is_empty(x))
        return true;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->v[i].name == x->name && resource_contains(&a->v[i], x))
            return true;
    return false;
}

static bool contains_slowly(const struct resources *a, const struct resources *b) /* consumes a copy of a */
{
    CLEANUP(resources_done_p) struct resources rest = resources_copy(a);

    for (uint32_t i = 0; i < b->n; i++) {
        if (!resources_contains_one(&rest, &b->v[i]))
            return false;
        resources_sub(&rest, &b->v[i]);
    }
    return true;
}

bool resources_contains(const struct resources *a, const struct resources *b)
{
    uint64_t used = 0;

    /* Entries of b are of different kinds unless they cannot be merged (volumes), so nearly always each has an entry of a
     * to itself, and nothing needs to be consumed. Only where one is wanted twice a copy is made. */
    if (b->n > 1 && a->n > 64)
        return contains_slowly(a, b);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct resource *x = &b->v[i];
        uint32_t j = 0;

        while (j < a->n && !(a->v[j].name == x->name && resource_contains(&a->v[j], x)))
            j++;
        if (j == a->n)
            return false;
        if (b->n == 1)
            return true;
        if ((used >> j & 1) != 0)
            return contains_slowly(a, b);
        used |= UINT64_C(1) << j;
    }
    return true;
}

bool resources_eq(const struct resources *a, const struct resources *b)
{
    return a == b || (resources_contains(a, b) && resources_contains(b, a));
}

uint64_t resources_hash(const struct resources *r)
{
    uint64_t h = 0;

    for (uint32_t i = 0; i < r->n; i++)
        h += resource_hash(&r->v[i]); /* a sum: independent of the order */
    return h;
}

/* --- selection --- */

struct resources resources_filter(const struct resources *r, resource_pred *pred, const void *arg)
{
    struct resources c = RESOURCES_INIT;

    for (uint32_t i = 0; i < r->n; i++) {
        if (pred(&r->v[i], arg)) {
            struct resource x = resource_copy(&r->v[i]);
            append_take(&c, &x); /* entries of one collection need no merging */
        }
    }
    return c;
}

static bool is_reserved_to(const struct resource *r, const void *arg)
{
    const struct str *role = arg;
    return r->reservations != NULL && str_eq(name_str(resource_reservation_role(r)), *role);
}

static bool is_reserved(const struct resource *r, const void *arg)
{
    (void)arg;
    return r->reservations != NULL;
}

static bool is_unreserved(const struct resource *r, const void *arg)
{
    (void)arg;
    return r->reservations == NULL;
}

static bool is_revocable(const struct resource *r, const void *arg)
{
    (void)arg;
    return r->revocable;
}

static bool is_nonrevocable(const struct resource *r, const void *arg)
{
    (void)arg;
    return !r->revocable;
}

static bool is_scalar(const struct resource *r, const void *arg)
{
    (void)arg;
    return r->type == VALUE_SCALAR;
}

static bool is_shared(const struct resource *r, const void *arg)
{
    (void)arg;
    return r->shared;
}

static bool is_nonshared(const struct resource *r, const void *arg)
{
    (void)arg;
    return !r->shared;
}

static bool is_persistent_volume(const struct resource *r, const void *arg)
{
    (void)arg;
    return resource_is_persistent_volume(r);
}

static bool is_allocatable_to(const struct resource *r, const void *arg)
{
    const struct str *role = arg;
    return resource_allocatable_to(r, *role);
}

static bool is_named(const struct resource *r, const void *arg)
{
    return r->name == arg;
}

static bool is_checkpointed(const struct resource *r, const void *arg)
{
    (void)arg;
    return resource_is_dynamically_reserved(r) || resource_is_persistent_volume(r);
}

struct resources resources_reserved_to(const struct resources *r, struct str role)
{
    return resources_filter(r, is_reserved_to, &role);
}

struct resources resources_reserved(const struct resources *r)
{
    return resources_filter(r, is_reserved, NULL);
}

struct resources resources_unreserved(const struct resources *r)
{
    return resources_filter(r, is_unreserved, NULL);
}

struct resources resources_revocable(const struct resources *r)
{
    return resources_filter(r, is_revocable, NULL);
}

struct resources resources_nonrevocable(const struct resources *r)
{
    return resources_filter(r, is_nonrevocable, NULL);
}

struct resources resources_scalars(const struct resources *r)
{
    return resources_filter(r, is_scalar, NULL);
}

struct resources resources_shared(const struct resources *r)
{
    return resources_filter(r, is_shared, NULL);
}

struct resources resources_nonshared(const struct resources *r)
{
    return resources_filter(r, is_nonshared, NULL);
}

struct resources resources_persistent_volumes(const struct resources *r)
{
    return resources_filter(r, is_persistent_volume, NULL);
}

struct resources resources_allocatable_to(const struct resources *r, struct str role)
{
    return resources_filter(r, is_allocatable_to, &role);
}

struct resources resources_named(const struct resources *r, const struct name *name)
{
    return resources_filter(r, is_named, name);
}

struct resources resources_checkpointed(const struct resources *r)
{
    return resources_filter(r, is_checkpointed, NULL);
}

static bool any(const struct resources *r, resource_pred *pred)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (pred(&r->v[i], NULL))
            return true;
    return false;
}

bool resources_have_revocable(const struct resources *r)
{
    return any(r, is_revocable);
}

bool resources_have_shared(const struct resources *r)
{
    return any(r, is_shared);
}

bool resources_have_refined(const struct resources *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (resource_has_refined_reservations(&r->v[i]))
            return true;
    return false;
}

int64_t resources_milli(const struct resources *r, const struct name *name)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].name == name && r->v[i].type == VALUE_SCALAR)
            sum = milli_add_sat(sum, r->v[i].milli);
    return sum;
}

struct ranges *resources_ranges(const struct resources *r, const struct name *name)
{
    struct ranges *all = NULL;

    for (uint32_t i = 0; i < r->n; i++) {
        if (r->v[i].name != name || r->v[i].type != VALUE_RANGES)
            continue;
        struct ranges *sum = ranges_add(all, r->v[i].ranges);
        ranges_unref(all);
        all = sum;
    }
    return all;
}

/* --- allocation --- */

static void set_role(struct resource *r, struct name *role)
{
    (void)name_ref(role);
    name_unref(r->role);
    r->role = role;
}

/* Entries that differed in the role alone may be addable now. */
static void merge_again(struct resources *r)
{
    struct resources merged = RESOURCES_INIT;

    if (r->n < 2)
        return;
    merged.v = xmalloc(r->n * sizeof merged.v[0]);
    merged.cap = r->n;
    for (uint32_t i = 0; i < r->n; i++)
        resources_add_take(&merged, &r->v[i]);
    free(r->v);
    *r = merged;
}

static bool has_mixed_roles(const struct resources *r)
{
    for (uint32_t i = 1; i < r->n; i++)
        if (r->v[i].role != r->v[0].role)
            return true;
    return false;
}

void resources_allocate(struct resources *r, struct name *role)
{
    bool mixed = has_mixed_roles(r);

    for (uint32_t i = 0; i < r->n; i++)
        set_role(&r->v[i], role);
    if (mixed)
        merge_again(r);
}

void resources_unallocate(struct resources *r)
{
    resources_allocate(r, NULL);
}

void resources_allocate_missing(struct resources *r, struct name *role)
{
    bool mixed = has_mixed_roles(r);

    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].role == NULL)
            set_role(&r->v[i], role);
    if (mixed)
        merge_again(r);
}

struct name *resources_role(const struct resources *r, bool *ret_mixed)
{
    bool mixed = has_mixed_roles(r);

    if (ret_mixed != NULL)
        *ret_mixed = mixed;
    return r->n == 0 || mixed ? NULL : r->v[0].role;
}

/* --- shrink --- */

static void shrink_entry(const struct resource *from, struct quantities *left, bool is_limits, struct resources *to)
{
    int64_t have = quantities_get(left, from->name);

    if (is_limits && !quantities_has(left, from->name)) {
        resources_add(to, from);
        return;
    }
    if (from->type != VALUE_SCALAR || have <= 0)
        return;
    if (from->milli <= have) {
        resources_add(to, from);
        quantities_set(left, from->name, have - from->milli);
        return;
    }
    if (!resource_is_divisible(from))
        return;

    struct resource part = resource_copy(from);
    part.milli = have;
    resources_add_take(to, &part);
    quantities_set(left, from->name, 0);
}

struct resources resources_shrink(const struct resources *r, const struct quantities *q, bool is_limits, struct rng *rng)
{
    struct resources result = RESOURCES_INIT;
    struct quantities left = quantities_copy(q);
    uint32_t few[32], *order = r->n <= 32 ? few : xmalloc(r->n * sizeof *order);

    for (uint32_t i = 0; i < r->n; i++) { /* Fisher and Yates, inside out */
        uint32_t j = i == 0 ? 0 : (uint32_t)rng_below(rng, i + 1);
        if (j != i)
            order[i] = order[j];
        order[j] = i;
    }
    for (uint32_t i = 0; i < r->n; i++)
        shrink_entry(&r->v[order[i]], &left, is_limits, &result);
    if (order != few)
        free(order);
    quantities_done(&left);
    return result;
}
