/* SPDX-License-Identifier: Apache-2.0 */
/* What was on the disk becomes frameworks, executors, tasks and their updates. Live executors get
 * executor_reregistration_timeout to come back by themselves; those that do not are destroyed. Then the agent looks for
 * a master. Containers that are gone are reported by the containerizer as exited, like any other end.
 * Source: reference, §14. */
#include "agent/core/internal.h"

#include "common/base/alloc.h"

static void recover_task(struct agent *a, struct agent_executor *e, const struct agent_recovered_task *r)
{
    if (agent_task_find(e, r->info->id.s) != NULL)
        return;
    struct agent_task *t = agent_task_add(a, e, r->info);
    t->place = AGENT_TASK_LAUNCHED; /* whether it arrived, its executor tells when it subscribes */
    agent_updates_recover(a, e, t, r);
    e->ever_launched = true;
}

static void recover_executor(struct agent *a, struct agent_framework *f, const struct agent_recovered_executor *r)
{
    if (agent_executor_find(f, r->info->id.s) != NULL)
        return;
    struct agent_executor *e = agent_executor_add(a, f, r->info, r->generated, r->container_id);
    e->http = r->http;
    for (size_t i = 0; i < r->task_count; i++)
        recover_task(a, e, &r->tasks[i]);
    if (r->completed) {
        agent_executor_set_state(e, EXECUTOR_TERMINATED);
        return;
    }
    e->container_live = true;
    e->container_running = r->forked_pid != 0;
    e->recovered = true;
    if (r->pid.n != 0 && !r->http) {
        e->pid = xstrndup(r->pid);
        struct agent_action *act = agent_do(a, AGENT_DO_EXECUTOR_RECONNECT);
        act->executor = e;
        act->to = str_of(e->pid);
    } else if (!r->http) {
        /* It never subscribed, so nothing was ever handed to it. */
        agent_executor_set_pending(e, TASK_GONE, REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
                                   "Executor never registered with the agent before it restarted");
        agent_executor_destroy(a, e);
    }
}

static void recover_framework(struct agent *a, const struct agent_recovered_framework *r)
{
    if (agent_framework_find(a, r->info->id.s) != NULL)
        return;
    struct agent_framework *f = agent_framework_add(a, r->info, r->pid);
    for (size_t i = 0; i < r->executor_count; i++)
        recover_executor(a, f, &r->executors[i]);
    if (f->executors == NULL) {
        agent_framework_remove(a, f);
        return;
    }
    struct agent_executor *e, *next;
    HASH_ITER(hh, f->executors, e, next) /* the last one takes the framework along */
        if (e->state == EXECUTOR_TERMINATED)
            agent_executor_remove(a, e); /* writes the sentinel again, which is harmless, and schedules gc */
}

static bool someone_is_missing(const struct agent *a)
{
    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            if (e->recovered && e->state == EXECUTOR_REGISTERING)
                return true;
    return false;
}

static void destroy_missing(struct agent *a)
{
    struct agent_framework *f, *fnext;
    struct agent_executor *e, *enext;

    HASH_ITER(hh, a->frameworks, f, fnext)
        HASH_ITER(hh, f->executors, e, enext)
            if (e->recovered && e->state == EXECUTOR_REGISTERING) {
                agent_note(a, true, "executor %s did not come back in time; destroying its container", e->id);
                agent_executor_set_pending(e, TASK_GONE, REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
                                           agent_within(a, "reregister", a->config.executor_reregistration_timeout_ns).p);
                agent_executor_destroy(a, e);
            }
}

static void recovery_end(struct agent *a)
{
    struct agent_framework *f, *next;

    a->recover_by = MONO_NEVER;
    a->recovery_done = true;
    if (a->cleanup) {
        agent_set_state(a, AGENT_TERMINATING);
        HASH_ITER(hh, a->frameworks, f, next)
            agent_framework_shutdown(a, f);
        agent_exit_if_done(a);
        return;
    }
    agent_set_state(a, AGENT_DISCONNECTED);
    agent_do(a, AGENT_DO_STORE_BOOT_ID);
    if (a->draining)
        agent_drain_start(a);
    agent_drain_check(a);
    agent_start_registration(a);
}

void agent_recovery_check(struct agent *a)
{
    if (a->state != AGENT_RECOVERING || a->recover_by.ns == MONO_NEVER.ns)
        return;
    if (someone_is_missing(a) && mono_before(a->now, a->recover_by))
        return;
    a->recover_by = MONO_NEVER; /* destroying may end executors, which asks again */
    destroy_missing(a);
    recovery_end(a);
}

void agent_on_recovered(struct agent *a, const struct agent_event *ev)
{
    ASSERT(a->state == AGENT_RECOVERING);
    if (ev->u.recovered.agent.s.n != 0)
        a->id = xstrndup(ev->u.recovered.agent.s);
    a->id_stored = a->id != NULL;
    a->cleanup = ev->u.recovered.cleanup;
    a->counters.recovery_errors = ev->u.recovered.errors;
    a->declared = resources_copy(ev->u.recovered.total);
    a->total = resources_copy(ev->u.recovered.total);
    if (ev->u.recovered.checkpointed != NULL && !agent_resources_apply_checkpointed(a, ev->u.recovered.checkpointed))
        agent_note(a, true, "the reservations and volumes on disk do not fit --resources; ignoring them");
    if (ev->u.recovered.drain_config.n != 0) {
        a->draining = true;
        a->drain_config = blob_new(ev->u.recovered.drain_config);
        a->drain_grace_ns = ev->u.recovered.drain_grace_ns;
        a->drain_mark_gone = ev->u.recovered.drain_mark_gone;
        a->drain_start = a->wall;
    }
    agent_operations_recover(a, ev);
    for (size_t i = 0; i < ev->u.recovered.framework_count; i++)
        recover_framework(a, &ev->u.recovered.frameworks[i]);
    a->recover_by = mono_add(a->now, a->config.executor_reregistration_timeout_ns);
    agent_recovery_check(a);
}
