/* SPDX-License-Identifier: Apache-2.0 */
/* Quota: guarantees, limits, headroom, what is not divisible, recovery after a failover. Source: reference of
 * the allocator, sections 14, 15, 22 and 25. */
#include "common/base/cleanup.h"
#include "tests/unit/master/alloc_cluster.h"

#define RUN(c, want) CHECK_STR(run(c), STR(want))
#define TICK(c, want) CHECK_STR(tick(c), STR(want))

TEST("a guarantee of a suppressed role is laid aside")
{
    struct cluster c = cluster_new();

    quota(&c, "a", "cpus:8", "");
    (void)framework_add(&c, "f1", "a", (struct fw_options){ .suppressed = "a" });
    (void)framework(&c, "f2", "c");
    (void)agent(&c, "a1", "cpus:10;mem:100");
    RUN(&c, "f2 c a1 cpus:2; mem:100\n");
    quota(&c, "a", "", "");
    cluster_done(&c);
}

TEST("a guarantee is met before fair sharing, with what comes along on the agent")
{
    struct cluster c = cluster_new();

    quota(&c, "b", "cpus:2", "");
    (void)framework(&c, "f1", "a");
    (void)framework(&c, "f2", "b");
    (void)agent(&c, "a1", "cpus:4;mem:100");
    RUN(&c, "f2 b a1 cpus:4; mem:100\n"); /* nobody else's headroom: the rest of the agent goes along */
    quota(&c, "b", "", "");
    cluster_done(&c);
}

TEST("a limit cuts the second offer, names without limit pass")
{
    struct cluster c = cluster_new();

    quota(&c, "a", "", "cpus:4");
    (void)framework(&c, "f1", "a");
    (void)agent(&c, "a1", "cpus:3;mem:100");
    (void)agent(&c, "a2", "cpus:3;mem:100");
    (void)agent(&c, "a3", "cpus:3;mem:100");
    RUN(&c, "f1 a a1 cpus:3; mem:100\nf1 a a2 cpus:1; mem:100\nf1 a a3 mem:100\n");
    quota(&c, "a", "", "");
    cluster_done(&c);
}

TEST("a limit that is used up leaves nothing, and counts again when something comes back")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "a");

    quota(&c, "a", "", "cpus:4;mem:100");
    struct agent_ref g = agent(&c, "a1", "cpus:8;mem:200");
    RUN(&c, "f1 a a1 cpus:4; mem:100\n");
    launch_all(&c);
    TICK(&c, "");
    TICK(&c, "");
    recover(&c, f1, g, "cpus:1", "a", ALLOC_ALLOCATED, 0);
    TICK(&c, "f1 a a1 cpus:1\n");
    quota(&c, "a", "", "");
    cluster_done(&c);
}

TEST("reserved resources are offered beyond the limit, but count against it")
{
    struct cluster c = cluster_new();

    quota(&c, "a", "", "cpus:4");
    (void)framework(&c, "f1", "a");
    (void)agent(&c, "a1", "cpus(a):6;mem(a):10;cpus:2;mem:100");
    RUN(&c, "f1 a a1 cpus(reservations: [(STATIC,a)]):6; mem(reservations: [(STATIC,a)]):10; mem:100\n");
    quota(&c, "a", "", "");
    cluster_done(&c);
}

TEST("what a sub-role holds is charged to the role with the quota")
{
    struct cluster c = cluster_new();
    struct alloc_role_view v;

    quota(&c, "a", "", "cpus:4");
    (void)framework(&c, "f2", "a/b");
    (void)agent(&c, "a1", "cpus:3;mem:100");
    RUN(&c, "f2 a/b a1 cpus:3; mem:100\n");
    launch_all(&c);
    allocator_suppress(c.a, c.result.grants[0].framework, NULL, 0);
    (void)framework(&c, "f1", "a");
    (void)agent(&c, "a2", "cpus:3;mem:100");
    RUN(&c, "f1 a a2 cpus:1; mem:100\n");
    WITH_NAME(a, "a");
    CHECK(allocator_role_view(c.a, a, &v));
    CHECK_INT(quantities_get(&v.consumed, NAME_CPUS), 3000); /* allocated only */
    CHECK_INT(quantities_get(&v.offered, NAME_CPUS), 1000);
    CHECK_INT(quantities_get(&v.limits, NAME_CPUS), 4000);
    CHECK_INT(v.framework_count, 1);
    allocator_role_view_done(&v);
    quota(&c, "a", "", "");
    cluster_done(&c);
}

