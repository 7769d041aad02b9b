/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of jobs (schema.h). What runs is described by rows of the app's table. */
#include "marathon/core/app.h"
#include "marathon/core/job.h"
#include "marathon/core/rows.h"

const char *const concurrency_names[] = { "ALLOW", "FORBID", "REPLACE", NULL };

static const struct schema_field schedule_fields[] = {
    TXTLEN(job_schedule, "cron", cron, SF_REQUIRED, 1, 500),
    { .name = "timeZone",
      .type = ST_STR,
      .offset = OFF(job_schedule, time_zone),
      .flags = SF_DEFAULT,
      .min = 1,
      .max = TZ_NAME_MAX,
      .dflt_text = "UTC" },
    BOOLDEF(job_schedule, "enabled", enabled, 1),
    I32DEF(job_schedule, "startingDeadlineSeconds", deadline_s, 900, 1, 604800),
};
static SCHEMA(schema_job_schedule, job_schedule, schedule_fields, false);

#define RULES(T, retries, delay, factor, delay_max, deadline)                                                                        \
    I32DEF(T, "retries", retries, 0, 0, 1000), I32DEF(T, "retryDelaySeconds", delay, 10, 0, 86400),                                  \
        F64DEF(T, "retryDelayFactor", factor, 2, 1, 100), I32DEF(T, "retryDelayMaxSeconds", delay_max, 600, 0, 604800),              \
        I32(T, "activeDeadlineSeconds", deadline, 0, 1, I32_MAX)

static const struct schema_field rules_fields[] = { RULES(run_rules, retries, retry_delay_s, retry_factor, retry_delay_max_s,
                                                          active_deadline_s) };
SCHEMA(schema_run_rules, run_rules, rules_fields, false);

static const struct schema_field job_fields[] = {
    TXTPAT(job_def, "id", id, SF_REQUIRED, SP_PATH_ID),
    TXTLEN(job_def, "description", description, 0, 0, 4096),
    MAPTXT(job_def, "labels", labels, SF_ALWAYS | SF_TOP),
    OBJ(job_def, "schedule", schedule, 0, &schema_job_schedule),
    ENUMDEF(job_def, "concurrencyPolicy", concurrency, JOB_ALLOW, concurrency_names),
    RULES(job_def, rules.retries, rules.retry_delay_s, rules.retry_factor, rules.retry_delay_max_s, rules.active_deadline_s),
    I32DEF(job_def, "successfulRunsKept", keep_succeeded, 10, 0, 1000),
    I32DEF(job_def, "failedRunsKept", keep_failed, 10, 0, 1000),
};
SCHEMA(schema_job, job_def, job_fields, false);

const struct schema *job_run_schema(void)
{
    static const char *const names[] = { "acceptedResourceRoles", "args", "cmd", "constraints", "container", "cpus", "disk", "env", "executor",
                                         "executorResources", "fetch", "gpus", "labels", "mem", "networks", "portDefinitions", "requirePorts",
                                         "resourceLimits", "role", "secrets", "taskKillGracePeriodSeconds", "tty", "unreachableStrategy", "user" };
    static struct schema_field fields[sizeof names / sizeof names[0]];
    static struct schema run;

    if (run.count != 0)
        return &run;
    run = schema_app;
    run.name = "run";
    run.fields = fields;
    run.count = 0;
    for (size_t i = 0; i < schema_app.count; i++)
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            if (str_is(str_of(schema_app.fields[i].name), names[k]))
                fields[run.count++] = schema_app.fields[i];
    return &run;
}
