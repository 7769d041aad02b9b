/* SPDX-License-Identifier: Apache-2.0 */
/* The way in and out for protobuf bytes.
 *
 * wire_check walks untrusted bytes with the descriptor before anything is allocated: protobuf-c itself has
 * no depth limit, does not look at UTF-8, and does not say why it failed. wire_unpack checks and then unpacks
 * into an arena, whose budget bounds the memory. Single fields, without a descriptor, are read and put by
 * field.h.
 *
 * After wire_unpack succeeded: every required field is there, strings are UTF-8 without NUL bytes, and every
 * enum field holds a value that its descriptor knows (one that it does not know is treated as unset and kept
 * among the unknown fields, so that an encode gives it back). Messages belong to the arena: never call
 * free_unpacked. */
#ifndef STOA_WIRE_GUARD_H
#define STOA_WIRE_GUARD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/wire/field.h"

/* Most levels of messages in messages. The deepest legitimate ones (nested container ids) stay below 20. */
#define WIRE_DEPTH_MAX 32

/* --- checked decoding --- */

/* Says whether the bytes are a complete message of this type. ERR_INVALID names what is wrong; missing
 * required fields are listed by their paths ("subscribe.framework_info.user"). ERR_LIMIT for depth. */
int wire_check(const ProtobufCMessageDescriptor *type, struct str bytes, struct error *err);

/* Checks and unpacks. ERR_NOMEM when the arena's budget does not suffice. */
int wire_unpack(const ProtobufCMessageDescriptor *type, struct str bytes, struct arena *arena,
                ProtobufCMessage **ret_message, struct error *err);

/* As wire_unpack with types: Mesos__V1__TaskInfo *task;
 * rc = WIRE_UNPACK(mesos__v1__task_info, bytes, arena, &task, err); */
#define WIRE_UNPACK(type_, bytes_, arena_, ret_, err_)                                \
    ({                                                                                \
        ProtobufCMessage *m_ = NULL;                                                  \
        int rc_ = wire_unpack(&type_##__descriptor, (bytes_), (arena_), &m_, (err_)); \
        if (rc_ == 0)                                                                 \
            *(ret_) = (__typeof__(*(ret_)))(void *)m_;                                \
        rc_;                                                                          \
    })

/* Appends the message. False when b failed (out of memory or over its maximum) or when the message is not
 * complete: a required string or message is NULL. */
bool wire_pack(struct sbuf *b, const ProtobufCMessage *message);
#define WIRE_PACK(b_, message_) wire_pack((b_), &(message_)->base)
/* Appends the message as field number of an enclosing message. */
bool wire_put_message(struct sbuf *b, uint32_t number, const ProtobufCMessage *message);

#endif
