/* SPDX-License-Identifier: Apache-2.0 */
/* libstoa-executor: the public face of client.c. See executor/include/stoa/executor.h. */
#include "executor/include/stoa/executor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/base/sigpipe.h"
#include "executor/sdk/client.h"

enum { GROUP_TASKS_MAX = 1000, STOP_WAIT_S = 60 };

struct user_timer {
    struct ev_timer timer;
    struct stoa_executor *e;
    void (*fn)(void *arg);
    void *arg;
    struct user_timer *next, *prev;
};

struct user_watch {
    struct ev_watch *watch;
    int fd;
    void (*fn)(void *arg, int fd);
    void *arg;
    struct user_watch *next, *prev;
};

struct stoa_executor {
    struct stoa_executor_callbacks cb;
    void *ctx;
    struct ev ev;
    struct exec_client client;
    struct ev_timer kill_timer, stop_timer;
    bool started, shut_down, stopping, done;
    int status;
    struct user_timer *timers;
    struct user_watch *watches, *dead;
    struct error err;
};

/* --- events ------------------------------------------------------------------------------------------- */

static void maybe_done(struct stoa_executor *e)
{
    if (e->stopping && (e->client.session.update_count == 0 || e->client.session.state == SESSION_ENDED))
        e->done = true;
}

/* A task as the callbacks get it; the texts are the caller's to free. */
static struct stoa_task task_view(struct str info)
{
    struct str data = wire_field_bytes(info, 6);
    return (struct stoa_task){
        .task_id = xstrndup(task_id_of(info)),
        .name = xstrndup(task_name_of(info)),
        .data = { data.p, data.n },
        .info = { info.p, info.n },
    };
}

static void task_view_done(struct stoa_task *t)
{
    free((char *)(uintptr_t)t->task_id);
    free((char *)(uintptr_t)t->name);
}

static void launch(struct stoa_executor *e, struct str info)
{
    struct stoa_task t = task_view(info);
    if (e->cb.launch != NULL)
        e->cb.launch(e->ctx, &t);
    task_view_done(&t);
}

static void launch_group(struct stoa_executor *e, struct str group)
{
    struct stoa_task *list = xcalloc(GROUP_TASKS_MAX, sizeof *list);
    struct wire_field f;
    size_t n = 0;
    while (n < GROUP_TASKS_MAX && wire_field_next(&group, &f) == 1) {
        if (f.number == 1 && f.type == WIRE_BYTES)
            list[n++] = task_view(f.bytes);
    }
    if (e->cb.launch_group != NULL)
        e->cb.launch_group(e->ctx, list, n);
    for (size_t i = 0; i < n; i++)
        task_view_done(&list[i]);
    free(list);
}

static void on_event(void *owner, const struct exec_event *ev)
{
    struct stoa_executor *e = owner;
    CLEANUP(free_p) char *id = xstrndup(ev->task_id);
    switch (ev->type) {
    case EXEC_SUBSCRIBED:
        if (e->cb.subscribed != NULL)
            e->cb.subscribed(e->ctx, (struct stoa_bytes){ ev->subscribed.p, ev->subscribed.n });
        break;
    case EXEC_LAUNCH:
        launch(e, ev->task);
        break;
    case EXEC_LAUNCH_GROUP:
        launch_group(e, ev->task_group);
        break;
    case EXEC_KILL:
        if (e->cb.kill != NULL)
            e->cb.kill(e->ctx, id, ev->grace_ns);
        break;
    case EXEC_ACKNOWLEDGED:
        if (e->cb.acknowledged != NULL)
            e->cb.acknowledged(e->ctx, id, ev->uuid.b);
        maybe_done(e);
        break;
    case EXEC_MESSAGE:
        if (e->cb.message != NULL)
            e->cb.message(e->ctx, (struct stoa_bytes){ ev->data.p, ev->data.n });
        break;
    case EXEC_ERROR:
        if (e->cb.error != NULL) {
            CLEANUP(free_p) char *text = xstrndup(ev->message);
            e->cb.error(e->ctx, text);
        }
        break;
    case EXEC_SHUTDOWN:
    case EXEC_HEARTBEAT:
    case EXEC_UNKNOWN:
        break;
    }
}

static void on_shutdown(void *owner)
{
    struct stoa_executor *e = owner;
    maybe_done(e);
    if (e->shut_down)
        return;
    e->shut_down = true;
    ev_timer_at(&e->ev, &e->kill_timer, mono_add(e->ev.now, e->client.env.shutdown_grace_ns));
    if (e->cb.shutdown != NULL)
        e->cb.shutdown(e->ctx);
    else
        stoa_executor_stop(e, 0);
}