TEST("an indivisible disk over the limit is left out")
{
    struct cluster c = cluster_new();
    struct resources total = resources_lit("cpus:1;mem:100");
    struct resource mount = resource_scalar(NAME_DISK, 100 * MILLI_PER_UNIT);

    mount.disk = disk_new();
    mount.disk->has_source = mount.disk->has_mount = true;
    mount.disk->source = DISK_MOUNT;
    mount.disk->mount_root = name_of(STR("/mnt/d"));
    resources_add_take(&total, &mount);
    quota(&c, "a", "", "disk:50");
    (void)framework(&c, "f1", "a");
    (void)agent_with(&c, "a1", total, (struct agent_options){ .region = NULL });
    RUN(&c, "f1 a a1 cpus:1; mem:100\n");
    quota(&c, "a", "", "disk:100");
    TICK(&c, "");
    decline_all(&c, 0);
    cluster_done(&c);
}

TEST("small guarantees of several roles share one agent")
{
    struct cluster c = cluster_new();

    quota(&c, "a", "cpus:2;mem:100", "cpus:2;mem:100");
    quota(&c, "b", "cpus:1;mem:50", "cpus:1;mem:50");
    (void)framework(&c, "f1", "a");
    (void)framework(&c, "f2", "b");
    (void)agent(&c, "a1", "cpus:4;mem:200");
    RUN(&c, "f1 a a1 cpus:2; mem:100\nf2 b a1 cpus:1; mem:50\n");
    quota(&c, "a", "", "");
    quota(&c, "b", "", "");
    cluster_done(&c);
}

TEST("after a failover allocation waits for 80 of 100 agents when there is a quota")
{
    struct cluster c = cluster_new();
    char id[16];

    quota(&c, "a", "cpus:1", "");
    allocator_recovery_start(c.a, c.now, 10);
    (void)framework(&c, "f1", "a");
    for (int i = 0; i < 7; i++) {
        (void)snprintf(id, sizeof id, "a%d", i);
        (void)agent(&c, id, "cpus:1;mem:100");
        RUN(&c, "");
    }
    CHECK(allocator_is_paused(c.a));
    CHECK_INT(allocator_wake_at(c.a).ns, c.now.ns + 600 * NS_PER_S);
    (void)agent(&c, "a7", "cpus:1;mem:100");
    CHECK(!allocator_is_paused(c.a));
    (void)run(&c);
    CHECK_INT(c.result.grant_count, 8);
    quota(&c, "a", "", "");
    cluster_done(&c);
}

TEST("the wait after a failover ends after ten minutes, and there is none without quota")
{
    struct cluster c = cluster_new();

    allocator_recovery_start(c.a, c.now, 10);
    CHECK(!allocator_is_paused(c.a));
    quota(&c, "a", "cpus:1", "");
    allocator_recovery_start(c.a, c.now, 1); /* 0.8 rounds down to 0 */
    CHECK(!allocator_is_paused(c.a));
    allocator_recovery_start(c.a, c.now, 10);
    (void)framework(&c, "f1", "a");
    (void)agent(&c, "a0", "cpus:1;mem:100");
    RUN(&c, "");
    c.now = mono_add(c.now, 600 * NS_PER_S);
    RUN(&c, "f1 a a0 cpus:1; mem:100\n");
    quota(&c, "a", "", "");
    cluster_done(&c);
}

TEST("roles that hold, reserve, subscribe or have quota or weight are listed, with their ancestors")
{
    struct cluster c = cluster_new();
    struct name **roles;
    struct alloc_role_view v;
    struct quantities total, used;

    quota(&c, "q", "", "cpus:1");
    weight(&c, "w", 2.5);
    (void)framework(&c, "f1", "s/t");
    (void)agent(&c, "a1", "cpus(r):1;cpus:1;mem:64");
    (void)run(&c);
    REQUIRE(allocator_roles(c.a, &roles) == 5);
    CHECK_CSTR(roles[0]->text, "q");
    CHECK_CSTR(roles[1]->text, "r");
    CHECK_CSTR(roles[2]->text, "s");
    CHECK_CSTR(roles[3]->text, "s/t");
    CHECK_CSTR(roles[4]->text, "w");
    CHECK(allocator_role_view(c.a, roles[1], &v) && quantities_get(&v.reserved, NAME_CPUS) == 1000 &&
          !v.tracked);
    CHECK_INT(quantities_get(&v.consumed, NAME_CPUS), 1000);
    allocator_role_view_done(&v);
    CHECK(allocator_role_view(c.a, roles[4], &v) && v.weight > 2.4 && v.weight < 2.6);
    allocator_role_view_done(&v);
    free(roles);
    allocator_totals(c.a, &total, &used);
    CHECK_INT(quantities_get(&total, NAME_CPUS), 2000);
    CHECK_INT(quantities_get(&used, NAME_CPUS), 1000);
    quantities_done(&total);
    quantities_done(&used);
    quota(&c, "q", "", "");
    weight(&c, "w", 1);
    cluster_done(&c);
}
