/* SPDX-License-Identifier: Apache-2.0 */
/* The people who run the cluster: they set quotas and weights, drain and deactivate machines and take them back, mark agents
 * gone, tear frameworks down. What was answered with 200 holds from then on, whoever leads; that is checked where the master
 * acts. A request without an answer may have happened or not: about that agent or role nothing is judged until the next.
 *
 * - An agent that is drained or deactivated is offered to nobody and gets no launches; a drained one ends empty.
 * - An agent that is gone never is admitted again.
 * - No offer takes a role over its quota's limits.
 * - What is reserved for a role is offered to that role alone. */
#ifndef STOA_SIM_OPERATOR_H
#define STOA_SIM_OPERATOR_H

#include "tests/sim/sim.h"

struct offer;

void operator_boot(struct sim *s);
void operator_free(struct sim *s);

/* --- told by master.c --- */
void operator_saw_change(struct sim *s, struct str agent_id); /* its record is being stored */
void operator_saw_removal(struct sim *s, struct str agent_id); /* its record is being deleted, and what was asked of it with it */
void operator_answered(struct sim *s, uint64_t request, unsigned status, struct str text);
void operator_saw_offers(struct sim *s, const struct proc *p, const struct offer *const *offers, size_t n);
void operator_saw_launch(struct sim *s, const struct proc *p, struct str agent_id);
void operator_check(struct sim *s, const struct proc *p); /* after a step of a master */
void operator_saw_admission(struct sim *s, const struct proc *p, struct str agent_id);

/* "" when the cluster is as it was asked to be. */
const char *operator_unsettled(struct sim *s);
bool operator_may_be_gone(const struct sim *s, const char *agent_id); /* somebody has asked for that */
bool operator_gave_up_any(const struct sim *s);
void operator_doom(struct sim *s, const char *framework_id);
bool operator_doomed(const struct sim *s, const char *framework_id); /* somebody has asked for its end */

#endif
