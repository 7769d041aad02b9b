/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct stoa_scheduler: the shell around core/session. Not for other folders.
 *
 * From the top down; a file calls those below it:
 * scheduler.c  making, running, ending; carries out the session's actions; the stream
 * events.c     decoded events to callbacks; acknowledgements
 * calls.c      the calls of the public header
 * send.c       the ordered lane of calls and their answers
 * state.c      log, framework, the end of a stream */
#ifndef STOA_SDK_SCHEDULER_INT_H
#define STOA_SDK_SCHEDULER_INT_H

#include "common/base/arena.h"
#include "common/base/rng.h"
#include "common/base/sbuf.h"
#include "common/io/detector.h"
#include "common/io/http_client.h"
#include "common/io/loop.h"
#include "common/wire/recordio.h"
#include "scheduler-sdk/core/decode.h"
#include "scheduler-sdk/core/encode.h"
#include "scheduler-sdk/core/errors.h"
#include "scheduler-sdk/core/session.h"
#include "scheduler-sdk/include/stoa/scheduler.h"

enum {
    SDK_ID_MAX = 256,        /* framework ids have at most 255 bytes */
    SDK_STREAM_ID_MAX = 129, /* the protocol's limit is 128 */
    SDK_REFUSAL_MAX = 1024   /* bytes kept of the text of a refused subscription */
};

/* Numbers of mesos.v1.scheduler.Call.Type. */
enum sdk_call_type {
    SDK_CALL_SUBSCRIBE = 1,
    SDK_CALL_TEARDOWN = 2,
    SDK_CALL_ACCEPT = 3,
    SDK_CALL_DECLINE = 4,
    SDK_CALL_REVIVE = 5,
    SDK_CALL_KILL = 6,
    SDK_CALL_SHUTDOWN = 7,
    SDK_CALL_ACKNOWLEDGE = 8,
    SDK_CALL_RECONCILE = 9,
    SDK_CALL_MESSAGE = 10,
    SDK_CALL_REQUEST = 11,
    SDK_CALL_SUPPRESS = 12,
    SDK_CALL_ACCEPT_INVERSE_OFFERS = 13,
    SDK_CALL_DECLINE_INVERSE_OFFERS = 14,
    SDK_CALL_ACKNOWLEDGE_OPERATION_STATUS = 15,
    SDK_CALL_RECONCILE_OPERATIONS = 16,
    SDK_CALL_UPDATE_FRAMEWORK = 17
};

/* FrameworkInfo and what else a subscription says. */
struct sdk_framework {
    struct sbuf info;        /* without id */
    struct sbuf constraints; /* OfferConstraints; empty: none */
    char **roles;            /* of info; owned */
    size_t role_count;
};

struct sdk_call;
struct sdk_after;

struct stoa_scheduler {
    struct stoa_callbacks cb;
    void *user;
    enum stoa_content content;
    bool explicit_acks;
    size_t queued_bytes_max;

    struct loop *loop;
    struct event_base *base; /* the caller's; NULL: the loop has its own */
    struct http_client *http;
    bool by_https;             /* the masters were given so */
    struct ssl_ctx_st *tls;    /* NULL: plain HTTP */
    struct loop_timer timer;   /* at session.wake_at */
    struct detector *detector; /* NULL: masters are given by address */
    char detected[256];        /* id of the master found last */
    struct loop_work drained_work;
    struct loop_work lane_work; /* the connection for calls is gone, and calls with it: */
    unsigned lane_attempt;      /* that of this subscription */
    char lane_text[300];
    struct rng rng;
    struct session session;

    struct sdk_framework framework, update; /* update: sent by UPDATE_FRAMEWORK, not answered yet */
    bool update_open;
    struct suppressed suppressed;
    unsigned suppressed_sent;      /* its version that the master was told */
    char framework_id[SDK_ID_MAX]; /* "" before the first subscription */
    char stream_id[SDK_STREAM_ID_MAX];
    char *authorization; /* header value; NULL: none */

    struct http_call *stream; /* NULL: none */
    unsigned stream_attempt;
    unsigned stream_status;
    struct net_addr peer; /* the stream's; calls go there */
    struct recordio records;
    struct sbuf refusal, location;
    char record_text[300];                        /* what is wrong with the last record */
    struct sbuf event_bytes;                      /* of a JSON event */
    struct arena arena;                           /* of the event that is being delivered */
    struct stoa_subscribed subscribed;            /* the latest; its texts live as long as its record */
    const struct stoa_subscribed *subscribed_now; /* during the step that takes SUBSCRIBED */

    struct sdk_call *calls; /* not answered yet */
    size_t call_count, queued_bytes;
    struct sdk_after *afters;
    bool torn_down; /* TEARDOWN is sent: the master knows us no more, further calls are not worth sending */
    char error_text[256]; /* why it ended, for stoa_scheduler_run */
};

/* state.c */
void sdk_log(struct stoa_scheduler *s, int level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void sdk_drop_stream(struct stoa_scheduler *s);
void sdk_framework_done(struct sdk_framework *f);
int sdk_framework_init(struct sdk_framework *f, const struct stoa_options *o, struct error *err);

/* send.c */
/* Whether calls can be sent now; err says why not. */
int sdk_may_call(const struct stoa_scheduler *s, const char *what, struct error *err);
/* Begins a call: framework id and type. */
void sdk_call_begin(const struct stoa_scheduler *s, struct sbuf *b, enum sdk_call_type type);
/* Sends the call's bytes. */
int sdk_call_send(struct stoa_scheduler *s, enum sdk_call_type type, const struct sbuf *b, struct error *err);
void sdk_calls_done(struct stoa_scheduler *s); /* forgets all, when the client is gone */
const char *sdk_call_name(enum sdk_call_type type);
/* The SUBSCRIBE call. */
void sdk_subscribe_bytes(struct stoa_scheduler *s, struct sbuf *b);
/* Body of SUBSCRIBE and UPDATE_FRAMEWORK. */
void sdk_put_framework(const struct stoa_scheduler *s, struct sbuf *b, uint32_t number,
                       const struct sdk_framework *f);
/* Fills in headers; returns how many. accept NULL: none. */
size_t sdk_headers(const struct stoa_scheduler *s, struct http_header out[4], bool with_stream);
const char *sdk_content_type(const struct stoa_scheduler *s);
/* Where to connect: the peer of the stream, or the session's address. False when it is no address. */
void sdk_target(const struct stoa_scheduler *s, bool to_peer, struct http_call_params *p);

/* calls.c */
/* Tells the master which roles are suppressed, after a subscription that did not say the latest. */
void sdk_send_suppressed(struct stoa_scheduler *s);
int sdk_acknowledge(struct stoa_scheduler *s, const char *agent_id, const char *task_id,
                    struct stoa_bytes uuid, struct error *err);
int sdk_acknowledge_operation(struct stoa_scheduler *s, const struct stoa_operation_status *status,
                              struct error *err);

int sdk_teardown(struct stoa_scheduler *s, struct stoa_error *err);

/* events.c: one record of the stream. True: *ret is what the session is to be told. It and the arena's
 * contents hold until the next record. A record that is no event ends the stream. */
bool sdk_record(struct stoa_scheduler *s, struct str record, struct session_event *ret);

#endif
