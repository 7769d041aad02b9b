/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a framework that has subscribed: whether it may call, and to whom the call goes. Sources: scheduler API, sections 4 to 6. */
#include "master/core/internal.h"

static bool call_admitted(struct master *m, struct request_ref r, const struct framework *f, const struct call_request *c)
{
    if (f != NULL && f->pid != NULL)
        act_answer(m, r, 403, "Framework is not connected via HTTP");
    else if (f == NULL)
        act_answer(m, r, 400, "Framework cannot be found");
    else if (c->principal.n != 0 && !str_eq(str_of(f->info->principal), c->principal))
        act_answer(m, r, 400, "Authenticated principal '%.*s' does not match principal '%s' set in `FrameworkInfo`",
                   STR_ARG(c->principal), f->info->principal != NULL ? f->info->principal : "");
    else if (!framework_is_connected(f))
        act_answer(m, r, 403, "Framework is not subscribed");
    else if (!c->has_stream_id)
        act_answer(m, r, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    else if (!str_is(c->stream_id, f->stream_id))
        act_answer(m, r, 400, "The stream ID '%.*s' included in this request didn't match the stream ID currently "
                              "associated with framework ID %.*s",
                   STR_ARG(c->stream_id), STR_ARG(f->id.s));
    else
        return true;
    return false;
}

/* Nobody waits for an answer: what is refused is dropped. */
static bool driver_call_admitted(struct master *m, const struct master_event *ev, const struct framework *f)
{
    enum call_type t = ev->call->type;

    if (f != NULL && framework_is_connected(f) && f->pid != NULL && str_is(ev->pid, f->pid) &&
        t != CALL_ACKNOWLEDGE_OPERATION_STATUS && t != CALL_RECONCILE_OPERATIONS)
        return true;
    m->metrics.dropped_messages++;
    act_note(m, NOTE_WARN, "call_dropped", "call=%d framework=%.*s pid=%.*s reason=\"%s\"", (int)t,
             STR_ARG(ev->call->framework.s), STR_ARG(ev->pid),
             f == NULL ? "no such framework" : "not a call of this driver");
    return false;
}

static void call_message(struct master *m, struct framework *f, const struct call_request *c)
{
    struct agent *a = agent_find(m, c->agent.s);

    if (a == NULL || a->link != AGENT_CONNECTED) {
        m->metrics.invalid_f2e++;
        return;
    }
    m->metrics.valid_f2e++;
    struct master_action *s = act_send(m, MSG_FRAMEWORK_MESSAGE, str_of(a->pid));
    s->send.agent_id = agent_id_str(a);
    s->send.framework_id = f->id.s;
    s->send.executor_id = act_keep(m, c->executor.s);
    s->send.bytes = act_keep(m, c->data);
}

static void call_shutdown(struct master *m, struct framework *f, const struct call_request *c)
{
    struct agent *a = agent_find(m, c->agent.s);

    if (a == NULL || a->link != AGENT_CONNECTED)
        return;
    struct master_action *s = act_send(m, MSG_SHUTDOWN_EXECUTOR, str_of(a->pid));
    s->send.framework_id = f->id.s;
    s->send.executor_id = act_keep(m, c->executor.s);
}

/* An invalid or unsubscribed role drops the whole call. */
static bool roles_subscribed(const struct framework *f, const struct call_request *c)
{
    for (size_t i = 0; i < c->role_count; i++)
        if (!framework_info_has_role(f->info, name_str(c->roles[i])))
            return false;
    return true;
}

void on_call(struct master *m, const struct master_event *ev)
{
    const struct call_request *c = ev->call;
    struct framework *f = framework_find(m, c->framework.s);

    if (ev->pid.n != 0 ? !driver_call_admitted(m, ev, f) : !call_admitted(m, ev->request, f, c))
        return;
    m->metrics.call[c->type]++;
    f->n.calls++;
    f->n.call[c->type]++;
    if (c->type == CALL_UPDATE_FRAMEWORK) {
        call_update_framework(m, ev->request, f, c);
        return;
    }
    if (c->type == CALL_UNKNOWN || c->type == CALL_SUBSCRIBE || c->type == CALL_TYPE_COUNT) {
        act_answer(m, ev->request, 501, "501 Not Implemented.");
        return;
    }
    act_answer(m, ev->request, 202, "%s", "");
    switch (c->type) {
    case CALL_TEARDOWN:
        framework_remove(m, f);
        break;
    case CALL_ACCEPT:
        call_accept(m, f, c);
        break;
    case CALL_DECLINE:
        call_decline(m, f, c);
        break;
    case CALL_REVIVE:
        if (roles_subscribed(f, c))
            allocator_revive(m->allocator, f->ref, c->roles, c->role_count);
        break;
    case CALL_SUPPRESS:
        if (roles_subscribed(f, c))
            allocator_suppress(m->allocator, f->ref, c->roles, c->role_count);
        break;
    case CALL_KILL:
        call_kill(m, f, c);
        break;
    case CALL_SHUTDOWN:
        call_shutdown(m, f, c);
        break;
    case CALL_ACKNOWLEDGE:
        call_acknowledge(m, f, c);
        break;
    case CALL_RECONCILE:
        call_reconcile(m, f, c);
        break;
    case CALL_MESSAGE:
        call_message(m, f, c);
        break;
    case CALL_ACCEPT_INVERSE_OFFERS:
        call_inverse(m, f, c, true);
        break;
    case CALL_DECLINE_INVERSE_OFFERS:
        call_inverse(m, f, c, false);
        break;
    case CALL_ACKNOWLEDGE_OPERATION_STATUS:
        call_acknowledge_operation(m, f, c);
        break;
    case CALL_RECONCILE_OPERATIONS:
        call_reconcile_operations(m, f, c);
        break;
    case CALL_REQUEST: /* the allocator ignores requests, as the original's does */
    case CALL_UNKNOWN:
    case CALL_SUBSCRIBE:
    case CALL_UPDATE_FRAMEWORK:
    case CALL_TYPE_COUNT:
        break;
    }
}
