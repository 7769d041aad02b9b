/* SPDX-License-Identifier: Apache-2.0 */
/* The unversioned endpoints. Source: reference of the operator API, §8, §9, §10; golden exchanges 465-486. */
#include "agent/shell.h"

#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "agent/api.h"
#include "agent/isolation/containerizer.h"
#include "agent/wire/encode.h"
#include "agent/wire/state_json.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

enum { ANSWER_BYTES_MAX = 1 << 30 };

void endpoint_state(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ANSWER_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf flags = SBUF_INIT(1 << 20);
    struct jsonw w = JSONW(&b);

    if (s->core->state == AGENT_RECOVERING) {
        http_reply_text(r, 503, "Agent has not finished recovery");
        return;
    }
    flags_json(&s->parsed, NULL, &flags);
    struct agent_state_view v = {
        .agent = s->core,
        .env = &s->env,
        .start_time = shell_seconds(s->started),
        .work_dir = s->work_dir,
        .log_dir = s->flags.log_dir,
        .external_log_file = s->flags.external_log_file,
        .flags = access_may(s, ACL_VIEW_FLAGS, (struct str){ NULL, 0 }) ? sbuf_view(&flags) : (struct str){ NULL, 0 },
        .views = access_views(s),
    };
    agent_state_json(&w, &v);
    http_reply_json(r, &b);
}

void endpoint_flags(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);

    if (!access_may(s, ACL_VIEW_FLAGS, (struct str){ NULL, 0 })) {
        api_reply_forbidden(r);
        return;
    }
    sbuf_c(&b, "{\"flags\":");
    flags_json(&s->parsed, NULL, &b);
    sbuf_char(&b, '}');
    http_reply_json(r, &b);
}

void endpoint_version(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1024);
    struct jsonw w = JSONW(&b);

    (void)s;
    jsonw_open(&w);
    jsonw_key_c(&w, "build_date", AGENT_BUILD_DATE);
    jsonw_key_double(&w, "build_time", AGENT_BUILD_TIME);
    jsonw_key_c(&w, "build_user", AGENT_BUILD_USER);
    jsonw_key_c(&w, "version", AGENT_VERSION);
    jsonw_close(&w);
    http_reply_json(r, &b);
}

void endpoint_system_stats(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1024);
    struct jsonw w = JSONW(&b);
    double load[3] = { 0, 0, 0 };
    struct sysinfo si = { 0 };

    (void)s;
    (void)getloadavg(load, 3); /* zeros when it cannot be known */
    (void)sysinfo(&si);
    jsonw_open(&w);
    jsonw_key_double(&w, "avg_load_15min", load[2]);
    jsonw_key_double(&w, "avg_load_1min", load[0]);
    jsonw_key_double(&w, "avg_load_5min", load[1]);
    jsonw_key_i64(&w, "cpus_total", sysconf(_SC_NPROCESSORS_ONLN));
    jsonw_key_u64(&w, "mem_free_bytes", (uint64_t)si.freeram * si.mem_unit);
    jsonw_key_u64(&w, "mem_total_bytes", (uint64_t)si.totalram * si.mem_unit);
    jsonw_close(&w);
    http_reply_json(r, &b);
}

static void revert_logging(void *arg)
{
    (void)arg;
    log_set_level(LOG_INFO);
}

void endpoint_set_logging(struct shell *s, uint32_t level, int64_t duration_ns)
{
    log_set_level(level > 0 ? LOG_DEBUG : LOG_INFO);
    if (s->log_revert.loop == NULL)
        loop_timer_init(&s->log_revert, s->loop, revert_logging, s);
    loop_timer_in(&s->log_revert, duration_ns > 0 ? duration_ns : 0);
}

