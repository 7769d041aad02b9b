/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wire/state_json.h"

#include <string.h>

#include "common/wire/guard.h"
#include "common/wire/json.h"

/* --- resources --- */

/* Every role that has a reservation in r, each once; fn writes a value behind its key. */
static void by_role(struct jsonw *w, const struct resources *r, void (*fn)(struct jsonw *w, const struct resources *r))
{
    jsonw_open(w);
    for (uint32_t i = 0; i < r->n; i++) {
        struct name *role = resource_reservation_role(&r->v[i]);
        bool seen = !resource_is_reserved(&r->v[i]);
        for (uint32_t j = 0; j < i && !seen; j++)
            seen = resource_is_reserved(&r->v[j]) && resource_reservation_role(&r->v[j]) == role;
        if (seen)
            continue;
        CLEANUP(resources_done_p) struct resources part = resources_reserved_to(r, name_str(role));
        jsonw_key_str(w, name_str(role));
        fn(w, &part);
    }
    jsonw_close(w);
}

static void full(struct jsonw *w, const struct resources *r)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16 << 20);
    struct wire_field f;

    wire_put_resources(&b, 1, r, RESOURCE_ENDPOINT, false);
    struct str rest = sbuf_view(&b);
    jsonw_array(w);
    while (wire_field_next(&rest, &f) == 1)
        (void)json_write_wire(w, &mesos__v1__resource__descriptor, f.bytes, NULL); /* we packed it */
    jsonw_array_close(w);
}

static void put_resources(struct jsonw *w, const struct agent *a)
{
    CLEANUP(resources_done_p) struct resources unreserved = resources_unreserved(&a->total);
    CLEANUP(resources_done_p) struct resources allocated = RESOURCES_INIT;

    agent_allocated(a, &allocated);
    resources_unallocate(&allocated);
    CLEANUP(resources_done_p) struct resources free_part = resources_unreserved(&allocated);
    jsonw_key(w, "resources");
    jsonw_resources(w, &a->total);
    jsonw_key(w, "reserved_resources");
    by_role(w, &a->total, jsonw_resources);
    jsonw_key(w, "unreserved_resources");
    jsonw_resources(w, &unreserved);
    jsonw_key(w, "reserved_resources_full");
    by_role(w, &a->total, full);
    jsonw_key(w, "unreserved_resources_full");
    full(w, &unreserved);
    jsonw_key(w, "reserved_resources_allocated");
    by_role(w, &allocated, jsonw_resources);
    jsonw_key(w, "unreserved_resources_allocated");
    jsonw_resources(w, &free_part);
    jsonw_key_array(w, "resource_providers");
    jsonw_array_close(w);
}

/* --- tasks --- */

/* Labels as a bare array: the v0 form. */
static void put_labels(struct jsonw *w, struct str labels)
{
    struct wire_field f;

    if (labels.p == NULL)
        return;
    jsonw_key_array(w, "labels");
    while (wire_field_next(&labels, &f) == 1)
        if (f.number == 1)
            (void)json_write_wire(w, &mesos__v1__label__descriptor, f.bytes, NULL);
    jsonw_array_close(w);
}

static void put_sub(struct jsonw *w, const char *key, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    if (bytes.p == NULL)
        return;
    jsonw_key(w, key);
    (void)json_write_wire(w, type, bytes, NULL);
}

static void put_container_status(struct jsonw *w, struct str bytes)
{
    struct wire_field f;
    struct str rest = bytes;
    bool any = false;

    if (bytes.p == NULL)
        return;
    jsonw_key_open(w, "container_status");
    put_sub(w, "container_id", &mesos__v1__container_id__descriptor, wire_field_bytes(bytes, 4));
    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 1)
            continue;
        if (!any)
            jsonw_key_array(w, "network_infos");
        any = true;
        (void)json_write_wire(w, &mesos__v1__network_info__descriptor, f.bytes, NULL);
    }
    if (any)
        jsonw_array_close(w);
    put_sub(w, "cgroup_info", &mesos__v1__cgroup_info__descriptor, wire_field_bytes(bytes, 2));
    jsonw_close(w);
}

static void put_status(struct jsonw *w, const struct task_status *s)
{
    struct str raw = blob_str(s->raw);

    jsonw_open(w);
    jsonw_key_c(w, "state", task_state_name(s->state));
    jsonw_key_double(w, "timestamp", s->timestamp);
    put_labels(w, wire_field_bytes(raw, 12));
    put_container_status(w, wire_field_bytes(raw, 13));
    if (s->has_healthy)
        jsonw_key_bool(w, "healthy", s->healthy);
    jsonw_close(w);
}

static void put_limits(struct jsonw *w, const struct quantities *q)
{
    if (q->n == 0)
        return;
    jsonw_key_open(w, "limits");
    for (uint32_t i = 0; i < q->n; i++) {
        jsonw_key_str(w, name_str(q->v[i].name));
        if (q->v[i].milli == LIMIT_INFINITE)
            jsonw_c(w, "Infinity");
        else
            jsonw_milli(w, q->v[i].milli);
    }
    jsonw_close(w);
}

