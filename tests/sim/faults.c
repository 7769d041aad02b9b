/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, by seed: one accident after the other, at random distances, and its repair a while later.
 */
#include <stdio.h>

#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/sim.h"

/* Mostly the one that leads. */
static struct proc *any_master(struct sim *s, struct rng *r)
{
    struct proc *p = s->master_count > 1 && chance(r, 70) ? sim_leading_master(s) : NULL;

    return p != NULL ? p : s->master[rng_below(r, s->master_count)];
}

static struct proc *victim(struct sim *s, struct rng *r)
{
    unsigned dice = (unsigned)rng_below(r, 100);

    if (dice < 25)
        return any_master(s, r);
    if (dice < 70)
        return s->agent[rng_below(r, s->agent_count)];
    if (s->marathon_count != 0 && (dice < 85 || s->framework_count == 0))
        return s->marathon[rng_below(r, s->marathon_count)];
    return s->framework_count != 0 ? s->framework[rng_below(r, s->framework_count)] : any_master(s, r);
}

static void restart(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    struct proc *p = arg;

    (void)s;
    (void)none;
    (void)n;
    p->restart_due = false;
    if (!p->alive)
        proc_start(p);
}

/* A dead program is started again by whoever looks after it. */
static void watchman(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    (void)none;
    (void)arg;
    (void)n;
    for (struct proc *p = s->procs; p != NULL; p = p->next)
        if (!p->alive && !p->restart_due) {
            int64_t longest = chance(&s->rng_fault, 10) && !s->calm ? SEC(60) : SEC(5);
            p->restart_due = true;
            sim_after(s, NULL, between(&s->rng_fault, MS(20), s->calm ? SEC(1) : longest), restart, p, 0);
        }
    sim_after(s, NULL, MS(500), watchman, NULL, 0);
}

static void resume(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    struct proc *p = arg;

    (void)none;
    (void)n;
    if (!p->paused)
        return;
    sim_trace(s, p->name, "goes on");
    proc_resume(p);
}

static const char *machine_name(const struct sim *s, int host)
{
    for (const struct proc *p = s->procs; p != NULL; p = p->next)
        if (p->host == host)
            return p->name;
    return host == HOST_ZK ? "zookeeper" : "nobody";
}

static void heal(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    int a = (int)(n / HOSTS_MAX), b = (int)(n % HOSTS_MAX);

    (void)none;
    (void)arg;
    if (net_is_cut(s, a, b))
        sim_trace(s, "network", "%s and %s can talk again", machine_name(s, a), machine_name(s, b));
    net_cut(s, a, b, false);
}

static void cut(struct sim *s, int a, int b, int64_t ns)
{
    if (a == b)
        return;
    sim_trace(s, "network", "%s and %s cannot talk", machine_name(s, a), machine_name(s, b));
    net_cut(s, a, b, true);
    sim_after(s, NULL, ns, heal, NULL, (uint64_t)a * HOSTS_MAX + (uint64_t)b);
}

/* Between the master and one other machine, mostly: the others hardly talk to each other. */
static void partition(struct sim *s, struct rng *r)
{
    int64_t ns = chance(r, 20) ? between(r, SEC(10), SEC(60)) : between(r, MS(100), SEC(10));
    struct proc *p = victim(s, r);

    if (s->zk != NULL && (s->o.faults & FAULT_ZK) != 0 && chance(r, 40)) {
        cut(s, HOST_ZK, p->host, ns);
        return;
    }
    if (!proc_is_master(p)) {
        cut(s, any_master(s, r)->host, p->host, ns);
        return;
    }
    for (struct proc *q = s->procs; q != NULL; q = q->next) /* the master alone, but maybe with ZooKeeper */
        cut(s, p->host, q->host, ns);
    if (s->zk != NULL && chance(r, 60))
        cut(s, p->host, HOST_ZK, ns);
}

static void pause_some(struct sim *s, struct rng *r, struct proc *p)
{
    if (!p->alive || p->paused)
        return;
    sim_trace(s, p->name, "is stopped");
    proc_pause(p);
    sim_after(s, NULL, chance(r, 20) ? between(r, SEC(5), SEC(40)) : between(r, MS(10), SEC(5)), resume, p, 0);
}

/* --- ZooKeeper --- */

static void ensemble_back(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    (void)none;
    (void)arg;
    (void)n;
    if (!ensemble_is_stopped(s->zk))
        return;
    sim_trace(s, "zookeeper", "has a quorum again");
    ensemble_stop(s->zk, false);
}

/* Somebody's session is over, though he lives; the ensemble has no quorum; an operator deletes a candidate's node. */
static void ensemble_trouble(struct sim *s, struct rng *r)
{
    unsigned dice = (unsigned)rng_below(r, 100);

    if (dice < 40) {
        if (ensemble_is_stopped(s->zk))
            return;
        sim_trace(s, "zookeeper", "has no quorum");
        ensemble_stop(s->zk, true);
        sim_after(s, NULL, chance(r, 30) ? between(r, SEC(5), SEC(30)) : between(r, MS(100), SEC(5)), ensemble_back, NULL, 0);
    } else if (dice < 70) {
        ensemble_expire_some(s->zk, r);
    } else {
        const char *path = chance(r, 60) ? MASTERS_PATH : MARATHONS_PATH;
        int64_t since;
        struct proc *p = ensemble_leader(s->zk, path, &since);
        sim_trace(s, "operator", "deletes the first candidate of %s", path);
        ensemble_delete_first(s->zk, path);
        if (p != NULL && (s->o.faults & FAULT_PAUSE) != 0 && chance(r, 60)) /* and it does not hear of it */
            pause_some(s, r, p);
    }
}

