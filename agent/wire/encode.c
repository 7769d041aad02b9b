/* SPDX-License-Identifier: Apache-2.0 */
/* Fields are put in the order of their numbers, so that equal content gives equal bytes. */
#include "agent/wire/encode.h"

#include "common/wire/guard.h"
#include "proto/mesos_v1_executor.pb-c.h"

static void put_uuid(struct sbuf *b, uint32_t number, const struct uuid *u)
{
    size_t mark = wire_open(b, number);
    wire_put_bytes(b, 1, str_mem(u->b, sizeof u->b));
    wire_close(b, mark);
}

static struct str own_id(const struct agent *a)
{
    return str_of(a->id);
}

struct agent_id agent_own_id(const struct agent *a)
{
    return agent_id(str_of(a->id));
}

void wire_put_container_id(struct sbuf *b, uint32_t number, struct str id)
{
    struct container_id c = container_id(id);
    struct container_id parent = container_id_parent(c);

    size_t mark = wire_open(b, number);
    wire_put_bytes(b, 1, container_id_leaf(c));
    if (container_id_is_set(parent))
        wire_put_container_id(b, 2, parent.s);
    wire_close(b, mark);
}

static void put_info_fields(struct sbuf *b, const struct agent_env *env, struct str id, bool v0,
                            enum resource_format format)
{
    wire_put_bytes(b, 1, str_of(env->hostname));
    wire_put_resources(b, 3, &env->resources, format, false);
    wire_put_attributes(b, 5, &env->attributes);
    if (id.n != 0)
        wire_put_id(b, 6, id);
    if (v0)
        wire_put_u64(b, 7, 1); /* checkpoint: masters offer this agent to checkpointing frameworks */
    wire_put_u64(b, 8, (uint64_t)env->port);
    if (env->region != NULL && env->zone != NULL) {
        size_t domain = wire_open(b, 10);
        size_t fault = wire_open(b, 1);
        wire_put_id(b, 1, str_of(env->region));
        wire_put_id(b, 2, str_of(env->zone));
        wire_close(b, fault);
        wire_close(b, domain);
    }
}

void wire_put_agent_info(struct sbuf *b, uint32_t number, const struct agent_env *env, struct str id, bool v0)
{
    enum resource_format format = v0 ? RESOURCE_PRE : RESOURCE_POST;

    if (number == 0) {
        put_info_fields(b, env, id, v0, format);
        return;
    }
    size_t mark = wire_open(b, number);
    put_info_fields(b, env, id, v0, format);
    wire_close(b, mark);
}

void wire_put_executor_agent_info(struct sbuf *b, uint32_t number, const struct agent_env *env, struct str id)
{
    size_t mark = wire_open(b, number);

    put_info_fields(b, env, id, true, RESOURCE_POST);
    wire_close(b, mark);
}

void wire_put_agent_task(struct sbuf *b, uint32_t number, const struct agent_task *t, enum resource_format format)
{
    const struct agent_executor *e = t->executor;
    struct task_view v = {
        .task = t->info,
        .framework = framework_id(str_of(e->framework->id)),
        .executor = executor_id(e->generated ? (struct str){ NULL, 0 } : str_of(e->id)),
        .state = t->state,
        .statuses = t->statuses,
        .status_count = t->status_count,
        .format = format,
    };

    if (t->forwarded != NULL) {
        v.has_status_update = true;
        v.status_update_state = t->forwarded->state;
        v.status_update_uuid = t->forwarded->uuid;
    }
    wire_put_task(b, number, &v);
}

/* --- registration --- */

static void put_master_id(const struct agent *a, struct sbuf *b)
{
    if (a->master_id != NULL)
        wire_put_bytes(b, WIRE_OWN_FIELD, str_of(a->master_id));
}

static void put_registration(const struct agent *a, const struct agent_env *env, struct sbuf *b)
{
    wire_put_agent_info(b, 1, env, (struct str){ NULL, 0 }, true);
    wire_put_bytes(b, 2, STR(AGENT_VERSION));
    wire_put_resources(b, 3, &a->checkpointed, RESOURCE_PRE, false);
    wire_put_agent_capabilities(b, 4, env->capabilities);
    put_uuid(b, 5, &a->resource_version);
    put_master_id(a, b);
}

