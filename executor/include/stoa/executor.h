/* SPDX-License-Identifier: Apache-2.0 */
/* libstoa-executor: write an executor for Stoa or Apache Mesos in C.
 *
 * The library subscribes at the agent that started this process (from the MESOS_* variables), keeps every status update
 * until the agent has it, reconnects to a restarted agent, and calls you. It has one loop and no threads: either give it
 * the program (stoa_executor_run), or watch stoa_executor_fd in a loop of your own and call stoa_executor_process.
 *
 *     static void launch(void *ctx, const struct stoa_task *task)
 *     {
 *         struct stoa_executor *e = *(struct stoa_executor **)ctx;
 *         stoa_executor_update(e, &(struct stoa_update){ .task_id = task->task_id, .state = STOA_TASK_RUNNING });
 *         ... work ...
 *         stoa_executor_update(e, &(struct stoa_update){ .task_id = task->task_id, .state = STOA_TASK_FINISHED });
 *     }
 *
 * Link with `pkg-config --libs stoa-executor`. Functions that return int give 0 or a negative number; stoa_executor_error
 * then tells what was wrong. Callbacks come from stoa_executor_run or stoa_executor_process and may call everything but
 * stoa_executor_free. Pointers given to a callback are valid until it returns. Messages are given as the bytes of their
 * protobuf (packages mesos.v1 and mesos.v1.executor), for whoever wants more than the fields named here. */
#ifndef STOA_EXECUTOR_H
#define STOA_EXECUTOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STOA_API __attribute__((visibility("default")))

struct stoa_executor;

/* As TaskState. */
enum stoa_task_state {
    STOA_TASK_STARTING = 0,
    STOA_TASK_RUNNING = 1,
    STOA_TASK_FINISHED = 2,
    STOA_TASK_FAILED = 3,
    STOA_TASK_KILLED = 4,
    STOA_TASK_ERROR = 7,
    STOA_TASK_KILLING = 8,
};

struct stoa_bytes {
    const void *p;
    size_t n;
};

struct stoa_task {
    const char *task_id;
    const char *name;
    struct stoa_bytes data; /* TaskInfo.data */
    struct stoa_bytes info; /* mesos.v1.TaskInfo */
};

enum stoa_health { STOA_HEALTH_UNSET = 0, STOA_HEALTHY = 1, STOA_UNHEALTHY = 2 };

struct stoa_update {
    const char *task_id;
    int state;                    /* enum stoa_task_state */
    const char *message;          /* NULL: none */
    int reason;                   /* number of TaskStatus.Reason; 0: none */
    enum stoa_health health;
    struct stoa_bytes data;       /* p NULL: none */
    struct stoa_bytes labels;     /* mesos.v1.Labels */
};

/* Every member may be NULL. */
struct stoa_executor_callbacks {
    void (*subscribed)(void *ctx, struct stoa_bytes subscribed); /* Event.Subscribed; also after a reconnect */
    void (*disconnected)(void *ctx);
    void (*launch)(void *ctx, const struct stoa_task *task);
    void (*launch_group)(void *ctx, const struct stoa_task *tasks, size_t count);
    void (*kill)(void *ctx, const char *task_id, int64_t grace_ns); /* -1: not said */
    void (*acknowledged)(void *ctx, const char *task_id, const unsigned char uuid[16]);
    void (*message)(void *ctx, struct stoa_bytes data);
    /* Kill the tasks, send their last updates, and call stoa_executor_stop. Whoever has not stopped when the grace period
     * is over is killed with its process group. NULL: stops at once. */
    void (*shutdown)(void *ctx);
    void (*error)(void *ctx, const char *message); /* fatal; shutdown follows */
};

/* Reads the MESOS_* variables. On failure *ret is NULL and error (may be NULL) gets the reason. */
STOA_API int stoa_executor_new(struct stoa_executor **ret, const struct stoa_executor_callbacks *callbacks, void *ctx,
                               char *error, size_t error_size);
STOA_API void stoa_executor_free(struct stoa_executor *e); /* NULL is fine */

/* Runs until stoa_executor_stop; returns its status. */
STOA_API int stoa_executor_run(struct stoa_executor *e);
/* Ends run once the updates that were sent are acknowledged, but after 60 s in any case. */
STOA_API void stoa_executor_stop(struct stoa_executor *e, int status);
/* For a loop of your own: readable when stoa_executor_process has something to do; it never blocks. Returns 1 while
 * there is more to come, 0 after stop is complete. The first call starts the subscription. */
STOA_API int stoa_executor_fd(struct stoa_executor *e);
STOA_API int stoa_executor_process(struct stoa_executor *e);

/* Sends a status update, now or when the agent is back. The uuid, source and time are the library's. */
STOA_API int stoa_executor_update(struct stoa_executor *e, const struct stoa_update *update);
/* The same from the bytes of a mesos.v1.TaskStatus: whatever it has beside task_id and state goes along; its uuid, source,
 * executor_id and timestamp are replaced. */
STOA_API int stoa_executor_status(struct stoa_executor *e, const void *status, size_t n);
/* To the scheduler, best effort: lost when the agent is away. */
STOA_API int stoa_executor_message(struct stoa_executor *e, const void *data, size_t n);
STOA_API size_t stoa_executor_unacknowledged(const struct stoa_executor *e);
STOA_API const char *stoa_executor_error(const struct stoa_executor *e);

/* Conveniences of run's loop. A timer fires once. A watched descriptor calls while it is readable; fn NULL ends it. */
STOA_API int stoa_executor_after(struct stoa_executor *e, int64_t ns, void (*fn)(void *arg), void *arg);
STOA_API int stoa_executor_watch(struct stoa_executor *e, int fd, void (*fn)(void *arg, int fd), void *arg);

#ifdef __cplusplus
}
#endif
#endif
