/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in, answers out, through the API. Source: marathon-api §1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/tls.h"
#include "marathon/degraded.h"
#include "marathon/election.h"
#include "marathon/shell.h"
#include "webui/webui.h"

enum { REQUEST_BYTES_MAX = 64 << 20 };

/* An answer on its way. r is NULL once the peer has gone. */
struct reply {
    struct output o;
    struct shell *sh;
    struct http_req *r;
    struct api_answer a;
    struct http_blob *shared; /* instead of a.body; NULL: not shared */
    struct mono begun;
    enum http_verb verb;
};

static bool shared_fits(const struct shell *sh, const struct api_request *q)
{
    return sh->shared != NULL && q->verb == HTTP_VERB_GET && str_is(q->target, sh->shared_target) &&
           str_eq(q->accept, str_of(sh->shared_accept));
}

static void shared_keep(struct shell *sh, struct reply *p, const struct api_request *q)
{
    if (q->verb != HTTP_VERB_GET || p->a.status != 200 || p->a.body.n < SHARED_BYTES_MIN || p->a.body.failed)
        return;
    p->shared = http_blob_new(&p->a.body);
    if (p->shared != NULL)
        http_shared_keep(sh, q->target, q->accept, p->a.content_type, p->a.etag, p->shared);
}

/* A second timed change does not lose what was there before the first. */
static void keep_log_level(struct shell *sh, const struct api_answer *a)
{
    bool armed = mono_before(sh->log_level.at, MONO_NEVER);

    loop_timer_cancel(&sh->log_level);
    if (a->log_level_s == 0)
        return;
    if (!armed)
        sh->log_level_back = a->log_level_back;
    loop_timer_in(&sh->log_level, a->log_level_s * NS_PER_S);
}

static void send_reply(struct shell *sh, struct output *o, bool run)
{
    struct reply *p = (struct reply *)(void *)o;
    struct api_answer *a = &p->a;

    sh->requests_open--;
    if (run)
        http_stats_done(&sh->api.http, p->verb, a->status, mono_diff(loop_clock(), p->begun), loop_clock());
    if (p->r != NULL && run) {
        http_req_on_gone(p->r, NULL, NULL);
        http_common_headers(sh, p->r);
        if (a->deployment_id[0] != '\0')
            http_reply_header(p->r, "Marathon-Deployment-Id", str_of(a->deployment_id));
        if (a->location.n != 0)
            http_reply_header(p->r, "Location", sbuf_view(&a->location));
        if (a->etag[0] != '\0')
            http_reply_header(p->r, "ETag", str_of(a->etag));
        if (a->allow != NULL)
            http_reply_header(p->r, "Allow", str_of(a->allow));
        if (p->shared != NULL)
            http_reply_shared(p->r, a->status, a->content_type, p->shared);
        else if (a->body.n != 0 || a->body.failed)
            http_reply_sbuf(p->r, a->status, a->content_type, &a->body);
        else
            http_reply(p->r, a->status, NULL, STR(""));
        if (a->has_log_level)
            keep_log_level(sh, a);
        if (a->is_abdication) {
            log_info("leadership_abdicated", "then=\"ending\"");
            marathon_shell_stop(sh, 103);
        }
    } else if (p->r != NULL) {
        http_req_on_gone(p->r, NULL, NULL);
        http_abort(p->r);
    }
    http_blob_unref(p->shared);
    api_answer_done(a);
    free(p);
}

static void reply_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct reply *p = arg;

    (void)r;
    (void)why;
    p->r = NULL; /* the change it asked for goes on all the same */
}

/* "/ui/..." and "/favicon.ico", nothing else. True: answered. */
static bool serve_ui(struct shell *sh, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf name = SBUF_INIT(2048);
    struct str path = http_req_path(r);
    struct webui_file file;

    if (str_is(path, "/favicon.ico"))
        path = STR("/ui/favicon.ico");
    if (!str_skip(&path, STR("/ui/")) || http_req_verb(r) > HTTP_VERB_HEAD ||
        !http_percent_decode(&name, path) || !webui_find(WEBUI_MARATHON, sbuf_view(&name), &file))
        return false;
    http_common_headers(sh, r);
    http_reply(r, 200, file.content_type, file.content);
    return true;
}

