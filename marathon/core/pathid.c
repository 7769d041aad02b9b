/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/pathid.h"

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool label_part(struct str s)
{
    if (s.n == 0 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

bool label_is_valid(struct str s)
{
    struct str part;

    if (s.n == 0)
        return false;
    for (bool more = true; more;) {
        more = str_cut(&s, '.', &part);
        if (!label_part(part))
            return false;
    }
    return true;
}

bool name_matches(struct str s, bool underscore)
{
    if (s.n == 0 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && !(underscore && s.p[i] == '_'))
            return false;
    return true;
}

bool path_matches_pattern(struct str s)
{
    if (s.n == 0 || s.n > PATH_BYTES_MAX)
        return false;
    while (s.n != 0) {
        struct str seg;
        (void)str_cut(&s, '/', &seg);
        if (seg.n != 0 && !str_is(seg, "..") && !str_is(seg, ".") && !label_is_valid(seg))
            return false;
    }
    return true;
}

struct str path_resolve(struct arena *a, struct str base, struct str id)
{
    size_t cap = base.n + id.n + 3, n = 0;
    char *out = arena_alloc_raw(a, cap);
    struct str parts[2] = { id.n != 0 && id.p[0] == '/' ? STR("") : base, id };

    if (out == NULL)
        return (struct str){ NULL, 0 };
    for (int i = 0; i < 2; i++) {
        struct str rest = parts[i], seg;
        for (bool more = rest.n != 0; more;) {
            more = str_cut(&rest, '/', &seg);
            if (seg.n == 0 || str_is(seg, "."))
                continue;
            if (str_is(seg, "..")) {
                while (n > 0 && out[--n] != '/')
                    ;
                continue;
            }
            out[n++] = '/';
            memcpy(out + n, seg.p, seg.n);
            n += seg.n;
        }
    }
    if (n == 0)
        out[n++] = '/';
    out[n] = '\0';
    return str_mem(out, n);
}

struct str path_parent(struct str s)
{
    size_t n = s.n;

    while (n > 0 && s.p[n - 1] != '/')
        n--;
    return n <= 1 ? STR("/") : str_sub(s, 0, n - 1);
}

struct str path_top_group(struct str s)
{
    struct str rest = str_sub(s, 1, s.n), top;

    return str_cut(&rest, '/', &top) ? top : STR("");
}

struct str path_last(struct str s)
{
    size_t n = s.n;

    while (n > 0 && s.p[n - 1] != '/')
        n--;
    return str_sub(s, n, s.n);
}

bool path_is_within(struct str s, struct str group)
{
    if (path_is_root(group))
        return true;
    return str_starts(s, group) && (s.n == group.n || s.p[group.n] == '/');
}

void path_safe(struct sbuf *b, struct str s)
{
    s = str_sub(s, 1, s.n);
    for (size_t i = 0; i < s.n; i++)
        sbuf_char(b, s.p[i] == '/' ? '_' : s.p[i]);
}

void path_host_style(struct sbuf *b, struct str s)
{
    bool first = true;

    while (s.n > 1) {
        if (!first)
            sbuf_char(b, '.');
        sbuf_str(b, path_last(s));
        s = path_parent(s);
        first = false;
    }
}
