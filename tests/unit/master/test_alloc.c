/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes of the allocator: fairness, filters, suppression, eligibility, triggers. Quota is in
 * test_alloc_quota.c. */
#include "common/base/cleanup.h"
#include "tests/unit/master/alloc_cluster.h"

#define RUN(c, want) CHECK_STR(run(c), STR(want))
#define TICK(c, want) CHECK_STR(tick(c), STR(want))

TEST("one framework is offered all of one agent")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "web");
    (void)agent(&c, "a1", "cpus:4;mem:1024;disk:100;ports:[31000-32000]");
    RUN(&c, "f1 web a1 cpus:4; mem:1024; disk:100; ports:[31000-32000]\n");
    TICK(&c, "");
    CHECK_INT(allocator_agent_available(c.a, allocator_agent_at(c.a, 0))->n, 0);
    cluster_done(&c);
}

TEST("of two idle frameworks the first by id is offered the agent; after its decline the other one")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f2", "web");
    (void)framework(&c, "f1", "web");
    (void)agent(&c, "a1", "cpus:4;mem:1024");
    RUN(&c, "f1 web a1 cpus:4; mem:1024\n");
    decline_all(&c, 5 * NS_PER_S);
    TICK(&c, "f2 web a1 cpus:4; mem:1024\n");
    decline_all(&c, 5 * NS_PER_S);
    TICK(&c, "");
    c.now = mono_add(c.now, 2 * NS_PER_S);
    RUN(&c, "");
    TICK(&c, "f1 web a1 cpus:4; mem:1024\n"); /* 5 s after the decline, at the fewest allocations by id */
    cluster_done(&c);
}

TEST("equal shares go to the client with fewer allocations so far")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "web");
    (void)framework(&c, "f2", "web");
    (void)agent(&c, "a1", "cpus:4;mem:1024");
    RUN(&c, "f1 web a1 cpus:4; mem:1024\n");
    decline_all(&c, 0);
    TICK(&c, "f2 web a1 cpus:4; mem:1024\n");
    decline_all(&c, 0);
    TICK(&c, "f1 web a1 cpus:4; mem:1024\n");
    cluster_done(&c);
}

static int granted_to(const struct cluster *c, const char *framework_or_role)
{
    int count = 0;

    for (size_t i = 0; i < c->result.grant_count; i++)
        count += str_is(allocator_framework_id(c->a, c->result.grants[i].framework).s, framework_or_role) ||
                 strcmp(c->result.grants[i].role->text, framework_or_role) == 0;
    return count;
}

static void agents(struct cluster *c, int count, const char *total)
{
    char id[32];

    for (int i = 0; i < count; i++) {
        (void)snprintf(id, sizeof id, "a%04d", i);
        (void)agent(c, id, total);
    }
}

TEST("weights 1 to 3 share 100 agents 25 to 75")
{
    struct cluster c = cluster_new();

    weight(&c, "b", 3);
    (void)framework(&c, "f1", "a");
    (void)framework(&c, "f2", "b");
    agents(&c, 100, "cpus:4;mem:1024");
    (void)run(&c);
    CHECK_INT(granted_to(&c, "a"), 25);
    CHECK_INT(granted_to(&c, "b"), 75);
    weight(&c, "b", 1);
    cluster_done(&c);
}

TEST("roles a, b/x and b/y share as 2 to 1 to 1")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "a");
    (void)framework(&c, "f2", "b/x");
    (void)framework(&c, "f3", "b/y");
    agents(&c, 100, "cpus:4;mem:1024");
    (void)run(&c);
    CHECK_INT(granted_to(&c, "a"), 50);
    CHECK_INT(granted_to(&c, "b/x"), 25);
    CHECK_INT(granted_to(&c, "b/y"), 25);
    cluster_done(&c);
}

TEST("a role with sub-roles competes with them as one more leaf")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "a");
    (void)framework(&c, "f2", "b");
    (void)framework(&c, "f3", "b/y");
    weight(&c, "b", 3);
    agents(&c, 80, "cpus:4;mem:1024");
    (void)run(&c);
    CHECK_INT(granted_to(&c, "a"), 20);
    CHECK_INT(granted_to(&c, "b"), 30);
    CHECK_INT(granted_to(&c, "b/y"), 30);
    weight(&c, "b", 1);
    cluster_done(&c);
}

