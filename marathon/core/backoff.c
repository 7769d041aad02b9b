/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/backoff.h"

void backoff_failed(struct backoff *b, const struct backoff_policy *p, struct mono now)
{
    double next = b->delay_ns == 0 ? (double)p->first_ns : (double)b->delay_ns * p->factor;

    b->delay_ns = next >= (double)p->max_ns ? p->max_ns : (int64_t)next;
    b->until = mono_add(now, b->delay_ns);
    b->reference = b->until;
}

void backoff_succeeded(struct backoff *b, struct mono now)
{
    if (b->delay_ns != 0 && mono_before(b->reference, now))
        b->reference = now;
}

void backoff_reset(struct backoff *b)
{
    *b = (struct backoff){ 0 };
}

void backoff_decay(struct backoff *b, const struct backoff_policy *p, struct mono now)
{
    if (b->delay_ns != 0 && mono_diff(now, b->reference) > p->max_ns)
        backoff_reset(b);
}

int64_t backoff_left(const struct backoff *b, struct mono now)
{
    if (b->delay_ns == 0 || b->until.ns <= now.ns)
        return 0;
    return mono_diff(b->until, now);
}
