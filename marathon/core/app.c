/* SPDX-License-Identifier: Apache-2.0 */
/* The tables. One line is one row of the reference; the macros only shorten it. A new field needs its member
 * in app.h, its row here, and its action in validate.c (refused) or wherever it acts. */
#include "marathon/core/app.h"

#include "marathon/core/pod.h"
#include "marathon/core/rows.h"

static const char *const engine_names[] = { "MESOS", "DOCKER", NULL };
const char *const net_mode_names[] = { "container", "container/bridge", "host", NULL };
static const char *const docker_net_names[] = { "BRIDGE", "HOST", "NONE", "USER", NULL };
const char *const protocol_names[] = { "tcp", "udp", "udp,tcp", NULL };
const char *const hc_protocol_names[] = { "HTTP",      "HTTPS",      "TCP",         "COMMAND",
                                          "MESOS_TCP", "MESOS_HTTP", "MESOS_HTTPS", NULL };
const char *const scheme_names[] = { "HTTP", "HTTPS", NULL };
static const char *const read_mode_names[] = { "RO", "RW", NULL };
const char *const kill_selection_names[] = { "YOUNGEST_FIRST", "OLDEST_FIRST", NULL };
static const char *const ip_protocol_names[] = { "IPv4", "IPv6", NULL };
static const char *const persistent_names[] = { "root", "path", "mount", NULL };
static const char *const task_lost_names[] = { "WAIT_FOREVER", "RELAUNCH_AFTER_TIMEOUT", NULL };
static const char *const csi_mode_names[] = { "SINGLE_NODE_WRITER",       "SINGLE_NODE_READER_ONLY", "MULTI_NODE_READER_ONLY",
                                              "MULTI_NODE_SINGLE_WRITER", "MULTI_NODE_MULTI_WRITER", NULL };
static const char *const csi_type_names[] = { "block", "mount", NULL };
static const char *const ipc_names[] = { "PRIVATE", "SHARE_PARENT", NULL };
const char *const constraint_op_names[] = { "UNIQUE", "CLUSTER", "GROUP_BY", "LIKE",
                                            "UNLIKE", "MAX_PER", "IS",       "EVERY",
                                            NULL };

static const struct schema_field env_fields[] = {
    TXT(env_value, "value", value, 0),
    TXT(env_value, "secret", secret, 0),
};
SCHEMA_J(schema_env, env_value, env_fields, false, SJ_ENV);

static const struct schema_field secret_fields[] = { TXTLEN(secret_def, "source", source, SF_REQUIRED, 1,
                                                            1e9) };
SCHEMA(schema_secret, secret_def, secret_fields, false);

static const struct schema_field constraint_fields[] = {
    TXT(constraint, "fieldName", field, 0),
    TXT(constraint, "operator", op_text, 0),
    ENUM(constraint, "op", op, 0, constraint_op_names),
    TXT(constraint, "value", value, 0),
    I64(constraint, "parts", parts, SF_NOCMP, 0, I32_MAX),
};
SCHEMA_J(schema_constraint, constraint, constraint_fields, false, SJ_CONSTRAINT);

static const struct schema_field artifact_fields[] = {
    TXTLEN(artifact, "uri", uri, SF_REQUIRED, 1, 1024),  BOOLDEF(artifact, "extract", extract, 1),
    BOOLDEF(artifact, "executable", executable, 0),      BOOLDEF(artifact, "cache", cache, 0),
    TXTLEN(artifact, "destPath", dest_path, 0, 1, 1024),
};
SCHEMA(schema_artifact, artifact, artifact_fields, false);

static const struct schema_field command_check_fields[] = { TXT(command_check, "value", value, SF_REQUIRED) };
static SCHEMA(schema_command_check, command_check, command_check_fields, false);

