/* SPDX-License-Identifier: Apache-2.0 */
/* The command executor as scenes: events in, the whole list of actions out, compared as text. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "executor/core/command.h"
#include "tests/support/test.h"

#define S NS_PER_S
#define EXIT(n) ((n) << 8)

static struct command c;
static char trace[2048];

static void write_action(const struct command_action *a, char *out, size_t size)
{
    static const char *const states[] = { "STARTING", "RUNNING", "FINISHED", "FAILED", "KILLED", "LOST", "STAGING", "ERROR", "KILLING" };
    switch (a->type) {
    case COMMAND_DO_SPAWN:
        (void)snprintf(out, size, "spawn");
        break;
    case COMMAND_DO_UPDATE:
    case COMMAND_DO_REFUSE_TASK:
        (void)snprintf(out, size, "%s%s%s%s%s%s", a->type == COMMAND_DO_UPDATE ? "" : "refuse ", states[a->state],
                       a->healthy == 0 ? " unhealthy" : a->healthy == 1 ? " healthy" : "",
                       a->reason == REASON_MAX_COMPLETION_TIME_REACHED ? " (too long)" : a->reason >= 0 ? " (check)" : "",
                       a->message[0] != 0 ? ": " : "", a->message);
        break;
    case COMMAND_DO_SIGNAL:
        (void)snprintf(out, size, "SIG%s", a->signo == SIGTERM ? "TERM" : "KILL");
        break;
    case COMMAND_DO_START_CHECKS:
        (void)snprintf(out, size, "checks on");
        break;
    case COMMAND_DO_STOP_CHECKS:
        (void)snprintf(out, size, "checks off");
        break;
    case COMMAND_DO_EXIT:
        (void)snprintf(out, size, "exit %d", a->status);
        break;
    }
}

static struct mono feed(int64_t t, struct command_event e)
{
    struct command_actions a = command_step(&c, &e, (struct mono){ t });
    size_t n = strlen(trace);
    n += (size_t)snprintf(trace + n, sizeof trace - n, "[%lld] ", (long long)(t / (S / 10)));
    for (unsigned i = 0; i < a.n; i++) {
        char text[256];
        write_action(&a.v[i], text, sizeof text);
        n += (size_t)snprintf(trace + n, sizeof trace - n, "%s%s", i != 0 ? ", " : "", text);
    }
    (void)snprintf(trace + n, sizeof trace - n, "\n");
    return a.wake_at;
}

static void begin(int64_t grace_ns, int64_t max_ns, bool killing)
{
    struct command_event e = { .type = COMMAND_LAUNCH };
    e.launch.kill_grace_ns = grace_ns;
    e.launch.max_completion_ns = max_ns;
    e.launch.killing_state = killing;
    e.launch.shutdown_grace_ns = 5 * S;
    trace[0] = 0;
    command_init(&c);
    (void)feed(0, e);
}

TEST("success")
{
    begin(GRACE_NONE, GRACE_NONE, true);
    (void)feed(S, (struct command_event){ .type = COMMAND_EXITED, .status = 0 });
    (void)feed(S, (struct command_event){ .type = COMMAND_ALL_ACKNOWLEDGED });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n"
                      "[10] checks off, FINISHED: Command exited with status 0\n"
                      "[10] exit 0\n");
}

TEST("kill, and SIGKILL after the default grace period, again each second")
{
    begin(GRACE_NONE, GRACE_NONE, true);
    struct mono w = feed(S, (struct command_event){ .type = COMMAND_KILL, .grace_ns = GRACE_NONE });
    CHECK_INT(w.ns, 4 * S);
    (void)feed(4 * S, (struct command_event){ .type = COMMAND_TICK });
    (void)feed(5 * S, (struct command_event){ .type = COMMAND_TICK });
    (void)feed(6 * S, (struct command_event){ .type = COMMAND_EXITED, .status = SIGKILL });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n"
                      "[10] checks off, KILLING, SIGTERM\n"
                      "[40] SIGKILL\n"
                      "[50] SIGKILL\n"
                      "[60] checks off, KILLED: Command terminated with signal Killed\n");
}

TEST("the grace of the call wins over the task's; a shorter one later shortens, a longer one does not lengthen")
{
    begin(10 * S, GRACE_NONE, false);
    CHECK_INT(feed(S, (struct command_event){ .type = COMMAND_KILL, .grace_ns = 6 * S }).ns, 7 * S);
    CHECK_INT(feed(2 * S, (struct command_event){ .type = COMMAND_KILL, .grace_ns = 20 * S }).ns, 7 * S);
    CHECK_INT(feed(2 * S, (struct command_event){ .type = COMMAND_KILL, .grace_ns = 2 * S }).ns, 3 * S);
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n[10] checks off, SIGTERM\n[20] \n[20] \n");
}

TEST("a killed task is KILLED even when it exits with 0")
{
    begin(GRACE_NONE, GRACE_NONE, false);
    (void)feed(S, (struct command_event){ .type = COMMAND_KILL, .grace_ns = GRACE_NONE });
    (void)feed(S, (struct command_event){ .type = COMMAND_EXITED, .status = 0 });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n[10] checks off, SIGTERM\n"
                      "[10] checks off, KILLED: Command exited with status 0\n");
}

TEST("unhealthy: told, then killed, and unhealthy to the end")
{
    begin(GRACE_NONE, GRACE_NONE, true);
    (void)feed(S, (struct command_event){ .type = COMMAND_HEALTH, .healthy = true });
    (void)feed(2 * S, (struct command_event){ .type = COMMAND_HEALTH, .healthy = false });
    (void)feed(3 * S, (struct command_event){ .type = COMMAND_HEALTH, .healthy = false, .kill = true });
    (void)feed(4 * S, (struct command_event){ .type = COMMAND_EXITED, .status = SIGTERM });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n"
                      "[10] RUNNING healthy (check)\n"
                      "[20] RUNNING unhealthy (check)\n"
                      "[30] RUNNING unhealthy (check), checks off, KILLING, SIGTERM\n"
                      "[40] checks off, KILLED unhealthy: Command terminated with signal Terminated\n");
}

TEST("too long: no KILLING, FAILED with the reason, also when a KILL came meanwhile")
{
    begin(GRACE_NONE, 2 * S, true);
    (void)feed(2 * S, (struct command_event){ .type = COMMAND_TICK });
    (void)feed(3 * S, (struct command_event){ .type = COMMAND_KILL, .grace_ns = GRACE_NONE });
    (void)feed(4 * S, (struct command_event){ .type = COMMAND_EXITED, .status = SIGTERM });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n[20] checks off, SIGTERM\n[30] \n"
                      "[40] checks off, FAILED (too long): Command terminated with signal Terminated\n");
}

TEST("a failed start ends the task before it ran")
{
    begin(GRACE_NONE, GRACE_NONE, true);
    (void)feed(0, (struct command_event){ .type = COMMAND_START_FAILED, .message = "no" });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n[0] checks off, FAILED: no\n");
}

TEST("SHUTDOWN leaves two seconds of the executor's grace; an idle executor goes at once")
{
    begin(GRACE_NONE, GRACE_NONE, false);
    CHECK_INT(feed(S, (struct command_event){ .type = COMMAND_SHUTDOWN }).ns, 4 * S);
    command_init(&c);
    (void)feed(2 * S, (struct command_event){ .type = COMMAND_SHUTDOWN });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n[10] checks off, SIGTERM\n[20] exit 0\n");
}

TEST("the last acknowledgement is waited for 60 s, but only while the agent is there")
{
    begin(GRACE_NONE, GRACE_NONE, false);
    (void)feed(S, (struct command_event){ .type = COMMAND_CONNECTION, .connected = false });
    CHECK(feed(2 * S, (struct command_event){ .type = COMMAND_EXITED, .status = EXIT(3) }).ns == MONO_NEVER.ns);
    CHECK_INT(feed(100 * S, (struct command_event){ .type = COMMAND_CONNECTION, .connected = true }).ns, 160 * S);
    (void)feed(160 * S, (struct command_event){ .type = COMMAND_TICK });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n[10] \n"
                      "[20] checks off, FAILED: Command exited with status 3\n[1000] \n[1600] exit 1\n");
}

TEST("the agent is lost for good: the task is killed and nobody is waited for")
{
    begin(GRACE_NONE, GRACE_NONE, false);
    (void)feed(S, (struct command_event){ .type = COMMAND_SHUTDOWN, .lost = true });
    (void)feed(2 * S, (struct command_event){ .type = COMMAND_EXITED, .status = SIGTERM });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n[10] checks off, SIGTERM\n"
                      "[20] checks off, KILLED: Command terminated with signal Terminated, exit 1\n");
}

TEST("a second task is refused, a task group means SHUTDOWN")
{
    begin(GRACE_NONE, GRACE_NONE, false);
    (void)feed(S, (struct command_event){ .type = COMMAND_LAUNCH });
    (void)feed(2 * S, (struct command_event){ .type = COMMAND_LAUNCH_GROUP });
    CHECK_CSTR(trace, "[0] STARTING, spawn, RUNNING, checks on\n"
                      "[10] refuse FAILED: Attempted to run multiple tasks using a \"command\" executor\n"
                      "[20] checks off, SIGTERM\n");
}
