/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a series of messages, executor calls, container reports and ticks for the agent's core, with assertions on.
 * Input: repeated (kind, length, body); kinds below MESSAGES are messages of the master by number. Whatever comes, the
 * core must not fail an assertion, and everything it wants sent must encode. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/core/state.h"
#include "agent/wire/decode.h"
#include "agent/wire/driver.h"
#include "agent/wire/encode.h"
#include "agent/wire/records.h"
#include "common/wire/guard.h"
#include "common/wire/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const messages[] = {
    "RunTaskMessage", "RunTaskGroupMessage", "KillTaskMessage", "StatusUpdateAcknowledgementMessage",
    "PingSlaveMessage", "SlaveRegisteredMessage", "SlaveReregisteredMessage", "ShutdownFrameworkMessage",
    "ShutdownExecutorMessage", "UpdateFrameworkMessage", "FrameworkToExecutorMessage", "CheckpointResourcesMessage",
    "ApplyOperationMessage", "AcknowledgeOperationStatusMessage", "ReconcileOperationsMessage", "DrainSlaveMessage",
};
enum { MESSAGES = sizeof messages / sizeof messages[0] };

struct run {
    struct agent *a;
    struct agent_env env;
    struct mono now;
    bool exited;
};

static void step(struct run *r, struct agent_event *ev)
{
    ev->now = r->now;
    ev->wall = (struct wall){ r->now.ns / NS_PER_MS };
    struct agent_actions acts = agent_step(r->a, ev);
    struct { struct framework_id f; struct task_id t; struct uuid u; } stored[64];
    char ids[64][2][ID_SIZE_MAX + 1];
    size_t n = 0;
    enum agent_event_type written = AGENT_EV_COUNT;
    for (size_t i = 0; i < acts.count; i++) {
        const struct agent_action *act = &acts.v[i];
        struct sbuf b = SBUF_INIT(64 << 20);
        (void)agent_encode_message(r->a, &r->env, act, &b);
        ASSERT(sbuf_ok(&b));
        sbuf_clear(&b);
        (void)agent_encode_executor_event(r->a, &r->env, act, &b);
        ASSERT(sbuf_ok(&b));
        sbuf_clear(&b);
        (void)agent_encode_driver_message(r->a, &r->env, act, 0, &b);
        ASSERT(sbuf_ok(&b));
        sbuf_clear(&b);
        if (act->type == AGENT_DO_STORE_TASK)
            record_put_task(&b, act->task);
        if (act->type == AGENT_DO_STORE_UPDATE && n < 64) {
            record_put_update(&b, r->a, act->flow, act->update);
            (void)snprintf(ids[n][0], sizeof ids[n][0], "%s", act->flow->framework_id);
            (void)snprintf(ids[n][1], sizeof ids[n][1], "%s", act->flow->task_id);
            stored[n].f = framework_id(str_of(ids[n][0]));
            stored[n].t = task_id(str_of(ids[n][1]));
            stored[n].u = act->uuid;
            n++;
        }
        sbuf_done(&b);
        if (act->type == AGENT_DO_STORE_RESOURCES || act->type == AGENT_DO_STORE_INFO)
            written = act->type == AGENT_DO_STORE_INFO ? AGENT_EV_INFO_STORED : AGENT_EV_RESOURCES_STORED;
        r->exited = r->exited || act->type == AGENT_DO_EXIT;
    }
    if (written != AGENT_EV_COUNT) { /* every second one fails */
        struct agent_event s = { .type = written };
        s.u.written.failed = r->a->resource_version.b[0] % 2 == 0;
        s.u.written.message = STR("full");
        step(r, &s);
    }
    for (size_t i = 0; i < n; i++) {
        struct agent_event s = { .type = AGENT_EV_UPDATE_STORED };
        s.u.stored.framework = stored[i].f;
        s.u.stored.task = stored[i].t;
        s.u.stored.uuid = stored[i].u;
        step(r, &s);
    }
}

/* The container of the n-th executor. */
static struct str container(struct run *r, uint8_t n)
{
    for (struct agent_framework *f = r->a->frameworks; f != NULL; f = f->hh.next)
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            if (n-- == 0)
                return str_of(e->container_id);
    return STR("none");
}

static void call(struct run *r, struct str body, uint64_t stream)
{
    struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    Mesos__V1__Executor__Call *m;
    struct agent_status_fill fill = { .agent = agent_id(STR("S0")), .container_id = STR("c"), .pid = 1, .ip = STR("1.2.3.4") };
    struct agent_event ev;

    if (WIRE_UNPACK(mesos__v1__executor__call, body, &arena, &m, NULL) == 0 && m->has_type &&
        validate_executor_call(m, NULL) == 0 && agent_decode_executor_call(&ev, m, stream, &fill, &arena, NULL) == 0) {
        step(r, &ev);
        agent_event_done(&ev);
    }
    arena_done(&arena);
}

