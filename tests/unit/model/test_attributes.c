/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and offer constraints. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/model/attributes.h"
#include "common/model/offer_constraints.h"
#include "common/model/pattern.h"
#include "tests/support/test.h"

TEST("attributes are parsed by the look of their value")
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        { "", "" },
        { "rack:r1;level:3;zones:[1-3, 5-5]", "rack:r1;level:3;zones:[1-3, 5-5]" },
        { "rack:r1;rack:r2", "rack:r1;rack:r2" },
        { "url:http://x:80", "url:http://x:80" },
        { "name:two words ", "name:two words" },
        { "v:1.50", "v:1.5" },
        { "neg:-2", "neg:-2" },
        { "rack", NULL },
        { ":x", NULL },
        { "s:{a,b}", NULL },
        { "r:[1-", NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct attributes a = ATTRIBUTES_INIT;
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
        struct error err;
        int rc = attributes_parse(str_of(cases[i].in), &a, &err);

        CHECK_INT(rc, cases[i].out != NULL ? 0 : -ERR_INVALID);
        if (rc == 0) {
            attributes_print(&b, &a);
            CHECK_STR(sbuf_view(&b), str_of(cases[i].out));
        }
        attributes_done(&a);
    }
}

TEST("attributes are compared in any order, with repeats")
{
    struct attributes a, b, c, d;

    REQUIRE(attributes_parse(STR("x:1;y:t;x:1"), &a, NULL) == 0);
    REQUIRE(attributes_parse(STR("y:t;x:1;x:1"), &b, NULL) == 0);
    REQUIRE(attributes_parse(STR("y:t;x:1;y:t"), &c, NULL) == 0);
    d = attributes_copy(&a);
    CHECK(attributes_eq(&a, &b));
    CHECK(!attributes_eq(&a, &c));
    CHECK(attributes_eq(&a, &d));
    CHECK(attributes_find(&a, STR("y"))->type == VALUE_TEXT);
    CHECK(attributes_find(&a, STR("z")) == NULL);
    attributes_done(&a);
    attributes_done(&b);
    attributes_done(&c);
    attributes_done(&d);
}

