/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, the flag forms, and how unversioned endpoints show resources and attributes. */
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { FLAG_JSON_SIZE_MAX = 4 << 20, TEXT_SIZE_MAX = 4 << 20 };

extern char mesos__v1__resource__role__default_value[];

/* --- attributes --- */

static int attribute_in(const Mesos__V1__Attribute *m, struct attribute *ret, struct error *err)
{
    struct attribute a = { .name = NULL };
    bool ok = false;

    switch (m->type) {
    case MESOS__V1__VALUE__TYPE__SCALAR:
        a.type = VALUE_SCALAR;
        ok = m->scalar != NULL && milli_of_double(m->scalar->value, &a.milli);
        break;
    case MESOS__V1__VALUE__TYPE__RANGES:
        a.type = VALUE_RANGES;
        ok = m->ranges != NULL && m->ranges->n_range <= RANGES_COUNT_MAX;
        if (ok) {
            struct range *v = xmalloc((m->ranges->n_range + 1) * sizeof *v);
            for (size_t i = 0; i < m->ranges->n_range; i++)
                v[i] = (struct range){ m->ranges->range[i]->begin, m->ranges->range[i]->end };
            a.ranges = ranges_of(v, m->ranges->n_range);
            free(v);
        }
        break;
    case MESOS__V1__VALUE__TYPE__SET:
        a.type = VALUE_SET;
        ok = m->set != NULL && m->set->n_item <= SET_COUNT_MAX;
        if (ok) {
            struct str *v = xmalloc((m->set->n_item + 1) * sizeof *v);
            for (size_t i = 0; i < m->set->n_item; i++)
                v[i] = str_of(m->set->item[i]);
            a.set = set_of(v, m->set->n_item);
            free(v);
        }
        break;
    case MESOS__V1__VALUE__TYPE__TEXT:
        a.type = VALUE_TEXT;
        ok = m->text != NULL;
        if (ok)
            a.text = name_of(str_of(m->text->value));
        break;
    case _MESOS__V1__VALUE__TYPE_IS_INT_SIZE:
        break;
    }
    if (!ok)
        return error_set(err, ERR_INVALID, "Attribute '%s' has no valid value of its type", m->name);
    a.name = name_of(str_of(m->name));
    *ret = a;
    return 0;
}

int convert_attributes(Mesos__V1__Attribute *const *v, size_t n, struct attributes *ret, struct error *err)
{
    struct attributes all = ATTRIBUTES_INIT;

    if (n > ATTRIBUTES_COUNT_MAX)
        return error_set(err, ERR_LIMIT, "%zu attributes; up to %d are taken", n, (int)ATTRIBUTES_COUNT_MAX);
    for (size_t i = 0; i < n; i++) {
        struct attribute a;
        int rc = attribute_in(v[i], &a, err);
        if (rc != 0) {
            attributes_done(&all);
            return rc;
        }
        attributes_add_take(&all, &a);
    }
    *ret = all;
    return 0;
}

static void put_attribute(struct sbuf *b, uint32_t number, const struct attribute *a)
{
    static const uint32_t fields[] = { [VALUE_SCALAR] = 3, [VALUE_RANGES] = 4, [VALUE_SET] = 6, [VALUE_TEXT] = 5 };
    size_t mark = wire_open(b, number), inner;

    wire_put_bytes(b, 1, name_str(a->name));
    wire_put_u64(b, 2, (uint64_t)a->type);
    inner = wire_open(b, fields[a->type]);
    switch (a->type) {
    case VALUE_SCALAR:
        wire_put_double(b, 1, milli_to_double(a->milli));
        break;
    case VALUE_RANGES:
        for (uint32_t i = 0; a->ranges != NULL && i < a->ranges->n; i++) {
            size_t range = wire_open(b, 1);
            wire_put_u64(b, 1, a->ranges->v[i].begin);
            wire_put_u64(b, 2, a->ranges->v[i].end);
            wire_close(b, range);
        }
        break;
    case VALUE_SET:
        for (uint32_t i = 0; a->set != NULL && i < a->set->n; i++)
            wire_put_bytes(b, 1, name_str(a->set->v[i]));
        break;
    case VALUE_TEXT:
        wire_put_bytes(b, 1, name_str(a->text));
        break;
    }
    wire_close(b, inner);
    wire_close(b, mark);
}

