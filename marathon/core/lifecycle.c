/* SPDX-License-Identifier: Apache-2.0 */
/* What an app needs now: compares the counters of a slot with what its definition or its deployment's step
 * wants, and starts or kills the difference. Runs for every slot that changed in a step; each look is O(1)
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

struct rolling_counts slot_counts(const struct slot *s)
{
    return (struct rolling_counts){ .old_live = s->live[1],
                                    .old_ready = s->ready[1],
                                    .old_dying = s->dying_counted[1],
                                    .old_dying_all = s->dying[1],
                                    .new_live = s->live[0],
                                    .new_ready = s->ready[0] };
}

/* --- choosing victims ---------------------------------------------------------------------------------- */
static int state_rank(enum instance_state s)
{
    switch (s) {
    case INSTANCE_SCHEDULED: /* nothing is lost with it; the original has it last */
        return 0;
    case INSTANCE_UNREACHABLE:
        return 1;
    case INSTANCE_PROVISIONED:
    case INSTANCE_STAGING:
        return 2;
    case INSTANCE_STARTING:
        return 3;
    case INSTANCE_RUNNING:
        return 4;
    case INSTANCE_KILLING:
    case INSTANCE_INACTIVE:
    case INSTANCE_FINISHED:
    case INSTANCE_FAILED:
    case INSTANCE_KILLED:
    case INSTANCE_ERROR:
    case INSTANCE_DROPPED:
    case INSTANCE_GONE:
    case INSTANCE_UNKNOWN:
    case INSTANCE_STATE_COUNT:
        break;
    }
    return 5;
}

static int64_t age_key(const struct instance *i)
{
    return i->started_at.has ? i->started_at.v.ms : i->staged_at.has ? i->staged_at.v.ms : i->since.ms;
}

static int compare(const void *a, const void *b)
{
    const struct instance *x = *(struct instance *const *)a, *y = *(struct instance *const *)b;
    int oldest = x->slot->spec != NULL && x->slot->spec->app.kill_selection.v == KILL_OLDEST_FIRST ? 1 : -1;

    if (x->sentenced != y->sentenced)
        return x->sentenced ? -1 : 1;
    if (x->old != y->old)
        return x->old ? -1 : 1;
    if (state_rank(x->state) != state_rank(y->state))
        return state_rank(x->state) - state_rank(y->state);
    if (age_key(x) != age_key(y))
        return age_key(x) < age_key(y) ? -oldest : oldest;
    return x->sequence < y->sequence ? -oldest : oldest;
}

/* Restart: what is not ready goes first. */
static int compare_restart(const void *a, const void *b)
{
    const struct instance *x = *(struct instance *const *)a, *y = *(struct instance *const *)b;
    bool rx = instance_is_ready(x), ry = instance_is_ready(y);

    return rx != ry ? (rx ? 1 : -1) : compare(a, b);
}

static const struct constraint *group_by_of(const struct slot *s)
{
    if (s->spec != NULL)
        LIST_EACH(s->spec->app.constraints, struct constraint, c)
    if (c->op.v == OP_GROUP_BY)
        return c;
    return NULL;
}

static struct str value_of(const struct instance *i, const struct constraint *c)
{
    const struct agent *a = i->agent;

    if (a == NULL)
        return (struct str){ NULL, 0 };
    return field_value(c->field, a->hostname, a->region, a->zone, a->attributes, a->attribute_count);
}

/* Moves a member of the fullest group to place k, among those that are not ranked before by sentence or
 * state. */
static void prefer_full_group(struct instance **v, size_t k, size_t n, const struct constraint *c)
{
    size_t best = k, best_count = 0;

    if (v[k]->sentenced || v[k]->state == INSTANCE_SCHEDULED)
        return;
    for (size_t i = k; i < n; i++) {
        size_t members = 0;
        struct str value = value_of(v[i], c);
        for (size_t j = k; j < n; j++)
            members += str_eq(value_of(v[j], c), value);
        if (members > best_count) {
            best = i;
            best_count = members;
        }
    }
    struct instance *t = v[best];
    memmove(v + k + 1, v + k, (best - k) * sizeof *v);
    v[k] = t;
}

