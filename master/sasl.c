/* SPDX-License-Identifier: Apache-2.0 */
/* Authentication of agents and old drivers: CRAM-MD5 in messages. An AuthenticateMessage to the master opens a session, a
 * process of its own ("crammd5-authenticator-session(n)") that says its mechanism, sends a challenge and compares what
 * comes back with HMAC-MD5(secret, challenge). Success is kept per pid until its link breaks or it asks again.
 * Source: wire protocol, section 17. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/wire/guard.h"
#include "master/shell.h"
#include "proto/mesos_internal.pb-c.h"

#define SESSION_PREFIX "crammd5-authenticator-session("
#define MECHANISM      "CRAM-MD5"

enum { SESSIONS_MAX = 1000, PIDS_MAX = 40000, CHALLENGE_SIZE = 512 };

enum sasl_state { SASL_OFFERED, SASL_CHALLENGED };

struct sasl_session {
    uint64_t n;
    enum sasl_state state;
    char subject[MSG_PID_TEXT_SIZE]; /* who is authenticated: the agent's or driver's own pid */
    struct msg_pid client;           /* its process for this conversation */
    char challenge[CHALLENGE_SIZE];
    struct mono expires;
    struct sasl_session *prev, *next; /* oldest first */
};

struct sasl_pid {
    char *pid, *principal;
    UT_hash_handle hh; /* insertion order: the oldest is dropped over PIDS_MAX */
};

struct sasl {
    struct sasl_session *sessions;
    unsigned session_count;
    uint64_t next;
    struct sasl_pid *pids;
};

static struct sasl *sasl_of(struct shell *sh)
{
    if (sh->sasl == NULL)
        sh->sasl = xcalloc(1, sizeof *sh->sasl);
    return sh->sasl;
}

static void session_end(struct sasl *x, struct sasl_session *s)
{
    DL_DELETE(x->sessions, s);
    x->session_count--;
    OPENSSL_cleanse(s->challenge, sizeof s->challenge);
    free(s);
}

static void pid_forget(struct sasl *x, struct str pid)
{
    struct sasl_pid *p = NULL;

    HASH_FIND(hh, x->pids, pid.p, pid.n, p);
    if (p == NULL)
        return;
    HASH_DELETE(hh, x->pids, p);
    free(p->pid);
    free(p->principal);
    free(p);
}

void sasl_free(struct shell *sh)
{
    struct sasl *x = sh->sasl;

    if (x == NULL)
        return;
    while (x->sessions != NULL)
        session_end(x, x->sessions);
    while (x->pids != NULL)
        pid_forget(x, str_of(x->pids->pid));
    free(x);
    sh->sasl = NULL;
}

void sasl_forget(struct shell *sh, struct str pid)
{
    if (sh->sasl != NULL)
        pid_forget(sh->sasl, pid);
}

struct str sasl_principal(const struct shell *sh, struct str pid)
{
    struct sasl_pid *p = NULL;

    if (sh->sasl != NULL)
        HASH_FIND(hh, sh->sasl->pids, pid.p, pid.n, p);
    return p != NULL ? str_of(p->principal) : (struct str){ NULL, 0 };
}

static void pid_remember(struct sasl *x, struct str pid, const char *principal)
{
    struct sasl_pid *p = xcalloc(1, sizeof *p);

    pid_forget(x, pid);
    p->pid = xstrndup(pid);
    p->principal = xstrdup(principal);
    HASH_ADD_KEYPTR(hh, x->pids, p->pid, pid.n, p);
    if (HASH_COUNT(x->pids) > PIDS_MAX)
        pid_forget(x, str_of(x->pids->pid));
}

/* --- messages --- */

static void reply(struct shell *sh, const struct sasl_session *s, const char *name, struct str body)
{
    char id[64], full[128];
    struct msg_pid from;

    (void)snprintf(id, sizeof id, SESSION_PREFIX "%llu)", (unsigned long long)s->n);
    (void)snprintf(full, sizeof full, "mesos.internal.%s", name);
    (void)msg_pid_make(str_of(id), &sh->addr, &from);
    if (msg_send(sh->msg, &from, &s->client, str_of(full), body) != 0)
        log_warn("message_dropped", "message=%s reason=\"over a limit\"", full);
}

static void reply_field(struct shell *sh, const struct sasl_session *s, const char *name, struct str value)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);

    wire_put_bytes(&b, 1, value);
    reply(sh, s, name, sbuf_view(&b));
}

static void refuse(struct shell *sh, struct sasl_session *s, const char *why)
{
    log_warn("authentication_error", "pid=%s reason=\"%s\"", s->subject, why);
    reply_field(sh, s, "AuthenticationErrorMessage", str_of(why));
    session_end(sh->sasl, s);
}

static void sessions_expire(struct shell *sh, struct sasl *x)
{
    while (x->sessions != NULL && x->sessions->expires.ns <= loop_now(sh->loop).ns)
        session_end(x, x->sessions);
}

