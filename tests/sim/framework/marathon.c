/* SPDX-License-Identifier: Apache-2.0 */
/* marathon as a simulated process: its core, records, tasks and the turns of its shell as shipped, on the SDK
 * as shipped; a store that commits late; and an operator who creates, scales, changes, restarts and removes
 * apps, kills instances and cancels deployments at random. The HTTP API is not part of it: the operator's
 * requests are events.
 *
 * Probes are answered by the world: a port answers when a task that was given it runs on that machine, and
 * the machine can be reached. Some tasks fall ill and answer 500 until they are killed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/io/random.h"
#include "common/io/restart.h"
#include "marathon/core/normalise.h"
#include "marathon/degraded.h"
#include "marathon/election.h"
#include "marathon/shell.h"
#include "tests/sim/coord.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/framework.h"
#include "tests/sim/ledger.h"
#include "tests/sim/operator.h"

enum { APPS_MAX = 5, APP_WITH_VOLUMES = 3, APP_ON_EVERY_AGENT = 4, SNAPSHOT_MAX = 16 };

struct marathon_node {
    struct proc *p;
    struct rng *r;
    struct shell sh;
    bool up;        /* records are loaded */
    char note[256]; /* to the next start (restart.h); "": none */
    /* Before the handler that runs: for judging what it did. */
    struct {
        char id[32];
        int64_t ready, dying;
        size_t instances;
    } before[SNAPSHOT_MAX];
    size_t before_count;
    /* Kills under way, for judging whether anything is done about them. */
    struct kill_seen {
        char id[80];
        unsigned attempts;
        int64_t since;
    } kills[SNAPSHOT_MAX];
    size_t kill_count;
};

static struct marathon_node *node_of(struct shell *sh)
{
    return (struct marathon_node *)(void *)((char *)sh - offsetof(struct marathon_node, sh));
}

static struct sim *sim_of(const struct marathon_node *n)
{
    return n->p->sim;
}

/* --- what the shell's other files would do --- */

void streams_publish(struct shell *sh, const struct bus_event *e)
{
    struct marathon_node *n = node_of(sh);

    switch ((int)e->type) {
    case BUS_INSTANCE_CHANGED:
        sim_trace(sim_of(n), n->p->name, "%.*s is %s", STR_ARG(e->instance_id), e->state);
        break;
    case BUS_DEPLOYMENT_INFO:
    case BUS_DEPLOYMENT_SUCCESS:
    case BUS_DEPLOYMENT_FAILED:
        sim_trace(sim_of(n), n->p->name, "%s %s", bus_type_name(e->type),
                  e->deployment != NULL ? e->deployment->id : "");
        break;
    default:
        break;
    }
}

struct probe_answer {
    struct shell *sh;
    uint64_t id;
    bool answered;
    int status;
};

static void answer_probe(struct sim *s, struct proc *p, void *arg, uint64_t id)
{
    struct marathon_node *n = p->node;
    struct marathon_event ev = { .type = EVENT_PROBE };

    (void)s;
    ev.probe.id = id >> 10;
    ev.probe.status = (int)(id & 1023);
    ev.probe.answered = ev.probe.status != 0;
    ev.probe.error = STR("connection refused");
    (void)arg;
    (void)marathon_shell_step(&n->sh, &ev, NULL);
    fake_turn(p);
}

/* As a real probe, it is sent at once and answered later; what it finds is decided when it arrives. */
static void ask(struct sim *s, struct proc *p, void *arg, uint64_t id_and_port)
{
    const char *host = arg;
    unsigned status = ledger_probe(s, p->host, host, (uint32_t)(id_and_port & 0xffff));

    if (status != 200)
        sim_trace(s, p->name, "probes %s port %u: %u", host, (unsigned)(id_and_port & 0xffff), status);

    sim_after(s, p, between(&s->rng_net, NS_PER_MS / 2, MS(20)), answer_probe, NULL,
              (id_and_port >> 16) << 10 | status);
}

