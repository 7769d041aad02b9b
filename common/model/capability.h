/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities of frameworks and agents as bit sets: bit n is the wire's number n. */
#ifndef STOA_MODEL_CAPABILITY_H
#define STOA_MODEL_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#define FRAMEWORK_CAPABILITIES(X) \
    X(REVOCABLE_RESOURCES, 1)     \
    X(TASK_KILLING_STATE, 2)      \
    X(GPU_RESOURCES, 3)           \
    X(SHARED_RESOURCES, 4)        \
    X(PARTITION_AWARE, 5)         \
    X(MULTI_ROLE, 6)              \
    X(RESERVATION_REFINEMENT, 7)  \
    X(REGION_AWARE, 8)

#define AGENT_CAPABILITIES(X)     \
    X(MULTI_ROLE, 1)              \
    X(HIERARCHICAL_ROLE, 2)       \
    X(RESERVATION_REFINEMENT, 3)  \
    X(RESOURCE_PROVIDER, 4)       \
    X(RESIZE_VOLUME, 5)           \
    X(AGENT_OPERATION_FEEDBACK, 6) \
    X(AGENT_DRAINING, 7)          \
    X(TASK_RESOURCE_LIMITS, 8)

enum framework_capability {
#define X(sym, num) FRAMEWORK_CAP_##sym = 1u << (num),
    FRAMEWORK_CAPABILITIES(X)
#undef X
};

enum agent_capability {
#define X(sym, num) AGENT_CAP_##sym = 1u << (num),
    AGENT_CAPABILITIES(X)
#undef X
};

/* What this version's agents announce. */
#define AGENT_CAPS_ALL                                                                        \
    (AGENT_CAP_MULTI_ROLE | AGENT_CAP_HIERARCHICAL_ROLE | AGENT_CAP_RESERVATION_REFINEMENT |  \
     AGENT_CAP_RESOURCE_PROVIDER | AGENT_CAP_RESIZE_VOLUME | AGENT_CAP_AGENT_OPERATION_FEEDBACK | \
     AGENT_CAP_AGENT_DRAINING | AGENT_CAP_TASK_RESOURCE_LIMITS)

/* Of one bit; NULL when unknown. */
const char *framework_capability_name(uint32_t bit);
const char *agent_capability_name(uint32_t bit);

#endif
