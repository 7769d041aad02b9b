/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 server: strict parsing, streaming in both directions, back-pressure, limits and timeouts with
 * names. docs/http.md tells how it works; io/http_client.h is the other side.
 *
 * One exchange is a struct http_req. Its life:
 *
 *     head arrives -> on_head chooses: http_body_collect (default), http_body_stream, or an answer at once
 *                  -> on_request when the body is complete (collected), or body callbacks (streamed)
 *                  -> answered: http_reply*, or http_stream_begin ... http_stream_end
 *
 * An exchange ends exactly once: by the owner's http_reply*, http_stream_end or http_abort, or by the peer,
 * and then the gone callback is called, if set. After either the pointer is dead. A callback that returns
 * without having answered must have set a gone callback (http_req_on_gone): asserted. Answering from
 * anywhere later is fine; the peer's going away is noticed meanwhile.
 *
 * Requests of one connection are handled one at a time in order, whatever was pipelined. Answers of one
 * turn leave in one write per connection (LOOP_SEND). Callbacks run inside the turn, not at its end.
 * No pointer given to a handler outlives the exchange; what is given to http_reply* is copied or moved. */
#ifndef STOA_IO_HTTP_H
#define STOA_IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/io/http_util.h"
#include "common/io/loop.h"
#include "common/io/net.h"

struct evbuffer;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct http_server;
struct http_req;

/* Why an exchange ended without its owner. */
enum http_gone {
    HTTP_GONE_CLOSED,   /* the peer closed or reset the connection */
    HTTP_GONE_STALLED,  /* body_stall_ns or write_stall_ns passed */
    HTTP_GONE_SLOW,     /* more than stream_pending_bytes_max waited to be sent */
    HTTP_GONE_PROTOCOL, /* the rest of the request was no HTTP, or over a limit; the peer got its status */
    HTTP_GONE_SHUTDOWN, /* http_server_free */
};

/* Limits and timeouts. Zero means the default in brackets. */
struct http_server_options {
    unsigned connections_max;        /* [10000] further ones are closed at once, counted */
    size_t head_bytes_max;           /* [32 KiB] request line and headers together: 431 */
    size_t url_bytes_max;            /* [8 KiB] 414 */
    unsigned headers_max;            /* [100] 431 */
    size_t body_bytes_max;           /* [16 MiB] of a collected body unless on_head says otherwise: 413 */
    size_t inflated_bytes_max;       /* [64 MiB] of a gzip body after decompression: 413 */
    size_t pipelined_bytes_max;      /* [64 KiB] read ahead while a request waits for its answer */
    size_t stream_pending_bytes_max; /* [16 MiB] unsent bytes of a stream, then the peer is dropped */
    size_t gzip_bytes_min;           /* [1024] smallest body that is compressed */
    size_t gzip_bytes_max;           /* [1 MiB] largest one: compressing more would hold the loop too long */
    int64_t head_timeout_ns;         /* [30 s] from the first byte of a request to the end of its head: 408 */
    int64_t idle_timeout_ns;         /* [120 s] between requests */
    int64_t silent_timeout_ns;       /* [none] before the first byte of a connection: a link of the message
                                      * transport is       a connection on which nothing is said. Where no messages come:
                                      * idle_timeout_ns */
    int64_t body_stall_ns;           /* [60 s] without a byte of the body: 408 */
    int64_t write_stall_ns;          /* [60 s] with bytes to send and none taken by the peer */
    struct ssl_ctx_st *tls;          /* NULL: plain. Referenced, not owned */
    bool tls_downgrade; /* with tls: also take plain HTTP on the same port (first byte decides) */
    bool tls_plain_local; /* the same for peers on this machine only */
    /* And for those of which it says so; ctx is the handler's. NULL: no others. */
    bool (*tls_plain_peer)(void *ctx, const struct net_addr *peer);
};

struct http_handler {
    /* Optional. The head is there, the body is not. May answer (the rest of the body is then discarded),
     * call http_body_stream or http_body_collect, or do nothing. */
    void (*on_head)(void *ctx, struct http_req *r);
    /* The request is complete. Not called for streamed bodies or when on_head answered. */
    void (*on_request)(void *ctx, struct http_req *r);
    /* Optional. Connections wait, since there are no descriptors (why says so) with this many open; told every 30 s at most. */
    void (*on_exhausted)(void *ctx, const char *why, unsigned connections);
};

int http_server_new(struct http_server **ret_server, struct loop *loop,
                    const struct http_server_options *options, const struct http_handler *handler, void *ctx,
                    struct error *err);
