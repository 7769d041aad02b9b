/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: people who define them, run them, kill runs and remove jobs; and what must hold of them whoever leads.
 *
 * What is durable is remembered here: what marathon told of after its records were (an output of its turns, as its streams are), and
 * what it read when it began. A run that was told of is there until its job is removed or its history is cut; it has one result; a
 * due time has one run or was skipped, and none is forgotten; the counters of a job are its runs, no more and no less. */
#include "tests/sim/marathon/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "marathon/api/jobs.h"
#include "marathon/core/issues.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/ledger.h"

enum { JOBS = 3, ID_SIZE = 24, MINUTE_MS = 60000 };
#define LONG_DEADLINE_S 604800 /* longer than any history: each due time is run or skipped by itself */

/* What a schedule had done when this version of its job began. */
struct seen_version {
    int64_t version, covered, skipped;
};

struct seen_run {
    char id[RUN_ID_SIZE];
    int64_t version, due; /* due 0: on request */
    unsigned attempt;
    enum run_state state;
};

struct seen_job {
    char id[ID_SIZE];
    int64_t created_at;
    bool deleted; /* its removal was told */
    struct seen_version *versions;
    size_t version_count, version_cap;
    struct seen_run *runs;
    size_t run_count, run_cap;
    struct seen_job *next;
};

struct jobs_watch {
    struct seen_job *jobs;
};

struct jobs_watch *jobs_watch_new(void)
{
    return xcalloc(1, sizeof(struct jobs_watch));
}

void jobs_watch_free(struct jobs_watch *w)
{
    while (w->jobs != NULL) {
        struct seen_job *j = w->jobs;
        w->jobs = j->next;
        free(j->versions);
        free(j->runs);
        free(j);
    }
    free(w);
}

static struct seen_job *job_seen(struct marathon_node *n, struct str id, int64_t created_at)
{
    struct jobs_watch *w = n->common->jobs;
    struct seen_job *j = w->jobs;

    while (j != NULL && !(str_is(id, j->id) && j->created_at == created_at))
        j = j->next;
    if (j != NULL)
        return j;
    j = xcalloc(1, sizeof *j);
    (void)snprintf(j->id, sizeof j->id, "%.*s", STR_ARG(id));
    j->created_at = created_at;
    j->next = w->jobs;
    w->jobs = j;
    return j;
}

static struct seen_version *version_seen(struct seen_job *x, int64_t version)
{
    for (size_t i = 0; i < x->version_count; i++)
        if (x->versions[i].version == version)
            return &x->versions[i];
    return NULL;
}

static struct seen_run *run_seen(struct seen_job *x, const char *id)
{
    for (size_t i = 0; i < x->run_count; i++)
        if (strcmp(x->runs[i].id, id) == 0)
            return &x->runs[i];
    return NULL;
}

/* --- what is durable ------------------------------------------------------------------------------------------- */

static void task_of(const struct seen_job *x, const struct seen_run *r, char *text, size_t size)
{
    (void)snprintf(text, size, "%s.run-%s-%u._app.1", x->id + 1, r->id, r->attempt);
}

/* Success is what its task said itself. */
static void check_success(struct marathon_node *n, const struct seen_job *x, const struct seen_run *r)
{
    char task[120];

    task_of(x, r, task, sizeof task);
    if (!ledger_said_finished(marathon_world(n), str_of(sim_marathon_framework(n->p)), str_of(task)))
        sim_fail(marathon_world(n), "run %s of %s has succeeded, and its task %s has not", r->id, x->id, task);
}

