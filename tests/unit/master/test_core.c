/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of the master's core: one event, and the whole list of what it wants done. */
#include "tests/unit/master/harness.h"

#define OFFER_ALL "O0(cpus(allocated: web):4; mem(allocated: web):1024)"

TEST("an agent is admitted only when the registry has it: first a store, then ping, link and answer")
{
    struct scene s;

    scene_new(&s);
    CHECK_STR(register_agent(&s), STR("store +0\n"));
    CHECK_STR(register_agent(&s), STR("")); /* again before it is stored: nothing */
    CHECK_STR(store_done(&s), STR("link\nagent < ping connected\nagent < registered\n"));
    CHECK_STR(register_agent(&s), STR("agent < ping connected\nagent < registered\n")); /* the answer was lost */
    scene_done(&s);
}

TEST("a subscription is answered with SUBSCRIBED and a heartbeat, offers come with the next allocation")
{
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    (void)register_agent(&s);
    CHECK_STR(subscribe(&s, 7), STR("stream7 open\nstream7 < SUBSCRIBED\nstream7 < HEARTBEAT\n"));
    CHECK_STR(tick(&s, 0), STR("stream7 < OFFERS " OFFER_ALL "\n"));
    CHECK_STR(tick(&s, 15), STR("stream7 < HEARTBEAT\nagent < ping connected\n"));
    scene_done(&s);
}

TEST("tasks of one ACCEPT are judged one by one against what is left of the offer")
{
    struct scene s;

    scene_with_offer(&s);
    CHECK_STR(launch(&s, TASK_JSON("a", "3") "," TASK_JSON("b", "2") "," TASK_JSON("a", "0.1") "," TASK_JSON("c", "1")),
              STR("answer 202 \nagent < run-task a\nstream1 < UPDATE b TASK_ERROR REASON_TASK_INVALID\n"
                  "stream1 < UPDATE a TASK_ERROR REASON_TASK_INVALID\nagent < run-task c\n"));
    CHECK_STR(tick(&s, 1), STR("stream1 < OFFERS O1(mem(allocated: web):960)\n"));
    scene_done(&s);
}

TEST("an ACCEPT of an offer that is not there drops its tasks")
{
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "1"));
    CHECK_STR(launch(&s, TASK_JSON("b", "1")), STR("answer 202 \nstream1 < UPDATE b TASK_DROPPED REASON_INVALID_OFFERS\n"));
    scene_done(&s);
}

TEST("an update is forwarded, acknowledged back, and a terminal one ends the task")
{
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "4"));
    s.uuid = uuid_make(&s.rng);
    CHECK_STR(acknowledge(&s, "a"), STR("answer 202 \n")); /* nothing was forwarded yet: dropped */
    CHECK_STR(update(&s, "a", "TASK_RUNNING"), STR("stream1 < UPDATE a TASK_RUNNING  uuid\n"));
    CHECK_STR(acknowledge(&s, "a"), STR("answer 202 \nagent < ack\n"));
    CHECK_STR(update(&s, "a", "TASK_FINISHED"), STR("stream1 < UPDATE a TASK_FINISHED  uuid\n"));
    CHECK_STR(tick(&s, 1), STR("stream1 < OFFERS O1(mem(allocated: web):1024; cpus(allocated: web):4)\n"));
    struct framework *f = framework_find(s.m, STR(FRAMEWORK0));
    CHECK(framework_task_find(f, STR("a")) != NULL); /* its id stays taken until the acknowledgement */
    CHECK_STR(acknowledge(&s, "a"), STR("answer 202 \nagent < ack\n"));
    CHECK(framework_task_find(f, STR("a")) == NULL);
    CHECK_INT(f->completed.count, 1);
    scene_done(&s);
}

TEST("what an agent said long before the end of a task, and comes behind it, does not hide the end from its acknowledgement")
{
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "4"));
    (void)update(&s, "a", "TASK_FINISHED");
    struct uuid end = s.uuid;
    CHECK_STR(update(&s, "a", "TASK_STARTING"), STR("stream1 < UPDATE a TASK_STARTING  uuid\n"));
    (void)acknowledge(&s, "a");
    struct framework *f = framework_find(s.m, STR(FRAMEWORK0));
    CHECK(framework_task_find(f, STR("a")) != NULL);
    s.uuid = end;
    (void)acknowledge(&s, "a");
    CHECK(framework_task_find(f, STR("a")) == NULL);
    scene_done(&s);
}

