/* SPDX-License-Identifier: Apache-2.0 */
/* Source: marathon-behaviour §6 (name, labels, discovery, environment), §7 (checks of the executor). */
#include "marathon/task.h"

#include <math.h>
#include <string.h>

#include "common/wire/jsonw.h"
#include "marathon/api/encode.h"
#include "marathon/container.h"
#include "marathon/core/pathid.h"
#include "marathon/core/taskenv.h"
#include "marathon/taskparts.h"

static bool resources(struct stoa_task *t, const struct launch *l, const struct stoa_offer *offer,
                      struct arena *a)
{
    struct stoa_resource *v = arena_array(a, l->pick_count + 1, sizeof *v);
    size_t n = 0;

    for (size_t i = 0; v != NULL && i < l->pick_count; i++) {
        const struct pick *p = &l->picks[i];
        const struct stoa_resource *from = &offer->resources[p->resource];
        struct stoa_range *ranges = arena_array(a, p->range_count + 1, sizeof *ranges);
        for (size_t k = 0; ranges != NULL && k < p->range_count; k++)
            ranges[k] = (struct stoa_range){ p->ranges[k].begin, p->ranges[k].end };
        if (p->volume != 0 ? !task_volume(&v[n++], from, a)
                           : !task_resource(&v[n++], from, p->milli, ranges, p->range_count, a))
            return false;
    }
    t->resources = v;
    t->resource_count = n;
    return v != NULL;
}

/* --- checks -------------------------------------------------------------------------------------------- */
/* Inside the container: the host port without a network of its own, else the container port. */
static uint32_t check_port(const struct launch *l, struct opt_i64 port, struct opt_i64 index)
{
    size_t k = index.has ? (size_t)index.v : 0;

    if (port.has)
        return (uint32_t)port.v;
    if (k >= l->port_count)
        return 0;
    return app_is_host_mode(&l->spec->app) ? l->ports[k] : l->container_ports[k];
}

static const struct stoa_check *health_check(const struct launch *l, struct arena *a)
{
    const struct app *app = &l->spec->app;

    LIST_EACH(app->health_checks, struct health_check, h)
    {
        enum hc_protocol p = (enum hc_protocol)h->protocol.v;
        struct stoa_check *c;
        if (hc_is_ours(p))
            continue;
        c = arena_alloc(a, sizeof *c);
        if (c == NULL)
            return NULL;
        c->type = p == HC_COMMAND ? STOA_CHECK_COMMAND : p == HC_MESOS_TCP ? STOA_CHECK_TCP : STOA_CHECK_HTTP;
        if (p == HC_COMMAND)
            c->command.value = part_text(a, h->command->value);
        else
            c->port = check_port(l, h->port, h->port_index);
        if (hc_is_http(p)) {
            c->path = h->path.p != NULL ? part_text(a, h->path) : "/";
            c->scheme = p == HC_MESOS_HTTPS ? "https" : "http";
        }
        c->ipv6 = h->ip_protocol.v == 1;
        c->delay_s = part_seconds(h->delay_s.v);
        c->interval_s = part_seconds(h->interval_s.v);
        c->timeout_s = part_seconds(h->timeout_s.v);
        c->grace_period_s = part_seconds(h->grace_s.v);
        /* 0 means "never kill" here; the protocol has no such value. */
        c->consecutive_failures = h->failures_max.v > 0 ? (int)h->failures_max.v : INT32_MAX;
        return c;
    }
    return NULL;
}

static const struct stoa_check *plain_check(const struct launch *l, struct arena *a)
{
    const struct app_check *k = l->spec->app.check;
    struct stoa_check *c;

    if (k == NULL || (c = arena_alloc(a, sizeof *c)) == NULL)
        return NULL;
    if (k->http != NULL) {
        c->type = STOA_CHECK_HTTP;
        c->port = check_port(l, k->http->port, k->http->port_index);
        c->path = k->http->path.p != NULL ? part_text(a, k->http->path) : "/";
    } else if (k->tcp != NULL) {
        c->type = STOA_CHECK_TCP;
        c->port = check_port(l, k->tcp->port, k->tcp->port_index);
    } else {
        c->type = STOA_CHECK_COMMAND;
        c->command.value = part_text(a, k->exec->command->shell);
    }
    c->delay_s = part_seconds(k->delay_s.v);
    c->interval_s = part_seconds(k->interval_s.v);
    c->timeout_s = part_seconds(k->timeout_s.v);
    return c;
}

