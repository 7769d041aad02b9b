/* SPDX-License-Identifier: Apache-2.0 */
/* Executors: subscription, their calls, their end.
 *
 *     REGISTERING --SUBSCRIBE--> RUNNING --shutdown--> TERMINATING --container gone--> TERMINATED --last update
 *     acknowledged--> removed.     The container may go at any time.
 *
 * Source: reference, §4, §11; golden sequences. */
#include "agent/core/internal.h"

#include <stdlib.h>

#include "common/base/alloc.h"

static struct agent_executor *executor_of(const struct agent *a, struct framework_id fid, struct executor_id eid)
{
    struct agent_framework *f = agent_framework_find(a, fid.s);

    return f != NULL ? agent_executor_find(f, eid.s) : NULL;
}

static bool is_aware(const struct agent_framework *f)
{
    return framework_info_can(f->info, FRAMEWORK_CAP_PARTITION_AWARE);
}

/* --- subscribe --- */

static bool in_list(const struct agent_event *ev, struct str task_id)
{
    for (size_t i = 0; i < ev->u.subscribe.unacknowledged_task_count; i++)
        if (str_eq(ev->u.subscribe.unacknowledged_tasks[i].s, task_id))
            return true;
    return false;
}

/* Handed to the executor (or meant to be) before this agent restarted, or into a connection that it had given up, but it never
 * arrived. True: there was such a task. */
static bool drop_lost_launches(struct agent *a, struct agent_executor *e, const struct agent_event *ev)
{
    struct agent_task *t, *next;
    bool any = false;

    DL_FOREACH_SAFE(e->order, t, next)
        if (t->place == AGENT_TASK_LAUNCHED && t->state == TASK_STAGING && !in_list(ev, str_of(t->id))) {
            any = true;
            agent_update_make(a, e->framework->info->id, is_aware(e->framework), e, task_id(str_of(t->id)),
                              TASK_DROPPED, REASON_AGENT_RESTARTED,
                              STR("Task launched during agent restart"), NULL);
        }
    return any;
}

static bool has_live_task(const struct agent_executor *e)
{
    const struct agent_task *t;

    DL_FOREACH(e->order, t)
        if (!task_state_is_terminal(t->state))
            return true;
    return false;
}

/* The executors that the agent brings along leave when their tasks are over; one whose tasks were all dropped has none to wait for,
 * and would stay for ever. What a framework brings may wait for more. */
static bool is_ours(const struct agent_executor *e)
{
    return e->generated || e->info->type == EXECUTOR_DEFAULT;
}

static void reject(struct agent *a, struct agent_executor *e, uint64_t stream)
{
    agent_executor_tell(a, e, AGENT_DO_EXECUTOR_SHUTDOWN, stream);
    agent_executor_tell(a, e, AGENT_DO_EXECUTOR_CLOSE, stream);
    if (e->state == EXECUTOR_TERMINATING) /* killed before it came: from now on it has its grace period */
        agent_executor_shutdown(a, e);
}

static void take_update(struct agent *a, struct agent_executor *e, struct task_status *status);

/* A v0 executor registers once, and again only when it is asked to after a restart of the agent. */
static bool register_refused(const struct agent *a, const struct agent_executor *e, const struct agent_event *ev)
{
    if (ev->u.subscribe.pid.n == 0 || ev->u.subscribe.again)
        return false;
    return a->state == AGENT_RECOVERING || e->state != EXECUTOR_REGISTERING;
}

/* How it is reached is stored, so that a restarted agent finds it. */
static void store_kind(struct agent *a, struct agent_executor *e, struct str pid)
{
    if (pid.n == 0) {
        if (!e->http && e->checkpoint)
            agent_do(a, AGENT_DO_STORE_HTTP_MARKER)->executor = e;
        e->http = true;
        return;
    }
    bool known = e->pid != NULL && str_is(pid, e->pid);
    if (!known) {
        free(e->pid);
        e->pid = xstrndup(pid);
    }
    if (!known && e->checkpoint)
        agent_do(a, AGENT_DO_STORE_EXECUTOR_PID)->executor = e;
}

