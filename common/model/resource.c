/* SPDX-License-Identifier: Apache-2.0 */
/* All text of a resource is interned, so two texts are equal when the pointers are; stacks, disks and values are shared
 * by reference and compared by pointer first. What can be changed is only the entry itself; what it points to never is
 * after construction. */
#include "common/model/resource.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/model/role.h"

/* --- reservations --- */

struct reservations *reservations_new(size_t n)
{
    ASSERT(n > 0);
    ASSERT(n < UINT32_MAX / sizeof(struct reservation));

    struct reservations *s = xcalloc(1, sizeof *s + n * sizeof s->v[0]);
    s->refs = 1;
    s->n = (uint32_t)n;
    return s;
}

struct reservations *reservations_ref(struct reservations *s)
{
    if (s != NULL)
        s->refs++;
    return s;
}

void reservations_unref(struct reservations *s)
{
    if (s == NULL)
        return;
    ASSERT(s->refs > 0);
    if (--s->refs > 0)
        return;
    for (uint32_t i = 0; i < s->n; i++) {
        name_unref(s->v[i].role);
        name_unref(s->v[i].principal);
        labels_unref(s->v[i].labels);
    }
    free(s);
}

static struct reservation reservation_copy(const struct reservation *r)
{
    return (struct reservation){ r->type, name_ref(r->role), name_ref(r->principal), labels_ref(r->labels) };
}

bool reservation_eq(const struct reservation *a, const struct reservation *b)
{
    return a->type == b->type && a->role == b->role && a->principal == b->principal && labels_eq(a->labels, b->labels);
}

bool reservations_eq(const struct reservations *a, const struct reservations *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (!reservation_eq(&a->v[i], &b->v[i]))
            return false;
    return true;
}

struct reservations *reservations_push(const struct reservations *s, const struct reservation *top)
{
    size_t n = s != NULL ? s->n : 0;
    struct reservations *r = reservations_new(n + 1);

    for (size_t i = 0; i < n; i++)
        r->v[i] = reservation_copy(&s->v[i]);
    r->v[n] = reservation_copy(top);
    return r;
}

struct reservations *reservations_pop(struct reservations *s)
{
    ASSERT(s != NULL);
    if (s->n == 1)
        return NULL;

    struct reservations *r = reservations_new(s->n - 1);
    for (uint32_t i = 0; i < r->n; i++)
        r->v[i] = reservation_copy(&s->v[i]);
    return r;
}

/* --- disks --- */

struct disk *disk_new(void)
{
    struct disk *d = xcalloc(1, sizeof *d);

    d->refs = 1;
    return d;
}

struct disk *disk_copy(const struct disk *d)
{
    struct disk *c = xmemdup(d, sizeof *d);

    c->refs = 1;
    (void)name_ref(c->persistence);
    (void)name_ref(c->principal);
    (void)name_ref(c->container_path);
    (void)name_ref(c->host_path);
    (void)name_ref(c->volume_rest);
    (void)name_ref(c->path_root);
    (void)name_ref(c->mount_root);
    (void)name_ref(c->id);
    (void)name_ref(c->profile);
    (void)name_ref(c->vendor);
    (void)labels_ref(c->metadata);
    return c;
}

struct disk *disk_ref(struct disk *d)
{
    if (d != NULL)
        d->refs++;
    return d;
}

void disk_unref(struct disk *d)
{
    if (d == NULL)
        return;
    ASSERT(d->refs > 0);
    if (--d->refs > 0)
        return;
    name_unref(d->persistence);
    name_unref(d->principal);
    name_unref(d->container_path);
    name_unref(d->host_path);
    name_unref(d->volume_rest);
    name_unref(d->path_root);
    name_unref(d->mount_root);
    name_unref(d->id);
    name_unref(d->profile);
    name_unref(d->vendor);
    labels_unref(d->metadata);
    free(d);
}

bool disk_eq(const struct disk *a, const struct disk *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL)
        return false;
    return a->has_source == b->has_source && a->has_path == b->has_path && a->has_mount == b->has_mount &&
           a->has_volume == b->has_volume && a->source == b->source && a->mode == b->mode &&
           a->persistence == b->persistence && a->principal == b->principal &&
           a->container_path == b->container_path && a->host_path == b->host_path &&
           a->volume_rest == b->volume_rest && a->path_root == b->path_root && a->mount_root == b->mount_root &&
           a->id == b->id && a->profile == b->profile && a->vendor == b->vendor &&
           labels_eq(a->metadata, b->metadata);
}

