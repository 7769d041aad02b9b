/* SPDX-License-Identifier: Apache-2.0 */
/* The default executor as scenes. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "executor/core/pod.h"
#include "tests/support/test.h"

#define S NS_PER_S

static struct pod p;
static struct rng rng;
static char trace[4096];

static void write_action(const struct pod_action *a, char *out, size_t size)
{
    static const char *const states[] = { "STARTING", "RUNNING", "FINISHED", "FAILED", "KILLED", "LOST", "STAGING", "ERROR", "KILLING" };
    static const char *const names[] = { "launch", "wait", "signal", "", "checks", "", "pause", "resume", "drop", "exit" };
    const char *id = a->index < p.task_count ? p.tasks[a->index].task_id : "";
    if (a->type == POD_DO_UPDATE)
        (void)snprintf(out, size, "%s %s%s%s", id, states[a->state], a->message[0] != 0 ? ": " : "", a->message);
    else if (a->type == POD_DO_SIGNAL)
        (void)snprintf(out, size, "%s SIG%s", id, a->signo == SIGTERM ? "TERM" : "KILL");
    else if (a->type == POD_DO_EXIT)
        (void)snprintf(out, size, "exit %d", a->status);
    else if (a->type == POD_DO_PAUSE_CHECKS || a->type == POD_DO_RESUME_CHECKS)
        (void)snprintf(out, size, "%s", names[a->type]);
    else if (a->type != POD_DO_STOP_CHECKS)
        (void)snprintf(out, size, "%s %s", id, names[a->type]);
    else
        out[0] = 0;
}

static void feed(int64_t t, struct pod_event e)
{
    pod_step(&p, &e, (struct mono){ t }, &rng);
    size_t n = strlen(trace);
    n += (size_t)snprintf(trace + n, sizeof trace - n, "[%lld]", (long long)(t / S));
    for (size_t i = 0; i < p.action_count; i++) {
        char text[512];
        write_action(&p.actions[i], text, sizeof text);
        if (text[0] != 0)
            n += (size_t)snprintf(trace + n, sizeof trace - n, " %s;", text);
    }
    (void)snprintf(trace + n, sizeof trace - n, "\n");
}

static void launch(int64_t t, const char *a, const char *b)
{
    struct pod_new_task tasks[2] = { { str_of(a), GRACE_NONE, GRACE_NONE }, { str_of(b), GRACE_NONE, GRACE_NONE } };
    feed(t, (struct pod_event){ .type = POD_EV_LAUNCH, .tasks = tasks, .count = b != NULL ? 2 : 1, .killing_state = true });
}

static void begin(void)
{
    trace[0] = 0;
    rng_seed(&rng, 7);
    pod_init(&p);
}

static void launched(unsigned i)
{
    feed(0, (struct pod_event){ .type = POD_EV_LAUNCHED, .index = i });
}

static struct pod_event ended(unsigned i, int status)
{
    return (struct pod_event){ .type = POD_EV_ENDED, .index = i, .status = status, .state = -1, .reason = -1 };
}

TEST("two tasks run, end and the executor leaves after the acknowledgements")
{
    begin();
    launch(0, "a", "b");
    launched(0);
    launched(1);
    feed(1 * S, ended(0, 0));
    feed(2 * S, ended(1, 0));
    CHECK_INT(p.wake_at.ns, 62 * S);
    feed(3 * S, (struct pod_event){ .type = POD_EV_ALL_ACKNOWLEDGED });
    CHECK_CSTR(trace, "[0] a STARTING; a launch; b STARTING; b launch;\n"
                      "[0] a wait; a RUNNING; a checks;\n"
                      "[0] b wait; b RUNNING; b checks;\n"
                      "[1] a FINISHED: Command exited with status 0;\n"
                      "[2] b FINISHED: Command exited with status 0;\n"
                      "[3] exit 0;\n");
    pod_done(&p);
}

TEST("a failure takes the group along, also a task that is still being launched, and no other group")
{
    begin();
    launch(0, "a", "b");
    launched(0);
    launch(0, "c", NULL);
    launched(2);
    feed(1 * S, ended(0, 3 << 8));
    launched(1);
    feed(4 * S, (struct pod_event){ .type = POD_EV_TICK });
    feed(5 * S, ended(1, SIGKILL));
    CHECK_CSTR(strstr(trace, "[1]"),
               "[1] a FAILED: Command exited with status 3; b KILLING;\n"
               "[0] b wait; b SIGTERM;\n"
               "[4] b SIGKILL;\n"
               "[5] b KILLED: Command terminated with signal Killed;\n");
    CHECK_INT(p.tasks[2].state, POD_RUNNING);
    pod_done(&p);
}

TEST("a launch that fails")
{
    begin();
    launch(0, "a", "b");
    launched(1);
    feed(1 * S, (struct pod_event){ .type = POD_EV_LAUNCHED, .index = 0, .message = "no room" });
    CHECK_CSTR(strstr(trace, "[1]"), "[1] a FAILED: no room; b KILLING; b SIGTERM;\n");
    pod_done(&p);
}

TEST("what the agent says about the end wins")
{
    begin();
    launch(0, "a", NULL);
    launched(0);
    struct pod_event e = ended(0, SIGKILL);
    e.state = STATE_FAILED;
    e.reason = 8;
    e.message = "Memory limit exceeded";
    feed(1 * S, e);
    CHECK_CSTR(strstr(trace, "[1]"), "[1] a FAILED: Memory limit exceeded;\n");
    CHECK_INT(p.actions[1].reason, 8);
    pod_done(&p);
}

TEST("after a reconnect everything is waited for again, a launch without answer sent again, a kill repeated")
{
    begin();
    launch(0, "a", "b");
    launched(0);
    launch(0, "c", NULL);
    launched(2);
    feed(1 * S, (struct pod_event){ .type = POD_EV_KILL, .task_id = STR("c"), .grace_ns = GRACE_NONE });
    feed(2 * S, (struct pod_event){ .type = POD_EV_CONNECTION, .connected = false });
    feed(3 * S, (struct pod_event){ .type = POD_EV_CONNECTION, .connected = true });
    CHECK_CSTR(strstr(trace, "[1]"), "[1] c KILLING; c SIGTERM;\n[2] pause;\n[3] resume; a wait; b launch; c wait; c SIGTERM;\n");
    pod_done(&p);
}

TEST("a kill that the agent did not get is repeated after a second")
{
    begin();
    launch(0, "a", NULL);
    launched(0);
    feed(1 * S, (struct pod_event){ .type = POD_EV_KILL, .task_id = STR("a"), .grace_ns = 10 * S });
    feed(1 * S, (struct pod_event){ .type = POD_EV_KILL_FAILED, .index = 0 });
    CHECK_INT(p.wake_at.ns, 2 * S);
    feed(2 * S, (struct pod_event){ .type = POD_EV_TICK });
    CHECK_INT(p.wake_at.ns, 11 * S);
    feed(3 * S, (struct pod_event){ .type = POD_EV_KILL, .task_id = STR("a"), .grace_ns = 0 });
    CHECK_CSTR(strstr(trace, "[1]"), "[1] a KILLING; a SIGTERM;\n[1]\n[2] a SIGTERM;\n[3]\n");
    pod_done(&p);
}

TEST("a group that arrives while the agent is away is dropped; SHUTDOWN kills all and leaves")
{
    begin();
    launch(0, "a", NULL);
    launched(0);
    feed(1 * S, (struct pod_event){ .type = POD_EV_CONNECTION, .connected = false });
    launch(2 * S, "b", NULL);
    feed(3 * S, (struct pod_event){ .type = POD_EV_CONNECTION, .connected = true });
    feed(4 * S, (struct pod_event){ .type = POD_EV_SHUTDOWN });
    feed(5 * S, ended(0, SIGTERM));
    feed(6 * S, (struct pod_event){ .type = POD_EV_ALL_ACKNOWLEDGED });
    CHECK_CSTR(strstr(trace, "[2]"), "[2] b drop;\n[3] resume; a wait;\n[4] a KILLING; a SIGTERM;\n"
                                     "[5] a KILLED: Command terminated with signal Terminated;\n[6] exit 0;\n");
    pod_done(&p);
}
