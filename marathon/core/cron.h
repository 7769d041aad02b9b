/* SPDX-License-Identifier: Apache-2.0 */
/* When a schedule is due. Five fields - minute, hour, day of the month, month, day of the week - of numbers, names (JAN, MON), *,
 * ranges, lists and steps; 7 is Sunday; @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. When both days are
 * restricted either will do, as crontab(5) has it.
 *
 * When clocks are set forward over a moment of a schedule with a fixed hour, it is due once, at the moment that happens; when they
 * are set back over it, it is due the first time only. A schedule with a * in the hour or minute follows the time that passes. */
#ifndef STOA_MARATHON_CRON_H
#define STOA_MARATHON_CRON_H

#include "common/base/error.h"
#include "marathon/core/tz.h"

struct cron {
    uint64_t minutes;
    uint32_t hours, days;
    uint16_t months;
    uint8_t weekdays;               /* bit 0: Sunday */
    bool any_day, any_weekday, any_time; /* the fields began with a * */
};

/* The error names the field and what it may be. */
int cron_parse(struct str text, struct cron *ret, struct error *err);
/* The first moment after that one, in UTC seconds; false: none within eight years ("0 0 30 2 *"). */
bool cron_next(const struct cron *c, const struct tz *z, int64_t after_s, int64_t *ret_s);

#endif
