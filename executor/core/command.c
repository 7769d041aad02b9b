/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/core/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/base/assert.h"

enum { ACK_WAIT_S = 60, KILL_AGAIN_S = 1, SHUTDOWN_MARGIN_S = 2 };

void command_init(struct command *c)
{
    *c = (struct command){ .kill_at = MONO_NEVER, .complete_at = MONO_NEVER, .ack_at = MONO_NEVER, .connected = true };
}

void command_exit_text(int status, char *ret, size_t size)
{
    if (WIFEXITED(status))
        (void)snprintf(ret, size, "Command exited with status %d", WEXITSTATUS(status));
    else
        (void)snprintf(ret, size, "Command terminated with signal %s", strsignal(WTERMSIG(status)));
}

static struct command_action *add(struct command_actions *a, enum command_action_type type)
{
    ASSERT(a->n < COMMAND_ACTIONS_MAX);
    struct command_action *n = &a->v[a->n++];
    *n = (struct command_action){ .type = type, .reason = REASON_NONE, .healthy = -1 };
    return n;
}

static struct command_action *update(struct command_actions *a, int state)
{
    struct command_action *u = add(a, COMMAND_DO_UPDATE);
    u->state = state;
    return u;
}

static void exit_now(struct command *c, struct command_actions *a, int status)
{
    c->state = COMMAND_GONE;
    add(a, COMMAND_DO_EXIT)->status = status;
}

static void launch(struct command *c, const struct command_event *ev, struct mono now, struct command_actions *a)
{
    if (c->state != COMMAND_IDLE) {
        struct command_action *r = add(a, COMMAND_DO_REFUSE_TASK);
        r->state = STATE_FAILED;
        (void)snprintf(r->message, sizeof r->message, "Attempted to run multiple tasks using a \"command\" executor");
        return;
    }
    c->state = COMMAND_RUNNING;
    c->kill_grace_ns = ev->launch.kill_grace_ns != GRACE_NONE ? ev->launch.kill_grace_ns : GRACE_DEFAULT_NS;
    c->killing_state = ev->launch.killing_state;
    c->shutdown_grace_ns = ev->launch.shutdown_grace_ns;
    if (ev->launch.max_completion_ns != GRACE_NONE)
        c->complete_at = mono_add(now, ev->launch.max_completion_ns);
    (void)update(a, STATE_STARTING);
    (void)add(a, COMMAND_DO_SPAWN); /* a failure comes back as COMMAND_START_FAILED before the next action */
    (void)update(a, STATE_RUNNING);
    (void)add(a, COMMAND_DO_START_CHECKS);
}

static void begin_kill(struct command *c, int64_t grace_ns, bool say, struct mono now, struct command_actions *a)
{
    c->state = COMMAND_KILLING;
    c->complete_at = MONO_NEVER;
    c->kill_began = now;
    c->kill_at = mono_add(now, grace_ns < 0 ? 0 : grace_ns);
    (void)add(a, COMMAND_DO_STOP_CHECKS);
    if (say && c->killing_state)
        (void)update(a, STATE_KILLING); /* without healthy, also when that is why: the terminal update has it */
    add(a, COMMAND_DO_SIGNAL)->signo = SIGTERM;
}

static void kill_task(struct command *c, int64_t grace_ns, struct mono now, struct command_actions *a)
{
    if (c->state == COMMAND_RUNNING) {
        c->killed = true;
        begin_kill(c, grace_ns, true, now, a);
    } else if (c->state == COMMAND_KILLING) {
        /* Only ever sooner. */
        c->killed = c->killed || !c->completion_reached;
        c->kill_at = mono_min(c->kill_at, mono_add(c->kill_began, grace_ns));
    }
}

static void wait_for_acks(struct command *c, struct mono now)
{
    /* Only while the agent is there: it may be away longer than this, and must still learn how the task ended. */
    c->ack_at = c->connected ? mono_add(now, ACK_WAIT_S * NS_PER_S) : MONO_NEVER;
}