void wire_put_attributes(struct sbuf *b, uint32_t number, const struct attributes *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        put_attribute(b, number, &a->v[i]);
}

void jsonw_attributes(struct jsonw *w, const struct attributes *a)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(TEXT_SIZE_MAX);

    jsonw_open(w);
    for (uint32_t i = 0; i < a->n; i++) {
        bool again = false;

        for (uint32_t j = i + 1; j < a->n && !again; j++) /* a key once: of equal names the last one counts */
            again = a->v[j].name == a->v[i].name;
        if (again)
            continue;
        jsonw_key_str(w, name_str(a->v[i].name));
        if (a->v[i].type == VALUE_SCALAR) {
            jsonw_milli(w, a->v[i].milli);
            continue;
        }
        sbuf_clear(&text);
        attribute_print_value(&text, &a->v[i]);
        jsonw_str(w, sbuf_view(&text));
    }
    jsonw_close(w);
}

/* --- resources for people --- */

/* The sum of one name, revocable or not, as a number or a text. */
static void jsonw_sum(struct jsonw *w, const struct resources *r, const struct resource *like)
{
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(TEXT_SIZE_MAX);
    struct ranges *ranges = NULL;
    struct set *set = NULL;
    int64_t milli = 0;

    for (uint32_t i = 0; i < r->n; i++) {
        const struct resource *x = &r->v[i];

        if (x->name != like->name || x->type != like->type || x->revocable != like->revocable)
            continue;
        if (x->type == VALUE_SCALAR) {
            milli = milli_add_sat(milli, x->milli);
        } else if (x->type == VALUE_RANGES) {
            struct ranges *sum = ranges_add(ranges, x->ranges);
            ranges_unref(ranges);
            ranges = sum;
        } else {
            struct set *sum = set_add(set, x->set);
            set_unref(set);
            set = sum;
        }
    }
    jsonw_key_str(w, name_str(like->name));
    if (like->type == VALUE_SCALAR) {
        jsonw_milli(w, milli);
    } else {
        if (like->type == VALUE_RANGES)
            ranges_print(&text, ranges);
        else
            set_print(&text, set);
        jsonw_str(w, sbuf_view(&text));
    }
    ranges_unref(ranges);
    set_unref(set);
}

static bool is_first_of_its_name(const struct resources *r, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (r->v[j].name == r->v[i].name && r->v[j].revocable == r->v[i].revocable)
            return false;
    return true;
}

static void jsonw_revocable(struct jsonw *w, const struct resources *r, const struct resource *like)
{
    CLEANUP(sbuf_done_p) struct sbuf key = SBUF_INIT(TEXT_SIZE_MAX);
    struct resources only = resources_revocable(r);
    struct resource renamed = *like;
    struct name *name;

    sbuf_str(&key, name_str(like->name));
    sbuf_c(&key, "_revocable");
    name = name_of(sbuf_view(&key));
    for (uint32_t i = 0; i < only.n; i++) {
        if (only.v[i].name != like->name)
            continue;
        name_unref(only.v[i].name);
        only.v[i].name = name_ref(name);
    }
    renamed.name = name;
    jsonw_sum(w, &only, &renamed);
    resources_done(&only);
    name_unref(name);
}

