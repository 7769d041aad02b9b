/* SPDX-License-Identifier: Apache-2.0 */
#include "libmesos/runner.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libmesos/jvm.h"

enum { EXIT_WAIT_S = 2, CALLBACK_WAIT_S = 5, STACK_BYTES = 8 << 20 };

static pthread_mutex_t all_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct runner *all; /* whose thread lives */

/* --- the log ------------------------------------------------------------------------------------------- */

static int log_level(void)
{
    const char *quiet = getenv("MESOS_QUIET"), *level = getenv("MESOS_LOGGING_LEVEL");

    if (level != NULL && strcmp(level, "ERROR") == 0)
        return 0;
    if ((level != NULL && strcmp(level, "WARNING") == 0) ||
        (quiet != NULL && (strcmp(quiet, "1") == 0 || strcmp(quiet, "true") == 0)))
        return 1;
    return 2;
}

void runner_log(int level, const char *fmt, ...)
{
    char line[700];
    struct timespec now;
    struct tm tm;
    va_list ap;
    int n;

    if (level > log_level())
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)localtime_r(&now.tv_sec, &tm);
    n = snprintf(line, sizeof line, "%c%02d%02d %02d:%02d:%02d.%06ld %5ld libmesos] ", "EWI"[level], tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000, syscall(SYS_gettid));
    va_start(ap, fmt);
    (void)vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "%s\n", line);
}

/* --- the list of all, and the exit of the process ------------------------------------------------------------- */

static void list_add(struct runner *r)
{
    (void)pthread_mutex_lock(&all_mutex);
    r->prev = NULL;
    r->next = all;
    if (all != NULL)
        all->prev = r;
    all = r;
    (void)pthread_mutex_unlock(&all_mutex);
}

static void list_remove(struct runner *r)
{
    (void)pthread_mutex_lock(&all_mutex);
    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        all = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    (void)pthread_mutex_unlock(&all_mutex);
}

/* A TEARDOWN, or an executor's last update, may still be on its way when a program leaves right after stop(). The thread
 * needs nothing of the virtual machine for that. all_mutex keeps the runners alive meanwhile. */
static void at_exit(void)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += EXIT_WAIT_S;
    (void)pthread_mutex_lock(&all_mutex);
    for (struct runner *r = all; r != NULL; r = r->next) {
        int rc = 0;

        (void)pthread_mutex_lock(&r->mutex);
        while (rc == 0 && r->thread == RUNNER_LIVES && !r->in_java &&
               (r->status != RUNNER_RUNNING || r->first != NULL || r->busy))
            rc = pthread_cond_timedwait(&r->changed, &r->mutex, &until);
        (void)pthread_mutex_unlock(&r->mutex);
    }
    (void)pthread_mutex_unlock(&all_mutex);
}

void runner_wait_at_exit(void)
{
    (void)atexit(at_exit);
}

/* --- life ---------------------------------------------------------------------------------------------- */

