/* SPDX-License-Identifier: Apache-2.0 */
/* Meters and timers of requests. */
#include "marathon/api/httpstats.h"

#include "tests/support/test.h"

static struct mono at(double seconds)
{
    return (struct mono){ (int64_t)(seconds * 1e9) };
}

TEST("a meter's averages come near a steady rate, the short one first, and fade when it ends")
{
    struct meter m = { 0 };

    for (int i = 0; i < 300; i++) /* one a second for five minutes */
        meter_mark(&m, at(i));
    meter_move(&m, at(300));
    CHECK_INT((int64_t)m.count, 300);
    CHECK(m.m1 > 0.98 && m.m1 < 1.01);
    CHECK(m.m5 > 0.6 && m.m5 < 0.7);
    CHECK(m.m15 < m.m5);
    CHECK(meter_mean(&m, at(300)) > 0.99 && meter_mean(&m, at(300)) < 1.01);
    meter_move(&m, at(600));
    CHECK(m.m1 < 0.02);
    meter_move(&m, at(1e6)); /* a long silence takes no long loop */
    CHECK(m.m15 < 1e-6);
}

TEST("a timer's percentiles are within a tenth; without a sample all is 0")
{
    struct timer_stats t = { 0 };

    CHECK(timer_percentile(&t, 0.5) < 1e-12 && timer_mean(&t) < 1e-12);
    for (int i = 1; i <= 1000; i++)
        timer_note(&t, i / 1000.0, at(0));
    CHECK(timer_mean(&t) > 0.5 && timer_mean(&t) < 0.501);
    CHECK(timer_percentile(&t, 0.5) > 0.5 && timer_percentile(&t, 0.5) < 0.55);
    CHECK(timer_percentile(&t, 0.99) > 0.98 && timer_percentile(&t, 0.999) <= 1.0);
    CHECK(t.min < 0.0011 && t.max > 0.999);
    CHECK(timer_deviation(&t) > 0.28 && timer_deviation(&t) < 0.3);
}

TEST("what is held is halved, so that a timer follows a change")
{
    static struct timer_stats t;

    for (int i = 0; i < 150000; i++)
        timer_note(&t, 0.001, at(0));
    for (int i = 0; i < 90000; i++)
        timer_note(&t, 1, at(0));
    CHECK(t.held < 100000);
    CHECK(timer_percentile(&t, 0.5) > 0.9);
    CHECK_INT((int64_t)t.meter.count, 240000);
}
