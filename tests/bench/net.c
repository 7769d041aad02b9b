/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"

enum { EVENTS = 128, READ_BYTES = 256 * 1024, BUF_MAX = 1 << 30, ANSWERS_AT_ONCE = 16 };
static const int64_t answer_within_ns = 500000000;

static int ep;
static struct conn *dirty, *owing;
static int64_t answered_ns;
static char *read_buf;

_Noreturn void bench_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)fprintf(stderr, "bench: ");
    (void)vfprintf(stderr, fmt, ap);
    (void)fprintf(stderr, "\n");
    va_end(ap);
    exit(1);
}

int64_t net_now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void net_init(void)
{
    ep = epoll_create1(EPOLL_CLOEXEC);
    read_buf = xmalloc(READ_BYTES);
}

static void watch(struct conn *c, int op)
{
    struct epoll_event e = { .events = EPOLLIN | (c->want_write ? EPOLLOUT : 0u), .data.ptr = c };

    if (epoll_ctl(ep, op, c->fd, &e) != 0)
        bench_die("epoll_ctl: %s", strerror(errno));
}

uint16_t net_listen(uint32_t ip, conn_accept_fn *fn, void *owner)
{
    struct conn *c = xcalloc(1, sizeof *c);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ip) };
    socklen_t n = sizeof a;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(c->fd, 4096) != 0 ||
        getsockname(c->fd, (struct sockaddr *)&a, &n) != 0)
        bench_die("listen: %s", strerror(errno));
    c->is_listener = true;
    c->accept = fn;
    c->owner = owner;
    watch(c, EPOLL_CTL_ADD);
    return ntohs(a.sin_port);
}

struct conn *net_adopt(int fd, conn_message_fn *fn, void *owner)
{
    struct conn *c = xcalloc(1, sizeof *c);
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->fd = fd;
    c->message = fn;
    c->owner = owner;
    c->in = SBUF_INIT(BUF_MAX);
    c->out = SBUF_INIT(BUF_MAX);
    watch(c, EPOLL_CTL_ADD);
    return c;
}

struct conn *net_connect(const struct sockaddr_in *to, uint32_t from_ip, conn_message_fn *fn, void *owner)
{
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(from_ip) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0)
        bench_die("socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) != 0)
        bench_die("connect: %s", strerror(errno));
    return net_adopt(fd, fn, owner);
}

struct sbuf *net_out(struct conn *c)
{
    return &c->out;
}

void net_touch(struct conn *c)
{
    if (c->dirty)
        return;
    c->dirty = true;
    c->next_dirty = dirty;
    dirty = c;
}

void net_send(struct conn *c, struct str bytes)
{
    sbuf_str(&c->out, bytes);
    net_touch(c);
}

void net_message(struct conn *c, const char *to, const char *host, const char *from, const char *name, struct str body)
{
    struct sbuf *b = &c->out;

    sbuf_c(b, "POST /");
    sbuf_c(b, to);
    sbuf_char(b, '/');
    sbuf_c(b, name);
    sbuf_c(b, " HTTP/1.1\r\nUser-Agent: libprocess/");
    sbuf_c(b, from);
    sbuf_c(b, "\r\nLibprocess-From: ");
    sbuf_c(b, from);
    sbuf_c(b, "\r\nConnection: Keep-Alive\r\nHost: ");
    sbuf_c(b, host);
    if (body.n == 0) {
        sbuf_c(b, "\r\n\r\n");
    } else {
        sbuf_c(b, "\r\nTransfer-Encoding: chunked\r\n\r\n");
        sbuf_fmt(b, "%zx\r\n", body.n);
        sbuf_str(b, body);
        sbuf_c(b, "\r\n0\r\n\r\n");
    }
    net_touch(c);
}

static struct str header(struct str head, const char *name)
{
    struct str rest = head, line, key;

    while (rest.n != 0) {
        (void)str_cut(&rest, '\n', &line);
        if (str_cut(&line, ':', &key) && str_eq_nocase(key, str_of(name)))
            return str_trim(line);
    }
    return (struct str){ NULL, 0 };
}

/* Takes one chunk; 0 when incomplete, else the bytes consumed. */
static size_t chunk(struct str in, struct str *ret)
{
    size_t i = str_index(in, '\n'), n = 0, total;

    if (i >= in.n)
        return 0;
    for (size_t k = 0; k < i && in.p[k] != '\r' && in.p[k] != ';'; k++)
        n = n * 16 + (size_t)(in.p[k] <= '9' ? in.p[k] - '0' : (in.p[k] | 32) - 'a' + 10);
    total = i + 1 + n + 2;
    if (in.n < total)
        return 0;
    *ret = str_sub(in, i + 1, n);
    return total;
}