void probe_start(struct shell *sh, const struct probe_request *q, probe_done_fn *done)
{
    struct marathon_node *n = node_of(sh);
    const char *host = ledger_host(sim_of(n), q->host);

    (void)done; /* answer_probe steps as it would */
    sim_after(sim_of(n), n->p, between(&sim_of(n)->rng_net, NS_PER_MS / 2, MS(20)), ask,
              (void *)(uintptr_t)host, q->id << 16 | (q->port & 0xffff));
}

int http_open(struct shell *sh, struct error *err)
{
    (void)sh;
    (void)err;
    return 0;
}

/* Of files that are not part of this: answers. */
void http_shared_drop(struct shell *sh);

/* common/io/restart.h */
void restart_note(const char *name, const char *text)
{
    struct marathon_node *n = fake_current()->node;

    (void)name;
    (void)snprintf(n->note, sizeof n->note, "%s", text != NULL ? text : "");
}

const char *restart_noted(const char *name)
{
    const struct marathon_node *n = fake_current()->node;

    (void)name;
    return n->note[0] != '\0' ? n->note : NULL;
}

void http_shared_drop(struct shell *sh)
{
    (void)sh;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    struct proc *p = fake_current();
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (level <= LOG_WARN && p != NULL)
        sim_trace(p->sim, p->name, "%s %s", event, text);
}

/* --- what must hold --- */

static void snapshot(struct marathon_node *n)
{
    struct slot *s, *next;

    n->before_count = 0;
    if (!n->up)
        return;
    HASH_ITER(hh, n->sh.m->slots, s, next)
    {
        if (n->before_count == SNAPSHOT_MAX)
            return;
        (void)snprintf(n->before[n->before_count].id, sizeof n->before[0].id, "%s", s->id.p);
        n->before[n->before_count].instances = s->instance_count;
        n->before[n->before_count].dying = s->dying[1];
        n->before[n->before_count++].ready = s->ready[0] + s->ready[1];
    }
}

/* An agent never has two instances of an app with one on every agent. */
static void check_every(struct marathon_node *n, const struct slot *s)
{
    for (const struct instance *i = s->instances; i != NULL; i = i->next)
        for (const struct instance *k = s->instances; k != i; k = k->next)
            if (i->agent != NULL && i->agent == k->agent)
                sim_fail(sim_of(n), "%s has two instances on agent %s: %s and %s", s->id.p, i->agent->id.p, k->id.p, i->id.p);
}

static void check_slot(struct marathon_node *n, const struct slot *s, size_t k)
{
    int64_t ready_before = n->before[k].ready;
    int64_t ready = s->ready[0] + s->ready[1], live = s->live[0] + s->live[1];
    const struct rolling *r = &s->rolling;
    size_t scheduled = 0, count = 0;

    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        count++;
        scheduled += i->state == INSTANCE_SCHEDULED;
    }
    if (count != s->instance_count || scheduled != s->scheduled_count)
        sim_fail(sim_of(n), "%s counts %zu instances, %zu waiting; it has %zu and %zu", s->id.p,
                 s->instance_count, s->scheduled_count, count, scheduled);
    if (str_is(s->id, "/app4"))
        check_every(n, s);
    if (s->action != ACTION_RESTART || s->action_done || s->every != NULL)
        return;
    /* Reckoned here again: what the core makes of the app's strategy is part of what is checked. */
    const struct app *app = s->spec != NULL ? &s->spec->app : NULL;
    double exact =
        app != NULL && app->upgrade != NULL ? (double)app->instances.v * app->upgrade->health_capacity.v : 0;
    int64_t floor = (int64_t)exact + ((double)(int64_t)exact < exact);
    /* One more than the capacity is started when nothing else can move (rolling.h). */
    if (live > r->capacity_max + 1 && s->instance_count > n->before[k].instances)
        sim_fail(sim_of(n), "%s starts beyond its capacity: %lld instances, at most %lld", s->id.p,
                 (long long)live, (long long)r->capacity_max);
    /* What dies by itself is nobody's fault; old instances that marathon tells to go count against the floor.
     * (Surplus new ones go by the order of kill selection, which does not look at health.) */
    if (s->dying[1] > n->before[k].dying && ready < ready_before && ready < floor - r->below_floor)
        sim_fail(sim_of(n), "%s kills below its floor: %lld ready, %lld before, floor %lld", s->id.p,
                 (long long)ready, (long long)ready_before, (long long)floor);
}

