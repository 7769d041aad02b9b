/* SPDX-License-Identifier: Apache-2.0 */
/* The matcher: resources over several entries and roles, ports of every kind, reasons with numbers. */
#include "marathon/core/normalise.h"
#include "marathon/core/taskenv.h"
#include "tests/support/test.h"

static struct marathon_config config;
static struct rng rng;
static struct offer_resource resources[8];
static struct port_range ranges[16];
static struct attribute attributes[1];
static struct offer offer;
static struct arena arena;

static struct app *an_app(double cpus, size_t ports)
{
    struct app *a = arena_alloc(&arena, sizeof *a);
    struct port_definition *d = arena_array(&arena, ports + 1, sizeof *d);

    a->id = STR("/web");
    a->cmd = STR("xx");
    a->cpus = (struct opt_f64){ true, cpus };
    a->mem = (struct opt_f64){ true, 32 };
    for (size_t i = 0; i < ports; i++)
        d[i] = (struct port_definition){ .port = { true, 0 }, .protocol = { true, PROTO_TCP } };
    a->port_definitions = (struct list){ true, ports, d };
    app_fill(a, &config, STR("/"), HEALTH_PORTS_STATED, &arena);
    return a;
}

static void begin(void)
{
    arena_done(&arena); /* some cases begin twice */
    arena_init(&arena, 1 << 20);
    marathon_config_init(&config);
    rng_seed(&rng, 7);
    ranges[0] = (struct port_range){ 31000, 31001 };
    ranges[1] = (struct port_range){ 31005, 31005 };
    attributes[0] = (struct attribute){ STR("rack"), STR("r1"), VALUE_KIND_TEXT };
    resources[0] = (struct offer_resource){ .name = STR("cpus"), .role = STR("*"), .milli = 1000 };
    resources[1] = (struct offer_resource){ .name = STR("cpus"), .role = STR("dev"), .milli = 500 };
    resources[2] = (struct offer_resource){ .name = STR("mem"), .role = STR("*"), .milli = 64000 };
    resources[3] = (struct offer_resource){ .name = STR("ports"),
                                            .role = STR("*"),
                                            .kind = VALUE_KIND_RANGES,
                                            .ranges = ranges,
                                            .range_count = 2,
                                            .range_cap = 16 };
    offer = (struct offer){ .id = STR("o"),
                            .agent_id = STR("a"),
                            .hostname = STR("h"),
                            .role = STR("*"),
                            .attributes = attributes,
                            .attribute_count = 1,
                            .resources = resources,
                            .resource_count = 4 };
}

static struct match try_it(const struct app *a)
{
    struct match_context mc = { .config = &config, .arena = &arena, .rng = &rng };
    struct match m;

    mc.placed = arena_array(&arena, a->constraints.n + 1, sizeof *mc.placed);
    match_try(a, &offer, &mc, &m);
    return m;
}

TEST("what a match takes is gone for the next one")
{
    begin();
    struct match m = try_it(an_app(0.4, 1));
    CHECK_INT(m.reason, REJECT_NONE);
    CHECK_INT(m.pick_count, 3);
    CHECK_INT(resources[0].milli, 600);
    CHECK_INT(resources[2].milli, 32000);
    CHECK_INT(try_it(an_app(0.4, 1)).reason, REJECT_NONE);
    m = try_it(an_app(0.4, 1));
    CHECK_INT(m.reason, REJECT_CPUS);
    CHECK_INT(m.need_milli, 400);
    CHECK_INT(m.have_milli, 200);
    CHECK_INT(m.reasons, (1 << REJECT_CPUS) | (1 << REJECT_MEM));
    CHECK_INT(resources[0].milli, 200);
    arena_done(&arena);
}

TEST("resources of other roles are not used, those of the own role are, and one amount may come from several "
     "entries")
{
    begin();
    struct match short_of = try_it(an_app(1.2, 0));
    CHECK_INT(short_of.reason, REJECT_CPUS);
    CHECK(str_contains(str_of(short_of.detail), STR("needs 1.2 cpus; of the 1.5 that are offered, 1 are of a role that it accepts")));
    struct app *a = an_app(1.2, 0);
    a->role = STR("dev");
    CHECK_INT(try_it(a).reason, REJECT_ROLE);
    offer.role = STR("dev");
    struct match m = try_it(a);
    CHECK_INT(m.reason, REJECT_NONE);
    CHECK_INT(m.picks[0].milli, 1000);
    CHECK_INT(m.picks[1].milli, 200);
    CHECK_INT(resources[1].milli, 300);
    arena_done(&arena);
}

TEST("volumes, whole disks and labelled reservations are never plain resources")
{
    begin();
    resources[0].labelled = true;
    CHECK_INT(try_it(an_app(0.1, 0)).reason, REJECT_CPUS);
    resources[0].labelled = false;
    resources[0].volume = true;
    CHECK_INT(try_it(an_app(0.1, 0)).reason, REJECT_CPUS);
    arena_done(&arena);
}

TEST("random ports are offered ones and differ; too many are refused with numbers")
{
    begin();
    struct match m = try_it(an_app(0.1, 3));
    CHECK_INT(m.reason, REJECT_NONE);
    CHECK(m.ports[0] != m.ports[1] && m.ports[1] != m.ports[2] && m.ports[0] != m.ports[2]);
    for (int i = 0; i < 3; i++)
        CHECK(m.ports[i] == 31000 || m.ports[i] == 31001 || m.ports[i] == 31005);
    CHECK_INT(resources[3].range_count, 0);
    begin();
    m = try_it(an_app(0.1, 4));
    CHECK_INT(m.reason, REJECT_PORTS);
    CHECK_INT(m.need_milli, 4000);
    CHECK_INT(m.have_milli, 3000);
    arena_done(&arena);
}

