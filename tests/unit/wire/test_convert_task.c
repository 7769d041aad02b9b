/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks, executors, operations, statuses, offers, infos: recorded ones and made ones. */
#include <math.h>

#include "common/base/cleanup.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_internal.pb-c.h"
#include "tests/support/test.h"
#include "tests/unit/wire/golden.h"

#define ARENA CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 24)

/* --- recorded messages --- */

typedef void each_body(const char *file, struct str body);

static void each_golden(const char *suffix, each_body *fn)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4 << 20);
    struct dirent **names = NULL;
    int n = golden_list(GOLDEN_LIBPROCESS, suffix, &names);

    CHECK(n > 0);
    for (int i = 0; i < n; i++) {
        fn(names[i]->d_name, golden_body(GOLDEN_LIBPROCESS, names[i]->d_name, &b));
        free(names[i]);
    }
    free(names);
}

static void check_run_task(const char *file, struct str body)
{
    struct str bytes = wire_field_bytes(body, 4);
    struct task_context ctx = { .is_trusted = true };
    struct task_info *t = convert_task_bytes(bytes, &ctx, NULL);

    REQUIRE(t != NULL);
    if (t->invalid != NULL)
        test_fail(__FILE__, __LINE__, "%s: %s", file, t->invalid);
    if (!str_eq(blob_str(t->raw), bytes))
        test_fail(__FILE__, __LINE__, "%s: the task has other bytes", file);
    CHECK_STR(t->id.s, wire_path(bytes, 2, 1, 0));
    CHECK_STR(t->agent.s, wire_path(bytes, 3, 1, 0));
    CHECK_STR(t->name, wire_field_bytes(bytes, 1));
    CHECK(t->resources.n > 0);
    CHECK(resources_role(&t->resources, NULL) != NULL);
    CHECK((t->executor != NULL) != t->has_command);
    if (t->executor != NULL) {
        CHECK_STR(blob_str(t->executor->raw), wire_field_bytes(bytes, 5));
        CHECK_STR(t->executor_id.s, wire_path(bytes, 5, 1, 1));
    }
    task_info_unref(t);
}

TEST("every recorded task of a RunTaskMessage is indexed and kept byte for byte")
{
    size_t before = names_count();
    each_golden("-RunTaskMessage.msg", check_run_task);
    CHECK_INT(names_count(), before);
}

