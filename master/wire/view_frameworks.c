/* SPDX-License-Identifier: Apache-2.0 */
/* Frameworks, executors and offers in the unversioned answers. */
#include "master/wire/view_json.h"

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
        view_key_wire(w, "environment", &mesos__v1__environment__descriptor, f.bytes);
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
    view_key_resources(w, "resources", &i->resources);
    if (role != NULL)
        jsonw_key_s(w, "role", name_str(role));
    if (wire_field_find(raw, 14, &f))
        view_key_labels(w, "labels", f.bytes);
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
    view_key_resources(w, "resources", &o->resources);
    jsonw_close(w);
}

void view_framework_keys(struct jsonw *w, const struct framework *f)
{
    jsonw_key_s(w, "id", f->id.s);
    jsonw_key_c(w, "name", f->info->name);
    view_key_resources_take(w, "used_resources", framework_used(f));
    view_key_resources_take(w, "offered_resources", framework_offered(f));
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

/* A ring of tasks that are over or unreachable. */
static void task_ring(struct jsonw *w, const struct view *v, const char *key, const struct task *head, struct bundle_text *memo)
{
    jsonw_key_array(w, key);
    for (const struct task *t = head; t != NULL; t = t->next) {
        task_prefetch(t->next, t->next != NULL ? t->next->next : NULL);
        if (view_may_see_task(v, t))
            view_put_task(w, t, memo);
    }
    jsonw_array_close(w);
}

static void framework_lists(struct jsonw *w, const struct view *v, const struct framework *f)
{
    struct bundle_text memo = BUNDLE_TEXT;

    jsonw_key_array(w, "tasks");
    for (const struct task *t = framework_tasks(f); t != NULL; t = task_next(t)) {
        const struct task *next = task_next(t);
        task_prefetch(next, next != NULL ? task_next(next) : NULL);
        if (view_may_see_task(v, t))
            view_put_task(w, t, &memo);
    }
    jsonw_array_close(w);
    task_ring(w, v, "unreachable_tasks", f->unreachable_ring.head, &memo);
    task_ring(w, v, "completed_tasks", f->completed.head, &memo);
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
    view_framework_keys(w, f);
    jsonw_key_c(w, "user", f->info->user);
    jsonw_key_double(w, "failover_timeout", (double)f->info->failover_timeout_ns / (double)NS_PER_S);
    jsonw_key_bool(w, "checkpoint", f->info->checkpoint);
    jsonw_key_double(w, "registered_time", view_seconds(f->registered));
    jsonw_key_double(w, "unregistered_time", view_seconds(f->unregistered));
    if (f->reregistered.ms != f->registered.ms)
        jsonw_key_double(w, "reregistered_time", view_seconds(f->reregistered));
    if (f->info->principal != NULL)
        jsonw_key_c(w, "principal", f->info->principal);
    struct resources all = framework_used(f), offered = framework_offered(f);
    resources_add_all(&all, &offered);
    resources_done(&offered);
    view_key_resources_take(w, "resources", all);
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
        view_key_labels(w, "labels", labels.bytes);
    view_key_wire(w, "offer_constraints", &mesos__v1__scheduler__offer_constraints__descriptor,
             f->constraints != NULL ? blob_str(f->constraints->raw) : (struct str){ "", 0 });
    jsonw_close(w);
}

bool view_framework_shown(const struct view *v, const struct framework *f, struct str only)
{
    return (only.n == 0 || str_eq(only, f->id.s)) && view_may(v, ACL_VIEW_FRAMEWORKS, str_of(f->info->user));
}

void view_framework_arrays(struct jsonw *w, const struct view *v, struct str only)
{
    const struct master *m = v->m;

    jsonw_key_array(w, "frameworks");
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        if (view_framework_shown(v, f, only))
            write_framework(w, v, f);
    jsonw_array_close(w);
    jsonw_key_array(w, "completed_frameworks");
    for (const struct framework *f = m->completed_list; f != NULL; f = f->c_next)
        if (view_framework_shown(v, f, only))
            write_framework(w, v, f);
    jsonw_array_close(w);
}

void view_empty_array(struct jsonw *w, const char *key)
{
    jsonw_key_array(w, key);
    jsonw_array_close(w);
}
