/* SPDX-License-Identifier: Apache-2.0 */
#include "master/core/limiter.h"

static void passed(struct limiter *l, struct mono now)
{
    l->next = mono_add(now, l->interval_ns);
}

enum limiter_verdict limiter_admit(struct limiter *l, struct mono now)
{
    if (l->interval_ns == 0)
        return LIMITER_PASS;
    if (l->bounded && l->waiting >= l->capacity) {
        l->dropped++;
        return LIMITER_OVER;
    }
    if (l->waiting == 0 && now.ns >= l->next.ns) {
        passed(l, now);
        return LIMITER_PASS;
    }
    l->waiting++;
    return LIMITER_WAIT;
}

bool limiter_follow(struct limiter *l)
{
    if (l->waiting == 0)
        return false;
    l->waiting++;
    return true;
}

bool limiter_release(struct limiter *l, struct mono now)
{
    if (l->waiting == 0 || now.ns < l->next.ns)
        return false;
    l->waiting--;
    /* From when it was due, so that a late timer does not slow the principal down; but no burst after a long pause. */
    passed(l, mono_diff(now, l->next) < l->interval_ns ? l->next : now);
    return true;
}

struct mono limiter_due(const struct limiter *l)
{
    return l->waiting != 0 ? l->next : MONO_NEVER;
}
