/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of the v1 executor API and of the agent calls that a pod needs. Fields are read and written one by one: an
 * executor needs few of them, and is small without the generated code. Pure. Field numbers: proto/mesos_v1*.proto. */
#ifndef STOA_EXECUTOR_SDK_WIRE_H
#define STOA_EXECUTOR_SDK_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/base/uuid.h"
#include "executor/core/check.h"
#include "executor/core/session.h"

enum exec_event_type {
    EXEC_UNKNOWN = 0, EXEC_SUBSCRIBED = 1, EXEC_LAUNCH = 2, EXEC_KILL = 3, EXEC_ACKNOWLEDGED = 4, EXEC_MESSAGE = 5,
    EXEC_ERROR = 6, EXEC_SHUTDOWN = 7, EXEC_LAUNCH_GROUP = 8, EXEC_HEARTBEAT = 9,
};

/* Views into the event's bytes. */
struct exec_event {
    enum exec_event_type type;
    struct str subscribed;    /* Event.Subscribed */
    struct str task;          /* LAUNCH: TaskInfo */
    struct str task_group;    /* LAUNCH_GROUP: TaskGroupInfo */
    struct str task_id;       /* KILL, ACKNOWLEDGED */
    int64_t grace_ns;         /* KILL; GRACE_NONE (-1) */
    struct uuid uuid;         /* ACKNOWLEDGED */
    struct str data, message; /* MESSAGE, ERROR */
};
bool exec_event_read(struct str bytes, struct exec_event *ret);

/* Calls. */
void exec_put_subscribe(struct sbuf *b, struct str framework, struct str executor, const struct session *s);
void exec_put_update(struct sbuf *b, struct str framework, struct str executor, struct str status);
void exec_put_message(struct sbuf *b, struct str framework, struct str executor, struct str data);
void exec_put_heartbeat(struct sbuf *b, struct str framework, struct str executor);

struct exec_status {
    struct str task_id;
    int state, reason;       /* reason -1: none */
    struct str message, data;
    int healthy;             /* -1: not said */
    struct str executor_id;
    struct str container_id; /* encoded ContainerID; empty: none */
    struct str check_status; /* encoded CheckStatusInfo; p NULL: none */
    struct str limitation;   /* encoded TaskResourceLimitation; p NULL: none */
    struct str labels;       /* encoded Labels */
    struct str rest;         /* more fields of TaskStatus, encoded */
    struct uuid uuid;
    int64_t wall_us;
};
void exec_put_status(struct sbuf *b, const struct exec_status *s); /* a TaskStatus */

/* --- inside a TaskInfo and around it --- */
struct str task_id_of(struct str task);
struct str task_name_of(struct str task);
struct str task_command_of(struct str task);   /* CommandInfo; p NULL: none */
int64_t duration_of(struct str message, uint32_t number); /* DurationInfo in field number; -1: none */
int64_t task_kill_grace_ns(struct str task);
int64_t task_max_completion_ns(struct str task);
struct str task_allocation_role(struct str task); /* of its first resource with one */
bool framework_has_capability(struct str framework_info, unsigned capability); /* Capability.Type number */
enum { CAPABILITY_TASK_KILLING_STATE = 2, CAPABILITY_PARTITION_AWARE = 5 };

enum check_kind { CHECK_KIND_NONE, CHECK_KIND_COMMAND, CHECK_KIND_HTTP, CHECK_KIND_TCP };
struct check_spec {
    enum check_kind kind;
    struct check_policy policy;
    struct str command; /* CommandInfo */
    uint16_t port;
    struct str scheme, path;
    bool v6;
};
/* TaskInfo.health_check or TaskInfo.check; false: there is none. kind NONE: one that cannot be understood. */
bool task_health_check(struct str task, struct check_spec *ret);
bool task_check(struct str task, struct check_spec *ret);
/* CheckStatusInfo with this value; CHECK_NO_VALUE: empty of its kind. */
void exec_put_check_status(struct sbuf *b, enum check_kind kind, int64_t value);

/* Calls f(name, value) for each variable of CommandInfo.environment; a secret's value is the one that it carries. */
void command_each_env(struct str command, void (*f)(void *arg, struct str name, struct str value), void *arg);

#endif