/* An executor is killed, with its task. */
static void kill_executor(struct sim *s, struct rng *r)
{
    size_t n = 0;

    for (struct proc *p = s->mortals; p != NULL; p = p->next)
        n += p->alive;
    if (n == 0)
        return;
    n = rng_below(r, n);
    for (struct proc *p = s->mortals; p != NULL; p = p->next)
        if (p->alive && n-- == 0) {
            proc_crash(p);
            return;
        }
}

static void crash(struct sim *s, struct rng *r, struct proc *p)
{
    unsigned dice = (unsigned)rng_below(r, 100);

    if (dice < 65)
        p->crash_in = 1 + (int)rng_below(r, 30); /* in the middle of something */
    else if (dice < 85)
        proc_crash(p);
    else if (dice < 95)
        kill_executor(s, r);
    else
        agent_machine_reboots(s, (unsigned)rng_below(r, s->agent_count));
}

/* --- disks: of agents by index, then the master's and marathon's --- */

static void disk(struct sim *s, unsigned i, bool full)
{
    if (i < s->agent_count)
        agent_disk_full(s, i, full);
    else if (i == s->agent_count)
        s->master_store.full = full;
    else
        s->marathon_store.full = full;
}

static void disk_room(struct sim *s, struct proc *none, void *arg, uint64_t i)
{
    (void)none;
    (void)arg;
    disk(s, (unsigned)i, false);
}

static void fill_disk(struct sim *s, struct rng *r)
{
    unsigned own = s->zk == NULL ? 1 + s->marathon_count : 0; /* programs with a store on their disk */
    unsigned i = own != 0 && chance(r, 50) ? s->agent_count + (unsigned)rng_below(r, own)
                                           : (unsigned)rng_below(r, s->agent_count);

    sim_trace(s, "disk", "of %s is full",
              i < s->agent_count ? s->agent[i]->name : i == s->agent_count ? "the master" : "marathon");
    disk(s, i, true);
    sim_after(s, NULL, chance(r, 30) ? between(r, SEC(1), SEC(20)) : between(r, MS(1), SEC(1)), disk_room, NULL, i);
}

static void happen(struct sim *s, struct rng *r)
{
    static const unsigned kinds[] = { FAULT_CRASH,     FAULT_CRASH, FAULT_CRASH, FAULT_PAUSE, FAULT_DISK,
                                      FAULT_PARTITION, FAULT_BREAK, FAULT_BREAK, FAULT_CLOCK };
    struct proc *p = victim(s, r);

    if (s->zk != NULL && (s->o.faults & FAULT_ZK) != 0 && chance(r, 12)) {
        ensemble_trouble(s, r);
        return;
    }
    switch (kinds[rng_below(r, sizeof kinds / sizeof kinds[0])] & s->o.faults) {
    case FAULT_CRASH:
        crash(s, r, p);
        break;
    case FAULT_PAUSE:
        pause_some(s, r, p);
        break;
    case FAULT_PARTITION:
        partition(s, r);
        break;
    case FAULT_BREAK:
        net_break_some(s, r);
        break;
    case FAULT_DISK:
        fill_disk(s, r);
        break;
    case FAULT_CLOCK:
        s->wall_skew_ms += between(r, -3600000, 3600000);
        sim_trace(s, "clock", "jumps");
        break;
    default: /* that kind is off */
        break;
    }
}

static void accident(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    struct rng own;

    (void)none;
    (void)arg;
    (void)n;
    if (s->calm)
        return;
    if (sim_next_step(s, STEP_ACCIDENT, &own))
        happen(s, &own);
    sim_after(s, NULL, between(&s->rng_fault, MS(50), SEC(3)), accident, NULL, 0);
}

void faults_start(struct sim *s)
{
    watchman(s, NULL, NULL, 0);
    if ((s->o.faults & ~(unsigned)FAULT_DELAY) != 0)
        sim_after(s, NULL, between(&s->rng_fault, MS(10), SEC(8)), accident, NULL, 0);
}

void faults_heal(struct sim *s)
{
    s->calm = true;
    sim_trace(s, "world", "all is well from here on");
    for (int a = 0; a < s->host_count; a++)
        for (int b = 0; b < a; b++)
            if (net_is_cut(s, a, b))
                net_cut(s, a, b, false);
    if (s->zk != NULL && ensemble_is_stopped(s->zk))
        ensemble_stop(s->zk, false);
    for (unsigned i = 0; i < s->agent_count + 2; i++)
        disk(s, i, false);
    for (struct proc *p = s->procs; p != NULL; p = p->next) {
        p->crash_in = 0;
        if (p->paused)
            proc_resume(p);
    }
}
