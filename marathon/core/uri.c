/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/uri.h"

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A scheme begins with a letter: "3d:x" is none, "./3d:x" is a path. */
static bool scheme_is_valid(struct str s)
{
    size_t colon = str_index(s, ':'), slash = str_index(s, '/');

    if (colon == s.n || slash < colon || str_index(s, '?') < colon || str_index(s, '#') < colon)
        return true;
    return colon != 0 && ((s.p[0] >= 'a' && s.p[0] <= 'z') || (s.p[0] >= 'A' && s.p[0] <= 'Z'));
}

bool uri_is_valid(struct str s)
{
    bool fragment = false;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if ((unsigned char)c <= ' ' || c == 0x7f || strchr("\"<>\\^`{|}", c) != NULL)
            return false;
        if (c == '%' && (i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2])))
            return false;
        if (c == '#' && fragment)
            return false;
        fragment = fragment || c == '#';
    }
    return scheme_is_valid(s);
}
