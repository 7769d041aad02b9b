/* SPDX-License-Identifier: Apache-2.0 */
/* Agents that come back, all at once, as they do to a new leader; and agents that come for the first time. Everything on the wire
 * as real ones do it: a listening address each (or one for SHARE of them), a connection to the master, messages in HTTP framing.
 *
 *   failover register   MASTER AGENTS SHARE
 *   failover return     MASTER AGENTS SHARE TASKS COMPLETED
 *   failover follow     MASTER AGENTS SHARE TASKS COMPLETED OTHER-MASTER
 *
 * register: new agents; the figure is until the last is admitted (and what admits is durable). return: agents of an earlier
 * master with TASKS running tasks each of one framework, and COMPLETED finished ones of another, register again with a master that
 * knows nothing; the framework subscribes with its id. follow: the same against MASTER, then a line is printed, and with a line of input
 * (MASTER has been killed at this moment) who leads is asked of OTHER-MASTER every five milliseconds; when it leads everybody goes there.
 * MASTER is IP:PORT. Prints one line of JSON; ends when standard input does, so that others can look at the master. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/wire/guard.h"
#include "common/wire/recordio.h"
#include "tests/bench/net.h"

#define FRAMEWORK "00000000-0000-0000-0000-000000000000-0001"
#define OLD_FRAMEWORK "00000000-0000-0000-0000-000000000000-0002"
#define VERSION_UUID "0123456789abcdef"

enum { STALL_S = 120, ASK_NS = 5 * 1000000, FIRST_IP = 0x7f000002, IPS = 100 };
/* As agents do it whom nobody answers: a master that has not read its registry yet lets what they say fall. */
#define RETRY_NS (INT64_C(2) * 1000000000)


struct agent {
    char pid[80], host[48], id[64];
    struct conn *out;
    bool registered;
};

static struct {
    bool returning, following;
    const char *master, *other;
    unsigned agents, share, tasks, completed;
} opt;
static struct sockaddr_in master;
static struct agent *agents;
static unsigned registered;
static bool leads;
static int64_t begin_ns, led_ns, first_ns, last_ns, offer_ns;
static struct recordio records;
static struct sbuf scratch = { .max = 1 << 28 };

/* --- messages ------------------------------------------------------------------------------------------- */

static void scalar(struct sbuf *b, uint32_t number, const char *name, double value)
{
    size_t m = wire_open(b, number), v;

    wire_put_bytes(b, 1, str_of(name));
    wire_put_u64(b, 2, 0);
    v = wire_open(b, 3);
    wire_put_double(b, 1, value);
    wire_close(b, v);
    wire_put_bytes(b, 6, STR("*"));
    wire_close(b, m);
}

static void allocated(struct sbuf *b, uint32_t number, const char *name, double value)
{
    size_t m = wire_open(b, number), v;

    wire_put_bytes(b, 1, str_of(name));
    wire_put_u64(b, 2, 0);
    v = wire_open(b, 3);
    wire_put_double(b, 1, value);
    wire_close(b, v);
    wire_put_bytes(b, 6, STR("*"));
    v = wire_open(b, 11);
    wire_put_bytes(b, 1, STR("*"));
    wire_close(b, v);
    wire_close(b, m);
}

static void put_info(struct sbuf *b, uint32_t number, const struct agent *a)
{
    size_t m = wire_open(b, number);
    char hostname[32];

    (void)snprintf(hostname, sizeof hostname, "agent%zu.example", (size_t)(a - agents));
    wire_put_bytes(b, 1, str_of(hostname));
    scalar(b, 3, "cpus", 20 + 0.1 * opt.tasks);
    scalar(b, 3, "mem", 10240 + 5.0 * opt.tasks);
    scalar(b, 3, "disk", 10240);
    if (a->id[0] != 0)
        wire_put_id(b, 6, str_of(a->id));
    wire_put_u64(b, 7, 1); /* checkpoint */
    wire_put_u64(b, 8, 5051);
    wire_close(b, m);
}

static void put_capabilities(struct sbuf *b, uint32_t number)
{
    for (unsigned i = 1; i <= 8; i++) {
        size_t m = wire_open(b, number);
        wire_put_u64(b, 1, i);
        wire_close(b, m);
    }
}

