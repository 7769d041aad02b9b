/* SPDX-License-Identifier: Apache-2.0 */
/* How frameworks and agents are named to and by the allocator: small references which stay valid until removal. Slots are
 * dense, start at 0 and are used again (with another generation), so a caller may keep arrays by slot. Using a reference
 * after removal is a bug of the caller (asserted). */
#ifndef STOA_MASTER_ALLOC_REF_H
#define STOA_MASTER_ALLOC_REF_H

#include <stdbool.h>
#include <stdint.h>

struct agent_ref {
    uint32_t slot;
    uint32_t gen; /* 0: no agent */
};

struct framework_ref {
    uint32_t slot;
    uint32_t gen; /* 0: no framework */
};

static inline bool agent_ref_eq(struct agent_ref a, struct agent_ref b)
{
    return a.slot == b.slot && a.gen == b.gen;
}

static inline bool framework_ref_eq(struct framework_ref a, struct framework_ref b)
{
    return a.slot == b.slot && a.gen == b.gen;
}

#endif