static bool credentials_fit(const struct shell *sh, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf user = SBUF_INIT(1024), password = SBUF_INIT(1024);
    struct str want = str_of(sh->flags.http_credentials), want_user;

    if (sh->flags.http_credentials == NULL)
        return true;
    (void)str_cut(&want, ':', &want_user);
    return http_basic_auth(http_req_header(r, "Authorization"), &user, &password) &&
           str_eq(sbuf_view(&user), want_user) && str_eq(sbuf_view(&password), want);
}

static struct reply *reply_new(struct shell *sh, struct http_req *r)
{
    struct reply *p = xcalloc(1, sizeof *p);

    *p = (struct reply){ .o = { .fn = send_reply }, .sh = sh, .r = r, .begun = loop_clock(), .verb = http_req_verb(r) };
    api_answer_init(&p->a);
    sh->requests_open++;
    return p;
}

static void reply_queue(struct reply *p)
{
    http_req_on_gone(p->r, reply_gone, p);
    marathon_shell_output(p->sh, &p->o);
}

static uint64_t gzip_bytes(const struct http_server *s)
{
    struct http_server_stats st = { 0 };

    if (s != NULL)
        http_server_stats(s, &st);
    return st.gzip_bytes;
}

static void handle_here(struct shell *sh, struct http_req *r)
{
    char client[NET_TEXT_SIZE];
    struct reply *p = reply_new(sh, r);
    struct api_request q;

    http_api_request(r, &q, client);
    sh->api.http.active = sh->requests_open;
    sh->api.http.gzip_bytes = gzip_bytes(sh->http) + gzip_bytes(sh->https);
    api_handle(&sh->api, &q, &p->a);
    if (p->a.is_stream) {
        sh->requests_open--;
        api_answer_done(&p->a);
        free(p);
        http_common_headers(sh, r);
        streams_open(sh, r);
        return;
    }
    if (str_is(q.path, "/ping")) { /* rests on no record */
        send_reply(sh, &p->o, true);
        return;
    }
    shared_keep(sh, p, &q);
    reply_queue(p);
}

static void handle(struct shell *sh, struct http_req *r)
{
    char client[NET_TEXT_SIZE];
    struct api_request q;
    struct reply *p;

    http_api_request(r, &q, client);
    if (shared_fits(sh, &q)) {
        p = reply_new(sh, r);
        p->shared = http_blob_ref(sh->shared);
        p->a.content_type = sh->shared_type;
        memcpy(p->a.etag, sh->shared_etag, sizeof p->a.etag);
        reply_queue(p);
    } else if (!bigread_fits(sh, &q) || !bigread_answer(sh, r, handle_here)) {
        handle_here(sh, r);
    }
}

static void refuse(struct shell *sh, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);

    degraded_text(sh, &b);
    http_common_headers(sh, r);
    http_reply_header(r, "Retry-After", STR("5"));
    http_reply(r, 503, "application/json", sbuf_view(&b));
}

static void refuse_outputs(struct shell *sh, struct output *o)
{
    for (; o != NULL; o = o->next) {
        struct reply *p = (struct reply *)(void *)o;
        if (o->fn != send_reply || p->r == NULL)
            continue;
        http_req_on_gone(p->r, NULL, NULL);
        refuse(sh, p->r);
        p->r = NULL;
    }
}

static void refuse_waiting(struct shell *sh)
{
    for (struct turn *t = sh->turns; t != NULL; t = t->next)
        refuse_outputs(sh, t->first);
    if (sh->turn != NULL)
        refuse_outputs(sh, sh->turn->first);
    bigreads_end(sh, refuse);
}

