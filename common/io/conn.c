/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"

enum { WRITE_AT_ONCE = 256 << 10 };

char *conn_scratch(void)
{
    static _Thread_local char scratch[CONN_READ_SIZE]; /* one loop per thread: never in use twice */
    return scratch;
}

/* --- readiness ---------------------------------------------------------------------------------------- */
static void arm(struct conn *c);

static void read_now(void *arg)
{
    struct conn *c = arg;
    free(TAKE(c->herd));
    arm(c);
    if (c->wanted & LOOP_READ)
        c->on_ready(c, LOOP_READ);
}

static void put_off_reading(struct conn *c)
{
    c->herd = xmalloc(sizeof *c->herd);
    *c->herd = LOOP_WORK(LOOP_HERD, read_now, c);
    loop_defer(c->loop, c->herd);
    arm(c);
}

static void let_owner(struct conn *c, int ready)
{
    struct loop *loop = c->loop; /* c may be another connection afterwards */
    bool of_herd = c->is_of_herd && (ready & LOOP_READ);
    if (of_herd && (c->herd != NULL || !loop_herd_begin(loop))) {
        of_herd = false;
        ready &= ~LOOP_READ;
        if (c->herd == NULL)
            put_off_reading(c);
    }
    if (ready != 0)
        c->on_ready(c, ready);
    if (of_herd)
        loop_herd_end(loop);
    loop_handled(loop);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct conn *c = arg;
    int ready = 0;
    if (what & EV_READ)
        ready |= LOOP_READ;
    if (what & EV_WRITE)
        ready |= LOOP_WRITE;
    /* TLS may need the other direction to go on; the owner only knows reading and writing. */
    if (c->tls_wants_write && (ready & LOOP_WRITE)) {
        c->tls_wants_write = false;
        ready |= LOOP_READ;
    }
    if (c->tls_wants_read && (ready & LOOP_READ)) {
        c->tls_wants_read = false;
        ready |= LOOP_WRITE;
    }
    let_owner(c, ready);
}

static void arm(struct conn *c)
{
    unsigned char armed = c->wanted;
    if (c->tls_wants_write)
        armed |= LOOP_WRITE;
    if (c->tls_wants_read)
        armed |= LOOP_READ;
    if (c->herd != NULL)
        armed &= (unsigned char)~LOOP_READ;
    if (armed == c->armed)
        return;
    if (c->armed != 0)
        (void)event_del(&c->ev);
    c->armed = armed;
    if (armed == 0)
        return;
    short what = EV_PERSIST;
    if (armed & LOOP_READ)
        what |= EV_READ;
    if (armed & LOOP_WRITE)
        what |= EV_WRITE;
    (void)event_assign(&c->ev, loop_base(c->loop), c->fd, what, on_event, c);
    (void)event_add(&c->ev, NULL);
}

void conn_init(struct conn *c, struct loop *loop, int fd, void (*on_ready)(struct conn *c, int what))
{
    memset(c, 0, sizeof *c);
    c->loop = loop;
    c->fd = fd;
    c->on_ready = on_ready;
    (void)event_assign(&c->ev, loop_base(loop), fd, EV_READ | EV_PERSIST, on_event, c);
}

void conn_done(struct conn *c)
{
    if (c->fd < 0 || c->loop == NULL)
        return;
    (void)event_del(&c->ev);
    if (c->herd != NULL)
        loop_undefer(c->loop, c->herd);
    free(TAKE(c->herd));
    if (c->ssl != NULL)
        SSL_free(c->ssl);
    if (c->out != NULL)
        evbuffer_free(c->out);
    (void)close(c->fd);
    c->ssl = NULL;
    c->out = NULL;
    c->fd = -1;
    c->armed = c->wanted = 0;
}

/* Without this every read of a connection on which nothing is written sends an acknowledgement at once, which costs
 * as much as a write. */
void conn_one_way(struct conn *c)
{
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 0 }, sizeof(int)); /* no effect on unix sockets */
}

