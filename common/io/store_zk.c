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
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/io/random.h"
#include "common/io/store_zk_int.h"

#define CLOSE_WAIT_NS (5 * NS_PER_S)

/* --- the group ---------------------------------------------------------------------------------------- */
static void refuse_commits(struct szk *b)
{
    struct error err;

    (void)error_set(&err, ERR_IO, "store: %s is open for reading only", b->root);
    szk_fail_rest(b, &err);
    szk_finish(b);
}

static void advance(struct szk *b)
{
    if (b->group == NULL)
        return;
    if (b->fenced && (b->state == SZK_READY || b->state == SZK_CLOSED))
        szk_fail_rest(b, &b->trouble);
    else if (b->state != SZK_READY)
        return;
    while (b->at != NULL && b->at->rc != 0)
        b->at = b->at->next;
    if (b->at == NULL)
        szk_finish(b);
    else if (b->at->kind != STORE_COMMIT)
        szk_begin_read(b);
    else if (!b->beside_owner)
        szk_begin_commits(b);
    else
        refuse_commits(b);
}

static void on_zk(void *arg, enum zk_event ev)
{
    struct szk *b = arg;

    if (ev != ZK_CONNECTED || b->fenced)
        return;
    if (b->state == SZK_RESOLVING)
        szk_resolve(b);
    else if (b->state == SZK_CLOSED && !b->is_open)
        szk_open(b);
    else if (b->state == SZK_CLOSED) {
        b->state = SZK_READY; /* ours until the fence says otherwise */
        b->next(b);
    }
}

static void submit(struct store *s, void *backend, struct store_op *group)
{
    struct szk *b = backend;

    ASSERT(b->group == NULL);
    b->store = s;
    b->group = b->at = group;
    b->syncs = b->tries = 0;
    if (b->state == SZK_CLOSED && !b->is_open)
        szk_open(b);
    b->next(b);
}

static void wait_for(void *backend)
{
    struct szk *b = backend;
    struct mono until = mono_add(loop_clock(), CLOSE_WAIT_NS);
    struct error err;

    szk_read_without_bulk(b); /* only the session is looked after here */
    while (b->group != NULL && mono_before(loop_clock(), until))
        zk_pump(b->zk, 50 * NS_PER_MS);
    if (b->group == NULL)
        return;
    zk_forget(b->zk, b);
    (void)error_set(&err, ERR_UNAVAILABLE,
                    "store: ZooKeeper at %s cannot be reached; what was under way may have happened",
                    b->root);
    szk_fail_rest(b, &err);
    szk_finish(b);
}

static void backend_close(void *backend)
{
    struct szk *b = backend;

    zk_forget(b->zk, b);
    zk_unlisten(b->zk, &b->listener);
    szk_known_clear(b);
    szk_read_clear(b);
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
    struct szk *b;
    uint64_t term;

    if (strlen(o->path) > SZK_ROOT_BYTES_MAX)
        return error_set(err, ERR_LIMIT, "the path of the store has %zu bytes; SZK_ROOT_BYTES_MAX is %d",
                         strlen(o->path), SZK_ROOT_BYTES_MAX);
    b = xcalloc(1, sizeof *b);
    *b = (struct szk){ .loop = loop,
                       .zk = o->zk,
                       .next = advance,
                       .root = xstrdup(o->path),
                       .world_read = o->world_read,
                       .beside_owner = o->beside_owner,
                       .state = SZK_CLOSED,
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
    szk_open(b);
    return 0;
}
