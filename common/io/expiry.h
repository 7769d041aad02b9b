/* SPDX-License-Identifier: Apache-2.0 */
/* Many timeouts of the same length: a queue in the order of their ends, so that starting and stopping one
 * costs nothing but four pointers, and one loop timer serves all of them. A connection is moved between
 * queues with every request; a libevent timer each would be a heap operation each. */
#ifndef STOA_IO_EXPIRY_H
#define STOA_IO_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/io/loop.h"

struct expiry_queue;

/* Embedded in what expires. Zeroed: in no queue. */
struct expiry {
    struct expiry *next, *prev;
    struct expiry_queue *queue;
    struct mono at;
};

struct expiry_queue {
    struct expiry *head;
    int64_t ns;                              /* 0: never expires */
    void (*fn)(struct expiry *e, void *arg); /* e has been taken out */
    void *arg;
    struct expiry_timer *timer;
};

/* The timer that several queues share. */
struct expiry_timer {
    struct loop_timer timer;
    struct expiry_queue *queues[9];
    unsigned count;
};

void expiry_timer_init(struct expiry_timer *t, struct loop *loop);
void expiry_timer_done(struct expiry_timer *t);
void expiry_queue_init(struct expiry_queue *q, struct expiry_timer *t, int64_t ns,
                       void (*fn)(struct expiry *e, void *arg), void *arg);
/* (Re)starts e in q: it ends q->ns from now. */
void expiry_start(struct expiry_queue *q, struct expiry *e);
void expiry_stop(struct expiry *e); /* no effect when not started */

#endif
