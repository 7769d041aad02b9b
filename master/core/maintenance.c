/* SPDX-License-Identifier: Apache-2.0 */
/* Machines in maintenance: the schedule, DRAINING and DOWN machines, and what their agents' frameworks answered.
 *
 *   UP ──in a window──> DRAINING ──START_MAINTENANCE──> DOWN ──STOP_MAINTENANCE──> UP (and out of the schedule)
 *
 * An agent belongs to the machine with its hostname (any case) and the ip of its pid; an entry that lacks one of them never
 * matches an agent. Source: operator API, section 4.2; scheduler API, section 15. */
#include <stdlib.h>

#include "master/core/internal.h"

static void machine_changed(struct master *m, const struct machine_id *id)
{
    for (struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        char one[MACHINE_KEY_MAX + 1], two[MACHINE_KEY_MAX + 1];
        if (a->ref.gen == 0 || !str_eq(machine_key(str_of(a->info->hostname), pid_ip(str_of(a->pid)), one),
                                       machine_key(id->hostname, id->ip, two)))
            continue;
        offers_rescind_agent(m, a);
        inverses_rescind_agent(m, a, RESCIND_TELL);
        allocator_unavailability_set(m->allocator, a->ref, NULL);
        maintenance_apply_agent(m, a);
    }
}

/* --- validation --- */

static struct str machine_text(struct master *m, const struct machine_id *id)
{
    if (id->ip.n == 0)
        return act_keep_fmt(m, "{\"hostname\":\"%.*s\"}", STR_ARG(id->hostname));
    if (id->hostname.n == 0)
        return act_keep_fmt(m, "{\"ip\":\"%.*s\"}", STR_ARG(id->ip));
    return act_keep_fmt(m, "{\"hostname\":\"%.*s\",\"ip\":\"%.*s\"}", STR_ARG(id->hostname), STR_ARG(id->ip));
}

static bool ip4_ok(struct str ip)
{
    for (int i = 0; i < 4; i++) {
        uint64_t v;
        if (!str_u64(&ip, 255, &v) || (i < 3 && !str_skip(&ip, STR("."))))
            return false;
    }
    return ip.n == 0;
}

enum { HOSTNAME_BYTES_MAX = 255 }; /* as DNS; it is part of a record's key */

static struct str machine_refused(struct master *m, const struct machine_id *id)
{
    if (id->hostname.n == 0 && id->ip.n == 0)
        return STR("Both 'hostname' and 'ip' for a machine are empty");
    if (id->hostname.n > HOSTNAME_BYTES_MAX)
        return act_keep_fmt(m, "The hostname '%.*s...' has %zu bytes; up to %d are taken", STR_ARG(str_sub(id->hostname, 0, 40)), id->hostname.n,
                        (int)HOSTNAME_BYTES_MAX);
    if (id->ip.n != 0 && !ip4_ok(id->ip))
        return act_keep_fmt(m, "Failed to parse IP address '%.*s'", STR_ARG(id->ip));
    return (struct str){ NULL, 0 };
}

/* The machines of a schedule by their keys, so that each is found in one look. */
struct scheduled {
    struct str key; /* the actions' */
    const struct machine_id *id;
};

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct scheduled *)a)->key, ((const struct scheduled *)b)->key);
}

static struct str key_kept(struct master *m, struct str hostname, struct str ip)
{
    char buf[MACHINE_KEY_MAX + 1];

    return act_keep(m, machine_key(hostname, ip, buf));
}

static struct scheduled *schedule_sorted(struct master *m, const struct window *windows, size_t count, size_t *ret_n)
{
    size_t n = 0;

    for (size_t w = 0; w < count; w++)
        n += windows[w].count;
    struct scheduled *v = arena_array(&m->arena, n + 1, sizeof *v);
    ASSERT(v != NULL);
    n = 0;
    for (size_t w = 0; w < count; w++)
        for (size_t i = 0; i < windows[w].count; i++) {
            const struct machine_id *id = &windows[w].machines[i];
            v[n++] = (struct scheduled){ key_kept(m, id->hostname, id->ip), id };
        }
    qsort(v, n, sizeof *v, by_key);
    *ret_n = n;
    return v;
}