bool runner_init(struct runner *r, const struct runner_kind *kind)
{
    *r = (struct runner){ .kind = kind, .status = RUNNER_NOT_STARTED, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    r->last = &r->first;
    (void)pthread_mutex_init(&r->mutex, NULL);
    (void)pthread_cond_init(&r->changed, NULL);
    return r->wake_fd >= 0;
}

static void free_jobs(struct runner_job *j)
{
    while (j != NULL) {
        struct runner_job *next = j->next;

        free(j);
        j = next;
    }
}

static void runner_free(struct runner *r, JNIEnv *env)
{
    free_jobs(r->first);
    if (r->wake_fd >= 0)
        (void)close(r->wake_fd);
    (void)pthread_mutex_destroy(&r->mutex);
    (void)pthread_cond_destroy(&r->changed);
    r->kind->free(r, env);
}

void runner_finalize(struct runner *r, JNIEnv *env)
{
    bool idle;

    (void)pthread_mutex_lock(&r->mutex);
    r->finalized = true;
    idle = r->thread == RUNNER_IDLE;
    (void)pthread_mutex_unlock(&r->mutex);
    if (idle)
        runner_free(r, env);
}

enum runner_status runner_status(struct runner *r)
{
    enum runner_status status;

    (void)pthread_mutex_lock(&r->mutex);
    status = r->status;
    (void)pthread_mutex_unlock(&r->mutex);
    return status;
}

/* With the mutex held. */
static void wake(struct runner *r)
{
    uint64_t one = 1;

    (void)pthread_cond_broadcast(&r->changed);
    (void)!write(r->wake_fd, &one, sizeof one); /* full is readable too */
}

static void set_thread(struct runner *r, enum runner_thread state)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->thread = state;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* True when there is nothing left to do. */
static bool finish(struct runner *r)
{
    bool done;

    (void)pthread_mutex_lock(&r->mutex);
    done = r->first == NULL;
    if (done)
        r->thread = RUNNER_SENT;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
    return done;
}

static void *thread_main(void *arg)
{
    struct runner *r = arg;
    JavaVMAttachArgs attach = { .version = JNI_VERSION_1_6, .name = (char *)(uintptr_t)r->kind->thread_name };
    bool finalized;

    if ((*jvm)->AttachCurrentThreadAsDaemon(jvm, (void **)&r->env, &attach) != JNI_OK) {
        runner_log(0, "the virtual machine takes no thread for the driver");
        (void)runner_abort(r);
        set_thread(r, RUNNER_SENT);
        list_remove(r);
        return NULL; /* the driver stays in memory: there is no way to release its references */
    }
    do
        r->kind->loop(r);
    while (!finish(r));
    list_remove(r);
    (*r->env)->DeleteGlobalRef(r->env, r->self);
    r->self = NULL;
    (void)pthread_mutex_lock(&r->mutex);
    r->thread = RUNNER_IDLE;
    (void)pthread_cond_broadcast(&r->changed);
    finalized = r->finalized;
    (void)pthread_mutex_unlock(&r->mutex);
    if (finalized)
        runner_free(r, r->env);
    (void)(*jvm)->DetachCurrentThread(jvm);
    return NULL;
}

/* With the mutex held and no thread. */
static bool start_thread(struct runner *r, JNIEnv *env, jobject self)
{
    pthread_attr_t attr;
    int rc;

    r->self = (*env)->NewGlobalRef(env, self);
    r->thread = RUNNER_LIVES;
    list_add(r);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
    rc = pthread_create(&r->id, &attr, thread_main, r);
    (void)pthread_attr_destroy(&attr);
    if (rc == 0)
        return true;
    runner_log(0, "no thread for the driver: %s", strerror(rc));
    list_remove(r);
    r->thread = RUNNER_IDLE;
    (*env)->DeleteGlobalRef(env, r->self);
    r->self = NULL;
    return false;
}

bool runner_start(struct runner *r, JNIEnv *env, jobject self)
{
    bool ok;

    (void)pthread_mutex_lock(&r->mutex);
    ok = start_thread(r, env, self);
    r->status = ok ? RUNNER_RUNNING : RUNNER_ABORTED;
    (void)pthread_mutex_unlock(&r->mutex);
    return ok;
}

void runner_again(struct runner *r, JNIEnv *env, jobject self)
{
    (void)pthread_mutex_lock(&r->mutex);
    while (r->thread == RUNNER_SENT)
        (void)pthread_cond_wait(&r->changed, &r->mutex);
    if (r->thread == RUNNER_IDLE)
        (void)start_thread(r, env, self);
    (void)pthread_mutex_unlock(&r->mutex);
}

void runner_failed(struct runner *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->status = RUNNER_ABORTED;
    (void)pthread_mutex_unlock(&r->mutex);
}

enum runner_status runner_abort(struct runner *r)
{
    enum runner_status status;

    (void)pthread_mutex_lock(&r->mutex);
    if (r->status == RUNNER_RUNNING) {
        r->status = RUNNER_ABORTED;
        wake(r);
    }
    status = r->status;
    (void)pthread_mutex_unlock(&r->mutex);
    return status;
}

/* The callback error() begins when the driver is aborted already. A program that leaves when join returns shall have been
 * told; but not one whose callback waits for just that. With the mutex held. */
static void wait_for_callback(struct runner *r)
{
    struct timespec until;
    int rc = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CALLBACK_WAIT_S;
    while (rc == 0 && r->status == RUNNER_ABORTED && r->thread == RUNNER_LIVES && r->in_java)
        rc = pthread_cond_timedwait(&r->changed, &r->mutex, &until);
}

enum runner_status runner_join(struct runner *r)
{
    enum runner_status status;

    (void)pthread_mutex_lock(&r->mutex);
    if (r->thread == RUNNER_LIVES && pthread_equal(r->id, pthread_self())) {
        if (r->status == RUNNER_RUNNING)
            runner_log(0, "join() in a callback would wait for itself; it returns at once");
    } else {
        while (r->status == RUNNER_RUNNING || (r->status == RUNNER_STOPPED && r->thread == RUNNER_LIVES))
            (void)pthread_cond_wait(&r->changed, &r->mutex);
        wait_for_callback(r);
    }
    status = r->status;
    (void)pthread_mutex_unlock(&r->mutex);
    return status;
}

/* --- jobs ---------------------------------------------------------------------------------------------- */

/* With the mutex held. */
static void push(struct runner *r, struct runner_job *j)
{
    *r->last = j;
    r->last = &j->next;
    r->queued_bytes += j->n;
    wake(r);
}

static struct runner_job *new_job(int kind, struct str bytes)
{
    struct runner_job *j = malloc(sizeof *j + bytes.n);

    if (j == NULL) {
        runner_log(0, "out of memory for a call of %zu bytes", bytes.n);
        return NULL;
    }
    j->next = NULL;
    j->kind = kind;
    j->n = bytes.n;
    if (bytes.n != 0)
        memcpy(j->bytes, bytes.p, bytes.n);
    return j;
}

enum runner_status runner_post(struct runner *r, int kind, struct str bytes)
{
    struct runner_job *j = new_job(kind, bytes);
    enum runner_status status;

    (void)pthread_mutex_lock(&r->mutex);
    status = r->status;
    if (j != NULL && status == RUNNER_RUNNING && r->queued_bytes + bytes.n <= JVM_MESSAGE_MAX) {
        push(r, j);
        j = NULL;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    if (j != NULL && status == RUNNER_RUNNING)
        runner_log(0, "a call of %zu bytes is dropped: over %zu bytes of calls wait already", bytes.n, JVM_MESSAGE_MAX);
    free(j);
    return status;
}

enum runner_status runner_stop(struct runner *r, int job_kind, enum runner_status *ret_was)
{
    struct runner_job *j = new_job(job_kind, (struct str){ NULL, 0 });
    enum runner_status status;

    (void)pthread_mutex_lock(&r->mutex);
    *ret_was = status = r->status;
    if (status == RUNNER_RUNNING || status == RUNNER_ABORTED) {
        r->status = RUNNER_STOPPED;
        if (status == RUNNER_RUNNING)
            status = RUNNER_STOPPED;
        if (j != NULL)
            push(r, j);
        j = NULL;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    free(j);
    return status;
}

struct runner_job *runner_take(struct runner *r)
{
    struct runner_job *list;
    uint64_t count;

    (void)pthread_mutex_lock(&r->mutex);
    (void)!read(r->wake_fd, &count, sizeof count);
    list = r->first;
    r->first = NULL;
    r->last = &r->first;
    r->queued_bytes = 0;
    r->busy = list != NULL;
    (void)pthread_mutex_unlock(&r->mutex);
    return list;
}

void runner_taken(struct runner *r)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->busy = false;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* --- into Java ----------------------------------------------------------------------------------------- */

static bool set_in_java(struct runner *r, bool in_java)
{
    bool runs;

    (void)pthread_mutex_lock(&r->mutex);
    runs = r->status == RUNNER_RUNNING;
    r->in_java = in_java && runs;
    (void)pthread_cond_broadcast(&r->changed);
    (void)pthread_mutex_unlock(&r->mutex);
    return runs;
}

bool runner_enter(struct runner *r, int references)
{
    if (!set_in_java(r, true))
        return false;
    if ((*r->env)->PushLocalFrame(r->env, references) == 0)
        return true;
    (void)jvm_caught(r->env);
    (void)set_in_java(r, false);
    (void)runner_abort(r);
    return false;
}

bool runner_leave(struct runner *r)
{
    bool bad = jvm_caught(r->env);

    (void)(*r->env)->PopLocalFrame(r->env, NULL);
    (void)set_in_java(r, false);
    if (bad) {
        runner_log(0, "an exception left a callback: the driver is aborted");
        (void)runner_abort(r);
    }
    return !bad;
}
