/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs go to the threads through one list under a mutex, and come back through another; an eventfd wakes the
 * loop. The only lock in the program. */
#include "common/io/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

enum { THREADS_MAX = 16 };

struct job_list {
    struct worker_job *head, **tail;
};

struct worker {
    struct loop *loop;
    struct loop_watch *watch;
    int wake_fd;
    unsigned thread_max, thread_count, pending;
    pthread_t threads[THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t more;
    /* under the lock */
    struct job_list todo, finished;
    unsigned idle;
    bool stopping;
};

static void list_init(struct job_list *l)
{
    l->head = NULL;
    l->tail = &l->head;
}

static void list_add(struct job_list *l, struct worker_job *j)
{
    j->next = NULL;
    *l->tail = j;
    l->tail = &j->next;
}

static struct worker_job *list_take(struct job_list *l)
{
    struct worker_job *j = l->head;
    if (j == NULL)
        return NULL;
    l->head = j->next;
    if (l->head == NULL)
        l->tail = &l->head;
    return j;
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        struct worker_job *j = list_take(&w->todo);
        if (j == NULL && w->stopping)
            break;
        if (j == NULL) {
            w->idle++;
            (void)pthread_cond_wait(&w->more, &w->lock);
            w->idle--;
            continue;
        }
        (void)pthread_mutex_unlock(&w->lock);
        j->run(j);
        (void)pthread_mutex_lock(&w->lock);
        list_add(&w->finished, j);
        uint64_t one = 1;
        while (write(w->wake_fd, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void finish_jobs(struct worker *w)
{
    struct job_list done;
    (void)pthread_mutex_lock(&w->lock);
    done.head = w->finished.head;
    list_init(&w->finished);
    (void)pthread_mutex_unlock(&w->lock);
    for (struct worker_job *j = done.head, *next; j != NULL; j = next) {
        next = j->next;
        w->pending--;
        j->done(j);
    }
}

static void on_wake(void *arg, int fd, int what)
{
    (void)what;
    uint64_t n;
    while (read(fd, &n, sizeof n) < 0 && errno == EINTR) {
    }
    finish_jobs(arg);
}

int worker_new(struct worker **ret_worker, struct loop *loop, unsigned threads, struct error *err)
{
    if (threads == 0 || threads > THREADS_MAX)
        return error_set(err, ERR_INVALID, "a worker pool of %u threads; use 1 to %d", threads, THREADS_MAX);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return error_set_errno(err, errno, "the worker pool has no event descriptor");
    struct worker *w = xcalloc(1, sizeof *w);
    w->loop = loop;
    w->wake_fd = fd;
    w->thread_max = threads;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->more, NULL);
    list_init(&w->todo);
    list_init(&w->finished);
    w->watch = loop_fd(loop, fd, LOOP_READ, on_wake, w);
    *ret_worker = w;
    return 0;
}

/* Signals stay with the loop's thread. */
static void start_thread(struct worker *w)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&w->threads[w->thread_count], NULL, thread_main, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    ASSERT(rc == 0 || w->thread_count != 0); /* without the first thread nothing would ever be done */
    if (rc == 0)
        w->thread_count++;
}

void worker_submit(struct worker *w, struct worker_job *j)
{
    w->pending++;
    (void)pthread_mutex_lock(&w->lock);
    list_add(&w->todo, j);
    bool start = w->idle == 0 && w->thread_count < w->thread_max;
    (void)pthread_cond_signal(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
    if (start)
        start_thread(w);
}

void worker_drain(struct worker *w)
{
    while (w->pending != 0) {
        struct pollfd p = { .fd = w->wake_fd, .events = POLLIN };
        (void)poll(&p, 1, -1);
        on_wake(w, w->wake_fd, LOOP_READ);
    }
}

unsigned worker_pending(const struct worker *w)
{
    return w->pending;
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_cond_broadcast(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->thread_count; i++)
        (void)pthread_join(w->threads[i], NULL);
    finish_jobs(w);
    ASSERT(w->pending == 0);
    loop_watch_free(w->watch);
    (void)close(w->wake_fd);
    (void)pthread_cond_destroy(&w->more);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}
