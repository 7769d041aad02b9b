/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: a framework that can be killed at any moment and still accounts for every job exactly once. It is
 * what `make chaos` runs, and a pattern for frameworks that keep their own state.
 *
 *     jobs --master=zk://... --journal=FILE --command='...' --every=MS --parallel=N --stop=FILE
 *
 * A job is one run of the command (JOB, its number, and MESOS_TASK_ID are in its environment) to its end; a
 * new one is made every MS milliseconds until the stop file appears; then what is left is finished and the
 * framework removed (exit status 0).
 *
 * The journal is the truth, a line per fact, synced before anybody else can know it:
 *     framework ID             before the first offer is answered
 *     job N                    a new job
 *     launch N ATTEMPT AGENT   before the ACCEPT is sent; the task's id is job-N-ATTEMPT
 *     state N ATTEMPT STATE    a terminal state, before it is acknowledged
 * So after a kill -9 every task that may exist is in the journal, and a terminal update that was acknowledged
 * is too. A task that was never sent, or is lost, is found by reconciliation, which is repeated while
 * anything is unsettled. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stoa/scheduler.h"

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE };
enum { RECONCILE_MS = 3000, TASKS_PER_OFFER = 8, PARTS = 4, MILLI_CPUS = 100, MILLI_MEM = 16000 };

struct job {
    enum job_state state;
    unsigned attempt;
    char agent_id[200];
    bool heard; /* since the last round of reconciliation */
};

struct jobs {
    struct job *jobs; /* jobs[n] is job n */
    size_t count, cap;
    size_t parallel;
    long every_ms;
    const char *command, *stop;
    char framework_id[256];
    int journal;
};

/* --- the journal ---------------------------------------------------------------------------------------- */

static void record(struct jobs *b, const char *line)
{
    size_t n = strlen(line);

    if (write(b->journal, line, n) != (ssize_t)n || fdatasync(b->journal) != 0) {
        perror("jobs: journal");
        exit(3);
    }
}

static struct job *job_add(struct jobs *b)
{
    if (b->count == b->cap) {
        b->cap = b->cap != 0 ? b->cap * 2 : 64;
        b->jobs = realloc(b->jobs, b->cap * sizeof *b->jobs);
        if (b->jobs == NULL)
            exit(3);
    }
    b->jobs[b->count] = (struct job){ .state = JOB_WAITING };
    return &b->jobs[b->count++];
}

static bool state_is_success(const char *name)
{
    return strcmp(name, "TASK_FINISHED") == 0;
}

static void replay_line(struct jobs *b, const char *line)
{
    size_t n;
    unsigned attempt;
    char text[200];

    if (sscanf(line, "framework %199s", text) == 1) {
        (void)snprintf(b->framework_id, sizeof b->framework_id, "%s", text);
    } else if (sscanf(line, "job %zu", &n) == 1) {
        (void)job_add(b);
    } else if (sscanf(line, "launch %zu %u %199s", &n, &attempt, text) == 3 && n < b->count) {
        b->jobs[n].state = JOB_RUNNING;
        b->jobs[n].attempt = attempt;
        (void)snprintf(b->jobs[n].agent_id, sizeof b->jobs[n].agent_id, "%s", text);
    } else if (sscanf(line, "state %zu %u %199s", &n, &attempt, text) == 3 && n < b->count &&
               b->jobs[n].attempt == attempt && b->jobs[n].state != JOB_DONE) {
        b->jobs[n].state = state_is_success(text) ? JOB_DONE : JOB_WAITING;
    }
}

static void replay(struct jobs *b, const char *path)
{
    char line[1024];
    FILE *f = fopen(path, "r");

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        replay_line(b, line);
    if (f != NULL)
        (void)fclose(f);
    b->journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (b->journal < 0) {
        perror(path);
        exit(3);
    }
}

static size_t jobs_in(const struct jobs *b, enum job_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++)
        n += b->jobs[i].state == state;
    return n;
}

/* --- offers --------------------------------------------------------------------------------------------- */

struct launching {
    struct stoa_task tasks[TASKS_PER_OFFER];
    struct stoa_command commands[TASKS_PER_OFFER];
    struct stoa_variable environment[TASKS_PER_OFFER][2];
    struct stoa_resource resources[TASKS_PER_OFFER][PARTS];
    char ids[TASKS_PER_OFFER][64], numbers[TASKS_PER_OFFER][24];
    size_t count;
};

