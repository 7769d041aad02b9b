/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers to checks mean for the instance. Those of checks that the executor runs arrive with status
 * updates. Source: marathon-behaviour §7, §3 (readiness). */
#include <stdio.h>

#include "marathon/core/internal.h"

static enum instance_health all_checks(const struct instance *i)
{
    bool unknown = false;

    if (i->check_count == 0)
        return INSTANCE_UNCHECKED;
    for (size_t k = 0; k < i->check_count; k++) {
        if (i->checks[k].health.alive == HEALTH_DEAD)
            return INSTANCE_UNHEALTHY;
        unknown = unknown || i->checks[k].health.alive == HEALTH_UNKNOWN;
    }
    return unknown ? INSTANCE_HEALTH_UNKNOWN : INSTANCE_HEALTHY;
}

static void kill_unhealthy(struct marathon *m, struct instance *i, const char *cause)
{
    struct bus_event *e = bus_emit(m, BUS_UNHEALTHY_INSTANCE_KILL);
    struct str text =
        arena_fmt(&m->out->arena, "Task was killed since health check failed. Reason: %s", cause);

    e->app_id = i->slot->id;
    e->task_id = step_keep(m, i->task_id);
    e->instance_id = i->id;
    e->version = i->spec->version;
    e->reason = step_keep(m, str_of(cause));
    e->host = step_keep(m, i->agent->hostname);
    e->agent_id = step_keep(m, i->agent->id);
    note_failure(m, i, "TASK_KILLED", text);
    rollout_failed(m, i);
    instance_kill(m, i, GOAL_RUNNING);
}

static void judge(struct marathon *m, struct instance *i, size_t k, enum health_result r, const char *cause,
                  bool ours)
{
    const struct health_check *h = instance_check(i, k);
    struct health_policy p = { .grace_ns = h->grace_s.v * NS_PER_S,
                               .failures_max = ours ? (unsigned)h->failures_max.v : 0 };
    unsigned out =
        health_feed(&i->checks[k].health, &p, r, mono_diff(m->now, i->running_since), m->wall, cause);
    struct bus_event *e;

    if (ours && (out & HEALTH_STEP_COUNTED) != 0) {
        e = bus_emit(m, BUS_FAILED_HEALTH_CHECK);
        e->app_id = i->slot->id;
        e->instance_id = i->id;
        e->task_id = step_keep(m, i->task_id);
        e->check = h;
        e->spec = i->spec;
    }
    if ((out & HEALTH_STEP_FLIPPED) != 0) {
        e = bus_emit(m, BUS_HEALTH_STATUS_CHANGED);
        e->app_id = i->slot->id;
        e->instance_id = i->id;
        e->task_id = step_keep(m, i->task_id);
        e->version = i->spec->version;
        e->alive = i->checks[k].health.alive == HEALTH_ALIVE;
        instance_set_health(m, i, all_checks(i));
    }
    if ((out & HEALTH_STEP_KILL) != 0)
        kill_unhealthy(m, i, cause);
}

void checks_mesos(struct marathon *m, struct instance *i, bool healthy, struct str message)
{
    for (size_t k = 0; k < i->check_count; k++)
        if (!hc_is_ours((enum hc_protocol)instance_check(i, k)->protocol.v)) {
            struct str cause = step_keep(m, message.n != 0 ? message : STR("reported by the executor"));
            judge(m, i, k, healthy ? HEALTH_PASS : HEALTH_FAIL, cause.p, false);
            return;
        }
}

static enum health_result verdict(const struct health_check *h, const struct probe_event *e, char *cause,
                                  size_t size)
{
    if (!e->answered) {
        (void)snprintf(cause, size, "%.*s", STR_ARG(e->error));
        return HEALTH_FAIL;
    }
    if (h->protocol.v == HC_TCP)
        return HEALTH_PASS;
    if (h->ignore_http_1xx.v && e->status >= 100 && e->status < 200)
        return HEALTH_IGNORE;
    if (e->status >= 200 && e->status < 400)
        return HEALTH_PASS;
    (void)snprintf(cause, size, "%d", e->status);
    return HEALTH_FAIL;
}

static void readiness_result(struct marathon *m, struct instance *i, const struct probe_event *e)
{
    const struct readiness_check *rc = instance_readiness_check(i);
    int status = e->answered ? e->status : 504;

    i->readiness_probe = 0;
    if (rc->preserve_last_response.v) {
        i->readiness_has_response = true;
        i->readiness_status = status;
        free(i->readiness_type);
        free(i->readiness_body);
        i->readiness_type = xstrndup(e->answered ? e->content_type : STR("text/plain"));
        i->readiness_body = xstrndup(e->answered ? str_sub(e->body, 0, 4096) : e->error);
    }
    LIST_EACH(rc->codes, int64_t, code)
    if (*code == status) {
        instance_change_begin(i);
        i->ready = true;
        instance_change_end(m, i);
        return;
    }
    timer_set(&m->timers, &i->readiness_timer, mono_add(m->now, rc->interval_s.v * NS_PER_S));
}

void probe_result(struct marathon *m, const struct probe_event *e)
{
    struct instance *i;
    size_t k;
    char cause[160] = "";

    if (!probe_take(m, e->id, &i, &k))
        return; /* the instance ended meanwhile */
    if (k == PROBE_READINESS) {
        readiness_result(m, i, e);
    } else {
        i->checks[k].probe = 0;
        judge(m, i, k, verdict(instance_check(i, k), e, cause, sizeof cause), cause, true);
    }
    checks_go_on(m);
}
