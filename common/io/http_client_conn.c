/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the HTTP client: finding one for a call or making it, writing requests, reading answers,
 * going idle. As in the server, a connection is freed at LOOP_FREE only, the parser is paused after each
 * message, and writing is done at LOOP_SEND. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/http_client_int.h"

/* --- timeouts ------------------------------------------------------------------------------------------ */
static void call_expired(struct http_call *call)
{
    struct error err;
    if (call->has_head)
        (void)error_set(&err, ERR_TIMEOUT, "no byte of the answer came within stall_timeout");
    else
        (void)error_set(&err, ERR_TIMEOUT, "no answer came within answer_timeout");
    struct client_conn *k = call->conn;
    call->was_retried = true; /* it was heard, or nobody is there: asking again would wait as long once more */
    /* Those behind it on the connection would wait for the same answer. */
    client_conn_fail(k, &err);
}

static void on_call_timer(void *arg)
{
    call_expired(arg);
}

void client_call_expired(struct expiry *e, void *arg)
{
    (void)arg;
    call_expired((struct http_call *)(void *)((char *)e - offsetof(struct http_call, expiry)));
}

void client_call_wait(struct http_call *call, int64_t ns, int64_t default_ns, struct expiry_queue *q)
{
    client_call_wait_over(call);
    if (ns < 0)
        return;
    if (ns == 0 || ns == default_ns) {
        expiry_start(q, &call->expiry);
        return;
    }
    if (call->timer.ev == NULL)
        loop_timer_init(&call->timer, call->client->loop, on_call_timer, call);
    loop_timer_in(&call->timer, ns);
}

/* --- lists --------------------------------------------------------------------------------------------- */
void client_conn_dirty(struct client_conn *k)
{
    if (k->dirty || k->state == CLIENT_DEAD)
        return;
    k->dirty = true;
    DL_APPEND2(k->client->dirty, k, dirty_prev, dirty_next);
    k->client->dirty_count++;
    loop_defer(k->client->loop, &k->client->send_work);
}

static void undirty(struct client_conn *k)
{
    if (!k->dirty)
        return;
    k->dirty = false;
    DL_DELETE2(k->client->dirty, k, dirty_prev, dirty_next);
    k->client->dirty_count--;
}

static void leave_idle(struct client_conn *k)
{
    if (!k->is_idle)
        return;
    k->is_idle = false;
    expiry_stop(&k->expiry);
    if (k->pool == NULL || k->is_pipelined)
        return;
    DL_DELETE2(k->pool->idle, k, idle_prev, idle_next);
    k->pool->idle_count--;
}

static void leave_pool(struct client_conn *k)
{
    struct client_pool *pool = k->pool;
    if (pool == NULL)
        return;
    k->pool = NULL;
    if (pool->pipelined == k)
        pool->pipelined = NULL;
    if (--pool->conn_count != 0)
        return;
    HASH_DEL(k->client->pools, pool);
    free(pool);
}

static void go_idle(struct client_conn *k)
{
    struct http_client *c = k->client;
    k->is_idle = true;
    k->paused = false;
    client_conn_want(k);
    expiry_start(&c->idles, &k->expiry);
    if (k->is_pipelined)
        return;
    DL_PREPEND2(k->pool->idle, k, idle_prev, idle_next);
    if (++k->pool->idle_count > c->opt.idle_per_address_max)
        client_conn_fail(k->pool->idle->idle_prev, NULL); /* the one that waits longest */
}

void client_conn_want(struct client_conn *k)
{
    if (k->state != CLIENT_OPEN)
        return;
    int want = (k->c.wanted & LOOP_WRITE) | (k->paused ? 0 : LOOP_READ);
    if (want != k->c.wanted)
        conn_want(&k->c, want);
}

/* --- the end ------------------------------------------------------------------------------------------- */
static bool may_resend(const struct client_conn *k, const struct http_call *call)
{
    return call->is_retryable && !call->was_retried && !call->got_bytes && k->answered != 0;
}