static void put_framework(struct sbuf *b, uint32_t number, const char *id)
{
    size_t m = wire_open(b, number), c;

    wire_put_bytes(b, 1, STR("root"));
    wire_put_bytes(b, 2, STR("bench"));
    wire_put_id(b, 3, str_of(id));
    wire_put_double(b, 4, 3600);
    wire_put_u64(b, 5, 1);
    for (unsigned type = 5; type <= 6; type++) { /* PARTITION_AWARE, MULTI_ROLE */
        c = wire_open(b, 10);
        wire_put_u64(b, 1, type);
        wire_close(b, c);
    }
    wire_put_bytes(b, 12, STR("*"));
    wire_close(b, m);
}

static void put_task(struct sbuf *b, uint32_t number, const struct agent *a, unsigned i, const char *framework, unsigned state)
{
    size_t m = wire_open(b, number), s, l, kv;
    char id[80];

    (void)snprintf(id, sizeof id, "task-%zu-%u-%u", (size_t)(a - agents), i, state);
    wire_put_bytes(b, 1, STR("bench-task"));
    wire_put_id(b, 2, str_of(id));
    wire_put_id(b, 3, str_of(framework));
    wire_put_id(b, 5, str_of(a->id));
    wire_put_u64(b, 6, state);
    allocated(b, 7, "cpus", 0.1);
    allocated(b, 7, "mem", 5);
    s = wire_open(b, 8);
    wire_put_id(b, 1, str_of(id));
    wire_put_u64(b, 2, state);
    wire_put_id(b, 5, str_of(a->id));
    wire_put_double(b, 6, 1795500000.5);
    wire_close(b, s);
    wire_put_u64(b, 9, state);
    wire_put_bytes(b, 10, STR(VERSION_UUID));
    l = wire_open(b, 11);
    for (unsigned k = 0; k < 10; k++) {
        char key[8] = { 'k', 'e', 'y', (char)('0' + k) }, value[8] = { 'v', 'a', 'l', 'u', 'e', (char)('0' + k) };
        kv = wire_open(b, 1);
        wire_put_bytes(b, 1, str_of(key));
        wire_put_bytes(b, 2, str_of(value));
        wire_close(b, kv);
    }
    wire_close(b, l);
    wire_close(b, m);
}

static void put_reregistration(struct sbuf *b, const struct agent *a)
{
    put_info(b, 2, a);
    for (unsigned i = 0; i < opt.tasks; i++)
        put_task(b, 3, a, i, FRAMEWORK, 1);
    if (opt.completed != 0) {
        size_t m = wire_open(b, 5);
        put_framework(b, 1, OLD_FRAMEWORK);
        for (unsigned i = 0; i < opt.completed; i++)
            put_task(b, 3, a, i, OLD_FRAMEWORK, 2);
        wire_close(b, m);
    }
    wire_put_bytes(b, 6, STR("1.12.0"));
    if (opt.tasks != 0)
        put_framework(b, 8, FRAMEWORK);
    put_capabilities(b, 9);
    wire_put_id(b, 10, STR(VERSION_UUID));
}

static void send_registration(struct agent *a)
{
    sbuf_clear(&scratch);
    if (opt.returning) {
        put_reregistration(&scratch, a);
    } else {
        put_info(&scratch, 1, a);
        wire_put_bytes(&scratch, 2, STR("1.12.0"));
        put_capabilities(&scratch, 4);
        wire_put_id(&scratch, 5, STR(VERSION_UUID));
    }
    net_message(a->out, "master", opt.master, a->pid, opt.returning ? "mesos.internal.ReregisterSlaveMessage" : "mesos.internal.RegisterSlaveMessage",
                sbuf_view(&scratch));
}

/* --- agents --------------------------------------------------------------------------------------------- */

static void on_registered(struct agent *a, struct str body)
{
    (void)snprintf(a->id, sizeof a->id, "%.*s", STR_ARG(wire_path(body, 1, 1, 0)));
    if (!a->registered) {
        last_ns = net_now_ns();
        if (registered++ == 0)
            first_ns = last_ns;
    }
    a->registered = true;
    sbuf_clear(&scratch);
    wire_put_id(&scratch, 1, str_of(a->id));
    wire_close(&scratch, wire_open(&scratch, 6)); /* operations: none */
    wire_put_id(&scratch, 7, STR(VERSION_UUID));
    net_message(a->out, "master", opt.master, a->pid, "mesos.internal.UpdateSlaveMessage", sbuf_view(&scratch));
}

