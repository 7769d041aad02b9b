/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of an ACCEPT. What is wrong with one is kept in it: its neighbours go on. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/wire/convert_task.h"
#include "common/wire/guard.h"
#include "common/wire/validate.h"

struct scan { /* one conversion under way */
    const struct task_context *ctx;
    struct arena *arena;
    struct operation *op;
    struct error err;
};

static void refuse_tasks(struct operation *op, const char *why)
{
    for (size_t i = 0; i < op->task_count; i++)
        if (op->tasks[i]->invalid == NULL)
            op->tasks[i]->invalid = xstrdup(why);
}

static void launch(struct scan *s, const Mesos__V1__Offer__Operation__Launch *m)
{
    s->op->tasks = xcalloc(m->n_task_infos + 1, sizeof(struct task_info *));
    s->op->task_count = m->n_task_infos;
    for (size_t i = 0; i < m->n_task_infos; i++)
        s->op->tasks[i] = convert_task(m->task_infos[i], s->ctx, s->arena);
}

/* Whether a task names another executor than its group: compared in the stored form. */
static bool same_executor(struct scan *s, Mesos__V1__ExecutorInfo *e)
{
    struct executor_info *x;
    bool same;

    if (convert_executor(e, s->ctx, s->arena, &x, NULL) != 0)
        return false;
    same = executor_info_eq(x, s->op->executor);
    executor_info_unref(x);
    return same;
}

static int launch_group(struct scan *s, Mesos__V1__Offer__Operation__LaunchGroup *m)
{
    struct operation *op = s->op;
    const Mesos__V1__TaskGroupInfo *g = m->task_group;
    bool same = true;
    int rc = convert_executor(m->executor, s->ctx, s->arena, &op->executor, &s->err);

    if (rc == 0)
        rc = validate_executor(m->executor, &op->executor->resources, true, &s->err);
    op->tasks = xcalloc(g->n_tasks + 1, sizeof(struct task_info *));
    op->task_count = g->n_tasks;
    for (size_t i = 0; i < g->n_tasks; i++) {
        if (g->tasks[i]->executor == NULL)
            g->tasks[i]->executor = m->executor;
        else if (op->executor != NULL && !same_executor(s, g->tasks[i]->executor))
            same = false;
        op->tasks[i] = convert_task_with(g->tasks[i], s->ctx, op->executor, s->arena);
    }
    if (rc != 0)
        return rc;
    if (!same)
        return error_set(&s->err, ERR_INVALID, "The `ExecutorInfo` of task's is different from executor `%s`",
                         m->executor->executor_id->value);
    if (g->n_tasks == 0)
        return error_set(&s->err, ERR_INVALID, "Task group cannot be empty");
    for (size_t i = 0; i < g->n_tasks; i++) {
        if (op->tasks[i]->invalid != NULL)
            return error_set(&s->err, ERR_INVALID, "Task '%s' is invalid: %s", g->tasks[i]->task_id->value,
                             op->tasks[i]->invalid);
        bool a = op->tasks[i]->has_share_cgroups && !op->tasks[i]->share_cgroups;
        bool b = op->tasks[0]->has_share_cgroups && !op->tasks[0]->share_cgroups;
        if (a != b)
            return error_set(&s->err, ERR_INVALID, "'share_cgroups' must be equal for all tasks of a group");
    }
    return 0;
}

static int resources_op(struct scan *s, Mesos__V1__Resource **v, size_t n)
{
    int rc = convert_resources_of(v, n, s->ctx, s->arena, &s->op->resources, &s->err);

    return rc != 0 ? rc : operation_check_resources(s->op->type, &s->op->resources, &s->err);
}

static int missing(struct scan *s, const char *field)
{
    return error_set(&s->err, ERR_INVALID, "Expecting '%s' to be present", field);
}

static int reserve(struct scan *s, Mesos__V1__Offer__Operation__Reserve *m)
{
    CLEANUP(resources_done_p) struct resources source = RESOURCES_INIT;

    if (m->n_source > 0 && s->ctx->role != NULL)
        return error_set(&s->err, ERR_INVALID,
                         "'source' of a RESERVE is not implemented for schedulers; unreserve first, or ask the operator");
    int rc = convert_resources_of(m->source, m->n_source, s->ctx, s->arena, &source, &s->err);
    if (rc == 0)
        rc = resources_op(s, m->resources, m->n_resources);
    return rc != 0 ? rc : conversion_reserve(&source, &s->op->resources, &s->op->conversion, &s->err);
}

static int grow(struct scan *s, Mesos__V1__Offer__Operation__GrowVolume *m)
{
    struct resources volume = RESOURCES_INIT, addition = RESOURCES_INIT;
    int rc = convert_resources_of(&m->volume, 1, s->ctx, s->arena, &volume, &s->err);

    if (rc == 0)
        rc = convert_resources_of(&m->addition, 1, s->ctx, s->arena, &addition, &s->err);
    if (rc == 0 && (volume.n == 0 || addition.n == 0))
        rc = error_set(&s->err, ERR_INVALID, "The size of volume and addition must be more than 0");
    resources_add_all(&s->op->resources, &volume);
    resources_add_all(&s->op->resources, &addition);
    if (rc == 0)
        rc = operation_check_resources(s->op->type, &s->op->resources, &s->err);
    if (rc == 0)
        rc = conversion_grow(&volume.v[0], &addition.v[0], &s->op->conversion, &s->err);
    resources_done(&volume);
    resources_done(&addition);
    return rc;
}

