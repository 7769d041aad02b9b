/* SPDX-License-Identifier: Apache-2.0 */
/* What the service says of itself: /v2/info, metrics, logging. Source: marathon-api §13, marathon-schemas
 * (MarathonInfo, Counter, Gauge), marathon-behaviour §17. */
#include "common/base/log.h"
#include "marathon/api/int.h"
#include "marathon/flags.h"

static void text_or_null(struct jsonw *w, const char *key, const char *v)
{
    jsonw_key(w, key);
    if (v != NULL && v[0] != '\0')
        jsonw_c(w, v);
    else
        jsonw_null(w);
}

static void list_or_null(struct jsonw *w, const char *key, const char *list, bool empty)
{
    struct str rest = str_of(list), item;

    jsonw_key(w, key);
    if (list == NULL && !empty) {
        jsonw_null(w);
        return;
    }
    jsonw_array(w);
    for (bool more = rest.n != 0; more;) {
        more = str_cut(&rest, ',', &item);
        jsonw_str(w, str_trim(item));
    }
    jsonw_array_close(w);
}

/* An address with what is nobody's business hidden. */
static void masked(struct jsonw *w, const char *key, const char *v)
{
    struct sbuf b = SBUF_INIT(1 << 20);

    jsonw_key(w, key);
    flags_put_shown(&b, v != NULL ? v : "");
    if (v == NULL)
        jsonw_null(w);
    else
        jsonw_str(w, sbuf_view(&b));
    sbuf_done(&b);
}

static void marathon_config(struct call *c, struct jsonw *w, const struct marathon_flags *f)
{
    jsonw_key_open(w, "marathon_config");
    list_or_null(w, "access_control_allow_origin", f->access_control_allow_origin, false);
    jsonw_key_bool(w, "checkpoint", f->checkpoint && !f->disable_checkpoint);
    jsonw_key_i64(w, "decline_offer_duration", f->decline_offer_duration);
    text_or_null(w, "default_network_name", f->default_network_name);
    text_or_null(w, "env_vars_prefix", f->env_vars_prefix);
    jsonw_key_c(w, "executor", f->executor);
    jsonw_key_i64(w, "failover_timeout", f->failover_timeout);
    list_or_null(w, "features", f->enable_features, true);
    jsonw_key_c(w, "framework_name", f->framework_name);
    jsonw_key_bool(w, "ha", f->ha && !f->disable_ha);
    jsonw_key_c(w, "hostname", f->hostname);
    jsonw_key_i64(w, "launch_token", f->launch_tokens);
    jsonw_key_i64(w, "launch_token_refresh_interval", f->launch_token_refresh_interval);
    jsonw_key_i64(w, "leader_proxy_connection_timeout_ms", f->leader_proxy_connection_timeout);
    jsonw_key_i64(w, "leader_proxy_read_timeout_ms", f->leader_proxy_read_timeout);
    jsonw_key_i64(w, "local_port_max", f->local_port_max);
    jsonw_key_i64(w, "local_port_min", f->local_port_min);
    jsonw_key_bool(w, "maintenance_mode", c->m->config.maintenance_mode);
    masked(w, "master", f->master);
    jsonw_key_i64(w, "max_instances_per_offer", f->max_instances_per_offer);
    jsonw_key_c(w, "mesos_bridge_name", f->mesos_bridge_name);
    jsonw_key_i64(w, "mesos_heartbeat_failure_threshold", f->mesos_heartbeat_failure_threshold);
    jsonw_key_i64(w, "mesos_heartbeat_interval", f->mesos_heartbeat_interval);
    if (f->mesos_leader_ui_url == NULL && c->m->master != NULL)
        jsonw_key_s(w, "mesos_leader_ui_url", arena_fmt(&c->arena, "http://%s/", c->m->master));
    else
        text_or_null(w, "mesos_leader_ui_url", f->mesos_leader_ui_url);
    jsonw_key_c(w, "mesos_role", f->mesos_role);
    text_or_null(w, "mesos_user", f->mesos_user);
    jsonw_key_i64(w, "min_revive_offers_interval", f->min_revive_offers_interval);
    jsonw_key_c(w, "new_group_enforce_role", f->new_group_enforce_role);
    jsonw_key_i64(w, "offer_matching_timeout", f->offer_matching_timeout);
    jsonw_key_i64(w, "on_elected_prepare_timeout", f->on_elected_prepare_timeout);
    jsonw_key_i64(w, "reconciliation_initial_delay", f->reconciliation_initial_delay);
    jsonw_key_i64(w, "reconciliation_interval", f->reconciliation_interval);
    jsonw_key_i64(w, "scale_apps_initial_delay", f->scale_apps_initial_delay);
    jsonw_key_i64(w, "scale_apps_interval", f->scale_apps_interval);
    jsonw_key_bool(w, "store_cache", f->store_cache);
    jsonw_key_i64(w, "task_launch_confirm_timeout", f->task_launch_confirm_timeout);
    jsonw_key_i64(w, "task_launch_timeout", f->task_launch_timeout);
    jsonw_key_i64(w, "task_lost_expunge_initial_delay", f->task_lost_expunge_initial_delay);
    jsonw_key_i64(w, "task_lost_expunge_interval", f->task_lost_expunge_interval);
    jsonw_key_i64(w, "task_reservation_timeout", f->task_reservation_timeout);
    text_or_null(w, "webui_url", f->webui_url);
    jsonw_close(w);
}

