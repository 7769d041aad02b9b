/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/time.h"
#include "common/io/metrics.h"
#include "tests/support/test.h"

static bool uptime(void *arg, double *ret)
{
    *ret = 12.5;
    return arg != NULL;
}

TEST("a snapshot is a flat object of sorted names")
{
    struct metrics *m = metrics_new();
    struct sbuf b = SBUF_INIT(1 << 16);
    metric_add(metrics_counter(m, "master/tasks_lost", NULL), 3);
    metric_set(metrics_gauge(m, "master/elected", NULL), 1);
    metric_set(metrics_gauge(m, "master/mem_percent", NULL), 0.1);
    metric_set(metrics_gauge(m, "big", NULL), 1e15);
    (void)metrics_gauge_call(m, "master/uptime_secs", NULL, uptime, m);
    (void)metrics_gauge_call(m, "unknown", NULL, uptime, NULL);
    (void)metrics_timer(m, "unused", NULL, 10);
    metrics_json(m, &b);
    CHECK_STR(
        sbuf_view(&b),
        STR("{\"big\":1e+15,\"master/elected\":1.0,\"master/mem_percent\":0.1,\"master/tasks_lost\":3.0,"
            "\"master/uptime_secs\":12.5}"));
    CHECK(metrics_counter(m, "master/tasks_lost", NULL) == metrics_counter(m, "master/tasks_lost", NULL));
    metric_remove(m, metrics_gauge(m, "big", NULL));
    sbuf_clear(&b);
    metrics_json(m, &b);
    CHECK(strstr(b.p, "big") == NULL);
    sbuf_done(&b);
    metrics_free(m);
}

TEST("a timer shows its last value and the percentiles of its window")
{
    struct metrics *m = metrics_new();
    struct sbuf b = SBUF_INIT(1 << 16);
    struct metric *t = metrics_timer(m, "registrar/state_store", "Time of a store.", 4);
    for (int i = 1; i <= 6; i++)
        metric_observe(t, i * NS_PER_MS); /* the window holds 3 4 5 6 */
    metrics_json(m, &b);
    CHECK_STR(sbuf_view(&b),
              STR("{\"registrar/state_store_ms\":6.0,\"registrar/state_store_ms/count\":4.0,\"registrar/"
                  "state_store_ms/max\":6.0,"
                  "\"registrar/state_store_ms/min\":3.0,\"registrar/state_store_ms/p50\":4.5,\"registrar/"
                  "state_store_ms/p90\":5.7,"
                  "\"registrar/state_store_ms/p95\":5.85,\"registrar/state_store_ms/p99\":5.97,"
                  "\"registrar/state_store_ms/p999\":5.997,\"registrar/state_store_ms/p9999\":5.9997}"));
    sbuf_clear(&b);
    metrics_prometheus(m, &b);
    CHECK(str_starts(sbuf_view(&b), STR("# HELP stoa_registrar_state_store_seconds Time of a store.\n"
                                        "# TYPE stoa_registrar_state_store_seconds summary\n"
                                        "stoa_registrar_state_store_seconds{quantile=\"0.5\"} 0.0045\n")));
    CHECK(str_ends(
        sbuf_view(&b),
        STR("stoa_registrar_state_store_seconds_sum 0.021\nstoa_registrar_state_store_seconds_count 6\n")));
    sbuf_done(&b);
    metrics_free(m);
}

TEST("Prometheus text has types and harmless names")
{
    struct metrics *m = metrics_new();
    struct sbuf b = SBUF_INIT(1 << 16);
    metric_inc(metrics_counter(m, "master/frameworks/web-1/calls", "Calls\nmade."));
    metric_set(metrics_gauge(m, "master/elected", NULL), 1);
    metrics_prometheus(m, &b);
    CHECK_STR(sbuf_view(&b), STR("# TYPE stoa_master_elected gauge\nstoa_master_elected 1\n"
                                 "# HELP stoa_master_frameworks_web_1_calls_total Calls made.\n"
                                 "# TYPE stoa_master_frameworks_web_1_calls_total counter\n"
                                 "stoa_master_frameworks_web_1_calls_total 1\n"));
    sbuf_done(&b);
    metrics_free(m);
}