static void agent_message(struct conn *c, const struct http_in *m)
{
    struct agent *a = c->owner;
    struct str rest = m->start, name = m->start, from = m->from, id;
    uint64_t number = 1;
    char to[64];

    if (!str_skip(&rest, STR("POST /")))
        return;
    (void)str_cut(&rest, '/', &name);
    if (!str_skip(&name, STR("slave(")) || !str_u64(&name, opt.share, &number) || number == 0)
        bench_die("unexpected request %.*s", STR_ARG(m->start));
    a += number - 1;
    (void)str_cut(&rest, ' ', &name);
    (void)str_skip(&name, STR("mesos.internal."));
    if (str_is(name, "SlaveRegisteredMessage") || str_is(name, "SlaveReregisteredMessage")) {
        on_registered(a, m->body);
    } else if (str_is(name, "PingSlaveMessage")) {
        (void)str_cut(&from, '@', &id);
        (void)snprintf(to, sizeof to, "%.*s", STR_ARG(id));
        net_message(a->out, to, opt.master, a->pid, "mesos.internal.PongSlaveMessage", (struct str){ 0 });
    } else if (str_is(name, "ShutdownMessage")) {
        bench_die("agent %s is told to shut down: %.*s", a->id, STR_ARG(m->body));
    }
}

static void agent_accept(int fd, void *owner)
{
    net_adopt(fd, agent_message, owner)->answers_202 = true;
}

static void prepare_agents(void)
{
    agents = xcalloc(opt.agents, sizeof *agents);
    for (unsigned i = 0; i < opt.agents; i++) {
        struct agent *a = &agents[i], *first = &agents[i - i % opt.share];
        uint32_t ip = FIRST_IP + i / opt.share % IPS;
        struct in_addr address = { .s_addr = htonl(ip) };
        char text[INET_ADDRSTRLEN];

        if (a == first)
            (void)snprintf(a->host, sizeof a->host, "%s:%u", inet_ntop(AF_INET, &address, text, sizeof text), net_listen(ip, agent_accept, a));
        (void)snprintf(a->pid, sizeof a->pid, "slave(%u)@%s", i % opt.share + 1, first->host);
        if (opt.returning)
            (void)snprintf(a->id, sizeof a->id, "00000000-0000-0000-0000-000000000000-S%u", i);
    }
}

static void connect_agents(void)
{
    registered = 0;
    for (unsigned i = 0; i < opt.agents; i++) {
        struct agent *a = &agents[i], *first = &agents[i - i % opt.share];
        a->registered = false;
        a->out = a == first ? net_connect(&master, FIRST_IP + i / opt.share % IPS, agent_message, a) : first->out;
        send_registration(a);
        if (i % 16 == 15)
            net_turn(0);
    }
}

/* --- the framework, and who leads ------------------------------------------------------------------------- */

static void stream_message(struct conn *c, const struct http_in *m)
{
    struct str in = m->body, record;

    (void)c;
    if (m->start.n != 0 && !str_starts(m->start, STR("HTTP/1.1 200")))
        bench_die("SUBSCRIBE was answered with %.*s: %.*s", STR_ARG(m->start), STR_ARG(m->body));
    while (m->start.n == 0 && recordio_next(&records, &in, &record, NULL) == 1)
        if (wire_field_u64(record, 1, 0) == 2 && offer_ns == 0 && registered != 0)
            offer_ns = net_now_ns();
}

static void subscribe(void)
{
    struct conn *c = net_connect(&master, 0x7f000001, stream_message, NULL);
    struct sbuf *b = net_out(c), *s = &scratch;

    recordio_init(&records, 256 << 20);
    c->is_stream = true;
    sbuf_clear(s);
    wire_put_id(s, 1, STR(FRAMEWORK));
    wire_put_u64(s, 2, 1);
    size_t m = wire_open(s, 3);
    put_framework(s, 1, FRAMEWORK);
    wire_close(s, m);
    sbuf_fmt(b, "POST /api/v1/scheduler HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\nAccept: application/x-protobuf\r\nContent-Length: %zu\r\n\r\n",
             opt.master, s->n);
    sbuf_str(b, sbuf_view(s));
    net_touch(c);
}

