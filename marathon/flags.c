/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/flags.h"

#include <stdio.h>

#include "common/base/time.h"
#include "common/io/zk.h"

#define T struct marathon_flags
#define MS(member, name, dflt, help) FLAG_INT(T, member, name, dflt, 0, INT64_C(31536000000), help)

#define NO_EFFECT "Accepted, without effect."

static const struct flag table[] = {
    FLAG_STRING(T, master, "master", NULL,
                "Masters as host:port[,host:port], or zk://... or file://. Without one the API works and "
                "nothing is launched."),
    FLAG_STRING(T, zk, "zk", NULL,
                "zk://[user:password@]host:port,.../path: several instances, one of which leads; the state "
                "is kept there too."),
    { .name = "store_dir",
      .type = FLAG_TYPE_PATH,
      .offset = offsetof(T, store_dir),
      .aliases = "work_dir",
      .help =
          "Folder of the embedded store (default: $STATE_DIRECTORY or ~/.local/state, then stoa/marathon)." },
    FLAG_STRING(T, internal_store_backend, "internal_store_backend", NULL,
                "mem keeps the state in memory only; sqlite (default) in --store_dir."),
    FLAG_INT(T, http_port, "http_port", "8080", 0, 65535, "Port of the API."),
    FLAG_STRING(T, http_address, "http_address", NULL, "Address to listen on (default: all)."),
    FLAG_INT(T, https_port, "https_port", "8443", 0, 65535, "Port of the API with TLS."),
    FLAG_STRING(T, https_address, "https_address", NULL, "Address to listen on with TLS."),
    FLAG_BOOL(T, disable_http, "disable_http", "false", "No plain HTTP: TLS only (--ssl_keystore_path)."),
    FLAG_STRING(T, ssl_keystore_path, "ssl_keystore_path", NULL, "PKCS #12 file with certificate and key: the API also speaks TLS, at --https_port."),
    FLAG_STRING(T, ssl_keystore_password, "ssl_keystore_password", NULL, "Password of the keystore."),
    FLAG_STRING(T, http_credentials, "http_credentials", NULL,
                "user:password that every request must carry."),
    FLAG_STRING(T, http_realm, "http_realm", "Mesosphere", "Realm of basic authentication."),
    FLAG_BOOL(T, http_compression, "http_compression", "true",
              "Compress answers for clients that accept it."),
    FLAG_BOOL(T, disable_http_compression, "disable_http_compression", "false", "The opposite."),
    FLAG_STRING(T, access_control_allow_origin, "access_control_allow_origin", NULL,
                "Origins for CORS, comma separated."),
    FLAG_INT(T, http_max_concurrent_requests, "http_max_concurrent_requests", "0", 0, 1000000,
             "Requests in work at a time; 0: no limit."),
    FLAG_STRING(T, hostname, "hostname", NULL,
                "Name that others reach this instance by (default: the host's name)."),
    FLAG_STRING(T, secrets_dir, "secrets_dir", NULL, "With --enable_features=secrets: folder in which the source of a secret is a file."),
    FLAG_STRING(T, webui_url, "webui_url", NULL, "Told to the master (default: http://hostname:http_port)."),
    FLAG_STRING(T, mesos_leader_ui_url, "mesos_leader_ui_url", NULL, "Shown in /v2/info."),
    FLAG_STRING(T, framework_name, "framework_name", "marathon", "Name of the framework."),
    FLAG_STRING(T, mesos_role, "mesos_role", "*", "Default role of apps."),
    FLAG_STRING(T, mesos_user, "mesos_user", NULL,
                "Account of tasks (default: the one this process runs as)."),
    FLAG_INT(T, failover_timeout, "failover_timeout", "604800", 0, INT64_C(315360000),
             "Seconds that tasks live on without us."),
    FLAG_BOOL(T, checkpoint, "checkpoint", "true", "Agents keep tasks through their own restart."),
    FLAG_BOOL(T, disable_checkpoint, "disable_checkpoint", "false", "The opposite."),
    FLAG_DURATION(T, deleted_apps_keep, "deleted_apps_keep", "7days",
                  "For how long removed apps can be restored; 0secs: not at all. Not a flag of the original."),
    FLAG_BOOL(T, safe_groups, "safe_groups", "false",
              "A group update removes what it leaves out only with prune=true."),
    FLAG_BOOL(T, ha, "ha", "true", "Accepted: there are several instances with --zk."),
    FLAG_BOOL(T, disable_ha, "disable_ha", "false", "The opposite."),
    FLAG_STRING(T, executor, "executor", "//cmd", "Executor of apps that name none: a path in the sandbox or on the agent, or //cmd for the agent's own."),
    FLAG_STRING(T, env_vars_prefix, "env_vars_prefix", "",
                "Put before HOST and PORT* in the environment of tasks."),
    FLAG_INT(T, local_port_min, "local_port_min", "10000", 1, 65535,
             "Lowest service port that is given out."),
    FLAG_INT(T, local_port_max, "local_port_max", "20000", 1, 65535, "Highest one."),
    FLAG_BOOL(T, mesos_authentication, "mesos_authentication", "false", "Authenticate with the master."),
    FLAG_STRING(T, principal, "mesos_authentication_principal", NULL, "Principal for the master."),
    FLAG_STRING(T, secret, "mesos_authentication_secret", NULL, "Secret for the master."),
    FLAG_PATH(T, secret_file, "mesos_authentication_secret_file", NULL, "File with the secret."),
    FLAG_STRING(T, default_accepted_resource_roles, "default_accepted_resource_roles", NULL,
                "Removed in 1.9; use --accepted_resource_roles_default_behavior."),
    { .name = "accepted_resource_roles_default_behavior",
      .type = FLAG_TYPE_STRING,
      .offset = offsetof(T, accepted_roles_default),
      .default_value = "any",
      .choices = "any unreserved reserved",
      .help = "Resources used by apps that do not say." },
    { .name = "new_group_enforce_role",
      .type = FLAG_TYPE_STRING,
      .offset = offsetof(T, new_group_enforce_role),
      .default_value = "off",
      .choices = "off top",
      .help = "enforceRole of new top-level groups." },
    FLAG_STRING(T, enable_features, "enable_features", NULL,
                "vips, task_killing, external_volumes, secrets, gpu_resources."),
    FLAG_STRING(T, deprecated_features, "deprecated_features", NULL, "Accepted for names of the original."),
    FLAG_STRING(T, default_network_name, "default_network_name", NULL,
                "Name of container networks that have none."),
    FLAG_STRING(T, mesos_bridge_name, "mesos_bridge_name", "mesos-bridge", "Name of the bridge network."),
    FLAG_INT(T, max_apps, "max_apps", "0", 0, INT32_MAX, NO_EFFECT),
    FLAG_INT(T, max_running_deployments, "max_running_deployments", "100", 1, 1000000,
             "Further changes are refused with 403."),
    FLAG_INT(T, group_versions_cache_size, "group_versions_cache_size", "1000", 0, INT32_MAX,
             NO_EFFECT),
    MS(task_launch_timeout, "task_launch_timeout", "300000",
       "ms in TASK_STAGING or TASK_STARTING before a task is killed."),
    MS(task_launch_confirm_timeout, "task_launch_confirm_timeout", "300000",
       "ms until the first status of a launched task."),
    MS(task_reservation_timeout, "task_reservation_timeout", "20000",
       "ms until a new reservation is given up."),
    MS(task_lost_expunge_initial_delay, "task_lost_expunge_initial_delay", "300000",
       "Accepted: timers are per instance here."),
    MS(task_lost_expunge_interval, "task_lost_expunge_interval", "30000",
       "Accepted: timers are per instance here."),
    MS(reconciliation_initial_delay, "reconciliation_initial_delay", "15000",
       "Accepted: reconciliation follows each subscription at once."),
    MS(reconciliation_interval, "reconciliation_interval", "600000", "ms between reconciliations."),
    MS(scale_apps_initial_delay, "scale_apps_initial_delay", "15000",
       "Accepted: apps are looked at when something changes."),
    MS(scale_apps_interval, "scale_apps_interval", "300000",
       "Accepted: apps are looked at when something changes."),
    MS(decline_offer_duration, "decline_offer_duration", "120000",
       "ms for which a declined offer is not wanted again."),
    MS(min_revive_offers_interval, "min_revive_offers_interval", "100",
       "ms between two requests for offers (5000 in the original)."),
    FLAG_BOOL(T, suppress_offers, "suppress_offers", "true", "No offers while nothing waits."),
    FLAG_BOOL(T, disable_suppress_offers, "disable_suppress_offers", "false", "The opposite."),
    FLAG_INT(T, launch_tokens, "launch_tokens", "1000", 1, 1000000,
             "Launches under way (100 in the original)."),
    MS(launch_token_refresh_interval, "launch_token_refresh_interval", "30000",
       "ms after which they are refilled."),
    FLAG_INT(T, max_instances_per_offer, "max_instances_per_offer", "1000", 1, 100000,
             "Launches on one offer (5 in the original)."),
    MS(offer_matching_timeout, "offer_matching_timeout", "3000",
       "Accepted: matching is bounded by work, not by time."),
    FLAG_INT(T, max_concurrent_checks, "max_concurrent_marathon_health_checks", "256", 1, 100000,
             "Health checks in flight."),
    { .name = "gpu_scheduling_behavior",
      .type = FLAG_TYPE_STRING,
      .offset = offsetof(T, gpu_scheduling_behavior),
      .default_value = "restricted",
      .choices = "restricted unrestricted undefined",
      .help = "May agents with GPUs run other tasks." },
    FLAG_BOOL(T, maintenance_mode, "maintenance_mode", "true", "Refuse offers of agents in maintenance."),
    FLAG_BOOL(T, disable_maintenance_mode, "disable_maintenance_mode", "false", "The opposite."),
    FLAG_INT(T, draining_seconds, "draining_seconds", "0", 0, 31536000,
             "Seconds before maintenance in which offers are refused."),
    FLAG_INT(T, event_stream_max_outstanding_messages, "event_stream_max_outstanding_messages", "1024", 1,
             1000000, "Unsent events of a stream before it is closed."),
    MS(graceful_shutdown_timeout, "graceful_shutdown_timeout", "45000", "Accepted."),
    MS(leader_proxy_connection_timeout, "leader_proxy_connection_timeout", "5000",
       "ms to connect to the leader."),
    MS(leader_proxy_read_timeout, "leader_proxy_read_timeout", "10000",
       "ms to wait for the leader's answer."),
    MS(on_elected_prepare_timeout, "on_elected_prepare_timeout", "180000", "Accepted: one instance."),
    MS(mesos_heartbeat_interval, "mesos_heartbeat_interval", "15000", "Accepted: the master says."),
    FLAG_INT(T, mesos_heartbeat_failure_threshold, "mesos_heartbeat_failure_threshold", "5", 1, 1000,
             "Missed heartbeats before connecting again."),
    MS(zk_timeout, "zk_timeout", "10000", "Accepted."),
    MS(zk_session_timeout, "zk_session_timeout", "10000", "ms of the session with ZooKeeper."),
    MS(zk_connection_timeout, "zk_connection_timeout", "10000", "Accepted."),
    FLAG_INT(T, zk_max_versions, "zk_max_versions", "50", 1, 100000, "Versions kept per app."),
    FLAG_BOOL(T, zk_compression, "zk_compression", "true", "Accepted."),
    FLAG_BOOL(T, disable_zk_compression, "disable_zk_compression", "false", "Accepted."),
    FLAG_INT(T, zk_compression_threshold, "zk_compression_threshold", "65536", 0, INT32_MAX, "Accepted."),
    FLAG_INT(T, zk_max_node_size, "zk_max_node_size", "1024000", 0, INT32_MAX, "Accepted."),
    FLAG_BOOL(T, store_cache, "store_cache", "true", "Accepted."),
    FLAG_BOOL(T, disable_store_cache, "disable_store_cache", "false", "Accepted."),
    FLAG_INT(T, storage_compaction_interval, "storage_compaction_interval", "30", 0, INT32_MAX,
             "Accepted: records go with what they describe."),
    FLAG_STRING(T, backup_location, "backup_location", NULL, "Backups are not built yet."),
    FLAG_STRING(T, plugin_dir, "plugin_dir", NULL, "Plugins are not built."),
    FLAG_STRING(T, plugin_conf, "plugin_conf", NULL, "Plugins are not built."),
    FLAG_STRING(T, logging_level, "logging_level", NULL, "debug, info, warn or error."),
    FLAG_STRING(T, metrics_name_prefix, "metrics_name_prefix", "marathon", "First part of metric names."),
    FLAG_BOOL(T, metrics_prometheus, "metrics_prometheus", "true", "Serve /metrics/prometheus."),
    FLAG_BOOL(T, disable_metrics_prometheus, "disable_metrics_prometheus", "false", "The opposite."),
    FLAG_INT(T, kill_chunk_size, "kill_chunk_size", "100", 1, 100000, "Kills in flight."),
    MS(kill_retry_timeout, "kill_retry_timeout", "30000", "ms after which a kill is repeated."),
    FLAG_STRING(T, logstash, "logstash", NULL, "Not supported: the log goes to standard error."),
    FLAG_STRING(T, sentry, "sentry", NULL, "Not supported: the log goes to standard error."),
    FLAG_STRING(T, unused_text[0], "sentry_tags", NULL, NO_EFFECT),
    FLAG_BOOL(T, metrics_statsd, "metrics_statsd", "false", "Not supported: collectors read /metrics/prometheus or /metrics."),
    FLAG_BOOL(T, unused_bool[0], "disable_metrics_statsd", "false", NO_EFFECT),
    FLAG_STRING(T, unused_text[1], "metrics_statsd_host", NULL, NO_EFFECT),
    FLAG_INT(T, unused_int[0], "metrics_statsd_port", NULL, 0, 65535, NO_EFFECT),
    MS(unused_int[1], "metrics_statsd_transmission_interval_ms", "10000", NO_EFFECT),
    FLAG_BOOL(T, metrics_datadog, "metrics_datadog", "false", "Not supported: collectors read /metrics/prometheus or /metrics."),
    FLAG_BOOL(T, unused_bool[1], "disable_metrics_datadog", "false", NO_EFFECT),
    FLAG_STRING(T, unused_text[2], "metrics_datadog_protocol", "udp", NO_EFFECT),
    FLAG_STRING(T, unused_text[3], "metrics_datadog_host", NULL, NO_EFFECT),
    FLAG_INT(T, unused_int[2], "metrics_datadog_port", NULL, 0, 65535, NO_EFFECT),
    FLAG_STRING(T, unused_text[4], "metrics_datadog_api_key", NULL, NO_EFFECT),
    MS(unused_int[3], "metrics_datadog_transmission_interval_ms", "10000", NO_EFFECT),
    FLAG_INT(T, unused_int[4], "metrics_histogram_reservoir_significant_digits", "3", 0, 5, NO_EFFECT),
    FLAG_BOOL(T, unused_bool[2], "mesos_offer_constraints", "false", NO_EFFECT),
    FLAG_BOOL(T, unused_bool[3], "disable_mesos_offer_constraints", "false", NO_EFFECT),
    MS(unused_int[5], "min_mesos_offer_constraints_update_interval", "1000", NO_EFFECT),
    FLAG_INT(T, unused_int[6], "leader_proxy_max_open_connections", "64", 0, 1000000, NO_EFFECT),
    FLAG_BOOL(T, unused_bool[4], "leader_proxy_ssl_ignore_hostname", "false", NO_EFFECT),
};

