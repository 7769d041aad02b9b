/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/expiry.h"

#include "common/base/assert.h"
#include "common/base/hash.h"

static void arm(struct expiry_timer *t)
{
    struct mono first = MONO_NEVER;
    for (unsigned i = 0; i < t->count; i++)
        if (t->queues[i]->head != NULL)
            first = mono_min(first, t->queues[i]->head->at);
    loop_timer_at(&t->timer, first);
}

static void on_time(void *arg)
{
    struct expiry_timer *t = arg;
    struct mono now = loop_now(t->timer.loop);
    for (unsigned i = 0; i < t->count; i++) {
        struct expiry_queue *q = t->queues[i];
        while (q->head != NULL && !mono_before(now, q->head->at)) {
            struct expiry *e = q->head;
            expiry_stop(e);
            q->fn(e, q->arg);
        }
    }
    arm(t);
}

void expiry_timer_init(struct expiry_timer *t, struct loop *loop)
{
    *t = (struct expiry_timer){ .count = 0 };
    loop_timer_init(&t->timer, loop, on_time, t);
}

void expiry_timer_done(struct expiry_timer *t)
{
    loop_timer_done(&t->timer);
}

void expiry_queue_init(struct expiry_queue *q, struct expiry_timer *t, int64_t ns,
                       void (*fn)(struct expiry *e, void *arg), void *arg)
{
    ASSERT(t->count < sizeof t->queues / sizeof *t->queues);
    *q = (struct expiry_queue){ .ns = ns, .fn = fn, .arg = arg, .timer = t };
    t->queues[t->count++] = q;
}

void expiry_start(struct expiry_queue *q, struct expiry *e)
{
    expiry_stop(e);
    if (q->ns <= 0)
        return;
    struct loop_timer *timer = &q->timer->timer;
    e->at = mono_add(loop_now(timer->loop), q->ns);
    e->queue = q;
    DL_APPEND(q->head, e);
    /* The timer may stay early: it then finds nothing and arms itself anew. */
    if (mono_before(e->at, timer->at))
        loop_timer_at(timer, e->at);
}

void expiry_stop(struct expiry *e)
{
    if (e->queue == NULL)
        return;
    DL_DELETE(e->queue->head, e);
    e->queue = NULL;
}
