/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of a resource collection, always in the post-refinement form (a stack of reservations, no deprecated role).
 *
 * 48 bytes. All text is interned, and reservations, disk information and non-scalar values are immutable and counted, so that
 * a copy is a few increments and equality a few pointer comparisons. A struct resource owns one reference to each thing it
 * points to: resource_copy adds them, resource_done drops them; plain assignment moves.
 *
 * Sources: reference of the allocator, sections 2 to 7. */
#ifndef STOA_MODEL_RESOURCE_H
#define STOA_MODEL_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/model/blob.h"
#include "common/model/label.h"
#include "common/model/name.h"
#include "common/model/ranges.h"
#include "common/model/scalar.h"

enum value_type { VALUE_SCALAR = 0, VALUE_RANGES = 1, VALUE_SET = 2, VALUE_TEXT = 3 }; /* wire numbers */

enum reservation_type { RESERVATION_UNKNOWN = 0, RESERVATION_STATIC = 1, RESERVATION_DYNAMIC = 2 };

struct reservation {
    enum reservation_type type;
    struct name *role;
    struct name *principal; /* NULL: absent */
    struct labels *labels;  /* NULL: absent */
};

enum { RESERVATIONS_COUNT_MAX = 16 }; /* depth of one stack from outside */

struct reservations { /* immutable, counted; never empty: unreserved is NULL */
    uint32_t refs;
    uint32_t n;
    struct reservation v[]; /* outermost first; the last one is the one in force */
};

enum disk_source_type { DISK_UNKNOWN = 0, DISK_PATH = 1, DISK_MOUNT = 2, DISK_BLOCK = 3, DISK_RAW = 4 };

enum volume_mode { VOLUME_RW = 1, VOLUME_RO = 2 }; /* wire numbers */

struct disk { /* immutable, counted; NULL: no DiskInfo (root disk). Absent texts are NULL */
    uint32_t refs;
    bool has_source;
    bool has_path, has_mount;    /* which sub-message of the source is there */
    bool has_volume;
    enum disk_source_type source;
    enum volume_mode mode;       /* of the volume */
    struct name *persistence;    /* id; NULL: not a persistent volume */
    struct name *principal;      /* of the persistence */
    struct name *container_path; /* of the volume */
    struct name *host_path;
    struct name *volume_rest;    /* packed further fields of Volume (image, source), as bytes */
    struct name *path_root, *mount_root;
    struct name *id, *profile, *vendor;
    struct labels *metadata;
};

struct resource {
    struct name *name;                 /* "cpus", ... */
    struct name *role;                 /* allocation role; NULL: not allocated */
    struct reservations *reservations; /* NULL: unreserved */
    struct disk *disk;                 /* NULL: none */
    union {
        int64_t milli;                 /* VALUE_SCALAR */
        struct ranges *ranges;         /* VALUE_RANGES */
        struct set *set;               /* VALUE_SET */
    };
    struct name *provider;             /* resource provider id; NULL: the agent itself */
    uint32_t copies;                   /* shared: how many copies; otherwise 1 */
    uint8_t type;                      /* enum value_type */
    bool revocable;
    bool shared;
};

/* --- lifecycle --- */
struct resource resource_scalar(struct name *name, int64_t milli); /* takes no reference from the caller: adds its own */
struct resource resource_ranges(struct name *name, struct ranges *take); /* takes the caller's reference to the value */
struct resource resource_set(struct name *name, struct set *take);
struct resource resource_copy(const struct resource *r);
void resource_done(struct resource *r);

struct reservations *reservations_new(size_t n); /* zeroed; filled by the caller before sharing */
struct reservations *reservations_ref(struct reservations *s);
void reservations_unref(struct reservations *s);
bool reservation_eq(const struct reservation *a, const struct reservation *b);
bool reservations_eq(const struct reservations *a, const struct reservations *b);
/* The stack with one more entry (takes no references: adds its own), and with the last one removed (NULL when that was all). */
struct reservations *reservations_push(const struct reservations *s, const struct reservation *top);
struct reservations *reservations_pop(struct reservations *s);

struct disk *disk_new(void); /* zeroed; filled by the caller before sharing */
struct disk *disk_copy(const struct disk *d); /* a new one with its own references, to be changed before sharing */
struct disk *disk_ref(struct disk *d);
void disk_unref(struct disk *d);
bool disk_eq(const struct disk *a, const struct disk *b);

/* --- questions --- */
bool resource_is_empty(const struct resource *r); /* 0, no interval, no item, or no copy */
bool resource_eq(const struct resource *a, const struct resource *b); /* all, with the amount and the copies */
/* All but the amount and the copies. */
bool resource_same_kind(const struct resource *a, const struct resource *b);
bool resource_addable(const struct resource *a, const struct resource *b);
bool resource_subtractable(const struct resource *a, const struct resource *b); /* may b be taken from a? */
bool resource_contains(const struct resource *a, const struct resource *b);     /* kind and amount */
uint64_t resource_hash(const struct resource *r); /* stable over processes */

static inline bool resource_is_reserved(const struct resource *r)
{
    return r->reservations != NULL;
}
static inline const struct reservation *resource_reservation(const struct resource *r) /* in force; NULL: none */
{
    return r->reservations != NULL ? &r->reservations->v[r->reservations->n - 1] : NULL;
}
static inline struct name *resource_reservation_role(const struct resource *r) /* "*" when unreserved */
{
    return r->reservations != NULL ? r->reservations->v[r->reservations->n - 1].role : NAME_STAR;
}
static inline bool resource_is_dynamically_reserved(const struct resource *r)
{
    return r->reservations != NULL && r->reservations->v[r->reservations->n - 1].type == RESERVATION_DYNAMIC;
}
static inline bool resource_has_refined_reservations(const struct resource *r) /* not expressible in the old form */
{
    return r->reservations != NULL && r->reservations->n > 1;
}
static inline bool resource_is_persistent_volume(const struct resource *r)
{
    return r->disk != NULL && r->disk->persistence != NULL;
}
static inline bool resource_is_disk(const struct resource *r, enum disk_source_type type)
{
    return r->disk != NULL && r->disk->has_source && r->disk->source == type;
}
/* May be offered to role: unreserved, reserved to it, or reserved to one of its ancestors. */
bool resource_allocatable_to(const struct resource *r, struct str role);
/* May be cut to a smaller amount: not MOUNT, BLOCK, RAW with id, persistent volume, and not shared. */
bool resource_is_divisible(const struct resource *r);

/* --- text --- */
/* "name(allocated: r)(reservations: [(STATIC,eng)])[disk]{REV}<SHARED>:value" */
void resource_print(struct sbuf *b, const struct resource *r);

/* --- validity --- */
/* The rules of section 3 that can be broken by a value in this form. The wire conversion checks those of the message
 * (old and new format mixed). ERR_INVALID with the phrase clients see. */
int resource_check(const struct resource *r, struct error *err);
/* GPUs are whole in tasks and operations; what an agent has is not looked at. */
int resource_gpus_check(const struct resource *r, struct error *err);

#endif
