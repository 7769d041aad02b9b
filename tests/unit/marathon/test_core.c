/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as a whole against the small cluster of world.h. */
#include "tests/unit/marathon/world.h"

static struct world w;

TEST("a new app goes through start and scale and ends running")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 1);
    world_start(&w);
    w.tracing = true;
    CHECK_INT(world_put(&w, world_app(&a, "/web", "sleep 100", 3), false, NULL), 0);
    CHECK(w.actions.result.done);
    CHECK_INT(w.m->deployment_count, 1);
    world_run(&w, 1000);
    struct slot *s = slot_find(w.m, STR("/web"));
    REQUIRE(s != NULL);
    CHECK_INT(s->running, 3);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK_INT(w.counts[BUS_DEPLOYMENT_INFO], 2);
    CHECK_INT(w.counts[BUS_DEPLOYMENT_STEP_SUCCESS], 2);
    CHECK_INT(w.counts[BUS_DEPLOYMENT_SUCCESS], 1);
    CHECK_INT(w.counts[BUS_STATUS_UPDATE], 3);
    CHECK(w.suppressed);
    world_done(&w);
    arena_done(&a);
}

TEST("a killed task comes back as the next incarnation of the same instance")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 1);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 1), false, NULL);
    world_run(&w, 500);
    struct instance *i = slot_find(w.m, STR("/web"))->instances;
    struct str id = arena_str(&a, i->id);
    CHECK(str_ends(i->task_id, STR("._app.1")));
    world_end_task(&w, world_task(&w, i->task_id), TASK_FAILED);
    CHECK(slot_find(w.m, STR("/web"))->failure.has);
    CHECK_INT(i->state, INSTANCE_SCHEDULED);
    world_run(&w, 500);
    CHECK_INT(i->state, INSTANCE_SCHEDULED); /* backoff of a second */
    world_run(&w, 1500);
    i = instance_find(w.m, id);
    REQUIRE(i != NULL);
    CHECK_INT(i->state, INSTANCE_RUNNING);
    CHECK(str_ends(i->task_id, STR("._app.2")));
    world_done(&w);
    arena_done(&a);
}

TEST("scaling changes neither configuration nor running tasks")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 2);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 2), false, NULL);
    world_run(&w, 500);
    struct slot *s = slot_find(w.m, STR("/web"));
    struct wall config = s->spec->config_at;
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 5), false, NULL);
    world_run(&w, 500);
    CHECK_INT(s->running, 5);
    CHECK_INT(w.kills, 0);
    CHECK_INT(s->spec->config_at.ms, config.ms);
    CHECK(s->spec->scaling_at.ms > config.ms);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 1), false, NULL);
    world_run(&w, 500);
    CHECK_INT(s->running, 1);
    CHECK_INT(w.kills, 4);
    world_done(&w);
    arena_done(&a);
}

TEST("a changed command restarts every instance under a new id")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 3);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 4), false, NULL);
    world_run(&w, 500);
    struct str old = arena_str(&a, slot_find(w.m, STR("/web"))->instances->id);
    (void)world_put(&w, world_app(&a, "/web", "sleep 200", 4), false, NULL);
    world_run(&w, 1000);
    struct slot *s = slot_find(w.m, STR("/web"));
    CHECK_INT(s->running, 4);
    CHECK_INT(s->live[1], 0);
    CHECK_INT(w.kills, 4);
    CHECK(instance_find(w.m, old) == NULL);
    CHECK_INT(w.m->deployment_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("a second update of a locked app conflicts, and force cancels the first")
{
    struct arena a = ARENA_INIT(1 << 20);
    struct error err;
    world_init(&w, 0, 0, 4);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 1), false, NULL);
    CHECK(world_put(&w, world_app(&a, "/web", "sleep 200", 1), false, &err) < 0);
    CHECK_INT(w.actions.result.problem, UPDATE_LOCKED);
    CHECK_INT(w.actions.result.conflict_count, 1);
    CHECK_INT(world_put(&w, world_app(&a, "/web", "sleep 200", 1), true, &err), 0);
    CHECK_INT(w.counts[BUS_DEPLOYMENT_FAILED], 1);
    CHECK_INT(w.m->deployment_count, 1);
    world_done(&w);
    arena_done(&a);
}

