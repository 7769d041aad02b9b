/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/pod.h"

#include <math.h>

#include "marathon/core/normalise.h"
#include "marathon/core/pathid.h"

bool pod_is_host_mode(const struct pod *p)
{
    return p->networks.n == 0 || LIST_AT(p->networks, struct network, 0)->mode.v == NET_HOST;
}

size_t pod_container_count(const struct app *a)
{
    return a->pod != NULL ? a->pod->containers.n : 0;
}

const struct pod_container *pod_container(const struct app *a, size_t i)
{
    return LIST_AT(a->pod->containers, struct pod_container, i);
}

size_t pod_port_index(const struct pod *p, size_t container, size_t endpoint)
{
    bool host = pod_is_host_mode(p);
    size_t index = 0, k = 0;

    LIST_EACH(p->containers, struct pod_container, c)
    {
        size_t i = 0;
        LIST_EACH(c->endpoints, struct pod_endpoint, e)
        {
            bool counted = !host || e->host_port.has;
            if (k == container && i == endpoint)
                return counted ? index : SIZE_MAX;
            index += counted;
            i++;
        }
        k++;
    }
    return SIZE_MAX;
}

struct str pod_task_id(struct arena *a, struct str instance, const struct pod_container *k,
                       unsigned incarnation)
{
    return arena_fmt(a, "%.*s.%.*s.%u", STR_ARG(instance), STR_ARG(k->name), incarnation);
}

/* --- filling ---------------------------------------------------------------------------------------------
 */
/* Sub-objects that replies always contain. */
static bool fill_objects(struct pod *p, struct arena *arena)
{
#define MAKE(ptr)                                                                 \
    do {                                                                          \
        if ((ptr) == NULL && ((ptr) = arena_alloc(arena, sizeof *(ptr))) == NULL) \
            return false;                                                         \
    } while (0)
    MAKE(p->scaling);
    p->scaling->kind = (struct opt_i64){ true, POD_SCALING_FIXED };
    MAKE(p->scheduling);
    MAKE(p->scheduling->backoff);
    MAKE(p->scheduling->upgrade);
    MAKE(p->scheduling->placement);
    MAKE(p->scheduling->unreachable);
    MAKE(p->executor_resources);
#undef MAKE
    return true;
}

static bool pod_is_resident(const struct pod *p)
{
    LIST_EACH(p->volumes, struct pod_volume, v)
    if (v->persistent != NULL)
        return true;
    return false;
}

static void fill_resident(struct pod *p)
{
    struct pod_upgrade *u = p->scheduling->upgrade;
    struct unreachable_strategy *un = p->scheduling->unreachable;

    if (!u->health_capacity.has)
        u->health_capacity = (struct opt_f64){ true, 0.5 };
    if (!u->over_capacity.has)
        u->over_capacity = (struct opt_f64){ true, 0 };
    if (!un->disabled.has && !un->inactive_s.has && !un->expunge_s.has)
        un->disabled = (struct opt_bool){ true, true };
    LIST_EACH(p->volumes, struct pod_volume, v)
    if (v->persistent != NULL && v->persistent->profile.p != NULL)
        v->persistent->type = (struct opt_i64){ true, VOLUME_MOUNT };
}

bool pod_fill(struct pod *p, const struct marathon_config *c, struct arena *arena)
{
    struct str default_network = c->default_network;

    if (!fill_objects(p, arena))
        return false;
    if (pod_is_resident(p))
        fill_resident(p);
    schema_defaults(&schema_pod, p);
    p->id = path_resolve(arena, STR("/"), p->id);
    LIST_EACH(p->networks, struct network, n)
    if (n->mode.v == NET_CONTAINER && n->name.p == NULL)
        n->name = default_network;
    LIST_EACH(p->containers, struct pod_container, k)
    LIST_EACH(k->endpoints, struct pod_endpoint, e)
    if (e->protocol.n == 0) {
        struct str *tcp = arena_alloc(arena, sizeof *tcp);
        if (tcp == NULL)
            return false;
        *tcp = STR("tcp");
        e->protocol = (struct list){ true, 1, tcp };
    }
    struct list *roles = &p->scheduling->placement->accepted_roles;
    roles->has = roles->n != 0; /* an empty list is the default here, not a mistake as in apps */
    if (p->role.p == NULL)
        p->role = c->role;
    return p->id.p != NULL;
}

/* --- the app that stands for it --------------------------------------------------------------------------
 */
static void sum_resources(struct app *a, const struct pod *p)
{
    double cpus = p->executor_resources->cpus.v, mem = p->executor_resources->mem.v,
           disk = p->executor_resources->disk.v;
    int64_t gpus = 0;

    LIST_EACH(p->containers, struct pod_container, k)
    {
        cpus += k->resources->cpus.v;
        mem += k->resources->mem.v;
        disk += k->resources->disk.v;
        gpus += k->resources->gpus.v;
    }
    a->cpus = (struct opt_f64){ true, cpus };
    a->mem = (struct opt_f64){ true, mem };
    a->disk = (struct opt_f64){ true, disk };
    a->gpus = (struct opt_i64){ true, gpus };
}

static int64_t protocol_of(const struct pod_endpoint *e)
{
    bool tcp = false, udp = false;

    LIST_EACH(e->protocol, struct str, s)
    {
        tcp = tcp || str_is(*s, "tcp");
        udp = udp || str_is(*s, "udp");
    }
    return tcp && udp ? PROTO_BOTH : udp ? PROTO_UDP : PROTO_TCP;
}

