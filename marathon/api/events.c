/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/api/events.h"

#include "marathon/api/int.h"

/* Of the steps, and of the current one, in a plan that is not full: together they stay below EVENT_BYTES_MAX. */
enum { STEPS_BYTES_MAX = 30 * 1024 };

static void key_or_null(struct jsonw *w, const char *key, struct str s)
{
    jsonw_key(w, key);
    if (s.p != NULL)
        jsonw_str(w, s);
    else
        jsonw_null(w);
}

static void ips_and_ports(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_array(w, "ipAddresses");
    for (unsigned i = 0; i < e->ip_count; i++) {
        jsonw_open(w);
        jsonw_key_c(w, "ipAddress", e->ips[i].text);
        jsonw_key_c(w, "protocol", e->ips[i].v6 ? "IPv6" : "IPv4");
        jsonw_close(w);
    }
    jsonw_array_close(w);
    jsonw_key_array(w, "ports");
    for (size_t i = 0; i < e->port_count; i++)
        if (e->ports[i] != PORT_NONE)
            jsonw_u64(w, e->ports[i]);
    jsonw_array_close(w);
}

/* A root group with the affected apps alone: the whole root in every event is what made the original's
 * streams heavy. */
static void plan_group(struct jsonw *w, const char *key, const struct deployment *d, bool target)
{
    jsonw_key_open(w, key);
    jsonw_key_c(w, "id", "/");
    jsonw_key_array(w, "apps");
    for (size_t i = 0; i < d->plan.n; i++)
        for (size_t k = 0; k < d->plan.steps[i].n; k++) {
            const struct plan_action *a = &d->plan.steps[i].actions[k];
            struct spec *s = target ? a->to : a->from;
            if (s == NULL || s->app.pod != NULL || (a->type == ACTION_START && target))
                continue;
            jsonw_raw(w, spec_json(s));
            jsonw_close(w);
        }
    jsonw_array_close(w);
    jsonw_key_array(w, "groups");
    jsonw_array_close(w);
    jsonw_key_array(w, "pods");
    jsonw_array_close(w);
    jsonw_key_array(w, "dependencies");
    jsonw_array_close(w);
    jsonw_key_wall(w, "version", d->version);
    jsonw_close(w);
}

static void plan(struct jsonw *w, const struct bus_event *e, bool with_step, bool full)
{
    size_t max = full ? SIZE_MAX : STEPS_BYTES_MAX;

    jsonw_key_open(w, "plan");
    jsonw_key_c(w, "id", e->deployment->id);
    if (full) {
        plan_group(w, "original", e->deployment, false);
        plan_group(w, "target", e->deployment, true);
    }
    render_steps_within(w, &e->deployment->plan, max);
    jsonw_key_wall(w, "version", e->deployment->version);
    jsonw_close(w);
    if (!with_step)
        return;
    jsonw_key_open(w, "currentStep");
    render_action_list_within(w, e->step, max);
    jsonw_close(w);
}

static void status_update(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "slaveId", e->agent_id);
    jsonw_key_s(w, "taskId", e->task_id);
    jsonw_key_c(w, "taskStatus", e->state);
    jsonw_key_s(w, "message", e->message);
    jsonw_key_s(w, "appId", e->app_id);
    jsonw_key_s(w, "host", e->host);
    ips_and_ports(w, e);
    jsonw_key_wall(w, "version", e->version);
}

static void instance_changed(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "instanceId", e->instance_id);
    jsonw_key_c(w, "condition", e->state);
    jsonw_key_s(w, "runSpecId", e->app_id);
    key_or_null(w, "agentId", e->agent_id);
    key_or_null(w, "host", e->host);
    jsonw_key_wall(w, "runSpecVersion", e->version);
}

static void health_changed(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "instanceId", e->instance_id);
    jsonw_key_s(w, "runSpecId", e->app_id);
    jsonw_key(w, "healthy");
    if (e->health == INSTANCE_HEALTHY || e->health == INSTANCE_UNHEALTHY)
        jsonw_bool(w, e->health == INSTANCE_HEALTHY);
    else
        jsonw_null(w);
    jsonw_key_wall(w, "runSpecVersion", e->version);
}

