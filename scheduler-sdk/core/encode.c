/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler-sdk/core/encode.h"

#include <math.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "common/wire/types.h"
#include "proto/mesos_v1.pb-c.h"

static void put_c(struct sbuf *b, uint32_t number, const char *text)
{
    if (text != NULL)
        wire_put_bytes(b, number, str_of(text));
}

static void put_id(struct sbuf *b, uint32_t number, const char *id)
{
    if (id != NULL)
        wire_put_id(b, number, str_of(id));
}

static void put_scalar(struct sbuf *b, uint32_t number, int64_t milli)
{
    size_t mark = wire_open(b, number);

    wire_put_double(b, 1, (double)milli / 1000);
    wire_close(b, mark);
}

/* DurationInfo, TimeInfo. */
static void put_nanoseconds(struct sbuf *b, uint32_t number, double seconds)
{
    size_t mark = wire_open(b, number);

    wire_put_i64(b, 1, seconds < 9e9 ? (int64_t)llround(seconds * 1e9) : INT64_C(9000000000000000000));
    wire_close(b, mark);
}

static void put_labels(struct sbuf *b, uint32_t number, const struct stoa_label *labels, size_t count)
{
    size_t mark, one;

    if (count == 0)
        return;
    mark = wire_open(b, number);
    for (size_t i = 0; i < count; i++) {
        one = wire_open(b, 1);
        wire_put_bytes(b, 1, str_of(labels[i].key));
        put_c(b, 2, labels[i].value);
        wire_close(b, one);
    }
    wire_close(b, mark);
}

int sdk_put_raw(struct sbuf *b, uint32_t number, const char *type, struct stoa_bytes raw, struct error *err)
{
    struct str bytes = str_mem(raw.p, raw.n);
    int rc = wire_check(wire_type(str_of(type)), bytes, err);

    if (rc == 0)
        wire_put_bytes(b, number, bytes);
    return rc;
}

static int put_json(struct sbuf *b, uint32_t number, const char *type, const char *json, struct error *err)
{
    size_t mark;
    int rc;

    if (json == NULL)
        return 0;
    mark = wire_open(b, number);
    rc = json_to_wire(wire_type(str_of(type)), str_of(json), b, err);
    wire_close(b, mark);
    return rc;
}

/* A message whose rest is given as JSON, with the fields set in structs over it: parts is both, one after the
 * other. Joined to one, checked, and appended as a field. */
static int put_joined(struct sbuf *b, uint32_t number, const char *type, const struct sbuf *parts,
                      struct error *err)
{
    struct arena arena = ARENA_INIT(SDK_CALL_BYTES_MAX);
    ProtobufCMessage *m;
    int rc = wire_unpack(wire_type(str_of(type)), sbuf_view(parts), &arena, &m, err);

    if (rc == 0 && !wire_put_message(b, number, m))
        rc = error_set(err, ERR_NOMEM, "out of memory for a message of %zu bytes", parts->n);
    arena_done(&arena);
    return rc;
}

/* --- resources ------------------------------------------------------------------------------------------- */

static int put_value(struct sbuf *b, const struct stoa_resource *r, struct error *err)
{
    size_t mark, one;

    switch (r->type) {
    case STOA_SCALAR:
        put_scalar(b, 3, r->milli);
        return 0;
    case STOA_RANGES:
        mark = wire_open(b, 4);
        for (size_t i = 0; i < r->range_count; i++) {
            one = wire_open(b, 1);
            wire_put_u64(b, 1, r->ranges[i].begin);
            wire_put_u64(b, 2, r->ranges[i].end);
            wire_close(b, one);
        }
        wire_close(b, mark);
        return 0;
    case STOA_SET:
        mark = wire_open(b, 5);
        for (size_t i = 0; i < r->set_count; i++)
            wire_put_bytes(b, 1, str_of(r->set[i]));
        wire_close(b, mark);
        return 0;
    case STOA_TEXT:
        break;
    }
    return error_set(err, ERR_INVALID, "resource %s: its type is not STOA_SCALAR, STOA_RANGES or STOA_SET",
                     r->name);
}

