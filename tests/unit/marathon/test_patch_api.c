/* SPDX-License-Identifier: Apache-2.0 */
/* JSON merge patches of apps and groups, and what a dry run tells. */
#include "tests/unit/marathon/apiworld.h"

static struct apiworld aw;

static unsigned patch(const char *target, const char *body)
{
    unsigned status;

    aw.content_type = "application/merge-patch+json; charset=utf-8";
    status = call(&aw, "PATCH", target, body);
    aw.content_type = NULL;
    return status;
}

static void create(const char *json)
{
    CHECK_INT(call(&aw, "POST", "/v2/apps", json), 201);
    world_run(&aw.w, 1000);
}

TEST("a merge patch of an app removes with null, merges objects and replaces lists")
{
    apiworld_init(&aw, 2);
    create("{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1,\"user\":\"nobody\",\"env\":{\"A\":\"1\",\"B\":\"2\"},"
           "\"labels\":{\"x\":\"y\"},\"upgradeStrategy\":{\"minimumHealthCapacity\":0.5,\"maximumOverCapacity\":0.25}}");
    CHECK_INT(patch("/v2/apps/a", "{\"user\":null,\"env\":{\"A\":null,\"C\":\"3\"},\"upgradeStrategy\":{\"maximumOverCapacity\":0}}"), 200);
    world_run(&aw.w, 3000);
    CHECK_INT(call(&aw, "GET", "/v2/apps/a", NULL), 200);
    CHECK_STR(str_of(at(&aw, "app/user")), STR(""));
    CHECK_STR(str_of(at(&aw, "app/env")), STR("{\"B\":\"2\",\"C\":\"3\"}"));
    CHECK_STR(str_of(at(&aw, "app/labels")), STR("{\"x\":\"y\"}"));
    CHECK_STR(str_of(at(&aw, "app/upgradeStrategy/minimumHealthCapacity")), STR("0.5"));
    CHECK_STR(str_of(at(&aw, "app/upgradeStrategy/maximumOverCapacity")), STR("0"));
    /* As plain JSON a null is as if it were not there. */
    CHECK_INT(call(&aw, "PATCH", "/v2/apps/a", "{\"env\":null}"), 200);
    world_run(&aw.w, 3000);
    CHECK_INT(call(&aw, "GET", "/v2/apps/a", NULL), 200);
    CHECK_STR(str_of(at(&aw, "app/env/B")), STR("\"2\""));
    apiworld_done(&aw);
}

static const struct {
    const char *target, *body, *path;
    unsigned status;
} bad[] = {
    { "/v2/apps/a", "[]", "/", 422 },
    { "/v2/apps/a", "{\"version\":\"2020-01-01T00:00:00.000Z\"}", "/version", 422 },
    { "/v2/apps/a", "{\"id\":\"/b\"}", "/id", 422 },
    { "/v2/apps/a", "{\"cpus\":-1}", "/cpus", 422 },
    { "/v2/apps/a", "{\"cmd\":null}", "/", 422 },
    { "/v2/apps/none", "{\"cpus\":1}", NULL, 404 },
    { "/v2/groups/g", "7", "/", 422 },
    { "/v2/groups/g", "{\"scaleBy\":2}", "/scaleBy", 422 },
    { "/v2/groups/g", "{\"id\":\"/h\"}", "/id", 422 },
    { "/v2/groups/g", "{\"apps\":[{\"id\":\"a\",\"cmd\":\"x\",\"cpus\":\"y\"}]}", "/apps(0)/cpus", 422 },
    { "/v2/groups/none", "{\"apps\":null}", NULL, 404 },
};

