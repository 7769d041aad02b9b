/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of an agent's life: what it does, in which order. */
#include "scene.h"


/* --- registration --- */

TEST("an agent that was started registers at once and repeats with growing intervals; with a new master, after a random delay")
{
    struct agent_config config = scene_config();
    struct scene *s = scene_new(&config);
    struct agent_event ev = { .type = AGENT_EV_RECOVERED };

    ev.u.recovered.total = &s->env.resources;
    CHECK_TRACE(scene_step(s, &ev), "store_boot_id\n");
    CHECK_INT(s->agent->state, AGENT_DISCONNECTED);
    ev = (struct agent_event){ .type = AGENT_EV_MASTER };
    ev.u.master.pid = STR(MASTER_PID);
    CHECK_TRACE(scene_step(s, &ev), "link_master\nregister\n");
    CHECK_TRACE(scene_step(s, &ev), "link_master\n");
    CHECK(mono_diff(s->wake_at, s->now) <= NS_PER_S);
    CHECK_TRACE(scene_after(s, 1000), "register\n");
    int64_t longest = 0;
    for (int i = 0; i < 40; i++) {
        int64_t wait = mono_diff(s->wake_at, s->now);
        longest = wait > longest ? wait : longest;
        CHECK(wait <= 66 * NS_PER_S);
        s->now = s->wake_at;
        CHECK_TRACE(scene_tick(s), "register\n");
    }
    CHECK(longest > 20 * NS_PER_S);
    CHECK_TRACE(scene_message(s, "SlaveRegisteredMessage", "{'slave_id':{'value':'S0'}}"), "store_info\nupdate_agent\n");
    CHECK_INT(s->agent->state, AGENT_RUNNING);
    scene_free(s);
}

TEST("an agent that does not know its id yet takes no tasks")
{
    struct agent_config config = scene_config();
    struct scene *s = scene_new(&config);
    struct agent_event ev = { .type = AGENT_EV_RECOVERED };

    ev.u.recovered.total = &s->env.resources;
    (void)scene_step(s, &ev);
    ev = (struct agent_event){ .type = AGENT_EV_MASTER };
    ev.u.master.pid = STR(MASTER_PID);
    (void)scene_step(s, &ev);
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("t1")), "");
    CHECK(s->agent->frameworks == NULL);
    scene_free(s);
}

TEST("only the current master is listened to")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(scene_message_from(s, "master@10.9.9.9:5050", "RunTaskMessage", RUN_COMMAND("t1")), "");
    CHECK_TRACE(scene_message_from(s, "master@10.9.9.9:5050", "ShutdownMessage", "{}"), "");
    CHECK(s->agent->frameworks == NULL);
    scene_free(s);
}

TEST("a ping is answered to its sender; without pings the agent registers again")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(scene_message_from(s, "slave-observer(1)@10.0.0.1:5050", "PingSlaveMessage", "{'connected':true}"),
                "pong\n");
    CHECK_TRACE(scene_after(s, 74000), "");
    CHECK_TRACE(scene_after(s, 1000), "link_master\n");
    CHECK_INT(s->agent->state, AGENT_DISCONNECTED);
    CHECK_TRACE(scene_after(s, 1000), "reregister\n");
    CHECK_TRACE(scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}"), "store_info\nupdate_agent\n");
    CHECK_TRACE(scene_message_from(s, "slave-observer(2)@10.0.0.1:5050", "PingSlaveMessage", "{'connected':false}"),
                "pong\nlink_master\n");
    scene_free(s);
}

TEST("an agent that is registered under another id leaves")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S9'}}"), "exit 1\n");
    scene_free(s);
}

TEST("tasks that the master believes to be here are said to be dropped")
{
    struct scene *s = scene_registered();

    (void)scene_after(s, 76000);
    (void)scene_after(s, 1000);
    CHECK_TRACE(scene_message(s, "SlaveReregisteredMessage",
                              "{'slave_id':{'value':'S0'},'reconciliations':[{'framework_id':{'value':'F0'},'framework':{"
                              "'user':'r','name':'n','capabilities':[{'type':'PARTITION_AWARE'}]},'statuses':[{'task_id':{"
                              "'value':'gone'},'state':'TASK_RUNNING'}]}]}"),
                "store_info\nupdate_agent\nupdate gone DROPPED RECONCILIATION\n");
    CHECK_SAID(s, "Reconciliation: task unknown to the agent");
    scene_free(s);
}

/* --- a command task --- */

static struct scene *running_command(const char *run)
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", run);
    (void)scene_launched(s, "t1", NULL);
    (void)scene_subscribe(s, "t1", 1);
    return s;
}

TEST("a command task from launch to the last acknowledgement")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("t1")),
                "store_framework F0\nmake_sandbox t1\nstore_executor t1\nstore_task t1\nlaunch_container t1\n");
    CHECK_TRACE(scene_launched(s, "t1", NULL), "");
    CHECK_TRACE(scene_subscribe(s, "t1", 1),
                "store_http_marker t1\nSUBSCRIBED t1\nupdate_container t1\nLAUNCH t1\n");
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_RUNNING", 'a'),
                "store_update t1 RUNNING\nACKNOWLEDGED t1\nupdate t1 RUNNING\n");
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_FINISHED", 'b'),
                "update_container t1\nstore_update t1 FINISHED\nACKNOWLEDGED t1\n");
    CHECK_TRACE(scene_ack(s, "t1"), "store_ack t1\nupdate t1 FINISHED\n");
    CHECK_TRACE(scene_exited(s, "t1", 0, REASON_NONE, NULL), "close 1\n");
    CHECK_TRACE(scene_ack(s, "t1"), "store_ack t1\nstore_sentinel t1\ngc_executor t1\ngc_framework F0\n");
    CHECK(s->agent->frameworks == NULL);
    CHECK_INT(s->agent->counters.tasks_finished, 1);
    scene_free(s);
}

