/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/sdk/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"

enum { EVENT_BYTES_MAX = 32 << 20, HEARTBEAT_S = 30 * 60 };
static const char path[] = "/api/v1/executor";

/* --- environment -------------------------------------------------------------------------------------- */

static int env_text(const char *name, char **ret, struct error *err)
{
    const char *v = getenv(name);
    if (v == NULL || v[0] == 0)
        return error_set(err, ERR_INVALID, "%s is not set; an executor is started by an agent", name);
    *ret = xstrdup(v);
    return 0;
}

static int env_duration(const char *name, int64_t fallback_ns, int64_t *ret, struct error *err)
{
    const char *v = getenv(name);
    *ret = fallback_ns;
    if (v != NULL && !duration_parse(str_of(v), ret))
        return error_set(err, ERR_INVALID, "%s is '%.60s'; use a duration such as 5secs", name, v);
    return 0;
}

static int env_endpoint(struct xhttp_endpoint *ret, struct error *err)
{
    const char *v = getenv("MESOS_AGENT_ENDPOINT"), *socket = getenv("MESOS_DOMAIN_SOCKET");
    const char *pid = getenv("MESOS_SLAVE_PID");
    if ((v == NULL || v[0] == 0) && pid != NULL && strchr(pid, '@') != NULL)
        v = strchr(pid, '@') + 1;
    if (v == NULL || !xhttp_endpoint_parse(str_of(v), ret))
        return error_set(err, ERR_INVALID, "MESOS_AGENT_ENDPOINT is '%.80s'; it must be ip:port", v != NULL ? v : "");
    if (socket != NULL && socket[0] != 0) {
        if (strlen(socket) >= sizeof ret->unix_path)
            return error_set(err, ERR_LIMIT, "MESOS_DOMAIN_SOCKET is over %zu bytes", sizeof ret->unix_path - 1);
        (void)snprintf(ret->unix_path, sizeof ret->unix_path, "%s", socket);
    }
    return 0;
}

int exec_env_read(struct exec_env *ret, struct error *err)
{
    *ret = (struct exec_env){ .token = NULL };
    const char *checkpoint = getenv("MESOS_CHECKPOINT");
    ret->session.checkpoint = checkpoint != NULL && strcmp(checkpoint, "1") == 0;
    int64_t recovery = ret->session.checkpoint ? 15 * 60 * NS_PER_S : 60 * NS_PER_S;
    if (env_text("MESOS_FRAMEWORK_ID", &ret->framework_id, err) != 0 || env_text("MESOS_EXECUTOR_ID", &ret->executor_id, err) != 0 ||
        env_endpoint(&ret->agent, err) != 0 ||
        env_duration("MESOS_RECOVERY_TIMEOUT", recovery, &ret->session.recovery_timeout_ns, err) != 0 ||
        env_duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", 2 * NS_PER_S, &ret->session.backoff_max_ns, err) != 0 ||
        env_duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", 5 * NS_PER_S, &ret->shutdown_grace_ns, err) != 0) {
        exec_env_done(ret);
        return -(int)err->code;
    }
    const char *token = getenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
    if (token != NULL) {
        ret->token = xstrdup(token);
        explicit_bzero((char *)(uintptr_t)token, strlen(token)); /* /proc shows what was there at the start */
        (void)unsetenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"); /* not for the tasks */
    }
    return 0;
}

void exec_env_done(struct exec_env *e)
{
    free(e->framework_id);
    free(e->executor_id);
    free(e->token);
    *e = (struct exec_env){ .token = NULL };
}

/* --- sending ------------------------------------------------------------------------------------------ */

static void step(struct exec_client *c, enum session_event e);

static struct str framework(const struct exec_client *c)
{
    return str_of(c->env.framework_id);
}

static struct str executor(const struct exec_client *c)
{
    return str_of(c->env.executor_id);
}

/* Nobody took the call: if the stream still lives, what is unacknowledged is sent again in a second; else with SUBSCRIBE. */
static void on_call_done(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct exec_client *c = arg;
    (void)err;
    if (status == 0 || status == 503)
        ev_timer_at(c->ev, &c->resend, mono_add(c->ev->now, NS_PER_S));
    else if (status != 202 && status != 200)
        (void)fprintf(stderr, "The agent answered a call with %u: %.*s\n", status, STR_ARG(str_sub(body, 0, 300)));
}

