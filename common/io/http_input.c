/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in on the connections of the HTTP server, from accept to the call of the owner. Rules that keep
 * it simple:
 *  - the parser is paused after each message, so one exchange is under way per connection at most;
 *  - what comes while an answer is awaited goes to the stash, up to a cap, after which reading stops;
 *  - writing is done in one place, at LOOP_SEND, for the connections on the dirty list; then the stash is
 * taken. */
#include "common/io/http_server_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"

/* Of a connection that has said nothing yet, so that it is known who it is before there is much to do. */
enum { FIRST_READ_SIZE = 512 };

static void parse_input(struct http_conn *k, const char *p, size_t n);

/* --- writing ------------------------------------------------------------------------------------------- */
/* The last bytes have been written: a plain close, unless the peer may still be sending, in which case a
 * close would reset the connection and could destroy the answer before it is read. */
static void close_after_answer(struct http_conn *k)
{
    if (!k->unread_input && k->stash_n == 0 && k->state == CONN_IDLE) {
        http_conn_kill(k, HTTP_GONE_CLOSED);
        return;
    }
    conn_shut_write(&k->c);
    k->state = CONN_LINGER;
    k->paused = false;
    k->stash_n = 0;
    k->discarded = 0;
    expiry_start(&k->server->lingers, &k->read_expiry);
    http_conn_want(k);
}

static void take_stash(struct http_conn *k)
{
    char *stash = k->stash;
    size_t n = k->stash_n;
    k->stash = NULL;
    k->stash_n = k->stash_cap = 0;
    parse_input(k, stash, n);
    free(stash);
    http_conn_want(k);
}

static void flush(struct http_conn *k)
{
    struct http_server *s = k->server;
    expiry_stop(&k->unhurried_expiry);
    ssize_t n = conn_flush(&k->c);
    if (n < 0) {
        http_conn_kill(k, HTTP_GONE_CLOSED);
        return;
    }
    if (conn_out_size(&k->c) != 0) {
        if (n > 0 || k->write_expiry.queue == NULL)
            expiry_start(&s->writes, &k->write_expiry);
        return;
    }
    expiry_stop(&k->write_expiry);
    if (k->close_when_flushed && k->req == NULL && k->state != CONN_LINGER) {
        close_after_answer(k);
        return;
    }
    struct http_req *r = k->req;
    if (r != NULL && r->streaming && r->drained != NULL)
        r->drained(r->drained_arg, r);
    if (k->stash_n != 0 && k->state == CONN_IDLE && !k->close_when_flushed)
        take_stash(k);
}

/* As many as are dirty now; what becomes dirty meanwhile waits for the next turn. */
void http_send_dirty(void *arg)
{
    struct http_server *s = arg;
    for (unsigned n = s->dirty_count; n != 0 && s->dirty != NULL; n--) {
        struct http_conn *k = s->dirty;
        http_conn_undirty(k);
        if (k->has_drop)
            http_conn_kill(k, k->drop_why);
        else
            flush(k);
    }
    if (s->dirty != NULL)
        loop_defer(s->loop, &s->send_work);
}

/* --- what the parser says ------------------------------------------------------------------------------ */
static bool refuse(struct http_conn *k, unsigned short status, const char *text)
{
    k->fail_status = status;
    k->fail_text = text;
    return false;
}

static bool on_url(void *arg, const char *p, size_t n)
{
    struct http_conn *k = arg;
    if (k->req == NULL)
        k->req = http_req_new(k);
    struct http_req *r = k->req;
    if (r->url_n + n > k->server->opt.url_bytes_max)
        return refuse(k, 414, "the URL is longer than url_bytes_max");
    sbuf_add(&r->head, p, n);
    r->url_n += (uint32_t)n;
    return true;
}

