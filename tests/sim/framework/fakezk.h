/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of ZooKeeper from within; the promise to its users is common/io/zk.h. Three files: what is under way
 * (fakezk_net.c), the session (fakezk.c), what is asked (fakezk_ops.c). */
#ifndef STOA_SIM_FAKEZK_H
#define STOA_SIM_FAKEZK_H

#include "common/base/hash.h"
#include "common/io/zk.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"

enum message_kind { UP_CONNECT, UP_ASK, DOWN_CONNECTED, DOWN_EXPIRED, DOWN_ANSWER, DOWN_WATCH, DOWN_END };

/* One message under way; all are in one list, so that those that nobody gets are released in the end. */
struct message {
    enum message_kind kind;
    uint64_t client;
    unsigned connection;
    int64_t session, timeout_ns;
    uint64_t op;
    bool watch; /* of UP_ASK: and tell when that changes */
    struct zreq q;
    struct zres r;
    char *path;
    struct message *next, *prev;
};

struct op {
    uint64_t n;
    enum zreq_kind kind;
    zk_done_fn *done;
    void *arg;
    bool exists_ok, sent, watch;
    struct zreq q; /* until it is sent */
    struct op *next, *prev;
};

struct watch {
    char *path;
    zk_done_fn *done;
    void *arg;
    uint64_t seen; /* version of the children; 0: not answered yet, and so no watch yet */
    uint64_t op;   /* that asked */
    struct watch *next, *prev;
};

struct zk {
    struct loop *loop;
    struct proc *p;
    uint64_t n, next_op;
    int64_t session, timeout_ns;
    bool connected, connecting, deaf;
    unsigned connection;
    struct mono heard, received; /* received: what the library goes by */
    int64_t up_at, down_at; /* of the latest message in each direction */
    bool up_lost, down_lost;
    struct op *ops;
    struct watch *watches;
    struct zk_listener *listeners;
    struct loop_timer timer;
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
    struct zk *next, *prev;
};

/* Of all processes of the history that runs. */
extern struct zk *fakezk_clients;
extern uint64_t fakezk_client_count;

/* --- fakezk_net.c */
struct message *fakezk_message(enum message_kind kind, const struct zk *zk);
void fakezk_release(struct message *m);
struct zk *fakezk_client(uint64_t n); /* NULL: its process is gone */
void fakezk_send_up(struct zk *zk, struct message *m);

/* --- fakezk.c */
void fakezk_arrive_down(struct sim *s, struct proc *p, void *arg, uint64_t unused);
struct op *fakezk_op(struct zk *zk, enum zreq_kind kind, const char *path, struct str data, zk_done_fn *done, void *arg);
void fakezk_send(struct zk *zk, struct op *o); /* or when it is connected */

#endif
