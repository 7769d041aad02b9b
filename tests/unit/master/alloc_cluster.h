/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster to test the allocator with: agents and frameworks by short names, text in, text out. */
#ifndef STOA_TEST_ALLOC_CLUSTER_H
#define STOA_TEST_ALLOC_CLUSTER_H

#include <stdio.h>
#include <stdlib.h>

#include "common/model/role.h"
#include "master/core/alloc/allocator.h"
#include "tests/support/test.h"

/* A name for the time of a block. cluster_done counts them out when it looks for leaks. */
static size_t names_held;

__attribute__((unused)) static struct name *name_hold(const char *text)
{
    names_held++;
    return name_of(str_of(text));
}

__attribute__((unused)) static void name_unref_p(struct name **p)
{
    names_held--;
    name_unref(*p);
}

#define WITH_NAME(var, text) CLEANUP(name_unref_p) struct name *var = name_hold(text)

struct cluster {
    struct allocator *a;
    struct mono now;
    struct alloc_result result; /* of the last run */
    struct sbuf text;
};

__attribute__((unused)) static struct cluster cluster_new_with(const struct allocator_config *config)
{
    struct cluster c = { .now = { NS_PER_S }, .text = SBUF_INIT(1 << 20) };
    struct error err;

    if (allocator_new(config, &c.a, &err) != 0) {
        printf("# %s\n", err.msg);
        abort();
    }
    return c;
}

__attribute__((unused)) static struct cluster cluster_new(void)
{
    struct allocator_config config = allocator_config_default();

    return cluster_new_with(&config);
}

