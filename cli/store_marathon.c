/* SPDX-License-Identifier: Apache-2.0 */
/* What `stoa store` knows of the state of marathon. */
#include <stdlib.h>

#include "cli/store.h"
#include "common/base/alloc.h"
#include "marathon/api/records.h"

struct told {
    store_problem_fn *problem;
    void *ctx;
};

static void on_problem(void *ctx, struct str key, const char *what)
{
    const struct told *p = ctx;

    p->problem(p->ctx, key, what, true);
}

static void show(struct str key, struct str value, struct sbuf *b)
{
    (void)key;
    (void)value;
    (void)b;
}

static void check(const struct store_record *records, size_t count, store_problem_fn *problem, void *ctx)
{
    struct told p = { problem, ctx };
    struct record *v = xcalloc(count + 1, sizeof *v);

    for (size_t i = 0; i < count; i++)
        v[i] = (struct record){ records[i].key, records[i].value };
    records_check(v, count, on_problem, &p);
    free(v);
}

const struct state_kind state_of_marathon = { "marathon",     "marathon.db", "/stoa", "/leader-curator",
                                              ELECTION_LATCH, show,          check };
