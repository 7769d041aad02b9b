/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the HTTP client: taking calls, looking up names, what a caller may do while a call runs.
 */
#include "common/io/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/http_client_int.h"

enum { NAMES_MAX = 1024 };
#define NAME_LIFE_NS (5 * NS_PER_S)

/* --- names --------------------------------------------------------------------------------------------- */
struct name_entry {
    UT_hash_handle hh;
    struct net_addr addr;
    struct mono until;
    char host[HOST_MAX + 1];
};

struct name_job {
    struct worker_job job; /* first */
    struct http_client *client;
    struct net_addr addr;
    struct error err;
    int rc;
    uint16_t port;
    char host[HOST_MAX + 1];
};

static void name_run(struct worker_job *j)
{
    struct name_job *n = (struct name_job *)j;
    n->rc = net_resolve(n->host, 0, &n->addr, &n->err);
}

static void names_clear(struct http_client *c)
{
    struct name_entry *e, *next;
    HASH_ITER(hh, c->names, e, next)
    {
        HASH_DEL(c->names, e);
        free(e);
    }
}

static void name_done(struct worker_job *j)
{
    struct name_job *n = (struct name_job *)j;
    struct http_client *c = n->client;
    struct http_call *call, *next;
    if (n->rc == 0) {
        struct name_entry *e = NULL;
        if (HASH_COUNT(c->names) >= NAMES_MAX)
            names_clear(c);
        HASH_FIND_STR(c->names, n->host, e);
        if (e == NULL) {
            e = xcalloc(1, sizeof *e);
            memcpy(e->host, n->host, sizeof e->host);
            HASH_ADD_STR(c->names, host, e);
        }
        e->addr = n->addr;
        e->until = mono_add(loop_now(c->loop), NAME_LIFE_NS);
    }
    DL_FOREACH_SAFE(c->resolving, call, next)
    {
        if (strcmp(call->host, n->host) != 0)
            continue;
        DL_DELETE(c->resolving, call);
        if (c->closing || call->cancelled) {
            client_call_end(call, NULL, NULL);
        } else if (n->rc != 0) {
            client_call_fail_later(call, &n->err);
        } else {
            call->p.addr = n->addr;
            call->p.addr.port = call->p.port;
            client_start(call);
        }
    }
    free(n);
}

static void resolve(struct http_call *call)
{
    struct http_client *c = call->client;
    if (net_parse_ip(str_of(call->host), call->p.port, &call->p.addr)) {
        client_start(call);
        return;
    }
    struct name_entry *e = NULL;
    HASH_FIND_STR(c->names, call->host, e);
    if (e != NULL && mono_before(loop_now(c->loop), e->until)) {
        call->p.addr = e->addr;
        call->p.addr.port = call->p.port;
        client_start(call);
        return;
    }
    struct error err;
    if (c->resolver == NULL && worker_new(&c->resolver, c->loop, 2, &err) != 0) {
        client_call_fail_later(call, &err);
        return;
    }
    bool asked = false;
    struct http_call *other;
    DL_FOREACH(c->resolving, other)
    asked = asked || strcmp(other->host, call->host) == 0;
    DL_APPEND(c->resolving, call);
    if (asked)
        return;
    struct name_job *n = xcalloc(1, sizeof *n);
    *n = (struct name_job){ .job = { .run = name_run, .done = name_done }, .client = c };
    memcpy(n->host, call->host, sizeof n->host);
    worker_submit(c->resolver, &n->job);
}

