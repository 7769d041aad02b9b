/* SPDX-License-Identifier: Apache-2.0 */
/* The natives of org.apache.mesos.MesosExecutorDriver. */
#include "libmesos/executor.h"
#include "libmesos/native.h"

static const char field[] = "__driver";

#define DRIVER_NATIVE(ret, name, args) NATIVE(ret, MesosExecutorDriver, name, args)
#define STATUS_OF(env, n) jvm_status(env, (int)(n))

DRIVER_NATIVE(void, initialize, )(JNIEnv *env, jobject self)
{
    struct executor *e = executor_new();

    if (e == NULL) {
        jvm_throw(env, "java/lang/OutOfMemoryError", "no memory or no descriptor for the driver");
        return;
    }
    if (!executor_java_init(&e->java, env, self)) {
        jthrowable why = (*env)->ExceptionOccurred(env);

        (*env)->ExceptionClear(env);
        runner_finalize(&e->r, env);
        if (why != NULL)
            (void)(*env)->Throw(env, why);
        return;
    }
    native_set(env, self, field, e);
}

DRIVER_NATIVE(void, finalize, )(JNIEnv *env, jobject self)
{
    struct executor *e = native_peek(env, self, field);

    if (e == NULL)
        return;
    native_set(env, self, field, NULL);
    runner_finalize(&e->r, env);
}

DRIVER_NATIVE(jobject, start, )(JNIEnv *env, jobject self)
{
    struct executor *e = native_get(env, self, field);
    char why[256];

    if (e == NULL)
        return NULL;
    if (runner_status(&e->r) != RUNNER_NOT_STARTED)
        return STATUS_OF(env, runner_status(&e->r));
    if (executor_open(e, why, sizeof why)) {
        (void)runner_start(&e->r, env, self);
    } else {
        runner_failed(&e->r);
        runner_log(0, "%s", why);
        executor_tell_error(e, env, self, why);
    }
    return STATUS_OF(env, runner_status(&e->r));
}

DRIVER_NATIVE(jobject, stop, )(JNIEnv *env, jobject self)
{
    struct executor *e = native_get(env, self, field);
    enum runner_status was;

    return e != NULL ? STATUS_OF(env, runner_stop(&e->r, EXECUTOR_STOP, &was)) : NULL;
}

DRIVER_NATIVE(jobject, abort, )(JNIEnv *env, jobject self)
{
    struct executor *e = native_get(env, self, field);

    return e != NULL ? STATUS_OF(env, runner_abort(&e->r)) : NULL;
}

DRIVER_NATIVE(jobject, join, )(JNIEnv *env, jobject self)
{
    struct executor *e = native_get(env, self, field);

    return e != NULL ? STATUS_OF(env, runner_join(&e->r)) : NULL;
}

/* ok false: an exception is pending. */
static jobject post(JNIEnv *env, struct executor *e, enum executor_job kind, struct sbuf *b, bool ok)
{
    jobject status = ok ? STATUS_OF(env, runner_post(&e->r, (int)kind, sbuf_view(b))) : NULL;

    sbuf_done(b);
    return status;
}

DRIVER_NATIVE(jobject, sendStatusUpdate, Lorg_apache_mesos_Protos_00024TaskStatus_2)
(JNIEnv *env, jobject self, jobject status)
{
    struct executor *e = native_get(env, self, field);
    struct sbuf b = SBUF_INIT(JVM_MESSAGE_MAX);

    return e != NULL ? post(env, e, EXECUTOR_STATUS, &b, jvm_add_message(env, &b, status, "status")) : NULL;
}

DRIVER_NATIVE(jobject, sendFrameworkMessage, _3B)(JNIEnv *env, jobject self, jbyteArray data)
{
    struct executor *e = native_get(env, self, field);
    struct sbuf b = SBUF_INIT(JVM_MESSAGE_MAX);

    return e != NULL ? post(env, e, EXECUTOR_MESSAGE, &b, jvm_add_bytes(env, &b, data, "data")) : NULL;
}