/* A kill that has no effect is repeated after --kill_retry_timeout. */
#define KILL_REPEATED_NS SEC(30 + 5)

static const struct kill_seen *kill_seen(const struct marathon_node *n, struct str id)
{
    for (size_t i = 0; i < n->kill_count; i++)
        if (str_is(id, n->kills[i].id))
            return &n->kills[i];
    return NULL;
}

static void check_kills(struct marathon_node *n)
{
    struct kill_seen now[SNAPSHOT_MAX];
    size_t count = 0;

    for (const struct instance *i = n->up && n->sh.m->connected ? n->sh.m->instances : NULL; i != NULL; i = i->hh.next) {
        if (!i->kill_sent || i->state == INSTANCE_UNREACHABLE || count == SNAPSHOT_MAX)
            continue;
        const struct kill_seen *k = kill_seen(n, i->id);
        struct kill_seen *x = &now[count++];
        *x = (struct kill_seen){ .attempts = i->kill_attempts, .since = sim_of(n)->now };
        (void)snprintf(x->id, sizeof x->id, "%.*s", STR_ARG(i->id));
        if (k != NULL && k->attempts == x->attempts)
            x->since = k->since;
        if (sim_of(n)->now - x->since > KILL_REPEATED_NS && sim_of(n)->now - sim_of(n)->trouble_at[n->p->host] > KILL_REPEATED_NS)
            sim_fail(sim_of(n), "%s asked for the end of %s %d s ago, it is %s, and nothing more is done", n->p->name, x->id,
                     (int)((sim_of(n)->now - x->since) / NS_PER_S), instance_state_name(i->state));
    }
    memcpy(n->kills, now, count * sizeof now[0]);
    n->kill_count = count;
}

static void check(struct marathon_node *n)
{
    struct slot *s, *next;

    if (!n->up || n->p->dying)
        return;
    HASH_ITER(hh, n->sh.m->slots, s, next)
    {
        for (size_t i = 0; i < n->before_count; i++)
            if (str_is(s->id, n->before[i].id))
                check_slot(n, s, i);
    }
}

/* --- the operator --- */

/* Always the same app: what reservations are made of does not change. */
static void add_volume(struct app *app, struct arena *a)
{
    struct volume *v = arena_alloc(a, sizeof *v);

    v->container_path = STR("data");
    v->mode = (struct opt_i64){ true, MODE_RW };
    v->persistent = arena_alloc(a, sizeof *v->persistent);
    v->persistent->size = (struct opt_i64){ true, 100 };
    app->container = arena_alloc(a, sizeof *app->container);
    app->container->type = (struct opt_i64){ true, ENGINE_MESOS };
    app->container->volumes = (struct list){ true, 1, v };
    app->unreachable = NULL;
    app->upgrade->over_capacity.v = 0;
}

static void put_on_every_agent(struct app *app, struct arena *a)
{
    struct constraint *c = arena_alloc(a, sizeof *c);

    *c = (struct constraint){
        .field = STR("hostname"), .op = { true, OP_EVERY }, .op_text = STR("EVERY"), .parts = { true, 2 }
    };
    app->constraints = (struct list){ true, 1, c };
    app->upgrade->over_capacity.v = 0;
}

static struct app *random_app(struct marathon_node *n, struct arena *a, unsigned k, bool keep_cmd)
{
    static const char *const commands[] = { "forever", "flaky 30000", "forever again" };
    static const double capacities[] = { 0, 0.5, 1 };
    struct app *app = arena_alloc(a, sizeof *app);
    unsigned dice = (unsigned)rng_below(n->r, 3);

