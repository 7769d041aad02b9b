/* SPDX-License-Identifier: Apache-2.0 */
#include "master/flags.h"

#include <string.h>

#include "common/base/str.h"
#include "common/base/time.h"
#include "common/model/resources.h"
#include "common/model/role.h"
#include "master/election.h"

#define B(name_, default_, help_) FLAG_BOOL(struct master_flags, name_, #name_, default_, help_)
#define S(name_, default_, help_) FLAG_STRING(struct master_flags, name_, #name_, default_, help_)
#define D(name_, default_, help_) FLAG_DURATION(struct master_flags, name_, #name_, default_, help_)
#define I(name_, default_, min_, max_, help_) FLAG_INT(struct master_flags, name_, #name_, default_, min_, max_, help_)
#define ALIAS(kind_, name_, default_, alias_, help_)                                                                    \
    { .name = #name_, .type = FLAG_TYPE_##kind_, .offset = offsetof(struct master_flags, name_),                          \
      .default_value = (default_), .aliases = (alias_), .help = (help_) }
#define CHOICE(name_, default_, choices_, help_)                                                                         \
    { .name = #name_, .type = FLAG_TYPE_STRING, .offset = offsetof(struct master_flags, name_),                           \
      .default_value = (default_), .choices = (choices_), .help = (help_) }