static void run_is(struct marathon_node *n, struct seen_job *x, const struct seen_run *now)
{
    struct seen_run *r = run_seen(x, now->id);

    for (size_t i = 0; i < x->run_count && now->due != 0; i++)
        if (&x->runs[i] != r && x->runs[i].version == now->version && x->runs[i].due == now->due)
            sim_fail(marathon_world(n), "%s has two runs for one due time, %s and %s", x->id, x->runs[i].id, now->id);
    if (r == NULL) {
        ARRAY_ROOM(x->runs, x->run_count, x->run_cap);
        r = &x->runs[x->run_count++];
        *r = *now;
    } else if (run_state_is_over(r->state) && now->state != r->state) {
        sim_fail(marathon_world(n), "run %s of %s is %s after it was %s", r->id, x->id, run_state_name(now->state), run_state_name(r->state));
    } else if (now->attempt < r->attempt) {
        sim_fail(marathon_world(n), "run %s of %s is at attempt %u after attempt %u", r->id, x->id, now->attempt, r->attempt);
    }
    if (now->version != r->version)
        sim_fail(marathon_world(n), "run %s of %s has another definition than it began with", r->id, x->id);
    *r = *now;
    if (now->state == RUN_SUCCEEDED)
        check_success(n, x, r);
}

static struct seen_run seen_of(const struct job_run *r)
{
    struct seen_run x = { .version = r->version.ms,
                          .due = r->scheduled_for.has ? r->scheduled_for.v.ms : 0,
                          .attempt = r->attempt,
                          .state = r->state };

    memcpy(x.id, r->id, sizeof x.id);
    return x;
}

struct told {
    struct output o;
    enum bus_type type;
    char id[ID_SIZE];
    int64_t created_at;
    struct seen_run run;
};

static void told(struct shell *sh, struct output *o, bool run)
{
    struct told *t = (struct told *)(void *)o;
    struct marathon_node *n = marathon_node_of(sh);
    struct seen_job *x = job_seen(n, str_of(t->id), t->created_at);

    if (run && t->type == BUS_JOB_DELETED)
        x->deleted = true;
    else if (run)
        run_is(n, x, &t->run);
    free(t);
}

/* The next attempt is decided on: the one before is over, as far as anybody was told, or given up with its agent. */
static void check_attempt(struct marathon_node *n, const struct bus_event *e)
{
    struct seen_run r = seen_of(e->run);
    struct seen_job x = { .created_at = 0 };
    char before[120];

    (void)snprintf(x.id, sizeof x.id, "%.*s", STR_ARG(e->job->id));
    r.attempt--;
    task_of(&x, &r, before, sizeof before);
    if (ledger_thought_alive(marathon_world(n), str_of(sim_marathon_framework(n->p)), str_of(before)))
        sim_fail(marathon_world(n), "run %s is tried again while task %s is not over", r.id, before);
}

void jobs_told(struct marathon_node *n, const struct bus_event *e)
{
    struct told *t;

    if (e->type != BUS_JOB_RUN_CHANGED && e->type != BUS_JOB_DELETED)
        return;
    t = xcalloc(1, sizeof *t);
    t->o.fn = told;
    t->type = e->type;
    (void)snprintf(t->id, sizeof t->id, "%.*s", STR_ARG(e->job->id));
    t->created_at = e->job->created_at.ms;
    if (e->run != NULL && strcmp(e->state, run_state_name(RUN_RETRYING)) == 0 && e->run->state == RUN_RETRYING &&
        marathon_leading(marathon_world(n)) == n)
        check_attempt(n, e);
    if (e->run != NULL) {
        t->run = seen_of(e->run);
        (void)run_state_parse(str_of(e->state), &t->run.state); /* what it was then */
        sim_trace(marathon_world(n), n->p->name, "run %s of %s is %s, attempt %u", e->run->id, t->id, e->state, e->run->attempt);
    }
    marathon_shell_output(&n->sh, &t->o);
}

/* --- what must hold of what is durable ------------------------------------------------------------------------ */

static int64_t dues(int64_t after, int64_t until)
{
    return until / MINUTE_MS - after / MINUTE_MS;
}

/* The schedule is "* * * * *". */
static void check_dues(struct marathon_node *n, const struct job *j, struct seen_job *x)
{
    const struct seen_version *v = version_seen(x, j->spec->version.ms);
    int64_t due, dealt = 0;

    if (v == NULL || j->def->schedule == NULL || !j->def->schedule->enabled.v)
        return;
    due = dues(v->covered, j->covered.v.ms);
    for (size_t i = 0; i < x->run_count; i++)
        dealt += x->runs[i].version == v->version && x->runs[i].due != 0;
    dealt += j->skipped - v->skipped;
    if (dealt > due || (dealt < due && j->def->schedule->deadline_s.v == LONG_DEADLINE_S))
        sim_fail(marathon_world(n), "%s was due %lld times, and %lld were run or skipped", x->id, (long long)due, (long long)dealt);
}

