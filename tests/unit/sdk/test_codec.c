/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of the public header to messages and back, seen as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/types.h"
#include "scheduler-sdk/core/decode.h"
#include "scheduler-sdk/core/encode.h"
#include "tests/support/test.h"

static const struct stoa_resource cpus = { .name = "cpus", .milli = 1500 };
static const struct stoa_range two_ports[] = { { 31000, 31001 } };
static const struct stoa_resource ports = {
    .name = "ports", .type = STOA_RANGES, .ranges = two_ports, .range_count = 1
};

/* Checks the field 1 of b against JSON, by meaning of the bytes. */
static void check_json(struct sbuf *b, const char *type, const char *want)
{
    struct sbuf json = SBUF_INIT(100000), again = SBUF_INIT(100000), want_bytes = SBUF_INIT(100000);
    struct str bytes = wire_field_bytes(sbuf_view(b), 1);
    struct error err = { .msg = "" };

    CHECK(json_from_wire(&json, wire_type(str_of(type)), bytes));
    CHECK_INT(json_to_wire(wire_type(str_of(type)), str_of(want), &want_bytes, &err), 0);
    CHECK_CSTR(err.msg, "");
    CHECK(json_from_wire(&again, wire_type(str_of(type)), sbuf_view(&want_bytes)));
    CHECK_STR(sbuf_view(&json), sbuf_view(&again));
    sbuf_done(&json);
    sbuf_done(&again);
    sbuf_done(&want_bytes);
}

static void check_task(const struct stoa_task *t, const char *want)
{
    struct sbuf b = SBUF_INIT(100000);
    struct error err = { .msg = "" };

    CHECK_INT(sdk_put_task(&b, 1, t, "a1", STR("f1"), &err), 0);
    CHECK_CSTR(err.msg, "");
    check_json(&b, "mesos.v1.TaskInfo", want);
    sbuf_done(&b);
}

TEST("a plain command task")
{
    const struct stoa_command command = { .value = "sleep 1" };

    check_task(
        &(struct stoa_task){ .id = "t1", .resources = &cpus, .resource_count = 1, .command = &command },
        "{\"name\":\"t1\",\"task_id\":{\"value\":\"t1\"},\"agent_id\":{\"value\":\"a1\"},\"resources\":[{"
        "\"name\":\"cpus\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5}}],\"command\":{\"value\":\"sleep "
        "1\",\"shell\":true}}");
}

