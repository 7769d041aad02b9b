/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of apps, pods and groups: slash-separated paths, always absolute and without empty segments once
 * resolved. The root is "/". Source: marathon-behaviour §1. */
#ifndef STOA_MARATHON_PATHID_H
#define STOA_MARATHON_PATHID_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"

enum {
    PATH_BYTES_MAX = 4096,
    APP_ID_BYTES_MAX = 190,  /* a task id, which is a file name, adds up to 64 */
    GROUP_ID_BYTES_MAX = 480 /* a key of the store */
};

/* The schema's pattern: segments of dot-joined labels or "..", optional slashes around. */
bool path_matches_pattern(struct str s);
bool label_is_valid(struct str s);                /* one segment: lower-case labels joined by dots */
bool name_matches(struct str s, bool underscore); /* ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, and _ inside */

/* Absolute form: empty segments removed, "." and ".." resolved against base ("/" when relative to the root).
 * p is NULL when the arena is spent. */
struct str path_resolve(struct arena *a, struct str base, struct str id);
/* A view into s: "/a/b" gives "/a", "/a" and "/" give "/". */
struct str path_parent(struct str s);
/* The top-level group's name: "/a/b" gives "a"; empty for apps directly under the root. */
struct str path_top_group(struct str s);
struct str path_last(struct str s);
/* s is group itself or below it. */
bool path_is_within(struct str s, struct str group);
static inline bool path_is_root(struct str s)
{
    return s.n == 1;
}

void path_safe(struct sbuf *b, struct str s);       /* /a/b/c -> a_b_c */
void path_host_style(struct sbuf *b, struct str s); /* /a/b/c -> c.b.a */

#endif
