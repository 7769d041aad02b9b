/* SPDX-License-Identifier: Apache-2.0 */
/* The executors that the agent brings itself. A command task gets a generated executor; an ExecutorInfo of type DEFAULT
 * gets the built-in program as its command. Both are run as
 *
 *     <launcher_dir>/stoa-executor  stoa-executor|stoa-default-executor --launcher_dir=<launcher_dir>
 *
 * (path, then argv; the name says which of the two it is). Pure. Source: reference, §7, §8. */
#ifndef STOA_AGENT_WIRE_COMMAND_H
#define STOA_AGENT_WIRE_COMMAND_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/ids.h"
#include "common/model/name.h"
#include "common/model/task.h"
#include "proto/mesos_v1.pb-c.h"

/* Overhead of a generated executor, on top of its task. */
#define COMMAND_EXECUTOR_CPUS 0.1
#define COMMAND_EXECUTOR_MEM_MB 32.0

/* role: the task's allocation role, may be NULL. */
int command_executor_make(const Mesos__V1__TaskInfo *task, struct framework_id framework, const struct name *role,
                          const char *launcher_dir, struct arena *arena, struct executor_info **ret,
                          struct error *err);

/* argv of the built-in executor: NULL-terminated, from the arena; path gets the program. */
const char *const *builtin_executor_argv(struct arena *arena, const char *launcher_dir, bool is_default,
                                         const char **ret_path);

#endif
