/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and FrameworkInfo: what was refused in the recordings is refused with the same words. */
#include "common/base/cleanup.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/validate.h"
#include "tests/support/test.h"
#include "tests/unit/wire/golden.h"

#define ARENA CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 24)

static Mesos__V1__Scheduler__Call *scheduler_call(struct str json, struct arena *arena)
{
    ProtobufCMessage *m = NULL;
    struct error err = { .msg = "" };

    if (json_to_message(&mesos__v1__scheduler__call__descriptor, json, arena, &m, &err) != 0)
        test_fail(__FILE__, __LINE__, "%.*s: %s", STR_ARG(json), err.msg);
    return (Mesos__V1__Scheduler__Call *)(void *)m;
}

static Mesos__V1__Executor__Call *executor_call(struct str json, struct arena *arena)
{
    ProtobufCMessage *m = NULL;
    struct error err = { .msg = "" };

    if (json_to_message(&mesos__v1__executor__call__descriptor, json, arena, &m, &err) != 0)
        test_fail(__FILE__, __LINE__, "%.*s: %s", STR_ARG(json), err.msg);
    return (Mesos__V1__Executor__Call *)(void *)m;
}

/* Validates the .req and compares with the body of the .resp, which has this prefix. */
static void check_recorded(const char *name, const char *prefix, bool is_executor)
{
    ARENA;
    CLEANUP(sbuf_done_p) struct sbuf req = SBUF_INIT(1 << 20), resp = SBUF_INIT(1 << 20);
    char file[256];
    struct error err = { .msg = "" };
    int rc;

    (void)snprintf(file, sizeof file, "%s.req", name);
    struct str in = golden_body(GOLDEN_HTTP, file, &req);
    (void)snprintf(file, sizeof file, "%s.resp", name);
    struct str want = golden_body(GOLDEN_HTTP, file, &resp);
    if (!str_skip(&want, str_of(prefix))) {
        test_fail(__FILE__, __LINE__, "%s: no such recording", name);
        return;
    }
    if (is_executor) {
        Mesos__V1__Executor__Call *c = executor_call(in, &arena);
        rc = c != NULL ? validate_executor_call(c, &err) : 0;
    } else {
        Mesos__V1__Scheduler__Call *c = scheduler_call(in, &arena);
        rc = c != NULL ? validate_scheduler_call(c, &err) : 0;
    }
    if (rc != -ERR_INVALID)
        test_fail(__FILE__, __LINE__, "%s was taken", name);
    CHECK_STR(str_of(err.msg), str_trim(want));
}