TEST("removing an app kills its tasks and ends with app_terminated_event")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 5);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/g/web", "sleep 100", 2), false, NULL);
    world_run(&w, 500);
    CHECK(group_find(w.m, STR("/g")) != NULL);
    CHECK_INT(world_remove(&w, "/g/web"), 0);
    world_run(&w, 500);
    CHECK(slot_find(w.m, STR("/g/web")) == NULL);
    CHECK(group_find(w.m, STR("/g")) != NULL);
    CHECK_INT(w.counts[BUS_APP_TERMINATED], 1);
    CHECK_INT(w.m->app_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("cancelling without force goes back to the version before")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 6);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 2), false, NULL);
    world_run(&w, 500);
    w.agents = 0;
    (void)world_put(&w, world_app(&a, "/web", "sleep 200", 2), false, NULL);
    struct marathon_event ev = { .type = EVENT_CANCEL,
                                 .cancel = { .deployment_id = str_of(w.m->deployment_list->id) } };
    CHECK_INT(world_step(&w, ev, NULL), 0);
    w.agents = 2;
    w.offers_wanted = true;
    world_run(&w, 1000);
    CHECK_CSTR(slot_find(w.m, STR("/web"))->spec->app.cmd.p, "sleep 100");
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 2);
    CHECK_INT(w.m->deployment_count, 0);
    world_done(&w);
    arena_done(&a);
}

TEST("an unreachable task is replaced at once by default, and killed when it comes back")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 7);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 1), false, NULL);
    world_run(&w, 500);
    char *id = xstrndup(slot_find(w.m, STR("/web"))->instances->task_id);
    world_status(&w, id, TASK_UNREACHABLE, -1);
    world_run(&w, 500);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 1);
    CHECK_INT(w.launches, 2);
    world_status(&w, id, TASK_RUNNING, -1);
    CHECK_INT(w.kills, 1);
    free(id);
    world_done(&w);
    arena_done(&a);
}

static void unknown_to_master(const char *task_id)
{
    struct marathon_event ev = { .type = EVENT_STATUS };

    ev.status = (struct status_event){ .task_id = str_of(task_id), .agent_id = STR("a0"), .state = TASK_UNKNOWN, .healthy = -1,
                                       .reason_number = REASON_RECONCILIATION };
    (void)world_step(&w, ev, NULL);
}

TEST("that the master does not know a running task is believed when it says so for ten seconds")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 7);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/web", "sleep 100", 1), false, NULL);
    world_run(&w, 500);
    char *id = xstrndup(slot_find(w.m, STR("/web"))->instances->task_id);
    unsigned asked = w.reconciles;
    unknown_to_master(id);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 1);
    world_run(&w, 5000);
    CHECK_INT(w.reconciles, asked + 1);
    world_status(&w, id, TASK_RUNNING, -1); /* its agent is back: all is forgotten */
    world_run(&w, 6000);
    unknown_to_master(id);
    world_run(&w, 5000);
    unknown_to_master(id);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 1);
    CHECK_INT(w.kills, 0);
    world_run(&w, 5000);
    CHECK_INT(w.reconciles, asked + 3);
    unknown_to_master(id);
    world_run(&w, 500);
    CHECK_INT(w.launches, 2);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 1);
    free(id);
    world_done(&w);
    arena_done(&a);
}

TEST("an unreachable instance that is killed is replaced, and not waited for")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 7);
    world_start(&w);
    struct app *app = world_app(&a, "/web", "sleep 100", 1);
    app->unreachable = arena_alloc(&a, sizeof *app->unreachable);
    app->unreachable->inactive_s = (struct opt_i64){ true, 3600 };
    app->unreachable->expunge_s = (struct opt_i64){ true, 7200 };
    (void)world_put(&w, app, false, NULL);
    world_run(&w, 500);
    struct instance *i = slot_find(w.m, STR("/web"))->instances;
    char *id = xstrndup(i->task_id), *instance = xstrndup(i->id);
    world_status(&w, id, TASK_UNREACHABLE, -1);
    world_run(&w, 500);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 0); /* it is waited for */
    struct world_task *t = world_task(&w, str_of(id));
    REQUIRE(t != NULL);
    free(t->id); /* its agent is gone: nobody answers a kill */
    *t = (struct world_task){ .agent = -1 };
    struct str ids[] = { str_of(instance) };
    struct marathon_event ev = { .type = EVENT_KILL, .kill = { .instance_ids = ids, .n = 1 } };
    CHECK_INT(world_step(&w, ev, NULL), 0);
    world_run(&w, 500);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 1);
    CHECK_INT(slot_find(w.m, STR("/web"))->instance_count, 1);
    CHECK_INT(w.m->kills_in_flight, 0);
    free(instance);
    free(id);
    world_done(&w);
    arena_done(&a);
}

