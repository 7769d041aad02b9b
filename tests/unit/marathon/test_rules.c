/* SPDX-License-Identifier: Apache-2.0 */
/* The small pure parts, by table: rolling arithmetic, backoff, health, paths, constraints, patterns, timers.
 */
#include <stdio.h>

#include "marathon/core/backoff.h"
#include "marathon/core/health.h"
#include "marathon/core/match.h"
#include "marathon/core/pathid.h"
#include "marathon/core/regex.h"
#include "marathon/core/rolling.h"
#include "marathon/core/timerq.h"
#include "tests/support/test.h"

/* marathon-behaviour §3, the table of courses: everything runs and is healthy at the start. */
static const struct {
    const char *name;
    int64_t n, current;
    double mh, oc;
    bool resident;
    int64_t healthy_min, capacity_max, kill, start;
} courses[] = {
    { "4 1 1: nothing is killed, four start", 4, 4, 1, 1, false, 4, 8, 0, 4 },
    { "4 0.5 0: two for two", 4, 4, 0.5, 0, false, 2, 4, 2, 2 },
    { "4 0 0: all four at once", 4, 4, 0, 0, false, 0, 4, 4, 4 },
    { "4 1 0: one over the capacity", 4, 4, 1, 0, false, 4, 5, 0, 1 },
    { "4 1 0 resident: one below the floor", 4, 4, 1, 0, true, 4, 4, 1, 1 },
    { "10 0.5 0.2: five die, seven start", 10, 10, 0.5, 0.2, false, 5, 12, 5, 7 },
    { "3 0.5 0.5: one dies, two start", 3, 3, 0.5, 0.5, false, 2, 4, 1, 2 },
    { "5 to 2 with a change: three die, two start", 2, 5, 1, 1, false, 2, 4, 3, 2 },
};

TEST("rolling restarts begin as the reference says")
{
    for (size_t i = 0; i < sizeof courses / sizeof courses[0]; i++) {
        struct rolling_counts c = { .old_live = courses[i].current, .old_ready = courses[i].current };
        struct rolling r;
        rolling_begin(&r, courses[i].n, courses[i].mh, courses[i].oc, courses[i].resident, &c);
        struct rolling_move m = rolling_next(&r, &c);
        if (r.healthy_min != courses[i].healthy_min || r.capacity_max != courses[i].capacity_max ||
            m.kill != courses[i].kill || m.start != courses[i].start)
            test_fail(__FILE__, __LINE__, "%s: min %lld max %lld kill %lld start %lld", courses[i].name,
                      (long long)r.healthy_min, (long long)r.capacity_max, (long long)m.kill,
                      (long long)m.start);
    }
}

TEST("after the start every ready new instance allows one more kill")
{
    struct rolling_counts c = { .old_live = 4, .old_ready = 4 };
    struct rolling r;
    struct rolling_move m;
    rolling_begin(&r, 4, 1, 1, false, &c);
    m = rolling_next(&r, &c);
    c.new_live = 4;
    m = rolling_next(&r, &c);
    CHECK_INT(m.kill, 0);
    c.new_ready = 1;
    m = rolling_next(&r, &c);
    CHECK_INT(m.kill, 1);
    c.old_live = c.old_ready = 3;
    m = rolling_next(&r, &c);
    CHECK_INT(m.kill, 0);
    c.new_ready = 4;
    m = rolling_next(&r, &c);
    CHECK_INT(m.kill, 3);
    c.old_live = c.old_ready = 0;
    c.old_dying_all = 3;
    CHECK(!rolling_is_done(&r, &c));
    c.old_dying_all = 0;
    CHECK(rolling_is_done(&r, &c));
}

TEST("sick old instances without room are replaced all the same")
{
    struct rolling_counts c = { .old_live = 3, .old_ready = 2 };
    struct rolling r;
    rolling_begin(&r, 3, 1, 0, false, &c);
    struct rolling_move m = rolling_next(&r, &c);
    CHECK_INT(m.kill, 1);
    CHECK_INT(m.start, 0);
    c.old_live = 2;
    m = rolling_next(&r, &c);
    CHECK_INT(m.start, 1);
    c.new_live = c.new_ready = 1;
    m = rolling_next(&r, &c);
    CHECK_INT(m.kill + m.start, 1); /* the floor and the capacity meet: one over it */
}

