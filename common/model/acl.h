/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: the rules of --acls and the local authorizer's way to decide by them. Pure values; JSON is read by
 * common/wire/acls.h. Source: operator API, section 12.
 *
 * The rules of one action are tried in order; the first whose principals and objects both match decides: allowed unless either of the
 * two is NONE. Without a match `permissive` decides. ANY and NONE match everything, SOME what it lists; an absent principal or
 * object is never listed. Lists of roles know "a/%": what is below a, without a. */
#ifndef STOA_MODEL_ACL_H
#define STOA_MODEL_ACL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/str.h"

#define ACL_ACTIONS(X)                                                                  \
    X(REGISTER_FRAMEWORKS, "register_frameworks", "roles")                              \
    X(RUN_TASKS, "run_tasks", "users")                                                  \
    X(TEARDOWN_FRAMEWORKS, "teardown_frameworks", "framework_principals")               \
    X(RESERVE_RESOURCES, "reserve_resources", "roles")                                  \
    X(UNRESERVE_RESOURCES, "unreserve_resources", "reserver_principals")                \
    X(CREATE_VOLUMES, "create_volumes", "roles")                                        \
    X(DESTROY_VOLUMES, "destroy_volumes", "creator_principals")                         \
    X(RESIZE_VOLUMES, "resize_volumes", "roles")                                        \
    X(GET_ENDPOINTS, "get_endpoints", "paths")                                          \
    X(UPDATE_WEIGHTS, "update_weights", "roles")                                        \
    X(GET_QUOTAS, "get_quotas", "roles")                                                \
    X(UPDATE_QUOTAS, "update_quotas", "roles")                                          \
    X(VIEW_ROLES, "view_roles", "roles")                                                \
    X(VIEW_FRAMEWORKS, "view_frameworks", "users")                                      \
    X(VIEW_TASKS, "view_tasks", "users")                                                \
    X(VIEW_EXECUTORS, "view_executors", "users")                                        \
    X(VIEW_FLAGS, "view_flags", "flags")                                                \
    X(ACCESS_SANDBOXES, "access_sandboxes", "users")                                    \
    X(ACCESS_MESOS_LOGS, "access_mesos_logs", "logs")                                   \
    X(SET_LOG_LEVEL, "set_log_level", "level")                                          \
    X(REGISTER_AGENTS, "register_agents", "agents")                                     \
    X(UPDATE_MAINTENANCE_SCHEDULES, "update_maintenance_schedules", "machines")         \
    X(GET_MAINTENANCE_SCHEDULES, "get_maintenance_schedules", "machines")               \
    X(START_MAINTENANCES, "start_maintenances", "machines")                             \
    X(STOP_MAINTENANCES, "stop_maintenances", "machines")                               \
    X(GET_MAINTENANCE_STATUSES, "get_maintenance_statuses", "machines")                 \
    X(DRAIN_AGENTS, "drain_agents", "agents")                                           \
    X(DEACTIVATE_AGENTS, "deactivate_agents", "agents")                                 \
    X(REACTIVATE_AGENTS, "reactivate_agents", "agents")                                 \
    X(MARK_AGENTS_GONE, "mark_agents_gone", "agents")                                   \
    X(LAUNCH_NESTED_AS_USER, "launch_nested_containers_as_user", "users")               \
    X(LAUNCH_NESTED_UNDER, "launch_nested_containers_under_parent_with_user", "users")  \
    X(KILL_NESTED, "kill_nested_containers", "users")                                   \
    X(WAIT_NESTED, "wait_nested_containers", "users")                                   \
    X(REMOVE_NESTED, "remove_nested_containers", "users")                               \
    X(SESSIONS_AS_USER, "launch_nested_container_sessions_as_user", "users")            \
    X(SESSIONS_UNDER, "launch_nested_container_sessions_under_parent_with_user", "users") \
    X(ATTACH_INPUT, "attach_containers_input", "users")                                 \
    X(ATTACH_OUTPUT, "attach_containers_output", "users")                               \
    X(VIEW_CONTAINERS, "view_containers", "users")                                      \
    X(LAUNCH_STANDALONE, "launch_standalone_containers", "users")                       \
    X(KILL_STANDALONE, "kill_standalone_containers", "users")                           \
    X(WAIT_STANDALONE, "wait_standalone_containers", "users")                           \
    X(REMOVE_STANDALONE, "remove_standalone_containers", "users")                       \
    X(VIEW_STANDALONE, "view_standalone_containers", "users")                           \
    X(MODIFY_PROVIDERS, "modify_resource_provider_configs", "resource_providers")       \
    X(PROVIDERS_GONE, "mark_resource_providers_gone", "resource_providers")             \
    X(VIEW_PROVIDERS, "view_resource_providers", "resource_providers")                  \
    X(PRUNE_IMAGES, "prune_images", "images")                                           \
    X(CREATE_BLOCK_DISKS, "create_block_disks", "roles")                                \
    X(DESTROY_BLOCK_DISKS, "destroy_block_disks", "roles")                              \
    X(CREATE_MOUNT_DISKS, "create_mount_disks", "roles")                                \
    X(DESTROY_MOUNT_DISKS, "destroy_mount_disks", "roles")                              \
    X(DESTROY_RAW_DISKS, "destroy_raw_disks", "roles")

enum acl_action {
#define X(id_, name_, object_) ACL_##id_,
    ACL_ACTIONS(X)
#undef X
    ACL_ACTION_COUNT
};

const char *acl_action_name(enum acl_action a);   /* as in the JSON */
const char *acl_action_object(enum acl_action a); /* the key of its objects */

enum acl_type { ACL_SOME, ACL_ANY, ACL_NONE };

struct acl_entity {
    enum acl_type type;
    char **values; /* owned */
    size_t count;
};

struct acl_rule {
    enum acl_action action;
    struct acl_entity principals, objects;
};

enum { ACL_RULES_MAX = 100000 };

struct acls {
    bool permissive;
    struct acl_rule *rules; /* owned, in their order */
    size_t count, cap;
};

struct acls *acls_new(void); /* permissive, without rules */
void acls_free(struct acls *a); /* NULL is fine */
/* A rule at the end, SOME of nothing on both sides, to be filled in; NULL over ACL_RULES_MAX. */
struct acl_rule *acls_add(struct acls *a, enum acl_action action);
void acl_entity_add(struct acl_entity *e, struct str value);
bool acls_has(const struct acls *a, enum acl_action action); /* whether there is a rule on it */

/* a NULL: no rules, everything is allowed. Empty principal or object: absent. */
bool acls_allow(const struct acls *a, enum acl_action action, struct str principal, struct str object);

/* The paths that get_endpoints may name. */
bool acl_endpoint_is_known(struct str path);

#endif
