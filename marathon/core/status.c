/* SPDX-License-Identifier: Apache-2.0 */
/* What the master tells of tasks. Every update is acknowledged, after its effect is stored.
 * Source: marathon-behaviour §4 (failures), §8, §9. */
#include "marathon/core/internal.h"

#define UNKNOWN_PATIENCE_NS (10 * NS_PER_S)
#define UNKNOWN_ASK_NS (5 * NS_PER_S)

/* The old LOST by its reason, as far as the reason says more. */
static enum task_state lost_as(int reason)
{
    switch (reason) {
    case REASON_RECONCILIATION:
    case REASON_AGENT_REMOVED:
    case REASON_AGENT_DISCONNECTED:
    case REASON_AGENT_UNKNOWN:
    case REASON_MASTER_DISCONNECTED:
        return TASK_UNREACHABLE;
    case REASON_INVALID_OFFERS:
    case REASON_TASK_INVALID:
    case REASON_TASK_UNAUTHORIZED:
        return TASK_DROPPED;
    default: /* numbers from the wire, not an enum's closed set */
        return TASK_GONE;
    }
}

static enum instance_state state_of(enum task_state s, int reason)
{
    switch (s) {
    case TASK_STAGING:
        return INSTANCE_STAGING;
    case TASK_STARTING:
        return INSTANCE_STARTING;
    case TASK_RUNNING:
        return INSTANCE_RUNNING;
    case TASK_KILLING:
        return INSTANCE_KILLING;
    case TASK_FINISHED:
        return INSTANCE_FINISHED;
    case TASK_FAILED:
        return INSTANCE_FAILED;
    case TASK_KILLED:
        return INSTANCE_KILLED;
    case TASK_ERROR:
        return INSTANCE_ERROR;
    case TASK_DROPPED:
        return INSTANCE_DROPPED;
    case TASK_GONE:
    case TASK_GONE_BY_OPERATOR:
        return INSTANCE_GONE;
    case TASK_UNREACHABLE:
        return INSTANCE_UNREACHABLE;
    case TASK_UNKNOWN:
        return INSTANCE_UNKNOWN;
    case TASK_LOST:
        return state_of(lost_as(reason), reason);
    case TASK_STATE_COUNT:
        break;
    }
    return INSTANCE_UNKNOWN;
}

static bool counts_as_failure(enum instance_state s)
{
    return s == INSTANCE_FAILED || s == INSTANCE_ERROR || s == INSTANCE_DROPPED || s == INSTANCE_GONE ||
           s == INSTANCE_FINISHED;
}

static void acknowledge(struct marathon *m, const struct status_event *e)
{
    struct marathon_action *a;

    if (e->uuid.n == 0)
        return;
    a = step_action(m, DO_ACKNOWLEDGE);
    a->acknowledge.task_id = step_keep(m, e->task_id);
    a->acknowledge.agent_id = step_keep(m, e->agent_id);
    a->acknowledge.uuid = step_keep(m, e->uuid);
}

static void kill_unknown(struct marathon *m, const struct status_event *e)
{
    struct marathon_action *a = step_action(m, DO_KILL);

    a->kill.task_id = step_keep(m, e->task_id);
    a->kill.agent_id = step_keep(m, e->agent_id);
}

/* "web_a.instance-..." -> "/web/a": the best that can be said of a task that nobody knows. */
static struct str app_of_task(struct marathon *m, struct str task_id)
{
    struct str safe = str_sub(task_id, 0, str_index(task_id, '.'));
    char *p = arena_alloc_raw(&m->out->arena, safe.n + 2);

    if (p == NULL)
        return STR("/");
    p[0] = '/';
    for (size_t i = 0; i < safe.n; i++)
        p[i + 1] = safe.p[i] == '_' ? '/' : safe.p[i];
    return str_mem(p, safe.n + 1);
}

/* "web_a.instance-<uuid>._app.1" -> "web_a.instance-<uuid>". */
static struct str instance_part(struct str task_id)
{
    struct str rest = str_sub(task_id, str_index(task_id, '.') + 1, SIZE_MAX);
    size_t uuid = str_index(rest, '.');

    return str_sub(task_id, 0, task_id.n - rest.n + uuid);
}

static void unknown_task(struct marathon *m, const struct status_event *e)
{
    enum instance_state s = state_of(e->state, e->reason_number);
    struct bus_event *ev;

    if (!instance_state_is_terminal(s)) {
        if (s != INSTANCE_UNREACHABLE)
            kill_unknown(m, e);
        return;
    }
    ev = bus_emit(m, BUS_UNKNOWN_INSTANCE_TERMINATED);
    ev->instance_id = step_keep(m, instance_part(e->task_id));
    ev->app_id = app_of_task(m, e->task_id);
    ev->state = instance_state_name(s);
}

