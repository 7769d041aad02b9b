/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories of small clusters, done to the allocator and to the plain reference of alloc_naive.h
 * alike. After each step the books must hold; after each run the grants must be the same. A second kind of
 * history shuffles and slices the runs, with changes between the slices, and checks what must hold in any
 * order. A failure prints the seed: run the case with ALLOC_SEED=n to repeat it alone, ALLOC_SEEDS=n to try
 * more. */
#include "tests/unit/master/alloc_naive.h"

enum mode { PLAIN, WITH_QUOTA, SHUFFLED };

struct both {
    struct cluster c;
    struct naive m;
    struct rng rng;
    struct naive_result expected;
    bool pending_all;
    int64_t timer_ns;
    bool timer_armed;
    uint64_t seed;
    int step;
    bool failed;
    enum mode mode;
    int64_t grants;
    bool slicing; /* between two slices of a run */
};

static int pick(struct both *b, int n)
{
    return (int)rng_below(&b->rng, (uint64_t)n);
}

static bool chance(struct both *b, int percent)
{
    return pick(b, 100) < percent;
}

static void fail(struct both *b, const char *what)
{
    if (!b->failed)
        test_fail(__FILE__, __LINE__, "seed %llu, step %d: %s", (unsigned long long)b->seed, b->step, what);
    b->failed = true;
}

/* --- steps that change both --- */

static struct resources random_total(struct both *b)
{
    static const char *const shapes[] = {
        "cpus:4;mem:1024;disk:1000;ports:[100-200]",
        "cpus:2;mem:512",
        "cpus:3;mem:100;disk:50",
        "cpus:1;mem:64;cpus(a):2;mem(a):200",
        "cpus(b):2;mem(b):128;cpus:1;mem:64",
        "cpus:0.5;mem:20",
        "cpus(a/x):1;mem(a/x):64;cpus(c):1;ports:[1-9]",
        "cpus:4;mem:400;gpus:2",
        "cpus:6;mem:2048;disk:300",
    };
    struct resources r = resources_lit(shapes[pick(b, (int)(sizeof shapes / sizeof *shapes))]);

    if (chance(b, 15)) {
        struct resource x = resource_scalar(NAME_CPUS, 1000 * (1 + pick(b, 3)));
        x.revocable = true;
        resources_add_take(&r, &x);
    }
    if (chance(b, 15)) {
        struct resource x = resource_scalar(NAME_DISK, 100000);
        x.disk = disk_new();
        x.disk->has_source = x.disk->has_mount = true;
        x.disk->source = DISK_MOUNT;
        x.disk->mount_root = name_of(STR("/m"));
        resources_add_take(&r, &x);
    }
    if (chance(b, 15)) {
        struct resource x = resource_scalar(NAME_DISK, 64000);
        struct reservation top = { .type = RESERVATION_DYNAMIC,
                                   .role = name_of(str_of(naive_roles[pick(b, 4)])) };
        x.disk = disk_new();
        x.disk->persistence = name_of(STR("vol"));
        x.disk->has_volume = true;
        x.disk->container_path = name_of(STR("p"));
        x.disk->mode = VOLUME_RW;
        x.reservations = reservations_push(NULL, &top);
        x.shared = chance(b, 60);
        name_unref(top.role);
        resources_add_take(&r, &x);
    }
    return r;
}

static struct agent_info *info_of(int g, const struct naive_agent *a)
{
    char id[8];

    (void)snprintf(id, sizeof id, "g%d", g);
    return agent_info_make(id, (struct agent_options){ .attributes = a->attributes,
                                                       .capabilities_missing = a->capabilities_missing });
}

static void step_agent_add(struct both *b, int g)
{
    struct naive_agent *a = &b->m.agents[g];

    *a = (struct naive_agent){
        .there = true, .active = chance(b, 90), .pending = true, .total = random_total(b)
    };
    if (chance(b, 50))
        a->attributes = chance(b, 50) ? "rack:r1" : "rack:r2";
    if (chance(b, 10))
        a->capabilities_missing = AGENT_CAP_HIERARCHICAL_ROLE;
    if (chance(b, 5))
        a->capabilities_missing |= AGENT_CAP_MULTI_ROLE;
    struct agent_info *info = info_of(g, a);
    struct alloc_agent_spec spec = { info, &a->total };
    a->ref = allocator_agent_add(b->c.a, &spec, a->active, NULL, 0);
    agent_info_unref(info);
}

