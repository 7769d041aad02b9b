/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and executors: the hot path of a launch. The unpacked message is brought into the form that is stored (new
 * reservations, allocation role, executor's framework), indexed, checked and packed once; ids are views into that. */
#include "common/wire/convert_task.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/wire/guard.h"
#include "common/wire/validate.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { ARENA_BUDGET = 256 << 20, PACKED_MAX = 1 << 30 };

extern char mesos__v1__resource__role__default_value[];

struct blob *convert_pack(const ProtobufCMessage *m)
{
    struct blob *b = blob_room(protobuf_c_message_get_packed_size(m));

    ASSERT(protobuf_c_message_pack(m, (uint8_t *)b->p) == b->n);
    return b;
}

int convert_old_fields_check(Mesos__V1__Resource *const *v, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i]->role != NULL && v[i]->role != mesos__v1__resource__role__default_value)
            return error_set(err, ERR_INVALID,
                             "'Resource.role' must not be set by a RESERVATION_REFINEMENT capable framework: '%s' of '%s'",
                             v[i]->role, v[i]->name);
        if (v[i]->reservation != NULL)
            return error_set(err, ERR_INVALID,
                             "'Resource.reservation' must not be set by a RESERVATION_REFINEMENT capable framework: '%s'",
                             v[i]->name);
    }
    return 0;
}

/* Checks, upgrades in place, converts. */
int convert_resources_of(Mesos__V1__Resource **v, size_t n, const struct task_context *ctx, struct arena *arena,
                         struct resources *ret, struct error *err)
{
    int rc = ctx->refinement && !ctx->is_trusted ? convert_old_fields_check(v, n, err) : 0;

    if (rc == 0)
        rc = convert_resources(v, n, ret, err); /* reads both forms, and so checks that they agree */
    if (rc == 0 && ctx->role != NULL)
        resources_allocate_missing(ret, ctx->role);
    if (rc == 0) {
        rc = convert_resources_upgrade(v, n, ctx->role, arena, err);
        if (rc != 0)
            resources_done(ret);
    }
    return rc;
}

static int64_t duration_ns(const Mesos__V1__DurationInfo *d)
{
    return d != NULL ? d->nanoseconds : -1;
}

/* --- executors --- */

static int framework_fill(Mesos__V1__ExecutorInfo *e, const struct task_context *ctx, struct arena *arena,
                          struct error *err)
{
    if (ctx->framework.s.n == 0)
        return 0;
    if (e->framework_id == NULL) {
        if (ctx->is_group)
            return 0; /* there it is an error: validate_executor */
        Mesos__V1__FrameworkID *id = arena_alloc(arena, sizeof *id);
        struct str text = arena_str(arena, ctx->framework.s);
        if (id == NULL || text.p == NULL)
            return error_set(err, ERR_NOMEM, "executor '%s': out of memory", e->executor_id->value);
        mesos__v1__framework_id__init(id);
        id->value = (char *)(uintptr_t)text.p;
        e->framework_id = id;
        return 0;
    }
    if (!ctx->is_trusted && !str_is(ctx->framework.s, e->framework_id->value))
        return error_set(err, ERR_INVALID, "ExecutorInfo has an invalid FrameworkID (Actual: %s vs Expected: %.*s)",
                         e->framework_id->value, STR_ARG(ctx->framework.s));
    return 0;
}

static void executor_views(struct executor_info *x)
{
    struct str rest = blob_str(x->raw);
    struct wire_field f;

    while (wire_field_next(&rest, &f) > 0) {
        if (f.number == 1)
            x->id.s = wire_field_bytes(f.bytes, 1);
        else if (f.number == 8)
            x->framework.s = wire_field_bytes(f.bytes, 1);
        else if (f.number == 9)
            x->name = f.bytes;
        else if (f.number == 10)
            x->source = f.bytes;
    }
}

