/* SPDX-License-Identifier: Apache-2.0 */
/* The master's decisions: agents, frameworks, offers, tasks, operations, maintenance. Pure: no clock, I/O, randomness
 * of its own, log, protobuf or JSON. It learns by events and answers with actions.
 *
 *     master_step(m, &event, &actions);  ->  the shell carries the actions out in their order
 *
 * - Durable before visible. What changes the registry (an agent admitted, gone, a quota) yields MASTER_ACT_STORE alone; what
 *   others see of it comes out of MASTER_EV_STORED with that version. Versions are confirmed in order; one confirmation may
 *   cover many.
 * - Events lend: pointers in an event need to live for the call only. Objects that count their holders (framework_info,
 *   task_info, agent_report, ...) may be kept by the core, which takes references of its own.
 * - Actions lend: what they point to is the core's, valid until the next step.
 * - A step never fails. A bad request is answered by an action.
 * - Payloads stay bytes (raw of the model objects); the few that the core has to make itself (statuses, records) are made by the
 *   pure encoders of struct master_codec, which master/wire provides.
 *
 * What the books hold, and the life of an offer, a task, a framework, an agent and an operation: state.h.
 *
 * Sources: reference of the scheduler API, operator API, high availability and wire protocol; file comments name sections. */
#ifndef STOA_MASTER_CORE_MASTER_H
#define STOA_MASTER_CORE_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/base/sbuf.h"
#include "common/base/time.h"
#include "common/base/uuid.h"
#include "common/model/agent.h"
#include "common/model/framework.h"
#include "common/model/ids.h"
#include "common/model/operation.h"
#include "common/model/resources.h"
#include "common/model/status.h"
#include "common/model/task.h"
#include "master/core/report.h"

struct master;
struct framework;
struct agent;
struct offer;
struct task;
struct agent_operation;
struct inverse_offer;
struct offer_constraints;

/* --- configuration ------------------------------------------------------------------------------------ */

/* A status the master makes itself. Encoded by the codec; carry is the packed last status, whose health, check and
 * container status are copied. */
struct status_value {
    struct str task, agent, executor; /* agent and executor may be empty */
    enum task_state state;
    enum task_source source;
    enum task_reason reason;
    struct str message;
    struct wall timestamp;
    struct wall unreachable_time; /* ms 0: absent */
    struct str carry;             /* may be empty */
};

struct operation_status_spec {
    struct str operation, agent;  /* may be empty */
    enum operation_state state;
    struct str message;
    const struct uuid *uuid;      /* NULL: there is nothing to acknowledge */
    struct str carry;             /* packed OperationStatus whose uuid is dropped; then only operation, agent and uuid are set */
};

struct master_codec {
    /* Appends one packed TaskStatus. */
    void (*status)(struct sbuf *b, const struct status_value *v);
    /* As a status is kept in a task's history: without data. */
    void (*status_for_history)(struct sbuf *b, struct str status);
    /* What is kept of a task: a packed Task without ids of framework and agent, state, statuses and resources. */
    void (*task_record)(struct sbuf *b, const struct task_info *t);
    /* The user a task runs as by its command or its executor's (NULL: of the task); empty: the framework's. */
    struct str (*task_user)(const struct task_info *t, const struct executor_info *executor);
    /* One packed OperationStatus. */
    void (*operation_status)(struct sbuf *b, const struct operation_status_spec *v);
};

