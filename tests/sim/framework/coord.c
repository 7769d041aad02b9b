/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/coord.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"
#include "common/io/detector.h"
#include "common/io/leader.h"
#include "common/io/store_int.h"
#include "common/io/store_zk_frame.h"
#include "common/wire/master_info.h"
#include "tests/sim/ensemble.h"
#include "tests/sim/framework/fakeio.h"

#define ZK_URL "zk://10.0.2.1:2181/mesos"
#define REGISTRY_PATH MASTERS_PATH ".stoa/registry"
#define MARATHON_STORE_PATH "/marathon/stoa"

struct commit {
    struct coord *c;
    uint64_t version;
    coord_done_fn *fn;
    struct commit *next, *prev;
};

struct coord {
    struct proc *p;
    struct commit *commits; /* that were not called back */
    struct loop *loop;
    struct zk *zk;
    struct leader *leader;
    struct leadership l;
    struct store *store;
    struct detector *detector;
    char detected[256];
    coord_news_fn *news;
    coord_list_fn *list;
    coord_master_fn *master;
};

static struct coord *coord_new(struct proc *p)
{
    struct coord *c = xcalloc(1, sizeof *c);

    fake_process(p);
    c->p = p;
    (void)loop_new(&c->loop, NULL, NULL);
    fake_guest(p);
    return c;
}

/* --- election ----------------------------------------------------------------------------------------- */

static void on_leader(void *arg, const struct leader_view *v)
{
    struct coord *c = arg;
    struct master_addr m = { .address = "" };
    enum leadership_news news = leadership_step(&c->l, v->who, v->unsure);

    if (v->who == LEADER_OTHER)
        (void)master_info_read(v->label, v->data, &m, NULL);
    if (news != LEADERSHIP_SAME)
        c->news(c->p, news, m.address);
}

struct coord *sim_coord_elect(struct proc *p, struct str info, coord_news_fn *fn)
{
    struct coord *c = coord_new(p);
    struct zk_url url = { NULL, NULL, NULL };
    struct zk_options zo = { .url = &url, .session_timeout_ns = between(&p->sim->rng_zk, SEC(4), SEC(10)) };
    struct sbuf json = SBUF_INIT(65536);

    c->news = fn;
    if (p->sim->zk == NULL) {
        leader_new_fixed(&c->leader, c->loop, LEADER_SELF, STR(""), on_leader, c);
    } else {
        master_info_put_json(&json, info);
        (void)zk_new(&c->zk, c->loop, &zo, NULL);
        struct leader_options lo = { .zk = c->zk,
                                     .path = MASTERS_PATH,
                                     .rule = ELECTION_MASTER,
                                     .data = sbuf_view(&json),
                                     .prefix = "json.info_",
                                     .acl = ZK_ACL_WORLD_READ };
        leader_new(&c->leader, c->loop, &lo, on_leader, c);
    }
    sbuf_done(&json);
    return c;
}

bool sim_coord_is_sure(const struct coord *c)
{
    return c->l.leads && !c->l.unsure && (c->zk == NULL || zk_is_fresh(c->zk));
}

/* --- the registry ------------------------------------------------------------------------------------- */

static void on_list(void *arg, const struct store_record *records, size_t count, const struct error *err)
{
    struct coord *c = arg;
    struct str *keys = xcalloc(count + 1, sizeof *keys), *values = xcalloc(count + 1, sizeof *values);

    for (size_t i = 0; i < count; i++) {
        keys[i] = records[i].key;
        values[i] = records[i].value;
    }
    if (err == NULL)
        c->list(c->p, keys, values, count);
    else if (c->p->alive && !c->p->dying)
        sim_trace(c->p->sim, c->p->name, "cannot read its registry: %s", err->msg);
    free(keys);
    free(values);
    if (err != NULL)
        proc_exit(c->p);
}

