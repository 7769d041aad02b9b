/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in executors as real processes, in real containers, against a stand-in for the agent. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/wire/guard.h"
#include "executor/core/command.h"
#include "tests/integration/executor/fake_agent.h"

static bool start(struct fake_agent *a, bool checkpoint)
{
    return fake_agent_start(a, NULL) && fake_agent_executor(a, "stoa-executor", checkpoint) && fake_agent_wait_subscribed(a, 1);
}

static void launch(struct fake_agent *a, const char *id, const char *command)
{
    struct sbuf t;
    task_put(&t, id, command);
    fake_agent_launch(a, sbuf_view(&t));
    sbuf_done(&t);
}

static void expect_exit(struct fake_agent *a, int status)
{
    struct fixture_event *e = fixture_wait(&a->f, "x1", EVENT_EXITED);
    if (e != NULL)
        CHECK_INT(e->t.status, status << 8);
}

TEST("a task that succeeds: STARTING, RUNNING, FINISHED, and the executor leaves")
{
    struct fake_agent a;
    if (start(&a, true)) {
        launch(&a, "t1", "echo hello");
        struct agent_update *u = fake_agent_wait(&a, "t1", STATE_FINISHED, 0);
        if (u != NULL) {
            CHECK_CSTR(u->message, "Command exited with status 0");
            CHECK_CSTR(u->executor_id, "x1");
            CHECK_INT(u->reason, -1);
            CHECK_INT(u->healthy, -1);
            CHECK_INT(a.count, 3);
            CHECK_INT(a.updates[0].state, STATE_STARTING);
            CHECK_INT(a.updates[1].state, STATE_RUNNING);
        }
        expect_exit(&a, 0);
        CHECK_CSTR(fixture_file(&a.f, "x1", "stdout"), "hello");
        CHECK_CSTR(fixture_file(&a.f, "x1", "stderr"), "");
    }
    fake_agent_stop(&a);
}

TEST("a task that fails, and one that kills itself")
{
    static const struct {
        const char *command, *message;
    } cases[] = { { "exit 3", "Command exited with status 3" }, { "kill -9 $$", "Command terminated with signal Killed" } };
    for (int i = 0; i < 2; i++) {
        struct fake_agent a;
        if (start(&a, true)) {
            launch(&a, "t1", cases[i].command);
            struct agent_update *u = fake_agent_wait(&a, "t1", STATE_FAILED, 0);
            if (u != NULL)
                CHECK_CSTR(u->message, cases[i].message);
            expect_exit(&a, 0);
        }
        fake_agent_stop(&a);
    }
}

TEST("the task's environment: the executor's, the command's and the allocation role")
{
    struct fake_agent a;
    if (start(&a, true)) {
        struct sbuf t;
        task_put(&t, "t1", NULL);
        size_t m = wire_open(&t, 7);
        wire_put_bytes(&t, 3, STR("echo $A $MESOS_EXECUTOR_ID $MESOS_ALLOCATION_ROLE"));
        size_t e = wire_open(&t, 2), v = wire_open(&t, 1);
        wire_put_bytes(&t, 1, STR("A"));
        wire_put_bytes(&t, 2, STR("one"));
        wire_close(&t, v);
        wire_close(&t, e);
        wire_close(&t, m);
        m = wire_open(&t, 4);
        wire_put_bytes(&t, 1, STR("cpus"));
        e = wire_open(&t, 11);
        wire_put_bytes(&t, 1, STR("web"));
        wire_close(&t, e);
        wire_close(&t, m);
        fake_agent_launch(&a, sbuf_view(&t));
        sbuf_done(&t);
        (void)fake_agent_wait(&a, "t1", STATE_FINISHED, 0);
        expect_exit(&a, 0);
        CHECK_CSTR(fixture_file(&a.f, "x1", "stdout"), "one x1 web");
    }
    fake_agent_stop(&a);
}