void handle_info(struct call *c)
{
    const struct marathon_flags *f = c->api->flags;
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    jsonw_key_s(&w, "name", str_of(f->framework_name));
    jsonw_key_s(&w, "version", c->api->version);
    jsonw_key_s(&w, "buildref", c->api->buildref);
    jsonw_key_bool(&w, "elected", true);
    jsonw_key_s(&w, "leader", c->api->leader);
    text_or_null(&w, "frameworkId", c->m->framework_id);
    marathon_config(c, &w, f);
    jsonw_key_open(&w, "zookeeper_config");
    masked(&w, "zk", f->zk != NULL ? f->zk : "");
    jsonw_key_bool(&w, "zk_compression", f->zk_compression);
    jsonw_key_i64(&w, "zk_compression_threshold", f->zk_compression_threshold);
    jsonw_key_i64(&w, "zk_connection_timeout", f->zk_connection_timeout);
    jsonw_key_i64(&w, "zk_max_node_size", f->zk_max_node_size);
    jsonw_key_i64(&w, "zk_max_versions", f->zk_max_versions);
    jsonw_key_i64(&w, "zk_session_timeout", f->zk_session_timeout);
    jsonw_key_i64(&w, "zk_timeout", f->zk_timeout);
    jsonw_close(&w);
    jsonw_key_open(&w, "http_config");
    jsonw_key_i64(&w, "http_port", f->http_port);
    jsonw_key_i64(&w, "https_port", f->https_port);
    jsonw_close(&w);
    jsonw_close(&w);
}

/* --- metrics --- */
struct metric_row {
    const char *name; /* without prefix */
    bool counter;
    double value;
};

enum { ROWS_MAX = 64 };

static size_t active_runs(const struct marathon *m)
{
    size_t n = 0;

    for (const struct job *j = m->jobs; j != NULL; j = j->hh.next)
        n += j->active;
    return n;
}