static void holding_clear(struct both *b, struct naive_holding *h)
{
    resources_done(&h->offered);
    resources_done(&h->allocated);
    h->there = false;
    struct naive_framework *f = &b->m.frameworks[h->framework];
    for (int i = 0; i < N_HOLDINGS; i++)
        if (b->m.holdings[i].there && b->m.holdings[i].framework == h->framework &&
            b->m.holdings[i].role == h->role)
            return;
    if (!f->subscribed[h->role]) {
        f->tracked[h->role] = false;
        f->count[h->role] = 0;
    }
}

static void filters_drop(struct both *b, int framework, int role, int agent)
{
    for (int i = 0; i < N_FILTERS; i++) {
        struct naive_filter *x = &b->m.filters[i];
        if (!x->there || (framework >= 0 && x->framework != framework) || (role >= 0 && x->role != role) ||
            (agent >= 0 && x->agent != agent))
            continue;
        resources_done(&x->what);
        x->there = false;
    }
}

static void step_agent_remove(struct both *b, int g)
{
    allocator_agent_remove(b->c.a, b->m.agents[g].ref);
    for (int i = 0; i < N_HOLDINGS; i++)
        if (b->m.holdings[i].there && b->m.holdings[i].agent == g)
            holding_clear(b, &b->m.holdings[i]);
    filters_drop(b, -1, -1, g);
    resources_done(&b->m.agents[g].total);
    b->m.agents[g].there = false;
}

static void step_agent_update(struct both *b, int g)
{
    struct naive_agent *a = &b->m.agents[g];
    struct resources total = chance(b, 50) ? random_total(b) : resources_copy(&a->total);
    const char *attributes = chance(b, 50) ? "rack:r1" : a->attributes;
    bool same_attributes = attributes == a->attributes || (attributes != NULL && a->attributes != NULL &&
                                                           strcmp(attributes, a->attributes) == 0);

    a->pending = a->pending || !same_attributes || !resources_eq(&total, &a->total);
    if (!same_attributes)
        filters_drop(b, -1, -1, g);
    a->attributes = attributes;
    resources_done(&a->total);
    a->total = total;
    struct agent_info *info = info_of(g, a);
    struct alloc_agent_spec spec = { info, &a->total };
    allocator_agent_update(b->c.a, a->ref, &spec);
    agent_info_unref(info);
}

/* The roles of a framework as text, and its constraints, for a spec. */
struct spec_parts {
    char roles[128], suppressed[128];
    struct offer_constraints *constraints;
};

static void parts_of(const struct naive_framework *f, struct spec_parts *p)
{
    *p = (struct spec_parts){ .constraints = f->rack != NULL ? offer_constraints_new() : NULL };
    for (int r = 0; r < N_ROLES; r++) {
        if (f->subscribed[r]) {
            strcat(p->roles, p->roles[0] != '\0' ? "," : "");
            strcat(p->roles, naive_roles[r]);
        }
        if (f->suppressed[r]) {
            strcat(p->suppressed, p->suppressed[0] != '\0' ? "," : "");
            strcat(p->suppressed, naive_roles[r]);
        }
        if (f->rack != NULL && f->subscribed[r]) {
            struct name *role = name_of(str_of(naive_roles[r]));
            struct constraint_group *g =
                role_constraints_add_group(offer_constraints_add_role(p->constraints, role));
            (void)constraint_group_add(g, SELECT_ATTRIBUTE, STR("rack"), PREDICATE_TEXT_EQUALS,
                                       str_of(f->rack + 5), NULL);
            name_unref(role);
        }
    }
}

