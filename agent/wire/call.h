/* SPDX-License-Identifier: Apache-2.0 */
/* A request body of /api/v1 or /api/v1/executor to its unpacked call, with the original's error texts. Pure. */
#ifndef STOA_AGENT_WIRE_CALL_H
#define STOA_AGENT_WIRE_CALL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/error.h"

int agent_decode_call(const ProtobufCMessageDescriptor *type, bool json, struct str body, struct arena *arena,
                      ProtobufCMessage **ret, struct error *err);

#endif
