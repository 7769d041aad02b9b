/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, by seed: one accident after the other, at random distances, and its repair a while later.
 */
#include <stdio.h>

#include "tests/sim/sim.h"

static struct proc *victim(struct sim *s)
{
    unsigned dice = (unsigned)rng_below(&s->rng_fault, 100);

    if (dice < 25)
        return s->master;
    if (dice < 70)
        return s->agent[rng_below(&s->rng_fault, s->agent_count)];
    if (s->marathon != NULL && (dice < 85 || s->framework_count == 0))
        return s->marathon;
    return s->framework_count != 0 ? s->framework[rng_below(&s->rng_fault, s->framework_count)] : s->master;
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

static void heal(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    int a = (int)(n / 1000), b = (int)(n % 1000);

    (void)none;
    (void)arg;
    if (s->cut[a][b])
        sim_trace(s, "network", "%d and %d are together again", a, b);
    net_cut(s, a, b, false);
}

static void cut(struct sim *s, int a, int b, int64_t ns)
{
    if (a == b)
        return;
    sim_trace(s, "network", "%d and %d are cut", a, b);
    net_cut(s, a, b, true);
    sim_after(s, NULL, ns, heal, NULL, (uint64_t)a * 1000 + (uint64_t)b);
}

/* Between the master and one other machine, mostly: the others hardly talk to each other. */
static void partition(struct sim *s)
{
    struct rng *r = &s->rng_fault;
    int64_t ns = chance(r, 20) ? between(r, SEC(10), SEC(60)) : between(r, MS(100), SEC(10));
    struct proc *p = victim(s);

    if (p != s->master) {
        cut(s, s->master->host, p->host, ns);
        return;
    }
    for (struct proc *q = s->procs; q != NULL; q = q->next) /* the master alone */
        cut(s, s->master->host, q->host, ns);
}

/* An executor is killed, with its task. */
static void kill_executor(struct sim *s)
{
    size_t n = 0;

    for (struct proc *p = s->mortals; p != NULL; p = p->next)
        n += p->alive;
    if (n == 0)
        return;
    n = rng_below(&s->rng_fault, n);
    for (struct proc *p = s->mortals; p != NULL; p = p->next)
        if (p->alive && n-- == 0) {
            proc_crash(p);
            return;
        }
}

static void crash(struct sim *s, struct proc *p)
{
    unsigned dice = (unsigned)rng_below(&s->rng_fault, 100);

    if (dice < 65)
        p->crash_in = 1 + (int)rng_below(&s->rng_fault, 30); /* in the middle of something */
    else if (dice < 85)
        proc_crash(p);
    else if (dice < 95)
        kill_executor(s);
    else
        agent_machine_reboots(s, (unsigned)rng_below(&s->rng_fault, s->agent_count));
}

static void accident(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    struct rng *r = &s->rng_fault;
    struct proc *p = victim(s);

    (void)none;
    (void)arg;
    (void)n;
    if (s->calm)
        return;
    static const unsigned kinds[] = { FAULT_CRASH,     FAULT_CRASH, FAULT_CRASH, FAULT_PAUSE,
                                      FAULT_PARTITION, FAULT_BREAK, FAULT_BREAK, FAULT_CLOCK };
    unsigned kind = kinds[rng_below(r, sizeof kinds / sizeof kinds[0])] & s->o.faults;
    if (kind == FAULT_CRASH) {
        crash(s, p);
    } else if (kind == FAULT_PAUSE && p->alive && !p->paused) {
        sim_trace(s, p->name, "is stopped");
        proc_pause(p);
        sim_after(s, NULL, chance(r, 20) ? between(r, SEC(5), SEC(40)) : between(r, MS(10), SEC(5)), resume,
                  p, 0);
    } else if (kind == FAULT_PARTITION) {
        partition(s);
    } else if (kind == FAULT_BREAK) {
        net_break_some(s, r);
    } else if (kind == FAULT_CLOCK) {
        s->wall_skew_ms += between(r, -3600000, 3600000);
        sim_trace(s, "clock", "jumps");
    }
    sim_after(s, NULL, between(r, MS(50), SEC(3)), accident, NULL, 0);
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
    for (int a = 0; a < HOSTS_MAX; a++)
        for (int b = 0; b < a; b++)
            if (s->cut[a][b])
                net_cut(s, a, b, false);
    for (struct proc *p = s->procs; p != NULL; p = p->next) {
        p->crash_in = 0;
        if (p->paused)
            proc_resume(p);
    }
}
