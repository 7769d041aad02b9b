/* SPDX-License-Identifier: Apache-2.0 */
#include "master/wire/registry.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/wire/convert.h"
#include "common/wire/guard.h"
#include "master/wire/codec.h"
#include "proto/mesos_v1_maintenance.pb-c.h"
#include "proto/mesos_v1_quota.pb-c.h"

static const struct {
    const char *name;
    enum record_kind kind;
} kinds[] = {
    { "agent", RECORD_AGENT },   { "unreachable", RECORD_UNREACHABLE }, { "gone", RECORD_GONE },
    { "weight", RECORD_WEIGHT }, { "quota", RECORD_QUOTA },             { "machine", RECORD_MACHINE },
    { "schedule", RECORD_SCHEDULE },
};

void record_key(const struct registry_record *r, struct sbuf *b)
{
    sbuf_c(b, REGISTRY_PREFIX);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].kind == r->kind)
            sbuf_c(b, kinds[i].name);
    sbuf_char(b, '/');
    sbuf_str(b, r->kind == RECORD_SCHEDULE ? STR("current") : r->id);
}

static void put_ns(struct sbuf *b, uint32_t number, int64_t ns)
{
    size_t mark = wire_open(b, number);

    wire_put_i64(b, 1, ns);
    wire_close(b, mark);
}

static void put_machine_id(struct sbuf *b, uint32_t number, const struct machine_id *id)
{
    size_t mark = wire_open(b, number);

    if (id->hostname.n != 0)
        wire_put_bytes(b, 1, id->hostname);
    if (id->ip.n != 0)
        wire_put_bytes(b, 2, id->ip);
    wire_close(b, mark);
}

void put_schedule(struct sbuf *b, const struct maintenance_window *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t window = wire_open(b, 1);
        for (size_t j = 0; j < v[i].count; j++)
            put_machine_id(b, 1, &v[i].machines[j]);
        size_t u = wire_open(b, 2);
        put_ns(b, 1, v[i].start_ns);
        if (v[i].duration_ns >= 0)
            put_ns(b, 2, v[i].duration_ns);
        wire_close(b, u);
        wire_close(b, window);
    }
}

static void put_quantity_map(struct sbuf *b, uint32_t number, const struct quantities *q)
{
    for (size_t i = 0; i < q->n; i++) {
        size_t entry = wire_open(b, number);
        wire_put_bytes(b, 1, name_str(q->v[i].name));
        size_t value = wire_open(b, 2);
        wire_put_double(b, 1, milli_to_double(q->v[i].milli));
        wire_close(b, value);
        wire_close(b, entry);
    }
}

void put_quota_config(struct sbuf *b, const struct quota_value *q)
{
    wire_put_bytes(b, 1, q->role);
    put_quantity_map(b, 2, &q->guarantees);
    put_quantity_map(b, 3, &q->limits);
}

void record_value(const struct registry_record *r, struct sbuf *b)
{
    switch (r->kind) {
    case RECORD_AGENT:
        wire_put_bytes(b, 1, r->info != NULL ? blob_str(r->info->raw) : (struct str){ "", 0 });
        if (r->drain.state != DRAIN_NONE)
            put_drain_info(b, 2, &r->drain);
        wire_put_u64(b, 3, r->deactivated);
        if (r->drain_start.ms != 0)
            wire_put_i64(b, 100, r->drain_start.ms);
        if (r->info != NULL)
            wire_put_u64(b, 101, r->info->capabilities);
        break;
    case RECORD_UNREACHABLE:
    case RECORD_GONE:
        wire_put_id(b, 1, r->id);
        put_time(b, 2, r->time);
        if (r->drain.state != DRAIN_NONE)
            put_drain_info(b, 3, &r->drain);
        if (r->kind == RECORD_UNREACHABLE)
            wire_put_u64(b, 4, r->deactivated);
        break;
    case RECORD_WEIGHT:
        wire_put_double(b, 1, r->weight);
        wire_put_bytes(b, 2, r->id);
        break;
    case RECORD_QUOTA:
        put_quota_config(b, r->quota);
        break;
    case RECORD_MACHINE:
        put_machine_id(b, 1, &r->machine);
        wire_put_u64(b, 2, (uint64_t)r->mode);
        break;
    case RECORD_SCHEDULE:
        put_schedule(b, r->windows, r->window_count);
        break;
    }
}

