/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks: subscription, failover, calls, the failover timeout, removal.
 *
 *   (agents report it)  RECOVERED ──subscribe──> ACTIVE ──stream ends──> DISCONNECTED ──timeout, teardown──> COMPLETED
 *                                      ^   └────────subscribe again (the old stream is told)──┘  │
 *                                      └────────────────────subscribe──────────────────────────┘
 *
 * Sources: scheduler API, sections 4, 5, 6. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/model/role.h"
#include "master/core/internal.h"

struct framework *framework_of_ref(const struct master *m, struct framework_ref r)
{
    struct framework *f = r.slot < m->by_ref_cap ? m->by_ref[r.slot] : NULL;

    return f != NULL && framework_ref_eq(f->ref, r) ? f : NULL;
}

static void framework_set_ref(struct master *m, struct framework *f, struct framework_ref r)
{
    if (r.slot >= m->by_ref_cap) {
        size_t cap = m->by_ref_cap != 0 ? m->by_ref_cap : 16;
        while (cap <= r.slot)
            cap *= 2;
        m->by_ref = xrealloc(m->by_ref, cap, sizeof *m->by_ref);
        memset(m->by_ref + m->by_ref_cap, 0, (cap - m->by_ref_cap) * sizeof *m->by_ref);
        m->by_ref_cap = cap;
    }
    m->by_ref[r.slot] = f;
    f->ref = r;
}

static struct framework *framework_make(struct framework_info *info)
{
    struct framework *f = xcalloc(1, sizeof *f);

    f->id = framework_id_copy(info->id);
    f->info = framework_info_ref(info);
    f->failover_at = MONO_NEVER;
    return f;
}

/* An agent calls a framework completed when nothing of it runs there: that ends nothing, so it makes room for the truth. */
static void hearsay_drop(struct master *m, struct str id)
{
    struct framework *f = NULL;

    HASH_FIND(hh, m->completed, id.p, id.n, f);
    if (f == NULL)
        return;
    ASSERT(f->hearsay);
    HASH_DELETE(hh, m->completed, f);
    DL_DELETE2(m->completed_list, f, c_prev, c_next);
    m->completed_count--;
    f->c_next = m->dead_frameworks;
    m->dead_frameworks = f;
}

static void framework_table_add(struct master *m, struct framework *f)
{
    hearsay_drop(m, f->id.s);
    HASH_ADD_KEYPTR(hh, m->frameworks, f->id.s.p, f->id.s.n, f);
}

struct framework *framework_add_recovered(struct master *m, struct framework_info *info)
{
    struct framework *f = framework_make(info);
    struct alloc_framework_spec spec = { .info = info };

    f->state = FRAMEWORK_RECOVERED;
    framework_table_add(m, f);
    framework_set_ref(m, f, allocator_framework_add(m->allocator, &spec, false));
    return f;
}

static void completed_push(struct master *m, struct framework *f)
{
    f->state = FRAMEWORK_COMPLETED;
    HASH_ADD_KEYPTR(hh, m->completed, f->id.s.p, f->id.s.n, f);
    DL_APPEND2(m->completed_list, f, c_prev, c_next);
    m->completed_count++;
    while (m->completed_count > m->config.completed_frameworks_max) {
        struct framework *old = m->completed_list;
        HASH_DELETE(hh, m->completed, old);
        DL_DELETE2(m->completed_list, old, c_prev, c_next);
        m->completed_count--;
        old->c_next = m->dead_frameworks;
        m->dead_frameworks = old;
    }
}

struct framework *framework_add_hearsay(struct master *m, struct framework_info *info)
{
    struct framework *f = NULL;

    HASH_FIND(hh, m->completed, info->id.s.p, info->id.s.n, f);
    if (f != NULL)
        return f;
    f = framework_make(info);
    f->hearsay = true;
    completed_push(m, f);
    return m->config.completed_frameworks_max != 0 ? f : NULL;
}

/* --- the stream --- */

