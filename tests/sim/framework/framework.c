/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks that do at random what real ones do: launch within offers, decline, keep offers for a while,
 * suppress and revive, kill, reconcile, acknowledge late or not at all, die and come back with their id. They
 * are written against the public header of the SDK, whose shell runs here on simulated connections
 * (fakeio.h).
 *
 * What a framework knows of its tasks is on its disk: it survives. In the liveness phase it launches nothing,
 * declines, and asks again and again for what it does not know, as a good framework does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "scheduler-sdk/include/stoa/scheduler.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/framework.h"
#include "tests/sim/framework/group.h"
#include "tests/sim/framework/reserve.h"
#include "tests/sim/ledger.h"
#include "tests/sim/operator.h"

enum { TASKS_AT_ONCE = 8, TASKS_MAX = 4000, REFUSALS_MAX = 64 };

struct fw_task {
    char id[32], agent_id[64];
    int state; /* -1: launched, nothing heard */
    int64_t cpus_milli;
    unsigned group; /* 0: alone */
    bool over;
};

struct late_ack {
    struct late_ack *next;
    struct fw_node *n;
    char task_id[32], agent_id[64];
    unsigned char uuid[16];
};

struct fw_node {
    struct proc *p;
    struct rng *r; /* of the world: a restart goes on */
    unsigned index;
    bool json, partition_aware, explicit_acks, killing;
    bool checkpoint; /* else its tasks die with their agent's process */
    bool mortal;     /* has a short failover timeout, and may tear itself down */
    const char *role;
    unsigned lives; /* how often it had to begin anew */
    /* on its disk */
    char framework_id[256];
    struct fw_task *tasks;
    size_t task_count, task_cap;
    struct fw_reserver reserver;
    struct fw_grouper grouper;
    unsigned groups;
    /* of the process */
    struct stoa_scheduler *s;
    struct late_ack *acks;
    char held[8][64]; /* offers that are neither used nor declined */
    size_t held_count;
    struct refusal {
        char agent_id[64];
        int64_t cpus, mem, disk, from, until;
        struct stoa_range ports[16];
        size_t port_count;
    } refusals[REFUSALS_MAX]; /* the latest long one per agent */
    size_t refusal_count;
    bool suppressed;
    bool leaving; /* torn down; the program ends when that is said */
};

static struct sim *sim_of(const struct fw_node *n)
{
    return n->p->sim;
}

static struct fw_task *task_find(struct fw_node *n, const char *id)
{
    for (size_t i = n->task_count; i > 0; i--)
        if (strcmp(n->tasks[i - 1].id, id) == 0)
            return &n->tasks[i - 1];
    return NULL;
}

static size_t live_tasks(const struct fw_node *n)
{
    size_t live = 0;

    for (size_t i = 0; i < n->task_count; i++)
        live += !n->tasks[i].over && n->tasks[i].state != STOA_TASK_LOST;
    return live;
}

/* --- offers --- */

