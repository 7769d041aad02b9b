/* SPDX-License-Identifier: Apache-2.0 */
/* common/io/loop.h and http_client.h as far as the SDK uses them. Turns, phases and the order of callbacks
 * are those of the real ones; connections are those of the simulated network. */
#include "tests/sim/framework/fakeio.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/http_client.h"
#include "common/io/loop.h"
#include "common/io/random.h"
#include "common/io/store_int.h"
#include "common/wire/guard.h"
#include "tests/sim/framework.h"
#include "tests/sim/ledger.h"

struct loop {
    struct proc *p;
    unsigned refs;
    struct loop_timer **timers;
    size_t timer_count, timer_cap;
    struct loop_work *work[LOOP_PHASE_COUNT];
    struct http_client *clients;
    bool is_guest;
    struct mono armed; /* of a guest */
};

struct http_call {
    struct http_client *client;
    struct http_call_params params; /* callbacks and arg; texts are not kept */
    uint64_t link;
    bool cancelled;
    unsigned status; /* of the head */
    char *stream_id;
    struct net_addr peer;
    uint64_t serial;
    struct http_call *next;
};

struct http_client {
    struct loop *loop;
    struct http_call *calls; /* oldest first */
    uint64_t lane;           /* the pipelined connection of the newest lane */
    uint32_t lane_number;
    uint64_t serial;
    struct http_client *next;
};

enum { LOOPS_MAX = HOSTS_MAX, STORES_MAX = 64 };

static struct proc *current;
static int64_t passed_ns; /* since the handler began, while it waits */
static struct {
    struct proc *p;
    struct loop *loop;
} loops[LOOPS_MAX];
static size_t loop_top; /* all that were ever used are below */

void fake_process(struct proc *p)
{
    current = p;
    passed_ns = 0;
}

void fake_time_passes(int64_t ns)
{
    passed_ns += ns;
}

static struct loop *loop_of(const struct proc *p)
{
    for (size_t i = 0; i < loop_top; i++)
        if (loops[i].p == p)
            return loops[i].loop;
    return NULL;
}

struct proc *fake_current(void)
{
    return current;
}

struct loop *fake_loop(const struct proc *p)
{
    return loop_of(p);
}

/* --- the loop --- */

int loop_new(struct loop **ret_loop, struct event_base *base, struct error *err)
{
    struct loop *l = loop_of(current);
    size_t i = 0;

    (void)base;
    (void)err;
    if (l != NULL) { /* program and library share it, as they share a base */
        l->refs++;
        *ret_loop = l;
        return 0;
    }
    l = xcalloc(1, sizeof *l);
    l->p = current;
    l->refs = 1;
    while (loops[i].p != NULL)
        ASSERT(++i < LOOPS_MAX);
    loop_top = i + 1 > loop_top ? i + 1 : loop_top;
    loops[i].p = current;
    loops[i].loop = l;
    *ret_loop = l;
    return 0;
}

static void run_deferred(struct loop *l)
{
    for (int phase = 0; phase < LOOP_PHASE_COUNT; phase++)
        while (l->work[phase] != NULL) {
            struct loop_work *w = l->work[phase];
            loop_undefer(l, w);
            w->fn(w->arg);
        }
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    run_deferred(l);
    if (--l->refs != 0)
        return;
    for (size_t i = 0; i < loop_top; i++)
        if (loops[i].loop == l) {
            loops[i].loop = NULL;
            loops[i].p = NULL;
        }
    free(l->timers);
    free(l);
}

int loop_run(struct loop *loop, struct error *err)
{
    (void)loop;
    (void)err;
    return 0;
}

void loop_stop(struct loop *loop)
{
    (void)loop;
}

struct mono loop_now(struct loop *loop)
{
    return sim_now(loop->p->sim);
}

struct wall loop_wall(struct loop *loop)
{
    return sim_wall(loop->p->sim);
}

struct event_base *loop_base(struct loop *loop)
{
    (void)loop; /* loop_new gives everybody of this process the same loop */
    return NULL;
}

void loop_defer(struct loop *loop, struct loop_work *w)
{
    struct loop_work **end = &loop->work[w->phase];

    if (w->queued)
        return;
    w->queued = true;
    w->next = NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = w;
}

