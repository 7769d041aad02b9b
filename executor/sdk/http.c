/* SPDX-License-Identifier: Apache-2.0 */
/* See http.h. A kept-alive connection that the agent closed before the first byte of an answer is opened again once for
 * the request: with an agent that restarts between two calls that is the usual case, and every call of an executor
 * may be sent twice (updates carry a uuid). */
#include "executor/sdk/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"

bool xhttp_endpoint_parse(struct str s, struct xhttp_endpoint *ret)
{
    *ret = (struct xhttp_endpoint){ .port = 0 };
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return false;
    struct str host = str_sub(s, 0, colon - 1), port = str_sub(s, colon, s.n);
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        host = str_sub(host, 1, host.n - 2);
        ret->v6 = true;
    }
    uint64_t v;
    if (host.n == 0 || host.n >= sizeof ret->host || !str_u64(&port, 65535, &v) || port.n != 0 || v == 0)
        return false;
    memcpy(ret->host, host.p, host.n);
    ret->port = (uint16_t)v;
    return true;
}

static void on_failing(void *arg);

void xhttp_init(struct xhttp *c, struct ev *ev, const struct xhttp_endpoint *to)
{
    *c = (struct xhttp){ .ev = ev, .to = *to, .fd = -1, .body = SBUF_INIT(XHTTP_BODY_MAX) };
    ev_timer_init(&c->failing, on_failing, c);
}

static const char *peer_name(const struct xhttp *c, char buf[128])
{
    if (c->to.unix_path[0] != 0)
        return c->to.unix_path;
    (void)snprintf(buf, 128, "%s:%u", c->to.host, c->to.port);
    return buf;
}

static void drop_socket(struct xhttp *c)
{
    ev_unwatch(c->ev, c->watch);
    c->watch = NULL;
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    if (c->failing.linked)
        ev_timer_at(c->ev, &c->failing, MONO_NEVER);
    c->connecting = c->started = c->got_head = false;
    if (c->in_callback)
        c->closed_in_callback = true;
}

static void free_request(struct xhttp_request *r)
{
    free(r->bytes);
    free(r);
}

void xhttp_close(struct xhttp *c)
{
    drop_socket(c);
    struct xhttp_request *r, *next;
    DL_FOREACH_SAFE(c->queue, r, next)
        free_request(r);
    c->queue = NULL;
    c->queued = 0;
}

void xhttp_done(struct xhttp *c)
{
    xhttp_close(c);
    sbuf_done(&c->body);
}

static void next_request(struct xhttp *c);

/* Takes the head request out and tells its end. */
static void finish(struct xhttp *c, unsigned status, const struct error *err)
{
    struct xhttp_request *r = c->queue;
    if (r == NULL)
        return;
    DL_DELETE(c->queue, r);
    c->queued--;
    c->started = false;
    struct sbuf body = c->body; /* the callback may start another request here */
    c->body = SBUF_INIT(XHTTP_BODY_MAX);
    r->done(r->arg, status, sbuf_view(&body), err);
    sbuf_done(&body);
    free_request(r);
}

static void fail_all(struct xhttp *c, const struct error *err)
{
    drop_socket(c);
    /* Only those that are queued now: a callback may queue again. */
    for (size_t n = c->queued; n > 0 && c->queue != NULL; n--)
        finish(c, 0, err);
}

/* --- parsing ------------------------------------------------------------------------------------------ */

static int on_headers_complete(http_parser *p)
{
    struct xhttp *c = p->data;
    c->got_head = true;
    if (c->queue != NULL && c->queue->data != NULL)
        c->queue->data(c->queue->arg, p->status_code, (struct str){ NULL, 0 });
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct xhttp *c = p->data;
    if (c->closed_in_callback || c->queue == NULL)
        return 1;
    if (c->queue->data != NULL && p->status_code == 200) {
        c->queue->data(c->queue->arg, p->status_code, str_mem(at, n));
        return c->closed_in_callback ? 1 : 0;
    }
    sbuf_add(&c->body, at, n);
    return sbuf_ok(&c->body) ? 0 : 1;
}

static int on_complete(http_parser *p)
{
    struct xhttp *c = p->data;
    c->complete = true;
    c->keep_alive = http_should_keep_alive(p) != 0;
    http_parser_pause(p, 1); /* one answer at a time */
    return 0;
}

static const http_parser_settings settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

static void answer_complete(struct xhttp *c)
{
    unsigned status = c->parser.status_code;
    bool keep = c->keep_alive;
    c->complete = false;
    if (!keep)
        drop_socket(c);
    finish(c, status, NULL);
    next_request(c);
}

/* The end of the connection. */
static void on_eof(struct xhttp *c, int sys_errno)
{
    struct error err;
    if (!c->started) {
        drop_socket(c);
        return;
    }
    if (!c->got_head && c->reused) {
        drop_socket(c);
        next_request(c); /* once: the new connection is not reused */
        return;
    }
    if (c->got_head) {
        c->in_callback = true;
        c->closed_in_callback = false;
        (void)http_parser_execute(&c->parser, &settings, NULL, 0); /* a body until close ends here */
        c->in_callback = false;
        if (c->closed_in_callback)
            return;
        if (c->complete) {
            c->keep_alive = false;
            answer_complete(c);
            return;
        }
    }
    if (sys_errno != 0)
        (void)error_set_errno(&err, sys_errno, "connection to %s", peer_name(c, (char[128]){ 0 }));
    else
        (void)error_set(&err, ERR_UNAVAILABLE, "%s closed the connection", peer_name(c, (char[128]){ 0 }));
    fail_all(c, &err);
}

