/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a connection of the HTTP server and of the exchange on it: made, changed, ended. The states are
 * drawn in http_server_int.h. A connection is only freed at LOOP_FREE, so any callback may kill any
 * connection. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/io/http_server_int.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOLING 0 /* so that use after the end of an exchange is seen */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOLING 0
#endif
#endif
#ifndef POOLING
#define POOLING 1
#endif

/* --- exchanges ----------------------------------------------------------------------------------------- */
struct http_req *http_req_new(struct http_conn *k)
{
    struct http_server *s = k->server;
    struct http_req *r = s->pool;
    if (r != NULL) {
        s->pool = r->next_free;
        s->pool_count--;
    } else {
        r = xcalloc(1, sizeof *r);
        sbuf_init(&r->head, HTTP_PARSE_HEAD_MAX);
    }
    r->conn = k;
    r->body_max = r->body.max = s->opt.body_bytes_max;
    r->cap = s->opt.stream_pending_bytes_max;
    return r;
}

void http_req_free(struct http_req *r)
{
    sbuf_done(&r->head);
    sbuf_done(&r->body);
    free(r->spans);
    free(r);
}

void http_req_release(struct http_req *r)
{
    struct http_server *s = r->conn->server;
    sbuf_done(&r->extra);
    if (r->inflate != NULL) {
        (void)inflateEnd(r->inflate);
        free(r->inflate);
    }
    bool keep = POOLING != 0 && s->pool_count < HTTP_POOL_MAX && r->head.cap <= 4096 &&
                r->body.cap <= 16384 && r->span_cap <= 64;
    if (!keep) {
        http_req_free(r);
        return;
    }
    struct sbuf head = r->head, body = r->body;
    struct http_span *spans = r->spans;
    uint32_t span_cap = r->span_cap;
    sbuf_clear(&head);
    sbuf_clear(&body);
    *r = (struct http_req){
        .head = head, .body = body, .spans = spans, .span_cap = span_cap, .next_free = s->pool
    };
    s->pool = r;
    s->pool_count++;
}

/* --- connections --------------------------------------------------------------------------------------- */
void http_conn_dirty(struct http_conn *k)
{
    if (k->dirty || k->state == CONN_DEAD)
        return;
    k->dirty = true;
    DL_APPEND2(k->server->dirty, k, dirty_prev, dirty_next);
    k->server->dirty_count++;
    loop_defer(k->server->loop, &k->server->send_work);
}

void http_conn_undirty(struct http_conn *k)
{
    if (!k->dirty)
        return;
    k->dirty = false;
    DL_DELETE2(k->server->dirty, k, dirty_prev, dirty_next);
    k->server->dirty_count--;
}

void http_conn_want(struct http_conn *k)
{
    bool read = k->state != CONN_DEAD && !k->paused &&
                (k->state == CONN_LINGER ||
                 (!k->close_when_flushed && k->stash_n < k->server->opt.pipelined_bytes_max));
    int want = (k->c.wanted & LOOP_WRITE) | (read ? LOOP_READ : 0);
    if (want != k->c.wanted)
        conn_want(&k->c, want);
}

void http_conn_drop(struct http_conn *k, enum http_gone why)
{
    if (k->has_drop)
        return;
    k->has_drop = true;
    k->drop_why = why;
    http_conn_dirty(k);
}

void http_conn_kill(struct http_conn *k, enum http_gone why)
{
    if (k->state == CONN_DEAD)
        return;
    struct http_server *s = k->server;
    k->state = CONN_DEAD;
    http_conn_undirty(k);
    expiry_stop(&k->read_expiry);
    expiry_stop(&k->write_expiry);
    expiry_stop(&k->unhurried_expiry);
    conn_want(&k->c, 0);
    struct http_req *r = k->req;
    k->req = NULL;
    DL_DELETE(s->conns, k);
    DL_APPEND(s->dead, k);
    s->stats.connections--;
    loop_defer(s->loop, &s->free_work);
    if (r == NULL)
        return;
    if (r->gone != NULL)
        r->gone(r->gone_arg, r, why);
    http_req_release(r);
}

static void conn_free(struct http_conn *k)
{
    conn_done(&k->c);
    free(k->stash);
    free(k);
}

void http_conn_free_dead(void *arg)
{
    struct http_server *s = arg;
    struct http_conn *k, *next;
    DL_FOREACH_SAFE(s->dead, k, next)
    {
        DL_DELETE(s->dead, k);
        conn_free(k);
    }
}

void http_conn_idle(struct http_conn *k)
{
    if (k->is_kept)
        expiry_stop(&k->read_expiry);
    else
        expiry_start(&k->server->idles, &k->read_expiry);
}

/* --- the end of an exchange ---------------------------------------------------------------------------- */
/* Puts the answer's write off, so that several go out in one; false when it may not wait. */
static bool put_off(struct http_conn *k)
{
    if (k->state != CONN_IDLE || k->close_when_flushed || k->dirty || k->stash_n != 0 ||
        conn_out_size(&k->c) > HTTP_UNHURRIED_BYTES_MAX)
        return false;
    struct http_server *s = k->server;
    if (k->unhurried_expiry.queue != NULL)
        k->is_unawaited = true;
    else
        expiry_start(k->is_unawaited ? &s->unawaiteds : &s->unhurrieds, &k->unhurried_expiry);
    return true;
}

void http_req_finish(struct http_req *r)
{
    struct http_conn *k = r->conn;
    bool unhurried = r->unhurried;
    k->req = NULL;
    if (r->close_after)
        k->close_when_flushed = true;
    if (k->state == CONN_WAIT) {
        k->state = CONN_IDLE;
    } else if (k->state == CONN_BODY) {
        /* The client was not told to go on, or sends more than we care to read: it has to reconnect. */
        k->unread_input = true;
        k->discarded = 0;
        k->paused = false;
        if (r->wants_continue || r->info.content_length > HTTP_DISCARD_MAX)
            k->close_when_flushed = true;
    }
    if (k->state == CONN_IDLE)
        http_conn_idle(k);
    else if (k->state == CONN_BODY)
        expiry_start(&k->server->bodies, &k->read_expiry);
    http_req_release(r);
    if (!unhurried || !put_off(k))
        http_conn_dirty(k);
    http_conn_want(k);
}
