/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in: messages of agents and calls of frameworks and operators, validated and turned into core events. Pure: the
 * books are read where a message's meaning depends on them (ids to come, the role of accepted offers), never changed.
 *
 * A struct decoded owns what its event lends; release it after the step. */
#ifndef STOA_MASTER_WIRE_DECODE_H
#define STOA_MASTER_WIRE_DECODE_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "master/core/master.h"

struct operation;

struct decoded {
    struct arena arena;
    struct sbuf wire;                /* a JSON body as protobuf */
    struct master_event ev;          /* type, pid and payload; time and request are the caller's to set */
    struct call_request call;
    struct subscribe_request subscribe;
    struct operator_request op;
    char *invalid;                   /* owned text of subscribe.invalid */
    struct operation *ops;           /* of the arena; their content is owned */
    size_t op_count;
    struct quota_value *quotas;      /* of the arena; their content is owned */
    size_t quota_count;
    struct name **names;             /* of the arena; one reference each */
    size_t name_count;
};

enum { DECODE_BUDGET = 256 << 20 };  /* bytes of memory for one message; bodies are limited to 16 MiB */

void decoded_init(struct decoded *d);
void decoded_done(struct decoded *d);

/* A message to "master" from pid, or to "slave-observer(n)". ERR_NOT_FOUND: not a message that we know (dropped);
 * otherwise ERR_INVALID or ERR_LIMIT: dropped with a line in the log. */
int decode_message(const struct master *m, struct str to, struct str name, struct str pid, struct str body,
                   struct decoded *d, struct error *err);

/* The same for messages of old drivers: mesos.scheduler.Call and the messages that came before it. principal: the
 * authenticated one, or empty. Sets ev to SUBSCRIBE, CALL or DRIVER_ABORT with the sender's pid. */
int decode_driver_message(const struct master *m, struct str name, struct str pid, struct str principal, struct str body,
                          struct decoded *d, struct error *err);

/* A body of the API, JSON or protobuf, as checked protobuf bytes; JSON ones live in d. The errors are texts for a 400. */
int decode_body(const ProtobufCMessageDescriptor *type, struct str body, bool json, struct decoded *d, struct str *ret_bytes,
                struct error *err);

/* A scheduler call of decode_body. Sets ev to SUBSCRIBE or CALL. principal: the authenticated one, or empty. The errors
 * are texts for a 400. */
int decode_scheduler_call(const struct master *m, struct str bytes, struct str principal, struct decoded *d,
                          struct error *err);

/* --- operators --- */
/* The writing calls of the operator API, by mesos.v1.master.Call; sets ev to OPERATOR. 1: not such a call (a question, or
 * something for the shell). */
int decode_operator_call(const struct master *m, struct str bytes, struct str principal, struct decoded *d,
                         struct error *err);
/* RESERVE and so on of the form endpoints: number is the type of Offer.Operation, resources a JSON array. */
int decode_operator_form(const struct master *m, int type, struct str agent_id, struct str resources, struct str source,
                         struct str principal, struct decoded *d, struct error *err);
int decode_weights_json(struct str body, struct decoded *d, struct error *err);
/* Schedule, and the arrays of MachineID of /machine/down and /machine/up. */
int decode_schedule_json(struct str body, struct decoded *d, struct error *err);
int decode_machines_json(struct str body, bool down, struct decoded *d, struct error *err);
int decode_quota_request_json(struct str body, struct decoded *d, struct error *err);

#endif
