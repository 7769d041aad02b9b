/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/taskenv.h"

#include "common/base/sbuf.h"
#include "marathon/core/pod.h"

enum { LABEL_NAME_MAX = 492, LABEL_VALUE_MAX = 511 }; /* longer ones are left out by the original */

struct env {
    struct arena *a;
    struct task_variable *v;
    size_t n, cap;
};

static void add(struct env *e, struct task_variable one)
{
    for (size_t i = 0; i < e->n; i++)
        if (str_eq(e->v[i].k, one.k)) {
            e->v[i] = one;
            return;
        }
    if (e->n == e->cap) {
        size_t cap = e->cap * 2 + 32;
        struct task_variable *v = arena_array(e->a, cap, sizeof *v);
        if (v == NULL)
            return;
        if (e->n != 0)
            memcpy(v, e->v, e->n * sizeof *v);
        e->v = v;
        e->cap = cap;
    }
    e->v[e->n++] = one;
}

static void put(struct env *e, struct str name, struct str value)
{
    add(e, (struct task_variable){ name, value, false });
}

static struct str upper(struct arena *a, struct str s, bool sanitise)
{
    char *p = arena_alloc_raw(a, s.n + 1);
    size_t n = 0;

    if (p == NULL)
        return (struct str){ NULL, 0 };
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (sanitise && !word) {
            if (n == 0 || p[n - 1] != '_' || (i > 0 && s.p[i - 1] == '_'))
                p[n++] = '_';
            continue;
        }
        p[n++] = c;
    }
    p[n] = '\0';
    return str_mem(p, n);
}

/* As the original prints a double: at least one digit after the point. */
static struct str decimal(struct arena *a, double v)
{
    struct str s = scalar_text(a, (int64_t)(v * 1000 + 0.5));

    return str_index(s, '.') < s.n ? s : arena_fmt(a, "%.*s.0", STR_ARG(s));
}

/* more: of the container in a pod; NULL for apps. */
static void put_labels(struct env *e, const struct app *app, const struct list *more)
{
    struct sbuf names = SBUF_INIT(1 << 20);

    for (size_t i = 0; i < app->labels.n + (more != NULL ? more->n : 0); i++) {
        const struct kv *l = i < app->labels.n ? LIST_AT(app->labels, struct kv, i)
                                               : LIST_AT(*more, struct kv, i - app->labels.n);
        if (l->k.n > LABEL_NAME_MAX || l->v.n > LABEL_VALUE_MAX)
            continue;
        struct str name = upper(e->a, l->k, true);
        if (names.n != 0)
            sbuf_char(&names, ' ');
        sbuf_str(&names, name);
        put(e, arena_fmt(e->a, "MARATHON_APP_LABEL_%.*s", STR_ARG(name)), l->v);
    }
    put(e, STR("MARATHON_APP_LABELS"), names.n != 0 ? arena_str(e->a, sbuf_view(&names)) : STR(""));
    sbuf_done(&names);
}

static struct str prefixed(struct env *e, const struct marathon_config *c, const char *name)
{
    return arena_fmt(e->a, "%.*s%s", STR_ARG(c->env_prefix), name);
}

static int64_t declared_port(const struct app *app, size_t i)
{
    return app_is_host_mode(app)
               ? LIST_AT(app->port_definitions, struct port_definition, i)->port.v
               : LIST_AT(app->container->port_mappings, struct port_mapping, i)->container_port.v;
}

static void put_ports(struct env *e, const struct launch *l, const struct marathon_config *c)
{
    const struct app *app = &l->spec->app;
    struct sbuf list = SBUF_INIT(1 << 20);

    for (size_t i = 0; i < l->port_count; i++) {
        uint32_t port = l->ports[i] != PORT_NONE ? l->ports[i] : l->container_ports[i];
        struct str value = arena_fmt(e->a, "%u", port), name = app_port_name(app, i);
        int64_t declared = declared_port(app, i);
        bool fixed_container = l->ports[i] == PORT_NONE && declared != 0;

        put(e, arena_fmt(e->a, "%.*sPORT%zu", STR_ARG(c->env_prefix), i), value);
        put(e,
            arena_fmt(e->a, "%.*sPORT_%lld", STR_ARG(c->env_prefix),
                      (long long)(declared != 0 ? declared : port)),
            value);
        if (name.p != NULL)
            put(e,
                arena_fmt(e->a, "%.*sPORT_%.*s", STR_ARG(c->env_prefix), STR_ARG(upper(e->a, name, false))),
                value);
        if (fixed_container)
            continue;
        if (list.n != 0)
            sbuf_char(&list, ',');
        sbuf_fmt(&list, "%u", port);
    }
    if (list.n != 0) {
        struct str all = arena_str(e->a, sbuf_view(&list));
        put(e, prefixed(e, c, "PORT"), str_sub(all, 0, str_index(all, ',')));
        /* Terminated for those who read C strings. */
        e->v[e->n - 1].v = arena_str(e->a, e->v[e->n - 1].v);
        put(e, prefixed(e, c, "PORTS"), all);
    }
    sbuf_done(&list);
}

