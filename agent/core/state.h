/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent knows: frameworks, executors, tasks, updates, operations. Written by agent/core alone; agent/wire
 * and the shell read it to encode messages and to answer /state. See agent.h for invariants. */
#ifndef STOA_AGENT_CORE_STATE_H
#define STOA_AGENT_CORE_STATE_H

#include "agent/core/agent.h"
#include "common/base/arena.h"
#include "common/base/hash.h"

#define AGENT_LIMIT_NONE     INT64_C(-1)
#define AGENT_LIMIT_INFINITY LIMIT_INFINITE

#define AGENT_STATES(X) X(RECOVERING) X(DISCONNECTED) X(RUNNING) X(TERMINATING)
enum agent_state {
#define X(s) AGENT_##s,
    AGENT_STATES(X)
#undef X
};

/* REGISTERING -> RUNNING -> TERMINATING -> TERMINATED; every state may go to TERMINATED (the container ended) and
 * REGISTERING to TERMINATING. */
#define EXECUTOR_STATES(X) X(REGISTERING) X(RUNNING) X(TERMINATING) X(TERMINATED)
enum executor_state {
#define X(s) EXECUTOR_##s,
    EXECUTOR_STATES(X)
#undef X
};

enum framework_state { AGENT_FRAMEWORK_RUNNING, AGENT_FRAMEWORK_TERMINATING };

/* Where a task stands at its executor: its life on an agent.
 *
 *     RunTask -> QUEUED --(SUBSCRIBE, or the executor runs already: LAUNCH)--> LAUNCHED --(terminal update)--> TERMINATED
 *                   \--(killed, or the executor ended: an update of the agent's)----------------------------------/   |
 *                                                         (its last update is acknowledged) COMPLETED <-------------/
 *
 * It is stored with RunTask, its updates as they come (struct agent_stream). The executor's end ends all of its tasks (ending.c); when the last
 * of them is completed the executor is, and its folders go to the garbage. */
enum agent_task_place {
    AGENT_TASK_QUEUED,     /* the executor has not got it yet */
    AGENT_TASK_LAUNCHED,
    AGENT_TASK_TERMINATED, /* terminal, not yet acknowledged */
    AGENT_TASK_COMPLETED,
};

struct agent_update {
    struct agent_update *next;
    struct task_status *status;
    bool stored;              /* may be forwarded */
    bool ack_executor;        /* came from the executor: acknowledge when stored */
};

/* The updates of one task under way (status_updates.c). */
struct agent_stream {
    char *key;                /* "<framework id>/<task id>" */
    char *framework_id, *executor_id, *task_id, *container_id; /* executor_id, container_id may be NULL */
    bool checkpoint;          /* updates and acks go to the log */
    struct agent_update *head, *tail;
    size_t count;
    struct uuid *seen;        /* of the newest AGENT_SEEN_MAX updates received; a ring */
    size_t seen_count, seen_next, seen_cap;
    struct mono retry_at;     /* of the head; MONO_NEVER: not in flight */
    struct mono store_at;     /* a store failed: try again then */
    int64_t retry_ns;
    struct agent_stream *next_dead;
    UT_hash_handle hh;
};

struct agent_task {
    char *id;
    struct agent_executor *executor;
    enum agent_task_place place;
    enum task_state state;
    unsigned group;           /* tasks launched together share a number; 0: alone */
    struct task_info *info;
    struct task_status **statuses; /* the newest of each run of equal states, as Task.statuses */
    size_t status_count, status_cap;
    struct task_status *forwarded; /* the newest that was sent to a master; NULL: none */
    struct mono kill_by;      /* the executor must have ended it by then; MONO_NEVER: it was not asked to */
    struct agent_task *prev, *next; /* in arrival order; also in the completed list */
    UT_hash_handle hh;
};

struct agent_executor {
    char *id;
    struct agent_framework *framework;
    enum executor_state state;
    char *container_id;       /* lower-case UUID */
    struct executor_info *info;
    bool generated;           /* for a command task */
    bool checkpoint;
    bool http;                /* http.marker was written */
    char *pid;                /* of a v0 executor; NULL: HTTP, or not registered yet */
    bool ever_launched;       /* a task was handed to it */
    bool recovered;           /* from the disk, has not come back yet */
    bool container_live;      /* launch was asked for and no exit was reported */
    bool container_running;   /* launched() came */
    uint64_t stream;          /* connection number, 0: none */
    struct mono register_by, destroy_at;
    struct mono kill_by;      /* the first kill_by of its tasks, or before it */
    /* How the tasks will be said to have ended, if the agent ends the executor. */
    bool pending_set;
    enum task_state pending_state;
    enum task_reason pending_reason;
    char *pending_message;
    struct agent_task *tasks;           /* by id: queued, launched, terminated */
    struct agent_task *order;           /* the same, in arrival order */
    struct agent_task *completed;       /* newest last, capped */
    size_t completed_count;
    struct agent_executor *prev, *next; /* in completed and dead lists */
    UT_hash_handle hh;
};