void conn_herd(struct conn *c)
{
    c->is_of_herd = true;
}

void conn_want(struct conn *c, int what)
{
    bool more_read = (what & LOOP_READ) && !(c->wanted & LOOP_READ);
    c->wanted = (unsigned char)what;
    arm(c);
    if (more_read && conn_has_pending(c))
        event_active(&c->ev, EV_READ, 0);
}

/* --- TLS ---------------------------------------------------------------------------------------------- */
int conn_start_tls(struct conn *c, struct ssl_ctx_st *ctx, bool server, const char *host, struct error *err)
{
    c->ssl = SSL_new(ctx);
    if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
        return error_set(err, ERR_NOMEM, "TLS cannot be started: out of memory");
    SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                             SSL_MODE_RELEASE_BUFFERS);
    if (server) {
        SSL_set_accept_state(c->ssl);
        return 0;
    }
    SSL_set_connect_state(c->ssl);
    if (host == NULL || *host == 0)
        return 0;
    struct net_addr numeric;
    if (net_parse_ip(str_of(host), 0, &numeric)) {
        (void)X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl), host);
        return 0;
    }
    (void)SSL_set_tlsext_host_name(c->ssl, host);
    (void)SSL_set1_host(c->ssl, host);
    return 0;
}

/* Maps the answer of an SSL call that did not succeed. */
static ssize_t tls_result(struct conn *c, int rc, bool reading)
{
    int e = SSL_get_error(c->ssl, rc);
    if (e == SSL_ERROR_WANT_READ) {
        if (!reading)
            c->tls_wants_read = true;
        arm(c);
        return CONN_AGAIN;
    }
    if (e == SSL_ERROR_WANT_WRITE) {
        if (reading)
            c->tls_wants_write = true;
        arm(c);
        return CONN_AGAIN;
    }
    if (e == SSL_ERROR_ZERO_RETURN && reading)
        return 0;
    ERR_clear_error();
    return CONN_FAILED;
}

bool conn_has_pending(const struct conn *c)
{
    return c->ssl != NULL && SSL_pending(c->ssl) > 0;
}

const char *conn_tls_error(const struct conn *c)
{
    long verify = SSL_get_verify_result(c->ssl);
    if (verify != X509_V_OK)
        return X509_verify_cert_error_string(verify);
    return SSL_is_init_finished(c->ssl) ? "the connection failed" : "the handshake failed";
}

/* --- bytes -------------------------------------------------------------------------------------------- */
ssize_t conn_read(struct conn *c, char *p, size_t n)
{
    if (c->ssl != NULL) {
        ERR_clear_error();
        int rc = SSL_read(c->ssl, p, (int)n);
        return rc > 0 ? rc : tls_result(c, rc, true);
    }
    ssize_t got;
    do
        got = read(c->fd, p, n);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        return got;
    return errno == EAGAIN || errno == EWOULDBLOCK ? CONN_AGAIN : CONN_FAILED;
}

struct evbuffer *conn_out(struct conn *c)
{
    if (c->out == NULL)
        c->out = evbuffer_new();
    ASSERT(c->out != NULL);
    return c->out;
}

size_t conn_out_size(const struct conn *c)
{
    return c->out != NULL ? evbuffer_get_length(c->out) : 0;
}

static ssize_t write_tls(struct conn *c)
{
    size_t total = 0;
    /* A record holds 16 KiB: gathering small pieces into one saves records, and never moves more than that.
     */
    for (size_t left; (left = evbuffer_get_length(c->out)) != 0 && total < 1u << 20;) {
        size_t n = left < 16384 ? left : 16384;
        unsigned char *p = evbuffer_pullup(c->out, (ev_ssize_t)n);
        if (p == NULL)
            return CONN_FAILED;
        ERR_clear_error();
        int rc = SSL_write(c->ssl, p, (int)n);
        if (rc <= 0) {
            ssize_t r = tls_result(c, rc, false);
            return r == CONN_AGAIN ? (ssize_t)total : CONN_FAILED;
        }
        (void)evbuffer_drain(c->out, (size_t)rc);
        total += (size_t)rc;
    }
    return (ssize_t)total;
}