static void prepare(struct jobs *b, struct launching *l, size_t number, const char *agent_id, size_t parts)
{
    struct job *j = &b->jobs[number];
    size_t i = l->count++;
    char line[512];

    j->attempt++;
    j->state = JOB_RUNNING;
    j->heard = true; /* not asked for in the round that is next */
    (void)snprintf(j->agent_id, sizeof j->agent_id, "%s", agent_id);
    (void)snprintf(line, sizeof line, "launch %zu %u %s\n", number, j->attempt, agent_id);
    record(b, line);
    (void)snprintf(l->ids[i], sizeof l->ids[i], "job-%zu-%u", number, j->attempt);
    (void)snprintf(l->numbers[i], sizeof l->numbers[i], "%zu", number);
    l->environment[i][0] = (struct stoa_variable){ .name = "JOB", .value = l->numbers[i] };
    l->environment[i][1] = (struct stoa_variable){ .name = "MESOS_TASK_ID", .value = l->ids[i] };
    l->commands[i] = (struct stoa_command){ .value = b->command,
                                            .environment = l->environment[i],
                                            .environment_count = 2 };
    l->tasks[i] = (struct stoa_task){ .id = l->ids[i],
                                      .name = "job",
                                      .resources = l->resources[i],
                                      .resource_count = parts,
                                      .command = &l->commands[i] };
}

static void fill(struct jobs *b, const struct stoa_offer *offer, struct stoa_resource *rest,
                 struct launching *l)
{
    size_t running = jobs_in(b, JOB_RUNNING);

    for (size_t n = 0; n < b->count && l->count < TASKS_PER_OFFER && running < b->parallel; n++) {
        struct stoa_resource *r = l->resources[l->count];
        size_t parts = 0;

        if (b->jobs[n].state != JOB_WAITING)
            continue;
        if (!stoa_take(rest, offer->resource_count, "cpus", MILLI_CPUS, r, &parts, PARTS) ||
            !stoa_take(rest, offer->resource_count, "mem", MILLI_MEM, r, &parts, PARTS))
            return;
        prepare(b, l, n, offer->agent_id, parts);
        running++;
    }
}

static void use_offer(struct stoa_scheduler *s, struct jobs *b, const struct stoa_offer *offer)
{
    struct launching *l = calloc(1, sizeof *l);
    struct stoa_resource *rest = calloc(offer->resource_count + 1, sizeof *rest);
    struct stoa_error err;

    if (l == NULL || rest == NULL)
        exit(3);
    memcpy(rest, offer->resources, offer->resource_count * sizeof *rest);
    fill(b, offer, rest, l);
    /* A launch that is not sent is found to be unknown by reconciliation, as after a crash here. */
    if (l->count == 0)
        (void)stoa_decline(s, &offer->id, 1, 1, NULL);
    else if (stoa_launch(s, offer, l->tasks, l->count, 0, &err) != 0)
        fprintf(stderr, "jobs: %s\n", err.msg);
    free(l);
    free(rest);
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user)
{
    for (size_t i = 0; i < count; i++)
        use_offer(s, user, &offers[i]);
}

/* --- updates -------------------------------------------------------------------------------------------- */

static bool is_over(const struct stoa_status *status)
{
    /* UNKNOWN is the answer of a reconciliation: nobody has it. UNREACHABLE may come back. */
    return status->is_terminal || status->state == STOA_TASK_UNKNOWN;
}

static void take_state(struct jobs *b, struct job *j, size_t number, unsigned attempt,
                       const struct stoa_status *status)
{
    char line[512];

    /* Also for an attempt that was given up: who reads the journal wants to know that it came back. */
    (void)snprintf(line, sizeof line, "state %zu %u %s %s %s\n", number, attempt, status->state_name,
                   status->reason_name != NULL ? status->reason_name : "-",
                   status->uuid.n != 0 ? "update" : "answer");
    record(b, line);
    if (attempt != j->attempt)
        return;
    if (j->state == JOB_RUNNING)
        j->state = status->state == STOA_TASK_FINISHED ? JOB_DONE : JOB_WAITING;
    else if (status->state == STOA_TASK_FINISHED)
        j->state = JOB_DONE; /* it was reported lost, waits, and now we hear that it was done */
}

