/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of tasks and executors, in the order in which the rules are documented: the first that is broken is
 * the one reported. Rules that need the master's state (ids in use, the offer's agent, what is left of the offer) are not here. */
#include <math.h>

#include "common/model/ids.h"
#include "common/model/resources.h"
#include "common/wire/validate.h"

#define EXECUTOR_CPUS_MIN_MILLI 10     /* 0.01 */
#define EXECUTOR_MEM_MIN_MILLI  32000  /* 32 MB */

static int invalid(struct error *err, const char *what)
{
    return error_set(err, ERR_INVALID, "%s", what);
}

/* --- commands --- */

static int secret_check(const Mesos__V1__Secret *s, struct error *err)
{
    if (!s->has_type)
        return invalid(err, "Secret: expecting 'type' to be present");
    switch (s->type) {
    case MESOS__V1__SECRET__TYPE__REFERENCE:
        if (s->reference == NULL || s->value != NULL)
            return invalid(err, "Secret of type REFERENCE must have 'reference' set and 'value' not set");
        return 0;
    case MESOS__V1__SECRET__TYPE__VALUE:
        if (s->value == NULL || s->reference != NULL)
            return invalid(err, "Secret of type VALUE must have 'value' set and 'reference' not set");
        return 0;
    case MESOS__V1__SECRET__TYPE__UNKNOWN:
    case _MESOS__V1__SECRET__TYPE_IS_INT_SIZE:
        break;
    }
    return invalid(err, "Secret has an unknown type");
}

static int variable_check(const Mesos__V1__Environment__Variable *v, struct error *err)
{
    switch (v->type) { /* VALUE when absent */
    case MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__VALUE:
        if (v->value == NULL)
            return error_set(err, ERR_INVALID, "Environment variable '%s' of type 'VALUE' must have a value set", v->name);
        if (v->secret != NULL)
            return error_set(err, ERR_INVALID, "Environment variable '%s' of type 'VALUE' must not have a secret set",
                             v->name);
        return 0;
    case MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__SECRET:
        if (v->secret == NULL)
            return error_set(err, ERR_INVALID, "Environment variable '%s' of type 'SECRET' must have a secret set", v->name);
        if (v->value != NULL)
            return error_set(err, ERR_INVALID, "Environment variable '%s' of type 'SECRET' must not have a value set",
                             v->name);
        if (v->secret->value != NULL && memchr(v->secret->value->data.data, '\0', v->secret->value->data.len) != NULL)
            return error_set(err, ERR_INVALID, "Environment variable '%s' has a secret with a null byte", v->name);
        return secret_check(v->secret, err) == 0 ? 0 : error_wrap(err, "Environment variable '%s'", v->name);
    case MESOS__V1__ENVIRONMENT__VARIABLE__TYPE__UNKNOWN:
    case _MESOS__V1__ENVIRONMENT__VARIABLE__TYPE_IS_INT_SIZE:
        break;
    }
    return error_set(err, ERR_INVALID, "Environment variable '%s' of type 'UNKNOWN' is not allowed", v->name);
}

