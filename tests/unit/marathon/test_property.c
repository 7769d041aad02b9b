/* SPDX-License-Identifier: Apache-2.0 */
/* Random sets of apps, pods, apps with volumes and apps with one instance on every agent, changed at random, on a
 * cluster that has or gets room enough. Whatever happens:
 *  - no restart takes ready instances away below the health floor, nor starts beyond its capacity;
 *  - a canary replaces no more than its share before it is promoted, a paused one moves nothing;
 *  - an app begins its action when those that it depends on have ended theirs, and a cycle is refused;
 *  - a new version that fails, or takes too long, turns round when its rules say so, and a way back does not;
 *  - counters are the sums over the instances;
 *  - every deployment ends, with every app of it as it shall be;
 *  - the same apps give the same plan in whatever order they come, a dry run changes nothing, and the same seed gives
 *    the same course.
 * What is right is worked out here from definitions and instances, not taken from the core's own arithmetic. */
#include "marathon/core/pathid.h"
#include "tests/unit/marathon/world.h"

enum { SEEDS = 1000, APPS = 8, POD = 5, RESIDENT = 6, EVERY = 7, GROUPS = 3 };

static struct world w;
static uint64_t trace_hash;
static uint64_t seed_now;

#define BROKEN(s, ...)                                                                                    \
    do {                                                                                                  \
        char text_[200];                                                                                  \
        (void)snprintf(text_, sizeof text_, __VA_ARGS__);                                                 \
        test_fail(__FILE__, __LINE__, "seed %llu: %s %s", (unsigned long long)seed_now, (s)->id.p, text_); \
    } while (0)

static void mix(uint64_t v)
{
    trace_hash = (trace_hash ^ v) * UINT64_C(1099511628211);
}

static int number_of(const struct slot *s) /* "/g1/app4" */
{
    return s->id.p[s->id.n - 1] - '0';
}

/* --- what there is, counted here ----------------------------------------------------------------------------- */
struct census {
    int64_t live[2], ready[2], dying[2]; /* [old] */
    int64_t dying_late;                  /* of the old ones, not of the first batch of kills */
    int64_t instances;
};

static bool is_ready(const struct instance *i)
{
    return i->goal == GOAL_RUNNING && i->state == INSTANCE_RUNNING &&
           (i->spec->app.health_checks.n == 0 || i->health == INSTANCE_HEALTHY) && (!i->readiness_asked || i->ready);
}

static struct census count(const struct slot *s)
{
    struct census c = { 0 };

    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        c.instances++;
        if (instance_rests(i) || i->unplaced)
            continue;
        if (i->goal != GOAL_RUNNING) {
            c.dying[i->old]++;
            c.dying_late += i->old && i->dying_counted;
        } else if (i->state != INSTANCE_INACTIVE) {
            c.live[i->old]++;
            c.ready[i->old] += is_ready(i);
        }
    }
    return c;
}

static void check_counters(const struct slot *s, const struct census *c)
{
    size_t scheduled = 0;
    int64_t running = 0;

    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        scheduled += i->state == INSTANCE_SCHEDULED;
        running += i->state == INSTANCE_RUNNING;
    }
    for (int k = 0; k < 2; k++) {
        CHECK_INT(s->live[k], c->live[k]);
        CHECK_INT(s->ready[k], c->ready[k]);
        CHECK_INT(s->dying[k], c->dying[k]);
    }
    CHECK_INT(s->running, running);
    CHECK_INT(s->scheduled_count, scheduled);
    CHECK_INT(s->instance_count, c->instances);
}

/* --- what was at the end of the step before ------------------------------------------------------------------- */
static struct memory {
    struct census c;
    char deployment[UUID_TEXT_SIZE]; /* in which it acts; "": in none */
    bool paused;
    struct mono began; /* of the restart */
    bool stood;        /* it stood still at times: no deadline counts */
    int64_t unplaced, unplaced_began; /* of one on every agent: without room; when the restart began */
    bool cut;          /* its last deployment was cancelled: old ones may be left */
} before[APPS];

static int64_t milli(double v)
{
    return (int64_t)(v * 1000 + 0.5);
}

/* Agents that an app with one on every agent is meant for: those of its rack, as far as they have shown up. */
static int64_t places(void)
{
    int64_t n = 0;

    for (const struct agent *a = w.m->agents; a != NULL; a = a->hh.next)
        n += a->known && str_is(a->attributes[0].text, "r0");
    return n;
}

