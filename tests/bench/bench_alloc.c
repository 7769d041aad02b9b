/* SPDX-License-Identifier: Apache-2.0 */
/* B03: the allocation cycle, decision only. Usage: bench_alloc SHAPE AGENTS FRAMEWORKS [ROUNDS]; SHAPE is one
 * of
 *
 *     decline     everything is offered and declined for a year, until all is filtered (or ROUNDS are over)
 *     quota       roles with small and large guarantees and limits; AGENTS/1.2 roles
 *     tree        roles three deep with weights
 *     suppressed  99 of 100 frameworks are suppressed
 *     reserved    reservations and persistent volumes on every tenth agent
 *     mix         80 agents, frameworks with many small and few tasks, until all tasks run
 *     probe       p_alloc alone
 *
 * One line of JSON. Times are those of allocator_run alone, without limit on work; slice_ms_max is the
 * longest single call with the default limit. probe_ms is the limit probe p_alloc in the same process: a
 * binary heap over FRAMEWORKS shares that hands out AGENTS whole agents, with nothing else around it; scan_ms
 * is a scan of an AGENTS x FRAMEWORKS bitmap. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/alloc.h"
#include "master/core/alloc/allocator.h"

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* not disturbed by what else runs */
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- p_alloc --- */

struct share {
    double dominant, cpus, mem;
};

static void sift_down(const struct share *of, uint32_t *heap, size_t n, size_t i)
{
    for (;;) {
        size_t least = 2 * i + 1;
        if (least >= n)
            return;
        if (least + 1 < n && of[heap[least + 1]].dominant < of[heap[least]].dominant)
            least++;
        if (of[heap[i]].dominant <= of[heap[least]].dominant)
            return;
        uint32_t t = heap[i];
        heap[i] = heap[least];
        heap[least] = t;
        i = least;
    }
}

static volatile double sink;

static double probe_heap_once(size_t agents, size_t frameworks)
{
    uint32_t *heap = xcalloc(frameworks, sizeof *heap), *given = xcalloc(agents, sizeof *given);
    struct share *of = xcalloc(frameworks, sizeof *of);
    double cpus = 8.0 * (double)agents, mem = 4096.0 * (double)agents;

    for (uint32_t i = 0; i < frameworks; i++)
        heap[i] = i;
    double from = now_ms();
    for (size_t a = 0; a < agents; a++) {
        struct share *f = &of[heap[0]];
        given[a] = heap[0];
        f->cpus += 8;
        f->mem += 4096;
        f->dominant = f->cpus / cpus > f->mem / mem ? f->cpus / cpus : f->mem / mem;
        sift_down(of, heap, frameworks, 0);
    }
    double ms = now_ms() - from;
    sink = given[agents - 1];
    free(heap);
    free(given);
    free(of);
    return ms;
}

static double probe_scan_once(size_t agents, size_t frameworks)
{
    size_t words = (frameworks + 63) / 64;
    uint64_t *m = xcalloc(agents * words, sizeof *m), left = 0;

    memset(m, 0xff, agents * words * sizeof *m);
    double from = now_ms();
    for (size_t i = 0; i < agents * words; i++)
        left += ~m[i] != 0;
    double ms = now_ms() - from;
    sink = (double)left;
    free(m);
    return ms;
}

static double best_of(double (*fn)(size_t, size_t), size_t agents, size_t frameworks)
{
    double best = fn(agents, frameworks);

    for (int i = 0; i < 4; i++) {
        double ms = fn(agents, frameworks);
        best = ms < best ? ms : best;
    }
    return best;
}

/* --- the cluster --- */

struct bench {
    struct allocator *a;
    struct rng rng;
    struct mono now;
    struct alloc_result result;
    double *run_ms; /* of each run */
    size_t runs, runs_cap;
    double slice_ms_max;
    double recover_ms;
    size_t recovers;
    double add_agents_ms, add_frameworks_ms;
};

static struct bench bench_new(void)
{
    struct bench b = { .now = { NS_PER_S } };
    struct allocator_config config = allocator_config_default();
    struct error err;

