/* SPDX-License-Identifier: Apache-2.0 */
/* The driver behind org.apache.mesos.MesosExecutorDriver.
 *
 * executor_natives.c  what Java calls: arguments to jobs
 * executor.c          the driver's life and thread; the SDK's callbacks to Java's */
#ifndef STOA_LIBMESOS_EXECUTOR_H
#define STOA_LIBMESOS_EXECUTOR_H

#include <stoa/executor.h>

#include "libmesos/jvm.h"
#include "libmesos/runner.h"

enum executor_job {
    EXECUTOR_STATUS,  /* bytes of a TaskStatus */
    EXECUTOR_MESSAGE, /* to the scheduler */
    EXECUTOR_STOP
};

struct executor_java {
    struct jvm_message executor_info, framework_info, slave_info, task_info, task_id;
    jclass interface;
    jmethodID registered, reregistered, disconnected, launch, kill, message, shutdown, error;
    jfieldID executor; /* of the driver */
};

struct executor {
    struct runner r;
    struct executor_java java;
    struct stoa_executor *sdk; /* of the thread, and of start() before */
    bool subscribed;           /* has been, at least once */
};

bool executor_java_init(struct executor_java *j, JNIEnv *env, jobject driver);

/* NULL: out of memory. */
struct executor *executor_new(void);
/* Reads the MESOS_* variables. False: why says what is wrong. */
bool executor_open(struct executor *e, char *why, size_t size);

void executor_tell_error(struct executor *e, JNIEnv *env, jobject driver, const char *message);

#endif
