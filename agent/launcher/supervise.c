/* SPDX-License-Identifier: Apache-2.0 */
/* The long life of the supervisor: it waits for signals with all of them blocked. SIGCHLD: reap. Any other: pass it on
 * to the command's process group. When the command ends, its wait status is written first (from then on it cannot be
 * lost), then whatever is left below is killed. Below is everything: this process is a subreaper (or pid 1 of its own
 * namespace), so a grandchild that made its own session and lost its parent is still a child here. With an input, a terminal (io.c) or output with a limit (logs.c) it waits for those too. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void write_status(int fd, int status)
{
    char text[16];
    size_t n = sizeof text;
    unsigned v = (unsigned)status;
    do
        text[--n] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    /* A full disk loses it; the agent then reports the status as unknown. */
    (void)!pwrite(fd, text + n, sizeof text - n, 0);
}

/* Sends SIGKILL to every child. The list is read afresh by each call since killing a child may bring us its own. */
static void kill_children(void)
{
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    char buf[4096];
    pid_t pid = 0;
    for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] >= '0' && buf[i] <= '9') {
                pid = pid * 10 + (buf[i] - '0');
            } else {
                if (pid > 1)
                    (void)kill(pid, SIGKILL);
                pid = 0;
            }
        }
    }
    (void)close(fd);
}

_Noreturn static void finish(struct io *io)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    for (unsigned round = 0;; round++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);
        if (pid < 0)
            break; /* ECHILD: nothing is left */
        if (pid > 0)
            continue;
        kill_children();
        if (round > 0)
            (void)nanosleep(&pause, NULL);
        io_copy(io);
        logs_copy(io, false);
    }
    io_copy(io);
    logs_copy(io, true);
    _exit(0);
}

/* The next signal; 0: something else was done meanwhile. */
static int next_signal(const sigset_t *all, int signals, struct io *io)
{
    if (signals < 0) {
        siginfo_t info;
        return sigwaitinfo(all, &info);
    }
    struct signalfd_siginfo info;
    struct pollfd w[] = { { .fd = signals, .events = POLLIN }, { .fd = io->socket, .events = POLLIN },
                          { .fd = io->is_tty && !io->is_hung ? io->input : -1, .events = POLLIN },
                          { .fd = io->logs[0].from, .events = POLLIN }, { .fd = io->logs[1].from, .events = POLLIN } };
    /* A terminal that nobody has open is looked at now and then: somebody may open it again. */
    if (poll(w, sizeof w / sizeof w[0], io->is_hung ? 1000 : -1) < 0)
        return 0;
    if (w[1].revents != 0)
        io_answer(io);
    if (w[2].revents != 0 || io->is_hung)
        io_copy(io);
    if (w[3].revents != 0 || w[4].revents != 0)
        logs_copy(io, false);
    return w[0].revents != 0 && read(signals, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

_Noreturn void supervise(pid_t command, int status_fd, struct io *io)
{
    sigset_t all;
    (void)sigfillset(&all);
    int signals = io->socket >= 0 || io->logs[0].from >= 0 || io->logs[1].from >= 0 ? signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
    for (;;) {
        for (;;) {
            int status;
            pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
            if (pid == command) {
                write_status(status_fd, status);
                finish(io);
            }
            if (pid <= 0)
                break;
        }
        int sig = next_signal(&all, signals, io);
        if (sig <= 0 || sig == SIGCHLD)
            continue;
        /* The terminal's stop signals and our own timers are nobody's business here; all else is meant for it. */
        if (kill(-command, sig) != 0)
            (void)kill(command, sig);
    }
}
