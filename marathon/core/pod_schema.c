/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of pods; see app.c. */
#include "marathon/core/pod.h"
#include "marathon/core/rows.h"

#define I32_MAX 2147483647.0

static const char *const image_kind_names[] = { "DOCKER", NULL };
static const char *const scaling_kind_names[] = { "fixed", NULL };

#define NAME(T, n, m, fl)                                                                   \
    {                                                                                       \
        .name = n, .type = ST_STR, .offset = OFF(T, m), .flags = (fl), .min = 1, .max = 63, \
        .pattern = SP_NAME                                                                  \
    }

static const struct schema_field image_fields[] = {
    ENUM(pod_image, "kind", kind, SF_REQUIRED, image_kind_names),
    TXTLEN(pod_image, "id", id, SF_REQUIRED, 1, 1024),
    OBJ(pod_image, "pullConfig", pull_config, 0, &schema_pull_config),
    BOOL(pod_image, "forcePull", force_pull, 0),
    MAPTXT(pod_image, "labels", labels, SF_NONEMPTY),
};
static SCHEMA(schema_image, pod_image, image_fields, false);

static const struct schema_field exec_fields[] = {
    OBJ(pod_exec, "command", command, SF_REQUIRED, &schema_mesos_command),
    BOOL(pod_exec, "overrideEntrypoint", override_entrypoint, 0),
};
static SCHEMA(schema_exec, pod_exec, exec_fields, false);

static const struct schema_field resources_fields[] = {
    F64DEF(pod_resources, "cpus", cpus, 1, 0.001, 1e12),
    F64DEF(pod_resources, "mem", mem, 128, 0.001, 1e12),
    F64DEF(pod_resources, "disk", disk, 0, 0, 1e12),
    I32DEF(pod_resources, "gpus", gpus, 0, 0, I32_MAX),
};
static SCHEMA(schema_resources, pod_resources, resources_fields, true);

static const struct schema_field endpoint_fields[] = {
    NAME(pod_endpoint, "name", name, SF_REQUIRED),
    I32(pod_endpoint, "containerPort", container_port, 0, 1, 65535),
    I32(pod_endpoint, "hostPort", host_port, 0, 0, 65535),
    TEXTSPAT(pod_endpoint, "protocol", protocol, SF_NONEMPTY | SF_FILLED, SP_NAME, 1, 63),
    MAPTXT(pod_endpoint, "labels", labels, SF_NONEMPTY),
    TEXTSPAT(pod_endpoint, "networkNames", network_names, SF_NONEMPTY, SP_NAME, 1, 63),
};
static SCHEMA(schema_endpoint, pod_endpoint, endpoint_fields, false);

static const struct schema_field pod_http_fields[] = {
    NAME(pod_http_check, "endpoint", endpoint, SF_REQUIRED),
    TXTLEN(pod_http_check, "path", path, 0, 1, 1024),
    ENUMDEF(pod_http_check, "scheme", scheme, SCHEME_HTTP, scheme_names),
};
static SCHEMA(schema_pod_http, pod_http_check, pod_http_fields, false);
static const struct schema_field pod_tcp_fields[] = { NAME(pod_tcp_check, "endpoint", endpoint,
                                                           SF_REQUIRED) };
static SCHEMA(schema_pod_tcp, pod_tcp_check, pod_tcp_fields, false);

static const struct schema_field pod_health_fields[] = {
    OBJ(pod_check, "http", http, 0, &schema_pod_http),
    OBJ(pod_check, "tcp", tcp, 0, &schema_pod_tcp),
    OBJ(pod_check, "exec", exec, 0, &schema_exec_check),
    I32DEF(pod_check, "gracePeriodSeconds", grace_s, 300, 0, I32_MAX),
    I32DEF(pod_check, "intervalSeconds", interval_s, 60, 0, I32_MAX),
    I32DEF(pod_check, "maxConsecutiveFailures", failures_max, 3, 0, I32_MAX),
    I32DEF(pod_check, "timeoutSeconds", timeout_s, 20, 0, I32_MAX),
    I32DEF(pod_check, "delaySeconds", delay_s, 15, 0, I32_MAX),
};
static SCHEMA(schema_pod_health, pod_check, pod_health_fields, true);
static const struct schema_field pod_check_fields[] = {
    OBJ(pod_check, "http", http, 0, &schema_pod_http),
    OBJ(pod_check, "tcp", tcp, 0, &schema_pod_tcp),
    OBJ(pod_check, "exec", exec, 0, &schema_exec_check),
    I32DEF(pod_check, "intervalSeconds", interval_s, 60, 0, I32_MAX),
    I32DEF(pod_check, "timeoutSeconds", timeout_s, 20, 0, I32_MAX),
    I32DEF(pod_check, "delaySeconds", delay_s, 15, 0, I32_MAX),
};
static SCHEMA(schema_pod_check, pod_check, pod_check_fields, true);

static const struct schema_field mount_fields[] = {
    NAME(pod_mount, "name", name, SF_REQUIRED),
    TXTLEN(pod_mount, "mountPath", mount_path, SF_REQUIRED, 1, 1024),
    BOOL(pod_mount, "readOnly", read_only, 0),
};
static SCHEMA(schema_mount, pod_mount, mount_fields, false);

static const struct schema_field lifecycle_fields[] = {
    F64(pod_lifecycle, "killGracePeriodSeconds", kill_grace_s, 0, 0, 1e12),
};
static SCHEMA(schema_lifecycle, pod_lifecycle, lifecycle_fields, true);

