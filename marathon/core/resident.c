/* SPDX-License-Identifier: Apache-2.0 */
/* Instances with persistent volumes. What they use is reserved for them first and the volumes are made
 * (RESERVE and CREATE on one offer); the task is launched on the next offer that shows both. Once the agent has
 * told of a task on it, the instance belongs to that agent:
 *
 *   NONE -> ASKED -> HELD     ASKED -> NONE: not launched within --task_reservation_timeout
 *
 * An offer is no proof: the master makes it before the agent has heard of the operations, and forgets them
 * when they do not arrive.
 *
 * When its task ends it waits for its own resources; when it is not wanted it rests with them. They are given
 * back (DESTROY and UNRESERVE) when the instance is removed for good, or when an offer shows a reservation
 * with our labels that is no instance's: labels name the framework and the instance, so that needs no memory.
 * The garbage table only sees to it that offers are asked for until these are gone.
 * Source: marathon-behaviour §1 (ids), §8 (goals), §9, §10. */
#include "marathon/core/internal.h"

/* How long offers are asked for on behalf of garbage that does not show up. */
#define GARBAGE_WANTED_MS (10 * 60 * 1000)

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

/* --- reservations --------------------------------------------------------------------------------------- */
void reservation_guard(struct marathon *m, struct instance *i)
{
    timer_set(&m->timers, &i->timer, mono_add(m->now, m->config.reservation_ns));
}

void reservation_ask(struct marathon *m, struct instance *i, struct agent *agent)
{
    struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 128);
    char text[UUID_TEXT_SIZE];

    ASSERT(i->state == INSTANCE_SCHEDULED && i->reservation == RESERVATION_NONE);
    seen_agent_unref(m, i->agent);
    i->agent = agent;
    i->volume_count = app_volume_count(&i->spec->app);
    i->volumes = xcalloc(i->volume_count, sizeof *i->volumes);
    for (size_t k = 0; k < i->volume_count; k++) {
        struct uuid u = uuid_make(m->rng);
        uuid_text(&u, text);
        memcpy(i->volumes[k].uuid, text, sizeof text);
    }
    i->reservation = RESERVATION_ASKED;
    i->incarnation++; /* the id under which it is shown until it is launched */
    instance_task_id(i, &b);
    i->incarnation--;
    text_free(i->task_id);
    i->task_id = text_own(sbuf_view(&b));
    sbuf_done(&b);
    reservation_guard(m, i);
    instance_store(m, i);
}

void reservation_used(struct marathon *m, struct instance *i)
{
    if (i->reservation != RESERVATION_ASKED)
        return;
    i->reservation = RESERVATION_HELD;
    instance_store(m, i);
}

static void forget(struct instance *i)
{
    free(i->volumes);
    i->volumes = NULL;
    i->volume_count = 0;
    i->reservation = RESERVATION_NONE;
}

void reservation_lost(struct marathon *m, struct instance *i)
{
    forget(i);
    instance_store(m, i);
}

void reservation_timer(struct marathon *m, struct instance *i)
{
    if (i->reservation != RESERVATION_ASKED)
        return;
    if (!m->connected) {
        reservation_guard(m, i);
        return;
    }
    if (instance_rests(i)) {
        instance_remove(m, i);
        return;
    }
    garbage_add(m, i);
    forget(i);
    seen_agent_unref(m, i->agent);
    i->agent = NULL;
    instance_store(m, i);
    launch_wait(m, i->slot);
    m->revive_wanted = true;
}

/* --- rest ------------------------------------------------------------------------------------------------- */
void instance_rest(struct marathon *m, struct instance *i)
{
    ASSERT(i->reservation != RESERVATION_NONE);
    instance_change_begin(i);
    i->goal = GOAL_STOPPED;
    i->dying_counted = false;
    instance_change_end(m, i);
    i->sentenced = false;
    i->started_at = (struct opt_time){ 0 };
    i->ip_count = 0;
    i->check = (struct check_result){ .kind = CHECK_RESULT_NONE };
    if (i->state == INSTANCE_SCHEDULED)
        instance_set_state(m, i, INSTANCE_KILLED);
    instance_store(m, i);
}

bool instance_fits(const struct instance *i, const struct spec *spec)
{
    return i->reservation == RESERVATION_NONE || (app_volume_count(&spec->app) == i->volume_count &&
                                                  str_eq(i->spec->app.role, spec->app.role));
}

void instance_wake(struct marathon *m, struct instance *i)
{
    struct slot *s = i->slot;

    ASSERT(instance_rests(i) && instance_fits(i, s->spec));
    containers_clear(i);
    instance_change_begin(i);
    i->goal = GOAL_RUNNING;
    i->old = false;
    if (i->spec != s->spec) {
        spec_unref(m, i->spec);
        i->spec = spec_ref(s->spec);
    }
    i->health = i->spec->app.health_checks.n != 0 ? INSTANCE_HEALTH_UNKNOWN : INSTANCE_UNCHECKED;
    i->readiness_asked = s->deployment != NULL && i->spec->app.readiness_checks.n != 0;
    i->ready = false;
    instance_change_end(m, i);
    i->port_count = 0;
    i->staged_at = i->started_at = (struct opt_time){ 0 };
    instance_set_state(m, i, INSTANCE_SCHEDULED);
    if (i->reservation == RESERVATION_ASKED)
        reservation_guard(m, i);
}

