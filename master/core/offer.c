/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an offer.
 *
 *   grant of the allocator -> offer (in master->offers, its agent's and framework's lists) -> one OFFERS event per framework
 *   and turn -> ACCEPT (accept.c), DECLINE, or rescinded.
 *
 * The allocator counts what an offer holds as offered from the grant on; every way out of this file but ACCEPT gives it back
 * with allocator_recover. A framework that reconnects or is gone has its offers taken back silently. Sources: scheduler API
 * section 9; allocator sections 17 and 23. */
#include <stdlib.h>

#include "master/core/internal.h"

int64_t refuse_effective(const struct master *m, int64_t ns)
{
    if (ns <= 0)
        return 0;
    return ns > m->config.allocation_interval_ns ? ns : m->config.allocation_interval_ns;
}

/* --- making --- */

/* "<master id>-O<n>", the most frequent text of all. */
static void offer_text(const struct master *m, uint64_t number, char ret[MASTER_ID_TEXT])
{
    char digits[24], *at = digits + sizeof digits;
    size_t n = strlen(m->id);

    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    memcpy(ret, m->id, n);
    ret[n++] = '-';
    ret[n++] = 'O';
    size_t count = (size_t)(digits + sizeof digits - at);
    memcpy(ret + n, at, count);
    ret[n + count] = '\0';
}

static void batch_add(struct master *m, struct framework *f)
{
    if (f->batch_count + f->inverse_count != 0)
        return;
    ARRAY_ROOM(m->batched, m->batched_count, m->batched_cap);
    m->batched[m->batched_count++] = f;
}

static void offer_add(struct master *m, struct framework *f, struct agent *a, struct alloc_grant *g)
{
    struct offer *o = xcalloc(1, sizeof *o);

    o->number = m->next_offer++;
    offer_text(m, o->number, o->id);
    o->framework = f;
    o->agent = a;
    o->role = name_ref(g->role);
    o->resources = g->resources;
    g->resources = RESOURCES_INIT;
    o->expires = m->config.offer_timeout_ns > 0 ? mono_add(m->now, m->config.offer_timeout_ns) : MONO_NEVER;
    HASH_ADD(hh, m->offers, number, sizeof o->number, o);
    DL_APPEND2(a->offers, o, a_prev, a_next);
    DL_APPEND2(f->offers, o, f_prev, f_next);
    DL_APPEND2(m->offers_by_age, o, t_prev, t_next);
    batch_add(m, f);
    ARRAY_ROOM(f->batch, f->batch_count, f->batch_cap);
    f->batch[f->batch_count++] = o;
}

static void inverse_add(struct master *m, const struct alloc_inverse *v)
{
    struct framework *f = framework_of_ref(m, v->framework);
    struct agent *a = agent_of_ref(m, v->agent);

    if (f == NULL || a == NULL || !framework_is_active(f)) {
        if (f != NULL && a != NULL)
            allocator_inverse_answer(m->allocator, m->now, v->framework, v->agent, 0);
        return;
    }
    struct inverse_offer *o = xcalloc(1, sizeof *o);
    o->number = m->next_offer++;
    offer_text(m, o->number, o->id);
    o->framework = f;
    o->agent = a;
    const struct machine *mc = machine_of_agent(m, a);
    o->start_ns = mc != NULL ? mc->start_ns : v->unavailability.start.ms * NS_PER_MS;
    o->duration_ns = v->unavailability.duration_ns;
    o->expires = m->config.offer_timeout_ns > 0 ? mono_add(m->now, m->config.offer_timeout_ns) : MONO_NEVER;
    HASH_ADD(hh, m->inverse_offers, number, sizeof o->number, o);
    DL_APPEND2(a->inverse_offers, o, a_prev, a_next);
    batch_add(m, f);
    ARRAY_ROOM(f->inverse_batch, f->inverse_count, f->inverse_cap);
    f->inverse_batch[f->inverse_count++] = o;
}

static void batch_send(struct master *m, struct framework *f)
{
    if (f->batch_count != 0) {
        struct master_action *e = act_event(m, f, EVENT_OFFERS);
        const struct offer **v = arena_array(&m->arena, f->batch_count, sizeof(struct offer *));
        ASSERT(v != NULL);
        memcpy(v, f->batch, f->batch_count * sizeof(struct offer *));
        e->event.offers = v;
        e->event.count = f->batch_count;
        f->n.offers_sent += f->batch_count;
    }
    if (f->inverse_count != 0) {
        struct master_action *e = act_event(m, f, EVENT_INVERSE_OFFERS);
        const struct inverse_offer **v = arena_array(&m->arena, f->inverse_count, sizeof(struct inverse_offer *));
        ASSERT(v != NULL);
        memcpy(v, f->inverse_batch, f->inverse_count * sizeof(struct inverse_offer *));
        e->event.inverse_offers = v;
        e->event.count = f->inverse_count;
    }
    f->batch_count = f->inverse_count = 0;
}

