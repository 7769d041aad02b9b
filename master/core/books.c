/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups, bundles of resources, slots, and the burial of what died in the last step. */
#include <stdlib.h>

#include "master/core/internal.h"

char *text_copy(struct str s)
{
    return xstrndup(s);
}

struct framework *framework_find(const struct master *m, struct str id)
{
    struct framework *f = NULL;
    HASH_FIND(hh, m->frameworks, id.p, id.n, f);
    return f;
}

struct framework *framework_find_completed(const struct master *m, struct str id)
{
    struct framework *f = NULL;
    HASH_FIND(hh, m->completed, id.p, id.n, f);
    return f != NULL && !f->hearsay ? f : NULL;
}

struct agent *agent_find(const struct master *m, struct str id)
{
    struct agent *a = NULL;
    HASH_FIND(hh, m->agents, id.p, id.n, a);
    return a;
}

struct agent *agent_find_pid(const struct master *m, struct str pid)
{
    struct agent *a = NULL;
    HASH_FIND(hh_pid, m->agents_by_pid, pid.p, pid.n, a);
    return a;
}

struct lost_agent *lost_find(const struct master *m, struct str id)
{
    struct lost_agent *l = NULL;
    HASH_FIND(hh, m->lost, id.p, id.n, l);
    return l;
}

uint32_t task_hash(struct str id)
{
    uint64_t h = str_hash(id);
    return (uint32_t)(h ^ h >> 32);
}

static struct task *task_in(const struct table *t, struct str id)
{
    for (struct table_entry *e = table_find(t, task_hash(id)); e != NULL; e = table_find_next(e))
        if (str_eq(task_id_str((struct task *)e), id))
            return (struct task *)e;
    return NULL;
}

struct task *framework_task_find(const struct framework *f, struct str id)
{
    return task_in(&f->tasks, id);
}

struct task *framework_task_unreachable(const struct framework *f, struct str id)
{
    return task_in(&f->unreachable, id);
}

/* An agent has few frameworks, a framework may have many agents: walk the short list. */
struct slot *agent_slot_find(const struct framework *f, const struct agent *a)
{
    for (struct slot *s = a->slots; s != NULL; s = s->a_next)
        if (s->framework == f)
            return s;
    return NULL;
}

struct executor *executor_find(const struct slot *s, struct str id)
{
    if (s == NULL)
        return NULL;
    for (struct executor *e = s->executors; e != NULL; e = e->next)
        if (str_eq(e->info->id.s, id))
            return e;
    return NULL;
}

/* "<master id>-O<n>": the number is the key; the text must be the very one. */
struct offer *offer_find(const struct master *m, struct str id)
{
    size_t prefix = strlen(m->id) + 2;
    uint64_t number;
    struct offer *o = NULL;

    if (id.n <= prefix)
        return NULL;
    struct str rest = str_sub(id, prefix, id.n - prefix);
    if (!str_u64(&rest, UINT64_MAX, &number) || rest.n != 0)
        return NULL;
    HASH_FIND(hh, m->offers, &number, sizeof number, o);
    return o != NULL && str_eq(id, str_of(o->id)) ? o : NULL;
}

struct str pid_id(struct str pid)
{
    return str_sub(pid, 0, str_index(pid, '@'));
}

struct str pid_ip(struct str pid)
{
    size_t at = str_index(pid, '@');
    struct str addr = at < pid.n ? str_sub(pid, at + 1, pid.n) : pid;
    size_t colon = addr.n;

    while (colon > 0 && addr.p[colon - 1] != ':')
        colon--;
    struct str ip = colon > 0 ? str_sub(addr, 0, colon - 1) : addr;
    if (ip.n >= 2 && ip.p[0] == '[')
        ip = str_sub(ip, 1, ip.n - 2);
    return ip;
}

int64_t pid_port(struct str pid)
{
    size_t colon = pid.n;
    uint64_t port;

    while (colon > 0 && pid.p[colon - 1] != ':')
        colon--;
    struct str rest = str_sub(pid, colon, pid.n);
    return colon > 0 && str_u64(&rest, 65535, &port) ? (int64_t)port : 0;
}

