/* SPDX-License-Identifier: Apache-2.0 */
/* An agent that dies and starts again: its checkpoints are really written and read back, then a second core goes on. */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "scene.h"

#include "agent/checkpoint.h"
#include "agent/paths.h"
#include "agent/wire/reconfigure.h"
#include "agent/wire/records.h"
#include "common/base/log.h"
#include "common/io/fs.h"

#define SANDBOX_GOLDEN "tests/golden/sandbox"

struct disk_scene {
    char dir[64];
    struct checkpoint checkpoint;
    struct scene *s;
};

static void disk_begin(struct disk_scene *d)
{
    struct error err = { 0 };

    log_set_level(LOG_ERROR);
    (void)snprintf(d->dir, sizeof d->dir, "/tmp/stoa-agent-test-XXXXXX");
    CHECK(mkdtemp(d->dir) != NULL);
    CHECK_INT(checkpoint_init(&d->checkpoint, d->dir, &err), 0);
}

static void disk_end(struct disk_scene *d)
{
    if (d->s != NULL)
        scene_free(d->s);
    CHECK_INT(fs_remove_tree(d->dir, NULL), 0);
}

/* Writes what the core's state asks for: as the shell does, but after the fact. */
static void write_executor(struct disk_scene *d, const struct agent_executor *e)
{
    const struct agent *a = d->s->agent;
    struct error err = { 0 };

    CHECK_INT(checkpoint_framework(&d->checkpoint, a, e->framework, &err), 0);
    CHECK_INT(checkpoint_executor(&d->checkpoint, a, e, &err), 0);
    if (e->http)
        CHECK_INT(checkpoint_mark(&d->checkpoint, a, e, "http.marker", &err), 0);
    CHECK_INT(fs_write(path_fmt("%s/pids/forked.pid", path_run(d->checkpoint.meta, a->id, e).p).p, STR("4711"), 0600, 0,
                       &err), 0);
    for (const struct agent_task *t = e->order; t != NULL; t = t->next)
        CHECK_INT(checkpoint_task(&d->checkpoint, a, e, t, &err), 0);
    for (const struct agent_stream *x = a->streams; x != NULL; x = x->hh.next)
        for (const struct agent_update *u = x->head; u != NULL; u = u->next)
            CHECK_INT(checkpoint_update(&d->checkpoint, a, x, u, NULL, &err), 0);
}

/* The agent dies here; another one finds its files. */
static struct str restart(struct disk_scene *d, struct checkpoint_state *st)
{
    struct agent_config config = scene_config();
    struct agent_event ev = { .type = AGENT_EV_RECOVERED };
    struct error err = { 0 };

    CHECK_INT(checkpoint_info(&d->checkpoint, d->s->agent, &d->s->env, &err), 0);
    scene_free(d->s);
    CHECK_INT(checkpoint_read(&d->checkpoint, true, st, &err), 0);
    d->s = scene_new(&config);
    if (!CHECK(st->info != NULL))
        return STR("nothing recovered");
    ev.u.recovered.agent = st->info->id;
    ev.u.recovered.frameworks = st->frameworks;
    ev.u.recovered.framework_count = st->framework_count;
    ev.u.recovered.total = &d->s->env.resources;
    ev.u.recovered.checkpointed = st->has_resources ? &st->resources : NULL;
    ev.u.recovered.operations = st->operations;
    ev.u.recovered.operation_count = st->operation_count;
    ev.u.recovered.drain_config = st->drain_config;
    struct str r = scene_step(d->s, &ev);
    checkpoint_state_done(st);
    return r;
}

static struct str meet_master(struct scene *s)
{
    struct agent_event ev = { .type = AGENT_EV_MASTER };

    ev.u.master.pid = STR(MASTER_PID);
    (void)scene_step(s, &ev);
    (void)scene_after(s, 1000);
    return scene_message(s, "SlaveReregisteredMessage", "{'slave_id':{'value':'S0'}}");
}

static void begin_running(struct disk_scene *d)
{
    disk_begin(d);
    d->s = scene_registered();
    (void)scene_message(d->s, "RunTaskMessage", RUN_COMMAND("t1"));
    (void)scene_launched(d->s, "t1", NULL);
    (void)scene_subscribe(d->s, "t1", 1);
}

