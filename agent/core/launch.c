/* SPDX-License-Identifier: Apache-2.0 */
/* RunTask and RunTaskGroup: the checks in their order, then to a running executor, to one that is starting, or to a
 * new one. Tasks for one executor keep their order because nothing here waits. Source: reference, §10. */
#include "agent/core/internal.h"

#include "common/base/alloc.h"

struct launch {
    const struct agent_event *ev;
    struct agent_framework *framework; /* NULL: no room for one more */
    bool wants_executor; /* the master counts on a new executor: it must be told when there will be none */
};

/* Every task of the launch is refused. told: the master also learns that there is no such executor. */
static void refuse_as(struct agent *a, const struct launch *l, enum task_state state, enum task_reason reason, struct str message,
                      bool told)
{
    struct agent_framework *f = l->framework;
    struct framework_info *info = l->ev->u.run.framework;
    bool aware = framework_info_can(info, FRAMEWORK_CAP_PARTITION_AWARE);

    for (size_t i = 0; i < l->ev->u.run.task_count; i++)
        agent_update_make(a, info->id, aware, NULL, l->ev->u.run.tasks[i]->id, state, reason, message, NULL);
    if (f == NULL)
        return;
    if (told && l->wants_executor)
        agent_do_exited(a, f, arena_str(&a->scratch, l->ev->u.run.executor->id.s), -1);
    agent_framework_remove_if_idle(a, f);
}

static void refuse(struct agent *a, const struct launch *l, enum task_reason reason, struct str message, bool told)
{
    refuse_as(a, l, TASK_DROPPED, reason, message, told);
}

static bool has_limit(const struct launch *l, struct name *name)
{
    for (size_t i = 0; i < l->ev->u.run.task_count; i++)
        if (quantities_has(&l->ev->u.run.tasks[i]->limits, name))
            return true;
    return false;
}

/* Reservations and volumes a task was given must be known here, or the master and we disagree about this agent. */
static bool resources_known(const struct agent *a, const struct resources *r)
{
    CLEANUP(resources_done_p) struct resources checkpointed = resources_checkpointed(r);

    resources_unallocate(&checkpointed);
    return resources_contains(&a->total, &checkpointed);
}

static bool all_resources_known(const struct agent *a, const struct launch *l)
{
    if (!resources_known(a, &l->ev->u.run.executor->resources))
        return false;
    for (size_t i = 0; i < l->ev->u.run.task_count; i++)
        if (!resources_known(a, &l->ev->u.run.tasks[i]->resources))
            return false;
    return true;
}

/* True when the launch may go on. */
static bool admit(struct agent *a, const struct launch *l)
{
    const struct uuid *version = l->ev->u.run.resource_version;

    if (has_limit(l, NAME_CPUS) && !a->config.enforces_cpu) {
        refuse(a, l, REASON_GC_ERROR, STR("CPU limits can only be set on tasks launched in Mesos containers with "
                                          "cgroups cpu isolation enabled (--isolation=cgroups/cpu)"), false);
        return false;
    }
    if (has_limit(l, NAME_MEM) && !a->config.enforces_mem) {
        refuse(a, l, REASON_GC_ERROR, STR("Memory limits can only be set on tasks launched in Mesos containers with "
                                          "cgroups memory isolation enabled (--isolation=cgroups/mem)"), false);
        return false;
    }
    if (l->ev->u.run.denied.n != 0) {
        refuse_as(a, l, TASK_ERROR, l->ev->u.run.group ? REASON_TASK_GROUP_UNAUTHORIZED : REASON_TASK_UNAUTHORIZED,
                  arena_str(&a->scratch, l->ev->u.run.denied), true);
        return false;
    }
    if (!a->id_stored) { /* after a crash this would be another agent, and the task an orphan */
        refuse(a, l, REASON_GC_ERROR, STR("The agent could not store its id: its disk may be full"), true);
        return false;
    }
    if (a->draining) {
        refuse(a, l, REASON_AGENT_DRAINING, STR("Task not launched because the agent is draining"), true);
        return false;
    }
    if (version != NULL && !uuid_eq(version, &a->resource_version)) {
        refuse(a, l, REASON_INVALID_OFFERS, STR("Task's resource version does not match the agent's"), true);
        return false;
    }
    if (!all_resources_known(a, l)) {
        refuse(a, l, REASON_RESOURCES_UNKNOWN, STR("The checkpointed resources being used by the task or task group "
                                                   "are unknown to the agent"), true);
        return false;
    }
    if (a->task_count + l->ev->u.run.task_count > AGENT_TASKS_MAX || a->executor_count >= AGENT_EXECUTORS_MAX) {
        refuse(a, l, REASON_GC_ERROR, agent_text(a, "the agent runs %zu tasks in %zu executors; at most %d and %d",
                                                 a->task_count, a->executor_count, AGENT_TASKS_MAX,
                                                 AGENT_EXECUTORS_MAX), true);
        return false;
    }
    return true;
}

static void enqueue(struct agent *a, struct agent_executor *e, const struct launch *l)
{
    unsigned group = l->ev->u.run.group ? ++a->next_group : 0;

    for (size_t i = 0; i < l->ev->u.run.task_count; i++) {
        struct task_info *info = l->ev->u.run.tasks[i];
        if (agent_task_find(e, info->id.s) != NULL) {
            agent_note(a, true, "ignoring a second launch of task %.*s", STR_ARG(info->id.s));
            continue;
        }
        struct agent_task *t = agent_task_add(a, e, info);
        t->group = group;
        if (e->checkpoint) {
            struct agent_action *act = agent_do(a, AGENT_DO_STORE_TASK);
            act->executor = e;
            act->task = t;
        }
    }
}

