/* SPDX-License-Identifier: Apache-2.0 */
/* The unversioned master_endpoints: /state, /slaves, /frameworks and their kin. The key names are those of the original, which say slave
 * for agent; extra keys are harmless here, missing ones are not. Source: operator API, section 10; client expectations 9. */
#include <stdio.h>
#include <stdlib.h>

#include "common/model/role.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/wire/view.h"
#include "proto/mesos_v1_maintenance.pb-c.h"
#include "proto/mesos_v1_quota.pb-c.h"

static double seconds(struct wall t)
{
    return (double)t.ms / 1000.0;
}

static void key_wire(struct jsonw *w, const char *key, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    jsonw_key(w, key);
    (void)json_write_wire(w, type, bytes, NULL);
}

static void key_resources(struct jsonw *w, const char *key, const struct resources *r)
{
    jsonw_key(w, key);
    jsonw_resources(w, r);
}

static void key_resources_take(struct jsonw *w, const char *key, struct resources r)
{
    key_resources(w, key, &r);
    resources_done(&r);
}

static void write_label(struct jsonw *w, struct str label)
{
    struct str key = { NULL, 0 }, value = { NULL, 0 };
    struct wire_field f;

    while (wire_field_next(&label, &f) == 1)
        if (f.number == 1)
            key = f.bytes;
        else if (f.number == 2)
            value = f.bytes;
    jsonw_open(w);
    if (key.p != NULL)
        jsonw_key_s(w, "key", key);
    if (value.p != NULL)
        jsonw_key_s(w, "value", value);
    jsonw_close(w);
}

/* The list of a Labels message: [{"key":..,"value":..}] */
static void key_labels(struct jsonw *w, const char *key, struct str labels)
{
    struct str rest = labels;
    struct wire_field f;

    jsonw_key_array(w, key);
    while (wire_field_next(&rest, &f) == 1)
        if (f.number == 1)
            write_label(w, f.bytes);
    jsonw_array_close(w);
}

static void key_domain(struct jsonw *w, struct str region, struct str zone)
{
    if (region.n == 0)
        return;
    jsonw_key_open(w, "domain");
    jsonw_key_open(w, "fault_domain");
    jsonw_key_open(w, "region");
    jsonw_key_s(w, "name", region);
    jsonw_close(w);
    jsonw_key_open(w, "zone");
    jsonw_key_s(w, "name", zone);
    jsonw_close(w);
    jsonw_close(w);
    jsonw_close(w);
}

/* --- who may see it --- */

struct str view_task_user(const struct task *t)
{
    struct str user = wire_field_bytes(task_record(t), 14);

    return user.n != 0 ? user : str_of(t->framework->info->user);
}

struct str view_executor_user(const struct executor *e)
{
    struct str user = wire_field_bytes(wire_field_bytes(blob_str(e->info->raw), 7), 5);

    return user.n != 0 ? user : str_of(e->slot->framework->info->user);
}

/* --- tasks --- */

static void write_container_status(struct jsonw *w, struct str cs)
{
    struct str rest = cs;
    struct wire_field f;
    bool networks = false;

    jsonw_key_open(w, "container_status");
    if (wire_field_find(cs, 4, &f))
        key_wire(w, "container_id", &mesos__v1__container_id__descriptor, f.bytes);
    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 1)
            continue;
        if (!networks)
            jsonw_key_array(w, "network_infos");
        networks = true;
        (void)json_write_wire(w, &mesos__v1__network_info__descriptor, f.bytes, NULL);
    }
    if (networks)
        jsonw_array_close(w);
    if (wire_field_find(cs, 2, &f))
        key_wire(w, "cgroup_info", &mesos__v1__cgroup_info__descriptor, f.bytes);
    jsonw_close(w);
}

static void write_status(struct jsonw *w, enum task_state state, struct str s)
{
    struct str rest = s;
    struct wire_field f, has[14] = { { 0 } }; /* by number; number 0: absent */

    while (wire_field_next(&rest, &f) == 1)
        if (f.number < sizeof has / sizeof has[0])
            has[f.number] = f;
    jsonw_open(w);
    jsonw_key_c(w, "state", task_state_name(state));
    jsonw_key_double(w, "timestamp", has[6].number != 0 ? wire_as_double(has[6].value) : 0);
    if (has[12].number != 0)
        key_labels(w, "labels", has[12].bytes);
    if (has[13].number != 0)
        write_container_status(w, has[13].bytes);
    if (has[8].number != 0)
        jsonw_key_bool(w, "healthy", has[8].value != 0);
    jsonw_close(w);
}

