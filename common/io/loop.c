/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a turn is an event that is made active by hand: libevent appends it to the queue of active
 * callbacks, so it runs after all callbacks of this turn and before the next look at the descriptors, whoever
 * dispatches the base. Work for a phase that is over waits for a zero timer, which only fires after the
 * descriptors have been looked at; so deferred work can starve nobody. Reading the clock also arms the end of
 * the turn, where the cached time is forgotten. */
#include "common/io/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"
#include "common/base/sigpipe.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* Others may take long: herds still get no more than this. */
#define HERD_NS_MAX (5 * NS_PER_MS)

struct loop {
    struct event_base *base;
    bool owns_base, stopped, has_now, has_wall, in_turn_end;
    struct mono now;
    struct wall wall;
    struct event *turn_end, *turn_next;
    struct loop_work *work[LOOP_PHASE_COUNT];
    unsigned count[LOOP_PHASE_COUNT];
    unsigned handled, cuts; /* connections since the last end of a turn, or cut; cuts in this turn */
    int64_t began_ns;       /* this turn, when the clock was first asked; 0: not yet */
    int64_t herd_ns;        /* spent on herds in it */
    int64_t piece_ns;       /* when the piece under way began */
    bool busy;              /* there were cuts in the last */
};

enum watch_kind { WATCH_SIGNAL, WATCH_FD, WATCH_CHILD, WATCH_PROCESS };

struct loop_watch {
    struct event *ev;
    enum watch_kind kind;
    pid_t pid;
    int pidfd;
    void *arg;
    union {
        loop_signal_fn *on_signal;
        loop_fd_fn *on_fd;
        loop_child_fn *on_child;
    } fn;
};

/* --- the turn ----------------------------------------------------------------------------------------- */
/* What is deferred to the running phase meanwhile waits for the next turn: at most as many as were there. */
static void run_phase(struct loop *loop, enum loop_phase phase)
{
    for (unsigned n = loop->count[phase]; n != 0 && loop->work[phase] != NULL; n--) {
        struct loop_work *w = loop->work[phase];
        loop_undefer(loop, w);
        w->fn(w->arg);
    }
}

/* --- herds --- */

static int64_t herd_left(struct loop *loop, int64_t now_ns)
{
    int64_t others = loop->began_ns != 0 ? now_ns - loop->began_ns - loop->herd_ns : 0;
    int64_t share = others < LOOP_HERD_NS ? LOOP_HERD_NS : others > HERD_NS_MAX ? HERD_NS_MAX : others;
    return share - loop->herd_ns;
}

bool loop_herd_begin(struct loop *loop)
{
    if (loop->count[LOOP_HERD] != 0)
        return false;
    (void)loop_now(loop);
    loop->piece_ns = loop_clock().ns;
    return herd_left(loop, loop->piece_ns) > 0;
}

void loop_herd_end(struct loop *loop)
{
    loop->herd_ns += loop_clock().ns - loop->piece_ns;
}

bool loop_herd_is_over(struct loop *loop)
{
    return herd_left(loop, loop->piece_ns) <= loop_clock().ns - loop->piece_ns;
}

static void run_herd(struct loop *loop)
{
    (void)loop_now(loop);
    for (unsigned n = loop->count[LOOP_HERD]; n != 0 && loop->work[LOOP_HERD] != NULL; n--) {
        loop->piece_ns = loop_clock().ns;
        if (herd_left(loop, loop->piece_ns) <= 0)
            return;
        struct loop_work *w = loop->work[LOOP_HERD];
        loop_undefer(loop, w);
        w->fn(w->arg);
        loop_herd_end(loop);
    }
}

static unsigned work_count(const struct loop *loop)
{
    unsigned n = 0;
    for (int p = 0; p < LOOP_PHASE_COUNT; p++)
        n += loop->count[p];
    return n;
}

static void run_phases(struct loop *loop, int end)
{
    loop->in_turn_end = true;
    if (loop->count[LOOP_HERD] != 0)
        run_herd(loop);
    for (int p = LOOP_HERD + 1; p < end; p++)
        run_phase(loop, (enum loop_phase)p);
    loop->in_turn_end = false;
    loop->has_now = loop->has_wall = false;
    loop->handled = 0;
}

static void on_turn_end(int fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct loop *loop = arg;
    run_phases(loop, LOOP_PHASE_COUNT);
    loop->busy = loop->cuts != 0 || loop->count[LOOP_HERD] != 0;
    loop->cuts = 0;
    loop->began_ns = loop->herd_ns = 0;
    static const struct timeval at_once;
    if (work_count(loop) != 0)
        (void)evtimer_add(loop->turn_next, &at_once);
}

