/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <event2/event.h>

#include "common/io/random.h"
#include "common/io/worker.h"
#include "tests/unit/io/io_peer.h"

static char trace[256];
static void note(const char *text)
{
    (void)strncat(trace, text, sizeof trace - strlen(trace) - 1);
}

static struct loop *loop;
static struct loop_work step, store, sends, frees;

static void on_free(void *arg)
{
    (void)arg;
    note("F");
}
static void on_send(void *arg)
{
    (void)arg;
    note("S");
}
static void on_store(void *arg)
{
    (void)arg;
    note("T");
}
static void on_step(void *arg)
{
    note("s");
    loop_defer(loop, &store);
    if (arg != NULL && strlen(trace) < 20)
        loop_defer(loop, &step); /* comes again, in the next turn */
}

TEST("deferred work runs once, in the order of the phases, whatever the order of deferring")
{
    trace[0] = 0;
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    step = LOOP_WORK(LOOP_STEP, on_step, NULL);
    store = LOOP_WORK(LOOP_STORE, on_store, NULL);
    sends = LOOP_WORK(LOOP_SEND, on_send, NULL);
    frees = LOOP_WORK(LOOP_FREE, on_free, NULL);
    loop_defer(loop, &frees);
    loop_defer(loop, &sends);
    loop_defer(loop, &step);
    loop_defer(loop, &step);
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "sTSF");
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "sTSF");
    loop_defer(loop, &sends);
    loop_undefer(loop, &sends);
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "sTSF");
    loop_free(loop);
}

static void on_pipe(void *arg, int fd, int what)
{
    char c;
    (void)arg;
    (void)what;
    if (read(fd, &c, 1) == 1)
        note("r");
}

TEST("work that defers itself lets descriptors be looked at")
{
    trace[0] = 0;
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    int fds[2];
    CHECK(pipe(fds) == 0);
    struct loop_watch *w = loop_fd(loop, fds[0], LOOP_READ, on_pipe, NULL);
    step = LOOP_WORK(LOOP_STEP, on_step, &step);
    loop_defer(loop, &step);
    loop_turn(loop, 0);
    CHECK(write(fds[1], "x", 1) == 1);
    loop_turn(loop, 0);
    CHECK(strchr(trace, 'r') != NULL);
    CHECK(strlen(trace) < 8);
    for (int i = 0; i < 30; i++)
        loop_turn(loop, 0);
    loop_watch_free(w);
    (void)close(fds[0]);
    (void)close(fds[1]);
    loop_free(loop);
}

static void on_crowd(void *arg, int fd, int what)
{
    char c;
    (void)arg;
    (void)what;
    CHECK(read(fd, &c, 1) == 1);
    loop_defer(loop, &frees);
    loop_defer(loop, &sends);
    for (int i = 0; i < LOOP_HANDLED_MAX; i++) {
        if (i == LOOP_HANDLED_MAX - 1)
            note("<");
        loop_handled(loop);
    }
    note(">");
    loop_defer(loop, &sends);
}

TEST("the turn of a crowd is cut: what waits is sent meanwhile, nothing is freed before its end")
{
    trace[0] = 0;
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    int fds[2];
    CHECK(pipe(fds) == 0);
    struct loop_watch *w = loop_fd(loop, fds[0], LOOP_READ, on_crowd, NULL);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(!loop_is_busy(loop));
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "<S>SF");
    CHECK(loop_is_busy(loop));
    loop_handled(loop);
    loop_defer(loop, &sends);
    loop_turn(loop, 0);
    CHECK(!loop_is_busy(loop));
    loop_watch_free(w);
    (void)close(fds[0]);
    (void)close(fds[1]);
    loop_free(loop);
}

static void spend(int64_t ns)
{
    for (int64_t until = loop_clock().ns + ns; loop_clock().ns < until;)
        ;
}

/* More than a turn has for herds, even if it was held up by something else: so each piece takes a turn. */
#define TOO_LONG (6 * LOOP_HERD_NS)

static void on_piece(void *arg)
{
    note(arg);
    spend(TOO_LONG);
}

TEST("a herd gets its share of a turn, in order, and descriptors are looked at in between")
{
    trace[0] = 0;
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    int fds[2];
    CHECK(pipe(fds) == 0);
    struct loop_watch *w = loop_fd(loop, fds[0], LOOP_READ, on_pipe, NULL);
    struct loop_work piece[3];
    static const char *const names[] = { "1", "2", "0" };
    for (int i = 0; i < 3; i++)
        piece[i] = LOOP_WORK(LOOP_HERD, on_piece, (void *)(uintptr_t)names[i]);
    loop_defer(loop, &piece[0]);
    loop_defer(loop, &piece[1]);
    loop_defer_first(loop, &piece[2]);
    CHECK(!loop_herd_begin(loop)); /* others wait */
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "0");
    CHECK(loop_is_busy(loop));
    CHECK(write(fds[1], "x", 1) == 1);
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "0r1");
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "0r12");
    CHECK(!loop_is_busy(loop));
    CHECK(loop_herd_begin(loop));
    spend(TOO_LONG);
    CHECK(loop_herd_is_over(loop));
    loop_herd_end(loop);
    CHECK(!loop_herd_begin(loop)); /* used up */
    loop_turn(loop, 0);
    CHECK(loop_herd_begin(loop));
    loop_herd_end(loop);
    loop_watch_free(w);
    (void)close(fds[0]);
    (void)close(fds[1]);
    loop_free(loop);
}

static struct mono fired_at;
static void on_timer(void *arg)
{
    note(arg);
    fired_at = loop_now(loop);
}

