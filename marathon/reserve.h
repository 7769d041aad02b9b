/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations and persistent volumes as operations on an offer. Two labels say to whom a reservation
 * belongs; with them it is found again in any offer. Everything is copied into the arena, as in task.h; the
 * functions write up to two operations at ret and add to *count. False when the arena is spent. */
#ifndef STOA_MARATHON_RESERVE_H
#define STOA_MARATHON_RESERVE_H

#include "marathon/core/marathon.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

#define RESERVATION_LABEL_FRAMEWORK "marathon_framework_id"
#define RESERVATION_LABEL_INSTANCE "marathon_task_id"

struct reserving {
    const char *framework_id, *principal; /* principal NULL: none */
};

/* RESERVE of all picks, CREATE of the volumes among them. */
bool reserve_build(struct stoa_operation *ret, const struct launch *l, const struct stoa_offer *offer,
                   const struct reserving *r, struct arena *a, size_t *count);
/* DESTROY of the volumes among the picks, UNRESERVE of all. */
bool reclaim_build(struct stoa_operation *ret, const struct launch *l, const struct stoa_offer *offer,
                   struct arena *a, size_t *count);

#endif
