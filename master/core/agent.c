/* SPDX-License-Identifier: Apache-2.0 */
/* Agents: registration, coming back, and what they tell of themselves. Nothing of an agent is visible before the registry
 * has stored it: the pending admission owns it until then.
 *
 * Order of checks and answers: wire protocol, section 15. */
#include <stdlib.h>

#include "master/core/internal.h"

static void agent_set_ref(struct master *m, struct agent *a, struct agent_ref r)
{
    if (r.slot >= m->agent_by_ref_cap) {
        size_t cap = m->agent_by_ref_cap != 0 ? m->agent_by_ref_cap : 16;
        while (cap <= r.slot)
            cap *= 2;
        m->agent_by_ref = xrealloc(m->agent_by_ref, cap, sizeof *m->agent_by_ref);
        memset(m->agent_by_ref + m->agent_by_ref_cap, 0, (cap - m->agent_by_ref_cap) * sizeof *m->agent_by_ref);
        m->agent_by_ref_cap = cap;
    }
    m->agent_by_ref[r.slot] = a;
    a->ref = r;
}

void agent_update_allocator(struct master *m, struct agent *a)
{
    struct alloc_agent_spec spec = { .info = a->info, .total = &a->total };

    allocator_agent_update(m->allocator, a->ref, &spec);
}

/* What is configured plus what the agent checkpointed in place of it: each reservation or volume replaces the
 * resources that it was made of. */
static struct resources agent_total_of(const struct agent_report *r)
{
    struct resources total = resources_copy(&r->info->resources);

    for (size_t i = 0; i < r->checkpointed.n; i++) {
        if (r->checkpointed.v[i].reservations == NULL)
            continue; /* nothing that an agent may checkpoint */
        struct resource origin = resource_origin(&r->checkpointed.v[i]);
        if (resources_contains_one(&total, &origin)) {
            resources_sub(&total, &origin);
            resources_add(&total, &r->checkpointed.v[i]);
        }
        resource_done(&origin);
    }
    return total;
}

static struct agent *agent_make(struct master *m, const struct agent_report *r)
{
    struct agent *a = xcalloc(1, sizeof *a);

    (void)m;
    a->info = agent_info_ref(r->info);
    a->pid = text_copy(r->pid);
    a->version = text_copy(r->version);
    a->total = agent_total_of(r);
    a->has_resource_version = r->has_resource_version;
    a->resource_version = r->resource_version;
    return a;
}

/* --- admission checks --- */

static bool version_ok(struct str v)
{
    uint64_t major;

    return str_u64(&v, 1000000, &major) && major >= 1 && v.n > 0 && v.p[0] == '.';
}

/* A report that was long under way may have been sent to a master that led here before this one: what it tells is over. */
static bool meant_for_us(struct master *m, const struct agent_report *r)
{
    if (r->master.n == 0 || str_is(r->master, m->id))
        return true;
    act_note(m, NOTE_INFO, "report_refused", "pid=%.*s reason=\"meant for master %.*s\"", STR_ARG(r->pid), STR_ARG(r->master));
    struct master_action *ping = act_send(m, MSG_PING, act_keep(m, r->pid));
    ping->send.bytes = str_of(m->id);
    return false;
}

static bool admissible(struct master *m, const struct agent_report *r)
{
    struct machine *mc = machine_find(m, str_of(r->info->hostname), pid_ip(r->pid));
    bool has_domain = r->info->region != NULL;

    if (!meant_for_us(m, r))
        return false;

    if (!agent_allowed(m)) {
        act_note(m, NOTE_WARN, "agent_ignored", "pid=%.*s reason=\"not authorized to register\"", STR_ARG(r->pid));
        return false;
    }
    if (mc != NULL && mc->mode == MACHINE_DOWN) {
        agent_shutdown(m, r->pid, "Machine is `DOWN`");
        return false;
    }
    if (!version_ok(r->version)) {
        act_note(m, NOTE_WARN, "agent_ignored", "pid=%.*s reason=\"version '%.*s' is not 1.0.0 or newer\"",
                 STR_ARG(r->pid), STR_ARG(r->version));
        return false;
    }
    if ((has_domain && m->config.region.n == 0) || (!has_domain && m->config.require_agent_domain)) {
        act_note(m, NOTE_WARN, "agent_ignored", "pid=%.*s reason=\"fault domains of master and agent do not fit\"",
                 STR_ARG(r->pid));
        return false;
    }
    return true;
}

