/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: one setter of the state, the history of statuses, and the three places a task can be in.
 *
 *   tasks ──(agent unreachable)──> unreachable ring ──(agent back)──> tasks
 *     └──(terminal and acknowledged, or removed)──> completed ring ──(oldest)──> gone
 *
 * A task holds resources from its launch until its first terminal state is known, acknowledged or not: the allocator gets
 * them back then. Invariant: TASK_FLAG_HOLDS set <=> its bundle is part of slot->used. */
#include <stdlib.h>

#include "master/core/internal.h"

struct task *task_new(struct master *m, struct framework *f, struct slot *s, struct str id, struct str executor,
                      struct str agent, const struct resources *r, struct str record)
{
    ASSERT(id.n <= ID_SIZE_MAX);
    struct task *t = xcalloc(1, sizeof *t + id.n + record.n);

    t->framework = f;
    t->slot = s;
    t->agent_id = name_of(agent);
    t->executor_id = executor.n != 0 ? name_of(executor) : NULL;
    t->bundle = bundle_of(m, r);
    t->state = TASK_STAGING;
    t->id_n = (uint8_t)id.n;
    t->record_n = (uint32_t)record.n;
    if (id.n != 0)
        memcpy(t->data, id.p, id.n);
    if (record.n != 0)
        memcpy(t->data + id.n, record.p, record.n);
    table_add(&f->tasks, &t->entry, task_hash(id));
    DL_APPEND(s->tasks, t);
    s->task_count++;
    m->metrics.tasks_now[TASK_STAGING]++;
    f->n.active[TASK_STAGING]++;
    return t;
}

void task_hold(struct master *m, struct task *t)
{
    (void)m;
    ASSERT((t->flags & TASK_FLAG_HOLDS) == 0);
    resources_add_all(&t->slot->used, &t->bundle->r);
    t->flags |= TASK_FLAG_HOLDS;
}

void task_release(struct master *m, struct task *t)
{
    if ((t->flags & TASK_FLAG_HOLDS) == 0)
        return;
    t->flags = (uint8_t)(t->flags & ~TASK_FLAG_HOLDS);
    ASSERT(t->slot != NULL);
    resources_sub_all(&t->slot->used, &t->bundle->r);
    struct agent *a = t->slot->agent;
    if (a->ref.gen != 0 && t->framework->ref.gen != 0)
        allocator_recover(m->allocator, m->now, t->framework->ref, a->ref, &t->bundle->r, ALLOC_ALLOCATED, 0);
}

void task_set_state(struct master *m, struct task *t, enum task_state to)
{
    enum task_state from = t->state;

    if (from == to)
        return;
    m->metrics.tasks_now[from]--;
    t->framework->n.active[from]--;
    t->state = (uint8_t)to;
    m->metrics.tasks_now[to]++;
    t->framework->n.active[to]++;
    if (!task_state_is_terminal(to))
        return;
    task_release(m, t);
    /* What is free again is offered at once, with all that is free there, unless that would be a crumb: while an offer of
     * this agent is out, or most of it is in use, it waits for the interval. */
    struct agent *a = t->slot != NULL ? t->slot->agent : NULL;
    if (a != NULL && a->offers == NULL && a->ref.gen != 0)
        allocator_agent_freed(m->allocator, a->ref);
}

void task_count_reason(struct master *m, enum task_state s, int source, int reason)
{
    if (source >= 0 && source < TASK_SOURCE_COUNT && reason >= 0 && reason < TASK_REASON_COUNT)
        m->metrics.tasks_by_reason[s][source][reason]++;
}

void task_count_terminal(struct master *m, struct framework *f, enum task_state s, int source, int reason)
{
    if (!task_state_is_terminal(s))
        return;
    m->metrics.tasks_terminal[s]++;
    if (f != NULL)
        f->n.terminal[s]++;
    task_count_reason(m, s, source, reason);
}

