/* SPDX-License-Identifier: Apache-2.0 */
/* Over libhttp-parser 2.9. Before a head goes to the library its lines are looked at here: the library takes
 * bare LF and folded lines, which different programs read differently, so requests with them are refused. The
 * scan stops at the blank line; one memchr per line. */
#include "common/io/http_parse.h"

#include <string.h>

#include <http_parser.h>

#include "common/base/assert.h"

_Static_assert(sizeof(http_parser) <= sizeof(((struct http_parse *)0)->library), "the parser does not fit");

static http_parser *lib(struct http_parse *p)
{
    return (http_parser *)(void *)p->library;
}

static struct http_parse *self(http_parser *h)
{
    return h->data;
}

static enum http_verb verb_of(unsigned method)
{
    if (method == HTTP_GET)
        return HTTP_VERB_GET;
    if (method == HTTP_HEAD)
        return HTTP_VERB_HEAD;
    if (method == HTTP_POST)
        return HTTP_VERB_POST;
    if (method == HTTP_PUT)
        return HTTP_VERB_PUT;
    if (method == HTTP_PATCH)
        return HTTP_VERB_PATCH;
    if (method == HTTP_DELETE)
        return HTTP_VERB_DELETE;
    if (method == HTTP_OPTIONS)
        return HTTP_VERB_OPTIONS;
    return HTTP_VERB_OTHER;
}

/* --- the library's callbacks --------------------------------------------------------------------------- */
static int on_url(http_parser *h, const char *at, size_t n)
{
    struct http_parse *p = self(h);
    return p->events->on_url == NULL || p->events->on_url(p->arg, at, n) ? 0 : 1;
}

/* Trailers come through the same callbacks after the head is over; nobody wants them. */
static int on_name(http_parser *h, const char *at, size_t n)
{
    struct http_parse *p = self(h);
    if (p->head_told)
        return 0;
    if (!p->is_answer && memchr(at, ' ', n) != NULL) {
        p->reason = "blank in a header name";
        return 1;
    }
    return p->events->on_name(p->arg, at, n) ? 0 : 1;
}

static int on_value(http_parser *h, const char *at, size_t n)
{
    struct http_parse *p = self(h);
    return p->head_told || p->events->on_value(p->arg, at, n) ? 0 : 1;
}

static int on_headers_complete(http_parser *h)
{
    struct http_parse *p = self(h);
    p->head_told = true;
    struct http_parse_head head = {
        .is_http10 = h->http_major == 1 && h->http_minor == 0,
        .keep_alive = http_should_keep_alive(h) != 0,
        .is_chunked = (h->flags & F_CHUNKED) != 0,
        .has_upgrade = h->upgrade != 0,
        .content_length = (h->flags & F_CONTENTLENGTH) != 0 ? (int64_t)h->content_length : -1,
        .verb = p->is_answer ? HTTP_VERB_OTHER : verb_of(h->method),
        .method = p->is_answer ? "" : http_method_str((enum http_method)h->method),
        .status = p->is_answer ? h->status_code : 0,
    };
    if (h->http_major != 1 || head.content_length < -1) {
        p->reason = h->http_major != 1 ? "not HTTP/1" : "Content-Length too large";
        return -1;
    }
    h->upgrade = 0; /* nobody here upgrades; the request is an ordinary one then */
    bool no_body = false;
    if (!p->events->on_head(p->arg, &head, &no_body))
        return -1;
    return no_body ? 1 : 0;
}

static int on_body(http_parser *h, const char *at, size_t n)
{
    struct http_parse *p = self(h);
    return p->events->on_body(p->arg, at, n) ? 0 : 1;
}

