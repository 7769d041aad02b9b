/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the core offer each other about jobs. */
#ifndef STOA_MARATHON_JOB_INT_H
#define STOA_MARATHON_JOB_INT_H

#include "marathon/core/marathon.h"

/* --- job.c --- */
int job_put(struct marathon *m, const struct job_update *u, struct error *err);
int job_delete(struct marathon *m, struct str id, bool stop_runs, struct error *err);
void job_timer(struct marathon *m, struct job *j);
void job_store(struct marathon *m, struct job *j);
void job_skip(struct marathon *m, struct job *j, struct opt_time due_at, const char *reason); /* the caller stores */
void jobs_started(struct marathon *m);
void jobs_free_dead(struct marathon *m);
void jobs_free(struct marathon *m);

/* --- job_run.c --- */
/* A run for a due time, or on request (scheduled_for absent). CONFLICT: the policy forbids it (a due time is skipped then); LIMIT. */
int run_start(struct marathon *m, struct job *j, struct opt_time scheduled_for, struct job_run **ret, struct error *err);
int job_run_now(struct marathon *m, struct str id, struct update_result *ret, struct error *err);
int run_kill(struct marathon *m, struct str job_id, struct str run_id, struct error *err);
void run_timer(struct marathon *m, struct job_run *r);
void runs_trim(struct marathon *m, struct job *j); /* to what the history keeps */
void runs_resume(struct marathon *m, struct job *j);
struct str run_key(struct marathon *m, const struct job_run *r); /* of its record; lives as long as the actions */
void run_bury(struct marathon *m, struct job_run *r);
void run_free(struct job_run *r);

/* Called for instances of jobs: the state has changed; a last word came; it is about to be removed. */
void run_instance_changed(struct marathon *m, struct instance *i);
void run_instance_told(struct marathon *m, struct instance *i, struct str message, bool excused);
void run_instance_gone(struct marathon *m, struct instance *i);

#endif
