/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of an agent: all are asked for when shown, from the core's state and counters, so nothing has to be kept in
 * step. Names: reference of the operator API, §13.3, §13.4. */
#include "agent/shell.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "agent/gc.h"
#include "agent/isolation/containerizer.h"
#include "common/base/alloc.h"

enum gauge_id {
    G_UPTIME, G_REGISTERED, G_RECOVERY_ERRORS, G_FRAMEWORKS_ACTIVE,
    G_TASKS_STAGING, G_TASKS_STARTING, G_TASKS_RUNNING, G_TASKS_KILLING,
    G_TASKS_FINISHED, G_TASKS_FAILED, G_TASKS_KILLED, G_TASKS_LOST, G_TASKS_GONE, G_TASKS_ERROR, G_TASKS_DROPPED,
    G_EXECUTORS_REGISTERING, G_EXECUTORS_RUNNING, G_EXECUTORS_TERMINATING, G_EXECUTORS_TERMINATED, G_EXECUTORS_PREEMPTED,
    G_VALID_UPDATES, G_INVALID_UPDATES, G_VALID_MESSAGES, G_INVALID_MESSAGES, G_MAX_AGE, G_LAUNCH_ERRORS,
    G_GC_SUCCEEDED, G_GC_FAILED, G_GC_PENDING,
    G_CPUS_TOTAL, G_LOAD_1, G_LOAD_5, G_LOAD_15, G_MEM_TOTAL, G_MEM_FREE, G_CACHE_SIZE,
    G_NEW_ROOTFS,
    G_ZERO,
};

static const struct {
    const char *name;
    enum gauge_id id;
} gauges[] = {
    { "slave/uptime_secs", G_UPTIME },
    { "slave/registered", G_REGISTERED },
    { "slave/recovery_errors", G_RECOVERY_ERRORS },
    { "slave/frameworks_active", G_FRAMEWORKS_ACTIVE },
    { "slave/tasks_staging", G_TASKS_STAGING },
    { "slave/tasks_starting", G_TASKS_STARTING },
    { "slave/tasks_running", G_TASKS_RUNNING },
    { "slave/tasks_killing", G_TASKS_KILLING },
    { "slave/tasks_finished", G_TASKS_FINISHED },
    { "slave/tasks_failed", G_TASKS_FAILED },
    { "slave/tasks_killed", G_TASKS_KILLED },
    { "slave/tasks_lost", G_TASKS_LOST },
    { "slave/tasks_gone", G_TASKS_GONE },
    { "slave/tasks_error", G_TASKS_ERROR },
    { "slave/tasks_dropped", G_TASKS_DROPPED },
    { "slave/executors_registering", G_EXECUTORS_REGISTERING },
    { "slave/executors_running", G_EXECUTORS_RUNNING },
    { "slave/executors_terminating", G_EXECUTORS_TERMINATING },
    { "slave/executors_terminated", G_EXECUTORS_TERMINATED },
    { "slave/executors_preempted", G_EXECUTORS_PREEMPTED },
    { "slave/valid_status_updates", G_VALID_UPDATES },
    { "slave/invalid_status_updates", G_INVALID_UPDATES },
    { "slave/valid_framework_messages", G_VALID_MESSAGES },
    { "slave/invalid_framework_messages", G_INVALID_MESSAGES },
    { "slave/executor_directory_max_allowed_age_secs", G_MAX_AGE },
    { "slave/container_launch_errors", G_LAUNCH_ERRORS },
    { "gc/path_removals_succeeded", G_GC_SUCCEEDED },
    { "gc/path_removals_failed", G_GC_FAILED },
    { "gc/path_removals_pending", G_GC_PENDING },
    { "system/cpus_total", G_CPUS_TOTAL },
    { "system/load_1min", G_LOAD_1 },
    { "system/load_5min", G_LOAD_5 },
    { "system/load_15min", G_LOAD_15 },
    { "system/mem_total_bytes", G_MEM_TOTAL },
    { "system/mem_free_bytes", G_MEM_FREE },
    { "containerizer/fetcher/cache_size_total_bytes", G_CACHE_SIZE },
    { "containerizer/fetcher/cache_size_used_bytes", G_ZERO },
    { "containerizer/fetcher/task_fetches_failed", G_ZERO },
    { "containerizer/fetcher/task_fetches_succeeded", G_ZERO },
    { "containerizer/mesos/container_destroy_errors", G_ZERO },
    { "containerizer/mesos/disk/project_ids_free", G_ZERO },
    { "containerizer/mesos/disk/project_ids_total", G_ZERO },
    { "containerizer/mesos/filesystem/containers_new_rootfs", G_NEW_ROOTFS },
    { "containerizer/mesos/provisioner/bind/remove_rootfs_errors", G_ZERO },
    { "containerizer/mesos/provisioner/remove_container_errors", G_ZERO },
    { "resource_provider_manager/events/disconnect", G_ZERO },
    { "resource_provider_manager/events/subscribe", G_ZERO },
    { "resource_provider_manager/subscribed", G_ZERO },
};

