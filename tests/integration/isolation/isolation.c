/* SPDX-License-Identifier: Apache-2.0 */
/* Real containers: what is set is read from inside the task, and what must die is looked for afterwards. Needs no root for
 * the posix cases; the others skip with the reason. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/isolation/fixture.h"

static const char ALL[] = "cgroups/cpu,cgroups/mem,cgroups/pids";

static bool is_v2(struct fixture *f)
{
    for (size_t i = 0; i < containerizer_capability_count(f->c); i++) {
        if (strstr(containerizer_capability(f->c, i), "freezer: cgroup v2") != NULL)
            return true;
    }
    return false;
}

/* --- without cgroups ---------------------------------------------------------------------------------- */

TEST("posix: a command's output is in the sandbox and its exit status is told")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        struct container_spec s = fixture_shell(&f, "a1", "echo out; echo err >&2; pwd; exit 3");
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "a1", EVENT_EXITED);
            CHECK(e != NULL && e->t.status_known);
            CHECK(e != NULL && WIFEXITED(e->t.status) && WEXITSTATUS(e->t.status) == 3);
            char want[600];
            (void)snprintf(want, sizeof want, "out\n%s", s.sandbox);
            CHECK_CSTR(fixture_file(&f, "a1", "stdout"), want);
            CHECK_CSTR(fixture_file(&f, "a1", "stderr"), "err");
        }
    }
    fixture_stop(&f);
}

TEST("posix: nothing is inherited but PATH, and the later of two variables wins")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        static const struct container_env env[] = { { "A", "1" }, { "B", "2" }, { "A", "3" } };
        struct container_spec s = fixture_shell(&f, "a1", "/usr/bin/env -u PWD -u SHLVL -u _ -u OLDPWD | sort");
        s.command.env = env;
        s.command.env_count = 3;
        if (fixture_launch(&f, &s) && fixture_wait(&f, "a1", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "a1", "stdout"),
                       "A=3\nB=2\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    fixture_stop(&f);
}

TEST("posix: the agent takes all descriptors it may, a task gets the limit that was there before")
{
    struct fixture f;
    struct rlimit before, low, now;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){ 512, before.rlim_max };
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
    if (fixture_start(&f, NULL, "posix")) {
        struct container_spec s = fixture_shell(&f, "a1", "ulimit -n");
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &now), 0);
        CHECK_INT(now.rlim_cur, now.rlim_max);
        if (fixture_launch(&f, &s) && fixture_wait(&f, "a1", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "a1", "stdout"), "512");
    }
    fixture_stop(&f);
    (void)setrlimit(RLIMIT_NOFILE, &before);
}

TEST("posix: a command that does not exist fails the launch and says so")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        struct error err;
        struct container_spec s = fixture_shell(&f, "a1", "/no/such/program");
        s.command.shell = false;
        CHECK_INT(containerizer_launch(f.c, &s, &err), 0);
        struct fixture_event *e = fixture_wait(&f, "a1", EVENT_FAILED);
        if (e != NULL)
            CHECK_CSTR(e->err.msg, "Failed to execute '/no/such/program': No such file or directory");
        CHECK_INT(containerizer_count(f.c), 0);
    }
    fixture_stop(&f);
}

TEST("posix: destroy reaches grandchildren that made their own session")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        struct container_spec s = fixture_shell(&f, "a1", "setsid setsid sleep 1000 & setsid sh -c 'sleep 1001 & echo $! >gc; wait' & wait");
        if (fixture_launch(&f, &s) && fixture_wait_file(&f, "a1", "gc")) {
            pid_t gc = (pid_t)strtol(fixture_file(&f, "a1", "gc"), NULL, 10);
            struct error err;
            CHECK(process_exists(gc));
            CHECK_INT(containerizer_destroy(f.c, "a1", &err), 0);
            struct fixture_event *e = fixture_wait(&f, "a1", EVENT_EXITED);
            CHECK(e != NULL && WIFSIGNALED(e->t.status) && WTERMSIG(e->t.status) == SIGKILL);
            CHECK(fixture_wait_gone(&f, gc));
        }
    }
    fixture_stop(&f);
}