static const struct schema_field health_check_fields[] = {
    OBJ(health_check, "command", command, 0, &schema_command_check),
    I32DEF(health_check, "gracePeriodSeconds", grace_s, 300, 0, I32_MAX),
    BOOL(health_check, "ignoreHttp1xx", ignore_http_1xx, 0),
    I32DEF(health_check, "intervalSeconds", interval_s, 60, 0, I32_MAX),
    ENUMDEF(health_check, "ipProtocol", ip_protocol, 0, ip_protocol_names),
    I32DEF(health_check, "maxConsecutiveFailures", failures_max, 3, 0, I32_MAX),
    TXT(health_check, "path", path, 0),
    I32(health_check, "port", port, 0, 0, 65535),
    I32(health_check, "portIndex", port_index, 0, 0, 65535),
    ENUMDEF(health_check, "protocol", protocol, HC_HTTP, hc_protocol_names),
    I32DEF(health_check, "timeoutSeconds", timeout_s, 20, -I32_MAX, I32_MAX),
    I32DEF(health_check, "delaySeconds", delay_s, 15, 0, I32_MAX),
};
SCHEMA(schema_health_check, health_check, health_check_fields, true);

static const struct schema_field mesos_command_fields[] = {
    TXTLEN(mesos_command, "shell", shell, 0, 1, 1e9),
    TEXTS(mesos_command, "argv", argv, SF_NONEMPTY | SF_FILLED),
};
SCHEMA_J(schema_mesos_command, mesos_command, mesos_command_fields, false, SJ_COMMAND);
static const struct schema_field exec_check_fields[] = {
    OBJ(exec_check, "command", command, SF_REQUIRED, &schema_mesos_command),
};
SCHEMA(schema_exec_check, exec_check, exec_check_fields, false);
static const struct schema_field http_check_fields[] = {
    I32(http_check, "portIndex", port_index, 0, 0, 65535),
    I32(http_check, "port", port, 0, 0, 65535),
    TXTLEN(http_check, "path", path, 0, 1, 1024),
    ENUMDEF(http_check, "scheme", scheme, SCHEME_HTTP, scheme_names),
};
static SCHEMA(schema_http_check, http_check, http_check_fields, true);
static const struct schema_field tcp_check_fields[] = {
    I32(tcp_check, "portIndex", port_index, 0, 0, 65535),
    I32(tcp_check, "port", port, 0, 0, 65535),
};
static SCHEMA(schema_tcp_check, tcp_check, tcp_check_fields, true);
static const struct schema_field app_check_fields[] = {
    OBJ(app_check, "http", http, 0, &schema_http_check),
    OBJ(app_check, "tcp", tcp, 0, &schema_tcp_check),
    OBJ(app_check, "exec", exec, 0, &schema_exec_check),
    I32DEF(app_check, "intervalSeconds", interval_s, 60, 0, I32_MAX),
    I32DEF(app_check, "timeoutSeconds", timeout_s, 20, 0, I32_MAX),
    I32DEF(app_check, "delaySeconds", delay_s, 15, 0, I32_MAX),
};
static SCHEMA(schema_app_check, app_check, app_check_fields, true);

static const struct schema_field readiness_fields[] = {
    { .name = "name",
      .type = ST_STR,
      .offset = OFF(readiness_check, name),
      .flags = SF_DEFAULT,
      .min = 1,
      .max = 1e9,
      .dflt_text = "readinessCheck" },
    ENUMDEF(readiness_check, "protocol", protocol, SCHEME_HTTP, scheme_names),
    { .name = "path",
      .type = ST_STR,
      .offset = OFF(readiness_check, path),
      .flags = SF_DEFAULT,
      .min = 1,
      .max = 1024,
      .dflt_text = "/" },
    { .name = "portName",
      .type = ST_STR,
      .offset = OFF(readiness_check, port_name),
      .flags = SF_DEFAULT,
      .min = 1,
      .max = 1e9,
      .dflt_text = "http-api",
      .pattern = SP_LEGACY_NAME },
    I32DEF(readiness_check, "intervalSeconds", interval_s, 30, 0, I32_MAX),
    I32DEF(readiness_check, "timeoutSeconds", timeout_s, 10, 1, I32_MAX),
    { .name = "httpStatusCodesForReady",
      .type = ST_I64,
      .shape = SH_LIST,
      .offset = OFF(readiness_check, codes),
      .flags = SF_UNIQUE | SF_FILLED,
      .min = 100,
      .max = 999 },
    BOOLDEF(readiness_check, "preserveLastResponse", preserve_last_response, 0),
};
static SCHEMA(schema_readiness, readiness_check, readiness_fields, true);