static void step_framework_add(struct both *b, int i)
{
    static const uint32_t caps[] = { FRAMEWORK_CAP_MULTI_ROLE, FRAMEWORK_CAP_REVOCABLE_RESOURCES,
                                     FRAMEWORK_CAP_SHARED_RESOURCES, FRAMEWORK_CAP_GPU_RESOURCES,
                                     FRAMEWORK_CAP_RESERVATION_REFINEMENT };
    struct naive_framework *f = &b->m.frameworks[i];
    struct spec_parts p;

    *f = (struct naive_framework){ .there = true, .active = true };
    (void)snprintf(f->id, sizeof f->id, "f%d", i);
    for (int k = 0; k < 5; k++)
        if (chance(b, 50))
            f->capabilities |= caps[k];
    for (int r = 0; r < N_ROLES; r++)
        f->subscribed[r] = f->tracked[r] = i == 0 || chance(b, 35);
    f->subscribed[3] = f->tracked[3] = true;
    for (int r = 0; r < N_ROLES; r++)
        f->suppressed[r] = f->subscribed[r] && chance(b, 10);
    if (chance(b, 20))
        f->rack = chance(b, 50) ? "rack:r1" : "rack:r2";
    parts_of(f, &p);
    f->ref = framework_add(&b->c, f->id, p.roles,
                           (struct fw_options){ .capabilities = f->capabilities,
                                                .suppressed = p.suppressed,
                                                .constraints = p.constraints });
    offer_constraints_unref(p.constraints);
    b->pending_all = true;
}

static void step_framework_update(struct both *b, int i)
{
    struct naive_framework *f = &b->m.frameworks[i];
    struct spec_parts p;
    struct name *suppressed[64];

    for (int r = 0; r < N_ROLES; r++) {
        bool was = f->suppressed[r], held = false;
        if (i != 0 && r != 3 && chance(b, 20))
            f->subscribed[r] = !f->subscribed[r];
        f->suppressed[r] = f->subscribed[r] && chance(b, 20);
        if ((was && !f->suppressed[r]) || !f->subscribed[r])
            filters_drop(b, i, r, -1);
        for (int k = 0; k < N_HOLDINGS; k++)
            held = held ||
                   (b->m.holdings[k].there && b->m.holdings[k].framework == i && b->m.holdings[k].role == r);
        if (!f->subscribed[r] && !held)
            f->count[r] = 0;
        f->tracked[r] = f->subscribed[r] || held;
    }
    parts_of(f, &p);
    struct framework_info *info =
        framework_info_make(f->id, p.roles, (struct fw_options){ .capabilities = f->capabilities });
    size_t n = roles_of(p.suppressed, suppressed);
    struct alloc_framework_spec spec = { info, suppressed, n, p.constraints };
    allocator_framework_update(b->c.a, f->ref, &spec);
    while (n > 0)
        name_unref(suppressed[--n]);
    framework_info_unref(info);
    offer_constraints_unref(p.constraints);
}

static void step_framework_remove(struct both *b, int i)
{
    allocator_framework_remove(b->c.a, b->m.frameworks[i].ref);
    filters_drop(b, i, -1, -1);
    for (int k = 0; k < N_HOLDINGS; k++)
        if (b->m.holdings[k].there && b->m.holdings[k].framework == i)
            holding_clear(b, &b->m.holdings[k]);
    b->m.frameworks[i].there = false;
}

static void step_framework_switch(struct both *b, int i)
{
    struct naive_framework *f = &b->m.frameworks[i];

    f->active = !f->active;
    if (f->active) {
        allocator_framework_activate(b->c.a, f->ref);
        b->pending_all = true;
    } else {
        allocator_framework_deactivate(b->c.a, f->ref);
        filters_drop(b, i, -1, -1);
    }
}

static void step_suppress_or_revive(struct both *b, int i)
{
    struct naive_framework *f = &b->m.frameworks[i];
    bool revive = chance(b, 60), all = chance(b, 40);
    int role = pick(b, N_ROLES);
    struct name *name = name_of(str_of(naive_roles[role]));

    if (revive)
        allocator_revive(b->c.a, f->ref, &name, all ? 0 : 1);
    else
        allocator_suppress(b->c.a, f->ref, &name, all ? 0 : 1);
    for (int r = 0; r < N_ROLES; r++) {
        if (!f->subscribed[r] || (!all && r != role))
            continue;
        f->suppressed[r] = !revive;
        if (revive)
            filters_drop(b, i, r, -1);
    }
    b->pending_all = b->pending_all || revive;
    name_unref(name);
}

