/* SPDX-License-Identifier: Apache-2.0 */
/* Pods: the definition, the state of an instance as that of its containers, killing, restarts, records. */
#include "tests/unit/marathon/apiworld.h"

#include "marathon/api/records.h"
#include "marathon/podtask.h"

static struct apiworld aw;

#define CONTAINER(name, more) \
    "{\"name\":\"" name       \
    "\",\"exec\":{\"command\":{\"shell\":\"sleep 9\"}},\"resources\":{\"cpus\":0.2,\"mem\":32}" more "}"
#define PAIR_OF(n, more)                                                                                 \
    "{\"id\":\"/pair\",\"scaling\":{\"kind\":\"fixed\",\"instances\":" n "},\"containers\":[" CONTAINER( \
        "web", ",\"endpoints\":[{\"name\":\"http\",\"hostPort\":0}]") "," CONTAINER("side", more) "]}"
#define PAIR PAIR_OF("1", "")

static struct instance *only(void)
{
    struct slot *s = slot_find(aw.w.m, STR("/pair"));
    return s != NULL ? s->instances : NULL;
}

static struct world_task *task_of(const char *container)
{
    char mark[64];

    (void)snprintf(mark, sizeof mark, ".%s.", container);
    for (int i = 0; i < WORLD_TASKS_MAX; i++)
        if (aw.w.tasks[i].id != NULL && strstr(aw.w.tasks[i].id, mark) != NULL)
            return &aw.w.tasks[i];
    return NULL;
}

TEST("a pod is an app of the sum of its containers and its executor, with a port per endpoint")
{
    apiworld_init(&aw, 1);
    CHECK_INT(call(&aw, "POST", "/v2/pods", PAIR), 201);
    CHECK_CSTR(at(&aw, "executorResources"), "{\"cpus\":0.1,\"mem\":32,\"disk\":10}");
    CHECK_CSTR(at(&aw, "scheduling/upgrade"), "{\"minimumHealthCapacity\":1,\"maximumOverCapacity\":1}");
    CHECK_CSTR(at(&aw, "containers/0/endpoints/0/protocol"), "[\"tcp\"]");
    CHECK_CSTR(at(&aw, "networks"), "");
    CHECK_STR(sbuf_view(&aw.answer.location), STR("http://h:8080/pair"));
    const struct app *a = &slot_find(aw.w.m, STR("/pair"))->spec->app;
    CHECK_INT((int64_t)(a->cpus.v * 1000 + 0.5), 500);
    CHECK_INT((int64_t)a->mem.v, 96);
    CHECK_INT(app_port_count(a), 1);
    CHECK_INT(aw.w.m->service_ports[0], 0);
    apiworld_done(&aw);
}

TEST("it runs when all containers run, and has ended when all have ended")
{
    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/pods", PAIR);
    world_offer(&aw.w);
    CHECK_INT(only()->container_count, 2);
    world_status(&aw.w, task_of("web")->id, TASK_STARTING, -1);
    CHECK_INT(only()->state, INSTANCE_STAGING);
    world_status(&aw.w, task_of("web")->id, TASK_RUNNING, -1);
    CHECK_INT(only()->state, INSTANCE_STAGING);
    world_status(&aw.w, task_of("side")->id, TASK_RUNNING, -1);
    CHECK_INT(only()->state, INSTANCE_RUNNING);
    world_run(&aw.w, 500);
    world_end_task(&aw.w, task_of("side"), TASK_FAILED);
    CHECK_INT(only()->state, INSTANCE_RUNNING);
    world_end_task(&aw.w, task_of("web"), TASK_KILLED);
    CHECK_INT(only()->state, INSTANCE_SCHEDULED); /* to be started again: the failure counts, not the kill */
    CHECK(slot_find(aw.w.m, STR("/pair"))->backoff.delay_ns > 0);
    world_run(&aw.w, 3000);
    CHECK_INT(only()->state, INSTANCE_RUNNING);
    CHECK_INT(only()->incarnation, 2);
    apiworld_done(&aw);
}