void agent_on_subscribe(struct agent *a, const struct agent_event *ev)
{
    uint64_t stream = ev->u.subscribe.stream;
    struct agent_executor *e = executor_of(a, ev->u.subscribe.framework, ev->u.subscribe.executor);

    ASSERT(stream != 0);
    if (e == NULL) {
        agent_do(a, AGENT_DO_EXECUTOR_CLOSE)->stream = stream;
        return;
    }
    if (a->state == AGENT_TERMINATING || e->framework->state == AGENT_FRAMEWORK_TERMINATING ||
        e->state == EXECUTOR_TERMINATING || e->state == EXECUTOR_TERMINATED || register_refused(a, e, ev)) {
        reject(a, e, stream);
        return;
    }
    if (e->stream != 0)
        agent_executor_tell(a, e, AGENT_DO_EXECUTOR_CLOSE, e->stream);
    e->stream = stream;
    e->register_by = MONO_NEVER;
    agent_executor_set_state(e, EXECUTOR_RUNNING);
    store_kind(a, e, ev->u.subscribe.pid);
    agent_executor_tell(a, e, AGENT_DO_EXECUTOR_SUBSCRIBED, stream);
    a->actions[a->action_count - 1].again = ev->u.subscribe.again;
    for (size_t i = 0; i < ev->u.subscribe.update_count; i++)
        take_update(a, e, ev->u.subscribe.updates[i]);
    bool dropped = drop_lost_launches(a, e, ev);
    if (e->tasks == NULL && !e->ever_launched && !e->recovered)
        agent_executor_shutdown(a, e);
    else if (is_ours(e) && (e->recovered || dropped) && !has_live_task(e))
        agent_executor_shutdown(a, e);
    else
        agent_deliver(a, e);
    e->recovered = false;
    agent_recovery_check(a);
}

void agent_on_disconnected(struct agent *a, const struct agent_event *ev)
{
    struct agent_executor *e = executor_of(a, ev->u.disconnected.framework, ev->u.disconnected.executor);

    if (e != NULL && e->stream == ev->u.disconnected.stream)
        e->stream = 0;
}

/* --- calls --- */

/* The container's totals follow its tasks; nothing to do when it is on its way out. */
static void resize(struct agent *a, struct agent_executor *e)
{
    if (e->container_running && e->state == EXECUTOR_RUNNING)
        agent_do(a, AGENT_DO_UPDATE_CONTAINER)->executor = e;
}

static void ack(struct agent *a, struct agent_executor *e, const struct task_status *status)
{
    if (e->stream == 0)
        return;
    struct str id = arena_str(&a->scratch, status->task.s);
    struct agent_action *act = agent_do(a, AGENT_DO_EXECUTOR_ACK);
    act->executor = e;
    act->stream = e->stream;
    act->task_id = id;
    act->uuid = status->uuid;
}

/* Its end was acknowledged: what says that it lives comes late, repeated on another connection. */
static bool is_over(const struct agent_executor *e, const struct task_status *s)
{
    if (task_state_is_terminal(s->state) || agent_task_find(e, s->task.s) != NULL)
        return false;
    for (const struct agent_task *t = e->completed; t != NULL; t = t->next)
        if (str_is(s->task.s, t->id))
            return true;
    return false;
}

static void take_update(struct agent *a, struct agent_executor *e, struct task_status *status)
{
    struct agent_framework *f = e->framework;
    struct agent_task *t = agent_task_find(e, status->task.s);
    struct task_status *changed = NULL;

    if (f->state == AGENT_FRAMEWORK_TERMINATING || is_over(e, status)) {
        a->counters.invalid_updates++;
        ack(a, e, status); /* nobody waits for it, but the executor would */
        return;
    }
    a->counters.valid_updates++;
    if (a->draining && (status->state == TASK_KILLING || status->state == TASK_KILLED))
        changed = a->codec.status_drained(status, a->drain_mark_gone && status->state == TASK_KILLED && is_aware(f));
    struct task_status *s = changed != NULL ? changed : status;
    if (t != NULL && t->place == AGENT_TASK_TERMINATED && task_state_is_terminal(s->state) &&
        t->status_count != 0 && !uuid_eq(&t->statuses[t->status_count - 1]->uuid, &s->uuid)) {
        agent_note(a, true, "ignoring %s of task %s, which has ended as %s", task_state_name(s->state), t->id,
                   task_state_name(t->state));
        ack(a, e, s);
    } else {
        bool ended = t != NULL && task_state_is_terminal(s->state) && t->place != AGENT_TASK_TERMINATED;
        if (t != NULL)
            agent_task_set_state(a, t, s);
        if (ended)
            resize(a, e);
        agent_update_take(a, f->info->id, e, s, true);
    }
    task_status_unref(changed);
}

