/* SPDX-License-Identifier: Apache-2.0 */
/* The table walkers. Each is one switch over the shapes; the order of fields is the order of the table. To
 * add a type, touch every switch here and the two in marathon/api (decode.c, encode.c). */
#include "marathon/core/schema.h"

#include <string.h>

#include "common/base/assert.h"

static const void *at(const void *obj, size_t offset)
{
    return (const char *)obj + offset;
}

static void *at_mut(void *obj, size_t offset)
{
    return (char *)obj + offset;
}

size_t schema_element_size(const struct schema_field *f)
{
    if (f->type == ST_OBJ)
        return f->sub->size;
    if (f->shape == SH_MAP)
        return sizeof(struct kv);
    return f->type == ST_STR ? sizeof(struct str) : sizeof(int64_t);
}

static void default_one(const struct schema_field *f, void *p)
{
    switch (f->type) {
    case ST_STR: {
        struct str *s = p;
        if (s->p == NULL && f->dflt_text != NULL)
            *s = str_of(f->dflt_text);
        return;
    }
    case ST_BOOL: {
        struct opt_bool *b = p;
        if (!b->has)
            *b = (struct opt_bool){ true, f->dflt != 0 };
        return;
    }
    case ST_I64:
    case ST_ENUM: {
        struct opt_i64 *i = p;
        if (!i->has)
            *i = (struct opt_i64){ true, (int64_t)f->dflt };
        return;
    }
    case ST_F64: {
        struct opt_f64 *d = p;
        if (!d->has)
            *d = (struct opt_f64){ true, f->dflt };
        return;
    }
    case ST_TIME:
    case ST_OBJ:
        return;
    }
}

void schema_defaults(const struct schema *s, void *obj)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];
        void *p = at_mut(obj, f->offset);

        if (f->shape == SH_ONE) {
            if ((f->flags & SF_DEFAULT) != 0)
                default_one(f, p);
            if (f->type == ST_OBJ && *(void **)p != NULL)
                schema_defaults(f->sub, *(void **)p);
            continue;
        }
        struct list *l = p;
        if ((f->flags & SF_TOP) != 0)
            l->has = true;
        if (f->type == ST_OBJ)
            for (size_t k = 0; k < l->n; k++)
                schema_defaults(f->sub, (char *)l->p + k * f->sub->size);
    }
}

static bool equal_one(const struct schema_field *f, const void *a, const void *b)
{
    switch (f->type) {
    case ST_STR: {
        const struct str *x = a, *y = b;
        return (x->p == NULL) == (y->p == NULL) && str_eq(*x, *y);
    }
    case ST_BOOL: {
        const struct opt_bool *x = a, *y = b;
        return x->has == y->has && (!x->has || x->v == y->v);
    }
    case ST_I64:
    case ST_ENUM: {
        const struct opt_i64 *x = a, *y = b;
        return x->has == y->has && (!x->has || x->v == y->v);
    }
    case ST_F64: {
        const struct opt_f64 *x = a, *y = b;
        return x->has == y->has && (!x->has || !(x->v < y->v || x->v > y->v));
    }
    case ST_TIME: {
        const struct opt_time *x = a, *y = b;
        return x->has == y->has && (!x->has || x->v.ms == y->v.ms);
    }
    case ST_OBJ: {
        const void *x = *(void *const *)a, *y = *(void *const *)b;
        return (x == NULL) == (y == NULL) && (x == NULL || schema_equal(f->sub, x, y));
    }
    }
    return false;
}

static bool equal_element(const struct schema_field *f, const void *a, const void *b)
{
    if (f->type == ST_OBJ)
        return (f->shape != SH_MAP || str_eq(*(const struct str *)a, *(const struct str *)b)) &&
               schema_equal(f->sub, a, b);
    if (f->shape == SH_MAP) {
        const struct kv *x = a, *y = b;
        return str_eq(x->k, y->k) && str_eq(x->v, y->v);
    }
    if (f->type == ST_STR)
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    return *(const int64_t *)a == *(const int64_t *)b;
}

/* Maps are compared without regard to order. */
static bool equal_map(const struct schema_field *f, const struct list *a, const struct list *b)
{
    size_t size = schema_element_size(f);

    for (size_t i = 0; i < a->n; i++) {
        const char *x = (const char *)a->p + i * size;
        bool found = false;
        if (equal_element(f, x, (const char *)b->p + i * size))
            continue;
        for (size_t k = 0; k < b->n && !found; k++)
            found = equal_element(f, x, (const char *)b->p + k * size);
        if (!found)
            return false;
    }
    return true;
}

