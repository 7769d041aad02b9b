/* SPDX-License-Identifier: Apache-2.0 */
/* Random sets of apps, changed at random, on a cluster with room enough. Whatever happens:
 *  - no rolling restart goes below the health floor that it began above, nor over its capacity;
 *  - a canary replaces no more than its share before it is promoted, a paused one moves nothing;
 *  - counters are the sums over the instances;
 *  - every deployment ends, and then every app has its instances, all of the present configuration;
 *  - the same seed gives the same course. */
#include "tests/unit/marathon/world.h"

static struct world w;
static uint64_t trace_hash;
static uint64_t seed_now;

static void mix(uint64_t v)
{
    trace_hash = (trace_hash ^ v) * UINT64_C(1099511628211);
}

static void check_counters(const struct slot *s)
{
    int64_t live[2] = { 0 }, ready[2] = { 0 }, dying[2] = { 0 }, running = 0;
    size_t scheduled = 0, n = 0;

    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        n++;
        scheduled += i->state == INSTANCE_SCHEDULED;
        running += i->state == INSTANCE_RUNNING;
        if (i->goal != GOAL_RUNNING)
            dying[i->old]++;
        else if (i->state != INSTANCE_INACTIVE)
            live[i->old]++;
        ready[i->old] += i->goal == GOAL_RUNNING && i->state == INSTANCE_RUNNING &&
                         (i->health == INSTANCE_UNCHECKED || i->health == INSTANCE_HEALTHY) &&
                         (!i->readiness_asked || i->ready);
    }
    for (int k = 0; k < 2; k++) {
        CHECK_INT(s->live[k], live[k]);
        CHECK_INT(s->ready[k], ready[k]);
        CHECK_INT(s->dying[k], dying[k]);
    }
    CHECK_INT(s->running, running);
    CHECK_INT(s->scheduled_count, scheduled);
    CHECK_INT(s->instance_count, n);
}

/* Ready instances of each app at the end of the step before. */
static struct {
    char id[32];
    int64_t ready, live_new;
} last[16];

static int64_t ready_before(const struct slot *s)
{
    for (size_t i = 0; i < 16; i++)
        if (str_is(s->id, last[i].id))
            return last[i].ready;
    return 0;
}

static int64_t new_before(const struct slot *s)
{
    for (size_t i = 0; i < 16; i++)
        if (str_is(s->id, last[i].id))
            return last[i].live_new;
    return 0;
}

static void remember_ready(struct world *x)
{
    struct slot *s, *tmp;
    size_t n = 0;

    memset(last, 0, sizeof last);
    HASH_ITER(hh, x->m->slots, s, tmp)
    {
        (void)snprintf(last[n].id, sizeof last[n].id, "%s", s->id.p);
        last[n].live_new = s->live[0];
        last[n++].ready = s->ready[0] + s->ready[1];
    }
}

struct watch {
    const struct slot *slot;
    char deployment[UUID_TEXT_SIZE]; /* not its address, which may be used again */
    int64_t floor;
} watches[64];

static void check_restart(const struct slot *s)
{
    const struct rolling *r = &s->rolling;
    struct watch *x = NULL;
    int64_t ready = s->ready[0] + s->ready[1];

    for (size_t i = 0; i < 64 && x == NULL; i++)
        if (watches[i].slot == s && str_is(str_of(watches[i].deployment), s->deployment->id))
            x = &watches[i];
    if (x == NULL) { /* first look, after the first batch of kills: what was ready before counts */
        for (size_t i = 0; i < 64 && x == NULL; i++)
            if (watches[i].slot == NULL || watches[i].slot == s)
                x = &watches[i];
        if (x == NULL)
            return;
        *x = (struct watch){ .slot = s, .floor = r->healthy_min - r->below_floor };
        memcpy(x->deployment, s->deployment->id, sizeof x->deployment);
        if (ready_before(s) < x->floor)
            x->floor = ready_before(s); /* began below: must not get worse */
    }
    if (ready < x->floor)
        test_fail(__FILE__, __LINE__, "seed %llu: %s has %lld ready, floor %lld",
                  (unsigned long long)seed_now, s->id.p, (long long)ready, (long long)x->floor);
    if (s->spec->app.upgrade->pause_after.has && !s->rollout.promoted && !s->rollout.is_back &&
        s->live[0] > s->spec->app.upgrade->pause_after.v && s->live[0] > new_before(s))
        test_fail(__FILE__, __LINE__, "seed %llu: %s starts beyond its canary", (unsigned long long)seed_now, s->id.p);
    if (s->live[0] + s->live[1] + s->dying_counted[1] > r->capacity_max + 1 && s->live[1] > 0 &&
        s->live[0] > r->target)
        test_fail(__FILE__, __LINE__, "seed %llu: %s is over its capacity of %lld",
                  (unsigned long long)seed_now, s->id.p, (long long)r->capacity_max);
}

static void check_all(struct world *x)
{
    struct slot *s, *tmp;

    HASH_ITER(hh, x->m->slots, s, tmp)
    {
        check_counters(s);
        if (s->action == ACTION_RESTART && !s->action_done)
            check_restart(s);
    }
    for (size_t i = 0; i < x->actions.n; i++) {
        mix((uint64_t)x->actions.v[i].type);
        if (x->actions.v[i].type == DO_EVENT)
            mix((uint64_t)x->actions.v[i].event.type + 100);
    }
    mix(x->actions.store_count);
    remember_ready(x);
}

static struct app *random_app(struct arena *a, int k)
{
    static const double capacities[] = { 0, 0.2, 0.5, 1 };
    char id[32], cmd[32];
    struct app *app;