static void stream_attach(struct master *m, struct framework *f, const struct master_event *ev, bool again)
{
    if (ev->pid.n != 0) {
        driver_attach(m, f, ev->pid, again);
        return;
    }
    struct uuid u = uuid_make(m->rng);
    struct stream_ref s = ev->subscribe.stream;
    f->stream = s;
    uuid_text(&u, f->stream_id);
    f->state = FRAMEWORK_ACTIVE;
    f->failover_at = MONO_NEVER;
    struct master_action *o = act(m, MASTER_ACT_STREAM_OPEN);
    o->event.stream = s;
    o->event.stream_id = str_of(f->stream_id);
    act_event(m, f, EVENT_SUBSCRIBED);
    act_event(m, f, EVENT_HEARTBEAT);
    f->heartbeat_at = mono_add(m->now, HEARTBEAT_SECONDS * NS_PER_S);
    DL_APPEND2(m->heartbeats, f, hb_prev, hb_next);
}

static void stream_detach(struct master *m, struct framework *f)
{
    ASSERT(f->state == FRAMEWORK_ACTIVE);
    if (f->pid == NULL)
        DL_DELETE2(m->heartbeats, f, hb_prev, hb_next);
    f->state = FRAMEWORK_DISCONNECTED;
    f->aborted = false;
    f->stream = (struct stream_ref){ 0 };
}

static void stream_refuse(struct master *m, struct stream_ref s, struct str why)
{
    struct uuid u = uuid_make(m->rng);
    char text[UUID_TEXT_SIZE];

    uuid_text(&u, text);
    struct master_action *a = act(m, MASTER_ACT_STREAM_OPEN);
    a->event.stream = s;
    a->event.stream_id = act_keep(m, str_of(text));
    a = act(m, MASTER_ACT_EVENT);
    a->event.stream = s;
    a->event.kind = EVENT_ERROR;
    a->event.bytes = act_keep(m, why);
    a = act(m, MASTER_ACT_STREAM_CLOSE);
    a->event.stream = s;
}

/* --- subscribe --- */

bool role_whitelisted(const struct master *m, struct str role)
{
    struct str rest = m->config.roles_whitelist, one;

    if (rest.n == 0 || role_is_star(role))
        return true;
    for (bool more = true; more;) {
        more = str_cut(&rest, ',', &one);
        if (str_eq(str_trim(one), role))
            return true;
    }
    return false;
}

static struct str subscribe_refused(struct master *m, const struct subscribe_request *q, const struct framework *known)
{
    const struct framework_info *i = q->info;

    if (q->invalid != NULL)
        return str_of(q->invalid);
    if (framework_find_completed(m, i->id.s) != NULL)
        return STR("Framework has been removed");
    if (!m->config.root_submissions && strcmp(i->user, "root") == 0)
        return STR("User 'root' is not allowed to run frameworks without --root_submissions set");
    for (size_t r = 0; r < i->role_count; r++)
        if (!role_whitelisted(m, name_str(i->roles[r])))
            return act_keep_fmt(m, "Role '%s' is not present in the master's --roles", i->roles[r]->text);
    if (i->failover_timeout_ns == INT64_MAX)
        return STR("The framework failover_timeout is invalid");
    if (known != NULL && known->state != FRAMEWORK_RECOVERED && !str_eq(str_of(known->info->principal), str_of(i->principal)))
        return STR("Changing framework's principal is not allowed.");
    return subscribe_denied(m, q);
}

static void framework_set_constraints(struct framework *f, struct offer_constraints *c)
{
    struct offer_constraints *old = f->constraints;

    f->constraints = offer_constraints_ref(c);
    offer_constraints_unref(old);
}

/* Offers allocated to roles that the framework no longer has are taken back. */
static void roles_left(struct master *m, struct framework *f, const struct framework_info *next)
{
    struct offer *o, *n;

    DL_FOREACH_SAFE2(f->offers, o, n, f_next) {
        if (!framework_info_has_role(next, name_str(o->role)))
            offer_rescind(m, o, RESCIND_TELL, 0);
    }
}