bool sasl_begin(struct shell *sh, const struct msg_in *in)
{
    struct sasl_session *s, *next;
    struct msg_pid subject;

    if (!str_is(in->name, "mesos.internal.AuthenticateMessage"))
        return false;
    struct sasl *x = sasl_of(sh);
    sessions_expire(sh, x);
    if (!msg_pid_is_set(&in->from) || !msg_pid_parse(wire_field_bytes(in->body, 1), &subject)) {
        sh->dropped++;
        return true;
    }
    if (x->session_count >= SESSIONS_MAX)
        session_end(x, x->sessions); /* the client starts anew after its own timeout */
    struct sasl_session *made = xcalloc(1, sizeof *made);
    msg_pid_text(&subject, made->subject);
    pid_forget(x, str_of(made->subject));
    DL_FOREACH_SAFE(x->sessions, s, next)
        if (strcmp(s->subject, made->subject) == 0)
            session_end(x, s); /* superseded */
    made->n = ++x->next;
    made->client = in->from;
    made->expires = mono_add(loop_now(sh->loop), sh->flags.authentication_v0_timeout);
    DL_APPEND(x->sessions, made);
    x->session_count++;
    reply_field(sh, made, "AuthenticationMechanismsMessage", STR(MECHANISM));
    return true;
}

static void challenge(struct shell *sh, struct sasl_session *s)
{
    (void)snprintf(s->challenge, sizeof s->challenge, "<%llu.%lld@%s>", (unsigned long long)rng_u64(&sh->rng),
                   (long long)(loop_wall(sh->loop).ms / 1000), sh->hostname);
    s->state = SASL_CHALLENGED;
    reply_field(sh, s, "AuthenticationStepMessage", str_of(s->challenge));
}

/* "principal digest" */
static void check(struct shell *sh, struct sasl_session *s, struct str answer)
{
    const struct credential *c = credentials_cram_md5(&sh->credentials, str_of(s->challenge), answer);

    if (c != NULL) {
        log_info("authenticated", "pid=%s principal=" LOG_Q, s->subject, LOG_QARG(str_of(c->principal)));
        pid_remember(sh->sasl, str_of(s->subject), c->principal);
        reply(sh, s, "AuthenticationCompletedMessage", (struct str){ NULL, 0 });
    } else {
        log_warn("authentication_failed", "pid=%s", s->subject);
        reply(sh, s, "AuthenticationFailedMessage", (struct str){ NULL, 0 });
    }
    session_end(sh->sasl, s);
}

bool sasl_message(struct shell *sh, const struct msg_in *in)
{
    struct str rest = in->to, name = in->name;
    struct sasl_session *s = NULL;
    uint64_t n;

    if (sh->sasl == NULL || !str_skip(&rest, STR(SESSION_PREFIX)) || !str_u64(&rest, UINT64_MAX, &n) || !str_is(rest, ")"))
        return false;
    sessions_expire(sh, sh->sasl);
    DL_FOREACH(sh->sasl->sessions, s)
        if (s->n == n)
            break;
    if (s == NULL)
        return false; /* over, or superseded */
    (void)str_skip(&name, STR("mesos.internal."));
    if (!msg_pid_is_set(&in->from) || !msg_pid_eq(&in->from, &s->client))
        sh->dropped++; /* not whom this session is with */
    else if (str_is(name, "AuthenticationStartMessage") && s->state == SASL_OFFERED) {
        if (str_is(wire_field_bytes(in->body, 1), MECHANISM))
            challenge(sh, s);
        else
            refuse(sh, s, "The mechanism is not one of those offered: " MECHANISM);
    } else if (str_is(name, "AuthenticationStepMessage") && s->state == SASL_CHALLENGED)
        check(sh, s, wire_field_bytes(in->body, 1));
    else
        refuse(sh, s, "Unexpected message of the conversation");
    return true;
}

bool sasl_required(const struct shell *sh, struct decoded *d, struct str pid)
{
    bool agent = d->ev.type == MASTER_EV_AGENT_REGISTER || d->ev.type == MASTER_EV_AGENT_REREGISTER;
    char text[MSG_PID_TEXT_SIZE + 64];

    if (d->ev.type == MASTER_EV_SUBSCRIBE && sh->flags.authenticate_frameworks && sasl_principal(sh, pid).n == 0) {
        (void)snprintf(text, sizeof text, "Framework at %.*s is not authenticated", STR_ARG(pid));
        free(d->invalid);
        d->invalid = xstrdup(text);
        d->subscribe.invalid = d->invalid; /* the driver is told by an error */
    }
    if (!agent || !sh->flags.authenticate_agents || sasl_principal(sh, pid).n != 0)
        return true;
    log_warn("agent_ignored", "pid=" LOG_Q " reason=\"it is not authenticated\"", LOG_QARG(pid));
    return false;
}
