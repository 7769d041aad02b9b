/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark driver: simulated agents (libprocess messages, each with a listening address and connections of its
 * own) and one simulated framework (v1 scheduler API, protobuf) against a real master. It does everything on the wire
 * that real ones do and nothing locally, keeps books, and ends with an error when they do not add up: a task that does
 * not reach TASK_RUNNING exactly once, an update that nobody expects.
 *
 *   driver --master=IP:PORT --agents=N --tasks=T --per_accept=K --window=W [--stay] [--latency]
 *
 * Default: a task finishes as soon as its TASK_RUNNING is acknowledged, so resources recycle. --stay: tasks stay.
 * --hold: with --stay: after the report everything goes on until standard input ends, so that others can measure what such a
 * cluster costs; --rate=R then launches R tasks a second, which finish, and a second report tells their latency.
 * --share=K: K agents share an address and its connections, as slave(1) to slave(K). --labels=N: labels of a task, ten otherwise.
 * --executor=CMD: as --real, with an executor of its own for each task; --checkpoint: the framework asks for it.
 * --updates=N: each task says N times more that it runs, as soon as the time before is acknowledged. --frameworks=N: as many others, which suppress offers. --latency: one task at a time. --agents=0 --real=CMD: no simulated agents, the tasks run CMD on the real ones that the
 * master has, at most `window` starting at once; when all run, all are killed, and that is timed too (with --hold they stay).
 * --turnaround: like --latency with tasks that take a whole agent; also tells how long after its end the agent is offered again.
 * --join=N: N agents more, one after the other, and how long until each is offered. --reconcile: with --stay: how long it takes to be
 * told about all tasks, asked for by name and without. The figure counts from the first ACCEPT to the last acknowledged TASK_RUNNING. */
#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/base/uuid.h"
#include "common/wire/guard.h"
#include "common/wire/recordio.h"
#include "proto/mesos_internal.pb-c.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "tests/bench/net.h"

enum { CPUS_MILLI_PER_TASK = 100, MEM_PER_TASK = 5, AGENT_CPUS = 20, AGENT_MEM = 10240, STALL_S = 30 };
enum task_phase { TASK_LAUNCHED, TASK_RUN_SEEN, TASK_RUNNING_SEEN, TASK_DONE };

struct agent {
    unsigned index;
    uint32_t ip;
    char pid[80], host[48]; /* slave(1)@ip:port */
    char id[80];
    struct agent *first;    /* of those that share the address */
    struct conn *out;       /* to the master */
    bool registered;
};

struct task {
    char id[40];
    enum task_phase phase;
    int64_t sent_ns;
    unsigned updates; /* that it still sends */
    UT_hash_handle hh;
};

static struct {
    const char *master_text;
    unsigned agents, tasks, per_accept, window;
    bool stay, latency, hold, turnaround, reconcile;
    const char *real, *executor;
    unsigned rate, share, labels, frameworks, join, updates;
    bool checkpoint;
} opt = { .master_text = "127.0.0.1:5050", .agents = 1, .tasks = 1000, .per_accept = 1, .window = 100, .share = 1, .labels = 10 };
static bool holding;

static struct sockaddr_in master;
static struct agent *agents;
static unsigned registered;
static struct task *tasks;
static struct rng rng;
static struct sbuf scratch = { .max = 1 << 24 }, scratch2 = { .max = 1 << 24 };

/* framework */
static struct conn *stream, *calls;
static struct recordio records;
static char framework_id[128], stream_id[128];
static unsigned launched, running_acked, finished, outstanding, offers_waiting, killed;
static int64_t kill_start_ns, kill_end_ns;
static bool revive_sent;
static int64_t first_ns, last_ns, last_progress_ns;
static int64_t hold_ns; /* with a rate: when task number hold_base was to be sent */
static unsigned hold_base;
static int64_t freed_ns; /* an agent has been freed, or is new, and not offered yet */
static unsigned reconciled;
static struct samples {
    int64_t *v;
    size_t n, cap;
} latencies, offer_delays;

struct pending_offer {
    char id[80], agent[80];
    unsigned room; /* tasks */
};
static struct pending_offer *offers;
static size_t offers_cap;

static void sample(struct samples *to, int64_t ns)
{
    ARRAY_ROOM(to->v, to->n, to->cap);
    to->v[to->n++] = ns;
}

/* --- agents --------------------------------------------------------------------------------------------------- */

static void scalar(struct sbuf *b, uint32_t number, const char *name, double value)
{
    size_t m = wire_open(b, number), v;

    wire_put_bytes(b, 1, str_of(name));
    wire_put_u64(b, 2, 0);
    v = wire_open(b, 3);
    wire_put_double(b, 1, value);
    wire_close(b, v);
    wire_close(b, m);
}