static void framework_apply(struct master *m, struct framework *f, const struct subscribe_request *q)
{
    struct alloc_framework_spec spec = { .info = q->info, .suppressed = q->suppressed,
                                         .suppressed_count = q->suppressed_count, .constraints = q->constraints };
    struct framework_info *old = f->info;

    roles_left(m, f, q->info);
    f->info = framework_info_ref(q->info);
    framework_info_unref(old);
    framework_set_constraints(f, q->constraints);
    allocator_framework_update(m->allocator, f->ref, &spec);
}

static void watch_framework(struct master *m, const struct framework *f, enum watch_event kind)
{
    if (!m->watched)
        return;
    struct master_action *w = act(m, MASTER_ACT_WATCH);
    w->watch.kind = kind;
    w->watch.framework = f;
}

static void tell_agents(struct master *m, struct framework *f)
{
    for (struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        if (a->link != AGENT_CONNECTED)
            continue;
        struct master_action *s = act_send(m, MSG_UPDATE_FRAMEWORK, str_of(a->pid));
        s->send.framework = f;
    }
}

static void subscribe_new(struct master *m, const struct master_event *ev)
{
    const struct subscribe_request *q = ev->subscribe.req;
    struct framework *f = framework_make(q->info);
    struct alloc_framework_spec spec = { .info = q->info, .suppressed = q->suppressed,
                                         .suppressed_count = q->suppressed_count, .constraints = q->constraints };
    char next[MASTER_ID_TEXT];

    master_next_framework_id(m, next);
    if (str_is(q->info->id.s, next))
        m->next_framework++;
    f->registered = f->reregistered = m->wall;
    framework_set_constraints(f, q->constraints);
    framework_table_add(m, f);
    framework_set_ref(m, f, allocator_framework_add(m->allocator, &spec, true));
    act_note(m, NOTE_INFO, "framework_added", "framework=%.*s name=\"%s\"", STR_ARG(f->id.s), q->info->name);
    stream_attach(m, f, ev, false);
    f->n.calls++;
    f->n.call[CALL_SUBSCRIBE]++;
    watch_framework(m, f, WATCH_FRAMEWORK_ADDED);
}

/* Who is connected now learns that it no longer is, unless it is the same driver that subscribes once more. */
static void connection_replaced(struct master *m, struct framework *f, bool same)
{
    struct stream_ref old = f->stream;

    if (!same)
        act_event(m, f, EVENT_ERROR)->event.bytes = STR("Framework failed over");
    if (f->pid == NULL)
        act(m, MASTER_ACT_STREAM_CLOSE)->event.stream = old;
    while (same && f->offers != NULL)
        offer_rescind(m, f->offers, RESCIND_TELL, 0);
    stream_detach(m, f);
    offers_rescind_framework(m, f);
}

static void subscribe_again(struct master *m, struct framework *f, const struct master_event *ev)
{
    const struct subscribe_request *q = ev->subscribe.req;
    enum framework_state before = f->state;
    bool inactive = !framework_is_active(f);
    bool same = ev->pid.n != 0 && f->pid != NULL && str_is(ev->pid, f->pid);

    if (before == FRAMEWORK_ACTIVE)
        connection_replaced(m, f, same);
    if (f->pid != NULL && !same)
        driver_detach(m, f);
    framework_apply(m, f, q);
    f->reregistered = m->wall;
    if (before == FRAMEWORK_RECOVERED)
        f->registered = m->wall;
    if (inactive)
        allocator_framework_activate(m->allocator, f->ref);
    act_note(m, NOTE_INFO, "framework_resubscribed", "framework=%.*s", STR_ARG(f->id.s));
    stream_attach(m, f, ev, same && !q->force);
    f->n.calls++;
    f->n.call[CALL_SUBSCRIBE]++;
    tell_agents(m, f);
    watch_framework(m, f, WATCH_FRAMEWORK_UPDATED);
}

