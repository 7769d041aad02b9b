/* SPDX-License-Identifier: Apache-2.0 */
/* How executors and frameworks are brought to their end, and tasks handed to those that live. */
#include "agent/core/internal.h"

#include <stdlib.h>

#include "common/base/alloc.h"

static void send_exited(struct agent *a, struct str framework_id, struct str executor_id, int status)
{
    struct agent_action *act = agent_do(a, AGENT_DO_SEND_EXITED);

    act->framework_id = framework_id;
    act->executor_id = executor_id;
    act->status = status;
    act->to = str_of(a->master);
}

void agent_do_exited(struct agent *a, const struct agent_framework *f, struct str executor_id, int status)
{
    if (a->state == AGENT_RUNNING && a->master != NULL) {
        send_exited(a, str_of(f->id), executor_id, status);
        return;
    }
    if (a->state != AGENT_DISCONNECTED)
        return; /* what is over before the first report is not in it */
    struct agent_exit *x = xcalloc(1, sizeof *x);
    x->framework_id = xstrdup(f->id);
    x->executor_id = xstrndup(executor_id);
    x->status = status;
    LL_APPEND(a->exits, x);
}

static void exit_free(struct agent_exit *x)
{
    free(x->framework_id);
    free(x->executor_id);
    free(x);
}

void agent_exits_send(struct agent *a)
{
    struct agent_exit *x, *next;

    LL_FOREACH_SAFE(a->exits, x, next) {
        send_exited(a, arena_str(&a->scratch, str_of(x->framework_id)), arena_str(&a->scratch, str_of(x->executor_id)), x->status);
        exit_free(x);
    }
    a->exits = NULL;
}

void agent_exits_free(struct agent *a)
{
    struct agent_exit *x, *next;

    LL_FOREACH_SAFE(a->exits, x, next)
        exit_free(x);
    a->exits = NULL;
}

void agent_executor_set_pending(struct agent_executor *e, enum task_state state, enum task_reason reason,
                                const char *message)
{
    if (e->pending_set)
        return;
    e->pending_set = true;
    e->pending_state = state;
    e->pending_reason = reason;
    e->pending_message = xstrdup(message);
}

void agent_executor_destroy(struct agent *a, struct agent_executor *e)
{
    e->register_by = e->destroy_at = e->kill_by = MONO_NEVER;
    if (e->state == EXECUTOR_REGISTERING || e->state == EXECUTOR_RUNNING)
        agent_executor_set_state(e, EXECUTOR_TERMINATING);
    if (e->state == EXECUTOR_TERMINATING)
        agent_do(a, AGENT_DO_DESTROY_CONTAINER)->executor = e;
}

void agent_executor_tell(struct agent *a, struct agent_executor *e, enum agent_action_type type, uint64_t stream)
{
    struct agent_action *act = agent_do(a, type);
    act->executor = e;
    act->stream = stream;
}

void agent_executor_shutdown(struct agent *a, struct agent_executor *e)
{
    if (e->state == EXECUTOR_TERMINATED)
        return;
    if (e->state == EXECUTOR_TERMINATING && e->register_by.ns == MONO_NEVER.ns)
        return; /* under way; one that was killed before it subscribed still has its register_by */
    if (e->state != EXECUTOR_TERMINATING)
        agent_executor_set_state(e, EXECUTOR_TERMINATING);
    e->register_by = MONO_NEVER;
    if (e->stream != 0)
        agent_executor_tell(a, e, AGENT_DO_EXECUTOR_SHUTDOWN, e->stream);
    int64_t grace = e->info->shutdown_grace_ns >= 0 ? e->info->shutdown_grace_ns : a->config.executor_shutdown_grace_ns;
    e->destroy_at = mono_add(a->now, grace);
}

void agent_framework_shutdown(struct agent *a, struct agent_framework *f)
{
    struct agent_executor *e, *next;

    if (f->state == AGENT_FRAMEWORK_TERMINATING)
        return;
    f->state = AGENT_FRAMEWORK_TERMINATING;
    agent_updates_forget_framework(a, str_of(f->id)); /* nobody waits for them */
    if (f->executors == NULL) {
        agent_framework_remove(a, f);
        return;
    }
    HASH_ITER(hh, f->executors, e, next) {
        if (e->state == EXECUTOR_TERMINATED)
            agent_executor_remove(a, e); /* the last one takes the framework along; f stays valid until the next step */
        else
            agent_executor_shutdown(a, e);
    }
}

/* --- delivery --- */

static const struct agent_task **group_members(struct agent *a, struct agent_executor *e, unsigned group,
                                               size_t *ret_count)
{
    size_t n = 0, i = 0;

    for (struct agent_task *t = e->order; t != NULL; t = t->next)
        n += t->place == AGENT_TASK_QUEUED && t->group == group;
    const struct agent_task **v = arena_array(&a->scratch, n, sizeof *v);
    ASSERT(v != NULL || n == 0);
    for (struct agent_task *t = e->order; t != NULL; t = t->next)
        if (t->place == AGENT_TASK_QUEUED && t->group == group) {
            t->place = AGENT_TASK_LAUNCHED;
            v[i++] = t;
        }
    *ret_count = n;
    return v;
}

void agent_deliver(struct agent *a, struct agent_executor *e)
{
    bool any = false;

    if (e->state != EXECUTOR_RUNNING || e->stream == 0 || !e->container_running)
        return;
    for (struct agent_task *t = e->order; t != NULL && !any; t = t->next)
        any = t->place == AGENT_TASK_QUEUED;
    if (!any)
        return;
    agent_do(a, AGENT_DO_UPDATE_CONTAINER)->executor = e;
    for (struct agent_task *t = e->order; t != NULL; t = t->next) {
        if (t->place != AGENT_TASK_QUEUED || t->group != 0)
            continue;
        t->place = AGENT_TASK_LAUNCHED;
        struct agent_action *act = agent_do(a, AGENT_DO_EXECUTOR_LAUNCH);
        act->executor = e;
        act->stream = e->stream;
        act->task = t;
    }
    for (struct agent_task *t = e->order; t != NULL; t = t->next) {
        if (t->place != AGENT_TASK_QUEUED)
            continue;
        size_t n;
        const struct agent_task **v = group_members(a, e, t->group, &n);
        struct agent_action *act = agent_do(a, AGENT_DO_EXECUTOR_LAUNCH_GROUP);
        act->executor = e;
        act->stream = e->stream;
        act->tasks = v;
        act->task_count = n;
    }
    e->ever_launched = true;
}
