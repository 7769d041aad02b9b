/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of the agent's core to bytes. Pure. */
#ifndef STOA_AGENT_WIRE_ENCODE_H
#define STOA_AGENT_WIRE_ENCODE_H

#include "agent/wire/env.h"

/* The message of an action that sends one to a master or scheduler: appends the body, returns its full name
 * ("mesos.internal.PongSlaveMessage"); NULL when the action sends nothing. */
const char *agent_encode_message(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                                 struct sbuf *body);

/* The mesos.v1.executor.Event of an action for an executor (protobuf). False when it is none. */
bool agent_encode_executor_event(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                                 struct sbuf *event);
/* HEARTBEAT. */
void agent_encode_executor_heartbeat(struct sbuf *event);

/* A container id as printed ("parent.child") becomes nested messages. */
void wire_put_container_id(struct sbuf *b, uint32_t number, struct str id);

/* StatusUpdateRecord{UPDATE}, and UpdateOperationStatusMessage: the fields. */
void wire_put_update_record(struct sbuf *b, const struct agent *a, const struct agent_stream *s,
                            const struct task_status *status);
void wire_put_operation_update(struct sbuf *b, const struct agent *a, const struct agent_operation *o);

/* mesos.v1.Operation of an operation, as field number (0: the fields). */
void wire_put_agent_operation(struct sbuf *b, uint32_t number, const struct agent *a, const struct agent_operation *o);

#endif
