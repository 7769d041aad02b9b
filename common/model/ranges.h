/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of whole numbers as sorted intervals (ports), and sets of names. Both are immutable and counted: the operations
 * return a new reference; NULL is the empty one. Invariants of ranges: begin <= end, ascending, and neither touching nor
 * overlapping (adjacent ones are merged). Sets: ascending by text, no item twice. */
#ifndef STOA_MODEL_RANGES_H
#define STOA_MODEL_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/model/name.h"

enum { RANGES_COUNT_MAX = 65536, SET_COUNT_MAX = 16384 }; /* of one value from outside */

struct range {
    uint64_t begin, end; /* both inside */
};

struct ranges {
    uint32_t refs;
    uint32_t n;
    struct range v[];
};

struct set {
    uint32_t refs;
    uint32_t n;
    struct name *v[]; /* one reference each */
};

/* Any order, overlaps merged; an interval with begin > end is ignored (validation refuses it before). */
struct ranges *ranges_of(const struct range *v, size_t n);
static inline struct ranges *ranges_ref(struct ranges *r)
{
    if (r != NULL)
        r->refs++;
    return r;
}
void ranges_unref(struct ranges *r);
struct ranges *ranges_add(struct ranges *a, struct ranges *b);
struct ranges *ranges_sub(struct ranges *a, struct ranges *b);
struct ranges *ranges_intersect(struct ranges *a, struct ranges *b);
bool ranges_contains(const struct ranges *a, const struct ranges *b); /* b within a */
bool ranges_overlap(const struct ranges *a, const struct ranges *b);
bool ranges_eq(const struct ranges *a, const struct ranges *b);
/* How many numbers; saturates at UINT64_MAX. */
uint64_t ranges_size(const struct ranges *r);
/* "[1-5, 8-8]" */
void ranges_print(struct sbuf *b, const struct ranges *r);

struct set *set_of(const struct str *v, size_t n); /* doubles are dropped */
static inline struct set *set_ref(struct set *s)
{
    if (s != NULL)
        s->refs++;
    return s;
}
void set_unref(struct set *s);
struct set *set_add(struct set *a, struct set *b);
struct set *set_sub(struct set *a, struct set *b);
bool set_contains(const struct set *a, const struct set *b);
bool set_overlap(const struct set *a, const struct set *b);
bool set_eq(const struct set *a, const struct set *b);
/* "{a, b}" */
void set_print(struct sbuf *b, const struct set *s);

#endif
