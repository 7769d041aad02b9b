/* SPDX-License-Identifier: Apache-2.0 */
/* The master's shell: sockets, clocks, the store and the log around the core. It decodes (master/wire), steps the core, and
 * carries the actions out. Its own concerns are connections: which request waits for an answer, which stream
 * belongs to whom, in what encoding. One loop, one thread.
 *
 * A message or request is stepped in its callback; what it makes us send is queued by msg and HTTP until the end of the
 * turn and leaves in one write per socket. Streams that end are told to the core at LOOP_STEP, never inside
 * another callback. */
#ifndef STOA_MASTER_SHELL_H
#define STOA_MASTER_SHELL_H

#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/io/credentials.h"
#include "common/io/firewall.h"
#include "common/io/flags.h"
#include "common/io/http.h"
#include "common/io/loop.h"
#include "common/io/metrics.h"
#include "common/io/msg.h"
#include "common/io/store.h"
#include "common/model/acl.h"
#include "master/election.h"
#include "master/flags.h"
#include "master/render.h"
#include "master/wire/decode.h"
#include "master/wire/view.h"

#define MASTER_VERSION "1.12.0" /* of the protocol and API that we speak: clients compare it */

enum realm { REALM_NONE, REALM_READONLY, REALM_READWRITE, REALM_SCHEDULER };

struct cJSON;
struct throttle;


/* A request that waits for the core's answer. */
struct parked {
    uint64_t n;
    struct http_req *r;
    UT_hash_handle hh;
};

/* An open or opening stream of a framework, or of an operator (watcher). */
struct stream {
    uint64_t n;
    struct shell *sh;
    struct http_req *r; /* NULL: the peer is gone */
    bool json, watcher;
    struct stream *next, *prev; /* shell->watchers; or shell->closed */
    char *principal;            /* of a watcher; NULL: none */
    struct mono heartbeat_at;   /* of a watcher */
    struct render_reader *first; /* of a watcher: its first event is being written */
    UT_hash_handle hh;
};

struct shell {
    struct master_flags flags;
    struct flags parsed;
    struct loop *loop;
    struct http_server *http;
    struct ssl_ctx_st *tls_in, *tls_out; /* NULL: plain */
    struct msg *msg;
    struct store *store; /* NULL while this master does not lead */
    struct election *election;
    bool restart;        /* begin again in the same process when the loop ends */
    struct master *m;
    struct rng rng;
    struct metrics *metrics;
    struct metric *run_timer, *run_latency, *store_timer, *fetch_timer;
    struct view view;
    struct sbuf master_info, flags_json;
    struct net_addr addr;       /* advertised */
    struct msg_pid self;
    char hostname[256];
    char pid[MSG_PID_TEXT_SIZE];
    struct credentials credentials;
    struct sasl *sasl;          /* sasl.c; NULL until somebody authenticates by messages */
    struct acls *acls;          /* --acls; NULL: everything is allowed */
    struct throttle *throttle;  /* --rate_limits; NULL: nobody is held up */
    struct firewall firewall;

    uint64_t next_handle;
    struct parked *parked;
    struct http_req *current;   /* answered directly when the core answers within the step */
    uint64_t current_n;
    bool current_answered;
    struct stream *streams;
    struct stream *watchers;    /* oldest first */
    unsigned watcher_count;
    struct stream *closed;      /* to be told to the core at LOOP_STEP */
    struct render *renders;     /* big answers under way, oldest first */
    unsigned render_readers;
    uint64_t renderings, watchers_dropped; /* so far */
    struct loop_work step_work;
    struct loop_timer timer, watch_timer, verbose_timer, whitelist_timer;
    struct sbuf whitelist;      /* the file as it was read last */
    struct mono wake_at;
    struct loop_watch *sig_int, *sig_term;
    struct sbuf out, text;      /* scratch for encoding */
    struct mono fetch_started;
    uint64_t dropped, http_requests;
    uint64_t alloc_runs;
    int verbose;                /* /logging/toggle */
    int exit_code;
    bool stopping;
};

/* The parts, from the ground up: a file calls those above its own section. */

/* --- turn.c --- */
void mshell_wake(struct shell *sh); /* a TICK at the end of this turn, if one is due */
struct view *mshell_view(struct shell *sh);
void mshell_fail(struct shell *sh, const char *event, const char *text); /* logs, stops, exit code 1 */

/* --- pipeline.c --- */
/* A v1 pipeline: method, Content-Type, body. False: answered. */
bool api_begin(struct http_req *r, bool *ret_json);
/* Whether the answer is to be JSON; false: answered with 406. */
bool api_accept(struct http_req *r, bool *ret_json);
void reply_empty(struct http_req *r, unsigned status);
void stream_write_record(struct http_req *r, struct str record); /* with its length in front */

