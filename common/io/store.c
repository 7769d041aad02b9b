/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the store: checks batches, queues operations, hands all that has gathered to the backend as
 * one group at LOOP_STORE, and calls back in order. While a group is with the backend the next one gathers,
 * so the busier the disk, the larger the groups. */
#include "common/io/store_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"

enum { GROUP_BYTES_MAX = 64 << 20, GROUP_OPS_MAX = 10000, RESULT_BYTES_MAX = 1 << 30 };

struct store {
    struct loop *loop;
    const struct store_backend *backend;
    void *data;
    struct store_op *queue;
    struct store_op *done; /* what is still to be told */
    struct loop_work work, tell_work;
    bool busy, closing;
    size_t pending;
    struct store_stats stats;
};

/* --- batches ------------------------------------------------------------------------------------------ */
struct store_batch *store_batch_new(void)
{
    return xcalloc(1, sizeof(struct store_batch));
}

void store_batch_free(struct store_batch *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->count; i++)
        free((void *)(uintptr_t)b->entries[i].key.p);
    free(b->entries);
    free(b);
}

static bool key_is_good(struct str key)
{
    return key.n != 0 && key.n <= STORE_KEY_BYTES_MAX && str_is_utf8(key);
}

static void entry_add(struct store_batch *b, struct str key, struct str value, uint64_t expected,
                      bool is_delete)
{
    if (b->refused.code != ERR_OK)
        return;
    if (!key_is_good(key)) {
        (void)error_set(&b->refused, ERR_INVALID, "store key of %zu bytes; keys are 1 to %d bytes of UTF-8",
                        key.n, STORE_KEY_BYTES_MAX);
        return;
    }
    if (value.n > STORE_VALUE_BYTES_MAX) {
        (void)error_set(&b->refused, ERR_LIMIT,
                        "store record %.*s has %zu bytes; STORE_VALUE_BYTES_MAX is %d",
                        (int)(key.n < 100 ? key.n : 100), key.p, value.n, STORE_VALUE_BYTES_MAX);
        return;
    }
    if (b->count >= STORE_BATCH_ENTRIES_MAX || b->bytes + key.n + value.n > STORE_BATCH_BYTES_MAX) {
        (void)error_set(&b->refused, ERR_LIMIT, "store batch over %d entries or %d bytes; split it",
                        STORE_BATCH_ENTRIES_MAX, STORE_BATCH_BYTES_MAX);
        return;
    }
    ARRAY_ROOM(b->entries, b->count, b->cap);
    char *copy = xmalloc(key.n + value.n);
    memcpy(copy, key.p, key.n);
    if (value.n != 0)
        memcpy(copy + key.n, value.p, value.n);
    b->entries[b->count++] = (struct store_entry){ .key = { copy, key.n },
                                                   .value = { copy + key.n, value.n },
                                                   .expected = expected,
                                                   .is_delete = is_delete };
    b->bytes += key.n + value.n;
}

void store_batch_put(struct store_batch *b, struct str key, struct str value, uint64_t expected_version)
{
    entry_add(b, key, value, expected_version, false);
}

void store_batch_delete(struct store_batch *b, struct str key, uint64_t expected_version)
{
    entry_add(b, key, (struct str){ NULL, 0 }, expected_version, true);
}

size_t store_batch_count(const struct store_batch *b)
{
    return b->count;
}

/* --- operations --------------------------------------------------------------------------------------- */
static struct store_op *op_new(struct store *s, enum store_op_kind kind, void *arg)
{
    ASSERT(!s->closing);
    struct store_op *op = xcalloc(1, sizeof *op);
    op->kind = kind;
    op->arg = arg;
    op->asked = loop_now(s->loop);
    arena_init(&op->arena, RESULT_BYTES_MAX);
    return op;
}

static void op_free(struct store_op *op)
{
    store_batch_free(op->batch);
    free((void *)(uintptr_t)op->key.p);
    free(op->versions);
    free(op->records);
    arena_done(&op->arena);
    free(op);
}

static void op_ask(struct store *s, struct store_op *op)
{
    DL_APPEND(s->queue, op);
    s->pending++;
    if (!s->busy)
        loop_defer(s->loop, &s->work);
}

int store_op_add(struct store_op *op, struct str key, struct str value, uint64_t version)
{
    char *copy = arena_alloc_raw(&op->arena, key.n + value.n + 1);
    if (copy == NULL)
        return error_set(&op->err, ERR_NOMEM, "the answer of the store is over %d bytes", RESULT_BYTES_MAX);
    memcpy(copy, key.p, key.n);
    if (value.n != 0)
        memcpy(copy + key.n, value.p, value.n);
    ARRAY_ROOM(op->records, op->record_count, op->record_cap);
    op->records[op->record_count++] = (struct store_record){ .key = { copy, key.n },
                                                             .value = { copy + key.n, value.n },
                                                             .version = version };
    return 0;
}

int store_op_conflict(struct store_op *op, const struct store_entry *e, uint64_t found)
{
    op->conflict_key = e->key;
    return error_set(&op->err, ERR_CONFLICT, "store record %.*s has version %" PRIu64 ", not %" PRIu64,
                     (int)(e->key.n < 120 ? e->key.n : 120), e->key.p, found, e->expected);
}

