/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/flags.h"

#include <string.h>

#include "common/base/time.h"

#define T struct agent_flags
/* Kept for compatibility: parsed, shown in /flags, without effect. */
#define UNUSED(n, name, def) FLAG_STRING(T, unused_text[n], name, def, "Accepted; has no effect in this version.")
#define UNUSED_BOOL(n, name, def) FLAG_BOOL(T, unused_bool[n], name, def, "Accepted; has no effect in this version.")
#define UNUSED_DURATION(n, name, def) FLAG_DURATION(T, unused_duration[n], name, def, "Accepted; has no effect in this version.")

static const struct flag flags[] = {
    /* who and where */
    { .name = "master", .type = FLAG_TYPE_STRING, .offset = offsetof(T, master), .required = true,
      .help = "The master: host:port, zk://[user:password@]host:port,.../path, or file:// with one of them." },
    { .name = "work_dir", .type = FLAG_TYPE_STRING, .offset = offsetof(T, work_dir), .required = true,
      .help = "Where sandboxes and checkpoints are kept; must survive restarts." },
    FLAG_STRING(T, runtime_dir, "runtime_dir", NULL, "Where the state of running containers is kept; <work_dir>/run unless "
                "set. Agents of one machine must not share it."),
    FLAG_STRING(T, launcher_dir, "launcher_dir", NULL, "Where stoa and stoa-launcher are; the folder of this program unless set."),
    FLAG_STRING(T, hostname, "hostname", NULL, "The name shown to others; the machine's unless set."),
    FLAG_BOOL(T, hostname_lookup, "hostname_lookup", "true", "Find the host name out; otherwise the address is used."),
    TLS_FLAGS(T),
    FLAG_STRING(T, ip, "ip", NULL, "Address to listen on; all addresses, and the one of the default route shown, unless set."),
    FLAG_INT(T, port, "port", "5051", 0, 65535, "Port to listen on; 0 takes a free one."),
    FLAG_STRING(T, advertise_ip, "advertise_ip", NULL, "Address that others are told to use."),
    FLAG_INT(T, advertise_port, "advertise_port", NULL, 1, 65535, "Port that others are told to use."),
    FLAG_BOOL(T, version, "version", "false", "Show the version and leave."),
    FLAG_BOOL(T, help, "help", "false", ""), /* flags.h handles it; listed in /flags */
    FLAG_PATH(T, domain, "domain", NULL, "Fault domain as JSON: {\"fault_domain\":{\"region\":{\"name\":..},\"zone\":{\"name\":..}}}."),
    /* resources */
    FLAG_STRING(T, resources, "resources", NULL, "name(role):value;... or a JSON array; what is not given is found out."),
    FLAG_STRING(T, attributes, "attributes", NULL, "name:value;..."),
    FLAG_STRING(T, default_role, "default_role", "*", "Role of resources given without one."),
    /* containers */
    FLAG_STRING(T, isolation, "isolation", "posix/cpu,posix/mem", "Isolators, separated by commas."),
    { .name = "launcher", .type = FLAG_TYPE_STRING, .offset = offsetof(T, launcher), .choices = "linux posix",
      .help = "linux or posix; linux if the machine can." },
    FLAG_STRING(T, cgroups_hierarchy, "cgroups_hierarchy", "/sys/fs/cgroup", "Where the cgroup controllers are mounted."),
    FLAG_STRING(T, cgroups_root, "cgroups_root", "mesos", "cgroup under which containers are made."),
    FLAG_BOOL(T, cgroups_enable_cfs, "cgroups_enable_cfs", "false", "Limit cpu to the request of a container without a limit."),
    FLAG_BOOL(T, cgroups_limit_swap, "cgroups_limit_swap", "false", "Limit memory and swap, not memory alone."),
    FLAG_BOOL(T, cgroups_cpu_enable_pids_and_tids_count, "cgroups_cpu_enable_pids_and_tids_count", "false",
              "Count processes and threads in the statistics."),
    FLAG_DURATION(T, cgroups_destroy_timeout, "cgroups_destroy_timeout", "1mins", "How long a cgroup may take to go away."),
    FLAG_BOOL(T, revocable_cpu_low_priority, "revocable_cpu_low_priority", "true", "Few shares for revocable cpu."),
    FLAG_STRING(T, resource_estimator, "resource_estimator", NULL, "org_apache_mesos_FixedResourceEstimator: the resources named in "
                "--modules are offered once more, as revocable ones."),
    FLAG_DURATION(T, oversubscribed_resources_interval, "oversubscribed_resources_interval", "15secs", "How often it is asked."),
    FLAG_STRING(T, qos_controller, "qos_controller", NULL, "org_apache_mesos_LoadQoSController: executors with revocable "
                "resources are ended while the machine's load is over a threshold named in --modules."),
    FLAG_DURATION(T, qos_correction_interval_min, "qos_correction_interval_min", "0secs", "How often it looks; never more than "
                  "once a second."),
    FLAG_BOOL(T, switch_user, "switch_user", "true", "Run tasks as their user."),
    FLAG_STRING(T, frameworks_home, "frameworks_home", "", "Folder of relative executor URIs."),
    FLAG_STRING(T, sandbox_directory, "sandbox_directory", "/mnt/mesos/sandbox", "Sandbox inside images."),
    FLAG_STRING(T, fetcher_cache_dir, "fetcher_cache_dir", "/tmp/mesos/fetch", "Cache of the fetcher."),
    FLAG_BYTES(T, fetcher_cache_size, "fetcher_cache_size", "2GB", "Size of the fetcher's cache."),
    FLAG_DURATION(T, fetcher_stall_timeout, "fetcher_stall_timeout", "1mins", "A download without a byte for so long fails."),
    FLAG_BOOL(T, enforce_container_disk_quota, "enforce_container_disk_quota", "false", "Kill containers over their disk."),
    FLAG_DURATION(T, container_disk_watch_interval, "container_disk_watch_interval", "15secs", "How often disk/du looks."),
    FLAG_INT(T, pids_max, "pids_max", NULL, 1, 4194304, "Most processes and threads of a container (isolator cgroups/pids)."),
    FLAG_BOOL(T, http_command_executor, "http_command_executor", "false", "The command executor speaks HTTP either way."),
    FLAG_PATH(T, executor_environment_variables, "executor_environment_variables", NULL, "JSON object: environment of executors."),
    { .name = "containerizers", .type = FLAG_TYPE_STRING, .offset = offsetof(T, containerizers), .default_value = "mesos",
      .help = "mesos, or docker,mesos: containers of type DOCKER too. Both are run by this agent, without a Docker daemon." },
    { .name = "image_providers", .type = FLAG_TYPE_STRING, .offset = offsetof(T, image_providers), .choices = "docker",
      .help = "docker: containers may have images (isolation filesystem/linux and docker/runtime)." },
    FLAG_STRING(T, docker_registry, "docker_registry", "https://registry-1.docker.io", "Where images without a registry in their name come "
                "from; http:// is taken too, and a folder (a path or file://) with the archives of docker save."),
    FLAG_PATH(T, docker_config, "docker_config", NULL, "Credentials of registries (JSON), as in ~/.docker/config.json."),
    FLAG_STRING(T, docker_store_dir, "docker_store_dir", "/tmp/mesos/store/docker", "Where images are kept."),
    FLAG_STRING(T, image_provisioner_backend, "image_provisioner_backend", NULL, "overlay or copy; overlay where the file system takes it."),
    FLAG_PATH(T, image_gc_config, "image_gc_config", NULL, "When unused images are removed (JSON): {\"image_disk_headroom\":0.1,"
              "\"image_disk_watch_interval\":{\"nanoseconds\":..},\"excluded_images\":[..]}."),
    FLAG_BOOL(T, docker_ignore_runtime, "docker_ignore_runtime", "false", "Nothing that an image says about its command counts."),
    FLAG_DURATION(T, docker_pull_timeout, "docker_pull_timeout", "10mins", "An image that takes longer to get is given up."),
    FLAG_BOOL(T, disallow_sharing_agent_ipc_namespace, "disallow_sharing_agent_ipc_namespace", "false", "See namespaces/ipc."),
    FLAG_BOOL(T, disallow_sharing_agent_pid_namespace, "disallow_sharing_agent_pid_namespace", "false", "See namespaces/pid."),
    FLAG_BYTES(T, default_container_shm_size, "default_container_shm_size", NULL, "Size of a container's /dev/shm (isolator "
               "namespaces/ipc); half of the memory unless set."),
    FLAG_STRING(T, seccomp_config_dir, "seccomp_config_dir", NULL, "Folder of seccomp profiles in Docker's format (isolator linux/seccomp)."),
    FLAG_STRING(T, seccomp_profile_name, "seccomp_profile_name", NULL, "Profile of containers that name none; `default` comes with "
                "the agent."),
    FLAG_BOOL(T, enforce_container_ports, "enforce_container_ports", "false", "End containers that listen on ports which they were not given "
              "(isolator network/ports)."),
    FLAG_BOOL(T, check_agent_port_range_only, "check_agent_port_range_only", "false", "Look at the agent's own ports only."),
    FLAG_STRING(T, container_ports_isolated_range, "container_ports_isolated_range", NULL, "Look at these ports only, like [0-35000] (isolator "
                "network/ports)."),
    FLAG_DURATION(T, container_ports_watch_interval, "container_ports_watch_interval", "30secs", "How often network/ports looks."),
    FLAG_STRING(T, network_cni_config_dir, "network_cni_config_dir", NULL, "Folder of the configurations of container networks."),
    FLAG_STRING(T, network_cni_plugins_dir, "network_cni_plugins_dir", NULL, "Folders of CNI plugins, separated by ':' or ','."),
    FLAG_BOOL(T, network_cni_metrics, "network_cni_metrics", "true", "Count what goes through containers' networks, in their statistics."),
    FLAG_BOOL(T, network_cni_root_dir_persist, "network_cni_root_dir_persist", "false", "Keep the state of container networks in the "
              "work directory instead of the runtime directory."),
    FLAG_PATH(T, default_container_dns, "default_container_dns", NULL, "JSON ContainerDNSInfo: DNS of containers on networks whose "
              "plugins say none."),
    FLAG_STRING(T, container_logger, "container_logger", NULL, "org_apache_mesos_LogrotateContainerLogger: stdout and stderr "
                "of containers have a limit; none unless set."),
    FLAG_PATH(T, modules, "modules", NULL, "Parameters of --container_logger, --resource_estimator and --qos_controller, as JSON "
              "{\"libraries\":[{\"modules\":[{\"name\":..,\"parameters\":[{\"key\":..,\"value\":..}]}]}]}; no other module is built."),
    FLAG_PATH(T, default_container_info, "default_container_info", NULL, "JSON ContainerInfo of executors without one."),
    /* executors and recovery */
    { .name = "recover", .type = FLAG_TYPE_STRING, .offset = offsetof(T, recover), .default_value = "reconnect",
      .choices = "reconnect cleanup", .help = "reconnect to old executors, or clean them up and leave." },
    { .name = "reconfiguration_policy", .type = FLAG_TYPE_STRING, .offset = offsetof(T, reconfiguration_policy),
      .default_value = "equal", .choices = "equal additive", .help = "What may differ from the run before." },
    FLAG_BOOL(T, strict, "strict", "true", "A broken checkpoint is an error, not a loss."),
    FLAG_DURATION(T, executor_registration_timeout, "executor_registration_timeout", "1mins", "Time to subscribe after launch."),
    { .name = "executor_reregistration_timeout", .type = FLAG_TYPE_DURATION,
      .offset = offsetof(T, executor_reregistration_timeout), .default_value = "2secs",
      .help = "Time to come back after a restart of the agent, at most 15secs." },
    FLAG_DURATION(T, executor_shutdown_grace_period, "executor_shutdown_grace_period", "5secs", "Time to end after SHUTDOWN."),
    FLAG_DURATION(T, recovery_timeout, "recovery_timeout", "15mins", "How long executors wait for a new agent."),
    FLAG_DURATION(T, registration_backoff_factor, "registration_backoff_factor", "1secs", "First delay of registration."),
    FLAG_INT(T, max_completed_executors_per_framework, "max_completed_executors_per_framework", "150", 0, 100000,
             "How many ended executors are remembered."),
    /* garbage */
    FLAG_DURATION(T, gc_delay, "gc_delay", "1weeks", "How long sandboxes are kept."),
    FLAG_DOUBLE(T, gc_disk_headroom, "gc_disk_headroom", "0.1", "Share of the disk that is kept free by removing sandboxes earlier."),
    FLAG_BOOL(T, gc_non_executor_container_sandboxes, "gc_non_executor_container_sandboxes", "false", "Also nested and standalone ones."),
    FLAG_DURATION(T, disk_watch_interval, "disk_watch_interval", "1mins", "How often the disk is looked at."),
    /* the log */
    FLAG_STRING(T, log_dir, "log_dir", NULL, "Folder of the log file; standard error unless set."),
    FLAG_STRING(T, external_log_file, "external_log_file", NULL, "A log file to show under /slave/log."),
    { .name = "logging_level", .type = FLAG_TYPE_STRING, .offset = offsetof(T, logging_level), .default_value = "INFO",
      .choices = "INFO WARNING ERROR", .help = "Least level that is logged." },
    FLAG_BOOL(T, quiet, "quiet", "false", "Nothing on standard error."),
    /* who may do what */
    FLAG_PATH(T, http_credentials, "http_credentials", NULL, "Credentials (JSON) of who uses the agent's HTTP API."),
    FLAG_BOOL(T, authenticate_http_readonly, "authenticate_http_readonly", "false", "Ask for a credential on what only shows."),
    FLAG_BOOL(T, authenticate_http_readwrite, "authenticate_http_readwrite", "false", "Ask for a credential on what changes something."),
    FLAG_BOOL(T, authenticate_http_executors, "authenticate_http_executors", "false", "Ask executors for their token (--jwt_secret_key)."),
    { .name = "jwt_secret_key", .aliases = "executor_secret_key", .type = FLAG_TYPE_PATH, .offset = offsetof(T, jwt_secret_key),
      .help = "File with the key that signs executors' tokens." },
    FLAG_PATH(T, acls, "acls", NULL, "Who may do what (JSON)."),
    FLAG_PATH(T, firewall_rules, "firewall_rules", NULL, "Endpoints to disable (JSON)."),
    FLAG_PATH(T, credential, "credential", NULL, "The agent's own credential (JSON) with a master that asks for one."),
    FLAG_DURATION(T, authentication_timeout_min, "authentication_timeout_min", "5secs", "A conversation with the master that takes "
                  "longer is begun anew."),
    { .name = "effective_capabilities", .aliases = "allowed_capabilities", .type = FLAG_TYPE_PATH,
      .offset = offsetof(T, effective_capabilities),
      .help = "Capabilities of containers that say nothing else, as JSON: {\"capabilities\":[\"CHOWN\",..]} (isolator linux/capabilities)." },
    FLAG_PATH(T, bounding_capabilities, "bounding_capabilities", NULL, "The most that a container may have (isolator linux/capabilities)."),
    /* not built yet */
    FLAG_PATH(T, agent_features, "agent_features", NULL, "Capabilities to announce, as JSON: {\"capabilities\":[{\"type\":\"MULTI_ROLE\"},..]}. "
              "All but RESIZE_VOLUME are needed."),
    { .name = "agent_subsystems", .type = FLAG_TYPE_STRING, .offset = offsetof(T, unused_text[2]),
      .aliases = "slave_subsystems", .help = "Accepted; has no effect in this version." },
    UNUSED(3, "allowed_devices", NULL),
    UNUSED(4, "appc_simple_discovery_uri_prefix", "http://"),
    UNUSED(5, "appc_store_dir", "/tmp/mesos/store/appc"),
    UNUSED(6, "authenticatee", "crammd5"),
    UNUSED_DURATION(0, "authentication_backoff_factor", "1secs"),
    UNUSED_DURATION(1, "authentication_timeout_max", "1mins"),
    UNUSED(7, "authorizer", "local"),
    UNUSED(9, "cgroups_net_cls_primary_handle", NULL),
    UNUSED(10, "cgroups_net_cls_secondary_handles", NULL),
    UNUSED(14, "csi_plugin_config_dir", NULL),
    UNUSED(17, "disk_profile_adaptor", NULL),
    UNUSED(18, "docker", "docker"),
    UNUSED_BOOL(5, "docker_kill_orphans", "true"),
    UNUSED(20, "docker_mesos_image", NULL),
    UNUSED_DURATION(4, "docker_remove_delay", "6hrs"),
    UNUSED(22, "docker_socket", "/var/run/docker.sock"),
    UNUSED_DURATION(5, "docker_stop_timeout", "0secs"),
    UNUSED(24, "docker_volume_checkpoint_dir", "/var/run/mesos/isolators/docker/volume"),
    UNUSED_BOOL(6, "docker_volume_chown", "false"),
    FLAG_STRING(T, ip_discovery_command, "ip_discovery_command", NULL, "A command that prints the address to listen on; instead of --ip."),
    FLAG_PATH(T, domain_socket_location, "domain_socket_location", NULL, "The socket of --http_executor_domain_sockets; agent.sock in "
              "--runtime_dir unless set."),
    UNUSED(27, "egress_burst", NULL),
    UNUSED(28, "egress_ceil_limit", NULL),
    UNUSED(29, "egress_flow_classifier_parent", NULL),
    UNUSED(30, "egress_rate_limit_per_container", NULL),
    UNUSED(31, "egress_rate_per_cpu", NULL),
    UNUSED_BOOL(7, "egress_unique_flow_per_container", NULL),
    UNUSED(32, "ephemeral_ports_per_container", NULL),
    UNUSED(33, "eth0_name", NULL),
    UNUSED_DURATION(6, "executor_reregistration_retry_interval", NULL),
    UNUSED(35, "hadoop_home", NULL),
    UNUSED(36, "hooks", NULL),
    FLAG_STRING(T, host_path_volume_force_creation, "host_path_volume_force_creation", NULL, "Folders, separated by ':', below which missing host "
                "paths of volumes are made."),
    UNUSED(38, "http_authenticators", NULL),
    FLAG_BOOL(T, http_executor_domain_sockets, "http_executor_domain_sockets", "false", "Executors speak to the agent over a domain "
              "socket, so their containers need no network that reaches it."),
    FLAG_DURATION(T, http_heartbeat_interval, "http_heartbeat_interval", "30secs", "Heartbeats on streams of containers' output."),
    UNUSED(43, "ingress_burst", NULL),
    UNUSED(44, "ingress_ceil_limit", NULL),
    UNUSED_BOOL(10, "ingress_isolate_existing_containers", NULL),
    UNUSED(45, "ingress_rate_limit_per_container", NULL),
    UNUSED(46, "ingress_rate_per_cpu", NULL),
    UNUSED_BOOL(11, "initialize_driver_logging", "true"),
    UNUSED(47, "ip6", NULL),
    UNUSED(48, "ip6_discovery_command", NULL),
    UNUSED(51, "lo_name", NULL),
    UNUSED(52, "logbufsecs", "0"),
    UNUSED(53, "master_detector", NULL),
    UNUSED(54, "maximum_egress_rate_limit", NULL),
    UNUSED_BOOL(12, "memory_profiling", "false"),
    UNUSED(55, "minimum_egress_rate_limit", NULL),
    UNUSED(56, "minimum_ingress_rate_limit", NULL),
    UNUSED(57, "maximum_ingress_rate_limit", NULL),
    UNUSED(59, "modules_dir", NULL),
    UNUSED_BOOL(15, "network_enable_rate_statistics", NULL),
    UNUSED_BOOL(16, "network_enable_snmp_statistics", NULL),
    UNUSED_BOOL(17, "network_enable_socket_statistics_details", NULL),
    UNUSED_BOOL(18, "network_enable_socket_statistics_summary", NULL),
    UNUSED(62, "network_link_speed", NULL),
    UNUSED(63, "network_rate_statistics_interval", NULL),
    UNUSED(64, "network_rate_statistics_window", NULL),
    UNUSED(65, "nvidia_gpu_devices", NULL),
    UNUSED_DURATION(9, "perf_duration", "10secs"),
    UNUSED(66, "perf_events", NULL),
    UNUSED_DURATION(10, "perf_interval", "1mins"),
    UNUSED(69, "resource_provider_config_dir", NULL),
    UNUSED(72, "secret_resolver", NULL),
    UNUSED_BOOL(19, "systemd_enable_support", "true"),
    UNUSED(73, "systemd_runtime_directory", "/run/systemd/system"),
    UNUSED(74, "volume_gid_range", NULL),
    UNUSED_BOOL(20, "xfs_kill_containers", NULL),
    UNUSED(75, "xfs_project_range", NULL),
    UNUSED(76, "xfs_quota_headroom", NULL),
    FLAG_DURATION(T, zk_session_timeout, "zk_session_timeout", "10secs", "Session timeout with ZooKeeper."),
};