TEST("posix: what a command leaves behind ends with it")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        struct container_spec s = fixture_shell(&f, "a1", "setsid sh -c 'echo $$ >gc; exec sleep 1000' & while ! [ -s gc ]; do sleep 0.01; done; exit 5");
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "a1", EVENT_EXITED);
            CHECK(e != NULL && WEXITSTATUS(e->t.status) == 5);
            CHECK(fixture_wait_gone(&f, (pid_t)strtol(fixture_file(&f, "a1", "gc"), NULL, 10)));
        }
    }
    fixture_stop(&f);
}

TEST("posix: a signal goes to the command's process group")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        struct container_spec s = fixture_shell(&f, "a1", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done");
        struct error err;
        if (fixture_launch(&f, &s) && fixture_wait_file(&f, "a1", "stdout")) {
            CHECK_INT(containerizer_signal(f.c, "a1", SIGTERM, &err), 0);
            struct fixture_event *e = fixture_wait(&f, "a1", EVENT_EXITED);
            CHECK(e != NULL && WIFEXITED(e->t.status) && WEXITSTATUS(e->t.status) == 7);
        }
    }
    fixture_stop(&f);
}

TEST("posix: usage counts the tree")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        struct container_spec s = fixture_shell(&f, "a1", "sleep 1000 & echo up; wait");
        struct container_usage u;
        struct error err;
        if (fixture_launch(&f, &s) && fixture_wait_file(&f, "a1", "stdout")) {
            CHECK_INT(containerizer_usage(f.c, "a1", &u, &err), 0);
            CHECK_INT(u.processes, 3);
            CHECK(u.mem_rss_bytes > 100000);
            CHECK_INT(u.mem_limit_bytes, 64 << 20);
        }
    }
    fixture_stop(&f);
}

