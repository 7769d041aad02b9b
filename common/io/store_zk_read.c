/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: names from the buckets, then the values. Many of them are asked for in bulk, over a connection of its own; when
 * that fails the read begins again and asks for each, over the session. */
#include "common/io/store_zk_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"

enum {
    GETS_MAX = 2000, /* under way */
    BULK_MIN = 200,  /* values; for less another connection is not worth it */
    BESIDE_TRIES_MAX = 20,
};

void szk_read_clear(struct szk *b)
{
    zk_bulk_free(b->bulk);
    b->bulk = NULL;
    for (size_t i = 0; i < b->name_count; i++)
        free(b->names[i].key);
    b->name_count = b->asked = b->answered = b->half_count = b->half_done = 0;
}

/* --- ends -------------------------------------------------------------------------------------------- */
static int by_key(const void *a, const void *b)
{
    const struct store_record *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

static void read_again(struct szk *b)
{
    b->at->record_count = 0;
    b->state = zk_is_connected(b->zk) ? SZK_READY : SZK_CLOSED;
    szk_read_clear(b);
    b->next(b);
}

void szk_read_without_bulk(struct szk *b)
{
    if (b->bulk == NULL)
        return;
    b->bulk_failed = true;
    zk_forget(b->zk, b);
    read_again(b);
}

static void read_done(struct szk *b)
{
    struct store_op *op = b->at;

    if (op->rc == 0 && op->kind == STORE_LIST && !b->beside_owner) { /* nobody else writes */
        free(b->whole);
        b->whole = xstrndup(op->key);
    }
    if (op->rc == 0 && op->record_count > 1)
        qsort(op->records, op->record_count, sizeof *op->records, by_key);
    b->at = op->next;
    b->state = SZK_READY;
    b->bulk_failed = false;
    szk_read_clear(b);
    b->next(b);
}

/* Every change of the owner sets the fence: what was read between two looks at it that find it alike is of one moment. */
static void on_fence_after(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;
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
            szk_set_trouble(b, r, "reading");
        szk_fail_op(b->at, &b->trouble);
        b->trouble.code = ERR_OK;
        read_done(b);
    }
}

static void read_failed(struct szk *b, const struct zk_result *r)
{
    if (r->code == ZK_LOST) {
        b->lost = true;
        b->bulk_failed = b->bulk_failed || b->bulk != NULL;
    } else {
        szk_set_trouble(b, r, "reading");
        szk_fail_op(b->at, &b->trouble);
        b->trouble.code = ERR_OK;
    }
}

/* The other connection may be ahead of the session: both have to find the fence alike. */
static void on_fence_in_bulk(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;

    if (r->code == ZK_OK && r->version == b->fence_version)
        zk_get(b->zk, b->fence, on_fence_after, b);
    else if (r->code == ZK_LOST)
        szk_read_without_bulk(b);
    else
        on_fence_after(b, r);
}

static void read_over(struct szk *b)
{
    if (b->lost)
        read_again(b); /* from the start */
    else if (b->beside_owner && b->at->rc == 0 && b->bulk != NULL)
        zk_bulk_get(b->bulk, b->fence, on_fence_in_bulk, b);
    else if (b->beside_owner && b->at->rc == 0)
        zk_get(b->zk, b->fence, on_fence_after, b);
    else
        read_done(b);
}

static void add_value(struct szk *b, size_t i, struct str value, int32_t version)
{
    struct str key = { b->names[i].key, b->names[i].n };

    if (b->at->rc == 0 && !b->lost)
        b->at->rc = store_op_add(b->at, key, value, (uint64_t)version + 1);
}

static void next_half(struct szk *b);

static void on_second_half(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;

    if (r->code == ZK_OK || r->code == ZK_NO_NODE) {
        sbuf_str(&b->half, r->data);
        size_t i = b->halves[b->half_done];
        const struct szk_known *k = szk_known_find(b, (struct str){ b->names[i].key, b->names[i].n });
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
    struct szk *b = arg;
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
    struct szk_name *n = &b->names[b->halves[b->half_done]];
    zk_get(b->zk, szk_path(&a, b->root, (struct str){ n->key, n->n }, true), on_second_half, b);
    arena_done(&a);
}

/* Long values are rare: one after the other, when all others are there. */
static void next_half(struct szk *b)
{
    struct arena a;

    if (b->half_done >= b->half_count || b->lost) {
        read_over(b);
        return;
    }
    arena_init(&a, 8192);
    struct szk_name *n = &b->names[b->halves[b->half_done]];
    zk_get(b->zk, szk_path(&a, b->root, (struct str){ n->key, n->n }, false), on_first_half, b);
    arena_done(&a);
}

static void ask_values(struct szk *b);

/* Answers come in the order of the questions. */
static void on_value(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;
    size_t i = b->answered++;

    if (r->code == ZK_OK && !b->lost) {
        bool split = r->data_bytes == SZK_SPLIT_BYTES;
        (void)szk_known_set(b, (struct str){ b->names[i].key, b->names[i].n }, r->version, split);
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

static void ask_values(struct szk *b)
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
        struct szk_name *n = &b->names[b->asked++];
        const char *path = szk_path(&a, b->root, (struct str){ n->key, n->n }, false);
        if (b->bulk != NULL)
            zk_bulk_get(b->bulk, path, on_value, b);
        else
            zk_get(b->zk, path, on_value, b);
    }
    arena_done(&a);
}

/* The fence is the last that was changed, so who has seen that change has seen all. */
static void on_fence_before(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;

    if (r->code == ZK_OK)
        b->bulk = zk_bulk_new(b->zk, b->loop, r->zxid);
    if (r->code == ZK_LOST || (r->code == ZK_OK && b->beside_owner && r->version != b->fence_version))
        on_fence_after(b, r); /* the names are old already */
    else
        ask_values(b);
}

static void add_name(struct szk *b, struct str key)
{
    ARRAY_ROOM(b->names, b->name_count, b->name_cap);
    b->names[b->name_count++] = (struct szk_name){ xstrndup(key), key.n };
}

static void on_names(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;
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
        else if (b->name_count >= BULK_MIN && !b->bulk_failed)
            zk_get(b->zk, b->fence, on_fence_before, b);
        else
            ask_values(b);
    }
}

void szk_begin_read(struct szk *b)
{
    char path[ZK_PATH_BYTES_MAX];

    b->state = SZK_READING;
    b->lost = false;
    szk_read_clear(b);
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