static void check_status_update(const char *file, struct str body)
{
    struct str update = wire_field_bytes(body, 1), bytes = wire_field_bytes(update, 4);
    struct task_status *s = NULL, *same;
    struct error err = { .msg = "" };

    if (convert_status_bytes(bytes, &s, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", file, err.msg);
        return;
    }
    CHECK_STR(s->task.s, wire_path(bytes, 1, 1, 0));
    CHECK_INT(s->state, wire_field_u64(bytes, 2, 99));
    CHECK(s->has_uuid == (wire_field_bytes(bytes, 11).n == 16));
    CHECK(s->timestamp == wire_field_double(bytes, 6, 0));
    same = task_status_rewrite(s, agent_id(STR("")), executor_id(STR("")), NULL, s->has_uuid ? &s->uuid : NULL);
    CHECK_STR(blob_str(same->raw), bytes);
    task_status_unref(same);

    double when = 12.5;
    same = task_status_rewrite(s, agent_id(STR("other")), executor_id(STR("ex")), &when, NULL);
    CHECK_STR(same->agent.s, STR("other"));
    CHECK_STR(same->executor.s, STR("ex"));
    CHECK(same->timestamp == 12.5);
    CHECK(!same->has_uuid);
    CHECK_STR(same->message, s->message);
    CHECK_INT(same->reason, s->reason);
    CHECK_INT(wire_check(&mesos__v1__task_status__descriptor, blob_str(same->raw), NULL), 0);
    task_status_unref(same);
    task_status_unref(s);
}

TEST("every recorded status is indexed, kept, and rewritten in the order of fields")
{
    each_golden("-StatusUpdateMessage.msg", check_status_update);
}

static void check_reregister(const char *file, struct str body)
{
    ARENA;
    Mesos__Internal__ReregisterSlaveMessage *m;

    REQUIRE(WIRE_UNPACK(mesos__internal__reregister_slave_message, body, &arena, &m, NULL) == 0);
    for (size_t i = 0; i < m->n_tasks; i++) {
        CLEANUP(sbuf_done_p) struct sbuf want = SBUF_INIT(1 << 20), got = SBUF_INIT(1 << 20);
        const Mesos__V1__Task *t = m->tasks[i];
        struct task_info *x = NULL;
        struct task_status *statuses[64];
        size_t n = 0;

        REQUIRE(convert_task_of_task(t, &x, NULL) == 0);
        CHECK(WIRE_PACK(&want, t));
        for (; n < t->n_statuses && n < 64; n++)
            REQUIRE(convert_status(t->statuses[n], &statuses[n], NULL) == 0);
        struct task_view v = {
            .task = x,
            .framework = framework_id(str_of(t->framework_id->value)),
            .executor = executor_id(str_of(t->executor_id != NULL ? t->executor_id->value : "")),
            .state = (enum task_state)t->state,
            .statuses = statuses,
            .status_count = n,
            .has_status_update = t->has_status_update_state,
            .status_update_state = (enum task_state)t->status_update_state,
            .format = RESOURCE_PRE, /* what agents send where nothing is refined */
        };
        if (t->has_status_update_uuid && t->status_update_uuid.len == 16)
            memcpy(v.status_update_uuid.b, t->status_update_uuid.data, 16);
        wire_put_task(&got, 0, &v);
        if (!str_eq(sbuf_view(&want), sbuf_view(&got)))
            test_fail(__FILE__, __LINE__, "%s: task %zu has other bytes", file, i);
        while (n > 0)
            task_status_unref(statuses[--n]);
        task_info_unref(x);
    }
    for (size_t i = 0; i < m->n_executor_infos; i++) {
        struct task_context ctx = { .is_trusted = true };
        struct executor_info *e = NULL;
        REQUIRE(convert_executor(m->executor_infos[i], &ctx, &arena, &e, NULL) == 0);
        CHECK_STR(e->id.s, str_of(m->executor_infos[i]->executor_id->value));
        executor_info_unref(e);
    }
    for (size_t i = 0; i < m->n_frameworks; i++) {
        CLEANUP(sbuf_done_p) struct sbuf want = SBUF_INIT(1 << 20);
        struct framework_info *f = NULL, *again;
        struct error err = { .msg = "" };
        if (convert_framework_info(m->frameworks[i], &f, &err) != 0) {
            test_fail(__FILE__, __LINE__, "%s: %s", file, err.msg);
            continue;
        }
        CHECK(WIRE_PACK(&want, m->frameworks[i]));
        CHECK_STR(blob_str(f->raw), sbuf_view(&want));
        again = framework_info_with_id(f, f->id);
        CHECK_STR(blob_str(again->raw), sbuf_view(&want));
        framework_info_unref(again);
        framework_info_unref(f);
    }
    struct agent_info *a = NULL, *again;
    REQUIRE(convert_agent_info(m->slave, &a, NULL) == 0);
    CHECK_STR(blob_str(a->raw), wire_field_bytes(body, 2));
    again = agent_info_with_id(a, agent_id(STR("new")));
    CHECK_STR(wire_path(blob_str(again->raw), 6, 1, 0), STR("new"));
    CHECK(attributes_eq(&a->attributes, &again->attributes));
    CHECK(resources_eq(&a->resources, &again->resources));
    agent_info_unref(again);
    agent_info_unref(a);
}

TEST("every recorded re-registration gives tasks, executors, frameworks and agents that write back the same")
{
    size_t before = names_count();
    each_golden("-ReregisterSlaveMessage.msg", check_reregister);
    CHECK_INT(names_count(), before);
}

/* --- recorded accepts and offers --- */

struct recorded {
    struct sbuf offer; /* packed Offer of that id */
    struct str id;
};

static void find_offer(struct str record, void *arg)
{
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 20);
    struct recorded *r = arg;
    struct wire_field f;
    struct str offers;

    if (json_to_wire(&mesos__v1__scheduler__event__descriptor, record, &bytes, NULL) != 0)
        return;
    offers = wire_field_bytes(sbuf_view(&bytes), 3);
    while (wire_field_next(&offers, &f) > 0)
        if (str_eq(wire_path(f.bytes, 1, 1, 0), r->id) && r->offer.n == 0)
            sbuf_str(&r->offer, f.bytes);
}

/* Writes the recorded offer again from model values. */
static void check_offer(struct str bytes)
{
    ARENA;
    CLEANUP(sbuf_done_p) struct sbuf info = SBUF_INIT(1 << 20), out = SBUF_INIT(1 << 20);
    struct resources r = RESOURCES_INIT;
    Mesos__V1__Offer *o;
    Mesos__V1__AgentInfo m = MESOS__V1__AGENT_INFO__INIT;
    struct agent_info *a = NULL;

    REQUIRE(WIRE_UNPACK(mesos__v1__offer, bytes, &arena, &o, NULL) == 0);
    m.hostname = o->hostname;
    m.id = o->agent_id;
    m.attributes = o->attributes;
    m.n_attributes = o->n_attributes;
    m.domain = o->domain;
    REQUIRE(convert_agent_info(&m, &a, NULL) == 0);
    REQUIRE(convert_resources(o->resources, o->n_resources, &r, NULL) == 0);
    struct executor_id executors[8];
    for (size_t i = 0; i < o->n_executor_ids && i < 8; i++)
        executors[i] = executor_id(str_of(o->executor_ids[i]->value));
    struct offer_view v = {
        .id = offer_id(str_of(o->id->value)),
        .framework = framework_id(str_of(o->framework_id->value)),
        .agent = a,
        .agent_ip = str_of(o->url->address->ip),
        .agent_port = o->url->address->port,
        .agent_path = str_of(o->url->path),
        .resources = &r,
        .role = str_of(o->allocation_info->role),
        .executors = executors,
        .executor_count = o->n_executor_ids,
        .framework_capabilities = FRAMEWORK_CAP_MULTI_ROLE | FRAMEWORK_CAP_RESERVATION_REFINEMENT,
        .unavailability = wire_field_bytes(bytes, 9),
    };
    wire_put_offer(&out, 1, &v);
    CHECK_STR(wire_field_bytes(sbuf_view(&out), 1), bytes);

    sbuf_clear(&out); /* an old framework: no roles told, old form */
    v.framework_capabilities = 0;
    wire_put_offer(&out, 1, &v);
    struct str old = wire_field_bytes(sbuf_view(&out), 1);
    CHECK_INT(wire_field_bytes(old, 10).n, 0);
    CHECK_INT(wire_field_bytes(wire_field_bytes(old, 5), 11).n, 0);
    CHECK(wire_field_bytes(wire_field_bytes(old, 5), 6).n != 0);
    resources_done(&r);
    agent_info_unref(a);
}