TEST("the experiment of the DRF paper: dominant shares of 2/3 each")
{
    /* Whole agents approximate the paper's tasks: A can only use agents of 1 cpu and 4 mem, B those of 3 cpus
     * and 1 mem. */
    struct cluster c = cluster_new();
    struct framework_ref a, b;
    int tasks_a = 0, tasks_b = 0;

    a = framework(&c, "A", "ra");
    b = framework(&c, "B", "rb");
    (void)a;
    (void)agent(&c, "g", "cpus:9;mem:18432");
    for (int round = 0; round < 40; round++) {
        (void)tick(&c);
        for (size_t i = 0; i < c.result.grant_count; i++) {
            struct alloc_grant *g = &c.result.grants[i];
            bool is_b = framework_ref_eq(g->framework, b);
            struct resources task =
                allocated(is_b ? "cpus:3;mem:1024" : "cpus:1;mem:4096", is_b ? "rb" : "ra");
            struct resources rest = resources_copy(&g->resources);
            if (resources_contains(&rest, &task)) {
                allocator_launch(c.a, g->framework, g->agent, &task);
                resources_sub_all(&rest, &task);
                is_b ? tasks_b++ : tasks_a++;
            }
            allocator_recover(c.a, c.now, g->framework, g->agent, &rest, ALLOC_OFFERED, 0);
            resources_done(&task);
            resources_done(&rest);
        }
    }
    CHECK_INT(tasks_a, 3);
    CHECK_INT(tasks_b, 2);
    cluster_done(&c);
}

TEST("excluded names do not count for shares")
{
    struct str names[] = { STR_INIT("gpus") };
    struct allocator_config config = allocator_config_default();
    config.excluded_names = names;
    config.excluded_count = 1;
    struct cluster c = cluster_new_with(&config);
    struct fw_options gpu = { .capabilities = FRAMEWORK_CAP_GPU_RESOURCES };

    (void)framework_add(&c, "f1", "a", gpu);
    (void)framework_add(&c, "f2", "b", gpu);
    (void)agent(&c, "a1", "cpus:1;mem:100;gpus:8");
    (void)agent(&c, "a2", "cpus:4;mem:400");
    (void)agent(&c, "a3", "cpus:4;mem:400");
    /* a1 goes to a, a2 to b, and a has the smaller share of cpus although it has all gpus. */
    RUN(&c, "f1 a a1 cpus:1; mem:100; gpus:8\nf1 a a3 cpus:4; mem:400\nf2 b a2 cpus:4; mem:400\n");
    cluster_done(&c);
}

TEST("a filter does not stop a larger offer")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");
    struct agent_ref g = agent(&c, "a1", "cpus:3;mem:100");
    struct resources task = allocated("cpus:1", "web");

    RUN(&c, "f1 web a1 cpus:3; mem:100\n");
    allocator_launch(c.a, f1, g, &task);
    recover(&c, f1, g, "cpus:2;mem:100", "web", ALLOC_OFFERED, 60 * NS_PER_S);
    TICK(&c, "");
    recover(&c, f1, g, "cpus:1", "web", ALLOC_ALLOCATED, 0);
    TICK(&c, "f1 web a1 cpus:3; mem:100\n");
    resources_done(&task);
    cluster_done(&c);
}

TEST("a filter that stopped a large offer stops a smaller one, too, and ends at its time")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web"), f2 = framework(&c, "f2", "web");
    struct agent_ref g = agent(&c, "a1", "cpus:3;mem:100");

    RUN(&c, "f1 web a1 cpus:3; mem:100\n");
    decline_all(&c, 10 * NS_PER_S);
    TICK(&c, "f2 web a1 cpus:3; mem:100\n");
    struct resources task = allocated("cpus:1", "web");
    allocator_launch(c.a, f2, g, &task);
    recover(&c, f2, g, "cpus:2;mem:100", "web", ALLOC_OFFERED, 60 * NS_PER_S);
    for (int i = 0; i < 8; i++)
        TICK(&c, "");
    TICK(&c, "f1 web a1 cpus:2; mem:100\n");
    resources_done(&task);
    (void)f1;
    cluster_done(&c);
}