/* --- starting a call ----------------------------------------------------------------------------------- */
static int check_params(const struct http_client *c, const struct http_call_params *p, struct error *err)
{
    if (p->host.n > HOST_MAX)
        return error_set(err, ERR_INVALID, "the host name has %zu bytes; names have up to %d", p->host.n,
                         HOST_MAX);
    if (p->addr.family == NET_NONE && p->host.n == 0)
        return error_set(err, ERR_INVALID, "the request has neither an address nor a host");
    if (p->addr.family == NET_UNIX && (p->unix_path == NULL || strlen(p->unix_path) > 300))
        return error_set(err, ERR_INVALID, "the request to a unix socket has no usable path");
    if ((p->flags & HTTP_CALL_TLS) && c->opt.tls == NULL)
        return error_set(err, ERR_INVALID, "a request by TLS, but TLS is not set up here");
    if ((p->flags & HTTP_CALL_PIPELINE) && (p->flags & (HTTP_CALL_STREAM_BODY | HTTP_CALL_NEW_CONNECTION)))
        return error_set(err, ERR_INVALID,
                         "a pipelined request can neither stream its body nor have its own connection");
    return 0;
}

struct http_call *http_client_call(struct http_client *c, const struct http_call_params *p)
{
    ASSERT(!c->closing);
    struct http_call *call = xcalloc(1, sizeof *call);
    struct error err;
    call->client = c;
    call->p = *p;
    call->is_head = strcmp(p->method, "HEAD") == 0;
    call->is_retryable = !(p->flags & HTTP_CALL_STREAM_BODY) && strcmp(p->method, "POST") != 0 &&
                         strcmp(p->method, "PATCH") != 0;
    sbuf_init(&call->body, p->answer_bytes_max != 0 ? p->answer_bytes_max : 16u << 20);
    if (check_params(c, p, &err) != 0) {
        client_call_fail_later(call, &err);
        return call;
    }
    if (p->host.n != 0)
        memcpy(call->host, p->host.p, p->host.n);
    else
        net_ip_text(&p->addr, call->host);
    if (p->unix_path != NULL)
        call->unix_path = xstrdup(p->unix_path);
    bool built = client_call_build(call, p, &err) == 0;
    call->p.body = call->p.target = call->p.host = (struct str){ NULL, 0 };
    call->p.headers = NULL;
    if (!built) {
        client_call_fail_later(call, &err);
    } else if (p->addr.family == NET_NONE) {
        resolve(call);
    } else {
        client_start(call);
    }
    return call;
}

/* --- while it runs ------------------------------------------------------------------------------------- */
void http_call_cancel(struct http_call *call)
{
    struct client_conn *k = call->conn;
    ASSERT(!call->cancelled);
    call->cancelled = true;
    if (k == NULL)
        return; /* its name is being looked up, or it has failed already: it goes quietly when that is told */
    if (k->is_pipelined && call->sent)
        return; /* its answer is still going to come, and is dropped */
    if (k->is_pipelined) {
        client_conn_remove(k, call);
        client_call_free(call);
        return;
    }
    client_conn_fail(k, NULL);
}

void http_call_pause(struct http_call *call)
{
    if (call->conn == NULL || call->conn->is_pipelined)
        return;
    call->conn->paused = true;
    client_call_wait_over(call);
    client_conn_want(call->conn);
}

void http_call_resume(struct http_call *call)
{
    struct client_conn *k = call->conn;
    if (k == NULL || !k->paused)
        return;
    k->paused = false;
    if (call->has_head)
        client_call_wait(call, call->p.stall_timeout_ns, 60 * NS_PER_S, &call->client->stalls);
    else
        client_call_wait(call, call->p.answer_timeout_ns, 30 * NS_PER_S, &call->client->answers);
    client_conn_want(k);
}

static struct evbuffer *stream_out(struct http_call *call)
{
    if (call->conn != NULL && call->sent)
        return conn_out(&call->conn->c);
    if (call->body_out == NULL)
        call->body_out = evbuffer_new();
    ASSERT(call->body_out != NULL);
    return call->body_out;
}

size_t http_call_pending(const struct http_call *call)
{
    size_t n = call->body_out != NULL ? evbuffer_get_length(call->body_out) : 0;
    return call->conn != NULL ? n + conn_out_size(&call->conn->c) : n;
}

