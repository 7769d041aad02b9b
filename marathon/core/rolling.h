/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a rolling restart: how many old instances may be killed and how many new ones started,
 * given counts. Pure and without a clock. Source: marathon-behaviour §3 (rolling restart arithmetic), with
 * two additions of our own for the cases in which the original stands still for ever: see rolling_next.
 *
 * Names: ready = running, healthy (if checked) and ready (if checked). live = wanted to stay, in whatever
 * state.
 *
 * Invariants: a ready old instance is killed only if enough ready ones remain for the floor (minus one for
 * resident apps without any room); old + new never pass the capacity, not counting the first batch of kills.
 */
#ifndef STOA_MARATHON_ROLLING_H
#define STOA_MARATHON_ROLLING_H

#include <stdbool.h>
#include <stdint.h>

struct rolling_counts {
    int64_t old_live, old_ready;
    int64_t old_dying; /* told to die, not gone, and counted against the capacity (all but the first batch) */
    int64_t old_dying_all;
    int64_t new_live, new_ready;
};

struct rolling {
    int64_t target;
    int64_t healthy_min;  /* ceil(target * minimumHealthCapacity) */
    int64_t capacity_max; /* floor(target * (1 + maximumOverCapacity)), plus 1 where there is no room */
    int64_t kill_now;     /* allowed from the start */
    int64_t ready_base;   /* new ready instances at the start */
    int64_t killed;       /* told to die since the start */
    int64_t new_max;      /* canary: not more new ones for the present, and as many old ones as these leave */
    bool resident, first; /* first: rolling_next has not been called yet */
    bool below_floor;     /* resident without room: one below the floor is allowed */
    int64_t unplaced_before; /* one on every agent: so many had no room when it began; INT64_MAX: not known */
};

struct rolling_move {
    int64_t kill;      /* old instances; those that are not ready first */
    bool kill_counted; /* they keep counting against the capacity until they are gone */
    int64_t start;
};

void rolling_begin(struct rolling *r, int64_t target, double health_capacity, double over_capacity,
                   bool resident, const struct rolling_counts *c);
/* What to do now; the caller does it, and r remembers the kills. When neither a kill nor a start is possible
 * and nothing is under way, one unready old instance is killed, or else one more is started (resident:
 * killed). */
struct rolling_move rolling_next(struct rolling *r, const struct rolling_counts *c);
/* The same for one instance on every agent: killed first and started afterwards, on the same agents. So many agents
 * may be without a ready instance as health_capacity says, one at least; what is not ready is replaced at once.
 * missing: agents that have none and get one, or lost their room while their instance was being replaced. rolling_starts_every: how many new ones may be made now. Of r they use
 * new_max, and set target, for rolling_is_held. */
int64_t rolling_kills_every(struct rolling *r, const struct rolling_counts *c, int64_t missing, double health_capacity);
int64_t rolling_starts_every(const struct rolling *r, const struct rolling_counts *c);
/* As many new ones as new_max allows are ready, and the old ones that they replace are gone. */
bool rolling_is_held(const struct rolling *r, const struct rolling_counts *c);
bool rolling_is_done(const struct rolling *r, const struct rolling_counts *c);

#endif