static const struct schema_field port_mapping_fields[] = {
    I32DEF(port_mapping, "containerPort", container_port, 0, 0, 65535),
    I32(port_mapping, "hostPort", host_port, 0, 0, 65535),
    MAPTXT(port_mapping, "labels", labels, SF_ALWAYS | SF_TOP),
    TXTPAT(port_mapping, "name", name, 0, SP_LEGACY_NAME),
    ENUMDEF(port_mapping, "protocol", protocol, PROTO_TCP, protocol_names),
    I32DEF(port_mapping, "servicePort", service_port, 0, 0, 65535),
    TEXTSPAT(port_mapping, "networkNames", network_names, SF_NONEMPTY, SP_NAME, 1, 63),
};
static SCHEMA(schema_port_mapping, port_mapping, port_mapping_fields, true);

static const struct schema_field port_definition_fields[] = {
    I32DEF(port_definition, "port", port, 0, 0, 65535),
    MAPTXT(port_definition, "labels", labels, SF_NONEMPTY),
    TXTPAT(port_definition, "name", name, 0, SP_LEGACY_NAME),
    ENUMDEF(port_definition, "protocol", protocol, PROTO_TCP, protocol_names),
};
SCHEMA(schema_port_definition, port_definition, port_definition_fields, true);

static const struct schema_field network_fields[] = {
    { .name = "name",
      .type = ST_STR,
      .offset = OFF(network, name),
      .min = 1,
      .max = 63,
      .pattern = SP_NETWORK_NAME },
    ENUMDEF(network, "mode", mode, NET_CONTAINER, net_mode_names),
    MAPTXT(network, "labels", labels, SF_NONEMPTY),
};
SCHEMA(schema_network, network, network_fields, true);

static const struct schema_field discovery_port_fields[] = {
    I32DEF(discovery_port, "number", number, 0, 0, 65535),
    TXTPAT(discovery_port, "name", name, SF_REQUIRED, SP_LEGACY_NAME),
    ENUMDEF(discovery_port, "protocol", protocol, PROTO_TCP, protocol_names),
    MAPTXT(discovery_port, "labels", labels, SF_NONEMPTY),
};
static SCHEMA(schema_discovery_port, discovery_port, discovery_port_fields, false);
static const struct schema_field ip_discovery_fields[] = {
    LISTOF(ip_discovery, "ports", ports, SF_NONEMPTY, &schema_discovery_port),
};
static SCHEMA(schema_ip_discovery, ip_discovery, ip_discovery_fields, true);
static const struct schema_field ip_address_fields[] = {
    OBJ(ip_address, "discovery", discovery, 0, &schema_ip_discovery),
    TEXTS(ip_address, "groups", groups, SF_NONEMPTY | SF_UNIQUE),
    MAPTXT(ip_address, "labels", labels, SF_NONEMPTY),
    TXTLEN(ip_address, "networkName", network_name, 0, 1, 1e9),
};
static SCHEMA(schema_ip_address, ip_address, ip_address_fields, true);

static const struct schema_field docker_parameter_fields[] = {
    TXTLEN(docker_parameter, "key", key, SF_REQUIRED, 1, 1e9),
    TXT(docker_parameter, "value", value, SF_REQUIRED),
};
static SCHEMA(schema_docker_parameter, docker_parameter, docker_parameter_fields, false);
static const struct schema_field pull_config_fields[] = { TXTLEN(pull_config, "secret", secret, SF_REQUIRED,
                                                                 1, 1e9) };
