/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a framework's subscription: which master to ask, when to ask again, when a silent connection
 * counts as dead, and when it is over for good. Pure: events in, actions out; no sockets, no clock, no
 * protobuf.
 *
 *                 START            200, then SUBSCRIBED
 *        IDLE ----------> CONNECTING ----------------> SUBSCRIBED
 *                          ^   |  307: other address       |
 *                  TICK    |   |                           | end of stream, or silence for heartbeats_missed
 * intervals |   v  no answer, 5xx           v WAITING <-------------------------+
 *
 * With masters "zk://..." or "file://..." the shell finds the leading one and tells it by MASTER: IDLE waits for the first, WAITING
 * and CONNECTING turn to it at once, SUBSCRIBED gives the old one up.
 *
 *        any --- STOP ---> STOPPING (SUBSCRIBED before: calls are being written) ---> ENDED
 *        any --- ERROR event, or an answer that asking again would not change (400, 401, 403, 406, 415) --->
 * ENDED
 *
 * The shell carries out the actions in their order, reports what happens by events, and calls with TICK at
 * wake_at. Each connection attempt has a number; an event of an older attempt is ignored, so late news of a
 * connection given up do no harm. Events lend; what actions point to is the session's and valid until the
 * next step. */
#ifndef STOA_SDK_CORE_SESSION_H
#define STOA_SDK_CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/base/time.h"

enum {
    SESSION_MASTERS_MAX = 16,
    SESSION_ADDRESS_MAX = 320, /* "host:port" */
    SESSION_REDIRECTS_MAX = 5, /* in a row, before it counts as a failure */
    SESSION_ROLES_MAX = 1024,  /* suppressed roles remembered */
    SESSION_LATE_MAX = 3,      /* given-up SUBSCRIBE calls that are reckoned with */
    SESSION_LATE_S = 60,       /* after a subscription, for them to arrive */
    SESSION_PORT_DEFAULT = 5050
};

enum session_state {
    SESSION_IDLE,
    SESSION_WAITING,
    SESSION_CONNECTING,
    SESSION_SUBSCRIBED,
    SESSION_STOPPING,
    SESSION_ENDED
};

struct session_config {
    int64_t backoff_min_ns, backoff_max_ns;
    int64_t connect_timeout_ns;
    int64_t drain_timeout_ns; /* for calls that wait to be written when stopping */
    unsigned heartbeats_missed;
};

enum session_event_type {
    SESSION_EV_START,
    SESSION_EV_TICK,
    SESSION_EV_ANSWER,     /* status and location of the answer to SUBSCRIBE */
    SESSION_EV_SUBSCRIBED, /* framework_id and heartbeat_ns */
    SESSION_EV_HEARD,      /* any other event came */
    SESSION_EV_CLOSED,     /* the stream ended, or the connection could not be made; text says why */
    SESSION_EV_ERROR,      /* an ERROR event; text is its message */
    SESSION_EV_MASTER, /* text: "host:port" of the master that leads now; another than before */
    SESSION_EV_STOP,
    SESSION_EV_DRAINED /* all calls are written and answered */
};

struct session_event {
    enum session_event_type type;
    struct mono now;
    unsigned attempt;    /* of ANSWER, SUBSCRIBED, HEARD, CLOSED, ERROR: the one of its SESSION_CONNECT */
    unsigned status;     /* HTTP */
    struct str location; /* of a 307: "//host:port/path" or a full URL */
    struct str text;
    int64_t heartbeat_ns;
    bool unanswered; /* of CLOSED: nothing came back in time; the call may yet arrive */
};

enum session_action_type {
    SESSION_CONNECT,    /* send SUBSCRIBE to address; the attempt goes into its events */
    SESSION_DISCONNECT, /* give the current connection up */
    SESSION_TELL_SUBSCRIBED,
    SESSION_TELL_DISCONNECTED, /* text: why */
    SESSION_TELL_ERROR,        /* text: the message */
    SESSION_LOG,               /* text, level as in the public header */
    SESSION_END                /* nothing more will happen; failed says whether by error */
};

struct session_action {
    enum session_action_type type;
    const char *address;
    unsigned attempt;
    int level;
    char text[400];
};

enum { SESSION_ACTIONS_MAX = 6 };

struct session_actions {
    struct session_action list[SESSION_ACTIONS_MAX];
    size_t count;
};

struct session {
    struct session_config config;
    enum session_state state;
    char masters[SESSION_MASTERS_MAX][SESSION_ADDRESS_MAX];
    size_t master_count;
    size_t master_next;                /* index of the one to ask next */
    char address[SESSION_ADDRESS_MAX]; /* asked, or connected to */
    unsigned redirects;                /* followed in this attempt to find the leader */
    unsigned failures;                 /* since the last subscription: grows the pause */
    unsigned attempt;
    bool was_subscribed; /* at least once */
    bool started;        /* waiting for the first MASTER */
    bool failed;         /* ended by an error */
    /* A SUBSCRIBE that was given up without an answer may lie in the queue of a master that stood still. It takes over from the
     * newer subscription when it is read, and that one is told "Framework failed over", though nobody else is there. So many
     * times within the first minute this is taken as the end of the connection, not of the framework. */
    unsigned late;
    struct mono subscribed_at;
    int64_t heartbeat_ns;
    struct mono wake_at; /* MONO_NEVER: no TICK wanted */
};

/* masters: "host:port,host" with port 5050 by default; "zk://..." and "file://...": none yet, MASTER tells. The error of a bad list names the part. */
int session_init(struct session *s, const struct session_config *config, struct str masters,
                 struct error *err);

/* Takes one event. Events that do not fit the state are ignored: the network may say anything at any time. */
void session_step(struct session *s, const struct session_event *ev, struct rng *rng,
                  struct session_actions *ret);

const char *session_state_name(enum session_state state);

/* The address in a Location: "//host:port/path", "http://host:port/...", "host:port". False when it names no
 * host, or another scheme (then *ret_scheme has it). Port 5050 when absent. */
bool session_location(struct str location, char *ret, size_t size, struct str *ret_scheme);

/* --- suppressed roles --- */

/* Which roles want no offers. They outlive connections: a subscription says the whole set. */
struct suppressed {
    char **roles; /* sorted, without repetition; owned */
    size_t count;
    unsigned version; /* grows with every change */
};

/* False when there are too many, or memory is out; then nothing has changed. */
bool suppressed_add(struct suppressed *s, struct str role);
void suppressed_remove(struct suppressed *s, struct str role);
bool suppressed_has(const struct suppressed *s, struct str role);
void suppressed_done(struct suppressed *s);

#endif
