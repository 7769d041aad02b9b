/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of a program: counters, gauges and timers under the original's names ("master/tasks_running"),
 * shown as the flat JSON object of /metrics/snapshot and as Prometheus text. One registry per program, one
 * thread.
 *
 * A metric handle stays valid until metric_remove or metrics_free. Adding a name that is there gives the old
 * one if it is of the same kind (asserted). METRICS_MAX bounds what frameworks and roles can create: over it,
 * a shared handle that is shown nowhere is returned, and metrics_overflow counts. */
#ifndef STOA_IO_METRICS_H
#define STOA_IO_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

enum { METRICS_MAX = 200000 };

struct metrics;
struct metric;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* name is copied. help may be NULL (a literal otherwise, shown to Prometheus). */
struct metric *metrics_counter(struct metrics *m, const char *name, const char *help);
struct metric *metrics_gauge(struct metrics *m, const char *name, const char *help);
/* The value is asked for when shown; false from fn leaves the key out. */
typedef bool metrics_gauge_fn(void *arg, double *ret);
struct metric *metrics_gauge_call(struct metrics *m, const char *name, const char *help, metrics_gauge_fn *fn,
                                  void *arg);
/* A timer called "x" shows "x_ms" (the last value) and, with a window, "x_ms/count", /min, /max, /p50, /p90,
 * /p95, /p99, /p999, /p9999 over the last window samples. Nothing is shown before the first sample. */
struct metric *metrics_timer(struct metrics *m, const char *name, const char *help, unsigned window);
void metric_remove(struct metrics *m, struct metric *c);

void metric_inc(struct metric *c);
void metric_add(struct metric *c, uint64_t n);
uint64_t metric_count(const struct metric *c); /* of a counter, or samples of a timer */
void metric_set(struct metric *g, double value);
double metric_value(const struct metric *g);
void metric_observe(struct metric *t, int64_t ns);

/* Calls fn for each key with its number, sorted by key bytes. */
typedef void metrics_each_fn(void *arg, struct str key, double value);
void metrics_each(const struct metrics *m, metrics_each_fn *fn, void *arg);
/* {"master/elected":1.0,...}: sorted, integers with ".0" as the original prints them. */
void metrics_json(const struct metrics *m, struct sbuf *b);
/* Prometheus text format 0.0.4: "stoa_" prefix, other characters become '_', counters end in _total, timers
 * are summaries in seconds. Content type: METRICS_PROMETHEUS_TYPE. */
void metrics_prometheus(const struct metrics *m, struct sbuf *b);
#define METRICS_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
uint64_t metrics_overflow(const struct metrics *m);

#endif
