/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses and offers: written straight to bytes, read by scanning. */
#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/wire/convert_task.h"
#include "common/wire/guard.h"

enum { STATUS_SIZE_MAX = 1 << 30 };

enum status_field { /* numbers of mesos.v1.TaskStatus */
    STATUS_TASK = 1,
    STATUS_STATE = 2,
    STATUS_MESSAGE = 4,
    STATUS_AGENT = 5,
    STATUS_TIMESTAMP = 6,
    STATUS_EXECUTOR = 7,
    STATUS_HEALTHY = 8,
    STATUS_SOURCE = 9,
    STATUS_REASON = 10,
    STATUS_UUID = 11,
    STATUS_CONTAINER = 13,
    STATUS_UNREACHABLE = 14,
    STATUS_LIMITATION = 16
};

/* --- statuses in --- */

static void status_field_in(struct task_status *s, const struct wire_field *f, bool *ret_state_ok, bool *ret_uuid_ok)
{
    switch (f->number) {
    case STATUS_TASK:
        s->task.s = wire_field_bytes(f->bytes, 1);
        break;
    case STATUS_STATE:
        *ret_state_ok = f->value <= INT32_MAX && task_state_is_valid((int)f->value);
        if (*ret_state_ok)
            s->state = (enum task_state)f->value;
        break;
    case STATUS_MESSAGE:
        s->message = f->bytes;
        break;
    case STATUS_AGENT:
        s->agent.s = wire_field_bytes(f->bytes, 1);
        break;
    case STATUS_TIMESTAMP:
        s->has_timestamp = true;
        s->timestamp = wire_as_double(f->value);
        break;
    case STATUS_EXECUTOR:
        s->executor.s = wire_field_bytes(f->bytes, 1);
        break;
    case STATUS_HEALTHY:
        s->has_healthy = true;
        s->healthy = f->value != 0;
        break;
    case STATUS_SOURCE:
        if (f->value <= INT32_MAX && task_source_is_valid((int)f->value))
            s->source = (int)f->value;
        break;
    case STATUS_REASON:
        if (f->value <= INT32_MAX && task_reason_is_valid((int)f->value))
            s->reason = (enum task_reason)f->value;
        break;
    case STATUS_UUID:
        s->has_uuid = f->bytes.n == sizeof s->uuid.b;
        if (s->has_uuid)
            memcpy(s->uuid.b, f->bytes.p, sizeof s->uuid.b);
        *ret_uuid_ok = s->has_uuid || f->bytes.n == 0;
        break;
    default: /* not looked into */
        break;
    }
}

/* Takes the reference to raw. */
static int status_index(struct blob *raw, struct task_status **ret, struct error *err)
{
    struct task_status *s = task_status_new();
    struct str rest = blob_str(raw);
    struct wire_field f;
    bool state_ok = false, uuid_ok = true;
    const char *why = NULL;
    int more;

    s->raw = raw;
    while ((more = wire_field_next(&rest, &f)) > 0)
        status_field_in(s, &f, &state_ok, &uuid_ok);
    if (more < 0)
        why = "malformed";
    else if (s->task.s.n == 0)
        why = "'task_id' is missing";
    else if (!state_ok)
        why = "'state' is missing or unknown";
    else if (!uuid_ok)
        why = "Not a valid UUID";
    if (why != NULL) {
        int rc = error_set(err, ERR_INVALID, "TaskStatus of task '%.*s': %s", STR_ARG(s->task.s), why);
        task_status_unref(s);
        return rc;
    }
    *ret = s;
    return 0;
}

int convert_status_bytes(struct str bytes, struct task_status **ret, struct error *err)
{
    return status_index(blob_new(bytes), ret, err);
}

int convert_status(const Mesos__V1__TaskStatus *m, struct task_status **ret, struct error *err)
{
    return status_index(convert_pack(&m->base), ret, err);
}

/* --- statuses out --- */

static struct task_status *status_of(const struct sbuf *b)
{
    struct task_status *s = NULL;

    ASSERT(sbuf_ok(b));
    ASSERT(convert_status_bytes(sbuf_view(b), &s, NULL) == 0);
    return s;
}

struct task_status *task_status_make(const struct status_spec *s)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(STATUS_SIZE_MAX);
    size_t mark;

    wire_put_id(&b, STATUS_TASK, s->task.s);
    wire_put_u64(&b, STATUS_STATE, (uint64_t)s->state);
    if (s->message.n != 0)
        wire_put_bytes(&b, STATUS_MESSAGE, s->message);
    if (s->agent.s.n != 0)
        wire_put_id(&b, STATUS_AGENT, s->agent.s);
    wire_put_double(&b, STATUS_TIMESTAMP, s->timestamp);
    if (s->executor.s.n != 0)
        wire_put_id(&b, STATUS_EXECUTOR, s->executor.s);
    if (s->has_healthy)
        wire_put_u64(&b, STATUS_HEALTHY, s->healthy);
    wire_put_u64(&b, STATUS_SOURCE, (uint64_t)s->source);
    if (s->reason != REASON_NONE)
        wire_put_u64(&b, STATUS_REASON, (uint64_t)s->reason);
    if (s->uuid != NULL)
        wire_put_bytes(&b, STATUS_UUID, str_mem(s->uuid->b, sizeof s->uuid->b));
    if (s->container_status.n != 0)
        wire_put_bytes(&b, STATUS_CONTAINER, s->container_status);
    if (s->unreachable_ns != 0) {
        mark = wire_open(&b, STATUS_UNREACHABLE);
        wire_put_i64(&b, 1, s->unreachable_ns);
        wire_close(&b, mark);
    }
    if (s->limitation.n != 0)
        wire_put_bytes(&b, STATUS_LIMITATION, s->limitation);
    return status_of(&b);
}

