/* SPDX-License-Identifier: Apache-2.0 */
/* Whether agents are there: pings, broken links, timeouts, and what happens to tasks, offers and frameworks when an agent is
 * given up.
 *
 *   CONNECTED ──link breaks──> DISCONNECTED ──comes back──> CONNECTED
 *       └── 5 pings unanswered, or not back in agent_reregister_timeout ──> unreachable (registry first)
 *
 * Sources: wire protocol, sections 7, 9, 15.3; scheduler API 10.2. */
#include <stdlib.h>

#include "master/core/internal.h"

/* --- pings --- */

void on_pong(struct master *m, struct str pid, uint64_t observer)
{
    struct agent *a = agent_find_pid(m, pid);

    if (a == NULL || a->observer != observer)
        return;
    a->pong_due = false;
    a->pings_missed = 0;
    if (a->removal_waits) {
        a->removal_waits = false;
        m->removals_waiting--;
        m->metrics.unreachable_canceled++;
    }
}

/* --- marking unreachable --- */

static bool removal_allowed(struct master *m)
{
    if (m->config.removal_count == 0)
        return true;
    if (m->removal_next.ns > m->now.ns)
        return false;
    m->removal_next = mono_add(m->now, m->config.removal_interval_ns / m->config.removal_count);
    return true;
}

/* What an operator asked for and is still on its way to the registry: this record is written after it and has to say it too. */
static void take_pending_activity(const struct master *m, struct str id, struct registry_record *rec)
{
    for (const struct pending *p = m->pendings; p != NULL; p = p->next)
        if ((p->kind == PENDING_DRAIN || p->kind == PENDING_ACTIVATION) && str_is(id, p->agent_id)) {
            rec->drain = p->kind == PENDING_DRAIN || p->flag ? p->drain : rec->drain;
            rec->deactivated = p->kind == PENDING_DRAIN || !p->flag;
            if (p->kind == PENDING_DRAIN)
                rec->drain_start = p->time;
        }
}

/* activity: drain, deactivated and drain_start are those of the agent as it is known now. */
static void store_unreachable(struct master *m, struct str id, const struct registry_record *activity, const char *reason)
{
    struct registry_record recs[2] = { { .kind = RECORD_AGENT, .deleted = true, .id = id }, *activity };

    recs[1].kind = RECORD_UNREACHABLE;
    recs[1].id = id;
    recs[1].time = m->wall;
    take_pending_activity(m, id, &recs[1]);
    struct pending *p = pending_add(m, PENDING_UNREACHABLE);
    p->agent_id = text_copy(id);
    p->reason = reason;
    p->time = m->wall;
    pending_store(m, p, recs, 2);
}

static void mark_unreachable(struct master *m, struct agent *a, const char *reason)
{
    if (a->change != AGENT_CHANGE_NONE)
        return;
    if (!a->removal_waits) {
        m->metrics.unreachable_scheduled++;
        a->removal_waits = true;
        m->removals_waiting++;
    }
    if (!removal_allowed(m))
        return;
    a->removal_waits = false;
    m->removals_waiting--;
    m->metrics.unreachable_completed++;
    a->change = AGENT_CHANGE_UNREACHABLE;
    struct registry_record activity = { .drain = a->drain, .deactivated = a->deactivated, .drain_start = a->drain_start };
    store_unreachable(m, agent_id_str(a), &activity, reason);
}

static void ping_due(struct master *m, struct agent *a)
{
    DL_DELETE2(m->pings, a, ping_prev, ping_next);
    if (a->pong_due)
        a->pings_missed++;
    a->pong_due = true;
    agent_queue_ping(m, a);
    if (a->pings_missed >= m->config.ping_timeouts_max)
        mark_unreachable(m, a, "health check timed out");
    else
        agent_ping(m, a);
}