TEST("an executor that subscribes before its container is reported gets its task when it is")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    CHECK_TRACE(scene_subscribe(s, "t1", 1), "store_http_marker t1\nSUBSCRIBED t1\n");
    CHECK_TRACE(scene_launched(s, "t1", NULL), "update_container t1\nLAUNCH t1\n");
    scene_free(s);
}

TEST("nothing is acknowledged or sent before it is stored")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    s->hold_stores = true;
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_RUNNING", 'a'), "store_update t1 RUNNING\n");
    CHECK_TRACE(scene_after(s, 60000), "");
    CHECK_TRACE(scene_message(s, "UpdateFrameworkMessage", "{'framework_id':{'value':'F7'}}"), "");
    sbuf_clear(&s->trace);
    scene_stored(s);
    CHECK_TRACE(sbuf_view(&s->trace), "ACKNOWLEDGED t1\nupdate t1 RUNNING\n");
    scene_free(s);
}

TEST("an update that could not be stored is tried again after a second")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));
    struct agent_event ev = { .type = AGENT_EV_UPDATE_STORED };

    s->hold_stores = true;
    (void)scene_update(s, "t1", "t1", "TASK_RUNNING", 'a');
    ev.u.stored.framework = framework_id(STR("F0"));
    ev.u.stored.task = task_id(STR("t1"));
    ev.u.stored.uuid = s->stores[0].uuid;
    ev.u.stored.failed = true;
    s->store_count = 0;
    CHECK_TRACE(scene_step(s, &ev), "");
    CHECK_TRACE(scene_after(s, 1000), "store_update t1 RUNNING\n");
    sbuf_clear(&s->trace);
    scene_stored(s);
    CHECK_TRACE(sbuf_view(&s->trace), "ACKNOWLEDGED t1\nupdate t1 RUNNING\n");
    scene_free(s);
}

TEST("a framework without checkpointing writes nothing")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(scene_message(s, "RunTaskMessage",
                              "{'framework':{'user':'root','name':'f','id':{'value':'F0'}},'launch_executor':true,'task':"
                              TASK_JSON("t1", ",'command':{'value':'x'}") "}"),
                "make_sandbox t1\nlaunch_container t1\n");
    (void)scene_launched(s, "t1", NULL);
    CHECK_TRACE(scene_subscribe(s, "t1", 1), "SUBSCRIBED t1\nupdate_container t1\nLAUNCH t1\n");
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_RUNNING", 'a'), "ACKNOWLEDGED t1\nupdate t1 RUNNING\n");
    scene_free(s);
}

/* --- updates --- */

TEST("an update is repeated after 10 s, doubling to 10 min, until it is acknowledged")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));
    static const int secs[] = { 10, 20, 40, 80, 160, 320, 600, 600 };

    (void)scene_update(s, "t1", "t1", "TASK_RUNNING", 'a');
    for (size_t i = 0; i < sizeof secs / sizeof secs[0]; i++) {
        (void)scene_message_from(s, "slave-observer(1)@10.0.0.1:5050", "PingSlaveMessage", "{'connected':true}");
        s->agent->ping_by = MONO_NEVER; /* not the subject here */
        CHECK_TRACE(scene_after(s, secs[i] * 1000 - 1), "");
        CHECK_TRACE(scene_after(s, 1), "update t1 RUNNING\n");
    }
    CHECK_TRACE(scene_ack(s, "t1"), "store_ack t1\n");
    s->agent->ping_by = MONO_NEVER;
    CHECK_TRACE(scene_after(s, 3600000), "");
    scene_free(s);
}

TEST("heads go out again when the agent is registered again and when a framework is updated")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_update(s, "t1", "t1", "TASK_RUNNING", 'a');
    CHECK_TRACE(scene_message(s, "UpdateFrameworkMessage", "{'framework_id':{'value':'F7'}}"), "update t1 RUNNING\n");
    (void)scene_after(s, 76000);
    CHECK_TRACE(scene_after(s, 1000), "reregister\n");
    CHECK_TRACE(scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}"),
                "store_info\nupdate_agent\nupdate t1 RUNNING\n");
    scene_free(s);
}

TEST("a repeated uuid is acknowledged again and forwarded once")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_update(s, "t1", "t1", "TASK_RUNNING", 'a');
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_RUNNING", 'a'), "ACKNOWLEDGED t1\n");
    (void)scene_ack(s, "t1");
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_RUNNING", 'a'), "ACKNOWLEDGED t1\n");
    CHECK_TRACE(scene_ack(s, "t1"), "");
    scene_free(s);
}

TEST("the first terminal state wins, a second one is only acknowledged")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_update(s, "t1", "t1", "TASK_FAILED", 'a');
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_FINISHED", 'b'), "ACKNOWLEDGED t1\n");
    CHECK_INT(s->agent->counters.tasks_failed, 1);
    CHECK_INT(s->agent->counters.tasks_finished, 0);
    scene_free(s);
}

TEST("an update for a task the agent never saw is passed on")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    CHECK_TRACE(scene_update(s, "t1", "never", "TASK_RUNNING", 'n'), "ACKNOWLEDGED never\nupdate never RUNNING\n");
    scene_free(s);
}

TEST("an acknowledgement of another update than the oldest changes nothing")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_update(s, "t1", "t1", "TASK_RUNNING", 'a');
    CHECK_TRACE(scene_message(s, "StatusUpdateAcknowledgementMessage",
                              "{'slave_id':{'value':'S0'},'framework_id':{'value':'F0'},'task_id':{'value':'t1'},"
                              "'uuid':'enp6enp6enp6enp6enp6eg=='}"), "");
    CHECK_TRACE(scene_after(s, 10000), "update t1 RUNNING\n");
    scene_free(s);
}

/* --- custom executors and groups --- */

