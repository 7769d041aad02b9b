/* SPDX-License-Identifier: Apache-2.0 */
/* A backend for the shipped front of the store (common/io/store.h): records on a disk that commits late. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/store_int.h"
#include "tests/sim/framework/fakeio.h"

enum { STORES_MAX = 64 };

static struct vstore *opening;

struct local {
    struct proc *p;
    struct vstore *st;
    struct store *store;
    struct store_op *group, *at, *end; /* end: behind the commits under way */
    bool failing;
    uint64_t n; /* of the step under way */
};

static struct local *locals[STORES_MAX]; /* of living processes, so that late answers find nobody */

static void local_advance(struct local *l);

static struct local *local_of(const struct proc *p)
{
    for (size_t i = 0; i < STORES_MAX; i++)
        if (locals[i] != NULL && locals[i]->p == p)
            return locals[i];
    return NULL;
}

static void local_read(struct local *l)
{
    struct store_op *op = l->at;
    const struct vkv *kv = &l->st->kv;

    for (size_t i = 0; i < kv->n && op->rc == 0; i++) {
        struct str key = str_of(kv->v[i].key);
        if (op->kind == STORE_GET ? str_eq(key, op->key) : str_starts(key, op->key))
            op->rc = store_op_add(op, key, kv->v[i].value, 1);
    }
    l->at = op->next;
}

static void commits_over(struct local *l)
{
    for (; l->at != l->end; l->at = l->at->next) {
        if (l->failing && l->at->rc == 0)
            l->at->rc = error_set(&l->at->err, ERR_IO, "store: database or disk is full");
        for (size_t i = 0; l->at->rc == 0 && i < l->at->batch->count; i++)
            l->at->versions[i] = l->at->batch->entries[i].is_delete ? 0 : 1;
    }
}

static void local_go_on(struct proc *p, void *arg, uint64_t n)
{
    struct local *l = local_of(p);

    (void)arg;
    if (l == NULL || l->n != n)
        return;
    fake_process(p);
    if (l->at != l->end)
        commits_over(l);
    else
        local_read(l);
    local_advance(l);
    fake_turn(p);
}

static void local_read_later(struct sim *s, struct proc *p, void *arg, uint64_t n)
{
    (void)s;
    local_go_on(p, arg, n);
}

/* Commits that follow each other are one transaction. */
static void local_commit(struct local *l)
{
    struct store_item *items = NULL;
    size_t n = 0, cap = 0;
    struct store_op *op = l->at;

    for (; op != NULL && op->kind == STORE_COMMIT; op = op->next)
        for (size_t i = 0; op->rc == 0 && i < op->batch->count; i++) {
            const struct store_entry *e = &op->batch->entries[i];
            ASSERT(e->expected == STORE_ANY_VERSION);
            ARRAY_ROOM(items, n, cap);
            items[n++] = (struct store_item){ xstrndup(e->key), e->is_delete, str_mem(xstrndup(e->value), e->value.n) };
        }
    l->end = op;
    l->failing = l->st->full;
    if (!proc_effect(l->p) || l->failing) { /* dead, or nothing of it happens */
        for (size_t i = 0; i < n; i++) {
            free(items[i].key);
            free((void *)(uintptr_t)items[i].value.p);
        }
        n = 0;
    }
    if (l->p->alive && !l->p->dying)
        vstore_commit(l->st, l->p, items, n, local_go_on, NULL, l->n);
    else
        free(items);
}

static void local_advance(struct local *l)
{
    l->n++;
    if (l->at == NULL) {
        struct store_op *group = l->group;
        l->group = NULL;
        store_group_done(l->store, group, 1);
    } else if (l->at->kind == STORE_COMMIT) {
        local_commit(l);
    } else {
        l->end = l->at;
        sim_after(l->p->sim, l->p, between(&l->p->sim->rng_disk, MS(1), MS(60)), local_read_later, NULL, l->n);
    }
}

static void local_submit(struct store *s, void *backend, struct store_op *group)
{
    struct local *l = backend;

    (void)s;
    l->group = l->at = group;
    local_advance(l);
}

/* At the end of the process: what was handed over happens or not (vstore_proc_died), and nobody is told. */
static void local_wait(void *backend)
{
    struct local *l = backend;
    struct store_op *group = l->group;

    for (; l->at != NULL; l->at = l->at->next)
        if (l->at->rc == 0)
            l->at->rc = error_set(&l->at->err, ERR_UNAVAILABLE, "the process is gone");
    l->group = NULL;
    l->n++;
    if (group != NULL)
        store_group_done(l->store, group, 0);
}

static void local_close(void *backend)
{
    for (size_t i = 0; i < STORES_MAX; i++)
        if (locals[i] == backend)
            locals[i] = NULL;
    free(backend);
}

void fake_store(struct vstore *st)
{
    opening = st;
}

static int store_open(struct store **ret, struct loop *loop)
{
    static const struct store_backend backend = { local_submit, local_wait, local_close };
    struct local *l = xcalloc(1, sizeof *l);
    size_t i = 0;

    l->p = fake_current();
    l->st = opening;
    while (locals[i] != NULL)
        ASSERT(++i < STORES_MAX);
    locals[i] = l;
    *ret = l->store = store_new(loop, &backend, l);
    return 0;
}

int store_open_sqlite(struct store **ret_store, struct loop *loop, const struct store_sqlite_options *options,
                      struct error *err)
{
    (void)options;
    (void)err;
    return store_open(ret_store, loop);
}

int store_open_memory(struct store **ret_store, struct loop *loop, struct error *err)
{
    (void)err;
    return store_open(ret_store, loop);
}