struct gauge {
    struct shell *shell;
    enum gauge_id id;
};

/* slave/<resource>[_revocable]_{total,used,percent} */
struct resource_gauge {
    struct shell *shell;
    struct name *name;
    bool revocable;
    int what; /* 0 total, 1 used, 2 percent */
};

static double tasks_in(const struct agent *a, enum task_state state)
{
    double n = 0;

    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            for (const struct agent_task *t = e->order; t != NULL; t = t->next)
                n += t->state == state;
    return n;
}

static double executors_in(const struct agent *a, enum executor_state state)
{
    double n = 0;

    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            n += e->state == state;
    return n;
}

static double load(int i)
{
    double v[3] = { 0, 0, 0 };

    (void)getloadavg(v, 3); /* zeros when it cannot be known */
    return v[i];
}

static double memory(bool total)
{
    struct sysinfo si = { 0 };

    (void)sysinfo(&si);
    return (double)(total ? si.totalram : si.freeram) * si.mem_unit;
}

static double value(struct shell *s, enum gauge_id id)
{
    const struct agent *a = s->core;
    const struct agent_counters *c = &a->counters;
    struct gc_counters gc;

    gc_counters(s->gc, &gc);
    switch (id) {
    case G_UPTIME: return (double)mono_diff(loop_now(s->loop), s->started_mono) / 1e9;
    case G_REGISTERED: return a->state == AGENT_RUNNING;
    case G_RECOVERY_ERRORS: return (double)c->recovery_errors;
    case G_FRAMEWORKS_ACTIVE: return (double)HASH_COUNT(a->frameworks);
    case G_TASKS_STAGING: return tasks_in(a, TASK_STAGING);
    case G_TASKS_STARTING: return tasks_in(a, TASK_STARTING);
    case G_TASKS_RUNNING: return tasks_in(a, TASK_RUNNING);
    case G_TASKS_KILLING: return tasks_in(a, TASK_KILLING);
    case G_TASKS_FINISHED: return (double)c->tasks_finished;
    case G_TASKS_FAILED: return (double)c->tasks_failed;
    case G_TASKS_KILLED: return (double)c->tasks_killed;
    case G_TASKS_LOST: return (double)c->tasks_lost;
    case G_TASKS_GONE: return (double)c->tasks_gone;
    case G_TASKS_ERROR: return (double)c->tasks_error;
    case G_TASKS_DROPPED: return (double)c->tasks_dropped;
    case G_EXECUTORS_REGISTERING: return executors_in(a, EXECUTOR_REGISTERING);
    case G_EXECUTORS_RUNNING: return executors_in(a, EXECUTOR_RUNNING);
    case G_EXECUTORS_TERMINATING: return executors_in(a, EXECUTOR_TERMINATING);
    case G_EXECUTORS_TERMINATED: return (double)c->executors_terminated;
    case G_EXECUTORS_PREEMPTED: return (double)c->executors_preempted;
    case G_VALID_UPDATES: return (double)c->valid_updates;
    case G_INVALID_UPDATES: return (double)c->invalid_updates;
    case G_VALID_MESSAGES: return (double)c->valid_messages;
    case G_INVALID_MESSAGES: return (double)c->invalid_messages;
    case G_MAX_AGE: return gc.max_age_secs;
    case G_LAUNCH_ERRORS: return (double)c->launch_errors;
    case G_GC_SUCCEEDED: return (double)gc.succeeded;
    case G_GC_FAILED: return (double)gc.failed;
    case G_GC_PENDING: return (double)gc.pending;
    case G_CPUS_TOTAL: return (double)sysconf(_SC_NPROCESSORS_ONLN);
    case G_LOAD_1: return load(0);
    case G_LOAD_5: return load(1);
    case G_LOAD_15: return load(2);
    case G_MEM_TOTAL: return memory(true);
    case G_MEM_FREE: return memory(false);
    case G_CACHE_SIZE: return (double)s->flags.fetcher_cache_size;
    case G_NEW_ROOTFS: return s->containers != NULL ? (double)containerizer_new_rootfs_count(s->containers) : 0;
    case G_ZERO: return 0;
    }
    return 0;
}

