/* SPDX-License-Identifier: Apache-2.0 */
/* Beginning and ending runs: attempts, retries, deadlines. What an attempt means for its run is run.c. */
#include <stdio.h>

#include "marathon/core/internal.h"

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

static void ask_to_end(struct marathon *m, struct job_run *r, const char *why)
{
    r->kill_asked = true;
    run_set_text(&r->message, str_of(why));
    if (r->instance == NULL) {
        run_over(m, r, RUN_KILLED);
        return;
    }
    run_store(m, r);
    instance_kill(m, r->instance, GOAL_DECOMMISSIONED);
}

void run_timer(struct marathon *m, struct job_run *r)
{
    if (r->rules.active_deadline_s.has && !r->kill_asked && !mono_before(m->now, r->deadline)) {
        ask_to_end(m, r, "the active deadline has passed");
        return;
    }
    if (r->state == RUN_RETRYING && !mono_before(m->now, r->retry_due)) {
        r->state = RUN_PENDING;
        r->retry_at.has = false;
        run_tell(m, r);
        schedule_attempt(m, r);
    }
    run_arm(m, r);
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
    r->version = j->spec->version;
    r->rules = j->def->rules;
    r->scheduled_for = scheduled_for;
    r->created_at = m->wall;
    r->deadline = mono_add(m->now, r->rules.active_deadline_s.v * NS_PER_S);
    r->attempt = 1;
    j->active++;
    m->counters.runs_started++;
    run_tell(m, r);
    schedule_attempt(m, r);
    run_arm(m, r);
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
    r->version = sr->version;
    r->rules = sr->rules != NULL ? *sr->rules : j->def->rules;
    r->state = sr->state;
    r->scheduled_for = sr->scheduled_for;
    r->created_at = sr->created_at;
    r->started_at = sr->started_at;
    r->finished_at = sr->finished_at;
    r->retry_at = sr->retry_at;
    r->attempt = sr->attempt;
    r->failures = sr->failures;
    r->kill_asked = sr->kill_asked;
    run_set_text(&r->message, sr->message);
    run_set_text(&r->task_id, sr->task_id);
    run_set_text(&r->host, sr->host);
    run_set_text(&r->agent_id, sr->agent_id);
    j->active += !run_state_is_over(r->state);
    return 0;
}

/* What is left of a time that was to last so long; the clock may have been set meanwhile. */
static struct mono due_again(const struct marathon *m, int64_t at_ms, int64_t lasts_ms)
{
    int64_t left_ms = at_ms - m->wall.ms;

    left_ms = left_ms < lasts_ms ? left_ms : lasts_ms;
    return mono_add(m->now, (left_ms > 0 ? left_ms : 0) * NS_PER_MS);
}

/* Finds the attempts that were launched; makes those that were not. */
void runs_resume(struct marathon *m, struct job *j)
{
    for (struct job_run *r = j->runs, *next; r != NULL; r = next) {
        struct sbuf b = SBUF_INIT(PATH_BYTES_MAX);
        next = r->next;
        if (run_state_is_over(r->state))
            continue;
        int64_t deadline_ms = r->rules.active_deadline_s.v * 1000;
        r->deadline = due_again(m, r->created_at.ms + deadline_ms, deadline_ms);
        r->retry_due = due_again(m, r->retry_at.v.ms, run_retry_delay_ms(r));
        path_safe(&b, j->id);
        sbuf_fmt(&b, ".run-%s-%u", r->id, r->attempt);
        r->instance = instance_find(m, sbuf_view(&b));
        sbuf_done(&b);
        if (r->instance == NULL && r->kill_asked) {
            run_over(m, r, RUN_KILLED);
            continue;
        }
        if (r->instance != NULL)
            r->instance->run = r;
        else if (r->state != RUN_RETRYING)
            schedule_attempt(m, r);
        run_arm(m, r);
    }
}
