/* SPDX-License-Identifier: Apache-2.0 */
/* batch: runs a list of shell commands on the cluster, each once and to its end.
 *
 *     batch --master=127.0.0.1:5050 'make test' 'make docs'
 *     batch --master=127.0.0.1:5050 --cpus=0.1 --mem=32 --parallel=20 --file=commands.txt
 *
 * A command that fails (exits with another status than 0) is reported and not run again; one that is lost
 * with its agent, or never started, is run again, up to --retries times. The exit status is 0 when all
 * commands succeeded.
 *
 * Worth looking at: which states mean "run again"; suppressing offers when nothing waits; asking for the
 * state of what runs after every subscription, because updates may have been missed while the connection was
 * away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stoa/scheduler.h"

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED };

struct job {
    const char *command;
    enum job_state state;
    int attempt; /* part of the task id: every attempt is another task */
    char task_id[64];
    char agent_id[256];
};

struct batch {
    struct job *jobs;
    size_t count, cap;
    size_t parallel; /* most at a time; 0: as many as fit */
    int retries;
    int64_t cpus_milli, mem_milli;
    int verbose;
};

static size_t jobs_in(const struct batch *b, enum job_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++)
        n += b->jobs[i].state == state;
    return n;
}

static struct job *job_next(struct batch *b)
{
    if (b->parallel != 0 && jobs_in(b, JOB_RUNNING) >= b->parallel)
        return NULL;
    for (size_t i = 0; i < b->count; i++)
        if (b->jobs[i].state == JOB_WAITING)
            return &b->jobs[i];
    return NULL;
}

static struct job *job_of_task(struct batch *b, const char *task_id)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->jobs[i].state == JOB_RUNNING && strcmp(b->jobs[i].task_id, task_id) == 0)
            return &b->jobs[i];
    return NULL; /* an attempt that was given up before */
}

/* --- offers ----------------------------------------------------------------------------------------------
 */

static void start(struct batch *b, struct job *j, const struct stoa_offer *offer)
{
    j->attempt++;
    j->state = JOB_RUNNING;
    (void)snprintf(j->task_id, sizeof j->task_id, "job-%zu-%d", (size_t)(j - b->jobs), j->attempt);
    (void)snprintf(j->agent_id, sizeof j->agent_id, "%s", offer->agent_id);
    if (b->verbose)
        printf("%s starts on %s: %s\n", j->task_id, offer->hostname, j->command);
}

enum { TASKS_PER_OFFER = 64, PARTS = 4 };

/* What the tasks of one ACCEPT point to. */
struct launching {
    struct stoa_task tasks[TASKS_PER_OFFER];
    struct stoa_command commands[TASKS_PER_OFFER];
    struct stoa_resource resources[TASKS_PER_OFFER][PARTS];
    size_t count;
};

static void fill(struct batch *b, const struct stoa_offer *offer, struct stoa_resource *rest,
                 struct launching *l)
{
    struct job *j;

    while (l->count < TASKS_PER_OFFER && (j = job_next(b)) != NULL) {
        struct stoa_resource *r = l->resources[l->count];
        size_t n = 0;

        if (!stoa_take(rest, offer->resource_count, "cpus", b->cpus_milli, r, &n, PARTS) ||
            !stoa_take(rest, offer->resource_count, "mem", b->mem_milli, r, &n, PARTS))
            return;
        start(b, j, offer);
        l->commands[l->count] = (struct stoa_command){ .value = j->command };
        l->tasks[l->count] = (struct stoa_task){ .id = j->task_id,
                                                 .name = "batch",
                                                 .resources = r,
                                                 .resource_count = n,
                                                 .command = &l->commands[l->count] };
        l->count++;
    }
}

static void unlaunch(struct batch *b, const struct launching *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct job *j = job_of_task(b, l->tasks[i].id);

        if (j != NULL)
            j->state = JOB_WAITING;
    }
}

