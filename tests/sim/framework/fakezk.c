/* SPDX-License-Identifier: Apache-2.0 */
/* common/io/zk.h on the simulated ensemble: what zk.c and the client library together do. One connection at a time; its
 * requests arrive in order, its answers come in order, and when it is lost what was under way has happened or not. */
#include "common/io/zk.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/framework/fakeio.h"

enum message_kind { UP_CONNECT, UP_ASK, DOWN_CONNECTED, DOWN_EXPIRED, DOWN_ANSWER, DOWN_WATCH, DOWN_END };

/* One message under way; all are in one list, so that those that nobody gets are released in the end. */
struct message {
    enum message_kind kind;
    uint64_t client;
    unsigned connection;
    int64_t session, timeout_ns;
    uint64_t op;
    bool watch; /* of UP_ASK: and tell when that changes */
    struct zreq q;
    struct zres r;
    char *path;
    struct message *next, *prev;
};

struct op {
    uint64_t n;
    enum zreq_kind kind;
    zk_done_fn *done;
    void *arg;
    bool exists_ok, sent, watch;
    struct zreq q; /* until it is sent */
    struct op *next, *prev;
};

struct watch {
    char *path;
    zk_done_fn *done;
    void *arg;
    uint64_t seen; /* version of the children; 0: not answered yet, and so no watch yet */
    uint64_t op;   /* that asked */
    struct watch *next, *prev;
};

struct zk {
    struct loop *loop;
    struct proc *p;
    uint64_t n, next_op;
    int64_t session, timeout_ns;
    bool connected, connecting, deaf;
    unsigned connection;
    struct mono heard, received; /* received: what the library goes by */
    int64_t up_at, down_at; /* of the latest message in each direction */
    bool up_lost, down_lost;
    struct op *ops;
    struct watch *watches;
    struct zk_listener *listeners;
    struct loop_timer timer;
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
    struct zk *next, *prev;
};

struct zk_multi {
    struct zreq q;
    size_t cap;
};

/* Of all processes of the history that runs. */
static struct zk *clients;
static struct message *messages;
static uint64_t next_client;

static void connect_now(struct zk *zk);
static void send_op(struct zk *zk, struct op *o);

/* --- messages ----------------------------------------------------------------------------------------- */

static struct message *message_new(enum message_kind kind, const struct zk *zk)
{
    struct message *m = xcalloc(1, sizeof *m);

    m->kind = kind;
    m->client = zk->n;
    m->connection = zk->connection;
    m->session = zk->session;
    m->timeout_ns = zk->timeout_ns;
    DL_APPEND(messages, m);
    return m;
}

static void message_free(struct message *m)
{
    DL_DELETE(messages, m);
    zreq_done(&m->q);
    zres_done(&m->r);
    free(m->path);
    free(m);
}

void sim_zk_reset(void)
{
    while (messages != NULL)
        message_free(messages);
    next_client = 0;
}

static struct zk *client_find(uint64_t n)
{
    struct zk *zk;

    DL_FOREACH(clients, zk)
    if (zk->n == n)
        return zk;
    return NULL;
}

static int64_t delay(struct sim *s)
{
    struct rng *r = &s->rng_zk;

    if ((s->o.faults & FAULT_DELAY) != 0 && !s->calm && chance(r, 1))
        return between(r, MS(5), MS(1500));
    return between(r, NS_PER_MS / 5, MS(4));
}

static void arrive_up(struct sim *s, struct proc *none, void *arg, uint64_t n);
static void arrive_down(struct sim *s, struct proc *p, void *arg, uint64_t n);

static void send_up(struct zk *zk, struct message *m)
{
    struct sim *s = zk->p->sim;
    int64_t at = s->now + delay(s);

    if (at <= zk->up_at)
        at = zk->up_at + 1;
    zk->up_at = at;
    sim_after(s, NULL, at - s->now, arrive_up, m, 0);
}

static void send_down(struct zk *zk, struct message *m)
{
    struct sim *s = zk->p->sim;
    int64_t at = s->now + delay(s);

    if (!ensemble_reachable(s->zk, zk->p) && m->kind != DOWN_END)
        zk->down_lost = true;
    if (zk->down_lost) {
        message_free(m);
        return;
    }
    if (at <= zk->down_at)
        at = zk->down_at + 1;
    zk->down_at = at;
    sim_after(s, zk->p, at - s->now, arrive_down, m, 0);
}

/* --- at the ensemble ---------------------------------------------------------------------------------- */

