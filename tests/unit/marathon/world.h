/* SPDX-License-Identifier: Apache-2.0 */
/* A small cluster for tests of the core: agents, a master that offers what is free, tasks that start and die.
 * All in memory, virtual time, one seed. */
#ifndef STOA_TESTS_MARATHON_WORLD_H
#define STOA_TESTS_MARATHON_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "marathon/core/marathon.h"
#include "marathon/core/normalise.h"
#include "marathon/core/pod.h"
#include "tests/support/test.h"

enum { WORLD_AGENTS_MAX = 16, WORLD_TASKS_MAX = 400, WORLD_PIECES_MAX = 400, WORLD_OFFERED_MAX = 100 };

/* One reserved resource. */
struct world_piece {
    char *owner; /* NULL: free entry */
    int agent;
    const char *name; /* "cpus", "mem", "disk" or "ports" */
    int64_t milli;
    struct port_range port;
    char *volume; /* persistence id or NULL */
    char *task;   /* that uses it now, or NULL */
};

struct world_task {
    char *id;
    int agent; /* -1: free entry */
    int64_t cpus, mem;
    uint32_t ports[8];
    size_t port_count;
    bool told_running, killed, healthy;
};

struct world {
    struct marathon_config config;
    struct marathon *m;
    struct marathon_actions actions;
    struct rng rng;
    struct mono now;
    struct wall wall;
    int agents;
    int64_t agent_cpus;
    struct world_task tasks[WORLD_TASKS_MAX];
    struct world_piece pieces[WORLD_PIECES_MAX];
    int offered[WORLD_AGENTS_MAX][WORLD_OFFERED_MAX]; /* piece of each resource of the latest offers, or -1 */
    bool reservations_fail;                           /* the operations never have an effect */
    unsigned reserves, reclaims;
    bool suppressed, offers_wanted;
    bool start_fails; /* tasks end with FAILED instead of running */
    bool checks_fail;
    unsigned counts[BUS_TYPE_COUNT];
    unsigned kills, launches, revives, suppresses, stores, reconciles, probes;
    uint64_t probe_ids[64];
    unsigned probe_pending;
    char trace[1 << 16];
    size_t trace_n;
    bool tracing;
    struct world_record {
        char key[300];
        bool there;
    } * records;
    /* called after every step */
    void (*check)(struct world *w);
};

static void world_trace(struct world *w, const char *text)
{
    size_t n = strlen(text);

    if (!w->tracing || w->trace_n + n + 2 > sizeof w->trace)
        return;
    memcpy(w->trace + w->trace_n, text, n);
    w->trace[w->trace_n + n] = '\n';
    w->trace_n += n + 1;
    w->trace[w->trace_n] = '\0';
}

static struct world_task *world_task(struct world *w, struct str id)
{
    for (int i = 0; i < WORLD_TASKS_MAX; i++)
        if (w->tasks[i].id != NULL && str_is(id, w->tasks[i].id))
            return &w->tasks[i];
    return NULL;
}

static void world_launch_task(struct world *w, const struct launch *l, struct str id, bool first)
{
    struct world_task *t = NULL;

    for (int i = 0; i < WORLD_TASKS_MAX && t == NULL; i++)
        if (w->tasks[i].id == NULL)
            t = &w->tasks[i];
    if (t == NULL)
        abort();
    *t = (struct world_task){ .id = xstrndup(id), .agent = l->agent_id.p[1] - '0', .healthy = true };
    if (!first || app_is_resident(&l->spec->app))
        return; /* what is reserved is in the pieces */
    t->cpus = (int64_t)(l->spec->app.cpus.v * 1000);
    for (size_t i = 0; i < l->port_count && i < 8; i++)
        t->ports[t->port_count++] = l->ports[i];
}

