/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/executor/fake_agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire/guard.h"
#include "common/wire/recordio.h"
#include "executor/core/command.h"

static void copy(char *dst, size_t size, struct str s)
{
    (void)snprintf(dst, size, "%.*s", STR_ARG(s));
}

static void read_status(struct agent_update *u, struct str status)
{
    memset(u, 0, sizeof *u);
    copy(u->task_id, sizeof u->task_id, wire_path(status, 1, 1, 0));
    u->state = (int)wire_field_u64(status, 2, 99);
    u->reason = (int)wire_field_u64(status, 10, (uint64_t)-1);
    u->healthy = (int)wire_field_u64(status, 8, (uint64_t)-1);
    copy(u->message, sizeof u->message, wire_field_bytes(status, 4));
    copy(u->executor_id, sizeof u->executor_id, wire_path(status, 7, 1, 0));
    u->has_container = wire_path(status, 13, 4, 0).n != 0;
    struct str check = wire_field_bytes(status, 15), uuid = wire_field_bytes(status, 11);
    for (size_t i = 0; i < check.n && i < 30; i++)
        (void)snprintf(u->check + 2 * i, 3, "%02x", (unsigned char)check.p[i]);
    if (uuid.n == 16)
        memcpy(u->uuid.b, uuid.p, 16);
}

void fake_agent_event(struct fake_agent *a, struct sbuf *event)
{
    struct sbuf framed = SBUF_INIT(1 << 20);
    recordio_put(&framed, sbuf_view(event));
    if (a->stream != NULL)
        (void)http_stream_write(a->stream, sbuf_view(&framed));
    sbuf_done(&framed);
    sbuf_done(event);
}

void fake_agent_ack(struct fake_agent *a, const struct agent_update *u)
{
    struct sbuf e = SBUF_INIT(4096);
    wire_put_u64(&e, 1, EXEC_ACKNOWLEDGED);
    size_t m = wire_open(&e, 3);
    wire_put_id(&e, 1, str_of(u->task_id));
    wire_put_bytes(&e, 2, str_mem(u->uuid.b, 16));
    wire_close(&e, m);
    fake_agent_event(a, &e);
}

static void take_update(struct fake_agent *a, struct str status, bool again)
{
    if (a->count >= AGENT_UPDATES)
        return;
    struct agent_update *u = &a->updates[a->count++];
    read_status(u, status);
    u->again = again;
    if (a->acknowledge)
        fake_agent_ack(a, u);
}

static void on_gone(void *arg, struct http_req *r, enum http_gone why)
{
    struct fake_agent *a = arg;
    (void)why;
    if (a->stream == r)
        a->stream = NULL;
    for (size_t i = 0; i < 16; i++) {
        if (a->waits[i].r == r)
            a->waits[i].r = NULL;
    }
}

static void send_subscribed(struct fake_agent *a)
{
    struct sbuf e = SBUF_INIT(4096);
    wire_put_u64(&e, 1, EXEC_SUBSCRIBED);
    size_t m = wire_open(&e, 2);
    size_t x = wire_open(&e, 1);
    wire_put_id(&e, 1, STR("x1"));
    wire_close(&e, x);
    x = wire_open(&e, 2);
    wire_put_bytes(&e, 1, STR("root"));
    wire_put_bytes(&e, 2, STR("test framework"));
    if (a->killing_state) {
        size_t c = wire_open(&e, 10);
        wire_put_u64(&e, 1, 2);
        wire_close(&e, c);
    }
    wire_close(&e, x);
    x = wire_open(&e, 3);
    wire_put_bytes(&e, 1, STR("localhost"));
    wire_close(&e, x);
    x = wire_open(&e, 4);
    wire_put_bytes(&e, 1, STR("x1"));
    wire_close(&e, x);
    wire_close(&e, m);
    fake_agent_event(a, &e);
}

static void on_subscribe(struct fake_agent *a, struct http_req *r, struct str subscribe)
{
    struct wire_field f;
    if (a->stream != NULL)
        http_stream_end(a->stream);
    a->stream = r;
    a->subscribes++;
    a->unacknowledged_tasks = 0;
    http_req_on_gone(r, on_gone, a);
    http_stream_begin(r, 200, "application/x-protobuf");
    send_subscribed(a);
    while (wire_field_next(&subscribe, &f) == 1) {
        if (f.number == 1)
            a->unacknowledged_tasks++;
        else if (f.number == 2)
            take_update(a, wire_field_bytes(f.bytes, 1), true);
    }
}

