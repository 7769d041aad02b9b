/* SPDX-License-Identifier: Apache-2.0 */
/* Connections. What one side writes arrives in order, after a delay, or not at all from some byte on. Two
 * connections know nothing of each other. A cut between two machines stops what is on its way; when it heals,
 * it goes on or the connections are dead. A process learns of the end of a connection by a packet like any
 * other: late, or never. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "tests/sim/sim.h"

#define CONNECT_TIMEOUT SEC(10)
#define STALL_TIMEOUT SEC(60)

static void packet_free(struct packet *k)
{
    free(k->from);
    free(k->to);
    free(k->name);
    free((void *)(uintptr_t)k->body.p);
    free(k);
}

static struct packet *packet_copy(const struct packet *k)
{
    struct packet *c = xcalloc(1, sizeof *c);

    c->type = k->type;
    c->status = k->status;
    c->json = k->json;
    c->from = k->from != NULL ? xstrdup(k->from) : NULL;
    c->to = k->to != NULL ? xstrdup(k->to) : NULL;
    c->name = k->name != NULL ? xstrdup(k->name) : NULL;
    c->body = str_mem(xstrndup(k->body), k->body.n);
    return c;
}

struct link *link_find(struct sim *s, uint64_t n)
{
    struct link *l = NULL;

    HASH_FIND(hh, s->links, &n, sizeof n, l);
    return l;
}

static void lane_drop(struct lane *q, size_t keep)
{
    struct packet **end = &q->head;

    for (q->tail = NULL; *end != NULL && keep > 0; keep--) {
        q->tail = *end;
        end = &(*end)->next;
    }
    while (*end != NULL) {
        struct packet *k = *end;
        *end = k->next;
        packet_free(k);
    }
}

static void link_free(struct sim *s, struct link *l)
{
    HASH_DELETE(hh, s->links, l);
    lane_drop(&l->lane[0], 0);
    lane_drop(&l->lane[1], 0);
    free(l);
}

int link_side(const struct link *l, const struct proc *p)
{
    return l->end[0].p == p && l->end[0].incarnation == p->incarnation ? 0 : 1;
}

struct proc *link_peer(const struct link *l, const struct proc *p)
{
    return l->end[1 - link_side(l, p)].p;
}

static bool side_lives(const struct link *l, int side)
{
    return l->end[side].open && l->end[side].p->alive &&
           l->end[side].incarnation == l->end[side].p->incarnation;
}

bool net_is_cut(const struct sim *s, int a, int b)
{
    return s->cut[a * s->host_count + b];
}

static bool is_cut(const struct sim *s, const struct link *l)
{
    return net_is_cut(s, l->end[0].p->host, l->end[1].p->host);
}

/* --- on the way --- */

static int64_t delay_of(struct sim *s, const struct link *l)
{
    struct rng *r = &s->rng_net;

    if (l->end[0].p->host == l->end[1].p->host)
        return between(r, NS_PER_MS / 50, NS_PER_MS / 2);
    if ((s->o.faults & FAULT_DELAY) != 0 && !s->calm) {
        unsigned dice = (unsigned)rng_below(r, 1000);
        if (dice < 3)
            return between(r, MS(200), SEC(4));
        if (dice < 40)
            return between(r, MS(5), MS(200));
    }
    return between(r, NS_PER_MS / 10, MS(2));
}

static void deliver(struct sim *s, struct proc *to, void *arg, uint64_t n);

/* n of the events: twice the link's number, plus the lane. */
static void arrive(struct sim *s, struct link *l, int lane, int64_t delay)
{
    struct lane *q = &l->lane[lane];
    int64_t at = s->now + delay;

    if (at <= q->last_at)
        at = q->last_at + 1;
    q->last_at = at;
    sim_after(s, NULL, at - s->now, deliver, NULL, l->n * 2 + (uint64_t)lane);
}

static void enqueue(struct sim *s, struct link *l, int side, const struct packet *k)
{
    struct lane *q = &l->lane[side];

    if (l->broken)
        return;
    struct packet *c = packet_copy(k);
    if (q->tail != NULL)
        q->tail->next = c;
    else
        q->head = c;
    q->tail = c;
    if (!q->stalled)
        arrive(s, l, side, delay_of(s, l));
}

static void send_close(struct sim *s, struct link *l, int side)
{
    enqueue(s, l, side, &(struct packet){ .type = PACKET_CLOSE });
}

