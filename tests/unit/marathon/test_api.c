/* SPDX-License-Identifier: Apache-2.0 */
/* The REST API by request and answer: codes, shapes and texts of the reference. Each case names what it
 * shows. */
#include "tests/unit/marathon/apiworld.h"

static struct apiworld aw;

#define WEB "{\"id\":\"/web\",\"cmd\":\"sleep 1000\",\"cpus\":0.1,\"mem\":32,\"instances\":2}"

TEST("POST /v2/apps answers 201 with the app, its version, counts and deployment")
{
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "POST", "/v2/apps", WEB), 201);
    CHECK_CSTR(at(&aw, "id"), "\"/web\"");
    CHECK_CSTR(at(&aw, "version"), "\"2023-11-14T22:13:20.000Z\"");
    CHECK_CSTR(at(&aw, "tasksRunning"), "0");
    CHECK_CSTR(at(&aw, "versionInfo"), "");
    CHECK_CSTR(at(&aw, "tasks"), "");
    CHECK_CSTR(at(&aw, "networks"), "[{\"mode\":\"host\"}]");
    CHECK_CSTR(at(&aw, "portDefinitions"), "[{\"port\":10000,\"name\":\"default\",\"protocol\":\"tcp\"}]");
    CHECK_CSTR(at(&aw, "upgradeStrategy"), "{\"maximumOverCapacity\":1,\"minimumHealthCapacity\":1}");
    CHECK_CSTR(at(&aw, "unreachableStrategy"), "{\"inactiveAfterSeconds\":0,\"expungeAfterSeconds\":0}");
    CHECK_CSTR(at(&aw, "labels"), "{}");
    CHECK(str_contains(body_of(&aw), STR("\"cpus\":0.1,\"disk\":0.0")));
    CHECK(str_contains(body_of(&aw), STR("\"mem\":32.0")));
    CHECK(aw.answer.deployment_id[0] != '\0');
    CHECK(str_contains(body_of(&aw), str_of(aw.answer.deployment_id)));
    CHECK_STR(sbuf_view(&aw.answer.location), STR("http://h:8080/web"));
    CHECK_INT(aw.published, 1);
    for (size_t i = 0; i < 3; i++) {
        static const char *const absent[] = { "\"ports\"", "\"uris\"", "\"ipAddress\"" };
        CHECK(!str_contains(body_of(&aw), str_of(absent[i])));
    }
    apiworld_done(&aw);
}

TEST("an app is read with counts, deployments and tasks; slashes may be doubled")
{
    apiworld_init(&aw, 2);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/apps//web", NULL), 200);
    CHECK_CSTR(at(&aw, "app/tasksRunning"), "2");
    CHECK_CSTR(at(&aw, "app/deployments"), "[]");
    CHECK_CSTR(at(&aw, "app/tasks/0/state"), "\"TASK_RUNNING\"");
    CHECK_CSTR(at(&aw, "app/tasks/0/appId"), "\"/web\"");
    CHECK_CSTR(at(&aw, "app/tasks/0/localVolumes"), "[]");
    CHECK(at(&aw, "app/versionInfo/lastConfigChangeAt")[0] == '"');
    CHECK_INT(call(&aw, "GET", "/v2/apps/?embed=apps.tasks&embed=apps.counts", NULL), 200);
    CHECK_CSTR(at(&aw, "apps/0/tasksRunning"), "2");
    CHECK(at(&aw, "apps/0/tasks/1/id")[0] == '"');
    CHECK_INT(call(&aw, "GET", "/v2/apps", NULL), 200);
    CHECK_CSTR(at(&aw, "apps/0/tasks"), "");
    CHECK_INT(call(&aw, "GET", "/v2/apps?label=x", NULL), 200);
    CHECK_STR(body_of(&aw), STR("{\"apps\":[]}"));
    CHECK_INT(call(&aw, "GET", "/v2/apps?id=WE&cmd=SLEEP", NULL), 200);
    CHECK_CSTR(at(&aw, "apps/0/id"), "\"/web\"");
    CHECK_INT(call(&aw, "GET", "/v2/apps/*", NULL), 200);
    CHECK_CSTR(at(&aw, "*/0/id"), "\"/web\"");
    CHECK_INT(call(&aw, "GET", "/v2/apps/web/tasks", NULL), 200);
    CHECK(at(&aw, "tasks/0/id")[0] == '"');
    apiworld_done(&aw);
}

/* Bad definitions: status, path and text of the first detail, or the message. */
#define PERSISTENT(path, mode, info)                                                                       \
    "{\"id\":\"/a\",\"cmd\":\"xx\",\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"containerPath\":\"" path \
    "\",\"mode\":\"" mode "\",\"persistent\":{" info "}}]}}"