/* What a master has shut down is ending without updates: one that learned of it here would wait for its end for ever. */
static bool is_reported(const struct agent_framework *f)
{
    return f->state == AGENT_FRAMEWORK_RUNNING;
}

static void put_live_tasks(const struct agent *a, struct sbuf *b)
{
    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL && is_reported(f); e = e->hh.next)
            for (const struct agent_task *t = e->order; t != NULL; t = t->next)
                wire_put_agent_task(b, 3, t, RESOURCE_PRE);
}

/* Executors that end are not listed: the master will be told of their end. */
static void put_live_executors(const struct agent *a, struct sbuf *b)
{
    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        for (const struct agent_executor *e = f->executors; e != NULL && is_reported(f); e = e->hh.next)
            if (!e->generated && e->state != EXECUTOR_TERMINATED)
                wire_put_bytes(b, 4, blob_str(e->info->raw));
}

static void put_archive(const struct agent_framework *f, struct sbuf *b)
{
    size_t mark = wire_open(b, 5);
    wire_put_bytes(b, 1, blob_str(f->info->raw));
    if (f->pid != NULL)
        wire_put_bytes(b, 2, str_of(f->pid));
    for (const struct agent_executor *e = f->completed; e != NULL; e = e->next)
        for (const struct agent_task *t = e->completed; t != NULL; t = t->next)
            wire_put_agent_task(b, 3, t, RESOURCE_PRE);
    wire_close(b, mark);
}

static void put_reregistration(const struct agent *a, const struct agent_env *env, struct sbuf *b)
{
    wire_put_agent_info(b, 2, env, own_id(a), true);
    put_live_tasks(a, b);
    put_live_executors(a, b);
    for (const struct agent_framework *f = a->completed; f != NULL; f = f->next)
        put_archive(f, b);
    wire_put_bytes(b, 6, STR(AGENT_VERSION));
    wire_put_resources(b, 7, &a->checkpointed, RESOURCE_PRE, false);
    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        if (is_reported(f))
            wire_put_bytes(b, 8, blob_str(f->info->raw));
    wire_put_agent_capabilities(b, 9, env->capabilities);
    put_uuid(b, 10, &a->resource_version);
    put_master_id(a, b);
}

static void put_operation_status(struct sbuf *b, uint32_t number, const struct agent *a,
                                 const struct agent_operation *o)
{
    size_t mark = wire_open(b, number);
    if (o->operation_id != NULL)
        wire_put_id(b, 1, str_of(o->operation_id));
    wire_put_u64(b, 2, (uint64_t)o->state);
    if (o->message != NULL)
        wire_put_bytes(b, 3, str_of(o->message));
    put_uuid(b, 5, &o->status_uuid);
    if (a->id != NULL)
        wire_put_id(b, 6, own_id(a));
    wire_close(b, mark);
}

static void put_operation_fields(struct sbuf *b, const struct agent *a, const struct agent_operation *o)
{
    if (o->framework_id != NULL)
        wire_put_id(b, 1, str_of(o->framework_id));
    if (a->id != NULL)
        wire_put_id(b, 2, own_id(a));
    wire_put_bytes(b, 3, blob_str(o->info));
    put_operation_status(b, 4, a, o);
    put_operation_status(b, 5, a, o);
    put_uuid(b, 6, &o->uuid);
}

void wire_put_agent_operation(struct sbuf *b, uint32_t number, const struct agent *a, const struct agent_operation *o)
{
    if (number == 0) {
        put_operation_fields(b, a, o);
        return;
    }
    size_t mark = wire_open(b, number);
    put_operation_fields(b, a, o);
    wire_close(b, mark);
}

