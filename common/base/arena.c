/* SPDX-License-Identifier: Apache-2.0 */
/* Bump allocation from blocks that double in size. The budget counts block sizes, so it bounds what the
 * process really holds, not only what was asked for. */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_FIRST = 1024, BLOCK_LARGEST = 256 * 1024, ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* bytes of data */
    size_t used;
    size_t unused_pad;
    alignas(16) char data[];
};

void arena_init(struct arena *a, size_t budget_bytes)
{
    *a = ARENA_INIT(budget_bytes);
}

void arena_done(struct arena *a)
{
    for (struct arena_block *b = a->head, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    *a = ARENA_INIT(a->budget);
}

void arena_clear(struct arena *a)
{
    struct arena_block *keep = a->head;

    if (keep == NULL)
        return;
    for (struct arena_block *b = keep->next, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    keep->next = NULL;
    keep->used = 0;
    a->used = sizeof *keep + keep->size;
}

static struct arena_block *block_add(struct arena *a, size_t n)
{
    size_t size = a->head == NULL ? BLOCK_FIRST : a->head->size * 2, total;
    struct arena_block *b;

    if (size > BLOCK_LARGEST)
        size = BLOCK_LARGEST;
    if (a->used + sizeof *b + size > a->budget || size < n)
        size = n;
    if (__builtin_add_overflow(size, sizeof *b, &total) || a->used > a->budget ||
        total > a->budget - a->used)
        return NULL;
    b = malloc(total);
    if (b == NULL)
        return NULL;
    *b = (struct arena_block){ .next = a->head, .size = size };
    a->head = b;
    a->used += total;
    return b;
}

void *arena_alloc_raw(struct arena *a, size_t n)
{
    struct arena_block *b = a->head;
    void *p;

    if (n > SIZE_MAX - ALIGN)
        return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (n == 0)
        n = ALIGN;
    if (b == NULL || b->size - b->used < n) {
        b = block_add(a, n);
        if (b == NULL)
            return NULL;
    }
    p = b->data + b->used;
    b->used += n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = arena_alloc_raw(a, n);

    if (p != NULL)
        memset(p, 0, n);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;

    return __builtin_mul_overflow(count, size, &n) ? NULL : arena_alloc(a, n);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = s.n == SIZE_MAX ? NULL : arena_alloc_raw(a, s.n + 1);

    if (p == NULL)
        return (struct str){ NULL, 0 };
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return (struct str){ p, s.n };
}

struct str arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    int n;
    char *p;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    p = n < 0 ? NULL : arena_alloc_raw(a, (size_t)n + 1);
    if (p != NULL)
        (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return (struct str){ p, p != NULL ? (size_t)n : 0 };
}
