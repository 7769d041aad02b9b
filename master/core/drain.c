/* SPDX-License-Identifier: Apache-2.0 */
/* Draining agents, and marking them gone for ever: by an operator, or once drained. */
#include "master/core/internal.h"

void mark_gone(struct master *m, struct str id, struct request_ref r, bool drained)
{
    struct agent *a = agent_find(m, id);
    struct lost_agent *l = lost_find(m, id);

    if (l != NULL && l->kind == LOST_GONE) {
        act_answer(m, r, 200, "%s", "");
        return;
    }
    if (a == NULL && l == NULL) {
        act_answer(m, r, 404, "Agent '%.*s' not found", STR_ARG(id));
        return;
    }
    if ((a != NULL && a->change != AGENT_CHANGE_NONE) || (l != NULL && (l->change != AGENT_CHANGE_NONE || l->readmitting))) {
        act_answer(m, r, 503, "Agent '%.*s' is currently being marked unreachable, removed or gone", STR_ARG(id));
        return;
    }
    struct pending *p = pending_add(m, PENDING_GONE);
    struct registry_record recs[3] = {
        { .kind = RECORD_AGENT, .deleted = true, .id = id },
        { .kind = RECORD_UNREACHABLE, .deleted = true, .id = id },
        { .kind = RECORD_GONE, .id = id, .time = m->wall },
    };
    p->agent_id = text_copy(id);
    p->request = r;
    p->time = m->wall;
    p->flag = drained;
    if (a != NULL)
        a->change = AGENT_CHANGE_GONE;
    if (l != NULL)
        l->change = AGENT_CHANGE_GONE;
    pending_store(m, p, recs, 3);
}

void agent_send_drain(struct master *m, struct agent *a)
{
    struct master_action *s = act_send(m, MSG_DRAIN, str_of(a->pid));

    s->send.agent = a;
    s->send.drain = a->drain;
}

void agent_check_drained(struct master *m, struct agent *a)
{
    if (a->drain.state != DRAINING || a->change != AGENT_CHANGE_NONE || a->slots != NULL || a->operations != NULL)
        return;
    if (a->link != AGENT_CONNECTED)
        return; /* it has not been told, or may hold what we do not know */
    a->drain.state = DRAINED;
    act_note(m, NOTE_INFO, "agent_drained", "agent=%.*s", STR_ARG(agent_id_str(a)));
    if (a->drain.mark_gone) {
        mark_gone(m, agent_id_str(a), (struct request_ref){ 0 }, true);
        return;
    }
    struct pending *p = pending_add(m, PENDING_NONE);
    struct registry_record rec = record_agent(a);
    pending_store(m, p, &rec, 1);
}
