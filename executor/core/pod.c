/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/core/pod.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

enum { ACK_WAIT_S = 60, RETRY_S = 1 };

void pod_init(struct pod *p)
{
    *p = (struct pod){ .connected = true, .ack_at = MONO_NEVER, .wake_at = MONO_NEVER };
}

void pod_done(struct pod *p)
{
    for (size_t i = 0; i < p->task_count; i++)
        free(p->tasks[i].task_id);
    free(p->tasks);
    free(p->actions);
}

struct pod_task *pod_find(struct pod *p, struct str task_id)
{
    for (size_t i = p->task_count; i > 0; i--) {
        if (str_is(task_id, p->tasks[i - 1].task_id))
            return &p->tasks[i - 1];
    }
    return NULL;
}

static struct pod_action *add(struct pod *p, enum pod_action_type type, unsigned index)
{
    ARRAY_ROOM(p->actions, p->action_count, p->action_cap);
    struct pod_action *a = &p->actions[p->action_count++];
    *a = (struct pod_action){ .type = type, .index = index, .reason = REASON_NONE, .healthy = -1 };
    return a;
}

static struct pod_action *update(struct pod *p, const struct pod_task *t, int state)
{
    struct pod_action *a = add(p, POD_DO_UPDATE, t->index);
    a->state = state;
    return a;
}

static size_t live(const struct pod *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->task_count; i++)
        n += p->tasks[i].state != POD_ENDED;
    return n;
}

static void exit_now(struct pod *p, int status)
{
    if (p->gone)
        return;
    p->gone = true;
    p->ack_at = MONO_NEVER;
    add(p, POD_DO_EXIT, 0)->status = status;
}

/* --- launching ---------------------------------------------------------------------------------------- */

static void launch(struct pod *p, const struct pod_event *ev, struct mono now, struct rng *rng)
{
    p->killing_state = ev->killing_state;
    p->had_tasks = true;
    unsigned group = p->groups++;
    for (size_t i = 0; i < ev->count && p->task_count < POD_TASKS_MAX; i++) {
        const struct pod_new_task *n = &ev->tasks[i];
        ARRAY_ROOM(p->tasks, p->task_count, p->task_cap);
        struct pod_task *t = &p->tasks[p->task_count];
        *t = (struct pod_task){
            .task_id = xstrndup(n->task_id),
            .group = group,
            .index = (unsigned)p->task_count++,
            .kill_grace_ns = n->kill_grace_ns != GRACE_NONE ? n->kill_grace_ns : GRACE_DEFAULT_NS,
            .max_completion_ns = n->max_completion_ns,
            .kill_at = MONO_NEVER,
            .complete_at = MONO_NEVER,
            .retry_at = MONO_NEVER,
        };
        struct uuid u = uuid_make(rng);
        uuid_text(&u, t->container);
        if (!p->connected || p->shutting_down) {
            t->state = POD_ENDED;
            (void)add(p, POD_DO_DROP, t->index);
            continue;
        }
        (void)update(p, t, STATE_STARTING);
        (void)add(p, POD_DO_LAUNCH, t->index);
    }
    (void)now;
}

/* --- killing ------------------------------------------------------------------------------------------ */

static void send_signal(struct pod *p, struct pod_task *t, int signo)
{
    t->signo = signo;
    if (t->launched)
        add(p, POD_DO_SIGNAL, t->index)->signo = signo;
}

static void kill_task(struct pod *p, struct pod_task *t, int64_t grace_ns, bool say, struct mono now)
{
    if (t->state != POD_LAUNCHING && t->state != POD_RUNNING)
        return;
    t->state = POD_KILLING;
    t->complete_at = MONO_NEVER;
    t->kill_began = now;
    t->kill_at = mono_add(now, grace_ns);
    (void)add(p, POD_DO_STOP_CHECKS, t->index);
    if (say && p->killing_state)
        update(p, t, STATE_KILLING)->healthy = t->killed_by_health ? 0 : -1;
    send_signal(p, t, SIGTERM);
}

