/* SPDX-License-Identifier: Apache-2.0 */
/* The questions of the v1 operator API. A sink writes either encoding: protobuf spliced in place, JSON by element, so that
 * the lists that clients index without looking are there even when empty. */
#include <stdlib.h>

#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "common/wire/json.h"
#include "master/wire/registry.h"
#include "master/wire/view.h"
#include "proto/mesos_v1_master.pb-c.h"

struct sink {
    const struct view *v;
    bool json;
    struct sbuf *b;
    struct jsonw w;
    struct sbuf one; /* an element on its way to JSON */
};

static void sink_init(struct sink *s, const struct view *v, bool json, struct sbuf *b)
{
    *s = (struct sink){ .v = v, .json = json, .b = b, .w = view_jsonw(v, b), .one = SBUF_INIT(SIZE_MAX / 4) };
}

static size_t sink_open(struct sink *s, uint32_t number, const char *key)
{
    if (!s->json)
        return wire_open(s->b, number);
    jsonw_key_open(&s->w, key);
    return 0;
}

static void sink_close(struct sink *s, size_t mark)
{
    if (s->json)
        jsonw_close(&s->w);
    else
        wire_close(s->b, mark);
}

static void sink_array(struct sink *s, const char *key)
{
    if (s->json)
        jsonw_key_array(&s->w, key);
}

static void sink_array_close(struct sink *s)
{
    if (s->json)
        jsonw_array_close(&s->w);
}

/* --- elements: each is put as field number --- */

static void sink_one(struct sink *s, const ProtobufCMessageDescriptor *type)
{
    (void)json_write_wire(&s->w, type, wire_field_bytes(sbuf_view(&s->one), 1), NULL);
    sbuf_clear(&s->one);
    jsonw_spill(&s->w);
}

static void sink_task(struct sink *s, uint32_t number, const struct task *t)
{
    put_task(s->json ? &s->one : s->b, s->json ? 1 : number, t);
    if (s->json)
        sink_one(s, &mesos__v1__task__descriptor);
}

static void sink_framework(struct sink *s, uint32_t number, const struct framework *f)
{
    put_framework(s->json ? &s->one : s->b, s->json ? 1 : number, s->v->m, f, false);
    if (s->json)
        sink_one(s, &mesos__v1__master__response__get_frameworks__framework__descriptor);
}

static void sink_agent(struct sink *s, uint32_t number, const struct agent *a)
{
    put_agent(s->json ? &s->one : s->b, s->json ? 1 : number, a, &(struct viewer){ s->v->acls, s->v->principal });
    if (s->json)
        sink_one(s, &mesos__v1__master__response__get_agents__agent__descriptor);
}

static void sink_executor(struct sink *s, uint32_t number, const struct executor *e)
{
    struct sbuf *b = s->json ? &s->one : s->b;
    size_t mark = wire_open(b, s->json ? 1 : number);

    wire_put_bytes(b, 1, blob_str(e->info->raw));
    wire_put_id(b, 2, agent_id_str(e->slot->agent));
    wire_close(b, mark);
    if (s->json)
        sink_one(s, &mesos__v1__master__response__get_executors__executor__descriptor);
}

/* --- lists --- */

enum place { PLACE_TASKS, PLACE_UNREACHABLE, PLACE_COMPLETED };

static const struct task *task_after(const struct task *t, enum place place)
{
    return t == NULL ? NULL : place == PLACE_TASKS ? task_next(t) : t->next;
}

static void tasks_of(struct sink *s, uint32_t number, const struct framework *f, enum place place)
{
    const struct task *t = place == PLACE_TASKS ? framework_tasks(f) : place == PLACE_COMPLETED ? f->completed.head : f->unreachable_ring.head;

    for (const struct task *next; t != NULL; t = next) {
        next = task_after(t, place);
        task_prefetch(next, task_after(next, place));
        if (view_may_see_task(s->v, t))
            sink_task(s, number, t);
    }
}

static void task_list(struct sink *s, uint32_t number, const char *key, enum place place)
{
    const struct master *m = s->v->m;

    sink_array(s, key);
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        if (view_may(s->v, ACL_VIEW_FRAMEWORKS, str_of(f->info->user)))
            tasks_of(s, number, f, place);
    for (const struct framework *f = m->completed_list; f != NULL; f = f->c_next)
        if (view_may(s->v, ACL_VIEW_FRAMEWORKS, str_of(f->info->user)))
            tasks_of(s, number, f, place);
    sink_array_close(s);
}

