/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the conversion share about tasks. Not for other folders. */
#ifndef STOA_WIRE_CONVERT_TASK_H
#define STOA_WIRE_CONVERT_TASK_H

#include "common/wire/convert.h"

/* A complete message, packed. */
struct blob *convert_pack(const ProtobufCMessage *m);

/* ERR_INVALID when a resource uses the fields of the pre-refinement form. */
int convert_old_fields_check(Mesos__V1__Resource *const *v, size_t n, struct error *err);

/* Checks and converts a repeated field and upgrades its messages in place, all as the context says. */
int convert_resources_of(Mesos__V1__Resource **v, size_t n, const struct task_context *ctx, struct arena *arena,
                         struct resources *ret, struct error *err);

/* As convert_task, with the executor converted already (NULL: convert the task's own). */
struct task_info *convert_task_with(Mesos__V1__TaskInfo *t, const struct task_context *ctx,
                                    struct executor_info *executor, struct arena *arena);

#endif