static void unauthorized(struct shell *sh, struct http_req *r)
{
    char challenge[300];

    (void)snprintf(challenge, sizeof challenge, "Basic realm=\"%s\"", sh->flags.http_realm);
    http_common_headers(sh, r);
    http_reply_header(r, "WWW-Authenticate", str_of(challenge));
    marathon_reply_message(r, 401, "Unauthorized");
}

static void handle_any(struct shell *sh, struct http_req *r)
{
    if (!serve_ui(sh, r))
        handle(sh, r);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct shell *sh = ctx;
    int64_t max = sh->flags.http_max_concurrent_requests;

    if (!credentials_fit(sh, r)) {
        unauthorized(sh, r);
        return;
    }
    if (max > 0 && sh->requests_open >= (size_t)max) {
        char text[120];
        (void)snprintf(text, sizeof text, "Too many concurrent requests! Allowed: %lld.", (long long)max);
        marathon_reply_message(r, 503, text);
        return;
    }
    if (degraded_refuses(sh, r))
        refuse(sh, r);
    else if (sh->is_ready)
        handle_any(sh, r);
    else
        proxy_request(sh, r, handle_any);
}

static void on_head(void *ctx, struct http_req *r)
{
    (void)ctx;
    http_body_collect(r, REQUEST_BYTES_MAX);
}

/* Browsers open connections in advance; who holds more descriptors than that says something. */
#define SILENT_NS (60 * NS_PER_S)

static void on_exhausted(void *ctx, const char *why, unsigned connections)
{
    (void)ctx;
    log_warn("connections_wait", "because=" LOG_Q " connections=%u then=\"taken when others end; more with ulimit -n\"", LOG_QARG(str_of(why)),
             connections);
}

static int serve(struct shell *sh, bool tls, struct http_server **ret, struct error *err)
{
    static const struct http_handler handler = { .on_head = on_head, .on_request = on_request, .on_exhausted = on_exhausted };
    struct http_server_options o = { .body_bytes_max = REQUEST_BYTES_MAX,
                                     .silent_timeout_ns = SILENT_NS,
                                     .inflated_bytes_max = REQUEST_BYTES_MAX,
                                     .tls = tls ? sh->tls_in : NULL };
    const char *prefix = tls ? "https" : "http", *host = tls ? sh->flags.https_address : sh->flags.http_address;
    int64_t *port = tls ? &sh->flags.https_port : &sh->flags.http_port;
    struct net_addr addr, bound;
    int rc = net_resolve(host != NULL ? host : "0.0.0.0", (uint16_t)*port, &addr, err);

    if (rc < 0)
        return error_wrap(err, "--%s_address=%s", prefix, host != NULL ? host : "");
    rc = http_server_new(ret, sh->loop, &o, &handler, sh, err);
    if (rc == 0)
        rc = http_server_listen(*ret, &addr, &bound, err);
    if (rc < 0)
        return error_wrap(err, "--%s_port=%lld", prefix, (long long)*port);
    *port = bound.port;
    return 0;
}

int http_open(struct shell *sh, struct error *err)
{
    const char *keystore = sh->flags.ssl_keystore_path;
    int rc = 0;

    sh->refuse_waiting = refuse_waiting;
    if (keystore != NULL && sh->tls_in == NULL &&
        tls_keystore_context(keystore, sh->flags.ssl_keystore_password, &sh->tls_in, err) != 0)
        return error_wrap(err, "--ssl_keystore_path");
    if (!sh->flags.disable_http)
        rc = serve(sh, false, &sh->http, err);
    if (rc == 0 && keystore != NULL)
        rc = serve(sh, true, &sh->https, err);
    return rc;
}

static void cut_off(struct shell *sh, struct http_req *r)
{
    (void)sh;
    http_abort(r);
}

void http_close(struct shell *sh)
{
    bigreads_end(sh, cut_off);
    http_shared_drop(sh);
    http_server_free(sh->http);
    http_server_free(sh->https);
    tls_context_free(sh->tls_in);
    sh->http = sh->https = NULL;
    sh->tls_in = NULL;
}
