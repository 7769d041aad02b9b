/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules over the changes of clocks: each row is an expression, a zone, a moment and those that follow it. */
#include <stdio.h>

#include "common/base/time.h"
#include "marathon/core/cron.h"
#include "tests/support/test.h"

static char file[TZ_FILE_BYTES_MAX];

static struct tz zone(const char *name)
{
    char path[200];
    struct error err = { 0 };
    struct tz z = { 0 };
    size_t n = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    f = fopen(path, "rb");
    if (f != NULL) {
        n = fread(file, 1, sizeof file, f);
        (void)fclose(f);
    }
    if (n == 0)
        test_skip("no %s", path);
    else if (tz_parse(str_mem(file, n), &z, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    return z;
}

/* want: moments with a blank between. */
static void check_next(const char *expression, const char *zone_name, const char *after, const char *want)
{
    struct tz z = zone(zone_name);
    struct sbuf got = SBUF_INIT(4096);
    struct error err = { 0 };
    struct cron c;
    struct wall at;
    unsigned n = 1;

    for (const char *p = want; *p != '\0'; p++)
        n += *p == ' ';
    if (cron_parse(str_of(expression), &c, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", expression, err.msg);
    CHECK(wall_parse(str_of(after), &at));
    for (int64_t s = at.ms / 1000; n > 0; n--) {
        if (!cron_next(&c, &z, s, &s)) {
            sbuf_c(&got, "never");
            break;
        }
        if (got.n != 0)
            sbuf_char(&got, ' ');
        wall_print(&got, (struct wall){ s * 1000 });
    }
    if (!str_is(sbuf_view(&got), want))
        test_fail(__FILE__, __LINE__, "%s in %s after %s: %s", expression, zone_name, after, got.p);
    sbuf_done(&got);
    tz_done(&z);
}

TEST("plain schedules")
{
    check_next("*/15 * * * *", "UTC", "2026-11-24T10:07:30.000Z", "2026-11-24T10:15:00.000Z 2026-11-24T10:30:00.000Z");
    check_next("0 9-17/4 * * MON-FRI", "UTC", "2026-11-27T13:00:00.000Z", "2026-11-27T17:00:00.000Z 2026-11-30T09:00:00.000Z");
    check_next("@monthly", "UTC", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z");
    check_next("30 4 29 2 *", "UTC", "2026-01-01T00:00:00.000Z", "2028-02-29T04:30:00.000Z");
    check_next("0 0 30 feb *", "UTC", "2026-01-01T00:00:00.000Z", "never");
    check_next("5,10 3 * * 7", "UTC", "2026-11-24T00:00:00.000Z", "2026-11-29T03:05:00.000Z 2026-11-29T03:10:00.000Z");
}

TEST("when both days are restricted either will do")
{
    check_next("0 0 13 * FRI", "UTC", "2026-11-10T00:00:00.000Z", "2026-11-13T00:00:00.000Z 2026-11-20T00:00:00.000Z");
    check_next("0 0 */2 * SUN", "UTC", "2026-11-10T00:00:00.000Z", "2026-11-15T00:00:00.000Z 2026-11-29T00:00:00.000Z");
}

TEST("a fixed hour that clocks are set forward over is due when that happens")
{
    /* 2026-03-29, 02:00 CET becomes 03:00 CEST. */
    check_next("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00.000Z",
               "2026-03-28T01:30:00.000Z 2026-03-29T01:00:00.000Z 2026-03-30T00:30:00.000Z");
    check_next("0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00.000Z", "2026-03-29T01:00:00.000Z 2026-03-30T01:00:00.000Z");
}

TEST("a fixed hour that clocks are set back over is due once")
{
    /* 2026-10-25, 03:00 CEST becomes 02:00 CET. */
    check_next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00.000Z", "2026-10-25T00:30:00.000Z 2026-10-26T01:30:00.000Z");
    check_next("30 1 * * *", "America/New_York", "2026-10-31T12:00:00.000Z", "2026-11-01T05:30:00.000Z 2026-11-02T06:30:00.000Z");
}

TEST("a schedule with a star follows the time that passes")
{
    check_next("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00.000Z",
               "2026-10-25T00:30:00.000Z 2026-10-25T01:00:00.000Z 2026-10-25T01:30:00.000Z 2026-10-25T02:00:00.000Z");
    check_next("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00.000Z", "2026-03-29T00:30:00.000Z 2026-03-29T01:30:00.000Z");
    check_next("*/30 2 * * *", "Europe/Berlin", "2026-10-24T20:00:00.000Z",
               "2026-10-25T00:00:00.000Z 2026-10-25T00:30:00.000Z 2026-10-25T01:00:00.000Z 2026-10-25T01:30:00.000Z 2026-10-26T01:00:00.000Z");
}

TEST("zones: half hours, the other half of the year, set back over midnight, beyond the file's last transition")
{
    check_next("0 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00.000Z", "2026-10-03T15:30:00.000Z 2026-10-04T15:00:00.000Z");
    check_next("0 12 * * *", "Asia/Kolkata", "2026-01-01T12:00:00.000Z", "2026-01-02T06:30:00.000Z");
    check_next("30 2 * * *", "Europe/Berlin", "2095-03-26T12:00:00.000Z", "2095-03-27T01:00:00.000Z 2095-03-28T00:30:00.000Z");
    check_next("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00.000Z", "2018-11-04T03:00:00.000Z 2018-11-05T02:00:00.000Z");
    check_next("30 23 * * *", "America/Sao_Paulo", "2018-02-17T12:00:00.000Z", "2018-02-18T01:30:00.000Z 2018-02-19T02:30:00.000Z");
    check_next("0 12 * * *", "Europe/Dublin", "2090-06-30T12:00:00.000Z", "2090-07-01T11:00:00.000Z");
}

TEST("bad expressions are refused, with the field and what it may be")
{
    static const char *const bad[] = { "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *",
                                       "*/0 * * * *", "a * * * *", "1,,2 * * * *", "@reboot", "1 2 3 4 5x" };
    struct error err = { 0 };
    struct cron c;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (cron_parse(str_of(bad[i]), &c, &err) == 0)
            test_fail(__FILE__, __LINE__, "'%s' was taken", bad[i]);
    CHECK(cron_parse(STR("* 24 * * *"), &c, &err) < 0);
    CHECK_CSTR(err.msg, "'24' is no hour; use 0 to 23, *, ranges a-b, lists a,b and steps /n");
}

TEST("bytes that are no zone are refused; names that leave the folder too")
{
    struct tz z = zone("Europe/Berlin");
    struct error err;
    struct tz other;

    tz_done(&z);
    CHECK(tz_parse(STR("TZif2 but no more"), &other, &err) < 0);
    for (size_t n = 1; n < 400; n += 7)
        if (tz_parse(str_mem(file, n), &other, &err) == 0)
            tz_done(&other);
    CHECK(tz_name_is_valid(STR("America/Argentina/Buenos_Aires")));
    CHECK(tz_name_is_valid(STR("Etc/GMT+5")));
    CHECK(!tz_name_is_valid(STR("../../etc/passwd")));
    CHECK(!tz_name_is_valid(STR("/etc/passwd")));
    CHECK(!tz_name_is_valid(STR("")));
}
