/* SPDX-License-Identifier: Apache-2.0 */
/* Instances with persistent volumes against the small cluster of world.h, which keeps books of reservations. */
#include "tests/unit/marathon/world.h"

static struct world w;
static struct arena a;

static void begin(int agents, uint64_t seed)
{
    arena_init(&a, 4 << 20);
    world_init(&w, agents, 4000, seed);
    w.config.role = STR("web");
    world_start(&w);
}

static void end(void)
{
    world_done(&w);
    arena_done(&a);
}

static struct slot *slot(void)
{
    struct slot *s = slot_find(w.m, STR("/db"));

    if (s == NULL)
        abort();
    return s;
}

static void put(const char *cmd, int64_t n)
{
    struct error err;

    CHECK_INT(world_put(&w, world_resident_app(&a, "/db", cmd, n), true, &err), 0);
    world_run(&w, 3000);
}

static unsigned volumes(void)
{
    unsigned n = 0;

    for (int i = 0; i < WORLD_PIECES_MAX; i++)
        n += w.pieces[i].volume != NULL;
    return n;
}

static unsigned pieces(void)
{
    unsigned n = 0;

    for (int i = 0; i < WORLD_PIECES_MAX; i++)
        n += w.pieces[i].owner != NULL;
    return n;
}

TEST("a volume is reserved and created first, and the task is launched on the offer that shows it")
{
    begin(2, 1);
    CHECK_INT(world_put(&w, world_resident_app(&a, "/db", "sleep 100", 1), false, NULL), 0);
    world_offer(&w);
    struct instance *i = slot()->instances;
    CHECK_INT(w.reserves, 1);
    CHECK_INT(w.launches, 0);
    CHECK_INT(i->state, INSTANCE_SCHEDULED);
    CHECK_INT(i->reservation, RESERVATION_ASKED);
    CHECK(i->agent != NULL);
    world_offer(&w);
    CHECK_INT(i->state, INSTANCE_PROVISIONED);
    CHECK_INT(w.reserves, 1);
    CHECK_INT(w.launches, 1);
    world_run(&w, 1000);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(i->reservation, RESERVATION_HELD);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK_INT(volumes(), 1);
    CHECK(w.suppressed);
    end();
}

TEST("an offered reservation that the agent never heard of is made anew after the dropped launch")
{
    begin(2, 11);
    CHECK_INT(world_put(&w, world_resident_app(&a, "/db", "sleep 100", 1), false, NULL), 0);
    world_offer(&w);
    world_offer(&w);
    struct instance *i = slot()->instances;
    CHECK_INT(i->state, INSTANCE_PROVISIONED);
    world_end_task(&w, world_task(&w, i->task_id), TASK_DROPPED);
    for (int k = 0; k < WORLD_PIECES_MAX; k++)
        world_piece_free(&w.pieces[k]);
    world_run(&w, 30000);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(w.reserves, 2);
    end();
}

TEST("after a failure the instance comes back on its agent with its volume, as the next incarnation")
{
    begin(3, 2);
    put("sleep 100", 1);
    struct instance *i = slot()->instances;
    struct str id = arena_str(&a, i->id), agent = arena_str(&a, i->agent->id);
    char uuid[UUID_TEXT_SIZE];
    memcpy(uuid, i->volumes[0].uuid, sizeof uuid);
    world_end_task(&w, world_task(&w, i->task_id), TASK_FAILED);
    CHECK_INT(i->state, INSTANCE_SCHEDULED);
    world_run(&w, 3000);
    i = instance_find(w.m, id);
    REQUIRE(i != NULL);
    CHECK_INT(i->state, INSTANCE_RUNNING);
    CHECK(str_ends(i->task_id, STR("._app.2")));
    CHECK(str_eq(i->agent->id, agent));
    CHECK_CSTR(i->volumes[0].uuid, uuid);
    CHECK_INT(w.reserves, 1);
    end();
}

TEST("scaling down keeps volumes, scaling up uses them again before it makes new ones")
{
    begin(2, 3);
    put("sleep 100", 3);
    CHECK_INT(slot()->running, 3);
    put("sleep 100", 1);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(slot()->instance_count, 3);
    CHECK_INT(volumes(), 3);
    CHECK_INT(w.reclaims, 0);
    CHECK_INT(slot()->dying[0] + slot()->dying[1], 0);
    CHECK_INT(w.m->deployment_count, 0);
    put("sleep 100", 4);
    CHECK_INT(slot()->running, 4);
    CHECK_INT(slot()->instance_count, 4);
    CHECK_INT(w.reserves, 4);
    end();
}

