/* SPDX-License-Identifier: Apache-2.0 */
/* Writes JSON as a stream into an sbuf: no tree, no allocation of its own, commas by itself.
 *
 *     struct jsonw w = JSONW(&buf);
 *     jsonw_open(&w);
 *     jsonw_key(&w, "id");
 *     jsonw_str(&w, id);
 *     jsonw_key(&w, "cpus");
 *     jsonw_double(&w, 1.0);
 *     jsonw_close(&w);               -> {"id":"a","cpus":1.0}
 *
 * Nesting is the caller's: what was opened must be closed. Failure sticks to the buffer (sbuf_ok). Doubles
 * are written with the fewest digits that read back as the same value, and always with a fraction or an
 * exponent (15.0, 0.1, 1e+30 as 1e30), so that clients which tell 15 from 15.0 keep doing so. */
#ifndef STOA_WIRE_JSONW_H
#define STOA_WIRE_JSONW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

struct jsonw {
    struct sbuf *b;
    bool comma; /* the next value or key needs a comma in front */
    /* Set: jsonw_spill gives what is written already away once it is spill_bytes or more; b is empty afterwards. */
    void (*spill)(void *arg, struct sbuf *b);
    void *spill_arg;
    size_t spill_bytes;
    struct json_memo *memo; /* json_memo.h; NULL: none */
};

#define JSONW(b_) ((struct jsonw){ .b = (b_) })

void jsonw_open(struct jsonw *w);        /* { */
void jsonw_close(struct jsonw *w);       /* } */
void jsonw_array(struct jsonw *w);       /* [ */
void jsonw_array_close(struct jsonw *w); /* ] */
void jsonw_key_str(struct jsonw *w, struct str key);
/* Of a key that needs no escapes, as those that are written in a program. */
void jsonw_key_plain(struct jsonw *w, const char *key, size_t n);
static inline void jsonw_key(struct jsonw *w, const char *key)
{
    size_t n = strlen(key);

    if (__builtin_constant_p(n))
        jsonw_key_plain(w, key, n);
    else
        jsonw_key_str(w, str_mem(key, n));
}

/* Values. Invalid UTF-8 is written as U+FFFD per bad byte: what we answer is always valid. */
void jsonw_str(struct jsonw *w, struct str s);
void jsonw_c(struct jsonw *w, const char *c); /* NULL writes null */
void jsonw_fmt(struct jsonw *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* as a string, cut at 1 KB */
void jsonw_i64(struct jsonw *w, int64_t v);
void jsonw_u64(struct jsonw *w, uint64_t v);
void jsonw_double(struct jsonw *w, double v); /* NaN writes null, infinities "Infinity" and "-Infinity" */
void jsonw_milli(struct jsonw *w, int64_t thousandths); /* a fixed-point quantity as a double: 2500 is 2.5 */
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
void jsonw_base64(struct jsonw *w, struct str bytes);
/* Text that is a JSON value already. */
void jsonw_raw(struct jsonw *w, struct str json);

/* Between two elements of a long list: what is written so far may go, see spill. */
static inline void jsonw_spill(struct jsonw *w)
{
    if (w->spill != NULL && w->b->n >= w->spill_bytes)
        w->spill(w->spill_arg, w->b);
}

/* Key and value at once. */
static inline void jsonw_key_s(struct jsonw *w, const char *key, struct str v)
{
    jsonw_key(w, key);
    jsonw_str(w, v);
}
static inline void jsonw_key_c(struct jsonw *w, const char *key, const char *v)
{
    jsonw_key(w, key);
    jsonw_c(w, v);
}
static inline void jsonw_key_i64(struct jsonw *w, const char *key, int64_t v)
{
    jsonw_key(w, key);
    jsonw_i64(w, v);
}
static inline void jsonw_key_u64(struct jsonw *w, const char *key, uint64_t v)
{
    jsonw_key(w, key);
    jsonw_u64(w, v);
}
static inline void jsonw_key_double(struct jsonw *w, const char *key, double v)
{
    jsonw_key(w, key);
    jsonw_double(w, v);
}
static inline void jsonw_key_milli(struct jsonw *w, const char *key, int64_t thousandths)
{
    jsonw_key(w, key);
    jsonw_milli(w, thousandths);
}
static inline void jsonw_key_bool(struct jsonw *w, const char *key, bool v)
{
    jsonw_key(w, key);
    jsonw_bool(w, v);
}
/* "key":{ and "key":[ */
static inline void jsonw_key_open(struct jsonw *w, const char *key)
{
    jsonw_key(w, key);
    jsonw_open(w);
}
static inline void jsonw_key_array(struct jsonw *w, const char *key)
{
    jsonw_key(w, key);
    jsonw_array(w);
}

/* The text of a double or a quoted string alone, without commas. */
void json_put_double(struct sbuf *b, double v);
void json_put_string(struct sbuf *b, struct str s);

#endif
