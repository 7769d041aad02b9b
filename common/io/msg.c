/* SPDX-License-Identifier: Apache-2.0 */
/* Outgoing connections by address, each with a queue of whole messages (its output buffer) that is written
 * once per turn. What comes back is answers to these messages: read and thrown away, not even parsed. Links
 * are a list per connection; when it fails they are moved to the list of exits, which LOOP_FREE reports, so
 * that a handler may send and link from within. A failed connection object is reused by the next message to
 * its address.
 *
 * Incoming messages are requests of the program's HTTP server; msg_take recognises them by their head. */
#include "common/io/msg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/buffer.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/io/conn.h"
#include "common/io/expiry.h"

enum { ANSWER_BYTES_AT_ONCE = 2048, LATER_MS = 20, EXITS_AT_ONCE = 32 };
enum peer_state { PEER_CLOSED, PEER_CONNECTING, PEER_OPEN };

struct link {
    struct link *next, *prev;
    struct msg_pid pid;
};

struct peer {
    struct conn c; /* first */
    UT_hash_handle hh;
    struct net_addr addr;
    struct msg *m;
    struct peer *dirty_next, *dirty_prev;
    struct peer *closed_next; /* waits for LOOP_FREE */
    struct expiry expiry;     /* connecting, stalled or idle */
    struct expiry later;      /* messages have been put off */
    struct link *links;
    unsigned queued; /* messages since the queue was last empty */
    enum peer_state state;
    bool dirty, closing;
};

struct msg {
    struct loop *loop;
    struct msg_options opt;
    struct msg_handler handler;
    void *ctx;
    struct peer *peers, *dirty, *closed;
    struct link *exits;
    struct loop_work send_work, free_work;
    struct expiry_timer timer;
    struct expiry_queue connects, stalls, idles, laters;
    struct msg_stats stats;
    unsigned dirty_count, exit_count;
    struct msg_pid sender; /* of the last message, and the headers that follow from it */
    struct sbuf sender_head;
};

/* --- pids --------------------------------------------------------------------------------------------- */
bool msg_pid_make(struct str id, const struct net_addr *addr, struct msg_pid *ret)
{
    if (id.n == 0 || id.n > MSG_ID_MAX || memchr(id.p, 0, id.n) != NULL)
        return false;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->id, id.p, id.n);
    ret->addr = *addr;
    return true;
}

bool msg_pid_parse(struct str s, struct msg_pid *ret)
{
    struct str id;
    struct net_addr addr;
    return str_cut(&s, '@', &id) && net_parse(s, &addr) && msg_pid_make(id, &addr, ret);
}

void msg_pid_text(const struct msg_pid *p, char ret[MSG_PID_TEXT_SIZE])
{
    char addr[NET_TEXT_SIZE];
    net_text(&p->addr, addr);
    (void)snprintf(ret, MSG_PID_TEXT_SIZE, "%s@%s", p->id, p->addr.family == NET_NONE ? "0.0.0.0:0" : addr);
}

bool msg_pid_eq(const struct msg_pid *a, const struct msg_pid *b)
{
    return net_eq(&a->addr, &b->addr) && strcmp(a->id, b->id) == 0;
}

bool msg_pid_is_set(const struct msg_pid *p)
{
    return p->id[0] != 0;
}

/* --- connections -------------------------------------------------------------------------------------- */
static void dirty(struct peer *p)
{
    if (p->dirty)
        return;
    p->dirty = true;
    DL_APPEND2(p->m->dirty, p, dirty_prev, dirty_next);
    p->m->dirty_count++;
    loop_defer(p->m->loop, &p->m->send_work);
}

static void undirty(struct peer *p)
{
    if (!p->dirty)
        return;
    p->dirty = false;
    DL_DELETE2(p->m->dirty, p, dirty_prev, dirty_next);
    p->m->dirty_count--;
}

static void exits_add(struct msg *m, struct link *links)
{
    struct link *l;
    DL_FOREACH(links, l)
    m->exit_count++;
    DL_CONCAT(m->exits, links);
    if (m->exits != NULL)
        loop_defer(m->loop, &m->free_work);
}

/* The connection is over: links exit, what was queued is lost. The object stays until LOOP_FREE, as this may
 * run in its own callback. */