static void health_check(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key(w, "healthCheck");
    value_encode(&schema_health_check, e->check, w);
}

static void unhealthy_kill(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "appId", e->app_id);
    jsonw_key_s(w, "taskId", e->task_id);
    jsonw_key_s(w, "instanceId", e->instance_id);
    jsonw_key_wall(w, "version", e->version);
    jsonw_key_s(w, "reason", e->reason);
    jsonw_key_s(w, "host", e->host);
    if (e->agent_id.n != 0)
        jsonw_key_s(w, "slaveId", e->agent_id);
}

static void framework_message(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "executorId", e->instance_id);
    jsonw_key_s(w, "slaveId", e->agent_id);
    jsonw_key_array(w, "message");
    for (size_t i = 0; i < e->message.n; i++)
        jsonw_i64(w, (int8_t)e->message.p[i]); /* bytes are signed in the original */
    jsonw_array_close(w);
}

static void api_post(struct jsonw *w, const struct bus_event *e)
{
    struct spec *s = (struct spec *)(uintptr_t)e->spec; /* rendering fills its cache */

    jsonw_key_s(w, "clientIp", e->client);
    jsonw_key_s(w, "uri", e->uri);
    jsonw_key(w, "appDefinition");
    jsonw_raw(w, spec_json(s));
    jsonw_close(w);
}

static void run_changed(struct jsonw *w, const struct bus_event *e)
{
    const struct job_run *r = e->run;

    jsonw_key_s(w, "jobId", e->job->id);
    jsonw_key_c(w, "runId", r->id);
    jsonw_key_c(w, "state", e->state);
    if (r->scheduled_for.has)
        jsonw_key_wall(w, "scheduledFor", r->scheduled_for.v);
    jsonw_key_u64(w, "attempt", r->attempt);
    jsonw_key_u64(w, "failures", r->failures);
    if (e->task_id.n != 0) {
        jsonw_key_s(w, "taskId", e->task_id);
        jsonw_key_s(w, "host", e->host);
    }
    if (e->reason.n != 0)
        jsonw_key_s(w, "message", e->reason);
}

static void stream_changed(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "remoteAddress", e->client);
}

static void pod_changed(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "clientIp", e->client);
    jsonw_key_s(w, "uri", e->uri);
}

static void check_added(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "appId", e->app_id);
    jsonw_key_wall(w, "version", e->version);
    health_check(w, e);
}

static void app_alone(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "appId", e->app_id);
}

static void check_failed(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "appId", e->app_id);
    jsonw_key_s(w, "taskId", e->instance_id);
    health_check(w, e);
}

static void health_status(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "appId", e->app_id);
    jsonw_key_s(w, "instanceId", e->instance_id);
    jsonw_key_s(w, "taskId", e->task_id);
    jsonw_key_wall(w, "version", e->version);
    jsonw_key_bool(w, "alive", e->alive);
}

static void group_changed(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "groupId", e->group_id);
    jsonw_key_wall(w, "version", e->version);
    if (e->type == BUS_GROUP_CHANGE_FAILED)
        jsonw_key_s(w, "reason", e->reason);
}

static void unknown_terminated(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "instanceId", e->instance_id);
    jsonw_key_s(w, "runSpecId", e->app_id);
    jsonw_key_c(w, "condition", e->state);
}

static void registered(struct jsonw *w, const struct bus_event *e)
{
    if (e->type == BUS_SCHEDULER_REGISTERED)
        jsonw_key_s(w, "frameworkId", e->message);
    jsonw_key_s(w, "master", e->master);
}

static void job_changed(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "jobId", e->job->id);
    jsonw_key_wall(w, "version", e->version);
}

static void run_skipped(struct jsonw *w, const struct bus_event *e)
{
    jsonw_key_s(w, "jobId", e->job->id);
    jsonw_key_wall(w, "scheduledFor", e->version);
    jsonw_key_s(w, "reason", e->reason);
}

