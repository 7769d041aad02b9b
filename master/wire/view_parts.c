/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the unversioned answers: what several documents show. */
#include "master/wire/view_json.h"

double view_seconds(struct wall t)
{
    return (double)t.ms / 1000.0;
}

void view_key_wire(struct jsonw *w, const char *key, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    jsonw_key(w, key);
    (void)json_write_wire(w, type, bytes, NULL);
}

void view_key_resources(struct jsonw *w, const char *key, const struct resources *r)
{
    jsonw_key(w, key);
    jsonw_resources(w, r);
}

void view_key_resources_take(struct jsonw *w, const char *key, struct resources r)
{
    view_key_resources(w, key, &r);
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
void view_key_labels(struct jsonw *w, const char *key, struct str labels)
{
    struct str rest = labels;
    struct wire_field f;

    jsonw_key_array(w, key);
    while (wire_field_next(&rest, &f) == 1)
        if (f.number == 1)
            write_label(w, f.bytes);
    jsonw_array_close(w);
}

void view_key_domain(struct jsonw *w, struct str region, struct str zone)
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
        view_key_wire(w, "container_id", &mesos__v1__container_id__descriptor, f.bytes);
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
        view_key_wire(w, "cgroup_info", &mesos__v1__cgroup_info__descriptor, f.bytes);
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
        view_key_labels(w, "labels", has[12].bytes);
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

void view_put_task(struct jsonw *w, const struct task *t, struct bundle_text *memo)
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
        view_key_labels(w, "labels", has[11]);
    if (has[12].p != NULL)
        view_key_wire(w, "discovery", &mesos__v1__discovery_info__descriptor, has[12]);
    if (has[13].p != NULL)
        view_key_wire(w, "container", &mesos__v1__container_info__descriptor, has[13]);
    if (has[15].p != NULL)
        view_key_wire(w, "health_check", &mesos__v1__health_check__descriptor, has[15]);
    jsonw_close(w);
    jsonw_spill(w);
}
