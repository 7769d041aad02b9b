/* SPDX-License-Identifier: Apache-2.0 */
/* What the two built-in executors share: starting commands, running checks, reaping. */
#ifndef STOA_EXECUTOR_BUILTIN_H
#define STOA_EXECUTOR_BUILTIN_H

#include <sys/types.h>

#include "executor/core/check.h"
#include "executor/sdk/client.h"

int executor_main(int argc, char **argv);
int command_executor_main(char **command); /* NULL terminated, instead of the task's; NULL: the task's */
int pod_executor_main(void);

/* --- spawn.c ------------------------------------------------------------------------------------------ */
/* Starts CommandInfo in a session of its own. The environment is this process's, then that of task_command, then that of
 * command (a check's, say; may be the same), then MESOS_ALLOCATION_ROLE; later ones win. */
int spawn_command(struct str command, struct str task_command, struct str role, pid_t *ret_pid, struct error *err);
/* The task's with these arguments, argv[0] looked up in PATH, and its environment. */
int spawn_task_argv(char *const argv[], struct str task_command, struct str role, pid_t *ret_pid, struct error *err);
/* argv given literally; the environment is this process's. */
int spawn_argv(char *const argv[], int out_fd, pid_t *ret_pid, struct error *err);

/* --- reaper: SIGCHLD as an event ---------------------------------------------------------------------- */
struct reaper {
    int fd;
    struct ev_watch *watch;
    void (*fn)(void *arg, pid_t pid, int status);
    void *arg;
};
int reaper_init(struct reaper *r, struct ev *ev, void (*fn)(void *arg, pid_t pid, int status), void *arg, struct error *err);
void reaper_done(struct reaper *r, struct ev *ev);

/* --- builtin.c: what both are around their cores ------------------------------------------------------- */
enum builtin_note {
    BUILTIN_DISCONNECTED,
    BUILTIN_SHUTDOWN,
    BUILTIN_LOST, /* the agent did not come back */
    BUILTIN_TICK,
};
struct builtin_ops {
    const char *name;
    void (*on_event)(void *owner, const struct exec_event *ev); /* ACKNOWLEDGED: only when nothing is unacknowledged; no ERROR */
    void (*on_note)(void *owner, enum builtin_note note);
    void (*on_child)(void *owner, pid_t pid, int status);
};
struct builtin {
    struct ev ev;
    struct exec_client client;
    struct reaper reaper;
    struct ev_timer timer;
    const struct builtin_ops *ops;
    void *owner;
    int exit_status;
    bool done;
};
/* Zeroed before. False: it was said why. */
bool builtin_init(struct builtin *b, const struct builtin_ops *ops, void *owner);
int builtin_run(struct builtin *b); /* until done; the exit status */
struct checker;
/* Sends a status of a task (TaskInfo; NULL: one that is not ours), with what its check and health check have to say in it. health: of the last
 * verdict; -1: none. */
void builtin_update(struct builtin *b, struct exec_status *status, struct str task, const struct checker *check, int health);

/* --- checks.c: one check or health check of one task ------------------------------------------------- */
struct checker {
    struct check core;
    struct check_spec spec;   /* views into the task, which outlives it */
    struct ev *ev;
    struct ev_timer timer;
    struct str task_command, role;
    pid_t pid;                /* of a running COMMAND check or curl; 0: none */
    int pipe_fd, sock_fd;
    struct ev_watch *sock_watch;
    struct xhttp http;
    bool http_busy;
    /* Instead of spawning: a COMMAND check of a nested container, answered by checker_result later. */
    void (*run_command)(void *owner, struct checker *c);
    void (*stop_command)(void *owner, struct checker *c);
    void *owner;
    void (*tell)(void *owner, struct checker *c, enum check_verdict v);
};
void checker_start(struct checker *c, struct ev *ev, const struct check_spec *spec);
void checker_stop(struct checker *c);   /* ends a run that is under way; no more verdicts */
void checker_pause(struct checker *c);
void checker_resume(struct checker *c);
bool checker_child_ended(struct checker *c, pid_t pid, int status); /* true: it was its */
/* value: exit code, status code, 0/1; CHECK_NO_VALUE: could not be performed; skipped: counts as neither. */
void checker_result(struct checker *c, int64_t value, bool skipped);

#endif
