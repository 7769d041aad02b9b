/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and their schedules; the runs are in job_run.c. Due times are wall time, timers are not, so a timer never
 * sleeps longer than LOOK_S and looks at the wall clock then. */
#include <stdio.h>

#include "marathon/core/internal.h"

enum { LOOK_S = 60, CATCH_UP_STEPS_MAX = 20000 };

/* An app's id has no underscore. */
static struct slot *slot_of(struct marathon *m, struct str id)
{
    struct sbuf b = SBUF_INIT(PATH_BYTES_MAX);
    struct slot *s;

    sbuf_c(&b, "/_job");
    sbuf_str(&b, id);
    s = slot_get(m, sbuf_view(&b));
    sbuf_done(&b);
    s->of_job = true;
    return s;
}

/* --- the schedule -------------------------------------------------------------------------------------------- */
static void arm(struct marathon *m, struct job *j)
{
    int64_t left_ms;

    if (!j->next.has) {
        timer_clear(&m->timers, &j->timer);
        return;
    }
    left_ms = j->next.v.ms - m->wall.ms;
    if (left_ms > LOOK_S * 1000)
        left_ms = LOOK_S * 1000;
    timer_set(&m->timers, &j->timer, mono_add(m->now, (left_ms > 0 ? left_ms : 0) * NS_PER_MS));
}

static struct opt_time due_after(const struct job *j, struct wall at)
{
    struct opt_time t = { 0 };
    int64_t s;

    if (j->def->schedule == NULL || !j->def->schedule->enabled.v || j->problem[0] != '\0')
        return t;
    t.has = cron_next(&j->cron, &j->tz, at.ms / 1000, &s);
    if (t.has)
        t.v.ms = s * 1000;
    return t;
}

static void emit(struct marathon *m, enum bus_type t, const struct job *j)
{
    struct bus_event *e = bus_emit(m, t);

    e->job = j;
    e->version = j->spec->version;
}

/* Of the due times that have passed the latest is run if it is within the deadline; the others are skipped. */
static void due(struct marathon *m, struct job *j)
{
    int64_t deadline_ms = j->def->schedule->deadline_s.v * 1000;
    struct opt_time latest = j->next, t;

    if (latest.v.ms + deadline_ms < m->wall.ms) {
        job_skip(m, j, latest, "the starting deadline had passed");
        latest = due_after(j, (struct wall){ m->wall.ms - deadline_ms - 1 });
        if (!latest.has || latest.v.ms > m->wall.ms)
            latest.has = false;
    }
    for (unsigned i = 0; latest.has && i < CATCH_UP_STEPS_MAX; i++) {
        t = due_after(j, latest.v);
        if (!t.has || t.v.ms > m->wall.ms)
            break;
        job_skip(m, j, latest, "a later one was due as well");
        latest = t;
    }
    j->covered = (struct opt_time){ true, m->wall };
    j->next = due_after(j, m->wall);
    if (latest.has)
        (void)run_start(m, j, latest, NULL, NULL);
    job_store(m, j);
}

void job_timer(struct marathon *m, struct job *j)
{
    if (j->next.has && m->wall.ms >= j->next.v.ms)
        due(m, j);
    arm(m, j);
}

/* --- changes ---------------------------------------------------------------------------------------------------- */
static struct job_def *def_copy(const struct job_def *def)
{
    char *mem = xcalloc(1, ((sizeof *def + 15) & ~(size_t)15) + schema_bytes(&schema_job, def));
    struct job_def *d = (struct job_def *)(void *)mem;

    mem += (sizeof *d + 15) & ~(size_t)15;
    schema_copy(&schema_job, d, def, &mem);
    return d;
}

/* The zone must be good when the schedule is; a problem otherwise (a zone that is gone after an upgrade). */
static void set_schedule(struct job *j, struct str zone, struct str zone_problem)
{
    struct error err = { 0 };

    tz_done(&j->tz);
    j->problem[0] = '\0';
    if (j->def->schedule == NULL)
        return;
    if (zone_problem.n != 0)
        (void)snprintf(j->problem, sizeof j->problem, "%.*s", STR_ARG(zone_problem));
    else if (cron_parse(j->def->schedule->cron, &j->cron, &err) < 0 || tz_parse(zone, &j->tz, &err) < 0)
        (void)snprintf(j->problem, sizeof j->problem, "%s", err.msg);
}

static struct job *job_new(struct marathon *m, struct str id)
{
    struct job *j = xcalloc(1, sizeof *j);

    j->id = text_own(id);
    j->slot = slot_of(m, id);
    j->slot->job = j;
    j->timer = (struct timer){ .kind = TIMER_JOB, .owner = j };
    HASH_ADD_KEYPTR(hh, m->jobs, j->id.p, j->id.n, j);
    return j;
}

static void set_definition(struct marathon *m, struct job *j, const struct job_def *def, const struct app *run, struct wall version)
{
    free(j->def);
    j->def = def_copy(def);
    spec_unref(m, j->spec);
    j->spec = spec_new(run, version, version, version);
    slot_add_version(m, j->slot, j->spec);
}

