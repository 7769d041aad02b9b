/* SPDX-License-Identifier: Apache-2.0 */
/* Running histories: one, many on all processors, and a failing one made small. */
#ifndef STOA_SIM_HISTORY_H
#define STOA_SIM_HISTORY_H

#include <stdio.h>

#include "tests/sim/ledger.h"
#include "tests/sim/sim.h"

struct outcome {
    bool failed;
    char why[600];
    int64_t ended_ns, settled_ns; /* settled: after the faults */
    uint64_t hash, events;
    struct ledger_counts counts;
    unsigned crashes;
    unsigned agents, frameworks, masters, steps[STEP_KINDS]; /* that there were */
};

/* out NULL: the end of a failure's trace is not printed. line NULL: nobody reads the trace (of trace_lines at most). */
typedef void history_line_fn(const char *line, void *arg);
void history_run(const struct sim_options *o, FILE *out, history_line_fn *line, void *arg, struct outcome *ret);

struct tally {
    uint64_t passed, failed, crashed; /* crashed: the simulator itself ended, by an assertion say */
    uint64_t events, tasks, updates, crashes;
    int64_t slowest_ns;
};

struct run_options {
    uint64_t seeds; /* from o->seed on */
    unsigned jobs;
    bool twice, quiet, until_failure;
};

/* --- workers.c: each seed in one of some processes, so that one that ends by an assertion is one failed seed. */
void workers_run(const struct sim_options *o, const struct run_options *r, struct tally *ret);

/* --- minimise.c: leaves out what the failure does not need, and tells what is left as a story. False: the seed does not
 * fail. */
bool minimise(const struct sim_options *o);

/* --- main.c */
void reproduce_line(FILE *out, const struct sim_options *o);

#endif
