/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses and records that the core asks for. Field numbers: mesos.v1 TaskStatus, Task, OperationStatus. */
#include "master/wire/codec.h"

#include "common/wire/convert.h"
#include "common/wire/guard.h"

static double seconds(struct wall t)
{
    return (double)t.ms / 1000.0;
}

static void put_raw(struct sbuf *b, struct str message, uint32_t number)
{
    struct wire_field f;

    if (message.n != 0 && wire_field_find(message, number, &f))
        sbuf_str(b, f.raw);
}

static void codec_status(struct sbuf *b, const struct status_value *v)
{
    wire_put_id(b, 1, v->task);
    wire_put_u64(b, 2, (uint64_t)v->state);
    if (v->message.n != 0)
        wire_put_bytes(b, 4, v->message);
    if (v->agent.n != 0)
        wire_put_id(b, 5, v->agent);
    wire_put_double(b, 6, seconds(v->timestamp));
    if (v->executor.n != 0)
        wire_put_id(b, 7, v->executor);
    put_raw(b, v->carry, 8);
    wire_put_u64(b, 9, (uint64_t)v->source);
    if (v->reason != REASON_NONE)
        wire_put_u64(b, 10, (uint64_t)v->reason);
    put_raw(b, v->carry, 13);
    if (v->unreachable_time.ms != 0)
        put_time(b, 14, v->unreachable_time);
    put_raw(b, v->carry, 15);
}

static void codec_status_for_history(struct sbuf *b, struct str status)
{
    if (!wire_copy_without(b, status, 3))
        sbuf_str(b, status);
}

/* TaskInfo's fields under the numbers that Task has for them; 0: not kept. */
static uint32_t task_number(uint32_t info_number)
{
    static const uint8_t numbers[16] = { [1] = 1, [2] = 2, [8] = 15, [9] = 13, [10] = 11, [11] = 12, [12] = 16, [15] = 17 };

    return info_number < 16 ? numbers[info_number] : 0;
}

static void codec_task_record(struct sbuf *b, const struct task_info *t)
{
    struct str info = blob_str(t->raw), rest = info;
    struct wire_field f;
    struct str command = wire_field_bytes(info, 7);

    if (command.p == NULL)
        command = wire_field_bytes(wire_field_bytes(info, 5), 7);
    while (wire_field_next(&rest, &f) == 1) {
        uint32_t number = task_number(f.number);
        if (number != 0 && f.type == WIRE_BYTES)
            wire_put_bytes(b, number, f.bytes);
    }
    struct str user = command.p != NULL ? wire_field_bytes(command, 5) : (struct str){ NULL, 0 };
    if (user.p != NULL)
        wire_put_bytes(b, 14, user);
}

static void codec_operation_status(struct sbuf *b, const struct operation_status_spec *v)
{
    if (v->operation.n != 0)
        wire_put_id(b, 1, v->operation);
    if (v->carry.n != 0) { /* the state as last reported, without its uuid: nothing to acknowledge */
        put_raw(b, v->carry, 2);
        put_raw(b, v->carry, 3);
        struct str rest = v->carry;
        struct wire_field f;
        while (wire_field_next(&rest, &f) == 1)
            if (f.number == 4)
                sbuf_str(b, f.raw);
    } else {
        wire_put_u64(b, 2, (uint64_t)v->state);
        if (v->message.n != 0)
            wire_put_bytes(b, 3, v->message);
    }
    if (v->uuid != NULL)
        wire_put_id(b, 5, str_mem(v->uuid->b, sizeof v->uuid->b));
    if (v->agent.n != 0)
        wire_put_id(b, 6, v->agent);
}

static struct str codec_task_user(const struct task_info *t, const struct executor_info *executor)
{
    struct str command, user = (struct str){ NULL, 0 };

    if (executor == NULL)
        executor = t->executor;
    command = wire_field_bytes(blob_str(t->raw), 7);
    if (command.p != NULL)
        user = wire_field_bytes(command, 5);
    if (command.p == NULL && executor != NULL)
        user = wire_field_bytes(wire_field_bytes(blob_str(executor->raw), 7), 5);
    return user;
}

const struct master_codec master_codec = {
    .status = codec_status,
    .status_for_history = codec_status_for_history,
    .task_record = codec_task_record,
    .task_user = codec_task_user,
    .operation_status = codec_operation_status,
};