static ssize_t write_plain(struct conn *c)
{
    size_t total = 0;
    /* The call is bounded too: a reader on this machine empties the socket meanwhile, and the kernel takes megabytes at once. */
    while (evbuffer_get_length(c->out) != 0) {
        int n = evbuffer_write_atmost(c->out, c->fd, (ev_ssize_t)(WRITE_AT_ONCE - total));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n <= 0)
            return CONN_FAILED;
        total += (size_t)n;
        if (total >= WRITE_AT_ONCE)
            break; /* a fast reader of a big answer must not hold the loop, nor must twenty of them */
    }
    return (ssize_t)total;
}

ssize_t conn_flush(struct conn *c)
{
    if (conn_out_size(c) == 0) {
        if (c->wanted & LOOP_WRITE)
            conn_want(c, c->wanted & ~LOOP_WRITE);
        return 0;
    }
    ssize_t n = c->ssl != NULL ? write_tls(c) : write_plain(c);
    if (n < 0)
        return n;
    bool left = evbuffer_get_length(c->out) != 0 && !c->tls_wants_read;
    if (left != ((c->wanted & LOOP_WRITE) != 0))
        conn_want(c, left ? c->wanted | LOOP_WRITE : c->wanted & ~LOOP_WRITE);
    return n;
}

void conn_shut_write(struct conn *c)
{
    if (c->is_closed_for_write || c->fd < 0)
        return;
    c->is_closed_for_write = true;
    if (c->ssl != NULL) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl); /* sends the notify; the peer's is not waited for */
        ERR_clear_error();
    }
    (void)shutdown(c->fd, SHUT_WR);
}

/* --- sockets ------------------------------------------------------------------------------------------ */
int conn_connect(const struct net_addr *addr, const char *unix_path, int *ret_fd, struct error *err)
{
    struct sockaddr_storage ss;
    socklen_t n;
    char text[NET_TEXT_SIZE];
    if (addr->family == NET_UNIX) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        if (unix_path == NULL || strlen(unix_path) >= sizeof un.sun_path)
            return error_set(err, ERR_INVALID, "unix socket path %.100s... is longer than %zu bytes",
                             unix_path != NULL ? unix_path : "", sizeof un.sun_path - 1);
        memcpy(un.sun_path, unix_path, strlen(unix_path) + 1);
        memcpy(&ss, &un, sizeof un);
        n = sizeof un;
    } else {
        n = net_to_sockaddr(addr, &ss);
    }
    net_text(addr, text);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "connecting to %s: no socket", text);
    if (addr->family != NET_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, (struct sockaddr *)&ss, n) != 0 && errno != EINPROGRESS) {
        int e = errno;
        (void)close(fd);
        return error_set_errno(err, e, "connecting to %s", addr->family == NET_UNIX ? unix_path : text);
    }
    *ret_fd = fd;
    return 0;
}

int conn_connect_result(int fd)
{
    int e = 0;
    socklen_t n = sizeof e;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 ? e : errno;
}

void conn_names(int fd, struct net_addr *ret_local, struct net_addr *ret_remote)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t n = sizeof ss;
    memset(ret_local, 0, sizeof *ret_local);
    memset(ret_remote, 0, sizeof *ret_remote);
    if (getsockname(fd, (struct sockaddr *)&ss, &n) == 0)
        net_from_sockaddr((struct sockaddr *)&ss, ret_local);
    n = sizeof ss;
    memset(&ss, 0, sizeof ss);
    if (getpeername(fd, (struct sockaddr *)&ss, &n) == 0)
        net_from_sockaddr((struct sockaddr *)&ss, ret_remote);
}
