/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of executors: each SUBSCRIBE is a stream with a number, by which the core names it, one record per chunk; of a
 * v0 executor the connection is the pid that its events go to as messages. The first heartbeat comes after half an hour:
 * executors in use leave on any event they do not know, so nothing is sent before. */
#include "agent/shell.h"

#include "agent/isolation/containerizer.h"
#include "agent/wire/decode.h"
#include "agent/wire/driver.h"
#include "agent/wire/encode.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/wire/json.h"
#include "proto/mesos_v1_executor.pb-c.h"

#define EXECUTOR_HEARTBEAT_NS (1800 * NS_PER_S)

enum { EVENT_BYTES_MAX = 64 << 20 };

struct exec_stream {
    uint64_t number;
    struct shell *shell;
    struct http_req *req;
    exec_gone_fn *gone;
    struct msg_pid pid;       /* of a v0 executor (exec_driver.c); unset: HTTP */
    bool json;
    char *framework_id, *executor_id;
    struct loop_timer heartbeat;
    struct loop_work done;    /* frees it at the end of the turn */
    UT_hash_handle hh;
};

static struct exec_stream *stream_find(const struct shell *s, uint64_t number)
{
    struct exec_stream *x = NULL;

    HASH_FIND(hh, s->streams, &number, sizeof number, x);
    return x;
}

static void stream_free(void *arg)
{
    struct exec_stream *x = arg;

    loop_timer_done(&x->heartbeat);
    free(x->framework_id);
    free(x->executor_id);
    free(x);
}

static void stream_drop(struct exec_stream *x)
{
    HASH_DEL(x->shell->streams, x);
    loop_timer_cancel(&x->heartbeat);
    x->done = LOOP_WORK(LOOP_FREE, stream_free, x);
    loop_defer(x->shell->loop, &x->done);
}

static void stream_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct exec_stream *x = arg;

    (void)r;
    (void)why;
    x->req = NULL;
    if (x->shell->core != NULL && !x->shell->exiting)
        x->gone(x->shell, x->number, framework_id(str_of(x->framework_id)), executor_id(str_of(x->executor_id)));
    stream_drop(x);
}

static void stream_write(struct exec_stream *x, struct str event)
{
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(EVENT_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf record = SBUF_INIT(EVENT_BYTES_MAX);

    if (x->req == NULL)
        return;
    if (x->json) {
        struct jsonw w = JSONW(&json);
        struct json_opts opts = { .hide_v0_fields = true };
        (void)json_write_wire(&w, &mesos__v1__executor__event__descriptor, event, &opts); /* we packed it */
        event = sbuf_view(&json);
    }
    sbuf_u64(&record, event.n);
    sbuf_char(&record, '\n');
    sbuf_str(&record, event);
    if (sbuf_ok(&record) && sbuf_ok(&json))
        (void)http_stream_write(x->req, sbuf_view(&record)); /* a slow executor is dropped: stream_gone */
}

static void heartbeat(void *arg)
{
    struct exec_stream *x = arg;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64);

    agent_encode_executor_heartbeat(&b);
    stream_write(x, sbuf_view(&b));
    loop_timer_in(&x->heartbeat, EXECUTOR_HEARTBEAT_NS);
}

static struct exec_stream *stream_add(struct shell *s, struct str fid, struct str eid)
{
    struct exec_stream *x = xcalloc(1, sizeof *x);

    x->number = ++s->next_stream;
    x->shell = s;
    x->framework_id = xstrndup(fid);
    x->executor_id = xstrndup(eid);
    loop_timer_init(&x->heartbeat, s->loop, heartbeat, x);
    HASH_ADD(hh, s->streams, number, sizeof x->number, x);
    return x;
}

uint64_t exec_stream_link(struct shell *s, const struct msg_pid *pid, const struct agent_executor *e)
{
    struct exec_stream *x = stream_add(s, str_of(e->framework->id), str_of(e->id));

    x->pid = *pid;
    (void)msg_link(s->msg, pid); /* over a limit: its messages get connections for the moment */
    return x->number;
}

/* The link goes with the last connection of that pid. */
static void driver_unlink(const struct exec_stream *gone)
{
    struct exec_stream *x, *next;

    HASH_ITER(hh, gone->shell->streams, x, next)
        if (x != gone && msg_pid_eq(&x->pid, &gone->pid))
            return;
    msg_unlink(gone->shell->msg, &gone->pid);
}

