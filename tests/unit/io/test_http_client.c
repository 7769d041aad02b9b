/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/io/http.h"
#include "common/io/http_client.h"
#include "tests/unit/io/io_peer.h"

/* Our client against our server, and against a scripted one for what ours does not do. */
static struct {
    struct loop *loop;
    struct http_server *server;
    struct http_client *client;
    struct net_addr addr;
    struct http_req *parked[16];
    unsigned parked_count, gone, requests;
    struct sbuf log;
    unsigned done;
} g;

static void on_gone(void *arg, struct http_req *r, enum http_gone why)
{
    (void)arg;
    (void)r;
    (void)why;
    g.gone++;
}

static void on_upload(void *arg, struct http_req *r, struct str bytes, bool end)
{
    (void)arg;
    if (end)
        http_stream_end(r);
    else
        (void)http_stream_write(r, bytes);
}

static void on_head(void *ctx, struct http_req *r)
{
    (void)ctx;
    if (!str_is(http_req_path(r), "/both"))
        return;
    http_req_on_gone(r, on_gone, NULL);
    http_body_stream(r, on_upload, NULL);
    http_stream_begin(r, 200, NULL);
}

static void on_request(void *ctx, struct http_req *r)
{
    (void)ctx;
    g.requests++;
    struct str path = http_req_path(r);
    if (str_is(path, "/park")) {
        http_req_on_gone(r, on_gone, NULL);
        g.parked[g.parked_count++ % 16] = r;
    } else if (str_is(path, "/close")) {
        http_reply_close(r);
        http_reply(r, 200, "text/plain", STR("bye"));
    } else {
        http_reply_header(r, "X-Path", path);
        http_reply(r, 200, "text/plain", http_req_body(r).n != 0 ? http_req_body(r) : http_req_target(r));
    }
}

static void setup(const struct http_client_options *options, const struct http_server_options *server)
{
    static const struct http_handler handler = { .on_head = on_head, .on_request = on_request };
    struct error err;
    struct net_addr any;
    memset(&g, 0, sizeof g);
    sbuf_init(&g.log, 1 << 20);
    CHECK(net_parse(STR("127.0.0.1:0"), &any));
    CHECK(loop_new(&g.loop, NULL, &err) == 0);
    CHECK(http_server_new(&g.server, g.loop, server, &handler, NULL, &err) == 0);
    CHECK(http_server_listen(g.server, &any, &g.addr, &err) == 0);
    CHECK(http_client_new(&g.client, g.loop, options, &err) == 0);
}

static void teardown(void)
{
    http_client_free(g.client);
    http_server_free(g.server);
    loop_free(g.loop);
    sbuf_done(&g.log);
}

static void on_done(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    (void)c;
    g.done++;
    if (g.log.n < 100000)
        sbuf_fmt(&g.log, "%s%u:%.*s%s ", arg != NULL ? (const char *)arg : "", a->status, STR_ARG(a->body),
                 err != NULL ? err_code_name(err->code) : "");
}

static struct http_call_params params(const char *target)
{
    return (struct http_call_params){
        .addr = g.addr, .method = "GET", .target = str_of(target), .on_done = on_done
    };
}

static struct http_call *get(const char *target, unsigned flags)
{
    struct http_call_params p = params(target);
    p.flags = flags;
    return http_client_call(g.client, &p);
}

static void wait_done(unsigned n)
{
    CHECK(LOOP_UNTIL(g.loop, g.done >= n));
    CHECK_INT(g.done, n);
}

static uint64_t accepted(void)
{
    struct http_server_stats st;
    http_server_stats(g.server, &st);
    return st.accepted;
}

TEST("a call is answered, its connection is used again")
{
    setup(NULL, NULL);
    for (unsigned i = 1; i <= 3; i++) {
        (void)get("/a?b=c", 0);
        CHECK_INT(g.done, i - 1);
        wait_done(i);
    }
    CHECK_STR(sbuf_view(&g.log), STR("200:/a?b=c 200:/a?b=c 200:/a?b=c "));
    CHECK_INT(accepted(), 1);
    (void)get("/x", HTTP_CALL_NEW_CONNECTION);
    (void)get("/close", 0);
    wait_done(5);
    CHECK_INT(accepted(), 2);
    (void)get("/after", 0);
    wait_done(6);
    CHECK_INT(accepted(), 3);
    teardown();
}

