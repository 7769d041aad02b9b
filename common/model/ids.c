/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/ids.h"

int id_check(struct str id, struct error *err)
{
    if (id.n == 0)
        return error_set(err, ERR_INVALID, "ID must not be empty");
    if (id.n > ID_SIZE_MAX)
        return error_set(err, ERR_INVALID, "ID must not be greater than %d characters, this one has %zu",
                         (int)ID_SIZE_MAX, id.n);
    if (str_is(id, ".") || str_is(id, ".."))
        return error_set(err, ERR_INVALID, "'%.*s' is disallowed", STR_ARG(id));
    for (size_t i = 0; i < id.n; i++) {
        unsigned char c = (unsigned char)id.p[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
            return error_set(err, ERR_INVALID, "'%.*s' contains invalid characters", STR_ARG(id));
    }
    return 0;
}

static size_t last_dot(struct str s) /* s.n when there is none */
{
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == '.')
            return i - 1;
    return s.n;
}

struct container_id container_id_parent(struct container_id c)
{
    size_t dot = last_dot(c.s);
    return container_id(str_sub(c.s, 0, dot == c.s.n ? 0 : dot));
}

struct str container_id_leaf(struct container_id c)
{
    size_t dot = last_dot(c.s);
    return dot == c.s.n ? c.s : str_sub(c.s, dot + 1, c.s.n);
}

struct container_id container_id_root(struct container_id c)
{
    return container_id(str_sub(c.s, 0, str_index(c.s, '.')));
}
