/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the reference that an outsider found wanting: what is refused with which path, and what is read leniently. */
#include "marathon/container.h"
#include "tests/unit/marathon/apiworld.h"

static struct apiworld aw;

/* POST unless method says otherwise: the status, and what the answer must contain. */
static const struct {
    const char *row, *method, *target, *body;
    unsigned status;
    const char *has;
} rows[] = {
    { "a body that is not UTF-8", "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"a \xff\"}", 400, "\"message\":\"Invalid JSON\"" },
    { "a NUL in a text", "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"a\\u0000b\"}", 400, "\"message\":\"Invalid JSON\"" },
    { "sloppy numbers", "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"ab\",\"cpus\":01}", 400, "\"message\":\"Invalid JSON\"" },
    { "Artifact.uri must parse as a URI", "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"ab\",\"fetch\":[{\"uri\":\"http://a b/\"}]}",
      422, "{\"path\":\"/fetch(0)/uri\",\"errors\":[\"URI has invalid syntax.\"]}" },
    { "the same for uris", "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"ab\",\"uris\":[\"http://a/{x}\"]}", 422,
      "{\"path\":\"/fetch(0)/uri\",\"errors\":[\"URI has invalid syntax.\"]}" },
    { "escapes, queries and fragments are fine", "POST", "/v2/apps",
      "{\"id\":\"/uri\",\"cmd\":\"ab\",\"instances\":0,\"fetch\":[{\"uri\":\"https://u:p@h:80/a%20b?c=d&e#f\"},{\"uri\":\"s3://b/k\"},"
      "{\"uri\":\"/file\"}]}", 201, "\"uri\":\"https://u:p@h:80/a%20b?c=d&e#f\"" },
    { "ReadinessCheck.httpStatusCodesForReady has items>=1", "POST", "/v2/apps",
      "{\"id\":\"/a\",\"cmd\":\"ab\",\"portDefinitions\":[{\"port\":0,\"name\":\"http-api\"}],\"readinessChecks\":[{"
      "\"httpStatusCodesForReady\":[]}]}",
      422, "{\"path\":\"/readinessChecks(0)/httpStatusCodesForReady\",\"errors\":[\"error.minLength\"]}" },
    { "an element of a list in a list has its own path", "POST", "/v2/apps",
      "{\"id\":\"/a\",\"cmd\":\"ab\",\"constraints\":[[\"hostname\",5]]}", 422,
      "{\"path\":\"/constraints(0)(1)\",\"errors\":[\"error.expected.jsstring\"]}" },
    { "the id of a group in the URL obeys the pattern", "PUT", "/v2/groups/A_B", "{}", 422,
      "{\"path\":\"/id\",\"errors\":[\"error.pattern\"]}" },
    { "and the id of an app in the URL", "PUT", "/v2/apps/a%20b", "{\"cmd\":\"ab\"}", 422,
      "{\"path\":\"/id\",\"errors\":[\"must fully match regular expression '^((" },
    { "doubles in texts have a fraction", "POST", "/v2/apps",
      "{\"id\":\"/a\",\"cmd\":\"ab\",\"upgradeStrategy\":{\"minimumHealthCapacity\":2,\"maximumOverCapacity\":1}}", 422,
      "got 2.0, expected between 0.0 and 1.0" },
    { "the group is not created", "GET", "/v2/groups/A_B", NULL, 404, "does not exist" },
    { "Pod.environment has names of variables", "POST", "/v2/pods",
      "{\"id\":\"/p\",\"environment\":{\"1A\":\"x\"},\"containers\":[{\"name\":\"c\",\"resources\":{},\"exec\":{\"command\":{\"shell\":"
      "\"ab\"}}}]}",
      422, "{\"path\":\"/environment/1A\"" },
    { "Pod.linuxInfo: seccomp refused at executor level", "POST", "/v2/pods",
      "{\"id\":\"/p\",\"linuxInfo\":{\"seccomp\":{\"unconfined\":true}},\"containers\":[{\"name\":\"c\",\"resources\":{},\"exec\":{"
      "\"command\":{\"shell\":\"ab\"}}}]}",
      422, "Seccomp configuration on executor level is not supported" },
    { "Endpoint.protocol has items>=1", "POST", "/v2/pods",
      "{\"id\":\"/p\",\"containers\":[{\"name\":\"c\",\"resources\":{},\"endpoints\":[{\"name\":\"e\",\"hostPort\":0,\"protocol\":[]}],"
      "\"exec\":{\"command\":{\"shell\":\"ab\"}}}]}",
      422, "{\"path\":\"/containers(0)/endpoints(0)/protocol\",\"errors\":[\"error.minLength\"]}" },
};