/* After a failover: what did not come back in time. */
static void recovered_due(struct master *m)
{
    size_t count = m->recovered_count;
    struct lost_agent *l, *next;

    m->recovered_by = MONO_NEVER;
    if (count == 0)
        return;
    size_t known = count + HASH_COUNT(m->agents);
    if ((double)count > m->config.recovery_removal_limit * (double)known) {
        struct master_action *x = act(m, MASTER_ACT_ABORT);
        x->note.event = "recovery_agent_removal_limit";
        x->note.text = act_keep_fmt(m, "%zu of %zu agents did not re-register after a failover; that is more than "
                                   "--recovery_agent_removal_limit allows", count, known);
        return;
    }
    HASH_ITER(hh, m->lost, l, next) {
        if (l->kind != LOST_RECOVERED || l->readmitting || l->change != AGENT_CHANGE_NONE)
            continue;
        if (!removal_allowed(m)) {
            m->recovered_by = m->removal_next;
            return;
        }
        m->metrics.recovery_removals++;
        l->change = AGENT_CHANGE_UNREACHABLE;
        struct registry_record activity = { .drain = l->drain, .deactivated = l->deactivated, .drain_start = l->drain_start };
        store_unreachable(m, str_of(l->id), &activity, "agent did not re-register after master failover");
    }
}

/* Old unreachable and gone agents are forgotten. */
static void registry_gc(struct master *m)
{
    struct lost_agent *l, *next;
    struct registry_record recs[256];
    size_t n = 0, unreachable = m->unreachable_count, gone = m->gone_count;
    int64_t age_ms = m->config.registry_max_agent_age_ns / NS_PER_MS;

    m->gc_at = mono_add(m->now, m->config.registry_gc_interval_ns);
    HASH_ITER(hh, m->lost, l, next) {
        bool over = (l->kind == LOST_UNREACHABLE && unreachable > m->config.registry_max_agent_count) ||
                    (l->kind == LOST_GONE && gone > m->config.registry_max_agent_count);
        if (l->kind == LOST_RECOVERED || l->readmitting || l->change != AGENT_CHANGE_NONE ||
            (!over && m->wall.ms - l->time.ms < age_ms) || n == sizeof recs / sizeof recs[0])
            continue;
        recs[n++] = (struct registry_record){ .kind = l->kind == LOST_GONE ? RECORD_GONE : RECORD_UNREACHABLE,
                                              .deleted = true, .id = act_keep(m, str_of(l->id)) };
        if (l->kind == LOST_GONE)
            gone--;
        else
            unreachable--;
        lost_remove(m, l); /* what comes back of it is admitted as unknown */
    }
    if (n != 0)
        pending_store(m, pending_add(m, PENDING_NONE), recs, n);
}
void agents_tick(struct master *m)
{
    while (m->pings != NULL && m->pings->ping_at.ns <= m->now.ns)
        ping_due(m, m->pings);
    if (m->recovered_by.ns <= m->now.ns)
        recovered_due(m);
    if (m->gc_at.ns <= m->now.ns)
        registry_gc(m);
    if (m->reregister_next.ns > m->now.ns && m->removals_waiting == 0)
        return;
    struct agent *a, *next;
    struct mono earliest = MONO_NEVER;
    HASH_ITER(hh, m->agents, a, next) {
        if (a->link == AGENT_DISCONNECTED && a->reregister_by.ns <= m->now.ns)
            mark_unreachable(m, a, "agent did not re-register in time after its connection broke");
        else if (a->removal_waits)
            mark_unreachable(m, a, "health check timed out");
        if (a->link == AGENT_DISCONNECTED && a->change == AGENT_CHANGE_NONE && a->reregister_by.ns > m->now.ns)
            earliest = mono_min(earliest, a->reregister_by);
    }
    m->reregister_next = earliest;
}

struct mono agents_wake(const struct master *m)
{
    struct mono at = m->pings != NULL ? m->pings->ping_at : MONO_NEVER;

    at = mono_min(at, mono_min(m->reregister_next, mono_min(m->recovered_by, m->gc_at)));
    if (m->removals_waiting != 0)
        at = mono_min(at, m->removal_next);
    return at;
}