static void on_disconnected(void *owner)
{
    struct stoa_executor *e = owner;
    if (e->cb.disconnected != NULL)
        e->cb.disconnected(e->ctx);
}

static void on_error(void *owner, const char *message)
{
    struct stoa_executor *e = owner;
    if (e->cb.error != NULL)
        e->cb.error(e->ctx, message);
    else
        (void)fprintf(stderr, "%s\n", message);
}

/* The grace period after SHUTDOWN is over. */
static void on_kill(void *arg)
{
    (void)arg;
    if (getpgrp() == getpid() || getsid(0) == getpgrp())
        (void)kill(0, SIGKILL); /* an executor leads the group that its agent made */
    _exit(1);
}

static void on_stop_timeout(void *arg)
{
    struct stoa_executor *e = arg;
    e->done = true;
    if (e->status == 0)
        e->status = 1;
}

/* --- life --------------------------------------------------------------------------------------------- */

int stoa_executor_new(struct stoa_executor **ret, const struct stoa_executor_callbacks *callbacks, void *ctx, char *error,
                      size_t error_size)
{
    struct exec_env env;
    struct stoa_executor *e = xcalloc(1, sizeof *e);
    *ret = NULL;
    e->cb = *callbacks;
    e->ctx = ctx;
    sigpipe_ignore();
    int r = exec_env_read(&env, &e->err);
    if (r == 0)
        r = ev_init(&e->ev, &e->err);
    if (r == 0)
        r = exec_client_init(&e->client, &e->ev, &env, &e->err);
    if (r != 0) {
        if (error != NULL && error_size > 0)
            (void)snprintf(error, error_size, "%s", e->err.msg);
        free(e);
        return r;
    }
    e->client.owner = e;
    e->client.on_event = on_event;
    e->client.on_shutdown = on_shutdown;
    e->client.on_disconnected = on_disconnected;
    e->client.on_error = on_error;
    ev_timer_init(&e->kill_timer, on_kill, e);
    ev_timer_init(&e->stop_timer, on_stop_timeout, e);
    *ret = e;
    return 0;
}

static void free_dead(struct stoa_executor *e)
{
    struct user_watch *w, *next;
    DL_FOREACH_SAFE(e->dead, w, next)
        free(w);
    e->dead = NULL;
}

void stoa_executor_free(struct stoa_executor *e)
{
    if (e == NULL)
        return;
    exec_client_done(&e->client);
    struct user_timer *t, *tn;
    DL_FOREACH_SAFE(e->timers, t, tn) {
        ev_timer_at(&e->ev, &t->timer, MONO_NEVER);
        free(t);
    }
    struct user_watch *w, *wn;
    DL_FOREACH_SAFE(e->watches, w, wn)
        free(w);
    free_dead(e);
    ev_done(&e->ev);
    free(e);
}

static void start(struct stoa_executor *e)
{
    if (!e->started)
        exec_client_start(&e->client);
    e->started = true;
}

int stoa_executor_run(struct stoa_executor *e)
{
    start(e);
    while (!e->done) {
        ev_turn(&e->ev, -1);
        free_dead(e);
    }
    return e->status;
}

int stoa_executor_fd(struct stoa_executor *e)
{
    return e->ev.epoll_fd;
}

int stoa_executor_process(struct stoa_executor *e)
{
    start(e);
    ev_turn(&e->ev, 0);
    free_dead(e);
    return e->done ? 0 : 1;
}

void stoa_executor_stop(struct stoa_executor *e, int status)
{
    e->stopping = true;
    e->status = status;
    ev_timer_at(&e->ev, &e->kill_timer, MONO_NEVER);
    ev_timer_at(&e->ev, &e->stop_timer, mono_add(e->ev.now, STOP_WAIT_S * NS_PER_S));
    maybe_done(e);
}

/* --- sending ------------------------------------------------------------------------------------------ */

static int check_update(struct stoa_executor *e, struct str task_id, int state)
{
    if (task_id.n == 0)
        return error_set(&e->err, ERR_INVALID, "an update needs a task_id");
    if (state == 6 /* TASK_STAGING */ || state < 0 || state > 13)
        return error_set(&e->err, ERR_INVALID, "update of task %.60s: state %d is not one an executor may send", task_id.p,
                         state);
    return 0;
}

