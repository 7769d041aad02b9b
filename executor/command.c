/* SPDX-License-Identifier: Apache-2.0 */
/* The command executor: the shell around core/command.c. Events of the agent, of the task's process and of its checks
 * become events of the core; its actions are carried out here. The process is a subreaper, so a kill reaches everything
 * that the task has ever started. It prints nothing of its own to stdout: that is the task's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/proctree.h"
#include "executor/builtin.h"
#include "executor/core/command.h"

struct shell {
    struct builtin b;
    struct command core;
    struct checker health, check;
    char *task_bytes; /* owned copy of TaskInfo */
    struct str task;
    struct str refused_task_id; /* during a LAUNCH that is not ours */
    bool killing_state;
    int health_state;           /* of the last verdict; -1: none */
    pid_t pid;                  /* of the task; 0: none */
    char **command;             /* instead of the task's own; NULL: that */
};

static void feed(struct shell *s, const struct command_event *e);

static void do_update(struct shell *s, const struct command_action *a, struct str task_id)
{
    struct exec_status status = {
        .task_id = task_id,
        .state = a->state,
        .reason = a->reason,
        .message = str_of(a->message),
        .healthy = a->healthy,
    };
    bool own = str_eq(task_id, task_id_of(s->task));
    builtin_update(&s->b, &status, own ? s->task : (struct str){ NULL, 0 }, &s->check, s->health_state);
}

static int do_spawn(struct shell *s)
{
    struct error err;
    struct str command = task_command_of(s->task);
    struct str role = task_allocation_role(s->task);
    if ((s->command != NULL ? spawn_task_argv(s->command, command, role, &s->pid, &err)
                            : spawn_command(command, command, role, &s->pid, &err)) == 0)
        return 0;
    s->pid = 0;
    char text[160];
    (void)snprintf(text, sizeof text, "%.150s", err.msg);
    struct command_event e = { .type = COMMAND_START_FAILED, .message = text };
    feed(s, &e);
    return -1;
}

static void signal_one(void *arg, pid_t pid)
{
    const struct command_action *a = arg;
    if (pid != getpid())
        (void)kill(pid, a->signo);
}

/* All that runs below this process, checks included. Stopped first, so that nothing forks away from the signal. */
static void do_signal(struct command_action *a)
{
    struct command_action stop = { .signo = SIGSTOP }, go = { .signo = SIGCONT };
    (void)proctree_each(getpid(), signal_one, &stop);
    (void)proctree_each(getpid(), signal_one, a);
    (void)proctree_each(getpid(), signal_one, &go);
}

static void on_verdict(void *owner, struct checker *c, enum check_verdict v)
{
    struct shell *s = owner;
    struct command_event e = { .type = COMMAND_HEALTH };
    (void)c;
    if (v == CHECK_TELL_VALUE)
        e.type = COMMAND_CHECKED;
    else
        e.healthy = v == CHECK_TELL_HEALTHY;
    e.kill = v == CHECK_TELL_UNHEALTHY_AND_KILL;
    if (e.type == COMMAND_HEALTH)
        s->health_state = e.healthy;
    feed(s, &e);
}

static void start_one(struct shell *s, struct checker *c, bool there, const struct check_spec *spec)
{
    if (!there || s->pid == 0)
        return;
    c->task_command = task_command_of(s->task);
    c->role = task_allocation_role(s->task);
    c->owner = s;
    c->tell = on_verdict;
    checker_start(c, &s->b.ev, spec);
}

static void do_start_checks(struct shell *s)
{
    struct check_spec spec;
    start_one(s, &s->health, task_health_check(s->task, &spec), &spec);
    start_one(s, &s->check, task_check(s->task, &spec), &spec);
}