static void slot_lose_tasks(struct master *m, struct slot *s, struct str text)
{
    struct framework *f = s->framework;
    struct agent *a = s->agent;

    while (s->executors != NULL) {
        struct executor *e = s->executors;
        DL_DELETE(s->executors, e);
        resources_sub_all(&s->used, &e->info->resources);
        allocator_recover(m->allocator, m->now, f->ref, a->ref, &e->info->resources, ALLOC_ALLOCATED, 0);
        executor_info_unref(e->info);
        free(e);
    }
    if (s->tasks == NULL) {
        slot_drop_if_empty(s);
        return;
    }
    for (struct task *t = s->tasks, *next; t != NULL; t = next) {
        next = t->next; /* completing the last task frees the slot */
        if (!task_state_is_terminal(t->state)) {
            struct status_value v = {
                .task = task_id_str(t), .agent = agent_id_str(a), .executor = name_str(t->executor_id), .state = TASK_LOST,
                .source = SOURCE_MASTER, .reason = REASON_AGENT_DISCONNECTED, .message = text, .timestamp = m->wall,
            };
            struct str status = status_make(m, &v);
            task_count_terminal(m, f, TASK_LOST, SOURCE_MASTER, REASON_AGENT_DISCONNECTED);
            task_set_state(m, t, TASK_LOST);
            task_add_status(m, t, TASK_LOST, status);
            send_update(m, f, status);
            task_watch_updated(m, t, status);
        }
        task_complete(m, t);
    }
}

void agent_disconnect(struct master *m, struct agent *a)
{
    agent_set_link(m, a, AGENT_DISCONNECTED);
    act_note(m, NOTE_WARN, "agent_disconnected", "agent=%.*s pid=%s", STR_ARG(agent_id_str(a)), a->pid);
    if (!a->deactivated)
        allocator_agent_deactivate(m->allocator, a->ref);
    struct str text = act_keep_fmt(m, "Agent %s disconnected", a->info->hostname);
    for (struct slot *s = a->slots, *next; s != NULL; s = next) {
        next = s->a_next;
        if (!s->framework->info->checkpoint)
            slot_lose_tasks(m, s, text);
    }
    offers_rescind_agent(m, a);
    inverses_rescind_agent(m, a, RESCIND_TELL);
}

void on_agent_exited(struct master *m, struct str pid)
{
    struct agent *a = agent_find_pid(m, pid);

    if (a != NULL && a->link == AGENT_CONNECTED && a->change == AGENT_CHANGE_NONE)
        agent_disconnect(m, a);
}

/* --- where agents are --- */

void agent_leave_pid(struct master *m, struct agent *a)
{
    if (!a->at_pid)
        return;
    a->at_pid = false;
    HASH_DELETE(hh_pid, m->agents_by_pid, a);
    act(m, MASTER_ACT_UNLINK)->send.to = act_keep(m, str_of(a->pid));
}

void agent_take_pid(struct master *m, struct agent *a)
{
    struct agent *before = agent_find_pid(m, str_of(a->pid));

    if (before != NULL && before != a) { /* a machine with a new identity: what it was is not there any more */
        if (before->link == AGENT_CONNECTED && before->change == AGENT_CHANGE_NONE)
            agent_disconnect(m, before);
        agent_leave_pid(m, before);
    }
    if (!a->at_pid)
        HASH_ADD_KEYPTR(hh_pid, m->agents_by_pid, a->pid, strlen(a->pid), a);
    a->at_pid = true;
    act(m, MASTER_ACT_LINK)->send.to = str_of(a->pid);
}

/* --- the end of an agent here --- */

struct ending {
    enum agent_end how;
    struct str text;
    struct wall since;
};