/* Flags of older releases. The original refuses them too; here with the way out. */
#define NO_CALLBACKS "removed in 1.5, with callbacks: read GET /v2/events"
#define NO_REPORTERS "removed in 1.8: let a collector read /metrics/prometheus or /metrics"
static const struct flag_removed removed[] = {
    { "event_subscriber", NO_CALLBACKS },
    { "http_endpoints", NO_CALLBACKS },
    { "http_event_callback_slow_consumer_timeout", NO_CALLBACKS },
    { "http_event_request_timeout", NO_CALLBACKS },
    { "artifact_store", "removed in 1.5: name the files in \"fetch\" of the app" },
    { "assets_path", "removed in 1.5: the page is in the program" },
    { "max_tasks_per_offer", "renamed in 1.5: use --max_instances_per_offer" },
    { "max_tasks_per_offer_cycle", "removed in 1.5: use --max_instances_per_offer and --launch_tokens" },
    { "save_tasks_to_launch_timeout", "removed in 1.8, and without effect since 1.5: leave it out" },
    { "leader_election_backend", "removed in 1.6: leave it out, there is one way to elect" },
    { "revive_offers_for_new_apps", "removed in 1.10: use --min_revive_offers_interval" },
    { "disable_revive_offers_for_new_apps", "removed in 1.10: use --min_revive_offers_interval" },
    { "revive_offers_repetitions", "removed in 1.10: use --min_revive_offers_interval" },
    { "reporter_graphite", NO_REPORTERS },
    { "reporter_datadog", NO_REPORTERS },
    { "reporter_newrelic", NO_REPORTERS },
    { "metrics", NO_REPORTERS },
    { "disable_metrics", NO_REPORTERS },
    { "metrics_averaging_window", "removed in 1.8: meters have rates of 1, 5 and 15 minutes" },
    { "tracing", "removed in 1.8: use --logging_level" },
    { "enable_tracing", "removed in 1.8: use --logging_level" },
    { "marathon_store_timeout", "removed in 1.5: use --zk_timeout" },
    { "zk_hosts", "removed in 0.8: use --zk" },
    { "zk_state", "removed in 0.8: use --zk" },
    { NULL, NULL },
};

