/* SPDX-License-Identifier: Apache-2.0 */
/* ACCEPT: the operations of a framework run one after another against what the accepted offers held and is not used yet (the
 * running remainder). What is left goes back with the call's filter, what an operation changed without one.
 *
 * Order of the checks and the texts: scheduler API section 8 and 17; clients show the texts. Master-made statuses carry
 * no uuid. */
#include <stdlib.h>

#include "master/core/internal.h"

struct accept {
    struct framework *f;
    struct agent *a;
    const struct call_request *call;
    struct resources original;  /* of all accepted offers */
    struct resources remainder;
    struct resources shared;    /* volumes of the offers, or made since: each task may have a copy */
};

static void task_refused(struct master *m, struct framework *f, const struct task_info *t, enum task_state state,
                         enum task_reason reason, struct str message)
{
    bool aware = framework_info_can(f->info, FRAMEWORK_CAP_PARTITION_AWARE);
    struct status_value v = {
        .task = t->id.s, .agent = t->agent.s, .state = task_state_for(state, aware), .source = SOURCE_MASTER,
        .reason = reason, .message = message, .timestamp = m->wall,
    };

    task_count_terminal(m, f, v.state, SOURCE_MASTER, (int)reason);
    send_update(m, f, status_make(m, &v));
}

static void refuse_all(struct master *m, struct framework *f, const struct operation *op, enum task_state state,
                       enum task_reason reason, struct str message)
{
    for (size_t i = 0; i < op->task_count; i++)
        task_refused(m, f, op->tasks[i], state, reason, message);
}

/* --- the offers --- */

/* Each rule over the whole list before the next one. Source: scheduler API, 17.2. */
static struct str offers_invalid(struct master *m, struct framework *f, const struct call_request *c)
{
    if (c->offer_count == 0)
        return STR("No offers specified");
    for (size_t i = 0; i < c->offer_count; i++)
        for (size_t j = 0; j < i; j++)
            if (offer_id_eq(c->offers[i], c->offers[j]))
                return act_keep_fmt(m, "Duplicate offer %.*s in offer list", STR_ARG(c->offers[i].s));
    for (size_t i = 0; i < c->offer_count; i++)
        if (offer_find(m, c->offers[i].s) == NULL)
            return act_keep_fmt(m, "Offer %.*s is no longer valid", STR_ARG(c->offers[i].s));
    for (size_t i = 0; i < c->offer_count; i++) {
        const struct offer *o = offer_find(m, c->offers[i].s);
        if (o->framework != f)
            return act_keep_fmt(m, "Offer %s has invalid framework %.*s while framework %.*s is expected", o->id,
                            STR_ARG(o->framework->id.s), STR_ARG(f->id.s));
    }
    const struct offer *first = offer_find(m, c->offers[0].s);
    for (size_t i = 1; i < c->offer_count; i++) {
        const struct offer *o = offer_find(m, c->offers[i].s);
        if (o->role != first->role)
            return act_keep_fmt(m, "Aggregated offers must be allocated to the same role. Offer %s uses role '%s' but "
                               "another is using role '%s'",
                            o->id, o->role->text, first->role->text);
    }
    for (size_t i = 1; i < c->offer_count; i++) {
        const struct offer *o = offer_find(m, c->offers[i].s);
        if (o->agent != first->agent)
            return act_keep_fmt(m, "Aggregated offers must belong to one single agent. Offer %s uses agent %.*s and agent "
                               "%.*s",
                            o->id, STR_ARG(agent_id_str(o->agent)), STR_ARG(agent_id_str(first->agent)));
    }
    return (struct str){ NULL, 0 };
}

static void accept_invalid(struct master *m, struct framework *f, const struct call_request *c, struct str why)
{
    for (size_t i = 0; i < c->offer_count; i++) {
        struct offer *o = offer_find(m, c->offers[i].s);
        if (o == NULL || o->framework != f)
            continue;
        allocator_recover(m->allocator, m->now, f->ref, o->agent->ref, &o->resources, ALLOC_OFFERED, 0);
        offer_remove(m, o);
    }
    for (size_t i = 0; i < c->op_count; i++) {
        const struct operation *op = &c->ops[i];
        if (op->type == OPERATION_LAUNCH || op->type == OPERATION_LAUNCH_GROUP)
            refuse_all(m, f, op, TASK_DROPPED, REASON_INVALID_OFFERS,
                       act_keep_fmt(m, "Task launched with invalid offers: %.*s", STR_ARG(why)));
        else
            operation_report_error(m, f, op, act_keep_fmt(m, "Operation attempted with invalid offers: %.*s", STR_ARG(why)));
    }
}

