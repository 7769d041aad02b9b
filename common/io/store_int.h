/* SPDX-License-Identifier: Apache-2.0 */
/* Between the store's front (store.c: queue, grouping, callbacks) and its backends. A backend gets a group of
 * operations, carries them out in order, fills in their results and hands the group back, on the loop. One
 * group at a time. */
#ifndef STOA_IO_STORE_INT_H
#define STOA_IO_STORE_INT_H

#include "common/base/arena.h"
#include "common/io/store.h"

enum store_op_kind { STORE_COMMIT, STORE_GET, STORE_LIST };

struct store_entry {
    struct str key, value; /* in the batch's memory */
    uint64_t expected;
    bool is_delete;
};

struct store_batch {
    struct store_entry *entries;
    size_t count, cap;
    size_t bytes;
    struct error refused; /* code set: the commit fails with it */
};

struct store_op {
    struct store_op *next, *prev;
    enum store_op_kind kind;
    struct store_batch *batch; /* COMMIT */
    struct str key;            /* GET, LIST: key or prefix, owned */
    union {
        store_commit_fn *commit;
        store_get_fn *get;
        store_list_fn *list;
    } fn;
    void *arg;
    struct mono asked;
    /* the result */
    int rc;
    struct error err;
    struct str conflict_key;      /* in the batch's memory */
    uint64_t *versions;           /* COMMIT: one per entry */
    struct store_record *records; /* GET: one or none; LIST */
    size_t record_count, record_cap;
    struct arena arena; /* of the records' bytes */
};

struct store_backend {
    /* Must end in store_group_done, at once or later. Operations whose rc is set already are left alone. */
    void (*submit)(struct store *s, void *backend, struct store_op *group);
    /* Blocks until the submitted group has been given back. */
    void (*wait)(void *backend);
    void (*close)(void *backend);
};

struct store *store_new(struct loop *loop, const struct store_backend *backend, void *data);
/* syncs: transactions that this group took. */
void store_group_done(struct store *s, struct store_op *group, unsigned syncs);
/* Copies a record into the result of op. ERR_NOMEM over its budget. */
int store_op_add(struct store_op *op, struct str key, struct str value, uint64_t version);
int store_op_conflict(struct store_op *op, const struct store_entry *e, uint64_t found);

#endif