TEST("a second task goes to the running executor; a group is delivered whole, after single tasks")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_CUSTOM("t1", "e1", "true"));
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_CUSTOM("t2", "e1", "false")), "store_task t2\n");
    (void)scene_launched(s, "e1", NULL);
    CHECK_TRACE(scene_subscribe(s, "e1", 1),
                "store_http_marker e1\nSUBSCRIBED e1\nupdate_container e1\nLAUNCH t1\nLAUNCH t2\n");
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_CUSTOM("t3", "e1", "false")),
                "store_task t3\nupdate_container e1\nLAUNCH t3\n");
    CHECK_TRACE(scene_message(s, "RunTaskGroupMessage", RUN_GROUP("true")),
                "make_sandbox d1\nstore_executor d1\nstore_task g1\nstore_task g2\nlaunch_container d1\n");
    (void)scene_launched(s, "d1", NULL);
    CHECK_TRACE(scene_subscribe(s, "d1", 2),
                "store_http_marker d1\nSUBSCRIBED d1\nupdate_container d1\nLAUNCH_GROUP g1 g2\n");
    scene_free(s);
}

TEST("executor totals follow the tasks that are not terminal")
{
    struct scene *s = scene_registered();
    struct resources total = RESOURCES_INIT;
    int64_t cpus, mem;

    (void)scene_message(s, "RunTaskMessage", RUN_CUSTOM("t1", "e1", "true"));
    (void)scene_message(s, "RunTaskMessage",
                        "{" FRAMEWORK_JSON ",'task':" TASK_JSON("t2", ",'executor':" EXECUTOR_JSON("e1")
                        ",'limits':{'cpus':{'value':2},'mem':{'value':'Infinity'}}") "}");
    agent_executor_totals(scene_executor(s, "e1"), &total, &cpus, &mem);
    CHECK_INT(resources_milli(&total, NAME_CPUS), 1500);
    CHECK_INT(resources_milli(&total, NAME_MEM), 192000);
    CHECK_INT(cpus, 500 + 500 + 2000);
    CHECK_INT(mem, AGENT_LIMIT_INFINITY);
    resources_done(&total);
    (void)scene_launched(s, "e1", NULL);
    (void)scene_subscribe(s, "e1", 1);
    (void)scene_update(s, "e1", "t2", "TASK_FINISHED", 'a');
    agent_executor_totals(scene_executor(s, "e1"), &total, &cpus, &mem);
    CHECK_INT(resources_milli(&total, NAME_CPUS), 1000);
    CHECK_INT(cpus, AGENT_LIMIT_NONE);
    resources_done(&total);
    scene_free(s);
}

/* --- refusals --- */

static const struct {
    const char *name, *run, *want, *said;
} refusals[] = {
    { "stale resource version",
      "{" FRAMEWORK_JSON ",'launch_executor':true,'resource_version_uuids':[{'uuid':{'value':'enp6enp6enp6enp6enp6eg=='}}],"
      "'task':" TASK_JSON("t1", ",'executor':" EXECUTOR_JSON("e1")) "}",
      "store_framework F0\nupdate t1 DROPPED INVALID_OFFERS\nexited_executor e1 -1\ngc_framework F0\n",
      "Task's resource version does not match the agent's" },
    { "an executor that should be there is not",
      "{" FRAMEWORK_JSON ",'launch_executor':false,'task':" TASK_JSON("t1", ",'executor':" EXECUTOR_JSON("e1")) "}",
      "store_framework F0\nupdate t1 DROPPED EXECUTOR_TERMINATED\ngc_framework F0\n",
      "No executor is expected to launch, and the task's executor is not there" },
    { "a volume that is unknown here",
      "{" FRAMEWORK_JSON ",'launch_executor':true,'task':{'name':'t1','task_id':{'value':'t1'},'agent_id':{'value':'S0'},"
      "'resources':[{'name':'disk','type':'SCALAR','scalar':{'value':10},'allocation_info':{'role':'a'},"
      "'reservations':[{'type':'DYNAMIC','role':'a'}],'disk':{'persistence':{'id':'v'},'volume':{'mode':'RW',"
      "'container_path':'data'}}}],'command':{'value':'x'}}}",
      "store_framework F0\nupdate t1 DROPPED RESOURCES_UNKNOWN\nexited_executor t1 -1\ngc_framework F0\n",
      "The checkpointed resources being used by the task or task group are unknown to the agent" },
};

TEST("a launch that cannot be done is answered, for a new executor with ExitedExecutor")
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct scene *s = scene_registered();
        struct str got = scene_message(s, "RunTaskMessage", refusals[i].run);
        if (!str_eq(got, str_of(refusals[i].want)))
            test_fail(__FILE__, __LINE__, "%s: got\n%.*s", refusals[i].name, STR_ARG(got));
        CHECK_SAID(s, refusals[i].said);
        CHECK(s->agent->frameworks == NULL);
        scene_free(s);
    }
}

TEST("limits without an isolator that enforces them are refused")
{
    static const struct {
        const char *limit, *said;
    } rows[] = {
        { "cpus", "CPU limits can only be set on tasks launched in Mesos containers with cgroups cpu isolation enabled "
                  "(--isolation=cgroups/cpu)" },
        { "mem", "Memory limits can only be set on tasks launched in Mesos containers with cgroups memory isolation enabled "
                 "(--isolation=cgroups/mem)" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene *s = scene_registered();
        char json[1024];
        s->agent->config.enforces_cpu = s->agent->config.enforces_mem = false;
        (void)snprintf(json, sizeof json, "{" FRAMEWORK_JSON ",'launch_executor':true,'task':"
                       TASK_JSON("t1", ",'command':{'value':'x'},'limits':{'%s':{'value':128}}") "}", rows[i].limit);
        CHECK_TRACE(scene_message(s, "RunTaskMessage", json), "store_framework F0\nupdate t1 DROPPED GC_ERROR\ngc_framework F0\n");
        CHECK_SAID(s, rows[i].said);
        scene_free(s);
    }
}

TEST("an agent takes no more tasks and executors than it can keep")
{
    struct scene *s = scene_registered();

    s->agent->executor_count = AGENT_EXECUTORS_MAX;
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("t1")),
                "store_framework F0\nupdate t1 DROPPED GC_ERROR\nexited_executor t1 -1\ngc_framework F0\n");
    CHECK(str_contains(str_of(s->said), STR("executors; at most")));
    s->agent->executor_count = 0;
    scene_free(s);
}