static void send_call(struct exec_client *c, const struct sbuf *call)
{
    xhttp_send(&c->calls, "POST", path, c->headers.p, sbuf_view(call), on_call_done, NULL, c);
}

static void on_resend(void *arg)
{
    struct exec_client *c = arg;
    for (struct session_item *i = c->session.updates; i != NULL && c->session.state == SESSION_SUBSCRIBED; i = i->next) {
        CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(XHTTP_BODY_MAX);
        exec_put_update(&call, framework(c), executor(c), str_mem(i->bytes, i->n));
        send_call(c, &call);
    }
}

int exec_client_update(struct exec_client *c, struct exec_status *s, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf status = SBUF_INIT(XHTTP_BODY_MAX);
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(XHTTP_BODY_MAX);
    s->uuid = uuid_make(&c->rng);
    s->wall_us = ev_wall_us();
    exec_put_status(&status, s);
    exec_put_update(&call, framework(c), executor(c), sbuf_view(&status));
    if (!sbuf_ok(&call))
        return error_set(err, ERR_LIMIT, "update of task %.60s is over %d bytes", s->task_id.p, XHTTP_BODY_MAX);
    if (session_add_update(&c->session, s->task_id, &s->uuid, sbuf_view(&status), err) != 0)
        return -(int)err->code;
    if (c->session.state == SESSION_SUBSCRIBED)
        send_call(c, &call);
    return 0;
}

int exec_client_message(struct exec_client *c, struct str data, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(XHTTP_BODY_MAX);
    if (c->session.state != SESSION_SUBSCRIBED)
        return error_set(err, ERR_UNAVAILABLE, "not subscribed at the agent; the message of %zu bytes is lost", data.n);
    exec_put_message(&call, framework(c), executor(c), data);
    if (!sbuf_ok(&call))
        return error_set(err, ERR_LIMIT, "message of %zu bytes; at most %d", data.n, XHTTP_BODY_MAX);
    send_call(c, &call);
    return 0;
}

static void on_heartbeat(void *arg)
{
    struct exec_client *c = arg;
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(4096);
    exec_put_heartbeat(&call, framework(c), executor(c));
    if (c->session.state == SESSION_SUBSCRIBED)
        send_call(c, &call);
    ev_timer_at(c->ev, &c->heartbeat, mono_add(c->ev->now, HEARTBEAT_S * NS_PER_S));
}

/* --- receiving ---------------------------------------------------------------------------------------- */

static void keep_tasks(struct exec_client *c, const struct exec_event *ev)
{
    struct error err;
    struct str group = ev->task_group;
    struct wire_field f;
    if (ev->type == EXEC_LAUNCH && session_add_task(&c->session, task_id_of(ev->task), ev->task, &err) != 0)
        c->on_error(c->owner, err.msg);
    while (ev->type == EXEC_LAUNCH_GROUP && wire_field_next(&group, &f) == 1) {
        if (f.number == 1 && f.type == WIRE_BYTES && session_add_task(&c->session, task_id_of(f.bytes), f.bytes, &err) != 0)
            c->on_error(c->owner, err.msg);
    }
}

static void on_record(struct exec_client *c, struct str record)
{
    struct exec_event ev;
    if (!exec_event_read(record, &ev))
        return; /* of a later agent: not for us */
    if (ev.type == EXEC_SUBSCRIBED)
        step(c, SESSION_GOT_SUBSCRIBED);
    else if (ev.type == EXEC_LAUNCH || ev.type == EXEC_LAUNCH_GROUP)
        keep_tasks(c, &ev);
    else if (ev.type == EXEC_ACKNOWLEDGED)
        (void)session_acknowledged(&c->session, ev.task_id, &ev.uuid);
    if (ev.type == EXEC_SHUTDOWN)
        c->on_shutdown(c->owner);
    else
        c->on_event(c->owner, &ev);
}

