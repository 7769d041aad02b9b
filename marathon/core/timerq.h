/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of a core: a binary heap over nodes that live in their owners. Ties fire in the order of arming, so
 * that the same input gives the same order. A node is removed before its owner is freed. Arming, removing:
 * O(log n). */
#ifndef STOA_MARATHON_TIMERQ_H
#define STOA_MARATHON_TIMERQ_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/time.h"

struct timer {
    struct mono at;
    uint64_t seq;
    size_t pos; /* 1-based place in the heap; 0: not armed */
    int kind;   /* the owner's business */
    void *owner;
};

struct timerq {
    struct timer **heap; /* 1-based */
    size_t n, cap;
    uint64_t seq;
};

void timerq_done(struct timerq *q);
void timer_set(struct timerq *q, struct timer *t, struct mono at); /* arms or moves; MONO_NEVER removes */
void timer_clear(struct timerq *q, struct timer *t);
struct mono timerq_next(const struct timerq *q); /* MONO_NEVER when empty */
/* Takes the first timer that is due, or NULL. */
struct timer *timerq_pop(struct timerq *q, struct mono now);

#endif