    rng_seed(&b.rng, 1);
    if (allocator_new(&config, &b.a, &err) != 0)
        abort();
    return b;
}

/* sliced: with the default limit of work, as the master does it. */
static void bench_run(struct bench *b, bool sliced)
{
    double from = now_ms(), before = from;
    enum alloc_run rc;

    do {
        rc = allocator_run(b->a, b->now, &b->rng, sliced ? ALLOC_WORK_DEFAULT : 0, &b->result);
        double t = now_ms();
        if (sliced && t - before > b->slice_ms_max)
            b->slice_ms_max = t - before;
        before = t;
    } while (rc == ALLOC_RUN_MORE);
    ARRAY_ROOM(b->run_ms, b->runs, b->runs_cap);
    b->run_ms[b->runs++] = before - from;
    b->now = mono_add(b->now, NS_PER_S);
}

static void agents_add(struct bench *b, struct agent_ref *ret, size_t count, const struct resources *total,
                       const struct resources *special)
{
    struct agent_info **info = xcalloc(count, sizeof *info);
    char id[48];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(id, sizeof id, "2f0c-S%zu", i);
        info[i] = agent_info_new();
        info[i]->id = agent_id_copy(agent_id(str_of(id)));
        info[i]->hostname = xstrdup(id);
        info[i]->capabilities = AGENT_CAPS_ALL;
    }
    double from = now_ms();
    for (size_t i = 0; i < count; i++) {
        struct alloc_agent_spec spec = { info[i], special != NULL && i % 10 == 0 ? special : total };
        ret[i] = allocator_agent_add(b->a, &spec, true, NULL, 0);
    }
    b->add_agents_ms = now_ms() - from;
    for (size_t i = 0; i < count; i++)
        agent_info_unref(info[i]);
    free(info);
}

typedef struct name *role_namer(size_t i, size_t count);

static struct name *role_star(size_t i, size_t count)
{
    (void)i;
    (void)count;
    return name_ref(NAME_STAR);
}

static struct name *role_own(size_t i, size_t count)
{
    char text[32];

    (void)count;
    (void)snprintf(text, sizeof text, "r%zu", i);
    return name_of(str_of(text));
}

static struct name *role_deep(size_t i, size_t count)
{
    char text[48];

    (void)count;
    (void)snprintf(text, sizeof text, "t%zu/u%zu/v%zu", i % 10, i / 10 % 10, i / 100);
    return name_of(str_of(text));
}

static void frameworks_add(struct bench *b, struct framework_ref *ret, size_t count, role_namer *role,
                           size_t suppressed_of_100)
{
    double ms = 0;

    for (size_t i = 0; i < count; i++) {
        struct framework_info *info = framework_info_new();
        char id[48];
        (void)snprintf(id, sizeof id, "2f0c-%04zu", i);
        info->id = framework_id_copy(framework_id(str_of(id)));
        info->roles = xcalloc(1, sizeof *info->roles);
        info->roles[0] = role(i, count);
        info->role_count = 1;
        info->capabilities = FRAMEWORK_CAP_MULTI_ROLE | FRAMEWORK_CAP_RESERVATION_REFINEMENT;
        bool suppressed = i % 100 < suppressed_of_100;
        struct alloc_framework_spec spec = { .info = info,
                                             .suppressed = info->roles,
                                             .suppressed_count = suppressed };
        double from = now_ms();
        ret[i] = allocator_framework_add(b->a, &spec, true);
        ms += now_ms() - from;
        framework_info_unref(info);
    }
    b->add_frameworks_ms = ms;
}

static void decline_all(struct bench *b, int64_t refuse_ns)
{
    double from = now_ms();

    for (size_t i = 0; i < b->result.grant_count; i++) {
        allocator_recover(b->a, b->now, b->result.grants[i].framework, b->result.grants[i].agent,
                          &b->result.grants[i].resources, ALLOC_OFFERED, refuse_ns);
        resources_done(&b->result.grants[i].resources); /* the offer ends with it */
    }
    b->recover_ms += now_ms() - from;
    b->recovers += b->result.grant_count;
}