struct master_config {
    char *id;                       /* borrowed during master_new; the master's uuid text */
    char *version;                  /* of this master, "1.12.0" */
    struct rng *rng;                /* lives as long as the master */
    const struct master_codec *codec;
    struct str region, zone;        /* empty: no fault domain */
    int64_t ping_interval_ns;       /* --agent_ping_timeout */
    unsigned ping_timeouts_max;     /* --max_agent_ping_timeouts */
    int64_t agent_reregister_ns;    /* --agent_reregister_timeout */
    int64_t offer_timeout_ns;       /* 0: never */
    int64_t allocation_interval_ns;
    unsigned removal_count;         /* --agent_removal_rate_limit: count per interval; 0: no limit */
    int64_t removal_interval_ns;
    double recovery_removal_limit;  /* --recovery_agent_removal_limit, 0..1 */
    unsigned completed_frameworks_max, completed_tasks_max, unreachable_tasks_max;
    uint64_t pattern_size_max;      /* --offer_constraints_re2_max_program_size; 0: no limit but PATTERN_PROGRAM_MAX */
    bool root_submissions, require_agent_domain, filter_gpu_resources;
    bool sort_roles_random, sort_frameworks_random;
    double recovery_factor;         /* --allocator_agent_recovery_factor */
    int64_t recovery_timeout_ns;
    int64_t registry_gc_interval_ns, registry_max_agent_age_ns;
    uint64_t registry_max_agent_count;
    struct str min_allocatable;     /* "cpus:0.01|mem:32" */
    struct str roles_whitelist;     /* comma list; empty: any */
    struct str excluded_resources;  /* --fair_sharing_excluded_resource_names */
    struct str weights;             /* "role=weight,..." */
    const struct acls *acls;        /* --acls; NULL: everything is allowed. Outlives the master */
};

enum { HEARTBEAT_SECONDS = 15 };

/* --- requests ----------------------------------------------------------------------------------------- */

/* Handles given by the shell; 0: none. */
struct stream_ref {
    uint64_t n;
};
struct request_ref {
    uint64_t n;
};

enum call_type { /* numbers of mesos.v1.scheduler.Call.Type */
    CALL_UNKNOWN = 0, CALL_SUBSCRIBE = 1, CALL_TEARDOWN = 2, CALL_ACCEPT = 3, CALL_DECLINE = 4, CALL_REVIVE = 5,
    CALL_KILL = 6, CALL_SHUTDOWN = 7, CALL_ACKNOWLEDGE = 8, CALL_RECONCILE = 9, CALL_MESSAGE = 10, CALL_REQUEST = 11,
    CALL_SUPPRESS = 12, CALL_ACCEPT_INVERSE_OFFERS = 13, CALL_DECLINE_INVERSE_OFFERS = 14,
    CALL_ACKNOWLEDGE_OPERATION_STATUS = 15, CALL_RECONCILE_OPERATIONS = 16, CALL_UPDATE_FRAMEWORK = 17, CALL_TYPE_COUNT
};

struct subscribe_request {
    struct framework_info *info;
    const char *invalid;            /* stateless rule broken: refused with this ERROR event */
    struct name **suppressed;
    size_t suppressed_count;
    struct offer_constraints *constraints; /* NULL: none */
    struct str principal;           /* authenticated; empty: none */
    bool has_id;                    /* info's id was given, not assigned by the translation */
    bool force;                     /* of old drivers: take over from another connection */
};

struct reconcile_item {
    struct str id;                  /* task or operation */
    struct agent_id agent;          /* may be empty */
};

struct call_request {
    enum call_type type;
    struct framework_id framework;
    struct str stream_id;           /* Mesos-Stream-Id header */
    bool has_stream_id;
    struct str principal;
    /* ACCEPT, DECLINE and the inverse forms */
    const struct offer_id *offers;
    size_t offer_count;
    const struct operation *ops;
    size_t op_count;
    int64_t refuse_ns;              /* effective: filter_refuse_ns() */
    /* KILL, SHUTDOWN, ACKNOWLEDGE, MESSAGE */
    struct agent_id agent;
    struct task_id task;
    struct executor_id executor;
    struct str kill_policy;         /* packed KillPolicy; p NULL: none */
    struct uuid uuid;
    struct str data;
    /* RECONCILE, RECONCILE_OPERATIONS */
    const struct reconcile_item *items;
    size_t item_count;
    struct operation_id operation;  /* ACKNOWLEDGE_OPERATION_STATUS */
    /* REVIVE, SUPPRESS */
    struct name **roles;
    size_t role_count;
    const struct subscribe_request *update; /* UPDATE_FRAMEWORK */
};

struct machine_id {
    struct str hostname, ip;        /* either may be empty */
};

struct maintenance_window {
    const struct machine_id *machines;
    size_t count;
    int64_t start_ns, duration_ns;  /* duration -1: unbounded */
};

