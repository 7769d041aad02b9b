/* SPDX-License-Identifier: Apache-2.0 */
/* Seeds are taken from one counter in shared memory by as many processes as asked for. A process that ends in the middle of a
 * seed (an assertion, a fault of memory) is noted with that seed, and another takes its place. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "tests/sim/history.h"

enum { JOBS_MAX = 64 };

struct worker {
    pid_t pid;
    bool busy;
    uint64_t seed;
    struct tally t;
};

struct board { /* shared; each worker writes only its own place and the counter */
    uint64_t next;
    bool stop;
    struct worker w[JOBS_MAX];
};

static void say(const char *text, size_t n)
{
    while (n > 0) { /* in one piece, as far as the system goes */
        ssize_t k = write(STDOUT_FILENO, text, n);
        if (k < 0 && errno != EINTR)
            return;
        if (k > 0) {
            text += k;
            n -= (size_t)k;
        }
    }
}

static void count(struct tally *t, const struct outcome *a, bool failed)
{
    t->failed += failed;
    t->passed += !failed;
    t->events += a->events;
    t->tasks += a->counts.tasks;
    t->updates += a->counts.updates;
    t->crashes += a->crashes;
    t->slowest_ns = a->settled_ns > t->slowest_ns ? a->settled_ns : t->slowest_ns;
}

static bool run_seed(const struct sim_options *o, const struct run_options *r, struct tally *t)
{
    struct outcome a, b;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    ASSERT(out != NULL);
    history_run(o, r->quiet ? NULL : out, NULL, NULL, &a);
    bool failed = a.failed;
    if (a.failed)
        (void)fprintf(out, "seed %llu failed at %.3f s: %s\n", (unsigned long long)o->seed, (double)a.ended_ns / 1e9, a.why);
    if (r->twice && !a.failed) {
        history_run(o, NULL, NULL, NULL, &b);
        failed = a.hash != b.hash;
        if (failed)
            (void)fprintf(out, "seed %llu is not deterministic: trace hashes %016llx and %016llx\n",
                          (unsigned long long)o->seed, (unsigned long long)a.hash, (unsigned long long)b.hash);
    }
    if (failed)
        reproduce_line(out, o);
    (void)fclose(out);
    say(text, n);
    free(text);
    count(t, &a, failed);
    return failed;
}

static void work(struct board *board, struct worker *w, const struct sim_options *options, const struct run_options *r)
{
    struct sim_options o = *options;

    while (!__atomic_load_n(&board->stop, __ATOMIC_RELAXED)) {
        uint64_t i = __atomic_fetch_add(&board->next, 1, __ATOMIC_RELAXED);
        if (i >= r->seeds)
            break;
        o.seed = options->seed + i;
        /* Atomic, or the compiler sees that nobody here reads it, and leaves it out. */
        __atomic_store_n(&w->seed, o.seed, __ATOMIC_SEQ_CST);
        __atomic_store_n(&w->busy, true, __ATOMIC_SEQ_CST);
        if (run_seed(&o, r, &w->t) && r->until_failure)
            __atomic_store_n(&board->stop, true, __ATOMIC_RELAXED);
        __atomic_store_n(&w->busy, false, __ATOMIC_SEQ_CST);
    }
}

static void spawn(struct board *board, struct worker *w, const struct sim_options *o, const struct run_options *r)
{
    (void)fflush(stdout);
    w->busy = false;
    pid_t pid = fork(); /* not straight into the board, which the child shares: its 0 could overwrite what we write */
    ASSERT(pid >= 0);
    if (pid != 0) {
        w->pid = pid;
        return;
    }
    work(board, w, o, r);
    (void)fflush(stdout);
    _exit(0);
}

static void ended(struct board *board, struct worker *w, int status, const struct sim_options *options,
                  const struct run_options *r)
{
    struct sim_options o = *options;

    w->pid = 0;
    if (!__atomic_load_n(&w->busy, __ATOMIC_SEQ_CST))
        return;
    o.seed = w->seed;
    printf("seed %llu crashed: the simulator ended with %s %d\n", (unsigned long long)w->seed,
           WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    reproduce_line(stdout, &o);
    w->t.crashed++;
    spawn(board, w, options, r);
}

static void add(struct tally *sum, const struct tally *t)
{
    sum->passed += t->passed;
    sum->failed += t->failed;
    sum->crashed += t->crashed;
    sum->events += t->events;
    sum->tasks += t->tasks;
    sum->updates += t->updates;
    sum->crashes += t->crashes;
    sum->slowest_ns = t->slowest_ns > sum->slowest_ns ? t->slowest_ns : sum->slowest_ns;
}

void workers_run(const struct sim_options *o, const struct run_options *r, struct tally *ret)
{
    unsigned jobs = r->jobs < JOBS_MAX ? r->jobs : JOBS_MAX;
    struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    ASSERT(board != MAP_FAILED);
    memset(ret, 0, sizeof *ret);
    if (r->seeds == 1) { /* here, where a debugger sees it */
        (void)run_seed(o, r, ret);
    } else {
        for (unsigned i = 0; i < jobs; i++)
            spawn(board, &board->w[i], o, r);
        for (pid_t pid; (pid = waitpid(-1, &status, 0)) > 0;)
            for (unsigned i = 0; i < jobs; i++)
                if (board->w[i].pid == pid)
                    ended(board, &board->w[i], status, o, r);
        for (unsigned i = 0; i < jobs; i++)
            add(ret, &board->w[i].t);
        ASSERT(board->stop || ret->passed + ret->failed + ret->crashed >= r->seeds); /* none was left out in silence */
    }
    (void)munmap(board, sizeof *board);
}