static bool ask(void *arg, double *ret)
{
    struct gauge *g = arg;

    *ret = value(g->shell, g->id);
    return true;
}

/* Recovery has ended once; before, there is no such number. */
static bool ask_recovery_time(void *arg, double *ret)
{
    struct gauge *g = arg;

    if (!g->shell->core->recovery_done)
        return false;
    *ret = g->shell->recovery_secs;
    return true;
}

static double resource_sum(const struct resources *r, struct name *name, bool revocable)
{
    struct resources part = revocable ? resources_revocable(r) : resources_nonrevocable(r);
    double v = milli_to_double(resources_milli(&part, name));

    resources_done(&part);
    return v;
}

static bool ask_resource(void *arg, double *ret)
{
    struct resource_gauge *g = arg;
    const struct agent *a = g->shell->core;
    double total = resource_sum(g->revocable ? &a->oversubscribed : &a->total, g->name, g->revocable), used = 0;

    if (g->what != 0) {
        struct resources allocated = RESOURCES_INIT;
        agent_allocated(a, &allocated);
        used = resource_sum(&allocated, g->name, g->revocable);
        resources_done(&allocated);
    }
    *ret = g->what == 0 ? total : g->what == 1 ? used : total > 0 ? used / total : 0;
    return true;
}

int gauges_init(struct shell *s, struct error *err)
{
    static struct gauge g[sizeof gauges / sizeof gauges[0]], recovery;
    static struct resource_gauge rg[24];
    struct name *const names[] = { NAME_CPUS, NAME_GPUS, NAME_MEM, NAME_DISK };
    static const char *const whats[] = { "total", "used", "percent" };
    size_t n = 0;

    (void)err;
    s->metrics = metrics_new();
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        g[i] = (struct gauge){ s, gauges[i].id };
        (void)metrics_gauge_call(s->metrics, gauges[i].name, NULL, ask, &g[i]);
    }
    if (agent_flags_have_images(&s->flags))
        s->pull_timer = metrics_timer(s->metrics, "containerizer/mesos/provisioner/docker_store/image_pull", NULL, 1000);
    recovery = (struct gauge){ s, G_ZERO };
    (void)metrics_gauge_call(s->metrics, "slave/recovery_time_secs", NULL, ask_recovery_time, &recovery);
    for (size_t i = 0; i < 4; i++)
        for (int revocable = 0; revocable < 2; revocable++)
            for (int what = 0; what < 3; what++) {
                char name[64];
                (void)snprintf(name, sizeof name, "slave/%s%s_%s", names[i]->text, revocable ? "_revocable" : "",
                               whats[what]);
                rg[n] = (struct resource_gauge){ s, names[i], revocable == 1, what };
                (void)metrics_gauge_call(s->metrics, name, NULL, ask_resource, &rg[n]);
                n++;
            }
    return 0;
}
