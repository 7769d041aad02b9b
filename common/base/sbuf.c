/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/sbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sbuf_init(struct sbuf *b, size_t max)
{
    *b = SBUF_INIT(max);
}

void sbuf_done(struct sbuf *b)
{
    free(b->p);
    *b = SBUF_INIT(b->max);
}

void sbuf_clear(struct sbuf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p != NULL)
        b->p[0] = 0;
}

char *sbuf_room(struct sbuf *b, size_t n)
{
    size_t need, cap;
    char *p;

    if (b->failed || n > b->max - b->n) {
        b->failed = true;
        return NULL;
    }
    need = b->n + n + 1;
    if (need <= b->cap)
        return b->p + b->n;
    cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    p = realloc(b->p, cap);
    if (p == NULL) {
        b->failed = true;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    b->p[b->n] = 0;
    return b->p + b->n;
}

void sbuf_grew(struct sbuf *b, size_t n)
{
    b->n += n;
    b->p[b->n] = 0;
}

void sbuf_add(struct sbuf *b, const void *p, size_t n)
{
    char *room = sbuf_room(b, n);

    if (room == NULL)
        return;
    if (n != 0)
        memcpy(room, p, n);
    sbuf_grew(b, n);
}

void sbuf_char(struct sbuf *b, char c)
{
    sbuf_add(b, &c, 1);
}

void sbuf_str(struct sbuf *b, struct str s)
{
    sbuf_add(b, s.p, s.n);
}

void sbuf_c(struct sbuf *b, const char *c)
{
    sbuf_add(b, c, strlen(c));
}

void sbuf_u64(struct sbuf *b, uint64_t v)
{
    char t[20];
    size_t i = sizeof t;

    do {
        t[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    sbuf_add(b, t + i, sizeof t - i);
}

void sbuf_i64(struct sbuf *b, int64_t v)
{
    if (v < 0)
        sbuf_char(b, '-');
    sbuf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void sbuf_vfmt(struct sbuf *b, const char *fmt, va_list ap)
{
    va_list again;
    int n;
    char *room;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    room = n < 0 ? NULL : sbuf_room(b, (size_t)n);
    if (room == NULL) {
        b->failed = true;
    } else {
        (void)vsnprintf(room, (size_t)n + 1, fmt, again);
        sbuf_grew(b, (size_t)n);
    }
    va_end(again);
}

void sbuf_fmt(struct sbuf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    sbuf_vfmt(b, fmt, ap);
    va_end(ap);
}

void sbuf_drop(struct sbuf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
    } else {
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
    }
    if (b->p != NULL)
        b->p[b->n] = 0;
}

char *sbuf_steal(struct sbuf *b)
{
    char *p;

    if (sbuf_room(b, 0) == NULL)
        return NULL;
    p = b->p;
    *b = SBUF_INIT(b->max);
    return p;
}