TEST("a new command restarts in place: the same instances, agents and volumes")
{
    struct str ids[4];

    begin(2, 4);
    put("sleep 100", 4);
    size_t n = 0;
    for (struct instance *i = slot()->instances; i != NULL; i = i->next)
        ids[n++] = arena_str(&a, i->id);
    put("sleep 200", 4);
    CHECK_INT(slot()->running, 4);
    CHECK_INT(slot()->live[1], 0);
    CHECK_INT(w.reserves, 4);
    CHECK_INT(w.m->deployment_count, 0);
    for (size_t k = 0; k < 4; k++) {
        struct instance *i = instance_find(w.m, ids[k]);
        REQUIRE(i != NULL);
        CHECK_INT(i->state, INSTANCE_RUNNING);
        CHECK(str_ends(i->task_id, STR("._app.2")));
        CHECK(i->spec == slot()->spec);
    }
    end();
}

static void wipe(struct instance *i)
{
    struct str id = arena_str(&a, i->id);
    struct marathon_event ev = { .type = EVENT_KILL, .kill = { .instance_ids = &id, .n = 1, .wipe = true } };

    (void)world_step(&w, ev, NULL);
    world_run(&w, 3000);
}

TEST("wipe destroys and unreserves; the replacement is a new instance")
{
    begin(2, 5);
    put("sleep 100", 1);
    struct str id = arena_str(&a, slot()->instances->id);
    wipe(slot()->instances);
    CHECK(instance_find(w.m, id) == NULL);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(w.reserves, 2);
    CHECK_INT(volumes(), 1);
    CHECK(w.m->garbage == NULL);
    CHECK(w.suppressed);
    put("sleep 100", 0); /* it rests: a wipe takes it away */
    CHECK_INT(slot()->instance_count, 1);
    wipe(slot()->instances);
    CHECK_INT(slot()->instance_count, 0);
    CHECK_INT(pieces(), 0);
    end();
}

TEST("removing the app gives everything back, resting instances included")
{
    begin(2, 6);
    put("sleep 100", 3);
    put("sleep 100", 1);
    (void)world_remove(&w, "/db");
    world_run(&w, 3000);
    CHECK(slot_find(w.m, STR("/db")) == NULL);
    CHECK_INT(pieces(), 0);
    CHECK(w.m->garbage == NULL);
    CHECK(w.suppressed);
    end();
}

TEST("a reservation that no offer confirms in time is forgotten and asked for anew")
{
    begin(2, 7);
    w.reservations_fail = true;
    CHECK_INT(world_put(&w, world_resident_app(&a, "/db", "sleep 100", 1), false, NULL), 0);
    world_run(&w, 10000);
    CHECK_INT(w.reserves, 1);
    CHECK_INT(slot()->instances->reservation, RESERVATION_ASKED);
    w.reservations_fail = false;
    world_run(&w, 15000);
    CHECK_INT(w.reserves, 2);
    CHECK_INT(slot()->running, 1);
    end();
}

TEST("what comes late of a forgotten attempt is given back")
{
    begin(1, 8);
    CHECK_INT(world_put(&w, world_resident_app(&a, "/db", "sleep 100", 1), false, NULL), 0);
    world_offer(&w);
    for (int k = 0; k < 25; k++) /* no offers meanwhile */
        world_tick(&w, 1000);
    CHECK_INT(slot()->instances->reservation, RESERVATION_NONE);
    CHECK_INT(volumes(), 1);
    world_run(&w, 3000);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(volumes(), 1);
    world_run(&w, 3000);
    CHECK_INT(w.reserves, 2);
    end();
}

TEST("an agent that is gone takes the volume along: the instance gets a new one elsewhere")
{
    begin(2, 9);
    put("sleep 100", 1);
    struct instance *i = slot()->instances;
    struct str id = arena_str(&a, i->id);
    char uuid[UUID_TEXT_SIZE];
    memcpy(uuid, i->volumes[0].uuid, sizeof uuid);
    world_status(&w, i->task_id.p, TASK_UNREACHABLE, -1);
    world_run(&w, 5000);
    CHECK_INT(i->state, INSTANCE_UNREACHABLE); /* for ever, unless somebody decides */
    world_end_task(&w, world_task(&w, i->task_id), TASK_GONE_BY_OPERATOR);
    world_run(&w, 5000);
    i = instance_find(w.m, id);
    REQUIRE(i != NULL);
    CHECK_INT(i->state, INSTANCE_RUNNING);
    CHECK(str_ends(i->task_id, STR("._app.2")));
    CHECK(strcmp(i->volumes[0].uuid, uuid) != 0);
    end();
}

/* Its machine comes back as the other of two agents, with its disk. */
static void machine_returns(struct world_task *t)
{
    int agent = t->agent;

    for (int i = 0; i < WORLD_PIECES_MAX; i++)
        if (w.pieces[i].owner != NULL && w.pieces[i].agent == agent) {
            w.pieces[i].agent = 1 - agent;
            free(w.pieces[i].task);
            w.pieces[i].task = NULL;
        }
    t->agent = 1 - agent;
}

