/* SPDX-License-Identifier: Apache-2.0 */
/* /roles, /weights, /quota, /maintenance, /registrar/registry, the debugging of offer constraints. */
#include <stdlib.h>

#include "common/model/role.h"
#include "master/wire/view_json.h"
#include "proto/mesos_v1_maintenance.pb-c.h"
#include "proto/mesos_v1_quota.pb-c.h"

/* --- roles, weights, quota, maintenance --- */

static void key_quantities(struct jsonw *w, const char *key, const struct quantities *q)
{
    jsonw_key_open(w, key);
    for (size_t i = 0; i < q->n; i++) {
        jsonw_key_str(w, name_str(q->v[i].name));
        jsonw_milli(w, q->v[i].milli);
    }
    jsonw_close(w);
}

/* How many ports of the entries are allocated to the role or one below it, in thousandths as quantities are. */
static int64_t ports_in(const struct resources *r, struct name *role)
{
    int64_t n = 0;

    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i].name == NAME_PORTS && r->v[i].type == VALUE_RANGES && r->v[i].role != NULL &&
            (r->v[i].role == role || role_is_strict_sub(name_str(r->v[i].role), name_str(role))))
            n += (int64_t)ranges_size(r->v[i].ranges) * MILLI_PER_UNIT;
    return n;
}

/* The allocator counts scalars alone; ports are shown here too. */
static void add_ports(const struct master *m, struct name *role, struct alloc_role_view *r)
{
    int64_t allocated = 0, offered = 0;

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
            allocated += ports_in(&s->used, role);
        for (const struct offer *o = a->offers; o != NULL; o = o->a_next)
            offered += ports_in(&o->resources, role);
    }
    if (allocated != 0) {
        quantities_add(&r->allocated, NAME_PORTS, allocated);
        quantities_add(&r->consumed, NAME_PORTS, allocated);
    }
    if (offered != 0)
        quantities_add(&r->offered, NAME_PORTS, offered);
}

static void write_role(struct jsonw *w, const struct master *m, struct name *role)
{
    struct alloc_role_view r;

    (void)allocator_role_view(m->allocator, role, &r);
    add_ports(m, role, &r);
    jsonw_open(w);
    jsonw_key_s(w, "name", name_str(role));
    jsonw_key_double(w, "weight", r.weight);
    jsonw_key_open(w, "quota");
    jsonw_key_s(w, "role", name_str(role));
    key_quantities(w, "guarantee", &r.guarantees);
    key_quantities(w, "limit", &r.limits);
    key_quantities(w, "consumed", &r.consumed);
    jsonw_close(w);
    struct quantities sum = quantities_copy(&r.allocated);
    quantities_add_all(&sum, &r.offered);
    key_quantities(w, "resources", &sum);
    quantities_done(&sum);
    key_quantities(w, "allocated", &r.allocated);
    key_quantities(w, "offered", &r.offered);
    key_quantities(w, "reserved", &r.reserved);
    jsonw_key_array(w, "frameworks");
    for (size_t i = 0; i < r.framework_count; i++)
        jsonw_str(w, allocator_framework_id(m->allocator, r.frameworks[i]).s);
    jsonw_array_close(w);
    jsonw_close(w);
    allocator_role_view_done(&r);
}

static int by_name(const void *x, const void *y)
{
    return name_cmp(*(struct name *const *)x, *(struct name *const *)y);
}

size_t view_known_roles(const struct view *v, struct name ***ret)
{
    struct str rest = v->m->config.roles_whitelist, one;
    struct name **roles = NULL;
    size_t n = 0, cap = 0, kept = 0;

    if (rest.n == 0) {
        n = allocator_roles(v->m->allocator, ret);
        for (size_t i = 0; i < n; i++)
            (void)name_ref((*ret)[i]);
        return n;
    }
    for (bool more = true; more;) {
        more = str_cut(&rest, ',', &one);
        ARRAY_ROOM(roles, n, cap);
        roles[n++] = name_of(str_trim(one));
    }
    ARRAY_ROOM(roles, n, cap);
    roles[n++] = name_of(STR("*")); /* is always taken */
    qsort(roles, n, sizeof *roles, by_name);
    for (size_t i = 0; i < n; i++)
        if (name_str(roles[i]).n == 0 || (kept > 0 && roles[i] == roles[kept - 1]))
            name_unref(roles[i]);
        else
            roles[kept++] = roles[i];
    *ret = roles;
    return kept;
}

void view_known_roles_done(struct name **roles, size_t n)
{
    for (size_t i = 0; i < n; i++)
        name_unref(roles[i]);
    free(roles);
}

void view_roles(const struct view *v, struct sbuf *b)
{
    struct jsonw w = JSONW(b);
    struct name **roles;
    size_t n = view_known_roles(v, &roles);

    jsonw_open(&w);
    jsonw_key_array(&w, "roles");
    for (size_t i = 0; i < n; i++)
        if (view_may(v, ACL_VIEW_ROLES, name_str(roles[i])))
            write_role(&w, v->m, roles[i]);
    jsonw_array_close(&w);
    jsonw_close(&w);
    view_known_roles_done(roles, n);
}

static int by_role(const void *a, const void *b)
{
    const struct weight *const *x = a, *const *y = b;

    return name_cmp((*x)->role, (*y)->role);
}