TEST("refusing for less than the allocation interval refuses for the interval, for 0 not at all")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "web");
    (void)agent(&c, "a1", "cpus:3;mem:100");
    (void)run(&c);
    decline_all(&c, NS_PER_MS);
    (void)agent(&c, "a2", "cpus:1;mem:100"); /* a run half a second later, for a2 alone */
    c.now = mono_add(c.now, NS_PER_S / 2);
    RUN(&c, "f1 web a2 cpus:1; mem:100\n");
    decline_all(&c, 0);
    c.now = mono_add(c.now, NS_PER_S / 4);
    (void)framework(&c, "f0", "other");
    (void)framework(&c, "f3", "third"); /* looks at all agents before the filter ended */
    CHECK_STR(run(&c), STR("f0 other a1 cpus:3; mem:100\nf3 third a2 cpus:1; mem:100\n"));
    decline_all(&c, 0);
    cluster_done(&c);
}

TEST("revive drops the filters of its roles and triggers a run")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web,db");
    WITH_NAME(db, "db");

    (void)agent(&c, "a1", "cpus:3;mem:100");
    RUN(&c, "f1 db a1 cpus:3; mem:100\n");
    decline_all(&c, 100 * NS_PER_S);
    TICK(&c, "f1 web a1 cpus:3; mem:100\n");
    decline_all(&c, 100 * NS_PER_S);
    TICK(&c, "");
    CHECK_INT(allocator_wake_at(c.a).ns, c.now.ns + NS_PER_S);
    allocator_revive(c.a, f1, &db, 1);
    CHECK_INT(allocator_wake_at(c.a).ns, 0);
    RUN(&c, "f1 db a1 cpus:3; mem:100\n");
    decline_all(&c, 0);
    CHECK_INT(allocator_stats(c.a).filters >= 1, 1);
    cluster_done(&c);
}

TEST("a suppressed role gets nothing and keeps its filters")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");

    (void)agent(&c, "a1", "cpus:3;mem:100");
    (void)run(&c);
    decline_all(&c, 100 * NS_PER_S);
    (void)agent(&c, "a2", "cpus:3;mem:100");
    allocator_suppress(c.a, f1, NULL, 0);
    RUN(&c, "");
    TICK(&c, "");
    struct framework_info *info = framework_info_make("f1", "web", (struct fw_options){ .suppressed = NULL });
    struct alloc_framework_spec spec = { .info = info };
    allocator_framework_update(c.a, f1, &spec); /* leaves the suppressed set: as revived, but no run */
    framework_info_unref(info);
    TICK(&c, "f1 web a1 cpus:3; mem:100\nf1 web a2 cpus:3; mem:100\n");
    cluster_done(&c);
}

TEST("a deactivated framework gets nothing and loses its filters; reactivated it gets all")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");

    (void)agent(&c, "a1", "cpus:3;mem:100");
    (void)run(&c);
    decline_all(&c, 100 * NS_PER_S);
    allocator_framework_deactivate(c.a, f1);
    TICK(&c, "");
    allocator_framework_activate(c.a, f1);
    RUN(&c, "f1 web a1 cpus:3; mem:100\n");
    cluster_done(&c);
}

TEST("a removed framework's resources go to the others; ids of slots are told apart")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");

    (void)agent(&c, "a1", "cpus:3;mem:100");
    (void)run(&c);
    allocator_framework_remove(c.a, f1);
    struct framework_ref f2 = framework(&c, "f2", "web");
    CHECK_INT(f2.slot, f1.slot);
    CHECK(!framework_ref_eq(f1, f2));
    RUN(&c, "f2 web a1 cpus:3; mem:100\n");
    cluster_done(&c);
}

TEST("a role that leaves the framework gets no more, what it holds stays accounted")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web,db");
    struct agent_ref g = agent(&c, "a1", "cpus:3;mem:100");
    WITH_NAME(db, "db");

    RUN(&c, "f1 db a1 cpus:3; mem:100\n");
    struct framework_info *info = framework_info_make("f1", "web", (struct fw_options){ .suppressed = NULL });
    struct alloc_framework_spec spec = { .info = info };
    allocator_framework_update(c.a, f1, &spec);
    framework_info_unref(info);
    CHECK(allocator_holding(c.a, f1, db, g, ALLOC_OFFERED) != NULL);
    recover(&c, f1, g, "cpus:3;mem:100", "db", ALLOC_OFFERED, 0);
    CHECK(allocator_holding(c.a, f1, db, g, ALLOC_OFFERED) == NULL);
    TICK(&c, "f1 web a1 cpus:3; mem:100\n");
    cluster_done(&c);
}

