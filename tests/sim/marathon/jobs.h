/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of marathon: people who use them, and what must hold of them. */
#ifndef STOA_SIM_MARATHON_JOBS_H
#define STOA_SIM_MARATHON_JOBS_H

#include "tests/sim/marathon/node.h"

/* What is durable of jobs, as far as anybody has seen it; one for all marathons of a history. */
struct jobs_watch *jobs_watch_new(void);
void jobs_watch_free(struct jobs_watch *w);

void jobs_people_act(struct sim *s, struct proc *p, void *arg, uint64_t unused); /* again and again */
void jobs_told(struct marathon_node *n, const struct bus_event *e);
void jobs_loaded(struct marathon_node *n); /* from its store, and nothing has happened since */
void jobs_judge(struct marathon_node *n);  /* after a handler */
const char *jobs_unsettled(struct marathon_node *n); /* "" when all runs are over and accounted for */
/* The running marathon sends a launch of this task, which may be of an app. */
void jobs_launched(struct sim *s, struct str task);

#endif