static const struct {
    const char *body;
    unsigned status;
    const char *path, *text; /* path NULL: text is in the message */
} bad[] = {
    { "{bad", 400, NULL, "Invalid JSON" },
    { "", 400, NULL, "Please specify data in JSON format" },
    { "{\"id\":1,\"cmd\":\"xx\"}", 422, "/id", "error.expected.jsstring" },
    { "{\"cmd\":\"xx\"}", 422, "/id", "'id' is undefined on object: {\"cmd\":\"xx\"}" },
    { "{\"id\":\"/A\",\"cmd\":\"xx\"}", 422, "/id", "error.pattern" },
    { "{\"id\":\"\",\"cmd\":\"xx\"}", 422, "/id", "error.minLength" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"cpus\":\"1\"}", 422, "/cpus", "error.expected.jsnumber" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"cpus\":0}", 422, "/cpus", "error.min" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"instances\":1.5}", 422, "/instances", "error.expected.int" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"instances\":-1}", 422, "/instances", "error.min" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"env\":{\"K\":1}}", 422, "/env/K", "error.expected.jsstring" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"labels\":[]}", 422, "/labels", "error.expected.jsobject" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"args\":{}}", 422, "/args", "error.expected.jsarray" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"requirePorts\":1}", 422, "/requirePorts", "error.expected.jsboolean" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"killSelection\":\"X\"}", 422, "/killSelection",
      "error.unknown.enum.literal" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"portDefinitions\":[{\"port\":70000}]}", 422,
      "/portDefinitions(0)/port", "error.max" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"upgradeStrategy\":{\"maximumOverCapacity\":1}}", 422,
      "/upgradeStrategy/minimumHealthCapacity",
      "'minimumHealthCapacity' is undefined on object: {\"maximumOverCapacity\":1}" },
    { "{\"id\":\"/"
      "a\",\"cmd\":\"xx\",\"upgradeStrategy\":{\"maximumOverCapacity\":1.2,\"minimumHealthCapacity\":1}}",
      422, "/upgradeStrategy/maximumOverCapacity", "got 1.2, expected between 0.0 and 1.0" },
    { "{\"id\":\"/a\"}", 422, "/",
      "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'." },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"args\":[\"y\"]}", 422, "/",
      "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'." },
    { "{\"id\":\"/a/restart\",\"cmd\":\"xx\"}", 422, "/id",
      "must not end with any of the following reserved keywords: restart, tasks, versions, ., .." },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"ports\":[1],\"portDefinitions\":[]}", 422, "/",
      "cannot specify both ports and port definitions" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"uris\":[\"u\"],\"fetch\":[{\"uri\":\"v\"}]}", 422, "/uris",
      "may not be set in conjunction with fetch" },
    { "{\"id\":\"/"
      "a\",\"cmd\":\"xx\",\"portDefinitions\":[{\"port\":0,\"name\":\"p\"},{\"port\":0,\"name\":\"p\"}]}",
      422, "/portDefinitions", "Port names must be unique." },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"healthChecks\":[{\"portIndex\":1}]}", 422, "/healthChecks(0)",
      "Health check port indices must address an element of the ports array or container port mappings." },
    { "{\"id\":\"/"
      "a\",\"cmd\":\"xx\",\"healthChecks\":[{\"protocol\":\"COMMAND\",\"command\":{\"value\":\"x\"}},"
      "{\"protocol\":\"MESOS_TCP\",\"port\":1}]}",
      422, "/", "AppDefinition can contain at most one Mesos health check" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"readinessChecks\":[{}]}", 422, "/readinessChecks(0)/portName",
      "No port definition reference for portName http-api" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"constraints\":[[\"hostname\",\"UNIQUE\",\"x\"]]}", 422,
      "/constraints(0)", "UNIQUE does not accept a value" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"constraints\":[[\"hostname\"]]}", 422, "/constraints(0)",
      "Each constraint must have either 2 or 3 fields" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"constraints\":[[\"hostname\",\"NEAR\"]]}", 422, "/constraints(0)",
      "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"constraints\":[[\"hostname\",\"LIKE\",\"(\"]]}", 422,
      "/constraints(0)", "is not a valid regular expression" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"constraints\":[[\"hostname\",\"MAX_PER\",\"x\"]]}", 422,
      "/constraints(0)", "MAX_PER requires an integer value" },
    { "{\"id\":\"/"
      "a\",\"cmd\":\"xx\",\"unreachableStrategy\":{\"inactiveAfterSeconds\":5,\"expungeAfterSeconds\":2}}",
      422, "/unreachableStrategy",
      "inactiveAfterSeconds (5) must be less or equal to expungeAfterSeconds, which is 2" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"role\":\"x\"}", 422, "/role", "got x, expected one of: [*]" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"acceptedResourceRoles\":[]}", 422, "/acceptedResourceRoles",
      "must not be empty" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"acceptedResourceRoles\":[\"x\"]}", 422, "/acceptedResourceRoles",
      "acceptedResourceRoles can only contain * and *" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"gpus\":1}", 422, "/",
      "Feature gpu_resources is not enabled. Enable with --enable_features gpu_resources)" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"secrets\":{\"s\":{\"source\":\"x\"}}}", 422, "/secrets",
      "Feature secrets is not enabled. Enable with --enable_features secrets)" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"env\":{\"K\":{\"secret\":\"s\"}}}", 422, "/env/K/secret",
      "references an undefined secret" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"resourceLimits\":{\"mem\":64}}", 422, "/resourceLimits/mem",
      "resource limit must be greater than or equal to requested resource (128.0)" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"resourceLimits\":{\"mem\":\"lots\"}}", 422, "/resourceLimits/mem",
      "'lots' is an invalid resource limit. It must be 'unlimited' or a number" },
    { "{\"id\":\"/a\",\"cmd\":\"xx\",\"instances\":2,\"labels\":{\"MARATHON_SINGLE_INSTANCE_APP\":\"true\"}}",
      422, "/instances", "Single instance app may only have one instance" },
    /* Not built yet: said, never ignored. */
    { PERSISTENT("d", "RW", "\"size\":1"), 422, "/role", "Resident apps cannot have the role *" },
    { PERSISTENT("d", "RW", "\"size\":0"), 422, "/container/volumes(0)/persistent/size",
      "got 0, expected more than 0" },
    { PERSISTENT("d", "RO", "\"size\":1"), 422, "/container/volumes(0)/mode", "got RO, expected RW" },
    { PERSISTENT("d/e", "RW", "\"size\":1"), 422, "/container/volumes(0)/containerPath",
      "value must not contain \"/\"" },
    { PERSISTENT("d", "RW", "\"size\":1,\"maxSize\":2"), 422, "/container/volumes(0)/persistent",
      "Only mount volumes can have maxSize" },
    { PERSISTENT("d", "RW", "\"size\":2,\"maxSize\":1,\"type\":\"mount\""), 422,
      "/container/volumes(0)/persistent", "Max size must be larger than size" },
    { PERSISTENT("d", "RW", "\"size\":1,\"constraints\":[[\"path\",\"LIKE\",\"a.*\"]]"), 422,
      "/container/volumes(0)/persistent", "Constraints on root volumes are not supported" },
    { PERSISTENT("d", "RW", "\"size\":1,\"type\":\"path\",\"constraints\":[[\"path\",\"UNIQUE\"]]"), 422,
      "/container/volumes(0)/persistent/constraints(0)",
      "a volume's constraint has the operator LIKE or UNLIKE" },
    { PERSISTENT("d", "RW", "\"size\":\"x\""), 422, "/container/volumes(0)/hostPath",
      "'hostPath' is undefined on object: {\"containerPath\":\"d\",\"mode\":\"RW\",\"persistent\":{\"size\":\"x\"}}" },
};

TEST("bad definitions are refused with path and text, and change nothing")
{
    apiworld_init(&aw, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned status = call(&aw, "POST", "/v2/apps", bad[i].body);
        bool found = bad[i].path == NULL && str_contains(body_of(&aw), str_of(bad[i].text));
        cJSON *j = cJSON_ParseWithLength(aw.answer.body.p, aw.answer.body.n);
        const cJSON *d, *e;
        cJSON_ArrayForEach(d, cJSON_GetObjectItem(j, "details"))
            cJSON_ArrayForEach(e, cJSON_GetObjectItem(d, "errors")) found =
                found || (bad[i].path != NULL &&
                          strcmp(cJSON_GetObjectItem(d, "path")->valuestring, bad[i].path) == 0 &&
                          strcmp(e->valuestring, bad[i].text) == 0);
        cJSON_Delete(j);
        if (status != bad[i].status || !found)
            test_fail(__FILE__, __LINE__, "%s: %u %.*s", bad[i].body, status, STR_ARG(body_of(&aw)));
    }
    CHECK_INT(aw.w.m->app_count, 0);
    CHECK_INT(aw.record_count, 1); /* the framework id */
    apiworld_done(&aw);
}

