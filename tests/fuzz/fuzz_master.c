/* SPDX-License-Identifier: Apache-2.0 */
/* The whole way of untrusted bytes into the master: an input is a list of frames (kind, length, bytes), each a message of an
 * agent, a call, or something that happens; all run on one master, whose assertions are on. At the end every view is
 * written once. Nothing may crash, whatever agents and frameworks say. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/wire/guard.h"
#include "common/wire/json_memo.h"
#include "master/wire/decode.h"
#include "master/wire/view.h"
#include "proto/mesos_v1_master.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PID "slave(1)@127.0.0.1:5051"

struct run {
    struct master *m;
    struct rng rng;
    int64_t now_s;
    uint64_t stored, streams;
    char stream_id[64];
};

static void do_step(struct run *r, struct master_event *ev)
{
    struct master_actions acts;
    struct sbuf out = SBUF_INIT(1 << 24);
    struct master_identity who = { { NULL, 0 } };

    ev->now.ns = r->now_s * NS_PER_S;
    ev->wall.ms = 1700000000000 + r->now_s * 1000;
    master_step(r->m, ev, &acts);
    for (size_t i = 0; i < acts.count; i++) {
        const struct master_action *a = &acts.v[i];
        if (a->type == MASTER_ACT_STORE)
            r->stored = a->store.version;
        else if (a->type == MASTER_ACT_SEND)
            (void)encode_send(a, &out);
        else if (a->type == MASTER_ACT_EVENT && a->event.to.n != 0)
            (void)encode_driver_event(r->m, &who, a, &out);
        else if (a->type == MASTER_ACT_EVENT)
            encode_event(r->m, &who, a, &out);
        else if (a->type == MASTER_ACT_WATCH)
            encode_watch(r->m, a, &out);
        else if (a->type == MASTER_ACT_STREAM_OPEN && a->event.stream_id.n < sizeof r->stream_id)
            memcpy(r->stream_id, a->event.stream_id.p, a->event.stream_id.n);
        sbuf_clear(&out);
    }
    sbuf_done(&out);
}

static void message(struct run *r, unsigned kind, struct str body)
{
    static const char *const names[] = { "StatusUpdateMessage", "RegisterSlaveMessage", "ReregisterSlaveMessage",
                                         "UnregisterSlaveMessage", "UpdateSlaveMessage", "ExitedExecutorMessage",
                                         "ExecutorToFrameworkMessage", "UpdateOperationStatusMessage" };
    struct sbuf name = SBUF_INIT(128);
    struct decoded d;
    struct error err;

    sbuf_fmt(&name, "mesos.internal.%s", names[kind]);
    decoded_init(&d);
    if (decode_message(r->m, STR("master"), sbuf_view(&name), STR(PID), body, &d, &err) == 0)
        do_step(r, &d.ev);
    decoded_done(&d);
    sbuf_done(&name);
}

/* Of two old drivers: the first byte says who and which message. */
static void driver(struct run *r, struct str body)
{
    static const char *const names[] = {
        "mesos.scheduler.Call", "mesos.internal.RegisterFrameworkMessage", "mesos.internal.ReregisterFrameworkMessage",
        "mesos.internal.UnregisterFrameworkMessage", "mesos.internal.DeactivateFrameworkMessage",
        "mesos.internal.LaunchTasksMessage", "mesos.internal.ReviveOffersMessage", "mesos.internal.KillTaskMessage",
        "mesos.internal.StatusUpdateAcknowledgementMessage", "mesos.internal.ReconcileTasksMessage",
        "mesos.internal.FrameworkToExecutorMessage", "mesos.internal.ResourceRequestMessage",
    };
    struct decoded d;
    struct error err;

    if (body.n == 0)
        return;
    unsigned kind = (unsigned char)body.p[0];
    struct str pid = kind & 64 ? STR("driver-a@127.0.0.1:7001") : STR("driver-b@127.0.0.1:7002");
    if (kind & 128) {
        struct master_event ev = { .type = MASTER_EV_AGENT_EXITED, .pid = pid };
        do_step(r, &ev);
        return;
    }
    decoded_init(&d);
    if (decode_driver_message(r->m, str_of(names[(kind & 63) % (sizeof names / sizeof names[0])]), pid, (struct str){ NULL, 0 },
                              str_sub(body, 1, body.n), &d, &err) == 0)
        do_step(r, &d.ev);
    decoded_done(&d);
}

static void scheduler(struct run *r, struct str body, bool json)
{
    struct decoded d;
    struct error err;
    struct str bytes;

    decoded_init(&d);
    if (decode_body(&mesos__v1__scheduler__call__descriptor, body, json, &d, &bytes, &err) == 0 &&
        decode_scheduler_call(r->m, bytes, (struct str){ NULL, 0 }, &d, &err) == 0) {
        if (d.ev.type == MASTER_EV_SUBSCRIBE) {
            d.ev.subscribe.stream.n = ++r->streams;
        } else {
            d.call.has_stream_id = true;
            d.call.stream_id = str_of(r->stream_id);
            d.ev.request.n = 1;
        }
        do_step(r, &d.ev);
    }
    decoded_done(&d);
}

