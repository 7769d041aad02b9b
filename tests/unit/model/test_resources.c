/* SPDX-License-Identifier: Apache-2.0 */
/* Collections: algebra, selection, operations, quantities, text. */
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/rng.h"
#include "common/base/sbuf.h"
#include "common/model/resources.h"
#include "tests/support/test.h"

typedef struct resources resources_auto;
#define AUTO CLEANUP(resources_done_p) struct resources

static void check_text(const struct resources *r, const char *want, int line)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 16);

    resources_print(&b, r);
    (void)test_check_str(__FILE__, line, "resources", sbuf_view(&b), str_of(want));
}
#define CHECK_RES(r, want) check_text(&(r), (want), __LINE__)

/* Builders for what the text syntax cannot say. */
static void reserve(struct resource *r, enum reservation_type type, const char *role, const char *principal)
{
    struct reservation top = { type, name_of(str_of(role)), principal != NULL ? name_of(str_of(principal)) : NULL, NULL };
    struct reservations *s = reservations_push(r->reservations, &top);

    name_unref(top.role);
    name_unref(top.principal);
    reservations_unref(r->reservations);
    r->reservations = s;
}

static struct resource disk(int64_t mb, enum disk_source_type source, const char *root, const char *id)
{
    struct resource r = resource_scalar(NAME_DISK, mb * 1000);

    r.disk = disk_new();
    r.disk->has_source = true;
    r.disk->source = source;
    if (root != NULL) {
        struct name *n = name_of(str_of(root));
        if (source == DISK_PATH) {
            r.disk->has_path = true;
            r.disk->path_root = n;
        } else {
            r.disk->has_mount = true;
            r.disk->mount_root = n;
        }
    }
    if (id != NULL)
        r.disk->id = name_of(str_of(id));
    return r;
}

static struct resource volume(int64_t mb, const char *id, bool shared)
{
    struct resource r = resource_scalar(NAME_DISK, mb * 1000);

    reserve(&r, RESERVATION_DYNAMIC, "eng", "ops");
    r.disk = disk_new();
    r.disk->persistence = name_of(str_of(id));
    r.disk->has_volume = true;
    r.disk->mode = VOLUME_RW;
    r.disk->container_path = name_of(STR("data"));
    r.shared = shared;
    return r;
}

TEST("text is parsed and printed back")
{
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        { "", "{}" },
        { "cpus:4;mem:1024;ports:[21000-24000,30000-34000]", "cpus:4; mem:1024; ports:[21000-24000, 30000-34000]" },
        { "bugs(eng):{b,a}", "bugs(reservations: [(STATIC,eng)]):{a, b}" },
        { " cpus ( eng ) : 2 ", "cpus(reservations: [(STATIC,eng)]):2" },
        { "cpus(*):2", "cpus:2" },
        { "cpus:1;cpus:2.5", "cpus:3.5" },
        { "cpus(a):1;cpus(b):1", "cpus(reservations: [(STATIC,a)]):1; cpus(reservations: [(STATIC,b)]):1" },
        { "cpus:0;mem:1", "mem:1" },
        { "ports:[1-5, 6-9]", "ports:[1-9]" },
        { ";cpus:1;", "cpus:1" },
        { "cpus:0.1004", "cpus:0.1" },
        { "cpus", NULL },
        { "cpus:", NULL },
        { ":1", NULL },
        { "cpus:1:2", NULL },
        { "cpus:-1", NULL },
        { "cpus:nan", NULL },
        { "cpus:inf", NULL },
        { "cpus:1e-310", NULL },
        { "cpus:1e300", NULL },
        { "cpus:text", NULL },
        { "ports:[1-2", NULL },
        { "ports:[2-1]", NULL },
        { "ports:[1]", NULL },
        { "ports:[1-2}", NULL },
        { "ports:1-2]", NULL },
        { "ports:[1-99999999999999999999]", NULL },
        { "s:{a,{b}}", NULL },
        { "cpus(eng:1", NULL },
        { "cpus(/eng):1", NULL },
        { "(eng):1", NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO r = RESOURCES_INIT;
        struct error err = { .code = ERR_OK };
        int rc = resources_parse(str_of(cases[i].in), STR("*"), &r, &err);

        if (cases[i].out == NULL) {
            if (rc != -ERR_INVALID || err.msg[0] == '\0')
                test_fail(__FILE__, __LINE__, "'%s' was taken", cases[i].in);
        } else {
            if (rc != 0)
                test_fail(__FILE__, __LINE__, "'%s': %s", cases[i].in, err.msg);
            CHECK_RES(r, cases[i].out);
        }
    }
}

