/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/jsonw.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"

/* Room for n more bytes; the buffer's own check is a call, which shows when half of what is written are quotes and commas. */
static inline char *room(struct sbuf *b, size_t n)
{
    if (!b->failed && b->n + n < b->cap && b->n + n <= b->max)
        return b->p + b->n;
    return sbuf_room(b, n);
}

static inline void grew(struct sbuf *b, size_t n)
{
    b->n += n;
    b->p[b->n] = 0;
}

static inline void put(struct sbuf *b, char c)
{
    char *p = room(b, 1);

    if (p == NULL)
        return;
    *p = c;
    grew(b, 1);
}

/* --- text ------------------------------------------------------------------------------------------------ */

/* Whether one of the eight bytes is special: below 0x20, above 0x7e, '"' or '\\'. Such a byte sets its high bit here. */
static inline bool has_special(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101U, high = ones << 7;
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');

    return ((v | (v + ones) | (v - ones * 0x20) | (quote - ones) | (slash - ones)) & high) != 0;
}

static inline uint64_t load(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    memcpy(&v, p, n);
    return v;
}

/* Copies what is plain, that is printable ASCII without quote and backslash, up to the first byte that is not; returns how
 * many. Words at a time, the last one overlapping the one before. */
static inline size_t copy_plain(char *to, const unsigned char *p, size_t n)
{
    size_t i = 0;

    for (uint64_t v; i + sizeof v <= n; i += sizeof v) {
        v = load(p + i, sizeof v);
        if (has_special(v))
            break;
        memcpy(to + i, &v, sizeof v);
    }
    if (i + 8 > n && n >= 8) {
        uint64_t v = load(p + n - 8, 8);
        if (!has_special(v)) {
            memcpy(to + n - 8, &v, 8);
            return n;
        }
    } else if (n >= 4 && n < 8) {
        uint64_t v = load(p, 4) | load(p + n - 4, 4) << 32;
        if (!has_special(v)) {
            memcpy(to, p, 4);
            memcpy(to + n - 4, p + n - 4, 4);
            return n;
        }
    }
    for (; i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\'; i++)
        to[i] = (char)p[i];
    return i;
}

/* Writes the one character at p that is not plain; returns the bytes consumed. */
static size_t put_special(struct sbuf *b, const unsigned char *p, size_t n)
{
    static const char escapes[][3] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",  ['\f'] = "\\f",
        ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\",
    };

    if (p[0] < sizeof escapes / sizeof escapes[0] && escapes[p[0]][0] != 0) {
        sbuf_add(b, escapes[p[0]], 2);
        return 1;
    }
    if (p[0] < 0x20) {
        sbuf_fmt(b, "\\u%04x", (unsigned)p[0]);
        return 1;
    }
    if (p[0] == 0x7f) {
        sbuf_char(b, 0x7f);
        return 1;
    }
    for (size_t len = 2; len <= 4 && len <= n; len++) {
        if (str_is_utf8(str_mem(p, len))) {
            sbuf_add(b, p, len);
            return len;
        }
    }
    sbuf_c(b, "\xef\xbf\xbd"); /* U+FFFD */
    return 1;
}

/* The rest of a string, from its first byte that is not plain on. */
static void put_rest(struct sbuf *b, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    for (size_t i = 0; i < s.n;) {
        char *to = room(b, s.n - i);
        if (to == NULL)
            return;
        size_t run = copy_plain(to, p + i, s.n - i);
        grew(b, run);
        i += run;
        if (i < s.n)
            i += put_special(b, p + i, s.n - i);
    }
    put(b, '"');
}

static inline void put_string(struct sbuf *b, struct str s, bool comma)
{
    char *start = room(b, s.n + 3), *to = start;

    if (start == NULL)
        return;
    if (comma)
        *to++ = ',';
    *to++ = '"';
    size_t run = copy_plain(to, (const unsigned char *)s.p, s.n);
    to += run;
    if (run == s.n)
        *to++ = '"';
    grew(b, (size_t)(to - start));
    if (run != s.n)
        put_rest(b, str_sub(s, run, s.n));
}

void json_put_string(struct sbuf *b, struct str s)
{
    put_string(b, s, false);
}

/* --- numbers --------------------------------------------------------------------------------------------- */

/* Most doubles we write are small decimals: quantities of three digits, times of six. When v is exactly the
 * double nearest to i / 10^digits, and i is small enough that no other such decimal is, that decimal is the
 * shortest. */
static bool put_decimal(struct sbuf *b, double v, double scale, int digits)
{
    double scaled = v * scale, rounded = nearbyint(scaled);
    uint64_t i;
    char text[32], *p = text + sizeof text;
    int left = digits;

    if (fabs(scaled) >= 4e15 || rounded / scale != v)
        return false;
    i = (uint64_t)fabs(rounded);
    for (; left > 1 && i % 10 == 0; left--)
        i /= 10;
    for (int k = 0; k < left; k++, i /= 10)
        *--p = (char)('0' + i % 10);
    *--p = '.';
    do
        *--p = (char)('0' + i % 10);
    while ((i /= 10) != 0);
    if (signbit(v))
        *--p = '-';
    sbuf_add(b, p, (size_t)(text + sizeof text - p));
    return true;
}