static void executor_call(struct fake_agent *a, struct http_req *r, struct str call)
{
    if (a->refuse) {
        http_reply_text(r, 503, "Agent has not finished recovery");
        return;
    }
    switch (wire_field_u64(call, 3, 0)) {
    case 1:
        on_subscribe(a, r, wire_field_bytes(call, 4));
        return;
    case 2:
        take_update(a, wire_path(call, 5, 1, 0), false);
        break;
    case 3:
        copy(a->messages + strlen(a->messages), 64, wire_path(call, 6, 2, 0));
        break;
    default:
        break;
    }
    http_reply(r, 202, NULL, (struct str){ NULL, 0 });
}

/* --- containers --------------------------------------------------------------------------------------- */

static void container_text(struct str id, char *ret, size_t size)
{
    struct str parent = wire_field_bytes(id, 2);
    ret[0] = 0;
    if (parent.p != NULL) {
        container_text(parent, ret, size - 1);
        strncat(ret, ".", size - strlen(ret) - 1);
    }
    size_t n = strlen(ret);
    (void)snprintf(ret + n, size - n, "%.*s", STR_ARG(wire_field_bytes(id, 1)));
}

struct env_list {
    struct container_env v[64];
    size_t n;
};

static void add_env(void *arg, struct str name, struct str value)
{
    struct env_list *l = arg;
    if (l->n < 64)
        l->v[l->n++] = (struct container_env){ str_dup(name), str_dup(value) };
}

static void launch_container(struct fake_agent *a, struct http_req *r, const char *id, struct str command, bool debug)
{
    struct error err;
    struct env_list env = { .n = 0 };
    char *value = str_dup(wire_field_bytes(command, 3)), sandbox[600];
    command_each_env(command, add_env, &env);
    struct container_spec s = fixture_shell(&a->f, id, value);
    s.command.env = env.v;
    s.command.env_count = env.n;
    s.class = debug ? CONTAINER_CLASS_DEBUG : CONTAINER_CLASS_DEFAULT;
    const char *dot = strrchr(id, '.');
    (void)snprintf(sandbox, sizeof sandbox, "%s/x1/containers/%s", a->f.dir, dot + 1);
    s.sandbox = sandbox;
    a->launches_once += str_is(http_req_header(r, "Stoa-Launch"), "once");
    if (a->busy_launches != 0) {
        a->busy_launches--;
        http_reply_text(r, 503, "Agent has not finished recovery");
    } else if (a->refuse_launch) {
        http_reply_text(r, 400, "not today");
    } else if (containerizer_launch(a->f.c, &s, &err) != 0) {
        http_reply_text(r, 400, "%s", err.msg);
    } else {
        if (a->launched_count < 16)
            (void)snprintf(a->launched[a->launched_count++], 128, "%s", id);
        http_reply(r, 200, NULL, (struct str){ NULL, 0 });
    }
    free(value);
    for (size_t i = 0; i < env.n; i++) {
        free((char *)(uintptr_t)env.v[i].name);
        free((char *)(uintptr_t)env.v[i].value);
    }
}

static void answer_wait(struct http_req *r, int status)
{
    struct sbuf b = SBUF_INIT(256);
    wire_put_u64(&b, 1, 15);
    size_t m = wire_open(&b, 16);
    wire_put_i64(&b, 1, status);
    wire_close(&b, m);
    http_reply_sbuf(r, 200, "application/x-protobuf", &b);
    sbuf_done(&b);
}

static void wait_container(struct fake_agent *a, struct http_req *r, const char *id)
{
    for (size_t i = 0; i < 16; i++) {
        if (a->waits[i].r != NULL)
            continue;
        a->waits[i].r = r;
        (void)snprintf(a->waits[i].id, sizeof a->waits[i].id, "%s", id);
        http_req_on_gone(r, on_gone, a);
        return;
    }
    http_reply_text(r, 503, "too many");
}

