/* SPDX-License-Identifier: Apache-2.0 */
/* Container networks at the border of the containerizer: what containers ask for, the flags, what statuses say. Source: reference, §11, §21 and §26. */
#include "agent/shell.h"

#include "agent/api.h"
#include "agent/isolation/containerizer.h"
#include "agent/spec.h"
#include "agent/wire/decode.h"
#include "common/io/credentials.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_internal.pb-c.h"

/* --- what a container joins --- */

static int add_network(const Mesos__V1__NetworkInfo *info, struct arena *arena, struct container_network *ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    if (!WIRE_PACK(&b, info))
        return error_set(err, ERR_LIMIT, "network '%.80s': its NetworkInfo is over %zu bytes", info->name, b.max);
    *ret = (struct container_network){ arena_str(arena, str_of(info->name)).p, arena_str(arena, sbuf_view(&b)) };
    return ret->name != NULL && ret->info.p != NULL ? 0 : error_set(err, ERR_NOMEM, "out of memory for networks");
}

int spec_networks(const Mesos__V1__ContainerInfo *c, struct arena *arena, struct container_spec *ret, struct error *err)
{
    struct container_network *v = arena_array(arena, c->n_network_infos + 1, sizeof *v);
    int rc = v == NULL ? error_set(err, ERR_NOMEM, "out of memory for networks") : 0;

    ret->networks = v;
    ret->hostname = c->hostname;
    if (c->type == MESOS__V1__CONTAINER_INFO__TYPE__DOCKER)
        return rc; /* spec_docker */
    for (size_t i = 0; i < c->n_network_infos && rc == 0; i++)
        if (c->network_infos[i]->name != NULL && c->network_infos[i]->name[0] != 0)
            rc = add_network(c->network_infos[i], arena, &v[ret->network_count++], err);
    return rc;
}

/* --- flags --- */

/* Folders are separated by ':' or ','; plugins know only the first. */
static const char *plugin_folders(struct arena *arena, const char *value)
{
    char *p = (char *)(uintptr_t)arena_str(arena, str_of(value)).p;
    for (char *c = p; c != NULL && *c != 0; c++) {
        if (*c == ',')
            *c = ':';
    }
    return p;
}

static int default_dns(const char *value, struct arena *arena, const char **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 20);
    int rc = flag_json_text("default_container_dns", value, &text, err);

    if (rc == 0)
        rc = json_to_wire(&mesos__internal__container_dnsinfo__descriptor, sbuf_view(&text), &bytes, err);
    if (rc != 0)
        return error_wrap(err, "--default_container_dns");
    *ret = arena_str(arena, sbuf_view(&text)).p;
    return 0;
}

/* "[0-35000]" */
static int isolated_range(struct shell *s, const char *value, struct error *err)
{
    CLEANUP(resources_done_p) struct resources r = RESOURCES_INIT;
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(65536);

    if (value == NULL)
        return 0;
    sbuf_fmt(&text, "ports:%s", value);
    if (value[0] == '[' && convert_resources_flag(sbuf_view(&text), STR("*"), &r, err) == 0)
        s->isolated_ports = resources_ranges(&r, NAME_PORTS);
    if (s->isolated_ports == NULL)
        return error_set(err, ERR_INVALID, "--container_ports_isolated_range=%.80s: give ranges of ports, like [0-35000]", value);
    return 0;
}

int networks_options(struct shell *s, struct arena *arena, struct containerizer_options *o, struct error *err)
{
    const struct agent_flags *f = &s->flags;

    o->cni_config_dir = f->network_cni_config_dir;
    o->cni_root_dir = arena_fmt(arena, "%s/isolators/network/cni", f->network_cni_root_dir_persist ? s->work_dir : s->runtime_dir).p;
    o->cni_metrics = f->network_cni_metrics;
    if (f->network_cni_plugins_dir != NULL)
        o->cni_plugins_dir = plugin_folders(arena, f->network_cni_plugins_dir);
    if (isolated_range(s, f->container_ports_isolated_range, err) != 0)
        return -(int)err->code;
    if (f->default_container_dns != NULL)
        return default_dns(f->default_container_dns, arena, &o->default_container_dns, err);
    return 0;
}

bool networks_of_container(void *ctx, const struct net_addr *peer)
{
    const struct shell *s = ctx;
    char text[NET_TEXT_SIZE];

    net_ip_text(peer, text);
    return s->containers != NULL && containerizer_has_address(s->containers, text);
}

static bool in_ranges(const struct ranges *r, uint16_t port)
{
    struct range one = { port, port };
    struct ranges *want = ranges_of(&one, 1);
    bool has = r != NULL && ranges_contains(r, want);

    ranges_unref(want);
    return has;
}

static bool has_port(const struct resources *r, uint16_t port)
{
    struct ranges *all = resources_ranges(r, NAME_PORTS);
    bool has = in_ranges(all, port);

    ranges_unref(all);
    return has;
}

bool networks_own_port(void *ctx, const char *id, uint16_t port)
{
    const struct shell *s = ctx;
    CLEANUP(resources_done_p) struct resources total = RESOURCES_INIT;
    int64_t cpus, mem;
    const struct agent_executor *e = agent_executor_by_container(s->core, str_of(id));

    if (e == NULL || (s->flags.check_agent_port_range_only && !has_port(&s->env.resources, port)) ||
        (s->isolated_ports != NULL && !in_ranges(s->isolated_ports, port)))
        return true;
    agent_executor_totals(e, &total, &cpus, &mem);
    return has_port(&total, port);
}

/* --- statuses --- */

/* Of the container that a status names, if it is one of the executor's, else of the executor's own. */
struct str networks_of_status(void *ctx, const struct agent_status_fill *fill, const Mesos__V1__ContainerID *id)
{
    struct shell *s = ctx;
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(65536);
    struct container_status st;
    struct str named = id != NULL ? api_container_id(id, &arena) : fill->container_id;

    if (named.n != 0 && str_starts(named, fill->container_id) && containerizer_status(s->containers, named.p, &st, NULL) == 0)
        return st.networks;
    named = arena_str(&arena, fill->container_id);
    return named.p != NULL && containerizer_status(s->containers, named.p, &st, NULL) == 0 ? st.networks : (struct str){ NULL, 0 };
}
