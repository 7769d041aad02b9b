/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/fs.h"
#include "common/io/msg.h"
#include "tests/unit/io/io_peer.h"

/* Two programs in one loop, each with a server and a transport. */
struct side {
    struct http_server *server;
    struct msg *msg;
    struct net_addr addr;
    const char *id;
    struct sbuf log; /* what was received, as text */
    unsigned received, exited;
    struct msg_pid last_from, last_exited;
};

static struct loop *loop;
static struct side a, b;

static bool on_message(void *ctx, const struct msg_in *m)
{
    struct side *s = ctx;
    if (!str_is(m->to, s->id))
        return false;
    s->received++;
    s->last_from = m->from;
    if (s->log.n < 4000)
        sbuf_fmt(&s->log, "[%.*s %.*s]", STR_ARG(m->name), (int)(m->body.n < 20 ? m->body.n : 20),
                 m->body.n != 0 ? m->body.p : "");
    return true;
}

static void on_exited(void *ctx, const struct msg_pid *pid)
{
    struct side *s = ctx;
    s->exited++;
    s->last_exited = *pid;
}

static void on_head(void *ctx, struct http_req *r)
{
    (void)msg_take(((struct side *)ctx)->msg, r);
}

static void on_request(void *ctx, struct http_req *r)
{
    (void)ctx;
    http_reply_text(r, 404, "404 Not Found.");
}

static int64_t idle_ns;

static void side_open(struct side *s, const char *id, const struct msg_options *options)
{
    static const struct http_handler http = { .on_head = on_head, .on_request = on_request };
    static const struct msg_handler handler = { on_message, on_exited };
    struct error err;
    struct net_addr any;
    *s = (struct side){ .id = id, .log = SBUF_INIT(1 << 16) };
    CHECK(net_parse(STR("127.0.0.1:0"), &any));
    CHECK(msg_new(&s->msg, loop, options, &handler, s, &err) == 0);
    CHECK(http_server_new(&s->server, loop, &(struct http_server_options){ .idle_timeout_ns = idle_ns },
                          &http, s, &err) == 0);
    CHECK(http_server_listen(s->server, &any, &s->addr, &err) == 0);
}

static void side_close(struct side *s)
{
    http_server_free(s->server);
    msg_free(s->msg);
    sbuf_done(&s->log);
    *s = (struct side){ .id = "" };
}

static void setup(const struct msg_options *options)
{
    CHECK(loop_new(&loop, NULL, NULL) == 0);
    side_open(&a, "master", options);
    side_open(&b, "slave(1)", NULL);
}

static void teardown(void)
{
    side_close(&a);
    side_close(&b);
    loop_free(loop);
}

static struct msg_pid pid_of(const struct side *s)
{
    struct msg_pid p;
    CHECK(msg_pid_make(str_of(s->id), &s->addr, &p));
    return p;
}

