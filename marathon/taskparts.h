/* SPDX-License-Identifier: Apache-2.0 */
/* What tasks of apps and of pods are made of alike, as the scheduler library has it. Memory of the arena; NULL or false when it
 * is spent. */
#ifndef STOA_MARATHON_TASKPARTS_H
#define STOA_MARATHON_TASKPARTS_H

#include "marathon/core/marathon.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

enum { CONTAINER_JSON_MAX = 64 << 20 };

const char *part_text(struct arena *a, struct str s); /* NULL when absent */
const struct stoa_label *part_labels(struct arena *a, const struct list *labels, size_t *ret_n);     /* of struct kv */
const struct stoa_variable *part_variables(struct arena *a, const struct list *env, size_t *ret_n);  /* of struct task_variable */
const struct stoa_uri *part_uris(struct arena *a, const struct list *artifacts, size_t *ret_n);      /* of struct artifact */
/* The library takes 0 for "not given", which the protocol then reads as 10 or 15 s, and below zero for none. */
double part_seconds(int64_t s);
int64_t part_limit_milli(const struct resource_limit *r); /* 0: none, -1: unlimited */

/* A part of an offered resource. Memory of the arena; false when it is spent. */
bool task_resource(struct stoa_resource *ret, const struct stoa_resource *from, int64_t milli,
                   const struct stoa_range *ranges, size_t range_count, struct arena *a);

/* A whole one, as it was offered: a persistent volume. */
bool task_volume(struct stoa_resource *ret, const struct stoa_resource *from, struct arena *a);

#endif
