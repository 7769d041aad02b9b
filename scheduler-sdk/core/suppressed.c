/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "scheduler-sdk/core/session.h"

/* Where the role is, or would be. */
static size_t lower_bound(const struct suppressed *s, struct str role)
{
    size_t i = 0;

    while (i < s->count && str_cmp(str_of(s->roles[i]), role) < 0)
        i++;
    return i;
}

bool suppressed_has(const struct suppressed *s, struct str role)
{
    size_t i = lower_bound(s, role);

    return i < s->count && str_is(role, s->roles[i]);
}

bool suppressed_add(struct suppressed *s, struct str role)
{
    size_t i = lower_bound(s, role);
    char **roles, *copy;

    if (i < s->count && str_is(role, s->roles[i]))
        return true;
    if (s->count == SESSION_ROLES_MAX)
        return false;
    copy = str_dup(role);
    if (copy == NULL)
        return false;
    roles = realloc(s->roles, (s->count + 1) * sizeof *roles);
    if (roles == NULL) {
        free(copy);
        return false;
    }
    memmove(roles + i + 1, roles + i, (s->count - i) * sizeof *roles);
    roles[i] = copy;
    s->roles = roles;
    s->count++;
    s->version++;
    return true;
}

void suppressed_remove(struct suppressed *s, struct str role)
{
    size_t i = lower_bound(s, role);

    if (i == s->count || !str_is(role, s->roles[i]))
        return;
    free(s->roles[i]);
    memmove(s->roles + i, s->roles + i + 1, (s->count - i - 1) * sizeof *s->roles);
    s->count--;
    s->version++;
}

void suppressed_done(struct suppressed *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->roles[i]);
    free(s->roles);
    *s = (struct suppressed){ .version = s->version };
}
