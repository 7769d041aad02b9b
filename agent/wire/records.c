/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wire/records.h"

#include "agent/wire/encode.h"
#include "common/wire/guard.h"
#include "proto/mesos_internal.pb-c.h"

enum { RECORD_HEAD = 4 };

size_t record_open(struct sbuf *b)
{
    static const char zero[RECORD_HEAD];
    size_t mark = b->n;

    sbuf_add(b, zero, sizeof zero);
    return mark;
}

void record_close(struct sbuf *b, size_t mark)
{
    if (!sbuf_ok(b))
        return;
    size_t n = b->n - mark - RECORD_HEAD;
    for (int i = 0; i < RECORD_HEAD; i++)
        b->p[mark + (size_t)i] = (char)(uint8_t)(n >> (8 * i));
}

int record_next(struct str *rest, struct str *ret)
{
    size_t n = 0;

    if (rest->n == 0)
        return 0;
    if (rest->n < RECORD_HEAD)
        return -1;
    for (int i = 0; i < RECORD_HEAD; i++)
        n |= (size_t)(uint8_t)rest->p[i] << (8 * i);
    if (n > RECORD_BYTES_MAX || n > rest->n - RECORD_HEAD)
        return -1;
    *ret = str_sub(*rest, RECORD_HEAD, n);
    *rest = str_sub(*rest, RECORD_HEAD + n, rest->n);
    return 1;
}

/* --- writing --- */

static void put_bytes_record(struct sbuf *b, struct str bytes)
{
    size_t mark = record_open(b);
    sbuf_str(b, bytes);
    record_close(b, mark);
}

void record_put_agent_info(struct sbuf *b, const struct agent *a, const struct agent_env *env)
{
    size_t mark = record_open(b);
    wire_put_agent_info(b, 0, env, agent_own_id(a).s, true);
    record_close(b, mark);
}

void record_put_framework(struct sbuf *b, const struct agent_framework *f)
{
    put_bytes_record(b, blob_str(f->info->raw));
}

void record_put_executor(struct sbuf *b, const struct agent_executor *e)
{
    put_bytes_record(b, blob_str(e->info->raw));
}

void record_put_task(struct sbuf *b, const struct agent_task *t)
{
    size_t mark = record_open(b);
    wire_put_agent_task(b, 0, t, RESOURCE_PRE);
    record_close(b, mark);
}

void record_put_update(struct sbuf *b, const struct agent *a, const struct agent_stream *s,
                       const struct agent_update *u)
{
    size_t mark = record_open(b);
    wire_put_update_record(b, a, s, u->status);
    record_close(b, mark);
}

void record_put_ack(struct sbuf *b, const struct uuid *uuid)
{
    size_t mark = record_open(b);
    wire_put_u64(b, 1, MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__ACK);
    wire_put_bytes(b, 3, str_mem(uuid->b, sizeof uuid->b));
    record_close(b, mark);
}

void record_put_resources(struct sbuf *b, const struct resources *r)
{
    CLEANUP(sbuf_done_p) struct sbuf all = SBUF_INIT(RECORD_BYTES_MAX);
    struct wire_field f;

    wire_put_resources(&all, 1, r, RESOURCE_PRE, false);
    struct str rest = sbuf_view(&all);
    while (wire_field_next(&rest, &f) == 1)
        put_bytes_record(b, f.bytes);
}

void record_put_resource_state(struct sbuf *b, const struct agent *a)
{
    size_t mark = record_open(b);
    for (const struct agent_operation *o = a->operations; o != NULL; o = o->hh.next)
        if (o->info->n != 0)
            wire_put_agent_operation(b, 1, a, o);
    wire_put_resources(b, 2, &a->checkpointed, RESOURCE_PRE, false);
    record_close(b, mark);
}

void record_put_operation(struct sbuf *b, const struct agent *a, const struct agent_operation *o)
{
    size_t mark = record_open(b);
    wire_put_u64(b, 1, MESOS__INTERNAL__UPDATE_OPERATION_STATUS_RECORD__TYPE__UPDATE);
    size_t update = wire_open(b, 2);
    wire_put_operation_update(b, a, o);
    wire_close(b, update);
    record_close(b, mark);
}

void record_put_operation_ack(struct sbuf *b, const struct agent_operation *o)
{
    size_t mark = record_open(b);
    wire_put_u64(b, 1, MESOS__INTERNAL__UPDATE_OPERATION_STATUS_RECORD__TYPE__ACK);
    wire_put_id(b, 3, str_mem(o->status_uuid.b, sizeof o->status_uuid.b));
    record_close(b, mark);
}

/* --- reading --- */

static int one_record(struct str bytes, const char *what, struct str *ret, struct error *err)
{
    if (record_next(&bytes, ret) != 1)
        return error_set(err, ERR_INVALID, "%s: %zu bytes that are no record", what, bytes.n);
    return 0;
}

int record_read_framework(struct str bytes, struct framework_info **ret, struct error *err)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(RECORD_BYTES_MAX);
    Mesos__V1__FrameworkInfo *m;
    struct str record;
    int rc = one_record(bytes, "framework.info", &record, err);

    if (rc == 0)
        rc = WIRE_UNPACK(mesos__v1__framework_info, record, &arena, &m, err);
    return rc == 0 ? convert_framework_info(m, ret, err) : rc;
}

int record_read_executor(struct str bytes, struct executor_info **ret, struct error *err)
{
    struct str record;
    int rc = one_record(bytes, "executor.info", &record, err);

    return rc == 0 ? convert_executor_bytes(record, ret, err) : rc;
}

