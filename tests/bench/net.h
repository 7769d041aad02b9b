/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of the benchmark driver: as little as possible between the kernel and the simulated peers, so that the
 * driver is not what is measured. One epoll, one connection struct, HTTP messages cut out of the input by hand.
 * It trusts its peer: malformed input ends the run. */
#ifndef STOA_BENCH_NET_H
#define STOA_BENCH_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"

struct conn;

/* One HTTP message (request or response) or, on a stream, one piece of its body. */
struct http_in {
    struct str start; /* request or status line; empty for a piece of a stream */
    struct str from;  /* Libprocess-From, if any */
    struct str stream_id;
    struct str body;
};

typedef void conn_message_fn(struct conn *c, const struct http_in *m);
typedef void conn_accept_fn(int fd, void *owner);

struct conn {
    int fd;
    bool is_listener, is_stream, in_stream, want_write, dirty;
    /* Every request on it gets 202. As in the peers that are simulated nobody waits for these answers, so they go out
     * ANSWERS_AT_ONCE at a time, or with what else is sent, or after half a second. */
    bool answers_202, is_owing;
    unsigned owed;
    struct sbuf in, out;
    size_t in_at, out_at;
    conn_message_fn *message;
    conn_accept_fn *accept;
    void *owner;
    struct conn *next_dirty, *next_owing;
};

void net_init(void);
int64_t net_now_ns(void);
/* Listens on ip with a port of the kernel's choice; returns the port. */
uint16_t net_listen(uint32_t ip, conn_accept_fn *fn, void *owner);
struct conn *net_adopt(int fd, conn_message_fn *fn, void *owner);
struct conn *net_connect(const struct sockaddr_in *to, uint32_t from_ip, conn_message_fn *fn, void *owner);
/* True: a connection that its peer closes is dropped, what is sent on it too; else that ends the run. */
extern bool net_may_close;
/* Buffers bytes; they are written at the end of the turn. */
void net_send(struct conn *c, struct str bytes);
struct sbuf *net_out(struct conn *c); /* append here, then net_touch */
void net_touch(struct conn *c);
/* One turn: waits at most timeout_ms, handles input, writes output. */
void net_turn(int timeout_ms);
void net_turn_us(int64_t timeout_us);
_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A libprocess message in HTTP framing. */
void net_message(struct conn *c, const char *to, const char *host, const char *from, const char *name, struct str body);

#endif
