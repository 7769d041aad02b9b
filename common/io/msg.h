/* SPDX-License-Identifier: Apache-2.0 */
/* The message transport between master, agents and old drivers: libprocess' HTTP framing. A message is a POST
 * to
 * /<receiver id>/<message name> on the receiver's HTTP server, sent over a connection that goes one way; what
 * comes back on it (202 lines) is read and dropped. Delivery is at most once, in order per peer.
 *
 * Messages to one peer in one turn leave in one write. A connection to a peer is opened by the first message
 * or link and kept; without a link it is closed after idle_timeout_ns. When it fails or closes, what was
 * queued is lost (counted), and each linked pid of that address is reported exited, once per link. Source:
 * reference of the wire protocol, sections on transport and linking. */
#ifndef STOA_IO_MSG_H
#define STOA_IO_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/io/http.h"
#include "common/io/loop.h"
#include "common/io/net.h"

enum { MSG_ID_MAX = 255 };

/* The address of a process: id@ip:port. A plain value. */
struct msg_pid {
    struct net_addr addr;
    char id[MSG_ID_MAX + 1];
};
enum { MSG_PID_TEXT_SIZE = MSG_ID_MAX + 1 + NET_TEXT_SIZE };

/* Numeric addresses only. False on anything else. */
bool msg_pid_parse(struct str s, struct msg_pid *ret);
bool msg_pid_make(struct str id, const struct net_addr *addr,
                  struct msg_pid *ret); /* false: id is empty or too long */
void msg_pid_text(const struct msg_pid *p, char ret[MSG_PID_TEXT_SIZE]);
bool msg_pid_eq(const struct msg_pid *a, const struct msg_pid *b);
bool msg_pid_is_set(const struct msg_pid *p);

struct msg;

/* Zero means the default in brackets. */
struct msg_options {
    unsigned peers_max; /* [20000] outgoing connections; sending to a further peer fails with LIMIT */
    size_t peer_queue_bytes_max; /* [16 MiB] unsent bytes per peer; sending more fails with LIMIT */
    size_t body_bytes_max;       /* [16 MiB] of a received message: 413 */
    int64_t connect_timeout_ns;  /* [10 s] */
    int64_t idle_timeout_ns;     /* [60 s] of an outgoing connection without links */
    int64_t write_stall_ns;      /* [60 s] with bytes to send and none taken: the connection is given up */
    bool require_peer_ip_match;  /* [false] 400 when the sender's pid has another ip than the socket's peer */
    struct ssl_ctx_st *tls;      /* NULL: plain */
};

struct msg_in {
    struct msg_pid from; /* unset (msg_pid_is_set) when the sender header was no pid */
    struct str to;       /* receiver id, percent-decoded */
    struct str name;     /* "mesos.internal.RegisterSlaveMessage" */
    struct str body;     /* serialized protobuf; valid during the callback */
};

struct msg_handler {
    /* A message. True: this process exists (202, whatever became of the message); false: 404. */
    bool (*on_message)(void *ctx, const struct msg_in *m);
    /* A linked pid's connection is gone. The link is removed before the call. Called at LOOP_FREE, never
     * inside msg_send or msg_link. May be NULL. */
    void (*on_exited)(void *ctx, const struct msg_pid *pid);
};

int msg_new(struct msg **ret_msg, struct loop *loop, const struct msg_options *options,
            const struct msg_handler *handler, void *ctx, struct error *err);
void msg_free(struct msg *m); /* what is queued is flushed as far as the sockets take it; NULL is fine */

/* --- out ---------------------------------------------------------------------------------------------- */
/* Queues a message for the end of this turn. 0, or -ERR_LIMIT (peers_max, peer_queue_bytes_max), counted. */
int msg_send(struct msg *m, const struct msg_pid *from, const struct msg_pid *to, struct str name,
             struct str body);
/* The same without another copy: returns the buffer that takes body_size bytes, filled by the caller at once.
 * NULL on LIMIT. */
char *msg_send_room(struct msg *m, const struct msg_pid *from, const struct msg_pid *to, struct str name,
                    size_t body_size);
/* The same for a message that nothing waits for: it leaves with the next one to this peer, or after 20 ms. */
int msg_send_later(struct msg *m, const struct msg_pid *from, const struct msg_pid *to, struct str name,
                   struct str body);
/* Opens (or reuses) the connection to pid's address. Linking twice is one link. */
int msg_link(struct msg *m, const struct msg_pid *pid);
/* A new connection in place of the present one, as a reconnect link does. */
int msg_relink(struct msg *m, const struct msg_pid *pid);
void msg_unlink(struct msg *m, const struct msg_pid *pid);

/* --- in ----------------------------------------------------------------------------------------------- */
/* To be called first in the on_head of the HTTP server. True: this was a message (POST with User-Agent
 * "libprocess/..." or a Libprocess-From header); it is taken over and answered here. */
bool msg_take(struct msg *m, struct http_req *r);
/* Whether a request is one, without taking it. */
bool msg_is_message(const struct http_req *r);

struct msg_stats {
    uint64_t sent, received, unknown_receiver; /* messages */
    uint64_t dropped_limit,
        dropped_closed; /* not sent: over a limit; lost with their connection (lower bound) */
    unsigned peers, links;
    size_t queued_bytes;
};
void msg_stats(const struct msg *m, struct msg_stats *ret);

#endif