/* --- registration --- */

static void send_registered(struct master *m, const struct agent *a, enum agent_message kind)
{
    struct master_action *s = act_send(m, kind, str_of(a->pid));

    s->send.agent = a;
    s->send.agent_id = agent_id_str(a);
    s->send.seconds = (double)m->config.ping_interval_ns / (double)NS_PER_S * m->config.ping_timeouts_max;
}

void on_register(struct master *m, const struct master_event *ev)
{
    const struct agent_report *r = ev->report;
    struct agent *old = agent_find_pid(m, r->pid);

    m->metrics.msg_register_slave++;
    if (admission_pending(m, r->pid) || !admissible(m, r))
        return;
    if (old != NULL && old->change != AGENT_CHANGE_NONE)
        return; /* on its way out: the agent tries again */
    if (old != NULL && old->link == AGENT_CONNECTED) {
        agent_ping(m, old);
        send_registered(m, old, MSG_AGENT_REGISTERED);
        if (old->slots != NULL) /* launched before it knew its id, and ignored there */
            agent_ask_again(m, old);
        return;
    }
    if (old != NULL) { /* another agent at the address of one that left */
        struct pending *gone = pending_add(m, PENDING_REMOVE);
        struct registry_record del = { .kind = RECORD_AGENT, .deleted = true, .id = agent_id_str(old) };
        gone->agent_id = text_copy(agent_id_str(old));
        gone->reason = "a new agent registered at the same address";
        gone->flag = true;
        old->change = AGENT_CHANGE_REMOVED;
        pending_store(m, gone, &del, 1);
    }
    struct agent *a = agent_make(m, r);
    m->next_agent++;
    struct pending *p = pending_add(m, PENDING_ADMIT);
    p->agent = a;
    struct registry_record rec = record_agent(a);
    pending_store(m, p, &rec, 1);
}

/* Into the tables; the allocator learns what is used there. */
static void agent_insert(struct master *m, struct agent *a)
{
    struct alloc_agent_spec spec = { .info = a->info, .total = &a->total };

    HASH_ADD_KEYPTR(hh, m->agents, a->info->id.s.p, a->info->id.s.n, a);
    a->link = AGENT_CONNECTED;
    m->metrics.agents_connected++;
    agent_take_pid(m, a);
    agent_set_ref(m, a, allocator_agent_add(m->allocator, &spec, agent_is_active(a), NULL, 0));
    maintenance_apply_agent(m, a);
    agent_start_pings(m, a);
}

static void watch_agent_added(struct master *m, const struct agent *a)
{
    if (!m->watched)
        return;
    struct master_action *w = act(m, MASTER_ACT_WATCH);
    w->watch.kind = WATCH_AGENT_ADDED;
    w->watch.agent = a;
}

void agent_admit(struct master *m, struct pending *p)
{
    struct agent *a = TAKE(p->agent);

    a->registered = m->wall;
    agent_insert(m, a);
    m->metrics.slave_registrations++;
    send_registered(m, a, MSG_AGENT_REGISTERED);
    act_note(m, NOTE_INFO, "agent_admitted", "agent=%.*s pid=%s hostname=\"%s\"", STR_ARG(agent_id_str(a)), a->pid,
             a->info->hostname);
    watch_agent_added(m, a);
    agent_take_down(m, a); /* its machine may have gone down meanwhile */
}

/* --- coming back --- */

static bool infos_differ(const struct agent_info *a, const struct agent_info *b)
{
    return !str_eq(blob_str(a->raw), blob_str(b->raw)) || a->capabilities != b->capabilities;
}

