/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out the probes of health and readiness checks: an HTTP request or a TCP connection. A probe changes
 * nothing and so waits for no record. Names are resolved in a worker thread. Certificates are not verified
 * and redirects not followed (marathon-behaviour §7). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/io/net.h"
#include "marathon/shell.h"

enum { PROBE_BODY_BYTES_MAX = 1 << 20 };

struct tcp_probe {
    struct worker_job job; /* first member: resolving */
    struct shell *sh;
    uint64_t id;
    probe_done_fn *done;
    char *host;
    struct net_addr addr;
    struct error err;
    bool resolved;
    int fd, failed; /* failed: errno of connect */
    struct loop_watch *watch;
    struct loop_timer timer;
};

/* --- HTTP ---------------------------------------------------------------------------------------------- */
struct http_probe {
    struct shell *sh;
    uint64_t id;
    probe_done_fn *done;
};

static void http_done(void *arg, struct http_call *call, const struct http_answer *a, const struct error *err)
{
    struct http_probe p = *(struct http_probe *)arg;

    (void)call;
    free(arg);
    /* An answer whose body could not be taken is an answer all the same. */
    struct probe_event e = { .id = p.id, .answered = a->status != 0, .status = (int)a->status };
    e.content_type = e.answered ? http_answer_header(a, "Content-Type") : STR("");
    e.body = e.answered ? a->body : STR("");
    e.error = e.answered ? STR("") : str_of(err != NULL ? err->msg : "no answer");
    p.done(p.sh, &e);
}

static void http_probe(struct shell *sh, const struct probe_request *p, probe_done_fn *done)
{
    struct http_probe *h = xcalloc(1, sizeof *h);
    static const struct http_header headers[] = { { "User-Agent", { "stoa-marathon health check", 26 } },
                                                  { "Accept", { "*/*", 3 } } };
    struct http_call_params c = {
        .host = p->host,
        .port = (uint16_t)p->port,
        .method = "GET",
        .target = p->path.n != 0 && p->path.p[0] == '/' ? p->path : STR("/"),
        .headers = headers,
        .header_count = 2,
        .flags = HTTP_CALL_NEW_CONNECTION | (p->protocol == HC_HTTPS ? HTTP_CALL_TLS : 0),
        .answer_bytes_max = PROBE_BODY_BYTES_MAX,
        .answer_timeout_ns = p->timeout_ns,
        .stall_timeout_ns = p->timeout_ns,
        .arg = h,
        .on_done = http_done,
    };

    *h = (struct http_probe){ sh, p->id, done };
    if (net_parse_ip(p->host, (uint16_t)p->port, &c.addr))
        c.host = p->host;
    (void)http_client_call(sh->client, &c);
}

/* --- TCP ----------------------------------------------------------------------------------------------- */
static void tcp_end(struct tcp_probe *t, bool connected, const char *why)
{
    struct shell *sh = t->sh;
    probe_done_fn *done = t->done;
    struct probe_event e = { .id = t->id, .answered = connected, .content_type = STR(""), .body = STR("") };
    char text[200];

    (void)snprintf(text, sizeof text, "%s", why); /* why may lie in t */
    loop_watch_free(t->watch);
    loop_timer_done(&t->timer);
    if (t->fd >= 0)
        (void)close(t->fd);
    free(t->host);
    free(t);
    e.error = str_of(text);
    done(sh, &e);
}

static void tcp_writable(void *arg, int fd, int what)
{
    struct tcp_probe *t = arg;
    int e = 0;
    socklen_t n = sizeof e;

    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0)
        e = errno;
    tcp_end(t, e == 0, e == 0 ? "" : strerror(e));
}

static void tcp_timeout(void *arg)
{
    struct tcp_probe *t = arg;

    if (t->failed != 0)
        tcp_end(t, false, strerror(t->failed));
    else if (t->fd >= 0)
        tcp_end(t, false, "timed out"); /* else: still being resolved, the end of which will come */
}

static void tcp_connect(struct tcp_probe *t)
{
    struct sockaddr_storage sa;
    socklen_t n = net_to_sockaddr(&t->addr, &sa);

    t->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd >= 0 && (connect(t->fd, (struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS)) {
        t->watch = loop_fd(t->sh->loop, t->fd, LOOP_WRITE, tcp_writable, t);
        return;
    }
    /* Told from the timer, in the next turn: a result inside the step that asked would be a step within a
     * step. */
    t->failed = errno;
    loop_timer_in(&t->timer, 0);
}

static void tcp_resolve(struct worker_job *j)
{
    struct tcp_probe *t = (struct tcp_probe *)(void *)j;

    t->resolved = net_resolve(t->host, t->addr.port, &t->addr, &t->err) == 0;
}

static void tcp_resolved(struct worker_job *j)
{
    struct tcp_probe *t = (struct tcp_probe *)(void *)j;

    if (t->resolved)
        tcp_connect(t);
    else
        tcp_end(t, false, t->err.msg);
}

static void tcp_probe(struct shell *sh, const struct probe_request *p, probe_done_fn *done)
{
    struct tcp_probe *t = xcalloc(1, sizeof *t);

    *t = (struct tcp_probe){ .job = { .run = tcp_resolve, .done = tcp_resolved },
                             .sh = sh,
                             .id = p->id,
                             .done = done,
                             .host = xstrndup(p->host),
                             .fd = -1 };
    loop_timer_init(&t->timer, sh->loop, tcp_timeout, t);
    loop_timer_in(&t->timer, p->timeout_ns);
    if (net_parse_ip(p->host, (uint16_t)p->port, &t->addr)) {
        tcp_connect(t);
        return;
    }
    t->addr.port = (uint16_t)p->port;
    worker_submit(sh->worker, &t->job);
}

void probe_start(struct shell *sh, const struct probe_request *p, probe_done_fn *done)
{
    if (p->protocol == HC_TCP)
        tcp_probe(sh, p, done);
    else
        http_probe(sh, p, done);
}
