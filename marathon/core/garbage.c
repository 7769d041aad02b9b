/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations that are nobody's, and giving them back (DESTROY and UNRESERVE). An offer that shows a reservation
 * with our labels that is no instance's is enough: labels name the framework and the instance, so that needs no
 * memory. The garbage table only sees to it that offers are asked for until these are gone. */
#include "marathon/core/internal.h"

/* How long offers are asked for on behalf of garbage that does not show up. */
#define GARBAGE_WANTED_MS (10 * 60 * 1000)

static struct garbage *garbage_make(struct marathon *m, struct str owner, struct str agent_id,
                                    struct str role)
{
    struct garbage *g;

    HASH_FIND(hh, m->garbage, owner.p, owner.n, g);
    if (g == NULL) {
        g = xcalloc(1, sizeof *g);
        g->owner = text_own(owner);
        HASH_ADD_KEYPTR(hh, m->garbage, g->owner.p, g->owner.n, g);
    }
    text_free(g->agent_id);
    text_free(g->role);
    g->agent_id = text_own(agent_id);
    g->role = text_own(role);
    g->asked_round = 0;
    return g;
}

void garbage_add(struct marathon *m, const struct instance *i)
{
    struct garbage *g = garbage_make(m, i->id, i->agent->id, i->spec->app.role);

    g->since = m->garbage_at = m->wall;
    step_store(m, STORE_GARBAGE, g->owner)->garbage = g;
    m->revive_wanted = true;
}

void marathon_restore_garbage(struct marathon *m, struct str owner, struct str agent_id, struct str role,
                              struct wall since)
{
    garbage_make(m, owner, agent_id, role)->since = since;
    if (since.ms > m->garbage_at.ms)
        m->garbage_at = since;
}

void garbage_free(struct marathon *m, struct garbage *g)
{
    HASH_DEL(m->garbage, g);
    text_free(g->owner);
    text_free(g->agent_id);
    text_free(g->role);
    free(g);
}

bool garbage_wanted(const struct marathon *m)
{
    return m->garbage != NULL && m->wall.ms - m->garbage_at.ms < GARBAGE_WANTED_MS;
}

/* --- what an offer shows -------------------------------------------------------------------------------- */
bool volume_is_of(const struct instance *i, struct str persistence_id)
{
    bool is = false;

    for (size_t k = 0; k < i->volume_count && !is; k++) {
        struct sbuf b = SBUF_INIT(PATH_BYTES_MAX + 256);
        volume_persistence_id(i, k, &b);
        is = str_eq(sbuf_view(&b), persistence_id);
        sbuf_done(&b);
    }
    return is;
}

static size_t volumes_offered(const struct instance *i, const struct offer *o)
{
    size_t n = 0;

    for (size_t k = 0; k < o->resource_count; k++)
        n += o->resources[k].persistence_id.p != NULL && str_eq(o->resources[k].owner, i->id) &&
             volume_is_of(i, o->resources[k].persistence_id);
    return n;
}

static bool is_garbage(const struct instance *i, const struct offer *o, const struct offer_resource *r)
{
    if (i == NULL || i->reservation == RESERVATION_NONE)
        return true;
    if (!str_eq(i->agent->id, o->agent_id)) /* unless its agent is back under another id, with all there was on it */
        return volumes_offered(i, o) == 0;
    if (r->persistence_id.p != NULL)
        return !volume_is_of(i, r->persistence_id);
    /* One that runs has its own in use, and this is more. What an ended container of a pod held is offered before the others end. */
    return i->state == INSTANCE_RUNNING && containers_all_live(i) && volumes_offered(i, o) == 0;
}

static void garbage_after(struct marathon *m, const struct offer *o)
{
    struct garbage *g, *tmp;

    HASH_ITER(hh, m->garbage, g, tmp)
    {
        if (!str_eq(g->agent_id, o->agent_id) || !str_eq(g->role, o->role) || g->asked_round == m->round ||
            (g->asked_round == 0 && m->wall.ms - g->since.ms < GARBAGE_WANTED_MS))
            continue;
        (void)step_store(m, STORE_GARBAGE_DELETE, g->owner);
        garbage_free(m, g);
    }
}

void reservations_review(struct marathon *m, struct offer *o, struct batch *b)
{
    struct launch l = { .kind = LAUNCH_RECLAIM };

    for (size_t k = 0; m->framework_id != NULL && k < o->resource_count; k++) {
        struct offer_resource *r = &o->resources[k];
        struct instance *i;
        struct garbage *g;
        if (!r->labelled || r->owner.p == NULL || !str_is(r->owner_framework, m->framework_id))
            continue;
        i = instance_find(m, r->owner);
        if (!is_garbage(i, o, r))
            continue;
        if (l.picks == NULL && (l.picks = arena_array(&m->out->arena, o->resource_count, sizeof *l.picks)) == NULL)
            return;
        l.picks[l.pick_count++] = (struct pick){ .resource = k };
        HASH_FIND(hh, m->garbage, r->owner.p, r->owner.n, g);
        if (g != NULL)
            g->asked_round = m->round;
        r->owner = (struct str){ NULL, 0 }; /* for nobody in this round */
    }
    if (l.pick_count != 0)
        batch_add(m, b, &l);
    if (m->garbage != NULL)
        garbage_after(m, o);
}