static void accept_take_offers(struct master *m, struct accept *x)
{
    for (size_t i = 0; i < x->call->offer_count; i++) {
        struct offer *o = offer_find(m, x->call->offers[i].s);
        ASSERT(o != NULL);
        x->a = o->agent;
        if (x->original.n == 0) { /* the usual case is one offer: move instead of adding up */
            x->original = o->resources;
            o->resources = RESOURCES_INIT;
        } else {
            resources_add_all(&x->original, &o->resources);
        }
        x->f->n.offers_accepted++;
        offer_remove(m, o);
    }
    x->remainder = resources_copy(&x->original);
    x->shared = resources_shared(&x->original);
}

/* Whether what is left holds need. Of a shared volume it holds as many copies as are asked for: further ones are offered now. */
static bool remainder_holds(struct master *m, struct accept *x, const struct resources *need)
{
    if (resources_contains(&x->remainder, need))
        return true;
    for (uint32_t i = 0; i < need->n && x->shared.n != 0; i++) {
        struct resource more = need->v[i]; /* borrowed */
        struct resources one = { &more, 1, 1 };
        if (!more.shared)
            continue;
        for (uint32_t j = 0; j < x->remainder.n; j++)
            if (resource_same_kind(&x->remainder.v[j], &more))
                more.copies = more.copies > x->remainder.v[j].copies ? more.copies - x->remainder.v[j].copies : 0;
        uint32_t missing = more.copies;
        more.copies = 1;
        if (missing == 0 || !resources_contains_one(&x->shared, &more))
            continue;
        more.copies = missing;
        allocator_copies_add(m->allocator, x->f->ref, x->a->ref, &one);
        resources_add(&x->remainder, &more);
    }
    return resources_contains(&x->remainder, need);
}

/* --- launches --- */

static struct str executor_refused(struct master *m, const struct accept *x, const struct executor_info *e,
                                   const struct executor *running)
{
    if (!framework_id_eq(e->framework, x->f->id))
        return act_keep_fmt(m, "ExecutorInfo has an invalid FrameworkID (Actual: %.*s vs Expected: %.*s)",
                        STR_ARG(e->framework.s), STR_ARG(x->f->id.s));
    if (running != NULL && !executor_info_eq(running->info, e))
        return act_keep_fmt(m, "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID '%.*s'",
                        STR_ARG(e->id.s));
    return (struct str){ NULL, 0 };
}

/* Agents take messages of 16 MiB, in which the task's executor and framework travel too. A longer one would be lost with the
 * connection, and tried again. */
enum { LAUNCH_BYTES_MAX = 8 << 20 };

static struct str task_stateful(struct master *m, const struct accept *x, const struct task_info *t)
{
    if (framework_task_find(x->f, t->id.s) != NULL || framework_task_unreachable(x->f, t->id.s) != NULL)
        return act_keep_fmt(m, "Task has duplicate ID: %.*s", STR_ARG(t->id.s));
    if (!str_eq(t->agent.s, agent_id_str(x->a)))
        return act_keep_fmt(m, "Task uses invalid agent %.*s while agent %.*s is expected", STR_ARG(t->agent.s),
                        STR_ARG(agent_id_str(x->a)));
    if (t->limits.n != 0 && !agent_info_can(x->a->info, AGENT_CAP_TASK_RESOURCE_LIMITS))
        return act_keep_fmt(m, "Agent %.*s does not support task resource limits", STR_ARG(agent_id_str(x->a)));
    if (t->raw != NULL && t->raw->n > LAUNCH_BYTES_MAX)
        return act_keep_fmt(m, "Task is %u bytes long; agents take %d at a time", (unsigned)t->raw->n, LAUNCH_BYTES_MAX);
    return (struct str){ NULL, 0 };
}