int validate_environment(const Mesos__V1__Environment *e, struct error *err)
{
    for (size_t i = 0; i < e->n_variables; i++) {
        int rc = variable_check(e->variables[i], err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int validate_command(const Mesos__V1__CommandInfo *c, struct error *err)
{
    return c->environment != NULL ? validate_environment(c->environment, err) : 0;
}

/* --- containers --- */

static int volume_source_check(const Mesos__V1__Volume__Source *s, struct error *err)
{
    const void *set = NULL;

    if (!s->has_type)
        return invalid(err, "'source.type' must be set");
    switch (s->type) {
    case MESOS__V1__VOLUME__SOURCE__TYPE__DOCKER_VOLUME:
        set = s->docker_volume;
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__HOST_PATH:
        set = s->host_path;
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH:
        set = s->sandbox_path;
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__SECRET:
        set = s->secret;
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__CSI_VOLUME:
        set = s->csi_volume;
        break;
    case MESOS__V1__VOLUME__SOURCE__TYPE__UNKNOWN:
    case _MESOS__V1__VOLUME__SOURCE__TYPE_IS_INT_SIZE:
        return invalid(err, "'source.type' is unknown");
    }
    if (set == NULL)
        return invalid(err, "the message of 'source.type' must be set");
    if (s->sandbox_path != NULL && s->type == MESOS__V1__VOLUME__SOURCE__TYPE__SANDBOX_PATH && !s->sandbox_path->has_type)
        return invalid(err, "'source.sandbox_path.type' must be set");
    return 0;
}

static int volume_check(const Mesos__V1__Volume *v, struct error *err)
{
    if ((v->host_path != NULL) + (v->image != NULL) + (v->source != NULL) != 1)
        return invalid(err, "Only one of them should be set: 'host_path', 'image' and 'source'");
    return v->source != NULL ? volume_source_check(v->source, err) : 0;
}

int validate_container(const Mesos__V1__ContainerInfo *c, struct error *err)
{
    for (size_t i = 0; i < c->n_volumes; i++) {
        if (volume_check(c->volumes[i], err) != 0)
            return error_wrap(err, "Invalid volume '%s'", c->volumes[i]->container_path);
    }
    if (c->type != MESOS__V1__CONTAINER_INFO__TYPE__DOCKER)
        return 0;
    if (c->docker == NULL)
        return invalid(err, "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo");
    for (size_t i = 0; i < c->docker->n_parameters; i++)
        if (strcmp(c->docker->parameters[i]->key, "name") == 0)
            return invalid(err, "Parameter in DockerInfo must not be 'name'");
    return 0;
}

/* --- checks --- */

static int time_check(bool has, double v, const char *field, struct error *err)
{
    if (has && !(v >= 0 && isfinite(v)))
        return error_set(err, ERR_INVALID, "Expecting '%s' to be non-negative, it is %g", field, v);
    return 0;
}

static int check_command(const Mesos__V1__CommandInfo *c, struct error *err)
{
    bool shell = !c->has_shell || c->shell;

    if (c->value == NULL)
        return invalid(err, shell ? "Shell command is not specified" : "Executable path is not specified");
    return validate_command(c, err);
}

static int path_check(const char *path, struct error *err)
{
    if (path != NULL && path[0] != '/')
        return error_set(err, ERR_INVALID, "The path '%s' of HTTP check must start with '/'", path);
    return 0;
}

static int check_body(const Mesos__V1__CheckInfo *c, struct error *err)
{
    if (!c->has_type)
        return invalid(err, "CheckInfo must specify 'type'");
    switch (c->type) {
    case MESOS__V1__CHECK_INFO__TYPE__COMMAND:
        if (c->command == NULL)
            return invalid(err, "Expecting 'command' to be set for COMMAND check");
        return check_command(c->command->command, err);
    case MESOS__V1__CHECK_INFO__TYPE__HTTP:
        return c->http == NULL ? invalid(err, "Expecting 'http' to be set for HTTP check") : path_check(c->http->path, err);
    case MESOS__V1__CHECK_INFO__TYPE__TCP:
        return c->tcp == NULL ? invalid(err, "Expecting 'tcp' to be set for TCP check") : 0;
    case MESOS__V1__CHECK_INFO__TYPE__UNKNOWN:
    case _MESOS__V1__CHECK_INFO__TYPE_IS_INT_SIZE:
        break;
    }
    return invalid(err, "'UNKNOWN' is not a valid check type");
}

int validate_check(const Mesos__V1__CheckInfo *c, struct error *err)
{
    int rc = check_body(c, err);

    if (rc == 0)
        rc = time_check(c->has_delay_seconds, c->delay_seconds, "delay_seconds", err);
    if (rc == 0)
        rc = time_check(c->has_interval_seconds, c->interval_seconds, "interval_seconds", err);
    if (rc == 0)
        rc = time_check(c->has_timeout_seconds, c->timeout_seconds, "timeout_seconds", err);
    return rc;
}

static int health_http_check(const Mesos__V1__HealthCheck__HTTPCheckInfo *h, struct error *err)
{
    if (h->scheme != NULL && strcmp(h->scheme, "http") != 0 && strcmp(h->scheme, "https") != 0)
        return error_set(err, ERR_INVALID, "Unsupported HTTP health check scheme: '%s'", h->scheme);
    return path_check(h->path, err);
}

static int health_body(const Mesos__V1__HealthCheck *h, struct error *err)
{
    if (!h->has_type)
        return invalid(err, "HealthCheck must specify 'type'");
    switch (h->type) {
    case MESOS__V1__HEALTH_CHECK__TYPE__COMMAND:
        if (h->command == NULL)
            return invalid(err, "Expecting 'command' to be set for COMMAND health check");
        return check_command(h->command, err);
    case MESOS__V1__HEALTH_CHECK__TYPE__HTTP:
        return h->http == NULL ? invalid(err, "Expecting 'http' to be set for HTTP health check")
                               : health_http_check(h->http, err);
    case MESOS__V1__HEALTH_CHECK__TYPE__TCP:
        return h->tcp == NULL ? invalid(err, "Expecting 'tcp' to be set for TCP health check") : 0;
    case MESOS__V1__HEALTH_CHECK__TYPE__UNKNOWN:
    case _MESOS__V1__HEALTH_CHECK__TYPE_IS_INT_SIZE:
        break;
    }
    return invalid(err, "'UNKNOWN' is not a valid health check type");
}

int validate_health_check(const Mesos__V1__HealthCheck *h, struct error *err)
{
    int rc = health_body(h, err);

    if (rc == 0)
        rc = time_check(h->has_delay_seconds, h->delay_seconds, "delay_seconds", err);
    if (rc == 0)
        rc = time_check(h->has_grace_period_seconds, h->grace_period_seconds, "grace_period_seconds", err);
    if (rc == 0)
        rc = time_check(h->has_interval_seconds, h->interval_seconds, "interval_seconds", err);
    if (rc == 0)
        rc = time_check(h->has_timeout_seconds, h->timeout_seconds, "timeout_seconds", err);
    return rc;
}

int validate_kill_policy(const Mesos__V1__KillPolicy *k, struct error *err)
{
    if (k->grace_period != NULL && k->grace_period->nanoseconds < 0)
        return invalid(err, "Task's 'kill_policy.grace_period' must be non-negative");
    return 0;
}

/* --- resources of a description --- */

static int resource_disk_check(const struct resource *r, struct error *err)
{
    const struct disk *d = r->disk;

    if (d == NULL)
        return 0;
    if (d->persistence == NULL) {
        if (d->has_volume)
            return invalid(err, "Non-persistent volume not supported");
        return d->has_source ? 0 : invalid(err, "DiskInfo is set but empty");
    }
    if (r->reservations == NULL)
        return invalid(err, "Persistent volumes cannot be created from unreserved resources");
    if (!d->has_volume)
        return invalid(err, "Expecting 'volume' to be set for persistent volume");
    if (d->host_path != NULL)
        return invalid(err, "Expecting 'host_path' to be unset for persistent volume");
    if (id_check(name_str(d->persistence), err) != 0)
        return error_wrap(err, "Persistence ID");
    return 0;
}

int validate_resources(const struct resources *r, struct error *err)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const struct resource *x = &r->v[i];
        int rc = resource_disk_check(x, err);

        if (rc == 0)
            rc = resource_gpus_check(x, err);
        if (rc != 0)
            return rc;
        for (uint32_t j = 0; j < i; j++) {
            const struct resource *y = &r->v[j];

            if (x->name == y->name && x->revocable != y->revocable)
                return error_set(err, ERR_INVALID, "Cannot use both revocable and non-revocable '%s' at the same time",
                                 x->name->text);
            if (x->role != y->role)
                return error_set(err, ERR_INVALID, "The resources have multiple allocation roles ('%s' and '%s') but only one "
                                                   "allocation role is allowed",
                                 y->role != NULL ? y->role->text : "", x->role != NULL ? x->role->text : "");
            if (resource_is_persistent_volume(x) && resource_is_persistent_volume(y) && !x->shared && !y->shared &&
                x->disk->persistence == y->disk->persistence &&
                resource_reservation_role(x) == resource_reservation_role(y))
                return error_set(err, ERR_INVALID, "Persistence ID '%s' is not unique", x->disk->persistence->text);
        }
    }
    return 0;
}

/* Parts of a description in the repeated field itself: the collection has merged equal ones. */
static int parts_check(Mesos__V1__Resource *const *v, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        const Mesos__V1__Resource *x = v[i];

        if (x->shared != NULL || x->disk == NULL || x->disk->persistence == NULL)
            continue;
        for (size_t j = 0; j < i; j++)
            if (v[j]->disk != NULL && v[j]->disk->persistence != NULL && v[j]->shared == NULL &&
                strcmp(v[j]->disk->persistence->id, x->disk->persistence->id) == 0 && x->n_reservations > 0 &&
                v[j]->n_reservations > 0 && x->reservations[x->n_reservations - 1]->role != NULL &&
                v[j]->reservations[v[j]->n_reservations - 1]->role != NULL &&
                strcmp(x->reservations[x->n_reservations - 1]->role, v[j]->reservations[v[j]->n_reservations - 1]->role) == 0)
                return error_set(err, ERR_INVALID, "Persistence ID '%s' is not unique", x->disk->persistence->id);
    }
    return 0;
}