/* --- what is given back ------------------------------------------------------------------------------------
 */
static struct garbage *garbage_make(struct marathon *m, struct str owner, struct str agent_id,
                                    struct str role)
{
    struct garbage *g;

    HASH_FIND(hh, m->garbage, owner.p, owner.n, g);
    if (g == NULL) {
        g = xcalloc(1, sizeof *g);
        g->owner = text_own(owner);
        HASH_ADD_KEYPTR(hh, m->garbage, g->owner.p, g->owner.n, g);
    }
    text_free(g->agent_id);
    text_free(g->role);
    g->agent_id = text_own(agent_id);
    g->role = text_own(role);
    g->asked_round = 0;
    return g;
}

void garbage_add(struct marathon *m, const struct instance *i)
{
    struct garbage *g = garbage_make(m, i->id, i->agent->id, i->spec->app.role);

    g->since = m->garbage_at = m->wall;
    step_store(m, STORE_GARBAGE, g->owner)->garbage = g;
    m->revive_wanted = true;
}

void marathon_restore_garbage(struct marathon *m, struct str owner, struct str agent_id, struct str role,
                              struct wall since)
{
    garbage_make(m, owner, agent_id, role)->since = since;
    if (since.ms > m->garbage_at.ms)
        m->garbage_at = since;
}

void garbage_free(struct marathon *m, struct garbage *g)
{
    HASH_DEL(m->garbage, g);
    text_free(g->owner);
    text_free(g->agent_id);
    text_free(g->role);
    free(g);
}

bool garbage_wanted(const struct marathon *m)
{
    return m->garbage != NULL && m->wall.ms - m->garbage_at.ms < GARBAGE_WANTED_MS;
}

static bool is_volume_of(const struct instance *i, struct str persistence_id)
{
    bool is = false;

    for (size_t k = 0; k < i->volume_count && !is; k++) {
        struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 256);
        volume_persistence_id(i, k, &b);
        is = str_eq(sbuf_view(&b), persistence_id);
        sbuf_done(&b);
    }
    return is;
}

static size_t volumes_offered(const struct instance *i, const struct offer *o)
{
    size_t n = 0;

    for (size_t k = 0; k < o->resource_count; k++)
        n += o->resources[k].persistence_id.p != NULL && str_eq(o->resources[k].owner, i->id) &&
             is_volume_of(i, o->resources[k].persistence_id);
    return n;
}

/* What an attempt before left under the same labels comes free while the instance runs on its own. */
static bool is_garbage(const struct instance *i, const struct offer *o, const struct offer_resource *r)
{
    if (i == NULL || i->reservation == RESERVATION_NONE || !str_eq(i->agent->id, o->agent_id))
        return true;
    if (r->persistence_id.p != NULL)
        return !is_volume_of(i, r->persistence_id);
    return i->state == INSTANCE_RUNNING && volumes_offered(i, o) == 0;
}

static void garbage_after(struct marathon *m, const struct offer *o)
{
    struct garbage *g, *tmp;

    HASH_ITER(hh, m->garbage, g, tmp)
    {
        if (!str_eq(g->agent_id, o->agent_id) || !str_eq(g->role, o->role) || g->asked_round == m->round ||
            (g->asked_round == 0 && m->wall.ms - g->since.ms < GARBAGE_WANTED_MS))
            continue;
        (void)step_store(m, STORE_GARBAGE_DELETE, g->owner);
        garbage_free(m, g);
    }
}

void reservations_review(struct marathon *m, struct offer *o, struct batch *b)
{
    struct launch l = { .kind = LAUNCH_RECLAIM };

    for (size_t k = 0; m->framework_id != NULL && k < o->resource_count; k++) {
        struct offer_resource *r = &o->resources[k];
        struct instance *i;
        struct garbage *g;
        if (!r->labelled || r->owner.p == NULL || !str_is(r->owner_framework, m->framework_id))
            continue;
        i = instance_find(m, r->owner);
        if (!is_garbage(i, o, r))
            continue;
        if (l.picks == NULL && (l.picks = arena_array(&m->out->arena, o->resource_count, sizeof *l.picks)) == NULL)
            return;
        l.picks[l.pick_count++] = (struct pick){ .resource = k };
        HASH_FIND(hh, m->garbage, r->owner.p, r->owner.n, g);
        if (g != NULL)
            g->asked_round = m->round;
        r->owner = (struct str){ NULL, 0 }; /* for nobody in this round */
    }
    if (l.pick_count != 0)
        batch_add(m, b, &l);
    if (m->garbage != NULL)
        garbage_after(m, o);
}