static void peer_fail(struct peer *p)
{
    struct msg *m = p->m;
    if (p->closing)
        return;
    p->closing = true;
    undirty(p);
    expiry_stop(&p->expiry);
    expiry_stop(&p->later);
    if (p->state != PEER_CLOSED)
        conn_want(&p->c, 0);
    m->stats.dropped_closed += p->queued;
    exits_add(m, p->links);
    p->links = NULL;
    HASH_DEL(m->peers, p);
    m->stats.peers--;
    LL_PREPEND2(m->closed, p, closed_next);
    loop_defer(m->loop, &m->free_work);
}

static void free_closed(struct msg *m)
{
    while (m->closed != NULL) {
        struct peer *p = m->closed;
        m->closed = p->closed_next;
        if (p->state != PEER_CLOSED)
            conn_done(&p->c);
        else if (p->c.out != NULL)
            evbuffer_free(p->c.out); /* there never was a socket */
        free(p);
    }
}

/* One at a time, as the handler may link and unlink; exits that it causes wait for the next turn, as do those above a number: a
 * rack may go at once. */
static void report(void *arg)
{
    struct msg *m = arg;
    free_closed(m);
    for (unsigned n = EXITS_AT_ONCE; n != 0 && m->exits != NULL; n--) {
        struct link *l = m->exits;
        DL_DELETE(m->exits, l);
        m->exit_count--;
        m->stats.links--;
        if (m->handler.on_exited != NULL)
            m->handler.on_exited(m->ctx, &l->pid);
        free(l);
    }
    if (m->exits != NULL)
        loop_defer(m->loop, &m->free_work);
}

static void flush(struct peer *p)
{
    struct msg *m = p->m;
    expiry_stop(&p->later);
    if (p->state != PEER_OPEN)
        return;
    ssize_t n = conn_flush(&p->c);
    if (n < 0) {
        peer_fail(p);
        return;
    }
    if (conn_out_size(&p->c) != 0) {
        if (n > 0 || p->expiry.queue != &m->stalls)
            expiry_start(&m->stalls, &p->expiry);
        return;
    }
    p->queued = 0;
    if (p->links == NULL)
        expiry_start(&m->idles, &p->expiry);
    else
        expiry_stop(&p->expiry);
}

static void send_dirty(void *arg)
{
    struct msg *m = arg;
    for (unsigned n = m->dirty_count; n != 0 && m->dirty != NULL; n--) {
        struct peer *p = m->dirty;
        undirty(p);
        flush(p);
    }
}

static void opened(struct peer *p)
{
    struct msg *m = p->m;
    if (conn_connect_result(p->c.fd) != 0 ||
        (m->opt.tls != NULL && conn_start_tls(&p->c, m->opt.tls, false, NULL, NULL) != 0)) {
        peer_fail(p);
        return;
    }
    p->state = PEER_OPEN;
    expiry_stop(&p->expiry);
    /* Answers are thrown away: many at a time. The end of the connection is told at once all the same. */
    conn_one_way(&p->c);
    if (m->opt.tls == NULL)
        (void)setsockopt(p->c.fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ ANSWER_BYTES_AT_ONCE }, sizeof(int));
    conn_want(&p->c, LOOP_READ);
    flush(p);
}

static void on_ready(struct conn *c, int what)
{
    struct peer *p = (struct peer *)c;
    if (p->closing)
        return;
    if (p->state == PEER_CONNECTING) {
        opened(p);
        return;
    }
    if (what & LOOP_READ) {
        ssize_t n;
        unsigned rounds = 0;
        do
            n = conn_read(c, conn_scratch(), CONN_READ_SIZE);
        while (n > 0 && conn_has_pending(c) && ++rounds < 16);
        if (n == 0 || n == CONN_FAILED) {
            peer_fail(p);
            return;
        }
    }
    if (what & LOOP_WRITE)
        flush(p);
}

#define PEER_OF(e) ((struct peer *)(void *)((char *)(e)-offsetof(struct peer, expiry)))

static void on_expired(struct expiry *e, void *arg)
{
    (void)arg;
    peer_fail(PEER_OF(e));
}

static void on_idle(struct expiry *e, void *arg)
{
    struct peer *p = PEER_OF(e);
    (void)arg;
    if (p->links == NULL && conn_out_size(&p->c) == 0)
        peer_fail(p);
}

static void on_later(struct expiry *e, void *arg)
{
    (void)arg;
    dirty((struct peer *)(void *)((char *)e - offsetof(struct peer, later)));
}