/* Tells side that the connection is dead, from its own machine. */
static void local_close(struct sim *s, struct proc *p, void *arg, uint64_t n)
{
    struct link *l = link_find(s, n / 2);
    int side = (int)(n % 2);

    (void)arg;
    if (l == NULL || !side_lives(l, side))
        return;
    l->end[side].open = false;
    p->ops->closed(p, l);
    l = link_find(s, n / 2);
    if (l != NULL && !l->end[1 - side].open)
        link_free(s, l);
}

static void stall_over(struct sim *s, struct proc *p, void *arg, uint64_t n)
{
    struct link *l = link_find(s, n / 2);

    if (l != NULL && l->lane[n % 2].stalled)
        local_close(s, p, arg, n);
}

/* Takes the next packet of the lane n. */
static void hand_over(struct sim *s, struct proc *to, void *arg, uint64_t n)
{
    struct link *l = link_find(s, n / 2);
    int from = (int)(n % 2), side = 1 - from;

    (void)arg;
    if (l == NULL || l->lane[from].head == NULL)
        return;
    struct lane *q = &l->lane[from];
    struct packet *k = q->head;
    q->head = k->next;
    if (q->head == NULL)
        q->tail = NULL;
    if (!side_lives(l, side)) { /* a reset comes back */
        if (k->type != PACKET_CLOSE && l->end[from].open)
            send_close(s, l, side);
    } else if (k->type == PACKET_CLOSE) {
        l->end[side].open = false;
        to->ops->closed(to, l);
        l = link_find(s, n / 2);
        if (l != NULL && !l->end[from].open)
            link_free(s, l);
    } else {
        to->ops->packet(to, l, k);
    }
    packet_free(k);
}

/* A packet whose receiver is paused waits in the kernel of its machine; one whose receiver is dead is
 * answered with a reset. */
static void deliver(struct sim *s, struct proc *none, void *arg, uint64_t n)
{
    struct link *l = link_find(s, n / 2);
    int from = (int)(n % 2), to = 1 - from;

    (void)none;
    (void)arg;
    if (l == NULL || l->lane[from].head == NULL || l->lane[from].stalled)
        return;
    if (is_cut(s, l)) {
        l->lane[from].stalled = true;
        if (l->end[from].open)
            sim_after(s, l->end[from].p, l->established ? STALL_TIMEOUT : CONNECT_TIMEOUT, stall_over, NULL,
                      n);
        return;
    }
    l->established = true;
    if (side_lives(l, to))
        sim_after(s, l->end[to].p, 0, hand_over, NULL, n);
    else
        hand_over(s, l->end[to].p, NULL, n);
}

/* --- for processes --- */

struct link *link_open(struct proc *from, enum link_kind kind, struct str addr)
{
    struct sim *s = from->sim;
    struct proc *to = proc_by_addr(s, addr);

    if (to == NULL)
        return NULL;
    struct link *l = xcalloc(1, sizeof *l);
    l->n = ++s->next_link;
    l->kind = kind;
    l->end[0].p = from;
    l->end[0].incarnation = from->incarnation;
    l->end[1].p = to;
    l->end[1].incarnation = to->incarnation;
    l->end[0].open = true;
    l->end[1].open = to->alive;
    HASH_ADD(hh, s->links, n, sizeof l->n, l);
    if (!to->alive && !is_cut(s, l)) /* refused; a program waits a little before it asks again */
        sim_after(s, from, between(&s->rng_net, MS(1), MS(400)), local_close, NULL, l->n * 2);
    else if (!to->alive || is_cut(s, l))
        sim_after(s, from, CONNECT_TIMEOUT, local_close, NULL, l->n * 2);
    return l;
}

void link_send(struct link *l, struct proc *p, const struct packet *k)
{
    int side = link_side(l, p);

    if (!l->end[side].open || !proc_effect(p))
        return;
    enqueue(p->sim, l, side, k);
}

void link_close(struct link *l, struct proc *p)
{
    struct sim *s = p->sim;
    int side = link_side(l, p);

    if (!l->end[side].open)
        return;
    l->end[side].open = false;
    if (l->end[1 - side].open)
        send_close(s, l, side);
    else
        link_free(s, l);
}

/* --- messages --- */

static struct str addr_of_pid(struct str pid)
{
    struct str id, rest = pid;