static void restart_case(const char *isolation, const char *launcher)
{
    struct fixture f;
    struct containerizer_options o = { .isolation = isolation, .launcher = launcher }, again = o;
    if (fixture_start_options(&f, &o)) {
        struct container_spec lives = fixture_shell(&f, "lives", "echo up; while ! [ -e stop ]; do sleep 0.02; done; exit 4");
        struct container_spec ends = fixture_shell(&f, "ends", "echo up; while ! [ -e stop ]; do sleep 0.02; done; exit 6");
        struct container_spec orphan = fixture_shell(&f, "orphan", "echo $$; exec sleep 1000");
        struct container_spec nested = fixture_shell(&f, "lives.n1", "echo $$; exec sleep 1000");
        if (fixture_launch(&f, &lives) && fixture_launch(&f, &ends) && fixture_launch(&f, &orphan) &&
            fixture_launch(&f, &nested) && fixture_wait_file(&f, "orphan", "stdout") &&
            fixture_wait_file(&f, "lives.n1", "stdout") && fixture_wait_file(&f, "ends", "stdout")) {
            pid_t pid_lives = fixture_wait(&f, "lives", EVENT_LAUNCHED)->pid, pid_ends = fixture_wait(&f, "ends", EVENT_LAUNCHED)->pid;
            pid_t pid_orphan = (pid_t)strtol(fixture_file(&f, "orphan", "stdout"), NULL, 10);
            char path[600];
            containerizer_free(f.c); /* as if killed: nothing is told */
            f.c = NULL;
            f.count = 0;
            (void)snprintf(path, sizeof path, "%s/ends/stop", f.dir);
            fclose(fopen(path, "w"));
            CHECK(FIXTURE_UNTIL(&f, waitpid(pid_ends, NULL, WNOHANG) != 0));
            CHECK(fixture_restart(&f, &again));
            struct container_known known[2] = {
                { .id = "lives", .sandbox = lives.sandbox, .pid = pid_lives, .resources = lives.resources },
                { .id = "ends", .sandbox = ends.sandbox, .pid = pid_ends, .resources = ends.resources },
            };
            size_t orphans = 0;
            struct error err;
            CHECK_INT(containerizer_recover(f.c, known, 2, &orphans, &err), 0);
            CHECK_INT(orphans, 1);
            struct fixture_event *e = fixture_wait(&f, "ends", EVENT_EXITED);
            CHECK(e != NULL && e->t.status_known && WEXITSTATUS(e->t.status) == 6);
            struct container_status st;
            CHECK_INT(containerizer_status(f.c, "lives.n1", &st, &err), 0);
            CHECK_INT(containerizer_destroy(f.c, "lives.n1", &err), 0);
            CHECK(fixture_wait(&f, "lives.n1", EVENT_EXITED) != NULL);
            struct container_termination t;
            CHECK_INT(containerizer_wait_result(f.c, "lives.n1", &t, &err), 0);
            CHECK(WIFSIGNALED(t.status));
            CHECK_INT(containerizer_remove(f.c, "lives.n1", &err), 0);
            CHECK_INT(containerizer_wait_result(f.c, "lives.n1", &t, &err), -ERR_NOT_FOUND);
            (void)snprintf(path, sizeof path, "%s/lives/stop", f.dir);
            fclose(fopen(path, "w"));
            e = fixture_wait(&f, "lives", EVENT_EXITED);
            CHECK(e != NULL && e->t.status_known && WEXITSTATUS(e->t.status) == 4);
            CHECK(FIXTURE_UNTIL(&f, (waitpid(-1, NULL, WNOHANG), !process_exists(pid_orphan))));
        }
    }
    fixture_stop(&f);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

TEST("posix: a killed agent finds its containers again, learns how they ended, and removes orphans")
{
    restart_case("posix/cpu,posix/mem", "posix");
}

/* --- cgroups ------------------------------------------------------------------------------------------ */

TEST("cgroups: a killed agent finds its containers again, learns how they ended, and removes orphans")
{
    restart_case(ALL, NULL);
}

TEST("cgroups: shares, quota and memory limits are in effect in the task's own groups")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        bool v2 = is_v2(&f);
        struct container_spec s = fixture_shell(
            &f, "c1",
            v2 ? "g=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/..; cd $g; cat cpu.weight cpu.max memory.low memory.max"
               : "cd /sys/fs/cgroup; c=$(sed -n 's/.*:cpu:\\(.*\\)/\\1/p' /proc/self/cgroup); m=$(sed -n 's/.*:memory:\\(.*\\)/\\1/p' "
                 "/proc/self/cgroup); cat cpu$c/cpu.shares cpu$c/cpu.cfs_quota_us cpu$c/cpu.cfs_period_us "
                 "memory$m/memory.soft_limit_in_bytes memory$m/memory.limit_in_bytes; grep -c c1$ /proc/self/cgroup");
        s.resources = (struct container_resources){ .cpus_milli = 600, .cpus_limit_milli = 1100, .mem_bytes = 96 << 20,
                                                    .mem_limit_bytes = 160 << 20, .disk_bytes = CONTAINER_NONE,
                                                    .pids_max = CONTAINER_NONE };
        s.command_task = true;
        if (fixture_launch(&f, &s) && fixture_wait(&f, "c1", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "c1", "stdout"), v2 ? "60\n110000 100000\n100663296\n167772160"
                                                            : "614\n110000\n100000\n100663296\n167772160\n5");
        CHECK_CSTR(fixture_file(&f, "c1", "stderr"), "");
    }
    fixture_stop(&f);
}

TEST("cgroups: an update changes shares and raises the limit, but does not lower it")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "sleep 1000");
        struct container_usage u;
        struct error err;
        if (fixture_launch(&f, &s)) {
            struct container_resources r = s.resources;
            r.mem_bytes = 128 << 20;
            r.cpus_milli = 500;
            CHECK_INT(containerizer_update(f.c, "c1", &r, &err), 0);
            CHECK_INT(containerizer_usage(f.c, "c1", &u, &err), 0);
            CHECK_INT(u.mem_limit_bytes, 128 << 20);
            CHECK_INT(u.cpus_soft_limit_milli, 500);
            r.mem_bytes = 64 << 20;
            CHECK_INT(containerizer_update(f.c, "c1", &r, &err), 0);
            CHECK_INT(containerizer_usage(f.c, "c1", &u, &err), 0);
            CHECK_INT(u.mem_limit_bytes, 128 << 20);
            CHECK_INT(u.mem_soft_limit_bytes, 64 << 20);
            CHECK(u.mem_total_bytes > 0);
            CHECK(u.cpus_user_ns >= 0);
        }
    }
    fixture_stop(&f);
}

