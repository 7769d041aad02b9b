/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/time.h"

#include <math.h>
#include <stddef.h>

/* Largest first, so that printing finds the shortest exact form. */
static const struct {
    struct str name;
    int64_t ns;
} units[] = {
    { STR_INIT("weeks"), 604800 * NS_PER_S }, { STR_INIT("days"), 86400 * NS_PER_S },
    { STR_INIT("hrs"), 3600 * NS_PER_S },     { STR_INIT("mins"), 60 * NS_PER_S },
    { STR_INIT("secs"), NS_PER_S },           { STR_INIT("ms"), NS_PER_MS },
    { STR_INIT("us"), NS_PER_US },            { STR_INIT("ns"), 1 },
};
enum { UNIT_COUNT = sizeof units / sizeof units[0] };

bool seconds_to_ns(double s, int64_t *ret)
{
    double ns = s * 1e9;

    if (!isfinite(ns) || ns >= 9223372036854775807.0 || ns <= -9223372036854775808.0)
        return false;
    *ret = (int64_t)ns;
    return true;
}

bool duration_parse(struct str s, int64_t *ret_ns)
{
    struct str r = str_trim(s);
    double v, ns;

    if (!str_double(&r, &v) || v < 0)
        return false;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (!str_eq(r, units[i].name))
            continue;
        ns = v * (double)units[i].ns;
        if (ns >= 9223372036854775807.0)
            return false;
        *ret_ns = llround(ns);
        return true;
    }
    return false;
}

void duration_print(struct sbuf *b, int64_t ns)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (ns % units[i].ns == 0 && (ns != 0 || units[i].ns == NS_PER_S)) {
            sbuf_i64(b, ns / units[i].ns);
            sbuf_str(b, units[i].name);
            return;
        }
    }
}

bool bytes_parse(struct str s, uint64_t *ret)
{
    static const struct str names[] = { STR_INIT("B"), STR_INIT("KB"), STR_INIT("MB"), STR_INIT("GB"),
                                        STR_INIT("TB") };
    struct str r = str_trim(s);
    uint64_t v;

    if (!str_u64(&r, UINT64_MAX, &v))
        return false;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq(r, names[i]))
            return !__builtin_mul_overflow(v, UINT64_C(1) << (10 * i), ret);
    return false;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back (H. Hinnant, "chrono-compatible date
 * algorithms": eras of 400 years beginning in March). */
int64_t days_of_date(int64_t y, unsigned m, unsigned d)
{
    int64_t era;
    unsigned yoe, doy, doe;

    y -= m <= 2;
    era = (y >= 0 ? y : y - 399) / 400;
    yoe = (unsigned)(y - era * 400);
    doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

void date_of_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
    int64_t era;
    unsigned doe, yoe, doy, mp;

    z += 719468;
    era = (z >= 0 ? z : z - 146096) / 146097;
    doe = (unsigned)(z - era * 146097);
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

/* Puts the last n digits of v before end; returns where they begin. */
static char *put_digits(char *end, int64_t v, int n)
{
    for (; n > 0; n--, v /= 10)
        *--end = (char)('0' + v % 10);
    return end;
}

/* As wall_print does for the years of four digits, which are all there are: answers hold tens of thousands of them. */
static void print_common(struct sbuf *b, int64_t y, unsigned m, unsigned d, unsigned ms)
{
    char text[] = "0000-00-00T00:00:00.000Z";
    unsigned s = ms / 1000;

    (void)put_digits(text + 4, y, 4);
    (void)put_digits(text + 7, m, 2);
    (void)put_digits(text + 10, d, 2);
    (void)put_digits(text + 13, s / 3600, 2);
    (void)put_digits(text + 16, s / 60 % 60, 2);
    (void)put_digits(text + 19, s % 60, 2);
    (void)put_digits(text + 23, ms % 1000, 3);
    sbuf_add(b, text, sizeof text - 1);
}

void wall_print(struct sbuf *b, struct wall t)
{
    int64_t day_ms = 86400000, days = t.ms / day_ms, rest = t.ms % day_ms, y;
    unsigned m, d, s;

    if (rest < 0) {
        rest += day_ms;
        days--;
    }
    date_of_days(days, &y, &m, &d);
    if (y >= 0 && y <= 9999) {
        print_common(b, y, m, d, (unsigned)rest);
        return;
    }
    s = (unsigned)(rest / 1000);
    sbuf_fmt(b, "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)y, m, d, s / 3600, s / 60 % 60, s % 60,
             (unsigned)(rest % 1000));
}

static bool two_digits(struct str *r, uint64_t max, unsigned *ret)
{
    struct str two = str_sub(*r, 0, 2);
    uint64_t v;

    if (two.n != 2 || !str_u64(&two, max, &v) || two.n != 0)
        return false;
    *r = str_sub(*r, 2, r->n);
    *ret = (unsigned)v;
    return true;
}

/* ".123" of any length; only milliseconds are kept. */
static bool fraction(struct str *r, unsigned *ret_ms)
{
    unsigned ms = 0, scale = 100;

    *ret_ms = 0;
    if (!str_skip(r, STR(".")))
        return true;
    if (r->n == 0 || r->p[0] < '0' || r->p[0] > '9')
        return false;
    for (; r->n != 0 && r->p[0] >= '0' && r->p[0] <= '9'; *r = str_sub(*r, 1, r->n)) {
        ms += scale * (unsigned)(r->p[0] - '0');
        scale /= 10;
    }
    *ret_ms = ms;
    return true;
}

/* hh:mm[:ss[.fraction]] */
static bool time_of_day(struct str *r, int64_t *ret_ms)
{
    unsigned h, min, sec = 0, ms = 0;

    if (!two_digits(r, 23, &h) || !str_skip(r, STR(":")) || !two_digits(r, 59, &min))
        return false;
    if (str_skip(r, STR(":")) && (!two_digits(r, 59, &sec) || !fraction(r, &ms)))
        return false;
    *ret_ms = ((int64_t)h * 60 + min) * 60000 + (int64_t)sec * 1000 + ms;
    return true;
}

/* Z, +hh:mm, +hhmm, +hh, or nothing, which is UTC. */
static bool zone(struct str *r, int64_t *ret_ms)
{
    bool west = r->n != 0 && r->p[0] == '-';
    unsigned h, min = 0;

    *ret_ms = 0;
    if (r->n == 0 || str_skip(r, STR("Z")))
        return r->n == 0;
    if (!str_skip(r, STR("+")) && !str_skip(r, STR("-")))
        return false;
    if (!two_digits(r, 23, &h))
        return false;
    (void)str_skip(r, STR(":"));
    if (r->n != 0 && !two_digits(r, 59, &min))
        return false;
    *ret_ms = ((int64_t)h * 60 + min) * (west ? -60000 : 60000);
    return r->n == 0;
}

bool wall_parse(struct str s, struct wall *ret)
{
    uint64_t y;
    unsigned m, d;
    int64_t day_ms = 0, zone_ms = 0;
    struct str year = str_sub(s, 0, 4), r = str_sub(s, 4, s.n);

    if (year.n != 4 || !str_u64(&year, 9999, &y) || year.n != 0 || !str_skip(&r, STR("-")) ||
        !two_digits(&r, 12, &m) || m == 0 || !str_skip(&r, STR("-")) || !two_digits(&r, 31, &d) || d == 0)
        return false;
    if (r.n != 0 && (!str_skip(&r, STR("T")) || !time_of_day(&r, &day_ms) || !zone(&r, &zone_ms)))
        return false;
    ret->ms = days_of_date((int64_t)y, m, d) * 86400000 + day_ms - zone_ms;
    return true;
}
