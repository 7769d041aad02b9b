/* SPDX-License-Identifier: Apache-2.0 */
/* Resources between the wire and the model.
 *
 * Reading takes both forms of reservations; the model knows the stack alone. Writing goes straight to bytes in the order
 * of field numbers, so that what is written equals what the original writes. */
#include "common/wire/convert.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/model/role.h"
#include "common/wire/guard.h"

/* The old fields must be read as long as old clients send them. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { LABELS_COUNT_MAX = 4096, VOLUME_REST_SIZE_MAX = 1 << 20 };

/* The default that an absent role points to; the generated header does not declare it. */
extern char mesos__v1__resource__role__default_value[];

typedef Mesos__V1__Resource resource_msg;
typedef Mesos__V1__Resource__ReservationInfo reservation_msg;
typedef Mesos__V1__Resource__DiskInfo disk_msg;

static struct name *name_of_c(const char *c) /* NULL stays NULL */
{
    return c != NULL ? name_of(str_of(c)) : NULL;
}

static bool has_role(const resource_msg *m)
{
    return m->role != NULL && m->role != mesos__v1__resource__role__default_value;
}

/* --- in: values --- */

static int scalar_in(const char *name, double v, int64_t *ret, struct error *err)
{
    if (!isfinite(v) || fpclassify(v) == FP_SUBNORMAL || v < 0)
        return error_set(err, ERR_INVALID, "Invalid scalar resource '%s': value %g is not a finite number of 0 or more", name,
                         v);
    if (!milli_of_double(v, ret))
        return error_set(err, ERR_INVALID, "Invalid scalar resource '%s': value %g is too large", name, v);
    if (*ret == 0 && v != 0)
        return error_set(err, ERR_INVALID, "Invalid scalar resource '%s': value %g is less than 0.001", name, v);
    return 0;
}

static int ranges_in(const char *name, const Mesos__V1__Value__Ranges *m, struct ranges **ret, struct error *err)
{
    struct range few[8], *v = m->n_range <= 8 ? few : NULL;
    uint64_t size = 0;
    int rc = 0;

    if (m->n_range > RANGES_COUNT_MAX)
        return error_set(err, ERR_LIMIT, "Resource '%s' has %zu ranges; up to %d are taken", name, m->n_range,
                         (int)RANGES_COUNT_MAX);
    if (v == NULL)
        v = xmalloc(m->n_range * sizeof *v);
    for (size_t i = 0; i < m->n_range && rc == 0; i++) {
        v[i] = (struct range){ m->range[i]->begin, m->range[i]->end };
        if (v[i].begin > v[i].end)
            rc = error_set(err, ERR_INVALID, "Invalid ranges resource '%s': begin (%llu) is greater than end (%llu)", name,
                           (unsigned long long)v[i].begin, (unsigned long long)v[i].end);
        size += v[i].end - v[i].begin + 1; /* may wrap: then both sides below do */
    }
    if (rc == 0) {
        struct ranges *r = ranges_of(v, m->n_range);
        uint64_t merged = 0;
        for (uint32_t i = 0; r != NULL && i < r->n; i++)
            merged += r->v[i].end - r->v[i].begin + 1;
        if (merged != size) {
            ranges_unref(r);
            rc = error_set(err, ERR_INVALID, "Invalid ranges resource '%s': overlapping ranges", name);
        } else {
            *ret = r;
        }
    }
    if (v != few)
        free(v);
    return rc;
}

static int set_in(const char *name, const Mesos__V1__Value__Set *m, struct set **ret, struct error *err)
{
    if (m->n_item > SET_COUNT_MAX)
        return error_set(err, ERR_LIMIT, "Resource '%s' has %zu items; up to %d are taken", name, m->n_item, (int)SET_COUNT_MAX);

    struct str *v = xmalloc((m->n_item + 1) * sizeof *v);
    for (size_t i = 0; i < m->n_item; i++)
        v[i] = str_of(m->item[i]);
    struct set *s = set_of(v, m->n_item);
    free(v);
    if ((s != NULL ? s->n : 0) != m->n_item) {
        set_unref(s);
        return error_set(err, ERR_INVALID, "Invalid set resource '%s': duplicated elements", name);
    }
    *ret = s;
    return 0;
}

