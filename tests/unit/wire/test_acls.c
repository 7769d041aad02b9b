/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of --acls: how they are read and how they decide (operator API, section 12). */
#include "common/wire/acls.h"
#include "tests/support/test.h"

static bool decides(const char *json, enum acl_action action, const char *principal, const char *object)
{
    struct acls *a = NULL;
    struct error err = { 0 };

    CHECK_INT(acls_parse(str_of(json), &a, &err), 0);
    bool allowed = acls_allow(a, action, str_of(principal), str_of(object));
    acls_free(a);
    return allowed;
}

TEST("without rules, and without a match, permissive decides")
{
    CHECK(acls_allow(NULL, ACL_RUN_TASKS, STR("p"), STR("root")));
    CHECK(decides("{}", ACL_RUN_TASKS, "p", "root"));
    CHECK(!decides("{\"permissive\":false}", ACL_RUN_TASKS, "p", "root"));
    CHECK(!decides("{\"permissive\":false,\"run_tasks\":[{\"principals\":{\"values\":[\"q\"]},\"users\":{\"type\":\"ANY\"}}]}", ACL_RUN_TASKS, "p",
                   "root"));
}

#define WEB                                                                                              \
    "{\"register_frameworks\":[{\"principals\":{\"values\":[\"fw\"]},\"roles\":{\"values\":[\"web\",\"a/%\"]}}," \
    "{\"principals\":{\"type\":\"ANY\"},\"roles\":{\"type\":\"NONE\"}}]}"

TEST("the first rule that matches principal and object decides; a/% is what is below a")
{
    CHECK(decides(WEB, ACL_REGISTER_FRAMEWORKS, "fw", "web"));
    CHECK(!decides(WEB, ACL_REGISTER_FRAMEWORKS, "fw", "secret"));
    CHECK(!decides(WEB, ACL_REGISTER_FRAMEWORKS, "other", "web"));
    CHECK(decides(WEB, ACL_REGISTER_FRAMEWORKS, "fw", "a/b"));
    CHECK(decides(WEB, ACL_REGISTER_FRAMEWORKS, "fw", "a/b/c"));
    CHECK(!decides(WEB, ACL_REGISTER_FRAMEWORKS, "fw", "a"));
    CHECK(!decides(WEB, ACL_REGISTER_FRAMEWORKS, "fw", "a/"));
    CHECK(!decides(WEB, ACL_REGISTER_FRAMEWORKS, "fw", "ab/c"));
    CHECK(decides(WEB, ACL_RUN_TASKS, "other", "root")); /* another action */
}

TEST("who or what is absent is matched by ANY and NONE alone")
{
    const char *some = "{\"permissive\":false,\"view_flags\":[{\"principals\":{\"values\":[\"p\"]},\"flags\":{\"type\":\"ANY\"}}]}";
    const char *any = "{\"permissive\":false,\"view_flags\":[{\"principals\":{\"type\":\"ANY\"},\"flags\":{\"type\":\"ANY\"}}]}";
    const char *none = "{\"view_flags\":[{\"principals\":{\"type\":\"NONE\"},\"flags\":{\"type\":\"ANY\"}}]}";

    CHECK(decides(some, ACL_VIEW_FLAGS, "p", ""));
    CHECK(!decides(some, ACL_VIEW_FLAGS, "", ""));
    CHECK(decides(any, ACL_VIEW_FLAGS, "", ""));
    CHECK(!decides(none, ACL_VIEW_FLAGS, "", ""));
}

TEST("what is wrong in the rules is named")
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        { "[]", "object" },
        { "{\"permissive\":1}", "permissive" },
        { "{\"fly\":[]}", "'fly'" },
        { "{\"run_tasks\":{}}", "run_tasks is no list" },
        { "{\"run_tasks\":[{\"users\":{\"type\":\"ANY\"}}]}", "run_tasks/0/principals" },
        { "{\"run_tasks\":[{\"principals\":{\"type\":\"ANY\"},\"roles\":{}}]}", "'roles'" },
        { "{\"run_tasks\":[{\"principals\":{\"type\":\"ALL\"},\"users\":{}}]}", "ALL" },
        { "{\"run_tasks\":[{\"principals\":{\"values\":[1]},\"users\":{}}]}", "no string" },
        { "{\"get_endpoints\":[{\"principals\":{\"type\":\"ANY\"},\"paths\":{\"values\":[\"/state\"]}}]}", "/state" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct acls *a = NULL;
        struct error err = { 0 };
        CHECK(acls_parse(str_of(cases[i].json), &a, &err) < 0);
        CHECK(str_contains(str_of(err.msg), str_of(cases[i].text)));
    }
}
