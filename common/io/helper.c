/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/io/loop.h"

static void give(posix_spawn_file_actions_t *fa, int fd, int as)
{
    if (fd >= 0)
        (void)posix_spawn_file_actions_adddup2(fa, fd, as);
    else
        (void)posix_spawn_file_actions_addopen(fa, as, "/dev/null", as == 0 ? O_RDONLY : O_WRONLY, 0);
}

static int spawn(const struct helper *h, posix_spawn_file_actions_t *fa, pid_t *ret_pid)
{
    posix_spawnattr_t attr;
    sigset_t none;

    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setflags(&attr, (short)(POSIX_SPAWN_SETSIGMASK | (h->same_group ? 0 : POSIX_SPAWN_SETPGROUP)));
    (void)posix_spawnattr_setsigmask(&attr, &none);
    int e = posix_spawn(ret_pid, h->program, fa, &attr, h->argv, h->envp != NULL ? h->envp : environ);
    (void)posix_spawnattr_destroy(&attr);
    return e;
}

int helper_spawn(const struct helper *h, pid_t *ret_pid, struct error *err)
{
    enum { ABOVE_ALL = 10 }; /* the further ones may themselves be 3 or 4 */
    posix_spawn_file_actions_t fa;
    int high[HELPER_MORE_MAX], e = 0;

    (void)posix_spawn_file_actions_init(&fa);
    give(&fa, h->in, 0);
    give(&fa, h->out, 1);
    give(&fa, h->err, 2);
    for (unsigned i = 0; i < h->more_count; i++) {
        high[i] = fcntl(h->more[i], F_DUPFD_CLOEXEC, ABOVE_ALL);
        e = high[i] < 0 ? errno : e;
        (void)posix_spawn_file_actions_adddup2(&fa, high[i], 3 + (int)i);
    }
    if (e == 0)
        e = spawn(h, &fa, ret_pid);
    for (unsigned i = 0; i < h->more_count; i++)
        if (high[i] >= 0)
            (void)close(high[i]);
    (void)posix_spawn_file_actions_destroy(&fa);
    if (e == 0)
        return 0;
    *ret_pid = 0;
    return error_set_errno(err, e, "%s", h->program);
}

/* --- asking a command ---------------------------------------------------------------------------------- */

static bool wait_until(int fd, struct mono deadline)
{
    for (;;) {
        int64_t left = deadline.ns - loop_clock().ns;
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int n = left > 0 ? poll(&p, 1, (int)(left / NS_PER_MS) + 1) : 0;
        if (n >= 0 || errno != EINTR)
            return n > 0;
    }
}

/* To its end, or its writing would fail; what is more than size is dropped. */
static bool read_until(int fd, struct mono deadline, char *ret, size_t size)
{
    size_t have = 0;
    for (char more[256];;) {
        if (!wait_until(fd, deadline))
            return false;
        bool room = have < size - 1;
        ssize_t n = room ? read(fd, ret + have, size - 1 - have) : read(fd, more, sizeof more);
        if (n <= 0)
            break;
        have += room ? (size_t)n : 0;
    }
    ret[have] = 0;
    return true;
}

int helper_ask(const char *command, int64_t timeout_ns, char *ret, size_t size, int *ret_status, struct error *err)
{
    struct mono deadline = mono_add(loop_clock(), timeout_ns);
    char shell[] = "sh", option[] = "-c";
    char *argv[] = { shell, option, (char *)(uintptr_t)command, NULL };
    int pipe_fd[2];
    pid_t pid;

    ret[0] = 0;
    if (pipe2(pipe_fd, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "a pipe");
    CLEANUP(fd_close_p) int reading = pipe_fd[0];
    struct helper h = { .program = "/bin/sh", .argv = argv, .in = -1, .out = pipe_fd[1], .err = STDERR_FILENO };
    int rc = helper_spawn(&h, &pid, err);
    (void)close(pipe_fd[1]);
    if (rc != 0)
        return rc;
    CLEANUP(fd_close_p) int process = (int)syscall(SYS_pidfd_open, pid, 0);
    bool in_time = read_until(reading, deadline, ret, size) && (process < 0 || wait_until(process, deadline));
    if (!in_time)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    return in_time ? 0 : error_set(err, ERR_TIMEOUT, "it was not over after %lld ms", (long long)(timeout_ns / NS_PER_MS));
}