static const struct schema_field container_fields[] = {
    NAME(pod_container, "name", name, SF_REQUIRED),
    OBJ(pod_container, "exec", exec, 0, &schema_exec),
    OBJ(pod_container, "resources", resources, SF_REQUIRED, &schema_resources),
    OBJ(pod_container, "resourceLimits", limits, 0, &schema_limits),
    LISTOF(pod_container, "endpoints", endpoints, SF_NONEMPTY, &schema_endpoint),
    OBJ(pod_container, "linuxInfo", linux_info, 0, &schema_linux_info),
    OBJ(pod_container, "image", image, 0, &schema_image),
    MAPOF(pod_container, "environment", environment, SF_NONEMPTY, &schema_env),
    TXT(pod_container, "user", user, 0),
    OBJ(pod_container, "healthCheck", health_check, 0, &schema_pod_health),
    OBJ(pod_container, "check", check, 0, &schema_pod_check),
    LISTOF(pod_container, "volumeMounts", mounts, SF_NONEMPTY, &schema_mount),
    LISTOF(pod_container, "artifacts", artifacts, SF_NONEMPTY, &schema_artifact),
    MAPTXT(pod_container, "labels", labels, SF_NONEMPTY),
    OBJ(pod_container, "lifecycle", lifecycle, 0, &schema_lifecycle),
    BOOL(pod_container, "tty", tty, 0),
};
static SCHEMA(schema_pod_container, pod_container, container_fields, false);

static const struct schema_field volume_fields[] = {
    NAME(pod_volume, "name", name, SF_REQUIRED),
    TXTLEN(pod_volume, "host", host, 0, 1, 1e9),
    TXTLEN(pod_volume, "secret", secret, 0, 1, 1e9),
    OBJ(pod_volume, "persistent", persistent, 0, &schema_persistent),
};
static SCHEMA(schema_pod_volume, pod_volume, volume_fields, false);

static const struct schema_field scaling_fields[] = {
    ENUM(pod_scaling, "kind", kind, SF_REQUIRED, scaling_kind_names),
    { .name = "instances",
      .type = ST_I64,
      .offset = OFF(pod_scaling, instances),
      .flags = SF_INT32 | SF_DEFAULT,
      .dflt = 1,
      .min = 0,
      .max = I32_MAX },
};
static SCHEMA(schema_scaling, pod_scaling, scaling_fields, false);

static const struct schema_field backoff_fields[] = {
    F64DEF(pod_backoff, "backoff", backoff, 1, 0, 1e9),
    F64DEF(pod_backoff, "backoffFactor", factor, 1.15, 0, 1e9),
    F64DEF(pod_backoff, "maxLaunchDelay", max_delay, 300, 0, 1e9),
};
static SCHEMA(schema_backoff, pod_backoff, backoff_fields, true);

static const struct schema_field upgrade_fields[] = {
    F64DEF(pod_upgrade, "minimumHealthCapacity", health_capacity, 1, 0, 1),
    F64DEF(pod_upgrade, "maximumOverCapacity", over_capacity, 1, 0, 1),
};
static SCHEMA(schema_pod_upgrade, pod_upgrade, upgrade_fields, true);

static const struct schema_field pod_constraint_fields[] = {
    TXT(pod_constraint, "fieldName", field, SF_REQUIRED),
    ENUM(pod_constraint, "operator", op, SF_REQUIRED, constraint_op_names),
    TXT(pod_constraint, "value", value, 0),
};
static SCHEMA(schema_pod_constraint, pod_constraint, pod_constraint_fields, false);

static const struct schema_field placement_fields[] = {
    LISTOF(pod_placement, "constraints", constraints, SF_NONEMPTY | SF_UNIQUE, &schema_pod_constraint),
    TEXTS(pod_placement, "acceptedResourceRoles", accepted_roles, SF_NONEMPTY | SF_UNIQUE),
};
static SCHEMA(schema_placement, pod_placement, placement_fields, true);

static const struct schema_field scheduling_fields[] = {
    OBJ(pod_scheduling, "backoff", backoff, 0, &schema_backoff),
    OBJ(pod_scheduling, "upgrade", upgrade, 0, &schema_pod_upgrade),
    OBJ(pod_scheduling, "placement", placement, 0, &schema_placement),
    ENUMDEF(pod_scheduling, "killSelection", kill_selection, KILL_YOUNGEST_FIRST, kill_selection_names),
    OBJ(pod_scheduling, "unreachableStrategy", unreachable, 0, &schema_unreachable),
};
static SCHEMA(schema_scheduling, pod_scheduling, scheduling_fields, true);

static const struct schema_field pod_fields[] = {
    TXTPAT(pod, "id", id, SF_REQUIRED, SP_PATH_ID),
    MAPTXT(pod, "labels", labels, SF_NONEMPTY),
    TIME(pod, "version", version, SF_NOCMP | SF_HIDDEN), /* the spec's; rendered by hand */
    TXT(pod, "user", user, 0),
    MAPOF(pod, "environment", environment, SF_NONEMPTY, &schema_env),
    LISTOF(pod, "containers", containers, SF_REQUIRED, &schema_pod_container),
    MAPOF(pod, "secrets", secrets, SF_NONEMPTY, &schema_secret),
    LISTOF(pod, "volumes", volumes, SF_NONEMPTY, &schema_pod_volume),
    LISTOF(pod, "networks", networks, SF_NONEMPTY, &schema_network),
    OBJ(pod, "scaling", scaling, SF_NOCMP, &schema_scaling),
    OBJ(pod, "scheduling", scheduling, 0, &schema_scheduling),
    OBJ(pod, "executorResources", executor_resources, 0, &schema_executor_resources),
    TXTLEN(pod, "role", role, 0, 1, 1e9),
    OBJ(pod, "linuxInfo", linux_info, 0, &schema_linux_info),
    BOOL(pod, "legacySharedCgroups", legacy_shared_cgroups, 0),
};
SCHEMA(schema_pod, pod, pod_fields, false);
