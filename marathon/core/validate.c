/* SPDX-License-Identifier: Apache-2.0 */
/* Semantic checks of a filled app. The texts are Marathon's: clients and tests match them (marathon-api
 * §3.2). What cannot act yet is refused here, with the field's path: never silently ignored. Constraints and
 * persistent volumes, which pods have as well, are in validate_constraint.c and validate_volumes.c. */
#include "marathon/core/normalise.h"

#include <stdio.h>

#include "marathon/core/pathid.h"
#include "marathon/core/uri.h"

static bool has_secret(const struct app *a, struct str name)
{
    LIST_EACH(a->secrets, struct secret_def, s)
    if (str_eq(s->name, name))
        return true;
    return false;
}

static void feature(struct issues *is, const struct place *p, const char *name)
{
    issue_at(is, p, "Feature %s is not enabled. Enable with --enable_features %s)", name, name);
}

static void check_id(const struct app *a, const struct place *root, struct issues *is)
{
    static const char *const reserved[] = { "restart", "tasks", "versions", ".", ".." };
    struct place p = PLACE_FIELD(root, "id");

    if (a->id.n > APP_ID_BYTES_MAX)
        issue_at(is, &p, "is %zu characters long; task ids are made of it, so %d is the limit", a->id.n,
                 APP_ID_BYTES_MAX);
    if (path_is_root(a->id)) {
        issue_at(is, &p, "Path must contain at least one path element");
        issue_at(is, root, "must not be root");
        return;
    }
    if (!path_matches_pattern(a->id)) /* of a body it was looked at before: it is the URL's */
        issue_at(is, &p, "must fully match regular expression '^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|"
                         "[a-z0-9][a-z0-9\\-]*[a-z0-9])|(\\.|\\.\\.)$'");
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (str_is(path_last(a->id), reserved[i]))
            issue_at(
                is, &p,
                "must not end with any of the following reserved keywords: restart, tasks, versions, ., ..");
}

static void check_command(const struct app *a, const struct place *root, struct issues *is)
{
    bool cmd = a->cmd.p != NULL, args = a->args.n != 0,
         image = a->container != NULL && a->container->docker != NULL;

    if ((cmd && args) || (!cmd && !args && !image))
        issue_at(is, root, "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.");
    if (cmd && a->cmd.n < 2)
        issue_at(is, root, "must not be an empty string");
}

static void check_port_names(const struct app *a, const struct place *p, const char *ports_text,
                             struct issues *is)
{
    size_t n = app_port_count(a);

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            struct str x = app_port_name(a, i), y = app_port_name(a, k);
            int64_t v = app_service_port(a, i);
            if (x.p != NULL && y.p != NULL && str_eq(x, y))
                issue_at(is, p, "Port names must be unique.");
            if (ports_text != NULL && v != 0 && v == app_service_port(a, k))
                issue_at(is, p, "%s", ports_text);
        }
}

enum { PORTS_PER_APP_MAX = 2000 };

static void check_ports(const struct app *a, const struct place *root, struct issues *is)
{
    struct place pd = PLACE_FIELD(root, "portDefinitions"), ct = PLACE_FIELD(root, "container"),
                 pm = PLACE_FIELD(&ct, "portMappings");

    if (app_port_count(a) > PORTS_PER_APP_MAX) {
        issue_at(is, root, "has %zu ports; the limit is %d", app_port_count(a), PORTS_PER_APP_MAX);
        return;
    }
    if (app_is_host_mode(a)) {
        if (a->container != NULL && a->container->port_mappings.n != 0)
            issue_at(is, root, "portMappings are not allowed with host-networking");
        check_port_names(a, &pd, "Ports must be unique.", is);
        return;
    }
    if (a->port_definitions.n != 0)
        issue_at(is, root, "portDefinitions are only allowed with host-networking");
    check_port_names(a, &pm, NULL, is);
    size_t i = 0;
    LIST_EACH(a->container->port_mappings, struct port_mapping, m)
    {
        struct place p = PLACE_INDEX(&ct, "portMappings", i++);
        if (m->host_port.has && a->networks.n > 1 && m->network_names.n != 1)
            issue_at(is, &p,
                     "networkNames must be a single item list when hostPort is specified and more than 1 "
                     "container network is defined");
    }
}

