/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/task.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/model/operation.h"
#include "common/model/status.h"

struct executor_info *executor_info_new(void)
{
    struct executor_info *e = xcalloc(1, sizeof *e);

    e->refs = 1;
    e->type = EXECUTOR_UNSET;
    e->shutdown_grace_ns = -1;
    return e;
}

void executor_info_unref(struct executor_info *e)
{
    if (e == NULL)
        return;
    ASSERT(e->refs > 0);
    if (--e->refs > 0)
        return;
    resources_done(&e->resources);
    blob_unref(e->raw);
    free(e);
}

bool executor_info_eq(const struct executor_info *a, const struct executor_info *b)
{
    return a == b || a->raw == b->raw || str_eq(blob_str(a->raw), blob_str(b->raw));
}

struct task_info *task_info_new(void)
{
    struct task_info *t = xcalloc(1, sizeof *t);

    t->refs = 1;
    t->kill_grace_ns = -1;
    t->max_completion_ns = -1;
    return t;
}

void task_info_unref(struct task_info *t)
{
    if (t == NULL)
        return;
    ASSERT(t->refs > 0);
    if (--t->refs > 0)
        return;
    executor_info_unref(t->executor);
    resources_done(&t->resources);
    quantities_done(&t->limits);
    blob_unref(t->raw);
    free(t->invalid);
    free(t);
}

struct task_status *task_status_new(void)
{
    struct task_status *s = xcalloc(1, sizeof *s);

    s->refs = 1;
    s->source = -1;
    s->reason = REASON_NONE;
    return s;
}

void task_status_unref(struct task_status *s)
{
    if (s == NULL)
        return;
    ASSERT(s->refs > 0);
    if (--s->refs > 0)
        return;
    blob_unref(s->raw);
    free(s);
}

void operation_done(struct operation *op)
{
    operation_id_done(&op->id);
    for (size_t i = 0; i < op->task_count; i++)
        task_info_unref(op->tasks[i]);
    free(op->tasks);
    executor_info_unref(op->executor);
    resources_done(&op->resources);
    conversion_done(&op->conversion);
    free(op->invalid);
    blob_unref(op->raw);
    *op = (struct operation){ .type = OPERATION_TYPE_UNKNOWN };
}

const char *operation_type_name(enum operation_type t)
{
    switch (t) {
    case OPERATION_TYPE_UNKNOWN:
        return "UNKNOWN";
    case OPERATION_LAUNCH:
        return "LAUNCH";
    case OPERATION_RESERVE:
        return "RESERVE";
    case OPERATION_UNRESERVE:
        return "UNRESERVE";
    case OPERATION_CREATE:
        return "CREATE";
    case OPERATION_DESTROY:
        return "DESTROY";
    case OPERATION_LAUNCH_GROUP:
        return "LAUNCH_GROUP";
    case OPERATION_GROW_VOLUME:
        return "GROW_VOLUME";
    case OPERATION_SHRINK_VOLUME:
        return "SHRINK_VOLUME";
    case OPERATION_CREATE_DISK:
        return "CREATE_DISK";
    case OPERATION_DESTROY_DISK:
        return "DESTROY_DISK";
    }
    return "UNKNOWN";
}