static void message(struct run *r, const char *name, struct str body)
{
    struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    struct agent_event ev;
    char full[128];

    (void)snprintf(full, sizeof full, "mesos.internal.%s", name);
    if (agent_decode_message(&ev, &r->env, STR("master@1.1.1.1:1"), str_of(full), body, &arena, NULL) == 0) {
        step(r, &ev);
        agent_event_done(&ev);
    }
    arena_done(&arena);
}

/* A v0 executor's. */
static void driver(struct run *r, enum agent_driver_message kind, struct str body, uint64_t stream)
{
    struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    struct agent_status_fill fill = { .agent = agent_id(STR("S0")), .container_id = STR("c"), .pid = 1, .ip = STR("1.2.3.4") };
    struct agent_event ev;
    struct error err;

    if (agent_decode_driver_message(&ev, kind, body, STR("executor(1)@1.1.1.1:2"), stream, &fill, &arena, &err) == 0) {
        step(r, &ev);
        agent_event_done(&ev);
    }
    arena_done(&arena);
}

static void one(struct run *r, uint8_t kind, struct str body)
{
    uint8_t arg = body.n != 0 ? (uint8_t)body.p[0] : 0;
    struct agent_event ev = { .type = AGENT_EV_TICK };
    static uint64_t stream;
    struct resource revocable = { .name = NAME_CPUS, .type = VALUE_SCALAR, .revocable = true };
    struct resources oversubscribed = { .v = &revocable, .n = 1 };

    if (kind >= 252) {
        driver(r, AGENT_DRIVER_REGISTER + (kind - 252), body, ++stream);
        return;
    }
    if (kind % 24 < MESSAGES) {
        message(r, messages[kind % 24], body);
        return;
    }
    switch (kind % 24) {
    case 16: call(r, body, ++stream); return;
    case 17:
        ev.type = AGENT_EV_CONTAINER_LAUNCHED;
        ev.u.launched.container = container_id(container(r, arg % 8));
        ev.u.launched.failed = (arg & 0x80) != 0;
        break;
    case 18:
        ev.type = AGENT_EV_CONTAINER_EXITED;
        ev.u.exited.container = container_id(container(r, arg % 8));
        ev.u.exited.status_known = true;
        ev.u.exited.reason = (arg & 0x80) != 0 ? REASON_CONTAINER_LIMITATION_MEMORY : REASON_NONE;
        break;
    case 19: r->now = mono_add(r->now, (int64_t)arg * NS_PER_S); break;
    case 20:
        ev.type = AGENT_EV_CONTAINER_UPDATE_FAILED;
        ev.u.update_failed.container = container_id(container(r, arg % 8));
        break;
    case 22:
        ev.type = AGENT_EV_ESTIMATE;
        oversubscribed.v[0].milli = 1000 * (1 + arg % 8);
        ev.u.estimate.oversubscribed = &oversubscribed;
        break;
    case 23:
        ev.type = AGENT_EV_PREEMPT;
        ev.u.preempt.message = STR("load");
        break;
    case 21:
        ev.type = AGENT_EV_MASTER_LINK_BROKEN;
        ev.from = STR("master@1.1.1.1:1");
        break;
    }
    step(r, &ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct agent_config config = { .registration_backoff_ns = NS_PER_S, .executor_registration_timeout_ns = 60 * NS_PER_S,
                                   .executor_reregistration_timeout_ns = 2 * NS_PER_S, .executor_shutdown_grace_ns = 5 * NS_PER_S,
                                   .max_completed_executors = 2, .enforces_cpu = true, .enforces_mem = true, .strict = true };
    struct agent_event ev = { .type = AGENT_EV_RECOVERED };
    struct str rest = str_mem(data, size);
    struct rng rng;
    struct run r = { .now = { NS_PER_S }, .env = { .hostname = "h", .port = 1, .pid = "slave(1)@1.1.1.2:1", .ip = "1.1.1.2",
                                                   .launcher_dir = "/x" } };

    rng_seed(&rng, 1);
    r.env.resources = resources_lit("cpus:8;mem:1024;disk:1000");
    r.a = agent_core_new(&config, &agent_wire_codec, rng);
    ev.u.recovered.total = &r.env.resources;
    step(&r, &ev);
    ev = (struct agent_event){ .type = AGENT_EV_MASTER };
    ev.u.master.pid = STR("master@1.1.1.1:1");
    step(&r, &ev);
    r.now = mono_add(r.now, NS_PER_S);
    message(&r, "SlaveRegisteredMessage", STR("\x0a\x04\x0a\x02S0"));
    while (rest.n >= 3 && !r.exited) {
        uint8_t kind = (uint8_t)rest.p[0];
        size_t n = (size_t)(uint8_t)rest.p[1] | (size_t)(uint8_t)rest.p[2] << 8;
        rest = str_sub(rest, 3, rest.n);
        one(&r, kind, str_sub(rest, 0, n));
        rest = str_sub(rest, n, rest.n);
    }
    agent_core_free(r.a);
    resources_done(&r.env.resources);
    return 0;
}