void app_validate_networks(const struct list *networks, bool docker, const struct place *root, struct issues *is)
{
    struct place p = PLACE_FIELD(root, "networks");
    size_t hosts = 0, bridges = 0, containers = 0, i = 0;

    LIST_EACH(*networks, struct network, n)
    {
        switch ((enum net_mode)n->mode.v) {
        case NET_HOST:
            hosts++;
            if (n->name.p != NULL || n->labels.n != 0)
                issue_at(is, &p, "Host networks may not have names or labels");
            break;
        case NET_BRIDGE:
            bridges++;
            if (n->name.p != NULL)
                issue_at(is, &p, "Bridge networks may not have names");
            break;
        case NET_CONTAINER:
            containers++;
            if (n->name.p == NULL)
                issue_at(is, &p, "Network name must be specified when container network is selected.");
            for (size_t k = 0; k < i; k++)
                if (str_eq(LIST_AT(*networks, struct network, k)->name, n->name))
                    issue_at(is, &p, "Duplicate networks are not allowed");
            break;
        }
        i++;
    }
    if (hosts + bridges > 1 || (hosts + bridges == 1 && containers != 0))
        issue_at(
            is, &p,
            "May specify a single host network, single bridge network, or else 1-to-n container networks");
    if (containers > 1 && docker)
        issue_at(is, &p,
                 "may only specify a single container network when using the Docker container engine");
}

static void check_health(const struct app *a, const struct place *root, struct issues *is)
{
    size_t mesos = 0, i = 0;

    LIST_EACH(a->health_checks, struct health_check, h)
    {
        struct place p = PLACE_INDEX(root, "healthChecks", i++);
        enum hc_protocol proto = (enum hc_protocol)h->protocol.v;
        mesos += !hc_is_ours(proto);
        if (proto == HC_COMMAND) {
            if (h->command == NULL)
                issue_at(is, &p, "command must be specified when protocol is COMMAND");
            continue;
        }
        if (h->command != NULL)
            issue_at(is, &p, "command is only allowed with protocol COMMAND");
        if (h->port.has && h->port_index.has)
            issue_at(is, &p, "HealthCheck must specify either a port or a portIndex");
        if (h->port_index.has ? h->port_index.v >= (int64_t)app_port_count(a)
                              : !h->port.has && app_port_count(a) == 0)
            issue_at(is, &p,
                     "Health check port indices must address an element of the ports array or container port "
                     "mappings.");
        if (h->ip_protocol.v == 1 &&
            (hc_is_ours(proto) || a->container == NULL || a->container->type.v != ENGINE_DOCKER))
            issue_at(
                is, root,
                "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks");
        if (h->timeout_s.v < 0) {
            struct place t = PLACE_FIELD(&p, "timeoutSeconds");
            issue_at(is, &t, "got %lld, expected 0 or more", (long long)h->timeout_s.v);
        }
    }
    if (mesos > 1)
        issue_at(is, root, "AppDefinition can contain at most one Mesos health check");
}

static void check_readiness(const struct app *a, const struct place *root, struct issues *is)
{
    size_t i = 0;

    if (a->readiness_checks.n > 1) {
        struct place p = PLACE_FIELD(root, "readinessChecks");
        issue_at(is, &p, "may not have more than 1 elements");
    }
    LIST_EACH(a->readiness_checks, struct readiness_check, r)
    {
        struct place p = PLACE_INDEX(root, "readinessChecks", i++), pn = PLACE_FIELD(&p, "portName"),
                     pt = PLACE_FIELD(&p, "timeoutSeconds");
        bool found = false;
        for (size_t k = 0; k < app_port_count(a); k++)
            found = found || str_eq(app_port_name(a, k), r->port_name);
        if (!found)
            issue_at(is, &pn, "No port definition reference for portName %.*s", STR_ARG(r->port_name));
        if (r->timeout_s.v >= r->interval_s.v)
            issue_at(is, &pt, "Timeout (%lld seconds) must be less than the interval (%lld seconds)",
                     (long long)r->timeout_s.v, (long long)r->interval_s.v);
    }
}

static void check_check(const struct app *a, const struct place *root, struct issues *is)
{
    struct place p = PLACE_FIELD(root, "check");

    if (a->check == NULL)
        return;
    if (a->container != NULL && a->container->type.v == ENGINE_DOCKER && a->container->docker != NULL)
        issue_at(is, root, "AppDefinition must not use 'checks' if using docker");
    if ((a->check->http != NULL) + (a->check->tcp != NULL) + (a->check->exec != NULL) != 1)
        issue_at(is, &p, "Only one of http, tcp, or command may be specified");
}

