/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is looked at, not owned: a pointer and a length, not terminated. The memory belongs to
 * somebody else and must outlive the struct str. Parsing is done with a cursor: each function takes
 * the rest of the input, consumes what it recognised, and leaves *rest alone when it did not. */
#ifndef STOA_BASE_STR_H
#define STOA_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* may be NULL only when n is 0 */
    size_t n;      /* bytes */
};

/* A literal, as in STR("cpus"). STR_INIT is the same for static initialisers. */
#define STR(lit) ((struct str){ "" lit "", sizeof(lit) - 1 })
#define STR_INIT(lit)                 \
    {                                 \
        "" lit "", sizeof(lit) - 1    \
    }
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).n, (s).n != 0 ? (s).p : ""

static inline struct str str_of(const char *c) /* c may be NULL: empty */
{
    return (struct str){ c, c != NULL ? strlen(c) : 0 };
}

static inline struct str str_mem(const void *p, size_t n)
{
    return (struct str){ (const char *)p, n };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *c)
{
    return str_eq(a, str_of(c));
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
int str_cmp(struct str a, struct str b);        /* by bytes, as memcmp; the shorter first on a tie */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_contains(struct str s, struct str part);
/* Index of the first c, or s.n. */
size_t str_index(struct str s, char c);
struct str str_sub(struct str s, size_t from, size_t n); /* clamped to s */
struct str str_trim(struct str s);                       /* blanks, tabs, CR, LF on both sides */

/* Cuts *rest at the first sep: *ret gets what was before it, *rest what comes after. Without sep, *ret
 * gets everything, *rest becomes empty and the answer is false. */
bool str_cut(struct str *rest, char sep, struct str *ret);
/* Consumes exactly this prefix. */
bool str_skip(struct str *rest, struct str prefix);
/* Decimal digits, no sign, no blanks; false on overflow, on a value over max, or without a digit. */
bool str_u64(struct str *rest, uint64_t max, uint64_t *ret);
/* As str_u64 with an optional minus sign. */
bool str_i64(struct str *rest, int64_t min, int64_t max, int64_t *ret);
/* A decimal number with optional sign, fraction and exponent; no hex, inf or nan. Locale-free. */
bool str_double(struct str *rest, double *ret);

/* A terminated copy from malloc, or NULL when out of memory. */
char *str_dup(struct str s);
/* Valid UTF-8 without surrogates and without NUL bytes. */
bool str_is_utf8(struct str s);
/* 64-bit FNV-1a; stable over processes and versions, so traces and stores may hold it. */
uint64_t str_hash(struct str s);

#endif
