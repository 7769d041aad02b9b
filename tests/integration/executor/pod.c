/* SPDX-License-Identifier: Apache-2.0 */
/* The default executor with nested containers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/wire/guard.h"
#include "executor/core/command.h"
#include "tests/integration/executor/fake_agent.h"

static bool start(struct fake_agent *a)
{
    return fake_agent_start(a, NULL) && fake_agent_executor(a, "mesos-default-executor", true) &&
           fake_agent_wait_subscribed(a, 1);
}

static void launch_two(struct fake_agent *a, const char *one, const char *two)
{
    struct sbuf t[2];
    task_put(&t[0], "g-1", one);
    task_put(&t[1], "g-2", two);
    fake_agent_launch_group(a, t, 2);
    sbuf_done(&t[0]);
    sbuf_done(&t[1]);
}

static void touch(struct fake_agent *a, const char *file)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/x1/tasks/%s", a->f.dir, file);
    FILE *f = fopen(path, "we");
    if (CHECK(f != NULL))
        (void)fclose(f);
}

static void expect_exit(struct fake_agent *a, int status)
{
    struct fixture_event *e = fixture_wait(&a->f, "x1", EVENT_EXITED);
    if (e != NULL)
        CHECK_INT(e->t.status, status << 8);
}

TEST("pod: both tasks of a group finish and the executor leaves")
{
    struct fake_agent a;
    if (start(&a)) {
        launch_two(&a, "echo one", "echo two $MESOS_CONTAINER_IP");
        struct agent_update *u = fake_agent_wait(&a, "g-1", STATE_FINISHED, 0);
        CHECK(fake_agent_wait(&a, "g-2", STATE_FINISHED, 0) != NULL);
        if (u != NULL) {
            CHECK(u->has_container);
            CHECK_CSTR(u->executor_id, "x1");
            CHECK_CSTR(u->message, "Command exited with status 0");
        }
        CHECK(fake_agent_wait(&a, "g-2", STATE_STARTING, 0) != NULL);
        CHECK(fake_agent_wait(&a, "g-2", STATE_RUNNING, 0) != NULL);
        expect_exit(&a, 0);
        CHECK_CSTR(fixture_file(&a.f, "x1", "tasks/g-1/stdout"), "one");
        CHECK_CSTR(fixture_file(&a.f, "x1", "tasks/g-2/stdout"), "two 127.0.0.1");
    }
    fake_agent_stop(&a);
}

TEST("pod: when one task of a group fails, the other is killed; other groups go on")
{
    struct fake_agent a;
    if (start(&a)) {
        struct sbuf t;
        task_put(&t, "h-1", "exec sleep 1000");
        fake_agent_launch_group(&a, &t, 1);
        sbuf_done(&t);
        CHECK(fake_agent_wait(&a, "h-1", STATE_RUNNING, 0) != NULL);
        launch_two(&a, "while ! [ -e stop ]; do sleep 0.02; done; exit 5", "exec sleep 1000");
        CHECK(fake_agent_wait(&a, "g-1", STATE_RUNNING, 0) != NULL);
        CHECK(fake_agent_wait(&a, "g-2", STATE_RUNNING, 0) != NULL);
        touch(&a, "g-1/stop");
        struct agent_update *u = fake_agent_wait(&a, "g-1", STATE_FAILED, 0);
        if (u != NULL)
            CHECK_CSTR(u->message, "Command exited with status 5");
        u = fake_agent_wait(&a, "g-2", STATE_KILLED, 0);
        if (u != NULL)
            CHECK_CSTR(u->message, "Command terminated with signal Terminated");
        CHECK(fake_agent_wait(&a, "g-2", STATE_KILLING, 0) != NULL);
        fake_agent_kill(&a, "h-1", -1);
        CHECK(fake_agent_wait(&a, "h-1", STATE_KILLED, 0) != NULL);
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}

TEST("pod: a task that ignores SIGTERM gets SIGKILL after its grace period")
{
    struct fake_agent a;
    if (start(&a)) {
        launch_two(&a, "trap '' TERM; echo up; while :; do sleep 0.05; done", "exec sleep 1000");
        CHECK(fake_agent_wait(&a, "g-2", STATE_RUNNING, 0) != NULL);
        CHECK(fixture_wait_file(&a.f, "x1", "tasks/g-1/stdout"));
        fake_agent_kill(&a, "g-1", 200 * NS_PER_MS);
        struct agent_update *u = fake_agent_wait(&a, "g-1", STATE_KILLED, 0);
        if (u != NULL)
            CHECK_CSTR(u->message, "Command terminated with signal Killed");
        CHECK(fake_agent_wait(&a, "g-2", STATE_KILLED, 0) != NULL);
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}

TEST("pod: launches that an agent in recovery does not take yet are asked for again, and none is to run twice")
{
    struct fake_agent a;
    if (start(&a)) {
        a.busy_launches = 3;
        launch_two(&a, "exit 0", "exit 0");
        CHECK(fake_agent_wait(&a, "g-1", STATE_FINISHED, 0) != NULL);
        CHECK(fake_agent_wait(&a, "g-2", STATE_FINISHED, 0) != NULL);
        CHECK_INT(a.launched_count, 2);
        CHECK_INT(a.launches_once, 5);
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}

TEST("pod: tasks live on while the agent is away, and are waited for again")
{
    struct fake_agent a;
    if (start(&a)) {
        launch_two(&a, "while ! [ -e stop ]; do sleep 0.02; done; exit 0", "exec sleep 1000");
        if (fake_agent_wait(&a, "g-1", STATE_RUNNING, 0) != NULL && fake_agent_wait(&a, "g-2", STATE_RUNNING, 0) != NULL) {
            fake_agent_die(&a);
            for (int i = 0; i < 5; i++)
                loop_turn(a.f.loop, 20 * NS_PER_MS);
            fake_agent_return(&a);
            CHECK(fake_agent_wait_subscribed(&a, 2));
            touch(&a, "g-1/stop");
            CHECK(fake_agent_wait(&a, "g-1", STATE_FINISHED, 0) != NULL);
            fake_agent_shutdown(&a);
            CHECK(fake_agent_wait(&a, "g-2", STATE_KILLED, 0) != NULL);
            expect_exit(&a, 0);
        }
    }
    fake_agent_stop(&a);
}

TEST("pod: a command health check runs in a container below the task's, with its environment")
{
    struct fake_agent a;
    if (start(&a)) {
        struct sbuf t;
        task_put(&t, "g-1", "exec sleep 1000");
        size_t h = wire_open(&t, 8);
        wire_put_double(&t, 2, 0.0);
        wire_put_double(&t, 3, 0.1);
        wire_put_double(&t, 6, 10.0);
        wire_put_u64(&t, 8, 1);
        size_t c = wire_open(&t, 7);
        wire_put_bytes(&t, 3, STR("[ -n \"$MESOS_CONTAINER_IP\" ]"));
        wire_close(&t, c);
        wire_close(&t, h);
        fake_agent_launch_group(&a, &t, 1);
        sbuf_done(&t);
        if (fake_agent_wait(&a, "g-1", STATE_RUNNING, 0) != NULL) {
            struct agent_update *u = fake_agent_wait(&a, "g-1", STATE_RUNNING, 2);
            if (u != NULL)
                CHECK_INT(u->healthy, 1);
        }
    }
    fake_agent_stop(&a);
}

TEST("pod: a launch that the agent refuses fails its task")
{
    struct fake_agent a;
    if (start(&a)) {
        struct sbuf t;
        task_put(&t, "g-1", "true");
        a.refuse_launch = true;
        fake_agent_launch_group(&a, &t, 1);
        sbuf_done(&t);
        struct agent_update *u = fake_agent_wait(&a, "g-1", STATE_FAILED, 0);
        if (u != NULL)
            CHECK_CSTR(u->message, "not today");
        expect_exit(&a, 0);
    }
    fake_agent_stop(&a);
}