static void check_durable(struct marathon_node *n, const struct job *j, struct seen_job *x)
{
    if (x->deleted)
        sim_fail(marathon_world(n), "%s is there after its removal was told", x->id);
    if (j->succeeded + j->failed + (int64_t)j->active != (int64_t)x->run_count)
        sim_fail(marathon_world(n), "%s counts %lld ends and %zu active runs; it had %zu runs", x->id, (long long)(j->succeeded + j->failed),
                 j->active, x->run_count);
    check_dues(n, j, x);
}

/* Its state is exactly what is stored, unless another has begun to lead while it read. */
void jobs_loaded(struct marathon_node *n)
{
    if (marathon_leading(marathon_world(n)) != n)
        return;
    for (const struct job *j = n->sh.m->jobs; j != NULL; j = j->hh.next) {
        struct seen_job *x = job_seen(n, j->id, j->created_at.ms);
        for (const struct job_run *r = j->runs; r != NULL; r = r->next) {
            struct seen_run now = seen_of(r);
            run_is(n, x, &now);
        }
        check_durable(n, j, x);
    }
}

void jobs_launched(struct sim *s, struct str task)
{
    struct str rest = task, job;
    struct seen_run r = { .attempt = 0 };
    uint64_t attempt = 0;
    char key[100], said[40];

    if (!str_cut(&rest, '.', &job) || !str_skip(&rest, STR("run-")) || rest.n < RUN_ID_SIZE)
        return;
    memcpy(r.id, rest.p, RUN_ID_SIZE - 1);
    rest = str_sub(rest, RUN_ID_SIZE, rest.n);
    (void)str_u64(&rest, 1000000, &attempt);
    (void)snprintf(key, sizeof key, "run/%.*s@%s", STR_ARG(job), r.id);
    (void)snprintf(said, sizeof said, "\"attempt\":%u,", (unsigned)attempt);
    struct str record = sim_marathon_record(s, key);
    if (record.n != 0 && !str_contains(record, str_of(said))) /* its job may have been removed since */
        sim_fail(s, "marathon launches attempt %u of run %s, which its store does not say", (unsigned)attempt, r.id);
}

/* --- what must hold in memory ------------------------------------------------------------------------------------ */

static void check_run(struct marathon_node *n, const struct job_run *r)
{
    bool over = run_state_is_over(r->state), waits = r->state == RUN_RETRYING;

    if ((r->instance != NULL) != (!over && !waits))
        sim_fail(marathon_world(n), "run %s is %s and has %s instance", r->id, run_state_name(r->state), r->instance != NULL ? "an" : "no");
    if (r->instance != NULL && r->instance->run != r)
        sim_fail(marathon_world(n), "run %s has an instance of another", r->id);
    if (r->instance != NULL && r->kill_asked && r->instance->goal != GOAL_DECOMMISSIONED)
        sim_fail(marathon_world(n), "run %s is to be killed, and its instance has the goal %s", r->id, goal_name(r->instance->goal));
}

/* What began under a definition that forbids a second one is alone, and with REPLACE what is not told to end. */
static void check_policy(struct marathon_node *n, const struct job *j)
{
    size_t active = 0, staying = 0;
    bool present = false;

    for (const struct job_run *r = j->runs; r != NULL; r = r->next) {
        if (run_state_is_over(r->state))
            continue;
        active++;
        staying += !r->kill_asked;
        present = present || (r->spec == j->spec && !r->kill_asked);
    }
    if (active != j->active)
        sim_fail(marathon_world(n), "%s counts %zu active runs and has %zu", j->id.p, j->active, active);
    if (present && j->def->concurrency.v == JOB_FORBID && active > 1)
        sim_fail(marathon_world(n), "%s has %zu active runs, and its policy is FORBID", j->id.p, active);
    if (present && j->def->concurrency.v == JOB_REPLACE && staying > 1)
        sim_fail(marathon_world(n), "%s has %zu active runs, and its policy is REPLACE", j->id.p, staying);
}