static int value_in(const resource_msg *m, struct resource *r, struct error *err)
{
    bool scalar = m->scalar != NULL, ranges = m->ranges != NULL, set = m->set != NULL;

    switch (m->type) {
    case MESOS__V1__VALUE__TYPE__SCALAR:
        if (!scalar || ranges || set)
            return error_set(err, ERR_INVALID, "Invalid scalar resource '%s': exactly 'scalar' must be set", m->name);
        return scalar_in(m->name, m->scalar->value, &r->milli, err);
    case MESOS__V1__VALUE__TYPE__RANGES:
        if (scalar || !ranges || set)
            return error_set(err, ERR_INVALID, "Invalid ranges resource '%s': exactly 'ranges' must be set", m->name);
        return ranges_in(m->name, m->ranges, &r->ranges, err);
    case MESOS__V1__VALUE__TYPE__SET:
        if (scalar || ranges || !set)
            return error_set(err, ERR_INVALID, "Invalid set resource '%s': exactly 'set' must be set", m->name);
        return set_in(m->name, m->set, &r->set, err);
    case MESOS__V1__VALUE__TYPE__TEXT:
        break;
    case _MESOS__V1__VALUE__TYPE_IS_INT_SIZE:
        break;
    }
    return error_set(err, ERR_INVALID, "Unsupported type of resource '%s'; it must be SCALAR, RANGES or SET", m->name);
}

/* --- in: reservations and disks --- */

static int labels_in(const Mesos__V1__Labels *m, struct labels **ret, struct error *err)
{
    *ret = NULL;
    if (m == NULL)
        return 0;
    if (m->n_labels > LABELS_COUNT_MAX)
        return error_set(err, ERR_LIMIT, "%zu labels; up to %d are taken", m->n_labels, (int)LABELS_COUNT_MAX);
    *ret = labels_new(m->n_labels);
    for (size_t i = 0; i < m->n_labels; i++)
        (*ret)->v[i] = (struct label){ name_of_c(m->labels[i]->key), name_of_c(m->labels[i]->value) };
    return 0;
}

static bool labels_msg_eq(const Mesos__V1__Labels *a, const Mesos__V1__Labels *b)
{
    struct labels *x = NULL, *y = NULL;
    bool eq = labels_in(a, &x, NULL) == 0 && labels_in(b, &y, NULL) == 0 && labels_eq(x, y);

    labels_unref(x);
    labels_unref(y);
    return eq;
}

static bool text_eq(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

/* Old fields beside the stack must say the same. */
static int mixed_check(const resource_msg *m, struct error *err)
{
    const reservation_msg *top = m->reservations[0];

    if (!has_role(m) && m->reservation == NULL)
        return 0;
    if (m->n_reservations > 1)
        return error_set(err, ERR_INVALID,
                         "Resource '%s': 'Resource.role' and 'Resource.reservation' must not be set with refined reservations",
                         m->name);
    if (has_role(m) && !text_eq(m->role, top->role))
        return error_set(err, ERR_INVALID, "Resource '%s': 'Resource.role' is '%s', its reservation is for '%s'", m->name,
                         m->role, top->role != NULL ? top->role : "");
    if (top->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC && m->reservation != NULL)
        return error_set(err, ERR_INVALID, "Resource '%s': 'Resource.reservation' must not be set with a STATIC reservation",
                         m->name);
    if (top->type == MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC) {
        if (has_role(m) != (m->reservation != NULL))
            return error_set(err, ERR_INVALID,
                             "Resource '%s': 'Resource.role' and 'Resource.reservation' must be set together", m->name);
        if (m->reservation != NULL && (!text_eq(m->reservation->principal, top->principal) ||
                                       !labels_msg_eq(m->reservation->labels, top->labels)))
            return error_set(err, ERR_INVALID, "Resource '%s': 'Resource.reservation' differs from the entry in 'reservations'",
                             m->name);
    }
    return 0;
}

static int old_reservation_check(const resource_msg *m, struct error *err)
{
    struct str role = has_role(m) ? str_of(m->role) : STR("*");
    int rc = role_check(role, err);

    if (rc != 0)
        return rc;
    if (m->reservation == NULL)
        return 0;
    if (m->reservation->has_type)
        return error_set(err, ERR_INVALID, "Resource '%s': 'Resource.reservation.type' must not be set", m->name);
    if (m->reservation->role != NULL)
        return error_set(err, ERR_INVALID, "Resource '%s': 'Resource.reservation.role' must not be set", m->name);
    if (role_is_star(role))
        return error_set(err, ERR_INVALID, "Invalid reservation: role \"*\" cannot be dynamically reserved");
    return 0;
}

static int reservation_in(const reservation_msg *m, struct reservation *ret, struct error *err)
{
    struct labels *labels;
    int rc = labels_in(m->labels, &labels, err);

    if (rc == 0)
        *ret = (struct reservation){ m->has_type ? (enum reservation_type)m->type : RESERVATION_UNKNOWN,
                                     name_of_c(m->role != NULL ? m->role : ""), name_of_c(m->principal), labels };
    return rc;
}

static int reservations_in(const resource_msg *m, struct resource *r, struct error *err)
{
    int rc;

    if (m->n_reservations == 0) {
        rc = old_reservation_check(m, err);
        if (rc != 0 || !has_role(m) || str_is(str_of(m->role), "*"))
            return rc;
        r->reservations = reservations_new(1);
        struct reservation *x = &r->reservations->v[0];
        x->role = name_of_c(m->role);
        x->type = m->reservation != NULL ? RESERVATION_DYNAMIC : RESERVATION_STATIC;
        x->principal = m->reservation != NULL ? name_of_c(m->reservation->principal) : NULL;
        return m->reservation != NULL ? labels_in(m->reservation->labels, &x->labels, err) : 0;
    }
    if (m->n_reservations > RESERVATIONS_COUNT_MAX)
        return error_set(err, ERR_LIMIT, "Resource '%s' has %zu reservations on each other; up to %d are taken", m->name,
                         m->n_reservations, (int)RESERVATIONS_COUNT_MAX);
    rc = mixed_check(m, err);
    if (rc != 0)
        return rc;
    r->reservations = reservations_new(m->n_reservations);
    for (size_t i = 0; i < m->n_reservations && rc == 0; i++) {
        r->reservations->v[i].role = NAME_EMPTY; /* in case of an error before it is set */
        rc = reservation_in(m->reservations[i], &r->reservations->v[i], err);
    }
    return rc;
}

/* What the model does not look into, kept as bytes that belong to the identity. */
static struct name *volume_rest(const Mesos__V1__Volume *v)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(VOLUME_REST_SIZE_MAX);

    if (v->image == NULL && v->source == NULL)
        return NULL;
    if (v->image != NULL)
        (void)wire_put_message(&b, 4, &v->image->base);
    if (v->source != NULL)
        (void)wire_put_message(&b, 5, &v->source->base);
    return sbuf_ok(&b) ? name_of(sbuf_view(&b)) : NULL; /* larger ones were refused with the message */
}

