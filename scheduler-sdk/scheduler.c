/* SPDX-License-Identifier: Apache-2.0 */
/* Making, running, ending; the stream; what the session decides. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/io/random.h"
#include "common/io/tls.h"
#include "common/wire/json.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "scheduler-sdk/scheduler_int.h"

#ifndef STOA_VERSION
#define STOA_VERSION "1.12.0"
#endif

const char *stoa_version(void)
{
    return STOA_VERSION;
}

static void step(struct stoa_scheduler *s, struct session_event ev);

/* --- the stream ---------------------------------------------------------------------------------------- */

static void on_head(void *arg, struct http_call *c, const struct http_answer *a)
{
    struct stoa_scheduler *s = arg;
    struct net_addr local;
    struct str id = http_answer_header(a, "Mesos-Stream-Id"), location = http_answer_header(a, "Location");

    s->stream_status = a->status;
    http_call_peer(c, &local, &s->peer);
    (void)snprintf(s->stream_id, sizeof s->stream_id, "%.*s", STR_ARG(id));
    sbuf_clear(&s->location);
    sbuf_str(&s->location, location);
}

/* One record. A callback may end the stream meanwhile. */
static void take_record(struct stoa_scheduler *s, struct str record)
{
    struct session_event ev;

    step(s, (struct session_event){ .type = SESSION_EV_HEARD, .attempt = s->stream_attempt });
    if (record.n != 0 && sdk_record(s, record, &ev))
        step(s, ev);
    s->subscribed_now = NULL;
    arena_clear(&s->arena);
}

static void on_body(void *arg, struct http_call *c, struct str bytes)
{
    struct stoa_scheduler *s = arg;
    struct error err;
    struct str record;
    int rc = 0;

    if (s->stream_status != 200) {
        sbuf_str(&s->refusal, str_sub(bytes, 0, SDK_REFUSAL_MAX - s->refusal.n));
        return;
    }
    /* A callback may end this stream; what is left of the bytes is then of no interest. */
    while (s->stream == c && (rc = recordio_next(&s->records, &bytes, &record, &err)) == 1)
        take_record(s, record);
    if (s->stream == c && rc < 0) {
        sdk_drop_stream(s);
        step(s, (struct session_event){
                    .type = SESSION_EV_CLOSED, .attempt = s->stream_attempt, .text = str_of(err.msg) });
    }
}

static void on_stream_done(void *arg, struct http_call *c, const struct http_answer *a,
                           const struct error *err)
{
    struct stoa_scheduler *s = arg;
    struct session_event ev = { .type = SESSION_EV_CLOSED, .attempt = s->stream_attempt };

    (void)c;
    s->stream = NULL;
    if (err != NULL) {
        ev.text = str_of(err->msg);
        ev.unanswered = err->code == ERR_TIMEOUT;
    } else if (a->status == 200) {
        ev.text = STR("the master ended the event stream");
    } else {
        ev.type = SESSION_EV_ANSWER;
        ev.status = a->status;
        ev.text = sbuf_view(&s->refusal);
        ev.location = sbuf_view(&s->location);
    }
    step(s, ev);
}

static void connect_stream(struct stoa_scheduler *s, unsigned attempt)
{
    struct http_header headers[4];
    struct http_call_params p = {
        .flags = HTTP_CALL_NEW_CONNECTION,
        .method = "POST",
        .target = STR_INIT("/api/v1/scheduler"),
        .headers = headers,
        .header_count = sdk_headers(s, headers, false),
        .content_type = sdk_content_type(s),
        .answer_timeout_ns = s->session.config.connect_timeout_ns,
        .stall_timeout_ns = -1, /* the session watches the heartbeats */
        .arg = s,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_stream_done,
    };
    struct sbuf call = SBUF_INIT(SDK_CALL_BYTES_MAX), json = SBUF_INIT(SDK_CALL_BYTES_MAX);

    sdk_drop_stream(s);
    s->stream_attempt = attempt;
    s->stream_status = 0;
    sbuf_clear(&s->refusal);
    sbuf_clear(&s->location);
    recordio_done(&s->records);
    recordio_init(&s->records, s->records.size_max);
    sdk_subscribe_bytes(s, &call);
    s->suppressed_sent = s->suppressed.version;
    if (s->content == STOA_JSON)
        (void)json_from_wire(&json, &mesos__v1__scheduler__call__descriptor, sbuf_view(&call));
    p.body = sbuf_view(s->content == STOA_JSON ? &json : &call);
    sdk_target(s, false, &p);
    sdk_log(s, 3, "subscribing with master %s", s->session.address);
    s->stream = http_client_call(s->http, &p);
    sbuf_done(&call);
    sbuf_done(&json);
}

