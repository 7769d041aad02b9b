/* SPDX-License-Identifier: Apache-2.0 */
/* Operations as pairs of collections: what they take away and what they put in its place. */
#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/model/resources.h"

enum { PRINT_MAX = 4096 };

void conversion_done(struct conversion *c)
{
    resources_done(&c->consumed);
    resources_done(&c->produced);
}

/* error_set with the entry's text at the end. */
static int refuse(const struct resource *r, struct error *err, const char *what)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(PRINT_MAX);

    resource_print(&b, r);
    return error_set(err, ERR_INVALID, "%s: %.*s", what, STR_ARG(sbuf_view(&b)));
}

static void pop_reservation(struct resource *r)
{
    struct reservations *rest = reservations_pop(r->reservations);

    reservations_unref(r->reservations);
    r->reservations = rest;
}

/* How many levels, from the outermost, two stacks have in common. */
static uint32_t common_levels(const struct reservations *a, const struct reservations *b)
{
    uint32_t n = 0, max = a == NULL || b == NULL ? 0 : a->n < b->n ? a->n : b->n;

    while (n < max && reservation_eq(&a->v[n], &b->v[n]))
        n++;
    return n;
}

static struct resources without_reservations(const struct resources *r)
{
    struct resources all = RESOURCES_INIT;

    for (uint32_t i = 0; i < r->n; i++) {
        struct resource one = resource_copy(&r->v[i]);
        reservations_unref(one.reservations);
        one.reservations = NULL;
        resources_add_take(&all, &one);
    }
    return all;
}

static int same_stack(const struct resources *r, const char *field, struct error *err)
{
    for (uint32_t i = 1; i < r->n; i++)
        if (!reservations_eq(r->v[i].reservations, r->v[0].reservations))
            return error_set(err, ERR_INVALID, "The resources of '%s' of a RESERVE must all have the same reservations", field);
    return 0;
}

/* A re-reservation changes nothing but the stack, and no static level of it. */
static int source_check(const struct resources *source, const struct resources *target, struct error *err)
{
    CLEANUP(resources_done_p) struct resources from = without_reservations(source), to = without_reservations(target);
    int rc = same_stack(source, "source", err);

    if (rc == 0)
        rc = same_stack(target, "resources", err);
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < source->n; i++)
        if (resource_is_persistent_volume(&source->v[i]))
            return refuse(&source->v[i], err, "A persistent volume must be destroyed before its reservation can change");
    if (!resources_eq(&from, &to))
        return error_set(err, ERR_INVALID, "'source' and 'resources' of a RESERVE differ in more than their reservations");
    const struct reservations *old = source->v[0].reservations;
    for (uint32_t i = common_levels(old, target->v[0].reservations); old != NULL && i < old->n; i++)
        if (old->v[i].type != RESERVATION_DYNAMIC)
            return refuse(&source->v[0], err, "A static reservation cannot be changed");
    return 0;
}

uint32_t conversion_kept_levels(const struct conversion *c)
{
    return c->consumed.n == 0 || c->produced.n == 0
               ? 0
               : common_levels(c->consumed.v[0].reservations, c->produced.v[0].reservations);
}

int conversion_reserve(const struct resources *source, const struct resources *target, struct conversion *ret,
                       struct error *err)
{
    struct conversion c = { .consumed = resources_copy(source), .produced = RESOURCES_INIT };

    for (uint32_t i = 0; i < target->n; i++) {
        const struct resource *r = &target->v[i];

        if (!resource_is_dynamically_reserved(r)) {
            conversion_done(&c);
            return refuse(r, err, "RESERVE needs dynamically reserved resources, this is none");
        }
        if (source->n == 0) {
            struct resource from = resource_copy(r);
            pop_reservation(&from);
            resources_add_take(&c.consumed, &from);
        }
        resources_add(&c.produced, r);
    }
    if (source->n != 0 && source_check(source, target, err) != 0) {
        conversion_done(&c);
        return -(int)err->code;
    }
    *ret = c;
    return 0;
}

int conversion_unreserve(const struct resources *r, struct conversion *ret, struct error *err)
{
    struct conversion c = { .consumed = resources_copy(r), .produced = RESOURCES_INIT };

    for (uint32_t i = 0; i < r->n; i++) {
        const char *why = !resource_is_dynamically_reserved(&r->v[i]) ? "UNRESERVE needs a dynamic reservation"
                          : resource_is_persistent_volume(&r->v[i])
                              ? "A persistent volume must be destroyed before it can be unreserved"
                              : NULL;
        if (why != NULL) {
            conversion_done(&c);
            return refuse(&r->v[i], err, why);
        }
        struct resource to = resource_copy(&r->v[i]);
        pop_reservation(&to);
        resources_add_take(&c.produced, &to);
    }
    *ret = c;
    return 0;
}

/* The disk that a volume is made of. */
static struct resource volume_ground(const struct resource *volume)
{
    struct resource r = resource_copy(volume);

