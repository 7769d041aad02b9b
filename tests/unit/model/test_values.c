/* SPDX-License-Identifier: Apache-2.0 */
/* Names, ids, amounts, ranges, sets, roles, task states. */
#include <math.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "common/base/sbuf.h"
#include "common/model/capability.h"
#include "common/model/framework.h"
#include "common/model/ids.h"
#include "common/model/label.h"
#include "common/model/name.h"
#include "common/model/ranges.h"
#include "common/model/role.h"
#include "common/model/scalar.h"
#include "common/model/task_state.h"
#include "tests/support/test.h"

TEST("two names with the same text are one pointer and go with their last holder")
{
    size_t before = names_count();
    struct name *a = name_of(STR("eng")), *b = name_of(STR("eng"));

    CHECK(a == b);
    CHECK_INT(names_count(), before + 1);
    name_unref(a);
    CHECK(name_find(STR("eng")) == b);
    name_unref(b);
    CHECK(name_find(STR("eng")) == NULL);
    CHECK_INT(names_count(), before);
}

TEST("well-known names are static and carry the right hash")
{
    for (int i = 0; i < NAME_ID_COUNT; i++) {
        struct name *n = &name_table_well_known[i];
        CHECK(name_of(name_str(n)) == n);
        CHECK(n->hash == str_hash(name_str(n)));
        name_unref(n);
        name_unref(n);
    }
    struct name *other = name_of(STR("cpuz"));
    CHECK(other != NAME_CPUS);
    name_unref(other);
}

TEST("ids follow the rule for file names")
{
    static const struct {
        const char *id, *message; /* NULL: fine */
    } cases[] = {
        { "web.7", NULL },
        { "...", NULL },
        { "a b", NULL },
        { "", "ID must not be empty" },
        { ".", "'.' is disallowed" },
        { "..", "'..' is disallowed" },
        { "bad/id", "'bad/id' contains invalid characters" },
        { "a\\b", "'a\\b' contains invalid characters" },
        { "a\nb", "'a\nb' contains invalid characters" },
        { "a\x7f", "'a\x7f' contains invalid characters" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = { .code = ERR_OK };
        int rc = id_check(str_of(cases[i].id), &err);
        CHECK_INT(rc, cases[i].message != NULL ? -ERR_INVALID : 0);
        if (cases[i].message != NULL)
            CHECK_CSTR(err.msg, cases[i].message);
    }

    char longest[256];
    memset(longest, 'x', sizeof longest);
    CHECK_INT(id_check(str_mem(longest, 255), NULL), 0);
    CHECK_INT(id_check(str_mem(longest, 256), NULL), -ERR_INVALID);
}

TEST("a container id knows its parent, leaf and root")
{
    struct container_id c = container_id(STR("a.b.c"));

    CHECK_STR(container_id_parent(c).s, STR("a.b"));
    CHECK_STR(container_id_leaf(c), STR("c"));
    CHECK_STR(container_id_root(c).s, STR("a"));
    CHECK_INT(container_id_parent(container_id(STR("a"))).s.n, 0);
    CHECK_STR(container_id_leaf(container_id(STR("a"))), STR("a"));
}

TEST("amounts are rounded to thousandths, half away from zero")
{
    static const struct {
        double in;
        int64_t milli;
    } cases[] = {
        { 0, 0 },       { 1, 1000 },      { 0.1, 100 },   { 0.0004, 0 },   { 0.0005, 1 },
        { 1.0005, 1001 }, { -0.0005, -1 }, { 2.5, 2500 }, { 0.0015, 2 },   { 123456.789, 123456789 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t milli = -7;
        CHECK(milli_of_double(cases[i].in, &milli));
        CHECK_INT(milli, cases[i].milli);
    }

    int64_t m;
    CHECK(!milli_of_double(NAN, &m));
    CHECK(!milli_of_double(INFINITY, &m));
    CHECK(!milli_of_double(-INFINITY, &m));
    CHECK(!milli_of_double(1e16, &m));

    int64_t sum = 0;
    for (int i = 0; i < 10; i++) {
        CHECK(milli_of_double(0.1, &m));
        sum += m;
    }
    CHECK_INT(sum, 1000);
    CHECK(milli_to_double(300) == 0.3);
    CHECK(milli_to_double(-1500) == -1.5);
}

TEST("amounts print with the digits they need and read back")
{
    static const struct {
        int64_t milli;
        const char *text;
    } cases[] = { { 0, "0" },       { 1000, "1" },     { 500, "0.5" },   { 250, "0.25" },
                  { 1, "0.001" },   { 1001, "1.001" }, { -1500, "-1.5" }, { 50, "0.05" } };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);
        int64_t back = -7;
        milli_print(&b, cases[i].milli);
        CHECK_STR(sbuf_view(&b), str_of(cases[i].text));
        CHECK(milli_parse(sbuf_view(&b), &back));
        CHECK_INT(back, cases[i].milli);
    }

    int64_t m;
    CHECK(!milli_parse(STR(""), &m));
    CHECK(!milli_parse(STR("1x"), &m));
    CHECK(!milli_parse(STR("nan"), &m));
    CHECK(!milli_parse(STR("1e-310"), &m)); /* subnormal */
}