TEST("a clock that was set back does not keep an unreachable instance for longer")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 7);
    w.m = marathon_new(&w.config);
    struct app *app = world_app(&a, "/web", "sleep 100", 1);
    app->unreachable = arena_alloc(&a, sizeof *app->unreachable);
    app->unreachable->inactive_s = (struct opt_i64){ true, 5 };
    app->unreachable->expunge_s = (struct opt_i64){ true, 10 };
    app->version = (struct opt_time){ true, w.wall };
    marathon_restore_spec(w.m, app);
    CHECK_INT(marathon_restore_current(w.m, app->id, w.wall, NULL), 0);
    struct stored_instance si = { .id = STR("web.instance-1"),
                                  .app_id = app->id,
                                  .agent_id = STR("gone"),
                                  .hostname = STR("gone"),
                                  .spec_version = w.wall,
                                  .since = { w.wall.ms + 3600000 },
                                  .state = INSTANCE_UNREACHABLE,
                                  .goal = GOAL_RUNNING,
                                  .incarnation = 1,
                                  .mesos_state = -1 };
    CHECK_INT(marathon_restore_instance(w.m, &si, w.now, NULL), 0);
    world_start(&w);
    world_run(&w, 12000);
    CHECK_INT(slot_find(w.m, STR("/web"))->instance_count, 1);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 1);
    world_done(&w);
    arena_done(&a);
}

static void add_http_check(struct app *app, struct arena *a, int64_t failures)
{
    struct health_check *h = arena_alloc(a, sizeof *h);
    *h = (struct health_check){ .grace_s = { true, 0 },
                                .interval_s = { true, 1 },
                                .failures_max = { true, failures },
                                .protocol = { true, HC_HTTP },
                                .timeout_s = { true, 1 },
                                .delay_s = { true, 15 },
                                .ip_protocol = { true, 0 },
                                .port_index = { true, 0 } };
    app->health_checks = (struct list){ true, 1, h };
}

TEST("failed checks kill the task, which is replaced without delay")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 8);
    world_start(&w);
    struct app *app = world_app(&a, "/web", "sleep 100", 1);
    add_http_check(app, &a, 2);
    (void)world_put(&w, app, false, NULL);
    world_run(&w, 2000);
    CHECK_INT(slot_find(w.m, STR("/web"))->healthy, 1);
    CHECK_INT(w.m->deployment_count, 0);
    w.checks_fail = true;
    world_run(&w, 5000);
    CHECK(w.counts[BUS_UNHEALTHY_INSTANCE_KILL] >= 1);
    CHECK(w.counts[BUS_FAILED_HEALTH_CHECK] >= 3);
    w.checks_fail = false;
    world_run(&w, 3000);
    CHECK_INT(slot_find(w.m, STR("/web"))->healthy, 1);
    CHECK_CSTR(slot_find(w.m, STR("/web"))->failure.state, "TASK_KILLED");
    world_done(&w);
    arena_done(&a);
}

TEST("UNIQUE hostname places one instance per agent and says why the rest waits")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 3, 4000, 9);
    world_start(&w);
    struct app *app = world_app(&a, "/web", "sleep 100", 5);
    struct constraint *c = arena_alloc(&a, sizeof *c);
    *c = (struct constraint){
        .field = STR("hostname"), .op = { true, OP_UNIQUE }, .op_text = STR("UNIQUE"), .parts = { true, 2 }
    };
    app->constraints = (struct list){ true, 1, c };
    (void)world_put(&w, app, false, NULL);
    world_run(&w, 500);
    world_offer(&w);
    struct slot *s = slot_find(w.m, STR("/web"));
    CHECK_INT(s->running, 3);
    REQUIRE(s->queue != NULL);
    CHECK_INT(s->queue->note_count, 3);
    CHECK_INT(s->queue->notes[0].reason, REJECT_CONSTRAINT);
    CHECK_INT(s->queue->last_declined[REJECT_CONSTRAINT], 3);
    world_done(&w);
    arena_done(&a);
}

