/* SPDX-License-Identifier: Apache-2.0 */
/* /state and its parts, /state-summary, /tasks. */
#include <math.h>
#include <stdlib.h>

#include "master/wire/view_json.h"

/* --- /version, /state, /slaves, /frameworks --- */

void view_version(const struct view *v, struct sbuf *b)
{
    struct jsonw w = JSONW(b);

    jsonw_open(&w);
    jsonw_key_c(&w, "build_date", v->build_date);
    jsonw_key_double(&w, "build_time", v->build_time);
    jsonw_key_c(&w, "build_user", v->build_user);
    jsonw_key_c(&w, "version", v->version);
    jsonw_close(&w);
}

static void state_head(struct jsonw *w, const struct view *v)
{
    const struct master *m = v->m;
    size_t active = 0, inactive = 0;

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next)
        if (agent_is_active(a))
            active++;
        else
            inactive++;
    jsonw_key_c(w, "version", v->version);
    jsonw_key_c(w, "build_date", v->build_date);
    jsonw_key_double(w, "build_time", v->build_time);
    jsonw_key_c(w, "build_user", v->build_user);
    jsonw_key_double(w, "start_time", v->start_time);
    jsonw_key_double(w, "elected_time", v->elected_time);
    jsonw_key_c(w, "id", m->id);
    jsonw_key_c(w, "pid", v->pid);
    jsonw_key_c(w, "hostname", v->hostname);
    jsonw_key_array(w, "capabilities");
    jsonw_c(w, "AGENT_UPDATE");
    jsonw_c(w, "AGENT_DRAINING");
    jsonw_c(w, "QUOTA_V2");
    jsonw_array_close(w);
    jsonw_key_double(w, "activated_slaves", (double)active);
    jsonw_key_double(w, "deactivated_slaves", (double)inactive);
    jsonw_key_double(w, "unreachable_slaves", (double)m->unreachable_count);
    view_key_domain(w, v->region, v->zone);
    jsonw_key_c(w, "leader", v->pid);
    jsonw_key_open(w, "leader_info");
    jsonw_key_c(w, "id", m->id);
    jsonw_key_c(w, "pid", v->pid);
    jsonw_key_i64(w, "port", v->port);
    jsonw_key_c(w, "hostname", v->hostname);
    view_key_domain(w, v->region, v->zone);
    jsonw_close(w);
    if (v->cluster != NULL)
        jsonw_key_c(w, "cluster", v->cluster);
    if (v->log_dir != NULL)
        jsonw_key_c(w, "log_dir", v->log_dir);
    if (v->external_log_file != NULL)
        jsonw_key_c(w, "external_log_file", v->external_log_file);
    if (!view_may(v, ACL_VIEW_FLAGS, (struct str){ NULL, 0 }))
        return;
    jsonw_key(w, "flags");
    jsonw_raw(w, v->flags_json);
}

void view_state(const struct view *v, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    state_head(&w, v);
    view_agent_lists(&w, v, (struct str){ NULL, 0 }, false);
    view_framework_arrays(&w, v, (struct str){ NULL, 0 });
    view_empty_array(&w, "orphan_tasks");
    view_empty_array(&w, "unregistered_frameworks");
    jsonw_close(&w);
}

void view_slaves(const struct view *v, const struct view_query *q, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    view_agent_lists(&w, v, q->slave_id, true);
    jsonw_close(&w);
}

void view_frameworks(const struct view *v, const struct view_query *q, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    view_framework_arrays(&w, v, q->framework_id);
    view_empty_array(&w, "unregistered_frameworks");
    jsonw_close(&w);
}

/* --- summary --- */

static const enum task_state counted[] = { TASK_STAGING, TASK_STARTING, TASK_RUNNING, TASK_KILLING, TASK_FINISHED, TASK_KILLED,
                                           TASK_FAILED,  TASK_LOST,     TASK_ERROR,   TASK_UNREACHABLE };

static void write_counts(struct jsonw *w, const unsigned *n)
{
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        jsonw_key_u64(w, task_state_name(counted[i]), n[counted[i]]);
}

static void count_ring(const struct framework *f, struct name *agent, unsigned *n)
{
    for (const struct task *t = f->completed.head; t != NULL; t = t->next)
        if (agent == NULL || t->agent_id == agent)
            n[t->state]++;
    for (const struct task *t = f->unreachable_ring.head; t != NULL; t = t->next)
        if (agent == NULL || t->agent_id == agent)
            n[TASK_UNREACHABLE]++;
}

static void summary_agent(struct jsonw *w, const struct view *v, const struct agent *a)
{
    const struct master *m = v->m;
    unsigned n[TASK_STATE_COUNT] = { 0 };
    struct name *id = name_find(agent_id_str(a)); /* NULL: no task ever named it */

    jsonw_open(w);
    view_agent_keys(w, v, a);
    for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
        for (const struct task *t = s->tasks; t != NULL; t = t->next)
            n[t->state]++;
    for (const struct framework *f = m->frameworks; f != NULL && id != NULL; f = f->hh.next)
        count_ring(f, id, n);
    write_counts(w, n); /* without completed frameworks, as the original counts */
    jsonw_key_array(w, "framework_ids");
    for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
        if (view_framework_shown(v, s->framework, (struct str){ NULL, 0 }))
            jsonw_str(w, s->framework->id.s);
    jsonw_array_close(w);
    jsonw_close(w);
    jsonw_spill(w);
}

