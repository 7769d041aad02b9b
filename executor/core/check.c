/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/core/check.h"

void check_start(struct check *c, const struct check_policy *p, struct mono now)
{
    *c = (struct check){ .policy = *p, .state = CHECK_WAITING, .started = now, .next = mono_add(now, p->delay_ns) };
}

enum check_due check_tick(struct check *c, struct mono now)
{
    if (mono_before(now, c->next))
        return CHECK_DUE_NOTHING;
    if (c->state == CHECK_RUNNING) {
        c->next = MONO_NEVER;
        return CHECK_DUE_TIMEOUT;
    }
    if (c->state != CHECK_WAITING)
        return CHECK_DUE_NOTHING;
    c->state = CHECK_RUNNING;
    c->next = c->policy.timeout_ns > 0 ? mono_add(now, c->policy.timeout_ns) : MONO_NEVER;
    return CHECK_DUE_RUN;
}

struct mono check_wake_at(const struct check *c)
{
    return c->state == CHECK_WAITING || c->state == CHECK_RUNNING ? c->next : MONO_NEVER;
}

void check_skipped(struct check *c, struct mono now)
{
    if (c->state != CHECK_RUNNING)
        return;
    c->state = CHECK_WAITING;
    c->next = mono_add(now, c->policy.interval_ns);
}

enum check_verdict check_passed(struct check *c, bool passed, struct mono now)
{
    if (c->state != CHECK_RUNNING)
        return CHECK_QUIET; /* paused meanwhile */
    check_skipped(c, now);
    if (passed) {
        bool tell = !c->had_success || c->failures > 0;
        c->had_success = true;
        c->failures = 0;
        return tell ? CHECK_TELL_HEALTHY : CHECK_QUIET;
    }
    if (!c->had_success && mono_diff(now, c->started) <= c->policy.grace_ns)
        return CHECK_QUIET;
    c->failures++;
    return c->failures >= c->policy.failures_max ? CHECK_TELL_UNHEALTHY_AND_KILL : CHECK_TELL_UNHEALTHY;
}

enum check_verdict check_value(struct check *c, int64_t value, struct mono now)
{
    if (c->state != CHECK_RUNNING)
        return CHECK_QUIET;
    check_skipped(c, now);
    /* The first status of the task has an empty result: the same as "could not be performed". */
    int64_t last = c->has_value ? c->value : CHECK_NO_VALUE;
    c->has_value = true;
    c->value = value;
    return value == last ? CHECK_QUIET : CHECK_TELL_VALUE;
}

void check_pause(struct check *c)
{
    if (c->state != CHECK_OFF)
        c->state = CHECK_PAUSED;
}

void check_resume(struct check *c, struct mono now)
{
    if (c->state != CHECK_PAUSED)
        return;
    c->state = CHECK_WAITING;
    c->next = mono_add(now, c->policy.interval_ns);
}