static const struct flag flags[] = {
    S(ip, NULL, "Address to listen on. Unset: all."),
    I(port, "5050", 0, 65535, "Port to listen on. 0: any free one."),
    TLS_FLAGS(struct master_flags),
    S(advertise_ip, NULL, "Address that others reach this master at, when it differs from --ip."),
    S(advertise_port, NULL, "Port that others reach this master at, when it differs from --port."),
    S(ip_discovery_command, NULL, "A command that prints the address to listen on; instead of --ip."),
    S(hostname, NULL, "Name of this machine for clients. Unset: looked up."),
    B(hostname_lookup, "true", "Look the host name up; false: the address is the name."),
    S(work_dir, NULL, "Folder for the registry."),
    CHOICE(registry, "replicated_log", "replicated_log in_memory",
           "Where the registry is kept: replicated_log (durable, in --work_dir) or in_memory (lost at the end)."),
    B(registry_strict, "false", "Not supported."),
    D(registry_fetch_timeout, "1mins", "Reading the registry at the start may take so long."),
    D(registry_store_timeout, "20secs", "A change of the registry may take so long."),
    D(registry_gc_interval, "15mins", "How often old unreachable and gone agents are forgotten."),
    D(registry_max_agent_age, "2weeks", "Unreachable and gone agents are forgotten after this."),
    I(registry_max_agent_count, "102400", 1, 10000000, "At most so many unreachable, and gone, agents are kept."),
    B(log_auto_initialize, "true", "Accepted; the store needs no initialisation."),
    I(quorum, NULL, 1, 99, "Accepted: ZooKeeper has its own."),
    S(zk, NULL, "Several masters: zk://[user:password@]host:port,host:port/path, or file:// with it. The registry is kept there too."),
    D(zk_session_timeout, "10secs", "Session timeout with ZooKeeper."),
    S(cluster, NULL, "Name of the cluster, shown in the web UI."),
    S(domain, NULL, "Fault domain of this master as JSON."),
    B(require_agent_domain, "false", "Refuse agents without a fault domain."),
    ALIAS(DURATION, agent_reregister_timeout, "10mins", "slave_reregister_timeout",
          "Agents that do not come back within this after a failover or a broken connection become unreachable."),
    ALIAS(DURATION, agent_ping_timeout, "15secs", "slave_ping_timeout", "Interval of pings to agents."),
    { .name = "max_agent_ping_timeouts", .type = FLAG_TYPE_INT, .offset = offsetof(struct master_flags, max_agent_ping_timeouts),
      .default_value = "5", .aliases = "max_slave_ping_timeouts", .min = 1, .max = 1000,
      .help = "Unanswered pings after which an agent is unreachable." },
    ALIAS(STRING, agent_removal_rate_limit, NULL, "slave_removal_rate_limit",
          "At most so many agents are marked unreachable, as \"1/10mins\"."),
    ALIAS(STRING, recovery_agent_removal_limit, "100%", "recovery_slave_removal_limit",
          "If more than this share of the agents did not return after a failover, the master stops instead of removing them."),
    { .name = "max_executors_per_agent", .type = FLAG_TYPE_INT, .offset = offsetof(struct master_flags, max_executors_per_agent),
      .aliases = "max_executors_per_slave", .max = INT64_MAX, .help = "Accepted; only a network isolator of agents needs it." },
    D(allocation_interval, "1secs", "Time between allocations."),
    CHOICE(allocator, "hierarchical", "hierarchical HierarchicalDRF", "The allocator."),
    ALIAS(STRING, role_sorter, "drf", "user_sorter", "Order of roles: drf or random."),
    CHOICE(framework_sorter, "drf", "drf random", "Order of the frameworks of a role."),
    { .name = "allocator_agent_recovery_factor", .type = FLAG_TYPE_DOUBLE,
      .offset = offsetof(struct master_flags, allocator_agent_recovery_factor), .default_value = "0.8",
      .help = "After a failover with quotas, allocation waits for this share of the agents." },
    D(allocator_recovery_timeout, "10mins", "But not longer than this."),
    S(fair_sharing_excluded_resource_names, NULL, "Resource names that do not count for fairness, separated by commas."),
    B(filter_gpu_resources, "true", "Offer agents with GPUs only to frameworks with GPU_RESOURCES."),
    S(min_allocatable_resources, "cpus:0.01|mem:32", "Smallest offers: alternatives separated by |."),
    D(offer_timeout, NULL, "Offers are rescinded after this. Unset: never."),
    B(root_submissions, "true", "Take frameworks whose user is root."),
    S(roles, NULL, "The only roles that frameworks may have, separated by commas."),
    S(weights, NULL, "Weights of roles as \"role=2,other=0.5\"; those in the registry win."),
    FLAG_PATH(struct master_flags, whitelist, "whitelist", NULL, "File of host names of the agents that may be offered; * or unset: all."),
    I(max_completed_frameworks, "50", 0, 100000, "Completed frameworks that are remembered."),
    I(max_completed_tasks_per_framework, "1000", 0, 1000000, "Completed tasks that are remembered for each framework."),
    I(max_unreachable_tasks_per_framework, "1000", 0, 1000000, "Unreachable tasks that are remembered for each framework."),
    I(max_operator_event_stream_subscribers, "1000", 1, 100000, "Operator event streams; one more ends the oldest."),
    B(publish_per_framework_metrics, "true", "Metrics for each framework."),
    { .name = "offer_constraints_re2_max_mem", .type = FLAG_TYPE_BYTES,
      .offset = offsetof(struct master_flags, offer_constraints_re2_max_mem), .default_value = "4KB",
      .help = "Accepted; the size of the program is what counts." },
    I(offer_constraints_re2_max_program_size, "100", 0, 0, "States that a regular expression of offer constraints may need; 2000 at most."),
    FLAG_PATH(struct master_flags, credentials, "credentials", NULL, "Credentials (JSON) for HTTP basic authentication."),
    { .name = "authenticate_http_readwrite", .type = FLAG_TYPE_BOOL,
      .offset = offsetof(struct master_flags, authenticate_http_readwrite), .default_value = "false",
      .aliases = "authenticate_http", .help = "Require authentication on endpoints that change something." },
    B(authenticate_http_readonly, "false", "Require authentication on endpoints that only show something."),
    B(authenticate_http_frameworks, "false", "Require authentication of HTTP frameworks."),
    ALIAS(BOOL, authenticate_frameworks, "false", "authenticate",
          "Only authenticated old drivers may subscribe (HTTP: --authenticate_http_frameworks)."),
    ALIAS(BOOL, authenticate_agents, "false", "authenticate_slaves", "Only authenticated agents may register."),
    D(authentication_v0_timeout, "15secs", "How long an agent or driver has to authenticate."),
    S(authenticators, "crammd5", "Accepted."),
    CHOICE(authorizers, "local", "local", "Accepted."),
    CHOICE(http_authenticators, "basic", "basic", "How HTTP clients authenticate."),
    CHOICE(http_framework_authenticators, NULL, "basic", "How HTTP frameworks authenticate."),
    FLAG_PATH(struct master_flags, acls, "acls", NULL, "Who may do what (JSON). Unset: everyone everything."),
    FLAG_PATH(struct master_flags, firewall_rules, "firewall_rules", NULL, "Endpoints to disable (JSON)."),
    FLAG_PATH(struct master_flags, rate_limits, "rate_limits", NULL, "How many messages a second are taken from the old drivers of a principal (JSON)."),
    FLAG_PATH(struct master_flags, modules, "modules", NULL, "Not supported."),
    S(modules_dir, NULL, "Not supported."),
    S(hooks, NULL, "Not supported."),
    S(master_contender, NULL, "Not supported."),
    S(master_detector, NULL, "Not supported."),
    B(memory_profiling, "false", "Accepted."),
    S(webui_dir, NULL, "Folder of the web UI's files."),
    S(log_dir, NULL, "Folder for the log file; unset: standard error."),
    S(external_log_file, NULL, "Log file written by others, to be shown at /files."),
    I(logbufsecs, "0", 0, 3600, "Accepted; the log is not buffered."),
    CHOICE(logging_level, "INFO", "INFO WARNING ERROR", "Least severe messages that are logged."),
    B(quiet, "false", "Log nothing to standard error."),
    B(initialize_driver_logging, "true", "Accepted."),
    B(version, "false", "Show the version and exit."),
    B(help, "false", ""), /* flags.h handles it; listed in /flags */
};