static void launch(struct fw_node *n, const struct stoa_offer *o)
{
    static const int64_t cpus[] = { 100, 250, 500, 1000, 1500 }, mem[] = { 32000, 64000, 128000, 512000 };
    struct stoa_task tasks[4] = { 0 };
    struct stoa_command commands[4] = { 0 };
    struct stoa_resource resources[4][8], rest[32];
    char text[4][64], ids[4][32];
    size_t want = 1 + rng_below(n->r, 4), count = 0,
           rest_count = o->resource_count < 32 ? o->resource_count : 32;
    struct stoa_error err;

    memcpy(rest, o->resources, rest_count * sizeof rest[0]);
    for (size_t i = 0; i < want && n->task_count < TASKS_MAX; i++) {
        struct stoa_task *t = &tasks[count];
        size_t have = 0;
        int64_t milli = cpus[rng_below(n->r, n->mortal ? 2 : 5)];
        if (!stoa_take(rest, rest_count, "cpus", milli, resources[count], &have, 8) ||
            !stoa_take(rest, rest_count, "mem", mem[rng_below(n->r, 4)], resources[count], &have, 8))
            break;
        unsigned dice = (unsigned)rng_below(n->r, 10);
        if (dice < 5)
            (void)snprintf(text[count], sizeof text[count], "exit %d %d", (int)rng_below(n->r, 20000),
                           (int)rng_below(n->r, 2));
        else if (dice < 7)
            (void)snprintf(text[count], sizeof text[count], "flaky 10000");
        else
            (void)snprintf(text[count], sizeof text[count], "forever");
        ARRAY_ROOM(n->tasks, n->task_count, n->task_cap);
        struct fw_task *k = &n->tasks[n->task_count];
        (void)snprintf(k->id, sizeof k->id, "f%u-t%zu", n->index + 1, n->task_count + n->lives * TASKS_MAX);
        (void)snprintf(k->agent_id, sizeof k->agent_id, "%s", o->agent_id);
        k->state = -1;
        k->cpus_milli = milli;
        k->over = false;
        k->group = 0;
        (void)snprintf(ids[count], sizeof ids[count], "%s", k->id);
        n->task_count++;
        commands[count].value = text[count];
        *t = (struct stoa_task){ .id = ids[count],
                                 .resources = resources[count],
                                 .resource_count = have,
                                 .command = &commands[count],
                                 .kill_grace_s = chance(n->r, 50) ? 1 : 0 };
        count++;
    }
    if (count == 0) {
        (void)stoa_decline(n->s, &o->id, 1, (double)rng_below(n->r, 6), NULL);
        return;
    }
    sim_trace(sim_of(n), n->p->name, "ACCEPT %s with %zu tasks from %s", o->id, count, ids[0]);
    double refuse_s = chance(n->r, 50) ? 0 : STOA_REFUSE_DEFAULT;
    if (chance(n->r, 25) && fw_reserve_and_launch(&n->reserver, n->s, o, tasks, count, refuse_s))
        return;
    if (chance(n->r, 25) && fw_launch_group(&n->grouper, n->s, o, rest, rest_count, tasks, count, refuse_s)) {
        n->groups++;
        for (size_t i = 0; i < count; i++)
            n->tasks[n->task_count - 1 - i].group = n->groups;
        return;
    }
    if (stoa_launch(n->s, o, tasks, count, refuse_s, &err) != 0)
        sim_trace(sim_of(n), n->p->name, "launch: %s", err.msg);
}

static const struct stoa_resource *ports_of(const struct stoa_offer *o)
{
    for (size_t i = 0; i < o->resource_count; i++)
        if (strcmp(o->resources[i].name, "ports") == 0)
            return &o->resources[i];
    return NULL;
}

static bool ports_within(const struct stoa_offer *o, const struct refusal *r)
{
    const struct stoa_resource *p = ports_of(o);
    bool all = true;

    for (size_t i = 0; p != NULL && i < p->range_count; i++) {
        bool one = false;
        for (size_t k = 0; k < r->port_count; k++)
            one = one || (p->ranges[i].begin >= r->ports[k].begin && p->ranges[i].end <= r->ports[k].end);
        all = all && one;
    }
    return all;
}

static void refuse(struct fw_node *n, const struct stoa_offer *o, int64_t seconds)
{
    struct refusal *r = n->refusals;

    (void)stoa_decline(n->s, &o->id, 1, (double)seconds, NULL);
    while (r < n->refusals + n->refusal_count && strcmp(r->agent_id, o->agent_id) != 0)
        r++;
    if (r == n->refusals + REFUSALS_MAX)
        return;
    if (r == n->refusals + n->refusal_count)
        n->refusal_count++;
    (void)snprintf(r->agent_id, sizeof r->agent_id, "%s", o->agent_id);
    r->cpus = stoa_offer_scalar_milli(o, "cpus");
    r->mem = stoa_offer_scalar_milli(o, "mem");
    r->disk = stoa_offer_scalar_milli(o, "disk");
    const struct stoa_resource *p = ports_of(o);
    r->port_count = p != NULL && p->range_count <= 16 ? p->range_count : 0;
    if (r->port_count != 0)
        memcpy(r->ports, p->ranges, r->port_count * sizeof r->ports[0]);
    r->from = sim_of(n)->now;
    r->until = r->from + SEC(seconds);
}