static void emit_status(struct marathon *m, const struct instance *i, const struct status_event *e)
{
    struct bus_event *ev;

    if (i->slot->of_job)
        return;
    ev = bus_emit(m, BUS_STATUS_UPDATE);
    ev->agent_id = step_keep(m, e->agent_id.n != 0 ? e->agent_id : i->agent != NULL ? i->agent->id : STR(""));
    ev->task_id = step_keep(m, e->task_id);
    ev->instance_id = i->id;
    ev->state = task_state_name(e->state);
    ev->message = step_keep(m, e->message);
    ev->app_id = i->slot->id;
    ev->host = i->agent != NULL ? step_keep(m, i->agent->hostname) : STR("");
    ev->ports = i->ports;
    ev->port_count = i->port_count;
    ev->ips = i->ips;
    ev->ip_count = i->ip_count;
    ev->version = i->spec->version;
}

static void launched(struct marathon *m, struct instance *i)
{
    m->tokens++;
    backoff_succeeded(&i->slot->backoff, m->now);
}

static void now_running(struct marathon *m, struct instance *i)
{
    bool first = !i->started_at.has, returned = i->state == INSTANCE_INACTIVE;

    if (i->state == INSTANCE_KILLING)
        return;
    if (first) {
        i->started_at = (struct opt_time){ true, m->wall };
        launched(m, i);
    }
    i->running_since = m->now;
    if (!i->kill_sent)
        timer_clear(&m->timers, &i->timer);
    checks_start(m, i);
    instance_set_state(m, i, INSTANCE_RUNNING);
    if (returned)
        every_returned(m, i);
}

void unreachable_arm(struct marathon *m, struct instance *i)
{
    const struct unreachable_strategy *u = i->spec->app.unreachable;
    int64_t since_ms = m->wall.ms - i->since.ms, at_s;

    if (u->disabled.v)
        return;
    if (since_ms < 0)
        since_ms = 0; /* the clock was set back: from now on */
    at_s = i->state == INSTANCE_UNREACHABLE ? u->inactive_s.v : u->expunge_s.v - u->inactive_s.v;
    if (at_s > INT64_MAX / NS_PER_S / 2)
        return;
    timer_set(&m->timers, &i->timer, mono_add(m->now, at_s * NS_PER_S - since_ms * NS_PER_MS));
}

static void now_unreachable(struct marathon *m, struct instance *i)
{
    if (i->goal != GOAL_RUNNING && (i->goal != GOAL_STOPPED || i->reservation == RESERVATION_NONE)) {
        instance_remove(m, i);
        return;
    }
    kill_ended(m, i);
    checks_stop(m, i);
    timer_clear(&m->timers, &i->timer);
    instance_set_state(m, i, INSTANCE_UNREACHABLE);
    if (instance_rests(i))
        instance_rest(m, i);
    else
        unreachable_arm(m, i);
}

static void now_ended(struct marathon *m, struct instance *i, enum instance_state s,
                      const struct status_event *e)
{
    bool draining = e->reason_number == REASON_AGENT_DRAINING;

    if (!i->started_at.has)
        m->tokens++;
    if (s != INSTANCE_KILLED && s != INSTANCE_FINISHED)
        note_failure(m, i, task_state_name(e->state), e->message);
    if (draining)
        backoff_reset(&i->slot->backoff);
    else if (counts_as_failure(s) && i->goal == GOAL_RUNNING)
        launch_failed(m, i->slot);
    if (counts_as_failure(s) && i->goal == GOAL_RUNNING)
        rollout_failed(m, i);
    checks_stop(m, i);
    if (e->state == TASK_GONE_BY_OPERATOR && i->reservation != RESERVATION_NONE)
        reservation_lost(m, i);
    run_instance_told(m, i, e->message, draining);
    instance_set_state(m, i, s);
    instance_end(m, i);
}

