/* SPDX-License-Identifier: Apache-2.0 */
/* The loop (fakeloop.c), HTTP client (fakehttp.c) and store (fakestore.c) that the shells of SDK and marathon call, on a simulated
 * process. One loop per process. */
#ifndef STOA_SIM_FAKEIO_H
#define STOA_SIM_FAKEIO_H

#include "tests/sim/sim.h"

struct loop;

/* Whose loop loop_new makes, and whose log is written. */
void fake_process(struct proc *p);
struct proc *fake_current(void);
struct loop *fake_loop(const struct proc *p); /* NULL: none */
/* What store_open_* opens. */
void fake_store(struct vstore *st);
void fake_packet(struct proc *p, struct link *l, struct packet *k);
void fake_closed(struct proc *p, struct link *l);
void fake_wake(struct proc *p);
/* A loop beside a program that is not written on one (masters, agents): it wakes itself. */
void fake_guest(struct proc *p);
/* Of the clock that blocking ends look at. */
void fake_time_passes(int64_t ns);
/* After the program did something outside of the above. */
void fake_turn(struct proc *p);

/* The framework id that this marathon knows; "": none. */
bool sim_marathon_leads(const struct proc *p); /* as far as the world knows */
const char *sim_marathon_framework(const struct proc *p);

#endif
