/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks on the SDK, as the rest of the simulator sees them. They are linked with the SDK's shell into
 * one object of which only these names are seen (make/sim.mk). */
#ifndef STOA_SIM_FRAMEWORK_H
#define STOA_SIM_FRAMEWORK_H

#include "tests/sim/sim.h"

void sim_framework_new(struct sim *s, unsigned index);
void sim_framework_free(struct proc *p);
const char *sim_framework_id(const struct proc *p); /* "": none */
const char *sim_framework_unsettled(struct proc *p); /* "" when it is subscribed and knows of all its tasks */

void sim_marathons_new(struct sim *s);
void sim_marathon_free(struct proc *p);
/* Of the one that leads. */
const char *sim_marathon_unsettled(struct sim *s);
struct sim_marathon_books {
    const char *framework_id; /* "": none yet */
    size_t tasks;             /* that it believes to be somewhere */
    bool waits;               /* it has what waits for ever for an agent that was given up */
};
struct sim_marathon_books sim_marathon_books(struct sim *s);

#endif
