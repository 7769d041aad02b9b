/* SPDX-License-Identifier: Apache-2.0 */
/* A run of commits: look up the versions of keys that we do not know, check expectations here (we are the only writer, so
 * the answer is final), gather the batches that pass in a frame, send it, go on. After a lost answer the fence's number tells
 * whether the frame happened. */
#include "common/io/store_zk_int.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"

enum { KNOWN_MAX = 300000, TRIES_MAX = 3 };

/* --- frames ------------------------------------------------------------------------------------------- */
static void run_frame(struct szk *b);

static void frame_happened(struct szk *b)
{
    b->fence_version++;
    b->seq++;
    b->syncs++;
    if (++b->frame < b->program.count)
        run_frame(b);
    else
        b->program_end(b, NULL);
}

static void on_resolved(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;
    struct str text = r->data;
    uint64_t seq;

    if (r->code == ZK_LOST)
        return; /* CONNECTED asks again */
    if (r->code != ZK_OK || !str_skip(&text, str_of(b->mark)) || !str_u64(&text, UINT64_MAX, &seq) ||
        (seq != b->seq && seq != b->seq + 1)) {
        szk_set_fenced(b, r->data);
    } else if (seq == b->seq) {
        b->fence_version = r->version;
        run_frame(b);
    } else {
        b->fence_version = r->version - 1;
        frame_happened(b);
    }
}

void szk_resolve(struct szk *b)
{
    b->state = SZK_RESOLVING;
    if (zk_is_connected(b->zk))
        zk_get(b->zk, b->fence, on_resolved, b);
}

static void on_frame(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;

    if (r->code == ZK_OK)
        frame_happened(b);
    else if (r->code == ZK_LOST)
        szk_resolve(b);
    else if (r->failed_index == 0 && (r->code == ZK_BAD_VERSION || r->code == ZK_NO_NODE))
        szk_set_fenced(b, STR("its fence was changed"));
    else
        b->program_end(b, r);
}

static void run_frame(struct szk *b)
{
    const struct szk_frame *f = &b->program.frames[b->frame];
    struct zk_multi *m = zk_multi_new();
    struct sbuf text = SBUF_INIT(1024);

    b->state = SZK_WRITING;
    sbuf_fmt(&text, "%s%" PRIu64, b->mark, b->seq + 1);
    zk_multi_set(m, b->fence, sbuf_view(&text), b->fence_version);
    for (size_t i = 0; i < f->count; i++) {
        const struct szk_op *op = &f->ops[i];
        switch (op->kind) {
        case SZK_CREATE:
            zk_multi_create(m, op->path, op->data, szk_acl(b));
            break;
        case SZK_SET:
            zk_multi_set(m, op->path, op->data, op->version);
            break;
        case SZK_DELETE:
            zk_multi_delete(m, op->path, op->version);
            break;
        }
    }
    zk_multi_send(b->zk, m, on_frame, b);
    sbuf_done(&text);
}

/* Empty frames change nothing and are not sent. */
void szk_run_program(struct szk *b, szk_program_fn *end)
{
    b->program_end = end;
    b->frame = 0;
    while (b->frame < b->program.count && b->program.frames[b->frame].count == 0)
        b->frame++;
    if (b->frame < b->program.count)
        run_frame(b);
    else
        end(b, NULL);
}

/* --- commits ------------------------------------------------------------------------------------------ */
struct undo {
    struct szk_known *k;
    int32_t version;
    bool split;
};

struct plan {
    struct szk *b;
    struct szk_frame ops; /* of one batch */
    struct undo *undo;
    size_t undo_count, undo_cap;
};

static void plan_put(struct plan *p, struct szk_known *k, struct str value)
{
    struct arena *a = &p->b->program.arena;
    struct str key = { k->key, k->key_n }, first = str_sub(value, 0, SZK_SPLIT_BYTES);
    const char *path = szk_path(a, p->b->root, key, false);
    bool split = value.n >= SZK_SPLIT_BYTES;
    bool exists = k->version != SZK_ABSENT;

    szk_frame_add(&p->ops, (struct szk_op){ exists ? SZK_SET : SZK_CREATE, path, first, k->version });
    if (split || k->split) {
        enum szk_kind kind = !split ? SZK_DELETE : k->split ? SZK_SET : SZK_CREATE;
        struct str rest = split ? str_sub(value, SZK_SPLIT_BYTES, value.n) : (struct str){ NULL, 0 };
        szk_frame_add(&p->ops, (struct szk_op){ kind, szk_path(a, p->b->root, key, true), rest, -1 });
    }
    k->version++;
    k->split = split;
}

static void plan_delete(struct plan *p, struct szk_known *k)
{
    struct arena *a = &p->b->program.arena;
    struct str key = { k->key, k->key_n }, none = { NULL, 0 };

    if (k->version == SZK_ABSENT)
        return;
    szk_frame_add(&p->ops,
                  (struct szk_op){ SZK_DELETE, szk_path(a, p->b->root, key, false), none, k->version });
    if (k->split)
        szk_frame_add(&p->ops, (struct szk_op){ SZK_DELETE, szk_path(a, p->b->root, key, true), none, -1 });
    k->version = SZK_ABSENT;
    k->split = false;
}

static void plan_undo(struct plan *p)
{
    while (p->undo_count > 0) {
        struct undo *u = &p->undo[--p->undo_count];
        u->k->version = u->version;
        u->k->split = u->split;
    }
    p->ops.count = p->ops.bytes = 0;
}