TEST("deprecated forms become their present ones")
{
    apiworld_init(&aw, 0);
    CHECK_INT(call(&aw, "POST", "/v2/apps",
                   "{\"id\":\"a\",\"cmd\":\"xx\",\"ports\":[0,9000],\"uris\":[\"http://x/y.tgz\",\"z\"]}"),
              201);
    CHECK_CSTR(at(&aw, "portDefinitions"),
               "[{\"port\":10000,\"protocol\":\"tcp\"},{\"port\":9000,\"protocol\":\"tcp\"}]");
    CHECK_CSTR(at(&aw, "fetch/0"),
               "{\"uri\":\"http://x/y.tgz\",\"extract\":true,\"executable\":false,\"cache\":false}");
    CHECK_CSTR(at(&aw, "fetch/1/extract"), "false");
    CHECK_INT(call(&aw, "POST", "/v2/apps",
                   "{\"id\":\"b\",\"cmd\":\"xx\",\"portDefinitions\":[],\"constraints\":[[\"hostname\","
                   "\"unique\"]]}"),
              201);
    CHECK_CSTR(at(&aw, "portDefinitions"), "[]");
    CHECK_CSTR(at(&aw, "constraints"), "[[\"hostname\",\"UNIQUE\"]]");
    CHECK_INT(
        call(&aw, "POST", "/v2/apps",
             "{\"id\":\"c\",\"cmd\":\"xx\",\"unreachableStrategy\":\"disabled\",\"nope\":1,\"user\":null}"),
        201);
    CHECK_CSTR(at(&aw, "unreachableStrategy"), "\"disabled\"");
    apiworld_done(&aw);
}

TEST("PUT merges, creates, replaces and rolls back")
{
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/x/y", "{\"cmd\":\"sleep 1\",\"env\":{\"A\":\"1\"}}"), 201);
    CHECK(at(&aw, "deploymentId")[0] == '"');
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/x/y", "{\"instances\":2}"), 200);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/apps/x/y", NULL), 200);
    CHECK_CSTR(at(&aw, "app/env"), "{\"A\":\"1\"}");
    CHECK_CSTR(at(&aw, "app/tasksRunning"), "2");
    CHECK_INT(call(&aw, "PUT", "/v2/apps/x/y?partialUpdate=false", "{\"cmd\":\"sleep 2\"}"), 200);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/apps/x/y", NULL), 200);
    CHECK_CSTR(at(&aw, "app/env"), "");
    CHECK_CSTR(at(&aw, "app/instances"), "1");
    CHECK_INT(call(&aw, "GET", "/v2/apps/x/y/versions", NULL), 200);
    char version[64], body[128], target[128];
    (void)snprintf(version, sizeof version, "%s", at(&aw, "versions/2"));
    (void)snprintf(body, sizeof body, "{\"version\":%s}", version);
    (void)snprintf(target, sizeof target, "/v2/apps/x/y/versions/%.24s", version + 1);
    CHECK_INT(call(&aw, "GET", target, NULL), 200);
    CHECK_CSTR(at(&aw, "env"), "{\"A\":\"1\"}");
    CHECK_INT(call(&aw, "PUT", "/v2/apps/x/y", body), 200);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/apps/x/y", NULL), 200);
    CHECK_CSTR(at(&aw, "app/cmd"), "\"sleep 1\"");
    CHECK_INT(call(&aw, "PUT", "/v2/apps/x/y", "{\"version\":\"2015-01-01T00:00:00.000Z\"}"), 404);
    CHECK_CSTR(at(&aw, "message"), "\"App '/x/y' does not exist in version 2015-01-01T00:00:00.000Z\"");
    CHECK_INT(call(&aw, "PUT", "/v2/apps/x/y", "{\"version\":\"2015-01-01T00:00:00.000Z\",\"cpus\":1}"), 422);
    CHECK_INT(call(&aw, "PATCH", "/v2/apps/nope", "{\"cpus\":1}"), 404);
    apiworld_done(&aw);
}

TEST("an update without a change gives a deployment without steps and no new version")
{
    apiworld_init(&aw, 2);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web", "{\"instances\":2}"), 200);
    CHECK_INT(aw.w.m->deployment_count, 1);
    CHECK_INT(aw.w.m->deployment_list->plan.n, 0);
    world_run(&aw.w, 200);
    CHECK_INT(aw.w.m->deployment_count, 0);
    CHECK_INT(aw.w.counts[BUS_DEPLOYMENT_SUCCESS], 2);
    CHECK_INT(call(&aw, "GET", "/v2/apps/web/versions", NULL), 200);
    CHECK_CSTR(at(&aw, "versions/1"), "");
    apiworld_done(&aw);
}

TEST("conflicts answer 409: with deployments when locked, without when the id is in use")
{
    apiworld_init(&aw, 0);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    CHECK_INT(call(&aw, "POST", "/v2/apps", WEB), 409);
    CHECK_STR(body_of(&aw), STR("{\"message\":\"An app with id [/web] already exists.\"}"));
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web", "{\"instances\":7}"), 409);
    CHECK(str_starts(body_of(&aw),
                     STR("{\"message\":\"App is locked by one or more deployments. Override with the option "
                         "'?force=true'. View details at "
                         "'/v2/deployments/<DEPLOYMENT_ID>'.\",\"deployments\":[{\"id\":\"")));
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web?force=True", "{\"instances\":7}"), 200);
    CHECK_INT(call(&aw, "DELETE", "/v2/apps/web?force=false", NULL), 409);
    CHECK_INT(call(&aw, "DELETE", "/v2/apps/web", NULL), 200);
    apiworld_done(&aw);
}

TEST("deployments are listed with steps and actions, and deleted with and without force")
{
    apiworld_init(&aw, 0);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    CHECK_INT(call(&aw, "GET", "/v2/deployments", NULL), 200);
    CHECK_CSTR(at(&aw, "0/steps"), "[{\"actions\":[{\"action\":\"StartApplication\",\"app\":\"/web\"}]},"
                                   "{\"actions\":[{\"action\":\"ScaleApplication\",\"app\":\"/web\"}]}]");
    CHECK_CSTR(at(&aw, "0/currentActions"),
               "[{\"action\":\"ScaleApplication\",\"app\":\"/web\",\"readinessCheckResults\":[]}]");
    CHECK_CSTR(at(&aw, "0/currentStep"), "2");
    CHECK_CSTR(at(&aw, "0/totalSteps"), "2");
    CHECK_CSTR(at(&aw, "0/affectedApps"), "[\"/web\"]");
    char target[128];
    (void)snprintf(target, sizeof target, "/v2/deployments/%s", aw.w.m->deployment_list->id);
    CHECK_INT(call(&aw, "DELETE", target, NULL), 200);
    CHECK_INT(call(&aw, "GET", "/v2/apps/web", NULL), 404);
    CHECK_INT(call(&aw, "DELETE", target, NULL), 404);
    CHECK(str_contains(body_of(&aw), STR("DeploymentPlan ")));
    (void)call(&aw, "POST", "/v2/apps", WEB);
    (void)snprintf(target, sizeof target, "/v2/deployments/%s?force=true", aw.w.m->deployment_list->id);
    CHECK_INT(call(&aw, "DELETE", target, NULL), 202);
    CHECK_INT(body_of(&aw).n, 0);
    CHECK_INT(call(&aw, "GET", "/v2/apps/web", NULL), 200);
    apiworld_done(&aw);
}

