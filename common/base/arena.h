/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one request, one decoded message or one plan: allocate freely, release at once. An arena
 * has a byte budget; crossing it is an ordinary failure (NULL), not a crash. */
#ifndef STOA_BASE_ARENA_H
#define STOA_BASE_ARENA_H

#include <stddef.h>

#include "common/base/str.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* newest first */
    size_t used;              /* bytes handed out and block overhead */
    size_t budget;            /* most bytes used may reach */
};

#define ARENA_INIT(budget_) ((struct arena){ .budget = (budget_) })

void arena_init(struct arena *a, size_t budget_bytes);
void arena_done(struct arena *a);  /* frees all; the arena may be used again */
void arena_clear(struct arena *a); /* as arena_done, but keeps one block for reuse */
/* Aligned to 16; NULL when the budget is spent or memory is out. The content is zeroed. */
void *arena_alloc(struct arena *a, size_t n);
/* count * size with overflow check. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* As arena_alloc, not zeroed: for bytes that are overwritten at once. */
void *arena_alloc_raw(struct arena *a, size_t n);
/* A copy, terminated with 0; p is NULL when out of budget. */
struct str arena_str(struct arena *a, struct str s);
/* Formatted; p is NULL when out of budget. */
struct str arena_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void arena_done_p(struct arena *a)
{
    arena_done(a);
}

#endif
