/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the core: what its files offer each other, from the ground up. A file calls only what stands above
 * it here (`make layers` looks). Not for anybody else: the outside is marathon.h.
 *
 *   values     app pod job schema pathid rolling backoff health match plan ...   no state: arguments in, results out
 *   tables     out state agents deleted                                          what there is, and what a step gives out
 *   books      garbage launch_queue kill run rollout containers                  what is counted and listed along with instances
 *   instance   instance checks pin resident ending                               one instance
 *   word       judge status due launch                                           answers, the master, time, offers: about instances
 *   app        every victims slot                                                as many instances as its definition wants
 *   plan       deployment predict update back job_run job                        from one definition to the next
 *   entry      restore life step                                                 an event comes in; the order of things
 *
 * How an instance lives. slot.c finds that one is missing and makes it: SCHEDULED, in the slot's waiting list
 * (instance.c), which puts the slot into the launch queue, which makes the step ask for offers (launch_queue.c). An
 * offer comes: launch.c tries it (match_try.c), takes an agent and ports and gives out the launch: PROVISIONED. The
 * master tells of its task (status.c): STAGING, STARTING, RUNNING. From then on checks.c asks how it is, and judge.c
 * makes of the answers healthy, unhealthy, ready. What nobody tells about is the work of its timer (due.c). It ends
 * in ending.c: by itself, because somebody wants it to (the queue of kill.c), or given up with its agent. Then it is
 * SCHEDULED again as the next incarnation, or it rests with its volumes (resident.c), or it is gone; its memory goes
 * when the next step begins (life.c), since actions still show it.
 *
 * How an app lives. An update of the root (update.c) is worked out beside the tables, checked, and then taken as a
 * whole: a new spec, the version of the slot; slots that nothing holds any more go (slot.c). Whatever changes an
 * instance's counters marks its slot (slot_mark). Before a step ends, it looks at each marked slot: slot.c compares
 * the counters with what is wanted and makes or retires the difference; victims.c says which. Nobody else starts or
 * retires instances of apps, so there is one place where an app's size is decided.
 *
 * How a deployment lives. The same update makes a plan of the definitions before and after (plan.c), a deployment
 * that holds its slots, and starts it. Of its present step it gives each slot an action and a target
 * (deployment.c); from there on slot.c works towards that instead of the definition, a restart within the bounds of
 * rolling.c, and with the halts of rollout.c. A slot that is done pokes its deployment (deployment_poke); when the
 * slots are settled the step looks at the poked ones, which begin their next step or end. Ways back are updates like
 * any other (back.c): what turns a rollout round only notes that it must (undo_due), and the step does it when all
 * else has come to rest.
 *
 * So nothing below calls back up: it leaves a mark (slot_mark, deployment_poke, undo_due, revive_wanted, the queue of
 * kills, store_dirty), and marathon_step works the marks off, in this order:
 *
 *   the event, then the timers that are due
 *   settle: dirty slots, poked deployments, until there are none; then kills as far as the limit allows
 *   rollouts that turn round, each followed by another settling
 *   REVIVE or SUPPRESS
 *   records of the instances that changed, once each */
#ifndef STOA_MARATHON_INTERNAL_H
#define STOA_MARATHON_INTERNAL_H

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "marathon/core/marathon.h"
#include "marathon/core/pathid.h"
#include "marathon/core/pod.h"

/* ======= tables ======= */

/* --- out.c: what a step gives out ---------------------------------------------------------------------- */
struct marathon_action *step_action(struct marathon *m, enum action_type t);
struct bus_event *bus_emit(struct marathon *m, enum bus_type t);
struct store_op *step_store(struct marathon *m, enum store_kind k, struct str id);
struct str step_keep(struct marathon *m, struct str s); /* a copy that lives as long as the actions */

