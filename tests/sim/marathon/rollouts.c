/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts: people who pause them, let them go on, promote them and take them back, and what must hold.
 *
 * A rollout that was told to be paused is paused until somebody asks for something else, whoever leads, and while it is nothing is
 * killed or started for its sake. A canary has no more new instances than it says, and leaves the old ones that these do not replace.
 * A way back wants what was there before. */
#include "tests/sim/marathon/rollouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "tests/sim/framework/fakeio.h"

/* Of an app: the latest that was told of its rollout. */
struct seen {
    char deployment[UUID_TEXT_SIZE];
    bool paused;
    bool asked; /* for something else, since */
    unsigned asks;
};

struct rollouts_watch {
    struct seen apps[APPS_MAX];
};

struct rollouts_watch *rollouts_watch_new(void)
{
    return xcalloc(1, sizeof(struct rollouts_watch));
}

void rollouts_watch_free(struct rollouts_watch *w)
{
    free(w);
}

/* "/app3"; NULL: another one. */
static struct seen *seen_of(struct marathon_node *n, struct str app)
{
    if (app.n != 5 || !str_starts(app, STR("/app")) || app.p[4] < '0' || app.p[4] >= '0' + APPS_MAX)
        return NULL;
    return &n->common->rollouts->apps[app.p[4] - '0'];
}

/* --- what is durable ------------------------------------------------------------------------------------------- */

struct told {
    struct output o;
    struct seen *x;
    struct seen now;
};

static void told(struct shell *sh, struct output *o, bool run)
{
    struct told *t = (struct told *)(void *)o;

    (void)sh;
    if (run) { /* somebody may have asked for something else before this was durable */
        t->now.asked = t->x->asks != t->now.asks;
        t->now.asks = t->x->asks;
        *t->x = t->now;
    }
    free(t);
}

void rollouts_told(struct marathon_node *n, const struct bus_event *e)
{
    struct seen *x = e->type == BUS_DEPLOYMENT_INFO && e->state != NULL ? seen_of(n, e->app_id) : NULL;
    struct told *t;

    if (x == NULL)
        return;
    t = xcalloc(1, sizeof *t);
    t->o.fn = told;
    t->x = x;
    t->now.asks = x->asks;
    t->now.paused = strcmp(e->state, "paused") == 0;
    (void)snprintf(t->now.deployment, sizeof t->now.deployment, "%s", e->deployment->id);
    sim_trace(marathon_world(n), n->p->name, "the rollout of %.*s is %s", STR_ARG(e->app_id), e->state);
    marathon_shell_output(&n->sh, &t->o);
}

/* --- what must hold --------------------------------------------------------------------------------------------- */

static const struct plan_action *action_of(const struct slot *s)
{
    const struct plan *p = s->deployment != NULL ? &s->deployment->plan : NULL;

    for (size_t i = 0; p != NULL && i < p->n; i++)
        for (size_t k = 0; k < p->steps[i].n; k++)
            if (p->steps[i].actions[k].slot == s)
                return &p->steps[i].actions[k];
    return NULL;
}

void rollout_before(const struct slot *s, struct rollout_seen *ret)
{
    const struct plan_action *a = action_of(s);

    *ret = (struct rollout_seen){ .paused = rollout_state(s) == ROLLOUT_PAUSED,
                                  .moving = rollout_state(s) != ROLLOUT_NONE,
                                  .dying = s->dying[0] + s->dying[1],
                                  .dying_old = s->dying[1],
                                  .instances = s->instance_count,
                                  .failures = s->rollout.failures };
    if (a == NULL)
        return;
    (void)snprintf(ret->deployment, sizeof ret->deployment, "%s", s->deployment->id);
    ret->had = a->from != NULL;
    if (a->from == NULL)
        return;
    (void)snprintf(ret->cmd, sizeof ret->cmd, "%.*s", STR_ARG(a->from->app.cmd));
    ret->wanted = a->from->app.instances.v;
}

/* A deployment that takes back the one that was there. */
static void check_back(struct marathon_node *n, const struct slot *s, const struct rollout_seen *before)
{
    const struct deployment *d = s->deployment;

    if (d == NULL || !d->is_back || before->deployment[0] == '\0' || strcmp(d->id, before->deployment) == 0)
        return;
    if ((s->spec != NULL) != before->had)
        sim_fail(marathon_world(n), "%s goes back, and %s", s->id.p, before->had ? "is removed" : "is not removed");
    else if (before->had && (!str_is(s->spec->app.cmd, before->cmd) || s->spec->app.instances.v != before->wanted))
        sim_fail(marathon_world(n), "%s goes back to %lld instances of '%.*s'; it was %lld of '%s'", s->id.p,
                 (long long)s->spec->app.instances.v, STR_ARG(s->spec->app.cmd), (long long)before->wanted, before->cmd);
}

