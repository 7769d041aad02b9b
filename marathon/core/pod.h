/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: several containers that live and die together in one executor.
 *
 * A pod is kept as an app whose `pod` is set. The app around it is derived (pod_to_app): resources are the
 * sums, ports are the endpoints that want a host port, one health check stands for those of all containers.
 * So planning, matching, rolling and everything else that moves apps moves pods; what differs is the form in
 * the API, the launch (one task group per instance), and that an instance has one task per container.
 *
 * Sources: marathon-schemas (Pod and what it has), marathon-behaviour §11. */
#ifndef STOA_MARATHON_POD_H
#define STOA_MARATHON_POD_H

#include "marathon/core/app.h"
#include "marathon/core/config.h"
#include "marathon/core/issues.h"

enum pod_scaling_kind { POD_SCALING_FIXED };
enum pod_image_kind { POD_IMAGE_DOCKER };
enum { POD_CONTAINERS_MAX = 100 };

struct pod_image {
    struct opt_i64 kind; /* enum pod_image_kind */
    struct str id;
    struct pull_config *pull_config;
    struct opt_bool force_pull;
    struct list labels;
};

struct pod_exec {
    struct mesos_command *command;
    struct opt_bool override_entrypoint;
};

struct pod_resources {
    struct opt_f64 cpus, mem, disk;
    struct opt_i64 gpus;
};

struct pod_endpoint {
    struct str name;
    struct opt_i64 container_port, host_port;
    struct list protocol, labels, network_names; /* protocol: struct str */
};

struct pod_http_check {
    struct str endpoint, path;
    struct opt_i64 scheme;
};

struct pod_tcp_check {
    struct str endpoint;
};

struct pod_check { /* both kinds; grace and failures are those of health checks */
    struct pod_http_check *http;
    struct pod_tcp_check *tcp;
    struct exec_check *exec;
    struct opt_i64 grace_s, interval_s, failures_max, timeout_s, delay_s;
};

struct pod_mount {
    struct str name, mount_path;
    struct opt_bool read_only;
};

struct pod_lifecycle {
    struct opt_f64 kill_grace_s;
};

struct pod_container {
    struct str name;
    struct pod_exec *exec;
    struct pod_resources *resources;
    struct resource_limits *limits;
    struct list endpoints; /* struct pod_endpoint */
    struct linux_info *linux_info;
    struct pod_image *image;
    struct list environment; /* struct env_value */
    struct str user;
    struct pod_check *health_check, *check;
    struct list mounts, artifacts, labels;
    struct pod_lifecycle *lifecycle;
    struct opt_bool tty;
};

struct pod_volume { /* ephemeral when it has nothing but a name */
    struct str name, host, secret;
    struct persistent_info *persistent;
};

struct pod_scaling {
    struct opt_i64 kind, instances;
};

struct pod_backoff {
    struct opt_f64 backoff, factor, max_delay; /* seconds */
};

struct pod_upgrade {
    struct opt_f64 health_capacity, over_capacity;
};

struct pod_constraint {
    struct str field, value;
    struct opt_i64 op;
};

struct pod_placement {
    struct list constraints, accepted_roles;
};

struct pod_scheduling {
    struct pod_backoff *backoff;
    struct pod_upgrade *upgrade;
    struct pod_placement *placement;
    struct opt_i64 kill_selection;
    struct unreachable_strategy *unreachable;
};

struct pod {
    struct str id;
    struct list labels;
    struct opt_time version;
    struct str user;
    struct list environment; /* struct env_value */
    struct list containers;  /* struct pod_container */
    struct list secrets;
    struct list volumes;  /* struct pod_volume */
    struct list networks; /* struct network */
    struct pod_scaling *scaling;
    struct pod_scheduling *scheduling;
    struct executor_resources *executor_resources;
    struct str role;
    struct linux_info *linux_info;
    struct opt_bool legacy_shared_cgroups;
};

extern const struct schema schema_pod;

/* Fills what has a default and makes the id absolute. Memory of the arena; false when it is spent. */
bool pod_fill(struct pod *p, const struct marathon_config *c, struct arena *arena);
/* The app that stands for a filled pod; it points into the pod. NULL when the arena is spent. */
struct app *pod_to_app(struct pod *p, struct arena *arena);
/* Every problem of a filled pod; stored_role as for app_validate. */
void pod_validate(const struct pod *p, const struct marathon_config *c, bool enforce_role,
                  struct str stored_role, struct issues *is);

size_t pod_container_count(const struct app *a); /* 0: an app */
const struct pod_container *pod_container(const struct app *a, size_t i);
/* Index among the ports of the app (match.h) of an endpoint; SIZE_MAX: it has no host port in host mode. */
size_t pod_port_index(const struct pod *p, size_t container, size_t endpoint);
bool pod_is_host_mode(const struct pod *p);
/* "<instance>.<container>.<incarnation>" */
struct str pod_task_id(struct arena *a, struct str instance, const struct pod_container *k,
                       unsigned incarnation);

#endif