static struct peer *peer_get(struct msg *m, const struct net_addr *addr)
{
    struct peer *p = NULL;
    HASH_FIND(hh, m->peers, addr, sizeof *addr, p);
    if (p != NULL)
        return p;
    if (m->stats.peers >= m->opt.peers_max)
        return NULL;
    p = xcalloc(1, sizeof *p);
    p->m = m;
    p->addr = *addr;
    HASH_ADD(hh, m->peers, addr, sizeof p->addr, p);
    m->stats.peers++;
    int fd;
    if (conn_connect(addr, NULL, &fd, NULL) != 0) {
        /* No route, out of descriptors: the same to the caller as a connection that was refused. */
        p->c.fd = -1;
        peer_fail(p);
        return p;
    }
    conn_init(&p->c, m->loop, fd, on_ready);
    p->state = PEER_CONNECTING;
    conn_want(&p->c, LOOP_WRITE);
    expiry_start(&m->connects, &p->expiry);
    return p;
}

/* --- sending ------------------------------------------------------------------------------------------ */
/* The headers that every message of one sender has; messages of one sender follow each other. */
static struct str sender_head(struct msg *m, const struct msg_pid *from)
{
    if (m->sender_head.n == 0 || !msg_pid_eq(&m->sender, from)) {
        char text[MSG_PID_TEXT_SIZE];
        msg_pid_text(from, text);
        m->sender = *from;
        sbuf_clear(&m->sender_head);
        sbuf_fmt(&m->sender_head,
                 " HTTP/1.1\r\nUser-Agent: libprocess/%s\r\nLibprocess-From: %s\r\nConnection: Keep-Alive\r\nHost: ",
                 text, text);
        ASSERT(sbuf_ok(&m->sender_head));
    }
    return sbuf_view(&m->sender_head);
}

