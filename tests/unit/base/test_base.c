/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/base64.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/base/uuid.h"
#include "tests/support/test.h"

TEST("an error keeps its code and gets context in front")
{
    struct error err;

    CHECK_INT(error_set(&err, ERR_NOT_FOUND, "app %s does not exist", "/x"), -ERR_NOT_FOUND);
    CHECK_INT(error_wrap(&err, "scale"), -ERR_NOT_FOUND);
    CHECK_CSTR(err.msg, "scale: app /x does not exist");
    CHECK_INT(error_set_errno(&err, 2, "open %s", "f"), -ERR_NOT_FOUND);
    CHECK_CSTR(err.msg, "open f: No such file or directory");
    CHECK_INT(error_set(NULL, ERR_IO, "x"), -ERR_IO);
}

TEST("cursors take what they recognise and leave the rest")
{
    struct str r = STR("31000-32000]"), part;
    uint64_t v;
    int64_t i;
    double d;

    CHECK(str_u64(&r, 65535, &v));
    CHECK_INT(v, 31000);
    CHECK(str_skip(&r, STR("-")));
    CHECK(!str_u64(&r, 31999, &v));
    CHECK_STR(r, STR("32000]"));
    CHECK(str_cut(&r, ']', &part));
    CHECK_STR(part, STR("32000"));
    CHECK_INT(r.n, 0);
    r = STR("18446744073709551616");
    CHECK(!str_u64(&r, UINT64_MAX, &v));
    r = STR("-9223372036854775808");
    CHECK(str_i64(&r, INT64_MIN, INT64_MAX, &i));
    CHECK(i == INT64_MIN);
    r = STR("1.5e3x");
    CHECK(str_double(&r, &d));
    CHECK(d == 1500.0);
    CHECK_STR(r, STR("x"));
    r = STR("inf");
    CHECK(!str_double(&r, &d));
}

TEST("UTF-8 is told from what only looks like it")
{
    CHECK(str_is_utf8(STR("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8f\x9b")));
    CHECK(!str_is_utf8(STR("\xc0\x80")));
    CHECK(!str_is_utf8(STR("\xed\xa0\x80")));
    CHECK(!str_is_utf8(STR("\xf4\x90\x80\x80")));
    CHECK(!str_is_utf8(STR("a\0b")));
    CHECK(!str_is_utf8(STR("\xe2\x82")));
}

TEST("a buffer stops at its maximum and stays failed")
{
    struct sbuf b = SBUF_INIT(8);

    sbuf_c(&b, "12345678");
    CHECK(sbuf_ok(&b));
    sbuf_char(&b, '9');
    CHECK(!sbuf_ok(&b));
    sbuf_clear(&b);
    sbuf_fmt(&b, "%d", 1234);
    sbuf_i64(&b, -5);
    CHECK(sbuf_ok(&b));
    CHECK_STR(sbuf_view(&b), STR("1234-5"));
    sbuf_drop(&b, 4);
    CHECK_STR(sbuf_view(&b), STR("-5"));
    sbuf_done(&b);
}

TEST("an arena says no when its budget is spent")
{
    struct arena a = ARENA_INIT(4096);
    size_t got = 0;

    while (arena_alloc(&a, 100) != NULL)
        got++;
    CHECK(got >= 20);
    CHECK(got <= 40);
    CHECK(a.used <= 4096);
    CHECK(arena_array(&a, SIZE_MAX, 2) == NULL);
    arena_clear(&a);
    CHECK_STR(arena_fmt(&a, "x%d", 5), STR("x5"));
    arena_done(&a);
    CHECK_INT(a.used, 0);
}

TEST("durations are read and written in the units of the flags")
{
    static const struct {
        const char *text;
        int64_t ns;
    } rows[] = { { "15secs", 15 * NS_PER_S }, { "10mins", 600 * NS_PER_S }, { "1weeks", 604800 * NS_PER_S },
                 { "100ms", 100 * NS_PER_MS }, { "90secs", 90 * NS_PER_S }, { "0secs", 0 } };
    int64_t ns;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sbuf b = SBUF_INIT(64);

        CHECK(duration_parse(str_of(rows[i].text), &ns));
        CHECK_INT(ns, rows[i].ns);
        duration_print(&b, ns);
        CHECK_STR(sbuf_view(&b), str_of(rows[i].text));
        sbuf_done(&b);
    }
    CHECK(duration_parse(STR("2.5secs"), &ns));
    CHECK_INT(ns, 2500 * NS_PER_MS);
    CHECK(!duration_parse(STR("5"), &ns));
    CHECK(!duration_parse(STR("-5secs"), &ns));
    CHECK(!duration_parse(STR("5seconds"), &ns));
}