struct agent_framework {
    char *id, *pid;                     /* pid NULL: HTTP */
    enum framework_state state;
    struct framework_info *info;
    struct agent_executor *executors;   /* by id, insertion order */
    struct agent_executor *completed;   /* newest last, capped */
    size_t completed_count;
    struct agent_framework *prev, *next;
    UT_hash_handle hh;
};

struct agent_operation {
    struct uuid uuid, status_uuid;
    char *framework_id, *operation_id;  /* may be NULL */
    struct blob *info;
    char *message;                      /* why it failed; may be NULL */
    enum operation_state state;
    struct mono retry_at;
    int64_t retry_ns;
    struct agent_operation *next;
    UT_hash_handle hh;
};

/* An executor that left while no master had taken us in. */
struct agent_exit {
    struct agent_exit *next;
    char *framework_id, *executor_id;
    int status;
};

struct agent_counters {
    uint64_t tasks_finished, tasks_failed, tasks_killed, tasks_lost, tasks_gone, tasks_error, tasks_dropped;
    uint64_t executors_terminated, executors_preempted;
    uint64_t valid_updates, invalid_updates, valid_messages, invalid_messages;
    uint64_t launch_errors, recovery_errors;
};

struct agent {
    struct agent_config config;
    struct agent_codec codec;
    struct rng rng;
    enum agent_state state;
    char *id;                       /* NULL: never registered */
    bool id_stored;                 /* a later process will know it; nothing is launched before */
    struct mono store_at;           /* of the description, which could not be stored; MONO_NEVER: it is */
    char *master;                   /* pid, NULL: none known */
    char *master_id;                /* NULL: not known */
    struct resources total;         /* with reservations and volumes applied */
    struct resources checkpointed;  /* dynamic reservations and volumes of total */
    struct resources destroyed;     /* volumes of the latest operation that are no more */
    struct {                        /* total has changed, and whether that is on the disk is not known yet */
        bool waits;
        struct resources total;     /* as it was before */
        struct agent_operation *operation; /* that changed it; NULL: the master's complete list */
    } undo;
    struct resources declared;      /* --resources */
    bool oversubscribes;            /* somebody estimates what is idle */
    struct resources oversubscribed; /* revocable; beside total, of which they are no part */
    struct uuid resource_version;
    struct agent_framework *frameworks;
    struct agent_framework *completed;
    size_t completed_count;
    struct agent_stream *streams;
    struct agent_operation *operations;
    struct agent_exit *exits;
    size_t executor_count, task_count;
    unsigned next_group;
    bool recovery_done;             /* executors may send calls */
    bool cleanup;
    struct mono recover_by;
    struct mono register_at;
    bool tried_registration; /* since it was started */
    int64_t register_backoff_ns;
    int64_t ping_timeout_ns;
    struct mono ping_by;
    bool draining, drain_mark_gone;
    struct blob *drain_config;
    int64_t drain_grace_ns;
    struct wall drain_start;
    struct agent_counters counters;

    /* One step's work. */
    struct mono now;
    struct wall wall;
    struct agent_action *actions;
    size_t action_count, action_cap;
    struct arena scratch;           /* texts and arrays of the actions */
    struct agent_framework *dead_frameworks; /* freed at the next step */
    struct agent_executor *dead_executors;
    struct agent_task *dead_tasks;
    struct agent_update *dead_updates;
    struct agent_stream *dead_streams;
    struct agent_operation *dead_operations;
};

const char *agent_state_name(enum agent_state s);
const char *executor_state_name(enum executor_state s);

struct agent_framework *agent_framework_find(const struct agent *a, struct str id);
struct agent_executor *agent_executor_find(const struct agent_framework *f, struct str id);
struct agent_executor *agent_executor_by_container(const struct agent *a, struct str container_id);
struct agent_task *agent_task_find(const struct agent_executor *e, struct str id);
/* The executor that has this task queued, launched or unacknowledged; NULL: none. */
struct agent_executor *agent_executor_of_task(const struct agent_framework *f, struct str task_id);

/* Executor + tasks that are queued or launched (§18.2). *ret_total must be initialised; limits get
 * AGENT_LIMIT_NONE when no task has one. */
void agent_executor_totals(const struct agent_executor *e, struct resources *ret_total, int64_t *ret_cpus_limit_milli,
                           int64_t *ret_mem_limit_milli);
/* What all executors hold. */
void agent_allocated(const struct agent *a, struct resources *ret_total);

#endif