static void on_stream_data(void *arg, unsigned status, struct str bytes)
{
    struct exec_client *c = arg;
    struct str record;
    struct error err;
    unsigned serial = c->stream_serial;
    if (status != 200)
        return;
    for (;;) {
        int r = recordio_next(&c->records, &bytes, &record, &err);
        if (r < 0) {
            xhttp_close(&c->stream);
            step(c, SESSION_GOT_EOF);
            return;
        }
        if (r == 0)
            return;
        on_record(c, record);
        if (serial != c->stream_serial)
            return; /* the stream was replaced meanwhile */
    }
}

static void on_stream_done(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct exec_client *c = arg;
    (void)err;
    if (status == 0 || status == 200) {
        step(c, SESSION_GOT_EOF);
    } else if (status == 503 || status == 404) {
        step(c, SESSION_GOT_REFUSED);
    } else {
        char text[400];
        (void)snprintf(text, sizeof text, "Received unexpected '%u' (%.*s) for SUBSCRIBE", status, STR_ARG(str_sub(body, 0, 300)));
        c->on_error(c->owner, text);
        step(c, SESSION_GOT_ERROR);
    }
}

static void subscribe(struct exec_client *c)
{
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(XHTTP_BODY_MAX);
    exec_put_subscribe(&call, framework(c), executor(c), &c->session);
    c->stream_serial++;
    xhttp_close(&c->stream);
    xhttp_close(&c->calls); /* to the old agent; what matters in it is in this SUBSCRIBE */
    recordio_done(&c->records);
    recordio_init(&c->records, EVENT_BYTES_MAX);
    xhttp_send(&c->stream, "POST", path, c->headers.p, sbuf_view(&call), on_stream_done, on_stream_data, c);
}

static void step(struct exec_client *c, enum session_event e)
{
    struct session_actions a = session_step(&c->session, e, c->ev->now, &c->rng);
    ev_timer_at(c->ev, &c->timer, a.wake_at);
    if (a.disconnected)
        c->on_disconnected(c->owner);
    if (a.subscribe)
        subscribe(c);
    if (a.shutdown)
        c->on_shutdown(c->owner);
}

static void on_timer(void *arg)
{
    step(arg, SESSION_TICK);
}

/* --- life --------------------------------------------------------------------------------------------- */

int exec_client_init(struct exec_client *c, struct ev *ev, struct exec_env *env, struct error *err)
{
    uint64_t seed[4];
    *c = (struct exec_client){ .ev = ev, .env = *env, .headers = SBUF_INIT(16384) };
    *env = (struct exec_env){ .token = NULL };
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return error_set(err, ERR_IO, "no random bytes from the kernel");
    memcpy(c->rng.s, seed, sizeof seed);
    session_init(&c->session, &c->env.session);
    xhttp_init(&c->stream, ev, &c->env.agent);
    xhttp_init(&c->calls, ev, &c->env.agent);
    recordio_init(&c->records, EVENT_BYTES_MAX);
    ev_timer_init(&c->timer, on_timer, c);
    ev_timer_init(&c->heartbeat, on_heartbeat, c);
    ev_timer_init(&c->resend, on_resend, c);
    sbuf_c(&c->headers, "Accept: application/x-protobuf\r\nContent-Type: application/x-protobuf\r\n");
    if (c->env.token != NULL)
        sbuf_fmt(&c->headers, "Authorization: Bearer %s\r\n", c->env.token);
    return sbuf_ok(&c->headers) ? 0 : error_set(err, ERR_LIMIT, "the authentication token is over 16 KB");
}

void exec_client_done(struct exec_client *c)
{
    ev_timer_at(c->ev, &c->timer, MONO_NEVER);
    ev_timer_at(c->ev, &c->heartbeat, MONO_NEVER);
    ev_timer_at(c->ev, &c->resend, MONO_NEVER);
    xhttp_done(&c->stream);
    xhttp_done(&c->calls);
    recordio_done(&c->records);
    session_done(&c->session);
    sbuf_done(&c->headers);
    exec_env_done(&c->env);
}

void exec_client_start(struct exec_client *c)
{
    step(c, SESSION_START);
    ev_timer_at(c->ev, &c->heartbeat, mono_add(c->ev->now, HEARTBEAT_S * NS_PER_S));
}

bool exec_client_subscribed(const struct exec_client *c)
{
    return c->session.state == SESSION_SUBSCRIBED;
}