static struct world_piece *world_piece_add(struct world *w, const struct launch *l, const char *name)
{
    for (int i = 0; i < WORLD_PIECES_MAX; i++)
        if (w->pieces[i].owner == NULL) {
            w->pieces[i] = (struct world_piece){ .owner = xstrndup(l->instance->id),
                                                 .agent = l->agent_id.p[1] - '0',
                                                 .name = name };
            return &w->pieces[i];
        }
    abort();
}

static void world_reserve(struct world *w, const struct launch *l)
{
    static const char *const names[] = { "cpus", "mem", "ports", "disk" };

    w->reserves++;
    w->offers_wanted = true;
    for (size_t k = 0; k < l->pick_count && !w->reservations_fail; k++) {
        struct world_piece *p = world_piece_add(w, l, names[l->picks[k].resource % 4]);
        p->milli = l->picks[k].milli;
        if (l->picks[k].range_count != 0)
            p->port = l->picks[k].ranges[0];
        if (l->picks[k].volume != 0) {
            struct sbuf b = SBUF_INIT(4096);
            volume_persistence_id(l->instance, l->picks[k].volume - 1, &b);
            p->volume = xstrndup(sbuf_view(&b));
            sbuf_done(&b);
        }
    }
}

static void world_piece_free(struct world_piece *p)
{
    free(p->owner);
    free(p->volume);
    free(p->task);
    *p = (struct world_piece){ 0 };
}

static struct world_piece *world_piece_of(struct world *w, size_t agent, const struct pick *p)
{
    int at = w->offered[agent][p->resource];

    return at >= 0 ? &w->pieces[at] : NULL;
}

static void world_reclaim(struct world *w, const struct launch *l, size_t agent)
{
    w->reclaims++;
    w->offers_wanted = true;
    for (size_t k = 0; k < l->pick_count; k++) {
        struct world_piece *p = world_piece_of(w, agent, &l->picks[k]);
        if (p == NULL || p->task != NULL)
            abort();
        world_piece_free(p);
    }
}

static void world_use_pieces(struct world *w, const struct launch *l, size_t agent)
{
    for (size_t k = 0; k < l->pick_count; k++) {
        struct world_piece *p = world_piece_of(w, agent, &l->picks[k]);
        if (p != NULL)
            p->task = xstrndup(l->task_id);
    }
}

/* Of a pod one task per container, the first of which holds everything. */
static void world_launch(struct world *w, const struct launch *l)
{
    size_t n = pod_container_count(&l->spec->app);

    if (n == 0)
        world_launch_task(w, l, l->task_id, true);
    for (size_t k = 0; k < n; k++)
        world_launch_task(w, l,
                          pod_task_id(&w->actions.arena, l->instance->id, pod_container(&l->spec->app, k),
                                      l->instance->incarnation),
                          k == 0);
    w->launches++;
}

static void world_actions(struct world *w)
{
    struct marathon_actions *a = &w->actions;
    char line[400];

    w->stores += (unsigned)a->store_count;
    for (size_t i = 0; i < a->n; i++) {
        struct marathon_action *x = &a->v[i];
        switch (x->type) {
        case DO_ACCEPT:
            for (size_t k = 0; k < x->accept.n; k++)
                if (x->accept.launches[k].kind == LAUNCH_RESERVE)
                    world_reserve(w, &x->accept.launches[k]);
                else if (x->accept.launches[k].kind == LAUNCH_RECLAIM)
                    world_reclaim(w, &x->accept.launches[k], x->accept.offer_index);
                else {
                    world_use_pieces(w, &x->accept.launches[k], x->accept.offer_index);
                    world_launch(w, &x->accept.launches[k]);
                }
            break;
        case DO_DECLINE:
            break;
        case DO_REVIVE:
            w->revives++;
            w->suppressed = false;
            w->offers_wanted = true;
            break;
        case DO_SUPPRESS:
            w->suppresses++;
            w->suppressed = true;
            break;
        case DO_KILL: {
            struct world_task *t = world_task(w, x->kill.task_id);
            w->kills++;
            if (t != NULL)
                t->killed = true;
            break;
        }
        case DO_ACKNOWLEDGE:
            break;
        case DO_RECONCILE:
            w->reconciles++;
            break;
        case DO_PROBE:
            w->probes++;
            if (w->probe_pending < 64)
                w->probe_ids[w->probe_pending++] = x->probe.id;
            break;
        case DO_EVENT:
            w->counts[x->event.type]++;
            (void)snprintf(line, sizeof line, "%s", bus_type_name(x->event.type));
            world_trace(w, line);
            break;
        }
    }
}