/* --- shared parts --- */

void put_time(struct sbuf *b, uint32_t number, struct wall t)
{
    size_t mark = wire_open(b, number);

    wire_put_i64(b, 1, t.ms * NS_PER_MS);
    wire_close(b, mark);
}

static void put_drain_config(struct sbuf *b, uint32_t number, const struct drain *d)
{
    size_t mark = wire_open(b, number);

    if (d->max_grace_ns >= 0) {
        size_t grace = wire_open(b, 1);
        wire_put_i64(b, 1, d->max_grace_ns);
        wire_close(b, grace);
    }
    wire_put_u64(b, 2, d->mark_gone);
    wire_close(b, mark);
}

void put_drain_info(struct sbuf *b, uint32_t number, const struct drain *d)
{
    size_t mark = wire_open(b, number);

    wire_put_u64(b, 1, (uint64_t)d->state);
    put_drain_config(b, 2, d);
    wire_close(b, mark);
}

void put_task(struct sbuf *b, uint32_t number, const struct task *t)
{
    size_t mark = wire_open(b, number);
    struct str record = task_record(t), rest = record, status;
    struct wire_field f;
    enum task_state state;

    while (wire_field_next(&rest, &f) == 1)
        if (f.number < 3)
            sbuf_str(b, f.raw);
    wire_put_id(b, 3, t->framework->id.s);
    if (t->executor_id != NULL)
        wire_put_id(b, 4, name_str(t->executor_id));
    wire_put_id(b, 5, name_str(t->agent_id));
    wire_put_u64(b, 6, t->state);
    wire_put_resources(b, 7, &t->bundle->r, RESOURCE_POST, false);
    for (size_t at = 0; status_log_next(&t->statuses, &at, &state, &status);)
        wire_put_bytes(b, 8, status);
    if ((t->flags & TASK_FLAG_HAS_UPDATE) != 0) {
        wire_put_u64(b, 9, t->update_state);
        wire_put_bytes(b, 10, str_mem(t->update_uuid.b, sizeof t->update_uuid.b));
    }
    rest = record;
    while (wire_field_next(&rest, &f) == 1)
        if (f.number > 10)
            sbuf_str(b, f.raw);
    wire_close(b, mark);
}

bool viewer_sees(const struct viewer *v, const struct resource *r)
{
    const struct reservations *s = r->reservations;

    for (uint32_t i = 0; v->acls != NULL && s != NULL && i < s->n; i++)
        if (!acls_allow(v->acls, ACL_VIEW_ROLES, v->principal, name_str(s->v[i].role)))
            return false;
    return v->acls == NULL || r->role == NULL || acls_allow(v->acls, ACL_VIEW_ROLES, v->principal, name_str(r->role));
}

static bool seen(const struct resource *r, const void *viewer)
{
    return viewer_sees(viewer, r);
}

struct resources viewer_seen(const struct viewer *v, struct resources r)
{
    if (v->acls == NULL)
        return r;
    struct resources some = resources_filter(&r, seen, v);
    resources_done(&r);
    return some;
}

enum { AGENT_INFO_RESOURCES = 3 };

/* The AgentInfo as it came, without resources that are not for who asks. */
static void put_agent_info(struct sbuf *b, const struct agent_info *info, const struct viewer *who)
{
    struct str rest = blob_str(info->raw);
    struct wire_field f;

    if (who->acls == NULL) {
        wire_put_bytes(b, 1, rest);
        return;
    }
    size_t mark = wire_open(b, 1);
    struct resources some = viewer_seen(who, resources_copy(&info->resources));
    while (wire_field_next(&rest, &f) == 1)
        if (f.number != AGENT_INFO_RESOURCES)
            sbuf_str(b, f.raw);
    wire_put_resources(b, AGENT_INFO_RESOURCES, &some, RESOURCE_ENDPOINT, false);
    wire_close(b, mark);
    resources_done(&some);
}