void sim_coord_open(struct coord *c, coord_list_fn *fn)
{
    struct store_zk_options o = { .zk = c->zk, .path = REGISTRY_PATH, .owner = c->p->name };

    fake_process(c->p);
    c->list = fn;
    if (c->zk == NULL) {
        fake_store(&c->p->sim->master_store);
        (void)store_open_memory(&c->store, c->loop, NULL);
    } else {
        (void)store_open_zk(&c->store, c->loop, &o, NULL);
    }
    store_list(c->store, STR(""), on_list, c);
}

static void on_commit(void *arg, const struct store_result *r)
{
    struct commit *k = arg;
    struct commit copy = *k;

    DL_DELETE(k->c->commits, k);
    free(k);
    copy.fn(copy.c->p, copy.version, r->err != NULL && r->err->code == ERR_CONFLICT, r->err != NULL ? r->err->msg : NULL);
}

void sim_coord_commit(struct coord *c, struct store_item *items, size_t n, uint64_t version, coord_done_fn *fn)
{
    struct store_batch *b = store_batch_new();
    struct commit *k = xcalloc(1, sizeof *k);

    *k = (struct commit){ .c = c, .version = version, .fn = fn };
    DL_APPEND(c->commits, k);
    for (size_t i = 0; i < n; i++) {
        if (items[i].deleted)
            store_batch_delete(b, str_of(items[i].key), STORE_ANY_VERSION);
        else
            store_batch_put(b, str_of(items[i].key), items[i].value, STORE_ANY_VERSION);
        free(items[i].key);
        free((void *)(uintptr_t)items[i].value.p);
    }
    free(items);
    store_commit(c->store, b, on_commit, k);
}

static const struct str *zk_record(struct sim *s, const char *root, const char *key)
{
    struct arena a = ARENA_INIT(65536);
    const struct str *data = ensemble_data(s->zk, szk_path(&a, root, str_of(key), false));

    arena_done(&a);
    return data;
}

bool sim_master_has(struct sim *s, const char *key)
{
    return s->zk != NULL ? zk_record(s, REGISTRY_PATH, key) != NULL : kv_get(&s->master_store.kv, key) != NULL;
}

struct str sim_marathon_record(struct sim *s, const char *key)
{
    const struct vkv_entry *e = s->zk == NULL ? kv_get(&s->marathon_store.kv, key) : NULL;
    const struct str *data = s->zk != NULL ? zk_record(s, MARATHON_STORE_PATH, key) : e != NULL ? &e->value : NULL;

    return data != NULL ? *data : (struct str){ NULL, 0 };
}

/* --- agents ------------------------------------------------------------------------------------------- */

static void on_master(void *arg, const struct master_addr *m, bool unsure)
{
    struct coord *c = arg;

    if (unsure)
        return;
    if (m == NULL || m->id[0] == '\0' || strcmp(m->id, c->detected) != 0)
        c->master(c->p, m != NULL ? m->pid : NULL, m != NULL ? m->id : NULL);
    (void)snprintf(c->detected, sizeof c->detected, "%s", m != NULL ? m->id : "");
}

struct coord *sim_coord_follow(struct proc *p, coord_master_fn *fn)
{
    struct coord *c = coord_new(p);
    struct detector_options o = { .master = p->sim->zk != NULL ? STR(ZK_URL) : STR("10.0.0.1:5050") };
    struct error err;

    c->master = fn;
    if (detector_new(&c->detector, c->loop, &o, on_master, c, &err) != 0)
        sim_fail(p->sim, "%s: %s", p->name, err.msg);
    return c;
}

void sim_coord_turn(struct proc *p)
{
    fake_process(p);
    fake_turn(p);
}

void sim_coord_free(struct coord *c)
{
    if (c == NULL)
        return;
    fake_process(c->p);
    store_close(c->store);
    while (c->commits != NULL) {
        struct commit *k = c->commits;
        DL_DELETE(c->commits, k);
        free(k);
    }
    leader_free(c->leader);
    detector_free(c->detector);
    zk_free(c->zk);
    loop_free(c->loop);
    free(c);
}
