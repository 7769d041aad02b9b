/* SPDX-License-Identifier: Apache-2.0 */
/* The default (pod) executor: the shell around core/pod.c. Containers are launched, waited for and killed by calls to the
 * agent's /api/v1. A COMMAND check is a container nested in the task's, with the task's environment and its own. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "executor/builtin.h"
#include "executor/core/pod.h"

enum { CALL_LAUNCH_CONTAINER = 22, CALL_WAIT_CONTAINER = 23, CALL_KILL_CONTAINER = 24, CALL_REMOVE_CONTAINER = 25 };
static const uint32_t call_field[] = { [CALL_LAUNCH_CONTAINER] = 13, [CALL_WAIT_CONTAINER] = 14, [CALL_KILL_CONTAINER] = 15,
                                       [CALL_REMOVE_CONTAINER] = 16 };

/* What the shell has beside a pod_task, at the same index. */
struct shell_task {
    struct shell *shell;
    unsigned index;
    char *bytes; /* TaskInfo, owned */
    struct str task;
    struct xhttp wait;
    struct ev_timer wait_again; /* or launch: what the agent could not take yet */
    struct checker health, check;
    int health_state;
    struct check_run {
        char id[UUID_TEXT_SIZE + 8];
        struct xhttp http;
        unsigned serial;
        bool busy;
        struct checker *of;
        struct shell_task *task;
    } runs[2];
    char *limitation; /* encoded, of the agent's answer */
    size_t limitation_size;
};

struct shell {
    struct builtin b;
    struct pod core;
    struct xhttp calls; /* launch, kill, remove */
    struct shell_task **tasks;
    size_t count, cap;
    char *container_id; /* encoded ContainerID of this executor */
    size_t container_id_size;
    bool killing_state, partition_aware, stepping;
    struct queued {
        struct pod_event ev;
        char *message;
        struct queued *next;
    } *queue, **tail;
};

/* --- calls to the agent ------------------------------------------------------------------------------- */

static const char api[] = "/api/v1";

/* ContainerID of a nested container: of the task, or of a check below it. */
static void put_container_id(struct sbuf *b, uint32_t number, const struct shell *s, const char *task, const char *check)
{
    size_t m = wire_open(b, number);
    wire_put_bytes(b, 1, str_of(check != NULL ? check : task));
    if (check != NULL) {
        size_t p = wire_open(b, 2);
        wire_put_bytes(b, 1, str_of(task));
        wire_put_bytes(b, 2, str_mem(s->container_id, s->container_id_size));
        wire_close(b, p);
    } else {
        wire_put_bytes(b, 2, str_mem(s->container_id, s->container_id_size));
    }
    wire_close(b, m);
}

static size_t call_open(struct sbuf *b, unsigned type)
{
    wire_put_u64(b, 1, type);
    return wire_open(b, call_field[type]);
}

static void put_variable(struct sbuf *b, struct str name, struct str value)
{
    size_t m = wire_open(b, 1);
    wire_put_bytes(b, 1, name);
    wire_put_bytes(b, 2, value);
    wire_close(b, m);
}

static void copy_variables(struct sbuf *b, struct str command)
{
    struct str env = wire_field_bytes(command, 2);
    struct wire_field f;
    while (wire_field_next(&env, &f) == 1) {
        if (f.number == 1)
            wire_put_bytes(b, 1, f.bytes);
    }
}

static struct str container_ip(const struct shell *s)
{
    const char *ip = getenv("LIBPROCESS_IP");
    return str_of(ip != NULL && ip[0] != 0 ? ip : s->b.client.env.agent.host);
}

/* CommandInfo of the container: the command's, with the environment of the task and what the executor adds. */
static void put_command(struct sbuf *b, const struct shell *s, struct str command, struct str task)
{
    size_t m = wire_open(b, 2);
    struct str task_command = task_command_of(task), role = task_allocation_role(task);
    (void)wire_copy_without(b, command, 2);
    size_t e = wire_open(b, 2);
    put_variable(b, STR("MESOS_CONTAINER_IP"), container_ip(s));
    copy_variables(b, task_command);
    if (command.p != task_command.p)
        copy_variables(b, command);
    if (role.p != NULL)
        put_variable(b, STR("MESOS_ALLOCATION_ROLE"), role);
    wire_close(b, e);
    wire_close(b, m);
}