/* A status of the same state replaces the newest one: history keeps one per state. */
void task_add_status(struct master *m, struct task *t, enum task_state state, struct str status)
{
    struct status_log *l = &t->statuses;

    sbuf_clear(&m->scratch);
    m->codec->status_for_history(&m->scratch, status);
    struct str s = sbuf_view(&m->scratch);
    if (l->n > 0 && (enum task_state)(unsigned char)l->p[l->last] == state)
        l->n = l->last;
    uint32_t size = (uint32_t)s.n;
    if (s.n > UINT32_MAX / 4 || l->n > UINT32_MAX / 4)
        return; /* cannot happen: messages are limited to 16 MiB */
    l->p = xrealloc(l->p, 1, l->n + 5 + s.n);
    l->last = l->n;
    l->p[l->n] = (char)state;
    memcpy(l->p + l->n + 1, &size, sizeof size);
    if (s.n != 0)
        memcpy(l->p + l->n + 5, s.p, s.n);
    l->n += 5 + size;
}

struct str task_last_status(const struct task *t)
{
    enum task_state state;
    struct str s = { NULL, 0 };
    size_t at = t->statuses.last;

    if (t->statuses.n != 0)
        (void)status_log_next(&t->statuses, &at, &state, &s);
    return s;
}

/* --- places --- */

static void task_leave_tasks(struct master *m, struct task *t)
{
    struct framework *f = t->framework;

    task_release(m, t);
    m->metrics.tasks_now[t->state]--;
    f->n.active[t->state]--;
    table_remove(&f->tasks, &t->entry);
    if (t->slot != NULL) {
        struct slot *s = t->slot;
        DL_DELETE(s->tasks, t);
        s->task_count--;
        t->slot = NULL;
        slot_drop_if_empty(s);
    }
    t->prev = t->next = NULL;
}

static void task_bury(struct master *m, struct task *t)
{
    t->next = m->dead_tasks;
    m->dead_tasks = t;
}

static void ring_push(struct master *m, struct framework *f, struct task_ring *r, struct task *t, unsigned max)
{
    DL_APPEND(r->head, t);
    r->count++;
    while (r->count > max) {
        struct task *old = r->head;
        DL_DELETE(r->head, old);
        r->count--;
        if (r == &f->unreachable_ring) {
            table_remove(&f->unreachable, &old->entry);
            m->metrics.tasks_unreachable--;
        }
        task_bury(m, old);
    }
}

void task_complete(struct master *m, struct task *t)
{
    struct agent *a = t->slot != NULL ? t->slot->agent : NULL;

    task_leave_tasks(m, t);
    ring_push(m, t->framework, &t->framework->completed, t, m->config.completed_tasks_max);
    if (a != NULL && a->change != AGENT_CHANGE_REMOVED)
        agent_check_drained(m, a);
}

void task_to_unreachable(struct master *m, struct task *t)
{
    struct framework *f = t->framework;

    task_leave_tasks(m, t);
    table_add(&f->unreachable, &t->entry, t->entry.hash);
    m->metrics.tasks_unreachable++;
    ring_push(m, f, &f->unreachable_ring, t, m->config.unreachable_tasks_max);
}

void task_from_unreachable(struct master *m, struct task *t)
{
    struct framework *f = t->framework;

    table_remove(&f->unreachable, &t->entry);
    DL_DELETE(f->unreachable_ring.head, t);
    f->unreachable_ring.count--;
    m->metrics.tasks_unreachable--;
    task_bury(m, t);
}

void task_forget(struct master *m, struct task *t)
{
    task_leave_tasks(m, t);
    task_bury(m, t);
}

/* --- statuses that the master makes --- */

struct str status_make(struct master *m, const struct status_value *v)
{
    sbuf_clear(&m->scratch);
    m->codec->status(&m->scratch, v);
    return act_keep(m, sbuf_view(&m->scratch));
}

void task_watch_updated(struct master *m, const struct task *t, struct str status)
{
    if (!m->watched)
        return;
    struct master_action *w = act(m, MASTER_ACT_WATCH);
    w->watch.kind = WATCH_TASK_UPDATED;
    w->watch.task = t;
    w->watch.framework = t->framework;
    w->watch.bytes = status;
    w->watch.state = t->state;
}