/* --- sasl.c: agents and old drivers --- */
bool sasl_begin(struct shell *sh, const struct msg_in *in);   /* false: not AuthenticateMessage */
bool sasl_message(struct shell *sh, const struct msg_in *in); /* false: not for a session that is there */
void sasl_forget(struct shell *sh, struct str pid);
struct str sasl_principal(const struct shell *sh, struct str pid); /* empty: not authenticated */
/* Whether the message may be stepped under --authenticate_agents and --authenticate_frameworks; a subscription may, to be refused. */
bool sasl_required(const struct shell *sh, struct decoded *d, struct str pid);
void sasl_free(struct shell *sh);

/* --- auth.c --- */
int auth_load(struct shell *sh, struct error *err);
void auth_done(struct shell *sh);
/* False: answered with 401. *ret_principal points into buf. */
bool auth_check(struct shell *sh, struct http_req *r, enum realm realm, char *buf, size_t size, struct str *ret_principal);
/* Whether --acls allow it; else r is answered with 403. */
bool auth_allows(struct shell *sh, struct http_req *r, enum acl_action action, struct str principal);

/* --- files.c --- */
void master_files(struct shell *sh, struct http_req *r, struct str rest, struct str principal);
void master_logging(struct shell *sh, struct http_req *r, struct str rest, struct str principal);
void master_system(struct shell *sh, struct http_req *r, struct str rest, struct str principal);
/* GET_LOGGING_LEVEL, SET_LOGGING_LEVEL, LIST_FILES, READ_FILE: body is the packed call. */
void api_files(struct shell *sh, struct http_req *r, int call_type, struct str call, bool json);
void files_init(struct shell *sh);

/* --- throttle.c: --rate_limits --- */
struct throttle_next { /* where that goes which is let through */
    void (*message)(struct shell *sh, const struct msg_in *in);
    void (*exited)(struct shell *sh, const struct msg_pid *pid);
};
int throttle_load(struct shell *sh, const struct throttle_next *next, struct error *err);
void throttle_free(struct shell *sh);
/* True: it is not to be handled now; it comes through next in its turn, or its driver has been told that it is dropped. */
bool throttle_holds(struct shell *sh, const struct msg_in *in);
/* True: messages of pid wait; its exit is told behind them. */
bool throttle_holds_exit(struct shell *sh, const struct msg_pid *pid);
/* Messages of the principal that came and were not handled. */
uint64_t throttle_unhandled(const struct shell *sh, const char *principal);

/* --- streams.c --- */
struct stream *stream_new(struct shell *sh, struct http_req *r, bool json, bool watcher);
void stream_open(struct shell *sh, const struct master_action *a);
void stream_event(struct shell *sh, const struct master_action *a);
void stream_close(struct shell *sh, uint64_t n);
/* An event for the core about a stream that ended; false: there is no more. */
bool streams_next_closed(struct shell *sh, struct master_event *ret);
void streams_watch(struct shell *sh, const struct master_action *a);
/* The core has to be told then that somebody watches. */
void watcher_add(struct shell *sh, struct http_req *r, bool json, struct str principal);
void streams_init(struct shell *sh);

/* --- shell.c --- */
/* Steps the core with ev (time is filled in) and carries the actions out. */
void mshell_step(struct shell *sh, struct master_event *ev);
/* The same for an event that answers request r, now or later. */
void mshell_step_request(struct shell *sh, struct master_event *ev, struct http_req *r);
void mshell_timers_init(struct shell *sh);
extern const struct msg_handler mshell_msg_handler;
extern const struct throttle_next mshell_throttle_next;

/* --- api.c --- */
void api_scheduler(struct shell *sh, struct http_req *r, struct str principal);
void api_operator(struct shell *sh, struct http_req *r, struct str principal);

/* --- endpoints.c --- */
struct endpoint {
    const char *path;
    enum realm realm;
    bool leader; /* answered by the leader alone */
    bool exact;  /* no further path segments */
    void (*fn)(struct shell *sh, struct http_req *r, struct str rest, struct str principal);
};
extern const struct endpoint master_endpoints[];
extern const size_t master_endpoint_count;

/* --- metrics.c --- */
void metrics_answer(struct shell *sh, struct http_req *r, bool prometheus);
void api_metrics(struct shell *sh, struct http_req *r, bool json);

/* --- http.c --- */
void http_init_handler(struct http_handler *h);
/* Answers r, now or later. */
void http_request(struct shell *sh, struct http_req *r);

#endif
