/* SPDX-License-Identifier: Apache-2.0 */
/* Maintenance of machines: the operator sets schedules, takes machines down and up again, also while the request before is still
 * being stored. What was answered with 200 holds from then on, whoever leads; of a machine about which a request has no answer nothing is
 * judged until one has.
 *
 * - The books of the master that leads have the modes and windows that were asked for, after a failover too.
 * - No agent stays in the books whose machine is down. It ends, and in the end runs nothing.
 * - A schedule that leaves out a machine which is down is refused.
 * - There are inverse offers only for agents of machines in the schedule, for the window that is in it, and one for an agent and framework. In
 *   the end every framework that has something on such an agent was sent one. */
#ifndef STOA_SIM_MAINTENANCE_H
#define STOA_SIM_MAINTENANCE_H

#include "tests/sim/sim.h"

struct inverse_offer;
struct operator_request;

struct maintenance *maintenance_new(struct sim *s);
void maintenance_free(struct maintenance *x);

void maintenance_do_something(struct sim *s, struct rng *r, uint64_t request);
void maintenance_tidy(struct sim *s, uint64_t request); /* when all is well: everything goes up again */

/* --- told by operator.c, master.c and frameworks --- */
void maintenance_answered(struct sim *s, uint64_t request, unsigned status, struct str text);
void maintenance_saw_inverse(struct sim *s, const struct inverse_offer *const *offers, size_t n); /* they are being sent */
void maintenance_saw_rescind(struct sim *s, struct str inverse_offer_id);
void maintenance_saw_subscribed(struct sim *s, struct str framework_id); /* it knows of none any more */
void maintenance_check(struct sim *s, const struct proc *p); /* after a step of a master that has read its registry */

const char *maintenance_unsettled(struct sim *s); /* "": every machine is up */
/* Whether its machine was asked to go down: what it told then may be lost with it. */
bool maintenance_may_have_ended(const struct sim *s, unsigned agent);
bool maintenance_ended_any(const struct sim *s);

#endif
