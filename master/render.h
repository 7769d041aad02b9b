/* SPDX-License-Identifier: Apache-2.0 */
/* Big answers: /state, /tasks, /slaves, /frameworks, /state-summary, GET_STATE and its parts, the first event of an operator's
 * stream. A small cluster's answer is written at once, with a length and gzip. A big one is written by a forked child, which has the
 * books as they were at that moment whatever happens to them meanwhile, and comes back through a pipe: the loop only moves
 * pieces to sockets. docs/decisions/big-answers-from-a-fork.md tells why.
 *
 * Requests for the same document share a rendering when nothing was stepped between them, or when it has not begun. One rendering
 * runs at a time; others start beside it only while slow readers hold it up. What waits for a slow reader is bounded: reading from
 * the pipe stops at AHEAD (the child then waits in its write), a reader that falls behind a faster one of the same rendering by
 * PENDING is dropped and counted, and a rendering ends after TIME. */
#ifndef STOA_MASTER_RENDER_H
#define STOA_MASTER_RENDER_H

#include "master/wire/view.h"

struct http_req;
struct http_blob;
struct shell;
struct stream;
struct render_reader;

enum {
    RENDER_INLINE_UNITS = 300,       /* tasks, or so: an answer that takes less is written at once (about 2 ms) */
    RENDER_PIECE_BYTES = 256 << 10,  /* moved in one turn, to up to four readers; less to each of more, */
    RENDER_PIECE_BYTES_MIN = 64 << 10,
    RENDER_AHEAD_MAX = 32 << 20,     /* bytes that wait for the fastest reader before the child has to wait */
    RENDER_PENDING_MAX = 64 << 20,   /* bytes that wait for one reader before it is dropped */
    RENDER_RUNNING_MAX = 4,          /* children */
    RENDER_READERS_MAX = 2000,       /* of all renderings; more get 503 */
    RENDER_TIME_MAX_S = 120,
};

enum render_what { RENDER_STATE, RENDER_SUMMARY, RENDER_SLAVES, RENDER_FRAMEWORKS, RENDER_TASKS, RENDER_WHY, RENDER_V1, RENDER_SUBSCRIBED };

struct render_doc { /* what is asked for: equal documents are equal bytes */
    enum render_what what;
    struct str principal; /* who asks; lent. Of no matter without --acls */
    int call_type;       /* of V1 */
    bool json;           /* of V1 and SUBSCRIBED */
    struct view_query q; /* of the lists; lent */
    struct str jsonp;    /* empty: none; lent */
};

/* Answers r, now or later. */
void render_answer(struct shell *sh, struct http_req *r, const struct render_doc *doc);

/* What the owner of a stream is told: its first event is written, or cannot be. */
struct render_follow {
    void (*written)(struct stream *s);
    void (*cut)(struct stream *s);
};

/* The first event of an operator's stream, which has begun: written at once, or s->first is set until it has been written; the
 * stream must then hold other records back with render_hold, and call render_forget when the peer leaves. */
void render_first_event(struct shell *sh, struct stream *s, const struct render_follow *then);
/* False: more waits than bytes_max. */
bool render_hold(struct render_reader *reader, struct http_blob *b, size_t bytes_max);
void render_forget(struct render_reader *reader);

/* Ends all; at the end of the program, after the HTTP server's end. */
void renders_done(struct shell *sh);

#endif
