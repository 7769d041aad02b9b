/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated executor process: its session with the agent is the same for all (executor.c), what it does with tasks is its kind's
 * (command.c, pod.c), and a task's own process is task.c. */
#ifndef STOA_SIM_EXECUTOR_H
#define STOA_SIM_EXECUTOR_H

#include "executor/core/session.h"
#include "executor/sdk/wire.h"
#include "tests/sim/container.h"

struct executor_node;

struct executor_kind {
    void (*make)(struct executor_node *n); /* sets own */
    void (*launch)(struct executor_node *n, const struct str *tasks, size_t count); /* one, or a group: views */
    void (*kill)(struct executor_node *n, struct str task_id, int64_t grace_ns);
    void (*acknowledged)(struct executor_node *n); /* all that was said */
    void (*shutdown)(struct executor_node *n, bool lost);
    void (*connection)(struct executor_node *n, bool connected);
    void (*tick)(struct executor_node *n);
    void (*died)(struct executor_node *n); /* frees own */
};
extern const struct executor_kind executor_command, executor_pod;

struct executor_node {
    struct proc *p;
    struct container *c;
    struct container_facts facts;
    const struct executor_kind *kind;
    void *own; /* of the kind */
    char *agent_addr, *framework_id, *executor_id;
    struct session session;
    struct mono session_wake, core_wake, resend_at;
    uint64_t stream, calls; /* numbers of connections; 0: none */
    unsigned stream_status; /* of the head */
    bool killing_state, partition_aware;
    int wait_status; /* of the container, when this process is gone */
};

static inline struct sim *sim_of(const struct executor_node *n)
{
    return n->p->sim;
}

/* Fills in what is the same for all updates, keeps it until it is acknowledged, and sends it. */
void executor_update(struct executor_node *n, struct exec_status *status);
void executor_wake_at(struct executor_node *n, struct mono at); /* of the kind */
void executor_leave(struct executor_node *n, int status);

/* --- the process of a task ---
 *
 *     "exit MS STATUS"   ends by itself after MS with this exit status
 *     "flaky MS"         ends by itself with status 1 after up to twice MS
 *     "forever"          runs until it is killed
 *
 * Some take their time to die, a few ignore SIGTERM. */
struct task_process {
    struct executor_node *n;
    void (*ended)(struct task_process *t, int status); /* as from waitpid */
    unsigned index; /* the owner's */
    char *bytes;
    struct str task; /* TaskInfo, a view of bytes */
    bool running;
    unsigned life; /* of the process: ends that were planned for an older one do not count */
    bool stubborn;
    uint32_t ports[8];
    unsigned port_count;
};

struct task_process *task_process_new(struct executor_node *n, struct str task, void (*ended)(struct task_process *t, int status));
void task_process_free(struct task_process *t); /* one that runs dies */
void task_process_spawn(struct task_process *t);
void task_process_signal(struct task_process *t, int signo);

#endif