TEST("the default role makes static reservations")
{
    AUTO r = RESOURCES_INIT;

    CHECK_INT(resources_parse(STR("cpus:1;mem(*):2;disk(b):3"), STR("a"), &r, NULL), 0);
    CHECK_RES(r, "cpus(reservations: [(STATIC,a)]):1; mem:2; disk(reservations: [(STATIC,b)]):3");
}

TEST("a resource prints with all its parts")
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    struct resource r = volume(40, "op-vol", true);
    struct name *role = name_of(STR("web"));

    r.role = role; /* r owns it now */
    reserve(&r, RESERVATION_DYNAMIC, "eng/prod", NULL);
    resource_print(&b, &r);
    CHECK_STR(sbuf_view(&b), STR("disk(allocated: web)(reservations: [(DYNAMIC,eng,ops),(DYNAMIC,eng/prod)])[op-vol:data]"
                                 "<SHARED>:40"));
    resource_done(&r);
}

TEST("addition merges what is of one kind")
{
    AUTO a = resources_lit("cpus:1;mem:100;ports:[1-5]");
    AUTO b = resources_lit("mem:28;cpus:0.5;ports:[6-9];cpus(eng):1");

    resources_add_all(&a, &b);
    CHECK_RES(a, "cpus:1.5; mem:128; ports:[1-9]; cpus(reservations: [(STATIC,eng)]):1");
}

TEST("subtraction drops what becomes empty and never goes below")
{
    AUTO a = resources_lit("cpus:1;mem:100;ports:[1-5];s:{a,b}");
    AUTO b = resources_lit("cpus:2;mem:28;ports:[2-3];s:{a};disk:7");

    resources_sub_all(&a, &b);
    CHECK_RES(a, "mem:72; ports:[1-1, 4-5]; s:{b}");
}

TEST("contains looks at amounts, roles and kinds")
{
    static const struct {
        const char *a, *b;
        bool want;
    } cases[] = {
        { "cpus:2;mem:100", "cpus:1", true },
        { "cpus:2;mem:100", "cpus:2;mem:100", true },
        { "cpus:2;mem:100", "cpus:2.001", false },
        { "cpus:2", "mem:1", false },
        { "cpus:2", "", true },
        { "", "cpus:1", false },
        { "cpus(eng):2", "cpus:1", false },
        { "cpus:2", "cpus(eng):1", false },
        { "cpus(eng):2;cpus:1", "cpus(eng):2;cpus:1", true },
        { "ports:[1-9]", "ports:[1-2,8-9]", true },
        { "ports:[1-9]", "ports:[9-10]", false },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO a = resources_lit(cases[i].a);
        AUTO b = resources_lit(cases[i].b);
        CHECK(resources_contains(&a, &b) == cases[i].want);
    }
}