struct rewrite {
    struct agent_id agent;
    struct executor_id executor;
    const double *timestamp;
    const struct uuid *uuid;
};

static const uint32_t rewritten[] = { STATUS_AGENT, STATUS_TIMESTAMP, STATUS_EXECUTOR, STATUS_UUID };
enum { REWRITTEN_COUNT = sizeof rewritten / sizeof rewritten[0] };

/* Whether the field is replaced: then the old one goes. */
static bool is_replaced(const struct rewrite *r, uint32_t number)
{
    return (number == STATUS_AGENT && r->agent.s.n != 0) || (number == STATUS_EXECUTOR && r->executor.s.n != 0) ||
           (number == STATUS_TIMESTAMP && r->timestamp != NULL) || number == STATUS_UUID;
}

static void put_replaced(struct sbuf *b, const struct rewrite *r, uint32_t number)
{
    if (!is_replaced(r, number))
        return;
    if (number == STATUS_AGENT)
        wire_put_id(b, number, r->agent.s);
    else if (number == STATUS_EXECUTOR)
        wire_put_id(b, number, r->executor.s);
    else if (number == STATUS_TIMESTAMP)
        wire_put_double(b, number, *r->timestamp);
    else if (r->uuid != NULL)
        wire_put_bytes(b, number, str_mem(r->uuid->b, sizeof r->uuid->b));
}

struct task_status *task_status_rewrite(const struct task_status *s, struct agent_id agent, struct executor_id executor,
                                        const double *timestamp, const struct uuid *uuid)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(STATUS_SIZE_MAX);
    struct rewrite r = { agent, executor, timestamp, uuid };
    struct str rest = blob_str(s->raw);
    struct wire_field f;
    size_t next = 0;

    while (wire_field_next(&rest, &f) > 0) {
        for (; next < REWRITTEN_COUNT && rewritten[next] <= f.number; next++)
            put_replaced(&b, &r, rewritten[next]);
        if (!is_replaced(&r, f.number))
            sbuf_str(&b, f.raw);
    }
    for (; next < REWRITTEN_COUNT; next++)
        put_replaced(&b, &r, rewritten[next]);
    return status_of(&b);
}

/* --- offers --- */

static void put_url(struct sbuf *b, const struct offer_view *v)
{
    size_t mark = wire_open(b, 8), inner;

    wire_put_bytes(b, 1, STR("http"));
    inner = wire_open(b, 2);
    wire_put_bytes(b, 1, str_of(v->agent->hostname));
    wire_put_bytes(b, 2, v->agent_ip);
    wire_put_i64(b, 3, v->agent_port);
    wire_close(b, inner);
    wire_put_bytes(b, 3, v->agent_path);
    wire_close(b, mark);
}

/* A field of the agent's own message under another number: attributes keep the digits that they came with. */
static void put_carried(struct sbuf *b, uint32_t number, const struct agent_info *a, uint32_t from)
{
    struct str rest = blob_str(a->raw);
    struct wire_field f;

    while (wire_field_next(&rest, &f) > 0)
        if (f.number == from)
            wire_put_bytes(b, number, f.bytes);
}

void wire_put_offer(struct sbuf *b, uint32_t number, const struct offer_view *v)
{
    bool multi_role = (v->framework_capabilities & FRAMEWORK_CAP_MULTI_ROLE) != 0;
    bool refinement = (v->framework_capabilities & FRAMEWORK_CAP_RESERVATION_REFINEMENT) != 0;
    size_t mark = wire_open(b, number), inner;

    wire_put_id(b, 1, v->id.s);
    wire_put_id(b, 2, v->framework.s);
    wire_put_id(b, 3, v->agent->id.s);
    wire_put_bytes(b, 4, str_of(v->agent->hostname));
    for (uint32_t i = 0; i < v->resources->n; i++)
        if (!str_is(name_str(v->resources->v[i].name), "ephemeral_ports"))
            wire_put_resource(b, 5, &v->resources->v[i], refinement ? RESOURCE_POST : RESOURCE_PRE, !multi_role);
    for (size_t i = 0; i < v->executor_count; i++)
        wire_put_id(b, 6, v->executors[i].s);
    put_carried(b, 7, v->agent, 5);
    put_url(b, v);
    if (v->unavailability.n != 0)
        wire_put_bytes(b, 9, v->unavailability);
    if (multi_role) {
        inner = wire_open(b, 10);
        wire_put_bytes(b, 1, v->role);
        wire_close(b, inner);
    }
    put_carried(b, 11, v->agent, 10);
    wire_close(b, mark);
}
