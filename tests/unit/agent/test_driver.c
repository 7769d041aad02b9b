/* SPDX-License-Identifier: Apache-2.0 */
/* v0 executors: registration, restart, and recorded messages byte for byte. */
#include "scene.h"

#include "agent/wire/driver.h"
#include "tests/support/recorded.h"

#define EXECUTOR_PID "executor(1)@10.0.0.2:4000"

static struct str says_bytes(struct scene *s, const char *name, uint64_t stream, struct str body)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    struct agent_status_fill fill = { .agent = agent_id(STR("S0")), .now = { s->now.ns / NS_PER_MS },
                                      .container_id = STR("c"), .pid = 4711, .ip = STR("10.0.0.2") };
    char full[128];
    struct error err = { 0 };
    struct agent_event ev;

    sbuf_clear(&s->trace);
    (void)snprintf(full, sizeof full, "mesos.internal.%s", name);
    enum agent_driver_message kind = agent_driver_message_of(str_of(full));
    if (agent_decode_driver_message(&ev, kind, body, STR(EXECUTOR_PID), stream, &fill, &arena, &err) != 0) {
        sbuf_fmt(&s->trace, "refused: %s\n", err.msg);
        return sbuf_view(&s->trace);
    }
    struct str r = scene_step(s, &ev);
    agent_event_done(&ev);
    return r;
}

static struct str says(struct scene *s, const char *name, uint64_t stream, const char *json)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &mesos__internal__register_executor_message__descriptor, &mesos__internal__reregister_executor_message__descriptor,
        &mesos__internal__status_update_message__descriptor, &mesos__internal__executor_to_framework_message__descriptor,
    };
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    struct error err = { 0 };

    for (const char *p = json; *p != 0; p++)
        sbuf_char(&text, *p == '\'' ? '"' : *p);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i]->name + strlen("mesos.internal."), name) == 0 &&
            json_to_wire(types[i], sbuf_view(&text), &body, &err) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    return says_bytes(s, name, stream, sbuf_view(&body));
}

#define IDS "'framework_id':{'value':'F0'},'executor_id':{'value':'e1'}"
#define UPDATE(state) "{'update':{" IDS ",'slave_id':{'value':'S0'},'timestamp':1,'uuid':'AAAAAAAAQACAAAAAAAAAAA==','status':{" \
                      "'task_id':{'value':'t1'},'state':'" state "'}},'pid':'" EXECUTOR_PID "'}"

static struct scene *scene_custom(void)
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage",
                        "{'framework':{'user':'root','name':'f','id':{'value':'F0'},'checkpoint':true},'pid':'sched@10.0.0.3:7000',"
                        "'task':{'name':'t1','task_id':{'value':'t1'},'agent_id':{'value':'S0'},'executor':{'executor_id':{'value':"
                        "'e1'},'framework_id':{'value':'F0'},'command':{'value':'x'}}}}");
    (void)scene_launched(s, "e1", NULL);
    return s;
}

TEST("a v0 executor registers once: its pid is stored, it gets its tasks; a second registration is shut down")
{
    struct scene *s = scene_custom();

    CHECK_TRACE(says(s, "RegisterExecutorMessage", 1, "{" IDS "}"),
                "store_executor_pid e1\nSUBSCRIBED e1\nupdate_container e1\nLAUNCH t1\n");
    CHECK_CSTR(scene_executor(s, "e1")->pid, EXECUTOR_PID);
    CHECK_TRACE(says(s, "RegisterExecutorMessage", 2, "{" IDS "}"), "SHUTDOWN e1\nclose 2\n");
    CHECK_TRACE(says(s, "StatusUpdateMessage", 0, UPDATE("TASK_RUNNING")), "store_update t1 RUNNING\nACKNOWLEDGED t1\nupdate t1 RUNNING\n");
    CHECK_TRACE(says(s, "ExecutorToFrameworkMessage", 0, "{'slave_id':{'value':'S0'}," IDS ",'data':'aGk='}"), "message_out e1\n");
    scene_free(s);
}