/* --- lifecycle --- */

static struct resource resource_new(struct name *name, enum value_type type)
{
    return (struct resource){ .name = name_ref(name), .type = (uint8_t)type, .copies = 1 };
}

struct resource resource_scalar(struct name *name, int64_t milli)
{
    struct resource r = resource_new(name, VALUE_SCALAR);

    r.milli = milli;
    return r;
}

struct resource resource_ranges(struct name *name, struct ranges *take)
{
    struct resource r = resource_new(name, VALUE_RANGES);

    r.ranges = take;
    return r;
}

struct resource resource_set(struct name *name, struct set *take)
{
    struct resource r = resource_new(name, VALUE_SET);

    r.set = take;
    return r;
}

struct resource resource_copy(const struct resource *r)
{
    struct resource c = *r;

    (void)name_ref(c.name);
    (void)name_ref(c.role);
    (void)reservations_ref(c.reservations);
    (void)disk_ref(c.disk);
    (void)name_ref(c.provider);
    if (c.type == VALUE_RANGES)
        (void)ranges_ref(c.ranges);
    else if (c.type == VALUE_SET)
        (void)set_ref(c.set);
    return c;
}

void resource_done(struct resource *r)
{
    name_unref(r->name);
    name_unref(r->role);
    reservations_unref(r->reservations);
    disk_unref(r->disk);
    name_unref(r->provider);
    if (r->type == VALUE_RANGES)
        ranges_unref(r->ranges);
    else if (r->type == VALUE_SET)
        set_unref(r->set);
    *r = (struct resource){ .name = NULL };
}

/* --- questions --- */

static bool value_is_empty(const struct resource *r)
{
    return r->type == VALUE_SCALAR ? r->milli == 0 : r->type == VALUE_RANGES ? r->ranges == NULL : r->set == NULL;
}

static bool value_eq(const struct resource *a, const struct resource *b) /* of the same type */
{
    return a->type == VALUE_SCALAR   ? a->milli == b->milli
           : a->type == VALUE_RANGES ? ranges_eq(a->ranges, b->ranges)
                                     : set_eq(a->set, b->set);
}

static bool value_contains(const struct resource *a, const struct resource *b) /* of the same type */
{
    return a->type == VALUE_SCALAR   ? a->milli >= b->milli
           : a->type == VALUE_RANGES ? ranges_contains(a->ranges, b->ranges)
                                     : set_contains(a->set, b->set);
}

bool resource_is_empty(const struct resource *r)
{
    return r->shared ? r->copies == 0 : value_is_empty(r);
}

bool resource_same_kind(const struct resource *a, const struct resource *b)
{
    return a->name == b->name && a->type == b->type && a->role == b->role && a->revocable == b->revocable &&
           a->shared == b->shared && a->provider == b->provider &&
           (a->reservations == b->reservations || reservations_eq(a->reservations, b->reservations)) &&
           (a->disk == b->disk || disk_eq(a->disk, b->disk));
}

bool resource_eq(const struct resource *a, const struct resource *b)
{
    return resource_same_kind(a, b) && a->copies == b->copies && value_eq(a, b);
}

/* The disk is one thing: it is taken as a whole or not at all. */
static bool disk_is_whole(const struct disk *d)
{
    if (d == NULL)
        return false;
    if (d->persistence != NULL)
        return true;
    return d->has_source && (d->source == DISK_MOUNT || d->source == DISK_BLOCK ||
                             (d->source == DISK_RAW && d->id != NULL));
}

bool resource_is_divisible(const struct resource *r)
{
    return !r->shared && !disk_is_whole(r->disk);
}

bool resource_addable(const struct resource *a, const struct resource *b)
{
    if (!resource_same_kind(a, b))
        return false;
    if (a->shared)
        return value_eq(a, b);
    return !disk_is_whole(a->disk);
}

bool resource_subtractable(const struct resource *a, const struct resource *b)
{
    if (!resource_same_kind(a, b))
        return false;
    return resource_is_divisible(a) || value_eq(a, b);
}

bool resource_contains(const struct resource *a, const struct resource *b)
{
    return resource_subtractable(a, b) && (a->shared ? a->copies >= b->copies : value_contains(a, b));
}

