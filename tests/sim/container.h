/* SPDX-License-Identifier: Apache-2.0 */
/* Between a simulated machine and the executors that run on it. The executor's cores have names that other
 * cores have too, so they are linked into one object of which only sim_ names are seen; this header is all
 * that both sides share. */
#ifndef STOA_SIM_CONTAINER_H
#define STOA_SIM_CONTAINER_H

#include "tests/sim/sim.h"

struct container;

struct container_facts {
    const char *framework_id, *executor_id;
    bool checkpoint, pod;
    int agent; /* index */
};
struct container_facts container_facts(const struct container *c);
struct sim *sim_of_container(const struct container *c);
/* By the executor's process: it is gone. */
void container_ended(struct container *c, int status);

struct proc *sim_executor_new(struct container *c, const char *name, const char *agent_addr, int host);

/* What ledger.c wants to hear of executors. */
void ledger_task_started(struct sim *s, int agent, struct str framework, struct str task);
void ledger_task_ended(struct sim *s, struct str framework, struct str task);
void ledger_update_made(struct sim *s, struct str framework, struct str task, int state);

/* A port of a task on a machine. ILL: connections are taken, requests fail. */
enum port_state { PORT_CLOSED, PORT_OPEN, PORT_ILL };
void ledger_port(struct sim *s, int agent, uint32_t port, enum port_state state, struct str task);

#endif