TEST("dependencies are deployed level by level, and a cycle is refused without a trace")
{
    struct arena a = ARENA_INIT(1 << 20);
    struct error err;
    world_init(&w, 2, 4000, 10);
    world_start(&w);
    struct app *x = world_app(&a, "/x", "sleep 1", 1), *y = world_app(&a, "/y", "sleep 1", 1);
    struct str deps[2] = { STR("/x"), STR("/y") };
    y->dependencies = (struct list){ true, 1, &deps[0] };
    struct update_app ua[2] = { { .id = STR("/y"), .app = y }, { .id = STR("/x"), .app = x } };
    struct root_update u = { .apps = ua, .app_count = 2 };
    CHECK_INT(world_step(&w, (struct marathon_event){ .type = EVENT_UPDATE, .update = &u }, &err), 0);
    REQUIRE(w.m->deployment_list != NULL);
    CHECK_INT(w.m->deployment_list->plan.n, 3);
    CHECK_STR(w.m->deployment_list->plan.steps[1].actions[0].slot->id, STR("/x"));
    CHECK_STR(w.m->deployment_list->plan.steps[2].actions[0].slot->id, STR("/y"));
    world_run(&w, 1000);
    CHECK_INT(w.m->deployment_count, 0);
    x = world_app(&a, "/x", "sleep 2", 1);
    x->dependencies = (struct list){ true, 1, &deps[1] };
    CHECK(world_put(&w, x, false, &err) < 0);
    CHECK_INT(w.actions.result.problem, UPDATE_CYCLE);
    CHECK_INT(w.actions.store_count, 0);
    CHECK_CSTR(slot_find(w.m, STR("/x"))->spec->app.cmd.p, "sleep 1");
    world_done(&w);
    arena_done(&a);
}

TEST("service ports are the lowest free ones, and an update keeps them")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 11);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/a", "sleep 1", 1), false, NULL);
    (void)world_put(&w, world_app(&a, "/b", "sleep 1", 1), false, NULL);
    CHECK_INT(app_service_port(&slot_find(w.m, STR("/b"))->spec->app, 0), 10001);
    world_run(&w, 300);
    (void)world_put(&w, world_app(&a, "/b", "sleep 2", 1), false, NULL);
    CHECK_INT(app_service_port(&slot_find(w.m, STR("/b"))->spec->app, 0), 10001);
    world_run(&w, 300);
    (void)world_remove(&w, "/a");
    world_run(&w, 300);
    (void)world_put(&w, world_app(&a, "/c", "sleep 1", 1), false, NULL);
    CHECK_INT(app_service_port(&slot_find(w.m, STR("/c"))->spec->app, 0), 10000);
    world_done(&w);
    arena_done(&a);
}

TEST("failures double the launch delay until the factor's limit")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 1, 4000, 12);
    world_start(&w);
    struct app *app = world_app(&a, "/bad", "false", 1);
    app->backoff_factor.v = 2;
    w.start_fails = true;
    (void)world_put(&w, app, false, NULL);
    world_run(&w, 8000);
    /* at 0, 1, 3 and 7 seconds */
    CHECK_INT(w.launches, 4);
    world_done(&w);
    arena_done(&a);
}

TEST("two thousand million instances are asked for, and made as they are placed")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 1, 4000, 13);
    world_start(&w);
    (void)world_put(&w, world_app(&a, "/huge", "sleep 1", 2000000000), false, NULL);
    struct slot *s = slot_find(w.m, STR("/huge"));
    CHECK_INT(s->scheduled_count, 20000);
    CHECK_INT(slot_queued(s), 2000000000);
    world_offer(&w);
    CHECK_INT(w.launches, 40);
    CHECK_INT(slot_queued(s), 2000000000);
    CHECK_INT(world_remove(&w, "/huge"), 0);
    world_run(&w, 300);
    CHECK(slot_find(w.m, STR("/huge")) == NULL);
    world_done(&w);
    arena_done(&a);
}

TEST("scaling down does not wait for the health of the rest")
{
    struct arena a = ARENA_INIT(1 << 20);
    world_init(&w, 2, 4000, 14);
    world_start(&w);
    struct app *app = world_app(&a, "/web", "sleep 100", 3);
    add_http_check(app, &a, 0);
    (void)world_put(&w, app, false, NULL);
    world_run(&w, 2000);
    CHECK_INT(w.m->deployment_count, 0);
    w.checks_fail = true;
    world_run(&w, 3000);
    CHECK_INT(slot_find(w.m, STR("/web"))->unhealthy, 3);
    app->instances.v = 1;
    CHECK_INT(world_put(&w, app, false, NULL), 0);
    world_run(&w, 500);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK_INT(slot_find(w.m, STR("/web"))->running, 1);
    world_done(&w);
    arena_done(&a);
}
