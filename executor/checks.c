/* SPDX-License-Identifier: Apache-2.0 */
/* Runs checks. COMMAND: a process in the task's environment (or what the owner does for a nested container). HTTP: our own
 * GET; https and redirects by curl, as the original does all of them. TCP: a connect. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/proctree.h"
#include "executor/builtin.h"

static void arm(struct checker *c)
{
    ev_timer_at(c->ev, &c->timer, check_wake_at(&c->core));
}

static bool success(const struct checker *c, int64_t value)
{
    switch (c->spec.kind) {
    case CHECK_KIND_COMMAND:
        return value == 0;
    case CHECK_KIND_HTTP:
        return value >= 200 && value < 400;
    case CHECK_KIND_TCP:
        return value == 1;
    case CHECK_KIND_NONE:
        break;
    }
    return false;
}

/* Ends what is running, without a result. */
static void abandon(struct checker *c)
{
    if (c->pid > 0)
        (void)proctree_kill(c->pid, SIGKILL); /* reaped later, unknown then */
    c->pid = 0;
    if (c->pipe_fd >= 0)
        (void)close(c->pipe_fd);
    c->pipe_fd = -1;
    if (c->sock_fd >= 0) {
        ev_unwatch(c->ev, c->sock_watch);
        (void)close(c->sock_fd);
    }
    c->sock_fd = -1;
    c->sock_watch = NULL;
    if (c->http_busy)
        xhttp_close(&c->http);
    c->http_busy = false;
    if (c->stop_command != NULL && c->spec.kind == CHECK_KIND_COMMAND)
        c->stop_command(c->owner, c);
}

void checker_result(struct checker *c, int64_t value, bool skipped)
{
    enum check_verdict v = CHECK_QUIET;
    if (c->core.state != CHECK_RUNNING)
        return;
    if (skipped)
        check_skipped(&c->core, c->ev->now);
    else if (c->core.policy.health)
        v = check_passed(&c->core, success(c, value), c->ev->now);
    else
        v = check_value(&c->core, value, c->ev->now);
    arm(c);
    if (v != CHECK_QUIET)
        c->tell(c->owner, c, v);
}

/* --- the kinds ---------------------------------------------------------------------------------------- */

static void run_command(struct checker *c)
{
    struct error err;
    if (c->run_command != NULL) {
        c->run_command(c->owner, c);
        return;
    }
    if (spawn_command(c->spec.command, c->task_command, c->role, &c->pid, &err) == 0)
        return;
    (void)fprintf(stderr, "Check: %s\n", err.msg);
    c->pid = 0;
    checker_result(c, CHECK_NO_VALUE, false);
}

/* fallback: the result when there is no curl. */
static void run_curl(struct checker *c, int64_t fallback)
{
    char url[2048];
    struct error err;
    int p[2];
    (void)snprintf(url, sizeof url, "%.*s://%s:%u%.*s", STR_ARG(c->spec.scheme), c->spec.v6 ? "[::1]" : "127.0.0.1",
                   c->spec.port, STR_ARG(c->spec.path));
    const char *argv[] = { "curl", "-s", "-S", "-L", "-k", "-w", "%{http_code}", "-o", "/dev/null", "-g", url, NULL };
    if (pipe2(p, O_CLOEXEC | O_NONBLOCK) != 0) {
        checker_result(c, fallback, false);
        return;
    }
    c->pipe_fd = p[0];
    int r = spawn_argv((char *const *)(uintptr_t)argv, p[1], &c->pid, &err);
    (void)close(p[1]);
    if (r == 0)
        return;
    if (fallback == CHECK_NO_VALUE)
        (void)fprintf(stderr, "Check by https: %s\n", err.msg);
    c->pid = 0;
    (void)close(c->pipe_fd);
    c->pipe_fd = -1;
    checker_result(c, fallback, false);
}

static void on_http(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct checker *c = arg;
    (void)body;
    (void)err;
    c->http_busy = false;
    if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
        run_curl(c, status); /* the code at the end of the redirects is what counts */
    else
        checker_result(c, status != 0 ? (int64_t)status : CHECK_NO_VALUE, false);
}

static struct xhttp_endpoint local_endpoint(const struct checker *c)
{
    struct xhttp_endpoint to = { .port = c->spec.port, .v6 = c->spec.v6 };
    (void)snprintf(to.host, sizeof to.host, "%s", c->spec.v6 ? "::1" : "127.0.0.1");
    return to;
}