static int64_t floor_of(const struct slot *s, const struct memory *b)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;
    int64_t n = number_of(s) == EVERY ? places() - b->unplaced_began : s->scale_to, min = (n * milli(u->health_capacity.v) + 999) / 1000;
    int64_t max = n * (1000 + milli(u->over_capacity.v)) / 1000;

    if (number_of(s) == EVERY) /* first killed, then started: one at least is away */
        return min < n ? min : n - 1;
    return number_of(s) == RESIDENT && min == max ? min - 1 : min; /* nor can these be started beside */
}

static void check_floor(const struct slot *s, const struct census *c, const struct memory *b)
{
    int64_t ready = c->ready[0] + c->ready[1], was = b->c.ready[0] + b->c.ready[1], floor = floor_of(s, b);

    if (ready < was && ready < floor)
        BROKEN(s, "went from %lld to %lld ready, the floor is %lld", (long long)was, (long long)ready, (long long)floor);
}

/* One more is right when there is no room, and when nothing else is left to move. */
static void check_capacity(const struct slot *s, const struct census *c, const struct memory *b)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;
    int64_t max = s->scale_to * (1000 + milli(u->over_capacity.v)) / 1000, all = c->live[0] + c->live[1] + c->dying_late;
    bool no_room = (s->scale_to * milli(u->health_capacity.v) + 999) / 1000 == max;
    bool last_way = all - c->ready[0] - c->ready[1] == 1;

    if (number_of(s) == EVERY || all <= b->c.live[0] + b->c.live[1] + b->c.dying_late)
        return;
    if (all > max + (no_room && number_of(s) != RESIDENT) + (last_way && number_of(s) != RESIDENT))
        BROKEN(s, "has %lld, its capacity is %lld", (long long)all, (long long)max);
}

/* Never two of it on an agent. */
static void check_one_each(const struct slot *s)
{
    unsigned seen = 0;

    for (const struct instance *i = s->instances; i != NULL; i = i->next) {
        if (i->agent == NULL || i->state == INSTANCE_SCHEDULED)
            continue;
        unsigned bit = 1u << (i->agent->id.p[1] - '0');
        if ((seen & bit) != 0)
            BROKEN(s, "is twice on agent %s", i->agent->id.p);
        seen |= bit;
    }
}

static void check_rollout(const struct slot *s, const struct census *c, const struct memory *b)
{
    const struct upgrade_strategy *u = s->spec->app.upgrade;
    const struct auto_rollback *r = u->rollback;
    bool back = s->deployment->is_back;

    if (u->pause_after.has && !s->rollout.promoted && !back && c->live[0] > u->pause_after.v &&
        c->live[0] + s->unplaced > b->c.live[0] + b->unplaced)
        BROKEN(s, "starts beyond its canary");
    if (b->paused && s->rollout.paused && (c->live[0] + s->unplaced > b->c.live[0] + b->unplaced || c->live[1] < b->c.live[1]))
        BROKEN(s, "moves while it is paused");
    if (r == NULL || back || str_starts(str_of(s->rolled_back_why), STR("not rolled back")))
        return;
    if (s->rollout.failures >= r->failures_max.v)
        BROKEN(s, "has not turned round after %lld failures", (long long)s->rollout.failures);
    if (!b->stood && !u->pause_after.has && mono_diff(w.now, b->began) > (r->deadline_s.v + 1) * NS_PER_S)
        BROKEN(s, "has not turned round in time");
}

/* --- order ------------------------------------------------------------------------------------------------------ */
static bool is_there(const struct slot *s, const struct census *c)
{
    bool agents_say = number_of(s) == EVERY && s->spec->app.instances.v != 0; /* and one may just have come */

    return (agents_say || (c->ready[0] == s->spec->app.instances.v && c->live[0] == c->ready[0])) && c->live[1] == 0 && c->dying[0] + c->dying[1] == 0;
}

/* After its action in the deployment. Going down is over when the surplus is gone, whatever the rest does. */
static bool has_arrived(const struct deployment *d, const struct slot *s)
{
    struct census c = count(s);

    for (size_t i = 0; i < d->plan.n && number_of(s) != EVERY; i++)
        for (size_t k = 0; k < d->plan.steps[i].n; k++)
            if (d->plan.steps[i].actions[k].slot == s && d->plan.steps[i].actions[k].type == ACTION_SCALE && s->scale_down)
                return c.live[0] + c.live[1] == s->spec->app.instances.v;
    return is_there(s, &c);
}

