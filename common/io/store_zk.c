/* SPDX-License-Identifier: Apache-2.0 */
/* The store on ZooKeeper. One writer at a time: opening writes our name into the fence node, and every
 * request that changes something first sets the fence from the version we know, so what a predecessor sends
 * late fails as a whole. The fence also counts our requests: after a lost answer its number tells whether the
 * request happened, and it is sent again if not.
 *
 * A group is worked off in order. A run of commits: look up the versions of keys that we do not know, check
 * expectations here (we are the only writer, so the answer is final), gather the batches that pass in a
 * frame, send it, go on. A read: names from the buckets, then the values, pipelined. Whenever the connection
 * is lost the step that was under way is resolved or begun again when it is back; nothing fails for that.
 *
 * Missing on purpose: several frames under way at once (one frame takes a megabyte, so the pause hardly
 * counts). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/base/hash.h"
#include "common/io/random.h"
#include "common/io/store_int.h"
#include "common/io/store_zk_frame.h"

#define CLOSE_WAIT_NS (5 * NS_PER_S)

enum { KNOWN_MAX = 300000, LOOKS_MAX = 5000, GETS_MAX = 2000, TRIES_MAX = 3, BESIDE_TRIES_MAX = 20 };

enum {
    ABSENT = -1,     /* of struct known: there is no such record */
    NOT_LOOKED = -2, /* the question is under way */
};

/* What we know of a record: its node's version, and whether it has a second part. */
struct known {
    char *key;
    size_t key_n;
    int32_t version;
    bool split;
    UT_hash_handle hh;
};

enum state {
    CLOSED, /* not opened in this session, or something went wrong: opens when connected */
    OPENING,
    READY,     /* free for the next step */
    LOOKING,   /* for versions */
    WRITING,   /* a frame is under way */
    RESOLVING, /* a frame's answer was lost */
    READING,
};

struct name {
    char *key;
    size_t n;
};

struct backend {
    struct store *store;
    struct loop *loop;
    struct zk *zk;
    struct zk_listener listener;
    char *root, *fence, *mark; /* mark: "owner=... term=... seq=" */
    bool world_read, beside_owner;
    enum state state;
    bool is_open, fenced;
    struct error trouble; /* of opening, or fenced */
    uint64_t seq;         /* of our last frame that happened */
    int32_t fence_version;
    /* the group */
    struct store_op *group, *at, *upto; /* upto: first operation after those of the program */
    unsigned syncs, tries;
    struct szk_program program;
    size_t frame;
    /* versions */
    struct known *known;
    struct known *looks[LOOKS_MAX];
    size_t look_count, look_done;
    bool lost; /* of the pipelined requests under way at least one */
    /* reading */
    struct name *names;
    size_t name_count, name_cap, asked, answered, buckets_left;
    struct sbuf half; /* first part of a long value, or the journal's chunks */
    size_t *halves, half_count, half_cap, half_done;
    size_t chunks, applied, chunk;
};

static void advance(struct backend *b);
static void open_it(struct backend *b);
static void run_frame(struct backend *b);
static void open_failed(struct backend *b, const struct zk_result *r, const char *what);

/* --- versions ----------------------------------------------------------------------------------------- */
static struct known *known_find(struct backend *b, struct str key)
{
    struct known *k = NULL;
    HASH_FIND(hh, b->known, key.p, key.n, k);
    return k;
}

static struct known *known_set(struct backend *b, struct str key, int32_t version, bool split)
{
    struct known *k = known_find(b, key);

    if (k == NULL) {
        k = xcalloc(1, sizeof *k);
        k->key = xstrndup(key);
        k->key_n = key.n;
        HASH_ADD_KEYPTR(hh, b->known, k->key, k->key_n, k);
    }
    k->version = version;
    k->split = split;
    return k;
}

static void known_clear(struct backend *b)
{
    struct known *k, *next;

    HASH_ITER(hh, b->known, k, next)
    {
        HASH_DEL(b->known, k);
        free(k->key);
        free(k);
    }
}

/* --- ends --------------------------------------------------------------------------------------------- */
static void names_clear(struct backend *b)
{
    for (size_t i = 0; i < b->name_count; i++)
        free(b->names[i].key);
    b->name_count = b->asked = b->answered = b->half_count = b->half_done = 0;
}

