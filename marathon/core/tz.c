/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/tz.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/time.h"

enum { HEADER_BYTES = 44, DAY_S = 86400, NEAR_S = 36 * 3600 };

/* --- the file ---------------------------------------------------------------------------------------------- */
static int64_t big_endian(const char *p, size_t n)
{
    uint64_t v = (unsigned char)p[0] >= 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)p[i];
    return (int64_t)v;
}

struct counts {
    size_t isut, isstd, leap, time, type, name;
};

static bool header(struct str in, struct counts *ret, char *ret_version)
{
    size_t v[6];

    if (in.n < HEADER_BYTES || !str_starts(in, STR("TZif")))
        return false;
    *ret_version = in.p[4];
    for (size_t i = 0; i < 6; i++) {
        int64_t n = big_endian(in.p + 20 + 4 * i, 4);
        if (n < 0 || n > TZ_FILE_BYTES_MAX)
            return false;
        v[i] = (size_t)n;
    }
    *ret = (struct counts){ v[0], v[1], v[2], v[3], v[4], v[5] };
    return ret->type != 0;
}

static size_t block_bytes(const struct counts *c, size_t width)
{
    return c->time * (width + 1) + c->type * 6 + c->name + c->leap * (width + 4) + c->isstd + c->isut;
}

static bool read_block(struct str in, const struct counts *c, size_t width, struct tz *z)
{
    const char *times = in.p, *indices = times + c->time * width, *types = indices + c->time;

    z->at = xcalloc(c->time + 1, sizeof *z->at);
    z->offset = xcalloc(c->time + 1, sizeof *z->offset);
    z->first = big_endian(types, 4);
    for (size_t i = 0; i < c->time; i++) {
        size_t type = (unsigned char)indices[i];
        z->at[i] = big_endian(times + i * width, width);
        if (type >= c->type || (i > 0 && z->at[i] <= z->at[i - 1]))
            return false;
        z->offset[i] = big_endian(types + type * 6, 4);
        z->n++;
    }
    return true;
}

/* --- the rule: "CET-1CEST,M3.5.0,M10.5.0/3" ------------------------------------------------------------------ */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool skip_name(struct str *rest)
{
    size_t n = 0;

    if (str_skip(rest, STR("<"))) {
        struct str name;
        return str_cut(rest, '>', &name) && name.n >= 3;
    }
    while (n < rest->n && is_letter(rest->p[n]))
        n++;
    *rest = str_sub(*rest, n, rest->n);
    return n >= 3;
}

/* [+-]h[h][h][:mm[:ss]] */
static bool clock_time(struct str *rest, int64_t *ret)
{
    bool minus = str_skip(rest, STR("-"));
    uint64_t h, m = 0, s = 0;

    if (!minus)
        (void)str_skip(rest, STR("+"));
    if (!str_u64(rest, 167, &h) || (str_skip(rest, STR(":")) && !str_u64(rest, 59, &m)) ||
        (str_skip(rest, STR(":")) && !str_u64(rest, 59, &s)))
        return false;
    *ret = (int64_t)(h * 3600 + m * 60 + s);
    if (minus)
        *ret = -*ret;
    return true;
}

static bool number(struct str *rest, uint64_t min, uint64_t max, unsigned *ret)
{
    uint64_t v;

    if (!str_u64(rest, max, &v) || v < min)
        return false;
    *ret = (unsigned)v;
    return true;
}

static bool date(struct str *rest, struct tz_date *d)
{
    *d = (struct tz_date){ .seconds = 2 * 3600 };
    if (!str_skip(rest, STR(",")))
        return false;
    if (str_skip(rest, STR("M"))) {
        if (!number(rest, 1, 12, &d->month) || !str_skip(rest, STR(".")) || !number(rest, 1, 5, &d->week) ||
            !str_skip(rest, STR(".")) || !number(rest, 0, 6, &d->weekday))
            return false;
    } else {
        d->kind = str_skip(rest, STR("J")) ? TZ_DATE_JULIAN : TZ_DATE_DAY;
        if (!number(rest, d->kind == TZ_DATE_JULIAN, 365, &d->day))
            return false;
    }
    return !str_skip(rest, STR("/")) || clock_time(rest, &d->seconds);
}

static bool read_rule(struct str rest, struct tz *z)
{
    int64_t west;

    if (!skip_name(&rest) || !clock_time(&rest, &west))
        return false;
    z->standard = z->summer = -west;
    z->has_rule = true;
    if (rest.n == 0)
        return true;
    if (!skip_name(&rest))
        return false;
    z->summer = z->standard + 3600;
    if (rest.n != 0 && rest.p[0] != ',') {
        if (!clock_time(&rest, &west))
            return false;
        z->summer = -west;
    }
    z->has_dst = true;
    return date(&rest, &z->begin) && date(&rest, &z->end) && rest.n == 0;
}