const struct flags_spec agent_flags_spec = {
    .program = "stoa agent",
    .summary = "Runs tasks on this machine for a master: sandboxes, containers, executors, their updates.",
    .flags = flags,
    .count = sizeof flags / sizeof flags[0],
    .env_prefixes = "STOA_AGENT_ STOA_ MESOS_",
};

/* Flags without which the agent is less safe, less bounded or another one than its operator thinks: refused, not ignored. */
static const char *const refused[] = {
    "modules_dir", "seccomp_profile_name",
    "resource_provider_config_dir", "hooks", "secret_resolver", "master_detector", "nvidia_gpu_devices",
    "allowed_devices",
    "disk_profile_adaptor", "csi_plugin_config_dir", "cgroups_net_cls_primary_handle",
    "cgroups_net_cls_secondary_handles", "volume_gid_range", "ip6", "ip6_discovery_command",
    "perf_events", "xfs_kill_containers",
    "egress_rate_limit_per_container", "egress_rate_per_cpu", "ingress_rate_limit_per_container",
    "ingress_rate_per_cpu",
};

static bool is_refused(const char *name)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strcmp(refused[i], name) == 0)
            return true;
    return false;
}

static bool has_no_effect(const struct flag *f)
{
    return f->help != NULL && strncmp(f->help, "Accepted;", 9) == 0;
}