static struct str not_contained(struct master *m, const struct resources *need, const struct resources *have)
{
    struct str needed = act_keep_resources(m, need);

    return act_keep_fmt(m, "Total resources %.*s required by task and its executor is more than available %.*s",
                    STR_ARG(needed), STR_ARG(act_keep_resources(m, have)));
}

/* Starts tracking the executor; its resources become allocated. */
static void executor_launch(struct master *m, const struct accept *x, struct slot *s, struct executor_info *info)
{
    struct executor *e = xcalloc(1, sizeof *e);

    e->info = executor_info_ref(info);
    e->slot = s;
    DL_APPEND(s->executors, e);
    resources_add_all(&s->used, &info->resources);
    allocator_launch(m->allocator, x->f->ref, x->a->ref, &info->resources);
}

static void task_launch(struct master *m, const struct accept *x, const struct task_info *info, struct slot *s)
{
    sbuf_clear(&m->scratch);
    m->codec->task_record(&m->scratch, info);
    struct task *t = task_new(m, x->f, s, info->id.s, info->executor != NULL ? info->executor->id.s : (struct str){ NULL, 0 },
                              agent_id_str(x->a), &info->resources, sbuf_view(&m->scratch));
    task_hold(m, t);
    allocator_launch(m->allocator, x->f->ref, x->a->ref, &info->resources);
    if (m->watched) {
        struct master_action *w = act(m, MASTER_ACT_WATCH);
        w->watch.kind = WATCH_TASK_ADDED;
        w->watch.task = t;
        w->watch.framework = x->f;
    }
}

static struct master_action *act_run(struct master *m, const struct accept *x, enum agent_message kind,
                                     struct task_info *const *tasks, size_t count, bool launch_executor)
{
    struct task_info **v = arena_array(&m->arena, count, sizeof *v);
    struct master_action *s = act_send(m, kind, str_of(x->a->pid));

    ASSERT(v != NULL);
    memcpy(v, tasks, count * sizeof *v);
    s->send.tasks = v;
    s->send.task_count = count;
    s->send.agent = x->a;
    s->send.framework = x->f;
    s->send.flag = launch_executor;
    return s;
}

static void accept_task(struct master *m, struct accept *x, struct task_info *const *task)
{
    const struct task_info *t = *task;
    struct slot *s = agent_slot_find(x->f, x->a);
    const struct executor *running = t->executor != NULL ? executor_find(s, t->executor->id.s) : NULL;
    bool new_executor = t->executor != NULL && running == NULL;
    struct str denied = task_denied(m, x->f, t, NULL);

    if (denied.p != NULL) {
        task_refused(m, x->f, t, TASK_ERROR, REASON_TASK_UNAUTHORIZED, denied);
        return;
    }
    struct str why = t->invalid != NULL ? act_keep(m, str_of(t->invalid)) : task_stateful(m, x, t);

    if (why.p == NULL && t->executor != NULL)
        why = executor_refused(m, x, t->executor, running);
    if (why.p == NULL && !new_executor) {
        if (!remainder_holds(m, x, &t->resources))
            why = not_contained(m, &t->resources, &x->remainder);
        else
            resources_sub_all(&x->remainder, &t->resources);
    } else if (why.p == NULL) {
        CLEANUP(resources_done_p) struct resources need = resources_copy(&t->resources);
        resources_add_all(&need, &t->executor->resources);
        if (!remainder_holds(m, x, &need))
            why = not_contained(m, &need, &x->remainder);
        else
            resources_sub_all(&x->remainder, &need);
    }
    if (why.p != NULL) {
        task_refused(m, x->f, t, TASK_ERROR, REASON_TASK_INVALID, why);
        return;
    }
    s = agent_slot_get(m, x->f, x->a);
    if (new_executor)
        executor_launch(m, x, s, t->executor);
    task_launch(m, x, t, s);
    act_run(m, x, MSG_RUN_TASK, task, 1, t->executor == NULL || new_executor);
}

