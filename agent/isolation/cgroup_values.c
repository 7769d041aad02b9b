/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/isolation/cgroup_values.h"

#include "agent/isolation/containerizer.h"

static int64_t at_least(int64_t v, int64_t min)
{
    return v < min ? min : v;
}

static int64_t scaled(int64_t cpus_milli, int64_t factor)
{
    int64_t r;
    if (__builtin_mul_overflow(cpus_milli, factor, &r))
        return INT64_MAX / 1000;
    return r / 1000;
}

int64_t cgroup_cpu_shares(int64_t cpus_milli, bool revocable_low)
{
    return at_least(scaled(cpus_milli, revocable_low ? 10 : 1024), 2);
}

int64_t cgroup_cpu_weight(int64_t cpus_milli, bool revocable_low)
{
    int64_t w = at_least(scaled(cpus_milli, revocable_low ? 1 : 100), 1);
    return w > 10000 ? 10000 : w;
}

int64_t cgroup_cfs_quota_us(int64_t cpus_limit_milli)
{
    if (cpus_limit_milli == CONTAINER_INFINITY)
        return -1;
    return at_least(scaled(cpus_limit_milli, CFS_PERIOD_US), 1000);
}

int64_t cgroup_mem_bytes(int64_t bytes)
{
    return at_least(bytes, MEM_BYTES_MIN);
}

int cgroup_oom_score_adj(int64_t request_bytes, int64_t host_bytes)
{
    if (host_bytes <= 0 || request_bytes < 0)
        return 0;
    int64_t v = 1000 - (int64_t)((__int128)1000 * request_bytes / host_bytes);
    return v < 0 ? 0 : (int)v;
}

int64_t cgroup_stat_value(struct str text, const char *key)
{
    struct str line, name, k = str_of(key);
    for (bool more = true; more;) {
        more = str_cut(&text, '\n', &line);
        uint64_t v;
        if (!str_cut(&line, ' ', &name) || !str_eq(name, k))
            continue;
        return str_u64(&line, INT64_MAX, &v) ? (int64_t)v : -1;
    }
    return -1;
}

static void megabytes(struct sbuf *b, int64_t bytes)
{
    /* The original prints the largest unit that divides it. */
    if (bytes % (INT64_C(1) << 30) == 0 && bytes != 0)
        sbuf_fmt(b, "%lldGB", (long long)(bytes >> 30));
    else if (bytes % (1 << 20) == 0)
        sbuf_fmt(b, "%lldMB", (long long)(bytes >> 20));
    else if (bytes % 1024 == 0)
        sbuf_fmt(b, "%lldKB", (long long)(bytes >> 10));
    else
        sbuf_fmt(b, "%lldB", (long long)bytes);
}

void cgroup_oom_message(struct sbuf *b, int64_t limit_bytes, int64_t used_bytes, struct str memory_stat)
{
    sbuf_c(b, "Memory limit exceeded: Requested: ");
    megabytes(b, limit_bytes);
    sbuf_c(b, " Maximum Used: ");
    megabytes(b, used_bytes);
    sbuf_c(b, "\n\nMEMORY STATISTICS: \n");
    sbuf_str(b, memory_stat);
    sbuf_c(b, "\n");
}
