/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and attributes between wire, model and text. */
#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "tests/support/test.h"
#include "tests/unit/wire/golden.h"

#define AUTO CLEANUP(resources_done_p) struct resources

static int from_json(const char *json, struct resources *ret, struct error *err)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 22);
    ProtobufCMessage *m = NULL;
    int rc = json_to_message(&mesos__v1__resource__descriptor, str_of(json), &arena, &m, err);

    if (rc != 0)
        return rc;
    Mesos__V1__Resource *r = (Mesos__V1__Resource *)(void *)m;
    return convert_resources(&r, 1, ret, err);
}

static void to_json(const struct resources *r, enum resource_format format, bool without_role, struct sbuf *out)
{
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 20);
    struct wire_field f;

    wire_put_resources(&bytes, 1, r, format, without_role);
    struct str rest = sbuf_view(&bytes);
    while (wire_field_next(&rest, &f) > 0) {
        CHECK_INT(wire_check(&mesos__v1__resource__descriptor, f.bytes, NULL), 0);
        CHECK(json_from_wire(out, &mesos__v1__resource__descriptor, f.bytes));
    }
}

TEST("one resource in each of the three forms")
{
    static const struct {
        const char *in, *text, *post, *pre, *endpoint;
    } cases[] = {
        { "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5}}", "cpus:1.5",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5}}",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5},\"role\":\"*\"}",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5},\"role\":\"*\"}" },
        { "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"role\":\"eng\"}",
          "cpus(reservations: [(STATIC,eng)]):1",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"reservations\":[{\"role\":\"eng\","
          "\"type\":\"STATIC\"}]}",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"role\":\"eng\"}",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"role\":\"eng\",\"reservations\":[{"
          "\"role\":\"eng\",\"type\":\"STATIC\"}]}" },
        { "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"role\":\"eng\",\"reservation\":{"
          "\"principal\":\"ops\",\"labels\":{\"labels\":[{\"key\":\"k\"}]}}}",
          "cpus(reservations: [(DYNAMIC,eng,ops,{k: })]):1",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"reservations\":[{\"principal\":\"ops\","
          "\"labels\":{\"labels\":[{\"key\":\"k\"}]},\"role\":\"eng\",\"type\":\"DYNAMIC\"}]}",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"role\":\"eng\",\"reservation\":{"
          "\"principal\":\"ops\",\"labels\":{\"labels\":[{\"key\":\"k\"}]}}}",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"role\":\"eng\",\"reservation\":{"
          "\"principal\":\"ops\",\"labels\":{\"labels\":[{\"key\":\"k\"}]}},\"reservations\":[{\"principal\":\"ops\","
          "\"labels\":{\"labels\":[{\"key\":\"k\"}]},\"role\":\"eng\",\"type\":\"DYNAMIC\"}]}" },
        { "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"reservations\":[{\"type\":\"STATIC\",\"role\":"
          "\"eng\"},{\"type\":\"DYNAMIC\",\"role\":\"eng/prod\"}],\"allocation_info\":{\"role\":\"eng/prod\"}}",
          "cpus(allocated: eng/prod)(reservations: [(STATIC,eng),(DYNAMIC,eng/prod)]):1",
          "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},\"allocation_info\":{\"role\":\"eng/prod\"},"
          "\"reservations\":[{\"role\":\"eng\",\"type\":\"STATIC\"},{\"role\":\"eng/prod\",\"type\":\"DYNAMIC\"}]}",
          NULL, NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO r = RESOURCES_INIT;
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 16);
        struct error err = { .msg = "" };

        if (from_json(cases[i].in, &r, &err) != 0) {
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].in, err.msg);
            continue;
        }
        resources_print(&b, &r);
        CHECK_STR(sbuf_view(&b), str_of(cases[i].text));
        sbuf_clear(&b);
        to_json(&r, RESOURCE_POST, false, &b);
        CHECK_STR(sbuf_view(&b), str_of(cases[i].post));
        sbuf_clear(&b);
        to_json(&r, RESOURCE_PRE, false, &b); /* a refined one stays in the new form */
        CHECK_STR(sbuf_view(&b), str_of(cases[i].pre != NULL ? cases[i].pre : cases[i].post));
        sbuf_clear(&b);
        to_json(&r, RESOURCE_ENDPOINT, false, &b);
        CHECK_STR(sbuf_view(&b), str_of(cases[i].endpoint != NULL ? cases[i].endpoint : cases[i].post));
    }
}

