/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: its listening sockets, its timeouts, its life. Below it are http_input.c (what comes in),
 * http_reply.c (answers), http_req.c (what owners ask of a request) and http_conn.c (connections). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/util.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"
#include "common/io/http_server_int.h"

enum { IDLE_CLOSED_AT_ONCE = 16 };
#define EXHAUSTED_AGAIN_NS (30 * NS_PER_S)

/* Connections that were answered and ask for nothing make room for those that wait, the one that has been idle longest first. Never
 * those of messages, nor any that has not said yet what it is: they are links. */
static unsigned close_idle(struct http_server *s)
{
    unsigned n = 0;

    while (n < IDLE_CLOSED_AT_ONCE && s->idles.head != NULL) {
        struct http_conn *k = (struct http_conn *)(void *)((char *)s->idles.head - offsetof(struct http_conn, read_expiry));
        http_conn_kill(k, HTTP_GONE_CLOSED);
        n++;
    }
    return n;
}

/* accept failed: looking again at once would spin. */
static void exhausted(struct http_server *s, int why)
{
    struct mono now = loop_now(s->loop);
    unsigned closed = close_idle(s);

    s->stats.refused++;
    if (s->handler.on_exhausted != NULL && !mono_before(now, s->exhausted_told)) {
        s->exhausted_told = mono_add(now, EXHAUSTED_AGAIN_NS);
        s->handler.on_exhausted(s->ctx, strerror(why), s->stats.connections);
    }
    loop_timer_in(&s->accept_retry, closed != 0 ? 0 : 100 * NS_PER_MS);
}

/* --- listening ----------------------------------------------------------------------------------------- */
static void on_accept(void *arg, int fd, int what)
{
    struct http_listener *l = arg;
    struct http_server *s = l->server;
    (void)what;
    for (int i = 0; i < 128; i++) {
        struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
        socklen_t n = sizeof ss;
        int c = accept4(fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (c < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (c < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                exhausted(s, errno);
                loop_watch_free(l->watch);
                l->watch = NULL;
            }
            return;
        }
        if (s->stats.connections >= s->opt.connections_max) {
            s->stats.refused++;
            (void)close(c);
            continue;
        }
        http_conn_accept(s, c, (struct sockaddr *)&ss);
    }
}

static void accept_again(void *arg)
{
    struct http_server *s = arg;
    for (struct http_listener *l = s->listeners; l != NULL; l = l->next)
        if (l->watch == NULL)
            l->watch = loop_fd(s->loop, l->fd, LOOP_READ, on_accept, l);
}

static struct http_listener *listener_add(struct http_server *s, int fd)
{
    struct http_listener *l = xcalloc(1, sizeof *l);
    l->server = s;
    l->fd = fd;
    l->watch = loop_fd(s->loop, fd, LOOP_READ, on_accept, l);
    LL_PREPEND(s->listeners, l);
    return l;
}

int http_server_listen_fd(struct http_server *s, int fd, struct error *err)
{
    if (evutil_make_socket_nonblocking(fd) != 0 || evutil_make_socket_closeonexec(fd) != 0)
        return error_set_errno(err, errno, "descriptor %d is no listening socket", fd);
    (void)listener_add(s, fd);
    return 0;
}

int http_server_adopt(struct http_server *s, int fd, struct error *err)
{
    struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
    socklen_t n = sizeof ss;
    if (getpeername(fd, (struct sockaddr *)&ss, &n) != 0 || evutil_make_socket_nonblocking(fd) != 0)
        return error_set_errno(err, errno, "descriptor %d is no connected socket", fd);
    http_conn_accept(s, fd, (struct sockaddr *)&ss);
    return 0;
}

int http_server_listen(struct http_server *s, const struct net_addr *addr, struct net_addr *ret_bound,
                       struct error *err)
{
    struct sockaddr_storage ss;
    socklen_t n = net_to_sockaddr(addr, &ss);
    char text[NET_TEXT_SIZE];
    net_text(addr, text);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "listening on %s: no socket", text);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(fd, (struct sockaddr *)&ss, n) != 0 || listen(fd, 4096) != 0) {
        int e = errno;
        (void)close(fd);
        if (e == EADDRINUSE)
            return error_set(err, ERR_CONFLICT, "port %u of %s is in use by another program", addr->port,
                             text);
        if (e == EADDRNOTAVAIL)
            return error_set(err, ERR_INVALID, "%s is no address of this machine", text);
        return error_set_errno(err, e, "listening on %s", text);
    }
    if (ret_bound != NULL) {
        struct net_addr remote;
        conn_names(fd, ret_bound, &remote);
    }
    (void)listener_add(s, fd);
    return 0;
}

