/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's checkpoint files as bytes: a record is a protobuf message behind its length (4 bytes, little-endian).
 * Pure; agent/checkpoint.c reads and writes the files. Layout: docs/agent.md. Source: reference, §13. */
#ifndef STOA_AGENT_WIRE_RECORDS_H
#define STOA_AGENT_WIRE_RECORDS_H

#include "agent/wire/env.h"
#include "common/base/arena.h"

enum { RECORD_BYTES_MAX = 64 << 20 };

/* A record is opened, its message appended, and closed. */
size_t record_open(struct sbuf *b);
void record_close(struct sbuf *b, size_t mark);
/* Cuts the next record off *rest: 1; 0 at the end; -1: a piece that is no whole record (a write that was cut short). */
int record_next(struct str *rest, struct str *ret);

void record_put_agent_info(struct sbuf *b, const struct agent *a, const struct agent_env *env);
void record_put_framework(struct sbuf *b, const struct agent_framework *f);
void record_put_executor(struct sbuf *b, const struct agent_executor *e);
void record_put_task(struct sbuf *b, const struct agent_task *t);
void record_put_update(struct sbuf *b, const struct agent *a, const struct agent_stream *s,
                       const struct agent_update *u);
void record_put_ack(struct sbuf *b, const struct uuid *uuid);
/* resources.info: one record each. */
void record_put_resources(struct sbuf *b, const struct resources *r);
/* resources_and_operations.state: ResourceState. */
void record_put_resource_state(struct sbuf *b, const struct agent *a);
void record_put_operation(struct sbuf *b, const struct agent *a, const struct agent_operation *o);
void record_put_operation_ack(struct sbuf *b, const struct agent_operation *o);

/* --- and back; everything lives in the arena but the counted infos --- */

/* One task's directory. log may be empty; a cut tail is tolerated and *ret_good says how long the good part is. */
int record_read_task(struct agent_recovered_task *ret, struct str info, struct str log, struct arena *arena,
                     size_t *ret_good, struct error *err);
void record_task_done(struct agent_recovered_task *t);
int record_read_framework(struct str bytes, struct framework_info **ret, struct error *err);
int record_read_executor(struct str bytes, struct executor_info **ret, struct error *err);
/* The id and what decides whether this is still the same agent. */
int record_read_agent_info(struct str bytes, struct agent_info **ret, struct error *err);
/* resources.info, which older agents left. */
int record_read_resources(struct str bytes, struct resources *ret, struct error *err);
/* resources_and_operations.state: reservations and volumes, and the operations that are not acknowledged. */
int record_read_resource_state(struct str bytes, struct arena *arena, struct resources *ret_resources,
                               const struct agent_operation_desc **ret_operations, size_t *ret_count,
                               struct error *err);

#endif
