/* SPDX-License-Identifier: Apache-2.0 */
/* Questions wait in a list until the end of the turn, then go out in requests: few at a time at first, then as many as make
 * an answer of about ANSWER_BYTES, by the mean of what has come so far. Several requests are under way at once. An answer is
 * taken apart where it lies in the input buffer. */
#include "common/io/zk_bulk.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/base/sbuf.h"
#include "common/io/conn.h"
#include "common/io/zk_wire.h"

#define SILENCE_NS (5 * NS_PER_S) /* without a byte of an answer: given up */

enum {
    SESSION_MS = 30000,
    REQUESTS_MAX = 4,          /* under way */
    NODES_FIRST = 16,          /* of the first requests: as large as nodes may be, an answer stays below 16 MB */
    NODES_MAX = 500,           /* of a request: half of what servers take, with the longest paths */
    ANSWER_BYTES = 500 * 1000, /* aimed at */
    READS_MAX = 16,            /* of a socket in one turn */
};

struct ask {
    char *path;
    zk_done_fn *done;
    void *arg;
    struct ask *next, *prev;
};

enum state { CONNECTING, HELLO, OPEN, BROKEN };

struct zk_bulk {
    struct conn c; /* first: on_ready gets it */
    struct loop *loop;
    enum state state;
    struct sbuf in, out;
    struct ask *waiting, *sent;
    size_t waiting_count;
    size_t counts[REQUESTS_MAX]; /* of the questions in each request under way, in order from first on */
    unsigned first, requests;
    int32_t xid; /* of the last request sent */
    uint64_t nodes_seen, bytes_seen;
    struct loop_work send_work, fail_work, free_work;
    struct loop_timer silence;
    bool freeing;
};

/* --- ends --------------------------------------------------------------------------------------------- */
static void ask_end(struct zk_bulk *b, struct ask **list, const struct zk_result *r)
{
    struct ask *q = *list;

    DL_DELETE(*list, q);
    if (!b->freeing)
        q->done(q->arg, r);
    free(q->path);
    free(q);
}

static void fail_all(void *arg)
{
    struct zk_bulk *b = arg;
    const struct zk_result lost = { .code = ZK_LOST, .text = "reading in bulk" };

    while (b->sent != NULL)
        ask_end(b, &b->sent, &lost);
    while (b->waiting != NULL)
        ask_end(b, &b->waiting, &lost);
    b->waiting_count = 0;
}

static void broken(struct zk_bulk *b)
{
    b->state = BROKEN;
    loop_timer_cancel(&b->silence);
    conn_want(&b->c, 0);
    loop_defer(b->loop, &b->fail_work);
}

static void on_silence(void *arg)
{
    broken(arg);
}

/* --- asking ------------------------------------------------------------------------------------------- */
static void flush(struct zk_bulk *b)
{
    if (evbuffer_add(conn_out(&b->c), b->out.p, b->out.n) != 0 || !sbuf_ok(&b->out)) {
        broken(b);
        return;
    }
    sbuf_clear(&b->out);
    if (conn_flush(&b->c) < 0)
        broken(b);
}

static size_t nodes_to_ask(const struct zk_bulk *b)
{
    if (b->nodes_seen == 0)
        return NODES_FIRST;
    uint64_t each = b->bytes_seen / b->nodes_seen + 1, n = ANSWER_BYTES / each;
    return n < 1 ? 1 : n > NODES_MAX ? NODES_MAX : (size_t)n;
}

static void put_request(struct zk_bulk *b)
{
    size_t n = nodes_to_ask(b), begin = zkw_gets_begin(&b->out, ++b->xid), i;

    for (i = 0; i < n && b->waiting != NULL; i++) {
        struct ask *q = b->waiting;
        zkw_gets_add(&b->out, str_of(q->path));
        DL_DELETE(b->waiting, q);
        DL_APPEND(b->sent, q);
    }
    zkw_gets_end(&b->out, begin);
    b->waiting_count -= i;
    b->counts[(b->first + b->requests++) % REQUESTS_MAX] = i;
}

static void send_more(void *arg)
{
    struct zk_bulk *b = arg;

    if (b->state != OPEN || b->waiting == NULL || b->requests == REQUESTS_MAX)
        return;
    if (b->requests == 0)
        loop_timer_in(&b->silence, SILENCE_NS);
    while (b->waiting != NULL && b->requests < REQUESTS_MAX)
        put_request(b);
    flush(b);
}

void zk_bulk_get(struct zk_bulk *b, const char *path, zk_done_fn *done, void *arg)
{
    struct ask *q = xcalloc(1, sizeof *q);

    *q = (struct ask){ .path = xstrdup(path), .done = done, .arg = arg };
    DL_APPEND(b->waiting, q);
    b->waiting_count++;
    loop_defer(b->loop, b->state == BROKEN ? &b->fail_work : &b->send_work);
}

/* --- answers ------------------------------------------------------------------------------------------ */
static enum zk_code code_of(int32_t err)
{
    return err == ZKW_OK ? ZK_OK : err == ZKW_NO_NODE ? ZK_NO_NODE : err == ZKW_NO_AUTH ? ZK_DENIED : ZK_FAILED;
}