/* --- bundles --- */

struct bundle *bundle_ref(struct bundle *b)
{
    b->refs++;
    return b;
}

struct bundle *bundle_of(struct master *m, const struct resources *r)
{
    uint64_t hash = resources_hash(r);
    struct bundle *b = NULL;

    HASH_FIND(hh, m->bundles, &hash, sizeof hash, b);
    if (b != NULL && resources_eq(&b->r, r))
        return bundle_ref(b);
    struct bundle *made = xcalloc(1, sizeof *made);
    made->hash = hash;
    made->refs = 1;
    made->r = resources_copy(r);
    if (b == NULL) /* on a collision the second one is not shared */
        HASH_ADD(hh, m->bundles, hash, sizeof made->hash, made);
    return made;
}

void bundle_unref(struct master *m, struct bundle *b)
{
    if (b == NULL || --b->refs > 0)
        return;
    struct bundle *shared = NULL;
    HASH_FIND(hh, m->bundles, &b->hash, sizeof b->hash, shared);
    if (shared == b)
        HASH_DELETE(hh, m->bundles, b);
    resources_done(&b->r);
    free(b);
}

/* --- slots --- */

struct slot *agent_slot_get(struct master *m, struct framework *f, struct agent *a)
{
    struct slot *s = agent_slot_find(f, a);

    (void)m;
    if (s != NULL)
        return s;
    s = xcalloc(1, sizeof *s);
    s->framework = f;
    s->agent = a;
    DL_APPEND2(a->slots, s, a_prev, a_next);
    DL_APPEND2(f->slots, s, f_prev, f_next);
    return s;
}

void slot_drop_if_empty(struct slot *s)
{
    if (s->tasks != NULL || s->executors != NULL)
        return;
    DL_DELETE2(s->agent->slots, s, a_prev, a_next);
    DL_DELETE2(s->framework->slots, s, f_prev, f_next);
    resources_done(&s->used);
    free(s);
}

struct resources agent_used(const struct agent *a)
{
    struct resources r = RESOURCES_INIT;
    for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
        resources_add_all(&r, &s->used);
    return r;
}

struct resources agent_offered(const struct agent *a)
{
    struct resources r = RESOURCES_INIT;
    for (const struct offer *o = a->offers; o != NULL; o = o->a_next)
        resources_add_all(&r, &o->resources);
    return r;
}

struct resources framework_used(const struct framework *f)
{
    struct resources r = RESOURCES_INIT;
    for (const struct slot *s = f->slots; s != NULL; s = s->f_next)
        resources_add_all(&r, &s->used);
    return r;
}

struct resources framework_offered(const struct framework *f)
{
    struct resources r = RESOURCES_INIT;
    for (const struct offer *o = f->offers; o != NULL; o = o->f_next)
        resources_add_all(&r, &o->resources);
    return r;
}

/* --- lost agents --- */

static size_t *lost_counter(struct master *m, enum lost_kind kind)
{
    switch (kind) {
    case LOST_RECOVERED:
        return &m->recovered_count;
    case LOST_UNREACHABLE:
        return &m->unreachable_count;
    case LOST_GONE:
        return &m->gone_count;
    }
    assert_failed("kind of a lost agent", __FILE__, __LINE__);
}

struct lost_agent *lost_set(struct master *m, struct str id, enum lost_kind kind)
{
    struct lost_agent *l = lost_find(m, id);

    if (l != NULL) {
        --*lost_counter(m, l->kind);
    } else {
        l = xcalloc(1, sizeof *l);
        l->id = text_copy(id);
        HASH_ADD_KEYPTR(hh, m->lost, l->id, id.n, l);
    }
    l->kind = kind;
    ++*lost_counter(m, kind);
    return l;
}

void lost_remove(struct master *m, struct lost_agent *l)
{
    --*lost_counter(m, l->kind);
    HASH_DELETE(hh, m->lost, l);
    agent_info_unref(l->info);
    free(l->id);
    free(l);
}

