/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent makes of late messages and of its own restart, in the cases that simulation found. */
#include "agent/core/internal.h"
#include "tests/unit/agent/scene.h"

TEST("a launch that was sent before the agent reported again is refused: the master counts without it by now")
{
    struct scene *s = scene_registered();
    CLEANUP(sbuf_done_p) struct sbuf b64 = SBUF_INIT(64);
    CLEANUP(sbuf_done_p) struct sbuf run = SBUF_INIT(1 << 16);
    struct uuid old = s->agent->resource_version;

    base64_encode(&b64, str_mem(old.b, 16));
    sbuf_c(&run, RUN_COMMAND("t1"));
    run.n--; /* the closing brace */
    sbuf_fmt(&run, ",'resource_version_uuids':[{'uuid':{'value':'%s'}}]}", b64.p);
    (void)scene_message_from(s, "slave-observer(2)@10.0.0.1:5050", "PingSlaveMessage", "{'connected':false}");
    CHECK_INT(s->agent->state, AGENT_DISCONNECTED);
    CHECK_TRACE(scene_after(s, 2000), "reregister\n");
    CHECK(!uuid_eq(&s->agent->resource_version, &old));
    (void)scene_message(s, "RunTaskMessage", run.p);
    CHECK(s->agent->task_count == 0);
    CHECK_TRACE(scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}"),
                "store_info\nupdate_agent\nexited_executor t1 -1\nupdate t1 DROPPED INVALID_OFFERS\n");
    scene_free(s);
}

TEST("an update that waited when the agent died counts as sent: the master must not answer with less")
{
    struct agent_config config = scene_config();
    struct scene *s = scene_new(&config);
    struct agent_event ev = { .type = AGENT_EV_RECOVERED };
    struct task_status *updates[2];
    struct framework_info *f = framework_info_new();
    struct executor_info *e = executor_info_new();
    struct task_info *t = task_info_new();

    for (size_t i = 0; i < 2; i++) {
        updates[i] = task_status_new();
        updates[i]->task = task_id(STR("t1"));
        updates[i]->state = i == 0 ? TASK_RUNNING : TASK_FINISHED;
        updates[i]->has_uuid = true;
        updates[i]->uuid.b[0] = (uint8_t)(i + 1);
        updates[i]->raw = blob_new(STR("x"));
    }
    f->id = framework_id_copy(framework_id(STR("F0")));
    e->id = executor_id(STR("t1"));
    t->id = task_id(STR("t1"));
    struct agent_recovered_task task = { .info = t, .updates = updates, .update_count = 2, .acks = &updates[0]->uuid,
                                         .ack_count = 1 };
    struct agent_recovered_executor executor = { .info = e, .generated = true, .container_id = STR("c1"), .http = true,
                                                 .forked_pid = 7, .tasks = &task, .task_count = 1 };
    struct agent_recovered_framework framework = { .info = f, .executors = &executor, .executor_count = 1 };
    ev.u.recovered.agent = agent_id(STR("S0"));
    ev.u.recovered.frameworks = &framework;
    ev.u.recovered.framework_count = 1;
    ev.u.recovered.total = &s->env.resources;
    (void)scene_step(s, &ev);
    const struct agent_task *k = agent_task_find(scene_executor(s, "t1"), STR("t1"));
    CHECK(k != NULL && k->forwarded != NULL && k->forwarded->state == TASK_FINISHED);
    task_status_unref(updates[0]);
    task_status_unref(updates[1]);
    framework_info_unref(f);
    executor_info_unref(e);
    task_info_unref(t);
    scene_free(s);
}

TEST("an executor that leaves while the agent's report is on its way is told when the master has taken the agent in")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_CUSTOM("t1", "e1", "true"));
    (void)scene_launched(s, "e1", NULL);
    (void)scene_subscribe(s, "e1", 1);
    (void)scene_after(s, 76000);
    CHECK_TRACE(scene_after(s, 1000), "reregister\n");
    CHECK(!str_contains(scene_exited(s, "e1", 0, REASON_NONE, NULL), STR("exited_executor")));
    CHECK(str_contains(scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}"), STR("exited_executor e1 0\n")));
    CHECK(s->agent->exits == NULL);
    scene_free(s);
}

/* What scene_ack sends, with the version of a report. */
static struct str ack_with_version(struct scene *s, const char *task, const struct uuid *version)
{
    CLEANUP(sbuf_done_p) struct sbuf uuid = SBUF_INIT(64);
    CLEANUP(sbuf_done_p) struct sbuf known = SBUF_INIT(64);
    const struct agent_stream *f = agent_stream_find(s->agent, STR("F0"), str_of(task));
    char json[512];

    base64_encode(&uuid, str_mem(f->head->status->uuid.b, 16));
    base64_encode(&known, str_mem(version->b, 16));
    (void)snprintf(json, sizeof json,
                   "{'slave_id':{'value':'S0'},'framework_id':{'value':'F0'},'task_id':{'value':'%s'},'uuid':'%s',"
                   "'resource_version':'%s'}",
                   task, uuid.p, known.p);
    return scene_message(s, "StatusUpdateAcknowledgementMessage", json);
}

TEST("an acknowledgement that was sent before the master knew the newest report is ignored: that report calls the update open")
{
    struct scene *s = scene_registered();
    struct uuid old = s->agent->resource_version;

    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    (void)scene_launched(s, "t1", NULL);
    (void)scene_subscribe(s, "t1", 1);
    (void)scene_update(s, "t1", "t1", "TASK_FINISHED", 'a');
    (void)scene_message_from(s, "slave-observer(2)@10.0.0.1:5050", "PingSlaveMessage", "{'connected':false}");
    CHECK_TRACE(scene_after(s, 2000), "reregister\n");
    CHECK_TRACE(ack_with_version(s, "t1", &old), "");
    CHECK(str_contains(scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}"), STR("update t1 FINISHED\n")));
    CHECK_TRACE(ack_with_version(s, "t1", &old), "");
    CHECK_TRACE(ack_with_version(s, "t1", &s->agent->resource_version), "store_ack t1\n");
    scene_free(s);
}

TEST("a report names the master that it is for; one that is refused goes to the master that is there now")
{
    struct scene *s = scene_registered();
    struct agent_event ev = { .type = AGENT_EV_MASTER };

    ev.u.master.pid = STR(MASTER_PID);
    ev.u.master.id = STR("M1");
    (void)scene_step(s, &ev);
    CHECK_TRACE(scene_after(s, 2000), "reregister\n");
    CHECK_STR(str_of(s->agent->master_id), STR("M1"));
    /* Of another address, and of the same master: nothing new. */
    CHECK_TRACE(scene_message_from(s, "master@10.0.0.9:5050", "PingSlaveMessage", "{'connected':false,'master_id':'M9'}"), "");
    CHECK_TRACE(scene_message(s, "PingSlaveMessage", "{'connected':false,'master_id':'M1'}"), "");
    CHECK_TRACE(scene_message(s, "PingSlaveMessage", "{'connected':false,'master_id':'M2'}"), "link_master\n");
    CHECK_TRACE(scene_after(s, 2000), "reregister\n");
    CHECK_STR(str_of(s->agent->master_id), STR("M2"));
    scene_free(s);
}
