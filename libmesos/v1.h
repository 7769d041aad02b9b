/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind org.apache.mesos.v1.scheduler.V1Mesos and V0Mesos: calls and events of the v1 API, with the subscription in
 * the program's hands.
 *
 * The program is told `connected` and sends SUBSCRIBE; only then is there a connection, which the SDK keeps trying to make. When it
 * is lost, `disconnected` is told, and `connected` again a little later. It ends with TEARDOWN, or with the process.
 *
 * v1_natives.c  what Java calls
 * v1.c          the thread */
#ifndef STOA_LIBMESOS_V1_H
#define STOA_LIBMESOS_V1_H

#include <stoa/scheduler.h>

#include "libmesos/jvm.h"
#include "libmesos/runner.h"

enum v1_job { V1_CALL, V1_RECONNECT };

struct v1_java {
    struct jvm_message event;
    jclass interface;
    jmethodID connected, disconnected, received;
    jfieldID scheduler; /* of the Java object */
};

struct v1 {
    struct runner r;
    struct v1_java java;
    char *master, *principal, *secret;
    struct event_base *base;
    struct event *wake, *again; /* again: fires when connected is to be told */
    struct stoa_scheduler *sdk; /* NULL: the program has not subscribed */
    bool lost;                  /* the connection is gone: to be said, and the SDK's object freed */
    bool error_told;            /* the master's ERROR event */
    bool ended;                 /* TEARDOWN is on its way */
};

bool v1_java_init(struct v1_java *j, JNIEnv *env, jobject mesos);
/* NULL: out of memory. */
struct v1 *v1_new(void);

#endif