    (void)str_cut(&rest, '@', &id);
    return rest;
}

struct link *message_link(struct proc *p, struct str pid)
{
    struct proc *to = proc_by_addr(p->sim, addr_of_pid(pid));
    struct link *l, *next;

    if (to == NULL)
        return NULL;
    HASH_ITER(hh, p->sim->links, l, next)
    {
        if (l->kind == LINK_MSG && l->end[0].p == p && l->end[0].incarnation == p->incarnation &&
            l->end[0].open && l->end[1].p == to)
            return l;
    }
    return link_open(p, LINK_MSG, addr_of_pid(pid));
}

void message_send(struct proc *p, struct str from, struct str to, const char *name, struct str body)
{
    struct link *l = message_link(p, to);
    char *f = xstrndup(from), *t = xstrndup(to), *n = xstrdup(name);

    if (l != NULL)
        link_send(l, p,
                  &(struct packet){ .type = PACKET_MESSAGE, .from = f, .to = t, .name = n, .body = body });
    free(f);
    free(t);
    free(n);
}

/* --- what happens to it --- */

void net_proc_died(struct proc *p)
{
    struct sim *s = p->sim;
    struct link *l, *next;

    HASH_ITER(hh, s->links, l, next)
    {
        for (int side = 0; side < 2; side++) {
            if (l->end[side].p != p || l->end[side].incarnation + 1 != p->incarnation || !l->end[side].open)
                continue;
            l->end[side].open = false;
            if (l->end[1 - side].open) {
                lane_drop(&l->lane[side], chance(&s->rng_net, 60) ? SIZE_MAX : rng_below(&s->rng_net, 4));
                send_close(s, l, side);
            }
        }
        if (!l->end[0].open && !l->end[1].open)
            link_free(s, l);
    }
}

static void kill_link(struct sim *s, struct link *l, struct rng *r)
{
    sim_trace(s, "network", "connection %s-%s breaks", l->end[0].p->name, l->end[1].p->name);
    sim_trouble(s, l->end[0].p->host);
    sim_trouble(s, l->end[1].p->host);
    l->broken = true;
    for (int side = 0; side < 2; side++) {
        lane_drop(&l->lane[side], rng_below(r, 3));
        l->lane[side].stalled = false;
    }
    for (int side = 0; side < 2; side++) {
        if (!side_lives(l, side))
            continue;
        /* One side may hear of it much later. */
        int64_t d = chance(r, 25) ? between(r, SEC(1), SEC(20)) : between(r, MS(1), MS(50));
        sim_after(s, l->end[side].p, d, local_close, NULL, l->n * 2 + (uint64_t)side);
    }
}

static bool may_break(const struct link *l)
{
    return l->end[0].open && l->end[1].open && l->end[0].p->host != l->end[1].p->host;
}

void net_break_some(struct sim *s, struct rng *r)
{
    struct link *l, *next;
    size_t n = 0;

    HASH_ITER(hh, s->links, l, next)
    n += may_break(l);
    if (n == 0)
        return;
    n = rng_below(r, n);
    HASH_ITER(hh, s->links, l, next)
    {
        if (may_break(l) && n-- == 0) {
            kill_link(s, l, r);
            return;
        }
    }
}

void net_cut(struct sim *s, int a, int b, bool cut)
{
    struct link *l, *next;

    s->cut[a * s->host_count + b] = s->cut[b * s->host_count + a] = cut;
    sim_trouble(s, a);
    sim_trouble(s, b);
    if (cut)
        return;
    HASH_ITER(hh, s->links, l, next)
    {
        if (is_cut(s, l) || (!l->lane[0].stalled && !l->lane[1].stalled))
            continue;
        if (chance(&s->rng_net, 40)) {
            kill_link(s, l, &s->rng_net);
            continue;
        }
        for (int side = 0; side < 2; side++) {
            size_t n = 0;
            if (!l->lane[side].stalled)
                continue;
            l->lane[side].stalled = false;
            for (struct packet *k = l->lane[side].head; k != NULL; k = k->next)
                n++;
            for (; n > 0; n--)
                arrive(s, l, side, delay_of(s, l));
        }
    }
}

void net_done(struct sim *s)
{
    struct link *l, *next;

    HASH_ITER(hh, s->links, l, next)
    link_free(s, l);
    free(s->cut);
}