/* --- the session --------------------------------------------------------------------------------------- */

static void tell_subscribed(struct stoa_scheduler *s)
{
    if (s->suppressed_sent != s->suppressed.version)
        sdk_send_suppressed(s);
    sdk_log(s, 2, "subscribed with master %s as %s", s->session.address, s->framework_id);
    if (s->cb.subscribed != NULL && s->subscribed_now != NULL)
        s->cb.subscribed(s, s->subscribed_now, s->user);
}

static void ended(struct stoa_scheduler *s)
{
    sdk_drop_stream(s);
    loop_timer_cancel(&s->timer);
    if (s->base == NULL)
        loop_stop(s->loop);
}

static void carry_out(struct stoa_scheduler *s, const struct session_action *a)
{
    switch (a->type) {
    case SESSION_CONNECT:
        connect_stream(s, a->attempt);
        break;
    case SESSION_DISCONNECT:
        sdk_drop_stream(s);
        break;
    case SESSION_TELL_SUBSCRIBED:
        tell_subscribed(s);
        break;
    case SESSION_TELL_DISCONNECTED:
        s->stream_id[0] = 0;
        if (s->cb.disconnected != NULL)
            s->cb.disconnected(s, a->text, s->user);
        break;
    case SESSION_TELL_ERROR:
        (void)snprintf(s->error_text, sizeof s->error_text, "%.250s", a->text);
        if (s->cb.error != NULL)
            s->cb.error(s, a->text, s->user);
        break;
    case SESSION_LOG:
        sdk_log(s, a->level, "%s", a->text);
        break;
    case SESSION_END:
        ended(s);
        break;
    }
}

/* Callbacks in here may call back into the scheduler and so step the session again: the actions of this step
 * are in a copy of our own. */
static void step(struct stoa_scheduler *s, struct session_event ev)
{
    struct session_actions actions;

    ev.now = loop_now(s->loop);
    session_step(&s->session, &ev, &s->rng, &actions);
    for (size_t i = 0; i < actions.count; i++)
        carry_out(s, &actions.list[i]);
    if (s->session.state != SESSION_ENDED)
        loop_timer_at(&s->timer, s->session.wake_at);
}

static void on_timer(void *arg)
{
    struct stoa_scheduler *s = arg;

    step(s, (struct session_event){ .type = s->session.state == SESSION_IDLE ? SESSION_EV_START
                                                                             : SESSION_EV_TICK });
}

/* The connection for calls is gone and has taken calls along, while the stream may live on for ever: a REVIVE
 * that is lost alone would never be missed. A new subscription says to the program that it has to repeat what
 * must not be lost. */
static void on_lane_lost(void *arg)
{
    struct stoa_scheduler *s = arg;

    if (s->session.state != SESSION_SUBSCRIBED || s->lane_attempt != s->stream_attempt)
        return;
    sdk_drop_stream(s);
    step(s, (struct session_event){
                .type = SESSION_EV_CLOSED, .attempt = s->stream_attempt, .text = str_of(s->lane_text) });
}

static void on_drained(void *arg)
{
    struct stoa_scheduler *s = arg;

    if (s->call_count == 0 && s->session.state == SESSION_STOPPING)
        step(s, (struct session_event){ .type = SESSION_EV_DRAINED });
}

/* --- making and ending --------------------------------------------------------------------------------- */

static int64_t or_default(int64_t v, int64_t dflt)
{
    return v > 0 ? v : dflt;
}

static int init_session(struct stoa_scheduler *s, const struct stoa_options *o, struct error *err)
{
    struct session_config config = {
        .backoff_min_ns = or_default(o->backoff_min_ms, 500) * NS_PER_MS,
        .backoff_max_ns = or_default(o->backoff_max_ms, 30000) * NS_PER_MS,
        .connect_timeout_ns = or_default(o->connect_timeout_ms, 10000) * NS_PER_MS,
        .drain_timeout_ns = 2 * NS_PER_S,
        .heartbeats_missed = o->heartbeats_missed != 0 ? o->heartbeats_missed : 5,
    };

    if (o->master == NULL || o->master[0] == '\0')
        return error_set(err, ERR_INVALID, "no master address is given");
    if (o->framework_id != NULL && strlen(o->framework_id) >= SDK_ID_MAX)
        return error_set(err, ERR_INVALID, "framework_id is longer than %d bytes", SDK_ID_MAX - 1);
    if (o->framework_id != NULL)
        (void)snprintf(s->framework_id, sizeof s->framework_id, "%s", o->framework_id);
    struct str master = str_of(o->master);
    s->by_https = str_skip(&master, STR("https://"));
    if (!s->by_https)
        (void)str_skip(&master, STR("http://"));
    return session_init(&s->session, &config, master, err);
}