static void agent_info(struct sbuf *b, uint32_t number, const struct agent *a, bool with_id)
{
    double per_agent = opt.turnaround ? 0 : opt.stay ? (double)opt.tasks / (double)opt.agents + opt.per_accept : 100;
    size_t m = wire_open(b, number);
    char hostname[32];

    (void)snprintf(hostname, sizeof hostname, "agent%u.example", a->index);
    wire_put_bytes(b, 1, str_of(hostname));
    scalar(b, 3, "cpus", AGENT_CPUS + per_agent * CPUS_MILLI_PER_TASK / 1000.0);
    scalar(b, 3, "mem", AGENT_MEM + per_agent * MEM_PER_TASK);
    scalar(b, 3, "disk", 10240);
    if (with_id)
        wire_put_id(b, 6, str_of(a->id));
    wire_put_u64(b, 8, 5051);
    wire_close(b, m);
}

static void agent_send(struct agent *a, const char *to, const char *name, struct str body)
{
    net_message(a->out, to, opt.master_text, a->pid, name, body);
}

static void agent_register(struct agent *a)
{
    static const unsigned capabilities[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    size_t m;

    sbuf_clear(&scratch);
    agent_info(&scratch, 1, a, false);
    wire_put_bytes(&scratch, 2, STR("1.12.0"));
    for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++) {
        m = wire_open(&scratch, 4);
        wire_put_u64(&scratch, 1, capabilities[i]);
        wire_close(&scratch, m);
    }
    wire_put_id(&scratch, 5, STR("0123456789abcdef")); /* resource version: a UUID message, value 16 raw bytes */
    agent_send(a, "master", "mesos.internal.RegisterSlaveMessage", sbuf_view(&scratch));
}

static void send_status(struct agent *a, struct str task_id, unsigned state)
{
    struct uuid u = uuid_make(&rng);
    size_t m, s, c, n, i;

    sbuf_clear(&scratch);
    m = wire_open(&scratch, 1);
    wire_put_id(&scratch, 1, str_of(framework_id));
    wire_put_id(&scratch, 2, task_id);
    wire_put_id(&scratch, 3, str_of(a->id));
    s = wire_open(&scratch, 4);
    wire_put_id(&scratch, 1, task_id);
    wire_put_u64(&scratch, 2, state);
    wire_put_id(&scratch, 5, str_of(a->id));
    wire_put_double(&scratch, 6, 1795500000.5);
    wire_put_u64(&scratch, 9, 2);
    wire_put_bytes(&scratch, 11, str_mem(u.b, sizeof u.b));
    c = wire_open(&scratch, 13);
    n = wire_open(&scratch, 1);
    i = wire_open(&scratch, 5);
    wire_put_u64(&scratch, 1, 1);
    wire_put_bytes(&scratch, 2, STR("127.0.0.1"));
    wire_close(&scratch, i);
    wire_close(&scratch, n);
    wire_close(&scratch, c);
    wire_close(&scratch, s);
    wire_put_double(&scratch, 5, 1795500000.5);
    wire_put_bytes(&scratch, 6, str_mem(u.b, sizeof u.b));
    wire_put_u64(&scratch, 7, state);
    wire_close(&scratch, m);
    wire_put_bytes(&scratch, 2, str_of(a->pid));
    agent_send(a, "master", "mesos.internal.StatusUpdateMessage", sbuf_view(&scratch));
}

static struct task *task_find(struct str id)
{
    struct task *t = NULL;

    HASH_FIND(hh, tasks, id.p, (unsigned)id.n, t);
    if (t == NULL)
        bench_die("unknown task %.*s", STR_ARG(id));
    return t;
}

static void on_registered(struct agent *a, struct str body)
{
    struct str id = wire_path(body, 1, 1, 0);

    if (!a->registered)
        registered++;
    a->registered = true;
    (void)snprintf(a->id, sizeof a->id, "%.*s", STR_ARG(id));
    sbuf_clear(&scratch);
    wire_put_id(&scratch, 1, id);
    wire_close(&scratch, wire_open(&scratch, 6)); /* operations: none */
    wire_put_id(&scratch, 7, STR("0123456789abcdef"));
    agent_send(a, "master", "mesos.internal.UpdateSlaveMessage", sbuf_view(&scratch));
}

static void on_run(struct agent *a, struct str body)
{
    struct task *t = task_find(wire_path(body, 4, 2, 1));

    if (t->phase != TASK_LAUNCHED)
        bench_die("task %s was sent to an agent twice", t->id);
    t->phase = TASK_RUN_SEEN;
    send_status(a, str_of(t->id), 1 /* TASK_RUNNING */);
}

