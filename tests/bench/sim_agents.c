/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated agents alone, for frameworks that are measured themselves: they register, run what they are told to and end what they
 * are told to kill, all on the wire and nothing locally. They keep books: a task that is sent twice, an acknowledgement or
 * a kill of one that nobody knows, ends the run.
 *
 *   sim_agents MASTER-IP:PORT AGENTS CPUS MEM PORT-FIRST PORT-LAST
 *
 * Prints one line of JSON when all are registered, and then one for each line of standard input; ends when that ends. Agent i
 * is called 127.1.x.y, so that health checks of its tasks find whoever listens on all addresses. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/base/rng.h"
#include "common/base/uuid.h"
#include "common/wire/guard.h"
#include "tests/bench/net.h"

enum { RUNNING = 1, FINISHED = 2, KILLED = 4, STALL_S = 30 };

struct agent {
    char ip[INET_ADDRSTRLEN], pid[64], id[80];
    struct conn *out;
    bool registered;
};

struct task {
    char *id;
    bool running, ended; /* acknowledged to run; told that it has ended */
    UT_hash_handle hh;
};

static struct {
    const char *master;
    unsigned agents, cpus, mem, port_first, port_last;
} opt;
static struct sockaddr_in master;
static struct agent *agents;
static struct task *tasks;
static unsigned registered, launched, running, ended;
static struct rng rng;
static struct sbuf scratch = { .max = 1 << 24 };

static void tell(struct agent *a, const char *to, const char *name)
{
    net_message(a->out, to, opt.master, a->pid, name, sbuf_view(&scratch));
}

/* "cpus", a scalar; ports are the ranges. */
static void put_resource(struct sbuf *b, const char *name, unsigned first, unsigned last)
{
    size_t m = wire_open(b, 3), v, r;

    wire_put_bytes(b, 1, str_of(name));
    wire_put_u64(b, 2, last != 0);
    v = wire_open(b, last != 0 ? 4 : 3);
    if (last == 0) {
        wire_put_double(b, 1, first);
    } else {
        r = wire_open(b, 1);
        wire_put_u64(b, 1, first);
        wire_put_u64(b, 2, last);
        wire_close(b, r);
    }
    wire_close(b, v);
    wire_close(b, m);
}

static void registration(struct agent *a)
{
    size_t m;

    sbuf_clear(&scratch);
    m = wire_open(&scratch, 1);
    wire_put_bytes(&scratch, 1, str_of(a->ip));
    put_resource(&scratch, "cpus", opt.cpus, 0);
    put_resource(&scratch, "mem", opt.mem, 0);
    put_resource(&scratch, "disk", 10240, 0);
    put_resource(&scratch, "ports", opt.port_first, opt.port_last);
    wire_put_u64(&scratch, 8, 5051);
    wire_close(&scratch, m);
    wire_put_bytes(&scratch, 2, STR("1.12.0"));
    for (unsigned capability = 1; capability <= 8; capability++) {
        m = wire_open(&scratch, 4);
        wire_put_u64(&scratch, 1, capability);
        wire_close(&scratch, m);
    }
    wire_put_id(&scratch, 5, STR("0123456789abcdef"));
    tell(a, "master", "mesos.internal.RegisterSlaveMessage");
}

static void on_registered(struct agent *a, struct str body)
{
    registered += !a->registered;
    a->registered = true;
    (void)snprintf(a->id, sizeof a->id, "%.*s", STR_ARG(wire_path(body, 1, 1, 0)));
    sbuf_clear(&scratch);
    wire_put_id(&scratch, 1, str_of(a->id));
    wire_close(&scratch, wire_open(&scratch, 6)); /* operations: none */
    wire_put_id(&scratch, 7, STR("0123456789abcdef"));
    tell(a, "master", "mesos.internal.UpdateSlaveMessage");
}

static void put_address(struct sbuf *b, const struct agent *a)
{
    size_t c = wire_open(b, 13), n = wire_open(b, 1), i = wire_open(b, 5);

    wire_put_u64(b, 1, 1);
    wire_put_bytes(b, 2, str_of(a->ip));
    wire_close(b, i);
    wire_close(b, n);
    wire_close(b, c);
}

static void send_update(struct agent *a, struct str framework, struct str task, unsigned state)
{
    struct uuid u = uuid_make(&rng);
    struct sbuf *b = &scratch;
    size_t m, s;

    sbuf_clear(b);
    m = wire_open(b, 1);
    wire_put_id(b, 1, framework);
    wire_put_id(b, 2, task);
    wire_put_id(b, 3, str_of(a->id));
    s = wire_open(b, 4);
    wire_put_id(b, 1, task);
    wire_put_u64(b, 2, state);
    wire_put_id(b, 5, str_of(a->id));
    wire_put_double(b, 6, 1795500000.5);
    wire_put_u64(b, 9, 2); /* from the executor */
    wire_put_bytes(b, 11, str_mem(u.b, sizeof u.b));
    put_address(b, a);
    wire_close(b, s);
    wire_put_double(b, 5, 1795500000.5);
    wire_put_bytes(b, 6, str_mem(u.b, sizeof u.b));
    wire_put_u64(b, 7, state);
    wire_close(b, m);
    wire_put_bytes(b, 2, str_of(a->pid));
    tell(a, "master", "mesos.internal.StatusUpdateMessage");
}

static struct task *find(struct str id)
{
    struct task *t = NULL;

    HASH_FIND(hh, tasks, id.p, (unsigned)id.n, t);
    return t;
}

