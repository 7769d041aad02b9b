/* SPDX-License-Identifier: Apache-2.0 */
/* The agent is killed with SIGKILL at random moments while it launches containers. A new one must find all of them: what it
 * knows goes on or tells its end, what it does not know is gone, and no process and no cgroup is left over. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "tests/integration/isolation/fixture.h"

enum { CONTAINERS = 6, ROUNDS = 25 };

static void id_of(int round, int i, char ret[32])
{
    (void)snprintf(ret, 32, "r%d-c%d", round, i);
}

/* Of a round's commands, by which they are found. */
static void seconds_of(int round, char ret[32])
{
    (void)snprintf(ret, 32, "1000.%03d", round);
}

/* The agent that will be killed: launches, then turns its loop until then. */
_Noreturn static void victim(struct fixture *f, int round)
{
    struct error err;
    char id[32], seconds[32], command[64];
    seconds_of(round, seconds);
    (void)snprintf(command, sizeof command, "echo up; exec sleep %s", seconds);
    for (int i = 0; i < CONTAINERS; i++) {
        id_of(round, i, id);
        struct container_spec s = fixture_shell(f, id, command);
        (void)containerizer_launch(f->c, &s, &err);
    }
    for (;;)
        loop_turn(f->loop, NS_PER_S);
}

/* Supervisors and commands. */
static size_t processes_of(int round)
{
    char want[32], seconds[32];
    size_t n = 0;
    (void)snprintf(want, sizeof want, "r%d-c", round);
    seconds_of(round, seconds);
    DIR *d = opendir("/proc");
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[300], text[256];
        (void)snprintf(path, sizeof path, "/proc/%s/cmdline", e->d_name);
        FILE *in = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "re") : NULL;
        size_t got = in != NULL ? fread(text, 1, sizeof text - 1, in) : 0;
        if (in != NULL)
            (void)fclose(in);
        text[got] = 0;
        size_t first = strlen(text) + 1;
        if (got > first)
            n += (strcmp(text, "stoa-launcher") == 0 && strncmp(text + first, want, strlen(want)) == 0) ||
                 (strcmp(text, "sleep") == 0 && strcmp(text + first, seconds) == 0);
    }
    if (d != NULL)
        (void)closedir(d);
    return n;
}

static bool settle(struct fixture *f, int round)
{
    struct mono end = mono_add(loop_clock(), FIXTURE_WAIT_S * NS_PER_S);
    while (containerizer_count(f->c) > 0 || processes_of(round) > 0) {
        if (!mono_before(loop_clock(), end))
            return false;
        loop_turn(f->loop, 10 * NS_PER_MS);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    return true;
}

static void crash_case(const char *isolation, const char *launcher)
{
    struct fixture f;
    struct containerizer_options o = { .isolation = isolation, .launcher = launcher };
    struct rng rng;
    rng_seed(&rng, 42);
    if (getenv("STOA_EMULATED") != NULL) {
        test_skip("an emulated machine is too slow for 25 rounds; the real one runs it");
        return;
    }
    if (!fixture_start_options(&f, &o)) {
        fixture_stop(&f);
        return;
    }
    containerizer_free(f.c);
    f.c = NULL;
    for (int round = 0; round < ROUNDS; round++) {
        /* The child gets a loop of its own: an epoll descriptor is shared over fork. */
        pid_t pid = fork();
        if (pid == 0) {
            struct error err;
            struct containerizer_options again = { .isolation = isolation, .launcher = launcher };
            if (loop_new(&f.loop, NULL, &err) != 0 || !fixture_restart(&f, &again))
                _exit(1);
            victim(&f, round);
        }
        usleep((useconds_t)rng_below(&rng, 25000));
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        struct containerizer_options again = { .isolation = isolation, .launcher = launcher };
        struct container_known known = { .sandbox = "/tmp", .resources = { .cpus_milli = 100, .mem_bytes = 64 << 20 } };
        char id[32];
        struct error err;
        id_of(round, 0, id);
        known.id = id; /* the agent had checkpointed this one, without a pid */
        f.count = 0;
        if (!fixture_restart(&f, &again) || !CHECK(containerizer_recover(f.c, &known, 1, NULL, &err) == 0))
            break;
        struct container_status st;
        if (containerizer_status(f.c, id, &st, &err) == 0)
            (void)containerizer_destroy(f.c, id, &err);
        if (!CHECK(settle(&f, round)))
            break;
        CHECK_INT(f.count, 1); /* exited() of the known one, and nothing else */
        containerizer_free(f.c);
        f.c = NULL;
    }
    fixture_stop(&f);
}

TEST("crash: an agent killed at any moment of its launches leaves nothing that the next one does not find (posix)")
{
    crash_case("posix/cpu,posix/mem", "posix");
}

TEST("crash: the same with cgroups")
{
    crash_case("cgroups/cpu,cgroups/mem,cgroups/pids", NULL);
}

TEST("crash: the same with cgroups and pid namespaces")
{
    crash_case("cgroups/cpu,cgroups/mem,namespaces/pid", NULL);
}