/* What an offer is used for. */
struct batch {
    struct launch *v;
    size_t n, cap;
    size_t runs; /* of them tasks */
    unsigned tries;
    struct offer_copy *seen; /* what the apps that could not use it are shown; NULL: nobody yet */
};
void batch_add(struct marathon *m, struct batch *b, const struct launch *l);

/* --- state.c: objects, lookups, marks -------------------------------------------------------------------- */
struct str text_own(struct str s); /* terminated copy from malloc */
void text_free(struct str s);
struct spec *spec_new(const struct app *a, struct wall version, struct wall scaling_at,
                      struct wall config_at);
struct spec *spec_ref(struct spec *s);
void spec_unref(struct marathon *m, struct spec *s);      /* the last one deletes the record; NULL is fine */
struct slot *slot_get(struct marathon *m, struct str id); /* made when missing */
void slot_mark(struct marathon *m, struct slot *s);       /* look at it before the step ends */
void deployment_poke(struct marathon *m, struct deployment *d); /* a slot of it is done: look at it as well */
void slot_add_version(struct marathon *m, struct slot *s, struct spec *spec);
struct rolling_counts slot_counts(const struct slot *s);
struct group *group_get(struct marathon *m, struct str path);
void group_free(struct marathon *m, struct group *g);
bool instance_is_ready(const struct instance *i);
bool instance_fits(const struct instance *i, const struct spec *spec); /* its volumes are those of spec */
void instance_task_id(const struct instance *i, struct sbuf *b);
void note_failure(struct marathon *m, struct instance *i, const char *state, struct str message); /* the app's last */
void failure_set(struct task_failure *f, struct str host, struct str message, struct str task_id,
                 struct str agent_id, const char *state, struct wall at, struct wall version);
void failure_clear(struct task_failure *f);
void queue_stats_free(struct queue_stats *q);

/* --- agents.c ------------------------------------------------------------------------------------------ */
struct agent *seen_agent_get(struct marathon *m, struct str id, struct str hostname, struct str region,
                             struct str zone, const struct attribute *attributes,
                             size_t count); /* one reference */
void seen_agent_unref(struct marathon *m, struct agent *a);
struct agent *seen_agent_find(const struct marathon *m, struct str id);
void seen_agents_free_dead(struct marathon *m);
void seen_agents_note(struct marathon *m, const struct offer *offers, size_t n); /* before they are used */
void seen_agent_keep(struct marathon *m, const struct offer *o);                /* what is left of it */
void seen_agents_forget(struct marathon *m); /* a new subscription: who is there is to be seen */
void seen_agent_lost(struct marathon *m, struct str id);
void seen_agents_free(struct marathon *m);

/* ======= books ======= */

/* --- containers.c: of a pod's instance ----------------------------------------------------------------- */
void containers_init(struct marathon *m, struct instance *i, enum task_state state); /* none for apps */
void containers_clear(struct instance *i);
/* SIZE_MAX: no task of the present incarnation. */
size_t containers_find(const struct instance *i, struct str task_id);
void containers_note(struct marathon *m, struct instance *i, size_t k, const struct status_event *e);
/* All containers were heard of, and none has ended. True of an app. */
bool containers_all_live(const struct instance *i);
/* Makes of a container's status that of the instance. False: it does not change yet. */
bool containers_fold(const struct instance *i, struct status_event *e);

/* --- garbage.c: reservations that are nobody's ----------------------------------------------------------- */
void garbage_add(struct marathon *m, const struct instance *i);
void garbage_free(struct marathon *m, struct garbage *g);
bool volume_is_of(const struct instance *i, struct str persistence_id);
bool garbage_wanted(const struct marathon *m); /* offers, for its sake */
/* Looks at what is reserved with our labels in the offer: gives back what is nobody's. */
void reservations_review(struct marathon *m, struct offer *o, struct batch *b);