TEST("PATH disks merge; MOUNT, BLOCK and RAW with id never do")
{
    static const struct {
        enum disk_source_type type;
        const char *root, *id;
        uint32_t entries;
    } cases[] = {
        { DISK_PATH, "/p", NULL, 1 }, { DISK_MOUNT, "/m", NULL, 2 }, { DISK_BLOCK, NULL, "b", 2 },
        { DISK_RAW, NULL, "r", 2 },   { DISK_RAW, NULL, NULL, 1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO all = RESOURCES_INIT;
        for (int k = 0; k < 2; k++) {
            struct resource r = disk(100, cases[i].type, cases[i].root, cases[i].id);
            resources_add_take(&all, &r);
        }
        CHECK_INT(all.n, cases[i].entries);
        CHECK_INT(resources_milli(&all, NAME_DISK), 200000);

        struct resource part = disk(40, cases[i].type, cases[i].root, cases[i].id);
        CHECK(resources_contains_one(&all, &part) == (cases[i].entries == 1));
        resources_sub(&all, &part);
        CHECK_INT(resources_milli(&all, NAME_DISK), cases[i].entries == 1 ? 160000 : 200000);
        resource_done(&part);
    }
}

TEST("two MOUNT disks of one size are needed for two, not one")
{
    AUTO one = RESOURCES_INIT;
    AUTO two = RESOURCES_INIT;

    for (int i = 0; i < 3; i++) {
        struct resource r = disk(100, DISK_MOUNT, "/m", NULL);
        resources_add_take(i == 0 ? &one : &two, &r);
    }
    CHECK(!resources_contains(&one, &two));
    CHECK(resources_contains(&two, &one));
    CHECK(resources_contains(&two, &two));
    resources_sub_all(&two, &one);
    CHECK_INT(two.n, 1);
}

TEST("persistent volumes of equal size stay two entries and are taken whole")
{
    AUTO all = RESOURCES_INIT;
    struct resource v1 = volume(64, "v1", false), v2 = volume(64, "v2", false), part = volume(32, "v1", false);

    resources_add(&all, &v1);
    resources_add(&all, &v2);
    CHECK_INT(all.n, 2);
    CHECK(resources_contains_one(&all, &v1));
    CHECK(!resources_contains_one(&all, &part));
    resources_sub(&all, &part);
    CHECK_INT(all.n, 2);
    resources_sub(&all, &v1);
    CHECK_INT(all.n, 1);
    CHECK(resource_eq(&all.v[0], &v2));
    resource_done(&v1);
    resource_done(&v2);
    resource_done(&part);
}

TEST("shared volumes count copies")
{
    AUTO all = RESOURCES_INIT;
    AUTO want = RESOURCES_INIT;
    struct resource v = volume(64, "v1", true), plain = volume(64, "v1", false);

    resources_add(&all, &v);
    resources_add(&all, &v);
    CHECK_INT(all.n, 1);
    CHECK_INT(all.v[0].copies, 2);
    CHECK_INT(resources_milli(&all, NAME_DISK), 64000);
    CHECK(!resources_contains_one(&all, &plain));

    resources_add(&want, &v);
    resources_add(&want, &v);
    CHECK(resources_contains(&all, &want));
    resources_add(&want, &v);
    CHECK(!resources_contains(&all, &want));

    resources_sub(&all, &v);
    CHECK_INT(all.v[0].copies, 1);
    resources_sub(&all, &v);
    CHECK_INT(all.n, 0);
    resource_done(&v);
    resource_done(&plain);
}

TEST("revocable and provider keep entries apart")
{
    AUTO all = resources_lit("cpus:1");
    struct resource rev = resource_scalar(NAME_CPUS, 1000), other = resource_scalar(NAME_CPUS, 1000);

    rev.revocable = true;
    other.provider = name_of(STR("rp"));
    resources_add(&all, &rev);
    resources_add(&all, &other);
    CHECK_INT(all.n, 3);

    AUTO revocable = resources_revocable(&all);
    AUTO regular = resources_nonrevocable(&all);
    CHECK_RES(revocable, "cpus{REV}:1");
    CHECK_INT(regular.n, 2);
    CHECK(resources_have_revocable(&all));
    resource_done(&rev);
    resource_done(&other);
}

TEST("allocation keeps entries apart and can be taken back")
{
    struct name *a = name_of(STR("a")), *b = name_of(STR("b"));
    AUTO x = resources_lit("cpus:1;mem:10");
    AUTO y = resources_lit("cpus:2");
    bool mixed;

    resources_allocate(&x, a);
    resources_allocate(&y, b);
    CHECK(!resources_contains(&x, &y));
    CHECK(resources_role(&x, NULL) == a);
    resources_add_all(&x, &y);
    CHECK_RES(x, "cpus(allocated: a):1; mem(allocated: a):10; cpus(allocated: b):2");
    CHECK(resources_role(&x, &mixed) == NULL);
    CHECK(mixed);
    resources_unallocate(&x);
    CHECK_RES(x, "cpus:3; mem:10");
    resources_allocate_missing(&x, b);
    CHECK(resources_role(&x, NULL) == b);
    name_unref(a);
    name_unref(b);
}

TEST("what is reserved to a role may be offered to it and below")
{
    static const struct {
        const char *role, *want;
    } cases[] = {
        { "eng", "cpus:1; mem(reservations: [(STATIC,eng)]):1" },
        { "eng/prod", "cpus:1; mem(reservations: [(STATIC,eng)]):1; disk(reservations: [(STATIC,eng/prod)]):1" },
        { "ops", "cpus:1" },
        { "*", "cpus:1" },
        { "engine", "cpus:1" },
    };
    AUTO all = resources_lit("cpus:1;mem(eng):1;disk(eng/prod):1");

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO r = resources_allocatable_to(&all, str_of(cases[i].role));
        CHECK_RES(r, cases[i].want);
    }
    AUTO exact = resources_reserved_to(&all, STR("eng"));
    CHECK_RES(exact, "mem(reservations: [(STATIC,eng)]):1");
    AUTO unreserved = resources_unreserved(&all);
    CHECK_RES(unreserved, "cpus:1");
    AUTO reserved = resources_reserved(&all);
    CHECK_INT(reserved.n, 2);
    AUTO scalars = resources_scalars(&all);
    CHECK_INT(scalars.n, 3);
}

