/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of agent/core share; nobody else includes this. */
#ifndef STOA_AGENT_CORE_INTERNAL_H
#define STOA_AGENT_CORE_INTERNAL_H

#include "agent/core/state.h"

enum {
    AGENT_SEEN_MAX = 4096, /* update uuids remembered per task, to recognise repeats */
};

#define AGENT_RETRY_MIN_NS      (10 * NS_PER_S)  /* of updates; doubles */
#define AGENT_RETRY_MAX_NS      (600 * NS_PER_S)
#define AGENT_STORE_RETRY_NS    NS_PER_S         /* of a checkpoint that could not be written */
#define AGENT_REGISTER_MAX_NS   (60 * NS_PER_S)
#define AGENT_PING_TIMEOUT_NS   (75 * NS_PER_S)  /* until a master says otherwise */
#define AGENT_KILL_GRACE_NS     (3 * NS_PER_S)   /* of executors, when nobody says otherwise */

/* --- actions.c --- */
/* A zeroed action at the end of the step's list; fill it before the next call. */
struct agent_action *agent_do(struct agent *a, enum agent_action_type type);
/* Text that lives until the next step. */
struct str agent_text(struct agent *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str agent_within(struct agent *a, const char *what, int64_t ns); /* "Executor did not register within 1mins" */
void agent_note(struct agent *a, bool warn, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void agent_set_state(struct agent *a, enum agent_state to);
int64_t agent_random_below(struct agent *a, int64_t ns); /* 0 when ns is not positive */
/* Sets the time of the first try at the master that is known; a running agent is disconnected by it. */
void agent_start_registration(struct agent *a);
/* The master believes something of our resources that is not so: what it sent on the strength of that is refused, and it is
 * told everything anew. The connection stays. */
void agent_report_again(struct agent *a);
void agent_exit(struct agent *a, int status, struct str text);
void agent_exit_if_done(struct agent *a); /* terminating, and the last framework is gone */
void agent_drain_check(struct agent *a);  /* removes drain.config when nothing is left */

/* --- streams.c --- */
struct agent_stream *agent_stream_find(const struct agent *a, struct str framework_id, struct str task_id);
void agent_stream_remove(struct agent *a, struct agent_stream *s); /* freed at the next step */
void agent_stream_free(struct agent_stream *s);
void agent_update_free(struct agent_update *u);
void agent_updates_pause(struct agent *a); /* nothing is sent until agent_updates_resend */
void agent_updates_forget_framework(struct agent *a, struct str framework_id);

/* --- objects.c --- */
struct agent_framework *agent_framework_add(struct agent *a, struct framework_info *info, struct str pid);
/* Into the completed list; with TERMINATING its updates are forgotten. Ends the agent when it was the last. */
void agent_framework_remove(struct agent *a, struct agent_framework *f);
void agent_framework_remove_if_idle(struct agent *a, struct agent_framework *f);
void agent_framework_free(struct agent_framework *f);
void agent_framework_set_pid(struct agent_framework *f, struct str pid);

struct agent_executor *agent_executor_add(struct agent *a, struct agent_framework *f, struct executor_info *info,
                                          bool generated, struct str container_id);
void agent_executor_set_state(struct agent_executor *e, enum executor_state to);
/* TERMINATED and without tasks: into the framework's completed list. */
void agent_executor_remove(struct agent *a, struct agent_executor *e);
void agent_executor_free(struct agent_executor *e);

struct agent_task *agent_task_add(struct agent *a, struct agent_executor *e, struct task_info *info);
void agent_task_set_state(struct agent *a, struct agent_task *t, struct task_status *status);
void agent_task_complete(struct agent *a, struct agent_task *t);
void agent_task_free(struct agent_task *t);

/* --- status_updates.c --- */
/* Takes a complete status: queue, store, acknowledge, forward. e may be NULL (a task nobody knows). */
void agent_update_take(struct agent *a, struct framework_id framework, struct agent_executor *e,
                       struct task_status *status, bool ack_executor);
/* Makes a status of the agent's own and takes it; state is translated for frameworks that are not partition-aware. */
void agent_update_make(struct agent *a, struct framework_id framework, bool partition_aware, struct agent_executor *e,
                       struct task_id task, enum task_state state, enum task_reason reason, struct str message,
                       const struct resources *limitation);
void agent_update_stored(struct agent *a, struct framework_id framework, struct task_id task, const struct uuid *uuid);
void agent_update_not_stored(struct agent *a, struct framework_id framework, struct task_id task);
void agent_update_acked(struct agent *a, struct framework_id framework, struct task_id task, const struct uuid *uuid);
void agent_updates_resend(struct agent *a);       /* every head, interval reset */
void agent_updates_tick(struct agent *a);
void agent_updates_recover(struct agent *a, struct agent_executor *e, struct agent_task *t,
                           const struct agent_recovered_task *r);
struct mono agent_updates_wake_at(const struct agent *a);

/* --- ending.c --- */
void agent_executor_tell(struct agent *a, struct agent_executor *e, enum agent_action_type type, uint64_t stream);
/* Says it, or keeps it until the master has taken us in: the report that does so may still have the executor. */
void agent_do_exited(struct agent *a, const struct agent_framework *f, struct str executor_id, int status);
void agent_exits_send(struct agent *a);
void agent_exits_free(struct agent *a);
/* What its tasks will be told when the container is gone; the first call counts. */
void agent_executor_set_pending(struct agent_executor *e, enum task_state state, enum task_reason reason,
                                const char *message);
void agent_executor_shutdown(struct agent *a, struct agent_executor *e);
void agent_executor_destroy(struct agent *a, struct agent_executor *e); /* at once, without asking it */
void agent_framework_shutdown(struct agent *a, struct agent_framework *f);
/* Hands queued tasks to a running executor. */
void agent_deliver(struct agent *a, struct agent_executor *e);

/* --- launch.c --- */
void agent_on_run(struct agent *a, const struct agent_event *ev);

/* --- executor.c --- */
void agent_on_subscribe(struct agent *a, const struct agent_event *ev);
void agent_on_executor_update(struct agent *a, const struct agent_event *ev);
void agent_on_executor_message(struct agent *a, const struct agent_event *ev);
void agent_on_framework_message(struct agent *a, const struct agent_event *ev);
void agent_on_disconnected(struct agent *a, const struct agent_event *ev);
void agent_on_launched(struct agent *a, const struct agent_event *ev);
void agent_on_exited(struct agent *a, const struct agent_event *ev);
void agent_on_update_failed(struct agent *a, const struct agent_event *ev);
void agent_on_preempt(struct agent *a, const struct agent_event *ev);
void agent_executors_tick(struct agent *a);
struct mono agent_executors_wake_at(const struct agent *a);

/* --- kill.c --- */
#define AGENT_KILL_MARGIN_NS    (10 * NS_PER_S)
#define AGENT_KILL_GRACE_MAX_NS (INT64_C(1000000) * NS_PER_S) /* longer is for ever */
void agent_on_kill(struct agent *a, const struct agent_event *ev);
void agent_kill_tick(struct agent *a, struct agent_executor *e);
void agent_on_drain(struct agent *a, const struct agent_event *ev);
void agent_drain_start(struct agent *a);

/* --- recover.c --- */
void agent_on_recovered(struct agent *a, const struct agent_event *ev);
void agent_recovery_check(struct agent *a); /* ends the wait when everybody is back or time is up */

/* --- operations.c --- */
void agent_on_checkpoint_resources(struct agent *a, const struct agent_event *ev);
void agent_on_apply_operation(struct agent *a, const struct agent_event *ev);
void agent_on_resources_stored(struct agent *a, const struct agent_event *ev);
void agent_on_operation_ack(struct agent *a, const struct agent_event *ev);
void agent_on_reconcile_operations(struct agent *a, const struct agent_event *ev);
void agent_operations_recover(struct agent *a, const struct agent_event *ev);
void agent_operations_resend(struct agent *a);
void agent_operations_tick(struct agent *a);
struct mono agent_operations_wake_at(const struct agent *a);
void agent_operation_free(struct agent_operation *o);
/* total := declared with these reservations and volumes. */
bool agent_resources_apply_checkpointed(struct agent *a, const struct resources *checkpointed);

/* --- agent.c --- */
void agent_terminate(struct agent *a, struct str why); /* shuts every framework down, then exits */

#endif