static void ended(struct command *c, int state, const char *message, struct mono now, struct command_actions *a)
{
    struct command_action *u;
    c->state = COMMAND_ENDED;
    c->kill_at = c->complete_at = MONO_NEVER;
    (void)add(a, COMMAND_DO_STOP_CHECKS);
    u = update(a, state);
    if (c->completion_reached)
        u->reason = REASON_MAX_COMPLETION_TIME_REACHED;
    if (c->killed_by_health)
        u->healthy = 0;
    (void)snprintf(u->message, sizeof u->message, "%s", message);
    if (c->lost)
        exit_now(c, a, 1);
    else
        wait_for_acks(c, now);
}

static void exited(struct command *c, int status, struct mono now, struct command_actions *a)
{
    char text[128];
    if (c->state != COMMAND_RUNNING && c->state != COMMAND_KILLING)
        return;
    command_exit_text(status, text, sizeof text);
    int state = c->completion_reached                            ? STATE_FAILED
                : c->killed                                      ? STATE_KILLED
                : WIFEXITED(status) && WEXITSTATUS(status) == 0 ? STATE_FINISHED
                                                                 : STATE_FAILED;
    ended(c, state, text, now, a);
}

static void health(struct command *c, const struct command_event *ev, struct mono now, struct command_actions *a)
{
    if (c->state != COMMAND_RUNNING)
        return;
    struct command_action *u = update(a, STATE_RUNNING);
    u->reason = REASON_TASK_HEALTH_CHECK_STATUS_UPDATED;
    u->healthy = ev->healthy;
    if (!ev->kill)
        return;
    c->killed = c->killed_by_health = true;
    begin_kill(c, c->kill_grace_ns, true, now, a);
}

static void tick(struct command *c, struct mono now, struct command_actions *a)
{
    if (!mono_before(now, c->complete_at)) {
        c->completion_reached = true;
        begin_kill(c, c->kill_grace_ns, false, now, a);
    }
    if (c->state == COMMAND_KILLING && !mono_before(now, c->kill_at)) {
        add(a, COMMAND_DO_SIGNAL)->signo = SIGKILL;
        c->kill_at = mono_add(now, KILL_AGAIN_S * NS_PER_S);
    }
    if (c->state == COMMAND_ENDED && !mono_before(now, c->ack_at))
        exit_now(c, a, 1);
}

static void shutdown(struct command *c, bool lost, struct mono now, struct command_actions *a)
{
    c->lost = c->lost || lost;
    if (c->state == COMMAND_IDLE || (lost && c->state == COMMAND_ENDED))
        exit_now(c, a, lost ? 1 : 0);
    else
        kill_task(c, c->shutdown_grace_ns - SHUTDOWN_MARGIN_S * NS_PER_S, now, a);
}

struct command_actions command_step(struct command *c, const struct command_event *ev, struct mono now)
{
    struct command_actions a = { .n = 0 };
    switch (ev->type) {
    case COMMAND_LAUNCH:
        launch(c, ev, now, &a);
        break;
    case COMMAND_LAUNCH_GROUP:
        shutdown(c, false, now, &a);
        break;
    case COMMAND_START_FAILED:
        if (c->state == COMMAND_RUNNING)
            ended(c, STATE_FAILED, ev->message, now, &a);
        break;
    case COMMAND_EXITED:
        exited(c, ev->status, now, &a);
        break;
    case COMMAND_KILL:
        kill_task(c, ev->grace_ns != GRACE_NONE ? ev->grace_ns : c->kill_grace_ns, now, &a);
        break;
    case COMMAND_SHUTDOWN:
        shutdown(c, ev->lost, now, &a);
        break;
    case COMMAND_HEALTH:
        health(c, ev, now, &a);
        break;
    case COMMAND_CHECKED:
        if (c->state == COMMAND_RUNNING)
            update(&a, STATE_RUNNING)->reason = REASON_TASK_CHECK_STATUS_UPDATED;
        break;
    case COMMAND_CONNECTION:
        c->connected = ev->connected;
        if (c->state == COMMAND_ENDED)
            wait_for_acks(c, now);
        break;
    case COMMAND_ALL_ACKNOWLEDGED:
        if (c->state == COMMAND_ENDED)
            exit_now(c, &a, 0);
        break;
    case COMMAND_TICK:
        tick(c, now, &a);
        break;
    }
    a.wake_at = mono_min(c->kill_at, mono_min(c->complete_at, c->ack_at));
    return a;
}
