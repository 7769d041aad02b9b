/* SPDX-License-Identifier: Apache-2.0 */
/* What agents bring back, in the cases that simulation found. */
#include "master/core/internal.h"
#include "tests/unit/master/harness.h"

TEST("a framework that an agent calls completed may subscribe all the same: nothing of it runs there, no more")
{
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    (void)agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
                     "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS
                     ",\"completed_frameworks\":[{\"framework_info\":" FRAMEWORK_INFO("\"id\":{\"value\":\"" FRAMEWORK0 "\"},")
                     "}]}");
    CHECK(HASH_COUNT(s.m->completed) == 1);
    CHECK(framework_find_completed(s.m, STR(FRAMEWORK0)) == NULL);
    CHECK(str_contains(subscribe_again(&s, 1), STR("stream1 < SUBSCRIBED")));
    CHECK(framework_find(s.m, STR(FRAMEWORK0)) != NULL);
    CHECK(HASH_COUNT(s.m->completed) == 0);
    scene_done(&s);
}

TEST("an update of a task that is not in the books makes the agent register again, and what it then brings is taken in")
{
    struct scene s;

    scene_with_offer(&s);
    CHECK_STR(update(&s, "late", "TASK_RUNNING"),
              STR("stream1 < UPDATE late TASK_RUNNING  uuid\nagent < ping disconnected\n"));
    /* The end of such a task asks for nothing. */
    CHECK_STR(update(&s, "gone", "TASK_FINISHED"), STR("stream1 < UPDATE gone TASK_FINISHED  uuid\n"));
    struct str trace = agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
        "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS
        ",\"frameworks\":[" FRAMEWORK_INFO("\"id\":{\"value\":\"" FRAMEWORK0 "\"},") "],"
        "\"tasks\":[{\"name\":\"late\",\"task_id\":{\"value\":\"late\"},\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},"
        "\"agent_id\":{\"value\":\"" AGENT0 "\"},\"state\":\"TASK_RUNNING\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
        "\"scalar\":{\"value\":1},\"allocation_info\":{\"role\":\"web\"}}]}]}");
    CHECK(str_contains(trace, STR("RESCIND"))); /* the offer had all of the agent */
    CHECK(framework_task_find(framework_find(s.m, STR(FRAMEWORK0)), STR("late")) != NULL);
    scene_done(&s);
}

TEST("an update of a task that the agent does not have either makes it register again once per ping, not for ever")
{
    struct scene s;

    scene_with_offer(&s);
    CHECK_STR(update(&s, "invented", "TASK_RUNNING"),
              STR("stream1 < UPDATE invented TASK_RUNNING  uuid\nagent < ping disconnected\n"));
    for (int i = 0; i < 3; i++)
        CHECK_STR(update(&s, "invented", "TASK_RUNNING"), STR("stream1 < UPDATE invented TASK_RUNNING  uuid\n"));
    CHECK(str_contains(tick(&s, 15), STR("agent < ping disconnected\n")));
    CHECK(!str_contains(tick(&s, 15), STR("ping disconnected")));
    scene_done(&s);
}

TEST("a report that is not the agent's newest, as its next UpdateSlave shows, is asked for again")
{
    struct scene s;
    static const char update_agent[] =
        "{\"slave_id\":{\"value\":\"" AGENT0 "\"},\"resource_version_uuid\":{\"value\":\"%s\"}}";
    char old[200], now[200];

    (void)snprintf(old, sizeof old, update_agent, "AAAAAAAAAAAAAAAAAAAAAQ==");
    (void)snprintf(now, sizeof now, update_agent, "AAAAAAAAAAAAAAAAAAAAAg==");
    scene_new(&s);
    s.store_at_once = true;
    (void)agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
                     "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS
                     ",\"resource_version_uuid\":{\"value\":\"AAAAAAAAAAAAAAAAAAAAAQ==\"}}");
    CHECK_STR(agent_says(&s, PID0, "UpdateSlaveMessage", &mesos__internal__update_slave_message__descriptor, now),
              STR("agent < ping disconnected\n"));
    /* Until the next report, launches carry the version of the old one, which keeps them out there. */
    CHECK_STR(agent_says(&s, PID0, "UpdateSlaveMessage", &mesos__internal__update_slave_message__descriptor, now),
              STR("agent < ping disconnected\n"));
    /* The one of the report that the master has: all is well. */
    CHECK_STR(agent_says(&s, PID0, "UpdateSlaveMessage", &mesos__internal__update_slave_message__descriptor, old), STR(""));
    scene_done(&s);
}

static struct str reregisters(struct scene *s, const char *id)
{
    char json[2000];

    (void)snprintf(json, sizeof json, "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"%s\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS "}", id);
    return agent_says(s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor, json);
}

TEST("an agent that comes from another's address takes its place: the connection is watched for it alone")
{
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    (void)reregisters(&s, "one");
    (void)reregisters(&s, "two");
    const struct agent *one = agent_find(s.m, STR("one")), *two = agent_find(s.m, STR("two"));
    CHECK(one->link == AGENT_DISCONNECTED && two->link == AGENT_CONNECTED);
    CHECK(agent_find_pid(s.m, STR(PID0)) == two);
    for (int i = 0; i < 6; i++) { /* nobody answers for the first one */
        (void)tick(&s, 15);
        struct master_event pong = { .type = MASTER_EV_AGENT_PONG, .pid = STR(PID0), .pong = { two->observer } };
        (void)step(&s, &pong);
    }
    CHECK(agent_find(s.m, STR("one")) == NULL);
    CHECK(agent_find(s.m, STR("two")) == two && agent_find_pid(s.m, STR(PID0)) == two);
    scene_done(&s);
}