TEST("the queue shows delay, counts and the funnel of reasons")
{
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "POST", "/v2/apps", "{\"id\":\"/big\",\"cmd\":\"xx\",\"cpus\":100}"), 201);
    world_run(&aw.w, 300);
    CHECK_INT(call(&aw, "GET", "/v2/queue?embed=lastUnusedOffers", NULL), 200);
    CHECK_CSTR(at(&aw, "queue/0/count"), "1");
    CHECK_CSTR(at(&aw, "queue/0/delay"), "{\"timeLeftSeconds\":0,\"overdue\":true}");
    CHECK_CSTR(at(&aw, "queue/0/app/id"), "\"/big\"");
    CHECK_CSTR(at(&aw, "queue/0/role"), "");
    CHECK_CSTR(at(&aw, "queue/0/processedOffersSummary/rejectSummaryLastOffers/4"),
               "{\"reason\":\"InsufficientCpus\",\"declined\":2,\"processed\":2}");
    CHECK_CSTR(at(&aw, "queue/0/processedOffersSummary/rejectSummaryLastOffers/5"),
               "{\"reason\":\"InsufficientMemory\",\"declined\":0,\"processed\":0}");
    CHECK_CSTR(at(&aw, "queue/0/lastUnusedOffers/0/reason"), "[\"InsufficientCpus\"]");
    CHECK_INT(call(&aw, "GET", "/stoa/v1/apps/big/why", NULL), 200);
    CHECK_CSTR(at(&aw, "agents/0/needs"), "100");
    CHECK_CSTR(at(&aw, "agents/0/offered"), "4");
    CHECK_CSTR(at(&aw, "agents/0/text"), "\"needs 100 cpus, agent host0 offered 4\"");
    CHECK_INT(call(&aw, "DELETE", "/v2/queue/big/delay", NULL), 204);
    CHECK_INT(call(&aw, "DELETE", "/v2/queue/nope/delay", NULL), 404);
    CHECK_CSTR(at(&aw, "message"), "\"Application /nope not found in tasks queue.\"");
    apiworld_done(&aw);
}

TEST("killing tasks: replaced, or scaled down with a deployment")
{
    char target[256], id[160], body[256];
    apiworld_init(&aw, 2);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/v2/apps/web/tasks", NULL);
    (void)snprintf(id, sizeof id, "%s", at(&aw, "tasks/0/id"));
    (void)snprintf(target, sizeof target, "/v2/apps/web/tasks/%.*s", (int)strlen(id) - 2, id + 1);
    CHECK_INT(call(&aw, "DELETE", target, NULL), 200);
    CHECK_CSTR(at(&aw, "task/id"), id);
    world_run(&aw.w, 500);
    CHECK_INT(slot_find(aw.w.m, STR("/web"))->running, 2);
    CHECK_INT(call(&aw, "DELETE", target, NULL), 404);
    (void)call(&aw, "GET", "/v2/tasks?status=running", NULL);
    (void)snprintf(body, sizeof body, "{\"ids\":[%s,\"other.instance-x._app.1\"]}", at(&aw, "tasks/0/id"));
    CHECK_INT(call(&aw, "POST", "/v2/tasks/delete?scale=true&wipe=true", body), 400);
    CHECK_CSTR(at(&aw, "message"), "\"You cannot use scale and wipe at the same time.\"");
    CHECK_INT(call(&aw, "POST", "/v2/tasks/delete?scale=true", body), 200);
    CHECK(at(&aw, "deploymentId")[0] == '"');
    world_run(&aw.w, 500);
    CHECK_INT(slot_find(aw.w.m, STR("/web"))->running, 1);
    CHECK_INT(slot_find(aw.w.m, STR("/web"))->spec->app.instances.v, 1);
    CHECK_INT(call(&aw, "POST", "/v2/tasks/delete", "{\"ids\":[\"bogus\"]}"), 400);
    CHECK_INT(call(&aw, "DELETE", "/v2/apps/web/tasks?host=host9", NULL), 200);
    CHECK_STR(body_of(&aw), STR("{\"tasks\":[]}"));
    CHECK_INT(call_as(&aw, "GET", "/v2/tasks", NULL, "text/plain"), 200);
    CHECK(str_starts(body_of(&aw), STR("web\t10000\thost")));
    apiworld_done(&aw);
}

TEST("groups: created nested, read as a tree, replaced by omission, scaled, rolled back, deleted")
{
    char body[256];
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "POST", "/v2/groups",
                   "{\"id\":\"/"
                   "prod\",\"apps\":[{\"id\":\"db\",\"cmd\":\"xx\",\"cpus\":0.1}],\"groups\":[{\"id\":"
                   "\"web\",\"dependencies\":"
                   "[\"/prod/"
                   "db\"],\"apps\":[{\"id\":\"front\",\"cmd\":\"xx\",\"cpus\":0.1},{\"id\":\"back\",\"cmd\":"
                   "\"xx\",\"cpus\":0.1}]}]}"),
              201);
    CHECK_STR(sbuf_view(&aw.answer.location), STR("http://h:8080/prod"));
    CHECK_INT(aw.w.m->deployment_list->plan.n, 3);
    CHECK_INT(call(&aw, "POST", "/v2/groups", "{\"id\":\"/prod\"}"), 409);
    CHECK_CSTR(at(&aw, "message"), "\"Group /prod is already created. Use PUT to change this group.\"");
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/groups/prod", NULL), 200);
    CHECK_CSTR(at(&aw, "apps/0/id"), "\"/prod/db\"");
    CHECK_CSTR(at(&aw, "groups/0/id"), "\"/prod/web\"");
    CHECK_CSTR(at(&aw, "groups/0/dependencies"), "[\"/prod/db\"]");
    CHECK_CSTR(at(&aw, "groups/0/apps/1/id"), "\"/prod/web/front\"");
    CHECK_CSTR(at(&aw, "pods"), "[]");
    CHECK_INT(call(&aw, "GET", "/v2/groups/versions", NULL), 200);
    (void)snprintf(body, sizeof body, "{\"version\":%s}", at(&aw, "0"));
    CHECK_INT(call(&aw, "PUT", "/v2/groups/prod?dryRun=true", "{\"groups\":[]}"), 200);
    CHECK_CSTR(at(&aw, "steps"), "[{\"actions\":[{\"action\":\"StopApplication\",\"app\":\"/prod/web/back\"},"
                                 "{\"action\":\"StopApplication\",\"app\":\"/prod/web/front\"}]}]");
    CHECK_INT(aw.w.m->app_count, 3);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/prod", "{\"groups\":[]}"), 200);
    world_run(&aw.w, 500);
    CHECK_INT(aw.w.m->app_count, 1);
    CHECK(group_find(aw.w.m, STR("/prod/web")) == NULL);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/prod", "{\"scaleBy\":2.5}"), 200);
    world_run(&aw.w, 500);
    CHECK_INT(slot_find(aw.w.m, STR("/prod/db"))->running, 3);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/prod", "{\"scaleBy\":2,\"apps\":[]}"), 422);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/prod", body), 200);
    world_run(&aw.w, 500);
    CHECK_INT(aw.w.m->app_count, 3);
    CHECK_INT(slot_find(aw.w.m, STR("/prod/db"))->running, 1);
    CHECK_INT(call(&aw, "GET", "/v2/groups/prod/apps", NULL), 200);
    CHECK(at(&aw, "2/id")[0] == '"');
    CHECK_INT(call(&aw, "PUT", "/v2/groups/prod", "{\"version\":\"2015-01-01T00:00:00.000Z\"}"), 422);
    CHECK_CSTR(at(&aw, "message"), "\"Group /prod not available in version 2015-01-01T00:00:00.000Z\"");
    CHECK_INT(call(&aw, "DELETE", "/v2/groups/prod", NULL), 200);
    world_run(&aw.w, 500);
    CHECK_INT(aw.w.m->app_count, 0);
    CHECK_INT(call(&aw, "GET", "/v2/groups/prod", NULL), 404);
    CHECK_CSTR(at(&aw, "message"), "\"Group '/prod' does not exist\"");
    CHECK_INT(call(&aw, "GET", "/v2/groups", NULL), 200);
    apiworld_done(&aw);
}