/* --- output --- */

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

static void print_result(struct bench *b, const char *shape, size_t agents, size_t frameworks, size_t rounds,
                         double last_ms, const char *extra)
{
    struct alloc_stats s = allocator_stats(b->a);
    double heap = best_of(probe_heap_once, agents, frameworks),
           scan = best_of(probe_scan_once, agents, frameworks);
    double first = b->run_ms[0];

    qsort(b->run_ms, rounds, sizeof *b->run_ms, by_size);
    printf("{\"scenario\":\"B03\",\"shape\":\"%s\",\"agents\":%zu,\"frameworks\":%zu,\"rounds\":%zu,"
           "\"grants\":%" PRIu64 ",\"looks\":%" PRIu64
           ",\"cycle_ms_first\":%.3f,\"cycle_ms\":%.3f,\"cycle_ms_max\":%.3f,\"idle_ms\":%.3f"
           ",\"slice_ms_max\":%.3f,\"add_agent_us\":%.2f,\"add_framework_us\":%.2f,\"recover_us\":%.3f"
           ",\"filters\":%zu,\"bytes_per_filter\":%.1f,\"probe_ms\":%.4f,\"scan_ms\":%.4f,\"vs_limit\":%.4f%"
           "s}\n",
           shape, agents, frameworks, rounds, s.grants, s.looks, first, b->run_ms[rounds / 2],
           b->run_ms[rounds - 1], last_ms, b->slice_ms_max, b->add_agents_ms * 1e3 / (double)agents,
           b->add_frameworks_ms * 1e3 / (double)frameworks,
           b->recovers != 0 ? b->recover_ms * 1e3 / (double)b->recovers : 0, s.filters,
           s.filters != 0 ? (double)s.filter_bytes / (double)s.filters : 0, heap, scan,
           heap / b->run_ms[rounds / 2], extra);
}

static void bench_done(struct bench *b)
{
    struct error err;

    if (allocator_stats(b->a).agents <= 200 && allocator_check(b->a, &err) != 0) {
        fprintf(stderr, "bench_alloc: the books are wrong: %s\n", err.msg);
        exit(1);
    }
    allocator_free(b->a);
    free(b->run_ms);
}

/* --- shapes --- */

static void shape_decline(const char *shape, size_t agents, size_t frameworks, size_t rounds,
                          role_namer *role, size_t suppressed_of_100, const struct resources *special)
{
    struct bench b = bench_new();
    struct agent_ref *ref = xcalloc(agents, sizeof *ref);
    struct framework_ref *f = xcalloc(frameworks, sizeof *f);
    struct resources total = resources_lit("cpus:24;mem:4096;disk:4096;ports:[31000-32000]");
    struct resources used =
        resources_lit("cpus:16;ports:[31000-31001,31010-31011,31020-31021,31030-31031,31040-31041,"
                      "31050-31051,31060-31061,31070-31071]");
    struct name *used_role = name_of(STR("busy"));
    struct framework_ref holder;

    frameworks_add(&b, f, 1, role_star, 100);
    holder = f[0];
    agents_add(&b, ref, agents, &total, special);
    resources_allocate(&used, used_role);
    for (size_t i = 0; i < agents; i++) {
        struct alloc_use use = { holder, &used };
        allocator_use_add(b.a, ref[i], &use);
    }
    frameworks_add(&b, f, frameworks, role, suppressed_of_100);
    size_t n = 0;
    do {
        bench_run(&b, n % 8 == 7); /* most rounds whole, some in slices */
        n++;
        decline_all(&b, INT64_C(365) * 86400 * NS_PER_S);
    } while (n < rounds && b.result.grant_count != 0);
    bool all_filtered = b.result.grant_count == 0;
    size_t measured = all_filtered && n > 1 ? n - 1 : n;
    double idle = -1;
    for (int i = 0; i < 5 && all_filtered; i++) {
        bench_run(&b, false);
        double ms = b.run_ms[b.runs - 1];
        idle = idle < 0 || ms < idle ? ms : idle;
    }
    print_result(&b, shape, agents, frameworks, measured, idle, "");
    resources_done(&total);
    resources_done(&used);
    name_unref(used_role);
    free(ref);
    free(f);
    bench_done(&b);
}

