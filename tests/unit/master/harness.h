/* SPDX-License-Identifier: Apache-2.0 */
/* A master's core with a hand-turned clock, for scenes: each event prints what the core wants done as one line per action, so
 * that a test reads as a trace. */
#ifndef STOA_TEST_MASTER_HARNESS_H
#define STOA_TEST_MASTER_HARNESS_H

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/base/sbuf.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/wire/codec.h"
#include "master/wire/decode.h"
#include "proto/mesos_internal.pb-c.h"
#include "proto/mesos_v1_master.pb-c.h"
#include "tests/support/test.h"

#define MASTER_ID "11111111-1111-4111-8111-111111111111"
#define AGENT0    MASTER_ID "-S0"
#define FRAMEWORK0 MASTER_ID "-0000"
#define PID0      "slave(1)@127.0.0.1:5051"

struct scene {
    struct master *m;
    struct rng rng;
    int64_t now_s;
    uint64_t stored;   /* last version that was asked to be stored */
    struct sbuf trace; /* of the last step */
    char stream_id[64];
    char offer[MASTER_ID_TEXT]; /* the last offer that was sent */
    struct uuid uuid;
    bool store_at_once; /* confirm each store right after the step */
};

static inline const char *message_name(enum agent_message k)
{
    static const char *const names[] = { "registered", "reregistered", "ping", "shutdown", "run-task", "run-group", "kill", "ack",
                                         "shutdown-framework", "shutdown-executor", "message", "update-framework",
                                         "checkpoint", "apply-operation", "ack-operation", "reconcile-operations", "drain" };
    return names[k];
}

static inline void trace_event(struct scene *s, const struct master_action *a)
{
    static const char *const names[] = { "", "SUBSCRIBED", "OFFERS", "RESCIND", "UPDATE", "MESSAGE", "FAILURE", "ERROR",
                                         "HEARTBEAT", "INVERSE_OFFERS", "RESCIND_INVERSE", "OPERATION" };

    if (a->event.to.n != 0)
        sbuf_fmt(&s->trace, "%.*s < %s%s", STR_ARG(pid_id(a->event.to)), names[a->event.kind], a->event.again ? " again" : "");
    else
        sbuf_fmt(&s->trace, "stream%llu < %s", (unsigned long long)a->event.stream.n, names[a->event.kind]);
    if (a->event.kind == EVENT_OFFERS)
        for (size_t i = 0; i < a->event.count; i++) {
            sbuf_fmt(&s->trace, " %s(", a->event.offers[i]->id + sizeof MASTER_ID);
            resources_print(&s->trace, &a->event.offers[i]->resources);
            sbuf_char(&s->trace, ')');
            (void)snprintf(s->offer, sizeof s->offer, "%s", a->event.offers[i]->id);
        }
    if (a->event.kind == EVENT_UPDATE) {
        struct task_status *st;
        struct error err;
        if (convert_status_bytes(a->event.bytes, &st, &err) == 0) {
            sbuf_fmt(&s->trace, " %.*s %s %s%s", STR_ARG(st->task.s), task_state_name(st->state), task_reason_name(st->reason),
                     st->has_uuid ? " uuid" : "");
            task_status_unref(st);
        }
    }
    if (a->event.kind == EVENT_UPDATE_OPERATION_STATUS)
        sbuf_fmt(&s->trace, " %.*s%s", STR_ARG(wire_path(a->event.bytes, 1, 1, 0)),
                 wire_field_bytes(a->event.bytes, 5).n != 0 ? " uuid" : "");
    if (a->event.kind == EVENT_ERROR)
        sbuf_fmt(&s->trace, " %.*s", STR_ARG(a->event.bytes));
    if (a->event.kind == EVENT_FAILURE)
        sbuf_fmt(&s->trace, " %s", a->event.has_executor ? "executor" : "agent");
    sbuf_char(&s->trace, '\n');
}