TEST("wall time survives printing and parsing")
{
    static const int64_t times[] = { 0, 1, 951782400000, 1795500000123, 4102444799999, -1 };

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct sbuf b = SBUF_INIT(64);
        struct wall w = { 5 };

        wall_print(&b, (struct wall){ times[i] });
        CHECK(wall_parse(sbuf_view(&b), &w));
        CHECK_INT(w.ms, times[i]);
        sbuf_done(&b);
    }
    struct wall w;
    CHECK(wall_parse(STR("2000-02-29T00:00:00Z"), &w));
    CHECK_INT(w.ms, 951782400000);
    CHECK(!wall_parse(STR("2000-02-29 00:00:00Z"), &w));
}

TEST("base64 goes both ways and refuses what it is not")
{
    static const char *const rows[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" } };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sbuf e = SBUF_INIT(64), d = SBUF_INIT(64);

        base64_encode(&e, str_of(rows[i][0]));
        CHECK_STR(sbuf_view(&e), str_of(rows[i][1]));
        CHECK(base64_decode(&d, sbuf_view(&e)));
        CHECK_STR(sbuf_view(&d), str_of(rows[i][0]));
        sbuf_done(&e);
        sbuf_done(&d);
    }
    struct sbuf d = SBUF_INIT(64);
    CHECK(!base64_decode(&d, STR("Zg=")));
    CHECK(!base64_decode(&d, STR("Z!==")));
    CHECK(!base64_decode(&d, STR("Zg==Zg==")));
    CHECK_INT(d.n, 0);
    sbuf_done(&d);
}

TEST("a UUID survives its text form")
{
    struct rng r;
    struct uuid u, v;
    char t[UUID_TEXT_SIZE];

    rng_seed(&r, 1);
    u = uuid_make(&r);
    uuid_text(&u, t);
    CHECK(uuid_parse(str_of(t), &v));
    CHECK(uuid_eq(&u, &v));
    CHECK_INT(t[14], '4');
    CHECK(!uuid_parse(STR("12345678-1234-1234-1234-12345678901"), &v));
    CHECK(!uuid_parse(STR("12345678x1234-1234-1234-123456789012"), &v));
}

TEST("a UUID of version 1 tells its moment, and no two of one moment are the same")
{
    struct wall now = { INT64_C(1600000000000) }; /* 2020-09-13T12:26:40Z */
    struct rng r;
    struct uuid u, v;

    rng_seed(&r, 7);
    u = uuid_make_timed(&r, now);
    v = uuid_make_timed(&r, now);
    CHECK(!uuid_eq(&u, &v));
    uint64_t ticks = (uint64_t)(u.b[6] & 0x0f) << 56 | (uint64_t)u.b[7] << 48 | (uint64_t)u.b[4] << 40 | (uint64_t)u.b[5] << 32 |
                     (uint64_t)u.b[0] << 24 | (uint64_t)u.b[1] << 16 | (uint64_t)u.b[2] << 8 | u.b[3];
    uint64_t first = UINT64_C(0x01b21dd213814000) + UINT64_C(16000000000000000);
    CHECK(ticks >= first && ticks < first + 10000);
    CHECK((u.b[6] & 0xf0) == 0x10 && (u.b[8] & 0xc0) == 0x80 && (u.b[10] & 1) == 1);
}

TEST("the same seed gives the same numbers")
{
    struct rng a, b;

    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 100; i++)
        CHECK(rng_below(&a, 1000) == rng_below(&b, 1000));
    CHECK(rng_double(&a) < 1.0);
}

TEST("outside text is quoted for the log")
{
    CHECK_CSTR(log_quote(STR("a\"b\n")), "\"a\\\"b\\x0a\"");
}

TEST("an error that is too long loses its middle: what it was about and why it happened stay")
{
    struct error err;
    char path[400];

    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    (void)error_set_errno(&err, ENOSPC, "write /%s", path);
    CHECK_INT(strlen(err.msg), sizeof err.msg - 1);
    CHECK(str_starts(str_of(err.msg), STR("write /ppp")));
    CHECK(str_ends(str_of(err.msg), STR("ppp: No space left on device")));
    (void)error_wrap(&err, "task %s", path);
    CHECK(str_starts(str_of(err.msg), STR("task ppp")));
    CHECK(strstr(err.msg, "...") != NULL);
    CHECK(str_ends(str_of(err.msg), STR("ppp: No space left on device")));
    (void)error_set_errno(&err, ENOSPC, "write x");
    CHECK_CSTR(err.msg, "write x: No space left on device");
}