TEST("RESERVE pushes and UNRESERVE pops one entry of the stack")
{
    AUTO total = resources_lit("cpus:4;mem:100");
    AUTO target = RESOURCES_INIT;
    struct resource r = resource_scalar(NAME_CPUS, 1000);
    struct conversion c;
    struct error err;

    reserve(&r, RESERVATION_DYNAMIC, "eng", "ops");
    resources_add_take(&target, &r);
    REQUIRE(conversion_reserve(&(struct resources){ 0 }, &target, &c, &err) == 0);
    CHECK_INT(resources_apply(&total, &c, &err), 0);
    conversion_done(&c);
    CHECK_RES(total, "cpus:3; mem:100; cpus(reservations: [(DYNAMIC,eng,ops)]):1");

    REQUIRE(conversion_unreserve(&target, &c, &err) == 0);
    CHECK_INT(resources_apply(&total, &c, &err), 0);
    CHECK_RES(total, "cpus:4; mem:100");
    CHECK_INT(resources_apply(&total, &c, &err), -ERR_CONFLICT);
    CHECK_CSTR(err.msg, "cpus:4; mem:100 does not contain cpus(reservations: [(DYNAMIC,eng,ops)]):1");
    CHECK_RES(total, "cpus:4; mem:100");
    conversion_done(&c);

    AUTO plain = resources_lit("cpus:1");
    CHECK_INT(conversion_reserve(&(struct resources){ 0 }, &plain, &c, &err), -ERR_INVALID);
    CHECK_INT(conversion_unreserve(&plain, &c, &err), -ERR_INVALID);
    AUTO fixed = resources_lit("cpus(eng):1");
    CHECK_INT(conversion_unreserve(&fixed, &c, &err), -ERR_INVALID);
}

TEST("re-reservation changes the stack from source to target")
{
    AUTO total = RESOURCES_INIT;
    AUTO source = RESOURCES_INIT;
    AUTO target = RESOURCES_INIT;
    struct resource s = resource_scalar(NAME_CPUS, 2000), t = resource_scalar(NAME_CPUS, 2000);
    struct conversion c;

    reserve(&s, RESERVATION_DYNAMIC, "a", NULL);
    reserve(&t, RESERVATION_DYNAMIC, "b", "ops");
    resources_add(&total, &s);
    resources_add_take(&source, &s);
    resources_add_take(&target, &t);
    REQUIRE(conversion_reserve(&source, &target, &c, NULL) == 0);
    CHECK_INT(resources_apply(&total, &c, NULL), 0);
    CHECK_RES(total, "cpus(reservations: [(DYNAMIC,b,ops)]):2");
    conversion_done(&c);
}