/* A filter ends early with its agent or its master; with machines that work it lasts. An offer may have been
 * on its way when the refusal was said. */
static void check_refusals(struct fw_node *n, const struct stoa_offer *o)
{
    int64_t now = sim_of(n)->now;

    if ((sim_of(n)->o.faults & ~(unsigned)(FAULT_DELAY | FAULT_CLOCK | FAULT_TORN)) != 0)
        return;
    for (const struct refusal *r = n->refusals; r < n->refusals + n->refusal_count; r++)
        if (strcmp(r->agent_id, o->agent_id) == 0 && now > r->from + SEC(8) && now < r->until &&
            stoa_offer_scalar_milli(o, "cpus") <= r->cpus && stoa_offer_scalar_milli(o, "mem") <= r->mem &&
            stoa_offer_scalar_milli(o, "disk") <= r->disk && ports_within(o, r))
            sim_fail(sim_of(n), "%s is offered what it refused %d s ago for %d s", n->p->name,
                     (int)((now - r->from) / NS_PER_S), (int)((r->until - r->from) / NS_PER_S));
}

static void on_offers(struct stoa_scheduler *s, const struct stoa_offer *offers, size_t count, void *user)
{
    struct fw_node *n = user;
    bool calm = sim_of(n)->calm;

    for (size_t i = 0; i < count; i++) {
        struct rng own, *world = n->r;
        check_refusals(n, &offers[i]);
        if (!calm && !sim_next_step(sim_of(n), STEP_DEED, &own)) {
            refuse(n, &offers[i], 1);
            continue;
        }
        n->r = calm ? world : &own;
        unsigned dice = (unsigned)rng_below(n->r, 100);
        if ((calm || dice % 4 == 0) && fw_unreserve(&n->reserver, s, &offers[i], calm ? 20 : STOA_REFUSE_DEFAULT)) {
            n->r = world;
            continue;
        }
        if (calm || live_tasks(n) >= TASKS_AT_ONCE)
            refuse(n, &offers[i], calm ? 20 : (int64_t)rng_below(n->r, 4));
        else if (dice < 60)
            launch(n, &offers[i]);
        else if (dice < 80)
            (void)stoa_decline(s, &offers[i].id, 1, STOA_REFUSE_DEFAULT, NULL);
        else if (dice < 95)
            refuse(n, &offers[i], (int64_t)rng_below(n->r, 30));
        else if (n->held_count < 8) /* until it is rescinded, or the framework goes, or all is well */
            (void)snprintf(n->held[n->held_count++], sizeof n->held[0], "%s", offers[i].id);
        n->r = world;
    }
}

/* --- updates --- */

static void acknowledge(struct fw_node *n, const char *agent_id, const char *task_id, const void *uuid)
{
    struct stoa_bytes b = { uuid, 16 };
    struct uuid u;

    memcpy(u.b, uuid, 16);
    if (n->explicit_acks && stoa_acknowledge_ids(n->s, agent_id, task_id, b, NULL) != 0)
        return;
    if (!n->p->dying)
        ledger_acknowledged(sim_of(n), str_of(n->framework_id), str_of(task_id), &u);
}

static void late_ack_free(struct late_ack *a)
{
    struct late_ack **at = &a->n->acks;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    free(a);
}

static void ack_now(struct stoa_scheduler *s, void *arg)
{
    struct late_ack *a = arg;

    (void)s;
    acknowledge(a->n, a->agent_id, a->task_id, a->uuid);
    late_ack_free(a);
}