TEST("cgroups: out of memory ends the container with the reason and the most it used")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "sleep 1000 & head -c 200m /dev/zero | tail >/dev/null; sleep 1000");
        s.resources.mem_bytes = 32 << 20;
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "c1", EVENT_EXITED);
            if (e != NULL) {
                CHECK_INT(e->t.limitation.kind, CONTAINER_LIMIT_MEMORY);
                /* The kernel's count of the most that was used is a few pages off when two processors charge at once. */
                int64_t mb = e->t.limitation.mem_bytes >> 20;
                CHECK(mb == 31 || mb == 32);
                char want[128];
                (void)snprintf(want, sizeof want, "Memory limit exceeded: Requested: 32MB Maximum Used: %dMB\n\nMEMORY STATISTICS: \n", (int)mb);
                CHECK(str_starts(str_of(e->message), str_of(want)));
                CHECK_INT(e->t.status, SIGKILL);
            }
        }
    }
    fixture_stop(&f);
}

TEST("cgroups: out of memory of the command itself is told as such")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "exec tail /dev/zero");
        s.resources.mem_bytes = 32 << 20;
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "c1", EVENT_EXITED);
            CHECK(e != NULL && e->t.limitation.kind == CONTAINER_LIMIT_MEMORY);
        }
    }
    fixture_stop(&f);
}

TEST("cgroups: a fork bomb is stopped by the pids limit and killed as a whole")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "sh -c 'while :; do sleep 1000 & done' 2>/dev/null; echo up; exec sleep 1000");
        struct container_usage u;
        struct error err;
        s.resources.pids_max = 40;
        if (fixture_launch(&f, &s) && fixture_wait_file(&f, "c1", "stdout")) {
            CHECK_INT(containerizer_usage(f.c, "c1", &u, &err), 0);
            CHECK_INT(containerizer_destroy(f.c, "c1", &err), 0);
            CHECK(fixture_wait(&f, "c1", EVENT_EXITED) != NULL);
        }
    }
    fixture_stop(&f);
}

TEST("cgroups: destroy reaches a grandchild that made its own session and lost its parents")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "(setsid sh -c 'setsid sh -c \"echo \\$\\$ >gc; exec sleep 1000\" &' &); sleep 1000");
        struct error err;
        if (fixture_launch(&f, &s) && fixture_wait_file(&f, "c1", "gc")) {
            pid_t gc = (pid_t)strtol(fixture_file(&f, "c1", "gc"), NULL, 10);
            CHECK(process_exists(gc));
            CHECK_INT(containerizer_destroy(f.c, "c1", &err), 0);
            CHECK(fixture_wait(&f, "c1", EVENT_EXITED) != NULL);
            CHECK(fixture_wait_gone(&f, gc));
        }
    }
    fixture_stop(&f);
}

TEST("cgroups: a supervisor that is killed takes its container with it")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "echo $$; exec sleep 1000");
        if (fixture_launch(&f, &s) && fixture_wait_file(&f, "c1", "stdout")) {
            pid_t task = (pid_t)strtol(fixture_file(&f, "c1", "stdout"), NULL, 10);
            (void)kill(f.events[0].pid, SIGKILL);
            struct fixture_event *e = fixture_wait(&f, "c1", EVENT_EXITED);
            CHECK(e != NULL && e->t.status_known && e->t.status == SIGKILL);
            CHECK(fixture_wait_gone(&f, task));
        }
    }
    fixture_stop(&f);
}

