/* SPDX-License-Identifier: Apache-2.0 */
/* A scene for the agent's core: messages and calls written as JSON go through the shipped decoders, one step each, and
 * what the core wants done comes back as a text of one action per line:
 *
 *     store_task t1
 *     launch_container e1
 *
 * Checkpoints are "written" at once unless hold_stores is set. Time only moves with scene_at. */
#ifndef STOA_TESTS_AGENT_SCENE_H
#define STOA_TESTS_AGENT_SCENE_H

#include "agent/core/state.h"
#include "agent/wire/decode.h"
#include "agent/wire/encode.h"
#include "common/base/base64.h"
#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_internal.pb-c.h"
#include "proto/mesos_v1_executor.pb-c.h"
#include "tests/support/test.h"

struct scene {
    struct agent *agent;
    struct agent_env env;
    struct mono now;
    struct mono wake_at;
    struct sbuf trace;
    char said[256];       /* the message of the last update, operation, note or exit */
    bool hold_stores;
    bool disk_full;       /* for resources and the agent's id */
    struct { char framework[64], task[64]; struct uuid uuid; } stores[64];
    size_t store_count;
};

#define MASTER_PID "master@10.0.0.1:5050"

static inline struct scene *scene_new(const struct agent_config *config)
{
    struct scene *s = calloc(1, sizeof *s);
    struct rng rng;

    rng_seed(&rng, 42);
    s->agent = agent_core_new(config, &agent_wire_codec, rng);
    s->env = (struct agent_env){ .hostname = "h1", .port = 5051, .pid = "slave(1)@10.0.0.2:5051", .ip = "10.0.0.2",
                                 .launcher_dir = "/opt/stoa", .resources = resources_lit("cpus:8;mem:4096;disk:1000"),
                                 .capabilities = AGENT_CAPS_ALL };
    s->now = (struct mono){ 1000 * NS_PER_S };
    sbuf_init(&s->trace, 1 << 20);
    return s;
}

static inline struct agent_config scene_config(void)
{
    return (struct agent_config){ .registration_backoff_ns = NS_PER_S,
                                  .executor_registration_timeout_ns = 60 * NS_PER_S,
                                  .executor_reregistration_timeout_ns = 2 * NS_PER_S,
                                  .executor_shutdown_grace_ns = 5 * NS_PER_S, .max_completed_executors = 3,
                                  .enforces_cpu = true, .enforces_mem = true };
}

static inline void scene_free(struct scene *s)
{
    agent_core_free(s->agent);
    resources_done(&s->env.resources);
    sbuf_done(&s->trace);
    free(s);
}

/* --- the trace --- */

static const char *const scene_names[AGENT_DO_COUNT] = {
    [AGENT_DO_NOTE] = NULL, [AGENT_DO_STORE_INFO] = "store_info", [AGENT_DO_STORE_BOOT_ID] = "store_boot_id",
    [AGENT_DO_FORGET_AGENT] = "forget_agent", [AGENT_DO_STORE_FRAMEWORK] = "store_framework",
    [AGENT_DO_STORE_EXECUTOR] = "store_executor", [AGENT_DO_MAKE_SANDBOX] = "make_sandbox",
    [AGENT_DO_STORE_HTTP_MARKER] = "store_http_marker", [AGENT_DO_STORE_EXECUTOR_PID] = "store_executor_pid",
    [AGENT_DO_EXECUTOR_RECONNECT] = "reconnect", [AGENT_DO_STORE_SENTINEL] = "store_sentinel",
    [AGENT_DO_STORE_TASK] = "store_task", [AGENT_DO_STORE_UPDATE] = "store_update", [AGENT_DO_STORE_ACK] = "store_ack",
    [AGENT_DO_STORE_RESOURCES] = "store_resources", [AGENT_DO_STORE_OPERATION] = "store_operation",
    [AGENT_DO_STORE_OPERATION_ACK] = "store_operation_ack", [AGENT_DO_STORE_DRAIN] = "store_drain",
    [AGENT_DO_CLEAR_DRAIN] = "clear_drain", [AGENT_DO_LINK_MASTER] = "link_master", [AGENT_DO_REGISTER] = "register",
    [AGENT_DO_REREGISTER] = "reregister", [AGENT_DO_UNREGISTER] = "unregister", [AGENT_DO_UPDATE_AGENT] = "update_agent",
    [AGENT_DO_PONG] = "pong", [AGENT_DO_SEND_UPDATE] = "update", [AGENT_DO_SEND_EXITED] = "exited_executor",
    [AGENT_DO_SEND_MESSAGE] = "message_out", [AGENT_DO_SEND_OPERATION] = "operation",
    [AGENT_DO_EXECUTOR_SUBSCRIBED] = "SUBSCRIBED", [AGENT_DO_EXECUTOR_LAUNCH] = "LAUNCH",
    [AGENT_DO_EXECUTOR_LAUNCH_GROUP] = "LAUNCH_GROUP", [AGENT_DO_EXECUTOR_KILL] = "KILL",
    [AGENT_DO_EXECUTOR_ACK] = "ACKNOWLEDGED", [AGENT_DO_EXECUTOR_MESSAGE] = "MESSAGE",
    [AGENT_DO_EXECUTOR_SHUTDOWN] = "SHUTDOWN", [AGENT_DO_EXECUTOR_CLOSE] = "close",
    [AGENT_DO_LAUNCH_CONTAINER] = "launch_container", [AGENT_DO_UPDATE_CONTAINER] = "update_container",
    [AGENT_DO_DESTROY_CONTAINER] = "destroy_container", [AGENT_DO_GC_EXECUTOR] = "gc_executor",
    [AGENT_DO_GC_FRAMEWORK] = "gc_framework", [AGENT_DO_UNGC] = NULL, [AGENT_DO_EXIT] = "exit",
};