static void put_update_agent(const struct agent *a, struct sbuf *b)
{
    wire_put_id(b, 1, own_id(a));
    wire_put_resources(b, 2, &a->oversubscribed, RESOURCE_PRE, false);
    wire_put_u64(b, 5, a->oversubscribes);
    size_t mark = wire_open(b, 6);
    for (const struct agent_operation *o = a->operations; o != NULL; o = o->hh.next)
        if (o->info->n != 0) /* one that a master asked about and nobody knows has none */
            wire_put_agent_operation(b, 1, a, o);
    wire_close(b, mark);
    put_uuid(b, 7, &a->resource_version);
    wire_put_bytes(b, 8, (struct str){ NULL, 0 });
}

/* --- updates --- */

static void put_status_update(struct sbuf *b, uint32_t number, const struct agent *a, const struct agent_stream *s,
                              const struct task_status *status, const enum task_state *latest)
{
    size_t mark = wire_open(b, number);
    wire_put_id(b, 1, str_of(s->framework_id));
    if (executor_id_is_set(status->executor)) /* only what the status says: frameworks see it */
        wire_put_id(b, 2, status->executor.s);
    wire_put_id(b, 3, own_id(a));
    wire_put_bytes(b, 4, blob_str(status->raw));
    wire_put_double(b, 5, status->timestamp);
    wire_put_bytes(b, 6, str_mem(status->uuid.b, sizeof status->uuid.b));
    if (latest != NULL)
        wire_put_u64(b, 7, (uint64_t)*latest);
    wire_close(b, mark);
}

void wire_put_update_record(struct sbuf *b, const struct agent *a, const struct agent_stream *s,
                            const struct task_status *status)
{
    wire_put_u64(b, 1, 0);
    put_status_update(b, 2, a, s, status, NULL);
}

static void put_update_message(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                               struct sbuf *b)
{
    enum task_state latest = act->task != NULL ? act->task->state : act->update->status->state;

    put_status_update(b, 1, a, act->flow, act->update->status, &latest);
    wire_put_bytes(b, 2, str_of(env->pid));
}

static void put_exited(const struct agent *a, const struct agent_action *act, struct sbuf *b)
{
    wire_put_id(b, 1, own_id(a));
    wire_put_id(b, 2, act->framework_id);
    wire_put_id(b, 3, act->executor_id);
    wire_put_i64(b, 4, act->status);
}

static void put_message(const struct agent *a, const struct agent_action *act, struct sbuf *b)
{
    wire_put_id(b, 1, own_id(a));
    wire_put_id(b, 2, str_of(act->framework->id));
    wire_put_id(b, 3, act->executor_id);
    wire_put_bytes(b, 4, act->text);
}

void wire_put_operation_update(struct sbuf *b, const struct agent *a, const struct agent_operation *o)
{
    if (o->framework_id != NULL)
        wire_put_id(b, 1, str_of(o->framework_id));
    if (a->id != NULL)
        wire_put_id(b, 2, own_id(a));
    put_operation_status(b, 3, a, o);
    put_operation_status(b, 4, a, o);
    put_uuid(b, 5, &o->uuid);
}

const char *agent_encode_message(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                                 struct sbuf *body)
{
    if (act->type == AGENT_DO_REGISTER) {
        put_registration(a, env, body);
        return "mesos.internal.RegisterSlaveMessage";
    }
    if (act->type == AGENT_DO_REREGISTER) {
        put_reregistration(a, env, body);
        return "mesos.internal.ReregisterSlaveMessage";
    }
    if (act->type == AGENT_DO_UNREGISTER) {
        wire_put_id(body, 1, own_id(a));
        return "mesos.internal.UnregisterSlaveMessage";
    }
    if (act->type == AGENT_DO_UPDATE_AGENT) {
        put_update_agent(a, body);
        return "mesos.internal.UpdateSlaveMessage";
    }
    if (act->type == AGENT_DO_PONG)
        return "mesos.internal.PongSlaveMessage";
    if (act->type == AGENT_DO_SEND_UPDATE) {
        put_update_message(a, env, act, body);
        return "mesos.internal.StatusUpdateMessage";
    }
    if (act->type == AGENT_DO_SEND_EXITED) {
        put_exited(a, act, body);
        return "mesos.internal.ExitedExecutorMessage";
    }
    if (act->type == AGENT_DO_SEND_MESSAGE) {
        put_message(a, act, body);
        return "mesos.internal.ExecutorToFrameworkMessage";
    }
    if (act->type == AGENT_DO_SEND_OPERATION) {
        wire_put_operation_update(body, a, act->operation);
        return "mesos.internal.UpdateOperationStatusMessage";
    }
    return NULL;
}

