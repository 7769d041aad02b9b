/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of a program: one thread, one libevent base. It reads the clocks once per turn, keeps
 * timers, signals and children, and runs the deferred work of a turn in a fixed order.
 *
 * A turn: callbacks of ready descriptors, signals and timers run first; they decode, queue, and call
 * loop_defer. Then the deferred work runs, phase by phase: HERD (below), STEP (shells step their cores), STORE (records
 * are handed to the store, once per turn: group commit), SEND (one write per connection), FREE (what
 * died in this turn is released). Work deferred for a phase that is over runs at the end of the next
 * turn, which does not wait for anything but lets sockets be looked at in between.
 *
 * Works on a base of its own (loop_run) or on the caller's (the caller dispatches): nothing here depends
 * on who runs the base. Not for use from another thread; io/worker.h brings results back from one. */
#ifndef STOA_IO_LOOP_H
#define STOA_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"
#include "common/base/time.h"

struct event;
struct event_base;
struct loop;

typedef void loop_fn(void *arg);

/* base NULL: makes its own. A given base stays the caller's and must outlive the loop. SIGPIPE is ignored
 * from here on, unless the program handles it. */
int loop_new(struct loop **ret_loop, struct event_base *base, struct error *err);
/* Everything made on the loop must be gone before. NULL is fine. Deferred work that is still queued is
 * run first, so that what was put off to FREE is released. */
void loop_free(struct loop *loop);
struct event_base *loop_base(struct loop *loop);

/* Runs until loop_stop. Only for a loop with its own base. */
int loop_run(struct loop *loop, struct error *err);
/* Ends loop_run after this turn's deferred work. Also fine before loop_run: it then returns at once. */
void loop_stop(struct loop *loop);
/* One turn: waits at most timeout_ns (0: not at all, negative: until something happens). For tests and
 * for programs with a loop of their own. */
void loop_turn(struct loop *loop, int64_t timeout_ns);

/* The time of this turn: every call within a turn gives the same answer. */
struct mono loop_now(struct loop *loop);
struct wall loop_wall(struct loop *loop);
/* Reads the monotonic clock itself: to measure how long something took. */
struct mono loop_clock(void);

/* --- deferred work ------------------------------------------------------------------------------------ */
enum loop_phase { LOOP_HERD, LOOP_STEP, LOOP_STORE, LOOP_SEND, LOOP_FREE, LOOP_PHASE_COUNT };

/* Embedded in its owner. Initialise with LOOP_WORK; it must not move or go away while queued. */
struct loop_work {
    loop_fn *fn;
    void *arg;
    enum loop_phase phase;
    bool queued;
    struct loop_work *next, *prev;
};
#define LOOP_WORK(phase_, fn_, arg_) ((struct loop_work){ .fn = (fn_), .arg = (arg_), .phase = (phase_) })

/* Runs w->fn once at the end of this turn, in its phase, in the order of deferring. No effect when queued. */
void loop_defer(struct loop *loop, struct loop_work *w);
/* The same before all others of its phase. */
void loop_defer_first(struct loop *loop, struct loop_work *w);
void loop_undefer(struct loop *loop, struct loop_work *w); /* no effect when not queued */

/* To be called at the end of the callback of a connection, with nothing of it under way: after LOOP_HANDLED_MAX of
 * them the turn is cut, which is that the phases before FREE run at once and the clocks are read anew. So
 * the peers of a thousand connections that are ready together go on while the rest of the turn is worked off. */
enum { LOOP_HANDLED_MAX = 64 };
void loop_handled(struct loop *loop);
/* Whether the last turn was a long one, with LOOP_HANDLED_MAX connections or more, or left some of a herd waiting. */
bool loop_is_busy(const struct loop *loop);

/* --- herds --------------------------------------------------------------------------------------------- */
/* Work that may come from very many peers at once, as from all agents to a new leader. A turn does LOOP_HERD_NS of it, or as
 * much as everything else of the turn took; the rest waits in the order of deferring (phase LOOP_HERD), while
 * descriptors are looked at in between. So whoever asks something small meanwhile is answered at once. */
#define LOOP_HERD_NS NS_PER_MS
/* Begins a piece of such work: false when it has to be deferred, as the time is used up or others wait. */
bool loop_herd_begin(struct loop *loop);
void loop_herd_end(struct loop *loop); /* of a piece that was begun; deferred ones are measured by the loop */
/* Within a long piece: whether it should be ended and the rest deferred. */
bool loop_herd_is_over(struct loop *loop);

/* --- timers ------------------------------------------------------------------------------------------- */
/* Embedded in its owner. timer_init before anything else; timer_done before the memory goes away. */
struct loop_timer {
    struct loop *loop;
    struct event *ev;
    loop_fn *fn;
    void *arg;
    struct mono at; /* MONO_NEVER while not armed */
};
void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg);
void loop_timer_done(struct loop_timer *t); /* fine on a zeroed timer */
/* Arms or re-arms; a time in the past fires in the next turn; MONO_NEVER disarms. Cheap when unchanged. */
void loop_timer_at(struct loop_timer *t, struct mono at);
void loop_timer_in(struct loop_timer *t, int64_t ns); /* from loop_now */
void loop_timer_cancel(struct loop_timer *t);

/* --- signals, descriptors, children ------------------------------------------------------------------- */
struct loop_watch; /* one signal, descriptor or child */
typedef void loop_signal_fn(void *arg, int signo);
struct loop_watch *loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *arg);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_fd_fn(void *arg, int fd, int what);
/* Level-triggered until removed; the descriptor stays the caller's. */
struct loop_watch *loop_fd(struct loop *loop, int fd, int what, loop_fd_fn *fn, void *arg);

/* The end of a child of this process, through a pidfd: fn is called once with the wait status, after
 * which the watch is gone. The child must not be waited for elsewhere. Fails when pid is no child. */
typedef void loop_child_fn(void *arg, pid_t pid, int wait_status);
int loop_child(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg, struct loop_watch **ret_watch,
               struct error *err);
/* The end of any process, whoever its parent is (executors found again after a restart): wait_status is
 * -1, it cannot be known. ERR_NOT_FOUND when there is no such process. */
int loop_process(struct loop *loop, pid_t pid, loop_child_fn *fn, void *arg, struct loop_watch **ret_watch,
                 struct error *err);
/* Stops watching; never calls fn. NULL is fine. May be called inside any callback. */
void loop_watch_free(struct loop_watch *w);

#endif
