/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of an executor to its agent, below the public library and the built-in executors: environment,
 * subscription, sending, resending. The owner gets decoded events. */
#ifndef STOA_EXECUTOR_SDK_CLIENT_H
#define STOA_EXECUTOR_SDK_CLIENT_H

#include "common/base/rng.h"
#include "common/wire/guard.h"
#include "common/wire/recordio.h"
#include "executor/core/session.h"
#include "executor/sdk/ev.h"
#include "executor/sdk/http.h"
#include "executor/sdk/wire.h"

struct exec_env {
    char *framework_id, *executor_id, *token; /* token may be NULL */
    struct xhttp_endpoint agent;
    struct session_config session;
    int64_t shutdown_grace_ns;
};
/* ERR_INVALID names the variable. Removes the token from the environment. */
int exec_env_read(struct exec_env *ret, struct error *err);
void exec_env_done(struct exec_env *e);

struct exec_client {
    struct ev *ev;
    struct exec_env env;
    struct session session;
    struct xhttp stream, calls;
    struct recordio records;
    struct rng rng;
    struct ev_timer timer, heartbeat, resend;
    unsigned stream_serial; /* of the stream whose events are being told */
    struct sbuf headers;
    void *owner;
    void (*on_event)(void *owner, const struct exec_event *ev);
    void (*on_disconnected)(void *owner);
    void (*on_shutdown)(void *owner);            /* by event, or the agent is lost */
    void (*on_error)(void *owner, const char *message);
};

/* Takes over env. */
int exec_client_init(struct exec_client *c, struct ev *ev, struct exec_env *env, struct error *err);
void exec_client_done(struct exec_client *c);
void exec_client_start(struct exec_client *c);
/* Fills uuid, wall_us; keeps and sends. */
int exec_client_update(struct exec_client *c, struct exec_status *s, struct error *err);
int exec_client_message(struct exec_client *c, struct str data, struct error *err);
bool exec_client_subscribed(const struct exec_client *c);

#endif
