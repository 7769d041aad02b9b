/* SPDX-License-Identifier: Apache-2.0 */
/* All rules are looked at, so that a person sees everything that is wrong; the first in the order of the
 * original is the reason that is counted. Nothing is taken before everything fits. */
#include "marathon/core/match.h"

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

struct quantity {
    const char *name;
    enum reject_reason reason;
    int64_t need;
};

static int64_t milli_of(double v)
{
    return v > 9e15 ? INT64_MAX / 2 : (int64_t)(v * 1000 + (v < 0 ? -0.5 : 0.5));
}

static int64_t available(const struct app *a, const struct offer *o, const struct match_context *mc,
                         const char *name)
{
    int64_t have = 0;

    for (size_t i = 0; i < o->resource_count; i++) {
        const struct offer_resource *r = &o->resources[i];
        if (r->kind == VALUE_KIND_SCALAR && str_is(r->name, name) && match_usable(a, mc, r))
            have += r->milli;
    }
    return have;
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

/* --- ports -------------------------------------------------------------------------------------------- */
/* What port i of the app wants: a fixed host port, any (0), or none (-1). */
static int64_t wanted_port(const struct app *a, size_t i)
{
    if (app_is_host_mode(a)) {
        int64_t p = LIST_AT(a->port_definitions, struct port_definition, i)->port.v;
        return a->require_ports.v ? p : 0;
    }
    const struct port_mapping *m = LIST_AT(a->container->port_mappings, struct port_mapping, i);
    return m->host_port.has ? m->host_port.v : -1;
}

static bool port_taken(const struct match *m, uint32_t port)
{
    for (size_t i = 0; i < m->port_count; i++)
        if (m->ports[i] == port)
            return true;
    return false;
}

static bool port_offered(const struct app *a, const struct offer *o, const struct match_context *mc,
                         uint32_t port, size_t *ret_resource)
{
    for (size_t i = 0; i < o->resource_count; i++) {
        const struct offer_resource *r = &o->resources[i];
        if (r->kind != VALUE_KIND_RANGES || !str_is(r->name, "ports") || !match_usable(a, mc, r))
            continue;
        for (size_t k = 0; k < r->range_count; k++)
            if (port >= r->ranges[k].begin && port <= r->ranges[k].end) {
                *ret_resource = i;
                return true;
            }
    }
    return false;
}

static uint64_t ports_offered(const struct app *a, const struct offer *o, const struct match_context *mc)
{
    uint64_t n = 0;

    for (size_t i = 0; i < o->resource_count; i++) {
        const struct offer_resource *r = &o->resources[i];
        if (r->kind == VALUE_KIND_RANGES && str_is(r->name, "ports") && match_usable(a, mc, r))
            for (size_t k = 0; k < r->range_count; k++)
                n += r->ranges[k].end - r->ranges[k].begin + 1;
    }
    return n;
}

static uint32_t nth_port(const struct app *a, const struct offer *o, const struct match_context *mc,
                         uint64_t n)
{
    for (size_t i = 0; i < o->resource_count; i++) {
        const struct offer_resource *r = &o->resources[i];
        if (r->kind != VALUE_KIND_RANGES || !str_is(r->name, "ports") || !match_usable(a, mc, r))
            continue;
        for (size_t k = 0; k < r->range_count; k++) {
            uint64_t size = (uint64_t)r->ranges[k].end - r->ranges[k].begin + 1;
            if (n < size)
                return r->ranges[k].begin + (uint32_t)n;
            n -= size;
        }
    }
    return PORT_NONE;
}

/* Fixed ports first, so that a random one does not take them; then one random start and the next free ones
 * from it. */
static void choose_ports(const struct app *a, const struct offer *o, const struct match_context *mc,
                         struct match *m)
{
    size_t n = app_port_count(a), dummy, fixed = 0, random = 0;
    uint64_t total;

    m->ports = arena_array(mc->arena, n + 1, sizeof *m->ports);
    m->container_ports = arena_array(mc->arena, n + 1, sizeof *m->container_ports);
    if (m->ports == NULL || m->container_ports == NULL) {
        match_reject(m, REJECT_PORTS, (int64_t)n * 1000, 0);
        return;
    }
    m->port_count = n;
    for (size_t i = 0; i < n; i++) {
        int64_t want = wanted_port(a, i);
        random += want == 0;
        if (want <= 0)
            continue;
        fixed++;
        if (!port_offered(a, o, mc, (uint32_t)want, &dummy)) {
            match_reject(m, REJECT_PORTS, want * 1000, 0);
            if (m->reason == REJECT_PORTS)
                (void)snprintf(m->detail, sizeof m->detail, "host port %lld is not offered", (long long)want);
            return;
        }
        m->ports[i] = (uint32_t)want;
    }
    if (random == 0)
        return;
    total = ports_offered(a, o, mc);
    if (total < random + fixed) {
        match_reject(m, REJECT_PORTS, (int64_t)(random + fixed) * 1000, (int64_t)total * 1000);
        return;
    }
    uint64_t at = rng_below(mc->rng, total);
    for (size_t i = 0; i < n; i++) {
        if (wanted_port(a, i) != 0)
            continue;
        uint32_t port;
        do {
            port = nth_port(a, o, mc, at++ % total);
        } while (port_taken(m, port));
        m->ports[i] = port;
    }
}

static void choose_container_ports(const struct app *a, const struct match_context *mc, struct match *m)
{
    for (size_t i = 0; i < m->port_count; i++) {
        int64_t cp = app_is_host_mode(a)
                         ? 0
                         : LIST_AT(a->container->port_mappings, struct port_mapping, i)->container_port.v;
        if (cp == 0)
            cp =
                m->ports[i] != PORT_NONE ? m->ports[i] : 1025 + (int64_t)rng_below(mc->rng, 65535 - 1025 + 1);
        m->container_ports[i] = (uint32_t)cp;
    }
}

/* --- the rules ---------------------------------------------------------------------------------------- */
static bool mentions_region(const struct app *a)
{
    LIST_EACH(a->constraints, struct constraint, c)
    if (str_is(c->field, "@region") || str_is(c->field, "@zone"))
        return true;
    return false;
}

#define OTHERS " (and others)"

/* Whether it depends on where the other instances are. */
static bool constraint_counts(const struct constraint *c)
{
    switch ((enum constraint_op)c->op.v) {
    case OP_UNIQUE:
    case OP_GROUP_BY:
    case OP_MAX_PER:
        return true;
    case OP_CLUSTER:
        return c->value.n == 0;
    case OP_LIKE:
    case OP_UNLIKE:
    case OP_IS:
    case OP_EVERY:
    case OP_UNKNOWN:
        break;
    }
    return false;
}

/* placed NULL: without those that count. */
static void check_constraints(const struct app *a, const struct offer *o, const struct placed *placed,
                              struct match *m)
{
    size_t i = 0;

    if (o->region.p != NULL && o->home_region.p != NULL && !str_eq(o->region, o->home_region) &&
        !mentions_region(a)) {
        match_reject(m, REJECT_CONSTRAINT, 0, 0);
        (void)snprintf(m->detail, sizeof m->detail,
                       "agent is in region %.*s, and the app has no @region or @zone constraint",
                       STR_ARG(str_sub(o->region, 0, 60)));
    }
    LIST_EACH(a->constraints, struct constraint, c)
    {
        struct str v =
            field_value(c->field, o->hostname, o->region, o->zone, o->attributes, o->attribute_count);
        const struct placed *p = placed != NULL ? &placed[i++] : NULL;
        if (p == NULL && constraint_counts(c))
            continue;
        if (!constraint_admits(c, p, v, a->instances.v)) {
            bool first = (m->reasons & (1u << REJECT_CONSTRAINT)) == 0;
            match_reject(m, REJECT_CONSTRAINT, 0, 0);
            if (first)
                (void)snprintf(m->detail, sizeof m->detail, "constraint %.*s %s%s%.*s: the agent %s%.*s",
                               STR_ARG(str_sub(c->field, 0, 40)), constraint_op_names[c->op.v],
                               c->value.n != 0 ? " " : "", STR_ARG(str_sub(c->value, 0, 40)),
                               v.p != NULL ? "has " : "lacks the field", STR_ARG(str_sub(v, 0, 40)));
            else if (!str_ends(str_of(m->detail), STR(OTHERS)) && strlen(m->detail) + sizeof OTHERS < sizeof m->detail)
                memcpy(m->detail + strlen(m->detail), OTHERS, sizeof OTHERS);
        }
    }
}

static void check_maintenance(const struct offer *o, const struct match_context *mc, struct match *m)
{
    if (!mc->config->maintenance_mode || !o->unavailable_from.has)
        return;
    int64_t begin = o->unavailable_from.v.ms - mc->config->draining_ns / NS_PER_MS;
    if (mc->now.ms >= begin && (!o->unavailable_to.has || mc->now.ms < o->unavailable_to.v.ms)) {
        match_reject(m, REJECT_MAINTENANCE, 0, 0);
        (void)snprintf(m->detail, sizeof m->detail, "agent is in maintenance");
    }
}

static bool offers_gpus(const struct offer *o)
{
    for (size_t i = 0; i < o->resource_count; i++)
        if (str_is(o->resources[i].name, "gpus") && o->resources[i].milli > 0)
            return true;
    return false;
}

static void check_scarce(const struct app *a, const struct offer *o, const struct match_context *mc,
                         struct match *m)
{
    struct str label = app_label(a, STR("GPU_SCHEDULING_BEHAVIOR"));
    bool restricted = label.p != NULL ? str_eq_nocase(label, STR("restricted")) : mc->config->gpu_restricted;

    if (a->gpus.v == 0 && restricted && offers_gpus(o)) {
        match_reject(m, REJECT_SCARCE, 0, 0);
        if (m->reason == REJECT_SCARCE)
            (void)snprintf(m->detail, sizeof m->detail, "agent has GPUs and the app asks for none");
    }
}

/* --- taking ------------------------------------------------------------------------------------------- */
static bool take_scalar(const struct app *a, struct offer *o, const struct match_context *mc,
                        const struct quantity *q, struct match *m, size_t *cap)
{
    int64_t need = q->need;

    for (size_t i = 0; i < o->resource_count && need > 0; i++) {
        struct offer_resource *r = &o->resources[i];
        if (r->kind != VALUE_KIND_SCALAR || !str_is(r->name, q->name) || r->milli <= 0 ||
            !match_usable(a, mc, r))
            continue;
        int64_t take = r->milli < need ? r->milli : need;
        if (!match_pick(m, mc->arena, (struct pick){ .resource = i, .milli = take }, cap))
            return false;
        r->milli -= take;
        need -= take;
    }
    return need <= 0;
}

static bool cut_port(struct offer_resource *r, uint32_t port, struct arena *arena)
{
    for (size_t k = 0; k < r->range_count; k++) {
        struct port_range *g = &r->ranges[k];
        if (port < g->begin || port > g->end)
            continue;
        if (g->begin == g->end) {
            memmove(g, g + 1, (r->range_count - k - 1) * sizeof *g);
            r->range_count--;
        } else if (port == g->begin) {
            g->begin++;
        } else if (port == g->end) {
            g->end--;
        } else {
            if (r->range_count >= r->range_cap) {
                size_t n = r->range_count * 2 + 8;
                struct port_range *v = arena_array(arena, n, sizeof *v);
                if (v == NULL)
                    return false;
                memcpy(v, r->ranges, r->range_count * sizeof *v);
                r->ranges = v;
                r->range_cap = n;
                g = &r->ranges[k];
            }
            memmove(g + 2, g + 1, (r->range_count - k - 1) * sizeof *g);
            g[1] = (struct port_range){ port + 1, g->end };
            g->end = port - 1;
            r->range_count++;
        }
        return true;
    }
    return false;
}

static bool take_ports(const struct app *a, struct offer *o, const struct match_context *mc, struct match *m,
                       size_t *cap)
{
    for (size_t i = 0; i < m->port_count; i++) {
        size_t res;
        if (m->ports[i] == PORT_NONE)
            continue;
        struct port_range *one = arena_array(mc->arena, 1, sizeof *one);
        if (one == NULL || !port_offered(a, o, mc, m->ports[i], &res) ||
            !cut_port(&o->resources[res], m->ports[i], mc->arena))
            return false;
        *one = (struct port_range){ m->ports[i], m->ports[i] };
        if (!match_pick(m, mc->arena, (struct pick){ .resource = res, .ranges = one, .range_count = 1 }, cap))
            return false;
    }
    return true;
}

bool match_agent(const struct app *a, const struct offer *o, struct match *ret)
{
    *ret = (struct match){ .reason = REJECT_NONE };
    check_constraints(a, o, NULL, ret);
    return ret->reason == REJECT_NONE;
}

void match_try(const struct app *a, struct offer *o, const struct match_context *mc, struct match *ret)
{
    const struct quantity q[] = { { "cpus", REJECT_CPUS, milli_of(a->cpus.v) },
                                  { "mem", REJECT_MEM, milli_of(a->mem.v) },
                                  { "disk", REJECT_DISK, milli_of(a->disk.v) },
                                  { "gpus", REJECT_GPUS, a->gpus.v * 1000 } };
    size_t cap = 0, i = 0;

    *ret = (struct match){ .reason = REJECT_NONE };
    if (!str_eq(o->role, a->role)) {
        match_reject(ret, REJECT_ROLE, 0, 0);
        (void)snprintf(ret->detail, sizeof ret->detail, "offered to role %.*s, the app has role %.*s",
                       STR_ARG(str_sub(o->role, 0, 50)), STR_ARG(str_sub(a->role, 0, 50)));
        return;
    }
    if (mc->kind != MATCH_RESERVED)
        check_constraints(a, o, mc->placed, ret);
    check_maintenance(o, mc, ret);
    if (mc->kind != MATCH_PLAIN)
        volumes_check(a, o, mc, ret);
    for (size_t k = 0; k < sizeof q / sizeof q[0]; k++) {
        int64_t have = q[k].need > 0 ? available(a, o, mc, q[k].name) : 0;
        if (have < q[k].need)
            match_reject(ret, q[k].reason, q[k].need, have);
    }
    /* A sole reason is what is advised to be changed: then ports must not be one more. */
    if ((ret->reasons & (ret->reasons - 1)) == 0)
        choose_ports(a, o, mc, ret);
    check_scarce(a, o, mc, ret);
    if (ret->reason != REJECT_NONE)
        return;
    if (mc->kind != MATCH_PLAIN && !volumes_take(a, o, mc, ret, &cap))
        match_reject(ret, REJECT_DISK, 0, 0);
    for (size_t k = 0; k < sizeof q / sizeof q[0]; k++)
        if (!take_scalar(a, o, mc, &q[k], ret, &cap))
            match_reject(ret, q[k].reason, q[k].need,
                   0); /* the arena is spent: a rest of the offer is lost, never double used */
    if (!take_ports(a, o, mc, ret, &cap))
        match_reject(ret, REJECT_PORTS, 0, 0);
    choose_container_ports(a, mc, ret);
    if (mc->kind == MATCH_RESERVED)
        return; /* counted where it was reserved */
    LIST_EACH(a->constraints, struct constraint, c)
    placed_add(&mc->placed[i++],
               field_value(c->field, o->hostname, o->region, o->zone, o->attributes, o->attribute_count),
               mc->arena);
}
