/* SPDX-License-Identifier: Apache-2.0 */
/* Source: marathon-behaviour §6 (environment of pods), §11; names of executors: §3. */
#include "marathon/podtask.h"

#include <math.h>

#include "common/wire/jsonw.h"
#include "marathon/container.h"
#include "marathon/core/pathid.h"
#include "marathon/core/pod.h"
#include "marathon/core/taskenv.h"
#include "marathon/taskparts.h"

/* The picks of one launch, being shared out. */
struct share {
    const struct launch *l;
    const struct stoa_offer *offer;
    struct arena *a;
    int64_t *left; /* per pick, of scalars */
    const struct list *secrets;
};

struct taken {
    struct stoa_resource *v;
    size_t n, cap;
};

static bool add(struct share *s, struct taken *t, const struct pick *p, int64_t milli,
                const struct stoa_range *range)
{
    if (t->n == t->cap) {
        size_t cap = t->cap * 2 + 8;
        struct stoa_resource *v = arena_array(s->a, cap, sizeof *v);
        if (v == NULL)
            return false;
        if (t->n != 0)
            memcpy(v, t->v, t->n * sizeof *v);
        t->v = v;
        t->cap = cap;
    }
    return task_resource(&t->v[t->n++], &s->offer->resources[p->resource], milli, range, range != NULL, s->a);
}

static bool take_scalar(struct share *s, struct taken *t, const char *name, double amount)
{
    int64_t need = (int64_t)llround(amount * 1000);

    for (size_t i = 0; i < s->l->pick_count && need > 0; i++) {
        const struct pick *p = &s->l->picks[i];
        int64_t n = s->left[i] < need ? s->left[i] : need;
        if (n <= 0 || p->range_count != 0 || strcmp(s->offer->resources[p->resource].name, name) != 0)
            continue;
        if (!add(s, t, p, n, NULL))
            return false;
        s->left[i] -= n;
        need -= n;
    }
    return true;
}

/* They lie in the executor's sandbox, where all containers find them. */
static bool take_volumes(struct share *s, struct taken *t)
{
    for (size_t i = 0; i < s->l->pick_count; i++) {
        const struct pick *p = &s->l->picks[i];
        if (p->volume != 0 &&
            (!add(s, t, p, p->milli, NULL) ||
             !task_volume(&t->v[t->n - 1], &s->offer->resources[p->resource], s->a)))
            return false;
    }
    return true;
}

static bool take_port(struct share *s, struct taken *t, uint32_t port)
{
    for (size_t i = 0; i < s->l->pick_count; i++) {
        const struct pick *p = &s->l->picks[i];
        for (size_t k = 0; k < p->range_count; k++)
            if (p->ranges[k].begin <= port && port <= p->ranges[k].end) {
                struct stoa_range *r = arena_alloc(s->a, sizeof *r);
                if (r == NULL)
                    return false;
                *r = (struct stoa_range){ port, port };
                return add(s, t, p, 0, r);
            }
    }
    return true;
}

static bool take_container(struct share *s, struct stoa_task *t, size_t k)
{
    const struct pod *p = s->l->spec->app.pod;
    const struct pod_container *pc = pod_container(&s->l->spec->app, k);
    struct taken got = { 0 };

    if (!take_scalar(s, &got, "cpus", pc->resources->cpus.v) ||
        !take_scalar(s, &got, "mem", pc->resources->mem.v) ||
        !take_scalar(s, &got, "disk", pc->resources->disk.v) ||
        !take_scalar(s, &got, "gpus", (double)pc->resources->gpus.v))
        return false;
    for (size_t e = 0; e < pc->endpoints.n; e++) {
        size_t index = pod_port_index(p, k, e);
        if (index < s->l->port_count && s->l->ports[index] != PORT_NONE &&
            !take_port(s, &got, s->l->ports[index]))
            return false;
    }
    t->resources = got.v;
    t->resource_count = got.n;
    return true;
}

/* --- checks -------------------------------------------------------------------------------------------- */
/* Where the endpoint listens, as seen from inside: the host port without a network of its own. */
static uint32_t endpoint_port(const struct launch *l, size_t k, struct str name)
{
    const struct pod *p = l->spec->app.pod;
    const struct pod_container *pc = pod_container(&l->spec->app, k);

    for (size_t e = 0; e < pc->endpoints.n; e++) {
        size_t index = pod_port_index(p, k, e);
        if (!str_eq(LIST_AT(pc->endpoints, struct pod_endpoint, e)->name, name) || index >= l->port_count)
            continue;
        return pod_is_host_mode(p) ? l->ports[index] : l->container_ports[index];
    }
    return 0;
}

