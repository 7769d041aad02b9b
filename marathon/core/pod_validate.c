/* SPDX-License-Identifier: Apache-2.0 */
/* Semantic checks of a filled pod. The texts are Marathon's (marathon-api §3.2, spelling included). What
 * cannot act yet is refused with its path. */
#include "marathon/core/normalise.h"
#include "marathon/core/pathid.h"
#include "marathon/core/pod.h"

struct check {
    const struct pod *p;
    const struct marathon_config *config;
    struct issues *is;
};

static bool endpoint_is_known(const struct pod_container *k, struct str name)
{
    LIST_EACH(k->endpoints, struct pod_endpoint, e)
    if (str_eq(e->name, name))
        return true;
    return false;
}

/* How many endpoints of the whole pod share a name, container port or host port with e. */
static void check_unique(const struct check *c)
{
    bool names = false, container_ports = false, host_ports = false, containers = false;
    struct place pc = PLACE_FIELD(NULL, "containers");

    LIST_EACH(c->p->containers, struct pod_container, k)
    {
        LIST_EACH(c->p->containers, struct pod_container, o)
        {
            containers = containers || (k != o && str_eq(k->name, o->name));
            LIST_EACH(k->endpoints, struct pod_endpoint, e)
            LIST_EACH(o->endpoints, struct pod_endpoint, f)
            {
                if (e == f)
                    continue;
                names = names || str_eq(e->name, f->name);
                container_ports = container_ports || (e->container_port.has && f->container_port.has &&
                                                      e->container_port.v == f->container_port.v);
                host_ports = host_ports || (e->host_port.v != 0 && e->host_port.v == f->host_port.v);
            }
        }
    }
    if (names)
        issue_at(c->is, &pc, "endpoint names nust be unique across all containers");
    if (container_ports)
        issue_at(c->is, &pc, "container ports must be unique across all containers");
    if (host_ports)
        issue_at(c->is, &pc, "host ports must be unique across all containers");
    if (containers)
        issue_at(c->is, &pc, "container names must be unique");
}

static void check_endpoints(const struct check *c, const struct pod_container *k, const struct place *up)
{
    bool host = pod_is_host_mode(c->p);
    size_t i = 0;

    LIST_EACH(k->endpoints, struct pod_endpoint, e)
    {
        struct place at = PLACE_INDEX(up, "endpoints", i++), cp = PLACE_FIELD(&at, "containerPort"),
                     pr = PLACE_FIELD(&at, "protocol");
        if (host && e->container_port.has)
            issue_at(c->is, &cp, "is not allowed when using host-mode networking");
        if (!host && !e->container_port.has)
            issue_at(c->is, &cp, "is required when using container-mode networking");
        for (size_t a = 0; a < e->protocol.n; a++) {
            struct str s = *LIST_AT(e->protocol, struct str, a);
            if (!str_is(s, "tcp") && !str_is(s, "udp"))
                issue_at(c->is, &pr, "must be tcp or udp, got %.*s", STR_ARG(str_sub(s, 0, 60)));
            for (size_t b = 0; b < a; b++)
                if (str_eq(s, *LIST_AT(e->protocol, struct str, b)))
                    issue_at(c->is, &pr, "Duplicate protocols within the same endpoint are not allowed");
        }
    }
}

static void check_health(const struct check *c, const struct pod_container *k, const struct pod_check *h,
                         const char *field, const struct place *up)
{
    struct place at = PLACE_FIELD(up, field), pt = PLACE_FIELD(&at, "timeoutSeconds"),
                 ph = PLACE_FIELD(&at, "http"), ptcp = PLACE_FIELD(&at, "tcp"),
                 ep = PLACE_FIELD(h != NULL && h->http != NULL ? &ph : &ptcp, "endpoint");
    struct str endpoint;

    if (h == NULL)
        return;
    if ((h->http != NULL) + (h->tcp != NULL) + (h->exec != NULL) != 1)
        issue_at(c->is, &at, "Only one of http, tcp, or command may be specified");
    endpoint = h->http != NULL  ? h->http->endpoint
               : h->tcp != NULL ? h->tcp->endpoint
                                : (struct str){ NULL, 0 };
    if (endpoint.p != NULL && !endpoint_is_known(k, endpoint))
        issue_at(c->is, &ep, "contained in the container endpoints");
    if (h->grace_s.has && h->timeout_s.v >= h->interval_s.v)
        issue_at(c->is, &pt, "must be smaller than intervalSeconds (%lld)", (long long)h->interval_s.v);
}

