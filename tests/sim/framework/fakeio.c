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
#include "common/io/store.h"
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

static struct proc *current;
static struct {
    struct proc *p;
    struct loop *loop;
} loops[FRAMEWORKS_MAX + 2];

void fake_process(struct proc *p)
{
    current = p;
}

static struct loop *loop_of(const struct proc *p)
{
    for (size_t i = 0; i < FRAMEWORKS_MAX + 2; i++)
        if (loops[i].p == p)
            return loops[i].loop;
    return NULL;
}

struct proc *fake_current(void)
{
    return current;
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
        ASSERT(++i < FRAMEWORKS_MAX + 2);
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
    for (size_t i = 0; i < FRAMEWORKS_MAX + 2; i++)
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

static void rearm(struct loop *l)
{
    struct mono at = MONO_NEVER;

    for (size_t i = 0; i < l->timer_count; i++)
        at = mono_min(at, l->timers[i]->at);
    proc_wake_at(l->p, at);
}

void loop_timer_init(struct loop_timer *t, struct loop *loop, loop_fn *fn, void *arg)
{
    *t = (struct loop_timer){ .loop = loop, .fn = fn, .arg = arg, .at = MONO_NEVER };
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

void random_rng(struct rng *r)
{
    rng_seed(r, rng_u64(&current->rng));
}

/* --- for the ledger: what goes in and out of marathon, which tells nothing itself --- */

/* A launch may leave only when the instance is in the store, or a crash makes a task that nobody knows. Task
 * ids are
 * "<instance>._app.<n>". */
static void launch_sent(struct proc *p, struct str task)
{
    struct str id = wire_path(task, 2, 1, 0);
    char key[300];

    for (size_t i = 0; i + 6 < id.n; i++)
        if (str_starts(str_sub(id, i, id.n - i), STR("._app.")))
            id.n = i;
    (void)snprintf(key, sizeof key, "instance/%.*s", STR_ARG(id));
    if (kv_get(&p->sim->marathon_store.kv, key) == NULL)
        sim_fail(p->sim, "marathon launches %.*s, which is not in its store", STR_ARG(id));
}

static void accept_sent(struct proc *p, struct str accept)
{
    struct wire_field op, task;

    while (wire_field_next(&accept, &op) == 1) {
        struct str launch = op.number == 2 ? wire_field_bytes(op.bytes, 3) : (struct str){ NULL, 0 };
        while (wire_field_next(&launch, &task) == 1)
            launch_sent(p, task.bytes);
    }
}

static void call_sent(struct proc *p, struct str call)
{
    struct str ack = wire_field_bytes(call, 8), uuid = wire_field_bytes(ack, 3);
    struct uuid u;

    if (p != p->sim->marathon || p->dying)
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

    if (p != p->sim->marathon || wire_field_u64(event, 1, 0) != 4)
        return;
    u.has_uuid = uuid.n == sizeof u.uuid.b;
    if (u.has_uuid)
        memcpy(u.uuid.b, uuid.p, sizeof u.uuid.b);
    struct sim_marathon_books b = sim_marathon_books(p);
    u.framework = str_of(b.framework_id);
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
    if (strcmp(name, "Mesos-Stream-Id") == 0 && a->head != NULL)
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
        head(call, packet->status, NULL);
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

    if (l == NULL)
        return;
    run_deferred(l);
    rearm(l);
}

/* --- the store --- */

static struct vstore *opening;

struct store_batch {
    struct store_item *items;
    size_t n, cap;
};

struct asked { /* a commit or a read that was not called back */
    struct store *store;
    store_commit_fn *commit;
    store_list_fn *list;
    void *arg;
    struct asked *next;
};

struct store {
    struct proc *p;
    struct vstore *st;
    struct asked *asked;
};

void fake_store(struct vstore *st)
{
    opening = st;
}

static int store_open(struct store **ret)
{
    struct store *s = xcalloc(1, sizeof *s);

    s->p = current;
    s->st = opening;
    *ret = s;
    return 0;
}

int store_open_sqlite(struct store **ret_store, struct loop *loop, const struct store_sqlite_options *options,
                      struct error *err)
{
    (void)loop;
    (void)options;
    (void)err;
    return store_open(ret_store);
}

int store_open_memory(struct store **ret_store, struct loop *loop, struct error *err)
{
    (void)loop;
    (void)err;
    return store_open(ret_store);
}

static void asked_free(struct asked *a)
{
    struct asked **at = &a->store->asked;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    free(a);
}

static struct asked *asked_new(struct store *s, void *arg)
{
    struct asked *a = xcalloc(1, sizeof *a);

    a->store = s;
    a->arg = arg;
    a->next = s->asked;
    s->asked = a;
    return a;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    while (s->asked != NULL) {
        struct asked a = *s->asked;
        struct error err;
        asked_free(s->asked);
        (void)error_set(&err, ERR_UNAVAILABLE, "the process is gone");
        if (a.list != NULL) /* only to give its argument back */
            a.list(a.arg, NULL, 0, &err);
    }
    free(s);
}

struct store_batch *store_batch_new(void)
{
    return xcalloc(1, sizeof(struct store_batch));
}

void store_batch_free(struct store_batch *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n; i++) {
        free(b->items[i].key);
        free((void *)(uintptr_t)b->items[i].value.p);
    }
    free(b->items);
    free(b);
}

size_t store_batch_count(const struct store_batch *b)
{
    return b->n;
}

static void batch_add(struct store_batch *b, struct str key, bool deleted, struct str value)
{
    ARRAY_ROOM(b->items, b->n, b->cap);
    b->items[b->n++] = (struct store_item){ xstrndup(key), deleted, str_mem(xstrndup(value), value.n) };
}

void store_batch_put(struct store_batch *b, struct str key, struct str value, uint64_t expected_version)
{
    ASSERT(expected_version == STORE_ANY_VERSION);
    batch_add(b, key, false, value);
}

void store_batch_delete(struct store_batch *b, struct str key, uint64_t expected_version)
{
    ASSERT(expected_version == STORE_ANY_VERSION);
    batch_add(b, key, true, (struct str){ NULL, 0 });
}

static void committed(struct proc *p, void *arg, uint64_t tag)
{
    struct asked *a = arg;
    store_commit_fn *fn = a->commit;
    void *fn_arg = a->arg;

    (void)tag;
    asked_free(a);
    fake_process(p);
    if (fn != NULL)
        fn(fn_arg, &(struct store_result){ .err = NULL });
    fake_turn(p);
}

void store_commit(struct store *s, struct store_batch *b, store_commit_fn *fn, void *arg)
{
    if (!proc_effect(s->p)) {
        store_batch_free(b);
        return;
    }
    struct asked *a = asked_new(s, arg);
    a->commit = fn;
    vstore_commit(s->st, s->p, b->items, b->n, committed, a, 0);
    free(b);
}

static void listed(struct sim *sim, struct proc *p, void *arg, uint64_t n)
{
    struct asked *a = arg;
    struct vstore *st = a->store->st;
    struct store_record *v = xcalloc(st->kv.n + 1, sizeof *v);
    store_list_fn *fn = a->list;
    void *fn_arg = a->arg;

    (void)sim;
    (void)n;
    for (size_t i = 0; i < st->kv.n; i++)
        v[i] = (struct store_record){ str_of(st->kv.v[i].key), st->kv.v[i].value, 1 };
    asked_free(a);
    fake_process(p);
    fn(fn_arg, v, st->kv.n, NULL);
    free(v);
    fake_turn(p);
}

void store_list(struct store *s, struct str prefix, store_list_fn *fn, void *arg)
{
    struct asked *a = asked_new(s, arg);

    ASSERT(prefix.n == 0);
    a->list = fn;
    sim_after(s->p->sim, s->p, between(&s->p->sim->rng_disk, MS(1), MS(60)), listed, a, 0);
}
