/* SPDX-License-Identifier: Apache-2.0 */
/* What an app needs now: compares the counters of a slot with what its definition or its deployment's step
 * wants, and starts or retires the difference. Runs for every slot that changed in a step; each look is O(1)
 * when nothing is to do. */
#include "marathon/core/internal.h"

void slot_maybe_free(struct marathon *m, struct slot *s)
{
    if (s->spec != NULL || s->job != NULL || s->instance_count != 0 || s->deployment != NULL || s->has_next || s->dead)
        return;
    for (size_t i = 0; i < s->version_count; i++)
        spec_unref(m, s->versions[i]);
    s->version_count = 0;
    timer_clear(&m->timers, &s->backoff_timer);
    timer_clear(&m->timers, &s->rollout_timer);
    every_free(m, s);
    launch_unwait(m, s);
    if (s->failure.has && m->out != NULL)
        (void)step_store(m, STORE_FAILURE_DELETE, s->id);
    HASH_DEL(m->slots, s);
    s->dead = true;
    LL_PREPEND2(m->dead_slots, s, wait_next);
}

void slot_set_spec(struct marathon *m, struct slot *s, struct spec *spec)
{
    struct spec *before = s->spec;

    m->app_count += (spec != NULL) - (size_t)(before != NULL);
    s->spec = spec_ref(spec);
    if (spec != NULL && (before == NULL || before->config_at.ms != spec->config_at.ms))
        for (struct instance *i = s->instances; i != NULL; i = i->next)
            instance_set_old(m, i, i->spec->version.ms < spec->config_at.ms);
    every_set(m, s);
    spec_unref(m, before);
    slot_mark(m, s);
}

static void retire_surplus(struct marathon *m, struct slot *s, int64_t surplus)
{
    struct instance **v;
    size_t n = victims_surplus(s, surplus, &v);

    for (size_t k = 0; k < n; k++)
        instance_retire(m, v[k]);
    free(v);
}

static void retire_old(struct marathon *m, struct slot *s, int64_t count, bool counted)
{
    struct instance **v;
    size_t n = victims_old(s, count, &v);

    for (size_t k = 0; k < n; k++) {
        if (counted) {
            instance_change_begin(v[k]);
            v[k]->dying_counted = true;
            instance_change_end(m, v[k]);
        }
        instance_retire(m, v[k]);
    }
    free(v);
}

/* Copies of an interrupted restart to a larger target: the first of the order go. */
static void retire_new(struct marathon *m, struct slot *s, int64_t count)
{
    struct instance **v;
    size_t n = victims_new(s, count, &v);

    for (size_t k = 0; k < n; k++)
        instance_retire(m, v[k]);
    free(v);
}

/* --- actions ------------------------------------------------------------------------------------------- */
/* Instances that wait are made as far as they can soon be launched: a definition may ask for two thousand
 * million of them. More follow when these have been placed, or with the next refill of launch tokens. */
enum { WAITING_PER_APP_MAX = 20000, INSTANCES_MAX = 1000000 };

static int64_t target_of(const struct slot *s)
{
    return s->action == ACTION_SCALE || s->action == ACTION_RESTART ? s->scale_to : s->spec->app.instances.v;
}

/* Instances that rest are woken first. New ones are made only beyond those that there are, ending ones
 * included: these come to rest and are woken then. Answers how many are still to be made. */
static int64_t wake(struct marathon *m, struct slot *s, int64_t n)
{
    int64_t kept = 0;

    for (struct instance *i = s->instances, *next; i != NULL; i = next) {
        next = i->next;
        if (instance_rests(i) && !instance_fits(i, s->spec)) {
            instance_kill(m, i, GOAL_DECOMMISSIONED);
            continue;
        }
        if (n > 0 && instance_rests(i)) {
            instance_wake(m, i);
            n--;
        }
        kept += i->goal != GOAL_DECOMMISSIONED;
    }
    return n < target_of(s) - kept ? n : target_of(s) - kept;
}