static void finish(struct backend *b)
{
    struct store_op *group = b->group;

    b->group = b->at = NULL;
    store_group_done(b->store, group, b->syncs);
}

static void fail_op(struct store_op *op, const struct error *err)
{
    op->err = *err;
    op->rc = -(int)err->code;
    op->record_count = 0;
}

static void fail_rest(struct backend *b, const struct error *err)
{
    for (; b->at != NULL; b->at = b->at->next)
        if (b->at->rc == 0)
            fail_op(b->at, err);
}

static void set_trouble(struct backend *b, const struct zk_result *r, const char *what)
{
    enum err_code code = r->code == ZK_DENIED ? ERR_DENIED : ERR_IO;
    (void)error_set(&b->trouble, code, "store: ZooKeeper at %s: %s: %s", b->root, what, r->text);
}

/* Somebody else has the store now. It stays so: whoever opened us must end or open anew. */
static void set_fenced(struct backend *b, struct str by)
{
    b->fenced = true;
    (void)error_set(&b->trouble, ERR_CONFLICT,
                    "store: %s belongs to another process now (%.*s); nothing was changed", b->root,
                    (int)(by.n < 120 ? by.n : 120), by.n != 0 ? by.p : "");
    b->state = READY;
    advance(b);
}

/* --- frames ------------------------------------------------------------------------------------------- */
static enum zk_acl acl(const struct backend *b)
{
    return b->world_read ? ZK_ACL_WORLD_READ : ZK_ACL_PRIVATE;
}

static void program_over(struct backend *b, const struct error *err)
{
    for (; b->at != b->upto; b->at = b->at->next)
        if (err != NULL && b->at->rc == 0)
            fail_op(b->at, err);
    szk_program_done(&b->program);
    b->tries = 0;
    b->is_open = true;
    b->state = READY;
    advance(b);
}

static void frame_happened(struct backend *b)
{
    b->fence_version++;
    b->seq++;
    b->syncs++;
    if (++b->frame < b->program.count)
        run_frame(b);
    else
        program_over(b, NULL);
}

static void on_resolved(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    struct str text = r->data;
    uint64_t seq;

    if (r->code == ZK_LOST)
        return; /* CONNECTED asks again */
    if (r->code != ZK_OK || !str_skip(&text, str_of(b->mark)) || !str_u64(&text, UINT64_MAX, &seq) ||
        (seq != b->seq && seq != b->seq + 1)) {
        set_fenced(b, r->data);
    } else if (seq == b->seq) {
        b->fence_version = r->version;
        run_frame(b);
    } else {
        b->fence_version = r->version - 1;
        frame_happened(b);
    }
}

static void resolve(struct backend *b)
{
    b->state = RESOLVING;
    if (zk_is_connected(b->zk))
        zk_get(b->zk, b->fence, on_resolved, b);
}

static void on_frame(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    struct error err;

    if (r->code == ZK_OK) {
        frame_happened(b);
    } else if (r->code == ZK_LOST) {
        resolve(b);
    } else if (r->failed_index == 0 && (r->code == ZK_BAD_VERSION || r->code == ZK_NO_NODE)) {
        set_fenced(b, STR("its fence was changed"));
    } else if ((r->code == ZK_BAD_VERSION || r->code == ZK_NO_NODE || r->code == ZK_NODE_EXISTS) &&
               b->is_open && b->frame == 0 && ++b->tries < TRIES_MAX) {
        known_clear(b); /* somebody edited nodes by hand: look again */
        szk_program_done(&b->program);
        b->state = READY;
        advance(b);
    } else if (!b->is_open) {
        szk_program_done(&b->program);
        open_failed(b, r, "finishing an unfinished change");
    } else {
        set_trouble(b, r, "a change was refused");
        err = b->trouble;
        b->trouble.code = ERR_OK;
        known_clear(b);
        program_over(b, &err);
    }
}

