/* SPDX-License-Identifier: Apache-2.0 */
#include "libmesos/executor.h"

#include <stdlib.h>

#include "common/wire/field.h"

enum { REFERENCES = 16 };

/* --- classes ------------------------------------------------------------------------------------------- */

#define DRIVER "Lorg/apache/mesos/ExecutorDriver;"
#define PROTO(name) "Lorg/apache/mesos/Protos$" name ";"

static bool find_callbacks(struct executor_java *j, JNIEnv *env)
{
    const struct {
        jmethodID *method;
        const char *name, *signature;
    } list[] = {
        { &j->registered, "registered", "(" DRIVER PROTO("ExecutorInfo") PROTO("FrameworkInfo") PROTO("SlaveInfo") ")V" },
        { &j->reregistered, "reregistered", "(" DRIVER PROTO("SlaveInfo") ")V" },
        { &j->disconnected, "disconnected", "(" DRIVER ")V" },
        { &j->launch, "launchTask", "(" DRIVER PROTO("TaskInfo") ")V" },
        { &j->kill, "killTask", "(" DRIVER PROTO("TaskID") ")V" },
        { &j->message, "frameworkMessage", "(" DRIVER "[B)V" },
        { &j->shutdown, "shutdown", "(" DRIVER ")V" },
        { &j->error, "error", "(" DRIVER "Ljava/lang/String;)V" },
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        *list[i].method = (*env)->GetMethodID(env, j->interface, list[i].name, list[i].signature);
        if (*list[i].method == NULL)
            return false;
    }
    return true;
}

bool executor_java_init(struct executor_java *j, JNIEnv *env, jobject driver)
{
    jclass class = (*env)->GetObjectClass(env, driver);

    j->executor = (*env)->GetFieldID(env, class, "executor", "Lorg/apache/mesos/Executor;");
    (*env)->DeleteLocalRef(env, class);
    if (j->executor == NULL)
        return false;
    j->interface = jvm_class(env, "org/apache/mesos/Executor");
    return j->interface != NULL && find_callbacks(j, env) &&
           jvm_message_class(env, "org/apache/mesos/Protos$ExecutorInfo", &j->executor_info) &&
           jvm_message_class(env, "org/apache/mesos/Protos$FrameworkInfo", &j->framework_info) &&
           jvm_message_class(env, "org/apache/mesos/Protos$SlaveInfo", &j->slave_info) &&
           jvm_message_class(env, "org/apache/mesos/Protos$TaskInfo", &j->task_info) &&
           jvm_message_class(env, "org/apache/mesos/Protos$TaskID", &j->task_id);
}

static void java_done(struct executor_java *j, JNIEnv *env)
{
    jvm_message_done(env, &j->executor_info);
    jvm_message_done(env, &j->framework_info);
    jvm_message_done(env, &j->slave_info);
    jvm_message_done(env, &j->task_info);
    jvm_message_done(env, &j->task_id);
    if (j->interface != NULL)
        (*env)->DeleteGlobalRef(env, j->interface);
}

/* --- callbacks ----------------------------------------------------------------------------------------- */

static jobject target(struct executor *e)
{
    return (*e->r.env)->GetObjectField(e->r.env, e->r.self, e->java.executor);
}

static void on_subscribed(void *ctx, struct stoa_bytes bytes)
{
    struct executor *e = ctx;
    JNIEnv *env = e->r.env;
    struct str subscribed = str_mem(bytes.p, bytes.n);
    jobject executor, framework, slave;

    if (!runner_enter(&e->r, REFERENCES))
        return;
    slave = jvm_parse(env, &e->java.slave_info, wire_field_bytes(subscribed, 3));
    if (slave != NULL && e->subscribed) {
        (*env)->CallVoidMethod(env, target(e), e->java.reregistered, e->r.self, slave);
    } else if (slave != NULL) {
        executor = jvm_parse(env, &e->java.executor_info, wire_field_bytes(subscribed, 1));
        framework = executor != NULL ? jvm_parse(env, &e->java.framework_info, wire_field_bytes(subscribed, 2)) : NULL;
        if (framework != NULL)
            (*env)->CallVoidMethod(env, target(e), e->java.registered, e->r.self, executor, framework, slave);
    }
    e->subscribed = true;
    (void)runner_leave(&e->r);
}

static void on_disconnected(void *ctx)
{
    struct executor *e = ctx;

    if (!e->subscribed || !runner_enter(&e->r, REFERENCES))
        return;
    (*e->r.env)->CallVoidMethod(e->r.env, target(e), e->java.disconnected, e->r.self);
    (void)runner_leave(&e->r);
}

static void on_launch(void *ctx, const struct stoa_task *task)
{
    struct executor *e = ctx;
    jobject info;

    if (!runner_enter(&e->r, REFERENCES))
        return;
    info = jvm_parse(e->r.env, &e->java.task_info, str_mem(task->info.p, task->info.n));
    if (info != NULL)
        (*e->r.env)->CallVoidMethod(e->r.env, target(e), e->java.launch, e->r.self, info);
    (void)runner_leave(&e->r);
}