/* The answer to the oldest request. False: it is none; questions that were not answered stay in the list. */
static bool take_nodes(struct zk_bulk *b, struct str frame)
{
    struct zkw_head head;
    size_t n, size = frame.n;

    if (b->requests == 0 || !zkw_take_head(&frame, &head) || head.err != ZKW_OK || head.xid != b->xid - (int32_t)b->requests + 1)
        return false;
    n = b->counts[b->first];
    b->first = (b->first + 1) % REQUESTS_MAX;
    b->requests--;
    b->nodes_seen += n;
    b->bytes_seen += size;
    for (size_t i = 0; i < n && !b->freeing; i++) {
        struct zkw_node node;
        if (!zkw_take_node(&frame, &node))
            return false;
        const struct zk_result r = { .code = code_of(node.err),
                                     .text = node.err == ZKW_NO_AUTH ? "not authenticated" : node.err != ZKW_OK ? "reading in bulk" : "",
                                     .data = node.data,
                                     .zxid = node.zxid,
                                     .version = node.version,
                                     .data_bytes = node.data_bytes,
                                     .ephemeral_owner = node.ephemeral_owner };
        ask_end(b, &b->sent, &r);
    }
    return b->freeing || zkw_take_end(&frame);
}

static bool take_frame(struct zk_bulk *b, struct str frame)
{
    struct str rest = frame;
    struct zkw_head head;

    if (b->state == HELLO) {
        if (!zkw_hello_ok(frame))
            return false;
        b->state = OPEN;
        loop_defer(b->loop, &b->send_work);
        return true;
    }
    if (zkw_take_head(&rest, &head) && head.xid < 0)
        return head.err == ZKW_OK; /* the credentials */
    return take_nodes(b, frame);
}

static void take_input(struct zk_bulk *b)
{
    struct str rest = sbuf_view(&b->in), frame;
    enum zkw_cut cut = ZKW_WHOLE;
    bool ok = sbuf_ok(&b->in);

    while (ok && !b->freeing && (cut = zkw_cut(&rest, &frame)) == ZKW_WHOLE)
        ok = take_frame(b, frame);
    if (b->freeing)
        return;
    if (!ok || cut == ZKW_BROKEN) {
        broken(b);
        return;
    }
    sbuf_drop(&b->in, b->in.n - rest.n);
    if (b->sent != NULL || b->state == HELLO)
        loop_timer_in(&b->silence, SILENCE_NS);
    else
        loop_timer_cancel(&b->silence);
    loop_defer(b->loop, &b->send_work);
}

static void on_readable(struct zk_bulk *b)
{
    for (unsigned i = 0; i < READS_MAX; i++) {
        char *room = sbuf_room(&b->in, CONN_READ_SIZE);
        ssize_t n = room != NULL ? conn_read(&b->c, room, CONN_READ_SIZE) : CONN_FAILED;
        if (n == CONN_AGAIN)
            break;
        if (n <= 0) {
            broken(b);
            return;
        }
        sbuf_grew(&b->in, (size_t)n);
    }
    take_input(b);
}

static void on_ready(struct conn *c, int what)
{
    struct zk_bulk *b = (struct zk_bulk *)c;

    if (b->state == BROKEN || b->freeing)
        return;
    if (b->state == CONNECTING) {
        if (conn_connect_result(c->fd) != 0) {
            broken(b);
            return;
        }
        b->state = HELLO;
        conn_want(c, LOOP_READ);
        flush(b);
        return;
    }
    if ((what & LOOP_WRITE) != 0 && conn_flush(c) < 0)
        broken(b);
    else if ((what & LOOP_READ) != 0)
        on_readable(b);
}

/* --- life --------------------------------------------------------------------------------------------- */
static void release(void *arg)
{
    struct zk_bulk *b = arg;

    fail_all(b);
    loop_undefer(b->loop, &b->send_work);
    loop_undefer(b->loop, &b->fail_work);
    loop_timer_done(&b->silence);
    conn_done(&b->c);
    sbuf_done(&b->in);
    sbuf_done(&b->out);
    free(b);
}

struct zk_bulk *zk_bulk_new(struct zk *zk, struct loop *loop, int64_t zxid)
{
    struct net_addr server;
    const char *credentials = zk_credentials(zk);
    struct zk_bulk *b;
    int fd;

    if (!zk_peer(zk, &server) || conn_connect(&server, NULL, &fd, NULL) != 0)
        return NULL;
    b = xcalloc(1, sizeof *b);
    b->loop = loop;
    conn_init(&b->c, loop, fd, on_ready);
    sbuf_init(&b->in, ZKW_FRAME_BYTES_MAX + CONN_READ_SIZE * (READS_MAX + 1));
    sbuf_init(&b->out, 64 << 20);
    b->send_work = LOOP_WORK(LOOP_SEND, send_more, b);
    b->fail_work = LOOP_WORK(LOOP_STEP, fail_all, b);
    b->free_work = LOOP_WORK(LOOP_FREE, release, b);
    loop_timer_init(&b->silence, loop, on_silence, b);
    loop_timer_in(&b->silence, SILENCE_NS);
    zkw_put_hello(&b->out, zxid, SESSION_MS);
    if (credentials != NULL)
        zkw_put_auth(&b->out, str_of(credentials));
    conn_want(&b->c, LOOP_WRITE);
    return b;
}

void zk_bulk_free(struct zk_bulk *b)
{
    if (b == NULL || b->freeing)
        return;
    b->freeing = true;
    if (b->state == OPEN) { /* else the server ends the session when it hears nothing */
        zkw_put_farewell(&b->out, b->xid + 1);
        if (evbuffer_add(conn_out(&b->c), b->out.p, b->out.n) == 0)
            (void)conn_flush(&b->c);
    }
    loop_defer(b->loop, &b->free_work);
}
