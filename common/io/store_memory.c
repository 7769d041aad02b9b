/* SPDX-License-Identifier: Apache-2.0 */
/* The store without a disk: a hash of records. "Durable" means for as long as the process lives. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/io/store_int.h"

struct memory_record {
    UT_hash_handle hh;
    char *key;
    size_t key_n;
    char *value;
    size_t value_n;
    uint64_t version;
};

struct memory {
    struct memory_record *all;
};

static struct memory_record *find(struct memory *m, struct str key)
{
    struct memory_record *r = NULL;
    HASH_FIND(hh, m->all, key.p, key.n, r);
    return r;
}

static void record_free(struct memory *m, struct memory_record *r)
{
    HASH_DEL(m->all, r);
    free(r->key);
    free(r->value);
    free(r);
}

static void apply(struct memory *m, const struct store_entry *e, uint64_t version)
{
    struct memory_record *r = find(m, e->key);
    if (e->is_delete) {
        if (r != NULL)
            record_free(m, r);
        return;
    }
    if (r == NULL) {
        r = xcalloc(1, sizeof *r);
        r->key = xmemdup(e->key.p, e->key.n);
        r->key_n = e->key.n;
        HASH_ADD_KEYPTR(hh, m->all, r->key, r->key_n, r);
    }
    free(r->value);
    r->value = xmemdup(e->value.p, e->value.n);
    r->value_n = e->value.n;
    r->version = version;
}

/* Undo by restoring what was there: kept until the whole batch is known to fit. */
struct undo {
    bool was_there;
    char *value;
    size_t value_n;
    uint64_t version;
};

static void undo_all(struct memory *m, const struct store_op *op, struct undo *undo, size_t n)
{
    while (n-- > 0) {
        struct store_entry e = op->batch->entries[n];
        e.is_delete = !undo[n].was_there;
        e.value = str_mem(undo[n].value, undo[n].value_n);
        apply(m, &e, undo[n].version);
    }
}

static int commit(struct memory *m, struct store_op *op)
{
    size_t n = op->batch->count, i;
    struct undo *undo = xcalloc(n + 1, sizeof *undo);
    int rc = 0;
    for (i = 0; i < n; i++) {
        const struct store_entry *e = &op->batch->entries[i];
        const struct memory_record *r = find(m, e->key);
        uint64_t found = r != NULL ? r->version : 0;
        if (e->expected != STORE_ANY_VERSION && e->expected != found) {
            rc = store_op_conflict(op, e, found);
            break;
        }
        if (r != NULL)
            undo[i] = (struct undo){ true, xmemdup(r->value, r->value_n), r->value_n, r->version };
        op->versions[i] = e->is_delete ? 0 : found + 1;
        apply(m, e, op->versions[i]);
    }
    if (rc != 0)
        undo_all(m, op, undo, i);
    for (i = 0; i < n; i++)
        free(undo[i].value);
    free(undo);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct store_record *)a)->key, ((const struct store_record *)b)->key);
}

static int list(struct memory *m, struct store_op *op)
{
    for (const struct memory_record *r = m->all; r != NULL; r = r->hh.next) {
        struct str key = { r->key, r->key_n };
        if (!str_starts(key, op->key))
            continue;
        int rc = store_op_add(op, key, str_mem(r->value, r->value_n), r->version);
        if (rc != 0)
            return rc;
    }
    if (op->record_count != 0)
        qsort(op->records, op->record_count, sizeof *op->records, by_key);
    return 0;
}

static int get(struct memory *m, struct store_op *op)
{
    const struct memory_record *r = find(m, op->key);
    return r != NULL ? store_op_add(op, op->key, str_mem(r->value, r->value_n), r->version) : 0;
}

static void submit(struct store *s, void *backend, struct store_op *group)
{
    struct memory *m = backend;
    for (struct store_op *op = group; op != NULL; op = op->next) {
        if (op->rc != 0)
            continue;
        if (op->kind == STORE_COMMIT)
            op->rc = commit(m, op);
        else
            op->rc = op->kind == STORE_GET ? get(m, op) : list(m, op);
    }
    store_group_done(s, group, 0);
}

static void wait_for(void *backend)
{
    (void)backend; /* a group is never left open */
}

static void memory_close(void *backend)
{
    struct memory *m = backend;
    struct memory_record *r, *next;
    HASH_ITER(hh, m->all, r, next)
    record_free(m, r);
    free(m);
}

int store_open_memory(struct store **ret_store, struct loop *loop, struct error *err)
{
    static const struct store_backend backend = { submit, wait_for, memory_close };
    (void)err;
    *ret_store = store_new(loop, &backend, xcalloc(1, sizeof(struct memory)));
    return 0;
}