static void put_role(struct jsonw *w, const struct resources *r)
{
    struct name *role = resources_role(r, NULL);

    if (role != NULL)
        jsonw_key_s(w, "role", name_str(role));
}

static void put_task(struct jsonw *w, const struct agent *a, const struct agent_task *t)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(16 << 20);

    wire_put_agent_task(&b, 0, t, RESOURCE_POST);
    struct str m = sbuf_view(&b);
    jsonw_open(w);
    jsonw_key_c(w, "id", t->id);
    jsonw_key_s(w, "name", wire_field_bytes(m, 1));
    jsonw_key_c(w, "framework_id", t->executor->framework->id);
    jsonw_key_c(w, "executor_id", t->executor->generated ? "" : t->executor->id);
    jsonw_key_c(w, "slave_id", a->id != NULL ? a->id : "");
    jsonw_key_c(w, "state", task_state_name(t->state));
    jsonw_key(w, "resources");
    jsonw_resources(w, &t->info->resources);
    put_limits(w, &t->info->limits);
    put_role(w, &t->info->resources);
    jsonw_key_array(w, "statuses");
    for (size_t i = 0; i < t->status_count; i++)
        put_status(w, t->statuses[i]);
    jsonw_array_close(w);
    if (wire_field_bytes(m, 14).p != NULL)
        jsonw_key_s(w, "user", wire_field_bytes(m, 14));
    put_labels(w, wire_field_bytes(m, 11));
    put_sub(w, "discovery", &mesos__v1__discovery_info__descriptor, wire_field_bytes(m, 12));
    put_sub(w, "container", &mesos__v1__container_info__descriptor, wire_field_bytes(m, 13));
    put_sub(w, "health_check", &mesos__v1__health_check__descriptor, wire_field_bytes(m, 15));
    jsonw_close(w);
}

static void put_queued(struct jsonw *w, const struct agent *a, const struct agent_task *t)
{
    struct str m = blob_str(t->info->raw);

    jsonw_open(w);
    jsonw_key_c(w, "id", t->id);
    jsonw_key_s(w, "name", wire_field_bytes(m, 1));
    jsonw_key_c(w, "slave_id", a->id != NULL ? a->id : "");
    jsonw_key(w, "resources");
    jsonw_resources(w, &t->info->resources);
    put_role(w, &t->info->resources);
    if (!t->info->raw_is_task) {
        put_sub(w, "command", &mesos__v1__command_info__descriptor, wire_field_bytes(m, 7));
        put_sub(w, "discovery", &mesos__v1__discovery_info__descriptor, wire_field_bytes(m, 11));
    }
    if (!t->executor->generated)
        jsonw_key_c(w, "executor_id", t->executor->id);
    jsonw_close(w);
}

/* --- executors and frameworks --- */

static void put_executor_resources(struct jsonw *w, const struct agent_executor *e)
{
    CLEANUP(resources_done_p) struct resources total = RESOURCES_INIT;
    int64_t cpus, mem;

    agent_executor_totals(e, &total, &cpus, &mem);
    jsonw_key(w, "resources");
    jsonw_resources(w, &total);
}

static void put_executor(struct jsonw *w, const struct agent_state_view *v, const struct agent_executor *e)
{
    const struct agent *a = v->agent;
    struct str raw = blob_str(e->info->raw);

    jsonw_open(w);
    jsonw_key_c(w, "id", e->id);
    jsonw_key_s(w, "name", e->info->name);
    jsonw_key_s(w, "source", e->info->source);
    jsonw_key_c(w, "container", e->container_id);
    jsonw_key(w, "directory");
    jsonw_fmt(w, "%s/slaves/%s/frameworks/%s/executors/%s/runs/%s", v->work_dir, a->id != NULL ? a->id : "",
              e->framework->id, e->id, e->container_id);
    put_executor_resources(w, e);
    put_role(w, &e->info->resources);
    put_labels(w, wire_field_bytes(raw, 14));
    if (e->info->type == EXECUTOR_DEFAULT || e->info->type == EXECUTOR_CUSTOM)
        jsonw_key_c(w, "type", e->info->type == EXECUTOR_DEFAULT ? "DEFAULT" : "CUSTOM");
    jsonw_key_array(w, "tasks");
    for (const struct agent_task *t = e->order; t != NULL; t = t->next)
        if (t->place != AGENT_TASK_QUEUED && agent_views_task(&v->views, t))
            put_task(w, a, t);
    jsonw_array_close(w);
    jsonw_key_array(w, "queued_tasks");
    for (const struct agent_task *t = e->order; t != NULL; t = t->next)
        if (t->place == AGENT_TASK_QUEUED && agent_views_task(&v->views, t))
            put_queued(w, a, t);
    jsonw_array_close(w);
    jsonw_key_array(w, "completed_tasks");
    for (const struct agent_task *t = e->completed; t != NULL; t = t->next)
        if (agent_views_task(&v->views, t))
            put_task(w, a, t);
    jsonw_array_close(w);
    jsonw_close(w);
}