static inline void trace_action(struct scene *s, const struct master_action *a)
{
    switch (a->type) {
    case MASTER_ACT_STORE:
        sbuf_c(&s->trace, "store");
        for (size_t i = 0; i < a->store.count; i++)
            sbuf_fmt(&s->trace, " %s%d", a->store.records[i].deleted ? "-" : "+", (int)a->store.records[i].kind);
        sbuf_char(&s->trace, '\n');
        s->stored = a->store.version;
        break;
    case MASTER_ACT_LINK:
        sbuf_c(&s->trace, "link\n");
        break;
    case MASTER_ACT_UNLINK:
        sbuf_c(&s->trace, "unlink\n");
        break;
    case MASTER_ACT_SEND:
        sbuf_fmt(&s->trace, "agent < %s", message_name(a->send.kind));
        if (a->send.kind == MSG_RUN_TASK)
            sbuf_fmt(&s->trace, " %.*s", STR_ARG(a->send.tasks[0]->id.s));
        if (a->send.kind == MSG_KILL_TASK)
            sbuf_fmt(&s->trace, " %.*s", STR_ARG(a->send.task_id));
        if (a->send.kind == MSG_PING)
            sbuf_fmt(&s->trace, " %s", a->send.flag ? "connected" : "disconnected");
        if (a->send.kind == MSG_AGENT_REREGISTERED && a->send.missing_count != 0)
            sbuf_fmt(&s->trace, " missing %zu", a->send.missing_count);
        sbuf_char(&s->trace, '\n');
        break;
    case MASTER_ACT_STREAM_OPEN:
        sbuf_fmt(&s->trace, "stream%llu open\n", (unsigned long long)a->event.stream.n);
        (void)snprintf(s->stream_id, sizeof s->stream_id, "%.*s", STR_ARG(a->event.stream_id));
        break;
    case MASTER_ACT_EVENT:
        trace_event(s, a);
        break;
    case MASTER_ACT_STREAM_CLOSE:
        sbuf_fmt(&s->trace, "stream%llu close\n", (unsigned long long)a->event.stream.n);
        break;
    case MASTER_ACT_ANSWER:
        sbuf_fmt(&s->trace, "answer %u %.*s\n", a->answer.status, STR_ARG(a->answer.text));
        break;
    case MASTER_ACT_WATCH:
        sbuf_fmt(&s->trace, "watch %d\n", (int)a->watch.kind);
        break;
    case MASTER_ACT_ABORT:
        sbuf_c(&s->trace, "abort\n");
        break;
    case MASTER_ACT_NOTE:
        break;
    }
}

static inline void step_raw(struct scene *s, struct master_event *ev)
{
    struct master_actions acts;
    uint64_t before = s->stored;

    ev->now.ns = s->now_s * NS_PER_S;
    ev->wall.ms = 1700000000000 + s->now_s * 1000;
    master_step(s->m, ev, &acts);
    for (size_t i = 0; i < acts.count; i++)
        trace_action(s, &acts.v[i]);
    const char *why = master_check(s->m);
    if (why != NULL)
        test_fail(__FILE__, __LINE__, "books: %s", why);
    if (s->store_at_once && s->stored != before) {
        struct master_event stored = { .type = MASTER_EV_STORED, .stored = { s->stored } };
        step_raw(s, &stored);
    }
}

static inline struct str step(struct scene *s, struct master_event *ev)
{
    sbuf_clear(&s->trace);
    step_raw(s, ev);
    return sbuf_view(&s->trace);
}

static inline struct str tick(struct scene *s, int64_t seconds)
{
    struct master_event ev = { .type = MASTER_EV_TICK };

    s->now_s += seconds;
    return step(s, &ev);
}

static inline struct str store_done(struct scene *s)
{
    struct master_event ev = { .type = MASTER_EV_STORED, .stored = { s->stored } };

    return step(s, &ev);
}

static inline void scene_new_with(struct scene *s, const struct master_config *base)
{
    struct master_config c = *base;
    struct master_event ev = { .type = MASTER_EV_RECOVERED };

    memset(s, 0, sizeof *s);
    rng_seed(&s->rng, 42);
    s->trace = SBUF_INIT(1 << 22);
    c.rng = &s->rng;
    s->m = master_new(&c);
    (void)step(s, &ev);
}

