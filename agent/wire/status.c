/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses: what executors send is completed by what the agent knows, what the agent says itself is made here.
 * Source: reference, §11 (adornments). */
#include "agent/wire/decode.h"

#include "common/wire/guard.h"

static struct task_status *status_make(const struct agent_status *s)
{
    CLEANUP(sbuf_done_p) struct sbuf limitation = SBUF_INIT(1 << 20);

    if (s->limitation != NULL)
        wire_put_resources(&limitation, 1, s->limitation, RESOURCE_POST, false);
    struct status_spec spec = {
        .task = s->task,
        .agent = s->agent,
        .executor = s->executor,
        .state = s->state,
        .source = SOURCE_AGENT,
        .reason = s->reason,
        .message = s->message,
        .uuid = &s->uuid,
        .timestamp = (double)s->at.ms / 1000.0,
        .limitation = sbuf_view(&limitation),
    };
    return task_status_make(&spec);
}

static struct task_status *status_drained(const struct task_status *s, bool gone_by_operator)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(AGENT_DECODE_ARENA_BYTES);
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(AGENT_DECODE_ARENA_BYTES);
    Mesos__V1__TaskStatus *m;
    struct task_status *ret = NULL;

    if (WIRE_UNPACK(mesos__v1__task_status, blob_str(s->raw), &arena, &m, NULL) != 0)
        return NULL;
    m->has_reason = true;
    m->reason = MESOS__V1__TASK_STATUS__REASON__REASON_AGENT_DRAINING;
    if (gone_by_operator)
        m->state = MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR;
    if (!WIRE_PACK(&b, m) || convert_status_bytes(sbuf_view(&b), &ret, NULL) != 0)
        return NULL; /* the status goes out as the executor sent it */
    return ret;
}

const struct agent_codec agent_wire_codec = { .status_make = status_make, .status_drained = status_drained };

/* Everything below lives in the arena or the fill until packed. */
static int fill_container(Mesos__V1__TaskStatus *m, const struct agent_status_fill *fill, struct arena *arena)
{
    struct parts {
        Mesos__V1__ContainerStatus status;
        Mesos__V1__ContainerID id;
        Mesos__V1__NetworkInfo network;
        Mesos__V1__NetworkInfo__IPAddress address;
        Mesos__V1__NetworkInfo *networks[1];
        Mesos__V1__NetworkInfo__IPAddress *addresses[1];
        Mesos__V1__CgroupInfo cgroup;
        Mesos__V1__CgroupInfo__NetCls net_cls;
    } *p = arena_alloc(arena, sizeof *p);

    if (p == NULL)
        return -(int)ERR_NOMEM;
    if (m->container_status == NULL) {
        mesos__v1__container_status__init(&p->status);
        m->container_status = &p->status;
    }
    Mesos__V1__ContainerStatus *cs = m->container_status;
    if (cs->container_id == NULL) {
        mesos__v1__container_id__init(&p->id);
        p->id.value = (char *)(uintptr_t)arena_str(arena, fill->container_id).p;
        cs->container_id = &p->id;
    }
    if (!cs->has_executor_pid && fill->pid != 0) {
        cs->has_executor_pid = true;
        cs->executor_pid = fill->pid;
    }
    Mesos__V1__ContainerStatus *own = NULL;
    struct str networks = fill->networks != NULL && cs->n_network_infos == 0 ? fill->networks(fill->ctx, fill, cs->container_id)
                                                                             : (struct str){ NULL, 0 };
    if (networks.n != 0 && WIRE_UNPACK(mesos__v1__container_status, networks, arena, &own, NULL) == 0) {
        cs->n_network_infos = own->n_network_infos;
        cs->network_infos = own->network_infos;
    }
    if (cs->n_network_infos == 0 && fill->ip.n != 0) {
        mesos__v1__network_info__init(&p->network);
        mesos__v1__network_info__ipaddress__init(&p->address);
        p->address.ip_address = (char *)(uintptr_t)arena_str(arena, fill->ip).p;
        p->addresses[0] = &p->address;
        p->network.n_ip_addresses = 1;
        p->network.ip_addresses = p->addresses;
        p->networks[0] = &p->network;
        cs->n_network_infos = 1;
        cs->network_infos = p->networks;
    }
    if (cs->cgroup_info == NULL && fill->has_cgroups && fill->classid != 0) {
        mesos__v1__cgroup_info__init(&p->cgroup);
        mesos__v1__cgroup_info__net_cls__init(&p->net_cls);
        p->net_cls.has_classid = true;
        p->net_cls.classid = fill->classid;
        p->cgroup.net_cls = &p->net_cls;
        cs->cgroup_info = &p->cgroup;
    }
    return 0;
}

