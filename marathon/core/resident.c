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
 * When its task ends it waits for its own resources; when it is not wanted it rests with them. When it is removed
 * for good they are given back (garbage.c).
 * Source: marathon-behaviour §1 (ids), §8 (goals), §9, §10. */
#include "marathon/core/internal.h"

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
        struct uuid u = uuid_make_timed(m->rng, m->wall);
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

/* What an attempt before left under the same labels comes free while the instance runs on its own. */