TEST("an agent that comes back under another id, with its disk, gets the instances whose volumes it has")
{
    for (int rests = 0; rests < 2; rests++) {
        begin(2, 11);
        put("sleep 100", 1);
        struct instance *i = slot()->instances;
        struct str id = arena_str(&a, i->id), agent = arena_str(&a, i->agent->id);
        char uuid[UUID_TEXT_SIZE];
        memcpy(uuid, i->volumes[0].uuid, sizeof uuid);
        if (rests)
            put("sleep 100", 0);
        else
            world_status(&w, i->task_id.p, TASK_UNREACHABLE, -1);
        for (int k = 0; k < WORLD_TASKS_MAX; k++)
            if (w.tasks[k].id != NULL)
                machine_returns(&w.tasks[k]);
        if (rests)
            for (int k = 0; k < WORLD_PIECES_MAX; k++)
                w.pieces[k].agent = 1 - w.pieces[k].agent;
        struct error err;
        if (!rests) /* somebody asks for offers */
            CHECK_INT(world_put(&w, world_resident_app(&a, "/other", "sleep 100", 1), true, &err), 0);
        world_run(&w, 5000);
        if (rests)
            put("sleep 100", 1);
        i = instance_find(w.m, id);
        REQUIRE(i != NULL);
        CHECK_INT(i->state, INSTANCE_RUNNING);
        CHECK(str_ends(i->task_id, STR("._app.2")));
        CHECK(!str_eq(i->agent->id, agent));
        CHECK_CSTR(i->volumes[0].uuid, uuid);
        CHECK_INT(w.reserves, rests ? 1 : 2);
        end();
    }
}

TEST("a task of a resting instance that returns from a partition is killed, its volume stays")
{
    begin(2, 10);
    put("sleep 100", 1);
    struct instance *i = slot()->instances;
    struct str task = arena_str(&a, i->task_id);
    world_status(&w, task.p, TASK_UNREACHABLE, -1);
    put("sleep 100", 0);
    CHECK_INT(w.m->deployment_count, 0);
    CHECK(instance_rests(i));
    unsigned kills = w.kills;
    world_status(&w, task.p, TASK_RUNNING, -1);
    CHECK_INT(w.kills, kills + 1);
    world_run(&w, 2000);
    CHECK(instance_rests(i));
    CHECK_INT(i->state, INSTANCE_KILLED);
    put("sleep 100", 1);
    CHECK_INT(slot()->running, 1);
    CHECK_INT(w.reserves, 1);
    end();
}

static void check_books(struct world *x)
{
    struct slot *s, *tmp;

    HASH_ITER(hh, x->m->slots, s, tmp)
    for (struct instance *i = s->instances; i != NULL; i = i->next) {
        CHECK_INT((i->reservation != RESERVATION_NONE), (i->volume_count != 0));
        if (i->reservation != RESERVATION_NONE)
            CHECK(i->agent != NULL);
        CHECK(!(instance_state_is_terminal(i->state) && !instance_rests(i)));
    }
}

TEST("random changes of an app with volumes: each live instance has one, and nothing is left behind")
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        begin(3, 100 + seed);
        w.check = check_books;
        for (int round = 0; round < 12; round++) {
            struct error err;
            char cmd[32];
            uint64_t dice = rng_below(&w.rng, 10);
            (void)snprintf(cmd, sizeof cmd, "sleep %d", (int)rng_below(&w.rng, 3));
            if (dice < 7)
                (void)world_put(&w, world_resident_app(&a, "/db", cmd, (int64_t)rng_below(&w.rng, 6)), dice < 4,
                                &err);
            else if (dice == 7)
                (void)world_remove(&w, "/db");
            else if (w.m->instances != NULL) {
                struct str id = arena_str(&a, w.m->instances->id);
                struct marathon_event ev = { .type = EVENT_KILL,
                                             .kill = { .instance_ids = &id, .n = 1, .wipe = dice == 9 } };
                (void)world_step(&w, ev, NULL);
            }
            for (uint64_t n = rng_below(&w.rng, 40); n > 0; n--)
                if (!world_act(&w))
                    world_tick(&w, 500);
        }
        world_run(&w, 40000);
        struct slot *s = slot_find(w.m, STR("/db"));
        int64_t wanted = s != NULL && s->spec != NULL ? s->spec->app.instances.v : 0;
        if (w.m->deployment_count != 0 || (s != NULL && s->running != wanted) ||
            volumes() != (s != NULL ? s->instance_count : 0) || w.m->garbage != NULL)
            test_fail(__FILE__, __LINE__, "seed %llu: %lld run of %lld, %u volumes of %zu instances, %zu deployments",
                      (unsigned long long)seed, (long long)(s != NULL ? s->running : 0), (long long)wanted,
                      volumes(), s != NULL ? s->instance_count : 0, w.m->deployment_count);
        end();
    }
}
