/* SPDX-License-Identifier: Apache-2.0 */
/* Apps, tasks and plans as JSON. The definition of an app is rendered once per version and kept; what changes
 * is written around it. Keys: marathon-schemas (AppInfo, Task, Health, TaskFailure, TaskStatsByVersion). No
 * others: some clients build objects from fixed key lists (marathon-api §14.2). */
#include <stdlib.h>

#include "marathon/api/int.h"

struct str spec_json(struct spec *s)
{
    if (s->json == NULL) {
        struct sbuf b = SBUF_INIT(64 << 20);
        struct jsonw w = JSONW(&b);
        jsonw_open(&w);
        value_encode_members(&schema_app, &s->app, &w);
        s->json_size = b.n;
        s->json = sbuf_steal(&b);
        sbuf_done(&b);
    }
    return str_mem(s->json, s->json_size);
}

bool instance_has_task(const struct instance *i)
{
    return i->agent != NULL && (i->state != INSTANCE_SCHEDULED || i->reservation != RESERVATION_NONE);
}

bool slot_is_app(const struct slot *s)
{
    return s->spec != NULL && s->spec->app.pod == NULL;
}

bool slot_is_pod(const struct slot *s)
{
    return s->spec != NULL && s->spec->app.pod != NULL;
}

/* From the text that constraints compare: "[1-3,5-5]" or "{a,b}". */
static void attribute_list(struct jsonw *w, const struct attribute *a)
{
    struct str rest = str_sub(a->text, 1, a->text.n >= 2 ? a->text.n - 2 : 0), part, begin;
    uint64_t from, to;

    jsonw_key_array(w, a->kind == VALUE_KIND_SET ? "set" : "ranges");
    while (rest.n != 0) {
        (void)str_cut(&rest, ',', &part);
        if (a->kind == VALUE_KIND_SET) {
            jsonw_str(w, part);
        } else if (str_cut(&part, '-', &begin) && str_u64(&begin, INT64_MAX, &from) && str_u64(&part, INT64_MAX, &to)) {
            jsonw_open(w);
            jsonw_key_u64(w, "begin", from);
            jsonw_key_u64(w, "end", to);
            jsonw_close(w);
        }
    }
    jsonw_array_close(w);
}

void render_attribute(struct jsonw *w, const struct attribute *a)
{
    jsonw_open(w);
    jsonw_key_s(w, "name", a->name);
    switch (a->kind) {
    case VALUE_KIND_TEXT:
        jsonw_key_s(w, "text", a->text);
        break;
    case VALUE_KIND_SCALAR:
        jsonw_key(w, "scalar");
        jsonw_raw(w, a->text); /* the decimal form that constraints compare is JSON as well */
        break;
    case VALUE_KIND_RANGES:
    case VALUE_KIND_SET:
        attribute_list(w, a);
        break;
    }
    jsonw_close(w);
}

static void render_health(struct jsonw *w, const struct instance *i, const struct health *h)
{
    jsonw_open(w);
    jsonw_key_bool(w, "alive", h->alive == HEALTH_ALIVE);
    jsonw_key_i64(w, "consecutiveFailures", h->failures);
    if (h->first_success.has)
        jsonw_key_wall(w, "firstSuccess", h->first_success.v);
    jsonw_key_s(w, "instanceId", i->id);
    if (h->last_failure.has) {
        jsonw_key_wall(w, "lastFailure", h->last_failure.v);
        jsonw_key_c(w, "lastFailureCause", h->cause);
    }
    if (h->last_success.has)
        jsonw_key_wall(w, "lastSuccess", h->last_success.v);
    jsonw_close(w);
}

static void render_ports(struct jsonw *w, const char *key, const uint32_t *ports, size_t n)
{
    jsonw_key_array(w, key);
    for (size_t i = 0; i < n; i++)
        if (ports[i] != PORT_NONE)
            jsonw_u64(w, ports[i]);
    jsonw_array_close(w);
}

void render_local_volumes(struct jsonw *w, const struct instance *i)
{
    jsonw_key_array(w, "localVolumes");
    for (size_t k = 0; k < i->volume_count; k++) {
        struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 256);
        volume_persistence_id(i, k, &b);
        jsonw_open(w);
        jsonw_key_s(w, "runSpecId", i->slot->id);
        jsonw_key_s(w, "containerPath", app_volume(&i->spec->app, k)->container_path);
        jsonw_key_c(w, "uuid", i->volumes[k].uuid);
        jsonw_key_s(w, "persistenceId", sbuf_view(&b));
        jsonw_close(w);
        sbuf_done(&b);
    }
    jsonw_array_close(w);
}