static void on_acknowledged(struct agent *a, struct str body)
{
    struct task *t = task_find(wire_path(body, 3, 1, 0));

    last_progress_ns = net_now_ns();
    if (t->phase == TASK_RUNNING_SEEN && t->updates != 0) {
        t->updates--;
        t->phase = TASK_RUN_SEEN;
        t->sent_ns = last_progress_ns;
        send_status(a, str_of(t->id), 1 /* TASK_RUNNING */);
    } else if (t->phase == TASK_RUNNING_SEEN) {
        running_acked++;
        last_ns = last_progress_ns;
        t->phase = TASK_DONE;
        if (!opt.stay || holding) {
            freed_ns = last_progress_ns;
            send_status(a, str_of(t->id), 2 /* TASK_FINISHED */);
        } else
            outstanding--;
    } else if (t->phase == TASK_DONE) {
        finished++;
        outstanding--;
        HASH_DEL(tasks, t);
        free(t);
    } else {
        bench_die("task %s was acknowledged in phase %d", t->id, (int)t->phase);
    }
}

/* "POST /slave(1)/mesos.internal.X HTTP/1.1" or a response. */
static void agent_message(struct conn *c, const struct http_in *m)
{
    struct agent *a = c->owner;
    struct str rest = m->start, name = m->start;
    uint64_t number = 1;

    if (!str_skip(&rest, STR("POST /")))
        return;
    (void)str_cut(&rest, '/', &name);
    if (!str_skip(&name, STR("slave(")) || !str_u64(&name, opt.share, &number) || number == 0)
        bench_die("unexpected request %.*s", STR_ARG(m->start));
    a += number - 1;
    (void)str_cut(&rest, ' ', &name);
    if (!str_skip(&name, STR("mesos.internal.")))
        bench_die("unexpected request %.*s", STR_ARG(m->start));
    if (str_is(name, "RunTaskMessage")) {
        on_run(a, m->body);
    } else if (str_is(name, "StatusUpdateAcknowledgementMessage")) {
        on_acknowledged(a, m->body);
    } else if (str_is(name, "SlaveRegisteredMessage")) {
        on_registered(a, m->body);
    } else if (str_is(name, "PingSlaveMessage")) {
        struct str from = m->from, id;
        char to[64];

        (void)str_cut(&from, '@', &id);
        (void)snprintf(to, sizeof to, "%.*s", STR_ARG(id));
        agent_send(a, to, "mesos.internal.PongSlaveMessage", (struct str){ 0 });
    }
}

static void agent_accept(int fd, void *owner)
{
    net_adopt(fd, agent_message, owner)->answers_202 = true;
}

static void agent_start(unsigned i)
{
    struct agent *a = &agents[i], *first = &agents[i - i % opt.share];

    a->index = i;
    a->first = first;
    a->ip = 0x7f000002 + i / opt.share % 100; /* spread: one address has only so many ports */
    if (a == first) {
        struct in_addr ip = { .s_addr = htonl(a->ip) };
        char text[INET_ADDRSTRLEN];
        uint16_t port = net_listen(a->ip, agent_accept, a);

        (void)snprintf(a->host, sizeof a->host, "%s:%u", inet_ntop(AF_INET, &ip, text, sizeof text), port);
        a->out = net_connect(&master, a->ip, agent_message, a);
    }
    a->out = first->out;
    (void)snprintf(a->pid, sizeof a->pid, "slave(%u)@%s", i % opt.share + 1, first->host);
    agent_register(a);
}

static void agents_start(void)
{
    agents = xcalloc(opt.agents + opt.join + 1, sizeof *agents);
    for (unsigned i = 0; i < opt.agents; i++) {
        agent_start(i);
        net_turn(0);
    }
}

/* --- framework -------------------------------------------------------------------------------------------------- */

static void post_as(struct conn *c, const char *as, struct str body)
{
    struct sbuf *b = net_out(c);

    sbuf_c(b, "POST /api/v1/scheduler HTTP/1.1\r\nHost: ");
    sbuf_c(b, opt.master_text);
    sbuf_c(b, "\r\nContent-Type: application/x-protobuf\r\nAccept: application/x-protobuf\r\n");
    if (as[0] != 0) {
        sbuf_c(b, "Mesos-Stream-Id: ");
        sbuf_c(b, as);
        sbuf_c(b, "\r\n");
    }
    sbuf_fmt(b, "Content-Length: %zu\r\n\r\n", body.n);
    sbuf_str(b, body);
    net_touch(c);
}

static void post(struct conn *c, struct str body)
{
    post_as(c, stream_id, body);
}

static void call_begin_as(struct sbuf *b, const char *as, unsigned type)
{
    sbuf_clear(b);
    if (as[0] != 0)
        wire_put_id(b, 1, str_of(as));
    wire_put_u64(b, 2, type);
}

static void call_begin(struct sbuf *b, unsigned type)
{
    call_begin_as(b, framework_id, type);
}

