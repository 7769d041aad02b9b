/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of master/core offer each other. Nothing outside includes this. */
#ifndef STOA_MASTER_CORE_INTERNAL_H
#define STOA_MASTER_CORE_INTERNAL_H

#include "common/base/alloc.h"
#include "master/core/state.h"

/* --- actions.c --- */
struct master_action *act(struct master *m, enum master_action_type type); /* appended, zeroed */
struct master_action *act_send(struct master *m, enum agent_message kind, struct str pid);
/* An event for a framework's stream; counted. Only for connected frameworks. */
struct master_action *act_event(struct master *m, struct framework *f, enum framework_event kind);
void act_answer(struct master *m, struct request_ref r, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void act_note(struct master *m, int level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A copy that lives as long as the actions. */
struct str act_keep(struct master *m, struct str s);
struct str act_keep_fmt(struct master *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str act_keep_resources(struct master *m, const struct resources *r); /* as text */
enum { NOTE_ERROR = 0, NOTE_WARN = 1, NOTE_INFO = 2, NOTE_DEBUG = 3 };

/* --- books.c --- */
struct bundle *bundle_of(struct master *m, const struct resources *r);
struct bundle *bundle_ref(struct bundle *b);
void bundle_unref(struct master *m, struct bundle *b);
struct slot *agent_slot_get(struct master *m, struct framework *f, struct agent *a); /* made when missing */
void slot_drop_if_empty(struct slot *s);
void master_bury(struct master *m); /* frees what died in the last step */
void framework_free(struct master *m, struct framework *f);
void agent_free(struct master *m, struct agent *a);
void lost_remove(struct master *m, struct lost_agent *l);
struct lost_agent *lost_set(struct master *m, struct str id, enum lost_kind kind);
void window_done(struct window *w);
char *text_copy(struct str s);
struct framework *framework_of_ref(const struct master *m, struct framework_ref r); /* NULL: it is gone */
struct agent *agent_of_ref(const struct master *m, struct agent_ref r);

/* --- pending.c --- */
struct pending *pending_add(struct master *m, enum pending_kind kind);
struct pending *pending_new(enum pending_kind kind); /* the caller's: it is in no table */
void pending_take(struct master *m, struct pending *p); /* out of the tables: the caller's from now on */
/* Whether an agent of this pid is being let in. */
bool admission_pending(const struct master *m, struct str pid);
/* Whether a change of its record is on its way into the registry: another one now would rest on what was before, and undo it. */
bool agent_change_pending(const struct master *m, struct str id);
void pending_free(struct pending *p);
/* A store action of these records; completes the pending when it is confirmed. The array is copied, texts must be kept. */
void pending_store(struct master *m, struct pending *p, const struct registry_record *records, size_t count);
struct registry_record record_agent(const struct agent *a);

/* --- links.c --- */
void agent_start_pings(struct master *m, struct agent *a);
void agent_ping(struct master *m, struct agent *a);
void agent_queue_ping(struct master *m, struct agent *a); /* the next one, an interval from now */
void agent_stop_pings(struct master *m, struct agent *a);
void agent_set_link(struct master *m, struct agent *a, enum agent_link link);
/* By a ping that calls it disconnected: it reports again, with all it has. */
void agent_ask_again(struct master *m, struct agent *a);
/* The same because of what the books lack: at most once in a ping interval; until then the wish waits for the next ping. */
void agent_ask_for_books(struct master *m, struct agent *a);
void agent_shutdown(struct master *m, struct str pid, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* --- drain.c --- */
void agent_send_drain(struct master *m, struct agent *a);
/* Drained when nothing of it is left: stored, or marked gone when that was asked for. */
void agent_check_drained(struct master *m, struct agent *a);
void mark_gone(struct master *m, struct str id, struct request_ref r, bool drained);

/* --- machines.c --- */
enum { MACHINE_KEY_MAX = 600 };
struct str machine_key(struct str hostname, struct str ip, char buf[MACHINE_KEY_MAX + 1]);
struct machine *machine_get(struct master *m, const struct machine_id *id); /* made when missing */
void machine_drop(struct master *m, struct machine *mc);
void machine_forget_answers(struct machine *mc);
void machine_note_answer(struct master *m, const struct agent *a, const struct framework *f, bool accepted);
/* Tells the allocator of the agent's unavailability. */
void maintenance_apply_agent(struct master *m, struct agent *a);

/* --- task.c --- */
struct task *task_new(struct master *m, struct framework *f, struct slot *s, struct str id, struct str executor,
                      struct str agent, const struct resources *r, struct str record);
/* The only assignment of a task's state: counters, and the resources when it becomes terminal. */
void task_set_state(struct master *m, struct task *t, enum task_state to);
void task_hold(struct master *m, struct task *t); /* its resources count as used from now on; the allocator knows already */
void task_release(struct master *m, struct task *t);
void task_add_status(struct master *m, struct task *t, enum task_state state, struct str status);
struct str task_last_status(const struct task *t);
/* An end that became known; source and reason -1 while only the latest state of a status update tells of it. */
void task_count_terminal(struct master *m, struct framework *f, enum task_state s, int source, int reason);
void task_count_reason(struct master *m, enum task_state s, int source, int reason);
uint32_t task_hash(struct str id); /* of its entry in the tables of its framework */
/* Out of framework->tasks, into the completed ring. */
void task_complete(struct master *m, struct task *t);
void task_to_unreachable(struct master *m, struct task *t);
void task_from_unreachable(struct master *m, struct task *t); /* forgets it */
void task_forget(struct master *m, struct task *t);           /* out of everything; freed at the next step */
void task_ring_free(struct master *m, struct task_ring *r);
/* Reports a status that the master makes, to the framework, the books (unless t is NULL) and the operator stream. */
struct str status_make(struct master *m, const struct status_value *v);
void task_watch_updated(struct master *m, const struct task *t, struct str status);

/* --- status.c --- */
void on_status(struct master *m, const struct master_event *ev);
void call_acknowledge(struct master *m, struct framework *f, const struct call_request *c);
void send_update(struct master *m, struct framework *f, struct str status);

/* --- reconcile.c --- */
void call_reconcile(struct master *m, struct framework *f, const struct call_request *c);
void reconcile_one(struct master *m, struct framework *f, struct str task, struct agent_id agent);
void call_kill(struct master *m, struct framework *f, const struct call_request *c);
void call_reconcile_operations(struct master *m, struct framework *f, const struct call_request *c);

/* --- offer.c --- */
void offers_run(struct master *m);
void offers_expire(struct master *m);
void offer_remove(struct master *m, struct offer *o); /* its resources are dealt with by the caller */
enum rescind { RESCIND_TELL, RESCIND_SILENT };
void offer_rescind(struct master *m, struct offer *o, enum rescind how, int64_t refuse_ns);
void offers_rescind_agent(struct master *m, struct agent *a);
void offers_rescind_framework(struct master *m, struct framework *f);
void offers_rescind_all(struct master *m);
void inverse_remove(struct master *m, struct inverse_offer *o);
void inverses_rescind_agent(struct master *m, struct agent *a, enum rescind how);
void call_decline(struct master *m, struct framework *f, const struct call_request *c);
void call_inverse(struct master *m, struct framework *f, const struct call_request *c, bool accept);
int64_t refuse_effective(const struct master *m, int64_t ns);

/* --- accept.c --- */
void call_accept(struct master *m, struct framework *f, const struct call_request *c);

/* --- authorize.c --- */
/* Why the framework may not have these roles; p NULL when it may. */
struct str subscribe_denied(struct master *m, const struct subscribe_request *q);
/* Why the task may not run as its user. */
struct str task_denied(struct master *m, const struct framework *f, const struct task_info *t, const struct executor_info *executor);
bool operation_allowed(const struct master *m, const struct operation *op, struct str principal);
bool operator_allowed(const struct master *m, const struct operator_request *q);
bool agent_allowed(const struct master *m);

/* --- operation.c --- */
/* Applies a speculative operation to the agent's total and sends it. The allocator has been told. */
void operation_send(struct master *m, struct agent *a, struct framework *f, const struct operation *op);
/* Why the rules that need state refuse the operation; p NULL when they do not. */
struct str operation_refused(struct master *m, const struct agent *a, const struct framework *f,
                             const struct operation *op, struct str principal);
void operation_report_error(struct master *m, struct framework *f, const struct operation *op, struct str message);
void on_operation_status(struct master *m, const struct master_event *ev);
void call_acknowledge_operation(struct master *m, struct framework *f, const struct call_request *c);
void operations_of_report(struct master *m, struct agent *a, const struct operation_report *v, size_t n);
void operations_lost(struct master *m, struct agent *a, enum operation_state state);
void operation_forget(struct master *m, struct agent_operation *o);
/* A shared volume that is destroyed may be in offers of others: they are rescinded. Nothing for other operations. */
void operation_rescind_destroyed(struct master *m, struct agent *a, const struct operation *op);
void operator_operation(struct master *m, struct request_ref r, const struct operator_request *q);
void send_operation_status(struct master *m, struct framework *f, struct str status);

/* --- connection.c --- */
/* Connected by the stream, or the driver, that subscribes; SUBSCRIBED is sent. again: a driver that was connected already. */
void stream_attach(struct master *m, struct framework *f, const struct master_event *ev, bool again);
void stream_detach(struct master *m, struct framework *f);
void stream_refuse(struct master *m, struct stream_ref s, struct str why); /* ERROR, and closed */
/* The driver at the pid becomes the framework's connection: linked, told. again: it was that already. */
void driver_attach(struct master *m, struct framework *f, struct str pid, bool again);
void driver_detach(struct master *m, struct framework *f); /* forgets the pid */
void driver_refuse(struct master *m, struct str pid, struct str why);

/* --- framework.c --- */
struct framework *framework_make(struct framework_info *info); /* in no table yet */
void framework_table_add(struct master *m, struct framework *f);
void framework_set_ref(struct master *m, struct framework *f, struct framework_ref r);
struct framework *framework_add_recovered(struct master *m, struct framework_info *info);
/* For the history that agents bring; NULL when none is kept. */
struct framework *framework_add_hearsay(struct master *m, struct framework_info *info);
void hearsay_drop(struct master *m, struct str id);
void watch_framework(struct master *m, const struct framework *f, enum watch_event kind);
void framework_disconnect(struct master *m, struct framework *f);
void framework_remove(struct master *m, struct framework *f);
void on_stream_closed(struct master *m, struct stream_ref s);
void frameworks_tick(struct master *m);
struct mono frameworks_wake(const struct master *m);

/* --- driver.c --- */
/* Whether a subscription of a driver is answered without a change. */
bool driver_subscribe_answered(struct master *m, const struct master_event *ev, struct framework *known);
void on_driver_abort(struct master *m, const struct master_event *ev);
void on_driver_exited(struct master *m, struct str pid);

/* --- subscribe.c --- */
void on_subscribe(struct master *m, const struct master_event *ev);
void call_update_framework(struct master *m, struct request_ref r, struct framework *f, const struct call_request *c);
bool role_whitelisted(const struct master *m, struct str role);

/* --- call.c --- */
void on_call(struct master *m, const struct master_event *ev);

/* --- agent.c --- */
void on_register(struct master *m, const struct master_event *ev);
void on_reregister(struct master *m, const struct master_event *ev);
void on_unregister(struct master *m, const struct master_event *ev);
void on_agent_update(struct master *m, const struct master_event *ev);
void on_executor_exited(struct master *m, const struct master_event *ev);
void on_executor_message(struct master *m, const struct master_event *ev);
void agent_admit(struct master *m, struct pending *p);
void agent_readmit(struct master *m, struct pending *p);
void agent_returned(struct master *m, struct agent *a, struct agent_report *r);
void agent_update_allocator(struct master *m, struct agent *a);

/* --- liveness.c --- */
void on_pong(struct master *m, struct str pid, uint64_t observer);
void on_agent_exited(struct master *m, struct str pid);
void agents_tick(struct master *m);
struct mono agents_wake(const struct master *m);
/* The connection to its address is watched for this agent, and for no other that was there before. */
void agent_take_pid(struct master *m, struct agent *a);
void agent_leave_pid(struct master *m, struct agent *a);
void agent_disconnect(struct master *m, struct agent *a);
enum agent_end { AGENT_END_UNREACHABLE, AGENT_END_GONE, AGENT_END_REMOVED };
void agent_end(struct master *m, struct agent *a, enum agent_end how, struct str reason, struct wall since);

/* --- registry.c --- */
void on_recovered(struct master *m, const struct registry_record *records, size_t count);
void on_stored(struct master *m, uint64_t version);

/* --- operator.c --- */
void on_operator(struct master *m, const struct master_event *ev);
void operator_stored(struct master *m, struct pending *p); /* DRAIN, ACTIVATION, WEIGHTS, QUOTA */

/* --- maintenance.c --- */
void operator_schedule(struct master *m, struct request_ref r, const struct operator_request *q);
void operator_machines(struct master *m, struct request_ref r, const struct operator_request *q, bool down);
/* Ends the agent when its machine is down. */
void agent_take_down(struct master *m, struct agent *a);
void maintenance_stored(struct master *m, struct pending *p);
void maintenance_recovered(struct master *m, const struct registry_record *r);

#endif
