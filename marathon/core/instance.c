/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an instance. Every change that a counter of the slot depends on stands between
 * instance_change_begin and _end, which take the instance out of the sums and put it back; so the sums cannot
 * drift. */
#include "marathon/core/internal.h"

#define BIT(s) (1u << INSTANCE_##s)
#define ALIVE                                                                                           \
    (BIT(PROVISIONED) | BIT(STAGING) | BIT(STARTING) | BIT(RUNNING) | BIT(KILLING) | BIT(UNREACHABLE) | \
     BIT(INACTIVE))
#define ENDED \
    (BIT(FINISHED) | BIT(FAILED) | BIT(KILLED) | BIT(ERROR) | BIT(DROPPED) | BIT(GONE) | BIT(UNKNOWN))

/* From a living state a status may tell anything that lives or ends: updates may be lost and reconciliation
 * jumps. */
static const unsigned allowed[INSTANCE_STATE_COUNT] = {
    [INSTANCE_SCHEDULED] = BIT(PROVISIONED) | BIT(KILLED) /* put to rest */,
    [INSTANCE_PROVISIONED] = ALIVE | ENDED,
    [INSTANCE_STAGING] = ALIVE | ENDED,      [INSTANCE_STARTING] = ALIVE | ENDED,
    [INSTANCE_RUNNING] = ALIVE | ENDED,      [INSTANCE_KILLING] = ALIVE | ENDED,
    [INSTANCE_UNREACHABLE] = ALIVE | ENDED | BIT(SCHEDULED),  [INSTANCE_INACTIVE] = ALIVE | ENDED,
    [INSTANCE_FINISHED] = BIT(SCHEDULED),    [INSTANCE_FAILED] = BIT(SCHEDULED),
    [INSTANCE_KILLED] = BIT(SCHEDULED),      [INSTANCE_ERROR] = BIT(SCHEDULED),
    [INSTANCE_DROPPED] = BIT(SCHEDULED),     [INSTANCE_GONE] = BIT(SCHEDULED),
    [INSTANCE_UNKNOWN] = BIT(SCHEDULED),
};

static void count(struct instance *i, int by)
{
    struct slot *s = i->slot;

    if (instance_state_is_terminal(i->state) || instance_rests(i))
        return;
    if (i->unplaced) {
        s->unplaced += by;
        return;
    }
    if (i->goal == GOAL_RUNNING && i->state != INSTANCE_INACTIVE) {
        s->live[i->old] += by;
        if (instance_is_ready(i))
            s->ready[i->old] += by;
    } else if (i->goal != GOAL_RUNNING) {
        s->dying[i->old] += by;
        if (i->dying_counted)
            s->dying_counted[i->old] += by;
    }
    if (i->state == INSTANCE_PROVISIONED || i->state == INSTANCE_STAGING || i->state == INSTANCE_STARTING)
        s->staged += by;
    if (i->state == INSTANCE_RUNNING) {
        s->running += by;
        s->healthy += i->health == INSTANCE_HEALTHY ? by : 0;
        s->unhealthy += i->health == INSTANCE_UNHEALTHY ? by : 0;
    }
}

void instance_change_begin(struct instance *i)
{
    ASSERT(i->counted);
    i->counted = false;
    count(i, -1);
}

void instance_change_end(struct marathon *m, struct instance *i)
{
    ASSERT(!i->counted);
    i->counted = true;
    count(i, 1);
    slot_mark(m, i->slot);
}

void instance_store(struct marathon *m, struct instance *i)
{
    if (i->store_dirty || i->dead ||
        (!i->stored && i->state == INSTANCE_SCHEDULED && i->reservation == RESERVATION_NONE))
        return;
    i->store_dirty = true;
    i->dirty_next = m->store_dirty;
    m->store_dirty = i;
}

static void list_scheduled(struct marathon *m, struct instance *i)
{
    DL_APPEND2(i->slot->scheduled, i, sched_prev, sched_next);
    i->slot->scheduled_count++;
    launch_wait(m, i->slot);
}

static void unlist_scheduled(struct marathon *m, struct instance *i)
{
    DL_DELETE2(i->slot->scheduled, i, sched_prev, sched_next);
    if (--i->slot->scheduled_count == 0)
        launch_unwait(m, i->slot);
}

struct instance *instance_new(struct marathon *m, struct slot *s, struct spec *spec, struct str id)
{
    struct instance *i = xcalloc(1, sizeof *i);

    i->id = text_own(id);
    i->slot = s;
    i->spec = spec_ref(spec);
    i->since = m->wall;
    i->sequence = m->sequence++;
    i->timer = (struct timer){ .kind = TIMER_INSTANCE, .owner = i };
    i->readiness_timer = (struct timer){ .kind = TIMER_READINESS, .owner = i };
    i->health = spec->app.health_checks.n != 0 ? INSTANCE_HEALTH_UNKNOWN : INSTANCE_UNCHECKED;
    i->old = s->spec != NULL && spec->version.ms < s->spec->config_at.ms;
    HASH_ADD_KEYPTR(hh, m->instances, i->id.p, i->id.n, i);
    DL_APPEND(s->instances, i);
    s->instance_count++;
    return i;
}

