/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/taskparts.h"

#include <math.h>

#include "marathon/core/taskenv.h"

const char *part_text(struct arena *a, struct str s)
{
    return s.p != NULL ? arena_str(a, s).p : NULL;
}

static const char *copy(struct arena *a, const char *s)
{
    return s != NULL ? arena_str(a, str_of(s)).p : NULL;
}

const struct stoa_label *part_labels(struct arena *a, const struct list *l, size_t *ret_n)
{
    struct stoa_label *v = arena_array(a, l->n + 1, sizeof *v);

    *ret_n = 0;
    if (v != NULL)
        LIST_EACH(*l, struct kv, kv)
    v[(*ret_n)++] = (struct stoa_label){ part_text(a, kv->k), part_text(a, kv->v) };
    return v;
}

const struct stoa_variable *part_variables(struct arena *a, const struct list *env, size_t *ret_n)
{
    struct stoa_variable *v = arena_array(a, env->n + 1, sizeof *v);

    *ret_n = 0;
    if (v != NULL)
        LIST_EACH(*env, struct task_variable, x)
    v[(*ret_n)++] = (struct stoa_variable){ .name = part_text(a, x->k), .value = part_text(a, x->v), .is_secret = x->is_secret };
    return v;
}

const struct stoa_uri *part_uris(struct arena *a, const struct list *artifacts, size_t *ret_n)
{
    struct stoa_uri *v = arena_array(a, artifacts->n + 1, sizeof *v);

    *ret_n = 0;
    if (v != NULL)
        LIST_EACH(*artifacts, struct artifact, f)
    v[(*ret_n)++] = (struct stoa_uri){ .value = part_text(a, f->uri),
                                       .executable = f->executable.v,
                                       .no_extract = !f->extract.v,
                                       .cache = f->cache.v,
                                       .output_file = part_text(a, f->dest_path) };
    return v;
}

double part_seconds(int64_t s)
{
    return s > 0 ? (double)s : -1;
}

int64_t part_limit_milli(const struct resource_limit *r)
{
    if (r == NULL)
        return 0;
    return r->unlimited.v ? -1 : (int64_t)llround(r->value.v * 1000);
}

/* --- resources ----------------------------------------------------------------------------------------- */
static const struct stoa_reservation *reservations(struct arena *a, const struct stoa_resource *r)
{
    struct stoa_reservation *v = arena_array(a, r->reservation_count + 1, sizeof *v);

    for (size_t i = 0; v != NULL && i < r->reservation_count; i++) {
        const struct stoa_reservation *from = &r->reservations[i];
        struct stoa_label *l = arena_array(a, from->label_count + 1, sizeof *l);
        v[i] = (struct stoa_reservation){ .is_static = from->is_static,
                                          .role = copy(a, from->role),
                                          .principal = copy(a, from->principal),
                                          .labels = l,
                                          .label_count = l != NULL ? from->label_count : 0 };
        for (size_t k = 0; k < v[i].label_count; k++)
            l[k] = (struct stoa_label){ copy(a, from->labels[k].key), copy(a, from->labels[k].value) };
    }
    return v;
}

bool task_resource(struct stoa_resource *ret, const struct stoa_resource *from, int64_t milli,
                   const struct stoa_range *ranges, size_t range_count, struct arena *a)
{
    *ret = (struct stoa_resource){ .name = copy(a, from->name),
                                   .type = from->type,
                                   .milli = milli,
                                   .ranges = ranges,
                                   .range_count = range_count,
                                   .role = copy(a, from->role),
                                   .allocation_role = copy(a, from->allocation_role),
                                   .reservations = reservations(a, from),
                                   .reservation_count = from->reservation_count,
                                   .revocable = from->revocable };
    return ret->name != NULL && ret->reservations != NULL;
}

bool task_volume(struct stoa_resource *ret, const struct stoa_resource *from, struct arena *a)
{
    struct str raw = arena_str(a, str_mem(from->raw.p, from->raw.n));

    *ret = (struct stoa_resource){ .name = copy(a, from->name), .raw = { raw.p, raw.n } };
    return raw.p != NULL;
}