TEST("too little for min_allocatable_resources is not offered, a framework's own minimum replaces it")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "web");
    (void)agent(&c, "a1", "cpus:0.009;mem:31;disk:1000");
    RUN(&c, "");
    (void)agent(&c, "a2", "cpus:0.01;mem:1");
    RUN(&c, "f1 web a2 cpus:0.01; mem:1\n");
    (void)framework_add(&c, "f2", "web", (struct fw_options){ .minimum_role = "web", .minimum = "" });
    RUN(&c, "f2 web a1 cpus:0.009; mem:31; disk:1000\n");
    decline_all(&c, 0);
    (void)framework_add(&c, "f3", "x", (struct fw_options){ .minimum_role = "x", .minimum = "cpus:8" });
    (void)agent(&c, "a3", "cpus:8;mem:100");
    (void)agent(&c, "a4", "cpus:7;mem:100");
    (void)run(&c);
    CHECK_INT(granted_to(&c, "f3"), 1);
    decline_all(&c, 0);
    cluster_done(&c);
}

TEST("agents with gpus go to GPU_RESOURCES frameworks alone")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "web");
    (void)agent(&c, "a1", "cpus:3;mem:100;gpus:1");
    RUN(&c, "");
    (void)framework_add(&c, "f2", "web", (struct fw_options){ .capabilities = FRAMEWORK_CAP_GPU_RESOURCES });
    RUN(&c, "f2 web a1 cpus:3; mem:100; gpus:1\n");
    cluster_done(&c);
}

TEST("remote regions, MULTI_ROLE and HIERARCHICAL_ROLE decide which agents are offered")
{
    struct allocator_config config = allocator_config_default();
    config.region = STR("here");
    struct cluster c = cluster_new_with(&config);

    (void)framework(&c, "f1", "web/front");
    (void)agent_with(&c, "far", resources_lit("cpus:1;mem:100"), (struct agent_options){ .region = "there" });
    (void)agent_with(&c, "near", resources_lit("cpus:1;mem:100"), (struct agent_options){ .region = "here" });
    (void)agent_with(&c, "old", resources_lit("cpus:1;mem:100"),
                     (struct agent_options){ .capabilities_missing = AGENT_CAP_MULTI_ROLE });
    (void)agent_with(&c, "flat", resources_lit("cpus:1;mem:100"),
                     (struct agent_options){ .capabilities_missing = AGENT_CAP_HIERARCHICAL_ROLE });
    RUN(&c, "f1 web/front near cpus:1; mem:100\n");
    (void)framework_add(&c, "f2", "web", (struct fw_options){ .capabilities = FRAMEWORK_CAP_REGION_AWARE });
    RUN(&c, "f2 web far cpus:1; mem:100\nf2 web old cpus:1; mem:100\nf2 web flat cpus:1; mem:100\n");
    cluster_done(&c);
}

TEST("what is reserved goes to the role and its sub-roles only")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "ops", "ops");
    (void)framework(&c, "star", "*");
    (void)agent(&c, "a1", "cpus(eng):3;mem(eng):100");
    RUN(&c, "");
    (void)framework(&c, "prod", "eng/prod");
    RUN(&c, "prod eng/prod a1 cpus(reservations: [(STATIC,eng)]):3; mem(reservations: [(STATIC,eng)]):100\n");
    decline_all(&c, 100 * NS_PER_S);
    (void)framework(&c, "eng", "eng");
    RUN(&c, "eng eng a1 cpus(reservations: [(STATIC,eng)]):3; mem(reservations: [(STATIC,eng)]):100\n");
    cluster_done(&c);
}

TEST("one agent may serve several roles: each its reservation")
{
    struct cluster c = cluster_new();

    (void)framework(&c, "f1", "x");
    (void)framework(&c, "f2", "y");
    (void)agent(&c, "a1", "cpus(x):1;cpus(y):2;cpus:4;mem:64");
    RUN(&c, "f1 x a1 cpus(reservations: [(STATIC,x)]):1; cpus:4; mem:64\nf2 y a1 cpus(reservations: "
            "[(STATIC,y)]):2\n");
    cluster_done(&c);
}

TEST("revocable resources need the capability")
{
    struct cluster c = cluster_new();
    struct resources total = resources_lit("cpus:1;mem:100");
    struct resource extra = resource_scalar(NAME_CPUS, 2000);

    extra.revocable = true;
    resources_add_take(&total, &extra);
    (void)framework(&c, "f1", "web");
    (void)agent_with(&c, "a1", total, (struct agent_options){ .region = NULL });
    RUN(&c, "f1 web a1 cpus:1; mem:100\n");
    (void)framework_add(&c, "f2", "web",
                        (struct fw_options){ .capabilities = FRAMEWORK_CAP_REVOCABLE_RESOURCES });
    RUN(&c, "f2 web a1 cpus{REV}:2\n");
    cluster_done(&c);
}

