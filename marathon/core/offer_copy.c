/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/offer_copy.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

/* The copy is one block: the struct, its arrays, the texts. */
struct block {
    char *at; /* NULL while it is being measured */
    size_t size;
};

static void *take(struct block *b, size_t n)
{
    void *p = b->at != NULL ? b->at + b->size : NULL;

    b->size += (n + 7) & ~(size_t)7;
    return p;
}

static struct str text(struct block *b, struct str s)
{
    char *p = take(b, s.n + 1);

    if (p == NULL || s.p == NULL)
        return s;
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return str_mem(p, s.n);
}

static struct offer_resource resource(struct block *b, const struct offer_resource *from)
{
    size_t n = from->range_count < OFFER_COPY_RANGES_MAX ? from->range_count : OFFER_COPY_RANGES_MAX;
    struct offer_resource to = { .name = text(b, from->name),
                                 .role = text(b, from->role),
                                 .kind = from->kind,
                                 .milli = from->milli,
                                 .range_count = n,
                                 .ranges = take(b, n * sizeof *to.ranges) };

    if (to.ranges != NULL && n != 0)
        memcpy(to.ranges, from->ranges, n * sizeof *to.ranges);
    return to;
}

static struct offer_copy *fill(struct block *b, const struct offer *o)
{
    struct offer_copy *c = take(b, sizeof *c);
    struct offer_resource *resources = take(b, o->resource_count * sizeof *resources);
    struct attribute *attributes = take(b, o->attribute_count * sizeof *attributes);
    struct offer_copy value = { .refs = 1,
                                .id = text(b, o->id),
                                .hostname = text(b, o->hostname),
                                .resources = resources,
                                .resource_count = o->resource_count,
                                .attributes = attributes,
                                .attribute_count = o->attribute_count };

    for (size_t i = 0; i < o->resource_count; i++) {
        struct offer_resource r = resource(b, &o->resources[i]);
        if (c != NULL)
            resources[i] = r;
    }
    for (size_t i = 0; i < o->attribute_count; i++) {
        struct attribute a = { text(b, o->attributes[i].name), text(b, o->attributes[i].text), o->attributes[i].kind };
        if (c != NULL)
            attributes[i] = a;
    }
    if (c != NULL)
        *c = value;
    return c;
}

struct offer_copy *offer_copy(const struct offer *o)
{
    struct block b = { NULL, 0 };

    (void)fill(&b, o);
    b = (struct block){ xmalloc(b.size), 0 };
    return fill(&b, o);
}

struct offer_copy *offer_copy_ref(struct offer_copy *c)
{
    c->refs++;
    return c;
}

void offer_copy_unref(struct offer_copy *c)
{
    if (c != NULL && --c->refs == 0)
        free(c);
}
