/* SPDX-License-Identifier: Apache-2.0 */
/* Name to amount: a short sorted array. A name is found by its pointer, the order matters only for printing and for
 * walking two of them side by side. */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/model/resources.h"

enum { QUANTITIES_TEXT_COUNT_MAX = 256 };

void quantities_done(struct quantities *q)
{
    for (uint32_t i = 0; i < q->n; i++)
        name_unref(q->v[i].name);
    free(q->v);
    *q = QUANTITIES_INIT;
}

struct quantities quantities_copy(const struct quantities *q)
{
    struct quantities c = { NULL, q->n, q->n };

    if (q->n == 0)
        return QUANTITIES_INIT;
    c.v = xmemdup(q->v, q->n * sizeof q->v[0]);
    for (uint32_t i = 0; i < c.n; i++)
        (void)name_ref(c.v[i].name);
    return c;
}

static struct quantity *find(const struct quantities *q, const struct name *name)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (q->v[i].name == name)
            return &q->v[i];
    return NULL;
}

static void insert(struct quantities *q, struct name *name, int64_t milli)
{
    uint32_t i = 0;

    if (q->n == q->cap) {
        q->cap = q->cap == 0 ? 4 : q->cap * 2;
        q->v = xrealloc(q->v, q->cap, sizeof q->v[0]);
    }
    while (i < q->n && name_cmp(q->v[i].name, name) < 0)
        i++;
    memmove(&q->v[i + 1], &q->v[i], (q->n - i) * sizeof q->v[0]);
    q->v[i] = (struct quantity){ name_ref(name), milli };
    q->n++;
}

int64_t quantities_get(const struct quantities *q, const struct name *name)
{
    const struct quantity *x = find(q, name);
    return x != NULL ? x->milli : 0;
}

bool quantities_has(const struct quantities *q, const struct name *name)
{
    return find(q, name) != NULL;
}

void quantities_set(struct quantities *q, struct name *name, int64_t milli)
{
    struct quantity *x = find(q, name);

    if (x != NULL)
        x->milli = milli;
    else
        insert(q, name, milli);
}

void quantities_add(struct quantities *a, struct name *name, int64_t milli)
{
    struct quantity *x = find(a, name);

    if (x != NULL)
        x->milli = milli_add_sat(x->milli, milli);
    else if (milli != 0)
        insert(a, name, milli);
}

void quantities_sub(struct quantities *a, const struct name *name, int64_t milli)
{
    struct quantity *x = find(a, name);

    if (x == NULL)
        return;
    if (x->milli > milli) {
        x->milli -= milli;
        return;
    }
    name_unref(x->name);
    memmove(x, x + 1, (size_t)(&a->v[a->n] - (x + 1)) * sizeof *x);
    a->n--;
}

void quantities_add_all(struct quantities *a, const struct quantities *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        quantities_add(a, b->v[i].name, b->v[i].milli);
}

void quantities_sub_all(struct quantities *a, const struct quantities *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        quantities_sub(a, b->v[i].name, b->v[i].milli);
}

void quantities_add_resources(struct quantities *a, const struct resources *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].type == VALUE_SCALAR)
            quantities_add(a, r->v[i].name, r->v[i].milli);
}

void quantities_sub_resources(struct quantities *a, const struct resources *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].type == VALUE_SCALAR)
            quantities_sub(a, r->v[i].name, r->v[i].milli);
}

struct quantities quantities_of(const struct resources *r)
{
    struct quantities q = QUANTITIES_INIT;

    quantities_add_resources(&q, r);
    return q;
}

bool quantities_contains(const struct quantities *a, const struct quantities *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (b->v[i].milli > quantities_get(a, b->v[i].name))
            return false;
    return true;
}

bool quantities_eq(const struct quantities *a, const struct quantities *b)
{
    return quantities_contains(a, b) && quantities_contains(b, a);
}

bool quantities_is_empty(const struct quantities *q)
{
    for (uint32_t i = 0; i < q->n; i++)
        if (q->v[i].milli > 0)
            return false;
    return true;
}

int quantities_parse(struct str text, struct quantities *ret, struct error *err)
{
    struct quantities q = QUANTITIES_INIT;
    struct str rest = text, part;
    bool more = true;

    while (more) {
        struct str name;
        int64_t milli;

        more = str_cut(&rest, ';', &part);
        part = str_trim(part);
        if (part.n == 0)
            continue;
        struct str value = part;
        bool has_value = str_cut(&value, ':', &name);
        name = str_trim(name);
        if (!has_value || name.n == 0 || !milli_parse(str_trim(value), &milli) || milli < 0) {
            quantities_done(&q);
            return error_set(err, ERR_INVALID, "'%.*s' is no quantity; write name:number with a number of 0 or more",
                             STR_ARG(part));
        }
        if (q.n >= QUANTITIES_TEXT_COUNT_MAX) {
            quantities_done(&q);
            return error_set(err, ERR_LIMIT, "more than %d quantities", (int)QUANTITIES_TEXT_COUNT_MAX);
        }
        struct name *n = name_of(name);
        if (quantities_has(&q, n)) {
            name_unref(n);
            quantities_done(&q);
            return error_set(err, ERR_INVALID, "'%.*s' is given twice", STR_ARG(name));
        }
        quantities_set(&q, n, milli);
        name_unref(n);
    }
    *ret = q;
    return 0;
}

void quantities_print(struct sbuf *b, const struct quantities *q)
{
    for (uint32_t i = 0; i < q->n; i++) {
        if (i > 0)
            sbuf_c(b, "; ");
        sbuf_str(b, name_str(q->v[i].name));
        sbuf_char(b, ':');
        milli_print(b, q->v[i].milli);
    }
}