static bool names(struct str dependency, const struct slot *s)
{
    return str_eq(dependency, s->id) || (str_starts(s->id, dependency) && s->id.n > dependency.n && s->id.p[dependency.n] == '/');
}

static bool depends(const struct slot *s, const struct slot *on)
{
    struct group *g = group_find(w.m, path_parent(s->id));

    LIST_EACH(s->spec->app.dependencies, struct str, d)
    if (names(*d, on))
        return true;
    for (size_t i = 0; g != NULL && i < g->dependency_count; i++)
        if (names(g->dependencies[i], on))
            return true;
    return false;
}

static bool acts(const struct slot *s)
{
    return s->deployment != NULL && (s->action == ACTION_SCALE || s->action == ACTION_RESTART);
}

/* Of the latest change of what groups depend on: plans made before do not know of it. */
static struct wall groups_version;

static void check_order(const struct slot *s)
{
    if (s->deployment->version.ms < groups_version.ms)
        return;
    for (struct slot *on = w.m->slots; on != NULL; on = on->hh.next) {
        if (on == s || on->spec == NULL || on->deployment != s->deployment || !depends(s, on))
            continue;
        if (!has_arrived(s->deployment, on))
            BROKEN(s, "begins before %s is there", on->id.p);
    }
}

/* Takes away apps that depend on nothing that is left; what remains are cycles. */
static void check_no_cycle(void)
{
    bool gone[APPS] = { false }, more = true;
    struct slot *s, *tmp;

    while (more) {
        more = false;
        HASH_ITER(hh, w.m->slots, s, tmp)
        {
            bool free_now = s->spec != NULL && !gone[number_of(s)];
            for (struct slot *on = w.m->slots; free_now && on != NULL; on = on->hh.next)
                free_now = on->spec == NULL || gone[number_of(on)] || !depends(s, on);
            if (free_now)
                gone[number_of(s)] = more = true;
        }
    }
    HASH_ITER(hh, w.m->slots, s, tmp)
    if (s->spec != NULL && !gone[number_of(s)])
        BROKEN(s, "is part of a dependency cycle");
}

/* --- after every step -------------------------------------------------------------------------------------------- */
static void check_action(const struct slot *s, const struct census *c)
{
    struct memory *b = &before[number_of(s)];
    bool began = !str_is(str_of(s->deployment->id), b->deployment);

    if (began) {
        check_order(s);
        b->began = w.now;
        b->unplaced_began = b->unplaced;
        b->stood = false;
    }
    if (s->action != ACTION_RESTART || s->action_done)
        return;
    b->stood = b->stood || rollout_state(s) != ROLLOUT_RUNNING;
    check_floor(s, c, b);
    check_capacity(s, c, b);
    check_rollout(s, c, b);
}

static void remember(const struct slot *s, const struct census *c)
{
    struct memory *b = &before[number_of(s)];

    b->c = *c;
    b->unplaced = s->unplaced;
    b->paused = acts(s) && s->rollout.paused;
    (void)snprintf(b->deployment, sizeof b->deployment, "%s", acts(s) ? s->deployment->id : "");
}

static bool is_slot(const struct slot *s) /* false: it is gone */
{
    for (const struct slot *there = w.m->slots; there != NULL; there = there->hh.next)
        if (there == s)
            return true;
    return false;
}

static void note_cut(const struct deployment *d, bool cut)
{
    for (size_t i = 0; i < d->plan.n; i++)
        for (size_t k = 0; k < d->plan.steps[i].n; k++)
            if (is_slot(d->plan.steps[i].actions[k].slot))
                before[number_of(d->plan.steps[i].actions[k].slot)].cut = cut;
}

static void check_event(const struct bus_event *e)
{
    mix((uint64_t)e->type + 100);
    if (e->type == BUS_DEPLOYMENT_FAILED || e->type == BUS_DEPLOYMENT_SUCCESS)
        note_cut(e->deployment, e->type == BUS_DEPLOYMENT_FAILED);
    if (e->type == BUS_DEPLOYMENT_FAILED && e->deployment->is_back && str_starts(e->reason, STR("Rolled back: ")))
        test_fail(__FILE__, __LINE__, "seed %llu: a way back turns round", (unsigned long long)seed_now);
    if (e->type != BUS_DEPLOYMENT_SUCCESS)
        return;
    for (size_t i = 0; i < e->deployment->plan.n; i++)
        for (size_t k = 0; k < e->deployment->plan.steps[i].n; k++) {
            const struct plan_action *act = &e->deployment->plan.steps[i].actions[k];
            struct slot *s = act->slot;
            if (act->type == ACTION_STOP)
                continue; /* its slot may be gone */
            if (!has_arrived(e->deployment, s))
                BROKEN(s, "is not there when its deployment ends");
        }
}

