/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa sim`: options and the verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/history.h"

int sim_main(int argc, char **argv);

struct options {
    struct sim_options sim;
    struct run_options run;
    bool minimise;
    struct sim_choice choice;
};

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
         "  --quiet          no trace of failures          --until-failure stops at the first one\n"
         "  --jobs=N         processes (one per processor) --minimise      makes a failing history small and tells it\n"
         "  --keep=a3,d17    only these accidents and deeds happen (as --minimise prints them)");
}

static const char step_letters[STEP_KINDS] = { 'a', 'd' };

/* "a3,d17": accidents and deeds that happen; nothing else does. */
static bool parse_kept(struct options *o, struct str list)
{
    struct str one;

    memset(&o->choice, 1, sizeof o->choice);
    o->sim.choice = &o->choice;
    for (bool more = list.n != 0; more;) {
        uint64_t n;
        more = str_cut(&list, ',', &one);
        unsigned kind = one.n != 0 && one.p[0] == step_letters[STEP_DEED] ? STEP_DEED : STEP_ACCIDENT;
        if (one.n == 0 || one.p[0] != step_letters[kind])
            return false;
        one = str_sub(one, 1, one.n);
        if (!str_u64(&one, STEPS_MAX - 1, &n) || one.n != 0)
            return false;
        o->choice.dropped[kind][n] = false;
    }
    return true;
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
            o->run.twice = true;
        else if (str_is(name, "--trace"))
            o->sim.trace = true;
        else if (str_is(name, "--quiet"))
            o->run.quiet = true;
        else if (str_is(name, "--until-failure"))
            o->run.until_failure = true;
        else if (str_is(name, "--minimise"))
            o->minimise = true;
        else if (str_is(name, "--keep"))
            ok = parse_kept(o, value);
        else if (str_is(name, "--jobs") && (ok = number(value, 64, &n)))
            o->run.jobs = (unsigned)n;
        else if (str_is(name, "--no-marathon"))
            o->sim.marathon = false;
        else if (str_is(name, "--faults"))
            ok = parse_faults(value, &o->sim.faults);
        else if (str_is(name, "--seed"))
            ok = number(value, UINT64_MAX, &o->sim.seed);
        else if (str_is(name, "--seeds"))
            ok = number(value, UINT64_MAX, &o->run.seeds);
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

static void print_kept(FILE *out, const struct sim_choice *c)
{
    const char *sep = " --keep=";
    bool any = false;

    for (unsigned kind = 0; kind < STEP_KINDS; kind++)
        for (unsigned i = 0; i < STEPS_MAX; i++)
            if (!c->dropped[kind][i]) {
                (void)fprintf(out, "%s%c%u", sep, step_letters[kind], i);
                sep = ",";
                any = true;
            }
    if (!any)
        (void)fprintf(out, " --keep=");
}

void reproduce_line(FILE *out, const struct sim_options *o)
{
    (void)fprintf(out, "reproduce: stoa sim --seed=%llu", (unsigned long long)o->seed);
    if (o->agents != 0)
        (void)fprintf(out, " --agents=%u", o->agents);
    if (o->masters != 0)
        (void)fprintf(out, " --masters=%u", o->masters);
    if (o->frameworks != 0)
        (void)fprintf(out, " --frameworks=%u", o->frameworks);
    if (o->faults != FAULT_ALL) {
        const char *sep = " --faults=";
        for (size_t i = 0; i + 2 < sizeof fault_names / sizeof fault_names[0]; i++)
            if ((o->faults & fault_names[i].bits) != 0) {
                (void)fprintf(out, "%s%s", sep, fault_names[i].name);
                sep = ",";
            }
        if (o->faults == 0)
            (void)fprintf(out, " --faults=none");
    }
    if (o->duration_ns != SEC(60))
        (void)fprintf(out, " --duration=%d", (int)(o->duration_ns / NS_PER_S));
    if (!o->marathon)
        (void)fprintf(out, " --no-marathon");
    if (o->choice != NULL)
        print_kept(out, o->choice);
    (void)fprintf(out, " --trace\n");
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
    static struct options o; /* large */
    struct tally t;

    o = (struct options){ .sim = { .seed = 1,
                                   .faults = FAULT_ALL,
                                   .duration_ns = SEC(60),
                                   .marathon = true,
                                   .trace_lines = 200 },
                          .run = { .seeds = 1 } };
    int rc = parse(&o, argc, argv);
    if (rc != 0)
        return rc - 1;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (o.minimise)
        return minimise(&o.sim) ? 1 : 0;
    if (o.run.jobs == 0)
        o.run.jobs = o.run.seeds == 1 || o.sim.trace ? 1 : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    workers_run(&o.sim, &o.run, &t);
    printf("%llu events, %llu tasks, %llu updates, %llu crashes; slowest to settle: %d s\n",
           (unsigned long long)t.events, (unsigned long long)t.tasks, (unsigned long long)t.updates,
           (unsigned long long)t.crashes, (int)(t.slowest_ns / NS_PER_S));
    printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)t.passed,
           (unsigned long long)(t.failed + t.crashed));
    append_results(t.passed, t.failed + t.crashed);
    return t.failed + t.crashed != 0;
}