void client_conn_fail(struct client_conn *k, const struct error *err)
{
    struct http_client *c = k->client;
    if (k->state == CLIENT_DEAD)
        return;
    bool was_open = k->state == CLIENT_OPEN;
    undirty(k);
    leave_idle(k);
    leave_pool(k);
    expiry_stop(&k->expiry);
    k->state = CLIENT_DEAD;
    conn_want(&k->c, 0);
    DL_DELETE(c->conns, k);
    DL_APPEND(c->dead, k);
    c->conn_count--;
    loop_defer(c->loop, &c->free_work);
    while (k->calls != NULL) {
        struct http_call *call = k->calls;
        bool resend = was_open && may_resend(k, call);
        bool had_head = call->has_head;
        client_conn_remove(k, call);
        if (call->cancelled || err == NULL) {
            client_call_end(call, NULL, NULL);
        } else if (resend) {
            call->was_retried = true;
            client_start(call);
        } else {
            struct http_answer a = { .content_length = -1 };
            if (had_head)
                a = (struct http_answer){ k->head.info.status, k->head.info.is_chunked,
                                          k->head.info.content_length, sbuf_view(&call->body), &k->head };
            client_call_end(call, &a, err);
        }
    }
}

static void conn_free(struct client_conn *k)
{
    conn_done(&k->c);
    sbuf_done(&k->head.text);
    free(k->head.spans);
    free(k);
}

void client_free_dead(void *client)
{
    struct http_client *c = client;
    struct client_conn *k, *next;
    DL_FOREACH_SAFE(c->dead, k, next)
    {
        DL_DELETE(c->dead, k);
        conn_free(k);
    }
    /* Calls that failed without a connection: only those that are there now. */
    struct http_call *last = c->failed != NULL ? c->failed->prev : NULL, *call;
    while ((call = c->failed) != NULL) {
        bool is_last = call == last;
        struct error err = call->err;
        struct http_answer a = { .content_length = -1 };
        DL_DELETE(c->failed, call);
        client_call_end(call, &a, &err);
        if (is_last)
            break;
    }
    if (c->failed != NULL)
        loop_defer(c->loop, &c->free_work);
}

/* --- requests ------------------------------------------------------------------------------------------ */
static void send_request(struct client_conn *k, struct http_call *call)
{
    struct evbuffer *out = conn_out(&k->c);
    call->sent = true;
    k->sent_count++;
    k->unsent_bytes -= call->request.n;
    (void)evbuffer_add(out, call->request.p, call->request.n);
    if (!call->is_retryable)
        sbuf_done(&call->request);
    if (call->body_out != NULL)
        (void)evbuffer_add_buffer(out, call->body_out);
    client_call_wait(call, call->p.answer_timeout_ns, 30 * NS_PER_S, &k->client->answers);
    client_conn_dirty(k);
}

static void send_more(struct client_conn *k)
{
    if (k->state != CLIENT_OPEN)
        return;
    for (; k->unsent != NULL && k->sent_count < k->client->opt.pipeline_max; k->unsent = k->unsent->next)
        send_request(k, k->unsent);
}

static void client_conn_add(struct client_conn *k, struct http_call *call)
{
    ASSERT(k->state != CLIENT_DEAD);
    leave_idle(k);
    call->conn = k;
    call->sent = false;
    DL_APPEND(k->calls, call);
    k->unsent_bytes += call->request.n;
    if (k->unsent == NULL)
        k->unsent = call;
    send_more(k);
}

void client_conn_remove(struct client_conn *k, struct http_call *call)
{
    if (k->unsent == call)
        k->unsent = call->next;
    if (call->sent)
        k->sent_count--;
    else
        k->unsent_bytes -= call->request.n;
    DL_DELETE(k->calls, call);
    call->conn = NULL;
    client_call_wait_over(call);
}

static void flush(struct client_conn *k)
{
    if (k->state != CLIENT_OPEN)
        return;
    if (conn_flush(&k->c) < 0) {
        struct error err;
        int e = errno;
        (void)error_set(&err, ERR_UNAVAILABLE, "sending the request: %s",
                        k->c.ssl != NULL ? conn_tls_error(&k->c) : "the server closed the connection");
        err.sys_errno = e;
        client_conn_fail(k, &err);
        return;
    }
    struct http_call *call = k->calls;
    if (call != NULL && !call->cancelled && conn_out_size(&k->c) == 0 &&
        (call->p.flags & HTTP_CALL_STREAM_BODY) && call->p.on_drained != NULL && !call->body_ended)
        call->p.on_drained(call->p.arg, call);
}

void client_send_dirty(void *client)
{
    struct http_client *c = client;
    for (unsigned n = c->dirty_count; n != 0 && c->dirty != NULL; n--) {
        struct client_conn *k = c->dirty;
        undirty(k);
        flush(k);
    }
    if (c->dirty != NULL)
        loop_defer(c->loop, &c->send_work);
}

