/* SPDX-License-Identifier: Apache-2.0 */
/* The natives of org.apache.mesos.v1.scheduler.V1Mesos and V0Mesos. The two differ for Java in the protocol that they once
 * spoke; here both speak the same. */
#include "libmesos/native.h"
#include "libmesos/v1.h"

static const char field[] = "__mesos";

static void initialize(JNIEnv *env, jobject self)
{
    struct v1 *m = v1_new();

    if (m == NULL) {
        jvm_throw(env, "java/lang/OutOfMemoryError", "no memory or no descriptor for the scheduler");
        return;
    }
    if (!v1_java_init(&m->java, env, self) ||
        !native_master(env, self, "Lorg/apache/mesos/v1/Protos$Credential;", &m->master, &m->principal, &m->secret)) {
        jthrowable why = (*env)->ExceptionOccurred(env);

        (*env)->ExceptionClear(env);
        runner_finalize(&m->r, env);
        if (why != NULL)
            (void)(*env)->Throw(env, why);
        return;
    }
    native_set(env, self, field, m);
    (void)runner_start(&m->r, env, self);
}

static void finalize(JNIEnv *env, jobject self)
{
    struct v1 *m = native_peek(env, self, field);

    if (m == NULL)
        return;
    native_set(env, self, field, NULL);
    runner_finalize(&m->r, env);
}

static void send(JNIEnv *env, jobject self, jobject call)
{
    struct v1 *m = native_get(env, self, field);
    struct sbuf b = SBUF_INIT(JVM_MESSAGE_MAX);

    if (m != NULL && jvm_add_message(env, &b, call, "call"))
        (void)runner_post(&m->r, V1_CALL, sbuf_view(&b));
    sbuf_done(&b);
}

#define MESOS_NATIVES(class)                                                                                       \
    NATIVE(void, v1_scheduler_##class, initialize, )(JNIEnv *env, jobject self)                                    \
    {                                                                                                              \
        initialize(env, self);                                                                                     \
    }                                                                                                              \
    NATIVE(void, v1_scheduler_##class, finalize, )(JNIEnv *env, jobject self)                                      \
    {                                                                                                              \
        finalize(env, self);                                                                                       \
    }                                                                                                              \
    NATIVE(void, v1_scheduler_##class, send, Lorg_apache_mesos_v1_scheduler_Protos_00024Call_2)                    \
    (JNIEnv *env, jobject self, jobject call)                                                                      \
    {                                                                                                              \
        send(env, self, call);                                                                                     \
    }

MESOS_NATIVES(V1Mesos)
MESOS_NATIVES(V0Mesos)

NATIVE(void, v1_scheduler_V1Mesos, reconnect, )(JNIEnv *env, jobject self)
{
    struct v1 *m = native_get(env, self, field);

    if (m != NULL)
        (void)runner_post(&m->r, V1_RECONNECT, (struct str){ NULL, 0 });
}