TEST("a message that executors do not send is none of theirs")
{
    struct scene *s = scene_custom();

    CHECK_TRACE(says_bytes(s, "RunTaskMessage", 0, STR("")), "refused: not a message of executors\n");
    scene_free(s);
}

TEST("an update without a uuid is refused")
{
    struct scene *s = scene_custom();

    CHECK(str_starts(says(s, "StatusUpdateMessage", 0,
                          "{'update':{" IDS ",'timestamp':1,'status':{'task_id':{'value':'t1'},'state':'TASK_RUNNING'}}}"),
                     STR("refused: ")));
    scene_free(s);
}

TEST("a v0 executor that registers again brings its updates; launches that it does not know are dropped")
{
    struct scene *s = scene_custom();

    (void)says(s, "RegisterExecutorMessage", 1, "{" IDS "}");
    CHECK_TRACE(says(s, "ReregisterExecutorMessage", 2, "{" IDS ",'tasks':[{'name':'t1','task_id':{'value':'t1'},'agent_id':"
                     "{'value':'S0'}}],'updates':[" "{" IDS ",'timestamp':1,'uuid':'AAAAAAAAQACAAAAAAAAAAA==','status':{"
                     "'task_id':{'value':'t1'},'state':'TASK_RUNNING'}}" "]}"),
                "close 1\nSUBSCRIBED e1\nstore_update t1 RUNNING\nACKNOWLEDGED t1\nupdate t1 RUNNING\n");
    CHECK_TRACE(says(s, "ReregisterExecutorMessage", 3, "{" IDS "}"), "close 2\nSUBSCRIBED e1\n");
    scene_free(s);
}

/* --- recorded --- */

static void sends(const struct agent *a, const struct agent_env *env, const struct agent_action *act, const char *file,
                  const char *name)
{
    CLEANUP(sbuf_done_p) struct sbuf got = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf want = SBUF_INIT(1 << 20);
    const char *sent = agent_encode_driver_message(a, env, act, 0, &got);

    REQUIRE(sent != NULL);
    CHECK_CSTR(sent, name);
    CHECK_STR(sbuf_view(&got), recorded(file, &want));
}