/* Looks which waits can be answered; called every turn. */
static void answer_waits(struct fake_agent *a)
{
    struct container_termination t;
    struct error err;
    for (size_t i = 0; i < 16; i++) {
        if (a->waits[i].r == NULL)
            continue;
        int rc = containerizer_wait_result(a->f.c, a->waits[i].id, &t, &err);
        if (rc == -ERR_CONFLICT)
            continue;
        struct http_req *r = a->waits[i].r;
        a->waits[i].r = NULL;
        http_req_on_gone(r, NULL, NULL);
        if (rc == 0)
            answer_wait(r, t.status);
        else
            http_reply_text(r, 404, "%s", err.msg);
    }
}

static void agent_call(struct fake_agent *a, struct http_req *r, struct str call)
{
    static const uint32_t fields[] = { [22] = 13, [23] = 14, [24] = 15, [25] = 16, [17] = 9 };
    uint64_t type = wire_field_u64(call, 1, 0);
    struct error err;
    char id[128];
    if (type > 25 || fields[type] == 0) {
        http_reply_text(r, 501, "call %u", (unsigned)type);
        return;
    }
    struct str body = wire_field_bytes(call, fields[type]);
    container_text(wire_field_bytes(body, 1), id, sizeof id);
    int rc = 0;
    switch (type) {
    case 22:
        launch_container(a, r, id, wire_field_bytes(body, 2), false);
        return;
    case 23:
        wait_container(a, r, id);
        return;
    case 24: {
        int sig = (int)wire_field_u64(body, 2, SIGKILL);
        rc = containerizer_signal(a->f.c, id, sig, &err);
        break;
    }
    case 25:
        rc = containerizer_remove(a->f.c, id, &err);
        break;
    default:
        http_reply_text(r, 501, "session");
        return;
    }
    if (rc == 0)
        http_reply(r, 200, NULL, (struct str){ NULL, 0 });
    else
        http_reply_text(r, err.code == ERR_NOT_FOUND ? 404 : 400, "%s", err.msg);
}

static void on_request(void *ctx, struct http_req *r)
{
    if (str_is(http_req_path(r), "/moved")) {
        http_reply_header(r, "Location", STR("/there"));
        http_reply(r, 302, NULL, STR(""));
    } else if (str_is(http_req_path(r), "/there")) {
        http_reply(r, 204, NULL, STR(""));
    } else if (str_is(http_req_path(r), "/api/v1/executor")) {
        executor_call(ctx, r, http_req_body(r));
    } else {
        struct fake_agent *a = ctx;
        a->probes += str_is(http_req_path(r), "/");
        agent_call(ctx, r, http_req_body(r));
    }
}

/* --- life --------------------------------------------------------------------------------------------- */

/* Below the ports that the kernel gives to clients: while the agent is away nobody else gets its port, and no executor
 * that asks for it is connected to itself. */
enum { PORT_FIRST = 20000, PORT_TRIES = 4000 };

static bool listen_on(struct fake_agent *a)
{
    static const struct http_handler handler = { .on_request = on_request };
    struct net_addr addr, bound;
    struct error err;
    if (http_server_new(&a->server, a->f.loop, NULL, &handler, a, &err) == 0) {
        for (unsigned i = 0; i < PORT_TRIES; i++) {
            uint16_t port = a->port != 0 ? a->port : (uint16_t)(PORT_FIRST + ((unsigned)getpid() * 7 + i) % PORT_TRIES);
            if (net_parse_ip(STR("127.0.0.1"), port, &addr) && http_server_listen(a->server, &addr, &bound, &err) == 0) {
                a->port = port;
                return true;
            }
        }
    }
    test_fail(__FILE__, __LINE__, "%s", err.msg);
    return false;
}

bool fake_agent_start(struct fake_agent *a, const char *isolation)
{
    memset(a, 0, sizeof *a);
    a->acknowledge = a->killing_state = true;
    return fixture_start(&a->f, isolation, isolation == NULL ? "posix" : NULL) && listen_on(a);
}

void fake_agent_die(struct fake_agent *a)
{
    http_server_free(a->server);
    a->server = NULL;
    a->stream = NULL;
}

void fake_agent_return(struct fake_agent *a)
{
    (void)listen_on(a);
}

void fake_agent_stop(struct fake_agent *a)
{
    fake_agent_die(a);
    fixture_stop(&a->f);
}