static bool equal_list(const struct schema_field *f, const struct list *a, const struct list *b)
{
    size_t size = schema_element_size(f);

    if (a->n != b->n)
        return false;
    if (a->n == 0)
        return (f->flags & (SF_NONEMPTY | SF_TOP)) != 0 || a->has == b->has;
    if (f->shape == SH_MAP)
        return equal_map(f, a, b);
    for (size_t i = 0; i < a->n; i++)
        if (!equal_element(f, (const char *)a->p + i * size, (const char *)b->p + i * size))
            return false;
    return true;
}

bool schema_equal(const struct schema *s, const void *a, const void *b)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];

        if ((f->flags & (SF_NOCMP | SF_INPUT)) != 0)
            continue;
        if (f->shape == SH_ONE ? !equal_one(f, at(a, f->offset), at(b, f->offset))
                               : !equal_list(f, at(a, f->offset), at(b, f->offset)))
            return false;
    }
    return true;
}

static size_t round16(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static size_t str_bytes(struct str s)
{
    return s.p != NULL ? round16(s.n + 1) : 0;
}

static size_t list_bytes(const struct schema_field *f, const struct list *l)
{
    size_t n = round16(l->n * schema_element_size(f));

    for (size_t k = 0; k < l->n; k++) {
        if (f->type == ST_OBJ) {
            n += schema_bytes(f->sub, (const char *)l->p + k * f->sub->size);
            if (f->shape == SH_MAP)
                n += str_bytes(*(const struct str *)(const void *)((const char *)l->p + k * f->sub->size));
        } else if (f->shape == SH_MAP) {
            n += str_bytes(LIST_AT(*l, struct kv, k)->k) + str_bytes(LIST_AT(*l, struct kv, k)->v);
        } else if (f->type == ST_STR) {
            n += str_bytes(*LIST_AT(*l, struct str, k));
        }
    }
    return n;
}

size_t schema_bytes(const struct schema *s, const void *obj)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];
        const void *p = at(obj, f->offset);

        if (f->shape != SH_ONE)
            n += list_bytes(f, p);
        else if (f->type == ST_STR)
            n += str_bytes(*(const struct str *)p);
        else if (f->type == ST_OBJ && *(void *const *)p != NULL)
            n += round16(f->sub->size) + schema_bytes(f->sub, *(void *const *)p);
    }
    return n;
}

static void *take(char **mem, size_t n)
{
    void *p = *mem;
    *mem += round16(n);
    return p;
}

static struct str copy_str(struct str s, char **mem)
{
    if (s.p == NULL)
        return s;
    char *p = take(mem, s.n + 1);
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return str_mem(p, s.n);
}

static void copy_list(const struct schema_field *f, struct list *dst, const struct list *src, char **mem)
{
    size_t size = schema_element_size(f);

    *dst = *src;
    if (src->n == 0) {
        dst->p = NULL;
        return;
    }
    dst->p = take(mem, src->n * size);
    memcpy(dst->p, src->p, src->n * size);
    for (size_t k = 0; k < src->n; k++) {
        if (f->type == ST_OBJ) {
            void *to = (char *)dst->p + k * size;
            schema_copy(f->sub, to, (const char *)src->p + k * size, mem);
            if (f->shape == SH_MAP)
                *(struct str *)to = copy_str(*(struct str *)to, mem);
        } else if (f->shape == SH_MAP) {
            struct kv *e = LIST_AT(*dst, struct kv, k);
            e->k = copy_str(e->k, mem);
            e->v = copy_str(e->v, mem);
        } else if (f->type == ST_STR) {
            *LIST_AT(*dst, struct str, k) = copy_str(*LIST_AT(*dst, struct str, k), mem);
        }
    }
}

void schema_copy(const struct schema *s, void *dst, const void *src, char **mem)
{
    memcpy(dst, src, s->size);
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];
        void *to = at_mut(dst, f->offset);
        const void *from = at(src, f->offset);

        if (f->shape != SH_ONE) {
            copy_list(f, to, from, mem);
        } else if (f->type == ST_STR) {
            *(struct str *)to = copy_str(*(const struct str *)from, mem);
        } else if (f->type == ST_OBJ && *(void *const *)from != NULL) {
            void *sub = take(mem, f->sub->size);
            schema_copy(f->sub, sub, *(void *const *)from, mem);
            *(void **)to = sub;
        }
    }
}
