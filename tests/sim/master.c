/* SPDX-License-Identifier: Apache-2.0 */
/* The master's shell: what master/shell.c, election.c, streams.c and api.c do, on simulated connections. The registry is
 * in the masters' store; it survives, everything else goes with the process. With several masters one leads (coord.h); the
 * others send frameworks to it, and hear nothing of agents. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/wire/json.h"
#include "master/core/state.h"
#include "master/wire/codec.h"
#include "master/wire/decode.h"
#include "master/wire/registry.h"
#include "proto/mesos_v1_scheduler.pb-c.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/ledger.h"
#include "tests/sim/maintenance.h"
#include "tests/sim/operator.h"
#include "tests/sim/sim.h"

/* While it is not sure that it leads, a master looks again after this. */
#define UNSURE_NS MS(100)

/* In handles of requests that come from no connection. */
#define OPERATORS_BIT (UINT64_C(1) << 62)

enum { PARKED_MAX = 256 };

/* An agent whose end of connection the core wants to hear of. */
struct watch {
    struct watch *next;
    uint64_t link;
    char pid[64];
};

struct master_node {
    struct master *m;
    struct rng rng;
    struct master_identity who;
    struct sbuf info, out, text;
    struct watch *watches;
    struct parked {
        uint64_t handle, link;
    } parked[PARKED_MAX];
    size_t parked_count;
    uint64_t next_handle;
    struct coord *coord;
    bool leads;
    char other[320]; /* host:port of the one that leads */
    struct held {    /* a request that waits until this master is sure */
        struct packet k;
        uint64_t link;
    } *held;
    size_t held_count, held_cap;
    char pid[48];
    unsigned index;
    struct mono wake_at;
    struct proc *p;
};

static void step(struct proc *p, struct master_event *ev);

bool proc_is_master(const struct proc *p)
{
    for (unsigned i = 0; i < p->sim->master_count; i++)
        if (p == p->sim->master[i])
            return true;
    return false;
}

struct proc *sim_leading_master(struct sim *s)
{
    int64_t since;

    return s->zk != NULL ? ensemble_leader(s->zk, MASTERS_PATH, &since) : s->master[0];
}

struct master *sim_master_core(struct sim *s)
{
    struct proc *p = sim_leading_master(s);
    const struct master_node *n = p != NULL ? p->node : NULL;

    return n != NULL && p->alive && n->leads ? n->m : NULL;
}

const struct master *sim_master_of(const struct proc *p)
{
    return ((const struct master_node *)p->node)->m;
}

/* --- actions --- */

static void stored(struct proc *p, uint64_t version, bool conflict, const char *error)
{
    struct master_event ev = { .type = MASTER_EV_STORED, .stored = { version } };

    if (p->dying)
        return;
    if (error != NULL) {
        sim_trace(p->sim, p->name, "ends: %s: %s", conflict ? "another has the registry" : "registry_store_failed", error);
        proc_exit(p);
        return;
    }
    sim_trace(p->sim, p->name, "registry v%llu is stored", (unsigned long long)version);
    step(p, &ev);
}

static const char *const record_names[] = { "agent", "unreachable", "gone",    "weight",
                                            "quota", "machine",     "schedule" };

static void do_store(struct proc *p, const struct master_action *a)
{
    struct store_item *items = xcalloc(a->store.count + 1, sizeof *items);
    CLEANUP(sbuf_done_p) struct sbuf key = SBUF_INIT(4096);
    CLEANUP(sbuf_done_p) struct sbuf value = SBUF_INIT(SIM_BYTES_MAX);

    if (!proc_effect(p)) {
        free(items);
        return;
    }
    for (size_t i = 0; i < a->store.count; i++) {
        const struct registry_record *r = &a->store.records[i];
        sbuf_clear(&key);
        record_key(r, &key);
        sim_trace(p->sim, p->name, "store v%llu %s%s %.*s", (unsigned long long)a->store.version,
                  r->deleted ? "without " : "", record_names[r->kind], STR_ARG(r->id));
        if (r->kind == RECORD_AGENT && !r->deleted)
            operator_saw_change(p->sim, r->id);
        if (r->kind == RECORD_AGENT && r->deleted && a->store.count == 1)
            operator_saw_removal(p->sim, r->id);
        items[i].key = xstrndup(sbuf_view(&key));
        items[i].deleted = r->deleted;
        sbuf_clear(&value);
        if (!r->deleted)
            record_value(r, &value);
        items[i].value = str_mem(xstrndup(sbuf_view(&value)), value.n);
    }
    sim_coord_commit(((struct master_node *)p->node)->coord, items, a->store.count, a->store.version, stored);
}

