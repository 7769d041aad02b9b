/* SPDX-License-Identifier: Apache-2.0 */
/* Names in the archive of a layer. A path that climbs is refused whatever it would reach: no builder makes one.
 * Source: image-spec of OCI, layer.md (whiteouts). */
#include "agent/images/images.h"

#include <stdio.h>
#include <string.h>

static bool climbs(struct str path)
{
    struct str rest = path, part;
    for (bool more = true; more;) {
        more = str_cut(&rest, '/', &part);
        if (str_is(part, ".."))
            return true;
    }
    return false;
}

enum layer_entry_kind layer_entry_of(const char *path, char *ret, size_t size)
{
    struct str s = str_of(path), name;

    while (str_skip(&s, STR("/")) || str_skip(&s, STR("./")))
        ;
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    if (s.n == 0 || str_is(s, "."))
        s = STR(".");
    if (climbs(s) || s.n >= size)
        return LAYER_ENTRY_BAD;
    size_t cut = s.n;
    while (cut > 0 && s.p[cut - 1] != '/')
        cut--;
    name = str_sub(s, cut, s.n);
    struct str dir = cut > 0 ? str_sub(s, 0, cut - 1) : STR(".");
    if (str_is(name, ".wh..wh..opq")) {
        (void)snprintf(ret, size, "%.*s", STR_ARG(dir));
        return LAYER_ENTRY_OPAQUE;
    }
    if (str_skip(&name, STR(".wh."))) {
        if (name.n == 0 || str_is(name, ".") || str_is(name, ".."))
            return LAYER_ENTRY_BAD;
        (void)snprintf(ret, size, "%.*s/%.*s", STR_ARG(dir), STR_ARG(name));
        return LAYER_ENTRY_WHITEOUT;
    }
    (void)snprintf(ret, size, "%.*s", STR_ARG(s));
    return LAYER_ENTRY_PLAIN;
}
