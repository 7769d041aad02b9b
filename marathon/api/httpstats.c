/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/api/httpstats.h"

#include <math.h>

enum { MOVE_SECONDS = 5, HELD_MAX = 100000, PER_OCTAVE = 8 };
#define SMALLEST 1e-6

static void fade(double *rate, double now, double minutes)
{
    *rate += (1 - exp(-MOVE_SECONDS / 60.0 / minutes)) * (now - *rate);
}

void meter_move(struct meter *m, struct mono now)
{
    const int64_t step = MOVE_SECONDS * NS_PER_S;
    int most = 15 * 60 / MOVE_SECONDS * 20; /* twenty times the longest average: nothing is left by then */

    if (!m->any) {
        m->any = true;
        m->begun = m->moved = now;
    }
    for (; mono_diff(now, m->moved) >= step; m->moved = mono_add(m->moved, step)) {
        double rate = (double)m->fresh / MOVE_SECONDS;

        if (most-- <= 0) {
            m->moved = now;
            m->m1 = m->m5 = m->m15 = 0;
            return;
        }
        m->fresh = 0;
        fade(&m->m1, rate, 1);
        fade(&m->m5, rate, 5);
        fade(&m->m15, rate, 15);
    }
}

void meter_mark(struct meter *m, struct mono now)
{
    meter_move(m, now);
    m->count++;
    m->fresh++;
}

double meter_mean(const struct meter *m, struct mono now)
{
    double s = m->any ? (double)mono_diff(now, m->begun) / (double)NS_PER_S : 0;

    return s > 0 ? (double)m->count / s : 0;
}

static unsigned bucket_of(double seconds)
{
    double k = seconds > SMALLEST ? log2(seconds / SMALLEST) * PER_OCTAVE : 0;

    return k < TIMER_BUCKETS - 1 ? (unsigned)k : TIMER_BUCKETS - 1;
}

void timer_note(struct timer_stats *t, double seconds, struct mono now)
{
    if (t->meter.count == 0 || seconds < t->min)
        t->min = seconds;
    if (seconds > t->max)
        t->max = seconds;
    meter_mark(&t->meter, now);
    t->sum += seconds;
    t->squares += seconds * seconds;
    t->buckets[bucket_of(seconds)]++;
    if (++t->held < HELD_MAX)
        return;
    t->held = 0;
    for (unsigned i = 0; i < TIMER_BUCKETS; i++)
        t->held += t->buckets[i] /= 2;
}

double timer_mean(const struct timer_stats *t)
{
    return t->meter.count != 0 ? t->sum / (double)t->meter.count : 0;
}

double timer_deviation(const struct timer_stats *t)
{
    double mean = timer_mean(t), v = t->meter.count != 0 ? t->squares / (double)t->meter.count - mean * mean : 0;

    return v > 0 ? sqrt(v) : 0;
}

double timer_percentile(const struct timer_stats *t, double share)
{
    double want = share * t->held, seen = 0, top;

    for (unsigned i = 0; i < TIMER_BUCKETS && t->held != 0; i++) {
        seen += t->buckets[i];
        top = SMALLEST * exp2((i + 1.0) / PER_OCTAVE);
        if (t->buckets[i] != 0 && seen >= want)
            return top < t->min ? t->min : top > t->max ? t->max : top;
    }
    return 0;
}

void http_stats_done(struct http_stats *s, enum http_verb verb, unsigned status, int64_t took_ns, struct mono now)
{
    double seconds = (double)took_ns / (double)NS_PER_S;

    timer_note(&s->all, seconds, now);
    timer_note(&s->of[verb], seconds, now);
    if (status / 100 < 6)
        meter_mark(&s->classes[status / 100], now);
}