const struct flags_spec master_flags_spec = {
    .program = "stoa master",
    .summary = "Shares a cluster's resources among frameworks by offers.",
    .flags = flags,
    .count = sizeof flags / sizeof flags[0],
    .env_prefixes = "STOA_MASTER_ MESOS_",
};

#define REREGISTER_MIN_NS (600 * NS_PER_S) /* as the original: HA and wire, flags */

bool share_parse(const char *text, double *ret)
{
    struct str s = str_of(text);

    if (!str_double(&s, ret))
        return false;
    if (str_skip(&s, STR("%")))
        *ret /= 100;
    return s.n == 0 && *ret >= 0 && *ret <= 1;
}

bool rate_parse(const char *text, unsigned *ret_count, int64_t *ret_interval_ns)
{
    struct str rest = str_of(text), count;
    uint64_t n;

    if (!str_cut(&rest, '/', &count) || !str_u64(&count, 1000000, &n) || count.n != 0 || n == 0)
        return false;
    *ret_count = (unsigned)n;
    return duration_parse(rest, ret_interval_ns) && *ret_interval_ns > 0;
}

static int min_allocatable_check(const char *text, struct error *err)
{
    struct str rest = str_of(text), one;

    for (bool more = rest.n != 0; more;) {
        struct quantities q;
        more = str_cut(&rest, '|', &one);
        if (quantities_parse(one, &q, err) != 0)
            return error_wrap(err, "--min_allocatable_resources=%s", text);
        quantities_done(&q);
    }
    return 0;
}

static int roles_flag_check(const char *text, struct error *err)
{
    struct str rest = str_of(text), one;

    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, ',', &one);
        if (one.n != 0 && role_check(str_trim(one), err) != 0)
            return error_wrap(err, "--roles=%.200s", text);
    }
    return 0;
}

