/* SPDX-License-Identifier: Apache-2.0 */
/* From a launch to the task that the scheduler library sends. Everything is copied into the arena: the launch
 * is sent when its records are durable, and by then neither the offer nor the step's memory is there. */
#ifndef STOA_MARATHON_TASK_H
#define STOA_MARATHON_TASK_H

#include "marathon/core/marathon.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

/* False when the arena is spent. offer is the one that the launch's picks refer to; secrets are struct kv of the names that
 * the app gives them and their contents (secrets.h). */
bool task_build(struct stoa_task *ret, const struct launch *l, const struct stoa_offer *offer,
                const struct marathon_config *c, bool enforce_role, const struct list *secrets, struct arena *a);

#endif