SCHEMA(schema_pull_config, pull_config, pull_config_fields, false);
static const struct schema_field credential_fields[] = {
    TXT(docker_credential, "principal", principal, SF_REQUIRED),
    TXT(docker_credential, "secret", secret, 0),
};
static SCHEMA(schema_credential, docker_credential, credential_fields, false);
static const struct schema_field docker_fields[] = {
    OBJ(docker, "credential", credential, 0, &schema_credential),
    BOOLDEF(docker, "forcePullImage", force_pull, 0),
    TXTLEN(docker, "image", image, SF_REQUIRED, 1, 1e9),
    ENUM(docker, "network", network, SF_INPUT, docker_net_names),
    LISTOF(docker, "parameters", parameters, SF_ALWAYS | SF_TOP, &schema_docker_parameter),
    LISTOF(docker, "portMappings", port_mappings, SF_INPUT, &schema_port_mapping),
    BOOLDEF(docker, "privileged", privileged, 0),
    OBJ(docker, "pullConfig", pull_config, 0, &schema_pull_config),
};
static SCHEMA(schema_docker, docker, docker_fields, false);

static const struct schema_field seccomp_fields[] = {
    TXT(seccomp, "profileName", profile, 0),
    BOOLDEF(seccomp, "unconfined", unconfined, 0),
};
static SCHEMA(schema_seccomp, seccomp, seccomp_fields, true);
static const struct schema_field ipc_fields[] = {
    ENUM(ipc_info, "mode", mode, SF_REQUIRED, ipc_names),
    I32(ipc_info, "shmSize", shm_size, 0, -I32_MAX, I32_MAX),
};
static SCHEMA(schema_ipc, ipc_info, ipc_fields, false);
static const struct schema_field linux_info_fields[] = {
    OBJ(linux_info, "seccomp", seccomp, 0, &schema_seccomp),
    OBJ(linux_info, "ipcInfo", ipc, 0, &schema_ipc),
};
SCHEMA(schema_linux_info, linux_info, linux_info_fields, true);

static const struct schema_field persistent_fields[] = {
    ENUMDEF(persistent_info, "type", type, 0, persistent_names),
    I64(persistent_info, "size", size, SF_REQUIRED, 0, I64_MAX),
    I64(persistent_info, "maxSize", max_size, 0, 0, I64_MAX),
    TXT(persistent_info, "profileName", profile, 0),
    LISTOF(persistent_info, "constraints", constraints, SF_ALWAYS | SF_UNIQUE | SF_TOP, &schema_constraint),
};
SCHEMA(schema_persistent, persistent_info, persistent_fields, false);
static const struct schema_field csi_capability_fields[] = {
    ENUM(csi_capability, "accessMode", access_mode, SF_REQUIRED, csi_mode_names),
    ENUM(csi_capability, "accessType", access_type, SF_REQUIRED, csi_type_names),
    TXT(csi_capability, "fsType", fs_type, 0),
    TEXTS(csi_capability, "mountFlags", mount_flags, SF_NONEMPTY),
};
static SCHEMA(schema_csi_capability, csi_capability, csi_capability_fields, false);
static const struct schema_field csi_options_fields[] = {
    TXTLEN(csi_options, "pluginName", plugin, SF_REQUIRED, 1, 1e9),
    OBJ(csi_options, "capability", capability, SF_REQUIRED, &schema_csi_capability),
    MAPTXT(csi_options, "nodeStageSecret", stage_secrets, SF_NONEMPTY),
    MAPTXT(csi_options, "nodePublishSecret", publish_secrets, SF_NONEMPTY),
    MAPTXT(csi_options, "volumeContext", context, SF_NONEMPTY),
};
static SCHEMA(schema_csi_options, csi_options, csi_options_fields, false);
static const struct schema_field external_csi_fields[] = {
    TXT(external_info, "name", name, SF_REQUIRED),
    TXT(external_info, "provider", provider, SF_REQUIRED),
    OBJ(external_info, "options", csi, SF_REQUIRED, &schema_csi_options),
};
SCHEMA(schema_external_csi, external_info, external_csi_fields, false);
static const struct schema_field external_fields[] = {
    I64(external_info, "size", size, 0, 0, I64_MAX), TXT(external_info, "name", name, 0),
    TXT(external_info, "provider", provider, 0),     MAPTXT(external_info, "options", options, SF_NONEMPTY),
    BOOLDEF(external_info, "shared", shared, 0),
    OBJ(external_info, "csi", csi, SF_HIDDEN, &schema_csi_options),
};
static SCHEMA_J(schema_external, external_info, external_fields, true, SJ_EXTERNAL);
static const struct schema_field volume_fields[] = {
    TXTLEN(volume, "containerPath", container_path, SF_REQUIRED, 1, 1e9),
    TXTLEN(volume, "hostPath", host_path, 0, 1, 1e9),
    OBJ(volume, "persistent", persistent, 0, &schema_persistent),
    OBJ(volume, "external", external, 0, &schema_external),
    TXTLEN(volume, "secret", secret, 0, 1, 1e9),
    ENUM(volume, "mode", mode, 0, read_mode_names),
};
static SCHEMA_J(schema_volume, volume, volume_fields, false, SJ_VOLUME);