/* --- executors --- */

static int executor_type_check(const Mesos__V1__ExecutorInfo *e, bool is_group, struct error *err)
{
    bool is_default = e->has_type && e->type == MESOS__V1__EXECUTOR_INFO__TYPE__DEFAULT;

    if (e->has_type && e->type == MESOS__V1__EXECUTOR_INFO__TYPE__UNKNOWN)
        return invalid(err, "Unknown executor type");
    if (!is_group && is_default)
        return invalid(err, "'ExecutorInfo.type' DEFAULT is for task groups; a LAUNCH needs CUSTOM or no type");
    if (is_group && !e->has_type)
        return invalid(err, "'ExecutorInfo.type' must be set for a task group");
    if (!is_default)
        return e->command == NULL ? invalid(err, "'ExecutorInfo.command' must be set for 'CUSTOM' executor") : 0;
    if (e->command != NULL)
        return invalid(err, "'ExecutorInfo.command' must not be set for 'DEFAULT' executor");
    if (e->container == NULL)
        return 0;
    if (e->container->type != MESOS__V1__CONTAINER_INFO__TYPE__MESOS)
        return invalid(err, "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor");
    if (e->container->mesos != NULL && e->container->mesos->image != NULL)
        return invalid(err, "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor");
    return 0;
}