static bool set_command(struct stoa_command *to, const struct mesos_command *from, struct arena *a)
{
    if (from->argv.n == 0) {
        to->value = part_text(a, from->shell);
        return to->value != NULL;
    }
    const char **argv = arena_array(a, from->argv.n + 1, sizeof *argv);
    if (argv == NULL)
        return false;
    LIST_EACH(from->argv, struct str, arg)
    argv[to->argc++] = part_text(a, *arg);
    to->argv = argv;
    to->no_shell = true;
    to->value = argv[0];
    return to->value != NULL;
}

static const struct stoa_check *check(const struct launch *l, size_t k, const struct pod_check *h,
                                      struct arena *a)
{
    struct stoa_check *c;

    if (h == NULL || (c = arena_alloc(a, sizeof *c)) == NULL)
        return NULL;
    if (h->http != NULL) {
        c->type = STOA_CHECK_HTTP;
        c->port = endpoint_port(l, k, h->http->endpoint);
        c->path = h->http->path.p != NULL ? part_text(a, h->http->path) : "/";
        c->scheme = h->http->scheme.v == SCHEME_HTTPS ? "https" : "http";
    } else if (h->tcp != NULL) {
        c->type = STOA_CHECK_TCP;
        c->port = endpoint_port(l, k, h->tcp->endpoint);
    } else {
        c->type = STOA_CHECK_COMMAND;
        if (!set_command(&c->command, h->exec->command, a))
            return NULL;
    }
    c->delay_s = part_seconds(h->delay_s.v);
    c->interval_s = part_seconds(h->interval_s.v);
    c->timeout_s = part_seconds(h->timeout_s.v);
    c->grace_period_s = part_seconds(h->grace_s.v);
    c->consecutive_failures = h->failures_max.v > 0 ? (int)h->failures_max.v : INT32_MAX;
    return c;
}

/* --- the task ------------------------------------------------------------------------------------------ */
static bool set_environment(struct stoa_command *cmd, const struct launch *l, size_t k, struct str task_id,
                            struct str executor_id, const struct marathon_config *c, bool enforce_role,
                            const struct list *secrets, struct arena *a)
{
    struct list env = pod_env(l, k, task_id, executor_id, c, enforce_role, secrets, a);

    cmd->environment = part_variables(a, &env, &cmd->environment_count);
    return cmd->environment != NULL;
}

static const struct pod_volume *volume_of(const struct pod *p, struct str name)
{
    LIST_EACH(p->volumes, struct pod_volume, v)
    if (str_eq(v->name, name))
        return v;
    return NULL;
}

/* Volumes without a place on the host lie in the executor's sandbox, which all containers of the pod share.
 */
static void put_volume(struct jsonw *w, const struct pod_mount *m, const struct pod_volume *v, const struct list *secrets)
{
    jsonw_open(w);
    jsonw_key_c(w, "mode", m->read_only.v || v->secret.p != NULL ? "RO" : "RW");
    jsonw_key_s(w, "container_path", m->mount_path);
    if (v->host.p != NULL) {
        jsonw_key_s(w, "host_path", v->host);
    } else if (v->secret.p != NULL) {
        container_put_secret(w, v->secret, secrets);
    } else {
        jsonw_key_open(w, "source");
        jsonw_key_c(w, "type", "SANDBOX_PATH");
        jsonw_key_open(w, "sandbox_path");
        jsonw_key_c(w, "type", "PARENT");
        jsonw_key_s(w, "path", v->name);
        jsonw_close(w);
        jsonw_close(w);
    }
    jsonw_close(w);
}

static const char *container(const struct pod *p, const struct pod_container *pc, const struct list *secrets, struct arena *a)
{
    struct sbuf b = SBUF_INIT(CONTAINER_JSON_MAX);
    struct jsonw w = JSONW(&b);
    const char *json;

    if (pc->mounts.n == 0 && pc->image == NULL && pc->linux_info == NULL && !pc->tty.v)
        return NULL;
    jsonw_open(&w);
    jsonw_key_c(&w, "type", "MESOS");
    if (pc->image != NULL)
        container_put_image(&w, pc->image->id, pc->image->force_pull.v,
                            &(struct image_login){ .config = pc->image->pull_config, .secrets = secrets });
    container_put_linux(&w, pc->linux_info);
    container_put_terminal(&w, pc->tty.v);
    jsonw_key_array(&w, "volumes");
    LIST_EACH(pc->mounts, struct pod_mount, m)
    {
        const struct pod_volume *v = volume_of(p, m->name);
        if (v != NULL)
            put_volume(&w, m, v, secrets);
    }
    jsonw_array_close(&w);
    jsonw_close(&w);
    json = part_text(a, sbuf_view(&b));
    sbuf_done(&b);
    return json;
}