static void check_canary(struct marathon_node *n, const struct slot *s, const struct rollout_seen *before)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;

    if (!u->pause_after.has || s->rollout.promoted || s->rollout.is_back || s->every != NULL)
        return;
    if (s->instance_count > before->instances && s->live[0] > u->pause_after.v)
        sim_fail(marathon_world(n), "%s starts %lld new instances, and its canary stage has %lld", s->id.p, (long long)s->live[0],
                 (long long)u->pause_after.v);
    if (s->dying[1] > before->dying_old && s->live[1] < s->scale_to - u->pause_after.v)
        sim_fail(marathon_world(n), "%s keeps %lld old instances in its canary stage, and shall have %lld", s->id.p, (long long)s->live[1],
                 (long long)(s->scale_to - u->pause_after.v));
}

static void check_rules(struct marathon_node *n, const struct slot *s, const struct rollout_seen *before)
{
    const struct auto_rollback *r = s->rollout.is_back ? NULL : s->spec->app.upgrade->rollback;

    if (r != NULL && r->failures_max.has && before->failures >= r->failures_max.v && !s->rollout.paused)
        sim_fail(marathon_world(n), "%s goes on after %lld failures, and shall turn round after %lld", s->id.p, (long long)before->failures,
                 (long long)r->failures_max.v);
}

static void check_paused(struct marathon_node *n, const struct slot *s, const struct rollout_seen *before)
{
    if (s->dying[0] + s->dying[1] > before->dying)
        sim_fail(marathon_world(n), "%s kills for a rollout that is paused", s->id.p);
    if (s->instance_count > before->instances && s->every == NULL)
        sim_fail(marathon_world(n), "%s makes an instance for a rollout that is paused", s->id.p);
}

void rollout_judge(struct marathon_node *n, const struct slot *s, const struct rollout_seen *before)
{
    const struct seen *x = seen_of(n, s->id);

    check_back(n, s, before);
    if (rollout_state(s) == ROLLOUT_NONE)
        return;
    if (x != NULL && x->paused && !x->asked && strcmp(x->deployment, s->deployment->id) == 0 && !s->rollout.paused &&
        marathon_leading(marathon_world(n)) == n && !n->sh.stopping)
        sim_fail(marathon_world(n), "%s: the rollout of %s is %s, which was told to be paused", n->p->name, s->id.p,
                 rollout_state_name(rollout_state(s)));
    if (!before->moving || strcmp(before->deployment, s->deployment->id) != 0)
        return;
    check_canary(n, s, before);
    check_rules(n, s, before);
    if (before->paused && s->rollout.paused)
        check_paused(n, s, before);
}

/* --- people -------------------------------------------------------------------------------------------------------- */

static void ask(struct marathon_node *n, struct str app, enum rollout_verb verb)
{
    static const char *const verbs[] = { "pauses", "resumes", "promotes", "takes back" };
    struct seen *x = seen_of(n, app);
    char what[60];

    if (x != NULL && verb != ROLLOUT_PAUSE) {
        x->asked = true;
        x->asks++;
    }
    (void)snprintf(what, sizeof what, "%s %.*s", verbs[verb], STR_ARG(app));
    (void)people_ask(n, what, (struct marathon_event){ .type = EVENT_ROLLOUT, .rollout = { app, verb } });
}

static void deed(struct marathon_node *n)
{
    static const enum rollout_verb verbs[] = { ROLLOUT_PAUSE, ROLLOUT_PAUSE, ROLLOUT_PAUSE, ROLLOUT_RESUME, ROLLOUT_PROMOTE, ROLLOUT_UNDO };

    for (const struct slot *s = n->sh.m->slots; s != NULL; s = s->hh.next)
        if (rollout_state(s) != ROLLOUT_NONE && chance(n->r, 60)) {
            ask(n, s->id, verbs[rng_below(n->r, sizeof verbs / sizeof verbs[0])]);
            return;
        }
}

/* In the end nothing stands still. */
static void promote(struct marathon_node *n)
{
    for (const struct slot *s = n->sh.m->slots; s != NULL; s = s->hh.next)
        if (rollout_state(s) == ROLLOUT_PAUSED || rollout_state(s) == ROLLOUT_HOLDING) {
            ask(n, s->id, ROLLOUT_PROMOTE);
            return;
        }
}

void rollouts_people_act(struct sim *s, struct proc *p, void *arg, uint64_t unused)
{
    struct marathon_node *n = p->node;
    struct rng own, *world = n->r;

    (void)arg;
    (void)unused;
    fake_process(p);
    if (n->up && n->sh.m->started && n->sh.store_error[0] == '\0') {
        judge_before(n);
        if (s->calm)
            promote(n);
        else if (sim_next_step(s, STEP_DEED, &own)) {
            n->r = &own;
            deed(n);
            n->r = world;
        }
        judge_after(n);
        fake_turn(p);
    }
    sim_after(s, p, between(n->r, SEC(2), SEC(8)), rollouts_people_act, NULL, 0);
}