static size_t rows(struct call *c, struct metric_row *v)
{
    const struct marathon *m = c->m;
    const struct counters *k = &m->counters;
    double running = 0, staged = 0, scheduled = 0, pods = 0;
    struct slot *s, *tmp;
    size_t n = 0;

    HASH_ITER(hh, m->slots, s, tmp)
    {
        running += (double)s->running;
        staged += (double)s->staged;
        scheduled += (double)s->scheduled_count;
        pods += slot_is_pod(s);
    }
    double up = (double)(c->api->wall(c->api->ctx).ms - c->api->started_at.ms) / 1000;
#define ROW(name_, counter_, value_) v[n++] = (struct metric_row){ name_, counter_, (double)(value_) }
    ROW("apps.active.gauge", false, (double)m->app_count - pods);
    ROW("pods.active.gauge", false, pods);
    ROW("groups.active.gauge", false, HASH_COUNT(m->groups) + 1);
    ROW("instances.running.gauge", false, running);
    ROW("instances.staged.gauge", false, staged);
    ROW("instances.scheduled.gauge", false, scheduled);
    ROW("instances.launch-overdue.gauge", false, 0);
    ROW("instances.inflight-kills.gauge", false, m->kills_in_flight);
    ROW("instances.inflight-kill-attempts.gauge", false, m->kills_in_flight);
    ROW("deployments.active.gauge", false, m->deployment_count);
    ROW("deployments.counter", true, k->deployments);
    ROW("deployments.dismissed.counter", true, k->deployments_dismissed);
    ROW("leadership.duration.gauge.seconds", false, up);
    ROW("uptime.gauge.seconds", false, up);
    ROW("tasks.launched.counter", true, k->tasks_launched);
    ROW("mesos.offers.incoming.counter", true, k->offers_incoming);
    ROW("mesos.offers.used.counter", true, k->offers_used);
    ROW("mesos.offers.declined.counter", true, k->offers_declined);
    ROW("mesos.calls.revive.counter", true, k->revives);
    ROW("mesos.calls.suppress.counter", true, k->suppresses);
    ROW("mesos.offer-operations.launch.counter", true, k->launch_operations);
    ROW("mesos.offer-operations.launch-group.counter", true, k->launch_group_operations);
    ROW("mesos.offer-operations.reserve.counter", true, k->reserve_operations);
    ROW("mesos.task.oom.memory-limit-exceeded.counter", true, k->oom);
    ROW("mesos.task.oom.memory-limit-unfulfillable.counter", true, 0); /* no agent tells such a reason */
    ROW("persistence.gc.runs.counter", true, k->versions_dropped);     /* there is no scan: each is dropped when it is one too many */
    ROW("mesos.task-updates.task-staging.counter", true, k->task_updates[TASK_STAGING]);
    ROW("mesos.task-updates.task-starting.counter", true, k->task_updates[TASK_STARTING]);
    ROW("mesos.task-updates.task-running.counter", true, k->task_updates[TASK_RUNNING]);
    ROW("mesos.task-updates.task-killing.counter", true, k->task_updates[TASK_KILLING]);
    ROW("mesos.task-updates.task-finished.counter", true, k->task_updates[TASK_FINISHED]);
    ROW("mesos.task-updates.task-failed.counter", true, k->task_updates[TASK_FAILED]);
    ROW("mesos.task-updates.task-killed.counter", true, k->task_updates[TASK_KILLED]);
    ROW("mesos.task-updates.task-lost.counter", true, k->task_updates[TASK_LOST]);
    ROW("mesos.task-updates.task-error.counter", true, k->task_updates[TASK_ERROR]);
    ROW("mesos.task-updates.task-dropped.counter", true, k->task_updates[TASK_DROPPED]);
    ROW("mesos.task-updates.task-gone.counter", true, k->task_updates[TASK_GONE]);
    ROW("mesos.task-updates.task-unreachable.counter", true, k->task_updates[TASK_UNREACHABLE]);
    ROW("mesos.task-updates.task-unknown.counter", true, k->task_updates[TASK_UNKNOWN]);
    ROW("jobs.active.gauge", false, HASH_COUNT(m->jobs));
    ROW("jobs.runs.active.gauge", false, active_runs(m));
    ROW("jobs.runs.started.counter", true, k->runs_started);
    ROW("jobs.runs.succeeded.counter", true, k->runs_succeeded);
    ROW("jobs.runs.failed.counter", true, k->runs_failed);
    ROW("jobs.runs.killed.counter", true, k->runs_killed);
    ROW("jobs.runs.skipped.counter", true, k->runs_skipped);
    ROW("http.event-streams.active.gauge", false, c->api->streams);
    ROW("http.event-streams.dropped.counter", true, c->api->streams_dropped);
    ROW("http.requests.active.gauge", false, c->api->http.active);
    ROW("http.requests.size.counter.bytes", true, c->api->http.request_bytes);
    ROW("http.responses.size.counter.bytes", true, c->api->response_bytes);
    ROW("http.responses.size.gzipped.counter.bytes", true, c->api->http.gzip_bytes);
    ROW("http.responses.event-stream.size.counter.bytes", true, c->api->http.stream_bytes);
#undef ROW
    ASSERT(n <= ROWS_MAX);
    return n;
}