static void shape_quota(size_t agents, size_t rounds)
{
    struct bench b = bench_new();
    size_t roles = agents, large = roles / 6; /* 3,000: 2,500 of half an agent, 500 of two agents */
    struct agent_ref *ref = xcalloc(agents, sizeof *ref);
    struct framework_ref *f = xcalloc(roles, sizeof *f);
    struct resources total = resources_lit("cpus:24;mem:4096;disk:4096;ports:[31000-32000]");
    struct quantities small_quota = QUANTITIES_INIT, large_quota = QUANTITIES_INIT;

    if (quantities_parse(STR("cpus:12;mem:2048;disk:2048"), &small_quota, NULL) != 0 ||
        quantities_parse(STR("cpus:48;mem:8192;disk:8192"), &large_quota, NULL) != 0)
        abort();
    frameworks_add(&b, f, roles, role_own, 0);
    for (size_t i = 0; i < roles; i++) {
        struct name *role = role_own(i, roles);
        const struct quantities *q = i % 6 == 5 && i / 6 < large ? &large_quota : &small_quota;
        allocator_quota_set(b.a, role, q, q);
        name_unref(role);
    }
    agents_add(&b, ref, agents, &total, NULL);
    double idle = 1e9;
    for (size_t n = 0; n < rounds; n++) {
        bench_run(&b, false);
        double first = b.run_ms[b.runs - 1];
        struct alloc_result mine = { xcalloc(b.result.grant_count, sizeof(struct alloc_grant)),
                                     b.result.grant_count, NULL, 0 };
        for (size_t i = 0; i < mine.grant_count; i++) {
            mine.grants[i] = b.result.grants[i];
            b.result.grants[i].resources = RESOURCES_INIT;
        }
        for (int i = 0; i < 3; i++) { /* nothing can be allocated now */
            bench_run(&b, false);
            double ms = b.run_ms[--b.runs];
            idle = ms < idle ? ms : idle;
            if (b.result.grant_count != 0) {
                fprintf(stderr, "bench_alloc: quota: %zu grants beyond all limits\n", b.result.grant_count);
                exit(1);
            }
        }
        b.run_ms[b.runs - 1] = first;
        struct alloc_result kept = b.result;
        b.result = mine;
        decline_all(&b, 0);
        b.result = kept;
        for (size_t i = 0; i < mine.grant_count; i++)
            resources_done(&mine.grants[i].resources);
        free(mine.grants);
    }
    print_result(&b, "quota", agents, roles, rounds, idle, "");
    for (size_t i = 0; i < roles; i++) {
        struct name *role = role_own(i, roles);
        allocator_quota_set(b.a, role, &QUANTITIES_INIT, &QUANTITIES_INIT);
        name_unref(role);
    }
    quantities_done(&small_quota);
    quantities_done(&large_quota);
    resources_done(&total);
    free(ref);
    free(f);
    bench_done(&b);
}

