/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/normalise.h"

#include "marathon/core/pathid.h"

void marathon_config_init(struct marathon_config *c)
{
    *c = (struct marathon_config){
        .role = STR("*"),
        .bridge_name = STR("mesos-bridge"),
        .env_prefix = STR(""),
        .executor = STR("//cmd"),
        .local_port_min = 10000,
        .local_port_max = 20000,
        .deployments_max = 100,
        .versions_max = 50,
        .instances_per_offer_max = 1000,
        .launch_tokens = 1000,
        .launch_token_interval_ns = 30 * NS_PER_S,
        .launch_confirm_ns = 300 * NS_PER_S,
        .launch_timeout_ns = 300 * NS_PER_S,
        .reservation_ns = 20 * NS_PER_S,
        .decline_ns = 120 * NS_PER_S,
        .revive_interval_ns = 100 * NS_PER_MS,
        .suppress_offers = true,
        .reconcile_first_ns = 15 * NS_PER_S,
        .reconcile_interval_ns = 600 * NS_PER_S,
        .expunge_first_ns = 300 * NS_PER_S,
        .expunge_interval_ns = 30 * NS_PER_S,
        .kill_retry_ns = 30 * NS_PER_S,
        .kills_max = 100,
        .maintenance_mode = true,
        .gpu_restricted = true,
        .roles_default = ROLES_ANY,
        .checks_max = 256,
    };
}

static bool is_archive(struct str uri)
{
    static const char *const ends[] = { ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".gz",
                                        ".tgz", ".tbz2",   ".txz",     ".zip" };
    struct str path = uri;

    path = str_sub(path, 0, str_index(path, '?'));
    path = str_sub(path, 0, str_index(path, '#'));
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (str_ends(path, str_of(ends[i])))
            return true;
    return false;
}

static void migrate_uris(struct app *a, struct arena *arena, struct issues *is)
{
    if (!a->uris.has)
        return;
    if (a->uris.n != 0 && a->fetch.n != 0) {
        issue_add(is, STR("/uris"), "may not be set in conjunction with fetch");
        return;
    }
    if (!a->fetch.has) {
        struct artifact *f = arena_array(arena, a->uris.n + 1, sizeof *f);
        for (size_t i = 0; f != NULL && i < a->uris.n; i++) {
            struct str uri = *LIST_AT(a->uris, struct str, i);
            f[i] = (struct artifact){ .uri = uri,
                                      .extract = { true, is_archive(uri) },
                                      .executable = { true, false },
                                      .cache = { true, false } };
        }
        a->fetch = (struct list){ true, f != NULL ? a->uris.n : 0, f };
    }
    a->uris = (struct list){ 0 };
}

static struct network *set_network(struct app *a, enum net_mode mode, struct str name, struct list labels,
                                   struct arena *arena)
{
    struct network *n = arena_array(arena, 1, sizeof *n);

    if (n == NULL)
        return NULL;
    *n = (struct network){ .name = name, .mode = { true, mode }, .labels = labels };
    a->networks = (struct list){ true, 1, n };
    return n;
}

static void migrate_docker_network(struct app *a, struct arena *arena, struct issues *is)
{
    struct docker *d = a->container != NULL ? a->container->docker : NULL;
    struct str name = { NULL, 0 };

    if (d == NULL)
        return;
    if (d->port_mappings.has) {
        if (!a->container->port_mappings.has)
            a->container->port_mappings = d->port_mappings;
        d->port_mappings = (struct list){ 0 };
    }
    if (!d->network.has)
        return;
    if (a->networks.has) {
        issue_add(is, STR("/"), "must not specify both container.docker.network and networks");
        return;
    }
    switch ((enum docker_net)d->network.v) {
    case DNET_HOST:
        (void)set_network(a, NET_HOST, name, (struct list){ 0 }, arena);
        a->container->port_mappings = (struct list){ 0 };
        break;
    case DNET_BRIDGE:
        (void)set_network(a, NET_BRIDGE, name, (struct list){ 0 }, arena);
        break;
    case DNET_USER:
        (void)set_network(a, NET_CONTAINER, a->ip_address != NULL ? a->ip_address->network_name : name,
                          a->ip_address != NULL ? a->ip_address->labels : (struct list){ 0 }, arena);
        break;
    case DNET_NONE:
        issue_add(is, STR("/container/docker/network"), "NONE is not supported; use networks");
        break;
    }
    d->network = (struct opt_i64){ 0 };
}