static void step_quota(struct both *b)
{
    static const int top[] = { 0, 3, 5, 6 };
    struct naive_quota q = { .g = { 0 }, .l = { -1, -1, -1, -1 } };
    int role = top[pick(b, 4)];
    struct quantities g = QUANTITIES_INIT, l = QUANTITIES_INIT;
    struct name *names[] = { NAME_CPUS, NAME_MEM, NAME_DISK }, *name = name_of(str_of(naive_roles[role]));
    static const int64_t unit[] = { 1000, 100000, 50000 };

    for (int i = 0; i < 3 && chance(b, 75); i++) {
        if (chance(b, 60))
            q.g[i] = unit[i] * pick(b, 6);
        if (chance(b, 50))
            q.l[i] = q.g[i] + unit[i] * pick(b, 4) + pick(b, 3);
        if (q.g[i] != 0)
            quantities_set(&g, names[i], q.g[i]);
        if (q.l[i] >= 0)
            quantities_set(&l, names[i], q.l[i]);
    }
    b->m.quota[role] = q;
    allocator_quota_set(b->c.a, name, &g, &l);
    quantities_done(&g);
    quantities_done(&l);
    name_unref(name);
}

static void step_weight(struct both *b)
{
    static const double weights[] = { 1, 2, 0.5, 3.25, 1 };
    int role = pick(b, N_ROLES);

    b->m.weight[role] = weights[pick(b, 5)];
    weight(&b->c, naive_roles[role], b->m.weight[role]);
}

/* --- what frameworks do with what they hold --- */

static void filter_put(struct both *b, const struct naive_holding *h, const struct resources *what,
                       int64_t ns)
{
    for (int i = 0; i < N_FILTERS; i++) {
        struct naive_filter *x = &b->m.filters[i];
        if (x->there && x->until_ns > b->m.now_ns)
            continue;
        if (x->there)
            resources_done(&x->what);
        *x = (struct naive_filter){
            true,     h->framework,         h->role,
            h->agent, resources_copy(what), b->m.now_ns + (ns > NS_PER_S ? ns : NS_PER_S)
        };
        return;
    }
    fail(b, "too many filters for the test");
}

static struct resources with_role(const struct resources *r, int role)
{
    struct resources x = resources_copy(r);
    struct name *name = name_of(str_of(naive_roles[role]));

    resources_allocate(&x, name);
    name_unref(name);
    return x;
}

static void give_back(struct both *b, struct naive_holding *h, bool offered, const struct resources *what,
                      int64_t refuse)
{
    struct naive_framework *f = &b->m.frameworks[h->framework];
    struct resources part = resources_copy(what); /* what may be h's own */
    struct resources r = with_role(&part, h->role);

    allocator_recover(b->c.a, b->c.now, f->ref, b->m.agents[h->agent].ref, &r,
                      offered ? ALLOC_OFFERED : ALLOC_ALLOCATED, refuse);
    if (refuse > 0 && f->subscribed[h->role] && f->active && part.n != 0)
        filter_put(b, h, &part, refuse);
    resources_sub_all(offered ? &h->offered : &h->allocated, &part);
    resources_done(&r);
    resources_done(&part);
    if (h->offered.n == 0 && h->allocated.n == 0)
        holding_clear(b, h);
}

/* Some of the entries, some of their amounts. */
static struct resources part_of(struct both *b, const struct resources *r)
{
    struct resources part = RESOURCES_INIT;

    for (uint32_t i = 0; i < r->n; i++) {
        struct resource x = resource_copy(&r->v[i]);
        if (x.type == VALUE_SCALAR && !x.shared && resource_is_divisible(&x) && x.milli > 1)
            x.milli = 1 + pick(b, (int)x.milli);
        if (chance(b, 60))
            resources_add_take(&part, &x);
        else
            resource_done(&x);
    }
    return part;
}