TEST("a task with everything")
{
    static const char *const argv[] = { "server", "--port", "80" };
    static const struct stoa_variable env[] = { { .name = "A", .value = "1" }, { .name = "B" }, { "C", "k", true } };
    static const struct stoa_uri uris[] = {
        { .value = "http://x/a.tgz" },
        { .value = "file:///b", .executable = true, .no_extract = true, .output_file = "bin" }
    };
    static const struct stoa_label labels[] = { { "team", "web" }, { "bare", NULL } };
    static const struct stoa_port discovery_ports[] = {
        { .number = 31000, .name = "http", .protocol = "tcp", .labels = labels, .label_count = 1 }
    };
    static const struct stoa_discovery discovery = {
        .visibility = STOA_VISIBLE_FRAMEWORK, .name = "web", .ports = discovery_ports, .port_count = 1
    };
    static const struct stoa_command command = { .value = "/bin/server",
                                                 .argv = argv,
                                                 .argc = 3,
                                                 .environment = env,
                                                 .environment_count = 3,
                                                 .uris = uris,
                                                 .uri_count = 2,
                                                 .user = "www" };
    static const struct stoa_check health = { .type = STOA_CHECK_HTTP,
                                              .port = 31000,
                                              .path = "/health",
                                              .scheme = "https",
                                              .delay_s = -1,
                                              .interval_s = 5,
                                              .consecutive_failures = 2,
                                              .ipv6 = true };
    static const struct stoa_check check = { .type = STOA_CHECK_TCP, .port = 31001 };
    const struct stoa_resource resources[] = { cpus, ports };
    const struct stoa_task t = { .id = "t2",
                                 .name = "web",
                                 .agent_id = "a2",
                                 .resources = resources,
                                 .resource_count = 2,
                                 .command = &command,
                                 .health_check = &health,
                                 .check = &check,
                                 .discovery = &discovery,
                                 .labels = labels,
                                 .label_count = 2,
                                 .data = { "x", 1 },
                                 .kill_grace_s = 2.5,
                                 .max_completion_s = 60,
                                 .mem_limit_milli = -1,
                                 .cpus_limit_milli = 2000,
                                 .container_json = "{\"type\":\"MESOS\",\"hostname\":\"h\"}" };

    check_task(&t, "{\"name\":\"web\",\"task_id\":{\"value\":\"t2\"},\"agent_id\":{\"value\":\"a2\"},"
                   "\"resources\":[{\"name\":\"cpus\","
                   "\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5}},{\"name\":\"ports\",\"type\":\"RANGES\","
                   "\"ranges\":{\"range\":[{"
                   "\"begin\":31000,\"end\":31001}]}}],\"data\":\"eA==\",\"command\":{\"uris\":[{\"value\":"
                   "\"http://x/a.tgz\",\"executable\":false,"
                   "\"extract\":true,\"cache\":false},{\"value\":\"file:///"
                   "b\",\"executable\":true,\"extract\":false,\"cache\":false,"
                   "\"output_file\":\"bin\"}],\"environment\":{\"variables\":[{\"name\":\"A\",\"value\":"
                   "\"1\"},{\"name\":\"B\",\"value\":\"\"},{\"name\":\"C\",\"type\":\"SECRET\","
                   "\"secret\":{\"type\":\"VALUE\",\"value\":{\"data\":\"aw==\"}}}]},"
                   "\"value\":\"/bin/"
                   "server\",\"user\":\"www\",\"shell\":false,\"arguments\":[\"server\",\"--port\",\"80\"]},"
                   "\"health_check\":{\"http\":{\"port\":31000,\"path\":\"/"
                   "health\",\"scheme\":\"https\",\"protocol\":\"IPv6\"},"
                   "\"delay_seconds\":0,\"interval_seconds\":5,\"consecutive_failures\":2,\"type\":\"HTTP\"},"
                   "\"container\":{\"type\":\"MESOS\",\"hostname\":\"h\"},\"labels\":{\"labels\":[{\"key\":"
                   "\"team\",\"value\":\"web\"},"
                   "{\"key\":\"bare\"}]},\"discovery\":{\"visibility\":\"FRAMEWORK\",\"name\":\"web\","
                   "\"ports\":{\"ports\":[{\"number\":31000,"
                   "\"name\":\"http\",\"protocol\":\"tcp\",\"labels\":{\"labels\":[{\"key\":\"team\","
                   "\"value\":\"web\"}]}}]}},"
                   "\"kill_policy\":{\"grace_period\":{\"nanoseconds\":2500000000}},\"check\":{\"type\":"
                   "\"TCP\",\"tcp\":{\"port\":31001}},"
                   "\"max_completion_time\":{\"nanoseconds\":60000000000},\"limits\":{\"cpus\":{\"value\":2},"
                   "\"mem\":{\"value\":\"Infinity\"}}}");
}