static void write_limits(struct jsonw *w, struct str record)
{
    struct str rest = record;
    struct wire_field f;
    bool any = false;

    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 17)
            continue;
        if (!any)
            jsonw_key_open(w, "limits");
        any = true;
        jsonw_key_str(w, wire_field_bytes(f.bytes, 1));
        jsonw_double(w, wire_field_double(wire_field_bytes(f.bytes, 2), 1, 0));
    }
    if (any)
        jsonw_close(w);
}

/* Most tasks ask for the same as the one before. */
struct bundle_text {
    const struct bundle *of;
    struct sbuf text;
};
#define BUNDLE_TEXT ((struct bundle_text){ .text = SBUF_INIT(SIZE_MAX / 4) })

static void write_bundle(struct jsonw *w, const struct bundle *bundle, struct bundle_text *memo)
{
    if (memo->of != bundle) {
        struct jsonw one = JSONW(&memo->text);
        sbuf_clear(&memo->text);
        jsonw_resources(&one, &bundle->r);
        memo->of = bundle;
    }
    jsonw_raw(w, sbuf_view(&memo->text));
}

static void write_task(struct jsonw *w, const struct task *t, struct bundle_text *memo)
{
    struct str record = task_record(t), status;
    struct wire_field f;
    struct str rest = record, has[18] = { { NULL, 0 } }; /* by number; p NULL: absent */
    enum task_state state;
    struct name *role = resources_role(&t->bundle->r, NULL);

    while (wire_field_next(&rest, &f) == 1)
        if (f.number < sizeof has / sizeof has[0] && f.bytes.p != NULL)
            has[f.number] = f.bytes;
    jsonw_open(w);
    jsonw_key_s(w, "id", task_id_str(t));
    jsonw_key_s(w, "name", has[1]);
    jsonw_key_s(w, "framework_id", t->framework->id.s);
    jsonw_key_s(w, "executor_id", name_str(t->executor_id));
    jsonw_key_s(w, "slave_id", name_str(t->agent_id));
    jsonw_key_c(w, "state", task_state_name(t->state));
    jsonw_key(w, "resources");
    write_bundle(w, t->bundle, memo);
    if (has[17].p != NULL)
        write_limits(w, record);
    if (role != NULL)
        jsonw_key_s(w, "role", name_str(role));
    jsonw_key_array(w, "statuses");
    for (size_t at = 0; status_log_next(&t->statuses, &at, &state, &status);)
        write_status(w, state, status);
    jsonw_array_close(w);
    if (has[14].p != NULL)
        jsonw_key_s(w, "user", has[14]);
    if (has[11].p != NULL)
        key_labels(w, "labels", has[11]);
    if (has[12].p != NULL)
        key_wire(w, "discovery", &mesos__v1__discovery_info__descriptor, has[12]);
    if (has[13].p != NULL)
        key_wire(w, "container", &mesos__v1__container_info__descriptor, has[13]);
    if (has[15].p != NULL)
        key_wire(w, "health_check", &mesos__v1__health_check__descriptor, has[15]);
    jsonw_close(w);
    jsonw_spill(w);
}

/* --- agents --- */

static struct viewer viewer_of(const struct view *v)
{
    return (struct viewer){ v->acls, v->principal };
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
            struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
            struct str rest;
            struct wire_field f;
            wire_put_resources(&b, 1, &of_role, RESOURCE_ENDPOINT, false);
            rest = sbuf_view(&b);
            jsonw_array(w);
            while (wire_field_next(&rest, &f) == 1)
                (void)json_write_wire(w, &mesos__v1__resource__descriptor, f.bytes, NULL);
            jsonw_array_close(w);
            sbuf_done(&b);
        }
        resources_done(&of_role);
    }
    jsonw_close(w);
    resources_done(&reserved);
}