static void check_volume(const struct app *a, const struct volume *v, const struct validate_context *vc,
                         const struct place *p, struct issues *is)
{
    if (v->persistent != NULL) {
        struct place pp = PLACE_FIELD(p, "persistent"), cp = PLACE_FIELD(p, "containerPath"),
                     pm = PLACE_FIELD(p, "mode");
        if (str_contains(v->container_path, STR("/")))
            issue_at(is, &cp, "value must not contain \"/\"");
        if (str_is(v->container_path, ".") || str_is(v->container_path, "..") ||
            str_contains(v->container_path, STR("#")))
            issue_at(is, &cp, "got '%.*s', expected the name of a folder in the sandbox without '#'",
                     STR_ARG(v->container_path));
        if (v->mode.v != MODE_RW)
            issue_at(is, &pm, "got RO, expected RW");
        app_validate_persistent(v->persistent, &pp, is);
    } else if (v->external != NULL) {
        if (!vc->config->external_volumes)
            feature(is, p, "external_volumes");
        else
            app_validate_external(a, v, p, is);
    } else if (v->secret.p != NULL) {
        if (!vc->config->secrets)
            feature(is, p, "secrets");
        else if (!has_secret(a, v->secret))
            issue_at(is, p, "volume.secret must refer to an existing secret");
    }
}

void app_validate_linux(const struct linux_info *l, const struct place *up, struct issues *is)
{
    struct place p = PLACE_FIELD(up, "linuxInfo"), ps = PLACE_FIELD(&p, "seccomp"), pi = PLACE_FIELD(&p, "ipcInfo");

    if (l == NULL)
        return;
    if (l->seccomp != NULL) {
        bool profile = l->seccomp->profile.p != NULL, open = l->seccomp->unconfined.v;
        if (profile && open)
            issue_at(is, &ps, "Seccomp unconfined can NOT be true when Profile is defined");
        if (!profile && !open)
            issue_at(is, &ps, "Seccomp unconfined must be true when Profile is NOT defined");
    }
    if (l->ipc != NULL && l->ipc->mode.v == 1 && l->ipc->shm_size.has)
        issue_at(is, &pi, "ipcInfo shmSize can NOT be set when mode is SHARE_PARENT");
}

static void check_container(const struct app *a, const struct validate_context *vc, const struct place *root,
                            struct issues *is)
{
    const struct container *c = a->container;
    struct place p = PLACE_FIELD(root, "container"), pd = PLACE_FIELD(&p, "docker"),
                 pc = PLACE_FIELD(&pd, "pullConfig");
    size_t i = 0;

    if (c == NULL)
        return;
    if (c->type.v == ENGINE_DOCKER && c->docker == NULL)
        issue_at(is, &pd, "not defined");
    if (c->type.v == ENGINE_DOCKER && c->docker != NULL && c->docker->credential != NULL) {
        struct place pl = PLACE_FIELD(&pd, "credential");
        issue_at(is, &pl, "must be empty");
    }
    if (c->docker != NULL && c->docker->pull_config != NULL) {
        if (c->type.v == ENGINE_DOCKER)
            issue_at(is, &pc, "pullConfig is not supported with Docker containerizer");
        if (!vc->config->secrets) {
            issue_at(is, &pc, "must be empty");
            feature(is, &pc, "secrets");
        } else if (!has_secret(a, c->docker->pull_config->secret)) {
            issue_at(is, &pc, "pullConfig.secret must refer to an existing secret");
        }
    }
    LIST_EACH(c->volumes, struct volume, v)
    {
        struct place pv = PLACE_INDEX(&p, "volumes", i++);
        check_volume(a, v, vc, &pv, is);
    }
    app_validate_volumes_together(a, root, is);
    app_validate_linux(c->linux_info, &p, is);
}

void app_validate_fetch(const struct list *fetch, const char *name, const struct place *up, struct issues *is)
{
    size_t i = 0;

    LIST_EACH(*fetch, struct artifact, f)
    {
        struct place at = PLACE_INDEX(up, name, i++), pu = PLACE_FIELD(&at, "uri");
        if (!uri_is_valid(f->uri))
            issue_at(is, &pu, "URI has invalid syntax.");
    }
}

