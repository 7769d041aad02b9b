/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted master's side that speaks: the stream and the events. Events are built as wire bytes and turned into JSON for
 * subscribers that asked for it. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench/bench.h"
#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/recordio.h"

enum { EVENT_BYTES_MAX = 4 << 20, TICK_MS = 250 };

/* Field numbers of Event and what is in it. */
enum { EV_TYPE = 1, EV_SUBSCRIBED = 2, EV_OFFERS = 3, EV_RESCIND = 4, EV_UPDATE = 5, EV_FAILURE = 7, EV_ERROR = 8 };

const char *bench_agent_id(unsigned agent)
{
    static const char *const ids[BENCH_AGENTS] = { "bench-S0", "bench-S1" };

    return ids[agent];
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

/* The event as a framed record in the subscriber's form. */
static void frame(const struct bench *b, struct sbuf *out, struct str event)
{
    struct sbuf json = SBUF_INIT(EVENT_BYTES_MAX);

    if (b->stream_json) {
        (void)json_from_wire(&json, &mesos__v1__scheduler__event__descriptor, event);
        event = sbuf_view(&json);
    }
    recordio_put(out, event);
    sbuf_done(&json);
}

void bench_event(struct bench *b, struct str event)
{
    struct sbuf out = SBUF_INIT(EVENT_BYTES_MAX);

    if (b->stream == NULL)
        return;
    frame(b, &out, event);
    (void)http_stream_write(b->stream, sbuf_view(&out));
    sbuf_done(&out);
}

static void event_send(struct bench *b, struct sbuf *event)
{
    bench_event(b, sbuf_view(event));
    sbuf_done(event);
}

static void cut_stream(struct bench *b)
{
    struct http_req *r = b->stream;

    b->stream = NULL;
    b->suppressed = false;
    for (size_t i = 0; i < b->offer_count; i++)
        if (b->offers[i].state == OFFER_OPEN)
            b->offers[i].state = OFFER_VOID;
    if (r != NULL)
        http_abort(r);
}

void bench_cut(struct bench *b)
{
    cut_stream(b);
}

void bench_cut_record(struct bench *b)
{
    if (b->stream != NULL)
        (void)http_stream_write(b->stream, STR("317\n{\"type\":\"OFF"));
    bench_pause(b, 50 * NS_PER_MS); /* so that the half is on its way before the end */
    cut_stream(b);
}

void bench_write_split(struct bench *b, struct str first, struct str second)
{
    struct sbuf out = SBUF_INIT(EVENT_BYTES_MAX);
    size_t at = 0;

    frame(b, &out, first);
    for (; at + 3 < out.n && b->stream != NULL && at < 300; at += 3) {
        (void)http_stream_write(b->stream, str_sub(sbuf_view(&out), at, 3));
        bench_pause(b, NS_PER_MS);
    }
    frame(b, &out, second);
    frame(b, &out, second);
    if (b->stream != NULL)
        (void)http_stream_write(b->stream, str_sub(sbuf_view(&out), at, out.n));
    sbuf_done(&out);
}

/* --- events ----------------------------------------------------------------------------------------------------- */

static void put_offer(struct bench *b, struct sbuf *ev, const struct bench_offer *o)
{
    char host[32];
    size_t mark = wire_open(ev, 1), role;

    (void)snprintf(host, sizeof host, "bench-%u.example", o->agent);
    wire_put_id(ev, 1, str_of(o->id));
    wire_put_id(ev, 2, str_of(b->framework_id));
    wire_put_id(ev, 3, str_of(bench_agent_id(o->agent)));
    wire_put_bytes(ev, 4, str_of(host));
    wire_put_resources(ev, 5, &o->resources, b->refinement ? RESOURCE_POST : RESOURCE_PRE, !b->multi_role);
    if (b->multi_role) {
        role = wire_open(ev, 10);
        wire_put_bytes(ev, 1, str_of(b->role));
        wire_close(ev, role);
    }
    wire_close(ev, mark);
}

static bool is_offered(const struct bench *b, unsigned agent)
{
    for (size_t i = 0; i < b->offer_count; i++)
        if (b->offers[i].agent == agent && b->offers[i].state == OFFER_OPEN)
            return true;
    return false;
}

static struct bench_offer *new_offer(struct bench *b, unsigned agent)
{
    struct name *role = name_of(str_of(b->role));
    struct bench_offer *o;

    o = &b->offers[b->offer_count++];
    *o = (struct bench_offer){ .agent = agent, .made_at = loop_now(b->loop) };
    (void)snprintf(o->id, sizeof o->id, "bench-O%zu", b->offer_count);
    o->resources = resources_copy(&b->free[agent]);
    resources_allocate(&o->resources, role);
    name_unref(role);
    return o;
}

void bench_offer_agents(struct bench *b)
{
    struct sbuf ev = SBUF_INIT(EVENT_BYTES_MAX);
    size_t mark, n = b->offer_count;

    wire_put_u64(&ev, EV_TYPE, MESOS__V1__SCHEDULER__EVENT__TYPE__OFFERS);
    mark = wire_open(&ev, EV_OFFERS);
    for (unsigned i = 0; i < BENCH_AGENTS; i++)
        if (!is_offered(b, i) && !resources_is_empty(&b->free[i]) && b->offer_count < BENCH_OFFERS_MAX)
            put_offer(b, &ev, new_offer(b, i));
    wire_close(&ev, mark);
    if (b->offer_count == n)
        sbuf_done(&ev);
    else
        event_send(b, &ev);
}

void bench_rescind(struct bench *b, struct bench_offer *o)
{
    struct sbuf ev = SBUF_INIT(EVENT_BYTES_MAX);
    size_t mark;

    o->state = OFFER_RESCINDED;
    o->rescinded_at = loop_now(b->loop);
    wire_put_u64(&ev, EV_TYPE, MESOS__V1__SCHEDULER__EVENT__TYPE__RESCIND);
    mark = wire_open(&ev, EV_RESCIND);
    wire_put_id(&ev, 1, str_of(o->id));
    wire_close(&ev, mark);
    event_send(b, &ev);
}

void bench_error_event(struct bench *b, const char *text)
{
    struct sbuf ev = SBUF_INIT(EVENT_BYTES_MAX);
    size_t mark;

    wire_put_u64(&ev, EV_TYPE, MESOS__V1__SCHEDULER__EVENT__TYPE__ERROR);
    mark = wire_open(&ev, EV_ERROR);
    wire_put_bytes(&ev, 1, str_of(text));
    wire_close(&ev, mark);
    event_send(b, &ev);
}

void bench_failure_event(struct bench *b, unsigned agent)
{
    struct sbuf ev = SBUF_INIT(EVENT_BYTES_MAX);
    size_t mark;

    wire_put_u64(&ev, EV_TYPE, MESOS__V1__SCHEDULER__EVENT__TYPE__FAILURE);
    mark = wire_open(&ev, EV_FAILURE);
    wire_put_id(&ev, 1, str_of(bench_agent_id(agent)));
    wire_close(&ev, mark);
    event_send(b, &ev);
}

static void heartbeat(struct bench *b)
{
    struct sbuf ev = SBUF_INIT(EVENT_BYTES_MAX);

    wire_put_u64(&ev, EV_TYPE, MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT);
    event_send(b, &ev);
}

/* A later master may say more than its clients know: an unknown kind, and a known one with an unknown field. */
void bench_odd_events(struct bench *b)
{
    struct sbuf ev = SBUF_INIT(EVENT_BYTES_MAX), out = SBUF_INIT(EVENT_BYTES_MAX);

    if (b->stream == NULL)
        return;
    if (b->stream_json) {
        recordio_put(&out, STR("{\"type\":\"NEWS_OF_TOMORROW\",\"news\":{\"a\":[1,2,{}]}}"));
        recordio_put(&out, STR("{\"type\":\"HEARTBEAT\",\"temperature\":21.5}"));
    } else {
        wire_put_u64(&ev, EV_TYPE, 99);
        wire_put_bytes(&ev, 77, STR("news"));
        recordio_put(&out, sbuf_view(&ev));
        sbuf_clear(&ev);
        wire_put_u64(&ev, EV_TYPE, MESOS__V1__SCHEDULER__EVENT__TYPE__HEARTBEAT);
        wire_put_double(&ev, 78, 21.5);
        recordio_put(&out, sbuf_view(&ev));
    }
    (void)http_stream_write(b->stream, sbuf_view(&out));
    sbuf_done(&ev);
    sbuf_done(&out);
}

/* --- tasks ------------------------------------------------------------------------------------------------------ */

struct update {
    const struct bench_task *task;
    Mesos__V1__TaskState state;
    const struct uuid *uuid; /* NULL: none */
    bool from_master;
    int reason; /* -1: none */
    const char *message;
};

static void send_update(struct bench *b, const struct update *u)
{
    struct sbuf ev = SBUF_INIT(EVENT_BYTES_MAX);
    size_t mark, status;

    if (b->mute)
        return;
    wire_put_u64(&ev, EV_TYPE, MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE);
    mark = wire_open(&ev, EV_UPDATE);
    status = wire_open(&ev, 1);
    wire_put_id(&ev, 1, str_of(u->task->id));
    wire_put_u64(&ev, 2, (uint64_t)u->state);
    if (u->message != NULL)
        wire_put_bytes(&ev, 4, str_of(u->message));
    wire_put_id(&ev, 5, str_of(bench_agent_id(u->task->agent)));
    wire_put_double(&ev, 6, (double)loop_wall(b->loop).ms / 1000.0);
    wire_put_u64(&ev, 9, u->from_master ? MESOS__V1__TASK_STATUS__SOURCE__SOURCE_MASTER
                                        : MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR);
    if (u->reason >= 0)
        wire_put_u64(&ev, 10, (uint64_t)u->reason);
    if (u->uuid != NULL)
        wire_put_bytes(&ev, 11, str_mem(u->uuid->b, sizeof u->uuid->b));
    wire_close(&ev, status);
    wire_close(&ev, mark);
    event_send(b, &ev);
}

static bool ends(Mesos__V1__TaskState s)
{
    return s == MESOS__V1__TASK_STATE__TASK_FINISHED || s == MESOS__V1__TASK_STATE__TASK_FAILED ||
           s == MESOS__V1__TASK_STATE__TASK_KILLED || s == MESOS__V1__TASK_STATE__TASK_ERROR ||
           s == MESOS__V1__TASK_STATE__TASK_LOST || s == MESOS__V1__TASK_STATE__TASK_GONE;
}

void bench_task_free_resources(struct bench *b, struct bench_task *t)
{
    resources_add_all(&b->free[t->agent], &t->resources);
    resources_done(&t->resources);
}

void bench_task_resend(struct bench *b, struct bench_task *t)
{
    const struct update u = { .task = t, .state = t->state, .uuid = &t->pending, .reason = -1 };

    if (!t->has_pending)
        return;
    t->sent++;
    send_update(b, &u);
}

void bench_task_update(struct bench *b, struct bench_task *t, Mesos__V1__TaskState state)
{
    if (t->has_pending) {
        if (t->queued < BENCH_STATES_MAX)
            t->queue[t->queued++] = state;
        return;
    }
    t->state = state;
    t->pending = uuid_make(&b->rng);
    t->has_pending = true;
    if (ends(state))
        bench_task_free_resources(b, t);
    bench_task_resend(b, t);
}

void bench_task_status(struct bench *b, const struct bench_task *t, Mesos__V1__TaskState state,
                       Mesos__V1__TaskStatus__Reason reason, const char *message)
{
    const struct update u = {
        .task = t, .state = state, .from_master = true, .reason = (int)reason, .message = message
    };

    send_update(b, &u);
}

struct bench_task *bench_task_find(struct bench *b, struct str id)
{
    for (size_t i = 0; i < b->task_count; i++)
        if (str_is(id, b->tasks[i].id))
            return &b->tasks[i];
    return NULL;
}

Mesos__V1__TaskState bench_unknown_state(const struct bench *b)
{
    return b->partition_aware ? MESOS__V1__TASK_STATE__TASK_UNKNOWN : MESOS__V1__TASK_STATE__TASK_LOST;
}

/* --- the tick --------------------------------------------------------------------------------------------------- */

static void on_tick(void *arg)
{
    struct bench *b = arg;
    struct mono now = loop_now(b->loop);

    loop_timer_in(&b->tick, TICK_MS * NS_PER_MS);
    if (b->stream == NULL)
        return;
    if (!b->no_heartbeats && !mono_before(now, b->beat_at)) {
        b->beat_at = mono_add(now, b->heartbeat_ns);
        heartbeat(b);
    }
    if (!b->no_offers && !b->suppressed && !mono_before(now, b->no_offer_before))
        bench_offer_agents(b);
}

void bench_tick_init(struct bench *b)
{
    loop_timer_init(&b->tick, b->loop, on_tick, b);
    loop_timer_in(&b->tick, TICK_MS * NS_PER_MS);
}
