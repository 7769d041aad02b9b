/* SPDX-License-Identifier: Apache-2.0 */
/* When a check or health check of a task runs, and what its results mean. Pure: the shell runs the check and says how
 * it went.
 *
 * A health check's failures are ignored until its first success or the end of the grace period. After that each failure
 * is told, and failures_max in a row kill the task. A success is told when it is the first or follows a failure. A plain
 * check only reports results that differ from the last one and never kills. Source: agent reference, §9. */
#ifndef STOA_EXECUTOR_CORE_CHECK_H
#define STOA_EXECUTOR_CORE_CHECK_H

#include <stdbool.h>

#include "common/base/time.h"

struct check_policy {
    bool health;           /* HealthCheck; else CheckInfo */
    int64_t delay_ns;      /* from the start of the task to the first run */
    int64_t interval_ns;   /* from the end of a run to the next */
    int64_t timeout_ns;    /* 0: none */
    int64_t grace_ns;      /* HealthCheck.grace_period_seconds */
    unsigned failures_max; /* consecutive_failures */
};

enum check_state { CHECK_OFF, CHECK_WAITING, CHECK_RUNNING, CHECK_PAUSED };

struct check {
    struct check_policy policy;
    enum check_state state;
    struct mono started;  /* of the task */
    struct mono next;     /* of WAITING: the run; of RUNNING: the timeout */
    unsigned failures;    /* in a row */
    bool had_success;
    bool has_value;
    int64_t value;        /* last told result of a plain check */
};

enum check_verdict {
    CHECK_QUIET,
    CHECK_TELL_HEALTHY,
    CHECK_TELL_UNHEALTHY,
    CHECK_TELL_UNHEALTHY_AND_KILL,
    CHECK_TELL_VALUE, /* plain check: the result changed */
};

enum check_due { CHECK_DUE_NOTHING, CHECK_DUE_RUN, CHECK_DUE_TIMEOUT };

#define CHECK_NO_VALUE INT64_MIN /* the check could not be performed */

void check_start(struct check *c, const struct check_policy *p, struct mono now);
/* RUN: start it now. TIMEOUT: end it and report a failure. */
enum check_due check_tick(struct check *c, struct mono now);
struct mono check_wake_at(const struct check *c);
/* Health check: the run passed or failed. */
enum check_verdict check_passed(struct check *c, bool passed, struct mono now);
/* Plain check: its exit code, status code or 0/1; CHECK_NO_VALUE. */
enum check_verdict check_value(struct check *c, int64_t value, struct mono now);
/* Neither: the agent could not be asked. Next run after the interval. */
void check_skipped(struct check *c, struct mono now);
void check_pause(struct check *c);
void check_resume(struct check *c, struct mono now);

#endif
