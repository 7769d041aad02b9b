/* SPDX-License-Identifier: Apache-2.0 */
/* A framework's reservations, with operation ids: what it asked for, what it was told, what it still has to hear.
 *
 * - An operation that it never asked for is not told. That it happened, or not, is final.
 * - In the end every operation is over, or the master says that it does not know, and none waits for an acknowledgement. */
#ifndef STOA_SIM_RESERVE_H
#define STOA_SIM_RESERVE_H

#include "scheduler-sdk/include/stoa/scheduler.h"
#include "tests/sim/sim.h"

struct fw_operation {
    char id[32], agent_id[64];
    int state; /* -1: nothing heard */
    bool over;
};

struct fw_reserver {
    struct proc *p;
    const char *role; /* "*": it reserves nothing */
    struct fw_operation *v;
    size_t count, cap;
    unsigned serial; /* never used again */
};

/* The cpus of one task become reserved for the role and the task uses them, in the same call. False: not possible here. */
bool fw_reserve_and_launch(struct fw_reserver *x, struct stoa_scheduler *s, const struct stoa_offer *o, struct stoa_task *tasks,
                           size_t count, double refuse_s);
/* Gives back what is reserved in the offer. False: nothing is, and the offer is not used. */
bool fw_unreserve(struct fw_reserver *x, struct stoa_scheduler *s, const struct stoa_offer *o, double refuse_s);
/* acknowledge false: it forgets to, and will be told again. */
void fw_operation_told(struct fw_reserver *x, struct stoa_scheduler *s, const struct stoa_operation_status *st, bool acknowledge);
void fw_reconcile_operations(struct fw_reserver *x, struct stoa_scheduler *s);
const char *fw_operations_unsettled(const struct fw_reserver *x); /* "": all is over */

#endif