static int check_true_flags(const struct flags *f, struct error *err)
{
    static const char *const names[] = { "memory_profiling" };

    for (size_t i = 0; i < agent_flags_spec.count; i++)
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            if (strcmp(flags[i].name, names[j]) == 0 && f->text[i] != NULL && strcmp(f->text[i], "true") == 0)
                return error_set(err, ERR_INVALID, "--%s is not built in this version; leave it out", names[j]);
    return 0;
}

static int check_domain_socket(const struct agent_flags *f, struct error *err)
{
    const char *path = f->domain_socket_location;

    if (!f->http_executor_domain_sockets || path == NULL)
        return 0;
    if (str_starts(str_of(path), STR("systemd:")))
        return 0;
    if (path[0] != '/')
        return error_set(err, ERR_INVALID, "--domain_socket_location=%s: give an absolute path", path);
    return 0;
}

/* Flags that name a module, of which there is one. */
static int check_modules(const struct flags *f, struct error *err)
{
    static const struct {
        const char *name, *only;
    } modules[] = { { "authenticatee", "crammd5" }, { "authorizer", "local" }, { "http_authenticators", "basic" } };

    for (size_t i = 0; i < agent_flags_spec.count; i++)
        for (size_t j = 0; j < sizeof modules / sizeof modules[0]; j++)
            if (strcmp(flags[i].name, modules[j].name) == 0 && f->text[i] != NULL && strcmp(f->text[i], modules[j].only) != 0)
                return error_set(err, ERR_INVALID, "--%s=%s: only %s is built", modules[j].name, f->text[i], modules[j].only);
    return 0;
}