static void step_reserve(struct both *b, struct naive_holding *h)
{
    struct resources one = RESOURCES_INIT;

    for (uint32_t i = 0; i < h->offered.n && one.n == 0; i++)
        if (naive_plain(&h->offered.v[i]) && resource_is_divisible(&h->offered.v[i]))
            resources_add(&one, &h->offered.v[i]);
    if (one.n == 0)
        return;
    struct reservation top = { .type = RESERVATION_DYNAMIC, .role = name_of(str_of(naive_roles[h->role])) };
    struct conversion k = { with_role(&one, h->role), with_role(&one, h->role) };
    k.produced.v[0].reservations = reservations_push(NULL, &top);
    name_unref(top.role);
    struct error err;
    if (strcmp(naive_roles[h->role], "*") != 0) {
        int rc = allocator_update_allocation(b->c.a, b->m.frameworks[h->framework].ref,
                                             b->m.agents[h->agent].ref, &k, &err);
        struct conversion u = { resources_copy(&k.consumed), resources_copy(&k.produced) };
        resources_unallocate(&u.consumed);
        resources_unallocate(&u.produced);
        struct resources total = resources_copy(&b->m.agents[h->agent].total);
        bool fits = resources_apply(&total, &u, NULL) == 0;
        if ((rc == 0) != fits)
            fail(b, rc == 0 ? "an operation was applied beyond the total" : err.msg);
        if (rc == 0 && fits) {
            resources_done(&b->m.agents[h->agent].total);
            b->m.agents[h->agent].total = resources_copy(&total);
            (void)resources_apply(&h->offered, &u, NULL);
        }
        resources_done(&total);
        conversion_done(&u);
    }
    conversion_done(&k);
    resources_done(&one);
}

static void step_holding(struct both *b, struct naive_holding *h)
{
    static const int64_t refuse[] = {
        0, 0, NS_PER_S / 2, 2 * NS_PER_S, 5 * NS_PER_S, 30 * NS_PER_S, 1000 * NS_PER_S
    };
    int64_t ns = refuse[pick(b, 7)];
    bool offered = h->offered.n != 0 && (h->allocated.n == 0 || chance(b, 70));

    if (!offered) {
        struct resources part = chance(b, 40) ? resources_copy(&h->allocated) : part_of(b, &h->allocated);
        if (part.n != 0)
            give_back(b, h, false, &part, 0);
        resources_done(&part);
        return;
    }
    if (chance(b, 15))
        step_reserve(b, h);
    if (chance(b, 50)) {
        struct resources part = part_of(b, &h->offered);
        struct resources r = with_role(&part, h->role);
        if (part.n != 0)
            allocator_launch(b->c.a, b->m.frameworks[h->framework].ref, b->m.agents[h->agent].ref, &r);
        resources_add_all(&h->allocated, &part);
        resources_sub_all(&h->offered, &part);
        resources_done(&r);
        resources_done(&part);
    }
    if (h->offered.n != 0)
        give_back(b, h, true, &h->offered, ns);
}

/* --- run and compare --- */

static bool grant_is_expected(struct both *b, const struct alloc_grant *g)
{
    for (int i = 0; i < b->expected.n; i++) {
        struct naive_grant *e = &b->expected.v[i];
        if (!framework_ref_eq(b->m.frameworks[e->framework].ref, g->framework) ||
            !agent_ref_eq(b->m.agents[e->agent].ref, g->agent) ||
            strcmp(naive_roles[e->role], g->role->text) != 0)
            continue;
        struct resources want = with_role(&e->r, e->role);
        bool same = resources_eq(&want, &g->resources);
        resources_done(&want);
        return same;
    }
    return false;
}

static void print_difference(struct both *b)
{
    struct sbuf s = SBUF_INIT(1 << 16);

    for (int i = 0; i < b->expected.n; i++) {
        struct naive_grant *e = &b->expected.v[i];
        sbuf_fmt(&s, "#   want %s %s g%d ", b->m.frameworks[e->framework].id, naive_roles[e->role], e->agent);
        resources_print(&s, &e->r);
        sbuf_c(&s, "\n");
    }
    printf("%.*s# got:\n%.*s\n", STR_ARG(sbuf_view(&s)), STR_ARG(sbuf_view(&b->c.text)));
    sbuf_done(&s);
}

static void step_run(struct both *b, int64_t advance_ns)
{
    bool some = false, all;

    b->c.now = mono_add(b->c.now, advance_ns);
    b->m.now_ns = b->c.now.ns;
    for (int g = 0; g < N_AGENTS; g++)
        some = some || (b->m.agents[g].there && b->m.agents[g].pending);
    bool any_agent = false;
    for (int g = 0; g < N_AGENTS; g++)
        any_agent = any_agent || b->m.agents[g].there;
    all = b->pending_all || (any_agent && (!b->timer_armed || b->m.now_ns >= b->timer_ns));
    b->expected.n = 0;
    if (all || some)
        naive_cycle(&b->m, all, &b->expected);
    b->pending_all = false;
    (void)run(&b->c);
    if ((all || some) && (all || !b->timer_armed)) {
        b->timer_ns = b->m.now_ns + NS_PER_S;
        b->timer_armed = true;
    }
    b->grants += b->expected.n;
    bool same = (int)b->c.result.grant_count == b->expected.n;
    for (size_t i = 0; same && i < b->c.result.grant_count; i++)
        same = grant_is_expected(b, &b->c.result.grants[i]);
    if (!same) {
        fail(b, "the grants differ from the reference");
        print_difference(b);
    }
    for (int i = 0; i < b->expected.n; i++)
        resources_done(&b->expected.v[i].r);
}