static const struct flags_spec spec = {
    .program = "stoa marathon",
    .summary = "Keeps apps running on a cluster: the service framework with the REST API v2.",
    .flags = table,
    .count = sizeof table / sizeof table[0],
    .removed = removed,
    .env_prefixes = "STOA_MARATHON_ MARATHON_",
    .value_apart = true, /* as the original's documents write them */
};

bool flag_list_has(const char *list, const char *name)
{
    struct str rest = str_of(list), item;

    if (list == NULL)
        return false;
    for (bool more = true; more;) {
        more = str_cut(&rest, ',', &item);
        if (str_is(str_trim(item), name))
            return true;
    }
    return false;
}

void marathon_flags_ignored(const struct flags *f, struct sbuf *names)
{
    for (size_t i = 0; i < spec.count; i++)
        if (strcmp(table[i].help, NO_EFFECT) == 0 && flags_is_set(f, table[i].name))
            sbuf_fmt(names, "%s--%s", names->n == 0 ? "" : " ", table[i].name);
}

static int check_features(const char *list, struct error *err)
{
    static const char *const known[] = { "vips", "task_killing", "external_volumes", "secrets",
                                         "gpu_resources" };
    struct str rest = str_of(list), item;

    if (list == NULL)
        return 0;
    for (bool more = true; more;) {
        bool found = false;
        more = str_cut(&rest, ',', &item);
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found = found || str_is(str_trim(item), known[i]);
        if (!found && str_trim(item).n != 0)
            return error_set(err, ERR_INVALID,
                             "--enable_features: '%.*s' is not a feature; there are vips, task_killing, "
                             "external_volumes, secrets and gpu_resources",
                             STR_ARG(str_sub(item, 0, 60)));
    }
    return 0;
}