static const struct schema_field container_fields[] = {
    ENUMDEF(container, "type", type, ENGINE_DOCKER, engine_names),
    OBJ(container, "docker", docker, 0, &schema_docker),
    OBJ(container, "linuxInfo", linux_info, 0, &schema_linux_info),
    LISTOF(container, "volumes", volumes, SF_ALWAYS | SF_TOP, &schema_volume),
    LISTOF(container, "portMappings", port_mappings, SF_ALWAYS, &schema_port_mapping),
};
SCHEMA(schema_container, container, container_fields, true);

static const struct schema_field auto_rollback_fields[] = {
    I32(auto_rollback, "maxFailures", failures_max, 0, 1, I32_MAX),
    I32(auto_rollback, "deadlineSeconds", deadline_s, 0, 1, I32_MAX),
};
static SCHEMA(schema_auto_rollback, auto_rollback, auto_rollback_fields, false);
static const struct schema_field upgrade_fields[] = {
    F64(upgrade_strategy, "maximumOverCapacity", over_capacity, SF_REQUIRED, -1e12, 1e12),
    F64(upgrade_strategy, "minimumHealthCapacity", health_capacity, SF_REQUIRED, -1e12, 1e12),
    I32(upgrade_strategy, "pauseAfter", pause_after, 0, 1, I32_MAX),
    OBJ(upgrade_strategy, "autoRollback", rollback, 0, &schema_auto_rollback),
};
static SCHEMA(schema_upgrade, upgrade_strategy, upgrade_fields, false);

static const struct schema_field unreachable_fields[] = {
    BOOL(unreachable_strategy, "disabled", disabled, SF_HIDDEN),
    I64DEF(unreachable_strategy, "inactiveAfterSeconds", inactive_s, 0, 0, I64_MAX),
    I64DEF(unreachable_strategy, "expungeAfterSeconds", expunge_s, 0, 0, I64_MAX),
};
SCHEMA_J(schema_unreachable, unreachable_strategy, unreachable_fields, true, SJ_UNREACHABLE);

static const struct schema_field residency_fields[] = {
    I64DEF(residency, "relaunchEscalationTimeoutSeconds", relaunch_timeout_s, 3600, 0, I64_MAX),
    ENUMDEF(residency, "taskLostBehavior", task_lost, 0, task_lost_names),
};
static SCHEMA(schema_residency, residency, residency_fields, true);

static const struct schema_field executor_resources_fields[] = {
    F64DEF(executor_resources, "cpus", cpus, 0.1, 0.1, 1e12),
    F64DEF(executor_resources, "mem", mem, 32, 32, 1e12),
    F64DEF(executor_resources, "disk", disk, 10, 10, 1e12),
};
SCHEMA(schema_executor_resources, executor_resources, executor_resources_fields, true);

static const struct schema_field limit_fields[] = {
    BOOL(resource_limit, "unlimited", unlimited, 0),
    F64(resource_limit, "value", value, 0, 0, 1e12),
    TXT(resource_limit, "bad", bad, 0),
};
static SCHEMA_J(schema_limit, resource_limit, limit_fields, false, SJ_LIMIT);
static const struct schema_field limits_fields[] = {
    OBJ(resource_limits, "cpus", cpus, 0, &schema_limit),
    OBJ(resource_limits, "mem", mem, 0, &schema_limit),
};
SCHEMA(schema_limits, resource_limits, limits_fields, true);

