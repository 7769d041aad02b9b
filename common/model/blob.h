/* SPDX-License-Identifier: Apache-2.0 */
/* Shared, immutable bytes with a count of holders: a packed message that several tables and queues carry on
 * without copying. One thread. */
#ifndef STOA_MODEL_BLOB_H
#define STOA_MODEL_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

struct blob {
    uint32_t refs;
    uint32_t n;  /* bytes */
    char p[];    /* not terminated */
};

/* A copy of the bytes, one reference for the caller. s.n < 4 GiB (asserted: input limits are far below). */
struct blob *blob_new(struct str s);
/* Room for n bytes that the caller fills before sharing it. */
struct blob *blob_room(size_t n);
void blob_unref(struct blob *b); /* NULL is fine */

static inline struct blob *blob_ref(struct blob *b)
{
    if (b != NULL)
        b->refs++;
    return b;
}

static inline struct str blob_str(const struct blob *b) /* NULL gives the empty text */
{
    return b != NULL ? (struct str){ b->p, b->n } : (struct str){ NULL, 0 };
}

static inline void blob_unref_p(struct blob **b)
{
    blob_unref(*b);
}

#endif
