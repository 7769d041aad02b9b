/* SPDX-License-Identifier: Apache-2.0 */
/* Every invariant of the books, found by adding up from scratch. */
#include <stdarg.h>
#include <stdio.h>

#include "master/core/internal.h"

static const char *bad(struct master *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *bad(struct master *m, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(m->check_text, sizeof m->check_text, fmt, ap); /* a cut text still tells */
    va_end(ap);
    return m->check_text;
}

static const char *check_slot(struct master *m, const struct slot *s)
{
    CLEANUP(resources_done_p) struct resources sum = RESOURCES_INIT;
    size_t count = 0;

    for (const struct executor *e = s->executors; e != NULL; e = e->next)
        resources_add_all(&sum, &e->info->resources);
    for (const struct task *t = s->tasks; t != NULL; t = t->next) {
        count++;
        if (t->slot != s || t->framework != s->framework)
            return bad(m, "task %.*s is in a list that is not its own", STR_ARG(task_id_str(t)));
        if (framework_task_find(s->framework, task_id_str(t)) != t)
            return bad(m, "task %.*s is not in its framework's table", STR_ARG(task_id_str(t)));
        bool holds = (t->flags & TASK_FLAG_HOLDS) != 0;
        if (holds == task_state_is_terminal(t->state))
            return bad(m, "task %.*s in state %s holds resources: %d", STR_ARG(task_id_str(t)),
                       task_state_name(t->state), holds);
        if (holds)
            resources_add_all(&sum, &t->bundle->r);
    }
    if (count != s->task_count)
        return bad(m, "slot of %.*s counts %zu tasks, has %zu", STR_ARG(s->framework->id.s), s->task_count, count);
    if (!resources_eq(&sum, &s->used))
        return bad(m, "used of %.*s on %.*s is not the sum of its tasks", STR_ARG(s->framework->id.s),
                   STR_ARG(agent_id_str(s->agent)));
    return NULL;
}

static const char *check_agent(struct master *m, const struct agent *a)
{
    CLEANUP(resources_done_p) struct resources sum = RESOURCES_INIT;

    if (agent_of_ref(m, a->ref) != a)
        return bad(m, "agent %.*s is not found by its reference", STR_ARG(agent_id_str(a)));
    for (const struct slot *s = a->slots; s != NULL; s = s->a_next) {
        const char *why = check_slot(m, s);
        if (why != NULL)
            return why;
        resources_add_all(&sum, &s->used);
        /* Until the agent has said what became of it, it holds what may not be there any more, or what was made for it. */
        for (const struct task *t = s->tasks; t != NULL; t = t->next)
            if ((t->flags & TASK_FLAG_MISSING) != 0 && (t->flags & TASK_FLAG_HOLDS) != 0)
                resources_sub_all(&sum, &t->bundle->r);
    }
    for (const struct offer *o = a->offers; o != NULL; o = o->a_next) {
        if (!agent_is_active(a))
            return bad(m, "agent %.*s is not active but has offer %s out", STR_ARG(agent_id_str(a)), o->id);
        if (!framework_is_active(o->framework))
            return bad(m, "offer %s belongs to framework %.*s, which is not active", o->id,
                       STR_ARG(o->framework->id.s));
        resources_add_all(&sum, &o->resources);
    }
    resources_unallocate(&sum);
    CLEANUP(resources_done_p) struct resources unshared = resources_nonshared(&sum);
    if (!resources_contains(&a->total, &unshared))
        return bad(m, "agent %.*s: offered and used are more than its total", STR_ARG(agent_id_str(a)));
    return NULL;
}

static const char *check_framework(struct master *m, const struct framework *f)
{
    if (framework_of_ref(m, f->ref) != f)
        return bad(m, "framework %.*s is not found by its reference", STR_ARG(f->id.s));
    if (f->pid != NULL) {
        struct framework *by_pid = NULL;
        HASH_FIND(hh_pid, m->frameworks_by_pid, f->pid, strlen(f->pid), by_pid);
        if (by_pid != f)
            return bad(m, "framework %.*s is not found by its pid", STR_ARG(f->id.s));
    }
    for (const struct task *t = framework_tasks(f); t != NULL; t = task_next(t))
        if (t->slot == NULL || t->slot->framework != f)
            return bad(m, "task %.*s of %.*s is on no agent", STR_ARG(task_id_str(t)), STR_ARG(f->id.s));
    for (const struct offer *o = f->offers; o != NULL; o = o->f_next)
        if (offer_find(m, str_of(o->id)) != o)
            return bad(m, "offer %s is not in the table", o->id);
    return NULL;
}

const char *master_check(const struct master *cm)
{
    struct master *m = (struct master *)(uintptr_t)cm; /* only the text is written */
    struct error err;
    uint64_t now[TASK_STATE_COUNT] = { 0 };

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        const char *why = check_agent(m, a);
        if (why != NULL)
            return why;
    }
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next) {
        const char *why = check_framework(m, f);
        if (why != NULL)
            return why;
        for (const struct task *t = framework_tasks(f); t != NULL; t = task_next(t))
            now[t->state]++;
    }
    for (int s = 0; s < TASK_STATE_COUNT; s++)
        if (now[s] != m->metrics.tasks_now[s])
            return bad(m, "%s counts %llu tasks, there are %llu", task_state_name((enum task_state)s),
                       (unsigned long long)m->metrics.tasks_now[s], (unsigned long long)now[s]);
    if (allocator_check(m->allocator, &err) != 0)
        return bad(m, "%s", err.msg);
    return NULL;
}