/* --- answers ------------------------------------------------------------------------------------------- */
static void head_clear(struct client_head *h)
{
    sbuf_clear(&h->text);
    h->count = 0;
    h->value_open = false;
}

static bool on_name(void *arg, const char *p, size_t n)
{
    struct client_conn *k = arg;
    struct client_head *h = &k->head;
    if (h->count == 0 || h->value_open) {
        ARRAY_ROOM(h->spans, h->count, h->cap);
        h->spans[h->count++] = (struct client_span){ .name_at = (uint32_t)h->text.n };
        h->value_open = false;
    }
    struct client_span *s = &h->spans[h->count - 1];
    sbuf_add(&h->text, p, n);
    s->name_n += (uint32_t)n;
    s->value_at = (uint32_t)h->text.n;
    return sbuf_ok(&h->text);
}

static bool on_value(void *arg, const char *p, size_t n)
{
    struct client_conn *k = arg;
    struct client_head *h = &k->head;
    sbuf_add(&h->text, p, n);
    h->spans[h->count - 1].value_n += (uint32_t)n;
    h->value_open = true;
    return sbuf_ok(&h->text);
}

static bool is_interim(const struct client_head *h)
{
    return h->info.status >= 100 && h->info.status < 200;
}

static struct http_answer answer_of(struct client_conn *k, struct http_call *call)
{
    const struct http_parse_head *h = &k->head.info;
    return (struct http_answer){ h->status, h->is_chunked, h->content_length, sbuf_view(&call->body),
                                 &k->head };
}

static void await_bytes(struct client_conn *k, struct http_call *call)
{
    client_call_wait(call, call->p.stall_timeout_ns, 60 * NS_PER_S, &k->client->stalls);
}

static bool on_head(void *arg, const struct http_parse_head *h, bool *ret_no_body)
{
    struct client_conn *k = arg;
    struct http_call *call = k->calls;
    k->head.info = *h;
    if (is_interim(&k->head))
        return true;
    *ret_no_body = call->is_head;
    k->close_after = k->close_after || !h->keep_alive;
    call->has_head = true;
    await_bytes(k, call);
    if (call->cancelled || call->p.on_head == NULL)
        return true;
    struct http_answer a = answer_of(k, call);
    call->p.on_head(call->p.arg, call, &a);
    return k->state != CLIENT_DEAD;
}

static bool on_body(void *arg, const char *p, size_t n)
{
    struct client_conn *k = arg;
    struct http_call *call = k->calls;
    if (call->cancelled || is_interim(&k->head))
        return true;
    if (call->p.on_body != NULL) {
        call->p.on_body(call->p.arg, call, str_mem(p, n));
        return k->state != CLIENT_DEAD;
    }
    sbuf_add(&call->body, p, n);
    return sbuf_ok(&call->body);
}

static bool on_end(void *arg)
{
    struct client_conn *k = arg;
    struct http_call *call = k->calls;
    http_parse_pause(&k->parse);
    if (is_interim(&k->head)) {
        head_clear(&k->head);
        return true;
    }
    k->answered++;
    if ((call->p.flags & HTTP_CALL_STREAM_BODY) && !call->body_ended)
        k->close_after = true; /* the rest of the request will not come */
    if (k->pool == NULL)
        k->close_after = true;
    client_conn_remove(k, call);
    struct http_answer a = answer_of(k, call);
    if (!k->close_after) {
        send_more(k);
        if (k->calls == NULL)
            go_idle(k); /* before the callback, which may start the next call here */
    }
    client_call_end(call, &a, NULL);
    head_clear(&k->head);
    if (k->close_after && k->state != CLIENT_DEAD) {
        struct error err;
        (void)error_set(&err, ERR_UNAVAILABLE, "the server closed the connection before the answer");
        client_conn_fail(k, &err);
    }
    return k->state != CLIENT_DEAD;
}

static const struct http_parse_events events = {
    .on_name = on_name,
    .on_value = on_value,
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
};