static void get_tasks(struct sink *s, uint32_t number)
{
    size_t mark = sink_open(s, number, "get_tasks");

    task_list(s, 2, "tasks", PLACE_TASKS);
    task_list(s, 5, "unreachable_tasks", PLACE_UNREACHABLE);
    task_list(s, 3, "completed_tasks", PLACE_COMPLETED);
    sink_close(s, mark);
}

static void get_executors(struct sink *s, uint32_t number)
{
    size_t mark = sink_open(s, number, "get_executors");

    sink_array(s, "executors");
    for (const struct agent *a = s->v->m->agents; a != NULL; a = a->hh.next)
        for (const struct slot *slot = a->slots; slot != NULL; slot = slot->a_next)
            for (const struct executor *e = slot->executors; e != NULL; e = e->next)
                if (view_may(s->v, ACL_VIEW_EXECUTORS, view_executor_user(e)) &&
                    view_may(s->v, ACL_VIEW_FRAMEWORKS, str_of(slot->framework->info->user)))
                    sink_executor(s, 1, e);
    sink_array_close(s);
    sink_close(s, mark);
}

static void get_frameworks(struct sink *s, uint32_t number)
{
    const struct master *m = s->v->m;
    size_t mark = sink_open(s, number, "get_frameworks");

    sink_array(s, "frameworks");
    for (const struct framework *f = m->frameworks; f != NULL; f = f->hh.next)
        if (view_may(s->v, ACL_VIEW_FRAMEWORKS, str_of(f->info->user)))
            sink_framework(s, 1, f);
    sink_array_close(s);
    sink_array(s, "completed_frameworks");
    for (const struct framework *f = m->completed_list; f != NULL; f = f->c_next)
        if (view_may(s->v, ACL_VIEW_FRAMEWORKS, str_of(f->info->user)))
            sink_framework(s, 2, f);
    sink_array_close(s);
    sink_close(s, mark);
}

static void get_agents(struct sink *s, uint32_t number)
{
    const struct master *m = s->v->m;
    size_t mark = sink_open(s, number, "get_agents");

    sink_array(s, "agents");
    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next)
        sink_agent(s, 1, a);
    sink_array_close(s);
    sink_array(s, "recovered_agents");
    for (const struct lost_agent *l = m->lost; l != NULL; l = l->hh.next) {
        if (l->kind != LOST_RECOVERED || l->info == NULL)
            continue;
        if (s->json)
            (void)json_write_wire(&s->w, &mesos__v1__agent_info__descriptor, blob_str(l->info->raw),
                                  &(struct json_opts){ .hide_v0_fields = true });
        else
            wire_put_bytes(s->b, 2, blob_str(l->info->raw));
    }
    sink_array_close(s);
    sink_close(s, mark);
}

static void get_state(struct sink *s, uint32_t number)
{
    size_t mark = sink_open(s, number, "get_state");

    get_tasks(s, 1);
    get_executors(s, 2);
    get_frameworks(s, 3);
    get_agents(s, 4);
    sink_close(s, mark);
}

/* --- small answers: packed, and through the codec for JSON --- */

static void put_get_roles(struct sbuf *b, const struct view *v)
{
    const struct master *m = v->m;
    struct name **roles;
    size_t n = view_known_roles(v, &roles);

    for (size_t i = 0; i < n; i++) {
        struct alloc_role_view r;
        if (!view_may(v, ACL_VIEW_ROLES, name_str(roles[i])))
            continue;
        size_t mark = wire_open(b, 1);
        (void)allocator_role_view(m->allocator, roles[i], &r);
        wire_put_bytes(b, 1, name_str(roles[i]));
        wire_put_double(b, 2, r.weight);
        for (size_t j = 0; j < r.framework_count; j++)
            wire_put_id(b, 3, allocator_framework_id(m->allocator, r.frameworks[j]).s);
        struct quantities sum = quantities_copy(&r.allocated);
        quantities_add_all(&sum, &r.offered);
        for (size_t j = 0; j < sum.n; j++) {
            struct resource one = resource_scalar(sum.v[j].name, sum.v[j].milli);
            if (sum.v[j].name == NAME_CPUS || sum.v[j].name == NAME_GPUS || sum.v[j].name == NAME_MEM ||
                sum.v[j].name == NAME_DISK)
                wire_put_resource(b, 4, &one, RESOURCE_POST, true);
            resource_done(&one);
        }
        quantities_done(&sum);
        allocator_role_view_done(&r);
        wire_close(b, mark);
    }
    view_known_roles_done(roles, n);
}

