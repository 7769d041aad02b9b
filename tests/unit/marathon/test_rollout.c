/* SPDX-License-Identifier: Apache-2.0 */
/* Canaries, pauses and ways back of rolling restarts. */
#include "tests/unit/marathon/world.h"

static struct world w;
static struct arena a;

static void begin(uint64_t seed)
{
    arena_init(&a, 4 << 20);
    world_init(&w, 3, 4000, seed);
    world_start(&w);
}

static void end(void)
{
    world_done(&w);
    arena_done(&a);
}

static struct slot *slot(void)
{
    struct slot *s = slot_find(w.m, STR("/web"));

    if (s == NULL)
        abort();
    return s;
}

static struct app *app(const char *cmd, int64_t n)
{
    return world_app(&a, "/web", cmd, n);
}

static void put(struct app *x)
{
    struct error err;

    CHECK_INT(world_put(&w, x, false, &err), 0);
}

static int command(enum rollout_verb v)
{
    struct marathon_event ev = { .type = EVENT_ROLLOUT, .rollout = { STR("/web"), v } };
    struct error err;

    return world_step(&w, ev, &err);
}

static struct app *canary(const char *cmd, int64_t n, int64_t pause_after)
{
    struct app *x = app(cmd, n);

    x->upgrade->pause_after = (struct opt_i64){ true, pause_after };
    return x;
}

TEST("a canary holds after its new instances, goes on when promoted, and says so in events")
{
    static const double capacities[] = { 0, 0.5, 1 };

    for (int k = 0; k < 9; k++) {
        begin(10 + (uint64_t)k);
        put(app("sleep 100", 5));
        world_run(&w, 2000);
        struct app *x = canary("sleep 200", 5, 2);
        x->upgrade->health_capacity.v = capacities[k / 3];
        x->upgrade->over_capacity.v = capacities[k % 3];
        put(x);
        unsigned infos = w.counts[BUS_DEPLOYMENT_INFO];
        world_run(&w, 5000);
        CHECK_INT(rollout_state(slot()), ROLLOUT_HOLDING);
        CHECK_INT(slot()->ready[0], 2);
        CHECK_INT(slot()->ready[1], 3);
        CHECK_INT(w.counts[BUS_DEPLOYMENT_INFO], infos + 1);
        CHECK_INT(command(ROLLOUT_PROMOTE), 0);
        world_run(&w, 5000);
        CHECK_INT(rollout_state(slot()), ROLLOUT_NONE);
        CHECK_INT(slot()->ready[0], 5);
        CHECK_INT(slot()->live[1], 0);
        CHECK_INT(w.m->deployment_count, 0);
        end();
    }
}

TEST("undo of a held canary brings the old version back")
{
    begin(2);
    put(app("sleep 100", 4));
    world_run(&w, 2000);
    put(canary("sleep 200", 4, 1));
    world_run(&w, 3000);
    CHECK_INT(command(ROLLOUT_UNDO), 0);
    world_run(&w, 5000);
    CHECK_CSTR(slot()->spec->app.cmd.p, "sleep 100");
    CHECK_INT(slot()->running, 4);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK_INT(command(ROLLOUT_UNDO), 0); /* nothing is under way: the version before */
    world_run(&w, 5000);
    CHECK_CSTR(slot()->spec->app.cmd.p, "sleep 200");
    CHECK_INT(slot()->running, 4); /* a way back does not hold */
    CHECK_INT(w.m->deployment_count, 0);
    end();
}

TEST("a paused restart neither starts nor kills until it is resumed")
{
    begin(3);
    CHECK(command(ROLLOUT_PAUSE) < 0);
    put(app("sleep 100", 4));
    world_run(&w, 2000);
    CHECK(command(ROLLOUT_PAUSE) < 0);
    struct app *x = app("sleep 200", 4);
    x->upgrade->over_capacity.v = 0;
    x->upgrade->health_capacity.v = 0.75;
    put(x);
    CHECK_INT(command(ROLLOUT_PAUSE), 0);
    world_run(&w, 5000);
    unsigned kills = w.kills, launches = w.launches;
    world_run(&w, 20000);
    CHECK_INT(w.kills, kills);
    CHECK_INT(w.launches, launches);
    CHECK_INT(rollout_state(slot()), ROLLOUT_PAUSED);
    CHECK_INT(slot()->live[1], 3);
    CHECK_INT(command(ROLLOUT_RESUME), 0);
    world_run(&w, 5000);
    CHECK_INT(slot()->ready[0], 4);
    CHECK_INT(w.m->deployment_count, 0);
    end();
}