/* --- reading --- */

void registry_load_init(struct registry_load *l)
{
    memset(l, 0, sizeof *l);
    arena_init(&l->arena, SIZE_MAX / 2);
}

void registry_load_done(struct registry_load *l)
{
    for (size_t i = 0; i < l->count; i++) {
        agent_info_unref(l->records[i].info);
        if (l->records[i].quota != NULL) {
            struct quota_value *q = (struct quota_value *)(uintptr_t)l->records[i].quota;
            quantities_done(&q->guarantees);
            quantities_done(&q->limits);
        }
    }
    free(l->records);
    arena_done(&l->arena);
}

static int64_t ns_of(struct str message, uint32_t number, int64_t absent)
{
    struct str sub = wire_field_bytes(message, number);

    return sub.p != NULL ? (int64_t)wire_field_u64(sub, 1, 0) : absent;
}

static struct drain drain_of(struct str info)
{
    struct drain d = { .max_grace_ns = -1 };
    struct str config = wire_field_bytes(info, 2);

    if (info.p == NULL)
        return d;
    d.state = (enum drain_state)wire_field_u64(info, 1, 0);
    d.max_grace_ns = ns_of(config, 1, -1);
    d.mark_gone = wire_field_u64(config, 2, 0) != 0;
    return d;
}

int windows_of_schedule(struct str schedule, struct arena *arena, const struct maintenance_window **ret, size_t *ret_n,
                        struct error *err)
{
    Mesos__V1__Maintenance__Schedule *s;

    if (schedule.n > RECORD_BYTES_MAX)
        return error_set(err, ERR_LIMIT, "the schedule has %zu bytes; up to %d are taken", schedule.n, (int)RECORD_BYTES_MAX);
    int rc = WIRE_UNPACK(mesos__v1__maintenance__schedule, schedule, arena, &s, err);

    if (rc != 0)
        return rc;
    struct maintenance_window *v = arena_array(arena, s->n_windows + 1, sizeof *v);
    if (v == NULL)
        return error_set(err, ERR_NOMEM, "a schedule of %zu windows is too large", s->n_windows);
    for (size_t i = 0; i < s->n_windows; i++) {
        const Mesos__V1__Maintenance__Window *w = s->windows[i];
        struct machine_id *ids = arena_array(arena, w->n_machine_ids + 1, sizeof *ids);
        if (ids == NULL)
            return error_set(err, ERR_NOMEM, "a window of %zu machines is too large", w->n_machine_ids);
        for (size_t j = 0; j < w->n_machine_ids; j++)
            ids[j] = (struct machine_id){ str_of(w->machine_ids[j]->hostname), str_of(w->machine_ids[j]->ip) };
        v[i].machines = ids;
        v[i].count = w->n_machine_ids;
        v[i].start_ns = w->unavailability->start->nanoseconds;
        v[i].duration_ns = w->unavailability->duration != NULL ? w->unavailability->duration->nanoseconds : -1;
        if (w->unavailability->duration != NULL && v[i].duration_ns < 0)
            v[i].duration_ns = -2; /* refused by the core */
    }
    *ret = v;
    *ret_n = s->n_windows;
    return 0;
}

static int quantities_of_map(struct str config, uint32_t number, struct quantities *ret, struct error *err)
{
    struct str rest = config;
    struct wire_field f;

    while (wire_field_next(&rest, &f) == 1) {
        if (f.number != number)
            continue;
        struct str name = wire_field_bytes(f.bytes, 1);
        double v = wire_field_double(wire_field_bytes(f.bytes, 2), 1, 0);
        int64_t milli;
        bool bytes_like = str_is(name, "mem") || str_is(name, "disk");
        if (!(v >= 0) || v > (bytes_like ? 1099511627776.0 : 1e12) || !milli_of_double(v, &milli))
            return error_set(err, ERR_INVALID, "Invalid QuotaConfig: '%.*s' is %g; use a finite number from 0 to %s",
                             STR_ARG(name), v, bytes_like ? "1 EB in MB" : "10^12");
        struct name *n = name_of(name);
        quantities_set(ret, n, milli);
        name_unref(n);
    }
    return 0;
}

