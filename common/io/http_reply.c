/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: the head, one-shot bodies with compression, streams, blobs shared by streams. Everything is put
 * into the connection's output buffer; the socket is written at LOOP_SEND. */
#include "common/io/http_server_int.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/buffer.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/io/http_util.h"

enum { REFERENCE_MIN = 4096 }; /* below that, copying costs less than a chain of its own */

struct http_blob {
    char *p;
    size_t n;
    unsigned refs;
};

static struct evbuffer *out_of(struct http_req *r)
{
    return conn_out(&r->conn->c);
}

static const char *date_of(struct http_server *s)
{
    struct wall now = loop_wall(s->loop);
    if (now.ms / 1000 != s->date_s) {
        s->date_s = now.ms / 1000;
        http_date(now, s->date);
    }
    return s->date;
}

/* --- the head ------------------------------------------------------------------------------------------ */
enum framing { FRAME_LENGTH, FRAME_CHUNKED, FRAME_CLOSE, FRAME_NONE };

struct answer_head {
    unsigned status;
    const char *content_type;
    struct str extra;
    enum framing framing;
    uint64_t length;
    bool gzip, close, http10;
};

static char *put(char *at, const char *text, size_t n)
{
    memcpy(at, text, n);
    return at + n;
}
#define PUT(at, lit) put(at, lit, sizeof(lit) - 1)

static char *put_u64(char *at, uint64_t v)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n != 0)
        *at++ = digits[--n];
    return at;
}

/* Written by hand, as it is a good part of what a small answer costs; the parts of foreign length are added
 * as they are. */
static void write_head(struct http_conn *k, const struct answer_head *h)
{
    struct evbuffer *out = conn_out(&k->c);
    char buf[512], *at = buf;
    const char *reason = http_status_text(h->status);
    at = PUT(at, "HTTP/1.1 ");
    at = put_u64(at, h->status);
    *at++ = ' ';
    at = put(at, reason, strlen(reason));
    at = PUT(at, "\r\nDate: ");
    at = put(at, date_of(k->server), HTTP_DATE_SIZE - 1);
    at = PUT(at, "\r\n");
    if (h->framing == FRAME_CHUNKED)
        at = PUT(at, "Transfer-Encoding: chunked\r\n");
    if (h->extra.n != 0) {
        evbuffer_add(out, buf, (size_t)(at - buf));
        evbuffer_add(out, h->extra.p, h->extra.n);
        at = buf;
    }
    size_t type_n = h->content_type != NULL ? strlen(h->content_type) : 0;
    if (type_n > 200) {
        evbuffer_add(out, buf, (size_t)(at - buf));
        evbuffer_add_printf(out, "Content-Type: %s\r\n", h->content_type);
        at = buf;
    } else if (type_n != 0) {
        at = PUT(at, "Content-Type: ");
        at = put(at, h->content_type, type_n);
        at = PUT(at, "\r\n");
    }
    if (h->gzip)
        at = PUT(at, "Content-Encoding: gzip\r\n");
    if (h->framing == FRAME_LENGTH) {
        at = PUT(at, "Content-Length: ");
        at = put_u64(at, h->length);
        at = PUT(at, "\r\n");
    }
    if (h->close)
        at = PUT(at, "Connection: close\r\n");
    else if (h->http10)
        at = PUT(at, "Connection: keep-alive\r\n");
    at = PUT(at, "\r\n");
    evbuffer_add(out, buf, (size_t)(at - buf));
}

void http_write_error(struct http_conn *k, unsigned status, const char *text)
{
    char body[256];
    int n = snprintf(body, sizeof body, "%u %s: %s", status, http_status_text(status), text);
    if (n >= (int)sizeof body)
        n = sizeof body - 1;
    struct answer_head h = { .status = status,
                             .content_type = "text/plain; charset=utf-8",
                             .framing = FRAME_LENGTH,
                             .length = (uint64_t)n,
                             .close = true };
    write_head(k, &h);
    evbuffer_add(conn_out(&k->c), body, (size_t)n);
}

void http_conn_fail(struct http_conn *k, unsigned status, const char *text, enum http_gone why)
{
    if (k->state == CONN_DEAD)
        return;
    struct http_server *s = k->server;
    struct http_req *r = k->req;
    s->stats.bad_requests++;
    if (r != NULL && r->streaming) {
        http_conn_kill(k, why); /* a second status cannot be sent; the cut tells the client */
        return;
    }
    k->req = NULL;
    if (r != NULL && r->gone != NULL)
        r->gone(r->gone_arg, r, why);
    http_write_error(k, status, text);
    if (r != NULL)
        http_req_release(r);
    k->unread_input = true;
    k->close_when_flushed = true;
    expiry_stop(&k->read_expiry);
    http_conn_dirty(k);
    http_conn_want(k);
}