static void ack_later(struct fw_node *n, const struct stoa_status *u, int64_t ms)
{
    struct late_ack *a = xcalloc(1, sizeof *a);

    a->n = n;
    (void)snprintf(a->task_id, sizeof a->task_id, "%s", u->task_id);
    (void)snprintf(a->agent_id, sizeof a->agent_id, "%s", u->agent_id);
    memcpy(a->uuid, u->uuid.p, 16);
    a->next = n->acks;
    n->acks = a;
    if (stoa_scheduler_after(n->s, ms, ack_now, a, NULL) != 0)
        late_ack_free(a);
}

static void on_update(struct stoa_scheduler *s, const struct stoa_status *u, void *user)
{
    struct fw_node *n = user;
    struct fw_task *t = task_find(n, u->task_id);
    struct seen_update seen = { .framework = str_of(n->framework_id),
                                .task = str_of(u->task_id),
                                .state = (int)u->state,
                                .source = (int)u->source,
                                .reason = u->reason,
                                .has_uuid = u->uuid.p != NULL };

    (void)s;
    if (n->framework_id[0] == 0)
        return; /* torn down */
    if (seen.has_uuid)
        memcpy(seen.uuid.b, u->uuid.p, 16);
    sim_trace(sim_of(n), n->p->name, "is told %s is %s%s%s%s%s", u->task_id, u->state_name,
              u->reason_name != NULL ? ", " : "", u->reason_name != NULL ? u->reason_name : "",
              u->message != NULL ? ": " : "", u->message != NULL ? u->message : "");
    ledger_update_seen(sim_of(n), &seen);
    if (t == NULL) {
        sim_fail(sim_of(n), "%s is told of task %s, which it never launched", n->p->name, u->task_id);
        return;
    }
    if (t->over && !u->is_terminal && u->state != STOA_TASK_UNREACHABLE && u->state != STOA_TASK_UNKNOWN) {
        (void)stoa_kill(s, u->task_id, u->agent_id, -1, NULL); /* given up, and it runs after all */
        t->over = false;
    }
    t->over = t->over || (u->is_terminal && u->state != STOA_TASK_LOST); /* what is lost may come back */
    t->state = (int)u->state;
    if (!seen.has_uuid)
        return;
    unsigned dice = (unsigned)rng_below(n->r, 100);
    if (!n->explicit_acks || sim_of(n)->calm || dice < 75)
        acknowledge(n, u->agent_id, u->task_id, u->uuid.p);
    else if (dice < 95)
        ack_later(n, u, between(n->r, 1, 6000));
    /* else: forgotten; the agent says it again */
}

/* It says that it leaves, or will not, or nothing; and mostly it does what it says. */
static void on_inverse_offers(struct stoa_scheduler *s, const struct stoa_inverse_offer *offers, size_t count, void *user)
{
    struct fw_node *n = user;

    for (size_t i = 0; i < count; i++) {
        struct rng own;
        const struct stoa_inverse_offer *o = &offers[i];
        bool happens = !sim_of(n)->calm && sim_next_step(sim_of(n), STEP_DEED, &own);
        unsigned dice = happens ? (unsigned)rng_below(&own, 100) : 0;
        sim_trace(sim_of(n), n->p->name, "is asked by %s to leave agent %s", o->id, o->agent_id != NULL ? o->agent_id : "?");
        if (dice < 50)
            (void)stoa_accept_inverse_offers(s, &o->id, 1, happens ? (double)rng_below(&own, 20) : 5, NULL);
        else if (dice < 80)
            (void)stoa_decline_inverse_offers(s, &o->id, 1, (double)rng_below(&own, 20), NULL);
        for (size_t k = 0; happens && dice < 40 && k < n->task_count; k++)
            if (!n->tasks[k].over && o->agent_id != NULL && strcmp(n->tasks[k].agent_id, o->agent_id) == 0)
                (void)stoa_kill(s, n->tasks[k].id, o->agent_id, -1, NULL);
    }
}

static void on_operation(struct stoa_scheduler *s, const struct stoa_operation_status *status, void *user)
{
    struct fw_node *n = user;

    if (n->framework_id[0] != 0)
        fw_operation_told(&n->reserver, s, status, sim_of(n)->calm || chance(n->r, 80));
}

