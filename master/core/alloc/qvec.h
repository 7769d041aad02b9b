/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts by scalar resource name, as a small dense vector. Names are numbered by the allocator
 * (alloc_name_index): 0 cpus, 1 mem, 2 disk, 3 gpus, then in order of appearance. An index at or beyond n
 * counts as 0, so a zeroed vector is empty and no vector needs to know how many names there are. The first
 * four live inside: a look costs no second cache line. */
#ifndef STOA_MASTER_ALLOC_QVEC_H
#define STOA_MASTER_ALLOC_QVEC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

enum { QVEC_INLINE = 4 };

struct qvec { /* must not be copied by assignment once n > QVEC_INLINE */
    uint32_t n;
    union {
        int64_t in[QVEC_INLINE];
        int64_t *out;
    };
};

static inline const int64_t *qvec_at(const struct qvec *q)
{
    return q->n <= QVEC_INLINE ? q->in : q->out;
}

static inline int64_t qvec_get(const struct qvec *q, uint32_t i)
{
    return i < q->n ? qvec_at(q)[i] : 0;
}

static inline void qvec_grow(struct qvec *q, uint32_t n)
{
    if (n <= QVEC_INLINE) {
        for (uint32_t i = q->n; i < n; i++)
            q->in[i] = 0;
    } else {
        int64_t *v = xcalloc(n, sizeof *v);
        memcpy(v, qvec_at(q), q->n * sizeof *v);
        if (q->n > QVEC_INLINE)
            free(q->out);
        q->out = v;
    }
    q->n = n;
}

static inline void qvec_add(struct qvec *q, uint32_t i, int64_t milli) /* milli may be negative */
{
    if (i >= q->n)
        qvec_grow(q, i + 1);
    if (q->n <= QVEC_INLINE)
        q->in[i] += milli;
    else
        q->out[i] += milli;
}

static inline void qvec_set(struct qvec *q, uint32_t i, int64_t milli)
{
    qvec_add(q, i, milli - qvec_get(q, i));
}

static inline void qvec_clear(struct qvec *q)
{
    if (q->n > QVEC_INLINE)
        free(q->out);
    q->n = 0;
}

static inline bool qvec_is_zero(const struct qvec *q)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (qvec_at(q)[i] != 0)
            return false;
    return true;
}

static inline bool qvec_has_positive(const struct qvec *q)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (qvec_at(q)[i] > 0)
            return true;
    return false;
}

static inline void qvec_copy(struct qvec *to, const struct qvec *from)
{
    qvec_clear(to);
    for (uint32_t i = from->n; i-- > 0;)
        qvec_add(to, i, qvec_at(from)[i]);
}

#endif
