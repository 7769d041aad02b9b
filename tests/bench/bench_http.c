/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server alone, for a load generator: bench_http PORT [epoll]. With "epoll" a responder that does
 * the least that a server can do (one read, one write, no parsing beyond the blank line) answers instead: the
 * limit to compare with. Paths: /health (empty), /small (200 bytes), /large (1 MB), anything else 404. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/http.h"

static char large[1000000];

static void on_request(void *ctx, struct http_req *r)
{
    (void)ctx;
    struct str path = http_req_path(r);
    if (str_is(path, "/health"))
        http_reply(r, 200, NULL, (struct str){ NULL, 0 });
    else if (str_is(path, "/small"))
        http_reply(r, 200, "application/json", str_mem(large, 200));
    else if (str_is(path, "/large"))
        http_reply(r, 200, "application/json", str_mem(large, sizeof large));
    else
        http_reply_text(r, 404, "404 Not Found.");
}

static void on_signal(void *loop, int signo)
{
    (void)signo;
    loop_stop(loop);
}

static int serve(struct net_addr *addr)
{
    static const struct http_handler handler = { .on_request = on_request };
    struct loop *loop;
    struct http_server *s;
    struct error err;
    if (loop_new(&loop, NULL, &err) != 0 || http_server_new(&s, loop, NULL, &handler, NULL, &err) != 0 ||
        http_server_listen(s, addr, addr, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    (void)printf("%u\n", addr->port);
    (void)fflush(stdout);
    struct loop_watch *w = loop_signal(loop, SIGTERM, on_signal, loop);
    (void)loop_run(loop, NULL);
    loop_watch_free(w);
    http_server_free(s);
    loop_free(loop);
    return 0;
}

static void answer(int fd)
{
    static const char ok[] =
        "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 08:30:51 GMT\r\nContent-Length: 0\r\n\r\n";
    char buf[4096];
    ssize_t n = read(fd, buf, sizeof buf);
    if (n <= 0 && errno != EAGAIN)
        (void)close(fd);
    else if (n >= 4 && memcmp(buf + n - 4, "\r\n\r\n", 4) == 0)
        (void)!write(fd, ok, sizeof ok - 1);
}

static int serve_least(const struct net_addr *addr)
{
    struct sockaddr_storage ss;
    socklen_t n = net_to_sockaddr(addr, &ss);
    int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
    (void)setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(l, (struct sockaddr *)&ss, n) != 0 || listen(l, 4096) != 0) {
        perror("listen");
        return 1;
    }
    struct epoll_event ev = { .events = EPOLLIN, .data.fd = l }, got[64];
    (void)epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev);
    for (;;) {
        int count = epoll_wait(ep, got, 64, -1);
        for (int i = 0; i < count; i++) {
            if (got[i].data.fd != l) {
                answer(got[i].data.fd);
                continue;
            }
            for (int c; (c = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                (void)setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
                ev.data.fd = c;
                (void)epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev);
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct net_addr addr;
    struct str port = str_of(argc > 1 ? argv[1] : "");
    uint64_t n;
    if (!str_u64(&port, 65535, &n) || port.n != 0 || !net_parse_ip(STR("127.0.0.1"), (uint16_t)n, &addr)) {
        (void)fprintf(stderr, "usage: bench_http PORT [epoll]\n");
        return 2;
    }
    memset(large, 'x', sizeof large);
    return argc > 2 ? serve_least(&addr) : serve(&addr);
}
