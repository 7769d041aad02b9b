/* SPDX-License-Identifier: Apache-2.0 */
/* Limit probe p_launch: the skeleton of the launch path and nothing else. A "master" process with one scheduler
 * socket and N agent sockets, a driver process at the other ends. Per task six messages cross: accept, run, status,
 * update, and the acknowledgement on both hops, each with 200 bytes of headers that are copied and not parsed, and a
 * protobuf body that the master unpacks (into an arena) and packs again. No books, no HTTP, no checks.
 *
 *   probe_launch AGENTS WINDOW TASKS [MASTER_CPU DRIVER_CPU]   -> one line of JSON */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/wire/guard.h"
#include "proto/mesos_internal.pb-c.h"
#include "proto/mesos_v1.pb-c.h"
#include "tests/bench/net.h"

enum { HEADER = 200, ACCEPT = 1, RUN, STATUS, UPDATE, ACK_MASTER, ACK_AGENT, BUF = 1 << 22, EVENTS = 256 };

/* Framing of the probe: kind, agent, body size in front of 200 header bytes and the body. */
struct frame {
    uint32_t kind, agent, size;
};

struct peer {
    int fd;
    struct sbuf in, out;
    bool dirty;
};

static struct peer *peers; /* [0] scheduler, [1 + i] agent i */
static unsigned agents;
static int ep;
static unsigned *touched, touched_count;

static void put(unsigned to, uint32_t kind, uint32_t agent, struct str body)
{
    struct peer *p = &peers[to];
    struct frame f = { kind, agent, (uint32_t)body.n };
    static const char header[HEADER];

    sbuf_add(&p->out, &f, sizeof f);
    sbuf_add(&p->out, header, HEADER);
    sbuf_str(&p->out, body);
    if (!p->dirty) {
        p->dirty = true;
        touched[touched_count++] = to;
    }
}

static void flush_all(void)
{
    for (unsigned i = 0; i < touched_count; i++) {
        struct peer *p = &peers[touched[i]];
        size_t at = 0;

        while (at < p->out.n) {
            ssize_t n = send(p->fd, p->out.p + at, p->out.n - at, MSG_NOSIGNAL);

            if (n < 0)
                _exit(1);
            at += (size_t)n;
        }
        sbuf_clear(&p->out);
        p->dirty = false;
    }
    touched_count = 0;
}

typedef void frame_fn(unsigned from, const struct frame *f, struct str body);

static void read_peer(unsigned from, frame_fn *fn)
{
    struct peer *p = &peers[from];
    char *room = sbuf_room(&p->in, 65536);
    ssize_t n = recv(p->fd, room, 65536, MSG_DONTWAIT);
    size_t at = 0;

    if (n == 0)
        _exit(0);
    if (n < 0)
        return;
    sbuf_grew(&p->in, (size_t)n);
    while (p->in.n - at >= sizeof(struct frame)) {
        struct frame f;

        memcpy(&f, p->in.p + at, sizeof f);
        if (p->in.n - at < sizeof f + HEADER + f.size)
            break;
        fn(from, &f, str_mem(p->in.p + at + sizeof f + HEADER, f.size));
        at += sizeof f + HEADER + f.size;
    }
    sbuf_drop(&p->in, at);
}

static void turn(frame_fn *fn)
{
    struct epoll_event e[EVENTS];
    int n = epoll_wait(ep, e, EVENTS, -1);

    for (int i = 0; i < n; i++)
        read_peer(e[i].data.u32, fn);
    flush_all();
}

/* --- master side --- */
static struct arena arena = ARENA_INIT(1 << 20);
static struct sbuf packed = { .max = 1 << 20 };

static void repack(unsigned to, uint32_t kind, uint32_t agent, const ProtobufCMessageDescriptor *type, struct str body)
{
    ProtobufCMessage *m = NULL;

    if (wire_unpack(type, body, &arena, &m, NULL) != 0)
        _exit(2);
    sbuf_clear(&packed);
    (void)wire_pack(&packed, m);
    arena_clear(&arena);
    put(to, kind, agent, sbuf_view(&packed));
}