/* Level 0 is info and below; 1 and more show debug lines. */
void endpoint_logging(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf level = SBUF_INIT(32);
    CLEANUP(sbuf_done_p) struct sbuf duration = SBUF_INIT(64);
    bool has_level = http_query_get(http_req_query(r), "level", &level);
    bool has_duration = http_query_get(http_req_query(r), "duration", &duration);
    uint64_t n;
    int64_t ns;

    if (!has_level && !has_duration) {
        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16);
        sbuf_c(&b, log_get_level() >= LOG_DEBUG ? "1\n" : "0\n");
        http_reply_sbuf(r, 200, "text/plain; charset=utf-8", &b);
        return;
    }
    struct str text = sbuf_view(&level);
    if (!has_level || !has_duration)
        http_reply_text(r, 400, "Expecting 'level=value' and 'duration=value' in query.\n");
    else if (!str_u64(&text, 100, &n) || text.n != 0)
        http_reply_text(r, 400, "Invalid level '%.*s'.\n", STR_ARG(sbuf_view(&level)));
    else if (!duration_parse(sbuf_view(&duration), &ns))
        http_reply_text(r, 400, "Invalid duration '%.*s'.\n", STR_ARG(sbuf_view(&duration)));
    else {
        endpoint_set_logging(s, (uint32_t)n, ns);
        http_reply(r, 200, NULL, (struct str){ NULL, 0 });
    }
}

void endpoint_metrics_snapshot(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 20);
    CLEANUP(sbuf_done_p) struct sbuf timeout = SBUF_INIT(64);
    int64_t ns;

    if (http_query_get(http_req_query(r), "timeout", &timeout) && !duration_parse(sbuf_view(&timeout), &ns)) {
        http_reply_text(r, 400, "Invalid timeout '%.*s'.\n", STR_ARG(sbuf_view(&timeout)));
        return;
    }
    metrics_json(s->metrics, &b);
    http_reply_json(r, &b);
}

void endpoint_metrics(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(64 << 20);

    metrics_prometheus(s->metrics, &b);
    http_reply_sbuf(r, 200, METRICS_PROMETHEUS_TYPE, &b);
}

/* --- containers --- */

static void put_count(struct sbuf *b, uint32_t number, int64_t v)
{
    if (v != CONTAINER_NONE)
        wire_put_i64(b, number, v);
}

static void put_seconds(struct sbuf *b, uint32_t number, int64_t ns)
{
    if (ns != CONTAINER_NONE)
        wire_put_double(b, number, (double)ns / 1e9);
}

static void put_milli(struct sbuf *b, uint32_t number, int64_t milli)
{
    if (milli != CONTAINER_NONE)
        wire_put_double(b, number, milli_to_double(milli));
}

/* ResourceStatistics, fields in number order. */
static void put_statistics(struct sbuf *b, double timestamp, const struct container_usage *u)
{
    wire_put_double(b, 1, timestamp);
    put_seconds(b, 2, u->cpus_user_ns);
    put_seconds(b, 3, u->cpus_system_ns);
    put_milli(b, 4, u->cpus_limit_milli);
    put_count(b, 5, u->mem_rss_bytes);
    put_count(b, 6, u->mem_limit_bytes);
    put_count(b, 7, u->cpus_nr_periods);
    put_count(b, 8, u->cpus_nr_throttled);
    put_seconds(b, 9, u->cpus_throttled_ns);
    put_count(b, 10, u->mem_file_bytes);
    put_count(b, 11, u->mem_anon_bytes);
    put_count(b, 12, u->mem_mapped_file_bytes);
    put_count(b, 26, u->disk_limit_bytes);
    put_count(b, 27, u->disk_used_bytes);
    put_count(b, 30, u->processes);
    put_count(b, 31, u->threads);
    put_count(b, 32, u->mem_low_pressure);
    put_count(b, 33, u->mem_medium_pressure);
    put_count(b, 34, u->mem_critical_pressure);
    put_count(b, 36, u->mem_total_bytes);
    put_count(b, 37, u->mem_total_memsw_bytes);
    put_count(b, 38, u->mem_soft_limit_bytes);
    put_count(b, 39, u->mem_cache_bytes);
    put_count(b, 40, u->mem_swap_bytes);
    put_count(b, 41, u->mem_unevictable_bytes);
    if (u->disk_used_bytes != CONTAINER_NONE) {
        size_t mark = wire_open(b, 43);
        put_count(b, 3, u->disk_limit_bytes);
        put_count(b, 4, u->disk_used_bytes);
        wire_close(b, mark);
    }
    put_milli(b, 45, u->cpus_soft_limit_milli);
    put_count(b, 52, u->mem_kmem_bytes);
    put_count(b, 53, u->mem_kmem_tcp_bytes);
}