/* Port 0 takes a free one; *ret_bound (may be NULL) says which. May be called several times. The error of
 * a busy port names it. */
int http_server_listen(struct http_server *s, const struct net_addr *addr, struct net_addr *ret_bound,
                       struct error *err);
/* Removes a stale socket file first; the file is removed again by http_server_free. */
int http_server_listen_unix(struct http_server *s, const char *path, unsigned mode, struct error *err);
/* Takes over a listening descriptor. */
int http_server_listen_fd(struct http_server *s, int fd, struct error *err);
/* Takes over a connected stream socket, as if it had been accepted. */
int http_server_adopt(struct http_server *s, int fd, struct error *err);
void http_server_stop_listening(struct http_server *s);
/* Ends all exchanges (gone callbacks: HTTP_GONE_SHUTDOWN); answers already given are flushed as far as the
 * sockets take them at once. Not inside a callback of this server. NULL is fine. */
void http_server_free(struct http_server *s);

struct http_server_stats {
    uint64_t accepted, refused;      /* connections; refused: over connections_max or out of descriptors */
    uint64_t requests;               /* heads parsed */
    uint64_t bad_requests;           /* answered 4xx by this module */
    uint64_t timeouts, slow_dropped; /* connections closed by a timeout; streams over their cap */
    uint64_t gzip_bytes;             /* of compressed bodies, after compression */
    unsigned connections;            /* open now */
};
void http_server_stats(const struct http_server *s, struct http_server_stats *ret);

/* --- the request -------------------------------------------------------------------------------------- */
/* Views are valid until the exchange ends. */
enum http_verb http_req_verb(const struct http_req *r);
struct str http_req_method(const struct http_req *r);
struct str http_req_target(const struct http_req *r); /* path and query, as sent but for a host and slashes before it */
struct str http_req_path(const struct http_req *r);   /* raw, not percent-decoded: split on '/' first */
struct str http_req_query(const struct http_req *r);  /* raw, without '?' */
/* The last header line of this name (any case), trimmed; p is NULL when there is none. Clients that repeat
 * Accept rely on the last one. */
struct str http_req_header(const struct http_req *r, const char *name);
size_t http_req_header_count(const struct http_req *r);
void http_req_header_at(const struct http_req *r, size_t index, struct str *ret_name, struct str *ret_value);
/* The collected body, decompressed. */
struct str http_req_body(const struct http_req *r);
/* The length announced by Content-Length; -1 for chunked, 0 without a body. */
int64_t http_req_content_length(const struct http_req *r);
const struct net_addr *http_req_peer(const struct http_req *r);
bool http_req_is_tls(const struct http_req *r);
/* This connection carries messages of a peer: from now on it may be idle for as long as it likes. */
void http_req_keep_connection(struct http_req *r);
/* Nobody waits for the answer to this request (libprocess peers read and drop it): it may be written up to 20 ms
 * late, together with others of the connection, which saves a system call for each. A peer that sends on while such an
 * answer is put off has shown that it waits for none: from then on up to half a second. */
void http_req_unhurried(struct http_req *r);
/* A free slot for the owner, NULL at first. */
void http_req_set_data(struct http_req *r, void *data);
void *http_req_data(const struct http_req *r);
/* arg of the callbacks below is the one given here; NULL fn removes. */
typedef void http_gone_fn(void *arg, struct http_req *r, enum http_gone why);
void http_req_on_gone(struct http_req *r, http_gone_fn *fn, void *arg);

/* --- the body (in on_head) ---------------------------------------------------------------------------- */
/* Another limit for this body than body_bytes_max. */
void http_body_collect(struct http_req *r, size_t bytes_max);
/* The same, with a function of its own in place of on_request. */
typedef void http_request_fn(void *arg, struct http_req *r);
void http_body_collect_to(struct http_req *r, size_t bytes_max, http_request_fn *fn, void *arg);
/* Gives the body as it comes (bytes), then once with end set (bytes empty). A gzip body is given inflated.
 * The exchange may be answered before, during (two-way) or after. Needs a gone callback. */
typedef void http_body_fn(void *arg, struct http_req *r, struct str bytes, bool end);
void http_body_stream(struct http_req *r, http_body_fn *fn, void *arg);
/* Stops and restarts reading of a streamed body: back-pressure towards the client. One that has left meanwhile is noticed within a
 * second or so: what is on the way still is then given as if nobody had paused, and after it the end. */
void http_body_pause(struct http_req *r);
void http_body_resume(struct http_req *r);

