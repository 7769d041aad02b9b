/* SPDX-License-Identifier: Apache-2.0 */
/* The agent introduces itself to a master before each registration, when it has a --credential:
 *
 *     AuthenticateMessage -> mechanisms -> start -> challenge -> step -> completed: the registration goes out
 *
 * The conversation is a process of its own (crammd5-authenticatee(n)), so that answers of an earlier one are recognised. The
 * core repeats its registration with backoff; each time that finds no conversation under way, or one older than
 * --authentication_timeout_min, begins a new one. That a master forgets us when our link breaks needs no care so. */
#include <stdlib.h>
#include <string.h>

#include "agent/access.h"
#include "agent/shell.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/wire/guard.h"

#define MECHANISM "CRAM-MD5"

struct login {
    uint64_t n;                  /* of the conversation under way or the last one */
    bool under_way;
    struct mono since;
    struct msg_pid master;       /* whom it is with */
    char message[128];           /* the registration that waits */
    struct sbuf body;
};

enum { BODY_MAX = 256 << 20 };

void login_free(struct shell *s)
{
    if (s->access.login != NULL)
        sbuf_done(&s->access.login->body);
    free(s->access.login);
    s->access.login = NULL;
}

static void own_id(const struct login *l, char ret[64])
{
    (void)snprintf(ret, 64, "crammd5-authenticatee(%llu)", (unsigned long long)l->n);
}

static void say(struct shell *s, const struct msg_pid *to, const char *name, struct str body)
{
    char id[64], full[128];
    struct msg_pid from = s->self;

    own_id(s->access.login, id);
    (void)snprintf(from.id, sizeof from.id, "%s", id);
    (void)snprintf(full, sizeof full, "mesos.internal.%s", name);
    if (msg_send(s->msg, &from, to, str_of(full), body) != 0)
        log_warn("send_failed", "message=%s", full);
}

static void say_field(struct shell *s, const struct msg_pid *to, const char *name, struct str value)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);

    wire_put_bytes(&b, 1, value);
    say(s, to, name, sbuf_view(&b));
}

bool login_holds(struct shell *s, const char *message, struct str body)
{
    struct login *l = s->access.login;

    if (s->access.own.principal == NULL)
        return false;
    if (l == NULL) {
        l = s->access.login = xcalloc(1, sizeof *l);
        l->body = SBUF_INIT(BODY_MAX);
    }
    (void)snprintf(l->message, sizeof l->message, "%s", message);
    sbuf_clear(&l->body);
    sbuf_str(&l->body, body);
    if (l->under_way && msg_pid_eq(&l->master, &s->master) &&
        mono_diff(loop_now(s->loop), l->since) < s->flags.authentication_timeout_min)
        return true;
    l->n++;
    l->under_way = true;
    l->since = loop_now(s->loop);
    l->master = s->master;
    log_info("authenticating", "principal=" LOG_Q, LOG_QARG(str_of(s->access.own.principal)));
    say_field(s, &s->master, "AuthenticateMessage", str_of(s->pid_text));
    return true;
}

static void offered(struct shell *s, const struct msg_in *m)
{
    struct str rest = m->body;
    struct wire_field f;

    while (wire_field_next(&rest, &f) == 1)
        if (f.number == 1 && str_is(f.bytes, MECHANISM)) {
            say_field(s, &m->from, "AuthenticationStartMessage", STR(MECHANISM));
            return;
        }
    log_error("authentication_error", "reason=\"the master offers no " MECHANISM "\"");
    s->access.login->under_way = false;
}

static void challenged(struct shell *s, const struct msg_in *m)
{
    CLEANUP(sbuf_done_p) struct sbuf answer = SBUF_INIT(2048);
    char digest[CRAM_MD5_SIZE];

    if (!cram_md5(s->access.own.secret, wire_field_bytes(m->body, 1), digest))
        return;
    sbuf_fmt(&answer, "%s %s", s->access.own.principal, digest);
    say_field(s, &m->from, "AuthenticationStepMessage", sbuf_view(&answer));
}

static void completed(struct shell *s)
{
    struct login *l = s->access.login;

    l->under_way = false;
    log_info("authenticated", "principal=" LOG_Q, LOG_QARG(str_of(s->access.own.principal)));
    if (msg_send(s->msg, &s->self, &l->master, str_of(l->message), sbuf_view(&l->body)) != 0)
        log_warn("send_failed", "message=%s bytes=%zu retrying later", l->message, l->body.n);
    sbuf_done(&l->body);
    l->body = SBUF_INIT(BODY_MAX);
}

bool login_take(struct shell *s, const struct msg_in *m)
{
    struct login *l = s->access.login;
    struct str name = m->name;
    char id[64];

    if (l == NULL || !l->under_way)
        return false;
    own_id(l, id);
    if (!str_is(m->to, id) || !msg_pid_is_set(&m->from) || !str_skip(&name, STR("mesos.internal.")))
        return false;
    if (str_is(name, "AuthenticationMechanismsMessage"))
        offered(s, m);
    else if (str_is(name, "AuthenticationStepMessage"))
        challenged(s, m);
    else if (str_is(name, "AuthenticationCompletedMessage"))
        completed(s);
    else if (str_is(name, "AuthenticationFailedMessage")) {
        log_error("authentication_refused", "principal=" LOG_Q " see --credential", LOG_QARG(str_of(s->access.own.principal)));
        s->exiting = true;
        s->exit_status = 1;
        loop_stop(s->loop);
    } else {
        log_warn("authentication_error", "reason=" LOG_Q " trying again later", LOG_QARG(wire_field_bytes(m->body, 1)));
        l->under_way = false;
    }
    return true;
}
