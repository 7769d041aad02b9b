/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/rng.h"
#include "common/base/table.h"
#include "tests/support/test.h"

struct item {
    struct table_entry entry;
    unsigned number;
    bool is_in;
};

static struct item *find(const struct table *t, unsigned number, uint32_t hash)
{
    for (struct table_entry *e = table_find(t, hash); e != NULL; e = table_find_next(e))
        if (((struct item *)e)->number == number)
            return (struct item *)e;
    return NULL;
}

TEST("entries are found while the table grows and shrinks, and keep their order")
{
    enum { N = 20000 };
    struct item *items = xcalloc(N, sizeof *items);
    struct table t = { .count = 0 };
    struct rng r;
    size_t count = 0;

    rng_seed(&r, 7);
    for (unsigned i = 0; i < N; i++) {
        items[i].number = i;
        items[i].entry.hash = (uint32_t)rng_below(&r, 4) == 0 ? i / 8 : (uint32_t)rng_below(&r, UINT32_MAX); /* some alike */
    }
    for (unsigned round = 0; round < 200000; round++) {
        unsigned most = round / 20000 % 2 == 0 ? N : 500, i = (unsigned)rng_below(&r, N); /* it fills, then empties */
        struct item *x = &items[i];
        CHECK((find(&t, i, x->entry.hash) == x) == x->is_in);
        if (x->is_in && (rng_below(&r, 4) == 0 || count > most))
            table_remove(&t, &x->entry), x->is_in = false, count--;
        else if (!x->is_in && count < most)
            table_add(&t, &x->entry, x->entry.hash), x->is_in = true, count++;
    }
    CHECK_INT(t.count, count);
    size_t seen = 0;
    for (struct table_entry *e = t.first; e != NULL; e = e->next)
        seen += ((struct item *)e)->is_in;
    CHECK_INT(seen, count);
    for (unsigned i = 0; i < N; i++)
        if (items[i].is_in)
            table_remove(&t, &items[i].entry);
    CHECK_INT(t.count, 0);
    CHECK(t.segments == NULL); /* an empty one holds no memory */
    for (unsigned i = 0; i < 3000; i++)
        table_add(&t, &items[i].entry, i * 7);
    unsigned n = 0;
    for (struct table_entry *e = t.first; e != NULL; e = e->next)
        CHECK_INT(((struct item *)e)->number, n++);
    CHECK_INT(n, 3000);
    CHECK(find(&t, 3000, 3000 * 7) == NULL);
    while (t.first != NULL)
        table_remove(&t, t.first);
    free(items);
}