void http_write_continue(struct http_req *r)
{
    if (!r->wants_continue)
        return;
    r->wants_continue = false;
    evbuffer_add(out_of(r), "HTTP/1.1 100 Continue\r\n\r\n", 25);
    http_conn_dirty(r->conn);
}

/* --- what owners add ----------------------------------------------------------------------------------- */
void http_reply_header(struct http_req *r, const char *name, struct str value)
{
    ASSERT(!r->streaming);
    if (r->extra.max == 0)
        sbuf_init(&r->extra, 64 << 10);
    sbuf_c(&r->extra, name);
    sbuf_c(&r->extra, ": ");
    size_t from = r->extra.n;
    sbuf_str(&r->extra, value);
    for (size_t i = from; i < r->extra.n; i++)
        if ((unsigned char)r->extra.p[i] < 32 || r->extra.p[i] == 127)
            r->extra.p[i] = ' ';
    sbuf_c(&r->extra, "\r\n");
}

void http_reply_attachment(struct http_req *r, struct str path)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(8192);
    size_t from = path.n;

    while (from > 0 && path.p[from - 1] != '/')
        from--;
    sbuf_fmt(&b, "attachment; filename=%.*s", STR_ARG(str_sub(path, from, path.n)));
    http_reply_header(r, "Content-Disposition", sbuf_view(&b));
}

void http_reply_close(struct http_req *r)
{
    r->close_after = true;
}

void http_reply_no_gzip(struct http_req *r)
{
    r->no_gzip = true;
}

/* --- compression --------------------------------------------------------------------------------------- */
static bool wants_gzip(const struct http_req *r, size_t n)
{
    const struct http_server_options *o = &r->conn->server->opt;
    if (r->no_gzip || r->no_body || n < o->gzip_bytes_min || n > o->gzip_bytes_max)
        return false;
    return http_accepts_encoding(http_req_header(r, "Accept-Encoding"), "gzip");
}

/* One deflate state serves all answers: making one allocates and clears 256 KiB. */
static z_stream *deflate_ready(struct http_server *s)
{
    if (s->deflate != NULL)
        return deflateReset(s->deflate) == Z_OK ? s->deflate : NULL;
    z_stream *z = xcalloc(1, sizeof *z);
    if (deflateInit2(z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        return NULL;
    }
    s->deflate = z;
    return z;
}

static void free_bytes(const void *p, size_t n, void *arg)
{
    (void)n;
    (void)arg;
    free((void *)(uintptr_t)p);
}

/* The compressed body, to be freed by the caller; NULL: send it as it is. */
static char *compress_body(struct http_req *r, struct str body, size_t *ret_n)
{
    z_stream *z = deflate_ready(r->conn->server);
    if (z == NULL)
        return NULL;
    size_t room = deflateBound(z, body.n);
    char *p = malloc(room);
    if (p == NULL)
        return NULL;
    z->next_in = (Bytef *)(uintptr_t)body.p; /* zlib does not write there */
    z->avail_in = (uInt)body.n;
    z->next_out = (Bytef *)p;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_FINISH) != Z_STREAM_END) {
        free(p);
        return NULL;
    }
    *ret_n = room - z->avail_out;
    return p;
}

/* --- one-shot answers ---------------------------------------------------------------------------------- */
static bool status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void head_of(struct http_req *r, unsigned status, const char *content_type, size_t length, bool gzip)
{
    ASSERT(!r->streaming);
    struct answer_head h = {
        .status = status,
        .content_type = content_type,
        .extra = sbuf_view(&r->extra),
        .framing = status_has_body(status) ? FRAME_LENGTH : FRAME_NONE,
        .length = length,
        .gzip = gzip,
        .close = r->close_after,
        .http10 = r->info.is_http10,
    };
    /* What http_req_finish is going to decide must be said here. */
    if (r->conn->state == CONN_BODY && (r->wants_continue || r->info.content_length > HTTP_DISCARD_MAX))
        h.close = true;
    write_head(r->conn, &h);
}

static bool reply_compressed(struct http_req *r, unsigned status, const char *content_type, struct str body)
{
    size_t n;
    char *p = wants_gzip(r, body.n) && status_has_body(status) ? compress_body(r, body, &n) : NULL;
    if (p == NULL)
        return false;
    r->conn->server->stats.gzip_bytes += n;
    head_of(r, status, content_type, n, true);
    if (evbuffer_add_reference(out_of(r), p, n, free_bytes, NULL) != 0)
        free(p);
    http_req_finish(r);
    return true;
}