int convert_executor(Mesos__V1__ExecutorInfo *e, const struct task_context *ctx, struct arena *arena,
                     struct executor_info **ret, struct error *err)
{
    struct executor_info *x = executor_info_new();
    int rc = framework_fill(e, ctx, arena, err);

    if (rc == 0)
        rc = convert_resources_of(e->resources, e->n_resources, ctx, arena, &x->resources, err);
    if (rc != 0) {
        executor_info_unref(x);
        return rc;
    }
    x->type = e->has_type ? (enum executor_type)e->type : EXECUTOR_UNSET;
    x->shutdown_grace_ns = duration_ns(e->shutdown_grace_period);
    x->has_command = e->command != NULL;
    x->has_container = e->container != NULL;
    x->raw = convert_pack(&e->base);
    executor_views(x);
    *ret = x;
    return 0;
}

int convert_executor_bytes(struct str bytes, struct executor_info **ret, struct error *err)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(ARENA_BUDGET);
    static const struct task_context ctx = { .is_trusted = true };
    Mesos__V1__ExecutorInfo *e;
    int rc = WIRE_UNPACK(mesos__v1__executor_info, bytes, &arena, &e, err);

    return rc == 0 ? convert_executor(e, &ctx, &arena, ret, err) : rc;
}

/* --- tasks --- */

static void limit_in(struct quantities *q, const char *key, const Mesos__V1__Value__Scalar *v)
{
    int64_t milli;

    if (v == NULL)
        return;
    if (isinf(v->value) && v->value > 0)
        milli = LIMIT_INFINITE;
    else if (!milli_of_double(v->value, &milli))
        return; /* validation has said so */

    struct name *name = name_of(str_of(key));
    quantities_set(q, name, milli);
    name_unref(name);
}

/* Old clients name no type when there is only one body. */
static void health_check_type(Mesos__V1__HealthCheck *h)
{
    if (h->has_type || (h->command != NULL) == (h->http != NULL))
        return;
    h->has_type = true;
    h->type = h->command != NULL ? MESOS__V1__HEALTH_CHECK__TYPE__COMMAND : MESOS__V1__HEALTH_CHECK__TYPE__HTTP;
}

static void task_views(struct task_info *x)
{
    struct str rest = blob_str(x->raw);
    struct wire_field f;

    while (wire_field_next(&rest, &f) > 0) {
        if (f.number > 3)
            break; /* fields were packed in the order of their numbers */
        if (f.number == 1)
            x->name = f.bytes;
        else if (f.number == 2)
            x->id.s = wire_field_bytes(f.bytes, 1);
        else
            x->agent.s = wire_field_bytes(f.bytes, 1);
    }
    if (x->executor != NULL)
        x->executor_id = x->executor->id;
}

static void task_index(const Mesos__V1__TaskInfo *t, struct task_info *x)
{
    const Mesos__V1__LinuxInfo *linux_info = t->container != NULL ? t->container->linux_info : NULL;

    x->has_command = t->command != NULL;
    x->has_container = t->container != NULL;
    x->has_health_check = t->health_check != NULL;
    x->has_check = t->check != NULL;
    x->has_share_cgroups = linux_info != NULL && linux_info->has_share_cgroups;
    x->share_cgroups = x->has_share_cgroups && linux_info->share_cgroups;
    x->kill_grace_ns = t->kill_policy != NULL ? duration_ns(t->kill_policy->grace_period) : -1;
    x->max_completion_ns = duration_ns(t->max_completion_time);
    for (size_t i = 0; i < t->n_limits; i++)
        limit_in(&x->limits, t->limits[i]->key, t->limits[i]->value);
}

struct task_info *convert_task_with(Mesos__V1__TaskInfo *t, const struct task_context *ctx,
                                    struct executor_info *executor, struct arena *arena)
{
    struct task_info *x = task_info_new();
    struct error err = { .code = ERR_OK };
    int rc;

