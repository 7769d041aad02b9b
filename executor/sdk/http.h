/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 client for talking to the agent and for HTTP checks: plain TCP or a unix socket, one request at a time
 * per connection, more wait in order. Chunked and counted bodies, streamed or collected. */
#ifndef STOA_EXECUTOR_SDK_HTTP_H
#define STOA_EXECUTOR_SDK_HTTP_H

#include <http_parser.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "executor/sdk/ev.h"

enum { XHTTP_BODY_MAX = 16 << 20, XHTTP_QUEUE_MAX = 20000 };

struct xhttp_endpoint {
    char unix_path[108]; /* "": TCP */
    char host[64];       /* an address, or "localhost" */
    uint16_t port;
    bool v6;
};
bool xhttp_endpoint_parse(struct str s, struct xhttp_endpoint *ret); /* "ip:port" or "[v6]:port" */

/* status 0: no answer, err says why. */
typedef void xhttp_done_fn(void *arg, unsigned status, struct str body, const struct error *err);
/* Part of a streamed body; the first call, with no bytes, comes with the head. */
typedef void xhttp_data_fn(void *arg, unsigned status, struct str bytes);

struct xhttp_request {
    char *bytes;          /* head and body, owned */
    size_t n;
    xhttp_done_fn *done;
    xhttp_data_fn *data;  /* NULL: collected */
    void *arg;
    struct xhttp_request *next, *prev;
};

struct xhttp {
    struct ev *ev;
    struct xhttp_endpoint to;
    int fd;
    struct ev_watch *watch;
    bool connecting, keep_alive, got_head, complete, started;
    bool reused; /* the request in flight went out on a kept-alive connection */
    struct xhttp_request *queue; /* the head is in flight when started */
    size_t queued, sent;
    struct sbuf body;
    http_parser parser;
    bool in_callback, closed_in_callback;
    struct ev_timer failing; /* a connection that failed at once, as those to a socket file do: told in the next turn */
    int failing_errno;
};

void xhttp_init(struct xhttp *c, struct ev *ev, const struct xhttp_endpoint *to);
void xhttp_done(struct xhttp *c);  /* no callbacks */
void xhttp_close(struct xhttp *c); /* drops the connection and all requests, without callbacks */
/* method "POST", target with query; headers: complete lines with CRLF; body copied. */
void xhttp_send(struct xhttp *c, const char *method, const char *target, const char *headers, struct str body,
                xhttp_done_fn *done, xhttp_data_fn *data, void *arg);

#endif
