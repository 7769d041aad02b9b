/* SPDX-License-Identifier: Apache-2.0 */
/* Oversubscription: --resource_estimator says what is offered once more as revocable resources, --qos_controller when those who
 * hold them have to go. Both are modules of the original that are built in; their parameters come with --modules:
 *
 *   org_apache_mesos_FixedResourceEstimator  `resources`, in the syntax of --resources: so much, whatever runs
 *   org_apache_mesos_LoadQoSController       `load_threshold_5min`, `load_threshold_15min`: over one of them every executor with
 *                                            revocable resources is ended, its tasks TASK_GONE, REASON_CONTAINER_PREEMPTED
 *
 * The decisions are the core's (AGENT_EV_ESTIMATE, AGENT_EV_PREEMPT). Source: reference of executors and agent, §24. */
#ifndef STOA_AGENT_OVERSUBSCRIPTION_H
#define STOA_AGENT_OVERSUBSCRIPTION_H

#include "common/base/error.h"

struct shell;
struct oversubscription;

/* Reads the flags. Nothing is said to the core before oversubscription_start. */
int oversubscription_new(struct oversubscription **ret, struct shell *s, struct error *err);
void oversubscription_start(struct oversubscription *o);
void oversubscription_free(struct oversubscription *o); /* NULL is fine */

#endif