/* The operations of a recorded ACCEPT, converted; the caller releases them and the arena. */
static size_t accept_ops(const char *file, struct arena *arena, struct operation *ops, size_t max, struct str *ret_offer)
{
    static struct sbuf body = SBUF_INIT(4 << 20);
    ProtobufCMessage *m = NULL;
    struct error err = { .msg = "" };
    struct name *web = name_of(STR("web"));

    if (json_to_message(&mesos__v1__scheduler__call__descriptor, golden_body(GOLDEN_HTTP, file, &body), arena, &m, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", file, err.msg);
        name_unref(web);
        return 0;
    }
    Mesos__V1__Scheduler__Call *c = (Mesos__V1__Scheduler__Call *)(void *)m;
    struct task_context ctx = { .role = web, .framework = framework_id(str_of(c->framework_id->value)) };
    size_t n = c->accept->n_operations < max ? c->accept->n_operations : max;
    for (size_t i = 0; i < n; i++)
        convert_operation(c->accept->operations[i], &ctx, true, arena, &ops[i]);
    *ret_offer = str_of(c->accept->offer_ids[0]->value);
    name_unref(web);
    sbuf_done(&body);
    return n;
}

static void ops_done(struct operation *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        operation_done(&ops[i]);
}

TEST("recorded offers are written again byte for byte from model values")
{
    ARENA;
    struct operation ops[8];
    struct recorded r = { .offer = SBUF_INIT(1 << 20) };
    size_t n = accept_ops("025-json-accept-create-launch.req", &arena, ops, 8, &r.id);

    golden_records(GOLDEN_HTTP, "001-json-subscribe.stream", find_offer, &r);
    CHECK(r.offer.n != 0);
    check_offer(sbuf_view(&r.offer));
    ops_done(ops, n);
    sbuf_done(&r.offer);
}

TEST("recorded operations apply one after another to the recorded offer")
{
    static const struct {
        const char *file;
        enum operation_type types[4];
        int unapplied; /* index from 1 of the operation that asked for more than there was, in the recording too */
    } cases[] = {
        { "023-json-accept-reserve.req", { OPERATION_RESERVE }, 0 },
        { "025-json-accept-create-launch.req", { OPERATION_CREATE, OPERATION_LAUNCH }, 0 },
        { "027-json-accept-grow-volume.req", { OPERATION_GROW_VOLUME }, 0 },
        { "028-json-accept-shrink-volume.req", { OPERATION_SHRINK_VOLUME }, 0 },
        { "029-json-accept-destroy-unreserve.req", { OPERATION_DESTROY, OPERATION_UNRESERVE }, 2 },
        { "021-json-accept-launch-group.req", { OPERATION_LAUNCH_GROUP }, 0 },
        { "031-json-accept-custom-executor.req", { OPERATION_LAUNCH }, 0 },
        { "004-json-accept-launch.req", { OPERATION_LAUNCH }, 0 },
        { "020-json-accept-failures.req", { OPERATION_LAUNCH }, 0 },
    };
    size_t before = names_count();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA;
        CLEANUP(resources_done_p) struct resources left = RESOURCES_INIT;
        struct operation ops[8];
        struct recorded r = { .offer = SBUF_INIT(1 << 20) };
        size_t n = accept_ops(cases[i].file, &arena, ops, 8, &r.id);

        golden_records(GOLDEN_HTTP, "001-json-subscribe.stream", find_offer, &r);
        REQUIRE(convert_resources_bytes(sbuf_view(&r.offer), 5, &left, NULL) == 0);
        CHECK(left.n > 0);
        for (size_t j = 0; j < n; j++) {
            struct error err = { .msg = "" };

            CHECK_INT(ops[j].type, cases[i].types[j]);
            if (ops[j].invalid != NULL)
                test_fail(__FILE__, __LINE__, "%s: %s", cases[i].file, ops[j].invalid);
            if (operation_check(&ops[j], NULL, STR(""), AGENT_CAPS_ALL, &err) != 0)
                test_fail(__FILE__, __LINE__, "%s: %s", cases[i].file, err.msg);
            if (operation_is_speculative(ops[j].type) &&
                (resources_apply(&left, &ops[j].conversion, &err) != 0) != (cases[i].unapplied == (int)j + 1))
                test_fail(__FILE__, __LINE__, "%s: %s", cases[i].file, err.msg);
            for (size_t k = 0; k < ops[j].task_count; k++) {
                struct task_info *t = ops[j].tasks[k];
                if (t->invalid != NULL)
                    test_fail(__FILE__, __LINE__, "%s: %s", cases[i].file, t->invalid);
                if (!resources_contains(&left, &t->resources))
                    test_fail(__FILE__, __LINE__, "%s: task %zu does not fit", cases[i].file, k);
                resources_sub_all(&left, &t->resources);
            }
        }
        ops_done(ops, n);
        sbuf_done(&r.offer);
    }
    CHECK_INT(names_count(), before);
}

