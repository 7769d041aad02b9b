/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of compiled patterns: constraints are matched against every offer, compiling each time would
 * dominate. The cache is a memo of a pure function, so that the same input still gives the same output. */
#include "marathon/core/regex.h"

#include <regex.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/sbuf.h"

enum { CACHE_SIZE = 64 };

static struct {
    char *pattern;
    size_t n;
    regex_t re;
    bool good;
} cache[CACHE_SIZE];
static unsigned cache_next;

static void put_class(struct sbuf *b, char c, bool inside)
{
    static const struct {
        char c;
        const char *set;
        bool negated;
    } classes[] = { { 'd', "0-9", false },      { 'D', "0-9", true },         { 's', "[:space:]", false },
                    { 'S', "[:space:]", true }, { 'w', "[:alnum:]_", false }, { 'W', "[:alnum:]_", true } };

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (classes[i].c == c) {
            if (inside)
                sbuf_c(b, classes[i].set);
            else
                sbuf_fmt(b, "[%s%s]", classes[i].negated ? "^" : "", classes[i].set);
            return;
        }
    if (inside) {
        sbuf_char(b, c);
    } else {
        sbuf_char(b, '\\');
        sbuf_char(b, c);
    }
}

static bool translate(struct str s, struct sbuf *b)
{
    bool inside = false;
    unsigned braces = 0;

    sbuf_c(b, "^(");
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\0')
            return false;
        if (c == '\\') {
            if (++i == s.n)
                return false;
            put_class(b, s.p[i], inside);
            continue;
        }
        if (c == '[' && !inside)
            inside = true;
        else if (c == ']' && inside)
            inside = false;
        if (c == '{' && !inside) {
            struct str rest = str_sub(s, i + 1, s.n);
            uint64_t n;
            if (++braces > 8 || (str_u64(&rest, UINT64_MAX, &n) && n > REGEX_REPEAT_MAX))
                return false;
            if (str_skip(&rest, STR(",")) && str_u64(&rest, UINT64_MAX, &n) && n > REGEX_REPEAT_MAX)
                return false;
        }
        if (c == '(' && !inside && i + 2 < s.n && s.p[i + 1] == '?' && s.p[i + 2] == ':') {
            sbuf_char(b, '(');
            i += 2;
            continue;
        }
        sbuf_char(b, c);
    }
    sbuf_c(b, ")$");
    return sbuf_ok(b);
}

static bool compile(struct str pattern, regex_t *re)
{
    struct sbuf b = SBUF_INIT(REGEX_BYTES_MAX * 16);
    bool ok = pattern.n <= REGEX_BYTES_MAX && translate(pattern, &b) &&
              regcomp(re, b.p, REG_EXTENDED | REG_NOSUB) == 0;

    sbuf_done(&b);
    return ok;
}

static unsigned lookup(struct str pattern)
{
    for (unsigned i = 0; i < CACHE_SIZE; i++)
        if (cache[i].pattern != NULL && cache[i].n == pattern.n &&
            memcmp(cache[i].pattern, pattern.p, pattern.n) == 0)
            return i;
    unsigned i = cache_next++ % CACHE_SIZE;
    if (cache[i].pattern != NULL) {
        if (cache[i].good)
            regfree(&cache[i].re);
        free(cache[i].pattern);
    }
    cache[i].pattern = xstrndup(pattern);
    cache[i].n = pattern.n;
    cache[i].good = compile(pattern, &cache[i].re);
    return i;
}

bool regex_is_valid(struct str pattern)
{
    return pattern.n <= REGEX_BYTES_MAX && cache[lookup(pattern)].good;
}

bool regex_matches(struct str pattern, struct str value)
{
    unsigned i;
    bool hit;

    if (pattern.n > REGEX_BYTES_MAX)
        return false;
    i = lookup(pattern);
    if (!cache[i].good)
        return false;
    char *v = xstrndup(value);
    hit = regexec(&cache[i].re, v, 0, NULL, 0) == 0;
    free(v);
    return hit;
}
