/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `stoa agent`: the original's names and defaults, from the command line, MESOS_*, STOA_AGENT_* and STOA_*
 * variables. Those that belong to parts which are not built are kept in the table, so that unit files work, and
 * agent_flags_check says in one line each what a given value would have done. Source: reference, §26. */
#ifndef STOA_AGENT_FLAGS_H
#define STOA_AGENT_FLAGS_H

#include "common/io/flags.h"
#include "common/io/tls.h"

struct agent_flags {
    /* who and where */
    struct tls_config tls;
    char *master, *hostname, *ip, *advertise_ip, *work_dir, *runtime_dir, *launcher_dir, *domain;
    int64_t port, advertise_port;
    bool hostname_lookup, version, help;
    /* resources */
    char *resources, *attributes, *default_role;
    /* containers */
    char *isolation, *launcher, *cgroups_hierarchy, *cgroups_root, *frameworks_home, *sandbox_directory;
    char *fetcher_cache_dir, *executor_environment_variables;
    char *containerizers, *default_container_info, *container_logger, *modules;
    char *agent_features, *host_path_volume_force_creation, *domain_socket_location, *ip_discovery_command;
    bool http_executor_domain_sockets;
    char *network_cni_config_dir, *network_cni_plugins_dir, *default_container_dns;
    bool enforce_container_ports, check_agent_port_range_only;
    char *container_ports_isolated_range;
    int64_t container_ports_watch_interval;
    bool network_cni_root_dir_persist, network_cni_metrics;
    char *image_providers, *docker_registry, *docker_config, *docker_store_dir, *image_provisioner_backend, *image_gc_config;
    bool docker_ignore_runtime;
    int64_t docker_pull_timeout;
    char *seccomp_config_dir, *seccomp_profile_name;
    bool switch_user, cgroups_enable_cfs, cgroups_limit_swap, cgroups_cpu_enable_pids_and_tids_count;
    char *resource_estimator, *qos_controller;
    int64_t oversubscribed_resources_interval, qos_correction_interval_min;
    bool revocable_cpu_low_priority, enforce_container_disk_quota, http_command_executor;
    bool disallow_sharing_agent_ipc_namespace, disallow_sharing_agent_pid_namespace;
    int64_t container_disk_watch_interval, cgroups_destroy_timeout, fetcher_stall_timeout;
    uint64_t fetcher_cache_size, default_container_shm_size;
    int64_t pids_max;
    /* executors and recovery */
    char *recover, *reconfiguration_policy;
    bool strict;
    int64_t executor_registration_timeout, executor_reregistration_timeout, executor_shutdown_grace_period;
    int64_t recovery_timeout, registration_backoff_factor, zk_session_timeout, http_heartbeat_interval;
    int64_t max_completed_executors_per_framework;
    /* garbage */
    int64_t gc_delay, disk_watch_interval;
    double gc_disk_headroom;
    bool gc_non_executor_container_sandboxes;
    /* the log */
    char *log_dir, *external_log_file, *logging_level;
    bool quiet;
    /* who may do what */
    char *http_credentials, *jwt_secret_key, *acls, *firewall_rules, *credential;
    char *effective_capabilities, *bounding_capabilities;
    bool authenticate_http_readonly, authenticate_http_readwrite, authenticate_http_executors;
    int64_t authentication_timeout_min;
    /* accepted for the sake of existing unit files */
    char *unused_text[96];
    bool unused_bool[32];
    int64_t unused_duration[32];
    int64_t unused_int[4];
    uint64_t unused_bytes[4];
};

extern const struct flags_spec agent_flags_spec;

/* Values that cannot work together or need what is not built: an error. Then one line per flag that is accepted but
 * has no effect yet goes to `ignored`. */
int agent_flags_check(const struct flags *f, const struct agent_flags *v, struct sbuf *ignored, struct error *err);

/* Containers with images: asked for by --image_providers, or as part of --containerizers=docker,mesos. */
bool agent_flags_have_images(const struct agent_flags *v);

#endif