static void metrics_of(struct call *c, struct jsonw *w, const struct metric_row *v, size_t n, bool counters)
{
    jsonw_key_open(w, counters ? "counters" : "gauges");
    for (size_t i = 0; i < n; i++) {
        if (v[i].counter != counters)
            continue;
        jsonw_key_str(w, arena_fmt(&c->arena, "%s.%s", c->api->flags->metrics_name_prefix, v[i].name));
        jsonw_open(w);
        if (counters)
            jsonw_key_i64(w, "count", (int64_t)v[i].value);
        else
            jsonw_key_double(w, "value", v[i].value);
        jsonw_close(w);
    }
    jsonw_close(w);
}

static void rates(struct jsonw *w, struct meter *m, struct mono now)
{
    meter_move(m, now);
    jsonw_key_double(w, "m1_rate", m->m1);
    jsonw_key_double(w, "m5_rate", m->m5);
    jsonw_key_double(w, "m15_rate", m->m15);
    jsonw_key_double(w, "mean_rate", meter_mean(m, now));
}

static void meters_of(struct call *c, struct jsonw *w)
{
    jsonw_key_open(w, "meters");
    for (unsigned i = 1; i <= 5; i++) {
        struct meter *m = &c->api->http.classes[i];
        jsonw_key_str(w, arena_fmt(&c->arena, "%s.http.responses.%uxx.rate.meter", c->api->flags->metrics_name_prefix, i));
        jsonw_open(w);
        jsonw_key_i64(w, "count", (int64_t)m->count);
        rates(w, m, c->api->mono(c->api->ctx));
        jsonw_key_c(w, "units", "events/second");
        jsonw_close(w);
    }
    jsonw_close(w);
}

static const struct {
    const char *label;
    double share;
} percentiles[] = { { "p50", 0.5 }, { "p75", 0.75 }, { "p95", 0.95 }, { "p98", 0.98 }, { "p99", 0.99 }, { "p999", 0.999 } };

enum { TIMER_ALL = -1, TIMER_AT_REST = -2 };

static const struct {
    const char *name;
    int verb; /* or one of these */
} timers[] = {
    { "http.requests.duration.timer.seconds", TIMER_ALL },
    { "http.requests.get.duration.timer.seconds", HTTP_VERB_GET },
    { "http.requests.post.duration.timer.seconds", HTTP_VERB_POST },
    { "http.requests.put.duration.timer.seconds", HTTP_VERB_PUT },
    { "http.requests.delete.duration.timer.seconds", HTTP_VERB_DELETE },
    /* What these measure in the original is part of each change here. Dashboards want the names. */
    { "persistence.gc.scan.duration.timer.seconds", TIMER_AT_REST },
    { "persistence.gc.compaction.duration.timer.seconds", TIMER_AT_REST },
};

static struct timer_stats *timer_of(struct call *c, size_t i)
{
    static struct timer_stats at_rest;

    if (timers[i].verb == TIMER_AT_REST)
        return &at_rest;
    return timers[i].verb == TIMER_ALL ? &c->api->http.all : &c->api->http.of[timers[i].verb];
}