static void deployment_changed(struct jsonw *w, const struct bus_event *e, bool full)
{
    bool over = e->type == BUS_DEPLOYMENT_SUCCESS || e->type == BUS_DEPLOYMENT_FAILED;

    if (over)
        jsonw_key_c(w, "id", e->deployment->id);
    plan(w, e, !over, full);
    if (over) {
        if (e->reason.n != 0)
            jsonw_key_s(w, "reason", e->reason);
    } else if (e->state != NULL) { /* a rollout has stopped or goes on */
        jsonw_key_open(w, "rollout");
        jsonw_key_s(w, "app", e->app_id);
        jsonw_key_c(w, "state", e->state);
        jsonw_close(w);
    }
}

typedef void keys_fn(struct jsonw *w, const struct bus_event *e);

/* NULL: none of its own, or a deployment's. */
static keys_fn *const KEYS[BUS_TYPE_COUNT] = {
    [BUS_STREAM_ATTACHED] = stream_changed,
    [BUS_STREAM_DETACHED] = stream_changed,
    [BUS_API_POST] = api_post,
    [BUS_POD_CREATED] = pod_changed,
    [BUS_POD_UPDATED] = pod_changed,
    [BUS_POD_DELETED] = pod_changed,
    [BUS_STATUS_UPDATE] = status_update,
    [BUS_FRAMEWORK_MESSAGE] = framework_message,
    [BUS_ADD_HEALTH_CHECK] = check_added,
    [BUS_REMOVE_HEALTH_CHECK] = app_alone,
    [BUS_APP_TERMINATED] = app_alone,
    [BUS_FAILED_HEALTH_CHECK] = check_failed,
    [BUS_HEALTH_STATUS_CHANGED] = health_status,
    [BUS_UNHEALTHY_INSTANCE_KILL] = unhealthy_kill,
    [BUS_GROUP_CHANGE_SUCCESS] = group_changed,
    [BUS_GROUP_CHANGE_FAILED] = group_changed,
    [BUS_INSTANCE_CHANGED] = instance_changed,
    [BUS_INSTANCE_HEALTH_CHANGED] = health_changed,
    [BUS_UNKNOWN_INSTANCE_TERMINATED] = unknown_terminated,
    [BUS_SCHEDULER_REGISTERED] = registered,
    [BUS_SCHEDULER_REREGISTERED] = registered,
    [BUS_JOB_CREATED] = job_changed,
    [BUS_JOB_UPDATED] = job_changed,
    [BUS_JOB_DELETED] = job_changed,
    [BUS_JOB_RUN_CHANGED] = run_changed,
    [BUS_JOB_RUN_SKIPPED] = run_skipped,
};

void event_frame(struct sbuf *b, const struct bus_event *e, bool full)
{
    struct jsonw w;

    sbuf_c(b, "event: ");
    sbuf_c(b, bus_type_name(e->type));
    sbuf_c(b, "\r\ndata: ");
    w = JSONW(b);
    jsonw_open(&w);
    if (KEYS[e->type] != NULL)
        KEYS[e->type](&w, e);
    else if (e->deployment != NULL)
        deployment_changed(&w, e, full);
    jsonw_key_c(&w, "eventType", bus_type_name(e->type));
    jsonw_key_wall(&w, "timestamp", e->at);
    jsonw_close(&w);
    sbuf_c(b, "\r\n\r\n");
}

void event_gap_frame(struct sbuf *b, struct str last_id, struct wall at)
{
    struct jsonw w = JSONW(b);

    sbuf_c(b, "event: event_stream_gap\r\ndata: ");
    jsonw_open(&w);
    jsonw_key_s(&w, "lastEventId", last_id);
    jsonw_key_c(&w, "eventType", "event_stream_gap");
    jsonw_key_wall(&w, "timestamp", at);
    jsonw_close(&w);
    sbuf_c(b, "\r\n\r\n");
}

bool event_has_plan(enum bus_type t)
{
    return t == BUS_DEPLOYMENT_INFO || t == BUS_DEPLOYMENT_STEP_SUCCESS || t == BUS_DEPLOYMENT_STEP_FAILURE ||
           t == BUS_DEPLOYMENT_SUCCESS || t == BUS_DEPLOYMENT_FAILED;
}