/* --- discovery ----------------------------------------------------------------------------------------- */
struct ports {
    struct stoa_port *v;
    size_t n;
};

static void add_port(struct ports *out, struct arena *a, uint32_t number, struct str name,
                     const char *protocol, const struct list *own, const char *scope, struct str network)
{
    struct stoa_label *l = arena_array(a, own->n + 2, sizeof *l);
    size_t n = 0;

    if (l == NULL)
        return;
    LIST_EACH(*own, struct kv, kv)
    l[n++] = (struct stoa_label){ part_text(a, kv->k), part_text(a, kv->v) };
    if (scope != NULL)
        l[n++] = (struct stoa_label){ "network-scope", scope };
    if (network.p != NULL)
        l[n++] = (struct stoa_label){ "network-name", part_text(a, network) };
    out->v[out->n++] = (struct stoa_port){
        .number = number, .name = part_text(a, name), .protocol = protocol, .labels = l, .label_count = n
    };
}

static void add_mapping(struct ports *out, struct arena *a, const struct launch *l, size_t i,
                        const char *protocol)
{
    const struct app *app = &l->spec->app;
    const struct port_mapping *m = LIST_AT(app->container->port_mappings, struct port_mapping, i);
    struct str none = { NULL, 0 };

    if (l->ports[i] != PORT_NONE) {
        add_port(out, a, l->ports[i], m->name, protocol, &m->labels, "host", none);
        return;
    }
    LIST_EACH(app->networks, struct network, n)
    add_port(out, a, l->container_ports[i], m->name, protocol, &m->labels, "container", n->name);
}

static const struct stoa_discovery *discovery(const struct launch *l, const char *name, struct arena *a)
{
    const struct app *app = &l->spec->app;
    struct stoa_discovery *d = arena_alloc(a, sizeof *d);
    struct ports out = { .v = arena_array(a, l->port_count * 2 * (app->networks.n + 1) + 1, sizeof *out.v) };
    struct str none = { NULL, 0 };

    if (d == NULL || out.v == NULL)
        return NULL;
    for (size_t i = 0; i < l->port_count; i++) {
        enum protocol p = app_port_protocol(app, i);
        for (int k = 0; k < 2; k++) {
            const char *protocol = k == 0 ? "udp" : "tcp";
            if ((k == 0 && p == PROTO_TCP) || (k == 1 && p == PROTO_UDP))
                continue;
            if (app_is_host_mode(app)) {
                const struct port_definition *pd = LIST_AT(app->port_definitions, struct port_definition, i);
                add_port(&out, a, l->ports[i], pd->name, protocol, &pd->labels, NULL, none);
            } else {
                add_mapping(&out, a, l, i, protocol);
            }
        }
    }
    *d = (struct stoa_discovery){
        .visibility = STOA_VISIBLE_FRAMEWORK, .name = name, .ports = out.v, .port_count = out.n
    };
    return d;
}

/* --- the command --------------------------------------------------------------------------------------- */
static const struct stoa_command *command(const struct launch *l, const struct marathon_config *c,
                                          bool enforce_role, const struct list *secrets, struct arena *a)
{
    const struct app *app = &l->spec->app;
    struct stoa_command *cmd = arena_alloc(a, sizeof *cmd);

    if (cmd == NULL)
        return NULL;
    if (app->cmd.p != NULL) {
        cmd->value = part_text(a, app->cmd);
    } else if (app->args.n != 0) {
        const char **argv = arena_array(a, app->args.n + 1, sizeof *argv);
        if (argv == NULL)
            return NULL;
        cmd->no_shell = true;
        LIST_EACH(app->args, struct str, arg)
        argv[cmd->argc++] = part_text(a, *arg);
        cmd->argv = argv;
        if (app->container == NULL || app->container->docker == NULL)
            cmd->value = argv[0]; /* else they are the image's to complete */
    } else {
        cmd->no_shell = true; /* the image's own command */
    }
    struct list env = task_env(l, c, enforce_role, secrets, a);
    cmd->environment = part_variables(a, &env, &cmd->environment_count);
    cmd->uris = part_uris(a, &app->fetch, &cmd->uri_count);
    cmd->user = app->user.p != NULL ? part_text(a, app->user) : part_text(a, c->user);
    return cmd;
}

/* The ports with a mapping from the host, for the networks of the container. */
static struct container_port *mapped_ports(const struct launch *l, struct arena *a, size_t *ret_n)
{
    const struct app *app = &l->spec->app;
    struct container_port *v = arena_array(a, l->port_count + 1, sizeof *v);