TEST("what an ended task held is offered at once; while an offer of its agent is out it waits for the interval")
{
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "2") "," TASK_JSON("b", "2"));
    (void)update(&s, "a", "TASK_RUNNING");
    (void)acknowledge(&s, "a");
    CHECK_STR(tick(&s, 0), STR(""));
    (void)update(&s, "a", "TASK_FINISHED");
    CHECK_STR(tick(&s, 0), STR("stream1 < OFFERS O1(mem(allocated: web):992; cpus(allocated: web):2)\n"));
    (void)update(&s, "b", "TASK_FINISHED");
    CHECK_STR(tick(&s, 0), STR(""));
    CHECK_STR(tick(&s, 1), STR("stream1 < OFFERS O2(cpus(allocated: web):2; mem(allocated: web):32)\n"));
    scene_done(&s);

    scene_with_offer(&s); /* most of the agent stays in use */
    (void)launch(&s, TASK_JSON("a", "1") "," TASK_JSON("b", "3"));
    (void)update(&s, "a", "TASK_FINISHED");
    CHECK_STR(tick(&s, 0), STR(""));
    CHECK_STR(tick(&s, 1), STR("stream1 < OFFERS O1(mem(allocated: web):992; cpus(allocated: web):1)\n"));
    scene_done(&s);
}

TEST("a framework that subscribes elsewhere takes over: the old stream is told, offers go back without a rescind")
{
    struct scene s;

    scene_with_offer(&s);
    CHECK_STR(subscribe_again(&s, 2),
              STR("stream1 < ERROR Framework failed over\nstream1 close\nstream2 open\nstream2 < SUBSCRIBED\n"
                  "stream2 < HEARTBEAT\nagent < update-framework\n"));
    CHECK_STR(tick(&s, 1), STR("stream2 < OFFERS O1(cpus(allocated: web):4; mem(allocated: web):1024)\n"));
    scene_done(&s);
}

TEST("a framework whose stream ended is removed after its failover timeout")
{
    struct scene s;
    struct master_event closed = { .type = MASTER_EV_STREAM_CLOSED, .closed = { { 1 } } };

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "4"));
    CHECK_STR(step(&s, &closed), STR(""));
    CHECK(framework_find(s.m, STR(FRAMEWORK0)) != NULL);
    CHECK(str_contains(tick(&s, 101), STR("agent < shutdown-framework")));
    CHECK(framework_find(s.m, STR(FRAMEWORK0)) == NULL);
    CHECK_STR(subscribe_again(&s, 3), STR("stream3 open\nstream3 < ERROR Framework has been removed\nstream3 close\n"));
    scene_done(&s);
}

TEST("calls are checked in order: framework, connection, stream id")
{
    struct scene s;

    scene_with_offer(&s);
    CHECK_STR(callf(&s, "{\"type\":\"REVIVE\",\"framework_id\":{\"value\":\"nope\"}}"),
              STR("answer 400 Framework cannot be found\n"));
    char right[64];
    memcpy(right, s.stream_id, sizeof right);
    (void)snprintf(s.stream_id, sizeof s.stream_id, "other");
    CHECK(str_starts(callf(&s, "{\"type\":\"REVIVE\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"}}"),
                     STR("answer 400 The stream ID 'other' included")));
    struct master_event closed = { .type = MASTER_EV_STREAM_CLOSED, .closed = { { 1 } } };
    (void)step(&s, &closed);
    memcpy(s.stream_id, right, sizeof right);
    CHECK_STR(callf(&s, "{\"type\":\"REVIVE\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"}}"),
              STR("answer 403 Framework is not subscribed\n"));
    scene_done(&s);
}