static const struct stoa_discovery *discovery(const struct launch *l, size_t k, const char *name,
                                              struct arena *a)
{
    const struct pod *p = l->spec->app.pod;
    const struct pod_container *pc = pod_container(&l->spec->app, k);
    struct stoa_discovery *d = arena_alloc(a, sizeof *d);
    struct stoa_port *v = arena_array(a, pc->endpoints.n * 2 + 1, sizeof *v);
    size_t n = 0;

    if (d == NULL || v == NULL)
        return NULL;
    for (size_t e = 0; e < pc->endpoints.n; e++) {
        const struct pod_endpoint *ep = LIST_AT(pc->endpoints, struct pod_endpoint, e);
        size_t index = pod_port_index(p, k, e), count;
        uint32_t port;
        if (index >= l->port_count)
            continue;
        port = l->ports[index] != PORT_NONE ? l->ports[index] : l->container_ports[index];
        const struct stoa_label *own = part_labels(a, &ep->labels, &count);
        for (size_t i = 0; i < ep->protocol.n && i < 2; i++)
            v[n++] = (struct stoa_port){ .number = port,
                                         .name = part_text(a, ep->name),
                                         .protocol = part_text(a, *LIST_AT(ep->protocol, struct str, i)),
                                         .labels = own,
                                         .label_count = count };
    }
    *d = (struct stoa_discovery){
        .visibility = STOA_VISIBLE_FRAMEWORK, .name = name, .ports = v, .port_count = n
    };
    return d;
}

static bool build_task(struct stoa_task *t, struct share *s, size_t k, struct str executor_id,
                       const struct marathon_config *c, bool enforce_role)
{
    const struct launch *l = s->l;
    const struct pod *p = l->spec->app.pod;
    const struct pod_container *pc = pod_container(&l->spec->app, k);
    struct str id = pod_task_id(s->a, l->instance->id, pc, l->instance->incarnation);
    struct stoa_command *cmd = arena_alloc(s->a, sizeof *cmd);
    struct str user = pc->user.p != NULL ? pc->user : p->user.p != NULL ? p->user : c->user;

    if (id.p == NULL || cmd == NULL)
        return false;
    *t = (struct stoa_task){ .id = id.p, .name = part_text(s->a, pc->name), .agent_id = part_text(s->a, l->agent_id) };
    cmd->no_shell = pc->exec == NULL; /* the image's own command */
    if (pc->exec != NULL && !set_command(cmd, pc->exec->command, s->a))
        return false;
    cmd->user = part_text(s->a, user);
    cmd->uris = part_uris(s->a, &pc->artifacts, &cmd->uri_count);
    if (!set_environment(cmd, l, k, id, executor_id, c, enforce_role, s->secrets, s->a) || cmd->uris == NULL ||
        !take_container(s, t, k))
        return false;
    t->command = cmd;
    t->container_json = container(p, pc, s->secrets, s->a);
    t->health_check = check(l, k, pc->health_check, s->a);
    t->check = check(l, k, pc->check, s->a);
    t->discovery = discovery(l, k, t->name, s->a);
    t->labels = part_labels(s->a, &pc->labels, &t->label_count);
    t->kill_grace_s =
        pc->lifecycle != NULL && pc->lifecycle->kill_grace_s.has ? pc->lifecycle->kill_grace_s.v : 0;
    if (pc->limits != NULL) {
        t->cpus_limit_milli = part_limit_milli(pc->limits->cpus);
        t->mem_limit_milli = part_limit_milli(pc->limits->mem);
    }
    return t->name != NULL && t->discovery != NULL && t->labels != NULL;
}

/* "web.instance-<uuid>" gives "instance-web.<uuid>", and ".<n>" behind it from the second incarnation on: the
 * executor of the one before may still be ending, and would take the new tasks with it. */
static struct str executor_id(struct str instance, unsigned incarnation, struct arena *a)
{
    struct str id;

