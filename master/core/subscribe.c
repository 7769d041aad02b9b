/* SPDX-License-Identifier: Apache-2.0 */
/* Subscription: a framework that is new, comes back, or is taken over by another scheduler, and what it may change of itself.
 * Sources: scheduler API, sections 4 and 5. */
#include <stdarg.h>
#include <stdio.h>

#include "common/model/role.h"
#include "master/core/internal.h"

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
