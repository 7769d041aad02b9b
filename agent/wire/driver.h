/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between the agent and executors that speak libprocess messages (v0). Pure.
 * Source: reference of the wire protocol, §13 and §16. */
#ifndef STOA_AGENT_WIRE_DRIVER_H
#define STOA_AGENT_WIRE_DRIVER_H

#include "agent/core/state.h"
#include "agent/wire/decode.h"

enum agent_driver_message { /* what an executor sends; NONE: not an executor's message */
    AGENT_DRIVER_NONE, AGENT_DRIVER_REGISTER, AGENT_DRIVER_REREGISTER, AGENT_DRIVER_UPDATE, AGENT_DRIVER_MESSAGE
};

enum agent_driver_message agent_driver_message_of(struct str name);
/* Whose it is; borrowed from body. ERR_INVALID: the body is not that message. */
int agent_driver_sender(enum agent_driver_message kind, struct str body, struct framework_id *ret_framework,
                        struct executor_id *ret_executor, struct error *err);
/* The event of a message whose sender is known. pid and stream: of REGISTER and REREGISTER. */
int agent_decode_driver_message(struct agent_event *ev, enum agent_driver_message kind, struct str body, struct str pid,
                                uint64_t stream, const struct agent_status_fill *fill, struct arena *arena,
                                struct error *err);

/* The message of an AGENT_DO_EXECUTOR_*: appends the body and returns its name; NULL: executors have no such message.
 * index: the task of a LAUNCH_GROUP. */
const char *agent_encode_driver_message(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                                        size_t index, struct sbuf *b);

#endif