TEST("the tasks of the recorded bad ACCEPT are refused with the recorded words")
{
    static const struct {
        const char *id, *message; /* NULL: nothing to say without the master's state */
    } want[] = {
        { "t-toobig", NULL },
        { "t-nores", "Task uses no resources" },
        { "bad/id", "'bad/id' contains invalid characters" },
        { "t-noagent", NULL },
        { "t-nocmd", "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present" },
        { "t-stub", NULL },
    };
    ARENA;
    struct operation ops[2];
    struct str offer;
    size_t n = accept_ops("016-json-accept-errors.req", &arena, ops, 2, &offer);

    REQUIRE(n == 1);
    REQUIRE(ops[0].task_count == 6);
    for (size_t i = 0; i < 6; i++) {
        CHECK_STR(ops[0].tasks[i]->id.s, str_of(want[i].id));
        CHECK_CSTR(ops[0].tasks[i]->invalid != NULL ? ops[0].tasks[i]->invalid : "",
                   want[i].message != NULL ? want[i].message : "");
    }
    CHECK_INT(ops[0].tasks[5]->kill_grace_ns, INT64_C(2000000000));
    ops_done(ops, n);
}

/* --- made by hand --- */

static struct task_info *task_json(const char *json, const struct task_context *ctx, struct arena *arena)
{
    ProtobufCMessage *m = NULL;
    struct error err = { .msg = "" };

    if (json_to_message(&mesos__v1__task_info__descriptor, str_of(json), arena, &m, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
        return NULL;
    }
    return convert_task((Mesos__V1__TaskInfo *)(void *)m, ctx, arena);
}

#define T(rest) "{\"name\":\"n\",\"task_id\":{\"value\":\"t\"},\"agent_id\":{\"value\":\"a\"}" rest "}"
#define R(rest)                                                                                                        \
    "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}" rest                              \
    "},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64}}]"
#define CMD "\"command\":{\"value\":\"true\"}"
#define EXE(rest) "\"executor\":{\"executor_id\":{\"value\":\"e\"}," CMD rest "}"

TEST("a task is stored with allocation role, new reservations and the executor's framework")
{
    ARENA;
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 16), json = SBUF_INIT(1 << 16);
    struct name *role = name_of(STR("eng"));
    struct task_context ctx = { .role = role, .framework = framework_id(STR("f")) };
    struct task_info *t = task_json(T("," R(",\"role\":\"eng\"") "," EXE("") ",\"health_check\":{\"command\":{\"value\":\"x\"}}"),
                                    &ctx, &arena);

    REQUIRE(t != NULL);
    CHECK_CSTR(t->invalid, NULL);
    resources_print(&text, &t->resources);
    CHECK_STR(sbuf_view(&text), STR("cpus(allocated: eng)(reservations: [(STATIC,eng)]):1; mem(allocated: eng):64"));
    CHECK(json_from_wire(&json, &mesos__v1__task_info__descriptor, blob_str(t->raw)));
    CHECK(str_contains(sbuf_view(&json), STR("\"allocation_info\":{\"role\":\"eng\"},\"reservations\":[{\"role\":\"eng\",\"type\":"
                                             "\"STATIC\"}]")));
    CHECK(!str_contains(sbuf_view(&json), STR("\"role\":\"eng\",\"allocation_info\"")));
    CHECK(str_contains(sbuf_view(&json), STR("\"framework_id\":{\"value\":\"f\"}")));
    CHECK(str_contains(sbuf_view(&json), STR("\"type\":\"COMMAND\"")));
    CHECK_STR(t->executor->framework.s, STR("f"));
    CHECK_STR(t->executor_id.s, STR("e"));
    task_info_unref(t);
    name_unref(role);
}

TEST("limits may be infinite")
{
    ARENA;
    struct task_context ctx = { .is_group = false };
    struct task_info *t = task_json(
        T("," R("") "," CMD ",\"limits\":{\"cpus\":{\"value\":2.5},\"mem\":{\"value\":\"Infinity\"}}"), &ctx, &arena);

    REQUIRE(t != NULL);
    CHECK_CSTR(t->invalid, NULL);
    CHECK_INT(quantities_get(&t->limits, NAME_CPUS), 2500);
    CHECK(quantities_get(&t->limits, NAME_MEM) == LIMIT_INFINITE);
    task_info_unref(t);
}