TEST("a group update with one bad app changes nothing")
{
    apiworld_init(&aw, 0);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g", "{\"apps\":[{\"id\":\"a\",\"cmd\":\"xx\"},{\"id\":\"b\"}]}"),
              422);
    CHECK_CSTR(at(&aw, "details/0/path"), "\"/apps(1)\"");
    CHECK_INT(aw.w.m->app_count, 0);
    CHECK(group_find(aw.w.m, STR("/g")) == NULL);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g", "{\"apps\":[{\"id\":\"/other/a\",\"cmd\":\"xx\"}]}"), 422);
    CHECK_CSTR(at(&aw, "details/0"),
               "{\"path\":\"/apps(0)/id\",\"errors\":[\"Identifier is not child of '/g'\"]}");
    CHECK_INT(call(&aw, "POST", "/v2/apps", "{\"id\":\"/g\",\"cmd\":\"xx\"}"), 201);
    CHECK_INT(call(&aw, "POST", "/v2/apps", "{\"id\":\"/g/h\",\"cmd\":\"xx\"}"), 422);
    CHECK_CSTR(at(&aw, "details/0/errors/0"),
               "\"Groups and Applications may not have the same identifier.\"");
    CHECK_INT(call(&aw, "POST", "/v2/groups", "{\"id\":\"/g\"}"), 409);
    CHECK_CSTR(at(&aw, "message"), "\"An app with the path /g already exists.\"");
    apiworld_done(&aw);
}

static const struct {
    const char *method, *target, *accept;
    unsigned status;
    const char *body;
} plain[] = {
    { "GET", "/ping", NULL, 200, "pong" },
    { "GET", "/ping", "application/json", 200, "\"pong\"" },
    { "GET", "/ping", "image/png", 204, "" },
    { "GET", "/v2/leader", NULL, 200, "{\"leader\":\"127.0.0.1:8080\"}" },
    { "GET", "/v2/plugins", NULL, 200, "{\"plugins\":[]}" },
    { "GET", "/v2/plugins/x", NULL, 404, "{\"message\":\"No plugin with this pluginId: x\"}" },
    { "GET", "/v2/tasks", NULL, 200, "{\"tasks\":[]}" },
    { "GET", "/v2/queue", NULL, 200, "{\"queue\":[]}" },
    { "GET", "/v2/deployments", NULL, 200, "[]" },
    { "GET", "/v2/pods", NULL, 200, "[]" },
    { "GET", "/v2/pods/x", NULL, 404, "{\"message\":\"pod with /x does not exist\"}" },
    { "GET", "/v2/apps/x", NULL, 404, "{\"message\":\"App '/x' does not exist\"}" },
    { "GET", "/v2/apps/x/tasks", NULL, 404, "{\"message\":\"App '/x' does not exist\"}" },
    { "POST", "/v2/apps/x/restart", NULL, 404, "{\"message\":\"App '/x' does not exist\"}" },
    { "GET", "/nope", NULL, 404, "{\"message\":\"URI not found\"}" },
    { "GET", "/v2/artifacts", NULL, 404, "{\"message\":\"URI not found\"}" },
    { "GET", "/v2/apps", "image/png", 406, "{\"message\":\"Not Acceptable\"}" },
    { "DELETE", "/v2/apps", NULL, 405, "{\"message\":\"Method Not Allowed\"}" },
    { "GET", "/v2/events", "application/json", 405, "{\"message\":\"Method Not Allowed\"}" },
    { "GET", "/v2/apps?label=a%20in", NULL, 422, "{\"message\":\"Can not parse label selector 'a in'\"}" },
    { "GET", "/", NULL, 302, "" },
    { "GET", "/ui", NULL, 302, "" },
};

TEST("small endpoints and error shapes")
{
    apiworld_init(&aw, 0);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        unsigned status = call_as(&aw, plain[i].method, plain[i].target, NULL, plain[i].accept);
        if (status != plain[i].status || !str_eq(body_of(&aw), str_of(plain[i].body)))
            test_fail(__FILE__, __LINE__, "%s %s: %u %.*s", plain[i].method, plain[i].target, status,
                      STR_ARG(body_of(&aw)));
    }
    CHECK_INT(call(&aw, "GET", "/v2/info", NULL), 200);
    CHECK_CSTR(at(&aw, "frameworkId"), "\"fw-1\"");
    CHECK_CSTR(at(&aw, "marathon_config/mesos_role"), "\"*\"");
    CHECK_INT(call(&aw, "GET", "/metrics", NULL), 200);
    CHECK_CSTR(at(&aw, "gauges/marathon.apps.active.gauge"), "{\"value\":0}");
    CHECK_INT(call_as(&aw, "GET", "/metrics", NULL, "text/plain"), 200);
    CHECK(str_contains(body_of(&aw), STR("marathon_apps_active_gauge 0\n")));
    CHECK_INT(call_as(&aw, "GET", "/v2/events", NULL, "text/event-stream"), 200);
    CHECK(aw.answer.is_stream);
    apiworld_done(&aw);
}

