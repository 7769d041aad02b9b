/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the source: translate and estimate the size at once. The estimate counts atoms; a group counts as its
 * content, and {n,m} multiplies what stands before it. */
#include "common/model/pattern.h"

#include <regex.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/sbuf.h"

/* Any character is some dozen states of RE2, which works on bytes: counted so that nothing is refused that it would take. */
enum { ANY_STATES = 8, REPEAT_MAX = 1000 };

struct pattern {
    regex_t re;
    uint64_t size;
};

struct scan {
    struct str rest;
    struct sbuf out;
    uint64_t size[PATTERN_DEPTH_MAX + 1]; /* of each open group so far */
    uint64_t last;                        /* of the last atom */
    unsigned depth;
    const char *why; /* set when refused */
};

static void refuse(struct scan *s, const char *why)
{
    if (s->why == NULL)
        s->why = why;
}

static char take(struct scan *s) /* '\0' at the end: patterns hold none */
{
    if (s->rest.n == 0)
        return '\0';
    char c = s->rest.p[0];
    s->rest = str_sub(s->rest, 1, s->rest.n - 1);
    return c;
}

static void atom(struct scan *s, uint64_t size)
{
    s->last = size;
    s->size[s->depth] += size;
    if (s->size[s->depth] > PATTERN_PROGRAM_MAX)
        refuse(s, "pattern too large - compile failed");
}

/* The inside of a bracket expression for a class escape; NULL when c is none. Only for the lower-case ones. */
static const char *class_of(char c)
{
    return c == 'd' ? "0-9" : c == 'w' ? "0-9A-Za-z_" : c == 's' ? " \t\n\f\r" : NULL;
}

static char control_of(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'f' ? '\f' : '\0';
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void literal(struct scan *s, char c)
{
    if (strchr("\\^$.[]|()*+?{}", c) != NULL)
        sbuf_char(&s->out, '\\');
    sbuf_char(&s->out, c);
    atom(s, 1);
}

static void escape(struct scan *s)
{
    char c = take(s), low = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);

    if (c == '\0') {
        refuse(s, "trailing \\");
    } else if (class_of(low) != NULL) {
        sbuf_c(&s->out, low == c ? "[" : "[^");
        sbuf_c(&s->out, class_of(low));
        sbuf_char(&s->out, ']');
        atom(s, 1);
    } else if (c == 'A') {
        sbuf_char(&s->out, '^');
    } else if (c == 'z') {
        sbuf_char(&s->out, '$');
    } else if (c == 'b' || c == 'B') {
        sbuf_char(&s->out, '\\');
        sbuf_char(&s->out, c);
    } else if (control_of(c) != '\0') {
        literal(s, control_of(c));
    } else if (is_alnum(c) || (unsigned char)c >= 0x80) {
        refuse(s, "invalid escape sequence");
    } else {
        literal(s, c);
    }
}

/* One character of a bracket expression, escapes resolved; false when it was a class, which is put out at once. */
static bool bracket_char(struct scan *s, char *ret)
{
    char c = take(s);

    if (c != '\\') {
        *ret = c;
        return true;
    }
    c = take(s);
    if (class_of(c) != NULL) {
        sbuf_c(&s->out, class_of(c));
        return false;
    }
    if (control_of(c) != '\0')
        c = control_of(c);
    else if (c == '\0' || is_alnum(c))
        refuse(s, "invalid escape sequence");
    *ret = c;
    return true;
}

/* POSIX knows no escapes in brackets: ']' must come first and '-' last, so both are kept back. */
static void bracket(struct scan *s)
{
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(4 * PATTERN_SIZE_MAX);
    bool negated = str_skip(&s->rest, STR("^")), close = false, dash = false, caret = false, first = true;
    struct sbuf out = s->out;

    s->out = body; /* what bracket_char puts out goes to the body */
    for (;; first = false) {
        struct str posix = s->rest;
        char c, to;

        if (s->rest.n == 0) {
            refuse(s, "missing ]");
            break;
        }
        if (s->rest.p[0] == ']' && !first) {
            (void)take(s);
            break;
        }
        if (str_starts(posix, STR("[:"))) { /* [:alpha:] is the same in both */
            size_t end = str_index(posix, ']');
            sbuf_str(&s->out, str_sub(posix, 0, end + 1));
            s->rest = str_sub(posix, end + 1, posix.n);
            continue;
        }
        if (!bracket_char(s, &c))
            continue;
        if (s->rest.n >= 2 && s->rest.p[0] == '-' && s->rest.p[1] != ']') {
            (void)take(s);
            if (!bracket_char(s, &to) || (unsigned char)to < (unsigned char)c)
                refuse(s, "invalid character class range");
            sbuf_fmt(&s->out, "%c-%c", c, to);
        } else if (c == ']') {
            close = true;
        } else if (c == '-') {
            dash = true;
        } else if (c == '^') {
            caret = true;
        } else {
            sbuf_char(&s->out, c);
        }
    }
    body = s->out;
    s->out = out;
    if (caret && !negated && !close && body.n == 0 && !dash) { /* [^] alone: a literal */
        literal(s, '^');
        return;
    }
    sbuf_c(&s->out, negated ? "[^" : "[");
    if (close)
        sbuf_char(&s->out, ']');
    sbuf_str(&s->out, sbuf_view(&body));
    if (caret)
        sbuf_char(&s->out, '^');
    if (dash)
        sbuf_char(&s->out, '-');
    sbuf_char(&s->out, ']');
    atom(s, 1);
}

