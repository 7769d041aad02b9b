/* SPDX-License-Identifier: Apache-2.0 */
/* The strict front of cJSON. A scan of the text refuses what cJSON would let pass (bad UTF-8, NULs, sloppy
 * numbers, control characters, trailing text), bounds depth and count before a node is allocated, and can put
 * quotes around integers that a double cannot hold, so that they arrive as text. */
#include "common/wire/json_text.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "common/wire/json.h"

enum { EXACT_DIGITS = 15 }; /* integers of so many digits are exact in a double */

struct scan {
    struct str in;
    size_t i;
    struct sbuf *out; /* copy with long integers quoted; NULL: no copy */
    size_t copied;    /* bytes of in that are in out */
    size_t values;
    unsigned depth_max;
    struct error *err;
};

static int bad(struct scan *s, const char *what)
{
    size_t line = 1, column = 1;

    for (size_t k = 0; k < s->i && k < s->in.n; k++) {
        column = s->in.p[k] == '\n' ? 1 : column + 1;
        line += s->in.p[k] == '\n';
    }
    return error_set(s->err, ERR_INVALID, "JSON, line %zu column %zu: %s", line, column, what);
}

static int peek(const struct scan *s)
{
    return s->i < s->in.n ? (unsigned char)s->in.p[s->i] : -1;
}

static void skip_blanks(struct scan *s)
{
    while (s->i < s->in.n &&
           (s->in.p[s->i] == ' ' || s->in.p[s->i] == '\n' || s->in.p[s->i] == '\t' || s->in.p[s->i] == '\r'))
        s->i++;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int scan_escape(struct scan *s)
{
    bool zero = true;
    int c;

    s->i++;
    c = peek(s);
    if (c != 'u') {
        if (c < 0 || strchr("\"\\/bfnrt", c) == NULL || c == 0)
            return bad(s, "an escape that JSON does not have");
        s->i++;
        return 0;
    }
    s->i++;
    for (int k = 0; k < 4; k++, s->i++) {
        if (!is_hex(peek(s)))
            return bad(s, "\\u wants four hexadecimal digits");
        zero = zero && peek(s) == '0';
    }
    return zero ? bad(s, "\\u0000 is not allowed in text") : 0;
}

static int scan_string(struct scan *s)
{
    for (s->i++;;) {
        int c = peek(s), rc;

        if (c < 0)
            return bad(s, "a string does not end");
        if (c < 0x20)
            return bad(s, "a control character in a string; write it as an escape");
        if (c == '"') {
            s->i++;
            return 0;
        }
        if (c != '\\') {
            s->i++;
            continue;
        }
        rc = scan_escape(s);
        if (rc != 0)
            return rc;
    }
}

static size_t scan_digits(struct scan *s)
{
    size_t from = s->i;

    while (is_digit(peek(s)))
        s->i++;
    return s->i - from;
}

static void quote(struct scan *s, size_t from)
{
    sbuf_str(s->out, str_sub(s->in, s->copied, from - s->copied));
    sbuf_char(s->out, '"');
    sbuf_str(s->out, str_sub(s->in, from, s->i - from));
    sbuf_char(s->out, '"');
    s->copied = s->i;
}

static int scan_number(struct scan *s)
{
    size_t from = s->i, digits;
    bool integer = true;

    if (peek(s) == '-')
        s->i++;
    if (peek(s) == '0' && s->i + 1 < s->in.n && is_digit((unsigned char)s->in.p[s->i + 1]))
        return bad(s, "a number must not begin with 0");
    digits = scan_digits(s);
    if (digits == 0)
        return bad(s, "a number has no digits");
    if (peek(s) == '.') {
        integer = false;
        s->i++;
        if (scan_digits(s) == 0)
            return bad(s, "digits must follow the point of a number");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        integer = false;
        s->i++;
        if (peek(s) == '+' || peek(s) == '-')
            s->i++;
        if (scan_digits(s) == 0)
            return bad(s, "digits must follow the exponent of a number");
    }
    if (integer && digits > EXACT_DIGITS && s->out != NULL)
        quote(s, from);
    return 0;
}

static int scan_word(struct scan *s)
{
    static const struct str words[] = { STR_INIT("true"), STR_INIT("false"), STR_INIT("null") };

    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        if (str_starts(str_sub(s->in, s->i, s->in.n), words[k])) {
            s->i += words[k].n;
            return 0;
        }
    }
    return bad(s, s->i < s->in.n ? "no value begins like this" : "the text ends where a value is due");
}

static int scan_scalar(struct scan *s)
{
    int c = peek(s);

    if (c == '"')
        return scan_string(s);
    if (c == '-' || is_digit(c))
        return scan_number(s);
    return scan_word(s);
}

/* A key and its colon. */
static int scan_key(struct scan *s)
{
    int rc;

    skip_blanks(s);
    if (peek(s) != '"')
        return bad(s, "a name in quotes is due");
    rc = scan_string(s);
    if (rc != 0)
        return rc;
    skip_blanks(s);
    if (peek(s) != ':')
        return bad(s, "a colon is due behind the name");
    s->i++;
    return 0;
}

