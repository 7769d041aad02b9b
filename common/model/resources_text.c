/* SPDX-License-Identifier: Apache-2.0 */
/* The text syntax of resources and attributes. The value decides the type: '[' ranges, '{' a set, a number a scalar, else text. */
#include "common/model/resources_text.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/model/resources.h"

enum { SHOWN_MAX = 60, VALUE_TEXT_SIZE_MAX = 1 << 20 }; /* bytes of one value */

/* What a message has room for. */
static struct str shown(struct str s)
{
    return str_sub(s, 0, s.n < SHOWN_MAX ? s.n : SHOWN_MAX);
}

static int ranges_text(struct str s, struct ranges **ret, struct error *err)
{
    struct str rest = s, part;
    struct range *v = NULL;
    size_t n = 0, cap = 0;
    bool more = s.n != 0;
    int rc = 0;

    while (more && rc == 0) {
        struct range x = { 0, 0 };

        more = str_cut(&rest, ',', &part);
        struct str p = part;
        if (!str_u64(&p, UINT64_MAX, &x.begin) || !str_skip(&p, STR("-")) || !str_u64(&p, UINT64_MAX, &x.end) || p.n != 0)
            rc = error_set(err, ERR_INVALID, "'%.*s' is no range; write begin-end with whole numbers", STR_ARG(part));
        else if (x.begin > x.end)
            rc = error_set(err, ERR_INVALID, "range '%.*s' ends before it begins", STR_ARG(shown(part)));
        else if (n >= RANGES_COUNT_MAX)
            rc = error_set(err, ERR_LIMIT, "more than %d ranges in one value", (int)RANGES_COUNT_MAX);
        if (rc == 0) {
            ARRAY_ROOM(v, n, cap);
            v[n++] = x;
        }
    }
    if (rc == 0)
        *ret = ranges_of(v, n);
    free(v);
    return rc;
}

static int set_text(struct str s, struct set **ret, struct error *err)
{
    struct str rest = s, part, *v = NULL;
    size_t n = 0, cap = 0;
    bool more = s.n != 0;
    int rc = 0;

    while (more && rc == 0) {
        more = str_cut(&rest, ',', &part);
        if (part.n == 0)
            continue;
        if (n >= SET_COUNT_MAX) {
            rc = error_set(err, ERR_LIMIT, "more than %d items in one set", (int)SET_COUNT_MAX);
            break;
        }
        ARRAY_ROOM(v, n, cap);
        v[n++] = part;
    }
    if (rc == 0)
        *ret = set_of(v, n);
    free(v);
    return rc;
}

static bool has_any(struct str s, const char *chars)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\0' && strchr(chars, s.p[i]) != NULL)
            return true;
    return false;
}

/* s has no spaces any more. */
static int value_text(struct str s, struct value_text *ret, struct error *err)
{
    char open = s.n > 0 ? s.p[0] : '\0', close = s.n > 1 ? s.p[s.n - 1] : '\0';
    struct str inner = str_sub(s, 1, s.n < 2 ? 0 : s.n - 2);

    if (open == '[' || open == '{') {
        if (close != (open == '[' ? ']' : '}') || has_any(inner, "[]{}"))
            return error_set(err, ERR_INVALID, "'%.*s' has brackets that do not match", STR_ARG(shown(s)));
        ret->type = open == '[' ? VALUE_RANGES : VALUE_SET;
        return open == '[' ? ranges_text(inner, &ret->ranges, err) : set_text(inner, &ret->set, err);
    }
    if (has_any(s, "[]{}"))
        return error_set(err, ERR_INVALID, "'%.*s' has a bracket that is not in front", STR_ARG(shown(s)));

    double d;
    struct str rest = s;
    if (str_double(&rest, &d) && rest.n == 0) {
        if (!milli_parse(s, &ret->milli))
            return error_set(err, ERR_INVALID, "'%.*s' is too large, too small or not finite", STR_ARG(shown(s)));
        ret->type = VALUE_SCALAR;
        return 0;
    }
    ret->type = VALUE_TEXT;
    ret->text = name_of(s);
    return 0;
}