int record_read_agent_info(struct str bytes, struct agent_info **ret, struct error *err)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(RECORD_BYTES_MAX);
    Mesos__V1__AgentInfo *m;
    struct str record;
    int rc = one_record(bytes, "slave.info", &record, err);

    if (rc == 0)
        rc = WIRE_UNPACK(mesos__v1__agent_info, record, &arena, &m, err);
    return rc == 0 ? convert_agent_info(m, ret, err) : rc;
}

int record_read_resources(struct str bytes, struct resources *ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf all = SBUF_INIT(RECORD_BYTES_MAX);
    struct str rest = bytes, record;
    int rc;

    while ((rc = record_next(&rest, &record)) == 1)
        wire_put_bytes(&all, 1, record);
    if (rc < 0 || !sbuf_ok(&all))
        return error_set(err, ERR_INVALID, "resources.info: a record is cut at byte %zu", bytes.n - rest.n);
    return convert_resources_bytes(sbuf_view(&all), 1, ret, err);
}

static size_t count_records(struct str log)
{
    struct str record;
    size_t n = 0;

    while (record_next(&log, &record) == 1)
        n++;
    return n;
}

static int read_log(struct agent_recovered_task *t, struct str log, struct arena *arena, size_t *ret_good,
                    struct error *err)
{
    size_t n = count_records(log);
    struct task_status **updates = arena_array(arena, n, sizeof(struct task_status *));
    struct uuid *acks = arena_array(arena, n, sizeof *acks);
    struct str rest = log, record;

    if (n != 0 && (updates == NULL || acks == NULL))
        return error_set(err, ERR_NOMEM, "task.updates: %zu records are over the budget", n);
    t->updates = updates;
    t->acks = acks;
    while (record_next(&rest, &record) == 1) {
        struct str update = wire_field_bytes(record, 2);
        struct str uuid = wire_field_bytes(record, 3);
        if (wire_field_u64(record, 1, 9) == MESOS__INTERNAL__STATUS_UPDATE_RECORD__TYPE__ACK && uuid.n == 16) {
            memcpy(acks[t->ack_count++].b, uuid.p, uuid.n);
        } else if (update.n != 0) {
            struct str status = wire_field_bytes(update, 4);
            if (wire_check(&mesos__v1__task_status__descriptor, status, err) != 0 ||
                convert_status_bytes(status, &updates[t->update_count], err) != 0)
                return error_wrap(err, "task.updates");
            t->update_count++;
        }
        *ret_good = log.n - rest.n;
    }
    return 0;
}

int record_read_task(struct agent_recovered_task *ret, struct str info, struct str log, struct arena *arena,
                     size_t *ret_good, struct error *err)
{
    Mesos__V1__Task *m;
    struct str record;
    struct agent_recovered_task t = { 0 };
    int rc = one_record(info, "task.info", &record, err);

    *ret_good = 0;
    if (rc == 0)
        rc = WIRE_UNPACK(mesos__v1__task, record, arena, &m, err);
    if (rc == 0)
        rc = convert_task_of_task(m, &t.info, err);
    if (rc == 0)
        rc = read_log(&t, log, arena, ret_good, err);
    if (rc != 0) {
        record_task_done(&t);
        return rc;
    }
    *ret = t;
    return 0;
}

void record_task_done(struct agent_recovered_task *t)
{
    task_info_unref(t->info);
    for (size_t i = 0; i < t->update_count; i++)
        task_status_unref(t->updates[i]);
    t->info = NULL;
    t->update_count = 0;
}

static bool copy_uuid(struct str s, struct uuid *ret)
{
    if (s.n != sizeof ret->b)
        return false;
    memcpy(ret->b, s.p, s.n);
    return true;
}

static int read_operation(struct agent_operation_desc *ret, struct str bytes)
{
    struct str status = wire_field_bytes(bytes, 4);

    *ret = (struct agent_operation_desc){
        .framework = framework_id(wire_path(bytes, 1, 1, 0)),
        .id = operation_id(wire_path(status, 1, 1, 0)),
        .info = wire_field_bytes(bytes, 3),
        .state = (enum operation_state)wire_field_u64(status, 2, OPERATION_ERROR),
    };
    return copy_uuid(wire_path(bytes, 6, 1, 0), &ret->uuid) && copy_uuid(wire_path(status, 5, 1, 0), &ret->status_uuid)
               ? 0
               : -(int)ERR_INVALID;
}

int record_read_resource_state(struct str bytes, struct arena *arena, struct resources *ret_resources,
                               const struct agent_operation_desc **ret_operations, size_t *ret_count,
                               struct error *err)
{
    struct str record, rest;
    struct wire_field f;
    size_t n = 0, room = 0;
    int rc = one_record(bytes, "resources_and_operations.state", &record, err);

    if (rc != 0)
        return rc;
    record = arena_str(arena, record);
    for (rest = record; (rc = wire_field_next(&rest, &f)) == 1;)
        room += f.number == 1 && f.type == WIRE_BYTES;
    if (rc < 0 || record.p == NULL)
        return error_set(err, ERR_INVALID, "resources_and_operations.state is malformed");
    struct agent_operation_desc *v = arena_array(arena, room, sizeof *v);
    if (v == NULL && room != 0)
        return error_set(err, ERR_NOMEM, "resources_and_operations.state: %zu operations are over the budget", room);
    for (rest = record; wire_field_next(&rest, &f) == 1;)
        if (f.number == 1 && f.type == WIRE_BYTES && read_operation(&v[n], f.bytes) == 0)
            n++;
    rc = convert_resources_bytes(record, 2, ret_resources, err);
    if (rc != 0)
        return rc;
    *ret_operations = v;
    *ret_count = n;
    return 0;
}
