/* SPDX-License-Identifier: Apache-2.0 */
#include "master/wire/decode_report.h"

#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "master/core/state.h"

enum { SHAPES_KEPT = 4 };

struct reading {
    const struct master *m;
    struct agent_report *r;
    struct arena *scratch;
    struct error *err;
    struct {
        struct str raw; /* the resources of a task as they came, in one piece */
        const struct resources *resources;
    } shapes[SHAPES_KEPT];
    unsigned next_shape;
};

static bool uuid_of(struct str bytes, struct uuid *ret)
{
    if (bytes.n != sizeof ret->b)
        return false;
    memcpy(ret->b, bytes.p, sizeof ret->b);
    return true;
}

static int too_large(const struct reading *x)
{
    return error_set(x->err, ERR_NOMEM, "the registration is too large");
}

/* --- resources --- */

/* raw: the fields 7 of the task if they follow each other, else empty. */
static const struct resources *shape_find(const struct reading *x, struct str raw)
{
    for (unsigned i = 0; raw.n != 0 && i < SHAPES_KEPT; i++)
        if (str_eq(x->shapes[i].raw, raw))
            return x->shapes[i].resources;
    return NULL;
}

static int shape_add(struct reading *x, struct str task, struct str raw, const struct resources **ret)
{
    struct report_shape *s = arena_alloc(&x->r->arena, sizeof *s);

    if (s == NULL)
        return too_large(x);
    int rc = convert_resources_bytes(task, 7, &s->resources, x->err);
    if (rc != 0)
        return rc;
    s->next = x->r->shapes;
    x->r->shapes = s;
    x->shapes[x->next_shape].raw = raw;
    x->shapes[x->next_shape].resources = &s->resources;
    x->next_shape = (x->next_shape + 1) % SHAPES_KEPT;
    *ret = &s->resources;
    return 0;
}

/* --- tasks --- */

/* What is kept of a Task: fields 1, 2 and those above 10. */
static bool is_of_record(const struct wire_field *f)
{
    return f->number < 3 || f->number > 10;
}

struct sizes {
    size_t record, statuses;
    struct str resources;
    bool resources_apart;
};

static struct sizes sizes_of(struct str task)
{
    struct sizes n = { 0 };
    struct wire_field f;

    while (wire_field_next(&task, &f) == 1) {
        if (is_of_record(&f))
            n.record += f.raw.n;
        n.statuses += f.number == 8;
        if (f.number != 7)
            continue;
        if (n.resources.n == 0)
            n.resources = f.raw;
        else if (n.resources.p + n.resources.n == f.raw.p)
            n.resources.n += f.raw.n;
        else
            n.resources_apart = true;
    }
    if (n.resources_apart)
        n.resources = (struct str){ NULL, 0 };
    return n;
}

static void task_fields(struct str task, struct task_report *t, char *record)
{
    struct wire_field f;

    while (wire_field_next(&task, &f) == 1) {
        if (is_of_record(&f)) {
            memcpy(record, f.raw.p, f.raw.n);
            record += f.raw.n;
        }
        if (f.number == 2)
            t->id = task_id(wire_field_bytes(f.bytes, 1));
        else if (f.number == 3)
            t->framework = framework_id(wire_field_bytes(f.bytes, 1));
        else if (f.number == 4)
            t->executor = executor_id(wire_field_bytes(f.bytes, 1));
        else if (f.number == 6)
            t->state = (enum task_state)f.value;
        else if (f.number == 9 && task_state_is_valid((int)f.value)) {
            t->has_update_state = true;
            t->update_state = (enum task_state)f.value;
        } else if (f.number == 10)
            t->has_update_uuid = uuid_of(f.bytes, &t->update_uuid);
        if (f.number != 8)
            continue;
        t->statuses[t->status_count] = f.bytes;
        t->status_states[t->status_count++] = (enum task_state)wire_field_u64(f.bytes, 2, TASK_STAGING);
    }
}

static int task_in(struct reading *x, struct str task, struct task_report *t)
{
    struct arena *arena = &x->r->arena;
    struct sizes n = sizes_of(task);
    char *record = arena_alloc_raw(arena, n.record + 1);

    t->statuses = arena_array(arena, n.statuses + 1, sizeof *t->statuses);
    t->status_states = arena_array(arena, n.statuses + 1, sizeof *t->status_states);
    if (record == NULL || t->statuses == NULL || t->status_states == NULL)
        return too_large(x);
    t->record = str_mem(record, n.record);
    task_fields(task, t, record);
    if (t->id.s.n == 0 || t->id.s.n > ID_SIZE_MAX)
        return error_set(x->err, ERR_INVALID, "a task id has %zu bytes; 1 to %d are allowed", t->id.s.n, ID_SIZE_MAX);
    t->resources = shape_find(x, n.resources);
    return t->resources != NULL ? 0 : shape_add(x, task, n.resources, &t->resources);
}