struct weight_value {
    struct str role;
    double weight;
};

struct quota_value {
    struct str role;
    struct quantities guarantees, limits; /* limits: absent is infinite */
};

enum operator_type {
    OPERATOR_TEARDOWN, OPERATOR_MARK_GONE, OPERATOR_DRAIN, OPERATOR_DEACTIVATE, OPERATOR_REACTIVATE, OPERATOR_OPERATION,
    OPERATOR_UPDATE_WEIGHTS, OPERATOR_UPDATE_QUOTA, OPERATOR_SET_QUOTA, OPERATOR_REMOVE_QUOTA, OPERATOR_UPDATE_SCHEDULE,
    OPERATOR_START_MAINTENANCE, OPERATOR_STOP_MAINTENANCE
};

struct operator_request {
    enum operator_type type;
    struct str principal;
    struct framework_id framework;
    struct agent_id agent;
    int64_t max_grace_ns;           /* DRAIN; -1: none */
    bool mark_gone, force;
    const struct operation *op;     /* OPERATION */
    const struct weight_value *weights;
    size_t weight_count;
    const struct quota_value *quotas;
    size_t quota_count;
    struct str role;                /* REMOVE_QUOTA */
    const struct maintenance_window *windows;
    size_t window_count;
    const struct machine_id *machines;
    size_t machine_count;
};

/* --- registry ----------------------------------------------------------------------------------------- */

enum record_kind { RECORD_AGENT, RECORD_UNREACHABLE, RECORD_GONE, RECORD_WEIGHT, RECORD_QUOTA, RECORD_MACHINE, RECORD_SCHEDULE };

enum drain_state { DRAIN_NONE = 0, DRAINING = 1, DRAINED = 2 }; /* wire numbers */

struct drain {
    enum drain_state state;
    int64_t max_grace_ns; /* -1: none */
    bool mark_gone;
};

enum machine_mode { MACHINE_UP = 1, MACHINE_DRAINING = 2, MACHINE_DOWN = 3 }; /* wire numbers */

/* One record of the registry; key is kind and id. An agent has at most one record of the first three kinds. */
struct registry_record {
    enum record_kind kind;
    bool deleted;
    struct str id;            /* agent id, role, "hostname/ip" of a machine; empty for the schedule */
    struct agent_info *info;  /* AGENT */
    struct drain drain;
    bool deactivated;
    struct wall drain_start;
    struct wall time;         /* UNREACHABLE, GONE */
    double weight;
    const struct quota_value *quota;
    enum machine_mode mode;
    struct machine_id machine;
    const struct maintenance_window *windows; /* SCHEDULE */
    size_t window_count;
};

/* --- events ------------------------------------------------------------------------------------------- */

enum master_event_type {
    MASTER_EV_RECOVERED, MASTER_EV_STORED, MASTER_EV_TICK,
    MASTER_EV_AGENT_REGISTER, MASTER_EV_AGENT_REREGISTER, MASTER_EV_AGENT_UNREGISTER, MASTER_EV_AGENT_PONG,
    MASTER_EV_AGENT_EXITED, MASTER_EV_AGENT_UPDATE, MASTER_EV_AGENT_STATUS, MASTER_EV_EXECUTOR_EXITED,
    MASTER_EV_EXECUTOR_MESSAGE, MASTER_EV_OPERATION_STATUS,
    MASTER_EV_SUBSCRIBE, MASTER_EV_STREAM_CLOSED, MASTER_EV_CALL, MASTER_EV_OPERATOR, MASTER_EV_WATCHED,
    MASTER_EV_DRIVER_ABORT          /* DeactivateFramework of an old driver */
};