static void use_offer(struct stoa_scheduler *s, struct batch *b, const struct stoa_offer *offer)
{
    struct launching *l = calloc(1, sizeof *l);
    struct stoa_resource *rest = calloc(offer->resource_count + 1, sizeof *rest);
    struct stoa_error err;

    if (l != NULL && rest != NULL) {
        memcpy(rest, offer->resources, offer->resource_count * sizeof *rest);
        fill(b, offer, rest, l);
    }
    if (l == NULL || l->count == 0) {
        (void)stoa_decline(s, &offer->id, 1, 5, NULL);
    } else if (stoa_launch(s, offer, l->tasks, l->count, 0, &err) != 0) {
        fprintf(stderr, "batch: %s\n", err.msg);
        unlaunch(b, l);
    }
    free(l);
    free(rest);
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user)
{
    struct batch *b = user;

    for (size_t i = 0; i < count; i++)
        use_offer(s, b, &offers[i]);
    if (jobs_in(b, JOB_WAITING) == 0)
        (void)stoa_suppress(s, NULL, 0, NULL); /* nothing to place: others may have the offers */
}

/* --- updates ---------------------------------------------------------------------------------------------
 */

static void report(const struct job *j, const struct stoa_status *status, const char *what)
{
    printf("%s %s: %s%s%s (%s)\n", j->task_id, what, status->state_name, status->message != NULL ? ": " : "",
           status->message != NULL ? status->message : "", j->command);
}

static void finished_one(struct stoa_scheduler *s, struct batch *b)
{
    if (jobs_in(b, JOB_WAITING) + jobs_in(b, JOB_RUNNING) == 0)
        (void)stoa_scheduler_teardown(s, NULL); /* all done: the framework need not be remembered */
    else if (jobs_in(b, JOB_WAITING) != 0)
        (void)stoa_revive(s, NULL, 0, NULL);
}

static void lost(struct stoa_scheduler *s, struct batch *b, struct job *j, const struct stoa_status *status)
{
    if (j->attempt > b->retries) {
        report(j, status, "is given up");
        j->state = JOB_FAILED;
    } else {
        report(j, status, "is tried again");
        j->state = JOB_WAITING;
    }
    finished_one(s, b);
}

static void on_update(struct stoa_scheduler *s, const struct stoa_status *status, void *user)
{
    struct batch *b = user;
    struct job *j = job_of_task(b, status->task_id);

    if (j == NULL)
        return;
    switch (status->state) {
    case STOA_TASK_FINISHED:
        if (b->verbose)
            report(j, status, "succeeded");
        j->state = JOB_SUCCEEDED;
        finished_one(s, b);
        break;
    case STOA_TASK_FAILED:
    case STOA_TASK_ERROR:
        report(j, status, "failed");
        j->state = JOB_FAILED;
        finished_one(s, b);
        break;
    case STOA_TASK_KILLED: /* by an operator or a drained agent, not by us */
    case STOA_TASK_LOST:
    case STOA_TASK_DROPPED:
    case STOA_TASK_GONE:
    case STOA_TASK_GONE_BY_OPERATOR:
    case STOA_TASK_UNKNOWN: /* the answer of a reconciliation: nobody has it */
        lost(s, b, j, status);
        break;
    case STOA_TASK_STAGING:
    case STOA_TASK_STARTING:
    case STOA_TASK_RUNNING:
    case STOA_TASK_KILLING:
    case STOA_TASK_UNREACHABLE: /* may come back */
        break;
    }
}

static void on_subscribed(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user)
{
    struct batch *b = user;

    if (b->verbose)
        printf("subscribed with %s as %s\n", e->master, e->framework_id);
    for (size_t i = 0; i < b->count; i++) {
        const struct stoa_task_ref ref = { b->jobs[i].task_id, b->jobs[i].agent_id };

        if (b->jobs[i].state == JOB_RUNNING)
            (void)stoa_reconcile(s, &ref, 1, NULL);
    }
}

static void on_error(struct stoa_scheduler *s, const char *message, void *user)
{
    (void)s;
    (void)user;
    fprintf(stderr, "batch: %s\n", message);
}

static void on_log(struct stoa_scheduler *s, int level, const char *line, void *user)
{
    const struct batch *b = user;

    (void)s;
    if (level <= 1 || b->verbose)
        fprintf(stderr, "batch: %s\n", line);
}

/* --- the command line --- */

