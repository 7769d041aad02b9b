/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a run: attempts, retries, deadlines, history. */
#include <stdio.h>

#include "marathon/core/internal.h"
#include "marathon/core/job_int.h"

static const struct {
    const char *name;
    bool over;
} states[RUN_STATE_COUNT] = {
#define X(sym, name, over) { name, over },
    RUN_STATES(X)
#undef X
};

const char *run_state_name(enum run_state s)
{
    return states[s].name;
}

bool run_state_is_over(enum run_state s)
{
    return states[s].over;
}

bool run_state_parse(struct str name, enum run_state *ret)
{
    for (int s = 0; s < RUN_STATE_COUNT; s++)
        if (str_is(name, states[s].name)) {
            *ret = (enum run_state)s;
            return true;
        }
    return false;
}

struct str run_key(struct marathon *m, const struct job_run *r)
{
    return arena_fmt(&m->out->arena, "%.*s@%s", STR_ARG(r->job->id), r->id);
}

static void store(struct marathon *m, struct job_run *r)
{
    step_store(m, STORE_RUN, run_key(m, r))->run = r;
}

/* Its state has changed: stored and told. */
static void tell(struct marathon *m, struct job_run *r)
{
    struct bus_event *e = bus_emit(m, BUS_JOB_RUN_CHANGED);

    e->job = r->job;
    e->run = r;
    e->state = run_state_name(r->state);
    e->reason = step_keep(m, str_of(r->message));
    e->task_id = step_keep(m, str_of(r->task_id));
    e->host = step_keep(m, str_of(r->host));
    store(m, r);
}

static void set_text(char **to, struct str s)
{
    free(*to);
    *to = s.n != 0 ? xstrndup(s) : NULL;
}

/* --- attempts ------------------------------------------------------------------------------------------------- */
static void schedule_attempt(struct marathon *m, struct job_run *r)
{
    struct sbuf b = SBUF_INIT(PATH_BYTES_MAX);

    path_safe(&b, r->job->id);
    sbuf_fmt(&b, ".run-%s-%u", r->id, r->attempt);
    r->instance = instance_schedule(m, r->job->slot, r->spec, sbuf_view(&b));
    r->instance->run = r;
    sbuf_done(&b);
}

/* The next moment at which time changes something: the retry, the deadline. */
static void arm(struct marathon *m, struct job_run *r)
{
    int64_t at = INT64_MAX;

    if (r->state == RUN_RETRYING)
        at = r->retry_at.v.ms;
    if (r->job->def->active_deadline_s.has && !r->kill_asked) {
        int64_t deadline = r->created_at.ms + r->job->def->active_deadline_s.v * 1000;
        at = deadline < at ? deadline : at;
    }
    if (at == INT64_MAX || run_state_is_over(r->state)) {
        timer_clear(&m->timers, &r->timer);
        return;
    }
    at -= m->wall.ms;
    timer_set(&m->timers, &r->timer, mono_add(m->now, (at > 0 ? at : 0) * NS_PER_MS));
}

static int64_t retry_delay_ms(const struct job *j, unsigned failures)
{
    double s = (double)j->def->retry_delay_s.v, max = (double)j->def->retry_delay_max_s.v;

    for (unsigned i = 1; i < failures && s < max; i++)
        s *= j->def->retry_factor.v;
    return (int64_t)((s < max ? s : max) * 1000);
}

static void over(struct marathon *m, struct job_run *r, enum run_state state)
{
    struct job *j = r->job;

    r->state = state;
    r->finished_at = (struct opt_time){ true, m->wall };
    r->retry_at.has = false;
    j->active--;
    timer_clear(&m->timers, &r->timer);
    m->counters.runs_succeeded += state == RUN_SUCCEEDED;
    m->counters.runs_failed += state == RUN_FAILED;
    m->counters.runs_killed += state == RUN_KILLED;
    if (state == RUN_SUCCEEDED) {
        j->succeeded++;
        j->last_success = r->finished_at;
    } else {
        j->failed++;
        j->last_failure = r->finished_at;
    }
    tell(m, r);
    job_store(m, j);
    runs_trim(m, j);
}

