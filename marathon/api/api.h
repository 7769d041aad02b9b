/* SPDX-License-Identifier: Apache-2.0 */
/* The REST API: a request as a value in, an answer as a value out. No sockets here: the shell reads requests
 * and sends answers, tests call api_handle directly. Reads look into the core's tables; changes are events
 * handed to `step`.
 *
 * The answer must not leave before the records of the step it caused are durable: the shell queues it behind
 * them. Sources: marathon-api (endpoints, codes, texts, shapes), marathon-schemas. */
#ifndef STOA_MARATHON_API_H
#define STOA_MARATHON_API_H

#include "common/base/sbuf.h"
#include "common/io/http_util.h"
#include "marathon/core/marathon.h"

#include "marathon/api/httpstats.h"

struct flags;
struct marathon_flags;

struct api {
    struct marathon *m;
    const struct marathon_flags *flags;
    struct str version; /* "1.11.24": what clients parse */
    struct str buildref;
    const struct flags *flag_set; /* as given, for /config; NULL: none */
    struct str leader;            /* "host:port" of this instance */
    struct wall started_at;
    /* One event: the shell adds the time and takes the actions. *ret_result is valid until the next step. */
    int (*step)(void *ctx, const struct marathon_event *ev, const struct update_result **ret_result,
                struct error *err);
    /* To all event streams (api_post_event). */
    void (*publish)(void *ctx, const struct bus_event *e);
    struct wall (*wall)(void *ctx);
    struct mono (*mono)(void *ctx);
    void *ctx;
    /* Counters of the HTTP side, for /metrics. */
    struct http_stats http;
    uint64_t response_bytes;
    uint64_t streams, streams_dropped; /* event streams: open, and ended for being too slow */
};

struct api_request {
    enum http_verb verb;
    struct str path, query; /* raw */
    struct str target;      /* path and query as sent */
    struct str body, content_type, accept, host;
    struct str client;   /* address of the peer, without port */
    struct str if_match; /* empty: no condition */
};

enum { API_BODY_BYTES_MAX = 1 << 30 };

struct api_answer {
    unsigned status;
    const char *content_type; /* NULL: none */
    struct sbuf body;
    char deployment_id[UUID_TEXT_SIZE]; /* "": no Marathon-Deployment-Id header */
    struct sbuf location;               /* empty: none */
    char etag[40];                      /* "": none */
    const char *allow;                  /* of a 405 */
    void (*spill)(void *arg, struct sbuf *b); /* set before: long lists give the body away in pieces, once the status is known */
    bool head_sent;                     /* the spill's own note */
    bool is_stream;                     /* /v2/events: the shell opens a stream instead */
    bool is_abdication;                 /* DELETE /v2/leader: end the process after the answer */
    int64_t log_level_s;                /* POST /logging with durationSeconds: so long, then log_level_back again; 0: for good */
    int log_level_back;
    bool has_log_level;                 /* POST /logging */
};

void api_answer_init(struct api_answer *a);
void api_answer_done(struct api_answer *a);
void api_handle(struct api *api, const struct api_request *r, struct api_answer *a);

#endif
