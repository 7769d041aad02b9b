/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as a state machine: what a master, executors, containers, the disk and the clock tell it comes in as
 * events, what the shell must do goes out as actions, in the order in which they are to be carried out.
 *
 *     RECOVERING --(all executors back, or executor_reregistration_timeout)--> DISCONNECTED
 *     DISCONNECTED --(SlaveRegistered / SlaveReregistered)--> RUNNING --(no ping, link broken)--> DISCONNECTED
 *     any --(Shutdown, SIGUSR1, --recover=cleanup)--> TERMINATING --(last framework gone)--> exit
 *
 * Invariants
 * - Durable before visible: an update is acknowledged to its executor and forwarded to the master only after
 *   AGENT_EV_UPDATE_STORED answered AGENT_DO_STORE_UPDATE (frameworks without checkpointing skip the store). A reservation or
 *   volume is there when AGENT_EV_RESOURCES_STORED says so; else the operation has failed and nothing has changed.
 * - Per task one FIFO of updates, only its head is in flight (status_updates.c).
 * - Terminal is final: the first terminal state of a task wins.
 * - Every container that was launched is destroyed or reported as exited exactly once.
 * - Pure: no clock, no I/O, no randomness but the given rng, no log. Same events, same actions.
 *
 * Ownership: events lend, the core copies what it keeps. Actions point into the core and stay valid until the next
 * step; objects that a step removes are kept until then.
 * Payloads (FrameworkInfo, TaskInfo, Task, StatusUpdate ...) are wire bytes with an index of the few values that
 * decisions need; agent/wire makes both. Source: reference of executor and agent API, §4, §10-15. */
#ifndef STOA_AGENT_CORE_AGENT_H
#define STOA_AGENT_CORE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/base/uuid.h"
#include "common/model/framework.h"
#include "common/model/ids.h"
#include "common/model/resources.h"
#include "common/model/status.h"
#include "common/model/task.h"
#include "common/model/task_state.h"

struct agent;
struct agent_framework;
struct agent_executor;
struct agent_task;
struct agent_stream;
struct agent_update;
struct agent_operation;

enum {
    AGENT_FRAMEWORKS_MAX = 10000,          /* alive at once */
    AGENT_EXECUTORS_MAX = 20000,           /* of all frameworks */
    AGENT_TASKS_MAX = 100000,              /* of all executors */
    AGENT_UPDATES_PENDING_MAX = 10000,     /* of one task */
    AGENT_STREAMS_MAX = 200000,            /* tasks with updates on their way: executors may name tasks of their own */
    AGENT_COMPLETED_FRAMEWORKS_MAX = 50,
    AGENT_COMPLETED_TASKS_MAX = 200,       /* per executor */
    AGENT_OPERATIONS_MAX = 10000,
};

struct agent_config {
    int64_t registration_backoff_ns;          /* --registration_backoff_factor */
    int64_t executor_registration_timeout_ns;
    int64_t pull_timeout_ns; /* an image may take so long before the former begins to count; 0: there are none */
    int64_t executor_reregistration_timeout_ns;
    int64_t executor_shutdown_grace_ns;
    size_t max_completed_executors;           /* per framework */
    bool enforces_cpu, enforces_mem;          /* cpu and memory limits have an isolator */
    bool strict;
};

/* A status the agent makes itself; becomes bytes through the codec. */
struct agent_status {
    struct agent_id agent;
    struct task_id task;
    struct executor_id executor;        /* may be empty */
    enum task_state state;
    enum task_reason reason;
    struct str message;
    struct uuid uuid;
    struct wall at;
    const struct resources *limitation; /* resources that hit their limit, or NULL */
};

/* Pure encoders of agent/wire, so that the core can make bytes without knowing the format. */
struct agent_codec {
    struct task_status *(*status_make)(const struct agent_status *s); /* one reference for the caller */
    /* While draining: TASK_KILLING and TASK_KILLED get REASON_AGENT_DRAINING, and gone_by_operator another state. */
    struct task_status *(*status_drained)(const struct task_status *s, bool gone_by_operator);
};

/* --- what events carry ------------------------------------------------------------------------------------ */

/* Infos are counted: the core takes its own reference. */
struct agent_update_desc {
    struct framework_id framework;
    struct executor_id executor;   /* the caller's, not what the status says */
    struct task_status *status;    /* complete: agent_id, source, uuid, timestamp, container_status */
};

struct agent_recovered_task {
    struct task_info *info;        /* made from a Task */
    struct task_status *const *updates; /* in the order of the log */
    size_t update_count;
    const struct uuid *acks;
    size_t ack_count;
};