/* What the batch does, as operations; a conflict is the batch's result. */
static void plan_batch(struct plan *p, struct store_op *op)
{
    p->ops.count = p->ops.bytes = p->undo_count = 0;
    for (size_t i = 0; i < op->batch->count && op->rc == 0; i++) {
        const struct store_entry *e = &op->batch->entries[i];
        struct szk_known *k = szk_known_find(p->b, e->key);
        ASSERT(k != NULL);
        ASSERT(k->version != SZK_NOT_LOOKED);
        uint64_t found = (uint64_t)(k->version + 1);
        if (e->expected != STORE_ANY_VERSION && e->expected != found) {
            op->rc = store_op_conflict(op, e, found);
            break;
        }
        ARRAY_ROOM(p->undo, p->undo_count, p->undo_cap);
        p->undo[p->undo_count++] = (struct undo){ k, k->version, k->split };
        if (e->is_delete)
            plan_delete(p, k);
        else
            plan_put(p, k, e->value);
        op->versions[i] = e->is_delete ? 0 : (uint64_t)(k->version + 1);
    }
    if (op->rc != 0)
        plan_undo(p);
}

/* Batches from b->at on, as many as fit one frame; or one that is larger. Their keys are all known. */
static void plan_frame(struct szk *b, const struct store_op *end)
{
    struct plan p = { .b = b };
    struct szk_frame *f;
    struct store_op *op;

    szk_program_init(&b->program);
    f = szk_frame_new(&b->program);
    for (op = b->at; op != end; op = op->next) {
        if (op->rc != 0)
            continue;
        plan_batch(&p, op);
        if (szk_frame_has_room(f, p.ops.bytes, p.ops.count)) {
            for (size_t i = 0; i < p.ops.count; i++)
                szk_frame_add(f, p.ops.ops[i]);
            continue;
        }
        if (f->count != 0) {
            plan_undo(&p);
            break;
        }
        szk_journal_program(&b->program, b->root, &p.ops);
        op = op->next;
        break;
    }
    b->upto = op;
    free(p.ops.ops);
    free(p.undo);
}

static void on_look(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;
    struct szk_known *k = b->looks[b->look_done++];

    if (r->code == ZK_OK) {
        k->version = r->version;
        k->split = r->data_bytes == SZK_SPLIT_BYTES;
    } else if (r->code == ZK_NO_NODE) {
        k->version = SZK_ABSENT;
        k->split = false;
    } else if (r->code == ZK_LOST) {
        b->lost = true;
    } else {
        szk_set_trouble(b, r, "reading");
        b->lost = true;
    }
    if (b->look_done < b->look_count)
        return;
    if (b->lost)
        szk_known_clear(b);
    if (b->trouble.code != ERR_OK) {
        szk_fail_rest(b, &b->trouble);
        b->trouble.code = ERR_OK;
    }
    b->state = b->lost && !zk_is_connected(b->zk) ? SZK_CLOSED : SZK_READY;
    b->next(b);
}

/* Asks for what we do not know of the keys up to end, a part when it is much. False: nothing to ask. */
static bool look(struct szk *b, const struct store_op *end)
{
    CLEANUP(arena_done_p) struct arena a = { 0 };

    arena_init(&a, 64 << 20);
    b->look_count = b->look_done = 0;
    b->lost = false;
    for (struct store_op *op = b->at; op != end; op = op->next)
        for (size_t i = 0; op->rc == 0 && i < op->batch->count && b->look_count < SZK_LOOKS_MAX; i++) {
            struct str key = op->batch->entries[i].key;
            if (szk_known_find(b, key) != NULL)
                continue;
            if (b->whole != NULL && str_starts(key, str_of(b->whole)))
                (void)szk_known_set(b, key, SZK_ABSENT, false);
            else
                b->looks[b->look_count++] = szk_known_set(b, key, SZK_NOT_LOOKED, false);
        }
    for (size_t i = 0; i < b->look_count; i++) {
        struct str key = { b->looks[i]->key, b->looks[i]->key_n };
        zk_exists(b->zk, szk_path(&a, b->root, key, false), on_look, b);
    }
    return b->look_count != 0;
}

static void batches_end(struct szk *b, const struct error *err)
{
    for (; b->at != b->upto; b->at = b->at->next)
        if (err != NULL && b->at->rc == 0)
            szk_fail_op(b->at, err);
    b->tries = 0;
}

static void batches_over(struct szk *b, const struct zk_result *r)
{
    bool edited = r != NULL && (r->code == ZK_BAD_VERSION || r->code == ZK_NO_NODE || r->code == ZK_NODE_EXISTS);

    if (r != NULL)
        szk_known_clear(b);
    if (edited && b->frame == 0 && ++b->tries < TRIES_MAX) {
        ; /* somebody edited nodes by hand: look again */
    } else if (r != NULL) {
        szk_set_trouble(b, r, "a change was refused");
        struct error err = b->trouble;
        b->trouble.code = ERR_OK;
        batches_end(b, &err);
    } else {
        batches_end(b, NULL);
    }
    szk_program_done(&b->program);
    b->state = SZK_READY;
    b->next(b);
}

void szk_begin_commits(struct szk *b)
{
    struct store_op *end = b->at;
    size_t keys = 0;

    while (end != NULL && end->kind == STORE_COMMIT && (end == b->at || keys < SZK_LOOKS_MAX)) {
        keys += end->batch->count;
        end = end->next;
    }
    if (HASH_COUNT(b->known) > KNOWN_MAX)
        szk_known_clear(b);
    b->state = SZK_LOOKING;
    if (look(b, end))
        return;
    plan_frame(b, end);
    szk_run_program(b, batches_over);
}