static void subscribe(struct conn *on)
{
    size_t s, f, cap;

    call_begin_as(&scratch, "", 1);
    s = wire_open(&scratch, 3);
    f = wire_open(&scratch, 1);
    wire_put_bytes(&scratch, 1, STR("root"));
    wire_put_bytes(&scratch, 2, STR("bench"));
    wire_put_double(&scratch, 4, 60);
    if (opt.checkpoint)
        wire_put_u64(&scratch, 5, 1);
    cap = wire_open(&scratch, 10);
    wire_put_u64(&scratch, 1, 5); /* PARTITION_AWARE */
    wire_close(&scratch, cap);
    wire_close(&scratch, f);
    wire_close(&scratch, s);
    post_as(on, "", sbuf_view(&scratch));
}

static void put_command(struct sbuf *b, const char *line)
{
    size_t m = wire_open(b, 7);

    wire_put_bytes(b, 3, str_of(line));
    wire_close(b, m);
}

/* An executor of its own for each task. */
static void put_executor(struct sbuf *b, const struct task *t)
{
    size_t m = wire_open(b, 5);

    wire_put_id(b, 1, str_of(t->id));
    wire_put_u64(b, 15, 2); /* CUSTOM */
    scalar(b, 5, "cpus", 0.01);
    scalar(b, 5, "mem", 32);
    put_command(b, opt.executor);
    wire_close(b, m);
}

static void put_task(struct sbuf *b, uint32_t number, const struct task *t, const char *agent_id)
{
    size_t m = wire_open(b, number), l, kv;

    wire_put_bytes(b, 1, STR("bench-task"));
    wire_put_id(b, 2, str_of(t->id));
    wire_put_id(b, 3, str_of(agent_id));
    scalar(b, 4, "cpus", opt.turnaround ? AGENT_CPUS : CPUS_MILLI_PER_TASK / 1000.0);
    scalar(b, 4, "mem", opt.turnaround ? AGENT_MEM : opt.real != NULL ? 32 : MEM_PER_TASK);
    if (opt.executor != NULL)
        put_executor(b, t);
    else
        put_command(b, opt.real != NULL ? opt.real : "sleep 1000");
    l = wire_open(b, 10);
    for (unsigned i = 0; i < opt.labels; i++) {
        char key[8] = { 'k', 'e', 'y', (char)('0' + i % 10) }, value[8] = { 'v', 'a', 'l', 'u', 'e', (char)('0' + i % 10) };

        kv = wire_open(b, 1);
        wire_put_bytes(b, 1, str_of(key));
        wire_put_bytes(b, 2, str_of(value));
        wire_close(b, kv);
    }
    wire_close(b, l);
    wire_close(b, m);
}

static struct task *task_new(void)
{
    struct task *t = xcalloc(1, sizeof *t);
    struct uuid u = uuid_make(&rng);

    uuid_text(&u, t->id);
    /* With a rate latency counts from when it was to be sent. */
    t->sent_ns = holding && opt.rate != 0 ? hold_ns + (int64_t)(launched - hold_base) * 1000000000 / opt.rate : net_now_ns();
    t->updates = holding ? 0 : opt.updates;
    HASH_ADD_KEYPTR(hh, tasks, t->id, (unsigned)strlen(t->id), t);
    return t;
}

static void accept_offer(const struct pending_offer *o, unsigned count)
{
    struct sbuf *b = &scratch;
    size_t a, op, l, f;

    call_begin(b, 3);
    a = wire_open(b, 4);
    wire_put_id(b, 1, str_of(o->id));
    op = wire_open(b, 2);
    wire_put_u64(b, 1, 1); /* LAUNCH */
    l = wire_open(b, 2);
    for (unsigned i = 0; i < count; i++, launched++)
        put_task(b, 1, task_new(), o->agent);
    wire_close(b, l);
    wire_close(b, op);
    f = wire_open(b, 3);
    wire_put_double(b, 1, 0);
    wire_close(b, f);
    wire_close(b, a);
    post(calls, sbuf_view(b));
    if (first_ns == 0)
        first_ns = net_now_ns();
    outstanding += count;
}

/* Uses what was offered, within the window; asks for more when nothing is left to use. */
static void pump(void)
{
    unsigned window = opt.latency || opt.turnaround ? 1 : opt.window;

    while (offers_waiting != 0 && launched < opt.tasks && outstanding < window) {
        unsigned count = opt.per_accept, left = opt.tasks - launched;

        if (opt.real != NULL && count > window - outstanding)
            count = window - outstanding;
        if (count > left)
            count = left;
        if (count > offers[offers_waiting - 1].room)
            count = offers[offers_waiting - 1].room; /* of none it is a decline */
        accept_offer(&offers[--offers_waiting], count);
    }
    if (offers_waiting == 0 && launched < opt.tasks && outstanding < window && !revive_sent) {
        call_begin(&scratch, 5);
        post(calls, sbuf_view(&scratch));
        revive_sent = true;
    }
}