static void key_full(struct jsonw *w, const char *key, struct resources r)
{
    struct sbuf b = SBUF_INIT(SIZE_MAX / 4);
    struct wire_field f;

    wire_put_resources(&b, 1, &r, RESOURCE_ENDPOINT, false);
    struct str rest = sbuf_view(&b);
    jsonw_key_array(w, key);
    while (wire_field_next(&rest, &f) == 1)
        (void)json_write_wire(w, &mesos__v1__resource__descriptor, f.bytes, NULL);
    jsonw_array_close(w);
    sbuf_done(&b);
    resources_done(&r);
}

static const char *drain_name(enum drain_state s)
{
    return s == DRAINED ? "DRAINED" : s == DRAINING ? "DRAINING" : "UNKNOWN";
}

static void agent_keys(struct jsonw *w, const struct view *v, const struct agent *a)
{
    jsonw_key_s(w, "id", agent_id_str(a));
    jsonw_key_c(w, "hostname", a->info->hostname);
    jsonw_key_i64(w, "port", a->info->port);
    jsonw_key(w, "attributes");
    jsonw_attributes(w, &a->info->attributes);
    key_domain(w, name_str(a->info->region), name_str(a->info->zone));
    jsonw_key_c(w, "pid", a->pid);
    jsonw_key_double(w, "registered_time", seconds(a->registered));
    if (a->reregistered.ms != 0)
        jsonw_key_double(w, "reregistered_time", seconds(a->reregistered));
    key_resources(w, "resources", &a->total);
    key_resources_take(w, "used_resources", agent_used(a));
    key_resources_take(w, "offered_resources", agent_offered(a));
    key_reserved(w, v, &a->total, false);
    key_resources_take(w, "unreserved_resources", resources_unreserved(&a->total));
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
    jsonw_key_double(w, "estimated_drain_start_time_seconds", seconds(a->drain_start));
}

static void write_agent(struct jsonw *w, const struct view *v, const struct agent *a, bool full)
{
    const struct viewer who = viewer_of(v);

    jsonw_open(w);
    agent_keys(w, v, a);
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
    key_domain(w, name_str(l->info->region), name_str(l->info->zone));
    jsonw_close(w);
}

static void agent_lists(struct jsonw *w, const struct view *v, struct str only, bool full)
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

/* --- frameworks --- */

static void write_command(struct jsonw *w, struct str c)
{
    struct str rest = c;
    struct wire_field f;

    jsonw_key_open(w, "command");
    if (wire_field_find(c, 6, &f))
        jsonw_key_bool(w, "shell", f.value != 0);
    if (wire_field_find(c, 3, &f))
        jsonw_key_s(w, "value", f.bytes);
    jsonw_key_array(w, "argv");
    while (wire_field_next(&rest, &f) == 1)
        if (f.number == 7)
            jsonw_str(w, f.bytes);
    jsonw_array_close(w);
    if (wire_field_find(c, 2, &f))
        key_wire(w, "environment", &mesos__v1__environment__descriptor, f.bytes);
    jsonw_key_array(w, "uris");
    rest = c;
    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 1)
            continue;
        jsonw_open(w);
        jsonw_key_s(w, "value", wire_field_bytes(f.bytes, 1));
        jsonw_key_bool(w, "executable", wire_field_u64(f.bytes, 2, 0) != 0);
        jsonw_close(w);
    }
    jsonw_array_close(w);
    jsonw_close(w);
}

static void write_executor(struct jsonw *w, const struct executor *e)
{
    const struct executor_info *i = e->info;
    struct str raw = blob_str(i->raw);
    struct name *role = resources_role(&i->resources, NULL);
    struct wire_field f;

    jsonw_open(w);
    jsonw_key_s(w, "executor_id", i->id.s);
    jsonw_key_s(w, "name", i->name);
    jsonw_key_s(w, "framework_id", i->framework.s);
    write_command(w, wire_field_bytes(raw, 7));
    key_resources(w, "resources", &i->resources);
    if (role != NULL)
        jsonw_key_s(w, "role", name_str(role));
    if (wire_field_find(raw, 14, &f))
        key_labels(w, "labels", f.bytes);
    if (i->type != EXECUTOR_UNSET)
        jsonw_key_c(w, "type", i->type == EXECUTOR_DEFAULT ? "DEFAULT" : i->type == EXECUTOR_CUSTOM ? "CUSTOM" : "UNKNOWN");
    jsonw_key_s(w, "slave_id", agent_id_str(e->slot->agent));
    jsonw_close(w);
    jsonw_spill(w);
}

