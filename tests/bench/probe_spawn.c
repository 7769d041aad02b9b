/* SPDX-License-Identifier: Apache-2.0 */
/* Limit probe of container launches: for each cycle make a group in the four cgroup v1 hierarchies that a container
 * uses (cpu, memory, freezer, pids; those that are mounted), vfork, attach the child, exec a shell command that waits, and, when
 * all run, kill, reap and remove all. Only the unavoidable kernel work.
 *
 *   probe_spawn COUNT   -> one line of JSON: cycles_per_s is launches per second, destroys_per_s the other way */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/str.h"

static const char *const hierarchies[] = { "cpu", "memory", "freezer", "pids" };
enum { HIERARCHIES = sizeof hierarchies / sizeof hierarchies[0] };

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void group(char *buf, size_t size, unsigned h, unsigned i)
{
    (void)snprintf(buf, size, "/sys/fs/cgroup/%s/stoa_probe_%d_%u", hierarchies[h], (int)getpid(), i);
}

static void attach(unsigned i, pid_t pid)
{
    char path[256], text[16];
    int n = snprintf(text, sizeof text, "%d", (int)pid);

    for (unsigned h = 0; h < HIERARCHIES; h++) {
        int fd;

        group(path, sizeof path - 16, h, i);
        (void)strncat(path, "/cgroup.procs", sizeof path - strlen(path) - 1);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        (void)!write(fd, text, (size_t)n); /* a hierarchy that is not mounted is left out */
        (void)close(fd);
    }
}

int main(int argc, char **argv)
{
    struct str s = str_of(argc > 1 ? argv[1] : "100");
    uint64_t count = 0;
    double start, launched, end;
    pid_t *pids;
    char path[256];

    if (!str_u64(&s, 100000, &count) || count == 0)
        return 2;
    pids = xcalloc(count, sizeof *pids);
    start = now();
    for (unsigned i = 0; i < count; i++) {
        for (unsigned h = 0; h < HIERARCHIES; h++) {
            group(path, sizeof path, h, i);
            (void)mkdir(path, 0755); /* as above */
        }
        pids[i] = vfork();
        if (pids[i] == 0) {
            (void)execl("/bin/sleep", "sleep", "1000", (char *)NULL);
            _exit(127);
        }
        attach(i, pids[i]);
    }
    launched = now();
    for (unsigned i = 0; i < count; i++)
        (void)kill(pids[i], SIGKILL);
    for (unsigned i = 0; i < count; i++) {
        (void)waitpid(pids[i], NULL, 0);
        for (unsigned h = 0; h < HIERARCHIES; h++) {
            group(path, sizeof path, h, i);
            while (rmdir(path) != 0 && errno == EBUSY)
                ;
        }
    }
    end = now();
    printf("{\"probe\":\"p_spawn\",\"count\":%u,\"cycles_per_s\":%.0f,\"destroys_per_s\":%.0f}\n", (unsigned)count,
           (double)count / (launched - start), (double)count / (end - launched));
    return 0;
}
