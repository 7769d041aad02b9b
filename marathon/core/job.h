/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: what shall run once, now or by a schedule, and the history of its runs. An addition of ours (docs/marathon.md).
 *
 *  job  a definition: what to run (an app's fields, as a spec), when, and what to do about failures. It has a slot of its own,
 *       whose id no app can have and which never has an app's definition, so that matching, launching, killing and recovery are
 *       those of apps.
 *  run  one due time or one request. Its attempts are instances of the slot, "<job>.run-<run>-<attempt>", one at a time.
 *
 *     PENDING -> RUNNING -> SUCCEEDED
 *        ^          |---> RETRYING (after the delay: PENDING, next attempt)
 *        |          |---> FAILED, KILLED
 *        +-- RETRYING
 *
 * A run and the due time that it is for are stored together, before anything is launched, and an attempt before it leaves: after a
 * crash nothing runs twice and nothing that was due is forgotten within its starting deadline. */
#ifndef STOA_MARATHON_JOB_H
#define STOA_MARATHON_JOB_H

#include "marathon/core/cron.h"
#include "marathon/core/state.h"

enum concurrency { JOB_ALLOW, JOB_FORBID, JOB_REPLACE };
extern const char *const concurrency_names[];

enum {
    JOBS_MAX = 10000,
    JOB_ACTIVE_RUNS_MAX = 1000, /* of one job */
    JOB_ID_BYTES_MAX = 150,     /* a task id is made of it */
    RUN_ID_SIZE = 21            /* "20261124093000" and six characters, terminated */
};

struct job_schedule {
    struct str cron, time_zone;
    struct opt_bool enabled;
    struct opt_i64 deadline_s; /* a run that could not begin so long after it was due is left out */
};

/* What becomes of attempts that fail, and how long a run may take. A run keeps those that it began with. */
struct run_rules {
    struct opt_i64 retries, retry_delay_s, retry_delay_max_s, active_deadline_s;
    struct opt_f64 retry_factor;
};
extern const struct schema schema_run_rules;

struct job_def {
    struct str id, description;
    struct list labels; /* struct kv */
    struct job_schedule *schedule; /* NULL: on request only */
    struct opt_i64 concurrency, keep_succeeded, keep_failed;
    struct run_rules rules;
};
extern const struct schema schema_job;
/* The fields of an app that a run has. */
const struct schema *job_run_schema(void);

/* symbol, name, over */
#define RUN_STATES(X)                    \
    X(PENDING, "PENDING", false)         \
    X(RUNNING, "RUNNING", false)         \
    X(RETRYING, "RETRYING", false)       \
    X(SUCCEEDED, "SUCCEEDED", true)      \
    X(FAILED, "FAILED", true)            \
    X(KILLED, "KILLED", true)

enum run_state {
#define X(sym, name, over) RUN_##sym,
    RUN_STATES(X)
#undef X
        RUN_STATE_COUNT
};
const char *run_state_name(enum run_state s);
bool run_state_is_over(enum run_state s);
bool run_state_parse(struct str name, enum run_state *ret);

struct job_run {
    char id[RUN_ID_SIZE];
    struct job *job;
    struct spec *spec; /* counted; once it is over and read from the store that of the job */
    struct wall version; /* of the definition that it began with */
    struct run_rules rules;
    enum run_state state;
    struct opt_time scheduled_for; /* absent: on request */
    struct wall created_at;
    struct opt_time started_at, finished_at, retry_at; /* started_at: of the first attempt */
    unsigned attempt, failures;    /* the present one, from 1; those that failed */
    struct instance *instance;     /* of the present attempt; NULL: none */
    bool kill_asked, excused; /* excused: the present attempt ends through no fault of its own */
    char *message, *task_id, *host, *agent_id; /* of the last attempt that was launched; owned, may be NULL */
    struct timer timer;            /* next attempt, or the active deadline */
    struct mono retry_due, deadline; /* by the clock that nobody sets; after a restart reckoned from the times above */
    struct job_run *prev, *next;   /* of the job, oldest first */
    struct job_run *dead_next;
};

struct job {
    struct str id; /* "/batch/nightly"; owned, terminated */
    struct slot *slot;
    struct job_def *def; /* one block; owned */
    struct spec *spec;   /* what runs; counted; its version is that of the job */
    struct cron cron;
    struct tz tz;
    char problem[256]; /* why the schedule does not work; "" */
    struct wall created_at;
    struct opt_time covered; /* due times up to this one have been dealt with */
    struct opt_time next;    /* absent: no schedule that is on */
    struct timer timer;
    struct job_run *runs;
    size_t active, run_count;
    int64_t succeeded, failed, skipped;
    struct opt_time last_success, last_failure, last_skip;
    char skip_reason[100];
    struct job *dead_next;
    UT_hash_handle hh; /* marathon.jobs, by id */
};

/* What PUT brings: all of it filled and valid. */
struct job_update {
    const struct job_def *def;
    const struct app *run; /* its id is that of the job */
    struct str zone;       /* bytes of the zone's file; empty: UTC */
    bool create;           /* CONFLICT when it is there; else NOT_FOUND when it is not */
};

struct job *job_find(const struct marathon *m, struct str id);
struct job_run *job_run_find(const struct job *j, struct str id);
static inline const char *job_policy(const struct job *j)
{
    return concurrency_names[j->def->concurrency.v];
}

/* --- recovery: jobs, then their runs, then instances --------------------------------------------------------- */
struct stored_job {
    const struct job_def *def;
    const struct app *run;
    struct wall version, created_at;
    struct opt_time covered, last_success, last_failure, last_skip;
    int64_t succeeded, failed, skipped;
    struct str skip_reason, zone, zone_problem;
};
int marathon_restore_job(struct marathon *m, const struct stored_job *sj, struct error *err);

struct stored_run {
    struct str job_id, id, message, task_id, host, agent_id;
    const struct app *run; /* NULL: the job's */
    const struct run_rules *rules; /* NULL: the job's */
    struct wall version, created_at;
    enum run_state state;
    struct opt_time scheduled_for, started_at, finished_at, retry_at;
    unsigned attempt, failures;
    bool kill_asked;
};
int marathon_restore_run(struct marathon *m, const struct stored_run *sr, struct error *err);

#endif
