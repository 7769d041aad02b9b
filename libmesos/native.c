/* SPDX-License-Identifier: Apache-2.0 */
/* Loading, the version, and the field of a Java object that holds its native half. */
#include "libmesos/native.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stoa/scheduler.h>

#include "common/wire/field.h"
#include "libmesos/jvm.h"
#include "libmesos/runner.h"

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved)
{
    (void)reserved;
    jvm = vm;
    /* Our threads may be at work while the process leaves: OpenSSL must not tear itself down under them. */
    (void)OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
    runner_wait_at_exit();
    return JNI_VERSION_1_6;
}

static jfieldID find(JNIEnv *env, jobject object, const char *field)
{
    jclass class = (*env)->GetObjectClass(env, object);
    jfieldID id = (*env)->GetFieldID(env, class, field, "J");

    (*env)->DeleteLocalRef(env, class);
    return id;
}

void *native_peek(JNIEnv *env, jobject object, const char *field)
{
    jfieldID id = find(env, object, field);

    if (id == NULL)
        return NULL;
    return (void *)(uintptr_t)(*env)->GetLongField(env, object, id); /* NOLINT: a long is what Java offers */
}

void *native_get(JNIEnv *env, jobject object, const char *field)
{
    void *p = native_peek(env, object, field);

    if (p == NULL && !(*env)->ExceptionCheck(env))
        jvm_throw(env, "java/lang/IllegalStateException", "the driver has no native part: it is finalized");
    return p;
}

void native_set(JNIEnv *env, jobject object, const char *field, void *p)
{
    jfieldID id = find(env, object, field);

    if (id != NULL)
        (*env)->SetLongField(env, object, id, (jlong)(uintptr_t)p);
}

static bool take_credential(JNIEnv *env, jobject object, const char *signature, char **ret_principal, char **ret_secret)
{
    struct sbuf b = SBUF_INIT(JVM_MESSAGE_MAX);
    struct str secret;
    jobject credential;
    bool ok = jvm_field(env, object, "credential", signature, &credential);

    if (!ok || credential == NULL)
        return ok;
    ok = jvm_add_message(env, &b, credential, "credential");
    (*env)->DeleteLocalRef(env, credential);
    secret = wire_field_bytes(sbuf_view(&b), 2);
    if (ok && secret.p != NULL) {
        *ret_principal = str_dup(wire_field_bytes(sbuf_view(&b), 1));
        *ret_secret = str_dup(secret);
    }
    sbuf_done(&b);
    return ok;
}

bool native_master(JNIEnv *env, jobject object, const char *credential, char **ret_master, char **ret_principal,
                   char **ret_secret)
{
    struct sbuf b = SBUF_INIT(JVM_MESSAGE_MAX);
    jobject master;
    bool ok = jvm_field(env, object, "master", "Ljava/lang/String;", &master) && jvm_add_string(env, &b, master, "master");

    (*env)->DeleteLocalRef(env, master);
    if (ok)
        *ret_master = str_dup(sbuf_view(&b));
    sbuf_done(&b);
    return ok && take_credential(env, object, credential, ret_principal, ret_secret);
}

/* Major, minor and patch of the version whose API is served. */
NATIVE(jobject, MesosNativeLibrary, _1version, )(JNIEnv *env, jclass library)
{
    jclass class = (*env)->FindClass(env, "org/apache/mesos/MesosNativeLibrary$Version");
    jmethodID make = class != NULL ? (*env)->GetMethodID(env, class, "<init>", "(JJJ)V") : NULL;
    struct str rest = str_of(stoa_version()), part;
    uint64_t v[3] = { 0, 0, 0 };

    (void)library;
    for (size_t i = 0; i < 3; i++) {
        (void)str_cut(&rest, '.', &part);
        (void)str_u64(&part, 1000000, &v[i]);
    }
    if (make == NULL)
        return NULL;
    return (*env)->NewObject(env, class, make, (jlong)v[0], (jlong)v[1], (jlong)v[2]);
}
