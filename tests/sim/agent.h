/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated machine with an agent: its disk and its containers, which outlive the agent's process. */
#ifndef STOA_SIM_AGENT_H
#define STOA_SIM_AGENT_H

#include "agent/core/state.h"
#include "agent/wire/env.h"
#include "tests/sim/container.h"
#include "tests/sim/sim.h"

enum container_state { CONTAINER_STARTING, CONTAINER_RUNNING, CONTAINER_ENDED };

struct container {
    struct container *next;
    unsigned serial;
    struct agent_node *node;
    char *id, *framework_id, *executor_id;
    bool checkpoint;
    bool pod; /* its executor is the default one */
    enum container_state state;
    bool status_known;
    int status; /* as from waitpid */
    struct proc *executor;
    bool silent; /* nobody waits for its end */
};

struct agent_node {
    struct sim *sim;
    unsigned index;
    struct proc *p;
    struct vkv disk;
    bool disk_full; /* nothing can be written; what is there can be read and removed */
    struct container *containers;
    unsigned container_count; /* ever */
    unsigned boot;            /* of the machine; in the boot id */
    struct agent_env env;
    char hostname[16], pid[48], ip[24];

    /* of the process */
    struct agent *core;
    bool stepping;
    struct follow *follow, *follow_tail;
    uint64_t master_link;
    char *master;
    struct coord *coord;
    struct sbuf out;
};

/* --- disk.c: the checkpoints, as agent/checkpoint.c lays them out --- */
void disk_store(struct agent_node *n, const struct agent_action *act, bool *ret_failed);
/* What an earlier run left; to be released. */
struct disk_state {
    struct arena arena;
    struct agent_info *info;
    struct agent_recovered_framework *frameworks;
    size_t framework_count;
    struct resources resources;
    bool has_resources;
    const struct agent_operation_desc *operations;
    size_t operation_count;
    bool rebooted;
    struct str drain_config; /* empty: none */
    int64_t drain_grace_ns;
    bool drain_mark_gone;
};
void disk_read(struct agent_node *n, struct disk_state *ret);
void disk_state_done(struct disk_state *st);
void disk_forked(struct agent_node *n, const struct container *c); /* pids/forked.pid */

/* --- host.c: containers --- */
bool container_launch(struct agent_node *n, const struct agent_executor *e);
/* False: there is no such container. */
bool container_destroy(struct agent_node *n, const char *id);
struct container *container_find_by_id(const struct agent_node *n, struct str id);
void containers_agent_died(struct agent_node *n);
void containers_recover(struct agent_node *n, const struct disk_state *st);
void containers_done(struct agent_node *n);
void host_reboots(struct agent_node *n); /* agent and containers die, the disk stays */

/* --- agent.c --- */
void agent_event_now(struct agent_node *n, struct agent_event *ev);
void agents_free(struct sim *s);

#endif
