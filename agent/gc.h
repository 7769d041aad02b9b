/* SPDX-License-Identifier: Apache-2.0 */
/* Removes what ended executors and frameworks left: each folder at its modification time + --gc_delay, earlier when
 * the disk fills up: every --disk_watch_interval the age that is allowed becomes gc_delay * max(0, 1 - headroom - used).
 * Removal is bounded per turn. Source: reference, §23. */
#ifndef STOA_AGENT_GC_H
#define STOA_AGENT_GC_H

#include "agent/core/state.h"
#include "agent/files.h"
#include "common/io/loop.h"

struct gc;

struct gc_options {
    const char *work_dir; /* borrowed, as are files */
    struct files *files;
    int64_t delay_ns, watch_interval_ns;
    double headroom;
};

struct gc_counters {
    uint64_t succeeded, failed, pending;
    double max_age_secs;
};

struct gc *gc_new(struct loop *loop, const struct gc_options *o);
void gc_free(struct gc *g);
/* The run's sandbox and checkpoints, and the executor's folders behind them. */
void gc_executor(struct gc *g, const struct agent *a, const struct agent_executor *e);
void gc_framework(struct gc *g, const struct agent *a, const struct agent_framework *f);
/* A framework and an executor come back: their folders stay. */
void gc_reuse(struct gc *g, const struct agent *a, const struct agent_framework *f, struct str executor_id);
/* A folder of an earlier agent id. */
void gc_path(struct gc *g, const char *path);
void gc_counters(const struct gc *g, struct gc_counters *ret);

#endif