/* Time does not pass while something is done here: herds never wait. */
bool loop_herd_begin(struct loop *loop)
{
    (void)loop;
    return true;
}

void loop_herd_end(struct loop *loop)
{
    (void)loop;
}

bool loop_herd_is_over(struct loop *loop)
{
    (void)loop;
    return false;
}

void loop_defer_first(struct loop *loop, struct loop_work *w)
{
    loop_defer(loop, w);
}

void loop_undefer(struct loop *loop, struct loop_work *w)
{
    struct loop_work **at = &loop->work[w->phase];

    if (!w->queued)
        return;
    w->queued = false;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

static void guest_woken(struct sim *s, struct proc *p, void *arg, uint64_t at)
{
    struct loop *l = loop_of(p);

    (void)s;
    (void)arg;
    if (l == NULL || l->armed.ns != (int64_t)at)
        return; /* armed anew meanwhile */
    l->armed = MONO_NEVER;
    fake_wake(p);
}

static void rearm(struct loop *l)
{
    struct mono at = MONO_NEVER, now = sim_now(l->p->sim);

    for (size_t i = 0; i < l->timer_count; i++)
        at = mono_min(at, l->timers[i]->at);
    if (!l->is_guest) {
        proc_wake_at(l->p, at);
        return;
    }
    if (at.ns == l->armed.ns)
        return;
    l->armed = at;
    if (at.ns != INT64_MAX)
        sim_after(l->p->sim, l->p, at.ns - now.ns, guest_woken, NULL, (uint64_t)at.ns);
}

void fake_guest(struct proc *p)
{
    struct loop *l = loop_of(p);

    l->is_guest = true;
    l->armed = MONO_NEVER;
}

void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg)
{
    *t = (struct loop_timer){ .loop = loop, .fn = fn, .arg = arg, .at = MONO_NEVER };
    for (size_t i = 0; i < loop->timer_count; i++)
        if (loop->timers[i] == t)
            return;
    ARRAY_ROOM(loop->timers, loop->timer_count, loop->timer_cap);
    loop->timers[loop->timer_count++] = t;
}

void loop_timer_done(struct loop_timer *t)
{
    struct loop *l = t->loop;

    if (l == NULL)
        return;
    for (size_t i = 0; i < l->timer_count; i++)
        if (l->timers[i] == t) {
            for (; i + 1 < l->timer_count; i++)
                l->timers[i] = l->timers[i + 1];
            l->timer_count--;
        }
    t->loop = NULL;
}

void loop_timer_at(struct loop_timer *t, struct mono at)
{
    t->at = at;
}

void loop_timer_in(struct loop_timer *t, int64_t ns)
{
    loop_timer_at(t, mono_add(loop_now(t->loop), ns));
}

void loop_timer_cancel(struct loop_timer *t)
{
    t->at = MONO_NEVER;
}

struct mono loop_clock(void)
{
    return mono_add(sim_now(current->sim), passed_ns);
}

void random_rng(struct rng *r)
{
    rng_seed(r, rng_u64(&current->rng));
}

void random_bytes(void *p, size_t n)
{
    unsigned char *b = p;

    for (size_t i = 0; i < n; i++)
        b[i] = (unsigned char)rng_u64(&current->rng);
}

/* --- for the ledger: what goes in and out of marathon, which tells nothing itself --- */

/* A launch may leave only when it is in the store that this incarnation of the instance was launched, or a crash makes a task
 * that nobody knows, and another with its id. Task ids are "<instance>._app.<n>". */
static void launch_sent(struct proc *p, struct str task)
{
    struct str id = wire_path(task, 2, 1, 0), n = { NULL, 0 };
    char key[300], incarnation[48];

    for (size_t i = 0; i + 6 < id.n; i++)
        if (str_starts(str_sub(id, i, id.n - i), STR("._app."))) {
            n = str_sub(id, i + 6, id.n);
            id.n = i;
        }
    (void)snprintf(key, sizeof key, "instance/%.*s", STR_ARG(id));
    (void)snprintf(incarnation, sizeof incarnation, "\"incarnation\":%.*s", (int)(n.n < 20 ? n.n : 20), n.n != 0 ? n.p : "");
    struct str record = sim_marathon_record(p->sim, key);
    bool said = str_contains(record, str_of(incarnation)) && !str_contains(record, STR("\"state\":\"Scheduled\""));
    if (!said && sim_marathon_leads(p)) /* another may have gone on from where this one was stopped */
        sim_fail(p->sim, "marathon launches %.*s, which its store does not say", STR_ARG(id));
}