TEST("JSON is merged under the typed fields, lists are joined")
{
    static const struct stoa_command command = { .value = "run" };
    const struct stoa_task t = {
        .id = "t3",
        .command = &command,
        .resources = &cpus,
        .resource_count = 1,
        .info_json = "{\"name\":\"from json\",\"command\":{\"value\":\"under\",\"user\":\"u\"},"
                     "\"resources\":[{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}],"
                     "\"container\":{\"type\":\"DOCKER\",\"docker\":{\"image\":\"i\"}}}"
    };

    check_task(&t, "{\"name\":\"from "
                   "json\",\"task_id\":{\"value\":\"t3\"},\"agent_id\":{\"value\":\"a1\"},\"resources\":[{"
                   "\"name\":\"mem\","
                   "\"type\":\"SCALAR\",\"scalar\":{\"value\":32}},{\"name\":\"cpus\",\"type\":\"SCALAR\","
                   "\"scalar\":{\"value\":1.5}}],"
                   "\"command\":{\"value\":\"run\",\"user\":\"u\",\"shell\":true},\"container\":{\"type\":"
                   "\"DOCKER\",\"docker\":{\"image\":\"i\"}}}");
}

TEST("a task with an executor of our own gets the framework's id")
{
    const struct stoa_executor e = { .id = "e1",
                                     .command = { .value = "./executor" },
                                     .resources = &cpus,
                                     .resource_count = 1,
                                     .shutdown_grace_s = 7,
                                     .data = { "d", 1 } };

    check_task(&(struct stoa_task){ .id = "t4", .executor = &e },
               "{\"name\":\"t4\",\"task_id\":{\"value\":\"t4\"},\"agent_id\":{\"value\":\"a1\"},\"executor\":"
               "{\"executor_id\":{\"value\":\"e1\"},"
               "\"data\":\"ZA==\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{"
               "\"value\":1.5}}],"
               "\"command\":{\"value\":\"./executor\",\"shell\":true},\"framework_id\":{\"value\":\"f1\"},"
               "\"shutdown_grace_period\":{\"nanoseconds\":7000000000},\"type\":\"CUSTOM\"}}");
}

static const struct {
    const char *name;
    struct stoa_task task;
    const char *agent, *error;
} bad_tasks[] = {
    { "no id", { .name = "x" }, "a", "a task has no id" },
    { "no agent", { .id = "t" }, NULL, "task t: TaskInfo: missing required fields: agent_id" },
    { "bad JSON",
      { .id = "t", .info_json = "{" },
      "a",
      "task t: JSON, line 1 column 2: a name in quotes is due" },
    { "wrong JSON", { .id = "t", .info_json = "{\"labels\":1}" }, "a", "task t: labels: 1 is not an object" },
    { "a container without type",
      { .id = "t", .container_json = "{}" },
      "a",
      "task t: ContainerInfo: missing required fields: type" },
    { "a check without port",
      { .id = "t", .check = &(struct stoa_check){ .type = STOA_CHECK_TCP } },
      "a",
      "task t: task t: the port of a check is 0; use 1 to 65535" },
    { "a resource without name",
      { .id = "t", .resources = &(struct stoa_resource){ .milli = 1 }, .resource_count = 1 },
      "a",
      "task t: a resource has no name" },
    { "raw bytes that are no resource",
      { .id = "t", .resources = &(struct stoa_resource){ .raw = { "x", 1 } }, .resource_count = 1 },
      "a",
      "task t: Resource: the protobuf bytes are malformed or cut short" },
};

TEST("wrong tasks are refused with their ids")
{
    for (size_t i = 0; i < sizeof bad_tasks / sizeof bad_tasks[0]; i++) {
        struct sbuf b = SBUF_INIT(100000);
        struct error err = { .msg = "" };

        CHECK(sdk_put_task(&b, 1, &bad_tasks[i].task, bad_tasks[i].agent, STR("f"), &err) < 0);
        if (!CHECK_CSTR(err.msg, bad_tasks[i].error))
            printf("# %s\n", bad_tasks[i].name);
        sbuf_done(&b);
    }
}

static void check_operation(const struct stoa_operation *o, const char *want)
{
    struct sbuf b = SBUF_INIT(100000);
    struct error err = { .msg = "" };

    CHECK_INT(sdk_put_operation(&b, 1, o, "a1", STR("f1"), &err), 0);
    CHECK_CSTR(err.msg, "");
    check_json(&b, "mesos.v1.Offer.Operation", want);
    sbuf_done(&b);
}

