/* SPDX-License-Identifier: Apache-2.0 */
/* The definition of an app: every field of Marathon's schema as a typed value, with the tables that describe
 * it (schema.h). An app value is made by the API from JSON, normalised, validated, and then kept as a spec
 * (spec.h).
 *
 * Fields are in the order in which they are rendered. A pointer or a str with p NULL is an absent field.
 * After app_normalise every field with a default has it. Source: marathon-schemas. */
#ifndef STOA_MARATHON_APP_H
#define STOA_MARATHON_APP_H

#include "marathon/core/schema.h"

enum engine { ENGINE_MESOS, ENGINE_DOCKER };
enum net_mode { NET_CONTAINER, NET_BRIDGE, NET_HOST };
enum docker_net { DNET_BRIDGE, DNET_HOST, DNET_NONE, DNET_USER };
enum protocol { PROTO_TCP, PROTO_UDP, PROTO_BOTH };
enum hc_protocol { HC_HTTP, HC_HTTPS, HC_TCP, HC_COMMAND, HC_MESOS_TCP, HC_MESOS_HTTP, HC_MESOS_HTTPS };
enum scheme { SCHEME_HTTP, SCHEME_HTTPS };
enum read_mode { MODE_RO, MODE_RW };
enum volume_type { VOLUME_ROOT, VOLUME_PATH, VOLUME_MOUNT };
enum kill_selection { KILL_YOUNGEST_FIRST, KILL_OLDEST_FIRST };
enum constraint_op { OP_UNIQUE, OP_CLUSTER, OP_GROUP_BY, OP_LIKE, OP_UNLIKE, OP_MAX_PER, OP_IS, OP_EVERY, OP_UNKNOWN };

struct env_value {                  /* map element */
    struct str name, value, secret; /* value or secret is set */
};

struct secret_def { /* map element */
    struct str name, source;
};

struct constraint {
    struct str field, op_text;
    struct opt_i64 op; /* enum constraint_op, set by the decoder; OP_UNKNOWN keeps op_text */
    struct str value;
    struct opt_i64 parts; /* elements of the list form; 2 or 3 are right */
};

struct artifact {
    struct str uri, dest_path;
    struct opt_bool extract, executable, cache;
};

struct command_check {
    struct str value;
};

struct health_check {
    struct command_check *command;
    struct opt_i64 grace_s, interval_s, failures_max, port, port_index, protocol, ip_protocol, timeout_s,
        delay_s;
    struct str path;
    struct opt_bool ignore_http_1xx;
};

struct mesos_command {
    struct str shell;
    struct list argv; /* struct str */
};

struct exec_check {
    struct mesos_command *command;
};

struct http_check {
    struct opt_i64 port_index, port, scheme;
    struct str path;
};

struct tcp_check {
    struct opt_i64 port_index, port;
};

struct app_check {
    struct http_check *http;
    struct tcp_check *tcp;
    struct exec_check *exec;
    struct opt_i64 interval_s, timeout_s, delay_s;
};

struct readiness_check {
    struct str name, path, port_name;
    struct opt_i64 protocol, interval_s, timeout_s;
    struct list codes; /* int64_t */
    struct opt_bool preserve_last_response;
};

struct port_mapping {
    struct opt_i64 container_port, host_port, service_port, protocol;
    struct list labels; /* struct kv */
    struct str name;
    struct list network_names; /* struct str */
};

struct port_definition {
    struct opt_i64 port, protocol;
    struct list labels;
    struct str name;
};

struct network {
    struct str name;
    struct opt_i64 mode;
    struct list labels;
};

struct discovery_port {
    struct opt_i64 number, protocol;
    struct str name;
    struct list labels;
};

struct ip_discovery {
    struct list ports; /* struct discovery_port */
};

struct ip_address {
    struct ip_discovery *discovery;
    struct list groups, labels;
    struct str network_name;
};

struct docker_parameter {
    struct str key, value;
};

struct pull_config {
    struct str secret;
};

struct docker_credential {
    struct str principal, secret;
};

struct docker {
    struct docker_credential *credential;
    struct pull_config *pull_config;
    struct opt_bool force_pull, privileged;
    struct str image;
    struct opt_i64 network; /* enum docker_net */
    struct list parameters, port_mappings;
};

struct seccomp {
    struct str profile;
    struct opt_bool unconfined;
};

struct ipc_info {
    struct opt_i64 mode, shm_size;
};

struct linux_info {
    struct seccomp *seccomp;
    struct ipc_info *ipc;
};

struct volume_constraint { /* same form as struct constraint */
    struct constraint c;
};

struct persistent_info {
    struct opt_i64 type, size, max_size;
    struct str profile;
    struct list constraints; /* struct constraint */
};

enum csi_access_mode { CSI_SINGLE_WRITER, CSI_SINGLE_READER, CSI_MULTI_READER, CSI_MULTI_SINGLE_WRITER, CSI_MULTI_WRITER };
enum csi_access_type { CSI_BLOCK, CSI_MOUNT };

struct csi_capability {
    struct opt_i64 access_mode, access_type; /* enum csi_access_mode, csi_access_type */
    struct str fs_type;
    struct list mount_flags; /* struct str */
};

struct csi_options {
    struct str plugin;
    struct csi_capability *capability;
    struct list stage_secrets, publish_secrets, context; /* struct kv */
};