static void launch_executor(struct agent *a, const struct launch *l)
{
    struct agent_framework *f = l->framework;
    char id[UUID_TEXT_SIZE];
    struct uuid uuid = uuid_make(&a->rng);

    uuid_text(&uuid, id);
    struct agent_executor *e = agent_executor_add(a, f, l->ev->u.run.executor, l->ev->u.run.generated, str_of(id));
    agent_do(a, AGENT_DO_MAKE_SANDBOX)->executor = e;
    if (e->checkpoint)
        agent_do(a, AGENT_DO_STORE_EXECUTOR)->executor = e;
    enqueue(a, e, l);
    e->container_live = true;
    e->register_by = mono_add(a->now, a->config.executor_registration_timeout_ns + a->config.pull_timeout_ns);
    agent_do(a, AGENT_DO_LAUNCH_CONTAINER)->executor = e;
}

/* The master and we disagree whether the executor is there. */
static void refuse_mismatch(struct agent *a, const struct launch *l, struct agent_executor *e)
{
    if (e == NULL || e->state == EXECUTOR_TERMINATED) {
        refuse(a, l, REASON_EXECUTOR_TERMINATED, STR("No executor is expected to launch, and the task's executor is "
                                                     "not there"), false);
        if (e != NULL)
            agent_do_exited(a, l->framework, str_of(e->id), -1);
        return;
    }
    refuse(a, l, REASON_EXECUTOR_TERMINATED, STR("The master wants to launch the executor, which is already there"),
           false);
    agent_executor_shutdown(a, e);
}

static void dispatch(struct agent *a, const struct launch *l)
{
    struct agent_executor *e = agent_executor_find(l->framework, l->ev->u.run.executor->id.s);
    bool set = l->ev->u.run.launch_executor_set;
    bool wanted = l->ev->u.run.launch_executor;

    if (e != NULL && l->ev->u.run.generated) {
        refuse(a, l, REASON_TASK_INVALID, agent_text(a, "an executor with the id %s, that of the task, is there "
                                                     "already", e->id), false);
        return;
    }
    if (set && ((wanted && e != NULL) || (!wanted && (e == NULL || e->state == EXECUTOR_TERMINATED)))) {
        refuse_mismatch(a, l, e);
        return;
    }
    if (e == NULL) {
        launch_executor(a, l);
        return;
    }
    switch (e->state) {
    case EXECUTOR_REGISTERING:
    case EXECUTOR_RUNNING:
        enqueue(a, e, l);
        agent_deliver(a, e);
        break;
    case EXECUTOR_TERMINATING:
    case EXECUTOR_TERMINATED:
        refuse(a, l, REASON_EXECUTOR_TERMINATED, agent_text(a, "Executor %s", e->state == EXECUTOR_TERMINATED ?
                                                            "terminated" : "terminating"), false);
        break;
    }
}

void agent_on_run(struct agent *a, const struct agent_event *ev)
{
    struct framework_info *info = ev->u.run.framework;
    struct launch l = { .ev = ev, .wants_executor = ev->u.run.launch_executor_set && ev->u.run.launch_executor };

    if (a->state == AGENT_RECOVERING || a->state == AGENT_TERMINATING || ev->u.run.task_count == 0)
        return;
    if (a->id == NULL) { /* the word of our registration was lost: nothing could be kept under an id */
        agent_note(a, true, "ignoring a task of framework %.*s: this agent does not know its id yet", STR_ARG(info->id.s));
        return;
    }
    l.framework = agent_framework_find(a, info->id.s);
    if (l.framework != NULL && l.framework->state == AGENT_FRAMEWORK_TERMINATING) {
        /* Not from the master that ended it, which would have told us no more of it: from the next one, with which the
         * framework has subscribed anew. Silence would leave its tasks in STAGING for ever. */
        refuse(a, &l, REASON_FRAMEWORK_REMOVED, STR("The framework is still being shut down on this agent, as the "
                                                    "master before this one ordered"), true);
        return;
    }
    if (l.framework == NULL) {
        if (HASH_COUNT(a->frameworks) >= AGENT_FRAMEWORKS_MAX) {
            refuse(a, &l, REASON_GC_ERROR, agent_text(a, "the agent has %d frameworks, the most it takes",
                                                      AGENT_FRAMEWORKS_MAX), true);
            return;
        }
        l.framework = agent_framework_add(a, info, ev->u.run.pid);
        struct agent_action *act = agent_do(a, AGENT_DO_UNGC);
        act->framework = l.framework;
        act->executor_id = arena_str(&a->scratch, ev->u.run.executor->id.s);
        if (info->checkpoint)
            agent_do(a, AGENT_DO_STORE_FRAMEWORK)->framework = l.framework;
    } else {
        struct agent_action *act = agent_do(a, AGENT_DO_UNGC);
        act->framework = l.framework;
        act->executor_id = arena_str(&a->scratch, ev->u.run.executor->id.s);
    }
    if (admit(a, &l))
        dispatch(a, &l);
}