/* Those that the original knew at some time. Only proxy_events does something here. */
static int check_deprecated(const char *list, struct error *err)
{
    static const char *const known[] = { "app_c",         "sync_proxy",     "json_schemas_resource",            "api_heavy_events",
                                         "kamon_metrics", "proxy_events",   "sanitize_accepted_resource_roles", "text_plain_tasks" };
    struct str rest = str_of(list), item;

    for (bool more = list != NULL; more;) {
        bool found = false;
        more = str_cut(&rest, ',', &item);
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            found = found || str_is(str_trim(item), known[i]);
        if (!found && str_trim(item).n != 0)
            return error_set(err, ERR_INVALID, "--deprecated_features: '%.*s' is none; leave it out", STR_ARG(str_sub(str_trim(item), 0, 60)));
    }
    return 0;
}

static int check(const struct marathon_flags *f, struct error *err)
{
    const struct {
        bool given;
        const char *flag, *instead;
    } unbuilt[] = {
        { f->backup_location != NULL, "backup_location",
          "copy the file in --store_dir while the service is stopped" },
        { f->plugin_dir != NULL || f->plugin_conf != NULL, "plugin_dir", "leave it out" },
        { f->default_accepted_resource_roles != NULL, "default_accepted_resource_roles",
          "use --accepted_resource_roles_default_behavior" },
        { f->logstash != NULL, "logstash", "pass standard error on" },
        { f->sentry != NULL, "sentry", "pass standard error on" },
        { f->metrics_statsd, "metrics_statsd", "let a collector read /metrics/prometheus or /metrics" },
        { f->metrics_datadog, "metrics_datadog", "let a collector read /metrics/prometheus or /metrics" },
    };

    for (size_t i = 0; i < sizeof unbuilt / sizeof unbuilt[0]; i++)
        if (unbuilt[i].given)
            return error_set(err, ERR_INVALID, "--%s is not built yet: %s", unbuilt[i].flag,
                             unbuilt[i].instead);
    if (f->disable_http && f->ssl_keystore_path == NULL)
        return error_set(err, ERR_INVALID, "--disable_http leaves no way in: give --ssl_keystore_path");
    if (f->disable_http && f->zk != NULL)
        return error_set(err, ERR_INVALID, "--disable_http with --zk is not built yet: several instances forward requests to each "
                                           "other by plain HTTP");
    if (f->zk != NULL) {
        struct zk_url url = { NULL, NULL, NULL };
        int rc = zk_url_parse(&url, str_of(f->zk), false, err);
        zk_url_done(&url);
        if (rc != 0)
            return error_wrap(err, "--zk");
    }
    if (f->local_port_min > f->local_port_max)
        return error_set(err, ERR_INVALID, "--local_port_min=%lld is above --local_port_max=%lld",
                         (long long)f->local_port_min, (long long)f->local_port_max);
    if (check_deprecated(f->deprecated_features, err) != 0)
        return -(int)err->code;
    return check_features(f->enable_features, err);
}