/* --- launch_queue.c -------------------------------------------------------------------------------------- */
void launch_wait(struct marathon *m, struct slot *s); /* something is scheduled */
void launch_unwait(struct marathon *m, struct slot *s);
void launch_failed(struct marathon *m, struct slot *s); /* it is held back longer */
bool launch_delayed(struct marathon *m, struct slot *s);
void launch_tick_tokens(struct marathon *m);
void launch_tick_backoff(struct marathon *m, struct slot *s);
void launch_demand(struct marathon *m); /* after settling: revive or suppress */

/* --- kill.c: the queue of kills -------------------------------------------------------------------------- */
void kill_queue(struct marathon *m, struct instance *i); /* nothing when it is there or under way */
void kill_tasks(struct marathon *m, struct instance *i); /* once, and now */
void kill_ended(struct marathon *m, struct instance *i); /* no task of it is left to kill */
void kill_timer(struct marathon *m, struct instance *i);
void kill_pump(struct marathon *m);

/* --- run.c: of a job, and its history -------------------------------------------------------------------- */
void job_store(struct marathon *m, struct job *j);
void job_skip(struct marathon *m, struct job *j, struct opt_time due_at, const char *reason); /* the caller stores */
struct str run_key(struct marathon *m, const struct job_run *r); /* of its record; lives as long as the actions */
void run_store(struct marathon *m, struct job_run *r);
void run_tell(struct marathon *m, struct job_run *r); /* its state has changed: stored and told */
void run_set_text(char **to, struct str s);
void run_arm(struct marathon *m, struct job_run *r);
int64_t run_retry_delay_ms(const struct job_run *r); /* after the latest failure */
void run_over(struct marathon *m, struct job_run *r, enum run_state state);
void runs_trim(struct marathon *m, struct job *j); /* to what the history keeps */
void run_bury(struct marathon *m, struct job_run *r);
void run_free(struct job_run *r);
/* Of an instance; nothing when it is of no run. Its state has changed; a last word came; it was removed. */
void run_instance_changed(struct marathon *m, struct instance *i);
void run_instance_told(struct marathon *m, struct instance *i, struct str message, bool excused);
void run_instance_gone(struct marathon *m, struct instance *i);

/* --- rollout.c ----------------------------------------------------------------------------------------- */
void rollout_begin(struct marathon *m, struct slot *s); /* after rolling_begin */
void rollout_end(struct marathon *m, struct slot *s);
void rollout_keep(struct marathon *m, struct slot *s);     /* what was said and counted, in its record */
bool rollout_may_move(struct slot *s);                     /* also sets the bounds of rolling */
void rollout_look(struct marathon *m, struct slot *s);     /* after its moves: what it shows */
void rollout_failed(struct marathon *m, struct instance *i);
void rollout_late(struct marathon *m, struct slot *s); /* its deadline has come */

/* ======= instance ======= */

/* --- instance.c ---------------------------------------------------------------------------------------- */
struct instance *instance_new(struct marathon *m, struct slot *s, struct spec *spec, struct str id);
struct instance *instance_schedule(struct marathon *m, struct slot *s, struct spec *spec, struct str id);
struct instance *instance_schedule_new(struct marathon *m, struct slot *s);
void instance_change_begin(struct instance *i); /* around every change that counters depend on */
void instance_change_end(struct marathon *m, struct instance *i);
void instance_set_state(struct marathon *m, struct instance *i, enum instance_state to);
void instance_set_health(struct marathon *m, struct instance *i, enum instance_health h);
void instance_set_unplaced(struct marathon *m, struct instance *i);
void instance_set_old(struct marathon *m, struct instance *i, bool old);
void instance_provision(struct marathon *m, struct instance *i, struct agent *agent,
                        const struct match *match);
void instance_store(struct marathon *m, struct instance *i);
/* Out of every table, after instance_change_begin; a part of instance_remove. */
void instance_take_out(struct marathon *m, struct instance *i);
void instance_free(struct instance *i);