static int check_auth(const struct agent_flags *v, struct error *err)
{
    if ((v->authenticate_http_readonly || v->authenticate_http_readwrite) && v->http_credentials == NULL)
        return error_set(err, ERR_INVALID, "--authenticate_http_readonly and --authenticate_http_readwrite need --http_credentials");
    if (v->authenticate_http_executors && v->jwt_secret_key == NULL)
        return error_set(err, ERR_INVALID, "--authenticate_http_executors needs --jwt_secret_key");
    if ((v->effective_capabilities != NULL || v->bounding_capabilities != NULL) &&
        !str_contains(str_of(v->isolation), STR("linux/capabilities")))
        return error_set(err, ERR_INVALID, "--effective_capabilities and --bounding_capabilities need linux/capabilities in --isolation");
    if (v->enforce_container_ports && !str_contains(str_of(v->isolation), STR("network/ports")))
        return error_set(err, ERR_INVALID, "--enforce_container_ports needs network/ports in --isolation");
    if (v->container_ports_isolated_range != NULL && !str_contains(str_of(v->isolation), STR("network/ports")))
        return error_set(err, ERR_INVALID, "--container_ports_isolated_range needs network/ports in --isolation");
    if (v->container_ports_isolated_range != NULL && v->check_agent_port_range_only)
        return error_set(err, ERR_INVALID, "--container_ports_isolated_range and --check_agent_port_range_only: give one of them");
    if ((v->seccomp_profile_name != NULL || v->seccomp_config_dir != NULL) && !str_contains(str_of(v->isolation), STR("linux/seccomp")))
        return error_set(err, ERR_INVALID, "--seccomp_profile_name and --seccomp_config_dir need linux/seccomp in --isolation");
    return 0;
}

