/* SPDX-License-Identifier: Apache-2.0 */
/* Clients and peers of the app service; what they find is printed as one line of JSON.
 *
 *   probe_service post   PORT PATH CONNECTIONS COUNT BODY   one POST per app, "%u" in BODY is its number: requests/s, latencies
 *   probe_service events PORT N SECONDS                     N readers of /v2/events: events/s, the largest one
 *   probe_service answer PORT-FIRST PORT-LAST               answers every GET with 200 on all addresses until standard input ends:
 *                                                           checks/s, and how far each address's checks are from 1 s apart
 *   probe_service dial   PORT COUNT CONNECTIONS             the limit of checks: connect, GET, answer, close
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "tests/bench/net.h"

enum { EVENTS = 512, IDLE_MS = 30000, BODY_MAX = 4096 };
static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static char buffer[1 << 18];
static int64_t *samples;
static size_t sample_count, sample_cap;
static int ep;

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

static double us(unsigned permille)
{
    return sample_count == 0 ? 0 : (double)samples[(sample_count - 1) * permille / 1000] / 1e3;
}

static void watch(int fd, void *p)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) != 0)
        bench_die("epoll_ctl: %s", strerror(errno));
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        bench_die("connect: %s", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void put(int fd, const char *p, size_t n)
{
    if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n) /* small enough to fit */
        bench_die("send: %s", strerror(errno));
}

/* --- post -------------------------------------------------------------------------------------------------------- */

struct client {
    int fd;
    int64_t sent_ns;
    size_t n; /* of the answer so far, in text */
    char text[1 << 15];
};

static void post_one(struct client *c, const char *path, const char *body, unsigned number)
{
    char made[BODY_MAX], text[2 * BODY_MAX];
    const char *at = strstr(body, "%u");
    int n, m;

    if (at == NULL)
        bench_die("%s: has no %%u", body);
    n = snprintf(made, sizeof made, "%.*s%u%s", (int)(at - body), body, number, at + 2);
    m = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, n, made);
    c->n = 0;
    c->sent_ns = net_now_ns();
    put(c->fd, text, (size_t)m);
}

/* True when the whole answer is there. */
static bool answered(struct client *c)
{
    ssize_t r = read(c->fd, c->text + c->n, sizeof c->text - 1 - c->n);
    char *end, *length;

    if (r <= 0)
        bench_die("the answer ends after %zu bytes", c->n);
    c->n += (size_t)r;
    c->text[c->n] = '\0';
    end = strstr(c->text, "\r\n\r\n");
    if (end == NULL)
        return false;
    length = strstr(c->text, "Content-Length: ");
    if (strncmp(c->text, "HTTP/1.1 201", 12) != 0 || length == NULL || length > end)
        bench_die("answered with %.300s", c->text);
    return c->n >= (size_t)(end + 4 - c->text) + strtoul(length + 16, NULL, 10);
}

static void post(uint16_t port, const char *path, unsigned connections, unsigned count, const char *body)
{
    struct client *v = xcalloc(connections, sizeof *v);
    struct epoll_event ev[EVENTS];
    unsigned sent = 0, done = 0;
    int64_t start = net_now_ns();

    for (unsigned i = 0; i < connections && sent < count; i++) {
        v[i].fd = dial(port);
        watch(v[i].fd, &v[i]);
        post_one(&v[i], path, body, sent++);
    }
    while (done < count) {
        int n = epoll_wait(ep, ev, EVENTS, IDLE_MS);

        if (n <= 0)
            bench_die("no answer for %d ms, after %u", IDLE_MS, done);
        for (int i = 0; i < n; i++) {
            struct client *c = ev[i].data.ptr;

            if (!answered(c))
                continue;
            done++;
            sample(net_now_ns() - c->sent_ns);
            if (sent < count)
                post_one(c, path, body, sent++);
        }
    }
    double seconds = (double)(net_now_ns() - start) / 1e9;
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"seconds\":%.3f,\"requests_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", seconds, count / seconds,
           us(500), us(990), us(1000));
}

/* --- events ------------------------------------------------------------------------------------------------------ */

struct reader {
    int fd;
    size_t line; /* bytes of the event so far */
    char last;
};

static size_t events_largest;

static uint64_t count_events(struct reader *r, size_t n)
{
    uint64_t count = 0;

    /* An event ends with an empty line. Lines end in CRLF; chunk marks count as part of the next event. */
    for (size_t i = 0; i < n; i++) {
        r->line++;
        if (buffer[i] == '\r')
            continue;
        if (buffer[i] == '\n' && r->last == '\n') {
            count += r->line > 8;
            events_largest = r->line > events_largest ? r->line : events_largest;
            r->line = 0;
        }
        r->last = buffer[i];
    }
    return count;
}

static void events(uint16_t port, unsigned readers, double seconds)
{
    static const char ask[] = "GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
    struct reader *v = xcalloc(readers, sizeof *v);
    struct epoll_event ev[EVENTS];
    uint64_t count = 0, bytes = 0;
    unsigned closed = 0;

    for (unsigned i = 0; i < readers; i++) {
        v[i].fd = dial(port);
        put(v[i].fd, ask, sizeof ask - 1);
        watch(v[i].fd, &v[i]);
    }
    printf("ready\n");
    (void)fflush(stdout);
    for (int64_t until = net_now_ns() + (int64_t)(seconds * 1e9); net_now_ns() < until;) {
        int n = epoll_wait(ep, ev, EVENTS, 50);

        for (int i = 0; i < n; i++) {
            struct reader *r = ev[i].data.ptr;
            ssize_t got = read(r->fd, buffer, sizeof buffer);

            if (got <= 0) {
                closed++;
                (void)close(r->fd);
                continue;
            }
            bytes += (uint64_t)got;
            count += count_events(r, (size_t)got);
        }
    }
    printf("{\"readers\":%u,\"events\":%llu,\"bytes\":%llu,\"largest\":%zu,\"closed\":%u}\n", readers, (unsigned long long)count,
           (unsigned long long)bytes, events_largest, closed);
}