/* A volume of the executor's sandbox, where the agent puts persistent volumes. */
static void put_parent_volume(struct sbuf *b, struct str volume)
{
    struct str path = wire_field_bytes(volume, 1);
    size_t v = wire_open(b, 2);
    wire_put_bytes(b, 1, path);
    wire_put_u64(b, 3, wire_field_u64(volume, 3, 1));
    size_t src = wire_open(b, 5);
    wire_put_u64(b, 1, 2); /* SANDBOX_PATH */
    size_t p = wire_open(b, 3);
    wire_put_u64(b, 1, 2); /* PARENT */
    wire_put_bytes(b, 2, path);
    wire_close(b, p);
    wire_close(b, src);
    wire_close(b, v);
}

static void put_container_info(struct sbuf *b, struct str task)
{
    struct str container = wire_field_bytes(task, 9), rest = task;
    CLEANUP(sbuf_done_p) struct sbuf volumes = SBUF_INIT(1 << 20);
    struct wire_field f;
    while (wire_field_next(&rest, &f) == 1) {
        struct str disk = f.number == 4 && f.type == WIRE_BYTES ? wire_field_bytes(f.bytes, 7) : (struct str){ NULL, 0 };
        struct str volume = wire_field_bytes(disk, 2);
        if (volume.p != NULL)
            put_parent_volume(&volumes, volume);
    }
    if (container.p == NULL && volumes.n == 0)
        return;
    size_t m = wire_open(b, 4);
    if (container.p != NULL)
        sbuf_str(b, container);
    else
        wire_put_u64(b, 1, 2); /* MESOS */
    sbuf_str(b, sbuf_view(&volumes));
    wire_close(b, m);
}

static void put_each(struct sbuf *b, uint32_t to, struct str message, uint32_t from)
{
    struct wire_field f;
    while (wire_field_next(&message, &f) == 1) {
        if (f.number == from && f.type == WIRE_BYTES)
            wire_put_bytes(b, to, f.bytes);
    }
}

/* A launch that is asked for again, since the answer to the first did not come, is not to run the command a second time. */
static void post_once(struct xhttp *h, struct shell *s, const struct sbuf *call, xhttp_done_fn *done, void *arg)
{
    CLEANUP(sbuf_done_p) struct sbuf headers = SBUF_INIT(64 << 10);
    sbuf_fmt(&headers, "%sStoa-Launch: once\r\n", s->b.client.headers.p);
    sbuf_char(&headers, 0);
    xhttp_send(h, "POST", api, headers.p, sbuf_view(call), done, NULL, arg);
}

static void post(struct xhttp *h, struct shell *s, const struct sbuf *call, xhttp_done_fn *done, void *arg)
{
    xhttp_send(h, "POST", api, s->b.client.headers.p, sbuf_view(call), done, NULL, arg);
}

/* --- events ------------------------------------------------------------------------------------------- */

static void carry_out(struct shell *s);

/* Events that come up while actions are carried out wait their turn. */
static void feed(struct shell *s, const struct pod_event *ev)
{
    if (s->stepping) {
        struct queued *q = xcalloc(1, sizeof *q);
        q->ev = *ev;
        if (ev->message != NULL)
            q->ev.message = q->message = xstrdup(ev->message);
        *s->tail = q;
        s->tail = &q->next;
        return;
    }
    s->stepping = true;
    pod_step(&s->core, ev, s->b.ev.now, &s->b.client.rng);
    carry_out(s);
    s->stepping = false;
    struct queued *q = s->queue;
    if (q != NULL) {
        s->queue = q->next;
        if (s->queue == NULL)
            s->tail = &s->queue;
        feed(s, &q->ev);
        free(q->message);
        free(q);
    }
}