TEST("a bad merge patch changes nothing and tells the field")
{
    apiworld_init(&aw, 2);
    create("{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1}");
    create("{\"id\":\"/g/a\",\"cmd\":\"sleep 1\",\"cpus\":0.1}");
    struct wall version = aw.w.m->version;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned status = patch(bad[i].target, bad[i].body);
        char want[64];
        (void)snprintf(want, sizeof want, "\"%s\"", bad[i].path != NULL ? bad[i].path : "");
        if (status != bad[i].status || (bad[i].path != NULL && strcmp(at(&aw, "details/0/path"), want) != 0))
            test_fail(__FILE__, __LINE__, "%s %s: %u %.*s", bad[i].target, bad[i].body, status, STR_ARG(body_of(&aw)));
        CHECK_INT(aw.w.m->version.ms, version.ms);
    }
    apiworld_done(&aw);
}

TEST("a merge patch of a group keeps what it does not name; null empties; If-Match guards it")
{
    char etag[64];

    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g",
                   "{\"dependencies\":[\"/x\"],\"apps\":[{\"id\":\"a\",\"cmd\":\"sleep 1\",\"cpus\":0.1}],"
                   "\"groups\":[{\"id\":\"h\",\"apps\":[{\"id\":\"b\",\"cmd\":\"sleep 1\",\"cpus\":0.1}]}]}"),
              200);
    world_run(&aw.w, 2000);
    CHECK_INT(call(&aw, "GET", "/v2/groups/g", NULL), 200);
    memcpy(etag, aw.answer.etag, sizeof aw.answer.etag);
    CHECK_INT(patch("/v2/groups/g", "{\"dependencies\":null,\"enforceRole\":true}"), 200);
    world_run(&aw.w, 2000);
    CHECK_INT(call(&aw, "GET", "/v2/groups/g", NULL), 200);
    CHECK_STR(str_of(at(&aw, "dependencies")), STR("[]"));
    CHECK_STR(str_of(at(&aw, "enforceRole")), STR("true"));
    CHECK_STR(str_of(at(&aw, "apps/0/id")), STR("\"/g/a\""));
    CHECK_STR(str_of(at(&aw, "groups/0/apps/0/id")), STR("\"/g/h/b\""));
    aw.if_match = str_of(etag);
    CHECK_INT(patch("/v2/groups/g", "{\"apps\":null}"), 412);
    CHECK_INT(call(&aw, "GET", "/v2/groups/g", NULL), 200);
    memcpy(etag, aw.answer.etag, sizeof aw.answer.etag);
    CHECK_INT(patch("/v2/groups/g?dryRun=true", "{\"apps\":null}"), 200);
    CHECK_STR(str_of(at(&aw, "steps/0/actions/0/action")), STR("\"StopApplication\""));
    CHECK(slot_find(aw.w.m, STR("/g/a")) != NULL);
    CHECK_INT(patch("/v2/groups/g", "{\"apps\":null}"), 200);
    aw.if_match = (struct str){ NULL, 0 };
    world_run(&aw.w, 2000);
    CHECK(slot_find(aw.w.m, STR("/g/a")) == NULL);
    CHECK(slot_find(aw.w.m, STR("/g/h/b")) != NULL);
    CHECK_INT(patch("/v2/groups/g", "{\"groups\":[]}"), 200);
    world_run(&aw.w, 2000);
    CHECK(slot_find(aw.w.m, STR("/g/h/b")) == NULL);
    CHECK(group_find(aw.w.m, STR("/g")) != NULL);
    apiworld_done(&aw);
}