static void on_chain(void *arg, struct http_call *c, const struct http_answer *a, const struct error *err)
{
    (void)c;
    (void)a;
    CHECK(err == NULL);
    CHECK_STR(http_answer_header(a, "x-path"), STR("/chain"));
    CHECK(http_answer_header(a, "x-none").p == NULL);
    if (++g.done < 10) {
        struct http_call_params p = params("/chain");
        p.on_done = on_chain;
        (void)http_client_call(g.client, &p);
    }
    (void)arg;
}

TEST("a call started at the end of another uses its connection")
{
    setup(NULL, NULL);
    struct http_call_params p = params("/chain");
    p.on_done = on_chain;
    (void)http_client_call(g.client, &p);
    wait_done(10);
    CHECK_INT(accepted(), 1);
    teardown();
}

TEST("pipelined calls go out together and are answered in order")
{
    setup(&(struct http_client_options){ .pipeline_max = 8 }, NULL);
    char target[300][8];
    for (int i = 0; i < 300; i++) {
        (void)snprintf(target[i], sizeof target[i], "/%d", i);
        (void)get(target[i], HTTP_CALL_PIPELINE);
    }
    wait_done(300);
    CHECK_INT(accepted(), 1);
    CHECK(str_starts(sbuf_view(&g.log),
                     STR("200:/0 200:/1 200:/2 200:/3 200:/4 200:/5 200:/6 200:/7 200:/8 200:/9 200:/10 ")));
    CHECK(str_ends(sbuf_view(&g.log), STR(" 200:/298 200:/299 ")));
    struct http_call_params p = params("/lane");
    p.flags = HTTP_CALL_PIPELINE;
    p.lane = 1;
    (void)http_client_call(g.client, &p);
    wait_done(301);
    CHECK_INT(accepted(), 2);
    teardown();
}

TEST("a cancelled call is not told, and those pipelined behind it are not disturbed")
{
    setup(NULL, NULL);
    struct http_call *a = get("/park", HTTP_CALL_PIPELINE), *c;
    (void)get("/b", HTTP_CALL_PIPELINE);
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 1));
    c = get("/c", HTTP_CALL_PIPELINE);
    http_call_cancel(a);
    http_call_cancel(c);
    http_reply(g.parked[0], 200, NULL, STR("dropped"));
    wait_done(1);
    CHECK_STR(sbuf_view(&g.log), STR("200:/b "));
    a = get("/park", 0);
    CHECK(LOOP_UNTIL(g.loop, g.parked_count == 2));
    http_call_cancel(a);
    CHECK(LOOP_UNTIL(g.loop, g.gone == 1));
    CHECK_INT(g.done, 1);
    teardown();
}

static void on_bytes(void *arg, struct http_call *c, struct str bytes)
{
    (void)arg;
    (void)c;
    sbuf_str(&g.log, bytes);
    sbuf_char(&g.log, '|');
}

TEST("bodies are streamed in both directions")
{
    setup(NULL, NULL);
    struct http_call_params p = params("/both");
    p.method = "POST";
    p.flags = HTTP_CALL_STREAM_BODY;
    p.on_body = on_bytes;
    struct http_call *c = http_client_call(g.client, &p);
    CHECK_INT(http_call_write(c, STR("one")), 0);
    CHECK(LOOP_UNTIL(g.loop, str_is(sbuf_view(&g.log), "one|")));
    CHECK_INT(http_call_write(c, STR("two")), 0);
    CHECK(LOOP_UNTIL(g.loop, str_is(sbuf_view(&g.log), "one|two|")));
    struct net_addr local, remote;
    http_call_peer(c, &local, &remote);
    CHECK(net_eq(&remote, &g.addr) && local.port != 0);
    http_call_write_end(c);
    wait_done(1);
    CHECK_STR(sbuf_view(&g.log), STR("one|two|200: "));
    (void)get("/again", 0);
    wait_done(2);
    CHECK_INT(accepted(), 1);
    teardown();
}