bool resource_allocatable_to(const struct resource *r, struct str role)
{
    if (r->reservations == NULL)
        return true;

    struct str reserved = name_str(resource_reservation_role(r));
    return str_eq(reserved, role) || role_is_strict_sub(role, reserved);
}

/* --- hash --- */

static uint64_t mix(uint64_t h, uint64_t v) /* the step of splitmix64: spreads each bit over all */
{
    h = (h ^ v) + UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return h ^ h >> 31;
}

static uint64_t name_hash(const struct name *n)
{
    return n != NULL ? n->hash : 0;
}

static uint64_t value_hash(const struct resource *r)
{
    uint64_t h = r->type;

    if (r->type == VALUE_SCALAR)
        return mix(h, (uint64_t)r->milli);
    if (r->type == VALUE_RANGES) {
        for (uint32_t i = 0; r->ranges != NULL && i < r->ranges->n; i++)
            h = mix(mix(h, r->ranges->v[i].begin), r->ranges->v[i].end);
    } else {
        for (uint32_t i = 0; r->set != NULL && i < r->set->n; i++)
            h = mix(h, r->set->v[i]->hash);
    }
    return h;
}

uint64_t resource_hash(const struct resource *r)
{
    uint64_t h = mix(name_hash(r->name), name_hash(r->role));

    for (uint32_t i = 0; r->reservations != NULL && i < r->reservations->n; i++) {
        const struct reservation *x = &r->reservations->v[i];
        h = mix(mix(mix(h, (uint64_t)x->type), name_hash(x->role)), name_hash(x->principal));
    }
    if (r->disk != NULL) /* the fields that tell disks apart; the rest only costs time */
        h = mix(mix(mix(h, name_hash(r->disk->persistence)), name_hash(r->disk->id)),
                (uint64_t)r->disk->source);
    h = mix(mix(h, name_hash(r->provider)), (uint64_t)r->copies << 2 | (uint64_t)r->revocable << 1 | r->shared);
    return mix(h, value_hash(r));
}

/* --- text --- */

static void reservations_print(struct sbuf *b, const struct reservations *s)
{
    sbuf_c(b, "(reservations: [");
    for (uint32_t i = 0; i < s->n; i++) {
        const struct reservation *x = &s->v[i];

        sbuf_c(b, i > 0 ? ",(" : "(");
        sbuf_c(b, x->type == RESERVATION_STATIC    ? "STATIC,"
                  : x->type == RESERVATION_DYNAMIC ? "DYNAMIC,"
                                                   : "UNKNOWN,");
        sbuf_str(b, name_str(x->role));
        if (x->principal != NULL) {
            sbuf_char(b, ',');
            sbuf_str(b, name_str(x->principal));
        }
        if (x->labels != NULL) {
            sbuf_c(b, ",{");
            for (uint32_t j = 0; j < x->labels->n; j++)
                sbuf_fmt(b, "%s%s: %s", j > 0 ? ", " : "", x->labels->v[j].key->text,
                         x->labels->v[j].value != NULL ? x->labels->v[j].value->text : "");
            sbuf_char(b, '}');
        }
        sbuf_char(b, ')');
    }
    sbuf_c(b, "])");
}

static void source_print(struct sbuf *b, const struct disk *d)
{
    static const char *const names[] = { "UNKNOWN", "PATH", "MOUNT", "BLOCK", "RAW" };

    sbuf_c(b, names[d->source]);
    if (d->id != NULL || d->profile != NULL || d->vendor != NULL) {
        sbuf_char(b, '(');
        sbuf_str(b, name_str(d->vendor));
        sbuf_char(b, ',');
        sbuf_str(b, name_str(d->id));
        sbuf_char(b, ',');
        sbuf_str(b, name_str(d->profile));
        sbuf_char(b, ')');
    }
    if (d->path_root != NULL || d->mount_root != NULL) {
        sbuf_char(b, ':');
        sbuf_str(b, name_str(d->path_root != NULL ? d->path_root : d->mount_root));
    }
}

