/* SPDX-License-Identifier: Apache-2.0 */
/* A stream socket in the loop: one libevent event, an output buffer, TLS or not. Shared by the HTTP server,
 * the HTTP client and the message transport; nobody else needs it.
 *
 * Why not a bufferevent: it takes seven system calls per request instead of three and answers a turn later;
 * see docs/decisions/sockets-without-bufferevents.md. Reading goes straight into a buffer that all
 * connections share, and writing is tried at once; the write event is only armed when the kernel takes no
 * more. */
#ifndef STOA_IO_CONN_H
#define STOA_IO_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/event_struct.h>

#include "common/base/error.h"
#include "common/io/loop.h"
#include "common/io/net.h"

struct evbuffer;
struct ssl_st;
struct ssl_ctx_st;

enum { CONN_READ_SIZE = 64 * 1024 };

struct conn {
    struct event ev;
    struct loop *loop;
    struct ssl_st *ssl;                         /* NULL: plain */
    struct evbuffer *out;                       /* NULL until something is written */
    void (*on_ready)(struct conn *c, int what); /* LOOP_READ | LOOP_WRITE */
    int fd;
    unsigned char wanted;     /* LOOP_READ | LOOP_WRITE as asked for */
    unsigned char armed;      /* as told to libevent */
    bool tls_wants_write;     /* reading (or the handshake) waits for writability */
    bool tls_wants_read;      /* writing waits for readability */
    bool is_closed_for_write; /* shutdown was done */
    bool is_of_herd;          /* conn_herd */
    struct loop_work *herd;   /* reading has been put off; NULL otherwise */
};

/* Takes over fd (non-blocking). Nothing is wanted at first. */
void conn_init(struct conn *c, struct loop *loop, int fd, void (*on_ready)(struct conn *c, int what));
/* Closes and releases. Not within on_ready of this connection. Fine twice. */
void conn_done(struct conn *c);
/* Puts TLS on top. server: accept; else connect, with SNI and certificate check against host (terminated; a
 * numeric host is checked as an address). */
int conn_start_tls(struct conn *c, struct ssl_ctx_st *ctx, bool server, const char *host, struct error *err);
/* What matters on this connection goes one way: TCP need not confirm each piece that is read by a packet of its own. */
void conn_one_way(struct conn *c);
/* The peer is one of very many that may all send at once: reading is work of a herd (io/loop.h). */
void conn_herd(struct conn *c);
void conn_want(struct conn *c, int what); /* sets the wanted readiness */

enum { CONN_AGAIN = -1, CONN_FAILED = -2 };
/* Bytes read, 0 at the peer's end, CONN_AGAIN, or CONN_FAILED (errno says why when not TLS). */
ssize_t conn_read(struct conn *c, char *p, size_t n);
/* Bytes that TLS has decrypted but conn_read not yet given: readiness will not announce them. */
bool conn_has_pending(const struct conn *c);
struct evbuffer *conn_out(struct conn *c); /* made when needed */
size_t conn_out_size(const struct conn *c);
/* Writes what it can. Returns the bytes taken (0 or more), or CONN_FAILED. With bytes left it wants
 * LOOP_WRITE, else it stops wanting it. */
ssize_t conn_flush(struct conn *c);
/* Says to the peer that nothing follows (TLS close notify, FIN). */
void conn_shut_write(struct conn *c);

/* Why TLS failed, after CONN_FAILED. */
const char *conn_tls_error(const struct conn *c);

/* --- sockets ------------------------------------------------------------------------------------------ */
/* Non-blocking connect: *ret_fd, 0; the result shows as writability and conn_connect_result. */
int conn_connect(const struct net_addr *addr, const char *unix_path, int *ret_fd, struct error *err);
int conn_connect_result(int fd); /* 0 or errno */
void conn_names(int fd, struct net_addr *ret_local, struct net_addr *ret_remote);
/* A buffer of CONN_READ_SIZE that every connection may use within one call of its on_ready. */
char *conn_scratch(void);

#endif