/* --- checks.c ------------------------------------------------------------------------------------------ */
const struct health_check *instance_check(const struct instance *i, size_t k);
const struct readiness_check *instance_readiness_check(const struct instance *i);
void checks_register(struct marathon *m, struct slot *s, bool on);
void checks_start(struct marathon *m, struct instance *i); /* it is running */
void checks_stop(struct marathon *m, struct instance *i);  /* not running any more: results forgotten */
void checks_due(struct marathon *m, struct instance *i, struct timer *t);
void checks_go_on(struct marathon *m); /* a probe is back: those that wait for one */
void readiness_due(struct marathon *m, struct instance *i);
/* The probe is back. False: its instance ended meanwhile. ret_check: PROBE_READINESS or an index. */
bool probe_take(struct marathon *m, uint64_t id, struct instance **ret, size_t *ret_check);

/* --- pin.c: an instance that is bound to its agent --------------------------------------------------------- */
struct instance *instance_schedule_pinned(struct marathon *m, struct slot *s, struct agent *a);
void pin_restore(struct instance *i); /* its place is known */
void pin_clear(struct instance *i);
void pin_release(struct marathon *m, struct instance *i);  /* SCHEDULED, and may go to any agent from now on */
void pins_release(struct marathon *m, struct slot *s);     /* the app is another now */
bool pin_keeps(const struct instance *i);                  /* its task ended: it waits for its agent */
void pin_waits(struct marathon *m, struct instance *i);
void pin_timer(struct marathon *m, struct instance *i);
void pin_refused(struct marathon *m, struct instance *i);
struct instance *pin_waiting(const struct slot *s, const struct agent *a);

/* --- resident.c: instances with persistent volumes ----------------------------------------------------- */
void reservation_ask(struct marathon *m, struct instance *i, struct agent *agent); /* takes the reference */
void reservation_guard(struct marathon *m, struct instance *i);
void reservation_used(struct marathon *m, struct instance *i); /* the agent tells of a task on it */
void reservation_lost(struct marathon *m, struct instance *i); /* with its agent, or given up */
void instance_rest(struct marathon *m, struct instance *i);    /* it has a reservation and no task */
void instance_wake(struct marathon *m, struct instance *i);    /* to the slot's newest definition */

/* --- ending.c -------------------------------------------------------------------------------------------- */
void instance_remove(struct marathon *m, struct instance *i);
void instance_end(struct marathon *m, struct instance *i); /* after a terminal state: next incarnation, rest, or gone */
void instance_kill(struct marathon *m, struct instance *i, enum goal goal);
void instance_retire(struct marathon *m, struct instance *i); /* not wanted now; volumes are kept */

/* ======= word of instances ======= */

/* --- judge.c: answers to checks ---------------------------------------------------------------------------- */
void probe_result(struct marathon *m, const struct probe_event *e);
void checks_mesos(struct marathon *m, struct instance *i, bool healthy, struct str message);

/* --- every.c: one instance on every agent -------------------------------------------------------------- */
void every_set(struct marathon *m, struct slot *s); /* its definition has changed */
void every_free(struct marathon *m, struct slot *s);
void every_census(struct marathon *m, struct slot *s); /* an action begins: see who is there */
void every_census_over(struct marathon *m, struct slot *s);
void every_subscribed(struct marathon *m);
void every_look(struct marathon *m); /* marks the slots that do not know of the latest agents */
bool every_scaled(struct marathon *m, struct slot *s);
void every_make(struct marathon *m, struct slot *s, int64_t start_max);
bool every_restarted(const struct marathon *m, const struct slot *s);
void every_returned(struct marathon *m, struct instance *i); /* from an agent that was lost */

/* --- status.c: the master ---------------------------------------------------------------------------------- */
void status_apply(struct marathon *m, const struct status_event *e);
void unreachable_arm(struct marathon *m, struct instance *i);

