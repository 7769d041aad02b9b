/* SPDX-License-Identifier: Apache-2.0 */
/* What a step gives out: actions, events, records. */
#include "marathon/core/internal.h"

enum { ACTIONS_ARENA_BYTES_MAX = 1 << 30 };

static const char *const bus_names[BUS_TYPE_COUNT] = {
#define X(sym, text) text,
    BUS_EVENTS(X)
#undef X
};

const char *bus_type_name(enum bus_type t)
{
    return bus_names[t];
}

/* --- output -------------------------------------------------------------------------------------------- */
struct marathon_action *step_action(struct marathon *m, enum action_type t)
{
    struct marathon_actions *out = m->out;

    ARRAY_ROOM(out->v, out->n, out->cap);
    out->v[out->n] = (struct marathon_action){ .type = t };
    return &out->v[out->n++];
}

struct bus_event *bus_emit(struct marathon *m, enum bus_type t)
{
    struct bus_event *e = &step_action(m, DO_EVENT)->event;

    e->type = t;
    e->at = m->wall;
    return e;
}

struct str step_keep(struct marathon *m, struct str s)
{
    if (s.p == NULL)
        return s;
    s = arena_str(&m->out->arena, s);
    ASSERT(s.p != NULL);
    return s;
}

struct store_op *step_store(struct marathon *m, enum store_kind k, struct str id)
{
    struct marathon_actions *out = m->out;

    ARRAY_ROOM(out->stores, out->store_count, out->store_cap);
    out->stores[out->store_count] = (struct store_op){ .kind = k, .id = step_keep(m, id) };
    return &out->stores[out->store_count++];
}

void batch_add(struct marathon *m, struct batch *b, const struct launch *l)
{
    if (b->n == b->cap) {
        size_t cap = b->cap != 0 ? b->cap * 2 : 4;
        struct launch *v = arena_array(&m->out->arena, cap, sizeof *v);
        ASSERT(v != NULL);
        if (b->n != 0)
            memcpy(v, b->v, b->n * sizeof *v);
        b->v = v;
        b->cap = cap;
    }
    b->runs += l->kind == LAUNCH_RUN;
    b->v[b->n++] = *l;
}

void marathon_actions_init(struct marathon_actions *a)
{
    *a = (struct marathon_actions){ .wake_at = MONO_NEVER };
    arena_init(&a->arena, ACTIONS_ARENA_BYTES_MAX);
}

void marathon_actions_done(struct marathon_actions *a)
{
    free(a->stores);
    free(a->v);
    arena_done(&a->arena);
}