static void kill_all(struct pod *p, struct mono now)
{
    for (size_t i = 0; i < p->task_count; i++) {
        struct pod_task *t = &p->tasks[i];
        if (t->state == POD_LAUNCHING || t->state == POD_RUNNING) {
            t->killed = true;
            kill_task(p, t, t->kill_grace_ns, true, now);
        }
    }
}

static void maybe_leave(struct pod *p, struct mono now)
{
    if (p->gone || live(p) > 0 || (!p->had_tasks && !p->shutting_down))
        return;
    if (p->lost || !p->had_tasks)
        exit_now(p, p->lost ? 1 : 0);
    else
        p->ack_at = p->connected ? mono_add(now, ACK_WAIT_S * NS_PER_S) : MONO_NEVER;
}

static void end_task(struct pod *p, struct pod_task *t, int state, int reason, const char *message, struct mono now)
{
    t->state = POD_ENDED;
    t->kill_at = t->complete_at = t->retry_at = MONO_NEVER;
    (void)add(p, POD_DO_STOP_CHECKS, t->index);
    struct pod_action *u = update(p, t, state);
    u->reason = reason;
    if (t->killed_by_health)
        u->healthy = 0;
    (void)snprintf(u->message, sizeof u->message, "%s", message != NULL ? message : "");
    for (size_t i = 0; state != STATE_FINISHED && i < p->task_count; i++) {
        struct pod_task *other = &p->tasks[i];
        if (other->group == t->group && (other->state == POD_LAUNCHING || other->state == POD_RUNNING)) {
            other->killed = true;
            kill_task(p, other, other->kill_grace_ns, true, now);
        }
    }
    maybe_leave(p, now);
}

/* --- events ------------------------------------------------------------------------------------------- */

static void launched(struct pod *p, struct pod_task *t, const char *failure, struct mono now)
{
    if (t->launched || t->state == POD_ENDED)
        return;
    if (failure != NULL) {
        end_task(p, t, t->killed ? STATE_KILLED : STATE_FAILED, REASON_NONE, failure, now);
        return;
    }
    t->launched = true;
    (void)add(p, POD_DO_WAIT, t->index);
    if (t->state == POD_KILLING) {
        send_signal(p, t, t->signo != 0 ? t->signo : SIGTERM);
        return;
    }
    t->state = POD_RUNNING;
    if (t->max_completion_ns != GRACE_NONE)
        t->complete_at = mono_add(now, t->max_completion_ns);
    (void)update(p, t, STATE_RUNNING);
    (void)add(p, POD_DO_START_CHECKS, t->index);
}

static void ended(struct pod *p, struct pod_task *t, const struct pod_event *ev, struct mono now)
{
    char text[128];
    if (t->state == POD_ENDED)
        return;
    int state, reason = ev->reason;
    const char *message = ev->message;
    if (t->completion_reached) {
        state = STATE_FAILED;
        reason = REASON_MAX_COMPLETION_TIME_REACHED;
    } else if (t->killed) {
        state = STATE_KILLED;
    } else if (!ev->gone && WIFEXITED(ev->status) && WEXITSTATUS(ev->status) == 0) {
        state = STATE_FINISHED;
    } else {
        state = STATE_FAILED;
    }
    if (ev->state >= 0 && !t->completion_reached)
        state = ev->state;
    if (message == NULL && !ev->gone) {
        command_exit_text(ev->status, text, sizeof text);
        message = text;
    }
    end_task(p, t, state, reason, message, now);
}

static void tick_task(struct pod *p, struct pod_task *t, struct mono now)
{
    if (!mono_before(now, t->complete_at)) {
        t->completion_reached = true;
        kill_task(p, t, t->kill_grace_ns, false, now);
    }
    if (t->state != POD_KILLING)
        return;
    if (!mono_before(now, t->kill_at)) {
        t->kill_at = MONO_NEVER;
        send_signal(p, t, SIGKILL);
    } else if (!mono_before(now, t->retry_at)) {
        send_signal(p, t, t->signo);
    }
    if (!mono_before(now, t->retry_at))
        t->retry_at = MONO_NEVER;
}

