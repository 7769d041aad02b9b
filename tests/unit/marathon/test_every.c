/* SPDX-License-Identifier: Apache-2.0 */
/* Apps with one instance on every agent, against the small cluster of world.h. */
#include "tests/unit/marathon/world.h"

static struct world w;

static struct app *every_app(struct arena *a, const char *cmd, const char *rack)
{
    struct app *app = world_app(a, "/every", cmd, 1);
    struct constraint *c = arena_array(a, 2, sizeof *c);
    struct marathon_config config;

    marathon_config_init(&config);
    c[0] = (struct constraint){ .field = STR("hostname"), .op = { true, OP_EVERY }, .op_text = STR("EVERY"), .parts = { true, 2 } };
    c[1] = (struct constraint){ .field = STR("rack"),
                                .op = { true, OP_LIKE },
                                .op_text = STR("LIKE"),
                                .value = str_of(rack),
                                .parts = { true, 3 } };
    app->constraints = (struct list){ true, rack != NULL ? 2 : 1, c };
    app->upgrade = NULL;
    app->unreachable = NULL;
    app_fill(app, &config, STR("/"), HEALTH_PORTS_STATED, a);
    return app;
}

static struct slot *slot(void)
{
    return slot_find(w.m, STR("/every"));
}

/* Live tasks of the app on the agent, as the cluster has them. */
static int tasks_on(int agent)
{
    int n = 0;

    for (int i = 0; i < WORLD_TASKS_MAX; i++)
        n += w.tasks[i].id != NULL && w.tasks[i].agent == agent;
    return n;
}

/* An agent never has two, and not more than one is without (after the first start). */
static int down_max;

static void check_one_each(struct world *unused)
{
    int down = 0;

    (void)unused;
    for (int a = 0; a < w.agents; a++) {
        CHECK(tasks_on(a) <= 1);
        int up = 0;
        for (int i = 0; i < WORLD_TASKS_MAX; i++)
            up += w.tasks[i].id != NULL && w.tasks[i].agent == a && w.tasks[i].told_running;
        down += up == 0;
    }
    if (down > down_max)
        down_max = down;
}

static void lose(const char *agent)
{
    (void)world_step(&w, (struct marathon_event){ .type = EVENT_AGENT_LOST, .agent_lost = str_of(agent) }, NULL);
}

TEST("an app with EVERY gets one instance on each agent, and on each that comes")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 3, 4000, 1);
    world_start(&w);
    w.check = check_one_each;
    CHECK_INT(world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL), 0);
    world_run(&w, 1000);
    CHECK_INT(slot()->running, 3);
    CHECK_INT(slot_wanted(slot()), 3);
    CHECK_INT(w.m->deployment_count, 1); /* others may still show up */
    world_run(&w, 3000);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK(!w.suppressed); /* or new agents would not be seen */
    w.agents = 5;
    world_offer(&w);
    world_run(&w, 1000);
    CHECK_INT(slot()->running, 5);
    CHECK_INT(slot_wanted(slot()), 5);
    CHECK_INT(w.m->deployment_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("constraints say which agents are meant")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 4, 4000, 2);
    world_start(&w);
    (void)world_put(&w, every_app(&a, "sleep 1", "r1"), false, NULL);
    world_run(&w, 4000);
    CHECK_INT(slot()->running, 2);
    CHECK_INT(tasks_on(0) + tasks_on(2), 0);
    CHECK_INT(w.m->deployment_count, 0);
    /* The other half instead: where it is not wanted any more it goes. */
    (void)world_put(&w, every_app(&a, "sleep 1", "r0"), false, NULL);
    world_run(&w, 6000);
    CHECK_INT(slot()->running, 2);
    CHECK_INT(tasks_on(1) + tasks_on(3), 0);
    CHECK_INT(w.m->deployment_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("a restart goes agent by agent")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 5, 4000, 3);
    world_start(&w);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 4000);
    CHECK_INT(slot()->running, 5);
    w.check = check_one_each;
    down_max = 0;
    CHECK_INT(world_put(&w, every_app(&a, "sleep 2", NULL), false, NULL), 0);
    world_run(&w, 10000);
    CHECK_INT(slot()->running, 5);
    CHECK_INT(slot()->live[1], 0);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK_INT(down_max, 1);
    /* With a lower floor more at once. */
    struct app *app = every_app(&a, "sleep 3", NULL);
    app->upgrade->health_capacity.v = 0.4;
    down_max = 0;
    CHECK_INT(world_put(&w, app, false, NULL), 0);
    world_run(&w, 10000);
    CHECK_INT(slot()->running, 5);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK(down_max > 1);
    CHECK(down_max <= 3);
    world_done(&w);
    arena_done(&a);
}