/* These executors know no groups: each task by itself. */
static void on_launch_group(void *ctx, const struct stoa_task *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        on_launch(ctx, &tasks[i]);
}

static void on_kill(void *ctx, const char *task_id, int64_t grace_ns)
{
    struct executor *e = ctx;
    jobject id;

    (void)grace_ns; /* it is in the TaskInfo too; the callback has no argument for it */
    if (!runner_enter(&e->r, REFERENCES))
        return;
    id = jvm_parse_id(e->r.env, &e->java.task_id, str_of(task_id));
    if (id != NULL)
        (*e->r.env)->CallVoidMethod(e->r.env, target(e), e->java.kill, e->r.self, id);
    (void)runner_leave(&e->r);
}

static void on_message(void *ctx, struct stoa_bytes data)
{
    struct executor *e = ctx;
    jbyteArray bytes;

    if (!runner_enter(&e->r, REFERENCES))
        return;
    bytes = jvm_bytes(e->r.env, str_mem(data.p, data.n));
    if (bytes != NULL)
        (*e->r.env)->CallVoidMethod(e->r.env, target(e), e->java.message, e->r.self, bytes);
    (void)runner_leave(&e->r);
}

/* The callback kills its tasks and calls stop(); what does not leave in time the SDK kills. */
static void on_shutdown(void *ctx)
{
    struct executor *e = ctx;

    if (!runner_enter(&e->r, REFERENCES))
        return;
    (*e->r.env)->CallVoidMethod(e->r.env, target(e), e->java.shutdown, e->r.self);
    (void)runner_leave(&e->r);
}

void executor_tell_error(struct executor *e, JNIEnv *env, jobject driver, const char *message)
{
    jobject executor = (*env)->GetObjectField(env, driver, e->java.executor);
    jstring text = jvm_string(env, message);

    if (text != NULL)
        (*env)->CallVoidMethod(env, executor, e->java.error, driver, text);
    (*env)->DeleteLocalRef(env, text);
    (*env)->DeleteLocalRef(env, executor);
}

/* Java hears of it when the driver is aborted already. */
static void fail(struct executor *e, const char *message)
{
    runner_log(0, "%s", message);
    if (!runner_enter(&e->r, REFERENCES))
        return;
    (void)runner_abort(&e->r);
    executor_tell_error(e, e->r.env, e->r.self, message);
    (void)runner_leave(&e->r);
}

static void on_error(void *ctx, const char *message)
{
    fail(ctx, message);
}

/* --- jobs and life ------------------------------------------------------------------------------------- */

static void run_job(struct executor *e, const struct runner_job *j)
{
    switch ((enum executor_job)j->kind) {
    case EXECUTOR_STATUS:
        if (stoa_executor_status(e->sdk, j->bytes, j->n) != 0)
            fail(e, stoa_executor_error(e->sdk)); /* TASK_STAGING, say: a bug of the executor */
        break;
    case EXECUTOR_MESSAGE:
        if (stoa_executor_message(e->sdk, j->bytes, j->n) != 0)
            runner_log(1, "%s", stoa_executor_error(e->sdk));
        break;
    case EXECUTOR_STOP:
        stoa_executor_stop(e->sdk, 0);
        break;
    }
}

static void on_wake(void *arg, int fd)
{
    struct executor *e = arg;
    struct runner_job *j = runner_take(&e->r), *next;

    (void)fd;
    for (; j != NULL; j = next) {
        next = j->next;
        run_job(e, j);
        free(j);
    }
    runner_taken(&e->r);
    if (runner_status(&e->r) == RUNNER_ABORTED)
        stoa_executor_stop(e->sdk, 1);
}

static void executor_loop(struct runner *r)
{
    struct executor *e = (struct executor *)r;
    struct runner_job *j, *next;

    if (e->sdk != NULL)
        (void)stoa_executor_run(e->sdk);
    stoa_executor_free(e->sdk);
    e->sdk = NULL;
    for (j = runner_take(r); j != NULL; j = next) {
        next = j->next;
        free(j);
    }
    runner_taken(r);
}

static void executor_free(struct runner *r, JNIEnv *env)
{
    struct executor *e = (struct executor *)r;

    stoa_executor_free(e->sdk);
    java_done(&e->java, env);
    free(e);
}

struct executor *executor_new(void)
{
    static const struct runner_kind kind = { "mesos-executor-driver", executor_loop, executor_free };
    struct executor *e = calloc(1, sizeof *e);

    if (e != NULL && runner_init(&e->r, &kind))
        return e;
    free(e);
    return NULL;
}

bool executor_open(struct executor *e, char *why, size_t size)
{
    static const struct stoa_executor_callbacks callbacks = {
        .subscribed = on_subscribed,
        .disconnected = on_disconnected,
        .launch = on_launch,
        .launch_group = on_launch_group,
        .kill = on_kill,
        .message = on_message,
        .shutdown = on_shutdown,
        .error = on_error,
    };

    return stoa_executor_new(&e->sdk, &callbacks, e, why, size) == 0 &&
           stoa_executor_watch(e->sdk, e->r.wake_fd, on_wake, e) == 0;
}
