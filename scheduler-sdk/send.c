/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on their way: one pipelined connection keeps their order. */
#include <stdio.h>
#include <stdlib.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "scheduler-sdk/scheduler_int.h"

struct sdk_call {
    struct stoa_scheduler *s;
    enum sdk_call_type type;
    unsigned attempt; /* of the stream that it belongs to */
    size_t bytes;
    struct sdk_call *next, *prev;
};

const char *sdk_call_name(enum sdk_call_type type)
{
    const ProtobufCEnumValue *v =
        protobuf_c_enum_descriptor_get_value(&mesos__v1__scheduler__call__type__descriptor, (int)type);

    return v != NULL ? v->name : "UNKNOWN";
}

const char *sdk_content_type(const struct stoa_scheduler *s)
{
    return s->content == STOA_JSON ? "application/json" : "application/x-protobuf";
}

size_t sdk_headers(const struct stoa_scheduler *s, struct http_header out[4], bool with_stream)
{
    size_t n = 0;

    out[n++] = (struct http_header){ "Accept", str_of(sdk_content_type(s)) };
    if (s->authorization != NULL)
        out[n++] = (struct http_header){ "Authorization", str_of(s->authorization) };
    if (with_stream)
        out[n++] = (struct http_header){ "Mesos-Stream-Id", str_of(s->stream_id) };
    return n;
}

void sdk_target(const struct stoa_scheduler *s, bool to_peer, struct http_call_params *p)
{
    struct str address = str_of(s->session.address);
    struct str port;
    size_t colon = address.n;
    uint64_t number = 0;

    while (colon > 0 && address.p[colon - 1] != ':')
        colon--;
    p->host = str_sub(address, 0, colon - 1);
    port = str_sub(address, colon, address.n);
    (void)str_u64(&port, 65535, &number); /* session_init and session_location let nothing else in */
    p->port = (uint16_t)number;
    if (s->tls != NULL)
        p->flags |= HTTP_CALL_TLS;
    if (to_peer && s->peer.family != NET_NONE)
        p->addr = s->peer;
    else if (!net_parse(address, &p->addr))
        p->addr = (struct net_addr){ .family = NET_NONE };
}

int sdk_may_call(const struct stoa_scheduler *s, const char *what, struct error *err)
{
    if (!s->torn_down && (s->session.state == SESSION_SUBSCRIBED || s->session.state == SESSION_STOPPING))
        return 0;
    if (s->session.state == SESSION_ENDED || s->torn_down)
        return error_set(err, ERR_UNAVAILABLE, "%s: the scheduler has ended", what);
    return error_set(err, ERR_UNAVAILABLE, "%s: not subscribed with a master now; repeat it when subscribed",
                     what);
}

void sdk_call_begin(const struct stoa_scheduler *s, struct sbuf *b, enum sdk_call_type type)
{
    if (s->framework_id[0] != 0)
        wire_put_id(b, 1, str_of(s->framework_id));
    wire_put_u64(b, 2, (uint64_t)type);
}

static bool has_role(const struct sdk_framework *f, const char *role)
{
    for (size_t i = 0; i < f->role_count; i++)
        if (strcmp(f->roles[i], role) == 0)
            return true;
    return false;
}

void sdk_put_framework(const struct stoa_scheduler *s, struct sbuf *b, uint32_t number,
                       const struct sdk_framework *f)
{
    size_t mark = wire_open(b, number), info = wire_open(b, 1);

    sbuf_str(b, sbuf_view(&f->info));
    if (s->framework_id[0] != 0)
        wire_put_id(b, 3, str_of(s->framework_id));
    wire_close(b, info);
    for (size_t i = 0; i < s->suppressed.count; i++)
        if (has_role(f, s->suppressed.roles[i])) /* masters refuse to suppress what is not subscribed */
            wire_put_bytes(b, 2, str_of(s->suppressed.roles[i]));
    if (f->constraints.n != 0)
        wire_put_bytes(b, 3, sbuf_view(&f->constraints));
    wire_close(b, mark);
}

void sdk_subscribe_bytes(struct stoa_scheduler *s, struct sbuf *b)
{
    sdk_call_begin(s, b, SDK_CALL_SUBSCRIBE);
    sdk_put_framework(s, b, 3, &s->framework);
}

static void forget(struct sdk_call *c)
{
    struct stoa_scheduler *s = c->s;

    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        s->calls = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    s->call_count--;
    s->queued_bytes -= c->bytes;
    free(c);
}

void sdk_calls_done(struct stoa_scheduler *s)
{
    while (s->calls != NULL)
        forget(s->calls);
}

/* --- answers ------------------------------------------------------------------------------------------- */

