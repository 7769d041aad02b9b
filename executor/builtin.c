/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/builtin.h"

#include <signal.h>
#include <stdio.h>

#include "common/base/cleanup.h"
#include "executor/core/command.h"

static void on_event(void *arg, const struct exec_event *ev)
{
    struct builtin *b = arg;

    if (ev->type == EXEC_ERROR)
        (void)fprintf(stderr, "Error: %.*s\n", STR_ARG(ev->message));
    else if (ev->type != EXEC_ACKNOWLEDGED || b->client.session.update_count == 0)
        b->ops->on_event(b->owner, ev);
}

static void on_shutdown(void *arg)
{
    struct builtin *b = arg;

    b->ops->on_note(b->owner, b->client.session.state == SESSION_ENDED ? BUILTIN_LOST : BUILTIN_SHUTDOWN);
}

static void on_disconnected(void *arg)
{
    struct builtin *b = arg;

    b->ops->on_note(b->owner, BUILTIN_DISCONNECTED);
}

static void on_error(void *arg, const char *message)
{
    (void)arg;
    (void)fprintf(stderr, "%s\n", message);
}

static void on_child(void *arg, pid_t pid, int status)
{
    struct builtin *b = arg;

    b->ops->on_child(b->owner, pid, status);
}

static void on_timer(void *arg)
{
    struct builtin *b = arg;

    b->ops->on_note(b->owner, BUILTIN_TICK);
}

static int init(struct builtin *b, struct error *err)
{
    struct exec_env env;

    if (exec_env_read(&env, err) != 0 || ev_init(&b->ev, err) != 0 || reaper_init(&b->reaper, &b->ev, on_child, b, err) != 0 ||
        exec_client_init(&b->client, &b->ev, &env, err) != 0)
        return -(int)err->code;
    b->client.owner = b;
    b->client.on_event = on_event;
    b->client.on_shutdown = on_shutdown;
    b->client.on_disconnected = on_disconnected;
    b->client.on_error = on_error;
    ev_timer_init(&b->timer, on_timer, b);
    return 0;
}

bool builtin_init(struct builtin *b, const struct builtin_ops *ops, void *owner)
{
    struct error err;

    (void)signal(SIGPIPE, SIG_IGN);
    b->ops = ops;
    b->owner = owner;
    if (init(b, &err) == 0)
        return true;
    (void)fprintf(stderr, "Failed to start the %s: %s\n", ops->name, err.msg);
    return false;
}

int builtin_run(struct builtin *b)
{
    exec_client_start(&b->client);
    while (!b->done)
        ev_turn(&b->ev, -1);
    return b->exit_status;
}

/* Every status of a task with a check has its kind; the result only those that a check or health check caused. */
void builtin_update(struct builtin *b, struct exec_status *status, struct str task, const struct checker *check, int health)
{
    CLEANUP(sbuf_done_p) struct sbuf kind = SBUF_INIT(256);
    struct check_spec spec;
    struct error err;
    bool by_check = status->reason == REASON_TASK_CHECK_STATUS_UPDATED || status->reason == REASON_TASK_HEALTH_CHECK_STATUS_UPDATED;

    if (task.p != NULL && task_check(task, &spec))
        exec_put_check_status(&kind, spec.kind, by_check && check->core.has_value ? check->core.value : CHECK_NO_VALUE);
    if (status->healthy < 0 && by_check)
        status->healthy = health;
    status->check_status = sbuf_view(&kind);
    status->executor_id = str_of(b->client.env.executor_id);
    if (exec_client_update(&b->client, status, &err) != 0)
        (void)fprintf(stderr, "Status update: %s\n", err.msg);
}
