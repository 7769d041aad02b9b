/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP clients of the suite; what they find is printed as one line of JSON.
 *
 *   probe_http requests PORT PATH CONNECTIONS COUNT   closed loop, keep-alive: requests/s and latencies
 *   probe_http paced    PORT PATH RATE SECONDS        open loop on one connection, latency from the intended moment
 *   probe_http bulk     PORT PATH CLIENTS [JSON-CALL] each client fetches once: bytes, first and last byte; with a call: POST /api/v1
 *   probe_http watch    PORT N SECONDS STALLED        N operator streams, every other in protobuf; STALLED of them never read
 *   probe_http push     PORT BYTES                    the limit: serves BYTES to each connection, without looking at it (p_bulk)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "tests/bench/net.h"

enum { BUFFER = 1 << 18 };

struct client {
    int fd;
    int64_t sent_ns, first_ns;
    size_t total, want, head;    /* bytes so far; of head and body when the length is known; of the head */
    bool chunked, done, stalled;
    char tail[8];                /* the end of what came: a chunked answer ends in 0\r\n\r\n */
    uint64_t records;
};

static struct sockaddr_in to;
static char buffer[BUFFER];
static int64_t *samples;
static size_t sample_count, sample_cap;

static void sample(int64_t ns)
{
    ARRAY_ROOM(samples, sample_count, sample_cap);
    samples[sample_count++] = ns;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static double at_us(unsigned permille)
{
    return sample_count == 0 ? 0 : (double)samples[(sample_count - 1) * permille / 1000] / 1e3;
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        bench_die("connect: %s", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void put(int fd, const char *p, size_t n)
{
    while (n != 0) {
        ssize_t w = write(fd, p, n);
        if (w <= 0)
            bench_die("write: %s", strerror(errno));
        p += w;
        n -= (size_t)w;
    }
}

static void ask(struct client *c, const char *path, const char *call)
{
    char text[1024];
    int n = call == NULL ? snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
                         : snprintf(text, sizeof text,
                                    "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: %s\r\nContent-Length: %zu\r\n\r\n%s",
                                    path, call[0] == 'p' ? "application/x-protobuf" : "application/json",
                                    strlen(call) - (call[0] == 'p'), call + (call[0] == 'p'));

    c->sent_ns = net_now_ns();
    c->first_ns = 0;
    c->total = c->want = c->head = 0;
    c->done = false;
    put(c->fd, text, (size_t)n);
}

static void head_in(struct client *c, size_t n)
{
    char *end, *length;

    buffer[n < BUFFER ? n : BUFFER - 1] = '\0';
    end = strstr(buffer, "\r\n\r\n");
    if (end == NULL || strncmp(buffer, "HTTP/1.1 200", 12) != 0)
        bench_die("answered with %.200s", buffer);
    c->head = (size_t)(end + 4 - buffer);
    *end = '\0';
    length = strstr(buffer, "Content-Length: ");
    c->chunked = length == NULL;
    c->want = c->chunked ? 0 : c->head + strtoul(length + 16, NULL, 10);
}

/* Bytes of the answer; true when it is complete. */
static bool bytes_in(struct client *c, size_t n)
{
    size_t keep = n < sizeof c->tail ? n : sizeof c->tail;
    char last[sizeof c->tail];

    memcpy(last, buffer + n - keep, keep);
    memmove(c->tail, c->tail + keep, sizeof c->tail - keep);
    memcpy(c->tail + sizeof c->tail - keep, last, keep);
    if (c->total == 0) {
        c->first_ns = net_now_ns();
        head_in(c, n);
    }
    c->total += n;
    c->done = c->chunked ? memcmp(c->tail + sizeof c->tail - 7, "\r\n0\r\n\r\n", 7) == 0 : c->total >= c->want;
    return c->done;
}

static void read_some(struct client *c)
{
    ssize_t n = read(c->fd, buffer, BUFFER - 1);

    if (n <= 0)
        bench_die("the answer ends after %zu bytes", c->total);
    (void)bytes_in(c, (size_t)n);
}

static void requests(const char *path, unsigned connections, unsigned count)
{
    struct client *v = xcalloc(connections, sizeof *v);
    struct epoll_event ev[256];
    int ep = epoll_create1(EPOLL_CLOEXEC);
    unsigned asked = 0, answered = 0;

    for (unsigned i = 0; i < connections; i++) {
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = &v[i] };
        v[i].fd = dial();
        (void)epoll_ctl(ep, EPOLL_CTL_ADD, v[i].fd, &e);
    }
    int64_t start = net_now_ns();
    for (unsigned i = 0; i < connections && asked < count; i++, asked++)
        ask(&v[i], path, NULL);
    while (answered < asked) {
        int n = epoll_wait(ep, ev, 256, 10000);
        if (n <= 0)
            bench_die("no answer for 10 s");
        for (int i = 0; i < n; i++) {
            struct client *c = ev[i].data.ptr;
            read_some(c);
            if (!c->done)
                continue;
            answered++;
            sample(net_now_ns() - c->sent_ns);
            if (asked < count) {
                asked++;
                ask(c, path, NULL);
            }
        }
    }
    double seconds = (double)(net_now_ns() - start) / 1e9;
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"requests_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", answered / seconds, at_us(500), at_us(990),
           at_us(1000));
}

static void paced(const char *path, unsigned rate, double seconds)
{
    struct client c = { .fd = dial() };
    int64_t start = net_now_ns(), step = 1000000000 / rate;

    for (int64_t i = 0; i < (int64_t)(seconds * rate); i++) {
        int64_t at = start + i * step;
        struct timespec t = { at / 1000000000, at % 1000000000 };
        if (net_now_ns() < at)
            (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        ask(&c, path, NULL);
        while (!c.done)
            read_some(&c);
        sample(net_now_ns() - at);
    }
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"requests\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", sample_count, at_us(500), at_us(990), at_us(1000));
}

static void bulk(const char *path, unsigned clients, const char *call)
{
    struct client *v = xcalloc(clients, sizeof *v);
    struct pollfd *p = xcalloc(clients, sizeof *p);
    int64_t start, first = 0, last = 0;
    unsigned left = clients;
    size_t total = 0;

    for (unsigned i = 0; i < clients; i++)
        p[i] = (struct pollfd){ .fd = v[i].fd = dial(), .events = POLLIN };
    start = net_now_ns();
    for (unsigned i = 0; i < clients; i++)
        ask(&v[i], call != NULL ? "/api/v1" : path, call);
    while (left != 0) {
        if (poll(p, clients, 30000) <= 0)
            bench_die("no byte for 30 s");
        for (unsigned i = 0; i < clients; i++) {
            if (p[i].revents == 0)
                continue;
            read_some(&v[i]);
            if (!v[i].done)
                continue;
            p[i].fd = -1;
            left--;
            last = net_now_ns();
            sample(last - start);
        }
    }
    for (unsigned i = 0; i < clients; i++) {
        total += v[i].total;
        if (first == 0 || v[i].first_ns < first)
            first = v[i].first_ns;
    }
    printf("{\"clients\":%u,\"bytes\":%zu,\"first_ms\":%.2f,\"last_ms\":%.2f,\"bytes_per_s\":%.0f}\n", clients, total / clients,
           (double)(first - start) / 1e6, (double)(last - start) / 1e6, (double)total / ((double)(last - start) / 1e9));
}

/* Counts records by the length lines: chunk = one record, as this server writes them. */
static uint64_t count_chunks(struct client *c, size_t n)
{
    uint64_t count = 0;

    /* Every event ends its chunk: "\r\n" hex "\r\n" digits "\n". Seen by the CRLFs: two for a chunk. */
    for (const char *p = buffer, *end = buffer + n; (p = memchr(p, '\r', (size_t)(end - p))) != NULL; p++)
        count++;
    c->total += n;
    return count;
}

static void watch(unsigned n, double seconds, unsigned stalled)
{
    static const char *const calls[2] = { "{\"type\":\"SUBSCRIBE\"}", "p{\"type\":\"SUBSCRIBE\"}" };
    struct client *v = xcalloc(n, sizeof *v);
    struct epoll_event ev[256];
    int ep = epoll_create1(EPOLL_CLOEXEC);
    uint64_t crs = 0, bytes = 0;
    unsigned closed = 0;

    for (unsigned i = 0; i < n; i++) {
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = &v[i] };
        v[i].fd = dial();
        v[i].stalled = i < stalled;
        ask(&v[i], "/api/v1", calls[i % 2]);
        if (!v[i].stalled)
            (void)epoll_ctl(ep, EPOLL_CTL_ADD, v[i].fd, &e);
    }
    int64_t start = net_now_ns(), settle = start + 1000000000, until = settle + (int64_t)(seconds * 1e9);
    bool counting = false;
    for (int64_t now; (now = net_now_ns()) < until;) {
        int got = epoll_wait(ep, ev, 256, 50);
        if (!counting && now >= settle) {
            counting = true; /* the first events are through */
            crs = bytes = 0;
        }
        for (int i = 0; i < got; i++) {
            struct client *c = ev[i].data.ptr;
            ssize_t r = read(c->fd, buffer, BUFFER - 1);
            if (r <= 0) {
                (void)epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
                closed++;
                continue;
            }
            crs += count_chunks(c, (size_t)r);
            bytes += (uint64_t)r;
        }
    }
    printf("{\"subscribers\":%u,\"deliveries_per_s\":%.0f,\"bytes_per_s\":%.0f,\"closed\":%u}\n", n, (double)crs / 2 / seconds,
           (double)bytes / seconds, closed);
}

