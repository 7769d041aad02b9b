/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the HTTP client, from the top down: http_client_api.c has the functions of http_client.h and the
 * names, http_client_conn.c connections, their pools and the answers, http_client_call.c the call. Not for
 * others.
 *
 * A call is with a connection from its start on. A connection has a list of calls in the order of their
 * requests: the first one is being answered, those before unsent have been written. Only pipelined
 * connections have more than one. */
#ifndef STOA_IO_HTTP_CLIENT_INT_H
#define STOA_IO_HTTP_CLIENT_INT_H

#include "common/base/hash.h"
#include "common/base/sbuf.h"
#include "common/io/conn.h"
#include "common/io/expiry.h"
#include "common/io/http_client.h"
#include "common/io/http_parse.h"
#include "common/io/worker.h"

enum { POOL_KEY_MAX = 400, HOST_MAX = 255 };

struct evbuffer;
struct client_conn;

struct http_call {
    struct http_call *next, *prev; /* of the connection, or of those that failed before they had one */
    struct http_client *client;
    struct client_conn *conn;
    struct http_call_params p; /* texts in it are not valid after the start, but for the callbacks */
    struct sbuf request;       /* head and body; kept while it may be sent again */
    struct evbuffer *body_out; /* STREAM_BODY: written before there was a connection */
    struct sbuf body;          /* the collected answer */
    struct expiry expiry;      /* the answer or its next byte is awaited: default lengths */
    struct loop_timer timer;   /* the same, other lengths */
    struct error err;          /* of a call on the failed list */
    char host[HOST_MAX + 1];
    char *unix_path;
    bool is_head, is_retryable, was_retried, body_ended, cancelled, sent, got_bytes, has_head;
};

enum client_conn_state { CLIENT_CONNECTING, CLIENT_OPEN, CLIENT_DEAD };

struct client_span {
    uint32_t name_at, name_n, value_at, value_n;
};

/* The head of the answer that is being received. */
struct client_head {
    struct sbuf text;
    struct client_span *spans;
    uint32_t count, cap;
    bool value_open;
    struct http_parse_head info;
};

struct client_pool {
    UT_hash_handle hh;
    struct client_conn *idle;      /* without a call, newest first */
    struct client_conn *pipelined; /* the one that takes further calls */
    unsigned idle_count, conn_count;
    size_t key_n;
    char key[];
};

struct client_conn {
    struct conn c; /* first */
    struct http_client *client;
    struct client_pool *pool;        /* NULL: not pooled */
    struct client_conn *next, *prev; /* all, or dead */
    struct client_conn *idle_next, *idle_prev;
    struct client_conn *dirty_next, *dirty_prev;
    struct http_call *calls;
    struct http_call *unsent; /* the first that has not been written */
    unsigned sent_count;
    size_t unsent_bytes;
    uint64_t answered;    /* answers so far: a reused connection has some */
    struct expiry expiry; /* connecting or idle */
    struct http_parse parse;
    struct client_head head;
    struct net_addr addr;
    enum client_conn_state state;
    bool dirty, is_idle, is_pipelined, is_tls, close_after, paused;
};

struct http_client {
    struct loop *loop;
    struct http_client_options opt;
    struct client_pool *pools;
    struct client_conn *conns, *dead, *dirty;
    struct http_call *failed, *resolving;
    unsigned conn_count, dirty_count;
    struct loop_work send_work, free_work;
    struct expiry_timer timer;
    struct expiry_queue connects, idles, answers, stalls;
    struct worker *resolver; /* made with the first name */
    struct name_entry *names;
    bool closing;
};

/* http_client_call.c */
int client_call_build(struct http_call *call, const struct http_call_params *p, struct error *err);
/* Tells the caller and frees the call; a NULL: silently. */
void client_call_end(struct http_call *call, const struct http_answer *a, const struct error *err);
void client_call_fail_later(struct http_call *call, const struct error *err);
void client_call_wait_over(struct http_call *call);
void client_call_free(struct http_call *call);

/* http_client_conn.c */
void client_start(struct http_call *call); /* finds or makes a connection */
/* The answer or its next byte is awaited for ns at most; q has the calls of the default length. */
void client_call_wait(struct http_call *call, int64_t ns, int64_t default_ns, struct expiry_queue *q);
void client_call_expired(struct expiry *e, void *client);
void client_conn_remove(struct client_conn *k, struct http_call *call);
void client_conn_dirty(struct client_conn *k);
void client_conn_want(struct client_conn *k);
/* Ends the connection; its calls are sent again elsewhere where that is safe, or end with err. NULL:
 * silently. */
void client_conn_fail(struct client_conn *k, const struct error *err);
void client_send_dirty(void *client);
void client_free_dead(void *client);
void client_connect_expired(struct expiry *e, void *client);
void client_idle_expired(struct expiry *e, void *client);

#endif