static void connection(struct pod *p, bool connected, struct mono now)
{
    p->connected = connected;
    (void)add(p, connected ? POD_DO_RESUME_CHECKS : POD_DO_PAUSE_CHECKS, 0);
    for (size_t i = 0; connected && i < p->task_count; i++) {
        struct pod_task *t = &p->tasks[i];
        if (t->state == POD_ENDED)
            continue;
        (void)add(p, t->launched ? POD_DO_WAIT : POD_DO_LAUNCH, t->index);
        if (t->state == POD_KILLING && t->launched)
            send_signal(p, t, t->signo);
    }
    maybe_leave(p, now);
}

static void shutdown(struct pod *p, bool lost, struct mono now)
{
    p->shutting_down = true;
    p->lost = p->lost || lost;
    kill_all(p, now);
    if (lost)
        exit_now(p, 1); /* only the agent could end the containers, and it will */
    else
        maybe_leave(p, now);
}

static void health(struct pod *p, struct pod_task *t, const struct pod_event *ev, struct mono now)
{
    if (t->state != POD_RUNNING)
        return;
    struct pod_action *u = update(p, t, STATE_RUNNING);
    u->reason = REASON_TASK_HEALTH_CHECK_STATUS_UPDATED;
    u->healthy = ev->healthy;
    if (ev->kill) {
        t->killed = t->killed_by_health = true;
        kill_task(p, t, t->kill_grace_ns, true, now);
    }
}

static void tick(struct pod *p, struct mono now)
{
    for (size_t i = 0; i < p->task_count; i++)
        tick_task(p, &p->tasks[i], now);
    if (!mono_before(now, p->ack_at))
        exit_now(p, 1);
}

static void compute_wake(struct pod *p)
{
    p->wake_at = p->ack_at;
    for (size_t i = 0; i < p->task_count; i++) {
        const struct pod_task *t = &p->tasks[i];
        p->wake_at = mono_min(p->wake_at, mono_min(t->kill_at, mono_min(t->complete_at, t->retry_at)));
    }
}

static struct pod_task *task_at(struct pod *p, unsigned index)
{
    ASSERT(index < p->task_count);
    return &p->tasks[index];
}

void pod_step(struct pod *p, const struct pod_event *ev, struct mono now, struct rng *rng)
{
    p->action_count = 0;
    switch (ev->type) {
    case POD_EV_LAUNCH:
        launch(p, ev, now, rng);
        break;
    case POD_EV_LAUNCHED:
        launched(p, task_at(p, ev->index), ev->message, now);
        break;
    case POD_EV_ENDED:
        ended(p, task_at(p, ev->index), ev, now);
        break;
    case POD_EV_KILL_FAILED:
        if (task_at(p, ev->index)->state == POD_KILLING)
            task_at(p, ev->index)->retry_at = mono_add(now, RETRY_S * NS_PER_S);
        break;
    case POD_EV_KILL: {
        struct pod_task *t = pod_find(p, ev->task_id);
        if (t != NULL && (t->state == POD_LAUNCHING || t->state == POD_RUNNING)) {
            t->killed = true;
            kill_task(p, t, ev->grace_ns != GRACE_NONE ? ev->grace_ns : t->kill_grace_ns, true, now);
        }
        break;
    }
    case POD_EV_SHUTDOWN:
        shutdown(p, ev->lost, now);
        break;
    case POD_EV_HEALTH:
        health(p, task_at(p, ev->index), ev, now);
        break;
    case POD_EV_CHECKED:
        if (task_at(p, ev->index)->state == POD_RUNNING)
            update(p, task_at(p, ev->index), STATE_RUNNING)->reason = REASON_TASK_CHECK_STATUS_UPDATED;
        break;
    case POD_EV_CONNECTION:
        connection(p, ev->connected, now);
        break;
    case POD_EV_ALL_ACKNOWLEDGED:
        if (live(p) == 0 && (p->had_tasks || p->shutting_down))
            exit_now(p, 0);
        break;
    case POD_EV_TICK:
        tick(p, now);
        break;
    }
    compute_wake(p);
}