/* --- shuffled runs: no reference, but what must hold in any order --- */

struct sums {
    int64_t consumed[N_ROLES][N_NAMES], own[N_ROLES][N_NAMES], h[N_NAMES], f[N_NAMES];
};

static void sums_take(const struct both *b, struct sums *s)
{
    int64_t total[N_NAMES], used[N_NAMES];

    memset(s, 0, sizeof *s);
    naive_total(&b->m, true, total);
    naive_used(&b->m, -1, -1, true, true, used);
    for (int i = 0; i < N_NAMES; i++) {
        s->f[i] = total[i] - used[i];
        for (int r = 0; r < N_ROLES; r++) {
            s->consumed[r][i] = naive_consumed(&b->m, r, i);
            s->h[i] += naive_guarantee_left(&b->m, r, i);
        }
    }
}

static int index_of(const struct both *b, struct framework_ref f)
{
    for (int i = 0; i < N_FRAMEWORKS; i++)
        if (b->m.frameworks[i].there && framework_ref_eq(b->m.frameworks[i].ref, f))
            return i;
    return -1;
}

/* Enters the grants of the last run into the plain books; adds up the plain amounts by role. */
static void enter_grants(struct both *b, struct sums *s)
{
    b->expected.n = 0;
    for (size_t i = 0; i < b->c.result.grant_count; i++) {
        const struct alloc_grant *x = &b->c.result.grants[i];
        int f = index_of(b, x->framework), role = 0, g = 0;
        while (strcmp(naive_roles[role], x->role->text) != 0)
            role++;
        while (!b->m.agents[g].there || !agent_ref_eq(b->m.agents[g].ref, x->agent))
            g++;
        if (f < 0) {
            fail(b, "a grant for a framework that is gone");
            return;
        }
        struct resources r = resources_copy(&x->resources);
        resources_unallocate(&r);
        for (uint32_t e = 0; e < r.n; e++)
            if (naive_plain(&r.v[e]) && naive_name(r.v[e].name) >= 0)
                s->own[role][naive_name(r.v[e].name)] += r.v[e].milli;
        if (naive_excluded(&b->m, f, role, g) && !b->slicing)
            fail(b, "a grant of an agent that is excluded");
        naive_record(&b->m, f, role, g, &r, &b->expected);
        resources_done(&r);
    }
    for (int i = 0; i < b->expected.n; i++)
        resources_done(&b->expected.v[i].r);
    b->grants += b->expected.n;
}

static void check_quota(struct both *b, const struct sums *before)
{
    struct sums after;

    sums_take(b, &after);
    for (int i = 0; i < N_NAMES; i++) {
        if (after.h[i] > 0 && before->f[i] >= before->h[i] && after.f[i] < after.h[i])
            fail(b, "headroom was given away");
        for (int r = 0; r < N_ROLES; r++)
            if (before->own[r][i] != 0 && b->m.quota[r].l[i] >= 0 &&
                before->consumed[r][i] + before->own[r][i] > b->m.quota[r].l[i])
                fail(b, "a limit was passed");
    }
}

static void step(struct both *b);

static void step_run_shuffled(struct both *b, int64_t advance_ns)
{
    struct sums before;
    struct error err;
    bool slices = chance(b, 50);

    b->c.now = mono_add(b->c.now, advance_ns);
    b->m.now_ns = b->c.now.ns;
    sums_take(b, &before);
    b->slicing = slices;
    while (allocator_run(b->c.a, b->c.now, &b->rng, slices ? 3 : 0, &b->c.result) == ALLOC_RUN_MORE) {
        if (chance(b, 30))
            step(b);
        if (allocator_check(b->c.a, &err) != 0)
            fail(b, err.msg);
    }
    for (int g = 0; g < N_AGENTS; g++)
        resources_done(&b->m.run_shared[g]);
    enter_grants(b, &before);
    b->slicing = false;
    if (!slices)
        check_quota(b, &before);
}

