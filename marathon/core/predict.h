/* SPDX-License-Identifier: Apache-2.0 */
/* Where the instances that a plan starts would go, if nothing changed meanwhile: the shipped matcher over what is
 * left of the agents' latest offers (agents.c). What a plan stops frees nothing here, as nothing says that it is gone
 * before the others start. */
#ifndef STOA_MARATHON_PREDICT_H
#define STOA_MARATHON_PREDICT_H

#include "common/base/arena.h"
#include "marathon/core/state.h"

struct placement {
    struct str app, agent_id, hostname;
    int64_t instances;
    struct wall offered_at;
};

struct no_placement {
    struct str app;
    int64_t instances;
    struct reject_note note; /* of the agent that comes nearest */
    const char *nearest;     /* its host name; NULL: no agent has offered anything */
};

struct prediction {
    struct placement *placements;
    struct no_placement *unplaced;
    size_t placement_count, unplaced_count;
    bool cut; /* too many to be tried: the rest is not said */
};

/* Everything is memory of the arena. NULL: it is spent. */
struct prediction *predict(struct marathon *m, const struct plan *plan, struct arena *arena);

#endif