void loop_handled(struct loop *loop)
{
    if (++loop->handled < LOOP_HANDLED_MAX || loop->in_turn_end)
        return;
    loop->cuts++;
    loop->busy = true;
    run_phases(loop, LOOP_FREE);
    event_active(loop->turn_end, EV_TIMEOUT, 0);
}

bool loop_is_busy(const struct loop *loop)
{
    return loop->busy;
}

static void on_turn_next(int fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_active(((struct loop *)arg)->turn_end, EV_TIMEOUT, 0);
}

/* Has the end of this turn run. While it runs, that would bring it back before the descriptors are looked at.
 */
static void want_turn_end(struct loop *loop)
{
    if (!loop->in_turn_end)
        event_active(loop->turn_end, EV_TIMEOUT, 0);
}

static bool defer(struct loop *loop, struct loop_work *w)
{
    if (w->queued)
        return false;
    w->queued = true;
    loop->count[w->phase]++;
    want_turn_end(loop);
    return true;
}

void loop_defer(struct loop *loop, struct loop_work *w)
{
    if (defer(loop, w))
        DL_APPEND(loop->work[w->phase], w);
}

void loop_defer_first(struct loop *loop, struct loop_work *w)
{
    if (defer(loop, w))
        DL_PREPEND(loop->work[w->phase], w);
}

void loop_undefer(struct loop *loop, struct loop_work *w)
{
    if (!w->queued)
        return;
    w->queued = false;
    DL_DELETE(loop->work[w->phase], w);
    loop->count[w->phase]--;
}