TEST("an agent's changed attributes drop its filters")
{
    struct cluster c = cluster_new();
    struct agent_ref g;

    (void)framework(&c, "f1", "web");
    g = agent(&c, "a1", "cpus:3;mem:100");
    (void)run(&c);
    decline_all(&c, 100 * NS_PER_S);
    TICK(&c, "");
    struct agent_info *info = agent_info_make("a1", (struct agent_options){ .attributes = "rack:r1" });
    struct resources total = resources_lit("cpus:3;mem:100");
    struct alloc_agent_spec spec = { info, &total };
    allocator_agent_update(c.a, g, &spec);
    CHECK_INT(allocator_wake_at(c.a).ns, 0);
    RUN(&c, "f1 web a1 cpus:3; mem:100\n");
    decline_all(&c, 100 * NS_PER_S);
    allocator_agent_update(c.a, g, &spec); /* nothing new: no run, filters stay */
    CHECK(allocator_wake_at(c.a).ns != 0);
    TICK(&c, "");
    agent_info_unref(info);
    resources_done(&total);
    cluster_done(&c);
}

TEST("constraints keep agents from a role")
{
    struct cluster c = cluster_new();
    struct offer_constraints *k = offer_constraints_new();
    WITH_NAME(web, "web");
    struct constraint_group *group = role_constraints_add_group(offer_constraints_add_role(k, web));
    struct agent_ref *excluded;

    CHECK_INT(
        constraint_group_add(group, SELECT_ATTRIBUTE, STR("rack"), PREDICATE_TEXT_EQUALS, STR("r2"), NULL),
        0);
    struct framework_ref f =
        framework_add(&c, "f1", "web,db", (struct fw_options){ .constraints = k, .suppressed = "db" });
    offer_constraints_unref(k);
    (void)agent_with(&c, "a1", resources_lit("cpus:1;mem:100"),
                     (struct agent_options){ .attributes = "rack:r1" });
    (void)agent_with(&c, "a2", resources_lit("cpus:1;mem:100"),
                     (struct agent_options){ .attributes = "rack:r2" });
    RUN(&c, "f1 web a2 cpus:1; mem:100\n");
    CHECK_INT(allocator_excluded_agents(c.a, f, web, &excluded), 1);
    CHECK_STR(allocator_agent_id(c.a, excluded[0]).s, STR("a1"));
    free(excluded);
    allocator_revive(c.a, f, NULL, 0);
    RUN(&c, "f1 db a1 cpus:1; mem:100\n");
    cluster_done(&c);
}

TEST("agents outside the whitelist, deactivated or gone are not offered")
{
    struct cluster c = cluster_new();
    struct str only[] = { STR_INIT("a2") };

    (void)framework(&c, "f1", "web");
    struct agent_ref g1 = agent(&c, "a1", "cpus:1;mem:100"), g2 = agent(&c, "a2", "cpus:1;mem:100");
    allocator_whitelist_set(c.a, false, only, 1);
    allocator_agent_deactivate(c.a, g2);
    RUN(&c, "");
    allocator_agent_activate(c.a, g2);
    TICK(&c, "f1 web a2 cpus:1; mem:100\n");
    allocator_whitelist_set(c.a, true, NULL, 0);
    allocator_agent_remove(c.a, g2);
    TICK(&c, "f1 web a1 cpus:1; mem:100\n");
    (void)g1;
    cluster_done(&c);
}

TEST("an agent that shrank below its use has nothing to offer until tasks end")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");
    struct agent_ref g = agent(&c, "a1", "cpus:4;mem:100");

    (void)run(&c);
    launch_all(&c);
    struct agent_info *info = agent_info_make("a1", (struct agent_options){ .region = NULL });
    struct resources total = resources_lit("cpus:2;mem:200");
    struct alloc_agent_spec spec = { info, &total };
    allocator_agent_update(c.a, g, &spec);
    RUN(&c, "f1 web a1 mem:100\n");
    decline_all(&c, 0);
    recover(&c, f1, g, "cpus:1", "web", ALLOC_ALLOCATED, 0);
    TICK(&c, "f1 web a1 mem:100\n");
    decline_all(&c, 0);
    recover(&c, f1, g, "cpus:2", "web", ALLOC_ALLOCATED, 0);
    TICK(&c, "f1 web a1 cpus:1; mem:100\n");
    agent_info_unref(info);
    resources_done(&total);
    cluster_done(&c);
}

