/* SPDX-License-Identifier: Apache-2.0 */
/* Stateless checks of messages: what can be judged from the message alone. Each returns 0 or ERR_INVALID with the phrase that
 * clients see in a 400 body or a status message. Sources: reference of the scheduler API, 16 and 17; of the executor API, 2. */
#ifndef STOA_WIRE_VALIDATE_H
#define STOA_WIRE_VALIDATE_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_executor.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

/* Structure of a call: type, the sub-message named after it, framework_id, uuid sizes. The text has no prefix; the HTTP
 * layer adds its own. An unknown type passes: the caller answers 501. */
int validate_scheduler_call(const Mesos__V1__Scheduler__Call *c, struct error *err);
int validate_executor_call(const Mesos__V1__Executor__Call *c, struct error *err);

int validate_framework_info(const Mesos__V1__FrameworkInfo *f, struct error *err);
/* suppressed_roles of SUBSCRIBE and UPDATE_FRAMEWORK: valid, no doubles, all among the framework's roles. */
int validate_suppressed_roles(char *const *roles, size_t n, const Mesos__V1__FrameworkInfo *f, struct error *err);

/* Every role of the constraints is among the framework's; checked before they are converted. */
int validate_offer_constraint_roles(const Mesos__V1__Scheduler__OfferConstraints *c, const Mesos__V1__FrameworkInfo *f,
                                    struct error *err);

/* Resources as a whole, after their conversion: see convert.h. These check messages. */
int validate_command(const Mesos__V1__CommandInfo *c, struct error *err);
int validate_environment(const Mesos__V1__Environment *e, struct error *err);
int validate_container(const Mesos__V1__ContainerInfo *c, struct error *err);
int validate_check(const Mesos__V1__CheckInfo *c, struct error *err);
int validate_health_check(const Mesos__V1__HealthCheck *h, struct error *err);
int validate_kill_policy(const Mesos__V1__KillPolicy *k, struct error *err);

/* Rules 1, 4 to 13 and 16 as far as they need no state; the executor's too when the task has one. The resources must have been
 * converted: they are passed as values. */
struct resources;
/* What frameworks may ask for, beside resource_check: disks, whole gpus, one allocation role, unique persistence ids, no mix of
 * revocable and other resources of one name. */
int validate_resources(const struct resources *r, struct error *err);
int validate_task(const Mesos__V1__TaskInfo *t, const struct resources *resources, const struct resources *executor,
                  bool is_group, struct error *err);
int validate_executor(const Mesos__V1__ExecutorInfo *e, const struct resources *resources, bool is_group,
                      struct error *err);

#endif