/* How many tasks the cpus of an offer are for. */
static unsigned room_of(struct str offer)
{
    struct wire_field f;
    double cpus = 0;

    while (wire_field_next(&offer, &f) == 1)
        if (f.number == 5 && str_is(wire_field_bytes(f.bytes, 1), "cpus"))
            cpus += wire_field_double(wire_field_bytes(f.bytes, 3), 1, 0);
    return opt.turnaround ? 1 : (unsigned)(cpus * 1000 + 0.5) / CPUS_MILLI_PER_TASK;
}

static void on_offers(struct str body)
{
    struct str rest = body;
    struct wire_field f;

    revive_sent = false;
    if (freed_ns != 0 && (opt.turnaround || opt.join != 0)) {
        sample(&offer_delays, net_now_ns() - freed_ns);
        freed_ns = 0;
    }
    while (wire_field_next(&rest, &f) == 1) {
        struct pending_offer *o;

        if (f.number != 1)
            continue;
        ARRAY_ROOM(offers, offers_waiting, offers_cap);
        o = &offers[offers_waiting++];
        (void)snprintf(o->id, sizeof o->id, "%.*s", STR_ARG(wire_path(f.bytes, 1, 1, 0)));
        (void)snprintf(o->agent, sizeof o->agent, "%.*s", STR_ARG(wire_path(f.bytes, 3, 1, 0)));
        o->room = room_of(f.bytes);
    }
}

static void acknowledge(struct str status)
{
    size_t m;

    call_begin(&scratch2, 8);
    m = wire_open(&scratch2, 8);
    wire_put_id(&scratch2, 1, wire_path(status, 5, 1, 0));
    wire_put_id(&scratch2, 2, wire_path(status, 1, 1, 0));
    wire_put_bytes(&scratch2, 3, wire_field_bytes(status, 11));
    wire_close(&scratch2, m);
    post(calls, sbuf_view(&scratch2));
}

/* An update of a real agent: STARTING, RUNNING, then KILLED when asked to. */
static void on_real_update(struct str status, struct task *t, uint64_t state)
{
    acknowledge(status);
    last_progress_ns = net_now_ns();
    if (state == 1 && t->phase == TASK_LAUNCHED && t->updates != 0) {
        t->updates--;
    } else if (state == 1 && t->phase == TASK_LAUNCHED) {
        sample(&latencies, last_progress_ns - t->sent_ns);
        t->phase = TASK_DONE;
        running_acked++;
        outstanding--;
        last_ns = last_progress_ns;
    } else if (state == 4 && kill_start_ns != 0 && t->phase == TASK_DONE) {
        t->phase = TASK_RUN_SEEN;
        killed++;
        kill_end_ns = last_progress_ns;
    } else if (state != 0 && state != 8) {
        bench_die("task %s: state %u in phase %d: %.*s", t->id, (unsigned)state, (int)t->phase,
                  STR_ARG(wire_field_bytes(status, 4)));
    }
}

static void kill_all(void)
{
    size_t k;

    kill_start_ns = net_now_ns();
    for (struct task *t = tasks; t != NULL; t = t->hh.next) {
        call_begin(&scratch, 6);
        k = wire_open(&scratch, 6);
        wire_put_id(&scratch, 1, str_of(t->id));
        wire_close(&scratch, k);
        post(calls, sbuf_view(&scratch));
    }
}

static void on_update(struct str status)
{
    struct str uuid = wire_field_bytes(status, 11), task_id = wire_path(status, 1, 1, 0);
    struct task *t = task_find(task_id);
    uint64_t state = wire_field_u64(status, 2, 6);

    if (opt.real != NULL) {
        on_real_update(status, t, state);
        return;
    }
    if (uuid.n == 0 && opt.reconcile && wire_field_u64(status, 10, 0) == 9 /* REASON_RECONCILIATION */ && state == 1) {
        reconciled++;
        return;
    }
    if (uuid.n != 16)
        bench_die("task %s: update to state %u without a uuid: %.*s", t->id, (unsigned)state, STR_ARG(wire_field_bytes(status, 4)));
    if (state == 1) {
        if (t->phase != TASK_RUN_SEEN)
            bench_die("task %s is told to run twice", t->id);
        t->phase = TASK_RUNNING_SEEN;
        sample(&latencies, net_now_ns() - t->sent_ns);
    } else if (state != 2 || t->phase != TASK_DONE) {
        bench_die("task %s: unexpected state %u in phase %d", t->id, (unsigned)state, (int)t->phase);
    }
    acknowledge(status);
}

