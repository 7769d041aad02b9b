/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/framework/group.h"

#include <stdio.h>
#include <string.h>

enum { EXECUTOR_CPUS_MILLI = 100, EXECUTOR_MEM_MILLI = 32000, EXECUTOR_DISK_MILLI = 10000 };

bool fw_launch_group(struct fw_grouper *g, struct stoa_scheduler *s, const struct stoa_offer *o, struct stoa_resource *rest,
                     size_t rest_count, struct stoa_task *tasks, size_t count, double refuse_s)
{
    struct stoa_resource own[8];
    struct stoa_executor e = { .type = STOA_EXECUTOR_DEFAULT, .resources = own };
    struct stoa_error err;

    if (!stoa_take(rest, rest_count, "cpus", EXECUTOR_CPUS_MILLI, own, &e.resource_count, 8) ||
        !stoa_take(rest, rest_count, "mem", EXECUTOR_MEM_MILLI, own, &e.resource_count, 8) ||
        !stoa_take(rest, rest_count, "disk", EXECUTOR_DISK_MILLI, own, &e.resource_count, 8))
        return false;
    if (strcmp(g->agent_id, o->agent_id) != 0 || chance(g->r, 70))
        (void)snprintf(g->executor_id, sizeof g->executor_id, "%s-e%u", g->p->name, ++g->serial);
    (void)snprintf(g->agent_id, sizeof g->agent_id, "%s", o->agent_id);
    e.id = g->executor_id;
    for (size_t i = 0; i < count; i++)
        tasks[i].agent_id = o->agent_id;
    struct stoa_operation op = { .type = STOA_OP_LAUNCH_GROUP, .tasks = tasks, .task_count = count, .executor = &e };
    sim_trace(g->p->sim, g->p->name, "LAUNCH_GROUP of %zu tasks for executor %s", count, e.id);
    if (stoa_accept(s, &o->id, 1, &op, 1, refuse_s, &err) != 0)
        sim_trace(g->p->sim, g->p->name, "launch: %s", err.msg);
    return true;
}