    x->is_group_member = ctx->is_group;
    if (t->health_check != NULL)
        health_check_type(t->health_check);
    rc = id_check(str_of(t->task_id->value), &err); /* the first rule, also before the resources are read */
    if (rc == 0 || ctx->is_trusted) {
        rc = convert_resources_of(t->resources, t->n_resources, ctx, arena, &x->resources, &err);
        if (rc != 0)
            rc = error_wrap(&err, "Task uses invalid resources");
    }
    if (rc == 0 && executor != NULL)
        x->executor = executor_info_ref(executor);
    else if (rc == 0 && t->executor != NULL)
        rc = convert_executor(t->executor, ctx, arena, &x->executor, &err);
    if (rc == 0 && !ctx->is_trusted)
        rc = validate_task(t, &x->resources, x->executor != NULL ? &x->executor->resources : NULL, ctx->is_group, &err);
    if (rc != 0)
        x->invalid = xstrdup(err.msg);
    task_index(t, x);
    x->raw = convert_pack(&t->base);
    task_views(x);
    return x;
}

struct task_info *convert_task(Mesos__V1__TaskInfo *t, const struct task_context *ctx, struct arena *arena)
{
    return convert_task_with(t, ctx, NULL, arena);
}

struct task_info *convert_task_bytes(struct str bytes, const struct task_context *ctx, struct error *err)
{
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(ARENA_BUDGET);
    Mesos__V1__TaskInfo *t;

    if (WIRE_UNPACK(mesos__v1__task_info, bytes, &arena, &t, err) != 0)
        return NULL;
    return convert_task(t, ctx, &arena);
}

/* --- mesos.v1.Task --- */

enum task_field { /* numbers of mesos.v1.Task */
    TASK_NAME = 1,
    TASK_ID = 2,
    TASK_FRAMEWORK = 3,
    TASK_EXECUTOR = 4,
    TASK_AGENT = 5,
    TASK_FIELD_STATE = 6,
    TASK_RESOURCES = 7,
    TASK_STATUSES = 8,
    TASK_UPDATE_STATE = 9,
    TASK_UPDATE_UUID = 10,
    TASK_LABELS = 11,
    TASK_DISCOVERY = 12,
    TASK_CONTAINER = 13,
    TASK_USER = 14,
    TASK_HEALTH_CHECK = 15,
    TASK_KILL_POLICY = 16,
    TASK_LIMITS = 17
};

static void task_of_task_views(struct task_info *x)
{
    struct str raw = blob_str(x->raw);

    x->name = wire_field_bytes(raw, TASK_NAME);
    x->id.s = wire_path(raw, TASK_ID, 1, 0);
    x->agent.s = wire_path(raw, TASK_AGENT, 1, 0);
    x->executor_id.s = wire_path(raw, TASK_EXECUTOR, 1, 0);
}

int convert_task_of_task(const Mesos__V1__Task *t, struct task_info **ret, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf packed = SBUF_INIT(PACKED_MAX), kept = SBUF_INIT(PACKED_MAX);
    struct task_info *x = task_info_new();
    struct str rest;
    struct wire_field f;
    bool put = false;
    int rc = convert_resources(t->resources, t->n_resources, &x->resources, err);

    if (rc == 0 && !WIRE_PACK(&packed, t))
        rc = error_set(err, ERR_NOMEM, "task '%s': out of memory", t->task_id->value);
    if (rc != 0) {
        task_info_unref(x);
        return rc;
    }
    rest = sbuf_view(&packed);
    while (wire_field_next(&rest, &f) > 0) { /* what changes goes, resources are written in the form we keep */
        if (f.number > TASK_FIELD_STATE && !put) {
            wire_put_resources(&kept, TASK_RESOURCES, &x->resources, RESOURCE_POST, false);
            put = true;
        }
        if (f.number < TASK_FIELD_STATE || f.number > TASK_UPDATE_UUID)
            sbuf_str(&kept, f.raw);
    }
    if (!put)
        wire_put_resources(&kept, TASK_RESOURCES, &x->resources, RESOURCE_POST, false);
    x->raw = blob_new(sbuf_view(&kept));
    x->raw_is_task = true;
    x->has_container = t->container != NULL;
    x->has_health_check = t->health_check != NULL;
    x->kill_grace_ns = t->kill_policy != NULL ? duration_ns(t->kill_policy->grace_period) : -1;
    for (size_t i = 0; i < t->n_limits; i++)
        limit_in(&x->limits, t->limits[i]->key, t->limits[i]->value);
    task_of_task_views(x);
    *ret = x;
    return 0;
}

