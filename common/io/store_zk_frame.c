/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/store_zk_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

enum { PROGRAM_BYTES_MAX = 256 << 20, CHUNK_BYTES = 250 * 1000, APPLY_RESERVE = 512 };

void szk_program_init(struct szk_program *p)
{
    *p = (struct szk_program){ .count = 0 };
    arena_init(&p->arena, PROGRAM_BYTES_MAX);
}

void szk_program_done(struct szk_program *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->frames[i].ops);
    free(p->frames);
    arena_done(&p->arena);
    *p = (struct szk_program){ .count = 0 };
}

struct szk_frame *szk_frame_new(struct szk_program *p)
{
    ARRAY_ROOM(p->frames, p->count, p->cap);
    p->frames[p->count] = (struct szk_frame){ .ops = NULL };
    return &p->frames[p->count++];
}

size_t szk_op_bytes(const struct szk_op *op)
{
    return strlen(op->path) + op->data.n + SZK_OP_BYTES;
}

void szk_frame_add(struct szk_frame *f, struct szk_op op)
{
    ARRAY_ROOM(f->ops, f->count, f->cap);
    f->ops[f->count++] = op;
    f->bytes += szk_op_bytes(&op);
}

bool szk_frame_has_room(const struct szk_frame *f, size_t bytes, size_t ops)
{
    size_t max = f->count == 0 ? SZK_FRAME_BYTES_MAX : SZK_PACK_BYTES;

    return f->bytes + bytes <= max && f->count + ops <= SZK_FRAME_OPS_MAX;
}

/* --- paths -------------------------------------------------------------------------------------------- */
static void *need(void *p)
{
    ASSERT(p != NULL); /* batches are capped well under PROGRAM_BYTES_MAX */
    return p;
}

static bool is_plain(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == ':' || c == '@' || c == '#' || c == '=' || c == ',' || (c == '.' && !first);
}

const char *szk_path(struct arena *a, const char *root, struct str key, bool extra)
{
    size_t root_n = strlen(root), size = root_n + 16 + key.n * 3;
    char *p = need(arena_alloc_raw(a, size));
    size_t n = (size_t)snprintf(p, size, "%s/r/%02x/", root, (unsigned)(str_hash(key) % SZK_BUCKETS));

    for (size_t i = 0; i < key.n; i++) {
        if (is_plain(key.p[i], i == 0))
            p[n++] = key.p[i];
        else
            n += (size_t)snprintf(p + n, size - n, "%%%02X", (unsigned)(unsigned char)key.p[i]);
    }
    (void)snprintf(p + n, size - n, "%s", extra ? "%+" : "");
    return p;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool szk_unescape(struct str name, struct sbuf *key)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '%') {
            sbuf_char(key, name.p[i]);
            continue;
        }
        int high = i + 2 < name.n ? hex(name.p[i + 1]) : -1, low = i + 2 < name.n ? hex(name.p[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        sbuf_char(key, (char)(high * 16 + low));
        i += 2;
    }
    return true;
}

/* --- the journal -------------------------------------------------------------------------------------- */
void szk_commit_put(struct sbuf *b, size_t chunks, size_t applied)
{
    sbuf_fmt(b, "chunks=%zu applied=%zu", chunks, applied);
}

bool szk_commit_read(struct str s, size_t *ret_chunks, size_t *ret_applied)
{
    uint64_t chunks, applied;

    if (!str_skip(&s, STR("chunks=")) || !str_u64(&s, 100000, &chunks) || !str_skip(&s, STR(" applied=")) ||
        !str_u64(&s, 10000000, &applied) || s.n != 0)
        return false;
    *ret_chunks = (size_t)chunks;
    *ret_applied = (size_t)applied;
    return true;
}

const char *szk_chunk_path(struct arena *a, const char *root, size_t i)
{
    size_t size = strlen(root) + 32;
    char *p = need(arena_alloc_raw(a, size));
    (void)snprintf(p, size, "%s/journal/%06zu", root, i);
    return p;
}

static const char *commit_path(struct arena *a, const char *root)
{
    size_t size = strlen(root) + 32;
    char *p = need(arena_alloc_raw(a, size));
    (void)snprintf(p, size, "%s/journal/commit", root);
    return p;
}