/* Pods are strict here, apps are not. Source: marathon-schemas, Pod.environment. */
static bool is_variable_name(struct str s)
{
    if (s.n == 0 || s.n > 254 || (s.p[0] >= '0' && s.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') && !(ch >= '0' && ch <= '9') && ch != '_')
            return false;
    }
    return true;
}

static bool has_secret(const struct pod *p, struct str name)
{
    LIST_EACH(p->secrets, struct secret_def, s)
    if (str_eq(s->name, name))
        return true;
    return false;
}

static void check_environment(const struct check *c, const struct list *env, const struct place *up)
{
    struct place at = PLACE_FIELD(up, "environment");

    LIST_EACH(*env, struct env_value, v)
    {
        struct place key = PLACE_KEY(&at, v->name), ps = PLACE_FIELD(&key, "secret");
        if (v->secret.p != NULL && !c->config->secrets)
            issue_at(c->is, &ps,
                     "use of secret-references in the environment requires the secrets feature to be enabled");
        else if (v->secret.p != NULL && !has_secret(c->p, v->secret))
            issue_at(c->is, &ps, "references an undefined secret");
        if (!is_variable_name(v->name))
            issue_at(c->is, &key, "must contain only alphanumeric chars or underscore, and must not begin with a number, "
                                  "and be no longer than 254 characters");
    }
}

static void check_mounts(const struct check *c, const struct pod_container *k, const struct place *up)
{
    size_t i = 0;

    LIST_EACH(k->mounts, struct pod_mount, m)
    {
        struct place at = PLACE_INDEX(up, "volumeMounts", i++), pp = PLACE_FIELD(&at, "mountPath"), pn = PLACE_FIELD(&at, "name");
        bool known = false;
        LIST_EACH(c->p->volumes, struct pod_volume, v)
        known = known || str_eq(v->name, m->name);
        if (!known)
            issue_at(c->is, &pn, "Referenced Volume in VolumeMount should exist");
        if (m->mount_path.n == 0)
            issue_at(c->is, &pp, "must not be empty");
    }
}

static void check_image(const struct check *c, const struct pod_image *image, const struct place *up)
{
    struct place pi = PLACE_FIELD(up, "image"), pc = PLACE_FIELD(&pi, "pullConfig");

    if (image == NULL || image->pull_config == NULL)
        return;
    if (!c->config->secrets)
        issue_at(c->is, &pc, "Feature secrets is not enabled. Enable with --enable_features secrets)");
    else if (!has_secret(c->p, image->pull_config->secret))
        issue_at(c->is, &pc, "pullConfig.secret must refer to an existing secret");
}

static void check_container(const struct check *c, const struct pod_container *k, const struct place *at)
{
    struct place res = PLACE_FIELD(at, "resources"), gpus = PLACE_FIELD(&res, "gpus"),
                 limits = PLACE_FIELD(at, "resourceLimits");

    if (k->resources->gpus.v > 0 && !c->config->gpus)
        issue_at(c->is, &gpus,
                 "Feature gpu_resources is not enabled. Enable with --enable_features gpu_resources)");
    if (k->limits != NULL && c->p->legacy_shared_cgroups.v)
        issue_at(c->is, &limits, "resourceLimits cannot be defined if legacySharedCgroups is enabled");
    check_endpoints(c, k, at);
    check_health(c, k, k->health_check, "healthCheck", at);
    check_health(c, k, k->check, "check", at);
    check_environment(c, &k->environment, at);
    check_mounts(c, k, at);
    check_image(c, k->image, at);
    app_validate_linux(k->linux_info, at, c->is);
    app_validate_fetch(&k->artifacts, "artifacts", at, c->is);
}

static void check_volumes(const struct check *c)
{
    struct place all = PLACE_FIELD(NULL, "volumes");
    size_t i = 0;

    LIST_EACH(c->p->volumes, struct pod_volume, v)
    {
        struct place at = PLACE_INDEX(NULL, "volumes", i++), pp = PLACE_FIELD(&at, "persistent"),
                     ps = PLACE_FIELD(&at, "secret");
        bool used = false;
        LIST_EACH(c->p->volumes, struct pod_volume, o)
        if (o < v && str_eq(o->name, v->name))
            issue_at(c->is, &all, "volume names must be unique");
        LIST_EACH(c->p->containers, struct pod_container, k)
        LIST_EACH(k->mounts, struct pod_mount, m)
        used = used || str_eq(m->name, v->name);
        if (!used)
            issue_at(c->is, &at, "volume must be referenced by at least one container");
        if (v->persistent != NULL)
            app_validate_persistent(v->persistent, &pp, c->is);
        if (v->secret.p != NULL && !c->config->secrets)
            issue_at(c->is, &ps, "Feature secrets is not enabled. Enable with --enable_features secrets)");
        else if (v->secret.p != NULL && !has_secret(c->p, v->secret))
            issue_at(c->is, &ps, "volume.secret must refer to an existing secret");
    }
}

/* The rules that pods share with apps, by way of the app that stands for the pod; other issues of that app
 * are about fields that a pod does not have. */
static void check_as_app(const struct check *c, bool enforce_role, struct str stored_role)
{
    const struct pod_placement *pl = c->p->scheduling->placement;
    struct place ps = PLACE_FIELD(NULL, "scheduling"), pp = PLACE_FIELD(&ps, "placement");
    struct app a = { .id = c->p->id, .role = c->p->role, .accepted_roles = pl->accepted_roles };
    struct place pu = PLACE_FIELD(&ps, "unreachableStrategy"), pg = PLACE_FIELD(&ps, "upgrade"),
                 po = PLACE_FIELD(&pg, "maximumOverCapacity"), pr = PLACE_FIELD(NULL, "role");
    bool resident = false;
    char number[DOUBLE_TEXT_MAX];
    struct validate_context vc = { .config = c->config,
                                   .stored_role = stored_role,
                                   .enforce_role = enforce_role };
    size_t i = 0;

    app_validate_identity(&a, &vc, c->is);
    LIST_EACH(c->p->volumes, struct pod_volume, v)
    resident = resident || v->persistent != NULL;
    if (resident && str_is(c->p->role, "*"))
        issue_at(c->is, &pr, "Resident pods cannot have the role *");
    if (resident && !c->p->scheduling->unreachable->disabled.v)
        issue_at(c->is, &pu, "unreachableStrategy must be disabled for pods with persistent volumes");
    if (resident && c->p->scheduling->upgrade->over_capacity.v > 0)
        issue_at(c->is, &po, "got %s, expected 0.0",
                 double_text(c->p->scheduling->upgrade->over_capacity.v, number));
    LIST_EACH(pl->constraints, struct pod_constraint, k)
    {
        struct place at = PLACE_INDEX(&pp, "constraints", i++);
        struct constraint one = { .field = k->field,
                                  .op = k->op,
                                  .op_text = str_of(constraint_op_names[k->op.v]),
                                  .value = k->value,
                                  .parts = { true, k->value.p != NULL ? 3 : 2 } };
        app_validate_constraint(&one, &at, c->is);
    }
}

void pod_validate(const struct pod *p, const struct marathon_config *config, bool enforce_role,
                  struct str stored_role, struct issues *is)
{
    struct check c = { p, config, is };
    struct place pc = PLACE_FIELD(NULL, "containers");
    size_t i = 0;

    if (p->containers.n == 0)
        issue_at(is, &pc, "error.minLength");
    if (p->linux_info != NULL && p->linux_info->seccomp != NULL) {
        struct place pl = PLACE_FIELD(NULL, "linuxInfo"), ps = PLACE_FIELD(&pl, "seccomp");
        issue_at(is, &ps, "Seccomp configuration on executor level is not supported");
    }
    if (p->containers.n > POD_CONTAINERS_MAX) {
        issue_at(is, &pc, "a pod has up to %d containers, this one %zu", POD_CONTAINERS_MAX, p->containers.n);
        return;
    }
    LIST_EACH(p->containers, struct pod_container, k)
    {
        struct place at = PLACE_INDEX(NULL, "containers", i++);
        check_container(&c, k, &at);
    }
    check_unique(&c);
    check_volumes(&c);
    app_validate_secrets(&p->secrets, config, NULL, is);
    app_validate_networks(&p->networks, false, NULL, is);
    check_environment(&c, &p->environment, NULL);
    check_as_app(&c, enforce_role, stored_role);
}