/* Answers each connection with as many bytes as asked for, one connection at a time. */
static void push(uint16_t port, size_t size)
{
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    to.sin_port = htons(port);
    (void)setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(l, (struct sockaddr *)&to, sizeof to) != 0 || listen(l, 64) != 0)
        bench_die("port %u: %s", port, strerror(errno));
    printf("ready\n");
    (void)fflush(stdout);
    memset(buffer, 'x', sizeof buffer);
    for (;;) {
        char in[4096], head[100];
        int fd = accept(l, NULL, NULL);
        if (fd < 0 || read(fd, in, sizeof in) <= 0)
            continue;
        put(fd, head, (size_t)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size));
        for (size_t left = size; left != 0;) {
            size_t n = left < BUFFER ? left : BUFFER;
            put(fd, buffer, n);
            left -= n;
        }
        (void)close(fd);
    }
}

static unsigned number(const char *text)
{
    struct str s = str_of(text);
    uint64_t v;

    if (!str_u64(&s, UINT32_MAX, &v) || s.n != 0)
        bench_die("\"%s\" is no number", text);
    return (unsigned)v;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        bench_die("usage: probe_http requests|paced|bulk|watch|push PORT ...");
    to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)number(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (strcmp(argv[1], "requests") == 0 && argc == 6)
        requests(argv[3], number(argv[4]), number(argv[5]));
    else if (strcmp(argv[1], "paced") == 0 && argc == 6)
        paced(argv[3], number(argv[4]), number(argv[5]));
    else if (strcmp(argv[1], "bulk") == 0 && argc >= 5)
        bulk(argv[3], number(argv[4]), argc > 5 ? argv[5] : NULL);
    else if (strcmp(argv[1], "watch") == 0 && argc == 6)
        watch(number(argv[3]), number(argv[4]), number(argv[5]));
    else if (strcmp(argv[1], "push") == 0)
        push((uint16_t)number(argv[2]), number(argv[3]));
    else
        bench_die("usage: probe_http requests|paced|bulk|watch|push PORT ...");
    return 0;
}