void on_reregister(struct master *m, const struct master_event *ev)
{
    struct agent_report *r = ev->report;
    struct str id = r->info->id.s;
    struct agent *a = agent_find(m, id);
    struct lost_agent *l = lost_find(m, id);

    m->metrics.msg_reregister_slave++;
    if (admission_pending(m, r->pid) || !admissible(m, r))
        return;
    if (l != NULL && l->kind == LOST_GONE) {
        agent_shutdown(m, r->pid, "Agent has been marked gone");
        return;
    }
    if ((a != NULL && a->change != AGENT_CHANGE_NONE) || (l != NULL && l->change != AGENT_CHANGE_NONE))
        return;
    if (a != NULL && (strcmp(a->info->hostname, r->info->hostname) != 0 || !str_eq(pid_ip(str_of(a->pid)), pid_ip(r->pid)))) {
        agent_shutdown(m, r->pid, "Agent attempted to re-register with different IP or hostname");
        return;
    }
    if (a != NULL && !infos_differ(a->info, r->info)) {
        agent_returned(m, a, r);
        return;
    }
    if (agent_change_pending(m, id))
        return; /* the agent tries again */
    struct pending *p = pending_add(m, a != NULL ? PENDING_UPDATE_AGENT : PENDING_READMIT);
    p->report = agent_report_ref(r);
    p->agent_id = text_copy(id);
    if (l != NULL)
        l->readmitting = true;
    struct registry_record recs[2];
    size_t n = 0;
    recs[n] = (struct registry_record){ .kind = RECORD_AGENT, .id = r->info->id.s, .info = r->info };
    if (l != NULL || a != NULL) {
        recs[n].drain = l != NULL ? l->drain : a->drain;
        recs[n].deactivated = l != NULL ? l->deactivated : a->deactivated;
        recs[n].drain_start = l != NULL ? l->drain_start : a->drain_start;
    }
    n++;
    if (l != NULL && l->kind == LOST_UNREACHABLE)
        recs[n++] = (struct registry_record){ .kind = RECORD_UNREACHABLE, .deleted = true, .id = r->info->id.s };
    pending_store(m, p, recs, n);
}

static struct framework *framework_for_report(struct master *m, const struct agent_report *r, struct framework_id id)
{
    struct framework *f = framework_find(m, id.s);

    if (f != NULL || framework_find_completed(m, id.s) != NULL)
        return f;
    for (size_t i = 0; i < r->framework_count; i++)
        if (framework_id_eq(r->frameworks[i]->id, id))
            return framework_add_recovered(m, r->frameworks[i]);
    return NULL;
}

static void use_add(struct master *m, struct slot *s, const struct resources *r)
{
    struct alloc_use use = { .framework = s->framework->ref, .resources = r };

    allocator_use_add(m->allocator, s->agent->ref, &use);
}

static bool has_roles(const struct resources *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].role == NULL)
            return false;
    return true;
}

/* The task in the slot. The allocator has still to hear of what it holds. */
static struct task *task_of_report(struct master *m, struct agent *a, struct framework *f, const struct task_report *r)
{
    struct slot *s = agent_slot_get(m, f, a);
    struct task *old = framework_task_unreachable(f, r->id.s);
    CLEANUP(resources_done_p) struct resources copy = RESOURCES_INIT;
    const struct resources *resources = r->resources;

    if (!has_roles(resources)) { /* agents tell the allocation role of everything; one that does not gets the framework's first */
        copy = resources_copy(resources);
        resources_allocate_missing(&copy, f->info->role_count != 0 ? f->info->roles[0] : NAME_STAR);
        resources = &copy;
    }
    if (old != NULL)
        task_from_unreachable(m, old);
    struct task *t = task_new(m, f, s, r->id.s, r->executor.s, agent_id_str(a), resources, r->record);
    if (!task_state_is_terminal(r->state))
        task_hold(m, t);
    task_set_state(m, t, r->state);
    for (size_t i = 0; i < r->status_count; i++)
        task_add_status(m, t, r->status_states[i], r->statuses[i]);
    if (r->has_update_state && r->has_update_uuid) {
        t->flags |= TASK_FLAG_HAS_UPDATE;
        t->update_state = (uint8_t)r->update_state;
        t->update_uuid = r->update_uuid;
    }
    if (m->watched) {
        struct master_action *w = act(m, MASTER_ACT_WATCH);
        w->watch.kind = WATCH_TASK_ADDED;
        w->watch.task = t;
        w->watch.framework = f;
    }
    return t;
}

