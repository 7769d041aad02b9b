/* SPDX-License-Identifier: Apache-2.0 */
/* What all drivers have in common: a status that every thread may ask for, a thread of our own that runs the event loop
 * and calls Java, and a queue of jobs from Java's threads to it.
 *
 *     NOT_STARTED --start--> RUNNING --abort--> ABORTED
 *                               |                  |
 *                               +------ stop ------+---> STOPPED
 *
 * The thread is a daemon of the virtual machine, as a driver whose program has ended shall not keep it alive. While it
 * lives it holds a reference to the Java driver, so that a driver in use is never collected. It ends soon after the
 * status has left RUNNING. At the process's exit those that have jobs, or are stopped and still have something to
 * send, get up to two seconds.
 *
 * A struct is embedded at the start of a driver's own. It is freed (by kind->free) when Java's object is finalized and the
 * thread is gone. */
#ifndef STOA_LIBMESOS_RUNNER_H
#define STOA_LIBMESOS_RUNNER_H

#include <jni.h>
#include <pthread.h>
#include <stdbool.h>

#include "common/base/str.h"

/* Numbers of mesos.Status. */
enum runner_status { RUNNER_NOT_STARTED = 1, RUNNER_RUNNING = 2, RUNNER_ABORTED = 3, RUNNER_STOPPED = 4 };

/* Work handed over; what kind says is the driver's. */
struct runner_job {
    struct runner_job *next;
    int kind;
    size_t n;
    char bytes[];
};

struct runner;

struct runner_kind {
    const char *thread_name;
    /* The thread: runs the loop until the status is no longer RUNNING and what was to be sent is sent. wake_fd is readable
     * when there are jobs or the status has changed. Called again while there are jobs left. */
    void (*loop)(struct runner *r);
    /* Frees the whole driver but for what is in struct runner. */
    void (*free)(struct runner *r, JNIEnv *env);
};

enum runner_thread {
    RUNNER_IDLE,  /* there is none */
    RUNNER_LIVES,
    RUNNER_SENT   /* nothing is left to send, it ends */
};

struct runner {
    const struct runner_kind *kind;
    pthread_mutex_t mutex; /* of all below but env and self */
    pthread_cond_t changed;
    enum runner_status status;
    enum runner_thread thread;
    pthread_t id;
    bool in_java;  /* the thread is in a callback */
    bool finalized;
    bool busy;     /* between runner_take and runner_taken */
    struct runner_job *first, **last;
    size_t queued_bytes;
    int wake_fd;
    struct runner *next, *prev; /* all that have been started, for the exit */
    JNIEnv *env;                /* the thread's */
    jobject self;               /* global reference to the Java driver while the thread lives */
};

/* Once, when the library is loaded. */
void runner_wait_at_exit(void);

/* False when out of descriptors. */
bool runner_init(struct runner *r, const struct runner_kind *kind);

enum runner_status runner_status(struct runner *r);

/* Starts the thread; false when that is not possible (the status is ABORTED then). NOT_STARTED before. */
bool runner_start(struct runner *r, JNIEnv *env, jobject self);
/* A driver that could not start. */
void runner_failed(struct runner *r);
/* Both return what Java's method has to. stop hands the job over; *ret_was what the status was before. */
enum runner_status runner_abort(struct runner *r);
enum runner_status runner_stop(struct runner *r, int job_kind, enum runner_status *ret_was);
/* After a stop whose job a thread that had ended already will not see: starts it once more, for the job alone. */
void runner_again(struct runner *r, JNIEnv *env, jobject self);
/* Waits until the driver is not RUNNING, and after a stop until all is sent; after an abort for a callback that is at work,
 * five seconds at most. On the driver's own thread it does not wait. */
enum runner_status runner_join(struct runner *r);

/* Copies the bytes into a job if the driver is RUNNING. More than 64 MiB that wait are refused with a line in the log.
 * Returns the status. */
enum runner_status runner_post(struct runner *r, int kind, struct str bytes);
/* For the thread: all jobs, in order; each is freed by free(). Empties wake_fd. runner_taken when they are done. */
struct runner_job *runner_take(struct runner *r);
void runner_taken(struct runner *r);

/* Around every call into Java, on the thread. False: the driver no longer runs, nothing may be told.
 * runner_leave gives back local references; an exception that is pending then aborts the driver; true when there was
 * none. */
bool runner_enter(struct runner *r, int references);
bool runner_leave(struct runner *r);

/* The Java object is finalized. */
void runner_finalize(struct runner *r, JNIEnv *env);

/* One line on stderr, where Java programs expect the native library's log. level 0 error, 1 warning, 2 information;
 * MESOS_QUIET silences information, MESOS_LOGGING_LEVEL chooses. */
void runner_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