__attribute__((unused)) static void cluster_done(struct cluster *c)
{
    struct error err;

    if (allocator_check(c->a, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    allocator_free(c->a);
    sbuf_done(&c->text);
    CHECK_INT(names_count(), names_held);
}

/* "a,b/c" */
__attribute__((unused)) static size_t roles_of(const char *roles, struct name **v)
{
    struct str rest = str_of(roles), one;
    size_t count = 0;

    while (rest.n != 0) {
        (void)str_cut(&rest, ',', &one);
        v[count++] = name_of(one);
    }
    return count;
}

struct fw_options {
    uint32_t capabilities;
    const char *suppressed;
    bool inactive;
    struct offer_constraints *constraints;
    const char *minimum_role, *minimum; /* "cpus:1" or "" for no minimum */
};

__attribute__((unused)) static struct framework_info *framework_info_make(const char *id, const char *roles,
                                                                          struct fw_options o)
{
    struct framework_info *info = framework_info_new();

    info->id = framework_id_copy(framework_id(str_of(id)));
    info->roles = xcalloc(64, sizeof *info->roles);
    info->role_count = roles_of(roles, info->roles);
    info->capabilities = o.capabilities;
    if (o.minimum != NULL) {
        info->offer_filters = xcalloc(1, sizeof *info->offer_filters);
        info->offer_filter_count = 1;
        info->offer_filters[0].role = name_of(str_of(o.minimum_role));
        if (o.minimum[0] != '\0') {
            info->offer_filters[0].alternatives = xcalloc(1, sizeof(struct quantities));
            info->offer_filters[0].count = 1;
            (void)quantities_parse(str_of(o.minimum), &info->offer_filters[0].alternatives[0], NULL);
        }
    }
    return info;
}

__attribute__((unused)) static struct framework_ref framework_add(struct cluster *c, const char *id,
                                                                  const char *roles, struct fw_options o)
{
    struct framework_info *info = framework_info_make(id, roles, o);
    struct name *suppressed[64];
    size_t count = o.suppressed != NULL ? roles_of(o.suppressed, suppressed) : 0;
    struct alloc_framework_spec spec = {
        .info = info, .suppressed = suppressed, .suppressed_count = count, .constraints = o.constraints
    };
    struct framework_ref ref = allocator_framework_add(c->a, &spec, !o.inactive);

    framework_info_unref(info);
    while (count > 0)
        name_unref(suppressed[--count]);
    return ref;
}

__attribute__((unused)) static struct framework_ref framework(struct cluster *c, const char *id,
                                                              const char *roles)
{
    return framework_add(c, id, roles, (struct fw_options){ .capabilities = FRAMEWORK_CAP_MULTI_ROLE });
}

struct agent_options {
    const char *attributes, *region;
    uint32_t capabilities_missing;
};

__attribute__((unused)) static struct agent_info *agent_info_make(const char *id, struct agent_options o)
{
    struct agent_info *info = agent_info_new();

    info->id = agent_id_copy(agent_id(str_of(id)));
    info->hostname = xstrdup(id);
    info->capabilities = AGENT_CAPS_ALL & ~o.capabilities_missing;
    if (o.region != NULL)
        info->region = name_of(str_of(o.region));
    if (o.attributes != NULL)
        (void)attributes_parse(str_of(o.attributes), &info->attributes, NULL);
    return info;
}

__attribute__((unused)) static struct agent_ref agent_with(struct cluster *c, const char *id,
                                                           struct resources total, struct agent_options o)
{
    struct agent_info *info = agent_info_make(id, o);
    struct alloc_agent_spec spec = { info, &total };
    struct agent_ref ref = allocator_agent_add(c->a, &spec, true, NULL, 0);

    agent_info_unref(info);
    resources_done(&total);
    return ref;
}

__attribute__((unused)) static struct agent_ref agent(struct cluster *c, const char *id, const char *total)
{
    return agent_with(c, id, resources_lit(total), (struct agent_options){ .region = NULL });
}

/* Runs to the end of what is due and lists the grants: "f1 role a1 cpus:4; mem:512" one a line; "" when
 * nothing was due. */
__attribute__((unused)) static struct str run_with(struct cluster *c, struct rng *rng)
{
    while (allocator_run(c->a, c->now, rng, 0, &c->result) == ALLOC_RUN_MORE)
        ;
    sbuf_clear(&c->text);
    for (size_t i = 0; i < c->result.grant_count; i++) {
        const struct alloc_grant *g = &c->result.grants[i];
        struct resources r = resources_copy(&g->resources);
        resources_unallocate(&r);
        sbuf_fmt(&c->text, "%.*s %s %.*s ", STR_ARG(allocator_framework_id(c->a, g->framework).s),
                 g->role->text, STR_ARG(allocator_agent_id(c->a, g->agent).s));
        resources_print(&c->text, &r);
        sbuf_c(&c->text, "\n");
        resources_done(&r);
    }
    return c->text.n != 0 ? sbuf_view(&c->text) : STR("");
}

__attribute__((unused)) static struct str run(struct cluster *c)
{
    return run_with(c, NULL);
}

/* The run at the next tick of the timer. */
__attribute__((unused)) static struct str tick(struct cluster *c)
{
    c->now = mono_add(c->now, NS_PER_S);
    return run(c);
}

/* Gives back every grant of the last run. */
__attribute__((unused)) static void decline_all(struct cluster *c, int64_t refuse_ns)
{
    for (size_t i = 0; i < c->result.grant_count; i++)
        allocator_recover(c->a, c->now, c->result.grants[i].framework, c->result.grants[i].agent,
                          &c->result.grants[i].resources, ALLOC_OFFERED, refuse_ns);
}

__attribute__((unused)) static void launch_all(struct cluster *c)
{
    for (size_t i = 0; i < c->result.grant_count; i++)
        allocator_launch(c->a, c->result.grants[i].framework, c->result.grants[i].agent,
                         &c->result.grants[i].resources);
}

/* "cpus:2" with the allocation role. */
__attribute__((unused)) static struct resources allocated(const char *text, const char *role)
{
    struct resources r = resources_lit(text);
    struct name *name = name_of(str_of(role));

    resources_allocate(&r, name);
    name_unref(name);
    return r;
}

__attribute__((unused)) static void recover(struct cluster *c, struct framework_ref f, struct agent_ref g,
                                            const char *what, const char *role, enum alloc_state state,
                                            int64_t refuse_ns)
{
    struct resources r = allocated(what, role);

    allocator_recover(c->a, c->now, f, g, &r, state, refuse_ns);
    resources_done(&r);
}

__attribute__((unused)) static void quota(struct cluster *c, const char *role, const char *guarantees,
                                          const char *limits)
{
    struct quantities g = QUANTITIES_INIT, l = QUANTITIES_INIT;
    struct name *name = name_of(str_of(role));

    (void)quantities_parse(str_of(guarantees), &g, NULL);
    (void)quantities_parse(str_of(limits), &l, NULL);
    allocator_quota_set(c->a, name, &g, &l);
    quantities_done(&g);
    quantities_done(&l);
    name_unref(name);
}

__attribute__((unused)) static void weight(struct cluster *c, const char *role, double w)
{
    struct name *name = name_of(str_of(role));

    allocator_weight_set(c->a, name, w);
    name_unref(name);
}

#endif
