/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds per operation of the resource algebra and of the conversion of a task. Prints one line each:
 * name, ns/op. Run: build/tests/bench/bench_model [ROUNDS]. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/model/resources.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static volatile uint64_t sink; /* keeps results alive */

#define BENCH(name, rounds, ...)                                                                    \
    do {                                                                                            \
        int64_t from_ = now_ns();                                                                   \
        for (int64_t i_ = 0; i_ < (rounds); i_++) {                                                 \
            __VA_ARGS__;                                                                            \
        }                                                                                           \
        printf("%-44s %8.1f ns/op\n", (name), (double)(now_ns() - from_) / (double)(rounds));       \
    } while (0)

static void bench_algebra(int64_t rounds)
{
    struct resources agent = resources_lit("cpus:16;mem:65536;disk:100000;ports:[31000-32000];cpus(eng):2;mem(eng):1024");
    struct resources task = resources_lit("cpus:0.1;mem:32");
    struct resources four = resources_lit("cpus:0.1;mem:32;disk:10;ports:[31005-31006]");
    struct resources filter = resources_lit("cpus:1;mem:128;disk:100000;ports:[31000-32000]");
    struct name *role = name_of(STR("web"));

    BENCH("copy, 2 entries", rounds, struct resources c = resources_copy(&task); sink += c.n; resources_done(&c));
    BENCH("copy, 6 entries", rounds, struct resources c = resources_copy(&agent); sink += c.n; resources_done(&c));
    BENCH("contains, 2 in 6", rounds, sink += resources_contains(&agent, &task));
    BENCH("contains, 4 in 6", rounds, sink += resources_contains(&agent, &four));
    BENCH("contains, filter refuses a larger offer", rounds, sink += resources_contains(&filter, &agent));
    BENCH("add and subtract, 2 to 6", rounds, resources_add_all(&agent, &task); resources_sub_all(&agent, &task));
    BENCH("add and subtract, 4 to 6 with ports", rounds, resources_sub_all(&agent, &four);
          resources_add_all(&agent, &four));
    BENCH("hash, 6 entries", rounds, sink += resources_hash(&agent));
    struct resources same = resources_copy(&agent);
    BENCH("equal, 6 entries", rounds, sink += resources_eq(&agent, &same));
    resources_done(&same);
    BENCH("allocatable to a role, 6 entries", rounds, struct resources c = resources_allocatable_to(&agent, STR("eng/x"));
          sink += c.n; resources_done(&c));
    BENCH("allocate, copy of 2", rounds, struct resources c = resources_copy(&task); resources_allocate(&c, role);
          resources_done(&c));
    BENCH("quantities of 6 entries", rounds, struct quantities q = quantities_of(&agent); sink += q.n; quantities_done(&q));
    BENCH("milli of cpus, 6 entries", rounds, sink += (uint64_t)resources_milli(&agent, NAME_CPUS));
    resources_done(&agent);
    resources_done(&task);
    resources_done(&four);
    resources_done(&filter);
    name_unref(role);
}

static const char task_text[] =
    "{\"name\":\"bench\",\"task_id\":{\"value\":\"bench-0000000001\"},\"agent_id\":{\"value\":"
    "\"186b5da7-3234-467f-802a-c07755fd3d5f-S0\"},\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{"
    "\"value\":0.1}},{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":{\"value\":32}}],\"command\":{\"value\":\"sleep 1\"}}";

static void bench_task(int64_t rounds)
{
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(1 << 16), out = SBUF_INIT(1 << 16);
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(1 << 20);
    struct name *web = name_of(STR("web"));
    struct task_context ctx = { .role = web, .framework = framework_id(STR("f")) };
    Mesos__V1__TaskInfo *m = NULL;
    struct error err;

    if (json_to_wire(&mesos__v1__task_info__descriptor, str_of(task_text), &bytes, &err) != 0)
        abort();
    printf("TaskInfo of %zu bytes\n", bytes.n);
    BENCH("check and unpack", rounds, arena_clear(&arena);
          sink += (uint64_t)WIRE_UNPACK(mesos__v1__task_info, sbuf_view(&bytes), &arena, &m, &err));
    int64_t unpack_from = now_ns();
    for (int64_t i = 0; i < rounds; i++) {
        arena_clear(&arena);
        sink += (uint64_t)WIRE_UNPACK(mesos__v1__task_info, sbuf_view(&bytes), &arena, &m, &err);
        struct task_info *t = convert_task(m, &ctx, &arena);
        sink += t->resources.n;
        task_info_unref(t);
    }
    printf("%-44s %8.1f ns/op\n", "check, unpack and convert", (double)(now_ns() - unpack_from) / (double)rounds);

    struct task_info *t = convert_task_bytes(sbuf_view(&bytes), &ctx, &err);
    struct task_view v = { .task = t, .framework = framework_id(STR("f")), .state = TASK_RUNNING };
    if (t == NULL || t->invalid != NULL)
        abort();
    BENCH("write a Task", rounds, sbuf_clear(&out); wire_put_task(&out, 7, &v); sink += out.n);

    struct status_spec spec = { .task = t->id, .agent = t->agent, .state = TASK_RUNNING, .source = SOURCE_MASTER,
                                .reason = REASON_RECONCILIATION, .timestamp = 1.5 };
    struct task_status *s = task_status_make(&spec);
    BENCH("index a TaskStatus", rounds, struct task_status *x; sink += (uint64_t)convert_status_bytes(blob_str(s->raw), &x, NULL);
          task_status_unref(x));
    BENCH("make a TaskStatus", rounds, struct task_status *x = task_status_make(&spec); task_status_unref(x));
    task_status_unref(s);
    task_info_unref(t);
    name_unref(web);
}

int main(int argc, char **argv)
{
    int64_t rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 500000;

    bench_algebra(rounds);
    bench_task(rounds);
    return 0;
}
