/* SPDX-License-Identifier: Apache-2.0 */
/* A standby passes requests on to the leader, except event streams, which it redirects unless
 * --deprecated_features has proxy_events. An answer is passed on as it comes: a short one of known length in
 * one piece, any other in chunks, read no faster than the client takes it. Source: marathon-api §2. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "marathon/election.h"
#include "marathon/shell.h"

#define LOOK_NS (250 * NS_PER_MS)
#define EVENTS_STALL_NS (30 * NS_PER_S) /* three heartbeats of an event stream */

enum { LOOKS_MAX = 10, HEADERS_MAX = 64, PIECE_BYTES_MAX = 64 * 1024, PENDING_BYTES_MAX = 256 * 1024 };

struct passed {
    struct shell *sh;
    struct http_req *r; /* NULL: the client left */
    struct http_call *call;
    struct loop_timer again;
    struct loop_work release;
    unsigned looks;
    bool is_events;
    proxy_own_fn *own;
    bool streams;    /* the head of the answer has been passed on */
    unsigned status; /* of an answer in one piece */
    char type[200];
    struct sbuf piece; /* its body so far */
    char via[600], forwarded[400];
    struct passed *next, *prev; /* shell->passed */
};

static void release(void *arg)
{
    struct passed *p = arg;

    loop_timer_done(&p->again);
    sbuf_done(&p->piece);
    free(p);
}

static void end(struct passed *p)
{
    DL_DELETE(p->sh->passed, p);
    if (p->r != NULL && !p->streams)
        http_req_on_gone(p->r, NULL, NULL);
    loop_timer_cancel(&p->again);
    p->release = LOOP_WORK(LOOP_FREE, release, p);
    loop_defer(p->sh->loop, &p->release);
}

static void fail(struct passed *p, unsigned status, const char *text)
{
    struct http_req *r = p->r;

    end(p);
    if (r != NULL)
        marathon_reply_message(r, status, text);
}

/* Headers of one hop, and those that the HTTP module writes itself. */
static bool is_passed_on(struct str name, bool answer)
{
    static const char *const own[] = { "Connection", "Keep-Alive",     "Proxy-Connection",
                                       "TE",         "Trailer",        "Transfer-Encoding",
                                       "Upgrade",    "Content-Length", "Expect" };

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (str_eq_nocase(name, str_of(own[i])))
            return false;
    if (answer)
        return !str_eq_nocase(name, STR("Date")) && !str_eq_nocase(name, STR("Content-Type")) &&
               !str_eq_nocase(name, STR("Content-Encoding"));
    return !str_eq_nocase(name, STR("Host")) && !str_eq_nocase(name, STR("X-Marathon-Via")) &&
           !str_eq_nocase(name, STR("X-Forwarded-For")) && !str_eq_nocase(name, STR("Content-Type")) &&
           !str_eq_nocase(name, STR("Content-Encoding")) && !str_eq_nocase(name, STR("Accept-Encoding"));
}

static void pass_head(struct passed *p, const struct http_answer *a)
{
    struct str name, value, ct = http_answer_header(a, "Content-Type");
    char header[200];

    for (size_t i = 0; http_answer_header_at(a, i, &name, &value); i++) {
        if (!is_passed_on(name, true) || name.n >= sizeof header)
            continue;
        (void)snprintf(header, sizeof header, "%.*s", STR_ARG(name));
        http_reply_header(p->r, header, value);
    }
    http_reply_header(p->r, "X-Marathon-Via", str_of(p->via));
    (void)snprintf(p->type, sizeof p->type, "%.*s", STR_ARG(ct));
}

/* The client has taken all that was passed on. */
static void on_drained(void *arg, struct http_req *r)
{
    struct passed *p = arg;

    (void)r;
    if (p->call != NULL)
        http_call_resume(p->call);
}

static void on_head(void *arg, struct http_call *c, const struct http_answer *a)
{
    struct passed *p = arg;

    (void)c;
    if (p->r == NULL)
        return;
    pass_head(p, a);
    p->status = a->status;
    bool no_body = http_req_verb(p->r) == HTTP_VERB_HEAD || a->status == 204 || a->status == 304;
    if (no_body || (!a->is_chunked && a->content_length >= 0 && a->content_length <= PIECE_BYTES_MAX))
        return;
    p->streams = true;
    if (p->is_events) {
        http_reply_no_gzip(p->r);
        http_reply_close(p->r);
    }
    http_stream_begin(p->r, a->status, p->type[0] != '\0' ? p->type : NULL);
    http_stream_on_drained(p->r, on_drained, p);
}

static void on_body(void *arg, struct http_call *c, struct str bytes)
{
    struct passed *p = arg;

    if (p->r == NULL)
        return;
    if (!p->streams) {
        sbuf_str(&p->piece, bytes);
        return;
    }
    if (http_stream_write(p->r, bytes) == 0 && http_stream_pending(p->r) > PENDING_BYTES_MAX)
        http_call_pause(c);
}

static void failed(struct passed *p, const struct error *err)
{
    struct http_req *r = p->r;
    bool refused = err->sys_errno == ECONNREFUSED;

    if (p->streams) { /* the client sees that it is cut off */
        end(p);
        if (r != NULL)
            http_abort(r);
        return;
    }
    fail(p,
         refused                    ? 502
         : err->code == ERR_TIMEOUT ? 504
                                    : 500,
         refused ? "Connection to leader refused." : err->msg);
}