    static const char mark[] = ".instance-";
    size_t at = instance.n, skip = sizeof mark - 1;

    for (size_t i = 0; i < instance.n; i++)
        if (str_starts(str_sub(instance, i, instance.n), STR(".instance-")))
            at = i;
    id = arena_fmt(a, "instance-%.*s.%.*s", STR_ARG(str_sub(instance, 0, at)),
                   STR_ARG(str_sub(instance, at + skip, instance.n)));
    return incarnation == 1 || id.p == NULL ? id : arena_fmt(a, "%.*s.%u", STR_ARG(id), incarnation);
}

static enum protocol endpoint_protocol(const struct pod_endpoint *e)
{
    if (e->protocol.n > 1)
        return PROTO_BOTH;
    return e->protocol.n == 1 && str_is(*LIST_AT(e->protocol, struct str, 0), "udp") ? PROTO_UDP : PROTO_TCP;
}

static size_t mapped_ports(const struct launch *l, struct container_port *v)
{
    const struct pod *p = l->spec->app.pod;
    size_t n = 0;

    for (size_t k = 0; k < p->containers.n; k++) {
        const struct pod_container *pc = pod_container(&l->spec->app, k);
        for (size_t e = 0; e < pc->endpoints.n; e++) {
            const struct pod_endpoint *ep = LIST_AT(pc->endpoints, struct pod_endpoint, e);
            size_t i = pod_port_index(p, k, e);
            if (i < l->port_count && l->ports[i] != PORT_NONE)
                v[n++] = (struct container_port){ l->ports[i], l->container_ports[i], endpoint_protocol(ep),
                                                  &ep->network_names };
        }
    }
    return n;
}

/* The containers of a pod share the executor's network. NULL: that of the host, and nothing else to say. */
static const char *executor_container(const struct launch *l, const struct marathon_config *c, struct arena *a)
{
    const struct pod *p = l->spec->app.pod;
    struct container_port *ports = arena_array(a, l->port_count + 1, sizeof *ports);
    struct sbuf b = SBUF_INIT(1 << 20);
    struct jsonw w = JSONW(&b);
    const char *json;

    if ((pod_is_host_mode(p) && p->linux_info == NULL) || ports == NULL)
        return NULL;
    jsonw_open(&w);
    jsonw_key_c(&w, "type", "MESOS");
    container_put_linux(&w, p->linux_info);
    if (!pod_is_host_mode(p))
        container_put_networks(&w, &p->networks, c->bridge_name, ports, mapped_ports(l, ports));
    jsonw_close(&w);
    json = part_text(a, sbuf_view(&b));
    sbuf_done(&b);
    return json;
}

bool pod_build(struct stoa_operation *ret_op, const struct launch *l, const struct stoa_offer *offer,
               const struct marathon_config *c, bool enforce_role, const struct list *secrets, struct arena *a)
{
    const struct app *app = &l->spec->app;
    const struct executor_resources *r = app->pod->executor_resources;
    struct share s = { l, offer, a, arena_array(a, l->pick_count + 1, sizeof(int64_t)), secrets };
    struct stoa_executor *e = arena_alloc(a, sizeof *e);
    size_t n = pod_container_count(app);
    struct stoa_task *tasks = arena_array(a, n, sizeof *tasks);
    struct str id = executor_id(l->instance->id, l->instance->incarnation, a);
    struct taken got = { 0 };

    if (s.left == NULL || e == NULL || tasks == NULL || id.p == NULL)
        return false;
    for (size_t i = 0; i < l->pick_count; i++)
        s.left[i] = l->picks[i].volume == 0 ? l->picks[i].milli : 0;
    if (!take_scalar(&s, &got, "cpus", r->cpus.v) || !take_scalar(&s, &got, "mem", r->mem.v) ||
        !take_scalar(&s, &got, "disk", r->disk.v) || !take_volumes(&s, &got))
        return false;
    *e = (struct stoa_executor){
        .id = id.p, .type = STOA_EXECUTOR_DEFAULT, .resources = got.v, .resource_count = got.n
    };
    e->container_json = executor_container(l, c, a);
    e->labels = part_labels(a, &app->pod->labels, &e->label_count);
    for (size_t k = 0; k < n; k++)
        if (!build_task(&tasks[k], &s, k, id, c, enforce_role))
            return false;
    *ret_op = (struct stoa_operation){
        .type = STOA_OP_LAUNCH_GROUP, .tasks = tasks, .task_count = n, .executor = e
    };
    return true;
}
