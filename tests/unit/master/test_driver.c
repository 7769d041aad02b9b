/* SPDX-License-Identifier: Apache-2.0 */
/* Old drivers: their cases of subscription as scenes, and recorded messages of real ones byte for byte. */
#include <stdio.h>

#include "common/wire/guard.h"
#include "master/core/internal.h"
#include "master/wire/codec.h"
#include "proto/mesos_v0_scheduler.pb-c.h"
#include "tests/support/recorded.h"
#include "tests/unit/master/harness.h"

#define DRIVER_A "sched-a@127.0.0.1:7001"
#define DRIVER_B "sched-b@127.0.0.1:7002"

static struct str says_bytes(struct scene *s, const char *pid, const char *name, struct str body)
{
    struct decoded d;
    struct error err;
    struct str trace;

    decoded_init(&d);
    if (decode_driver_message(s->m, str_of(name), str_of(pid), (struct str){ NULL, 0 }, body, &d, &err) != 0) {
        sbuf_clear(&s->trace);
        sbuf_fmt(&s->trace, "dropped: %s\n", err.msg);
        trace = sbuf_view(&s->trace);
    } else {
        trace = step(s, &d.ev);
    }
    decoded_done(&d);
    return trace;
}

static struct str says(struct scene *s, const char *pid, const char *name, const ProtobufCMessageDescriptor *type,
                       const char *json)
{
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(1 << 20);
    struct error err;

    if (json_to_wire(type, str_of(json), &body, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    return says_bytes(s, pid, name, sbuf_view(&body));
}

static struct str calls(struct scene *s, const char *pid, const char *json)
{
    return says(s, pid, "mesos.scheduler.Call", &mesos__scheduler__call__descriptor, json);
}

#define WITH_ID "\"id\":{\"value\":\"" FRAMEWORK0 "\"},\"failover_timeout\":100,"
#define F0_CALL(type, rest) "{\"type\":\"" type "\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"}" rest "}"
#define SUBSCRIBE_NEW                                                                                                  \
    "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":" FRAMEWORK_INFO("\"failover_timeout\":100,") "}}"
#define SUBSCRIBE_ID(force)                                                                                            \
    F0_CALL("SUBSCRIBE", ",\"subscribe\":{\"force\":" force ",\"framework_info\":" FRAMEWORK_INFO(WITH_ID) "}")

static void scene_driver(struct scene *s)
{
    scene_new(s);
    s->store_at_once = true;
    (void)register_agent(s);
    CHECK_STR(calls(s, DRIVER_A, SUBSCRIBE_NEW), STR("link\nsched-a < SUBSCRIBED\n"));
}

static struct str exited(struct scene *s, const char *pid)
{
    struct master_event ev = { .type = MASTER_EV_AGENT_EXITED, .pid = str_of(pid) };

    return step(s, &ev);
}

TEST("a driver registers and gets offers; its repeated registration is answered with the same id")
{
    struct scene s;

    scene_driver(&s);
    struct framework *f = framework_find(s.m, STR(FRAMEWORK0));
    REQUIRE(f != NULL);
    CHECK_CSTR(f->pid, DRIVER_A);
    CHECK(str_starts(tick(&s, 2), STR("sched-a < OFFERS")));
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_NEW), STR("link\nsched-a < SUBSCRIBED\n"));
    CHECK_INT(HASH_COUNT(s.m->frameworks), 1);
    CHECK(master_check(s.m) == NULL);
    scene_done(&s);
}

TEST("another pid needs force; the one before is told, its offers go back")
{
    struct scene s;

    scene_driver(&s);
    (void)tick(&s, 2);
    CHECK_STR(calls(&s, DRIVER_B, SUBSCRIBE_ID("false")), STR("sched-b < ERROR Framework failed over\n"));
    CHECK_STR(calls(&s, DRIVER_B, SUBSCRIBE_ID("true")),
              STR("sched-a < ERROR Framework failed over\nunlink\nlink\nsched-b < SUBSCRIBED\nagent < update-framework\n"));
    CHECK(framework_find(s.m, STR(FRAMEWORK0))->offers == NULL);
    CHECK_STR(calls(&s, DRIVER_A, F0_CALL("TEARDOWN", "")), STR(""));
    CHECK_STR(exited(&s, DRIVER_A), STR(""));
    CHECK(master_check(s.m) == NULL);
    scene_done(&s);
}

TEST("the same driver with its id: offers are rescinded, FrameworkReregistered; with force it is FrameworkRegistered")
{
    struct scene s;

    scene_driver(&s);
    (void)tick(&s, 2);
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_ID("false")),
              STR("sched-a < RESCIND\nlink\nsched-a < SUBSCRIBED again\nagent < update-framework\n"));
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_ID("true")), STR("link\nsched-a < SUBSCRIBED\nagent < update-framework\n"));
    scene_done(&s);
}

