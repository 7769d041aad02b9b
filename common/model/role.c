/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/role.h"

static int component_check(struct str role, struct str part, struct error *err)
{
    if (str_is(part, ".") || str_is(part, ".."))
        return error_set(err, ERR_INVALID, "Role '%.*s' cannot contain '%.*s' as a component", STR_ARG(role),
                         STR_ARG(part));
    if (str_is(part, "*"))
        return error_set(err, ERR_INVALID, "Role '%.*s' cannot contain '*' as a component", STR_ARG(role));
    if (part.p[0] == '-')
        return error_set(err, ERR_INVALID, "Role component '%.*s' is invalid because it begins with a dash",
                         STR_ARG(part));
    for (size_t i = 0; i < part.n; i++) {
        unsigned char c = (unsigned char)part.p[i];
        if ((c >= 0x08 && c <= 0x0d) || c == ' ' || c == 0x7f)
            return error_set(err, ERR_INVALID, "Role '%.*s' contains a whitespace or backspace character",
                             STR_ARG(role));
    }
    return 0;
}

int role_check(struct str role, struct error *err)
{
    struct str rest = role, part;
    bool more = true;

    if (role_is_star(role))
        return 0;
    if (role.n == 0)
        return error_set(err, ERR_INVALID, "Role cannot be empty");
    if (role.n > ROLE_SIZE_MAX)
        return error_set(err, ERR_INVALID, "Role '%.40s...' has %zu bytes; a role may have %d", role.p, role.n,
                         (int)ROLE_SIZE_MAX);
    if (role.p[0] == '/')
        return error_set(err, ERR_INVALID, "Role '%.*s' cannot start with a slash", STR_ARG(role));
    if (role.p[role.n - 1] == '/')
        return error_set(err, ERR_INVALID, "Role '%.*s' cannot end with a slash", STR_ARG(role));
    while (more) {
        more = str_cut(&rest, '/', &part);
        if (part.n == 0)
            return error_set(err, ERR_INVALID, "Role '%.*s' cannot contain two adjacent slashes", STR_ARG(role));
        int rc = component_check(role, part, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

bool role_is_strict_sub(struct str role, struct str ancestor)
{
    return role.n > ancestor.n && role.p[ancestor.n] == '/' && memcmp(role.p, ancestor.p, ancestor.n) == 0;
}

bool role_parent(struct str role, struct str *ret)
{
    for (size_t i = role.n; i > 0; i--) {
        if (role.p[i - 1] == '/') {
            *ret = str_sub(role, 0, i - 1);
            return true;
        }
    }
    return false;
}

struct str role_top(struct str role)
{
    return str_sub(role, 0, str_index(role, '/'));
}
