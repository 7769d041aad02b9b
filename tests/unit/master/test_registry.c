/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the registry: what is written is what is read, and a master restarted with them decides as before. */
#include "master/core/internal.h"
#include "master/wire/registry.h"
#include "tests/unit/master/harness.h"

struct kept { /* a store in memory: keys and values as they would be on disk */
    char *key[64];
    struct str value[64];
    size_t n;
    bool late; /* nothing is confirmed */
};

static void keep_records(struct kept *k, const struct master_actions *acts)
{
    for (size_t i = 0; i < acts->count; i++) {
        if (acts->v[i].type != MASTER_ACT_STORE)
            continue;
        for (size_t j = 0; j < acts->v[i].store.count; j++) {
            const struct registry_record *r = &acts->v[i].store.records[j];
            struct sbuf key = SBUF_INIT(1024), value = SBUF_INIT(1 << 20);
            size_t at = 0;
            record_key(r, &key);
            if (!r->deleted)
                record_value(r, &value);
            while (at < k->n && strcmp(k->key[at], key.p) != 0)
                at++;
            if (at == k->n) {
                k->key[at] = xstrdup(key.p);
                k->n++;
            } else {
                free((void *)(uintptr_t)k->value[at].p);
            }
            k->value[at] = r->deleted ? (struct str){ NULL, 0 } : (struct str){ xmemdup(value.p, value.n), value.n };
            sbuf_done(&key);
            sbuf_done(&value);
        }
    }
}

static void kept_done(struct kept *k)
{
    for (size_t i = 0; i < k->n; i++) {
        free(k->key[i]);
        free((void *)(uintptr_t)k->value[i].p);
    }
}

/* A step whose stores are kept and confirmed. */
static void step_kept(struct scene *s, struct master_event *ev, struct kept *k)
{
    struct master_actions acts;
    uint64_t version = 0;

    ev->now.ns = s->now_s * NS_PER_S;
    ev->wall.ms = 1700000000000;
    master_step(s->m, ev, &acts);
    keep_records(k, &acts);
    for (size_t i = 0; i < acts.count; i++)
        if (acts.v[i].type == MASTER_ACT_STORE)
            version = acts.v[i].store.version;
    if (version != 0 && !k->late) {
        struct master_event stored = { .type = MASTER_EV_STORED, .stored = { version } };
        step_kept(s, &stored, k);
    }
}

static void operate(struct scene *s, struct kept *k, const char *json)
{
    struct decoded d;
    struct error err;
    struct str bytes;

    decoded_init(&d);
    if (decode_body(&mesos__v1__master__call__descriptor, str_of(json), true, &d, &bytes, &err) != 0 ||
        decode_operator_call(s->m, bytes, (struct str){ NULL, 0 }, &d, &err) != 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    else
        step_kept(s, &d.ev, k);
    decoded_done(&d);
}

static void agent_comes(struct scene *s, struct kept *k, const char *pid, const char *hostname)
{
    CLEANUP(sbuf_done_p) struct sbuf body = SBUF_INIT(1 << 16);
    CLEANUP(sbuf_done_p) struct sbuf json = SBUF_INIT(1 << 16);
    struct decoded d;
    struct error err;

    sbuf_fmt(&json, "{\"slave\":{\"hostname\":\"%s\",\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":4}}],"
                    "\"attributes\":[{\"name\":\"rack\",\"type\":\"TEXT\",\"text\":{\"value\":\"r1\"}}]},\"version\":\"1.12.0\"," AGENT_CAPS
                    "}", hostname);
    (void)json_to_wire(&mesos__internal__register_slave_message__descriptor, sbuf_view(&json), &body, &err);
    decoded_init(&d);
    CHECK(decode_message(s->m, STR("master"), STR("mesos.internal.RegisterSlaveMessage"), str_of(pid), sbuf_view(&body), &d,
                         &err) == 0);
    step_kept(s, &d.ev, k);
    decoded_done(&d);
}

/* The master after the one whose store this is. */
static void next_master(struct scene *t, const struct kept *k, struct registry_load *load)
{
    struct master_config c = scene_config();
    struct error err;

    registry_load_init(load);
    for (size_t i = 0; i < k->n; i++)
        if (k->value[i].p != NULL)
            CHECK(registry_load_add(load, str_of(k->key[i]), k->value[i], &err) == 0);
    struct master_event ev = { .type = MASTER_EV_RECOVERED, .recovered = { load->records, load->count } };
    memset(t, 0, sizeof *t);
    rng_seed(&t->rng, 1);
    t->trace = SBUF_INIT(1 << 20);
    c.rng = &t->rng;
    t->m = master_new(&c);
    (void)step(t, &ev);
}

#define DRAIN_S0 "{\"type\":\"DRAIN_AGENT\",\"drain_agent\":{\"agent_id\":{\"value\":\"" MASTER_ID "-S0\"}}}"

/* The record of its absence is made before the drain is confirmed, and written after it. */
TEST("an agent that is given up while its drain is being stored stays drained, also for the next master")
{
    struct scene s, t;
    struct kept k = { .n = 0 };
    struct registry_load load;
    struct master_event tick_ev = { .type = MASTER_EV_TICK };

    scene_new(&s);
    agent_comes(&s, &k, "slave(1)@127.0.0.1:1", "h1");
    k.late = true;
    operate(&s, &k, DRAIN_S0);
    for (int i = 0; i < 6; i++) { /* no pong */
        s.now_s += 15;
        step_kept(&s, &tick_ev, &k);
    }
    struct master_event stored = { .type = MASTER_EV_STORED, .stored = { UINT64_MAX } };
    step_kept(&s, &stored, &k);
    const struct lost_agent *here = lost_find(s.m, STR(MASTER_ID "-S0"));
    CHECK(here != NULL && here->kind == LOST_UNREACHABLE && here->drain.state == DRAINING && here->deactivated);
    scene_done(&s);

    next_master(&t, &k, &load);
    const struct lost_agent *there = lost_find(t.m, STR(MASTER_ID "-S0"));
    CHECK(there != NULL && there->kind == LOST_UNREACHABLE && there->drain.state == DRAINING && there->deactivated);
    scene_done(&t);
    registry_load_done(&load);
    kept_done(&k);
}

