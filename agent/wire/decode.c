/* SPDX-License-Identifier: Apache-2.0 */
/* One function per message; the table at the end names them. */
#include "agent/wire/decode.h"

#include "agent/wire/command.h"
#include "common/wire/guard.h"
#include "proto/mesos_internal.pb-c.h"

struct decoding {
    struct agent_event *ev;
    const struct agent_env *env;
    struct str body;
    struct arena *arena;
    struct error *err;
};

static bool uuid_of(ProtobufCBinaryData d, struct uuid *ret)
{
    if (d.len != sizeof ret->b)
        return false;
    memcpy(ret->b, d.data, sizeof ret->b);
    return true;
}

/* "@0.0.0.0:0" stands for no pid. */
static struct str pid_of(const char *pid)
{
    struct str s = str_of(pid);

    return str_ends(s, STR("@0.0.0.0:0")) ? (struct str){ NULL, 0 } : s;
}

/* --- launches --- */

/* These ids become names of folders, whoever sent them. */
static int check_ids(struct decoding *d)
{
    int rc = id_check(d->ev->u.run.framework->id.s, d->err);

    if (rc != 0)
        return error_wrap(d->err, "framework id");
    rc = id_check(d->ev->u.run.executor->id.s, d->err);
    if (rc != 0)
        return error_wrap(d->err, "executor id");
    for (size_t i = 0; i < d->ev->u.run.task_count && rc == 0; i++)
        rc = id_check(d->ev->u.run.tasks[i]->id.s, d->err);
    return rc != 0 ? error_wrap(d->err, "task id") : 0;
}

/* The agent's own resource version; others belong to resource providers. */
static const struct uuid *version_of(struct decoding *d, Mesos__Internal__ResourceVersionUUID **v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i]->resource_provider_id != NULL)
            continue;
        struct uuid *u = arena_alloc(d->arena, sizeof *u);
        if (u != NULL && uuid_of(v[i]->uuid->value, u))
            return u;
    }
    return NULL;
}

static const struct uuid *known_version(struct decoding *d, bool has, ProtobufCBinaryData bytes)
{
    struct uuid *u = has ? arena_alloc(d->arena, sizeof *u) : NULL;

    return u != NULL && uuid_of(bytes, u) ? u : NULL;
}

static int take_task(struct decoding *d, Mesos__V1__TaskInfo *m, bool group, size_t index, struct task_info **v)
{
    struct task_context ctx = { .framework = d->ev->u.run.framework->id, .is_group = group, .is_trusted = true };
    struct task_info *t = convert_task(m, &ctx, d->arena);

    v[index] = t;
    d->ev->u.run.tasks = v;
    d->ev->u.run.task_count = index + 1;
    if (t->invalid != NULL)
        return error_set(d->err, ERR_INVALID, "task %.*s: %s", STR_ARG(t->id.s), t->invalid);
    return 0;
}