static void arrive_connect(struct sim *s, struct zk *zk, const struct message *m)
{
    int64_t session = ensemble_connect(s->zk, m->session, m->timeout_ns, zk->p, zk->n, m->connection);
    struct message *back = message_new(session != 0 ? DOWN_CONNECTED : DOWN_EXPIRED, zk);
    struct watch *w;

    back->connection = m->connection;
    back->session = session;
    send_down(zk, back);
    if (session == 0)
        return;
    DL_FOREACH(zk->watches, w)
    { /* the library sets them again, and what has changed meanwhile is told at once */
        if (w->seen == 0)
            continue;
        if (ensemble_children_version(s->zk, w->path) == w->seen)
            ensemble_watch(s->zk, session, w->path);
        else
            sim_zk_news(s, zk->p, zk->n, m->connection, w->path);
    }
}

static void arrive_ask(struct sim *s, struct zk *zk, const struct message *m)
{
    struct message *back = message_new(DOWN_ANSWER, zk);

    back->connection = m->connection;
    back->op = m->op;
    if (!ensemble_ask(s->zk, m->session, m->connection, &m->q, &back->r)) {
        back->kind = DOWN_END;
    } else if (m->watch && back->r.code == ZRES_OK) {
        ensemble_watch(s->zk, m->session, m->q.path);
    }
    send_down(zk, back);
}

static void arrive_up(struct sim *s, struct proc *none, void *arg, uint64_t unused)
{
    struct message *m = arg;
    struct zk *zk = client_find(m->client);

    (void)none;
    (void)unused;
    if (zk != NULL && m->connection == zk->connection && !ensemble_reachable(s->zk, zk->p))
        zk->up_lost = true;
    if (zk == NULL || !ensemble_reachable(s->zk, zk->p) || (m->connection == zk->connection && zk->up_lost))
        ; /* the process is gone, or the bytes are */
    else if (m->kind == UP_CONNECT)
        arrive_connect(s, zk, m);
    else
        arrive_ask(s, zk, m);
    message_free(m);
}

void sim_zk_news(struct sim *s, struct proc *p, uint64_t client, unsigned connection, const char *path)
{
    struct zk *zk = client_find(client);

    (void)s;
    if (zk == NULL || zk->p != p || zk->connection != connection)
        return;
    struct message *m = message_new(path != NULL ? DOWN_WATCH : DOWN_END, zk);
    m->path = path != NULL ? xstrdup(path) : NULL;
    send_down(zk, m);
}

/* --- at the client ------------------------------------------------------------------------------------ */

static void tell(struct zk *zk, enum zk_event ev)
{
    struct zk_listener *l, *next;

    DL_FOREACH_SAFE(zk->listeners, l, next)
    l->fn(l->arg, ev);
}

static void op_end(struct zk *zk, struct op *o, struct zk_result *r)
{
    DL_DELETE(zk->ops, o);
    if (o->exists_ok && r->code == ZK_NODE_EXISTS)
        r->code = ZK_OK;
    if (o->done != NULL)
        o->done(o->arg, r);
    zreq_done(&o->q);
    free(o);
}

static void watch_free(struct zk *zk, struct watch *w)
{
    DL_DELETE(zk->watches, w);
    free(w->path);
    free(w);
}

static void lose_all(struct zk *zk)
{
    struct op *list = zk->ops, *o;
    struct watch *w, *next;

    DL_FOREACH_SAFE(zk->watches, w, next)
    if (w->seen == 0)
        watch_free(zk, w);

    /* What its callbacks ask for anew waits for the next connection. */
    uint64_t last = zk->next_op;
    while (list != NULL && (o = zk->ops) != NULL && o->n <= last) {
        struct zk_result r = { .code = ZK_LOST, .text = "connection loss" };
        op_end(zk, o, &r);
    }
}

static void suspend(struct zk *zk)
{
    bool was = zk->connected;

    zk->connected = zk->connecting = false;
    zk->connection++;
    zk->up_lost = zk->down_lost = false;
    lose_all(zk);
    if (was) {
        sim_trace(zk->p->sim, zk->p->name, "has lost ZooKeeper");
        tell(zk, ZK_SUSPENDED);
    }
    loop_timer_in(&zk->timer, between(&zk->p->sim->rng_zk, MS(50), MS(400)));
}