static int world_step(struct world *w, struct marathon_event ev, struct error *err)
{
    int rc;

    ev.now = w->now;
    ev.wall = w->wall;
    rc = marathon_step(w->m, &ev, &w->rng, &w->actions, err);
    world_actions(w);
    if (w->check != NULL)
        w->check(w);
    return rc;
}

static void world_init(struct world *w, int agents, int64_t agent_cpus, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    marathon_config_init(&w->config);
    w->agents = agents;
    w->agent_cpus = agent_cpus;
    w->now = (struct mono){ 1000 * NS_PER_S };
    w->wall = (struct wall){ 1700000000000 };
    rng_seed(&w->rng, seed);
    marathon_actions_init(&w->actions);
}

static void world_start(struct world *w)
{
    if (w->m == NULL)
        w->m = marathon_new(&w->config);
    (void)world_step(w, (struct marathon_event){ .type = EVENT_STARTED }, NULL);
    (void)world_step(w,
                     (struct marathon_event){ .type = EVENT_SUBSCRIBED,
                                              .subscribed = { STR("fw-1"), STR("127.0.0.1:5050") } },
                     NULL);
}

static void world_done(struct world *w)
{
    marathon_free(w->m);
    marathon_actions_done(&w->actions);
    for (int i = 0; i < WORLD_TASKS_MAX; i++)
        free(w->tasks[i].id);
    for (int i = 0; i < WORLD_PIECES_MAX; i++)
        world_piece_free(&w->pieces[i]);
}

/* Adds what is reserved on the agent and not in use. */
static size_t world_offer_pieces(struct world *w, int a, struct offer_resource *res, size_t n)
{
    for (int i = 0; i < WORLD_PIECES_MAX; i++) {
        struct world_piece *p = &w->pieces[i];
        if (p->owner == NULL || p->agent != a || p->task != NULL || n == WORLD_OFFERED_MAX)
            continue;
        w->offered[a][n] = i;
        res[n++] = (struct offer_resource){ .name = str_of(p->name),
                                            .role = STR("web"),
                                            .milli = p->milli,
                                            .kind = p->port.end != 0 ? VALUE_KIND_RANGES : VALUE_KIND_SCALAR,
                                            .ranges = &p->port,
                                            .range_count = p->port.end != 0,
                                            .range_cap = 1,
                                            .volume = p->volume != NULL,
                                            .persistence_id = str_of(p->volume),
                                            .labelled = true,
                                            .owner_framework = STR("fw-1"),
                                            .owner = str_of(p->owner) };
    }
    return n;
}