TEST("label selectors: all terms must hold, and != needs the label")
{
    static const struct {
        const char *label, *want;
    } cases[] = {
        { "env", "\"/web\"" },
        { "env==prod", "\"/web\"" },
        { "env!=prod", "" },
        { "env!=dev", "\"/web\"" },
        { "other!=x", "" },
        { "env%20in%20(prod,dev)", "\"/web\"" },
        { "env%20notin%20(prod)", "" },
        { "env==prod,tier==1", "\"/web\"" },
        { "env==prod,tier==2", "" },
    };
    apiworld_init(&aw, 0);
    (void)call(&aw, "POST", "/v2/apps",
               "{\"id\":\"/web\",\"cmd\":\"xx\",\"labels\":{\"env\":\"prod\",\"tier\":\"1\"}}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[128];
        (void)snprintf(target, sizeof target, "/v2/apps?label=%s", cases[i].label);
        CHECK_INT(call(&aw, "GET", target, NULL), 200);
        if (!str_is(str_of(at(&aw, "apps/0/id")), cases[i].want))
            test_fail(__FILE__, __LINE__, "%s", cases[i].label);
    }
    apiworld_done(&aw);
}

TEST("too many deployments: 403, force or not; deleting with force makes room")
{
    apiworld_init(&aw, 0);
    aw.w.m->config.deployments_max = 1;
    (void)call(&aw, "POST", "/v2/apps", WEB);
    CHECK_INT(call(&aw, "POST", "/v2/apps?force=true", "{\"id\":\"/b\",\"cmd\":\"xx\"}"), 403);
    CHECK(str_contains(body_of(&aw), STR("Max number (1) of running deployments is achieved.")));
    apiworld_done(&aw);
}

/* --- restart --- */
static void crash_and_restart(void)
{
    apiworld_restart(&aw);
}

TEST("a restart loses no app, version, group, framework id or task, and launches nothing")
{
    char before[4096];
    apiworld_init(&aw, 2);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    (void)call(&aw, "PUT", "/v2/groups/g",
               "{\"dependencies\":[\"/"
               "web\"],\"apps\":[{\"id\":\"a\",\"cmd\":\"xx\",\"cpus\":0.1,\"env\":{\"K\":\"v\"}}]}");
    world_run(&aw.w, 500);
    (void)call(&aw, "PUT", "/v2/apps/web", "{\"instances\":3}");
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/v2/apps/web", NULL);
    (void)snprintf(before, sizeof before, "%.*s", STR_ARG(body_of(&aw)));
    unsigned launches = aw.w.launches, kills = aw.w.kills;
    crash_and_restart();
    world_run(&aw.w, 1000);
    CHECK_CSTR(aw.w.m->framework_id, "fw-1");
    (void)call(&aw, "GET", "/v2/apps/web", NULL);
    CHECK_STR(body_of(&aw), str_of(before));
    (void)call(&aw, "GET", "/v2/apps/web/versions", NULL);
    CHECK(at(&aw, "versions/1")[0] == '"');
    (void)call(&aw, "GET", "/v2/groups/g", NULL);
    CHECK_CSTR(at(&aw, "dependencies"), "[\"/web\"]");
    CHECK_CSTR(at(&aw, "apps/0/env"), "{\"K\":\"v\"}");
    CHECK_INT(aw.w.launches, launches);
    CHECK_INT(aw.w.kills, kills);
    CHECK(aw.w.reconciles >= 2);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web", "{\"instances\":3}"), 200);
    CHECK_INT(aw.w.m->deployment_list->plan.n, 0); /* what was stored is what was there */
    apiworld_done(&aw);
}

TEST("a deployment goes on after a crash at any of its steps")
{
    for (int stop = 0; stop < 40; stop += 3) {
        apiworld_init(&aw, 2);
        (void)call(&aw, "POST", "/v2/apps", WEB);
        world_run(&aw.w, 500);
        (void)call(&aw, "PUT", "/v2/apps/web",
                   "{\"cmd\":\"sleep "
                   "5\",\"upgradeStrategy\":{\"minimumHealthCapacity\":0.5,\"maximumOverCapacity\":0}}");
        for (int k = 0; k < stop && world_act(&aw.w); k++)
            ;
        crash_and_restart();
        world_run(&aw.w, 3000);
        struct slot *s = slot_find(aw.w.m, STR("/web"));
        CHECK_INT(aw.w.m->deployment_count, 0);
        CHECK_INT(s->running, 2);
        CHECK_INT(s->live[1], 0);
        CHECK_CSTR(s->spec->app.cmd.p, "sleep 5");
        apiworld_done(&aw);
    }
}

TEST("removed apps leave no record behind but what history needs")
{
    apiworld_init(&aw, 2);
    aw.w.m->config.versions_max = 2;
    for (int i = 0; i < 4; i++) {
        (void)call(&aw, "POST", "/v2/apps", WEB);
        world_run(&aw.w, 500);
        (void)call(&aw, "DELETE", "/v2/apps/web", NULL);
        world_run(&aw.w, 500);
    }
    for (size_t i = 0; i < aw.record_count; i++)
        CHECK(!str_starts(str_of(aw.records[i].key), STR("instance/")) &&
              !str_starts(str_of(aw.records[i].key), STR("current")) &&
              !str_starts(str_of(aw.records[i].key), STR("deployment/")));
    CHECK(aw.record_count <= 5); /* framework, two changes, and the definition one of them goes back to */
    apiworld_done(&aw);
}

TEST("dryRun=true tells the steps and changes nothing")
{
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "POST", "/v2/apps?dryRun=true", WEB), 200);
    CHECK_STR(body_of(&aw),
              STR("{\"steps\":[{\"actions\":[{\"action\":\"StartApplication\",\"app\":\"/web\"}]},"
                  "{\"actions\":[{\"action\":\"ScaleApplication\",\"app\":\"/web\"}]}],\"placements\":[],"
                  "\"unplaced\":[{\"app\":\"/web\",\"instances\":2,\"text\":\"no agent has offered anything yet\"}]}"));
    CHECK_INT(call(&aw, "GET", "/v2/apps/web", NULL), 404);
    CHECK_INT(aw.published, 0);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    world_run(&aw.w, 500);
    size_t records = aw.record_count;
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web?dryRun=true", "{\"instances\":5}"), 200);
    CHECK_CSTR(at(&aw, "steps/0/actions/0/action"), "\"ScaleApplication\"");
    CHECK_INT(call(&aw, "DELETE", "/v2/apps/web?dryRun=true", NULL), 200);
    CHECK_CSTR(at(&aw, "steps/0/actions/0/action"), "\"StopApplication\"");
    CHECK_INT(call(&aw, "POST", "/v2/apps/web/restart?dryRun=true", NULL), 200);
    CHECK_CSTR(at(&aw, "steps/0/actions/0/action"), "\"RestartApplication\"");
    world_run(&aw.w, 500);
    CHECK_INT(slot_find(aw.w.m, STR("/web"))->running, 2);
    CHECK_INT(aw.record_count, records);
    apiworld_done(&aw);
}