/* The answer to a call that changes nothing: 503 until the registry is read, 307 while another leads. */
static void leader_message(struct conn *c, const struct http_in *m)
{
    (void)c;
    leads = str_starts(m->start, STR("HTTP/1.1 200"));
}

static void ask_until_it_leads(void)
{
    leads = false;
    struct conn *c = net_connect(&master, 0x7f000001, leader_message, NULL);

    for (int64_t until = net_now_ns() + (int64_t)STALL_S * 1000000000; !leads; net_turn_us(ASK_NS / 1000)) {
        if (net_now_ns() > until)
            bench_die("nobody leads after %d s", STALL_S);
        struct sbuf *b = net_out(c);
        sbuf_fmt(b, "POST /api/v1 HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: 21\r\n\r\n{\"type\":\"GET_HEALTH\"}",
                 opt.master);
        net_touch(c);
    }
    led_ns = net_now_ns();
}

/* --- the run -------------------------------------------------------------------------------------------- */

static void come(void)
{
    first_ns = last_ns = offer_ns = 0;
    if (opt.returning)
        subscribe();
    connect_agents();
    int64_t now, again = net_now_ns() + RETRY_NS, until = net_now_ns() + (int64_t)STALL_S * 1000000000;
    for (; registered < opt.agents || (opt.returning && offer_ns == 0); net_turn(100)) {
        now = net_now_ns();
        if (now > until)
            bench_die("%u of %u agents are registered after %d s, %s offer", registered, opt.agents, STALL_S, offer_ns == 0 ? "no" : "an");
        if (now - last_ns < RETRY_NS || now < again)
            continue; /* it goes on */
        again = now + RETRY_NS;
        for (unsigned i = 0; i < opt.agents; i++)
            if (!agents[i].registered)
                send_registration(&agents[i]);
    }
}

static double ms(int64_t ns)
{
    return ns == 0 ? 0 : (double)(ns - begin_ns) / 1e6;
}

static void report(void)
{
    printf("{\"agents\":%u,\"leader_ms\":%.1f,\"first_agent_ms\":%.1f,\"first_offer_ms\":%.1f,\"last_agent_ms\":%.1f}\n", opt.agents, ms(led_ns), ms(first_ns),
           ms(offer_ns), ms(last_ns));
    (void)fflush(stdout);
}

static void set_master(const char *text)
{
    struct str rest = str_of(text), ip;
    char host[INET_ADDRSTRLEN];
    uint64_t port = 0;

    opt.master = text;
    (void)str_cut(&rest, ':', &ip);
    (void)snprintf(host, sizeof host, "%.*s", STR_ARG(ip));
    if (!str_u64(&rest, 65535, &port) || inet_pton(AF_INET, host, &master.sin_addr) != 1)
        bench_die("%s: use IP:PORT", text);
    master.sin_family = AF_INET;
    master.sin_port = htons((uint16_t)port);
}

/* Goes on until standard input has a line (true) or has ended (false). */
static bool hold(void)
{
    struct pollfd p = { .fd = 0, .events = POLLIN };
    char line[64];

    while (poll(&p, 1, 0) <= 0)
        net_turn(20);
    return read(0, line, sizeof line) > 0;
}

static unsigned number(int argc, char **argv, int i)
{
    struct str s = str_of(i < argc ? argv[i] : "0");
    uint64_t v;

    if (!str_u64(&s, UINT32_MAX, &v) || s.n != 0)
        bench_die("\"%s\" is no number", argv[i]);
    return (unsigned)v;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        bench_die("usage: failover register|return|follow MASTER AGENTS SHARE [TASKS COMPLETED [OTHER-MASTER]]");
    opt.following = strcmp(argv[1], "follow") == 0;
    opt.returning = opt.following || strcmp(argv[1], "return") == 0;
    opt.agents = number(argc, argv, 3);
    opt.share = number(argc, argv, 4);
    opt.tasks = number(argc, argv, 5);
    opt.completed = number(argc, argv, 6);
    set_master(argv[2]);
    net_init();
    prepare_agents();
    if (opt.following)
        ask_until_it_leads();
    begin_ns = net_now_ns();
    led_ns = 0;
    come();
    if (opt.following && argc > 7) {
        report();
        net_may_close = true;
        (void)hold();
        begin_ns = net_now_ns();
        set_master(argv[7]);
        ask_until_it_leads();
        come();
    }
    report();
    while (hold())
        ;
    return 0;
}
