/* SPDX-License-Identifier: Apache-2.0 */
/* Agents as far as a framework sees them: who they are, and what their latest offers left. Nobody tells a
 * framework of an agent that has nothing to offer. */
#include "marathon/core/internal.h"

/* How long what an agent left is remembered when it is not heard of after a new subscription. */
#define LEFTOVER_KEPT_MS (60 * 60 * 1000)

/* --- agents --------------------------------------------------------------------------------------------- */
static struct str own_or_null(struct str s)
{
    return s.p != NULL ? text_own(s) : s;
}

static void attributes_free(struct agent *a)
{
    for (size_t i = 0; i < a->attribute_count; i++) {
        text_free(a->attributes[i].name);
        text_free(a->attributes[i].text);
    }
    free(a->attributes);
}

static void attributes_set(struct agent *a, const struct attribute *v, size_t n)
{
    a->attribute_count = n;
    a->attributes = n != 0 ? xcalloc(n, sizeof *a->attributes) : NULL;
    for (size_t i = 0; i < n; i++)
        a->attributes[i] = (struct attribute){ text_own(v[i].name), text_own(v[i].text), v[i].kind };
}

static void agent_free(struct agent *a)
{
    attributes_free(a);
    free(a->leftover);
    text_free(a->id);
    text_free(a->hostname);
    text_free(a->region);
    text_free(a->zone);
    free(a);
}

struct agent *seen_agent_find(const struct marathon *m, struct str id)
{
    struct agent *a;

    HASH_FIND(hh, m->agents, id.p, id.n, a);
    return a;
}

struct agent *seen_agent_get(struct marathon *m, struct str id, struct str hostname, struct str region,
                             struct str zone, const struct attribute *attributes, size_t count)
{
    struct agent *a = seen_agent_find(m, id);

    if (a != NULL) {
        a->refs++;
        return a;
    }
    a = xcalloc(1, sizeof *a);
    *a = (struct agent){ .id = text_own(id),
                         .hostname = text_own(hostname),
                         .region = own_or_null(region),
                         .zone = own_or_null(zone),
                         .refs = 1 };
    attributes_set(a, attributes, count);
    HASH_ADD_KEYPTR(hh, m->agents, a->id.p, a->id.n, a);
    return a;
}

void seen_agent_unref(struct marathon *m, struct agent *a)
{
    if (a == NULL || --a->refs != 0)
        return;
    HASH_DEL(m->agents, a);
    a->dead_next = m->dead_agents;
    m->dead_agents = a;
}

void seen_agents_free_dead(struct marathon *m)
{
    for (struct agent *a = m->dead_agents, *next; a != NULL; a = next) {
        next = a->dead_next;
        agent_free(a);
    }
    m->dead_agents = NULL;
}

/* --- what they offer -------------------------------------------------------------------------------------- */
static bool same_attributes(const struct agent *a, const struct offer *o)
{
    if (a->attribute_count != o->attribute_count)
        return false;
    for (size_t i = 0; i < a->attribute_count; i++)
        if (!str_eq(a->attributes[i].name, o->attributes[i].name) ||
            !str_eq(a->attributes[i].text, o->attributes[i].text))
            return false;
    return true;
}

static bool is_plain(const struct offer_resource *r)
{
    return !r->volume && !r->labelled;
}

static struct str put_text(char **mem, struct str s)
{
    struct str copy = { s.p != NULL ? *mem : NULL, s.n };

    if (s.n != 0)
        memcpy(*mem, s.p, s.n);
    *mem += s.n;
    return copy;
}

static struct leftover *leftover_new(const struct offer *o, struct wall at)
{
    size_t n = 0, ranges = 0, bytes = o->home_region.n;
    struct leftover *l;
    struct port_range *range;
    char *mem;