static void operator_call(struct run *r, struct str body, bool json)
{
    struct decoded d;
    struct error err;
    struct str bytes;

    decoded_init(&d);
    if (decode_body(&mesos__v1__master__call__descriptor, body, json, &d, &bytes, &err) == 0 &&
        decode_operator_call(r->m, bytes, (struct str){ NULL, 0 }, &d, &err) == 0) {
        d.ev.request.n = 1;
        do_step(r, &d.ev);
    }
    decoded_done(&d);
}

static void frame(struct run *r, unsigned kind, struct str body)
{
    struct master_event ev = { .type = MASTER_EV_TICK };

    if (kind < 8) {
        message(r, kind, body);
    } else if (kind == 8 || kind == 9) {
        scheduler(r, body, kind == 9);
    } else if (kind == 15 && body.n != 0) {
        driver(r, body);
    } else if (kind == 10 || kind == 11) {
        operator_call(r, body, kind == 11);
    } else if (kind == 12) {
        r->now_s += (int64_t)body.n;
        do_step(r, &ev);
    } else if (kind == 13) {
        ev.type = MASTER_EV_STORED;
        ev.stored.version = r->stored;
        do_step(r, &ev);
    } else if (kind == 14) {
        ev.type = MASTER_EV_STREAM_CLOSED;
        ev.closed.stream.n = r->streams;
        do_step(r, &ev);
    } else {
        ev.type = MASTER_EV_AGENT_EXITED;
        ev.pid = STR(PID);
        do_step(r, &ev);
    }
}

static void one_view(const struct view *v, int call, struct sbuf *b)
{
    if (call == 0)
        view_state(v, b);
    else
        (void)view_v1(v, call, true, b);
}

/* A memo changes no byte. */
static void twice(struct view *v, int call, struct sbuf *b)
{
    struct sbuf again = SBUF_INIT(1 << 26);

    one_view(v, call, b);
    v->memo = json_memo_new();
    one_view(v, call, &again);
    ASSERT(str_eq(sbuf_view(b), sbuf_view(&again)));
    json_memo_free(v->memo);
    v->memo = NULL;
    sbuf_done(&again);
    sbuf_clear(b);
}

/* One task after the other is what all of them are. */
static void tasks_in_parts(const struct view *v, bool ascending)
{
    struct sbuf all = SBUF_INIT(1 << 26), parts = SBUF_INIT(1 << 26), one = SBUF_INIT(1 << 26);
    struct view_query q = { .limit = -1, .ascending = ascending };
    const size_t head = strlen("{\"tasks\":["), tail = strlen("]}");

    view_tasks(v, &q, &all);
    sbuf_c(&parts, "{\"tasks\":[");
    q.limit = 1;
    for (;; q.offset++) {
        sbuf_clear(&one);
        view_tasks(v, &q, &one);
        if (one.n == head + tail)
            break;
        if (q.offset != 0)
            sbuf_char(&parts, ',');
        sbuf_str(&parts, str_sub(sbuf_view(&one), head, one.n - head - tail));
    }
    sbuf_c(&parts, "]}");
    ASSERT(str_eq(sbuf_view(&all), sbuf_view(&parts)));
    sbuf_done(&all);
    sbuf_done(&parts);
    sbuf_done(&one);
}

static void views(struct run *r)
{
    struct sbuf b = SBUF_INIT(1 << 26);
    struct view_query q = { .limit = -1 };
    struct view v = { .m = r->m, .version = "1.12.0", .build_date = "", .build_user = "", .hostname = "h", .pid = "p",
                      .flags_json = STR_INIT("{}") };

    for (int call = 1; call <= 33; call++) {
        (void)view_v1(&v, call, false, &b);
        sbuf_clear(&b);
        twice(&v, call, &b);
    }
    twice(&v, 0, &b);
    view_state_summary(&v, &b);
    view_slaves(&v, &q, &b);
    tasks_in_parts(&v, true);
    tasks_in_parts(&v, false);
    view_roles(&v, &b);
    sbuf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char id[] = "11111111-1111-4111-8111-111111111111";
    struct run r = { .now_s = 0 };
    struct master_config c = {
        .id = id, .codec = &master_codec, .rng = &r.rng, .ping_interval_ns = 15 * NS_PER_S, .ping_timeouts_max = 5,
        .agent_reregister_ns = 600 * NS_PER_S, .allocation_interval_ns = NS_PER_S, .recovery_removal_limit = 1,
        .completed_frameworks_max = 2, .completed_tasks_max = 3, .unreachable_tasks_max = 2, .root_submissions = true,
        .recovery_factor = 0.8, .recovery_timeout_ns = 600 * NS_PER_S, .registry_gc_interval_ns = 900 * NS_PER_S,
        .registry_max_agent_age_ns = 1000 * NS_PER_S, .registry_max_agent_count = 2,
    };
    struct master_event ev = { .type = MASTER_EV_RECOVERED }, watched = { .type = MASTER_EV_WATCHED, .watched = { true } };

    rng_seed(&r.rng, 1);
    r.m = master_new(&c);
    do_step(&r, &ev);
    do_step(&r, &watched);
    while (size >= 3) {
        size_t n = data[1] | (size_t)data[2] << 8;
        if (n > size - 3)
            n = size - 3;
        frame(&r, data[0] & 15, str_mem(data + 3, n));
        data += 3 + n;
        size -= 3 + n;
    }
    views(&r);
    master_free(r.m);
    return 0;
}