/* Offers everything free, one offer per agent. */
static void world_offer(struct world *w)
{
    struct offer offers[WORLD_AGENTS_MAX];
    static struct offer_resource res[WORLD_AGENTS_MAX][WORLD_OFFERED_MAX];
    struct port_range ranges[WORLD_AGENTS_MAX][64];
    struct attribute attrs[WORLD_AGENTS_MAX][1];
    char names[WORLD_AGENTS_MAX][4][16];

    w->offers_wanted = false;
    for (int a = 0; a < w->agents; a++) {
        int64_t cpus = w->agent_cpus;
        size_t n = 0;
        uint32_t at = 31000;
        for (int i = 0; i < WORLD_TASKS_MAX; i++)
            if (w->tasks[i].id != NULL && w->tasks[i].agent == a)
                cpus -= w->tasks[i].cpus;
        for (int i = 0; i < WORLD_PIECES_MAX; i++)
            if (w->pieces[i].owner != NULL && w->pieces[i].agent == a && str_is(str_of(w->pieces[i].name), "cpus"))
                cpus -= w->pieces[i].milli;
        for (uint32_t p = 31000; p <= 31050 && n < 63; p++) {
            bool used = false;
            for (int i = 0; i < WORLD_TASKS_MAX && !used; i++)
                for (size_t k = 0;
                     w->tasks[i].id != NULL && w->tasks[i].agent == a && k < w->tasks[i].port_count; k++)
                    used = used || w->tasks[i].ports[k] == p;
            for (int i = 0; i < WORLD_PIECES_MAX && !used; i++)
                used = w->pieces[i].owner != NULL && w->pieces[i].agent == a && w->pieces[i].port.begin == p;
            if (!used)
                continue;
            if (p > at)
                ranges[a][n++] = (struct port_range){ at, p - 1 };
            at = p + 1;
        }
        ranges[a][n++] = (struct port_range){ at, 32000 };
        (void)snprintf(names[a][0], 16, "a%d", a);
        (void)snprintf(names[a][1], 16, "host%d", a);
        (void)snprintf(names[a][2], 16, "o%d", a);
        (void)snprintf(names[a][3], 16, "r%d", a % 2);
        res[a][0] = (struct offer_resource){ .name = STR("cpus"), .role = STR("*"), .milli = cpus };
        res[a][1] = (struct offer_resource){ .name = STR("mem"), .role = STR("*"), .milli = 100000000 };
        res[a][2] = (struct offer_resource){ .name = STR("ports"),
                                             .role = STR("*"),
                                             .kind = VALUE_KIND_RANGES,
                                             .ranges = ranges[a],
                                             .range_count = n,
                                             .range_cap = n };
        res[a][3] = (struct offer_resource){ .name = STR("disk"), .role = STR("*"), .milli = 100000000 };
        attrs[a][0] = (struct attribute){ STR("rack"), str_of(names[a][3]), VALUE_KIND_TEXT };
        offers[a] = (struct offer){ .id = str_of(names[a][2]),
                                    .agent_id = str_of(names[a][0]),
                                    .hostname = str_of(names[a][1]),
                                    .role = w->config.role,
                                    .attributes = attrs[a],
                                    .attribute_count = 1,
                                    .resources = res[a],
                                    .resource_count = 4 };
        for (int k = 0; k < 4; k++)
            w->offered[a][k] = -1;
        offers[a].resource_count = world_offer_pieces(w, a, res[a], 4);
    }
    (void)world_step(
        w, (struct marathon_event){ .type = EVENT_OFFERS, .offers = { offers, (size_t)w->agents } }, NULL);
}

static void world_status(struct world *w, const char *task_id, enum task_state s, int healthy)
{
    struct marathon_event ev = { .type = EVENT_STATUS };

    ev.status = (struct status_event){ .task_id = str_of(task_id),
                                       .agent_id = STR("a0"),
                                       .state = s,
                                       .healthy = healthy,
                                       .reason_number = REASON_NONE,
                                       .uuid = STR("0123456789abcdef"),
                                       .message = STR("m") };
    (void)world_step(w, ev, NULL);
}

static void world_end_task(struct world *w, struct world_task *t, enum task_state s)
{
    char *id = t->id;

    t->id = NULL;
    for (int i = 0; i < WORLD_PIECES_MAX; i++)
        if (w->pieces[i].task != NULL && str_is(str_of(id), w->pieces[i].task)) {
            free(w->pieces[i].task);
            w->pieces[i].task = NULL;
        }
    world_status(w, id, s, -1);
    free(id);
    if (!w->suppressed)
        w->offers_wanted = true;
}

static void world_tick(struct world *w, int64_t ms)
{
    w->now = mono_add(w->now, ms * NS_PER_MS);
    w->wall.ms += ms;
    (void)world_step(w, (struct marathon_event){ .type = EVENT_TICK }, NULL);
}