/* "TASK_FAILED EXECUTOR_TERMINATED" without the prefixes that are always the same. */
static inline void trace_status(struct scene *s, const struct task_status *st)
{
    sbuf_fmt(&s->trace, " %s", task_state_name(st->state) + 5);
    if (st->reason != REASON_NONE)
        sbuf_fmt(&s->trace, " %s", task_reason_name(st->reason) + 7);
}

static inline void scene_says(struct scene *s, const struct agent_action *a)
{
    struct str text = a->text;

    if (a->type == AGENT_DO_SEND_UPDATE)
        text = a->update->status->message;
    else if (a->type == AGENT_DO_SEND_OPERATION)
        text = str_of(a->operation->message);
    else if (a->type != AGENT_DO_EXIT && a->type != AGENT_DO_NOTE)
        return;
    (void)snprintf(s->said, sizeof s->said, "%.*s", STR_ARG(text));
}

static inline void trace_action(struct scene *s, const struct agent_action *a)
{
    const char *name = scene_names[a->type];

    scene_says(s, a);
    if (name == NULL)
        return;
    sbuf_c(&s->trace, name);
    if (a->type == AGENT_DO_SEND_UPDATE || a->type == AGENT_DO_STORE_UPDATE) {
        sbuf_fmt(&s->trace, " %s", a->flow->task_id);
        trace_status(s, a->update->status);
    } else if (a->type == AGENT_DO_STORE_ACK) {
        sbuf_fmt(&s->trace, " %s", a->flow->task_id);
    } else if (a->type == AGENT_DO_STORE_TASK || a->type == AGENT_DO_EXECUTOR_LAUNCH) {
        sbuf_fmt(&s->trace, " %s", a->task->id);
    } else if (a->type == AGENT_DO_EXECUTOR_LAUNCH_GROUP) {
        for (size_t i = 0; i < a->task_count; i++)
            sbuf_fmt(&s->trace, " %s", a->tasks[i]->id);
    } else if (a->type == AGENT_DO_EXECUTOR_KILL || a->type == AGENT_DO_EXECUTOR_ACK) {
        sbuf_fmt(&s->trace, " %.*s", STR_ARG(a->task_id));
        if (a->grace_ns >= 0)
            sbuf_fmt(&s->trace, " grace=%llds", (long long)(a->grace_ns / NS_PER_S));
    } else if (a->type == AGENT_DO_SEND_EXITED) {
        sbuf_fmt(&s->trace, " %.*s %d", STR_ARG(a->executor_id), a->status);
    } else if (a->type == AGENT_DO_SEND_OPERATION) {
        sbuf_fmt(&s->trace, " %s", operation_state_name(a->operation->state) + 10);
    } else if (a->type == AGENT_DO_EXECUTOR_CLOSE) {
        sbuf_fmt(&s->trace, " %llu", (unsigned long long)a->stream);
    } else if (a->type == AGENT_DO_EXIT) {
        sbuf_fmt(&s->trace, " %d", a->status);
    } else if (a->executor != NULL) {
        sbuf_fmt(&s->trace, " %s", a->executor->id);
    } else if (a->framework != NULL) {
        sbuf_fmt(&s->trace, " %s", a->framework->id);
    }
    sbuf_char(&s->trace, '\n');
}

