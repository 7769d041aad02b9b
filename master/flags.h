/* SPDX-License-Identifier: Apache-2.0 */
/* The master's flags: the original's names and defaults. A flag whose absence would be unsafe is refused with an error that
 * names it; harmless ones are accepted. Source: operator API, section 14. */
#ifndef STOA_MASTER_FLAGS_H
#define STOA_MASTER_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/io/flags.h"
#include "common/io/tls.h"

struct master_flags {
    bool version, help, hostname_lookup, root_submissions, registry_strict, log_auto_initialize, authenticate_frameworks,
        authenticate_agents, authenticate_http_readwrite, authenticate_http_readonly, authenticate_http_frameworks,
        filter_gpu_resources, memory_profiling, require_agent_domain, publish_per_framework_metrics, quiet,
        initialize_driver_logging;
    struct tls_config tls;
    char *hostname, *work_dir, *registry, *recovery_agent_removal_limit, *agent_removal_rate_limit, *webui_dir, *whitelist,
        *role_sorter, *framework_sorter, *cluster, *roles, *weights, *credentials, *acls, *firewall_rules, *rate_limits,
        *modules, *modules_dir, *authenticators, *allocator, *fair_sharing_excluded_resource_names,
        *min_allocatable_resources, *hooks, *authorizers, *http_authenticators, *http_framework_authenticators,
        *master_contender, *master_detector, *ip, *advertise_ip, *advertise_port, *zk, *ip_discovery_command, *domain,
        *log_dir, *external_log_file, *logging_level;
    int64_t quorum, max_executors_per_agent, max_agent_ping_timeouts, max_operator_event_stream_subscribers,
        max_completed_frameworks, max_completed_tasks_per_framework, max_unreachable_tasks_per_framework,
        registry_max_agent_count, port, offer_constraints_re2_max_program_size, logbufsecs;
    int64_t zk_session_timeout, registry_fetch_timeout, registry_store_timeout, agent_reregister_timeout,
        allocation_interval, authentication_v0_timeout, offer_timeout, allocator_recovery_timeout, agent_ping_timeout,
        registry_gc_interval, registry_max_agent_age;
    uint64_t offer_constraints_re2_max_mem;
    double allocator_agent_recovery_factor;
};

extern const struct flags_spec master_flags_spec;

/* What the table cannot say: combinations, and what is not built. */
int master_flags_check(const struct master_flags *f, const struct flags *parsed, struct error *err);
/* "100%", "0.5": a share from 0 to 1. "3/1hrs": count and interval. */
bool share_parse(const char *text, double *ret);
bool rate_parse(const char *text, unsigned *ret_count, int64_t *ret_interval_ns);

#endif
