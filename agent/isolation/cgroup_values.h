/* SPDX-License-Identifier: Apache-2.0 */
/* From resources to what the kernel is told: pure arithmetic. Source: agent reference, §18.1 and §18.3. */
#ifndef STOA_AGENT_ISOLATION_CGROUP_VALUES_H
#define STOA_AGENT_ISOLATION_CGROUP_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "common/base/str.h"

enum { CFS_PERIOD_US = 100000 };
#define MEM_BYTES_MIN (INT64_C(32) << 20)

/* v1: max(1024 * cpus, 2), revocable max(10 * cpus, 2). */
int64_t cgroup_cpu_shares(int64_t cpus_milli, bool revocable_low);
/* v2: max(100 * cpus, 1), revocable max(1 * cpus, 1); at most 10000, the kernel's limit. */
int64_t cgroup_cpu_weight(int64_t cpus_milli, bool revocable_low);
/* Microseconds per CFS_PERIOD_US, at least 1000; -1 for CONTAINER_INFINITY. */
int64_t cgroup_cfs_quota_us(int64_t cpus_limit_milli);
/* At least 32 MB; CONTAINER_INFINITY stays. */
int64_t cgroup_mem_bytes(int64_t bytes);
/* 1000 - 1000 * request / total. */
int cgroup_oom_score_adj(int64_t request_bytes, int64_t host_bytes);

/* The value of a line "key value" in a stat file; -1 when there is none. */
int64_t cgroup_stat_value(struct str text, const char *key);

/* "Memory limit exceeded: Requested: 64MB Maximum Used: 64MB\n\nMEMORY STATISTICS: \n<memory.stat>\n". */
void cgroup_oom_message(struct sbuf *b, int64_t limit_bytes, int64_t used_bytes, struct str memory_stat);

#endif