/* n == 0: the server has closed its side. */
static void take_input(struct client_conn *k, const char *p, size_t n)
{
    struct error err;
    if (k->calls == NULL || k->sent_count == 0) {
        client_conn_fail(k, NULL); /* closed while idle, or talks unasked */
        return;
    }
    bool at_end = n == 0;
    do {
        size_t taken;
        if (k->calls == NULL || k->sent_count == 0) {
            client_conn_fail(k, NULL);
            return;
        }
        if (n != 0)
            k->calls->got_bytes = true;
        enum http_parse_result res = http_parse_feed(&k->parse, p, n, &taken);
        if (k->state == CLIENT_DEAD)
            return;
        if (res != HTTP_PARSE_OK && res != HTTP_PARSE_PAUSED) {
            if (res == HTTP_PARSE_STOPPED && !sbuf_ok(&k->calls->body))
                (void)error_set(&err, ERR_LIMIT, "the answer is larger than answer_bytes_max");
            else if (res == HTTP_PARSE_TOO_BIG || !sbuf_ok(&k->head.text))
                (void)error_set(&err, ERR_LIMIT, "the head of the answer is larger than head_bytes_max");
            else if (at_end)
                (void)error_set(&err, ERR_UNAVAILABLE,
                                "the server closed the connection before the end of the answer");
            else
                (void)error_set(&err, ERR_PROTOCOL, "the answer is not HTTP: %s",
                                http_parse_reason(&k->parse));
            client_conn_fail(k, &err);
            return;
        }
        p += taken;
        n -= taken;
    } while (n != 0);
    if (at_end) {
        (void)error_set(&err, ERR_UNAVAILABLE, "the server closed the connection before the answer");
        client_conn_fail(k, &err);
    } else if (k->calls != NULL && k->calls->has_head) {
        await_bytes(k, k->calls);
    }
}

/* --- readiness ----------------------------------------------------------------------------------------- */
static void connect_failed(struct client_conn *k, int e)
{
    struct error err;
    char text[NET_TEXT_SIZE];
    net_text(&k->addr, text);
    (void)error_set_errno(&err, e, "connecting to %s", text);
    err.code = e == ETIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE;
    client_conn_fail(k, &err);
}

static void opened(struct client_conn *k)
{
    int e = conn_connect_result(k->c.fd);
    if (e != 0) {
        connect_failed(k, e);
        return;
    }
    struct error err;
    if (k->is_tls && conn_start_tls(&k->c, k->client->opt.tls, false,
                                    k->calls != NULL ? k->calls->host : NULL, &err) != 0) {
        client_conn_fail(k, &err);
        return;
    }
    expiry_stop(&k->expiry);
    k->state = CLIENT_OPEN;
    conn_want(&k->c, LOOP_READ);
    send_more(k);
    if (k->calls == NULL)
        client_conn_fail(k, NULL); /* all were cancelled */
    else
        flush(k);
}

static void on_ready(struct conn *c, int what)
{
    struct client_conn *k = (struct client_conn *)c;
    if (k->state == CLIENT_DEAD)
        return;
    if (k->state == CLIENT_CONNECTING) {
        opened(k);
        return;
    }
    if (what & LOOP_READ) {
        char *buf = conn_scratch();
        unsigned rounds = 0;
        do {
            ssize_t n = conn_read(c, buf, CONN_READ_SIZE);
            if (n == CONN_AGAIN)
                break;
            if (n == CONN_FAILED) {
                struct error err;
                if (c->ssl != NULL)
                    (void)error_set(&err, ERR_UNAVAILABLE, "TLS: %s", conn_tls_error(c));
                else
                    (void)error_set_errno(&err, errno, "reading the answer");
                err.code = ERR_UNAVAILABLE;
                client_conn_fail(k, &err);
                return;
            }
            take_input(k, buf, (size_t)n);
        } while (k->state == CLIENT_OPEN && !k->paused && conn_has_pending(c) && ++rounds < 16);
        if (k->state == CLIENT_OPEN && !k->paused && conn_has_pending(c))
            event_active(&c->ev, EV_READ, 0);
    }
    if ((what & LOOP_WRITE) && k->state == CLIENT_OPEN)
        flush(k);
}