TEST("recorded messages to a v0 executor are what we send")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 20);
    struct str body = recorded("321-e-ExecutorRegisteredMessage", &b);
    struct agent a = { .id = (char *)(uintptr_t)arena_str(&arena, wire_path(body, 5, 1, 0)).p };
    struct agent_env env = { .hostname = "node1.example", .port = 5051,
                             .resources = resources_lit("cpus:4;mem:2048;disk:8192;ports:[31000-31099]") };
    struct executor_info executor = { .raw = blob_new(wire_field_bytes(body, 2)) };
    struct framework_info framework = { .raw = blob_new(wire_field_bytes(body, 4)) };
    struct agent_framework f = { .id = (char *)(uintptr_t)arena_str(&arena, wire_path(body, 3, 1, 0)).p, .info = &framework };
    struct agent_executor e = { .id = (char *)"vexec", .framework = &f, .info = &executor };
    struct agent_action act = { .type = AGENT_DO_EXECUTOR_SUBSCRIBED, .executor = &e, .grace_ns = -1 };

    sends(&a, &env, &act, "321-e-ExecutorRegisteredMessage", "mesos.internal.ExecutorRegisteredMessage");

    sbuf_clear(&b);
    body = recorded("322-e-RunTaskMessage", &b);
    struct task_info task = { .raw = blob_new(wire_field_bytes(body, 4)) };
    struct agent_task t = { .executor = &e, .info = &task };
    f.pid = (char *)(uintptr_t)arena_str(&arena, wire_field_bytes(body, 3)).p;
    act.type = AGENT_DO_EXECUTOR_LAUNCH;
    act.task = &t;
    sends(&a, &env, &act, "322-e-RunTaskMessage", "mesos.internal.RunTaskMessage");

    sbuf_clear(&b);
    body = recorded("326-e-StatusUpdateAcknowledgementMessage", &b);
    act.type = AGENT_DO_EXECUTOR_ACK;
    act.task_id = wire_path(body, 3, 1, 0);
    memcpy(act.uuid.b, wire_field_bytes(body, 4).p, sizeof act.uuid.b);
    sends(&a, &env, &act, "326-e-StatusUpdateAcknowledgementMessage", "mesos.internal.StatusUpdateAcknowledgementMessage");

    sbuf_clear(&b);
    body = recorded("268-d-ExecutorReregisteredMessage", &b);
    a.id = (char *)(uintptr_t)arena_str(&arena, wire_path(body, 1, 1, 0)).p;
    act.type = AGENT_DO_EXECUTOR_SUBSCRIBED;
    act.again = true;
    sends(&a, &env, &act, "268-d-ExecutorReregisteredMessage", "mesos.internal.ExecutorReregisteredMessage");
    act.type = AGENT_DO_EXECUTOR_RECONNECT;
    sends(&a, &env, &act, "262-d-ReconnectExecutorMessage", "mesos.internal.ReconnectExecutorMessage");

    sbuf_clear(&b);
    body = recorded("240-d-FrameworkToExecutorMessage", &b);
    f.id = (char *)(uintptr_t)arena_str(&arena, wire_path(body, 2, 1, 0)).p;
    act.type = AGENT_DO_EXECUTOR_MESSAGE;
    act.text = STR("hello");
    sends(&a, &env, &act, "240-d-FrameworkToExecutorMessage", "mesos.internal.FrameworkToExecutorMessage");

    sbuf_clear(&b);
    body = recorded("131-c-KillTaskMessage", &b);
    f.id = (char *)(uintptr_t)arena_str(&arena, wire_path(body, 1, 1, 0)).p;
    act.type = AGENT_DO_EXECUTOR_KILL;
    act.task_id = STR("n2-drain");
    act.text = (struct str){ NULL, 0 };
    act.grace_ns = 2 * NS_PER_S;
    sends(&a, &env, &act, "131-c-KillTaskMessage", "mesos.internal.KillTaskMessage");
    act.type = AGENT_DO_EXECUTOR_SHUTDOWN;
    sends(&a, &env, &act, "114-c-ShutdownExecutorMessage", "mesos.internal.ShutdownExecutorMessage");

    blob_unref(executor.raw);
    blob_unref(framework.raw);
    blob_unref(task.raw);
    resources_done(&env.resources);
}

TEST("recorded messages of v0 executors are understood: senders, uuids, states")
{
    static const struct { const char *file, *executor; enum agent_driver_message kind; } cases[] = {
        { "320-e-RegisterExecutorMessage", "vexec", AGENT_DRIVER_REGISTER },
        { "265-d-ReregisterExecutorMessage", "v-1", AGENT_DRIVER_REREGISTER },
        { "323-e-StatusUpdateMessage", "vexec", AGENT_DRIVER_UPDATE },
        { "241-d-ExecutorToFrameworkMessage", "vexec", AGENT_DRIVER_MESSAGE },
    };
    struct agent_status_fill fill = { .agent = agent_id(STR("S0")), .container_id = STR("c") };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
        CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
        struct framework_id fid;
        struct executor_id eid;
        struct agent_event ev;
        struct error err = { 0 };
        struct str body = recorded(cases[i].file, &b);
        CHECK_INT(agent_driver_sender(cases[i].kind, body, &fid, &eid, &err), 0);
        CHECK_STR(eid.s, str_of(cases[i].executor));
        REQUIRE(agent_decode_driver_message(&ev, cases[i].kind, body, STR(EXECUTOR_PID), 1, &fill, &arena, &err) == 0);
        if (cases[i].kind == AGENT_DRIVER_UPDATE) {
            CHECK_INT(ev.u.update.status->state, TASK_STARTING);
            CHECK(ev.u.update.status->has_uuid);
            CHECK_INT(ev.u.update.status->source, SOURCE_EXECUTOR);
        }
        agent_event_done(&ev);
    }
}