struct agent_recovered_executor {
    struct executor_info *info;
    bool generated;                /* for a command task */
    struct str container_id, pid;  /* pid: libprocess.pid of a v0 executor, or empty */
    bool http;                     /* http.marker is there */
    bool completed;                /* executor.sentinel is there */
    int forked_pid;                /* of forked.pid; 0: it is not there */
    const struct agent_recovered_task *tasks;
    size_t task_count;
};

struct agent_recovered_framework {
    struct framework_info *info;
    struct str pid;                /* empty: HTTP */
    const struct agent_recovered_executor *executors;
    size_t executor_count;
};

struct agent_reconcile_task {
    struct framework_id framework;
    struct task_id task;
    bool partition_aware;          /* of its framework, which may be unknown here */
};

struct agent_operation_desc {
    struct uuid uuid;
    struct framework_id framework;     /* empty: made by an operator */
    struct operation_id id;            /* empty: none */
    struct str info;                   /* Offer.Operation */
    const struct conversion *conversion; /* NULL: not an operation that changes resources here */
    struct str invalid;                /* why there is no conversion */
    const struct uuid *resource_version; /* NULL: not given */
    enum operation_state state;        /* recovered operations only, as the next one */
    struct uuid status_uuid;
};

enum agent_event_type {
    AGENT_EV_RECOVERED,
    AGENT_EV_MASTER,               /* detected (or lost: empty) */
    AGENT_EV_MASTER_LINK_BROKEN,
    AGENT_EV_REGISTERED,           /* SlaveRegistered and SlaveReregistered */
    AGENT_EV_PING,
    AGENT_EV_RUN,                  /* RunTask, RunTaskGroup */
    AGENT_EV_KILL_TASK,
    AGENT_EV_SHUTDOWN_FRAMEWORK,
    AGENT_EV_SHUTDOWN_EXECUTOR,
    AGENT_EV_SHUTDOWN,
    AGENT_EV_UPDATE_FRAMEWORK,
    AGENT_EV_FRAMEWORK_MESSAGE,    /* for an executor */
    AGENT_EV_STATUS_ACK,
    AGENT_EV_CHECKPOINT_RESOURCES,
    AGENT_EV_APPLY_OPERATION,
    AGENT_EV_OPERATION_ACK,
    AGENT_EV_RECONCILE_OPERATIONS,
    AGENT_EV_DRAIN,
    AGENT_EV_EXECUTOR_SUBSCRIBE,
    AGENT_EV_EXECUTOR_UPDATE,
    AGENT_EV_EXECUTOR_MESSAGE,
    AGENT_EV_EXECUTOR_DISCONNECTED,
    AGENT_EV_CONTAINER_LAUNCHED,
    AGENT_EV_CONTAINER_EXITED,
    AGENT_EV_CONTAINER_UPDATE_FAILED,
    AGENT_EV_ESTIMATE,             /* what may be offered once more, as revocable resources */
    AGENT_EV_PREEMPT,              /* the machine has no room for executors with revocable resources */
    AGENT_EV_UPDATE_STORED,
    AGENT_EV_RESOURCES_STORED,     /* or not */
    AGENT_EV_INFO_STORED,          /* or not */
    AGENT_EV_UNREGISTER,           /* SIGUSR1 */
    AGENT_EV_TICK,
    AGENT_EV_COUNT
};