void put_agent(struct sbuf *b, uint32_t number, const struct agent *a, const struct viewer *who)
{
    size_t mark = wire_open(b, number);
    struct resources total = viewer_seen(who, resources_copy(&a->total));
    struct resources used = viewer_seen(who, agent_used(a)), offered = viewer_seen(who, agent_offered(a));

    put_agent_info(b, a->info, who);
    wire_put_u64(b, 2, agent_is_active(a));
    wire_put_bytes(b, 3, str_of(a->version));
    wire_put_bytes(b, 4, str_of(a->pid));
    put_time(b, 5, a->registered);
    if (a->reregistered.ms != 0)
        put_time(b, 6, a->reregistered);
    wire_put_resources(b, 7, &total, RESOURCE_ENDPOINT, false);
    wire_put_resources(b, 8, &used, RESOURCE_ENDPOINT, false);
    wire_put_resources(b, 9, &offered, RESOURCE_ENDPOINT, false);
    wire_put_agent_capabilities(b, 10, a->info->capabilities);
    wire_put_u64(b, 12, a->deactivated);
    if (a->drain.state != DRAIN_NONE) {
        put_drain_info(b, 13, &a->drain);
        put_time(b, 14, a->drain_start);
    }
    wire_close(b, mark);
    resources_done(&total);
    resources_done(&used);
    resources_done(&offered);
}

void put_offer(struct sbuf *b, uint32_t number, const struct master *m, const struct offer *o)
{
    const struct agent *a = o->agent;
    const struct slot *s = agent_slot_find(o->framework, a);
    const struct machine *mc = m->machines != NULL ? machine_of_agent(m, a) : NULL;
    struct executor_id executors[64];
    char path[300];
    struct sbuf unavailability = SBUF_INIT(256);
    struct str id = pid_id(str_of(a->pid));
    struct offer_view v = {
        .id = offer_id(str_of(o->id)), .framework = o->framework->id, .agent = a->info, .agent_ip = pid_ip(str_of(a->pid)),
        .agent_port = (int32_t)pid_port(str_of(a->pid)), .resources = &o->resources, .role = name_str(o->role),
        .executors = executors, .framework_capabilities = o->framework->info->capabilities,
    };

    path[0] = '/';
    size_t n = id.n < sizeof path - 1 ? id.n : sizeof path - 1;
    memcpy(path + 1, id.p, n);
    v.agent_path = str_mem(path, n + 1);
    for (const struct executor *e = s != NULL ? s->executors : NULL; e != NULL && v.executor_count < 64; e = e->next)
        executors[v.executor_count++] = e->info->id;
    if (mc != NULL && mc->mode != MACHINE_UP) {
        size_t start = wire_open(&unavailability, 1);
        wire_put_i64(&unavailability, 1, mc->start_ns);
        wire_close(&unavailability, start);
        if (mc->duration_ns >= 0) {
            size_t d = wire_open(&unavailability, 2);
            wire_put_i64(&unavailability, 1, mc->duration_ns);
            wire_close(&unavailability, d);
        }
        v.unavailability = sbuf_view(&unavailability);
    }
    wire_put_offer(b, number, &v);
    sbuf_done(&unavailability);
}

void put_inverse_offer(struct sbuf *b, uint32_t number, const struct inverse_offer *o)
{
    size_t mark = wire_open(b, number);
    const struct agent *a = o->agent;
    struct str pid = str_of(a->pid), id = pid_id(pid);

    wire_put_id(b, 1, str_of(o->id));
    size_t url = wire_open(b, 2);
    wire_put_bytes(b, 1, STR("http"));
    size_t address = wire_open(b, 2);
    wire_put_bytes(b, 1, str_of(a->info->hostname));
    wire_put_bytes(b, 2, pid_ip(pid));
    wire_put_i64(b, 3, pid_port(pid));
    wire_close(b, address);
    struct sbuf path = SBUF_INIT(512);
    sbuf_char(&path, '/');
    sbuf_str(&path, id);
    wire_put_bytes(b, 3, sbuf_view(&path));
    sbuf_done(&path);
    wire_close(b, url);
    wire_put_id(b, 3, o->framework->id.s);
    wire_put_id(b, 4, agent_id_str(a));
    size_t u = wire_open(b, 5);
    size_t start = wire_open(b, 1);
    wire_put_i64(b, 1, o->start_ns);
    wire_close(b, start);
    if (o->duration_ns >= 0) {
        size_t d = wire_open(b, 2);
        wire_put_i64(b, 1, o->duration_ns);
        wire_close(b, d);
    }
    wire_close(b, u);
    wire_close(b, mark);
}

