/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of agents. One function per message; the table at the end names them. Source: wire protocol, section 13. */
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "master/core/state.h"
#include "master/wire/decode.h"
#include "master/wire/registry.h"
#include "master/wire/decode_report.h"
#include "proto/mesos_internal.pb-c.h"

struct decoding {
    const struct master *m;
    struct str body;
    struct decoded *d;
    struct error *err;
};

static bool uuid_of(ProtobufCBinaryData v, struct uuid *ret)
{
    if (v.len != sizeof ret->b)
        return false;
    memcpy(ret->b, v.data, sizeof ret->b);
    return true;
}

/* --- registration --- */

static int report_infos(struct decoding *x, struct agent_report *r, Mesos__V1__AgentInfo *info,
                        Mesos__V1__AgentInfo__Capability **caps, size_t n_caps, Mesos__V1__Resource **checkpointed,
                        size_t n_checkpointed, const char *version, const Mesos__V1__UUID *resource_version)
{
    struct agent_info *raw = NULL;
    int rc = convert_resources_upgrade(info->resources, info->n_resources, NULL, &x->d->arena, x->err);

    if (rc == 0)
        rc = convert_agent_info(info, &raw, x->err);
    if (rc != 0)
        return rc;
    if (!agent_id_is_set(raw->id)) { /* a new one: its id is the next */
        char id[MASTER_ID_TEXT];
        master_next_agent_id(x->m, id);
        r->info = agent_info_with_id(raw, agent_id(str_of(id)));
        agent_info_unref(raw);
    } else {
        r->info = raw;
    }
    if (r->info->raw->n > RECORD_BYTES_MAX)
        return error_set(x->err, ERR_LIMIT, "AgentInfo has %u bytes; up to %d are taken", r->info->raw->n, (int)RECORD_BYTES_MAX);
    r->info->capabilities = convert_agent_capabilities(caps, n_caps);
    rc = convert_resources(checkpointed, n_checkpointed, &r->checkpointed, x->err);
    if (rc != 0)
        return rc;
    r->pid = arena_str(&r->arena, x->d->ev.pid);
    r->version = arena_str(&r->arena, str_of(version));
    r->has_resource_version = resource_version != NULL && uuid_of(resource_version->value, &r->resource_version);
    return 0;
}