static int decode_run_task(struct decoding *d)
{
    Mesos__Internal__RunTaskMessage *m;
    struct agent_event *ev = d->ev;
    int rc = WIRE_UNPACK(mesos__internal__run_task_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    ev->type = AGENT_EV_RUN;
    rc = convert_framework_info(m->framework, &ev->u.run.framework, d->err);
    if (rc != 0)
        return rc;
    struct task_info **v = arena_array(d->arena, 1, sizeof(struct task_info *));
    if (v == NULL)
        return error_set(d->err, ERR_NOMEM, "RunTask: out of memory");
    rc = take_task(d, m->task, false, 0, v);
    if (rc != 0)
        return rc;
    if (v[0]->executor != NULL) {
        ev->u.run.executor = executor_info_ref(v[0]->executor);
    } else if (m->task->command == NULL) {
        return error_set(d->err, ERR_INVALID, "task %.*s has neither an executor nor a command", STR_ARG(v[0]->id.s));
    } else {
        ev->u.run.generated = true;
        rc = command_executor_make(m->task, ev->u.run.framework->id, resources_role(&v[0]->resources, NULL),
                                   d->env->launcher_dir, d->arena, &ev->u.run.executor, d->err);
        if (rc != 0)
            return rc;
    }
    ev->u.run.pid = pid_of(m->pid);
    ev->u.run.launch_executor_set = m->has_launch_executor;
    ev->u.run.launch_executor = m->launch_executor;
    ev->u.run.resource_version = version_of(d, m->resource_version_uuids, m->n_resource_version_uuids);
    return check_ids(d);
}

static int decode_run_group(struct decoding *d)
{
    Mesos__Internal__RunTaskGroupMessage *m;
    struct agent_event *ev = d->ev;
    int rc = WIRE_UNPACK(mesos__internal__run_task_group_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    ev->type = AGENT_EV_RUN;
    ev->u.run.group = true;
    rc = convert_framework_info(m->framework, &ev->u.run.framework, d->err);
    if (rc != 0)
        return rc;
    struct task_context ctx = { .framework = ev->u.run.framework->id, .is_group = true, .is_trusted = true };
    rc = convert_executor(m->executor, &ctx, d->arena, &ev->u.run.executor, d->err);
    if (rc != 0)
        return rc;
    size_t n = m->task_group->n_tasks;
    struct task_info **v = arena_array(d->arena, n, sizeof(struct task_info *));
    if (v == NULL && n != 0)
        return error_set(d->err, ERR_NOMEM, "RunTaskGroup: out of memory for %zu tasks", n);
    for (size_t i = 0; i < n; i++) {
        rc = take_task(d, m->task_group->tasks[i], true, i, v);
        if (rc != 0)
            return rc;
    }
    ev->u.run.launch_executor_set = m->has_launch_executor;
    ev->u.run.launch_executor = m->launch_executor;
    ev->u.run.resource_version = version_of(d, m->resource_version_uuids, m->n_resource_version_uuids);
    return check_ids(d);
}

/* --- tasks, frameworks, executors --- */

static int decode_kill(struct decoding *d)
{
    Mesos__Internal__KillTaskMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__kill_task_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_KILL_TASK;
    d->ev->u.kill.framework = framework_id(str_of(m->framework_id->value));
    d->ev->u.kill.task = task_id(str_of(m->task_id->value));
    d->ev->u.kill.kill_policy = wire_field_bytes(d->body, 3);
    d->ev->u.kill.grace_ns = -1;
    if (m->kill_policy != NULL && m->kill_policy->grace_period != NULL)
        d->ev->u.kill.grace_ns = m->kill_policy->grace_period->nanoseconds;
    return 0;
}

static int decode_shutdown_framework(struct decoding *d)
{
    Mesos__Internal__ShutdownFrameworkMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__shutdown_framework_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_SHUTDOWN_FRAMEWORK;
    d->ev->u.shutdown_one.framework = framework_id(str_of(m->framework_id->value));
    return 0;
}

static int decode_shutdown_executor(struct decoding *d)
{
    Mesos__Internal__ShutdownExecutorMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__shutdown_executor_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    if (m->framework_id == NULL || m->executor_id == NULL)
        return error_set(d->err, ERR_INVALID, "ShutdownExecutor names no executor");
    d->ev->type = AGENT_EV_SHUTDOWN_EXECUTOR;
    d->ev->u.shutdown_one.framework = framework_id(str_of(m->framework_id->value));
    d->ev->u.shutdown_one.executor = executor_id(str_of(m->executor_id->value));
    return 0;
}

static int decode_shutdown(struct decoding *d)
{
    Mesos__Internal__ShutdownMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__shutdown_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_SHUTDOWN;
    d->ev->u.shutdown.message = str_of(m->message);
    return 0;
}

static int decode_update_framework(struct decoding *d)
{
    Mesos__Internal__UpdateFrameworkMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__update_framework_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_UPDATE_FRAMEWORK;
    d->ev->u.update_framework.framework = framework_id(str_of(m->framework_id->value));
    d->ev->u.update_framework.pid = pid_of(m->pid);
    if (m->framework_info != NULL)
        rc = convert_framework_info(m->framework_info, &d->ev->u.update_framework.info, d->err);
    return rc;
}

static int decode_framework_message(struct decoding *d)
{
    Mesos__Internal__FrameworkToExecutorMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__framework_to_executor_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_FRAMEWORK_MESSAGE;
    d->ev->u.message.framework = framework_id(str_of(m->framework_id->value));
    d->ev->u.message.executor = executor_id(str_of(m->executor_id->value));
    d->ev->u.message.data = str_mem(m->data.data, m->data.len);
    return 0;
}

static int decode_ack(struct decoding *d)
{
    Mesos__Internal__StatusUpdateAcknowledgementMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__status_update_acknowledgement_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_STATUS_ACK;
    d->ev->u.ack.framework = framework_id(str_of(m->framework_id->value));
    d->ev->u.ack.task = task_id(str_of(m->task_id->value));
    if (!uuid_of(m->uuid, &d->ev->u.ack.uuid))
        return error_set(d->err, ERR_INVALID, "acknowledgement with a uuid of %zu bytes", m->uuid.len);
    d->ev->u.ack.resource_version = known_version(d, m->has_resource_version, m->resource_version);
    return 0;
}

/* --- resources and operations --- */

static int decode_checkpoint_resources(struct decoding *d)
{
    Mesos__Internal__CheckpointResourcesMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__checkpoint_resources_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    struct resources *r = arena_alloc(d->arena, sizeof *r);
    if (r == NULL)
        return error_set(d->err, ERR_NOMEM, "CheckpointResources: out of memory");
    rc = convert_resources(m->resources, m->n_resources, r, d->err);
    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_CHECKPOINT_RESOURCES;
    d->ev->u.checkpoint.resources = r;
    return 0;
}

static int decode_apply_operation(struct decoding *d)
{
    Mesos__Internal__ApplyOperationMessage *m;
    struct agent_operation_desc *o = &d->ev->u.operation;
    int rc = WIRE_UNPACK(mesos__internal__apply_operation_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    if (!uuid_of(m->operation_uuid->value, &o->uuid))
        return error_set(d->err, ERR_INVALID, "ApplyOperation with a uuid of %zu bytes", m->operation_uuid->value.len);
    struct operation *op = arena_alloc(d->arena, sizeof *op);
    if (op == NULL)
        return error_set(d->err, ERR_NOMEM, "ApplyOperation: out of memory");
    d->ev->type = AGENT_EV_APPLY_OPERATION;
    if (m->framework_id != NULL)
        o->framework = framework_id(str_of(m->framework_id->value));
    if (m->operation_info->id != NULL)
        o->id = operation_id(str_of(m->operation_info->id->value));
    o->info = wire_field_bytes(d->body, 2);
    o->resource_version = version_of(d, &m->resource_version_uuid, 1);

    struct task_context ctx = { .is_trusted = true };
    convert_operation(m->operation_info, &ctx, true, d->arena, op);
    if (op->invalid == NULL && operation_is_speculative(op->type)) {
        resources_unallocate(&op->conversion.consumed);
        resources_unallocate(&op->conversion.produced);
        o->conversion = &op->conversion;
    } else if (op->invalid != NULL) {
        o->invalid = arena_str(d->arena, str_of(op->invalid));
        operation_done(op);
    } else {
        o->invalid = arena_fmt(d->arena, "operations of type %s are not supported by this agent",
                               operation_type_name(op->type));
        operation_done(op);
    }
    return 0;
}

static int decode_operation_ack(struct decoding *d)
{
    Mesos__Internal__AcknowledgeOperationStatusMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__acknowledge_operation_status_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_OPERATION_ACK;
    if (!uuid_of(m->operation_uuid->value, &d->ev->u.operation_ack.operation) ||
        !uuid_of(m->status_uuid->value, &d->ev->u.operation_ack.status))
        return error_set(d->err, ERR_INVALID, "AcknowledgeOperationStatus with a uuid that has not 16 bytes");
    d->ev->u.operation_ack.resource_version = known_version(d, m->has_resource_version, m->resource_version);
    return 0;
}

static int decode_reconcile_operations(struct decoding *d)
{
    Mesos__Internal__ReconcileOperationsMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__reconcile_operations_message, d->body, d->arena, &m, d->err);
    size_t n = 0;

    if (rc != 0)
        return rc;
    struct uuid *v = arena_array(d->arena, m->n_operations, sizeof *v);
    if (v == NULL && m->n_operations != 0)
        return error_set(d->err, ERR_NOMEM, "ReconcileOperations: out of memory");
    for (size_t i = 0; i < m->n_operations; i++)
        if (m->operations[i]->resource_provider_id == NULL && m->operations[i]->operation_uuid != NULL &&
            uuid_of(m->operations[i]->operation_uuid->value, &v[n]))
            n++;
    d->ev->type = AGENT_EV_RECONCILE_OPERATIONS;
    d->ev->u.reconcile_operations.operations = v;
    d->ev->u.reconcile_operations.count = n;
    return 0;
}

/* --- the agent itself --- */

static int decode_drain(struct decoding *d)
{
    Mesos__Internal__DrainSlaveMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__drain_slave_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_DRAIN;
    d->ev->u.drain.config = wire_field_bytes(d->body, 1);
    d->ev->u.drain.max_grace_ns = m->config->max_grace_period != NULL ? m->config->max_grace_period->nanoseconds : -1;
    d->ev->u.drain.mark_gone = m->config->mark_gone;
    return 0;
}

static int64_t ping_timeout(const Mesos__Internal__MasterSlaveConnection *c)
{
    int64_t ns;

    if (c == NULL || !c->has_total_ping_timeout_seconds || !seconds_to_ns(c->total_ping_timeout_seconds, &ns))
        return 0;
    return ns;
}

static int decode_registered(struct decoding *d)
{
    Mesos__Internal__SlaveRegisteredMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__slave_registered_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_REGISTERED;
    d->ev->u.registered.agent = agent_id(str_of(m->slave_id->value));
    d->ev->u.registered.ping_timeout_ns = ping_timeout(m->connection);
    return id_check(d->ev->u.registered.agent.s, d->err);
}

static int decode_reregistered(struct decoding *d)
{
    Mesos__Internal__SlaveReregisteredMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__slave_reregistered_message, d->body, d->arena, &m, d->err);
    size_t n = 0;

    if (rc != 0)
        return rc;
    for (size_t i = 0; i < m->n_reconciliations; i++)
        n += m->reconciliations[i]->n_statuses;
    struct agent_reconcile_task *v = arena_array(d->arena, n, sizeof *v);
    if (v == NULL && n != 0)
        return error_set(d->err, ERR_NOMEM, "SlaveReregistered: out of memory for %zu tasks", n);
    n = 0;
    for (size_t i = 0; i < m->n_reconciliations; i++) {
        const Mesos__Internal__ReconcileTasksMessage *r = m->reconciliations[i];
        uint32_t caps = r->framework != NULL ? convert_framework_capabilities(r->framework->capabilities,
                                                                             r->framework->n_capabilities) : 0;
        for (size_t j = 0; j < r->n_statuses; j++)
            v[n++] = (struct agent_reconcile_task){
                .framework = framework_id(str_of(r->framework_id->value)),
                .task = task_id(str_of(r->statuses[j]->task_id->value)),
                .partition_aware = (caps & FRAMEWORK_CAP_PARTITION_AWARE) != 0,
            };
    }
    d->ev->type = AGENT_EV_REGISTERED;
    d->ev->u.registered.again = true;
    d->ev->u.registered.agent = agent_id(str_of(m->slave_id->value));
    d->ev->u.registered.ping_timeout_ns = ping_timeout(m->connection);
    d->ev->u.registered.tasks = v;
    d->ev->u.registered.task_count = n;
    return 0;
}

static int decode_ping(struct decoding *d)
{
    Mesos__Internal__PingSlaveMessage *m;
    int rc = WIRE_UNPACK(mesos__internal__ping_slave_message, d->body, d->arena, &m, d->err);

    if (rc != 0)
        return rc;
    d->ev->type = AGENT_EV_PING;
    d->ev->u.ping.connected = m->connected;
    d->ev->u.ping.master = str_of(m->master_id);
    return 0;
}

static const struct {
    const char *name;
    int (*decode)(struct decoding *d);
} messages[] = {
    { "RunTaskMessage", decode_run_task },
    { "RunTaskGroupMessage", decode_run_group },
    { "KillTaskMessage", decode_kill },
    { "StatusUpdateAcknowledgementMessage", decode_ack },
    { "PingSlaveMessage", decode_ping },
    { "SlaveRegisteredMessage", decode_registered },
    { "SlaveReregisteredMessage", decode_reregistered },
    { "ShutdownFrameworkMessage", decode_shutdown_framework },
    { "ShutdownExecutorMessage", decode_shutdown_executor },
    { "ShutdownMessage", decode_shutdown },
    { "UpdateFrameworkMessage", decode_update_framework },
    { "FrameworkToExecutorMessage", decode_framework_message },
    { "CheckpointResourcesMessage", decode_checkpoint_resources },
    { "ApplyOperationMessage", decode_apply_operation },
    { "AcknowledgeOperationStatusMessage", decode_operation_ack },
    { "ReconcileOperationsMessage", decode_reconcile_operations },
    { "DrainSlaveMessage", decode_drain },
};

int agent_decode_message(struct agent_event *ev, const struct agent_env *env, struct str from, struct str name,
                         struct str body, struct arena *arena, struct error *err)
{
    struct decoding d = { ev, env, body, arena, err };
    struct str rest = name;

    *ev = (struct agent_event){ .type = AGENT_EV_TICK, .from = from };
    if (!str_skip(&rest, STR("mesos.internal.")))
        return error_set(err, ERR_NOT_FOUND, "no message %.*s here", STR_ARG(name));
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        if (str_is(rest, messages[i].name)) {
            int rc = messages[i].decode(&d);
            if (rc != 0) {
                agent_event_done(ev);
                *ev = (struct agent_event){ .type = AGENT_EV_TICK };
                return error_wrap(err, "%.*s", STR_ARG(name));
            }
            return 0;
        }
    return error_set(err, ERR_NOT_FOUND, "no message %.*s here", STR_ARG(name));
}

static void run_done(struct agent_event *ev)
{
    framework_info_unref(ev->u.run.framework);
    executor_info_unref(ev->u.run.executor);
    for (size_t i = 0; i < ev->u.run.task_count; i++)
        task_info_unref(ev->u.run.tasks[i]);
}

void agent_event_done(struct agent_event *ev)
{
    switch (ev->type) {
    case AGENT_EV_RUN: run_done(ev); break;
    case AGENT_EV_UPDATE_FRAMEWORK: framework_info_unref(ev->u.update_framework.info); break;
    case AGENT_EV_CHECKPOINT_RESOURCES:
        resources_done((struct resources *)(uintptr_t)ev->u.checkpoint.resources); /* ours: made by the decoder */
        break;
    case AGENT_EV_APPLY_OPERATION:
        if (ev->u.operation.conversion != NULL)
            operation_done((struct operation *)(uintptr_t)((const char *)ev->u.operation.conversion -
                                                            offsetof(struct operation, conversion)));
        break;
    case AGENT_EV_EXECUTOR_SUBSCRIBE:
        for (size_t i = 0; i < ev->u.subscribe.update_count; i++)
            task_status_unref(ev->u.subscribe.updates[i]);
        break;
    case AGENT_EV_EXECUTOR_UPDATE: task_status_unref(ev->u.update.status); break;
    case AGENT_EV_RECOVERED:
    case AGENT_EV_MASTER:
    case AGENT_EV_MASTER_LINK_BROKEN:
    case AGENT_EV_REGISTERED:
    case AGENT_EV_PING:
    case AGENT_EV_KILL_TASK:
    case AGENT_EV_SHUTDOWN_FRAMEWORK:
    case AGENT_EV_SHUTDOWN_EXECUTOR:
    case AGENT_EV_SHUTDOWN:
    case AGENT_EV_FRAMEWORK_MESSAGE:
    case AGENT_EV_STATUS_ACK:
    case AGENT_EV_OPERATION_ACK:
    case AGENT_EV_RECONCILE_OPERATIONS:
    case AGENT_EV_DRAIN:
    case AGENT_EV_EXECUTOR_MESSAGE:
    case AGENT_EV_EXECUTOR_DISCONNECTED:
    case AGENT_EV_CONTAINER_LAUNCHED:
    case AGENT_EV_CONTAINER_EXITED:
    case AGENT_EV_CONTAINER_UPDATE_FAILED:
    case AGENT_EV_ESTIMATE:
    case AGENT_EV_PREEMPT:
    case AGENT_EV_UPDATE_STORED:
    case AGENT_EV_RESOURCES_STORED:
    case AGENT_EV_INFO_STORED:
    case AGENT_EV_UNREGISTER:
    case AGENT_EV_TICK:
    case AGENT_EV_COUNT: break;
    }
}