static void feed(struct shell *s, const struct command_event *e)
{
    struct command_actions actions = command_step(&s->core, e, s->b.ev.now);
    for (unsigned i = 0; i < actions.n; i++) {
        struct command_action *a = &actions.v[i];
        switch (a->type) {
        case COMMAND_DO_SPAWN:
            if (do_spawn(s) != 0)
                return; /* the core went on from there */
            break;
        case COMMAND_DO_UPDATE:
            do_update(s, a, task_id_of(s->task));
            break;
        case COMMAND_DO_REFUSE_TASK:
            do_update(s, a, s->refused_task_id);
            break;
        case COMMAND_DO_SIGNAL:
            do_signal(a);
            break;
        case COMMAND_DO_START_CHECKS:
            do_start_checks(s);
            break;
        case COMMAND_DO_STOP_CHECKS:
            checker_stop(&s->health);
            checker_stop(&s->check);
            break;
        case COMMAND_DO_EXIT:
            s->b.done = true;
            s->b.exit_status = a->status;
            break;
        }
    }
    ev_timer_at(&s->b.ev, &s->b.timer, actions.wake_at);
}

static void on_launch(struct shell *s, struct str task)
{
    struct command_event e = { .type = COMMAND_LAUNCH };
    e.launch.kill_grace_ns = task_kill_grace_ns(task);
    e.launch.max_completion_ns = task_max_completion_ns(task);
    e.launch.killing_state = s->killing_state;
    e.launch.shutdown_grace_ns = s->b.client.env.shutdown_grace_ns;
    if (s->task_bytes == NULL) {
        s->task_bytes = xmemdup(task.p, task.n);
        s->task = str_mem(s->task_bytes, task.n);
    }
    s->refused_task_id = task_id_of(task);
    feed(s, &e);
}

static void on_event(void *owner, const struct exec_event *ev)
{
    struct shell *s = owner;
    struct command_event e = { .type = COMMAND_CONNECTION, .connected = true };
    switch (ev->type) {
    case EXEC_SUBSCRIBED:
        s->killing_state = framework_has_capability(wire_field_bytes(ev->subscribed, 2), CAPABILITY_TASK_KILLING_STATE);
        feed(s, &e);
        break;
    case EXEC_LAUNCH:
        on_launch(s, ev->task);
        break;
    case EXEC_LAUNCH_GROUP:
        (void)fprintf(stderr, "A command executor takes no task groups; shutting down\n");
        e.type = COMMAND_LAUNCH_GROUP;
        feed(s, &e);
        break;
    case EXEC_KILL:
        if (s->task.p == NULL || !str_eq(ev->task_id, task_id_of(s->task)))
            break;
        e.type = COMMAND_KILL;
        e.grace_ns = ev->grace_ns;
        feed(s, &e);
        break;
    case EXEC_ACKNOWLEDGED:
        e.type = COMMAND_ALL_ACKNOWLEDGED;
        feed(s, &e);
        break;
    case EXEC_ERROR:
    case EXEC_MESSAGE:
    case EXEC_SHUTDOWN:
    case EXEC_HEARTBEAT:
    case EXEC_UNKNOWN:
        break;
    }
}

static void on_note(void *owner, enum builtin_note note)
{
    static const struct command_event of[] = {
        [BUILTIN_DISCONNECTED] = { .type = COMMAND_CONNECTION, .connected = false },
        [BUILTIN_SHUTDOWN] = { .type = COMMAND_SHUTDOWN },
        [BUILTIN_LOST] = { .type = COMMAND_SHUTDOWN, .lost = true },
        [BUILTIN_TICK] = { .type = COMMAND_TICK },
    };
    feed(owner, &of[note]);
}

static void on_child(void *arg, pid_t pid, int status)
{
    struct shell *s = arg;
    if (checker_child_ended(&s->health, pid, status) || checker_child_ended(&s->check, pid, status) || pid != s->pid)
        return;
    struct command_event e = { .type = COMMAND_EXITED, .status = status };
    s->pid = 0;
    feed(s, &e);
}

static const struct builtin_ops ops = { "command executor", on_event, on_note, on_child };

int command_executor_main(char **command)
{
    static struct shell s;

    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    s.health_state = -1;
    s.command = command != NULL && command[0] != NULL ? command : NULL;
    command_init(&s.core);
    return builtin_init(&s.b, &ops, &s) ? builtin_run(&s.b) : 1;
}