/* The fields of TaskInfo that a Task has as well, ascending by the number there. */
static const struct {
    uint32_t from, to;
} carried[] = { { 10, TASK_LABELS },      { 11, TASK_DISCOVERY },    { 9, TASK_CONTAINER }, { 0, TASK_USER },
                { 8, TASK_HEALTH_CHECK }, { 12, TASK_KILL_POLICY }, { 15, TASK_LIMITS } };

/* The user of a command task or of its executor's command. */
static struct str task_user(const struct task_view *v)
{
    struct str raw = blob_str(v->task->raw), user;

    if (v->user.n != 0)
        return v->user;
    user = wire_path(raw, 7, 5, 0);
    return user.n != 0 ? user : wire_path(raw, 5, 7, 5);
}

static void put_carried_task_info(struct sbuf *b, const struct task_view *v)
{
    for (size_t i = 0; i < sizeof carried / sizeof carried[0]; i++) {
        struct str rest = blob_str(v->task->raw);
        struct wire_field f;

        if (carried[i].to == TASK_USER) {
            struct str user = task_user(v);
            if (user.n != 0)
                wire_put_bytes(b, TASK_USER, user);
            continue;
        }
        while (wire_field_next(&rest, &f) > 0 && f.number <= carried[i].from)
            if (f.number == carried[i].from)
                wire_put_bytes(b, carried[i].to, f.bytes);
    }
}

static void put_carried_task(struct sbuf *b, const struct task_view *v)
{
    struct str rest = blob_str(v->task->raw);
    struct wire_field f;

    while (wire_field_next(&rest, &f) > 0)
        if (f.number > TASK_UPDATE_UUID)
            sbuf_str(b, f.raw);
}

static void put_task_fields(struct sbuf *b, const struct task_view *v)
{
    wire_put_bytes(b, TASK_NAME, v->task->name);
    wire_put_id(b, TASK_ID, v->task->id.s);
    wire_put_id(b, TASK_FRAMEWORK, v->framework.s);
    if (v->executor.s.n != 0)
        wire_put_id(b, TASK_EXECUTOR, v->executor.s);
    wire_put_id(b, TASK_AGENT, v->task->agent.s);
    wire_put_u64(b, TASK_FIELD_STATE, (uint64_t)v->state);
    wire_put_resources(b, TASK_RESOURCES, &v->task->resources, v->format, false);
    for (size_t i = 0; i < v->status_count; i++)
        wire_put_bytes(b, TASK_STATUSES, blob_str(v->statuses[i]->raw));
    if (v->has_status_update) {
        wire_put_u64(b, TASK_UPDATE_STATE, (uint64_t)v->status_update_state);
        wire_put_bytes(b, TASK_UPDATE_UUID, str_mem(v->status_update_uuid.b, sizeof v->status_update_uuid.b));
    }
    if (v->task->raw_is_task)
        put_carried_task(b, v);
    else
        put_carried_task_info(b, v);
}

void wire_put_task(struct sbuf *b, uint32_t number, const struct task_view *v)
{
    if (number == 0) {
        put_task_fields(b, v);
        return;
    }
    size_t mark = wire_open(b, number);
    put_task_fields(b, v);
    wire_close(b, mark);
}
