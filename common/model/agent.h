/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent says of itself, as far as decisions need it, beside the message as it came (raw). Immutable after
 * construction and counted. */
#ifndef STOA_MODEL_AGENT_H
#define STOA_MODEL_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/model/attributes.h"
#include "common/model/blob.h"
#include "common/model/capability.h"
#include "common/model/ids.h"
#include "common/model/resources.h"

struct agent_info {
    uint32_t refs;
    struct agent_id id;          /* owned; empty before the master gave one */
    char *hostname;              /* owned */
    int32_t port;                /* default 5051 */
    struct resources resources;  /* as configured or checkpointed, post-refinement form */
    struct attributes attributes;
    struct name *region, *zone;  /* NULL: no fault domain */
    uint32_t capabilities;       /* enum agent_capability; the wire sends them beside AgentInfo: the caller sets them */
    struct blob *raw;            /* packed AgentInfo; carries the id once there is one */
};

struct agent_info *agent_info_new(void);
static inline struct agent_info *agent_info_ref(struct agent_info *a)
{
    if (a != NULL)
        a->refs++;
    return a;
}
void agent_info_unref(struct agent_info *a);

static inline bool agent_info_can(const struct agent_info *a, enum agent_capability c)
{
    return (a->capabilities & (uint32_t)c) != 0;
}

#endif