TEST("operations of each kind")
{
    static const struct stoa_reservation reservation = { .role = "web", .principal = "p" };
    static const struct stoa_resource reserved = {
        .name = "cpus", .milli = 1000, .reservations = &reservation, .reservation_count = 1
    };
    static const struct stoa_resource volume = { .name = "disk",
                                                 .milli = 64000,
                                                 .reservations = &reservation,
                                                 .reservation_count = 1,
                                                 .persistence_id = "v",
                                                 .persistence_principal = "p",
                                                 .volume_container_path = "data" };
    const struct stoa_resource grow[] = { volume, { .name = "disk", .milli = 1000 } };
    static const struct stoa_resource raw_disk = {
        .name = "disk", .milli = 1000, .disk_source = STOA_DISK_RAW, .disk_id = "i", .disk_profile = "fast"
    };
    static const struct stoa_command command = { .value = "x" };
    static const struct stoa_task task = { .id = "t", .command = &command };
    static const struct stoa_executor executor = { .id = "e", .type = STOA_EXECUTOR_DEFAULT };
    const char *one = "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"reservations\":[{"
                      "\"type\":\"DYNAMIC\",\"role\":\"web\","
                      "\"principal\":\"p\"}]}";
    char want[1000];

    (void)snprintf(want, sizeof want,
                   "{\"type\":\"RESERVE\",\"id\":{\"value\":\"op\"},\"reserve\":{\"resources\":[%s]}}", one);
    check_operation(
        &(struct stoa_operation){
            .type = STOA_OP_RESERVE, .id = "op", .resources = &reserved, .resource_count = 1 },
        want);
    (void)snprintf(want, sizeof want, "{\"type\":\"UNRESERVE\",\"unreserve\":{\"resources\":[%s]}}", one);
    check_operation(
        &(struct stoa_operation){ .type = STOA_OP_UNRESERVE, .resources = &reserved, .resource_count = 1 },
        want);
    check_operation(
        &(struct stoa_operation){ .type = STOA_OP_CREATE, .resources = &volume, .resource_count = 1 },
        "{\"type\":\"CREATE\",\"create\":{\"volumes\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{"
        "\"value\":64},"
        "\"disk\":{\"persistence\":{\"id\":\"v\",\"principal\":\"p\"},\"volume\":{\"container_path\":"
        "\"data\",\"mode\":\"RW\"}},"
        "\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\",\"principal\":\"p\"}]}]}}");
    check_operation(
        &(struct stoa_operation){ .type = STOA_OP_GROW_VOLUME, .resources = grow, .resource_count = 2 },
        "{\"type\":\"GROW_VOLUME\",\"grow_volume\":{\"volume\":{\"name\":\"disk\",\"type\":\"SCALAR\","
        "\"scalar\":{\"value\":64},"
        "\"disk\":{\"persistence\":{\"id\":\"v\",\"principal\":\"p\"},\"volume\":{\"container_path\":"
        "\"data\",\"mode\":\"RW\"}},"
        "\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\",\"principal\":\"p\"}]},\"addition\":{"
        "\"name\":\"disk\","
        "\"type\":\"SCALAR\",\"scalar\":{\"value\":1}}}}");
    check_operation(&(struct stoa_operation){ .type = STOA_OP_SHRINK_VOLUME,
                                              .resources = &reserved,
                                              .resource_count = 1,
                                              .subtract_milli = 500 },
                    "{\"type\":\"SHRINK_VOLUME\",\"shrink_volume\":{\"volume\":{\"name\":\"cpus\",\"type\":"
                    "\"SCALAR\",\"scalar\":{\"value\":1},"
                    "\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\",\"principal\":\"p\"}]},"
                    "\"subtract\":{\"value\":0.5}}}");
    check_operation(&(struct stoa_operation){ .type = STOA_OP_CREATE_DISK,
                                              .resources = &raw_disk,
                                              .resource_count = 1,
                                              .target_type = STOA_DISK_MOUNT },
                    "{\"type\":\"CREATE_DISK\",\"create_disk\":{\"source\":{\"name\":\"disk\",\"type\":"
                    "\"SCALAR\",\"scalar\":{\"value\":1},"
                    "\"disk\":{\"source\":{\"type\":\"RAW\",\"id\":\"i\",\"profile\":\"fast\"}}},\"target_"
                    "type\":\"MOUNT\"}}");
    check_operation(
        &(struct stoa_operation){
            .type = STOA_OP_LAUNCH_GROUP, .tasks = &task, .task_count = 1, .executor = &executor },
        "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{\"executor\":{\"executor_id\":{\"value\":\"e\"},"
        "\"framework_id\":{\"value\":\"f1\"},"
        "\"type\":\"DEFAULT\"},\"task_group\":{\"tasks\":[{\"name\":\"t\",\"task_id\":{\"value\":\"t\"},"
        "\"agent_id\":{\"value\":\"a1\"},"
        "\"command\":{\"value\":\"x\",\"shell\":true}}]}}}");
}

