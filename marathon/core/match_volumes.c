/* SPDX-License-Identifier: Apache-2.0 */
/* Which disk each volume gets is worked out on a copy of the sizes, the same way when it is checked and when
 * it is taken; volumes choose in the order of the app, and the task's own disk has what they leave. */
#include "marathon/core/match_volumes.h"

#include <stdio.h>

static bool path_admitted(const struct persistent_info *p, struct str root)
{
    struct placed none = { 0 };

    LIST_EACH(p->constraints, struct constraint, c)
    if (!constraint_admits(c, &none, root, 1))
        return false;
    return true;
}

static bool suits(const struct persistent_info *p, const struct offer_resource *r, int64_t left)
{
    int64_t need = p->size.v * 1000;

    if (!str_eq(p->profile, r->disk_profile)) /* one without a profile is not for who asks for one, and the other way round */
        return false;
    switch ((enum volume_type)p->type.v) {
    case VOLUME_ROOT:
        return r->source == DISK_ROOT && left >= need;
    case VOLUME_PATH:
        return r->source == DISK_PATH && left >= need && path_admitted(p, r->disk_root);
    case VOLUME_MOUNT:
        return r->source == DISK_MOUNT && left >= need && left == r->milli &&
               (!p->max_size.has || left <= p->max_size.v * 1000) && path_admitted(p, r->disk_root);
    }
    return false;
}

static bool is_free_disk(const struct offer_resource *r)
{
    return r->kind == VALUE_KIND_SCALAR && str_is(r->name, "disk") && str_is(r->role, "*") && !r->labelled &&
           r->persistence_id.p == NULL && r->source != DISK_OTHER;
}

/* SIZE_MAX: none. */
static size_t disk_for(const struct persistent_info *p, const struct offer *o, const int64_t *left)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < o->resource_count; i++)
        if (is_free_disk(&o->resources[i]) && suits(p, &o->resources[i], left[i]) &&
            (best == SIZE_MAX || (p->type.v == VOLUME_MOUNT && left[i] < left[best])))
            best = i;
    return best;
}

static size_t volume_of(const struct offer *o, const struct match_context *mc, size_t k)
{
    for (size_t i = 0; i < o->resource_count; i++)
        if (o->resources[i].persistence_id.p != NULL &&
            resource_is_ours(&o->resources[i], mc->framework, mc->owner) &&
            str_eq(o->resources[i].persistence_id, mc->persistence_ids[k]))
            return i;
    return SIZE_MAX;
}

static void say_none(const struct volume *v, const struct offer *o, struct match *m)
{
    static const char *const kinds[] = { "root", "path", "mount" };
    const struct persistent_info *p = v->persistent;
    int64_t most = 0;

    for (size_t i = 0; i < o->resource_count; i++)
        if (is_free_disk(&o->resources[i]) && (int64_t)o->resources[i].source == p->type.v &&
            str_eq(p->profile, o->resources[i].disk_profile) && o->resources[i].milli > most)
            most = o->resources[i].milli;
    match_reject(m, REJECT_DISK, p->size.v * 1000, most);
    if (m->reason == REJECT_DISK)
        (void)snprintf(m->detail, sizeof m->detail,
                       "volume %.*s needs %lld MB of unreserved %s disk%s%s%.*s, the largest there is has %lld",
                       STR_ARG(str_sub(v->container_path, 0, 40)), (long long)p->size.v, kinds[p->type.v],
                       p->constraints.n != 0 ? " that its constraints admit" : "", p->profile.n != 0 ? " of profile " : "",
                       STR_ARG(str_sub(p->profile, 0, 40)), (long long)most / 1000);
}

/* Writes a resource per volume to chosen, and to left what the volumes leave. False: m has the reason. */
static bool choose(const struct app *a, const struct offer *o, const struct match_context *mc,
                   struct match *m, size_t *chosen, int64_t *left)
{
    size_t n = app_volume_count(a);

    for (size_t i = 0; i < o->resource_count; i++)
        left[i] = o->resources[i].milli;
    for (size_t k = 0; k < n; k++) {
        const struct volume *v = app_volume(a, k);
        bool reserved = mc->kind == MATCH_RESERVED;
        chosen[k] = reserved ? volume_of(o, mc, k) : disk_for(v->persistent, o, left);
        if (chosen[k] != SIZE_MAX) {
            left[chosen[k]] -= v->persistent->type.v == VOLUME_MOUNT || reserved ? left[chosen[k]]
                                                                                : v->persistent->size.v * 1000;
            continue;
        }
        if (!reserved) {
            say_none(v, o, m);
            return false;
        }
        match_reject(m, REJECT_RESERVATION, 0, 0);
        if (m->reason == REJECT_RESERVATION)
            (void)snprintf(m->detail, sizeof m->detail, "volume %.*s of the instance is not in the offer",
                           STR_ARG(str_sub(v->container_path, 0, 60)));
        return false;
    }
    return true;
}

static bool room(const struct app *a, const struct offer *o, const struct match_context *mc, size_t **chosen,
                 int64_t **left)
{
    *chosen = arena_array(mc->arena, app_volume_count(a) + 1, sizeof **chosen);
    *left = arena_array(mc->arena, o->resource_count + 1, sizeof **left);
    return *chosen != NULL && *left != NULL;
}

void volumes_check(const struct app *a, const struct offer *o, const struct match_context *mc,
                   struct match *m)
{
    int64_t need = (int64_t)(a->disk.v * 1000 + 0.5), have = 0, *left;
    size_t *chosen;

    if (!room(a, o, mc, &chosen, &left)) {
        match_reject(m, REJECT_DISK, 0, 0);
        return;
    }
    if (!choose(a, o, mc, m, chosen, left) || need == 0)
        return;
    for (size_t i = 0; i < o->resource_count; i++)
        if (o->resources[i].kind == VALUE_KIND_SCALAR && str_is(o->resources[i].name, "disk") &&
            match_usable(a, mc, &o->resources[i]))
            have += left[i];
    if (have < need)
        match_reject(m, REJECT_DISK, need, have);
}

bool volumes_take(const struct app *a, struct offer *o, const struct match_context *mc, struct match *m,
                  size_t *cap)
{
    size_t *chosen, n = app_volume_count(a);
    int64_t *left;

    if (!room(a, o, mc, &chosen, &left) || !choose(a, o, mc, m, chosen, left))
        return false;
    for (size_t k = 0; k < n; k++) {
        struct offer_resource *r = &o->resources[chosen[k]];
        const struct persistent_info *p = app_volume(a, k)->persistent;
        bool whole = mc->kind == MATCH_RESERVED || p->type.v == VOLUME_MOUNT;
        int64_t take = whole ? r->milli : p->size.v * 1000;
        if (!match_pick(m, mc->arena,
                        (struct pick){ .resource = chosen[k], .milli = take, .volume = (unsigned)k + 1 }, cap))
            return false;
        r->milli -= take;
        if (mc->kind == MATCH_RESERVED)
            r->persistence_id = (struct str){ NULL, 0 }; /* not a second time */
    }
    return true;
}