enum { GROUP_BY_CHOICE_MAX = 2000 };

static size_t collect(const struct slot *s, bool old_only, struct instance ***ret)
{
    struct instance **v = xcalloc(s->instance_count + 1, sizeof *v);
    size_t n = 0;

    for (struct instance *i = s->instances; i != NULL; i = i->next)
        if (i->goal == GOAL_RUNNING && i->state != INSTANCE_INACTIVE && (!old_only || i->old))
            v[n++] = i;
    *ret = v;
    return n;
}

static void kill_surplus(struct marathon *m, struct slot *s, int64_t surplus)
{
    const struct constraint *c = group_by_of(s);
    struct instance **v;
    size_t n = collect(s, false, &v);

    qsort(v, n, sizeof *v, compare);
    for (size_t k = 0; k < n && (int64_t)k < surplus; k++) {
        if (c != NULL && n <= GROUP_BY_CHOICE_MAX)
            prefer_full_group(v, k, n, c);
        instance_retire(m, v[k]);
    }
    free(v);
}

enum { FEW = 4 }; /* up to so many victims are looked for one by one instead of sorting all */

static void first_to_front(struct instance **v, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (compare_restart(&v[i], &v[best]) < 0)
            best = i;
    struct instance *t = v[best];
    v[best] = v[0];
    v[0] = t;
}

static void kill_old(struct marathon *m, struct slot *s, int64_t count, bool counted)
{
    struct instance **v;
    size_t n = collect(s, true, &v);

    if (count > FEW)
        qsort(v, n, sizeof *v, compare_restart);
    for (size_t k = 0; k < n && (int64_t)k < count; k++) {
        if (count <= FEW)
            first_to_front(v + k, n - k);
        if (counted) {
            instance_change_begin(v[k]);
            v[k]->dying_counted = true;
            instance_change_end(m, v[k]);
        }
        instance_retire(m, v[k]);
    }
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
        kill_surplus(m, s, live - n);
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

static bool check_restart_every(struct marathon *m, struct slot *s)
{
    struct rolling_counts c = slot_counts(s);
    int64_t kill;

    if (rollout_may_move(m, s)) {
        every_make(m, s, rolling_starts_every(&s->rolling, &c));
        c = slot_counts(s);
        kill = rolling_kills_every(&s->rolling, &c, s->every->missing, s->spec->app.upgrade->health_capacity.v);
        if (kill > 0)
            kill_old(m, s, kill, false);
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
        /* Copies of an interrupted restart to a larger target: the youngest new ones go. */
        struct instance **v;
        size_t n = collect(s, false, &v), k = 0;
        qsort(v, n, sizeof *v, compare);
        for (size_t i = 0; i < n && (int64_t)k < s->live[0] - s->rolling.target; i++)
            if (!v[i]->old) {
                instance_retire(m, v[i]);
                k++;
            }
        free(v);
        c = slot_counts(s);
    }
    if (rollout_may_move(m, s)) {
        mv = rolling_next(&s->rolling, &c);
        if (mv.kill > 0)
            kill_old(m, s, mv.kill, mv.kill_counted);
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

enum { SETTLE_ROUNDS_MAX = 10000000 };

void marathon_settle(struct marathon *m)
{
    unsigned rounds = 0;

    while (m->dirty != NULL || m->poked != NULL) {
        ASSERT(rounds++ < SETTLE_ROUNDS_MAX);
        if (m->dirty != NULL) {
            struct slot *s = m->dirty;
            m->dirty = s->dirty_next;
            s->dirty = false;
            if (s->dead || !m->started)
                continue;
            slot_check(m, s);
            slot_maybe_free(m, s);
            continue;
        }
        struct deployment *d = m->poked;
        m->poked = d->queue_next;
        d->poked = false;
        if (!d->dead)
            deployment_check(m, d);
    }
    kill_pump(m);
}
