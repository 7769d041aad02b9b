/* SPDX-License-Identifier: Apache-2.0 */
/* Taking the store over: our name into the fence, then what a predecessor left in the journal is finished or dropped. */
#include "common/io/store_zk_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- opening ------------------------------------------------------------------------------------------ */
static void open_failed(struct szk *b, const struct zk_result *r, const char *what)
{
    b->state = SZK_CLOSED;
    if (r->code == ZK_LOST)
        return; /* CONNECTED opens again */
    szk_set_trouble(b, r, what);
    szk_fail_rest(b, &b->trouble);
    if (b->group != NULL)
        szk_finish(b);
}

static void opened(struct szk *b)
{
    b->trouble.code = ERR_OK;
    b->is_open = true;
    b->state = SZK_READY;
    b->next(b);
}

static void journal_over(struct szk *b, const struct zk_result *r)
{
    szk_program_done(&b->program);
    if (r != NULL)
        open_failed(b, r, "finishing an unfinished change");
    else
        opened(b);
}

static void finish_journal(struct szk *b)
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
    b->trouble.code = ERR_OK;
    szk_run_program(b, journal_over);
}

static void on_chunk(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;
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
    struct szk *b = arg;
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
    struct szk *b = arg;
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
    b->trouble.code = ERR_OK;
    szk_run_program(b, journal_over);
}

static void look_at_journal(struct szk *b)
{
    char path[ZK_PATH_BYTES_MAX];

    (void)snprintf(path, sizeof path, "%s/journal", b->root);
    zk_children(b->zk, path, NULL, on_journal, b);
}

static void on_fence_set(void *arg, const struct zk_result *r)
{
    struct szk *b = arg;

    if (r->code == ZK_BAD_VERSION || r->code == ZK_NODE_EXISTS) {
        szk_open(b); /* another opened at the same moment: the last one has it */
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
    struct szk *b = arg;
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
        zk_create(b->zk, b->fence, sbuf_view(&text), 0, szk_acl(b), on_fence_set, b);
    else
        open_failed(b, r, "opening");
    sbuf_done(&text);
}

void szk_open(struct szk *b)
{
    char path[ZK_PATH_BYTES_MAX];

    if (!zk_is_connected(b->zk))
        return;
    b->state = SZK_OPENING;
    szk_known_clear(b);
    if (b->beside_owner) {
        zk_get(b->zk, b->fence, on_fence, b);
        return;
    }
    (void)snprintf(path, sizeof path, "%s/r", b->root);
    zk_make_path(b->zk, path, szk_acl(b), NULL, NULL);
    for (unsigned i = 0; i < SZK_BUCKETS; i++) {
        (void)snprintf(path, sizeof path, "%s/r/%02x", b->root, i);
        zk_create(b->zk, path, STR(""), 0, szk_acl(b), NULL, NULL);
    }
    (void)snprintf(path, sizeof path, "%s/journal", b->root);
    zk_create(b->zk, path, STR(""), 0, szk_acl(b), NULL, NULL);
    zk_get(b->zk, b->fence, on_fence, b);
}