static void put_disk_source(struct sbuf *b, const struct stoa_resource *r)
{
    static const uint8_t types[] = {
        [STOA_DISK_PATH] = 1, [STOA_DISK_MOUNT] = 2, [STOA_DISK_BLOCK] = 3, [STOA_DISK_RAW] = 4
    };
    size_t mark = wire_open(b, 3), root;

    wire_put_u64(b, 1, types[r->disk_source]);
    if (r->disk_root != NULL && (r->disk_source == STOA_DISK_PATH || r->disk_source == STOA_DISK_MOUNT)) {
        root = wire_open(b, r->disk_source == STOA_DISK_PATH ? 2 : 3);
        put_c(b, 1, r->disk_root);
        wire_close(b, root);
    }
    put_c(b, 4, r->disk_id);
    put_c(b, 6, r->disk_profile);
    put_c(b, 7, r->disk_vendor);
    wire_close(b, mark);
}

static void put_disk(struct sbuf *b, const struct stoa_resource *r)
{
    size_t mark, one;

    if (r->persistence_id == NULL && r->volume_container_path == NULL && r->disk_source == STOA_DISK_ROOT)
        return;
    mark = wire_open(b, 7);
    if (r->persistence_id != NULL) {
        one = wire_open(b, 1);
        put_c(b, 1, r->persistence_id);
        put_c(b, 2, r->persistence_principal);
        wire_close(b, one);
    }
    if (r->volume_container_path != NULL) {
        one = wire_open(b, 2);
        put_c(b, 1, r->volume_container_path);
        wire_put_u64(b, 3, r->volume_read_only ? 2 : 1);
        wire_close(b, one);
    }
    if (r->disk_source != STOA_DISK_ROOT)
        put_disk_source(b, r);
    wire_close(b, mark);
}

static void put_reservations(struct sbuf *b, const struct stoa_resource *r)
{
    for (size_t i = 0; i < r->reservation_count; i++) {
        const struct stoa_reservation *x = &r->reservations[i];
        size_t mark = wire_open(b, 13);

        put_c(b, 1, x->principal);
        put_labels(b, 2, x->labels, x->label_count);
        put_c(b, 3, x->role);
        wire_put_u64(b, 4, x->is_static ? 1 : 2);
        wire_close(b, mark);
    }
}

static void put_empty(struct sbuf *b, uint32_t number, bool present)
{
    if (present)
        wire_put_bytes(b, number, STR(""));
}

int sdk_put_resource(struct sbuf *b, uint32_t number, const struct stoa_resource *r, struct error *err)
{
    size_t mark, allocation;
    int rc;

    if (r->raw.p != NULL)
        return sdk_put_raw(b, number, "mesos.v1.Resource", r->raw, err);
    if (r->name == NULL)
        return error_set(err, ERR_INVALID, "a resource has no name");
    mark = wire_open(b, number);
    put_c(b, 1, r->name);
    wire_put_u64(b, 2, (uint64_t)r->type);
    rc = put_value(b, r, err);
    put_disk(b, r);
    put_empty(b, 9, r->revocable);
    put_empty(b, 10, r->shared);
    if (r->allocation_role != NULL) {
        allocation = wire_open(b, 11);
        put_c(b, 1, r->allocation_role);
        wire_close(b, allocation);
    }
    put_id(b, 12, r->provider_id);
    put_reservations(b, r);
    wire_close(b, mark);
    return rc;
}

