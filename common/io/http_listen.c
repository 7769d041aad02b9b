/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets of the HTTP server. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/util.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/io/http_server_int.h"

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
                /* Out of descriptors or memory: looking again at once would spin. */
                s->stats.refused++;
                loop_watch_free(l->watch);
                l->watch = NULL;
                loop_timer_in(&s->accept_retry, 100 * NS_PER_MS);
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

void http_accept_again(void *arg)
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
