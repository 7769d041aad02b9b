/* SPDX-License-Identifier: Apache-2.0 */
/* Time as values. Reading a clock is the shell's business (io/loop.h). Monotonic time orders events and
 * arms timers; wall time is only shown to people and stored. They are different types on purpose. */
#ifndef STOA_BASE_TIME_H
#define STOA_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

struct mono {
    int64_t ns;
};

struct wall {
    int64_t ms; /* since 1970-01-01T00:00:00Z */
};

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
#define MONO_NEVER ((struct mono){ INT64_MAX })

static inline struct mono mono_add(struct mono t, int64_t ns) /* saturates at MONO_NEVER */
{
    int64_t r;
    return __builtin_add_overflow(t.ns, ns, &r) ? MONO_NEVER : (struct mono){ r };
}

static inline int64_t mono_diff(struct mono a, struct mono b) /* a - b, ns */
{
    return a.ns - b.ns;
}

static inline bool mono_before(struct mono a, struct mono b)
{
    return a.ns < b.ns;
}

static inline struct mono mono_min(struct mono a, struct mono b)
{
    return a.ns < b.ns ? a : b;
}

/* Seconds as a double to nanoseconds; false when not finite or out of range (about 292 years). */
bool seconds_to_ns(double s, int64_t *ret);

/* Mesos duration text: number and unit, units ns us ms secs mins hrs days weeks ("1.5mins"), 0 or more.
 * Source: reference of the agent flags; the singular forms (sec, min, hr, day, week) are not known to it. */
bool duration_parse(struct str s, int64_t *ret_ns);
/* The shortest exact text of that form: 15000000000 gives "15secs". */
void duration_print(struct sbuf *b, int64_t ns);
/* Byte text: number and unit B KB MB GB TB (1024-based). */
bool bytes_parse(struct str s, uint64_t *ret);

/* "2026-11-24T05:59:12.000Z", always UTC with milliseconds. */
void wall_print(struct sbuf *b, struct wall t);
/* That, and the other forms of ISO 8601 that people write: without milliseconds, seconds or the time of day, with an offset
 * (+02:00, -0530) in place of Z, or without either, which is UTC. */
bool wall_parse(struct str s, struct wall *ret);

/* Days since 1970-01-01 of a proleptic Gregorian date (month and day from 1), and back. */
int64_t days_of_date(int64_t y, unsigned m, unsigned d);
void date_of_days(int64_t days, int64_t *ret_y, unsigned *ret_m, unsigned *ret_d);

#endif
