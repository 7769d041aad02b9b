/* SPDX-License-Identifier: Apache-2.0 */
/* The limit of agents that come all at once: what a master cannot do without, and nothing else. Reads each message, keeps its tasks as
 * bytes with an index, opens the connection back and answers. New agents are written to FILE first, one fdatasync for all
 * that came in a turn.
 *
 *   probe_failover [FILE]      prints the port that it listens on; ends when standard input does. Driven by tests/bench/failover. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/wire/guard.h"
#include "tests/bench/net.h"

struct task {
    UT_hash_handle hh;
    uint32_t id_n;
    char data[];
};

struct peer { /* the way back to an address */
    UT_hash_handle hh;
    char host[48];
    struct conn *c;
};

struct answer {
    struct peer *peer;
    char to[80], id[64];
    bool is_new;
};

static struct task *tasks;
static struct peer *peers;
static struct answer *answers;
static size_t answer_count, answer_cap;
static unsigned agent_count;
static struct sbuf records = { .max = 1 << 28 };
static struct conn *framework;
static int file = -1;

static void ignore(struct conn *c, const struct http_in *m)
{
    (void)c;
    (void)m;
}

static struct peer *peer_of(struct str host)
{
    struct peer *p = NULL;
    struct sockaddr_in to = { .sin_family = AF_INET };
    struct str rest = host, ip;
    char text[INET_ADDRSTRLEN];
    uint64_t port = 0;

    HASH_FIND(hh, peers, host.p, host.n, p);
    if (p != NULL)
        return p;
    p = xcalloc(1, sizeof *p);
    (void)snprintf(p->host, sizeof p->host, "%.*s", STR_ARG(host));
    (void)str_cut(&rest, ':', &ip);
    (void)snprintf(text, sizeof text, "%.*s", STR_ARG(ip));
    if (!str_u64(&rest, 65535, &port) || inet_pton(AF_INET, text, &to.sin_addr) != 1)
        bench_die("%s is no address", p->host);
    to.sin_port = htons((uint16_t)port);
    p->c = net_connect(&to, INADDR_LOOPBACK, ignore, NULL);
    HASH_ADD_KEYPTR(hh, peers, p->host, strlen(p->host), p);
    return p;
}

static void keep_task(struct str bytes)
{
    struct str id = wire_path(bytes, 2, 1, 0);
    struct task *t = xmalloc(sizeof *t + id.n + bytes.n);

    t->id_n = (uint32_t)id.n;
    memcpy(t->data, id.p, id.n);
    memcpy(t->data + id.n, bytes.p, bytes.n);
    HASH_ADD_KEYPTR(hh, tasks, t->data, id.n, t);
}

static void keep_tasks(struct str body)
{
    struct wire_field f;

    while (wire_field_next(&body, &f) == 1)
        if (f.number == 3)
            keep_task(f.bytes);
}

static void register_agent(const struct http_in *m, bool is_new)
{
    struct str host = m->from, to;

    (void)str_cut(&host, '@', &to);
    ARRAY_ROOM(answers, answer_count, answer_cap);
    struct answer *a = &answers[answer_count++];
    *a = (struct answer){ .peer = peer_of(host), .is_new = is_new };
    (void)snprintf(a->to, sizeof a->to, "%.*s", STR_ARG(to));
    if (is_new) {
        (void)snprintf(a->id, sizeof a->id, "00000000-0000-0000-0000-000000000000-S%u", agent_count++);
        wire_put_bytes(&records, 1, m->body);
        return;
    }
    (void)snprintf(a->id, sizeof a->id, "%.*s", STR_ARG(wire_path(m->body, 2, 6, 1)));
    keep_tasks(m->body);
}

static void offer(void)
{
    if (framework != NULL)
        net_send(framework, STR("4\r\n2\n\x08\x02\r\n")); /* a chunk, a record, an event that says OFFERS */
}

static void on_message(struct conn *c, const struct http_in *m)
{
    if (str_starts(m->start, STR("POST /master/mesos.internal.Reregister"))) {
        register_agent(m, false);
    } else if (str_starts(m->start, STR("POST /master/mesos.internal.Register"))) {
        register_agent(m, true);
    } else if (str_starts(m->start, STR("POST /api/v1/scheduler"))) {
        framework = c;
        c->answers_202 = false; /* this one has an answer of its own */
        c->owed = 0;
        net_send(c, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: x\r\n\r\n"));
    }
}

static void on_accept(int fd, void *owner)
{
    net_adopt(fd, on_message, owner)->answers_202 = true;
}

static void answer_all(const char *self)
{
    struct sbuf b = { .max = 4096 };

    if (records.n != 0 && file >= 0 && (write(file, records.p, records.n) != (ssize_t)records.n || fdatasync(file) != 0))
        bench_die("the file cannot be written");
    sbuf_clear(&records);
    for (size_t i = 0; i < answer_count; i++) {
        const struct answer *a = &answers[i];
        sbuf_clear(&b);
        wire_put_id(&b, 1, str_of(a->id));
        net_message(a->peer->c, a->to, a->peer->host, self, a->is_new ? "mesos.internal.SlaveRegisteredMessage" : "mesos.internal.SlaveReregisteredMessage",
                    sbuf_view(&b));
    }
    if (answer_count != 0)
        offer();
    answer_count = 0;
    sbuf_done(&b);
}

int main(int argc, char **argv)
{
    char self[64];
    struct pollfd in = { .fd = 0, .events = POLLIN };

    net_init();
    net_may_close = true;
    if (argc > 1 && (file = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        bench_die("%s cannot be opened", argv[1]);
    unsigned port = net_listen(INADDR_LOOPBACK, on_accept, NULL);
    (void)snprintf(self, sizeof self, "master@127.0.0.1:%u", port);
    printf("%u\n", port);
    (void)fflush(stdout);
    while (poll(&in, 1, 0) <= 0) {
        net_turn(answer_count != 0 ? 0 : 20);
        answer_all(self);
    }
    return 0;
}