static void renew(struct zk *zk)
{
    struct watch *w, *next;

    zk->connected = zk->connecting = false;
    zk->session = 0;
    zk->connection++;
    DL_FOREACH_SAFE(zk->watches, w, next)
    watch_free(zk, w);
    lose_all(zk);
    sim_trace(zk->p->sim, zk->p->name, "learns that its session is over");
    tell(zk, ZK_EXPIRED);
    loop_timer_in(&zk->timer, 0);
}

static void beat_again(struct zk *zk)
{
    loop_timer_in(&zk->timer, zk->timeout_ns / 3);
}

static struct op *op_new(struct zk *zk, enum zreq_kind kind, const char *path, struct str data, zk_done_fn *done, void *arg)
{
    struct op *o = xcalloc(1, sizeof *o);

    o->n = ++zk->next_op;
    o->done = done;
    o->arg = arg;
    o->kind = kind;
    o->q = (struct zreq){ .kind = kind, .path = path != NULL ? xstrdup(path) : NULL, .version = -1 };
    if (data.n != 0)
        o->q.data = str_mem(xstrndup(data), data.n);
    DL_APPEND(zk->ops, o);
    return o;
}

static void send_op(struct zk *zk, struct op *o)
{
    if (!zk->connected || o->sent)
        return;
    if (!proc_effect(zk->p) && !(zk->p->clean && !zk->p->alive))
        return;
    struct message *m = message_new(UP_ASK, zk);
    m->op = o->n;
    m->watch = o->watch;
    m->q = o->q;
    o->q = (struct zreq){ .kind = o->kind };
    o->sent = true;
    send_up(zk, m);
}

static void on_sign(void *arg, const struct zk_result *r)
{
    struct zk *zk = arg;

    if (r->code == ZK_LOST)
        return;
    zk->deaf = false;
    zk->heard = loop_now(zk->loop);
}

/* As in zk.c: what a process that was stopped finds says nothing about now. */
static void heard(struct zk *zk)
{
    zk->received = loop_now(zk->loop);
    if (zk->connected && !zk->deaf && mono_diff(loop_now(zk->loop), zk->heard) >= zk->timeout_ns) {
        zk->deaf = true;
        send_op(zk, op_new(zk, ZREQ_PING, NULL, STR(""), on_sign, zk));
    }
    if (!zk->deaf)
        zk->heard = loop_now(zk->loop);
}

static void on_connected(struct zk *zk, int64_t session)
{
    struct op *o, *next;

    zk->session = session;
    zk->connected = true;
    zk->connecting = zk->deaf = false;
    zk->heard = zk->received = loop_now(zk->loop);
    beat_again(zk);
    DL_FOREACH_SAFE(zk->ops, o, next)
    send_op(zk, o);
    tell(zk, ZK_CONNECTED);
}

static void on_watch(struct zk *zk, const char *path)
{
    struct watch *w, *next;

    DL_FOREACH_SAFE(zk->watches, w, next)
    {
        if (w->seen == 0 || strcmp(w->path, path) != 0)
            continue;
        DL_DELETE(zk->watches, w);
        if (w->done != NULL)
            w->done(w->arg, NULL);
        free(w->path);
        free(w);
    }
}

static enum zk_code code_of(enum zres_code c)
{
    static const enum zk_code codes[] = { ZK_OK, ZK_NO_NODE, ZK_NODE_EXISTS, ZK_BAD_VERSION, ZK_NOT_EMPTY, ZK_DENIED };

    return codes[c];
}

static void on_answer(struct zk *zk, const struct message *m)
{
    struct zk_result r = { .code = code_of(m->r.code),
                           .text = m->r.code == ZRES_OK ? "" : "refused by the ensemble",
                           .data = m->r.data,
                           .path = m->r.path,
                           .version = m->r.version,
                           .data_bytes = (int32_t)m->r.data.n,
                           .ephemeral_owner = m->r.owner,
                           .children = (const char *const *)(const void *)m->r.children,
                           .child_count = m->r.child_count,
                           .failed_index = m->r.failed_index };
    struct op *o;
    struct watch *w, *next;

    DL_FOREACH_SAFE(zk->watches, w, next)
    if (w->op == m->op && m->r.code == ZRES_OK)
        w->seen = m->r.children_version;
    else if (w->op == m->op)
        watch_free(zk, w);
    DL_FOREACH(zk->ops, o)
    if (o->n == m->op) {
        op_end(zk, o, &r);
        return;
    }
}

