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

void rollout_keep(struct marathon *m, struct slot *s)
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

bool rollout_may_move(struct slot *s)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;
    bool canary = u->pause_after.has && !s->rollout.promoted && !s->rollout.is_back;

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
    rollout_keep(m, s);
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

struct spec *rollout_previous(const struct slot *s)
{
    for (size_t i = s->version_count; s->spec != NULL && i-- > 0;)
        if (s->versions[i]->version.ms < s->spec->config_at.ms)
            return s->versions[i];
    return NULL;
}