static bool on_name(void *arg, const char *p, size_t n)
{
    struct http_conn *k = arg;
    struct http_req *r = k->req;
    ASSERT(r != NULL); /* a request line has a URL */
    if (r->span_count == 0 || r->value_open) {
        if (r->span_count >= k->server->opt.headers_max)
            return refuse(k, 431, "more headers than headers_max");
        ARRAY_ROOM(r->spans, r->span_count, r->span_cap);
        r->spans[r->span_count++] = (struct http_span){ .name_at = (uint32_t)r->head.n };
        r->value_open = false;
    }
    struct http_span *span = &r->spans[r->span_count - 1];
    sbuf_add(&r->head, p, n);
    span->name_n += (uint32_t)n;
    span->value_at = (uint32_t)r->head.n;
    return true;
}

static bool on_value(void *arg, const char *p, size_t n)
{
    struct http_conn *k = arg;
    struct http_req *r = k->req;
    ASSERT(r != NULL && r->span_count != 0);
    sbuf_add(&r->head, p, n);
    r->spans[r->span_count - 1].value_n += (uint32_t)n;
    r->value_open = true;
    return true;
}

/* What the library lets through and we do not, and what needs preparation before the body. */
static bool check_head(struct http_conn *k, struct http_req *r)
{
    const struct http_parse_head *h = &r->info;
    if (!sbuf_ok(&r->head))
        return refuse(k, 431, "the head is larger than head_bytes_max");
    struct str coding = http_req_header(r, "Transfer-Encoding");
    if (coding.p != NULL && (h->is_http10 || !str_eq_nocase(coding, STR("chunked"))))
        return refuse(k, h->is_http10 ? 400 : 501, "this Transfer-Encoding is not known; use chunked");
    if (!h->is_http10 && http_req_header(r, "Host").p == NULL &&
        http_req_header(r, "Libprocess-From").p == NULL &&
        !str_starts(http_req_header(r, "User-Agent"), STR("libprocess/")))
        return refuse(k, 400, "the Host header is missing");
    if (!h->is_chunked && h->content_length <= 0)
        return true;
    struct str expect = http_req_header(r, "Expect");
    if (expect.p != NULL && !h->is_http10) {
        if (!str_eq_nocase(expect, STR("100-continue")))
            return refuse(k, 417, "this Expect is not known; only 100-continue is");
        r->wants_continue = true;
    }
    struct str encoding = http_req_header(r, "Content-Encoding");
    if (encoding.n == 0 || str_eq_nocase(encoding, STR("identity")))
        return true;
    if (!str_eq_nocase(encoding, STR("gzip")) && !str_eq_nocase(encoding, STR("x-gzip")))
        return refuse(k, 415, "this Content-Encoding is not known; use gzip or identity");
    r->inflate = xcalloc(1, sizeof *r->inflate);
    if (inflateInit2(r->inflate, 15 + 16) != Z_OK) {
        free(r->inflate);
        r->inflate = NULL;
        return refuse(k, 503, "out of memory");
    }
    return true;
}

/* Who asks by way of a proxy names the server in the target, too (RFC 9112, 3.2.2), and who joins a base URL to a path may write
 * two slashes. What owners see begins with the one slash of the path, so that no rule on paths is evaded by another spelling. */
static void tidy_target(struct http_req *r)
{
    struct str rest = { r->head.p, r->url_n };
    char *start = r->head.p;

    if (str_skip(&rest, STR("http://")) || str_skip(&rest, STR("https://"))) {
        size_t host = 0;
        while (host < rest.n && rest.p[host] != '/' && rest.p[host] != '?')
            host++;
        start += r->url_n - rest.n + host;
        if (host == rest.n || rest.p[host] == '?')
            *--start = '/';
    }
    char *end = r->head.p + r->url_n;
    while (end - start > 1 && start[0] == '/' && start[1] == '/')
        start++;
    if (start == r->head.p)
        return;
    r->url_n = (uint32_t)(end - start);
    memmove(r->head.p, start, r->url_n); /* the bytes behind it are no part of anything then */
}