struct agent_event {
    enum agent_event_type type;
    struct mono now;
    struct wall wall;
    struct str from;               /* sender's pid, for what comes from a master */
    union {
        struct {
            struct agent_id agent;         /* empty: never registered, or to be forgotten */
            const struct agent_recovered_framework *frameworks;
            size_t framework_count;
            const struct resources *total;        /* of --resources */
            const struct resources *checkpointed; /* reservations and volumes, NULL: none */
            const struct agent_operation_desc *operations;
            size_t operation_count;
            unsigned errors;               /* broken records that were skipped */
            bool cleanup;                  /* --recover=cleanup */
            struct str drain_config;       /* DrainConfig, empty: none */
            int64_t drain_grace_ns;
            bool drain_mark_gone;
        } recovered;
        struct {
            struct str pid;
            struct str id;                 /* empty: not known */
        } master;
        struct {
            struct agent_id agent;
            int64_t ping_timeout_ns;
            bool again;                    /* SlaveReregistered */
            const struct agent_reconcile_task *tasks; /* which the master has and we did not list */
            size_t task_count;
        } registered;
        struct {
            bool connected;
            struct str master;             /* its id: our report named another; else empty */
        } ping;
        struct {
            struct framework_info *framework;
            struct str pid;                /* empty: an HTTP framework */
            struct executor_info *executor;
            bool generated;                /* executor was made for a command task */
            struct task_info *const *tasks;
            size_t task_count;
            bool group;
            bool launch_executor_set, launch_executor;
            struct str denied;             /* why it may not run as its user; empty: it may */
            const struct uuid *resource_version; /* NULL: not given */
        } run;
        struct {
            struct framework_id framework;
            struct task_id task;
            struct str kill_policy;        /* KillPolicy or empty */
            int64_t grace_ns;              /* its grace period; -1: it has none */
        } kill;
        struct {
            struct framework_id framework;
            struct executor_id executor;
        } shutdown_one;                    /* SHUTDOWN_FRAMEWORK, SHUTDOWN_EXECUTOR */
        struct {
            struct str message;
        } shutdown;
        struct {
            struct framework_id framework;
            struct str pid;                /* empty: HTTP */
            struct framework_info *info;   /* may be NULL */
        } update_framework;
        struct {
            struct framework_id framework;
            struct executor_id executor;
            struct str data;
        } message;                         /* FRAMEWORK_MESSAGE, EXECUTOR_MESSAGE */
        struct {
            struct framework_id framework;
            struct task_id task;
            struct uuid uuid;
            const struct uuid *resource_version; /* of the report that the master knows; NULL: not given */
        } ack;
        struct {
            const struct resources *resources;
        } checkpoint;
        struct agent_operation_desc operation;
        struct {
            struct uuid operation, status;
            const struct uuid *resource_version; /* as of an ack */
        } operation_ack;
        struct {
            const struct uuid *operations;
            size_t count;
        } reconcile_operations;
        struct {
            struct str config;             /* DrainConfig */
            int64_t max_grace_ns;          /* -1: none */
            bool mark_gone;
        } drain;
        struct {
            struct framework_id framework;
            struct executor_id executor;
            uint64_t stream;               /* the shell's number of the connection; never 0 */
            struct str pid;                /* of an executor that speaks messages (v0); empty: HTTP */
            bool again;                    /* v0: ReregisterExecutor */
            const struct task_id *unacknowledged_tasks;
            size_t unacknowledged_task_count;
            struct task_status *const *updates;
            size_t update_count;
        } subscribe;
        struct agent_update_desc update;
        struct {
            uint64_t stream;
            struct framework_id framework;
            struct executor_id executor;
        } disconnected;
        struct {
            struct container_id container;
            bool failed, sandbox_failed;
            struct str message;            /* of a failure */
        } launched;
        struct {
            struct container_id container;
            bool status_known;
            int status;                    /* as from waitpid */
            enum task_reason reason;       /* a limitation, or REASON_NONE */
            struct str message;
            const struct resources *limitation;
        } exited;
        struct {
            struct container_id container;
            struct str message;
        } update_failed;
        struct {
            const struct resources *oversubscribed; /* all of them, also those in use */
        } estimate;
        struct {
            struct str message;
        } preempt;
        struct {
            struct framework_id framework;
            struct task_id task;
            struct uuid uuid;
            bool failed;
            struct str message;
        } stored;
        struct {
            bool failed;
            struct str message;
        } written;                         /* RESOURCES_STORED, INFO_STORED */
    } u;
};

/* --- what the shell must do -------------------------------------------------------------------------------- */

