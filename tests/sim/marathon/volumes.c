/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/marathon/volumes.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/wire/guard.h"
#include "tests/sim/framework/fakeio.h"
#include "tests/sim/ledger.h"
#include "tests/sim/operator.h"

/* The volume that an instance was last launched on. */
struct data {
    char *instance, *volume, *agent, *task;
    bool used; /* an agent has told of a task on it: there is data */
    struct data *next;
};

struct volumes_watch {
    struct data *first;
};

struct volumes_watch *volumes_watch_new(void)
{
    return xcalloc(1, sizeof(struct volumes_watch));
}

static void clear(struct data *d)
{
    free(d->instance);
    free(d->volume);
    free(d->agent);
    free(d->task);
}

void volumes_watch_free(struct volumes_watch *w)
{
    while (w->first != NULL) {
        struct data *d = w->first;
        w->first = d->next;
        clear(d);
        free(d);
    }
    free(w);
}

static struct volumes_watch *watch_of(const struct sim *s)
{
    const struct marathon_node *n = s->marathon[0]->node;

    return n->common->volumes;
}

/* Resource.disk (7), persistence (1), id (1). */
static struct str persistence_id(struct str resource)
{
    return wire_path(wire_field_bytes(resource, 7), 1, 1, 0);
}

/* TaskInfo.resources is 4. */
static struct str volume_of(struct str task)
{
    struct wire_field f;

    while (wire_field_next(&task, &f) == 1)
        if (f.number == 4 && f.type == WIRE_BYTES && persistence_id(f.bytes).n != 0)
            return persistence_id(f.bytes);
    return (struct str){ NULL, 0 };
}

static void look(struct sim *s, struct data *d)
{
    d->used = d->used || ledger_was_heard_of(s, str_of(sim_marathon_framework(fake_current())), str_of(d->task));
}

void volumes_launched(struct sim *s, struct str instance, struct str task)
{
    struct str volume = volume_of(task), agent = wire_path(task, 3, 1, 0);
    struct data *d = watch_of(s)->first;

    if (volume.n == 0)
        return;
    while (d != NULL && !str_is(instance, d->instance))
        d = d->next;
    if (d != NULL)
        look(s, d);
    else {
        d = xcalloc(1, sizeof *d);
        d->next = watch_of(s)->first;
        watch_of(s)->first = d;
    }
    bool same = d->volume != NULL && str_is(volume, d->volume);
    if (d->used && !same && !operator_may_be_gone(s, d->agent))
        sim_fail(s, "%.*s is launched on volume %.*s, and its data is in %s on agent %s", STR_ARG(instance), STR_ARG(volume), d->volume, d->agent);
    bool used = d->used && same;
    clear(d);
    *d = (struct data){ .instance = xstrndup(instance),
                        .volume = xstrndup(volume),
                        .agent = xstrndup(agent),
                        .task = xstrndup(wire_path(task, 2, 1, 0)),
                        .used = used,
                        .next = d->next };
}

/* "app3#data#<uuid>": the instance's record has the last. */
static bool is_kept(struct sim *s, const struct data *d)
{
    struct str rest = str_of(d->volume), uuid = { NULL, 0 };
    char key[300];

    (void)snprintf(key, sizeof key, "instance/%s", d->instance);
    while (str_cut(&rest, '#', &uuid))
        ;
    return uuid.n != 0 && str_contains(sim_marathon_record(s, key), uuid);
}

void volumes_destroyed(struct sim *s, struct str destroy)
{
    struct wire_field f;

    while (wire_field_next(&destroy, &f) == 1)
        for (struct data *d = f.number == 1 && f.type == WIRE_BYTES ? watch_of(s)->first : NULL; d != NULL; d = d->next) {
            if (!str_is(persistence_id(f.bytes), d->volume))
                continue;
            look(s, d);
            if (d->used && is_kept(s, d))
                sim_fail(s, "marathon destroys volume %s, the data of %s", d->volume, d->instance);
        }
}