static void render_check(struct jsonw *w, const struct check_result *c)
{
    if (c->kind == CHECK_RESULT_NONE)
        return;
    jsonw_key_open(w, "checkResult");
    switch (c->kind) {
    case CHECK_RESULT_COMMAND:
        jsonw_key_open(w, "command");
        jsonw_key_i64(w, "exitCode", c->value);
        break;
    case CHECK_RESULT_HTTP:
        jsonw_key_open(w, "http");
        jsonw_key_i64(w, "statusCode", c->value);
        break;
    case CHECK_RESULT_TCP:
        jsonw_key_open(w, "tcp");
        jsonw_key_bool(w, "succeeded", c->value != 0);
        break;
    case CHECK_RESULT_NONE:
        break;
    }
    jsonw_close(w);
    jsonw_close(w);
}

void render_task(struct jsonw *w, const struct instance *i, bool service_ports)
{
    (void)service_ports; /* filled everywhere: harmless, says the reference, and simpler for readers */
    jsonw_open(w);
    jsonw_key_s(w, "appId", i->slot->id);
    jsonw_key_array(w, "healthCheckResults");
    for (size_t k = 0; k < i->check_count; k++)
        if (i->checks[k].health.alive != HEALTH_UNKNOWN)
            render_health(w, i, &i->checks[k].health);
    jsonw_array_close(w);
    render_check(w, &i->check);
    jsonw_key_s(w, "host", i->agent->hostname);
    jsonw_key_s(w, "id", i->task_id);
    jsonw_key_array(w, "ipAddresses");
    for (unsigned k = 0; k < i->ip_count; k++) {
        jsonw_open(w);
        jsonw_key_c(w, "ipAddress", i->ips[k].text);
        jsonw_key_c(w, "protocol", i->ips[k].v6 ? "IPv6" : "IPv4");
        jsonw_close(w);
    }
    jsonw_array_close(w);
    render_ports(w, "ports", i->ports, i->port_count);
    jsonw_key_array(w, "servicePorts");
    for (size_t k = 0; k < app_port_count(&i->spec->app); k++)
        jsonw_i64(w, app_service_port(&i->spec->app, k));
    jsonw_array_close(w);
    jsonw_key_s(w, "slaveId", i->agent->id);
    jsonw_key_c(w, "state", instance_state_task_name(i->state));
    if (i->staged_at.has)
        jsonw_key_wall(w, "stagedAt", i->staged_at.v);
    if (i->started_at.has)
        jsonw_key_wall(w, "startedAt", i->started_at.v);
    jsonw_key_wall(w, "version", i->spec->version);
    render_local_volumes(w, i);
    if (i->agent->region.p != NULL)
        jsonw_key_s(w, "region", i->agent->region);
    if (i->agent->zone.p != NULL)
        jsonw_key_s(w, "zone", i->agent->zone);
    jsonw_key_s(w, "role", i->spec->app.role);
    jsonw_close(w);
}

static void render_failure(struct jsonw *w, const struct slot *s)
{
    const struct task_failure *f = &s->failure;

    jsonw_key_open(w, "lastTaskFailure");
    jsonw_key_s(w, "appId", s->id);
    jsonw_key_c(w, "host", f->host);
    jsonw_key_c(w, "message", f->message);
    jsonw_key_c(w, "state", f->state);
    jsonw_key_c(w, "taskId", f->task_id);
    jsonw_key_wall(w, "timestamp", f->at);
    jsonw_key_wall(w, "version", f->version);
    if (f->agent_id != NULL)
        jsonw_key_c(w, "slaveId", f->agent_id);
    jsonw_close(w);
}

