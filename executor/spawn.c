/* SPDX-License-Identifier: Apache-2.0 */
/* Starting of commands by posix_spawn (vfork): the child gets a session of its own, default signals, and the sandbox as
 * its directory and log, which are inherited. Also the reaper. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "executor/builtin.h"

enum { ENV_MAX = 8192 };

struct env {
    char **v; /* owned strings, NULL terminated */
    size_t n, cap;
};

static void env_set(void *arg, struct str name, struct str value)
{
    struct env *e = arg;
    char *entry = xmalloc(name.n + value.n + 2);
    memcpy(entry, name.p, name.n);
    entry[name.n] = '=';
    if (value.n != 0)
        memcpy(entry + name.n + 1, value.p, value.n);
    entry[name.n + value.n + 1] = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (strncmp(e->v[i], entry, name.n + 1) == 0) {
            free(e->v[i]);
            e->v[i] = entry;
            return;
        }
    }
    if (e->n >= ENV_MAX) {
        free(entry);
        return;
    }
    ARRAY_ROOM(e->v, e->n + 1, e->cap);
    e->v[e->n++] = entry;
    e->v[e->n] = NULL;
}

static void env_done(struct env *e)
{
    for (size_t i = 0; i < e->n; i++)
        free(e->v[i]);
    free(e->v);
}

static void env_own(struct env *e)
{
    for (char **p = environ; p != NULL && *p != NULL; p++) {
        struct str value = str_of(*p), name;
        if (str_cut(&value, '=', &name))
            env_set(e, name, value);
    }
}

/* A terminal on standard input is the task's: opened by the leader of a new session it becomes the controlling one.
 * Checks get none of it. */
static void add_terminal(posix_spawn_file_actions_t *fa, bool is_task)
{
    char path[64];
    if (ttyname_r(0, path, sizeof path) != 0) {
        if (!isatty(0))
            return;
        (void)snprintf(path, sizeof path, "/dev/console"); /* in a root of its own the terminal is found there */
    }
    (void)posix_spawn_file_actions_addopen(fa, 0, is_task ? path : "/dev/null", is_task ? O_RDWR : O_RDONLY, 0);
    if (!is_task)
        return;
    (void)posix_spawn_file_actions_adddup2(fa, 0, 1);
    (void)posix_spawn_file_actions_adddup2(fa, 0, 2);
}

static int spawn(char *const argv[], const char *file, char **envp, int out_fd, bool is_task, pid_t *ret,
                 struct error *err)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t fa;
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    (void)posix_spawn_file_actions_init(&fa);
    add_terminal(&fa, is_task);
    if (out_fd >= 0)
        (void)posix_spawn_file_actions_adddup2(&fa, out_fd, 1);
    int e = posix_spawnp(ret, file, &fa, &attr, argv, envp);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)posix_spawnattr_destroy(&attr);
    return e == 0 ? 0 : error_set_errno(err, e, "Failed to execute '%s'", file);
}

int spawn_argv(char *const argv[], int out_fd, pid_t *ret_pid, struct error *err)
{
    return spawn(argv, argv[0], environ, out_fd, false, ret_pid, err);
}

static size_t command_argv(struct str command, char **argv, size_t max)
{
    struct wire_field f;
    size_t n = 0;
    bool shell = wire_field_u64(command, 6, 1) != 0;
    struct str value = wire_field_bytes(command, 3);
    if (shell) {
        argv[n++] = xstrdup("sh");
        argv[n++] = xstrdup("-c");
        argv[n++] = xstrndup(value);
    } else {
        while (n + 1 < max && wire_field_next(&command, &f) == 1) {
            if (f.number == 7 && f.type == WIRE_BYTES)
                argv[n++] = xstrndup(f.bytes);
        }
        if (n == 0 && value.p != NULL)
            argv[n++] = xstrndup(value);
    }
    argv[n] = NULL;
    return n;
}

int spawn_command(struct str command, struct str task_command, struct str role, pid_t *ret_pid, struct error *err)
{
    static char *argv[4096];
    struct env env = { .n = 0 };
    bool shell = wire_field_u64(command, 6, 1) != 0;
    struct str value = wire_field_bytes(command, 3);
    if (value.p == NULL && shell)
        return error_set(err, ERR_INVALID, "Shell specified but no command value provided");
    size_t argc = command_argv(command, argv, sizeof argv / sizeof argv[0]);
    if (argc == 0)
        return error_set(err, ERR_INVALID, "No executable specified: CommandInfo has neither value nor arguments");
    env_own(&env);
    command_each_env(task_command, env_set, &env);
    if (task_command.p != command.p)
        command_each_env(command, env_set, &env);
    if (role.n != 0)
        env_set(&env, STR("MESOS_ALLOCATION_ROLE"), role);
    CLEANUP(free_p) char *file = shell ? xstrdup("/bin/sh") : value.p != NULL ? xstrndup(value) : xstrdup(argv[0]);
    int r = spawn(argv, file, env.v, -1, task_command.p == command.p, ret_pid, err);
    for (size_t i = 0; i < argc; i++)
        free(argv[i]);
    env_done(&env);
    return r;
}

int spawn_task_argv(char *const argv[], struct str task_command, struct str role, pid_t *ret_pid, struct error *err)
{
    struct env env = { .n = 0 };
    env_own(&env);
    command_each_env(task_command, env_set, &env);
    if (role.n != 0)
        env_set(&env, STR("MESOS_ALLOCATION_ROLE"), role);
    int r = spawn(argv, argv[0], env.v, -1, true, ret_pid, err);
    env_done(&env);
    return r;
}

/* --- reaper ------------------------------------------------------------------------------------------- */

static void on_signal(void *arg, int fd, unsigned what)
{
    struct reaper *r = arg;
    struct signalfd_siginfo info;
    (void)what;
    (void)!read(fd, &info, sizeof info); /* waitpid tells what there is */
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        r->fn(r->arg, pid, status);
}

int reaper_init(struct reaper *r, struct ev *ev, void (*fn)(void *arg, pid_t pid, int status), void *arg, struct error *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    *r = (struct reaper){ .fn = fn, .arg = arg };
    r->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->fd < 0)
        return error_set_errno(err, errno, "signalfd");
    r->watch = ev_watch(ev, r->fd, EPOLLIN, on_signal, r);
    return 0;
}

void reaper_done(struct reaper *r, struct ev *ev)
{
    ev_unwatch(ev, r->watch);
    (void)close(r->fd);
}
