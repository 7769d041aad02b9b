/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <event2/buffer.h>

#include "common/base/alloc.h"
#include "common/io/http.h"
#include "tests/unit/io/io_peer.h"

/* One server whose handler acts by the path of the request. */
static struct {
    struct loop *loop;
    struct http_server *server;
    struct net_addr addr;
    struct http_req *parked[8];
    unsigned parked_count, gone_count, requests, drained;
    enum http_gone gone_why;
    struct sbuf streamed; /* body bytes that were streamed in */
    bool stream_ended;
} g;

static void on_gone(void *arg, struct http_req *r, enum http_gone why)
{
    (void)arg;
    g.gone_count++;
    g.gone_why = why;
    for (unsigned i = 0; i < g.parked_count; i++)
        if (g.parked[i] == r)
            g.parked[i] = NULL;
}

static void on_body(void *arg, struct http_req *r, struct str bytes, bool end)
{
    (void)arg;
    if (end) {
        g.stream_ended = true;
        if (str_is(http_req_path(r), "/echo-stream"))
            http_stream_end(r);
        else if (str_is(http_req_path(r), "/upload"))
            http_reply(r, 200, "text/plain", STR("stored"));
        return;
    }
    sbuf_str(&g.streamed, bytes);
    if (str_is(http_req_path(r), "/echo-stream"))
        (void)http_stream_write(r, bytes);
}

static void park(struct http_req *r)
{
    http_req_on_gone(r, on_gone, NULL);
    g.parked[g.parked_count++ % 8] = r;
}

static void on_head(void *ctx, struct http_req *r)
{
    (void)ctx;
    struct str path = http_req_path(r);
    if (str_is(path, "/small"))
        http_body_collect(r, 10);
    if (str_is(path, "/deny"))
        http_reply_text(r, 403, "no");
    if (str_is(path, "/upload") || str_is(path, "/upload-parked")) {
        http_req_on_gone(r, on_gone, NULL);
        http_body_stream(r, on_body, NULL);
        if (str_is(path, "/upload-parked"))
            park(r);
    }
    if (str_is(path, "/echo-stream")) {
        park(r);
        http_body_stream(r, on_body, NULL);
        http_stream_begin(r, 200, "application/octet-stream");
    }
}

static void on_drained(void *arg, struct http_req *r)
{
    (void)arg;
    (void)r;
    g.drained++;
}

static void on_request(void *ctx, struct http_req *r)
{
    (void)ctx;
    g.requests++;
    struct str path = http_req_path(r);
    if (str_is(path, "/health")) {
        http_reply(r, 200, NULL, STR(""));
    } else if (str_is(path, "/echo") || str_is(path, "/small")) {
        http_reply(r, 200, "application/octet-stream", http_req_body(r));
    } else if (str_is(path, "/park")) {
        park(r);
    } else if (str_is(path, "/stream")) {
        park(r);
        http_stream_on_drained(r, on_drained, NULL);
        http_reply_header(r, "Mesos-Stream-Id", STR("abc\r\nEvil: 1"));
        http_stream_begin(r, 200, "application/json");
    } else if (str_is(path, "/big")) {
        struct sbuf b = SBUF_INIT(1 << 20);
        for (int i = 0; i < 20000; i++)
            sbuf_c(&b, "0123456789");
        http_reply_sbuf(r, 200, "text/plain", &b);
    } else if (str_is(path, "/accept")) {
        http_reply(r, 200, "text/plain", http_req_header(r, "accept"));
    } else {
        http_reply_text(r, 404, "404 Not Found.");
    }
}

static void setup(const struct http_server_options *options)
{
    memset(&g, 0, sizeof g);
    sbuf_init(&g.streamed, 64u << 20);
    static const struct http_handler handler = { .on_head = on_head, .on_request = on_request };
    struct error err;
    CHECK(loop_new(&g.loop, NULL, &err) == 0);
    CHECK(http_server_new(&g.server, g.loop, options, &handler, NULL, &err) == 0);
    struct net_addr any;
    CHECK(net_parse(STR("127.0.0.1:0"), &any));
    CHECK(http_server_listen(g.server, &any, &g.addr, &err) == 0);
    CHECK(g.addr.port != 0);
}

static void teardown(void)
{
    http_server_free(g.server);
    loop_free(g.loop);
    sbuf_done(&g.streamed);
}