static int init_values(struct stoa_scheduler *s, const struct stoa_options *o, struct error *err)
{
    int rc = init_session(s, o, err);

    if (rc == 0)
        rc = sdk_framework_init(&s->framework, o, err);
    for (size_t i = 0; rc == 0 && i < o->suppressed_role_count; i++)
        if (!suppressed_add(&s->suppressed, str_of(o->suppressed_roles[i])))
            rc = error_set(err, ERR_LIMIT, "more than %d suppressed roles", SESSION_ROLES_MAX);
    if (rc == 0 && o->principal != NULL && o->secret != NULL) {
        struct sbuf b = SBUF_INIT(10000);

        http_basic_auth_print(&b, str_of(o->principal), str_of(o->secret));
        s->authorization = sbuf_steal(&b);
        if (s->authorization == NULL)
            rc = error_set(err, ERR_NOMEM, "principal and secret are too long");
    }
    return rc;
}

static void on_detector_log(void *arg, enum zk_log_level level, const char *event, const char *text)
{
    sdk_log(arg, level == ZK_LOG_WARN ? 1 : 2, "%s: %s", event, text);
}

/* Without a leader, or unsure, the session goes on with the one that it knows. */
static void on_master(void *arg, const struct master_addr *m, bool unsure)
{
    struct stoa_scheduler *s = arg;
    char address[NET_TEXT_SIZE + 8];

    if (m == NULL || unsure || (m->id[0] != '\0' && strcmp(m->id, s->detected) == 0))
        return;
    (void)snprintf(s->detected, sizeof s->detected, "%s", m->id);
    (void)snprintf(address, sizeof address,
                   strchr(m->ip, ':') != NULL && m->ip[0] != '[' ? "[%s]:%u" : "%s:%u", m->ip, m->port);
    sdk_log(s, 2, "master %s leads", address);
    step(s, (struct session_event){ .type = SESSION_EV_MASTER, .text = str_of(address) });
}

static int init_io(struct stoa_scheduler *s, const struct stoa_options *o, struct error *err)
{
    struct http_client_options http = { .queue_bytes_max = s->queued_bytes_max + ((size_t)1 << 20) };
    struct tls_config tls = { .enabled = s->by_https }; /* the rest is from the environment */
    int rc = tls_config_complete(&tls, false, err);

    if (rc == 0)
        rc = tls_client_context(&tls, &s->tls, err);
    http.tls = s->tls;
    if (rc == 0)
        rc = loop_new(&s->loop, o->event_base, err);
    if (rc == 0)
        rc = http_client_new(&s->http, s->loop, &http, err);
    if (rc != 0)
        return rc;
    random_rng(&s->rng);
    loop_timer_init(&s->timer, s->loop, on_timer, s);
    loop_timer_in(&s->timer, 0);
    if (s->session.master_count == 0) {
        struct detector_options d = { .master = str_of(o->master), .log = on_detector_log, .log_arg = s };
        return detector_new(&s->detector, s->loop, &d, on_master, s, err);
    }
    return 0;
}

struct stoa_scheduler *stoa_scheduler_new(const struct stoa_options *options,
                                          const struct stoa_callbacks *callbacks, void *user,
                                          struct stoa_error *err)
{
    struct stoa_scheduler *s = calloc(1, sizeof *s);
    size_t event_max = options->event_bytes_max != 0 ? options->event_bytes_max : (size_t)64 << 20;
    struct error e;
    int rc;

    if (s == NULL) {
        (void)sdk_error_from(err, error_set(&e, ERR_NOMEM, "out of memory"), &e);
        return NULL;
    }
    s->cb = *callbacks;
    s->user = user;
    s->content = options->content;
    s->explicit_acks = options->explicit_acknowledgements;
    s->base = options->event_base;
    s->queued_bytes_max = options->queued_bytes_max != 0 ? options->queued_bytes_max : (size_t)64 << 20;
    s->drained_work = LOOP_WORK(LOOP_STEP, on_drained, s);
    s->lane_work = LOOP_WORK(LOOP_STEP, on_lane_lost, s);
    sdk_framework_done(&s->framework);
    sdk_framework_done(&s->update);
    recordio_init(&s->records, event_max);
    sbuf_init(&s->event_bytes, event_max);
    sbuf_init(&s->refusal, SDK_REFUSAL_MAX);
    sbuf_init(&s->location, 8192);
    arena_init(&s->arena,
               event_max * 16 +
                   ((size_t)1 << 20)); /* structs are up to about that much larger than their bytes */
    rc = init_values(s, options, &e);
    if (rc == 0)
        rc = init_io(s, options, &e);
    if (rc != 0) {
        (void)sdk_error_from(err, rc, &e);
        stoa_scheduler_free(s);
        return NULL;
    }
    return s;
}