static void accept_sent(struct proc *p, struct str accept)
{
    struct wire_field op, task;

    while (wire_field_next(&accept, &op) == 1) {
        struct str launch = op.number == 2 ? wire_field_bytes(op.bytes, 2) : (struct str){ NULL, 0 };
        while (wire_field_next(&launch, &task) == 1)
            launch_sent(p, task.bytes);
    }
}

static void call_sent(struct proc *p, struct str call)
{
    struct str ack = wire_field_bytes(call, 8), uuid = wire_field_bytes(ack, 3);
    struct uuid u;

    if (!proc_is_marathon(p) || p->dying)
        return;
    if (wire_field_u64(call, 2, 0) == 3)
        accept_sent(p, wire_field_bytes(call, 4));
    if (wire_field_u64(call, 2, 0) != 8 || uuid.n != sizeof u.b)
        return;
    memcpy(u.b, uuid.p, sizeof u.b);
    ledger_acknowledged(p->sim, wire_path(call, 1, 1, 0), wire_path(ack, 2, 1, 0), &u);
}

static void event_came(struct proc *p, struct str event)
{
    struct str status = wire_path(event, 5, 1, 0), uuid = wire_field_bytes(status, 11);
    struct seen_update u = { .task = wire_path(status, 1, 1, 0),
                             .state = (int)wire_field_u64(status, 2, 0),
                             .source = (int)wire_field_u64(status, 9, (uint64_t)-1),
                             .reason = (int)wire_field_u64(status, 10, (uint64_t)-1) };

    if (!proc_is_marathon(p) || wire_field_u64(event, 1, 0) != 4)
        return;
    u.has_uuid = uuid.n == sizeof u.uuid.b;
    if (u.has_uuid)
        memcpy(u.uuid.b, uuid.p, sizeof u.uuid.b);
    u.framework = str_of(sim_marathon_framework(p));
    u.deposed = !sim_marathon_leads(p);
    ledger_update_seen(p->sim, &u);
}

/* --- the client --- */

int http_client_new(struct http_client **ret_client, struct loop *loop,
                    const struct http_client_options *options, struct error *err)
{
    struct http_client *c = xcalloc(1, sizeof *c);

    (void)options;
    (void)err;
    c->loop = loop;
    c->next = loop->clients;
    loop->clients = c;
    *ret_client = c;
    return 0;
}

static void call_free(struct http_call *call)
{
    struct http_call **at = &call->client->calls;

    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    free(call->stream_id);
    free(call);
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    struct http_client **at = &c->loop->clients;
    while (c->calls != NULL)
        call_free(c->calls);
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    free(c);
}

static void finish(struct http_call *call, const struct http_answer *a, const struct error *err)
{
    if (!call->cancelled && call->params.on_done != NULL)
        call->params.on_done(call->params.arg, call, a, err);
    call_free(call);
}

static bool is_pipelined(const struct http_call *call)
{
    return (call->params.flags & HTTP_CALL_PIPELINE) != 0;
}

static struct http_call *call_by_serial(struct http_client *c, uint64_t serial)
{
    for (struct http_call *k = c->calls; k != NULL; k = k->next)
        if (k->serial == serial)
            return k;
    return NULL;
}

/* No answer's head in time. */
static void timed_out(struct sim *s, struct proc *p, void *arg, uint64_t serial)
{
    struct loop *l = loop_of(p);
    struct error err;

    (void)s;
    (void)arg;
    current = p;
    for (struct http_client *c = l != NULL ? l->clients : NULL; c != NULL; c = c->next) {
        struct http_call *call = call_by_serial(c, serial);
        if (call == NULL || call->status != 0)
            continue;
        uint64_t n = call->link;
        struct link *k = link_find(p->sim, n);
        (void)error_set(&err, ERR_TIMEOUT, "no answer in time");
        if (is_pipelined(call) && k != NULL) { /* all behind it go with it */
            fake_closed(p, k);
            k = link_find(p->sim, n);
            if (k != NULL)
                link_close(k, p);
            return;
        }
        if (k != NULL)
            link_close(k, p);
        finish(call, &(struct http_answer){ .status = 0 }, &err);
        fake_turn(p);
        return;
    }
}