static bool exchange(struct peer *p, const char *request, const char *want)
{
    peer_send(g.loop, p, str_of(request));
    bool ok = peer_expect(g.loop, p, want);
    if (!ok)
        test_fail(__FILE__, __LINE__, "no \"%s\" in: %.*s", want, STR_ARG(sbuf_view(&p->in)));
    return ok;
}

TEST("a GET is answered with Date and Content-Length, without a content type when there is no body")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n");
    struct str got = sbuf_view(&p.in);
    CHECK(str_starts(got, STR("HTTP/1.1 200 OK\r\nDate: ")));
    CHECK(str_ends(got, STR(" GMT\r\nContent-Length: 0\r\n\r\n")));
    CHECK(!str_contains(got, STR("Content-Type")));
    peer_close(&p);
    teardown();
}

TEST("requests that were pipelined are answered in order")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(
        &p,
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n"
        "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
        "404 Not Found.");
    const char *one = strstr(p.in.p, "one"), *two = strstr(p.in.p, "two");
    CHECK(one != NULL && two != NULL && one < two);
    CHECK_INT(g.requests, 3);
    peer_close(&p);
    teardown();
}

TEST("a target may name the server and begin with several slashes")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p,
             "POST http://x:1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
             "POST ///echo?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo"
             "GET https://x HTTP/1.1\r\nHost: x\r\n\r\n"
             "GET http://x?a=//b HTTP/1.1\r\nHost: x\r\n\r\n"
             "GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             "Connection: close");
    CHECK(strstr(p.in.p, "one") != NULL);
    CHECK(strstr(p.in.p, "two") != NULL);
    CHECK_INT(peer_count(&p, "404 Not Found."), 3);
    CHECK_INT(g.requests, 5);
    peer_close(&p);
    teardown();
}

TEST("a parked request holds back those behind it and is told when the peer leaves")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    peer_send(g.loop, &p,
              STR("GET /park HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
                  "5\r\n\r\nafter"));
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 1));
    for (int i = 0; i < 5; i++)
        loop_turn(g.loop, NS_PER_MS);
    CHECK_INT(g.requests, 1);
    http_reply(g.parked[0], 200, "text/plain", STR("late"));
    CHECK(peer_expect(g.loop, &p, "after"));
    CHECK(strstr(p.in.p, "late") < strstr(p.in.p, "after"));

    peer_send(g.loop, &p, STR("GET /park HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 2));
    peer_close(&p);
    CHECK(LOOP_UNTIL(g.loop, g.gone_count == 1));
    CHECK_INT(g.gone_why, HTTP_GONE_CLOSED);
    teardown();
}

TEST("a request that comes byte by byte is understood")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    const char *text =
        "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for (const char *at = text; *at != 0; at++) {
        peer_send(g.loop, &p, str_mem(at, 1));
        loop_turn(g.loop, 0);
    }
    CHECK(peer_expect(g.loop, &p, "hello"));
    peer_close(&p);
    teardown();
}