static void run_http(struct checker *c)
{
    if (!str_is(c->spec.scheme, "http")) {
        run_curl(c, CHECK_NO_VALUE);
        return;
    }
    struct xhttp_endpoint to = local_endpoint(c);
    CLEANUP(free_p) char *target = xstrndup(c->spec.path);
    c->http.to = to;
    c->http_busy = true;
    xhttp_send(&c->http, "GET", target, "User-Agent: stoa-check\r\nAccept: */*\r\nConnection: close\r\n", (struct str){ NULL, 0 },
               on_http, NULL, c);
}

static void on_connected(void *arg, int fd, unsigned what)
{
    struct checker *c = arg;
    int e = 0;
    socklen_t size = sizeof e;
    (void)what;
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size);
    ev_unwatch(c->ev, c->sock_watch);
    (void)close(fd);
    c->sock_fd = -1;
    c->sock_watch = NULL;
    checker_result(c, e == 0 ? 1 : 0, false);
}

static void run_tcp(struct checker *c)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(c->spec.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(c->spec.port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    c->sock_fd = socket(c->spec.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = c->sock_fd < 0 ? -1
            : c->spec.v6   ? connect(c->sock_fd, (struct sockaddr *)&v6, sizeof v6)
                           : connect(c->sock_fd, (struct sockaddr *)&v4, sizeof v4);
    if (r == 0 || errno == EINPROGRESS) {
        c->sock_watch = ev_watch(c->ev, c->sock_fd, EPOLLOUT, on_connected, c);
        return;
    }
    if (c->sock_fd >= 0)
        (void)close(c->sock_fd);
    c->sock_fd = -1;
    checker_result(c, 0, false);
}

static void run(struct checker *c)
{
    switch (c->spec.kind) {
    case CHECK_KIND_COMMAND:
        run_command(c);
        break;
    case CHECK_KIND_HTTP:
        run_http(c);
        break;
    case CHECK_KIND_TCP:
        run_tcp(c);
        break;
    case CHECK_KIND_NONE:
        checker_result(c, CHECK_NO_VALUE, false);
        break;
    }
}

static void on_timer(void *arg)
{
    struct checker *c = arg;
    switch (check_tick(&c->core, c->ev->now)) {
    case CHECK_DUE_RUN:
        arm(c);
        run(c);
        break;
    case CHECK_DUE_TIMEOUT:
        abandon(c);
        checker_result(c, CHECK_NO_VALUE, false);
        break;
    case CHECK_DUE_NOTHING:
        arm(c);
        break;
    }
}

/* What curl printed: the status code. */
static int64_t read_code(struct checker *c)
{
    char text[16];
    ssize_t n = read(c->pipe_fd, text, sizeof text);
    (void)close(c->pipe_fd);
    c->pipe_fd = -1;
    struct str s = str_mem(text, n > 0 ? (size_t)n : 0);
    uint64_t code;
    return str_u64(&s, 999, &code) && code != 0 ? (int64_t)code : CHECK_NO_VALUE;
}

bool checker_child_ended(struct checker *c, pid_t pid, int status)
{
    if (c->pid == 0 || c->pid != pid)
        return false;
    c->pid = 0;
    int64_t value = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (c->pipe_fd >= 0)
        value = read_code(c);
    checker_result(c, value, false);
    return true;
}

void checker_start(struct checker *c, struct ev *ev, const struct check_spec *spec)
{
    struct xhttp_endpoint to = { .port = 0 };
    c->ev = ev;
    c->spec = *spec;
    c->pid = 0;
    c->pipe_fd = c->sock_fd = -1;
    c->sock_watch = NULL;
    c->http_busy = false;
    xhttp_init(&c->http, ev, &to);
    ev_timer_init(&c->timer, on_timer, c);
    check_start(&c->core, &spec->policy, ev->now);
    arm(c);
}

void checker_stop(struct checker *c)
{
    if (c->ev == NULL || c->core.state == CHECK_OFF)
        return;
    abandon(c);
    xhttp_done(&c->http);
    c->core.state = CHECK_OFF;
    arm(c);
}

void checker_pause(struct checker *c)
{
    if (c->ev == NULL || c->core.state == CHECK_OFF)
        return;
    abandon(c);
    check_pause(&c->core);
    arm(c);
}

void checker_resume(struct checker *c)
{
    if (c->ev == NULL)
        return;
    check_resume(&c->core, c->ev->now);
    arm(c);
}