TEST("scheduler calls are refused with the recorded words")
{
    static const char *const cases[] = {
        "112-err-json-enum-unknown",   "116-err-no-type",         "117-err-empty-object",
        "118-err-no-sub-message",      "119-err-no-framework-id", "120-err-accept-missing",
        "121-err-ack-uuid-short",      "122-err-ack-op-uuid-short", "123-err-ack-op-no-agent",
        "124-err-subscribe-id-mismatch", "125-err-subscribe-id-only-in-info", "294-json-ack-uuid-version-0",
        "297-json-ack-uuid-version-6", "298-json-ack-uuid-version-15",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_recorded(cases[i], "Failed to validate scheduler::Call: ", false);
}

TEST("executor calls are refused with the recorded words")
{
    static const char *const cases[] = {
        "166-exec-json-err-missing-update", "167-exec-json-err-staging", "168-exec-json-err-uuid",
        "169-exec-json-err-no-uuid",        "170-exec-json-err-source",  "171-exec-json-err-executor-id",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_recorded(cases[i], "Failed to validate Executor::Call: ", true);
}

TEST("every recorded scheduler call that was accepted is valid")
{
    CLEANUP(sbuf_done_p) struct sbuf req = SBUF_INIT(1 << 20);
    struct dirent **names = NULL;
    int n = golden_list(GOLDEN_HTTP, ".req", &names), checked = 0;

    for (int i = 0; i < n; i++) {
        ARENA;
        struct str name = str_of(names[i]->d_name);
        struct error err = { .msg = "" };

        if (name.p[0] == '0' && name.p[1] < '5' && !str_contains(name, STR("-old-stream-id"))) {
            Mesos__V1__Scheduler__Call *c = scheduler_call(golden_body(GOLDEN_HTTP, names[i]->d_name, &req), &arena);
            if (c == NULL || validate_scheduler_call(c, &err) != 0)
                test_fail(__FILE__, __LINE__, "%s: %s", names[i]->d_name, err.msg);
            if (c != NULL && c->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE) {
                struct framework_info *f = NULL;
                if (convert_framework_info(c->subscribe->framework_info, &f, &err) != 0)
                    test_fail(__FILE__, __LINE__, "%s: %s", names[i]->d_name, err.msg);
                framework_info_unref(f);
            }
            checked++;
        }
        free(names[i]);
    }
    free(names);
    CHECK(checked > 30);
}

TEST("an id that is set and empty counts as absent in SUBSCRIBE")
{
    ARENA;
    Mesos__V1__Scheduler__Call *c =
        scheduler_call(STR("{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"\"},\"subscribe\":{\"framework_info\":{\"user\":\"u\","
                           "\"name\":\"n\"}}}"),
                       &arena);
    struct framework_info *f = NULL;

    REQUIRE(c != NULL);
    CHECK_INT(validate_scheduler_call(c, NULL), 0);
    REQUIRE(convert_framework_info(c->subscribe->framework_info, &f, NULL) == 0);
    CHECK(!framework_id_is_set(f->id));
    CHECK_INT(f->role_count, 1);
    CHECK(f->roles[0] == NAME_STAR);
    struct framework_info *g = framework_info_with_id(f, framework_id(STR("m-0000")));
    CHECK_STR(wire_path(blob_str(g->raw), 3, 1, 0), STR("m-0000"));
    framework_info_unref(f);
    framework_info_unref(g);
}

/* SUBSCRIBE as the master takes it: info, suppressed roles, constraints' roles, constraints. */
static int subscribe_check(const Mesos__V1__Scheduler__Call__Subscribe *s, struct error *err)
{
    struct offer_constraints *c = NULL;
    int rc = validate_framework_info(s->framework_info, err);

    if (rc == 0)
        rc = validate_suppressed_roles(s->suppressed_roles, s->n_suppressed_roles, s->framework_info, err);
    if (rc == 0 && s->offer_constraints != NULL)
        rc = validate_offer_constraint_roles(s->offer_constraints, s->framework_info, err);
    if (rc == 0 && s->offer_constraints != NULL)
        rc = convert_offer_constraints(s->offer_constraints, &c, err);
    offer_constraints_unref(c);
    return rc;
}

#define FW(rest) "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" rest "}}"
#define MR ",\"capabilities\":[{\"type\":\"MULTI_ROLE\"}]"
#define WEB ",\"roles\":[\"web\"]" MR

TEST("subscriptions are refused with the words of ERROR events")
{
    static const struct {
        const char *json, *message; /* NULL: fine */
    } cases[] = {
        { FW(""), NULL },
        { FW(WEB), NULL },
        { FW(MR), NULL },
        { FW(",\"role\":\"eng/x\""), NULL },
        { FW(",\"roles\":[\"/bad\"]" MR),
          "'FrameworkInfo.roles' contains invalid role: Role '/bad' cannot start with a slash" },
        { FW(WEB ",\"role\":\"x\""), "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable" },
        { FW(",\"roles\":[\"a\",\"a\"]" MR), "'FrameworkInfo.roles' contains duplicate items: { a }" },
        { FW(",\"roles\":[\"b\",\"a\",\"b\",\"a\",\"a\",\"c\"]" MR), "'FrameworkInfo.roles' contains duplicate items: { a, b }" },
        { FW(",\"roles\":[\"a\"]"), "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable" },
        { FW(",\"role\":\"a b\""),
          "'FrameworkInfo.role' is not a valid role: Role 'a b' contains a whitespace or backspace character" },
        { FW(WEB ",\"id\":{\"value\":\"a/b\"}"), "'a/b' contains invalid characters" },
        { FW(WEB ",\"failover_timeout\":1000000000000.0"), "The framework failover_timeout (1e+12) is invalid" },
        { FW(WEB ",\"offer_filters\":{\"web\":{\"min_allocatable_resources\":{\"quantities\":[{}]}}}"),
          "Invalid offer filter of role 'web': empty resource quantities" },
        { FW(WEB ",\"offer_filters\":{\"web\":{\"min_allocatable_resources\":{\"quantities\":[{\"quantities\":{\"cpus\":{\"value\":-1}}}]"
                 "}}}"),
          "Invalid offer filter of role 'web': quantity of 'cpus' is -1, it must be finite and 0 or more" },
        { "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" WEB "},\"suppressed_roles\":[\"other\"]}",
          "Suppressed roles { other } are not contained in the set of roles" },
        { "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" WEB "},\"suppressed_roles\":[\"web\"]}", NULL },
        { "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" WEB
          "},\"offer_constraints\":{\"role_constraints\":{\"other\":{\"groups\":[]}}}}",
          "Offer constraints specify `role_constraints` for a role 'other'not contained in the set of roles" },
        { "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" WEB
          "},\"offer_constraints\":{\"role_constraints\":{\"web\":{\"groups\":[{\"attribute_constraints\":[]}]}}}}",
          "Offer constraints are not valid: 'OfferConstraints::RoleConstraints::groups' for role webcontains an empty "
          "RoleConstraints::Group" },
        { "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" WEB
          "},\"offer_constraints\":{\"role_constraints\":{\"web\":{\"groups\":[{\"attribute_constraints\":[{\"selector\":{"
          "\"attribute_name\":\"a\"},\"predicate\":{\"text_matches\":{\"regex\":\"(\"}}}]}]}}}}",
          "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': Failed to construct regex from pattern "
          "'(': missing ): (" },
        { "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" WEB
          "},\"offer_constraints\":{\"role_constraints\":{\"web\":{\"groups\":[{\"attribute_constraints\":[{\"selector\":{"
          "\"pseudoattribute_type\":\"ZONE\"},\"predicate\":{\"not_exists\":{}}}]}]}}}}",
          NULL },
        { "{\"framework_info\":{\"user\":\"root\",\"name\":\"n\"" WEB
          "},\"offer_constraints\":{\"role_constraints\":{\"web\":{\"groups\":[{\"attribute_constraints\":[{\"selector\":{},"
          "\"predicate\":{\"exists\":{}}}]}]}}}}",
          "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': Exactly one of "
          "'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA;
        ProtobufCMessage *m = NULL;
        struct error err = { .msg = "" };

        REQUIRE(json_to_message(&mesos__v1__scheduler__call__subscribe__descriptor, str_of(cases[i].json), &arena, &m, &err) == 0);
        int rc = subscribe_check((Mesos__V1__Scheduler__Call__Subscribe *)(void *)m, &err);
        CHECK_INT(rc, cases[i].message != NULL ? -ERR_INVALID : 0);
        CHECK_CSTR(rc != 0 ? err.msg : "(valid)", cases[i].message != NULL ? cases[i].message : "(valid)");
    }
}

TEST("offer filters become quantities per role")
{
    ARENA;
    ProtobufCMessage *m = NULL;
    struct framework_info *f = NULL;
    struct name *web = name_of(STR("web")), *none = name_of(STR("none"));

    REQUIRE(json_to_message(&mesos__v1__framework_info__descriptor,
                            STR("{\"user\":\"u\",\"name\":\"n\",\"roles\":[\"web\"],\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":"
                                "\"GPU_RESOURCES\"}],\"failover_timeout\":2.5,\"checkpoint\":true,\"principal\":\"p\",\"offer_filters\":{"
                                "\"web\":{\"min_allocatable_resources\":{\"quantities\":[{\"quantities\":{\"cpus\":{\"value\":0.5},"
                                "\"mem\":{\"value\":10}}},{\"quantities\":{\"gpus\":{\"value\":1}}}]}},\"x\":{}}}"),
                            &arena, &m, NULL) == 0);
    REQUIRE(convert_framework_info((Mesos__V1__FrameworkInfo *)(void *)m, &f, NULL) == 0);
    const struct role_offer_filter *x = framework_info_offer_filter(f, web);
    REQUIRE(x != NULL);
    CHECK_INT(x->count, 2);
    CHECK_INT(quantities_get(&x->alternatives[0], NAME_CPUS), 500);
    CHECK_INT(quantities_get(&x->alternatives[1], NAME_GPUS), 1000);
    CHECK(framework_info_offer_filter(f, none) == NULL);
    CHECK(framework_info_can(f, FRAMEWORK_CAP_GPU_RESOURCES));
    CHECK(!framework_info_can(f, FRAMEWORK_CAP_PARTITION_AWARE));
    CHECK_INT(f->failover_timeout_ns, INT64_C(2500000000));
    CHECK(f->checkpoint);
    CHECK_CSTR(f->principal, "p");
    CHECK(framework_info_has_role(f, STR("web")));
    framework_info_unref(f);
    name_unref(web);
    name_unref(none);
}