/* --- life --------------------------------------------------------------------------------------------- */
int loop_new(struct loop **ret_loop, struct event_base *base, struct error *err)
{
    struct loop *loop = xcalloc(1, sizeof *loop);
    loop->owns_base = base == NULL;
    loop->base = base != NULL ? base : event_base_new();
    if (loop->base == NULL) {
        free(loop);
        return error_set(err, ERR_IO, "the event loop cannot be made: %s", "no epoll descriptor");
    }
    sigpipe_ignore();
    loop->turn_end = event_new(loop->base, -1, 0, on_turn_end, loop);
    loop->turn_next = evtimer_new(loop->base, on_turn_next, loop);
    ASSERT(loop->turn_end != NULL);
    ASSERT(loop->turn_next != NULL);
    *ret_loop = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    for (int rounds = 0; work_count(loop) != 0 && rounds < 16; rounds++)
        for (int p = 0; p < LOOP_PHASE_COUNT; p++)
            run_phase(loop, (enum loop_phase)p);
    event_free(loop->turn_end);
    event_free(loop->turn_next);
    if (loop->owns_base)
        event_base_free(loop->base);
    free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

int loop_run(struct loop *loop, struct error *err)
{
    while (!loop->stopped)
        if (event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
            return error_set_errno(err, errno, "the event loop cannot wait for events");
    loop->stopped = false;
    return 0;
}

static void on_nothing(int fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
    event_active(loop->turn_end, EV_TIMEOUT, 0); /* so that a waiting loop comes back */
}

void loop_turn(struct loop *loop, int64_t timeout_ns)
{
    if (timeout_ns == 0) {
        (void)event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        return;
    }
    struct event *limit = NULL;
    if (timeout_ns > 0) {
        struct timeval tv = { timeout_ns / NS_PER_S, timeout_ns % NS_PER_S / NS_PER_US };
        limit = evtimer_new(loop->base, on_nothing, NULL);
        ASSERT(limit != NULL);
        (void)evtimer_add(limit, &tv);
    }
    (void)event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
    if (limit != NULL)
        event_free(limit);
}

/* --- time --------------------------------------------------------------------------------------------- */
struct mono loop_clock(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (struct mono){ ts.tv_sec * NS_PER_S + ts.tv_nsec };
}

struct mono loop_now(struct loop *loop)
{
    if (!loop->has_now) {
        loop->now = loop_clock();
        loop->has_now = true;
        if (loop->began_ns == 0)
            loop->began_ns = loop->now.ns;
        want_turn_end(loop);
    }
    return loop->now;
}

struct wall loop_wall(struct loop *loop)
{
    if (!loop->has_wall) {
        struct timespec ts;
        (void)clock_gettime(CLOCK_REALTIME, &ts);
        loop->wall = (struct wall){ (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / NS_PER_MS };
        loop->has_wall = true;
        want_turn_end(loop);
    }
    return loop->wall;
}

/* --- timers ------------------------------------------------------------------------------------------- */
/* libevent's clock is coarse (some milliseconds behind), so a timer may come early by that much: it is put
 * off then. */
static void timer_arm(struct loop_timer *t)
{
    int64_t ns = mono_diff(t->at, loop_now(t->loop));
    if (ns < 0)
        ns = 0;
    int64_t us = ns > INT64_MAX - 999 ? ns / NS_PER_US : (ns + 999) / NS_PER_US;
    const int64_t year_us = INT64_C(365) * 86400 * 1000000;
    if (us > year_us)
        us = year_us;
    struct timeval tv = { us / 1000000, us % 1000000 };
    (void)evtimer_add(t->ev, &tv);
}

static void on_timer(int fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct loop_timer *t = arg;
    if (mono_before(loop_now(t->loop), t->at)) {
        timer_arm(t);
        return;
    }
    t->at = MONO_NEVER;
    t->fn(t->arg);
}

void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg)
{
    *t = (struct loop_timer){ .loop = loop, .fn = fn, .arg = arg, .at = MONO_NEVER };
    t->ev = evtimer_new(loop->base, on_timer, t);
    ASSERT(t->ev != NULL);
}

void loop_timer_done(struct loop_timer *t)
{
    if (t->ev != NULL)
        event_free(t->ev);
    t->ev = NULL;
}

void loop_timer_at(struct loop_timer *t, struct mono at)
{
    if (at.ns == t->at.ns)
        return;
    t->at = at;
    if (at.ns == MONO_NEVER.ns)
        (void)evtimer_del(t->ev);
    else
        timer_arm(t);
}

void loop_timer_in(struct loop_timer *t, int64_t ns)
{
    loop_timer_at(t, mono_add(loop_now(t->loop), ns));
}

void loop_timer_cancel(struct loop_timer *t)
{
    loop_timer_at(t, MONO_NEVER);
}

/* --- watches ------------------------------------------------------------------------------------------ */
static void on_watch(int fd, short what, void *arg)
{
    struct loop_watch *w = arg;
    if (w->kind == WATCH_SIGNAL) {
        w->fn.on_signal(w->arg, fd);
        return;
    }
    if (w->kind == WATCH_FD) {
        w->fn.on_fd(w->arg, fd, ((what & EV_READ) ? LOOP_READ : 0) | ((what & EV_WRITE) ? LOOP_WRITE : 0));
        return;
    }
    int status = -1;
    if (w->kind == WATCH_CHILD) {
        pid_t got = waitpid(w->pid, &status, WNOHANG);
        if (got == 0)
            return; /* not yet: a pidfd may be readable for a thread group that still dies */
        if (got < 0)
            status = -1;
    }
    loop_child_fn *fn = w->fn.on_child;
    void *fn_arg = w->arg;
    pid_t pid = w->pid;
    loop_watch_free(w);
    fn(fn_arg, pid, status);
}

static struct loop_watch *watch_new(struct loop *loop, int fd, short what, enum watch_kind kind, void *arg)
{
    struct loop_watch *w = xcalloc(1, sizeof *w);
    w->kind = kind;
    w->pidfd = -1;
    w->arg = arg;
    w->ev = event_new(loop->base, fd, (short)(what | EV_PERSIST), on_watch, w);
    ASSERT(w->ev != NULL);
    return w;
}

struct loop_watch *loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *arg)
{
    struct loop_watch *w = watch_new(loop, signo, EV_SIGNAL, WATCH_SIGNAL, arg);
    w->fn.on_signal = fn;
    (void)event_add(w->ev, NULL);
    return w;
}

struct loop_watch *loop_fd(struct loop *loop, int fd, int what, loop_fd_fn *fn, void *arg)
{
    short ev = (short)(((what & LOOP_READ) ? EV_READ : 0) | ((what & LOOP_WRITE) ? EV_WRITE : 0));
    struct loop_watch *w = watch_new(loop, fd, ev, WATCH_FD, arg);
    w->fn.on_fd = fn;
    (void)event_add(w->ev, NULL);
    return w;
}

static int watch_process(struct loop *loop, pid_t pid, enum watch_kind kind, loop_child_fn *fn, void *arg,
                         struct loop_watch **ret_watch, struct error *err)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        if (errno == ESRCH)
            return error_set(err, ERR_NOT_FOUND, "process %d does not exist", (int)pid);
        return error_set_errno(err, errno, "process %d cannot be watched", (int)pid);
    }
    struct loop_watch *w = watch_new(loop, fd, EV_READ, kind, arg);
    w->fn.on_child = fn;
    w->pid = pid;
    w->pidfd = fd;
    (void)event_add(w->ev, NULL);
    *ret_watch = w;
    return 0;
}

int loop_child(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg, struct loop_watch **ret_watch,
               struct error *err)
{
    return watch_process(loop, pid, WATCH_CHILD, fn, arg, ret_watch, err);
}

int loop_process(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg, struct loop_watch **ret_watch,
                 struct error *err)
{
    return watch_process(loop, pid, WATCH_PROCESS, fn, arg, ret_watch, err);
}

void loop_watch_free(struct loop_watch *w)
{
    if (w == NULL)
        return;
    event_free(w->ev);
    if (w->pidfd >= 0)
        (void)close(w->pidfd);
    free(w);
}
