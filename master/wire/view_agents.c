/* SPDX-License-Identifier: Apache-2.0 */
/* Agents in the unversioned answers. */
#include "master/wire/view_json.h"

static struct viewer viewer_of(const struct view *v)
{
    return (struct viewer){ v->acls, v->principal };
}

/* As messages, in both forms of reservations. */
static void put_full(struct jsonw *w, const struct resources *r)
{
    struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
    struct wire_field f;

    wire_put_resources(&b, 1, r, RESOURCE_ENDPOINT, false);
    struct str rest = sbuf_view(&b);
    jsonw_array(w);
    while (wire_field_next(&rest, &f) == 1)
        view_put_wire(w, &mesos__v1__resource__descriptor, f.bytes);
    jsonw_array_close(w);
    sbuf_done(&b);
}

static void key_full(struct jsonw *w, const char *key, struct resources r)
{
    jsonw_key(w, key);
    put_full(w, &r);
    resources_done(&r);
}

static void key_reserved(struct jsonw *w, const struct view *v, const struct resources *total, bool full)
{
    const struct viewer who = viewer_of(v);
    struct resources reserved = viewer_seen(&who, resources_reserved(total));

    jsonw_key_open(w, full ? "reserved_resources_full" : "reserved_resources");
    for (uint32_t i = 0; i < reserved.n; i++) {
        struct name *role = resource_reservation_role(&reserved.v[i]);
        bool seen = false;
        for (uint32_t j = 0; j < i; j++)
            seen = seen || resource_reservation_role(&reserved.v[j]) == role;
        if (seen)
            continue;
        struct resources of_role = resources_reserved_to(&reserved, name_str(role));
        jsonw_key_str(w, name_str(role));
        if (!full) {
            jsonw_resources(w, &of_role);
        } else {
            put_full(w, &of_role);
        }
        resources_done(&of_role);
    }
    jsonw_close(w);
    resources_done(&reserved);
}

static const char *drain_name(enum drain_state s)
{
    return s == DRAINED ? "DRAINED" : s == DRAINING ? "DRAINING" : "UNKNOWN";
}

void view_agent_keys(struct jsonw *w, const struct view *v, const struct agent *a)
{
    jsonw_key_s(w, "id", agent_id_str(a));
    jsonw_key_c(w, "hostname", a->info->hostname);
    jsonw_key_i64(w, "port", a->info->port);
    jsonw_key(w, "attributes");
    jsonw_attributes(w, &a->info->attributes);
    view_key_domain(w, name_str(a->info->region), name_str(a->info->zone));
    jsonw_key_c(w, "pid", a->pid);
    jsonw_key_double(w, "registered_time", view_seconds(a->registered));
    if (a->reregistered.ms != 0)
        jsonw_key_double(w, "reregistered_time", view_seconds(a->reregistered));
    view_key_resources(w, "resources", &a->total);
    view_key_resources_take(w, "used_resources", agent_used(a));
    view_key_resources_take(w, "offered_resources", agent_offered(a));
    key_reserved(w, v, &a->total, false);
    view_key_resources_take(w, "unreserved_resources", resources_unreserved(&a->total));
    jsonw_key_bool(w, "active", agent_is_active(a));
    jsonw_key_bool(w, "deactivated", a->deactivated);
    jsonw_key_c(w, "version", a->version);
    jsonw_key_array(w, "capabilities");
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((a->info->capabilities & bit) != 0 && agent_capability_name(bit) != NULL)
            jsonw_c(w, agent_capability_name(bit));
    jsonw_array_close(w);
    if (a->drain.state == DRAIN_NONE)
        return;
    jsonw_key_open(w, "drain_info");
    jsonw_key_c(w, "state", drain_name(a->drain.state));
    jsonw_key_open(w, "config");
    if (a->drain.max_grace_ns >= 0) {
        jsonw_key_open(w, "max_grace_period");
        jsonw_key_i64(w, "nanoseconds", a->drain.max_grace_ns);
        jsonw_close(w);
    }
    jsonw_key_bool(w, "mark_gone", a->drain.mark_gone);
    jsonw_close(w);
    jsonw_close(w);
    jsonw_key_double(w, "estimated_drain_start_time_seconds", view_seconds(a->drain_start));
}

static void write_agent(struct jsonw *w, const struct view *v, const struct agent *a, bool full)
{
    const struct viewer who = viewer_of(v);

    jsonw_open(w);
    view_agent_keys(w, v, a);
    if (full) {
        key_reserved(w, v, &a->total, true);
        key_full(w, "unreserved_resources_full", resources_unreserved(&a->total));
        key_full(w, "used_resources_full", viewer_seen(&who, agent_used(a)));
        key_full(w, "offered_resources_full", viewer_seen(&who, agent_offered(a)));
    }
    jsonw_close(w);
    jsonw_spill(w);
}

static void write_recovered(struct jsonw *w, const struct lost_agent *l)
{
    jsonw_open(w);
    jsonw_key_c(w, "id", l->id);
    jsonw_key_c(w, "hostname", l->info->hostname);
    jsonw_key_i64(w, "port", l->info->port);
    jsonw_key(w, "attributes");
    jsonw_attributes(w, &l->info->attributes);
    view_key_domain(w, name_str(l->info->region), name_str(l->info->zone));
    jsonw_close(w);
}

void view_agent_lists(struct jsonw *w, const struct view *v, struct str only, bool full)
{
    const struct master *m = v->m;

    jsonw_key_array(w, "slaves");
    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next)
        if (only.n == 0 || str_eq(only, agent_id_str(a)))
            write_agent(w, v, a, full);
    jsonw_array_close(w);
    jsonw_key_array(w, "recovered_slaves");
    for (const struct lost_agent *l = m->lost; l != NULL; l = l->hh.next)
        if (l->kind == LOST_RECOVERED && l->info != NULL && (only.n == 0 || str_is(only, l->id)))
            write_recovered(w, l);
    jsonw_array_close(w);
}
