/* SPDX-License-Identifier: Apache-2.0 */
/* posix/cpu and posix/mem: statistics of the process tree, nothing enforced. What works without root and cgroups. */
#include "agent/isolation/isolator.h"

#include <unistd.h>

#include "common/io/proctree.h"

struct sum {
    int64_t user_ticks, system_ticks, rss_pages, threads, processes;
};

/* Fields of /proc/<pid>/stat by their number in proc(5): 14 utime, 15 stime, 20 num_threads, 24 rss. */
static void add_process(void *arg, pid_t pid)
{
    struct sum *sum = arg;
    char text[PROCTREE_STAT_BYTES];
    struct str rest, field;
    if (!proctree_stat(pid, text, &rest))
        return;
    sum->processes++;
    for (int i = PROCTREE_STAT_FIRST; i <= 24; i++) {
        int64_t v;
        (void)str_cut(&rest, ' ', &field);
        if ((i != 14 && i != 15 && i != 20 && i != 24) || !str_i64(&field, 0, INT64_MAX, &v))
            continue;
        *(i == 14 ? &sum->user_ticks : i == 15 ? &sum->system_ticks : i == 20 ? &sum->threads : &sum->rss_pages) += v;
    }
}

static void cpu_usage(struct container *c, struct container_usage *u)
{
    struct sum sum = { .processes = 0 };
    int64_t tick = NS_PER_S / sysconf(_SC_CLK_TCK);
    if (c->pid <= 0 || !c->alive)
        return;
    (void)proctree_each(c->pid, add_process, &sum);
    u->cpus_user_ns = sum.user_ticks * tick;
    u->cpus_system_ns = sum.system_ticks * tick;
    u->cpus_limit_milli = c->res.cpus_milli;
    u->processes = sum.processes;
    u->threads = sum.threads;
}

static void mem_usage(struct container *c, struct container_usage *u)
{
    struct sum sum = { .processes = 0 };
    if (c->pid <= 0 || !c->alive)
        return;
    (void)proctree_each(c->pid, add_process, &sum);
    u->mem_total_bytes = u->mem_rss_bytes = sum.rss_pages * sysconf(_SC_PAGESIZE);
    u->mem_limit_bytes = c->res.mem_bytes;
}

const struct isolator_ops isolator_posix_cpu = { .name = "posix/cpu", .usage = cpu_usage };
const struct isolator_ops isolator_posix_mem = { .name = "posix/mem", .usage = mem_usage };