static inline void scene_stored(struct scene *s);

static inline void scene_step_more(struct scene *s, struct agent_event *ev)
{
    ev->now = s->now;
    ev->wall = (struct wall){ s->now.ns / NS_PER_MS };
    struct agent_actions a = agent_step(s->agent, ev);
    enum agent_event_type written = AGENT_EV_COUNT;
    for (size_t i = 0; i < a.count; i++) {
        const struct agent_action *act = &a.v[i];
        /* Everything that is sent can be encoded, and decodes again as what it says it is. */
        struct sbuf b = SBUF_INIT(1 << 20);
        if (agent_encode_message(s->agent, &s->env, act, &b) != NULL ||
            agent_encode_executor_event(s->agent, &s->env, act, &b))
            CHECK(sbuf_ok(&b));
        if (act->type >= AGENT_DO_EXECUTOR_SUBSCRIBED && act->type <= AGENT_DO_EXECUTOR_SHUTDOWN)
            CHECK(wire_check(&mesos__v1__executor__event__descriptor, sbuf_view(&b), NULL) == 0);
        if (act->type == AGENT_DO_SEND_UPDATE)
            CHECK(wire_check(&mesos__internal__status_update_message__descriptor, sbuf_view(&b), NULL) == 0);
        if (act->type == AGENT_DO_REREGISTER)
            CHECK(wire_check(&mesos__internal__reregister_slave_message__descriptor, sbuf_view(&b), NULL) == 0);
        sbuf_done(&b);
        trace_action(s, act);
        if (act->type == AGENT_DO_STORE_RESOURCES || act->type == AGENT_DO_STORE_INFO)
            written = act->type == AGENT_DO_STORE_INFO ? AGENT_EV_INFO_STORED : AGENT_EV_RESOURCES_STORED;
        if (act->type == AGENT_DO_STORE_UPDATE && s->store_count < 64) {
            (void)snprintf(s->stores[s->store_count].framework, 64, "%s", act->flow->framework_id);
            (void)snprintf(s->stores[s->store_count].task, 64, "%s", act->flow->task_id);
            s->stores[s->store_count++].uuid = act->uuid;
        }
    }
    s->wake_at = a.wake_at;
    if (written != AGENT_EV_COUNT) {
        struct agent_event stored = { .type = written };
        stored.u.written.failed = s->disk_full;
        stored.u.written.message = s->disk_full ? STR("No space left on device") : STR("");
        scene_step_more(s, &stored);
    }
    if (!s->hold_stores)
        scene_stored(s);
}

/* Says that everything that waits to be stored is stored. */
static inline void scene_stored(struct scene *s)
{
    while (s->store_count > 0) {
        struct agent_event ev = { .type = AGENT_EV_UPDATE_STORED };
        char fid[64], tid[64];
        (void)snprintf(fid, sizeof fid, "%s", s->stores[0].framework);
        (void)snprintf(tid, sizeof tid, "%s", s->stores[0].task);
        ev.u.stored.framework = framework_id(str_of(fid));
        ev.u.stored.task = task_id(str_of(tid));
        ev.u.stored.uuid = s->stores[0].uuid;
        memmove(&s->stores[0], &s->stores[1], sizeof s->stores[0] * (s->store_count - 1));
        s->store_count--;
        bool hold = s->hold_stores;
        s->hold_stores = true; /* this loop does it */
        scene_step_more(s, &ev);
        s->hold_stores = hold;
    }
}

/* One event; the answer is the trace of it and of what followed at once. */
static inline struct str scene_step(struct scene *s, struct agent_event *ev)
{
    sbuf_clear(&s->trace);
    scene_step_more(s, ev);
    return sbuf_view(&s->trace);
}

static inline struct str scene_tick(struct scene *s)
{
    struct agent_event ev = { .type = AGENT_EV_TICK };

    return scene_step(s, &ev);
}

/* Moves the clock by so many milliseconds and ticks. */
static inline struct str scene_after(struct scene *s, int64_t ms)
{
    s->now = mono_add(s->now, ms * NS_PER_MS);
    return scene_tick(s);
}

/* --- events from text --- */