static int disk_in(const disk_msg *m, struct resource *r, struct error *err)
{
    if (m == NULL)
        return 0;

    struct disk *d = r->disk = disk_new();
    if (m->persistence != NULL) {
        d->persistence = name_of_c(m->persistence->id);
        d->principal = name_of_c(m->persistence->principal);
    }
    if (m->volume != NULL) {
        d->has_volume = true;
        d->mode = (enum volume_mode)m->volume->mode;
        d->container_path = name_of_c(m->volume->container_path);
        d->host_path = name_of_c(m->volume->host_path);
        d->volume_rest = volume_rest(m->volume);
    }
    if (m->source == NULL)
        return 0;
    d->has_source = true;
    d->source = (enum disk_source_type)m->source->type;
    d->has_path = m->source->path != NULL;
    d->has_mount = m->source->mount != NULL;
    d->path_root = d->has_path ? name_of_c(m->source->path->root) : NULL;
    d->mount_root = d->has_mount ? name_of_c(m->source->mount->root) : NULL;
    d->id = name_of_c(m->source->id);
    d->profile = name_of_c(m->source->profile);
    d->vendor = name_of_c(m->source->vendor);
    return labels_in(m->source->metadata, &d->metadata, err);
}

int convert_resource(const resource_msg *m, struct resource *ret, struct error *err)
{
    struct resource r = { .name = name_of(str_of(m->name)), .type = (uint8_t)m->type, .copies = 1 };
    int rc = value_in(m, &r, err);

    if (rc != 0)
        r.type = VALUE_SCALAR; /* no value to release */
    if (rc == 0 && (m->n_reservations != 0 || has_role(m) || m->reservation != NULL))
        rc = reservations_in(m, &r, err);
    if (rc == 0)
        rc = disk_in(m->disk, &r, err);
    r.revocable = m->revocable != NULL;
    r.shared = m->shared != NULL;
    if (m->allocation_info != NULL)
        r.role = name_of_c(m->allocation_info->role);
    if (m->provider_id != NULL)
        r.provider = name_of_c(m->provider_id->value);
    if (rc == 0)
        rc = resource_check(&r, err);
    if (rc != 0) {
        resource_done(&r);
        return rc;
    }
    *ret = r;
    return 0;
}