static void migrate_ip_address(struct app *a, const struct marathon_config *c, struct arena *arena,
                               struct issues *is)
{
    struct ip_address *ip = a->ip_address;
    bool docker_engine =
        a->container != NULL && a->container->type.v == ENGINE_DOCKER && a->container->docker != NULL;

    if (ip == NULL)
        return;
    a->ip_address = NULL;
    if (a->ports.n != 0)
        issue_add(is, STR("/"), "cannot specify both an IP address and port");
    if (ip->discovery != NULL && docker_engine) {
        issue_add(is, STR("/ipAddress"), "ipAddress/discovery is not allowed for Docker containers");
        return;
    }
    if (!a->networks.has) {
        bool bridge = ip->network_name.p != NULL && str_eq(ip->network_name, c->bridge_name);
        (void)set_network(a, bridge ? NET_BRIDGE : NET_CONTAINER,
                          bridge ? (struct str){ NULL, 0 } : ip->network_name, ip->labels, arena);
    } else if (LIST_AT(a->networks, struct network, 0)->mode.v != NET_CONTAINER) {
        issue_add(is, STR("/"), "must not specify both networks and ipAddress");
    }
    if (ip->discovery == NULL || ip->discovery->ports.n == 0)
        return;
    if (a->container == NULL) {
        a->container = arena_array(arena, 1, sizeof *a->container);
        if (a->container == NULL)
            return;
        a->container->type = (struct opt_i64){ true, ENGINE_MESOS };
        a->container->volumes.has = true;
    }
    struct port_mapping *m = arena_array(arena, ip->discovery->ports.n, sizeof *m);
    for (size_t i = 0; m != NULL && i < ip->discovery->ports.n; i++) {
        const struct discovery_port *p = LIST_AT(ip->discovery->ports, struct discovery_port, i);
        m[i] = (struct port_mapping){ .container_port = p->number,
                                      .service_port = { true, 0 },
                                      .protocol = p->protocol,
                                      .labels = p->labels,
                                      .name = p->name };
        m[i].labels.has = true;
    }
    a->container->port_mappings = (struct list){ true, m != NULL ? ip->discovery->ports.n : 0, m };
}

static void migrate_ports(struct app *a, struct arena *arena, struct issues *is)
{
    if (!a->ports.has)
        return;
    if (a->port_definitions.has) {
        issue_add(is, STR("/"), "cannot specify both ports and port definitions");
        return;
    }
    for (size_t i = 0; i < a->ports.n; i++)
        for (size_t k = 0; k < i; k++)
            if (*LIST_AT(a->ports, int64_t, i) != 0 &&
                *LIST_AT(a->ports, int64_t, i) == *LIST_AT(a->ports, int64_t, k)) {
                issue_add(is, STR("/"), "ports must be unique");
                return;
            }
    if (a->networks.has && !app_is_host_mode(a)) {
        struct list *pm = a->container != NULL ? &a->container->port_mappings : NULL;
        for (size_t i = 0; pm != NULL && i < pm->n && i < a->ports.n; i++)
            if (LIST_AT(*pm, struct port_mapping, i)->service_port.v == 0)
                LIST_AT(*pm, struct port_mapping, i)->service_port.v = *LIST_AT(a->ports, int64_t, i);
    } else {
        struct port_definition *d = arena_array(arena, a->ports.n + 1, sizeof *d);
        for (size_t i = 0; d != NULL && i < a->ports.n; i++)
            d[i] = (struct port_definition){ .port = { true, *LIST_AT(a->ports, int64_t, i) },
                                             .protocol = { true, PROTO_TCP } };
        a->port_definitions = (struct list){ true, d != NULL ? a->ports.n : 0, d };
    }
    a->ports = (struct list){ 0 };
}

