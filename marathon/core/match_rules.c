/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the matcher one by one: values, constraints, who may use a resource; and the notes that a match takes. */
#include <stdio.h>

#include "common/base/sbuf.h"
#include "marathon/core/match_volumes.h"
#include "marathon/core/regex.h"

static const char *const reason_names[REJECT_COUNT] = {
#define X(sym, text) text,
    REJECT_REASONS(X)
#undef X
};

const char *reject_name(enum reject_reason r)
{
    return r < REJECT_COUNT ? reason_names[r] : "";
}

struct str scalar_text(struct arena *a, int64_t milli)
{
    int64_t whole = milli / 1000, part = milli % 1000;
    const char *sign = milli < 0 ? "-" : "";

    whole = whole < 0 ? -whole : whole;
    part = part < 0 ? -part : part;
    if (part == 0)
        return arena_fmt(a, "%s%lld", sign, (long long)whole);
    if (part % 100 == 0)
        return arena_fmt(a, "%s%lld.%lld", sign, (long long)whole, (long long)(part / 100));
    if (part % 10 == 0)
        return arena_fmt(a, "%s%lld.%02lld", sign, (long long)whole, (long long)(part / 10));
    return arena_fmt(a, "%s%lld.%03lld", sign, (long long)whole, (long long)part);
}

struct str field_value(struct str field, struct str hostname, struct str region, struct str zone,
                       const struct attribute *attributes, size_t count)
{
    if (str_is(field, "hostname") || str_is(field, "@hostname"))
        return hostname;
    if (str_is(field, "@region"))
        return region;
    if (str_is(field, "@zone"))
        return zone;
    for (size_t i = 0; i < count; i++)
        if (str_eq(attributes[i].name, field))
            return attributes[i].text;
    return (struct str){ NULL, 0 };
}

void placed_add(struct placed *p, struct str value, struct arena *a)
{
    p->total++;
    if (value.p == NULL)
        return;
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->v[i].value, value)) {
            p->v[i].count++;
            return;
        }
    if (p->n == p->cap) {
        size_t cap = p->cap != 0 ? p->cap * 2 : 16;
        struct placed_value *v = arena_array(a, cap, sizeof *v);
        if (v == NULL)
            return; /* out of budget: the round ends early anyway */
        if (p->n != 0)
            memcpy(v, p->v, p->n * sizeof *v);
        p->v = v;
        p->cap = cap;
    }
    p->v[p->n++] = (struct placed_value){ value, 1 };
}

static int64_t count_of(const struct placed *p, struct str value)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->v[i].value, value))
            return p->v[i].count;
    return 0;
}

static int64_t number(struct str s)
{
    uint64_t n = 0;
    return str_u64(&s, INT32_MAX, &n) ? (int64_t)n : 0;
}

static bool group_by_admits(const struct constraint *c, const struct placed *p, struct str value,
                            int64_t instances)
{
    int64_t mine = count_of(p, value), groups = number(c->value), least = INT64_MAX, full = 0;

    if (groups > 0) {
        int64_t per = instances / groups, extra = instances % groups;
        if (mine == 0)
            return (int64_t)p->n < groups;
        for (size_t i = 0; i < p->n; i++)
            full += p->v[i].count > per;
        return mine < per || (mine == per && full < extra);
    }
    for (size_t i = 0; i < p->n; i++)
        least = p->v[i].count < least ? p->v[i].count : least;
    return mine == 0 || mine <= least;
}

/* "1.0" and "1" are the same number. */
static bool same_value(struct str a, struct str b)
{
    double x, y;
    struct str ra = a, rb = b;

    if (str_eq(a, b))
        return true;
    return str_double(&ra, &x) && ra.n == 0 && str_double(&rb, &y) && rb.n == 0 && !(x < y || x > y);
}

bool constraint_admits(const struct constraint *c, const struct placed *p, struct str value,
                       int64_t instances)
{
    enum constraint_op op = (enum constraint_op)c->op.v;

    if (value.p == NULL)
        return op == OP_UNLIKE;
    switch (op) {
    case OP_UNIQUE:
        return count_of(p, value) == 0;
    case OP_CLUSTER:
        if (c->value.n != 0)
            return str_eq(c->value, value);
        return p->total == 0 || p->n == 0 || count_of(p, value) == p->total;
    case OP_GROUP_BY:
        return group_by_admits(c, p, value, instances);
    case OP_LIKE:
        return regex_matches(c->value, value);
    case OP_UNLIKE:
        return !regex_matches(c->value, value);
    case OP_MAX_PER:
        return count_of(p, value) < number(c->value);
    case OP_IS:
        return same_value(c->value, value);
    case OP_EVERY: /* the instance is bound to its agent already */
        return true;
    case OP_UNKNOWN:
        return false;
    }
    return false;
}

/* --- resources ---------------------------------------------------------------------------------------- */
static bool role_accepted(const struct app *a, const struct marathon_config *cfg, struct str role)
{
    bool star = str_is(role, "*");

    if (a->accepted_roles.has) {
        LIST_EACH(a->accepted_roles, struct str, r)
        if (str_eq(*r, role))
            return true;
        return false;
    }
    switch (cfg->roles_default) {
    case ROLES_ANY:
        return star || str_eq(role, a->role);
    case ROLES_UNRESERVED:
        return star;
    case ROLES_RESERVED:
        return str_eq(role, a->role);
    }
    return false;
}

bool resource_is_ours(const struct offer_resource *r, struct str framework, struct str owner)
{
    return r->labelled && str_eq(r->owner_framework, framework) && str_eq(r->owner, owner);
}

bool match_usable(const struct app *a, const struct match_context *mc, const struct offer_resource *r)
{
    if (r->volume)
        return false;
    switch (mc->kind) {
    case MATCH_PLAIN:
        return !r->labelled && role_accepted(a, mc->config, r->role);
    case MATCH_RESERVE: /* only what nobody has reserved can be reserved */
        return !r->labelled && str_is(r->role, "*");
    case MATCH_RESERVED:
        return resource_is_ours(r, mc->framework, mc->owner);
    }
    return false;
}

void match_reject(struct match *m, enum reject_reason r, int64_t need, int64_t have)
{
    m->reasons |= 1u << r;
    if (m->reason != REJECT_NONE && m->reason <= r)
        return;
    m->reason = r;
    m->need_milli = need;
    m->have_milli = have;
}

bool match_pick(struct match *m, struct arena *arena, struct pick p, size_t *cap)
{
    if (m->pick_count == *cap) {
        size_t n = *cap != 0 ? *cap * 2 : 8;
        struct pick *v = arena_array(arena, n, sizeof *v);
        if (v == NULL)
            return false;
        if (m->pick_count != 0)
            memcpy(v, m->picks, m->pick_count * sizeof *v);
        m->picks = v;
        *cap = n;
    }
    m->picks[m->pick_count++] = p;
    return true;
}
