/* SPDX-License-Identifier: Apache-2.0 */
/* The latest events as they were sent, for streams that come back. Bounded by number and bytes. */
#ifndef STOA_MARATHON_RING_H
#define STOA_MARATHON_RING_H

#include "common/base/time.h"
#include "common/io/http.h"
#include "marathon/core/marathon.h"

enum { RING_EVENTS_MAX = 4096, RING_BYTES_MAX = 8 << 20 };

struct ring_event {
    uint64_t number;
    enum bus_type type;
    struct http_blob *light, *full; /* full is NULL when it would be the same, or nobody wanted it */
    bool full_is_big;
};

struct ring {
    uint64_t base; /* of the ids, from the time of the start: they grow over restarts, and of another process's none is ours */
    uint64_t last;    /* number of the latest event, whether it is kept or not */
    struct ring_event v[RING_EVENTS_MAX];
    size_t head, n; /* the oldest is v[head] */
    size_t bytes;
    bool left; /* nobody listens since left_at */
    struct mono left_at;
};

struct ring *ring_new(struct wall now);
void ring_free(struct ring *r); /* NULL is fine */
uint64_t ring_id(const struct ring *r, uint64_t number);
/* Takes references. */
void ring_add(struct ring *r, const struct ring_event *e);
const struct ring_event *ring_at(const struct ring *r, size_t i); /* i-th, from the oldest on */
/* Where to go on after the event with this id. False: events are missing between it and what is kept (or the id is none of
 * ours); *ret_first is the oldest then. */
bool ring_find(const struct ring *r, struct str id, size_t *ret_first);
void ring_left(struct ring *r, struct mono now); /* the last stream has ended */
/* Without streams: whether to go on for those that may come back. Drops everything when not. */
bool ring_is_wanted(struct ring *r, struct mono now);

#endif