int quota_of_config(struct str config, struct arena *arena, struct quota_value *ret, struct error *err)
{
    memset(ret, 0, sizeof *ret);
    if (config.n > RECORD_BYTES_MAX)
        return error_set(err, ERR_LIMIT, "Invalid QuotaConfig: it has %zu bytes; up to %d are taken", config.n, (int)RECORD_BYTES_MAX);
    ret->role = arena_str(arena, wire_field_bytes(config, 1));
    int rc = quantities_of_map(config, 2, &ret->guarantees, err);
    return rc == 0 ? quantities_of_map(config, 3, &ret->limits, err) : rc;
}

static int load_agent(struct registry_load *l, struct registry_record *r, struct str value, struct error *err)
{
    struct arena scratch = ARENA_INIT(64 << 20);
    Mesos__V1__AgentInfo *info;
    int rc = WIRE_UNPACK(mesos__v1__agent_info, wire_field_bytes(value, 1), &scratch, &info, err);

    (void)l;
    if (rc == 0)
        rc = convert_agent_info(info, &r->info, err);
    if (rc == 0) {
        r->info->capabilities = (uint32_t)wire_field_u64(value, 101, 0);
        r->drain = drain_of(wire_field_bytes(value, 2));
        r->deactivated = wire_field_u64(value, 3, 0) != 0;
        r->drain_start.ms = (int64_t)wire_field_u64(value, 100, 0);
    }
    arena_done(&scratch);
    return rc;
}

static int load_one(struct registry_load *l, struct registry_record *r, struct str value, struct error *err)
{
    switch (r->kind) {
    case RECORD_AGENT:
        return load_agent(l, r, value, err);
    case RECORD_UNREACHABLE:
    case RECORD_GONE:
        r->time.ms = ns_of(value, 2, 0) / NS_PER_MS;
        r->drain = drain_of(wire_field_bytes(value, 3));
        r->deactivated = wire_field_u64(value, 4, 0) != 0;
        return 0;
    case RECORD_WEIGHT:
        r->weight = wire_field_double(value, 1, 1);
        return r->weight > 0 ? 0 : error_set(err, ERR_INVALID, "weight is %g", r->weight);
    case RECORD_QUOTA: {
        struct quota_value *q = arena_alloc(&l->arena, sizeof *q);
        ASSERT(q != NULL);
        int rc = quota_of_config(value, &l->arena, q, err);
        r->quota = q;
        return rc;
    }
    case RECORD_MACHINE: {
        struct str id = wire_field_bytes(value, 1);
        r->machine = (struct machine_id){ arena_str(&l->arena, wire_field_bytes(id, 1)),
                                          arena_str(&l->arena, wire_field_bytes(id, 2)) };
        r->mode = (enum machine_mode)wire_field_u64(value, 2, MACHINE_DOWN);
        return 0;
    }
    case RECORD_SCHEDULE:
        return windows_of_schedule(arena_str(&l->arena, value), &l->arena, &r->windows, &r->window_count, err);
    }
    return 0;
}

int registry_load_add(struct registry_load *l, struct str key, struct str value, struct error *err)
{
    struct str rest = key, kind;

    if (!str_skip(&rest, STR(REGISTRY_PREFIX)))
        return error_set(err, ERR_INVALID, "record %.*s: not of the registry", STR_ARG(key));
    (void)str_cut(&rest, '/', &kind);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!str_is(kind, kinds[i].name))
            continue;
        struct registry_record r = { .kind = kinds[i].kind, .id = arena_str(&l->arena, rest) };
        int rc = load_one(l, &r, value, err);
        if (rc != 0)
            return error_wrap(err, "record %.*s", STR_ARG(key));
        ARRAY_ROOM(l->records, l->count, l->cap);
        l->records[l->count++] = r;
        return 0;
    }
    return 0; /* a later version's: left alone */
}
