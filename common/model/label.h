/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of a reservation or a disk: part of a resource's identity, so they are compared (in any order). Immutable and
 * counted; NULL: the field is absent. The order of the input is kept. */
#ifndef STOA_MODEL_LABEL_H
#define STOA_MODEL_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/name.h"

struct label {
    struct name *key;
    struct name *value; /* NULL: absent */
};

struct labels {
    uint32_t refs;
    uint32_t n;
    struct label v[];
};

struct labels *labels_new(size_t n); /* entries zeroed; the caller fills them before sharing */
static inline struct labels *labels_ref(struct labels *l)
{
    if (l != NULL)
        l->refs++;
    return l;
}
void labels_unref(struct labels *l);
bool labels_eq(const struct labels *a, const struct labels *b); /* absent equals absent only */

#endif