TEST("five unanswered pings make an agent unreachable, registry first; its tasks come back with it")
{
    struct scene s;

    scene_with_offer(&s);
    s.store_at_once = false;
    (void)launch(&s, TASK_JSON("a", "1"));
    for (int i = 0; i < 4; i++)
        (void)tick(&s, 15);
    CHECK(str_contains(tick(&s, 15), STR("store -0 +1\n")));
    CHECK(str_contains(store_done(&s), STR("stream1 < UPDATE a TASK_UNREACHABLE REASON_AGENT_REMOVED\n")));
    CHECK_STR(callf(&s, "{\"type\":\"RECONCILE\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"reconcile\":{\"tasks\":[{\"task_id\":{"
                        "\"value\":\"a\"},\"agent_id\":{\"value\":\"" AGENT0 "\"}},{\"task_id\":{\"value\":\"a\"}}]}}"),
              STR("answer 202 \nstream1 < UPDATE a TASK_UNREACHABLE REASON_RECONCILIATION\n"
                  "stream1 < UPDATE a TASK_UNKNOWN REASON_RECONCILIATION\n"));
    s.store_at_once = true;
    struct str t = agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
                              "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS
                              ",\"tasks\":[{\"name\":\"a\",\"task_id\":{\"value\":\"a\"},\"framework_id\":{\"value\":\"" FRAMEWORK0
                              "\"},\"agent_id\":{\"value\":\"" AGENT0 "\"},\"state\":\"TASK_RUNNING\",\"resources\":[{\"name\":\"cpus\","
                              "\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"allocation_info\":{\"role\":\"web\"}}]}],\"frameworks\":[{"
                              "\"user\":\"root\",\"name\":\"f\",\"id\":{\"value\":\"" FRAMEWORK0 "\"}}]}");
    CHECK(str_contains(t, STR("store +0 -1\nlink\nagent < ping connected\nstream1 < UPDATE a TASK_RUNNING "
                              "REASON_AGENT_REREGISTERED\nagent < reregistered\nagent < update-framework\n")));
    scene_done(&s);
}

TEST("an agent that comes back brings its reservations and the volumes made of them")
{
    struct scene s;
    struct master_event exited = { .type = MASTER_EV_AGENT_EXITED, .pid = STR(PID0) };
    int64_t plain = 0, reserved = 0, volumes = 0;

    scene_with_offer(&s);
    (void)step(&s, &exited);
#define RESERVED "\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\"}]"
    (void)agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
                     "{\"slave\":{\"hostname\":\"h\",\"port\":5051,\"id\":{\"value\":\"" AGENT0 "\"},\"resources\":[{\"name\":"
                     "\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4}},{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{"
                     "\"value\":100}}]},\"version\":\"1.12.0\"," AGENT_CAPS ",\"checkpointed_resources\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":5}," RESERVED
                     "},{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":7}," RESERVED
                     ",\"disk\":{\"persistence\":{\"id\":\"v1\"},\"volume\":{\"mode\":\"RW\",\"container_path\":\"data\"}}}]}");
    const struct agent *a = agent_find(s.m, STR(AGENT0));
    for (size_t i = 0; i < a->total.n; i++) {
        const struct resource *r = &a->total.v[i];
        if (!str_is(STR("disk"), r->name->text))
            continue;
        int64_t *sum = resource_is_persistent_volume(r) ? &volumes : resource_is_reserved(r) ? &reserved : &plain;
        *sum += r->milli;
    }
    CHECK_INT(plain, 88000);
    CHECK_INT(reserved, 5000);
    CHECK_INT(volumes, 7000);
    scene_done(&s);
}

TEST("a pong resets the count")
{
    struct scene s;
    struct master_event pong = { .type = MASTER_EV_AGENT_PONG, .pid = STR(PID0), .pong = { 1 } };

    scene_with_offer(&s);
    for (int i = 0; i < 40; i++) {
        CHECK(!str_contains(tick(&s, 15), STR("store")));
        if (i % 4 == 3)
            (void)step(&s, &pong);
    }
    scene_done(&s);
}

TEST("a broken link takes the agent's offers back; frameworks without checkpointing lose their tasks at once")
{
    struct scene s;
    struct master_event exited = { .type = MASTER_EV_AGENT_EXITED, .pid = STR(PID0) };

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "1"));
    (void)tick(&s, 1);
    CHECK_STR(step(&s, &exited), STR("stream1 < RESCIND\n"));
    struct agent *a = agent_find(s.m, STR(AGENT0));
    CHECK(a->link == AGENT_DISCONNECTED);
    CHECK_STR(callf(&s, "{\"type\":\"KILL\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"kill\":{\"task_id\":{\"value\":\"a\"}}}"),
              STR("answer 202 \n")); /* remembered */
    struct str t = agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
                              "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS "}");
    CHECK(str_contains(t, STR("agent < reregistered missing 1\n")));
    CHECK(str_contains(t, STR("agent < kill a\n")));
    scene_done(&s);
}

