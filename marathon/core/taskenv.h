/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a task. Source: marathon-behaviour §6. */
#ifndef STOA_MARATHON_TASKENV_H
#define STOA_MARATHON_TASKENV_H

#include "marathon/core/marathon.h"

/* Names and values in the order of setting, the user's own last; a later one of the same name wins (and is
 * the only one in the result). Memory of the arena. Empty when the arena is spent. */
struct list task_env(const struct launch *l, const struct marathon_config *c, bool enforce_role,
                     struct arena *a);

/* Of container k of a pod. What the user sets comes first here: the system's variables win. */
struct list pod_env(const struct launch *l, size_t k, struct str task_id, struct str executor_id,
                    const struct marathon_config *c, bool enforce_role, struct arena *a);

#endif
