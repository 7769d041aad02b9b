/* SPDX-License-Identifier: Apache-2.0 */
/* A time zone: how far local time is ahead of UTC at each moment. Pure: the bytes of the zone's compiled file (RFC 8536, versions 1
 * to 4) come from outside. Beyond the last transition that the file lists, its footer's rule goes on. */
#ifndef STOA_MARATHON_TZ_H
#define STOA_MARATHON_TZ_H

#include "common/base/error.h"
#include "common/base/str.h"

enum { TZ_NAME_MAX = 64, TZ_FILE_BYTES_MAX = 64 << 10 };

/* The nth weekday of a month (M), or a day of the year with (0 to 365) or without (J: 1 to 365) February 29. */
struct tz_date {
    enum { TZ_DATE_MONTH, TZ_DATE_DAY, TZ_DATE_JULIAN } kind;
    unsigned month, week, weekday, day;
    int64_t seconds; /* of local time, may be negative or beyond a day */
};

struct tz {
    size_t n;
    int64_t *at;     /* UTC seconds, ascending; owned */
    int64_t *offset; /* from at[i] on; owned */
    int64_t first;   /* before at[0] */
    bool has_rule, has_dst;
    int64_t standard, summer; /* of the rule, seconds ahead of UTC */
    struct tz_date begin, end; /* of summer time */
};

/* UTC when bytes is empty. *ret is set on success. */
int tz_parse(struct str bytes, struct tz *ret, struct error *err);
void tz_done(struct tz *z);

int64_t tz_offset(const struct tz *z, int64_t utc_s);
/* The moments at which clocks show local_s (seconds as if it were UTC), ascending: one, or two when clocks are set back over it. 0:
 * they are set forward over it; ret[0] is then the moment at which that happens. */
unsigned tz_moments(const struct tz *z, int64_t local_s, int64_t ret[2]);
/* A name that may be a part of a path below the zones' folder: "Europe/Berlin". */
bool tz_name_is_valid(struct str name);

#endif