void http_reply(struct http_req *r, unsigned status, const char *content_type, struct str body)
{
    if (reply_compressed(r, status, content_type, body))
        return;
    head_of(r, status, content_type, body.n, false);
    if (!r->no_body && body.n != 0 && status_has_body(status))
        evbuffer_add(out_of(r), body.p, body.n);
    http_req_finish(r);
}

void http_reply_sbuf(struct http_req *r, unsigned status, const char *content_type, struct sbuf *body)
{
    if (!sbuf_ok(body)) {
        sbuf_done(body);
        http_reply_text(r, 500, "the answer is larger than its limit");
        return;
    }
    bool small = body->n < REFERENCE_MIN || r->no_body || !status_has_body(status);
    if (small || wants_gzip(r, body->n)) {
        http_reply(r, status, content_type, sbuf_view(body));
        sbuf_done(body);
        return;
    }
    size_t n = body->n;
    char *p = sbuf_steal(body);
    head_of(r, status, content_type, n, false);
    if (evbuffer_add_reference(out_of(r), p, n, free_bytes, NULL) != 0)
        free(p);
    http_req_finish(r);
}

void http_reply_json(struct http_req *r, struct sbuf *body)
{
    CLEANUP(sbuf_done_p) struct sbuf f = SBUF_INIT(4096);
    struct sbuf call = SBUF_INIT(SIZE_MAX / 4);

    if (!sbuf_ok(body) || !http_query_get(http_req_query(r), "jsonp", &f) || f.n == 0) {
        http_reply_sbuf(r, 200, "application/json", body);
        return;
    }
    sbuf_str(&call, sbuf_view(&f));
    sbuf_char(&call, '(');
    sbuf_str(&call, sbuf_view(body));
    sbuf_char(&call, ')');
    sbuf_done(body);
    http_reply_sbuf(r, 200, "text/javascript", &call);
}

void http_reply_evbuffer(struct http_req *r, unsigned status, const char *content_type, struct evbuffer *body)
{
    size_t n = evbuffer_get_length(body);
    if (wants_gzip(r, n)) {
        http_reply(r, status, content_type, str_mem(evbuffer_pullup(body, -1), n));
        (void)evbuffer_drain(body, n);
        return;
    }
    head_of(r, status, content_type, n, false);
    if (r->no_body || !status_has_body(status))
        (void)evbuffer_drain(body, n);
    else
        (void)evbuffer_add_buffer(out_of(r), body);
    http_req_finish(r);
}

void http_reply_text(struct http_req *r, unsigned status, const char *fmt, ...)
{
    struct sbuf b = SBUF_INIT(64 << 10);
    va_list ap;
    va_start(ap, fmt);
    sbuf_vfmt(&b, fmt, ap);
    va_end(ap);
    http_reply(r, status, "text/plain; charset=utf-8", sbuf_view(&b));
    sbuf_done(&b);
}

void http_reply_error(struct http_req *r, const struct error *err)
{
    http_reply(r, (unsigned)err_code_http_status(err->code), "text/plain; charset=utf-8", str_of(err->msg));
}

void http_reply_unauthorized(struct http_req *r, const char *realm, const char *text)
{
    char value[256];
    (void)snprintf(value, sizeof value, "Basic realm=\"%s\"", realm);
    http_reply_header(r, "WWW-Authenticate", str_of(value));
    http_reply_text(r, 401, "%s", text);
}

void http_reply_not_allowed(struct http_req *r, const char *allow)
{
    http_reply_header(r, "Allow", str_of(allow));
    http_reply_text(r, 405, "405 Method Not Allowed. Expecting one of { '%s' }, but received '%.*s'.", allow,
                    STR_ARG(http_req_method(r)));
}

/* --- streams ------------------------------------------------------------------------------------------- */
void http_stream_begin(struct http_req *r, unsigned status, const char *content_type)
{
    ASSERT(!r->streaming);
    ASSERT(r->gone != NULL);
    http_write_continue(r);
    r->chunked = !r->info.is_http10;
    if (!r->chunked)
        r->close_after = true;
    struct answer_head h = {
        .status = status,
        .content_type = content_type,
        .extra = sbuf_view(&r->extra),
        .framing = r->chunked ? FRAME_CHUNKED : FRAME_CLOSE,
        .close = r->close_after,
    };
    write_head(r->conn, &h);
    sbuf_done(&r->extra);
    r->streaming = true;
    http_conn_dirty(r->conn);
}