static void task_end(struct master *m, struct task *t, const struct ending *x)
{
    struct framework *f = t->framework;
    bool aware = framework_info_can(f->info, FRAMEWORK_CAP_PARTITION_AWARE);
    bool was_terminal = task_state_is_terminal(t->state);
    struct status_value v = {
        .task = task_id_str(t), .agent = name_str(t->agent_id), .executor = name_str(t->executor_id),
        .state = TASK_LOST, .source = SOURCE_MASTER, .reason = REASON_AGENT_REMOVED, .message = x->text,
        .timestamp = m->wall,
    };

    if (was_terminal) {
        task_complete(m, t);
        return;
    }
    if (x->how == AGENT_END_UNREACHABLE) {
        v.state = aware ? TASK_UNREACHABLE : TASK_LOST;
        v.unreachable_time = x->since;
    } else if (x->how == AGENT_END_GONE && aware) {
        v.state = TASK_GONE_BY_OPERATOR;
        v.reason = REASON_AGENT_REMOVED_BY_OPERATOR;
    }
    struct str status = status_make(m, &v);
    task_count_terminal(m, f, v.state, SOURCE_MASTER, (int)v.reason);
    task_release(m, t);
    task_set_state(m, t, v.state);
    task_add_status(m, t, v.state, status);
    send_update(m, f, status);
    task_watch_updated(m, t, status);
    if (x->how == AGENT_END_UNREACHABLE)
        task_to_unreachable(m, t);
    else
        task_complete(m, t);
}

static void end_slots(struct master *m, struct agent *a, const struct ending *x)
{
    while (a->slots != NULL) {
        struct slot *s = a->slots;
        while (s->executors != NULL) {
            struct executor *e = s->executors;
            DL_DELETE(s->executors, e);
            executor_info_unref(e->info);
            free(e);
        }
        if (s->tasks == NULL) {
            slot_drop_if_empty(s);
            continue;
        }
        for (struct task *t = s->tasks, *next; t != NULL; t = next) {
            next = t->next; /* the last one frees the slot */
            task_end(m, t, x);
        }
    }
}

static void tell_failure(struct master *m, struct str agent)
{
    for (struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        if (framework_is_connected(f))
            act_event(m, f, EVENT_FAILURE)->event.agent_id = agent;
}

void agent_end(struct master *m, struct agent *a, enum agent_end how, struct str reason, struct wall since)
{
    struct ending x = { .how = how, .since = since, .text = reason };

    if (how == AGENT_END_REMOVED)
        x.text = act_keep_fmt(m, "Agent %s removed: %.*s", a->info->hostname, STR_ARG(reason));
    else
        x.text = act_keep(m, reason);
    a->change = AGENT_CHANGE_REMOVED; /* nothing below starts anything new for it */
    m->agent_by_ref[a->ref.slot] = NULL;
    allocator_agent_remove(m->allocator, a->ref);
    a->ref = (struct agent_ref){ 0, 0 };
    end_slots(m, a, &x);
    operations_lost(m, a, how == AGENT_END_UNREACHABLE ? OPERATION_UNREACHABLE
                          : how == AGENT_END_GONE      ? OPERATION_GONE_BY_OPERATOR
                                                       : OPERATION_UNKNOWN);
    offers_rescind_agent(m, a);
    inverses_rescind_agent(m, a, RESCIND_TELL);
    tell_failure(m, agent_id_str(a));
    if (how == AGENT_END_REMOVED && m->watched) {
        struct master_action *w = act(m, MASTER_ACT_WATCH);
        w->watch.kind = WATCH_AGENT_REMOVED;
        w->watch.agent = a;
    }
    agent_stop_pings(m, a);
    m->metrics.slave_removals++;
    if (a->link == AGENT_CONNECTED)
        m->metrics.agents_connected--;
    else
        m->metrics.agents_disconnected--;
    agent_leave_pid(m, a);
    act_note(m, NOTE_WARN, "agent_removed", "agent=%.*s reason=\"%.*s\"", STR_ARG(agent_id_str(a)), STR_ARG(x.text));
    HASH_DELETE(hh, m->agents, a);
    a->g_next = m->dead_agents;
    m->dead_agents = a;
}