static void on_bytes(struct xhttp *c, const char *p, size_t n)
{
    if (!c->started) {
        drop_socket(c); /* bytes that nobody asked for */
        return;
    }
    c->in_callback = true;
    c->closed_in_callback = false;
    (void)http_parser_execute(&c->parser, &settings, p, n);
    c->in_callback = false;
    if (c->closed_in_callback)
        return;
    if (c->complete) {
        answer_complete(c);
    } else if (HTTP_PARSER_ERRNO(&c->parser) != HPE_OK) {
        struct error err;
        (void)error_set(&err, ERR_PROTOCOL, "answer of %s: %s", peer_name(c, (char[128]){ 0 }),
                        http_errno_description(HTTP_PARSER_ERRNO(&c->parser)));
        fail_all(c, &err);
    }
}

/* --- socket ------------------------------------------------------------------------------------------- */

static void flush(struct xhttp *c)
{
    struct xhttp_request *r = c->queue;
    while (r != NULL && c->sent < r->n) {
        ssize_t n = send(c->fd, r->bytes + c->sent, r->n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            ev_watch_set(c->ev, c->watch, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) {
            on_eof(c, errno);
            return;
        }
        c->sent += (size_t)n;
    }
    ev_watch_set(c->ev, c->watch, EPOLLIN);
}

static void on_socket(void *arg, int fd, unsigned what)
{
    struct xhttp *c = arg;
    if (c->connecting) {
        int e = 0;
        socklen_t size = sizeof e;
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size);
        c->connecting = false;
        if (e != 0) {
            on_eof(c, e);
            return;
        }
    }
    if ((what & EPOLLOUT) != 0 && c->fd >= 0)
        flush(c);
    if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || c->fd != fd)
        return;
    static char buf[32768];
    ssize_t n = recv(fd, buf, sizeof buf, 0);
    if (n > 0)
        on_bytes(c, buf, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        on_eof(c, n == 0 ? 0 : errno);
}

static int connect_to(struct xhttp *c, const struct sockaddr *sa, socklen_t size)
{
    c->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return errno;
    int one = 1;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on unix sockets, which need none */
    int e = connect(c->fd, sa, size) == 0 ? 0 : errno;
    c->connecting = e == EINPROGRESS;
    return e == EINPROGRESS ? 0 : e;
}

static int open_tcp(struct xhttp *c)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(c->to.port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(c->to.port) };
    const char *host = strcmp(c->to.host, "localhost") == 0 ? "127.0.0.1" : c->to.host;
    if (inet_pton(c->to.v6 ? AF_INET6 : AF_INET, host, c->to.v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
        return EINVAL;
    return c->to.v6 ? connect_to(c, (struct sockaddr *)&v6, sizeof v6) : connect_to(c, (struct sockaddr *)&v4, sizeof v4);
}

static int open_socket(struct xhttp *c)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    if (c->to.unix_path[0] == 0)
        return open_tcp(c);
    memcpy(un.sun_path, c->to.unix_path, sizeof un.sun_path);
    int e = connect_to(c, (struct sockaddr *)&un, sizeof un);
    if (e != EACCES)
        return e;
    /* A folder above it is closed to the task's user, and stays so. The port may be in reach. */
    (void)close(c->fd);
    c->to.unix_path[0] = 0;
    return open_tcp(c);
}

static void on_failing(void *arg)
{
    struct xhttp *c = arg;
    struct error err;

    (void)error_set_errno(&err, c->failing_errno, "connection to %s", peer_name(c, (char[128]){ 0 }));
    fail_all(c, &err);
}

static void next_request(struct xhttp *c)
{
    if (c->started || c->queue == NULL)
        return;
    c->sent = 0;
    c->got_head = c->complete = false;
    sbuf_clear(&c->body);
    http_parser_init(&c->parser, HTTP_RESPONSE);
    c->parser.data = c;
    c->started = true;
    c->reused = c->fd >= 0;
    if (c->fd < 0) {
        int e = open_socket(c);
        if (e != 0 && c->fd >= 0) {
            (void)close(c->fd);
            c->fd = -1;
        }
        c->watch = c->fd >= 0 ? ev_watch(c->ev, c->fd, EPOLLIN | EPOLLOUT, on_socket, c) : NULL;
        c->failing_errno = e;
        if (e != 0)
            ev_timer_at(c->ev, &c->failing, c->ev->now);
        return; /* EPOLLOUT flushes */
    }
    flush(c);
}

void xhttp_send(struct xhttp *c, const char *method, const char *target, const char *headers, struct str body,
                xhttp_done_fn *done, xhttp_data_fn *data, void *arg)
{
    struct sbuf b = SBUF_INIT(XHTTP_BODY_MAX + 65536);
    const char *l = c->to.v6 ? "[" : "", *r = c->to.v6 ? "]" : "";
    sbuf_fmt(&b, "%s %s HTTP/1.1\r\nHost: %s%s%s:%u\r\n%s", method, target, l, c->to.host, r, c->to.port, headers);
    if (body.n != 0 || strcmp(method, "GET") != 0)
        sbuf_fmt(&b, "Content-Length: %zu\r\n", body.n);
    sbuf_c(&b, "\r\n");
    sbuf_str(&b, body);
    struct error err;
    if (!sbuf_ok(&b) || c->queued >= XHTTP_QUEUE_MAX) {
        sbuf_done(&b);
        (void)error_set(&err, ERR_LIMIT, "request of %zu bytes, %zu requests waiting", body.n, c->queued);
        done(arg, 0, (struct str){ NULL, 0 }, &err);
        return;
    }
    struct xhttp_request *q = xcalloc(1, sizeof *q);
    *q = (struct xhttp_request){ .n = b.n, .done = done, .data = data, .arg = arg };
    q->bytes = sbuf_steal(&b);
    DL_APPEND(c->queue, q);
    c->queued++;
    next_request(c);
}