/* tell: the allocator hears of each now; else its caller tells all of the slot at once. */
static void executors_of_report(struct master *m, struct agent *a, const struct agent_report *r, bool tell)
{
    for (size_t i = 0; i < r->executor_count; i++) {
        struct executor_info *info = r->executors[i];
        struct framework *f = framework_for_report(m, r, info->framework);
        if (f == NULL || !has_roles(&info->resources))
            continue;
        struct slot *s = agent_slot_get(m, f, a);
        if (executor_find(s, info->id.s) != NULL)
            continue;
        if (tell)
            offers_rescind_agent(m, a); /* they may have what the executor holds */
        struct executor *e = xcalloc(1, sizeof *e);
        e->info = executor_info_ref(info);
        e->slot = s;
        DL_APPEND(s->executors, e);
        resources_add_all(&s->used, &info->resources);
        if (tell)
            use_add(m, s, &info->resources);
    }
}

static void completed_of_report(struct master *m, const struct agent_report *r)
{
    for (size_t i = 0; i < r->completed_count; i++) {
        const struct completed_report *c = &r->completed[i];
        if (framework_find(m, c->info->id.s) != NULL || framework_find_completed(m, c->info->id.s) != NULL)
            continue;
        struct framework *f = framework_add_hearsay(m, c->info);
        if (f == NULL)
            continue;
        for (size_t j = 0; j < c->task_count; j++) { /* through a slot that never holds anything */
            struct slot s = { .framework = f };
            struct task *t = task_new(m, f, &s, c->tasks[j].id.s, c->tasks[j].executor.s, r->info->id.s,
                                      c->tasks[j].resources, c->tasks[j].record);
            for (size_t k = 0; k < c->tasks[j].status_count; k++)
                task_add_status(m, t, c->tasks[j].status_states[k], c->tasks[j].statuses[k]);
            task_set_state(m, t, c->tasks[j].state);
            t->slot = NULL;
            task_complete(m, t);
        }
    }
}

static void send_framework_ends(struct master *m, struct agent *a, const struct agent_report *r)
{
    for (size_t i = 0; i < r->framework_count; i++)
        if (framework_find_completed(m, r->frameworks[i]->id.s) != NULL)
            act_send(m, MSG_SHUTDOWN_FRAMEWORK, str_of(a->pid))->send.framework_id = act_keep(m, r->frameworks[i]->id.s);
}

static void send_framework_updates(struct master *m, struct agent *a)
{
    for (struct slot *s = a->slots; s != NULL; s = s->a_next)
        if (s->framework->state != FRAMEWORK_RECOVERED) {
            struct master_action *u = act_send(m, MSG_UPDATE_FRAMEWORK, str_of(a->pid));
            u->send.framework = s->framework;
        }
}

static void agent_take_version(struct agent *a, const struct agent_report *r)
{
    free(a->version);
    a->version = text_copy(r->version);
    a->has_resource_version = r->has_resource_version;
    a->resource_version = r->resource_version;
}