int http_call_write(struct http_call *call, struct str bytes)
{
    ASSERT((call->p.flags & HTTP_CALL_STREAM_BODY) && !call->body_ended);
    if (bytes.n == 0)
        return 0;
    if (http_call_pending(call) > call->client->opt.queue_bytes_max)
        return -ERR_LIMIT;
    struct evbuffer *out = stream_out(call);
    (void)evbuffer_add_printf(out, "%zx\r\n", bytes.n);
    (void)evbuffer_add(out, bytes.p, bytes.n);
    (void)evbuffer_add(out, "\r\n", 2);
    if (call->conn != NULL)
        client_conn_dirty(call->conn);
    return 0;
}

void http_call_write_end(struct http_call *call)
{
    ASSERT((call->p.flags & HTTP_CALL_STREAM_BODY) && !call->body_ended);
    (void)evbuffer_add(stream_out(call), "0\r\n\r\n", 5);
    call->body_ended = true;
    if (call->conn != NULL)
        client_conn_dirty(call->conn);
}

void http_call_peer(const struct http_call *call, struct net_addr *ret_local, struct net_addr *ret_remote)
{
    if (call->conn != NULL && call->conn->state == CLIENT_OPEN) {
        conn_names(call->conn->c.fd, ret_local, ret_remote);
        return;
    }
    memset(ret_local, 0, sizeof *ret_local);
    memset(ret_remote, 0, sizeof *ret_remote);
}

/* --- life ---------------------------------------------------------------------------------------------- */
int http_client_new(struct http_client **ret_client, struct loop *loop,
                    const struct http_client_options *options, struct error *err)
{
    (void)err;
    struct http_client *c = xcalloc(1, sizeof *c);
    c->loop = loop;
    if (options != NULL)
        c->opt = *options;
#define DEFAULT(field, value) \
    if (c->opt.field == 0)    \
    c->opt.field = (value)
    DEFAULT(connections_max, 4096);
    DEFAULT(idle_per_address_max, 8);
    DEFAULT(pipeline_max, 256);
    DEFAULT(queue_bytes_max, 16 << 20);
    DEFAULT(head_bytes_max, 64 << 10);
    DEFAULT(connect_timeout_ns, 10 * NS_PER_S);
    DEFAULT(idle_timeout_ns, 60 * NS_PER_S);
#undef DEFAULT
    if (c->opt.head_bytes_max > HTTP_PARSE_HEAD_MAX)
        c->opt.head_bytes_max = HTTP_PARSE_HEAD_MAX;
    c->send_work = LOOP_WORK(LOOP_SEND, client_send_dirty, c);
    c->free_work = LOOP_WORK(LOOP_FREE, client_free_dead, c);
    expiry_timer_init(&c->timer, loop);
    expiry_queue_init(&c->connects, &c->timer, c->opt.connect_timeout_ns, client_connect_expired, c);
    expiry_queue_init(&c->idles, &c->timer, c->opt.idle_timeout_ns, client_idle_expired, c);
    expiry_queue_init(&c->answers, &c->timer, 30 * NS_PER_S, client_call_expired, c);
    expiry_queue_init(&c->stalls, &c->timer, 60 * NS_PER_S, client_call_expired, c);
    *ret_client = c;
    return 0;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    c->closing = true;
    while (c->conns != NULL)
        client_conn_fail(c->conns, NULL);
    worker_free(c->resolver);
    while (c->resolving != NULL || c->failed != NULL) {
        struct http_call *call = c->resolving != NULL ? c->resolving : c->failed;
        if (c->resolving != NULL)
            DL_DELETE(c->resolving, call);
        else
            DL_DELETE(c->failed, call);
        client_call_end(call, NULL, NULL);
    }
    client_free_dead(c);
    names_clear(c);
    loop_undefer(c->loop, &c->send_work);
    loop_undefer(c->loop, &c->free_work);
    expiry_timer_done(&c->timer);
    free(c);
}