static struct ranges *ranges_lit(const char *text) /* "1-5,7-9" */
{
    struct range v[16];
    size_t n = 0;
    struct str rest = str_of(text), part;
    bool more = rest.n != 0;

    while (more) {
        more = str_cut(&rest, ',', &part);
        if (str_u64(&part, UINT64_MAX, &v[n].begin) && str_skip(&part, STR("-")) &&
            str_u64(&part, UINT64_MAX, &v[n].end))
            n++;
    }
    return ranges_of(v, n);
}

static void check_ranges(struct ranges *got, const char *want, int line) /* takes got */
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);

    ranges_print(&b, got);
    (void)test_check_str(__FILE__, line, "ranges", sbuf_view(&b), str_of(want));
    ranges_unref(got);
}
#define CHECK_RANGES(got, want) check_ranges((got), (want), __LINE__)

TEST("ranges are sorted and adjacent ones merged")
{
    CHECK_RANGES(ranges_lit("1-5,6-9"), "[1-9]");
    CHECK_RANGES(ranges_lit("6-9,1-5"), "[1-9]");
    CHECK_RANGES(ranges_lit("1-5,3-8"), "[1-8]");
    CHECK_RANGES(ranges_lit("1-5,7-8"), "[1-5, 7-8]");
    CHECK_RANGES(ranges_lit("1-9,2-3"), "[1-9]");
    CHECK_RANGES(ranges_lit("5-4"), "[]");
    CHECK_RANGES(ranges_lit("0-18446744073709551615,3-4"), "[0-18446744073709551615]");
    CHECK_RANGES(ranges_lit("18446744073709551615-18446744073709551615"),
                 "[18446744073709551615-18446744073709551615]");
}

TEST("ranges are added, subtracted and intersected")
{
    static const struct {
        const char *a, *b, *sum, *diff, *both;
        bool contains;
    } cases[] = {
        { "1-5", "6-9", "[1-9]", "[1-5]", "[]", false },
        { "1-9", "4-5", "[1-9]", "[1-3, 6-9]", "[4-5]", true },
        { "1-9", "1-9", "[1-9]", "[]", "[1-9]", true },
        { "1-9", "1-3,5-5,8-9", "[1-9]", "[4-4, 6-7]", "[1-3, 5-5, 8-9]", true },
        { "1-3,5-7", "2-6", "[1-7]", "[1-1, 7-7]", "[2-3, 5-6]", false },
        { "1-9", "", "[1-9]", "[1-9]", "[]", true },
        { "", "1-2", "[1-2]", "[]", "[]", false },
        { "0-18446744073709551615", "5-5", "[0-18446744073709551615]", "[0-4, 6-18446744073709551615]", "[5-5]",
          true },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ranges *a = ranges_lit(cases[i].a), *b = ranges_lit(cases[i].b);
        CHECK_RANGES(ranges_add(a, b), cases[i].sum);
        CHECK_RANGES(ranges_sub(a, b), cases[i].diff);
        CHECK_RANGES(ranges_intersect(a, b), cases[i].both);
        CHECK(ranges_contains(a, b) == cases[i].contains);
        ranges_unref(a);
        ranges_unref(b);
    }
}

static struct ranges *random_ranges(struct rng *rng, uint64_t *bits) /* within 0 to 63 */
{
    struct range v[6];
    size_t n = rng_below(rng, 6);