TEST("each stateless rule of a task says what is wrong")
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        { T("," R("") "," CMD), NULL },
        { "{\"name\":\"n\",\"task_id\":{\"value\":\"..\"},\"agent_id\":{\"value\":\"a\"}}", "'..' is disallowed" },
        { T("," R("") "," CMD ",\"kill_policy\":{\"grace_period\":{\"nanoseconds\":-1}}"),
          "Task's 'kill_policy.grace_period' must be non-negative" },
        { T("," R("") "," CMD ",\"max_completion_time\":{\"nanoseconds\":-1}"),
          "Task's 'max_completion_time' must be non-negative" },
        { T("," R("") "," CMD ",\"check\":{}"), "Task uses invalid check: CheckInfo must specify 'type'" },
        { T("," R("") "," CMD ",\"check\":{\"type\":\"COMMAND\"}"),
          "Task uses invalid check: Expecting 'command' to be set for COMMAND check" },
        { T("," R("") "," CMD ",\"check\":{\"type\":\"COMMAND\",\"command\":{\"command\":{}}}"),
          "Task uses invalid check: Shell command is not specified" },
        { T("," R("") "," CMD ",\"check\":{\"type\":\"HTTP\",\"http\":{\"port\":80,\"path\":\"x\"}}"),
          "Task uses invalid check: The path 'x' of HTTP check must start with '/'" },
        { T("," R("") "," CMD ",\"check\":{\"type\":\"TCP\",\"tcp\":{\"port\":80},\"delay_seconds\":-1}"),
          "Task uses invalid check: Expecting 'delay_seconds' to be non-negative, it is -1" },
        { T("," R("") "," CMD ",\"health_check\":{\"type\":\"HTTP\",\"http\":{\"port\":80,\"scheme\":\"ftp\"}}"),
          "Task uses invalid health check: Unsupported HTTP health check scheme: 'ftp'" },
        { T("," R("") "," CMD ",\"health_check\":{\"type\":\"TCP\",\"tcp\":{\"port\":80},\"grace_period_seconds\":-1}"),
          "Task uses invalid health check: Expecting 'grace_period_seconds' to be non-negative, it is -1" },
        { T("," R("") "," CMD ",\"health_check\":{\"http\":{\"port\":80},\"command\":{\"value\":\"x\"}}"),
          "Task uses invalid health check: HealthCheck must specify 'type'" },
        { T("," CMD), "Task uses no resources" },
        { T(",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0}}]," CMD), "Task uses no resources" },
        { T(",\"resources\":[{\"name\":\"gpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.5}}]," CMD),
          "Task uses invalid resources: The 'gpus' resource must be an unsigned integer, it is 1.5" },
        { T(",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}},{\"name\":\"cpus\",\"type\":\"SCALAR\","
            "\"scalar\":{\"value\":1},\"revocable\":{}}]," CMD),
          "Task uses invalid resources: Cannot use both revocable and non-revocable 'cpus' at the same time" },
        { T("," R(",\"allocation_info\":{\"role\":\"x\"}") "," CMD),
          "Task uses invalid resources: The resources have multiple allocation roles ('x' and 'web') but only one allocation role "
          "is allowed" },
        { T(",\"resources\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"disk\":{\"persistence\":{\"id\":\"v\"},"
            "\"volume\":{\"mode\":\"RW\",\"container_path\":\"d\"}}}]," CMD),
          "Task uses invalid resources: Persistent volumes cannot be created from unreserved resources" },
        { T("," R("") ",\"command\":{\"environment\":{\"variables\":[{\"name\":\"V\"}]}}"),
          "Task's `CommandInfo` is invalid: Environment variable 'V' of type 'VALUE' must have a value set" },
        { T("," R("") ",\"command\":{\"environment\":{\"variables\":[{\"name\":\"V\",\"type\":\"SECRET\"}]}}"),
          "Task's `CommandInfo` is invalid: Environment variable 'V' of type 'SECRET' must have a secret set" },
        { T("," R("") "," CMD ",\"container\":{\"type\":\"DOCKER\"}"),
          "Task's `ContainerInfo` is invalid: DockerInfo 'docker' is not set for DOCKER typed ContainerInfo" },
        { T("," R("") "," CMD ",\"container\":{\"type\":\"DOCKER\",\"docker\":{\"image\":\"i\",\"parameters\":[{\"key\":\"name\","
            "\"value\":\"v\"}]}}"),
          "Task's `ContainerInfo` is invalid: Parameter in DockerInfo must not be 'name'" },
        { T("," R("") "," CMD ",\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"p\"}]}"),
          "Task's `ContainerInfo` is invalid: Invalid volume 'p': Only one of them should be set: 'host_path', 'image' and 'source'" },
        { T("," R("") "," CMD ",\"limits\":{\"disk\":{\"value\":1}}"),
          "Setting resource limit of 'disk' is not supported; 'cpus' and 'mem' are" },
        { T("," R("") "," CMD ",\"limits\":{\"cpus\":{\"value\":0.5}}"),
          "The limit of 'cpus' (0.5) is less than its request (1)" },
        { T("," R("")), "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present" },
        { T("," R("") "," CMD "," EXE("")), "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present" },
        { T("," R("") "," EXE(",\"framework_id\":{\"value\":\"g\"}")),
          "ExecutorInfo has an invalid FrameworkID (Actual: g vs Expected: f)" },
        { T("," R("") "," EXE(",\"type\":\"DEFAULT\"")),
          "'ExecutorInfo.type' DEFAULT is for task groups; a LAUNCH needs CUSTOM or no type" },
        { T("," R("") "," EXE(",\"shutdown_grace_period\":{\"nanoseconds\":-1}")),
          "ExecutorInfo's 'shutdown_grace_period' must be non-negative" },
        { T("," R("") "," CMD ",\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"share_cgroups\":false}}"),
          "Only tasks in a task group can have 'share_cgroups' set to false" },
        { T(",\"resources\":[{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":1,\"end\":5}]}}]," EXE(
              ",\"resources\":[{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":{\"range\":[{\"begin\":5,\"end\":6}]}}]")),
          "Task and its executor both use a part of 'ports'" },
    };
    struct name *web = name_of(STR("web"));

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA;
        struct task_context ctx = { .role = web, .framework = framework_id(STR("f")) };
        struct task_info *t = task_json(cases[i].json, &ctx, &arena);

        REQUIRE(t != NULL);
        CHECK_CSTR(t->invalid != NULL ? t->invalid : "(valid)", cases[i].message != NULL ? cases[i].message : "(valid)");
        CHECK(t->raw != NULL);
        task_info_unref(t);
    }
    name_unref(web);
}

