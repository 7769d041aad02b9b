/* SPDX-License-Identifier: Apache-2.0 */
/* The process around the core: store, HTTP, the scheduler library, probes.
 *
 * Order of a turn. Callbacks step the core at once; what a step gives out is encoded at once (its memory
 * lives until the next step) and queued: store operations in the turn's batch, everything else in its list of
 * outputs. At the end of the turn the batch is committed; when it is durable its outputs are carried out, in
 * order. A turn without store operations waits for the turns before it. So nothing leaves - no launch, kill,
 * acknowledgement, event, answer - before the records that it rests on are durable, and the order of
 * everything is the order of the steps. */
#ifndef STOA_MARATHON_SHELL_H
#define STOA_MARATHON_SHELL_H

#include "common/base/hash.h"
#include "common/io/http.h"
#include "common/io/http_client.h"
#include "common/io/loop.h"
#include "common/io/store.h"
#include "common/io/worker.h"
#include "marathon/api/api.h"
#include "marathon/flags.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

struct shell;

/* One thing to do once the records before it are durable. fn frees what it holds; it is called with run false
 * when the process ends first. */
struct output {
    void (*fn)(struct shell *sh, struct output *o, bool run);
    struct output *next;
};

struct turn {
    struct shell *sh;
    struct store_batch *batch;
    struct output *first, **last;
    unsigned commits; /* asked for and not durable yet */
    bool closed;
    struct turn *next;
};

struct marathon_election;
struct passed;
struct chunked; /* a record that is larger than the store takes in one piece */
struct stream;

struct shell {
    struct loop *loop;
    struct flags flag_set;
    struct marathon_flags flags;
    struct marathon_config config;
    struct marathon *m;
    struct marathon_actions actions;
    struct rng rng;
    struct api api;
    char leader[300];
    struct store *store;
    struct turn *turn;                /* the open one */
    struct turn *turns, **turns_last; /* closed ones that are not carried out yet */
    struct loop_work end_of_turn;
    void (*commit_failed)(struct shell *sh, const struct error *err);
    void (*refuse_waiting)(struct shell *sh); /* 503 to all that wait for records; NULL: nobody can */
    struct loop_timer wake, heartbeat, log_level;
    int log_level_back; /* what the level is again when log_level fires */
    struct loop_watch *signals[2];
    struct chunked *chunked;
    void (*loaded)(struct shell *sh); /* called when the state is */
    struct sbuf key, value; /* scratch for records */
    struct http_server *http, *https; /* NULL: not served that way */
    struct ssl_ctx_st *tls_in;        /* of https */
    struct http_blob *shared; /* the latest large answer to a read; NULL when something has changed since */
    const char *shared_type;
    char shared_target[512], shared_accept[128], shared_etag[40];
    uint64_t changes;                   /* how often something may have changed */
    struct bigread *bigreads;       /* large answers that a child writes */
    size_t bigread_readers;
    struct stream *streams;
    struct ring *ring; /* of events; NULL: nobody has listened yet */
    size_t requests_open;
    struct http_client *client, *proxy_client; /* proxy_client: to the leader, with timeouts of its own */
    struct ssl_ctx_st *tls; /* of HTTPS checks */
    struct worker *worker;
    struct stoa_scheduler *scheduler;
    char home_region[256]; /* the master's; empty: none is known */
    /* A launch that could not be sent: the core hears of it as the master would say it. */
    void (*launch_failed)(struct shell *sh, const struct stoa_task *tasks, size_t n, enum task_state state, const char *why);
    char **roles; /* subscribed to */
    size_t role_count;
    const struct stoa_offer *offers; /* of the offers callback that is being stepped; NULL outside */
    size_t offer_count;
    struct marathon_election *election;
    struct passed *passed;      /* requests that the leader is asked */
    bool is_ready;              /* leads, state loaded */
    char store_error[256];      /* of a store that takes no records; "": it does (degraded.c) */
    bool read_only;             /* with store_error: reads are served */
    struct loop_timer degraded;
    int64_t check_pause_ns;
    void (*store_works)(struct shell *sh);
    bool restart;               /* begin again in the same process when the loop ends */
    bool stopping;
    int exit_code;
};

/* The parts, from the ground up: a file calls those above its own section; degraded.h, election.h and proxy.c stand between
 * sched_calls.c and shell.c. */

/* --- turn.c */
void marathon_shell_output(struct shell *sh, struct output *o);
void marathon_shell_turn_end(void *arg);
void marathon_shell_drop_turns(struct shell *sh); /* at the end: nothing of them is carried out */
void marathon_shell_stop(struct shell *sh, int exit_code);

/* --- answer.c */
void http_api_request(struct http_req *r, struct api_request *ret, char client[NET_TEXT_SIZE]);
void http_common_headers(struct shell *sh, struct http_req *r);
/* An answer without the API, as clients read errors: {"message":text}. */
void marathon_reply_message(struct http_req *r, unsigned status, const char *text);
/* The body of r without a copy. */
void http_reply_shared(struct http_req *r, unsigned status, const char *content_type, struct http_blob *blob);
void http_answer_blob(struct shell *sh, struct http_req *r, unsigned status, const char *content_type, struct http_blob *blob);
enum { SHARED_BYTES_MIN = 64 << 10 };
/* Large answers to reads are kept until the next step changes anything: a crowd that asks for all apps, at once or one after the
 * other, is given one rendering and one copy in memory. Not kept: what tells of the time that has passed. */
void http_shared_keep(struct shell *sh, struct str target, struct str accept, const char *content_type, const char *etag, struct http_blob *blob);
void http_shared_drop(struct shell *sh); /* something may have changed */

/* --- bigread.c */
bool bigread_fits(const struct shell *sh, const struct api_request *q);
typedef void bigread_here_fn(struct shell *sh, struct http_req *r); /* answers without a child, when none can be had */
bool bigread_answer(struct shell *sh, struct http_req *r, bigread_here_fn *here); /* false: too many wait already */
/* Ends all; those who wait are refused. */
void bigreads_end(struct shell *sh, void (*refuse)(struct shell *sh, struct http_req *r));

/* --- streams.c */
void streams_open(struct shell *sh, struct http_req *r);
void streams_publish(struct shell *sh, const struct bus_event *e); /* after what was queued before */
void streams_close(struct shell *sh);

/* --- probe.c */
typedef void probe_done_fn(struct shell *sh, const struct probe_event *result); /* never from inside probe_start */
void probe_start(struct shell *sh, const struct probe_request *p, probe_done_fn *done);

/* --- sched_calls.c */
void sched_action(struct shell *sh, const struct marathon_action *a);

/* --- persist.c */
int persist_open(struct shell *sh, struct error *err);
void persist_load(struct shell *sh, void (*done)(struct shell *sh));
void persist_ops(struct shell *sh); /* of the step that just ran */
void persist_close(struct shell *sh);

/* --- shell.c */
int marathon_shell_step(struct shell *sh, struct marathon_event *ev, struct error *err);

/* --- sched.c */
int sched_open(struct shell *sh, struct error *err);
void sched_close(struct shell *sh);
void sched_roles(struct shell *sh); /* of the step that just ran: its apps may have brought a new role */

/* --- http.c */
int http_open(struct shell *sh, struct error *err);
void http_close(struct shell *sh);

#endif
