/* SPDX-License-Identifier: Apache-2.0 */
/* A growing buffer for text and bytes that are built, with a maximum that is given at the start.
 * Invariants: p[n] is 0 whenever p is not NULL; n <= max. Failure (out of memory, over max) is sticky:
 * later additions do nothing, so callers may check once at the end with sbuf_ok. */
#ifndef STOA_BASE_SBUF_H
#define STOA_BASE_SBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

struct sbuf {
    char *p;     /* owned; NULL while empty */
    size_t n;    /* bytes used */
    size_t cap;  /* bytes allocated */
    size_t max;  /* most bytes n may reach */
    bool failed; /* sticky */
};

#define SBUF_INIT(max_) ((struct sbuf){ .max = (max_) })

void sbuf_init(struct sbuf *b, size_t max);
void sbuf_done(struct sbuf *b);  /* frees; b may be used again after sbuf_init */
void sbuf_clear(struct sbuf *b); /* empties and forgets a failure, keeps the memory */
void sbuf_add(struct sbuf *b, const void *p, size_t n);
void sbuf_char(struct sbuf *b, char c);
void sbuf_str(struct sbuf *b, struct str s);
void sbuf_c(struct sbuf *b, const char *c);
void sbuf_u64(struct sbuf *b, uint64_t v); /* decimal */
void sbuf_i64(struct sbuf *b, int64_t v);
void sbuf_fmt(struct sbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sbuf_vfmt(struct sbuf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Room for n more bytes at the end, for writing in place; NULL on failure. Follow with sbuf_grew. */
char *sbuf_room(struct sbuf *b, size_t n);
void sbuf_grew(struct sbuf *b, size_t n);
/* Removes the first n bytes. */
void sbuf_drop(struct sbuf *b, size_t n);
/* The content as a terminated string that the caller frees (never NULL unless failed); b becomes empty. */
char *sbuf_steal(struct sbuf *b);

static inline bool sbuf_ok(const struct sbuf *b)
{
    return !b->failed;
}

static inline struct str sbuf_view(const struct sbuf *b)
{
    return (struct str){ b->p, b->n };
}

static inline void sbuf_done_p(struct sbuf *b)
{
    sbuf_done(b);
}

#endif