static void on_run(struct agent *a, struct str body)
{
    struct str id = wire_path(body, 4, 2, 1);
    struct task *t = find(id);

    if (t != NULL)
        bench_die("task %s was sent to an agent twice", t->id);
    t = xcalloc(1, sizeof *t);
    t->id = xcalloc(1, id.n + 1);
    memcpy(t->id, id.p, id.n);
    HASH_ADD_KEYPTR(hh, tasks, t->id, (unsigned)id.n, t);
    launched++;
    send_update(a, wire_path(body, 2, 3, 1), id, RUNNING);
}

static void on_kill(struct agent *a, struct str body)
{
    struct task *t = find(wire_path(body, 2, 1, 0));

    if (t == NULL || t->ended)
        return; /* asked again while it ends */
    t->ended = true;
    send_update(a, wire_path(body, 1, 1, 0), str_of(t->id), KILLED);
}

static void on_acknowledged(struct str body)
{
    struct str id = wire_path(body, 3, 1, 0);
    struct task *t = find(id);

    if (t == NULL)
        bench_die("an update of task %.*s is acknowledged, which nobody knows", STR_ARG(id));
    if (!t->running) {
        t->running = true;
        running++;
    } else if (t->ended) {
        running--;
        ended++;
        HASH_DEL(tasks, t);
        free(t->id);
        free(t);
    } else {
        bench_die("task %s is acknowledged to run twice", t->id);
    }
}

/* "POST /slave(1)/mesos.internal.X HTTP/1.1", or a response. */
static void on_message(struct conn *c, const struct http_in *m)
{
    struct agent *a = c->owner;
    struct str rest = m->start, name = m->start, from = m->from, id;
    char to[64];

    if (!str_skip(&rest, STR("POST /")))
        return;
    (void)str_cut(&rest, '/', &name);
    (void)str_cut(&rest, ' ', &name);
    (void)str_skip(&name, STR("mesos.internal."));
    if (str_is(name, "RunTaskMessage"))
        on_run(a, m->body);
    else if (str_is(name, "KillTaskMessage"))
        on_kill(a, m->body);
    else if (str_is(name, "StatusUpdateAcknowledgementMessage"))
        on_acknowledged(m->body);
    else if (str_is(name, "SlaveRegisteredMessage"))
        on_registered(a, m->body);
    else if (str_is(name, "PingSlaveMessage")) {
        (void)str_cut(&from, '@', &id);
        (void)snprintf(to, sizeof to, "%.*s", STR_ARG(id));
        sbuf_clear(&scratch);
        tell(a, to, "mesos.internal.PongSlaveMessage");
    }
}

static void on_accept(int fd, void *owner)
{
    net_adopt(fd, on_message, owner)->answers_202 = true;
}

static void start_all(void)
{
    agents = xcalloc(opt.agents, sizeof *agents);
    for (unsigned i = 0; i < opt.agents; i++) {
        uint32_t ip = 0x7f010001 + (i / 250) * 256 + i % 250;
        struct in_addr address = { htonl(ip) };
        struct agent *a = &agents[i];
        uint16_t port = net_listen(ip, on_accept, a);

        (void)inet_ntop(AF_INET, &address, a->ip, sizeof a->ip);
        (void)snprintf(a->pid, sizeof a->pid, "slave(1)@%s:%u", a->ip, port);
        a->out = net_connect(&master, ip, on_message, a);
        registration(a);
        net_turn(0);
    }
}

static void report(void)
{
    printf("{\"agents\":%u,\"launched\":%u,\"running\":%u,\"ended\":%u}\n", registered, launched, running, ended);
    (void)fflush(stdout);
}

/* False when standard input has ended. */
static bool asked(void)
{
    struct pollfd p = { .fd = 0, .events = POLLIN };
    char line[256];
    ssize_t n;

    if (poll(&p, 1, 0) <= 0)
        return true;
    n = read(0, line, sizeof line);
    if (n > 0)
        report();
    return n > 0;
}

static unsigned number(const char *text)
{
    struct str s = str_of(text);
    uint64_t v;

    if (!str_u64(&s, UINT32_MAX, &v) || s.n != 0)
        bench_die("\"%s\" is no number", text);
    return (unsigned)v;
}

int main(int argc, char **argv)
{
    struct str rest, ip;
    char host[INET_ADDRSTRLEN];
    uint64_t port = 0;

    if (argc != 7)
        bench_die("usage: sim_agents MASTER-IP:PORT AGENTS CPUS MEM PORT-FIRST PORT-LAST");
    opt.master = argv[1];
    opt.agents = number(argv[2]);
    opt.cpus = number(argv[3]);
    opt.mem = number(argv[4]);
    opt.port_first = number(argv[5]);
    opt.port_last = number(argv[6]);
    rest = str_of(opt.master);
    (void)str_cut(&rest, ':', &ip);
    (void)snprintf(host, sizeof host, "%.*s", STR_ARG(ip));
    if (!str_u64(&rest, 65535, &port) || inet_pton(AF_INET, host, &master.sin_addr) != 1)
        bench_die("%s: use IP:PORT", opt.master);
    master.sin_family = AF_INET;
    master.sin_port = htons((uint16_t)port);
    rng_seed(&rng, 1);
    net_init();
    start_all();
    for (int64_t until = net_now_ns() + (int64_t)STALL_S * 1000000000; registered < opt.agents; net_turn(100))
        if (net_now_ns() > until)
            bench_die("%u of %u agents registered after %d s", registered, opt.agents, STALL_S);
    report();
    while (asked())
        net_turn(20);
    return 0;
}