TEST("a pid is of one framework: its subscription with the id of another is ignored")
{
    struct scene s;

    scene_driver(&s);
    (void)calls(&s, DRIVER_B, SUBSCRIBE_NEW);
    CHECK_STR(calls(&s, DRIVER_B, SUBSCRIBE_ID("true")), STR(""));
    CHECK_CSTR(framework_find(s.m, STR(FRAMEWORK0))->pid, DRIVER_A);
    scene_done(&s);
}

TEST("a broken link disconnects; the same pid returns without force; the failover timeout ends it")
{
    struct scene s;

    scene_driver(&s);
    (void)tick(&s, 2);
    CHECK_STR(exited(&s, DRIVER_A), STR("sched-a < ERROR Framework disconnected\n"));
    CHECK_INT(framework_find(s.m, STR(FRAMEWORK0))->state, FRAMEWORK_DISCONNECTED);
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_ID("false")), STR("link\nsched-a < SUBSCRIBED again\nagent < update-framework\n"));
    CHECK(str_starts(tick(&s, 2), STR("sched-a < OFFERS")));
    (void)exited(&s, DRIVER_A);
    CHECK_STR(tick(&s, 101), STR("agent < shutdown-framework\nunlink\nagent < ping connected\n"));
    CHECK(framework_find(s.m, STR(FRAMEWORK0)) == NULL);
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_ID("true")), STR("sched-a < ERROR Framework has been removed\n"));
    CHECK(master_check(s.m) == NULL);
    scene_done(&s);
}

TEST("an abort takes the offers back and stops them until the driver subscribes again")
{
    struct scene s;

    scene_driver(&s);
    (void)tick(&s, 2);
    CHECK_STR(says(&s, DRIVER_A, "mesos.internal.DeactivateFrameworkMessage",
                   &mesos__internal__deactivate_framework_message__descriptor,
                   "{\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"}}"), STR("sched-a < RESCIND\n"));
    CHECK_STR(tick(&s, 5), STR(""));
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_ID("false")), STR("link\nsched-a < SUBSCRIBED again\nagent < update-framework\n"));
    CHECK(str_starts(tick(&s, 2), STR("sched-a < OFFERS")));
    scene_done(&s);
}

TEST("to HTTP and back: the driver is told, the way back needs force; HTTP calls of a driver's framework get 403")
{
    struct scene s;

    scene_driver(&s);
    CHECK_STR(callf(&s, F0_CALL("REVIVE", "")), STR("answer 403 Framework is not connected via HTTP\n"));
    CHECK_STR(subscribe_again(&s, 3), STR("sched-a < ERROR Framework failed over\nunlink\nstream3 open\nstream3 < SUBSCRIBED\n"
                                          "stream3 < HEARTBEAT\nagent < update-framework\n"));
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_ID("false")), STR("sched-a < ERROR Framework failed over\n"));
    CHECK_STR(calls(&s, DRIVER_A, SUBSCRIBE_ID("true")),
              STR("stream3 < ERROR Framework failed over\nstream3 close\nlink\nsched-a < SUBSCRIBED\nagent < update-framework\n"));
    CHECK(s.m->heartbeats == NULL);
    CHECK(master_check(s.m) == NULL);
    scene_done(&s);
}

TEST("calls of other pids, unknown frameworks and of operation feedback are dropped; an invalid update is an error")
{
    struct scene s;

    scene_driver(&s);
    CHECK_STR(calls(&s, DRIVER_B, F0_CALL("TEARDOWN", "")), STR(""));
    CHECK_STR(calls(&s, DRIVER_A, F0_CALL("RECONCILE_OPERATIONS", ",\"reconcile_operations\":{}")), STR(""));
    CHECK_STR(calls(&s, DRIVER_A, "{\"type\":\"TEARDOWN\",\"framework_id\":{\"value\":\"no\"}}"), STR(""));
    CHECK(str_starts(calls(&s, DRIVER_A, F0_CALL("UPDATE_FRAMEWORK",
          ",\"update_framework\":{\"framework_info\":{\"user\":\"other\",\"name\":\"f\",\"id\":{\"value\":\"" FRAMEWORK0 "\"}}}")),
                     STR("sched-a < ERROR FrameworkInfo update is not valid")));
    CHECK_STR(calls(&s, DRIVER_A, F0_CALL("TEARDOWN", "")), STR("agent < shutdown-framework\nunlink\n"));
    CHECK(s.m->frameworks_by_pid == NULL);
    scene_done(&s);
}

/* --- recorded --- */

