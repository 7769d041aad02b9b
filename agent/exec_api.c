/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/executor. The order of checks and the texts are the original's (golden exchanges 150-209). Each SUBSCRIBE
 * becomes a stream with a number, by which the core names it; one record per chunk. The first heartbeat comes after half
 * an hour: executors in use leave on any event they do not know, so nothing is sent before. */
#include "agent/shell.h"

#include "agent/api.h"
#include "agent/isolation/containerizer.h"
#include "agent/wire/call.h"
#include "agent/wire/decode.h"
#include "agent/wire/driver.h"
#include "agent/wire/encode.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/validate.h"

#define EXECUTOR_HEARTBEAT_NS (1800 * NS_PER_S)

/* CALL: of an UPDATE or MESSAGE. They travel on to the master, whose limit of a message is 16 MiB. */
enum { EVENT_BYTES_MAX = 64 << 20, CALL_BYTES_MAX = 8 << 20 };

struct exec_stream {
    uint64_t number;
    struct shell *shell;
    struct http_req *req;
    struct msg_pid pid;       /* of a v0 executor (exec_driver.c); unset: HTTP */
    bool json;
    char *framework_id, *executor_id;
    struct loop_timer heartbeat;
    struct loop_work done;    /* frees it at the end of the turn */
    UT_hash_handle hh;
};

/* --- streams --- */

static struct exec_stream *stream_find(const struct shell *s, uint64_t number)
{
    struct exec_stream *x = NULL;

    HASH_FIND(hh, s->streams, &number, sizeof number, x);
    return x;
}

static void stream_free(void *arg)
{
    struct exec_stream *x = arg;

    loop_timer_done(&x->heartbeat);
    free(x->framework_id);
    free(x->executor_id);
    free(x);
}

static void stream_drop(struct exec_stream *x)
{
    HASH_DEL(x->shell->streams, x);
    loop_timer_cancel(&x->heartbeat);
    x->done = LOOP_WORK(LOOP_FREE, stream_free, x);
    loop_defer(x->shell->loop, &x->done);
}

static void stream_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct exec_stream *x = arg;
    struct agent_event ev = { .type = AGENT_EV_EXECUTOR_DISCONNECTED };

    (void)r;
    (void)why;
    ev.u.disconnected.stream = x->number;
    ev.u.disconnected.framework = framework_id(str_of(x->framework_id));
    ev.u.disconnected.executor = executor_id(str_of(x->executor_id));
    x->req = NULL;
    if (x->shell->core != NULL && !x->shell->exiting)
        shell_step(x->shell, &ev);
    stream_drop(x);
}

