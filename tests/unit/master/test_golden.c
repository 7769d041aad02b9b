/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded messages: what a real agent sent is understood, and what a real master sent is what we send, byte for byte. */
#include <stdio.h>

#include "master/core/internal.h"
#include "tests/support/recorded.h"
#include "tests/unit/master/harness.h"

static struct str golden_says(struct scene *s, const char *file, const char *name)
{
    static struct sbuf body;
    struct decoded d;
    struct error err;
    struct str trace = { NULL, 0 };

    body = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf full = SBUF_INIT(256);
    sbuf_fmt(&full, "mesos.internal.%s", name);
    struct str bytes = recorded(file, &body);
    decoded_init(&d);
    if (decode_message(s->m, STR("master"), sbuf_view(&full), STR(PID0), bytes, &d, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", file, err.msg);
    else
        trace = step(s, &d.ev);
    decoded_done(&d);
    sbuf_done(&body);
    return trace;
}

static struct str sent(struct sbuf *b, const struct master_action *a)
{
    sbuf_clear(b);
    (void)encode_send(a, b);
    return sbuf_view(b);
}

TEST("a recorded registration is admitted, with its attributes, domain, capabilities and resources")
{
    struct scene s;
    struct master_config c = scene_config();

    c.region = STR("region-1");
    c.zone = STR("zone-1");
    scene_new_with(&s, &c);
    s.store_at_once = true;
    CHECK_STR(golden_says(&s, "018-c-RegisterSlaveMessage", "RegisterSlaveMessage"),
              STR("store +0\nlink\nagent < ping connected\nagent < registered\n"));
    struct agent *a = agent_find(s.m, STR(AGENT0));
    REQUIRE(a != NULL);
    CHECK_CSTR(a->info->hostname, "node1.example");
    CHECK_INT(a->info->attributes.n, 4);
    CHECK_STR(name_str(a->info->region), STR("region-1"));
    CHECK_INT(resources_milli(&a->total, NAME_CPUS), 5000);
    CHECK(agent_info_can(a->info, AGENT_CAP_TASK_RESOURCE_LIMITS));
    CHECK(a->has_resource_version);
    struct resources ops = resources_reserved_to(&a->total, STR("ops"));
    CHECK_INT(resources_milli(&ops, NAME_MEM), 256000);
    resources_done(&ops);
    scene_done(&s);
}

TEST("a recorded re-registration brings tasks, executors and frameworks back; the framework is recovered until it subscribes")
{
    struct scene s;

    scene_new(&s);
    s.store_at_once = true;
    CHECK(str_contains(golden_says(&s, "244-d-ReregisterSlaveMessage", "ReregisterSlaveMessage"), STR("agent < reregistered\n")));
    struct framework *f = framework_find(s.m, STR("007c473a-2e2c-496c-964c-0bf4e4da4623-0001"));
    REQUIRE(f != NULL);
    CHECK(f->state == FRAMEWORK_RECOVERED);
    struct task *t = framework_task_find(f, STR("vx-1"));
    REQUIRE(t != NULL);
    CHECK_INT(t->state, TASK_RUNNING);
    CHECK_INT(resources_milli(&t->bundle->r, NAME_MEM), 32000);
    CHECK_INT(t->flags & TASK_FLAG_HAS_UPDATE, TASK_FLAG_HAS_UPDATE);
    CHECK_STR(name_str(t->executor_id), STR("vexec"));
    struct str last = task_last_status(t);
    CHECK_STR(wire_field_bytes(last, 4), STR("v0 executor running"));
    scene_done(&s);
}

TEST("what is kept of a task and written again is the recorded Task")
{
    struct scene s;
    struct sbuf body = SBUF_INIT(1 << 20), ours = SBUF_INIT(1 << 20);

    scene_new(&s);
    s.store_at_once = true;
    (void)golden_says(&s, "244-d-ReregisterSlaveMessage", "ReregisterSlaveMessage");
    struct str rest = recorded("244-d-ReregisterSlaveMessage", &body);
    struct wire_field field;
    size_t compared = 0;
    while (wire_field_next(&rest, &field) == 1) {
        if (field.number != 3) /* tasks */
            continue;
        struct framework *f = framework_find(s.m, wire_path(field.bytes, 3, 1, 0));
        struct task *t = f != NULL ? framework_task_find(f, wire_path(field.bytes, 2, 1, 0)) : NULL;
        REQUIRE(t != NULL);
        if (str_contains(field.bytes, STR("payload")))
            continue; /* data of a status is not kept */
        sbuf_clear(&ours);
        put_task(&ours, 1, t);
        /* Resources come in the old form and are kept in the new one: compare the rest. */
        struct sbuf want = SBUF_INIT(1 << 20), got = SBUF_INIT(1 << 20);
        (void)wire_copy_without(&want, field.bytes, 7);
        (void)wire_copy_without(&got, wire_field_bytes(sbuf_view(&ours), 1), 7);
        CHECK_STR(sbuf_view(&got), sbuf_view(&want));
        sbuf_done(&want);
        sbuf_done(&got);
        compared++;
    }
    CHECK(compared >= 3);
    sbuf_done(&body);
    sbuf_done(&ours);
    scene_done(&s);
}

TEST("messages to agents are the recorded bytes")
{
    struct sbuf want = SBUF_INIT(1 << 20), got = SBUF_INIT(1 << 20);
    struct master_action a = { .type = MASTER_ACT_SEND };

    a.send.kind = MSG_AGENT_REGISTERED;
    a.send.agent_id = wire_path(recorded("021-c-SlaveRegisteredMessage", &want), 1, 1, 0);
    a.send.seconds = 75;
    CHECK_STR(sent(&got, &a), sbuf_view(&want));

    sbuf_clear(&want);
    a = (struct master_action){ .type = MASTER_ACT_SEND };
    a.send.kind = MSG_PING;
    a.send.flag = true;
    (void)recorded("019-c-PingSlaveMessage", &want);
    CHECK_STR(sent(&got, &a), sbuf_view(&want));

    sbuf_clear(&want);
    struct str kill = recorded("131-c-KillTaskMessage", &want);
    a = (struct master_action){ .type = MASTER_ACT_SEND };
    a.send.kind = MSG_KILL_TASK;
    a.send.framework_id = wire_path(kill, 1, 1, 0);
    a.send.task_id = wire_path(kill, 2, 1, 0);
    a.send.bytes = wire_field_bytes(kill, 3);
    CHECK_STR(sent(&got, &a), sbuf_view(&want));

    sbuf_clear(&want);
    (void)recorded("130-c-DrainSlaveMessage", &want);
    a = (struct master_action){ .type = MASTER_ACT_SEND };
    a.send.kind = MSG_DRAIN;
    a.send.drain = (struct drain){ .state = DRAINING, .max_grace_ns = 2 * NS_PER_S };
    CHECK_STR(sent(&got, &a), sbuf_view(&want));

    sbuf_clear(&want);
    struct str ack = recorded("042-c-StatusUpdateAcknowledgementMessage", &want);
    a = (struct master_action){ .type = MASTER_ACT_SEND };
    a.send.kind = MSG_ACKNOWLEDGE;
    a.send.agent_id = wire_path(ack, 1, 1, 0);
    a.send.framework_id = wire_path(ack, 2, 1, 0);
    a.send.task_id = wire_path(ack, 3, 1, 0);
    memcpy(a.send.uuid.b, wire_field_bytes(ack, 4).p, 16);
    CHECK_STR(sent(&got, &a), sbuf_view(&want));
    sbuf_done(&want);
    sbuf_done(&got);
}

TEST("a launch is the recorded RunTaskMessage when framework, task and agent are the recorded ones")
{
    struct sbuf want = SBUF_INIT(1 << 20), got = SBUF_INIT(1 << 20);
    struct str run = recorded("023-c-RunTaskMessage", &want);
    struct framework_info info = { .raw = blob_new(wire_field_bytes(run, 2)) };
    struct framework f = { .info = &info };
    struct task_info task = { .raw = blob_new(wire_field_bytes(run, 4)) }, *tasks[] = { &task };
    struct agent agent = { .has_resource_version = true };
    struct master_action a = { .type = MASTER_ACT_SEND };

    memcpy(agent.resource_version.b, wire_path(wire_field_bytes(run, 5), 2, 1, 0).p, 16);
    a.send.kind = MSG_RUN_TASK;
    a.send.framework = &f;
    a.send.agent = &agent;
    a.send.tasks = tasks;
    a.send.task_count = 1;
    a.send.flag = true;
    CHECK_STR(sent(&got, &a), sbuf_view(&want));
    blob_unref(info.raw);
    blob_unref(task.raw);
    sbuf_done(&want);
    sbuf_done(&got);
}

TEST("the record of a launched task keeps name, labels, discovery, container, health check, kill policy and limits")
{
    struct sbuf want = SBUF_INIT(1 << 20), record = SBUF_INIT(1 << 20);
    struct task_info task = { .raw = NULL };
    static const uint32_t kept[] = { 1, 2, 11, 12, 13, 15, 16, 17 };

    task.raw = blob_new(wire_field_bytes(recorded("023-c-RunTaskMessage", &want), 4));
    master_codec.task_record(&record, &task);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        CHECK(wire_field_bytes(sbuf_view(&record), kept[i]).p != NULL);
    CHECK(wire_field_bytes(sbuf_view(&record), 7).p == NULL); /* the command is the agent's business */
    blob_unref(task.raw);
    sbuf_done(&want);
    sbuf_done(&record);
}