TEST("cgroups: a nested container shares its parent's limits, dies alone, and dies with it")
{
    struct fixture f;
    if (fixture_start(&f, ALL, NULL)) {
        struct container_spec top = fixture_shell(&f, "c1", "sleep 1000");
        struct container_spec n1 = fixture_shell(&f, "c1.n1", "cat /proc/self/cgroup; exec sleep 1000");
        struct container_spec n2 = fixture_shell(&f, "c1.n2", "echo $$; exec sleep 1000");
        struct error err;
        if (fixture_launch(&f, &top) && fixture_launch(&f, &n1) && fixture_launch(&f, &n2) &&
            fixture_wait_file(&f, "c1.n1", "stdout") && fixture_wait_file(&f, "c1.n2", "stdout")) {
            char want[128];
            (void)snprintf(want, sizeof want, is_v2(&f) ? ":/%s/c1/mesos/n1/leaf" : "freezer:/%s/c1/mesos/n1", f.root);
            CHECK(strstr(fixture_file(&f, "c1.n1", "stdout"), want) != NULL);
            if (!is_v2(&f)) {
                (void)snprintf(want, sizeof want, "memory:/%s/c1\n", f.root);
                CHECK(strstr(fixture_file(&f, "c1.n1", "stdout"), want) != NULL);
            }
            CHECK_INT(containerizer_destroy(f.c, "c1.n1", &err), 0);
            CHECK(fixture_wait(&f, "c1.n1", EVENT_EXITED) != NULL);
            pid_t other = (pid_t)strtol(fixture_file(&f, "c1.n2", "stdout"), NULL, 10);
            CHECK(process_exists(other));
            CHECK_INT(containerizer_destroy(f.c, "c1", &err), 0);
            CHECK(fixture_wait(&f, "c1", EVENT_EXITED) != NULL);
            CHECK(fixture_wait(&f, "c1.n2", EVENT_EXITED) != NULL);
            CHECK(fixture_wait_gone(&f, other));
        }
    }
    fixture_stop(&f);
}

TEST("cgroups/all: what the machine has, and devices are closed where it can")
{
    struct fixture f;
    if (fixture_start(&f, "cgroups/all", NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "head -c 1 /dev/zero | wc -c; mknod d b 7 0 && (head -c 1 d || true) 2>&1");
        if (fixture_launch(&f, &s) && fixture_wait(&f, "c1", EVENT_EXITED) != NULL) {
            CHECK(str_starts(str_of(fixture_file(&f, "c1", "stdout")), STR("1")));
            if (!is_v2(&f))
                CHECK(strstr(fixture_file(&f, "c1", "stdout"), "Operation not permitted") != NULL);
        }
    }
    fixture_stop(&f);
}

TEST("an isolator that is not built is refused at the start, by name")
{
    struct fixture f;
    struct containerizer *c = NULL;
    struct error err;
    if (fixture_start(&f, NULL, "posix")) {
        char runtime[300];
        (void)snprintf(runtime, sizeof runtime, "%s/other", f.dir);
        struct containerizer_options o = { .isolation = "posix/cpu,gpu/nvidia", .runtime_dir = runtime, .launcher_dir = f.bin };
        struct containerizer_callbacks cb = { .ctx = NULL };
        CHECK_INT(containerizer_new(&c, f.loop, &o, &cb, &err), -ERR_INVALID);
        CHECK(str_starts(str_of(err.msg), STR("isolation 'gpu/nvidia' is not built; known are ")));
    }
    fixture_stop(&f);
}

/* --- namespaces, users, limits ------------------------------------------------------------------------ */

TEST("namespaces/pid: the task sees only its own processes")
{
    struct fixture f;
    if (fixture_start(&f, "cgroups/cpu,cgroups/mem,namespaces/pid,namespaces/ipc", NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "echo $$; cat /proc/1/comm; exit 9");
        s.ipc = CONTAINER_IPC_PRIVATE;
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "c1", EVENT_EXITED);
            CHECK(e != NULL && WEXITSTATUS(e->t.status) == 9);
            CHECK_CSTR(fixture_file(&f, "c1", "stdout"), "2\nstoa-launcher");
        }
        struct container_spec top = fixture_shell(&f, "c2", "echo up; sleep 1000");
        struct container_spec dbg = fixture_shell(&f, "c2.d1", "tr '\\0' ' ' </proc/2/cmdline; echo $MARK");
        static const struct container_env env[] = { { "MARK", "here" } };
        top.command.env = env;
        top.command.env_count = 1;
        dbg.class = CONTAINER_CLASS_DEBUG;
        if (fixture_launch(&f, &top) && fixture_wait_file(&f, "c2", "stdout") && fixture_launch(&f, &dbg) &&
            fixture_wait(&f, "c2.d1", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "c2.d1", "stdout"), "sh -c echo up; sleep 1000 here");
        struct container_spec bare = fixture_shell(&f, "c3", "exec env -i sh -c 'echo yes >>ready; sleep 1000'"); /* no variable at all */
        struct container_spec look = fixture_shell(&f, "c3.d1", "echo $MARK");
        look.class = CONTAINER_CLASS_DEBUG;
        look.command.env = env;
        look.command.env_count = 1;
        if (fixture_launch(&f, &bare) && fixture_wait_file(&f, "c3", "ready") && fixture_launch(&f, &look) &&
            fixture_wait(&f, "c3.d1", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "c3.d1", "stdout"), "here");
        struct container_spec nested = fixture_shell(&f, "c2.n1", "echo $$; cat /proc/1/comm");
        if (fixture_launch(&f, &nested) && fixture_wait(&f, "c2.n1", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "c2.n1", "stdout"), "2\nstoa-launcher");
    }
    fixture_stop(&f);
}