static void put_framework(struct jsonw *w, const struct agent_state_view *v, const struct agent_framework *f)
{
    const struct framework_info *i = f->info;

    jsonw_open(w);
    jsonw_key_c(w, "id", f->id);
    jsonw_key_c(w, "name", i->name);
    jsonw_key_c(w, "user", i->user);
    jsonw_key_double(w, "failover_timeout", wire_field_double(blob_str(i->raw), 4, 0));
    jsonw_key_bool(w, "checkpoint", i->checkpoint);
    jsonw_key_c(w, "hostname", i->hostname != NULL ? i->hostname : "");
    if (i->principal != NULL)
        jsonw_key_c(w, "principal", i->principal);
    if (framework_info_can(i, FRAMEWORK_CAP_MULTI_ROLE)) {
        jsonw_key_array(w, "roles");
        for (size_t r = 0; r < i->role_count; r++)
            jsonw_str(w, name_str(i->roles[r]));
        jsonw_array_close(w);
    } else if (i->role_count != 0) {
        jsonw_key_s(w, "role", name_str(i->roles[0]));
    }
    jsonw_key_array(w, "executors");
    for (const struct agent_executor *e = f->executors; e != NULL; e = e->hh.next)
        if (agent_views_executor(&v->views, e))
            put_executor(w, v, e);
    jsonw_array_close(w);
    jsonw_key_array(w, "completed_executors");
    for (const struct agent_executor *e = f->completed; e != NULL; e = e->next)
        if (agent_views_executor(&v->views, e))
            put_executor(w, v, e);
    jsonw_array_close(w);
    jsonw_close(w);
}

/* --- the agent --- */

static void put_capabilities(struct jsonw *w, uint32_t capabilities)
{
    jsonw_key_array(w, "capabilities");
    for (unsigned i = 1; i < 32; i++)
        if ((capabilities & (1u << i)) != 0 && agent_capability_name(1u << i) != NULL)
            jsonw_c(w, agent_capability_name(1u << i));
    jsonw_array_close(w);
}

static void put_domain(struct jsonw *w, const struct agent_env *env)
{
    if (env->region == NULL || env->zone == NULL)
        return;
    jsonw_key_open(w, "domain");
    jsonw_key_open(w, "fault_domain");
    jsonw_key_open(w, "region");
    jsonw_key_c(w, "name", env->region);
    jsonw_close(w);
    jsonw_key_open(w, "zone");
    jsonw_key_c(w, "name", env->zone);
    jsonw_close(w);
    jsonw_close(w);
    jsonw_close(w);
}

static void put_drain(struct jsonw *w, const struct agent *a)
{
    if (!a->draining)
        return;
    put_sub(w, "drain_config", &mesos__v1__drain_config__descriptor, blob_str(a->drain_config));
    jsonw_key_i64(w, "estimated_drain_start_time_seconds", a->drain_start.ms / 1000);
}

/* "master@10.0.0.1:5050" gives "10.0.0.1": the original looks the name up and shows the address when there is none. */
static void put_master(struct jsonw *w, const char *pid)
{
    struct str rest = str_of(pid), id;

    if (pid == NULL || !str_cut(&rest, '@', &id))
        return;
    for (size_t i = rest.n; i > 0; i--)
        if (rest.p[i - 1] == ':') {
            rest.n = i - 1;
            break;
        }
    jsonw_key_s(w, "master_hostname", rest);
}

void agent_state_json(struct jsonw *w, const struct agent_state_view *v)
{
    const struct agent *a = v->agent;

    jsonw_open(w);
    jsonw_key_c(w, "version", AGENT_VERSION);
    jsonw_key_c(w, "build_date", AGENT_BUILD_DATE);
    jsonw_key_double(w, "build_time", AGENT_BUILD_TIME);
    jsonw_key_c(w, "build_user", AGENT_BUILD_USER);
    jsonw_key_double(w, "start_time", v->start_time);
    if (a->id != NULL)
        jsonw_key_c(w, "id", a->id);
    jsonw_key_c(w, "pid", v->env->pid);
    jsonw_key_c(w, "hostname", v->env->hostname);
    put_capabilities(w, v->env->capabilities);
    put_domain(w, v->env);
    put_drain(w, a);
    put_resources(w, a);
    jsonw_key(w, "attributes");
    jsonw_attributes(w, &v->env->attributes);
    put_master(w, a->master);
    if (v->log_dir != NULL)
        jsonw_key_c(w, "log_dir", v->log_dir);
    if (v->external_log_file != NULL)
        jsonw_key_c(w, "external_log_file", v->external_log_file);
    if (v->flags.n != 0) {
        jsonw_key(w, "flags");
        jsonw_raw(w, v->flags);
    }
    jsonw_key_array(w, "frameworks");
    for (const struct agent_framework *f = a->frameworks; f != NULL; f = f->hh.next)
        if (agent_views_framework(&v->views, f))
            put_framework(w, v, f);
    jsonw_array_close(w);
    jsonw_key_array(w, "completed_frameworks");
    for (const struct agent_framework *f = a->completed; f != NULL; f = f->next)
        if (agent_views_framework(&v->views, f))
            put_framework(w, v, f);
    jsonw_array_close(w);
    jsonw_close(w);
}