TEST("CREATE, GROW, SHRINK and DESTROY turn disk into volumes and back")
{
    AUTO total = RESOURCES_INIT;
    AUTO volumes = RESOURCES_INIT;
    struct resource v = volume(40, "v", false), plain = resource_scalar(NAME_DISK, 100000), add;
    struct conversion c;
    struct error err;

    reserve(&plain, RESERVATION_DYNAMIC, "eng", "ops");
    resources_add(&total, &plain);
    resources_add(&volumes, &v);
    REQUIRE(conversion_create(&volumes, &c, &err) == 0);
    CHECK_INT(resources_apply(&total, &c, &err), 0);
    conversion_done(&c);
    CHECK_RES(total, "disk(reservations: [(DYNAMIC,eng,ops)]):60; disk(reservations: [(DYNAMIC,eng,ops)])[v:data]:40");

    add = resource_copy(&plain);
    add.milli = 10000;
    REQUIRE(conversion_grow(&v, &add, &c, &err) == 0);
    CHECK_INT(resources_apply(&total, &c, &err), 0);
    conversion_done(&c);
    CHECK_RES(total, "disk(reservations: [(DYNAMIC,eng,ops)]):50; disk(reservations: [(DYNAMIC,eng,ops)])[v:data]:50");

    struct resource grown = resource_copy(&v);
    grown.milli = 50000;
    REQUIRE(conversion_shrink(&grown, 20000, &c, &err) == 0);
    CHECK_INT(resources_apply(&total, &c, &err), 0);
    conversion_done(&c);
    CHECK_RES(total, "disk(reservations: [(DYNAMIC,eng,ops)]):70; disk(reservations: [(DYNAMIC,eng,ops)])[v:data]:30");
    CHECK_INT(conversion_shrink(&grown, 50000, &c, &err), -ERR_INVALID);
    CHECK_INT(conversion_shrink(&grown, 0, &c, &err), -ERR_INVALID);
    CHECK_INT(conversion_grow(&plain, &add, &c, &err), -ERR_INVALID);

    resources_done(&volumes);
    grown.milli = 30000;
    resources_add(&volumes, &grown);
    REQUIRE(conversion_destroy(&volumes, &c, &err) == 0);
    CHECK_INT(resources_apply(&total, &c, &err), 0);
    conversion_done(&c);
    CHECK_RES(total, "disk(reservations: [(DYNAMIC,eng,ops)]):100");
    resource_done(&v);
    resource_done(&plain);
    resource_done(&add);
    resource_done(&grown);
}

TEST("DESTROY of a shared volume needs the last copy")
{
    AUTO total = RESOURCES_INIT;
    AUTO volumes = RESOURCES_INIT;
    struct resource v = volume(40, "v", true);
    struct conversion c;
    struct error err;

    resources_add(&total, &v);
    resources_add(&total, &v);
    resources_add(&volumes, &v);
    REQUIRE(conversion_destroy(&volumes, &c, &err) == 0);
    CHECK_INT(resources_apply(&total, &c, &err), -ERR_CONFLICT);
    CHECK_INT(total.v[0].copies, 2);
    resources_sub(&total, &v);
    CHECK_INT(resources_apply(&total, &c, &err), 0);
    CHECK_RES(total, "disk(reservations: [(DYNAMIC,eng,ops)]):40");
    conversion_done(&c);
    resource_done(&v);
}

TEST("a volume on a PATH disk keeps its source when it is destroyed")
{
    AUTO volumes = RESOURCES_INIT;
    struct resource v = disk(100, DISK_PATH, "/p", NULL);
    struct conversion c;

    reserve(&v, RESERVATION_STATIC, "eng", NULL);
    v.disk->persistence = name_of(STR("id"));
    v.disk->has_volume = true;
    v.disk->mode = VOLUME_RW;
    v.disk->container_path = name_of(STR("d"));
    resources_add_take(&volumes, &v);
    REQUIRE(conversion_destroy(&volumes, &c, NULL) == 0);
    CHECK_RES(c.consumed, "disk(reservations: [(STATIC,eng)])[PATH:/p,id:d]:100");
    CHECK_RES(c.produced, "disk(reservations: [(STATIC,eng)])[PATH:/p]:100");
    conversion_done(&c);
}