static void on_launched(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct shell_task *t = arg;
    char text[300];
    struct pod_event ev = { .type = POD_EV_LAUNCHED, .index = t->index };
    if (status == 0 || status == 503) {
        /* Away: sent again after the reconnect that follows. Or back, and waiting for other executors still. */
        ev_timer_at(&t->shell->b.ev, &t->wait_again, mono_add(t->shell->b.ev.now, NS_PER_S));
        return;
    }
    if (status != 200 && status != 202) {
        (void)snprintf(text, sizeof text, "%.*s", STR_ARG(str_sub(body, 0, sizeof text - 1)));
        ev.message = text;
    }
    (void)err;
    feed(t->shell, &ev);
}

static void do_launch(struct shell *s, struct shell_task *t)
{
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(XHTTP_BODY_MAX);
    size_t m = call_open(&call, CALL_LAUNCH_CONTAINER);
    put_container_id(&call, 1, s, s->core.tasks[t->index].container, NULL);
    put_command(&call, s, task_command_of(t->task), t->task);
    put_each(&call, 3, t->task, 4);
    put_container_info(&call, t->task);
    put_each(&call, 5, t->task, 15);
    wire_close(&call, m);
    ev_timer_at(&s->b.ev, &t->wait_again, MONO_NEVER);
    post_once(&s->calls, s, &call, on_launched, t);
}

static void on_waited(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct shell_task *t = arg;
    struct shell *s = t->shell;
    char text[300];
    struct pod_event ev = { .type = POD_EV_ENDED, .index = t->index, .state = -1, .reason = -1 };
    (void)err;
    if (status == 0)
        return; /* the agent went away; SUBSCRIBED brings a new wait */
    if (status == 200) {
        struct str w = wire_field_bytes(body, 16), message = wire_field_bytes(w, 5), limit = wire_field_bytes(w, 4);
        ev.status = (int)wire_field_u64(w, 1, 0);
        ev.gone = wire_field_u64(w, 1, UINT64_MAX) == UINT64_MAX;
        ev.state = (int)wire_field_u64(w, 2, (uint64_t)-1);
        ev.reason = (int)wire_field_u64(w, 3, (uint64_t)-1);
        if (message.p != NULL) {
            (void)snprintf(text, sizeof text, "%.*s", STR_ARG(str_sub(message, 0, sizeof text - 1)));
            ev.message = text;
        }
        if (limit.p != NULL && t->limitation == NULL) {
            t->limitation = xmemdup(limit.p, limit.n);
            t->limitation_size = limit.n;
        }
    } else if (status == 404) {
        ev.gone = true;
    } else {
        ev_timer_at(&s->b.ev, &t->wait_again, mono_add(s->b.ev.now, NS_PER_S));
        return;
    }
    feed(s, &ev);
}

static void do_wait(struct shell *s, struct shell_task *t)
{
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(4096);
    size_t m = call_open(&call, CALL_WAIT_CONTAINER);
    put_container_id(&call, 1, s, s->core.tasks[t->index].container, NULL);
    wire_close(&call, m);
    ev_timer_at(&s->b.ev, &t->wait_again, MONO_NEVER);
    xhttp_close(&t->wait);
    post(&t->wait, s, &call, on_waited, t);
}

static void on_wait_again(void *arg)
{
    struct shell_task *t = arg;
    const struct pod_task *p = &t->shell->core.tasks[t->index];
    if (p->launched)
        do_wait(t->shell, t);
    else if (p->state != POD_ENDED)
        do_launch(t->shell, t);
}

static void on_signalled(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct shell_task *t = arg;
    struct pod_event ev = { .type = POD_EV_KILL_FAILED, .index = t->index };
    (void)body;
    (void)err;
    if (status != 200 && status != 404)
        feed(t->shell, &ev);
}