static void schedule(struct marathon *m, struct slot *s, int64_t n)
{
    if (n > 0 && app_is_resident(&s->spec->app))
        n = wake(m, s, n);
    for (; n > 0 && s->scheduled_count < WAITING_PER_APP_MAX && HASH_COUNT(m->instances) < INSTANCES_MAX; n--)
        (void)instance_schedule_new(m, s);
    s->deferred = n > 0 ? n : 0;
}

static void scale_to(struct marathon *m, struct slot *s, int64_t n)
{
    int64_t live = s->live[0] + s->live[1];

    schedule(m, s, n - live);
    if (live > n)
        retire_surplus(m, s, live - n);
}

static bool check_scale(struct marathon *m, struct slot *s)
{
    if (s->every != NULL)
        return every_scaled(m, s);
    scale_to(m, s, s->scale_to);
    /* Going down is done when the surplus is gone, whatever the health of the rest. */
    if (s->scale_down && s->live[0] + s->live[1] == s->scale_to)
        return s->dying[0] + s->dying[1] == 0;
    return s->live[0] + s->live[1] == s->scale_to && s->ready[0] + s->ready[1] == s->scale_to &&
           s->dying[0] + s->dying[1] == 0;
}

static bool check_stop(struct marathon *m, struct slot *s)
{
    s->deferred = 0;
    for (struct instance *i = s->instances, *next; i != NULL; i = next) {
        next = i->next;
        if (i->goal != GOAL_DECOMMISSIONED || i->state == INSTANCE_SCHEDULED)
            instance_kill(m, i, GOAL_DECOMMISSIONED);
    }
    return s->instance_count == 0;
}

/* An agent that had no room from the start is not waited for; one whose room went to others when its old instance had
 * been killed is without an instance because of this restart. */
static int64_t places_lost(const struct slot *s)
{
    return s->unplaced > s->rolling.unplaced_before ? s->unplaced - s->rolling.unplaced_before : 0;
}

static bool check_restart_every(struct marathon *m, struct slot *s)
{
    struct rolling_counts c = slot_counts(s);
    int64_t kill;

    if (rollout_may_move(s)) {
        every_make(m, s, rolling_starts_every(&s->rolling, &c));
        c = slot_counts(s);
        kill = rolling_kills_every(&s->rolling, &c, s->every->missing + places_lost(s),
                                   s->spec->app.upgrade->health_capacity.v);
        if (kill > 0)
            retire_old(m, s, kill, false);
    }
    rollout_look(m, s);
    return every_restarted(m, s);
}

static bool check_restart(struct marathon *m, struct slot *s)
{
    struct rolling_counts c = slot_counts(s);
    struct rolling_move mv;

    if (rolling_is_done(&s->rolling, &c))
        return s->dying[0] == 0;
    if (s->live[0] > s->rolling.target) {
        retire_new(m, s, s->live[0] - s->rolling.target);
        c = slot_counts(s);
    }
    if (rollout_may_move(s)) {
        mv = rolling_next(&s->rolling, &c);
        if (mv.kill > 0)
            retire_old(m, s, mv.kill, mv.kill_counted);
        schedule(m, s, mv.start);
    }
    rollout_look(m, s);
    c = slot_counts(s);
    return rolling_is_done(&s->rolling, &c) && s->dying[0] == 0;
}

static void check_idle(struct marathon *m, struct slot *s)
{
    if (s->deployment != NULL)
        return; /* its step comes later; what is there stays as it is */
    if (s->every != NULL)
        every_make(m, s, INT64_MAX);
    else if (s->spec != NULL)
        scale_to(m, s, s->spec->app.instances.v);
    else if (s->job == NULL)
        (void)check_stop(m, s);
}

void slot_check(struct marathon *m, struct slot *s)
{
    bool done = false;

    if (s->action_done)
        return;
    switch (s->action) {
    case ACTION_NONE:
        check_idle(m, s);
        return;
    case ACTION_START:
        done = true;
        break;
    case ACTION_STOP:
        done = check_stop(m, s);
        break;
    case ACTION_SCALE:
        done = check_scale(m, s);
        break;
    case ACTION_RESTART:
        done = s->every != NULL ? check_restart_every(m, s) : check_restart(m, s);
        break;
    }
    if (done) {
        s->action_done = true;
        deployment_poke(m, s->deployment);
    }
}

