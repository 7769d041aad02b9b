/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way between clients and ensemble, and what the ensemble makes of it when it comes. One connection at a time; its
 * requests arrive in order, its answers come in order, and when it is lost what was under way has happened or not. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "tests/sim/framework/fakezk.h"

/* Those that nobody gets are released in the end. */
static struct message *messages;

struct message *fakezk_message(enum message_kind kind, const struct zk *zk)
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

void fakezk_release(struct message *m)
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
        fakezk_release(messages);
    fakezk_client_count = 0;
}

struct zk *fakezk_client(uint64_t n)
{
    struct zk *zk;

    DL_FOREACH(fakezk_clients, zk)
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

void fakezk_send_up(struct zk *zk, struct message *m)
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
        fakezk_release(m);
        return;
    }
    if (at <= zk->down_at)
        at = zk->down_at + 1;
    zk->down_at = at;
    sim_after(s, zk->p, at - s->now, fakezk_arrive_down, m, 0);
}

/* --- at the ensemble ---------------------------------------------------------------------------------- */

static void arrive_connect(struct sim *s, struct zk *zk, const struct message *m)
{
    int64_t session = ensemble_connect(s->zk, m->session, m->timeout_ns, zk->p, zk->n, m->connection);
    struct message *back = fakezk_message(session != 0 ? DOWN_CONNECTED : DOWN_EXPIRED, zk);
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
    struct message *back = fakezk_message(DOWN_ANSWER, zk);

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
    struct zk *zk = fakezk_client(m->client);

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
    fakezk_release(m);
}

void sim_zk_news(struct sim *s, struct proc *p, uint64_t client, unsigned connection, const char *path)
{
    struct zk *zk = fakezk_client(client);

    (void)s;
    if (zk == NULL || zk->p != p || zk->connection != connection)
        return;
    struct message *m = fakezk_message(path != NULL ? DOWN_WATCH : DOWN_END, zk);
    m->path = path != NULL ? xstrdup(path) : NULL;
    send_down(zk, m);
}
