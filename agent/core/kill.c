/* SPDX-License-Identifier: Apache-2.0 */
/* Killing tasks, one by one or all of them because the agent is to be drained. Source: reference of the scheduler API,
 * §13; of the executor API, §15.1. */
#include "agent/core/internal.h"

#include "common/base/alloc.h"

struct kill {
    struct str policy;  /* KillPolicy for the executor, or empty */
    int64_t grace_ns;   /* -1: the task's own. With an empty policy it is sent to the executor */
    struct str message; /* of a task that never reached its executor */
};

static bool is_aware(const struct agent_framework *f)
{
    return framework_info_can(f->info, FRAMEWORK_CAP_PARTITION_AWARE);
}

static bool has_undelivered_or_live(const struct agent_executor *e)
{
    for (const struct agent_task *t = e->order; t != NULL; t = t->next)
        if (t->place != AGENT_TASK_TERMINATED)
            return true;
    return false;
}

/* The task, or its whole group, never reached the executor. */
static void kill_queued(struct agent *a, struct agent_executor *e, struct agent_task *task, const struct kill *k)
{
    struct agent_task *t, *next;
    unsigned group = task->group;

    DL_FOREACH_SAFE(e->order, t, next) {
        bool hit = group != 0 ? t->group == group && t->place == AGENT_TASK_QUEUED : t == task;
        if (hit)
            agent_update_make(a, e->framework->info->id, is_aware(e->framework), e, task_id(str_of(t->id)),
                              TASK_KILLED, REASON_TASK_KILLED_DURING_LAUNCH, k->message, NULL);
    }
    /* An executor that never had a task and has none to come is of no use. One that still registers learns it then. */
    if (!e->ever_launched && !has_undelivered_or_live(e) && e->state == EXECUTOR_RUNNING)
        agent_executor_shutdown(a, e);
    else if (!e->ever_launched && !has_undelivered_or_live(e) && e->state == EXECUTOR_REGISTERING)
        agent_executor_set_state(e, EXECUTOR_TERMINATING);
}

/* Our own executors end a task within its grace period and a moment. One that does not was stopped by its task, or hangs. */
static void watch_kill(struct agent *a, struct agent_executor *e, struct agent_task *t, const struct kill *k)
{
    int64_t own = t->info->kill_grace_ns >= 0 ? t->info->kill_grace_ns : AGENT_KILL_GRACE_NS;
    int64_t grace = k->grace_ns >= 0 ? k->grace_ns : own;

    if (!e->generated && e->info->type != EXECUTOR_DEFAULT)
        return;
    if (grace > AGENT_KILL_GRACE_MAX_NS)
        return;
    t->kill_by = mono_min(t->kill_by, mono_add(a->now, grace + AGENT_KILL_MARGIN_NS));
    e->kill_by = mono_min(e->kill_by, t->kill_by);
}

/* Called when e->kill_by has come. */
void agent_kill_tick(struct agent *a, struct agent_executor *e)
{
    e->kill_by = MONO_NEVER;
    for (const struct agent_task *t = e->order; t != NULL; t = t->next) {
        if (t->place != AGENT_TASK_LAUNCHED)
            continue;
        if (mono_before(a->now, t->kill_by)) {
            e->kill_by = mono_min(e->kill_by, t->kill_by);
            continue;
        }
        agent_note(a, true, "executor %s did not end task %s within its grace period; destroying its container", e->id, t->id);
        agent_executor_set_pending(e, TASK_KILLED, REASON_EXECUTOR_TERMINATED,
                                   "The executor did not end the task within its grace period; its container was destroyed");
        agent_executor_destroy(a, e);
        return;
    }
}

static void kill_task(struct agent *a, struct agent_executor *e, struct agent_task *t, const struct kill *k)
{
    if (e->state == EXECUTOR_TERMINATING || e->state == EXECUTOR_TERMINATED || t->place == AGENT_TASK_TERMINATED)
        return;
    if (t->place == AGENT_TASK_QUEUED) {
        kill_queued(a, e, t, k);
        return;
    }
    if (e->stream == 0) {
        agent_note(a, true, "cannot kill task %s: its executor %s is not connected", t->id, e->id);
        return;
    }
    struct agent_action *act = agent_do(a, AGENT_DO_EXECUTOR_KILL);
    act->executor = e;
    act->stream = e->stream;
    act->task_id = str_of(t->id);
    act->text = k->policy;
    act->grace_ns = k->policy.n != 0 ? -1 : k->grace_ns;
    watch_kill(a, e, t, k);
}

void agent_on_kill(struct agent *a, const struct agent_event *ev)
{
    struct agent_framework *f = agent_framework_find(a, ev->u.kill.framework.s);

    if (f == NULL || f->state == AGENT_FRAMEWORK_TERMINATING) {
        agent_note(a, true, "ignoring the kill of task %.*s: its framework is not here", STR_ARG(ev->u.kill.task.s));
        return;
    }
    struct agent_executor *e = agent_executor_of_task(f, ev->u.kill.task.s);
    if (e == NULL) {
        agent_update_make(a, f->info->id, is_aware(f), NULL, ev->u.kill.task, TASK_DROPPED, REASON_EXECUTOR_TERMINATED,
                          STR("Cannot find executor"), NULL);
        return;
    }
    struct kill k = {
        .policy = arena_str(&a->scratch, ev->u.kill.kill_policy),
        .grace_ns = ev->u.kill.grace_ns,
        .message = STR("Killed before delivery to the executor"),
    };
    kill_task(a, e, agent_task_find(e, ev->u.kill.task.s), &k);
}

/* --- draining --- */

static int64_t drain_grace(const struct agent *a, const struct agent_task *t)
{
    if (a->drain_grace_ns < 0)
        return -1;
    int64_t own = t->info->kill_grace_ns >= 0 ? t->info->kill_grace_ns : AGENT_KILL_GRACE_NS;
    return own < a->drain_grace_ns ? own : a->drain_grace_ns;
}

void agent_drain_start(struct agent *a)
{
    struct agent_framework *f, *fnext;
    struct agent_executor *e, *enext;
    struct agent_task *t, *tnext;

    HASH_ITER(hh, a->frameworks, f, fnext) {
        if (f->state == AGENT_FRAMEWORK_TERMINATING)
            continue;
        HASH_ITER(hh, f->executors, e, enext)
            DL_FOREACH_SAFE(e->order, t, tnext) {
                struct kill k = { .grace_ns = drain_grace(a, t),
                                  .message = STR("Killed because the agent is draining") };
                kill_task(a, e, t, &k);
            }
    }
}

void agent_on_drain(struct agent *a, const struct agent_event *ev)
{
    if (a->state == AGENT_RECOVERING || a->state == AGENT_TERMINATING)
        return;
    blob_unref(a->drain_config);
    a->drain_config = blob_new(ev->u.drain.config);
    a->draining = true;
    a->drain_mark_gone = ev->u.drain.mark_gone;
    a->drain_grace_ns = ev->u.drain.max_grace_ns;
    a->drain_start = a->wall;
    agent_do(a, AGENT_DO_STORE_DRAIN);
    agent_note(a, false, "draining");
    agent_drain_start(a);
    agent_drain_check(a);
}