static const struct schema_field version_info_fields[] = {
    TIME(version_info, "lastScalingAt", scaling_at, 0),
    TIME(version_info, "lastConfigChangeAt", config_at, 0),
};
static SCHEMA(schema_version_info, version_info, version_info_fields, true);

static const struct schema_field app_fields[] = {
    TXTPAT(app, "id", id, SF_REQUIRED, SP_PATH_ID),
    TEXTS(app, "acceptedResourceRoles", accepted_roles, SF_UNIQUE | SF_ALWAYS),
    TEXTS(app, "args", args, SF_NONEMPTY),
    F64DEF(app, "backoffFactor", backoff_factor, 1.15, 1, 1e12),
    I32DEF(app, "backoffSeconds", backoff_s, 1, 0, I32_MAX),
    TXTLEN(app, "cmd", cmd, 0, 1, 1e9),
    LISTOF(app, "constraints", constraints, SF_NONEMPTY | SF_UNIQUE, &schema_constraint),
    OBJ(app, "container", container, 0, &schema_container),
    F64DEF(app, "cpus", cpus, 1, 0.001, 1e12),
    TEXTSPAT(app, "dependencies", dependencies, SF_NONEMPTY | SF_UNIQUE, SP_PATH_ID, 1, 1e9),
    F64DEF(app, "disk", disk, 0, 0, 1e12),
    MAPOF(app, "env", env, SF_NONEMPTY, &schema_env),
    { .name = "executor",
      .type = ST_STR,
      .offset = OFF(app, executor),
      .flags = SF_DEFAULT,
      NOBOUND,
      .dflt_text = "",
      .pattern = SP_EXECUTOR },
    OBJ(app, "executorResources", executor_resources, SF_NOCMP, &schema_executor_resources),
    LISTOF(app, "fetch", fetch, SF_NONEMPTY, &schema_artifact),
    LISTOF(app, "healthChecks", health_checks, SF_NONEMPTY | SF_UNIQUE, &schema_health_check),
    OBJ(app, "check", check, 0, &schema_app_check),
    { .name = "instances",
      .type = ST_I64,
      .offset = OFF(app, instances),
      .flags = SF_INT32 | SF_DEFAULT | SF_NOCMP,
      .dflt = 1,
      .min = 0,
      .max = I32_MAX },
    MAPTXT(app, "labels", labels, SF_ALWAYS | SF_TOP),
    I32DEF(app, "maxLaunchDelaySeconds", launch_delay_max_s, 300, 0, I32_MAX),
    F64DEF(app, "mem", mem, 128, 0, 1e12),
    I32DEF(app, "gpus", gpus, 0, 0, I32_MAX),
    OBJ(app, "ipAddress", ip_address, SF_INPUT, &schema_ip_address),
    LISTOF(app, "networks", networks, SF_ALWAYS, &schema_network),
    { .name = "ports",
      .type = ST_I64,
      .shape = SH_LIST,
      .offset = OFF(app, ports),
      .flags = SF_INPUT,
      .min = 0,
      .max = 65535 },
    LISTOF(app, "portDefinitions", port_definitions, SF_ALWAYS, &schema_port_definition),
    LISTOF(app, "readinessChecks", readiness_checks, SF_NONEMPTY, &schema_readiness),
    OBJ(app, "residency", residency, 0, &schema_residency),
    OBJ(app, "resourceLimits", resource_limits, 0, &schema_limits),
    BOOLDEF(app, "requirePorts", require_ports, 0),
    MAPOF(app, "secrets", secrets, SF_NONEMPTY, &schema_secret),
    I32(app, "taskKillGracePeriodSeconds", kill_grace_s, 0, 0, I32_MAX),
    OBJ(app, "upgradeStrategy", upgrade, 0, &schema_upgrade),
    TEXTSPAT(app, "uris", uris, SF_INPUT, SP_NONE, 1, 1024),
    TXT(app, "user", user, 0),
    TIME(app, "version", version, SF_NOCMP),
    OBJ(app, "versionInfo", version_info, SF_NOCMP | SF_HIDDEN, &schema_version_info),
    ENUMDEF(app, "killSelection", kill_selection, KILL_YOUNGEST_FIRST, kill_selection_names),
    OBJ(app, "unreachableStrategy", unreachable, 0, &schema_unreachable),
    BOOL(app, "tty", tty, 0),
    TXTLEN(app, "role", role, 0, 1, 1e9),
    OBJ(app, "podDefinition", pod, SF_HIDDEN, &schema_pod),
};
SCHEMA(schema_app, app, app_fields, false);