static void arrive_down(struct sim *s, struct proc *p, void *arg, uint64_t unused)
{
    struct message *m = arg;
    struct zk *zk = client_find(m->client);

    (void)s;
    (void)unused;
    fake_process(p);
    if (zk != NULL && zk->p == p && m->connection == zk->connection) {
        heard(zk);
        switch (m->kind) {
        case DOWN_CONNECTED:
            on_connected(zk, m->session);
            break;
        case DOWN_EXPIRED:
            renew(zk);
            break;
        case DOWN_ANSWER:
            on_answer(zk, m);
            break;
        case DOWN_WATCH:
            on_watch(zk, m->path);
            break;
        case DOWN_END:
            suspend(zk);
            break;
        case UP_CONNECT:
        case UP_ASK:
            break;
        }
    }
    message_free(m);
    fake_turn(p);
}

static void connect_now(struct zk *zk)
{
    zk->connecting = true;
    zk->connection++;
    zk->up_lost = zk->down_lost = false;
    send_up(zk, message_new(UP_CONNECT, zk));
    loop_timer_in(&zk->timer, zk->timeout_ns / 3);
}

/* The beat of a connection, or the end of waiting for one. */
static void on_timer(void *arg)
{
    struct zk *zk = arg;

    if (!zk->connected) {
        if (zk->connecting)
            lose_all(zk); /* an attempt has failed */
        connect_now(zk);
    } else if (mono_diff(loop_now(zk->loop), zk->received) >= zk->timeout_ns * 2 / 3) {
        suspend(zk);
    } else {
        send_op(zk, op_new(zk, ZREQ_PING, NULL, STR(""), NULL, NULL));
        beat_again(zk);
    }
}

/* --- life --------------------------------------------------------------------------------------------- */

int zk_new(struct zk **ret, struct loop *loop, const struct zk_options *o, struct error *err)
{
    struct zk *zk = xcalloc(1, sizeof *zk);

    (void)err;
    zk->loop = loop;
    zk->p = fake_current();
    zk->n = ++next_client;
    zk->timeout_ns = o->session_timeout_ns > 0 ? o->session_timeout_ns : SEC(10);
    loop_timer_init(&zk->timer, loop, on_timer, zk);
    loop_timer_in(&zk->timer, 0);
    DL_APPEND(clients, zk);
    *ret = zk;
    return 0;
}

void zk_free(struct zk *zk)
{
    struct watch *w, *next;

    if (zk == NULL)
        return;
    if (zk->p->clean && zk->session != 0 && ensemble_reachable(zk->p->sim->zk, zk->p))
        ensemble_close(zk->p->sim->zk, zk->session);
    while (zk->ops != NULL) {
        struct op *o = zk->ops;
        DL_DELETE(zk->ops, o);
        zreq_done(&o->q);
        free(o);
    }
    DL_FOREACH_SAFE(zk->watches, w, next)
    watch_free(zk, w);
    loop_timer_done(&zk->timer);
    DL_DELETE(clients, zk);
    free(zk);
}

void zk_listen(struct zk *zk, struct zk_listener *l)
{
    DL_APPEND(zk->listeners, l);
}

void zk_unlisten(struct zk *zk, struct zk_listener *l)
{
    DL_DELETE(zk->listeners, l);
}

bool zk_is_connected(const struct zk *zk)
{
    return zk->connected;
}

bool zk_is_fresh(const struct zk *zk)
{
    return zk->connected && mono_diff(loop_now(zk->loop), zk->heard) < zk->timeout_ns;
}

int64_t zk_session_id(const struct zk *zk)
{
    return zk->session;
}

int64_t zk_session_timeout_ns(const struct zk *zk)
{
    return zk->timeout_ns;
}

bool zk_has_credentials(const struct zk *zk)
{
    (void)zk;
    return false;
}

void zk_forget(struct zk *zk, const void *arg)
{
    struct op *o;
    struct watch *w;

    DL_FOREACH(zk->ops, o)
    if (o->arg == arg)
        o->done = NULL;
    DL_FOREACH(zk->watches, w)
    if (w->arg == arg)
        w->done = NULL;
}

/* The end of a process: what is asked is answered at once, with a session of its own if need be, as a program that waits for
 * its last records does; or the time passes. */