TEST("rows: a request, its status, and what the answer says")
{
    apiworld_init(&aw, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned status = call(&aw, rows[i].method, rows[i].target, rows[i].body);

        if (status != rows[i].status || !str_contains(body_of(&aw), str_of(rows[i].has)))
            test_fail(__FILE__, __LINE__, "%s: %u %.*s", rows[i].row, status, STR_ARG(str_sub(body_of(&aw), 0, 300)));
    }
    apiworld_done(&aw);
}

TEST("OPTIONS: 200 without a body, and the methods of the route in Allow")
{
    static const char *const routes[][2] = {
        { "/v2/apps", "GET, HEAD, POST, PUT, PATCH, OPTIONS" },
        { "/v2/apps/none", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS" },
        { "/v2/groups/g", "GET, POST, PUT, PATCH, DELETE, OPTIONS" },
        { "/v2/info", "GET, HEAD, OPTIONS" },
        { "/v2/tasks", "GET, HEAD, OPTIONS" },
        { "/v2/tasks/delete", "POST, OPTIONS" },
        { "/ping", "GET, HEAD, OPTIONS" },
    };

    apiworld_init(&aw, 0);
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        CHECK_INT(call_as(&aw, "OPTIONS", routes[i][0], NULL, "text/html"), 200);
        CHECK_INT(body_of(&aw).n, 0);
        CHECK_CSTR(aw.answer.allow != NULL ? aw.answer.allow : "", routes[i][1]);
    }
    CHECK_INT(call(&aw, "OPTIONS", "/v2/nope", NULL), 404);
    apiworld_done(&aw);
}

TEST("text/plain of one app's tasks, as of all")
{
    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/apps", "{\"id\":\"/g/a\",\"cmd\":\"sleep 10\",\"cpus\":0.1,\"mem\":32}");
    (void)call(&aw, "POST", "/v2/apps", "{\"id\":\"/b\",\"cmd\":\"sleep 10\",\"cpus\":0.1,\"mem\":32}");
    world_run(&aw.w, 500);
    CHECK_INT(call_as(&aw, "GET", "/v2/apps/g/a/tasks", NULL, "text/plain"), 200);
    CHECK_CSTR(aw.answer.content_type, "text/plain");
    CHECK(str_starts(body_of(&aw), STR("g_a\t10000\t")));
    CHECK(!str_contains(body_of(&aw), STR("b\t")));
    CHECK_INT(call_as(&aw, "GET", "/v2/apps/g/*/tasks", NULL, "text/plain"), 200);
    CHECK(str_starts(body_of(&aw), STR("g_a\t10000\t")));
    CHECK_INT(call_as(&aw, "GET", "/v2/tasks", NULL, "text/plain"), 200);
    CHECK(str_contains(body_of(&aw), STR("b\t10001\t")));
    CHECK_INT(call_as(&aw, "GET", "/v2/apps/g/a/tasks", NULL, "image/png"), 406);
    apiworld_done(&aw);
}

TEST("a version is any ISO-8601 instant")
{
    static const char *const same[] = { "2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20%2B01:00",
                                        "2023-11-14T17:13:20-0500", "2023-11-14T22:13:20" };

    apiworld_init(&aw, 0);
    (void)call(&aw, "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"sleep 10\"}");
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char target[100];

        (void)snprintf(target, sizeof target, "/v2/apps/a/versions/%s", same[i]);
        CHECK_INT(call(&aw, "GET", target, NULL), 200);
    }
    CHECK_INT(call(&aw, "GET", "/v2/apps/a/versions/2023-11-14", NULL), 404);
    CHECK_INT(call(&aw, "GET", "/v2/apps/a/versions/2023-11-14T22:13:20.000X", NULL), 422);
    CHECK_INT(call(&aw, "GET", "/v2/apps/a/versions/2023-11-14T", NULL), 422);
    apiworld_done(&aw);
}