int http_server_listen_unix(struct http_server *s, const char *path, unsigned mode, struct error *err)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof un.sun_path)
        return error_set(err, ERR_INVALID, "unix socket path %.120s is longer than %zu bytes", path,
                         sizeof un.sun_path - 1);
    memcpy(un.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "listening on %.120s: no socket", path);
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path);
    if (bind(fd, (struct sockaddr *)&un, sizeof un) != 0 || chmod(path, (mode_t)mode) != 0 ||
        listen(fd, 4096) != 0) {
        int e = errno;
        (void)close(fd);
        return error_set_errno(err, e, "listening on %.120s", path);
    }
    listener_add(s, fd)->unix_path = xstrdup(path);
    return 0;
}

void http_server_stop_listening(struct http_server *s)
{
    struct http_listener *l, *next;
    LL_FOREACH_SAFE(s->listeners, l, next)
    {
        loop_watch_free(l->watch);
        (void)close(l->fd);
        if (l->unix_path != NULL)
            (void)unlink(l->unix_path);
        free(l->unix_path);
        free(l);
    }
    s->listeners = NULL;
}

/* --- timeouts ------------------------------------------------------------------------------------------ */
#define CONN_OF(e, member) ((struct http_conn *)(void *)((char *)(e)-offsetof(struct http_conn, member)))

static void head_expired(struct expiry *e, void *arg)
{
    ((struct http_server *)arg)->stats.timeouts++;
    http_conn_fail(CONN_OF(e, read_expiry), 408, "the head did not come within head_timeout",
                   HTTP_GONE_STALLED);
}

static void body_expired(struct expiry *e, void *arg)
{
    struct http_conn *k = CONN_OF(e, read_expiry);
    ((struct http_server *)arg)->stats.timeouts++;
    if (k->req == NULL)
        http_conn_kill(k, HTTP_GONE_STALLED);
    else
        http_conn_fail(k, 408, "no byte of the body came within body_stall", HTTP_GONE_STALLED);
}

/* Who is held back cannot say that it left: nothing is read of it. Once it sends no more, the rest is read, and with it the end. */
static void held_expired(struct expiry *e, void *arg)
{
    struct http_conn *k = CONN_OF(e, read_expiry);
    struct pollfd p = { .fd = k->c.fd, .events = POLLRDHUP };

    if (poll(&p, 1, 0) <= 0) {
        expiry_start(&((struct http_server *)arg)->helds, e);
        return;
    }
    k->paused = false;
    k->is_over = true;
    http_conn_want(k);
}

static void idle_expired(struct expiry *e, void *arg)
{
    (void)arg;
    http_conn_kill(CONN_OF(e, read_expiry), HTTP_GONE_STALLED);
}

static void unhurried_over(struct expiry *e, void *arg)
{
    (void)arg;
    http_conn_dirty(CONN_OF(e, unhurried_expiry));
}

static void linger_expired(struct expiry *e, void *arg)
{
    (void)arg;
    http_conn_kill(CONN_OF(e, read_expiry), HTTP_GONE_STALLED);
}

static void write_expired(struct expiry *e, void *arg)
{
    ((struct http_server *)arg)->stats.timeouts++;
    http_conn_kill(CONN_OF(e, write_expiry), HTTP_GONE_STALLED);
}

