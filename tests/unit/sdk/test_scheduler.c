/* SPDX-License-Identifier: Apache-2.0 */
/* The whole library against a scripted master on loopback: real HTTP, one event loop for both sides. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/http.h"
#include "common/io/loop.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/recordio.h"
#include "common/wire/types.h"
#include "scheduler-sdk/include/stoa/scheduler.h"
#include "tests/support/test.h"

struct master {
    struct loop *loop;
    struct http_server *server;
    struct net_addr addr;
    struct http_req *stream;
    bool json; /* of the stream */
    unsigned subscriptions;
    char redirect[200]; /* set: answers with 307 to it */
    unsigned refuse;    /* set: answers with this status */
    bool abort_calls;   /* set: drops the connection of the next call, unanswered */
    struct sbuf trace;  /* calls as they came */
};

static void stream_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct master *m = arg;

    (void)why;
    if (m->stream == r)
        m->stream = NULL;
}

/* Sends one event, given as JSON, in the encoding of the stream. */
static void send_event(struct master *m, const char *json)
{
    struct sbuf bytes = SBUF_INIT(1 << 20), framed = SBUF_INIT(1 << 20);
    struct error err = { .msg = "" };

    if (m->stream == NULL) {
        test_fail(__FILE__, __LINE__, "no stream for %s", json);
        return;
    }
    if (json_to_wire(wire_type(STR("mesos.v1.scheduler.Event")), str_of(json), &bytes, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    recordio_put(&framed, m->json ? str_of(json) : sbuf_view(&bytes));
    (void)http_stream_write(m->stream, sbuf_view(&framed));
    sbuf_done(&bytes);
    sbuf_done(&framed);
}

static void subscribe(struct master *m, struct http_req *r)
{
    char id[24];

    (void)snprintf(id, sizeof id, "stream-%u", ++m->subscriptions);
    http_reply_header(r, "Mesos-Stream-Id", str_of(id));
    http_req_on_gone(r, stream_gone, m);
    http_stream_begin(r, 200, m->json ? "application/json" : "application/x-protobuf");
    m->stream = r;
    send_event(m, "{\"type\":\"SUBSCRIBED\",\"subscribed\":{\"framework_id\":{\"value\":\"fw-1\"},"
                  "\"heartbeat_interval_seconds\":15,"
                  "\"master_info\":{\"id\":\"master-1\",\"ip\":1,\"port\":5050,\"version\":\"1.12.0\"}}}");
    send_event(m, "{\"type\":\"HEARTBEAT\"}");
}

static void on_request(void *ctx, struct http_req *r)
{
    struct master *m = ctx;
    struct sbuf bytes = SBUF_INIT(1 << 20), json = SBUF_INIT(1 << 20);
    struct error err = { .msg = "" };
    bool is_json = str_is(http_req_header(r, "Content-Type"), "application/json");
    const ProtobufCMessageDescriptor *call = wire_type(STR("mesos.v1.scheduler.Call"));

    if (is_json && json_to_wire(call, http_req_body(r), &bytes, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    if (!is_json)
        sbuf_str(&bytes, http_req_body(r));
    CHECK_INT(wire_check(call, sbuf_view(&bytes), &err), 0);
    CHECK(json_from_wire(&json, call, sbuf_view(&bytes)));
    sbuf_fmt(&m->trace, "%.*s %.*s\n", STR_ARG(http_req_header(r, "Mesos-Stream-Id")),
             STR_ARG(sbuf_view(&json)));
    if (m->redirect[0] != 0) {
        http_reply_header(r, "Location", str_of(m->redirect));
        http_reply_text(r, 307, "elsewhere");
    } else if (m->refuse != 0) {
        http_reply_text(r, m->refuse, "not now");
    } else if (wire_field_u64(sbuf_view(&bytes), 2, 0) == 1) {
        m->json = is_json;
        subscribe(m, r);
    } else if (m->abort_calls) {
        m->abort_calls = false;
        http_abort(r);
    } else {
        http_reply(r, 202, NULL, STR(""));
    }
    sbuf_done(&bytes);
    sbuf_done(&json);
}

static const struct http_handler handler = { .on_request = on_request };

static void master_init(struct master *m, struct loop *loop)
{
    struct error err = { .msg = "" };
    struct net_addr any = { .family = NET_IP4, .ip = { 127, 0, 0, 1 } };

    *m = (struct master){ .loop = loop, .trace = SBUF_INIT(1 << 20) };
    CHECK_INT(http_server_new(&m->server, loop, NULL, &handler, m, &err), 0);
    CHECK_INT(http_server_listen(m->server, &any, &m->addr, &err), 0);
    CHECK_CSTR(err.msg, "");
}

static void master_done(struct master *m)
{
    http_server_free(m->server);
    sbuf_done(&m->trace);
}

/* --- the framework --- */

struct world {
    struct event_base *base;
    struct loop *loop;
    struct master m, other;
    struct stoa_scheduler *s;
    struct sbuf trace; /* callbacks as they came */
    bool use_offers;
};

static void on_subscribed(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user)
{
    struct world *w = user;

    (void)s;
    sbuf_fmt(&w->trace, "subscribed %s%s %s\n", e->framework_id, e->again ? " again" : "", e->master_id);
}

static void on_disconnected(struct stoa_scheduler *s, const char *why, void *user)
{
    struct world *w = user;
    struct stoa_error err;

    CHECK_INT(stoa_kill(s, "t", NULL, -1, &err), -STOA_UNAVAILABLE);
    CHECK_CSTR(err.msg, "KILL: not subscribed with a master now; repeat it when subscribed");
    sbuf_fmt(&w->trace, "disconnected%s\n", why[0] != 0 ? "" : " without reason");
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user)
{
    struct world *w = user;
    const struct stoa_command command = { .value = "sleep 1" };
    struct stoa_resource resources[2];
    size_t n = 0;

    sbuf_fmt(&w->trace, "offers %zu %s\n", count, offers[0].id);
    CHECK(stoa_offer_take(&offers[0], "cpus", 500, resources, &n, 2));
    const struct stoa_task task = {
        .id = "t1", .command = &command, .resources = resources, .resource_count = n
    };
    CHECK_INT(stoa_launch(s, &offers[0], &task, 1, 2, NULL), 0);
}

static void on_update(struct stoa_scheduler *s, const struct stoa_status *status, void *user)
{
    struct world *w = user;

    (void)s;
    sbuf_fmt(&w->trace, "update %s %s\n", status->task_id, status->state_name);
    if (status->is_terminal)
        stoa_scheduler_stop(s);
}

static void on_error(struct stoa_scheduler *s, const char *message, void *user)
{
    struct world *w = user;

    (void)s;
    sbuf_fmt(&w->trace, "error %s\n", message);
}

static void on_call_failed(struct stoa_scheduler *s, const char *call, int status, const char *text,
                           void *user)
{
    struct world *w = user;

    (void)s;
    sbuf_fmt(&w->trace, "%s failed %d %s\n", call, status, text);
}

static const struct stoa_callbacks callbacks = { .subscribed = on_subscribed,
                                                 .disconnected = on_disconnected,
                                                 .offers = on_offers,
                                                 .update = on_update,
                                                 .error = on_error,
                                                 .call_failed = on_call_failed };

static void address(const struct master *m, char out[64])
{
    char text[NET_TEXT_SIZE];

    net_text(&m->addr, text);
    (void)snprintf(out, 64, "%s", text);
}

static void world_init(struct world *w, struct stoa_options o)
{
    struct error err = { .msg = "" };
    struct stoa_error serr = { .msg = "" };
    static char master[64];

    *w = (struct world){ .base = event_base_new(), .trace = SBUF_INIT(1 << 20) };
    CHECK_INT(loop_new(&w->loop, w->base, &err), 0);
    master_init(&w->m, w->loop);
    master_init(&w->other, w->loop);
    address(&w->m, master);
    o.master = master;
    o.event_base = w->base;
    o.name = "test";
    o.user = "nobody";
    o.backoff_min_ms = 20;
    w->s = stoa_scheduler_new(&o, &callbacks, w, &serr);
    CHECK_CSTR(serr.msg, "");
}

static void world_done(struct world *w)
{
    stoa_scheduler_free(w->s);
    master_done(&w->m);
    master_done(&w->other);
    loop_free(w->loop);
    event_base_free(w->base);
    sbuf_done(&w->trace);
}

static void give_up(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

/* Runs the loop until the traces of callbacks and of the master's calls have so many lines, five seconds at
 * most. */
static void run_until(struct world *w, size_t callback_lines, const struct master *m, size_t call_lines)
{
    bool late = false;
    struct event *timer = evtimer_new(w->base, give_up, &late);
    const struct timeval five = { 5, 0 };

    (void)evtimer_add(timer, &five);
    for (;;) {
        size_t callbacks_seen = 0, calls_seen = 0;

        for (size_t i = 0; i < w->trace.n; i++)
            callbacks_seen += w->trace.p[i] == '\n';
        for (size_t i = 0; i < m->trace.n; i++)
            calls_seen += m->trace.p[i] == '\n';
        if (callbacks_seen >= callback_lines && calls_seen >= call_lines)
            break;
        if (late) {
            test_fail(__FILE__, __LINE__, "only %zu callbacks and %zu calls within five seconds",
                      callbacks_seen, calls_seen);
            break;
        }
        (void)event_base_loop(w->base, EVLOOP_ONCE);
    }
    event_free(timer);
}

#define OFFER                                                                                                \
    "{\"type\":\"OFFERS\",\"offers\":{\"offers\":[{\"id\":{\"value\":\"o1\"},\"framework_id\":{\"value\":"   \
    "\"fw-1\"},"                                                                                             \
    "\"agent_id\":{\"value\":\"a1\"},\"hostname\":\"h\",\"resources\":[{\"name\":\"cpus\",\"type\":"         \
    "\"SCALAR\","                                                                                            \
    "\"scalar\":{\"value\":2},\"allocation_info\":{\"role\":\"*\"}}],\"allocation_info\":{\"role\":\"*\"}}]" \
    "}}"
#define UPDATE(state)                                                                                      \
    "{\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":\"t1\"},\"state\":\"" state "\"," \
    "\"agent_id\":{\"value\":\"a1\"},\"uuid\":\"AAECAwQFBgcICQoLDA0ODw==\"}}}"

static const char subscribe_call[] = " {\"type\":\"SUBSCRIBE\",\"subscribe\":{\"framework_info\":{\"user\":"
                                     "\"nobody\",\"name\":\"test\",\"failover_timeout\":0.0,"
                                     "\"checkpoint\":false,\"capabilities\":[{\"type\":\"MULTI_ROLE\"},{"
                                     "\"type\":\"RESERVATION_REFINEMENT\"}],\"roles\":[\"*\"]}}}\n";

static void whole_life(enum stoa_content content)
{
    struct world w;
    struct stoa_error err = { .msg = "" };
    struct sbuf calls = SBUF_INIT(10000);

    world_init(&w, (struct stoa_options){ .content = content });
    run_until(&w, 1, &w.m, 1);
    CHECK_CSTR(stoa_scheduler_framework_id(w.s), "fw-1");
    CHECK(stoa_scheduler_is_subscribed(w.s));
    send_event(&w.m, OFFER);
    run_until(&w, 2, &w.m, 2);
    send_event(&w.m, UPDATE("TASK_RUNNING"));
    run_until(&w, 3, &w.m, 3);
    send_event(&w.m, UPDATE("TASK_FINISHED"));
    CHECK_INT(stoa_scheduler_run(w.s, &err), 0); /* ends when the last acknowledgement is answered */
    CHECK_STR(
        sbuf_view(&w.trace),
        STR("subscribed fw-1 master-1\noffers 1 o1\nupdate t1 TASK_RUNNING\nupdate t1 TASK_FINISHED\n"));
    sbuf_c(&calls, subscribe_call);
    sbuf_c(&calls,
           "stream-1 "
           "{\"framework_id\":{\"value\":\"fw-1\"},\"type\":\"ACCEPT\",\"accept\":{\"offer_ids\":[{\"value\":"
           "\"o1\"}],"
           "\"operations\":[{\"type\":\"LAUNCH\",\"launch\":{\"task_infos\":[{\"name\":\"t1\",\"task_id\":{"
           "\"value\":\"t1\"},"
           "\"agent_id\":{\"value\":\"a1\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":"
           "{\"value\":0.5},"
           "\"allocation_info\":{\"role\":\"*\"}}],\"command\":{\"value\":\"sleep 1\",\"shell\":true}}]}}],"
           "\"filters\":{\"refuse_seconds\":2.0}}}\n");
    for (int i = 0; i < 2; i++)
        sbuf_c(
            &calls,
            "stream-1 "
            "{\"framework_id\":{\"value\":\"fw-1\"},\"type\":\"ACKNOWLEDGE\",\"acknowledge\":{\"agent_id\":{"
            "\"value\":\"a1\"},\"task_id\":{\"value\":\"t1\"},\"uuid\":\"AAECAwQFBgcICQoLDA0ODw==\"}}\n");
    CHECK_STR(sbuf_view(&w.m.trace), sbuf_view(&calls));
    sbuf_done(&calls);
    world_done(&w);
}

TEST("offer, launch, updates, acknowledgements, stop: in protobuf")
{
    whole_life(STOA_PROTOBUF);
}

TEST("offer, launch, updates, acknowledgements, stop: in JSON")
{
    whole_life(STOA_JSON);
}

TEST("a scheme-relative redirect is followed, calls go to the leader")
{
    struct world w;
    char other[64];

    world_init(&w, (struct stoa_options){ .content = STOA_PROTOBUF });
    address(&w.other, other);
    (void)snprintf(w.m.redirect, sizeof w.m.redirect, "//%s/master/api/v1/scheduler", other);
    run_until(&w, 1, &w.other, 1);
    CHECK_CSTR(stoa_scheduler_master(w.s), other);
    CHECK_INT(stoa_kill(w.s, "t9", "a1", 1.5, NULL), 0);
    run_until(&w, 1, &w.other, 2);
    CHECK(str_ends(
        sbuf_view(&w.other.trace),
        STR("stream-1 {\"framework_id\":{\"value\":\"fw-1\"},\"type\":\"KILL\",\"kill\":{\"task_id\":"
            "{\"value\":\"t9\"},\"agent_id\":{\"value\":\"a1\"},\"kill_policy\":{\"grace_period\":"
            "{\"nanoseconds\":1500000000}}}}\n")));
    world_done(&w);
}

TEST("a lost stream: offers are void, the same framework subscribes again with what it suppressed")
{
    static const char *const roles[] = { "web", "batch" };
    struct world w;

    world_init(&w, (struct stoa_options){ .roles = roles, .role_count = 2 });
    run_until(&w, 1, &w.m, 1);
    CHECK_INT(stoa_suppress(w.s, roles, 1, NULL), 0);
    run_until(&w, 1, &w.m, 2);
    http_abort(w.m.stream);
    w.m.stream = NULL;
    run_until(&w, 2, &w.m, 2);
    CHECK_INT(stoa_suppress(w.s, &roles[1], 1, NULL), 0); /* not connected: remembered */
    run_until(&w, 3, &w.m, 3);
    CHECK_STR(sbuf_view(&w.trace),
              STR("subscribed fw-1 master-1\ndisconnected\nsubscribed fw-1 again master-1\n"));
    CHECK(str_contains(sbuf_view(&w.m.trace), STR("\"id\":{\"value\":\"fw-1\"}")));
    CHECK(str_ends(sbuf_view(&w.m.trace), STR("\"suppressed_roles\":[\"batch\",\"web\"]}}\n")));
    world_done(&w);
}

TEST("a lost connection for calls ends the subscription too: what was in it is missed by nobody else")
{
    struct world w;

    world_init(&w, (struct stoa_options){ .backoff_min_ms = 1 });
    run_until(&w, 1, &w.m, 1);
    w.m.abort_calls = true;
    CHECK_INT(stoa_revive(w.s, NULL, 0, NULL), 0);
    run_until(&w, 4, &w.m, 3);
    CHECK_INT(w.m.subscriptions, 2);
    CHECK_STR(sbuf_view(&w.trace),
              STR("subscribed fw-1 master-1\nREVIVE failed 0 the server closed the connection before the answer\n"
                  "disconnected\nsubscribed fw-1 again master-1\n"));
    world_done(&w);
}

TEST("a master that is not ready is asked again")
{
    struct world w;

    world_init(&w, (struct stoa_options){ .content = STOA_PROTOBUF });
    w.m.refuse = 503;
    run_until(&w, 0, &w.m, 3);
    w.m.refuse = 0;
    run_until(&w, 1, &w.m, 4);
    CHECK(stoa_scheduler_is_subscribed(w.s));
    world_done(&w);
}

TEST("an ERROR event ends the run with its message")
{
    struct world w;
    struct stoa_error err = { .msg = "" };

    world_init(&w, (struct stoa_options){ .content = STOA_PROTOBUF });
    run_until(&w, 1, &w.m, 1);
    send_event(&w.m, "{\"type\":\"ERROR\",\"error\":{\"message\":\"Framework failed over\"}}");
    CHECK_INT(stoa_scheduler_run(w.s, &err), -STOA_DENIED);
    CHECK_CSTR(err.msg, "Framework failed over");
    CHECK(stoa_scheduler_is_stopped(w.s));
    CHECK_INT(stoa_decline(w.s, (const char *const[]){ "o" }, 1, 5, &err), -STOA_UNAVAILABLE);
    CHECK_STR(sbuf_view(&w.trace), STR("subscribed fw-1 master-1\nerror Framework failed over\n"));
    world_done(&w);
}

TEST("a refused subscription ends the run")
{
    struct world w;
    struct stoa_error err = { .msg = "" };

    world_init(&w, (struct stoa_options){ .principal = "p", .secret = "wrong" });
    w.m.refuse = 401;
    CHECK_INT(stoa_scheduler_run(w.s, &err), -STOA_DENIED);
    CHECK(strstr(err.msg, "HTTP status 401: not now") != NULL);
    world_done(&w);
}

TEST("explicit acknowledgements are the caller's, and a refused call is told")
{
    struct world w;
    struct stoa_error err = { .msg = "" };

    world_init(&w, (struct stoa_options){ .explicit_acknowledgements = true });
    run_until(&w, 1, &w.m, 1);
    send_event(&w.m, UPDATE("TASK_RUNNING"));
    run_until(&w, 2, &w.m, 1);
    CHECK_INT(stoa_acknowledge_ids(w.s, "a1", "t1", (struct stoa_bytes){ "short", 5 }, &err), -STOA_INVALID);
    CHECK_CSTR(err.msg, "ACKNOWLEDGE: the uuid must have 16 bytes");
    w.m.refuse = 400;
    CHECK_INT(stoa_acknowledge_ids(w.s, "a1", "t1", (struct stoa_bytes){ "0123456789abcdef", 16 }, &err), 0);
    run_until(&w, 3, &w.m, 2);
    CHECK(str_ends(sbuf_view(&w.trace), STR("ACKNOWLEDGE failed 400 not now\n")));
    world_done(&w);
}

TEST("a teardown is sent and ends the run")
{
    struct world w;
    struct stoa_error err = { .msg = "" };

    world_init(&w, (struct stoa_options){ .content = STOA_JSON });
    CHECK_INT(stoa_scheduler_teardown(w.s, &err), -STOA_UNAVAILABLE);
    run_until(&w, 1, &w.m, 1);
    CHECK_INT(stoa_scheduler_teardown(w.s, &err), 0);
    CHECK_INT(stoa_kill(w.s, "t", NULL, -1, &err), -STOA_UNAVAILABLE); /* nobody knows us any more */
    CHECK_INT(stoa_scheduler_run(w.s, &err), 0);
    CHECK(str_ends(sbuf_view(&w.m.trace),
                   STR("{\"framework_id\":{\"value\":\"fw-1\"},\"type\":\"TEARDOWN\"}\n")));
    world_done(&w);
}

TEST("bytes that are no event break the connection, not the framework")
{
    struct world w;

    world_init(&w, (struct stoa_options){ .content = STOA_PROTOBUF });
    run_until(&w, 1, &w.m, 1);
    (void)http_stream_write(w.m.stream, STR("3\n\x0a\xff\xff"));
    run_until(&w, 3, &w.m, 2);
    CHECK_STR(sbuf_view(&w.trace),
              STR("subscribed fw-1 master-1\ndisconnected\nsubscribed fw-1 again master-1\n"));
    world_done(&w);
}

static void stop_later(struct stoa_scheduler *s, void *arg)
{
    (*(int *)arg)++;
    stoa_scheduler_stop(s);
}

TEST("a scheduler with a loop of its own runs until it is stopped")
{
    const struct stoa_options o = { .master = "127.0.0.1:1", .name = "n", .user = "u" };
    struct stoa_error err = { .msg = "" };
    struct stoa_scheduler *s = stoa_scheduler_new(&o, &(struct stoa_callbacks){ .log = NULL }, NULL, &err);
    int fired = 0;

    REQUIRE(s != NULL);
    CHECK_INT(stoa_scheduler_after(s, 30, stop_later, &fired, &err), 0);
    CHECK_INT(stoa_scheduler_after(s, 60000, stop_later, &fired, &err), 0);
    CHECK_INT(stoa_scheduler_run(s, &err), 0);
    CHECK_INT(fired, 1);
    stoa_scheduler_free(s);
}

TEST("wrong options are refused")
{
    struct stoa_error err = { .msg = "" };

    CHECK(stoa_scheduler_new(&(struct stoa_options){ .name = "n" }, &callbacks, NULL, &err) == NULL);
    CHECK_CSTR(err.msg, "no master address is given");
    CHECK(stoa_scheduler_new(&(struct stoa_options){ .master = "h:1" }, &callbacks, NULL, &err) == NULL);
    CHECK_CSTR(err.msg, "framework: the framework has no name");
    CHECK(stoa_scheduler_new(&(struct stoa_options){ .master = "zk://h", .name = "n" }, &callbacks, NULL,
                             &err) == NULL);
    CHECK_INT(err.code, STOA_INVALID);
}