static int put_resources(struct sbuf *b, uint32_t number, const struct stoa_resource *r, size_t count,
                         struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int rc = sdk_put_resource(b, number, &r[i], err);

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- commands and checks --- */

static void put_uris(struct sbuf *b, const struct stoa_command *c)
{
    for (size_t i = 0; i < c->uri_count; i++) {
        const struct stoa_uri *u = &c->uris[i];
        size_t mark = wire_open(b, 1);

        put_c(b, 1, u->value != NULL ? u->value : "");
        wire_put_u64(b, 2, u->executable);
        wire_put_u64(b, 3, !u->no_extract);
        wire_put_u64(b, 4, u->cache);
        put_c(b, 5, u->output_file);
        wire_close(b, mark);
    }
}

/* What makes a variable a secret one. */
static void put_secret(struct sbuf *b, const char *value)
{
    wire_put_u64(b, 3, 2); /* SECRET */
    size_t secret = wire_open(b, 4);
    wire_put_u64(b, 1, 2); /* VALUE */
    size_t data = wire_open(b, 3);
    put_c(b, 1, value != NULL ? value : "");
    wire_close(b, data);
    wire_close(b, secret);
}

static void put_environment(struct sbuf *b, const struct stoa_command *c)
{
    size_t mark, one;

    if (c->environment_count == 0)
        return;
    mark = wire_open(b, 2);
    for (size_t i = 0; i < c->environment_count; i++) {
        one = wire_open(b, 1);
        const struct stoa_variable *v = &c->environment[i];
        put_c(b, 1, v->name != NULL ? v->name : "");
        if (v->is_secret)
            put_secret(b, v->value);
        else
            put_c(b, 2, v->value != NULL ? v->value : "");
        wire_close(b, one);
    }
    wire_close(b, mark);
}

static void put_command(struct sbuf *b, uint32_t number, const struct stoa_command *c)
{
    size_t mark = wire_open(b, number);

    put_uris(b, c);
    put_environment(b, c);
    put_c(b, 3, c->value);
    put_c(b, 5, c->user);
    wire_put_u64(b, 6, !c->no_shell && c->argc == 0);
    for (size_t i = 0; i < c->argc; i++)
        put_c(b, 7, c->argv[i]);
    wire_close(b, mark);
}

/* Zero is the default and left out; below zero is none. */
static void put_seconds(struct sbuf *b, uint32_t number, double seconds)
{
    if (fpclassify(seconds) != FP_ZERO)
        wire_put_double(b, number, seconds > 0 ? seconds : 0);
}

static int check_type(const struct stoa_check *c, const char *task_id, struct error *err)
{
    if (c->type == STOA_CHECK_NONE)
        return error_set(err, ERR_INVALID, "task %s: a check has no type", task_id);
    if (c->type != STOA_CHECK_COMMAND && (c->port == 0 || c->port > 65535))
        return error_set(err, ERR_INVALID, "task %s: the port of a check is %u; use 1 to 65535", task_id,
                         c->port);
    return 0;
}

static int put_health_check(struct sbuf *b, uint32_t number, const struct stoa_check *c, const char *task_id,
                            struct error *err)
{
    int rc = check_type(c, task_id, err);
    size_t mark, one;

    if (rc != 0)
        return rc;
    mark = wire_open(b, number);
    if (c->type == STOA_CHECK_HTTP) {
        one = wire_open(b, 1);
        wire_put_u64(b, 1, c->port);
        put_c(b, 2, c->path);
        put_c(b, 3, c->scheme);
        if (c->ipv6)
            wire_put_u64(b, 5, 2);
        wire_close(b, one);
    }
    put_seconds(b, 2, c->delay_s);
    put_seconds(b, 3, c->interval_s);
    put_seconds(b, 4, c->timeout_s);
    if (c->consecutive_failures != 0)
        wire_put_u64(b, 5, c->consecutive_failures > 0 ? (uint64_t)c->consecutive_failures : 0);
    put_seconds(b, 6, c->grace_period_s);
    if (c->type == STOA_CHECK_COMMAND)
        put_command(b, 7, &c->command);
    wire_put_u64(b, 8, (uint64_t)c->type); /* same numbers */
    if (c->type == STOA_CHECK_TCP) {
        one = wire_open(b, 9);
        wire_put_u64(b, 1, c->port);
        if (c->ipv6)
            wire_put_u64(b, 2, 2);
        wire_close(b, one);
    }
    wire_close(b, mark);
    return 0;
}

static int put_check(struct sbuf *b, uint32_t number, const struct stoa_check *c, const char *task_id,
                     struct error *err)
{
    int rc = check_type(c, task_id, err);
    size_t mark, one;

    if (rc != 0)
        return rc;
    mark = wire_open(b, number);
    wire_put_u64(b, 1, (uint64_t)c->type);
    if (c->type == STOA_CHECK_COMMAND) {
        one = wire_open(b, 2);
        put_command(b, 1, &c->command);
        wire_close(b, one);
    } else if (c->type == STOA_CHECK_HTTP) {
        one = wire_open(b, 3);
        wire_put_u64(b, 1, c->port);
        put_c(b, 2, c->path);
        wire_close(b, one);
    }
    put_seconds(b, 4, c->delay_s);
    put_seconds(b, 5, c->interval_s);
    put_seconds(b, 6, c->timeout_s);
    if (c->type == STOA_CHECK_TCP) {
        one = wire_open(b, 7);
        wire_put_u64(b, 1, c->port);
        wire_close(b, one);
    }
    wire_close(b, mark);
    return 0;
}

/* --- tasks ----------------------------------------------------------------------------------------------- */

static void put_discovery(struct sbuf *b, const struct stoa_discovery *d)
{
    size_t mark, ports, one;

    if (d == NULL || d->visibility == STOA_VISIBLE_NONE)
        return;
    mark = wire_open(b, 11);
    wire_put_u64(b, 1, (uint64_t)d->visibility - STOA_VISIBLE_FRAMEWORK);
    put_c(b, 2, d->name);
    put_c(b, 3, d->environment);
    put_c(b, 4, d->location);
    put_c(b, 5, d->version);
    if (d->port_count != 0) {
        ports = wire_open(b, 6);
        for (size_t i = 0; i < d->port_count; i++) {
            one = wire_open(b, 1);
            wire_put_u64(b, 1, d->ports[i].number);
            put_c(b, 2, d->ports[i].name);
            put_c(b, 3, d->ports[i].protocol);
            put_labels(b, 5, d->ports[i].labels, d->ports[i].label_count);
            wire_close(b, one);
        }
        wire_close(b, ports);
    }
    wire_close(b, mark);
}

static bool has_command(const struct stoa_command *c)
{
    return c->value != NULL || c->argc != 0 || c->uri_count != 0 || c->environment_count != 0;
}

static int executor_fields(struct sbuf *b, const struct stoa_executor *e, struct str framework_id,
                           struct error *err)
{
    int rc;

    if (e->info_json != NULL) {
        rc = json_part_to_wire(&mesos__v1__executor_info__descriptor, str_of(e->info_json), b, err);
        if (rc != 0)
            return rc;
    }
    put_id(b, 1, e->id);
    if (e->data.p != NULL)
        wire_put_bytes(b, 4, str_mem(e->data.p, e->data.n));
    rc = put_resources(b, 5, e->resources, e->resource_count, err);
    if (rc != 0)
        return rc;
    if (has_command(&e->command))
        put_command(b, 7, &e->command);
    if (framework_id.n != 0)
        wire_put_id(b, 8, framework_id);
    put_c(b, 9, e->name);
    rc = put_json(b, 11, "mesos.v1.ContainerInfo", e->container_json, err);
    if (e->shutdown_grace_s > 0)
        put_nanoseconds(b, 13, e->shutdown_grace_s);
    put_labels(b, 14, e->labels, e->label_count);
    wire_put_u64(b, 15, e->type == STOA_EXECUTOR_DEFAULT ? 1 : 2);
    return rc;
}

int sdk_put_executor(struct sbuf *b, uint32_t number, const struct stoa_executor *e, struct str framework_id,
                     struct error *err)
{
    struct sbuf parts = SBUF_INIT(SDK_CALL_BYTES_MAX);
    int rc = executor_fields(&parts, e, framework_id, err);

    if (rc == 0)
        rc = put_joined(b, number, "mesos.v1.ExecutorInfo", &parts, err);
    if (rc != 0)
        (void)error_wrap(err, "executor %s", e->id != NULL ? e->id : "without id");
    sbuf_done(&parts);
    return rc;
}

static void put_limit(struct sbuf *b, const char *name, int64_t milli)
{
    size_t mark, value;

    if (milli == 0)
        return;
    mark = wire_open(b, 15);
    put_c(b, 1, name);
    value = wire_open(b, 2);
    wire_put_double(b, 1, milli < 0 ? (double)INFINITY : (double)milli / 1000);
    wire_close(b, value);
    wire_close(b, mark);
}

/* Fields 5 to 13, in order. */
static int task_middle(struct sbuf *b, const struct stoa_task *t, struct str framework_id, struct error *err)
{
    int rc = t->executor != NULL ? sdk_put_executor(b, 5, t->executor, framework_id, err) : 0;
    size_t mark;

    if (t->data.p != NULL)
        wire_put_bytes(b, 6, str_mem(t->data.p, t->data.n));
    if (t->command != NULL)
        put_command(b, 7, t->command);
    if (rc == 0 && t->health_check != NULL)
        rc = put_health_check(b, 8, t->health_check, t->id, err);
    if (rc == 0)
        rc = put_json(b, 9, "mesos.v1.ContainerInfo", t->container_json, err);
    put_labels(b, 10, t->labels, t->label_count);
    put_discovery(b, t->discovery);
    if (t->kill_grace_s > 0) {
        mark = wire_open(b, 12);
        put_nanoseconds(b, 1, t->kill_grace_s);
        wire_close(b, mark);
    }
    if (rc == 0 && t->check != NULL)
        rc = put_check(b, 13, t->check, t->id, err);
    return rc;
}

static int task_fields(struct sbuf *b, const struct stoa_task *t, const char *agent_id,
                       struct str framework_id, struct error *err)
{
    int rc = 0;

    if (t->info_json != NULL)
        rc = json_part_to_wire(&mesos__v1__task_info__descriptor, str_of(t->info_json), b, err);
    if (rc != 0)
        return rc;
    put_c(b, 1, t->name != NULL ? t->name : t->info_json == NULL ? t->id : NULL);
    put_id(b, 2, t->id);
    put_id(b, 3, t->agent_id != NULL ? t->agent_id : agent_id);
    rc = put_resources(b, 4, t->resources, t->resource_count, err);
    if (rc == 0)
        rc = task_middle(b, t, framework_id, err);
    if (t->max_completion_s > 0)
        put_nanoseconds(b, 14, t->max_completion_s);
    put_limit(b, "cpus", t->cpus_limit_milli);
    put_limit(b, "mem", t->mem_limit_milli);
    return rc;
}

int sdk_put_task(struct sbuf *b, uint32_t number, const struct stoa_task *t, const char *agent_id,
                 struct str framework_id, struct error *err)
{
    struct sbuf parts = SBUF_INIT(SDK_CALL_BYTES_MAX);
    int rc;

    if (t->id == NULL)
        return error_set(err, ERR_INVALID, "a task has no id");
    rc = task_fields(&parts, t, agent_id, framework_id, err);
    if (rc == 0)
        rc = put_joined(b, number, "mesos.v1.TaskInfo", &parts, err);
    if (rc != 0)
        (void)error_wrap(err, "task %s", t->id);
    sbuf_done(&parts);
    return rc;
}

/* --- operations ------------------------------------------------------------------------------------------ */

static int want_resources(const struct stoa_operation *o, size_t min, size_t max, struct error *err)
{
    if (o->resource_count >= min && o->resource_count <= max)
        return 0;
    return error_set(err, ERR_INVALID, "an operation of this kind takes %zu resources, not %zu", min,
                     o->resource_count);
}

static int put_tasks(struct sbuf *b, const struct stoa_operation *o, const char *agent_id,
                     struct str framework_id, struct error *err)
{
    for (size_t i = 0; i < o->task_count; i++) {
        int rc = sdk_put_task(b, 1, &o->tasks[i], agent_id, framework_id, err);

        if (rc != 0)
            return rc;
    }
    return 0;
}

static int put_launch_group(struct sbuf *b, const struct stoa_operation *o, const char *agent_id,
                            struct str framework_id, struct error *err)
{
    size_t mark;
    int rc;

    if (o->executor == NULL)
        return error_set(err, ERR_INVALID, "a task group needs an executor");
    rc = sdk_put_executor(b, 1, o->executor, framework_id, err);
    if (rc != 0)
        return rc;
    mark = wire_open(b, 2);
    rc = put_tasks(b, o, agent_id, framework_id, err);
    wire_close(b, mark);
    return rc;
}

static int put_shrink(struct sbuf *b, const struct stoa_operation *o, struct error *err)
{
    int rc = want_resources(o, 1, 1, err);

    if (rc == 0)
        rc = sdk_put_resource(b, 1, &o->resources[0], err);
    put_scalar(b, 2, o->subtract_milli);
    return rc;
}

static int put_grow(struct sbuf *b, const struct stoa_operation *o, struct error *err)
{
    int rc = want_resources(o, 2, 2, err);

    if (rc == 0)
        rc = sdk_put_resource(b, 1, &o->resources[0], err);
    return rc == 0 ? sdk_put_resource(b, 2, &o->resources[1], err) : rc;
}

static int put_create_disk(struct sbuf *b, const struct stoa_operation *o, struct error *err)
{
    int rc = want_resources(o, 1, 1, err);

    if (rc == 0)
        rc = sdk_put_resource(b, 1, &o->resources[0], err);
    if (o->target_type != STOA_DISK_MOUNT && o->target_type != STOA_DISK_BLOCK)
        return error_set(err, ERR_INVALID, "CREATE_DISK makes STOA_DISK_MOUNT or STOA_DISK_BLOCK");
    wire_put_u64(b, 2, o->target_type == STOA_DISK_MOUNT ? 2 : 3);
    put_c(b, 3, o->target_profile);
    return rc;
}

static int put_destroy_disk(struct sbuf *b, const struct stoa_operation *o, struct error *err)
{
    int rc = want_resources(o, 1, 1, err);

    return rc == 0 ? sdk_put_resource(b, 1, &o->resources[0], err) : rc;
}

/* Type and field number of each operation; they differ. */
static const struct {
    uint8_t type, field;
} numbers[] = {
    [STOA_OP_LAUNCH] = { 1, 2 },        [STOA_OP_LAUNCH_GROUP] = { 6, 7 },
    [STOA_OP_RESERVE] = { 2, 3 },       [STOA_OP_UNRESERVE] = { 3, 4 },
    [STOA_OP_CREATE] = { 4, 5 },        [STOA_OP_DESTROY] = { 5, 6 },
    [STOA_OP_GROW_VOLUME] = { 11, 13 }, [STOA_OP_SHRINK_VOLUME] = { 12, 14 },
    [STOA_OP_CREATE_DISK] = { 13, 15 }, [STOA_OP_DESTROY_DISK] = { 14, 16 },
};

static int put_body(struct sbuf *b, const struct stoa_operation *o, const char *agent_id,
                    struct str framework_id, struct error *err)
{
    switch (o->type) {
    case STOA_OP_LAUNCH:
        return put_tasks(b, o, agent_id, framework_id, err);
    case STOA_OP_LAUNCH_GROUP:
        return put_launch_group(b, o, agent_id, framework_id, err);
    case STOA_OP_RESERVE:
    case STOA_OP_UNRESERVE:
    case STOA_OP_CREATE:
    case STOA_OP_DESTROY:
        return put_resources(b, 1, o->resources, o->resource_count, err);
    case STOA_OP_GROW_VOLUME:
        return put_grow(b, o, err);
    case STOA_OP_SHRINK_VOLUME:
        return put_shrink(b, o, err);
    case STOA_OP_CREATE_DISK:
        return put_create_disk(b, o, err);
    case STOA_OP_DESTROY_DISK:
        return put_destroy_disk(b, o, err);
    case STOA_OP_RAW:
        break;
    }
    return error_set(err, ERR_INVALID, "operation type %d is not known", (int)o->type);
}

int sdk_put_operation(struct sbuf *b, uint32_t number, const struct stoa_operation *o, const char *agent_id,
                      struct str framework_id, struct error *err)
{
    size_t mark, body;
    int rc;

    if (o->type == STOA_OP_RAW)
        return sdk_put_raw(b, number, "mesos.v1.Offer.Operation", o->raw, err);
    if ((size_t)o->type >= sizeof numbers / sizeof numbers[0])
        return error_set(err, ERR_INVALID, "operation type %d is not known", (int)o->type);
    mark = wire_open(b, number);
    wire_put_u64(b, 1, numbers[o->type].type);
    body = wire_open(b, numbers[o->type].field);
    rc = put_body(b, o, agent_id, framework_id, err);
    wire_close(b, body);
    put_id(b, 12, o->id);
    wire_close(b, mark);
    return rc;
}

/* --- the framework --- */

static void put_capabilities(struct sbuf *b, unsigned capabilities)
{
    capabilities |= STOA_CAP_MULTI_ROLE | STOA_CAP_RESERVATION_REFINEMENT;
    for (unsigned type = 1; type < 32; type++) {
        if ((capabilities >> type & 1) != 0) {
            size_t mark = wire_open(b, 10);

            wire_put_u64(b, 1, type);
            wire_close(b, mark);
        }
    }
}

static int framework_fields(struct sbuf *b, const struct stoa_options *o, const char *user, struct error *err)
{
    int rc = 0;

    if (o->name == NULL)
        return error_set(err, ERR_INVALID, "the framework has no name");
    if (!(o->failover_timeout_s >= 0 && o->failover_timeout_s < 9.2e9))
        return error_set(err, ERR_INVALID, "failover_timeout_s is %g; use 0 to 9.2e9", o->failover_timeout_s);
    if (o->framework_json != NULL)
        rc = json_part_to_wire(&mesos__v1__framework_info__descriptor, str_of(o->framework_json), b, err);
    put_c(b, 1, o->user != NULL ? o->user : user);
    put_c(b, 2, o->name);
    wire_put_double(b, 4, o->failover_timeout_s);
    wire_put_u64(b, 5, o->checkpoint);
    put_c(b, 7, o->hostname);
    put_c(b, 8, o->principal);
    put_c(b, 9, o->webui_url);
    put_capabilities(b, o->capabilities);
    put_labels(b, 11, o->labels, o->label_count);
    for (size_t i = 0; i < o->role_count; i++)
        put_c(b, 12, o->roles[i]);
    if (o->role_count == 0 && wire_field_bytes(sbuf_view(b), 12).p == NULL)
        put_c(b, 12, "*");
    return rc;
}

/* A whole FrameworkInfo of the program's. */
static int given_framework(struct sbuf *b, struct str info, struct error *err)
{
    int rc = wire_check(&mesos__v1__framework_info__descriptor, info, err);

    if (rc == 0 && (!wire_copy_without(b, info, 3) || !sbuf_ok(b)))
        rc = error_set(err, ERR_NOMEM, "out of memory");
    return rc == 0 ? 0 : error_wrap(err, "framework");
}

/* Capabilities given twice, in the options and in the JSON, become one; an id in the JSON is not ours to
 * send. */
int sdk_framework_info(struct sbuf *b, const struct stoa_options *o, const char *user, struct error *err)
{
    if (o->framework_info.p != NULL)
        return given_framework(b, str_mem(o->framework_info.p, o->framework_info.n), err);

    struct sbuf parts = SBUF_INIT(SDK_CALL_BYTES_MAX), joined = SBUF_INIT(SDK_CALL_BYTES_MAX);
    struct str whole;
    int rc = framework_fields(&parts, o, user, err);

    if (rc == 0)
        rc = put_joined(&joined, 1, "mesos.v1.FrameworkInfo", &parts, err);
    whole = wire_field_bytes(sbuf_view(&joined), 1);
    if (rc == 0 && (!wire_copy_without(b, whole, 3) || !sbuf_ok(b)))
        rc = error_set(err, ERR_NOMEM, "out of memory");
    sbuf_done(&parts);
    sbuf_done(&joined);
    return rc == 0 ? 0 : error_wrap(err, "framework");
}