TEST("a running task survives: its executor comes back and the agent registers again with it")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;

    begin_running(&d);
    (void)scene_update(d.s, "t1", "t1", "TASK_RUNNING", 'a');
    write_executor(&d, scene_executor(d.s, "t1"));
    CHECK_TRACE(restart(&d, &st), "");
    CHECK_INT(d.s->agent->state, AGENT_RECOVERING);
    CHECK_TRACE(scene_subscribe(d.s, "t1", 1), "SUBSCRIBED t1\nstore_boot_id\n");
    CHECK_INT(d.s->agent->state, AGENT_DISCONNECTED);
    CHECK_TRACE(meet_master(d.s), "store_info\nupdate_agent\nupdate t1 RUNNING\n");
    CHECK_TRACE(scene_update(d.s, "t1", "t1", "TASK_RUNNING", 'a'), "ACKNOWLEDGED t1\n");
    CHECK_TRACE(scene_message(d.s, "KillTaskMessage", "{'framework_id':{'value':'F0'},'task_id':{'value':'t1'}}"), "KILL t1\n");
    disk_end(&d);
}

TEST("an acknowledgement that is stored speaks for those before it, which a full disk kept out")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct error err = { 0 };

    begin_running(&d);
    (void)scene_update(d.s, "t1", "t1", "TASK_STARTING", 'a');
    (void)scene_update(d.s, "t1", "t1", "TASK_RUNNING", 'b');
    write_executor(&d, scene_executor(d.s, "t1"));
    const struct agent_stream *x = d.s->agent->streams;
    CHECK_INT(checkpoint_update(&d.checkpoint, d.s->agent, x, NULL, &x->head->next->status->uuid, &err), 0);
    (void)restart(&d, &st);
    (void)scene_subscribe(d.s, "t1", 1);
    CHECK_TRACE(meet_master(d.s), "store_info\nupdate_agent\n"); /* not STARTING again */
    disk_end(&d);
}

TEST("a task that was handed over but never arrived is dropped when its executor comes back without it, and the executor is "
     "ended, also when the word of that was lost too")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;

    begin_running(&d);
    write_executor(&d, scene_executor(d.s, "t1"));
    (void)restart(&d, &st);
    CHECK_TRACE(scene_subscribe(d.s, "t1", 1),
                "SUBSCRIBED t1\nstore_update t1 DROPPED AGENT_RESTARTED\nSHUTDOWN t1\nstore_boot_id\n");
    CHECK(str_contains(blob_str(d.s->agent->streams->head->status->raw), STR("Task launched during agent restart")));
    write_executor(&d, scene_executor(d.s, "t1"));
    (void)restart(&d, &st);
    CHECK_TRACE(scene_subscribe(d.s, "t1", 1), "SUBSCRIBED t1\nSHUTDOWN t1\nstore_boot_id\n");
    disk_end(&d);
}

TEST("an executor that does not come back within the timeout is destroyed, its task gone")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;

    begin_running(&d);
    write_executor(&d, scene_executor(d.s, "t1"));
    (void)restart(&d, &st);
    CHECK_TRACE(scene_after(d.s, 1999), "");
    CHECK_TRACE(scene_after(d.s, 1), "destroy_container t1\nstore_boot_id\n");
    CHECK_TRACE(scene_exited(d.s, "t1", 9, REASON_NONE, NULL), "store_update t1 GONE EXECUTOR_REREGISTRATION_TIMEOUT\n");
    CHECK_TRACE(meet_master(d.s), "store_info\nupdate_agent\nupdate t1 GONE EXECUTOR_REREGISTRATION_TIMEOUT\n");
    disk_end(&d);
}

TEST("an executor that ended meanwhile is reported as ended, and the wait is over")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;

    begin_running(&d);
    write_executor(&d, scene_executor(d.s, "t1"));
    (void)restart(&d, &st);
    CHECK_TRACE(scene_exited(d.s, "t1", 0, REASON_NONE, NULL),
                "store_update t1 FAILED EXECUTOR_TERMINATED\nstore_boot_id\n");
    disk_end(&d);
}

TEST("an executor that never subscribed is destroyed at once and sent away if it still comes")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;

    disk_begin(&d);
    d.s = scene_registered();
    (void)scene_message(d.s, "RunTaskMessage", RUN_COMMAND("t1"));
    write_executor(&d, scene_executor(d.s, "t1"));
    CHECK_TRACE(restart(&d, &st), "destroy_container t1\nstore_boot_id\n");
    CHECK_TRACE(scene_subscribe(d.s, "t1", 1), "SHUTDOWN t1\nclose 1\n");
    disk_end(&d);
}