static char *put(char *at, struct str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

enum { HEAD_MAX = 2 * MSG_ID_MAX + 2 * MSG_PID_TEXT_SIZE + NET_TEXT_SIZE + 256 };

/* Returns the size of the head. */
static size_t write_head(char *head, struct str sender, const struct msg_pid *to, struct str name, size_t body_size)
{
    char receiver[NET_TEXT_SIZE], *at = put(head, STR("POST /"));
    net_text(&to->addr, receiver);
    at = put(at, str_of(to->id));
    *at++ = '/';
    at = put(at, str_sub(name, 0, MSG_ID_MAX));
    at = put(at, sender);
    at = put(at, str_of(receiver));
    if (body_size == 0)
        return (size_t)(put(at, STR("\r\n\r\n")) - head);
    at = put(at, STR("\r\nTransfer-Encoding: chunked\r\n\r\n"));
    unsigned digits = 1;
    while (digits < 16 && body_size >> (4 * digits) != 0)
        digits++;
    while (digits-- != 0)
        *at++ = "0123456789abcdef"[body_size >> (4 * digits) & 15];
    return (size_t)(put(at, STR("\r\n")) - head);
}

/* Room for a whole message in one piece, so that one write takes many of them. */
static char *room_for(struct msg *m, struct peer *p, const struct msg_pid *from, const struct msg_pid *to, struct str name,
                      size_t body_size)
{
    if (p == NULL || conn_out_size(&p->c) + body_size > m->opt.peer_queue_bytes_max) {
        m->stats.dropped_limit++;
        return NULL;
    }
    char head[HEAD_MAX];
    size_t head_n = write_head(head, sender_head(m, from), to, name, body_size);
    static const char tail[] = "\r\n0\r\n\r\n";
    size_t tail_n = body_size != 0 ? sizeof tail - 1 : 0;
    struct evbuffer *out = conn_out(&p->c);
    struct evbuffer_iovec v;
    size_t all = head_n + body_size + tail_n;
    if (evbuffer_reserve_space(out, (ev_ssize_t)all, &v, 1) != 1) {
        m->stats.dropped_limit++;
        return NULL;
    }
    char *at = v.iov_base;
    memcpy(at, head, head_n);
    memcpy(at + head_n + body_size, tail, tail_n);
    v.iov_len = all;
    (void)evbuffer_commit_space(out, &v, 1);
    p->queued++;
    m->stats.sent++;
    if (p->closing) {
        m->stats.dropped_closed++; /* it failed at once; the buffer goes at LOOP_FREE */
        p->queued--;
    }
    return at + head_n;
}

char *msg_send_room(struct msg *m, const struct msg_pid *from, const struct msg_pid *to, struct str name,
                    size_t body_size)
{
    struct peer *p = peer_get(m, &to->addr);
    char *room = room_for(m, p, from, to, name, body_size);
    if (room != NULL && !p->closing)
        dirty(p);
    return room;
}

int msg_send_later(struct msg *m, const struct msg_pid *from, const struct msg_pid *to, struct str name,
                   struct str body)
{
    struct peer *p = peer_get(m, &to->addr);
    char *room = room_for(m, p, from, to, name, body.n);
    if (room == NULL)
        return -ERR_LIMIT;
    if (body.n != 0)
        memcpy(room, body.p, body.n);
    if (!p->closing && !p->dirty && p->later.queue == NULL)
        expiry_start(&m->laters, &p->later);
    return 0;
}

int msg_send(struct msg *m, const struct msg_pid *from, const struct msg_pid *to, struct str name,
             struct str body)
{
    char *room = msg_send_room(m, from, to, name, body.n);
    if (room == NULL)
        return -ERR_LIMIT;
    if (body.n != 0)
        memcpy(room, body.p, body.n);
    return 0;
}

/* --- links -------------------------------------------------------------------------------------------- */
static struct link *link_find(struct link *links, const struct msg_pid *pid)
{
    struct link *l;
    DL_FOREACH(links, l)
    if (msg_pid_eq(&l->pid, pid))
        return l;
    return NULL;
}

int msg_link(struct msg *m, const struct msg_pid *pid)
{
    struct peer *p = peer_get(m, &pid->addr);
    if (p == NULL) {
        m->stats.dropped_limit++;
        return -ERR_LIMIT;
    }
    if (!p->closing && link_find(p->links, pid) != NULL)
        return 0;
    struct link *l = xcalloc(1, sizeof *l);
    l->pid = *pid;
    l->prev = l; /* a list of one */
    m->stats.links++;
    if (p->closing) {
        exits_add(m, l);
        return 0;
    }
    DL_APPEND(p->links, l);
    if (p->expiry.queue == &m->idles)
        expiry_stop(&p->expiry);
    return 0;
}

/* The old connection goes silently: its links move to the new one, what it had queued too. */
int msg_relink(struct msg *m, const struct msg_pid *pid)
{
    struct peer *old = NULL;
    HASH_FIND(hh, m->peers, &pid->addr, sizeof pid->addr, old);
    struct link *links = NULL;
    if (old != NULL && old->state == PEER_OPEN) {
        links = old->links;
        old->links = NULL;
        peer_fail(old);
    }
    struct peer *p = peer_get(m, &pid->addr);
    if (p == NULL || p->closing)
        exits_add(m, links);
    else
        DL_CONCAT(p->links, links);
    return p != NULL ? msg_link(m, pid) : -ERR_LIMIT;
}

void msg_unlink(struct msg *m, const struct msg_pid *pid)
{
    struct peer *p = NULL;
    HASH_FIND(hh, m->peers, &pid->addr, sizeof pid->addr, p);
    struct link *l = p != NULL ? link_find(p->links, pid) : NULL;
    if (l == NULL) {
        l = link_find(m->exits, pid); /* failed in this turn and not yet told */
        if (l == NULL)
            return;
        DL_DELETE(m->exits, l);
        m->exit_count--;
        m->stats.links--;
        free(l);
        return;
    }
    DL_DELETE(p->links, l);
    free(l);
    m->stats.links--;
    if (p->links == NULL && p->state == PEER_OPEN && conn_out_size(&p->c) == 0)
        expiry_start(&m->idles, &p->expiry);
}

/* --- receiving ---------------------------------------------------------------------------------------- */
bool msg_is_message(const struct http_req *r)
{
    return http_req_verb(r) == HTTP_VERB_POST &&
           (http_req_header(r, "Libprocess-From").p != NULL ||
            str_starts(http_req_header(r, "User-Agent"), STR("libprocess/")));
}

static void deliver(void *arg, struct http_req *r)
{
    struct msg *m = arg;
    struct msg_in in = { .body = http_req_body(r) };
    struct str sender = http_req_header(r, "Libprocess-From");
    if (sender.p == NULL)
        sender = str_sub(http_req_header(r, "User-Agent"), sizeof "libprocess/" - 1, SIZE_MAX);
    if (!msg_pid_parse(sender, &in.from))
        memset(&in.from, 0, sizeof in.from);
    m->stats.received++;
    if (m->opt.require_peer_ip_match && msg_pid_is_set(&in.from) &&
        memcmp(in.from.addr.ip, http_req_peer(r)->ip, sizeof in.from.addr.ip) != 0) {
        http_reply_text(r, 400, "UPID IP address validation failed");
        return;
    }
    struct str path = http_req_path(r), id;
    char id_text[MSG_ID_MAX + 1];
    (void)str_skip(&path, STR("/"));
    (void)str_cut(&path, '/', &id);
    CLEANUP(sbuf_done_p) struct sbuf decoded = SBUF_INIT(MSG_ID_MAX);
    if (id.n == 0 || id.n > sizeof id_text || path.n == 0) {
        http_reply_text(r, 500, "500 Internal Server Error.");
        return;
    }
    if (memchr(id.p, '%', id.n) == NULL) {
        in.to = id;
    } else if (http_percent_decode(&decoded, id)) {
        in.to = sbuf_view(&decoded);
    } else {
        http_reply_text(r, 500, "500 Internal Server Error.");
        return;
    }
    in.name = path;
    if (m->handler.on_message(m->ctx, &in)) {
        http_req_unhurried(r);
        http_reply(r, 202, NULL, (struct str){ NULL, 0 });
    } else {
        m->stats.unknown_receiver++;
        http_reply_text(r, 404, "404 Not Found.");
    }
}

bool msg_take(struct msg *m, struct http_req *r)
{
    if (!msg_is_message(r))
        return false;
    http_req_keep_connection(r);
    http_body_collect_to(r, m->opt.body_bytes_max, deliver, m);
    return true;
}

/* --- life --------------------------------------------------------------------------------------------- */
int msg_new(struct msg **ret_msg, struct loop *loop, const struct msg_options *options,
            const struct msg_handler *handler, void *ctx, struct error *err)
{
    if (handler->on_message == NULL)
        return error_set(err, ERR_INVALID, "a message transport needs a receiver");
    struct msg *m = xcalloc(1, sizeof *m);
    m->loop = loop;
    if (options != NULL)
        m->opt = *options;
    if (m->opt.peers_max == 0)
        m->opt.peers_max = 20000;
    if (m->opt.peer_queue_bytes_max == 0)
        m->opt.peer_queue_bytes_max = 16 << 20;
    if (m->opt.body_bytes_max == 0)
        m->opt.body_bytes_max = 16 << 20;
    if (m->opt.connect_timeout_ns == 0)
        m->opt.connect_timeout_ns = 10 * NS_PER_S;
    if (m->opt.idle_timeout_ns == 0)
        m->opt.idle_timeout_ns = 60 * NS_PER_S;
    if (m->opt.write_stall_ns == 0)
        m->opt.write_stall_ns = 60 * NS_PER_S;
    m->handler = *handler;
    m->ctx = ctx;
    sbuf_init(&m->sender_head, HEAD_MAX);
    m->send_work = LOOP_WORK(LOOP_SEND, send_dirty, m);
    m->free_work = LOOP_WORK(LOOP_FREE, report, m);
    expiry_timer_init(&m->timer, loop);
    expiry_queue_init(&m->connects, &m->timer, m->opt.connect_timeout_ns, on_expired, m);
    expiry_queue_init(&m->stalls, &m->timer, m->opt.write_stall_ns, on_expired, m);
    expiry_queue_init(&m->laters, &m->timer, LATER_MS * NS_PER_MS, on_later, m);
    expiry_queue_init(&m->idles, &m->timer, m->opt.idle_timeout_ns, on_idle, m);
    *ret_msg = m;
    return 0;
}

void msg_free(struct msg *m)
{
    if (m == NULL)
        return;
    m->handler.on_exited = NULL;
    send_dirty(m);
    struct peer *p, *next;
    HASH_ITER(hh, m->peers, p, next)
    {
        if (p->state == PEER_OPEN)
            conn_shut_write(&p->c);
        peer_fail(p);
    }
    report(m);
    loop_undefer(m->loop, &m->send_work);
    loop_undefer(m->loop, &m->free_work);
    expiry_timer_done(&m->timer);
    sbuf_done(&m->sender_head);
    free(m);
}

void msg_stats(const struct msg *m, struct msg_stats *ret)
{
    *ret = m->stats;
    ret->queued_bytes = 0;
    for (const struct peer *p = m->peers; p != NULL; p = p->hh.next)
        ret->queued_bytes += conn_out_size(&p->c);
}