TEST("failures have their codes")
{
    setup(&(struct http_client_options){ .connections_max = 3 }, NULL);
    struct net_addr dead = g.addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_storage ss;
    struct net_addr any, remote;
    CHECK(net_parse(STR("127.0.0.1:0"), &any));
    socklen_t n = net_to_sockaddr(&any, &ss);
    CHECK(bind(fd, (struct sockaddr *)&ss, n) == 0); /* bound, not listening */
    conn_names(fd, &dead, &remote);
    struct http_call_params p = params("/x");
    p.addr = dead;
    (void)http_client_call(g.client, &p);
    CHECK_INT(g.done, 0);
    wait_done(1);
    p = params("/x");
    p.addr.family = NET_NONE;
    p.host = STR("no-such-host.invalid");
    (void)http_client_call(g.client, &p);
    wait_done(2);
    p = params("/x");
    p.method = "POST";
    p.body = STR("0123456789");
    p.answer_bytes_max = 5;
    (void)http_client_call(g.client, &p);
    wait_done(3);
    p = params("/park");
    p.answer_timeout_ns = 20 * NS_PER_MS;
    (void)http_client_call(g.client, &p);
    wait_done(4);
    p.flags = HTTP_CALL_TLS;
    (void)http_client_call(g.client, &p);
    wait_done(5);
    for (int i = 0; i < 4; i++)
        (void)get("/park", 0);
    wait_done(6);
    struct str got = sbuf_view(&g.log);
    CHECK(str_starts(got, STR("0:UNAVAILABLE ")));
    CHECK(str_ends(got, STR("200:LIMIT 0:TIMEOUT 0:INVALID 0:LIMIT ")));
    (void)close(fd);
    teardown();
}

TEST("an answer that does not come in time is not asked for a second time")
{
    setup(NULL, NULL);
    (void)get("/first", 0);
    wait_done(1);
    struct http_call_params p = params("/park"); /* on the same connection: one that breaks would be asked again */
    p.answer_timeout_ns = 20 * NS_PER_MS;
    (void)http_client_call(g.client, &p);
    wait_done(2);
    CHECK(str_ends(sbuf_view(&g.log), STR("0:TIMEOUT ")));
    CHECK_INT(accepted(), 1);
    teardown();
}

TEST("a name is resolved without blocking")
{
    setup(NULL, NULL);
    struct http_call_params p = params("/named");
    p.addr.family = NET_NONE;
    p.host = STR("localhost");
    p.port = g.addr.port;
    (void)http_client_call(g.client, &p);
    (void)http_client_call(g.client, &p);
    wait_done(2);
    (void)http_client_call(g.client, &p);
    wait_done(3);
    CHECK_STR(sbuf_view(&g.log), STR("200:/named 200:/named 200:/named "));
    http_call_cancel(http_client_call(g.client, &p));
    teardown();
}

/* --- a scripted server -------------------------------------------------------------------------------- */
struct script {
    int listener;
    struct net_addr addr;
};

static struct script script_open(void)
{
    struct script s = { .listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) };
    struct sockaddr_storage ss;
    struct net_addr any, remote;
    CHECK(net_parse(STR("127.0.0.1:0"), &any));
    socklen_t n = net_to_sockaddr(&any, &ss);
    CHECK(bind(s.listener, (struct sockaddr *)&ss, n) == 0 && listen(s.listener, 10) == 0);
    conn_names(s.listener, &s.addr, &remote);
    return s;
}