/* Opens a chunk of n bytes; 0, 1 when nothing is to be written, or -ERR_LIMIT. */
static int chunk_begin(struct http_req *r, size_t n)
{
    ASSERT(r->streaming);
    if (n == 0 || r->no_body)
        return 1;
    if (r->conn->has_drop)
        return -ERR_LIMIT;
    if (conn_out_size(&r->conn->c) >
        r->cap) { /* what waits already counts, so that one big write always passes */
        r->conn->server->stats.slow_dropped++;
        http_conn_drop(r->conn, HTTP_GONE_SLOW);
        return -ERR_LIMIT;
    }
    if (r->chunked) {
        char line[20];
        char *at = line + sizeof line;
        *--at = '\n';
        *--at = '\r';
        for (size_t v = n; v != 0; v >>= 4)
            *--at = "0123456789abcdef"[v & 15];
        evbuffer_add(out_of(r), at, (size_t)(line + sizeof line - at));
    }
    return 0;
}

static int chunk_end(struct http_req *r)
{
    if (r->chunked)
        evbuffer_add(out_of(r), "\r\n", 2);
    http_conn_dirty(r->conn);
    return 0;
}

int http_stream_write2(struct http_req *r, struct str first, struct str second)
{
    int rc = chunk_begin(r, first.n + second.n);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (first.n != 0)
        evbuffer_add(out_of(r), first.p, first.n);
    if (second.n != 0)
        evbuffer_add(out_of(r), second.p, second.n);
    return chunk_end(r);
}

int http_stream_write(struct http_req *r, struct str bytes)
{
    return http_stream_write2(r, bytes, (struct str){ NULL, 0 });
}

int http_stream_write_evbuffer(struct http_req *r, struct evbuffer *b)
{
    int rc = chunk_begin(r, evbuffer_get_length(b));
    if (rc != 0) {
        (void)evbuffer_drain(b, evbuffer_get_length(b));
        return rc < 0 ? rc : 0;
    }
    (void)evbuffer_add_buffer(out_of(r), b);
    return chunk_end(r);
}

size_t http_stream_pending(const struct http_req *r)
{
    return conn_out_size(&r->conn->c);
}

void http_stream_set_cap(struct http_req *r, size_t bytes_max)
{
    r->cap = bytes_max;
}

void http_stream_on_drained(struct http_req *r, http_drained_fn *fn, void *arg)
{
    r->drained = fn;
    r->drained_arg = arg;
}

void http_stream_end(struct http_req *r)
{
    ASSERT(r->streaming);
    if (r->chunked && !r->no_body)
        evbuffer_add(out_of(r), "0\r\n\r\n", 5);
    http_req_finish(r);
}

void http_abort(struct http_req *r)
{
    struct http_conn *k = r->conn;
    r->gone = NULL;
    http_conn_kill(k, HTTP_GONE_CLOSED);
}

/* --- blobs --------------------------------------------------------------------------------------------- */
struct http_blob *http_blob_new(struct sbuf *b)
{
    if (!sbuf_ok(b)) {
        sbuf_done(b);
        return NULL;
    }
    struct http_blob *blob = xmalloc(sizeof *blob);
    size_t n = b->n;
    *blob = (struct http_blob){ .p = sbuf_steal(b), .n = n, .refs = 1 };
    return blob;
}

struct http_blob *http_blob_copy(struct str bytes)
{
    struct http_blob *blob = xmalloc(sizeof *blob);
    *blob = (struct http_blob){ .p = xmemdup(bytes.p, bytes.n), .n = bytes.n, .refs = 1 };
    return blob;
}

struct http_blob *http_blob_ref(struct http_blob *b)
{
    b->refs++;
    return b;
}

void http_blob_unref(struct http_blob *b)
{
    if (b == NULL || --b->refs != 0)
        return;
    free(b->p);
    free(b);
}

struct str http_blob_bytes(const struct http_blob *b)
{
    return str_mem(b->p, b->n);
}

static void unref_blob(const void *p, size_t n, void *arg)
{
    (void)p;
    (void)n;
    http_blob_unref(arg);
}

int http_stream_write_blob(struct http_req *r, struct http_blob *b)
{
    if (b->n < REFERENCE_MIN)
        return http_stream_write(r, http_blob_bytes(b));
    int rc = chunk_begin(r, b->n);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (evbuffer_add_reference(out_of(r), b->p, b->n, unref_blob, http_blob_ref(b)) != 0)
        http_blob_unref(b);
    return chunk_end(r);
}