static void write_offer(struct jsonw *w, const struct offer *o)
{
    jsonw_open(w);
    jsonw_key_c(w, "id", o->id);
    jsonw_key_s(w, "framework_id", o->framework->id.s);
    jsonw_key_open(w, "allocation_info");
    jsonw_key_s(w, "role", name_str(o->role));
    jsonw_close(w);
    jsonw_key_s(w, "slave_id", agent_id_str(o->agent));
    key_resources(w, "resources", &o->resources);
    jsonw_close(w);
}

static void framework_keys(struct jsonw *w, const struct framework *f)
{
    jsonw_key_s(w, "id", f->id.s);
    jsonw_key_c(w, "name", f->info->name);
    key_resources_take(w, "used_resources", framework_used(f));
    key_resources_take(w, "offered_resources", framework_offered(f));
    jsonw_key_array(w, "capabilities");
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if ((f->info->capabilities & bit) != 0 && framework_capability_name(bit) != NULL)
            jsonw_c(w, framework_capability_name(bit));
    jsonw_array_close(w);
    jsonw_key_s(w, "hostname", str_of(f->info->hostname));
    jsonw_key_s(w, "webui_url", str_of(f->info->webui_url));
    if (f->pid != NULL)
        jsonw_key_c(w, "pid", f->pid);
    jsonw_key_bool(w, "active", framework_is_active(f));
    jsonw_key_bool(w, "connected", framework_is_connected(f));
    jsonw_key_bool(w, "recovered", f->state == FRAMEWORK_RECOVERED);
}

/* Tasks lie all over the memory: what comes next is fetched while this one is written. */
static void prefetch_after(const struct task *t)
{
    const struct task *next = t->hh.next;

    if (next == NULL)
        return;
    for (size_t at = 0; at < 256; at += 64)
        __builtin_prefetch(next->statuses.p + at);
    const char *then = next->hh.next;
    if (then != NULL)
        for (size_t at = 0; at < 512; at += 64)
            __builtin_prefetch(then + at);
}

static void framework_lists(struct jsonw *w, const struct view *v, const struct framework *f)
{
    struct bundle_text memo = BUNDLE_TEXT;

    jsonw_key_array(w, "tasks");
    for (const struct task *t = f->tasks; t != NULL; t = t->hh.next) {
        prefetch_after(t);
        if (view_may_see_task(v, t))
            write_task(w, t, &memo);
    }
    jsonw_array_close(w);
    jsonw_key_array(w, "unreachable_tasks");
    for (const struct task *t = f->unreachable_ring.head; t != NULL; t = t->next)
        if (view_may_see_task(v, t))
            write_task(w, t, &memo);
    jsonw_array_close(w);
    jsonw_key_array(w, "completed_tasks");
    for (const struct task *t = f->completed.head; t != NULL; t = t->next)
        if (view_may_see_task(v, t))
            write_task(w, t, &memo);
    jsonw_array_close(w);
    sbuf_done(&memo.text);
    jsonw_key_array(w, "offers");
    for (const struct offer *o = f->offers; o != NULL; o = o->f_next)
        write_offer(w, o);
    jsonw_array_close(w);
    jsonw_key_array(w, "executors");
    for (const struct slot *s = f->slots; s != NULL; s = s->f_next)
        for (const struct executor *e = s->executors; e != NULL; e = e->next)
            if (view_may(v, ACL_VIEW_EXECUTORS, view_executor_user(e)))
                write_executor(w, e);
    jsonw_array_close(w);
}

