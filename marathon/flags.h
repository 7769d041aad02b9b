/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of `stoa marathon`: Marathon's names and defaults (marathon-behaviour §16), and our own for the
 * embedded store. Times of Marathon's flags are plain numbers in the unit that its reference states. */
#ifndef STOA_MARATHON_FLAGS_H
#define STOA_MARATHON_FLAGS_H

#include "common/io/flags.h"
#include "marathon/core/config.h"

struct marathon_flags {
    char *master, *zk, *store_dir, *hostname, *http_address, *webui_url, *mesos_leader_ui_url,
        *framework_name, *mesos_role;
    char *mesos_user, *executor, *env_vars_prefix, *default_network_name, *mesos_bridge_name,
        *enable_features;
    char *deprecated_features, *accepted_roles_default, *new_group_enforce_role, *http_credentials,
        *http_realm;
    char *access_control_allow_origin, *principal, *secret, *secret_file, *logging_level,
        *gpu_scheduling_behavior;
    char *metrics_name_prefix, *https_address, *ssl_keystore_path, *ssl_keystore_password, *secrets_dir, *plugin_dir,
        *plugin_conf;
    char *backup_location, *internal_store_backend, *default_accepted_resource_roles;
    int64_t http_port, https_port, failover_timeout, local_port_min, local_port_max, max_running_deployments;
    int64_t task_launch_timeout, task_launch_confirm_timeout, task_reservation_timeout,
        task_lost_expunge_initial_delay;
    int64_t task_lost_expunge_interval, reconciliation_initial_delay, reconciliation_interval,
        scale_apps_initial_delay;
    int64_t scale_apps_interval, decline_offer_duration, min_revive_offers_interval, launch_tokens;
    int64_t launch_token_refresh_interval, max_instances_per_offer, offer_matching_timeout,
        max_concurrent_checks;
    int64_t draining_seconds, event_stream_max_outstanding_messages, graceful_shutdown_timeout,
        zk_max_versions;
    int64_t kill_chunk_size, kill_retry_timeout, http_max_concurrent_requests,
        leader_proxy_connection_timeout;
    int64_t leader_proxy_read_timeout, on_elected_prepare_timeout, mesos_heartbeat_interval,
        mesos_heartbeat_failure_threshold;
    int64_t zk_timeout, zk_session_timeout, zk_connection_timeout, zk_compression_threshold, zk_max_node_size,
        max_apps;
    int64_t group_versions_cache_size, storage_compaction_interval;
    bool checkpoint, ha, suppress_offers, maintenance_mode, http_compression, metrics_prometheus,
        zk_compression, store_cache;
    bool safe_groups; /* ours */
    int64_t deleted_apps_keep; /* ns; ours */
    bool disable_http, disable_ha, disable_checkpoint, disable_suppress_offers, disable_maintenance_mode;
    bool disable_http_compression, disable_metrics_prometheus, mesos_authentication, disable_zk_compression;
    bool disable_store_cache;
    /* known so that unit files work: a value is refused, or has no effect, which is said at the start */
    char *unused_text[8];
    bool unused_bool[8];
    int64_t unused_int[8];
    bool metrics_statsd, metrics_datadog;
    char *logstash, *sentry;
};

/* Parses; on --help prints the text to standard output and sets *ret_help. The strings of config point into
 * flags. */
int marathon_flags_parse(struct flags *f, struct marathon_flags *ret, int argc, char *const argv[],
                         char *const envp[], bool *ret_help, struct error *err);
/* Appends the names of the flags that were given and have no effect. */
void marathon_flags_ignored(const struct flags *f, struct sbuf *names);
int marathon_flags_config(const struct marathon_flags *f, struct marathon_config *c, struct error *err);
bool flag_list_has(const char *list, const char *name); /* comma list */

#endif