static struct client_conn *client_conn_new(struct http_client *c, const struct net_addr *addr,
                                           const struct http_call *first, struct error *err)
{
    if (c->conn_count >= c->opt.connections_max) {
        (void)error_set(err, ERR_LIMIT, "%u connections are open; connections_max is %u", c->conn_count,
                        c->opt.connections_max);
        return NULL;
    }
    int fd;
    if (conn_connect(addr, first->unix_path, &fd, err) != 0) {
        if (err->code == ERR_IO || err->code == ERR_NOT_FOUND)
            err->code = ERR_UNAVAILABLE;
        return NULL;
    }
    struct client_conn *k = xcalloc(1, sizeof *k);
    conn_init(&k->c, c->loop, fd, on_ready);
    k->client = c;
    k->addr = *addr;
    k->is_tls = (first->p.flags & HTTP_CALL_TLS) != 0;
    k->is_pipelined = (first->p.flags & HTTP_CALL_PIPELINE) != 0;
    sbuf_init(&k->head.text, c->opt.head_bytes_max);
    http_parse_init(&k->parse, true, (uint32_t)c->opt.head_bytes_max, &events, k);
    DL_APPEND(c->conns, k);
    c->conn_count++;
    expiry_start(&c->connects, &k->expiry);
    conn_want(&k->c, LOOP_WRITE);
    return k;
}

#define CONN_OF(e) ((struct client_conn *)(void *)((char *)(e)-offsetof(struct client_conn, expiry)))

void client_connect_expired(struct expiry *e, void *client)
{
    (void)client;
    connect_failed(CONN_OF(e), ETIMEDOUT);
}

void client_idle_expired(struct expiry *e, void *client)
{
    (void)client;
    client_conn_fail(CONN_OF(e), NULL);
}

/* --- pools --------------------------------------------------------------------------------------------- */
static size_t pool_key(const struct http_call *call, char key[POOL_KEY_MAX])
{
    struct str name = { NULL, 0 };
    if (call->p.flags & HTTP_CALL_TLS)
        name = str_of(call->host); /* the certificate was checked against it */
    else if (call->unix_path != NULL)
        name = str_of(call->unix_path);
    if (name.n > 300)
        name.n = 300;
    char *at = key;
    uint32_t kind = call->p.flags & (HTTP_CALL_TLS | HTTP_CALL_PIPELINE);
    memcpy(at, &call->p.addr, sizeof call->p.addr);
    at += sizeof call->p.addr;
    memcpy(at, &kind, sizeof kind);
    at += sizeof kind;
    memcpy(at, &call->p.lane, sizeof call->p.lane);
    at += sizeof call->p.lane;
    if (name.n != 0)
        memcpy(at, name.p, name.n);
    return (size_t)(at - key) + name.n;
}

static struct client_pool *pool_get(struct http_client *c, const struct http_call *call)
{
    char key[POOL_KEY_MAX];
    size_t n = pool_key(call, key);
    struct client_pool *pool = NULL;
    HASH_FIND(hh, c->pools, key, n, pool);
    if (pool != NULL)
        return pool;
    pool = xcalloc(1, sizeof *pool + n);
    memcpy(pool->key, key, n);
    pool->key_n = n;
    HASH_ADD_KEYPTR(hh, c->pools, pool->key, pool->key_n, pool);
    return pool;
}

static struct client_conn *pooled(struct client_pool *pool, const struct http_call *call)
{
    if (call->p.flags & HTTP_CALL_PIPELINE)
        return pool->pipelined;
    return call->was_retried ? NULL : pool->idle; /* the second try wants a fresh one */
}

void client_start(struct http_call *call)
{
    struct http_client *c = call->client;
    bool fresh = (call->p.flags & HTTP_CALL_NEW_CONNECTION) != 0;
    struct client_pool *pool = fresh ? NULL : pool_get(c, call);
    struct client_conn *k = fresh ? NULL : pooled(pool, call);
    struct error err;
    size_t waiting = k != NULL ? conn_out_size(&k->c) + k->unsent_bytes : 0;
    if (waiting != 0 && waiting + call->request.n > c->opt.queue_bytes_max) {
        (void)error_set(&err, ERR_LIMIT, "%zu bytes wait for this server; queue_bytes_max is %zu", waiting,
                        c->opt.queue_bytes_max);
        client_call_fail_later(call, &err);
        return;
    }
    if (k == NULL)
        k = client_conn_new(c, &call->p.addr, call, &err);
    if (k == NULL) {
        if (pool != NULL && pool->conn_count == 0) {
            HASH_DEL(c->pools, pool);
            free(pool);
        }
        client_call_fail_later(call, &err);
        return;
    }
    if (k->pool == NULL && pool != NULL) {
        k->pool = pool;
        pool->conn_count++;
        if (k->is_pipelined)
            pool->pipelined = k;
    }
    client_conn_add(k, call);
}