static void on_event(struct str event)
{
    switch (wire_field_u64(event, 1, 0)) {
    case 1:
        (void)snprintf(framework_id, sizeof framework_id, "%.*s", STR_ARG(wire_path(wire_field_bytes(event, 2), 1, 1, 0)));
        break;
    case 2:
        on_offers(wire_field_bytes(event, 3));
        break;
    case 3: /* RESCIND: only of real agents, which are killed */
        if (opt.real == NULL)
            bench_die("an offer was rescinded");
        break;
    case 4:
        on_update(wire_path(event, 5, 1, 0));
        break;
    case 7:
        bench_die("ERROR event: %.*s", STR_ARG(wire_path(event, 8, 1, 0)));
    default:
        break;
    }
}

static void stream_message(struct conn *c, const struct http_in *m)
{
    struct str in = m->body, record;

    (void)c;
    if (m->start.n != 0) {
        if (!str_starts(m->start, STR("HTTP/1.1 200")))
            bench_die("SUBSCRIBE was answered with %.*s: %.*s", STR_ARG(m->start), STR_ARG(m->body));
        (void)snprintf(stream_id, sizeof stream_id, "%.*s", STR_ARG(m->stream_id));
        return;
    }
    while (recordio_next(&records, &in, &record, NULL) == 1)
        on_event(record);
}

static void calls_message(struct conn *c, const struct http_in *m)
{
    (void)c;
    if (!str_starts(m->start, STR("HTTP/1.1 202")))
        bench_die("a call was answered with %.*s: %.*s", STR_ARG(m->start), STR_ARG(m->body));
}

/* --- other frameworks, which want nothing ------------------------------------------------------------------------------- */

struct other {
    struct conn *stream, *calls;
    struct recordio records;
    char id[128], stream_id[128];
};
static unsigned subscribed;

static void other_event(struct other *o, struct str event)
{
    struct str rest = wire_field_bytes(event, 3);
    struct wire_field f;
    size_t d, filters;

    if (wire_field_u64(event, 1, 0) == 1) {
        (void)snprintf(o->id, sizeof o->id, "%.*s", STR_ARG(wire_path(wire_field_bytes(event, 2), 1, 1, 0)));
        subscribed++;
        call_begin_as(&scratch, o->id, 12); /* SUPPRESS */
        post_as(o->calls, o->stream_id, sbuf_view(&scratch));
    } else if (wire_field_u64(event, 1, 0) == 2) {
        call_begin_as(&scratch, o->id, 4); /* DECLINE */
        d = wire_open(&scratch, 5);
        while (wire_field_next(&rest, &f) == 1)
            if (f.number == 1)
                wire_put_id(&scratch, 1, wire_path(f.bytes, 1, 1, 0));
        filters = wire_open(&scratch, 2);
        wire_put_double(&scratch, 1, 1e6);
        wire_close(&scratch, filters);
        wire_close(&scratch, d);
        post_as(o->calls, o->stream_id, sbuf_view(&scratch));
    }
}

static void other_message(struct conn *c, const struct http_in *m)
{
    struct other *o = c->owner;
    struct str in = m->body, record;

    if (m->start.n != 0) {
        if (!str_starts(m->start, STR("HTTP/1.1 20")))
            bench_die("another framework was answered with %.*s: %.*s", STR_ARG(m->start), STR_ARG(m->body));
        if (c == o->stream)
            (void)snprintf(o->stream_id, sizeof o->stream_id, "%.*s", STR_ARG(m->stream_id));
        return;
    }
    while (recordio_next(&o->records, &in, &record, NULL) == 1)
        other_event(o, record);
}

static void others_start(void)
{
    for (unsigned i = 0; i < opt.frameworks; i++) {
        struct other *o = xcalloc(1, sizeof *o);

        recordio_init(&o->records, 64 << 20);
        o->stream = net_connect(&master, 0x7f000001, other_message, o);
        o->stream->is_stream = true;
        o->calls = net_connect(&master, 0x7f000001, other_message, o);
        subscribe(o->stream);
        net_turn(0);
    }
}

/* --- the run -------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static double us(const struct samples *of, unsigned permille)
{
    return of->n == 0 ? 0 : (double)of->v[(of->n - 1) * permille / 1000] / 1e3;
}

static void sort(struct samples *x)
{
    if (x->n != 0)
        qsort(x->v, x->n, sizeof *x->v, compare);
}

static double cpu_s(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct timings {
    int64_t register_ns, offer_ns, all_offers_ns, reconcile_ns, implicit_ns;
    double cpu_s; /* of this program when the first task was sent */
};