/* Takes one whole message out of in; 0 when it is not there yet. */
static size_t message(struct conn *c, struct str in, struct http_in *m, struct sbuf *joined)
{
    const char *end = in.n != 0 ? memmem(in.p, in.n, "\r\n\r\n", 4) : NULL;
    struct str head, length, piece;
    size_t at;
    uint64_t n = 0;

    if (end == NULL)
        return 0;
    head = str_mem(in.p, (size_t)(end - in.p));
    at = head.n + 4;
    m->start = str_sub(head, 0, str_index(head, '\r'));
    m->from = header(head, "Libprocess-From");
    m->stream_id = header(head, "Mesos-Stream-Id");
    m->body = (struct str){ NULL, 0 };
    length = header(head, "Content-Length");
    if (str_is(header(head, "Transfer-Encoding"), "chunked")) {
        if (c->is_stream) {
            c->in_stream = true;
            return at;
        }
        sbuf_clear(joined);
        for (;;) {
            size_t used = chunk(str_sub(in, at, in.n), &piece);

            if (used == 0)
                return 0;
            at += used;
            if (piece.n == 0)
                break;
            sbuf_str(joined, piece);
        }
        m->body = sbuf_view(joined);
    } else if (str_u64(&length, SIZE_MAX, &n)) {
        if (in.n - at < n)
            return 0;
        m->body = str_sub(in, at, n);
        at += n;
    }
    return at;
}

static void owe_answer(struct conn *c)
{
    if (!c->is_owing) {
        c->is_owing = true;
        c->next_owing = owing;
        owing = c;
    }
    if (++c->owed == ANSWERS_AT_ONCE)
        net_touch(c);
}

/* Rarely, so that a connection on which little comes is answered too. */
static void answer_all(void)
{
    int64_t now = net_now_ns();

    if (now - answered_ns < answer_within_ns)
        return;
    answered_ns = now;
    while (owing != NULL) {
        struct conn *c = owing;

        owing = c->next_owing;
        c->is_owing = false;
        if (c->owed != 0)
            net_touch(c);
    }
}

bool net_may_close;

static void gone(struct conn *c, const char *what)
{
    if (!net_may_close)
        bench_die("connection: %s", what);
    (void)close(c->fd); /* which takes it out of the epoll set; the struct stays */
    c->fd = -1;
}

static void handle_input(struct conn *c)
{
    static struct sbuf joined = { .max = BUF_MAX };

    for (;;) {
        struct str in = str_sub(sbuf_view(&c->in), c->in_at, c->in.n);
        struct http_in m = { 0 };
        size_t used;

        if (c->in_stream) {
            used = chunk(in, &m.body);
            if (used != 0 && m.body.n == 0) {
                gone(c, "the master ended the event stream");
                return;
            }
        } else {
            used = message(c, in, &m, &joined);
        }
        if (used == 0)
            break;
        if (c->answers_202)
            owe_answer(c);
        c->message(c, &m);
        c->in_at += used;
    }
    if (c->in_at == c->in.n) {
        c->in.n = c->in_at = 0;
    } else if (c->in_at > READ_BYTES) {
        sbuf_drop(&c->in, c->in_at);
        c->in_at = 0;
    }
}

static void on_readable(struct conn *c)
{
    ssize_t n;

    if (c->is_listener) {
        int fd;

        while ((fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
            c->accept(fd, c->owner);
        return;
    }
    n = recv(c->fd, read_buf, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        gone(c, n == 0 ? "the peer closed a connection" : strerror(errno));
        return;
    }
    sbuf_add(&c->in, read_buf, (size_t)n);
    handle_input(c);
}

static void flush(struct conn *c)
{
    if (c->fd < 0) {
        c->out.n = c->out_at = 0;
        return;
    }
    for (; c->owed != 0; c->owed--)
        sbuf_str(&c->out, STR("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"));
    while (c->out_at < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->out_at, c->out.n - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN) {
            if (!c->want_write) {
                c->want_write = true;
                watch(c, EPOLL_CTL_MOD);
            }
            return;
        }
        if (n < 0) {
            gone(c, strerror(errno));
            return;
        }
        c->out_at += (size_t)n;
    }
    c->out.n = c->out_at = 0;
    if (c->want_write) {
        c->want_write = false;
        watch(c, EPOLL_CTL_MOD);
    }
}

static void flush_all(void)
{
    while (dirty != NULL) {
        struct conn *c = dirty;

        dirty = c->next_dirty;
        c->dirty = false;
        flush(c);
    }
}

void net_turn(int timeout_ms)
{
    net_turn_us((int64_t)timeout_ms * 1000);
}

void net_turn_us(int64_t timeout_us)
{
    struct timespec timeout = { timeout_us / 1000000, timeout_us % 1000000 * 1000 };
    struct epoll_event events[EVENTS];
    int n;

    answer_all();
    flush_all(); /* what was put between the turns */
    n = epoll_pwait2(ep, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;

        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            on_readable(c);
        if (events[i].events & EPOLLOUT)
            net_touch(c);
    }
    flush_all();
}