static const struct schema_field group_update_fields[] = {
    TXTPAT(group_update, "id", id, 0, SP_PATH_ID),
    LISTOF(group_update, "apps", apps, 0, &schema_app),
    LISTOF(group_update, "groups", groups, 0, &schema_group_update),
    TEXTSPAT(group_update, "dependencies", dependencies, SF_UNIQUE, SP_PATH_ID, 1, 1e9),
    F64(group_update, "scaleBy", scale_by, 0, 0, 1e12),
    TIME(group_update, "version", version, 0),
    BOOL(group_update, "enforceRole", enforce_role, 0),
};
SCHEMA(schema_group_update, group_update, group_update_fields, true);

struct str app_executor_path(const struct app *a, struct str default_path)
{
    struct str path = a->executor.n != 0 ? a->executor : default_path;

    return path.n == 0 || str_is(path, "//cmd") ? (struct str){ NULL, 0 } : path;
}

const struct executor_resources *app_executor_share(const struct app *a, struct str default_path)
{
    return a->pod == NULL && app_executor_path(a, default_path).p != NULL ? a->executor_resources : NULL;
}

bool app_is_host_mode(const struct app *a)
{
    return a->networks.n == 0 || LIST_AT(a->networks, struct network, 0)->mode.v == NET_HOST;
}

static const struct list *mappings(const struct app *a)
{
    static const struct list none;
    return a->container != NULL ? &a->container->port_mappings : &none;
}

size_t app_port_count(const struct app *a)
{
    return app_is_host_mode(a) ? a->port_definitions.n : mappings(a)->n;
}

int64_t app_service_port(const struct app *a, size_t i)
{
    return app_is_host_mode(a) ? LIST_AT(a->port_definitions, struct port_definition, i)->port.v
                               : LIST_AT(*mappings(a), struct port_mapping, i)->service_port.v;
}

struct str app_port_name(const struct app *a, size_t i)
{
    return app_is_host_mode(a) ? LIST_AT(a->port_definitions, struct port_definition, i)->name
                               : LIST_AT(*mappings(a), struct port_mapping, i)->name;
}

enum protocol app_port_protocol(const struct app *a, size_t i)
{
    int64_t v = app_is_host_mode(a) ? LIST_AT(a->port_definitions, struct port_definition, i)->protocol.v
                                    : LIST_AT(*mappings(a), struct port_mapping, i)->protocol.v;
    return (enum protocol)v;
}

bool hc_is_ours(enum hc_protocol p)
{
    return p == HC_HTTP || p == HC_HTTPS || p == HC_TCP;
}

bool hc_is_http(enum hc_protocol p)
{
    return p == HC_HTTP || p == HC_HTTPS || p == HC_MESOS_HTTP || p == HC_MESOS_HTTPS;
}

size_t app_volume_count(const struct app *a)
{
    size_t n = 0;

    if (a->container != NULL)
        LIST_EACH(a->container->volumes, struct volume, v)
    n += v->persistent != NULL;
    return n;
}

const struct volume *app_volume(const struct app *a, size_t i)
{
    if (a->container != NULL)
        LIST_EACH(a->container->volumes, struct volume, v)
    if (v->persistent != NULL && i-- == 0)
        return v;
    return NULL;
}

bool app_is_every(const struct app *a)
{
    LIST_EACH(a->constraints, struct constraint, c)
    if (c->op.v == OP_EVERY)
        return true;
    return false;
}

bool app_is_resident(const struct app *a)
{
    return app_volume(a, 0) != NULL;
}

struct str app_label(const struct app *a, struct str key)
{
    LIST_EACH(a->labels, struct kv, l)
    if (str_eq(l->k, key))
        return l->v;
    return (struct str){ NULL, 0 };
}