enum agent_action_type {
    AGENT_DO_NOTE,                 /* log text */
    AGENT_DO_STORE_INFO,           /* slave.info, latest, boot_id; answer with AGENT_EV_INFO_STORED before any other event */
    AGENT_DO_STORE_BOOT_ID,
    AGENT_DO_FORGET_AGENT,         /* remove meta/slaves/latest */
    AGENT_DO_STORE_FRAMEWORK,      /* framework.info, framework.pid */
    AGENT_DO_STORE_EXECUTOR,       /* executor.info, runs/<id>, latest; only with checkpointing */
    AGENT_DO_MAKE_SANDBOX,
    AGENT_DO_STORE_HTTP_MARKER,
    AGENT_DO_STORE_EXECUTOR_PID,   /* libprocess.pid of a v0 executor */
    AGENT_DO_STORE_SENTINEL,
    AGENT_DO_STORE_TASK,
    AGENT_DO_STORE_UPDATE,         /* append; answer with AGENT_EV_UPDATE_STORED */
    AGENT_DO_STORE_ACK,
    AGENT_DO_STORE_RESOURCES,      /* resources_and_operations.state, volumes' folders; answer with
                                      AGENT_EV_RESOURCES_STORED before any other event */
    AGENT_DO_REMOVE_VOLUME,        /* what a destroyed volume holds */
    AGENT_DO_STORE_OPERATION,      /* operation.updates: the status */
    AGENT_DO_STORE_OPERATION_ACK,
    AGENT_DO_STORE_DRAIN,
    AGENT_DO_CLEAR_DRAIN,
    AGENT_DO_LINK_MASTER,          /* connect to master_pid */
    AGENT_DO_REGISTER,
    AGENT_DO_REREGISTER,
    AGENT_DO_UNREGISTER,
    AGENT_DO_UPDATE_AGENT,         /* UpdateSlaveMessage */
    AGENT_DO_PONG,                 /* to = the observer */
    AGENT_DO_SEND_UPDATE,          /* StatusUpdateMessage */
    AGENT_DO_SEND_EXITED,          /* ExitedExecutorMessage */
    AGENT_DO_SEND_MESSAGE,         /* ExecutorToFrameworkMessage, to = master or framework pid */
    AGENT_DO_SEND_OPERATION,       /* UpdateOperationStatusMessage */
    AGENT_DO_EXECUTOR_RECONNECT,   /* ReconnectExecutorMessage, to = a v0 executor of an earlier run */
    AGENT_DO_EXECUTOR_SUBSCRIBED,
    AGENT_DO_EXECUTOR_LAUNCH,      /* task */
    AGENT_DO_EXECUTOR_LAUNCH_GROUP,/* tasks */
    AGENT_DO_EXECUTOR_KILL,
    AGENT_DO_EXECUTOR_ACK,
    AGENT_DO_EXECUTOR_MESSAGE,
    AGENT_DO_EXECUTOR_SHUTDOWN,
    AGENT_DO_EXECUTOR_CLOSE,       /* close stream number `stream` */
    AGENT_DO_LAUNCH_CONTAINER,
    AGENT_DO_UPDATE_CONTAINER,
    AGENT_DO_DESTROY_CONTAINER,
    AGENT_DO_GC_EXECUTOR,          /* schedule the run's folders; last: also the executor's */
    AGENT_DO_GC_FRAMEWORK,
    AGENT_DO_UNGC,                 /* take the folders of framework and executor out of the schedule */
    AGENT_DO_EXIT,                 /* status, text */
    AGENT_DO_COUNT
};

struct agent_action {
    enum agent_action_type type;
    const struct agent_framework *framework;
    const struct agent_executor *executor;
    const struct agent_task *task;
    const struct agent_task *const *tasks;
    size_t task_count;
    const struct agent_stream *flow; /* STORE_UPDATE, STORE_ACK, SEND_UPDATE */
    const struct agent_update *update;
    const struct agent_operation *operation;
    const struct resource *volume; /* REMOVE_VOLUME */
    struct str task_id;            /* EXECUTOR_KILL, EXECUTOR_ACK, STORE_ACK */
    struct str text;               /* NOTE, EXIT: text; EXECUTOR_KILL: KillPolicy; messages: data */
    struct str to;                 /* receiver's pid */
    struct uuid uuid;              /* EXECUTOR_ACK, STORE_ACK */
    struct str framework_id;       /* SEND_EXITED: it may be gone */
    struct str executor_id;        /* SEND_EXITED, SEND_MESSAGE: also of an executor that was never there */
    int64_t grace_ns;              /* EXECUTOR_KILL: grace period when text is empty; -1: none */
    uint64_t stream;
    int status;                    /* SEND_EXITED: wait status or -1; EXIT: exit code */
    bool warn;                     /* NOTE */
    bool again;                    /* EXECUTOR_SUBSCRIBED: the answer to ReregisterExecutor */
};

struct agent_actions {
    const struct agent_action *v;
    size_t count;
    struct mono wake_at;           /* give AGENT_EV_TICK then; MONO_NEVER: no need */
};

/* config and codec are copied; rng is seeded by the caller and copied. Never fails. */
struct agent *agent_core_new(const struct agent_config *config, const struct agent_codec *codec, struct rng rng);
void agent_core_free(struct agent *a);

/* Takes one event. The actions are a's, valid until the next call. Bad requests are answered by actions, so a step
 * cannot fail. Time must not go backwards. */
struct agent_actions agent_step(struct agent *a, const struct agent_event *ev);

/* Whether one more update of this task can be taken (AGENT_UPDATES_PENDING_MAX, AGENT_STREAMS_MAX). */
bool agent_can_take_update(const struct agent *a, struct framework_id framework, struct task_id task);

#endif
