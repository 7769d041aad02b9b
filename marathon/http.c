/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in, answers out, through the API; headers that every answer carries. Source: marathon-api §1. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "marathon/shell.h"
#include "webui/webui.h"

enum { REQUEST_BYTES_MAX = 64 << 20 };

/* An answer on its way. r is NULL once the peer has gone. */
struct reply {
    struct output o;
    struct shell *sh;
    struct http_req *r;
    struct api_answer a;
};

static void cors(struct shell *sh, struct http_req *r)
{
    struct str rest = str_of(sh->flags.access_control_allow_origin), origin;
    struct str asked = http_req_header(r, "Access-Control-Request-Headers");

    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, ',', &origin);
        http_reply_header(r, "Access-Control-Allow-Origin", str_trim(origin));
    }
    if (sh->flags.access_control_allow_origin == NULL || http_req_verb(r) != HTTP_VERB_OPTIONS)
        return;
    http_reply_header(r, "Access-Control-Allow-Methods", STR("GET, HEAD, OPTIONS"));
    if (asked.n != 0)
        http_reply_header(r, "Access-Control-Allow-Headers", asked);
    http_reply_header(r, "Access-Control-Max-Age", STR("86400"));
}

static void common_headers(struct shell *sh, struct http_req *r)
{
    char leader[320];

    (void)snprintf(leader, sizeof leader, "http://%s", sh->leader);
    http_reply_header(r, "Cache-Control", STR("no-cache, no-store, must-revalidate"));
    http_reply_header(r, "Pragma", STR("no-cache"));
    http_reply_header(r, "Expires", STR("0"));
    http_reply_header(r, "X-Frame-Options", STR("DENY"));
    http_reply_header(r, "X-XSS-Protection", STR("1; mode=block"));
    http_reply_header(r, "X-Marathon-Leader", str_of(leader));
    cors(sh, r);
    if (!sh->flags.http_compression || sh->flags.disable_http_compression)
        http_reply_no_gzip(r);
}

static void send_reply(struct shell *sh, struct output *o, bool run)
{
    struct reply *p = (struct reply *)(void *)o;
    struct api_answer *a = &p->a;

    sh->requests_open--;
    if (p->r != NULL && run) {
        http_req_on_gone(p->r, NULL, NULL);
        common_headers(sh, p->r);
        if (a->deployment_id[0] != '\0')
            http_reply_header(p->r, "Marathon-Deployment-Id", str_of(a->deployment_id));
        if (a->location.n != 0)
            http_reply_header(p->r, "Location", sbuf_view(&a->location));
        if (a->allow != NULL)
            http_reply_header(p->r, "Allow", str_of(a->allow));
        if (a->body.n != 0 || a->body.failed)
            http_reply_sbuf(p->r, a->status, a->content_type, &a->body);
        else
            http_reply(p->r, a->status, NULL, STR(""));
        if (a->is_abdication) {
            log_info("leadership_abdicated", "then=\"ending\"");
            marathon_shell_stop(sh, 103);
        }
    } else if (p->r != NULL) {
        http_req_on_gone(p->r, NULL, NULL);
        http_abort(p->r);
    }
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

/* "/ui/..." and nothing else. True: answered. */
static bool serve_ui(struct shell *sh, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf name = SBUF_INIT(2048);
    struct str path = http_req_path(r);
    struct webui_file file;

    if (!str_skip(&path, STR("/ui/")) || http_req_verb(r) > HTTP_VERB_HEAD ||
        !http_percent_decode(&name, path) || !webui_find(WEBUI_MARATHON, sbuf_view(&name), &file))
        return false;
    common_headers(sh, r);
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

static void handle(struct shell *sh, struct http_req *r)
{
    char client[NET_TEXT_SIZE];
    struct reply *p = xcalloc(1, sizeof *p);
    struct api_request q = { .verb = http_req_verb(r),
                             .path = http_req_path(r),
                             .query = http_req_query(r),
                             .target = http_req_target(r),
                             .body = http_req_body(r),
                             .content_type = http_req_header(r, "Content-Type"),
                             .accept = http_req_header(r, "Accept"),
                             .host = http_req_header(r, "Host"),
                             .client = { 0 } };

    net_ip_text(http_req_peer(r), client);
    q.client = str_of(client);
    *p = (struct reply){ .o = { .fn = send_reply }, .sh = sh, .r = r };
    api_answer_init(&p->a);
    api_handle(&sh->api, &q, &p->a);
    if (p->a.is_stream) {
        api_answer_done(&p->a);
        free(p);
        common_headers(sh, r);
        streams_open(sh, r);
        return;
    }
    sh->requests_open++;
    if (str_is(q.path, "/ping")) { /* rests on no record */
        send_reply(sh, &p->o, true);
        return;
    }
    http_req_on_gone(r, reply_gone, p);
    marathon_shell_output(sh, &p->o);
}

static void on_request(void *ctx, struct http_req *r)
{
    struct shell *sh = ctx;
    int64_t max = sh->flags.http_max_concurrent_requests;

    if (!credentials_fit(sh, r)) {
        http_reply_unauthorized(r, sh->flags.http_realm, "Unauthorized");
        return;
    }
    if (max > 0 && sh->requests_open >= (size_t)max) {
        char text[120];
        (void)snprintf(text, sizeof text, "{\"message\":\"Too many concurrent requests! Allowed: %lld.\"}",
                       (long long)max);
        http_reply(r, 503, "application/json", str_of(text));
        return;
    }
    if (!serve_ui(sh, r))
        handle(sh, r);
}

static void on_head(void *ctx, struct http_req *r)
{
    (void)ctx;
    http_body_collect(r, REQUEST_BYTES_MAX);
}

int http_open(struct shell *sh, struct error *err)
{
    static const struct http_handler handler = { .on_head = on_head, .on_request = on_request };
    struct http_server_options o = { .body_bytes_max = REQUEST_BYTES_MAX,
                                     .inflated_bytes_max = REQUEST_BYTES_MAX };
    struct net_addr addr, bound;
    const char *host = sh->flags.http_address != NULL ? sh->flags.http_address : "0.0.0.0";
    int rc = net_resolve(host, (uint16_t)sh->flags.http_port, &addr, err);

    if (rc < 0)
        return error_wrap(err, "--http_address=%s", host);
    rc = http_server_new(&sh->http, sh->loop, &o, &handler, sh, err);
    if (rc == 0)
        rc = http_server_listen(sh->http, &addr, &bound, err);
    if (rc < 0)
        return error_wrap(err, "--http_port=%lld", (long long)sh->flags.http_port);
    sh->flags.http_port = bound.port;
    return 0;
}

void http_close(struct shell *sh)
{
    http_server_free(sh->http);
    sh->http = NULL;
}