static inline struct master_config scene_config(void)
{
    static char id[] = MASTER_ID;

    return (struct master_config){
        .id = id, .codec = &master_codec, .ping_interval_ns = 15 * NS_PER_S, .ping_timeouts_max = 5,
        .agent_reregister_ns = 600 * NS_PER_S, .allocation_interval_ns = NS_PER_S, .recovery_removal_limit = 1,
        .completed_frameworks_max = 50, .completed_tasks_max = 1000, .unreachable_tasks_max = 1000, .root_submissions = true,
        .filter_gpu_resources = true, .recovery_factor = 0.8, .recovery_timeout_ns = 600 * NS_PER_S,
        .registry_gc_interval_ns = 900 * NS_PER_S, .registry_max_agent_age_ns = 14 * 86400 * NS_PER_S,
        .registry_max_agent_count = 102400, .min_allocatable = STR_INIT("cpus:0.01|mem:32"),
    };
}

static inline void scene_new(struct scene *s)
{
    struct master_config c = scene_config();

    scene_new_with(s, &c);
}

static inline void scene_done(struct scene *s)
{
    master_free(s->m);
    sbuf_done(&s->trace);
}

/* A message of an agent, given as JSON of the internal message. */
static inline struct str agent_says(struct scene *s, const char *pid, const char *name, const ProtobufCMessageDescriptor *type,
                                    const char *json)
{
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf full = SBUF_INIT(256);
    struct decoded d;
    struct error err;
    struct str trace = { NULL, 0 };

    if (json_to_wire(type, str_of(json), &body, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
        return trace;
    }
    sbuf_fmt(&full, "mesos.internal.%s", name);
    decoded_init(&d);
    if (decode_message(s->m, STR("master"), sbuf_view(&full), str_of(pid), sbuf_view(&body), &d, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    else
        trace = step(s, &d.ev);
    decoded_done(&d);
    return trace;
}

#define AGENT_INFO(id) \
    "{\"hostname\":\"h\",\"port\":5051," id "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4}}," \
    "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":1024}}]}"
#define AGENT_CAPS                                                                                                     \
    "\"agent_capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":\"HIERARCHICAL_ROLE\"},{\"type\":\"RESERVATION_REFINEMENT\"}," \
    "{\"type\":\"RESOURCE_PROVIDER\"},{\"type\":\"AGENT_OPERATION_FEEDBACK\"},{\"type\":\"AGENT_DRAINING\"}]"

static inline struct str register_agent(struct scene *s)
{
    return agent_says(s, PID0, "RegisterSlaveMessage", &mesos__internal__register_slave_message__descriptor,
                      "{\"slave\":" AGENT_INFO("") ",\"version\":\"1.12.0\"," AGENT_CAPS "}");
}

/* A call of a framework as JSON, on stream n for SUBSCRIBE. */
static inline struct str call(struct scene *s, uint64_t stream, const char *json)
{
    struct decoded d;
    struct error err;
    struct str bytes, trace = { NULL, 0 };

    decoded_init(&d);
    if (decode_body(&mesos__v1__scheduler__call__descriptor, str_of(json), true, &d, &bytes, &err) != 0 ||
        decode_scheduler_call(s->m, bytes, (struct str){ NULL, 0 }, &d, &err) != 0) {
        sbuf_clear(&s->trace);
        sbuf_fmt(&s->trace, "refused: %s\n", err.msg);
        trace = sbuf_view(&s->trace);
    } else {
        if (d.ev.type == MASTER_EV_SUBSCRIBE) {
            d.ev.subscribe.stream.n = stream;
        } else {
            d.ev.request.n = 1;
            d.call.has_stream_id = true;
            d.call.stream_id = str_of(s->stream_id);
        }
        trace = step(s, &d.ev);
    }
    decoded_done(&d);
    return trace;
}

