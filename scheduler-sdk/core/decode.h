/* SPDX-License-Identifier: Apache-2.0 */
/* Events as bytes to the structs of the public header. Pure. What is decoded belongs to the arena, except the
 * raw bytes, which are lent from the input. */
#ifndef STOA_SDK_CORE_DECODE_H
#define STOA_SDK_CORE_DECODE_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/str.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

/* Numbers of mesos.v1.scheduler.Event.Type. */
enum sdk_event_type {
    SDK_EVENT_UNKNOWN = 0,
    SDK_EVENT_SUBSCRIBED = 1,
    SDK_EVENT_OFFERS = 2,
    SDK_EVENT_RESCIND = 3,
    SDK_EVENT_UPDATE = 4,
    SDK_EVENT_MESSAGE = 5,
    SDK_EVENT_FAILURE = 6,
    SDK_EVENT_ERROR = 7,
    SDK_EVENT_HEARTBEAT = 8,
    SDK_EVENT_INVERSE_OFFERS = 9,
    SDK_EVENT_RESCIND_INVERSE_OFFER = 10,
    SDK_EVENT_OPERATION = 11
};

struct sdk_event {
    enum sdk_event_type type; /* UNKNOWN also when the body that the type wants is missing: to be ignored */
    union {
        struct stoa_subscribed subscribed;
        struct {
            const struct stoa_offer *list;
            size_t count;
        } offers;
        struct {
            const struct stoa_inverse_offer *list;
            size_t count;
        } inverse_offers;
        const char *offer_id; /* of both RESCINDs */
        struct stoa_status status;
        struct stoa_operation_status operation;
        struct {
            const char *agent_id, *executor_id;
            struct stoa_bytes data;
        } message;
        struct stoa_failure failure;
        const char *error;
    };
};

/* bytes: one mesos.v1.scheduler.Event in protobuf. */
int sdk_decode(struct str bytes, struct arena *arena, struct sdk_event *ret, struct error *err);

#endif