/* --- the rest --- */

static void reconcile(struct fw_node *n, bool all)
{
    struct stoa_task_ref refs[256];
    size_t count = 0;

    for (size_t i = 0; i < n->task_count && count < 256; i++)
        if (!n->tasks[i].over && (all || chance(n->r, 50)))
            refs[count++] = (struct stoa_task_ref){ n->tasks[i].id,
                                                    chance(n->r, 80) || all ? n->tasks[i].agent_id : NULL };
    if (count != 0) {
        sim_trace(sim_of(n), n->p->name, "RECONCILE of %zu tasks", count);
        (void)stoa_reconcile(n->s, refs, count, NULL);
    }
}

static void on_subscribed(struct stoa_scheduler *s, const struct stoa_subscribed *e, void *user)
{
    struct fw_node *n = user;

    (void)s;
    sim_trace(sim_of(n), n->p->name, "is subscribed as %s", e->framework_id);
    if (n->framework_id[0] != 0 && strcmp(n->framework_id, e->framework_id) != 0)
        sim_fail(sim_of(n), "%s subscribed as %s and is called %s now", n->p->name, n->framework_id,
                 e->framework_id);
    (void)snprintf(n->framework_id, sizeof n->framework_id, "%s", e->framework_id);
    reconcile(n, true);
    fw_reconcile_operations(&n->reserver, s);
    if (chance(n->r, 30))
        (void)stoa_reconcile(s, NULL, 0, NULL);
}

static void on_disconnected(struct stoa_scheduler *s, const char *why, void *user)
{
    struct fw_node *n = user;

    (void)s;
    n->held_count = n->refusal_count = 0;
    sim_trace(sim_of(n), n->p->name, "has lost the master: %s", why);
}

/* Its id is of no use any more; whatever runs is the master's to end. */
static void begin_anew(struct fw_node *n)
{
    ledger_abandoned(sim_of(n), n->framework_id);
    operator_doom(sim_of(n), n->framework_id);
    n->framework_id[0] = 0;
    n->task_count = n->reserver.count = 0;
    n->lives++;
}

static void on_error(struct stoa_scheduler *s, const char *message, void *user)
{
    struct fw_node *n = user;

    (void)s;
    /* A SUBSCRIBE that was given up may arrive after the next one and push it out: the program ends, and is
     * started again by whoever looks after it. */
    sim_trace(sim_of(n), n->p->name, "is refused: %s", message);
    if (strcmp(message, "Framework has been removed") == 0 && (n->mortal || operator_doomed(sim_of(n), n->framework_id)))
        begin_anew(n);
    else if (strcmp(message, "Framework failed over") != 0)
        sim_fail(sim_of(n), "%s is refused: %s", n->p->name, message);
    proc_exit(n->p);
}

static void on_call_failed(struct stoa_scheduler *s, const char *call, int status, const char *text,
                           void *user)
{
    struct fw_node *n = user;

    (void)s;
    sim_trace(sim_of(n), n->p->name, "%s was answered with %d %s", call, status, text);
    /* Calls may reach a master that has just been started, or come behind a newer subscription. */
    bool late =
        strncmp(text, "Framework cannot be found", 25) == 0 || strncmp(text, "The stream ID", 13) == 0;
    if (status >= 400 && status != 503 && status != 403 && !late)
        sim_fail(sim_of(n), "%s: %s was answered with %d %s", n->p->name, call, status, text);
}

static void kill_one(struct fw_node *n)
{
    for (size_t tries = 0; tries < 10 && n->task_count != 0; tries++) {
        struct fw_task *t =
            &n->tasks[n->task_count - 1 - rng_below(n->r, n->task_count < 20 ? n->task_count : 20)];
        if (t->over)
            continue;
        sim_trace(sim_of(n), n->p->name, "KILL %s", t->id);
        (void)stoa_kill(n->s, t->id, chance(n->r, 70) ? t->agent_id : NULL, chance(n->r, 30) ? 1 : -1, NULL);
        return;
    }
}