static bool on_head(void *arg, const struct http_parse_head *h, bool *ret_no_body)
{
    struct http_conn *k = arg;
    struct http_req *r = k->req;
    struct http_server *s = k->server;
    (void)ret_no_body;
    ASSERT(r != NULL);
    r->info = *h;
    r->close_after = !h->keep_alive;
    if (sbuf_ok(&r->head))
        tidy_target(r);
    r->path_n = (uint32_t)str_index((struct str){ r->head.p, r->url_n }, '?');
    r->no_body = h->verb == HTTP_VERB_HEAD;
    if (!check_head(k, r))
        return false;
    k->state = CONN_BODY;
    s->stats.requests++;
    if (s->handler.on_head != NULL)
        s->handler.on_head(s->ctx, r);
    if (k->req != r)
        return k->state != CONN_DEAD;
    ASSERT(r->body_mode == BODY_COLLECT || r->gone != NULL);
    if (r->body_mode == BODY_COLLECT && h->content_length > 0) {
        if ((uint64_t)h->content_length > r->body_max)
            return refuse(k, 413, "the body is larger than allowed here");
        if (r->inflate == NULL && h->content_length <= 1 << 20)
            (void)sbuf_room(&r->body, (size_t)h->content_length);
    }
    http_write_continue(r);
    return true;
}

/* Hands bytes of the body on; false when the exchange is over or the connection must end. */
static bool deliver(struct http_conn *k, struct http_req *r, const char *p, size_t n)
{
    if (n == 0)
        return true;
    if (r->body_mode == BODY_STREAM) {
        r->body_fn(r->body_arg, r, str_mem(p, n), false);
        return k->req == r;
    }
    if (r->body.n + n > r->body_max)
        return refuse(k, 413,
                      r->inflate != NULL ? "the decompressed body is larger than allowed here"
                                         : "the body is larger than allowed here");
    sbuf_add(&r->body, p, n);
    return sbuf_ok(&r->body) || refuse(k, 503, "out of memory");
}

