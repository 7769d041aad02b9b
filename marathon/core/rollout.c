/* SPDX-License-Identifier: Apache-2.0 */
/* Additions to rolling restarts: stopping, going on, turning round. Nothing of this is in the original; an app
 * that does not ask for it moves as ever.
 *
 *  upgradeStrategy.pauseAfter: n     canary: n new instances, ready, in place of n old ones; then it holds
 *                                    until it is promoted
 *  upgradeStrategy.autoRollback      back to the version before after maxFailures failures of new instances,
 *                                    or when it moves for longer than deadlineSeconds
 *  pause, resume, promote, undo      by hand
 *
 * A way back (of a deployment with is_back) neither holds nor turns round by itself, or two bad versions would
 * chase each other. A restart of the service keeps what was said and counted, in the deployment's record; the
 * deadline begins anew. */
#include <stdio.h>

#include "marathon/core/internal.h"

const char *rollout_state_name(enum rollout_state s)
{
    static const char *const names[] = { "none", "running", "paused", "holding" };

    return names[s];
}

enum rollout_state rollout_state(const struct slot *s)
{
    struct rolling_counts c;

    if (s->action != ACTION_RESTART || s->action_done || s->spec == NULL)
        return ROLLOUT_NONE;
    if (s->rollout.paused)
        return ROLLOUT_PAUSED;
    c = slot_counts(s);
    return rolling_is_held(&s->rolling, &c) ? ROLLOUT_HOLDING : ROLLOUT_RUNNING;
}

static const struct auto_rollback *rules_of(const struct slot *s)
{
    return s->action == ACTION_RESTART && !s->action_done && s->spec != NULL && !s->rollout.is_back
               ? s->spec->app.upgrade->rollback
               : NULL;
}

static void keep(struct marathon *m, struct slot *s)
{
    step_store(m, STORE_DEPLOYMENT, str_of(s->deployment->id))->deployment = s->deployment;
}

static void set_deadline(struct marathon *m, struct slot *s)
{
    const struct auto_rollback *r = rules_of(s);

    if (r == NULL || !r->deadline_s.has)
        return;
    s->rollout.deadline = mono_add(m->now, r->deadline_s.v * NS_PER_S);
    timer_set(&m->timers, &s->rollout_timer, s->rollout.deadline);
}

void rollout_begin(struct marathon *m, struct slot *s)
{
    if (!s->rollout.restored)
        s->rollout = (struct rollout){ 0 };
    s->rollout.restored = false;
    s->rollout.is_back = s->deployment->is_back;
    s->rollout.shown = ROLLOUT_RUNNING;
    set_deadline(m, s);
}

void rollout_end(struct marathon *m, struct slot *s)
{
    timer_clear(&m->timers, &s->rollout_timer);
    s->rollout = (struct rollout){ 0 };
}

bool rollout_may_move(struct marathon *m, struct slot *s)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;
    bool canary = u->pause_after.has && !s->rollout.promoted && !s->rollout.is_back;

    (void)m;
    s->rolling.new_max = canary ? u->pause_after.v : INT64_MAX;
    return !s->rollout.paused && !s->rollout.undo_due;
}

/* While it stands still no time is counted. */
void rollout_look(struct marathon *m, struct slot *s)
{
    enum rollout_state now = rollout_state(s);
    struct bus_event *e;

    if (now == s->rollout.shown || now == ROLLOUT_NONE)
        return;
    s->rollout.shown = now;
    if (now == ROLLOUT_RUNNING)
        set_deadline(m, s);
    else
        timer_clear(&m->timers, &s->rollout_timer);
    e = bus_emit(m, BUS_DEPLOYMENT_INFO);
    e->deployment = s->deployment;
    e->step = &s->deployment->plan.steps[s->deployment->current];
    e->app_id = s->id;
    e->state = rollout_state_name(now);
}

/* --- turning round ----------------------------------------------------------------------------------------- */
static void want_undo(struct marathon *m, struct slot *s, const char *why)
{
    s->rollout.undo_due = m->undo_due = true;
    (void)snprintf(s->rollout.undo_reason, sizeof s->rollout.undo_reason, "%s", why);
}