/* "role=2,other=0.5" */
static int weights_flag_check(const char *text, struct error *err)
{
    struct str rest = str_of(text), one, role;

    for (bool more = rest.n != 0; more;) {
        double weight;
        more = str_cut(&rest, ',', &one);
        one = str_trim(one);
        if (one.n == 0)
            continue;
        if (!str_cut(&one, '=', &role) || !str_double(&one, &weight) || one.n != 0 || !(weight > 0))
            return error_set(err, ERR_INVALID, "--weights is %.200s; use role=weight,... with weights greater than 0", text);
        if (role_check(role, err) != 0)
            return error_wrap(err, "--weights=%.200s", text);
    }
    return 0;
}

int master_flags_check(const struct master_flags *f, const struct flags *parsed, struct error *err)
{
    static const struct {
        const char *name, *instead;
    } refused[] = {
        { "modules", "modules cannot be loaded; leave it out" },
        { "modules_dir", "modules cannot be loaded; leave it out" },
        { "hooks", "modules cannot be loaded; leave it out" },
        { "master_contender", "modules cannot be loaded; leave it out" },
        { "master_detector", "modules cannot be loaded; leave it out" },
    };
    double share;
    unsigned count;
    int64_t interval;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (flags_is_set(parsed, refused[i].name))
            return error_set(err, ERR_INVALID, "--%s is set: %s", refused[i].name, refused[i].instead);
    if ((f->authenticate_agents || f->authenticate_frameworks) && f->credentials == NULL)
        return error_set(err, ERR_INVALID, "--credentials is not set, but --authenticate_agents or --authenticate_frameworks "
                                           "requires it");
    if (f->registry_strict)
        return error_set(err, ERR_INVALID, "--registry_strict is true: only false is supported");
    if (f->zk != NULL && election_check_flag(f->zk, err) != 0)
        return -(int)err->code;
    if (f->zk == NULL && strcmp(f->registry, "replicated_log") == 0 && f->work_dir == NULL)
        return error_set(err, ERR_INVALID, "--work_dir is not set: the registry needs a folder; or use --registry=in_memory");
    if (strcmp(f->role_sorter, "drf") != 0 && strcmp(f->role_sorter, "random") != 0)
        return error_set(err, ERR_INVALID, "--role_sorter is %s; use drf or random", f->role_sorter);
    if (!share_parse(f->recovery_agent_removal_limit, &share))
        return error_set(err, ERR_INVALID, "--recovery_agent_removal_limit is %s; use 0%% to 100%%",
                         f->recovery_agent_removal_limit);
    if (f->agent_removal_rate_limit != NULL && !rate_parse(f->agent_removal_rate_limit, &count, &interval))
        return error_set(err, ERR_INVALID, "--agent_removal_rate_limit is %s; use a number and a duration as 1/10mins",
                         f->agent_removal_rate_limit);
    if (f->agent_reregister_timeout < REREGISTER_MIN_NS)
        return error_set(err, ERR_INVALID, "--agent_reregister_timeout is %lld s; use 10mins or more: agents need time to come back",
                         (long long)(f->agent_reregister_timeout / NS_PER_S));
    if ((f->authenticate_http_readwrite || f->authenticate_http_readonly || f->authenticate_http_frameworks) &&
        f->credentials == NULL)
        return error_set(err, ERR_INVALID, "--credentials is not set, but HTTP authentication is required by a flag");
    if (f->authenticate_http_frameworks && f->http_framework_authenticators == NULL)
        return error_set(err, ERR_INVALID, "--http_framework_authenticators is not set; use basic with "
                                           "--authenticate_http_frameworks");
    if (f->allocator_agent_recovery_factor < 0 || f->allocator_agent_recovery_factor > 1)
        return error_set(err, ERR_INVALID, "--allocator_agent_recovery_factor is %g; use 0 to 1",
                         f->allocator_agent_recovery_factor);
    int rc = f->roles != NULL ? roles_flag_check(f->roles, err) : 0;
    if (rc == 0 && f->weights != NULL)
        rc = weights_flag_check(f->weights, err);
    return rc != 0 ? rc : min_allocatable_check(f->min_allocatable_resources, err);
}