/* In the liveness phase room is needed for others: of what runs, one small task stays. */
static void kill_most(struct fw_node *n)
{
    bool kept = false;

    for (size_t i = 0; i < n->task_count; i++) {
        struct fw_task *t = &n->tasks[i];
        if (t->over || (!kept && t->cpus_milli <= 250)) {
            kept = kept || !t->over;
            continue;
        }
        (void)stoa_kill(n->s, t->id, t->agent_id, -1, NULL);
    }
}

static void do_something(struct stoa_scheduler *s, struct fw_node *n)
{
    bool calm = sim_of(n)->calm;
    unsigned dice = calm ? 50 : (unsigned)rng_below(n->r, 100);

    if (n->leaving && stoa_scheduler_is_stopped(s)) {
        proc_exit(n->p);
    } else if (!stoa_scheduler_is_subscribed(s)) {
        ; /* nothing can be asked now */
    } else if (dice < 40) {
        kill_one(n);
    } else if (dice < 55) {
        reconcile(n, calm);
        if (calm) {
            fw_reconcile_operations(&n->reserver, s);
            (void)stoa_reconcile(s, NULL, 0, NULL); /* what was given up too early shows here */
            if (n->suppressed) { /* what it has reserved it can only give back when it is offered */
                (void)stoa_revive(s, NULL, 0, NULL);
                n->refusal_count = 0;
            }
            n->suppressed = false;
            kill_most(n);
            for (; n->held_count > 0; n->held_count--) {
                const char *id = n->held[n->held_count - 1];
                (void)stoa_decline(s, &id, 1, 20, NULL);
            }
        }
    } else if (dice < 60) {
        (void)stoa_reconcile(s, NULL, 0, NULL);
    } else if (dice < 65) {
        (void)stoa_suppress(s, NULL, 0, NULL);
        n->suppressed = true;
    } else if (dice < 67 && n->mortal && !calm) {
        sim_trace(sim_of(n), n->p->name, "TEARDOWN");
        if (stoa_scheduler_teardown(s, NULL) == 0) {
            begin_anew(n);
            n->leaving = true;
        }
    } else if (dice < 75) {
        (void)stoa_revive(s, NULL, 0, NULL);
        n->refusal_count = 0;
        n->suppressed = false;
    }
}

static void whim(struct stoa_scheduler *s, void *arg)
{
    struct fw_node *n = arg;
    bool calm = sim_of(n)->calm;
    struct rng own, *world = n->r;

    bool happens = calm || sim_next_step(sim_of(n), STEP_DEED, &own);
    n->r = calm ? world : &own;
    if (happens || n->leaving)
        do_something(s, n);
    n->r = world;
    (void)stoa_scheduler_after(s, calm ? 5000 : between(n->r, 300, 4000), whim, n, NULL);
}

/* --- the process --- */

static void fw_start(struct proc *p)
{
    static const struct stoa_callbacks callbacks = {
        .subscribed = on_subscribed,
        .disconnected = on_disconnected,
        .offers = on_offers,
        .inverse_offers = on_inverse_offers,
        .update = on_update,
        .operation = on_operation,
        .error = on_error,
        .call_failed = on_call_failed,
    };
    struct fw_node *n = p->node;
    struct stoa_options o = {
        .master = p->sim->zk != NULL ? "zk://10.0.2.1:2181/mesos" : "10.0.0.1:5050",
        .content = n->json ? STOA_JSON : STOA_PROTOBUF,
        .name = p->name,
        .user = "nobody",
        .explicit_acknowledgements = n->explicit_acks,
        .failover_timeout_s = n->mortal ? 25 : 100000,
        .checkpoint = n->checkpoint,
        .roles = &n->role,
        .role_count = 1,
        .framework_id = n->framework_id[0] != 0 ? n->framework_id : NULL,
        .capabilities = (n->partition_aware ? (unsigned)STOA_CAP_PARTITION_AWARE : 0) |
                        (n->killing ? (unsigned)STOA_CAP_TASK_KILLING_STATE : 0),
        .backoff_max_ms = 4000,
    };
    struct stoa_error err;

    sim_trace(p->sim, p->name, "starts");
    fake_process(p);
    n->suppressed = n->leaving = false;
    n->held_count = n->refusal_count = 0;
    n->s = stoa_scheduler_new(&o, &callbacks, n, &err);
    if (n->s == NULL) {
        sim_fail(p->sim, "%s: %s", p->name, err.msg);
        return;
    }
    (void)stoa_scheduler_after(n->s, between(n->r, 500, 3000), whim, n, NULL);
    fake_turn(p);
}