    r.shared = false;
    r.copies = 1;
    if (!r.disk->has_source) {
        disk_unref(r.disk);
        r.disk = NULL;
        return r;
    }
    struct disk *d = disk_copy(r.disk);
    name_unref(d->persistence);
    name_unref(d->principal);
    name_unref(d->container_path);
    name_unref(d->host_path);
    name_unref(d->volume_rest);
    d->persistence = d->principal = d->container_path = d->host_path = d->volume_rest = NULL;
    d->has_volume = false;
    d->mode = (enum volume_mode)0;
    disk_unref(r.disk);
    r.disk = d;
    return r;
}

int conversion_create(const struct resources *volumes, struct conversion *ret, struct error *err)
{
    struct conversion c = { .consumed = RESOURCES_INIT, .produced = resources_copy(volumes) };

    for (uint32_t i = 0; i < volumes->n; i++) {
        if (!resource_is_persistent_volume(&volumes->v[i])) {
            conversion_done(&c);
            return refuse(&volumes->v[i], err, "Not a persistent volume");
        }
        struct resource from = volume_ground(&volumes->v[i]);
        resources_add_take(&c.consumed, &from);
    }
    *ret = c;
    return 0;
}

int conversion_destroy(const struct resources *volumes, struct conversion *ret, struct error *err)
{
    struct conversion c;
    int rc = conversion_create(volumes, &c, err);

    if (rc == 0)
        *ret = (struct conversion){ .consumed = c.produced, .produced = c.consumed };
    return rc;
}

int conversion_grow(const struct resource *volume, const struct resource *addition, struct conversion *ret,
                    struct error *err)
{
    if (!resource_is_persistent_volume(volume))
        return refuse(volume, err, "Not a persistent volume");

    struct resource ground = volume_ground(volume);
    bool fits = resource_addable(&ground, addition);
    resource_done(&ground);
    if (!fits || addition->type != VALUE_SCALAR)
        return refuse(addition, err, "The addition is not a disk of the volume's kind");

    struct conversion c = { RESOURCES_INIT, RESOURCES_INIT };
    resources_add(&c.consumed, volume);
    resources_add(&c.consumed, addition);
    struct resource larger = resource_copy(volume);
    larger.milli = milli_add_sat(larger.milli, addition->milli);
    resources_add_take(&c.produced, &larger);
    *ret = c;
    return 0;
}

int conversion_shrink(const struct resource *volume, int64_t subtract_milli, struct conversion *ret,
                      struct error *err)
{
    if (!resource_is_persistent_volume(volume))
        return refuse(volume, err, "Not a persistent volume");
    if (subtract_milli <= 0 || subtract_milli >= volume->milli)
        return refuse(volume, err, "'subtract' must be more than 0 and less than the size of the volume");

    struct conversion c = { RESOURCES_INIT, RESOURCES_INIT };
    resources_add(&c.consumed, volume);
    struct resource smaller = resource_copy(volume);
    smaller.milli -= subtract_milli;
    resources_add_take(&c.produced, &smaller);
    struct resource freed = volume_ground(volume);
    freed.milli = subtract_milli;
    resources_add_take(&c.produced, &freed);
    *ret = c;
    return 0;
}

int resources_apply(struct resources *total, const struct conversion *c, struct error *err)
{
    CLEANUP(resources_done_p) struct resources rest = RESOURCES_INIT;

    if (!resources_contains(total, &c->consumed)) {
        CLEANUP(sbuf_done_p) struct sbuf a = SBUF_INIT(PRINT_MAX), b = SBUF_INIT(PRINT_MAX);
        resources_print(&a, total);
        resources_print(&b, &c->consumed);
        return error_set(err, ERR_CONFLICT, "%.*s does not contain %.*s", STR_ARG(sbuf_view(&a)),
                         STR_ARG(sbuf_view(&b)));
    }
    rest = resources_copy(total);
    resources_sub_all(&rest, &c->consumed);
    for (uint32_t i = 0; i < c->consumed.n; i++) {
        const struct resource *x = &c->consumed.v[i];

        if (!x->shared || resources_contains_one(&c->produced, x))
            continue;
        for (uint32_t j = 0; j < rest.n; j++)
            if (resource_same_kind(&rest.v[j], x)) {
                CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(PRINT_MAX);
                resource_print(&b, x);
                return error_set(err, ERR_CONFLICT, "Persistent volume %.*s has further shared copies in use",
                                 STR_ARG(sbuf_view(&b)));
            }
    }
    resources_add_all(&rest, &c->produced);

    struct resources old = *total;
    *total = rest;
    rest = old; /* released on leaving */
    return 0;
}

struct resource resource_origin(const struct resource *r)
{
    struct resource o = resource_copy(r);

    while (resource_is_dynamically_reserved(&o)) {
        struct reservations *less = reservations_pop(o.reservations);
        reservations_unref(o.reservations);
        o.reservations = less;
    }
    if (resource_is_persistent_volume(&o)) {
        struct disk *plain = NULL;
        if (o.disk->has_source) {
            plain = disk_copy(o.disk);
            name_unref(plain->persistence);
            name_unref(plain->principal);
            name_unref(plain->container_path);
            name_unref(plain->host_path);
            name_unref(plain->volume_rest);
            plain->persistence = plain->principal = NULL;
            plain->container_path = plain->host_path = plain->volume_rest = NULL;
            plain->has_volume = false;
        }
        disk_unref(o.disk);
        o.disk = plain;
        o.shared = false;
        o.copies = 1;
    }
    return o;
}