static bool read_all(struct str in, struct tz *z)
{
    struct counts c;
    size_t width = 4;
    char version;

    if (!header(in, &c, &version))
        return false;
    in = str_sub(in, HEADER_BYTES, in.n);
    if (version >= '2') { /* the second block has wide times */
        if (in.n < block_bytes(&c, width))
            return false;
        in = str_sub(in, block_bytes(&c, width), in.n);
        if (!header(in, &c, &version))
            return false;
        in = str_sub(in, HEADER_BYTES, in.n);
        width = 8;
    }
    if (in.n < block_bytes(&c, width) || !read_block(in, &c, width, z))
        return false;
    in = str_sub(in, block_bytes(&c, width), in.n);
    if (width == 4 || !str_skip(&in, STR("\n")))
        return width == 4;
    in = str_sub(in, 0, str_index(in, '\n'));
    return in.n == 0 || read_rule(in, z);
}

int tz_parse(struct str bytes, struct tz *ret, struct error *err)
{
    struct tz z = { 0 };

    if (bytes.n != 0 && !read_all(bytes, &z)) {
        tz_done(&z);
        return error_set(err, ERR_INVALID, "%zu bytes that are no compiled time zone", bytes.n);
    }
    *ret = z;
    return 0;
}

void tz_done(struct tz *z)
{
    free(z->at);
    free(z->offset);
    *z = (struct tz){ 0 };
}

/* --- questions ----------------------------------------------------------------------------------------------- */
static bool is_leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Local seconds at which the rule's date is in that year. */
static int64_t date_in(const struct tz_date *d, int64_t y)
{
    int64_t days = days_of_date(y, 1, 1), first, next;

    switch (d->kind) {
    case TZ_DATE_DAY:
        return (days + d->day) * DAY_S + d->seconds;
    case TZ_DATE_JULIAN:
        return (days + d->day - 1 + (is_leap(y) && d->day >= 60)) * DAY_S + d->seconds;
    case TZ_DATE_MONTH:
        break;
    }
    first = days_of_date(y, d->month, 1);
    next = d->month == 12 ? days_of_date(y + 1, 1, 1) : days_of_date(y, d->month + 1, 1);
    days = first + (d->weekday + 7 - (first + 4) % 7) % 7 + 7 * ((int64_t)d->week - 1);
    while (days >= next)
        days -= 7;
    return days * DAY_S + d->seconds;
}

static int64_t rule_offset(const struct tz *z, int64_t utc_s)
{
    int64_t y, local = utc_s + z->standard, days = local / DAY_S - (local % DAY_S < 0), begin, end;
    unsigned m, d;
    bool summer;

    if (!z->has_dst)
        return z->standard;
    date_of_days(days, &y, &m, &d);
    begin = date_in(&z->begin, y) - z->standard;
    end = date_in(&z->end, y) - z->summer;
    summer = begin < end ? utc_s >= begin && utc_s < end : !(utc_s >= end && utc_s < begin);
    return summer ? z->summer : z->standard;
}

int64_t tz_offset(const struct tz *z, int64_t utc_s)
{
    size_t from = 0, to = z->n; /* the first transition after utc_s */

    if (z->has_rule && (z->n == 0 || utc_s >= z->at[z->n - 1]))
        return rule_offset(z, utc_s);
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (z->at[mid] <= utc_s)
            from = mid + 1;
        else
            to = mid;
    }
    return from == 0 ? z->first : z->offset[from - 1];
}

/* The first moment in (from, to] with that offset, which begins there. */
static int64_t change_within(const struct tz *z, int64_t from, int64_t to, int64_t offset)
{
    while (to - from > 1) {
        int64_t mid = from + (to - from) / 2;
        if (tz_offset(z, mid) == offset)
            to = mid;
        else
            from = mid;
    }
    return to;
}

unsigned tz_moments(const struct tz *z, int64_t local_s, int64_t ret[2])
{
    int64_t before = tz_offset(z, local_s - NEAR_S), after = tz_offset(z, local_s + NEAR_S);
    unsigned n = 0;

    if (tz_offset(z, local_s - before) == before)
        ret[n++] = local_s - before;
    if (after != before && tz_offset(z, local_s - after) == after)
        ret[n++] = local_s - after;
    if (n == 0)
        ret[0] = change_within(z, local_s - after, local_s - before, after);
    return n;
}

bool tz_name_is_valid(struct str name)
{
    if (name.n == 0 || name.n > TZ_NAME_MAX || !is_letter(name.p[0]))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '/' && c != '_' && c != '-' && c != '+')
            return false;
    }
    return true;
}