static void group_open(struct scan *s)
{
    if (s->depth == PATTERN_DEPTH_MAX) {
        refuse(s, "groups too deep");
        return;
    }
    if (str_starts(s->rest, STR("?")) && !str_skip(&s->rest, STR("?:")))
        refuse(s, "invalid or unsupported Perl syntax");
    s->size[++s->depth] = 1;
    sbuf_char(&s->out, '(');
    s->last = 0;
}

static void group_close(struct scan *s)
{
    if (s->depth == 0) {
        refuse(s, "unexpected )");
        return;
    }
    uint64_t size = s->size[s->depth--];
    sbuf_char(&s->out, ')');
    atom(s, size);
}

static void repeat(struct scan *s)
{
    struct str r = s->rest;
    uint64_t min = 0, max = 0;

    bool is_repetition = str_u64(&r, UINT64_MAX, &min);
    max = min;
    if (is_repetition && str_skip(&r, STR(",")) && !str_u64(&r, UINT64_MAX, &max))
        max = min + 1;
    if (!is_repetition || !str_skip(&r, STR("}"))) { /* RE2 takes a brace that is no repetition literally */
        literal(s, '{');
        return;
    }
    if (max < min || min > REPEAT_MAX || max > REPEAT_MAX + 1) {
        refuse(s, "invalid repetition size");
        return;
    }
    if (s->last == 0) {
        refuse(s, "no argument for repetition operator");
        return;
    }
    sbuf_char(&s->out, '{');
    sbuf_str(&s->out, str_sub(s->rest, 0, s->rest.n - r.n));
    s->rest = r;
    if (max > 1)
        atom(s, s->last * (max - 1));
    s->last = 0;
    (void)str_skip(&s->rest, STR("?"));
}

static void translate(struct scan *s)
{
    while (s->rest.n != 0 && s->why == NULL) {
        char c = take(s);

        if (c == '\\') {
            escape(s);
        } else if (c == '[') {
            bracket(s);
        } else if (c == '(') {
            group_open(s);
        } else if (c == ')') {
            group_close(s);
        } else if (c == '{') {
            repeat(s);
        } else if (c == '*' || c == '+' || c == '?') {
            if (s->last == 0)
                refuse(s, "no argument for repetition operator");
            sbuf_char(&s->out, c);
            s->last = 0;
            (void)str_skip(&s->rest, STR("?"));
        } else if (c == '|' || c == '^' || c == '$') {
            sbuf_char(&s->out, c);
            s->last = 0;
        } else if (c == '}' || c == ']') {
            literal(s, c);
        } else {
            sbuf_char(&s->out, c);
            atom(s, c == '.' ? ANY_STATES : 1);
        }
    }
    if (s->depth > 0)
        refuse(s, "missing )");
}

int pattern_new(struct str source, struct pattern **ret, struct error *err)
{
    struct scan s = { .rest = source, .out = SBUF_INIT(16 * PATTERN_SIZE_MAX) };
    struct str shown = str_sub(source, 0, 60);

    if (source.n > PATTERN_SIZE_MAX)
        return error_set(err, ERR_LIMIT, "Failed to construct regex from pattern '%.*s...': %zu bytes, up to %d are taken",
                         STR_ARG(shown), source.n, (int)PATTERN_SIZE_MAX);
    if (source.n != 0 && memchr(source.p, '\0', source.n) != NULL)
        return error_set(err, ERR_INVALID, "Failed to construct regex: the pattern has a NUL byte");

    sbuf_c(&s.out, "^(");
    translate(&s);
    sbuf_c(&s.out, ")$");

    struct pattern *p = xcalloc(1, sizeof *p);
    char text[80] = "";
    if (s.why == NULL && sbuf_ok(&s.out)) {
        int code = regcomp(&p->re, s.out.p, REG_EXTENDED | REG_NOSUB);
        if (code == 0) {
            sbuf_done(&s.out);
            p->size = s.size[0];
            *ret = p;
            return 0;
        }
        (void)regerror(code, &p->re, text, sizeof text);
        s.why = text;
    }
    sbuf_done(&s.out);
    free(p);
    return error_set(err, ERR_INVALID, "Failed to construct regex from pattern '%.*s': %s: %.*s", STR_ARG(shown),
                     s.why != NULL ? s.why : "too long", STR_ARG(shown));
}

void pattern_free(struct pattern *p)
{
    if (p == NULL)
        return;
    regfree(&p->re);
    free(p);
}

uint64_t pattern_size(const struct pattern *p)
{
    return p->size;
}

bool pattern_matches(const struct pattern *p, struct str text)
{
    regmatch_t m = { 0, (regoff_t)text.n };

    return regexec(&p->re, text.n != 0 ? text.p : "", 1, &m, REG_STARTEND) == 0;
}