bool fake_agent_executor(struct fake_agent *a, const char *program, bool checkpoint)
{
    char path[512], endpoint[64];
    (void)snprintf(path, sizeof path, "%s/%s", a->f.bin, program);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", a->port);
    struct container_spec s = fixture_shell(&a->f, "x1", path);
    struct container_env env[] = {
        { "MESOS_FRAMEWORK_ID", "f1" },     { "MESOS_EXECUTOR_ID", "x1" },
        { "MESOS_DIRECTORY", s.sandbox },   { "MESOS_SANDBOX", s.sandbox },
        { "MESOS_AGENT_ENDPOINT", endpoint }, { "MESOS_CHECKPOINT", checkpoint ? "1" : "0" },
        { "MESOS_RECOVERY_TIMEOUT", "10secs" }, { "MESOS_SUBSCRIPTION_BACKOFF_MAX", "100ms" },
        { "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "3secs" },
    };
    s.command.shell = false;
    s.command.env = env;
    s.command.env_count = sizeof env / sizeof env[0];
    return fixture_launch(&a->f, &s);
}

void fake_agent_launch(struct fake_agent *a, struct str task_info)
{
    struct sbuf e = SBUF_INIT(1 << 20);
    wire_put_u64(&e, 1, EXEC_LAUNCH);
    size_t m = wire_open(&e, 4);
    wire_put_bytes(&e, 1, task_info);
    wire_close(&e, m);
    fake_agent_event(a, &e);
}

void fake_agent_launch_group(struct fake_agent *a, const struct sbuf *tasks, size_t count)
{
    struct sbuf e = SBUF_INIT(1 << 20);
    wire_put_u64(&e, 1, EXEC_LAUNCH_GROUP);
    size_t m = wire_open(&e, 8), g = wire_open(&e, 1);
    for (size_t i = 0; i < count; i++)
        wire_put_bytes(&e, 1, sbuf_view(&tasks[i]));
    wire_close(&e, g);
    wire_close(&e, m);
    fake_agent_event(a, &e);
}

void fake_agent_kill(struct fake_agent *a, const char *task_id, int64_t grace_ns)
{
    struct sbuf e = SBUF_INIT(4096);
    wire_put_u64(&e, 1, EXEC_KILL);
    size_t m = wire_open(&e, 5);
    wire_put_id(&e, 1, str_of(task_id));
    if (grace_ns >= 0) {
        size_t k = wire_open(&e, 2), g = wire_open(&e, 1);
        wire_put_i64(&e, 1, grace_ns);
        wire_close(&e, g);
        wire_close(&e, k);
    }
    wire_close(&e, m);
    fake_agent_event(a, &e);
}

void fake_agent_shutdown(struct fake_agent *a)
{
    struct sbuf e = SBUF_INIT(64);
    wire_put_u64(&e, 1, EXEC_SHUTDOWN);
    fake_agent_event(a, &e);
}

void task_put(struct sbuf *b, const char *id, const char *command)
{
    *b = SBUF_INIT(1 << 20);
    wire_put_bytes(b, 1, str_of(id));
    wire_put_id(b, 2, str_of(id));
    wire_put_id(b, 3, STR("agent-1"));
    if (command != NULL) {
        size_t m = wire_open(b, 7);
        wire_put_bytes(b, 3, str_of(command));
        wire_close(b, m);
    }
}

bool fake_agent_wait_subscribed(struct fake_agent *a, size_t times)
{
    struct mono end = mono_add(loop_clock(), FIXTURE_WAIT_S * NS_PER_S);
    while (a->subscribes < times) {
        if (!mono_before(loop_clock(), end)) {
            test_fail(__FILE__, __LINE__, "%zu of %zu subscriptions in %d s", a->subscribes, times, FIXTURE_WAIT_S);
            return false;
        }
        loop_turn(a->f.loop, 20 * NS_PER_MS);
    }
    return true;
}

struct agent_update *fake_agent_wait(struct fake_agent *a, const char *task_id, int state, size_t from)
{
    struct mono end = mono_add(loop_clock(), FIXTURE_WAIT_S * NS_PER_S);
    for (;;) {
        for (size_t i = from; i < a->count; i++) {
            if (a->updates[i].state == state && strcmp(a->updates[i].task_id, task_id) == 0)
                return &a->updates[i];
        }
        if (!mono_before(loop_clock(), end))
            break;
        loop_turn(a->f.loop, 20 * NS_PER_MS);
        answer_waits(a);
    }
    test_fail(__FILE__, __LINE__, "no update %d of %s in %d s (%zu updates)", state, task_id, FIXTURE_WAIT_S, a->count);
    return NULL;
}