#define CPUS(rest) "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}" rest "}"
#define DISK(rest) "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}" rest "}"

TEST("what one resource may not say")
{
    static const char *const cases[] = {
        "{\"name\":\"\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\"}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"ranges\":{}}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"set\":{}}",
        "{\"name\":\"cpus\",\"type\":\"TEXT\",\"scalar\":{\"value\":1}}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":-1}}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.0001}}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":\"Infinity\"}}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1e300}}",
        "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1e-310}}",
        "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":2,\"end\":1}]}}",
        "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":1,\"end\":5},{\"begin\":5,\"end\":9}]}}",
        "{\"name\":\"s\",\"type\":\"SET\",\"set\":{\"item\":[\"a\",\"a\"]}}",
        CPUS(",\"role\":\"/bad\""),
        CPUS(",\"reservation\":{}"),
        CPUS(",\"role\":\"*\",\"reservation\":{}"),
        CPUS(",\"role\":\"a\",\"reservation\":{\"role\":\"a\"}"),
        CPUS(",\"role\":\"a\",\"reservation\":{\"type\":\"DYNAMIC\"}"),
        CPUS(",\"reservations\":[{\"role\":\"a\"}]"),
        CPUS(",\"reservations\":[{\"type\":\"STATIC\"}]"),
        CPUS(",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"*\"}]"),
        CPUS(",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"},{\"type\":\"STATIC\",\"role\":\"a/b\"}]"),
        CPUS(",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"},{\"type\":\"DYNAMIC\",\"role\":\"b\"}]"),
        CPUS(",\"role\":\"b\",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"}]"),
        CPUS(",\"role\":\"a\",\"reservation\":{},\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"}]"),
        CPUS(",\"role\":\"a\",\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"a\"}]"),
        CPUS(",\"role\":\"a\",\"reservation\":{\"principal\":\"x\"},\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"a\"}]"),
        CPUS(",\"role\":\"a\",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"},{\"type\":\"DYNAMIC\",\"role\":\"a/b\"}]"),
        CPUS(",\"disk\":{\"persistence\":{\"id\":\"x\"}}"),
        CPUS(",\"shared\":{}"),
        DISK(",\"shared\":{}"),
        DISK(",\"disk\":{\"source\":{\"type\":\"BLOCK\",\"mount\":{\"root\":\"/m\"}}}"),
        DISK(",\"disk\":{\"source\":{\"type\":\"RAW\",\"path\":{}}}"),
    };

    size_t before = names_count();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO r = RESOURCES_INIT;
        struct error err = { .msg = "" };
        int rc = from_json(cases[i], &r, &err);

        if (rc != -ERR_INVALID || strstr(err.msg, "required") != NULL)
            test_fail(__FILE__, __LINE__, "%s gave %d %s", cases[i], rc, err.msg);
    }
    CHECK_INT(names_count(), before);
}

TEST("what one resource may say")
{
    static const struct {
        const char *in, *text;
    } cases[] = {
        { "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0}}", "{}" },
        { CPUS(",\"role\":\"*\""), "cpus:1" },
        { CPUS(",\"role\":\"a\",\"reservations\":[{\"type\":\"STATIC\",\"role\":\"a\"}]"),
          "cpus(reservations: [(STATIC,a)]):1" },
        { CPUS(",\"role\":\"a\",\"reservation\":{\"principal\":\"x\"},\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"a\","
               "\"principal\":\"x\"}]"),
          "cpus(reservations: [(DYNAMIC,a,x)]):1" },
        { "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":6,\"end\":9},{\"begin\":1,\"end\":5}]}}",
          "ports:[1-9]" },
        { "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":0,\"end\":18446744073709551615}]}}",
          "ports:[0-18446744073709551615]" },
        { DISK(",\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"a\"}],\"disk\":{\"persistence\":{\"id\":\"v\"},\"volume\":{"
               "\"mode\":\"RW\",\"container_path\":\"d\"}},\"shared\":{}"),
          "disk(reservations: [(DYNAMIC,a)])[v:d]<SHARED>:1" },
        { CPUS(",\"revocable\":{},\"provider_id\":{\"value\":\"rp\"}"), "cpus{REV}:1" },
        { DISK(",\"disk\":{\"source\":{\"type\":\"MOUNT\",\"mount\":{\"root\":\"/m\"},\"id\":\"i\",\"profile\":\"p\"}}"),
          "disk[MOUNT(,i,p):/m]:1" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO r = RESOURCES_INIT;
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 16);
        struct error err = { .msg = "" };

        if (from_json(cases[i].in, &r, &err) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].in, err.msg);
        resources_print(&b, &r);
        CHECK_STR(sbuf_view(&b), str_of(cases[i].text));
    }
}