struct http_call *http_client_call(struct http_client *c, const struct http_call_params *params)
{
    struct http_call *call = xcalloc(1, sizeof *call), **end = &c->calls;
    struct proc *p = c->loop->p;
    char addr[NET_TEXT_SIZE];
    struct str id = { NULL, 0 };
    bool stream = (params->flags & HTTP_CALL_NEW_CONNECTION) != 0;

    call->client = c;
    call->params = *params;
    call->peer = params->addr;
    call->serial = ((uint64_t)(p->host) << 40) + ++c->serial;
    while (*end != NULL)
        end = &(*end)->next;
    *end = call;
    net_text(&params->addr, addr);
    for (size_t i = 0; i < params->header_count; i++)
        if (strcmp(params->headers[i].name, "Mesos-Stream-Id") == 0)
            id = params->headers[i].value;
    struct link *l = stream || c->lane_number != params->lane ? NULL : link_find(p->sim, c->lane);
    if (l == NULL || !l->end[0].open || l->end[0].p != p) {
        l = link_open(p, stream ? LINK_STREAM : LINK_CALLS, str_of(addr));
        ASSERT(l != NULL);
        if (!stream) {
            c->lane = l->n;
            c->lane_number = params->lane;
        }
    }
    call->link = l->n;
    char *name = id.n != 0 ? xstrndup(id) : NULL;
    bool json = params->content_type != NULL && strcmp(params->content_type, "application/json") == 0;
    link_send(l, p,
              &(struct packet){ .type = PACKET_REQUEST, .json = json, .name = name, .body = params->body });
    free(name);
    call_sent(p, params->body);
    int64_t timeout = params->answer_timeout_ns == 0 ? SEC(30) : params->answer_timeout_ns;
    if (timeout > 0)
        sim_after(p->sim, p, timeout, timed_out, NULL, call->serial);
    return call;
}

void http_call_cancel(struct http_call *call)
{
    struct proc *p = call->client->loop->p;
    struct link *l = link_find(p->sim, call->link);

    if (is_pipelined(call)) {
        call->cancelled = true; /* its answer is read and dropped */
        return;
    }
    if (l != NULL && p->alive)
        link_close(l, p);
    call_free(call);
}

void http_call_peer(const struct http_call *call, struct net_addr *ret_local, struct net_addr *ret_remote)
{
    *ret_local = (struct net_addr){ .family = NET_NONE };
    *ret_remote = call->peer;
}

struct str http_answer_header(const struct http_answer *a, const char *name)
{
    const char *wanted = a->status == 307 ? "Location" : "Mesos-Stream-Id";

    if (strcmp(name, wanted) == 0 && a->head != NULL)
        return str_of(a->head);
    return (struct str){ NULL, 0 };
}

static struct http_call *call_of_link(struct loop *l, uint64_t n)
{
    for (struct http_client *c = l->clients; c != NULL; c = c->next)
        for (struct http_call *k = c->calls; k != NULL; k = k->next)
            if (k->link == n)
                return k;
    return NULL;
}

static void give_body(struct http_call *call, struct str bytes)
{
    if (call->params.on_body != NULL)
        call->params.on_body(call->params.arg, call, bytes);
}

static void record(struct http_call *call, struct str body)
{
    struct sbuf b = SBUF_INIT(SIM_BYTES_MAX);

    sbuf_fmt(&b, "%zu\n", body.n);
    sbuf_str(&b, body);
    give_body(call, sbuf_view(&b));
    sbuf_done(&b);
}

static void head(struct http_call *call, unsigned status, const char *stream_id)
{
    call->status = status;
    call->stream_id = stream_id != NULL ? xstrdup(stream_id) : NULL;
    struct http_answer a = {
        .status = status, .is_chunked = true, .content_length = -1, .head = call->stream_id
    };
    if (call->params.on_head != NULL)
        call->params.on_head(call->params.arg, call, &a);
}

