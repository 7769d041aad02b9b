/* SPDX-License-Identifier: Apache-2.0 */
/* Executors that speak libprocess messages (v0) instead of HTTP. For the core they are executors like any other, with a
 * connection number from exec_stream.c; only the bytes differ. A broken link says nothing: the containerizer reports the end of
 * an executor. Source: reference of the wire protocol, §12 and §16. */
#include "agent/shell.h"

#include "agent/wire/decode.h"
#include "agent/wire/driver.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"

static void send_message(struct shell *s, const struct msg_pid *to, const char *name, struct str body)
{
    if (msg_send(s->msg, &s->self, to, str_of(name), body) != 0)
        log_warn("send_failed", "message=%s", name);
}

static struct agent_executor *find(const struct shell *s, struct framework_id fid, struct executor_id eid)
{
    struct agent_framework *f = agent_framework_find(s->core, fid.s);

    return f != NULL ? agent_executor_find(f, eid.s) : NULL;
}

static void dropped(const struct msg_in *m, const struct error *err)
{
    char from[MSG_PID_TEXT_SIZE];

    msg_pid_text(&m->from, from);
    log_warn("message_dropped", "from=" LOG_Q " message=" LOG_Q " error=" LOG_Q, LOG_QARG(str_of(from)), LOG_QARG(m->name),
             LOG_QARG(str_of(err->msg)));
}

static void carry(struct shell *s, const struct msg_in *m, enum agent_driver_message kind, const struct agent_executor *e)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    bool registers = kind == AGENT_DRIVER_REGISTER || kind == AGENT_DRIVER_REREGISTER;
    struct agent_status_fill fill;
    struct agent_event ev;
    struct error err = { 0 };
    char pid[MSG_PID_TEXT_SIZE];

    exec_status_fill(s, e, &fill);
    msg_pid_text(&m->from, pid);
    if (agent_decode_driver_message(&ev, kind, m->body, str_of(pid), s->next_stream + 1, &fill, &arena, &err) != 0) {
        dropped(m, &err);
        return;
    }
    if (ev.type == AGENT_EV_EXECUTOR_UPDATE &&
        !agent_can_take_update(s->core, ev.u.update.framework, ev.u.update.status->task)) {
        (void)error_set(&err, ERR_LIMIT, "the task has %d unacknowledged updates, the most this agent keeps",
                        AGENT_UPDATES_PENDING_MAX);
        dropped(m, &err);
        agent_event_done(&ev);
        return;
    }
    if (registers)
        (void)exec_stream_link(s, &m->from, e); /* number as above */
    if (!exec_update_is_ours(s, e, &ev))
        shell_step(s, &ev);
    agent_event_done(&ev);
}

bool exec_driver_take(struct shell *s, const struct msg_in *m)
{
    enum agent_driver_message kind = agent_driver_message_of(m->name);
    struct framework_id fid;
    struct executor_id eid;
    struct error err = { 0 };

    if (kind == AGENT_DRIVER_NONE)
        return false;
    int rc = !msg_pid_is_set(&m->from) ? error_set(&err, ERR_INVALID, "the sender has no pid")
                                       : agent_driver_sender(kind, m->body, &fid, &eid, &err);
    struct agent_executor *e = rc == 0 ? find(s, fid, eid) : NULL;
    if (e != NULL) {
        carry(s, m, kind, e);
    } else if (rc == 0 && (kind == AGENT_DRIVER_REGISTER || kind == AGENT_DRIVER_REREGISTER)) {
        log_warn("executor_unknown", "framework=" LOG_Q " executor=" LOG_Q, LOG_QARG(fid.s), LOG_QARG(eid.s));
        send_message(s, &m->from, "mesos.internal.ShutdownExecutorMessage", (struct str){ NULL, 0 });
    } else {
        if (rc == 0)
            (void)error_set(&err, ERR_NOT_FOUND, "no such executor");
        dropped(m, &err);
    }
    return true;
}