/* --- due.c: time ------------------------------------------------------------------------------------------- */
void instance_timer(struct marathon *m, struct instance *i);
void instance_resume(struct marathon *m, struct instance *i); /* after a restart of the service */

/* --- launch.c: offers -------------------------------------------------------------------------------------- */
void launch_offers(struct marathon *m, struct offer *offers, size_t n);

/* ======= app ======= */

/* --- victims.c: who goes; none is changed. *ret is the caller's; answers how many of its first go ------------- */
size_t victims_surplus(const struct slot *s, int64_t surplus, struct instance ***ret);
size_t victims_old(const struct slot *s, int64_t count, struct instance ***ret); /* what is not ready first */
size_t victims_new(const struct slot *s, int64_t count, struct instance ***ret);

/* --- slot.c ------------------------------------------------------------------------------------------------ */
void slot_maybe_free(struct marathon *m, struct slot *s);
void slot_set_spec(struct marathon *m, struct slot *s, struct spec *spec); /* the definition in the root */
void slot_check(struct marathon *m, struct slot *s);

/* ======= plan ======= */

/* --- plan.c -------------------------------------------------------------------------------------------- */
/* Builds the steps from the slots in changed (from = spec, to = next). groups_changed: so may be what groups depend
 * on. False: a dependency cycle (text says where). */
bool plan_build(struct marathon *m, struct slot *const *changed, size_t n, bool groups_changed, struct plan *ret,
                char *text, size_t text_size);

/* --- deployment.c -------------------------------------------------------------------------------------- */
struct deployment *deployment_new(struct marathon *m, struct wall version);
void deployment_start(struct marathon *m, struct deployment *d);
void deployment_check(struct marathon *m, struct deployment *d);
void deployment_fail(struct marathon *m, struct deployment *d, const char *reason);
void deployment_bury(struct marathon *m,
                     struct deployment *d); /* one that is in no table: freed at the next step */
void deployment_free(struct marathon *m, struct deployment *d);
void plan_free(struct marathon *m, struct plan *p);

/* --- update.c ------------------------------------------------------------------------------------------ */
int root_update_apply(struct marathon *m, const struct root_update *u, struct update_result *ret,
                      struct error *err);
void change_free(struct marathon *m, struct root_change *c);
void service_ports_count(struct marathon *m, const struct app *a, int by);

/* --- back.c: to what was before ---------------------------------------------------------------------------- */
int deployment_cancel(struct marathon *m, struct str id, bool force, struct update_result *ret,
                      struct error *err);
void rollouts_undo(struct marathon *m); /* one of those that must turn round; undo_due tells whether there may be more */
int rollout_command(struct marathon *m, struct str app_id, enum rollout_verb v, struct update_result *ret,
                    struct error *err);

/* --- job_run.c ------------------------------------------------------------------------------------------- */
/* A run for a due time, or on request (scheduled_for absent). CONFLICT: the policy forbids it (a due time is skipped then); LIMIT. */
int run_start(struct marathon *m, struct job *j, struct opt_time scheduled_for, struct job_run **ret, struct error *err);
int job_run_now(struct marathon *m, struct str id, struct update_result *ret, struct error *err);
int run_kill(struct marathon *m, struct str job_id, struct str run_id, struct error *err);
void run_timer(struct marathon *m, struct job_run *r);
void runs_resume(struct marathon *m, struct job *j);

/* --- job.c: definitions and schedules ---------------------------------------------------------------------- */
int job_put(struct marathon *m, const struct job_update *u, struct error *err);
int job_delete(struct marathon *m, struct str id, bool stop_runs, struct error *err);
void job_timer(struct marathon *m, struct job *j);
void jobs_started(struct marathon *m);
void jobs_free_dead(struct marathon *m);
void jobs_free(struct marathon *m);

/* ======= entry ======= */

/* --- life.c: the core as a whole --------------------------------------------------------------------------- */
void marathon_free_dead(struct marathon *m);

#endif