    (void)snprintf(id, sizeof id, "/g%d/app%d", k % 2, k);
    (void)snprintf(cmd, sizeof cmd, "sleep %d", (int)rng_below(&w.rng, 3));
    app = world_app(a, id, cmd, (int64_t)rng_below(&w.rng, 7));
    app->upgrade->health_capacity.v = capacities[rng_below(&w.rng, 4)];
    app->upgrade->over_capacity.v = capacities[rng_below(&w.rng, 4)];
    if (rng_below(&w.rng, 4) == 0)
        app->upgrade->pause_after = (struct opt_i64){ true, 1 + (int64_t)rng_below(&w.rng, 3) };
    if (rng_below(&w.rng, 4) == 0) {
        app->upgrade->rollback = arena_alloc(a, sizeof *app->upgrade->rollback);
        app->upgrade->rollback->failures_max = (struct opt_i64){ true, 1 + (int64_t)rng_below(&w.rng, 3) };
        app->upgrade->rollback->deadline_s = (struct opt_i64){ true, 5 };
    }
    if (k > 0 && rng_below(&w.rng, 3) == 0) {
        struct str *dep = arena_alloc(a, sizeof *dep);
        *dep = arena_fmt(a, "/g%d/app%d", (k - 1) % 2, k - 1);
        app->dependencies = (struct list){ true, 1, dep };
    }
    if (rng_below(&w.rng, 3) == 0) {
        struct health_check *h = arena_alloc(a, sizeof *h);
        *h = (struct health_check){ .grace_s = { true, 300 },
                                    .interval_s = { true, 1 },
                                    .failures_max = { true, 3 },
                                    .protocol = { true, HC_TCP },
                                    .timeout_s = { true, 1 },
                                    .delay_s = { true, 15 },
                                    .ip_protocol = { true, 0 },
                                    .port_index = { true, 0 } };
        app->health_checks = (struct list){ true, 1, h };
    }
    return app;
}

static void random_update(struct arena *a)
{
    struct update_app ua[6];
    struct root_update u = { .apps = ua, .force = rng_below(&w.rng, 2) == 0 };
    struct error err;

    for (int k = 0; k < 6; k++) {
        if (rng_below(&w.rng, 2) == 0)
            continue;
        struct app *app = random_app(a, k);
        ua[u.app_count++] =
            (struct update_app){ .id = app->id, .app = rng_below(&w.rng, 5) == 0 ? NULL : app };
    }
    (void)world_step(&w, (struct marathon_event){ .type = EVENT_UPDATE, .update = &u }, &err);
}

static void command(int k, enum rollout_verb v)
{
    struct arena a = ARENA_INIT(1 << 16);
    struct marathon_event ev = { .type = EVENT_ROLLOUT,
                                 .rollout = { arena_fmt(&a, "/g%d/app%d", k % 2, k), v } };
    struct error err;

    (void)world_step(&w, ev, &err);
    arena_done(&a);
}

static bool settled(void)
{
    struct slot *s, *tmp;

    HASH_ITER(hh, w.m->slots, s, tmp)
    if (s->spec != NULL && s->running != s->spec->app.instances.v)
        return false;
    return w.m->deployment_count == 0;
}

/* Somebody promotes what holds; delays after failures end within five minutes. */
static void settle(void)
{
    for (int round = 0; round < 200 && !settled(); round++) {
        for (int k = 0; k < 6; k++)
            command(k, ROLLOUT_PROMOTE);
        world_run(&w, 2000);
    }
}

static uint64_t run(uint64_t seed)
{
    struct arena a = ARENA_INIT(16 << 20);
    struct slot *s, *tmp;

    seed_now = seed;
    trace_hash = UINT64_C(1469598103934665603);
    memset(watches, 0, sizeof watches);
    world_init(&w, 4, 8000, seed);
    w.check = check_all;
    world_start(&w);
    for (int round = 0; round < 6; round++) {
        random_update(&a);
        w.start_fails = rng_below(&w.rng, 5) == 0;
        /* Anything from nothing to all of what is due happens before the next change. */
        for (uint64_t n = rng_below(&w.rng, 60); n > 0; n--)
            if (!world_act(&w))
                world_tick(&w, 200);
        if (rng_below(&w.rng, 2) == 0)
            command((int)rng_below(&w.rng, 6), (enum rollout_verb)rng_below(&w.rng, 4));
        if (rng_below(&w.rng, 4) == 0 && w.m->deployment_list != NULL) {
            struct marathon_event ev = { .type = EVENT_CANCEL };
            ev.cancel.deployment_id = str_of(w.m->deployment_list->id);
            ev.cancel.force = rng_below(&w.rng, 2) == 0;
            (void)world_step(&w, ev, NULL);
        }
    }
    w.start_fails = false;
    world_run(&w, 20000);
    settle();
    if (w.m->deployment_count != 0)
        test_fail(__FILE__, __LINE__, "seed %llu: %zu deployments have not ended", (unsigned long long)seed,
                  w.m->deployment_count);
    HASH_ITER(hh, w.m->slots, s, tmp)
    {
        if (s->spec == NULL || s->running != s->spec->app.instances.v)
            test_fail(__FILE__, __LINE__, "seed %llu: %s has %lld running", (unsigned long long)seed, s->id.p,
                      (long long)s->running);
        CHECK_INT(s->dying[0] + s->dying[1], 0);
    }
    mix(HASH_COUNT(w.m->instances));
    world_done(&w);
    arena_done(&a);
    return trace_hash;
}

TEST("random deployments keep the floor, end, and are the same for the same seed")
{
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        uint64_t first = run(seed), second = seed % 10 == 0 ? run(seed) : first;
        if (first != second)
            test_fail(__FILE__, __LINE__, "seed %llu gives two courses", (unsigned long long)seed);
    }
}
