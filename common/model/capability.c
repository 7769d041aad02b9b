/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/capability.h"

#include <stddef.h>

const char *framework_capability_name(uint32_t bit)
{
#define X(sym, num)                   \
    if (bit == FRAMEWORK_CAP_##sym)   \
        return #sym;
    FRAMEWORK_CAPABILITIES(X)
#undef X
    return NULL;
}

const char *agent_capability_name(uint32_t bit)
{
#define X(sym, num)               \
    if (bit == AGENT_CAP_##sym)   \
        return #sym;
    AGENT_CAPABILITIES(X)
#undef X
    return NULL;
}