TEST("a command task with the id of an executor that is there")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_CUSTOM("t1", "e1", "true"));
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("e1")), "update e1 DROPPED TASK_INVALID\n");
    CHECK_SAID(s, "an executor with the id e1, that of the task, is there already");
    CHECK(agent_task_find(scene_executor(s, "e1"), STR("e1")) == NULL);
    scene_free(s);
}

TEST("master and agent disagree about an executor: the task is dropped, the executor shut down")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_CUSTOM("t1", "e1", "true"));
    (void)scene_launched(s, "e1", NULL);
    (void)scene_subscribe(s, "e1", 1);
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_CUSTOM("t2", "e1", "true")),
                "update t2 DROPPED EXECUTOR_TERMINATED\nSHUTDOWN e1\n");
    CHECK_SAID(s, "The master wants to launch the executor, which is already there");
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_CUSTOM("t3", "e1", "false")),
                "update t3 DROPPED EXECUTOR_TERMINATED\n");
    scene_free(s);
}

TEST("an id that would lead out of the work directory never reaches the core")
{
    struct scene *s = scene_registered();

    CHECK(str_starts(scene_message(s, "RunTaskMessage", RUN_COMMAND("..")), STR("refused:")));
    CHECK(str_starts(scene_message(s, "RunTaskMessage", RUN_COMMAND("a/b")), STR("refused:")));
    CHECK(s->agent->frameworks == NULL);
    scene_free(s);
}

/* --- the end of executors --- */

TEST("an executor that exits: first ExitedExecutor, then its tasks fail")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_CUSTOM("t1", "e1", "true"));
    (void)scene_launched(s, "e1", NULL);
    (void)scene_subscribe(s, "e1", 1);
    CHECK_TRACE(scene_exited(s, "e1", 2304, REASON_NONE, NULL),
                "close 1\nexited_executor e1 2304\nstore_update t1 FAILED EXECUTOR_TERMINATED\n"
                "update t1 FAILED EXECUTOR_TERMINATED\n");
    CHECK_TRACE(scene_ack(s, "t1"), "store_ack t1\nstore_sentinel e1\ngc_executor e1\ngc_framework F0\n");
    scene_free(s);
}

TEST("out of memory is the reason; a command executor sends no ExitedExecutor")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));
    struct resources limit = resources_lit("mem:64");
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_EXITED };

    ev.u.exited.container = container_id(str_of(scene_executor(s, "t1")->container_id));
    ev.u.exited.status_known = true;
    ev.u.exited.status = 9;
    ev.u.exited.reason = REASON_CONTAINER_LIMITATION_MEMORY;
    ev.u.exited.message = STR("Memory limit exceeded");
    ev.u.exited.limitation = &limit;
    CHECK_TRACE(scene_step(s, &ev), "close 1\nstore_update t1 FAILED CONTAINER_LIMITATION_MEMORY\n"
                                    "update t1 FAILED CONTAINER_LIMITATION_MEMORY\n");
    struct agent_stream *x = s->agent->streams;
    CHECK_STR(x->head->status->message, STR("Memory limit exceeded"));
    struct str limitation = wire_field_bytes(blob_str(x->head->status->raw), 16);
    CHECK_STR(wire_path(limitation, 1, 1, 0), STR("mem"));
    resources_done(&limit);
    scene_free(s);
}

TEST("a container that cannot be launched fails its tasks with the reason")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    CHECK_TRACE(scene_launched(s, "t1", "no such user"),
                "store_update t1 FAILED CONTAINER_LAUNCH_FAILED\nupdate t1 FAILED CONTAINER_LAUNCH_FAILED\n");
    CHECK_STR(s->agent->streams->head->status->message, STR("Failed to launch container: no such user"));
    CHECK_INT(s->agent->counters.launch_errors, 1);
    scene_free(s);
}

TEST("an executor that does not subscribe within a minute is destroyed")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    (void)scene_launched(s, "t1", NULL);
    s->agent->ping_by = MONO_NEVER;
    CHECK_TRACE(scene_after(s, 59999), "");
    CHECK_TRACE(scene_after(s, 1), "destroy_container t1\n");
    CHECK_TRACE(scene_exited(s, "t1", 9, REASON_NONE, NULL),
                "store_update t1 FAILED EXECUTOR_REGISTRATION_TIMEOUT\nupdate t1 FAILED EXECUTOR_REGISTRATION_TIMEOUT\n");
    scene_free(s);
}

TEST("where images are pulled, the minute begins when the container runs")
{
    struct scene *s = scene_registered();

    s->agent->config.pull_timeout_ns = 600 * NS_PER_S;
    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    s->agent->ping_by = MONO_NEVER;
    CHECK_TRACE(scene_after(s, 300000), "");
    (void)scene_launched(s, "t1", NULL);
    CHECK_TRACE(scene_after(s, 59999), "");
    CHECK_TRACE(scene_after(s, 1), "destroy_container t1\n");
    scene_free(s);
}

TEST("ShutdownExecutor gives the grace period, then destroys")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_CUSTOM("t1", "e1", "true"));
    (void)scene_launched(s, "e1", NULL);
    (void)scene_subscribe(s, "e1", 1);
    CHECK_TRACE(scene_message(s, "ShutdownExecutorMessage", "{'framework_id':{'value':'F0'},'executor_id':{'value':'e1'}}"),
                "SHUTDOWN e1\n");
    CHECK_TRACE(scene_after(s, 4999), "");
    CHECK_TRACE(scene_after(s, 1), "destroy_container e1\n");
    CHECK_TRACE(scene_after(s, 60000), "");
    CHECK_TRACE(scene_subscribe(s, "e1", 2), "SHUTDOWN e1\nclose 2\n");
    scene_free(s);
}

