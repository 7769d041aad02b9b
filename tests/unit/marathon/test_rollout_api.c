/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts by request and answer. */
#include "tests/unit/marathon/apiworld.h"

static struct apiworld aw;

#define WEB "{\"id\":\"/web\",\"cmd\":\"sleep 1000\",\"cpus\":0.1,\"mem\":32,\"instances\":2}"

TEST("rollouts: the rules are stored and shown, commands act and are refused by code, a restart keeps them")
{
    apiworld_init(&aw, 2);
    CHECK_INT(call(&aw, "POST", "/v2/apps", WEB), 201);
    CHECK(!str_contains(body_of(&aw), STR("pauseAfter")));
    world_run(&aw.w, 1000);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/apps/web/rollout", NULL), 200);
    CHECK_CSTR(at(&aw, "state"), "\"none\"");
    CHECK_INT(call(&aw, "POST", "/stoa/v1/apps/web/rollout/pause", "{}"), 409);
    CHECK_INT(call(&aw, "POST", "/stoa/v1/apps/web/rollout/undo", "{}"), 409);
    CHECK_INT(call(&aw, "POST", "/stoa/v1/apps/nix/rollout/undo", "{}"), 404);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/apps/nix/rollout", NULL), 404);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/apps/web/rollout/pause", NULL), 405);
#define STRATEGY "\"minimumHealthCapacity\":1,\"maximumOverCapacity\":1"
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web", "{\"upgradeStrategy\":{" STRATEGY ",\"autoRollback\":{}}}"), 422);
    CHECK_CSTR(at(&aw, "details/0/path"), "\"/upgradeStrategy/autoRollback\"");
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web", "{\"upgradeStrategy\":{" STRATEGY ",\"pauseAfter\":0}}"), 422);
    CHECK_INT(call(&aw, "PUT", "/v2/apps/web",
                   "{\"cmd\":\"sleep 2\",\"upgradeStrategy\":{" STRATEGY
                   ",\"pauseAfter\":1,\"autoRollback\":{\"maxFailures\":3,\"deadlineSeconds\":60}}}"),
              200);
    world_run(&aw.w, 3000);
    CHECK_INT(call(&aw, "GET", "/stoa/v1/apps/web/rollout", NULL), 200);
    CHECK_CSTR(at(&aw, "state"), "\"holding\"");
    CHECK_CSTR(at(&aw, "newReady"), "1");
    CHECK_CSTR(at(&aw, "old"), "1");
    CHECK_CSTR(at(&aw, "autoRollback"), "{\"maxFailures\":3,\"deadlineSeconds\":60}");
    CHECK_INT(call(&aw, "POST", "/stoa/v1/apps/web/rollout/pause", "{}"), 200);
    CHECK_CSTR(at(&aw, "state"), "\"paused\"");
    apiworld_restart(&aw);
    world_run(&aw.w, 3000);
    (void)call(&aw, "GET", "/stoa/v1/apps/web/rollout", NULL);
    CHECK_CSTR(at(&aw, "state"), "\"paused\"");
    CHECK_INT(call(&aw, "POST", "/stoa/v1/apps/web/rollout/promote", "{}"), 200);
    apiworld_restart(&aw);
    world_run(&aw.w, 3000);
    (void)call(&aw, "GET", "/stoa/v1/apps/web/rollout", NULL);
    CHECK_CSTR(at(&aw, "state"), "\"none\"");
    CHECK_INT(slot_find(aw.w.m, STR("/web"))->ready[0], 2);
    CHECK_INT(call(&aw, "POST", "/stoa/v1/apps/web/rollout/undo", "{}"), 200);
    world_run(&aw.w, 3000);
    (void)call(&aw, "GET", "/v2/apps/web", NULL);
    CHECK_CSTR(at(&aw, "app/cmd"), "\"sleep 1000\"");
    apiworld_done(&aw);
}