    app->id = arena_fmt(a, "/app%u", k);
    app->cmd = str_of(commands[keep_cmd ? k % 3 : rng_below(n->r, 3)]);
    app->cpus = (struct opt_f64){ true, 0.1 };
    app->mem = (struct opt_f64){ true, 32 };
    app->instances = (struct opt_i64){ true, (int64_t)rng_below(n->r, 5) };
    app->backoff_s = (struct opt_i64){ true, 1 };
    app->launch_delay_max_s = (struct opt_i64){ true, 10 };
    app->unreachable = arena_alloc(a, sizeof *app->unreachable);
    app->unreachable->inactive_s = (struct opt_i64){ true, (int64_t)rng_below(n->r, 2) * 20 };
    app->unreachable->expunge_s = (struct opt_i64){ true, app->unreachable->inactive_s.v + 10 };
    app->upgrade = arena_alloc(a, sizeof *app->upgrade);
    app->upgrade->health_capacity = (struct opt_f64){ true, capacities[rng_below(n->r, 3)] };
    app->upgrade->over_capacity = (struct opt_f64){ true, capacities[rng_below(n->r, 3)] };
    if (k == APP_WITH_VOLUMES)
        add_volume(app, a);
    if (k == APP_ON_EVERY_AGENT)
        put_on_every_agent(app, a);
    if (dice != 0) {
        struct health_check *h = arena_alloc(a, sizeof *h);
        *h = (struct health_check){ .grace_s = { true, 20 },
                                    .interval_s = { true, 2 },
                                    .failures_max = { true, 3 },
                                    .protocol = { true, dice == 1 ? HC_TCP : HC_HTTP },
                                    .timeout_s = { true, 1 },
                                    .delay_s = { true, 1 },
                                    .ip_protocol = { true, 0 },
                                    .port_index = { true, 0 },
                                    .path = STR("/health") };
        app->health_checks = (struct list){ true, 1, h };
    }
    app_fill(app, &n->sh.config, STR("/"), HEALTH_PORTS_STATED, a);
    return app;
}

static int request(struct marathon_node *n, const char *what, struct marathon_event ev)
{
    struct error err = { 0 };
    int rc = marathon_shell_step(&n->sh, &ev, &err);

    sim_trace(sim_of(n), "operator", "%s%s%s", what, rc != 0 ? ": " : "", rc != 0 ? err.msg : "");
    return rc;
}

static void put_app(struct marathon_node *n, unsigned k, bool remove)
{
    struct arena a = ARENA_INIT(1 << 20);
    struct app *app = random_app(n, &a, k, chance(n->r, 50));
    struct update_app ua = { .id = app->id, .app = remove ? NULL : app, .restart = chance(n->r, 10) };
    struct root_update u = { .apps = &ua, .app_count = 1, .force = chance(n->r, 40) };
    struct marathon_event ev = { .type = EVENT_UPDATE, .update = &u };
    char text[100];

    (void)snprintf(text, sizeof text, "%s %s, %d instances of '%s'", remove ? "DELETE" : "PUT", app->id.p,
                   (int)app->instances.v, app->cmd.p);
    (void)request(n, text, ev);
    arena_done(&a);
}

static void kill_some(struct marathon_node *n)
{
    struct str ids[2];
    struct marathon_event ev = { .type = EVENT_KILL, .kill = { .instance_ids = ids } };

    for (struct instance *i = n->sh.m->instances; i != NULL && ev.kill.n < 2; i = i->hh.next)
        if (i->state != INSTANCE_SCHEDULED && chance(n->r, 30))
            ids[ev.kill.n++] = i->id;
    if (ev.kill.n != 0)
        (void)request(n, "kills instances", ev);
}

static void cancel(struct marathon_node *n)
{
    struct marathon_event ev = { .type = EVENT_CANCEL };

    if (n->sh.m->deployment_list == NULL)
        return;
    ev.cancel.deployment_id = str_of(n->sh.m->deployment_list->id);
    ev.cancel.force = chance(n->r, 50);
    (void)request(n, "cancels a deployment", ev);
}

