/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/timerq.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/alloc.h"

static bool before(const struct timer *a, const struct timer *b)
{
    return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->seq < b->seq;
}

static void place(struct timerq *q, size_t i, struct timer *t)
{
    q->heap[i] = t;
    t->pos = i;
}

static void up(struct timerq *q, size_t i)
{
    struct timer *t = q->heap[i];

    for (; i > 1 && before(t, q->heap[i / 2]); i /= 2)
        place(q, i, q->heap[i / 2]);
    place(q, i, t);
}

static void down(struct timerq *q, size_t i)
{
    struct timer *t = q->heap[i];

    for (size_t c; (c = 2 * i) <= q->n; i = c) {
        if (c < q->n && before(q->heap[c + 1], q->heap[c]))
            c++;
        if (!before(q->heap[c], t))
            break;
        place(q, i, q->heap[c]);
    }
    place(q, i, t);
}

void timerq_done(struct timerq *q)
{
    for (size_t i = 1; i <= q->n; i++)
        q->heap[i]->pos = 0;
    free(q->heap);
    *q = (struct timerq){ 0 };
}

void timer_clear(struct timerq *q, struct timer *t)
{
    size_t i = t->pos;

    if (i == 0)
        return;
    t->pos = 0;
    struct timer *last = q->heap[q->n--];
    if (last == t)
        return;
    place(q, i, last);
    up(q, i);
    down(q, last->pos);
}

void timer_set(struct timerq *q, struct timer *t, struct mono at)
{
    timer_clear(q, t);
    if (at.ns == MONO_NEVER.ns)
        return;
    ARRAY_ROOM(q->heap, q->n + 1, q->cap);
    t->at = at;
    t->seq = q->seq++;
    place(q, ++q->n, t);
    up(q, q->n);
}

struct mono timerq_next(const struct timerq *q)
{
    return q->n != 0 ? q->heap[1]->at : MONO_NEVER;
}

struct timer *timerq_pop(struct timerq *q, struct mono now)
{
    struct timer *t;

    if (q->n == 0 || q->heap[1]->at.ns > now.ns)
        return NULL;
    t = q->heap[1];
    timer_clear(q, t);
    return t;
}