static struct world_task *task_of_old(void)
{
    for (const struct instance *i = slot()->instances; i != NULL; i = i->next)
        if (i->old && i->state == INSTANCE_RUNNING)
            return world_task(&w, i->task_id);
    abort();
}

TEST("an old instance that ends while a rollout stands still is started again as it was")
{
    for (int paused = 0; paused < 2; paused++) {
        begin(8);
        put(app("sleep 100", 4));
        world_run(&w, 2000);
        struct app *x = paused ? app("sleep 200", 4) : canary("sleep 200", 4, 1);
        x->upgrade->over_capacity.v = 0;
        x->upgrade->health_capacity.v = 0.75;
        put(x);
        if (paused)
            CHECK_INT(command(ROLLOUT_PAUSE), 0);
        world_run(&w, 5000);
        int64_t old = slot()->ready[1];
        CHECK_INT(old, 3);
        world_end_task(&w, task_of_old(), TASK_FAILED);
        world_run(&w, 10000);
        CHECK_INT(slot()->ready[1], old);
        CHECK_INT(rollout_state(slot()), paused ? ROLLOUT_PAUSED : ROLLOUT_HOLDING);
        CHECK_INT(command(paused ? ROLLOUT_RESUME : ROLLOUT_PROMOTE), 0);
        world_run(&w, 5000);
        CHECK_INT(slot()->ready[0], 4);
        CHECK_INT(slot()->live[1], 0);
        CHECK_INT(w.m->deployment_count, 0);
        end();
    }
}

TEST("a restart asks for offers for new instances that were held back after failures")
{
    struct error err;

    begin(9);
    put(app("sleep 100", 2));
    world_run(&w, 1000);
    w.start_fails = true;
    put(app("sleep 200", 3));
    world_run(&w, 4000);
    CHECK(slot()->scheduled_count >= 2);
    CHECK(slot()->backoff.delay_ns > NS_PER_S);
    w.start_fails = false;
    CHECK_INT(world_put(&w, app("sleep 200", 2), true, &err), 0);
    world_run(&w, 500); /* not when the delay would have been over, nor never */
    CHECK_INT(slot()->ready[0], 2);
    CHECK_INT(w.m->deployment_count, 0);
    end();
}

TEST("failures of new instances turn a rollout round by itself, and the way back is not turned again")
{
    begin(4);
    put(app("sleep 100", 3));
    world_run(&w, 2000);
    struct app *x = app("sleep 200", 3);
    x->upgrade->rollback = arena_alloc(&a, sizeof *x->upgrade->rollback);
    x->upgrade->rollback->failures_max = (struct opt_i64){ true, 3 };
    put(x);
    w.start_fails = true;
    for (int k = 0; k < 600 && !slot()->rolled_back_at.has; k++) {
        world_tick(&w, 100);
        for (int j = 0; j < 3; j++)
            (void)world_act(&w);
    }
    CHECK(slot()->rolled_back_at.has);
    CHECK(str_contains(str_of(slot()->rolled_back_why), STR("3 new instances failed")));
    CHECK_INT(w.counts[BUS_DEPLOYMENT_FAILED], 1);
    CHECK_CSTR(slot()->spec->app.cmd.p, "sleep 100");
    world_run(&w, 5000); /* still failing */
    w.start_fails = false;
    world_run(&w, 60000);
    CHECK_CSTR(slot()->spec->app.cmd.p, "sleep 100");
    CHECK_INT(slot()->running, 3);
    CHECK_INT(w.m->deployment_count, 0);
    end();
}

TEST("a rollout that takes longer than its deadline goes back; time in which it holds does not count")
{
    begin(5);
    put(app("sleep 100", 3));
    world_run(&w, 2000);
    struct app *x = canary("sleep 200", 3, 1);
    x->upgrade->rollback = arena_alloc(&a, sizeof *x->upgrade->rollback);
    x->upgrade->rollback->deadline_s = (struct opt_i64){ true, 30 };
    put(x);
    world_run(&w, 60000);
    CHECK_INT(rollout_state(slot()), ROLLOUT_HOLDING);
    w.agents = 0; /* nothing can be launched any more */
    CHECK_INT(command(ROLLOUT_PROMOTE), 0);
    world_run(&w, 20000);
    CHECK_INT(rollout_state(slot()), ROLLOUT_RUNNING);
    world_run(&w, 15000);
    CHECK_CSTR(slot()->spec->app.cmd.p, "sleep 100");
    CHECK(str_contains(str_of(slot()->rolled_back_why), STR("not done after 30 s")));
    end();
}
