/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/store_zk_int.h"

#include <stdlib.h>

#include "common/base/alloc.h"

struct szk_known *szk_known_find(struct szk *b, struct str key)
{
    struct szk_known *k = NULL;
    HASH_FIND(hh, b->known, key.p, key.n, k);
    return k;
}

struct szk_known *szk_known_set(struct szk *b, struct str key, int32_t version, bool split)
{
    struct szk_known *k = szk_known_find(b, key);

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

void szk_known_clear(struct szk *b)
{
    struct szk_known *k, *next;

    free(b->whole);
    b->whole = NULL;
    HASH_ITER(hh, b->known, k, next)
    {
        HASH_DEL(b->known, k);
        free(k->key);
        free(k);
    }
}

void szk_finish(struct szk *b)
{
    struct store_op *group = b->group;

    b->group = b->at = NULL;
    store_group_done(b->store, group, b->syncs);
}

void szk_fail_op(struct store_op *op, const struct error *err)
{
    op->err = *err;
    op->rc = -(int)err->code;
    op->record_count = 0;
}

void szk_fail_rest(struct szk *b, const struct error *err)
{
    for (; b->at != NULL; b->at = b->at->next)
        if (b->at->rc == 0)
            szk_fail_op(b->at, err);
}

void szk_set_trouble(struct szk *b, const struct zk_result *r, const char *what)
{
    enum err_code code = r->code == ZK_DENIED ? ERR_DENIED : ERR_IO;
    (void)error_set(&b->trouble, code, "store: ZooKeeper at %s: %s: %s", b->root, what, r->text);
}

void szk_set_fenced(struct szk *b, struct str by)
{
    b->fenced = true;
    (void)error_set(&b->trouble, ERR_CONFLICT,
                    "store: %s belongs to another process now (%.*s); nothing was changed", b->root,
                    (int)(by.n < 120 ? by.n : 120), by.n != 0 ? by.p : "");
    b->state = SZK_READY;
    b->next(b);
}

enum zk_acl szk_acl(const struct szk *b)
{
    return b->world_read ? ZK_ACL_WORLD_READ : ZK_ACL_PRIVATE;
}
