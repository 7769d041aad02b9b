/* SPDX-License-Identifier: Apache-2.0 */
/* The command executor: one task, one process tree. Pure.
 *
 *     IDLE -- LAUNCH --> RUNNING -- KILL, unhealthy, too long --> KILLING -- EXITED --> ENDED -- acknowledged --> exit
 *       |                   \_______________________ EXITED _________________________/
 *       \-- SHUTDOWN --> exit
 *
 * A kill sends SIGTERM to the whole tree, after the grace period SIGKILL, then every second again. Source: agent
 * reference, §7. */
#ifndef STOA_EXECUTOR_CORE_COMMAND_H
#define STOA_EXECUTOR_CORE_COMMAND_H

#include <stdbool.h>

#include "common/base/time.h"

/* Numbers of TaskState and TaskStatus.Reason, so that the shell needs no table. */
enum task_state_number {
    STATE_STARTING = 0, STATE_RUNNING = 1, STATE_FINISHED = 2, STATE_FAILED = 3, STATE_KILLED = 4, STATE_LOST = 5,
    STATE_STAGING = 6, STATE_ERROR = 7, STATE_KILLING = 8, STATE_DROPPED = 9,
};
enum task_reason_number {
    REASON_NONE = -1,
    REASON_MAX_COMPLETION_TIME_REACHED = 33,
    REASON_TASK_CHECK_STATUS_UPDATED = 28,
    REASON_TASK_HEALTH_CHECK_STATUS_UPDATED = 29,
};

#define GRACE_NONE INT64_C(-1)
#define GRACE_DEFAULT_NS (3 * NS_PER_S)

enum command_state { COMMAND_IDLE, COMMAND_RUNNING, COMMAND_KILLING, COMMAND_ENDED, COMMAND_GONE };

enum command_event_type {
    COMMAND_LAUNCH,          /* launch */
    COMMAND_LAUNCH_GROUP,
    COMMAND_START_FAILED,    /* message */
    COMMAND_EXITED,          /* status */
    COMMAND_KILL,            /* grace_ns; GRACE_NONE: as the task says */
    COMMAND_SHUTDOWN,
    COMMAND_HEALTH,          /* healthy, kill */
    COMMAND_CHECKED,         /* the result of a plain check changed */
    COMMAND_CONNECTION,      /* connected */
    COMMAND_ALL_ACKNOWLEDGED,
    COMMAND_TICK,
};

struct command_event {
    enum command_event_type type;
    struct {
        int64_t kill_grace_ns;     /* TaskInfo.kill_policy; GRACE_NONE */
        int64_t max_completion_ns; /* GRACE_NONE */
        bool killing_state;        /* the framework knows TASK_KILLING */
        int64_t shutdown_grace_ns; /* of the executor */
    } launch;
    int status;                    /* as from waitpid */
    int64_t grace_ns;
    bool healthy, kill, connected;
    bool lost;                     /* SHUTDOWN because the agent is lost for good: nobody will acknowledge */
    const char *message;
};

enum command_action_type {
    COMMAND_DO_SPAWN,
    COMMAND_DO_UPDATE,        /* state, reason, message, healthy */
    COMMAND_DO_REFUSE_TASK,   /* TASK_FAILED for the task of this LAUNCH, which is not ours */
    COMMAND_DO_SIGNAL,        /* signo to the whole tree */
    COMMAND_DO_START_CHECKS,
    COMMAND_DO_STOP_CHECKS,
    COMMAND_DO_EXIT,          /* status */
};

struct command_action {
    enum command_action_type type;
    int state, reason, signo, status;
    int healthy;              /* -1: not said */
    char message[192];        /* "": none */
};

enum { COMMAND_ACTIONS_MAX = 6 };

struct command_actions {
    struct command_action v[COMMAND_ACTIONS_MAX];
    unsigned n;
    struct mono wake_at;
};

struct command {
    enum command_state state;
    int64_t kill_grace_ns, shutdown_grace_ns;
    bool killing_state;
    bool killed, killed_by_health, completion_reached, connected, lost;
    struct mono kill_began, kill_at, complete_at, ack_at;
};

void command_init(struct command *c);
struct command_actions command_step(struct command *c, const struct command_event *ev, struct mono now);

/* "Command exited with status 3", "Command terminated with signal Killed". */
void command_exit_text(int status, char *ret, size_t size);

#endif