/* --- life ---------------------------------------------------------------------------------------------- */
static void defaults(struct http_server_options *o)
{
#define DEFAULT(field, value) \
    if (o->field == 0)        \
    o->field = (value)
    DEFAULT(connections_max, 10000);
    DEFAULT(head_bytes_max, 32 << 10);
    DEFAULT(url_bytes_max, 8 << 10);
    DEFAULT(headers_max, 100);
    DEFAULT(body_bytes_max, 16 << 20);
    DEFAULT(inflated_bytes_max, 64 << 20);
    DEFAULT(pipelined_bytes_max, 64 << 10);
    DEFAULT(stream_pending_bytes_max, 16 << 20);
    DEFAULT(gzip_bytes_min, 1024);
    DEFAULT(gzip_bytes_max, 1 << 20);
    DEFAULT(head_timeout_ns, 30 * NS_PER_S);
    DEFAULT(idle_timeout_ns, 120 * NS_PER_S);
    DEFAULT(body_stall_ns, 60 * NS_PER_S);
    DEFAULT(write_stall_ns, 60 * NS_PER_S);
#undef DEFAULT
    if (o->head_bytes_max > HTTP_PARSE_HEAD_MAX)
        o->head_bytes_max = HTTP_PARSE_HEAD_MAX;
}

int http_server_new(struct http_server **ret_server, struct loop *loop,
                    const struct http_server_options *options, const struct http_handler *handler, void *ctx,
                    struct error *err)
{
    ASSERT(handler->on_request != NULL);
    if (options != NULL && options->body_bytes_max > SIZE_MAX / 2)
        return error_set(err, ERR_INVALID, "body_bytes_max is %zu; use less", options->body_bytes_max);
    struct http_server *s = xcalloc(1, sizeof *s);
    s->loop = loop;
    if (options != NULL)
        s->opt = *options;
    defaults(&s->opt);
    s->handler = *handler;
    s->ctx = ctx;
    s->date_s = INT64_MIN;
    s->send_work = LOOP_WORK(LOOP_SEND, http_send_dirty, s);
    s->free_work = LOOP_WORK(LOOP_FREE, http_conn_free_dead, s);
    expiry_timer_init(&s->timer, loop);
    expiry_queue_init(&s->silents, &s->timer, s->opt.silent_timeout_ns, idle_expired, s);
    expiry_queue_init(&s->heads, &s->timer, s->opt.head_timeout_ns, head_expired, s);
    expiry_queue_init(&s->idles, &s->timer, s->opt.idle_timeout_ns, idle_expired, s);
    expiry_queue_init(&s->bodies, &s->timer, s->opt.body_stall_ns, body_expired, s);
    expiry_queue_init(&s->helds, &s->timer, NS_PER_S, held_expired, s);
    expiry_queue_init(&s->writes, &s->timer, s->opt.write_stall_ns, write_expired, s);
    expiry_queue_init(&s->unhurrieds, &s->timer, HTTP_UNHURRIED_MS * NS_PER_MS, unhurried_over, s);
    expiry_queue_init(&s->unawaiteds, &s->timer, HTTP_UNAWAITED_MS * NS_PER_MS, unhurried_over, s);
    expiry_queue_init(&s->lingers, &s->timer, 2 * NS_PER_S, linger_expired, s);
    loop_timer_init(&s->accept_retry, loop, accept_again, s);
    *ret_server = s;
    return 0;
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    http_server_stop_listening(s);
    struct http_conn *k, *next;
    DL_FOREACH_SAFE(s->conns, k, next)
    {
        if (conn_out_size(&k->c) != 0)
            (void)conn_flush(&k->c);
        conn_shut_write(&k->c);
    }
    while (s->conns != NULL)
        http_conn_kill(s->conns, HTTP_GONE_SHUTDOWN);
    http_conn_free_dead(s);
    loop_undefer(s->loop, &s->send_work);
    loop_undefer(s->loop, &s->free_work);
    while (s->pool != NULL) {
        struct http_req *r = s->pool;
        s->pool = r->next_free;
        http_req_free(r);
    }
    if (s->deflate != NULL) {
        (void)deflateEnd(s->deflate);
        free(s->deflate);
    }
    expiry_timer_done(&s->timer);
    loop_timer_done(&s->accept_retry);
    free(s);
}

void http_server_stats(const struct http_server *s, struct http_server_stats *ret)
{
    *ret = s->stats;
}
