/* SPDX-License-Identifier: Apache-2.0 */
/* RECONCILE, and KILL, whose unknown tasks are answered the same way. No answer is better than a wrong one: while an agent of
 * the registry has not come back after a failover, nothing is said of its tasks. Source: scheduler API, sections 12 and 13. */
#include "master/core/internal.h"

static void answer(struct master *m, struct framework *f, struct status_value *v)
{
    v->source = SOURCE_MASTER;
    v->reason = REASON_RECONCILIATION;
    v->timestamp = m->wall;
    send_update(m, f, status_make(m, v));
}

static void reconcile_known(struct master *m, struct framework *f, const struct task *t)
{
    struct status_value v = {
        .task = task_id_str(t),
        .agent = name_str(t->agent_id),
        .executor = name_str(t->executor_id),
        .state = (t->flags & TASK_FLAG_HAS_UPDATE) != 0 ? t->update_state : t->state,
        .message = STR("Reconciliation: Latest task state"),
        .carry = task_last_status(t),
    };
    answer(m, f, &v);
}

void reconcile_one(struct master *m, struct framework *f, struct str task, struct agent_id agent)
{
    const struct task *t = framework_task_find(f, task);
    bool aware = framework_info_can(f->info, FRAMEWORK_CAP_PARTITION_AWARE);
    const struct lost_agent *l = agent_id_is_set(agent) ? lost_find(m, agent.s) : NULL;
    struct status_value v = { .task = task, .agent = agent.s, .state = TASK_UNKNOWN };

    if (t != NULL) {
        reconcile_known(m, f, t);
        return;
    }
    if (l != NULL ? l->kind == LOST_RECOVERED || l->readmitting : !agent_id_is_set(agent) && m->recovered_count > 0)
        return;
    v.message = STR("Reconciliation: Task is unknown");
    if (agent_id_is_set(agent) && agent_find(m, agent.s) != NULL) {
        v.state = TASK_GONE;
        v.message = STR("Reconciliation: Task is unknown to the agent");
    } else if (l != NULL && l->kind == LOST_UNREACHABLE) {
        v.state = TASK_UNREACHABLE;
        v.message = STR("Reconciliation: Task is unreachable");
        v.unreachable_time = l->time;
    } else if (l != NULL && l->kind == LOST_GONE) {
        v.state = TASK_GONE_BY_OPERATOR;
        v.message = STR("Reconciliation: Task is gone");
    }
    v.state = task_state_for(v.state, aware);
    answer(m, f, &v);
}

void call_reconcile(struct master *m, struct framework *f, const struct call_request *c)
{
    if (c->item_count == 0) {
        for (struct task *t = framework_tasks(f), *next; t != NULL; t = next) {
            next = task_next(t);
            reconcile_known(m, f, t);
        }
        return;
    }
    for (size_t i = 0; i < c->item_count; i++)
        reconcile_one(m, f, c->items[i].id, c->items[i].agent);
}

void call_kill(struct master *m, struct framework *f, const struct call_request *c)
{
    struct task *t = framework_task_find(f, c->task.s);

    if (t == NULL) {
        reconcile_one(m, f, c->task.s, c->agent);
        return;
    }
    if (agent_id_is_set(c->agent) && !str_eq(c->agent.s, name_str(t->agent_id)))
        return;
    ASSERT(t->slot != NULL);
    struct agent *a = t->slot->agent;
    t->flags |= TASK_FLAG_KILL_WANTED; /* sent again when the agent re-registers */
    if (a->link != AGENT_CONNECTED)
        return;
    struct master_action *s = act_send(m, MSG_KILL_TASK, str_of(a->pid));
    s->send.framework_id = f->id.s;
    s->send.task_id = task_id_str(t);
    s->send.bytes = c->kill_policy.p != NULL ? act_keep(m, c->kill_policy) : (struct str){ NULL, 0 };
}

/* --- operations --- */

static void operation_answer(struct master *m, struct framework *f, struct str id, struct str agent,
                             enum operation_state state, const char *text)
{
    struct operation_status_spec v = { .operation = id, .agent = agent, .state = state, .message = str_of(text) };

    sbuf_clear(&m->scratch);
    m->codec->operation_status(&m->scratch, &v);
    send_operation_status(m, f, act_keep(m, sbuf_view(&m->scratch)));
}

static const struct agent_operation *operation_of_framework(const struct master *m, const struct framework *f,
                                                            struct str id)
{
    for (const struct agent_operation *o = m->operations; o != NULL; o = o->hh.next)
        if (o->id != NULL && o->framework_id != NULL && str_is(id, o->id) && str_is(f->id.s, o->framework_id))
            return o;
    return NULL;
}

static void operation_known(struct master *m, struct framework *f, const struct agent_operation *o)
{
    struct operation_status_spec v = { .operation = str_of(o->id), .agent = agent_id_str(o->agent),
                                       .state = OPERATION_PENDING, .carry = o->latest };

    sbuf_clear(&m->scratch);
    m->codec->operation_status(&m->scratch, &v);
    send_operation_status(m, f, act_keep(m, sbuf_view(&m->scratch)));
}

void call_reconcile_operations(struct master *m, struct framework *f, const struct call_request *c)
{
    if (c->item_count == 0) {
        for (const struct agent_operation *o = m->operations; o != NULL; o = o->hh.next)
            if (o->id != NULL && o->framework_id != NULL && str_is(f->id.s, o->framework_id))
                operation_known(m, f, o);
        return;
    }
    for (size_t i = 0; i < c->item_count; i++) {
        const struct reconcile_item *it = &c->items[i];
        const struct agent_operation *o = operation_of_framework(m, f, it->id);
        const struct lost_agent *l = agent_id_is_set(it->agent) ? lost_find(m, it->agent.s) : NULL;
        if (o != NULL)
            operation_known(m, f, o);
        else if (l != NULL && l->kind == LOST_RECOVERED)
            operation_answer(m, f, it->id, it->agent.s, OPERATION_RECOVERING, "Reconciliation: Agent is recovering");
        else if (l != NULL && l->kind == LOST_UNREACHABLE)
            operation_answer(m, f, it->id, it->agent.s, OPERATION_UNREACHABLE, "Reconciliation: Agent is unreachable");
        else if (l != NULL && l->kind == LOST_GONE)
            operation_answer(m, f, it->id, it->agent.s, OPERATION_GONE_BY_OPERATOR, "Reconciliation: Agent is gone");
        else
            operation_answer(m, f, it->id, it->agent.s, OPERATION_UNKNOWN, "Reconciliation: Operation is unknown");
    }
}