static struct str schedule_refused(struct master *m, const struct window *windows, size_t count)
{
    for (size_t w = 0; w < count; w++) {
        const struct window *x = &windows[w];
        if (x->count == 0)
            return STR("List of machines in the maintenance window is empty");
        if (x->duration_ns < -1)
            return STR("Unavailability 'duration' is negative");
        for (size_t i = 0; i < x->count; i++) {
            struct str why = machine_refused(m, &x->machines[i]);
            if (why.p != NULL)
                return why;
        }
    }
    size_t n;
    const struct scheduled *v = schedule_sorted(m, windows, count, &n);
    for (size_t i = 1; i < n; i++)
        if (str_eq(v[i].key, v[i - 1].key))
            return act_keep_fmt(m, "Machine '%.*s' appears more than once in the schedule", STR_ARG(machine_text(m, v[i].id)));
    for (const struct machine *mc = m->machines; mc != NULL; mc = mc->hh.next) {
        struct machine_id id = { str_of(mc->hostname), str_of(mc->ip) };
        struct scheduled wanted = { key_kept(m, id.hostname, id.ip), &id };
        if (mc->mode == MACHINE_DOWN && bsearch(&wanted, v, n, sizeof *v, by_key) == NULL)
            return act_keep_fmt(m, "Machine '%.*s' is deactivated and cannot be removed from the schedule",
                            STR_ARG(machine_text(m, &id)));
    }
    return (struct str){ NULL, 0 };
}

/* --- calls --- */

static struct machine_id machine_id_copy(const struct machine_id *id)
{
    return (struct machine_id){ { text_copy(id->hostname), id->hostname.n }, { text_copy(id->ip), id->ip.n } };
}

static struct window *windows_copy(const struct maintenance_window *v, size_t n)
{
    struct window *w = xcalloc(n, sizeof *w);

    for (size_t i = 0; i < n; i++) {
        w[i].count = v[i].count;
        w[i].start_ns = v[i].start_ns;
        w[i].duration_ns = v[i].duration_ns;
        w[i].machines = xcalloc(v[i].count, sizeof *w[i].machines);
        for (size_t j = 0; j < v[i].count; j++)
            w[i].machines[j] = machine_id_copy(&v[i].machines[j]);
    }
    return w;
}

static const struct maintenance_window *windows_view(struct master *m, const struct window *w, size_t n)
{
    struct maintenance_window *v = arena_array(&m->arena, n + 1, sizeof *v);

    ASSERT(v != NULL);
    for (size_t i = 0; i < n; i++)
        v[i] = (struct maintenance_window){ w[i].machines, w[i].count, w[i].start_ns, w[i].duration_ns };
    return v;
}

static void machine_mark(const struct master *m, const struct machine_id *id, bool marked)
{
    struct machine *mc = machine_find(m, id->hostname, id->ip);

    if (mc != NULL)
        mc->marked = marked;
}

/* Machines follow the schedule: new ones drain, those that left are up again. */
static void schedule_apply(struct master *m, bool tell)
{
    struct machine *mc, *next;

    for (size_t i = 0; i < m->window_count; i++)
        for (size_t j = 0; j < m->windows[i].count; j++)
            machine_mark(m, &m->windows[i].machines[j], true);
    HASH_ITER(hh, m->machines, mc, next) {
        bool stays = mc->mode == MACHINE_DOWN || mc->marked;
        mc->marked = false;
        if (stays)
            continue;
        struct machine_id id = { act_keep(m, str_of(mc->hostname)), act_keep(m, str_of(mc->ip)) };
        machine_drop(m, mc);
        if (tell)
            machine_changed(m, &id);
    }
    for (size_t i = 0; i < m->window_count; i++)
        for (size_t j = 0; j < m->windows[i].count; j++) {
            const struct window *w = &m->windows[i];
            mc = machine_get(m, &w->machines[j]);
            bool same = mc->mode != MACHINE_UP && mc->start_ns == w->start_ns && mc->duration_ns == w->duration_ns;
            mc->start_ns = w->start_ns;
            mc->duration_ns = w->duration_ns;
            if (mc->mode == MACHINE_UP)
                mc->mode = MACHINE_DRAINING;
            if (same)
                continue;
            machine_forget_answers(mc);
            if (tell)
                machine_changed(m, &w->machines[j]);
        }
}

