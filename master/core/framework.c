/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks: the states of one, its end, the failover timeout. subscribe.c, call.c and driver.c stand on this file.
 *
 *   (agents report it)  RECOVERED ──subscribe──> ACTIVE ──stream ends──> DISCONNECTED ──timeout, teardown──> COMPLETED
 *                                      ^   └────────subscribe again (the old stream is told)──┘  │
 *                                      └────────────────────subscribe──────────────────────────┘
 *
 * Sources: scheduler API, sections 4, 5, 6. */
#include <stdlib.h>

#include "common/model/role.h"
#include "master/core/internal.h"

void framework_set_ref(struct master *m, struct framework *f, struct framework_ref r)
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

struct framework *framework_make(struct framework_info *info)
{
    struct framework *f = xcalloc(1, sizeof *f);

    f->id = framework_id_copy(info->id);
    f->info = framework_info_ref(info);
    f->failover_at = MONO_NEVER;
    return f;
}

/* An agent calls a framework completed when nothing of it runs there: that ends nothing, so it makes room for the truth. */
void hearsay_drop(struct master *m, struct str id)
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

void framework_table_add(struct master *m, struct framework *f)
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

/* --- the end --- */

void watch_framework(struct master *m, const struct framework *f, enum watch_event kind)
{
    if (!m->watched)
        return;
    struct master_action *w = act(m, MASTER_ACT_WATCH);
    w->watch.kind = kind;
    w->watch.framework = f;
}

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
    for (struct task *t = framework_tasks(f), *next; t != NULL; t = next) {
        next = task_next(t);
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