TEST("delays grow from backoffSeconds by the factor up to the limit")
{
    struct backoff_policy p = { .first_ns = NS_PER_S, .max_ns = 300 * NS_PER_S, .factor = 1.15 };
    static const int want_ms[] = { 1000, 1150, 1322, 1520, 1749 };
    struct backoff b = { 0 };
    struct mono now = { 5 };
    for (size_t i = 0; i < 5; i++) {
        backoff_failed(&b, &p, now);
        CHECK_INT(backoff_left(&b, now) / NS_PER_MS, want_ms[i]);
    }
    for (int i = 0; i < 100; i++)
        backoff_failed(&b, &p, now);
    CHECK_INT(backoff_left(&b, now), 300 * NS_PER_S);
    CHECK_INT(backoff_left(&b, mono_add(now, 301 * NS_PER_S)), 0);
    backoff_decay(&b, &p, mono_add(now, 500 * NS_PER_S));
    CHECK(b.delay_ns != 0);
    backoff_decay(&b, &p, mono_add(now, 601 * NS_PER_S));
    CHECK_INT(b.delay_ns, 0);
}

/* One check a second, grace 3 s, at most 3 failures in a row. p pass, f fail, i ignore. */
static const struct {
    const char *name, *results;
    enum health_alive alive;
    int killed_at;
    unsigned failures;
} healths[] = {
    { "grace hides early failures", "ff", HEALTH_UNKNOWN, -1, 0 },
    { "after the grace they count", "ffff", HEALTH_DEAD, -1, 1 },
    { "a success ends the grace period", "pf", HEALTH_DEAD, -1, 1 },
    { "the fourth failure in a row kills", "pffff", HEALTH_DEAD, 4, 4 },
    { "a success resets the count", "pfffpfff", HEALTH_DEAD, -1, 3 },
    { "1xx is as if it had not been asked", "pii", HEALTH_ALIVE, -1, 0 },
};

TEST("health by its results")
{
    struct health_policy p = { .grace_ns = 3 * NS_PER_S, .failures_max = 3 };
    for (size_t i = 0; i < sizeof healths / sizeof healths[0]; i++) {
        struct health h = { 0 };
        int killed = -1;
        for (int k = 0; healths[i].results[k] != '\0'; k++) {
            char c = healths[i].results[k];
            enum health_result r = c == 'p' ? HEALTH_PASS : c == 'f' ? HEALTH_FAIL : HEALTH_IGNORE;
            unsigned out = health_feed(&h, &p, r, k * NS_PER_S, (struct wall){ k }, "no");
            if ((out & HEALTH_STEP_KILL) != 0 && killed < 0)
                killed = k;
        }
        if (h.alive != healths[i].alive || killed != healths[i].killed_at ||
            h.failures != healths[i].failures)
            test_fail(__FILE__, __LINE__, "%s: alive %d killed at %d failures %u", healths[i].name, h.alive,
                      killed, h.failures);
    }
}

static const struct {
    const char *base, *id, *want;
} paths[] = {
    { "/", "web", "/web" },      { "/", "/a//b/", "/a/b" },
    { "/a/b", "c", "/a/b/c" },   { "/a/b", "../c", "/a/c" },
    { "/a/b", "../../..", "/" }, { "/a", "/x", "/x" },
    { "/a", "./b", "/a/b" },     { "/", "", "/" },
};

TEST("ids resolve against their base")
{
    struct arena a = ARENA_INIT(65536);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        CHECK_STR(path_resolve(&a, str_of(paths[i].base), str_of(paths[i].id)), str_of(paths[i].want));
    CHECK_STR(path_parent(STR("/a/b/c")), STR("/a/b"));
    CHECK_STR(path_parent(STR("/a")), STR("/"));
    CHECK_STR(path_top_group(STR("/a/b/c")), STR("a"));
    CHECK_STR(path_top_group(STR("/a")), STR(""));
    CHECK(path_is_within(STR("/a/b"), STR("/a")));
    CHECK(!path_is_within(STR("/ab"), STR("/a")));
    CHECK(path_matches_pattern(STR("/a.b/c-d")));
    CHECK(!path_matches_pattern(STR("/A")));
    CHECK(!path_matches_pattern(STR("/a-/b")));
    CHECK(!path_matches_pattern(STR("")));
    arena_done(&a);
}