TEST("a container whose limits cannot be changed is destroyed, its tasks are gone")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_UPDATE_FAILED };

    ev.u.update_failed.container = container_id(str_of(scene_executor(s, "t1")->container_id));
    ev.u.update_failed.message = STR("no such cgroup");
    CHECK_TRACE(scene_step(s, &ev), "destroy_container t1\n");
    CHECK_TRACE(scene_exited(s, "t1", 9, REASON_NONE, NULL),
                "close 1\nstore_update t1 GONE CONTAINER_UPDATE_FAILED\nupdate t1 GONE CONTAINER_UPDATE_FAILED\n");
    scene_free(s);
}

static struct resources revocable_cpus(int64_t cpus)
{
    struct resources r = RESOURCES_INIT;
    struct resource x = resource_scalar(NAME_CPUS, cpus * MILLI_PER_UNIT);

    x.revocable = true;
    resources_add_take(&r, &x);
    return r;
}

TEST("the master hears of an estimate once it is registered, and again only when it changes")
{
    struct scene *s = scene_unregistered();
    struct agent_event ev = { .type = AGENT_EV_ESTIMATE };
    struct resources two = revocable_cpus(2), three = revocable_cpus(3);

    ev.u.estimate.oversubscribed = &two;
    CHECK_TRACE(scene_step(s, &ev), "");
    CHECK_TRACE(scene_message(s, "SlaveRegisteredMessage", "{'slave_id':{'value':'S0'}}"), "store_info\nupdate_agent\n");
    CHECK_TRACE(scene_step(s, &ev), "");
    ev.u.estimate.oversubscribed = &three;
    CHECK_TRACE(scene_step(s, &ev), "update_agent\n");
    CHECK_INT(resources_milli(&s->agent->oversubscribed, NAME_CPUS), 3000);
    CHECK_INT(resources_milli(&s->agent->total, NAME_CPUS), 8000);
    resources_done(&two);
    resources_done(&three);
    scene_free(s);
}

TEST("a correction ends executors with revocable resources and no others")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));
    struct agent_event ev = { .type = AGENT_EV_PREEMPT };
    struct agent_executor *e;

    ev.u.preempt.message = STR("load");
    CHECK_TRACE(scene_step(s, &ev), "");
    e = scene_executor(s, "t1");
    e->order->info->resources.v[0].revocable = true;
    CHECK_TRACE(scene_step(s, &ev), "destroy_container t1\n");
    CHECK_TRACE(scene_step(s, &ev), "");
    CHECK_INT(s->agent->counters.executors_preempted, 1);
    CHECK_TRACE(scene_exited(s, "t1", 9, REASON_NONE, NULL),
                "close 1\nstore_update t1 GONE CONTAINER_PREEMPTED\nupdate t1 GONE CONTAINER_PREEMPTED\n");
    scene_free(s);
}

TEST("ShutdownFramework ends executors without updates and forgets what was under way")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_update(s, "t1", "t1", "TASK_RUNNING", 'a');
    CHECK_TRACE(scene_message(s, "ShutdownFrameworkMessage", "{'framework_id':{'value':'F0'}}"), "SHUTDOWN t1\n");
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_KILLED", 'b'), "ACKNOWLEDGED t1\n");
    CHECK_TRACE(scene_exited(s, "t1", 0, REASON_NONE, NULL),
                "close 1\nstore_sentinel t1\ngc_executor t1\ngc_framework F0\n");
    CHECK(s->agent->streams == NULL);
    CHECK_INT(s->agent->completed_count, 1);
    scene_free(s);
}

TEST("a launch for a framework that is being shut down is refused, and that stays until it is acknowledged or the framework ended again")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_message(s, "ShutdownFrameworkMessage", "{'framework_id':{'value':'F0'}}");
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("t2")),
                "update t2 DROPPED FRAMEWORK_REMOVED\nexited_executor t2 -1\n");
    CHECK_SAID(s, "The framework is still being shut down on this agent, as the master before this one ordered");
    (void)scene_exited(s, "t1", 0, REASON_NONE, NULL);
    CHECK(s->agent->frameworks == NULL);
    CHECK(str_contains(scene_after(s, 10100), STR("update t2 DROPPED FRAMEWORK_REMOVED\n")));
    (void)scene_message(s, "ShutdownFrameworkMessage", "{'framework_id':{'value':'F0'}}");
    CHECK(s->agent->streams == NULL);
    scene_free(s);
}

TEST("an executor of ours that subscribed anew before it heard of its task is sent off with the drop of that task")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    CHECK_TRACE(scene_subscribe(s, "t1", 2), "close 1\nSUBSCRIBED t1\nstore_update t1 DROPPED AGENT_RESTARTED\n"
                                             "SHUTDOWN t1\nupdate t1 DROPPED AGENT_RESTARTED\n");
    scene_free(s);
}

/* --- messages that cannot be --- */

TEST("a message that does not say what it must is refused, and changes nothing")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(scene_message(s, "ShutdownExecutorMessage", "{}"), "refused: mesos.internal.ShutdownExecutorMessage: ShutdownExecutor names no executor\n");
    CHECK_TRACE(scene_message(s, "StatusUpdateAcknowledgementMessage",
                              "{'slave_id':{'value':'S0'},'framework_id':{'value':'F0'},'task_id':{'value':'t'},'uuid':'YWI='}"),
                "refused: mesos.internal.StatusUpdateAcknowledgementMessage: acknowledgement with a uuid of 2 bytes\n");
    CHECK_TRACE(scene_message(s, "RunTaskMessage",
                              "{'framework':{'user':'u','name':'n','id':{'value':'F0'}},"
                              "'task':{'name':'t','task_id':{'value':'t'},'agent_id':{'value':'S0'}}}"),
                "refused: mesos.internal.RunTaskMessage: task t has neither an executor nor a command\n");
    CHECK_TRACE(scene_message(s, "AcknowledgeOperationStatusMessage", "{'status_uuid':{'value':'YQ=='},'operation_uuid':{'value':'YQ=='}}"),
                "refused: mesos.internal.AcknowledgeOperationStatusMessage: AcknowledgeOperationStatus with a uuid that has not 16 bytes\n");
    CHECK_TRACE(scene_message(s, "ApplyOperationMessage",
                              "{'operation_info':{'type':'RESERVE','reserve':{'resources':[]}},'operation_uuid':{'value':'YQ=='},"
                              "'resource_version_uuid':{'uuid':{'value':'YQ=='}}}"),
                "refused: mesos.internal.ApplyOperationMessage: ApplyOperation with a uuid of 1 bytes\n");
    CHECK(s->agent->frameworks == NULL);
    scene_free(s);
}