/* 80 agents of 64 cpus; 4 frameworks want 4,000 small tasks each, 500 want 5, 50 want 20. */
static void shape_mix(void)
{
    enum { AGENTS = 80, FRAMEWORKS = 554 };
    struct bench b = bench_new();
    struct agent_ref ref[AGENTS];
    struct framework_ref f[FRAMEWORKS];
    struct resources total = resources_lit("cpus:64;mem:131072;disk:4096;ports:[31000-32000]");
    int want[FRAMEWORKS];
    int left = 0;
    size_t rounds = 0;
    char extra[64];

    for (int i = 0; i < FRAMEWORKS; i++)
        left += want[i] = i < 4 ? 4000 : i < 504 ? 5 : 20;
    agents_add(&b, ref, AGENTS, &total, NULL);
    frameworks_add(&b, f, FRAMEWORKS, role_star, 0);
    struct resources task = resources_lit("cpus:0.25;mem:256");
    resources_allocate(&task, NAME_STAR);
    while (left > 0 && rounds < 10000) {
        bench_run(&b, false);
        rounds++;
        for (size_t i = 0; i < b.result.grant_count; i++) {
            struct alloc_grant *g = &b.result.grants[i];
            int *mine = &want[g->framework.slot], fits;
            int64_t cpus = resources_milli(&g->resources, NAME_CPUS) / 250,
                    mem = resources_milli(&g->resources, NAME_MEM) / 256000;
            fits = (int)(cpus < mem ? cpus : mem);
            fits = fits < *mine ? fits : *mine;
            struct resources run = resources_copy(&task);
            if (fits > 0) {
                run.v[0].milli *= fits;
                run.v[1].milli *= fits;
                allocator_launch(b.a, g->framework, g->agent, &run);
                resources_sub_all(&g->resources, &run);
            }
            resources_done(&run);
            *mine -= fits;
            left -= fits;
            if (*mine == 0)
                allocator_suppress(b.a, g->framework, NULL, 0);
            allocator_recover(b.a, b.now, g->framework, g->agent, &g->resources, ALLOC_OFFERED, 0);
        }
    }
    if (left != 0) {
        fprintf(stderr, "bench_alloc: mix: %d tasks were never placed\n", left);
        exit(1);
    }
    (void)snprintf(extra, sizeof extra, ",\"rounds_to_place_all\":%zu", rounds);
    print_result(&b, "mix", AGENTS, FRAMEWORKS, rounds, -1, extra);
    resources_done(&total);
    resources_done(&task);
    bench_done(&b);
}

static struct resources special_total(void)
{
    struct resources r = resources_lit(
        "cpus:20;mem:4000;disk:3000;ports:[31000-32000];cpus(r1):2;mem(r1):48;cpus(r2):2;mem(r2):48");
    struct resource v = resource_scalar(NAME_DISK, 96 * MILLI_PER_UNIT);
    struct reservation top = { .type = RESERVATION_DYNAMIC, .role = name_of(STR("r1")) };

    v.disk = disk_new();
    v.disk->persistence = name_of(STR("data"));
    v.disk->has_volume = true;
    v.disk->mode = VOLUME_RW;
    v.disk->container_path = name_of(STR("data"));
    v.reservations = reservations_push(NULL, &top);
    name_unref(top.role);
    resources_add_take(&r, &v);
    return r;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_alloc decline|quota|tree|suppressed|reserved|mix|probe AGENTS "
                        "FRAMEWORKS [ROUNDS]\n");
        return 2;
    }
    const char *shape = argv[1];
    size_t agents = strtoul(argv[2], NULL, 10), frameworks = strtoul(argv[3], NULL, 10);
    size_t rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : SIZE_MAX;

    if (strcmp(shape, "decline") == 0)
        shape_decline(shape, agents, frameworks, rounds, role_star, 0, NULL);
    else if (strcmp(shape, "tree") == 0)
        shape_decline(shape, agents, frameworks, rounds, role_deep, 0, NULL);
    else if (strcmp(shape, "suppressed") == 0)
        shape_decline(shape, agents, frameworks, rounds, role_star, 99, NULL);
    else if (strcmp(shape, "reserved") == 0) {
        struct resources special = special_total();
        shape_decline(shape, agents, frameworks, rounds, role_own, 0, &special);
        resources_done(&special);
    } else if (strcmp(shape, "quota") == 0)
        shape_quota(agents, rounds == SIZE_MAX ? 5 : rounds);
    else if (strcmp(shape, "mix") == 0)
        shape_mix();
    else if (strcmp(shape, "probe") == 0)
        printf("{\"scenario\":\"B03\",\"shape\":\"probe\",\"agents\":%zu,\"frameworks\":%zu,\"probe_ms\":%."
               "4f,\"scan_ms\":%.4f}\n",
               agents, frameworks, best_of(probe_heap_once, agents, frameworks),
               best_of(probe_scan_once, agents, frameworks));
    else {
        fprintf(stderr, "bench_alloc: no shape %s\n", shape);
        return 2;
    }
    return 0;
}