void rollout_failed(struct marathon *m, struct instance *i)
{
    struct slot *s = i->slot;
    const struct auto_rollback *r = rules_of(s);
    char why[160];

    if (r == NULL || i->old || !r->failures_max.has || s->rollout.undo_due)
        return;
    s->rollout.failures++;
    keep(m, s);
    if (s->rollout.failures < r->failures_max.v)
        return;
    (void)snprintf(why, sizeof why, "Rolled back: %lld new instances failed (autoRollback.maxFailures %lld)",
                   (long long)s->rollout.failures, (long long)r->failures_max.v);
    want_undo(m, s, why);
}

void rollout_late(struct marathon *m, struct slot *s)
{
    const struct auto_rollback *r = rules_of(s);
    char why[160];

    if (r == NULL)
        return;
    (void)snprintf(why, sizeof why, "Rolled back: not done after %lld s (autoRollback.deadlineSeconds)",
                   (long long)r->deadline_s.v);
    want_undo(m, s, why);
}

/* A way back that is refused leaves the rollout paused: nothing gets worse until somebody looks. */
static void undo_one(struct marathon *m, struct slot *s)
{
    struct update_result ret = { 0 };
    struct error err;
    char why[160];

    memcpy(why, s->rollout.undo_reason, sizeof why);
    s->rollout.undo_due = false;
    if (s->deployment == NULL)
        return;
    s->rolled_back_at = (struct opt_time){ true, m->wall };
    memcpy(s->rolled_back_why, why, sizeof why);
    if (deployment_back(m, s->deployment, step_keep(m, str_of(why)).p, &ret, &err) == 0)
        return;
    s->rollout.paused = true;
    (void)snprintf(s->rolled_back_why, sizeof s->rolled_back_why, "not rolled back, paused instead: %.120s", err.msg);
    keep(m, s);
    rollout_look(m, s);
}

void rollouts_undo(struct marathon *m)
{
    while (m->undo_due) {
        struct slot *s, *tmp, *due = NULL;
        HASH_ITER(hh, m->slots, s, tmp)
        if (due == NULL && s->rollout.undo_due)
            due = s;
        m->undo_due = due != NULL;
        if (due != NULL)
            undo_one(m, due);
        marathon_settle(m);
    }
}

/* --- by hand ------------------------------------------------------------------------------------------------ */
struct spec *rollout_previous(const struct slot *s)
{
    for (size_t i = s->version_count; s->spec != NULL && i-- > 0;)
        if (s->versions[i]->version.ms < s->spec->config_at.ms)
            return s->versions[i];
    return NULL;
}

static int undo_by_hand(struct marathon *m, struct slot *s, struct update_result *ret, struct error *err)
{
    struct spec *before = rollout_previous(s);
    struct app app;
    struct update_app ua = { .id = s->id, .app = &app };
    struct root_update u = {
        .apps = &ua, .app_count = 1, .is_back = true, .changed_group = path_parent(s->id)
    };

    if (rollout_state(s) != ROLLOUT_NONE)
        return deployment_back(m, s->deployment, "Rolled back by hand", ret, err);
    if (before == NULL)
        return error_set(err, ERR_CONFLICT, "app %.*s has no version before this one to go back to",
                         STR_ARG(str_sub(s->id, 0, 150)));
    app = before->app;
    app.instances = s->spec->app.instances;
    return root_update_apply(m, &u, ret, err);
}

int rollout_command(struct marathon *m, struct str app_id, enum rollout_verb v, struct update_result *ret,
                    struct error *err)
{
    struct slot *s = slot_find(m, app_id);

    if (s == NULL || s->spec == NULL)
        return error_set(err, ERR_NOT_FOUND, "App '%.*s' does not exist", STR_ARG(str_sub(app_id, 0, 150)));
    if (v == ROLLOUT_UNDO)
        return undo_by_hand(m, s, ret, err);
    if (rollout_state(s) == ROLLOUT_NONE)
        return error_set(err, ERR_CONFLICT, "app %.*s: no rolling restart is under way",
                         STR_ARG(str_sub(app_id, 0, 150)));
    s->rollout.paused = v == ROLLOUT_PAUSE;
    s->rollout.promoted = s->rollout.promoted || v == ROLLOUT_PROMOTE;
    keep(m, s);
    rollout_look(m, s);
    slot_mark(m, s);
    return 0;
}
