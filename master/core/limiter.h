/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the messages of one principal's drivers are let through: one each interval, the others wait in the order they came.
 * Pure: what waits is the caller's queue; here are its length and the times.
 *
 * Source: wire protocol, section 18. */
#ifndef STOA_MASTER_CORE_LIMITER_H
#define STOA_MASTER_CORE_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/time.h"

struct limiter {
    int64_t interval_ns;   /* 1 / qps; 0: everything passes at once */
    bool bounded;
    uint64_t capacity;     /* when bounded: so many may wait; 0: nothing passes */
    struct mono next;      /* the next may pass then */
    uint64_t waiting, dropped;
};

enum limiter_verdict { LIMITER_PASS, LIMITER_WAIT, LIMITER_OVER };

/* PASS: it is to be handled now. WAIT: it is one of the waiting. OVER: counted as dropped. */
enum limiter_verdict limiter_admit(struct limiter *l, struct mono now);
/* Takes a place behind what waits, whatever the capacity; false: nothing waits, so there is nothing to be behind. */
bool limiter_follow(struct limiter *l);
/* Whether the first that waits may pass now; then it waits no more. */
bool limiter_release(struct limiter *l, struct mono now);
/* When the first that waits may pass; MONO_NEVER: nothing waits. */
struct mono limiter_due(const struct limiter *l);

#endif