static void framework_answered(struct stoa_scheduler *s, unsigned status, const char *text)
{
    struct stoa_error result = { .code = STOA_OK };
    struct error e;

    s->update_open = false;
    if (status == 200) {
        sdk_framework_done(&s->framework);
        s->framework = s->update;
        s->update = (struct sdk_framework){ .info = SBUF_INIT(SDK_CALL_BYTES_MAX) };
    } else {
        enum err_code code = status == 403 ? ERR_DENIED : status == 0 ? ERR_IO : ERR_INVALID;

        (void)sdk_error_from(&result, error_set(&e, code, "the framework is not updated: %s", text), &e);
    }
    sdk_framework_done(&s->update);
    if (s->cb.framework_updated != NULL)
        s->cb.framework_updated(s, &result, s->user);
}

static void on_answer(void *arg, struct http_call *http, const struct http_answer *a, const struct error *err)
{
    struct sdk_call *c = arg;
    struct stoa_scheduler *s = c->s;
    enum sdk_call_type type = c->type;
    unsigned status = err == NULL ? a->status : 0;
    bool current = c->attempt == s->stream_attempt && s->session.state == SESSION_SUBSCRIBED;
    char text[400];

    (void)http;
    (void)snprintf(text, sizeof text, "%.*s",
                   (int)(err != NULL       ? strlen(err->msg)
                         : a->body.n < 300 ? a->body.n
                                           : 300),
                   err != NULL      ? err->msg
                   : a->body.n != 0 ? a->body.p
                                    : "");
    forget(c);
    if (type == SDK_CALL_UPDATE_FRAMEWORK)
        framework_answered(s, status, text);
    if (status != 202 && status != 200) {
        sdk_log(s, 1, "call %s was not taken: status %u %s", sdk_call_name(type), status, text);
        if (s->cb.call_failed != NULL)
            s->cb.call_failed(s, sdk_call_name(type), (int)status, text, s->user);
    }
    if (status == 0 && current) {
        s->lane_attempt = s->stream_attempt;
        (void)snprintf(s->lane_text, sizeof s->lane_text, "the connection for calls is gone: %.200s", text);
        loop_defer(s->loop, &s->lane_work);
    }
    if (s->call_count == 0 && s->session.state == SESSION_STOPPING)
        loop_defer(s->loop, &s->drained_work);
}

/* --- sending ------------------------------------------------------------------------------------------- */

static void post(struct stoa_scheduler *s, struct sdk_call *c, struct str body)
{
    struct http_header headers[4];
    struct http_call_params p = {
        .flags = HTTP_CALL_PIPELINE,
        /* A lane per subscription: a connection that died unnoticed with the one before must not hold new
           calls. */
        .lane = s->stream_attempt,
        .method = "POST",
        .target = STR_INIT("/api/v1/scheduler"),
        .headers = headers,
        .header_count = sdk_headers(s, headers, true),
        .content_type = sdk_content_type(s),
        .body = body,
        .answer_bytes_max = 1 << 20,
        .arg = c,
        .on_done = on_answer,
    };

    sdk_target(s, true, &p);
    (void)http_client_call(s->http, &p); /* never NULL; not cancelled one by one */
}

int sdk_call_send(struct stoa_scheduler *s, enum sdk_call_type type, const struct sbuf *b, struct error *err)
{
    struct sbuf json = SBUF_INIT(SDK_CALL_BYTES_MAX);
    struct str body = sbuf_view(b);
    struct sdk_call *c;
    int rc = 0;

    if (!sbuf_ok(b))
        return error_set(err, ERR_NOMEM, "%s: out of memory, or longer than %zu bytes", sdk_call_name(type),
                         SDK_CALL_BYTES_MAX);
    if (s->content == STOA_JSON) {
        if (!json_from_wire(&json, &mesos__v1__scheduler__call__descriptor, body))
            rc = error_set(err, ERR_NOMEM, "%s: out of memory", sdk_call_name(type));
        body = sbuf_view(&json);
    }
    if (rc == 0 && body.n > s->queued_bytes_max - s->queued_bytes)
        rc = error_set(err, ERR_LIMIT,
                       "%s: %zu bytes of calls wait already; at most %zu (queued_bytes_max) may",
                       sdk_call_name(type), s->queued_bytes, s->queued_bytes_max);
    c = rc == 0 ? calloc(1, sizeof *c) : NULL;
    if (rc == 0 && c == NULL)
        rc = error_set(err, ERR_NOMEM, "%s: out of memory", sdk_call_name(type));
    if (c != NULL) {
        *c = (struct sdk_call){
            .s = s, .type = type, .attempt = s->stream_attempt, .bytes = body.n, .next = s->calls
        };
        if (s->calls != NULL)
            s->calls->prev = c;
        s->calls = c;
        s->call_count++;
        s->queued_bytes += body.n;
        post(s, c, body);
    }
    sbuf_done(&json);
    return rc;
}