void app_validate_secrets(const struct list *secrets, const struct marathon_config *config, const struct place *root, struct issues *is)
{
    struct place p = PLACE_FIELD(root, "secrets");

    if (secrets->n != 0 && !config->secrets)
        feature(is, &p, "secrets");
    LIST_EACH(*secrets, struct secret_def, s)
    {
        struct place k = PLACE_KEY(&p, s->name), ps = PLACE_FIELD(&k, "source");
        struct str rest = s->source, part;
        bool leaves = false; /* a slash in front is that of the store */
        for (bool more = true; more;) {
            more = str_cut(&rest, '/', &part);
            leaves = leaves || str_is(part, "..");
        }
        if (leaves)
            issue_at(is, &ps, "must be a path below the store of secrets");
    }
}

static void check_secrets(const struct app *a, const struct validate_context *vc, const struct place *root,
                          struct issues *is)
{
    struct place pe = PLACE_FIELD(root, "env");

    app_validate_secrets(&a->secrets, vc->config, root, is);
    LIST_EACH(a->env, struct env_value, e)
    {
        if (e->secret.p == NULL)
            continue;
        struct place k = PLACE_KEY(&pe, e->name), ks = PLACE_FIELD(&k, "secret");
        if (!has_secret(a, e->secret))
            issue_at(is, &ks, "references an undefined secret");
        if (!vc->config->secrets)
            issue_at(
                is, root,
                "use of secret-references in the environment requires the secrets feature to be enabled");
    }
}

static void check_strategies(const struct app *a, const struct place *root, struct issues *is)
{
    struct place pu = PLACE_FIELD(root, "upgradeStrategy"), pr = PLACE_FIELD(root, "unreachableStrategy");
    bool resident = app_is_resident(a), every = app_is_every(a);
    const struct {
        const char *name;
        double v;
        bool zero;
    } caps[] = { { "maximumOverCapacity", a->upgrade->over_capacity.v, resident || every },
                 { "minimumHealthCapacity", a->upgrade->health_capacity.v, false } };

    for (size_t i = 0; i < 2; i++) {
        struct place p = PLACE_FIELD(&pu, caps[i].name);
        char number[DOUBLE_TEXT_MAX];
        if (caps[i].v < 0 || caps[i].v > 1)
            issue_at(is, &p, "got %s, expected between 0.0 and 1.0", double_text(caps[i].v, number));
        else if (caps[i].zero && caps[i].v > 0)
            issue_at(is, &p, "got %s, expected 0.0", double_text(caps[i].v, number));
    }
    if (a->upgrade->rollback != NULL && !a->upgrade->rollback->failures_max.has &&
        !a->upgrade->rollback->deadline_s.has) {
        struct place p = PLACE_FIELD(&pu, "autoRollback");
        issue_at(is, &p, "must say when: maxFailures, deadlineSeconds or both");
    }
    if (resident && !a->unreachable->disabled.v)
        issue_at(is, &pr, "unreachableStrategy must be disabled for resident tasks");
    if (!a->unreachable->disabled.v && a->unreachable->inactive_s.v > a->unreachable->expunge_s.v)
        issue_at(is, &pr,
                 "inactiveAfterSeconds (%lld) must be less or equal to expungeAfterSeconds, which is %lld",
                 (long long)a->unreachable->inactive_s.v, (long long)a->unreachable->expunge_s.v);
    if (str_eq_nocase(app_label(a, STR("MARATHON_SINGLE_INSTANCE_APP")), STR("true")) && a->instances.v > 1) {
        struct place p = PLACE_FIELD(root, "instances");
        issue_at(is, &p, "Single instance app may only have one instance");
    }
}

static void check_limit(const struct resource_limit *l, double requested, const struct place *up,
                        const char *name, struct issues *is)
{
    struct place p = PLACE_FIELD(up, name);
    char number[DOUBLE_TEXT_MAX];

    if (l == NULL)
        return;
    if (l->bad.p != NULL)
        issue_at(is, &p, "'%.*s' is an invalid resource limit. It must be 'unlimited' or a number",
                 STR_ARG(l->bad));
    else if (!l->unlimited.v && l->value.v < requested)
        issue_at(is, &p, "resource limit must be greater than or equal to requested resource (%s)",
                 double_text(requested, number));
}

static void check_roles(const struct app *a, const struct validate_context *vc, const struct place *root,
                        struct issues *is)
{
    struct place p = PLACE_FIELD(root, "role"), pa = PLACE_FIELD(root, "acceptedResourceRoles");
    struct str top = path_top_group(a->id), valid[3];
    size_t n = 0;
    bool good = false;
    char text[512];
    size_t at = 0;