/* Not the run's fault: no task came to life, or its agent went away before it did. */
static bool never_began(const struct instance *i)
{
    return !i->started_at.has && (i->state == INSTANCE_DROPPED || i->state == INSTANCE_GONE || i->state == INSTANCE_KILLED ||
                                  i->state == INSTANCE_UNKNOWN || i->state == INSTANCE_UNREACHABLE || i->state == INSTANCE_INACTIVE);
}

static void retry(struct marathon *m, struct job_run *r)
{
    r->state = RUN_RETRYING;
    r->attempt++;
    r->retry_at = (struct opt_time){ true, { m->wall.ms + retry_delay_ms(r->job, r->failures) } };
    tell(m, r);
    arm(m, r);
}

void run_instance_gone(struct marathon *m, struct instance *i)
{
    struct job_run *r = i->run;

    if (r == NULL)
        return;
    i->run = NULL;
    r->instance = NULL;
    if (i->state == INSTANCE_FINISHED) {
        over(m, r, RUN_SUCCEEDED);
        return;
    }
    if (i->state == INSTANCE_UNREACHABLE || i->state == INSTANCE_INACTIVE)
        set_text(&r->message, STR("the agent is unreachable"));
    if (r->kill_asked) {
        over(m, r, RUN_KILLED);
        return;
    }
    if (!never_began(i) && !r->excused)
        r->failures++;
    r->excused = false;
    if (r->failures > (uint64_t)r->job->def->retries.v)
        over(m, r, RUN_FAILED);
    else
        retry(m, r);
}

void run_instance_told(struct marathon *m, struct instance *i, struct str message, bool excused)
{
    (void)m;
    if (i->run == NULL)
        return;
    i->run->excused = excused;
    if (!i->run->kill_asked) /* else it has its reason */
        set_text(&i->run->message, str_sub(message, 0, 1000));
}

void run_instance_changed(struct marathon *m, struct instance *i)
{
    struct job_run *r = i->run;

    if (r == NULL || run_state_is_over(r->state))
        return;
    if (i->state == INSTANCE_PROVISIONED) {
        set_text(&r->task_id, i->task_id);
        set_text(&r->host, i->agent->hostname);
        set_text(&r->agent_id, i->agent->id);
        set_text(&r->message, (struct str){ NULL, 0 });
        store(m, r);
    } else if (i->state == INSTANCE_RUNNING && r->state != RUN_RUNNING) {
        r->state = RUN_RUNNING;
        if (!r->started_at.has)
            r->started_at = (struct opt_time){ true, m->wall };
        tell(m, r);
    }
}

static void ask_to_end(struct marathon *m, struct job_run *r, const char *why)
{
    r->kill_asked = true;
    set_text(&r->message, str_of(why));
    if (r->instance == NULL) {
        over(m, r, RUN_KILLED);
        return;
    }
    store(m, r);
    instance_kill(m, r->instance, GOAL_DECOMMISSIONED);
}

void run_timer(struct marathon *m, struct job_run *r)
{
    struct job *j = r->job;

    if (j->def->active_deadline_s.has && !r->kill_asked && m->wall.ms >= r->created_at.ms + j->def->active_deadline_s.v * 1000) {
        ask_to_end(m, r, "the active deadline has passed");
        return;
    }
    if (r->state == RUN_RETRYING && m->wall.ms >= r->retry_at.v.ms) {
        r->state = RUN_PENDING;
        r->retry_at.has = false;
        tell(m, r);
        schedule_attempt(m, r);
    }
    arm(m, r);
}

