/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoint files with any content: they are refused or understood, and a log that is cut where the reader says reads the
 * same again. The first byte says which file the rest is. */
#include <stddef.h>
#include <stdint.h>

#include "agent/wire/records.h"
#include "common/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_log(struct str info, struct str log)
{
    struct arena arena = ARENA_INIT(64 << 20);
    struct agent_recovered_task t, again;
    size_t good = 0, good_again = 0;

    if (record_read_task(&t, info, log, &arena, &good, NULL) == 0) {
        ASSERT(good <= log.n);
        ASSERT(record_read_task(&again, info, str_sub(log, 0, good), &arena, &good_again, NULL) == 0);
        ASSERT(good_again == good);
        ASSERT(again.update_count == t.update_count);
        record_task_done(&again);
        record_task_done(&t);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT(64 << 20);
    struct str rest = str_mem(data, size), info;
    struct executor_info *e = NULL;
    struct framework_info *f = NULL;
    struct agent_info *a = NULL;
    struct resources r = RESOURCES_INIT;
    const struct agent_operation_desc *ops;
    size_t n;

    if (size == 0)
        return 0;
    rest = str_sub(rest, 1, rest.n);
    switch (data[0] % 6) {
    case 0: { /* task.info is the first record, the log what follows */
        struct str whole = rest;
        if (record_next(&rest, &info) == 1)
            read_log(str_sub(whole, 0, whole.n - rest.n), rest);
        break;
    }
    case 1:
        if (record_read_executor(rest, &e, NULL) == 0)
            executor_info_unref(e);
        break;
    case 2:
        if (record_read_framework(rest, &f, NULL) == 0)
            framework_info_unref(f);
        break;
    case 3:
        if (record_read_agent_info(rest, &a, NULL) == 0)
            agent_info_unref(a);
        break;
    case 4:
        if (record_read_resources(rest, &r, NULL) == 0)
            resources_done(&r);
        break;
    case 5:
        if (record_read_resource_state(rest, &arena, &r, &ops, &n, NULL) == 0)
            resources_done(&r);
        break;
    }
    arena_done(&arena);
    return 0;
}