void zk_pump(struct zk *zk, int64_t timeout_ns)
{
    struct sim *s = zk->p->sim;
    struct op *o;

    fake_time_passes(timeout_ns);
    if (!zk->p->clean || !ensemble_reachable(s->zk, zk->p))
        return;
    if (!zk->connected) {
        int64_t session = ensemble_connect(s->zk, zk->session, zk->timeout_ns, zk->p, zk->n, ++zk->connection);
        if (session == 0)
            renew(zk);
        else
            on_connected(zk, session);
        return;
    }
    DL_FOREACH(zk->ops, o)
    if (!o->sent)
        break;
    if (o == NULL) { /* what is on its way may be there or not */
        suspend(zk);
        return;
    }
    struct zres res;
    struct message m = { .op = o->n };
    o->sent = true;
    if (!ensemble_ask(s->zk, zk->session, zk->connection, &o->q, &res)) {
        suspend(zk);
        return;
    }
    m.r = res;
    on_answer(zk, &m);
    zres_done(&res);
}

/* --- operations --------------------------------------------------------------------------------------- */

static void create(struct zk *zk, const char *path, struct str data, int flags, bool exists_ok, zk_done_fn *done, void *arg)
{
    struct op *o = op_new(zk, ZREQ_CREATE, path, data, done, arg);

    o->exists_ok = exists_ok;
    o->q.ephemeral = (flags & ZK_EPHEMERAL) != 0;
    o->q.sequence = (flags & ZK_SEQUENCE) != 0;
    send_op(zk, o);
}

void zk_create(struct zk *zk, const char *path, struct str data, int flags, enum zk_acl acl, zk_done_fn *done, void *arg)
{
    (void)acl;
    create(zk, path, data, flags, false, done, arg);
}

void zk_get(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    send_op(zk, op_new(zk, ZREQ_GET, path, STR(""), done, arg));
}

void zk_exists(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    zk_get(zk, path, done, arg);
}

void zk_set(struct zk *zk, const char *path, struct str data, int32_t version, zk_done_fn *done, void *arg)
{
    struct op *o = op_new(zk, ZREQ_SET, path, data, done, arg);

    o->q.version = version;
    send_op(zk, o);
}

void zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_fn *done, void *arg)
{
    struct op *o = op_new(zk, ZREQ_DELETE, path, STR(""), done, arg);

    o->q.version = version;
    send_op(zk, o);
}

void zk_children(struct zk *zk, const char *path, zk_done_fn *on_change, zk_done_fn *done, void *arg)
{
    struct op *o = op_new(zk, ZREQ_CHILDREN, path, STR(""), done, arg);

    if (on_change != NULL) {
        struct watch *w = xcalloc(1, sizeof *w);
        *w = (struct watch){ .path = xstrdup(path), .done = on_change, .arg = arg, .op = o->n };
        o->watch = true;
        DL_APPEND(zk->watches, w);
    }
    send_op(zk, o);
}

void zk_make_path(struct zk *zk, const char *path, enum zk_acl acl, zk_done_fn *done, void *arg)
{
    char part[ZK_PATH_BYTES_MAX];
    size_t n = strlen(path);

    (void)acl;
    for (size_t i = 1; i < n; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            create(zk, part, STR(""), 0, true, NULL, NULL);
        }
    create(zk, path, STR(""), 0, true, done, arg);
}

struct zk_multi *zk_multi_new(void)
{
    struct zk_multi *m = xcalloc(1, sizeof *m);

    m->q.kind = ZREQ_MULTI;
    return m;
}

void zk_multi_free(struct zk_multi *m)
{
    if (m == NULL)
        return;
    zreq_done(&m->q);
    free(m);
}

static void multi_add(struct zk_multi *m, enum zreq_kind kind, const char *path, struct str data, int32_t version)
{
    ARRAY_ROOM(m->q.ops, m->q.op_count, m->cap);
    m->q.ops[m->q.op_count++] = (struct zreq){ .kind = kind,
                                               .path = xstrdup(path),
                                               .data = str_mem(xstrndup(data), data.n),
                                               .version = version };
}

void zk_multi_create(struct zk_multi *m, const char *path, struct str data, enum zk_acl acl)
{
    (void)acl;
    multi_add(m, ZREQ_CREATE, path, data, -1);
}

void zk_multi_set(struct zk_multi *m, const char *path, struct str data, int32_t version)
{
    multi_add(m, ZREQ_SET, path, data, version);
}

void zk_multi_delete(struct zk_multi *m, const char *path, int32_t version)
{
    multi_add(m, ZREQ_DELETE, path, STR(""), version);
}

size_t zk_multi_count(const struct zk_multi *m)
{
    return m->q.op_count;
}

void zk_multi_send(struct zk *zk, struct zk_multi *m, zk_done_fn *done, void *arg)
{
    struct op *o = op_new(zk, ZREQ_MULTI, NULL, STR(""), done, arg);

    o->q = m->q;
    free(m);
    send_op(zk, o);
}
