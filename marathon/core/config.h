/* SPDX-License-Identifier: Apache-2.0 */
/* What the core needs to know of the flags. The shell fills it at start; it does not change afterwards. */
#ifndef STOA_MARATHON_CONFIG_H
#define STOA_MARATHON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/str.h"

enum roles_default { ROLES_ANY, ROLES_UNRESERVED, ROLES_RESERVED };

struct marathon_config {
    struct str role;            /* --mesos_role */
    struct str user;            /* --mesos_user; p NULL: the agent's */
    struct str env_prefix;      /* --env_vars_prefix */
    struct str default_network; /* --default_network_name; p NULL: none */
    struct str bridge_name;     /* --mesos_bridge_name */
    int64_t local_port_min, local_port_max;
    unsigned deployments_max; /* --max_running_deployments */
    int64_t deleted_keep_ns;  /* --deleted_apps_keep; 0: removed apps are not kept */
    unsigned versions_max;    /* --zk_max_versions: kept per app, and root changes */
    unsigned instances_per_offer_max;
    unsigned launch_tokens;
    int64_t launch_token_interval_ns;
    int64_t launch_confirm_ns, launch_timeout_ns;
    int64_t reservation_ns; /* --task_reservation_timeout */
    int64_t decline_ns;         /* --decline_offer_duration */
    int64_t revive_interval_ns; /* --min_revive_offers_interval */
    bool suppress_offers;
    int64_t reconcile_first_ns, reconcile_interval_ns;
    int64_t expunge_first_ns, expunge_interval_ns;
    int64_t kill_retry_ns; /* --kill_retry_timeout */
    unsigned kills_max;    /* --kill_chunk_size: kills in flight */
    int64_t draining_ns;   /* --draining_seconds */
    bool enforce_new_groups; /* --new_group_enforce_role=top */
    bool maintenance_mode;
    bool gpu_restricted;
    enum roles_default roles_default;
    unsigned checks_max; /* --max_concurrent_marathon_health_checks: probes in flight */
    /* --enable_features */
    bool secrets, gpus, external_volumes, task_killing;
    struct str executor;       /* --executor: of apps that name none; "//cmd": the agent's command executor */
};

/* The defaults of the flags. */
void marathon_config_init(struct marathon_config *c);

#endif