static int shrink(struct scan *s, Mesos__V1__Offer__Operation__ShrinkVolume *m)
{
    int64_t milli = 0;
    int rc = resources_op(s, &m->volume, 1);

    if (rc == 0 && !milli_of_double(m->subtract->value, &milli))
        rc = error_set(&s->err, ERR_INVALID, "'subtract' (%g) is not a valid amount", m->subtract->value);
    return rc != 0 ? rc : conversion_shrink(&s->op->resources.v[0], milli, &s->op->conversion, &s->err);
}

static int create_disk(struct scan *s, Mesos__V1__Offer__Operation__CreateDisk *m)
{
    int rc = resources_op(s, &m->source, 1);

    if (rc != 0)
        return rc;
    if (m->target_type != MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__MOUNT &&
        m->target_type != MESOS__V1__RESOURCE__DISK_INFO__SOURCE__TYPE__BLOCK)
        return error_set(&s->err, ERR_INVALID, "'target_type' is neither MOUNT nor BLOCK");
    if ((s->op->resources.v[0].disk->profile != NULL) == (m->target_profile != NULL))
        return error_set(&s->err, ERR_INVALID, "Exactly one of the profile of 'source' and 'target_profile' must be set");
    return 0;
}

static int by_type(struct scan *s, Mesos__V1__Offer__Operation *m)
{
    struct conversion *c = &s->op->conversion;
    int rc;

    switch (s->op->type) {
    case OPERATION_TYPE_UNKNOWN:
        return 0;
    case OPERATION_LAUNCH:
        if (m->launch == NULL)
            return missing(s, "launch");
        launch(s, m->launch);
        return 0;
    case OPERATION_LAUNCH_GROUP:
        return m->launch_group != NULL ? launch_group(s, m->launch_group) : missing(s, "launch_group");
    case OPERATION_RESERVE:
        return m->reserve != NULL ? reserve(s, m->reserve) : missing(s, "reserve");
    case OPERATION_UNRESERVE:
        if (m->unreserve == NULL)
            return missing(s, "unreserve");
        rc = resources_op(s, m->unreserve->resources, m->unreserve->n_resources);
        return rc != 0 ? rc : conversion_unreserve(&s->op->resources, c, &s->err);
    case OPERATION_CREATE:
        if (m->create == NULL)
            return missing(s, "create");
        rc = resources_op(s, m->create->volumes, m->create->n_volumes);
        return rc != 0 ? rc : conversion_create(&s->op->resources, c, &s->err);
    case OPERATION_DESTROY:
        if (m->destroy == NULL)
            return missing(s, "destroy");
        rc = resources_op(s, m->destroy->volumes, m->destroy->n_volumes);
        return rc != 0 ? rc : conversion_destroy(&s->op->resources, c, &s->err);
    case OPERATION_GROW_VOLUME:
        return m->grow_volume != NULL ? grow(s, m->grow_volume) : missing(s, "grow_volume");
    case OPERATION_SHRINK_VOLUME:
        return m->shrink_volume != NULL ? shrink(s, m->shrink_volume) : missing(s, "shrink_volume");
    case OPERATION_CREATE_DISK:
        return m->create_disk != NULL ? create_disk(s, m->create_disk) : missing(s, "create_disk");
    case OPERATION_DESTROY_DISK:
        return m->destroy_disk != NULL ? resources_op(s, &m->destroy_disk->source, 1) : missing(s, "destroy_disk");
    }
    return 0;
}

void convert_operation(Mesos__V1__Offer__Operation *m, const struct task_context *ctx, bool refinement,
                       struct arena *arena, struct operation *ret)
{
    struct task_context own = *ctx;
    struct scan s = { .ctx = &own, .arena = arena, .op = ret };

    *ret = (struct operation){ .type = m->has_type ? (enum operation_type)m->type : OPERATION_TYPE_UNKNOWN };
    own.refinement = refinement;
    own.is_group = ret->type == OPERATION_LAUNCH_GROUP;
    if (m->id != NULL)
        ret->id = operation_id_copy(operation_id(str_of(m->id->value)));

    int rc = by_type(&s, m);
    if (rc == 0 && ret->id.s.n != 0 && (ret->type == OPERATION_LAUNCH || ret->type == OPERATION_LAUNCH_GROUP))
        rc = error_set(&s.err, ERR_INVALID, "Operation '%s' has an 'id', which %s does not support", ret->id.s.p,
                       operation_type_name(ret->type));
    if (rc != 0) {
        ret->invalid = xstrdup(s.err.msg);
        refuse_tasks(ret, s.err.msg);
    }
    ret->raw = convert_pack(&m->base);
}