TEST("nothing is said of tasks on an agent that has not come back after a failover")
{
    struct scene s;
    struct master_config c = scene_config();
    struct agent_info *info = agent_info_new();
    struct registry_record r = { .kind = RECORD_AGENT, .id = STR_INIT(AGENT0), .info = info };
    struct master_event ev = { .type = MASTER_EV_RECOVERED, .recovered = { &r, 1 } };

    info->id = agent_id_copy(agent_id(STR(AGENT0)));
    info->hostname = xstrdup("h");
    memset(&s, 0, sizeof s);
    rng_seed(&s.rng, 1);
    s.trace = SBUF_INIT(1 << 20);
    c.rng = &s.rng;
    s.m = master_new(&c);
    s.store_at_once = true;
    (void)step(&s, &ev);
    (void)subscribe_again(&s, 1);
    CHECK_STR(callf(&s, "{\"type\":\"RECONCILE\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"reconcile\":{\"tasks\":[{\"task_id\":{"
                        "\"value\":\"a\"},\"agent_id\":{\"value\":\"" AGENT0 "\"}},{\"task_id\":{\"value\":\"b\"}}]}}"),
              STR("answer 202 \n"));
    CHECK(str_contains(tick(&s, 600), STR("store -0 +1\nstream1 < FAILURE agent\n")));
    agent_info_unref(info);
    scene_done(&s);
}

TEST("RESERVE and a task that uses it in one ACCEPT; the agent gets the operation before the task")
{
    struct scene s;

    scene_with_offer(&s);
    struct str t = callf(
        &s,
        "{\"type\":\"ACCEPT\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],"
        "\"operations\":[{\"type\":\"RESERVE\",\"id\":{\"value\":\"r\"},\"reserve\":{\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\","
        "\"scalar\":{\"value\":1},\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\"}]}]}},{\"type\":\"LAUNCH\",\"launch\":{"
        "\"task_infos\":[{\"name\":\"a\",\"task_id\":{\"value\":\"a\"},\"agent_id\":{\"value\":\"" AGENT0 "\"},\"resources\":[{\"name\":"
        "\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\"}]}],\"command\":{"
        "\"value\":\"x\"}}]}},{\"type\":\"RESERVE\",\"id\":{\"value\":\"too-much\"},\"reserve\":{\"resources\":[{\"name\":\"cpus\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":9},\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\"}]}]}}]}}",
        s.offer);
    CHECK_STR(t, STR("answer 202 \nagent < apply-operation\nagent < run-task a\nstream1 < OPERATION too-much\n"));
    CHECK(resources_milli(&agent_find(s.m, STR(AGENT0))->total, NAME_CPUS) == 4000);
    scene_done(&s);
}

TEST("random events keep the books")
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct scene s;
        static const char *const states[] = { "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_FINISHED", "TASK_FAILED" };
        static const char *const tasks[] = { "a", "b", "c", "d" };
        struct rng r;

        scene_with_offer(&s);
        rng_seed(&r, seed);
        for (int i = 0; i < 200; i++) {
            const char *task = tasks[rng_below(&r, 4)];
            switch (rng_below(&r, 9)) {
            case 0:
            case 1:
                (void)tick(&s, (int64_t)rng_below(&r, 4));
                break;
            case 2:
                (void)launch(&s, rng_below(&r, 2) ? TASK_JSON("a", "1") "," TASK_JSON("b", "0.5")
                                                  : TASK_JSON("c", "2.5") "," TASK_JSON("d", "0.3"));
                break;
            case 3:
                (void)update(&s, task, states[rng_below(&r, 5)]);
                break;
            case 4:
                (void)acknowledge(&s, task);
                break;
            case 5:
                (void)register_agent(&s);
                break;
            case 6: {
                struct master_event exited = { .type = MASTER_EV_AGENT_EXITED, .pid = STR(PID0) };
                if (rng_below(&r, 4) == 0)
                    (void)step(&s, &exited);
                break;
            }
            case 7:
                if (rng_below(&r, 3) == 0)
                    (void)subscribe_again(&s, 100 + (uint64_t)i);
                break;
            case 8:
                (void)callf(&s, "{\"type\":\"DECLINE\",\"framework_id\":{\"value\":\"" FRAMEWORK0
                                "\"},\"decline\":{\"offer_ids\":[{\"value\":\"%s\"}]}}", s.offer);
                break;
            }
        }
        scene_done(&s);
    }
}

