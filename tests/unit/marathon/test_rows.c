/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the reference that an outsider found wanting: what is refused with which path, and what is read leniently. */
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
    { "and is not created", "GET", "/v2/groups/A_B", NULL, 404, "does not exist" },
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