static void do_signal(struct shell *s, struct shell_task *t, int signo)
{
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(4096);
    size_t m = call_open(&call, CALL_KILL_CONTAINER);
    put_container_id(&call, 1, s, s->core.tasks[t->index].container, NULL);
    wire_put_i64(&call, 2, signo);
    wire_close(&call, m);
    post(&s->calls, s, &call, on_signalled, t);
}

/* --- updates ------------------------------------------------------------------------------------------ */

static void do_update(struct shell *s, const struct pod_action *a, struct shell_task *t)
{
    CLEANUP(sbuf_done_p) struct sbuf id = SBUF_INIT(4096);
    wire_put_bytes(&id, 1, str_of(s->core.tasks[t->index].container));
    wire_put_bytes(&id, 2, str_mem(s->container_id, s->container_id_size));
    struct exec_status status = {
        .task_id = task_id_of(t->task),
        .state = a->state,
        .reason = a->reason,
        .message = str_of(a->message),
        .healthy = a->healthy,
        .container_id = sbuf_view(&id),
        .limitation = str_mem(t->limitation, t->limitation_size),
    };
    builtin_update(&s->b, &status, t->task, &t->check, t->health_state);
}

/* tasks/<task id> -> containers/<uuid> in the executor's sandbox; ids with '/' get none. */
static void link_sandbox(const struct shell *s, const struct shell_task *t)
{
    char from[600], to[128];
    const char *task = s->core.tasks[t->index].task_id;
    if (strchr(task, '/') != NULL || snprintf(from, sizeof from, "tasks/%s", task) >= (int)sizeof from)
        return;
    (void)snprintf(to, sizeof to, "../containers/%s", s->core.tasks[t->index].container);
    if (mkdir("tasks", 0755) != 0 && errno != EEXIST)
        return; /* a convenience for people */
    (void)!symlink(to, from);
}

/* --- checks ------------------------------------------------------------------------------------------- */

static void on_verdict(void *owner, struct checker *c, enum check_verdict v)
{
    struct shell_task *t = owner;
    struct pod_event ev = { .type = v == CHECK_TELL_VALUE ? POD_EV_CHECKED : POD_EV_HEALTH, .index = t->index };
    (void)c;
    ev.healthy = v == CHECK_TELL_HEALTHY;
    ev.kill = v == CHECK_TELL_UNHEALTHY_AND_KILL;
    if (ev.type == POD_EV_HEALTH)
        t->health_state = ev.healthy;
    feed(t->shell, &ev);
}

static void check_call(struct check_run *r, unsigned type, xhttp_done_fn *done, void *arg)
{
    struct shell *s = r->task->shell;
    const char *task = s->core.tasks[r->task->index].container;
    CLEANUP(sbuf_done_p) struct sbuf call = SBUF_INIT(XHTTP_BODY_MAX);
    size_t m = call_open(&call, type);
    put_container_id(&call, 1, s, task, r->id);
    if (type == CALL_LAUNCH_CONTAINER)
        put_command(&call, s, r->of->spec.command, r->task->task);
    wire_close(&call, m);
    post(&r->http, s, &call, done, arg);
}

static void on_nothing(void *arg, unsigned status, struct str body, const struct error *err)
{
    (void)arg;
    (void)status;
    (void)body;
    (void)err;
}

static void on_check_waited(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct check_run *r = arg;
    (void)err;
    r->busy = false;
    int st = (int)wire_field_u64(wire_field_bytes(body, 16), 1, 0xff00);
    check_call(r, CALL_REMOVE_CONTAINER, on_nothing, r);
    checker_result(r->of, (st & 0x7f) == 0 ? st >> 8 & 0xff : 128 + (st & 0x7f), status != 200);
}

static void on_check_launched(void *arg, unsigned status, struct str body, const struct error *err)
{
    struct check_run *r = arg;
    (void)body;
    (void)err;
    if (status == 200 || status == 202) {
        check_call(r, CALL_WAIT_CONTAINER, on_check_waited, r);
        return;
    }
    r->busy = false;
    checker_result(r->of, CHECK_NO_VALUE, true); /* the agent's fault is not the task's */
}