void on_subscribe(struct master *m, const struct master_event *ev)
{
    const struct subscribe_request *q = ev->subscribe.req;
    struct framework *f = q->info != NULL ? framework_find(m, q->info->id.s) : NULL;
    struct str why = q->info == NULL ? str_of(q->invalid) : subscribe_refused(m, q, f);

    m->metrics.call[CALL_SUBSCRIBE]++;
    if (why.p != NULL) {
        act_note(m, NOTE_INFO, "subscription_refused", "reason=\"%.*s\"", STR_ARG(why));
        if (ev->pid.n != 0)
            driver_refuse(m, ev->pid, why);
        else
            stream_refuse(m, ev->subscribe.stream, why);
    } else if (ev->pid.n != 0 && driver_subscribe_answered(m, ev, f)) {
        return;
    } else if (f == NULL) {
        subscribe_new(m, ev);
    } else {
        m->metrics.resubscribes++;
        subscribe_again(m, f, ev);
    }
}

/* An old driver is told by an error. */
static void update_refused(struct master *m, struct request_ref r, struct framework *f, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void update_refused(struct master *m, struct request_ref r, struct framework *f, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap); /* a cut text is still a text */
    va_end(ap);
    if (f->pid != NULL)
        driver_refuse(m, str_of(f->pid), str_of(text));
    else
        act_answer(m, r, 400, "%s", text);
}

void call_update_framework(struct master *m, struct request_ref r, struct framework *f, const struct call_request *c)
{
    const struct subscribe_request *q = c->update;
    const struct framework_info *old = f->info;
    const char *field = NULL, *from = "", *to = "";

    if (q->invalid != NULL) {
        update_refused(m, r, f, "%s", q->invalid);
        return;
    }
    if (!str_eq(str_of(old->principal), str_of(q->info->principal))) {
        update_refused(m, r, f, "FrameworkInfo update is not valid: Changing framework's principal is not allowed.");
        return;
    }
    if (strcmp(old->user, q->info->user) != 0) {
        field = "user";
        from = old->user;
        to = q->info->user;
    } else if (old->checkpoint != q->info->checkpoint) {
        field = "checkpoint";
        from = old->checkpoint ? "true" : "false";
        to = q->info->checkpoint ? "true" : "false";
    }
    if (field != NULL) {
        update_refused(m, r, f, "FrameworkInfo update is not valid: Updating 'FrameworkInfo.%s' is unsupported; attempted to "
                              "update from '%s' to '%s'", field, from, to);
        return;
    }
    struct str why = subscribe_refused(m, q, f);
    if (why.p != NULL) {
        update_refused(m, r, f, "FrameworkInfo update is not valid: %.*s", STR_ARG(why));
        return;
    }
    bool changed = !str_eq(blob_str(old->raw), blob_str(q->info->raw));
    framework_apply(m, f, q);
    if (changed)
        tell_agents(m, f);
    watch_framework(m, f, WATCH_FRAMEWORK_UPDATED);
    act_answer(m, r, 200, "%s", "");
}

/* --- the end --- */

void framework_disconnect(struct master *m, struct framework *f)
{
    bool active = framework_is_active(f);

    stream_detach(m, f);
    offers_rescind_framework(m, f);
    if (active)
        allocator_framework_deactivate(m->allocator, f->ref);
    act_note(m, NOTE_INFO, "framework_disconnected", "framework=%.*s", STR_ARG(f->id.s));
    if (f->info->failover_timeout_ns <= 0)
        framework_remove(m, f);
    else {
        f->failover_at = mono_add(m->now, f->info->failover_timeout_ns);
        m->failover_next = mono_min(m->failover_next, f->failover_at);
    }
}

void on_stream_closed(struct master *m, struct stream_ref s)
{
    for (struct framework *f = m->heartbeats; f != NULL; f = f->hb_next)
        if (f->stream.n == s.n) {
            framework_disconnect(m, f);
            return;
        }
}

