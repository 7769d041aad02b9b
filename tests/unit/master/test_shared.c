/* SPDX-License-Identifier: Apache-2.0 */
/* Shared persistent volumes: a copy for each task, from one offer and by several frameworks. */
#include "tests/unit/master/harness.h"

#define FRAMEWORK1 MASTER_ID "-0001"
#define STACK      "\"reservations\":[{\"type\":\"STATIC\",\"role\":\"web\"}]"
#define VOLUME                                                                                                          \
    "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64},\"shared\":{}," STACK ",\"disk\":{\"persistence\":{\"id\":\"v\"}," \
    "\"volume\":{\"container_path\":\"data\",\"mode\":\"RW\"}}}"
#define TASK_WITH_VOLUME(id)                                                                                            \
    "{\"name\":\"" id "\",\"task_id\":{\"value\":\"" id "\"},\"agent_id\":{\"value\":\"" AGENT0 "\"},\"command\":{\"value\":\"x\"},"   \
    "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.5}}," VOLUME "]}"
#define LAUNCH(tasks)  "{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[" tasks "]}}"
#define CREATE         "{\"type\":\"CREATE\",\"create\":{\"volumes\":[" VOLUME "]}}"
#define DESTROY        "{\"type\":\"DESTROY\",\"id\":{\"value\":\"d\"},\"destroy\":{\"volumes\":[" VOLUME "]}}"
#define SHARING                                                                                                         \
    "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":\"root\",\"name\":\"f\",\"checkpoint\":true,\"roles\":[\"web\"]," \
    "\"failover_timeout\":100,\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":\"PARTITION_AWARE\"},"                     \
    "{\"type\":\"RESERVATION_REFINEMENT\"},{\"type\":\"SHARED_RESOURCES\"}]}}}"

static struct str accept_as(struct scene *s, const char *framework, const char *stream_id, const char *operations)
{
    (void)snprintf(s->stream_id, sizeof s->stream_id, "%s", stream_id);
    return callf(s, "{\"type\":\"ACCEPT\",\"framework_id\":{\"value\":\"%s\"},\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],"
                    "\"operations\":[%s],\"filters\":{\"refuse_seconds\":0}}}",
                 framework, s->offer, operations);
}

static void scene_shared(struct scene *s, char stream0[64])
{
    scene_new(s);
    s->store_at_once = true;
    (void)agent_says(s, PID0, "RegisterSlaveMessage", &mesos__internal__register_slave_message__descriptor,
                     "{\"slave\":{\"hostname\":\"h\",\"port\":5051,\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{"
                     "\"value\":4}},{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":100}," STACK "}]},"
                     "\"version\":\"1.12.0\"," AGENT_CAPS "}");
    (void)call(s, 1, SHARING);
    (void)snprintf(stream0, 64, "%s", s->stream_id);
    (void)tick(s, 1);
}

TEST("several tasks of one ACCEPT have a copy each, of a volume that is made in it")
{
    struct scene s;
    char stream0[64];

    scene_shared(&s, stream0);
    struct str t = accept_as(&s, FRAMEWORK0, stream0, CREATE "," LAUNCH(TASK_WITH_VOLUME("a") "," TASK_WITH_VOLUME("b")) "," LAUNCH(
                                                          TASK_WITH_VOLUME("c")));
    CHECK_STR(t, STR("answer 202 \nagent < apply-operation\nagent < run-task a\nagent < run-task b\nagent < run-task c\n"));
    (void)update(&s, "a", "TASK_FINISHED");
    (void)update(&s, "b", "TASK_FINISHED");
    (void)update(&s, "c", "TASK_FINISHED");
    t = tick(&s, 1);
    CHECK(str_contains(t, STR("cpus(allocated: web):4")));
    CHECK(str_contains(t, STR("<SHARED>:64")));
    scene_done(&s);
}

TEST("a volume that was neither offered nor made cannot be shared")
{
    struct scene s;
    char stream0[64];

    scene_shared(&s, stream0);
    struct str t = accept_as(&s, FRAMEWORK0, stream0, LAUNCH(TASK_WITH_VOLUME("a")));
    CHECK_STR(t, STR("answer 202 \nstream1 < UPDATE a TASK_ERROR REASON_TASK_INVALID\n"));
    (void)tick(&s, 1);
    t = accept_as(&s, FRAMEWORK0, stream0, CREATE "," DESTROY "," LAUNCH(TASK_WITH_VOLUME("b")));
    CHECK(str_contains(t, STR("UPDATE b TASK_ERROR REASON_TASK_INVALID\n")));
    scene_done(&s);
}

TEST("two frameworks of the role use one volume; who destroys it takes it out of the other's offer")
{
    struct scene s;
    char stream0[64], stream1[64], offer1[MASTER_ID_TEXT];

    scene_shared(&s, stream0);
    (void)accept_as(&s, FRAMEWORK0, stream0, CREATE "," LAUNCH(TASK_WITH_VOLUME("a")));
    (void)call(&s, 2, SHARING);
    (void)snprintf(stream1, sizeof stream1, "%s", s.stream_id);
    CHECK(str_contains(tick(&s, 1), STR("stream2 < OFFERS O1(")));
    (void)snprintf(offer1, sizeof offer1, "%s", s.offer);
    (void)update(&s, "a", "TASK_FINISHED");
    struct str t = tick(&s, 1);
    CHECK(str_contains(t, STR("stream1 < OFFERS O2(")));
    CHECK(str_contains(t, STR("<SHARED>")));
    t = accept_as(&s, FRAMEWORK0, stream0, LAUNCH(TASK_WITH_VOLUME("b")) "," DESTROY);
    CHECK(str_contains(t, STR("agent < run-task b\nstream1 < OPERATION "))); /* it is in use: an error */
    (void)update(&s, "b", "TASK_FINISHED");
    (void)tick(&s, 1);
    t = accept_as(&s, FRAMEWORK0, stream0, DESTROY);
    CHECK_STR(t, STR("answer 202 \nstream2 < RESCIND\nagent < apply-operation\n"));
    (void)snprintf(s.offer, sizeof s.offer, "%s", offer1);
    t = accept_as(&s, FRAMEWORK1, stream1, LAUNCH(TASK_WITH_VOLUME("c")));
    CHECK_STR(t, STR("answer 202 \nstream2 < UPDATE c TASK_DROPPED REASON_INVALID_OFFERS\n"));
    scene_done(&s);
}
