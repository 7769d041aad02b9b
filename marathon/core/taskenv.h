/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a task. Source: marathon-behaviour §6. */
#ifndef STOA_MARATHON_TASKENV_H
#define STOA_MARATHON_TASKENV_H

#include "marathon/core/marathon.h"

struct task_variable {
    struct str k, v;
    bool is_secret;
};

/* secrets: struct kv of the names in `secrets` of the app or pod and their contents, of which a newline at the end is not
 * part of a variable.
 *
 * struct task_variable in the order of setting, the user's own last; a later one of the same name wins (and is
 * the only one in the result). Memory of the arena. Empty when the arena is spent. */
struct list task_env(const struct launch *l, const struct marathon_config *c, bool enforce_role,
                     const struct list *secrets, struct arena *a);

/* Of container k of a pod. What the user sets comes first here: the system's variables win. */
struct list pod_env(const struct launch *l, size_t k, struct str task_id, struct str executor_id,
                    const struct marathon_config *c, bool enforce_role, const struct list *secrets,
                    struct arena *a);

#endif