TEST("required ports are taken exactly, and cut their range in two")
{
    begin();
    ranges[0] = (struct port_range){ 31000, 31010 };
    resources[3].range_count = 1;
    struct app *a = an_app(0.1, 2);
    LIST_AT(a->port_definitions, struct port_definition, 0)->port.v = 31004;
    a->require_ports.v = true;
    struct match m = try_it(a);
    CHECK_INT(m.reason, REJECT_NONE);
    CHECK_INT(m.ports[0], 31004);
    CHECK(m.ports[1] != 31004);
    m = try_it(a);
    CHECK_INT(m.reason, REJECT_PORTS);
    CHECK_CSTR(m.detail, "host port 31004 is not offered");
    arena_done(&arena);
}

TEST("without requirePorts the stated number is a service port only")
{
    begin();
    struct app *a = an_app(0.1, 1);
    LIST_AT(a->port_definitions, struct port_definition, 0)->port.v = 80;
    CHECK_INT(try_it(a).reason, REJECT_NONE);
    arena_done(&arena);
}

TEST("agents in maintenance and agents with GPUs are left alone")
{
    begin();
    offer.unavailable_from = (struct opt_time){ true, { 0 } };
    CHECK_INT(try_it(an_app(0.1, 0)).reason, REJECT_MAINTENANCE);
    config.maintenance_mode = false;
    CHECK_INT(try_it(an_app(0.1, 0)).reason, REJECT_NONE);
    begin();
    resources[4] = (struct offer_resource){ .name = STR("gpus"), .role = STR("*"), .milli = 1000 };
    offer.resource_count = 5;
    CHECK_INT(try_it(an_app(0.1, 0)).reason, REJECT_SCARCE);
    config.gpu_restricted = false;
    CHECK_INT(try_it(an_app(0.1, 0)).reason, REJECT_NONE);
    arena_done(&arena);
}

TEST("an offer of another region needs a constraint that says so")
{
    begin();
    offer.region = STR("west");
    offer.home_region = STR("east");
    CHECK_INT(try_it(an_app(0.1, 0)).reason, REJECT_CONSTRAINT);
    struct app *a = an_app(0.1, 0);
    struct constraint c = {
        .field = STR("@region"), .op = { true, OP_IS }, .value = STR("west"), .parts = { true, 3 }
    };
    a->constraints = (struct list){ true, 1, &c };
    CHECK_INT(try_it(a).reason, REJECT_NONE);
    arena_done(&arena);
}

static struct str env_of(const struct list *env, const char *name)
{
    LIST_EACH(*env, struct task_variable, kv)
    if (str_is(kv->k, name))
        return kv->v;
    return (struct str){ NULL, 0 };
}

TEST("the environment names ports, resources and labels, and the user's own wins")
{
    begin();
    struct app *a = an_app(0.5, 2);
    struct kv label = { STR("my-label"), STR("v") };
    struct env_value own[2] = { { .name = STR("HOST"), .value = STR("mine") },
                                { .name = STR("X"), .value = STR("1") } };
    LIST_AT(a->port_definitions, struct port_definition, 0)->name = STR("http-api");
    LIST_AT(a->port_definitions, struct port_definition, 1)->port.v = 10001;
    a->labels = (struct list){ true, 1, &label };
    a->env = (struct list){ true, 2, own };
    struct spec spec = { .version = { 1700000000000 }, .app = *a };
    uint32_t ports[2] = { 31000, 31001 };
    struct launch l = { .task_id = STR("web.instance-x._app.1"),
                        .spec = &spec,
                        .hostname = STR("h"),
                        .ports = ports,
                        .container_ports = ports,
                        .port_count = 2 };
    static const struct {
        const char *name, *value;
    } want[] = {
        { "MESOS_TASK_ID", "web.instance-x._app.1" },
        { "MARATHON_APP_ID", "/web" },
        { "MARATHON_APP_VERSION", "2023-11-14T22:13:20.000Z" },
        { "MARATHON_APP_RESOURCE_CPUS", "0.5" },
        { "MARATHON_APP_RESOURCE_MEM", "32.0" },
        { "MARATHON_APP_RESOURCE_GPUS", "0" },
        { "MARATHON_APP_LABELS", "MY_LABEL" },
        { "MARATHON_APP_LABEL_MY_LABEL", "v" },
        { "HOST", "mine" },
        { "PORT", "31000" },
        { "PORT0", "31000" },
        { "PORT1", "31001" },
        { "PORTS", "31000,31001" },
        { "PORT_HTTP-API", "31000" },
        { "PORT_31000", "31000" },
        { "PORT_10001", "31001" },
        { "X", "1" },
        { "MARATHON_APP_DOCKER_IMAGE", NULL },
    };
    struct list env = task_env(&l, &config, false, &(struct list){ 0 }, &arena);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        if (!str_eq(env_of(&env, want[i].name), str_of(want[i].value)))
            test_fail(__FILE__, __LINE__, "%s is '%.*s'", want[i].name, STR_ARG(env_of(&env, want[i].name)));
    arena_done(&arena);
}