TEST("quantities add up over kinds and subtract without going below zero")
{
    AUTO r = resources_lit("cpus:1;cpus(eng):2;mem:10;ports:[1-2]");
    struct quantities q = quantities_of(&r), p, limit = QUANTITIES_INIT;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(256);

    quantities_print(&b, &q);
    CHECK_STR(sbuf_view(&b), STR("cpus:3; mem:10"));
    REQUIRE(quantities_parse(STR("mem:2;cpus:7"), &p, NULL) == 0);
    CHECK(!quantities_contains(&q, &p));
    quantities_sub_all(&q, &p);
    sbuf_clear(&b);
    quantities_print(&b, &q);
    CHECK_STR(sbuf_view(&b), STR("mem:8"));
    CHECK(quantities_contains(&p, &q) == false);
    CHECK(!quantities_has(&q, NAME_CPUS));
    quantities_set(&limit, NAME_CPUS, 0);
    CHECK(quantities_has(&limit, NAME_CPUS));
    CHECK(quantities_is_empty(&limit));
    quantities_done(&q);
    quantities_done(&p);
    quantities_done(&limit);

    struct error err;
    CHECK_INT(quantities_parse(STR("cpus"), &p, &err), -ERR_INVALID);
    CHECK_INT(quantities_parse(STR("cpus:-1"), &p, &err), -ERR_INVALID);
    CHECK_INT(quantities_parse(STR("cpus:1;cpus:2"), &p, &err), -ERR_INVALID);
    CHECK_INT(quantities_parse(STR(""), &p, &err), 0);
    CHECK_INT(p.n, 0);
}

TEST("shrink cuts what can be cut and leaves out what cannot")
{
    struct rng rng;
    struct quantities q;

    rng_seed(&rng, 1);
    REQUIRE(quantities_parse(STR("cpus:1;disk:50"), &q, NULL) == 0);
    AUTO r = resources_lit("cpus:3;mem:100");
    struct resource m = disk(100, DISK_MOUNT, "/m", NULL);
    resources_add_take(&r, &m);

    AUTO part = resources_shrink(&r, &q, false, &rng);
    CHECK_RES(part, "cpus:1"); /* mem is 0 in q; the MOUNT disk of 100 does not fit 50 */
    AUTO limited = resources_shrink(&r, &q, true, &rng);
    CHECK_INT(resources_milli(&limited, NAME_CPUS), 1000);
    CHECK_INT(resources_milli(&limited, NAME_MEM), 100000); /* no limit: untouched */
    CHECK_INT(resources_milli(&limited, NAME_DISK), 0);
    quantities_done(&q);
}

TEST("validity of one resource")
{
    struct error err;
    struct resource r = resource_scalar(NAME_CPUS, 1000);

    CHECK_INT(resource_check(&r, &err), 0);
    r.milli = -1;
    CHECK_INT(resource_check(&r, &err), -ERR_INVALID);
    r.milli = 0;
    CHECK_INT(resource_check(&r, &err), 0);
    r.shared = true;
    CHECK_INT(resource_check(&r, &err), -ERR_INVALID);
    r.shared = false;
    r.disk = disk_new();
    CHECK_INT(resource_check(&r, &err), -ERR_INVALID);
    resource_done(&r);

    r = resource_scalar(NAME_CPUS, 1000);
    reserve(&r, RESERVATION_STATIC, "eng", NULL);
    reserve(&r, RESERVATION_DYNAMIC, "eng/prod", NULL);
    CHECK_INT(resource_check(&r, &err), 0);
    CHECK(resource_has_refined_reservations(&r));
    reserve(&r, RESERVATION_DYNAMIC, "eng/other", NULL);
    CHECK_INT(resource_check(&r, &err), -ERR_INVALID);
    resource_done(&r);

    r = resource_scalar(NAME_CPUS, 1000);
    reserve(&r, RESERVATION_DYNAMIC, "*", NULL);
    CHECK_INT(resource_check(&r, &err), -ERR_INVALID);
    resource_done(&r);

    r = disk(10, DISK_BLOCK, "/x", "b"); /* a BLOCK source with a mount */
    CHECK_INT(resource_check(&r, &err), -ERR_INVALID);
    resource_done(&r);
}

/* --- properties on random collections --- */

static struct resource random_resource(struct rng *rng)
{
    static const char *const roles[] = { "a", "a/b", "c" };
    static const char *const ids[] = { "x", "y" };
    struct resource r;