static int decode_register(struct decoding *x)
{
    Mesos__Internal__RegisterSlaveMessage *msg;
    int rc = WIRE_UNPACK(mesos__internal__register_slave_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    x->d->ev.type = MASTER_EV_AGENT_REGISTER;
    x->d->ev.report = agent_report_new(DECODE_BUDGET);
    msg->slave->id = NULL; /* only a re-registration has one */
    x->d->ev.report->master = arena_str(&x->d->ev.report->arena, str_of(msg->master_id));
    return report_infos(x, x->d->ev.report, msg->slave, msg->agent_capabilities, msg->n_agent_capabilities,
                        msg->checkpointed_resources, msg->n_checkpointed_resources, msg->version,
                        msg->resource_version_uuid);
}

static int decode_reregister(struct decoding *x)
{
    Mesos__Internal__ReregisterSlaveMessage *msg;
    struct str rest = { NULL, 0 };
    int rc = wire_check(&mesos__internal__reregister_slave_message__descriptor, x->body, x->err);

    if (rc != 0)
        return rc;
    struct agent_report *r = x->d->ev.report = agent_report_new(DECODE_BUDGET);
    x->d->ev.type = MASTER_EV_AGENT_REREGISTER;
    rc = decode_report(x->m, x->body, r, &x->d->arena, &rest, x->err);
    if (rc == 0)
        rc = WIRE_UNPACK(mesos__internal__reregister_slave_message, rest, &x->d->arena, &msg, x->err);
    if (rc != 0)
        return rc;
    if (msg->slave->id == NULL)
        return error_set(x->err, ERR_INVALID, "ReregisterSlaveMessage without an agent id");
    r->master = arena_str(&r->arena, str_of(msg->master_id));
    return report_infos(x, r, msg->slave, msg->agent_capabilities, msg->n_agent_capabilities, msg->checkpointed_resources,
                        msg->n_checkpointed_resources, msg->version, msg->resource_version_uuid);
}

static int decode_unregister(struct decoding *x)
{
    Mesos__Internal__UnregisterSlaveMessage *msg;
    int rc = WIRE_UNPACK(mesos__internal__unregister_slave_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    x->d->ev.type = MASTER_EV_AGENT_UNREGISTER;
    x->d->ev.unregister.agent = agent_id(str_of(msg->slave_id->value));
    return 0;
}

/* --- updates --- */

static int decode_status_update(struct decoding *x)
{
    struct master_event *ev = &x->d->ev;
    struct str update = wire_field_bytes(x->body, 1);
    struct wire_field latest, uuid_field, time_field;
    struct task_status *s;
    struct uuid uuid;
    int rc = wire_check(&mesos__internal__status_update_message__descriptor, x->body, x->err);

    if (rc == 0)
        rc = convert_status_bytes(wire_field_bytes(update, 4), &s, x->err);
    if (rc != 0)
        return rc;
    /* What encloses the status counts: agent, executor, time and whether it must be acknowledged. */
    struct agent_id agent = agent_id(wire_path(update, 3, 1, 0));
    struct executor_id executor = executor_id(wire_path(update, 2, 1, 0));
    bool has_uuid = wire_field_find(update, 6, &uuid_field) && uuid_field.bytes.n == sizeof uuid.b;
    if (has_uuid)
        memcpy(uuid.b, uuid_field.bytes.p, sizeof uuid.b);
    double time = wire_field_find(update, 5, &time_field) ? wire_as_double(time_field.value) : s->timestamp;
    bool same = agent_id_eq(agent, s->agent) && (executor.s.n == 0 || executor_id_eq(executor, s->executor)) &&
                s->has_timestamp && s->timestamp == time && s->has_uuid == has_uuid &&
                (!has_uuid || uuid_eq(&s->uuid, &uuid));
    ev->type = MASTER_EV_AGENT_STATUS;
    ev->status.status = s;
    if (!same) {
        ev->status.status = task_status_rewrite(s, agent, executor, &time, has_uuid ? &uuid : NULL);
        task_status_unref(s);
    }
    ev->status.framework = framework_id(wire_path(update, 1, 1, 0));
    ev->status.executor = executor;
    ev->status.message = x->body;
    ev->status.has_latest = wire_field_find(update, 7, &latest) && task_state_is_valid((int)latest.value);
    if (ev->status.has_latest)
        ev->status.latest = (enum task_state)latest.value;
    return 0;
}

static int decode_exited_executor(struct decoding *x)
{
    Mesos__Internal__ExitedExecutorMessage *msg;
    int rc = WIRE_UNPACK(mesos__internal__exited_executor_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    x->d->ev.type = MASTER_EV_EXECUTOR_EXITED;
    x->d->ev.executor_exited.agent = agent_id(str_of(msg->slave_id->value));
    x->d->ev.executor_exited.framework = framework_id(str_of(msg->framework_id->value));
    x->d->ev.executor_exited.executor = executor_id(str_of(msg->executor_id->value));
    x->d->ev.executor_exited.status = msg->status;
    return 0;
}

static int decode_executor_message(struct decoding *x)
{
    Mesos__Internal__ExecutorToFrameworkMessage *msg;
    int rc = WIRE_UNPACK(mesos__internal__executor_to_framework_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    x->d->ev.type = MASTER_EV_EXECUTOR_MESSAGE;
    x->d->ev.executor_message.agent = agent_id(str_of(msg->slave_id->value));
    x->d->ev.executor_message.framework = framework_id(str_of(msg->framework_id->value));
    x->d->ev.executor_message.executor = executor_id(str_of(msg->executor_id->value));
    x->d->ev.executor_message.data = str_mem(msg->data.data, msg->data.len);
    return 0;
}

static int operation_status_of(struct decoding *x, const Mesos__V1__OperationStatus *s, struct operation_status_value *ret)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(DECODE_BUDGET);

    ret->state = (enum operation_state)s->state;
    ret->has_id = s->operation_id != NULL && s->operation_id->value != NULL && s->operation_id->value[0] != '\0';
    ret->has_uuid = s->uuid != NULL && uuid_of(s->uuid->value, &ret->uuid);
    (void)WIRE_PACK(&b, s); /* it was unpacked: it is complete */
    ret->raw = arena_str(&x->d->arena, sbuf_view(&b));
    return ret->raw.p != NULL ? 0 : error_set(x->err, ERR_NOMEM, "operation status: too large");
}

static int decode_operation_status(struct decoding *x)
{
    Mesos__Internal__UpdateOperationStatusMessage *msg;
    struct operation_update *u = &x->d->ev.operation;
    int rc = WIRE_UNPACK(mesos__internal__update_operation_status_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    if (msg->operation_uuid == NULL || !uuid_of(msg->operation_uuid->value, &u->uuid))
        return error_set(x->err, ERR_INVALID, "UpdateOperationStatusMessage without the operation's uuid");
    x->d->ev.type = MASTER_EV_OPERATION_STATUS;
    u->agent = agent_id(msg->slave_id != NULL ? str_of(msg->slave_id->value) : (struct str){ NULL, 0 });
    u->framework = framework_id(msg->framework_id != NULL ? str_of(msg->framework_id->value) : (struct str){ NULL, 0 });
    rc = operation_status_of(x, msg->status, &u->status);
    u->has_latest = rc == 0 && msg->latest_status != NULL;
    return u->has_latest ? operation_status_of(x, msg->latest_status, &u->latest) : rc;
}

static int operation_of(struct decoding *x, const Mesos__V1__Operation *o, struct operation_report *ret)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(DECODE_BUDGET);

    if (!uuid_of(o->uuid->value, &ret->uuid))
        return error_set(x->err, ERR_INVALID, "an operation's uuid has %zu bytes; it must have 16", o->uuid->value.len);
    ret->id = operation_id(o->info->id != NULL ? str_of(o->info->id->value) : (struct str){ NULL, 0 });
    ret->framework = framework_id(o->framework_id != NULL ? str_of(o->framework_id->value) : (struct str){ NULL, 0 });
    ret->type = (int)o->info->type;
    (void)WIRE_PACK(&b, o->info);
    ret->info = arena_str(&x->d->arena, sbuf_view(&b));
    return operation_status_of(x, o->latest_status, &ret->latest);
}

static int decode_update_slave(struct decoding *x)
{
    Mesos__Internal__UpdateSlaveMessage *msg;
    struct master_event *ev = &x->d->ev;
    int rc = WIRE_UNPACK(mesos__internal__update_slave_message, x->body, &x->d->arena, &msg, x->err);

    if (rc != 0)
        return rc;
    ev->type = MASTER_EV_AGENT_UPDATE;
    ev->update.agent = agent_id(str_of(msg->slave_id->value));
    ev->update.has_resource_version =
        msg->resource_version_uuid != NULL && uuid_of(msg->resource_version_uuid->value, &ev->update.resource_version);
    if (msg->operations != NULL) {
        size_t n = msg->operations->n_operations;
        struct operation_report *v = arena_array(&x->d->arena, n + 1, sizeof *v);
        if (v == NULL)
            return error_set(x->err, ERR_NOMEM, "UpdateSlaveMessage: too many operations");
        for (size_t i = 0; i < n; i++) {
            rc = operation_of(x, msg->operations->operations[i], &v[i]);
            if (rc != 0)
                return rc;
        }
        ev->update.has_operations = true;
        ev->update.operations = v;
        ev->update.operation_count = n;
    }
    ev->update.has_oversubscribed = msg->has_update_oversubscribed_resources && msg->update_oversubscribed_resources;
    if (!ev->update.has_oversubscribed)
        return 0;
    struct resources *r = arena_alloc(&x->d->arena, sizeof *r);
    if (r == NULL)
        return error_set(x->err, ERR_NOMEM, "UpdateSlaveMessage: out of memory");
    ev->update.oversubscribed = r;
    return convert_resources(msg->oversubscribed_resources, msg->n_oversubscribed_resources, r, x->err);
}

/* --- table --- */

static const struct {
    const char *name; /* without "mesos.internal." */
    int (*fn)(struct decoding *x);
} messages[] = {
    { "StatusUpdateMessage", decode_status_update },
    { "RegisterSlaveMessage", decode_register },
    { "ReregisterSlaveMessage", decode_reregister },
    { "UnregisterSlaveMessage", decode_unregister },
    { "UpdateSlaveMessage", decode_update_slave },
    { "ExitedExecutorMessage", decode_exited_executor },
    { "ExecutorToFrameworkMessage", decode_executor_message },
    { "UpdateOperationStatusMessage", decode_operation_status },
};

static int decode_pong(struct str to, struct str name, struct decoded *d, struct error *err)
{
    struct str rest = to;
    uint64_t n;

    if (!str_skip(&rest, STR("slave-observer(")) || !str_u64(&rest, UINT64_MAX, &n) || !str_is(rest, ")"))
        return error_set(err, ERR_NOT_FOUND, "no process %.*s", STR_ARG(to));
    if (!str_is(name, "mesos.internal.PongSlaveMessage"))
        return error_set(err, ERR_NOT_FOUND, "an observer does not take %.*s", STR_ARG(name));
    d->ev.type = MASTER_EV_AGENT_PONG;
    d->ev.pong.observer = n;
    return 0;
}

int decode_message(const struct master *m, struct str to, struct str name, struct str pid, struct str body,
                   struct decoded *d, struct error *err)
{
    struct decoding x = { .m = m, .body = body, .d = d, .err = err };
    struct str rest = name;

    d->ev.pid = pid;
    if (!str_is(to, "master"))
        return decode_pong(to, name, d, err);
    if (str_skip(&rest, STR("mesos.internal.")))
        for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
            if (str_is(rest, messages[i].name))
                return messages[i].fn(&x);
    return error_set(err, ERR_NOT_FOUND, "the master does not take %.*s", STR_ARG(name));
}
