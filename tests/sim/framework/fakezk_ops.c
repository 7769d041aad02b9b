/* SPDX-License-Identifier: Apache-2.0 */
/* What a program asks of ZooKeeper, as requests. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "tests/sim/framework/fakezk.h"

#include "common/io/zk_bulk.h"

struct zk_multi {
    struct zreq q;
    size_t cap;
};

static void create(struct zk *zk, const char *path, struct str data, int flags, bool exists_ok, zk_done_fn *done, void *arg)
{
    struct op *o = fakezk_op(zk, ZREQ_CREATE, path, data, done, arg);

    o->exists_ok = exists_ok;
    o->q.ephemeral = (flags & ZK_EPHEMERAL) != 0;
    o->q.sequence = (flags & ZK_SEQUENCE) != 0;
    fakezk_send(zk, o);
}

void zk_create(struct zk *zk, const char *path, struct str data, int flags, enum zk_acl acl, zk_done_fn *done, void *arg)
{
    (void)acl;
    create(zk, path, data, flags, false, done, arg);
}

void zk_get(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    fakezk_send(zk, fakezk_op(zk, ZREQ_GET, path, STR(""), done, arg));
}

void zk_exists(struct zk *zk, const char *path, zk_done_fn *done, void *arg)
{
    zk_get(zk, path, done, arg);
}

void zk_set(struct zk *zk, const char *path, struct str data, int32_t version, zk_done_fn *done, void *arg)
{
    struct op *o = fakezk_op(zk, ZREQ_SET, path, data, done, arg);

    o->q.version = version;
    fakezk_send(zk, o);
}

void zk_delete(struct zk *zk, const char *path, int32_t version, zk_done_fn *done, void *arg)
{
    struct op *o = fakezk_op(zk, ZREQ_DELETE, path, STR(""), done, arg);

    o->q.version = version;
    fakezk_send(zk, o);
}

void zk_children(struct zk *zk, const char *path, zk_done_fn *on_change, zk_done_fn *done, void *arg)
{
    struct op *o = fakezk_op(zk, ZREQ_CHILDREN, path, STR(""), done, arg);

    if (on_change != NULL) {
        struct watch *w = xcalloc(1, sizeof *w);
        *w = (struct watch){ .path = xstrdup(path), .done = on_change, .arg = arg, .op = o->n };
        o->watch = true;
        DL_APPEND(zk->watches, w);
    }
    fakezk_send(zk, o);
}

void zk_make_path(struct zk *zk, const char *path, enum zk_acl acl, zk_done_fn *done, void *arg)
{
    char part[ZK_PATH_BYTES_MAX];
    size_t n = strlen(path);

    (void)acl;
    for (size_t i = 1; i < n; i++)
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            create(zk, part, STR(""), 0, true, NULL, NULL);
        }
    create(zk, path, STR(""), 0, true, done, arg);
}

struct zk_multi *zk_multi_new(void)
{
    struct zk_multi *m = xcalloc(1, sizeof *m);

    m->q.kind = ZREQ_MULTI;
    return m;
}

void zk_multi_free(struct zk_multi *m)
{
    if (m == NULL)
        return;
    zreq_done(&m->q);
    free(m);
}

static void multi_add(struct zk_multi *m, enum zreq_kind kind, const char *path, struct str data, int32_t version)
{
    ARRAY_ROOM(m->q.ops, m->q.op_count, m->cap);
    m->q.ops[m->q.op_count++] = (struct zreq){ .kind = kind,
                                               .path = xstrdup(path),
                                               .data = str_mem(xstrndup(data), data.n),
                                               .version = version };
}

void zk_multi_create(struct zk_multi *m, const char *path, struct str data, enum zk_acl acl)
{
    (void)acl;
    multi_add(m, ZREQ_CREATE, path, data, -1);
}

void zk_multi_set(struct zk_multi *m, const char *path, struct str data, int32_t version)
{
    multi_add(m, ZREQ_SET, path, data, version);
}

void zk_multi_delete(struct zk_multi *m, const char *path, int32_t version)
{
    multi_add(m, ZREQ_DELETE, path, STR(""), version);
}

size_t zk_multi_count(const struct zk_multi *m)
{
    return m->q.op_count;
}

void zk_multi_send(struct zk *zk, struct zk_multi *m, zk_done_fn *done, void *arg)
{
    struct op *o = fakezk_op(zk, ZREQ_MULTI, NULL, STR(""), done, arg);

    o->q = m->q;
    free(m);
    fakezk_send(zk, o);
}

/* --- reading in bulk ---------------------------------------------------------------------------------- */
/* There is none here: every list goes over the session, as with old servers. */
struct zk_bulk *zk_bulk_new(struct zk *zk, struct loop *loop, int64_t zxid)
{
    (void)zk;
    (void)loop;
    (void)zxid;
    return NULL;
}

void zk_bulk_get(struct zk_bulk *b, const char *path, zk_done_fn *done, void *arg)
{
    (void)b;
    (void)path;
    (void)done;
    (void)arg;
}

void zk_bulk_free(struct zk_bulk *b)
{
    (void)b;
}