static void driver_send(struct exec_stream *x, const struct agent_action *act)
{
    struct shell *s = x->shell;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(EVENT_BYTES_MAX);
    size_t n = act->type == AGENT_DO_EXECUTOR_LAUNCH_GROUP ? act->task_count : 1;

    for (size_t i = 0; i < n; i++) { /* there is no message for a group: its tasks one by one */
        sbuf_clear(&b);
        const char *name = agent_encode_driver_message(s->core, &s->env, act, i, &b);
        if (name == NULL || !sbuf_ok(&b) || msg_send(s->msg, &s->self, &x->pid, str_of(name), sbuf_view(&b)) != 0)
            log_error("executor_message", "executor=" LOG_Q " bytes=%zu: not sent", LOG_QARG(str_of(x->executor_id)), b.n);
    }
}

uint64_t exec_stream_open(struct shell *s, struct http_req *r, const struct agent_executor *e, bool json, exec_gone_fn *gone)
{
    struct exec_stream *x = stream_add(s, str_of(e->framework->id), str_of(e->id));

    x->req = r;
    x->json = json;
    x->gone = gone;
    loop_timer_in(&x->heartbeat, EXECUTOR_HEARTBEAT_NS);
    http_req_on_gone(r, stream_gone, x);
    http_stream_begin(r, 200, json ? "application/json" : "application/x-protobuf");
    return x->number;
}

void exec_stream_send(struct shell *s, const struct agent_action *act)
{
    struct exec_stream *x = stream_find(s, act->stream);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(EVENT_BYTES_MAX);

    if (x == NULL)
        return;
    if (msg_pid_is_set(&x->pid)) {
        driver_send(x, act);
        return;
    }
    if (agent_encode_executor_event(s->core, &s->env, act, &b) && sbuf_ok(&b))
        stream_write(x, sbuf_view(&b));
    else
        log_error("executor_event", "executor=" LOG_Q " bytes=%zu: not sent", LOG_QARG(str_of(x->executor_id)), b.n);
}

void exec_stream_close(struct shell *s, uint64_t number)
{
    struct exec_stream *x = stream_find(s, number);

    if (x == NULL)
        return;
    if (x->req != NULL) {
        http_req_on_gone(x->req, NULL, NULL);
        http_stream_end(x->req);
        x->req = NULL;
    }
    if (msg_pid_is_set(&x->pid))
        driver_unlink(x);
    stream_drop(x);
}

void exec_streams_free(struct shell *s)
{
    struct exec_stream *x, *next;

    HASH_ITER(hh, s->streams, x, next) {
        if (x->req != NULL) {
            http_req_on_gone(x->req, NULL, NULL);
            http_abort(x->req);
        }
        HASH_DEL(s->streams, x);
        stream_free(x);
    }
}

void exec_driver_reconnect(struct shell *s, const struct agent_action *act)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(4096);
    struct msg_pid pid;

    if (!msg_pid_parse(act->to, &pid)) {
        log_warn("libprocess_pid", "executor=" LOG_Q " pid=" LOG_Q, LOG_QARG(str_of(act->executor->id)), LOG_QARG(act->to));
        return; /* it will be missed, and destroyed */
    }
    const char *name = agent_encode_driver_message(s->core, &s->env, act, 0, &b);
    if (msg_send(s->msg, &s->self, &pid, str_of(name), sbuf_view(&b)) != 0)
        log_warn("send_failed", "message=%s", name);
}

bool exec_update_is_ours(struct shell *s, const struct agent_executor *e, const struct agent_event *ev)
{
    return ev->type == AGENT_EV_EXECUTOR_UPDATE && ev->u.update.status->state == TASK_FAILED &&
           containerizer_hit_limit(s->containers, e->container_id);
}

void exec_status_fill(struct shell *s, const struct agent_executor *e, struct agent_status_fill *fill)
{
    struct container_status st;

    *fill = (struct agent_status_fill){
        .agent = agent_id(str_of(s->core->id)),
        .now = loop_wall(s->loop),
        .container_id = str_of(e->container_id),
        .ip = str_of(s->ip_text),
        .networks = networks_of_status,
        .ctx = s,
    };
    if (containerizer_status(s->containers, e->container_id, &st, NULL) != 0)
        return;
    fill->pid = (uint32_t)st.pid;
    fill->has_cgroups = st.has_cgroups;
    fill->classid = st.net_cls_classid;
}