/* --- more of agents ------------------------------------------------------------------------------------- */

TEST("while a change of an agent is on its way into the registry, nothing that rests on what was before follows it")
{
    static const char deactivate[] = "{\"type\":\"DEACTIVATE_AGENT\",\"deactivate_agent\":{\"agent_id\":{\"value\":\"" AGENT0 "\"}}}";
    static const char again[] = "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},\"attributes\":[{\"name\":\"a\",\"type\":"
                                "\"TEXT\",\"text\":{\"value\":\"b\"}}],") ",\"version\":\"1.12.0\"," AGENT_CAPS "}";
    struct scene s;

    scene_with_offer(&s);
    s.store_at_once = false;
    CHECK(str_contains(operator_says(&s, deactivate), STR("store +0\n")));
    /* An agent whose info has changed asks again when it gets no answer. */
    CHECK_STR(agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor, again),
              STR(""));
    CHECK(str_contains(operator_says(&s, deactivate), STR("answer 409")));
    (void)store_done(&s);
    CHECK(agent_find(s.m, STR(AGENT0))->deactivated);
    CHECK(str_contains(agent_says(&s, PID0, "ReregisterSlaveMessage",
                                  &mesos__internal__reregister_slave_message__descriptor, again),
                       STR("store +0\n")));
    CHECK(str_contains(operator_says(&s, deactivate), STR("answer 409")));
    (void)store_done(&s);
    CHECK(agent_find(s.m, STR(AGENT0))->deactivated);
    scene_done(&s);
}

TEST("an agent without tasks that was away when it was to be drained is drained when it is back")
{
    struct scene s;
    struct master_event gone = { .type = MASTER_EV_AGENT_EXITED, .pid = STR(PID0) };

    scene_with_offer(&s);
    (void)step(&s, &gone);
    (void)operator_says(&s, "{\"type\":\"DRAIN_AGENT\",\"drain_agent\":{\"agent_id\":{\"value\":\"" AGENT0 "\"}}}");
    CHECK_INT(agent_find(s.m, STR(AGENT0))->drain.state, DRAINING);
    (void)agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
                     "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS "}");
    CHECK_INT(agent_find(s.m, STR(AGENT0))->drain.state, DRAINED);
    scene_done(&s);
}

TEST("a framework without checkpointing loses its tasks when the agent's link breaks")
{
    struct scene s;
    struct master_event exited = { .type = MASTER_EV_AGENT_EXITED, .pid = STR(PID0) };

    scene_new(&s);
    s.store_at_once = true;
    (void)register_agent(&s);
    (void)call(&s, 1, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":\"u\",\"name\":\"f\"}}}");
    (void)tick(&s, 0);
    (void)launch(&s, TASK_JSON("a", "4"));
    CHECK_STR(step(&s, &exited), STR("stream1 < UPDATE a TASK_LOST REASON_AGENT_DISCONNECTED\n"));
    CHECK_INT(framework_find(s.m, STR(FRAMEWORK0))->completed.count, 1);
    scene_done(&s);
}

TEST("an agent marked gone is shut down, its tasks are gone, and it may not come back")
{
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "1"));
    s.store_at_once = false;
    CHECK_STR(operator_says(&s, "{\"type\":\"MARK_AGENT_GONE\",\"mark_agent_gone\":{\"agent_id\":{\"value\":\"" AGENT0 "\"}}}"),
              STR("store -0 -1 +2\n"));
    CHECK_STR(store_done(&s), STR("agent < shutdown\nstream1 < UPDATE a TASK_GONE_BY_OPERATOR REASON_AGENT_REMOVED_BY_OPERATOR\n"
                                  "stream1 < FAILURE agent\nunlink\nanswer 200 \n"));
    CHECK_STR(agent_says(&s, PID0, "ReregisterSlaveMessage", &mesos__internal__reregister_slave_message__descriptor,
                         "{\"slave\":" AGENT_INFO("\"id\":{\"value\":\"" AGENT0 "\"},") ",\"version\":\"1.12.0\"," AGENT_CAPS "}"),
              STR("agent < shutdown\n"));
    scene_done(&s);
}