TEST("patterns match whole values, with the classes people use")
{
    CHECK(regex_matches(STR("node-[12]"), STR("node-1")));
    CHECK(!regex_matches(STR("node-[12]"), STR("node-10")));
    CHECK(regex_matches(STR("a|b"), STR("b")));
    CHECK(!regex_matches(STR("a|b"), STR("ab")));
    CHECK(regex_matches(STR("rack\\d+"), STR("rack12")));
    CHECK(regex_matches(STR("(?:x|y)z"), STR("yz")));
    CHECK(!regex_is_valid(STR("(")));
    CHECK(!regex_is_valid(STR("a{1000}")));
    CHECK(!regex_is_valid(STR("x\\")));
}

static bool admits(enum constraint_op op, const char *value, const char *placed, const char *offered,
                   int64_t instances)
{
    struct arena a = ARENA_INIT(65536);
    struct constraint c = { .field = STR("rack"), .op = { true, op }, .value = str_of(value) };
    struct placed p = { .c = &c };
    struct str rest = str_of(placed), v;
    bool r;
    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, ',', &v);
        placed_add(&p, v, &a);
    }
    r = constraint_admits(&c, &p, str_of(offered), instances);
    arena_done(&a);
    return r;
}

static const struct {
    enum constraint_op op;
    const char *value, *placed, *offered; /* offered NULL: the agent lacks the field */
    int64_t instances;
    bool want;
} constraints[] = {
    { OP_UNIQUE, NULL, "r1,r2", "r3", 4, true },
    { OP_UNIQUE, NULL, "r1,r2", "r1", 4, false },
    { OP_UNIQUE, NULL, "", NULL, 4, false },
    { OP_CLUSTER, "r1", "", "r1", 4, true },
    { OP_CLUSTER, "r1", "", "r2", 4, false },
    { OP_CLUSTER, NULL, "", "r2", 4, true },
    { OP_CLUSTER, NULL, "r2", "r1", 4, false },
    { OP_GROUP_BY, NULL, "r1", "r2", 4, true },
    { OP_GROUP_BY, NULL, "r1,r1,r2", "r1", 6, false },
    { OP_GROUP_BY, NULL, "r1,r1,r2", "r2", 6, true },
    { OP_GROUP_BY, "2", "r1,r2", "r3", 4, false },
    { OP_GROUP_BY, "2", "r1", "r2", 4, true },
    { OP_GROUP_BY, "2", "r1,r1,r2", "r1", 4, false },
    { OP_GROUP_BY, "2", "r1,r1,r2", "r2", 5, true },
    { OP_GROUP_BY, "2", "r1,r1,r2,r2", "r1", 5, true },
    { OP_MAX_PER, "2", "r1", "r1", 4, true },
    { OP_MAX_PER, "2", "r1,r1", "r1", 4, false },
    { OP_LIKE, "r[12]", "", "r2", 4, true },
    { OP_LIKE, "r[12]", "", "r3", 4, false },
    { OP_LIKE, ".*", "", NULL, 4, false },
    { OP_UNLIKE, "r[12]", "", "r2", 4, false },
    { OP_UNLIKE, "r[12]", "", NULL, 4, true },
    { OP_IS, "1.0", "", "1", 4, true },
    { OP_IS, "x", "", "y", 4, false },
};

TEST("constraints by operator")
{
    for (size_t i = 0; i < sizeof constraints / sizeof constraints[0]; i++)
        if (admits(constraints[i].op, constraints[i].value, constraints[i].placed, constraints[i].offered,
                   constraints[i].instances) != constraints[i].want)
            test_fail(__FILE__, __LINE__, "%s %s with %s placed: %s", constraint_op_names[constraints[i].op],
                      constraints[i].value != NULL ? constraints[i].value : "", constraints[i].placed,
                      constraints[i].offered != NULL ? constraints[i].offered : "(none)");
}

TEST("timers fire in the order of their times, then of arming")
{
    struct timerq q = { 0 };
    struct timer t[100];
    struct mono last = { -1 };
    struct timer *p;
    int n = 0;
    for (int i = 0; i < 100; i++) {
        t[i] = (struct timer){ .kind = i };
        timer_set(&q, &t[i], (struct mono){ (i * 37) % 10 });
    }
    timer_clear(&q, &t[50]);
    timer_set(&q, &t[51], (struct mono){ 1000 });
    while ((p = timerq_pop(&q, (struct mono){ 100 })) != NULL) {
        CHECK(p->at.ns >= last.ns);
        last = p->at;
        n++;
    }
    CHECK_INT(n, 98);
    CHECK_INT(timerq_next(&q).ns, 1000);
    timerq_done(&q);
}
