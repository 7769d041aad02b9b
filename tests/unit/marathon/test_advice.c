/* SPDX-License-Identifier: Apache-2.0 */
/* What `why` advises, and that it is true. */
#include "tests/unit/marathon/apiworld.h"

static struct apiworld aw;

#define APP(more) "{\"id\":\"/big\",\"cmd\":\"sleep 1000\",\"mem\":32," more "}"

static void wait_with(const char *app)
{
    (void)call(&aw, "DELETE", "/v2/apps/big", NULL);
    world_run(&aw.w, 1000);
    CHECK_INT(call(&aw, "POST", "/v2/apps", app), 201);
    world_run(&aw.w, 1000);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/apps/big/why", NULL), 200);
}

TEST("the smallest change is the one that was alone in the way, and it is enough")
{
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "POST", "/v2/apps", "{\"id\":\"/small\",\"cmd\":\"sleep 1000\",\"cpus\":0.5,\"mem\":32}"), 201);
    world_run(&aw.w, 1000);
    wait_with(APP("\"cpus\":5"));
    CHECK(str_contains(body_of(&aw), STR("\"smallestChange\":\"with cpus 4 instead of 5 an instance would fit on agent host")));
    CHECK(str_contains(body_of(&aw), STR("\"heldBy\":[{\"app\":\"/small\",\"instances\":1,\"cpus\":0.5,\"mem\":32")));
    CHECK_CSTR(at(&aw, "deploymentText"), "\"step 2 of 2: 1 instance waits for an offer\"");
    CHECK_INT(call(&aw, "PUT", "/v2/apps/big?force=true", "{\"cpus\":4}"), 200);
    world_run(&aw.w, 1000);
    CHECK_INT(slot_find(aw.w.m, STR("/big"))->running, 1);
    wait_with(APP("\"cpus\":0.1,\"constraints\":[[\"rack\",\"IS\",\"r7\"]]"));
    CHECK(str_contains(body_of(&aw), STR("\"smallestChange\":\"without this an instance would fit on agent host")));
    wait_with(APP("\"cpus\":0.1,\"constraints\":[[\"rack\",\"IS\",\"r7\"],[\"row\",\"IS\",\"x\"]]"));
    CHECK(str_contains(body_of(&aw), STR("constraint rack IS r7: the agent has r")));
    CHECK(str_contains(body_of(&aw), STR(" (and others)\"")));
    wait_with(APP("\"cpus\":0.1,\"requirePorts\":true,\"portDefinitions\":[{\"port\":80}]"));
    CHECK(str_contains(body_of(&aw), STR("with other or fewer host ports")));
    wait_with(APP("\"cpus\":5,\"constraints\":[[\"rack\",\"IS\",\"r7\"]]")); /* two rules: no single change */
    CHECK_CSTR(at(&aw, "smallestChange"), "");
    wait_with(APP("\"cpus\":5,\"requirePorts\":true,\"portDefinitions\":[{\"port\":80}]"));
    CHECK_CSTR(at(&aw, "smallestChange"), "");
    apiworld_done(&aw);
}

TEST("a host port that another app of ours has is said to be there")
{
    apiworld_init(&aw, 1);
    CHECK_INT(call(&aw, "POST", "/v2/apps",
                   "{\"id\":\"/small\",\"cmd\":\"sleep 1000\",\"cpus\":0.5,\"mem\":32,\"requirePorts\":true,\"portDefinitions\":[{\"port\":31005}]}"),
              201);
    world_run(&aw.w, 1000);
    CHECK_INT(slot_find(aw.w.m, STR("/small"))->running, 1);
    wait_with(APP("\"cpus\":0.1,\"requirePorts\":true,\"portDefinitions\":[{\"port\":31005}]"));
    CHECK(str_contains(body_of(&aw), STR("\"text\":\"host port 31005 is not offered: /small has it there\"")));
    apiworld_done(&aw);
}

TEST("a suspended app says so, and who asks is told the role and the framework")
{
    apiworld_init(&aw, 1);
    wait_with(APP("\"instances\":0"));
    CHECK_CSTR(at(&aw, "summary"), "\"it is suspended: no instance is wanted\"");
    CHECK_CSTR(at(&aw, "role"), "\"*\"");
    CHECK(str_contains(body_of(&aw), STR("\"frameworkId\":\"")));
    apiworld_done(&aw);
}
