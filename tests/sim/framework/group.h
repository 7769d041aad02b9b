/* SPDX-License-Identifier: Apache-2.0 */
/* A framework's task groups: tasks that share a default executor and end together when one of them fails. */
#ifndef STOA_SIM_GROUP_H
#define STOA_SIM_GROUP_H

#include "scheduler-sdk/include/stoa/scheduler.h"
#include "tests/sim/sim.h"

struct fw_grouper {
    struct proc *p;
    struct rng *r;
    unsigned serial; /* of executors, never used again */
    char executor_id[32], agent_id[64]; /* the latest */
};

/* The tasks as a group for an executor of their own, whose resources come out of rest; or for the latest one on that agent, whether it is
 * still there or not. False: there is no room. */
bool fw_launch_group(struct fw_grouper *g, struct stoa_scheduler *s, const struct stoa_offer *o, struct stoa_resource *rest,
                     size_t rest_count, struct stoa_task *tasks, size_t count, double refuse_s);

#endif