static struct str group_refused(struct master *m, struct accept *x, const struct operation *op,
                                const struct executor *running, struct resources *ret_need)
{
    if (op->invalid != NULL)
        return act_keep(m, str_of(op->invalid));
    if (op->executor == NULL)
        return STR("'LaunchGroup.executor' must be set");
    size_t bytes = 0;

    for (size_t i = 0; i < op->task_count; i++) {
        const struct task_info *t = op->tasks[i];
        bytes += t->raw != NULL ? t->raw->n : 0;
        if (bytes > LAUNCH_BYTES_MAX)
            return act_keep_fmt(m, "The tasks are more than %d bytes long together", LAUNCH_BYTES_MAX);
        struct str why = t->invalid != NULL ? act_keep(m, str_of(t->invalid)) : task_stateful(m, x, t);
        for (size_t j = 0; j < i && why.p == NULL; j++)
            if (task_id_eq(t->id, op->tasks[j]->id))
                why = act_keep_fmt(m, "Task has duplicate ID: %.*s", STR_ARG(t->id.s));
        if (why.p != NULL)
            return act_keep_fmt(m, "Task '%.*s' is invalid: %.*s", STR_ARG(t->id.s), STR_ARG(why));
    }
    struct str why = executor_refused(m, x, op->executor, running);
    if (why.p != NULL)
        return why;
    for (size_t i = 0; i < op->task_count; i++)
        resources_add_all(ret_need, &op->tasks[i]->resources);
    if (running == NULL)
        resources_add_all(ret_need, &op->executor->resources);
    if (!remainder_holds(m, x, ret_need)) {
        struct str need = act_keep_resources(m, ret_need);
        return act_keep_fmt(m, "Total resources %.*s required by task group and its executor are more than available %.*s",
                        STR_ARG(need), STR_ARG(act_keep_resources(m, &x->remainder)));
    }
    return (struct str){ NULL, 0 };
}

static void accept_group(struct master *m, struct accept *x, const struct operation *op)
{
    CLEANUP(resources_done_p) struct resources need = RESOURCES_INIT;
    const struct executor *running =
        op->executor != NULL ? executor_find(agent_slot_find(x->f, x->a), op->executor->id.s) : NULL;
    bool new_executor = running == NULL;

    for (size_t i = 0; i < op->task_count; i++) {
        struct str denied = task_denied(m, x->f, op->tasks[i], op->executor);
        if (denied.p != NULL) {
            refuse_all(m, x->f, op, TASK_ERROR, REASON_TASK_GROUP_UNAUTHORIZED, denied);
            return;
        }
    }
    struct str why = group_refused(m, x, op, running, &need);

    if (why.p != NULL) {
        refuse_all(m, x->f, op, TASK_ERROR, REASON_TASK_GROUP_INVALID, why);
        return;
    }
    if (op->task_count == 0)
        return;
    resources_sub_all(&x->remainder, &need);
    struct slot *s = agent_slot_get(m, x->f, x->a);
    if (new_executor)
        executor_launch(m, x, s, op->executor);
    for (size_t i = 0; i < op->task_count; i++)
        task_launch(m, x, op->tasks[i], s);
    struct master_action *r = act_run(m, x, MSG_RUN_TASK_GROUP, op->tasks, op->task_count, new_executor);
    r->send.executor = op->executor;
}

/* --- the other operations --- */