/* --- burial --- */

static void task_free(struct master *m, struct task *t)
{
    name_unref(t->agent_id);
    name_unref(t->executor_id);
    bundle_unref(m, t->bundle);
    free(t->statuses.p);
    free(t);
}

void task_ring_free(struct master *m, struct task_ring *r)
{
    struct task *t, *next;

    DL_FOREACH_SAFE(r->head, t, next)
        task_free(m, t);
    *r = (struct task_ring){ NULL, 0 };
}

void framework_free(struct master *m, struct framework *f)
{
    for (struct task *t; (t = framework_tasks(f)) != NULL;) {
        table_remove(&f->tasks, &t->entry);
        task_free(m, t);
    }
    while (f->unreachable.first != NULL)
        table_remove(&f->unreachable, f->unreachable.first);
    task_ring_free(m, &f->unreachable_ring);
    task_ring_free(m, &f->completed);
    framework_info_unref(f->info);
    framework_id_done(&f->id);
    free(f->pid);
    offer_constraints_unref(f->constraints);
    free(f->batch);
    free(f->inverse_batch);
    free(f);
}

static void operation_free(struct agent_operation *o)
{
    free(o->id);
    free(o->framework_id);
    free((void *)(uintptr_t)o->info.p);
    free((void *)(uintptr_t)o->latest.p);
    resources_done(&o->consumed);
    free(o);
}

void agent_free(struct master *m, struct agent *a)
{
    (void)m;
    struct slot *s, *next;
    DL_FOREACH_SAFE2(a->slots, s, next, a_next) {
        struct executor *e, *e_next;
        DL_FOREACH_SAFE(s->executors, e, e_next) {
            executor_info_unref(e->info);
            free(e);
        }
        resources_done(&s->used);
        free(s);
    }
    agent_info_unref(a->info);
    free(a->pid);
    free(a->version);
    resources_done(&a->total);
    free(a);
}

void master_bury(struct master *m)
{
    while (m->dead_tasks != NULL) {
        struct task *t = m->dead_tasks;
        m->dead_tasks = t->next;
        task_free(m, t);
    }
    while (m->dead_offers != NULL) {
        struct offer *o = m->dead_offers;
        m->dead_offers = o->t_next;
        resources_done(&o->resources);
        name_unref(o->role);
        free(o);
    }
    while (m->dead_inverse != NULL) {
        struct inverse_offer *o = m->dead_inverse;
        m->dead_inverse = o->a_next;
        free(o);
    }
    while (m->dead_operations != NULL) {
        struct agent_operation *o = m->dead_operations;
        m->dead_operations = o->next;
        operation_free(o);
    }
    while (m->dead_agents != NULL) {
        struct agent *a = m->dead_agents;
        m->dead_agents = a->g_next;
        agent_free(m, a);
    }
    while (m->dead_frameworks != NULL) {
        struct framework *f = m->dead_frameworks;
        m->dead_frameworks = f->c_next;
        framework_free(m, f);
    }
}

void window_done(struct window *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free((void *)(uintptr_t)w->machines[i].hostname.p);
        free((void *)(uintptr_t)w->machines[i].ip.p);
    }
    free(w->machines);
    *w = (struct window){ 0 };
}

struct agent *agent_of_ref(const struct master *m, struct agent_ref r)
{
    struct agent *a = r.slot < m->agent_by_ref_cap ? m->agent_by_ref[r.slot] : NULL;

    return a != NULL && agent_ref_eq(a->ref, r) ? a : NULL;
}

struct framework *framework_of_ref(const struct master *m, struct framework_ref r)
{
    struct framework *f = r.slot < m->by_ref_cap ? m->by_ref[r.slot] : NULL;

    return f != NULL && framework_ref_eq(f->ref, r) ? f : NULL;
}

void master_next_framework_id(const struct master *m, char ret[MASTER_ID_TEXT])
{
    (void)snprintf(ret, MASTER_ID_TEXT, "%s-%04llu", m->id, (unsigned long long)m->next_framework);
}
