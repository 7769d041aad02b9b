/* SPDX-License-Identifier: Apache-2.0 */
/* v0 executors. What they say becomes the events of HTTP executors; what these are told becomes their messages. */
#include "agent/wire/driver.h"

#include "agent/wire/encode.h"
#include "common/wire/guard.h"
#include "proto/mesos_internal.pb-c.h"

#define NO_PID STR("@0.0.0.0:0") /* of frameworks that speak HTTP */

/* --- in --- */

enum agent_driver_message agent_driver_message_of(struct str name)
{
    static const struct {
        const char *name;
        enum agent_driver_message kind;
    } names[] = {
        { "StatusUpdateMessage", AGENT_DRIVER_UPDATE },
        { "RegisterExecutorMessage", AGENT_DRIVER_REGISTER },
        { "ReregisterExecutorMessage", AGENT_DRIVER_REREGISTER },
        { "ExecutorToFrameworkMessage", AGENT_DRIVER_MESSAGE },
    };

    if (str_skip(&name, STR("mesos.internal.")))
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (str_is(name, names[i].name))
                return names[i].kind;
    return AGENT_DRIVER_NONE;
}

int agent_driver_sender(enum agent_driver_message kind, struct str body, struct framework_id *ret_framework,
                        struct executor_id *ret_executor, struct error *err)
{
    static const struct {
        const ProtobufCMessageDescriptor *type;
        uint32_t framework, executor; /* fields */
    } of[] = {
        [AGENT_DRIVER_REGISTER] = { &mesos__internal__register_executor_message__descriptor, 1, 2 },
        [AGENT_DRIVER_REREGISTER] = { &mesos__internal__reregister_executor_message__descriptor, 2, 1 },
        [AGENT_DRIVER_UPDATE] = { &mesos__internal__status_update_message__descriptor, 1, 2 },
        [AGENT_DRIVER_MESSAGE] = { &mesos__internal__executor_to_framework_message__descriptor, 2, 3 },
    };
    if (kind == AGENT_DRIVER_NONE)
        return error_set(err, ERR_NOT_FOUND, "not a message of executors");
    int rc = wire_check(of[kind].type, body, err);
    if (rc != 0)
        return rc;
    if (kind == AGENT_DRIVER_UPDATE)
        body = wire_field_bytes(body, 1);
    *ret_framework = framework_id(wire_path(body, of[kind].framework, 1, 0));
    *ret_executor = executor_id(wire_path(body, of[kind].executor, 1, 0));
    return 0;
}

/* The update's uuid and time are those of its status, which old drivers left out. */
static int update_status(Mesos__Internal__StatusUpdate *u, const struct agent_status_fill *fill, struct arena *arena,
                         struct task_status **ret, struct error *err)
{
    Mesos__V1__TaskStatus *s = u->status;

    if (!u->has_uuid || u->uuid.len != 16)
        return error_set(err, ERR_INVALID, "update of task %s with a uuid of %zu bytes; it must have 16",
                         s->task_id->value, u->has_uuid ? u->uuid.len : 0);
    s->has_uuid = true;
    s->uuid = u->uuid;
    if (!s->has_timestamp) {
        s->has_timestamp = true;
        s->timestamp = u->timestamp;
    }
    return agent_fill_status(s, fill, arena, ret, err);
}

static int decode_reregister(struct agent_event *ev, struct str body, const struct agent_status_fill *fill,
                             struct arena *arena, struct error *err)
{
    Mesos__Internal__ReregisterExecutorMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__reregister_executor_message, body, arena, &m, err);

    if (rc != 0)
        return rc;
    struct task_id *tasks = arena_array(arena, m->n_tasks + 1, sizeof *tasks);
    struct task_status **updates = arena_array(arena, m->n_updates + 1, sizeof(struct task_status *));
    if (tasks == NULL || updates == NULL)
        return error_set(err, ERR_NOMEM, "ReregisterExecutor: out of memory");
    for (size_t i = 0; i < m->n_tasks; i++)
        tasks[i] = task_id(str_of(m->tasks[i]->task_id->value));
    ev->u.subscribe.unacknowledged_tasks = tasks;
    ev->u.subscribe.unacknowledged_task_count = m->n_tasks;
    ev->u.subscribe.updates = updates;
    for (size_t i = 0; i < m->n_updates; i++) {
        rc = update_status(m->updates[i], fill, arena, &updates[ev->u.subscribe.update_count], err);
        if (rc != 0)
            return rc;
        ev->u.subscribe.update_count++;
    }
    return 0;
}

static int decode_update(struct agent_event *ev, struct str body, const struct agent_status_fill *fill,
                         struct arena *arena, struct error *err)
{
    Mesos__Internal__StatusUpdateMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__status_update_message, body, arena, &m, err);

    return rc != 0 ? rc : update_status(m->update, fill, arena, &ev->u.update.status, err);
}

int agent_decode_driver_message(struct agent_event *ev, enum agent_driver_message kind, struct str body, struct str pid,
                                uint64_t stream, const struct agent_status_fill *fill, struct arena *arena,
                                struct error *err)
{
    struct framework_id framework;
    struct executor_id executor;
    int rc = agent_driver_sender(kind, body, &framework, &executor, err);