static void report(const struct timings *t)
{
    double seconds = (double)(last_ns - first_ns) / 1e9, cpu = cpu_s();

    sort(&latencies);
    sort(&offer_delays);
    printf("{\"agents\":%u,\"tasks\":%u,\"per_accept\":%u,\"stay\":%s,\"tasks_per_s\":%.0f,\"seconds\":%.3f,"
           "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"register_all_ms\":%.1f,\"first_offers_ms\":%.2f,"
           "\"all_offers_ms\":%.2f,\"kills_per_s\":%.0f,\"driver_cpu_s\":%.2f,\"driver_busy\":%.2f",
           opt.agents, opt.tasks, opt.per_accept, opt.stay ? "true" : "false", opt.tasks / seconds, seconds, us(&latencies, 500),
           us(&latencies, 990), us(&latencies, 999), us(&latencies, 1000), (double)t->register_ns / 1e6, (double)t->offer_ns / 1e6,
           (double)t->all_offers_ns / 1e6, kill_end_ns != 0 ? killed / ((double)(kill_end_ns - kill_start_ns) / 1e9) : 0, cpu,
           (cpu - t->cpu_s) / seconds);
    if (opt.updates != 0)
        printf(",\"updates_per_s\":%.0f", (double)opt.tasks * (opt.updates + 1) / seconds);
    if (offer_delays.n != 0)
        printf(",\"offers\":%zu,\"offer_p50_us\":%.1f,\"offer_p99_us\":%.1f,\"offer_max_us\":%.1f", offer_delays.n, us(&offer_delays, 500),
               us(&offer_delays, 990), us(&offer_delays, 1000));
    if (t->reconcile_ns != 0)
        printf(",\"reconcile_ms\":%.1f,\"reconcile_implicit_ms\":%.1f", (double)t->reconcile_ns / 1e6, (double)t->implicit_ns / 1e6);
    printf("}\n");
}

static void wait_for(const char *what, const unsigned *value, unsigned want)
{
    int64_t until = net_now_ns() + (int64_t)STALL_S * 1000000000;

    while (*value < want) {
        net_turn(100);
        if (net_now_ns() > until)
            bench_die("%s: %u of %u after %d s", what, *value, want, STALL_S);
    }
}

static unsigned number(const char *text)
{
    struct str s = str_of(text);
    uint64_t v;

    if (!str_u64(&s, 100000000, &v) || s.n != 0)
        bench_die("\"%s\" is no number", text);
    return (unsigned)v;
}

static void parse(int argc, char **argv)
{
    struct str rest, ip;
    char buf[32];
    uint64_t port = 0;

    for (int i = 1; i < argc; i++) {
        char *v = strchr(argv[i], '=');

        if (strcmp(argv[i], "--stay") == 0)
            opt.stay = true;
        else if (strcmp(argv[i], "--latency") == 0)
            opt.latency = true;
        else if (strcmp(argv[i], "--hold") == 0)
            opt.hold = true;
        else if (strcmp(argv[i], "--turnaround") == 0)
            opt.turnaround = true;
        else if (strcmp(argv[i], "--reconcile") == 0)
            opt.reconcile = true;
        else if (strncmp(argv[i], "--rate=", 7) == 0)
            opt.rate = number(v + 1);
        else if (strncmp(argv[i], "--share=", 8) == 0 && number(v + 1) != 0)
            opt.share = number(v + 1);
        else if (strncmp(argv[i], "--labels=", 9) == 0)
            opt.labels = number(v + 1);
        else if (strcmp(argv[i], "--checkpoint") == 0)
            opt.checkpoint = true;
        else if (strncmp(argv[i], "--executor=", 11) == 0)
            opt.real = opt.executor = v + 1;
        else if (strncmp(argv[i], "--updates=", 10) == 0)
            opt.updates = number(v + 1);
        else if (strncmp(argv[i], "--frameworks=", 13) == 0)
            opt.frameworks = number(v + 1);
        else if (strncmp(argv[i], "--join=", 7) == 0)
            opt.join = number(v + 1);
        else if (v == NULL)
            bench_die("unknown argument %s", argv[i]);
        else if (strncmp(argv[i], "--master=", 9) == 0)
            opt.master_text = v + 1;
        else if (strncmp(argv[i], "--agents=", 9) == 0)
            opt.agents = number(v + 1);
        else if (strncmp(argv[i], "--tasks=", 8) == 0)
            opt.tasks = number(v + 1);
        else if (strncmp(argv[i], "--per_accept=", 13) == 0)
            opt.per_accept = number(v + 1);
        else if (strncmp(argv[i], "--real=", 7) == 0)
            opt.real = v + 1;
        else if (strncmp(argv[i], "--window=", 9) == 0)
            opt.window = number(v + 1);
        else
            bench_die("unknown argument %s", argv[i]);
    }
    rest = str_of(opt.master_text);
    (void)str_cut(&rest, ':', &ip);
    (void)snprintf(buf, sizeof buf, "%.*s", STR_ARG(ip));
    if (!str_u64(&rest, 65535, &port) || inet_pton(AF_INET, buf, &master.sin_addr) != 1)
        bench_die("--master=%s: use IP:PORT", opt.master_text);
    master.sin_family = AF_INET;
    master.sin_port = htons((uint16_t)port);
}