TEST("an agent that registers again, since it did not hear of its id, is asked what became of its tasks")
{
    struct scene s;

    scene_with_offer(&s);
    CHECK(!str_contains(register_agent(&s), STR("disconnected")));
    (void)launch(&s, TASK_JSON("a", "1"));
    CHECK(str_contains(register_agent(&s), STR("agent < ping disconnected")));
    scene_done(&s);
}

#define REPORT_OF_A(state)                                                                                                      \
    "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS                           \
    ",\"frameworks\":[" FRAMEWORK_INFO("\"id\":{\"value\":\"" FRAMEWORK0 "\"},") "],"                                             \
    "\"tasks\":[{\"name\":\"a\",\"task_id\":{\"value\":\"a\"},\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},"                      \
    "\"agent_id\":{\"value\":\"" AGENT0 "\"},\"state\":\"" state "\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","         \
    "\"scalar\":{\"value\":1},\"allocation_info\":{\"role\":\"web\"}}]}]}"

TEST("a task whose end was acknowledged while the agent's report was on its way does not come back")
{
    /* Twice over: the first report comes over the connection that broke. The last one was under way since before the end. */
    static const char *const reports[] = { REPORT_OF_A("TASK_FINISHED"), REPORT_OF_A("TASK_FINISHED"), REPORT_OF_A("TASK_RUNNING") };
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "1"));
    (void)update(&s, "a", "TASK_FINISHED");
    (void)acknowledge(&s, "a");
    CHECK(framework_task_find(framework_find(s.m, STR(FRAMEWORK0)), STR("a")) == NULL);
    for (int i = 0; i < 3; i++) {
        (void)agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor, reports[i]);
        CHECK(framework_task_find(framework_find(s.m, STR(FRAMEWORK0)), STR("a")) == NULL);
    }
    scene_done(&s);
}

#define CPUS_MEM(cpus) "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":" cpus "}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}"
#define REPORTED(id, cpus, more) "{\"name\":\"n\",\"task_id\":{\"value\":\"" id "\"},\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"}," \
    "\"agent_id\":{\"value\":\"" AGENT0 "\"},\"state\":\"TASK_RUNNING\",\"resources\":[" CPUS_MEM(cpus) "]" more "}"

TEST("what tasks of a returning agent hold is each one's own, though most have the same; labels and statuses are kept")
{
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    (void)agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
        "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS
        ",\"frameworks\":[" FRAMEWORK_INFO("\"id\":{\"value\":\"" FRAMEWORK0 "\"},") "],\"tasks\":["
        REPORTED("a", "0.5", "") "," REPORTED("b", "0.25", "") "," REPORTED("c", "0.5", ",\"labels\":{\"labels\":[{\"key\":\"k\"}]},"
        "\"statuses\":[{\"task_id\":{\"value\":\"c\"},\"state\":\"TASK_STARTING\"},{\"task_id\":{\"value\":\"c\"},\"state\":\"TASK_RUNNING\"}]") "]}");
    struct framework *f = framework_find(s.m, STR(FRAMEWORK0));
    CHECK(f != NULL);
    struct task *a = framework_task_find(f, STR("a")), *b = framework_task_find(f, STR("b")), *c = framework_task_find(f, STR("c"));
    CHECK(a != NULL && b != NULL && c != NULL);
    CHECK(a->bundle == c->bundle);
    CHECK(a->bundle != b->bundle);
    CHECK_INT(resources_milli(&a->bundle->r, NAME_CPUS), 500);
    CHECK_INT(resources_milli(&b->bundle->r, NAME_CPUS), 250);
    CHECK_INT(resources_milli(&b->bundle->r, NAME_MEM), 32000);
    CHECK_INT(resources_milli(&a->slot->used, NAME_CPUS), 1250);
    CHECK(c->record_n > a->record_n);
    CHECK_INT(c->state, TASK_RUNNING);
    CHECK(task_last_status(c).n != 0);
    CHECK(c->statuses.last != 0); /* two of them */
    scene_done(&s);
}

TEST("a report that was meant for a master which led here before is refused, and its agent told who is here")
{
    struct scene s;
    char json[2000];

    scene_new(&s);
    s.store_at_once = true;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(json, sizeof json,
                       "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS
                       ",\"master_id\":\"%s\"}", i == 0 ? "another" : s.m->id);
        struct str trace = agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor, json);
        CHECK(str_contains(trace, STR("agent < reregistered\n")) == (i == 1));
        CHECK(i == 1 || str_eq(trace, STR("agent < ping disconnected\n")));
    }
    (void)snprintf(json, sizeof json, "{\"slave\":" AGENT_INFO("") ",\"version\":\"1.12.0\"," AGENT_CAPS ",\"master_id\":\"another\"}");
    CHECK_STR(agent_says(&s, "slave(1)@127.0.0.1:5052", "RegisterSlaveMessage", &mesos__internal__register_slave_message__descriptor,
                         json),
              STR("agent < ping disconnected\n"));
    scene_done(&s);
}