static void answered(struct loop *l, struct link *k, struct http_call *call, const struct packet *packet)
{
    struct http_answer a = { .status = packet->status, .body = packet->body };
    uint64_t n = k->n;

    if (!is_pipelined(call)) { /* the stream was refused */
        head(call, packet->status, packet->name);
        call = call_of_link(l, n);
        if (call != NULL && packet->body.n != 0)
            give_body(call, packet->body);
        call = call_of_link(l, n);
        if (call == NULL)
            return;
        struct link *again = link_find(l->p->sim, n);
        if (again != NULL)
            link_close(again, l->p);
    }
    finish(call, &a, NULL);
}

void fake_packet(struct proc *p, struct link *l, struct packet *k)
{
    current = p;
    struct loop *loop = loop_of(p);
    struct http_call *call = loop != NULL ? call_of_link(loop, l->n) : NULL;

    if (call != NULL && k->type == PACKET_HEAD) {
        head(call, k->status, k->name);
    } else if (call != NULL && k->type == PACKET_RECORD) {
        event_came(p, k->body);
        record(call, k->body);
    } else if (call != NULL && k->type == PACKET_ANSWER) {
        answered(loop, l, call, k);
    }
    fake_turn(p);
}

void fake_closed(struct proc *p, struct link *l)
{
    struct loop *loop = loop_of(p);
    struct http_call *call;
    struct error err;
    uint64_t n = l->n;

    current = p;
    (void)error_set(&err, ERR_IO, "the connection is gone");
    for (struct http_client *c = loop != NULL ? loop->clients : NULL; c != NULL; c = c->next)
        if (c->lane == n)
            c->lane = 0;
    while (loop_of(p) == loop && loop != NULL && (call = call_of_link(loop, n)) != NULL) {
        call->link = 0;
        finish(call, &(struct http_answer){ .status = call->status }, &err);
    }
    fake_turn(p);
}

void fake_wake(struct proc *p)
{
    struct loop *l = loop_of(p);
    struct mono now = sim_now(p->sim);

    current = p;
    for (size_t i = 0; l != NULL && i < l->timer_count; i++) {
        struct loop_timer *t = l->timers[i];
        if (t->at.ns > now.ns)
            continue;
        t->at = MONO_NEVER;
        t->fn(t->arg);
        l = loop_of(p);
        i = (size_t)-1; /* timers may have come and gone */
    }
    fake_turn(p);
}

void fake_turn(struct proc *p)
{
    struct loop *l = loop_of(p);

    /* What is put off to a phase that is over runs in the next turn, which waits for nothing. */
    for (int phase = 0; l != NULL && phase < LOOP_PHASE_COUNT;) {
        run_deferred(l);
        l = loop_of(p);
        for (phase = 0; l != NULL && phase < LOOP_PHASE_COUNT && l->work[phase] == NULL;)
            phase++;
    }
    if (l != NULL)
        rearm(l);
}

/* --- the store: a backend for the shipped front --- */

static struct vstore *opening;

struct local {
    struct proc *p;
    struct vstore *st;
    struct store *store;
    struct store_op *group, *at, *end; /* end: behind the commits under way */
    bool failing;
    uint64_t n; /* of the step under way */
};

static struct local *locals[STORES_MAX]; /* of living processes, so that late answers find nobody */

static void local_advance(struct local *l);

static struct local *local_of(const struct proc *p)
{
    for (size_t i = 0; i < STORES_MAX; i++)
        if (locals[i] != NULL && locals[i]->p == p)
            return locals[i];
    return NULL;
}

static void local_read(struct local *l)
{
    struct store_op *op = l->at;
    const struct vkv *kv = &l->st->kv;

    for (size_t i = 0; i < kv->n && op->rc == 0; i++) {
        struct str key = str_of(kv->v[i].key);
        if (op->kind == STORE_GET ? str_eq(key, op->key) : str_starts(key, op->key))
            op->rc = store_op_add(op, key, kv->v[i].value, 1);
    }
    l->at = op->next;
}