/* --- answer ------------------------------------------------------------------------------------------------------ */

struct peer {
    int fd;
    bool listens;
    int64_t *last_ns; /* of this address and port: the check before; NULL when it is no address of a simulated agent */
};

enum { ADDRESSES = 1 << 16 };
static uint64_t checks;

static void on_dialled(struct peer *l, int64_t **last, uint16_t first)
{
    struct sockaddr_in a;
    socklen_t n;
    int fd;

    while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *p = xcalloc(1, sizeof *p);
        int64_t now = net_now_ns(), *at;
        uint32_t ip;

        n = sizeof a;
        p->fd = fd;
        if (getsockname(fd, (struct sockaddr *)&a, &n) == 0) {
            ip = ntohl(a.sin_addr.s_addr);
            at = &last[ntohs(a.sin_port) - first][ip % ADDRESSES];
            if (*at != 0)
                sample(llabs(now - *at - 1000000000));
            *at = now;
        }
        checks++;
        watch(fd, p);
    }
}

static bool input_ended(void)
{
    char c;

    return read(0, &c, 1) <= 0;
}

static void on_asked(struct peer *p)
{
    ssize_t n = read(p->fd, buffer, sizeof buffer);

    if (n > 0) {
        (void)send(p->fd, OK, sizeof OK - 1, MSG_NOSIGNAL);
        return;
    }
    if (n < 0 && errno == EAGAIN)
        return;
    (void)close(p->fd);
    free(p);
}

static void answer(uint16_t first, uint16_t last)
{
    unsigned ports = last - first + 1u;
    struct peer *l = xcalloc(ports, sizeof *l), input = { .fd = 0 };
    int64_t **seen = xcalloc(ports, sizeof *seen), start = net_now_ns();
    struct epoll_event ev[EVENTS];
    bool ends = false;
    int one = 1;

    for (unsigned i = 0; i < ports; i++) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(first + i)) };

        seen[i] = xcalloc(ADDRESSES, sizeof **seen);
        l[i].listens = true;
        l[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)setsockopt(l[i].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(l[i].fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(l[i].fd, 4096) != 0)
            bench_die("port %u: %s", first + i, strerror(errno));
        watch(l[i].fd, &l[i]);
    }
    watch(0, &input);
    printf("ready\n");
    (void)fflush(stdout);
    while (!ends) {
        int n = epoll_wait(ep, ev, EVENTS, 1000);

        for (int i = 0; i < n; i++) {
            struct peer *p = ev[i].data.ptr;

            if (p == &input)
                ends = input_ended();
            else if (p->listens)
                on_dialled(p, seen, first);
            else
                on_asked(p);
        }
    }
    double seconds = (double)(net_now_ns() - start) / 1e9;
    size_t warm = sample_count / 4; /* of the time when not all were there */
    memmove(samples, samples + warm, (sample_count - warm) * sizeof *samples);
    sample_count -= warm;
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"checks\":%llu,\"seconds\":%.2f,\"intervals\":%zu,\"jitter_p50_us\":%.0f,\"jitter_p99_us\":%.0f,\"jitter_max_us\":%.0f}\n",
           (unsigned long long)checks, seconds, sample_count, us(500), us(990), us(1000));
}

/* --- dial -------------------------------------------------------------------------------------------------------- */

static void dials(uint16_t port, unsigned count, unsigned connections)
{
    static const char ask[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct linger reset = { .l_onoff = 1 };
    struct epoll_event ev[EVENTS];
    unsigned sent = 0, done = 0;
    int64_t start = net_now_ns();
    struct rusage u;

    while (done < count) {
        for (; sent < count && sent - done < connections; sent++) {
            struct peer *p = xcalloc(1, sizeof *p);

            p->fd = dial(port);
            (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            put(p->fd, ask, sizeof ask - 1);
            watch(p->fd, p);
        }
        int n = epoll_wait(ep, ev, EVENTS, IDLE_MS);
        if (n <= 0)
            bench_die("no answer for %d ms", IDLE_MS);
        for (int i = 0; i < n; i++) {
            struct peer *p = ev[i].data.ptr;

            if (read(p->fd, buffer, sizeof buffer) <= 0)
                bench_die("no answer");
            (void)close(p->fd);
            free(p);
            done++;
        }
    }
    double seconds = (double)(net_now_ns() - start) / 1e9;
    (void)getrusage(RUSAGE_SELF, &u);
    printf("{\"dials_per_s\":%.0f,\"cpu_us\":%.1f}\n", count / seconds,
           ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec)) / count);
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
        bench_die("usage: probe_service post|events|answer|dial PORT ...");
    ep = epoll_create1(EPOLL_CLOEXEC);
    uint16_t port = (uint16_t)number(argv[2]);
    if (strcmp(argv[1], "post") == 0 && argc == 7)
        post(port, argv[3], number(argv[4]), number(argv[5]), argv[6]);
    else if (strcmp(argv[1], "events") == 0 && argc == 5)
        events(port, number(argv[3]), number(argv[4]));
    else if (strcmp(argv[1], "answer") == 0)
        answer(port, (uint16_t)number(argv[3]));
    else if (strcmp(argv[1], "dial") == 0 && argc == 5)
        dials(port, number(argv[3]), number(argv[4]));
    else
        bench_die("usage: probe_service post|events|answer|dial PORT ...");
    return 0;
}
