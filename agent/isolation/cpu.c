/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/cpu: shares of the CPUs, a quota when a limit is given (or --cgroups_enable_cfs), and times. */
#include <stdio.h>

#include "agent/isolation/cgroup_values.h"
#include "agent/isolation/isolator.h"
#include "common/base/cleanup.h"

static int64_t quota_limit_milli(const struct isolation *iso, const struct container_resources *r)
{
    if (r->cpus_limit_milli != CONTAINER_NONE)
        return r->cpus_limit_milli;
    return iso->o.cgroups_enable_cfs ? r->cpus_milli : CONTAINER_NONE;
}

static bool low_priority(const struct isolation *iso, const struct container_resources *r)
{
    return r->cpus_revocable && !iso->o.no_revocable_cpu_low_priority;
}

static void values_of(const struct isolation *iso, const struct container_resources *r, struct cg_values *vs)
{
    int64_t limit = quota_limit_milli(iso, r);
    bool low = low_priority(iso, r);
    if (iso->cg.v2) {
        cg_value_set(vs, CG_CPU, "cpu.weight", cgroup_cpu_weight(r->cpus_milli, low));
        if (limit == CONTAINER_NONE)
            return;
        char text[48];
        int64_t quota = cgroup_cfs_quota_us(limit);
        if (quota < 0)
            (void)snprintf(text, sizeof text, "max %d", CFS_PERIOD_US);
        else
            (void)snprintf(text, sizeof text, "%lld %d", (long long)quota, CFS_PERIOD_US);
        cg_value_text(vs, CG_CPU, "cpu.max", text);
        return;
    }
    cg_value_set(vs, CG_CPU, "cpu.shares", cgroup_cpu_shares(r->cpus_milli, low));
    if (limit != CONTAINER_NONE) {
        cg_value_set(vs, CG_CPU, "cpu.cfs_period_us", CFS_PERIOD_US);
        cg_value_set(vs, CG_CPU, "cpu.cfs_quota_us", cgroup_cfs_quota_us(limit));
    }
}

static int cpu_init(struct isolation *iso, struct error *err)
{
    if (iso->cg.mount[CG_CPU][0] == 0)
        return error_set(err, ERR_UNAVAILABLE, "isolation cgroups/cpu: this machine has no cpu cgroup controller under %s; "
                                               "use --isolation=posix/cpu", iso->o.cgroups_hierarchy);
    return 0;
}

static int cpu_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    (void)err;
    values_of(c->iso, &spec->resources, &l->values);
    return 0;
}

static int cpu_update(struct container *c, const struct container_resources *r, struct error *err)
{
    struct cg_values vs = { .n = 0 };
    values_of(c->iso, r, &vs);
    for (size_t i = 0; i < vs.n; i++) {
        if (cg_write(&c->iso->cg, &c->group, vs.v[i].controller, vs.v[i].file, vs.v[i].text, err) != 0)
            return -(int)err->code;
    }
    return 0;
}

static int64_t times(int64_t v, int64_t factor)
{
    return v < 0 ? CONTAINER_NONE : v * factor;
}

static void usage_v2(struct container *c, struct container_usage *u)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16384);
    struct error ignored;
    if (cg_read(&c->iso->cg, &c->group, CG_CPU, "cpu.stat", &b, &ignored) != 0)
        return;
    struct str s = sbuf_view(&b);
    u->cpus_user_ns = times(cgroup_stat_value(s, "user_usec"), NS_PER_US);
    u->cpus_system_ns = times(cgroup_stat_value(s, "system_usec"), NS_PER_US);
    if (u->cpus_limit_milli != CONTAINER_NONE) {
        u->cpus_nr_periods = cgroup_stat_value(s, "nr_periods");
        u->cpus_nr_throttled = cgroup_stat_value(s, "nr_throttled");
        u->cpus_throttled_ns = times(cgroup_stat_value(s, "throttled_usec"), NS_PER_US);
    }
}

static void usage_v1(struct container *c, struct container_usage *u)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16384);
    struct error ignored;
    int64_t tick = NS_PER_S / sysconf(_SC_CLK_TCK);
    if (cg_read(&c->iso->cg, &c->group, CG_CPUACCT, "cpuacct.stat", &b, &ignored) == 0) {
        u->cpus_user_ns = times(cgroup_stat_value(sbuf_view(&b), "user"), tick);
        u->cpus_system_ns = times(cgroup_stat_value(sbuf_view(&b), "system"), tick);
    }
    sbuf_clear(&b);
    if (u->cpus_limit_milli == CONTAINER_NONE ||
        cg_read(&c->iso->cg, &c->group, CG_CPU, "cpu.stat", &b, &ignored) != 0)
        return;
    u->cpus_nr_periods = cgroup_stat_value(sbuf_view(&b), "nr_periods");
    u->cpus_nr_throttled = cgroup_stat_value(sbuf_view(&b), "nr_throttled");
    u->cpus_throttled_ns = cgroup_stat_value(sbuf_view(&b), "throttled_time");
}

static size_t threads_of(const struct container *c)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(1 << 20);
    struct error ignored;
    const char *file = c->iso->cg.v2 ? "leaf/cgroup.threads" : "tasks";
    size_t n = 0;
    if (cg_read(&c->iso->cg, &c->group, CG_CPU, file, &b, &ignored) != 0)
        return 0;
    for (size_t i = 0; i < b.n; i++)
        n += b.p[i] == '\n';
    return n;
}

static void cpu_usage(struct container *c, struct container_usage *u)
{
    u->cpus_soft_limit_milli = c->res.cpus_milli;
    u->cpus_limit_milli = quota_limit_milli(c->iso, &c->res);
    if (u->cpus_limit_milli == CONTAINER_INFINITY)
        u->cpus_limit_milli = CONTAINER_NONE;
    if (c->iso->cg.v2)
        usage_v2(c, u);
    else
        usage_v1(c, u);
    if (c->iso->o.cgroups_cpu_enable_pids_and_tids_count) {
        u->processes = (int64_t)cg_each_pid(&c->iso->cg, &c->group, NULL, NULL);
        u->threads = (int64_t)threads_of(c);
    }
}

const struct isolator_ops isolator_cgroups_cpu = {
    .name = "cgroups/cpu",
    .controllers = CG_BIT(CG_CPU) | CG_BIT(CG_CPUACCT),
    .needs_cgroup = true,
    .needs_root = true,
    .init = cpu_init,
    .prepare = cpu_prepare,
    .update = cpu_update,
    .usage = cpu_usage,
};