    *ev = (struct agent_event){ .type = AGENT_EV_TICK };
    if (rc != 0)
        return rc;
    switch (kind) {
    case AGENT_DRIVER_NONE: break; /* refused above */
    case AGENT_DRIVER_REGISTER:
    case AGENT_DRIVER_REREGISTER:
        ev->type = AGENT_EV_EXECUTOR_SUBSCRIBE;
        ev->u.subscribe.framework = framework;
        ev->u.subscribe.executor = executor;
        ev->u.subscribe.stream = stream;
        ev->u.subscribe.pid = pid;
        ev->u.subscribe.again = kind == AGENT_DRIVER_REREGISTER;
        if (kind == AGENT_DRIVER_REREGISTER)
            rc = decode_reregister(ev, body, fill, arena, err);
        break;
    case AGENT_DRIVER_UPDATE:
        ev->type = AGENT_EV_EXECUTOR_UPDATE;
        ev->u.update.framework = framework;
        ev->u.update.executor = executor;
        rc = decode_update(ev, body, fill, arena, err);
        break;
    case AGENT_DRIVER_MESSAGE:
        ev->type = AGENT_EV_EXECUTOR_MESSAGE;
        ev->u.message.framework = framework;
        ev->u.message.executor = executor;
        ev->u.message.data = wire_field_bytes(body, 4);
        break;
    }
    if (rc != 0) {
        agent_event_done(ev);
        *ev = (struct agent_event){ .type = AGENT_EV_TICK };
    }
    return rc;
}

/* --- out --- */

static const char *put_registered(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                                  struct sbuf *b)
{
    const struct agent_executor *e = act->executor;

    if (act->again) {
        wire_put_id(b, 1, str_of(a->id));
        wire_put_executor_agent_info(b, 2, env, str_of(a->id));
        return "mesos.internal.ExecutorReregisteredMessage";
    }
    wire_put_bytes(b, 2, blob_str(e->info->raw));
    wire_put_id(b, 3, str_of(e->framework->id));
    wire_put_bytes(b, 4, blob_str(e->framework->info->raw));
    wire_put_id(b, 5, str_of(a->id));
    wire_put_executor_agent_info(b, 6, env, str_of(a->id));
    return "mesos.internal.ExecutorRegisteredMessage";
}

static const char *put_run(const struct agent_task *t, struct sbuf *b)
{
    const struct agent_framework *f = t->executor->framework;

    wire_put_bytes(b, 2, blob_str(f->info->raw));
    wire_put_bytes(b, 3, f->pid != NULL ? str_of(f->pid) : NO_PID);
    wire_put_bytes(b, 4, blob_str(t->info->raw));
    return "mesos.internal.RunTaskMessage";
}

static const char *put_kill(const struct agent_action *act, struct sbuf *b)
{
    wire_put_id(b, 1, str_of(act->executor->framework->id));
    wire_put_id(b, 2, act->task_id);
    if (act->text.n != 0) {
        wire_put_bytes(b, 3, act->text);
    } else if (act->grace_ns >= 0) {
        size_t policy = wire_open(b, 3);
        size_t grace = wire_open(b, 1);
        wire_put_i64(b, 1, act->grace_ns);
        wire_close(b, grace);
        wire_close(b, policy);
    }
    return "mesos.internal.KillTaskMessage";
}

const char *agent_encode_driver_message(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                                        size_t index, struct sbuf *b)
{
    struct str framework = act->executor != NULL ? str_of(act->executor->framework->id) : (struct str){ NULL, 0 };

    if (act->type == AGENT_DO_EXECUTOR_SUBSCRIBED)
        return put_registered(a, env, act, b);
    if (act->type == AGENT_DO_EXECUTOR_LAUNCH)
        return put_run(act->task, b);
    if (act->type == AGENT_DO_EXECUTOR_LAUNCH_GROUP)
        return put_run(act->tasks[index], b);
    if (act->type == AGENT_DO_EXECUTOR_KILL)
        return put_kill(act, b);
    if (act->type == AGENT_DO_EXECUTOR_SHUTDOWN)
        return "mesos.internal.ShutdownExecutorMessage";
    if (act->type == AGENT_DO_EXECUTOR_RECONNECT) {
        wire_put_id(b, 1, str_of(a->id));
        return "mesos.internal.ReconnectExecutorMessage";
    }
    if (act->type == AGENT_DO_EXECUTOR_ACK) {
        wire_put_id(b, 1, str_of(a->id));
        wire_put_id(b, 2, framework);
        wire_put_id(b, 3, act->task_id);
        wire_put_bytes(b, 4, str_mem(act->uuid.b, sizeof act->uuid.b));
        return "mesos.internal.StatusUpdateAcknowledgementMessage";
    }
    if (act->type == AGENT_DO_EXECUTOR_MESSAGE) {
        wire_put_id(b, 1, str_of(a->id));
        wire_put_id(b, 2, framework);
        wire_put_id(b, 3, str_of(act->executor->id));
        wire_put_bytes(b, 4, act->text);
        return "mesos.internal.FrameworkToExecutorMessage";
    }
    return NULL;
}
