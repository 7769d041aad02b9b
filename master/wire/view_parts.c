/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the unversioned answers: what several documents show. */
#include "master/wire/view_json.h"

#include "common/wire/json_memo.h"

double view_seconds(struct wall t)
{
    return (double)t.ms / 1000.0;
}

void view_put_wire(struct jsonw *w, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    struct json_memo_mark mark;

    if (json_memo_begin(w, type, bytes, &mark))
        return;
    (void)json_write_wire(w, type, bytes, NULL);
    json_memo_end(w, &mark);
}

void view_key_wire(struct jsonw *w, const char *key, const ProtobufCMessageDescriptor *type, struct str bytes)
{
    jsonw_key(w, key);
    view_put_wire(w, type, bytes);
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

static void write_labels(struct jsonw *w, struct str labels)
{
    struct wire_field f;

    jsonw_array(w);
    while (wire_field_next(&labels, &f) == 1)
        if (f.number == 1)
            write_label(w, f.bytes);
    jsonw_array_close(w);
}

/* What fn writes of the bytes, which may be known from another task. */
static void key_known(struct jsonw *w, const char *key, void (*fn)(struct jsonw *w, struct str bytes), struct str bytes)
{
    struct json_memo_mark mark;

    jsonw_key(w, key);
    if (json_memo_begin(w, key, bytes, &mark))
        return;
    fn(w, bytes);
    json_memo_end(w, &mark);
}

/* The list of a Labels message: [{"key":..,"value":..}] */
void view_key_labels(struct jsonw *w, const char *key, struct str labels)
{
    key_known(w, key, write_labels, labels);
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

    jsonw_open(w);
    if (wire_field_find(cs, 4, &f))
        view_key_wire(w, "container_id", &mesos__v1__container_id__descriptor, f.bytes);
    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != 1)
            continue;
        if (!networks)
            jsonw_key_array(w, "network_infos");
        networks = true;
        view_put_wire(w, &mesos__v1__network_info__descriptor, f.bytes);
    }
    if (networks)
        jsonw_array_close(w);
    if (wire_field_find(cs, 2, &f))
        view_key_wire(w, "cgroup_info", &mesos__v1__cgroup_info__descriptor, f.bytes);
    jsonw_close(w);
}

static void write_status(struct jsonw *w, enum task_state state, struct str s)
{
    struct str rest = s, labels = { NULL, 0 }, container = { NULL, 0 };
    struct wire_field f;
    double timestamp = 0;
    int healthy = -1;

    while (wire_field_next(&rest, &f) == 1)
        switch (f.number) {
        case 6: timestamp = wire_as_double(f.value); break;
        case 8: healthy = f.value != 0; break;
        case 12: labels = f.bytes; break;
        case 13: container = f.bytes; break;
        default: break; /* a number of the wire */
        }
    jsonw_open(w);
    jsonw_key_c(w, "state", task_state_name(state));
    jsonw_key_double(w, "timestamp", timestamp);
    if (labels.p != NULL)
        view_key_labels(w, "labels", labels);
    if (container.p != NULL)
        key_known(w, "container_status", write_container_status, container);
    if (healthy >= 0)
        jsonw_key_bool(w, "healthy", healthy != 0);
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

/* What of a Task's record is shown; p NULL: it is not there. */
struct record_parts {
    struct str name, labels, discovery, container, user, health_check;
    bool limits;
};

static void take_record(struct record_parts *p, struct str record)
{
    struct wire_field f;

    *p = (struct record_parts){ 0 };
    while (wire_field_next(&record, &f) == 1)
        switch (f.number) {
        case 1: p->name = f.bytes; break;
        case 11: p->labels = f.bytes; break;
        case 12: p->discovery = f.bytes; break;
        case 13: p->container = f.bytes; break;
        case 14: p->user = f.bytes; break;
        case 15: p->health_check = f.bytes; break;
        case 17: p->limits = true; break;
        default: break; /* a number of the wire */
        }
}

void view_put_task(struct jsonw *w, const struct task *t, struct bundle_text *memo)
{
    struct name *role = resources_role(&t->bundle->r, NULL);
    enum task_state state;
    struct record_parts p;
    struct str status;

    take_record(&p, task_record(t));
    jsonw_open(w);
    jsonw_key_s(w, "id", task_id_str(t));
    jsonw_key_s(w, "name", p.name);
    jsonw_key_s(w, "framework_id", t->framework->id.s);
    jsonw_key_s(w, "executor_id", name_str(t->executor_id));
    jsonw_key_s(w, "slave_id", name_str(t->agent_id));
    jsonw_key_c(w, "state", task_state_name(t->state));
    jsonw_key(w, "resources");
    write_bundle(w, t->bundle, memo);
    if (p.limits)
        write_limits(w, task_record(t));
    if (role != NULL)
        jsonw_key_s(w, "role", name_str(role));
    jsonw_key_array(w, "statuses");
    for (size_t at = 0; status_log_next(&t->statuses, &at, &state, &status);)
        write_status(w, state, status);
    jsonw_array_close(w);
    if (p.user.p != NULL)
        jsonw_key_s(w, "user", p.user);
    if (p.labels.p != NULL)
        view_key_labels(w, "labels", p.labels);
    if (p.discovery.p != NULL)
        view_key_wire(w, "discovery", &mesos__v1__discovery_info__descriptor, p.discovery);
    if (p.container.p != NULL)
        view_key_wire(w, "container", &mesos__v1__container_info__descriptor, p.container);
    if (p.health_check.p != NULL)
        view_key_wire(w, "health_check", &mesos__v1__health_check__descriptor, p.health_check);
    jsonw_close(w);
    jsonw_spill(w);
}
