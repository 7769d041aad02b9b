/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the HTTP server, from the top down: http_server.c (listening, life), http_input.c (what comes
 * in), http_reply.c (answers), http_req.c (what owners ask), http_conn.c (connections and exchanges). Not for
 * others.
 *
 *   read side of a connection                                       exchange (conn->req)
 *   IDLE --first byte--> HEAD --head--> BODY --end--> WAIT           made with the first byte of a head
 *     ^                                  |             |             gone with its answer's end, or killed
 *     +---------- answered, body over ---+-------------+
 *   any --answer that closes, sent--> LINGER --peer's end, timeout--> DEAD (freed at LOOP_FREE)
 *
 * In BODY without a request the rest of a body is discarded, as its answer has been given. */
#ifndef STOA_IO_HTTP_SERVER_INT_H
#define STOA_IO_HTTP_SERVER_INT_H

#include <zlib.h>

#include "common/io/conn.h"
#include "common/io/expiry.h"
#include "common/io/http.h"
#include "common/io/http_parse.h"

enum conn_state { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_WAIT, CONN_LINGER, CONN_DEAD };
enum body_mode { BODY_COLLECT, BODY_STREAM };

struct http_span {
    uint32_t name_at, name_n, value_at, value_n;
};

struct http_req {
    struct http_conn *conn;
    struct http_req *next_free;
    void *data;
    http_gone_fn *gone;
    void *gone_arg;
    http_body_fn *body_fn;
    void *body_arg;
    http_request_fn *complete; /* in place of on_request */
    void *complete_arg;
    http_drained_fn *drained;
    void *drained_arg;
    /* the head: one buffer, and where its parts are */
    struct sbuf head;
    struct http_span *spans;
    uint32_t span_count, span_cap;
    uint32_t url_n; /* the URL is at the start of head */
    uint32_t path_n;
    struct http_parse_head info;
    /* the body */
    struct sbuf body;
    size_t body_max;
    z_stream *inflate;
    size_t inflated;
    /* the answer */
    struct sbuf extra; /* added headers */
    size_t cap;        /* of pending bytes */
    enum body_mode body_mode;
    bool value_open; /* the last span's value is being received */
    bool wants_continue, body_over, inflate_over;
    bool streaming, chunked, no_body, close_after, no_gzip, unhurried;
};

struct http_conn {
    struct conn c; /* first: on_ready gets a pointer to it */
    struct http_server *server;
    struct http_conn *next, *prev;             /* all of the server, or its dead */
    struct http_conn *dirty_next, *dirty_prev; /* to be flushed in this turn */
    struct expiry read_expiry, write_expiry;
    struct expiry unhurried_expiry; /* an answer nobody waits for has been put off */
    struct http_parse parse;
    struct http_req *req;
    char *stash; /* input that waits for the answer before */
    uint32_t stash_n, stash_cap;
    uint32_t discarded; /* bytes of a body nobody wants */
    struct net_addr peer;
    unsigned short fail_status; /* why a parser callback stopped; 0: the parser's own reason */
    const char *fail_text;
    enum conn_state state;
    bool dirty, paused, is_over, close_when_flushed, unread_input, tls_undecided, has_drop, is_kept;
    bool has_spoken;         /* something has come from the peer */
    bool is_unawaited;       /* it has asked on while an unhurried answer was put off: it waits for none */
    enum http_gone drop_why; /* with has_drop: to be killed at the end of the turn */
};

struct http_listener {
    struct http_listener *next;
    struct http_server *server;
    struct loop_watch *watch;
    int fd;
    char *unix_path;
};

/* Exchanges kept for reuse; bytes of an unwanted body that are read; bytes read while closing. */
enum { HTTP_UNHURRIED_MS = 20, HTTP_UNAWAITED_MS = 500, HTTP_UNHURRIED_BYTES_MAX = 2048 };
enum { HTTP_POOL_MAX = 1024, HTTP_DISCARD_MAX = 1 << 20, HTTP_LINGER_BYTES_MAX = 1 << 22 };

struct http_server {
    struct loop *loop;
    struct http_server_options opt;
    struct http_handler handler;
    void *ctx;
    struct http_listener *listeners;
    struct http_conn *conns, *dead, *dirty;
    unsigned dirty_count;
    struct loop_work send_work, free_work;
    struct expiry_timer timer;
    struct expiry_queue silents, heads, idles, bodies, helds, writes, lingers, unhurrieds, unawaiteds;
    struct loop_timer accept_retry;
    struct mono exhausted_told; /* on_exhausted: not again before */
    struct http_req *pool;
    unsigned pool_count;
    z_stream *deflate; /* kept for all answers */
    struct http_server_stats stats;
    int64_t date_s;
    char date[HTTP_DATE_SIZE];
};

/* http_conn.c */
struct http_req *http_req_new(struct http_conn *k);
void http_req_release(struct http_req *r);
void http_req_free(struct http_req *r);
/* The exchange has been answered: the connection goes on or ends. r is dead afterwards. */
void http_req_finish(struct http_req *r);
void http_conn_idle(struct http_conn *k); /* starts the idle timeout, unless the connection is kept */
void http_conn_dirty(struct http_conn *k);
void http_conn_undirty(struct http_conn *k);
void http_conn_drop(struct http_conn *k, enum http_gone why); /* at the end of the turn */
void http_conn_kill(struct http_conn *k, enum http_gone why); /* now; freed later */
void http_conn_free_dead(void *server);
void http_conn_want(struct http_conn *k);

/* http_reply.c */
/* Writes an answer that is not the owner's; r may be NULL. */
void http_write_error(struct http_conn *k, unsigned status, const char *text);
/* Answers an error of this module and ends the exchange; the owner is told if it asked to be. */
void http_conn_fail(struct http_conn *k, unsigned status, const char *text, enum http_gone why);
/* 100 Continue, if the client waits for it. */
void http_write_continue(struct http_req *r);

/* http_input.c */
struct sockaddr;
void http_conn_accept(struct http_server *s, int fd, const struct sockaddr *sa);
void http_send_dirty(void *server);

#endif
