/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/isolation/isolator.h"

struct container *container_find(const struct containerizer *c, const char *id)
{
    struct container *found;
    HASH_FIND_STR(c->table, id, found);
    return found;
}
