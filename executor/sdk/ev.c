/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/sdk/ev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"

struct ev_watch {
    int fd;
    unsigned what;
    ev_fn *fn; /* NULL: dead, freed at the end of the turn */
    void *arg;
    struct ev_watch *next, *prev;
};

struct mono ev_clock(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (struct mono){ ts.tv_sec * NS_PER_S + ts.tv_nsec };
}

int64_t ev_wall_us(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

int ev_init(struct ev *e, struct error *err)
{
    *e = (struct ev){ .epoll_fd = -1, .timer_fd = -1, .timer_fd_at = MONO_NEVER, .now = ev_clock() };
    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event ee = { .events = EPOLLIN, .data.ptr = NULL };
    if (e->epoll_fd < 0 || e->timer_fd < 0 || epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->timer_fd, &ee) != 0)
        return error_set_errno(err, errno, "event loop");
    return 0;
}

static void free_list(struct ev_watch **list)
{
    struct ev_watch *w, *next;
    DL_FOREACH_SAFE(*list, w, next)
        free(w);
    *list = NULL;
}

void ev_done(struct ev *e)
{
    free_list(&e->watches);
    free_list(&e->dead);
    if (e->epoll_fd >= 0)
        (void)close(e->epoll_fd);
    if (e->timer_fd >= 0)
        (void)close(e->timer_fd);
}

struct ev_watch *ev_watch(struct ev *e, int fd, unsigned what, ev_fn *fn, void *arg)
{
    struct ev_watch *w = xcalloc(1, sizeof *w);
    *w = (struct ev_watch){ .fd = fd, .what = what, .fn = fn, .arg = arg };
    struct epoll_event ee = { .events = what, .data.ptr = w };
    (void)epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &ee); /* ENOMEM, ENOSPC only: timeouts then end what waits */
    DL_APPEND(e->watches, w);
    return w;
}

void ev_watch_set(struct ev *e, struct ev_watch *w, unsigned what)
{
    if (w == NULL || w->what == what)
        return;
    w->what = what;
    struct epoll_event ee = { .events = what, .data.ptr = w };
    (void)epoll_ctl(e->epoll_fd, EPOLL_CTL_MOD, w->fd, &ee);
}

void ev_unwatch(struct ev *e, struct ev_watch *w)
{
    if (w == NULL)
        return;
    (void)epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    DL_DELETE(e->watches, w);
    w->fn = NULL;
    DL_APPEND(e->dead, w); /* an event for it may be in this turn's list */
}

void ev_timer_init(struct ev_timer *t, void (*fn)(void *arg), void *arg)
{
    *t = (struct ev_timer){ .at = MONO_NEVER, .fn = fn, .arg = arg };
}

static void arm_timer_fd(struct ev *e)
{
    struct mono first = MONO_NEVER;
    struct ev_timer *t;
    DL_FOREACH(e->timers, t)
        first = mono_min(first, t->at);
    if (first.ns == e->timer_fd_at.ns)
        return;
    e->timer_fd_at = first;
    struct itimerspec its = { .it_value = { 0, 0 } };
    if (first.ns != MONO_NEVER.ns) {
        int64_t ns = first.ns > 0 ? first.ns : 1;
        its.it_value = (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
    }
    (void)timerfd_settime(e->timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

void ev_timer_at(struct ev *e, struct ev_timer *t, struct mono at)
{
    t->at = at;
    bool want = at.ns != MONO_NEVER.ns;
    if (want && !t->linked)
        DL_APPEND(e->timers, t);
    if (!want && t->linked)
        DL_DELETE(e->timers, t);
    t->linked = want;
    arm_timer_fd(e);
}

static void run_timers(struct ev *e)
{
    /* A timer may add or remove others: look afresh after each. */
    for (;;) {
        struct ev_timer *t, *due = NULL;
        DL_FOREACH(e->timers, t) {
            if (!mono_before(e->now, t->at) && (due == NULL || mono_before(t->at, due->at)))
                due = t;
        }
        if (due == NULL)
            break;
        DL_DELETE(e->timers, due);
        due->linked = false;
        due->at = MONO_NEVER;
        due->fn(due->arg);
    }
    arm_timer_fd(e);
}

void ev_turn(struct ev *e, int timeout_ms)
{
    struct epoll_event list[32];
    int n = epoll_wait(e->epoll_fd, list, 32, timeout_ms);
    e->now = ev_clock();
    for (int i = 0; i < n; i++) {
        struct ev_watch *w = list[i].data.ptr;
        uint64_t count;
        if (w == NULL)
            (void)!read(e->timer_fd, &count, sizeof count);
        else if (w->fn != NULL)
            w->fn(w->arg, w->fd, list[i].events);
    }
    e->timer_fd_at = (struct mono){ -1 }; /* it may have fired */
    run_timers(e);
    free_list(&e->dead);
}