struct external_info {
    struct opt_i64 size;
    struct str name, provider;
    struct list options;     /* struct kv; empty when it is csi */
    struct csi_options *csi; /* "options" in JSON as well, of provider csi alone */
    struct opt_bool shared;
};

struct volume {
    struct str container_path, host_path, secret;
    struct persistent_info *persistent;
    struct external_info *external;
    struct opt_i64 mode;
};

struct container {
    struct opt_i64 type;
    struct docker *docker;
    struct linux_info *linux_info;
    struct list volumes, port_mappings;
};

struct auto_rollback { /* an addition of ours, as pause_after; see rollout.c */
    struct opt_i64 failures_max, deadline_s;
};

struct upgrade_strategy {
    struct opt_f64 over_capacity, health_capacity;
    struct opt_i64 pause_after;
    struct auto_rollback *rollback;
};

struct unreachable_strategy {
    struct opt_bool disabled;
    struct opt_i64 inactive_s, expunge_s;
};

struct residency {
    struct opt_i64 relaunch_timeout_s, task_lost;
};

struct executor_resources {
    struct opt_f64 cpus, mem, disk;
};

struct resource_limit {
    struct opt_bool unlimited;
    struct opt_f64 value;
    struct str bad; /* the text that is neither; refused by validation */
};

struct resource_limits {
    struct resource_limit *cpus, *mem;
};

struct version_info {
    struct opt_time scaling_at, config_at;
};

struct pod;

struct app {
    struct str id;
    struct list accepted_roles; /* struct str */
    struct list args;
    struct opt_f64 backoff_factor;
    struct opt_i64 backoff_s;
    struct str cmd;
    struct list constraints; /* struct constraint */
    struct container *container;
    struct opt_f64 cpus;
    struct list dependencies; /* struct str, absolute after app_normalise */
    struct opt_f64 disk;
    struct list env; /* struct env_value */
    struct str executor;
    struct executor_resources *executor_resources;
    struct list fetch; /* struct artifact */
    struct list health_checks, readiness_checks;
    struct app_check *check;
    struct opt_i64 instances;
    struct list labels; /* struct kv */
    struct opt_i64 launch_delay_max_s;
    struct opt_f64 mem;
    struct opt_i64 gpus;
    struct ip_address *ip_address;
    struct list networks, ports, port_definitions;
    struct residency *residency;
    struct resource_limits *resource_limits;
    struct opt_bool require_ports;
    struct list secrets; /* struct secret_def */
    struct opt_i64 kill_grace_s;
    struct upgrade_strategy *upgrade;
    struct list uris; /* struct str */
    struct str user;
    struct opt_time version;
    struct version_info *version_info;
    struct opt_i64 kill_selection;
    struct unreachable_strategy *unreachable;
    struct opt_bool tty;
    struct str role;
    struct pod *pod; /* a pod in the app's clothes: see pod.h; NULL: an app */
};

/* Body of POST and PUT /v2/groups. */
struct group_update {
    struct str id;
    struct list apps;   /* struct app */
    struct list groups; /* struct group_update */
    struct list dependencies;
    struct opt_f64 scale_by;
    struct opt_time version;
    struct opt_bool enforce_role;
};

extern const struct schema schema_app, schema_health_check, schema_group_update, schema_port_definition,
    schema_network, schema_container, schema_constraint;
extern const struct schema schema_env, schema_secret, schema_artifact, schema_exec_check,
    schema_mesos_command, schema_pull_config, schema_linux_info, schema_persistent,
    schema_executor_resources, schema_limits, schema_unreachable, schema_external_csi;

extern const char *const scheme_names[];
extern const char *const kill_selection_names[];
extern const char *const hc_protocol_names[];
extern const char *const constraint_op_names[];
extern const char *const protocol_names[];
extern const char *const net_mode_names[];

/* Ports that the app needs: host-mode definitions or mappings, in order. */
size_t app_port_count(const struct app *a);
/* The service port of port i (0 when not assigned yet). */
int64_t app_service_port(const struct app *a, size_t i);
struct str app_port_name(const struct app *a, size_t i);
enum protocol app_port_protocol(const struct app *a, size_t i);
/* Host networking (also when networks is absent). */
bool app_is_host_mode(const struct app *a);
/* Path of the executor of its own that the app has by itself or by default (--executor); p NULL: it has the agent's. */
struct str app_executor_path(const struct app *a, struct str default_path);
/* What that executor takes beside the task; NULL: nothing was said. */
const struct executor_resources *app_executor_share(const struct app *a, struct str default_path);
/* Checks that the service runs itself, as opposed to those of the executor. */
bool hc_is_ours(enum hc_protocol p);
bool hc_is_http(enum hc_protocol p);                       /* HTTP kinds of either side */
bool app_is_resident(const struct app *a);                 /* has persistent volumes */
/* One on every agent: has a constraint EVERY, an addition of ours; see every.c. Its instances are 1, or 0 when it is
 * suspended; how many there are follows from the agents. */
bool app_is_every(const struct app *a);
size_t app_volume_count(const struct app *a);              /* persistent ones */
const struct volume *app_volume(const struct app *a, size_t i); /* the i-th persistent one */
struct str app_label(const struct app *a, struct str key); /* p NULL when absent */

#endif