static void on_done(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    struct passed *p = arg;
    struct http_req *r = p->r;

    (void)c;
    (void)a;
    p->call = NULL;
    if (err != NULL) {
        failed(p, err);
        return;
    }
    bool streams = p->streams;
    end(p); /* which frees at the end of the turn */
    if (r != NULL && streams)
        http_stream_end(r);
    else if (r != NULL)
        http_reply(r, p->status, p->type[0] != '\0' ? p->type : NULL, sbuf_view(&p->piece));
}

static void ask(struct passed *p, const char *leader)
{
    struct http_header headers[HEADERS_MAX];
    struct str rest = str_of(leader), host;
    char names[HEADERS_MAX][100];
    size_t n = 0;
    uint64_t port = 0;
    struct str name, value, ct = http_req_header(p->r, "Content-Type");
    char type[200];

    (void)str_cut(&rest, ':', &host);
    (void)str_u64(&rest, 65535, &port);
    for (size_t i = 0; i < http_req_header_count(p->r) && n < HEADERS_MAX - 2; i++) {
        http_req_header_at(p->r, i, &name, &value);
        if (!is_passed_on(name, false) || name.n >= sizeof names[0])
            continue;
        (void)snprintf(names[n], sizeof names[0], "%.*s", STR_ARG(name));
        headers[n] = (struct http_header){ names[n], value };
        n++;
    }
    headers[n++] = (struct http_header){ "X-Marathon-Via", str_of(p->via) };
    headers[n++] = (struct http_header){ "X-Forwarded-For", str_of(p->forwarded) };
    (void)snprintf(type, sizeof type, "%.*s", STR_ARG(ct));
    char method[32];
    (void)snprintf(method, sizeof method, "%.*s", STR_ARG(http_req_method(p->r)));
    struct http_call_params c = { .host = host,
                                  .port = (uint16_t)port,
                                  .method = method,
                                  .target = http_req_target(p->r),
                                  .headers = headers,
                                  .header_count = n,
                                  .content_type = ct.p != NULL ? type : NULL,
                                  .body = http_req_body(p->r),
                                  .answer_timeout_ns = p->sh->flags.leader_proxy_read_timeout * NS_PER_MS,
                                  .stall_timeout_ns =
                                      p->is_events ? EVENTS_STALL_NS
                                                   : p->sh->flags.leader_proxy_read_timeout * NS_PER_MS,
                                  .arg = p,
                                  .on_head = on_head,
                                  .on_body = on_body,
                                  .on_done = on_done };
    (void)net_parse_ip(host, (uint16_t)port, &c.addr);
    p->call = http_client_call(p->sh->proxy_client, &c);
}

static void look(void *arg)
{
    struct passed *p = arg;
    const char *leader = marathon_election_other(p->sh);
    struct http_req *r = p->r;

    if (p->sh->is_ready) { /* elected meanwhile */
        end(p);
        p->own(p->sh, r);
    } else if (leader != NULL)
        ask(p, leader);
    else if (++p->looks >= LOOKS_MAX)
        fail(p, 502, "Could not determine the current leader");
    else
        loop_timer_in(&p->again, LOOK_NS);
}

static void gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct passed *p = arg;

    (void)r;
    (void)why;
    p->r = NULL;
    p->streams = false;
    if (p->call != NULL)
        http_call_cancel(p->call);
    p->call = NULL;
    end(p);
}

static void redirect(struct shell *sh, struct http_req *r)
{
    struct sbuf b = SBUF_INIT(16384);
    const char *leader = marathon_election_other(sh);

    if (leader == NULL) {
        marathon_reply_message(r, 502, "Could not determine the current leader");
        return;
    }
    sbuf_fmt(&b, "http://%s%.*s", leader, STR_ARG(http_req_target(r)));
    http_reply_header(r, "Location", sbuf_view(&b));
    http_reply(r, 302, NULL, STR(""));
    sbuf_done(&b);
}

static bool proxies_events(const struct shell *sh)
{
    struct str rest = str_of(sh->flags.deprecated_features), name;

    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, ',', &name);
        if (str_is(str_trim(name), "proxy_events"))
            return true;
    }
    return false;
}

void proxy_request(struct shell *sh, struct http_req *r, proxy_own_fn *own_fn)
{
    struct str via = http_req_header(r, "X-Marathon-Via"), forwarded = http_req_header(r, "X-Forwarded-For");
    char ip[NET_TEXT_SIZE], own[310];

    bool is_events = str_starts(http_req_path(r), STR("/v2/events"));

    if (is_events && !proxies_events(sh)) {
        redirect(sh, r);
        return;
    }
    (void)snprintf(own, sizeof own, "1.1 %s", sh->leader);
    if (str_contains(via, str_of(own))) {
        marathon_reply_message(r, 502, "Detected proxying loop.");
        return;
    }
    struct passed *p = xcalloc(1, sizeof *p);
    p->sh = sh;
    p->r = r;
    p->is_events = is_events;
    p->own = own_fn;
    sbuf_init(&p->piece, PIECE_BYTES_MAX + 1);
    net_ip_text(http_req_peer(r), ip);
    (void)snprintf(p->via, sizeof p->via, "%.*s%s%s", (int)(via.n < 250 ? via.n : 250),
                   via.n != 0 ? via.p : "", via.n != 0 ? ", " : "", own);
    (void)snprintf(p->forwarded, sizeof p->forwarded, "%.*s%s%s",
                   (int)(forwarded.n < 250 ? forwarded.n : 250), forwarded.n != 0 ? forwarded.p : "",
                   forwarded.n != 0 ? ", " : "", ip);
    loop_timer_init(&p->again, sh->loop, look, p);
    DL_APPEND(sh->passed, p);
    http_req_on_gone(r, gone, p);
    look(p);
}
