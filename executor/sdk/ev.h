/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of an executor: epoll and a list of timers, nothing else, so that an executor stays small. The epoll
 * descriptor is readable when something is due, which lets the whole loop live inside another one. */
#ifndef STOA_EXECUTOR_SDK_EV_H
#define STOA_EXECUTOR_SDK_EV_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/time.h"

struct ev_watch;

struct ev_timer {
    struct mono at; /* MONO_NEVER: not armed */
    void (*fn)(void *arg);
    void *arg;
    struct ev_timer *next, *prev;
    bool linked;
};

struct ev {
    int epoll_fd, timer_fd;
    struct mono now;       /* of this turn */
    struct ev_watch *watches, *dead;
    struct ev_timer *timers;
    struct mono timer_fd_at;
};

typedef void ev_fn(void *arg, int fd, unsigned what); /* what: EPOLLIN and so on */

int ev_init(struct ev *e, struct error *err);
void ev_done(struct ev *e);
/* Waits at most timeout_ms (-1: until something happens) and calls what is due. */
void ev_turn(struct ev *e, int timeout_ms);
struct mono ev_clock(void);
int64_t ev_wall_us(void);

struct ev_watch *ev_watch(struct ev *e, int fd, unsigned what, ev_fn *fn, void *arg);
void ev_watch_set(struct ev *e, struct ev_watch *w, unsigned what);
void ev_unwatch(struct ev *e, struct ev_watch *w); /* NULL is fine; the descriptor stays the caller's */

void ev_timer_init(struct ev_timer *t, void (*fn)(void *arg), void *arg);
void ev_timer_at(struct ev *e, struct ev_timer *t, struct mono at); /* MONO_NEVER: disarms */

#endif