static struct peer script_accept(struct script *s)
{
    struct peer p = { .fd = -1, .in = SBUF_INIT(1 << 20) };
    CHECK(LOOP_UNTIL(g.loop, (p.fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0));
    CHECK(peer_expect(g.loop, &p, "\r\n\r\n"));
    return p;
}

static const struct {
    const char *name, *answer, *want;
    bool closes;
} answers[] = {
    { "by length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "200:ok ", false },
    { "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
      "200:ok ", false },
    { "until the end", "HTTP/1.0 200 OK\r\n\r\nok", "200:ok ", true },
    { "no body", "HTTP/1.1 204 No Content\r\n\r\n", "204: ", false },
    { "interim first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
      "202: ", false },
    { "bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "200:ok ", false },
    { "cut off", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "200:okUNAVAILABLE ", true },
    { "nothing", "", "0:UNAVAILABLE ", true },
    { "garbage", "SSH-2.0-OpenSSH\r\n", "0:PROTOCOL ", false },
    { "bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "200:PROTOCOL ", false },
};

TEST("answers of all framings are understood, and broken ones are errors")
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        setup(NULL, NULL);
        struct script s = script_open();
        struct http_call_params p = params("/");
        p.addr = s.addr;
        (void)http_client_call(g.client, &p);
        struct peer peer = script_accept(&s);
        peer_send(g.loop, &peer, str_of(answers[i].answer));
        if (answers[i].closes)
            (void)shutdown(peer.fd, SHUT_WR);
        (void)LOOP_UNTIL(g.loop, g.done == 1);
        if (!str_is(sbuf_view(&g.log), answers[i].want))
            test_fail(__FILE__, __LINE__, "%s: %.*s", answers[i].name, STR_ARG(sbuf_view(&g.log)));
        peer_close(&peer);
        (void)close(s.listener);
        teardown();
    }
}

TEST("a request on a kept connection that was closed meanwhile is sent again once, unless it is a POST")
{
    setup(NULL, NULL);
    for (int post = 0; post < 2; post++) {
        struct script s = script_open();
        struct http_call_params p = params("/first");
        p.addr = s.addr;
        g.done = 0;
        sbuf_clear(&g.log);
        (void)http_client_call(g.client, &p);
        struct peer peer = script_accept(&s);
        peer_send(g.loop, &peer, STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        wait_done(1);
        p = params("/second");
        p.addr = s.addr;
        p.method = post ? "POST" : "GET";
        (void)http_client_call(g.client, &p);
        CHECK(peer_expect(g.loop, &peer, "/second"));
        peer_close(&peer);
        if (!post) {
            peer = script_accept(&s);
            peer_send(g.loop, &peer, STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
            wait_done(2);
            CHECK_STR(sbuf_view(&g.log), STR("200: 200:ok "));
            peer_close(&peer);
        } else {
            wait_done(2);
            CHECK_STR(sbuf_view(&g.log), STR("200: 0:UNAVAILABLE "));
        }
        (void)close(s.listener);
    }
    teardown();
}

TEST("the request on the wire")
{
    setup(NULL, NULL);
    struct script s = script_open();
    struct http_call_params p = params("/api/v1/scheduler");
    struct http_header headers[] = { { "Mesos-Stream-Id", STR_INIT("a\r\nb") },
                                     { "Accept", STR_INIT("application/json") } };
    p.addr = s.addr;
    p.method = "POST";
    p.host = STR("m1.example");
    p.headers = headers;
    p.header_count = 2;
    p.content_type = "application/json";
    p.body = STR("{}");
    (void)http_client_call(g.client, &p);
    struct peer peer = script_accept(&s);
    CHECK(peer_expect(g.loop, &peer, "{}"));
    char want[400];
    (void)snprintf(want, sizeof want,
                   "POST /api/v1/scheduler HTTP/1.1\r\nHost: m1.example:%u\r\nMesos-Stream-Id: a  "
                   "b\r\nAccept: application/json\r\n"
                   "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                   s.addr.port);
    CHECK_STR(sbuf_view(&peer.in), str_of(want));
    peer_close(&peer);
    (void)close(s.listener);
    teardown();
}

/* --- TLS ---------------------------------------------------------------------------------------------- */
static SSL_CTX *server_tls(X509 **ret_cert)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    (void)X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"stoa.test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_sign(cert, key, EVP_sha256());
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    EVP_PKEY_free(key);
    *ret_cert = cert;
    return ctx;
}

TEST("TLS both ways: certificates are checked, large bodies pass, plain requests too when allowed")
{
    X509 *cert;
    SSL_CTX *server = server_tls(&cert), *client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    setup(&(struct http_client_options){ .tls = client },
          &(struct http_server_options){ .tls = server, .tls_downgrade = true });
    struct http_call_params p = params("/tls");
    p.host = STR("stoa.test");
    p.flags = HTTP_CALL_TLS;
    (void)http_client_call(g.client, &p);
    wait_done(1);
    CHECK_STR(sbuf_view(&g.log), STR("0:UNAVAILABLE ")); /* not trusted yet */
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client), cert);
    (void)http_client_call(g.client, &p);
    wait_done(2);
    p.host = STR("other.test");
    (void)http_client_call(g.client, &p);
    wait_done(3);
    CHECK_STR(sbuf_view(&g.log), STR("0:UNAVAILABLE 200:/tls 0:UNAVAILABLE "));
    (void)get("/plain", 0);
    wait_done(4);
    CHECK(str_ends(sbuf_view(&g.log), STR(" 200:/plain ")));
    sbuf_clear(&g.log);
    char *big = malloc(1000000);
    memset(big, 'x', 1000000);
    p.host = STR("stoa.test");
    p.method = "POST";
    p.body = str_mem(big, 1000000);
    (void)http_client_call(g.client, &p);
    wait_done(5);
    CHECK_INT(g.log.n, 1000000 + 5);
    free(big);
    teardown();
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    X509_free(cert);
}
