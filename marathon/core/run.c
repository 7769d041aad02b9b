/* SPDX-License-Identifier: Apache-2.0 */
/* The books of a run: its state, its record and its place in the job's history, and what the life of its instance
 * means for it. Beginning and ending runs is job_run.c. */
#include <stdio.h>

#include "marathon/core/internal.h"

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

void job_store(struct marathon *m, struct job *j)
{
    step_store(m, STORE_JOB, j->id)->job = j;
}

void job_skip(struct marathon *m, struct job *j, struct opt_time due_at, const char *reason)
{
    struct bus_event *e = bus_emit(m, BUS_JOB_RUN_SKIPPED);

    e->job = j;
    e->reason = str_of(reason);
    e->version = due_at.has ? due_at.v : m->wall;
    m->counters.runs_skipped++;
    j->skipped++;
    j->last_skip = (struct opt_time){ true, m->wall };
    (void)snprintf(j->skip_reason, sizeof j->skip_reason, "%s", reason);
}

struct str run_key(struct marathon *m, const struct job_run *r)
{
    return arena_fmt(&m->out->arena, "%.*s@%s", STR_ARG(r->job->id), r->id);
}

void run_store(struct marathon *m, struct job_run *r)
{
    step_store(m, STORE_RUN, run_key(m, r))->run = r;
}

void run_tell(struct marathon *m, struct job_run *r)
{
    struct bus_event *e = bus_emit(m, BUS_JOB_RUN_CHANGED);

    e->job = r->job;
    e->run = r;
    e->state = run_state_name(r->state);
    e->reason = step_keep(m, str_of(r->message));
    e->task_id = step_keep(m, str_of(r->task_id));
    e->host = step_keep(m, str_of(r->host));
    run_store(m, r);
}

void run_set_text(char **to, struct str s)
{
    free(*to);
    *to = s.n != 0 ? xstrndup(s) : NULL;
}

void run_free(struct job_run *r)
{
    free(r->message);
    free(r->task_id);
    free(r->host);
    free(r->agent_id);
    free(r);
}

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

/* The next moment at which time changes something: the retry, the deadline. */
void run_arm(struct marathon *m, struct job_run *r)
{
    struct mono at = r->state == RUN_RETRYING ? r->retry_due : MONO_NEVER;

    if (r->rules.active_deadline_s.has && !r->kill_asked)
        at = mono_min(at, r->deadline);
    if (at.ns == MONO_NEVER.ns || run_state_is_over(r->state))
        timer_clear(&m->timers, &r->timer);
    else
        timer_set(&m->timers, &r->timer, at);
}

void run_over(struct marathon *m, struct job_run *r, enum run_state state)
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
    run_tell(m, r);
    job_store(m, j);
    runs_trim(m, j);
}

int64_t run_retry_delay_ms(const struct job_run *r)
{
    double s = (double)r->rules.retry_delay_s.v, max = (double)r->rules.retry_delay_max_s.v;

    for (unsigned i = 1; i < r->failures && s < max; i++)
        s *= r->rules.retry_factor.v;
    return (int64_t)((s < max ? s : max) * 1000);
}

/* Not the run's fault: no task came to life, or its agent went away before it did. */
static bool never_began(const struct instance *i)
{
    return !i->started_at.has && (i->state == INSTANCE_DROPPED || i->state == INSTANCE_GONE || i->state == INSTANCE_KILLED ||
                                  i->state == INSTANCE_UNKNOWN || i->state == INSTANCE_UNREACHABLE || i->state == INSTANCE_INACTIVE);
}

static void retry(struct marathon *m, struct job_run *r)
{
    int64_t delay_ms = run_retry_delay_ms(r);

    r->state = RUN_RETRYING;
    r->attempt++;
    r->retry_at = (struct opt_time){ true, { m->wall.ms + delay_ms } };
    r->retry_due = mono_add(m->now, delay_ms * NS_PER_MS);
    run_tell(m, r);
    run_arm(m, r);
}

void run_instance_gone(struct marathon *m, struct instance *i)
{
    struct job_run *r = i->run;

    if (r == NULL)
        return;
    i->run = NULL;
    r->instance = NULL;
    if (i->state == INSTANCE_FINISHED) {
        run_over(m, r, RUN_SUCCEEDED);
        return;
    }
    if (i->state == INSTANCE_UNREACHABLE || i->state == INSTANCE_INACTIVE)
        run_set_text(&r->message, STR("the agent is unreachable"));
    if (r->kill_asked) {
        run_over(m, r, RUN_KILLED);
        return;
    }
    if (!never_began(i) && !r->excused)
        r->failures++;
    r->excused = false;
    if (r->failures > (uint64_t)r->rules.retries.v)
        run_over(m, r, RUN_FAILED);
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
        run_set_text(&i->run->message, str_sub(message, 0, 1000));
}

void run_instance_changed(struct marathon *m, struct instance *i)
{
    struct job_run *r = i->run;

    if (r == NULL || run_state_is_over(r->state))
        return;
    if (i->state == INSTANCE_PROVISIONED) {
        run_set_text(&r->task_id, i->task_id);
        run_set_text(&r->host, i->agent->hostname);
        run_set_text(&r->agent_id, i->agent->id);
        run_set_text(&r->message, (struct str){ NULL, 0 });
        run_store(m, r);
    } else if (i->state == INSTANCE_RUNNING && r->state != RUN_RUNNING) {
        r->state = RUN_RUNNING;
        if (!r->started_at.has)
            r->started_at = (struct opt_time){ true, m->wall };
        run_tell(m, r);
    }
}
