/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a request, by path: the details of a 422 answer. Texts for the same path are shown
 * together, in the order in which they were found. Memory is the request's arena. */
#ifndef STOA_MARATHON_ISSUES_H
#define STOA_MARATHON_ISSUES_H

#include "common/base/arena.h"
#include "common/base/str.h"

enum { ISSUES_MAX = 200 }; /* further ones are counted, not kept */

struct issue {
    struct str path, text;
};

struct issues {
    struct arena *arena;
    struct issue v[ISSUES_MAX];
    size_t n;
    size_t dropped;
};

void issue_add(struct issues *is, struct str path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Names a place while walking down: "/container/portMappings(0)/hostPort". Lives on the stack of the walker.
 */
struct place {
    const struct place *up; /* NULL: the whole object */
    const char *field;      /* NULL: an index or a key */
    struct str key;
    long index; /* -1: none */
};
#define PLACE_FIELD(up_, name_) ((struct place){ .up = (up_), .field = (name_), .index = -1 })
#define PLACE_INDEX(up_, name_, i_) ((struct place){ .up = (up_), .field = (name_), .index = (long)(i_) })
#define PLACE_ELEMENT(up_, i_) ((struct place){ .up = (up_), .index = (long)(i_) }) /* of a list in a list */
#define PLACE_KEY(up_, k_) ((struct place){ .up = (up_), .key = (k_), .index = -1 })
/* "/" for NULL. */
enum { DOUBLE_TEXT_MAX = 32 };
/* "2.0", "0.25": as the original prints doubles in its texts. Returns ret. */
const char *double_text(double v, char ret[DOUBLE_TEXT_MAX]);

struct str place_text(const struct place *p, struct arena *a);
void issue_at(struct issues *is, const struct place *p, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
