/* SPDX-License-Identifier: Apache-2.0 */
/* Linear hashing (Litwin, VLDB 1980). With size buckets and level the largest power of two that is not above size, an entry is in
 * bucket hash mod 2 level where there is such a bucket already, else in hash mod level. A further bucket takes from the one that
 * is level below it. A bucket more for each entry keeps chains at about one.
 *
 * Buckets lie in segments, so that growing copies nothing but, rarely, the list of segments (8 kB for a million entries). A
 * table with less than a segment has one that is doubled as it grows. */
#include "common/base/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"

static size_t level_of(size_t size)
{
    return (size_t)1 << (63 - (unsigned)__builtin_clzll((unsigned long long)size));
}

static size_t place_of(size_t size, uint32_t hash)
{
    size_t level = level_of(size), i = hash & (2 * level - 1);

    return i < size ? i : hash & (level - 1);
}

static struct table_entry **bucket(const struct table *t, size_t i)
{
    return &t->segments[i / TABLE_SEGMENT][i % TABLE_SEGMENT];
}

/* --- growing and shrinking ---------------------------------------------------------------------------- */
static void room_for(struct table *t, size_t i)
{
    size_t segment = i / TABLE_SEGMENT;

    ARRAY_ROOM(t->segments, segment, t->segment_cap);
    if (segment != 0) {
        if (i % TABLE_SEGMENT == 0)
            t->segments[segment] = xcalloc(TABLE_SEGMENT, sizeof(struct table_entry *));
    } else if (i == 0) {
        t->segments[0] = xcalloc(TABLE_SIZE_MIN, sizeof(struct table_entry *));
    } else if (i >= TABLE_SIZE_MIN && level_of(i) == i) {
        struct table_entry **more = xcalloc(2 * i, sizeof(struct table_entry *));
        memcpy(more, t->segments[0], i * sizeof(struct table_entry *));
        free(t->segments[0]);
        t->segments[0] = more;
    }
}

static void grow(struct table *t)
{
    size_t made = t->size;

    room_for(t, made);
    t->size++;
    if (made == 0)
        return;
    struct table_entry **from = bucket(t, made - level_of(made)), **to = bucket(t, made);
    while (*from != NULL) {
        struct table_entry *e = *from;
        if (place_of(t->size, e->hash) == made) {
            *from = e->chain;
            e->chain = *to;
            *to = e;
        } else {
            from = &e->chain;
        }
    }
}

/* The last bucket goes back to where it came from. What a table of one segment had at most it keeps. */
static void shrink(struct table *t)
{
    size_t gone = t->size - 1;
    struct table_entry **from = bucket(t, gone), **to = bucket(t, gone - level_of(gone));

    while (*to != NULL)
        to = &(*to)->chain;
    *to = *from;
    *from = NULL;
    t->size--;
    if (gone % TABLE_SEGMENT == 0 && gone != 0)
        free(t->segments[gone / TABLE_SEGMENT]);
}

static void release(struct table *t)
{
    for (size_t i = 0; i * TABLE_SEGMENT < t->size; i++)
        free(t->segments[i]);
    free(t->segments);
    *t = (struct table){ .first = NULL };
}

/* --- entries ------------------------------------------------------------------------------------------ */
void table_add(struct table *t, struct table_entry *e, uint32_t hash)
{
    if (t->count >= t->size)
        grow(t);
    struct table_entry **b = bucket(t, place_of(t->size, hash));
    e->hash = hash;
    e->chain = *b;
    *b = e;
    DL_APPEND(t->first, e);
    t->count++;
}

void table_remove(struct table *t, struct table_entry *e)
{
    struct table_entry **at = bucket(t, place_of(t->size, e->hash));

    while (*at != e) {
        ASSERT(*at != NULL);
        at = &(*at)->chain;
    }
    *at = e->chain;
    DL_DELETE(t->first, e);
    t->count--;
    if (t->count == 0)
        release(t);
    else if (t->size > TABLE_SEGMENT && t->count < t->size / 2)
        shrink(t);
}

static struct table_entry *with_hash(struct table_entry *e, uint32_t hash)
{
    while (e != NULL && e->hash != hash)
        e = e->chain;
    return e;
}

struct table_entry *table_find(const struct table *t, uint32_t hash)
{
    return t->count == 0 ? NULL : with_hash(*bucket(t, place_of(t->size, hash)), hash);
}

struct table_entry *table_find_next(const struct table_entry *e)
{
    return with_hash(e->chain, e->hash);
}
