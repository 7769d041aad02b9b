/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/attributes.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/cleanup.h"
#include "common/model/resources_text.h"

static void attribute_done(struct attribute *a)
{
    name_unref(a->name);
    switch (a->type) {
    case VALUE_SCALAR:
        break;
    case VALUE_RANGES:
        ranges_unref(a->ranges);
        break;
    case VALUE_SET:
        set_unref(a->set);
        break;
    case VALUE_TEXT:
        name_unref(a->text);
        break;
    }
}

void attributes_done(struct attributes *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        attribute_done(&a->v[i]);
    free(a->v);
    *a = ATTRIBUTES_INIT;
}

struct attributes attributes_copy(const struct attributes *a)
{
    struct attributes c = ATTRIBUTES_INIT;

    for (uint32_t i = 0; i < a->n; i++) {
        struct attribute x = a->v[i];

        (void)name_ref(x.name);
        if (x.type == VALUE_RANGES)
            (void)ranges_ref(x.ranges);
        else if (x.type == VALUE_SET)
            (void)set_ref(x.set);
        else if (x.type == VALUE_TEXT)
            (void)name_ref(x.text);
        attributes_add_take(&c, &x);
    }
    return c;
}

void attributes_add_take(struct attributes *a, struct attribute *x)
{
    ARRAY_ROOM(a->v, a->n, a->cap);
    a->v[a->n++] = *x;
    *x = (struct attribute){ .name = NULL };
}

const struct attribute *attributes_find(const struct attributes *a, struct str name)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (str_eq(name_str(a->v[i].name), name))
            return &a->v[i];
    return NULL;
}

static bool attribute_eq(const struct attribute *a, const struct attribute *b)
{
    if (a->name != b->name || a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_SCALAR:
        return a->milli == b->milli;
    case VALUE_RANGES:
        return ranges_eq(a->ranges, b->ranges);
    case VALUE_SET:
        return set_eq(a->set, b->set);
    case VALUE_TEXT:
        return a->text == b->text;
    }
    return false;
}

static uint32_t occurrences(const struct attributes *a, const struct attribute *x)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < a->n; i++)
        n += attribute_eq(&a->v[i], x);
    return n;
}

bool attributes_eq(const struct attributes *a, const struct attributes *b)
{
    uint32_t i = 0;

    if (a->n != b->n)
        return false;
    while (i < a->n && attribute_eq(&a->v[i], &b->v[i]))
        i++;
    for (; i < a->n; i++)
        if (occurrences(a, &a->v[i]) != occurrences(b, &a->v[i]))
            return false;
    return true;
}

static int attribute_text(struct str part, struct attribute *ret, struct error *err)
{
    struct str value = part, name;
    struct value_text v;

    if (!str_cut(&value, ':', &name) || str_trim(name).n == 0)
        return error_set(err, ERR_INVALID, "attribute '%.*s' must be written name:value", STR_ARG(part));
    /* Text keeps its inner spaces; what starts like a list or a number is judged without them. */
    value = str_trim(value);
    int rc = value_text_parse(value, &v, err);
    if (rc != 0)
        return error_wrap(err, "attribute '%.*s'", STR_ARG(part));
    if (v.type == VALUE_SET) {
        set_unref(v.set);
        return error_set(err, ERR_INVALID, "attribute '%.*s': sets are not supported; use several attributes or text",
                         STR_ARG(part));
    }

    *ret = (struct attribute){ .name = name_of(str_trim(name)), .type = v.type };
    if (v.type == VALUE_SCALAR) {
        ret->milli = v.milli;
    } else if (v.type == VALUE_RANGES) {
        ret->ranges = v.ranges;
    } else {
        name_unref(v.text);
        ret->text = name_of(value);
    }
    return 0;
}

int attributes_parse(struct str text, struct attributes *ret, struct error *err)
{
    struct attributes all = ATTRIBUTES_INIT;
    struct str rest = text, part;
    bool more = true;

    while (more) {
        struct attribute a;

        more = str_cut(&rest, ';', &part);
        part = str_trim(part);
        if (part.n == 0)
            continue;
        int rc = all.n < ATTRIBUTES_COUNT_MAX
                     ? attribute_text(part, &a, err)
                     : error_set(err, ERR_LIMIT, "more than %d attributes", (int)ATTRIBUTES_COUNT_MAX);
        if (rc != 0) {
            attributes_done(&all);
            return rc;
        }
        attributes_add_take(&all, &a);
    }
    *ret = all;
    return 0;
}

void attribute_print_value(struct sbuf *b, const struct attribute *a)
{
    switch (a->type) {
    case VALUE_SCALAR:
        milli_print(b, a->milli);
        break;
    case VALUE_RANGES:
        ranges_print(b, a->ranges);
        break;
    case VALUE_SET:
        set_print(b, a->set);
        break;
    case VALUE_TEXT:
        sbuf_str(b, name_str(a->text));
        break;
    }
}

void attributes_print(struct sbuf *b, const struct attributes *a)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (i > 0)
            sbuf_char(b, ';');
        sbuf_str(b, name_str(a->v[i].name));
        sbuf_char(b, ':');
        attribute_print_value(b, &a->v[i]);
    }
}