/* --- begin and end -------------------------------------------------------------------------------------------- */
static void run_id(struct marathon *m, const struct job *j, char ret[RUN_ID_SIZE])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct sbuf b = SBUF_INIT(64);
    size_t n = 0;

    wall_print(&b, m->wall);
    for (size_t i = 0; i < b.n && n < 14; i++)
        if (b.p[i] >= '0' && b.p[i] <= '9')
            ret[n++] = b.p[i];
    sbuf_done(&b);
    do
        for (n = 14; n < RUN_ID_SIZE - 1; n++)
            ret[n] = digits[rng_below(m->rng, 36)];
    while ((ret[RUN_ID_SIZE - 1] = '\0', job_run_find(j, str_of(ret))) != NULL);
}

/* False: the policy forbids another run. */
static bool make_room(struct marathon *m, struct job *j)
{
    if (j->active == 0 || j->def->concurrency.v == JOB_ALLOW)
        return true;
    if (j->def->concurrency.v == JOB_FORBID)
        return false;
    for (struct job_run *r = j->runs, *next; r != NULL; r = next) {
        next = r->next;
        if (!run_state_is_over(r->state) && !r->kill_asked)
            ask_to_end(m, r, "replaced by a later run");
    }
    return true;
}

static struct job_run *run_new(struct job *j)
{
    struct job_run *r = xcalloc(1, sizeof *r);

    r->job = j;
    r->timer = (struct timer){ .kind = TIMER_RUN, .owner = r };
    DL_APPEND(j->runs, r);
    j->run_count++;
    return r;
}

int run_start(struct marathon *m, struct job *j, struct opt_time scheduled_for, struct job_run **ret, struct error *err)
{
    struct job_run *r;
    char id[RUN_ID_SIZE];

    if (j->active >= JOB_ACTIVE_RUNS_MAX) {
        if (scheduled_for.has)
            job_skip(m, j, scheduled_for, "too many runs are active");
        return error_set(err, ERR_LIMIT, "Job '%.*s' has %d active runs, which is the limit", STR_ARG(j->id), JOB_ACTIVE_RUNS_MAX);
    }
    if (!make_room(m, j)) {
        if (scheduled_for.has)
            job_skip(m, j, scheduled_for, "another run was active (FORBID)");
        return error_set(err, ERR_CONFLICT, "Job '%.*s' has an active run, and its concurrencyPolicy is FORBID", STR_ARG(j->id));
    }
    run_id(m, j, id);
    r = run_new(j);
    memcpy(r->id, id, sizeof id);
    r->spec = spec_ref(j->spec);
    r->scheduled_for = scheduled_for;
    r->created_at = m->wall;
    r->attempt = 1;
    j->active++;
    m->counters.runs_started++;
    tell(m, r);
    schedule_attempt(m, r);
    arm(m, r);
    if (ret != NULL)
        *ret = r;
    return 0;
}

int job_run_now(struct marathon *m, struct str id, struct update_result *ret, struct error *err)
{
    struct job *j = job_find(m, id);
    struct job_run *r;
    int rc;

    if (j == NULL)
        return error_set(err, ERR_NOT_FOUND, "Job '%.*s' does not exist", STR_ARG(str_sub(id, 0, 150)));
    rc = run_start(m, j, (struct opt_time){ 0 }, &r, err);
    if (rc == 0)
        (void)snprintf(ret->text, sizeof ret->text, "%s", r->id);
    return rc;
}

int run_kill(struct marathon *m, struct str job_id, struct str run_id_, struct error *err)
{
    struct job *j = job_find(m, job_id);
    struct job_run *r = j != NULL ? job_run_find(j, run_id_) : NULL;

    if (j == NULL)
        return error_set(err, ERR_NOT_FOUND, "Job '%.*s' does not exist", STR_ARG(str_sub(job_id, 0, 150)));
    if (r == NULL)
        return error_set(err, ERR_NOT_FOUND, "Job '%.*s' has no run '%.*s'", STR_ARG(job_id), STR_ARG(str_sub(run_id_, 0, 60)));
    if (run_state_is_over(r->state))
        return error_set(err, ERR_CONFLICT, "Run '%s' is over: %s", r->id, run_state_name(r->state));
    if (!r->kill_asked)
        ask_to_end(m, r, "killed on request");
    return 0;
}

