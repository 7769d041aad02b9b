/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests came, how fast, and how long they took: what /metrics shows as meters and timers. Pure: the time is an argument. */
#ifndef STOA_MARATHON_HTTPSTATS_H
#define STOA_MARATHON_HTTPSTATS_H

#include "common/base/time.h"
#include "common/io/http_util.h"

/* Events per second: since the start, and averages over 1, 5 and 15 minutes whose weights fade, moved every 5 seconds. */
struct meter {
    uint64_t count, fresh; /* of all; since the last move */
    struct mono begun, moved;
    double m1, m5, m15;
    bool any; /* begun and moved are set */
};

void meter_mark(struct meter *m, struct mono now);
void meter_move(struct meter *m, struct mono now); /* before its rates are read */
double meter_mean(const struct meter *m, struct mono now);

/* Durations. Percentiles come from buckets that are an eighth of an octave wide, so within 9 %, and forget: when they hold 100,000 they are halved. */
enum { TIMER_BUCKETS = 256 };

struct timer_stats {
    struct meter meter;
    double sum, squares, min, max; /* seconds */
    uint32_t buckets[TIMER_BUCKETS], held;
};

void timer_note(struct timer_stats *t, double seconds, struct mono now);
double timer_mean(const struct timer_stats *t);
double timer_deviation(const struct timer_stats *t);
double timer_percentile(const struct timer_stats *t, double share); /* 0.5: the median; 0 without a sample */

struct http_stats {
    struct timer_stats all, of[HTTP_VERB_OTHER + 1];
    struct meter classes[6]; /* 1xx to 5xx at 1 to 5 */
    uint64_t request_bytes, stream_bytes, gzip_bytes;
    uint64_t active; /* requests whose answers are under way */
};

void http_stats_done(struct http_stats *s, enum http_verb verb, unsigned status, int64_t took_ns, struct mono now);

#endif
