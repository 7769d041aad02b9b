/* SPDX-License-Identifier: Apache-2.0 */
/* Killing everything of a container. The first rounds spare the supervisor: it reaps what we kill, writes the status and
 * ends by itself; without it, dead processes would wait for pid 1 to be reaped, and it takes its time. A group that
 * still has processes then (it forks faster than we read) is killed by force: v2 by cgroup.kill, v1 frozen for the
 * signals. Without cgroups it is what is below the supervisor.
 * Done when the group is empty, the supervisor's end was seen, and the containers nested in it are gone. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/isolation/isolator.h"
#include "common/base/alloc.h"
#include "common/io/proctree.h"

enum { ROUNDS_BEFORE_FORCE = 4 };

struct kill_task {
    struct container *c;
    struct loop_timer timer;
    struct mono deadline;
    unsigned round;
    bool frozen;
    kill_done_fn *done;
};

static void kill_pid(void *arg, pid_t pid)
{
    (void)arg;
    if (pid > 1 && pid != getpid()) /* a task of root may have put us there */
        (void)kill(pid, SIGKILL);
}

static void kill_unless_supervisor(void *arg, pid_t pid)
{
    const struct container *c = arg;
    if (pid > 1 && pid != c->pid && pid != getpid())
        (void)kill(pid, SIGKILL);
}

static void set_frozen(struct kill_task *k, bool frozen)
{
    struct error ignored; /* the next round tries again; the deadline ends it */
    if (k->frozen != frozen &&
        cg_write(&k->c->iso->cg, &k->c->kill_group, CG_FREEZER, "freezer.state", frozen ? "FROZEN" : "THAWED", &ignored) == 0)
        k->frozen = frozen;
}

static size_t round_groups(struct kill_task *k)
{
    struct container *c = k->c;
    const struct cgroups *cg = &c->iso->cg;
    struct error err;
    /* Root may have moved some of its processes to other groups: they are below the supervisor still. */
    if (k->round >= ROUNDS_BEFORE_FORCE && c->pid > 0 && c->alive)
        (void)proctree_each(c->pid, kill_unless_supervisor, c);
    if (k->round < ROUNDS_BEFORE_FORCE)
        return cg_each_pid(cg, &c->kill_group, kill_unless_supervisor, c);
    cg_leave(cg, &c->kill_group);
    if (cg->v2 && cg_write(cg, &c->kill_group, CG_FREEZER, "cgroup.kill", "1", &err) == 0)
        return cg_each_pid(cg, &c->kill_group, NULL, NULL);
    set_frozen(k, !cg->v2); /* v2 without cgroup.kill: before Linux 5.14 */
    size_t n = cg_each_pid(cg, &c->kill_group, kill_pid, NULL);
    set_frozen(k, false); /* a frozen process dies only when it is thawed */
    cg_thaw_below(cg, &c->kill_group); /* groups that root made and froze for itself */
    return n;
}

static size_t round_posix(struct kill_task *k)
{
    struct container *c = k->c;
    if (c->pid <= 0 || !c->alive)
        return 0;
    size_t below = proctree_each(c->pid, kill_unless_supervisor, c);
    /* It normally leaves by itself, with the status written; not when it has not started a command yet. */
    if (below <= 1 && k->round >= ROUNDS_BEFORE_FORCE)
        (void)kill(c->pid, SIGKILL);
    return 0; /* c->alive says when it is over */
}

static int64_t pause_ns(unsigned round)
{
    static const int64_t ms[] = { 1, 1, 2, 4, 8, 16, 32, 64 };
    return ms[round < 8 ? round : 7] * NS_PER_MS;
}

static void kill_round(void *arg)
{
    struct kill_task *k = arg;
    struct container *c = k->c;
    bool groups = c->kill_group.controllers != 0;
    size_t left = groups ? round_groups(k) : round_posix(k);
    /* Who has not told the supervisor's pid yet is about to: killed at once, its clone would stay a zombie of ours. */
    if (c->first_pid > 0 && c->first_pid != c->pid && k->round >= 8)
        (void)kill(c->first_pid, SIGKILL);
    if (left == 0 && !c->alive && c->child_count == 0) {
        k->done(c, NULL);
        return;
    }
    if (!mono_before(loop_clock(), k->deadline)) {
        struct error err;
        (void)error_set(&err, ERR_TIMEOUT, "%zu processes of container %s are left after cgroups_destroy_timeout", left, c->id);
        k->done(c, &err);
        return;
    }
    loop_timer_in(&k->timer, pause_ns(k->round++));
}

void kill_start(struct container *c, kill_done_fn *done)
{
    struct isolation *iso = c->iso;
    struct kill_task *k = xcalloc(1, sizeof *k);
    k->c = c;
    k->done = done;
    k->deadline = mono_add(loop_now(iso->loop), iso->o.cgroups_destroy_timeout_ns);
    loop_timer_init(&k->timer, iso->loop, kill_round, k);
    c->kill = k;
    loop_timer_in(&k->timer, 0);
}

void kill_again(struct kill_task *k)
{
    loop_timer_in(&k->timer, pause_ns(k->round++));
}

void kill_poke(struct kill_task *k)
{
    if (k != NULL)
        loop_timer_in(&k->timer, 0);
}

void kill_free(struct kill_task *k)
{
    if (k == NULL)
        return;
    loop_timer_done(&k->timer);
    free(k);
}