static void operate(struct sim *s, struct proc *p, void *arg, uint64_t unused)
{
    struct marathon_node *n = p->node;
    struct rng own, *world = n->r;

    (void)arg;
    (void)unused;
    fake_process(p);
    check_kills(n);
    if (!s->calm && n->up && n->sh.store_error[0] == '\0' && sim_next_step(s, STEP_DEED, &own)) {
        n->r = &own;
        unsigned dice = (unsigned)rng_below(n->r, 100);
        snapshot(n);
        if (dice < 60)
            put_app(n, (unsigned)rng_below(n->r, APPS_MAX), false);
        else if (dice < 70)
            put_app(n, (unsigned)rng_below(n->r, APPS_MAX), true);
        if (dice < 70)
            check(n); /* a deployment's first kills; what the operator kills by hand is his own business */
        else if (dice < 85)
            kill_some(n);
        else
            cancel(n);
        fake_turn(p);
        n->r = world;
    }
    sim_after(s, p, between(n->r, SEC(1), SEC(12)), operate, NULL, 0);
}

/* --- the process --- */

static void begin(struct shell *sh)
{
    struct marathon_event ev = { .type = EVENT_STARTED };
    struct error err;

    if (sched_open(sh, &err) != 0)
        sim_fail(sim_of(node_of(sh)), "marathon: %s", err.msg);
    (void)marathon_shell_step(sh, &ev, NULL);
}

static void ready(struct shell *sh)
{
    struct marathon_node *n = node_of(sh);

    n->up = true;
    sim_trace(sim_of(n), n->p->name, "has its state: %zu apps, %u instances, %zu deployments",
              sh->m->app_count, HASH_COUNT(sh->m->instances), sh->m->deployment_count);
    if (!degraded_start(sh, begin))
        begin(sh);
}

/* As in marathon/main.c: while it is not sure that it leads, time stands still. */
static void wake(void *arg)
{
    struct marathon_event ev = { .type = EVENT_TICK };
    struct shell *sh = arg;

    if (marathon_election_is_sure(sh))
        (void)marathon_shell_step(sh, &ev, NULL);
    else
        loop_timer_in(&sh->wake, MS(100));
}

static void lead(struct shell *sh);

static void lead_again(void *arg)
{
    lead(arg);
}

static void lead(struct shell *sh)
{
    struct error err;

    sim_trace(sim_of(node_of(sh)), node_of(sh)->p->name, "leads");
    fake_store(&sim_of(node_of(sh))->marathon_store);
    if (persist_open(sh, &err) == 0)
        persist_load(sh, ready);
    else if (!degraded_reopen(sh, lead_again, &err))
        marathon_shell_stop(sh, 1);
}

static void start(struct proc *p)
{
    bool zk = p->sim->zk != NULL;
    char *const argv[] = { "marathon",
                                  zk ? "--master=zk://10.0.2.1:2181/mesos" : "--master=10.0.0.1:5050",
                                  zk ? "--zk=zk://10.0.2.1:2181/marathon" : "--zk_session_timeout=6000",
                                  "--zk_session_timeout=6000",
                                  "--hostname=marathon",
                                  "--mesos_user=nobody",
                                  "--mesos_role=web",
                                  "--task_reservation_timeout=5000",
                                  "--reconciliation_initial_delay=2000",
                                  "--reconciliation_interval=20000",
                                  "--task_launch_timeout=30000",
                                  "--task_launch_confirm_timeout=10000",
                                  "--min_revive_offers_interval=500" };
    static char *const environment[] = { NULL };
    struct marathon_node *n = p->node;
    struct shell *sh = &n->sh;
    struct error err = { 0 };
    bool help;

    memset(sh, 0, sizeof *sh);
    n->up = false;
    n->before_count = n->kill_count = 0;
    fake_process(p);
    sim_trace(p->sim, p->name, "starts");
    int rc = marathon_flags_parse(&sh->flag_set, &sh->flags, sizeof argv / sizeof argv[0], argv, environment,
                                  &help, &err);
    if (rc == 0)
        rc = marathon_flags_config(&sh->flags, &sh->config, &err);
    if (rc == 0)
        rc = loop_new(&sh->loop, NULL, &err);
    if (rc != 0) {
        sim_fail(p->sim, "marathon: %s", err.msg);
        return;
    }
    (void)snprintf(sh->leader, sizeof sh->leader, "%s:8080", p->name);
    sh->end_of_turn = LOOP_WORK(LOOP_STORE, marathon_shell_turn_end, sh);
    sh->turns_last = &sh->turns;
    sh->commit_failed = degraded_commit_failed;
    loop_timer_init(&sh->wake, sh->loop, wake, sh);
    random_rng(&sh->rng);
    marathon_actions_init(&sh->actions);
    sh->m = marathon_new(&sh->config);
    if (marathon_election_open(sh, lead, &err) != 0)
        sim_fail(p->sim, "marathon: %s", err.msg);
    sim_after(p->sim, p, between(n->r, MS(500), SEC(4)), operate, NULL, 0);
    fake_turn(p);
}