TEST("a framework with RESERVATION_REFINEMENT may not use the old fields")
{
    ARENA;
    struct task_context ctx = { .refinement = true };
    struct task_info *t = task_json(T("," R(",\"role\":\"*\"") "," CMD), &ctx, &arena);

    REQUIRE(t != NULL);
    CHECK_CSTR(t->invalid, "Task uses invalid resources: 'Resource.role' must not be set by a RESERVATION_REFINEMENT capable "
                           "framework: '*' of 'cpus'");
    task_info_unref(t);
}

static void op_json(const char *json, bool refinement, struct arena *arena, struct operation *op)
{
    ProtobufCMessage *m = NULL;
    struct error err = { .msg = "" };
    struct name *web = name_of(STR("web"));
    struct task_context ctx = { .role = web, .framework = framework_id(STR("f")) };

    *op = (struct operation){ .type = OPERATION_TYPE_UNKNOWN };
    if (json_to_message(&mesos__v1__offer__operation__descriptor, str_of(json), arena, &m, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    else
        convert_operation((Mesos__V1__Offer__Operation *)(void *)m, &ctx, refinement, arena, op);
    name_unref(web);
}

#define CPUS(rest) "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1}" rest "}"
#define DYN ",\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"web\"}]"
#define VOL(id, mode)                                                                                                    \
    "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10}" DYN ",\"disk\":{\"persistence\":{\"id\":\"" id    \
    "\"},\"volume\":{\"mode\":\"" mode "\",\"container_path\":\"d\"}}}"

TEST("each stateless rule of an operation says what is wrong")
{
    static const struct {
        const char *json, *message; /* the beginning; NULL: valid */
    } cases[] = {
        { "{\"type\":\"RESERVE\"}", "Expecting 'reserve' to be present" },
        { "{\"type\":\"RESERVE\",\"reserve\":{}}", "The operation names no resources" },
        { "{\"type\":\"RESERVE\",\"reserve\":{\"resources\":[" CPUS(DYN) "]}}", NULL },
        { "{\"type\":\"RESERVE\",\"reserve\":{\"resources\":[" CPUS("") "]}}", "Resource is not dynamically reserved: cpus" },
        { "{\"type\":\"RESERVE\",\"reserve\":{\"resources\":[" CPUS(DYN ",\"revocable\":{}") "]}}",
          "Revocable resources cannot be reserved" },
        { "{\"type\":\"RESERVE\",\"reserve\":{\"source\":[" CPUS("") "],\"resources\":[" CPUS(DYN) "]}}",
          "'source' of a RESERVE is not implemented for schedulers" },
        { "{\"type\":\"RESERVE\",\"reserve\":{\"resources\":[" CPUS(",\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"x\"}]") "]}}",
          "A reserve operation was attempted for a resource allocated to role 'web'" },
        { "{\"type\":\"RESERVE\",\"reserve\":{\"resources\":[" CPUS(DYN) "," CPUS(DYN ",\"provider_id\":{\"value\":\"p\"}") "]}}",
          "The resources have multiple resource providers" },
        { "{\"type\":\"UNRESERVE\",\"unreserve\":{\"resources\":[" CPUS(DYN) "]}}", NULL },
        { "{\"type\":\"UNRESERVE\",\"unreserve\":{\"resources\":[" VOL("v", "RW") "]}}",
          "A dynamically reserved persistent volume cannot be unreserved" },
        { "{\"type\":\"CREATE\",\"create\":{\"volumes\":[" VOL("v", "RW") "]}}", NULL },
        { "{\"type\":\"CREATE\",\"create\":{\"volumes\":[" VOL("v", "RO") "]}}", "Persistent volumes must be created with mode RW" },
        { "{\"type\":\"CREATE\",\"create\":{\"volumes\":[" VOL("v", "RW") "," VOL("v", "RW") "]}}",
          "Persistence ID 'v' is not unique" },
        { "{\"type\":\"CREATE\",\"create\":{\"volumes\":[" VOL("a/b", "RW") "]}}", "Persistence ID: 'a/b' contains" },
        { "{\"type\":\"CREATE\",\"create\":{\"volumes\":[" CPUS(DYN) "]}}", "Not a persistent volume" },
        { "{\"type\":\"DESTROY\",\"destroy\":{\"volumes\":[" VOL("v", "RW") "]}}", NULL },
        { "{\"type\":\"GROW_VOLUME\",\"grow_volume\":{\"volume\":" VOL("v", "RW") ",\"addition\":" CPUS(DYN) "}}",
          "The addition is not a disk of the volume's kind" },
        { "{\"type\":\"SHRINK_VOLUME\",\"shrink_volume\":{\"volume\":" VOL("v", "RW") ",\"subtract\":{\"value\":3}}}", NULL },
        { "{\"type\":\"SHRINK_VOLUME\",\"shrink_volume\":{\"volume\":" VOL("v", "RW") ",\"subtract\":{\"value\":10}}}",
          "'subtract' must be more than 0 and less than the size" },
        { "{\"type\":\"CREATE_DISK\",\"create_disk\":{\"source\":" VOL("v", "RW") ",\"target_type\":\"MOUNT\"}}",
          "'source' is not a RAW disk resource" },
        { "{\"type\":\"DESTROY_DISK\",\"destroy_disk\":{\"source\":" VOL("v", "RW") "}}", "'source' is a persistent volume" },
        { "{\"type\":\"LAUNCH\",\"id\":{\"value\":\"i\"},\"launch\":{\"task_infos\":[]}}",
          "Operation 'i' has an 'id', which LAUNCH does not support" },
        { "{\"type\":\"LAUNCH\"}", "Expecting 'launch' to be present" },
        { "{\"type\":\"UNKNOWN\"}", NULL },
    };
    size_t before = names_count();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA;
        struct operation op;

        op_json(cases[i].json, true, &arena, &op);
        const char *got = op.invalid != NULL ? op.invalid : "(valid)";
        const char *want = cases[i].message != NULL ? cases[i].message : "(valid)";
        if (strncmp(got, want, strlen(want)) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].json, got);
        if (op.invalid == NULL && operation_is_speculative(op.type))
            CHECK(op.conversion.consumed.n > 0 && op.conversion.produced.n > 0);
        operation_done(&op);
    }
    CHECK_INT(names_count(), before);
}

