/* SPDX-License-Identifier: Apache-2.0 */
/* Label selectors: terms joined by commas, all of which must hold: `key`, `key==v`, `key!=v`, `key in (a,b)`,
 * `key notin (a,b)`. Other characters than letters, digits, '.', '-' and '_' are written with a backslash.
 * != and notin match only apps that have the label. Source: marathon-api §5. */
#include "marathon/api/int.h"

enum { TERMS_MAX = 64, VALUES_MAX = 256 };

enum op { OP_EXISTS, OP_EQUALS, OP_DIFFERS, OP_IN_SET, OP_NOT_IN_SET };

struct selector {
    struct term {
        struct str key;
        enum op op;
        struct str *values;
        size_t n;
    } terms[TERMS_MAX];
    size_t n;
};

static void blanks(struct str *s)
{
    while (s->n != 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = str_sub(*s, 1, s->n);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool word(struct str *s, struct arena *a, struct str *ret)
{
    char *out = arena_alloc_raw(a, s->n + 1);
    size_t n = 0;

    if (out == NULL)
        return false;
    while (s->n != 0) {
        if (s->p[0] == '\\' && s->n > 1) {
            out[n++] = s->p[1];
            *s = str_sub(*s, 2, s->n);
        } else if (is_plain(s->p[0])) {
            out[n++] = s->p[0];
            *s = str_sub(*s, 1, s->n);
        } else {
            break;
        }
    }
    *ret = str_mem(out, n);
    return n != 0;
}

static bool set(struct str *s, struct arena *a, struct term *t)
{
    blanks(s);
    if (!str_skip(s, STR("(")))
        return false;
    t->values = arena_array(a, VALUES_MAX, sizeof *t->values);
    do {
        blanks(s);
        if (t->values == NULL || t->n == VALUES_MAX || !word(s, a, &t->values[t->n++]))
            return false;
        blanks(s);
    } while (str_skip(s, STR(",")));
    return str_skip(s, STR(")"));
}

static bool term(struct str *s, struct arena *a, struct term *t)
{
    struct str keyword, rest;

    blanks(s);
    if (!word(s, a, &t->key))
        return false;
    blanks(s);
    if (str_skip(s, STR("==")) || str_skip(s, STR("!="))) {
        t->op = s->p[-2] == '=' ? OP_EQUALS : OP_DIFFERS;
        t->values = arena_array(a, 1, sizeof *t->values);
        t->n = 1;
        blanks(s);
        return t->values != NULL && word(s, a, t->values);
    }
    rest = *s;
    if (!word(&rest, a, &keyword))
        return true;
    if (!str_is(keyword, "in") && !str_is(keyword, "notin"))
        return false;
    t->op = str_is(keyword, "in") ? OP_IN_SET : OP_NOT_IN_SET;
    *s = rest;
    return set(s, a, t);
}

struct selector *selector_parse(struct str text, struct arena *a)
{
    struct selector *sel = arena_alloc(a, sizeof *sel);

    if (sel == NULL)
        return NULL;
    do {
        if (sel->n == TERMS_MAX || !term(&text, a, &sel->terms[sel->n++]))
            return NULL;
        blanks(&text);
    } while (str_skip(&text, STR(",")));
    return text.n == 0 ? sel : NULL;
}

static bool among(const struct term *t, struct str v)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->values[i], v))
            return true;
    return false;
}

bool selector_matches(const struct selector *s, const struct app *a)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct term *t = &s->terms[i];
        struct str v = app_label(a, t->key);
        bool in = v.p != NULL && among(t, v);
        if (v.p == NULL || ((t->op == OP_EQUALS || t->op == OP_IN_SET) && !in) ||
            ((t->op == OP_DIFFERS || t->op == OP_NOT_IN_SET) && in))
            return false;
    }
    return true;
}