int convert_resources(resource_msg *const *v, size_t n, struct resources *ret, struct error *err)
{
    struct resources all = RESOURCES_INIT;

    if (n > RESOURCES_COUNT_MAX)
        return error_set(err, ERR_LIMIT, "%zu resources; up to %d are taken", n, (int)RESOURCES_COUNT_MAX);
    if (n != 0) {
        all.cap = (uint32_t)n;
        all.v = xmalloc(n * sizeof all.v[0]);
    }
    for (size_t i = 0; i < n; i++) {
        struct resource r;
        int rc = convert_resource(v[i], &r, err);
        if (rc != 0) {
            resources_done(&all);
            return rc;
        }
        resources_add_take(&all, &r);
    }
    *ret = all;
    return 0;
}

int convert_resources_bytes(struct str message, uint32_t number, struct resources *ret, struct error *err)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(8 << 20);
    struct resources all = RESOURCES_INIT;
    struct wire_field f;
    unsigned n = 0;
    int more, rc = 0;

    while (rc == 0 && (more = wire_field_next(&message, &f)) != 0) {
        resource_msg *m;
        struct resource r;

        if (more < 0)
            rc = error_set(err, ERR_INVALID, "malformed resources");
        else if (f.number != number || f.type != WIRE_BYTES)
            continue;
        else if (n++ == RESOURCES_COUNT_MAX)
            rc = error_set(err, ERR_LIMIT, "more than %d resources", (int)RESOURCES_COUNT_MAX);
        if (rc == 0)
            rc = WIRE_UNPACK(mesos__v1__resource, f.bytes, &arena, &m, err);
        if (rc == 0)
            rc = convert_resource(m, &r, err);
        if (rc == 0)
            resources_add_take(&all, &r);
    }
    if (rc != 0)
        resources_done(&all);
    else
        *ret = all;
    return rc;
}

/* --- in place --- */

static int upgrade(resource_msg *m, struct arena *arena, struct error *err)
{
    if (m->n_reservations == 0 && has_role(m) && !str_is(str_of(m->role), "*")) {
        reservation_msg *x = arena_alloc(arena, sizeof *x);
        reservation_msg **list = arena_alloc(arena, sizeof *list);

        if (x == NULL || list == NULL)
            return error_set(err, ERR_NOMEM, "resource '%s': out of memory", m->name);
        mesos__v1__resource__reservation_info__init(x);
        x->has_type = true;
        x->type = m->reservation != NULL ? MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__DYNAMIC
                                         : MESOS__V1__RESOURCE__RESERVATION_INFO__TYPE__STATIC;
        x->role = m->role;
        if (m->reservation != NULL) {
            x->principal = m->reservation->principal;
            x->labels = m->reservation->labels;
        }
        list[0] = x;
        m->reservations = list;
        m->n_reservations = 1;
    }
    m->role = NULL;
    m->reservation = NULL;
    return 0;
}

int convert_resources_upgrade(resource_msg **v, size_t n, const struct name *role, struct arena *arena, struct error *err)
{
    Mesos__V1__Resource__AllocationInfo *info = NULL;

    for (size_t i = 0; i < n; i++) {
        int rc = upgrade(v[i], arena, err);
        if (rc != 0)
            return rc;
        if (role == NULL || (v[i]->allocation_info != NULL && v[i]->allocation_info->role != NULL))
            continue;
        if (info == NULL) { /* one for all: packing only reads it */
            struct str text = arena_str(arena, name_str(role));
            info = arena_alloc(arena, sizeof *info);
            if (info == NULL || text.p == NULL)
                return error_set(err, ERR_NOMEM, "resource '%s': out of memory", v[i]->name);
            mesos__v1__resource__allocation_info__init(info);
            info->role = (char *)(uintptr_t)text.p;
        }
        v[i]->allocation_info = info;
    }
    return 0;
}

/* --- out --- */

static void put_name(struct sbuf *b, uint32_t number, const struct name *n) /* NULL: absent */
{
    if (n != NULL)
        wire_put_bytes(b, number, name_str(n));
}

static void put_labels(struct sbuf *b, uint32_t number, const struct labels *l) /* NULL: absent */
{
    if (l == NULL)
        return;

    size_t mark = wire_open(b, number);
    for (uint32_t i = 0; i < l->n; i++) {
        size_t inner = wire_open(b, 1);
        put_name(b, 1, l->v[i].key);
        put_name(b, 2, l->v[i].value);
        wire_close(b, inner);
    }
    wire_close(b, mark);
}

static void put_scalar(struct sbuf *b, uint32_t number, int64_t milli)
{
    size_t mark = wire_open(b, number);

    wire_put_double(b, 1, milli_to_double(milli));
    wire_close(b, mark);
}

