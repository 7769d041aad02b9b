/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to agents and events to frameworks and operators, spliced from bytes that are there already. Field numbers: wire
 * protocol, section 13; mesos.v1.scheduler.Event; mesos.v1.master.Event. */
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "master/wire/codec.h"

#define NO_PID STR("@0.0.0.0:0") /* of frameworks that speak HTTP */

static struct str uuid_bytes(const struct uuid *u)
{
    return str_mem(u->b, sizeof u->b);
}

/* A UUID message, or any message whose field 1 is bytes. */
static void put_uuid(struct sbuf *b, uint32_t number, const struct uuid *u)
{
    wire_put_id(b, number, uuid_bytes(u));
}

static void put_resource_version(struct sbuf *b, uint32_t number, const struct agent *a)
{
    if (!a->has_resource_version)
        return;
    size_t mark = wire_open(b, number);
    put_uuid(b, 2, &a->resource_version);
    wire_close(b, mark);
}

static void put_known_version(struct sbuf *b, const struct agent *a)
{
    if (a != NULL && a->has_resource_version)
        wire_put_bytes(b, WIRE_OWN_FIELD, uuid_bytes(&a->resource_version));
}

static void put_connection(struct sbuf *b, uint32_t number, double ping_timeout)
{
    size_t mark = wire_open(b, number);

    wire_put_double(b, 1, ping_timeout);
    wire_close(b, mark);
}

static void put_reconciliations(struct sbuf *b, uint32_t number, const struct master_action *a)
{
    for (size_t i = 0; i < a->send.missing_count;) {
        const struct framework *f = a->send.missing[i].task->framework;
        size_t mark = wire_open(b, number);
        wire_put_id(b, 1, f->id.s);
        for (; i < a->send.missing_count && a->send.missing[i].task->framework == f; i++) {
            const struct task *t = a->send.missing[i].task;
            size_t status = wire_open(b, 2);
            wire_put_id(b, 1, task_id_str(t));
            wire_put_u64(b, 2, t->state);
            wire_put_id(b, 5, name_str(t->agent_id));
            wire_close(b, status);
        }
        wire_put_bytes(b, 3, blob_str(f->info->raw));
        wire_close(b, mark);
    }
}

static struct str framework_pid(const struct framework *f)
{
    return f->pid != NULL ? str_of(f->pid) : NO_PID;
}

static void put_run_task(struct sbuf *b, const struct master_action *a)
{
    wire_put_bytes(b, 2, blob_str(a->send.framework->info->raw));
    wire_put_bytes(b, 3, framework_pid(a->send.framework));
    wire_put_bytes(b, 4, blob_str(a->send.tasks[0]->raw));
    put_resource_version(b, 5, a->send.agent);
    wire_put_u64(b, 6, a->send.flag);
}

static void put_run_group(struct sbuf *b, const struct master_action *a)
{
    wire_put_bytes(b, 1, blob_str(a->send.framework->info->raw));
    wire_put_bytes(b, 2, blob_str(a->send.executor->raw));
    size_t group = wire_open(b, 3);
    for (size_t i = 0; i < a->send.task_count; i++)
        wire_put_bytes(b, 1, blob_str(a->send.tasks[i]->raw));
    wire_close(b, group);
    put_resource_version(b, 4, a->send.agent);
    wire_put_u64(b, 5, a->send.flag);
}

static void put_apply_operation(struct sbuf *b, const struct master_action *a)
{
    if (a->send.framework_id.n != 0)
        wire_put_id(b, 1, a->send.framework_id);
    wire_put_bytes(b, 2, a->send.bytes);
    put_uuid(b, 3, &a->send.uuid);
    size_t mark = wire_open(b, 4);
    static const struct uuid none;
    put_uuid(b, 2, a->send.agent->has_resource_version ? &a->send.agent->resource_version : &none);
    wire_close(b, mark);
}

static void put_reconcile_operations(struct sbuf *b, const struct master_action *a)
{
    for (size_t i = 0; i < a->send.operation_count; i++) {
        const struct agent_operation *o = a->send.operations[i];
        size_t mark = wire_open(b, 1);
        put_uuid(b, 1, &o->uuid);
        if (o->id != NULL)
            wire_put_id(b, 3, str_of(o->id));
        wire_close(b, mark);
    }
}

