/* SPDX-License-Identifier: Apache-2.0 */
/* Launch delays of one app. The first failure delays by backoffSeconds, each further one by backoffFactor
 * more, at most maxLaunchDelaySeconds. A long time without failures forgets the delay. Source:
 * marathon-behaviour §4. */
#ifndef STOA_MARATHON_BACKOFF_H
#define STOA_MARATHON_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/time.h"

struct backoff_policy {
    int64_t first_ns, max_ns;
    double factor; /* 1 or more */
};

struct backoff {
    int64_t delay_ns;      /* 0: none */
    struct mono until;     /* next launch not before */
    struct mono reference; /* of forgetting */
};

void backoff_failed(struct backoff *b, const struct backoff_policy *p, struct mono now);
void backoff_succeeded(struct backoff *b, struct mono now);
void backoff_reset(struct backoff *b);
/* Forgets the delay when the reference is older than max_ns. */
void backoff_decay(struct backoff *b, const struct backoff_policy *p, struct mono now);
/* Nanoseconds until a launch is allowed; 0: now. */
int64_t backoff_left(const struct backoff *b, struct mono now);

#endif
