/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the agent: a framework owns its executors, an executor its tasks. What a step removes goes to the dead
 * lists and is freed at the next step, so that the actions of this one may point to it. Completed objects stay for
 * /state, capped. */
#include "agent/core/internal.h"

#include "common/base/alloc.h"

struct agent_framework *agent_framework_find(const struct agent *a, struct str id)
{
    struct agent_framework *f = NULL;

    if (id.n != 0)
        HASH_FIND(hh, a->frameworks, id.p, id.n, f);
    return f;
}

struct agent_executor *agent_executor_find(const struct agent_framework *f, struct str id)
{
    struct agent_executor *e = NULL;

    if (id.n != 0)
        HASH_FIND(hh, f->executors, id.p, id.n, e);
    return e;
}

struct agent_executor *agent_executor_by_container(const struct agent *a, struct str container_id)
{
    for (struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            if (str_is(container_id, e->container_id))
                return e;
    return NULL;
}

struct agent_task *agent_task_find(const struct agent_executor *e, struct str id)
{
    struct agent_task *t = NULL;

    if (id.n != 0)
        HASH_FIND(hh, e->tasks, id.p, id.n, t);
    return t;
}

struct agent_executor *agent_executor_of_task(const struct agent_framework *f, struct str task_id)
{
    for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
        if (agent_task_find(e, task_id) != NULL)
            return e;
    return NULL;
}

/* --- frameworks --- */

void agent_framework_set_pid(struct agent_framework *f, struct str pid)
{
    free(f->pid);
    f->pid = pid.n != 0 ? xstrndup(pid) : NULL;
}

/* One that comes again has the past that it had: it is there once, and what is kept of it is counted once. */
static void take_past(struct agent *a, struct agent_framework *f)
{
    struct agent_framework *old = a->completed;
    struct agent_executor *e;

    while (old != NULL && strcmp(old->id, f->id) != 0)
        old = old->next;
    if (old == NULL)
        return;
    DL_DELETE(a->completed, old);
    a->completed_count--;
    f->completed = old->completed;
    f->completed_count = old->completed_count;
    old->completed = NULL;
    DL_FOREACH(f->completed, e)
        e->framework = f;
    LL_PREPEND(a->dead_frameworks, old);
}

struct agent_framework *agent_framework_add(struct agent *a, struct framework_info *info, struct str pid)
{
    struct agent_framework *f = xcalloc(1, sizeof *f);

