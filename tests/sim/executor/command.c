/* SPDX-License-Identifier: Apache-2.0 */
/* The command executor: the shipped machine, with what executor/command.c does around it. */
#include "executor/core/command.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "tests/sim/executor/executor.h"

struct own {
    struct command core;
    struct task_process *task;
    struct str refused_task_id;
};

static void feed(struct executor_node *n, const struct command_event *e);

static void ended(struct task_process *t, int status)
{
    feed(t->n, &(struct command_event){ .type = COMMAND_EXITED, .status = status });
}

static void update(struct executor_node *n, const struct command_action *a, struct str task_id)
{
    struct exec_status s = {
        .task_id = task_id, .state = a->state, .reason = a->reason, .message = str_of(a->message), .healthy = a->healthy
    };

    executor_update(n, &s);
}

static void carry_out(struct executor_node *n, const struct command_action *a)
{
    struct own *o = n->own;

    switch (a->type) {
    case COMMAND_DO_SPAWN:
        task_process_spawn(o->task);
        break;
    case COMMAND_DO_UPDATE:
        update(n, a, task_id_of(o->task->task));
        break;
    case COMMAND_DO_REFUSE_TASK:
        update(n, a, o->refused_task_id);
        break;
    case COMMAND_DO_SIGNAL:
        task_process_signal(o->task, a->signo);
        break;
    case COMMAND_DO_START_CHECKS:
    case COMMAND_DO_STOP_CHECKS:
        break;
    case COMMAND_DO_EXIT:
        executor_leave(n, a->status);
        break;
    }
}

static void feed(struct executor_node *n, const struct command_event *e)
{
    struct own *o = n->own;
    struct command_actions actions = command_step(&o->core, e, sim_now(sim_of(n)));

    for (unsigned i = 0; i < actions.n && !n->p->dying; i++)
        carry_out(n, &actions.v[i]);
    executor_wake_at(n, actions.wake_at);
}

static void make(struct executor_node *n)
{
    struct own *o = n->own = xcalloc(1, sizeof *o);

    command_init(&o->core);
}

static void launch(struct executor_node *n, const struct str *tasks, size_t count)
{
    struct own *o = n->own;
    struct command_event e = { .type = COMMAND_LAUNCH };

    if (count != 1)
        sim_fail(sim_of(n), "%s, a command executor, gets a group of %zu tasks", n->p->name, count);
    e.launch.kill_grace_ns = task_kill_grace_ns(tasks[0]);
    e.launch.max_completion_ns = task_max_completion_ns(tasks[0]);
    e.launch.killing_state = n->killing_state;
    e.launch.shutdown_grace_ns = SEC(5);
    if (o->task == NULL)
        o->task = task_process_new(n, tasks[0], ended);
    o->refused_task_id = task_id_of(tasks[0]);
    feed(n, &e);
}

static void kill_task(struct executor_node *n, struct str task_id, int64_t grace_ns)
{
    const struct own *o = n->own;

    if (o->task != NULL && str_eq(task_id, task_id_of(o->task->task)))
        feed(n, &(struct command_event){ .type = COMMAND_KILL, .grace_ns = grace_ns });
}

static void acknowledged(struct executor_node *n)
{
    feed(n, &(struct command_event){ .type = COMMAND_ALL_ACKNOWLEDGED });
}

static void shutdown_now(struct executor_node *n, bool lost)
{
    feed(n, &(struct command_event){ .type = COMMAND_SHUTDOWN, .lost = lost });
}

static void connection(struct executor_node *n, bool connected)
{
    feed(n, &(struct command_event){ .type = COMMAND_CONNECTION, .connected = connected });
}

static void tick(struct executor_node *n)
{
    feed(n, &(struct command_event){ .type = COMMAND_TICK });
}

static void died(struct executor_node *n)
{
    struct own *o = n->own;

    task_process_free(o->task);
    free(o);
}

const struct executor_kind executor_command = { make, launch, kill_task, acknowledged, shutdown_now, connection, tick, died };