    for (size_t k = 0; k < o->resource_count; k++) {
        const struct offer_resource *r = &o->resources[k];
        if (!is_plain(r))
            continue;
        n++;
        ranges += r->range_count;
        bytes += r->name.n + r->role.n;
    }
    l = xcalloc(1, sizeof *l + n * sizeof l->v[0] + ranges * sizeof *range + bytes + 1);
    range = (struct port_range *)(void *)&l->v[n];
    mem = (char *)(range + ranges);
    l->at = at;
    l->home_region = put_text(&mem, o->home_region);
    l->unavailable_from = o->unavailable_from;
    l->unavailable_to = o->unavailable_to;
    for (size_t k = 0; k < o->resource_count; k++) {
        const struct offer_resource *r = &o->resources[k];
        if (!is_plain(r))
            continue;
        l->v[l->n++] = (struct offer_resource){ .name = put_text(&mem, r->name),
                                                .role = put_text(&mem, r->role),
                                                .kind = r->kind,
                                                .milli = r->milli,
                                                .ranges = range,
                                                .range_count = r->range_count,
                                                .range_cap = r->range_count };
        if (r->range_count != 0)
            memcpy(range, r->ranges, r->range_count * sizeof *range);
        range += r->range_count;
    }
    return l;
}

void seen_agents_note(struct marathon *m, const struct offer *offers, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const struct offer *o = &offers[k];
        struct agent *a = seen_agent_find(m, o->agent_id);
        if (a != NULL && a->known && same_attributes(a, o))
            continue;
        m->agents_seen++;
        if (a == NULL)
            a = seen_agent_get(m, o->agent_id, o->hostname, o->region, o->zone, o->attributes, o->attribute_count);
        else if (a->leftover == NULL)
            a->refs++;
        if (a->leftover == NULL)
            a->leftover = leftover_new(o, m->wall);
        a->known = true;
        if (!same_attributes(a, o)) {
            attributes_free(a);
            attributes_set(a, o->attributes, o->attribute_count);
        }
    }
}

void seen_agent_keep(struct marathon *m, const struct offer *o)
{
    struct agent *a = seen_agent_find(m, o->agent_id);

    ASSERT(a != NULL);
    ASSERT(a->leftover != NULL);
    free(a->leftover);
    a->leftover = leftover_new(o, m->wall);
}

static void drop_leftover(struct marathon *m, struct agent *a)
{
    if (a->leftover == NULL)
        return;
    free(a->leftover);
    a->leftover = NULL;
    seen_agent_unref(m, a);
}

void seen_agents_forget(struct marathon *m)
{
    for (struct agent *a = m->agents, *next; a != NULL; a = next) {
        next = a->hh.next;
        a->known = false;
        if (a->leftover != NULL && m->wall.ms - a->leftover->at.ms > LEFTOVER_KEPT_MS)
            drop_leftover(m, a);
    }
    m->agents_seen++;
}

void seen_agent_lost(struct marathon *m, struct str id)
{
    struct agent *a = seen_agent_find(m, id);

    if (a == NULL)
        return;
    a->known = false;
    m->agents_seen++;
    drop_leftover(m, a);
}

void seen_agents_free(struct marathon *m)
{
    for (struct agent *a = m->agents, *next; a != NULL; a = next) {
        next = a->hh.next;
        drop_leftover(m, a);
    }
}

bool seen_agent_offer(const struct agent *a, struct str role, struct arena *arena, struct offer *ret)
{
    const struct leftover *l = a->leftover;
    size_t n = l != NULL ? l->n : 0;
    struct offer_resource *v = arena_array(arena, n + 1, sizeof *v);

    if (v == NULL)
        return false;
    for (size_t k = 0; k < n; k++) {
        v[k] = l->v[k];
        v[k].ranges = arena_array(arena, l->v[k].range_count + 1, sizeof *v[k].ranges);
        if (v[k].ranges == NULL)
            return false;
        if (v[k].range_count != 0)
            memcpy(v[k].ranges, l->v[k].ranges, v[k].range_count * sizeof *v[k].ranges);
    }
    *ret = (struct offer){ .id = STR(""),
                           .agent_id = a->id,
                           .hostname = a->hostname,
                           .region = a->region,
                           .zone = a->zone,
                           .role = role,
                           .home_region = l != NULL ? l->home_region : (struct str){ NULL, 0 },
                           .attributes = a->attributes,
                           .attribute_count = a->attribute_count,
                           .resources = v,
                           .resource_count = n };
    if (l != NULL) {
        ret->unavailable_from = l->unavailable_from;
        ret->unavailable_to = l->unavailable_to;
    }
    return true;
}