TEST("tasks known when an agent registers count for their framework, also before it is back")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework_add(&c, "f1", "a", (struct fw_options){ .inactive = true });
    (void)framework(&c, "f2", "b");
    struct resources used = allocated("cpus:4;mem:64", "a"), total = resources_lit("cpus:8;mem:1000");
    struct alloc_use use = { f1, &used };
    struct agent_info *info = agent_info_make("a1", (struct agent_options){ .region = NULL });
    struct alloc_agent_spec spec = { info, &total };

    struct agent_ref g = allocator_agent_add(c.a, &spec, true, &use, 1);
    RUN(&c, "f2 b a1 cpus:4; mem:936\n");
    decline_all(&c, 0);
    allocator_framework_activate(c.a, f1);
    RUN(&c, "f2 b a1 cpus:4; mem:936\n"); /* the smaller share */
    WITH_NAME(a, "a");
    CHECK(allocator_holding(c.a, f1, a, g, ALLOC_ALLOCATED) != NULL);
    agent_info_unref(info);
    resources_done(&used);
    resources_done(&total);
    cluster_done(&c);
}

static struct resource volume(const char *id, int64_t milli, const char *role, bool shared)
{
    struct resource r = resource_scalar(NAME_DISK, milli);
    struct reservation top = { .type = RESERVATION_DYNAMIC, .role = name_of(str_of(role)) };

    r.disk = disk_new();
    r.disk->persistence = name_of(str_of(id));
    r.disk->has_volume = true;
    r.disk->mode = VOLUME_RW;
    r.disk->container_path = name_of(STR("data"));
    r.reservations = reservations_push(NULL, &top);
    r.shared = shared;
    name_unref(top.role);
    return r;
}

TEST("a shared volume is offered to several at a time, one copy each, only with the capability")
{
    struct cluster c = cluster_new();
    struct resources total = resources_lit("cpus:1;mem:100;cpus(web):2");
    struct resource v = volume("v1", 500000, "web", true);
    struct fw_options shared = { .capabilities = FRAMEWORK_CAP_SHARED_RESOURCES | FRAMEWORK_CAP_MULTI_ROLE };

    resources_add_take(&total, &v);
    (void)framework_add(&c, "f1", "web", shared);
    struct agent_ref g = agent_with(&c, "a1", total, (struct agent_options){ .region = NULL });
    (void)run(&c);
    CHECK_INT(c.result.grant_count, 1);
    CHECK_INT(c.result.grants[0].resources.n, 4);
    launch_all(&c);
    CHECK_INT(allocator_agent_available(c.a, g)->n, 1); /* the volume is always there */
    /* The volume alone is too little for an offer; together with a freed cpu it comes again. */
    (void)framework_add(&c, "f2", "web", shared);
    RUN(&c, "");
    struct framework_ref f1 = allocator_framework_at(c.a, 0);
    recover(&c, f1, g, "cpus:1", "web", ALLOC_ALLOCATED, 0);
    (void)tick(&c);
    CHECK_INT(c.result.grant_count, 1);
    CHECK_INT(granted_to(&c, "f2"), 1);
    CHECK_INT(c.result.grants[0].resources.n, 2);
    struct error err;
    CHECK_INT(allocator_check(c.a, &err), 0);
    allocator_agent_remove(c.a, g);
    cluster_done(&c);
}

TEST("operations convert what is offered together with the total")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");
    struct agent_ref g = agent(&c, "a1", "cpus:4;mem:100");
    struct conversion k = { RESOURCES_INIT, RESOURCES_INIT };
    struct error err;
    WITH_NAME(web, "web");

    (void)run(&c);
    k.consumed = allocated("cpus:1", "web");
    k.produced = allocated("cpus(web):1", "web");
    CHECK_INT(allocator_update_allocation(c.a, f1, g, &k, &err), 0);
    struct resources want = resources_lit("cpus:3;mem:100;cpus(web):1");
    CHECK(resources_eq(allocator_agent_total(c.a, g), &want));
    resources_allocate(&want, web);
    CHECK(resources_eq(allocator_holding(c.a, f1, web, g, ALLOC_OFFERED), &want));
    resources_done(&want);
    conversion_done(&k);
    k.consumed = allocated("cpus:8", "web");
    k.produced = allocated("cpus(web):8", "web");
    CHECK_INT(allocator_update_allocation(c.a, f1, g, &k, &err), -ERR_CONFLICT);
    conversion_done(&k);

    recover(&c, f1, g, "cpus:3;mem:100;cpus(web):1", "web", ALLOC_OFFERED, 0);
    TICK(&c, "f1 web a1 cpus(reservations: [(STATIC,web)]):1; cpus:3; mem:100\n");
    cluster_done(&c);
}

