/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 client: a keep-alive pool per address, pipelining for those who ask for it, streaming bodies in
 * both directions, timeouts with names.
 *
 * A call (struct http_call) ends exactly once: by on_done, or by http_call_cancel (then on_done is not
 * called). After either the pointer is dead. on_done never runs inside http_client_call. All requests started
 * in one turn to one connection leave in one write.
 *
 * Nothing is retried here, but for one case: a request without a body stream that was written to a kept-alive
 * connection which the server closed before the first byte of an answer is sent once more on a new connection
 * if its verb is GET, HEAD, PUT, DELETE or OPTIONS. */
#ifndef STOA_IO_HTTP_CLIENT_H
#define STOA_IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/io/http_util.h"
#include "common/io/loop.h"
#include "common/io/net.h"

struct ssl_ctx_st;
struct http_client;
struct http_call;

/* Zero means the default in brackets. */
struct http_client_options {
    unsigned connections_max;      /* [4096] in all; further calls fail with LIMIT */
    unsigned idle_per_address_max; /* [8] kept-alive connections without a call */
    unsigned pipeline_max;  /* [256] unanswered requests on a pipelined connection; more wait in its queue */
    size_t queue_bytes_max; /* [16 MiB] unsent bytes per connection; more fail with LIMIT */
    size_t head_bytes_max;  /* [64 KiB] of an answer */
    int64_t connect_timeout_ns; /* [10 s] */
    int64_t idle_timeout_ns;    /* [60 s] of a kept-alive connection */
    struct ssl_ctx_st *tls;     /* for calls with tls set; referenced */
};

/* An answer, or the part that has arrived; valid during the callback. */
struct http_answer {
    unsigned status; /* 0: there was no answer, see the error */
    bool is_chunked;
    int64_t content_length; /* -1: not said */
    struct str body;        /* collected; empty for streamed answers */
    const void *head;       /* for http_answer_header */
};
/* The last header of this name, trimmed; p is NULL when there is none. */
struct str http_answer_header(const struct http_answer *a, const char *name);

/* The header lines in their order; false behind the last. */
bool http_answer_header_at(const struct http_answer *a, size_t index, struct str *ret_name, struct str *ret_value);

struct http_header {
    const char *name;
    struct str value;
};

enum http_call_flags {
    HTTP_CALL_TLS = 1,
    HTTP_CALL_NEW_CONNECTION = 2, /* never a pooled one; closed afterwards */
    HTTP_CALL_PIPELINE =
        4, /* share one connection with others of the same address and lane, in order, without waiting */
    HTTP_CALL_STREAM_BODY = 8, /* the request's body comes by http_call_write, chunked */
};

struct http_call_params {
    struct net_addr addr; /* NET_NONE: host is resolved (in a worker thread); NET_UNIX: unix_path */
    const char *unix_path;
    struct str host; /* for Host, SNI and certificate check; default: addr as text */
    uint16_t port;   /* with host when addr is NET_NONE */
    unsigned flags;
    uint32_t lane;      /* with HTTP_CALL_PIPELINE: which of several ordered lanes */
    const char *method; /* "GET" */
    struct str target;  /* "/path?query", already encoded */
    const struct http_header *headers;
    size_t header_count;
    const char *content_type;  /* NULL: none */
    struct str body;           /* copied */
    size_t answer_bytes_max;   /* of a collected answer; [16 MiB]; more: LIMIT */
    int64_t answer_timeout_ns; /* from writing to the end of the answer's head; 0: 30 s; negative: none */
    int64_t stall_timeout_ns;  /* without a byte of the answer's body; 0: 60 s; negative: none (streams watch
                                  heartbeats) */

    void *arg;
    /* Optional: the answer's head is there. */
    void (*on_head)(void *arg, struct http_call *c, const struct http_answer *a);
    /* Given: the answer's body is streamed to it as it comes (after removal of chunk framing). */
    void (*on_body)(void *arg, struct http_call *c, struct str bytes);
    /* Optional, for STREAM_BODY: everything written has been taken by the kernel. */
    void (*on_drained)(void *arg, struct http_call *c);
    /* The end: err is NULL after a complete answer. With an error, a->status is not 0 when a head had come.
     */
    void (*on_done)(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err);
};

int http_client_new(struct http_client **ret_client, struct loop *loop,
                    const struct http_client_options *options, struct error *err);
/* Cancels all calls, without callbacks. Not inside a callback of this client. NULL is fine. */
void http_client_free(struct http_client *c);

/* Starts a call. Never NULL: what fails, fails by on_done later in this or the next turn. */
struct http_call *http_client_call(struct http_client *c, const struct http_call_params *p);
/* Ends a call without on_done. Its connection is closed unless the answer was complete; other calls pipelined
 * behind it are not disturbed (the answer is read and dropped). */
void http_call_cancel(struct http_call *call);
/* Stops and restarts reading the answer: back-pressure. Not for pipelined calls. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);
/* One chunk of the request's body (STREAM_BODY). -ERR_LIMIT over queue_bytes_max: nothing was taken. */
int http_call_write(struct http_call *call, struct str bytes);
size_t http_call_pending(const struct http_call *call);
void http_call_write_end(struct http_call *call);
/* The local and remote address once connected; family NET_NONE before. */
void http_call_peer(const struct http_call *call, struct net_addr *ret_local, struct net_addr *ret_remote);

#endif
