/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold. The ledger is told what happens to every task, wherever it happens, and compares. It stands
 * outside of the programs: it knows at once what they learn late.
 *
 * - No task id is started twice. A task whose end was acknowledged does not start any more.
 * - Updates of a task come to its framework in the order in which its agent sends them, none left out; in the
 * end none is missing.
 * - A terminal state is final. TASK_LOST, TASK_UNREACHABLE and TASK_UNKNOWN are not terminal in this sense:
 * they say what the master does not know. Answers to reconciliation about tasks that are over are no states
 * either.
 * - An agent id that was told is in the registry.
 * - The books of the master add up after every step (master_check): offered and used within the total, a
 * resource in one offer, nothing offered from an agent that is not there. */
#ifndef STOA_SIM_LEDGER_H
#define STOA_SIM_LEDGER_H

#include "tests/sim/sim.h"

struct master;
struct task_info;
struct task_status;

struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

/* --- framework --- */
struct seen_update {
    struct str framework, task;
    int state, source, reason; /* numbers of the wire */
    bool deposed; /* who sees it does not lead any more, and may hear what is long over */
    bool has_uuid;
    struct uuid uuid;
};
void ledger_update_seen(struct sim *s, const struct seen_update *u);
/* The framework gave its id up, or the master took it: its tasks are to end, their updates nobody's. */
void ledger_abandoned(struct sim *s, const char *framework_id);
/* A master tells agents to end it. */
void ledger_framework_removed(struct sim *s, struct str id);
bool ledger_is_abandoned(struct sim *s, struct str framework, struct str task);
/* Whether its executor ended it as finished; whether it is alive by the latest news that its framework had. */
bool ledger_said_finished(struct sim *s, struct str framework, struct str task);
bool ledger_was_heard_of(struct sim *s, struct str framework, struct str task); /* as one that began */
bool ledger_thought_alive(struct sim *s, struct str framework, struct str task);
void ledger_acknowledged(struct sim *s, struct str framework, struct str task, const struct uuid *uuid);

/* --- master and agents --- */
void ledger_agent_told(struct sim *s, struct str agent_id);
void ledger_run_sent(struct sim *s, struct str framework, struct task_info *const *tasks, size_t n);
void ledger_run_arrived(struct sim *s, unsigned agent, struct str framework, struct task_info *const *tasks,
                        size_t n);
/* durable: it is in the agent's log. */
void ledger_update_sent(struct sim *s, unsigned agent, struct str framework, const struct task_status *status,
                        bool durable);
/* p gives an agent up: "agent=<id> ...". */
void ledger_agent_given_up(struct sim *s, const struct proc *p, struct str text);
/* It makes offers. */
void ledger_master_decides(struct sim *s, const struct proc *p);
/* On the agent's full disk: after a restart it may report an earlier state. */
void ledger_ack_not_kept(struct sim *s, struct str framework, struct str task);
void ledger_check_master(struct sim *s, const struct master *m);

/* What an agent's core says; in agent.c, because the two cores use the same names. */
struct agent_facts {
    bool running;
    const char *state; /* "RUNNING", "down" */
    const char *id;    /* "": never registered */
    size_t live_tasks; /* queued, launched */
    size_t operations; /* of frameworks that live, whose status nobody has acknowledged */
    size_t orphans;    /* those of frameworks that are gone */
    const struct resources *total;
    const char *idle_executor; /* NULL: none; made for a task that is over or was never there */
};
struct agent_facts sim_agent_facts(struct sim *s, unsigned index);

/* --- the end: fails, or says what is still open ("" when all is settled) --- */
const char *ledger_no_leader(struct sim *s); /* "" when a master leads and knows its registry; the next is for then */
const char *ledger_unsettled(struct sim *s);
bool ledger_has_orphans(struct sim *s); /* operations of frameworks that are gone */
/* Whether exactly so many tasks of this framework run. */
const char *ledger_compare(struct sim *s, const char *framework_id, size_t tasks);

size_t ledger_agent_tasks(struct sim *s, const char *agent_id); /* that it runs or is about to */
bool ledger_agent_lives(struct sim *s, const char *agent_id); /* some agent has this id now */

/* --- ports of running tasks --- */
/* A lasting text for the machine's name or address. */
const char *ledger_host(struct sim *s, struct str host);
/* What a probe from that machine gets: an HTTP status, 0: no connection. */
unsigned ledger_probe(struct sim *s, int from, const char *host, uint32_t port);

struct ledger_counts {
    uint64_t tasks, started, updates, duplicates;
};
struct ledger_counts ledger_count(const struct sim *s);

#endif
