/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/agent.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

struct agent_info *agent_info_new(void)
{
    struct agent_info *a = xcalloc(1, sizeof *a);

    a->refs = 1;
    return a;
}

void agent_info_unref(struct agent_info *a)
{
    if (a == NULL)
        return;
    ASSERT(a->refs > 0);
    if (--a->refs > 0)
        return;
    agent_id_done(&a->id);
    free(a->hostname);
    resources_done(&a->resources);
    attributes_done(&a->attributes);
    name_unref(a->region);
    name_unref(a->zone);
    blob_unref(a->raw);
    free(a);
}