static const struct {
    const char *name, *request, *want;
} refused[] = {
    { "garbage", "\x01\x02\x03\r\n\r\n", "HTTP/1.1 400 " },
    { "no Host", "GET /health HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
    { "two equal lengths",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 400 " },
    { "two lengths", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "HTTP/1.1 400 " },
    { "plus sign", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd", "HTTP/1.1 400 " },
    { "negative length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\nabcd",
      "HTTP/1.1 400 " },
    { "huge length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "HTTP/1.1 400 " },
    { "2^63 length", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n",
      "HTTP/1.1 4" },
    { "length and chunked",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 400 " },
    { "chunked twice",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
      "identity\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 " },
    { "other coding", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 501 " },
    { "bad chunk size", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "HTTP/1.1 400 " },
    { "huge chunk size",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
      "HTTP/1.1 400 " },
    { "chunk over the limit",
      "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
      "HTTP/1.1 413 " },
    { "length over the limit", "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n",
      "HTTP/1.1 413 " },
    { "bare LF", "GET /health HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 " },
    { "folded line", "GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 400 " },
    { "blank before colon", "GET /health HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400 " },
    { "HTTP/2.0", "GET /health HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 400 " },
    { "unknown Expect", "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\na",
      "HTTP/1.1 417 " },
    { "unknown encoding",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\na",
      "HTTP/1.1 415 " },
    { "gzip that is none",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
      "HTTP/1.1 400 " },
};

TEST("what is no proper HTTP gets its status and the connection is closed")
{
    setup(NULL);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct peer p = peer_open(&g.addr);
        peer_send(g.loop, &p, str_of(refused[i].request));
        bool found = peer_expect(g.loop, &p, refused[i].want);
        if (!found)
            test_fail(__FILE__, __LINE__, "%s: %.*s", refused[i].name, STR_ARG(sbuf_view(&p.in)));
        if (!peer_expect_end(g.loop, &p))
            test_fail(__FILE__, __LINE__, "%s: not closed", refused[i].name);
        if (peer_count(&p, "HTTP/1.1 ") != 1)
            test_fail(__FILE__, __LINE__, "%s: %d answers", refused[i].name, peer_count(&p, "HTTP/1.1 "));
        peer_close(&p);
    }
    CHECK_INT(g.requests, 0);
    teardown();
}

TEST("oversized heads get 414 and 431")
{
    setup(&(struct http_server_options){ .head_bytes_max = 4096, .url_bytes_max = 1000, .headers_max = 20 });
    struct sbuf b = SBUF_INIT(1 << 20);
    for (int kind = 0; kind < 4; kind++) {
        sbuf_clear(&b);
        sbuf_c(&b, "GET /");
        for (int i = 0; i < (kind == 0 ? 1100 : kind == 1 ? 5000 : 1); i++)
            sbuf_char(&b, 'a');
        sbuf_c(&b, " HTTP/1.1\r\nHost: x\r\n");
        for (int i = 0; i < (kind == 2 ? 30 : 0); i++)
            sbuf_c(&b, "X: y\r\n");
        for (int i = 0; i < (kind == 3 ? 500 : 0); i++)
            sbuf_c(&b, "Header: 0123456789\r\n");
        sbuf_c(&b, "\r\n");
        struct peer p = peer_open(&g.addr);
        peer_send(g.loop, &p, sbuf_view(&b));
        CHECK(peer_expect(g.loop, &p, kind < 2 ? "HTTP/1.1 414 " : "HTTP/1.1 431 "));
        peer_close(&p);
    }
    sbuf_done(&b);
    teardown();
}

TEST("the last of repeated headers counts")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p,
             "GET /accept HTTP/1.1\r\nhost: x\r\nAccept: application/x-protobuf\r\naCCEPT:  "
             "application/recordio \r\n\r\n",
             "\r\n\r\napplication/recordio");
    peer_close(&p);
    teardown();
}

TEST("HTTP/1.0 is closed after the answer, and kept when asked for")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p, "GET /health HTTP/1.0\r\n\r\n", "Connection: close\r\n");
    CHECK(peer_expect_end(g.loop, &p));
    peer_close(&p);
    p = peer_open(&g.addr);
    exchange(&p, "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n");
    exchange(&p, "GET /nothing HTTP/1.0\r\n\r\n", "404 Not Found.");
    peer_close(&p);
    teardown();
}

TEST("a client that ends its side after the request still gets its answer")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    CHECK(write(p.fd, "GET /accept HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\n\r\n", 46) == 46);
    (void)shutdown(p.fd, SHUT_WR);
    CHECK(peer_expect(g.loop, &p, "a/b"));
    CHECK(peer_expect_end(g.loop, &p));
    peer_close(&p);
    teardown();
}

TEST("HEAD has the length of the body and no body")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p, "HEAD /big HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n",
             "Content-Length: 0\r\n");
    CHECK(str_contains(sbuf_view(&p.in), STR("Content-Length: 200000\r\n\r\nHTTP/1.1 200 OK")));
    peer_close(&p);
    teardown();
}

TEST("100-continue is sent when the body is wanted, and not when the answer is given at once")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
             "HTTP/1.1 100 Continue\r\n\r\n");
    exchange(&p, "abcd", "\r\n\r\nabcd");
    peer_close(&p);
    p = peer_open(&g.addr);
    exchange(&p, "POST /deny HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
             "HTTP/1.1 403 ");
    CHECK(!str_contains(sbuf_view(&p.in), STR("100 Continue")));
    CHECK(str_contains(sbuf_view(&p.in), STR("Connection: close")));
    CHECK(peer_expect_end(g.loop, &p));
    peer_close(&p);
    teardown();
}

TEST("an answer at head time leaves the connection usable after the rest of the body")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p, "POST /deny HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 403 ");
    exchange(&p, "bodyGET /health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK");
    peer_close(&p);
    teardown();
}