/* --- one change after the other --- */

static struct str machines_refused(struct master *m, const struct pending *p)
{
    bool down = p->kind == PENDING_START_MAINTENANCE;

    for (size_t i = 0; i < p->machine_count; i++) {
        const struct machine_id *id = &p->machines[i];
        const struct machine *mc = machine_find(m, id->hostname, id->ip);
        struct str why = machine_refused(m, id);
        if (why.p == NULL && down && mc == NULL)
            why = act_keep_fmt(m, "Machine '%.*s' is not part of a maintenance schedule", STR_ARG(machine_text(m, id)));
        else if (why.p == NULL && down && mc->mode != MACHINE_DRAINING)
            why = act_keep_fmt(m, "Machine '%.*s' is not in DRAINING mode and cannot be brought down",
                           STR_ARG(machine_text(m, id)));
        else if (why.p == NULL && !down && (mc == NULL || mc->mode != MACHINE_DOWN))
            why = act_keep_fmt(m, "Machine '%.*s' is not in DOWN mode and cannot be brought up", STR_ARG(machine_text(m, id)));
        if (why.p != NULL)
            return why;
    }
    return (struct str){ NULL, 0 };
}

/* The schedule without these machines. */
static void schedule_without(struct master *m, struct pending *p)
{
    struct window *w = windows_copy(windows_view(m, m->windows, m->window_count), m->window_count);
    size_t kept = 0;

    for (size_t i = 0; i < p->machine_count; i++)
        machine_mark(m, &p->machines[i], true);
    for (size_t i = 0; i < m->window_count; i++) {
        size_t left = 0;
        for (size_t j = 0; j < w[i].count; j++) {
            const struct machine *mc = machine_find(m, w[i].machines[j].hostname, w[i].machines[j].ip);
            if (mc != NULL && mc->marked) {
                free((void *)(uintptr_t)w[i].machines[j].hostname.p);
                free((void *)(uintptr_t)w[i].machines[j].ip.p);
            } else {
                w[i].machines[left++] = w[i].machines[j];
            }
        }
        w[i].count = left;
        if (left == 0)
            window_done(&w[i]);
        else
            w[kept++] = w[i];
    }
    for (size_t i = 0; i < p->machine_count; i++)
        machine_mark(m, &p->machines[i], false);
    p->windows = w;
    p->window_count = kept;
}

static void change_store(struct master *m, struct pending *p)
{
    struct registry_record *recs = arena_array(&m->arena, p->machine_count + 1, sizeof *recs);
    size_t n = p->machine_count;
    bool down = p->kind == PENDING_START_MAINTENANCE;

    ASSERT(recs != NULL);
    for (size_t i = 0; i < n; i++)
        recs[i] = (struct registry_record){ .kind = RECORD_MACHINE, .deleted = !down, .machine = p->machines[i],
                                            .id = key_kept(m, p->machines[i].hostname, p->machines[i].ip), .mode = MACHINE_DOWN };
    if (p->kind == PENDING_STOP_MAINTENANCE)
        schedule_without(m, p);
    if (!down)
        recs[n++] = (struct registry_record){ .kind = RECORD_SCHEDULE, .windows = windows_view(m, p->windows, p->window_count),
                                              .window_count = p->window_count, .deleted = p->window_count == 0 };
    pending_store(m, p, recs, n);
}

/* Takes p over: stores it, or answers why not. What it rests on is only known when no other change is on its way. */
static void change_begin(struct master *m, struct pending *p)
{
    struct str why = p->kind == PENDING_SCHEDULE ? schedule_refused(m, p->windows, p->window_count) : machines_refused(m, p);

    if (why.p != NULL) {
        act_answer(m, p->request, 400, "%.*s", STR_ARG(why));
        pending_free(p);
        return;
    }
    m->maintenance_changes = true;
    DL_APPEND(m->pendings, p);
    change_store(m, p);
}

