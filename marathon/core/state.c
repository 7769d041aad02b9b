/* SPDX-License-Identifier: Apache-2.0 */
/* Objects and their tables. What dies in a step is kept until the next one begins: actions point to it. */
#include "marathon/core/internal.h"

static const char *const state_names[INSTANCE_STATE_COUNT] = {
#define X(sym, cond, task, term) cond,
    INSTANCE_STATES(X)
#undef X
};
static const char *const state_task_names[INSTANCE_STATE_COUNT] = {
#define X(sym, cond, task, term) task,
    INSTANCE_STATES(X)
#undef X
};
static const bool state_terminal[INSTANCE_STATE_COUNT] = {
#define X(sym, cond, task, term) term,
    INSTANCE_STATES(X)
#undef X
};

const char *instance_state_name(enum instance_state s)
{
    return state_names[s];
}

const char *instance_state_task_name(enum instance_state s)
{
    return state_task_names[s];
}

bool instance_state_is_terminal(enum instance_state s)
{
    return state_terminal[s];
}

bool instance_state_parse(struct str name, enum instance_state *ret)
{
    for (int i = 0; i < INSTANCE_STATE_COUNT; i++)
        if (str_is(name, state_names[i])) {
            *ret = (enum instance_state)i;
            return true;
        }
    return false;
}

const char *goal_name(enum goal g)
{
    switch (g) {
    case GOAL_RUNNING:
        return "Running";
    case GOAL_STOPPED:
        return "Stopped";
    case GOAL_DECOMMISSIONED:
        return "Decommissioned";
    }
    return "";
}

struct str text_own(struct str s)
{
    return (struct str){ xstrndup(s), s.n };
}