TEST("a task of another user runs as that user, in its own sandbox")
{
    struct fixture f;
    if (fixture_start(&f, "cgroups/cpu,posix/rlimits", NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "id -un; id -G; stat -c %U:%a . stdout; ulimit -n; touch /etc/x");
        static const struct container_rlimit limit[] = { { .resource = 7, .soft = 333, .hard = 444 } };
        s.command.user = "nobody";
        s.rlimits = limit;
        s.rlimit_count = 1;
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "c1", EVENT_EXITED);
            CHECK(e != NULL && WEXITSTATUS(e->t.status) == 1);
            CHECK_CSTR(fixture_file(&f, "c1", "stdout"), "nobody\n65534\nnobody:750\nnobody:644\n333");
        }
        struct error err;
        s = fixture_shell(&f, "c2", "true");
        s.command.user = "no-such-user";
        CHECK_INT(containerizer_launch(f.c, &s, &err), 0);
        struct fixture_event *e = fixture_wait(&f, "c2", EVENT_FAILED);
        CHECK(e != NULL && strstr(e->err.msg, "user 'no-such-user' does not exist") != NULL);
    }
    fixture_stop(&f);
}

TEST("linux/capabilities: the task has these and no others")
{
    struct fixture f;
    if (fixture_start(&f, "cgroups/cpu,linux/capabilities,linux/nnp", NULL)) {
        static const uint64_t caps = 1 << 10; /* CAP_NET_BIND_SERVICE */
        struct container_spec s = fixture_shell(&f, "c1", "grep -E 'Cap(Eff|Bnd|Prm)|NoNew' /proc/self/status | tr -s '\\t\\n' ' '");
        s.effective_caps = s.bounding_caps = &caps;
        if (fixture_launch(&f, &s) && fixture_wait(&f, "c1", EVENT_EXITED) != NULL)
            CHECK_CSTR(fixture_file(&f, "c1", "stdout"),
                       "CapPrm: 0000000000000400 CapEff: 0000000000000400 CapBnd: 0000000000000400 NoNewPrivs: 1");
    }
    fixture_stop(&f);
}

TEST("linux/seccomp: the agent's profile holds for root and for others, with and without no_new_privs; unconfined goes free")
{
    for (int nnp = 0; nnp < 2; nnp++) {
        struct fixture f;
        struct containerizer_options o = { .isolation = nnp != 0 ? "cgroups/cpu,linux/seccomp,linux/nnp" : "cgroups/cpu,linux/seccomp",
                                           .seccomp_profile_name = "default" };
        if (fixture_start_options(&f, &o)) {
            static const uint64_t none = 0;
            static const char command[] = "grep Seccomp: /proc/self/status | tr -s '\\t\\n' ' '; unshare -U true 2>/dev/null; echo $?";
            struct container_spec s = fixture_shell(&f, "c1", command), free = fixture_shell(&f, "c2", command), bad = fixture_shell(&f, "c3", "true");
            s.bounding_caps = &none; /* the profile asks for it; nobody takes it away without linux/capabilities */
            s.command.user = nnp != 0 ? "nobody" : "root";
            free.seccomp_unconfined = true;
            bad.seccomp_profile = "../x";
            if (fixture_launch(&f, &s) && fixture_wait(&f, "c1", EVENT_EXITED) != NULL)
                CHECK_CSTR(fixture_file(&f, "c1", "stdout"), "Seccomp: 2 1");
            if (fixture_launch(&f, &free) && fixture_wait(&f, "c2", EVENT_EXITED) != NULL)
                CHECK(strncmp(fixture_file(&f, "c2", "stdout"), "Seccomp: 0 ", 11) == 0);
            struct error err;
            struct fixture_event *e = containerizer_launch(f.c, &bad, &err) == 0 ? fixture_wait(&f, "c3", EVENT_FAILED) : NULL;
            CHECK(e != NULL && strstr(e->err.msg, "'../x'") != NULL);
        }
        fixture_stop(&f);
    }
}