static const char *short_name(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

static void do_send(struct proc *p, const struct master_action *a)
{
    struct master_node *n = p->node;
    char from[80];
    struct str id = a->send.task_id.n != 0 ? a->send.task_id : a->send.agent_id;

    (void)snprintf(from, sizeof from, "%s", n->pid);
    if (a->send.observer != 0)
        (void)snprintf(from, sizeof from, "slave-observer(%llu)@%s", (unsigned long long)a->send.observer, p->addr);
    sbuf_clear(&n->out);
    const char *name = encode_send(a, &n->out);
    if (name == NULL)
        return;
    if (a->send.kind != MSG_PING)
        sim_trace(p->sim, p->name, "%s to %.*s %.*s", short_name(name), STR_ARG(a->send.to), STR_ARG(id));
    if (a->send.kind == MSG_SHUTDOWN_FRAMEWORK && !p->dying)
        ledger_framework_removed(p->sim, a->send.framework_id);
    if (a->send.kind == MSG_RUN_TASK || a->send.kind == MSG_RUN_TASK_GROUP)
        ledger_run_sent(p->sim, a->send.framework->id.s, a->send.tasks, a->send.task_count);
    if (a->send.kind == MSG_RUN_TASK || a->send.kind == MSG_RUN_TASK_GROUP)
        operator_saw_launch(p->sim, p, a->send.agent != NULL ? agent_id_str(a->send.agent) : a->send.agent_id);
    if ((a->send.kind == MSG_AGENT_REGISTERED || a->send.kind == MSG_AGENT_REREGISTERED) && !p->dying)
        operator_saw_admission(p->sim, p, a->send.agent != NULL ? agent_id_str(a->send.agent) : a->send.agent_id);
    if (a->send.kind == MSG_AGENT_REGISTERED && !p->dying)
        ledger_agent_told(p->sim, a->send.agent != NULL ? a->send.agent->info->id.s : a->send.agent_id);
    message_send(p, str_of(from), a->send.to, name, sbuf_view(&n->out));
}

static void do_link(struct proc *p, struct str pid)
{
    struct master_node *n = p->node;
    struct link *l = message_link(p, pid);

    for (struct watch *w = n->watches; w != NULL; w = w->next)
        if (str_is(pid, w->pid) && l != NULL) {
            w->link = l->n;
            return;
        }
    struct watch *w = xcalloc(1, sizeof *w);
    (void)snprintf(w->pid, sizeof w->pid, "%.*s", STR_ARG(pid));
    w->link = l != NULL ? l->n : 0;
    w->next = n->watches;
    n->watches = w;
}

static void do_unlink(struct proc *p, struct str pid)
{
    struct master_node *n = p->node;

    for (struct watch **at = &n->watches; *at != NULL; at = &(*at)->next)
        if (str_is(pid, (*at)->pid)) {
            struct watch *w = *at;
            *at = w->next;
            free(w);
            return;
        }
}

/* A stream's handle is its connection's number. */
static void do_event(struct proc *p, const struct master_action *a)
{
    static const char *const names[] = { "?",
                                         "SUBSCRIBED",
                                         "OFFERS",
                                         "RESCIND",
                                         "UPDATE",
                                         "MESSAGE",
                                         "FAILURE",
                                         "ERROR",
                                         "HEARTBEAT",
                                         "INVERSE_OFFERS",
                                         "RESCIND_INVERSE_OFFER",
                                         "UPDATE_OPERATION" };
    struct master_node *n = p->node;
    struct link *l = link_find(p->sim, a->event.stream.n);

    sbuf_clear(&n->out);
    encode_event(n->m, &n->who, a, &n->out);
    if (l == NULL)
        return;
    if (a->event.kind == EVENT_OFFERS)
        ledger_master_decides(p->sim, p);
    if (a->event.kind == EVENT_OFFERS)
        operator_saw_offers(p->sim, p, a->event.offers, a->event.count);
    if (a->event.kind == EVENT_RESCIND_INVERSE_OFFER)
        maintenance_saw_rescind(p->sim, a->event.id);
    if (a->event.kind == EVENT_SUBSCRIBED)
        maintenance_saw_subscribed(p->sim, a->event.framework->id.s);
    if (a->event.kind == EVENT_INVERSE_OFFERS)
        maintenance_saw_inverse(p->sim, a->event.inverse_offers, a->event.count);
    if (a->event.kind == EVENT_OFFERS)
        sim_trace(p->sim, p->name, "%zu OFFERS to %s", a->event.count, link_peer(l, p)->name);
    else if (a->event.kind != EVENT_HEARTBEAT)
        sim_trace(p->sim, p->name, "%s to %s %.*s", names[a->event.kind], link_peer(l, p)->name,
                  STR_ARG(a->event.id));
    struct str body = sbuf_view(&n->out);
    if (l->tag[1] != 0) { /* in JSON */
        sbuf_clear(&n->text);
        (void)json_from_wire(&n->text, &mesos__v1__scheduler__event__descriptor, body);
        body = sbuf_view(&n->text);
    }
    link_send(l, p, &(struct packet){ .type = PACKET_RECORD, .body = body });
}

static void stream_open(struct proc *p, const struct master_action *a)
{
    struct link *l = link_find(p->sim, a->event.stream.n);
    char *id = xstrndup(a->event.stream_id);

    if (l != NULL)
        link_send(l, p, &(struct packet){ .type = PACKET_HEAD, .status = 200, .name = id });
    free(id);
}

static void stream_close(struct proc *p, uint64_t n)
{
    struct link *l = link_find(p->sim, n);

    if (l != NULL && proc_effect(p))
        link_close(l, p);
}

static void answer_on(struct proc *p, uint64_t link, unsigned status, struct str text)
{
    struct link *l = link_find(p->sim, link);

    if (status >= 300)
        sim_trace(p->sim, p->name, "answers %u %.*s", status, STR_ARG(text));
    if (l != NULL)
        link_send(l, p, &(struct packet){ .type = PACKET_ANSWER, .status = status, .body = text });
}

static void do_answer(struct proc *p, const struct master_action *a)
{
    struct master_node *n = p->node;

    if ((a->answer.request.n & OPERATORS_BIT) != 0) {
        if (proc_effect(p))
            operator_answered(p->sim, a->answer.request.n & ~OPERATORS_BIT, a->answer.status, a->answer.text);
        return;
    }
    for (size_t i = 0; i < n->parked_count; i++)
        if (n->parked[i].handle == a->answer.request.n) {
            answer_on(p, n->parked[i].link, a->answer.status, a->answer.text);
            n->parked[i] = n->parked[--n->parked_count];
            return;
        }
}

static void carry_out(struct proc *p, const struct master_action *a)
{
    switch (a->type) {
    case MASTER_ACT_STORE:
        do_store(p, a);
        break;
    case MASTER_ACT_LINK:
        do_link(p, a->send.to);
        break;
    case MASTER_ACT_UNLINK:
        do_unlink(p, a->send.to);
        break;
    case MASTER_ACT_SEND:
        do_send(p, a);
        break;
    case MASTER_ACT_STREAM_OPEN:
        stream_open(p, a);
        break;
    case MASTER_ACT_EVENT:
        do_event(p, a);
        break;
    case MASTER_ACT_STREAM_CLOSE:
        stream_close(p, a->event.stream.n);
        break;
    case MASTER_ACT_ANSWER:
        do_answer(p, a);
        break;
    case MASTER_ACT_WATCH:
        break;
    case MASTER_ACT_NOTE:
        sim_trace(p->sim, p->name, "%s %.*s", a->note.event, STR_ARG(a->note.text));
        if (strcmp(a->note.event, "agent_removed") == 0 && str_contains(a->note.text, STR("health check timed out")))
            ledger_agent_given_up(p->sim, p, a->note.text);
        break;
    case MASTER_ACT_ABORT:
        sim_fail(p->sim, "the master aborts: %s %.*s", a->note.event, STR_ARG(a->note.text));
        break;
    }
}

static void step(struct proc *p, struct master_event *ev)
{
    struct master_node *n = p->node;
    struct master_actions actions;

    ev->now = sim_now(p->sim);
    ev->wall = sim_wall(p->sim);
    master_step(n->m, ev, &actions);
    for (size_t i = 0; i < actions.count && !p->dying; i++)
        carry_out(p, &actions.v[i]);
    n->wake_at = actions.wake_at;
    proc_wake_at(p, n->wake_at);
    ledger_check_master(p->sim, n->m);
    maintenance_check(p->sim, p);
    operator_check(p->sim, p);
}

/* --- what comes in --- */

static void on_message(struct proc *p, const struct packet *k)
{
    struct master_node *n = p->node;
    struct decoded d;
    struct error err;
    struct str to, rest = str_of(k->to);

    (void)str_cut(&rest, '@', &to);
    if (!master_is_recovered(n->m))
        return;
    decoded_init(&d);
    if (decode_message(n->m, to, str_of(k->name), str_of(k->from), k->body, &d, &err) == 0)
        step(p, &d.ev);
    else
        sim_fail(p->sim, "the master cannot read %s of %s: %s", k->name, k->from, err.msg);
    decoded_done(&d);
}

static void on_call(struct proc *p, struct link *l, const struct packet *k, struct decoded *d)
{
    struct master_node *n = p->node;
    struct str bytes;
    struct error err;

    if (decode_body(&mesos__v1__scheduler__call__descriptor, k->body, k->json, d, &bytes, &err) != 0 ||
        decode_scheduler_call(n->m, bytes, (struct str){ NULL, 0 }, d, &err) != 0) {
        answer_on(p, l->n, 400, str_of(err.msg));
        return;
    }
    if (d->ev.type == MASTER_EV_SUBSCRIBE) {
        sim_trace(p->sim, p->name, "SUBSCRIBE of %s", link_peer(l, p)->name);
        l->tag[1] = k->json;
        d->ev.subscribe.stream.n = l->n;
        step(p, &d->ev);
        return;
    }
    ASSERT(n->parked_count < PARKED_MAX);
    d->call.has_stream_id = k->name != NULL;
    d->call.stream_id = str_of(k->name);
    d->ev.request.n = ++n->next_handle;
    n->parked[n->parked_count++] = (struct parked){ n->next_handle, l->n };
    step(p, &d->ev);
}

/* What election.c of the master does with requests: another one's, one's own, or not now. */
static void request(struct proc *p, struct link *l, struct packet *k)
{
    struct master_node *n = p->node;
    char location[400];
    struct decoded d;

    if (!n->leads && n->other[0] == '\0') {
        answer_on(p, l->n, 503, STR("No leader elected"));
    } else if (!n->leads) {
        (void)snprintf(location, sizeof location, "//%s/api/v1/scheduler", n->other);
        link_send(l, p, &(struct packet){ .type = PACKET_ANSWER, .status = 307, .name = location });
    } else if (!sim_coord_is_sure(n->coord)) {
        ARRAY_ROOM(n->held, n->held_count, n->held_cap);
        struct held *h = &n->held[n->held_count++];
        *h = (struct held){ { .type = k->type, .json = k->json, .body = k->body, .name = k->name }, l->n };
        k->body = (struct str){ NULL, 0 };
        k->name = NULL;
        proc_wake_at(p, mono_add(sim_now(p->sim), UNSURE_NS));
    } else if (!master_is_recovered(n->m)) {
        answer_on(p, l->n, 503, STR("Master has not finished recovery"));
    } else {
        decoded_init(&d);
        on_call(p, l, k, &d);
        decoded_done(&d);
    }
}

static void held_drop(struct held *h)
{
    free(h->k.name);
    free((void *)(uintptr_t)h->k.body.p);
}

static void replay(struct proc *p)
{
    struct master_node *n = p->node;

    while (n->held_count > 0 && sim_coord_is_sure(n->coord) && !p->dying) {
        struct held h = n->held[0];
        struct link *l = link_find(p->sim, h.link);
        memmove(n->held, n->held + 1, --n->held_count * sizeof *n->held);
        if (l != NULL && l->end[link_side(l, p)].open)
            request(p, l, &h.k);
        held_drop(&h);
    }
}

static void operate_now(struct sim *s, struct proc *p, void *arg, uint64_t request)
{
    struct master_event ev = { .type = MASTER_EV_OPERATOR, .request = { request | OPERATORS_BIT } };

    (void)s;
    ev.op = arg;
    step(p, &ev);
    sim_coord_turn(p);
}

bool sim_master_operate(struct sim *s, struct operator_request *q, uint64_t request)
{
    struct proc *p = sim_leading_master(s);
    struct master_node *n = p != NULL ? p->node : NULL;

    if (n == NULL || !p->alive || p->paused || !n->leads || !master_is_recovered(n->m) || !sim_coord_is_sure(n->coord))
        return false;
    proc_run(p, operate_now, q, request);
    return true;
}

static void master_packet(struct proc *p, struct link *l, struct packet *k)
{
    if (k->type == PACKET_MESSAGE)
        on_message(p, k);
    else if (k->type == PACKET_REQUEST)
        request(p, l, k);
    sim_coord_turn(p);
}

static void closed(struct proc *p, struct link *l)
{
    struct master_node *n = p->node;
    struct master_event ev = { .type = MASTER_EV_STREAM_CLOSED, .closed = { { l->n } } };
    char pid[64] = "";

    if (l->kind == LINK_STREAM) {
        step(p, &ev);
        return;
    }
    for (struct watch **at = &n->watches; *at != NULL; at = &(*at)->next)
        if ((*at)->link == l->n) {
            struct watch *w = *at;
            memcpy(pid, w->pid, sizeof pid);
            *at = w->next;
            free(w);
            break;
        }
    if (pid[0] != 0) {
        ev = (struct master_event){ .type = MASTER_EV_AGENT_EXITED, .pid = str_of(pid) };
        sim_trace(p->sim, p->name, "connection to %s is gone", pid);
        step(p, &ev);
    }
}

static void master_closed(struct proc *p, struct link *l)
{
    closed(p, l);
    sim_coord_turn(p);
}

/* Time stands still for a master that is not sure that it leads. */
static void master_wake(struct proc *p)
{
    struct master_node *n = p->node;
    struct master_event ev = { .type = MASTER_EV_TICK };

    if (!n->leads)
        return;
    if (!sim_coord_is_sure(n->coord)) {
        proc_wake_at(p, mono_add(sim_now(p->sim), UNSURE_NS));
        return;
    }
    replay(p);
    if (!p->dying && n->wake_at.ns <= sim_now(p->sim).ns)
        step(p, &ev);
    else if (!p->dying)
        proc_wake_at(p, n->wake_at);
    sim_coord_turn(p);
}

/* --- life --- */

static void registry_read(struct proc *p, const struct str *keys, const struct str *values, size_t count)
{
    struct master_node *n = p->node;
    struct master_event ev = { .type = MASTER_EV_RECOVERED };
    struct registry_load load;
    struct error err;

    if (p->dying)
        return;
    registry_load_init(&load);
    for (size_t i = 0; i < count; i++)
        if (str_starts(keys[i], STR(REGISTRY_PREFIX)) && registry_load_add(&load, keys[i], values[i], &err) != 0)
            sim_fail(p->sim, "the registry is not readable: %s", err.msg);
    ev.recovered.records = load.records;
    ev.recovered.count = load.count;
    sim_trace(p->sim, p->name, "has read its registry: %zu records", load.count);
    step(p, &ev);
    registry_load_done(&load);
    (void)n;
}

static void news(struct proc *p, enum leadership_news what, const char *other)
{
    struct master_node *n = p->node;

    if (p->dying)
        return;
    switch (what) {
    case LEADERSHIP_SAME:
        break;
    case LEADERSHIP_WON:
        n->leads = true;
        sim_trouble(p->sim, p->host);
        if (p->sim->zk != NULL)
            sim_trace(p->sim, p->name, "leads");
        sim_coord_open(n->coord, registry_read);
        break;
    case LEADERSHIP_SURE:
        sim_trace(p->sim, p->name, "is sure again that it leads");
        sim_trouble(p->sim, p->host);
        replay(p);
        if (!p->dying)
            proc_wake_at(p, n->wake_at);
        break;
    case LEADERSHIP_UNSURE:
        sim_trace(p->sim, p->name, "is not sure that it leads");
        break;
    case LEADERSHIP_LOST:
        sim_trace(p->sim, p->name, "leads no more, begins again");
        proc_exit(p);
        break;
    case LEADERSHIP_OTHER:
        (void)snprintf(n->other, sizeof n->other, "%s", other);
        break;
    case LEADERSHIP_NOBODY:
        n->other[0] = '\0';
        break;
    }
}

static void master_start(struct proc *p)
{
    struct master_node *n = p->node;
    char id[UUID_TEXT_SIZE];
    struct master_config c = {
        .id = id,
        .version = (char *)(uintptr_t) "1.12.0",
        .rng = &n->rng,
        .codec = &master_codec,
        .ping_interval_ns = SEC(3),
        .ping_timeouts_max = 4,
        .agent_reregister_ns = SEC(40),
        .allocation_interval_ns = SEC(1),
        .completed_frameworks_max = 50,
        .completed_tasks_max = 1000,
        .unreachable_tasks_max = 1000,
        .recovery_removal_limit = 1,
        .recovery_factor = 0.8,
        .recovery_timeout_ns = SEC(30),
        .registry_gc_interval_ns = SEC(900),
        .registry_max_agent_age_ns = SEC(86400),
        .registry_max_agent_count = 100 * 1024,
        .root_submissions = true,
        .min_allocatable = STR("cpus:0.01|mem:32"),
    };

    *n = (struct master_node){ .info = SBUF_INIT(65536),
                               .out = SBUF_INIT(SIM_BYTES_MAX),
                               .text = SBUF_INIT(SIM_BYTES_MAX),
                               .index = n->index,
                               .wake_at = MONO_NEVER };
    (void)snprintf(n->pid, sizeof n->pid, "master@%s", p->addr);
    n->rng = p->rng;
    struct uuid u = uuid_make(&n->rng);
    uuid_text(&u, id);
    if (chance(&n->rng, 30))
        c.offer_timeout_ns = between(&n->rng, SEC(2), SEC(20));
    n->m = master_new(&c);
    char ip[32];
    (void)snprintf(ip, sizeof ip, "10.0.0.%u", n->index + 1);
    struct master_info_spec info = { .id = n->m->id,
                                     .hostname = ip,
                                     .version = "1.12.0",
                                     .ip = { 10, 0, 0, (unsigned char)(n->index + 1) },
                                     .port = 5050,
                                     .ip_text = str_of(ip) };
    put_master_info(&n->info, &info);
    n->who.master_info = sbuf_view(&n->info);
    sim_trace(p->sim, p->name, "starts");
    n->coord = NULL;
    n->coord = sim_coord_elect(p, sbuf_view(&n->info), news);
    sim_coord_turn(p);
}

static void master_died(struct proc *p)
{
    struct master_node *n = p->node;

    if (p->sim->zk == NULL)
        vstore_proc_died(&p->sim->master_store);
    sim_coord_free(n->coord);
    n->coord = NULL;
    n->leads = false;
    master_free(n->m);
    n->m = NULL;
    while (n->watches != NULL) {
        struct watch *w = n->watches;
        n->watches = w->next;
        free(w);
    }
    while (n->held_count > 0)
        held_drop(&n->held[--n->held_count]);
    free(n->held);
    n->held = NULL;
    n->held_cap = 0;
    sbuf_done(&n->info);
    sbuf_done(&n->out);
    sbuf_done(&n->text);
}

static const struct proc_ops master_ops = { master_start, master_packet, master_closed, master_wake, master_died };

void masters_boot(struct sim *s)
{
    char name[16], addr[32];

    for (unsigned i = 0; i < s->master_count; i++) {
        struct master_node *n = xcalloc(1, sizeof *n);
        n->index = i;
        (void)snprintf(name, sizeof name, "m%u", i + 1);
        (void)snprintf(addr, sizeof addr, "10.0.0.%u:5050", i + 1);
        s->master[i] = proc_new(s, &master_ops, n, s->master_count == 1 ? "master" : name, i == 0 ? 0 : HOST_MASTER + (int)i - 1, addr);
    }
    for (unsigned i = 0; i < s->master_count; i++)
        proc_start(s->master[i]);
}
