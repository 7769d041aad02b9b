/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of isolation: from resources to kernel values, where the controllers are, ids, the OOM text. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/isolation/cgroup_values.h"
#include "agent/isolation/isolator.h"
#include "tests/support/test.h"

TEST("cpu: shares, weight and quota as in the reference")
{
    static const struct {
        int64_t milli, shares, low, weight, quota;
    } c[] = {
        { 1000, 1024, 10, 100, 100000 }, { 600, 614, 6, 60, 60000 },     { 100, 102, 2, 10, 10000 }, { 350, 358, 3, 35, 35000 },
        { 1, 2, 2, 1, 1000 },            { 0, 2, 2, 1, 1000 },           { 1100, 1126, 11, 110, 110000 },
        { 64000, 65536, 640, 6400, 6400000 }, { 200000, 204800, 2000, 10000, 20000000 },
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        CHECK_INT(cgroup_cpu_shares(c[i].milli, false), c[i].shares);
        CHECK_INT(cgroup_cpu_shares(c[i].milli, true), c[i].low);
        CHECK_INT(cgroup_cpu_weight(c[i].milli, false), c[i].weight);
        CHECK_INT(cgroup_cfs_quota_us(c[i].milli), c[i].quota);
    }
    CHECK_INT(cgroup_cfs_quota_us(CONTAINER_INFINITY), -1);
    CHECK(cgroup_cpu_shares(INT64_MAX - 1, false) > 0);
}

TEST("mem: at least 32 MB, infinity stays, oom_score_adj of the recording")
{
    CHECK_INT(cgroup_mem_bytes(1), 32 << 20);
    CHECK_INT(cgroup_mem_bytes(64 << 20), 64 << 20);
    CHECK(cgroup_mem_bytes(CONTAINER_INFINITY) == CONTAINER_INFINITY);
    CHECK_INT(cgroup_oom_score_adj(INT64_C(96) << 20, INT64_C(32) << 30), 998);
    CHECK_INT(cgroup_oom_score_adj(INT64_C(32) << 30, INT64_C(32) << 30), 0);
    CHECK_INT(cgroup_oom_score_adj(1, 0), 0);
}

TEST("the text of a memory limit is the original's")
{
    struct sbuf b = SBUF_INIT(1000);
    cgroup_oom_message(&b, INT64_C(64) << 20, (INT64_C(64) << 20) - 4096, STR("cache 16384\nrss 1\n"));
    CHECK_STR(sbuf_view(&b), STR("Memory limit exceeded: Requested: 64MB Maximum Used: 65532KB\n\nMEMORY STATISTICS: \n"
                                 "cache 16384\nrss 1\n\n"));
    sbuf_done(&b);
}

TEST("stat files: a value by its whole key")
{
    struct str s = STR("user 12\nuser_usec 34\nsystem 9223372036854775807\nbad x\nlast 7");
    CHECK_INT(cgroup_stat_value(s, "user"), 12);
    CHECK_INT(cgroup_stat_value(s, "user_usec"), 34);
    CHECK_INT(cgroup_stat_value(s, "last"), 7);
    CHECK_INT(cgroup_stat_value(s, "bad"), -1);
    CHECK_INT(cgroup_stat_value(s, "none"), -1);
    CHECK_INT(cgroup_stat_value(STR(""), "x"), -1);
}

static const char hybrid[] =
    "30 1 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "32 30 0:28 / /sys/fs/cgroup/cpuacct rw,relatime shared:3 - cgroup cgroup rw,cpuacct\n"
    "33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "34 30 0:30 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
    "35 30 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "36 30 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST("a hybrid machine is used as v1")
{
    struct cgroups cg;
    cgroups_parse(&cg, STR("x"), STR(""), "/sys/fs/cgroup", "mesos");
    CHECK(!cg.v2);
    cgroups_parse(&cg, str_of(hybrid), STR("hugetlb"), "/sys/fs/cgroup", "mesos");
    CHECK(!cg.v2);
    CHECK_CSTR(cg.mount[CG_CPU], "/sys/fs/cgroup/cpu");
    CHECK_CSTR(cg.mount[CG_CPUACCT], "/sys/fs/cgroup/cpuacct");
    CHECK_CSTR(cg.mount[CG_MEMORY], "/sys/fs/cgroup/memory");
    CHECK_CSTR(cg.mount[CG_PIDS], "");
    CHECK_CSTR(cg.v2_mount, "/sys/fs/cgroup/unified");
}