void jsonw_resources(struct jsonw *w, const struct resources *r)
{
    struct name *const always[] = { NAME_CPUS, NAME_DISK, NAME_GPUS, NAME_MEM };

    jsonw_open(w);
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        struct resource like = { .name = always[i], .type = VALUE_SCALAR };
        jsonw_sum(w, r, &like);
    }
    for (uint32_t i = 0; i < r->n; i++) {
        const struct resource *x = &r->v[i];

        if (!is_first_of_its_name(r, i))
            continue;
        if (x->revocable)
            jsonw_revocable(w, r, x);
        else if (x->type != VALUE_SCALAR ||
                 (x->name != NAME_CPUS && x->name != NAME_DISK && x->name != NAME_GPUS && x->name != NAME_MEM))
            jsonw_sum(w, r, x);
    }
    jsonw_close(w);
}

/* --- flags --- */

static int flag_check(const struct resources *r, struct error *err)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const struct resource *x = &r->v[i];
        const char *what = resource_is_dynamically_reserved(x) ? "a dynamic reservation"
                           : resource_is_persistent_volume(x)  ? "a persistent volume"
                           : x->revocable                      ? "revocable"
                           : x->shared                         ? "shared"
                                                               : NULL;
        if (what == NULL)
            continue;

        CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(TEXT_SIZE_MAX);
        resource_print(&b, x);
        return error_set(err, ERR_INVALID, "resource %.*s is %s; --resources may not say that, frameworks and operators do",
                         STR_ARG(sbuf_view(&b)), what);
    }
    return 0;
}

static int flag_json_one(const struct cJSON *item, struct str default_role, struct arena *arena, struct resource *ret,
                         struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf bytes = SBUF_INIT(FLAG_JSON_SIZE_MAX);
    Mesos__V1__Resource *m;
    int rc = json_tree_to_wire(&mesos__v1__resource__descriptor, item, &bytes, err);

    if (rc == 0)
        rc = WIRE_UNPACK(mesos__v1__resource, sbuf_view(&bytes), arena, &m, err);
    if (rc != 0)
        return rc;
    if (m->n_reservations == 0 && (m->role == NULL || m->role == mesos__v1__resource__role__default_value)) {
        struct str role = arena_str(arena, default_role);
        if (role.p == NULL)
            return error_set(err, ERR_NOMEM, "out of memory");
        m->role = (char *)(uintptr_t)role.p;
    }
    return convert_resource(m, ret, err);
}

static int flag_json(struct str text, struct str default_role, struct resources *ret, struct error *err)
{
    CLEANUP(json_free_p) struct cJSON *tree = NULL;
    CLEANUP(arena_done_p) struct arena arena = ARENA_INIT(FLAG_JSON_SIZE_MAX);
    struct resources all = RESOURCES_INIT;
    const struct cJSON *item;
    int rc = json_parse(text, &tree, err);

    if (rc == 0 && !cJSON_IsArray(tree))
        rc = error_set(err, ERR_INVALID, "an array of resources is expected");
    if (rc != 0)
        return rc;
    cJSON_ArrayForEach(item, tree)
    {
        struct resource r;

        rc = flag_json_one(item, default_role, &arena, &r, err);
        if (rc == 0 && all.n >= RESOURCES_COUNT_MAX) {
            resource_done(&r);
            rc = error_set(err, ERR_LIMIT, "more than %d resources", (int)RESOURCES_COUNT_MAX);
        }
        if (rc != 0) {
            resources_done(&all);
            return rc;
        }
        resources_add_take(&all, &r);
    }
    *ret = all;
    return 0;
}

int convert_resources_flag(struct str text, struct str default_role, struct resources *ret, struct error *err)
{
    struct resources r;
    struct str trimmed = str_trim(text);
    int rc = str_starts(trimmed, STR("[")) ? flag_json(trimmed, default_role, &r, err)
                                           : resources_parse(trimmed, default_role, &r, err);

    if (rc != 0)
        return rc;
    rc = flag_check(&r, err);
    if (rc != 0) {
        resources_done(&r);
        return rc;
    }
    *ret = r;
    return 0;
}