TEST("If-Match lets a change through when the version is the one that was read")
{
    char old[40];

    apiworld_init(&aw, 2);
    (void)call(&aw, "POST", "/v2/apps", WEB);
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/v2/apps/web", NULL);
    memcpy(old, aw.answer.etag, sizeof old);
    CHECK_CSTR(old, "\"2023-11-14T22:13:20.000Z\"");
    aw.if_match = str_of(old);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web", "{\"instances\":1}"), 200);
    CHECK(strcmp(aw.answer.etag, old) != 0);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web", "{\"instances\":3}"), 412);
    CHECK_INT(call(&aw, "DELETE", "/v2/apps/web", NULL), 412);
    CHECK_INT(slot_find(aw.w.m, STR("/web"))->spec->app.instances.v, 1);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/none", "{\"cmd\":\"xx\"}"), 412);
    aw.if_match = STR("*");
    CHECK_INT(call(&aw, "DELETE", "/v2/apps/web", NULL), 200);
    aw.if_match = (struct str){ NULL, 0 };
    apiworld_done(&aw);
}

TEST("with --safe_groups what a group update leaves out goes with prune=true only")
{
    apiworld_init(&aw, 2);
    (void)call(&aw, "PUT", "/v2/groups/g",
               "{\"apps\":[{\"id\":\"a\",\"cmd\":\"xx\"},{\"id\":\"b\",\"cmd\":\"xx\"}]}");
    world_run(&aw.w, 500);
    aw.flags.safe_groups = true;
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g", "{\"apps\":[{\"id\":\"a\",\"cmd\":\"xx\"}]}"), 422);
    CHECK(str_contains(body_of(&aw), STR("/g/b")));
    CHECK(slot_find(aw.w.m, STR("/g/b"))->spec != NULL);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g?prune=true", "{\"apps\":[{\"id\":\"a\",\"cmd\":\"xx\"}]}"), 200);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/apps/g/b", NULL), 404);
    apiworld_done(&aw);
}

/* --- persistent volumes ------------------------------------------------------------------------------------ */
#define DB                                                                                                 \
    "{\"id\":\"/db\",\"cmd\":\"sleep 1000\",\"cpus\":0.1,\"mem\":32,\"instances\":2,\"container\":{"        \
    "\"type\":\"MESOS\",\"volumes\":[{\"containerPath\":\"data\",\"mode\":\"RW\",\"persistent\":{\"size\":100}}]}}"

static void begin_resident(void)
{
    apiworld_init(&aw, 2);
    aw.w.config.role = aw.w.m->config.role = STR("web");
    CHECK_INT(call(&aw, "POST", "/v2/apps", DB), 201);
    CHECK_CSTR(at(&aw, "upgradeStrategy"), "{\"maximumOverCapacity\":0,\"minimumHealthCapacity\":0.5}");
    CHECK_CSTR(at(&aw, "unreachableStrategy"), "\"disabled\"");
    CHECK_CSTR(at(&aw, "residency"),
               "{\"relaunchEscalationTimeoutSeconds\":3600,\"taskLostBehavior\":\"WAIT_FOREVER\"}");
    CHECK_CSTR(at(&aw, "container/volumes/0/persistent"), "{\"type\":\"root\",\"size\":100,\"constraints\":[]}");
    world_run(&aw.w, 2000);
}

TEST("tasks of an app with persistent volumes list them, also while it is scaled down")
{
    begin_resident();
    (void)call(&aw, "GET", "/v2/apps/db", NULL);
    CHECK_CSTR(at(&aw, "app/tasksRunning"), "2");
    CHECK_CSTR(at(&aw, "app/tasks/0/localVolumes/0/runSpecId"), "\"/db\"");
    CHECK_CSTR(at(&aw, "app/tasks/0/localVolumes/0/containerPath"), "\"data\"");
    const char *id = at(&aw, "app/tasks/0/localVolumes/0/persistenceId"),
               *uuid = at(&aw, "app/tasks/0/localVolumes/0/uuid");
    CHECK(strncmp(id, "\"db#data#", 9) == 0 && strcmp(id + 9, uuid + 1) == 0);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/db", "{\"instances\":0}"), 200);
    world_run(&aw.w, 2000);
    (void)call(&aw, "GET", "/v2/tasks", NULL);
    CHECK_CSTR(at(&aw, "tasks/1/state"), "\"TASK_KILLED\"");
    CHECK_CSTR(at(&aw, "tasks/1/startedAt"), "");
    CHECK_CSTR(at(&aw, "tasks/1/localVolumes/0/containerPath"), "\"data\"");
    apiworld_done(&aw);
}

TEST("an app with persistent volumes keeps what its reservations are made of")
{
    static const struct {
        const char *body, *text;
    } refused[] = {
        { "{\"cpus\":0.2}", "Services with persistent volumes configured may not change resource requirements." },
        { "{\"mem\":64}", "Services with persistent volumes configured may not change resource requirements." },
        { "{\"portDefinitions\":[{\"port\":0},{\"port\":0}]}",
          "Services with persistent volumes configured may not change host port requirements." },
        { "{\"container\":{\"type\":\"MESOS\",\"volumes\":[]}}", "Persistent volumes can not be changed!" },
        { "{\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"containerPath\":\"data\",\"mode\":\"RW\","
          "\"persistent\":{\"size\":200}}]}}",
          "Persistent volumes can not be changed!" },
        { "{\"upgradeStrategy\":{\"minimumHealthCapacity\":0.5,\"maximumOverCapacity\":0.5}}",
          "got 0.5, expected 0.0" },
        { "{\"unreachableStrategy\":{\"inactiveAfterSeconds\":1,\"expungeAfterSeconds\":2}}",
          "unreachableStrategy must be disabled for resident tasks" },
        { "{\"role\":\"*\"}", "Resident apps cannot have the role *" },
    };

    begin_resident();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        unsigned status = call(&aw, "PUT", "/v2/apps/db", refused[i].body);
        if (status != 422 || !str_contains(body_of(&aw), str_of(refused[i].text)))
            test_fail(__FILE__, __LINE__, "%s: %u %.*s", refused[i].body, status, STR_ARG(body_of(&aw)));
    }
    CHECK_INT(call(&aw, "PUT", "/v2/apps/db", "{\"env\":{\"A\":\"b\"}}"), 200);
    apiworld_done(&aw);
}