/* First return after a failover, return of an unreachable agent, or of one the registry does not know. */
void agent_readmit(struct master *m, struct pending *p)
{
    struct agent_report *r = p->report;
    struct lost_agent *l = lost_find(m, r->info->id.s);
    bool tell = l == NULL || l->kind != LOST_RECOVERED;
    struct str text = l != NULL ? STR("Unreachable agent re-reregistered") : STR("Unknown agent reregistered");
    struct agent *a = agent_make(m, r);

    a->registered = a->reregistered = m->wall;
    if (l != NULL) {
        a->drain = l->drain;
        a->deactivated = l->deactivated;
        a->drain_start = l->drain_start;
        lost_remove(m, l);
    }
    agent_insert(m, a);
    m->metrics.slave_reregistrations++;
    for (size_t i = 0; i < r->framework_count; i++)
        (void)framework_for_report(m, r, r->frameworks[i]->id);
    executors_of_report(m, a, r, false);
    struct framework *f = NULL; /* of the task before, mostly of the next one too */
    for (size_t i = 0; i < r->task_count; i++) {
        if (f == NULL || !framework_id_eq(f->id, r->tasks[i].framework))
            f = framework_for_report(m, r, r->tasks[i].framework);
        if (f == NULL || framework_task_find(f, r->tasks[i].id.s) != NULL)
            continue;
        struct task *t = task_of_report(m, a, f, &r->tasks[i]);
        if (!tell)
            continue;
        struct status_value v = {
            .task = task_id_str(t), .agent = agent_id_str(a), .executor = name_str(t->executor_id), .state = t->state,
            .source = SOURCE_MASTER, .reason = REASON_AGENT_REREGISTERED, .message = text, .timestamp = m->wall,
            .carry = task_last_status(t),
        };
        send_update(m, f, status_make(m, &v));
    }
    for (struct slot *s = a->slots; s != NULL; s = s->a_next)
        if (s->used.n != 0)
            use_add(m, s, &s->used);
    completed_of_report(m, r);
    if (a->drain.state == DRAINING)
        agent_send_drain(m, a);
    send_registered(m, a, MSG_AGENT_REREGISTERED);
    send_framework_ends(m, a, r);
    send_framework_updates(m, a);
    act_note(m, NOTE_INFO, "agent_readmitted", "agent=%.*s pid=%s tasks=%zu", STR_ARG(agent_id_str(a)), a->pid,
             r->task_count);
    watch_agent_added(m, a);
    agent_check_drained(m, a);
    agent_take_down(m, a); /* as above */
}

/* --- return of an agent that we had not given up --- */

static bool report_has_task(const struct agent_report *r, const struct task *t)
{
    for (size_t i = 0; i < r->task_count; i++)
        if (str_eq(r->tasks[i].id.s, task_id_str(t)) && framework_id_eq(r->tasks[i].framework, t->framework->id))
            return true;
    return false;
}

static bool report_has_executor(const struct agent_report *r, const struct executor *e)
{
    for (size_t i = 0; i < r->executor_count; i++)
        if (executor_id_eq(r->executors[i]->id, e->info->id) &&
            framework_id_eq(r->executors[i]->framework, e->slot->framework->id))
            return true;
    return false;
}

static void executor_remove(struct master *m, struct executor *e)
{
    struct slot *s = e->slot;

    DL_DELETE(s->executors, e);
    resources_sub_all(&s->used, &e->info->resources);
    if (s->agent->ref.gen != 0 && s->framework->ref.gen != 0)
        allocator_recover(m->allocator, m->now, s->framework->ref, s->agent->ref, &e->info->resources, ALLOC_ALLOCATED, 0);
    executor_info_unref(e->info);
    free(e);
}

static void returned_tasks(struct master *m, struct agent *a, const struct agent_report *r, struct master_action *answer,
                           size_t answer_index)
{
    struct missing_task *v = NULL;
    size_t n = 0, cap = 0;

    for (struct slot *s = a->slots, *next; s != NULL; s = next) {
        next = s->a_next;
        struct executor *e, *e_next;
        DL_FOREACH_SAFE(s->executors, e, e_next) {
            if (!report_has_executor(r, e))
                executor_remove(m, e);
        }
        for (struct task *t = s->tasks; t != NULL; t = t->next)
            if (report_has_task(r, t)) {
                t->flags &= (uint8_t)~TASK_FLAG_MISSING;
            } else {
                t->flags |= TASK_FLAG_MISSING;
                ARRAY_ROOM(v, n, cap);
                v[n++].task = t;
            }
        slot_drop_if_empty(s);
    }
    (void)answer;
    if (n != 0) {
        struct missing_task *kept = arena_array(&m->arena, n, sizeof *kept);
        ASSERT(kept != NULL);
        memcpy(kept, v, n * sizeof *kept);
        m->actions[answer_index].send.missing = kept;
        m->actions[answer_index].send.missing_count = n;
    }
    free(v);
}

static void returned_kills(struct master *m, struct agent *a)
{
    for (struct slot *s = a->slots; s != NULL; s = s->a_next)
        for (struct task *t = s->tasks; t != NULL; t = t->next)
            if ((t->flags & TASK_FLAG_KILL_WANTED) != 0 && !task_state_is_terminal(t->state)) {
                struct master_action *k = act_send(m, MSG_KILL_TASK, str_of(a->pid));
                k->send.framework_id = s->framework->id.s;
                k->send.task_id = task_id_str(t);
            }
}