int marathon_flags_parse(struct flags *f, struct marathon_flags *ret, int argc, char *const argv[],
                         char *const envp[], bool *ret_help, struct error *err)
{
    int rc = flags_parse(f, &spec, ret, argc, argv, envp, err);

    *ret_help = false;
    if (rc < 0)
        return rc;
    if (f->help) {
        struct sbuf b = SBUF_INIT(1 << 20);
        flags_help(&spec, &b);
        (void)fwrite(b.p, 1, b.n, stdout);
        sbuf_done(&b);
        *ret_help = true;
        return 0;
    }
    rc = check(ret, err);
    if (rc < 0)
        flags_done(f, ret);
    return rc;
}

int marathon_flags_config(const struct marathon_flags *f, struct marathon_config *c, struct error *err)
{
    const char *roles = f->accepted_roles_default;

    (void)err;
    marathon_config_init(c);
    c->role = str_of(f->mesos_role);
    c->user = str_of(f->mesos_user);
    c->env_prefix = str_of(f->env_vars_prefix);
    c->default_network = str_of(f->default_network_name);
    c->bridge_name = str_of(f->mesos_bridge_name);
    c->local_port_min = f->local_port_min;
    c->local_port_max = f->local_port_max;
    c->deployments_max = (unsigned)f->max_running_deployments;
    c->deleted_keep_ns = f->deleted_apps_keep;
    c->versions_max = (unsigned)f->zk_max_versions;
    c->instances_per_offer_max = (unsigned)f->max_instances_per_offer;
    c->launch_tokens = (unsigned)f->launch_tokens;
    c->launch_token_interval_ns = f->launch_token_refresh_interval * NS_PER_MS;
    c->launch_confirm_ns = f->task_launch_confirm_timeout * NS_PER_MS;
    c->launch_timeout_ns = f->task_launch_timeout * NS_PER_MS;
    c->reservation_ns = f->task_reservation_timeout * NS_PER_MS;
    c->decline_ns = f->decline_offer_duration * NS_PER_MS;
    c->revive_interval_ns = f->min_revive_offers_interval * NS_PER_MS;
    c->suppress_offers = f->suppress_offers && !f->disable_suppress_offers;
    c->reconcile_interval_ns = f->reconciliation_interval * NS_PER_MS;
    c->kill_retry_ns = f->kill_retry_timeout * NS_PER_MS;
    c->kills_max = (unsigned)f->kill_chunk_size;
    c->draining_ns = f->draining_seconds * NS_PER_S;
    c->maintenance_mode = f->maintenance_mode && !f->disable_maintenance_mode;
    c->enforce_new_groups = str_is(str_of(f->new_group_enforce_role), "top");
    c->gpu_restricted = str_is(str_of(f->gpu_scheduling_behavior), "restricted");
    c->roles_default = str_is(str_of(roles), "unreserved") ? ROLES_UNRESERVED
                       : str_is(str_of(roles), "reserved") ? ROLES_RESERVED
                                                           : ROLES_ANY;
    c->checks_max = (unsigned)f->max_concurrent_checks;
    c->executor = str_of(f->executor);
    c->secrets = flag_list_has(f->enable_features, "secrets");
    c->gpus = flag_list_has(f->enable_features, "gpu_resources");
    c->external_volumes = flag_list_has(f->enable_features, "external_volumes");
    c->task_killing = flag_list_has(f->enable_features, "task_killing");
    return 0;
}