static void tell(struct store *s, struct store_op *op)
{
    const struct error *err = op->rc != 0 ? &op->err : NULL;
    if (op->kind == STORE_COMMIT) {
        s->stats.commits++;
        if (err != NULL && err->code == ERR_CONFLICT)
            s->stats.conflicts++;
        else if (err != NULL)
            s->stats.failures++;
        else
            s->stats.bytes += op->batch->bytes;
        s->stats.last_commit_ns = mono_diff(loop_now(s->loop), op->asked);
    }
    if (s->closing)
        return;
    if (op->kind == STORE_GET && op->fn.get != NULL) {
        op->fn.get(op->arg, err == NULL && op->record_count != 0 ? op->records : NULL, err);
    } else if (op->kind == STORE_LIST && op->fn.list != NULL) {
        op->fn.list(op->arg, err == NULL ? op->records : NULL, err == NULL ? op->record_count : 0, err);
    } else if (op->kind == STORE_COMMIT && op->fn.commit != NULL) {
        struct store_result r = { .err = err, .conflict_key = op->conflict_key, .count = op->batch->count };
        if (err == NULL)
            r.versions = op->versions;
        op->fn.commit(op->arg, &r);
    }
}

static void tell_done(struct store *s)
{
    while (s->done != NULL) {
        struct store_op *op = s->done;
        DL_DELETE(s->done, op);
        s->pending--;
        tell(s, op);
        op_free(op);
        if (!s->closing && s->done != NULL && loop_herd_is_over(s->loop)) {
            loop_defer_first(s->loop, &s->tell_work);
            return;
        }
    }
}

static void tell_more(void *arg)
{
    tell_done(arg);
}

/* A group may have thousands of commits, and what is done about each is the work of a herd: agents that register. It comes before
 * what is still to be read from them, so that what is under way does not grow. */
void store_group_done(struct store *s, struct store_op *group, unsigned syncs)
{
    s->stats.syncs += syncs;
    DL_CONCAT(s->done, group);
    if (s->closing) {
        tell_done(s);
    } else if (!s->tell_work.queued && loop_herd_begin(s->loop)) {
        tell_done(s);
        loop_herd_end(s->loop);
    } else {
        loop_defer_first(s->loop, &s->tell_work);
    }
    s->busy = false;
    if (s->queue != NULL)
        loop_defer(s->loop, &s->work);
}

/* --- groups ------------------------------------------------------------------------------------------- */
/* As much of the queue as makes one group, at least one operation. */
static struct store_op *take_group(struct store *s)
{
    struct store_op *group = NULL, *op, *next;
    size_t bytes = 0, count = 0;
    DL_FOREACH_SAFE(s->queue, op, next)
    {
        bytes += op->kind == STORE_COMMIT ? op->batch->bytes : 0;
        if (group != NULL && (bytes > GROUP_BYTES_MAX || count >= GROUP_OPS_MAX))
            break;
        DL_DELETE(s->queue, op);
        DL_APPEND(group, op);
        count++;
        if (op->kind == STORE_COMMIT)
            op->versions = xcalloc(op->batch->count + 1, sizeof *op->versions);
        if (op->kind == STORE_COMMIT && op->batch->refused.code != ERR_OK) {
            op->err = op->batch->refused;
            op->rc = -(int)op->err.code;
        }
    }
    return group;
}

static void submit(void *arg)
{
    struct store *s = arg;
    if (s->busy || s->queue == NULL)
        return;
    s->busy = true;
    s->backend->submit(s, s->data, take_group(s));
}

void store_commit(struct store *s, struct store_batch *b, store_commit_fn *fn, void *arg)
{
    struct store_op *op = op_new(s, STORE_COMMIT, arg);
    op->batch = b;
    op->fn.commit = fn;
    op_ask(s, op);
}

void store_get(struct store *s, struct str key, store_get_fn *fn, void *arg)
{
    struct store_op *op = op_new(s, STORE_GET, arg);
    op->key = (struct str){ xstrndup(key), key.n };
    op->fn.get = fn;
    op_ask(s, op);
}

void store_list(struct store *s, struct str prefix, store_list_fn *fn, void *arg)
{
    struct store_op *op = op_new(s, STORE_LIST, arg);
    op->key = (struct str){ xstrndup(prefix), prefix.n };
    op->fn.list = fn;
    op_ask(s, op);
}

size_t store_pending(const struct store *s)
{
    return s->pending;
}

void store_stats(const struct store *s, struct store_stats *ret)
{
    *ret = s->stats;
}

/* --- life --------------------------------------------------------------------------------------------- */
struct store *store_new(struct loop *loop, const struct store_backend *backend, void *data)
{
    struct store *s = xcalloc(1, sizeof *s);
    s->loop = loop;
    s->backend = backend;
    s->data = data;
    s->work = LOOP_WORK(LOOP_STORE, submit, s);
    s->tell_work = LOOP_WORK(LOOP_HERD, tell_more, s);
    return s;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    s->closing = true;
    while (s->busy || s->queue != NULL) {
        submit(s);
        if (s->busy)
            s->backend->wait(s->data);
    }
    tell_done(s);
    s->backend->close(s->data);
    loop_undefer(s->loop, &s->work);
    loop_undefer(s->loop, &s->tell_work);
    free(s);
}