TEST("a stream sends one chunk per write and ends with the last chunk; header values are made harmless")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p, "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n",
             "\r\n\r\n");
    struct str got = sbuf_view(&p.in);
    CHECK(str_contains(got, STR("Transfer-Encoding: chunked\r\nMesos-Stream-Id: abc  Evil: "
                                "1\r\nContent-Type: application/json\r\n")));
    CHECK(!str_contains(got, STR("gzip")));
    CHECK_INT(http_stream_write2(g.parked[0], STR("20\n"), STR("01234567890123456789")), 0);
    struct http_blob *blob = http_blob_copy(STR("shared"));
    CHECK_INT(http_stream_write_blob(g.parked[0], blob), 0);
    http_blob_unref(blob);
    CHECK(peer_expect(g.loop, &p, "17\r\n20\n01234567890123456789\r\n6\r\nshared\r\n"));
    CHECK(LOOP_UNTIL(g.loop, g.drained >= 1));
    http_stream_end(g.parked[0]);
    CHECK(peer_expect(g.loop, &p, "shared\r\n0\r\n\r\n"));
    CHECK(peer_expect_end(g.loop, &p));
    CHECK_INT(g.gone_count, 0);
    peer_close(&p);
    teardown();
}

TEST("both sides stream at once")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    exchange(&p, "POST /echo-stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "\r\n\r\n");
    exchange(&p, "3\r\nabc\r\n", "3\r\nabc\r\n");
    exchange(&p, "4\r\nmore\r\n", "4\r\nmore\r\n");
    exchange(&p, "0\r\n\r\n", "0\r\n\r\n");
    exchange(&p, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found.");
    peer_close(&p);
    teardown();
}

TEST("a streamed body is paused and goes on")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    peer_send(g.loop, &p, STR("POST /upload-parked HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"));
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 1));
    http_body_pause(g.parked[0]);
    char *block = xcalloc(1, 3000000);
    size_t sent = 0;
    for (int i = 0; i < 200; i++) {
        ssize_t n = write(p.fd, block, 3000000 - sent);
        sent += n > 0 ? (size_t)n : 0;
        loop_turn(g.loop, 0);
    }
    CHECK(g.streamed.n <= CONN_READ_SIZE);
    http_body_resume(g.parked[0]);
    peer_send(g.loop, &p, str_mem(block, 3000000 - sent));
    CHECK(LOOP_UNTIL(g.loop, g.stream_ended));
    CHECK_INT(g.streamed.n, 3000000);
    http_reply(g.parked[0], 202, NULL, STR(""));
    CHECK(peer_expect(g.loop, &p, "HTTP/1.1 202 Accepted"));
    free(block);
    peer_close(&p);
    teardown();
}

TEST("whoever leaves while his body is held back is noticed, and what he had sent is read first")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr);
    peer_send(g.loop, &p, STR("POST /upload-parked HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n"));
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 1));
    http_body_pause(g.parked[0]);
    peer_send(g.loop, &p, STR("the first of it"));
    for (int i = 0; i < 10; i++)
        loop_turn(g.loop, 0);
    CHECK_INT(g.streamed.n, 0);
    peer_close(&p);
    CHECK(LOOP_UNTIL(g.loop, g.gone_count == 1));
    CHECK_INT(g.streamed.n, 15);
    teardown();
}