    *ret_n = 0;
    for (size_t i = 0; v != NULL && !app_is_host_mode(app) && i < l->port_count; i++) {
        const struct port_mapping *m = LIST_AT(app->container->port_mappings, struct port_mapping, i);
        if (l->ports[i] != PORT_NONE)
            v[(*ret_n)++] = (struct container_port){ l->ports[i], l->container_ports[i], app_port_protocol(app, i),
                                                     &m->network_names };
    }
    return v;
}

static void put_volumes(struct jsonw *w, const struct list *volumes, bool docker, const struct list *secrets)
{
    LIST_EACH(*volumes, struct volume, v)
    {
        if (v->persistent != NULL)
            continue; /* a resource */
        jsonw_open(w);
        jsonw_key_c(w, "mode", v->mode.v == MODE_RO || v->secret.p != NULL ? "RO" : "RW");
        jsonw_key_s(w, "container_path", v->container_path);
        if (v->secret.p != NULL)
            container_put_secret(w, v->secret, secrets);
        else if (v->external != NULL)
            container_put_external(w, v->external, docker);
        else
            jsonw_key_s(w, "host_path", v->host_path);
        jsonw_close(w);
    }
}

/* NULL: none needed. */
static const char *container(const struct launch *l, const struct marathon_config *c, const struct list *secrets,
                             struct arena *a)
{
    const struct app *app = &l->spec->app;
    const struct container *ct = app->container;
    struct sbuf b = SBUF_INIT(CONTAINER_JSON_MAX);
    struct jsonw w = JSONW(&b);
    const char *json;
    size_t n;

    if ((ct == NULL || (ct->volumes.n == 0 && ct->docker == NULL && ct->linux_info == NULL)) && app_is_host_mode(app) &&
        !app->tty.v)
        return NULL;
    const struct container_port *ports = mapped_ports(l, a, &n);
    jsonw_open(&w);
    bool is_docker = ct != NULL && ct->docker != NULL && ct->type.v == ENGINE_DOCKER;
    jsonw_key_c(&w, "type", is_docker ? "DOCKER" : "MESOS");
    if (is_docker)
        container_put_docker(&w, ct, &app->networks, ports, n);
    else if (ct != NULL && ct->docker != NULL)
        container_put_image(&w, ct->docker->image, ct->docker->force_pull.v,
                            &(struct image_login){ ct->docker->pull_config, secrets, ct->docker->credential });
    container_put_linux(&w, ct != NULL ? ct->linux_info : NULL);
    container_put_terminal(&w, app->tty.v);
    container_put_networks(&w, &app->networks, c->bridge_name, ports, n);
    jsonw_key_array(&w, "volumes");
    if (ct != NULL)
        put_volumes(&w, &ct->volumes, is_docker, secrets);
    jsonw_array_close(&w);
    jsonw_close(&w);
    json = part_text(a, sbuf_view(&b));
    sbuf_done(&b);
    return json;
}

/* --- custom executors ------------------------------------------------------------------------------------- */
/* Moves so much of a scalar from the task's to its executor's. The whole was matched, so it is there. */
static size_t move_scalar(struct stoa_resource *v, size_t n, struct stoa_resource *to, const char *name, double amount)
{
    int64_t need = (int64_t)llround(amount * 1000);
    size_t moved = 0;

    for (size_t i = 0; i < n && need > 0; i++) {
        int64_t milli = v[i].milli < need ? v[i].milli : need;
        if (v[i].raw.p != NULL || v[i].range_count != 0 || milli <= 0 || strcmp(v[i].name, name) != 0)
            continue;
        to[moved] = v[i];
        to[moved++].milli = milli;
        v[i].milli -= milli;
        need -= milli;
    }
    return moved;
}

static bool share_resources(struct stoa_task *t, struct stoa_executor *e, const struct executor_resources *share, struct arena *a)
{
    size_t all = t->resource_count, n = 0;
    struct stoa_resource *kept = arena_array(a, all + 1, sizeof *kept), *v = arena_array(a, 3 * (all + 1), sizeof *v);

    if (share == NULL)
        return true;
    if (v == NULL || kept == NULL)
        return false;
    memcpy(kept, t->resources, all * sizeof *kept);
    n += move_scalar(kept, all, v + n, "cpus", share->cpus.v);
    n += move_scalar(kept, all, v + n, "mem", share->mem.v);
    n += move_scalar(kept, all, v + n, "disk", share->disk.v);
    e->resources = v;
    e->resource_count = n;
    t->resource_count = 0;
    for (size_t i = 0; i < all; i++) /* what is all the executor's is none of the task's */
        if (kept[i].raw.p != NULL || kept[i].range_count != 0 || kept[i].milli > 0)
            kept[t->resource_count++] = kept[i];
    t->resources = kept;
    return true;
}