static void put_ranges(struct sbuf *b, uint32_t number, const struct ranges *r)
{
    size_t mark = wire_open(b, number);

    for (uint32_t i = 0; r != NULL && i < r->n; i++) {
        size_t inner = wire_open(b, 1);
        wire_put_u64(b, 1, r->v[i].begin);
        wire_put_u64(b, 2, r->v[i].end);
        wire_close(b, inner);
    }
    wire_close(b, mark);
}

static void put_set(struct sbuf *b, uint32_t number, const struct set *s)
{
    size_t mark = wire_open(b, number);

    for (uint32_t i = 0; s != NULL && i < s->n; i++)
        wire_put_bytes(b, 1, name_str(s->v[i]));
    wire_close(b, mark);
}

static void put_disk(struct sbuf *b, uint32_t number, const struct disk *d)
{
    size_t mark = wire_open(b, number), inner, root;

    if (d->persistence != NULL) {
        inner = wire_open(b, 1);
        put_name(b, 1, d->persistence);
        put_name(b, 2, d->principal);
        wire_close(b, inner);
    }
    if (d->has_volume) {
        inner = wire_open(b, 2);
        put_name(b, 1, d->container_path);
        put_name(b, 2, d->host_path);
        wire_put_u64(b, 3, (uint64_t)d->mode);
        sbuf_str(b, name_str(d->volume_rest));
        wire_close(b, inner);
    }
    if (d->has_source) {
        inner = wire_open(b, 3);
        wire_put_u64(b, 1, (uint64_t)d->source);
        if (d->has_path) {
            root = wire_open(b, 2);
            put_name(b, 1, d->path_root);
            wire_close(b, root);
        }
        if (d->has_mount) {
            root = wire_open(b, 3);
            put_name(b, 1, d->mount_root);
            wire_close(b, root);
        }
        put_name(b, 4, d->id);
        put_labels(b, 5, d->metadata);
        put_name(b, 6, d->profile);
        put_name(b, 7, d->vendor);
        wire_close(b, inner);
    }
    wire_close(b, mark);
}

static void put_empty(struct sbuf *b, uint32_t number)
{
    wire_put_bytes(b, number, (struct str){ NULL, 0 });
}

/* One entry of the stack. old: as the deprecated field, which has neither role nor type. */
static void put_reservation(struct sbuf *b, uint32_t number, const struct reservation *x, bool old)
{
    size_t mark = wire_open(b, number);

    put_name(b, 1, x->principal);
    put_labels(b, 2, x->labels);
    if (!old) {
        put_name(b, 3, x->role);
        wire_put_u64(b, 4, (uint64_t)x->type);
    }
    wire_close(b, mark);
}

static void put_one(struct sbuf *b, uint32_t number, const struct resource *r, enum resource_format format,
                    bool without_role)
{
    bool refined = resource_has_refined_reservations(r);
    bool old = format != RESOURCE_POST && !refined;
    size_t mark = wire_open(b, number);

    put_name(b, 1, r->name);
    wire_put_u64(b, 2, r->type);
    if (r->type == VALUE_SCALAR)
        put_scalar(b, 3, r->milli);
    else if (r->type == VALUE_RANGES)
        put_ranges(b, 4, r->ranges);
    else
        put_set(b, 5, r->set);
    if (old)
        put_name(b, 6, resource_reservation_role(r));
    if (r->disk != NULL)
        put_disk(b, 7, r->disk);
    if (old && resource_is_dynamically_reserved(r))
        put_reservation(b, 8, resource_reservation(r), true);
    if (r->revocable)
        put_empty(b, 9);
    if (r->shared)
        put_empty(b, 10);
    if (r->role != NULL && !without_role) {
        size_t inner = wire_open(b, 11);
        put_name(b, 1, r->role);
        wire_close(b, inner);
    }
    if (r->provider != NULL)
        wire_put_id(b, 12, name_str(r->provider));
    if (format != RESOURCE_PRE || refined)
        for (uint32_t i = 0; r->reservations != NULL && i < r->reservations->n; i++)
            put_reservation(b, 13, &r->reservations->v[i], false);
    wire_close(b, mark);
}

void wire_put_resource(struct sbuf *b, uint32_t number, const struct resource *r, enum resource_format format,
                       bool without_role)
{
    for (uint32_t i = 0; i < r->copies; i++)
        put_one(b, number, r, format, without_role);
}

void wire_put_resources(struct sbuf *b, uint32_t number, const struct resources *r, enum resource_format format,
                        bool without_role)
{
    for (uint32_t i = 0; i < r->n; i++)
        wire_put_resource(b, number, &r->v[i], format, without_role);
}