static bool deliver_inflated(struct http_conn *k, struct http_req *r, const char *p, size_t n)
{
    static _Thread_local char out[16 * 1024];
    z_stream *z = r->inflate;
    z->next_in = (Bytef *)(uintptr_t)p; /* zlib does not write there */
    z->avail_in = (uInt)n;
    for (;;) {
        if (r->inflate_over)
            return z->avail_in == 0 || refuse(k, 400, "bytes after the end of the gzip body");
        z->next_out = (Bytef *)out;
        z->avail_out = sizeof out;
        int rc = inflate(z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return refuse(k, 400, "the body is not gzip");
        size_t got = sizeof out - z->avail_out;
        r->inflate_over = rc == Z_STREAM_END;
        r->inflated += got;
        if (r->inflated > k->server->opt.inflated_bytes_max)
            return refuse(k, 413, "the decompressed body is larger than inflated_bytes_max");
        if (!deliver(k, r, out, got))
            return false;
        if (!r->inflate_over && (rc == Z_BUF_ERROR || (got < sizeof out && z->avail_in == 0)))
            return true; /* wants more input */
    }
}

static bool on_body(void *arg, const char *p, size_t n)
{
    struct http_conn *k = arg;
    struct http_req *r = k->req;
    bool goes_on = false;
    if (r != NULL)
        goes_on = r->inflate != NULL ? deliver_inflated(k, r, p, n) : deliver(k, r, p, n);
    if (goes_on || k->fail_status != 0 || k->state == CONN_DEAD)
        return goes_on;
    k->discarded += (uint32_t)n;
    if (k->discarded > HTTP_DISCARD_MAX && !k->close_when_flushed) {
        k->close_when_flushed = true;
        http_conn_dirty(k);
    }
    return !k->close_when_flushed;
}

static bool on_end(void *arg)
{
    struct http_conn *k = arg;
    struct http_req *r = k->req;
    struct http_server *s = k->server;
    http_parse_pause(&k->parse);
    expiry_stop(&k->read_expiry);
    k->paused = false;
    if (r == NULL) {
        k->state = CONN_IDLE;
        k->unread_input = false;
        return true;
    }
    if (r->inflate != NULL && !r->inflate_over)
        return refuse(k, 400, "the gzip body is cut off");
    r->body_over = true;
    k->state = CONN_WAIT;
    if (r->body_mode == BODY_STREAM)
        r->body_fn(r->body_arg, r, (struct str){ NULL, 0 }, true);
    else if (r->complete != NULL)
        r->complete(r->complete_arg, r);
    else
        s->handler.on_request(s->ctx, r);
    ASSERT(k->req != r || r->gone != NULL); /* answered, or wants to know when the peer goes away */
    return k->state != CONN_DEAD;
}

static const struct http_parse_events events = {
    .on_url = on_url,
    .on_name = on_name,
    .on_value = on_value,
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
};

/* --- input --------------------------------------------------------------------------------------------- */
static void stash_add(struct http_conn *k, const char *p, size_t n)
{
    if (k->stash_n + n > k->stash_cap) {
        k->stash_cap = (uint32_t)(k->stash_n + n);
        k->stash = xrealloc(k->stash, k->stash_cap, 1);
    }
    memcpy(k->stash + k->stash_n, p, n);
    k->stash_n += (uint32_t)n;
    http_conn_want(k);
}

static void parse_failed(struct http_conn *k, enum http_parse_result res)
{
    if (k->state == CONN_DEAD)
        return;
    char text[128];
    unsigned status = k->fail_status;
    const char *reason = k->fail_text;
    if (res == HTTP_PARSE_TOO_BIG) {
        status = k->parse.head_bytes == 0 ? 414 : 431; /* the first line itself, or all together */
        reason = "the head is larger than head_bytes_max";
    } else if (status == 0) {
        if (res == HTTP_PARSE_STOPPED)
            return; /* answered and closing: nothing to add */
        status = 400;
        reason = http_parse_reason(&k->parse);
    }
    (void)snprintf(text, sizeof text, "%s", reason);
    http_conn_fail(k, status, text, HTTP_GONE_PROTOCOL);
}

static void parse_input(struct http_conn *k, const char *p, size_t n)
{
    while (n != 0 && k->state != CONN_DEAD) {
        if (k->close_when_flushed)
            return; /* the last answer is given; what follows is not looked at */
        if (k->state == CONN_WAIT || k->stash_n != 0) {
            stash_add(k, p, n);
            return;
        }
        size_t taken;
        if (k->state == CONN_IDLE)
            k->state = CONN_HEAD;
        enum http_parse_result res = http_parse_feed(&k->parse, p, n, &taken);
        if (res != HTTP_PARSE_OK && res != HTTP_PARSE_PAUSED) {
            parse_failed(k, res);
            return;
        }
        p += taken;
        n -= taken;
    }
    if (k->state == CONN_HEAD && http_parse_is_idle(&k->parse))
        k->state = CONN_IDLE; /* blank lines only */
    struct http_server *s = k->server;
    if (k->state == CONN_HEAD && k->read_expiry.queue != &s->heads)
        expiry_start(&s->heads, &k->read_expiry); /* from the first byte on, not renewed */
    else if (k->state == CONN_BODY && !k->paused)
        expiry_start(&s->bodies, &k->read_expiry);
    else if (k->state == CONN_IDLE && k->read_expiry.queue != &s->idles)
        http_conn_idle(k);
}

static void take_input(struct http_conn *k, const char *p, size_t n)
{
    if (k->state == CONN_LINGER) {
        k->discarded += (uint32_t)n;
        if (k->discarded > HTTP_LINGER_BYTES_MAX)
            http_conn_kill(k, HTTP_GONE_CLOSED);
        return;
    }
    parse_input(k, p, n);
}

static void peer_ended(struct http_conn *k)
{
    if (k->state == CONN_IDLE && k->req == NULL && conn_out_size(&k->c) != 0) {
        /* Asked, said that it is done, and waits for the answer. */
        k->close_when_flushed = true;
        http_conn_dirty(k);
        http_conn_want(k);
        return;
    }
    if (conn_out_size(&k->c) != 0)
        (void)conn_flush(&k->c); /* answers to what was pipelined before; their fate does not matter */
    http_conn_kill(k, HTTP_GONE_CLOSED);
}

/* Whether this connection speaks TLS, decided by its first byte; false: nothing there yet. */
static bool decide_tls(struct http_conn *k)
{
    unsigned char first;
    ssize_t n = recv(k->c.fd, &first, 1, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    k->tls_undecided = false;
    if (n == 1 && first == 0x16 && conn_start_tls(&k->c, k->server->opt.tls, true, NULL, NULL) != 0)
        http_conn_kill(k, HTTP_GONE_CLOSED);
    return k->state != CONN_DEAD;
}

static void on_ready(struct conn *c, int what)
{
    struct http_conn *k = (struct http_conn *)c;
    if (k->state == CONN_DEAD)
        return;
    if ((what & LOOP_READ) && (!k->tls_undecided || decide_tls(k))) {
        char *buf = conn_scratch();
        unsigned rounds = 0;
        do {
            ssize_t n = conn_read(c, buf, k->has_spoken ? CONN_READ_SIZE : FIRST_READ_SIZE);
            if (n == CONN_AGAIN)
                break;
            if (n <= 0) {
                if (n == 0)
                    peer_ended(k);
                else
                    http_conn_kill(k, HTTP_GONE_CLOSED);
                break;
            }
            k->has_spoken = true;
            take_input(k, buf, (size_t)n);
        } while (k->state != CONN_DEAD && (k->c.wanted & LOOP_READ) && conn_has_pending(c) && ++rounds < 16);
        if (k->state != CONN_DEAD && conn_has_pending(c) && (k->c.wanted & LOOP_READ))
            event_active(&c->ev, EV_READ, 0);
    }
    if ((what & LOOP_WRITE) && k->state != CONN_DEAD)
        flush(k);
}

/* --- accepting ----------------------------------------------------------------------------------------- */
/* Keep-alive probes find the peers that vanished with their machine: five minutes in all. */
static void set_tcp_options(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 },    { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, 180 }, { IPPROTO_TCP, TCP_KEEPINTVL, 30 },
        { IPPROTO_TCP, TCP_KEEPCNT, 4 },
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

/* A peer that reached us by an address of its own is on this machine. */
static bool is_local(int fd, const struct net_addr *peer)
{
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    struct net_addr own;

    if (peer->family == NET_UNIX || net_is_loopback(peer))
        return true;
    if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
        return false;
    net_from_sockaddr((struct sockaddr *)&sa, &own);
    own.port = peer->port;
    return net_eq(&own, peer);
}

static bool takes_plain(const struct http_server *s, int fd, const struct net_addr *peer)
{
    return s->opt.tls_downgrade || (s->opt.tls_plain_local && is_local(fd, peer)) ||
           (s->opt.tls_plain_peer != NULL && s->opt.tls_plain_peer(s->ctx, peer));
}

void http_conn_accept(struct http_server *s, int fd, const struct sockaddr *sa)
{
    struct http_conn *k = xcalloc(1, sizeof *k);
    conn_init(&k->c, s->loop, fd, on_ready);
    k->server = s;
    net_from_sockaddr(sa, &k->peer);
    if (k->peer.family == NET_NONE)
        k->peer.family = NET_UNIX;
    if (k->peer.family != NET_UNIX)
        set_tcp_options(fd);
    http_parse_init(&k->parse, false, (uint32_t)s->opt.head_bytes_max, &events, k);
    DL_APPEND(s->conns, k);
    s->stats.connections++;
    s->stats.accepted++;
    if (s->opt.tls != NULL && takes_plain(s, fd, &k->peer))
        k->tls_undecided = true;
    else if (s->opt.tls != NULL && conn_start_tls(&k->c, s->opt.tls, true, NULL, NULL) != 0) {
        http_conn_kill(k, HTTP_GONE_CLOSED);
        return;
    }
    expiry_start(&s->silents, &k->read_expiry);
    http_conn_want(k);
}