static void accept_operation(struct master *m, struct accept *x, const struct operation *op)
{
    struct error err;
    struct str why = operation_refused(m, x->a, x->f, op, str_of(x->f->info->principal));

    if (why.p == NULL && !operation_allowed(m, op, str_of(x->f->info->principal)))
        why = act_keep_fmt(m, "Not authorized to perform %s", operation_type_name(op->type));
    if (why.p == NULL && !resources_contains(&x->remainder, &op->conversion.consumed)) {
        struct str have = act_keep_resources(m, &x->remainder);
        why = act_keep_fmt(m, "%.*s does not contain %.*s", STR_ARG(have),
                       STR_ARG(act_keep_resources(m, &op->conversion.consumed)));
    }
    if (why.p == NULL)
        operation_rescind_destroyed(m, x->a, op);
    if (why.p == NULL &&
        allocator_update_allocation(m->allocator, x->f->ref, x->a->ref, &op->conversion, &err) != 0)
        why = act_keep(m, str_of(err.msg));
    if (why.p != NULL) {
        operation_report_error(m, x->f, op, why);
        return;
    }
    resources_sub_all(&x->remainder, &op->conversion.consumed);
    if (resources_have_shared(&op->conversion.produced) || resources_have_shared(&op->conversion.consumed)) {
        CLEANUP(resources_done_p) struct resources made = resources_shared(&op->conversion.produced);
        resources_add_all(&x->shared, &made);
        resources_sub_all(&x->shared, &op->conversion.consumed);
    }
    if (op->type == OPERATION_GROW_VOLUME || op->type == OPERATION_SHRINK_VOLUME) /* not usable in the same call */
        allocator_recover(m->allocator, m->now, x->f->ref, x->a->ref, &op->conversion.produced, ALLOC_OFFERED, 0);
    else
        resources_add_all(&x->remainder, &op->conversion.produced);
    operation_send(m, x->a, x->f, op);
}

/* Entries that an operation made go back without a filter: the framework has not seen them in an offer yet. */
static void accept_return_rest(struct master *m, struct accept *x)
{
    CLEANUP(resources_done_p) struct resources declined = RESOURCES_INIT;
    CLEANUP(resources_done_p) struct resources changed = RESOURCES_INIT;

    for (size_t i = 0; i < x->remainder.n; i++) {
        const struct resource *r = &x->remainder.v[i];
        resources_add(resources_contains_one(&x->original, r) ? &declined : &changed, r);
    }
    if (declined.n != 0)
        allocator_recover(m->allocator, m->now, x->f->ref, x->a->ref, &declined, ALLOC_OFFERED,
                          refuse_effective(m, x->call->refuse_ns));
    if (changed.n != 0)
        allocator_recover(m->allocator, m->now, x->f->ref, x->a->ref, &changed, ALLOC_OFFERED, 0);
}

void call_accept(struct master *m, struct framework *f, const struct call_request *c)
{
    struct accept x = { .f = f, .call = c };
    struct str why = offers_invalid(m, f, c);

    for (size_t i = 0; i < c->op_count; i++) {
        f->n.operations++;
        if ((unsigned)c->ops[i].type < 16)
            f->n.operation[c->ops[i].type]++;
    }
    if (why.p != NULL) {
        accept_invalid(m, f, c, why);
        return;
    }
    accept_take_offers(m, &x);
    for (size_t i = 0; i < c->op_count; i++) {
        const struct operation *op = &c->ops[i];
        switch (op->type) {
        case OPERATION_LAUNCH:
            if (operation_id_is_set(op->id))
                refuse_all(m, f, op, TASK_ERROR, REASON_TASK_INVALID, STR("'id' must not be set for LAUNCH operations"));
            else
                for (size_t j = 0; j < op->task_count; j++)
                    accept_task(m, &x, &op->tasks[j]);
            break;
        case OPERATION_LAUNCH_GROUP:
            if (operation_id_is_set(op->id))
                refuse_all(m, f, op, TASK_ERROR, REASON_TASK_GROUP_INVALID,
                           STR("'id' must not be set for LAUNCH_GROUP operations"));
            else
                accept_group(m, &x, op);
            break;
        case OPERATION_RESERVE:
        case OPERATION_UNRESERVE:
        case OPERATION_CREATE:
        case OPERATION_DESTROY:
        case OPERATION_GROW_VOLUME:
        case OPERATION_SHRINK_VOLUME:
            if (f->pid != NULL && operation_id_is_set(op->id))
                driver_refuse(m, str_of(f->pid), STR("Operation ids are for frameworks that use the HTTP API"));
            else
                accept_operation(m, &x, op);
            break;
        case OPERATION_CREATE_DISK:
        case OPERATION_DESTROY_DISK:
            operation_report_error(m, f, op, op->invalid != NULL ? act_keep(m, str_of(op->invalid)) : STR("Agent has no resource provider for this disk"));
            break;
        case OPERATION_TYPE_UNKNOWN:
            break;
        }
    }
    accept_return_rest(m, &x);
    resources_done(&x.original);
    resources_done(&x.remainder);
    resources_done(&x.shared);
}
