/* SPDX-License-Identifier: Apache-2.0 */
/* Health of one instance by one check, judged from its results. Pure.
 * Source: marathon-behaviour §7. */
#ifndef STOA_MARATHON_HEALTH_H
#define STOA_MARATHON_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/time.h"

enum health_result { HEALTH_PASS, HEALTH_FAIL, HEALTH_IGNORE };
enum health_alive { HEALTH_UNKNOWN, HEALTH_ALIVE, HEALTH_DEAD };

struct health_policy {
    int64_t grace_ns;      /* gracePeriodSeconds, from the moment of running */
    unsigned failures_max; /* maxConsecutiveFailures; 0: never ask for a kill */
};

struct health {
    struct opt_wall {
        bool has;
        struct wall v;
    } first_success, last_success, last_failure;
    unsigned failures; /* in a row */
    enum health_alive alive;
    char cause[160]; /* of the last failure */
};

enum health_step {
    HEALTH_STEP_NONE = 0,
    HEALTH_STEP_COUNTED = 1,
    HEALTH_STEP_FLIPPED = 2,
    HEALTH_STEP_KILL = 4
};

/* Feeds one result; answers a set of health_step flags. COUNTED: the failure was counted (an event is due).
 *
 * Failures within the grace period are dropped until the first success. The failure that comes when
 * failures_max in a row have been counted already asks for a kill: the counter is looked at before it is
 * raised (the original's code; its documentation can be read either way). running_for_ns: since the instance
 * is running. */
unsigned health_feed(struct health *h, const struct health_policy *p, enum health_result r,
                     int64_t running_for_ns, struct wall now, const char *cause);

#endif