static void check_all(struct world *x)
{
    struct slot *s, *tmp;

    for (size_t i = 0; i < x->actions.n; i++) {
        mix((uint64_t)x->actions.v[i].type);
        if (x->actions.v[i].type == DO_EVENT)
            check_event(&x->actions.v[i].event);
    }
    mix(x->actions.store_count);
    HASH_ITER(hh, x->m->slots, s, tmp)
    {
        struct census c = count(s);
        check_counters(s, &c);
        if (number_of(s) == EVERY)
            check_one_each(s);
        if (acts(s))
            check_action(s, &c);
        remember(s, &c);
    }
    for (int k = 0; k < APPS; k++) {
        char id[32];
        (void)snprintf(id, sizeof id, "/g%d/app%d", k % GROUPS, k);
        if (slot_find(x->m, str_of(id)) == NULL)
            before[k] = (struct memory){ 0 };
    }
}

/* --- random changes ---------------------------------------------------------------------------------------------- */
static bool chance(uint64_t one_in)
{
    return rng_below(&w.rng, one_in) == 0;
}

static struct app *pod_app(struct arena *a, const char *id, const char *cmd, int64_t instances)
{
    struct pod *p = arena_alloc(a, sizeof *p);
    struct pod_container *k = arena_array(a, 2, sizeof *k);

    p->id = arena_str(a, str_of(id));
    p->scaling = arena_alloc(a, sizeof *p->scaling);
    p->scaling->instances = (struct opt_i64){ true, instances };
    for (int i = 0; i < 2; i++) {
        k[i].name = i == 0 ? STR("one") : STR("two");
        k[i].exec = arena_alloc(a, sizeof *k[i].exec);
        k[i].exec->command = arena_alloc(a, sizeof *k[i].exec->command);
        k[i].exec->command->shell = arena_str(a, str_of(cmd));
        k[i].resources = arena_alloc(a, sizeof *k[i].resources);
        k[i].resources->cpus = (struct opt_f64){ true, 0.1 };
        k[i].resources->mem = (struct opt_f64){ true, 32 };
    }
    p->containers = (struct list){ true, 2, k };
    (void)pod_fill(p, &w.config, a);
    return pod_to_app(p, a);
}

static void one_on_every(struct arena *a, struct app *app)
{
    struct constraint *c = arena_array(a, 2, sizeof *c);

    c[0] = (struct constraint){ .field = STR("hostname"), .op = { true, OP_EVERY }, .op_text = STR("EVERY"), .parts = { true, 2 } };
    c[1] = (struct constraint){
        .field = STR("rack"), .op = { true, OP_LIKE }, .op_text = STR("LIKE"), .value = STR("r0"), .parts = { true, 3 }
    };
    app->constraints = (struct list){ true, 2, c };
    app->unreachable = NULL;
    app_fill(app, &w.config, STR("/"), HEALTH_PORTS_STATED, a);
}

static void random_rules(struct arena *a, struct app *app, bool bound)
{
    static const double capacities[] = { 0, 0.2, 0.5, 1 };
    struct upgrade_strategy *u = arena_alloc(a, sizeof *u);

    u->health_capacity = (struct opt_f64){ true, capacities[rng_below(&w.rng, 4)] };
    u->over_capacity = (struct opt_f64){ true, bound ? 0 : capacities[rng_below(&w.rng, 4)] };
    if (chance(4))
        u->pause_after = (struct opt_i64){ true, 1 + (int64_t)rng_below(&w.rng, 3) };
    if (chance(4)) {
        u->rollback = arena_alloc(a, sizeof *u->rollback);
        u->rollback->failures_max = (struct opt_i64){ true, 1 + (int64_t)rng_below(&w.rng, 3) };
        u->rollback->deadline_s = (struct opt_i64){ true, 5 };
    }
    app->upgrade = u;
}

/* Mostly on the one before; now and then on any, or on a group, of which cycles come. */
static void random_dependency(struct arena *a, struct app *app, int k)
{
    int on = chance(8) ? (int)rng_below(&w.rng, APPS) : k - 1;

    if (on < 0 || on == k || !chance(3))
        return;
    struct str *dep = arena_alloc(a, sizeof *dep);
    *dep = chance(8) ? arena_fmt(a, "/g%d", on % GROUPS) : arena_fmt(a, "/g%d/app%d", on % GROUPS, on);
    app->dependencies = (struct list){ true, 1, dep };
}

