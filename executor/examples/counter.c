/* SPDX-License-Identifier: Apache-2.0 */
/* An example executor: each task counts to the number in its data (10 when there is none), one step a tenth of a second,
 * and tells the scheduler every fifth step in a message. A task with the data "fail" fails. Many tasks run at once in the
 * one process, without threads: that is what an executor of your own is for.
 *
 *     cc counter.c $(pkg-config --cflags --libs stoa-executor) -o counter */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stoa/executor.h>

struct job {
    char task_id[256];
    long left, total;
    int over; /* its last update is sent; freed by its timer, or at the end */
    struct job *next;
};

static struct stoa_executor *executor;
static struct job *jobs;

static void tell(const char *task_id, int state, const char *message)
{
    struct stoa_update u = { .task_id = task_id, .state = state, .message = message };
    if (stoa_executor_update(executor, &u) != 0)
        fprintf(stderr, "update: %s\n", stoa_executor_error(executor));
}

static void forget(struct job *j)
{
    struct job **p = &jobs;
    while (*p != j)
        p = &(*p)->next;
    *p = j->next;
    free(j);
}

static void step(void *arg)
{
    char text[320];
    struct job *j = arg;
    if (j->over || --j->left <= 0) {
        snprintf(text, sizeof text, "counted to %ld", j->total);
        if (!j->over)
            tell(j->task_id, STOA_TASK_FINISHED, text);
        forget(j);
        return;
    }
    if (j->left % 5 == 0) {
        int n = snprintf(text, sizeof text, "%s: %ld of %ld", j->task_id, j->total - j->left, j->total);
        (void)stoa_executor_message(executor, text, (size_t)n);
    }
    (void)stoa_executor_after(executor, 100000000, step, j);
}

static void launch(void *ctx, const struct stoa_task *task)
{
    char text[32] = "";
    (void)ctx;
    if (task->data.n > 0)
        snprintf(text, sizeof text, "%.*s", (int)task->data.n, (const char *)task->data.p);
    if (strcmp(text, "fail") == 0) {
        tell(task->task_id, STOA_TASK_FAILED, "told to fail");
        return;
    }
    struct job *j = calloc(1, sizeof *j);
    if (j == NULL)
        abort();
    snprintf(j->task_id, sizeof j->task_id, "%s", task->task_id);
    for (const char *c = text; *c >= '0' && *c <= '9' && j->total < 1000000; c++)
        j->total = j->total * 10 + (*c - '0');
    if (text[0] == 0)
        j->total = 10;
    j->left = j->total;
    j->next = jobs;
    jobs = j;
    tell(task->task_id, STOA_TASK_RUNNING, NULL);
    (void)stoa_executor_after(executor, 100000000, step, j);
}

static void kill_task(void *ctx, const char *task_id, int64_t grace_ns)
{
    (void)ctx;
    (void)grace_ns;
    for (struct job *j = jobs; j != NULL; j = j->next) {
        if (!j->over && strcmp(j->task_id, task_id) == 0) {
            j->over = 1;
            tell(task_id, STOA_TASK_KILLED, NULL);
        }
    }
}

static void shut_down(void *ctx)
{
    for (struct job *j = jobs; j != NULL; j = j->next)
        kill_task(ctx, j->task_id, 0);
    stoa_executor_stop(executor, 0);
}

int main(void)
{
    char error[256];
    struct stoa_executor_callbacks callbacks = { .launch = launch, .kill = kill_task, .shutdown = shut_down };
    if (stoa_executor_new(&executor, &callbacks, NULL, error, sizeof error) != 0) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    int status = stoa_executor_run(executor);
    stoa_executor_free(executor);
    while (jobs != NULL)
        forget(jobs);
    return status;
}