    *bits = 0;
    for (size_t i = 0; i < n; i++) {
        v[i].begin = rng_below(rng, 64);
        v[i].end = v[i].begin + rng_below(rng, 64 - v[i].begin);
        for (uint64_t k = v[i].begin; k <= v[i].end; k++)
            *bits |= UINT64_C(1) << k;
    }
    return ranges_of(v, n);
}

static uint64_t bits_of(struct ranges *r) /* takes r */
{
    uint64_t bits = 0;

    for (uint32_t i = 0; r != NULL && i < r->n; i++) {
        CHECK(r->v[i].begin <= r->v[i].end);
        CHECK(i == 0 || r->v[i].begin > r->v[i - 1].end + 1);
        for (uint64_t k = r->v[i].begin; k <= r->v[i].end; k++)
            bits |= UINT64_C(1) << k;
    }
    ranges_unref(r);
    return bits;
}

TEST("ranges agree with bit sets on random input")
{
    struct rng rng;
    rng_seed(&rng, 7);

    for (int i = 0; i < 5000; i++) {
        uint64_t x, y;
        struct ranges *a = random_ranges(&rng, &x), *b = random_ranges(&rng, &y);

        CHECK(bits_of(ranges_add(a, b)) == (x | y));
        CHECK(bits_of(ranges_sub(a, b)) == (x & ~y));
        CHECK(bits_of(ranges_intersect(a, b)) == (x & y));
        CHECK(ranges_contains(a, b) == ((y & ~x) == 0));
        CHECK(ranges_overlap(a, b) == ((x & y) != 0));
        CHECK(ranges_eq(a, b) == (x == y));
        CHECK_INT(ranges_size(a), __builtin_popcountll(x));
        ranges_unref(a);
        ranges_unref(b);
    }
}

static void check_set(struct set *got, const char *want, int line) /* takes got */
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);

    set_print(&b, got);
    (void)test_check_str(__FILE__, line, "set", sbuf_view(&b), str_of(want));
    set_unref(got);
}

TEST("sets hold each item once and are united and subtracted")
{
    size_t before = names_count();
    struct str x[] = { STR("b"), STR("a"), STR("b") }, y[] = { STR("b"), STR("c") };
    struct set *a = set_of(x, 3), *b = set_of(y, 2), *ab = set_add(a, b);

    check_set(set_add(a, b), "{a, b, c}", __LINE__);
    check_set(set_sub(a, b), "{a}", __LINE__);
    check_set(set_sub(a, a), "{}", __LINE__);
    CHECK(set_contains(ab, a));
    CHECK(!set_contains(a, b));
    CHECK(set_contains(a, NULL));
    CHECK(!set_contains(NULL, a));
    CHECK(set_overlap(a, b));
    CHECK(!set_eq(a, b));
    set_unref(a);
    set_unref(b);
    set_unref(ab);
    CHECK_INT(names_count(), before);
}

TEST("labels are equal in any order, absent is not empty")
{
    struct labels *a = labels_new(2), *b = labels_new(2), *none = labels_new(0);

    a->v[0] = (struct label){ name_of(STR("k1")), name_of(STR("v1")) };
    a->v[1] = (struct label){ name_of(STR("k2")), NULL };
    b->v[0] = (struct label){ name_of(STR("k2")), NULL };
    b->v[1] = (struct label){ name_of(STR("k1")), name_of(STR("v1")) };
    CHECK(labels_eq(a, b));
    CHECK(!labels_eq(a, none));
    CHECK(!labels_eq(none, NULL));
    labels_unref(a);
    labels_unref(b);
    labels_unref(none);
}