/* Old and new ways of saying it, and what is stored and rendered: the value at a path of the answer to the POST, "" for absent. */
#define MAPPING "{\"containerPort\":0,\"hostPort\":0,\"labels\":{},\"name\":\"default\",\"protocol\":\"tcp\",\"servicePort\":10000}"
static const struct {
    const char *row, *fields, *path, *value;
} forms[] = {
    { "docker.network HOST", "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"HOST\"}}", "networks", "[{\"mode\":\"host\"}]" },
    { "HOST has port definitions", "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"HOST\"}}", "portDefinitions",
      "[{\"port\":10000,\"name\":\"default\",\"protocol\":\"tcp\"}]" },
    { "docker.network BRIDGE, in any case", "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"bridge\"}}", "networks",
      "[{\"mode\":\"container/bridge\"}]" },
    { "BRIDGE has a mapping", "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"BRIDGE\"}}", "container/portMappings",
      "[" MAPPING "]" },
    { "BRIDGE has no port definitions", "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"BRIDGE\"}}", "portDefinitions", "" },
    { "docker.network is not rendered", "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"BRIDGE\"}}", "container/docker/network",
      "" },
    { "docker.portMappings move up",
      "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"BRIDGE\",\"portMappings\":[{\"containerPort\":80,\"protocol\":\"tcp,udp\"}]}}",
      "container/portMappings",
      "[{\"containerPort\":80,\"hostPort\":0,\"labels\":{},\"protocol\":\"udp,tcp\",\"servicePort\":10000}]" },
    { "docker.network USER with ipAddress",
      "\"container\":{\"docker\":{\"image\":\"i\",\"network\":\"USER\"}},\"ipAddress\":{\"networkName\":\"foo\",\"labels\":{\"a\":\"b\"}}",
      "networks", "[{\"name\":\"foo\",\"mode\":\"container\",\"labels\":{\"a\":\"b\"}}]" },
    { "ipAddress.discovery becomes mappings",
      "\"ipAddress\":{\"networkName\":\"foo\",\"discovery\":{\"ports\":[{\"number\":80,\"name\":\"web\",\"protocol\":\"tcp\"}]}}",
      "container/portMappings",
      "[{\"containerPort\":80,\"labels\":{},\"name\":\"web\",\"protocol\":\"tcp\",\"servicePort\":10000}]" },
    { "ipAddress of the bridge's name", "\"ipAddress\":{\"networkName\":\"mesos-bridge\"}", "networks",
      "[{\"mode\":\"container/bridge\"}]" },
    { "a bridge without a container gets one", "\"networks\":[{\"mode\":\"container/bridge\"}]", "container",
      "{\"type\":\"MESOS\",\"volumes\":[],\"portMappings\":[" MAPPING "]}" },
    { "a container network has no host port", "\"networks\":[{\"name\":\"x\"}]", "container/portMappings",
      "[{\"containerPort\":0,\"labels\":{},\"name\":\"default\",\"protocol\":\"tcp\",\"servicePort\":10000}]" },
    { "explicitly no mappings", "\"networks\":[{\"mode\":\"container/bridge\"}],\"container\":{\"type\":\"MESOS\",\"portMappings\":[]}",
      "container/portMappings", "[]" },
    { "requirePorts is the host network's", "\"requirePorts\":true,\"networks\":[{\"mode\":\"container/bridge\"}]", "requirePorts", "false" },
    { "a check of a bridge's port", "\"healthChecks\":[{}],\"networks\":[{\"mode\":\"container/bridge\"}]", "healthChecks/0/portIndex", "0" },
    { "tty", "\"tty\":true", "tty", "true" },
};

TEST("forms of networks and containers: what is rendered")
{
    apiworld_init(&aw, 0);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char body[1000];
        unsigned status;

        (void)snprintf(body, sizeof body, "{\"id\":\"/a\",\"cmd\":\"sleep 9\",\"instances\":0,%s}", forms[i].fields);
        status = call(&aw, "POST", "/v2/apps", body);
        if (status != 201 || strcmp(at(&aw, forms[i].path), forms[i].value) != 0)
            test_fail(__FILE__, __LINE__, "%s: %u %s", forms[i].row, status, at(&aw, forms[i].path));
        (void)call(&aw, "DELETE", "/v2/apps/a", NULL);
        world_run(&aw.w, 50);
    }
    apiworld_done(&aw);
}