static inline struct str scene_message_from(struct scene *s, const char *from, const char *name, const char *json)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(1 << 20);
    char full[128], quoted[128];
    struct error err = { 0 };
    struct agent_event ev;
    const ProtobufCMessageDescriptor *types[] = {
        &mesos__internal__run_task_message__descriptor, &mesos__internal__run_task_group_message__descriptor,
        &mesos__internal__kill_task_message__descriptor, &mesos__internal__ping_slave_message__descriptor,
        &mesos__internal__slave_registered_message__descriptor,
        &mesos__internal__slave_reregistered_message__descriptor,
        &mesos__internal__status_update_acknowledgement_message__descriptor,
        &mesos__internal__shutdown_framework_message__descriptor,
        &mesos__internal__shutdown_executor_message__descriptor, &mesos__internal__shutdown_message__descriptor,
        &mesos__internal__update_framework_message__descriptor,
        &mesos__internal__framework_to_executor_message__descriptor,
        &mesos__internal__checkpoint_resources_message__descriptor,
        &mesos__internal__apply_operation_message__descriptor,
        &mesos__internal__acknowledge_operation_status_message__descriptor,
        &mesos__internal__reconcile_operations_message__descriptor,
        &mesos__internal__drain_slave_message__descriptor,
    };

    sbuf_clear(&s->trace);
    (void)snprintf(full, sizeof full, "mesos.internal.%s", name);
    /* ' stands for ", so that the scenes can be read */
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    for (const char *p = json; *p != 0; p++)
        sbuf_char(&text, *p == '\'' ? '"' : *p);
    (void)quoted;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i]->name, full) == 0 && json_to_wire(types[i], sbuf_view(&text), &body, &err) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", name, err.msg);
    if (agent_decode_message(&ev, &s->env, str_of(from), str_of(full), sbuf_view(&body), &arena, &err) != 0) {
        sbuf_fmt(&s->trace, "refused: %s\n", err.msg);
        return sbuf_view(&s->trace);
    }
    struct str r = scene_step(s, &ev);
    agent_event_done(&ev);
    return r;
}

static inline struct str scene_message(struct scene *s, const char *name, const char *json)
{
    return scene_message_from(s, MASTER_PID, name, json);
}

/* An executor's call; stream only for SUBSCRIBE. */
static inline struct str scene_call(struct scene *s, uint64_t stream, const char *json)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(1 << 20);
    struct agent_status_fill fill = { .agent = agent_id(STR("S0")), .now = { s->now.ns / NS_PER_MS },
                                      .container_id = STR("c"), .pid = 4711, .ip = STR("10.0.0.2") };
    ProtobufCMessage *m = NULL;
    struct error err = { 0 };
    struct agent_event ev;

    for (const char *p = json; *p != 0; p++)
        sbuf_char(&text, *p == '\'' ? '"' : *p);
    sbuf_clear(&s->trace);
    if (json_to_message(&mesos__v1__executor__call__descriptor, sbuf_view(&text), &arena, &m, &err) != 0 ||
        agent_decode_executor_call(&ev, (Mesos__V1__Executor__Call *)m, stream, &fill, &arena, &err) != 0) {
        sbuf_fmt(&s->trace, "refused: %s\n", err.msg);
        return sbuf_view(&s->trace);
    }
    struct str r = scene_step(s, &ev);
    agent_event_done(&ev);
    return r;
}

static inline struct str scene_subscribe(struct scene *s, const char *executor, uint64_t stream)
{
    char json[256];

    (void)snprintf(json, sizeof json, "{'framework_id':{'value':'F0'},'executor_id':{'value':'%s'},'type':'SUBSCRIBE',"
                                      "'subscribe':{}}", executor);
    return scene_call(s, stream, json);
}

/* uuid: one letter, repeated. */
static inline struct str scene_update(struct scene *s, const char *executor, const char *task, const char *state, char uuid)
{
    CLEANUP(sbuf_done_p) struct sbuf b64 = SBUF_INIT(64);
    char raw[16], json[512];

    memset(raw, uuid, sizeof raw);
    base64_encode(&b64, str_mem(raw, 16));
    (void)snprintf(json, sizeof json,
                   "{'framework_id':{'value':'F0'},'executor_id':{'value':'%s'},'type':'UPDATE','update':{'status':{"
                   "'task_id':{'value':'%s'},'state':'%s','source':'SOURCE_EXECUTOR','uuid':'%s'}}}",
                   executor, task, state, b64.p);
    return scene_call(s, 0, json);
}