int stoa_executor_update(struct stoa_executor *e, const struct stoa_update *u)
{
    int r = check_update(e, str_of(u->task_id), u->state);
    if (r != 0)
        return r;
    struct exec_status s = {
        .task_id = str_of(u->task_id),
        .state = u->state,
        .reason = u->reason != 0 ? u->reason : -1,
        .message = str_of(u->message),
        .data = str_mem(u->data.p, u->data.n),
        .labels = str_mem(u->labels.p, u->labels.n),
        .healthy = u->health == STOA_HEALTH_UNSET ? -1 : u->health == STOA_HEALTHY,
        .executor_id = str_of(e->client.env.executor_id),
    };
    return exec_client_update(&e->client, &s, &e->err);
}

/* Fields of TaskStatus that are the library's: those that it always writes. */
static bool is_ours(uint32_t number)
{
    return number == 1 || number == 2 || number == 6 || number == 7 || number == 9 || number == 11;
}

int stoa_executor_status(struct stoa_executor *e, const void *status, size_t n)
{
    CLEANUP(sbuf_done_p) struct sbuf others = SBUF_INIT(XHTTP_BODY_MAX);
    struct str bytes = str_mem(status, n), rest = bytes;
    CLEANUP(free_p) char *id = xstrndup(wire_path(bytes, 1, 1, 0));
    uint64_t state = wire_field_u64(bytes, 2, 6);
    struct wire_field f;
    int r;
    while ((r = wire_field_next(&rest, &f)) == 1)
        if (!is_ours(f.number))
            sbuf_str(&others, f.raw);
    if (r < 0)
        return error_set(&e->err, ERR_INVALID, "the %zu bytes are no TaskStatus", n);
    r = check_update(e, str_of(id), state <= 13 ? (int)state : -1);
    if (r != 0)
        return r;
    if (!sbuf_ok(&others))
        return error_set(&e->err, ERR_LIMIT, "update of task %.60s is over %d bytes", id, XHTTP_BODY_MAX);
    struct exec_status s = {
        .task_id = str_of(id),
        .state = (int)state,
        .reason = -1,
        .healthy = -1,
        .executor_id = str_of(e->client.env.executor_id),
        .rest = sbuf_view(&others),
    };
    return exec_client_update(&e->client, &s, &e->err);
}

int stoa_executor_message(struct stoa_executor *e, const void *data, size_t n)
{
    return exec_client_message(&e->client, str_mem(data, n), &e->err);
}

size_t stoa_executor_unacknowledged(const struct stoa_executor *e)
{
    return e->client.session.update_count;
}

const char *stoa_executor_error(const struct stoa_executor *e)
{
    return e->err.msg;
}

/* --- the loop's conveniences -------------------------------------------------------------------------- */

static void on_user_timer(void *arg)
{
    struct user_timer *t = arg;
    void (*fn)(void *) = t->fn;
    void *user = t->arg;
    DL_DELETE(t->e->timers, t);
    free(t);
    fn(user);
}

int stoa_executor_after(struct stoa_executor *e, int64_t ns, void (*fn)(void *arg), void *arg)
{
    struct user_timer *t = xcalloc(1, sizeof *t);
    *t = (struct user_timer){ .e = e, .fn = fn, .arg = arg };
    ev_timer_init(&t->timer, on_user_timer, t);
    DL_APPEND(e->timers, t);
    ev_timer_at(&e->ev, &t->timer, mono_add(ev_clock(), ns));
    return 0;
}

static void on_user_watch(void *arg, int fd, unsigned what)
{
    struct user_watch *w = arg;
    (void)what;
    if (w->fn != NULL)
        w->fn(w->arg, fd);
}

int stoa_executor_watch(struct stoa_executor *e, int fd, void (*fn)(void *arg, int fd), void *arg)
{
    struct user_watch *w, *next;
    DL_FOREACH_SAFE(e->watches, w, next) {
        if (w->fd != fd)
            continue;
        ev_unwatch(&e->ev, w->watch);
        w->fn = NULL;
        DL_DELETE(e->watches, w);
        DL_APPEND(e->dead, w);
    }
    if (fn == NULL)
        return 0;
    w = xcalloc(1, sizeof *w);
    *w = (struct user_watch){ .fd = fd, .fn = fn, .arg = arg };
    DL_APPEND(e->watches, w);
    w->watch = ev_watch(&e->ev, fd, EPOLLIN, on_user_watch, w);
    return 0;
}
