/* SPDX-License-Identifier: Apache-2.0 */
/* Source: marathon-behaviour §10. A volume is reserved and unreserved as the disk under it: without
 * persistence and path, but with its source. */
#include "marathon/reserve.h"

#include "marathon/core/pathid.h"
#include "marathon/taskparts.h"

static const char *text(struct arena *a, struct str s)
{
    return s.p != NULL ? arena_str(a, s).p : NULL;
}

static const char *copy(struct arena *a, const char *s)
{
    return s != NULL ? arena_str(a, str_of(s)).p : NULL;
}

/* As offered, as far as disks under volumes need it. */
static bool disk_resource(struct stoa_resource *ret, const struct stoa_resource *from, int64_t milli,
                          const struct stoa_range *ranges, size_t range_count, struct arena *a)
{
    if (!task_resource(ret, from, milli, ranges, range_count, a))
        return false;
    ret->shared = from->shared;
    ret->provider_id = copy(a, from->provider_id);
    ret->disk_source = from->disk_source;
    ret->disk_root = copy(a, from->disk_root);
    ret->disk_id = copy(a, from->disk_id);
    ret->disk_profile = copy(a, from->disk_profile);
    ret->disk_vendor = copy(a, from->disk_vendor);
    return true;
}

static const struct stoa_reservation *reservation(const struct launch *l, const struct reserving *r,
                                                  struct arena *a)
{
    struct stoa_label *labels = arena_array(a, 2, sizeof *labels);
    struct stoa_reservation *v = arena_alloc(a, sizeof *v);

    if (labels == NULL || v == NULL)
        return NULL;
    labels[0] = (struct stoa_label){ RESERVATION_LABEL_FRAMEWORK, copy(a, r->framework_id) };
    labels[1] = (struct stoa_label){ RESERVATION_LABEL_INSTANCE, text(a, l->instance->id) };
    *v = (struct stoa_reservation){ .role = text(a, l->spec->app.role),
                                    .principal = copy(a, r->principal),
                                    .labels = labels,
                                    .label_count = 2 };
    return v;
}

static const struct stoa_range *ranges_of(const struct pick *p, struct arena *a)
{
    struct stoa_range *v = arena_array(a, p->range_count + 1, sizeof *v);

    for (size_t k = 0; v != NULL && k < p->range_count; k++)
        v[k] = (struct stoa_range){ p->ranges[k].begin, p->ranges[k].end };
    return v;
}

static bool volume(struct stoa_resource *v, const struct launch *l, size_t k, const struct reserving *r,
                   struct arena *a)
{
    struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 256);

    volume_persistence_id(l->instance, k, &b);
    v->persistence_id = text(a, sbuf_view(&b));
    v->persistence_principal = copy(a, r->principal);
    v->volume_container_path = text(a, app_volume(&l->spec->app, k)->container_path);
    sbuf_done(&b);
    return v->persistence_id != NULL && v->volume_container_path != NULL;
}

bool reserve_build(struct stoa_operation *ret, const struct launch *l, const struct stoa_offer *offer,
                   const struct reserving *r, struct arena *a, size_t *count)
{
    struct stoa_resource *all = arena_array(a, l->pick_count + 1, sizeof *all),
                         *volumes = arena_array(a, l->pick_count + 1, sizeof *volumes);
    const struct stoa_reservation *res = reservation(l, r, a);
    size_t n = 0;

    if (all == NULL || volumes == NULL || res == NULL)
        return false;
    for (size_t i = 0; i < l->pick_count; i++) {
        const struct pick *p = &l->picks[i];
        const struct stoa_range *ranges = ranges_of(p, a);
        if (ranges == NULL ||
            !disk_resource(&all[i], &offer->resources[p->resource], p->milli, ranges, p->range_count, a))
            return false;
        all[i].reservations = res;
        all[i].reservation_count = 1;
        if (p->volume == 0)
            continue;
        volumes[n] = all[i];
        if (!volume(&volumes[n++], l, p->volume - 1, r, a))
            return false;
    }
    ret[0] = (struct stoa_operation){
        .type = STOA_OP_RESERVE, .resources = all, .resource_count = l->pick_count
    };
    ret[1] = (struct stoa_operation){ .type = STOA_OP_CREATE, .resources = volumes, .resource_count = n };
    *count += 2;
    return true;
}

bool reclaim_build(struct stoa_operation *ret, const struct launch *l, const struct stoa_offer *offer,
                   struct arena *a, size_t *count)
{
    struct stoa_resource *all = arena_array(a, l->pick_count + 1, sizeof *all),
                         *volumes = arena_array(a, l->pick_count + 1, sizeof *volumes);
    size_t n = 0, k = 0;

    if (all == NULL || volumes == NULL)
        return false;
    for (size_t i = 0; i < l->pick_count; i++) {
        const struct stoa_resource *from = &offer->resources[l->picks[i].resource];
        struct stoa_range *ranges = arena_array(a, from->range_count + 1, sizeof *ranges);
        for (size_t j = 0; ranges != NULL && j < from->range_count; j++)
            ranges[j] = from->ranges[j];
        if (ranges == NULL || !disk_resource(&all[i], from, from->milli, ranges, from->range_count, a) ||
            (from->persistence_id != NULL && !task_volume(&volumes[n++], from, a)))
            return false;
    }
    if (n != 0)
        ret[k++] = (struct stoa_operation){ .type = STOA_OP_DESTROY, .resources = volumes, .resource_count = n };
    ret[k++] =
        (struct stoa_operation){ .type = STOA_OP_UNRESERVE, .resources = all, .resource_count = l->pick_count };
    *count += k;
    return true;
}
