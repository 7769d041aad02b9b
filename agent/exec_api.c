/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/executor. The order of checks and the texts are the original's (golden exchanges 150-209). */
#include "agent/shell.h"

#include "agent/api.h"
#include "agent/wire/call.h"
#include "agent/wire/decode.h"
#include "common/wire/validate.h"

/* Of an UPDATE or MESSAGE. They travel on to the master, whose limit of a message is 16 MiB. */
enum { CALL_BYTES_MAX = 8 << 20 };

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

static void on_gone(struct shell *s, uint64_t stream, struct framework_id framework, struct executor_id executor)
{
    struct agent_event ev = { .type = AGENT_EV_EXECUTOR_DISCONNECTED };

    ev.u.disconnected.stream = stream;
    ev.u.disconnected.framework = framework;
    ev.u.disconnected.executor = executor;
    shell_step(s, &ev);
}

static void handle(struct call *c, struct agent_executor *e)
{
    struct shell *s = c->shell;
    struct agent_status_fill fill;
    struct agent_event ev;
    struct error err = { 0 };
    uint64_t number = 0;
    bool subscribe = c->msg->type == MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE;

    exec_status_fill(s, e, &fill);
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
    if (exec_update_is_ours(s, e, &ev)) {
        agent_event_done(&ev);
        http_reply(c->req, 202, NULL, (struct str){ NULL, 0 });
        return;
    }
    if (subscribe)
        (void)exec_stream_open(s, c->req, e, c->json_out, on_gone); /* number as above */
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

    if (api_may_begin(r, s->core->state == AGENT_RECOVERING && s->core->recover_by.ns == MONO_NEVER.ns) && parse(&c))
        dispatch(&c);
    arena_done(&c.arena);
}