static int on_message_complete(http_parser *h)
{
    struct http_parse *p = self(h);
    p->in_message = p->head_told = false;
    p->in_head = true;
    p->head_bytes = 0;
    p->line_bytes = 0;
    h->upgrade = 0;
    return p->events->on_end(p->arg) ? 0 : 1;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* --- the head's lines ---------------------------------------------------------------------------------- */
enum scan { SCAN_MORE, SCAN_END, SCAN_TOO_BIG, SCAN_BAD };

/* Looks at the lines of a head, from where the last call stopped. */
static enum scan scan_head(struct http_parse *p, const char *data, size_t n, const char **ret_reason)
{
    const char *at = data, *end = data + n;
    while (at < end) {
        if (p->line_bytes == 0 && !p->is_answer && p->head_bytes != 0 && (*at == ' ' || *at == '\t')) {
            *ret_reason = "folded header line";
            return SCAN_BAD;
        }
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf != NULL ? lf + 1 : end;
        size_t piece = (size_t)(stop - at);
        bool cr_before = piece >= 2 ? stop[-2] == '\r' : p->last_was_cr;
        p->last_was_cr = stop[-1] == '\r';
        p->line_bytes += (uint32_t)(piece > UINT32_MAX / 2 ? UINT32_MAX / 2 : piece);
        if (p->head_bytes + p->line_bytes > p->head_bytes_max)
            return SCAN_TOO_BIG;
        at = stop;
        if (lf == NULL)
            break;
        if (!cr_before && !p->is_answer) {
            *ret_reason = "line that ends without CR";
            return SCAN_BAD;
        }
        bool blank = p->line_bytes <= (cr_before ? 2u : 1u);
        bool first = p->head_bytes == 0;
        if (!(blank && first)) /* blank lines before a request are skipped */
            p->head_bytes += p->line_bytes;
        p->line_bytes = 0;
        if (blank && !first)
            return SCAN_END;
    }
    return SCAN_MORE;
}

/* --- the five functions -------------------------------------------------------------------------------- */
void http_parse_init(struct http_parse *p, bool is_answer, uint32_t head_bytes_max,
                     const struct http_parse_events *events, void *arg)
{
    static bool limit_set;
    if (!limit_set)
        http_parser_set_max_header_size(
            HTTP_PARSE_HEAD_MAX); /* heads have their own cap; this is for trailers */
    limit_set = true;
    memset(p, 0, sizeof *p);
    http_parser_init(lib(p), is_answer ? HTTP_RESPONSE : HTTP_REQUEST);
    lib(p)->data = p;
    p->events = events;
    p->arg = arg;
    p->is_answer = is_answer;
    p->in_head = true;
    p->head_bytes_max = head_bytes_max;
}

static enum http_parse_result fail(struct http_parse *p, size_t *ret_taken, enum http_parse_result why)
{
    *ret_taken = 0;
    p->broken = true;
    return why;
}

enum http_parse_result http_parse_feed(struct http_parse *p, const char *data, size_t n, size_t *ret_taken)
{
    *ret_taken = 0;
    if (p->broken)
        return HTTP_PARSE_BAD;
    http_parser *h = lib(p);
    if (p->paused) {
        http_parser_pause(h, 0);
        p->paused = false;
    }
    if (p->in_head && n != 0) {
        enum scan s = scan_head(p, data, n, &p->reason);
        if (s == SCAN_BAD)
            return fail(p, ret_taken, HTTP_PARSE_BAD);
        if (s == SCAN_TOO_BIG)
            return fail(p, ret_taken, HTTP_PARSE_TOO_BIG);
        if (p->head_bytes + p->line_bytes != 0)
            p->in_message = true;
        if (s == SCAN_END)
            p->in_head = false;
    }
    h->data = p; /* the struct may have been moved between calls */
    *ret_taken = http_parser_execute(h, &settings, data, n);
    enum http_errno e = HTTP_PARSER_ERRNO(h);
    if (e == HPE_OK)
        return HTTP_PARSE_OK;
    if (e == HPE_PAUSED) {
        p->paused = true;
        return HTTP_PARSE_PAUSED;
    }
    if (p->reason == NULL && e >= HPE_CB_message_begin && e <= HPE_CB_chunk_complete)
        return fail(p, ret_taken, HTTP_PARSE_STOPPED);
    if (p->reason == NULL)
        p->reason = http_errno_description(e);
    return fail(p, ret_taken, e == HPE_HEADER_OVERFLOW ? HTTP_PARSE_TOO_BIG : HTTP_PARSE_BAD);
}

void http_parse_pause(struct http_parse *p)
{
    http_parser_pause(lib(p), 1);
}

const char *http_parse_reason(const struct http_parse *p)
{
    return p->reason != NULL ? p->reason : "malformed";
}

bool http_parse_is_idle(const struct http_parse *p)
{
    return !p->in_message;
}