    switch (rng_below(rng, 6)) {
    case 0:
        r = resource_scalar(NAME_CPUS, (int64_t)rng_below(rng, 5000) + 1);
        break;
    case 1:
        r = resource_scalar(NAME_MEM, (int64_t)rng_below(rng, 500000) + 1);
        break;
    case 2: {
        uint64_t begin = rng_below(rng, 40);
        struct range x = { begin, begin + rng_below(rng, 9) };
        r = resource_ranges(NAME_PORTS, ranges_of(&x, 1));
        break;
    }
    case 3: {
        struct name *n = name_of(STR("things"));
        struct str x[] = { STR("p"), STR("q"), STR("r") };
        r = resource_set(n, set_of(x + rng_below(rng, 3), 1));
        name_unref(n);
        break;
    }
    case 4:
        r = disk(10 * (1 + (int64_t)rng_below(rng, 2)), DISK_MOUNT, "/m", ids[rng_below(rng, 2)]);
        break;
    default:
        r = volume(10, ids[rng_below(rng, 2)], rng_below(rng, 2) == 0);
        return r;
    }
    if (rng_below(rng, 3) == 0)
        reserve(&r, rng_below(rng, 2) == 0 ? RESERVATION_STATIC : RESERVATION_DYNAMIC, roles[rng_below(rng, 3)], NULL);
    if (rng_below(rng, 4) == 0)
        r.revocable = true;
    return r;
}

static struct resources random_resources(struct rng *rng)
{
    struct resources all = RESOURCES_INIT;

    for (uint64_t n = rng_below(rng, 8); n > 0; n--) {
        struct resource r = random_resource(rng);
        resources_add_take(&all, &r);
    }
    return all;
}

static bool has_nonscalar_overlap(const struct resources *a, const struct resources *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        for (uint32_t j = 0; j < b->n; j++)
            if (resource_same_kind(&a->v[i], &b->v[j]) &&
                ((a->v[i].type == VALUE_RANGES && ranges_overlap(a->v[i].ranges, b->v[j].ranges)) ||
                 (a->v[i].type == VALUE_SET && set_overlap(a->v[i].set, b->v[j].set))))
                return true;
    return false;
}

TEST("a + b contains a and b, and minus b it is a again, on random collections")
{
    size_t before = names_count();
    struct rng rng;
    rng_seed(&rng, 42);

    for (int i = 0; i < 4000; i++) {
        AUTO a = random_resources(&rng);
        AUTO b = random_resources(&rng);
        AUTO sum = resources_copy(&a);
        AUTO other = resources_copy(&b);

        resources_add_all(&sum, &b);
        resources_add_all(&other, &a);
        CHECK(resources_contains(&sum, &a));
        CHECK(resources_contains(&sum, &b));
        CHECK(resources_eq(&sum, &other));
        CHECK(resources_hash(&sum) == resources_hash(&other));
        CHECK(resources_eq(&a, &a));
        if (!resources_eq(&a, &b))
            CHECK(!resources_contains(&a, &b) || !resources_contains(&b, &a));
        if (has_nonscalar_overlap(&a, &b))
            continue; /* [1-5] + [4-9] - [4-9] is [1-3] */
        resources_sub_all(&sum, &b);
        if (!CHECK(resources_eq(&sum, &a)))
            return;
        CHECK(resources_hash(&sum) == resources_hash(&a));
    }
    CHECK_INT(names_count(), before);
}

TEST("allocation and selection partition a collection, on random collections")
{
    struct rng rng;
    struct name *role = name_of(STR("web"));
    rng_seed(&rng, 43);

    for (int i = 0; i < 1000; i++) {
        AUTO a = random_resources(&rng);
        AUTO x = resources_reserved(&a);
        AUTO y = resources_unreserved(&a);
        AUTO sum = resources_copy(&x);
        AUTO back = resources_copy(&a);

        resources_add_all(&sum, &y);
        CHECK(resources_eq(&sum, &a));
        resources_allocate(&back, role);
        resources_unallocate(&back);
        CHECK(resources_eq(&back, &a));
    }
    name_unref(role);
}

TEST("shrink stays within the quantities and within the collection, on random collections")
{
    struct rng rng;
    rng_seed(&rng, 44);

    for (int i = 0; i < 2000; i++) {
        AUTO a = random_resources(&rng);
        AUTO other = random_resources(&rng);
        struct quantities q = quantities_of(&other);
        AUTO part = resources_shrink(&a, &q, false, &rng);
        struct quantities got = quantities_of(&part);

        CHECK(quantities_contains(&q, &got));
        CHECK(resources_contains(&a, &part));
        quantities_done(&q);
        quantities_done(&got);
    }
}