TEST("in a restart the room that went to others counts for the health floor")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 3, 1000, 31);
    world_start(&w);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 4000);
    CHECK_INT(slot()->running, 3);
    /* From now on an agent has room for it no more once it has gone. */
    CHECK_INT(world_put(&w, every_app(&a, "sleep 2", NULL), false, NULL), 0);
    w.agent_cpus = 50;
    world_run(&w, 60000);
    CHECK_INT(slot()->ready[1], 2);
    CHECK_INT(slot()->unplaced, 1);
    CHECK_INT(w.m->deployment_count, 1);
    w.agent_cpus = 1000;
    w.offers_wanted = true;
    world_run(&w, 20000);
    CHECK_INT(slot()->ready[0], 3);
    CHECK_INT(w.m->deployment_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("a canary holds on the agents that it reached, and an agent that comes meanwhile waits for the rest")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 4, 4000, 8);
    world_start(&w);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 4000);
    struct app *app = every_app(&a, "sleep 2", NULL);
    app->upgrade->pause_after = (struct opt_i64){ true, 2 };
    (void)world_put(&w, app, false, NULL);
    world_run(&w, 8000);
    CHECK_INT(rollout_state(slot()), ROLLOUT_HOLDING);
    CHECK_INT(slot()->live[0], 2);
    CHECK_INT(slot()->live[1], 2);
    w.agents = 5;
    world_offer(&w);
    world_run(&w, 1000);
    CHECK_INT(slot_wanted(slot()), 5);
    CHECK_INT(slot()->running, 4);
    (void)world_step(&w,
                     (struct marathon_event){ .type = EVENT_ROLLOUT, .rollout = { STR("/every"), ROLLOUT_PROMOTE } },
                     NULL);
    world_run(&w, 8000);
    CHECK_INT(slot()->running, 5);
    CHECK_INT(slot()->live[1], 0);
    CHECK_INT(w.m->deployment_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("an agent without room is shown, and nobody waits for it")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 1000, 4);
    world_start(&w);
    struct app *filler = world_app(&a, "/filler", "sleep 1", 1);
    filler->cpus.v = 0.95;
    (void)world_put(&w, filler, false, NULL);
    world_run(&w, 500);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 4000);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(slot_wanted(slot()), 2);
    CHECK_INT(slot()->unplaced, 1);
    CHECK_INT(w.m->deployment_count, 0);
    REQUIRE(slot()->scheduled != NULL);
    REQUIRE(slot()->scheduled->refusal != NULL);
    CHECK_INT(slot()->scheduled->refusal->reason, REJECT_CPUS);
    /* Neither does an update. */
    CHECK_INT(world_put(&w, every_app(&a, "sleep 2", NULL), false, NULL), 0);
    world_run(&w, 8000);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(w.m->deployment_count, 0);
    (void)world_remove(&w, "/filler");
    world_run(&w, 2000);
    world_offer(&w);
    world_run(&w, 1000);
    CHECK_INT(slot()->running, 2);
    CHECK_INT(slot()->unplaced, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("an agent that is lost takes its place with it, and brings it back")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 3, 4000, 5);
    world_start(&w);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 4000);
    char *task = NULL;
    for (int i = 0; i < WORLD_TASKS_MAX; i++)
        if (w.tasks[i].id != NULL && w.tasks[i].agent == 2)
            task = w.tasks[i].id;
    REQUIRE(task != NULL);
    lose("a2");
    world_status(&w, task, TASK_UNREACHABLE, -1);
    w.agents = 2; /* offers nothing meanwhile */
    world_run(&w, 2000);
    CHECK_INT(slot()->running, 2);
    CHECK_INT(slot_wanted(slot()), 2);
    w.agents = 3; /* it offers before its task is told of: no second one */
    world_offer(&w);
    CHECK_INT(slot()->scheduled_count, 0);
    world_status(&w, task, TASK_RUNNING, -1);
    world_run(&w, 1000);
    CHECK_INT(slot()->running, 3);
    CHECK_INT(slot_wanted(slot()), 3);
    CHECK_INT(w.kills, 0);
    /* Gone for good: its task as well. */
    lose("a2");
    world_end_task(&w, world_task(&w, str_of(task)), TASK_GONE);
    w.agents = 2;
    world_run(&w, 5000);
    CHECK_INT(slot()->running, 2);
    CHECK_INT(slot_wanted(slot()), 2);
    CHECK_INT(slot()->instance_count, 2);
    world_done(&w);
    arena_done(&a);
}

TEST("a task that fails comes back on its agent after the backoff; instances 0 suspends the app")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 6);
    world_start(&w);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 4000);
    struct instance *i = slot()->instances;
    struct agent *agent = i->agent;
    world_end_task(&w, world_task(&w, i->task_id), TASK_FAILED);
    CHECK_INT(i->state, INSTANCE_SCHEDULED);
    CHECK(i->agent == agent);
    world_run(&w, 500);
    CHECK_INT(slot()->running, 1);
    world_run(&w, 1500);
    CHECK_INT(slot()->running, 2);
    struct app *off = every_app(&a, "sleep 1", NULL);
    off->instances.v = 0;
    (void)world_put(&w, off, false, NULL);
    world_run(&w, 1000);
    CHECK_INT(slot()->instance_count, 0);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK_INT(w.m->every_count, 0);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 4000);
    CHECK_INT(slot()->running, 2);
    (void)world_remove(&w, "/every");
    world_run(&w, 4000);
    CHECK(slot() == NULL);
    CHECK_INT(w.m->every_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("an app becomes one on every agent and a number of instances again")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 3, 4000, 7);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/every", "sleep 1", 7), false, NULL);
    world_run(&w, 2000);
    CHECK_INT(slot()->running, 7);
    (void)world_put(&w, every_app(&a, "sleep 1", NULL), false, NULL);
    world_run(&w, 10000);
    CHECK_INT(slot()->running, 3);
    CHECK_INT(slot()->instance_count, 3);
    CHECK_INT(w.m->deployment_count, 0);
    (void)world_put(&w, world_app(&a, "/every", "sleep 1", 4), false, NULL);
    world_run(&w, 10000);
    CHECK_INT(slot()->running, 4);
    CHECK_INT(w.m->deployment_count, 0);
    world_done(&w);
    arena_done(&a);
}

