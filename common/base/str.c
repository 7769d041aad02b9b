/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/str.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n != 0 ? memcmp(a.p, b.p, n) : 0;

    if (c != 0)
        return c < 0 ? -1 : 1;
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_mem(s.p, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_sub(s, s.n - suffix.n, suffix.n), suffix);
}

bool str_contains(struct str s, struct str part)
{
    return part.n == 0 || (s.n >= part.n && memmem(s.p, s.n, part.p, part.n) != NULL);
}

size_t str_index(struct str s, char c)
{
    const char *p = s.n != 0 ? memchr(s.p, c, s.n) : NULL;

    return p != NULL ? (size_t)(p - s.p) : s.n;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (struct str){ s.p != NULL ? s.p + from : NULL, n };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n != 0 && is_blank(s.p[0]))
        s = str_sub(s, 1, s.n);
    while (s.n != 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(struct str *rest, char sep, struct str *ret)
{
    size_t i = str_index(*rest, sep);
    bool found = i < rest->n;

    *ret = str_sub(*rest, 0, i);
    *rest = str_sub(*rest, found ? i + 1 : i, rest->n);
    return found;
}

bool str_skip(struct str *rest, struct str prefix)
{
    if (!str_starts(*rest, prefix))
        return false;
    *rest = str_sub(*rest, prefix.n, rest->n);
    return true;
}

bool str_u64(struct str *rest, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;

    for (; i < rest->n && rest->p[i] >= '0' && rest->p[i] <= '9'; i++) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(rest->p[i] - '0'), &v))
            return false;
    }
    if (i == 0 || v > max)
        return false;
    *rest = str_sub(*rest, i, rest->n);
    *ret = v;
    return true;
}

bool str_i64(struct str *rest, int64_t min, int64_t max, int64_t *ret)
{
    struct str r = *rest;
    bool negative = str_skip(&r, STR("-"));
    uint64_t u;
    int64_t v;

    if (!str_u64(&r, negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, &u))
        return false;
    v = negative ? (int64_t)(0 - u) : (int64_t)u;
    if (v < min || v > max)
        return false;
    *rest = r;
    *ret = v;
    return true;
}

/* The longest prefix that has the shape of a JSON number, except that leading zeros are allowed. */
static size_t number_shape(struct str s)
{
    size_t i = 0, digits = 0;

    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        i++;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        digits++;
    if (i < s.n && s.p[i] == '.')
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            digits++;
    if (digits == 0)
        return 0;
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        size_t j = i + 1;

        if (j < s.n && (s.p[j] == '-' || s.p[j] == '+'))
            j++;
        if (j < s.n && s.p[j] >= '0' && s.p[j] <= '9') {
            while (j < s.n && s.p[j] >= '0' && s.p[j] <= '9')
                j++;
            i = j;
        }
    }
    return i;
}

bool str_double(struct str *rest, double *ret)
{
    static locale_t c_locale; /* made once; newlocale of "C" cannot fail in practice */
    char buf[128];
    size_t n = number_shape(*rest);
    double v;

    if (n == 0 || n >= sizeof buf)
        return false;
    memcpy(buf, rest->p, n);
    buf[n] = 0;
    if (c_locale == NULL)
        c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    v = c_locale != NULL ? strtod_l(buf, NULL, c_locale) : strtod(buf, NULL);
    if (!isfinite(v))
        return false;
    *rest = str_sub(*rest, n, rest->n);
    *ret = v;
    return true;
}

char *str_dup(struct str s)
{
    char *c = malloc(s.n + 1);

    if (c == NULL)
        return NULL;
    if (s.n != 0)
        memcpy(c, s.p, s.n);
    c[s.n] = 0;
    return c;
}

/* Length of the valid UTF-8 sequence at p (n bytes left), or 0. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    size_t len = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;

    if (c == 0 || len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

bool str_is_utf8(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    for (size_t i = 0; i < s.n;) {
        size_t len = utf8_len(p + i, s.n - i);

        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
    return h;
}