void view_weights(const struct view *v, struct sbuf *b)
{
    struct jsonw w = JSONW(b);
    size_t n = HASH_COUNT(v->m->weights), i = 0;
    const struct weight **sorted = calloc(n + 1, sizeof *sorted);

    jsonw_array(&w);
    if (sorted != NULL) {
        for (const struct weight *x = v->m->weights; x != NULL; x = x->hh.next)
            sorted[i++] = x;
        qsort(sorted, n, sizeof *sorted, by_role); /* names are unique: no ties */
        for (i = 0; i < n; i++) {
            if (!view_may(v, ACL_VIEW_ROLES, name_str(sorted[i]->role)))
                continue;
            jsonw_open(&w);
            jsonw_key_s(&w, "role", name_str(sorted[i]->role));
            jsonw_key_double(&w, "weight", sorted[i]->weight);
            jsonw_close(&w);
        }
    }
    jsonw_array_close(&w);
    free(sorted);
}

static void view_packed(struct sbuf *b, const struct view *v, void (*put)(struct sbuf *, const struct view *),
                        const ProtobufCMessageDescriptor *type)
{
    struct sbuf packed = SBUF_INIT(SIZE_MAX / 4);

    put(&packed, v);
    (void)json_from_wire(b, type, sbuf_view(&packed));
    sbuf_done(&packed);
}

void view_quota(const struct view *v, struct sbuf *b)
{
    view_packed(b, v, put_quota_status, &mesos__v1__quota__quota_status__descriptor);
}

void view_maintenance_status(const struct view *v, struct sbuf *b)
{
    view_packed(b, v, put_cluster_status, &mesos__v1__maintenance__cluster_status__descriptor);
}

void view_maintenance_schedule(const struct view *v, struct sbuf *b)
{
    view_packed(b, v, put_schedule_now, &mesos__v1__maintenance__schedule__descriptor);
}

/* --- debugging --- */

void view_registry(const struct view *v, struct sbuf *b)
{
    struct jsonw w = JSONW(b);
    const struct master *m = v->m;

    jsonw_open(&w);
    jsonw_key_open(&w, "master");
    view_key_wire(&w, "info", &mesos__v1__master_info__descriptor, v->who.master_info);
    jsonw_close(&w);
    jsonw_key_open(&w, "slaves");
    if (m->agents != NULL)
        jsonw_key_array(&w, "slaves");
    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        jsonw_open(&w);
        jsonw_key_bool(&w, "deactivated", a->deactivated);
        view_key_wire(&w, "info", &mesos__v1__agent_info__descriptor, blob_str(a->info->raw));
        jsonw_close(&w);
    }
    if (m->agents != NULL)
        jsonw_array_close(&w);
    jsonw_close(&w);
    for (int kind = LOST_UNREACHABLE; kind <= LOST_GONE; kind++) {
        if ((kind == LOST_GONE ? m->gone_count : m->unreachable_count) == 0)
            continue;
        jsonw_key_open(&w, kind == LOST_GONE ? "gone" : "unreachable");
        jsonw_key_array(&w, "slaves");
        for (const struct lost_agent *l = m->lost; l != NULL; l = l->hh.next) {
            if ((int)l->kind != kind)
                continue;
            jsonw_open(&w);
            if (kind == LOST_UNREACHABLE)
                jsonw_key_bool(&w, "deactivated", l->deactivated);
            jsonw_key_open(&w, "id");
            jsonw_key_c(&w, "value", l->id);
            jsonw_close(&w);
            jsonw_key_open(&w, "timestamp");
            jsonw_key_i64(&w, "nanoseconds", l->time.ms * NS_PER_MS);
            jsonw_close(&w);
            jsonw_close(&w);
        }
        jsonw_array_close(&w);
        jsonw_close(&w);
    }
    jsonw_close(&w);
}

void view_constraints_debug(const struct view *v, struct sbuf *b)
{
    struct jsonw w = JSONW(b);
    const struct master *m = v->m;

    jsonw_open(&w);
    jsonw_key_open(&w, "frameworks");
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next) {
        jsonw_key_str(&w, f->id.s);
        jsonw_open(&w);
        jsonw_key_array(&w, "suppressed_roles");
        for (size_t i = 0; i < f->info->role_count; i++)
            if (allocator_framework_is_suppressed(m->allocator, f->ref, f->info->roles[i]))
                jsonw_str(&w, name_str(f->info->roles[i]));
        jsonw_array_close(&w);
        jsonw_key_open(&w, "excluded_by_attribute_constraints");
        for (size_t i = 0; i < f->info->role_count; i++) {
            struct agent_ref *v_agents;
            size_t n = allocator_excluded_agents(m->allocator, f->ref, f->info->roles[i], &v_agents);
            jsonw_key_str(&w, name_str(f->info->roles[i]));
            jsonw_array(&w);
            for (size_t j = 0; j < n; j++)
                jsonw_str(&w, allocator_agent_id(m->allocator, v_agents[j]).s);
            jsonw_array_close(&w);
            free(v_agents);
        }
        jsonw_close(&w);
        jsonw_close(&w);
    }
    jsonw_close(&w);
    jsonw_close(&w);
}