TEST("a finished task whose update waits is told again, an acknowledged one is not")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct error err = { 0 };

    begin_running(&d);
    (void)scene_update(d.s, "t1", "t1", "TASK_RUNNING", 'a');
    (void)scene_update(d.s, "t1", "t1", "TASK_FINISHED", 'b');
    write_executor(&d, scene_executor(d.s, "t1"));
    struct agent_stream *x = d.s->agent->streams;
    CHECK_INT(checkpoint_update(&d.checkpoint, d.s->agent, x, NULL, &x->head->status->uuid, &err), 0);
    (void)restart(&d, &st);
    (void)scene_exited(d.s, "t1", 0, REASON_NONE, NULL);
    CHECK_TRACE(meet_master(d.s), "store_info\nupdate_agent\nupdate t1 FINISHED\n");
    CHECK_TRACE(scene_ack(d.s, "t1"), "store_ack t1\nstore_sentinel t1\ngc_executor t1\ngc_framework F0\n");
    disk_end(&d);
}

TEST("a run with a sentinel is over: it is shown as completed and its folders are to be removed")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct error err = { 0 };

    begin_running(&d);
    (void)scene_update(d.s, "t1", "t1", "TASK_FINISHED", 'b');
    write_executor(&d, scene_executor(d.s, "t1"));
    CHECK_INT(checkpoint_mark(&d.checkpoint, d.s->agent, scene_executor(d.s, "t1"), "executor.sentinel", &err), 0);
    CHECK_TRACE(restart(&d, &st), "store_sentinel t1\ngc_executor t1\ngc_framework F0\nstore_boot_id\n");
    CHECK(d.s->agent->frameworks == NULL);
    CHECK_INT(d.s->agent->completed_count, 1);
    disk_end(&d);
}

TEST("--recover=cleanup shuts everything down and leaves")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;

    begin_running(&d);
    write_executor(&d, scene_executor(d.s, "t1"));
    (void)restart(&d, &st);
    d.s->agent->cleanup = true;
    CHECK_TRACE(scene_subscribe(d.s, "t1", 1), "SUBSCRIBED t1\nstore_update t1 DROPPED AGENT_RESTARTED\nSHUTDOWN t1\n");
    CHECK_TRACE(scene_exited(d.s, "t1", 0, REASON_NONE, NULL),
                "close 1\nstore_sentinel t1\ngc_executor t1\ngc_framework F0\nforget_agent\nexit 0\n");
    disk_end(&d);
}

TEST("reservations, operations and the drain survive")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct error err = { 0 };

    disk_begin(&d);
    d.s = scene_registered();
    (void)scene_message(d.s, "CheckpointResourcesMessage",
                        "{'resources':[{'name':'cpus','type':'SCALAR','scalar':{'value':3},'role':'web','reservation':{}}]}");
    (void)scene_message(d.s, "ReconcileOperationsMessage",
                        "{'operations':[{'operation_uuid':{'value':'YmJiYmJiYmJiYmJiYmJiYg=='}}]}");
    CHECK_INT(checkpoint_resources(&d.checkpoint, d.s->agent, &err), 0);
    (void)restart(&d, &st);
    CHECK_INT(d.s->agent->checkpointed.n, 1);
    struct resources web = resources_reserved_to(&d.s->agent->total, STR("web"));
    CHECK_INT(resources_milli(&web, NAME_CPUS), 3000);
    resources_done(&web);
    disk_end(&d);
}

/* --- what a crash leaves --- */

TEST("a log that ends in half a record is read up to there and cut")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct stat before, after;

    begin_running(&d);
    (void)scene_update(d.s, "t1", "t1", "TASK_RUNNING", 'a');
    write_executor(&d, scene_executor(d.s, "t1"));
    struct path log = path_fmt("%s/tasks/t1/task.updates",
                               path_run(d.checkpoint.meta, "S0", scene_executor(d.s, "t1")).p);
    CHECK_INT(stat(log.p, &before), 0);
    for (size_t n = 1; n <= 6; n++) {
        FILE *f = fopen(log.p, "ab");
        REQUIRE(f != NULL);
        CHECK_INT(fwrite("\x50\x00\x00\x00\x08\x00", 1, n, f), n);
        (void)fclose(f);
        (void)restart(&d, &st);
        CHECK_INT(stat(log.p, &after), 0);
        CHECK_INT(after.st_size, before.st_size);
        struct agent_stream *x = d.s->agent->streams;
        CHECK(x != NULL && x->count == 1);
    }
    disk_end(&d);
}

