/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/health.h"

#include <stdio.h>

unsigned health_feed(struct health *h, const struct health_policy *p, enum health_result r,
                     int64_t running_for_ns, struct wall now, const char *cause)
{
    enum health_alive before = h->alive;
    unsigned out = HEALTH_STEP_NONE;

    switch (r) {
    case HEALTH_IGNORE:
        return out;
    case HEALTH_PASS:
        if (!h->first_success.has)
            h->first_success = (struct opt_wall){ true, now };
        h->last_success = (struct opt_wall){ true, now };
        h->failures = 0;
        h->alive = HEALTH_ALIVE;
        break;
    case HEALTH_FAIL:
        if (!h->first_success.has && running_for_ns < p->grace_ns)
            return out;
        if (p->failures_max != 0 && h->failures >= p->failures_max)
            out |= HEALTH_STEP_KILL;
        h->failures++;
        h->last_failure = (struct opt_wall){ true, now };
        h->alive = HEALTH_DEAD;
        (void)snprintf(h->cause, sizeof h->cause, "%s", cause); /* cut when longer */
        out |= HEALTH_STEP_COUNTED;
        break;
    }
    return before != h->alive ? out | HEALTH_STEP_FLIPPED : out;
}
