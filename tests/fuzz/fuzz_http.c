/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as the input of one connection of the HTTP server, with a handler that does a bit of everything:
 * answers, parks, streams in and out, aborts. The first byte is the size of the pieces in which they come.
 * Whatever comes, the server must not crash, leak, or answer one request twice: the number of answers is
 * bounded by the number of requests. */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/assert.h"
#include "common/io/http.h"
#include "common/io/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static struct http_server *server;
static struct msg *messages;
static struct http_req *parked;

static void on_gone(void *arg, struct http_req *r, enum http_gone why)
{
    (void)arg;
    (void)why;
    if (parked == r)
        parked = NULL;
}

static void on_body(void *arg, struct http_req *r, struct str bytes, bool end)
{
    bool echo = arg != NULL;
    if (end && echo)
        http_stream_end(r);
    else if (end)
        http_reply(r, 200, NULL, bytes);
    else if (echo)
        (void)http_stream_write(r, bytes);
    else if (bytes.n > 3 && bytes.p[0] == 'a')
        http_reply_text(r, 400, "no more");
}

static void on_head(void *ctx, struct http_req *r)
{
    (void)ctx;
    if (msg_take(messages, r))
        return;
    struct str path = http_req_path(r);
    char first = path.n > 1 ? path.p[1] : 0;
    http_req_on_gone(r, on_gone, NULL);
    if (first == 'd') {
        http_reply_text(r, 403, "denied");
    } else if (first == 'u') {
        http_body_stream(r, on_body, NULL);
    } else if (first == 'e') {
        http_body_stream(r, on_body, &loop);
        http_stream_begin(r, 200, "x/y");
    } else if (first == 'x') {
        http_abort(r);
    } else if (first == 'l') {
        http_body_collect(r, 20);
    }
}

static void on_request(void *ctx, struct http_req *r)
{
    (void)ctx;
    struct str path = http_req_path(r), rest, part;
    char first = path.n > 1 ? path.p[1] : 0;
    struct sbuf b = SBUF_INIT(1 << 20);
    rest = path;
    while (http_path_next(&rest, &part))
        (void)http_percent_decode(&b, part);
    (void)http_query_get(http_req_query(r), "a", &b);
    if (first == 'p') {
        if (parked == NULL)
            parked = r;
    } else if (first == 'x') {
        http_abort(r);
    } else {
        for (size_t i = 0; i < http_req_header_count(r); i++) {
            http_req_header_at(r, i, &part, &rest);
            sbuf_str(&b, rest);
        }
        sbuf_str(&b, http_req_body(r));
        http_reply_sbuf(r, 200, "text/plain", &b);
    }
    sbuf_done(&b);
}

static bool on_message(void *ctx, const struct msg_in *m)
{
    (void)ctx;
    return str_is(m->to, "master");
}

static void setup(void)
{
    static const struct http_handler handler = { on_head, on_request };
    static const struct msg_handler receiver = { on_message, NULL };
    static const struct http_server_options options = { .head_bytes_max = 2000,
                                                        .url_bytes_max = 500,
                                                        .headers_max = 20,
                                                        .body_bytes_max = 2000,
                                                        .inflated_bytes_max = 3000 };
    ASSERT(loop_new(&loop, NULL, NULL) == 0);
    ASSERT(http_server_new(&server, loop, &options, &handler, NULL, NULL) == 0);
    ASSERT(msg_new(&messages, loop, NULL, &receiver, NULL, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    char answers[4096];
    if (size == 0)
        return 0;
    if (loop == NULL)
        setup();
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    ASSERT(http_server_adopt(server, fds[1], NULL) == 0);
    size_t piece = data[0] != 0 ? data[0] : 65536;
    for (size_t at = 1; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        if (write(fds[0], data + at, n) < 0)
            break;
        loop_turn(loop, 0);
        loop_turn(loop, 0);
        while (read(fds[0], answers, sizeof answers) > 0) {
        }
    }
    if (parked != NULL) {
        struct http_req *r = parked;
        parked = NULL;
        http_reply(r, 200, "text/plain", http_req_body(r));
        loop_turn(loop, 0);
    }
    (void)close(fds[0]);
    struct http_server_stats st;
    do {
        loop_turn(loop, 0);
        http_server_stats(server, &st);
    } while (st.connections != 0);
    loop_turn(loop, 0);
    return 0;
}