TEST("folders without their main file are runs that never began")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct error err = { 0 };

    disk_begin(&d);
    d.s = scene_registered();
    CHECK_INT(fs_mkdirs(path_fmt("%s/slaves/S0/frameworks/F7/executors/e/runs", d.checkpoint.meta).p, 0755, &err), 0);
    CHECK_TRACE(restart(&d, &st), "store_boot_id\n");
    CHECK(d.s->agent->frameworks == NULL);
    disk_end(&d);
}

TEST("a file that does not decode is an error, or skipped and counted without --strict")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct error err = { 0 };

    begin_running(&d);
    write_executor(&d, scene_executor(d.s, "t1"));
    CHECK_INT(checkpoint_info(&d.checkpoint, d.s->agent, &d.s->env, &err), 0);
    struct path info = path_fmt("%s/slaves/S0/frameworks/F0/framework.info", d.checkpoint.meta);
    CHECK_INT(fs_write(info.p, STR("\x04\x00\x00\x00xxxx"), 0600, 0, &err), 0);
    CHECK(checkpoint_read(&d.checkpoint, true, &st, &err) != 0);
    CHECK(str_contains(str_of(err.msg), STR("framework.info")));
    log_set_level(LOG_ERROR);
    CHECK_INT(checkpoint_read(&d.checkpoint, false, &st, &err), 0);
    CHECK_INT(st.errors, 1);
    CHECK_INT(st.framework_count, 0);
    checkpoint_state_done(&st);
    disk_end(&d);
}

TEST("another boot id is noticed")
{
    struct disk_scene d = { .s = NULL };
    struct checkpoint_state st;
    struct error err = { 0 };

    disk_begin(&d);
    CHECK_INT(checkpoint_read(&d.checkpoint, true, &st, &err), 0);
    CHECK(!st.rebooted);
    checkpoint_state_done(&st);
    CHECK_INT(checkpoint_boot_id(&d.checkpoint, &err), 0);
    CHECK_INT(checkpoint_read(&d.checkpoint, true, &st, &err), 0);
    CHECK(!st.rebooted);
    checkpoint_state_done(&st);
    CHECK_INT(fs_write(path_fmt("%s/boot_id", d.checkpoint.meta).p, STR("another"), 0600, 0, &err), 0);
    CHECK_INT(checkpoint_read(&d.checkpoint, true, &st, &err), 0);
    CHECK(st.rebooted);
    checkpoint_state_done(&st);
    disk_end(&d);
}

/* --- the recorded files --- */

static struct str golden(const char *name, struct sbuf *b)
{
    char path[512];
    struct error err = { 0 };

    sbuf_clear(b);
    (void)snprintf(path, sizeof path, SANDBOX_GOLDEN "/%s", name);
    if (fs_read(path, b, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    return sbuf_view(b);
}

TEST("the files of a real agent are understood")
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf a = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    struct agent_recovered_task t;
    struct agent_info *info = NULL;
    struct executor_info *e = NULL;
    struct framework_info *f = NULL;
    struct error err = { 0 };
    size_t good = 0;

    CHECK_INT(record_read_agent_info(golden("slave.info", &a), &info, &err), 0);
    CHECK_CSTR(info->hostname, "node1.example");
    CHECK_INT(resources_milli(&info->resources, NAME_CPUS), 4000);
    agent_info_unref(info);
    CHECK_INT(record_read_framework(golden("framework.info", &a), &f, &err), 0);
    CHECK(f->checkpoint);
    framework_info_unref(f);
    CHECK_INT(record_read_executor(golden("executor.info", &a), &e, &err), 0);
    CHECK_STR(e->id.s, STR("t-1"));
    CHECK_STR(e->source, STR("t-1"));
    executor_info_unref(e);

    CHECK_INT(record_read_task(&t, golden("task.info", &a), golden("task.updates", &b), &arena, &good, &err), 0);
    CHECK_INT(good, b.n);
    CHECK_STR(t.info->id.s, STR("t-1"));
    CHECK_INT(t.update_count, 2);
    CHECK_INT(t.ack_count, 2);
    CHECK_INT(t.updates[0]->state, TASK_STARTING);
    CHECK_INT(t.updates[1]->state, TASK_RUNNING);
    CHECK(uuid_eq(&t.acks[1], &t.updates[1]->uuid));
    record_task_done(&t);
}

TEST("resources_and_operations.state of a real agent holds its volume")
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf a = SBUF_INIT(1 << 20);
    struct resources r = RESOURCES_INIT;
    const struct agent_operation_desc *ops;
    size_t n = 9;
    struct error err = { 0 };