TEST("filesystem/linux: volumes are mounted in the task and nowhere else")
{
    struct fixture f;
    if (fixture_start(&f, "cgroups/cpu,filesystem/linux", NULL)) {
        char host[300];
        (void)snprintf(host, sizeof host, "%s/run", f.dir);
        struct container_volume v[2] = { { .host_path = host, .container_path = "vol/a" },
                                         { .host_path = host, .container_path = "/mnt", .flags = CONTAINER_VOLUME_RO } };
        struct container_spec s = fixture_shell(&f, "c1", "echo hi >vol/a/file; cat /mnt/file; touch /mnt/x; echo $?");
        s.volumes = v;
        s.volume_count = 2;
        if (fixture_launch(&f, &s) && fixture_wait(&f, "c1", EVENT_EXITED) != NULL) {
            CHECK_CSTR(fixture_file(&f, "c1", "stdout"), "hi\n1");
            CHECK_CSTR(fixture_file(&f, "c1", "vol/a/file"), "");
            CHECK_CSTR(fixture_file(&f, "run", "file"), "hi");
        }
    }
    fixture_stop(&f);
}

TEST("filesystem/linux: a secret is a file for the user of the container, and is gone with it")
{
    struct fixture f;
    if (fixture_start(&f, "cgroups/cpu,filesystem/linux", NULL)) {
        struct container_volume v = { .container_path = "keys/token", .secret = STR("s3cret"),
                                      .flags = CONTAINER_VOLUME_RO | CONTAINER_VOLUME_SECRET };
        struct container_spec s = fixture_shell(&f, "c1", "cat keys/token; stat -c ' %U %a' keys/token; echo x >keys/token || echo no");
        s.volumes = &v;
        s.volume_count = 1;
        s.command.user = "nobody";
        if (fixture_launch(&f, &s) && fixture_wait(&f, "c1", EVENT_EXITED) != NULL) {
            CHECK_CSTR(fixture_file(&f, "c1", "stdout"), "s3cret nobody 400\nno");
            CHECK_CSTR(fixture_file(&f, "c1", "keys/token"), ""); /* the mount point, outside */
            char left[300];
            (void)snprintf(left, sizeof left, "%s/run/containers/c1/secret.0", f.dir);
            CHECK(access(left, F_OK) != 0);
        }
    }
    fixture_stop(&f);
}

TEST("disk/du: a sandbox over its quota ends the container when that is enforced")
{
    struct fixture f;
    struct containerizer_options o = { .isolation = "posix/cpu,posix/mem,disk/du", .launcher = "posix",
                                       .enforce_container_disk_quota = true,
                                       .container_disk_watch_interval_ns = 50 * NS_PER_MS };
    if (fixture_start_options(&f, &o)) {
        struct container_spec s = fixture_shell(&f, "a1", "mkdir d; head -c 3m /dev/zero >d/f; sleep 1000");
        s.resources.disk_bytes = 2 << 20;
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "a1", EVENT_EXITED);
            CHECK(e != NULL && e->t.limitation.kind == CONTAINER_LIMIT_DISK);
            CHECK(e != NULL && e->t.limitation.disk_bytes > 2 << 20);
        }
    }
    fixture_stop(&f);
}

/* --- input -------------------------------------------------------------------------------------------- */

struct input_result {
    int fd;
    struct error err;
    bool is_there;
};

static void on_input(void *arg, int fd, const struct error *err)
{
    struct input_result *r = arg;
    r->is_there = true;
    r->fd = fd;
    if (err != NULL)
        r->err = *err;
}