TEST("a pid is parsed and printed")
{
    struct msg_pid p;
    char text[MSG_PID_TEXT_SIZE];
    CHECK(msg_pid_parse(STR("slave(1)@127.0.5.1:5051"), &p));
    msg_pid_text(&p, text);
    CHECK_CSTR(text, "slave(1)@127.0.5.1:5051");
    CHECK(msg_pid_parse(STR("x@[::1]:80"), &p));
    msg_pid_text(&p, text);
    CHECK_CSTR(text, "x@[::1]:80");
    static const char *const wrong[] = {
        "", "nonsense", "@1.2.3.4:5", "a@1.2.3.4", "a@1.2.3.4:70000", "a@host:80", "a@1.2.3.4:5x"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(!msg_pid_parse(str_of(wrong[i]), &p));
    memset(&p, 0, sizeof p);
    msg_pid_text(&p, text);
    CHECK_CSTR(text, "@0.0.0.0:0");
}

TEST("messages arrive in order, with their sender, on one connection, and empty ones too")
{
    setup(NULL);
    struct msg_pid from = pid_of(&a), to = pid_of(&b);
    CHECK_INT(msg_send(a.msg, &from, &to, STR("mesos.internal.One"), STR("body 1")), 0);
    CHECK_INT(msg_send(a.msg, &from, &to, STR("mesos.internal.Empty"), STR("")), 0);
    CHECK_INT(msg_send(a.msg, &from, &to, STR("mesos.internal.Two"), STR("body 2")), 0);
    CHECK(LOOP_UNTIL(loop, b.received == 3));
    CHECK_STR(sbuf_view(&b.log),
              STR("[mesos.internal.One body 1][mesos.internal.Empty ][mesos.internal.Two body 2]"));
    CHECK(msg_pid_eq(&b.last_from, &from));
    struct http_server_stats st;
    http_server_stats(b.server, &st);
    CHECK_INT(st.accepted, 1);
    CHECK_INT(msg_send(b.msg, &to, &from, STR("Answer"), STR("x")), 0);
    CHECK(LOOP_UNTIL(loop, a.received == 1));
    teardown();
}

TEST("a message that was put off leaves with the next one, in order, or alone a little later")
{
    setup(NULL);
    struct msg_pid from = pid_of(&a), to = pid_of(&b);
    CHECK_INT(msg_send(a.msg, &from, &to, STR("M"), STR("1")), 0);
    CHECK(LOOP_UNTIL(loop, b.received == 1));
    CHECK_INT(msg_send_later(a.msg, &from, &to, STR("M"), STR("2")), 0);
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    CHECK_INT(b.received, 1);
    CHECK_INT(msg_send(a.msg, &from, &to, STR("M"), STR("3")), 0);
    CHECK(LOOP_UNTIL(loop, b.received == 3));
    CHECK_STR(sbuf_view(&b.log), STR("[M 1][M 2][M 3]"));
    CHECK_INT(msg_send_later(a.msg, &from, &to, STR("M"), STR("4")), 0);
    CHECK(LOOP_UNTIL(loop, b.received == 4));
    CHECK_INT(msg_send_later(a.msg, &from, &to, STR("M"), STR("5")), 0);
    teardown(); /* with one put off */
}

TEST("answers wait for each other once a peer has shown that it does not wait for them")
{
    setup(NULL);
    static const char m[] = "POST /slave(1)/M HTTP/1.1\r\nLibprocess-From: x@127.0.0.1:1\r\nContent-Length: 1\r\n\r\nx";
    struct peer p = peer_open(&b.addr);
    peer_send(loop, &p, str_of(m));
    CHECK(peer_expect(loop, &p, "202 Accepted"));
    peer_send(loop, &p, STR("POST /slave(1)/M HTTP/1.1\r\nLibprocess-From: x@127.0.0.1:1\r\nContent-Length: 1\r\n\r\nx"
                            "POST /slave(1)/M HTTP/1.1\r\nLibprocess-From: x@127.0.0.1:1\r\nContent-Length: 1\r\n\r\nx"));
    CHECK(LOOP_UNTIL(loop, (peer_read_some(&p, SIZE_MAX), peer_count(&p, "202 Accepted") == 3)));
    peer_send(loop, &p, str_of(m));
    CHECK(LOOP_UNTIL(loop, b.received == 4));
    peer_send(loop, &p, STR("POST /other/M HTTP/1.1\r\nLibprocess-From: x@127.0.0.1:1\r\nContent-Length: 1\r\n\r\nx"));
    CHECK(peer_expect(loop, &p, "404 Not Found")); /* takes the other one along */
    CHECK_INT(peer_count(&p, "202 Accepted"), 4);
    struct mono sent = loop_clock();
    peer_send(loop, &p, str_of(m));
    CHECK(LOOP_UNTIL(loop, (peer_read_some(&p, SIZE_MAX), peer_count(&p, "202 Accepted") == 5)));
    CHECK(mono_diff(loop_clock(), sent) > 400 * NS_PER_MS);
    peer_close(&p);
    teardown();
}

TEST("what goes over the wire is what the original sends")
{
    setup(NULL);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage ss;
    struct net_addr any, addr, remote;
    CHECK(net_parse(STR("127.0.0.1:0"), &any));
    socklen_t n = net_to_sockaddr(&any, &ss);
    CHECK(bind(fd, (struct sockaddr *)&ss, n) == 0 && listen(fd, 5) == 0);
    conn_names(fd, &addr, &remote);
    struct msg_pid from, to;
    CHECK(msg_pid_parse(STR("master@127.0.5.1:5050"), &from));
    CHECK(msg_pid_make(STR("slave(1)"), &addr, &to));
    CHECK_INT(msg_send(a.msg, &from, &to, STR("mesos.internal.PingSlaveMessage"), STR("\x08\x01")), 0);
    struct peer p = { .fd = -1, .in = SBUF_INIT(4096) };
    CHECK(LOOP_UNTIL(loop, (p.fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0));
    CHECK(peer_expect(loop, &p, "\r\n0\r\n\r\n"));
    char port[16], want[512];
    (void)snprintf(port, sizeof port, "127.0.0.1:%u", addr.port);
    (void)snprintf(want, sizeof want,
                   "POST /slave(1)/mesos.internal.PingSlaveMessage HTTP/1.1\r\nUser-Agent: "
                   "libprocess/master@127.0.5.1:5050\r\n"
                   "Libprocess-From: master@127.0.5.1:5050\r\nConnection: Keep-Alive\r\nHost: %s\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n2\r\n\x08\x01\r\n0\r\n\r\n",
                   port);
    CHECK_STR(sbuf_view(&p.in), str_of(want));
    peer_close(&p);
    (void)close(fd);
    teardown();
}

TEST("a link exits once when the connection closes, and when it cannot be opened")
{
    setup(NULL);
    struct msg_pid to = pid_of(&b), other = to;
    (void)snprintf(other.id, sizeof other.id, "other");
    CHECK_INT(msg_link(a.msg, &to), 0);
    CHECK_INT(msg_link(a.msg, &to), 0);
    CHECK_INT(msg_link(a.msg, &other), 0);
    struct http_server_stats st;
    CHECK(LOOP_UNTIL(loop, (http_server_stats(b.server, &st), st.connections == 1)));
    CHECK_INT(a.exited, 0);
    side_close(&b);
    CHECK(LOOP_UNTIL(loop, a.exited == 2));
    CHECK_INT(msg_link(a.msg, &to), 0);
    CHECK_INT(a.exited, 2);
    CHECK(LOOP_UNTIL(loop, a.exited == 3));
    CHECK(msg_pid_eq(&a.last_exited, &to));
    CHECK_INT(msg_link(a.msg, &to), 0);
    msg_unlink(a.msg, &to);
    for (int i = 0; i < 10; i++)
        loop_turn(loop, NS_PER_MS);
    CHECK_INT(a.exited, 3);
    struct msg_stats ms;
    msg_stats(a.msg, &ms);
    CHECK_INT(ms.links, 0);
    teardown();
}

TEST("a link may be silent for longer than other connections, before and after its first message")
{
    idle_ns = 200 * NS_PER_MS;
    setup(NULL);
    struct msg_pid to = pid_of(&b), from = pid_of(&a);
    struct peer plain = peer_open(&b.addr);
    CHECK_INT(msg_link(a.msg, &to), 0);
    peer_send(loop, &plain, STR("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(peer_expect_end(loop, &plain));
    for (int i = 0; i < 20; i++)
        loop_turn(loop, NS_PER_MS);
    CHECK_INT(a.exited, 0);
    CHECK_INT(msg_send(a.msg, &from, &to, STR("M"), STR("x")), 0);
    CHECK(LOOP_UNTIL(loop, b.received == 1));
    peer_close(&plain);
    plain = peer_open(&b.addr);
    peer_send(loop, &plain, STR("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(peer_expect_end(loop, &plain));
    for (int i = 0; i < 20; i++)
        loop_turn(loop, NS_PER_MS);
    CHECK_INT(a.exited, 0);
    peer_close(&plain);
    teardown();
    idle_ns = 0;
}

TEST("relinking opens a new connection without an exit")
{
    setup(NULL);
    struct msg_pid to = pid_of(&b), from = pid_of(&a);
    CHECK_INT(msg_link(a.msg, &to), 0);
    struct http_server_stats st;
    CHECK(LOOP_UNTIL(loop, (http_server_stats(b.server, &st), st.connections == 1)));
    CHECK_INT(msg_relink(a.msg, &to), 0);
    CHECK(LOOP_UNTIL(loop, (http_server_stats(b.server, &st), st.accepted == 2)));
    CHECK_INT(msg_send(a.msg, &from, &to, STR("M"), STR("x")), 0);
    CHECK(LOOP_UNTIL(loop, b.received == 1));
    CHECK_INT(a.exited, 0);
    teardown();
}

TEST("a full queue refuses and counts; an idle connection without links is closed")
{
    setup(&(struct msg_options){
        .peer_queue_bytes_max = 1000, .idle_timeout_ns = 20 * NS_PER_MS, .peers_max = 1 });
    struct msg_pid to = pid_of(&b), from = pid_of(&a);
    char big[900] = "";
    CHECK_INT(msg_send(a.msg, &from, &to, STR("M"), str_mem(big, sizeof big)), 0);
    CHECK_INT(msg_send(a.msg, &from, &to, STR("M"), str_mem(big, sizeof big)), -ERR_LIMIT);
    struct msg_pid more = to;
    more.addr.port = 1;
    CHECK_INT(msg_send(a.msg, &from, &more, STR("M"), STR("")), -ERR_LIMIT);
    struct msg_stats ms;
    CHECK(LOOP_UNTIL(loop, b.received == 1));
    msg_stats(a.msg, &ms);
    CHECK_INT(ms.dropped_limit, 2);
    CHECK(LOOP_UNTIL(loop, (msg_stats(a.msg, &ms), ms.peers == 0)));
    CHECK_INT(a.exited, 0);
    teardown();
}

TEST("the sender's ip must match when asked for")
{
    setup(&(struct msg_options){ .require_peer_ip_match = true });
    struct peer p = peer_open(&a.addr);
    peer_send(loop, &p, STR("POST /master/M HTTP/1.1\r\nLibprocess-From: x@127.9.9.9:1\r\n\r\n"));
    CHECK(peer_expect(loop, &p, "HTTP/1.1 400 "));
    peer_send(loop, &p, STR("POST /master/M HTTP/1.1\r\nLibprocess-From: x@127.0.0.1:1\r\n\r\n"));
    CHECK(peer_expect(loop, &p, "HTTP/1.1 202 "));
    peer_close(&p);
    teardown();
}

/* The recorded answers, with the Date cut out of both. */
static void same_but_date(const char *name, struct str got, struct str want)
{
    struct str a_line, b_line;
    while (want.n != 0 && got.n != 0) {
        (void)str_cut(&got, '\n', &a_line);
        (void)str_cut(&want, '\n', &b_line);
        if (!str_eq(a_line, b_line) &&
            !(str_starts(a_line, STR("Date: ")) && str_starts(b_line, STR("Date: "))))
            test_fail(__FILE__, __LINE__, "%s: \"%.*s\", not \"%.*s\"", name, STR_ARG(a_line),
                      STR_ARG(b_line));
    }
    if (got.n != 0 || want.n != 0)
        test_fail(__FILE__, __LINE__, "%s: %zu bytes more, %zu missing", name, got.n, want.n);
}

TEST("recorded raw requests get the recorded answers")
{
    DIR *d = opendir("tests/golden/libprocess/raw");
    REQUIRE(d != NULL);
    int count = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct str name = str_of(e->d_name);
        if (!str_ends(name, STR(".req")))
            continue;
        struct sbuf req = SBUF_INIT(1 << 16), resp = SBUF_INIT(1 << 16);
        char path[400];
        struct error err;
        (void)snprintf(path, sizeof path, "tests/golden/libprocess/raw/%s", e->d_name);
        CHECK(fs_read(path, &req, &err) == 0);
        memcpy(path + strlen(path) - 4, ".resp", 6);
        CHECK(fs_read(path, &resp, &err) == 0);
        setup(NULL);
        struct side *s = str_contains(sbuf_view(&req), STR("slave")) ? &b : &a;
        struct peer p = peer_open(&s->addr);
        peer_send(loop, &p, sbuf_view(&req));
        (void)LOOP_UNTIL(loop, (peer_read_some(&p, SIZE_MAX), p.in.n >= resp.n));
        same_but_date(e->d_name, sbuf_view(&p.in), sbuf_view(&resp));
        peer_close(&p);
        teardown();
        sbuf_done(&req);
        sbuf_done(&resp);
        count++;
    }
    (void)closedir(d);
    CHECK_INT(count, 8);
}