/* --- recorded --- */

static void check_resources(struct str message, uint32_t number, unsigned *count)
{
    CLEANUP(sbuf_done_p) struct sbuf in = SBUF_INIT(1 << 20), out = SBUF_INIT(1 << 20);
    AUTO r = RESOURCES_INIT;
    struct str rest = message;
    struct error err = { .msg = "" };
    struct wire_field f;

    while (wire_field_next(&rest, &f) > 0)
        if (f.number == number)
            sbuf_str(&in, f.raw);
    if (convert_resources_bytes(message, number, &r, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        return;
    }
    wire_put_resources(&out, number, &r, RESOURCE_POST, false);
    if (!str_eq(sbuf_view(&in), sbuf_view(&out)))
        test_fail(__FILE__, __LINE__, "other bytes after conversion and back");
    *count += r.n;
}

static void check_event(struct str record, void *arg)
{
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 20);
    struct wire_field f;
    struct str offers;

    if (json_to_wire(&mesos__v1__scheduler__event__descriptor, record, &bytes, NULL) != 0)
        return;
    offers = wire_field_bytes(sbuf_view(&bytes), 3);
    while (wire_field_next(&offers, &f) > 0)
        check_resources(f.bytes, 5, arg);
}

TEST("the resources of every recorded offer convert and come back byte for byte")
{
    unsigned count = 0;

    golden_records(GOLDEN_HTTP, "001-json-subscribe.stream", check_event, &count);
    CHECK(count > 50);
}

TEST("the resources of every recorded UpdateSlaveMessage convert and come back byte for byte")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4 << 20);
    struct dirent **names = NULL;
    int n = golden_list(GOLDEN_LIBPROCESS, "-UpdateSlaveMessage.msg", &names);
    unsigned count = 0;

    for (int i = 0; i < n; i++) {
        struct str body = golden_body(GOLDEN_LIBPROCESS, names[i]->d_name, &b);
        check_resources(body, 2, &count);
        free(names[i]);
    }
    free(names);
    CHECK(n > 0);
}

/* --- flags and endpoints --- */

TEST("the --resources flag takes text and JSON and refuses what an agent may not configure")
{
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } cases[] = {
        { "cpus:2;mem(eng):10", "cpus(reservations: [(STATIC,dflt)]):2; mem(reservations: [(STATIC,eng)]):10" },
        { "[" CPUS("") "," CPUS(",\"role\":\"*\"") "]", "cpus(reservations: [(STATIC,dflt)]):1; cpus:1" },
        { " [] ", "{}" },
        { "[" DISK(",\"disk\":{\"source\":{\"type\":\"PATH\",\"path\":{\"root\":\"/d\"}}}") "]",
          "disk(reservations: [(STATIC,dflt)])[PATH:/d]:1" },
        { "[" CPUS(",\"role\":\"a\",\"reservation\":{}") "]", NULL },
        { "[" CPUS(",\"revocable\":{}") "]", NULL },
        { "[" DISK(",\"role\":\"a\",\"disk\":{\"persistence\":{\"id\":\"x\"},\"volume\":{\"mode\":\"RW\",\"container_path\":"
                   "\"d\"}}") "]",
          NULL },
        { "[{\"name\":\"cpus\"}]", NULL },
        { "[1]", NULL },
        { "[", NULL },
        { "{}", NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO r = RESOURCES_INIT;
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 16);
        struct error err = { .msg = "" };
        int rc = convert_resources_flag(str_of(cases[i].in), STR("dflt"), &r, &err);

        if ((rc == 0) != (cases[i].out != NULL))
            test_fail(__FILE__, __LINE__, "%s gave %d %s", cases[i].in, rc, err.msg);
        if (rc != 0)
            continue;
        resources_print(&b, &r);
        CHECK_STR(sbuf_view(&b), str_of(cases[i].out));
    }
}