static void died(struct proc *p)
{
    struct marathon_node *n = p->node;
    struct shell *sh = &n->sh;

    fake_process(p);
    if (p->sim->zk == NULL)
        vstore_proc_died(&p->sim->marathon_store);
    n->up = false;
    if (!p->clean)
        n->note[0] = '\0';
    persist_close(sh);
    marathon_shell_drop_turns(sh);
    marathon_election_close(sh);
    sched_close(sh);
    loop_timer_done(&sh->wake);
    loop_timer_done(&sh->degraded);
    loop_undefer(sh->loop, &sh->end_of_turn);
    marathon_shell_drop_turns(sh);
    marathon_free(sh->m);
    marathon_actions_done(&sh->actions);
    flags_done(&sh->flag_set, &sh->flags);
    loop_free(sh->loop);
}

static void after(struct marathon_node *n)
{
    check(n);
    if (n->sh.stopping && !n->p->dying)
        proc_exit(n->p);
}

static void on_packet(struct proc *p, struct link *l, struct packet *k)
{
    struct marathon_node *n = p->node;

    fake_process(p);
    snapshot(n);
    fake_packet(p, l, k);
    after(n);
}

static void on_closed(struct proc *p, struct link *l)
{
    struct marathon_node *n = p->node;

    fake_process(p);
    snapshot(n);
    fake_closed(p, l);
    after(n);
}

static void on_wake(struct proc *p)
{
    struct marathon_node *n = p->node;

    fake_process(p);
    snapshot(n);
    fake_wake(p);
    after(n);
}

static const struct proc_ops ops = { start, on_packet, on_closed, on_wake, died };

void sim_marathons_new(struct sim *s)
{
    char name[16];

    for (unsigned i = 0; i < s->marathon_count; i++) {
        struct marathon_node *n = xcalloc(1, sizeof *n);
        n->r = &s->rng_marathon;
        (void)snprintf(name, sizeof name, "marathon%u", i + 1);
        s->marathon[i] = n->p =
            proc_new(s, &ops, n, s->marathon_count == 1 ? "marathon" : name, HOST_MARATHON + (int)i, s->marathon_count == 1 ? "marathon" : name);
    }
    for (unsigned i = 0; i < s->marathon_count; i++)
        proc_start(s->marathon[i]);
}

bool proc_is_marathon(const struct proc *p)
{
    for (unsigned i = 0; i < p->sim->marathon_count; i++)
        if (p == p->sim->marathon[i])
            return true;
    return false;
}

/* The one whose state is loaded; of two that believe it, the one that the ensemble has. */
static struct marathon_node *leading(struct sim *s)
{
    int64_t since;
    struct proc *p = s->zk != NULL ? ensemble_leader(s->zk, MARATHONS_PATH, &since) : s->marathon[0];
    struct marathon_node *n = p != NULL ? p->node : NULL;

    return n != NULL && p->alive && n->up ? n : NULL;
}

void sim_marathon_free(struct proc *p)
{
    free(p->node);
}

