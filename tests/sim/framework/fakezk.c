/* SPDX-License-Identifier: Apache-2.0 */
/* A session with ZooKeeper as zk.c and the client library keep it together, over the simulated ensemble. */
#include "tests/sim/framework/fakezk.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "tests/sim/framework/fakeio.h"

struct zk *fakezk_clients;
uint64_t fakezk_client_count;

static void connect_now(struct zk *zk);

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

struct op *fakezk_op(struct zk *zk, enum zreq_kind kind, const char *path, struct str data, zk_done_fn *done, void *arg)
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

void fakezk_send(struct zk *zk, struct op *o)
{
    if (!zk->connected || o->sent)
        return;
    if (!proc_effect(zk->p) && !(zk->p->clean && !zk->p->alive))
        return;
    struct message *m = fakezk_message(UP_ASK, zk);
    m->op = o->n;
    m->watch = o->watch;
    m->q = o->q;
    o->q = (struct zreq){ .kind = o->kind };
    o->sent = true;
    fakezk_send_up(zk, m);
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
        fakezk_send(zk, fakezk_op(zk, ZREQ_PING, NULL, STR(""), on_sign, zk));
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
    fakezk_send(zk, o);
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

void fakezk_arrive_down(struct sim *s, struct proc *p, void *arg, uint64_t unused)
{
    struct message *m = arg;
    struct zk *zk = fakezk_client(m->client);

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
    fakezk_release(m);
    fake_turn(p);
}

static void connect_now(struct zk *zk)
{
    zk->connecting = true;
    zk->connection++;
    zk->up_lost = zk->down_lost = false;
    fakezk_send_up(zk, fakezk_message(UP_CONNECT, zk));
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
        fakezk_send(zk, fakezk_op(zk, ZREQ_PING, NULL, STR(""), NULL, NULL));
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
    zk->n = ++fakezk_client_count;
    zk->timeout_ns = o->session_timeout_ns > 0 ? o->session_timeout_ns : SEC(10);
    loop_timer_init(&zk->timer, loop, on_timer, zk);
    loop_timer_in(&zk->timer, 0);
    DL_APPEND(fakezk_clients, zk);
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
    DL_DELETE(fakezk_clients, zk);
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