static void framework_kill_tasks(struct master *m, struct framework *f)
{
    struct task *t, *next;

    HASH_ITER(hh, f->tasks, t, next) {
        if (!task_state_is_terminal(t->state)) {
            struct status_value v = {
                .task = task_id_str(t), .agent = name_str(t->agent_id), .executor = name_str(t->executor_id),
                .state = TASK_KILLED, .source = SOURCE_MASTER, .reason = REASON_FRAMEWORK_REMOVED,
                .message = act_keep_fmt(m, "Framework %.*s removed", STR_ARG(f->id.s)), .timestamp = m->wall,
            };
            struct str s = status_make(m, &v);
            task_count_terminal(m, f, TASK_KILLED, SOURCE_MASTER, REASON_FRAMEWORK_REMOVED);
            task_set_state(m, t, TASK_KILLED);
            task_add_status(m, t, TASK_KILLED, s);
            task_watch_updated(m, t, s);
        }
        task_complete(m, t);
    }
}

void framework_remove(struct master *m, struct framework *f)
{
    for (struct agent *a = m->agents; a != NULL; a = a->hh.next)
        if (a->link == AGENT_CONNECTED)
            act_send(m, MSG_SHUTDOWN_FRAMEWORK, str_of(a->pid))->send.framework_id = f->id.s;
    if (f->state == FRAMEWORK_ACTIVE) {
        if (f->pid == NULL)
            act(m, MASTER_ACT_STREAM_CLOSE)->event.stream = f->stream;
        stream_detach(m, f);
    }
    if (f->pid != NULL)
        driver_detach(m, f);
    offers_rescind_framework(m, f);
    framework_kill_tasks(m, f);
    while (f->slots != NULL) { /* only executors are left */
        struct slot *s = f->slots;
        struct executor *e, *next;
        DL_FOREACH_SAFE(s->executors, e, next) {
            DL_DELETE(s->executors, e);
            executor_info_unref(e->info);
            free(e);
        }
        struct agent *a = s->agent;
        slot_drop_if_empty(s);
        agent_check_drained(m, a);
    }
    while (f->unreachable_ring.head != NULL) {
        struct task *t = f->unreachable_ring.head;
        task_from_unreachable(m, t);
    }
    m->by_ref[f->ref.slot] = NULL;
    allocator_framework_remove(m->allocator, f->ref);
    f->ref = (struct framework_ref){ 0, 0 };
    f->unregistered = m->wall;
    HASH_DELETE(hh, m->frameworks, f);
    act_note(m, NOTE_INFO, "framework_removed", "framework=%.*s", STR_ARG(f->id.s));
    watch_framework(m, f, WATCH_FRAMEWORK_REMOVED);
    completed_push(m, f);
}

void frameworks_tick(struct master *m)
{
    while (m->heartbeats != NULL && m->heartbeats->heartbeat_at.ns <= m->now.ns) {
        struct framework *f = m->heartbeats;
        act_event(m, f, EVENT_HEARTBEAT);
        f->heartbeat_at = mono_add(m->now, HEARTBEAT_SECONDS * NS_PER_S);
        DL_DELETE2(m->heartbeats, f, hb_prev, hb_next);
        DL_APPEND2(m->heartbeats, f, hb_prev, hb_next);
    }
    if (m->failover_next.ns > m->now.ns)
        return;
    struct framework *f, *next;
    struct mono earliest = MONO_NEVER;
    HASH_ITER(hh, m->frameworks, f, next) {
        if (f->state != FRAMEWORK_DISCONNECTED)
            continue;
        if (f->failover_at.ns <= m->now.ns)
            framework_remove(m, f);
        else
            earliest = mono_min(earliest, f->failover_at);
    }
    m->failover_next = earliest;
}

struct mono frameworks_wake(const struct master *m)
{
    return mono_min(m->heartbeats != NULL ? m->heartbeats->heartbeat_at : MONO_NEVER, m->failover_next);
}

/* --- calls --- */

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