TEST("timers fire in order, not before their time, and the clock stands still within a turn")
{
    trace[0] = 0;
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    struct loop_timer a, b, c;
    loop_timer_init(&a, loop, on_timer, (void *)(uintptr_t) "a");
    loop_timer_init(&b, loop, on_timer, (void *)(uintptr_t) "b");
    loop_timer_init(&c, loop, on_timer, (void *)(uintptr_t) "c");
    struct mono now = loop_now(loop);
    CHECK_INT(loop_now(loop).ns, now.ns);
    loop_timer_at(&b, mono_add(now, 20 * NS_PER_MS));
    loop_timer_at(&a, mono_add(now, 5 * NS_PER_MS));
    loop_timer_at(&c, mono_add(now, 10 * NS_PER_MS));
    loop_timer_cancel(&c);
    CHECK(LOOP_UNTIL(loop, strlen(trace) == 2));
    CHECK_CSTR(trace, "ab");
    CHECK(mono_diff(fired_at, now) >= 20 * NS_PER_MS);
    loop_timer_at(&a, (struct mono){ 0 });
    CHECK(LOOP_UNTIL(loop, strlen(trace) == 3));
    loop_timer_done(&a), loop_timer_done(&b), loop_timer_done(&c);
    loop_free(loop);
}

static int status_seen;
static void on_child(void *arg, pid_t pid, int status)
{
    (void)arg;
    (void)pid;
    status_seen = status;
    note("c");
}

TEST("children are reaped with their status")
{
    trace[0] = 0;
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    struct loop_watch *w, *other;
    struct error err;
    pid_t pid = fork();
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    CHECK(loop_child(loop, pid, on_child, NULL, &w, &err) == 0);
    CHECK(loop_process(loop, pid, on_child, NULL, &other, &err) == 0);
    loop_watch_free(other);
    loop_turn(loop, 0);
    CHECK_CSTR(trace, "");
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(LOOP_UNTIL(loop, trace[0] != 0));
    CHECK(WIFSIGNALED(status_seen) && WTERMSIG(status_seen) == SIGKILL);
    CHECK_INT(loop_child(loop, pid, on_child, NULL, &w, &err), -ERR_NOT_FOUND);
    loop_free(loop);
}

static void on_signal(void *arg, int signo)
{
    (void)arg;
    CHECK_INT(signo, SIGUSR1);
    loop_stop(loop);
}

TEST("a signal stops a running loop")
{
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    struct loop_watch *w = loop_signal(loop, SIGUSR1, on_signal, NULL);
    CHECK(raise(SIGUSR1) == 0);
    CHECK_INT(loop_run(loop, NULL), 0);
    loop_stop(loop);
    CHECK_INT(loop_run(loop, NULL), 0);
    loop_watch_free(w);
    loop_free(loop);
}

TEST("a loop works on somebody else's base")
{
    trace[0] = 0;
    struct event_base *base = event_base_new();
    CHECK(loop_new(&loop, base, NULL) == 0);
    CHECK(loop_base(loop) == base);
    sends = LOOP_WORK(LOOP_SEND, on_send, NULL);
    loop_defer(loop, &sends);
    CHECK(event_base_dispatch(base) == 1); /* ends when nothing is left to do */
    CHECK_CSTR(trace, "S");
    loop_free(loop);
    event_base_free(base);
}

struct job {
    struct worker_job job;
    int in, out;
};
static int done_count, sum;

static void job_run(struct worker_job *j)
{
    ((struct job *)j)->out = ((struct job *)j)->in * 2;
}

static void job_done(struct worker_job *j)
{
    done_count++;
    sum += ((struct job *)j)->out;
}

TEST("jobs go to threads and come back to the loop")
{
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    struct worker *w;
    struct job jobs[100];
    CHECK(worker_new(&w, loop, 3, NULL) == 0);
    done_count = sum = 0;
    for (int i = 0; i < 100; i++) {
        jobs[i] = (struct job){ .job = { job_run, job_done, NULL }, .in = i };
        worker_submit(w, &jobs[i].job);
        if (i == 50)
            CHECK(LOOP_UNTIL(loop, done_count == 51));
    }
    worker_drain(w);
    CHECK_INT(done_count, 100);
    CHECK_INT(sum, 9900);
    worker_submit(w, &jobs[0].job);
    worker_free(w);
    CHECK_INT(done_count, 101);
    loop_free(loop);
}

TEST("addresses are parsed strictly and printed back")
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "127.0.0.1:5050", "127.0.0.1:5050" },
        { "[::1]:80", "[::1]:80" },
        { "[fe80::1:2]:1", "[fe80::1:2]:1" },
        { "127.0.0.1", NULL },
        { "::1:80", NULL },
        { "1.2.3:4", NULL },
        { "1.2.3.4:", NULL },
        { "1.2.3.4:65536", NULL },
        { "host:80", NULL },
        { ":80", NULL },
        { "1.2.3.4:80 ", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_addr a;
        char text[NET_TEXT_SIZE];
        bool ok = net_parse(str_of(cases[i].in), &a);
        if (ok)
            net_text(&a, text);
        if (ok != (cases[i].out != NULL) || (ok && strcmp(text, cases[i].out) != 0))
            test_fail(__FILE__, __LINE__, "%s", cases[i].in);
    }
    struct net_addr a;
    CHECK(net_resolve("localhost", 7, &a, NULL) == 0 && net_is_loopback(&a) && a.port == 7);
    net_own_ip(&a);
    CHECK(a.family == NET_IP4);
}

TEST("the kernel's randomness differs")
{
    struct rng a, b;
    random_rng(&a);
    random_rng(&b);
    CHECK(rng_u64(&a) != rng_u64(&b));
}
