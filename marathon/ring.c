/* SPDX-License-Identifier: Apache-2.0 */
#include "marathon/ring.h"

#include <stdlib.h>

#include "common/base/alloc.h"

/* Rendering for nobody costs: it is done for so long after the last stream has ended. */
#define KEPT_NS (300 * NS_PER_S)

/* More events than that a millisecond nobody makes, so a later start has higher ids. */
#define IDS_PER_MS 1000000u

struct ring *ring_new(struct wall now)
{
    struct ring *r = xcalloc(1, sizeof *r);

    r->base = (uint64_t)now.ms * IDS_PER_MS;
    return r;
}

static size_t bytes_of(const struct ring_event *e)
{
    return http_blob_bytes(e->light).n + (e->full != NULL ? http_blob_bytes(e->full).n : 0);
}

static void drop_oldest(struct ring *r)
{
    struct ring_event *e = &r->v[r->head];

    r->bytes -= bytes_of(e);
    http_blob_unref(e->light);
    http_blob_unref(e->full);
    *e = (struct ring_event){ 0 };
    r->head = (r->head + 1) % RING_EVENTS_MAX;
    r->n--;
}

static void clear(struct ring *r)
{
    while (r->n != 0)
        drop_oldest(r);
}

void ring_free(struct ring *r)
{
    if (r == NULL)
        return;
    clear(r);
    free(r);
}

uint64_t ring_id(const struct ring *r, uint64_t number)
{
    return r->base + number;
}

void ring_add(struct ring *r, const struct ring_event *e)
{
    if (r->n == RING_EVENTS_MAX)
        drop_oldest(r);
    r->v[(r->head + r->n++) % RING_EVENTS_MAX] = *e;
    (void)http_blob_ref(e->light);
    if (e->full != NULL)
        (void)http_blob_ref(e->full);
    r->bytes += bytes_of(e);
    while (r->bytes > RING_BYTES_MAX)
        drop_oldest(r);
}

const struct ring_event *ring_at(const struct ring *r, size_t i)
{
    return &r->v[(r->head + i) % RING_EVENTS_MAX];
}

bool ring_find(const struct ring *r, struct str id, size_t *ret_first)
{
    struct str rest = id;
    uint64_t number;
    size_t i = 0;

    *ret_first = 0;
    if (!str_u64(&rest, UINT64_MAX, &number) || rest.n != 0 || number <= r->base || number - r->base > r->last)
        return false;
    number -= r->base;
    if (number == r->last)
        i = r->n;
    else if (r->n == 0 || ring_at(r, 0)->number > number + 1)
        return false;
    while (i < r->n && ring_at(r, i)->number <= number)
        i++;
    *ret_first = i;
    return true;
}

void ring_left(struct ring *r, struct mono now)
{
    r->left = true;
    r->left_at = now;
}

bool ring_is_wanted(struct ring *r, struct mono now)
{
    if (r->left && mono_before(now, mono_add(r->left_at, KEPT_NS)))
        return true;
    clear(r);
    return false;
}