static int check_containers(const struct agent_flags *v, struct error *err)
{
    struct str rest = str_of(v->containerizers), name;
    for (bool more = true; more;) {
        more = str_cut(&rest, ',', &name);
        if (!str_is(str_trim(name), "mesos") && !str_is(str_trim(name), "docker"))
            return error_set(err, ERR_INVALID, "--containerizers=%s: mesos and docker are built", v->containerizers);
    }
    struct str isolation = str_of(v->isolation);
    if (v->image_providers != NULL &&
        (!str_contains(isolation, STR("docker/runtime")) || !str_contains(isolation, STR("filesystem/linux"))))
        return error_set(err, ERR_INVALID, "--image_providers=docker needs docker/runtime and filesystem/linux in --isolation");
    if (v->image_gc_config != NULL && !agent_flags_have_images(v))
        return error_set(err, ERR_INVALID, "--image_gc_config needs --image_providers=docker");
    return 0;
}

bool agent_flags_have_images(const struct agent_flags *v)
{
    return v->image_providers != NULL || str_contains(str_of(v->containerizers), STR("docker"));
}

int agent_flags_check(const struct flags *f, const struct agent_flags *v, struct sbuf *ignored, struct error *err)
{
    if (check_containers(v, err) != 0)
        return -(int)err->code;
    if (v->work_dir[0] != '/')
        return error_set(err, ERR_INVALID, "--work_dir=%s: give an absolute path", v->work_dir);
    if (v->runtime_dir != NULL && v->runtime_dir[0] != '/')
        return error_set(err, ERR_INVALID, "--runtime_dir=%s: give an absolute path", v->runtime_dir);
    if (v->executor_reregistration_timeout > INT64_C(15000000000))
        return error_set(err, ERR_INVALID, "--executor_reregistration_timeout=%gsecs: at most 15secs",
                         (double)v->executor_reregistration_timeout / NS_PER_S);
    if (v->gc_disk_headroom < 0 || v->gc_disk_headroom > 1)
        return error_set(err, ERR_INVALID, "--gc_disk_headroom=%g: from 0 to 1", v->gc_disk_headroom);
    int rc = check_true_flags(f, err);
    if (rc == 0)
        rc = check_domain_socket(v, err);
    if (rc == 0)
        rc = check_modules(f, err);
    if (rc == 0)
        rc = check_auth(v, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < agent_flags_spec.count; i++) {
        if (!has_no_effect(&flags[i]) || !flags_is_set(f, flags[i].name))
            continue;
        if (is_refused(flags[i].name))
            return error_set(err, ERR_INVALID, "--%s is not built in this version; leave it out", flags[i].name);
        sbuf_fmt(ignored, "%s--%s", ignored->n != 0 ? " " : "", flags[i].name);
    }
    return 0;
}
