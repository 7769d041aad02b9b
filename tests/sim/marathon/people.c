/* SPDX-License-Identifier: Apache-2.0 */
/* What people do with marathon: they create, scale, change, restart and remove apps, kill instances and cancel deployments. */
#include <stdio.h>

#include "marathon/core/normalise.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/marathon/node.h"

/* Always the same app: what reservations are made of does not change. */
static void add_volume(struct app *app, struct arena *a)
{
    struct volume *v = arena_alloc(a, sizeof *v);

    v->container_path = STR("data");
    v->mode = (struct opt_i64){ true, MODE_RW };
    v->persistent = arena_alloc(a, sizeof *v->persistent);
    v->persistent->size = (struct opt_i64){ true, 100 };
    app->container = arena_alloc(a, sizeof *app->container);
    app->container->type = (struct opt_i64){ true, ENGINE_MESOS };
    app->container->volumes = (struct list){ true, 1, v };
    app->unreachable = NULL;
    app->upgrade->over_capacity.v = 0;
}

static void put_on_every_agent(struct app *app, struct arena *a)
{
    struct constraint *c = arena_alloc(a, sizeof *c);

    *c = (struct constraint){
        .field = STR("hostname"), .op = { true, OP_EVERY }, .op_text = STR("EVERY"), .parts = { true, 2 }
    };
    app->constraints = (struct list){ true, 1, c };
    app->upgrade->over_capacity.v = 0;
}

static struct app *random_app(struct marathon_node *n, struct arena *a, unsigned k, bool keep_cmd)
{
    static const char *const commands[] = { "forever", "flaky 30000", "forever again" };
    static const double capacities[] = { 0, 0.5, 1 };
    struct app *app = arena_alloc(a, sizeof *app);
    unsigned dice = (unsigned)rng_below(n->r, 3);

    app->id = arena_fmt(a, "/app%u", k);
    app->cmd = str_of(commands[keep_cmd ? k % 3 : rng_below(n->r, 3)]);
    app->cpus = (struct opt_f64){ true, 0.1 };
    app->mem = (struct opt_f64){ true, 32 };
    app->instances = (struct opt_i64){ true, (int64_t)rng_below(n->r, 5) };
    app->backoff_s = (struct opt_i64){ true, 1 };
    app->launch_delay_max_s = (struct opt_i64){ true, 10 };
    app->unreachable = arena_alloc(a, sizeof *app->unreachable);
    app->unreachable->inactive_s = (struct opt_i64){ true, (int64_t)rng_below(n->r, 2) * 20 };
    app->unreachable->expunge_s = (struct opt_i64){ true, app->unreachable->inactive_s.v + 10 };
    app->upgrade = arena_alloc(a, sizeof *app->upgrade);
    app->upgrade->health_capacity = (struct opt_f64){ true, capacities[rng_below(n->r, 3)] };
    app->upgrade->over_capacity = (struct opt_f64){ true, capacities[rng_below(n->r, 3)] };
    if (chance(n->r, 30))
        app->upgrade->pause_after = (struct opt_i64){ true, (int64_t)rng_below(n->r, 3) + 1 };
    if (chance(n->r, 20)) {
        app->upgrade->rollback = arena_alloc(a, sizeof *app->upgrade->rollback);
        *app->upgrade->rollback = (struct auto_rollback){ { chance(n->r, 60), (int64_t)rng_below(n->r, 3) + 1 },
                                                          { chance(n->r, 60), (int64_t)rng_below(n->r, 30) + 5 } };
    }
    if (k == APP_WITH_VOLUMES)
        add_volume(app, a);
    if (k == APP_ON_EVERY_AGENT)
        put_on_every_agent(app, a);
    if (dice != 0) {
        struct health_check *h = arena_alloc(a, sizeof *h);
        *h = (struct health_check){ .grace_s = { true, 20 },
                                    .interval_s = { true, 2 },
                                    .failures_max = { true, 3 },
                                    .protocol = { true, dice == 1 ? HC_TCP : HC_HTTP },
                                    .timeout_s = { true, 1 },
                                    .delay_s = { true, 1 },
                                    .ip_protocol = { true, 0 },
                                    .port_index = { true, 0 },
                                    .path = STR("/health") };
        app->health_checks = (struct list){ true, 1, h };
    }
    app_fill(app, &n->sh.config, STR("/"), HEALTH_PORTS_STATED, a);
    return app;
}

int people_ask(struct marathon_node *n, const char *what, struct marathon_event ev)
{
    struct error err = { 0 };
    int rc = marathon_shell_step(&n->sh, &ev, &err);

    sim_trace(marathon_world(n), "operator", "%s%s%s", what, rc != 0 ? ": " : "", rc != 0 ? err.msg : "");
    return rc;
}

static void put_app(struct marathon_node *n, unsigned k, bool remove)
{
    struct arena a = ARENA_INIT(1 << 20);
    struct app *app = random_app(n, &a, k, chance(n->r, 50));
    struct update_app ua = { .id = app->id, .app = remove ? NULL : app, .restart = chance(n->r, 10) };
    struct root_update u = { .apps = &ua, .app_count = 1, .force = chance(n->r, 40) };
    struct marathon_event ev = { .type = EVENT_UPDATE, .update = &u };
    char text[100];

    (void)snprintf(text, sizeof text, "%s %s, %d instances of '%s'", remove ? "DELETE" : "PUT", app->id.p,
                   (int)app->instances.v, app->cmd.p);
    (void)people_ask(n, text, ev);
    arena_done(&a);
}

static void kill_some(struct marathon_node *n)
{
    struct str ids[2];
    struct marathon_event ev = { .type = EVENT_KILL, .kill = { .instance_ids = ids } };

    for (struct instance *i = n->sh.m->instances; i != NULL && ev.kill.n < 2; i = i->hh.next)
        if (i->state != INSTANCE_SCHEDULED && chance(n->r, 30))
            ids[ev.kill.n++] = i->id;
    if (ev.kill.n != 0)
        (void)people_ask(n, "kills instances", ev);
}

static void cancel(struct marathon_node *n)
{
    struct marathon_event ev = { .type = EVENT_CANCEL };

    if (n->sh.m->deployment_list == NULL)
        return;
    ev.cancel.deployment_id = str_of(n->sh.m->deployment_list->id);
    ev.cancel.force = chance(n->r, 50);
    (void)people_ask(n, "cancels a deployment", ev);
}

void people_act(struct sim *s, struct proc *p, void *arg, uint64_t unused)
{
    struct marathon_node *n = p->node;
    struct rng own, *world = n->r;

    (void)arg;
    (void)unused;
    fake_process(p);
    judge_kills(n);
    if (!s->calm && n->up && n->sh.store_error[0] == '\0' && sim_next_step(s, STEP_DEED, &own)) {
        n->r = &own;
        unsigned dice = (unsigned)rng_below(n->r, 100);
        judge_before(n);
        if (dice < 60)
            put_app(n, (unsigned)rng_below(n->r, APPS_MAX), false);
        else if (dice < 70)
            put_app(n, (unsigned)rng_below(n->r, APPS_MAX), true);
        if (dice < 70)
            judge_after(n); /* a deployment's first kills; what the operator kills by hand is his own business */
        else if (dice < 85)
            kill_some(n);
        else
            cancel(n);
        fake_turn(p);
        n->r = world;
    }
    sim_after(s, p, between(n->r, SEC(1), SEC(12)), people_act, NULL, 0);
}
