/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/sdk/wire.h"

#include "common/wire/guard.h"
#include "executor/core/command.h"

/* --- reading ------------------------------------------------------------------------------------------ */

int64_t duration_of(struct str message, uint32_t number)
{
    struct str d = wire_field_bytes(message, number);
    if (d.p == NULL)
        return GRACE_NONE;
    int64_t ns = (int64_t)wire_field_u64(d, 1, 0);
    return ns < 0 ? 0 : ns;
}

bool exec_event_read(struct str bytes, struct exec_event *ret)
{
    struct str body;
    *ret = (struct exec_event){ .type = (enum exec_event_type)wire_field_u64(bytes, 1, 0), .grace_ns = GRACE_NONE };
    switch (ret->type) {
    case EXEC_SUBSCRIBED:
        ret->subscribed = wire_field_bytes(bytes, 2);
        return ret->subscribed.p != NULL;
    case EXEC_LAUNCH:
        ret->task = wire_field_bytes(wire_field_bytes(bytes, 4), 1);
        return task_id_of(ret->task).n != 0;
    case EXEC_LAUNCH_GROUP:
        ret->task_group = wire_field_bytes(wire_field_bytes(bytes, 8), 1);
        return ret->task_group.p != NULL;
    case EXEC_KILL:
        body = wire_field_bytes(bytes, 5);
        ret->task_id = wire_path(body, 1, 1, 0);
        ret->grace_ns = duration_of(wire_field_bytes(body, 2), 1);
        return ret->task_id.p != NULL;
    case EXEC_ACKNOWLEDGED: {
        body = wire_field_bytes(bytes, 3);
        ret->task_id = wire_path(body, 1, 1, 0);
        struct str uuid = wire_field_bytes(body, 2);
        if (uuid.n == sizeof ret->uuid.b)
            memcpy(ret->uuid.b, uuid.p, uuid.n);
        return ret->task_id.p != NULL && uuid.n == sizeof ret->uuid.b;
    }
    case EXEC_MESSAGE:
        ret->data = wire_path(bytes, 6, 1, 0);
        return true;
    case EXEC_ERROR:
        ret->message = wire_path(bytes, 7, 1, 0);
        return true;
    case EXEC_SHUTDOWN:
    case EXEC_HEARTBEAT:
        return true;
    case EXEC_UNKNOWN:
        break;
    }
    return false;
}

struct str task_id_of(struct str task)
{
    return wire_path(task, 2, 1, 0);
}

struct str task_name_of(struct str task)
{
    return wire_field_bytes(task, 1);
}

struct str task_command_of(struct str task)
{
    return wire_field_bytes(task, 7);
}

int64_t task_kill_grace_ns(struct str task)
{
    return duration_of(wire_field_bytes(task, 12), 1);
}

int64_t task_max_completion_ns(struct str task)
{
    return duration_of(task, 14);
}

struct str task_allocation_role(struct str task)
{
    struct wire_field f;
    while (wire_field_next(&task, &f) == 1) {
        if (f.number != 4 || f.type != WIRE_BYTES)
            continue;
        struct str role = wire_path(f.bytes, 11, 1, 0);
        if (role.p != NULL)
            return role;
    }
    return (struct str){ NULL, 0 };
}

bool framework_has_capability(struct str framework_info, unsigned capability)
{
    struct wire_field f;
    while (wire_field_next(&framework_info, &f) == 1) {
        if (f.number == 10 && f.type == WIRE_BYTES && wire_field_u64(f.bytes, 1, 0) == capability)
            return true;
    }
    return false;
}

static int64_t seconds_field(struct str m, uint32_t number, double absent)
{
    int64_t ns;
    return seconds_to_ns(wire_field_double(m, number, absent), &ns) && ns >= 0 ? ns : 0;
}

static struct str text_or(struct str s, struct str fallback)
{
    return s.p != NULL && s.n != 0 ? s : fallback;
}

bool task_health_check(struct str task, struct check_spec *ret)
{
    struct str h = wire_field_bytes(task, 8);
    *ret = (struct check_spec){ .kind = CHECK_KIND_NONE };
    if (h.p == NULL)
        return false;
    ret->policy = (struct check_policy){
        .health = true,
        .delay_ns = seconds_field(h, 2, 15),
        .interval_ns = seconds_field(h, 3, 10),
        .timeout_ns = seconds_field(h, 4, 20),
        .grace_ns = seconds_field(h, 6, 10),
        .failures_max = (unsigned)wire_field_u64(h, 5, 3),
    };
    uint64_t type = wire_field_u64(h, 8, 0);
    struct str http = wire_field_bytes(h, 1), command = wire_field_bytes(h, 7), tcp = wire_field_bytes(h, 9);
    /* Old frameworks leave the type out. */
    if (type == 0)
        type = command.p != NULL ? CHECK_KIND_COMMAND : http.p != NULL ? CHECK_KIND_HTTP : tcp.p != NULL ? CHECK_KIND_TCP : 0;
    ret->kind = type <= CHECK_KIND_TCP ? (enum check_kind)type : CHECK_KIND_NONE;
    ret->command = command;
    struct str net = ret->kind == CHECK_KIND_TCP ? tcp : http;
    ret->port = (uint16_t)wire_field_u64(net, 1, 0);
    ret->scheme = text_or(wire_field_bytes(http, 3), STR("http"));
    ret->path = text_or(wire_field_bytes(http, 2), STR("/"));
    ret->v6 = wire_field_u64(net, ret->kind == CHECK_KIND_TCP ? 2 : 5, 1) == 2;
    return true;
}