static int executor_group_check(const Mesos__V1__ExecutorInfo *e, const struct resources *r, struct error *err)
{
    if (e->container != NULL && e->container->type == MESOS__V1__CONTAINER_INFO__TYPE__DOCKER)
        return invalid(err, "Docker ContainerInfo is not supported on the executor");
    if (resources_milli(r, NAME_CPUS) < EXECUTOR_CPUS_MIN_MILLI)
        return error_set(err, ERR_INVALID, "Executor '%s' uses less CPUs than the minimum required (0.01)",
                         e->executor_id->value);
    if (resources_milli(r, NAME_MEM) < EXECUTOR_MEM_MIN_MILLI)
        return error_set(err, ERR_INVALID, "Executor '%s' uses less memory than the minimum required (32MB)",
                         e->executor_id->value);
    if (resources_milli(r, NAME_DISK) == 0)
        return error_set(err, ERR_INVALID, "Executor '%s' does not use any 'disk'", e->executor_id->value);
    return 0;
}

int validate_executor(const Mesos__V1__ExecutorInfo *e, const struct resources *resources, bool is_group,
                      struct error *err)
{
    int rc = executor_type_check(e, is_group, err);

    if (rc == 0)
        rc = id_check(str_of(e->executor_id->value), err);
    if (rc == 0 && is_group && e->framework_id == NULL)
        rc = invalid(err, "'ExecutorInfo.framework_id' must be set");
    if (rc == 0 && e->shutdown_grace_period != NULL && e->shutdown_grace_period->nanoseconds < 0)
        rc = invalid(err, "ExecutorInfo's 'shutdown_grace_period' must be non-negative");
    if (rc == 0)
        rc = validate_resources(resources, err);
    if (rc == 0)
        rc = parts_check(e->resources, e->n_resources, err);
    if (rc == 0 && resources_have_shared(resources))
        rc = invalid(err, "Executor resources must not contain shared resources");
    if (rc == 0 && e->command != NULL)
        rc = validate_command(e->command, err);
    if (rc == 0 && e->container != NULL)
        rc = validate_container(e->container, err);
    if (rc == 0 && e->container != NULL && e->container->linux_info != NULL && e->container->linux_info->has_share_cgroups &&
        e->container->linux_info->share_cgroups)
        rc = invalid(err, "The 'share_cgroups' cannot be set as true on executors");
    if (rc == 0 && is_group)
        rc = executor_group_check(e, resources, err);
    return rc;
}