static bool derive_ports(struct app *a, const struct pod *p, struct arena *arena)
{
    bool host = pod_is_host_mode(p);
    struct list *to = &a->port_definitions;
    size_t n = 1;

    LIST_EACH(p->containers, struct pod_container, k)
    n += k->endpoints.n;
    if (!host) {
        a->container = arena_alloc(arena, sizeof *a->container);
        if (a->container == NULL)
            return false;
        a->container->type = (struct opt_i64){ true, ENGINE_MESOS };
        to = &a->container->port_mappings;
    }
    to->has = true;
    to->p = arena_array(arena, n, host ? sizeof(struct port_definition) : sizeof(struct port_mapping));
    if (to->p == NULL)
        return false;
    LIST_EACH(p->containers, struct pod_container, k)
    LIST_EACH(k->endpoints, struct pod_endpoint, e)
    {
        struct opt_i64 protocol = { true, protocol_of(e) };
        if (host && !e->host_port.has)
            continue;
        if (host)
            *LIST_AT(*to, struct port_definition, to->n++) = (struct port_definition){
                .port = e->host_port, .protocol = protocol, .name = e->name, .labels = e->labels
            };
        else
            *LIST_AT(*to, struct port_mapping, to->n++) =
                (struct port_mapping){ .container_port = { true, e->container_port.v },
                                       .host_port = e->host_port,
                                       .service_port = { true, 0 },
                                       .protocol = protocol,
                                       .labels = e->labels,
                                       .name = e->name,
                                       .network_names = e->network_names };
    }
    return true;
}

/* They appear in the executor's sandbox under their names. */
static bool derive_volumes(struct app *a, const struct pod *p, struct arena *arena)
{
    struct list out = { .has = true };

    if (!pod_is_resident(p))
        return true;
    if (a->container == NULL) {
        a->container = arena_alloc(arena, sizeof *a->container);
        if (a->container == NULL)
            return false;
        a->container->type = (struct opt_i64){ true, ENGINE_MESOS };
    }
    out.p = arena_array(arena, p->volumes.n, sizeof(struct volume));
    if (out.p == NULL)
        return false;
    LIST_EACH(p->volumes, struct pod_volume, v)
    if (v->persistent != NULL)
        *LIST_AT(out, struct volume, out.n++) = (struct volume){ .container_path = v->name,
                                                                 .persistent = v->persistent,
                                                                 .mode = { true, MODE_RW } };
    a->container->volumes = out;
    return true;
}

static bool derive_constraints(struct app *a, const struct pod_placement *pl, struct arena *arena)
{
    a->constraints = (struct list){ pl->constraints.n != 0, 0,
                                    arena_array(arena, pl->constraints.n + 1, sizeof(struct constraint)) };
    if (a->constraints.p == NULL)
        return false;
    LIST_EACH(pl->constraints, struct pod_constraint, c)
    *LIST_AT(a->constraints, struct constraint, a->constraints.n++) =
        (struct constraint){ .field = c->field,
                             .op_text = str_of(constraint_op_names[c->op.v]),
                             .op = c->op,
                             .value = c->value,
                             .parts = { true, c->value.p != NULL ? 3 : 2 } };
    return true;
}

/* One check stands for those of all containers: the executor runs them and acts on failures itself, here the
 * results are only counted. */
static bool derive_health(struct app *a, const struct pod *p, struct arena *arena)
{
    struct health_check *h;
    bool any = false;

    LIST_EACH(p->containers, struct pod_container, k)
    any = any || k->health_check != NULL;
    if (!any)
        return true;
    h = arena_alloc(arena, sizeof *h);
    if (h == NULL || (h->command = arena_alloc(arena, sizeof *h->command)) == NULL)
        return false;
    schema_defaults(&schema_health_check, h);
    h->command->value = STR("");
    h->protocol = (struct opt_i64){ true, HC_COMMAND };
    h->grace_s = h->failures_max = (struct opt_i64){ true, 0 };
    a->health_checks = (struct list){ true, 1, h };
    return true;
}

struct app *pod_to_app(struct pod *p, struct arena *arena)
{
    const struct pod_scheduling *s = p->scheduling;
    struct app *a = arena_alloc(arena, sizeof *a);

    if (a == NULL)
        return NULL;
    *a = (struct app){
        .id = p->id,
        .accepted_roles = s->placement->accepted_roles,
        .backoff_factor = { true, s->backoff->factor.v < 1 ? 1 : s->backoff->factor.v },
        .backoff_s = { true, (int64_t)ceil(s->backoff->backoff.v) },
        .launch_delay_max_s = { true, (int64_t)ceil(s->backoff->max_delay.v) },
        .instances = p->scaling->instances,
        .labels = p->labels,
        .networks = p->networks,
        .require_ports = { true, true },
        .secrets = p->secrets,
        .user = p->user,
        .kill_selection = s->kill_selection,
        .unreachable = s->unreachable,
        .role = p->role,
        .executor = STR(""),
        .pod = p,
    };
    a->upgrade = arena_alloc(arena, sizeof *a->upgrade);
    if (a->upgrade == NULL)
        return NULL;
    a->upgrade->health_capacity = s->upgrade->health_capacity;
    a->upgrade->over_capacity = s->upgrade->over_capacity;
    sum_resources(a, p);
    return derive_ports(a, p, arena) && derive_volumes(a, p, arena) && derive_constraints(a, s->placement, arena) &&
                   derive_health(a, p, arena)
               ? a
               : NULL;
}