TEST("agents, drains, weights, quotas, machines and the schedule survive a restart")
{
    struct scene s, t;
    struct kept k = { .n = 0 };
    struct registry_load load;

    scene_new(&s);
    agent_comes(&s, &k, "slave(1)@127.0.0.1:1", "h1");
    agent_comes(&s, &k, "slave(1)@127.0.0.2:1", "h2");
    agent_comes(&s, &k, "slave(1)@127.0.0.3:1", "h3");
    agent_comes(&s, &k, "slave(1)@127.0.0.4:1", "h4");
    operate(&s, &k, "{\"type\":\"DRAIN_AGENT\",\"drain_agent\":{\"agent_id\":{\"value\":\"" MASTER_ID "-S0\"},\"max_grace_period\":{"
                    "\"seconds\":7},\"mark_gone\":false}}");
    operate(&s, &k, "{\"type\":\"MARK_AGENT_GONE\",\"mark_agent_gone\":{\"agent_id\":{\"value\":\"" MASTER_ID "-S1\"}}}");
    operate(&s, &k, "{\"type\":\"DEACTIVATE_AGENT\",\"deactivate_agent\":{\"agent_id\":{\"value\":\"" MASTER_ID "-S2\"}}}");
    operate(&s, &k, "{\"type\":\"UPDATE_WEIGHTS\",\"update_weights\":{\"weight_infos\":[{\"role\":\"web\",\"weight\":2.5}]}}");
    operate(&s, &k, "{\"type\":\"UPDATE_QUOTA\",\"update_quota\":{\"quota_configs\":[{\"role\":\"web\",\"guarantees\":{\"cpus\":{\"value\":1}},"
                    "\"limits\":{\"cpus\":{\"value\":3.5},\"mem\":{\"value\":64}}}]}}");
    operate(&s, &k, "{\"type\":\"UPDATE_MAINTENANCE_SCHEDULE\",\"update_maintenance_schedule\":{\"schedule\":{\"windows\":[{\"machine_ids\":["
                    "{\"hostname\":\"h4\",\"ip\":\"127.0.0.4\"},{\"hostname\":\"m\",\"ip\":\"10.0.0.1\"}],\"unavailability\":{\"start\":{"
                    "\"nanoseconds\":5},\"duration\":{\"nanoseconds\":9}}}]}}}");
    operate(&s, &k, "{\"type\":\"START_MAINTENANCE\",\"start_maintenance\":{\"machines\":[{\"hostname\":\"h4\",\"ip\":\"127.0.0.4\"}]}}");
    scene_done(&s);

    next_master(&t, &k, &load);

    const struct lost_agent *drained = lost_find(t.m, STR(MASTER_ID "-S0")), *gone = lost_find(t.m, STR(MASTER_ID "-S1")),
                            *off = lost_find(t.m, STR(MASTER_ID "-S2"));
    REQUIRE(drained != NULL && gone != NULL && off != NULL);
    CHECK_INT(drained->kind, LOST_RECOVERED);
    CHECK(drained->drain.state == DRAINED && drained->drain.max_grace_ns == 7 * NS_PER_S && drained->deactivated);
    CHECK_CSTR(drained->info->hostname, "h1");
    CHECK_INT(drained->info->attributes.n, 1);
    CHECK(agent_info_can(drained->info, AGENT_CAP_AGENT_DRAINING));
    CHECK_INT(gone->kind, LOST_GONE);
    CHECK(off->kind == LOST_RECOVERED && off->deactivated && off->drain.state == DRAIN_NONE);
    CHECK(lost_find(t.m, STR(MASTER_ID "-S3")) == NULL); /* went down with its machine */
    struct name *web = name_of(STR("web"));
    CHECK(allocator_weight(t.m->allocator, web) == 2.5);
    struct alloc_role_view view;
    CHECK(allocator_role_view(t.m->allocator, web, &view));
    CHECK_INT(quantities_get(&view.limits, NAME_CPUS), 3500);
    CHECK_INT(quantities_get(&view.guarantees, NAME_CPUS), 1000);
    allocator_role_view_done(&view);
    name_unref(web);
    CHECK_INT(machine_find(t.m, STR("h4"), STR("127.0.0.4"))->mode, MACHINE_DOWN);
    CHECK_INT(machine_find(t.m, STR("M"), STR("10.0.0.1"))->mode, MACHINE_DRAINING);
    CHECK_INT(t.m->windows[0].duration_ns, 9);
    scene_done(&t);
    registry_load_done(&load);
    kept_done(&k);
}

TEST("a record that cannot be read is named")
{
    struct registry_load load;
    struct error err;

    registry_load_init(&load);
    CHECK(registry_load_add(&load, STR("master/agent/x"), STR("\xff\xff"), &err) != 0);
    CHECK(str_contains(str_of(err.msg), STR("master/agent/x")));
    CHECK(registry_load_add(&load, STR("master/later/x"), STR("anything"), &err) == 0); /* of a later version: left alone */
    CHECK_INT(load.count, 0);
    registry_load_done(&load);
}