static void summary_framework(struct jsonw *w, const struct framework *f)
{
    unsigned n[TASK_STATE_COUNT] = { 0 };

    memcpy(n, f->n.active, sizeof n);
    count_ring(f, NULL, n);
    jsonw_open(w);
    view_framework_keys(w, f);
    write_counts(w, n);
    jsonw_key_array(w, "slave_ids");
    for (const struct slot *s = f->slots; s != NULL; s = s->f_next)
        jsonw_str(w, agent_id_str(s->agent));
    jsonw_array_close(w);
    jsonw_close(w);
    jsonw_spill(w);
}

void view_state_summary(const struct view *v, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    jsonw_key_c(&w, "hostname", v->hostname);
    if (v->cluster != NULL)
        jsonw_key_c(&w, "cluster", v->cluster);
    jsonw_key_array(&w, "slaves");
    for (const struct agent *a = v->m->agents; a != NULL; a = a->hh.next)
        summary_agent(&w, v, a);
    jsonw_array_close(&w);
    jsonw_key_array(&w, "frameworks");
    for (const struct framework *f = v->m->frameworks; f != NULL; f = f->hh.next)
        if (view_framework_shown(v, f, (struct str){ NULL, 0 }))
            summary_framework(&w, f);
    jsonw_array_close(&w);
    jsonw_close(&w);
}

/* --- /tasks --- */

struct stamped {
    double at;
    size_t order; /* breaks ties: as found */
    const struct task *t;
};

static int by_stamp(const void *a, const void *b)
{
    const struct stamped *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static int by_stamp_last(const void *a, const void *b)
{
    return by_stamp(b, a);
}

typedef int stamp_order(const void *a, const void *b);

/* The first count in this order come to the front and are sorted: most answers show a hundred of very many. */
static void sort_first(struct stamped *v, size_t n, size_t count, stamp_order *order)
{
    size_t from = 0, to = n;

    while (to - from > 16 && count > from && count < to) {
        struct stamped pivot = v[from + (to - from) / 2];
        size_t i = from, j = to - 1;
        for (;; i++, j--) {
            while (order(&v[i], &pivot) < 0)
                i++;
            while (order(&pivot, &v[j]) < 0)
                j--;
            if (i >= j)
                break;
            struct stamped x = v[i];
            v[i] = v[j];
            v[j] = x;
        }
        if (count <= j)
            to = j + 1;
        else
            from = j + 1;
    }
    size_t end = count > from ? to : from; /* what lies within from .. to is not told apart */
    if (end != 0)
        qsort(v, end, sizeof *v, order);
}

struct task_set {
    struct stamped *v;
    size_t n, cap;
    const struct view_query *q;
    const struct view *view;
};

static void task_set_add(struct task_set *s, const struct task *t)
{
    size_t at = 0;
    enum task_state state;
    struct str first;

    if ((s->q->task_id.n != 0 && !str_eq(s->q->task_id, task_id_str(t))) ||
        !view_may_see_task(s->view, t))
        return;
    if (s->n == s->cap) {
        size_t cap = s->cap != 0 ? s->cap * 2 : 64;
        struct stamped *v = realloc(s->v, cap * sizeof *v);
        if (v == NULL)
            return;
        s->v = v;
        s->cap = cap;
    }
    double when = status_log_next(&t->statuses, &at, &state, &first) ? wire_field_double(first, 6, 0) : 0;
    s->v[s->n] = (struct stamped){ isnan(when) ? 0 : when, s->n, t }; /* executors say when; it must have an order */
    s->n++;
}

static void task_set_framework(struct task_set *s, const struct framework *f)
{
    if (!view_framework_shown(s->view, f, s->q->framework_id))
        return;
    for (const struct task *t = framework_tasks(f), *next; t != NULL; t = next) {
        next = task_next(t);
        task_prefetch(next, next != NULL ? task_next(next) : NULL);
        task_set_add(s, t);
    }
    for (const struct task *t = f->unreachable_ring.head; t != NULL; t = t->next)
        task_set_add(s, t);
    for (const struct task *t = f->completed.head; t != NULL; t = t->next) {
        task_prefetch(t->next, t->next != NULL ? t->next->next : NULL);
        task_set_add(s, t);
    }
}

void view_tasks(const struct view *v, const struct view_query *q, struct sbuf *b)
{
    struct task_set s = { .q = q, .view = v };
    struct jsonw w = view_jsonw(v, b);

    for (const struct framework *f = v->m->frameworks; f != NULL; f = f->hh.next)
        task_set_framework(&s, f);
    for (const struct framework *f = v->m->completed_list; f != NULL; f = f->c_next)
        task_set_framework(&s, f);
    stamp_order *order = q->ascending ? by_stamp : by_stamp_last;
    size_t from = q->offset > 0 && (uint64_t)q->offset < s.n ? (size_t)q->offset : q->offset > 0 ? s.n : 0;
    size_t count = q->limit < 0 || (uint64_t)q->limit > s.n - from ? s.n - from : (size_t)q->limit;
    sort_first(s.v, s.n, from + count, order);
    jsonw_open(&w);
    jsonw_key_array(&w, "tasks");
    struct bundle_text memo = BUNDLE_TEXT;
    for (size_t i = from; i < from + count; i++)
        view_put_task(&w, s.v[i].t, &memo);
    jsonw_array_close(&w);
    jsonw_close(&w);
    sbuf_done(&memo.text);
    free(s.v);
}