/* The acknowledgement of the head of this task's updates. */
static inline struct str scene_ack(struct scene *s, const char *task)
{
    struct agent_event ev = { .type = AGENT_EV_STATUS_ACK, .from = STR(MASTER_PID) };

    for (struct agent_stream *x = s->agent->streams; x != NULL; x = x->hh.next)
        if (strcmp(x->task_id, task) == 0 && x->head != NULL)
            ev.u.ack.uuid = x->head->status->uuid;
    ev.u.ack.framework = framework_id(STR("F0"));
    ev.u.ack.task = task_id(str_of(task));
    return scene_step(s, &ev);
}

static inline struct agent_executor *scene_executor(struct scene *s, const char *id)
{
    struct agent_framework *f = agent_framework_find(s->agent, STR("F0"));

    return f != NULL ? agent_executor_find(f, str_of(id)) : NULL;
}

static inline struct str scene_launched(struct scene *s, const char *executor, const char *error)
{
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_LAUNCHED };

    ev.u.launched.container = container_id(str_of(scene_executor(s, executor)->container_id));
    ev.u.launched.failed = error != NULL;
    ev.u.launched.message = str_of(error);
    return scene_step(s, &ev);
}

static inline struct str scene_exited(struct scene *s, const char *executor, int status, enum task_reason reason,
                                      const char *message)
{
    struct agent_event ev = { .type = AGENT_EV_CONTAINER_EXITED };

    ev.u.exited.container = container_id(str_of(scene_executor(s, executor)->container_id));
    ev.u.exited.status_known = status >= 0;
    ev.u.exited.status = status;
    ev.u.exited.reason = reason;
    ev.u.exited.message = str_of(message);
    return scene_step(s, &ev);
}

/* An agent that is registered as S0 and has seen nothing yet. */
/* It has asked to be registered. */
static inline struct scene *scene_unregistered(void)
{
    struct agent_config config = scene_config();
    struct scene *s = scene_new(&config);
    struct agent_event ev = { .type = AGENT_EV_RECOVERED };

    ev.u.recovered.total = &s->env.resources;
    (void)scene_step(s, &ev);
    ev = (struct agent_event){ .type = AGENT_EV_MASTER };
    ev.u.master.pid = STR(MASTER_PID);
    (void)scene_step(s, &ev);
    (void)scene_after(s, 1000);
    return s;
}

static inline struct scene *scene_registered(void)
{
    struct scene *s = scene_unregistered();

    (void)scene_message(s, "SlaveRegisteredMessage", "{'slave_id':{'value':'S0'},'connection':{'total_ping_timeout_seconds':75}}");
    return s;
}

#define FRAMEWORK_JSON "'framework':{'user':'root','name':'f','id':{'value':'F0'},'checkpoint':true,'roles':['*'],"    \
                       "'capabilities':[{'type':'PARTITION_AWARE'},{'type':'MULTI_ROLE'}]}"
#define RESOURCES_JSON "'resources':[{'name':'cpus','type':'SCALAR','scalar':{'value':0.5},'allocation_info':{'role':'*'}}," \
                       "{'name':'mem','type':'SCALAR','scalar':{'value':64},'allocation_info':{'role':'*'}}]"
#define TASK_JSON(id, rest) "{'name':'" id "','task_id':{'value':'" id "'},'agent_id':{'value':'S0'}," RESOURCES_JSON rest "}"
#define EXECUTOR_JSON(id) "{'executor_id':{'value':'" id "'},'framework_id':{'value':'F0'},'command':{'value':'x'}," RESOURCES_JSON "}"
/* A command task, and a task for a custom executor. */
#define RUN_COMMAND(id) "{" FRAMEWORK_JSON ",'launch_executor':true,'task':" TASK_JSON(id, ",'command':{'value':'sleep 1000'}") "}"
#define RUN_CUSTOM(id, executor, launch) \
    "{" FRAMEWORK_JSON ",'launch_executor':" launch ",'task':" TASK_JSON(id, ",'executor':" EXECUTOR_JSON(executor)) "}"
#define RUN_GROUP(launch)                                                                                             \
    "{" FRAMEWORK_JSON ",'launch_executor':" launch ",'executor':" EXECUTOR_JSON("d1") ",'task_group':{'tasks':["        \
    TASK_JSON("g1", ",'executor':" EXECUTOR_JSON("d1")) "," TASK_JSON("g2", ",'executor':" EXECUTOR_JSON("d1")) "]}}"

#define CHECK_TRACE(got, want) CHECK_STR(got, STR(want))
#define CHECK_SAID(s, want) CHECK_CSTR((s)->said, want)

#endif
