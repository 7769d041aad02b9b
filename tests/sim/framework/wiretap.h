/* SPDX-License-Identifier: Apache-2.0 */
/* For the ledger: what goes in and out of marathon, which tells nothing itself. Of other programs nothing is looked at. */
#ifndef STOA_SIM_WIRETAP_H
#define STOA_SIM_WIRETAP_H

#include "tests/sim/sim.h"

/* A call of the v1 scheduler API leaves; an event comes. */
void wiretap_call(struct proc *p, struct str call);
void wiretap_event(struct proc *p, struct str event);

#endif