static void write_framework(struct jsonw *w, const struct view *v, const struct framework *f)
{
    struct wire_field labels;
    bool multi = framework_info_can(f->info, FRAMEWORK_CAP_MULTI_ROLE);

    jsonw_open(w);
    framework_keys(w, f);
    jsonw_key_c(w, "user", f->info->user);
    jsonw_key_double(w, "failover_timeout", (double)f->info->failover_timeout_ns / (double)NS_PER_S);
    jsonw_key_bool(w, "checkpoint", f->info->checkpoint);
    jsonw_key_double(w, "registered_time", seconds(f->registered));
    jsonw_key_double(w, "unregistered_time", seconds(f->unregistered));
    if (f->reregistered.ms != f->registered.ms)
        jsonw_key_double(w, "reregistered_time", seconds(f->reregistered));
    if (f->info->principal != NULL)
        jsonw_key_c(w, "principal", f->info->principal);
    struct resources all = framework_used(f), offered = framework_offered(f);
    resources_add_all(&all, &offered);
    resources_done(&offered);
    key_resources_take(w, "resources", all);
    if (multi) {
        jsonw_key_array(w, "roles");
        for (size_t i = 0; i < f->info->role_count; i++)
            jsonw_str(w, name_str(f->info->roles[i]));
        jsonw_array_close(w);
    } else {
        jsonw_key_s(w, "role", f->info->role_count != 0 ? name_str(f->info->roles[0]) : STR("*"));
    }
    framework_lists(w, v, f);
    if (wire_field_find(blob_str(f->info->raw), 11, &labels))
        key_labels(w, "labels", labels.bytes);
    key_wire(w, "offer_constraints", &mesos__v1__scheduler__offer_constraints__descriptor,
             f->constraints != NULL ? blob_str(f->constraints->raw) : (struct str){ "", 0 });
    jsonw_close(w);
}

static bool framework_shown(const struct view *v, const struct framework *f, struct str only)
{
    return (only.n == 0 || str_eq(only, f->id.s)) && view_may(v, ACL_VIEW_FRAMEWORKS, str_of(f->info->user));
}

static void framework_arrays(struct jsonw *w, const struct view *v, struct str only)
{
    const struct master *m = v->m;

    jsonw_key_array(w, "frameworks");
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        if (framework_shown(v, f, only))
            write_framework(w, v, f);
    jsonw_array_close(w);
    jsonw_key_array(w, "completed_frameworks");
    for (const struct framework *f = m->completed_list; f != NULL; f = f->c_next)
        if (framework_shown(v, f, only))
            write_framework(w, v, f);
    jsonw_array_close(w);
}

static void empty_array(struct jsonw *w, const char *key)
{
    jsonw_key_array(w, key);
    jsonw_array_close(w);
}

/* --- master_endpoints --- */

void view_version(const struct view *v, struct sbuf *b)
{
    struct jsonw w = JSONW(b);

    jsonw_open(&w);
    jsonw_key_c(&w, "build_date", v->build_date);
    jsonw_key_double(&w, "build_time", v->build_time);
    jsonw_key_c(&w, "build_user", v->build_user);
    jsonw_key_c(&w, "version", v->version);
    jsonw_close(&w);
}

static void state_head(struct jsonw *w, const struct view *v)
{
    const struct master *m = v->m;
    size_t active = 0, inactive = 0;

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next)
        if (agent_is_active(a))
            active++;
        else
            inactive++;
    jsonw_key_c(w, "version", v->version);
    jsonw_key_c(w, "build_date", v->build_date);
    jsonw_key_double(w, "build_time", v->build_time);
    jsonw_key_c(w, "build_user", v->build_user);
    jsonw_key_double(w, "start_time", v->start_time);
    jsonw_key_double(w, "elected_time", v->elected_time);
    jsonw_key_c(w, "id", m->id);
    jsonw_key_c(w, "pid", v->pid);
    jsonw_key_c(w, "hostname", v->hostname);
    jsonw_key_array(w, "capabilities");
    jsonw_c(w, "AGENT_UPDATE");
    jsonw_c(w, "AGENT_DRAINING");
    jsonw_c(w, "QUOTA_V2");
    jsonw_array_close(w);
    jsonw_key_double(w, "activated_slaves", (double)active);
    jsonw_key_double(w, "deactivated_slaves", (double)inactive);
    jsonw_key_double(w, "unreachable_slaves", (double)m->unreachable_count);
    key_domain(w, v->region, v->zone);
    jsonw_key_c(w, "leader", v->pid);
    jsonw_key_open(w, "leader_info");
    jsonw_key_c(w, "id", m->id);
    jsonw_key_c(w, "pid", v->pid);
    jsonw_key_i64(w, "port", v->port);
    jsonw_key_c(w, "hostname", v->hostname);
    key_domain(w, v->region, v->zone);
    jsonw_close(w);
    if (v->cluster != NULL)
        jsonw_key_c(w, "cluster", v->cluster);
    if (v->log_dir != NULL)
        jsonw_key_c(w, "log_dir", v->log_dir);
    if (v->external_log_file != NULL)
        jsonw_key_c(w, "external_log_file", v->external_log_file);
    if (!view_may(v, ACL_VIEW_FLAGS, (struct str){ NULL, 0 }))
        return;
    jsonw_key(w, "flags");
    jsonw_raw(w, v->flags_json);
}