/* --- executor events --- */

static void put_subscribed(struct sbuf *b, const struct agent *a, const struct agent_env *env,
                           const struct agent_executor *e)
{
    wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__SUBSCRIBED);
    size_t mark = wire_open(b, 2);
    wire_put_bytes(b, 1, blob_str(e->info->raw));
    wire_put_bytes(b, 2, blob_str(e->framework->info->raw));
    wire_put_agent_info(b, 3, env, own_id(a), false);
    wire_put_container_id(b, 4, str_of(e->container_id));
    wire_close(b, mark);
}

static void put_launch(struct sbuf *b, const struct agent_task *t)
{
    wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH);
    size_t mark = wire_open(b, 4);
    wire_put_bytes(b, 1, blob_str(t->info->raw));
    wire_close(b, mark);
}

static void put_launch_group(struct sbuf *b, const struct agent_task *const *v, size_t n)
{
    wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__LAUNCH_GROUP);
    size_t mark = wire_open(b, 8);
    size_t group = wire_open(b, 1);
    for (size_t i = 0; i < n; i++)
        wire_put_bytes(b, 1, blob_str(v[i]->info->raw));
    wire_close(b, group);
    wire_close(b, mark);
}

static void put_kill(struct sbuf *b, const struct agent_action *act)
{
    wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__KILL);
    size_t mark = wire_open(b, 5);
    wire_put_id(b, 1, act->task_id);
    if (act->text.n != 0) {
        wire_put_bytes(b, 2, act->text);
    } else if (act->grace_ns >= 0) {
        size_t policy = wire_open(b, 2);
        size_t grace = wire_open(b, 1);
        wire_put_i64(b, 1, act->grace_ns);
        wire_close(b, grace);
        wire_close(b, policy);
    }
    wire_close(b, mark);
}

static void put_acknowledged(struct sbuf *b, const struct agent_action *act)
{
    wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED);
    size_t mark = wire_open(b, 3);
    wire_put_id(b, 1, act->task_id);
    wire_put_bytes(b, 2, str_mem(act->uuid.b, sizeof act->uuid.b));
    wire_close(b, mark);
}

bool agent_encode_executor_event(const struct agent *a, const struct agent_env *env, const struct agent_action *act,
                                 struct sbuf *b)
{
    if (act->type == AGENT_DO_EXECUTOR_SUBSCRIBED) {
        put_subscribed(b, a, env, act->executor);
    } else if (act->type == AGENT_DO_EXECUTOR_LAUNCH) {
        put_launch(b, act->task);
    } else if (act->type == AGENT_DO_EXECUTOR_LAUNCH_GROUP) {
        put_launch_group(b, act->tasks, act->task_count);
    } else if (act->type == AGENT_DO_EXECUTOR_KILL) {
        put_kill(b, act);
    } else if (act->type == AGENT_DO_EXECUTOR_ACK) {
        put_acknowledged(b, act);
    } else if (act->type == AGENT_DO_EXECUTOR_MESSAGE) {
        wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__MESSAGE);
        size_t mark = wire_open(b, 6);
        wire_put_bytes(b, 1, act->text);
        wire_close(b, mark);
    } else if (act->type == AGENT_DO_EXECUTOR_SHUTDOWN) {
        wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__SHUTDOWN);
    } else {
        return false;
    }
    return true;
}

void agent_encode_executor_heartbeat(struct sbuf *b)
{
    wire_put_u64(b, 1, MESOS__V1__EXECUTOR__EVENT__TYPE__HEARTBEAT);
}