bool task_check(struct str task, struct check_spec *ret)
{
    struct str c = wire_field_bytes(task, 13);
    *ret = (struct check_spec){ .kind = CHECK_KIND_NONE };
    if (c.p == NULL)
        return false;
    ret->policy = (struct check_policy){
        .delay_ns = seconds_field(c, 4, 15),
        .interval_ns = seconds_field(c, 5, 10),
        .timeout_ns = seconds_field(c, 6, 20),
    };
    uint64_t type = wire_field_u64(c, 1, 0);
    ret->kind = type <= CHECK_KIND_TCP ? (enum check_kind)type : CHECK_KIND_NONE;
    ret->command = wire_path(c, 2, 1, 0);
    struct str http = wire_field_bytes(c, 3), net = ret->kind == CHECK_KIND_TCP ? wire_field_bytes(c, 7) : http;
    ret->port = (uint16_t)wire_field_u64(net, 1, 0);
    ret->scheme = STR("http");
    ret->path = text_or(wire_field_bytes(http, 2), STR("/"));
    return true;
}

void command_each_env(struct str command, void (*f)(void *arg, struct str name, struct str value), void *arg)
{
    struct str env = wire_field_bytes(command, 2);
    struct wire_field v;
    while (wire_field_next(&env, &v) == 1) {
        if (v.number != 1 || v.type != WIRE_BYTES)
            continue;
        struct str name = wire_field_bytes(v.bytes, 1), value = wire_field_bytes(v.bytes, 2);
        if (wire_field_u64(v.bytes, 3, 1) == 2) /* SECRET: the agent lets only those by that carry their value */
            value = wire_field_bytes(wire_field_bytes(wire_field_bytes(v.bytes, 4), 3), 1);
        if (name.n != 0)
            f(arg, name, value.p != NULL ? value : STR(""));
    }
}

/* --- writing ------------------------------------------------------------------------------------------ */

static void put_call(struct sbuf *b, struct str framework, struct str executor, unsigned type)
{
    wire_put_id(b, 1, executor);
    wire_put_id(b, 2, framework);
    wire_put_u64(b, 3, type);
}

void exec_put_subscribe(struct sbuf *b, struct str framework, struct str executor, const struct session *s)
{
    put_call(b, framework, executor, 1);
    size_t mark = wire_open(b, 4);
    for (const struct session_item *i = s->tasks; i != NULL; i = i->next)
        wire_put_bytes(b, 1, str_mem(i->bytes, i->n));
    for (const struct session_item *i = s->updates; i != NULL; i = i->next) {
        size_t update = wire_open(b, 2);
        wire_put_bytes(b, 1, str_mem(i->bytes, i->n));
        wire_close(b, update);
    }
    wire_close(b, mark);
}

void exec_put_update(struct sbuf *b, struct str framework, struct str executor, struct str status)
{
    put_call(b, framework, executor, 2);
    size_t mark = wire_open(b, 5);
    wire_put_bytes(b, 1, status);
    wire_close(b, mark);
}

void exec_put_message(struct sbuf *b, struct str framework, struct str executor, struct str data)
{
    put_call(b, framework, executor, 3);
    size_t mark = wire_open(b, 6);
    wire_put_bytes(b, 2, data);
    wire_close(b, mark);
}

void exec_put_heartbeat(struct sbuf *b, struct str framework, struct str executor)
{
    put_call(b, framework, executor, 4);
}

void exec_put_status(struct sbuf *b, const struct exec_status *s)
{
    wire_put_id(b, 1, s->task_id);
    wire_put_u64(b, 2, (uint64_t)s->state);
    if (s->data.p != NULL)
        wire_put_bytes(b, 3, s->data);
    if (s->message.n != 0)
        wire_put_bytes(b, 4, s->message);
    wire_put_double(b, 6, (double)s->wall_us / 1e6);
    if (s->executor_id.n != 0)
        wire_put_id(b, 7, s->executor_id);
    if (s->healthy >= 0)
        wire_put_u64(b, 8, (uint64_t)s->healthy);
    wire_put_u64(b, 9, 2); /* SOURCE_EXECUTOR */
    if (s->reason >= 0)
        wire_put_u64(b, 10, (uint64_t)s->reason);
    wire_put_bytes(b, 11, str_mem(s->uuid.b, sizeof s->uuid.b));
    if (s->labels.n != 0)
        wire_put_bytes(b, 12, s->labels);
    if (s->container_id.n != 0) {
        size_t mark = wire_open(b, 13);
        wire_put_bytes(b, 4, s->container_id);
        wire_close(b, mark);
    }
    if (s->check_status.p != NULL)
        wire_put_bytes(b, 15, s->check_status);
    if (s->limitation.p != NULL)
        wire_put_bytes(b, 16, s->limitation);
    sbuf_str(b, s->rest);
}

void exec_put_check_status(struct sbuf *b, enum check_kind kind, int64_t value)
{
    static const uint32_t body[] = { 0, 2, 3, 4 };
    wire_put_u64(b, 1, (uint64_t)kind);
    if (kind == CHECK_KIND_NONE)
        return;
    size_t mark = wire_open(b, body[kind]);
    if (value != CHECK_NO_VALUE)
        wire_put_i64(b, 1, value);
    wire_close(b, mark);
}