static void put_user_env(struct env *e, const struct list *env, const struct list *secrets)
{
    LIST_EACH(*env, struct env_value, v)
    {
        if (v->secret.p == NULL)
            put(e, v->name, v->value);
        for (size_t i = 0; v->secret.p != NULL && i < secrets->n; i++) {
            const struct kv *s = LIST_AT(*secrets, struct kv, i);
            size_t newline = s->v.n != 0 && s->v.p[s->v.n - 1] == '\n';
            if (str_eq(s->k, v->secret))
                add(e, (struct task_variable){ v->name, str_sub(s->v, 0, s->v.n - newline), true });
        }
    }
}

struct list task_env(const struct launch *l, const struct marathon_config *c, bool enforce_role,
                     const struct list *secrets, struct arena *a)
{
    const struct app *app = &l->spec->app;
    struct env e = { .a = a };
    struct sbuf b = SBUF_INIT(64);

    put(&e, STR("MESOS_TASK_ID"), l->task_id);
    put(&e, STR("MARATHON_APP_ID"), app->id);
    wall_print(&b, l->spec->version);
    put(&e, STR("MARATHON_APP_VERSION"), arena_str(a, sbuf_view(&b)));
    sbuf_done(&b);
    if (app->container != NULL && app->container->docker != NULL && app->container->type.v == ENGINE_DOCKER)
        put(&e, STR("MARATHON_APP_DOCKER_IMAGE"), app->container->docker->image);
    put(&e, STR("MARATHON_APP_RESOURCE_CPUS"), decimal(a, app->cpus.v));
    put(&e, STR("MARATHON_APP_RESOURCE_MEM"), decimal(a, app->mem.v));
    put(&e, STR("MARATHON_APP_RESOURCE_DISK"), decimal(a, app->disk.v));
    put(&e, STR("MARATHON_APP_RESOURCE_GPUS"), arena_fmt(a, "%lld", (long long)app->gpus.v));
    put(&e, STR("MARATHON_APP_ENFORCE_GROUP_ROLE"), enforce_role ? STR("TRUE") : STR("FALSE"));
    put_labels(&e, app, NULL);
    put(&e, prefixed(&e, c, "HOST"), l->hostname);
    put_ports(&e, l, c);
    put_user_env(&e, &app->env, secrets);
    return (struct list){ true, e.n, e.v };
}

/* Dashes of a name become underscores: a shell could not read the variable otherwise. */
static void put_endpoints(struct env *e, const struct launch *l)
{
    const struct pod *p = l->spec->app.pod;

    for (size_t k = 0; k < p->containers.n; k++) {
        const struct pod_container *pc = LIST_AT(p->containers, struct pod_container, k);
        for (size_t i = 0; i < pc->endpoints.n; i++) {
            struct str name = upper(e->a, LIST_AT(pc->endpoints, struct pod_endpoint, i)->name, true);
            size_t index = pod_port_index(p, k, i);
            if (index >= l->port_count)
                continue;
            struct str host = arena_fmt(e->a, "%u", l->ports[index]);
            if (l->ports[index] != PORT_NONE) {
                put(e, arena_fmt(e->a, "ENDPOINT_%.*s", STR_ARG(name)), host);
                put(e, arena_fmt(e->a, "EP_HOST_%.*s", STR_ARG(name)), host);
            }
            put(e, arena_fmt(e->a, "EP_CONTAINER_%.*s", STR_ARG(name)),
                pod_is_host_mode(p) ? host : arena_fmt(e->a, "%u", l->container_ports[index]));
        }
    }
}

struct list pod_env(const struct launch *l, size_t k, struct str task_id, struct str executor_id,
                    const struct marathon_config *c, bool enforce_role, const struct list *secrets,
                    struct arena *a)
{
    const struct app *app = &l->spec->app;
    const struct pod_container *pc = pod_container(app, k);
    struct env e = { .a = a };
    struct sbuf b = SBUF_INIT(64);

    put_user_env(&e, &app->pod->environment, secrets);
    put_user_env(&e, &pc->environment, secrets);
    put(&e, STR("MESOS_TASK_ID"), task_id);
    put(&e, STR("MESOS_EXECUTOR_ID"), executor_id);
    put(&e, STR("MARATHON_APP_ID"), app->id);
    wall_print(&b, l->spec->version);
    put(&e, STR("MARATHON_APP_VERSION"), arena_str(a, sbuf_view(&b)));
    sbuf_done(&b);
    put(&e, STR("MARATHON_CONTAINER_ID"), pc->name);
    put(&e, STR("MARATHON_CONTAINER_RESOURCE_CPUS"), decimal(a, pc->resources->cpus.v));
    put(&e, STR("MARATHON_CONTAINER_RESOURCE_MEM"), decimal(a, pc->resources->mem.v));
    put(&e, STR("MARATHON_CONTAINER_RESOURCE_DISK"), decimal(a, pc->resources->disk.v));
    put(&e, STR("MARATHON_CONTAINER_RESOURCE_GPUS"), arena_fmt(a, "%lld", (long long)pc->resources->gpus.v));
    put(&e, STR("MARATHON_APP_ENFORCE_GROUP_ROLE"), enforce_role ? STR("TRUE") : STR("FALSE"));
    put_labels(&e, app, &pc->labels);
    put(&e, prefixed(&e, c, "HOST"), l->hostname);
    put_endpoints(&e, l);
    return (struct list){ true, e.n, e.v };
}