static struct wall next_version(const struct job *j, struct wall now)
{
    return j != NULL && j->spec != NULL && j->spec->version.ms >= now.ms ? (struct wall){ j->spec->version.ms + 1 } : now;
}

int job_put(struct marathon *m, const struct job_update *u, struct error *err)
{
    struct job *j = job_find(m, u->def->id);

    if (u->create && j != NULL)
        return error_set(err, ERR_CONFLICT, "A job with id [%.*s] already exists.", STR_ARG(u->def->id));
    if (!u->create && j == NULL)
        return error_set(err, ERR_NOT_FOUND, "Job '%.*s' does not exist", STR_ARG(u->def->id));
    if (j == NULL && HASH_COUNT(m->jobs) >= JOBS_MAX)
        return error_set(err, ERR_LIMIT, "there are %d jobs, which is the limit", JOBS_MAX);
    bool is_new = j == NULL;
    if (is_new) {
        j = job_new(m, u->def->id);
        j->created_at = m->wall;
    }
    set_definition(m, j, u->def, u->run, next_version(j, m->wall));
    set_schedule(j, u->zone, (struct str){ NULL, 0 });
    j->covered = (struct opt_time){ true, m->wall };
    j->next = due_after(j, m->wall);
    arm(m, j);
    runs_trim(m, j);
    job_store(m, j);
    emit(m, is_new ? BUS_JOB_CREATED : BUS_JOB_UPDATED, j);
    return 0;
}

static void job_bury(struct marathon *m, struct job *j)
{
    timer_clear(&m->timers, &j->timer);
    while (j->runs != NULL)
        run_bury(m, j->runs);
    spec_unref(m, j->spec);
    j->slot->job = NULL;
    slot_mark(m, j->slot); /* what still runs of it is killed */
    HASH_DEL(m->jobs, j);
    j->dead_next = m->dead_jobs;
    m->dead_jobs = j;
}

int job_delete(struct marathon *m, struct str id, bool stop_runs, struct error *err)
{
    struct job *j = job_find(m, id);

    if (j == NULL)
        return error_set(err, ERR_NOT_FOUND, "Job '%.*s' does not exist", STR_ARG(str_sub(id, 0, 150)));
    if (j->active != 0 && !stop_runs)
        return error_set(err, ERR_CONFLICT, "Job '%.*s' has %zu active run%s; kill %s, or delete with stopRuns=true", STR_ARG(id), j->active,
                         j->active == 1 ? "" : "s", j->active == 1 ? "it" : "them");
    for (struct job_run *r = j->runs; r != NULL; r = r->next)
        (void)step_store(m, STORE_RUN_DELETE, run_key(m, r));
    (void)step_store(m, STORE_JOB_DELETE, j->id);
    emit(m, BUS_JOB_DELETED, j);
    job_bury(m, j);
    return 0;
}

/* --- recovery, the dead --------------------------------------------------------------------------------------------- */
int marathon_restore_job(struct marathon *m, const struct stored_job *sj, struct error *err)
{
    struct job *j;

    if (job_find(m, sj->def->id) != NULL)
        return error_set(err, ERR_CONFLICT, "job %.*s: a second record", STR_ARG(sj->def->id));
    j = job_new(m, sj->def->id);
    set_definition(m, j, sj->def, sj->run, sj->version);
    set_schedule(j, sj->zone, sj->zone_problem);
    j->created_at = sj->created_at;
    j->covered = sj->covered;
    j->last_success = sj->last_success;
    j->last_failure = sj->last_failure;
    j->last_skip = sj->last_skip;
    j->succeeded = sj->succeeded;
    j->failed = sj->failed;
    j->skipped = sj->skipped;
    (void)snprintf(j->skip_reason, sizeof j->skip_reason, "%.*s", STR_ARG(sj->skip_reason));
    return 0;
}

void jobs_started(struct marathon *m)
{
    struct job *j, *tmp;

    HASH_ITER(hh, m->jobs, j, tmp)
    {
        j->next = due_after(j, j->covered.has ? j->covered.v : m->wall);
        runs_resume(m, j);
        arm(m, j);
    }
}

static void job_free(struct job *j)
{
    tz_done(&j->tz);
    free(j->def);
    text_free(j->id);
    free(j);
}

void jobs_free_dead(struct marathon *m)
{
    for (struct job_run *r = m->dead_runs, *next; r != NULL; r = next) {
        next = r->dead_next;
        run_free(r);
    }
    m->dead_runs = NULL;
    for (struct job *j = m->dead_jobs, *next; j != NULL; j = next) {
        next = j->dead_next;
        job_free(j);
    }
    m->dead_jobs = NULL;
}

void jobs_free(struct marathon *m)
{
    struct job *j, *tmp;

    HASH_ITER(hh, m->jobs, j, tmp)
    {
        while (j->runs != NULL)
            run_bury(m, j->runs);
        spec_unref(m, j->spec);
        HASH_DEL(m->jobs, j);
        job_free(j);
    }
}