void render_readiness(struct jsonw *w, const struct slot *s)
{
    jsonw_key_array(w, "readinessCheckResults");
    if (s->deployment != NULL && s->spec != NULL && s->spec->app.readiness_checks.n != 0)
        for (const struct instance *i = s->instances; i != NULL; i = i->next) {
            if (!i->readiness_asked || i->state != INSTANCE_RUNNING || i->spec->app.readiness_checks.n == 0)
                continue;
            jsonw_open(w);
            jsonw_key_s(w, "name", LIST_AT(i->spec->app.readiness_checks, struct readiness_check, 0)->name);
            jsonw_key_s(w, "taskId", i->task_id);
            jsonw_key_bool(w, "ready", i->ready);
            if (i->readiness_has_response) {
                jsonw_key_open(w, "lastResponse");
                jsonw_key_i64(w, "status", i->readiness_status);
                jsonw_key_c(w, "contentType", i->readiness_type);
                jsonw_key_c(w, "body", i->readiness_body);
                jsonw_close(w);
            }
            jsonw_close(w);
        }
    jsonw_array_close(w);
}

/* --- statistics --- */
struct stats {
    int64_t staged, running, healthy, unhealthy;
    int64_t *ages_ms;
    size_t n;
};

static void add_stats(struct stats *s, const struct instance *i, struct wall now)
{
    s->staged +=
        i->state == INSTANCE_PROVISIONED || i->state == INSTANCE_STAGING || i->state == INSTANCE_STARTING;
    s->running += i->state == INSTANCE_RUNNING;
    s->healthy += i->state == INSTANCE_RUNNING && i->health == INSTANCE_HEALTHY;
    s->unhealthy += i->state == INSTANCE_RUNNING && i->health == INSTANCE_UNHEALTHY;
    if (i->started_at.has)
        s->ages_ms[s->n++] = now.ms - i->started_at.v.ms;
}