static void add(struct batch *b, const char *command)
{
    if (b->count == b->cap) {
        b->cap = b->cap != 0 ? b->cap * 2 : 16;
        b->jobs = realloc(b->jobs, b->cap * sizeof *b->jobs);
        if (b->jobs == NULL)
            exit(2);
    }
    b->jobs[b->count++] = (struct job){ .command = command };
}

static int add_file(struct batch *b, const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (f == NULL)
        return -1;
    while ((n = getline(&line, &cap, f)) > 0) {
        if (line[n - 1] == '\n')
            line[n - 1] = 0;
        if (line[0] != 0 && line[0] != '#')
            add(b, strdup(line));
    }
    free(line);
    if (f != stdin)
        (void)fclose(f);
    return 0;
}

/* The value of --name=value, or NULL. */
static const char *value_of(const char *arg, const char *name)
{
    size_t n = strlen(name);

    return strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, n) == 0 && arg[2 + n] == '=' ? arg + 3 + n
                                                                                             : NULL;
}

static int usage(void)
{
    fprintf(stderr, "usage: batch --master=HOST:PORT [--cpus=1] [--mem=128] [--role=*] [--parallel=N] "
                    "[--retries=3] [--verbose]\n"
                    "             [--file=COMMANDS|-] [COMMAND...]\n");
    return 2;
}

static int parse(struct batch *b, struct stoa_options *o, const char **role, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *v;

        if ((v = value_of(argv[i], "master")) != NULL)
            o->master = v;
        else if ((v = value_of(argv[i], "role")) != NULL)
            *role = v;
        else if ((v = value_of(argv[i], "cpus")) != NULL)
            b->cpus_milli = (int64_t)(strtod(v, NULL) * 1000 + 0.5);
        else if ((v = value_of(argv[i], "mem")) != NULL)
            b->mem_milli = (int64_t)(strtod(v, NULL) * 1000 + 0.5);
        else if ((v = value_of(argv[i], "parallel")) != NULL)
            b->parallel = (size_t)strtoull(v, NULL, 10);
        else if ((v = value_of(argv[i], "retries")) != NULL)
            b->retries = (int)strtoull(v, NULL, 10);
        else if (strcmp(argv[i], "--verbose") == 0)
            b->verbose = 1;
        else if ((v = value_of(argv[i], "file")) != NULL) {
            if (add_file(b, v) != 0) {
                perror(v);
                return -1;
            }
        } else if (strncmp(argv[i], "--", 2) == 0) {
            fprintf(stderr, "batch: %s is not an option\n", argv[i]);
            return -1;
        } else {
            add(b, argv[i]);
        }
    }
    return o->master != NULL && b->count != 0 && b->cpus_milli > 0 && b->mem_milli > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct batch b = { .cpus_milli = 1000, .mem_milli = 128000, .retries = 3 };
    const char *role = "*";
    struct stoa_options o = { .name = "batch",
                              .roles = &role,
                              .role_count = 1,
                              .failover_timeout_s = 60,
                              .checkpoint = true,
                              .capabilities = STOA_CAP_PARTITION_AWARE };
    const struct stoa_callbacks cb = { .subscribed = on_subscribed,
                                       .offers = on_offers,
                                       .update = on_update,
                                       .error = on_error,
                                       .log = on_log };
    struct stoa_error err;
    struct stoa_scheduler *s;
    int rc;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (parse(&b, &o, &role, argc, argv) != 0)
        return usage();
    s = stoa_scheduler_new(&o, &cb, &b, &err);
    if (s == NULL) {
        fprintf(stderr, "batch: %s\n", err.msg);
        return 2;
    }
    rc = stoa_scheduler_run(s, &err);
    stoa_scheduler_free(s);
    if (rc != 0) {
        fprintf(stderr, "batch: %s\n", err.msg);
        return 2;
    }
    printf("%zu succeeded, %zu failed\n", jobs_in(&b, JOB_SUCCEEDED), jobs_in(&b, JOB_FAILED));
    rc = jobs_in(&b, JOB_SUCCEEDED) == b.count ? 0 : 1;
    free(b.jobs);
    return rc;
}