static int by_role(const void *a, const void *b)
{
    const struct weight *const *x = a, *const *y = b;

    return name_cmp((*x)->role, (*y)->role);
}

static void put_get_weights(struct sbuf *b, const struct view *view)
{
    const struct master *m = view->m;
    size_t n = HASH_COUNT(m->weights), i = 0;
    const struct weight **v = calloc(n + 1, sizeof *v);

    if (v == NULL)
        return;
    for (const struct weight *w = m->weights; w != NULL; w = w->hh.next)
        v[i++] = w;
    qsort(v, n, sizeof *v, by_role); /* names are unique: no ties */
    for (i = 0; i < n; i++) {
        if (!view_may(view, ACL_VIEW_ROLES, name_str(v[i]->role)))
            continue;
        size_t mark = wire_open(b, 1);
        wire_put_double(b, 1, v[i]->weight);
        wire_put_bytes(b, 2, name_str(v[i]->role));
        wire_close(b, mark);
    }
    free(v);
}

/* Fields of Resource, of its ReservationInfo, and of Offer.Operation. */
enum { RESOURCE_ALLOCATION = 11, RESOURCE_RESERVATIONS = 13, RESERVATION_ROLE = 3, FIELD_RESERVE = 3, FIELD_DESTROY = 6, FIELD_GROW = 13, FIELD_SHRINK = 14 };

/* Whether the asker may see all roles of a packed Resource. */
static bool may_see_resource(const struct view *v, struct str resource)
{
    struct wire_field f;

    while (wire_field_next(&resource, &f) == 1)
        if ((f.number == RESOURCE_RESERVATIONS && !view_may(v, ACL_VIEW_ROLES, wire_field_bytes(f.bytes, RESERVATION_ROLE))) ||
            (f.number == RESOURCE_ALLOCATION && !view_may(v, ACL_VIEW_ROLES, wire_field_bytes(f.bytes, 1))))
            return false;
    return true;
}

/* Of the operations that agents are sent, each has its resources in the first fields of its message. */
static bool may_see_operation(const struct view *v, const struct agent_operation *o)
{
    struct str rest = o->info;
    struct wire_field f, r;

    while (v->acls != NULL && wire_field_next(&rest, &f) == 1) {
        bool has_resources = (f.number >= FIELD_RESERVE && f.number <= FIELD_DESTROY) || f.number == FIELD_GROW || f.number == FIELD_SHRINK;
        for (struct str inner = f.bytes; has_resources && f.type == WIRE_BYTES && wire_field_next(&inner, &r) == 1;)
            if (r.type == WIRE_BYTES && !may_see_resource(v, r.bytes))
                return false;
    }
    return true;
}

static void put_get_operations(struct sbuf *b, const struct view *v)
{
    for (const struct agent_operation *o = v->m->operations; o != NULL; o = o->hh.next)
        if (may_see_operation(v, o))
            put_operation(b, 1, o);
}

static void put_get_master(struct sbuf *b, const struct view *v)
{
    wire_put_bytes(b, 1, v->who.master_info);
    wire_put_double(b, 2, v->start_time);
    wire_put_double(b, 3, v->elected_time);
}

static void put_version_info(struct sbuf *b, const struct view *v)
{
    size_t mark = wire_open(b, 1);

    wire_put_bytes(b, 1, str_of(v->version));
    wire_put_bytes(b, 2, str_of(v->build_date));
    wire_put_double(b, 3, v->build_time);
    wire_put_bytes(b, 4, str_of(v->build_user));
    wire_close(b, mark);
}

/* --- the calls --- */

/* Response type and field of a call type; number 0: none of ours. */
static void response_of(int call_type, uint32_t *ret_type, uint32_t *ret_field)
{
    static const struct {
        int call;
        uint8_t type, field;
    } map[] = {
        { MESOS__V1__MASTER__CALL__TYPE__GET_HEALTH, 1, 2 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_VERSION, 3, 4 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_STATE, 8, 9 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_AGENTS, 9, 10 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_FRAMEWORKS, 10, 11 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_EXECUTORS, 11, 12 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_OPERATIONS, 19, 20 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_TASKS, 12, 13 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_ROLES, 13, 14 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_WEIGHTS, 14, 15 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_MASTER, 15, 16 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_STATUS, 16, 17 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_SCHEDULE, 17, 18 },
        { MESOS__V1__MASTER__CALL__TYPE__GET_QUOTA, 18, 19 },
    };

    *ret_type = *ret_field = 0;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (map[i].call == call_type) {
            *ret_type = map[i].type;
            *ret_field = map[i].field;
        }
}