static void commits_over(struct local *l)
{
    for (; l->at != l->end; l->at = l->at->next) {
        if (l->failing && l->at->rc == 0)
            l->at->rc = error_set(&l->at->err, ERR_IO, "store: database or disk is full");
        for (size_t i = 0; l->at->rc == 0 && i < l->at->batch->count; i++)
            l->at->versions[i] = l->at->batch->entries[i].is_delete ? 0 : 1;
    }
}

static void local_go_on(struct proc *p, void *arg, uint64_t n)
{
    struct local *l = local_of(p);

    (void)arg;
    if (l == NULL || l->n != n)
        return;
    fake_process(p);
    if (l->at != l->end)
        commits_over(l);
    else
        local_read(l);
    local_advance(l);
    fake_turn(p);
}

static void local_read_later(struct sim *s, struct proc *p, void *arg, uint64_t n)
{
    (void)s;
    local_go_on(p, arg, n);
}

/* Commits that follow each other are one transaction. */
static void local_commit(struct local *l)
{
    struct store_item *items = NULL;
    size_t n = 0, cap = 0;
    struct store_op *op = l->at;

    for (; op != NULL && op->kind == STORE_COMMIT; op = op->next)
        for (size_t i = 0; op->rc == 0 && i < op->batch->count; i++) {
            const struct store_entry *e = &op->batch->entries[i];
            ASSERT(e->expected == STORE_ANY_VERSION);
            ARRAY_ROOM(items, n, cap);
            items[n++] = (struct store_item){ xstrndup(e->key), e->is_delete, str_mem(xstrndup(e->value), e->value.n) };
        }
    l->end = op;
    l->failing = l->st->full;
    if (!proc_effect(l->p) || l->failing) { /* dead, or nothing of it happens */
        for (size_t i = 0; i < n; i++) {
            free(items[i].key);
            free((void *)(uintptr_t)items[i].value.p);
        }
        n = 0;
    }
    if (l->p->alive && !l->p->dying)
        vstore_commit(l->st, l->p, items, n, local_go_on, NULL, l->n);
    else
        free(items);
}

static void local_advance(struct local *l)
{
    l->n++;
    if (l->at == NULL) {
        struct store_op *group = l->group;
        l->group = NULL;
        store_group_done(l->store, group, 1);
    } else if (l->at->kind == STORE_COMMIT) {
        local_commit(l);
    } else {
        l->end = l->at;
        sim_after(l->p->sim, l->p, between(&l->p->sim->rng_disk, MS(1), MS(60)), local_read_later, NULL, l->n);
    }
}

static void local_submit(struct store *s, void *backend, struct store_op *group)
{
    struct local *l = backend;

    (void)s;
    l->group = l->at = group;
    local_advance(l);
}

/* At the end of the process: what was handed over happens or not (vstore_proc_died), and nobody is told. */
static void local_wait(void *backend)
{
    struct local *l = backend;
    struct store_op *group = l->group;

    for (; l->at != NULL; l->at = l->at->next)
        if (l->at->rc == 0)
            l->at->rc = error_set(&l->at->err, ERR_UNAVAILABLE, "the process is gone");
    l->group = NULL;
    l->n++;
    if (group != NULL)
        store_group_done(l->store, group, 0);
}

static void local_close(void *backend)
{
    for (size_t i = 0; i < STORES_MAX; i++)
        if (locals[i] == backend)
            locals[i] = NULL;
    free(backend);
}

void fake_store(struct vstore *st)
{
    opening = st;
}

static int store_open(struct store **ret, struct loop *loop)
{
    static const struct store_backend backend = { local_submit, local_wait, local_close };
    struct local *l = xcalloc(1, sizeof *l);
    size_t i = 0;

    l->p = current;
    l->st = opening;
    while (locals[i] != NULL)
        ASSERT(++i < STORES_MAX);
    locals[i] = l;
    *ret = l->store = store_new(loop, &backend, l);
    return 0;
}

int store_open_sqlite(struct store **ret_store, struct loop *loop, const struct store_sqlite_options *options,
                      struct error *err)
{
    (void)options;
    (void)err;
    return store_open(ret_store, loop);
}

int store_open_memory(struct store **ret_store, struct loop *loop, struct error *err)
{
    (void)err;
    return store_open(ret_store, loop);
}