void agent_on_executor_update(struct agent *a, const struct agent_event *ev)
{
    struct agent_executor *e = executor_of(a, ev->u.update.framework, ev->u.update.executor);

    if (e == NULL)
        a->counters.invalid_updates++;
    else
        take_update(a, e, ev->u.update.status);
}

void agent_on_executor_message(struct agent *a, const struct agent_event *ev)
{
    struct agent_executor *e = executor_of(a, ev->u.message.framework, ev->u.message.executor);

    if (e == NULL || a->state != AGENT_RUNNING || e->framework->state == AGENT_FRAMEWORK_TERMINATING) {
        a->counters.invalid_messages++;
        return;
    }
    struct str data = arena_str(&a->scratch, ev->u.message.data);
    struct agent_action *act = agent_do(a, AGENT_DO_SEND_MESSAGE);
    act->framework = e->framework;
    act->executor = e;
    act->executor_id = str_of(e->id);
    act->text = data;
    act->to = str_of(e->framework->pid != NULL ? e->framework->pid : a->master);
    a->counters.valid_messages++;
}

void agent_on_framework_message(struct agent *a, const struct agent_event *ev)
{
    struct agent_executor *e = executor_of(a, ev->u.message.framework, ev->u.message.executor);

    if (e == NULL || e->state != EXECUTOR_RUNNING || e->stream == 0) {
        a->counters.invalid_messages++;
        agent_note(a, true, "dropping a message for executor %.*s, which is not connected",
                   STR_ARG(ev->u.message.executor.s));
        return;
    }
    struct str data = arena_str(&a->scratch, ev->u.message.data);
    struct agent_action *act = agent_do(a, AGENT_DO_EXECUTOR_MESSAGE);
    act->executor = e;
    act->stream = e->stream;
    act->text = data;
    a->counters.valid_messages++;
}

/* --- the container --- */

struct ending {
    enum task_state state;
    enum task_reason reason;
    struct str message;
    const struct resources *limitation;
    int status; /* wait status or -1 */
};

static void end_tasks(struct agent *a, struct agent_executor *e, const struct ending *end)
{
    struct agent_task *t, *next;

    DL_FOREACH_SAFE(e->order, t, next)
        if (t->place != AGENT_TASK_TERMINATED)
            agent_update_make(a, e->framework->info->id, is_aware(e->framework), e, task_id(str_of(t->id)),
                              end->state, end->reason, end->message, end->limitation);
}

static void executor_ended(struct agent *a, struct agent_executor *e, const struct ending *end)
{
    struct agent_framework *f = e->framework;

    e->container_live = e->container_running = false;
    e->register_by = e->destroy_at = e->kill_by = MONO_NEVER;
    if (e->state == EXECUTOR_TERMINATED)
        return;
    agent_executor_set_state(e, EXECUTOR_TERMINATED);
    a->counters.executors_terminated++;
    if (e->stream != 0)
        agent_executor_tell(a, e, AGENT_DO_EXECUTOR_CLOSE, e->stream);
    e->stream = 0;
    if (f->state == AGENT_FRAMEWORK_TERMINATING) {
        agent_executor_remove(a, e);
    } else {
        if (!e->generated)
            agent_do_exited(a, f, str_of(e->id), end->status);
        end_tasks(a, e, end);
        if (e->tasks == NULL)
            agent_executor_remove(a, e);
    }
    agent_recovery_check(a);
}

void agent_on_launched(struct agent *a, const struct agent_event *ev)
{
    struct agent_executor *e = agent_executor_by_container(a, ev->u.launched.container.s);

    if (e == NULL || !e->container_live)
        return;
    if (!ev->u.launched.failed) {
        e->container_running = true;
        if (e->state == EXECUTOR_REGISTERING && a->config.pull_timeout_ns != 0)
            e->register_by = mono_min(e->register_by, mono_add(a->now, a->config.executor_registration_timeout_ns));
        agent_deliver(a, e);
        return;
    }
    a->counters.launch_errors++;
    struct ending end = {
        .state = ev->u.launched.sandbox_failed ? TASK_DROPPED : TASK_FAILED,
        .reason = ev->u.launched.sandbox_failed ? REASON_EXECUTOR_TERMINATED : REASON_CONTAINER_LAUNCH_FAILED,
        .status = -1,
    };
    if (e->pending_set) { /* destroyed while it was launched */
        end.state = e->pending_state;
        end.reason = e->pending_reason;
        end.message = str_of(e->pending_message);
    } else {
        end.message = agent_text(a, "%s%.*s", ev->u.launched.sandbox_failed ? "" : "Failed to launch container: ",
                                 STR_ARG(ev->u.launched.message));
    }
    executor_ended(a, e, &end);
}

