/* SPDX-License-Identifier: Apache-2.0 */
/* One table per thread of all counted names; the static ones are found by their length and first byte before
 * the table is looked at, because nearly every lookup is for one of them. */
#include "common/model/name.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/table.h"

struct entry {
    struct name name; /* first: a name is its entry */
    struct table_entry in_table;
    char text[];
};

struct name name_table_well_known[NAME_ID_COUNT] = {
#define X(sym, text_, hash_) \
    [NAME_ID_##sym] = { .hash = (hash_), .refs = UINT32_MAX, .n = sizeof(text_) - 1, .text = (text_) },
    NAMES_WELL_KNOWN(X)
#undef X
};

static _Thread_local struct table table; /* an executor id for each of a million tasks: it may be large */

#define ENTRY_OF(e) ((struct entry *)(void *)((char *)(e)-offsetof(struct entry, in_table)))

static struct name *well_known(struct str s)
{
    struct name *n = NULL;

    switch (s.n) {
    case 0:
        return NAME_EMPTY;
    case 1:
        n = NAME_STAR;
        break;
    case 3:
        n = NAME_MEM;
        break;
    case 4:
        n = s.p[0] == 'c' ? NAME_CPUS : s.p[0] == 'd' ? NAME_DISK : NAME_GPUS;
        break;
    case 5:
        n = NAME_PORTS;
        break;
    default:
        return NULL;
    }
    return memcmp(n->text, s.p, s.n) == 0 ? n : NULL;
}

static struct entry *find(struct str s, unsigned hashv)
{
    for (struct table_entry *e = table_find(&table, hashv); e != NULL; e = table_find_next(e))
        if (str_eq(name_str(&ENTRY_OF(e)->name), s))
            return ENTRY_OF(e);
    return NULL;
}

static unsigned fold(uint64_t hash)
{
    return (unsigned)(hash ^ hash >> 32);
}

struct name *name_find(struct str s)
{
    struct name *n = well_known(s);
    if (n != NULL)
        return n;

    struct entry *e = find(s, fold(str_hash(s)));
    return e != NULL ? &e->name : NULL;
}

struct name *name_of(struct str s)
{
    struct name *n = well_known(s);
    if (n != NULL)
        return n;

    uint64_t hash = str_hash(s);
    struct entry *e = find(s, fold(hash));
    if (e != NULL)
        return name_ref(&e->name);

    ASSERT(s.n < UINT32_MAX);
    e = xcalloc(1, sizeof *e + s.n + 1);
    memcpy(e->text, s.p, s.n);
    e->name = (struct name){ .hash = hash, .refs = 1, .n = (uint32_t)s.n, .text = e->text };
    table_add(&table, &e->in_table, fold(hash));
    return &e->name;
}

void name_free(struct name *n)
{
    struct entry *e = (struct entry *)n;

    ASSERT(n->refs == 0);
    table_remove(&table, &e->in_table);
    free(e);
}

int name_cmp(const struct name *a, const struct name *b)
{
    if (a == b)
        return 0;
    if (a == NULL || b == NULL)
        return a == NULL ? -1 : 1;
    return str_cmp(name_str(a), name_str(b));
}

size_t names_count(void)
{
    return table.count;
}