/* --- history ---------------------------------------------------------------------------------------------------- */
void run_bury(struct marathon *m, struct job_run *r)
{
    struct job *j = r->job;

    timer_clear(&m->timers, &r->timer);
    if (r->instance != NULL)
        r->instance->run = NULL;
    r->instance = NULL;
    DL_DELETE(j->runs, r);
    j->run_count--;
    spec_unref(m, r->spec);
    r->spec = NULL;
    r->dead_next = m->dead_runs;
    m->dead_runs = r;
}

void run_free(struct job_run *r)
{
    free(r->message);
    free(r->task_id);
    free(r->host);
    free(r->agent_id);
    free(r);
}

void runs_trim(struct marathon *m, struct job *j)
{
    int64_t kept[2] = { 0, 0 }, keep[2] = { j->def->keep_failed.v, j->def->keep_succeeded.v };

    if (j->runs == NULL)
        return;
    for (struct job_run *r = j->runs->prev, *prev; r != NULL; r = prev) { /* from the newest on */
        prev = r != j->runs ? r->prev : NULL;
        bool well = r->state == RUN_SUCCEEDED;
        if (!run_state_is_over(r->state) || kept[well]++ < keep[well])
            continue;
        (void)step_store(m, STORE_RUN_DELETE, run_key(m, r));
        run_bury(m, r);
    }
}

/* --- recovery --------------------------------------------------------------------------------------------------- */
int marathon_restore_run(struct marathon *m, const struct stored_run *sr, struct error *err)
{
    struct job *j = job_find(m, sr->job_id);
    struct job_run *r;

    if (j == NULL || sr->id.n != RUN_ID_SIZE - 1)
        return error_set(err, ERR_NOT_FOUND, "run %.*s: its job %.*s is missing", STR_ARG(str_sub(sr->id, 0, 60)),
                         STR_ARG(str_sub(sr->job_id, 0, 150)));
    r = run_new(j);
    memcpy(r->id, sr->id.p, sr->id.n);
    r->spec = spec_ref(slot_version(j->slot, sr->version));
    if (r->spec == NULL && sr->run != NULL) {
        r->spec = spec_new(sr->run, sr->version, sr->version, sr->version);
        slot_add_version(m, j->slot, r->spec);
    }
    if (r->spec == NULL)
        r->spec = spec_ref(j->spec);
    r->state = sr->state;
    r->scheduled_for = sr->scheduled_for;
    r->created_at = sr->created_at;
    r->started_at = sr->started_at;
    r->finished_at = sr->finished_at;
    r->retry_at = sr->retry_at;
    r->attempt = sr->attempt;
    r->failures = sr->failures;
    r->kill_asked = sr->kill_asked;
    set_text(&r->message, sr->message);
    set_text(&r->task_id, sr->task_id);
    set_text(&r->host, sr->host);
    set_text(&r->agent_id, sr->agent_id);
    j->active += !run_state_is_over(r->state);
    return 0;
}

/* Finds the attempts that were launched; makes those that were not. */
void runs_resume(struct marathon *m, struct job *j)
{
    for (struct job_run *r = j->runs, *next; r != NULL; r = next) {
        struct sbuf b = SBUF_INIT(PATH_BYTES_MAX);
        next = r->next;
        if (run_state_is_over(r->state))
            continue;
        path_safe(&b, j->id);
        sbuf_fmt(&b, ".run-%s-%u", r->id, r->attempt);
        r->instance = instance_find(m, sbuf_view(&b));
        sbuf_done(&b);
        if (r->instance == NULL && r->kill_asked) {
            over(m, r, RUN_KILLED);
            continue;
        }
        if (r->instance != NULL)
            r->instance->run = r;
        else if (r->state != RUN_RETRYING)
            schedule_attempt(m, r);
        arm(m, r);
    }
}