/* --- one-shot answers --------------------------------------------------------------------------------- */
/* Adds a header to the coming answer; name must be a literal token. Bytes below 32 in value become blanks.
 * Date, Content-Length, Transfer-Encoding, Content-Encoding and Connection are the module's. */
void http_reply_header(struct http_req *r, const char *name, struct str value);
/* Content-Disposition: a file to keep under the last component of path. */
void http_reply_attachment(struct http_req *r, struct str path);
/* Asks that the connection be closed after this answer. */
void http_reply_close(struct http_req *r);
/* Never compress this answer. */
void http_reply_no_gzip(struct http_req *r);
/* Answers and ends the exchange. content_type NULL: no such header (an empty answer must have none). The
 * body is copied. */
void http_reply(struct http_req *r, unsigned status, const char *content_type, struct str body);
/* The same, taking over the memory of body, which is empty afterwards. A failed sbuf becomes a 500. */
void http_reply_sbuf(struct http_req *r, unsigned status, const char *content_type, struct sbuf *body);
/* 200 with this JSON, or for ?jsonp=f with f(JSON) as text/javascript. Takes the memory of body. */
void http_reply_json(struct http_req *r, struct sbuf *body);
/* The same, moving the buffer's content without a copy. */
void http_reply_evbuffer(struct http_req *r, unsigned status, const char *content_type,
                         struct evbuffer *body);
/* text/plain; charset=utf-8 as the original's error texts are. */
void http_reply_text(struct http_req *r, unsigned status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The status of err's code and its message. */
void http_reply_error(struct http_req *r, const struct error *err);
/* 401 with WWW-Authenticate: Basic realm="...". */
void http_reply_unauthorized(struct http_req *r, const char *realm, const char *text);
/* 405 with Allow and the text of the original. */
void http_reply_not_allowed(struct http_req *r, const char *allow);

/* --- streamed answers --------------------------------------------------------------------------------- */
/* Sends the head: chunked, or until close for an HTTP/1.0 peer. Needs a gone callback. */
void http_stream_begin(struct http_req *r, unsigned status, const char *content_type);
/* One chunk per call. Returns 0, or -ERR_LIMIT when more than the cap waits already: the peer will be dropped
 * at the end of the turn and the gone callback called then (HTTP_GONE_SLOW); the bytes are not sent. So what
 * is buffered is bounded by the cap and one write. Empty: no effect. */
int http_stream_write(struct http_req *r, struct str bytes);
/* One chunk of two parts: a RecordIO length line and its record. */
int http_stream_write2(struct http_req *r, struct str first, struct str second);
/* Moves the content of b as one chunk. */
int http_stream_write_evbuffer(struct http_req *r, struct evbuffer *b);
/* Bytes that the kernel has not taken yet. */
size_t http_stream_pending(const struct http_req *r);
/* Another cap than stream_pending_bytes_max. */
void http_stream_set_cap(struct http_req *r, size_t bytes_max);
/* Called whenever everything written has been taken by the kernel. To pace a big answer: write a slice, and
 * the next when drained. Needs a gone callback. */
typedef void http_drained_fn(void *arg, struct http_req *r);
void http_stream_on_drained(struct http_req *r, http_drained_fn *fn, void *arg);
/* Ends the exchange properly. */
void http_stream_end(struct http_req *r);
/* Ends the exchange by closing the connection: the peer sees a cut-off answer. No gone callback. */
void http_abort(struct http_req *r);

/* --- bytes shared by many streams --------------------------------------------------------------------- */
/* An event encoded once for all its subscribers. */
struct http_blob;
/* Takes over the memory of b (one reference for the caller). NULL when b failed. */
struct http_blob *http_blob_new(struct sbuf *b);
struct http_blob *http_blob_copy(struct str bytes);
struct http_blob *http_blob_ref(struct http_blob *b);
void http_blob_unref(struct http_blob *b); /* NULL is fine */
struct str http_blob_bytes(const struct http_blob *b);
/* One chunk, without copying large ones. */
int http_stream_write_blob(struct http_req *r, struct http_blob *b);

/* --- routes ------------------------------------------------------------------------------------------- */
/* Longest path prefix on segment borders: /a/b/c is found by the route /a/b; a trailing slash is dropped
 * first. Returns the index of the route, or -1. stride is the size of one table entry, whose first member is
 * the const char * path. *ret_rest gets what follows the matched path (without its leading slash), raw. */
int http_route_find(const void *routes, size_t count, size_t stride, struct str path, struct str *ret_rest);

#endif