bool endpoint_container_pb(struct shell *s, const char *id, struct sbuf *statistics, struct sbuf *status)
{
    struct container_usage u;
    struct container_status st;

    if (containerizer_status(s->containers, id, &st, NULL) != 0)
        return false;
    if (st.has_cgroups && st.net_cls_classid != 0) {
        size_t cgroup = wire_open(status, 2);
        size_t net = wire_open(status, 1);
        wire_put_u64(status, 1, st.net_cls_classid);
        wire_close(status, net);
        wire_close(status, cgroup);
    }
    sbuf_str(status, st.networks); /* network_infos, field 1 */
    if (st.pid != 0)
        wire_put_u64(status, 3, (uint64_t)st.pid);
    wire_put_container_id(status, 4, str_of(id));
    if (containerizer_usage(s->containers, id, &u, NULL) == 0)
        put_statistics(statistics, shell_seconds(loop_wall(s->loop)), &u);
    containerizer_network_usage(s->containers, id, statistics);
    return true;
}

/* One entry of /containers or /monitor/statistics. */
static void put_entry(struct shell *s, struct jsonw *w, const struct agent_executor *e, bool with_container)
{
    CLEANUP(sbuf_done_p) struct sbuf statistics = SBUF_INIT(1 << 20);
    CLEANUP(sbuf_done_p) struct sbuf status = SBUF_INIT(1 << 20);

    if (!endpoint_container_pb(s, e->container_id, &statistics, &status))
        return;
    jsonw_open(w);
    if (with_container)
        jsonw_key_c(w, "container_id", e->container_id);
    jsonw_key_c(w, "executor_id", e->id);
    jsonw_key_s(w, "executor_name", e->info->name);
    jsonw_key_c(w, "framework_id", e->framework->id);
    jsonw_key_s(w, "source", e->info->source);
    if (statistics.n != 0) {
        jsonw_key(w, "statistics");
        (void)json_write_wire(w, &mesos__v1__resource_statistics__descriptor, sbuf_view(&statistics), NULL);
    }
    if (with_container) {
        jsonw_key(w, "status");
        (void)json_write_wire(w, &mesos__v1__container_status__descriptor, sbuf_view(&status), NULL);
    }
    jsonw_close(w);
}

void endpoint_statistics(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ANSWER_BYTES_MAX);
    struct jsonw w = JSONW(&b);
    struct agent_views v = access_views(s);

    jsonw_array(&w);
    for (struct agent_framework *f = s->core->frameworks; f != NULL; f = f->hh.next)
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            if (agent_views_container(&v, e))
                put_entry(s, &w, e, false);
    jsonw_array_close(&w);
    http_reply_json(r, &b);
}

void endpoint_containers(struct shell *s, struct http_req *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ANSWER_BYTES_MAX);
    CLEANUP(sbuf_done_p) struct sbuf cid = SBUF_INIT(2048);
    CLEANUP(sbuf_done_p) struct sbuf fid = SBUF_INIT(2048);
    CLEANUP(sbuf_done_p) struct sbuf eid = SBUF_INIT(2048);
    struct str query = http_req_query(r);
    struct jsonw w = JSONW(&b);
    bool by_container = http_query_get(query, "container_id", &cid);
    bool by_framework = http_query_get(query, "framework_id", &fid);
    bool by_executor = http_query_get(query, "executor_id", &eid);
    struct agent_views v = access_views(s);

    if ((by_executor && !by_framework) || (by_container && by_framework)) {
        http_reply_text(r, 400, "Supported query parameters are container_id only, framework_id only, or executor_id and framework_id only");
        return;
    }
    jsonw_array(&w);
    for (struct agent_framework *f = s->core->frameworks; f != NULL; f = f->hh.next)
        for (struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
            if (agent_views_container(&v, e) && (!by_container || str_is(sbuf_view(&cid), e->container_id)) &&
                (!by_framework || str_is(sbuf_view(&fid), f->id)) && (!by_executor || str_is(sbuf_view(&eid), e->id)))
                put_entry(s, &w, e, true);
    jsonw_array_close(&w);
    http_reply_json(r, &b);
}