static void put_drain_message(struct sbuf *b, const struct drain *d)
{
    size_t config = wire_open(b, 1);

    if (d->max_grace_ns >= 0) {
        size_t grace = wire_open(b, 1);
        wire_put_i64(b, 1, d->max_grace_ns);
        wire_close(b, grace);
    }
    wire_put_u64(b, 2, d->mark_gone);
    wire_close(b, config);
}

const char *encode_send(const struct master_action *a, struct sbuf *b)
{
    switch (a->send.kind) {
    case MSG_AGENT_REGISTERED:
        wire_put_id(b, 1, a->send.agent_id);
        put_connection(b, 2, a->send.seconds);
        return "mesos.internal.SlaveRegisteredMessage";
    case MSG_AGENT_REREGISTERED:
        wire_put_id(b, 1, a->send.agent_id);
        put_reconciliations(b, 2, a);
        put_connection(b, 3, a->send.seconds);
        return "mesos.internal.SlaveReregisteredMessage";
    case MSG_PING:
        wire_put_u64(b, 1, a->send.flag);
        if (a->send.bytes.n != 0)
            wire_put_bytes(b, WIRE_OWN_FIELD, a->send.bytes);
        return "mesos.internal.PingSlaveMessage";
    case MSG_SHUTDOWN:
        wire_put_bytes(b, 1, a->send.bytes);
        return "mesos.internal.ShutdownMessage";
    case MSG_RUN_TASK:
        put_run_task(b, a);
        return "mesos.internal.RunTaskMessage";
    case MSG_RUN_TASK_GROUP:
        put_run_group(b, a);
        return "mesos.internal.RunTaskGroupMessage";
    case MSG_KILL_TASK:
        wire_put_id(b, 1, a->send.framework_id);
        wire_put_id(b, 2, a->send.task_id);
        if (a->send.bytes.p != NULL)
            wire_put_bytes(b, 3, a->send.bytes);
        return "mesos.internal.KillTaskMessage";
    case MSG_ACKNOWLEDGE:
        wire_put_id(b, 1, a->send.agent_id);
        wire_put_id(b, 2, a->send.framework_id);
        wire_put_id(b, 3, a->send.task_id);
        wire_put_bytes(b, 4, uuid_bytes(&a->send.uuid));
        put_known_version(b, a->send.agent);
        return "mesos.internal.StatusUpdateAcknowledgementMessage";
    case MSG_SHUTDOWN_FRAMEWORK:
        wire_put_id(b, 1, a->send.framework_id);
        return "mesos.internal.ShutdownFrameworkMessage";
    case MSG_SHUTDOWN_EXECUTOR:
        wire_put_id(b, 1, a->send.executor_id);
        wire_put_id(b, 2, a->send.framework_id);
        return "mesos.internal.ShutdownExecutorMessage";
    case MSG_FRAMEWORK_MESSAGE:
        wire_put_id(b, 1, a->send.agent_id);
        wire_put_id(b, 2, a->send.framework_id);
        wire_put_id(b, 3, a->send.executor_id);
        wire_put_bytes(b, 4, a->send.bytes);
        return "mesos.internal.FrameworkToExecutorMessage";
    case MSG_UPDATE_FRAMEWORK:
        wire_put_id(b, 1, a->send.framework->id.s);
        wire_put_bytes(b, 2, framework_pid(a->send.framework));
        wire_put_bytes(b, 3, blob_str(a->send.framework->info->raw));
        return "mesos.internal.UpdateFrameworkMessage";
    case MSG_CHECKPOINT_RESOURCES: {
        CLEANUP(resources_done_p) struct resources r = resources_checkpointed(a->send.resources);
        wire_put_resources(b, 1, &r, RESOURCE_PRE, false);
        return "mesos.internal.CheckpointResourcesMessage";
    }
    case MSG_APPLY_OPERATION:
        put_apply_operation(b, a);
        return "mesos.internal.ApplyOperationMessage";
    case MSG_ACKNOWLEDGE_OPERATION:
        put_uuid(b, 1, &a->send.uuid);
        put_uuid(b, 2, &a->send.uuid2);
        put_known_version(b, a->send.agent);
        return "mesos.internal.AcknowledgeOperationStatusMessage";
    case MSG_RECONCILE_OPERATIONS:
        put_reconcile_operations(b, a);
        return "mesos.internal.ReconcileOperationsMessage";
    case MSG_DRAIN:
        put_drain_message(b, &a->send.drain);
        return "mesos.internal.DrainSlaveMessage";
    }
    return NULL;
}

/* --- scheduler events --- */