    if (!vc->enforce_role || top.n == 0)
        valid[n++] = vc->config->role;
    if (top.n != 0 && (vc->enforce_role || !vc->in_group))
        valid[n++] = top;
    if (vc->stored_role.p != NULL)
        valid[n++] = vc->stored_role;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        bool twice = false;
        good = good || str_eq(valid[i], a->role);
        for (size_t k = 0; k < i; k++)
            twice = twice || str_eq(valid[i], valid[k]);
        if (!twice && at < sizeof text - 140)
            at += (size_t)snprintf(text + at, 130, "%s%.*s", at != 0 ? ", " : "",
                                   STR_ARG(str_sub(valid[i], 0, 120)));
    }
    if (!good)
        issue_at(is, &p, "got %.*s, expected one of: [%s]", STR_ARG(a->role), text);
    if (app_is_resident(a) && str_is(a->role, "*"))
        issue_at(is, &p, "Resident apps cannot have the role *");
    if (a->accepted_roles.has && a->accepted_roles.n == 0)
        issue_at(is, &pa, "must not be empty");
    LIST_EACH(a->accepted_roles, struct str, r)
    if (!str_is(*r, "*") && !str_eq(*r, a->role)) {
        issue_at(is, &pa, "acceptedResourceRoles can only contain * and %.*s", STR_ARG(a->role));
        break;
    }
}

static void check_numbers(const struct app *a, const struct validate_context *vc, const struct place *root,
                          struct issues *is)
{
    struct place pl = PLACE_FIELD(root, "resourceLimits");

    if (a->gpus.v > 0) {
        if (!vc->config->gpus)
            feature(is, root, "gpu_resources");
        if (a->container != NULL && a->container->type.v == ENGINE_DOCKER)
            issue_at(is, root, "GPU resources only work with the Mesos containerizer");
    }
    if (a->resource_limits != NULL) {
        check_limit(a->resource_limits->cpus, a->cpus.v, &pl, "cpus", is);
        check_limit(a->resource_limits->mem, a->mem.v, &pl, "mem", is);
    }
}

/* The same of pods, in the words that the original has for these. */
/* What cannot be said of an app with one instance on every agent. */
static void check_every(const struct app *a, const struct place *root, struct issues *is)
{
    struct place pc = PLACE_FIELD(root, "container"), pv = PLACE_FIELD(&pc, "volumes");
    size_t i = 0;

    if (!app_is_every(a))
        return;
    LIST_EACH(a->constraints, struct constraint, c)
    {
        struct place p = PLACE_INDEX(root, "constraints", i++);
        if (c->op.v == OP_GROUP_BY)
            issue_at(is, &p, "GROUP_BY spreads a number of instances; with EVERY the agents say how many there are");
    }
    if (app_is_resident(a))
        issue_at(is, &pv, "an app with EVERY cannot have persistent volumes; a hostPath is kept on its agent as well");
    if (str_eq_nocase(app_label(a, STR("MARATHON_SINGLE_INSTANCE_APP")), STR("true")))
        issue_at(is, root, "MARATHON_SINGLE_INSTANCE_APP and a constraint EVERY contradict each other");
}

void app_validate(const struct app *a, const struct validate_context *vc, struct issues *is)
{
    const struct place *root = vc->place;
    size_t i = 0;

    check_id(a, root, is);
    check_command(a, root, is);
    LIST_EACH(a->constraints, struct constraint, c)
    {
        struct place p = PLACE_INDEX(root, "constraints", i++);
        constraint_validate(c, &p, is);
    }
    app_validate_networks(&a->networks, a->container != NULL && a->container->type.v == ENGINE_DOCKER, root, is);
    check_ports(a, root, is);
    check_health(a, root, is);
    check_readiness(a, root, is);
    check_check(a, root, is);
    check_container(a, vc, root, is);
    app_validate_fetch(&a->fetch, "fetch", root, is);
    check_secrets(a, vc, root, is);
    check_strategies(a, root, is);
    check_roles(a, vc, root, is);
    check_numbers(a, vc, root, is);
    check_every(a, root, is);
    if (vc->stored != NULL)
        app_validate_resident_update(vc->stored, a, root, is);
}

void app_validate_identity(const struct app *a, const struct validate_context *vc, struct issues *is)
{
    check_id(a, vc->place, is);
    check_roles(a, vc, vc->place, is);
}