void app_migrate(struct app *a, const struct marathon_config *c, struct arena *arena, struct issues *is)
{
    a->pod = NULL; /* a key of our records alone: an app that has it has an unknown key */
    if (a->networks.has && a->ports.has && !app_is_host_mode(a) && a->container == NULL)
        a->ports = (struct list){ 0 };
    migrate_uris(a, arena, is);
    migrate_docker_network(a, arena, is);
    migrate_ip_address(a, c, arena, is);
    migrate_ports(a, arena, is);
    LIST_EACH(a->readiness_checks, struct readiness_check, r)
    {
        if (r->codes.has)
            continue;
        int64_t *code = arena_array(arena, 1, sizeof *code);
        if (code == NULL)
            continue;
        *code = 200;
        r->codes = (struct list){ true, 1, code };
    }
    if (a->container != NULL && a->container->docker == NULL && a->container->type.v == ENGINE_DOCKER &&
        a->container->volumes.n == 0 && !a->container->port_mappings.has)
        a->container->type.v = ENGINE_DOCKER; /* an empty container is DOCKER in the original, and refused */
}

static void fill_networks(struct app *a, const struct marathon_config *c, struct arena *arena)
{
    if (a->networks.n == 0)
        (void)set_network(a, NET_HOST, (struct str){ NULL, 0 }, (struct list){ 0 }, arena);
    LIST_EACH(a->networks, struct network, n)
    if (n->mode.v == NET_CONTAINER && n->name.p == NULL)
        n->name = c->default_network;
}

static void fill_ports(struct app *a, struct arena *arena)
{
    if (app_is_host_mode(a)) {
        if (a->port_definitions.has)
            return;
        struct port_definition *d = arena_array(arena, 1, sizeof *d);
        if (d != NULL)
            *d = (struct port_definition){ .port = { true, 0 },
                                           .protocol = { true, PROTO_TCP },
                                           .name = STR("default") };
        a->port_definitions = (struct list){ true, d != NULL, d };
        return;
    }
    a->require_ports = (struct opt_bool){ true, false };
    if (a->container == NULL) {
        a->container = arena_array(arena, 1, sizeof *a->container);
        if (a->container == NULL)
            return;
        a->container->type = (struct opt_i64){ true, ENGINE_MESOS };
        a->container->volumes.has = true;
    }
    bool bridge = LIST_AT(a->networks, struct network, 0)->mode.v == NET_BRIDGE;
    if (!a->container->port_mappings.has) {
        struct port_mapping *m = arena_array(arena, 1, sizeof *m);
        if (m != NULL)
            *m = (struct port_mapping){ .container_port = { true, 0 },
                                        .service_port = { true, 0 },
                                        .protocol = { true, PROTO_TCP },
                                        .name = STR("default"),
                                        .labels = { .has = true } };
        a->container->port_mappings = (struct list){ true, m != NULL, m };
    }
    LIST_EACH(a->container->port_mappings, struct port_mapping, m)
    if (bridge && !m->host_port.has)
        m->host_port = (struct opt_i64){ true, 0 };
}

/* Its agent may come back: until then nobody else is to have the instance. */
#define EVERY_EXPUNGE_S (7 * 24 * 3600)

static void fill_strategies(struct app *a, struct arena *arena)
{
    bool resident = app_is_resident(a), every = app_is_every(a), external = false;

    if (a->container != NULL)
        LIST_EACH(a->container->volumes, struct volume, v)
        {
            external = external || v->external != NULL;
            if (v->persistent != NULL && v->persistent->profile.p != NULL)
                v->persistent->type = (struct opt_i64){ true, 2 };
        }
    if (a->unreachable == NULL) {
        a->unreachable = arena_array(arena, 1, sizeof *a->unreachable);
        if (a->unreachable != NULL)
            *a->unreachable = (struct unreachable_strategy){ .disabled = { resident, resident },
                                                             .inactive_s = { true, 0 },
                                                             .expunge_s = { true, every ? EVERY_EXPUNGE_S : 0 } };
    }
    if (a->upgrade == NULL) {
        a->upgrade = arena_array(arena, 1, sizeof *a->upgrade);
        if (a->upgrade != NULL)
            *a->upgrade = (struct upgrade_strategy){
                .health_capacity = { true, resident || external ? 0.5 : 1 },
                .over_capacity = { true, resident || external || every ? 0 : 1 },
            };
    }
    a->residency = NULL;
    if (resident) {
        a->residency = arena_array(arena, 1, sizeof *a->residency);
        if (a->residency != NULL)
            *a->residency = (struct residency){ { true, 3600 }, { true, 0 } };
    }
}