static void disk_print(struct sbuf *b, const struct disk *d)
{
    sbuf_char(b, '[');
    if (d->has_source)
        source_print(b, d);
    if (d->persistence != NULL) {
        if (d->has_source)
            sbuf_char(b, ',');
        sbuf_str(b, name_str(d->persistence));
    }
    if (d->has_volume) {
        sbuf_char(b, ':');
        if (d->host_path != NULL) {
            sbuf_str(b, name_str(d->host_path));
            sbuf_char(b, ':');
        }
        sbuf_str(b, name_str(d->container_path));
        if (d->host_path != NULL)
            sbuf_c(b, d->mode == VOLUME_RO ? ":ro" : ":rw");
    }
    sbuf_char(b, ']');
}

void resource_print(struct sbuf *b, const struct resource *r)
{
    sbuf_str(b, name_str(r->name));
    if (r->role != NULL) {
        sbuf_c(b, "(allocated: ");
        sbuf_str(b, name_str(r->role));
        sbuf_char(b, ')');
    }
    if (r->reservations != NULL)
        reservations_print(b, r->reservations);
    if (r->disk != NULL)
        disk_print(b, r->disk);
    if (r->revocable)
        sbuf_c(b, "{REV}");
    if (r->shared)
        sbuf_c(b, "<SHARED>");
    sbuf_char(b, ':');
    if (r->type == VALUE_SCALAR)
        milli_print(b, r->milli);
    else if (r->type == VALUE_RANGES)
        ranges_print(b, r->ranges);
    else
        set_print(b, r->set);
}

/* --- validity --- */

static int reservations_check(const struct resource *r, struct error *err)
{
    const struct reservations *s = r->reservations;

    for (uint32_t i = 0; s != NULL && i < s->n; i++) {
        const struct reservation *x = &s->v[i];
        struct str role = name_str(x->role);

        if (x->type != RESERVATION_STATIC && x->type != RESERVATION_DYNAMIC)
            return error_set(err, ERR_INVALID, "Resource '%s': reservation %u has no valid 'type'", r->name->text, i);
        int rc = role_check(role, err);
        if (rc != 0)
            return rc;
        if (role_is_star(role))
            return error_set(err, ERR_INVALID, "Resource '%s' cannot be reserved for role '*'", r->name->text);
        if (i == 0)
            continue;
        if (x->type != RESERVATION_DYNAMIC)
            return error_set(err, ERR_INVALID,
                             "Resource '%s': a refined reservation must be DYNAMIC, the one for role '%s' is not",
                             r->name->text, x->role->text);
        if (!role_is_strict_sub(role, name_str(s->v[i - 1].role)))
            return error_set(err, ERR_INVALID,
                             "Resource '%s': role '%s' of a refined reservation is not a sub-role of '%s'",
                             r->name->text, x->role->text, s->v[i - 1].role->text);
    }
    return 0;
}

static int disk_check(const struct resource *r, struct error *err)
{
    const struct disk *d = r->disk;

    if (d == NULL)
        return 0;
    if (r->name != NAME_DISK)
        return error_set(err, ERR_INVALID, "DiskInfo should not be set for '%s' resource", r->name->text);
    if (d->has_source && (d->source == DISK_BLOCK || d->source == DISK_RAW) && (d->has_path || d->has_mount))
        return error_set(err, ERR_INVALID, "A disk of source type %s must have neither 'path' nor 'mount'",
                         d->source == DISK_RAW ? "RAW" : "BLOCK");
    return 0;
}

int resource_check(const struct resource *r, struct error *err)
{
    if (r->name->n == 0)
        return error_set(err, ERR_INVALID, "Empty resource name");
    if (r->type == VALUE_SCALAR && r->milli < 0)
        return error_set(err, ERR_INVALID, "Invalid scalar resource '%s': value %g is negative", r->name->text,
                         milli_to_double(r->milli));

    int rc = disk_check(r, err);
    if (rc == 0)
        rc = reservations_check(r, err);
    if (rc != 0)
        return rc;
    if (r->shared && !resource_is_persistent_volume(r))
        return error_set(err, ERR_INVALID, "Resource '%s' is shared; only persistent volumes can be", r->name->text);
    return 0;
}

int resource_gpus_check(const struct resource *r, struct error *err)
{
    if (r->name == NAME_GPUS && r->type == VALUE_SCALAR && r->milli % MILLI_PER_UNIT != 0)
        return error_set(err, ERR_INVALID, "The 'gpus' resource must be an unsigned integer, it is %g", milli_to_double(r->milli));
    return 0;
}
