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
    for (size_t i = 0; i < r->completed_count; i++)
        framework_info_unref(r->completed[i].info);
    for (struct report_shape *s = r->shapes; s != NULL; s = s->next)
        resources_done(&s->resources);
    arena_done(&r->arena);
    free(r);
}
