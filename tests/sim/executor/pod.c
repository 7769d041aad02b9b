/* SPDX-License-Identifier: Apache-2.0 */
/* The default executor: the shipped machine, with what executor/pod.c does around it. Its tasks' containers are the agent's to start,
 * watch and signal; here the executor does that itself, but hears of it only while it is subscribed: an answer that comes
 * while the agent is away is lost, and has to be asked for again. */
#include "executor/core/pod.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/wire/guard.h"
#include "tests/sim/executor/executor.h"

enum { TASKS_MAX = 64 };

struct own {
    struct pod core;
    struct nested {
        struct task_process *process;
        bool started, ended, starting;
        int status;
        bool waited_for; /* by a question that the agent has not answered */
    } tasks[TASKS_MAX];
    size_t count;
};

static void feed(struct executor_node *n, const struct pod_event *e);

static bool agent_answers(const struct executor_node *n)
{
    return n->session.state == SESSION_SUBSCRIBED;
}

static void tell_end(struct executor_node *n, unsigned index)
{
    struct own *o = n->own;
    struct nested *t = &o->tasks[index];

    if (!t->ended || !t->waited_for || !agent_answers(n))
        return;
    t->waited_for = false;
    feed(n, &(struct pod_event){ .type = POD_EV_ENDED, .index = index, .status = t->status, .state = -1, .reason = -1 });
}

static void on_answer(struct sim *s, struct proc *p, void *arg, uint64_t index)
{
    struct executor_node *n = p->node;

    (void)s;
    (void)arg;
    tell_end(n, (unsigned)index);
}

static void ended(struct task_process *process, int status)
{
    struct own *o = process->n->own;
    struct nested *t = &o->tasks[process->index];

    t->ended = true;
    t->status = status;
    tell_end(process->n, process->index);
}

static void on_started(struct sim *s, struct proc *p, void *arg, uint64_t index)
{
    struct executor_node *n = p->node;
    struct own *o = n->own;
    struct nested *t = &o->tasks[index];
    bool fails = !t->started && chance(&s->rng_task, 3);

    (void)arg;
    t->starting = false;
    if (!t->started && !fails) {
        t->started = true;
        task_process_spawn(t->process);
    }
    if (agent_answers(n)) /* else it is asked again, and finds it started, or not */
        feed(n, &(struct pod_event){ .type = POD_EV_LAUNCHED, .index = (unsigned)index, .message = fails ? "no such luck" : NULL });
}

static void launch_container(struct executor_node *n, unsigned index)
{
    struct own *o = n->own;

    if (o->tasks[index].starting)
        return;
    o->tasks[index].starting = true;
    sim_after(sim_of(n), n->p, between(&sim_of(n)->rng_task, MS(1), MS(200)), on_started, NULL, index);
}

static void on_signal_failed(struct sim *s, struct proc *p, void *arg, uint64_t index)
{
    (void)s;
    (void)arg;
    feed(p->node, &(struct pod_event){ .type = POD_EV_KILL_FAILED, .index = (unsigned)index });
}

static void update(struct executor_node *n, const struct pod_action *a, int state)
{
    const struct own *o = n->own;
    struct exec_status s = { .task_id = task_id_of(o->tasks[a->index].process->task),
                             .state = state,
                             .reason = a->reason,
                             .message = str_of(a->message),
                             .healthy = a->healthy };

    executor_update(n, &s);
}

static void carry_out(struct executor_node *n, const struct pod_action *a)
{
    struct own *o = n->own;
    struct sim *s = sim_of(n);

    switch (a->type) {
    case POD_DO_LAUNCH:
        launch_container(n, a->index);
        break;
    case POD_DO_WAIT:
        o->tasks[a->index].waited_for = true;
        sim_after(s, n->p, NS_PER_MS, on_answer, NULL, a->index);
        break;
    case POD_DO_SIGNAL:
        if (agent_answers(n))
            task_process_signal(o->tasks[a->index].process, a->signo);
        else
            sim_after(s, n->p, NS_PER_MS, on_signal_failed, NULL, a->index);
        break;
    case POD_DO_UPDATE:
        update(n, a, a->state);
        break;
    case POD_DO_DROP:
        update(n, a, n->partition_aware ? STATE_DROPPED : STATE_LOST);
        break;
    case POD_DO_START_CHECKS:
    case POD_DO_STOP_CHECKS:
    case POD_DO_PAUSE_CHECKS:
    case POD_DO_RESUME_CHECKS:
        break;
    case POD_DO_EXIT:
        executor_leave(n, a->status);
        break;
    }
}

static void feed(struct executor_node *n, const struct pod_event *e)
{
    struct own *o = n->own;

    pod_step(&o->core, e, sim_now(sim_of(n)), &n->p->rng);
    for (size_t i = 0; i < o->core.action_count && !n->p->dying; i++)
        carry_out(n, &o->core.actions[i]);
    executor_wake_at(n, o->core.wake_at);
}

static void make(struct executor_node *n)
{
    struct own *o = n->own = xcalloc(1, sizeof *o);

    pod_init(&o->core);
}

static void launch(struct executor_node *n, const struct str *tasks, size_t count)
{
    struct own *o = n->own;
    struct pod_new_task fresh[TASKS_MAX];
    struct pod_event e = { .type = POD_EV_LAUNCH, .tasks = fresh, .killing_state = n->killing_state };

    for (size_t i = 0; i < count && o->count < TASKS_MAX; i++) {
        struct nested *t = &o->tasks[o->count];
        t->process = task_process_new(n, tasks[i], ended);
        t->process->index = (unsigned)o->count++;
        struct str task = t->process->task;
        fresh[e.count++] = (struct pod_new_task){ task_id_of(task), task_kill_grace_ns(task), task_max_completion_ns(task) };
    }
    if (e.count != count)
        sim_fail(sim_of(n), "%s has more than %d tasks", n->p->name, TASKS_MAX);
    feed(n, &e);
}

static void kill_task(struct executor_node *n, struct str task_id, int64_t grace_ns)
{
    feed(n, &(struct pod_event){ .type = POD_EV_KILL, .task_id = task_id, .grace_ns = grace_ns });
}

static void acknowledged(struct executor_node *n)
{
    feed(n, &(struct pod_event){ .type = POD_EV_ALL_ACKNOWLEDGED });
}

static void shutdown_now(struct executor_node *n, bool lost)
{
    feed(n, &(struct pod_event){ .type = POD_EV_SHUTDOWN, .lost = lost });
}

static void connection(struct executor_node *n, bool connected)
{
    struct own *o = n->own;

    for (size_t i = 0; i < o->count; i++)
        o->tasks[i].waited_for = false;
    feed(n, &(struct pod_event){ .type = POD_EV_CONNECTION, .connected = connected });
}

static void tick(struct executor_node *n)
{
    feed(n, &(struct pod_event){ .type = POD_EV_TICK });
}

static void died(struct executor_node *n)
{
    struct own *o = n->own;

    for (size_t i = 0; i < o->count; i++)
        task_process_free(o->tasks[i].process);
    pod_done(&o->core);
    free(o);
}

const struct executor_kind executor_pod = { make, launch, kill_task, acknowledged, shutdown_now, connection, tick, died };
