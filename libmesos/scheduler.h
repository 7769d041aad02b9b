/* SPDX-License-Identifier: Apache-2.0 */
/* The driver behind org.apache.mesos.MesosSchedulerDriver.
 *
 * scheduler_natives.c  what Java calls: arguments to jobs
 * scheduler.c          the driver's life and thread: jobs to the SDK
 * scheduler_events.c   the SDK's callbacks to Java's */
#ifndef STOA_LIBMESOS_SCHEDULER_H
#define STOA_LIBMESOS_SCHEDULER_H

#include <stoa/scheduler.h>

#include "libmesos/jvm.h"
#include "libmesos/runner.h"

enum scheduler_job {
    SCHEDULER_CALL,     /* bytes of a scheduler.Call */
    SCHEDULER_SUPPRESS, /* bytes of Call.Suppress, */
    SCHEDULER_REVIVE,   /* of Call.Revive, */
    SCHEDULER_UPDATE,   /* of Call.UpdateFramework */
    SCHEDULER_STOP,     /* the framework stays */
    SCHEDULER_TEARDOWN
};

/* What the callbacks need of Java. */
struct scheduler_java {
    struct jvm_message framework_id, master_info, offer, offer_id, task_status, executor_id, slave_id;
    jclass list, interface; /* java.util.ArrayList, org.apache.mesos.Scheduler: keeps the methods valid */
    jmethodID list_new, list_add;
    jmethodID registered, reregistered, offers, rescinded, update, message, disconnected, slave_lost, executor_lost,
        error;
    jfieldID scheduler; /* of the driver */
};

struct scheduler {
    struct runner r;
    struct scheduler_java java;
    char *master, *principal, *secret; /* the latter two may be NULL */
    struct sbuf framework;             /* FrameworkInfo */
    struct sbuf suppressed;            /* role names as field 1 */
    bool implicit;                     /* acknowledgements */
    struct event_base *base;
    struct event *wake;
    struct stoa_scheduler *sdk; /* of the thread, and of start() before */
    bool stopping;              /* the SDK was told to end */
    bool late;                  /* TEARDOWN was asked for after that */
    bool refused;               /* the master has ended the framework by ERROR */
    char framework_id[256];
};

/* Finds classes and methods. False with an exception pending. */
bool scheduler_java_init(struct scheduler_java *j, JNIEnv *env, jobject driver);
void scheduler_java_done(struct scheduler_java *j, JNIEnv *env);

/* Everything but what the caller has then to fill in: master, framework, and so on. NULL: out of memory. */
struct scheduler *scheduler_new(void);
/* Makes the connection's object, which the thread will run. False: *why says what is wrong with master or framework. */
bool scheduler_open(struct scheduler *s, struct stoa_error *why);

/* scheduler_events.c */
extern const struct stoa_callbacks scheduler_callbacks;
/* Tells a TaskStatus to Java and acknowledges it if that is the driver's to do. */
void scheduler_tell_update(struct scheduler *s, struct str status);
void scheduler_tell_error(struct scheduler *s, JNIEnv *env, jobject driver, const char *message);

#endif