static void step(struct both *b)
{
    int g = pick(b, N_AGENTS), f = pick(b, N_FRAMEWORKS), what = pick(b, 100);
    struct naive_holding *h = &b->m.holdings[pick(b, N_HOLDINGS)];

    if (what < 12) {
        b->m.agents[g].there ? (chance(b, 30) ? step_agent_remove(b, g) : step_agent_update(b, g))
                             : step_agent_add(b, g);
    } else if (what < 15 && b->m.agents[g].there) {
        b->m.agents[g].active = !b->m.agents[g].active;
        (b->m.agents[g].active ? allocator_agent_activate : allocator_agent_deactivate)(b->c.a,
                                                                                        b->m.agents[g].ref);
    } else if (what < 22) {
        if (!b->m.frameworks[f].there)
            step_framework_add(b, f);
        else if (f != 0 && chance(b, 30))
            step_framework_remove(b, f);
        else
            step_framework_update(b, f);
    } else if (what < 27 && b->m.frameworks[f].there) {
        step_framework_switch(b, f);
    } else if (what < 35 && b->m.frameworks[f].there) {
        step_suppress_or_revive(b, f);
    } else if (what < 39 && b->mode != PLAIN) {
        step_quota(b);
    } else if (what < 41) {
        step_weight(b);
    } else if (what < 75) {
        for (int i = 0; i < N_HOLDINGS; i++, h = &b->m.holdings[(h - b->m.holdings + 1) % N_HOLDINGS])
            if (h->there) {
                step_holding(b, h);
                break;
            }
    } else if (what < 80) {
        for (int i = 0; i < N_HOLDINGS; i++)
            if (b->m.holdings[i].there && b->m.holdings[i].offered.n != 0)
                give_back(b, &b->m.holdings[i], true, &b->m.holdings[i].offered,
                          chance(b, 50) ? 20 * NS_PER_S : 0);
    } else if (b->mode == SHUFFLED) {
        if (!b->slicing)
            step_run_shuffled(b, NS_PER_MS * pick(b, 2500));
    } else {
        step_run(b, chance(b, 60) ? NS_PER_S * (1 + pick(b, 3)) : NS_PER_MS * pick(b, 900));
    }
}

static int64_t history(uint64_t seed, int steps, enum mode mode)
{
    struct both *b = xcalloc(1, sizeof *b);
    struct error err;

    b->c = cluster_new();
    b->seed = seed;
    b->mode = mode;
    rng_seed(&b->rng, seed);
    b->m.now_ns = b->c.now.ns;
    for (int r = 0; r < N_ROLES; r++) {
        b->m.weight[r] = 1;
        b->m.quota[r] = (struct naive_quota){ .l = { -1, -1, -1, -1 } };
    }
    step_framework_add(b, 0); /* keeps all roles tracked */
    for (b->step = 0; b->step < steps && !b->failed; b->step++) {
        step(b);
        if (allocator_check(b->c.a, &err) != 0)
            fail(b, err.msg);
    }
    for (int g = 0; g < N_AGENTS; g++)
        if (b->m.agents[g].there)
            step_agent_remove(b, g);
    filters_drop(b, -1, -1, -1);
    for (int g = 0; g < N_AGENTS; g++)
        resources_done(&b->m.run_shared[g]);
    int64_t grants = b->grants;
    cluster_done(&b->c);
    free(b);
    return grants;
}

static void histories(enum mode mode)
{
    const char *one = getenv("ALLOC_SEED"), *many = getenv("ALLOC_SEEDS");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t count = one != NULL ? 1 : many != NULL ? strtoull(many, NULL, 10) : 10;
    int64_t grants = 0;

    for (uint64_t seed = first; seed < first + count; seed++)
        grants += history(seed, 400, mode);
    CHECK(one != NULL || grants > (int64_t)count * 20);
}

TEST("random histories without quota: the same grants as the reference")
{
    histories(PLAIN);
}

TEST("random histories with quota: the same grants as the reference")
{
    histories(WITH_QUOTA);
}

TEST("shuffled and sliced runs: the books hold, no limit is passed, no headroom given away")
{
    histories(SHUFFLED);
}
