/* SPDX-License-Identifier: Apache-2.0 */
/* All rules are looked at, so that a person sees everything that is wrong; the first in the order of the
 * original is the reason that is counted. Nothing is taken before everything fits. */
#include "marathon/core/match.h"

#include <stdio.h>

#include "marathon/core/match_volumes.h"

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

/* Enough of it is offered, but of roles that the app does not take. */
static void tell_of_roles(const struct offer *o, const struct quantity *q, int64_t have, struct match *m)
{
    int64_t all = 0;

    for (size_t i = 0; i < o->resource_count; i++) {
        const struct offer_resource *r = &o->resources[i];
        if (r->kind == VALUE_KIND_SCALAR && str_is(r->name, q->name) && !r->volume && !r->labelled)
            all += r->milli;
    }
    if (all >= q->need)
        (void)snprintf(m->detail, sizeof m->detail,
                       "needs %.12g %s; of the %.12g that are offered, %.12g are of a role that it accepts (acceptedResourceRoles)",
                       (double)q->need / 1000, q->name, (double)all / 1000, (double)have / 1000);
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
    static const struct executor_resources none;
    const struct executor_resources *share = app_executor_share(a, mc->config->executor), *x = share != NULL ? share : &none;
    const struct quantity q[] = { { "cpus", REJECT_CPUS, milli_of(a->cpus.v) + milli_of(x->cpus.v) },
                                  { "mem", REJECT_MEM, milli_of(a->mem.v) + milli_of(x->mem.v) },
                                  { "disk", REJECT_DISK, milli_of(a->disk.v) + milli_of(x->disk.v) },
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
        if (have >= q[k].need)
            continue;
        match_reject(ret, q[k].reason, q[k].need, have);
        if (ret->reason == q[k].reason && mc->kind == MATCH_PLAIN)
            tell_of_roles(o, &q[k], have, ret);
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