static void put_quoted(struct sbuf *b, struct str s)
{
    sbuf_char(b, '\'');
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\'')
            sbuf_c(b, "'\\''");
        else
            sbuf_char(b, s.p[i]);
    sbuf_char(b, '\'');
}

/* The line that starts it: what is fetched need not be executable yet; the app's command is its arguments. */
static const char *executor_line(struct str path, const struct app *app, struct arena *a)
{
    struct sbuf b = SBUF_INIT(CONTAINER_JSON_MAX);
    const char *line;

    sbuf_c(&b, "chmod ug+rx ");
    put_quoted(&b, path);
    sbuf_c(&b, " && exec ");
    put_quoted(&b, path);
    sbuf_char(&b, ' ');
    if (app->cmd.p != NULL)
        sbuf_str(&b, app->cmd);
    else
        LIST_EACH(app->args, struct str, arg)
        {
            sbuf_char(&b, ' ');
            sbuf_str(&b, *arg);
        }
    line = part_text(a, sbuf_view(&b));
    sbuf_done(&b);
    return line;
}

/* It gets the definition of the app as the task's data. */
static struct stoa_bytes definition(const struct app *app, struct arena *a)
{
    struct sbuf b = SBUF_INIT(64 << 20);
    struct jsonw w = JSONW(&b);
    struct str s;

    value_encode(&schema_app, app, &w);
    s = arena_str(a, sbuf_view(&b));
    sbuf_done(&b);
    return (struct stoa_bytes){ s.p, s.p != NULL ? s.n : 0 };
}

/* Moves command and container from the task to an executor of its own. */
static bool with_executor(struct stoa_task *t, struct str path, const struct app *app, const struct executor_resources *share,
                          struct arena *a)
{
    struct stoa_executor *e = arena_alloc(a, sizeof *e);

    if (e == NULL || t->command == NULL)
        return false;
    *e = (struct stoa_executor){ .id = arena_fmt(a, "marathon-%s", t->id).p,
                                 .type = STOA_EXECUTOR_CUSTOM,
                                 .name = t->name,
                                 .command = *t->command,
                                 .container_json = t->container_json };
    e->command.value = executor_line(path, app, a);
    e->command.no_shell = false;
    e->command.argv = NULL;
    e->command.argc = 0;
    t->executor = e;
    t->command = NULL;
    t->container_json = NULL;
    t->data = definition(app, a);
    return e->id != NULL && e->command.value != NULL && share_resources(t, e, share, a);
}

bool task_build(struct stoa_task *ret, const struct launch *l, const struct stoa_offer *offer,
                const struct marathon_config *c, bool enforce_role, const struct list *secrets, struct arena *a)
{
    const struct app *app = &l->spec->app;
    struct sbuf name = SBUF_INIT(PATH_BYTES_MAX + 8);

    path_host_style(&name, app->id);
    *ret = (struct stoa_task){ .id = part_text(a, l->task_id),
                               .name = part_text(a, sbuf_view(&name)),
                               .agent_id = part_text(a, l->agent_id) };
    sbuf_done(&name);
    if (!resources(ret, l, offer, a))
        return false;
    ret->command = command(l, c, enforce_role, secrets, a);
    ret->container_json = container(l, c, secrets, a);
    ret->health_check = health_check(l, a);
    ret->check = plain_check(l, a);
    ret->discovery = discovery(l, ret->name, a);
    ret->labels = part_labels(a, &app->labels, &ret->label_count);
    ret->kill_grace_s = app->kill_grace_s.has ? (double)app->kill_grace_s.v : 0;
    if (app->resource_limits != NULL) {
        ret->cpus_limit_milli = part_limit_milli(app->resource_limits->cpus);
        ret->mem_limit_milli = part_limit_milli(app->resource_limits->mem);
    }
    struct str executor = app_executor_path(app, c->executor);
    if (executor.p != NULL && !with_executor(ret, executor, app, app_executor_share(app, c->executor), a))
        return false;
    return ret->id != NULL && ret->name != NULL && (ret->command != NULL || ret->executor != NULL) &&
           ret->discovery != NULL && ret->labels != NULL;
}
