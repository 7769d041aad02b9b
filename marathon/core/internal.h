/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the core offer each other. Not for anybody else. */
#ifndef STOA_MARATHON_INTERNAL_H
#define STOA_MARATHON_INTERNAL_H

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "marathon/core/marathon.h"
#include "marathon/core/pathid.h"
#include "marathon/core/pod.h"

/* --- out.c: what a step gives out ---------------------------------------------------------------------- */
struct marathon_action *step_action(struct marathon *m, enum action_type t);
struct bus_event *bus_emit(struct marathon *m, enum bus_type t);
struct store_op *step_store(struct marathon *m, enum store_kind k, struct str id);
struct str step_keep(struct marathon *m, struct str s); /* a copy that lives as long as the actions */

/* --- state.c: objects ---------------------------------------------------------------------------------- */
struct str text_own(struct str s); /* terminated copy from malloc */
void text_free(struct str s);
struct spec *spec_new(const struct app *a, struct wall version, struct wall scaling_at,
                      struct wall config_at);
struct spec *spec_ref(struct spec *s);
void spec_unref(struct marathon *m, struct spec *s);      /* the last one deletes the record; NULL is fine */
struct slot *slot_get(struct marathon *m, struct str id); /* made when missing */
void slot_mark(struct marathon *m, struct slot *s); /* look at it before the step ends */
void slot_add_version(struct marathon *m, struct slot *s, struct spec *spec);
struct group *group_get(struct marathon *m, struct str path);
void group_free(struct marathon *m, struct group *g);
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

/* --- every.c: one instance on every agent -------------------------------------------------------------- */
void every_set(struct marathon *m, struct slot *s); /* its definition has changed */
void every_free(struct marathon *m, struct slot *s);
void every_census(struct marathon *m, struct slot *s); /* an action begins: see who is there */
void every_subscribed(struct marathon *m);
void every_look(struct marathon *m); /* marks the slots that do not know of the latest agents */
void every_census_over(struct marathon *m, struct slot *s);
bool every_scaled(struct marathon *m, struct slot *s);
void every_make(struct marathon *m, struct slot *s, int64_t start_max);
bool every_restarted(const struct marathon *m, const struct slot *s);
void every_unpin(struct instance *i);
void every_release(struct marathon *m, struct instance *i); /* SCHEDULED, and may go to any agent from now on */
void every_restore(struct instance *i); /* its place is known */
bool every_keeps(const struct instance *i); /* its task ended: it waits for its agent */
void every_waits(struct marathon *m, struct instance *i);
void every_timer(struct marathon *m, struct instance *i);
void every_refused(struct marathon *m, struct instance *i);
void every_returned(struct marathon *m, struct instance *i); /* from an agent that was lost */
struct instance *every_waiting(const struct slot *s, const struct agent *a);

/* --- instance.c ---------------------------------------------------------------------------------------- */
struct instance *instance_new(struct marathon *m, struct slot *s, struct spec *spec, struct str id);
struct instance *instance_schedule_new(struct marathon *m, struct slot *s);
struct instance *instance_schedule_pinned(struct marathon *m, struct slot *s, struct agent *a);
void instance_set_unplaced(struct marathon *m, struct instance *i);
struct instance *instance_schedule(struct marathon *m, struct slot *s, struct spec *spec, struct str id);
void instance_change_begin(struct instance *i); /* around every change that counters depend on */
void instance_change_end(struct marathon *m, struct instance *i);
void instance_set_state(struct marathon *m, struct instance *i, enum instance_state to);
void instance_set_health(struct marathon *m, struct instance *i, enum instance_health h);
bool instance_is_ready(const struct instance *i);
void instance_task_id(const struct instance *i, struct sbuf *b);
void instance_provision(struct marathon *m, struct instance *i, struct agent *agent,
                        const struct match *match);
/* After a terminal state: next incarnation, or gone. */
void instance_end(struct marathon *m, struct instance *i);
void instance_remove(struct marathon *m, struct instance *i);
void instance_store(struct marathon *m, struct instance *i);
void instance_set_old(struct marathon *m, struct instance *i, bool old);
void instance_free(struct instance *i);

/* --- life.c -------------------------------------------------------------------------------------------- */
void marathon_free_dead(struct marathon *m);

/* --- restore.c ----------------------------------------------------------------------------------------- */
void instance_resume(struct marathon *m, struct instance *i);

/* --- lifecycle.c --------------------------------------------------------------------------------------- */
void slot_maybe_free(struct marathon *m, struct slot *s);
void slot_check(struct marathon *m, struct slot *s);
void slot_set_spec(struct marathon *m, struct slot *s, struct spec *spec); /* the definition in the root */
struct rolling_counts slot_counts(const struct slot *s);
void marathon_settle(struct marathon *m); /* until nothing is dirty */

/* --- kill.c -------------------------------------------------------------------------------------------- */
void instance_kill(struct marathon *m, struct instance *i, enum goal goal);
void instance_retire(struct marathon *m, struct instance *i); /* not wanted now; volumes are kept */
void kill_ended(struct marathon *m, struct instance *i); /* no task of it is left to kill */
void kill_timer(struct marathon *m, struct instance *i);
void kill_pump(struct marathon *m);

/* --- deployment.c -------------------------------------------------------------------------------------- */
struct deployment *deployment_new(struct marathon *m, struct wall version);
void deployment_start(struct marathon *m, struct deployment *d);
void deployment_poke(struct marathon *m, struct deployment *d); /* a slot of it is done */
void deployment_check(struct marathon *m, struct deployment *d);
void deployment_fail(struct marathon *m, struct deployment *d, const char *reason);
int deployment_cancel(struct marathon *m, struct str id, bool force, struct update_result *ret,
                      struct error *err);
