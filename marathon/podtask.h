/* SPDX-License-Identifier: Apache-2.0 */
/* From a launch of a pod to the task group: the executor and one task per container. Pure. */
#ifndef STOA_MARATHON_PODTASK_H
#define STOA_MARATHON_PODTASK_H

#include "marathon/core/marathon.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

/* ret_op: a LAUNCH_GROUP. What was picked is shared out: first to the executor, then to the containers, in
 * order. Memory of the arena; false when it is spent. */
bool pod_build(struct stoa_operation *ret_op, const struct launch *l, const struct stoa_offer *offer,
               const struct marathon_config *c, bool enforce_role, const struct list *secrets, struct arena *a);

#endif