#define GEXE(rest)                                                                                                         \
    "\"executor\":{\"type\":\"DEFAULT\",\"executor_id\":{\"value\":\"e\"},\"framework_id\":{\"value\":\"f\"},\"resources\":[" \
    "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{"  \
    "\"value\":32}},{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":{\"value\":10}}]" rest "}"
#define GROUP(exe, tasks) \
    "{\"type\":\"LAUNCH_GROUP\",\"launch_group\":{" exe ",\"task_group\":{\"tasks\":[" tasks "]}}}"

TEST("a task group is all or nothing")
{
    static const struct {
        const char *json, *message;
    } cases[] = {
        { GROUP(GEXE(""), T("," R("") "," CMD)), NULL },
        { GROUP(GEXE(""), ""), "Task group cannot be empty" },
        { GROUP(GEXE(""), T("," R("") "," CMD) "," T("," CMD)), "Task 't' is invalid: Task uses no resources" },
        { GROUP(GEXE(",\"command\":{}"), T("," R("") "," CMD)),
          "'ExecutorInfo.command' must not be set for 'DEFAULT' executor" },
        { GROUP(GEXE(""), T("," R("") "," CMD ",\"limits\":{\"cpus\":{\"value\":2}}")),
          "Task 't' is invalid: Resource limits may only be set for tasks of a group when 'share_cgroups' is false" },
        { GROUP(GEXE(""), T("," R("") "," CMD ",\"limits\":{\"cpus\":{\"value\":2}},\"container\":{\"type\":\"MESOS\",\"linux_info\":"
                            "{\"share_cgroups\":false}}")),
          NULL },
        { GROUP(GEXE(""), T("," R("") "," CMD ",\"container\":{\"type\":\"DOCKER\",\"docker\":{\"image\":\"i\"}}")),
          "Task 't' is invalid: Docker ContainerInfo is not supported on the task" },
        { GROUP(GEXE(""), T("," R("") "," CMD "," EXE(""))), "The `ExecutorInfo` of task's is different from executor `e`" },
        { GROUP("\"executor\":{\"type\":\"DEFAULT\",\"executor_id\":{\"value\":\"e\"}}", T("," R("") "," CMD)),
          "'ExecutorInfo.framework_id' must be set" },
        { GROUP("\"executor\":{\"executor_id\":{\"value\":\"e\"},\"framework_id\":{\"value\":\"f\"}}", T("," R("") "," CMD)),
          "'ExecutorInfo.type' must be set for a task group" },
        { GROUP("\"executor\":{\"type\":\"DEFAULT\",\"executor_id\":{\"value\":\"e\"},\"framework_id\":{\"value\":\"f\"}}",
                T("," R("") "," CMD)),
          "Executor 'e' uses less CPUs than the minimum required (0.01)" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ARENA;
        struct operation op;

        op_json(cases[i].json, false, &arena, &op);
        CHECK_CSTR(op.invalid != NULL ? op.invalid : "(valid)", cases[i].message != NULL ? cases[i].message : "(valid)");
        for (size_t k = 0; k < op.task_count; k++) {
            CHECK((op.tasks[k]->invalid != NULL) == (op.invalid != NULL));
            CHECK(op.tasks[k]->is_group_member);
            if (op.invalid == NULL)
                CHECK(op.tasks[k]->executor == op.executor);
        }
        operation_done(&op);
    }
}

TEST("an operation that was refused when it was read stays refused")
{
    ARENA;
    struct operation op;
    struct error err;

    op_json("{\"type\":\"RESERVE\",\"reserve\":{\"resources\":[" CPUS("") "]}}", true, &arena, &op);
    CHECK(op.invalid != NULL);
    CHECK_INT(operation_check(&op, NULL, STR("ops"), AGENT_CAPS_ALL, &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, op.invalid);
    operation_done(&op);
}

TEST("who reserves or creates must be named and able to")
{
    ARENA;
    struct operation op;
    struct error err;
    struct framework_info *f = framework_info_new();

    f->roles = malloc(sizeof(struct name *));
    f->roles[0] = name_of(STR("web"));
    f->role_count = 1;
    op_json("{\"type\":\"RESERVE\",\"reserve\":{\"resources\":[" CPUS(DYN) "]}}", true, &arena, &op);
    CHECK_INT(operation_check(&op, f, STR(""), AGENT_CAPS_ALL, &err), 0);
    f->principal = strdup("ops");
    CHECK_INT(operation_check(&op, f, STR(""), AGENT_CAPS_ALL, &err), -ERR_INVALID);
    CHECK_INT(operation_check(&op, NULL, STR(""), AGENT_CAPS_ALL, &err), 0);
    CHECK_INT(operation_check(&op, NULL, STR("ops"), AGENT_CAPS_ALL, &err), -ERR_INVALID);
    operation_done(&op);

    op_json("{\"type\":\"RESERVE\",\"reserve\":{\"resources\":["
            "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1},\"allocation_info\":{\"role\":\"other\"},"
            "\"reservations\":[{\"type\":\"DYNAMIC\",\"role\":\"other\",\"principal\":\"ops\"}]}]}}",
            true, &arena, &op);
    CHECK_CSTR(op.invalid, NULL);
    CHECK_INT(operation_check(&op, f, STR(""), AGENT_CAPS_ALL, &err), -ERR_INVALID);
    CHECK_CSTR(err.msg, "A reserve operation was attempted for role 'other', which the framework does not have");
    operation_done(&op);

    op_json("{\"type\":\"SHRINK_VOLUME\",\"shrink_volume\":{\"volume\":" VOL("v", "RW") ",\"subtract\":{\"value\":3}}}", true,
            &arena, &op);
    CHECK_INT(operation_check(&op, f, STR(""), AGENT_CAPS_ALL, &err), 0);
    CHECK_INT(operation_check(&op, f, STR(""), AGENT_CAPS_ALL & ~(uint32_t)AGENT_CAP_RESIZE_VOLUME, &err), -ERR_INVALID);
    operation_done(&op);
    framework_info_unref(f);
}

TEST("a status that we make carries what was given and nothing else")
{
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(1 << 16);
    struct status_spec spec = {
        .task = task_id(STR("t")),
        .agent = agent_id(STR("a")),
        .state = TASK_LOST,
        .source = SOURCE_MASTER,
        .reason = REASON_AGENT_REMOVED,
        .message = STR("gone"),
        .timestamp = 1.5,
        .unreachable_ns = 7,
    };
    struct task_status *s = task_status_make(&spec);

    CHECK(json_from_wire(&json, &mesos__v1__task_status__descriptor, blob_str(s->raw)));
    CHECK_STR(sbuf_view(&json),
              STR("{\"task_id\":{\"value\":\"t\"},\"state\":\"TASK_LOST\",\"message\":\"gone\",\"agent_id\":{\"value\":\"a\"},"
                  "\"timestamp\":1.5,\"source\":\"SOURCE_MASTER\",\"reason\":\"REASON_AGENT_REMOVED\",\"unreachable_time\":{"
                  "\"nanoseconds\":7}}"));
    CHECK(!s->has_uuid);
    task_status_unref(s);
}

TEST("a status of an unknown state or with a broken uuid is refused")
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        { "\x0a\x03\x0a\x01t\x10\x63", 7 },         /* state 99 */
        { "\x0a\x03\x0a\x01t", 5 },                 /* no state */
        { "\x10\x01", 2 },                          /* no task */
        { "\x0a\x03\x0a\x01t\x10\x01\x5a\x01x", 10 }, /* uuid of one byte */
        { "\x0a\x03\x0a\x01t\x10\x01\x5a\x05x", 10 }, /* cut off */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct task_status *s = NULL;
        CHECK_INT(convert_status_bytes(str_mem(cases[i].bytes, cases[i].n), &s, NULL), -ERR_INVALID);
    }
}

TEST("a Task is told from its TaskInfo")
{
    ARENA;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 16), json = SBUF_INIT(1 << 16);
    struct name *web = name_of(STR("web"));
    struct task_context ctx = { .role = web, .framework = framework_id(STR("f")) };
    struct task_info *t = task_json(
        T("," R("") ",\"command\":{\"value\":\"true\",\"user\":\"joe\"},\"labels\":{\"labels\":[{\"key\":\"k\"}]},\"kill_policy\":{"
          "\"grace_period\":{\"nanoseconds\":5}},\"container\":{\"type\":\"MESOS\"},\"limits\":{\"cpus\":{\"value\":2}},\"data\":\"AA==\""),
        &ctx, &arena);
    struct task_view v = { .task = t, .framework = framework_id(STR("f")), .state = TASK_RUNNING, .format = RESOURCE_POST };

    REQUIRE(t != NULL);
    wire_put_task(&b, 0, &v);
    CHECK_INT(wire_check(&mesos__v1__task__descriptor, sbuf_view(&b), NULL), 0);
    CHECK(json_from_wire(&json, &mesos__v1__task__descriptor, sbuf_view(&b)));
    CHECK_STR(sbuf_view(&json),
              STR("{\"name\":\"n\",\"task_id\":{\"value\":\"t\"},\"framework_id\":{\"value\":\"f\"},\"agent_id\":{\"value\":\"a\"},"
                  "\"state\":\"TASK_RUNNING\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1.0},"
                  "\"allocation_info\":{\"role\":\"web\"}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":64.0},"
                  "\"allocation_info\":{\"role\":\"web\"}}],\"labels\":{\"labels\":[{\"key\":\"k\"}]},\"container\":{\"type\":\"MESOS\"},"
                  "\"user\":\"joe\",\"kill_policy\":{\"grace_period\":{\"nanoseconds\":5}},\"limits\":{\"cpus\":{\"value\":2.0}}}"));
    task_info_unref(t);
    name_unref(web);
}