TEST("a dry run of an app tells where its instances would go, and what does not fit")
{
    apiworld_init(&aw, 3);
    CHECK_INT(call(&aw, "POST", "/v2/apps?dryRun=true", "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":1,\"instances\":2}"), 200);
    CHECK_STR(str_of(at(&aw, "placements")), STR("[]"));
    CHECK_STR(str_of(at(&aw, "unplaced/0/text")), STR("\"no agent has offered anything yet\""));
    create("{\"id\":\"/seed\",\"cmd\":\"sleep 1\",\"cpus\":2,\"instances\":1}"); /* on the first agent: 2 cpus are left */
    CHECK_INT(call(&aw, "POST", "/v2/apps?dryRun=true", "{\"id\":\"/a\",\"cmd\":\"sleep 1\",\"cpus\":1.5,\"instances\":7}"), 200);
    CHECK_STR(str_of(at(&aw, "steps/1/actions/0/action")), STR("\"ScaleApplication\""));
    CHECK_STR(str_of(at(&aw, "placements/0/instances")), STR("1"));
    CHECK_STR(str_of(at(&aw, "placements/1/instances")), STR("2"));
    CHECK_STR(str_of(at(&aw, "placements/2/instances")), STR("2"));
    CHECK_STR(str_of(at(&aw, "placements/2/app")), STR("\"/a\""));
    CHECK_STR(str_of(at(&aw, "unplaced/0/instances")), STR("2"));
    CHECK_STR(str_of(at(&aw, "unplaced/0/reason")), STR("\"InsufficientCpus\""));
    CHECK_STR(str_of(at(&aw, "unplaced/0/needs")), STR("1.5"));
    CHECK_STR(str_of(at(&aw, "unplaced/0/offered")), STR("0.5"));
    CHECK(slot_find(aw.w.m, STR("/a")) == NULL);
    /* Constraints see what is there. */
    CHECK_INT(call(&aw, "PUT", "/v2/apps/seed?dryRun=true", "{\"instances\":4,\"constraints\":[[\"hostname\",\"UNIQUE\"]]}"), 200);
    CHECK_STR(str_of(at(&aw, "steps/0/actions/0/action")), STR("\"RestartApplication\""));
    CHECK_STR(str_of(at(&aw, "placements/1/instances")), STR("1"));
    CHECK_STR(str_of(at(&aw, "unplaced/0/instances")), STR("1"));
    CHECK_STR(str_of(at(&aw, "unplaced/0/reason")), STR("\"UnfulfilledConstraint\""));
    apiworld_done(&aw);
}

TEST("a dry run of a group predicts all of its apps on the same offers")
{
    apiworld_init(&aw, 2);
    create("{\"id\":\"/seed\",\"cmd\":\"sleep 1\",\"cpus\":1,\"instances\":1}");
    CHECK_INT(call(&aw, "PUT", "/v2/groups/g?dryRun=true",
                   "{\"apps\":[{\"id\":\"a\",\"cmd\":\"x1\",\"cpus\":3,\"instances\":2},{\"id\":\"b\",\"cmd\":\"x1\",\"cpus\":2,\"dependencies\":[\"a\"]},"
                   "{\"id\":\"c\",\"cmd\":\"x1\",\"cpus\":0.5,\"constraints\":[[\"hostname\",\"EVERY\"]]}]}"),
              200);
    CHECK_STR(str_of(at(&aw, "placements/0/app")), STR("\"/g/a\""));
    CHECK_STR(str_of(at(&aw, "placements/1/app")), STR("\"/g/a\""));
    CHECK_STR(str_of(at(&aw, "placements/2/app")), STR("\"/g/c\""));
    CHECK_STR(str_of(at(&aw, "placements/3")), STR(""));
    CHECK_STR(str_of(at(&aw, "unplaced/0/app")), STR("\"/g/c\""));
    CHECK_STR(str_of(at(&aw, "unplaced/1/app")), STR("\"/g/b\""));
    CHECK_STR(str_of(at(&aw, "unplaced/1/nearest")), STR("\"host0\""));
    CHECK_INT(call(&aw, "POST", "/v2/groups?dryRun=true", "{\"id\":\"/n\",\"apps\":[{\"id\":\"a\",\"cmd\":\"x1\",\"cpus\":1}]}"), 200);
    CHECK_STR(str_of(at(&aw, "placements/0/app")), STR("\"/n/a\""));
    CHECK(group_find(aw.w.m, STR("/n")) == NULL);
    apiworld_done(&aw);
}