static void master_frame(unsigned from, const struct frame *f, struct str body)
{
    (void)from;
    if (f->kind == ACCEPT)
        repack(1 + f->agent, RUN, f->agent, &mesos__v1__task_info__descriptor, body);
    else if (f->kind == STATUS)
        repack(0, UPDATE, f->agent, &mesos__internal__status_update_message__descriptor, body);
    else if (f->kind == ACK_MASTER)
        repack(1 + f->agent, ACK_AGENT, f->agent, &mesos__internal__status_update_acknowledgement_message__descriptor, body);
}

/* --- driver side --- */
static struct sbuf task_bytes = { .max = 65536 }, status_bytes = { .max = 65536 }, ack_bytes = { .max = 65536 };
static unsigned window, next_agent, launched, done_count, total;
static int64_t *sent_ns, *latency_ns;

static void launch(void)
{
    if (launched == total)
        return;
    sent_ns[next_agent] = net_now_ns();
    put(0, ACCEPT, next_agent, sbuf_view(&task_bytes));
    next_agent = (next_agent + 1) % agents;
    launched++;
}

static void driver_frame(unsigned from, const struct frame *f, struct str body)
{
    (void)body;
    (void)from;
    if (f->kind == RUN) {
        put(1 + f->agent, STATUS, f->agent, sbuf_view(&status_bytes));
    } else if (f->kind == UPDATE) {
        latency_ns[done_count] = net_now_ns() - sent_ns[f->agent];
        put(0, ACK_MASTER, f->agent, sbuf_view(&ack_bytes));
    } else if (f->kind == ACK_AGENT) {
        done_count++;
        launch();
    }
}

/* The task and status of the fixed payload: ids of 37 and 46 bytes, two scalars, ten labels. */
static void make_payload(void)
{
    const char *id = "0a7c1b2e-3d4f-4a5b-8c6d-7e8f9a0b1c2d-0001-S000", *task = "0a7c1b2e-3d4f-4a5b-8c6d-7e8f9a0b1c2d0";
    size_t m, m2;

    wire_put_bytes(&task_bytes, 1, STR("bench"));
    wire_put_id(&task_bytes, 2, str_of(task));
    wire_put_id(&task_bytes, 3, str_of(id));
    for (int i = 0; i < 2; i++) {
        m = wire_open(&task_bytes, 4);
        wire_put_bytes(&task_bytes, 1, i == 0 ? STR("cpus") : STR("mem"));
        wire_put_u64(&task_bytes, 2, 0);
        m2 = wire_open(&task_bytes, 3);
        wire_put_double(&task_bytes, 1, i == 0 ? 0.1 : 5);
        wire_close(&task_bytes, m2);
        wire_close(&task_bytes, m);
    }
    m = wire_open(&task_bytes, 10);
    for (int i = 0; i < 10; i++) {
        char kv[16];

        m2 = wire_open(&task_bytes, 1);
        (void)snprintf(kv, sizeof kv, "key%d", i);
        wire_put_bytes(&task_bytes, 1, str_of(kv));
        (void)snprintf(kv, sizeof kv, "value%d", i);
        wire_put_bytes(&task_bytes, 2, str_of(kv));
        wire_close(&task_bytes, m2);
    }
    wire_close(&task_bytes, m);
    m = wire_open(&status_bytes, 1);
    wire_put_id(&status_bytes, 1, str_of(id));
    wire_put_id(&status_bytes, 3, str_of(id));
    m2 = wire_open(&status_bytes, 4);
    wire_put_id(&status_bytes, 1, str_of(task));
    wire_put_u64(&status_bytes, 2, 1);
    wire_close(&status_bytes, m2);
    wire_put_double(&status_bytes, 5, 1795500000.5);
    wire_put_bytes(&status_bytes, 6, STR("0123456789abcdef"));
    wire_close(&status_bytes, m);
    wire_put_bytes(&status_bytes, 2, STR("slave(1)@127.0.0.1:5051"));
    wire_put_id(&ack_bytes, 1, str_of(id));
    wire_put_id(&ack_bytes, 2, str_of(id));
    wire_put_id(&ack_bytes, 3, str_of(task));
    wire_put_bytes(&ack_bytes, 4, STR("0123456789abcdef"));
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (cpu >= 0)
        (void)sched_setaffinity(0, sizeof set, &set);
}