static struct check_run *run_of(struct shell_task *t, const struct checker *c)
{
    return &t->runs[c == &t->health ? 0 : 1];
}

static void run_check(void *owner, struct checker *c)
{
    struct shell_task *t = owner;
    struct check_run *r = run_of(t, c);
    struct uuid u = uuid_make(&t->shell->b.client.rng);
    r->of = c;
    r->task = t;
    r->busy = true;
    memcpy(r->id, "check-", 6);
    uuid_text(&u, r->id + 6);
    check_call(r, CALL_LAUNCH_CONTAINER, on_check_launched, r);
}

static void stop_check(void *owner, struct checker *c)
{
    struct check_run *r = run_of(owner, c);
    if (!r->busy)
        return;
    r->busy = false;
    xhttp_close(&r->http);
    check_call(r, CALL_KILL_CONTAINER, on_nothing, r); /* signal: SIGKILL when not said */
}

static void start_checker(struct shell_task *t, struct checker *c, const struct check_spec *spec)
{
    c->owner = t;
    c->tell = on_verdict;
    c->run_command = run_check;
    c->stop_command = stop_check;
    xhttp_init(&run_of(t, c)->http, &t->shell->b.ev, &t->shell->b.client.env.agent);
    checker_start(c, &t->shell->b.ev, spec);
}

static void do_start_checks(struct shell_task *t)
{
    struct check_spec spec;
    link_sandbox(t->shell, t);
    if (task_health_check(t->task, &spec))
        start_checker(t, &t->health, &spec);
    if (task_check(t->task, &spec))
        start_checker(t, &t->check, &spec);
}

/* --- actions ------------------------------------------------------------------------------------------ */

static void for_all_checkers(struct shell *s, void (*f)(struct checker *c))
{
    for (size_t i = 0; i < s->count; i++) {
        f(&s->tasks[i]->health);
        f(&s->tasks[i]->check);
    }
}

static void do_drop(struct shell *s, struct shell_task *t)
{
    struct pod_action a = { .index = t->index, .state = s->partition_aware ? STATE_DROPPED : STATE_LOST, .reason = -1, .healthy = -1 };
    do_update(s, &a, t);
}

static void do_action(struct shell *s, const struct pod_action *a)
{
    struct shell_task *t = a->index < s->count ? s->tasks[a->index] : NULL;
    switch (a->type) {
    case POD_DO_LAUNCH:
        do_launch(s, t);
        break;
    case POD_DO_WAIT:
        do_wait(s, t);
        break;
    case POD_DO_SIGNAL:
        do_signal(s, t, a->signo);
        break;
    case POD_DO_UPDATE:
        do_update(s, a, t);
        break;
    case POD_DO_START_CHECKS:
        do_start_checks(t);
        break;
    case POD_DO_STOP_CHECKS:
        checker_stop(&t->health);
        checker_stop(&t->check);
        break;
    case POD_DO_PAUSE_CHECKS:
        for_all_checkers(s, checker_pause);
        break;
    case POD_DO_RESUME_CHECKS:
        for_all_checkers(s, checker_resume);
        break;
    case POD_DO_DROP:
        do_drop(s, t);
        break;
    case POD_DO_EXIT:
        s->b.done = true;
        s->b.exit_status = a->status;
        break;
    }
}

static void carry_out(struct shell *s)
{
    for (size_t i = 0; i < s->core.action_count; i++)
        do_action(s, &s->core.actions[i]); /* events they cause are queued: the actions stay valid */
    ev_timer_at(&s->b.ev, &s->b.timer, s->core.wake_at);
}

/* --- what the agent says ------------------------------------------------------------------------------ */

static void add_task(struct shell *s, struct str task)
{
    struct shell_task *t = xcalloc(1, sizeof *t);
    t->shell = s;
    t->index = (unsigned)s->count;
    t->bytes = xmemdup(task.p, task.n);
    t->task = str_mem(t->bytes, task.n);
    t->health_state = -1;
    xhttp_init(&t->wait, &s->b.ev, &s->b.client.env.agent);
    ev_timer_init(&t->wait_again, on_wait_again, t);
    ARRAY_ROOM(s->tasks, s->count, s->cap);
    s->tasks[s->count++] = t;
}