TEST("an operator converts only what is available")
{
    struct cluster c = cluster_new();
    struct agent_ref g = agent(&c, "a1", "cpus:4;mem:100");
    struct conversion k = { resources_lit("cpus:1"), resources_lit("cpus(eng):1") };
    struct error err;

    CHECK_INT(allocator_update_available(c.a, g, &k, &err), 0);
    (void)framework(&c, "f1", "eng");
    RUN(&c, "f1 eng a1 cpus(reservations: [(STATIC,eng)]):1; cpus:3; mem:100\n");
    CHECK_INT(allocator_update_available(c.a, g, &k, &err), -ERR_CONFLICT);
    conversion_done(&k);
    cluster_done(&c);
}

TEST("runs happen at once for triggers, else at the interval from the end of the last run")
{
    struct cluster c = cluster_new();

    CHECK_INT(allocator_wake_at(c.a).ns, INT64_MAX);
    CHECK_INT(allocator_run(c.a, c.now, NULL, 0, &c.result), ALLOC_RUN_IDLE);
    (void)agent(&c, "a1", "cpus:4;mem:100");
    CHECK_INT(allocator_wake_at(c.a).ns, 0);
    CHECK_INT(allocator_run(c.a, c.now, NULL, 0, &c.result), ALLOC_RUN_DONE);
    CHECK_INT(allocator_wake_at(c.a).ns, c.now.ns + NS_PER_S);
    CHECK_INT(allocator_run(c.a, c.now, NULL, 0, &c.result), ALLOC_RUN_IDLE);
    c.now = mono_add(c.now, NS_PER_S);
    CHECK_INT(allocator_run(c.a, c.now, NULL, 0, &c.result), ALLOC_RUN_DONE);
    cluster_done(&c);
}

TEST("a port that two tasks hold, as a master may be told, is free when both have given it back")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework_add(&c, "f1", "web", (struct fw_options){ .inactive = true });
    struct framework_ref f2 = framework_add(&c, "f2", "web", (struct fw_options){ .inactive = true });
    struct agent_ref g = agent(&c, "a1", "cpus:4;ports:[1-2]");
    CLEANUP(resources_done_p) struct resources port = resources_lit("ports:[1-1]");
    WITH_NAME(web, "web");
    struct error err;

    resources_allocate(&port, web);
    allocator_use_add(c.a, g, &(struct alloc_use){ f1, &port });
    allocator_use_add(c.a, g, &(struct alloc_use){ f2, &port });
    CHECK_INT(allocator_check(c.a, &err), 0);
    allocator_recover(c.a, c.now, f1, g, &port, ALLOC_ALLOCATED, 0);
    CHECK_INT(allocator_check(c.a, &err), 0);
    allocator_recover(c.a, c.now, f2, g, &port, ALLOC_ALLOCATED, 0);
    cluster_done(&c);
}

TEST("inverse offers go to frameworks that hold something, once, and after the filter again")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");
    struct agent_ref g = agent(&c, "a1", "cpus:4;mem:100");
    struct alloc_unavailability u = { { 5000 }, -1 };

    (void)framework(&c, "f2", "web");
    (void)run(&c);
    allocator_unavailability_set(c.a, g, &u);
    (void)run(&c);
    CHECK_INT(c.result.inverse_count, 1);
    CHECK(framework_ref_eq(c.result.inverses[0].framework, f1));
    CHECK_INT(c.result.inverses[0].unavailability.start.ms, 5000);
    (void)tick(&c);
    CHECK_INT(c.result.inverse_count, 0);
    allocator_inverse_answer(c.a, c.now, f1, g, 3 * NS_PER_S);
    (void)tick(&c);
    (void)tick(&c);
    CHECK_INT(c.result.inverse_count, 0);
    (void)tick(&c);
    CHECK_INT(c.result.inverse_count, 1);
    allocator_inverse_answer(c.a, c.now, f1, g, 300 * NS_PER_S);
    allocator_revive(c.a, f1, NULL, 0);
    (void)run(&c);
    CHECK_INT(c.result.inverse_count, 1);
    allocator_unavailability_set(c.a, g, NULL);
    (void)tick(&c);
    CHECK_INT(c.result.inverse_count, 0);
    cluster_done(&c);
}