static void run_frame(struct backend *b)
{
    const struct szk_frame *f = &b->program.frames[b->frame];
    struct zk_multi *m = zk_multi_new();
    struct sbuf text = SBUF_INIT(1024);

    b->state = WRITING;
    sbuf_fmt(&text, "%s%" PRIu64, b->mark, b->seq + 1);
    zk_multi_set(m, b->fence, sbuf_view(&text), b->fence_version);
    for (size_t i = 0; i < f->count; i++) {
        const struct szk_op *op = &f->ops[i];
        switch (op->kind) {
        case SZK_CREATE:
            zk_multi_create(m, op->path, op->data, acl(b));
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
static void run_program(struct backend *b)
{
    b->frame = 0;
    while (b->frame < b->program.count && b->program.frames[b->frame].count == 0)
        b->frame++;
    if (b->frame < b->program.count)
        run_frame(b);
    else
        program_over(b, NULL);
}

/* --- commits ------------------------------------------------------------------------------------------ */
struct undo {
    struct known *k;
    int32_t version;
    bool split;
};

struct plan {
    struct backend *b;
    struct szk_frame ops; /* of one batch */
    struct undo *undo;
    size_t undo_count, undo_cap;
};

static void plan_put(struct plan *p, struct known *k, struct str value)
{
    struct arena *a = &p->b->program.arena;
    struct str key = { k->key, k->key_n }, first = str_sub(value, 0, SZK_SPLIT_BYTES);
    const char *path = szk_path(a, p->b->root, key, false);
    bool split = value.n >= SZK_SPLIT_BYTES;
    bool exists = k->version != ABSENT;

    szk_frame_add(&p->ops, (struct szk_op){ exists ? SZK_SET : SZK_CREATE, path, first, k->version });
    if (split || k->split) {
        enum szk_kind kind = !split ? SZK_DELETE : k->split ? SZK_SET : SZK_CREATE;
        struct str rest = split ? str_sub(value, SZK_SPLIT_BYTES, value.n) : (struct str){ NULL, 0 };
        szk_frame_add(&p->ops, (struct szk_op){ kind, szk_path(a, p->b->root, key, true), rest, -1 });
    }
    k->version++;
    k->split = split;
}

static void plan_delete(struct plan *p, struct known *k)
{
    struct arena *a = &p->b->program.arena;
    struct str key = { k->key, k->key_n }, none = { NULL, 0 };

    if (k->version == ABSENT)
        return;
    szk_frame_add(&p->ops,
                  (struct szk_op){ SZK_DELETE, szk_path(a, p->b->root, key, false), none, k->version });
    if (k->split)
        szk_frame_add(&p->ops, (struct szk_op){ SZK_DELETE, szk_path(a, p->b->root, key, true), none, -1 });
    k->version = ABSENT;
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
        struct known *k = known_find(p->b, e->key);
        ASSERT(k != NULL);
        ASSERT(k->version != NOT_LOOKED);
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
static void plan_frame(struct backend *b, const struct store_op *end)
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
    struct backend *b = arg;
    struct known *k = b->looks[b->look_done++];

    if (r->code == ZK_OK) {
        k->version = r->version;
        k->split = r->data_bytes == SZK_SPLIT_BYTES;
    } else if (r->code == ZK_NO_NODE) {
        k->version = ABSENT;
        k->split = false;
    } else if (r->code == ZK_LOST) {
        b->lost = true;
    } else {
        set_trouble(b, r, "reading");
        b->lost = true;
    }
    if (b->look_done < b->look_count)
        return;
    if (b->lost)
        known_clear(b);
    if (b->trouble.code != ERR_OK) {
        fail_rest(b, &b->trouble);
        b->trouble.code = ERR_OK;
    }
    b->state = b->lost && !zk_is_connected(b->zk) ? CLOSED : READY;
    advance(b);
}

/* Asks for what we do not know of the keys up to end, a part when it is much. False: nothing to ask. */
static bool look(struct backend *b, const struct store_op *end)
{
    CLEANUP(arena_done_p) struct arena a = { 0 };

    arena_init(&a, 64 << 20);
    b->look_count = b->look_done = 0;
    b->lost = false;
    for (struct store_op *op = b->at; op != end; op = op->next)
        for (size_t i = 0; op->rc == 0 && i < op->batch->count && b->look_count < LOOKS_MAX; i++) {
            struct str key = op->batch->entries[i].key;
            if (known_find(b, key) == NULL)
                b->looks[b->look_count++] = known_set(b, key, NOT_LOOKED, false);
        }
    for (size_t i = 0; i < b->look_count; i++) {
        struct str key = { b->looks[i]->key, b->looks[i]->key_n };
        zk_exists(b->zk, szk_path(&a, b->root, key, false), on_look, b);
    }
    return b->look_count != 0;
}

static void begin_commits(struct backend *b)
{
    struct store_op *end = b->at;
    size_t keys = 0;

    while (end != NULL && end->kind == STORE_COMMIT && (end == b->at || keys < LOOKS_MAX)) {
        keys += end->batch->count;
        end = end->next;
    }
    if (HASH_COUNT(b->known) > KNOWN_MAX)
        known_clear(b);
    b->state = LOOKING;
    if (look(b, end))
        return;
    plan_frame(b, end);
    run_program(b);
}

/* --- reads -------------------------------------------------------------------------------------------- */
static int by_key(const void *a, const void *b)
{
    const struct store_record *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

static void read_again(struct backend *b)
{
    b->at->record_count = 0;
    b->state = zk_is_connected(b->zk) ? READY : CLOSED;
    names_clear(b);
    advance(b);
}

static void read_done(struct backend *b)
{
    struct store_op *op = b->at;

    if (op->rc == 0 && op->record_count > 1)
        qsort(op->records, op->record_count, sizeof *op->records, by_key);
    b->at = op->next;
    b->state = READY;
    names_clear(b);
    advance(b);
}

/* Every change of the owner sets the fence: what was read between two looks at it that find it alike is of one moment. */
static void on_fence_again(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    bool same = r->code == ZK_OK && r->version == b->fence_version;

    if (same) {
        read_done(b);
    } else if (r->code == ZK_LOST || (r->code == ZK_OK && b->tries++ < BESIDE_TRIES_MAX)) {
        if (r->code == ZK_OK)
            b->fence_version = r->version;
        read_again(b);
    } else {
        if (r->code == ZK_OK)
            (void)error_set(&b->trouble, ERR_CONFLICT, "store: its owner changes %s all the time; try again", b->root);
        else
            set_trouble(b, r, "reading");
        fail_op(b->at, &b->trouble);
        b->trouble.code = ERR_OK;
        read_done(b);
    }
}

static void read_over(struct backend *b)
{
    if (b->lost)
        read_again(b); /* from the start */
    else if (b->beside_owner && b->at->rc == 0)
        zk_get(b->zk, b->fence, on_fence_again, b);
    else
        read_done(b);
}

static void read_failed(struct backend *b, const struct zk_result *r)
{
    if (r->code == ZK_LOST) {
        b->lost = true;
    } else {
        set_trouble(b, r, "reading");
        fail_op(b->at, &b->trouble);
        b->trouble.code = ERR_OK;
    }
}

static void add_value(struct backend *b, size_t i, struct str value, int32_t version)
{
    struct str key = { b->names[i].key, b->names[i].n };

    if (b->at->rc == 0 && !b->lost)
        b->at->rc = store_op_add(b->at, key, value, (uint64_t)version + 1);
}

static void next_half(struct backend *b);

static void on_second_half(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;

    if (r->code == ZK_OK || r->code == ZK_NO_NODE) {
        sbuf_str(&b->half, r->data);
        size_t i = b->halves[b->half_done];
        const struct known *k = known_find(b, (struct str){ b->names[i].key, b->names[i].n });
        if (k != NULL)
            add_value(b, i, sbuf_view(&b->half), k->version);
    } else {
        read_failed(b, r);
    }
    b->half_done++;
    next_half(b);
}

static void on_first_half(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    struct arena a;

    if (r->code != ZK_OK) {
        read_failed(b, r);
        b->half_done++;
        next_half(b);
        return;
    }
    sbuf_clear(&b->half);
    sbuf_str(&b->half, r->data);
    arena_init(&a, 8192);
    struct name *n = &b->names[b->halves[b->half_done]];
    zk_get(b->zk, szk_path(&a, b->root, (struct str){ n->key, n->n }, true), on_second_half, b);
    arena_done(&a);
}

/* Long values are rare: one after the other, when all others are there. */
static void next_half(struct backend *b)
{
    struct arena a;

    if (b->half_done >= b->half_count || b->lost) {
        read_over(b);
        return;
    }
    arena_init(&a, 8192);
    struct name *n = &b->names[b->halves[b->half_done]];
    zk_get(b->zk, szk_path(&a, b->root, (struct str){ n->key, n->n }, false), on_first_half, b);
    arena_done(&a);
}

static void ask_values(struct backend *b);

/* Answers come in the order of the questions. */
static void on_value(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    size_t i = b->answered++;

    if (r->code == ZK_OK && !b->lost) {
        bool split = r->data_bytes == SZK_SPLIT_BYTES;
        (void)known_set(b, (struct str){ b->names[i].key, b->names[i].n }, r->version, split);
        if (split) {
            ARRAY_ROOM(b->halves, b->half_count, b->half_cap);
            b->halves[b->half_count++] = i;
        } else {
            add_value(b, i, r->data, r->version);
        }
    } else if (r->code != ZK_OK && r->code != ZK_NO_NODE) {
        read_failed(b, r);
    }
    ask_values(b);
}

static void ask_values(struct backend *b)
{
    struct arena a;

    if (b->answered == b->asked && (b->asked == b->name_count || b->lost)) {
        next_half(b);
        return;
    }
    if (b->asked - b->answered > GETS_MAX / 2 || b->lost)
        return;
    arena_init(&a, 16 << 20);
    while (b->asked < b->name_count && b->asked - b->answered < GETS_MAX) {
        struct name *n = &b->names[b->asked++];
        zk_get(b->zk, szk_path(&a, b->root, (struct str){ n->key, n->n }, false), on_value, b);
    }
    arena_done(&a);
}

static void add_name(struct backend *b, struct str key)
{
    ARRAY_ROOM(b->names, b->name_count, b->name_cap);
    b->names[b->name_count++] = (struct name){ xstrndup(key), key.n };
}

static void on_names(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    struct sbuf key = SBUF_INIT(STORE_KEY_BYTES_MAX);

    if (r->code != ZK_OK && r->code != ZK_NO_NODE)
        read_failed(b, r);
    for (size_t i = 0; i < r->child_count; i++) {
        sbuf_clear(&key);
        if (szk_unescape(str_of(r->children[i]), &key) && sbuf_ok(&key) &&
            str_starts(sbuf_view(&key), b->at->key))
            add_name(b, sbuf_view(&key));
    }
    sbuf_done(&key);
    if (--b->buckets_left == 0) {
        if (b->lost || b->at->rc != 0)
            read_over(b);
        else
            ask_values(b);
    }
}

static void begin_read(struct backend *b)
{
    char path[ZK_PATH_BYTES_MAX];

    b->state = READING;
    b->lost = false;
    names_clear(b);
    if (b->at->kind == STORE_GET) {
        add_name(b, b->at->key);
        ask_values(b);
        return;
    }
    b->buckets_left = SZK_BUCKETS;
    for (unsigned i = 0; i < SZK_BUCKETS; i++) {
        (void)snprintf(path, sizeof path, "%s/r/%02x", b->root, i);
        zk_children(b->zk, path, NULL, on_names, b);
    }
}

/* --- opening ------------------------------------------------------------------------------------------ */
static void open_failed(struct backend *b, const struct zk_result *r, const char *what)
{
    b->state = CLOSED;
    if (r->code == ZK_LOST)
        return; /* CONNECTED opens again */
    set_trouble(b, r, what);
    fail_rest(b, &b->trouble);
    if (b->group != NULL)
        finish(b);
}

static void opened(struct backend *b)
{
    b->trouble.code = ERR_OK;
    b->is_open = true;
    b->state = READY;
    advance(b);
}

static void finish_journal(struct backend *b)
{
    struct szk_frame all = { .ops = NULL };

    szk_program_init(&b->program);
    if (!szk_journal_read(&b->program, sbuf_view(&b->half), &all) || b->applied > all.count) {
        struct zk_result r = { .code = ZK_FAILED, .text = "it is damaged; delete the node journal below the store to give the change up" };
        free(all.ops);
        szk_program_done(&b->program);
        open_failed(b, &r, "the journal of an unfinished change");
        return;
    }
    szk_apply_program(&b->program, b->root, &all, b->applied, b->chunks);
    free(all.ops);
    b->upto = b->at;
    b->trouble.code = ERR_OK;
    run_program(b);
}

static void on_chunk(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    struct arena a;

    if (r->code != ZK_OK) {
        open_failed(b, r, "the journal of an unfinished change");
        return;
    }
    sbuf_str(&b->half, r->data);
    if (++b->chunk == b->chunks) {
        finish_journal(b);
        return;
    }
    arena_init(&a, 8192);
    zk_get(b->zk, szk_chunk_path(&a, b->root, b->chunk), on_chunk, b);
    arena_done(&a);
}

static void on_commit_node(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    struct arena a;

    if (r->code != ZK_OK || !szk_commit_read(r->data, &b->chunks, &b->applied) || b->chunks == 0) {
        open_failed(b, r, "the journal of an unfinished change");
        return;
    }
    b->chunk = 0;
    sbuf_clear(&b->half);
    arena_init(&a, 8192);
    zk_get(b->zk, szk_chunk_path(&a, b->root, 0), on_chunk, b);
    arena_done(&a);
}

/* Chunks without a commit are of a batch that did not happen. */
static void on_journal(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    char path[ZK_PATH_BYTES_MAX];

    if (r->code != ZK_OK) {
        open_failed(b, r, "reading the journal");
        return;
    }
    if (r->child_count == 0) {
        opened(b);
        return;
    }
    if (b->beside_owner) {
        struct zk_result busy = { .code = ZK_FAILED, .text = "a large change is under way; try again" };
        open_failed(b, &busy, "reading beside its owner");
        return;
    }
    for (size_t i = 0; i < r->child_count; i++)
        if (strcmp(r->children[i], "commit") == 0) {
            (void)snprintf(path, sizeof path, "%s/journal/commit", b->root);
            zk_get(b->zk, path, on_commit_node, b);
            return;
        }
    szk_program_init(&b->program);
    struct szk_frame *f = szk_frame_new(&b->program);
    for (size_t i = 0; i < r->child_count; i++) {
        struct str p = arena_fmt(&b->program.arena, "%s/journal/%s", b->root, r->children[i]);
        szk_frame_add(f, (struct szk_op){ SZK_DELETE, p.p, { NULL, 0 }, -1 });
    }
    b->upto = b->at;
    b->trouble.code = ERR_OK;
    run_program(b);
}

static void look_at_journal(struct backend *b)
{
    char path[ZK_PATH_BYTES_MAX];

    (void)snprintf(path, sizeof path, "%s/journal", b->root);
    zk_children(b->zk, path, NULL, on_journal, b);
}

static void on_fence_set(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;

    if (r->code == ZK_BAD_VERSION || r->code == ZK_NODE_EXISTS) {
        open_it(b); /* another opened at the same moment: the last one has it */
        return;
    }
    if (r->code != ZK_OK) {
        open_failed(b, r, "taking the store over");
        return;
    }
    b->fence_version = r->version; /* 0 of a creation */
    b->seq = 0;
    look_at_journal(b);
}

static void on_fence(void *arg, const struct zk_result *r)
{
    struct backend *b = arg;
    struct sbuf text = SBUF_INIT(1024);

    if (b->beside_owner && r->code == ZK_OK) {
        b->fence_version = r->version;
        look_at_journal(b);
        return;
    }
    sbuf_fmt(&text, "%s0", b->mark);
    if (r->code == ZK_OK)
        zk_set(b->zk, b->fence, sbuf_view(&text), r->version, on_fence_set, b);
    else if (r->code == ZK_NO_NODE && !b->beside_owner)
        zk_create(b->zk, b->fence, sbuf_view(&text), 0, acl(b), on_fence_set, b);
    else
        open_failed(b, r, "opening");
    sbuf_done(&text);
}

static void open_it(struct backend *b)
{
    char path[ZK_PATH_BYTES_MAX];

    if (!zk_is_connected(b->zk))
        return;
    b->state = OPENING;
    known_clear(b);
    if (b->beside_owner) {
        zk_get(b->zk, b->fence, on_fence, b);
        return;
    }
    (void)snprintf(path, sizeof path, "%s/r", b->root);
    zk_make_path(b->zk, path, acl(b), NULL, NULL);
    for (unsigned i = 0; i < SZK_BUCKETS; i++) {
        (void)snprintf(path, sizeof path, "%s/r/%02x", b->root, i);
        zk_create(b->zk, path, STR(""), 0, acl(b), NULL, NULL);
    }
    (void)snprintf(path, sizeof path, "%s/journal", b->root);
    zk_create(b->zk, path, STR(""), 0, acl(b), NULL, NULL);
    zk_get(b->zk, b->fence, on_fence, b);
}

/* --- the group ---------------------------------------------------------------------------------------- */
static void refuse_commits(struct backend *b)
{
    struct error err;

    (void)error_set(&err, ERR_IO, "store: %s is open for reading only", b->root);
    fail_rest(b, &err);
    finish(b);
}

static void advance(struct backend *b)
{
    if (b->group == NULL)
        return;
    if (b->fenced && (b->state == READY || b->state == CLOSED))
        fail_rest(b, &b->trouble);
    else if (b->state != READY)
        return;
    while (b->at != NULL && b->at->rc != 0)
        b->at = b->at->next;
    if (b->at == NULL)
        finish(b);
    else if (b->at->kind != STORE_COMMIT)
        begin_read(b);
    else if (!b->beside_owner)
        begin_commits(b);
    else
        refuse_commits(b);
}

static void on_zk(void *arg, enum zk_event ev)
{
    struct backend *b = arg;

    if (ev != ZK_CONNECTED || b->fenced)
        return;
    if (b->state == RESOLVING)
        resolve(b);
    else if (b->state == CLOSED && !b->is_open)
        open_it(b);
    else if (b->state == CLOSED) {
        b->state = READY; /* ours until the fence says otherwise */
        advance(b);
    }
}

static void submit(struct store *s, void *backend, struct store_op *group)
{
    struct backend *b = backend;

    ASSERT(b->group == NULL);
    b->store = s;
    b->group = b->at = group;
    b->syncs = b->tries = 0;
    if (b->state != READY && b->state != CLOSED)
        b->upto = b->at; /* the program of opening covers none of it */
    if (b->state == CLOSED && !b->is_open)
        open_it(b);
    advance(b);
}

static void wait_for(void *backend)
{
    struct backend *b = backend;
    struct mono until = mono_add(loop_clock(), CLOSE_WAIT_NS);
    struct error err;

    while (b->group != NULL && mono_before(loop_clock(), until))
        zk_pump(b->zk, 50 * NS_PER_MS);
    if (b->group == NULL)
        return;
    zk_forget(b->zk, b);
    (void)error_set(&err, ERR_UNAVAILABLE,
                    "store: ZooKeeper at %s cannot be reached; what was under way may have happened",
                    b->root);
    fail_rest(b, &err);
    finish(b);
}

static void backend_close(void *backend)
{
    struct backend *b = backend;

    zk_forget(b->zk, b);
    zk_unlisten(b->zk, &b->listener);
    known_clear(b);
    names_clear(b);
    szk_program_done(&b->program);
    sbuf_done(&b->half);
    free(b->names);
    free(b->halves);
    free(b->root);
    free(b->fence);
    free(b->mark);
    free(b);
}

int store_open_zk(struct store **ret_store, struct loop *loop, const struct store_zk_options *o,
                  struct error *err)
{
    static const struct store_backend backend = { submit, wait_for, backend_close };
    struct sbuf text = SBUF_INIT(4096);
    struct backend *b;
    uint64_t term;

    if (strlen(o->path) > SZK_ROOT_BYTES_MAX)
        return error_set(err, ERR_LIMIT, "the path of the store has %zu bytes; SZK_ROOT_BYTES_MAX is %d",
                         strlen(o->path), SZK_ROOT_BYTES_MAX);
    b = xcalloc(1, sizeof *b);
    *b = (struct backend){ .loop = loop,
                           .zk = o->zk,
                           .root = xstrdup(o->path),
                           .world_read = o->world_read,
                           .beside_owner = o->beside_owner,
                           .state = CLOSED,
                           .fence_version = -1 };
    sbuf_fmt(&text, "%s/fence", o->path);
    b->fence = sbuf_steal(&text);
    random_bytes(&term, sizeof term);
    sbuf_fmt(&text, "owner=%.100s term=%016" PRIx64 " seq=", o->owner, term);
    b->mark = sbuf_steal(&text);
    sbuf_init(&b->half, 256 << 20);
    b->listener = (struct zk_listener){ .fn = on_zk, .arg = b };
    zk_listen(b->zk, &b->listener);
    *ret_store = store_new(loop, &backend, b);
    b->store = *ret_store;
    open_it(b);
    return 0;
}