static bool input_ended(void)
{
    struct pollfd p = { .fd = 0, .events = POLLIN };
    char c;

    return poll(&p, 1, 0) > 0 && read(0, &c, 1) <= 0;
}

/* Keeps everything alive, launches at the rate, until standard input ends. */
static void hold(void)
{
    unsigned base = opt.tasks, max = 4000000;
    int64_t start = net_now_ns(), looked = start;
    double cpu = cpu_s();

    holding = true;
    hold_ns = start;
    hold_base = base;
    opt.window = opt.rate + 1000;
    latencies.n = 0;
    for (;;) {
        int64_t now = net_now_ns();
        uint64_t due = (uint64_t)opt.rate * (uint64_t)(now - start) / 1000000000U;
        opt.tasks = base + (unsigned)(due < max - 1 ? due : max - 1);
        pump();
        net_turn_us(opt.rate == 0 ? 100000 : opt.rate > 20000 ? 50 : 1000000 / (int64_t)opt.rate);
        if (now - looked < 50000000)
            continue;
        looked = now;
        if (input_ended())
            break;
    }
    double seconds = (double)(net_now_ns() - start) / 1e9;
    sort(&latencies);
    printf("{\"held_s\":%.2f,\"launched\":%u,\"finished\":%u,\"tasks_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
           "\"max_us\":%.1f,\"driver_busy\":%.2f}\n",
           seconds, launched - base, finished, finished / seconds, us(&latencies, 500), us(&latencies, 990), us(&latencies, 999),
           us(&latencies, 1000), (cpu_s() - cpu) / seconds);
}

/* One agent more after the other; each is offered before the next comes. */
static void join_agents(void)
{
    for (unsigned i = 0; i < opt.join; i++) {
        unsigned before = offers_waiting;

        freed_ns = net_now_ns();
        agent_start(opt.agents + i);
        wait_for("offers of an agent more", &offers_waiting, before + 1);
    }
}

/* Asks about all tasks, or about none in particular; how long until all are told. */
static int64_t reconcile(bool by_name)
{
    int64_t start = net_now_ns();
    size_t r, t;

    reconciled = 0;
    call_begin(&scratch, 9);
    r = wire_open(&scratch, 9);
    for (struct task *x = by_name ? tasks : NULL; x != NULL; x = x->hh.next) {
        t = wire_open(&scratch, 1);
        wire_put_id(&scratch, 1, str_of(x->id));
        wire_close(&scratch, t);
    }
    wire_close(&scratch, r);
    post(calls, sbuf_view(&scratch));
    wait_for("reconciled tasks", &reconciled, opt.tasks);
    return net_now_ns() - start;
}

static void run_tasks(void)
{
    last_progress_ns = net_now_ns();
    while (running_acked < opt.tasks || (!opt.stay && opt.real == NULL && finished < opt.tasks)) {
        pump();
        net_turn(100);
        if (net_now_ns() - last_progress_ns > (int64_t)STALL_S * 1000000000)
            bench_die("no progress for %d s: %u launched, %u running, %u finished of %u", STALL_S, launched, running_acked,
                      finished, opt.tasks);
    }
    if (opt.real == NULL || opt.hold)
        return;
    kill_all();
    while (killed < opt.tasks) {
        net_turn(100);
        if (net_now_ns() - last_progress_ns > (int64_t)STALL_S * 1000000000)
            bench_die("%u of %u tasks killed, and no more for %d s", killed, opt.tasks, STALL_S);
    }
}

int main(int argc, char **argv)
{
    struct timings t = { 0 };
    int64_t start;

    parse(argc, argv);
    rng_seed(&rng, 1);
    net_init();
    recordio_init(&records, 64 << 20);
    start = net_now_ns();
    agents_start();
    wait_for("registered agents", &registered, opt.agents);
    t.register_ns = net_now_ns() - start;
    others_start();
    wait_for("other frameworks", &subscribed, opt.frameworks);
    stream = net_connect(&master, 0x7f000001, stream_message, NULL);
    stream->is_stream = true;
    calls = net_connect(&master, 0x7f000001, calls_message, NULL);
    start = net_now_ns();
    subscribe(stream);
    wait_for("offers", &offers_waiting, 1);
    t.offer_ns = net_now_ns() - start;
    wait_for("offers of all agents", &offers_waiting, opt.agents);
    t.all_offers_ns = net_now_ns() - start;
    join_agents();
    t.cpu_s = cpu_s();
    run_tasks();
    if (opt.reconcile) {
        t.reconcile_ns = reconcile(true);
        t.implicit_ns = reconcile(false);
    }
    report(&t);
    if (opt.hold) {
        (void)fflush(stdout);
        hold();
    }
    call_begin(&scratch, 2); /* TEARDOWN */
    post(calls, sbuf_view(&scratch));
    net_turn(0);
    return 0;
}
