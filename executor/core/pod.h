/* SPDX-License-Identifier: Apache-2.0 */
/* The default executor: task groups, each task a container nested in the executor's own, made and ended by the agent. Pure.
 *
 * A task:
 *
 *     LAUNCHING -- launched --> RUNNING -- kill --> KILLING -- the container ended --> ENDED
 *         \______ failed, killed ____________________\______________________________/
 *
 * When a task fails or is killed, the rest of its group is killed. When no task is left, the executor waits for the
 * acknowledgements and leaves. After a reconnect every container is waited for again, and launches without an answer
 * are sent again (the agent answers 202 to an id that it has). Source: agent reference, §8. */
#ifndef STOA_EXECUTOR_CORE_POD_H
#define STOA_EXECUTOR_CORE_POD_H

#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/base/uuid.h"
#include "executor/core/command.h"

enum { POD_TASKS_MAX = 1000 };

enum pod_task_state { POD_LAUNCHING, POD_RUNNING, POD_KILLING, POD_ENDED };

struct pod_task {
    char *task_id;
    char container[UUID_TEXT_SIZE]; /* last element of the nested container's id */
    unsigned group;
    unsigned index;                 /* stable; position in pod.tasks */
    enum pod_task_state state;
    bool launched;                  /* the agent has said so */
    bool killed, killed_by_health, completion_reached;
    int signo;                      /* last one sent; 0: none */
    int64_t kill_grace_ns, max_completion_ns;
    struct mono kill_began, kill_at, complete_at, retry_at;
};

enum pod_event_type {
    POD_EV_LAUNCH,         /* tasks, count: one group */
    POD_EV_LAUNCHED,       /* index; message NULL: it runs, else why not */
    POD_EV_ENDED,          /* index; status as from waitpid, or gone; state, reason, message of the agent if it has them */
    POD_EV_KILL_FAILED,    /* index: the agent could not be told */
    POD_EV_KILL,           /* task_id, grace_ns */
    POD_EV_SHUTDOWN,       /* lost */
    POD_EV_HEALTH,         /* index, healthy, kill */
    POD_EV_CHECKED,        /* index */
    POD_EV_CONNECTION,     /* connected */
    POD_EV_ALL_ACKNOWLEDGED,
    POD_EV_TICK,
};

struct pod_new_task {
    struct str task_id;
    int64_t kill_grace_ns, max_completion_ns;
};

struct pod_event {
    enum pod_event_type type;
    const struct pod_new_task *tasks;
    size_t count;
    unsigned index;
    const char *message;
    int status;
    bool gone;             /* 404: nothing is known of its end */
    int state, reason;     /* -1: not said */
    struct str task_id;
    int64_t grace_ns;
    bool healthy, kill, connected, lost;
    bool killing_state;    /* of the framework; with LAUNCH */
};

enum pod_action_type {
    POD_DO_LAUNCH,         /* index */
    POD_DO_WAIT,           /* index; replaces a wait that is open */
    POD_DO_SIGNAL,         /* index, signo, through the agent */
    POD_DO_UPDATE,         /* index, state, reason, message, healthy */
    POD_DO_START_CHECKS,   /* index */
    POD_DO_STOP_CHECKS,    /* index */
    POD_DO_PAUSE_CHECKS,   /* all */
    POD_DO_RESUME_CHECKS,  /* all */
    POD_DO_DROP,           /* index: launched while disconnected; DROPPED, or LOST */
    POD_DO_EXIT,           /* status */
};

struct pod_action {
    enum pod_action_type type;
    unsigned index;
    int state, reason, signo, status, healthy;
    char message[320];
};

struct pod {
    struct pod_task *tasks;
    size_t task_count, task_cap;
    unsigned groups;
    bool connected, shutting_down, killing_state, gone, lost, had_tasks;
    struct mono ack_at;
    struct pod_action *actions; /* of the last step */
    size_t action_count, action_cap;
    struct mono wake_at;
};

void pod_init(struct pod *p);
void pod_done(struct pod *p);
/* Fills p->actions and p->wake_at, valid until the next step. */
void pod_step(struct pod *p, const struct pod_event *ev, struct mono now, struct rng *rng);
struct pod_task *pod_find(struct pod *p, struct str task_id); /* the live or last one of this id; NULL */

#endif