int agent_fill_status(const Mesos__V1__TaskStatus *m, const struct agent_status_fill *fill, struct arena *arena,
                      struct task_status **ret, struct error *err)
{
    Mesos__V1__TaskStatus s = *m;
    Mesos__V1__AgentID agent = MESOS__V1__AGENT_ID__INIT;
    Mesos__V1__ContainerStatus cs;
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(AGENT_DECODE_ARENA_BYTES);

    agent.value = (char *)(uintptr_t)arena_str(arena, fill->agent.s).p;
    s.agent_id = &agent;
    s.has_source = true;
    s.source = MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR;
    if (!s.has_timestamp) {
        s.has_timestamp = true;
        s.timestamp = (double)fill->now.ms / 1000.0;
    }
    if (s.container_status != NULL) {
        cs = *s.container_status; /* not the caller's: it is filled */
        s.container_status = &cs;
    }
    if (fill_container(&s, fill, arena) != 0 || agent.value == NULL || !wire_pack(&b, &s.base))
        return error_set(err, ERR_NOMEM, "status of task %s: over %d bytes", m->task_id->value,
                         AGENT_DECODE_ARENA_BYTES);
    return convert_status_bytes(sbuf_view(&b), ret, err);
}

static int decode_subscribe(struct agent_event *ev, const Mesos__V1__Executor__Call *c, uint64_t stream,
                            const struct agent_status_fill *fill, struct arena *arena, struct error *err)
{
    const Mesos__V1__Executor__Call__Subscribe *s = c->subscribe;
    struct task_id *tasks = arena_array(arena, s->n_unacknowledged_tasks, sizeof *tasks);
    struct task_status **updates = arena_array(arena, s->n_unacknowledged_updates, sizeof(struct task_status *));

    if ((tasks == NULL && s->n_unacknowledged_tasks != 0) || (updates == NULL && s->n_unacknowledged_updates != 0))
        return error_set(err, ERR_NOMEM, "SUBSCRIBE: out of memory");
    ev->type = AGENT_EV_EXECUTOR_SUBSCRIBE;
    ev->u.subscribe.framework = framework_id(str_of(c->framework_id->value));
    ev->u.subscribe.executor = executor_id(str_of(c->executor_id->value));
    ev->u.subscribe.stream = stream;
    for (size_t i = 0; i < s->n_unacknowledged_tasks; i++)
        tasks[i] = task_id(str_of(s->unacknowledged_tasks[i]->task_id->value));
    ev->u.subscribe.unacknowledged_tasks = tasks;
    ev->u.subscribe.unacknowledged_task_count = s->n_unacknowledged_tasks;
    ev->u.subscribe.updates = updates;
    for (size_t i = 0; i < s->n_unacknowledged_updates; i++) {
        const Mesos__V1__TaskStatus *m = s->unacknowledged_updates[i]->status;
        if (!m->has_uuid || m->uuid.len != 16)
            continue; /* nothing that could be acknowledged */
        int rc = agent_fill_status(m, fill, arena, &updates[ev->u.subscribe.update_count], err);
        if (rc != 0)
            return rc;
        ev->u.subscribe.update_count++;
    }
    return 0;
}

int agent_decode_executor_call(struct agent_event *ev, const Mesos__V1__Executor__Call *call, uint64_t stream,
                               const struct agent_status_fill *fill, struct arena *arena, struct error *err)
{
    struct framework_id framework = framework_id(str_of(call->framework_id->value));
    struct executor_id executor = executor_id(str_of(call->executor_id->value));

    *ev = (struct agent_event){ .type = AGENT_EV_TICK };
    switch (call->type) {
    case MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE: {
        int rc = decode_subscribe(ev, call, stream, fill, arena, err);
        if (rc != 0)
            agent_event_done(ev);
        return rc;
    }
    case MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE:
        ev->type = AGENT_EV_EXECUTOR_UPDATE;
        ev->u.update.framework = framework;
        ev->u.update.executor = executor;
        return agent_fill_status(call->update->status, fill, arena, &ev->u.update.status, err);
    case MESOS__V1__EXECUTOR__CALL__TYPE__MESSAGE:
        ev->type = AGENT_EV_EXECUTOR_MESSAGE;
        ev->u.message.framework = framework;
        ev->u.message.executor = executor;
        ev->u.message.data = str_mem(call->message->data.data, call->message->data.len);
        return 0;
    case MESOS__V1__EXECUTOR__CALL__TYPE__HEARTBEAT: return 0;
    case MESOS__V1__EXECUTOR__CALL__TYPE__UNKNOWN:
    case _MESOS__V1__EXECUTOR__CALL__TYPE_IS_INT_SIZE: break;
    }
    return error_set(err, ERR_INVALID, "unknown call");
}
