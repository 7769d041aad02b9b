/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: "*", or components separated by '/'. Source: reference of the allocator, section 4. */
#ifndef STOA_MODEL_ROLE_H
#define STOA_MODEL_ROLE_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/str.h"

enum { ROLE_SIZE_MAX = 1024 }; /* bytes; our cap, the protocol names none */

/* ERR_INVALID with the reason when role breaks the grammar. */
int role_check(struct str role, struct error *err);

/* role is below ancestor: "a/b" below "a". A role is not below itself; nothing is below "*". */
bool role_is_strict_sub(struct str role, struct str ancestor);

/* "a/b/c" -> "a/b" -> "a" -> false. */
bool role_parent(struct str role, struct str *ret);
struct str role_top(struct str role); /* "a/b/c" -> "a" */

static inline bool role_is_hierarchical(struct str role)
{
    return str_index(role, '/') != role.n;
}

static inline bool role_is_star(struct str role)
{
    return role.n == 1 && role.p[0] == '*';
}

#endif