/* --- kills --- */

TEST("an executor of ours that stays when the end of its task was acknowledged is destroyed")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_update(s, "t1", "t1", "TASK_FINISHED", 'b');
    CHECK(!str_contains(scene_after(s, 9900), STR("destroy_container")));
    CHECK(str_contains(scene_after(s, 200), STR("destroy_container t1\n")));
    scene_free(s);
}

TEST("a kill of a running task goes to its executor with the policy of the call")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    CHECK_TRACE(scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'t1'}}"), "KILL t1\n");
    CHECK_TRACE(scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'no'}}"),
                "update no DROPPED EXECUTOR_TERMINATED\n");
    CHECK_SAID(s, "Cannot find executor");
    CHECK_TRACE(scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F9'},'task_id':{'value':'t1'}}"), "");
    scene_free(s);
}

TEST("a task that is killed before its executor subscribed never starts; the executor is sent away")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    CHECK_TRACE(scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'t1'}}"),
                "store_update t1 KILLED TASK_KILLED_DURING_LAUNCH\nupdate t1 KILLED TASK_KILLED_DURING_LAUNCH\n");
    CHECK_SAID(s, "Killed before delivery to the executor");
    (void)scene_launched(s, "t1", NULL);
    CHECK_TRACE(scene_subscribe(s, "t1", 1), "SHUTDOWN t1\nclose 1\n");
    CHECK(str_contains(scene_after(s, 5100), STR("destroy_container t1\n"))); /* it has its grace period, no more */
    scene_free(s);
}

TEST("an executor that was killed before it subscribed ends with its framework, not with its registration timeout")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    (void)scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'t1'}}");
    (void)scene_launched(s, "t1", NULL);
    (void)scene_message(s, "ShutdownFrameworkMessage", "{'framework_id':{'value':'F0'}}");
    CHECK(str_contains(scene_after(s, 5100), STR("destroy_container t1\n")));
    scene_free(s);
}

TEST("a command executor that does not end its task in time loses its container, and the task is killed")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'t1'},"
                                              "'kill_policy':{'grace_period':{'nanoseconds':5000000000}}}");
    CHECK_TRACE(scene_after(s, 14900), "");
    CHECK_TRACE(scene_after(s, 200), "destroy_container t1\n");
    CHECK_TRACE(scene_exited(s, "t1", 9, REASON_NONE, NULL),
                "close 1\nstore_update t1 KILLED EXECUTOR_TERMINATED\nupdate t1 KILLED EXECUTOR_TERMINATED\n");
    scene_free(s);
}

TEST("a command executor that ends its task in time keeps its container")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'t1'}}");
    (void)scene_update(s, "t1", "t1", "TASK_KILLED", 'k');
    CHECK(!str_contains(scene_after(s, 9900), STR("destroy")));
    CHECK(!str_contains(scene_exited(s, "t1", 0, REASON_NONE, NULL), STR("update")));
    CHECK(!str_contains(scene_after(s, 20000), STR("destroy")));
    scene_free(s);
}

TEST("killing one queued task of a group kills the group")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskGroupMessage", RUN_GROUP("true"));
    CHECK_TRACE(scene_message(s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'g2'}}"),
                "store_update g1 KILLED TASK_KILLED_DURING_LAUNCH\nstore_update g2 KILLED TASK_KILLED_DURING_LAUNCH\n"
                "update g1 KILLED TASK_KILLED_DURING_LAUNCH\nupdate g2 KILLED TASK_KILLED_DURING_LAUNCH\n");
    scene_free(s);
}

/* --- draining, shutdown --- */

TEST("draining kills with the shorter grace, marks the updates, refuses tasks, and ends")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    CHECK_TRACE(scene_message(s, "DrainSlaveMessage", "{'config':{'max_grace_period':{'nanoseconds':2000000000}}}"),
                "store_drain\nKILL t1 grace=2s\n");
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("t2")),
                "update t2 DROPPED AGENT_DRAINING\nexited_executor t2 -1\n");
    CHECK_SAID(s, "Task not launched because the agent is draining");
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_KILLED", 'k'),
                "update_container t1\nstore_update t1 KILLED AGENT_DRAINING\nACKNOWLEDGED t1\nupdate t1 KILLED AGENT_DRAINING\n");
    (void)scene_exited(s, "t1", 0, REASON_NONE, NULL);
    CHECK_TRACE(scene_ack(s, "t1"), "store_ack t1\nstore_sentinel t1\ngc_executor t1\ngc_framework F0\nclear_drain\nupdate_agent\n");
    CHECK(!s->agent->draining);
    scene_free(s);
}

TEST("a task that waits for its executor when the agent is drained never starts")
{
    struct scene *s = scene_registered();

    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t1"));
    CHECK_TRACE(scene_message(s, "DrainSlaveMessage", "{'config':{}}"),
                "store_drain\nstore_update t1 KILLED TASK_KILLED_DURING_LAUNCH\nupdate t1 KILLED TASK_KILLED_DURING_LAUNCH\n");
    CHECK_SAID(s, "Killed because the agent is draining");
    scene_free(s);
}