static void timers_of(struct call *c, struct jsonw *w)
{
    jsonw_key_open(w, "timers");
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        struct timer_stats *t = timer_of(c, i);
        jsonw_key_str(w, arena_fmt(&c->arena, "%s.%s", c->api->flags->metrics_name_prefix, timers[i].name));
        jsonw_open(w);
        jsonw_key_i64(w, "count", (int64_t)t->meter.count);
        jsonw_key_double(w, "min", t->min);
        jsonw_key_double(w, "mean", timer_mean(t));
        jsonw_key_double(w, "max", t->max);
        for (size_t k = 0; k < sizeof percentiles / sizeof percentiles[0]; k++)
            jsonw_key_double(w, percentiles[k].label, timer_percentile(t, percentiles[k].share));
        jsonw_key_double(w, "stddev", timer_deviation(t));
        rates(w, &t->meter, c->api->mono(c->api->ctx));
        jsonw_key_c(w, "duration_units", "seconds");
        jsonw_key_c(w, "rate_units", "events/second");
        jsonw_close(w);
    }
    jsonw_close(w);
}

static void metrics_json_answer(struct call *c)
{
    struct metric_row v[ROWS_MAX];
    size_t n = rows(c, v);
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    jsonw_key_c(&w, "version", "4.0.0");
    metrics_of(c, &w, v, n, false);
    metrics_of(c, &w, v, n, true);
    jsonw_key_open(&w, "histograms");
    jsonw_close(&w);
    meters_of(c, &w);
    timers_of(c, &w);
    jsonw_close(&w);
}

static void prometheus_name(struct sbuf *b, const char *prefix, const char *name)
{
    const char *parts[3] = { prefix, ".", name };

    for (int k = 0; k < 3; k++)
        for (const char *p = parts[k]; *p != '\0'; p++)
            sbuf_char(b, *p == '.' || *p == '-' ? '_' : *p);
}

static void prometheus_timer(struct call *c, size_t i, struct sbuf *b)
{
    const char *prefix = c->api->flags->metrics_name_prefix;
    const struct timer_stats *t = timer_of(c, i);

    sbuf_c(b, "# TYPE ");
    prometheus_name(b, prefix, timers[i].name);
    sbuf_c(b, " summary\n");
    for (size_t k = 0; k < sizeof percentiles / sizeof percentiles[0]; k++) {
        prometheus_name(b, prefix, timers[i].name);
        sbuf_fmt(b, "{quantile=\"%g\"} %.9g\n", percentiles[k].share, timer_percentile(t, percentiles[k].share));
    }
    prometheus_name(b, prefix, timers[i].name);
    sbuf_fmt(b, "_sum %.9g\n", t->sum);
    prometheus_name(b, prefix, timers[i].name);
    sbuf_fmt(b, "_count %llu\n", (unsigned long long)t->meter.count);
}

static void metrics_prometheus_answer(struct call *c)
{
    struct metric_row v[ROWS_MAX];
    size_t n = rows(c, v);
    struct sbuf *b = &c->a->body;

    if (!c->api->flags->metrics_prometheus || c->api->flags->disable_metrics_prometheus) {
        answer_message(c, 404, "Prometheus reporter is disabled");
        return;
    }
    answer_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", STR(""));
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
        prometheus_timer(c, i, b);
    for (unsigned i = 1; i <= 5; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "http.responses.%uxx.rate.meter", i);
        sbuf_c(b, "# TYPE ");
        prometheus_name(b, c->api->flags->metrics_name_prefix, name);
        sbuf_c(b, " counter\n");
        prometheus_name(b, c->api->flags->metrics_name_prefix, name);
        sbuf_fmt(b, " %llu\n", (unsigned long long)c->api->http.classes[i].count);
    }
    for (size_t i = 0; i < n; i++) {
        sbuf_c(b, "# TYPE ");
        prometheus_name(b, c->api->flags->metrics_name_prefix, v[i].name);
        sbuf_c(b, v[i].counter ? " counter\n" : " gauge\n");
        prometheus_name(b, c->api->flags->metrics_name_prefix, v[i].name);
        sbuf_fmt(b, " %.17g\n", v[i].value);
    }
}