static struct str commit_text(struct arena *a, size_t chunks, size_t applied)
{
    struct sbuf b = SBUF_INIT(200);
    szk_commit_put(&b, chunks, applied);
    char *p = need(arena_alloc_raw(a, b.n));
    memcpy(p, b.p, b.n);
    struct str s = { p, b.n };
    sbuf_done(&b);
    return s;
}

/* One operation: "kind version path-size data-size\n" path data. */
static void write_ops(struct sbuf *b, const struct szk_frame *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct szk_op *op = &all->ops[i];
        sbuf_fmt(b, "%d %d %zu %zu\n%s", (int)op->kind, op->version, strlen(op->path), op->data.n, op->path);
        sbuf_str(b, op->data);
    }
}

bool szk_journal_read(struct szk_program *p, struct str s, struct szk_frame *ret)
{
    while (s.n != 0) {
        uint64_t kind, path_n, data_n;
        int64_t version;
        if (!str_u64(&s, SZK_DELETE, &kind) || !str_skip(&s, STR(" ")) ||
            !str_i64(&s, -1, INT32_MAX, &version) || !str_skip(&s, STR(" ")) ||
            !str_u64(&s, ZK_PATH_BYTES_MAX, &path_n) || !str_skip(&s, STR(" ")) ||
            !str_u64(&s, ZK_DATA_BYTES_MAX, &data_n) || !str_skip(&s, STR("\n")) || path_n + data_n > s.n)
            return false;
        char *path = need(arena_alloc_raw(&p->arena, path_n + 1)),
             *data = need(arena_alloc_raw(&p->arena, data_n + 1));
        memcpy(path, s.p, path_n);
        path[path_n] = '\0';
        memcpy(data, s.p + path_n, data_n);
        s = str_sub(s, path_n + data_n, s.n);
        szk_frame_add(ret, (struct szk_op){ (enum szk_kind)kind, path, { data, data_n }, (int32_t)version });
    }
    return true;
}

void szk_apply_program(struct szk_program *p, const char *root, const struct szk_frame *all, size_t from,
                       size_t chunks)
{
    const char *commit = commit_path(&p->arena, root);
    struct szk_frame *f;

    for (size_t i = from; i < all->count;) {
        f = szk_frame_new(p);
        while (i < all->count && szk_frame_has_room(f, szk_op_bytes(&all->ops[i]) + APPLY_RESERVE, 2))
            szk_frame_add(f, all->ops[i++]);
        ASSERT(f->count > 0);
        szk_frame_add(f, (struct szk_op){ SZK_SET, commit, commit_text(&p->arena, chunks, i), -1 });
    }
    f = szk_frame_new(p);
    szk_frame_add(f, (struct szk_op){ SZK_DELETE, commit, { NULL, 0 }, -1 });
    for (size_t i = 0; i < chunks; i++)
        szk_frame_add(f, (struct szk_op){ SZK_DELETE, szk_chunk_path(&p->arena, root, i), { NULL, 0 }, -1 });
}

void szk_journal_program(struct szk_program *p, const char *root, const struct szk_frame *all)
{
    struct sbuf b = SBUF_INIT(PROGRAM_BYTES_MAX);
    size_t chunks = 0;

    write_ops(&b, all);
    ASSERT(sbuf_ok(&b));
    char *copy = need(arena_alloc_raw(&p->arena, b.n + 1));
    memcpy(copy, b.p, b.n);
    for (size_t at = 0; at < b.n; at += CHUNK_BYTES) {
        size_t n = b.n - at < CHUNK_BYTES ? b.n - at : CHUNK_BYTES;
        struct szk_op op = { SZK_CREATE, szk_chunk_path(&p->arena, root, chunks++), { copy + at, n }, -1 };
        struct szk_frame *f =
            p->count != 0 && szk_frame_has_room(&p->frames[p->count - 1], szk_op_bytes(&op), 1)
                ? &p->frames[p->count - 1]
                : szk_frame_new(p);
        szk_frame_add(f, op);
    }
    sbuf_done(&b);
    szk_frame_add(szk_frame_new(p), (struct szk_op){ SZK_CREATE, commit_path(&p->arena, root),
                                                     commit_text(&p->arena, chunks, 0), -1 });
    szk_apply_program(p, root, all, 0, chunks);
}