/* --- tasks --- */

static int limits_check(const Mesos__V1__TaskInfo *t, const struct resources *r, struct error *err)
{
    for (size_t i = 0; i < t->n_limits; i++) {
        const char *name = t->limits[i]->key;
        double limit = t->limits[i]->value != NULL ? t->limits[i]->value->value : NAN;
        const struct name *n = strcmp(name, "cpus") == 0 ? NAME_CPUS : strcmp(name, "mem") == 0 ? NAME_MEM : NULL;
        int64_t milli, request;

        if (n == NULL)
            return error_set(err, ERR_INVALID, "Setting resource limit of '%s' is not supported; 'cpus' and 'mem' are", name);
        request = resources_milli(r, n);
        if (request == 0)
            return error_set(err, ERR_INVALID, "When a limit of '%s' is set, its request must be set too", name);
        if (isinf(limit) && limit > 0)
            continue;
        if (!milli_of_double(limit, &milli) || milli < request)
            return error_set(err, ERR_INVALID, "The limit of '%s' (%g) is less than its request (%g)", name, limit,
                             milli_to_double(request));
    }
    return 0;
}

static bool shares_cgroups(const Mesos__V1__TaskInfo *t) /* true when absent */
{
    return t->container == NULL || t->container->linux_info == NULL || !t->container->linux_info->has_share_cgroups ||
           t->container->linux_info->share_cgroups;
}

static int group_check(const Mesos__V1__TaskInfo *t, struct error *err)
{
    bool own_network = t->container != NULL && t->container->n_network_infos > 0;

    if (t->container != NULL && t->container->type == MESOS__V1__CONTAINER_INFO__TYPE__DOCKER)
        return invalid(err, "Docker ContainerInfo is not supported on the task");
    if (own_network && t->health_check != NULL && t->health_check->has_type &&
        t->health_check->type != MESOS__V1__HEALTH_CHECK__TYPE__COMMAND)
        return invalid(err, "HTTP and TCP health checks are not supported for a task of a group with its own network");
    if (t->n_limits > 0 && shares_cgroups(t))
        return invalid(err, "Resource limits may only be set for tasks of a group when 'share_cgroups' is false");
    return 0;
}

