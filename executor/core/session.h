/* SPDX-License-Identifier: Apache-2.0 */
/* The subscription of an executor at its agent, and what the agent has not acknowledged yet. Pure.
 *
 *     START -> CONNECTING -- SUBSCRIBED event --> SUBSCRIBED -- end of stream --> WAITING -- backoff --> CONNECTING
 *                  |  ^                              |
 *         refused, silent: again after 1 s           | end of stream without checkpointing
 *                  v                                 v
 *               WAITING                            ENDED (as SHUTDOWN), also after the recovery timeout
 *
 * Every update is kept until it is acknowledged, every task until the first acknowledgement of one of its updates; both
 * are sent again with each SUBSCRIBE. Source: agent reference, §4 and §6. */
#ifndef STOA_EXECUTOR_CORE_SESSION_H
#define STOA_EXECUTOR_CORE_SESSION_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/base/time.h"
#include "common/base/uuid.h"

enum { SESSION_UPDATES_MAX = 10000, SESSION_TASKS_MAX = 10000 };

enum session_state { SESSION_NEW, SESSION_CONNECTING, SESSION_SUBSCRIBED, SESSION_WAITING, SESSION_ENDED };

struct session_config {
    bool checkpoint;
    int64_t recovery_timeout_ns; /* MESOS_RECOVERY_TIMEOUT; also bounds the very first subscription */
    int64_t backoff_max_ns;      /* MESOS_SUBSCRIPTION_BACKOFF_MAX; a second at most is waited */
};

enum session_event {
    SESSION_START,
    SESSION_GOT_SUBSCRIBED,
    SESSION_GOT_REFUSED, /* no connection, 503, 404 */
    SESSION_GOT_ERROR,   /* any other answer */
    SESSION_GOT_EOF,     /* the stream ended */
    SESSION_TICK,
};

struct session_item {
    char *task_id;
    struct uuid uuid; /* of an update */
    void *bytes;      /* TaskStatus, or TaskInfo */
    size_t n;
    struct session_item *next, *prev;
};

struct session {
    struct session_config config;
    enum session_state state;
    struct mono retry_at;   /* of WAITING, or when CONNECTING has waited long enough */
    struct mono give_up_at; /* MONO_NEVER while subscribed */
    unsigned refusals;      /* of a connection since the agent was lost */
    struct session_item *updates, *tasks;
    size_t update_count, task_count;
};

/* What the shell must do now, in this order. */
struct session_actions {
    bool disconnected; /* was subscribed, is no more: tell the owner, drop the stream */
    bool subscribe;    /* close an old stream and open one, with all that is unacknowledged */
    bool shutdown;     /* act as after a SHUTDOWN event */
    bool error;        /* tell the owner: fatal */
    struct mono wake_at;
};

void session_init(struct session *s, const struct session_config *config);
void session_done(struct session *s);
struct session_actions session_step(struct session *s, enum session_event e, struct mono now, struct rng *rng);

/* Copies the bytes. ERR_LIMIT over the caps. */
int session_add_update(struct session *s, struct str task_id, const struct uuid *uuid, struct str bytes, struct error *err);
int session_add_task(struct session *s, struct str task_id, struct str bytes, struct error *err);
/* True when the update was waiting. */
bool session_acknowledged(struct session *s, struct str task_id, const struct uuid *uuid);

#endif