void jobs_judge(struct marathon_node *n)
{
    for (const struct job *j = n->up && n->sh.m->started ? n->sh.m->jobs : NULL; j != NULL; j = j->hh.next) {
        struct seen_job *x = job_seen(n, j->id, j->created_at.ms);
        if (version_seen(x, j->spec->version.ms) == NULL) {
            ARRAY_ROOM(x->versions, x->version_count, x->version_cap);
            x->versions[x->version_count++] = (struct seen_version){ j->spec->version.ms, j->covered.v.ms, j->skipped };
        }
        for (const struct job_run *r = j->runs; r != NULL; r = r->next)
            check_run(n, r);
        check_policy(n, j);
        for (const struct instance *i = j->slot->instances; i != NULL; i = i->next)
            if (i->run == NULL && i->goal != GOAL_DECOMMISSIONED)
                sim_fail(marathon_world(n), "instance %s is of no run", i->id.p);
    }
}

const char *jobs_unsettled(struct marathon_node *n)
{
    static char text[200];

    for (const struct job *j = n->sh.m->jobs; j != NULL; j = j->hh.next) {
        if (j->next.has)
            return "a schedule is on";
        for (const struct job_run *r = j->runs; r != NULL; r = r->next)
            if (!run_state_is_over(r->state)) {
                (void)snprintf(text, sizeof text, "run %s of %s is %s, attempt %u", r->id, j->id.p, run_state_name(r->state), r->attempt);
                return text;
            }
    }
    for (const struct job *j = n->sh.turn == NULL && n->sh.turns == NULL ? n->sh.m->jobs : NULL; j != NULL; j = j->hh.next)
        check_durable(n, j, job_seen(n, j->id, j->created_at.ms));
    return "";
}

/* --- people -------------------------------------------------------------------------------------------------------- */

static const char *some(struct rng *r, const char *const *of, size_t n)
{
    return of[rng_below(r, n)];
}

/* A definition that was lost in a crash may have had the same version. */
static void definition_is_new(struct marathon_node *n, const struct job *j)
{
    struct seen_version *v = version_seen(job_seen(n, j->id, j->created_at.ms), j->spec->version.ms);

    if (v != NULL)
        *v = (struct seen_version){ j->spec->version.ms, j->covered.v.ms, j->skipped };
}

static void put(struct marathon_node *n, unsigned k, const char *schedule)
{
    static const char *const ends[] = { "exit 3000 0", "exit 300 1", "exit 9000 0", "exit 1 0" };
    static const char *const policies[] = { "ALLOW", "FORBID", "REPLACE" };
    struct arena a = ARENA_INIT(1 << 20);
    char json[1000], problem[200], what[100];
    bool forever = chance(n->r, 20);
    int inactive = (int)rng_below(n->r, 2) * 20;
    struct issues *is = arena_alloc(&a, sizeof *is);
    struct job_def def = { 0 };
    struct app run = { 0 };
    struct job_update u = { .def = &def, .run = &run };

    is->arena = &a;
    (void)snprintf(json, sizeof json,
                   "{\"id\":\"/job%u\",\"run\":{\"cmd\":\"%s\",\"cpus\":0.1,\"mem\":32,\"unreachableStrategy\":{\"inactiveAfterSeconds\":%d,"
                   "\"expungeAfterSeconds\":%d}},\"concurrencyPolicy\":\"%s\",\"retries\":%u,\"retryDelaySeconds\":%u,"
                   "\"retryDelayMaxSeconds\":6,\"successfulRunsKept\":2,\"failedRunsKept\":%u%s%s}",
                   k, forever ? "forever" : some(n->r, ends, 4), inactive, inactive + 10, some(n->r, policies, 3), (unsigned)rng_below(n->r, 4),
                   (unsigned)rng_below(n->r, 4), (unsigned)rng_below(n->r, 3),
                   forever || chance(n->r, 20) ? ",\"activeDeadlineSeconds\":20" : "", schedule);
    CLEANUP(body_free_p) cJSON *tree = body_parse(str_of(json), problem, sizeof problem);
    const char *bad = tree != NULL ? job_decode(tree, &n->sh.config, &def, &run, &a, is) : problem;
    if (bad != NULL) {
        sim_fail(marathon_world(n), "the definition of a job: %s", bad);
    } else {
        u.create = job_find(n->sh.m, def.id) == NULL;
        (void)snprintf(what, sizeof what, "PUT job%u, '%s', %s%s", k, run.cmd.p, concurrency_names[def.concurrency.v],
                       schedule[0] != '\0' ? ", with a schedule" : "");
        if (people_ask(n, what, (struct marathon_event){ .type = EVENT_JOB_PUT, .job_put = &u }) == 0)
            definition_is_new(n, job_find(n->sh.m, def.id));
    }
    arena_done(&a);
}