TEST("mark_gone turns KILLED into GONE_BY_OPERATOR")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    (void)scene_message(s, "DrainSlaveMessage", "{'config':{'mark_gone':true}}");
    CHECK_TRACE(scene_update(s, "t1", "t1", "TASK_KILLED", 'k'),
                "update_container t1\nstore_update t1 GONE_BY_OPERATOR AGENT_DRAINING\nACKNOWLEDGED t1\n"
                "update t1 GONE_BY_OPERATOR AGENT_DRAINING\n");
    scene_free(s);
}

TEST("Shutdown by the master ends everything and forgets the identity; SIGUSR1 also says goodbye")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));
    struct agent_event ev = { .type = AGENT_EV_UNREGISTER };

    CHECK_TRACE(scene_message(s, "ShutdownMessage", "{'message':'gone'}"), "SHUTDOWN t1\n");
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("t2")), "");
    CHECK_TRACE(scene_exited(s, "t1", 0, REASON_NONE, NULL),
                "close 1\nstore_sentinel t1\ngc_executor t1\ngc_framework F0\nforget_agent\nexit 0\n");
    CHECK_SAID(s, "all executors ended");
    scene_free(s);
    s = scene_registered();
    CHECK_TRACE(scene_step(s, &ev), "unregister\nforget_agent\nexit 0\n");
    scene_free(s);
}

/* --- operations --- */

#define RESERVE_JSON(uuid)                                                                                             \
    "{'operation_info':{'type':'RESERVE','id':{'value':'op'},'reserve':{'resources':[{'name':'cpus','type':'SCALAR',"  \
    "'scalar':{'value':2},'reservations':[{'type':'DYNAMIC','role':'web','principal':'p'}]}]}},'framework_id':{"       \
    "'value':'F0'},'operation_uuid':{'value':'" uuid "'},'resource_version_uuid':{'uuid':{'value':'%s'}}}"

static struct str apply(struct scene *s, const char *format)
{
    CLEANUP(sbuf_done_p) struct sbuf b64 = SBUF_INIT(64);
    char json[1024];

    base64_encode(&b64, str_mem(s->agent->resource_version.b, 16));
    (void)snprintf(json, sizeof json, "%s", format);
    char *at = strstr(json, "%s");
    char full[2048];
    (void)snprintf(full, sizeof full, "%.*s%s%s", (int)(at - json), json, b64.p, at + 2);
    return scene_message(s, "ApplyOperationMessage", full);
}

TEST("a reservation changes the total, is stored and told until it is acknowledged")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(apply(s, RESERVE_JSON("YWFhYWFhYWFhYWFhYWFhYQ==")), "store_resources\nstore_operation\noperation FINISHED\n");
    struct resources web = resources_reserved_to(&s->agent->total, STR("web"));
    CHECK_INT(resources_milli(&web, NAME_CPUS), 2000);
    CHECK_INT(resources_milli(&s->agent->total, NAME_CPUS), 8000);
    resources_done(&web);
    CHECK_TRACE(apply(s, RESERVE_JSON("YWFhYWFhYWFhYWFhYWFhYQ==")), "operation FINISHED\n");
    CHECK_TRACE(scene_after(s, 10000), "operation FINISHED\n");
    struct agent_event ev = { .type = AGENT_EV_OPERATION_ACK };
    ev.u.operation_ack.operation = s->agent->operations->uuid;
    ev.u.operation_ack.status = s->agent->operations->status_uuid;
    CHECK_TRACE(scene_step(s, &ev), "store_operation_ack\nstore_resources\n");
    CHECK(s->agent->operations == NULL);
    scene_free(s);
}

TEST("an operation that does not fit is an error and changes nothing")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(apply(s, "{'operation_info':{'type':'RESERVE','reserve':{'resources':[{'name':'cpus','type':'SCALAR','scalar'"
                         ":{'value':99},'reservations':[{'type':'DYNAMIC','role':'web'}]}]}},'operation_uuid':{'value':"
                         "'YWFhYWFhYWFhYWFhYWFhYQ=='},'resource_version_uuid':{'uuid':{'value':'%s'}}}"),
                "store_resources\nstore_operation\noperation ERROR\n");
    CHECK_INT(s->agent->checkpointed.n, 0);
    CHECK_INT(s->agent->state, AGENT_DISCONNECTED); /* the master believes otherwise: it is told */
    (void)scene_after(s, 1000);
    (void)scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}");
    CHECK_TRACE(scene_message(s, "ReconcileOperationsMessage",
                              "{'operations':[{'operation_uuid':{'value':'YmJiYmJiYmJiYmJiYmJiYg=='}}]}"),
                "operation DROPPED\n");
    scene_free(s);
}

TEST("an operation with a resource version of before, or of a type that needs a resource provider, changes nothing")
{
    struct scene *s = scene_registered();
    struct uuid version = s->agent->resource_version;

    s->agent->resource_version.b[0] ^= 1;
    CLEANUP(sbuf_done_p) struct sbuf b64 = SBUF_INIT(64);
    char json[1024];
    base64_encode(&b64, str_mem(version.b, 16));
    (void)snprintf(json, sizeof json, RESERVE_JSON("YWFhYWFhYWFhYWFhYWFhYQ=="), b64.p);
    (void)scene_message(s, "ApplyOperationMessage", json);
    CHECK_CSTR(s->agent->operations->message, "Mismatched resource version");
    CHECK_INT(s->agent->operations->state, OPERATION_DROPPED);
    CHECK_INT(s->agent->checkpointed.n, 0);
    scene_free(s);

    s = scene_registered();
    (void)apply(s, "{'operation_info':{'type':'CREATE_DISK','create_disk':{'source':{'provider_id':{'value':'p'},'name':'disk','type':"
                   "'SCALAR','scalar':{'value':10},'disk':{'source':{'type':'RAW'}}},'target_type':'MOUNT','target_profile':'x'}},'operation_uuid':{'value':"
                   "'YWFhYWFhYWFhYWFhYWFhYQ=='},'resource_version_uuid':{'uuid':{'value':'%s'}}}");
    CHECK(s->agent->operations != NULL);
    CHECK_CSTR(s->agent->operations->message, "operations of type CREATE_DISK are not supported by this agent");
    CHECK_INT(s->agent->operations->state, OPERATION_ERROR);
    CHECK_INT(s->agent->checkpointed.n, 0);
    scene_free(s);
}