struct master_event {
    enum master_event_type type;
    struct mono now;
    struct wall wall;
    struct request_ref request;  /* CALL, OPERATOR */
    struct str pid;              /* sender of AGENT_* and EXECUTOR_* events; of SUBSCRIBE and CALL when an old driver sent
                                  * them as messages, else empty; AGENT_EXITED may be a driver's, too */
    union {
        struct {
            const struct registry_record *records;
            size_t count;
        } recovered;
        struct {
            uint64_t version;
        } stored;
        struct agent_report *report;  /* REGISTER, REREGISTER */
        struct {
            struct agent_id agent;
        } unregister;
        struct {
            uint64_t observer;
        } pong;
        struct {
            struct agent_id agent;
            bool has_oversubscribed;
            const struct resources *oversubscribed;
            bool has_resource_version;
            struct uuid resource_version;
            bool has_operations;
            const struct operation_report *operations;
            size_t operation_count;
        } update;
        struct {
            struct framework_id framework;
            struct task_status *status; /* agent, executor, timestamp and uuid filled in from the enclosing update */
            bool has_latest;
            enum task_state latest;     /* latest state the agent knows; may be ahead of status */
            struct executor_id executor;
            struct str message;         /* the StatusUpdateMessage as it came; old drivers get it so */
        } status;
        struct {
            struct agent_id agent;
            struct framework_id framework;
            struct executor_id executor;
            int32_t status;
        } executor_exited;
        struct {
            struct agent_id agent;
            struct framework_id framework;
            struct executor_id executor;
            struct str data;
        } executor_message;
        struct operation_update operation;
        struct {
            struct stream_ref stream;
            const struct subscribe_request *req;
        } subscribe;
        struct {
            struct stream_ref stream;
        } closed;
        const struct call_request *call;
        const struct operator_request *op;
        struct {
            bool on; /* whether operator events have a reader */
        } watched;
        struct {
            struct framework_id framework;
        } driver_abort;
    };
};

/* --- actions ------------------------------------------------------------------------------------------ */

enum agent_message { /* what is sent to an agent */
    MSG_AGENT_REGISTERED, MSG_AGENT_REREGISTERED, MSG_PING, MSG_SHUTDOWN, MSG_RUN_TASK, MSG_RUN_TASK_GROUP, MSG_KILL_TASK,
    MSG_ACKNOWLEDGE, MSG_SHUTDOWN_FRAMEWORK, MSG_SHUTDOWN_EXECUTOR, MSG_FRAMEWORK_MESSAGE, MSG_UPDATE_FRAMEWORK,
    MSG_CHECKPOINT_RESOURCES, MSG_APPLY_OPERATION, MSG_ACKNOWLEDGE_OPERATION, MSG_RECONCILE_OPERATIONS, MSG_DRAIN
};

enum framework_event { /* numbers of mesos.v1.scheduler.Event.Type */
    EVENT_SUBSCRIBED = 1, EVENT_OFFERS = 2, EVENT_RESCIND = 3, EVENT_UPDATE = 4, EVENT_MESSAGE = 5, EVENT_FAILURE = 6,
    EVENT_ERROR = 7, EVENT_HEARTBEAT = 8, EVENT_INVERSE_OFFERS = 9, EVENT_RESCIND_INVERSE_OFFER = 10,
    EVENT_UPDATE_OPERATION_STATUS = 11, EVENT_TYPE_COUNT
};

enum watch_event { /* numbers of mesos.v1.master.Event.Type */
    WATCH_TASK_ADDED = 2, WATCH_TASK_UPDATED = 3, WATCH_AGENT_ADDED = 4, WATCH_AGENT_REMOVED = 5, WATCH_FRAMEWORK_ADDED = 6,
    WATCH_FRAMEWORK_UPDATED = 7, WATCH_FRAMEWORK_REMOVED = 8
};

enum master_action_type {
    MASTER_ACT_STORE, MASTER_ACT_LINK, MASTER_ACT_UNLINK, MASTER_ACT_SEND, MASTER_ACT_STREAM_OPEN, MASTER_ACT_EVENT,
    MASTER_ACT_STREAM_CLOSE, MASTER_ACT_ANSWER, MASTER_ACT_WATCH, MASTER_ACT_NOTE, MASTER_ACT_ABORT
};

struct missing_task { /* of MSG_AGENT_REREGISTERED: the master has it, the agent did not list it */
    const struct task *task;
};