/* What a task and its executor may not both have. */
static int together_check(const struct resources *task, const struct resources *executor, struct error *err)
{
    for (uint32_t i = 0; i < task->n; i++) {
        for (uint32_t j = 0; j < executor->n; j++) {
            const struct resource *x = &task->v[i], *y = &executor->v[j];

            if (x->name != y->name || x->type != y->type)
                continue;
            if ((x->type == VALUE_RANGES && ranges_overlap(x->ranges, y->ranges)) ||
                (x->type == VALUE_SET && set_overlap(x->set, y->set)))
                return error_set(err, ERR_INVALID, "Task and its executor both use a part of '%s'", x->name->text);
            if (resource_is_persistent_volume(x) && resource_is_persistent_volume(y) && !x->shared &&
                x->disk->persistence == y->disk->persistence &&
                resource_reservation_role(x) == resource_reservation_role(y))
                return error_set(err, ERR_INVALID, "Persistence ID '%s' is not unique", x->disk->persistence->text);
            if (x->role != y->role)
                return error_set(err, ERR_INVALID, "The resources of task and executor have different allocation roles");
            if (x->revocable != y->revocable)
                return error_set(err, ERR_INVALID, "Cannot use both revocable and non-revocable '%s' at the same time",
                                 x->name->text);
        }
    }
    return 0;
}

static int duration_check(const Mesos__V1__TaskInfo *t, struct error *err)
{
    if (t->max_completion_time != NULL && t->max_completion_time->nanoseconds < 0)
        return invalid(err, "Task's 'max_completion_time' must be non-negative");
    return 0;
}

static int body_check(const Mesos__V1__TaskInfo *t, const struct resources *resources, struct error *err)
{
    int rc = t->kill_policy != NULL ? validate_kill_policy(t->kill_policy, err) : 0;

    if (rc == 0)
        rc = duration_check(t, err);
    if (rc == 0 && t->check != NULL && validate_check(t->check, err) != 0)
        rc = error_wrap(err, "Task uses invalid check");
    if (rc == 0 && t->health_check != NULL && validate_health_check(t->health_check, err) != 0)
        rc = error_wrap(err, "Task uses invalid health check");
    if (rc == 0 && resources_is_empty(resources))
        rc = invalid(err, "Task uses no resources");
    if (rc == 0 && (validate_resources(resources, err) != 0 || parts_check(t->resources, t->n_resources, err) != 0))
        rc = error_wrap(err, "Task uses invalid resources");
    if (rc == 0 && t->command != NULL && validate_command(t->command, err) != 0)
        rc = error_wrap(err, "Task's `CommandInfo` is invalid");
    if (rc == 0 && t->container != NULL && validate_container(t->container, err) != 0)
        rc = error_wrap(err, "Task's `ContainerInfo` is invalid");
    return rc != 0 ? rc : limits_check(t, resources, err);
}

int validate_task(const Mesos__V1__TaskInfo *t, const struct resources *resources, const struct resources *executor,
                  bool is_group, struct error *err)
{
    int rc = id_check(str_of(t->task_id->value), err);

    if (rc == 0)
        rc = body_check(t, resources, err);
    if (rc == 0 && is_group)
        rc = group_check(t, err);
    if (rc == 0 && is_group && t->executor == NULL)
        rc = invalid(err, "'TaskInfo.executor' must be set");
    if (rc == 0 && !is_group && (t->command != NULL) == (t->executor != NULL))
        rc = invalid(err, "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present");
    if (rc == 0 && !is_group && !shares_cgroups(t))
        rc = invalid(err, "Only tasks in a task group can have 'share_cgroups' set to false");
    if (rc == 0 && t->executor != NULL && executor != NULL)
        rc = validate_executor(t->executor, executor, is_group, err);
    if (rc == 0 && executor != NULL)
        rc = together_check(resources, executor, err);
    return rc;
}