TEST("unversioned endpoints show sums by name")
{
    AUTO r = resources_lit("cpus:1;cpus(a):0.5;mem:64;ports:[1-2];ports(a):[5-6];bits:{x,y};widgets:3");
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 16);
    struct jsonw w = JSONW(&b);
    struct resource rev = resource_scalar(NAME_CPUS, 250);

    rev.revocable = true;
    resources_add_take(&r, &rev);
    jsonw_resources(&w, &r);
    CHECK_STR(sbuf_view(&b), STR("{\"cpus\":1.5,\"disk\":0.0,\"gpus\":0.0,\"mem\":64.0,\"ports\":\"[1-2, 5-6]\",\"bits\":"
                                 "\"{x, y}\",\"widgets\":3.0,\"cpus_revocable\":0.25}"));
}

TEST("attributes go to the wire, to JSON and back")
{
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 16), text = SBUF_INIT(1 << 16);
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 20);
    struct attributes a, back;
    Mesos__V1__AgentInfo *info;
    struct jsonw w = JSONW(&text);

    REQUIRE(attributes_parse(STR("rack:r1;level:3;zones:[1-3,5-6];rack:r2"), &a, NULL) == 0);
    wire_put_bytes(&bytes, 1, STR("h"));
    wire_put_attributes(&bytes, 5, &a);
    REQUIRE(WIRE_UNPACK(mesos__v1__agent_info, sbuf_view(&bytes), &arena, &info, NULL) == 0);
    REQUIRE(convert_attributes(info->attributes, info->n_attributes, &back, NULL) == 0);
    CHECK(attributes_eq(&a, &back));
    jsonw_attributes(&w, &a);
    CHECK_STR(sbuf_view(&text), STR("{\"level\":3.0,\"zones\":\"[1-3, 5-6]\",\"rack\":\"r2\"}"));
    attributes_done(&a);
    attributes_done(&back);
}

/* --- text, value and wire agree on random input --- */

TEST("text to value to wire to value to text gives the same, on random collections")
{
    struct rng rng;
    rng_seed(&rng, 5);

    for (int i = 0; i < 2000; i++) {
        static const char *const names[] = { "cpus", "mem", "things", "ports(a/b)", "cpus(ops)", "disk" };
        CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 16), one = SBUF_INIT(1 << 16), two = SBUF_INIT(1 << 16),
                                         bytes = SBUF_INIT(1 << 16);
        AUTO r = RESOURCES_INIT;
        AUTO back = RESOURCES_INIT;

        for (uint64_t n = rng_below(&rng, 6); n > 0; n--) {
            uint64_t k = rng_below(&rng, 6), x = rng_below(&rng, 100000);
            if (k == 3)
                sbuf_fmt(&text, "%s:[%llu-%llu];", names[k], (unsigned long long)x,
                         (unsigned long long)(x + rng_below(&rng, 9)));
            else if (k == 2)
                sbuf_fmt(&text, "%s:{i%llu,j};", names[k], (unsigned long long)(x % 7));
            else
                sbuf_fmt(&text, "%s:%llu.%03llu;", names[k], (unsigned long long)x,
                         (unsigned long long)rng_below(&rng, 1000));
        }
        REQUIRE(resources_parse(sbuf_view(&text), STR("*"), &r, NULL) == 0);
        wire_put_resources(&bytes, 7, &r, RESOURCE_POST, false);
        REQUIRE(convert_resources_bytes(sbuf_view(&bytes), 7, &back, NULL) == 0);
        CHECK(resources_eq(&r, &back));
        resources_print(&one, &r);
        resources_print(&two, &back);
        CHECK_STR(sbuf_view(&two), sbuf_view(&one));
    }
}
