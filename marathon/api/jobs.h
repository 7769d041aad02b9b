/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of jobs from and to JSON: for requests and for records. */
#ifndef STOA_MARATHON_API_JOBS_H
#define STOA_MARATHON_API_JOBS_H

#include "marathon/api/decode.h"
#include "marathon/api/encode.h"
#include "marathon/core/marathon.h"

/* Members of an open object: the definition and what it runs. */
void job_definition(struct jsonw *w, const struct job_def *def, const struct app *run);
/* Filled, not validated. NULL, or the message of the issues. def and run were zeroed; they point into the tree and the arena. */
const char *job_decode(const cJSON *json, const struct marathon_config *config, struct job_def *def, struct app *run, struct arena *arena,
                       struct issues *is);

/* What it runs, alone. False: there are issues. */
bool job_run_decode(const cJSON *json, struct str id, const struct marathon_config *config, struct app *a, struct arena *arena,
                    struct issues *is);

/* Records. */
void job_record(struct jsonw *w, const struct job *j);
void run_record(struct jsonw *w, const struct job_run *r);
const char *job_load(struct marathon *m, const cJSON *j, struct arena *arena);
const char *run_load(struct marathon *m, struct str key, const cJSON *j, struct arena *arena); /* key: "<job>@<run>" */

#endif
