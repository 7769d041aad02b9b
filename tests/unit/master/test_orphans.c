/* SPDX-License-Identifier: Apache-2.0 */
/* Operations whose framework the master does not know: of an agent that came back after a failover. */
#include "tests/unit/master/harness.h"

#define UUID64(c) "\"" c c c c c c c c "EAAAAAAAAAAAAA==\"" /* 16 bytes */
#define STATUS    "{\"operation_id\":{\"value\":\"op\"},\"state\":\"OPERATION_FINISHED\",\"uuid\":{\"value\":" UUID64("A") "}}"
#define UPDATE                                                                                                          \
    "{\"framework_id\":{\"value\":\"unknown\"},\"slave_id\":{\"value\":\"" AGENT0 "\"},\"status\":" STATUS ",\"latest_status\":" STATUS \
    ",\"operation_uuid\":{\"value\":" UUID64("B") "}}"

static struct str retried(struct scene *s)
{
    return agent_says(s, PID0, "UpdateOperationStatusMessage", &mesos__internal__update_operation_status_message__descriptor, UPDATE);
}

TEST("an orphan operation is acknowledged for its framework when that has not come back for ten minutes")
{
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    (void)register_agent(&s);
    (void)agent_says(&s, PID0, "UpdateSlaveMessage", &mesos__internal__update_slave_message__descriptor,
                     "{\"slave_id\":{\"value\":\"" AGENT0 "\"},\"operations\":{\"operations\":[{\"framework_id\":{\"value\":\"unknown\"},"
                     "\"info\":{\"type\":\"RESERVE\",\"id\":{\"value\":\"op\"},\"reserve\":{\"resources\":[]}},\"latest_status\":" STATUS
                     ",\"uuid\":{\"value\":" UUID64("B") "}}]}}");
    CHECK_INT(HASH_COUNT(s.m->operations), 1);
    CHECK_STR(retried(&s), STR(""));
    s.now_s += 599;
    CHECK_STR(retried(&s), STR(""));
    s.now_s += 2;
    CHECK_STR(retried(&s), STR("agent < ack-operation\n"));
    CHECK_INT(HASH_COUNT(s.m->operations), 0);
    scene_done(&s);
}

/* What an agent never got it knows by its uuid alone. */
TEST("a status without the operation's id reaches the framework with it, and can be acknowledged")
{
    static const char dropped[] =
        "{\"slave_id\":{\"value\":\"" AGENT0 "\"},\"status\":{\"state\":\"OPERATION_DROPPED\",\"message\":\"lost\",\"uuid\":{\"value\":"
        UUID64("A") "}},\"operation_uuid\":{\"value\":" UUID64("B") "}}";
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    (void)register_agent(&s);
    (void)subscribe(&s, 1);
    (void)agent_says(&s, PID0, "UpdateSlaveMessage", &mesos__internal__update_slave_message__descriptor,
                     "{\"slave_id\":{\"value\":\"" AGENT0 "\"},\"operations\":{\"operations\":[{\"framework_id\":{\"value\":\"" FRAMEWORK0
                     "\"},\"info\":{\"type\":\"RESERVE\",\"id\":{\"value\":\"op\"},\"reserve\":{\"resources\":[]}},\"latest_status\":{"
                     "\"state\":\"OPERATION_PENDING\"},\"uuid\":{\"value\":" UUID64("B") "}}]}}");
    CHECK_STR(agent_says(&s, PID0, "UpdateOperationStatusMessage",
                         &mesos__internal__update_operation_status_message__descriptor, dropped),
              STR("agent < ping disconnected\nstream1 < OPERATION op uuid\n")); /* and what it has is asked for */
    scene_done(&s);
}

TEST("an operation that is over and that the agent has no more was acknowledged there: it is not asked about")
{
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    (void)register_agent(&s);
    (void)agent_says(&s, PID0, "UpdateSlaveMessage", &mesos__internal__update_slave_message__descriptor,
                     "{\"slave_id\":{\"value\":\"" AGENT0 "\"},\"operations\":{\"operations\":[{\"framework_id\":{\"value\":\"unknown\"},"
                     "\"info\":{\"type\":\"RESERVE\",\"id\":{\"value\":\"op\"},\"reserve\":{\"resources\":[]}},\"latest_status\":" STATUS
                     ",\"uuid\":{\"value\":" UUID64("B") "}}]}}");
    CHECK_STR(agent_says(&s, PID0, "UpdateSlaveMessage", &mesos__internal__update_slave_message__descriptor,
                         "{\"slave_id\":{\"value\":\"" AGENT0 "\"},\"operations\":{\"operations\":[]}}"),
              STR(""));
    CHECK_INT(HASH_COUNT(s.m->operations), 0);
    scene_done(&s);
}
