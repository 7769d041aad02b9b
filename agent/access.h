/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, and what he may do: HTTP basic authentication by realm, executors' tokens, --acls, --firewall_rules; and the agent's
 * own credential, with which it introduces itself to a master (CRAM-MD5 in messages). Source: operator API, sections 11
 * and 12; wire protocol, section 17. */
#ifndef STOA_AGENT_ACCESS_H
#define STOA_AGENT_ACCESS_H

#include "agent/jwt.h"
#include "agent/wire/views.h"
#include "common/io/credentials.h"
#include "common/io/firewall.h"
#include "common/io/http.h"

struct agent_action;
struct agent_executor;
struct msg_in;
struct shell;

enum agent_realm { REALM_OPEN, REALM_READONLY, REALM_READWRITE, REALM_EXECUTOR };

/* The caller of a request. */
struct access_who {
    char principal[512];      /* "": none, or an executor */
    bool is_executor;
    bool is_on_socket;        /* it came through the domain socket: containers below an executor's, and nothing else */
    struct jwt_claims claims; /* of an executor */
};

struct access {
    struct credentials http;
    struct credential own;    /* principal NULL: none */
    struct acls *acls;        /* NULL: everything is allowed */
    struct firewall firewall;
    struct str key;           /* of the tokens; owned. Empty: none */
    struct access_who who;      /* of the request that is being handled */
    struct login *login;      /* with the master; login.c */
};

int access_load(struct shell *s, struct error *err);
void access_done(struct shell *s);

/* Finds out who calls. False: answered with 401. */
bool access_check(struct shell *s, struct http_req *r, enum agent_realm realm);
struct agent_views access_views(const struct shell *s);
/* Whether the caller may. object: a user and so on; empty: any. An executor may what concerns its own containers. */
bool access_may(const struct shell *s, enum acl_action action, struct str object);
/* The same for a container, by the user of the executor above it; a standalone container's is empty. */
bool access_may_container(const struct shell *s, const struct access_who *who, enum acl_action action, struct str container_id);
/* For files_set_guard: access_sandboxes and access_mesos_logs. arg: the shell. */
bool access_guards_file(void *arg, const char *path, const char *real);
/* run_tasks: why a launch may not be; empty: it may. ev is an AGENT_EV_RUN. */
struct str access_run_denied(const struct shell *s, const struct agent_event *ev, struct arena *arena);
/* The caller is the executor that it says to be, as far as tokens are asked for. */
bool access_is_executor(const struct shell *s, const struct agent_executor *e);
/* Appends the token of an executor; nothing when there is no key. */
void access_token(const struct shell *s, const struct agent_executor *e, struct sbuf *b);

/* --- login.c --- */
/* A registration that has to wait until the master knows us: it is sent when it does. False: nothing to wait for. */
bool login_holds(struct shell *s, const char *message, struct str body);
bool login_take(struct shell *s, const struct msg_in *m); /* false: not of this conversation */
void login_free(struct shell *s);

#endif
