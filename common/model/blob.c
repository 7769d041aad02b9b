/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/blob.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

struct blob *blob_room(size_t n)
{
    ASSERT(n < UINT32_MAX);

    struct blob *b = xmalloc(sizeof *b + n);
    b->refs = 1;
    b->n = (uint32_t)n;
    return b;
}

struct blob *blob_new(struct str s)
{
    struct blob *b = blob_room(s.n);

    if (s.n != 0)
        memcpy(b->p, s.p, s.n);
    return b;
}

void blob_unref(struct blob *b)
{
    if (b == NULL)
        return;
    ASSERT(b->refs > 0);
    if (--b->refs == 0)
        free(b);
}