static void emit_changed(struct marathon *m, const struct instance *i)
{
    struct bus_event *e;

    if (i->slot->of_job)
        return; /* the bus is about apps */
    e = bus_emit(m, BUS_INSTANCE_CHANGED);
    e->instance_id = i->id;
    e->app_id = i->slot->id;
    e->state = instance_state_name(i->state);
    e->agent_id = i->agent != NULL ? i->agent->id : (struct str){ NULL, 0 };
    e->host = i->agent != NULL ? i->agent->hostname : (struct str){ NULL, 0 };
    e->version = i->spec->version;
}

struct instance *instance_schedule(struct marathon *m, struct slot *s, struct spec *spec, struct str id)
{
    struct instance *i = instance_new(m, s, spec, id);

    i->state = INSTANCE_SCHEDULED;
    i->readiness_asked = s->deployment != NULL && spec->app.readiness_checks.n != 0;
    i->counted = true;
    count(i, 1);
    list_scheduled(m, i);
    slot_mark(m, s);
    emit_changed(m, i);
    return i;
}

struct instance *instance_schedule_new(struct marathon *m, struct slot *s)
{
    struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 64);
    struct uuid u = uuid_make_timed(m->rng, m->wall); /* as the original's: some read the time in it */
    char text[UUID_TEXT_SIZE];
    struct instance *i;

    uuid_text(&u, text);
    path_safe(&b, s->id);
    sbuf_c(&b, ".instance-");
    sbuf_c(&b, text);
    i = instance_schedule(m, s, s->spec, sbuf_view(&b));
    sbuf_done(&b);
    return i;
}

void instance_set_state(struct marathon *m, struct instance *i, enum instance_state to)
{
    ASSERT((allowed[i->state] & (1u << to)) != 0);
    instance_change_begin(i);
    if (i->state == INSTANCE_SCHEDULED)
        unlist_scheduled(m, i);
    if (i->slot->every != NULL && (to == INSTANCE_INACTIVE || i->state == INSTANCE_INACTIVE))
        i->slot->every->stale = true;
    i->unplaced = false;
    i->state = to;
    i->since = m->wall;
    if (to == INSTANCE_SCHEDULED)
        list_scheduled(m, i);
    instance_change_end(m, i);
    instance_store(m, i);
    emit_changed(m, i);
    run_instance_changed(m, i);
}

void instance_set_health(struct marathon *m, struct instance *i, enum instance_health h)
{
    struct bus_event *e;

    if (i->health == h)
        return;
    instance_change_begin(i);
    i->health = h;
    instance_change_end(m, i);
    e = bus_emit(m, BUS_INSTANCE_HEALTH_CHANGED);
    e->instance_id = i->id;
    e->app_id = i->slot->id;
    e->health = h;
    e->version = i->spec->version;
}

void instance_set_unplaced(struct marathon *m, struct instance *i)
{
    ASSERT(i->pinned);
    ASSERT(i->state == INSTANCE_SCHEDULED);
    if (i->unplaced)
        return;
    instance_change_begin(i);
    i->unplaced = true;
    instance_change_end(m, i);
}

void instance_set_old(struct marathon *m, struct instance *i, bool old)
{
    if (i->old == old)
        return;
    instance_change_begin(i);
    i->old = old;
    instance_change_end(m, i);
}

void instance_provision(struct marathon *m, struct instance *i, struct agent *agent,
                        const struct match *match)
{
    struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 128);

    ASSERT(i->state == INSTANCE_SCHEDULED);
    ASSERT(!i->pinned || i->agent == agent);
    free(i->refusal);
    i->refusal = NULL;
    seen_agent_unref(m, i->agent);
    i->agent = agent;
    i->incarnation++;
    instance_task_id(i, &b);
    text_free(i->task_id);
    i->task_id = text_own(sbuf_view(&b));
    sbuf_done(&b);
    containers_init(m, i, TASK_STAGING);
    free(i->ports);
    free(i->container_ports);
    i->port_count = match->port_count;
    i->ports = xmemdup(match->ports, match->port_count * sizeof *i->ports);
    i->container_ports = xmemdup(match->container_ports, match->port_count * sizeof *i->container_ports);
    i->ip_count = 0;
    i->check = (struct check_result){ .kind = CHECK_RESULT_NONE };
    i->staged_at = (struct opt_time){ true, m->wall };
    i->started_at = (struct opt_time){ 0 };
    i->has_mesos_state = i->doubted = false;
    i->ready = false;
    instance_set_state(m, i, INSTANCE_PROVISIONED);
    timer_set(&m->timers, &i->timer, mono_add(m->now, m->config.launch_confirm_ns));
}

void instance_take_out(struct marathon *m, struct instance *i)
{
    struct slot *s = i->slot;

    ASSERT(!i->counted);
    if (i->state == INSTANCE_SCHEDULED)
        unlist_scheduled(m, i);
    if (s->every != NULL)
        s->every->stale = true;
    DL_DELETE(s->instances, i);
    s->instance_count--;
    HASH_DEL(m->instances, i);
    i->dead = true;
    if (i->stored)
        (void)step_store(m, STORE_INSTANCE_DELETE, i->id);
    spec_unref(m, i->spec);
    i->queue_next = m->graves;
    m->graves = i;
    slot_mark(m, s);
    run_instance_gone(m, i);
}

void instance_free(struct instance *i)
{
    containers_clear(i);
    free(i->refusal);
    free(i->volumes);
    free(i->ports);
    free(i->container_ports);
    free(i->checks);
    free(i->readiness_type);
    free(i->readiness_body);
    text_free(i->id);
    text_free(i->task_id);
    free(i);
}