/* Takes what follows a complete value: closes levels, or moves to the next value. 1 when the whole text is
 * done. */
static int scan_after(struct scan *s, char *stack, unsigned *depth)
{
    for (;;) {
        int c;

        if (*depth == 0)
            return 1;
        skip_blanks(s);
        c = peek(s);
        if (c == ',') {
            s->i++;
            return stack[*depth - 1] == '{' ? scan_key(s) : 0;
        }
        if (c != (stack[*depth - 1] == '{' ? '}' : ']'))
            return bad(s, stack[*depth - 1] == '{' ? "a comma or } is due" : "a comma or ] is due");
        s->i++;
        (*depth)--;
    }
}

/* Enters an object or array; *ret_empty when it closes at once. */
static int scan_enter(struct scan *s, char *stack, unsigned *depth, bool *ret_empty)
{
    char open = s->in.p[s->i];

    if (*depth == s->depth_max)
        return error_set(s->err, ERR_LIMIT, "JSON: nested deeper than %u levels", s->depth_max);
    stack[(*depth)++] = open;
    s->i++;
    skip_blanks(s);
    *ret_empty = peek(s) == (open == '{' ? '}' : ']');
    return *ret_empty || open == '[' ? 0 : scan_key(s);
}

static int scan_text(struct scan *s)
{
    char stack[JSON_DEPTH_DEEP];
    unsigned depth = 0;
    int rc = 0;

    while (rc == 0) {
        bool empty = true;
        int c;

        if (++s->values > JSON_VALUES_MAX)
            return error_set(s->err, ERR_LIMIT, "JSON: more than %d values", JSON_VALUES_MAX);
        skip_blanks(s);
        c = peek(s);
        rc = c == '{' || c == '[' ? scan_enter(s, stack, &depth, &empty) : scan_scalar(s);
        if (rc == 0 && empty)
            rc = scan_after(s, stack, &depth);
    }
    if (rc < 0)
        return rc;
    skip_blanks(s);
    return s->i < s->in.n ? bad(s, "something follows the value") : 0;
}

int json_parse_text(struct str text, unsigned depth_max, bool quote_long_integers, struct cJSON **ret_tree,
                    struct error *err)
{
    struct sbuf copy = SBUF_INIT(SIZE_MAX / 2);
    struct scan s = { .in = text, .out = quote_long_integers ? &copy : NULL, .depth_max = depth_max, .err = err };
    cJSON *tree;
    int rc;

    if (!str_is_utf8(text))
        return error_set(err, ERR_INVALID, "JSON: the text is not valid UTF-8 without NUL bytes");
    rc = scan_text(&s);
    if (rc == 0)
        sbuf_str(&copy, str_sub(text, s.copied, text.n));
    if (rc != 0 || !sbuf_ok(&copy)) {
        sbuf_done(&copy);
        return rc != 0 ? rc : error_set(err, ERR_NOMEM, "JSON: out of memory for %zu bytes", text.n);
    }
    tree = cJSON_ParseWithLengthOpts(copy.p, copy.n + 1, NULL, 1);
    sbuf_done(&copy);
    if (tree == NULL) /* what the scan lets pass cJSON refuses only for surrogate escapes without partner */
        return error_set(err, ERR_INVALID, "JSON: an escape of half a character, or out of memory");
    *ret_tree = tree;
    return 0;
}

int json_parse(struct str text, struct cJSON **ret_tree, struct error *err)
{
    return json_parse_text(text, JSON_DEPTH_MAX, false, ret_tree, err);
}

int json_parse_deep(struct str text, struct cJSON **ret_tree, struct error *err)
{
    return json_parse_text(text, JSON_DEPTH_DEEP, false, ret_tree, err);
}

/* "JSON, line 1 column 9: ..." as "syntax error at line 1 near: <rest of that line>". */
int json_syntax_near(struct str body, struct error *err)
{
    struct str rest = str_of(err->msg);
    uint64_t line = 1, column = 1;

    if (!str_skip(&rest, STR("JSON, line ")) || !str_u64(&rest, UINT64_MAX, &line) || !str_skip(&rest, STR(" column ")) ||
        !str_u64(&rest, UINT64_MAX, &column))
        return -(int)err->code;
    for (uint64_t i = 1; i < line; i++) {
        size_t at = str_index(body, '\n');
        body = str_sub(body, at + 1, body.n);
    }
    body = str_sub(body, 0, str_index(body, '\n'));
    body = str_sub(body, (size_t)column - 1, 60);
    if (!str_is_utf8(body))
        body.n = 0;
    return error_set(err, ERR_INVALID, "syntax error at line %llu near: %.*s", (unsigned long long)line, STR_ARG(body));
}

void json_free(struct cJSON *tree)
{
    cJSON_Delete(tree);
}
