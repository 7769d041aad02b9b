/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated loop from within: what the HTTP client, which hangs on it, has to know. */
#ifndef STOA_SIM_FAKELOOP_H
#define STOA_SIM_FAKELOOP_H

#include "common/io/loop.h"
#include "tests/sim/sim.h"

struct loop {
    struct proc *p;
    unsigned refs;
    struct loop_timer **timers;
    size_t timer_count, timer_cap;
    struct loop_work *work[LOOP_PHASE_COUNT];
    struct http_client *clients;
    bool is_guest;
    struct mono armed; /* of a guest */
};

/* From here on this process runs; as fake_process, in the middle of its handler. */
void fake_enter(struct proc *p);

#endif
