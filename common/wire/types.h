/* SPDX-License-Identifier: Apache-2.0 */
/* Message types by their full protobuf names ("mesos.internal.RunTaskMessage"), for what names its type at
 * run time: libprocess messages, tools, tests. */
#ifndef STOA_WIRE_TYPES_H
#define STOA_WIRE_TYPES_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "common/base/str.h"

/* NULL when there is no such message. */
const ProtobufCMessageDescriptor *wire_type(struct str full_name);

/* All of them, ordered by name; map entries are not among them. */
const ProtobufCMessageDescriptor *const *wire_types(size_t *ret_count);

#endif