static void agent_set_pid(struct master *m, struct agent *a, struct str pid)
{
    if (str_is(pid, a->pid))
        return;
    agent_leave_pid(m, a);
    free(a->pid);
    a->pid = text_copy(pid);
}

/* The agent itself has told its end, and that was acknowledged. (Of one that was lost or dropped an agent may still prove the contrary.) */
static bool has_told_its_end(const struct task *t)
{
    return (t->flags & TASK_FLAG_HAS_UPDATE) != 0 && task_state_is_terminal(t->update_state) && t->update_state != TASK_LOST &&
           t->update_state != TASK_DROPPED;
}

/* The end of this task was acknowledged here, and the acknowledgement is on its way to the agent, or is just being worked off there, while the report
 * that still has the task was on its way to us; or the report is much older, and came behind newer ones. In the books again, the task would
 * never leave them. */
static bool has_ended_here(const struct framework *f, const struct task_report *r)
{
    const struct task *t;

    DL_FOREACH(f->completed.head, t)
    {
        if (str_eq(task_id_str(t), r->id.s))
            return task_state_is_terminal(r->state) || has_told_its_end(t);
    }
    return false;
}

void agent_returned(struct master *m, struct agent *a, struct agent_report *r)
{
    struct agent_info *old = a->info;
    bool changed = infos_differ(old, r->info);

    agent_set_pid(m, a, r->pid);
    agent_take_version(a, r);
    if (changed) { /* the key of the table lies in the info */
        HASH_DELETE(hh, m->agents, a);
        a->info = agent_info_ref(r->info);
        HASH_ADD_KEYPTR(hh, m->agents, a->info->id.s.p, a->info->id.s.n, a);
        agent_info_unref(old);
    }
    struct resources total = agent_total_of(r);
    bool total_changed = !resources_eq(&total, &a->total);
    resources_done(&a->total);
    a->total = total;
    agent_take_pid(m, a);
    if (a->link == AGENT_DISCONNECTED) {
        agent_set_link(m, a, AGENT_CONNECTED);
        if (!a->deactivated)
            allocator_agent_activate(m->allocator, a->ref);
    }
    if (total_changed) /* they are of what was thought to be there */
        offers_rescind_agent(m, a);
    if (changed || total_changed)
        agent_update_allocator(m, a);
    a->reregistered = m->wall;
    m->metrics.slave_reregistrations++;
    size_t answer = m->action_count;
    send_registered(m, a, MSG_AGENT_REREGISTERED);
    returned_tasks(m, a, r, NULL, answer);
    for (size_t i = 0; i < r->framework_count; i++)
        (void)framework_for_report(m, r, r->frameworks[i]->id);
    executors_of_report(m, a, r, true);
    for (size_t i = 0; i < r->task_count; i++) { /* forgotten here, or never known: ask_for_books() */
        struct framework *f = framework_for_report(m, r, r->tasks[i].framework);
        if (f == NULL || framework_task_find(f, r->tasks[i].id.s) != NULL || has_ended_here(f, &r->tasks[i]))
            continue;
        offers_rescind_agent(m, a); /* they may have what the task holds */
        struct task *k = task_of_report(m, a, f, &r->tasks[i]);
        if ((k->flags & TASK_FLAG_HOLDS) != 0)
            use_add(m, k->slot, &k->bundle->r);
        /* Without checkpointing it was given up, and its framework told so, when the connection broke: that must come true. */
        if (!f->info->checkpoint && !task_state_is_terminal(k->state))
            k->flags |= TASK_FLAG_KILL_WANTED;
    }
    returned_kills(m, a);
    send_framework_ends(m, a, r);
    if (a->drain.state == DRAINING)
        agent_send_drain(m, a);
    send_framework_updates(m, a);
    if (!agent_info_can(a->info, AGENT_CAP_RESOURCE_PROVIDER)) {
        struct master_action *s = act_send(m, MSG_CHECKPOINT_RESOURCES, str_of(a->pid));
        s->send.agent = a;
        s->send.resources = &a->total;
    }
    agent_ping(m, a);
    agent_check_drained(m, a); /* it may have had nothing when the drain was asked for, and been away */
    act_note(m, NOTE_INFO, "agent_returned", "agent=%.*s pid=%s", STR_ARG(agent_id_str(a)), a->pid);
}

