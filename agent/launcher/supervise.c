/* SPDX-License-Identifier: Apache-2.0 */
/* The long life of the supervisor: it waits for signals with all of them blocked. SIGCHLD: reap. Any other: pass it on
 * to the command's process group. When the command ends, its wait status is written first (from then on it cannot be
 * lost), then whatever is left below is killed. Below is everything: this process is a subreaper (or pid 1 of its own
 * namespace), so a grandchild that made its own session and lost its parent is still a child here. */
#include "agent/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
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

_Noreturn static void finish(void)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    for (unsigned round = 0;; round++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);
        if (pid < 0)
            _exit(0); /* ECHILD: nothing is left */
        if (pid > 0)
            continue;
        kill_children();
        if (round > 0)
            (void)nanosleep(&pause, NULL);
    }
}

_Noreturn void supervise(pid_t command, int status_fd)
{
    sigset_t all;
    (void)sigfillset(&all);
    for (;;) {
        for (;;) {
            int status;
            pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
            if (pid == command) {
                write_status(status_fd, status);
                finish();
            }
            if (pid <= 0)
                break;
        }
        siginfo_t info;
        int sig = sigwaitinfo(&all, &info);
        if (sig <= 0 || sig == SIGCHLD)
            continue;
        /* The terminal's stop signals and our own timers are nobody's business here; all else is meant for it. */
        if (kill(-command, sig) != 0)
            (void)kill(command, sig);
    }
}