/* One thing that is due, chosen by the seed. False: nothing but time to pass. */
static bool world_act(struct world *w)
{
    int start = (int)rng_below(&w->rng, WORLD_TASKS_MAX);

    if (w->offers_wanted && rng_below(&w->rng, 3) == 0) {
        world_offer(w);
        return true;
    }
    if (w->probe_pending != 0) {
        struct marathon_event ev = { .type = EVENT_PROBE };
        ev.probe = (struct probe_event){ .id = w->probe_ids[--w->probe_pending],
                                         .answered = true,
                                         .status = w->checks_fail ? 500 : 200 };
        (void)world_step(w, ev, NULL);
        return true;
    }
    for (int k = 0; k < WORLD_TASKS_MAX; k++) {
        struct world_task *t = &w->tasks[(start + k) % WORLD_TASKS_MAX];
        if (t->id == NULL)
            continue;
        if (t->killed) {
            world_end_task(w, t, TASK_KILLED);
            return true;
        }
        if (!t->told_running) {
            if (w->start_fails) {
                world_end_task(w, t, TASK_FAILED);
            } else {
                t->told_running = true;
                world_status(w, t->id, TASK_RUNNING, -1);
            }
            return true;
        }
    }
    if (w->offers_wanted) {
        world_offer(w);
        return true;
    }
    return false;
}

/* Until nothing happens any more without time passing, and then for at most ms of it. */
static inline void world_run(struct world *w, int64_t ms)
{
    for (int64_t t = 0; t <= ms; t += 100) {
        for (int k = 0; k < 100000 && world_act(w); k++)
            ;
        world_tick(w, 100);
    }
    while (world_act(w))
        ;
}

static inline struct app *world_app(struct arena *a, const char *id, const char *cmd, int64_t instances)
{
    struct app *app = arena_alloc(a, sizeof *app);
    struct marathon_config c;

    marathon_config_init(&c);
    app->id = arena_str(a, str_of(id));
    app->cmd = arena_str(a, str_of(cmd));
    app->cpus = (struct opt_f64){ true, 0.1 };
    app->instances = (struct opt_i64){ true, instances };
    app_fill(app, &c, STR("/"), HEALTH_PORTS_STATED, a);
    return app;
}

/* With a volume of 100 MB; the world's config must have the role web. */
static inline struct app *world_resident_app(struct arena *a, const char *id, const char *cmd, int64_t instances)
{
    struct app *app = arena_alloc(a, sizeof *app);
    struct marathon_config c;
    struct volume *v = arena_alloc(a, sizeof *v);

    marathon_config_init(&c);
    c.role = STR("web");
    v->container_path = STR("data");
    v->mode = (struct opt_i64){ true, MODE_RW };
    v->persistent = arena_alloc(a, sizeof *v->persistent);
    v->persistent->size = (struct opt_i64){ true, 100 };
    app->container = arena_alloc(a, sizeof *app->container);
    app->container->type = (struct opt_i64){ true, ENGINE_MESOS };
    app->container->volumes = (struct list){ true, 1, v };
    app->id = arena_str(a, str_of(id));
    app->cmd = arena_str(a, str_of(cmd));
    app->cpus = (struct opt_f64){ true, 0.1 };
    app->instances = (struct opt_i64){ true, instances };
    app_fill(app, &c, STR("/"), HEALTH_PORTS_STATED, a);
    return app;
}

static inline int world_put(struct world *w, const struct app *app, bool force, struct error *err)
{
    struct update_app ua = { .id = app->id, .app = app };
    struct root_update u = { .apps = &ua, .app_count = 1, .force = force };

    return world_step(w, (struct marathon_event){ .type = EVENT_UPDATE, .update = &u }, err);
}

static inline int world_remove(struct world *w, const char *id)
{
    struct update_app ua = { .id = str_of(id) };
    struct root_update u = { .apps = &ua, .app_count = 1, .force = true };

    return world_step(w, (struct marathon_event){ .type = EVENT_UPDATE, .update = &u }, NULL);
}

#endif