/* Its volume is on an agent where others have taken the rest. */
static bool is_crowded_out(const struct slot *s, const struct instance *i)
{
    for (unsigned k = 0; s->queue != NULL && k < s->queue->note_count; k++)
        if (i->state == INSTANCE_SCHEDULED && i->agent != NULL && str_eq(i->agent->id, str_of(s->queue->notes[k].agent_id)))
            return s->queue->notes[k].reason == REJECT_CPUS || s->queue->notes[k].reason == REJECT_MEM;
    return false;
}

/* What has its volume on an agent that was given up, or that never heard under which id it was admitted, waits for it for ever. */
static bool has_orphans(const struct marathon_node *n)
{
    const struct slot *s = slot_find(n->sh.m, STR("/app3"));

    for (const struct instance *i = s != NULL ? s->instances : NULL; i != NULL; i = i->next)
        if ((i->state == INSTANCE_UNREACHABLE && !agents_have_id(sim_of(n), i->agent->id)) || is_crowded_out(s, i))
            return true;
    return s != NULL && operator_gave_up_any(sim_of(n));
}

/* What became of the offers that came while something waited. */
static const char *refusals(const struct slot *s)
{
    static char text[300];
    const struct queue_stats *q = s->queue;
    size_t n = 0;

    if (q == NULL || q->note_count == 0)
        return "; no offer came for it";
    for (unsigned i = 0; i < q->note_count && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "; an offer of %s: %s %s", q->notes[i].agent_id,
                              reject_name(q->notes[i].reason), q->notes[i].detail);
    return text;
}

/* Every app has its instances, running and healthy; nothing is being deployed. */
const char *sim_marathon_unsettled(struct sim *sim)
{
    static char text[500];
    struct marathon_node *n = leading(sim);
    struct slot *s, *next;

    if (n == NULL || n->sh.m->master == NULL)
        return "marathon is not connected";
    bool orphans = has_orphans(n);
    HASH_ITER(hh, n->sh.m->slots, s, next)
    {
        int64_t want = slot_wanted(s) - s->unplaced;
        size_t resting = (size_t)s->unplaced;
        for (const struct instance *i = s->instances; i != NULL; i = i->next)
            resting += instance_rests(i);
        if (s->ready[0] + s->ready[1] == want && s->instance_count == (size_t)want + resting)
            continue;
        if (orphans && (str_is(s->id, "/app3") || n->sh.m->deployment_count != 0))
            continue;
        const struct instance *i = s->instances;
        while (i != NULL && i->state == INSTANCE_RUNNING && i->next != NULL)
            i = i->next;
        (void)snprintf(text, sizeof text, "%s wants %lld instances, has %zu, ready %lld; %s is %s%s", s->id.p,
                       (long long)want, s->instance_count, (long long)(s->ready[0] + s->ready[1]),
                       i != NULL ? i->id.p : "none", i != NULL ? instance_state_name(i->state) : "", refusals(s));
        return text;
    }
    if (n->sh.m->deployment_count == 0 || orphans)
        return "";
    (void)snprintf(text, sizeof text, "%zu deployments are not done", n->sh.m->deployment_count);
    return text;
}

bool sim_marathon_leads(const struct proc *p)
{
    const struct marathon_node *n = leading(p->sim);

    return n != NULL && n->p == p;
}

const char *sim_marathon_framework(const struct proc *p)
{
    const struct marathon_node *n = p->node;

    return n->up && n->sh.m->framework_id != NULL ? n->sh.m->framework_id : "";
}

struct sim_marathon_books sim_marathon_books(struct sim *s)
{
    struct marathon_node *n = s->marathon_count != 0 ? leading(s) : NULL;
    struct sim_marathon_books b = { .framework_id = "" };

    if (n == NULL)
        return b;
    b.waits = has_orphans(n);
    b.framework_id = n->sh.m->framework_id != NULL ? n->sh.m->framework_id : "";
    for (const struct instance *i = n->sh.m->instances; i != NULL; i = i->hh.next)
        b.tasks += i->state != INSTANCE_SCHEDULED && !instance_state_is_terminal(i->state);
    return b;
}