static void fw_died(struct proc *p)
{
    struct fw_node *n = p->node;

    fake_process(p);
    stoa_scheduler_free(n->s);
    n->s = NULL;
    while (n->acks != NULL)
        late_ack_free(n->acks);
}

static const struct proc_ops fw_ops = { fw_start, fake_packet, fake_closed, fake_wake, fw_died };

void sim_framework_new(struct sim *s, unsigned i)
{
    struct fw_node *n = xcalloc(1, sizeof *n);
    char name[16];

    (void)snprintf(name, sizeof name, "f%u", i + 1);
    n->index = i;
    n->r = &s->rng_fw;
    n->json = chance(n->r, 20);
    n->partition_aware = chance(n->r, 60);
    n->explicit_acks = chance(n->r, 70);
    n->killing = chance(n->r, 50);
    n->checkpoint = chance(n->r, 80);
    n->mortal = chance(n->r, 20);
    n->role = chance(n->r, 60) ? "*" : chance(n->r, 50) ? "web" : "batch";
    n->reserver.role = n->role;
    s->framework[i] = n->p = proc_new(s, &fw_ops, n, name, HOST_FRAMEWORK + (int)i, name);
    n->reserver.p = n->grouper.p = n->p;
    n->grouper.r = n->r;
    proc_start(n->p);
}

void sim_framework_free(struct proc *p)
{
    struct fw_node *n = p->node;

    free(n->reserver.v);
    free(n->tasks);
    free(n);
}

const char *sim_framework_id(const struct proc *p)
{
    return ((const struct fw_node *)p->node)->framework_id;
}

/* A group ends as a whole when one of its tasks fails or is killed. */
static const struct fw_task *mourned(const struct fw_node *n, const struct fw_task *k)
{
    for (size_t i = 0; i < n->task_count && k->group != 0 && k->state == STOA_TASK_RUNNING; i++)
        if (n->tasks[i].group == k->group && (n->tasks[i].state == STOA_TASK_FAILED || n->tasks[i].state == STOA_TASK_KILLED))
            return &n->tasks[i];
    return NULL;
}

const char *sim_framework_unsettled(struct proc *p)
{
    static char text[200];
    struct fw_node *n = p->node;

    if (!p->alive || n->s == NULL || !stoa_scheduler_is_subscribed(n->s)) {
        (void)snprintf(text, sizeof text, "framework %s is not subscribed", p->name);
        return text;
    }
    for (size_t i = 0; i < n->task_count; i++) {
        const struct fw_task *k = &n->tasks[i], *other = mourned(n, k);
        if (other != NULL) {
            (void)snprintf(text, sizeof text, "%s runs, and %s of its group has ended as %s", k->id, other->id,
                           other->state == STOA_TASK_FAILED ? "TASK_FAILED" : "TASK_KILLED");
            return text;
        }
        /* UNKNOWN is an answer, and so is UNREACHABLE when nobody has that agent's id any more: the agent
         * died before it wrote down what it had been told, and is another one now. */
        bool waits =
            k->state < 0 || (k->state == STOA_TASK_UNREACHABLE && ledger_agent_lives(p->sim, k->agent_id));
        if (k->over || !waits)
            continue;
        (void)snprintf(text, sizeof text, "framework %s does not know what became of %s", p->name, k->id);
        return text;
    }
    return fw_operations_unsettled(&n->reserver);
}
