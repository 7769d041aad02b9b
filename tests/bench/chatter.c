/* SPDX-License-Identifier: Apache-2.0 */
/* An executor that says again and again, as fast as it can, that its task runs: chatter N. For B08. */
#include <stdio.h>
#include <stdlib.h>

#include <stoa/executor.h>

static struct stoa_executor *executor;
static long times;

static void launch(void *ctx, const struct stoa_task *task)
{
    struct stoa_update u = { .task_id = task->task_id, .state = STOA_TASK_RUNNING };

    (void)ctx;
    for (long i = 0; i < times; i++)
        if (stoa_executor_update(executor, &u) != 0)
            fprintf(stderr, "update: %s\n", stoa_executor_error(executor));
}

static void kill_task(void *ctx, const char *task_id, int64_t grace_ns)
{
    struct stoa_update u = { .task_id = task_id, .state = STOA_TASK_KILLED };

    (void)ctx;
    (void)grace_ns;
    (void)stoa_executor_update(executor, &u);
}

static void shut_down(void *ctx)
{
    (void)ctx;
    stoa_executor_stop(executor, 0);
}

int main(int argc, char **argv)
{
    char error[256];
    struct stoa_executor_callbacks callbacks = { .launch = launch, .kill = kill_task, .shutdown = shut_down };
    int status;

    times = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    if (stoa_executor_new(&executor, &callbacks, NULL, error, sizeof error) != 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    status = stoa_executor_run(executor);
    stoa_executor_free(executor);
    return status;
}
