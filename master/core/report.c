/* SPDX-License-Identifier: Apache-2.0 */
#include "master/core/report.h"

#include "common/base/alloc.h"

struct agent_report *agent_report_new(size_t budget_bytes)
{
    struct agent_report *r = xcalloc(1, sizeof *r);

    r->refs = 1;
    arena_init(&r->arena, budget_bytes);
    return r;
}

static void tasks_done(struct task_report *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        resources_done(&v[i].resources);
}

void agent_report_unref(struct agent_report *r)
{
    if (r == NULL || --r->refs > 0)
        return;
    agent_info_unref(r->info);
    resources_done(&r->checkpointed);
    for (size_t i = 0; i < r->executor_count; i++)
        executor_info_unref(r->executors[i]);
    for (size_t i = 0; i < r->framework_count; i++)
        framework_info_unref(r->frameworks[i]);
    tasks_done(r->tasks, r->task_count);
    for (size_t i = 0; i < r->completed_count; i++) {
        framework_info_unref(r->completed[i].info);
        tasks_done(r->completed[i].tasks, r->completed[i].task_count);
    }
    arena_done(&r->arena);
    free(r);
}