void put_framework(struct sbuf *b, uint32_t number, const struct master *m, const struct framework *f, bool is_event)
{
    size_t mark = wire_open(b, number);
    struct resources used = framework_used(f), offered = framework_offered(f);

    wire_put_bytes(b, 1, blob_str(f->info->raw));
    wire_put_u64(b, 2, framework_is_active(f));
    wire_put_u64(b, 3, framework_is_connected(f));
    if (f->registered.ms != 0)
        put_time(b, 4, f->registered);
    if (f->reregistered.ms != 0)
        put_time(b, 5, f->reregistered);
    if (f->unregistered.ms != 0 || is_event) /* golden 280: events say 0 */
        put_time(b, 6, f->unregistered);
    for (const struct offer *o = f->offers; o != NULL; o = o->f_next)
        put_offer(b, 7, m, o);
    for (const struct inverse_offer *o = m->inverse_offers; o != NULL; o = o->hh.next)
        if (o->framework == f)
            put_inverse_offer(b, 8, o);
    wire_put_resources(b, 9, &used, RESOURCE_ENDPOINT, false);
    wire_put_resources(b, 10, &offered, RESOURCE_ENDPOINT, false);
    wire_put_u64(b, 11, f->state == FRAMEWORK_RECOVERED);
    if (f->constraints != NULL || !is_event)
        wire_put_bytes(b, 12, f->constraints != NULL ? blob_str(f->constraints->raw) : (struct str){ "", 0 });
    wire_close(b, mark);
    resources_done(&used);
    resources_done(&offered);
}

void put_operation(struct sbuf *b, uint32_t number, const struct agent_operation *o)
{
    size_t mark = wire_open(b, number);

    if (o->framework_id != NULL)
        wire_put_id(b, 1, str_of(o->framework_id));
    wire_put_id(b, 2, agent_id_str(o->agent));
    wire_put_bytes(b, 3, o->info);
    if (o->latest.n != 0) {
        wire_put_bytes(b, 4, o->latest);
        wire_put_bytes(b, 5, o->latest);
    } else {
        size_t s = wire_open(b, 4);
        if (o->id != NULL)
            wire_put_id(b, 1, str_of(o->id));
        wire_put_u64(b, 2, (uint64_t)o->state);
        wire_close(b, s);
    }
    wire_put_id(b, 6, str_mem(o->uuid.b, sizeof o->uuid.b));
    wire_close(b, mark);
}

void put_master_info(struct sbuf *b, const struct master_info_spec *s)
{
    uint32_t ip;
    struct sbuf pid = SBUF_INIT(512);

    memcpy(&ip, s->ip, sizeof ip); /* network order read as a little-endian number, as the field wants it */
    ip = (uint32_t)s->ip[0] | (uint32_t)s->ip[1] << 8 | (uint32_t)s->ip[2] << 16 | (uint32_t)s->ip[3] << 24;
    sbuf_fmt(&pid, "master@%.*s:%u", STR_ARG(s->ip_text), s->port);
    wire_put_bytes(b, 1, str_of(s->id));
    wire_put_u64(b, 2, ip);
    wire_put_u64(b, 3, s->port);
    wire_put_bytes(b, 4, sbuf_view(&pid));
    wire_put_bytes(b, 5, str_of(s->hostname));
    wire_put_bytes(b, 6, str_of(s->version));
    size_t address = wire_open(b, 7);
    wire_put_bytes(b, 1, str_of(s->hostname));
    wire_put_bytes(b, 2, s->ip_text);
    wire_put_u64(b, 3, s->port);
    wire_close(b, address);
    if (s->region.n != 0) {
        size_t domain = wire_open(b, 8), fault = wire_open(b, 1);
        wire_put_id(b, 1, s->region);
        wire_put_id(b, 2, s->zone);
        wire_close(b, fault);
        wire_close(b, domain);
    }
    for (unsigned c = 1; c <= 3; c++) { /* AGENT_UPDATE, AGENT_DRAINING, QUOTA_V2 */
        size_t cap = wire_open(b, 9);
        wire_put_u64(b, 1, c);
        wire_close(b, cap);
    }
    sbuf_done(&pid);
}