    f->id = xstrndup(info->id.s);
    f->info = framework_info_ref(info);
    agent_framework_set_pid(f, pid);
    take_past(a, f);
    HASH_ADD_KEYPTR(hh, a->frameworks, f->id, strlen(f->id), f);
    return f;
}

void agent_framework_remove(struct agent *a, struct agent_framework *f)
{
    ASSERT(f->executors == NULL);
    /* What it had under way was forgotten when it was told to end. What came since, launches of a later master that were
     * refused, that master waits for: it stays until it is acknowledged, or that master ends the framework too. */
    HASH_DEL(a->frameworks, f);
    agent_do(a, AGENT_DO_GC_FRAMEWORK)->framework = f;
    DL_APPEND(a->completed, f);
    a->completed_count++;
    if (a->completed_count > AGENT_COMPLETED_FRAMEWORKS_MAX) {
        struct agent_framework *old = a->completed;
        DL_DELETE(a->completed, old);
        a->completed_count--;
        LL_PREPEND(a->dead_frameworks, old);
    }
    agent_drain_check(a);
    agent_exit_if_done(a);
}

void agent_framework_remove_if_idle(struct agent *a, struct agent_framework *f)
{
    if (f->executors == NULL)
        agent_framework_remove(a, f);
}

void agent_framework_free(struct agent_framework *f)
{
    struct agent_executor *e, *next;

    HASH_ITER(hh, f->executors, e, next) {
        HASH_DEL(f->executors, e);
        agent_executor_free(e);
    }
    DL_FOREACH_SAFE(f->completed, e, next) {
        DL_DELETE(f->completed, e);
        agent_executor_free(e);
    }
    framework_info_unref(f->info);
    free(f->id);
    free(f->pid);
    free(f);
}

/* --- executors --- */

struct agent_executor *agent_executor_add(struct agent *a, struct agent_framework *f, struct executor_info *info,
                                          bool generated, struct str container_id)
{
    struct agent_executor *e = xcalloc(1, sizeof *e);

    e->id = xstrndup(info->id.s);
    e->framework = f;
    e->state = EXECUTOR_REGISTERING;
    e->container_id = xstrndup(container_id);
    e->info = executor_info_ref(info);
    e->generated = generated;
    e->checkpoint = f->info->checkpoint;
    e->register_by = e->destroy_at = e->kill_by = MONO_NEVER;
    HASH_ADD_KEYPTR(hh, f->executors, e->id, strlen(e->id), e);
    a->executor_count++;
    return e;
}

void agent_executor_set_state(struct agent_executor *e, enum executor_state to)
{
    static const bool allowed[4][4] = {
        [EXECUTOR_REGISTERING] = { [EXECUTOR_RUNNING] = true, [EXECUTOR_TERMINATING] = true, [EXECUTOR_TERMINATED] = true },
        [EXECUTOR_RUNNING] = { [EXECUTOR_RUNNING] = true, [EXECUTOR_TERMINATING] = true, [EXECUTOR_TERMINATED] = true },
        [EXECUTOR_TERMINATING] = { [EXECUTOR_TERMINATED] = true },
    };

    ASSERT(allowed[e->state][to]);
    e->state = to;
}

void agent_executor_remove(struct agent *a, struct agent_executor *e)
{
    struct agent_framework *f = e->framework;
    struct agent_task *t, *next;

    ASSERT(e->state == EXECUTOR_TERMINATED);
    DL_FOREACH_SAFE(e->order, t, next) { /* of a framework that was shut down, and of which no updates are kept */
        t->place = AGENT_TASK_TERMINATED;
        agent_task_complete(a, t);
    }
    if (e->checkpoint)
        agent_do(a, AGENT_DO_STORE_SENTINEL)->executor = e;
    HASH_DEL(f->executors, e);
    a->executor_count--;
    DL_APPEND(f->completed, e);
    f->completed_count++;
    while (f->completed_count > a->config.max_completed_executors) {
        struct agent_executor *old = f->completed;
        DL_DELETE(f->completed, old);
        f->completed_count--;
        LL_PREPEND(a->dead_executors, old);
    }
    agent_do(a, AGENT_DO_GC_EXECUTOR)->executor = e;
    agent_framework_remove_if_idle(a, f);
}

void agent_executor_free(struct agent_executor *e)
{
    struct agent_task *t, *next;

    HASH_CLEAR(hh, e->tasks);
    DL_FOREACH_SAFE(e->order, t, next) {
        DL_DELETE(e->order, t);
        agent_task_free(t);
    }
    DL_FOREACH_SAFE(e->completed, t, next) {
        DL_DELETE(e->completed, t);
        agent_task_free(t);
    }
    executor_info_unref(e->info);
    free(e->id);
    free(e->container_id);
    free(e->pid);
    free(e->pending_message);
    free(e);
}

/* --- tasks --- */

struct agent_task *agent_task_add(struct agent *a, struct agent_executor *e, struct task_info *info)
{
    struct agent_task *t = xcalloc(1, sizeof *t);
    t->kill_by = MONO_NEVER;