void view_state(const struct view *v, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    state_head(&w, v);
    agent_lists(&w, v, (struct str){ NULL, 0 }, false);
    framework_arrays(&w, v, (struct str){ NULL, 0 });
    empty_array(&w, "orphan_tasks");
    empty_array(&w, "unregistered_frameworks");
    jsonw_close(&w);
}

void view_slaves(const struct view *v, const struct view_query *q, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    agent_lists(&w, v, q->slave_id, true);
    jsonw_close(&w);
}

void view_frameworks(const struct view *v, const struct view_query *q, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    framework_arrays(&w, v, q->framework_id);
    empty_array(&w, "unregistered_frameworks");
    jsonw_close(&w);
}

/* --- summary --- */

static const enum task_state counted[] = { TASK_STAGING, TASK_STARTING, TASK_RUNNING, TASK_KILLING, TASK_FINISHED, TASK_KILLED,
                                           TASK_FAILED,  TASK_LOST,     TASK_ERROR,   TASK_UNREACHABLE };

static void write_counts(struct jsonw *w, const unsigned *n)
{
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        jsonw_key_u64(w, task_state_name(counted[i]), n[counted[i]]);
}

static void count_ring(const struct framework *f, struct name *agent, unsigned *n)
{
    for (const struct task *t = f->completed.head; t != NULL; t = t->next)
        if (agent == NULL || t->agent_id == agent)
            n[t->state]++;
    for (const struct task *t = f->unreachable_ring.head; t != NULL; t = t->next)
        if (agent == NULL || t->agent_id == agent)
            n[TASK_UNREACHABLE]++;
}

static void summary_agent(struct jsonw *w, const struct view *v, const struct agent *a)
{
    const struct master *m = v->m;
    unsigned n[TASK_STATE_COUNT] = { 0 };
    struct name *id = name_find(agent_id_str(a)); /* NULL: no task ever named it */

    jsonw_open(w);
    agent_keys(w, v, a);
    for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
        for (const struct task *t = s->tasks; t != NULL; t = t->next)
            n[t->state]++;
    for (const struct framework *f = m->frameworks; f != NULL && id != NULL; f = f->hh.next)
        count_ring(f, id, n);
    write_counts(w, n); /* without completed frameworks, as the original counts */
    jsonw_key_array(w, "framework_ids");
    for (const struct slot *s = a->slots; s != NULL; s = s->a_next)
        if (framework_shown(v, s->framework, (struct str){ NULL, 0 }))
            jsonw_str(w, s->framework->id.s);
    jsonw_array_close(w);
    jsonw_close(w);
    jsonw_spill(w);
}

static void summary_framework(struct jsonw *w, const struct framework *f)
{
    unsigned n[TASK_STATE_COUNT] = { 0 };

    memcpy(n, f->n.active, sizeof n);
    count_ring(f, NULL, n);
    jsonw_open(w);
    framework_keys(w, f);
    write_counts(w, n);
    jsonw_key_array(w, "slave_ids");
    for (const struct slot *s = f->slots; s != NULL; s = s->f_next)
        jsonw_str(w, agent_id_str(s->agent));
    jsonw_array_close(w);
    jsonw_close(w);
    jsonw_spill(w);
}