enum { CHANGES_WAITING_MAX = 1000 };

static void change_take(struct master *m, struct pending *p)
{
    if (!m->maintenance_changes) {
        change_begin(m, p);
    } else if (m->maintenance_waiting_count == CHANGES_WAITING_MAX) {
        act_answer(m, p->request, 503, "%d changes of the maintenance schedule wait for the registry; try again later", (int)CHANGES_WAITING_MAX);
        pending_free(p);
    } else {
        DL_APPEND(m->maintenance_waiting, p);
        m->maintenance_waiting_count++;
    }
}

static void changes_go_on(struct master *m)
{
    m->maintenance_changes = false;
    while (m->maintenance_waiting != NULL && !m->maintenance_changes) {
        struct pending *p = m->maintenance_waiting;
        DL_DELETE(m->maintenance_waiting, p);
        m->maintenance_waiting_count--;
        change_begin(m, p);
    }
}

void operator_schedule(struct master *m, struct request_ref r, const struct operator_request *q)
{
    struct pending *p = pending_new(PENDING_SCHEDULE);

    p->request = r;
    p->windows = windows_copy(q->windows, q->window_count);
    p->window_count = q->window_count;
    change_take(m, p);
}

void operator_machines(struct master *m, struct request_ref r, const struct operator_request *q, bool down)
{
    struct pending *p = pending_new(down ? PENDING_START_MAINTENANCE : PENDING_STOP_MAINTENANCE);

    p->request = r;
    p->machines = xcalloc(q->machine_count, sizeof *p->machines);
    p->machine_count = q->machine_count;
    for (size_t i = 0; i < q->machine_count; i++)
        p->machines[i] = machine_id_copy(&q->machines[i]);
    change_take(m, p);
}

/* --- stored --- */

static void windows_take(struct master *m, struct pending *p)
{
    for (size_t i = 0; i < m->window_count; i++)
        window_done(&m->windows[i]);
    free(m->windows);
    m->windows = TAKE(p->windows);
    m->window_count = p->window_count;
    p->window_count = 0;
}

void agent_take_down(struct master *m, struct agent *a)
{
    const struct machine *mc = machine_of_agent(m, a);

    if (mc == NULL || mc->mode != MACHINE_DOWN || a->change != AGENT_CHANGE_NONE)
        return;
    agent_shutdown(m, str_of(a->pid), "Operator initiated 'Machine DOWN'");
    struct pending *p = pending_add(m, PENDING_REMOVE);
    struct registry_record del = { .kind = RECORD_AGENT, .deleted = true, .id = agent_id_str(a) };
    p->agent_id = text_copy(agent_id_str(a));
    p->reason = "Operator initiated 'Machine DOWN'";
    a->change = AGENT_CHANGE_REMOVED;
    pending_store(m, p, &del, 1);
}

static void machines_down(struct master *m, const struct machine_id *v, size_t n)
{
    struct agent *a, *next;

    for (size_t i = 0; i < n; i++)
        machine_get(m, &v[i])->mode = MACHINE_DOWN;
    HASH_ITER(hh, m->agents, a, next)
    agent_take_down(m, a);
}

void maintenance_stored(struct master *m, struct pending *p)
{
    if (p->kind == PENDING_SCHEDULE) {
        windows_take(m, p);
        schedule_apply(m, true);
    } else if (p->kind == PENDING_START_MAINTENANCE) {
        machines_down(m, p->machines, p->machine_count);
    } else {
        for (size_t i = 0; i < p->machine_count; i++) {
            struct machine *mc = machine_find(m, p->machines[i].hostname, p->machines[i].ip);
            if (mc != NULL)
                machine_drop(m, mc);
        }
        windows_take(m, p);
        schedule_apply(m, true);
    }
    act_answer(m, p->request, 200, "%s", "");
    changes_go_on(m);
}

void maintenance_recovered(struct master *m, const struct registry_record *r)
{
    if (r->kind == RECORD_MACHINE) {
        machine_get(m, &r->machine)->mode = r->mode;
        return;
    }
    m->windows = windows_copy(r->windows, r->window_count);
    m->window_count = r->window_count;
    schedule_apply(m, false);
}