static int open_input(struct fixture *f, const char *id, struct input_result *r)
{
    struct container_input *i;
    *r = (struct input_result){ .fd = -1 };
    int rc = containerizer_input_open(f->c, id, on_input, r, &i, &r->err);
    if (rc == 0)
        CHECK(FIXTURE_UNTIL(f, r->is_there));
    return rc;
}

static void put(int fd, const char *text)
{
    CHECK_INT(write(fd, text, strlen(text)), (int)strlen(text));
    (void)close(fd);
}

TEST("an input is lent, stays when its writer goes, and ends when that is asked for")
{
    struct fixture f;
    if (fixture_start(&f, "posix/cpu", NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "cat; echo end; exec sleep 1000");
        struct input_result r;
        CHECK_INT(open_input(&f, "c1", &r), -ERR_NOT_FOUND);
        s.io = CONTAINER_IO_PIPE;
        if (fixture_launch(&f, &s) && open_input(&f, "c1", &r) == 0 && r.fd >= 0) {
            put(r.fd, "one\n");
            CHECK(FIXTURE_UNTIL(&f, strcmp(fixture_file(&f, "c1", "stdout"), "one") == 0));
            CHECK(open_input(&f, "c1", &r) == 0 && r.fd >= 0);
            containerizer_input_end(f.c, "c1");
            put(r.fd, "two\n"); /* the end comes when the last writer is gone */
            CHECK(FIXTURE_UNTIL(&f, strcmp(fixture_file(&f, "c1", "stdout"), "one\ntwo\nend") == 0));
            CHECK_INT(open_input(&f, "c1", &r), 0);
            CHECK_INT(r.err.code, ERR_CONFLICT);
        }
        s = fixture_shell(&f, "c2", "sleep 1000");
        if (fixture_launch(&f, &s))
            CHECK_INT(open_input(&f, "c2", &r), -ERR_UNAVAILABLE);
    }
    fixture_stop(&f);
}

TEST("a terminal's last output is in the file when the end is told; its owner is the command's user")
{
    struct fixture f;
    if (fixture_start(&f, "posix/cpu", NULL)) {
        struct container_spec s = fixture_shell(&f, "c1", "stat -Lc %u:%F /proc/self/fd/0; stty size; seq 1 1000; exit 3");
        struct input_result r;
        s.io = CONTAINER_IO_TERMINAL;
        s.tty_rows = 12;
        s.tty_columns = 34;
        if (fixture_launch(&f, &s)) {
            struct fixture_event *e = fixture_wait(&f, "c1", EVENT_EXITED);
            const char *out = fixture_file(&f, "c1", "stdout");
            char want[80];
            (void)snprintf(want, sizeof want, "%u:character special file\r\n12 34\r\n1\r\n2\r\n", geteuid());
            CHECK(e != NULL && WEXITSTATUS(e->t.status) == 3);
            CHECK(str_starts(str_of(out), str_of(want)));
            CHECK(strlen(out) > 5 && strcmp(out + strlen(out) - 5, "1000\r") == 0);
            CHECK_CSTR(fixture_file(&f, "c1", "stderr"), "");
        }
        CHECK_INT(open_input(&f, "c1", &r), -ERR_NOT_FOUND);
    }
    fixture_stop(&f);
}

TEST("bad specs are refused at once, and a container destroyed during its launch fails it")
{
    struct fixture f;
    if (fixture_start(&f, NULL, "posix")) {
        struct error err;
        struct container_spec s = fixture_shell(&f, "a1", "sleep 1000");
        s.id = "a/b";
        CHECK_INT(containerizer_launch(f.c, &s, &err), -ERR_INVALID);
        s.id = "no-parent.x";
        CHECK_INT(containerizer_launch(f.c, &s, &err), -ERR_NOT_FOUND);
        s.id = "a1";
        CHECK_INT(containerizer_launch(f.c, &s, &err), 0);
        CHECK_INT(containerizer_launch(f.c, &s, &err), -ERR_CONFLICT);
        CHECK_INT(containerizer_destroy(f.c, "a1", &err), 0);
        CHECK(fixture_wait(&f, "a1", EVENT_FAILED) != NULL);
        CHECK_INT(f.count, 1);
        CHECK_INT(containerizer_destroy(f.c, "a1", &err), -ERR_NOT_FOUND);
    }
    fixture_stop(&f);
}
