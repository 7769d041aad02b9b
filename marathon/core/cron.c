/* SPDX-License-Identifier: Apache-2.0 */
/* The search goes day by day over the local calendar, and within a day over the minutes that the fields allow; each is turned into
 * moments by the zone. Two days are looked at together, because clocks may be set back over midnight. */
#include "marathon/core/cron.h"

#include "common/base/time.h"

enum { DAY_S = 86400, DAYS_MAX = 8 * 366 };

struct field {
    const char *name;
    unsigned min, max;
    const char *const *names; /* from min on; NULL: none */
};

static const char *const month_names[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL };
static const char *const weekday_names[] = { "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL };
static const struct field fields[5] = {
    { "minute", 0, 59, NULL },
    { "hour", 0, 23, NULL },
    { "day of the month", 1, 31, NULL },
    { "month", 1, 12, month_names },
    { "day of the week", 0, 7, weekday_names },
};

static bool value(struct str *rest, const struct field *f, unsigned *ret)
{
    uint64_t v;

    for (unsigned i = 0; f->names != NULL && f->names[i] != NULL; i++)
        if (str_eq_nocase(str_sub(*rest, 0, 3), str_of(f->names[i]))) {
            *rest = str_sub(*rest, 3, rest->n);
            *ret = f->min + i;
            return true;
        }
    if (!str_u64(rest, f->max, &v) || v < f->min)
        return false;
    *ret = (unsigned)v;
    return true;
}

/* "*", "a", "a-b", each with "/step"; "a/step" goes to the end. */
static bool item(struct str s, const struct field *f, uint64_t *bits)
{
    unsigned from = f->min, to = f->max;
    uint64_t step = 1;
    bool single = false;

    if (!str_skip(&s, STR("*")) && !str_skip(&s, STR("?"))) {
        if (!value(&s, f, &from))
            return false;
        to = from;
        single = !str_skip(&s, STR("-"));
        if (!single && (!value(&s, f, &to) || to < from))
            return false;
    }
    if (str_skip(&s, STR("/"))) {
        if (!str_u64(&s, 1000, &step) || step == 0)
            return false;
        to = single ? f->max : to;
    }
    for (unsigned v = from; v <= to; v += (unsigned)step)
        *bits |= UINT64_C(1) << v;
    return s.n == 0;
}

static bool read_field(struct str text, const struct field *f, uint64_t *ret, bool *ret_any)
{
    struct str rest = text, one;

    *ret = 0;
    *ret_any = text.n != 0 && (text.p[0] == '*' || text.p[0] == '?');
    for (bool more = true; more;) {
        more = str_cut(&rest, ',', &one);
        if (!item(one, f, ret))
            return false;
    }
    return true;
}

static struct str expand(struct str text)
{
    static const struct {
        const char *name, *is;
    } macros[] = {
        { "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },  { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
        { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" },
    };

    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++)
        if (str_eq_nocase(text, str_of(macros[i].name)))
            return str_of(macros[i].is);
    return text;
}

static bool next_word(struct str *rest, struct str *ret)
{
    *rest = str_trim(*rest);
    size_t n = 0;

    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    *ret = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->n);
    return n != 0;
}

int cron_parse(struct str text, struct cron *ret, struct error *err)
{
    struct str rest = expand(str_trim(text)), words[6];
    uint64_t bits[5];
    bool any[5];
    size_t n = 0;

    while (n < 6 && next_word(&rest, &words[n]))
        n++;
    if (n != 5)
        return error_set(err, ERR_INVALID, "'%.*s' has %s fields; use five (minute hour day month weekday) or @hourly, @daily, @weekly, "
                                           "@monthly, @yearly", STR_ARG(str_sub(text, 0, 100)), n == 6 ? "more than five" : "fewer than five");
    for (size_t i = 0; i < 5; i++)
        if (!read_field(words[i], &fields[i], &bits[i], &any[i]))
            return error_set(err, ERR_INVALID, "'%.*s' is no %s; use %u to %u, *, ranges a-b, lists a,b and steps /n", STR_ARG(str_sub(words[i], 0, 60)),
                             fields[i].name, fields[i].min, fields[i].max);
    *ret = (struct cron){ .minutes = bits[0],
                          .hours = (uint32_t)bits[1],
                          .days = (uint32_t)bits[2],
                          .months = (uint16_t)bits[3],
                          .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
                          .any_day = any[2],
                          .any_weekday = any[4],
                          .any_time = any[0] || any[1] };
    return 0;
}

static bool day_fits(const struct cron *c, int64_t day)
{
    int64_t y;
    unsigned m, d;
    int weekday = (int)((day % 7 + 11) % 7); /* day 0 was a Thursday */
    bool by_day, by_weekday;

    date_of_days(day, &y, &m, &d);
    if ((c->months >> m & 1) == 0)
        return false;
    by_day = (c->days >> d & 1) != 0;
    by_weekday = (c->weekdays >> weekday & 1) != 0;
    return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* The least moment after that one whose local time is on that day. */
static void first_of_day(const struct cron *c, const struct tz *z, int64_t day, int64_t after_s, int64_t *least)
{
    if (!day_fits(c, day))
        return;
    for (int64_t h = 0; h < 24; h++)
        for (int64_t m = 0; (c->hours >> h & 1) != 0 && m < 60; m++) {
            int64_t moments[2], local = day * DAY_S + h * 3600 + m * 60;
            unsigned n;
            if ((c->minutes >> m & 1) == 0)
                continue;
            n = tz_moments(z, local, moments);
            if (!c->any_time) /* once, whatever the clocks do */
                n = 1;
            for (unsigned i = 0; i < n; i++)
                if (moments[i] > after_s && moments[i] < *least)
                    *least = moments[i];
        }
}

bool cron_next(const struct cron *c, const struct tz *z, int64_t after_s, int64_t *ret_s)
{
    int64_t local = after_s + tz_offset(z, after_s), day = local / DAY_S - (local % DAY_S < 0) - 1, least = INT64_MAX;

    for (int64_t i = 0; i < DAYS_MAX; i++) {
        bool found = least != INT64_MAX;
        first_of_day(c, z, day + i, after_s, &least);
        if (found) {
            *ret_s = least;
            return true;
        }
    }
    return false;
}