static void on_update(struct stoa_scheduler *s, const struct stoa_status *status, void *user)
{
    struct jobs *b = user;
    size_t number;
    unsigned attempt;

    if (sscanf(status->task_id, "job-%zu-%u", &number, &attempt) == 2 && number < b->count) {
        struct job *j = &b->jobs[number];
        if (attempt == j->attempt)
            j->heard = true;
        if (is_over(status))
            take_state(b, j, number, attempt, status);
    }
    (void)stoa_acknowledge(s, status, NULL);
}

/* --- the life ------------------------------------------------------------------------------------------- */

static void reconcile(struct stoa_scheduler *s, struct jobs *b)
{
    for (size_t n = 0; n < b->count; n++) {
        char id[64];
        struct job *j = &b->jobs[n];
        const struct stoa_task_ref ref = { id, j->agent_id };

        (void)snprintf(id, sizeof id, "job-%zu-%u", n, j->attempt);
        if (j->state == JOB_RUNNING && !j->heard)
            (void)stoa_reconcile(s, &ref, 1, NULL);
        j->heard = false;
    }
}

static void on_reconcile_time(struct stoa_scheduler *s, void *arg)
{
    if (stoa_scheduler_is_subscribed(s))
        reconcile(s, arg);
    (void)stoa_scheduler_after(s, RECONCILE_MS, on_reconcile_time, arg, NULL);
}

static void on_subscribed(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user)
{
    struct jobs *b = user;
    char line[512];

    if (b->framework_id[0] == '\0') {
        (void)snprintf(b->framework_id, sizeof b->framework_id, "%s", e->framework_id);
        (void)snprintf(line, sizeof line, "framework %s\n", e->framework_id);
        record(b, line);
    }
    fprintf(stderr, "jobs: subscribed with %s as %s\n", e->master, e->framework_id);
    for (size_t n = 0; n < b->count; n++)
        b->jobs[n].heard = false;
    reconcile(s, b);
}

static void on_job_time(struct stoa_scheduler *s, void *arg)
{
    struct jobs *b = arg;
    bool stopping = access(b->stop, F_OK) == 0;
    char line[64];

    if (!stopping && jobs_in(b, JOB_WAITING) < b->parallel) {
        (void)snprintf(line, sizeof line, "job %zu\n", b->count);
        record(b, line);
        (void)job_add(b);
    }
    if (stopping && jobs_in(b, JOB_DONE) == b->count && stoa_scheduler_is_subscribed(s)) {
        (void)stoa_scheduler_teardown(s, NULL);
        return;
    }
    (void)stoa_scheduler_after(s, b->every_ms, on_job_time, b, NULL);
}

static void on_log(struct stoa_scheduler *s, int level, const char *line, void *user)
{
    (void)s;
    (void)user;
    if (level <= 2)
        fprintf(stderr, "jobs: %s\n", line);
}

static const char *option(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--", 2) == 0 && strncmp(argv[i] + 2, name, n) == 0 && argv[i][2 + n] == '=')
            return argv[i] + 3 + n;
    fprintf(stderr, "jobs: --%s=... is missing\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    struct jobs b = { .command = option(argc, argv, "command"),
                      .stop = option(argc, argv, "stop"),
                      .every_ms = strtol(option(argc, argv, "every"), NULL, 10),
                      .parallel = strtoul(option(argc, argv, "parallel"), NULL, 10) };
    const struct stoa_callbacks cb = {
        .subscribed = on_subscribed, .offers = on_offers, .update = on_update, .log = on_log
    };
    struct stoa_options o = { .master = option(argc, argv, "master"),
                              .name = "jobs",
                              .user = "root",
                              .failover_timeout_s = 3600,
                              .checkpoint = true,
                              .explicit_acknowledgements = true,
                              .backoff_max_ms = 2000,
                              .connect_timeout_ms = 5000,
                              .capabilities = STOA_CAP_PARTITION_AWARE };
    struct stoa_error err = { 0 };

    replay(&b, option(argc, argv, "journal"));
    o.framework_id = b.framework_id[0] != '\0' ? b.framework_id : NULL;
    struct stoa_scheduler *s = stoa_scheduler_new(&o, &cb, &b, &err);
    if (s == NULL || stoa_scheduler_after(s, b.every_ms, on_job_time, &b, &err) != 0 ||
        stoa_scheduler_after(s, RECONCILE_MS, on_reconcile_time, &b, &err) != 0 ||
        stoa_scheduler_run(s, &err) != 0) {
        fprintf(stderr, "jobs: %s\n", err.msg);
        return 1;
    }
    stoa_scheduler_free(s);
    free(b.jobs);
    return 0;
}