static const char *random_schedule(struct rng *r)
{
    static const char *const schedules[] = {
        "", ",\"schedule\":{\"cron\":\"* * * * *\",\"startingDeadlineSeconds\":604800}",
        ",\"schedule\":{\"cron\":\"* * * * *\",\"startingDeadlineSeconds\":60}",
        ",\"schedule\":{\"cron\":\"* * * * *\",\"startingDeadlineSeconds\":604800}"
    };

    return some(r, schedules, 4);
}

static void ask_job(struct marathon_node *n, const char *verb, enum marathon_event_type type, struct str job, struct str run)
{
    char what[100];

    (void)snprintf(what, sizeof what, "%s %.*s %.*s", verb, STR_ARG(job), STR_ARG(run));
    (void)people_ask(n, what, (struct marathon_event){ .type = type, .job = { .id = job, .run_id = run, .stop_runs = chance(n->r, 70) } });
}

static void kill_run(struct marathon_node *n)
{
    for (const struct job *j = n->sh.m->jobs; j != NULL; j = j->hh.next)
        for (const struct job_run *r = j->runs; r != NULL; r = r->next)
            if (!run_state_is_over(r->state) && chance(n->r, 50)) {
                ask_job(n, "kills a run of", EVENT_RUN_KILL, j->id, str_of(r->id));
                return;
            }
}

static void deed(struct marathon_node *n)
{
    unsigned k = (unsigned)rng_below(n->r, JOBS), dice = (unsigned)rng_below(n->r, 100);
    char id[ID_SIZE];

    (void)snprintf(id, sizeof id, "/job%u", k);
    if (dice < 35 || job_find(n->sh.m, str_of(id)) == NULL)
        put(n, k, random_schedule(n->r));
    else if (dice < 80)
        ask_job(n, "runs", EVENT_JOB_RUN, str_of(id), STR(""));
    else if (dice < 92)
        kill_run(n);
    else
        ask_job(n, "removes", EVENT_JOB_DELETE, str_of(id), STR(""));
}

/* In the end nothing new becomes due. */
static void end_schedules(struct marathon_node *n)
{
    for (const struct job *j = n->sh.m->jobs; j != NULL; j = j->hh.next)
        if (j->next.has) {
            put(n, (unsigned)(j->id.p[4] - '0'), "");
            return;
        }
}

void jobs_people_act(struct sim *s, struct proc *p, void *arg, uint64_t unused)
{
    struct marathon_node *n = p->node;
    struct rng own, *world = n->r;

    (void)arg;
    (void)unused;
    fake_process(p);
    if (n->up && n->sh.store_error[0] == '\0') {
        if (s->calm)
            end_schedules(n);
        else if (sim_next_step(s, STEP_DEED, &own)) {
            n->r = &own;
            deed(n);
            n->r = world;
        }
        jobs_judge(n);
        fake_turn(p);
    }
    sim_after(s, p, between(n->r, SEC(2), SEC(10)), jobs_people_act, NULL, 0);
}