void deployment_bury(struct marathon *m,
                     struct deployment *d); /* one that is in no table: freed at the next step */
void deployment_free(struct marathon *m, struct deployment *d);
void plan_free(struct marathon *m, struct plan *p);

/* Back to what was before d: a deployment of its own, which cancels d with the reason. */
int deployment_back(struct marathon *m, struct deployment *d, const char *reason, struct update_result *ret,
                    struct error *err);

/* --- rollout.c ----------------------------------------------------------------------------------------- */
void rollout_begin(struct marathon *m, struct slot *s); /* after rolling_begin */
void rollout_end(struct marathon *m, struct slot *s);
bool rollout_may_move(struct marathon *m, struct slot *s); /* also sets the bounds of rolling */
void rollout_look(struct marathon *m, struct slot *s);     /* after its moves: what it shows */
void rollout_failed(struct marathon *m, struct instance *i);
void rollout_late(struct marathon *m, struct slot *s); /* its deadline has come */
void rollouts_undo(struct marathon *m);                /* those that must turn round */
int rollout_command(struct marathon *m, struct str app_id, enum rollout_verb v, struct update_result *ret,
                    struct error *err);

/* --- plan.c -------------------------------------------------------------------------------------------- */
/* Builds the steps from the slots in changed (from = spec, to = next). False: a dependency cycle (text says
 * where). */
bool plan_build(struct marathon *m, struct slot *const *changed, size_t n, struct plan *ret, char *text,
                size_t text_size);

/* --- update.c ------------------------------------------------------------------------------------------ */
int root_update_apply(struct marathon *m, const struct root_update *u, struct update_result *ret,
                      struct error *err);
void change_free(struct marathon *m, struct root_change *c);
void service_ports_count(struct marathon *m, const struct app *a, int by);

/* --- launch.c ------------------------------------------------------------------------------------------ */
void launch_offers(struct marathon *m, struct offer *offers, size_t n);
void launch_wait(struct marathon *m, struct slot *s); /* something is scheduled */
void launch_unwait(struct marathon *m, struct slot *s);
void launch_demand(struct marathon *m); /* after settling: revive or suppress */
void launch_failed(struct marathon *m, struct slot *s);
void launch_tick_tokens(struct marathon *m);
void launch_tick_backoff(struct marathon *m, struct slot *s);
bool launch_delayed(struct marathon *m, struct slot *s);

/* What an offer is used for. */
struct batch {
    struct launch *v;
    size_t n, cap;
    size_t runs; /* of them tasks */
    unsigned tries;
    struct offer_copy *seen; /* what the apps that could not use it are shown; NULL: nobody yet */
};
void batch_add(struct marathon *m, struct batch *b, const struct launch *l);

/* --- resident.c: instances with persistent volumes ----------------------------------------------------- */
void reservation_ask(struct marathon *m, struct instance *i, struct agent *agent); /* takes the reference */
void reservation_guard(struct marathon *m, struct instance *i);
void reservation_timer(struct marathon *m, struct instance *i);
void reservation_used(struct marathon *m, struct instance *i); /* the agent tells of a task on it */
void reservation_lost(struct marathon *m, struct instance *i); /* with its agent */
void instance_rest(struct marathon *m, struct instance *i);    /* it has a reservation and no task */
void instance_wake(struct marathon *m, struct instance *i);    /* to the slot's newest definition */
bool instance_fits(const struct instance *i, const struct spec *spec); /* its volumes are those of spec */
void garbage_add(struct marathon *m, const struct instance *i);
void garbage_free(struct marathon *m, struct garbage *g);
bool garbage_wanted(const struct marathon *m); /* offers, for its sake */
/* Looks at what is reserved with our labels in the offer: gives back what is nobody's. */
void reservations_review(struct marathon *m, struct offer *o, struct batch *b);

/* --- status.c ------------------------------------------------------------------------------------------ */
void status_apply(struct marathon *m, const struct status_event *e);
void instance_timer(struct marathon *m, struct instance *i);
void unreachable_arm(struct marathon *m, struct instance *i);
void note_failure(struct marathon *m, struct instance *i, const char *state, struct str message);

/* --- checks.c ------------------------------------------------------------------------------------------ */
void checks_start(struct marathon *m, struct instance *i); /* it is running */
void checks_stop(struct marathon *m, struct instance *i);  /* not running any more: results forgotten */
void checks_due(struct marathon *m, struct instance *i, struct timer *t);
void readiness_due(struct marathon *m, struct instance *i);
void probe_result(struct marathon *m, const struct probe_event *e);
void checks_mesos(struct marathon *m, struct instance *i, bool healthy, struct str message);
void checks_register(struct marathon *m, struct slot *s, bool on);

/* --- containers.c: of a pod's instance ----------------------------------------------------------------- */
void containers_init(struct marathon *m, struct instance *i, enum task_state state); /* none for apps */
void containers_clear(struct instance *i);
/* SIZE_MAX: no task of the present incarnation. */
size_t containers_find(const struct instance *i, struct str task_id);
void containers_note(struct marathon *m, struct instance *i, size_t k, const struct status_event *e);
/* Makes of a container's status that of the instance. False: it does not change yet. */
bool containers_fold(const struct instance *i, struct status_event *e);

#endif