TEST("a drained agent is told, gets no more offers, and is DRAINED when its last task is acknowledged")
{
    struct scene s;

    scene_with_offer(&s);
    (void)launch(&s, TASK_JSON("a", "4"));
    CHECK_STR(operator_says(&s, "{\"type\":\"DRAIN_AGENT\",\"drain_agent\":{\"agent_id\":{\"value\":\"" AGENT0 "\"}}}"),
              STR("store +0\nagent < drain\nanswer 200 \n"));
    CHECK_STR(operator_says(&s, "{\"type\":\"REACTIVATE_AGENT\",\"reactivate_agent\":{\"agent_id\":{\"value\":\"" AGENT0 "\"}}}"),
              STR("answer 400 Agent is still in the DRAINING state\n"));
    (void)update(&s, "a", "TASK_KILLED");
    CHECK_STR(tick(&s, 5), STR(""));
    CHECK_STR(acknowledge(&s, "a"), STR("answer 202 \nstore +0\nagent < ack\n"));
    CHECK_INT(agent_find(s.m, STR(AGENT0))->drain.state, DRAINED);
    CHECK_STR(operator_says(&s, "{\"type\":\"REACTIVATE_AGENT\",\"reactivate_agent\":{\"agent_id\":{\"value\":\"" AGENT0 "\"}}}"),
              STR("store +0\nanswer 200 \n"));
    CHECK(str_contains(tick(&s, 1), STR("OFFERS")));
    scene_done(&s);
}

TEST("a task group is launched whole or not at all")
{
    struct scene s;
    static const char *const group =
        "{\"type\":\"ACCEPT\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],"
        "\"operations\":[{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"executor\":{\"type\":\"DEFAULT\",\"executor_id\":{\"value\":\"e\"},"
        "\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}},"
        "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}},{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":%s}}]},"
        "\"task_group\":{\"tasks\":[" TASK_JSON("g1", "1") "," TASK_JSON("g2", "1") "]}}}],\"filters\":{\"refuse_seconds\":0}}}";

    scene_with_offer(&s);
    CHECK_STR(callf(&s, group, s.offer, "5"), /* the agent has no disk */
              STR("answer 202 \nstream1 < UPDATE g1 TASK_ERROR REASON_TASK_GROUP_INVALID\n"
                  "stream1 < UPDATE g2 TASK_ERROR REASON_TASK_GROUP_INVALID\n"));
    CHECK(framework_find(s.m, STR(FRAMEWORK0))->tasks.count == 0);
    scene_done(&s);
}

TEST("a task that no agent could be sent is refused, and harms nobody")
{
    struct scene s;
    struct sbuf b = SBUF_INIT(20 << 20);
    char *filler = xmalloc(9 << 20);

    scene_with_offer(&s);
    memset(filler, 'x', 9 << 20);
    sbuf_fmt(&b, "{\"type\":\"ACCEPT\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"accept\":{\"offer_ids\":[{\"value\":\"%s\"}],"
                 "\"operations\":[{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[" TASK_JSON("a", "1") ","
                 "{\"name\":\"b\",\"task_id\":{\"value\":\"b\"},\"agent_id\":{\"value\":\"" AGENT0 "\"},\"resources\":[{\"name\":\"cpus\","
                 "\"type\":\"SCALAR\",\"scalar\":{\"value\":1}}],\"command\":{\"value\":\"", s.offer);
    sbuf_add(&b, filler, 9 << 20);
    sbuf_c(&b, "\"}}]}}]}}");
    CHECK_STR(call(&s, 0, b.p),
              STR("answer 202 \nagent < run-task a\nstream1 < UPDATE b TASK_ERROR REASON_TASK_INVALID\n"));
    free(filler);
    sbuf_done(&b);
    scene_done(&s);
}

TEST("operator events are made only while somebody watches")
{
    struct scene s;
    struct master_event on = { .type = MASTER_EV_WATCHED, .watched = { true } };

    scene_with_offer(&s);
    (void)step(&s, &on);
    CHECK_STR(launch(&s, TASK_JSON("a", "4")), STR("answer 202 \nwatch 2\nagent < run-task a\n"));
    CHECK_STR(update(&s, "a", "TASK_RUNNING"), STR("stream1 < UPDATE a TASK_RUNNING  uuid\nwatch 3\n"));
    CHECK_STR(callf(&s, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"}}"),
              STR("answer 202 \nagent < shutdown-framework\nstream1 close\nwatch 3\nwatch 8\n"));
    scene_done(&s);
}