static void stream_write(struct exec_stream *x, struct str event)
{
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(EVENT_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf record = SBUF_INIT(EVENT_BYTES_MAX);

    if (x->req == NULL)
        return;
    if (x->json) {
        struct jsonw w = JSONW(&json);
        struct json_opts opts = { .hide_v0_fields = true };
        (void)json_write_wire(&w, &mesos__v1__executor__event__descriptor, event, &opts); /* we packed it */
        event = sbuf_view(&json);
    }
    sbuf_u64(&record, event.n);
    sbuf_char(&record, '\n');
    sbuf_str(&record, event);
    if (sbuf_ok(&record) && sbuf_ok(&json))
        (void)http_stream_write(x->req, sbuf_view(&record)); /* a slow executor is dropped: stream_gone */
}

static void heartbeat(void *arg)
{
    struct exec_stream *x = arg;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    agent_encode_executor_heartbeat(&b);
    stream_write(x, sbuf_view(&b));
    loop_timer_in(&x->heartbeat, EXECUTOR_HEARTBEAT_NS);
}

static struct exec_stream *stream_add(struct shell *s, struct str fid, struct str eid)
{
    struct exec_stream *x = xcalloc(1, sizeof *x);

    x->number = ++s->next_stream;
    x->shell = s;
    x->framework_id = xstrndup(fid);
    x->executor_id = xstrndup(eid);
    loop_timer_init(&x->heartbeat, s->loop, heartbeat, x);
    HASH_ADD(hh, s->streams, number, sizeof x->number, x);
    return x;
}

uint64_t exec_api_add_driver(struct shell *s, const struct msg_pid *pid, const struct agent_executor *e)
{
    struct exec_stream *x = stream_add(s, str_of(e->framework->id), str_of(e->id));

    x->pid = *pid;
    (void)msg_link(s->msg, pid); /* over a limit: its messages get connections for the moment */
    return x->number;
}

/* The link goes with the last connection of that pid. */
static void driver_unlink(const struct exec_stream *gone)
{
    struct exec_stream *x, *next;

    HASH_ITER(hh, gone->shell->streams, x, next)
        if (x != gone && msg_pid_eq(&x->pid, &gone->pid))
            return;
    msg_unlink(gone->shell->msg, &gone->pid);
}

static void driver_send(struct exec_stream *x, const struct agent_action *act)
{
    struct shell *s = x->shell;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(EVENT_BYTES_MAX);
    size_t n = act->type == AGENT_DO_EXECUTOR_LAUNCH_GROUP ? act->task_count : 1;

    for (size_t i = 0; i < n; i++) { /* there is no message for a group: its tasks one by one */
        sbuf_clear(&b);
        const char *name = agent_encode_driver_message(s->core, &s->env, act, i, &b);
        if (name == NULL || !sbuf_ok(&b) || msg_send(s->msg, &s->self, &x->pid, str_of(name), sbuf_view(&b)) != 0)
            log_error("executor_message", "executor=" LOG_Q " bytes=%zu: not sent", LOG_QARG(str_of(x->executor_id)), b.n);
    }
}

static struct exec_stream *stream_new(struct shell *s, struct http_req *r, struct str fid, struct str eid, bool json)
{
    struct exec_stream *x = stream_add(s, fid, eid);

    x->req = r;
    x->json = json;
    loop_timer_in(&x->heartbeat, EXECUTOR_HEARTBEAT_NS);
    http_req_on_gone(r, stream_gone, x);
    http_stream_begin(r, 200, json ? "application/json" : "application/x-protobuf");
    return x;
}

void exec_api_send(struct shell *s, const struct agent_action *act)
{
    struct exec_stream *x = stream_find(s, act->stream);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(EVENT_BYTES_MAX);

    if (x == NULL)
        return;
    if (msg_pid_is_set(&x->pid)) {
        driver_send(x, act);
        return;
    }
    if (agent_encode_executor_event(s->core, &s->env, act, &b) && sbuf_ok(&b))
        stream_write(x, sbuf_view(&b));
    else
        log_error("executor_event", "executor=" LOG_Q " bytes=%zu: not sent", LOG_QARG(str_of(x->executor_id)), b.n);
}

void exec_api_close(struct shell *s, uint64_t number)
{
    struct exec_stream *x = stream_find(s, number);

    if (x == NULL)
        return;
    if (x->req != NULL) {
        http_req_on_gone(x->req, NULL, NULL);
        http_stream_end(x->req);
        x->req = NULL;
    }
    if (msg_pid_is_set(&x->pid))
        driver_unlink(x);
    stream_drop(x);
}

void exec_api_free(struct shell *s)
{
    struct exec_stream *x, *next;

    HASH_ITER(hh, s->streams, x, next) {
        if (x->req != NULL) {
            http_req_on_gone(x->req, NULL, NULL);
            http_abort(x->req);
        }
        HASH_DEL(s->streams, x);
        stream_free(x);
    }
}

/* --- calls --- */

struct call {
    struct shell *shell;
    struct http_req *req;
    bool json_out;
    struct arena arena;
    Mesos__V1__Executor__Call *msg;
};

/* False: answered already. */
static bool parse(struct call *c)
{
    struct str type = http_req_header(c->req, "Content-Type");
    struct str body = http_req_body(c->req);
    struct error err = { 0 };
    ProtobufCMessage *m = NULL;

    if (type.p == NULL) {
        http_reply_text(c->req, 400, "Expecting 'Content-Type' to be present");
        return false;
    }
    bool json = str_is(type, "application/json");
    if (!json && !str_is(type, "application/x-protobuf")) {
        http_reply_text(c->req, 415, "Expecting 'Content-Type' of application/json or application/x-protobuf");
        return false;
    }
    if (agent_decode_call(&mesos__v1__executor__call__descriptor, json, body, &c->arena, &m, &err) != 0) {
        http_reply_text(c->req, 400, "%s", err.msg);
        return false;
    }
    c->msg = (Mesos__V1__Executor__Call *)m;
    if (c->msg->has_type && c->msg->type != MESOS__V1__EXECUTOR__CALL__TYPE__UNKNOWN &&
        validate_executor_call(c->msg, &err) != 0) {
        http_reply_text(c->req, 400, "Failed to validate Executor::Call: %s", err.msg);
        return false;
    }
    if (!c->msg->has_type) {
        http_reply_text(c->req, 400, "Failed to validate Executor::Call: Expecting 'type' to be present");
        return false;
    }
    return true;
}

static bool accepts(struct call *c)
{
    struct str accept = http_req_header(c->req, "Accept");

    if (http_accepts_type(accept, "application/json"))
        c->json_out = true;
    else if (!http_accepts_type(accept, "application/x-protobuf")) {
        http_reply_text(c->req, 406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'");
        return false;
    }
    return true;
}

void exec_api_fill(struct shell *s, const struct agent_executor *e, struct agent_status_fill *fill)
{
    struct container_status st;

    *fill = (struct agent_status_fill){
        .agent = agent_id(str_of(s->core->id)),
        .now = loop_wall(s->loop),
        .container_id = str_of(e->container_id),
        .ip = str_of(s->ip_text),
    };
    if (containerizer_status(s->containers, e->container_id, &st, NULL) != 0)
        return;
    fill->pid = (uint32_t)st.pid;
    fill->has_cgroups = st.has_cgroups;
    fill->classid = st.net_cls_classid;
}

static void handle(struct call *c, struct agent_executor *e)
{
    struct shell *s = c->shell;
    struct agent_status_fill fill;
    struct agent_event ev;
    struct error err = { 0 };
    uint64_t number = 0;
    bool subscribe = c->msg->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE;

    exec_api_fill(s, e, &fill);
    if (subscribe)
        number = s->next_stream + 1;
    if (agent_decode_executor_call(&ev, c->msg, number, &fill, &c->arena, &err) != 0) {
        http_reply_error(c->req, &err);
        return;
    }
    if (ev.type == AGENT_EV_EXECUTOR_UPDATE &&
        !agent_can_take_update(s->core, ev.u.update.framework, ev.u.update.status->task)) {
        agent_event_done(&ev);
        http_reply_text(c->req, 503, "Task %s has %d unacknowledged updates, the most this agent keeps",
                        c->msg->update->status->task_id->value, AGENT_UPDATES_PENDING_MAX);
        return;
    }
    if (subscribe)
        (void)stream_new(s, c->req, str_of(e->framework->id), str_of(e->id), c->json_out); /* number as above */
    else
        http_reply(c->req, 202, NULL, (struct str){ NULL, 0 });
    shell_step(s, &ev);
    agent_event_done(&ev);
}

static void dispatch(struct call *c)
{
    struct shell *s = c->shell;
    Mesos__V1__Executor__Call__Type type = c->msg->type;

    if (type == MESOS__V1__EXECUTOR__CALL__TYPE__UNKNOWN) {
        http_reply_text(c->req, 501, "501 Not Implemented.");
        return;
    }
    if (type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE && !accepts(c))
        return;
    if (type == MESOS__V1__EXECUTOR__CALL__TYPE__HEARTBEAT) {
        http_reply(c->req, 202, NULL, (struct str){ NULL, 0 });
        return;
    }
    if (type != MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE && http_req_body(c->req).n > CALL_BYTES_MAX) {
        http_reply_text(c->req, 413, "The call has %zu bytes; at most %d go to the master", http_req_body(c->req).n, CALL_BYTES_MAX);
        return;
    }
    if (type != MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE && s->core->state == AGENT_RECOVERING) {
        http_reply_text(c->req, 503, "Agent has not finished recovery");
        return;
    }
    struct agent_framework *f = agent_framework_find(s->core, str_of(c->msg->framework_id->value));
    if (f == NULL) {
        http_reply_text(c->req, 400, "Framework cannot be found");
        return;
    }
    struct agent_executor *e = agent_executor_find(f, str_of(c->msg->executor_id->value));
    if (e == NULL) {
        http_reply_text(c->req, 400, "Executor cannot be found");
        return;
    }
    if (!access_is_executor(s, e)) {
        http_reply_text(c->req, 403, "The token is not of executor %s", e->id);
        return;
    }
    if (type != MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE && e->state == EXECUTOR_REGISTERING) {
        http_reply_text(c->req, 403, "Executor is not subscribed");
        return;
    }
    handle(c, e);
}

void exec_api_request(struct shell *s, struct http_req *r)
{
    struct call c = { .shell = s, .req = r, .arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES) };

    if (s->core->state == AGENT_RECOVERING && s->core->recover_by.ns == MONO_NEVER.ns) {
        http_reply_text(r, 503, "Agent has not finished recovery");
        return;
    }
    if (http_req_verb(r) != HTTP_VERB_POST) {
        api_reply_not_post(r);
        return;
    }
    if (parse(&c))
        dispatch(&c);
    arena_done(&c.arena);
}