    t->id = xstrndup(info->id.s);
    t->executor = e;
    t->place = AGENT_TASK_QUEUED;
    t->state = TASK_STAGING;
    t->info = task_info_ref(info);
    HASH_ADD_KEYPTR(hh, e->tasks, t->id, strlen(t->id), t);
    DL_APPEND(e->order, t);
    a->task_count++;
    return t;
}

/* The state follows the status; terminal is final. */
void agent_task_set_state(struct agent *a, struct agent_task *t, struct task_status *status)
{
    struct agent_counters *c = &a->counters;

    if (task_state_is_terminal(t->state))
        return;
    t->state = status->state;
    if (t->status_count != 0 && t->statuses[t->status_count - 1]->state == status->state) {
        task_status_unref(t->statuses[t->status_count - 1]);
        t->status_count--;
    }
    ARRAY_ROOM(t->statuses, t->status_count, t->status_cap);
    t->statuses[t->status_count++] = task_status_ref(status);
    if (!task_state_is_terminal(status->state))
        return;

    t->place = AGENT_TASK_TERMINATED;
    switch (status->state) {
    case TASK_FINISHED: c->tasks_finished++; break;
    case TASK_FAILED: c->tasks_failed++; break;
    case TASK_KILLED: c->tasks_killed++; break;
    case TASK_LOST: c->tasks_lost++; break;
    case TASK_ERROR: c->tasks_error++; break;
    case TASK_DROPPED: c->tasks_dropped++; break;
    case TASK_GONE:
    case TASK_GONE_BY_OPERATOR: c->tasks_gone++; break;
    case TASK_STARTING:
    case TASK_RUNNING:
    case TASK_STAGING:
    case TASK_KILLING:
    case TASK_UNREACHABLE:
    case TASK_UNKNOWN:
    case TASK_STATE_COUNT: break;
    }
}

void agent_task_complete(struct agent *a, struct agent_task *t)
{
    struct agent_executor *e = t->executor;

    ASSERT(t->place == AGENT_TASK_TERMINATED);
    HASH_DEL(e->tasks, t);
    DL_DELETE(e->order, t);
    a->task_count--;
    t->place = AGENT_TASK_COMPLETED;
    DL_APPEND(e->completed, t);
    e->completed_count++;
    if (e->completed_count > AGENT_COMPLETED_TASKS_MAX) {
        struct agent_task *old = e->completed;
        DL_DELETE(e->completed, old);
        e->completed_count--;
        LL_PREPEND(a->dead_tasks, old);
    }
}

void agent_task_free(struct agent_task *t)
{
    for (size_t i = 0; i < t->status_count; i++)
        task_status_unref(t->statuses[i]);
    free(t->statuses);
    task_status_unref(t->forwarded);
    task_info_unref(t->info);
    free(t->id);
    free(t);
}

/* --- sums --- */

static void limit_add(int64_t *sum, int64_t limit)
{
    *sum = limit == AGENT_LIMIT_INFINITY || *sum == AGENT_LIMIT_INFINITY ? AGENT_LIMIT_INFINITY
                                                                         : milli_add_sat(*sum, limit);
}

/* Sum over the tasks of limit or request; NONE when no task has a limit. Source: §18.2. */
static int64_t limit_total(const struct agent_executor *e, struct name *name)
{
    int64_t sum = resources_milli(&e->info->resources, name);
    bool any = false;

    for (const struct agent_task *t = e->order; t != NULL; t = t->next) {
        if (t->place == AGENT_TASK_TERMINATED)
            continue;
        bool has = quantities_has(&t->info->limits, name);
        any = any || has;
        limit_add(&sum, has ? quantities_get(&t->info->limits, name) : resources_milli(&t->info->resources, name));
    }
    return any ? sum : AGENT_LIMIT_NONE;
}

void agent_executor_totals(const struct agent_executor *e, struct resources *ret_total, int64_t *ret_cpus_limit_milli,
                           int64_t *ret_mem_limit_milli)
{
    resources_add_all(ret_total, &e->info->resources);
    for (const struct agent_task *t = e->order; t != NULL; t = t->next)
        if (t->place != AGENT_TASK_TERMINATED)
            resources_add_all(ret_total, &t->info->resources);
    *ret_cpus_limit_milli = limit_total(e, NAME_CPUS);
    *ret_mem_limit_milli = limit_total(e, NAME_MEM);
}

void agent_allocated(const struct agent *a, struct resources *ret_total)
{
    int64_t unused;

    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            if (e->state != EXECUTOR_TERMINATED)
                agent_executor_totals(e, ret_total, &unused, &unused);
}
