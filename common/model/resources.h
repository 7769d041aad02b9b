/* SPDX-License-Identifier: Apache-2.0 */
/* A collection of resources and its algebra. Adding merges into the first entry that is addable, else appends; empty
 * entries are dropped; order carries no meaning but is deterministic.
 *
 * struct resources is two words and movable by assignment: it owns one array. resources_done frees it; a zeroed one is
 * empty and valid (RESOURCES_INIT). Functions named _of or _copy, and those that return struct resources, give the
 * caller an owned collection. Nothing here fails: memory is xmalloc's, counts of outside input are capped when a
 * message is converted (RESOURCES_COUNT_MAX).
 *
 * Sources: reference of the allocator, sections 5 to 10 and 15. */
#ifndef STOA_MODEL_RESOURCES_H
#define STOA_MODEL_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "common/model/resource.h"

enum { RESOURCES_COUNT_MAX = 4096 }; /* entries of one collection from outside */

struct resources {
    struct resource *v;
    uint32_t n, cap;
};

#define RESOURCES_INIT ((struct resources){ NULL, 0, 0 })

void resources_done(struct resources *r); /* frees and empties */
static inline void resources_done_p(struct resources *r)
{
    resources_done(r);
}
struct resources resources_copy(const struct resources *r);
static inline bool resources_is_empty(const struct resources *r)
{
    return r->n == 0;
}
/* "cpus:2;mem:512" for tests and defaults; aborts on bad text. */
struct resources resources_lit(const char *text);

/* --- algebra --- */
void resources_add(struct resources *r, const struct resource *x);
void resources_add_take(struct resources *r, struct resource *x); /* moves x in; x is emptied */
void resources_add_all(struct resources *a, const struct resources *b);
/* Removes what is there of x; no amount becomes negative. */
void resources_sub(struct resources *r, const struct resource *x);
void resources_sub_all(struct resources *a, const struct resources *b);
bool resources_contains(const struct resources *a, const struct resources *b);
bool resources_contains_one(const struct resources *a, const struct resource *x);
bool resources_eq(const struct resources *a, const struct resources *b); /* each contains the other */
/* Independent of the order of entries; equal collections have equal hashes. */
uint64_t resources_hash(const struct resources *r);

/* --- selection: copies of the entries that a predicate accepts --- */
typedef bool resource_pred(const struct resource *r, const void *arg);
struct resources resources_filter(const struct resources *r, resource_pred *pred, const void *arg);
struct resources resources_reserved_to(const struct resources *r, struct str role); /* exactly */
struct resources resources_reserved(const struct resources *r);                     /* to anybody */
struct resources resources_unreserved(const struct resources *r);
struct resources resources_revocable(const struct resources *r);
struct resources resources_nonrevocable(const struct resources *r);
struct resources resources_scalars(const struct resources *r);
struct resources resources_shared(const struct resources *r);
struct resources resources_nonshared(const struct resources *r);
struct resources resources_persistent_volumes(const struct resources *r);
struct resources resources_allocatable_to(const struct resources *r, struct str role);
struct resources resources_named(const struct resources *r, const struct name *name);
/* What agents must remember on disk: dynamic reservations and persistent volumes. */
struct resources resources_checkpointed(const struct resources *r);

bool resources_have_revocable(const struct resources *r);
bool resources_have_shared(const struct resources *r);
bool resources_have_refined(const struct resources *r); /* some entry has a stack deeper than one */

/* Sum over the scalar entries of that name, whatever their reservation; shared ones count once. */
int64_t resources_milli(const struct resources *r, const struct name *name);
/* All intervals of that name together; a new reference, NULL when none. */
struct ranges *resources_ranges(const struct resources *r, const struct name *name);

/* --- allocation --- */
void resources_allocate(struct resources *r, struct name *role); /* sets the role of every entry */
void resources_unallocate(struct resources *r);
/* Sets the role only where none is set. */
void resources_allocate_missing(struct resources *r, struct name *role);
/* The one role of all entries; NULL when empty, unallocated or mixed (*ret_mixed tells; may be NULL). */
struct name *resources_role(const struct resources *r, bool *ret_mixed);

