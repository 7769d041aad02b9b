/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/label.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"

struct labels *labels_new(size_t n)
{
    ASSERT(n < UINT32_MAX / sizeof(struct label));

    struct labels *l = xcalloc(1, sizeof *l + n * sizeof l->v[0]);
    l->refs = 1;
    l->n = (uint32_t)n;
    return l;
}

void labels_unref(struct labels *l)
{
    if (l == NULL)
        return;
    ASSERT(l->refs > 0);
    if (--l->refs > 0)
        return;
    for (uint32_t i = 0; i < l->n; i++) {
        name_unref(l->v[i].key);
        name_unref(l->v[i].value);
    }
    free(l);
}

static uint32_t occurrences(const struct labels *l, const struct label *x)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n; i++)
        n += l->v[i].key == x->key && l->v[i].value == x->value;
    return n;
}

bool labels_eq(const struct labels *a, const struct labels *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->n != b->n)
        return false;

    uint32_t i = 0;
    while (i < a->n && a->v[i].key == b->v[i].key && a->v[i].value == b->v[i].value)
        i++;
    for (; i < a->n; i++) /* the same in another order? The counts are capped by the conversion */
        if (occurrences(a, &a->v[i]) != occurrences(b, &a->v[i]))
            return false;
    return true;
}