int value_text_parse(struct str s, struct value_text *ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(VALUE_TEXT_SIZE_MAX);
    struct value_text v = { .type = VALUE_TEXT };

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ')
            sbuf_char(&b, s.p[i]);
    if (!sbuf_ok(&b))
        return error_set(err, ERR_LIMIT, "a value has %zu bytes; up to %d are taken", s.n, (int)VALUE_TEXT_SIZE_MAX);

    int rc = value_text(sbuf_view(&b), &v, err);
    if (rc == 0)
        *ret = v;
    return rc;
}

/* Splits "name(role)". */
static int name_text(struct str s, struct str *ret_name, struct str *ret_role, struct error *err)
{
    s = str_trim(s);

    size_t open = str_index(s, '(');
    if (open == s.n) {
        *ret_name = s;
        return s.n != 0 ? 0 : error_set(err, ERR_INVALID, "a resource without a name");
    }
    if (s.n == 0 || s.p[s.n - 1] != ')' || open == 0)
        return error_set(err, ERR_INVALID, "'%.*s' has parentheses that do not match; write name(role)", STR_ARG(s));
    *ret_name = str_trim(str_sub(s, 0, open));
    *ret_role = str_trim(str_sub(s, open + 1, s.n - open - 2));
    return 0;
}

static int resource_text(struct str part, struct str default_role, struct resource *ret, struct error *err)
{
    struct str value = part, head, name, role = default_role;
    struct value_text v;

    if (!str_cut(&value, ':', &head) || str_index(value, ':') != value.n)
        return error_set(err, ERR_INVALID, "'%.*s' must have exactly one ':' between name and value", STR_ARG(shown(part)));
    int rc = name_text(head, &name, &role, err);
    if (rc == 0)
        rc = value_text_parse(value, &v, err);
    if (rc != 0)
        return error_wrap(err, "resource '%.*s'", STR_ARG(shown(part)));
    if (v.type == VALUE_TEXT) {
        name_unref(v.text);
        return error_set(err, ERR_INVALID, "resource '%.*s': '%.*s' is neither a number, [ranges] nor a {set}", STR_ARG(name),
                         STR_ARG(shown(value)));
    }

    struct resource r = { .name = name_of(name), .type = (uint8_t)v.type, .copies = 1 };
    if (v.type == VALUE_SCALAR)
        r.milli = v.milli;
    else if (v.type == VALUE_RANGES)
        r.ranges = v.ranges;
    else
        r.set = v.set;
    if (!str_is(role, "*")) {
        r.reservations = reservations_new(1);
        r.reservations->v[0] = (struct reservation){ .type = RESERVATION_STATIC, .role = name_of(role) };
    }
    rc = resource_check(&r, err);
    if (rc != 0) {
        resource_done(&r);
        return rc;
    }
    *ret = r;
    return 0;
}

int resources_parse(struct str text, struct str default_role, struct resources *ret, struct error *err)
{
    struct resources all = RESOURCES_INIT;
    struct str rest = text, part;
    bool more = true;

    while (more) {
        struct resource r;

        more = str_cut(&rest, ';', &part);
        part = str_trim(part);
        if (part.n == 0)
            continue;
        int rc = all.n < RESOURCES_COUNT_MAX
                     ? resource_text(part, default_role, &r, err)
                     : error_set(err, ERR_LIMIT, "more than %d resources", (int)RESOURCES_COUNT_MAX);
        if (rc != 0) {
            resources_done(&all);
            return rc;
        }
        resources_add_take(&all, &r);
    }
    *ret = all;
    return 0;
}

struct resources resources_lit(const char *text)
{
    struct resources r;
    struct error err;

    ASSERT(resources_parse(str_of(text), STR("*"), &r, &err) == 0);
    return r;
}

void resources_print(struct sbuf *b, const struct resources *r)
{
    if (r->n == 0)
        sbuf_c(b, "{}");
    for (uint32_t i = 0; i < r->n; i++) {
        if (i > 0)
            sbuf_c(b, "; ");
        resource_print(b, &r->v[i]);
    }
}
