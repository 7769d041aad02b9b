/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/isolation/isolator.h"

#include <string.h>

struct container *container_find(const struct containerizer *c, const char *id)
{
    struct container *found;
    HASH_FIND_STR(c->table, id, found);
    return found;
}

struct container *container_find_alive(const struct containerizer *c, const char *id)
{
    struct container *found = container_find(c, id);
    return found != NULL && found->state != CONTAINER_ENDED ? found : NULL;
}

bool container_id_valid(const char *id)
{
    size_t n = strlen(id), part = 0, parts = 1;
    if (n == 0 || n > CONTAINER_ID_MAX)
        return false;
    for (size_t i = 0; i <= n; i++) {
        unsigned char ch = (unsigned char)id[i];
        if (ch == '.' || ch == 0) {
            if (part == 0 || part > 255)
                return false;
            part = 0;
            parts += ch == '.';
        } else if (ch <= ' ' || ch == '/' || ch == 127) {
            return false;
        } else {
            part++;
        }
    }
    return parts <= CONTAINER_NESTING_MAX;
}
