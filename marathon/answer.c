/* SPDX-License-Identifier: Apache-2.0 */
/* What all who answer requests share: the request as the API takes it, headers that every answer carries, large answers.
 * Source: marathon-api §1. */
#include <event2/buffer.h>
#include <stdio.h>

#include "common/wire/jsonw.h"
#include "marathon/shell.h"

void http_api_request(struct http_req *r, struct api_request *ret, char client[NET_TEXT_SIZE])
{
    *ret = (struct api_request){ .verb = http_req_verb(r),
                                 .path = http_req_path(r),
                                 .query = http_req_query(r),
                                 .target = http_req_target(r),
                                 .body = http_req_body(r),
                                 .content_type = http_req_header(r, "Content-Type"),
                                 .accept = http_req_header(r, "Accept"),
                                 .host = http_req_header(r, "Host"),
                                 .if_match = http_req_header(r, "If-Match") };
    net_ip_text(http_req_peer(r), client);
    ret->client = str_of(client);
}

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

void http_common_headers(struct shell *sh, struct http_req *r)
{
    char leader[320];

    (void)snprintf(leader, sizeof leader, "%s://%s", sh->flags.disable_http ? "https" : "http", sh->leader);
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

void marathon_reply_message(struct http_req *r, unsigned status, const char *text)
{
    struct sbuf b = SBUF_INIT(4096);
    struct jsonw w = JSONW(&b);

    jsonw_open(&w);
    jsonw_key_c(&w, "message", text);
    jsonw_close(&w);
    http_reply_sbuf(r, status, "application/json", &b);
}

static void blob_done(const void *data, size_t n, void *blob)
{
    (void)data;
    (void)n;
    http_blob_unref(blob);
}

void http_reply_shared(struct http_req *r, unsigned status, const char *content_type, struct http_blob *blob)
{
    struct evbuffer *b = evbuffer_new();
    struct str bytes = http_blob_bytes(blob);

    if (b == NULL || evbuffer_add_reference(b, bytes.p, bytes.n, blob_done, http_blob_ref(blob)) < 0)
        http_reply(r, status, content_type, bytes);
    else
        http_reply_evbuffer(r, status, content_type, b);
    if (b != NULL)
        evbuffer_free(b);
}

void http_answer_blob(struct shell *sh, struct http_req *r, unsigned status, const char *content_type, struct http_blob *blob)
{
    http_common_headers(sh, r);
    http_reply_shared(r, status, content_type, blob);
}

enum { SHARED_BYTES_MAX = 64 << 20 };

static bool tells_time(struct str target)
{
    return str_contains(target, STR("taskStats")) || str_starts(target, STR("/v2/queue"));
}

void http_shared_keep(struct shell *sh, struct str target, struct str accept, const char *content_type, const char *etag, struct http_blob *blob)
{
    size_t n = http_blob_bytes(blob).n;

    if (n < SHARED_BYTES_MIN || n > SHARED_BYTES_MAX || target.n >= sizeof sh->shared_target ||
        accept.n >= sizeof sh->shared_accept || tells_time(target))
        return;
    http_blob_unref(sh->shared);
    sh->shared = http_blob_ref(blob);
    sh->shared_type = content_type;
    (void)snprintf(sh->shared_target, sizeof sh->shared_target, "%.*s", STR_ARG(target));
    (void)snprintf(sh->shared_accept, sizeof sh->shared_accept, "%.*s", STR_ARG(accept));
    (void)snprintf(sh->shared_etag, sizeof sh->shared_etag, "%s", etag);
}

void http_shared_drop(struct shell *sh)
{
    http_blob_unref(sh->shared);
    sh->shared = NULL;
    sh->changes++;
}