static inline struct str callf(struct scene *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline struct str callf(struct scene *s, const char *fmt, ...)
{
    static char json[65536];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(json, sizeof json, fmt, ap);
    va_end(ap);
    return call(s, 0, json);
}

#define FRAMEWORK_INFO(extra)                                                                                          \
    "{\"user\":\"root\",\"name\":\"f\",\"checkpoint\":true,\"roles\":[\"web\"]," extra                                     \
    "\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{\"type\":\"PARTITION_AWARE\"},{\"type\":\"RESERVATION_REFINEMENT\"}]}"

static inline struct str subscribe(struct scene *s, uint64_t stream)
{
    return call(s, stream, "{\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":" FRAMEWORK_INFO("\"failover_timeout\":100,")
                           "}}");
}

static inline struct str subscribe_again(struct scene *s, uint64_t stream)
{
    return call(s, stream, "{\"type\":\"SUBSCRIBE\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"subscribe\":{\"framework_info\":"
                           FRAMEWORK_INFO("\"failover_timeout\":100,\"id\":{\"value\":\"" FRAMEWORK0 "\"},") "}}");
}

#define TASK_JSON(id, cpus)                                                                                            \
    "{\"name\":\"" id "\",\"task_id\":{\"value\":\"" id "\"},\"agent_id\":{\"value\":\"" AGENT0 "\"},\"resources\":["       \
    "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":" cpus "}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":"  \
    "{\"value\":32}}],\"command\":{\"value\":\"sleep\"}}"

static inline struct str launch(struct scene *s, const char *tasks)
{
    return callf(s, "{\"type\":\"ACCEPT\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"accept\":{\"offer_ids\":[{\"value\":"
                    "\"%s\"}],\"operations\":[{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[%s]}}],\"filters\":{"
                    "\"refuse_seconds\":0}}}",
                 s->offer, tasks);
}

/* An update of task with a fresh uuid. */
static inline struct str update(struct scene *s, const char *task, const char *state)
{
    static char json[4096];
    CLEANUP(sbuf_done_p) struct sbuf b64 = SBUF_INIT(64);

    s->uuid = uuid_make(&s->rng);
    base64_encode(&b64, str_mem(s->uuid.b, 16));
    (void)snprintf(json, sizeof json,
                   "{\"update\":{\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"slave_id\":{\"value\":\"" AGENT0
                   "\"},\"status\":{\"task_id\":{\"value\":\"%s\"},\"state\":\"%s\",\"source\":\"SOURCE_EXECUTOR\","
                   "\"uuid\":\"%s\"},\"timestamp\":1700000000,\"uuid\":\"%s\",\"latest_state\":\"%s\"},\"pid\":\"" PID0 "\"}",
                   task, state, b64.p, b64.p, state);
    return agent_says(s, PID0, "StatusUpdateMessage", &mesos__internal__status_update_message__descriptor, json);
}

static inline struct str acknowledge(struct scene *s, const char *task)
{
    CLEANUP(sbuf_done_p) struct sbuf b64 = SBUF_INIT(64);

    base64_encode(&b64, str_mem(s->uuid.b, 16));
    return callf(s, "{\"type\":\"ACKNOWLEDGE\",\"framework_id\":{\"value\":\"" FRAMEWORK0 "\"},\"acknowledge\":{\"agent_id\":{"
                    "\"value\":\"" AGENT0 "\"},\"task_id\":{\"value\":\"%s\"},\"uuid\":\"%s\"}}",
                 task, b64.p);
}

/* An operator's call as JSON. */
static inline struct str operator_says(struct scene *s, const char *json)
{
    struct decoded d;
    struct error err;
    struct str bytes, trace = { NULL, 0 };

    decoded_init(&d);
    if (decode_body(&mesos__v1__master__call__descriptor, str_of(json), true, &d, &bytes, &err) != 0 ||
        decode_operator_call(s->m, bytes, (struct str){ NULL, 0 }, &d, &err) != 0) {
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    } else {
        d.ev.request.n = 1;
        trace = step(s, &d.ev);
    }
    decoded_done(&d);
    return trace;
}

/* Agent and framework, with one offer out. */
static inline void scene_with_offer(struct scene *s)
{
    scene_new(s);
    s->store_at_once = true;
    (void)register_agent(s);
    (void)subscribe(s, 1);
    (void)tick(s, 0);
}

#endif