TEST("roles follow the grammar")
{
    static const struct {
        const char *role, *message;
    } cases[] = {
        { "*", NULL },          { "eng", NULL },          { "eng/prod", NULL },
        { "a.b", NULL },        { "a-b/c-d", NULL },      { "", "Role cannot be empty" },
        { "/bad", "Role '/bad' cannot start with a slash" },
        { "bad/", "Role 'bad/' cannot end with a slash" },
        { "a//b", "Role 'a//b' cannot contain two adjacent slashes" },
        { "a/./b", "Role 'a/./b' cannot contain '.' as a component" },
        { "..", "Role '..' cannot contain '..' as a component" },
        { "a/*", "Role 'a/*' cannot contain '*' as a component" },
        { "a/-b", "Role component '-b' is invalid because it begins with a dash" },
        { "a b", "Role 'a b' contains a whitespace or backspace character" },
        { "a\bb", "Role 'a\bb' contains a whitespace or backspace character" },
        { "a\vb", "Role 'a\vb' contains a whitespace or backspace character" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = { .code = ERR_OK };
        int rc = role_check(str_of(cases[i].role), &err);
        CHECK_INT(rc, cases[i].message != NULL ? -ERR_INVALID : 0);
        if (cases[i].message != NULL)
            CHECK_CSTR(err.msg, cases[i].message);
    }
}

TEST("roles form a tree")
{
    struct str parent;

    CHECK(role_is_strict_sub(STR("a/b"), STR("a")));
    CHECK(role_is_strict_sub(STR("a/b/c"), STR("a")));
    CHECK(!role_is_strict_sub(STR("a"), STR("a")));
    CHECK(!role_is_strict_sub(STR("ab/c"), STR("a")));
    CHECK(!role_is_strict_sub(STR("a"), STR("a/b")));
    CHECK(!role_is_strict_sub(STR("a/b"), STR("*")));
    CHECK(role_parent(STR("a/b/c"), &parent));
    CHECK_STR(parent, STR("a/b"));
    CHECK(!role_parent(STR("a"), &parent));
    CHECK_STR(role_top(STR("a/b/c")), STR("a"));
    CHECK_STR(role_top(STR("*")), STR("*"));
}

TEST("task states know their names and which are final")
{
    enum task_state s;

    CHECK_CSTR(task_state_name(TASK_STAGING), "TASK_STAGING");
    CHECK_INT(TASK_STAGING, 6);
    CHECK(task_state_parse(STR("TASK_GONE_BY_OPERATOR"), &s));
    CHECK_INT(s, 12);
    CHECK(!task_state_parse(STR("TASK_NOPE"), &s));
    CHECK(task_state_is_terminal(TASK_LOST));
    CHECK(task_state_is_terminal(TASK_ERROR));
    CHECK(!task_state_is_terminal(TASK_UNREACHABLE));
    CHECK(!task_state_is_terminal(TASK_UNKNOWN));
    CHECK(!task_state_is_terminal(TASK_KILLING));
    CHECK_INT(task_state_for(TASK_GONE, false), TASK_LOST);
    CHECK_INT(task_state_for(TASK_GONE, true), TASK_GONE);
    CHECK_INT(task_state_for(TASK_KILLED, false), TASK_KILLED);
    CHECK(!task_state_is_valid(14));
    CHECK(!task_state_is_valid(-1));
    CHECK_CSTR(task_reason_name(REASON_AGENT_DRAINING), "REASON_AGENT_DRAINING");
    CHECK_CSTR(task_reason_name(REASON_NONE), "");
    CHECK_CSTR(task_source_name(SOURCE_EXECUTOR), "SOURCE_EXECUTOR");
    CHECK_CSTR(operation_state_name(OPERATION_GONE_BY_OPERATOR), "OPERATION_GONE_BY_OPERATOR");
    CHECK(operation_state_is_terminal(OPERATION_DROPPED));
    CHECK(!operation_state_is_terminal(OPERATION_UNREACHABLE));
    CHECK_CSTR(framework_capability_name(FRAMEWORK_CAP_MULTI_ROLE), "MULTI_ROLE");
    CHECK_CSTR(agent_capability_name(AGENT_CAP_TASK_RESOURCE_LIMITS), "TASK_RESOURCE_LIMITS");
    CHECK(agent_capability_name(1u << 20) == NULL);
}

TEST("refuse_seconds becomes a duration by the rules")
{
    const int64_t s = INT64_C(1000000000);

    CHECK_INT(filter_refuse_ns(false, 0), 5 * s);
    CHECK_INT(filter_refuse_ns(true, 0), 0);
    CHECK_INT(filter_refuse_ns(true, 2.5), 5 * s / 2);
    CHECK_INT(filter_refuse_ns(true, -1), 5 * s);
    CHECK_INT(filter_refuse_ns(true, NAN), 5 * s);
    CHECK_INT(filter_refuse_ns(true, 1e30), 5 * s);
    CHECK_INT(filter_refuse_ns(true, 31536001), 31536000 * s);
}