static size_t count_of(struct str message, uint32_t number)
{
    struct wire_field f;
    size_t n = 0;

    while (wire_field_next(&message, &f) == 1)
        n += f.number == number;
    return n;
}

static int tasks_in(struct reading *x, struct str message, struct task_report **ret, size_t *ret_count)
{
    size_t n = 0;
    struct wire_field f;

    *ret = arena_array(&x->r->arena, count_of(message, 3) + 1, sizeof **ret);
    if (*ret == NULL)
        return too_large(x);
    while (wire_field_next(&message, &f) == 1) {
        if (f.number != 3)
            continue;
        int rc = task_in(x, f.bytes, &(*ret)[n]);
        if (rc != 0)
            return rc;
        *ret_count = ++n;
    }
    return 0;
}

/* --- frameworks --- */

static int framework_unpack(struct reading *x, struct str bytes, struct framework_info **ret)
{
    Mesos__V1__FrameworkInfo *msg;
    int rc = WIRE_UNPACK(mesos__v1__framework_info, bytes, x->scratch, &msg, x->err);

    return rc != 0 ? rc : convert_framework_info(msg, ret, x->err);
}

/* One that is known already only has to be named. */
static int framework_in(struct reading *x, struct str bytes, struct framework_info **ret)
{
    struct str id = wire_path(bytes, 3, 1, 0);
    struct framework *f = framework_find(x->m, id);

    if (f == NULL)
        f = framework_find_completed(x->m, id);
    if (f == NULL)
        return framework_unpack(x, bytes, ret);
    *ret = framework_info_ref(f->info);
    return 0;
}

static int completed_in(struct reading *x, struct str bytes)
{
    struct completed_report *c = &x->r->completed[x->r->completed_count];
    struct str info = wire_field_bytes(bytes, 1), id = wire_path(info, 3, 1, 0);

    if (framework_find(x->m, id) != NULL || framework_find_completed(x->m, id) != NULL)
        return 0; /* what it did is known */
    if (framework_unpack(x, info, &c->info) != 0)
        return 0; /* an agent of another version may know more: the rest counts */
    x->r->completed_count++;
    return tasks_in(x, bytes, &c->tasks, &c->task_count);
}

static int executor_in(struct reading *x, struct str bytes)
{
    struct task_context ctx = { .is_trusted = true };
    Mesos__V1__ExecutorInfo *msg;
    struct executor_info *e;
    int rc = WIRE_UNPACK(mesos__v1__executor_info, bytes, x->scratch, &msg, x->err);

    if (rc != 0)
        return rc;
    if (convert_executor(msg, &ctx, x->scratch, &e, x->err) == 0)
        x->r->executors[x->r->executor_count++] = e;
    return 0;
}

static int others_in(struct reading *x, struct str message, char *rest, size_t *ret_rest)
{
    struct wire_field f;
    int rc = 0;

    while (rc == 0 && wire_field_next(&message, &f) == 1) {
        if (f.number == 4) {
            rc = executor_in(x, f.bytes);
        } else if (f.number == 5) {
            rc = completed_in(x, f.bytes);
        } else if (f.number == 8) {
            if (framework_in(x, f.bytes, &x->r->frameworks[x->r->framework_count]) == 0)
                x->r->framework_count++;
        } else if (f.number != 3) {
            memcpy(rest + *ret_rest, f.raw.p, f.raw.n);
            *ret_rest += f.raw.n;
        }
    }
    return rc;
}

static size_t rest_size(struct str message)
{
    struct wire_field f;
    size_t n = 0;

    while (wire_field_next(&message, &f) == 1)
        n += f.number == 3 || f.number == 4 || f.number == 5 || f.number == 8 ? 0 : f.raw.n;
    return n;
}

int decode_report(const struct master *m, struct str message, struct agent_report *r, struct arena *scratch, struct str *ret_rest,
                  struct error *err)
{
    struct reading x = { .m = m, .r = r, .scratch = scratch, .err = err };
    char *rest = arena_alloc_raw(scratch, rest_size(message) + 1);
    size_t n = 0;

    message = arena_str(&r->arena, message);
    r->frameworks = arena_array(&r->arena, count_of(message, 8) + 1, sizeof *r->frameworks);
    r->executors = arena_array(&r->arena, count_of(message, 4) + 1, sizeof *r->executors);
    r->completed = arena_array(&r->arena, count_of(message, 5) + 1, sizeof *r->completed);
    if (rest == NULL || message.p == NULL || r->frameworks == NULL || r->executors == NULL || r->completed == NULL)
        return too_large(&x);
    int rc = tasks_in(&x, message, &r->tasks, &r->task_count);
    if (rc == 0)
        rc = others_in(&x, message, rest, &n);
    *ret_rest = str_mem(rest, n);
    return rc;
}