void text_free(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

/* --- lookups ------------------------------------------------------------------------------------------- */
struct slot *slot_find(const struct marathon *m, struct str id)
{
    struct slot *s;
    HASH_FIND(hh, m->slots, id.p, id.n, s);
    return s;
}

struct group *group_find(const struct marathon *m, struct str path)
{
    struct group *g;
    HASH_FIND(hh, m->groups, path.p, path.n, g);
    return g;
}

struct instance *instance_find(const struct marathon *m, struct str id)
{
    struct instance *i;
    HASH_FIND(hh, m->instances, id.p, id.n, i);
    return i;
}

/* "<instance>._app.<n>", "<instance>.<container>.<n>" or the instance id itself. */
struct instance *instance_of_task(const struct marathon *m, struct str task_id)
{
    struct instance *i = instance_find(m, task_id);

    for (size_t n = task_id.n; i == NULL && n > 0; n--)
        if (task_id.p[n - 1] == '.')
            i = instance_find(m, str_sub(task_id, 0, n - 1));
    return i;
}

struct deployment *deployment_find(const struct marathon *m, struct str id)
{
    struct deployment *d;
    HASH_FIND(hh, m->deployments, id.p, id.n, d);
    return d;
}

struct spec *slot_version(const struct slot *s, struct wall version)
{
    for (size_t i = 0; i < s->version_count; i++)
        if (s->versions[i]->version.ms == version.ms)
            return s->versions[i];
    return NULL;
}

bool role_is_enforced(const struct marathon *m, struct str app_id)
{
    struct str top = path_top_group(app_id);
    struct group *g = top.n != 0 ? group_find(m, str_sub(app_id, 0, top.n + 1)) : NULL;

    return g != NULL ? g->enforce_role.v : top.n != 0 && m->config.enforce_new_groups;
}

int64_t slot_wanted(const struct slot *s)
{
    return s->every != NULL ? s->every->wanted : s->spec != NULL ? s->spec->app.instances.v : 0;
}

int64_t slot_queued(const struct slot *s)
{
    int64_t n = (int64_t)s->scheduled_count + s->deferred;

    for (const struct instance *i = s->instances; i != NULL; i = i->next)
        n += i->state == INSTANCE_PROVISIONED;
    return n;
}

struct job *job_find(const struct marathon *m, struct str id)
{
    struct job *j;
    HASH_FIND(hh, m->jobs, id.p, id.n, j);
    return j;
}

struct job_run *job_run_find(const struct job *j, struct str id)
{
    for (struct job_run *r = j->runs; r != NULL; r = r->next)
        if (str_is(id, r->id))
            return r;
    return NULL;
}

bool instance_rests(const struct instance *i)
{
    return i->goal == GOAL_STOPPED && i->reservation != RESERVATION_NONE &&
           (instance_state_is_terminal(i->state) || i->state == INSTANCE_UNREACHABLE);
}

void volume_persistence_id(const struct instance *i, size_t volume, struct sbuf *b)
{
    path_safe(b, i->slot->id);
    sbuf_char(b, '#');
    sbuf_str(b, app_volume(&i->spec->app, volume)->container_path);
    sbuf_char(b, '#');
    sbuf_c(b, i->volumes[volume].uuid);
}

bool instance_fits(const struct instance *i, const struct spec *spec)
{
    return i->reservation == RESERVATION_NONE || (app_volume_count(&spec->app) == i->volume_count &&
                                                  str_eq(i->spec->app.role, spec->app.role));
}

bool instance_is_ready(const struct instance *i)
{
    return i->state == INSTANCE_RUNNING &&
           (i->health == INSTANCE_UNCHECKED || i->health == INSTANCE_HEALTHY) &&
           (!i->readiness_asked || i->ready);
}

void instance_task_id(const struct instance *i, struct sbuf *b)
{
    const struct app *a = &i->spec->app;

    sbuf_str(b, i->id);
    if (a->pod == NULL)
        sbuf_fmt(b, "._app.%u", i->incarnation);
    else
        sbuf_fmt(b, ".%.*s.%u", STR_ARG(pod_container(a, 0)->name), i->incarnation);
}

struct rolling_counts slot_counts(const struct slot *s)
{
    return (struct rolling_counts){ .old_live = s->live[1],
                                    .old_ready = s->ready[1],
                                    .old_dying = s->dying_counted[1],
                                    .old_dying_all = s->dying[1],
                                    .new_live = s->live[0],
                                    .new_ready = s->ready[0] };
}

/* --- specs --------------------------------------------------------------------------------------------- */
struct spec *spec_new(const struct app *a, struct wall version, struct wall scaling_at, struct wall config_at)
{
    char *mem = xcalloc(1, ((sizeof(struct spec) + 15) & ~(size_t)15) + schema_bytes(&schema_app, a));
    struct spec *s = (struct spec *)(void *)mem;

    mem += (sizeof *s + 15) & ~(size_t)15;
    schema_copy(&schema_app, &s->app, a, &mem);
    s->refs = 1;
    s->version = version;
    s->scaling_at = scaling_at;
    s->config_at = config_at;
    s->info = (struct version_info){ { true, scaling_at }, { true, config_at } };
    s->app.version = (struct opt_time){ true, version };
    s->app.version_info = &s->info;
    return s;
}

struct spec *spec_ref(struct spec *s)
{
    if (s != NULL)
        s->refs++;
    return s;
}

void spec_unref(struct marathon *m, struct spec *s)
{
    if (s == NULL || --s->refs != 0)
        return;
    if (s->stored && m->out != NULL) {
        struct store_op *op = step_store(m, STORE_SPEC_DELETE, s->app.id);
        op->version = s->version;
    }
    ARRAY_ROOM(m->dead_specs, m->dead_spec_count, m->dead_spec_cap);
    m->dead_specs[m->dead_spec_count++] = s;
}

/* --- slots --------------------------------------------------------------------------------------------- */
void slot_mark(struct marathon *m, struct slot *s)
{
    if (s->dirty || s->dead)
        return;
    s->dirty = true;
    s->dirty_next = m->dirty;
    m->dirty = s;
}

void deployment_poke(struct marathon *m, struct deployment *d)
{
    if (d->poked || d->dead)
        return;
    d->poked = true;
    d->queue_next = m->poked;
    m->poked = d;
}

struct slot *slot_get(struct marathon *m, struct str id)
{
    struct slot *s = slot_find(m, id);

    if (s != NULL)
        return s;
    s = xcalloc(1, sizeof *s);
    s->id = text_own(id);
    s->backoff_timer = (struct timer){ .kind = TIMER_BACKOFF, .owner = s };
    s->rollout_timer = (struct timer){ .kind = TIMER_ROLLOUT, .owner = s };
    HASH_ADD_KEYPTR(hh, m->slots, s->id.p, s->id.n, s);
    return s;
}

void slot_add_version(struct marathon *m, struct slot *s, struct spec *spec)
{
    ARRAY_ROOM(s->versions, s->version_count, s->version_cap);
    s->versions[s->version_count++] = spec_ref(spec);
    while (s->version_count > m->config.versions_max) {
        m->counters.versions_dropped++;
        spec_unref(m, s->versions[0]);
        memmove(s->versions, s->versions + 1, --s->version_count * sizeof *s->versions);
    }
}

void failure_clear(struct task_failure *f)
{
    free(f->host);
    free(f->message);
    free(f->task_id);
    free(f->agent_id);
    *f = (struct task_failure){ 0 };
}

void failure_set(struct task_failure *f, struct str host, struct str message, struct str task_id,
                 struct str agent_id, const char *state, struct wall at, struct wall version)
{
    struct task_failure n = { .has = true,
                              .host = xstrndup(host),
                              .message = xstrndup(message),
                              .task_id = xstrndup(task_id),
                              .agent_id = agent_id.p != NULL ? xstrndup(agent_id) : NULL,
                              .state = state,
                              .at = at,
                              .version = version };

    failure_clear(f);
    *f = n;
}

void queue_stats_free(struct queue_stats *q)
{
    if (q == NULL)
        return;
    for (unsigned i = 0; i < q->note_count; i++) {
        free(q->notes[i].agent_id);
        offer_copy_unref(q->notes[i].offer);
    }
    free(q);
}

void note_failure(struct marathon *m, struct instance *i, const char *state, struct str message)
{
    struct slot *s = i->slot;

    failure_set(&s->failure, i->agent != NULL ? i->agent->hostname : STR(""), message, i->task_id,
                i->agent != NULL ? i->agent->id : (struct str){ NULL, 0 }, state, m->wall, i->spec->version);
    if (s->spec != NULL)
        step_store(m, STORE_FAILURE, s->id)->slot = s;
}

/* --- groups -------------------------------------------------------------------------------------------- */
struct group *group_get(struct marathon *m, struct str path)
{
    struct group *g = group_find(m, path);

    if (g != NULL)
        return g;
    g = xcalloc(1, sizeof *g);
    g->path = text_own(path);
    HASH_ADD_KEYPTR(hh, m->groups, g->path.p, g->path.n, g);
    return g;
}

void group_free(struct marathon *m, struct group *g)
{
    HASH_DEL(m->groups, g);
    for (size_t i = 0; i < g->dependency_count; i++)
        text_free(g->dependencies[i]);
    free(g->dependencies);
    text_free(g->path);
    free(g);
}