TEST("networks of a container: names, labels and the mappings that lead into them")
{
    struct str only_b[] = { STR_INIT("b") };
    struct list names = { .p = only_b, .n = 1 };
    struct kv label[] = { { STR_INIT("k"), STR_INIT("v") } };
    struct network n[] = { { .name = STR_INIT("a"), .mode = { true, NET_CONTAINER }, .labels = { .p = label, .n = 1 } },
                           { .name = STR_INIT("b"), .mode = { true, NET_CONTAINER } } };
    struct network host = { .mode = { true, NET_HOST } }, bridge = { .mode = { true, NET_BRIDGE } };
    struct container_port ports[] = { { 31000, 80, PROTO_BOTH, &names }, { 31001, 81, PROTO_TCP, NULL } };
    struct sbuf b = SBUF_INIT(10000);
    struct jsonw w = JSONW(&b);

    container_put_networks(&w, &(struct list){ .p = n, .n = 2 }, STR("mesos-bridge"), ports, 2);
    CHECK_STR(sbuf_view(&b),
              STR("\"network_infos\":[{\"ip_addresses\":[{\"protocol\":\"IPv4\"}],\"name\":\"a\",\"labels\":{\"labels\":[{\"key\":\"k\",\"value\":\"v\"}]},"
                  "\"port_mappings\":[{\"host_port\":31001,\"container_port\":81,\"protocol\":\"tcp\"}]},"
                  "{\"ip_addresses\":[{\"protocol\":\"IPv4\"}],\"name\":\"b\",\"labels\":{\"labels\":[]},\"port_mappings\":["
                  "{\"host_port\":31000,\"container_port\":80,\"protocol\":\"udp\"},{\"host_port\":31000,\"container_port\":80,\"protocol\":\"tcp\"},"
                  "{\"host_port\":31001,\"container_port\":81,\"protocol\":\"tcp\"}]}]"));
    sbuf_clear(&b);
    w = JSONW(&b);
    container_put_networks(&w, &(struct list){ .p = &host, .n = 1 }, STR("mesos-bridge"), NULL, 0);
    CHECK_STR(sbuf_view(&b), STR("\"network_infos\":[]"));
    sbuf_clear(&b);
    w = JSONW(&b);
    container_put_networks(&w, &(struct list){ .p = &bridge, .n = 1 }, STR("mesos-bridge"), ports + 1, 1);
    CHECK(str_contains(sbuf_view(&b), STR("\"name\":\"mesos-bridge\"")));
    CHECK(str_contains(sbuf_view(&b), STR("\"host_port\":31001")));
    sbuf_done(&b);
}

TEST("Task.checkResult: the last word of the app's check")
{
    static const struct {
        struct check_result said;
        const char *shown;
    } words[] = {
        { { CHECK_RESULT_COMMAND, 3 }, "{\"command\":{\"exitCode\":3}}" },
        { { CHECK_RESULT_NONE, 0 }, "{\"command\":{\"exitCode\":3}}" }, /* an update that does not speak of it */
        { { CHECK_RESULT_HTTP, 503 }, "{\"http\":{\"statusCode\":503}}" },
        { { CHECK_RESULT_TCP, 1 }, "{\"tcp\":{\"succeeded\":true}}" },
    };

    apiworld_init(&aw, 1);
    (void)call(&aw, "POST", "/v2/apps", "{\"id\":\"/a\",\"cmd\":\"sleep 10\",\"cpus\":0.1,\"mem\":32}");
    world_run(&aw.w, 500);
    (void)call(&aw, "GET", "/v2/apps/a/tasks", NULL);
    CHECK_CSTR(at(&aw, "tasks/0/checkResult"), "");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct instance *in = aw.w.m->instances;
        struct marathon_event ev = { .type = EVENT_STATUS };

        ev.status = (struct status_event){ .task_id = in->task_id, .agent_id = in->agent->id, .state = TASK_RUNNING,
                                           .reason_number = REASON_NONE, .healthy = -1, .check = words[i].said };
        CHECK_INT(world_step(&aw.w, ev, NULL), 0);
        (void)call(&aw, "GET", "/v2/apps/a/tasks", NULL);
        CHECK_CSTR(at(&aw, "tasks/0/checkResult"), words[i].shown);
    }
    apiworld_done(&aw);
}