TEST("KILL ends the whole tree: KILLING, KILLED, Terminated")
{
    struct fake_agent a;
    if (start(&a, true)) {
        launch(&a, "t1", "setsid sh -c 'echo $$ >gc; exec sleep 1000' & sleep 1000 & wait");
        if (fake_agent_wait(&a, "t1", STATE_RUNNING, 0) != NULL && fixture_wait_file(&a.f, "x1", "gc")) {
            fake_agent_kill(&a, "t1", -1);
            struct agent_update *u = fake_agent_wait(&a, "t1", STATE_KILLED, 0);
            if (u != NULL)
                CHECK_CSTR(u->message, "Command terminated with signal Terminated");
            CHECK(fake_agent_wait(&a, "t1", STATE_KILLING, 0) != NULL);
            expect_exit(&a, 0);
            CHECK(fixture_wait_gone(&a.f, (pid_t)strtol(fixture_file(&a.f, "x1", "gc"), NULL, 10)));
        }
    }
    fake_agent_stop(&a);
}

TEST("a task that ignores SIGTERM is killed after the grace period of the call")
{
    struct fake_agent a;
    if (start(&a, true)) {
        a.killing_state = false;
        launch(&a, "t1", "trap '' TERM; echo up; while :; do sleep 0.05; done");
        if (fixture_wait_file(&a.f, "x1", "stdout")) {
            struct mono t0 = loop_clock();
            fake_agent_kill(&a, "t1", 300 * NS_PER_MS);
            struct agent_update *u = fake_agent_wait(&a, "t1", STATE_KILLED, 0);
            if (u != NULL)
                CHECK_CSTR(u->message, "Command terminated with signal Killed");
            CHECK(mono_diff(loop_clock(), t0) >= 290 * NS_PER_MS);
        }
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}

TEST("SHUTDOWN kills the task; an idle executor just leaves")
{
    for (int i = 0; i < 2; i++) {
        struct fake_agent a;
        if (start(&a, true)) {
            if (i == 0) {
                launch(&a, "t1", "sleep 1000");
                (void)fake_agent_wait(&a, "t1", STATE_RUNNING, 0);
            }
            fake_agent_shutdown(&a);
            if (i == 0)
                CHECK(fake_agent_wait(&a, "t1", STATE_KILLED, 0) != NULL);
            expect_exit(&a, 0);
        }
        fake_agent_stop(&a);
    }
}

TEST("max_completion_time ends the task with its reason and without KILLING")
{
    struct fake_agent a;
    if (start(&a, true)) {
        struct sbuf t;
        task_put(&t, "t1", "sleep 1000");
        size_t m = wire_open(&t, 14);
        wire_put_i64(&t, 1, 200 * NS_PER_MS);
        wire_close(&t, m);
        fake_agent_launch(&a, sbuf_view(&t));
        sbuf_done(&t);
        struct agent_update *u = fake_agent_wait(&a, "t1", STATE_FAILED, 0);
        if (u != NULL) {
            CHECK_INT(u->reason, REASON_MAX_COMPLETION_TIME_REACHED);
            CHECK_CSTR(u->message, "Command terminated with signal Terminated");
            CHECK_INT(a.count, 3);
        }
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}

TEST("a command that cannot be started fails its task")
{
    struct fake_agent a;
    if (start(&a, true)) {
        struct sbuf t;
        task_put(&t, "t1", NULL);
        size_t m = wire_open(&t, 7);
        wire_put_u64(&t, 6, 0);
        wire_put_bytes(&t, 3, STR("/no/such"));
        wire_close(&t, m);
        fake_agent_launch(&a, sbuf_view(&t));
        sbuf_done(&t);
        struct agent_update *u = fake_agent_wait(&a, "t1", STATE_FAILED, 0);
        if (u != NULL)
            CHECK_CSTR(u->message, "Failed to execute '/no/such': No such file or directory");
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}

TEST("a second task fails and leaves the first alone")
{
    struct fake_agent a;
    if (start(&a, true)) {
        launch(&a, "t1", "sleep 1000");
        (void)fake_agent_wait(&a, "t1", STATE_RUNNING, 0);
        launch(&a, "t2", "sleep 1000");
        CHECK(fake_agent_wait(&a, "t2", STATE_FAILED, 0) != NULL);
        CHECK_INT(a.count, 3);
    }
    fake_agent_stop(&a);
}

TEST("the executor outlives its agent: what was not acknowledged comes again")
{
    struct fake_agent a;
    if (start(&a, true)) {
        a.acknowledge = false;
        launch(&a, "t1", "echo $$ >pid; while ! [ -e stop ]; do sleep 0.02; done; exit 4");
        if (fake_agent_wait(&a, "t1", STATE_RUNNING, 0) != NULL && fixture_wait_file(&a.f, "x1", "pid")) {
            char path[600], task[64];
            size_t before = a.count;
            (void)snprintf(task, sizeof task, "/proc/%s", fixture_file(&a.f, "x1", "pid"));
            fake_agent_die(&a);
            (void)snprintf(path, sizeof path, "%s/x1/stop", a.f.dir);
            fclose(fopen(path, "w"));
            CHECK(FIXTURE_UNTIL(&a.f, access(task, F_OK) != 0)); /* ended and reaped while nobody listens */
            a.acknowledge = true;
            fake_agent_return(&a);
            CHECK(fake_agent_wait_subscribed(&a, 2));
            CHECK_INT(a.unacknowledged_tasks, 1);
            struct agent_update *u = fake_agent_wait(&a, "t1", STATE_FAILED, before);
            CHECK(fake_agent_wait(&a, "t1", STATE_STARTING, before) != NULL);
            if (u != NULL) {
                CHECK(u->again);
                CHECK_CSTR(u->message, "Command exited with status 4");
            }
            expect_exit(&a, 0);
        }
    }
    fake_agent_stop(&a);
}

TEST("without checkpointing the executor ends with its agent")
{
    struct fake_agent a;
    if (start(&a, false)) {
        launch(&a, "t1", "sleep 1000");
        if (fake_agent_wait(&a, "t1", STATE_RUNNING, 0) != NULL) {
            fake_agent_die(&a);
            expect_exit(&a, 1);
        }
    }
    fake_agent_stop(&a);
}

TEST("an agent that refuses at first is asked again")
{
    struct fake_agent a;
    if (fake_agent_start(&a, NULL)) {
        a.refuse = true;
        CHECK(fake_agent_executor(&a, "stoa-executor", true));
        for (int i = 0; i < 10; i++)
            loop_turn(a.f.loop, 20 * NS_PER_MS);
        CHECK_INT(a.subscribes, 0);
        a.refuse = false;
        CHECK(fake_agent_wait_subscribed(&a, 1));
    }
    fake_agent_stop(&a);
}

/* --- checks ------------------------------------------------------------------------------------------- */

static void put_health_command(struct sbuf *t, const char *command, unsigned failures)
{
    size_t h = wire_open(t, 8);
    wire_put_double(t, 2, 0.0);
    wire_put_double(t, 3, 0.1);
    wire_put_double(t, 6, 0.0);
    wire_put_u64(t, 5, failures);
    wire_put_u64(t, 8, 1);
    size_t c = wire_open(t, 7);
    wire_put_bytes(t, 3, str_of(command));
    wire_close(t, c);
    wire_close(t, h);
}

TEST("a failing health check: told each time, then the task is killed and its last update is unhealthy")
{
    struct fake_agent a;
    if (start(&a, true)) {
        struct sbuf t;
        task_put(&t, "t1", "sleep 1000");
        put_health_command(&t, "exit 1", 2);
        fake_agent_launch(&a, sbuf_view(&t));
        sbuf_done(&t);
        struct agent_update *u = fake_agent_wait(&a, "t1", STATE_KILLED, 0);
        if (u != NULL) {
            static const int want[] = { STATE_STARTING, STATE_RUNNING, STATE_RUNNING, STATE_RUNNING, STATE_KILLING, STATE_KILLED };
            CHECK_INT(a.count, 6);
            for (size_t i = 0; i < 6 && i < a.count; i++) {
                CHECK_INT(a.updates[i].state, want[i]);
                CHECK_INT(a.updates[i].healthy, i < 2 || want[i] == STATE_KILLING ? -1 : 0);
            }
            CHECK_INT(a.updates[2].reason, REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
            CHECK_INT(u->reason, -1);
        }
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}

TEST("HTTP and TCP health checks see a server come up")
{
    static const struct {
        uint32_t field, type;
    } kinds[] = { { 1, 2 }, { 9, 3 } };
    for (int i = 0; i < 2; i++) {
        struct fake_agent a;
        if (start(&a, true)) {
            struct sbuf t;
            task_put(&t, "t1", "sleep 1000");
            size_t h = wire_open(&t, 8);
            wire_put_double(&t, 2, 0.0);
            wire_put_double(&t, 3, 0.1);
            wire_put_double(&t, 6, 10.0);
            wire_put_u64(&t, 8, kinds[i].type);
            size_t c = wire_open(&t, kinds[i].field);
            wire_put_u64(&t, 1, a.port); /* the stand-in answers 501 to GET: unhealthy by HTTP, fine by TCP */
            wire_close(&t, c);
            wire_close(&t, h);
            fake_agent_launch(&a, sbuf_view(&t));
            sbuf_done(&t);
            if (fake_agent_wait(&a, "t1", STATE_RUNNING, 0) != NULL) {
                CHECK(FIXTURE_UNTIL(&a.f, i == 0 ? a.probes >= 3 : a.count >= 3));
                CHECK_INT(a.count, i == 0 ? 2 : 3); /* failures in the grace period are not told */
                if (i == 1 && a.count == 3)
                    CHECK_INT(a.updates[2].healthy, 1);
            }
        }
        fake_agent_stop(&a);
    }
}

TEST("an HTTP check tells the code at the end of redirects")
{
    struct fake_agent a;
    if (start(&a, true)) {
        struct sbuf t;
        task_put(&t, "t1", "sleep 1000");
        size_t h = wire_open(&t, 13);
        wire_put_u64(&t, 1, 2);
        wire_put_double(&t, 4, 0.0);
        wire_put_double(&t, 5, 0.05);
        size_t c = wire_open(&t, 3);
        wire_put_u64(&t, 1, a.port);
        wire_put_bytes(&t, 2, STR("/moved"));
        wire_close(&t, c);
        wire_close(&t, h);
        fake_agent_launch(&a, sbuf_view(&t));
        sbuf_done(&t);
        CHECK(FIXTURE_UNTIL(&a.f, a.count >= 3));
        CHECK_INT(a.count, 3);
        /* type HTTP, status_code 204; without curl on the machine it is the redirect's own 302 */
        CHECK(strcmp(a.updates[2].check, "08021a0308cc01") == 0 || strcmp(a.updates[2].check, "08021a0308ae02") == 0);
    }
    fake_agent_stop(&a);
}

TEST("a check reports a changed result and never kills")
{
    struct fake_agent a;
    if (start(&a, true)) {
        struct sbuf t;
        task_put(&t, "t1", "sleep 1000");
        size_t h = wire_open(&t, 13);
        wire_put_u64(&t, 1, 1);
        wire_put_double(&t, 4, 0.0);
        wire_put_double(&t, 5, 0.05);
        size_t c = wire_open(&t, 2), cc = wire_open(&t, 1);
        wire_put_bytes(&t, 3, STR("echo run >>runs; exit 7"));
        wire_close(&t, cc);
        wire_close(&t, c);
        wire_close(&t, h);
        fake_agent_launch(&a, sbuf_view(&t));
        sbuf_done(&t);
        /* The third run begins when two are judged: the second told nothing new. */
        CHECK(FIXTURE_UNTIL(&a.f, a.count >= 3 && strlen(fixture_file(&a.f, "x1", "runs")) >= strlen("run\nrun\nrun")));
        CHECK_INT(a.count, 3);
        CHECK_CSTR(a.updates[0].check, "08011200");     /* type COMMAND, command {} */
        CHECK_CSTR(a.updates[2].check, "080112020807"); /* exit_code 7 */
        CHECK_INT(a.updates[2].reason, REASON_TASK_CHECK_STATUS_UPDATED);
    }
    fake_agent_stop(&a);
}
