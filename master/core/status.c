/* SPDX-License-Identifier: Apache-2.0 */
/* Updates from agents to frameworks, and acknowledgements back. The agent owns the retries: an update that is not forwarded (no
 * framework connected) comes again. Sources: scheduler API section 11; wire protocol 15.5. */
#include "master/core/internal.h"

void send_update(struct master *m, struct framework *f, struct str status)
{
    if (!framework_is_connected(f))
        return;
    act_event(m, f, EVENT_UPDATE)->event.bytes = status;
}

static void forward_update(struct master *m, struct framework *f, const struct master_event *ev)
{
    struct str status = act_keep(m, blob_str(ev->status.status->raw));

    if (f->pid == NULL || !framework_is_connected(f)) {
        send_update(m, f, status);
        return;
    }
    struct master_action *a = act_event(m, f, EVENT_UPDATE);
    a->event.bytes = status;
    a->event.message = act_keep(m, ev->status.message);
}

static void update_task(struct master *m, struct task *t, const struct master_event *ev)
{
    const struct task_status *s = ev->status.status;
    enum task_state latest = ev->status.has_latest ? ev->status.latest : s->state;
    bool changed = latest != (enum task_state)t->state || s->reason == REASON_TASK_HEALTH_CHECK_STATUS_UPDATED ||
                   s->reason == REASON_TASK_CHECK_STATUS_UPDATED;
    bool ends = !task_state_is_terminal(t->state) && task_state_is_terminal(latest);
    /* the update of an end that an earlier one had announced as the latest state */
    bool told = (t->flags & TASK_FLAG_HAS_UPDATE) != 0 && task_state_is_terminal(t->update_state);
    bool tells = !ends && s->has_uuid && task_state_is_terminal(s->state) && !told;

    /* An agent sends the end when all before it is acknowledged. What comes behind it was sent long before, over a connection that has
     * broken since: taken for the newest, it would hide the end from its acknowledgement, and the task would stay for ever. */
    if (s->has_uuid && (!told || task_state_is_terminal(s->state))) {
        t->flags |= TASK_FLAG_HAS_UPDATE;
        t->update_state = (uint8_t)s->state;
        t->update_uuid = s->uuid;
    }
    if (ends)
        task_count_terminal(m, t->framework, latest, s->state == latest ? (int)s->source : -1, s->reason);
    else if (tells)
        task_count_reason(m, s->state, s->source, s->reason);
    if (!task_state_is_terminal(t->state)) /* terminal is final; what an agent repeats late changes nothing */
        task_set_state(m, t, latest);
    task_add_status(m, t, s->state, blob_str(s->raw));
    if (changed || tells)
        task_watch_updated(m, t, act_keep(m, blob_str(s->raw)));
}

/* A task runs there that is not in our books: an old launch was late (the agent had been stopped for a while, say) and came
 * after the report by which we let the agent return. What it holds must not be offered: the agent is asked to register
 * again, with all it has. An executor may also tell of a task that the agent does not have: its update comes again with each
 * registration, so what has been asked for just now is asked for again with the next ping only. */
static void ask_for_books(struct master *m, struct agent *a, const struct task_status *s)
{
    act_note(m, NOTE_WARN, "unknown_task", "agent=%.*s task=%.*s asking the agent to register again",
             STR_ARG(agent_id_str(a)), STR_ARG(s->task.s));
    agent_ask_for_books(m, a);
}

void on_status(struct master *m, const struct master_event *ev)
{
    const struct task_status *s = ev->status.status;
    struct agent *a = agent_find(m, s->agent.s);
    struct framework *f;

    m->metrics.msg_status_update++;
    if (a == NULL || a->change == AGENT_CHANGE_GONE) {
        m->metrics.invalid_status_updates++;
        return;
    }
    f = framework_find(m, ev->status.framework.s);
    if (f == NULL) {
        m->metrics.invalid_status_updates++;
        if (framework_find_completed(m, ev->status.framework.s) != NULL)
            act_send(m, MSG_SHUTDOWN_FRAMEWORK, str_of(a->pid))->send.framework_id =
                act_keep(m, ev->status.framework.s);
        return;
    }
    forward_update(m, f, ev);
    struct task *t = framework_task_find(f, s->task.s);
    if (t == NULL || t->slot == NULL || t->slot->agent != a) {
        m->metrics.invalid_status_updates++;
        if (t == NULL && s->has_uuid && !task_state_is_terminal(ev->status.has_latest ? ev->status.latest : s->state))
            ask_for_books(m, a, s);
        return;
    }
    m->metrics.valid_status_updates++;
    update_task(m, t, ev);
    if (!s->has_uuid && task_state_is_terminal(t->state)) /* nobody will acknowledge it */
        task_complete(m, t);
}

void call_acknowledge(struct master *m, struct framework *f, const struct call_request *c)
{
    struct agent *a = agent_find(m, c->agent.s);
    struct task *t = framework_task_find(f, c->task.s);
    bool ended = false;

    if (a == NULL || a->link != AGENT_CONNECTED) {
        m->metrics.invalid_acks++;
        return;
    }
    if (t != NULL && t->slot != NULL && t->slot->agent == a) {
        if ((t->flags & TASK_FLAG_HAS_UPDATE) == 0) {
            m->metrics.invalid_acks++;
            return;
        }
        ended = uuid_eq(&t->update_uuid, &c->uuid) && task_state_is_terminal(t->update_state);
        if (ended)
            task_complete(m, t);
    }
    m->metrics.valid_acks++;
    struct master_action *s = act_send(m, MSG_ACKNOWLEDGE, str_of(a->pid));
    s->send.agent = a;
    s->send.agent_id = agent_id_str(a);
    s->send.framework_id = f->id.s;
    s->send.task_id = act_keep(m, c->task.s);
    s->send.uuid = c->uuid;
    s->send.flag = ended;
}