struct master_action {
    enum master_action_type type;
    union {
        struct {
            uint64_t version;
            const struct registry_record *records;
            size_t count;
        } store;
        struct {
            enum agent_message kind;
            struct str to;               /* pid; also of LINK and UNLINK */
            uint64_t observer;           /* not 0: sent from slave-observer(n) */
            const struct agent *agent;   /* NULL: a shutdown or ping of an agent that is not known */
            const struct framework *framework;
            struct task_info *const *tasks;  /* RUN_TASK: one */
            size_t task_count;
            const struct executor_info *executor;
            const struct missing_task *missing; /* sorted by framework */
            size_t missing_count;
            const struct agent_operation *const *operations;
            size_t operation_count;
            struct str agent_id, framework_id, task_id, executor_id;
            struct str bytes;            /* SHUTDOWN: text; KILL_TASK: kill policy; MESSAGE: data; APPLY_OPERATION:
                                          * operation; PING: our id, for one that took us for another */
            struct uuid uuid, uuid2;     /* ACKNOWLEDGE; operations: status uuid, operation uuid */
            struct drain drain;
            bool flag;                   /* PING: connected; RUN_TASK*: launch_executor; ACKNOWLEDGE: of a task's end */
            double seconds;              /* REGISTERED: total ping timeout */
            const struct resources *resources; /* CHECKPOINT_RESOURCES */
        } send;
        struct {
            struct stream_ref stream;
            struct str stream_id;        /* STREAM_OPEN: text for the header */
            enum framework_event kind;
            struct str to;               /* EVENT: pid of an old driver, which gets a message; empty: to the stream */
            bool again;                  /* SUBSCRIBED of a driver that was subscribed: FrameworkReregistered */
            struct str message;          /* UPDATE: the agent's StatusUpdateMessage; empty: made by the master */
            const struct framework *framework; /* may be NULL for refused subscriptions */
            const struct offer *const *offers; /* OFFERS */
            const struct inverse_offer *const *inverse_offers;
            size_t count;
            struct str id;               /* RESCIND*: offer id */
            struct str agent_id, executor_id;
            bool has_executor;
            int32_t status;              /* FAILURE of an executor */
            struct str bytes;            /* UPDATE, UPDATE_OPERATION_STATUS: packed status; MESSAGE: data; ERROR: text */
        } event;
        struct {
            struct request_ref request;
            unsigned status;
            struct str text;             /* empty: no body */
        } answer;
        struct {
            enum watch_event kind;
            const struct task *task;
            const struct agent *agent;
            const struct framework *framework;
            struct str bytes;            /* TASK_UPDATED: the status */
            enum task_state state;       /* TASK_UPDATED: latest */
        } watch;
        struct {
            int level;                   /* enum log_level */
            const char *event;
            struct str text;             /* "key=value ..." */
        } note;
    };
};

struct master_actions {
    const struct master_action *v;
    size_t count;
    struct mono wake_at; /* the core wants a TICK then, or earlier if something comes */
};

/* --- life --------------------------------------------------------------------------------------------- */

struct master *master_new(const struct master_config *config);
void master_free(struct master *m);
/* ret_actions is filled anew at each call and valid until the next. */
void master_step(struct master *m, const struct master_event *ev, struct master_actions *ret_actions);

/* Every invariant of the books (offered + used within total, one owner per resource, indexes agree). NULL when they hold,
 * else a text that is valid until the next call. Slow: for tests and the simulator. */
const char *master_check(const struct master *m);

/* --- questions that the translation of requests asks ---------------------------------------------------- */

enum { MASTER_ID_TEXT = 64 };
/* The ids that the next admitted agent or framework will get. */
void master_next_framework_id(const struct master *m, char ret[MASTER_ID_TEXT]);
void master_next_agent_id(const struct master *m, char ret[MASTER_ID_TEXT]);
/* The role that resources of an ACCEPT of these offers are allocated to; NULL when the offers are not all known. */
struct name *master_offers_role(const struct master *m, const struct offer_id *offers, size_t count);
/* The framework's info; NULL when not known (borrowed). */
const struct framework_info *master_framework_info(const struct master *m, struct framework_id id);
/* Largest expression that offer constraints may have; 0: any. */
uint64_t master_pattern_size_max(const struct master *m);
bool master_is_recovered(const struct master *m);

#endif
