/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table for very many entries, which grows in steps: each addition makes room for one (linear hashing: it splits the
 * next bucket in order), so that none has to move them all. uthash doubles at once, which at a million entries stops a loop for
 * 50 ms; everywhere else take uthash (base/hash.h).
 *
 * Entries are embedded in their owners and keep the order of their addition. The owner compares keys:
 *
 *     for (struct table_entry *e = table_find(t, hash); e != NULL; e = table_find_next(e)) if (key of e is the key) ...
 *
 * A zeroed table is an empty one, and an empty one holds no memory. Buckets are given back as entries go. */
#ifndef STOA_BASE_TABLE_H
#define STOA_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_entry {
    struct table_entry *chain;       /* in its bucket */
    struct table_entry *prev, *next; /* in order; prev of the first is the last */
    uint32_t hash;
};

struct table {
    struct table_entry *first;
    size_t count;
    struct table_entry ***segments; /* of TABLE_SEGMENT buckets each; the only one of a small table has less */
    size_t segment_cap;
    size_t size; /* buckets in use */
};

enum { TABLE_SEGMENT = 1024, TABLE_SIZE_MIN = 16 };

void table_add(struct table *t, struct table_entry *e, uint32_t hash);
void table_remove(struct table *t, struct table_entry *e);
/* The first entry with this hash, NULL: none; and the next one with the same. */
struct table_entry *table_find(const struct table *t, uint32_t hash);
struct table_entry *table_find_next(const struct table_entry *e);

#endif