void view_state_summary(const struct view *v, struct sbuf *b)
{
    struct jsonw w = view_jsonw(v, b);

    jsonw_open(&w);
    jsonw_key_c(&w, "hostname", v->hostname);
    if (v->cluster != NULL)
        jsonw_key_c(&w, "cluster", v->cluster);
    jsonw_key_array(&w, "slaves");
    for (const struct agent *a = v->m->agents; a != NULL; a = a->hh.next)
        summary_agent(&w, v, a);
    jsonw_array_close(&w);
    jsonw_key_array(&w, "frameworks");
    for (const struct framework *f = v->m->frameworks; f != NULL; f = f->hh.next)
        if (framework_shown(v, f, (struct str){ NULL, 0 }))
            summary_framework(&w, f);
    jsonw_array_close(&w);
    jsonw_close(&w);
}

/* --- /tasks --- */

struct stamped {
    double at;
    size_t order; /* breaks ties: as found */
    const struct task *t;
};

static int by_stamp(const void *a, const void *b)
{
    const struct stamped *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

struct task_set {
    struct stamped *v;
    size_t n, cap;
    const struct view_query *q;
    const struct view *view;
};

static void task_set_add(struct task_set *s, const struct task *t)
{
    size_t at = 0;
    enum task_state state;
    struct str first;

    if ((s->q->task_id.n != 0 && !str_eq(s->q->task_id, task_id_str(t))) ||
        !view_may(s->view, ACL_VIEW_TASKS, view_task_user(t)))
        return;
    if (s->n == s->cap) {
        size_t cap = s->cap != 0 ? s->cap * 2 : 64;
        struct stamped *v = realloc(s->v, cap * sizeof *v);
        if (v == NULL)
            return;
        s->v = v;
        s->cap = cap;
    }
    double when = status_log_next(&t->statuses, &at, &state, &first) ? wire_field_double(first, 6, 0) : 0;
    s->v[s->n] = (struct stamped){ when, s->n, t };
    s->n++;
}

static void task_set_framework(struct task_set *s, const struct framework *f)
{
    if (!framework_shown(s->view, f, s->q->framework_id))
        return;
    for (const struct task *t = f->tasks; t != NULL; t = t->hh.next)
        task_set_add(s, t);
    for (const struct task *t = f->unreachable_ring.head; t != NULL; t = t->next)
        task_set_add(s, t);
    for (const struct task *t = f->completed.head; t != NULL; t = t->next)
        task_set_add(s, t);
}

void view_tasks(const struct view *v, const struct view_query *q, struct sbuf *b)
{
    struct task_set s = { .q = q, .view = v };
    struct jsonw w = view_jsonw(v, b);

    for (const struct framework *f = v->m->frameworks; f != NULL; f = f->hh.next)
        task_set_framework(&s, f);
    for (const struct framework *f = v->m->completed_list; f != NULL; f = f->c_next)
        task_set_framework(&s, f);
    if (s.n != 0)
        qsort(s.v, s.n, sizeof *s.v, by_stamp);
    size_t from = q->offset > 0 ? (size_t)q->offset : 0;
    size_t count = q->limit < 0 ? s.n : (size_t)q->limit;
    jsonw_open(&w);
    jsonw_key_array(&w, "tasks");
    struct bundle_text memo = BUNDLE_TEXT;
    for (size_t i = from; i < s.n && i - from < count; i++)
        write_task(&w, s.v[q->ascending ? i : s.n - 1 - i].t, &memo);
    jsonw_array_close(&w);
    jsonw_close(&w);
    sbuf_done(&memo.text);
    free(s.v);
}

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

void view_roles(const struct view *v, struct sbuf *b)
{
    struct jsonw w = JSONW(b);
    struct name **roles;
    size_t n = allocator_roles(v->m->allocator, &roles);

    jsonw_open(&w);
    jsonw_key_array(&w, "roles");
    for (size_t i = 0; i < n; i++)
        if (view_may(v, ACL_VIEW_ROLES, name_str(roles[i])))
            write_role(&w, v->m, roles[i]);
    jsonw_array_close(&w);
    jsonw_close(&w);
    free(roles);
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
    key_wire(&w, "info", &mesos__v1__master_info__descriptor, v->who.master_info);
    jsonw_close(&w);
    jsonw_key_open(&w, "slaves");
    if (m->agents != NULL)
        jsonw_key_array(&w, "slaves");
    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        jsonw_open(&w);
        jsonw_key_bool(&w, "deactivated", a->deactivated);
        key_wire(&w, "info", &mesos__v1__agent_info__descriptor, blob_str(a->info->raw));
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