static void on_launch_group(struct shell *s, struct str group)
{
    static struct pod_new_task new_tasks[POD_TASKS_MAX];
    struct pod_event ev = { .type = POD_EV_LAUNCH, .tasks = new_tasks, .killing_state = s->killing_state };
    struct wire_field f;
    while (wire_field_next(&group, &f) == 1) {
        if (f.number != 1 || f.type != WIRE_BYTES || s->count >= POD_TASKS_MAX)
            continue;
        add_task(s, f.bytes);
        struct str task = s->tasks[s->count - 1]->task;
        new_tasks[ev.count++] = (struct pod_new_task){ task_id_of(task), task_kill_grace_ns(task), task_max_completion_ns(task) };
    }
    feed(s, &ev);
}

static void on_subscribed(struct shell *s, const struct exec_event *ev)
{
    struct str framework = wire_field_bytes(ev->subscribed, 2), id = wire_field_bytes(ev->subscribed, 4);
    s->killing_state = framework_has_capability(framework, CAPABILITY_TASK_KILLING_STATE);
    s->partition_aware = framework_has_capability(framework, CAPABILITY_PARTITION_AWARE);
    if (s->container_id == NULL) {
        s->container_id = xmemdup(id.p, id.n);
        s->container_id_size = id.n;
    }
    xhttp_close(&s->calls); /* what was under way to the old agent is asked again */
    struct pod_event e = { .type = POD_EV_CONNECTION, .connected = true };
    feed(s, &e);
}

static void on_event(void *owner, const struct exec_event *ev)
{
    struct shell *s = owner;
    struct pod_event e = { .type = POD_EV_SHUTDOWN };
    switch (ev->type) {
    case EXEC_SUBSCRIBED:
        on_subscribed(s, ev);
        break;
    case EXEC_LAUNCH_GROUP:
        on_launch_group(s, ev->task_group);
        break;
    case EXEC_LAUNCH:
        (void)fprintf(stderr, "The default executor takes only task groups; shutting down\n");
        feed(s, &e);
        break;
    case EXEC_KILL:
        e = (struct pod_event){ .type = POD_EV_KILL, .task_id = ev->task_id, .grace_ns = ev->grace_ns };
        feed(s, &e);
        break;
    case EXEC_ACKNOWLEDGED:
        e.type = POD_EV_ALL_ACKNOWLEDGED;
        feed(s, &e);
        break;
    case EXEC_ERROR:
    case EXEC_MESSAGE:
    case EXEC_SHUTDOWN:
    case EXEC_HEARTBEAT:
    case EXEC_UNKNOWN:
        break;
    }
}

static void on_note(void *owner, enum builtin_note note)
{
    static const struct pod_event of[] = {
        [BUILTIN_DISCONNECTED] = { .type = POD_EV_CONNECTION, .connected = false },
        [BUILTIN_SHUTDOWN] = { .type = POD_EV_SHUTDOWN },
        [BUILTIN_LOST] = { .type = POD_EV_SHUTDOWN, .lost = true },
        [BUILTIN_TICK] = { .type = POD_EV_TICK },
    };
    feed(owner, &of[note]);
}

static void on_child(void *arg, pid_t pid, int status)
{
    struct shell *s = arg;
    for (size_t i = 0; i < s->count; i++) {
        if (checker_child_ended(&s->tasks[i]->health, pid, status) || checker_child_ended(&s->tasks[i]->check, pid, status))
            return;
    }
}

static const struct builtin_ops ops = { "default executor", on_event, on_note, on_child };

int pod_executor_main(void)
{
    static struct shell s;

    s.tail = &s.queue;
    pod_init(&s.core);
    if (!builtin_init(&s.b, &ops, &s))
        return 1;
    xhttp_init(&s.calls, &s.b.ev, &s.b.client.env.agent);
    return builtin_run(&s.b);
}