void app_fill(struct app *a, const struct marathon_config *c, struct str base, enum health_ports hp,
              struct arena *arena)
{
    bool stated = a->port_definitions.n != 0;

    schema_defaults(&schema_app, a);
    if (a->id.p != NULL)
        a->id = path_resolve(arena, base, a->id);
    fill_networks(a, c, arena);
    fill_ports(a, arena);
    stated = stated || (!app_is_host_mode(a) && a->container != NULL && a->container->port_mappings.n != 0);
    stated = hp == HEALTH_PORTS_ALL || (hp == HEALTH_PORTS_STATED && stated);
    LIST_EACH(a->health_checks, struct health_check, h)
    {
        enum hc_protocol p = (enum hc_protocol)h->protocol.v;
        if (p != HC_COMMAND && !h->port.has && !h->port_index.has && stated && app_port_count(a) != 0)
            h->port_index = (struct opt_i64){ true, 0 };
        if ((p == HC_HTTP || p == HC_HTTPS) && !h->ignore_http_1xx.has)
            h->ignore_http_1xx = (struct opt_bool){ true, false };
    }
    fill_strategies(a, arena);
    if (app_is_every(a) && a->instances.v > 1)
        a->instances.v = 1;
    if (a->id.p != NULL)
        LIST_EACH(a->dependencies, struct str, d)
    *d = path_resolve(arena, path_parent(a->id), *d);
    if (a->role.p == NULL)
        a->role = c->role;
}

/* The table says what is there; a field that update has replaces the stored one. */
void app_merge(struct app *a, const struct app *update)
{
    bool had_networks = update->networks.has;

    for (size_t i = 0; i < schema_app.count; i++) {
        const struct schema_field *f = &schema_app.fields[i];
        const char *from = (const char *)update + f->offset;
        char *to = (char *)a + f->offset;
        size_t size = 0;

        if (f->shape != SH_ONE)
            size = ((const struct list *)(const void *)from)->has ? sizeof(struct list) : 0;
        else
            switch (f->type) {
            case ST_STR:
                size = ((const struct str *)(const void *)from)->p != NULL ? sizeof(struct str) : 0;
                break;
            case ST_BOOL:
                size = ((const struct opt_bool *)(const void *)from)->has ? sizeof(struct opt_bool) : 0;
                break;
            case ST_I64:
            case ST_ENUM:
                size = ((const struct opt_i64 *)(const void *)from)->has ? sizeof(struct opt_i64) : 0;
                break;
            case ST_F64:
                size = ((const struct opt_f64 *)(const void *)from)->has ? sizeof(struct opt_f64) : 0;
                break;
            case ST_TIME:
                size = ((const struct opt_time *)(const void *)from)->has ? sizeof(struct opt_time) : 0;
                break;
            case ST_OBJ:
                size = *(void *const *)(const void *)from != NULL ? sizeof(void *) : 0;
                break;
            }
        if (size != 0)
            memcpy(to, from, size);
    }
    a->executor_resources = update->executor_resources;
    a->resource_limits = update->resource_limits;
    if (update->cmd.p != NULL && !update->args.has)
        a->args = (struct list){ 0 };
    if (update->args.n != 0 && update->cmd.p == NULL)
        a->cmd = (struct str){ NULL, 0 };
    /* Ports belong to a kind of networking: what the new kind cannot have goes. */
    if (had_networks && !app_is_host_mode(a) && !update->port_definitions.has)
        a->port_definitions = (struct list){ 0 };
    if (had_networks && app_is_host_mode(a) && update->container == NULL && a->container != NULL)
        a->container->port_mappings = (struct list){ 0 };
}

struct app *app_clone(const struct app *a, struct arena *arena)
{
    char *mem = arena_alloc(arena, sizeof *a + 16 + schema_bytes(&schema_app, a));
    struct app *copy = (struct app *)(void *)mem;

    if (mem == NULL)
        return NULL;
    mem += (sizeof *a + 15) & ~(size_t)15;
    schema_copy(&schema_app, copy, a, &mem);
    return copy;
}