/* --- other messages --- */

void on_unregister(struct master *m, const struct master_event *ev)
{
    struct agent *a = agent_find(m, ev->unregister.agent.s);

    m->metrics.msg_unregister_slave++;
    if (a == NULL || a->change != AGENT_CHANGE_NONE || !str_is(ev->pid, a->pid))
        return;
    struct pending *p = pending_add(m, PENDING_REMOVE);
    struct registry_record del = { .kind = RECORD_AGENT, .deleted = true, .id = agent_id_str(a) };
    p->agent_id = text_copy(agent_id_str(a));
    p->reason = "the agent unregistered";
    a->change = AGENT_CHANGE_REMOVED;
    pending_store(m, p, &del, 1);
}

void on_agent_update(struct master *m, const struct master_event *ev)
{
    struct agent *a = agent_find(m, ev->update.agent.s);

    m->metrics.msg_update_slave++;
    if (a == NULL || a->change != AGENT_CHANGE_NONE)
        return;
    if (ev->update.has_resource_version) {
        /* A report of an earlier life of the agent may come late, after a newer one: it brings tasks that are over. Or this is
         * what is late. Only a new report tells; what is launched on the strength of the wrong one is refused there. */
        if (!a->has_resource_version)
            a->resource_version = ev->update.resource_version;
        else if (!uuid_eq(&a->resource_version, &ev->update.resource_version))
            agent_ask_again(m, a);
        a->has_resource_version = true;
    }
    if (ev->update.has_operations)
        operations_of_report(m, a, ev->update.operations, ev->update.operation_count);
    if (!ev->update.has_oversubscribed)
        return;
    struct offer *o, *next;
    DL_FOREACH_SAFE2(a->offers, o, next, a_next) {
        if (resources_have_revocable(&o->resources))
            offer_rescind(m, o, RESCIND_TELL, 0);
    }
    struct resources total = resources_nonrevocable(&a->total);
    resources_add_all(&total, ev->update.oversubscribed);
    resources_done(&a->total);
    a->total = total;
    agent_update_allocator(m, a);
}

void on_executor_exited(struct master *m, const struct master_event *ev)
{
    struct agent *a = agent_find(m, ev->executor_exited.agent.s);
    struct framework *f = framework_find(m, ev->executor_exited.framework.s);

    m->metrics.msg_exited_executor++;
    if (a == NULL || f == NULL)
        return;
    struct slot *s = agent_slot_find(f, a);
    struct executor *e = executor_find(s, ev->executor_exited.executor.s);
    if (e != NULL) {
        executor_remove(m, e);
        slot_drop_if_empty(s);
    }
    if (framework_is_connected(f)) {
        struct str executor = act_keep(m, ev->executor_exited.executor.s);
        struct master_action *x = act_event(m, f, EVENT_FAILURE);
        x->event.agent_id = agent_id_str(a);
        x->event.executor_id = executor;
        x->event.has_executor = true;
        x->event.status = ev->executor_exited.status;
    }
    agent_check_drained(m, a);
}

void on_executor_message(struct master *m, const struct master_event *ev)
{
    struct agent *a = agent_find(m, ev->executor_message.agent.s);
    struct framework *f = framework_find(m, ev->executor_message.framework.s);

    m->metrics.msg_executor_to_framework++;
    if (a == NULL || f == NULL || !framework_is_connected(f)) {
        m->metrics.invalid_e2f++;
        return;
    }
    m->metrics.valid_e2f++;
    struct master_action *x = act_event(m, f, EVENT_MESSAGE);
    x->event.agent_id = agent_id_str(a);
    x->event.executor_id = act_keep(m, ev->executor_message.executor.s);
    x->event.bytes = act_keep(m, ev->executor_message.data);
}
