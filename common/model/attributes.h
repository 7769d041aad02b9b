/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of an agent: a list of name and value, in order, a name may repeat. Source: reference of the agent, section 25. */
#ifndef STOA_MODEL_ATTRIBUTES_H
#define STOA_MODEL_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/model/ranges.h"
#include "common/model/resource.h"

enum { ATTRIBUTES_COUNT_MAX = 1024 };

struct attribute {
    struct name *name;
    enum value_type type;
    union {
        int64_t milli;
        struct ranges *ranges;
        struct set *set;
        struct name *text;
    };
};

struct attributes { /* movable; a zeroed one is empty */
    struct attribute *v;
    uint32_t n, cap;
};

#define ATTRIBUTES_INIT ((struct attributes){ NULL, 0, 0 })

void attributes_done(struct attributes *a);
struct attributes attributes_copy(const struct attributes *a);
/* Moves x (its references) to the end. */
void attributes_add_take(struct attributes *a, struct attribute *x);
const struct attribute *attributes_find(const struct attributes *a, struct str name); /* the first; NULL: none */
bool attributes_eq(const struct attributes *a, const struct attributes *b); /* the same list in any order */
/* "rack:r1;level:3;zones:[1-3]". Only the first ':' of a part splits. */
int attributes_parse(struct str text, struct attributes *ret, struct error *err);
void attributes_print(struct sbuf *b, const struct attributes *a); /* the same syntax */
void attribute_print_value(struct sbuf *b, const struct attribute *a);

#endif