static void apply(struct marathon *m, struct instance *i, const struct status_event *e)
{
    enum instance_state to = state_of(e->state, e->reason_number);

    if (e->ip_count != 0) {
        i->ip_count = e->ip_count > 4 ? 4 : e->ip_count;
        memcpy(i->ips, e->ips, i->ip_count * sizeof *i->ips);
        instance_store(m, i);
    }
    if (e->check.kind != CHECK_RESULT_NONE)
        i->check = e->check;
    i->mesos_state = e->state;
    i->has_mesos_state = true;
    if (instance_state_is_terminal(to)) {
        now_ended(m, i, to, e);
        return;
    }
    if (to == INSTANCE_STARTING || to == INSTANCE_RUNNING || to == INSTANCE_KILLING)
        reservation_used(m, i);
    if (to == INSTANCE_UNREACHABLE) {
        if (i->state != INSTANCE_UNREACHABLE && i->state != INSTANCE_INACTIVE)
            now_unreachable(m, i);
    } else if (to == INSTANCE_RUNNING) {
        if (i->state != INSTANCE_RUNNING)
            now_running(m, i);
    } else if (to == INSTANCE_KILLING) {
        if (i->state != INSTANCE_KILLING) {
            checks_stop(m, i);
            instance_set_state(m, i, INSTANCE_KILLING);
        }
    } else if (i->state == INSTANCE_PROVISIONED ||
               (i->state == INSTANCE_STAGING && to == INSTANCE_STARTING) ||
               i->state == INSTANCE_UNREACHABLE || i->state == INSTANCE_INACTIVE) {
        instance_set_state(m, i, to);
        if (!i->kill_sent)
            timer_set(&m->timers, &i->timer, mono_add(m->now, m->config.launch_timeout_ns));
    }
    if (e->healthy >= 0 && i->state == INSTANCE_RUNNING)
        checks_mesos(m, i, e->healthy == 1, e->message);
}

static void apply_to_app(struct marathon *m, struct instance *i, const struct status_event *e)
{
    if (!i->has_mesos_state || i->mesos_state != e->state)
        emit_status(m, i, e);
    apply(m, i, e);
}

static void apply_to_pod(struct marathon *m, struct instance *i, const struct status_event *e)
{
    size_t k = containers_find(i, e->task_id);
    struct status_event all = *e;

    if (!i->containers[k].told || i->containers[k].state != e->state)
        emit_status(m, i, e);
    containers_note(m, i, k, e);
    if (containers_fold(i, &all))
        apply(m, i, &all);
}

static bool is_task_of(const struct instance *i, struct str task_id)
{
    return i->container_count != 0 ? containers_find(i, task_id) != SIZE_MAX : str_eq(i->task_id, task_id);
}

/* A repeated word of its end, or its task that was thought lost and is not wanted any more. */
static void apply_to_resting(struct marathon *m, struct instance *i, const struct status_event *e)
{
    enum instance_state to = state_of(e->state, e->reason_number);

    if (e->state == TASK_GONE_BY_OPERATOR) {
        reservation_lost(m, i);
        instance_remove(m, i);
    } else if (!instance_state_is_terminal(to)) {
        if (to != INSTANCE_UNREACHABLE)
            kill_unknown(m, e);
    } else if (i->state == INSTANCE_UNREACHABLE) {
        instance_set_state(m, i, to);
    }
}

static void apply_to_instance(struct marathon *m, struct instance *i, const struct status_event *e)
{
    if (instance_rests(i))
        apply_to_resting(m, i, e);
    else if (i->container_count != 0)
        apply_to_pod(m, i, e);
    else
        apply_to_app(m, i, e);
}

/* "Unknown" of a task that runs may come from a master that has lost its registry, or got an old one back: it answers before the
 * agent has registered with it again, and the task is in good health. So the answer is believed when it still is the
 * same after UNKNOWN_PATIENCE_NS; agents take seconds. The original believes it at once, and kills what returns. */
static bool is_doubtful(struct marathon *m, struct instance *i, const struct status_event *e)
{
    struct mono again = mono_add(m->now, UNKNOWN_ASK_NS);

    if (e->state != TASK_UNKNOWN || e->reason_number != REASON_RECONCILIATION || i->kill_sent ||
        (i->state != INSTANCE_STAGING && i->state != INSTANCE_STARTING && i->state != INSTANCE_RUNNING)) {
        i->doubted = false;
        return false;
    }
    if (!i->doubted)
        i->doubted_since = m->now;
    i->doubted = true;
    if (!mono_before(m->now, mono_add(i->doubted_since, UNKNOWN_PATIENCE_NS)))
        return false;
    if (m->reconcile_timer.pos == 0 || mono_before(again, m->reconcile_timer.at))
        timer_set(&m->timers, &m->reconcile_timer, again);
    return true;
}

void status_apply(struct marathon *m, const struct status_event *e)
{
    struct instance *i = instance_of_task(m, e->task_id);

    m->counters.task_updates[e->state]++;
    m->counters.oom += e->reason_number == REASON_CONTAINER_LIMITATION_MEMORY;
    if (i == NULL || i->state == INSTANCE_SCHEDULED || !is_task_of(i, e->task_id))
        unknown_task(m, e);
    else if (!is_doubtful(m, i, e))
        apply_to_instance(m, i, e);
    acknowledge(m, e);
}

