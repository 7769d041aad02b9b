/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/core/deleted.h"

#include <stdlib.h>

#include "marathon/core/internal.h"

/* The wall clock may be set: it is looked at again after so long at the latest. */
#define LOOK_NS (3600 * NS_PER_S)

struct deleted *deleted_find(const struct marathon *m, struct str id)
{
    struct deleted *d;
    HASH_FIND(hh, m->deleted, id.p, id.n, d);
    return d;
}

struct wall deleted_until(const struct marathon *m, const struct deleted *d)
{
    return (struct wall){ d->at.ms + m->config.deleted_keep_ns / NS_PER_MS };
}

static void arm(struct marathon *m)
{
    int64_t left;

    if (m->deleted_list == NULL) {
        timer_clear(&m->timers, &m->deleted_timer);
        return;
    }
    left = (deleted_until(m, m->deleted_list).ms - m->wall.ms) * NS_PER_MS;
    timer_set(&m->timers, &m->deleted_timer, mono_add(m->now, left < 0 ? 0 : left > LOOK_NS ? LOOK_NS : left));
}

static void drop(struct marathon *m, struct deleted *d)
{
    HASH_DEL(m->deleted, d);
    DL_DELETE(m->deleted_list, d);
    if (m->out != NULL)
        (void)step_store(m, STORE_DELETED_DELETE, d->id);
    spec_unref(m, d->spec);
    d->dead_next = m->dead_deleted;
    m->dead_deleted = d;
}

static struct deleted *add(struct marathon *m, struct spec *spec, struct wall at)
{
    struct deleted *d = xcalloc(1, sizeof *d), *after;

    d->spec = spec_ref(spec);
    d->id = spec->app.id;
    d->at = at;
    HASH_ADD_KEYPTR(hh, m->deleted, d->id.p, d->id.n, d);
    for (after = m->deleted_list; after != NULL && after->at.ms <= at.ms; after = after->next)
        ;
    if (after == NULL)
        DL_APPEND(m->deleted_list, d);
    else
        DL_PREPEND_ELEM(m->deleted_list, after, d);
    return d;
}

void deleted_note(struct marathon *m, struct spec *spec)
{
    struct deleted *old = deleted_find(m, spec->app.id);

    if (m->config.deleted_keep_ns == 0)
        return;
    if (old != NULL)
        drop(m, old);
    else if (HASH_COUNT(m->deleted) >= DELETED_MAX)
        drop(m, m->deleted_list);
    step_store(m, STORE_DELETED, spec->app.id)->deleted = add(m, spec, m->wall);
    arm(m);
}

void deleted_returned(struct marathon *m, const struct spec *spec)
{
    struct deleted *d = deleted_find(m, spec->app.id);

    if (d == NULL || !schema_equal(&schema_app, &d->spec->app, &spec->app))
        return;
    drop(m, d);
    arm(m);
}

int deleted_forget(struct marathon *m, struct str id, struct error *err)
{
    struct deleted *d = deleted_find(m, id);

    if (d == NULL)
        return error_set(err, ERR_NOT_FOUND, "No deleted app '%.*s' is kept", STR_ARG(str_sub(id, 0, 150)));
    drop(m, d);
    arm(m);
    return 0;
}

void deleted_timer(struct marathon *m)
{
    while (m->deleted_list != NULL && deleted_until(m, m->deleted_list).ms <= m->wall.ms)
        drop(m, m->deleted_list);
    arm(m);
}

int marathon_restore_deleted(struct marathon *m, struct str id, struct wall version, struct wall at, struct error *err)
{
    struct slot *s = slot_find(m, id);
    struct spec *spec = s != NULL ? slot_version(s, version) : NULL;

    if (spec == NULL || deleted_find(m, id) != NULL)
        return error_set(err, ERR_NOT_FOUND, "deleted app %.*s: its definition is missing", STR_ARG(str_sub(id, 0, 150)));
    (void)add(m, spec, at);
    return 0;
}

void deleted_free_dead(struct marathon *m)
{
    for (struct deleted *d = m->dead_deleted, *next; d != NULL; d = next) {
        next = d->dead_next;
        free(d);
    }
    m->dead_deleted = NULL;
}

void deleted_free(struct marathon *m)
{
    while (m->deleted_list != NULL)
        drop(m, m->deleted_list);
}
