/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa sim`: options, the two phases of a history, and the verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/alloc.h"
#include "tests/sim/agent.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/framework.h"
#include "tests/sim/ledger.h"
#include "tests/sim/sim.h"

int sim_main(int argc, char **argv);

struct options {
    struct sim_options sim;
    uint64_t seeds;
    bool twice, quiet, until_failure;
};

/* --- one history --- */

struct outcome {
    bool failed;
    uint64_t hash, events;
    struct ledger_counts counts;
    unsigned crashes;
    int64_t settled_ns; /* after the faults */
};

void frameworks_boot(struct sim *s)
{
    for (unsigned i = 0; i < s->framework_count; i++)
        sim_framework_new(s, i);
}

void world_free(struct sim *s)
{
    for (unsigned i = 0; i < s->framework_count; i++)
        sim_framework_free(s->framework[i]);
    for (unsigned i = 0; i < s->marathon_count; i++)
        sim_marathon_free(s->marathon[i]);
    agents_free(s);
    for (unsigned i = 0; i < s->master_count; i++)
        free(s->master[i]->node);
    ledger_free(s->ledger);
    ensemble_free(s->zk);
    sim_zk_reset();
}

static void boot(struct sim *s)
{
    s->agent_count = s->o.agents != 0 ? s->o.agents : (unsigned)between(&s->rng_boot, 1, 6);
    s->framework_count = s->o.frameworks != 0 ? s->o.frameworks : (unsigned)between(&s->rng_boot, 1, 4);
    s->master_count = s->o.masters != 0 ? s->o.masters : chance(&s->rng_zk, 50) ? 1 : (unsigned)between(&s->rng_zk, 2, MASTERS_MAX);
    if (s->master_count > 1)
        s->zk = ensemble_new(s);
    s->ledger = ledger_new();
    masters_boot(s);
    agents_boot(s);
    frameworks_boot(s);
    if (s->o.marathon) {
        s->marathon_count = s->zk != NULL ? MARATHONS_MAX : 1;
        sim_marathons_new(s);
    }
    faults_start(s);
}

static const char *unsettled(struct sim *s)
{
    const char *why = ledger_unsettled(s);

    for (unsigned i = 0; i < s->framework_count && why[0] == 0; i++)
        why = sim_framework_unsettled(s->framework[i]);
    if (why[0] == 0 && s->marathon_count != 0)
        why = sim_marathon_unsettled(s);
    if (why[0] == 0 && s->marathon_count != 0) {
        struct sim_marathon_books b = sim_marathon_books(s);
        why = ledger_compare(s, b.framework_id, b.tasks);
    }
    return why;
}

/* Heals everything and waits, in bounded virtual time, until nothing is open. */
static void liveness(struct sim *s, struct outcome *ret)
{
    int64_t began = s->now, until = s->now + SEC(400);

    faults_heal(s);
    while (!s->failed) {
        sim_run_until(s, s->now + SEC(1));
        const char *why = s->failed ? "" : unsettled(s);
        if (why[0] == 0)
            break;
        if (s->now >= until)
            sim_fail(s, "not settled %d s after the last fault: %s", (int)((s->now - began) / NS_PER_S), why);
    }
    ret->settled_ns = s->now - began;
}

static void print_ring(const struct sim *s)
{
    size_t from = s->ring_n > s->ring_cap ? s->ring_n - s->ring_cap : 0;

    for (size_t i = from; i < s->ring_n; i++)
        puts(s->ring[i % s->ring_cap]);
}

static void run_history(const struct sim_options *o, bool quiet, struct outcome *ret)
{
    struct sim s;

    sim_init(&s, o);
    boot(&s);
    sim_run_until(&s, o->duration_ns);
    if (!s.failed)
        liveness(&s, ret);
    if (s.failed && !o->trace && !quiet)
        print_ring(&s);
    if (s.failed)
        printf("seed %llu failed at %.3f s: %s\n", (unsigned long long)o->seed, (double)s.now / 1e9, s.why);
    ret->failed = s.failed;
    ret->hash = s.hash;
    ret->events = s.events;
    ret->counts = ledger_count(&s);
    for (struct proc *p = s.procs; p != NULL; p = p->next)
        ret->crashes += p->crashes;
    sim_done(&s);
}

/* --- options --- */

static const struct {
    const char *name;
    unsigned bits;
} fault_names[] = { { "crash", FAULT_CRASH }, { "pause", FAULT_PAUSE }, { "partition", FAULT_PARTITION },
                    { "break", FAULT_BREAK }, { "delay", FAULT_DELAY }, { "clock", FAULT_CLOCK },
                    { "torn", FAULT_TORN },   { "zk", FAULT_ZK },       { "disk", FAULT_DISK },
                    { "all", FAULT_ALL },     { "none", 0 } };

static bool parse_faults(struct str list, unsigned *ret)
{
    struct str one;

    *ret = 0;
    for (bool more = true; more;) {
        more = str_cut(&list, ',', &one);
        size_t i = 0;
        while (i < sizeof fault_names / sizeof fault_names[0] && !str_is(one, fault_names[i].name))
            i++;
        if (i == sizeof fault_names / sizeof fault_names[0]) {
            fprintf(stderr,
                    "stoa sim: --faults has '%.*s'; use crash, pause, partition, break, delay, clock, torn, "
                    "zk, disk, all or none\n",
                    STR_ARG(one));
            return false;
        }
        *ret |= fault_names[i].bits;
    }
    return true;
}

static void usage(void)
{
    puts("usage: stoa sim [--seed=N] [--seeds=K] [--twice] [--agents=A] [--frameworks=F] [--masters=M]\n"
         "                [--faults=LIST]\n"
         "                [--duration=SECONDS] [--trace] [--lines=N] [--no-marathon]\n"
         "Runs the cores of master, agent, executor, SDK and marathon in a simulated world; see "
         "docs/simulation.md.\n"
         "  --seed=N         the first history (1)         --seeds=K       how many (1)\n"
         "  --twice          run each twice and compare    --faults=LIST   "
         "crash,pause,partition,break,delay,clock,torn,zk,disk\n"
         "  --duration=S     seconds with faults (60)      --trace         print everything that happens\n"
         "  --lines=N        of the trace of a failure (200)\n"
         "  --quiet          no trace of failures          --until-failure stops at the first one");
}

static bool number(struct str value, uint64_t max, uint64_t *ret)
{
    return str_u64(&value, max, ret) && value.n == 0;
}

/* 0: go on, else the exit status plus 1. */
static int parse(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct str value = str_of(argv[i]), name;
        uint64_t n = 0;
        bool ok = true;
        (void)str_cut(&value, '=', &name);
        if (str_is(name, "--help")) {
            usage();
            return 1;
        }
        if (str_is(name, "--twice"))
            o->twice = true;
        else if (str_is(name, "--trace"))
            o->sim.trace = true;
        else if (str_is(name, "--quiet"))
            o->quiet = true;
        else if (str_is(name, "--until-failure"))
            o->until_failure = true;
        else if (str_is(name, "--no-marathon"))
            o->sim.marathon = false;
        else if (str_is(name, "--faults"))
            ok = parse_faults(value, &o->sim.faults);
        else if (str_is(name, "--seed"))
            ok = number(value, UINT64_MAX, &o->sim.seed);
        else if (str_is(name, "--seeds"))
            ok = number(value, UINT64_MAX, &o->seeds);
        else if (str_is(name, "--agents") && (ok = number(value, AGENTS_MAX, &n)))
            o->sim.agents = (unsigned)n;
        else if (str_is(name, "--masters") && (ok = number(value, MASTERS_MAX, &n)))
            o->sim.masters = (unsigned)n;
        else if (str_is(name, "--frameworks") && (ok = number(value, FRAMEWORKS_MAX, &n)))
            o->sim.frameworks = (unsigned)n;
        else if (str_is(name, "--duration") && (ok = number(value, 100000, &n)))
            o->sim.duration_ns = SEC(n);
        else if (str_is(name, "--lines") && (ok = number(value, 10000000, &n)))
            o->sim.trace_lines = (unsigned)n;
        else
            ok = false;
        if (!ok) {
            fprintf(stderr, "stoa sim: %s is not understood; see stoa sim --help\n", argv[i]);
            return 3;
        }
    }
    return 0;
}

static void reproduce_line(const struct options *o, uint64_t seed)
{
    printf("reproduce: stoa sim --seed=%llu", (unsigned long long)seed);
    if (o->sim.agents != 0)
        printf(" --agents=%u", o->sim.agents);
    if (o->sim.masters != 0)
        printf(" --masters=%u", o->sim.masters);
    if (o->sim.frameworks != 0)
        printf(" --frameworks=%u", o->sim.frameworks);
    if (o->sim.faults != FAULT_ALL) {
        const char *sep = " --faults=";
        for (size_t i = 0; i + 2 < sizeof fault_names / sizeof fault_names[0]; i++)
            if ((o->sim.faults & fault_names[i].bits) != 0) {
                printf("%s%s", sep, fault_names[i].name);
                sep = ",";
            }
        if (o->sim.faults == 0)
            printf(" --faults=none");
    }
    if (o->sim.duration_ns != SEC(60))
        printf(" --duration=%d", (int)(o->sim.duration_ns / NS_PER_S));
    if (!o->sim.marathon)
        printf(" --no-marathon");
    puts(" --trace");
}

static void append_results(uint64_t passed, uint64_t failed)
{
    const char *path = getenv("RESULTS");
    FILE *f = path != NULL && path[0] != 0 ? fopen(path, "a") : NULL;

    if (f == NULL)
        return;
    fprintf(f, "%llu %llu 0\n", (unsigned long long)passed, (unsigned long long)failed);
    (void)fclose(f); /* a lost line shows in the sum */
}

int sim_main(int argc, char **argv)
{
    struct options o = { .sim = { .seed = 1,
                                  .faults = FAULT_ALL,
                                  .duration_ns = SEC(60),
                                  .marathon = true,
                                  .trace_lines = 200 },
                         .seeds = 1 };
    uint64_t passed = 0, failed = 0, events = 0, tasks = 0, crashes = 0, updates = 0;
    int64_t slowest = 0;
    int rc = parse(&o, argc, argv);

    if (rc != 0)
        return rc - 1;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    uint64_t first = o.sim.seed;
    for (uint64_t i = 0; i < o.seeds && !(o.until_failure && failed != 0); i++) {
        struct outcome a = { 0 }, b = { 0 };
        o.sim.seed = first + i;
        run_history(&o.sim, o.quiet, &a);
        if (o.twice && !a.failed) {
            run_history(&o.sim, o.quiet, &b);
            if (a.hash != b.hash) {
                printf("seed %llu is not deterministic: trace hashes %016llx and %016llx\n",
                       (unsigned long long)o.sim.seed, (unsigned long long)a.hash,
                       (unsigned long long)b.hash);
                a.failed = true;
            }
        }
        if (a.failed)
            reproduce_line(&o, o.sim.seed);
        failed += a.failed;
        passed += !a.failed;
        events += a.events;
        tasks += a.counts.tasks;
        updates += a.counts.updates;
        crashes += a.crashes;
        slowest = a.settled_ns > slowest ? a.settled_ns : slowest;
    }
    printf("%llu events, %llu tasks, %llu updates, %llu crashes; slowest to settle: %d s\n",
           (unsigned long long)events, (unsigned long long)tasks, (unsigned long long)updates,
           (unsigned long long)crashes, (int)(slowest / NS_PER_S));
    printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)passed, (unsigned long long)failed);
    append_results(passed, failed);
    return failed != 0;
}