TEST("what an ended container of a pod with a volume held is offered while the others end: it stays reserved")
{
    apiworld_init_as(&aw, 1, STR("web"));
    CHECK_INT(call(&aw, "POST", "/v2/pods",
                   "{\"id\":\"/pair\",\"volumes\":[{\"name\":\"data\",\"persistent\":{\"size\":16}}],\"containers\":["
                   CONTAINER("web", ",\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"data\"}]") "," CONTAINER("side", "") "]}"), 201);
    world_run(&aw.w, 3000);
    REQUIRE(only() != NULL);
    CHECK_INT(only()->state, INSTANCE_RUNNING);
    world_status(&aw.w, task_of("side")->id, TASK_FAILED, -1);
    CHECK_INT(only()->state, INSTANCE_RUNNING); /* the other is being killed */
    for (int i = 0; i < WORLD_PIECES_MAX; i++)
        if (aw.w.pieces[i].owner != NULL && str_is(str_of(aw.w.pieces[i].name), "cpus")) {
            free(aw.w.pieces[i].task);
            aw.w.pieces[i].task = NULL;
        }
    world_offer(&aw.w);
    CHECK_INT(aw.w.reclaims, 0);
    apiworld_done(&aw);
}

TEST("it is healthy when every container with a check is, in whatever order they say so")
{
    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/pods",
               PAIR_OF("1", ",\"healthCheck\":{\"exec\":{\"command\":{\"shell\":\"true\"}}}"));
    world_offer(&aw.w);
    world_status(&aw.w, task_of("side")->id, TASK_RUNNING, -1);
    world_status(&aw.w, task_of("side")->id, TASK_RUNNING, 1);
    CHECK_INT(only()->state, INSTANCE_STAGING);
    world_status(&aw.w, task_of("web")->id, TASK_RUNNING, -1);
    CHECK_INT(only()->health, INSTANCE_HEALTHY);
    (void)call(&aw, "GET", "/v2/pods/pair::status", NULL);
    CHECK_CSTR(at(&aw, "status"), "\"STABLE\"");
    CHECK_CSTR(at(&aw, "instances/0/containers/1/conditions/0/value"), "\"true\"");
    world_status(&aw.w, task_of("side")->id, TASK_RUNNING, 0);
    CHECK_INT(only()->health, INSTANCE_UNHEALTHY);
    (void)call(&aw, "GET", "/v2/pods/pair::status", NULL);
    CHECK_CSTR(at(&aw, "instances/0/status"), "\"DEGRADED\"");
    CHECK_CSTR(at(&aw, "instances/0/message"), "\"at least one container is not healthy\"");
    apiworld_done(&aw);
}

TEST("a kill goes to every container that has not ended")
{
    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/pods", PAIR);
    world_run(&aw.w, 500);
    unsigned kills = aw.w.kills;
    CHECK_INT(call(&aw, "DELETE", "/v2/pods/pair?force=true", NULL), 202);
    CHECK_INT(body_of(&aw).n, 0);
    CHECK(aw.answer.deployment_id[0] != '\0');
    CHECK_INT(aw.w.kills - kills, 2);
    world_run(&aw.w, 500);
    CHECK(slot_find(aw.w.m, STR("/pair")) == NULL || only() == NULL);
    apiworld_done(&aw);
}

TEST("scaling starts no running instance anew; another definition replaces all")
{
    apiworld_init(&aw, 2);
    (void)call(&aw, "POST", "/v2/pods", PAIR);
    world_run(&aw.w, 500);
    char before[300];
    (void)snprintf(before, sizeof before, "%s", only()->id.p);
    CHECK_INT(call(&aw, "PUT", "/v2/pods/pair", PAIR_OF("3", "")), 200);
    world_run(&aw.w, 500);
    CHECK_INT(slot_find(aw.w.m, STR("/pair"))->running, 3);
    CHECK(instance_find(aw.w.m, str_of(before)) != NULL);
    CHECK_INT(call(&aw, "PUT", "/v2/pods/pair", PAIR_OF("3", ",\"labels\":{\"a\":\"b\"}")), 200);
    world_run(&aw.w, 3000);
    CHECK_INT(slot_find(aw.w.m, STR("/pair"))->running, 3);
    CHECK(instance_find(aw.w.m, str_of(before)) == NULL);
    (void)call(&aw, "GET", "/v2/pods/pair::versions", NULL);
    CHECK(at(&aw, "2")[0] == '"');
    apiworld_done(&aw);
}

static void on_report(void *ctx, struct str key, const char *what)
{
    (void)ctx;
    test_fail(__FILE__, __LINE__, "record %.*s: %s", STR_ARG(key), what);
}

