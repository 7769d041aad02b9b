/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as an event of the executor API, and as the TaskInfo inside of one: every reader of executor/sdk/wire.c. */
#include <stddef.h>
#include <stdint.h>

#include "common/base/assert.h"
#include "common/wire/guard.h"
#include "executor/sdk/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *arg, struct str name, struct str value)
{
    *(size_t *)arg += name.n + value.n;
}

static void read_task(struct str task)
{
    struct check_spec spec;
    size_t n = 0;
    (void)task_name_of(task);
    (void)task_allocation_role(task);
    ASSERT(task_kill_grace_ns(task) >= -1);
    ASSERT(task_max_completion_ns(task) >= -1);
    if (task_health_check(task, &spec))
        ASSERT(spec.policy.interval_ns >= 0 && spec.policy.delay_ns >= 0 && spec.kind <= CHECK_KIND_TCP);
    if (task_check(task, &spec))
        ASSERT(spec.policy.timeout_ns >= 0 && spec.kind <= CHECK_KIND_TCP);
    command_each_env(task_command_of(task), count, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_mem(data, size);
    struct exec_event ev;
    struct wire_field f;
    read_task(bytes);
    (void)framework_has_capability(bytes, CAPABILITY_TASK_KILLING_STATE);
    if (!exec_event_read(bytes, &ev))
        return 0;
    read_task(ev.task);
    while (wire_field_next(&ev.task_group, &f) == 1)
        read_task(f.bytes);
    ASSERT(ev.grace_ns >= -1);
    return 0;
}