static void put_subscribed(struct sbuf *b, const struct master_identity *who, const struct master_action *a)
{
    size_t mark = wire_open(b, 2);

    wire_put_id(b, 1, a->event.framework->id.s);
    wire_put_double(b, 2, (double)HEARTBEAT_SECONDS);
    wire_put_bytes(b, 3, who->master_info);
    wire_close(b, mark);
}

static void put_one_bytes(struct sbuf *b, uint32_t number, struct str bytes)
{
    size_t mark = wire_open(b, number);

    wire_put_bytes(b, 1, bytes);
    wire_close(b, mark);
}

static void put_one_id(struct sbuf *b, uint32_t number, struct str id)
{
    size_t mark = wire_open(b, number);

    wire_put_id(b, 1, id);
    wire_close(b, mark);
}

static void put_failure(struct sbuf *b, const struct master_action *a)
{
    size_t mark = wire_open(b, 7);

    wire_put_id(b, 1, a->event.agent_id);
    if (a->event.has_executor) {
        wire_put_id(b, 2, a->event.executor_id);
        wire_put_i64(b, 3, a->event.status);
    }
    wire_close(b, mark);
}

void encode_event(const struct master *m, const struct master_identity *who, const struct master_action *a, struct sbuf *b)
{
    size_t mark;

    wire_put_u64(b, 1, (uint64_t)a->event.kind);
    switch (a->event.kind) {
    case EVENT_SUBSCRIBED:
        put_subscribed(b, who, a);
        break;
    case EVENT_OFFERS:
        mark = wire_open(b, 3);
        for (size_t i = 0; i < a->event.count; i++)
            put_offer(b, 1, m, a->event.offers[i]);
        wire_close(b, mark);
        break;
    case EVENT_RESCIND:
        put_one_id(b, 4, a->event.id);
        break;
    case EVENT_UPDATE:
        put_one_bytes(b, 5, a->event.bytes);
        break;
    case EVENT_MESSAGE:
        mark = wire_open(b, 6);
        wire_put_id(b, 1, a->event.agent_id);
        wire_put_id(b, 2, a->event.executor_id);
        wire_put_bytes(b, 3, a->event.bytes);
        wire_close(b, mark);
        break;
    case EVENT_FAILURE:
        put_failure(b, a);
        break;
    case EVENT_ERROR:
        put_one_bytes(b, 8, a->event.bytes);
        break;
    case EVENT_INVERSE_OFFERS:
        mark = wire_open(b, 9);
        for (size_t i = 0; i < a->event.count; i++)
            put_inverse_offer(b, 1, a->event.inverse_offers[i]);
        wire_close(b, mark);
        break;
    case EVENT_RESCIND_INVERSE_OFFER:
        put_one_id(b, 10, a->event.id);
        break;
    case EVENT_UPDATE_OPERATION_STATUS:
        put_one_bytes(b, 11, a->event.bytes);
        break;
    case EVENT_HEARTBEAT:
    case EVENT_TYPE_COUNT:
        break;
    }
}

/* --- operator events --- */

void encode_watch(const struct master *m, const struct master_action *a, struct sbuf *b)
{
    size_t mark;

    wire_put_u64(b, 1, (uint64_t)a->watch.kind);
    switch (a->watch.kind) {
    case WATCH_AGENT_ADDED:
        mark = wire_open(b, 5);
        put_agent(b, 1, a->watch.agent, &(struct viewer){ 0 });
        wire_close(b, mark);
        break;
    case WATCH_AGENT_REMOVED:
        put_one_id(b, 6, agent_id_str(a->watch.agent));
        break;
    case WATCH_TASK_ADDED:
        mark = wire_open(b, 3);
        put_task(b, 1, a->watch.task);
        wire_close(b, mark);
        break;
    case WATCH_TASK_UPDATED:
        mark = wire_open(b, 4);
        wire_put_id(b, 1, a->watch.framework->id.s);
        wire_put_bytes(b, 2, a->watch.bytes);
        wire_put_u64(b, 3, (uint64_t)a->watch.state);
        wire_close(b, mark);
        break;
    case WATCH_FRAMEWORK_ADDED:
    case WATCH_FRAMEWORK_UPDATED:
        mark = wire_open(b, a->watch.kind == WATCH_FRAMEWORK_ADDED ? 7 : 8);
        put_framework(b, 1, m, a->watch.framework, true);
        wire_close(b, mark);
        break;
    case WATCH_FRAMEWORK_REMOVED:
        put_one_bytes(b, 9, blob_str(a->watch.framework->info->raw));
        break;
    }
}