TEST("a restart loses no reservation: waiting, resting and running instances keep their volumes")
{
    char before[4096], after[4096];

    begin_resident();
    (void)call(&aw, "PUT", "/v2/apps/db", "{\"instances\":1}");
    world_run(&aw.w, 2000);
    struct instance *i = slot_find(aw.w.m, STR("/db"))->instances;
    if (instance_rests(i))
        i = i->next;
    aw.w.suppressed = true; /* no offers: it waits for its own */
    world_end_task(&aw.w, world_task(&aw.w, i->task_id), TASK_FAILED);
    (void)call(&aw, "GET", "/v2/apps/db/tasks", NULL);
    (void)snprintf(before, sizeof before, "%.*s", STR_ARG(body_of(&aw)));
    crash_and_restart();
    (void)call(&aw, "GET", "/v2/apps/db/tasks", NULL);
    (void)snprintf(after, sizeof after, "%.*s", STR_ARG(body_of(&aw)));
    CHECK_CSTR(after, before);
    world_run(&aw.w, 3000);
    CHECK_INT(slot_find(aw.w.m, STR("/db"))->running, 1);
    CHECK_INT(aw.w.reserves, 2);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/db", "{\"instances\":2}"), 200);
    world_run(&aw.w, 3000);
    CHECK_INT(slot_find(aw.w.m, STR("/db"))->running, 2);
    CHECK_INT(aw.w.reserves, 2);
    CHECK_INT(aw.w.reclaims, 0);
    apiworld_done(&aw);
}

TEST("a removed app's reservations are given back although the service restarts before an offer comes")
{
    begin_resident();
    aw.w.suppressed = true;
    (void)call(&aw, "DELETE", "/v2/apps/db", NULL);
    for (int k = 0; k < WORLD_TASKS_MAX; k++)
        if (aw.w.tasks[k].id != NULL)
            world_end_task(&aw.w, &aw.w.tasks[k], TASK_KILLED);
    CHECK_INT(HASH_COUNT(aw.w.m->garbage), 2);
    crash_and_restart();
    CHECK_INT(HASH_COUNT(aw.w.m->garbage), 2);
    CHECK(!aw.w.suppressed);
    world_run(&aw.w, 3000);
    CHECK(aw.w.m->garbage == NULL);
    CHECK(aw.w.suppressed);
    for (int k = 0; k < WORLD_PIECES_MAX; k++)
        CHECK(aw.w.pieces[k].owner == NULL);
    apiworld_done(&aw);
}

TEST("a restart in the middle of a rolling restart of instances with volumes starts each once")
{
    begin_resident();
    unsigned launches = aw.w.launches;
    CHECK_INT(call(&aw, "PUT", "/v2/apps/db", "{\"cmd\":\"sleep 2000\"}"), 200);
    crash_and_restart();
    world_run(&aw.w, 5000);
    CHECK_INT(slot_find(aw.w.m, STR("/db"))->running, 2);
    CHECK_INT(aw.w.launches, launches + 2);
    CHECK_INT(aw.w.reserves, 2);
    apiworld_done(&aw);
}

TEST("removed apps can be restored for some days, over a restart")
{
    apiworld_init(&aw, 2);
    aw.w.m->config.deleted_keep_ns = aw.w.config.deleted_keep_ns = 86400 * NS_PER_S;
    (void)call(&aw, "POST", "/v2/apps", WEB);
    (void)call(&aw, "POST", "/v2/pods", "{\"id\":\"/pod\",\"containers\":[{\"name\":\"c\",\"resources\":{\"cpus\":0.1,\"mem\":32},\"exec\":{\"command\":{\"shell\":\"sleep 9\"}}}]}");
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/deleted", NULL), 200);
    CHECK_STR(body_of(&aw), STR("{\"deleted\":[]}"));
    (void)call(&aw, "DELETE", "/v2/apps/web", NULL);
    (void)call(&aw, "DELETE", "/v2/pods/pod", NULL);
    world_run(&aw.w, 500);
    CHECK_INT(call(&aw, "GET", "/v2/apps/web", NULL), 404);
    apiworld_restart(&aw);
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/stoa/v1/deleted", NULL);
    CHECK_CSTR(at(&aw, "deleted/0/kind"), "\"pod\"");
    CHECK_CSTR(at(&aw, "deleted/1/id"), "\"/web\"");
    CHECK_CSTR(at(&aw, "deleted/1/definition/instances"), "2");
    CHECK_INT(call(&aw, "POST", "/stoa/v1/deleted/none/restore", NULL), 404);
    CHECK_INT(call(&aw, "POST", "/stoa/v1/deleted/web/restore?dryRun=true", NULL), 200);
    CHECK_INT(call(&aw, "POST", "/stoa/v1/deleted/web/restore", NULL), 201);
    CHECK(aw.answer.deployment_id[0] != '\0');
    world_run(&aw.w, 500);
    CHECK_INT(slot_find(aw.w.m, STR("/web"))->running, 2);
    CHECK_INT(call(&aw, "POST", "/stoa/v1/deleted/web/restore", NULL), 404);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/deleted/pod", NULL), 200);
    world_tick(&aw.w, 86400 * 1000);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/deleted/pod", NULL), 404);
    (void)call(&aw, "DELETE", "/v2/apps/web", NULL);
    (void)call(&aw, "POST", "/v2/apps", "{\"id\":\"/web\",\"cmd\":\"other\"}");
    CHECK_INT(call(&aw, "POST", "/stoa/v1/deleted/web/restore", NULL), 409);
    CHECK_INT(call(&aw, "DELETE", "/stoa/v1/deleted/web", NULL), 204);
    CHECK_INT(call(&aw, "DELETE", "/stoa/v1/deleted/web", NULL), 404);
    apiworld_done(&aw);
}

TEST("If-Match on groups: what changed anywhere below is noticed")
{
    char old[40];

    apiworld_init(&aw, 2);
    (void)call(&aw, "PUT", "/v2/groups/g", "{\"apps\":[{\"id\":\"a\",\"cmd\":\"xx\"}]}");
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/v2/groups/g", NULL);
    memcpy(old, aw.answer.etag, sizeof old);
    CHECK(old[0] == '"');
    (void)call(&aw, "PUT", "/v2/apps/g/a", "{\"instances\":2}");
    world_run(&aw.w, 500);
    aw.if_match = str_of(old);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g", "{\"apps\":[]}"), 412);
    CHECK_INT(call(&aw, "DELETE", "/v2/groups/g", NULL), 412);
    CHECK_INT(call(&aw, "PATCH", "/v2/groups/g", "{\"enforceRole\":true}"), 412);
    CHECK(slot_find(aw.w.m, STR("/g/a"))->spec != NULL);
    aw.if_match = (struct str){ NULL, 0 };
    (void)call(&aw, "GET", "/v2/groups/g", NULL);
    memcpy(old, aw.answer.etag, sizeof old);
    aw.if_match = str_of(old);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g?dryRun=true", "{\"apps\":[]}"), 200);
    CHECK_INT(call(&aw, "DELETE", "/v2/groups/g", NULL), 200);
    aw.if_match = STR("*");
    CHECK_INT(call(&aw, "PUT", "/v2/groups/none", "{\"apps\":[]}"), 412);
    aw.if_match = (struct str){ NULL, 0 };
    apiworld_done(&aw);
}