/* The shortest digits that read back as v, and the power of ten of the point behind the first digit. */
static int shortest_digits(double v, char digits[20], int *ret_exponent)
{
    struct str exponent;
    int64_t power = 0;
    char buf[40];
    int n = 0;

    /* Fifteen digits are exact for every double but the denormal ones, which have fewer. */
    for (int precision = fabs(v) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        (void)snprintf(buf, sizeof buf, "%.*e", precision - 1, v);
        if (strtod(buf, NULL) == v)
            break;
    }
    for (const char *p = buf; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    exponent = str_of(strchr(buf, 'e') + 1);
    (void)str_skip(&exponent, STR("+"));
    (void)str_i64(&exponent, -400, 400, &power); /* printf wrote it */
    *ret_exponent = (int)power;
    return n;
}

/* 1234.5, 120000000.0, 0.00012, 1.5e-7, 1e30: a plain decimal up to 21 digits, an exponent beyond. */
static void put_shortest(struct sbuf *b, double v)
{
    char digits[20];
    int exponent, n = shortest_digits(fabs(v), digits, &exponent), point = exponent + 1;

    if (signbit(v))
        sbuf_char(b, '-');
    if (point > 0 && point <= 21) {
        for (int i = 0; i < (n > point ? n : point); i++) {
            if (i == point)
                sbuf_char(b, '.');
            sbuf_char(b, i < n ? digits[i] : '0');
        }
        if (n <= point)
            sbuf_c(b, ".0");
    } else if (point <= 0 && point > -6) {
        sbuf_c(b, "0.");
        for (int i = 0; i < -point; i++)
            sbuf_char(b, '0');
        sbuf_add(b, digits, (size_t)n);
    } else {
        sbuf_char(b, digits[0]);
        if (n > 1) {
            sbuf_char(b, '.');
            sbuf_add(b, digits + 1, (size_t)(n - 1));
        }
        sbuf_char(b, 'e');
        sbuf_i64(b, exponent);
    }
}

void json_put_double(struct sbuf *b, double v)
{
    if (isnan(v))
        sbuf_c(b, "null");
    else if (isinf(v))
        sbuf_c(b, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else if (!(fabs(v) < 1e12 && put_decimal(b, v, 1e3, 3)) && !(fabs(v) < 4e9 && put_decimal(b, v, 1e6, 6)))
        put_shortest(b, v);
}

/* --- the stream ------------------------------------------------------------------------------------------ */

static inline void value(struct jsonw *w)
{
    if (w->comma)
        put(w->b, ',');
    w->comma = true;
}

static void open_with(struct jsonw *w, char c)
{
    value(w);
    put(w->b, c);
    w->comma = false;
}

static void close_with(struct jsonw *w, char c)
{
    put(w->b, c);
    w->comma = true;
}

void jsonw_open(struct jsonw *w)
{
    open_with(w, '{');
}

void jsonw_close(struct jsonw *w)
{
    close_with(w, '}');
}

void jsonw_array(struct jsonw *w)
{
    open_with(w, '[');
}

void jsonw_array_close(struct jsonw *w)
{
    close_with(w, ']');
}

void jsonw_key_str(struct jsonw *w, struct str key)
{
    put_string(w->b, key, w->comma);
    put(w->b, ':');
    w->comma = false;
}

void jsonw_key_plain(struct jsonw *w, const char *key, size_t n)
{
    char *start = room(w->b, n + 4), *to = start;

    if (start == NULL)
        return;
    if (w->comma)
        *to++ = ',';
    *to++ = '"';
    memcpy(to, key, n);
    to += n;
    *to++ = '"';
    *to++ = ':';
    grew(w->b, (size_t)(to - start));
    w->comma = false;
}

void jsonw_str(struct jsonw *w, struct str s)
{
    put_string(w->b, s, w->comma);
    w->comma = true;
}

void jsonw_c(struct jsonw *w, const char *c)
{
    if (c == NULL)
        jsonw_null(w);
    else
        jsonw_str(w, str_of(c));
}

void jsonw_fmt(struct jsonw *w, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    jsonw_c(w, text);
}

void jsonw_i64(struct jsonw *w, int64_t v)
{
    value(w);
    sbuf_i64(w->b, v);
}

void jsonw_u64(struct jsonw *w, uint64_t v)
{
    value(w);
    sbuf_u64(w->b, v);
}

void jsonw_double(struct jsonw *w, double v)
{
    value(w);
    json_put_double(w->b, v);
}

void jsonw_milli(struct jsonw *w, int64_t thousandths)
{
    jsonw_double(w, (double)thousandths / 1000);
}

void jsonw_bool(struct jsonw *w, bool v)
{
    value(w);
    sbuf_c(w->b, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w)
{
    value(w);
    sbuf_c(w->b, "null");
}

void jsonw_base64(struct jsonw *w, struct str bytes)
{
    value(w);
    sbuf_char(w->b, '"');
    base64_encode(w->b, bytes);
    sbuf_char(w->b, '"');
}

void jsonw_raw(struct jsonw *w, struct str json)
{
    value(w);
    sbuf_str(w->b, json);
}