TEST("recorded calls of a driver are understood")
{
    static const struct { const char *file; enum call_type type; } cases[] = {
        { "015-b-scheduler.Call.TEARDOWN", CALL_TEARDOWN }, { "063-c-scheduler.Call.ACCEPT", CALL_ACCEPT },
        { "067-c-scheduler.Call.ACKNOWLEDGE", CALL_ACKNOWLEDGE }, { "073-c-scheduler.Call.RECONCILE", CALL_RECONCILE },
        { "111-c-scheduler.Call.SUPPRESS", CALL_SUPPRESS }, { "158-c-scheduler.Call.KILL", CALL_KILL },
    };
    struct scene s;
    struct error err;

    scene_new(&s);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
        struct decoded d;
        decoded_init(&d);
        struct str body = recorded(cases[i].file, &b);
        if (decode_driver_message(s.m, STR("mesos.scheduler.Call"), STR(DRIVER_A), (struct str){ NULL, 0 }, body, &d, &err) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].file, err.msg);
        CHECK_INT(d.ev.type, MASTER_EV_CALL);
        CHECK_INT(d.call.type, cases[i].type);
        if (cases[i].type == CALL_ACCEPT)
            CHECK_STR(d.ops[0].tasks[0]->id.s, STR("v-1"));
        if (cases[i].type == CALL_KILL)
            CHECK_STR(d.call.task.s, STR("v-1"));
        decoded_done(&d);
    }
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    CHECK_STR(says_bytes(&s, DRIVER_A, "mesos.scheduler.Call", recorded("060-c-scheduler.Call.SUBSCRIBE", &b)),
              STR("link\nsched-a < SUBSCRIBED\n"));
    sbuf_clear(&b);
    CHECK_STR(says_bytes(&s, DRIVER_B, "mesos.scheduler.Call", recorded("277-d-scheduler.Call.SUBSCRIBE", &b)),
              STR("link\nsched-b < SUBSCRIBED\n"));
    struct framework *f = framework_find(s.m, STR("007c473a-2e2c-496c-964c-0bf4e4da4623-0001"));
    REQUIRE(f != NULL);
    CHECK_CSTR(f->pid, DRIVER_B);
    scene_done(&s);
}

/* What we send, from the values of the recording, is the recording. */
static void sends(const struct master_action *a, struct str master_info, const char *file, const char *name)
{
    CLEANUP(sbuf_done_p) struct sbuf want = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf got = SBUF_INIT(1 << 20);
    struct master_identity who = { master_info };
    const char *sent = encode_driver_event(NULL, &who, a, &got);

    REQUIRE(sent != NULL);
    CHECK_CSTR(sent, name);
    CHECK_STR(sbuf_view(&got), recorded(file, &want));
}

TEST("recorded messages to a driver are what we send")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    struct framework f = { .pid = NULL };
    struct master_action a = { .type = MASTER_ACT_EVENT, .event = { .to = STR(DRIVER_A), .framework = &f } };

    struct str body = recorded("061-c-FrameworkRegisteredMessage", &b);
    f.id = framework_id(wire_path(body, 1, 1, 0));
    a.event.kind = EVENT_SUBSCRIBED;
    sends(&a, wire_field_bytes(body, 2), "061-c-FrameworkRegisteredMessage", "mesos.internal.FrameworkRegisteredMessage");
    static const char *const updates[] = { "076-c-StatusUpdateMessage", "077-c-StatusUpdateMessage" };
    a.event.kind = EVENT_UPDATE;
    for (size_t i = 0; i < 2; i++) {
        sbuf_clear(&b);
        body = wire_field_bytes(recorded(updates[i], &b), 1);
        f.id = framework_id(wire_path(body, 1, 1, 0));
        a.event.bytes = wire_field_bytes(body, 4);
        sends(&a, STR(""), updates[i], "mesos.internal.StatusUpdateMessage");
    }
    sbuf_clear(&b);
    a.event.message = recorded("093-c-StatusUpdateMessage", &b); /* as the agent said it */
    sends(&a, STR(""), "094-c-StatusUpdateMessage", "mesos.internal.StatusUpdateMessage");
    sbuf_clear(&b);
    a.event.kind = EVENT_FAILURE;
    a.event.agent_id = wire_path(recorded("139-c-LostSlaveMessage", &b), 1, 1, 0);
    sends(&a, STR(""), "139-c-LostSlaveMessage", "mesos.internal.LostSlaveMessage");
    sbuf_clear(&b);
    a.event.kind = EVENT_RESCIND;
    a.event.id = wire_path(recorded("287-d-RescindResourceOfferMessage", &b), 1, 1, 0);
    sends(&a, STR(""), "287-d-RescindResourceOfferMessage", "mesos.internal.RescindResourceOfferMessage");
    a.event.kind = EVENT_ERROR;
    a.event.bytes = STR("Framework failed over");
    sends(&a, STR(""), "282-d-FrameworkErrorMessage", "mesos.internal.FrameworkErrorMessage");
}