int stoa_scheduler_run(struct stoa_scheduler *s, struct stoa_error *err)
{
    struct error e = { .code = ERR_OK };
    int rc = 0;

    if (s->base == NULL) {
        if (s->session.state != SESSION_ENDED)
            rc = loop_run(s->loop, &e);
    } else {
        while (s->session.state != SESSION_ENDED && event_base_loop(s->base, EVLOOP_ONCE) == 0)
            ;
    }
    if (rc == 0 && s->session.failed)
        rc = error_set(&e, ERR_DENIED, "%s", s->error_text);
    return sdk_error_from(err, rc, &e);
}

void stoa_scheduler_stop(struct stoa_scheduler *s)
{
    step(s, (struct session_event){ .type = SESSION_EV_STOP });
    if (s->session.state == SESSION_STOPPING)
        loop_defer(s->loop, &s->drained_work); /* with no call open there is nothing to wait for */
}

int stoa_scheduler_teardown(struct stoa_scheduler *s, struct stoa_error *err)
{
    int rc = sdk_teardown(s, err);

    if (rc != 0)
        return rc;
    s->torn_down = true;
    stoa_scheduler_stop(s);
    return 0;
}

/* --- timers of the program ----------------------------------------------------------------------------- */

struct sdk_after {
    struct stoa_scheduler *s;
    struct loop_timer timer;
    struct loop_work release; /* a timer is not freed inside its own callback */
    void (*fn)(struct stoa_scheduler *s, void *arg);
    void *arg;
    struct sdk_after *next, *prev;
};

static void after_free(struct sdk_after *a)
{
    if (a->prev != NULL)
        a->prev->next = a->next;
    else
        a->s->afters = a->next;
    if (a->next != NULL)
        a->next->prev = a->prev;
    loop_undefer(a->s->loop, &a->release);
    loop_timer_done(&a->timer);
    free(a);
}

static void after_release(void *arg)
{
    after_free(arg);
}

static void after_fired(void *arg)
{
    struct sdk_after *a = arg;

    loop_defer(a->s->loop, &a->release);
    a->fn(a->s, a->arg);
}

int stoa_scheduler_after(struct stoa_scheduler *s, int64_t delay_ms,
                         void (*fn)(struct stoa_scheduler *s, void *arg), void *arg, struct stoa_error *err)
{
    struct sdk_after *a = calloc(1, sizeof *a);
    struct error e;

    if (a == NULL)
        return sdk_error_from(err, error_set(&e, ERR_NOMEM, "out of memory"), &e);
    a->s = s;
    a->fn = fn;
    a->arg = arg;
    a->release = LOOP_WORK(LOOP_FREE, after_release, a);
    a->next = s->afters;
    if (s->afters != NULL)
        s->afters->prev = a;
    s->afters = a;
    loop_timer_init(&a->timer, s->loop, after_fired, a);
    loop_timer_in(&a->timer, delay_ms > 0 ? delay_ms * NS_PER_MS : 0);
    return 0;
}

void stoa_scheduler_free(struct stoa_scheduler *s)
{
    if (s == NULL)
        return;
    while (s->afters != NULL)
        after_free(s->afters);
    if (s->loop != NULL) {
        sdk_drop_stream(s);
        loop_undefer(s->loop, &s->drained_work);
        loop_undefer(s->loop, &s->lane_work);
        loop_timer_done(&s->timer);
    }
    detector_free(s->detector);
    http_client_free(s->http);
    tls_context_free(s->tls);
    sdk_calls_done(s);
    loop_free(s->loop);
    sdk_framework_done(&s->framework);
    sdk_framework_done(&s->update);
    suppressed_done(&s->suppressed);
    recordio_done(&s->records);
    sbuf_done(&s->event_bytes);
    sbuf_done(&s->refusal);
    sbuf_done(&s->location);
    arena_done(&s->arena);
    free(s->authorization);
    free(s);
}

/* --- queries ------------------------------------------------------------------------------------------- */

const char *stoa_scheduler_framework_id(const struct stoa_scheduler *s)
{
    return s->framework_id[0] != 0 ? s->framework_id : NULL;
}

bool stoa_scheduler_is_subscribed(const struct stoa_scheduler *s)
{
    return s->session.state == SESSION_SUBSCRIBED;
}

bool stoa_scheduler_is_stopped(const struct stoa_scheduler *s)
{
    return s->session.state == SESSION_STOPPING || s->session.state == SESSION_ENDED;
}

const char *stoa_scheduler_master(const struct stoa_scheduler *s)
{
    return s->session.state == SESSION_SUBSCRIBED ? s->session.address : NULL;
}