static void with_check(struct arena *a, struct app *app)
{
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

/* The app as it is, in another number. */
static struct app *scaled(struct arena *a, const struct spec *spec, int64_t n)
{
    struct app *app = arena_alloc(a, sizeof *app);

    *app = spec->app;
    app->instances.v = n;
    return app;
}

static struct app *random_app(struct arena *a, int k)
{
    char id[32], cmd[32];
    int64_t n = (int64_t)rng_below(&w.rng, k == EVERY ? 2 : k == RESIDENT ? 4 : 7);
    const struct slot *s;
    struct app *app;

    (void)snprintf(id, sizeof id, "/g%d/app%d", k % GROUPS, k);
    s = slot_find(w.m, str_of(id));
    if (s != NULL && s->spec != NULL && chance(4))
        return scaled(a, s->spec, n);
    (void)snprintf(cmd, sizeof cmd, "sleep %d", (int)rng_below(&w.rng, 3));
    app = k == POD ? pod_app(a, id, cmd, n) : k == RESIDENT ? world_resident_app(a, id, cmd, n) : world_app(a, id, cmd, n);
    if (k == EVERY)
        one_on_every(a, app);
    app->role = STR("web");
    random_rules(a, app, k == RESIDENT || k == EVERY);
    random_dependency(a, app, k);
    if (k < POD && chance(3))
        with_check(a, app);
    return app;
}

static void print_plan(const struct deployment *d, struct sbuf *b)
{
    for (size_t i = 0; i < d->plan.n; i++) {
        sbuf_c(b, "step:");
        for (size_t k = 0; k < d->plan.steps[i].n; k++) {
            const struct plan_action *act = &d->plan.steps[i].actions[k];
            sbuf_fmt(b, " %d %s %lld", (int)act->type, act->slot->id.p, (long long)act->scale_to);
        }
        sbuf_char(b, '\n');
    }
}

/* The same change as a dry run, its apps in another order. False: it is refused. */
static bool rehearse(const struct root_update *u, struct sbuf *plan)
{
    struct update_app ua[APPS];
    struct root_update dry = *u;
    size_t slots = HASH_COUNT(w.m->slots), groups = HASH_COUNT(w.m->groups), deployments = w.m->deployment_count;
    struct wall version = w.m->version;
    struct error err;
    int rc;

    for (size_t i = 0; i < u->app_count; i++)
        ua[i] = u->apps[u->app_count - 1 - i];
    dry.apps = ua;
    dry.dry_run = true;
    rc = world_step(&w, (struct marathon_event){ .type = EVENT_UPDATE, .update = &dry }, &err);
    if (rc == 0)
        print_plan(w.actions.result.plan, plan);
    CHECK_INT(w.actions.store_count, 0);
    CHECK_INT(HASH_COUNT(w.m->slots), slots);
    CHECK_INT(HASH_COUNT(w.m->groups), groups);
    CHECK_INT(w.m->deployment_count, deployments);
    CHECK_INT(w.m->version.ms, version.ms);
    return rc == 0;
}

static void random_update(struct arena *a)
{
    struct update_app ua[APPS];
    struct update_group ug;
    struct str on = STR("");
    struct list dependencies = { true, 0, &on };
    struct root_update u = { .apps = ua, .groups = &ug, .force = chance(2) };
    struct sbuf dry = SBUF_INIT(1 << 16), real = SBUF_INIT(1 << 16);
    struct error err;
    bool planned;

    for (int k = 0; k < APPS; k++) {
        if (chance(2))
            continue;
        struct app *app = random_app(a, k);
        ua[u.app_count++] = (struct update_app){ .id = app->id, .app = chance(5) ? NULL : app };
    }
    if (chance(3)) { /* a group depends on the next one, or on none any more */
        int g = (int)rng_below(&w.rng, GROUPS);
        on = arena_fmt(a, "/g%d", (g + 1) % GROUPS);
        dependencies.n = rng_below(&w.rng, 2);
        ug = (struct update_group){ .path = arena_fmt(a, "/g%d", g), .dependencies = &dependencies };
        u.group_count = 1;
    }
    planned = rehearse(&u, &dry);
    if (world_step(&w, (struct marathon_event){ .type = EVENT_UPDATE, .update = &u }, &err) == 0) {
        if (u.group_count != 0)
            groups_version = w.actions.result.version;
        const struct deployment *d = deployment_find(w.m, str_of(w.actions.result.deployment_id));
        CHECK(planned);
        if (d != NULL) { /* else it is over */
            print_plan(d, &real);
            CHECK_STR(sbuf_view(&real), sbuf_view(&dry));
        }
        check_no_cycle();
    }
    sbuf_done(&dry);
    sbuf_done(&real);
}

static void command(int k, enum rollout_verb v)
{
    struct arena a = ARENA_INIT(1 << 16);
    struct marathon_event ev = { .type = EVENT_ROLLOUT,
                                 .rollout = { arena_fmt(&a, "/g%d/app%d", k % GROUPS, k), v } };
    struct error err;

    (void)world_step(&w, ev, &err);
    arena_done(&a);
}

static void random_deed(void)
{
    if (chance(2))
        command((int)rng_below(&w.rng, APPS), (enum rollout_verb)rng_below(&w.rng, 4));
    if (chance(4) && w.m->deployment_list != NULL) {
        struct marathon_event ev = { .type = EVENT_CANCEL };
        ev.cancel.deployment_id = str_of(w.m->deployment_list->id);
        ev.cancel.force = chance(2);
        (void)world_step(&w, ev, NULL);
    }
    if (chance(6) && w.agents < 7) {
        w.agents++;
        w.offers_wanted = !w.suppressed;
    }
}

/* --- to the end ----------------------------------------------------------------------------------------------------- */
static bool settled(void)
{
    struct slot *s, *tmp;

    HASH_ITER(hh, w.m->slots, s, tmp)
    {
        struct census c = count(s);
        if (s->spec == NULL || (!before[number_of(s)].cut && !is_there(s, &c)) || c.ready[0] + c.ready[1] != c.live[0] + c.live[1])
            return false;
        if (number_of(s) == EVERY && s->spec->app.instances.v != 0 && c.ready[0] + c.ready[1] != places())
            return false;
    }
    return w.m->deployment_count == 0;
}

/* Somebody promotes what holds and resumes what is paused; delays after failures end within five minutes. */
static void settle(void)
{
    for (int round = 0; round < 200 && !settled(); round++) {
        for (int k = 0; k < APPS; k++) {
            command(k, ROLLOUT_PROMOTE);
            command(k, ROLLOUT_RESUME);
        }
        world_run(&w, 2000);
    }
}

static void check_end(void)
{
    struct slot *s, *tmp;

    if (w.m->deployment_count != 0)
        test_fail(__FILE__, __LINE__, "seed %llu: %zu deployments have not ended", (unsigned long long)seed_now,
                  w.m->deployment_count);
    HASH_ITER(hh, w.m->slots, s, tmp)
    {
        struct census c = count(s);
        if (s->spec == NULL || (!before[number_of(s)].cut && !is_there(s, &c)))
            BROKEN(s, "has at the end %lld + %lld old, ready %lld + %lld", (long long)c.live[0], (long long)c.live[1],
                   (long long)c.ready[0], (long long)c.ready[1]);
    }
    if (!settled())
        test_fail(__FILE__, __LINE__, "seed %llu: not settled", (unsigned long long)seed_now);
}

static uint64_t run(uint64_t seed)
{
    struct arena a = ARENA_INIT(16 << 20);

    seed_now = seed;
    trace_hash = UINT64_C(1469598103934665603);
    memset(before, 0, sizeof before);
    groups_version = (struct wall){ 0 };
    world_init(&w, 4, seed % 3 == 0 ? 600 : 16000, seed); /* 600: room for a part of it only, until the end */
    w.config.role = STR("web");
    w.check = check_all;
    world_start(&w);
    for (int round = 0; round < 6; round++) {
        random_update(&a);
        w.start_fails = chance(5);
        /* Anything from nothing to all of what is due happens before the next change. */
        for (uint64_t n = rng_below(&w.rng, 60); n > 0; n--)
            if (!world_act(&w))
                world_tick(&w, 200);
        random_deed();
    }
    w.start_fails = false;
    w.agent_cpus = 16000;
    w.offers_wanted = !w.suppressed;
    world_run(&w, 20000);
    settle();
    check_end();
    mix(HASH_COUNT(w.m->instances));
    world_done(&w);
    arena_done(&a);
    return trace_hash;
}

TEST("random deployments keep the floor and the capacity, go in order, end, and are the same for the same seed")
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t first = run(seed), second = seed % 10 == 0 ? run(seed) : first;
        if (first != second)
            test_fail(__FILE__, __LINE__, "seed %llu gives two courses", (unsigned long long)seed);
    }
}