void offers_run(struct master *m)
{
    struct alloc_result r;

    if (!m->recovered || allocator_wake_at(m->allocator).ns > m->now.ns)
        return;
    if (allocator_run(m->allocator, m->now, m->rng, ALLOC_WORK_DEFAULT, &r) != ALLOC_RUN_DONE)
        return;
    for (size_t i = 0; i < r.grant_count; i++) {
        struct alloc_grant *g = &r.grants[i];
        struct framework *f = framework_of_ref(m, g->framework);
        struct agent *a = agent_of_ref(m, g->agent);
        ASSERT(f != NULL);
        ASSERT(a != NULL);
        if (framework_is_active(f) && agent_is_active(a) && a->change == AGENT_CHANGE_NONE)
            offer_add(m, f, a, g);
        else
            allocator_recover(m->allocator, m->now, g->framework, g->agent, &g->resources, ALLOC_OFFERED, 0);
    }
    for (size_t i = 0; i < r.inverse_count; i++)
        inverse_add(m, &r.inverses[i]);
    for (size_t i = 0; i < m->batched_count; i++)
        batch_send(m, m->batched[i]);
    m->batched_count = 0;
}

/* --- leaving --- */

void offer_remove(struct master *m, struct offer *o)
{
    HASH_DELETE(hh, m->offers, o);
    DL_DELETE2(o->agent->offers, o, a_prev, a_next);
    DL_DELETE2(o->framework->offers, o, f_prev, f_next);
    DL_DELETE2(m->offers_by_age, o, t_prev, t_next);
    o->t_next = m->dead_offers;
    m->dead_offers = o;
}

void offer_rescind(struct master *m, struct offer *o, enum rescind how, int64_t refuse_ns)
{
    struct framework *f = o->framework;

    if (f->ref.gen != 0 && o->agent->ref.gen != 0)
        allocator_recover(m->allocator, m->now, f->ref, o->agent->ref, &o->resources, ALLOC_OFFERED, refuse_ns);
    f->n.offers_rescinded++;
    if (how == RESCIND_TELL && framework_is_connected(f))
        act_event(m, f, EVENT_RESCIND)->event.id = str_of(o->id);
    offer_remove(m, o);
}

void offers_rescind_agent(struct master *m, struct agent *a)
{
    while (a->offers != NULL)
        offer_rescind(m, a->offers, RESCIND_TELL, 0);
}

void inverse_remove(struct master *m, struct inverse_offer *o)
{
    HASH_DELETE(hh, m->inverse_offers, o);
    DL_DELETE2(o->agent->inverse_offers, o, a_prev, a_next);
    o->a_next = m->dead_inverse;
    m->dead_inverse = o;
}

static void inverse_rescind(struct master *m, struct inverse_offer *o, enum rescind how)
{
    if (how == RESCIND_TELL && framework_is_connected(o->framework))
        act_event(m, o->framework, EVENT_RESCIND_INVERSE_OFFER)->event.id = str_of(o->id);
    if (o->framework->ref.gen != 0 && o->agent->ref.gen != 0)
        allocator_inverse_answer(m->allocator, m->now, o->framework->ref, o->agent->ref, 0);
    inverse_remove(m, o);
}

void offers_rescind_framework(struct master *m, struct framework *f)
{
    while (f->offers != NULL)
        offer_rescind(m, f->offers, RESCIND_SILENT, 0);
    struct inverse_offer *o, *next;
    HASH_ITER(hh, m->inverse_offers, o, next) {
        if (o->framework == f)
            inverse_rescind(m, o, RESCIND_SILENT);
    }
}

void offers_rescind_all(struct master *m)
{
    struct offer *o, *next;

    HASH_ITER(hh, m->offers, o, next)
        offer_rescind(m, o, RESCIND_TELL, 0);
}

void inverses_rescind_agent(struct master *m, struct agent *a, enum rescind how)
{
    while (a->inverse_offers != NULL)
        inverse_rescind(m, a->inverse_offers, how);
}

void offers_expire(struct master *m)
{
    if (m->config.offer_timeout_ns <= 0)
        return;
    while (m->offers_by_age != NULL && m->offers_by_age->expires.ns <= m->now.ns)
        offer_rescind(m, m->offers_by_age, RESCIND_TELL, 0);
    while (m->inverse_offers != NULL && m->inverse_offers->expires.ns <= m->now.ns) /* the oldest is the first */
        inverse_rescind(m, m->inverse_offers, RESCIND_TELL);
}

/* --- calls --- */

void call_decline(struct master *m, struct framework *f, const struct call_request *c)
{
    int64_t refuse = refuse_effective(m, c->refuse_ns);

    for (size_t i = 0; i < c->offer_count; i++) {
        struct offer *o = offer_find(m, c->offers[i].s);
        if (o == NULL || o->framework != f)
            continue;
        f->n.offers_declined++;
        allocator_recover(m->allocator, m->now, f->ref, o->agent->ref, &o->resources, ALLOC_OFFERED, refuse);
        offer_remove(m, o);
    }
}

static struct inverse_offer *inverse_find(const struct master *m, struct str id)
{
    size_t prefix = strlen(m->id) + 2;
    struct str rest = str_sub(id, prefix, id.n);
    uint64_t number;
    struct inverse_offer *o = NULL;

    if (id.n <= prefix || !str_u64(&rest, UINT64_MAX, &number))
        return NULL;
    HASH_FIND(hh, m->inverse_offers, &number, sizeof number, o);
    return o != NULL && str_is(id, o->id) ? o : NULL;
}

void call_inverse(struct master *m, struct framework *f, const struct call_request *c, bool accept)
{
    for (size_t i = 0; i < c->offer_count; i++) {
        struct inverse_offer *o = inverse_find(m, c->offers[i].s);
        if (o == NULL || o->framework != f)
            continue;
        machine_note_answer(m, o->agent, f, accept);
        allocator_inverse_answer(m->allocator, m->now, f->ref, o->agent->ref, c->refuse_ns);
        inverse_remove(m, o);
    }
}