TEST("patterns match whole texts in RE2's syntax")
{
    static const struct {
        const char *re, *text;
        int want; /* -1: refused */
    } cases[] = {
        { "r1", "r1", 1 },
        { "r1", "r11", 0 },
        { "r.*", "rack", 1 },
        { "a|bc", "bc", 1 },
        { "a|bc", "abc", 0 },
        { "r\\d+", "r12", 1 },
        { "r\\d+", "rx", 0 },
        { "\\D+", "ab", 1 },
        { "[\\d.]+", "1.2", 1 },
        { "[a\\-z]+", "a-z", 1 },
        { "[a\\-z]+", "b", 0 },
        { "[\\]x]+", "]x", 1 },
        { "[^\\w]", "a", 0 },
        { "[^\\w]", "-", 1 },
        { "[]a]+", "]a", 1 },
        { "[[:digit:]]+", "42", 1 },
        { "(?:ab)+", "abab", 1 },
        { "a{2,3}", "aa", 1 },
        { "a{2,3}", "aaaa", 0 },
        { "a{2}", "aa", 1 },
        { "a+?b*?", "aab", 1 },
        { "us-east-1\\.a", "us-east-1.a", 1 },
        { "us-east-1\\.a", "us-east-1xa", 0 },
        { "", "", 1 },
        { "", "x", 0 },
        { "\\s", " ", 1 },
        { "a{x", "a{x", 1 },
        { "(", "", -1 },
        { ")", "", -1 },
        { "[a", "", -1 },
        { "*", "", -1 },
        { "a**", "", -1 },
        { "(a)\\1", "", -1 },
        { "(?i)a", "", -1 },
        { "(?=a)", "", -1 },
        { "\\pL", "", -1 },
        { "a\\", "", -1 },
        { "[z-a]", "", -1 },
        { "a{3,2}", "", -1 },
        { "((a{100}){100}){100}", "", -1 },
        { "(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))", "", -1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pattern *p = NULL;
        struct error err;
        int rc = pattern_new(str_of(cases[i].re), &p, &err);

        if ((rc != 0) != (cases[i].want < 0))
            test_fail(__FILE__, __LINE__, "'%s' gave %d: %s", cases[i].re, rc, rc != 0 ? err.msg : "");
        if (rc == 0 && pattern_matches(p, str_of(cases[i].text)) != (cases[i].want == 1))
            test_fail(__FILE__, __LINE__, "'%s' on '%s' is not %d", cases[i].re, cases[i].text, cases[i].want);
        pattern_free(p);
    }
}

TEST("the refusal of a pattern has the words clients know")
{
    struct pattern *p;
    struct error err;

    CHECK_INT(pattern_new(STR("("), &p, &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, "Failed to construct regex from pattern '(': missing ): (");
}

static struct agent_info *agent(const char *attributes, const char *region)
{
    struct agent_info *a = agent_info_new();

    a->hostname = xstrdup("node1");
    CHECK_INT(attributes_parse(str_of(attributes), &a->attributes, NULL), 0);
    a->region = region != NULL ? name_of(str_of(region)) : NULL;
    return a;
}

TEST("each predicate on an absent, a text and another attribute")
{
    static const struct {
        enum constraint_predicate p;
        const char *text;
        bool absent, same, different, other;
    } cases[] = {
        { PREDICATE_EXISTS, "", false, true, true, true },
        { PREDICATE_NOT_EXISTS, "", true, false, false, false },
        { PREDICATE_TEXT_EQUALS, "r1", false, true, false, true },
        { PREDICATE_TEXT_NOT_EQUALS, "r1", true, false, true, true },
        { PREDICATE_TEXT_MATCHES, "r1", false, true, false, true },
        { PREDICATE_TEXT_NOT_MATCHES, "r1", true, false, true, true },
    };
    struct name *web = name_of(STR("web"));
    struct agent_info *agents[] = { agent("x:y", NULL), agent("rack:r1;rack:r2", NULL), agent("rack:r2", NULL),
                                    agent("rack:7", NULL) };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct offer_constraints *c = offer_constraints_new();
        struct constraint_group *g = role_constraints_add_group(offer_constraints_add_role(c, web));
        bool want[] = { cases[i].absent, cases[i].same, cases[i].different, cases[i].other };

        CHECK_INT(constraint_group_add(g, SELECT_ATTRIBUTE, STR("rack"), cases[i].p, str_of(cases[i].text), NULL), 0);
        for (size_t j = 0; j < 4; j++)
            if (offer_constraints_admit(c, web, agents[j]) != want[j])
                test_fail(__FILE__, __LINE__, "predicate %d on agent %zu is not %d", (int)cases[i].p, j, want[j]);
        CHECK(offer_constraints_admit(c, NAME_STAR, agents[0])); /* a role without constraints */
        offer_constraints_unref(c);
    }
    for (size_t j = 0; j < 4; j++)
        agent_info_unref(agents[j]);
    name_unref(web);
}

TEST("groups are alternatives, constraints of a group all hold, pseudo-attributes work")
{
    struct name *web = name_of(STR("web"));
    struct offer_constraints *c = offer_constraints_new();
    struct role_constraints *r = offer_constraints_add_role(c, web);
    struct constraint_group *g = role_constraints_add_group(r);
    struct agent_info *east = agent("rack:r1", "east"), *west = agent("rack:r1", "west"), *none = agent("rack:r9", NULL);

    CHECK_INT(constraint_group_add(g, SELECT_REGION, STR(""), PREDICATE_TEXT_EQUALS, STR("east"), NULL), 0);
    CHECK_INT(constraint_group_add(g, SELECT_HOSTNAME, STR(""), PREDICATE_TEXT_MATCHES, STR("node\\d"), NULL), 0);
    g = role_constraints_add_group(r);
    CHECK_INT(constraint_group_add(g, SELECT_ZONE, STR(""), PREDICATE_NOT_EXISTS, STR(""), NULL), 0);
    CHECK_INT(constraint_group_add(g, SELECT_ATTRIBUTE, STR("rack"), PREDICATE_TEXT_EQUALS, STR("r9"), NULL), 0);
    CHECK(offer_constraints_admit(c, web, east));
    CHECK(!offer_constraints_admit(c, web, west));
    CHECK(offer_constraints_admit(c, web, none));
    CHECK(offer_constraints_admit(NULL, web, west));
    offer_constraints_unref(c);
    agent_info_unref(east);
    agent_info_unref(west);
    agent_info_unref(none);
    name_unref(web);
}
