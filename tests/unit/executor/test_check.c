/* SPDX-License-Identifier: Apache-2.0 */
/* Checks: when they run and what their results mean. */
#include <string.h>

#include "executor/core/check.h"
#include "tests/support/test.h"

#define S NS_PER_S

/* One result a second from second 1 on; what is told, as letters: '.' nothing, 'h' healthy, 'u' unhealthy, 'K' unhealthy
 * and kill. */
static const struct {
    const char *name, *results, *told;
} cases[] = {
    { "the first success is told, the next not", "ppp", "h.." },
    { "failures in the grace period are hidden", "fff", "..." },
    { "after the grace period each failure is told, the third in a row kills", "fffffff", "...uuK" },
    { "a success ends the grace period", "pffff", "huuK" },
    { "a success resets the count and is told again", "pffpff", "huuhuu" },
    { "a late first success", "ffffp", "...uh" },
};

TEST("health: verdicts over a sequence of results (grace 3 s, 3 failures)")
{
    const struct check_policy p = { .health = true, .interval_ns = S, .grace_ns = 3 * S, .failures_max = 3 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct check c;
        char told[16] = "";
        check_start(&c, &p, (struct mono){ 0 });
        for (size_t k = 0; k < strlen(cases[i].results); k++) {
            struct mono now = { (int64_t)(k + 1) * S };
            CHECK_INT(check_tick(&c, now), CHECK_DUE_RUN);
            enum check_verdict v = check_passed(&c, cases[i].results[k] == 'p', now);
            told[k] = ".huK"[v];
            if (v == CHECK_TELL_UNHEALTHY_AND_KILL)
                break;
        }
        if (!CHECK_CSTR(told, cases[i].told))
            test_fail(__FILE__, __LINE__, "case: %s", cases[i].name);
    }
}

TEST("the first run comes after the delay, the next an interval after the end of the last")
{
    const struct check_policy p = { .health = true, .delay_ns = 15 * S, .interval_ns = 10 * S, .timeout_ns = 20 * S, .failures_max = 3 };
    struct check c;
    check_start(&c, &p, (struct mono){ 100 * S });
    CHECK_INT(check_wake_at(&c).ns, 115 * S);
    CHECK_INT(check_tick(&c, (struct mono){ 114 * S }), CHECK_DUE_NOTHING);
    CHECK_INT(check_tick(&c, (struct mono){ 115 * S }), CHECK_DUE_RUN);
    CHECK_INT(check_wake_at(&c).ns, 135 * S);
    CHECK_INT(check_tick(&c, (struct mono){ 118 * S }), CHECK_DUE_NOTHING);
    (void)check_passed(&c, true, (struct mono){ 118 * S });
    CHECK_INT(check_wake_at(&c).ns, 128 * S);
    CHECK_INT(check_tick(&c, (struct mono){ 128 * S }), CHECK_DUE_RUN);
    CHECK_INT(check_tick(&c, (struct mono){ 148 * S }), CHECK_DUE_TIMEOUT);
    CHECK_INT(check_tick(&c, (struct mono){ 149 * S }), CHECK_DUE_NOTHING);
    (void)check_passed(&c, false, (struct mono){ 148 * S });
    CHECK_INT(check_wake_at(&c).ns, 158 * S);
}

TEST("a timeout of 0 never comes; a pause forgets the run under way")
{
    const struct check_policy p = { .health = true, .interval_ns = S, .failures_max = 1 };
    struct check c;
    check_start(&c, &p, (struct mono){ 0 });
    CHECK_INT(check_tick(&c, (struct mono){ 0 }), CHECK_DUE_RUN);
    CHECK(check_wake_at(&c).ns == MONO_NEVER.ns);
    check_pause(&c);
    CHECK_INT(check_passed(&c, false, (struct mono){ 5 * S }), CHECK_QUIET);
    CHECK(check_wake_at(&c).ns == MONO_NEVER.ns);
    check_resume(&c, (struct mono){ 9 * S });
    CHECK_INT(check_wake_at(&c).ns, 10 * S);
}

TEST("plain checks tell changes only; a failed run is the empty result")
{
    const struct check_policy p = { .interval_ns = S };
    static const struct {
        int64_t value;
        enum check_verdict v;
    } run[] = { { CHECK_NO_VALUE, CHECK_QUIET }, { 7, CHECK_TELL_VALUE }, { 7, CHECK_QUIET }, { 0, CHECK_TELL_VALUE },
                { CHECK_NO_VALUE, CHECK_TELL_VALUE }, { CHECK_NO_VALUE, CHECK_QUIET } };
    struct check c;
    check_start(&c, &p, (struct mono){ 0 });
    for (size_t i = 0; i < sizeof run / sizeof run[0]; i++) {
        struct mono now = { (int64_t)i * S };
        CHECK_INT(check_tick(&c, now), CHECK_DUE_RUN);
        CHECK_INT(check_value(&c, run[i].value, now), run[i].v);
    }
}