/* --- operations as conversions --- */
struct conversion {
    struct resources consumed, produced; /* owned */
};

void conversion_done(struct conversion *c);
/* The conversions of section 9. The inputs are borrowed. ERR_INVALID when the operation cannot apply to such resources
 * (not reserved, not a volume, ...); the message names the entry. */
int conversion_reserve(const struct resources *source, const struct resources *target, struct conversion *ret,
                       struct error *err); /* source empty: push one entry; else the stack of source becomes target's */
/* Of a RESERVE: the levels of the stack, from the outermost, that its first entry keeps. */
uint32_t conversion_kept_levels(const struct conversion *c);
int conversion_unreserve(const struct resources *r, struct conversion *ret, struct error *err);
/* Of volumes that operation_check_resources lets pass. */
int conversion_create(const struct resources *volumes, struct conversion *ret, struct error *err);
int conversion_destroy(const struct resources *volumes, struct conversion *ret, struct error *err);
int conversion_grow(const struct resource *volume, const struct resource *addition, struct conversion *ret,
                    struct error *err);
int conversion_shrink(const struct resource *volume, int64_t subtract_milli, struct conversion *ret,
                      struct error *err);
/* total := total - consumed + produced. ERR_CONFLICT and no change when consumed is not contained; also when a destroyed
 * shared volume has another copy left. */
int resources_apply(struct resources *total, const struct conversion *c, struct error *err);
/* What an agent's resource was cut from: dynamic reservations popped, and of a persistent volume the disk under it. */
struct resource resource_origin(const struct resource *r);

/* --- quantities and limits: name -> amount --- */
struct quantity {
    struct name *name;
    int64_t milli;
};

struct quantities { /* ascending by name; movable; a zeroed one is empty */
    struct quantity *v;
    uint32_t n, cap;
};

#define QUANTITIES_INIT ((struct quantities){ NULL, 0, 0 })

void quantities_done(struct quantities *q);
struct quantities quantities_copy(const struct quantities *q);
struct quantities quantities_of(const struct resources *r); /* scalars; shared volumes count once */
int64_t quantities_get(const struct quantities *q, const struct name *name); /* 0 when absent */
bool quantities_has(const struct quantities *q, const struct name *name);    /* for limits: absent = infinite */
void quantities_set(struct quantities *q, struct name *name, int64_t milli); /* keeps zeros: a limit may be 0 */
void quantities_add(struct quantities *a, struct name *name, int64_t milli);
void quantities_sub(struct quantities *a, const struct name *name, int64_t milli); /* saturates at 0, drops zeros */
void quantities_add_all(struct quantities *a, const struct quantities *b);
void quantities_sub_all(struct quantities *a, const struct quantities *b);
void quantities_add_resources(struct quantities *a, const struct resources *r);
void quantities_sub_resources(struct quantities *a, const struct resources *r);
bool quantities_contains(const struct quantities *a, const struct quantities *b);
bool quantities_eq(const struct quantities *a, const struct quantities *b);
bool quantities_is_empty(const struct quantities *q); /* no amount over 0 */
/* "cpus:2;mem:512"; empty text gives the empty map. Printed as "cpus:2; mem:512". */
int quantities_parse(struct str text, struct quantities *ret, struct error *err);
void quantities_print(struct sbuf *b, const struct quantities *q);

/* Cuts r so that its amounts stay within q (section 15, Shrink): entries are visited in an order drawn from rng; divisible
 * ones are cut, others skipped when they do not fit; names with 0 in q are left out. is_limits: names absent in q pass
 * untouched instead. */
struct resources resources_shrink(const struct resources *r, const struct quantities *q, bool is_limits, struct rng *rng);

/* --- text --- */
/* The flag syntax of section 8 without the JSON form: "cpus:4;mem(eng):1024;ports:[1-2,4-5];bugs:{a,b}". A role in
 * parentheses makes a static reservation, unless it is "*". JSON text (starting with '[') is wire/convert.h's. */
int resources_parse(struct str text, struct str default_role, struct resources *ret, struct error *err);
/* Entries joined by "; "; "{}" when empty. */
void resources_print(struct sbuf *b, const struct resources *r);

#endif