TEST("a reservation that cannot be stored has failed, changes nothing, and the master is told what is there")
{
    struct scene *s = scene_registered();
    struct uuid version = s->agent->resource_version;

    s->disk_full = true;
    CHECK_TRACE(apply(s, RESERVE_JSON("YWFhYWFhYWFhYWFhYWFhYQ==")), "store_resources\nstore_operation\noperation FAILED\n");
    CHECK_INT(s->agent->checkpointed.n, 0);
    CHECK_CSTR(s->agent->operations->message, "The agent could not store its resources: No space left on device");
    struct resources web = resources_reserved_to(&s->agent->total, STR("web"));
    CHECK_INT(web.n, 0);
    resources_done(&web);
    CHECK(!uuid_eq(&version, &s->agent->resource_version)); /* what the master launches on the strength of it is refused */
    CHECK_INT(s->agent->state, AGENT_DISCONNECTED);
    CHECK_TRACE(scene_after(s, 1000), "reregister\n"); /* on the connection that there is */
    s->disk_full = false;
    (void)scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}");
    CHECK_TRACE(apply(s, RESERVE_JSON("YmJiYmJiYmJiYmJiYmJiYg==")), "store_resources\nstore_operation\noperation FINISHED\n");
    CHECK_INT(s->agent->checkpointed.n, 1);
    scene_free(s);
}

TEST("nothing is launched before the agent's id is stored")
{
    struct scene *s = scene_unregistered();

    s->disk_full = true;
    (void)scene_message(s, "SlaveRegisteredMessage", "{'slave_id':{'value':'S0'}}");
    CHECK_TRACE(scene_message(s, "RunTaskMessage", RUN_COMMAND("t1")), "store_framework F0\nupdate t1 DROPPED GC_ERROR\nexited_executor t1 -1\ngc_framework F0\n");
    CHECK_SAID(s, "The agent could not store its id: its disk may be full");
    CHECK_TRACE(scene_after(s, 1000), "store_info\n");
    s->disk_full = false;
    CHECK_TRACE(scene_after(s, 1000), "store_info\n");
    (void)scene_message(s, "RunTaskMessage", RUN_COMMAND("t2"));
    CHECK(agent_executor_find(s->agent->frameworks, STR("t2")) != NULL);
    scene_free(s);
}

TEST("a list of reservations that cannot be stored is not taken")
{
    struct scene *s = scene_registered();

    s->disk_full = true;
    CHECK_TRACE(scene_message(s, "CheckpointResourcesMessage",
                              "{'resources':[{'name':'disk','type':'SCALAR','scalar':{'value':100},'role':'web','reservation':{},"
                              "'disk':{'persistence':{'id':'v1'},'volume':{'mode':'RW','container_path':'data'}}}]}"),
                "store_resources\n");
    CHECK_INT(s->agent->checkpointed.n, 0);
    CHECK_TRACE(scene_after(s, 1000), "reregister\n");
    scene_free(s);
}

TEST("CheckpointResources gives the whole list of reservations and volumes")
{
    struct scene *s = scene_registered();

    CHECK_TRACE(scene_message(s, "CheckpointResourcesMessage",
                              "{'resources':[{'name':'disk','type':'SCALAR','scalar':{'value':100},'role':'web','reservation':{},"
                              "'disk':{'persistence':{'id':'v1'},'volume':{'mode':'RW','container_path':'data'}}}]}"),
                "store_resources\n");
    CHECK_INT(s->agent->checkpointed.n, 1);
    CHECK_INT(resources_milli(&s->agent->total, NAME_DISK), 1000000);
    CHECK_TRACE(scene_message(s, "CheckpointResourcesMessage", "{'resources':[]}"), "store_resources\n");
    CHECK_INT(s->agent->checkpointed.n, 0);
    scene_free(s);
}

/* --- messages --- */

TEST("framework messages reach a connected executor and are counted otherwise")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));

    CHECK_TRACE(scene_message(s, "FrameworkToExecutorMessage",
                              "{'slave_id':{'value':'S0'},'framework_id':{'value':'F0'},'executor_id':{'value':'t1'},'data':'aGk='}"),
                "MESSAGE t1\n");
    CHECK_TRACE(scene_message(s, "FrameworkToExecutorMessage",
                              "{'slave_id':{'value':'S0'},'framework_id':{'value':'F0'},'executor_id':{'value':'e9'},'data':'aGk='}"),
                "");
    CHECK_INT(s->agent->counters.invalid_messages, 1);
    CHECK_TRACE(scene_call(s, 0, "{'framework_id':{'value':'F0'},'executor_id':{'value':'t1'},'type':'MESSAGE','message':{'data':"
                                 "'aGk='}}"), "message_out t1\n");
    scene_free(s);
}

TEST("an executor that comes on a new connection replaces the old one")
{
    struct scene *s = running_command(RUN_COMMAND("t1"));
    struct agent_event ev = { .type = AGENT_EV_EXECUTOR_DISCONNECTED };

    (void)scene_update(s, "t1", "t1", "TASK_RUNNING", 'a');
    CHECK_TRACE(scene_subscribe(s, "t1", 2), "close 1\nSUBSCRIBED t1\n");
    ev.u.disconnected.stream = 1;
    ev.u.disconnected.framework = framework_id(STR("F0"));
    ev.u.disconnected.executor = executor_id(STR("t1"));
    (void)scene_step(s, &ev);
    CHECK_INT(scene_executor(s, "t1")->stream, 2);
    ev.u.disconnected.stream = 2;
    (void)scene_step(s, &ev);
    CHECK_INT(scene_executor(s, "t1")->stream, 0);
    scene_free(s);
}
