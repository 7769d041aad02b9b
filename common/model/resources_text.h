/* SPDX-License-Identifier: Apache-2.0 */
/* One value of the flag syntax, shared by resources and attributes. Source: reference of the allocator, section 8. */
#ifndef STOA_MODEL_RESOURCES_TEXT_H
#define STOA_MODEL_RESOURCES_TEXT_H

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/model/resource.h"

struct value_text {
    enum value_type type;
    union { /* the caller owns the reference */
        int64_t milli;
        struct ranges *ranges;
        struct set *set;
        struct name *text;
    };
};

/* All spaces are dropped first. ERR_INVALID for brackets that do not match and numbers out of range. */
int value_text_parse(struct str s, struct value_text *ret, struct error *err);

#endif