static void put_small(const struct view *v, int call_type, struct sbuf *b)
{
    size_t mark;

    switch (call_type) {
    case MESOS__V1__MASTER__CALL__TYPE__GET_HEALTH:
        wire_put_u64(b, 1, 1);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_VERSION:
        put_version_info(b, v);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_OPERATIONS:
        put_get_operations(b, v);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_ROLES:
        put_get_roles(b, v);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_WEIGHTS:
        put_get_weights(b, v);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_MASTER:
        put_get_master(b, v);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_STATUS:
        mark = wire_open(b, 1);
        put_cluster_status(b, v);
        wire_close(b, mark);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_MAINTENANCE_SCHEDULE:
        mark = wire_open(b, 1);
        put_schedule_now(b, v);
        wire_close(b, mark);
        break;
    case MESOS__V1__MASTER__CALL__TYPE__GET_QUOTA:
        mark = wire_open(b, 1);
        put_quota_status(b, v);
        wire_close(b, mark);
        break;
    }
}

static bool big_view(const struct view *v, int call_type, uint32_t type, uint32_t field, bool json, struct sbuf *b)
{
    static const struct {
        int call;
        const char *name;
        void (*fn)(struct sink *s, uint32_t number);
    } big[] = {
        { MESOS__V1__MASTER__CALL__TYPE__GET_STATE, "GET_STATE", get_state },
        { MESOS__V1__MASTER__CALL__TYPE__GET_TASKS, "GET_TASKS", get_tasks },
        { MESOS__V1__MASTER__CALL__TYPE__GET_EXECUTORS, "GET_EXECUTORS", get_executors },
        { MESOS__V1__MASTER__CALL__TYPE__GET_FRAMEWORKS, "GET_FRAMEWORKS", get_frameworks },
        { MESOS__V1__MASTER__CALL__TYPE__GET_AGENTS, "GET_AGENTS", get_agents },
    };

    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) {
        struct sink s;
        if (big[i].call != call_type)
            continue;
        sink_init(&s, v, json, b);
        if (json) {
            jsonw_open(&s.w);
            jsonw_key_c(&s.w, "type", big[i].name);
        } else {
            wire_put_u64(b, 1, type);
        }
        big[i].fn(&s, field);
        if (json)
            jsonw_close(&s.w);
        sbuf_done(&s.one);
        return true;
    }
    return false;
}

bool view_v1_has(int call_type)
{
    uint32_t type, field;

    response_of(call_type, &type, &field);
    return field != 0;
}

bool view_v1(const struct view *v, int call_type, bool json, struct sbuf *b)
{
    uint32_t type, field;

    response_of(call_type, &type, &field);
    if (field == 0)
        return false;
    if (big_view(v, call_type, type, field, json, b))
        return true;
    struct sbuf packed = SBUF_INIT(SIZE_MAX / 4);
    struct sbuf *to = json ? &packed : b;
    wire_put_u64(to, 1, type);
    if (call_type != MESOS__V1__MASTER__CALL__TYPE__GET_WEIGHTS || v->m->weights != NULL) {
        size_t mark = wire_open(to, field);
        put_small(v, call_type, to);
        wire_close(to, mark);
    }
    if (json)
        (void)json_from_wire(b, &mesos__v1__master__response__descriptor, sbuf_view(&packed));
    sbuf_done(&packed);
    return true;
}

void view_subscribed(const struct view *v, bool json, struct sbuf *b)
{
    struct sink s;

    sink_init(&s, v, json, b);
    if (json) {
        jsonw_open(&s.w);
        jsonw_key_c(&s.w, "type", "SUBSCRIBED");
    } else {
        wire_put_u64(b, 1, 1);
    }
    size_t mark = sink_open(&s, 2, "subscribed");
    get_state(&s, 1);
    if (json)
        jsonw_key_double(&s.w, "heartbeat_interval_seconds", (double)HEARTBEAT_SECONDS);
    else
        wire_put_double(b, 2, (double)HEARTBEAT_SECONDS);
    sink_close(&s, mark);
    if (json)
        jsonw_close(&s.w);
    sbuf_done(&s.one);
}
