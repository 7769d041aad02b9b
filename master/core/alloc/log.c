/* SPDX-License-Identifier: Apache-2.0 */
/* The decision log: a ring of small records. Writing one costs a few stores; names are looked up when
 * somebody asks. */
#include <stdlib.h>

#include "master/core/alloc/internal.h"

static const char *const names[ALLOC_REASON_COUNT] = {
#define X(sym, text) [ALLOC_REASON_##sym] = #sym,
    ALLOC_REASONS(X)
#undef X
};

static const char *const texts[ALLOC_REASON_COUNT] = {
#define X(sym, text) [ALLOC_REASON_##sym] = text,
    ALLOC_REASONS(X)
#undef X
};

const char *alloc_reason_name(enum alloc_reason r)
{
    return (unsigned)r < ALLOC_REASON_COUNT ? names[r] : "?";
}

const char *alloc_reason_text(enum alloc_reason r)
{
    return (unsigned)r < ALLOC_REASON_COUNT ? texts[r] : "?";
}

void alloc_log_add(struct allocator *a, struct mono at, const struct alloc_client *c,
                   const struct alloc_agent *g, enum alloc_reason reason, const struct resources *r,
                   int64_t until_ns)
{
    if (a->log_cap == 0)
        return;
    struct alloc_decision *d = &a->log[a->log_end % a->log_cap];
    name_unref(d->role);
    *d = (struct alloc_decision){
        .at = at,
        .framework = alloc_framework_ref(c->framework),
        .agent = alloc_agent_ref(g),
        .role = name_ref(c->role->name),
        .until_ns = until_ns,
        .run = a->run.number,
        .reason = reason,
    };
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->v[i].name == NAME_CPUS)
            d->cpus_milli += r->v[i].milli;
        else if (r->v[i].name == NAME_MEM)
            d->mem_milli += r->v[i].milli;
    }
    a->log_end++;
}

void alloc_log_done(struct allocator *a)
{
    for (uint32_t i = 0; i < a->log_cap; i++)
        name_unref(a->log[i].role);
    free(a->log);
}

uint64_t allocator_decisions_end(const struct allocator *a)
{
    return a->log_end;
}

bool allocator_decision(const struct allocator *a, uint64_t i, struct alloc_decision *ret)
{
    if (i >= a->log_end || a->log_end - i > a->log_cap)
        return false;
    *ret = a->log[i % a->log_cap];
    return true;
}