TEST("a reader that does not read is dropped at the cap, and its owner told")
{
    setup(&(struct http_server_options){ .stream_pending_bytes_max = 1 << 20 });
    struct peer p = peer_open(&g.addr);
    exchange(&p, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n");
    char *block = xcalloc(1, 65536);
    int rc = 0;
    for (int i = 0; i < 1000 && rc == 0; i++) {
        rc = http_stream_write(g.parked[0], str_mem(block, 65536));
        CHECK(http_stream_pending(g.parked[0]) < (1 << 20) + 70000);
        if (rc == 0)
            loop_turn(g.loop, 0);
    }
    CHECK_INT(rc, -ERR_LIMIT);
    CHECK_INT(g.gone_count, 0);
    CHECK(LOOP_UNTIL(g.loop, g.gone_count == 1));
    CHECK_INT(g.gone_why, HTTP_GONE_SLOW);
    struct http_server_stats st;
    http_server_stats(g.server, &st);
    CHECK_INT(st.slow_dropped, 1);
    CHECK_INT(st.connections, 0);
    free(block);
    peer_close(&p);
    teardown();
}

TEST("each timeout ends what it watches")
{
    setup(&(struct http_server_options){ .head_timeout_ns = 300 * NS_PER_MS,
                                         .idle_timeout_ns = 200 * NS_PER_MS,
                                         .silent_timeout_ns = 200 * NS_PER_MS,
                                         .body_stall_ns = 400 * NS_PER_MS,
                                         .write_stall_ns = 500 * NS_PER_MS });
    struct peer idle = peer_open(&g.addr), head = peer_open(&g.addr), body = peer_open(&g.addr),
                stream = peer_open(&g.addr), used = peer_open(&g.addr);
    peer_send(g.loop, &used, STR("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_send(g.loop, &head, STR("GET /he"));
    peer_send(g.loop, &body, STR("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"));
    peer_send(g.loop, &stream, STR("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 1));
    CHECK(peer_expect_end(g.loop, &idle));
    CHECK_INT(idle.in.n, 0);
    CHECK(peer_expect_end(g.loop, &used));
    CHECK_INT(peer_count(&used, "200 OK"), 1);
    CHECK(peer_expect(g.loop, &head, "HTTP/1.1 408 "));
    CHECK(peer_expect(g.loop, &body, "HTTP/1.1 408 "));
    CHECK_INT(g.gone_count, 0); /* a quiet stream is fine */
    struct sbuf big = SBUF_INIT(16 << 20);
    for (int i = 0; i < 1 << 20; i++)
        sbuf_c(&big, "0123456789");
    (void)http_stream_write(g.parked[0], sbuf_view(&big));
    CHECK(LOOP_UNTIL(g.loop, g.gone_count == 1));
    CHECK_INT(g.gone_why, HTTP_GONE_STALLED);
    sbuf_done(&big);
    peer_close(&idle), peer_close(&head), peer_close(&body), peer_close(&stream), peer_close(&used);
    teardown();
}

TEST("more connections than the cap are closed and counted")
{
    setup(&(struct http_server_options){ .connections_max = 2 });
    struct peer p[3];
    for (int i = 0; i < 3; i++) {
        p[i] = peer_open(&g.addr);
        loop_turn(g.loop, NS_PER_MS);
    }
    CHECK(peer_expect_end(g.loop, &p[2]));
    struct http_server_stats st;
    http_server_stats(g.server, &st);
    CHECK_INT(st.refused, 1);
    CHECK_INT(st.connections, 2);
    exchange(&p[1], "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK");
    for (int i = 0; i < 3; i++)
        peer_close(&p[i]);
    teardown();
}

/* --- gzip --------------------------------------------------------------------------------------------- */
static size_t gzip_bytes(const char *in, size_t n, char *out, size_t room)
{
    z_stream z = { 0 };
    (void)deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (Bytef *)(uintptr_t)in;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    (void)deflate(&z, Z_FINISH);
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

TEST("a gzip body is taken, up to its decompressed size; large answers are compressed when accepted")
{
    setup(&(struct http_server_options){ .inflated_bytes_max = 2 << 20 });
    char *plain = xcalloc(1, 4 << 20), *packed = xcalloc(1, 64 << 10);
    size_t n = gzip_bytes("hello gzip", 10, packed, 64 << 10);
    struct sbuf b = SBUF_INIT(1 << 20);
    sbuf_fmt(&b, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             n);
    sbuf_add(&b, packed, n);
    struct peer p = peer_open(&g.addr);
    peer_send(g.loop, &p, sbuf_view(&b));
    CHECK(peer_expect(g.loop, &p, "\r\n\r\nhello gzip"));
    sbuf_clear(&b);
    n = gzip_bytes(plain, 4 << 20, packed, 64 << 10);
    sbuf_fmt(&b, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
             n);
    sbuf_add(&b, packed, n);
    peer_send(g.loop, &p, sbuf_view(&b));
    CHECK(peer_expect(g.loop, &p, "HTTP/1.1 413 "));
    peer_close(&p);

    p = peer_open(&g.addr);
    exchange(&p, "GET /big HTTP/1.1\r\nHost: x\r\nAccept-Encoding: deflate, gzip;q=0.5\r\n\r\n",
             "Content-Encoding: gzip\r\n");
    const char *length = strstr(p.in.p, "Content-Length: ");
    uint64_t packed_n = 0;
    struct str rest = str_of(length != NULL ? length + 16 : "");
    CHECK(str_u64(&rest, 1000000, &packed_n) && packed_n < 100000);
    const char *body = strstr(p.in.p, "\r\n\r\n") + 4;
    CHECK(LOOP_UNTIL(g.loop, (peer_read_some(&p, SIZE_MAX), p.in.n >= packed_n + (size_t)(body - p.in.p))));
    body = strstr(p.in.p, "\r\n\r\n") + 4;
    z_stream z = { 0 };
    (void)inflateInit2(&z, 31);
    z.next_in = (Bytef *)(uintptr_t)body;
    z.avail_in = (uInt)packed_n;
    z.next_out = (Bytef *)plain;
    z.avail_out = 4 << 20;
    CHECK_INT(inflate(&z, Z_FINISH), Z_STREAM_END);
    CHECK_INT(z.total_out, 200000);
    (void)inflateEnd(&z);
    p.in.n = 0;
    exchange(&p, "GET /big HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=0\r\n\r\n",
             "Content-Length: 200000\r\n");
    peer_close(&p);
    free(plain);
    free(packed);
    sbuf_done(&b);
    teardown();
}

TEST("a large body passes in both directions through small reads")
{
    setup(NULL);
    struct sbuf b = SBUF_INIT(8 << 20);
    sbuf_c(&b, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n");
    size_t head = b.n;
    for (int i = 0; i < 500000; i++)
        sbuf_fmt(&b, "%010d", i);
    struct peer p = peer_open(&g.addr);
    peer_send(g.loop, &p, sbuf_view(&b));
    CHECK(LOOP_UNTIL(g.loop, (peer_read_some(&p, 10000), p.in.n > 5000000)));
    CHECK(LOOP_UNTIL(g.loop, (peer_read_some(&p, 10000), str_ends(sbuf_view(&p.in), STR("0000499999")))));
    CHECK(memcmp(strstr(p.in.p, "\r\n\r\n") + 4, b.p + head, 5000000) == 0);
    sbuf_done(&b);
    peer_close(&p);
    teardown();
}

TEST("freeing the server tells the owners and the answers given are flushed")
{
    setup(NULL);
    struct peer p = peer_open(&g.addr), q = peer_open(&g.addr);
    peer_send(g.loop, &p, STR("GET /park HTTP/1.1\r\nHost: x\r\n\r\n"));
    peer_send(g.loop, &q, STR("GET /park HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 2));
    http_reply(g.parked[0], 200, "text/plain", STR("last words"));
    http_server_free(g.server);
    g.server = NULL;
    CHECK_INT(g.gone_count, 1);
    CHECK_INT(g.gone_why, HTTP_GONE_SHUTDOWN);
    CHECK(peer_expect(g.loop, &p, "last words") || peer_expect(g.loop, &q, "last words"));
    peer_close(&p), peer_close(&q);
    teardown();
}

TEST("a unix socket serves too")
{
    setup(NULL);
    char path[] = "/tmp/stoa-test-http-XXXXXX";
    CHECK(mkdtemp(path) != NULL);
    char sock[64];
    (void)snprintf(sock, sizeof sock, "%s/s", path);
    struct error err;
    REQUIRE(http_server_listen_unix(g.server, sock, 0600, &err) == 0);
    struct peer p = { .fd = -1, .in = SBUF_INIT(4096) };
    REQUIRE(conn_connect(&(struct net_addr){ .family = NET_UNIX }, sock, &p.fd, &err) == 0);
    exchange(&p, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK");
    peer_close(&p);
    teardown();
    CHECK(access(sock, F_OK) != 0);
    (void)rmdir(path);
}

TEST("a port in use is named in the error")
{
    setup(NULL);
    struct error err;
    CHECK_INT(http_server_listen(g.server, &g.addr, NULL, &err), -ERR_CONFLICT);
    char port[8];
    (void)snprintf(port, sizeof port, "%u", g.addr.port);
    CHECK(strstr(err.msg, port) != NULL);
    teardown();
}

TEST("routes match by the longest prefix on segment borders")
{
    static const struct {
        const char *path;
        int x;
    } routes[] = { { "/api/v1", 0 }, { "/api/v1/scheduler", 0 }, { "/slaves", 0 } };
    struct str rest;
    CHECK_INT(http_route_find(routes, 3, sizeof *routes, STR("/api/v1/operator"), &rest), 0);
    CHECK_STR(rest, STR("operator"));
    CHECK_INT(http_route_find(routes, 3, sizeof *routes, STR("/api/v1/scheduler/"), &rest), 1);
    CHECK_INT(http_route_find(routes, 3, sizeof *routes, STR("/slaves/a/b"), &rest), 2);
    CHECK_STR(rest, STR("a/b"));
    CHECK_INT(http_route_find(routes, 3, sizeof *routes, STR("/slavesx"), &rest), -1);
    CHECK_INT(http_route_find(routes, 3, sizeof *routes, STR("/"), &rest), -1);
}