    CHECK_INT(record_read_resource_state(golden("resources_and_operations.state", &a), &arena, &r, &ops, &n, &err), 0);
    CHECK_INT(n, 0);
    CHECK_INT(r.n, 1);
    CHECK(resource_is_persistent_volume(&r.v[0]));
    resources_done(&r);
    CHECK_INT(record_read_resources(golden("resources.info", &a), &r, &err), 0);
    CHECK_INT(r.n, 1);
    resources_done(&r);
}

/* --- reconfiguration --- */

static struct agent_info *info_of(const char *resources, const char *attributes, int port)
{
    struct agent_env env = { .hostname = "h", .port = port, .pid = "p", .ip = "i", .launcher_dir = "/",
                             .resources = resources_lit(resources) };
    struct agent_info *info = NULL;
    struct error err = { 0 };

    CHECK_INT(attributes_parse(str_of(attributes), &env.attributes, &err), 0);
    CHECK_INT(agent_env_info(&env, STR("S0"), &info, &err), 0);
    resources_done(&env.resources);
    attributes_done(&env.attributes);
    return info;
}

static const struct {
    const char *name, *before, *now, *attributes_before, *attributes_now;
    bool equal, additive;
} reconfigurations[] = {
    { "nothing changed", "cpus:4;mem:10", "mem:10;cpus:4", "a:1;b:x", "a:1;b:x", true, true },
    { "more of a scalar", "cpus:4", "cpus:5", "", "", false, true },
    { "less of a scalar", "cpus:4", "cpus:3", "", "", false, false },
    { "more ports", "ports:[1-5]", "ports:[1-9]", "", "", false, true },
    { "other ports", "ports:[1-5]", "ports:[2-9]", "", "", false, false },
    { "a new resource", "cpus:4", "cpus:4;gpus:1", "", "", false, true },
    { "a new attribute", "cpus:4", "cpus:4", "a:1", "a:1;b:2", false, true },
    { "another attribute", "cpus:4", "cpus:4", "a:1", "a:2", false, false },
    { "a wider range", "cpus:4", "cpus:4", "a:[1-3]", "a:[1-5]", false, true },
};

TEST("equal and additive say what may differ from the run before")
{
    for (size_t i = 0; i < sizeof reconfigurations / sizeof reconfigurations[0]; i++) {
        struct agent_info *before = info_of(reconfigurations[i].before, reconfigurations[i].attributes_before, 5051);
        struct agent_info *now = info_of(reconfigurations[i].now, reconfigurations[i].attributes_now, 5051);
        struct error err = { 0 };
        if ((agent_info_compatible(before, now, false, &err) == 0) != reconfigurations[i].equal)
            test_fail(__FILE__, __LINE__, "%s (equal): %s", reconfigurations[i].name, err.msg);
        if ((agent_info_compatible(before, now, true, &err) == 0) != reconfigurations[i].additive)
            test_fail(__FILE__, __LINE__, "%s (additive): %s", reconfigurations[i].name, err.msg);
        agent_info_unref(before);
        agent_info_unref(now);
    }
    struct agent_info *a = info_of("cpus:1", "", 5051), *b = info_of("cpus:1", "", 5052), *c = info_of("cpus:0.5", "", 5051);
    struct error err = { 0 };
    CHECK(agent_info_compatible(a, b, true, &err) != 0);
    CHECK_CSTR(err.msg, "port was 5051 and is 5052 now");
    CHECK(agent_info_compatible(a, c, true, &err) != 0);
    CHECK_CSTR(err.msg, "resources was 'cpus:1' and is 'cpus:0.5' now");
    agent_info_unref(a);
    agent_info_unref(b);
    agent_info_unref(c);
}

/* --- records that are none --- */

TEST("bytes that are no record are said to be none, with the file's name")
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 20);
    struct framework_info *framework = NULL;
    const struct agent_operation_desc *operations = NULL;
    struct resources r = RESOURCES_INIT;
    struct error err = { 0 };
    size_t n = 0;

    CHECK(record_read_framework(STR("\x09\x00\x00\x00x"), &framework, &err) != 0);
    CHECK_CSTR(err.msg, "framework.info: 5 bytes that are no record");
    CHECK(record_read_resources(STR("\x00\x00\x00\x00\x09\x00\x00\x00x"), &r, &err) != 0);
    CHECK_CSTR(err.msg, "resources.info: a record is cut at byte 4");
    CHECK(record_read_resource_state(STR("\x02\x00\x00\x00\x0a\x7f"), &arena, &r, &operations, &n, &err) != 0);
    CHECK_CSTR(err.msg, "resources_and_operations.state is malformed");
    CHECK_INT(r.n, 0);
}