TEST("co-mounted v1 controllers, and a second mount elsewhere that does not count")
{
    struct cgroups cg;
    cgroups_parse(&cg,
                  STR("1 0 0:1 / /other/mem rw - cgroup cgroup rw,memory\n"
                      "2 0 0:2 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                      "3 0 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                      "4 0 0:4 / /other/mem2 rw - cgroup cgroup rw,memory\n"),
                  STR(""), "/sys/fs/cgroup", "mesos");
    CHECK_CSTR(cg.mount[CG_CPU], "/sys/fs/cgroup/cpu,cpuacct");
    CHECK_CSTR(cg.mount[CG_CPUACCT], "/sys/fs/cgroup/cpu,cpuacct");
    CHECK_CSTR(cg.mount[CG_MEMORY], "/sys/fs/cgroup/memory");
}

TEST("a v2 machine: what cgroup.controllers lists")
{
    struct cgroups cg;
    cgroups_parse(&cg, STR("30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"), STR("cpuset cpu io memory\n"),
                  "/sys/fs/cgroup", "mesos");
    CHECK(cg.v2);
    CHECK_CSTR(cg.mount[CG_CPU], "/sys/fs/cgroup");
    CHECK_CSTR(cg.mount[CG_BLKIO], "/sys/fs/cgroup");
    CHECK_CSTR(cg.mount[CG_PIDS], "");
    CHECK_CSTR(cg.mount[CG_DEVICES], "");
    CHECK_CSTR(cg.mount[CG_FREEZER], "/sys/fs/cgroup");
}

TEST("the path of a nested container lies below its parent's")
{
    struct cgroups cg = { .root = "mesos" };
    struct error err;
    char group[CG_PATH_MAX], path[CG_PATH_MAX];
    struct cg_group g = { CG_BIT(CG_CPU), group };
    memcpy(cg.mount[CG_CPU], "/c", 3);
    CHECK_INT(cg_path_of(&cg, "a.b.c", group, &err), 0);
    CHECK_CSTR(group, "mesos/a/mesos/b/mesos/c");
    CHECK(cg_file(&cg, &g, CG_CPU, "cpu.shares", path));
    CHECK_CSTR(path, "/c/mesos/a/mesos/b/mesos/c/cpu.shares");
    CHECK(!cg_file(&cg, &g, CG_MEMORY, "x", path));
    char longest[CONTAINER_ID_MAX + 1];
    memset(longest, 'x', sizeof longest - 1);
    longest[CONTAINER_ID_MAX] = 0;
    CHECK_INT(cg_path_of(&cg, longest, group, &err), 0);
}

TEST("container ids")
{
    static const char *const good[] = { "a", "5e1f-x_Y", "a.b", "a.b.c" };
    static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "a/b", "a b", "a\n", "../x", "a\x7f" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(container_id_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!container_id_valid(bad[i]));
    char deep[80] = "a";
    for (int i = 1; i < CONTAINER_NESTING_MAX; i++)
        strcat(deep, ".a");
    CHECK(container_id_valid(deep));
    strcat(deep, ".a");
    CHECK(!container_id_valid(deep));
}

TEST("resource limits by their names")
{
    CHECK_INT(containerizer_rlimit_of(STR("RLMT_NOFILE")), RLIMIT_NOFILE);
    CHECK_INT(containerizer_rlimit_of(STR("RLMT_STACK")), RLIMIT_STACK);
    CHECK_INT(containerizer_rlimit_of(STR("UNKNOWN")), -1);
}