static int compare_ages(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void render_stats(struct jsonw *w, const char *key, struct stats *s)
{
    double sum = 0;

    jsonw_key_open(w, key);
    jsonw_key_open(w, "stats");
    jsonw_key_open(w, "counts");
    jsonw_key_i64(w, "staged", s->staged);
    jsonw_key_i64(w, "running", s->running);
    jsonw_key_i64(w, "healthy", s->healthy);
    jsonw_key_i64(w, "unhealthy", s->unhealthy);
    jsonw_close(w);
    if (s->n != 0) {
        qsort(s->ages_ms, s->n, sizeof *s->ages_ms, compare_ages);
        for (size_t i = 0; i < s->n; i++)
            sum += (double)s->ages_ms[i] / 1000;
        jsonw_key_open(w, "lifeTime");
        jsonw_key_double(w, "averageSeconds", sum / (double)s->n);
        jsonw_key_double(w, "medianSeconds", (double)s->ages_ms[s->n / 2] / 1000);
        jsonw_close(w);
    }
    jsonw_close(w);
    jsonw_close(w);
}

static void render_all_stats(struct call *c, struct jsonw *w, const struct slot *s)
{
    static const char *const keys[4] = { "startedAfterLastScaling", "withLatestConfig", "withOutdatedConfig",
                                         "totalSummary" };
    struct wall now = c->api->wall(c->api->ctx);

    jsonw_key_open(w, "taskStats");
    for (int k = 0; k < 4; k++) {
        struct stats st = { .ages_ms = xcalloc(s->instance_count + 1, sizeof(int64_t)) };
        size_t members = 0;
        for (const struct instance *i = s->instances; i != NULL; i = i->next) {
            bool latest = i->spec->version.ms >= s->spec->config_at.ms;
            if (!instance_has_task(i) || (k == 0 && i->spec->version.ms < s->spec->scaling_at.ms) ||
                (k == 1 && !latest) || (k == 2 && latest))
                continue;
            members++;
            add_stats(&st, i, now);
        }
        if (members != 0)
            render_stats(w, keys[k], &st);
        free(st.ages_ms);
    }
    jsonw_close(w);
}

/* Of an app with one instance on every agent the kept text has a 1. */
void render_definition(struct jsonw *w, struct spec *spec, const struct slot *slot)
{
    if (slot != NULL && slot->spec == spec && slot->every != NULL) {
        struct app a = spec->app;
        a.instances.v = slot_wanted(slot);
        jsonw_open(w);
        value_encode_members(&schema_app, &a, w);
    } else {
        jsonw_raw(w, spec_json(spec));
        w->comma = true;
    }
}

void render_app(struct call *c, struct jsonw *w, struct spec *spec, const struct slot *slot, unsigned embed,
                bool version_info)
{
    render_definition(w, spec, slot);
    if (version_info) {
        jsonw_key_open(w, "versionInfo");
        jsonw_key_wall(w, "lastScalingAt", spec->scaling_at);
        jsonw_key_wall(w, "lastConfigChangeAt", spec->config_at);
        jsonw_close(w);
    }
    if (slot != NULL && (embed & EMBED_COUNTS) != 0) {
        jsonw_key_i64(w, "tasksStaged", slot->staged);
        jsonw_key_i64(w, "tasksRunning", slot->running);
        jsonw_key_i64(w, "tasksHealthy", slot->healthy);
        jsonw_key_i64(w, "tasksUnhealthy", slot->unhealthy);
    }
    if (slot != NULL && (embed & EMBED_DEPLOYMENTS) != 0) {
        jsonw_key_array(w, "deployments");
        if (slot->deployment != NULL) {
            jsonw_open(w);
            jsonw_key_c(w, "id", slot->deployment->id);
            jsonw_close(w);
        }
        jsonw_array_close(w);
    }
    if (slot != NULL && (embed & EMBED_READINESS) != 0)
        render_readiness(w, slot);
    if (slot != NULL && (embed & EMBED_TASKS) != 0) {
        jsonw_key_array(w, "tasks");
        for (const struct instance *i = slot->instances; i != NULL; i = i->next)
            if (instance_has_task(i))
                render_task(w, i, false);
        jsonw_array_close(w);
    }
    if (slot != NULL && (embed & EMBED_FAILURE) != 0 && slot->failure.has)
        render_failure(w, slot);
    if (slot != NULL && (embed & EMBED_STATS) != 0)
        render_all_stats(c, w, slot);
    jsonw_close(w);
}

/* --- plans --- */
const char *slot_action_name(enum slot_action a)
{
    switch (a) {
    case ACTION_START:
        return "StartApplication";
    case ACTION_STOP:
        return "StopApplication";
    case ACTION_SCALE:
        return "ScaleApplication";
    case ACTION_RESTART:
        return "RestartApplication";
    case ACTION_NONE:
        break;
    }
    return "";
}

bool action_is_of_pod(const struct plan_action *a)
{
    const struct spec *s = a->to != NULL ? a->to : a->from;

    return s != NULL && s->app.pod != NULL;
}

static const char *pod_action_name(enum slot_action a)
{
    switch (a) {
    case ACTION_START:
        return "StartPod";
    case ACTION_STOP:
        return "StopPod";
    case ACTION_SCALE:
        return "ScalePod";
    case ACTION_RESTART:
        return "RestartPod";
    case ACTION_NONE:
        break;
    }
    return "";
}

void render_action(struct jsonw *w, const struct plan_action *a)
{
    bool pod = action_is_of_pod(a);

    jsonw_key_c(w, "action", pod ? pod_action_name(a->type) : slot_action_name(a->type));
    jsonw_key_s(w, pod ? "pod" : "app", a->slot->id);
}

static void action_list(struct jsonw *w, const struct plan_step *st, size_t end, size_t *omitted)
{
    jsonw_key_array(w, "actions");
    for (size_t k = 0; st != NULL && k < st->n; k++) {
        if (w->b->n >= end) {
            *omitted += st->n - k;
            break;
        }
        jsonw_open(w);
        render_action(w, &st->actions[k]);
        jsonw_close(w);
    }
    jsonw_array_close(w);
}

static void tell_omitted(struct jsonw *w, size_t omitted)
{
    if (omitted != 0)
        jsonw_key_u64(w, "omittedActions", omitted);
}

void render_action_list_within(struct jsonw *w, const struct plan_step *st, size_t max)
{
    size_t omitted = 0;

    action_list(w, st, max == SIZE_MAX ? max : w->b->n + max, &omitted);
    tell_omitted(w, omitted);
}

void render_action_list(struct jsonw *w, const struct plan_step *st)
{
    render_action_list_within(w, st, SIZE_MAX);
}

void render_steps_within(struct jsonw *w, const struct plan *p, size_t max)
{
    size_t omitted = 0, end = max == SIZE_MAX ? max : w->b->n + max;

    jsonw_key_array(w, "steps");
    for (size_t i = 0; i < p->n; i++) {
        if (w->b->n >= end) {
            omitted += p->steps[i].n;
            continue;
        }
        jsonw_open(w);
        action_list(w, &p->steps[i], end, &omitted);
        jsonw_close(w);
    }
    jsonw_array_close(w);
    tell_omitted(w, omitted);
}

void render_steps(struct jsonw *w, const struct plan *p)
{
    render_steps_within(w, p, SIZE_MAX);
}