static void setup(const int *fds)
{
    ep = epoll_create1(0);
    peers = xcalloc(agents + 1, sizeof *peers);
    touched = xcalloc(agents + 1, sizeof *touched);
    for (unsigned i = 0; i <= agents; i++) {
        struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };

        peers[i] = (struct peer){ .fd = fds[i], .in = SBUF_INIT(BUF), .out = SBUF_INIT(BUF) };
        (void)epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
    }
}

static unsigned argument(const char *text)
{
    struct str s = str_of(text);
    uint64_t v = 0;

    if (!str_u64(&s, 100000000, &v))
        bench_die("%s is no number", text);
    return (unsigned)v;
}

/* A connected loopback TCP pair: TCP is what is probed, not socketpair. */
static void tcp_pair(int listener, const struct sockaddr_in *a, int *one, int *two)
{
    int on = 1;

    *one = socket(AF_INET, SOCK_STREAM, 0);
    if (*one < 0 || connect(*one, (const struct sockaddr *)a, sizeof *a) != 0 || (*two = accept(listener, NULL, NULL)) < 0)
        bench_die("tcp pair: %s", strerror(errno));
    (void)setsockopt(*one, 6, 1, &on, sizeof on);
    (void)setsockopt(*two, 6, 1, &on, sizeof on);
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
    socklen_t n = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0), *mine, *theirs, status;
    struct rusage usage;
    int64_t start, end;
    pid_t master;

    if (argc < 4)
        bench_die("usage: probe_launch AGENTS WINDOW TASKS [MASTER_CPU DRIVER_CPU]");
    agents = argument(argv[1]);
    window = argument(argv[2]);
    total = argument(argv[3]);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &n) != 0)
        bench_die("listen: %s", strerror(errno));
    mine = xcalloc(agents + 1, sizeof *mine);
    theirs = xcalloc(agents + 1, sizeof *theirs);
    for (unsigned i = 0; i <= agents; i++)
        tcp_pair(listener, &a, &mine[i], &theirs[i]);
    make_payload();
    master = fork();
    if (master == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(argc > 4 ? (int)argument(argv[4]) : -1);
        for (unsigned i = 0; i <= agents; i++)
            (void)close(mine[i]);
        setup(theirs);
        for (;;)
            turn(master_frame);
    }
    pin(argc > 5 ? (int)argument(argv[5]) : -1);
    for (unsigned i = 0; i <= agents; i++)
        (void)close(theirs[i]);
    setup(mine);
    sent_ns = xcalloc(agents, sizeof *sent_ns);
    latency_ns = xcalloc(total + 1, sizeof *latency_ns);
    start = net_now_ns();
    for (unsigned i = 0; i < window; i++)
        launch();
    flush_all();
    while (done_count < total)
        turn(driver_frame);
    end = net_now_ns();
    for (unsigned i = 0; i <= agents; i++)
        (void)close(mine[i]);
    (void)kill(master, SIGKILL);
    (void)wait4(master, &status, 0, &usage);
    qsort(latency_ns, total, sizeof *latency_ns, compare);
    printf("{\"probe\":\"p_launch\",\"agents\":%u,\"window\":%u,\"tasks\":%u,\"tasks_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"master_cpu_us_per_task\":%.2f}\n",
           agents, window, total, total / ((double)(end - start) / 1e9), (double)latency_ns[total / 2] / 1e3,
           (double)latency_ns[(uint64_t)total * 99 / 100] / 1e3,
           ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)) / total);
    return 0;
}