TEST("a run in slices gives the same as in one piece, and drops what left in between")
{
    struct cluster c = cluster_new();
    struct framework_ref f[3] = { framework(&c, "f1", "a"), framework(&c, "f2", "b"),
                                  framework(&c, "f3", "c") };
    int slices = 1;

    agents(&c, 60, "cpus:4;mem:1024");
    while (allocator_run(c.a, c.now, NULL, 10, &c.result) == ALLOC_RUN_MORE) {
        slices++;
        if (slices == 2)
            allocator_framework_deactivate(c.a, f[1]);
        if (slices == 3)
            allocator_framework_remove(c.a, f[2]);
        if (slices == 4)
            allocator_agent_remove(c.a, allocator_agent_at(c.a, 0));
    }
    CHECK(slices > 5);
    CHECK_INT(granted_to(&c, "f2"), 0);
    CHECK_INT(granted_to(&c, "a"), (int)c.result.grant_count);
    (void)tick(&c);
    CHECK_INT(granted_to(&c, "a") > 0, 1);
    cluster_done(&c);
}

TEST("the random sorter follows the weights")
{
    struct allocator_config config = allocator_config_default();
    config.role_sorter = config.framework_sorter = ALLOC_SORTER_RANDOM;
    struct cluster c = cluster_new_with(&config);
    struct rng rng;

    rng_seed(&rng, 7);
    weight(&c, "b", 3);
    (void)framework(&c, "f1", "a");
    (void)framework(&c, "f2", "b/x");
    (void)framework(&c, "f3", "b/x");
    agents(&c, 2000, "cpus:4;mem:1024");
    (void)run_with(&c, &rng);
    CHECK(granted_to(&c, "a") > 430 && granted_to(&c, "a") < 570);
    CHECK(granted_to(&c, "f2") > 680 && granted_to(&c, "f2") < 820);
    weight(&c, "b", 1);
    cluster_done(&c);
}

TEST("the decision log and why name the reason")
{
    struct cluster c = cluster_new();
    struct framework_ref f1 = framework(&c, "f1", "web");
    struct agent_ref g = agent(&c, "a1", "cpus:4;mem:100");
    WITH_NAME(web, "web");
    struct alloc_decision d;

    CHECK_INT(allocator_why(c.a, c.now, f1, web, g).reason, ALLOC_REASON_GRANTED);
    (void)run(&c);
    CHECK_INT(allocator_why(c.a, c.now, f1, web, g).reason, ALLOC_REASON_NOTHING_FREE);
    decline_all(&c, 100 * NS_PER_S);
    d = allocator_why(c.a, c.now, f1, web, g);
    CHECK_INT(d.reason, ALLOC_REASON_FILTERED);
    CHECK_INT(d.until_ns, c.now.ns + 100 * NS_PER_S);
    (void)framework_add(&c, "f2", "web", (struct fw_options){ .minimum_role = "web", .minimum = "cpus:100" });
    (void)tick(&c);
    REQUIRE(allocator_decisions_end(c.a) == 3);
    CHECK(allocator_decision(c.a, 0, &d) && d.reason == ALLOC_REASON_GRANTED && d.cpus_milli == 4000);
    CHECK(allocator_decision(c.a, 1, &d) && d.reason == ALLOC_REASON_DECLINED &&
          d.until_ns == c.now.ns + 99 * NS_PER_S);
    CHECK(allocator_decision(c.a, 2, &d) && d.reason == ALLOC_REASON_TOO_SMALL && d.mem_milli == 100000);
    CHECK(!allocator_decision(c.a, 3, &d));
    allocator_suppress(c.a, f1, NULL, 0);
    CHECK_INT(allocator_why(c.a, c.now, f1, web, g).reason, ALLOC_REASON_SUPPRESSED);
    CHECK_CSTR(alloc_reason_name(ALLOC_REASON_FILTERED), "FILTERED");
    cluster_done(&c);
}

TEST("a bad minimum is refused with the flag's name")
{
    struct allocator_config config = allocator_config_default();
    struct allocator *a = NULL;
    struct error err;

    config.min_allocatable = STR("cpus:0.01|mem:x");
    CHECK_INT(allocator_new(&config, &a, &err), -ERR_INVALID);
    CHECK(str_contains(str_of(err.msg), STR("--min_allocatable_resources=cpus:0.01|mem:x")));
}