TEST("a restart finds the pod and its containers again and launches nothing")
{
    static struct record v[RECORDS_MAX];
    char before[4096];

    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/pods", PAIR);
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/v2/pods/pair", NULL);
    (void)snprintf(before, sizeof before, "%.*s", STR_ARG(body_of(&aw)));
    unsigned launches = aw.w.launches, kills = aw.w.kills;
    marathon_free(aw.w.m);
    aw.w.m = marathon_new(&aw.w.config);
    for (size_t i = 0; i < aw.record_count; i++)
        v[i] = (struct record){ str_of(aw.records[i].key), str_of(aw.records[i].value) };
    records_load(aw.w.m, v, aw.record_count, aw.w.now, on_report, NULL);
    apiworld_attach(&aw);
    world_start(&aw.w);
    world_status(&aw.w, task_of("web")->id, TASK_RUNNING, -1);
    world_status(&aw.w, task_of("side")->id, TASK_RUNNING, -1);
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/v2/pods/pair", NULL);
    CHECK_STR(body_of(&aw), str_of(before));
    CHECK_INT(only()->state, INSTANCE_RUNNING);
    CHECK_INT(aw.w.launches, launches);
    CHECK_INT(aw.w.kills, kills);
    apiworld_done(&aw);
}

TEST("apps and pods do not see each other")
{
    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/pods", PAIR);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/apps/pair", NULL), 404);
    CHECK_INT(call(&aw, "DELETE", "/v2/apps/pair", NULL), 404);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/pair", "{\"cmd\":\"xx\"}"), 422);
    (void)call(&aw, "GET", "/v2/apps", NULL);
    CHECK_STR(body_of(&aw), STR("{\"apps\":[]}"));
    (void)call(&aw, "GET", "/v2/tasks", NULL);
    CHECK_STR(body_of(&aw), STR("{\"tasks\":[]}"));
    CHECK_INT(call(&aw, "POST", "/v2/apps",
                   "{\"id\":\"/a\",\"cmd\":\"xx\",\"podDefinition\":{\"id\":\"/p\",\"containers\":[]}}"),
              201);
    CHECK(slot_find(aw.w.m, STR("/a"))->spec->app.pod == NULL);
    CHECK_INT(call(&aw, "GET", "/v2/pods/a", NULL), 404);
    CHECK_INT(call(&aw, "PUT", "/v2/groups?force=true", "{\"apps\":[]}"), 200);
    CHECK_INT(call(&aw, "GET", "/v2/pods/pair", NULL), 200);
    apiworld_done(&aw);
}

TEST("what was picked is shared out to the executor and the containers, and nothing is left over")
{
    static const struct stoa_resource offered[] = {
        { .name = "cpus", .type = STOA_SCALAR, .milli = 300, .role = "*" },
        { .name = "cpus", .type = STOA_SCALAR, .milli = 4000, .role = "r" },
        { .name = "mem", .type = STOA_SCALAR, .milli = 100000000, .role = "*" },
        { .name = "disk", .type = STOA_SCALAR, .milli = 100000000, .role = "*" },
        { .name = "ports", .type = STOA_RANGES, .role = "*" },
    };
    struct stoa_offer offer = { .resources = offered, .resource_count = 5 };
    struct port_range port = { 31005, 31005 };
    struct pick picks[] = { { 0, 300, NULL, 0, 0 },
                            { 1, 200, NULL, 0, 0 },
                            { 2, 96000, NULL, 0, 0 },
                            { 3, 10000, NULL, 0, 0 },
                            { 4, 0, &port, 1, 0 } };
    uint32_t host = 31005, inside = 31005;
    struct stoa_operation op;
    struct arena arena;
    int64_t cpus = 0;

    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/pods", PAIR);
    world_offer(&aw.w);
    arena_init(&arena, 1 << 20);
    struct launch l = { .instance = only(),
                        .task_id = only()->task_id,
                        .spec = only()->spec,
                        .agent_id = STR("a0"),
                        .hostname = STR("host0"),
                        .ports = &host,
                        .container_ports = &inside,
                        .port_count = 1,
                        .picks = picks,
                        .pick_count = 5 };
    CHECK(pod_build(&op, &l, &offer, &aw.w.config, false, &(struct list){ 0 }, &arena));
    CHECK_INT(op.type, STOA_OP_LAUNCH_GROUP);
    CHECK_INT(op.task_count, 2);
    CHECK_INT(op.executor->type, STOA_EXECUTOR_DEFAULT);
    for (size_t i = 0; i < op.executor->resource_count; i++)
        cpus += strcmp(op.executor->resources[i].name, "cpus") == 0 ? op.executor->resources[i].milli : 0;
    CHECK_INT(cpus, 100);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < op.tasks[k].resource_count; i++)
            cpus += strcmp(op.tasks[k].resources[i].name, "cpus") == 0 ? op.tasks[k].resources[i].milli : 0;
    CHECK_INT(cpus, 500);
    CHECK_INT(op.tasks[0].resources[op.tasks[0].resource_count - 1].ranges[0].begin, 31005);
    CHECK_CSTR(op.tasks[0].name, "web");
    arena_done(&arena);
    apiworld_done(&aw);
}