void agent_on_exited(struct agent *a, const struct agent_event *ev)
{
    struct agent_executor *e = agent_executor_by_container(a, ev->u.exited.container.s);
    struct str message = ev->u.exited.message;

    if (e == NULL)
        return;
    struct ending end = {
        .state = TASK_FAILED,
        .reason = REASON_EXECUTOR_TERMINATED,
        .status = ev->u.exited.status_known ? ev->u.exited.status : -1,
        .limitation = ev->u.exited.limitation,
    };
    if (ev->u.exited.reason != REASON_NONE) {
        end.reason = ev->u.exited.reason;
    } else if (e->pending_set) {
        end.state = e->pending_state;
        end.reason = e->pending_reason;
    }
    if (message.n != 0 && e->pending_set)
        end.message = agent_text(a, "%s; %.*s", e->pending_message, STR_ARG(message));
    else if (message.n != 0)
        end.message = arena_str(&a->scratch, message);
    else
        end.message = str_of(e->pending_set ? e->pending_message : "Executor terminated");
    executor_ended(a, e, &end);
}

void agent_on_update_failed(struct agent *a, const struct agent_event *ev)
{
    struct agent_executor *e = agent_executor_by_container(a, ev->u.update_failed.container.s);

    if (e == NULL || e->state == EXECUTOR_TERMINATED)
        return;
    struct str text = agent_text(a, "Failed to update resources for container: %.*s",
                                 STR_ARG(ev->u.update_failed.message));
    agent_executor_set_pending(e, TASK_GONE, REASON_CONTAINER_UPDATE_FAILED, text.p);
    agent_executor_destroy(a, e);
}

static bool holds_revocable(const struct agent_executor *e)
{
    struct resources all = RESOURCES_INIT;
    int64_t cpus_limit, mem_limit;

    agent_executor_totals(e, &all, &cpus_limit, &mem_limit);
    bool holds = resources_have_revocable(&all);
    resources_done(&all);
    return holds;
}

void agent_on_preempt(struct agent *a, const struct agent_event *ev)
{
    struct str text = agent_text(a, "Container preempted by QoS correction: %.*s", STR_ARG(ev->u.preempt.message));

    for (struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next) {
            if ((e->state != EXECUTOR_REGISTERING && e->state != EXECUTOR_RUNNING) || !holds_revocable(e))
                continue;
            agent_note(a, true, "executor %s is preempted: %.*s", e->id, STR_ARG(ev->u.preempt.message));
            a->counters.executors_preempted++;
            agent_executor_set_pending(e, TASK_GONE, REASON_CONTAINER_PREEMPTED, text.p);
            agent_executor_destroy(a, e);
        }
}

/* --- time --- */

static void executor_tick(struct agent *a, struct agent_executor *e)
{
    if (!mono_before(a->now, e->register_by)) {
        agent_note(a, true, "executor %s did not subscribe in time; destroying its container", e->id);
        agent_executor_set_pending(e, TASK_FAILED, REASON_EXECUTOR_REGISTRATION_TIMEOUT,
                                   agent_within(a, "register", a->config.executor_registration_timeout_ns).p);
        agent_executor_destroy(a, e);
    } else if (!mono_before(a->now, e->destroy_at)) {
        agent_note(a, true, "executor %s did not end within its grace period; destroying its container", e->id);
        agent_executor_destroy(a, e);
    } else if (!mono_before(a->now, e->kill_by)) {
        agent_kill_tick(a, e);
    }
}

void agent_executors_tick(struct agent *a)
{
    for (struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            executor_tick(a, e);
}

struct mono agent_executors_wake_at(const struct agent *a)
{
    struct mono at = MONO_NEVER;

    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            at = mono_min(at, mono_min(e->kill_by, mono_min(e->register_by, e->destroy_at)));
    return at;
}