TEST("what a framework says of itself")
{
    static const char *const roles[] = { "web", "web/eu" };
    const struct stoa_options o = {
        .name = "n",
        .user = "u",
        .roles = roles,
        .role_count = 2,
        .failover_timeout_s = 60,
        .checkpoint = true,
        .capabilities = STOA_CAP_PARTITION_AWARE,
        .principal = "p",
        .framework_json = "{\"id\":{\"value\":\"not ours to say\"},\"offer_filters\":{\"web\":{}}}"
    };
    struct sbuf b = SBUF_INIT(10000), outer = SBUF_INIT(10000);
    struct error err = { .msg = "" };

    CHECK_INT(sdk_framework_info(&b, &o, "nobody", &err), 0);
    wire_put_bytes(&outer, 1, sbuf_view(&b));
    check_json(&outer, "mesos.v1.FrameworkInfo",
               "{\"user\":\"u\",\"name\":\"n\",\"failover_timeout\":60,\"checkpoint\":true,\"roles\":["
               "\"web\",\"web/eu\"],\"principal\":\"p\","
               "\"capabilities\":[{\"type\":\"PARTITION_AWARE\"},{\"type\":\"MULTI_ROLE\"},{\"type\":"
               "\"RESERVATION_REFINEMENT\"}],"
               "\"offer_filters\":{\"web\":{}}}");
    sbuf_clear(&b);
    CHECK_INT(sdk_framework_info(&b, &(struct stoa_options){ .user = "u" }, "nobody", &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, "framework: the framework has no name");
    sbuf_done(&b);
    sbuf_done(&outer);
}

TEST("a FrameworkInfo that the program has already goes as it is, but for the id")
{
    static const struct sbuf none = { .max = 10000 };
    struct sbuf given = none, b = none;
    struct error err = { .msg = "" };

    CHECK_INT(json_to_wire(wire_type(STR("mesos.v1.FrameworkInfo")),
                           STR("{\"user\":\"u\",\"name\":\"n\",\"id\":{\"value\":\"i\"},\"role\":\"r\"}"), &given, &err),
              0);
    struct stoa_options o = { .name = "other", .framework_info = { given.p, given.n } };
    CHECK_INT(sdk_framework_info(&b, &o, "nobody", &err), 0);
    CHECK_STR(wire_field_bytes(sbuf_view(&b), 2), STR("n"));
    CHECK_STR(wire_field_bytes(sbuf_view(&b), 6), STR("r"));
    CHECK(wire_field_bytes(sbuf_view(&b), 3).p == NULL && wire_field_bytes(sbuf_view(&b), 10).p == NULL);
    sbuf_clear(&b);
    o.framework_info = (struct stoa_bytes){ "\x0a\x05u", 3 };
    CHECK_INT(sdk_framework_info(&b, &o, "nobody", &err), -ERR_INVALID);
    sbuf_done(&b);
    sbuf_done(&given);
}

/* --- decoding --- */

static bool decode_json(const char *json, struct arena *a, struct sbuf *bytes, struct sdk_event *ret)
{
    struct error err = { .msg = "" };

    sbuf_clear(bytes);
    if (json_to_wire(wire_type(STR("mesos.v1.scheduler.Event")), str_of(json), bytes, &err) != 0 ||
        sdk_decode(sbuf_view(bytes), a, ret, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        return false;
    }
    return true;
}

TEST("an offer with resources, attributes, place and maintenance")
{
    struct arena a = ARENA_INIT(1 << 20);
    struct sbuf bytes = SBUF_INIT(100000), b = SBUF_INIT(1000);
    struct sdk_event e;
    struct error err;

    REQUIRE(
        decode_json("{\"type\":\"OFFERS\",\"offers\":{\"offers\":[{\"id\":{\"value\":\"o1\"},\"framework_"
                    "id\":{\"value\":\"f\"},"
                    "\"agent_id\":{\"value\":\"a1\"},\"hostname\":\"h1\",\"url\":{\"scheme\":\"http\","
                    "\"address\":{\"ip\":\"10.0.0.1\",\"port\":5051}},"
                    "\"domain\":{\"fault_domain\":{\"region\":{\"name\":\"eu\"},\"zone\":{\"name\":\"z1\"}}},"
                    "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":2.001},"
                    "\"allocation_info\":{\"role\":\"web\"}},"
                    "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"reservations\":[{"
                    "\"type\":\"STATIC\",\"role\":\"web\"},"
                    "{\"type\":\"DYNAMIC\",\"role\":\"web/eu\",\"principal\":\"p\"}]},"
                    "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":1,\"end\":5}]}"
                    ",\"role\":\"old\"}],"
                    "\"attributes\":[{\"name\":\"rack\",\"type\":\"TEXT\",\"text\":{\"value\":\"r1\"}},{"
                    "\"name\":\"n\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4}}],"
                    "\"executor_ids\":[{\"value\":\"e1\"}],\"allocation_info\":{\"role\":\"web\"},"
                    "\"unavailability\":{\"start\":{\"nanoseconds\":5},\"duration\":{\"nanoseconds\":7}}}]}}",
                    &a, &bytes, &e));
    REQUIRE(e.type == SDK_EVENT_OFFERS);
    REQUIRE(e.offers.count == 1);
    const struct stoa_offer *o = &e.offers.list[0];
    CHECK_CSTR(o->id, "o1");
    CHECK_CSTR(o->agent_id, "a1");
    CHECK_CSTR(o->hostname, "h1");
    CHECK_CSTR(o->agent_ip, "10.0.0.1");
    CHECK_INT(o->agent_port, 5051);
    CHECK_CSTR(o->region, "eu");
    CHECK_CSTR(o->zone, "z1");
    CHECK_CSTR(o->allocation_role, "web");
    CHECK(o->has_unavailability);
    CHECK_INT(o->unavailability_duration_ns, 7);
    CHECK_CSTR(o->executor_ids[0], "e1");
    REQUIRE(o->resource_count == 3);
    CHECK_INT(o->resources[0].milli, 2001);
    CHECK_CSTR(o->resources[0].role, "*");
    CHECK_CSTR(o->resources[1].role, "web/eu");
    CHECK(o->resources[1].reservations[0].is_static);
    CHECK_CSTR(o->resources[1].reservations[1].principal, "p");
    CHECK_CSTR(o->resources[2].role, "old");
    CHECK(o->resources[2].reservation_count == 1 && o->resources[2].reservations[0].is_static);
    CHECK_INT(o->resources[2].ranges[0].end, 5);
    CHECK_CSTR(o->attributes[0].text, "r1");
    CHECK_INT(o->attributes[1].milli, 4000);
    CHECK_INT(stoa_offer_scalar_milli(o, "cpus"), 3001);
    /* A resource that is passed on as it came keeps its bytes. */
    CHECK_INT(sdk_put_resource(&b, 1, &o->resources[2], &err), 0);
    check_json(&b, "mesos.v1.Resource",
               "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":1,\"end\":5}]},"
               "\"role\":\"old\"}");
    arena_done(&a);
    sbuf_done(&bytes);
    sbuf_done(&b);
}

TEST("a part of an offer: unreserved first, never more than there is")
{
    static const struct stoa_reservation r = { .role = "web" };
    const struct stoa_resource in[] = {
        { .name = "cpus", .milli = 1000, .reservations = &r, .reservation_count = 1, .raw = { "r", 1 } },
        { .name = "cpus", .milli = 500, .raw = { "u", 1 } },
        { .name = "mem", .milli = 9000 }
    };
    const struct stoa_offer o = { .resources = in, .resource_count = 3 };
    struct stoa_resource out[3];
    size_t n = 0;

    CHECK(stoa_offer_take(&o, "cpus", 700, out, &n, 3));
    CHECK_INT(n, 2);
    CHECK_INT(out[0].milli, 500);
    CHECK(out[0].raw.p != NULL); /* taken whole */
    CHECK_INT(out[1].milli, 200);
    CHECK(out[1].raw.p == NULL);
    CHECK_INT(out[1].reservation_count, 1);
    CHECK(!stoa_offer_take(&o, "cpus", 1501, out, &n, 3));
    CHECK(!stoa_offer_take(&o, "cpus", 600, out, &n, 3)); /* two more entries do not fit */
    CHECK_INT(n, 2);
    CHECK(stoa_offer_take(&o, "mem", 1, out, &n, 3));
    CHECK_INT(n, 3);
}

TEST("several tasks on one offer: what was taken is gone, what is not enough stays whole")
{
    struct stoa_resource rest[] = { { .name = "cpus", .milli = 1000, .raw = { "u", 1 } } }, out[3];
    size_t n = 0;

    CHECK(stoa_take(rest, 1, "cpus", 600, out, &n, 3));
    CHECK_INT(rest[0].milli, 400);
    CHECK(rest[0].raw.p == NULL);
    CHECK(!stoa_take(rest, 1, "cpus", 600, out, &n, 3));
    CHECK_INT(rest[0].milli, 400);
    CHECK(stoa_take(rest, 1, "cpus", 400, out, &n, 3));
    CHECK_INT(out[1].milli, 400);
    CHECK_INT(rest[0].milli, 0);
    CHECK_INT(n, 2);
}

TEST("a status with everything")
{
    struct arena a = ARENA_INIT(1 << 20);
    struct sbuf bytes = SBUF_INIT(100000);
    struct sdk_event e;

    REQUIRE(decode_json("{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":\"t\"},"
                        "\"state\":\"TASK_RUNNING\",\"message\":\"m\","
                        "\"source\":\"SOURCE_EXECUTOR\",\"reason\":\"REASON_TASK_HEALTH_CHECK_STATUS_"
                        "UPDATED\",\"agent_id\":{\"value\":\"a\"},"
                        "\"timestamp\":1.5,\"uuid\":\"AAECAwQFBgcICQoLDA0ODw==\",\"healthy\":false,\"check_"
                        "status\":{\"type\":\"HTTP\",\"http\":{\"status_code\":503}},"
                        "\"labels\":{\"labels\":[{\"key\":\"k\"}]},\"container_status\":{\"container_id\":{"
                        "\"value\":\"c\",\"parent\":{\"value\":\"p\"}},"
                        "\"network_infos\":[{\"ip_addresses\":[{\"ip_address\":\"10.0.0.2\"}]},{\"name\":"
                        "\"net\",\"ip_addresses\":[{\"protocol\":\"IPv6\","
                        "\"ip_address\":\"::2\"}]}],\"executor_pid\":77},\"limitation\":{\"resources\":[{"
                        "\"name\":\"mem\",\"type\":\"SCALAR\","
                        "\"scalar\":{\"value\":32}}]}}}}",
                        &a, &bytes, &e));
    REQUIRE(e.type == SDK_EVENT_UPDATE);
    const struct stoa_status *s = &e.status;
    CHECK_CSTR(s->task_id, "t");
    CHECK_CSTR(s->state_name, "TASK_RUNNING");
    CHECK(!s->is_terminal);
    CHECK_INT(s->source, STOA_SOURCE_EXECUTOR);
    CHECK_INT(s->reason, 29);
    CHECK_CSTR(s->reason_name, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED");
    CHECK_INT(s->uuid.n, 16);
    CHECK_INT(s->healthy, 0);
    CHECK_INT(s->check_type, STOA_CHECK_HTTP);
    CHECK(s->check_has_result);
    CHECK_INT(s->check_result, 503);
    CHECK_CSTR(s->container_id, "c");
    CHECK_CSTR(s->parent_container_id, "p");
    CHECK_INT(s->executor_pid, 77);
    REQUIRE(s->ip_address_count == 2);
    CHECK_CSTR(s->ip_addresses[0].ip, "10.0.0.2");
    CHECK(s->ip_addresses[1].is_v6);
    CHECK_CSTR(s->ip_addresses[1].network, "net");
    REQUIRE(s->limitation_count == 1);
    CHECK_INT(s->limitation[0].milli, 32000);
    arena_done(&a);
    sbuf_done(&bytes);
}

TEST("absent things of a status read as absent")
{
    struct arena a = ARENA_INIT(1 << 20);
    struct sbuf bytes = SBUF_INIT(1000);
    struct sdk_event e;

    REQUIRE(decode_json("{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":\"t\"},"
                        "\"state\":\"TASK_LOST\"}}}",
                        &a, &bytes, &e));
    CHECK(e.status.is_terminal);
    CHECK_INT(e.status.source, STOA_SOURCE_NONE);
    CHECK_INT(e.status.reason, -1);
    CHECK_INT(e.status.healthy, -1);
    CHECK(e.status.uuid.p == NULL && e.status.agent_id == NULL && e.status.message == NULL);
    arena_done(&a);
    sbuf_done(&bytes);
}

static const struct {
    const char *json;
    enum sdk_event_type type;
} kinds[] = {
    { "{\"type\":\"HEARTBEAT\"}", SDK_EVENT_HEARTBEAT },
    { "{\"type\":\"RESCIND\",\"rescind\":{\"offer_id\":{\"value\":\"o\"}}}", SDK_EVENT_RESCIND },
    { "{\"type\":\"FAILURE\",\"failure\":{\"agent_id\":{\"value\":\"a\"}}}", SDK_EVENT_FAILURE },
    { "{\"type\":\"ERROR\",\"error\":{\"message\":\"m\"}}", SDK_EVENT_ERROR },
    { "{\"type\":\"MESSAGE\",\"message\":{\"agent_id\":{\"value\":\"a\"},\"executor_id\":{\"value\":\"e\"},"
      "\"data\":\"\"}}",
      SDK_EVENT_MESSAGE },
    { "{\"type\":\"UPDATE\"}", SDK_EVENT_UNKNOWN }, /* without its body */
    { "{}", SDK_EVENT_UNKNOWN },
};

TEST("events of every kind, and those that cannot be used are unknown")
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct arena a = ARENA_INIT(1 << 20);
        struct sbuf bytes = SBUF_INIT(1000);
        struct sdk_event e;

        REQUIRE(decode_json(kinds[i].json, &a, &bytes, &e));
        CHECK_INT(e.type, kinds[i].type);
        arena_done(&a);
        sbuf_done(&bytes);
    }
}