/* Whether /metrics is asked for as text: a scraper names text/plain and takes anything else only as a last resort ("text/plain;q=0.5,
 * star/star;q=0.1"), while a browser's or a script's star alone gets the JSON of old. */
static bool prefers_text(struct str accept)
{
    return http_names_type(accept, "text/plain") && !http_names_type(accept, "application/json");
}

void handle_metrics(struct call *c)
{
    bool text = c->n == 2 && str_is(c->segments[1], "prometheus");

    if (c->n > 2 || (c->n == 2 && !text))
        answer_message(c, 404, "URI not found");
    else if (c->r->verb != HTTP_VERB_GET && c->r->verb != HTTP_VERB_HEAD)
        answer_not_allowed(c, "GET, HEAD, OPTIONS");
    else if (text || prefers_text(c->r->accept))
        metrics_prometheus_answer(c);
    else
        metrics_json_answer(c);
}

/* --- start-up options ------------------------------------------------------------------------------------
 */
void handle_config(struct call *c)
{
    static const char *const hidden[] = { "http_credentials", "mesos_authentication_secret", "ssl_keystore_password",
                                          "metrics_datadog_api_key", NULL };

    answer_text(c, 200, "application/json", STR(""));
    if (c->api->flag_set != NULL)
        flags_json(c->api->flag_set, hidden, &c->a->body);
    else
        sbuf_c(&c->a->body, "{}");
}

/* --- logging --- */
static const char *const levels[] = { "error", "warn", "info", "debug" };

static void logging_show(struct call *c)
{
    struct jsonw w = answer_json(c, 200);

    jsonw_open(&w);
    jsonw_key_c(&w, "ROOT", levels[log_get_level()]);
    jsonw_close(&w);
}

static void logging_set(struct call *c)
{
    CLEANUP(body_free_p) cJSON *json = body_json(c);
    struct str level, logger;
    struct place pl = PLACE_FIELD(NULL, "level"), pg = PLACE_FIELD(NULL, "logger"),
                 pd = PLACE_FIELD(NULL, "durationSeconds");
    const cJSON *duration;
    int found = -1;

    if (json == NULL)
        return;
    level = body_str(json, "level");
    logger = body_str(json, "logger");
    if (level.p == NULL)
        issue_at(&c->issues, &pl, "'level' is undefined on object");
    if (logger.p == NULL)
        issue_at(&c->issues, &pg, "'logger' is undefined on object");
    for (int i = 0; i < 4; i++)
        if (str_eq_nocase(level, str_of(levels[i])))
            found = i;
    if (str_eq_nocase(level, STR("trace")))
        found = LOG_DEBUG;
    if (level.p != NULL && found < 0)
        issue_at(&c->issues, &pl, "error.unknown.enum.literal");
    duration = body_get(json, "durationSeconds");
    if (duration != NULL && !cJSON_IsNumber(duration))
        issue_at(&c->issues, &pd, "error.expected.jsnumber");
    else if (duration != NULL && (duration->valuedouble < 1 || duration->valuedouble > INT32_MAX))
        issue_at(&c->issues, &pd, duration->valuedouble < 1 ? "error.min" : "error.max");
    if (answer_bad(c, "Invalid JSON"))
        return;
    c->a->has_log_level = true;
    c->a->log_level_s = duration != NULL ? (int64_t)duration->valuedouble : 0;
    c->a->log_level_back = (int)log_get_level();
    log_set_level((enum log_level)found);
    logging_show(c);
}

void handle_logging(struct call *c)
{
    if (c->r->verb == HTTP_VERB_GET || c->r->verb == HTTP_VERB_HEAD)
        logging_show(c);
    else if (c->r->verb == HTTP_VERB_POST)
        logging_set(c);
    else
        answer_not_allowed(c, "GET, HEAD, POST, OPTIONS");
}
