/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts of marathon: people who pause them, let them go on, promote them and take them back; and what must hold of them. */
#ifndef STOA_SIM_MARATHON_ROLLOUTS_H
#define STOA_SIM_MARATHON_ROLLOUTS_H

#include "tests/sim/marathon/node.h"

/* What people were told of pauses; one for all marathons of a history. */
struct rollouts_watch *rollouts_watch_new(void);
void rollouts_watch_free(struct rollouts_watch *w);

void rollouts_people_act(struct sim *s, struct proc *p, void *arg, uint64_t unused); /* again and again */
void rollouts_told(struct marathon_node *n, const struct bus_event *e);
/* Before and after a handler: of one slot. */
void rollout_before(const struct slot *s, struct rollout_seen *ret);
void rollout_judge(struct marathon_node *n, const struct slot *s, const struct rollout_seen *before);

#endif
