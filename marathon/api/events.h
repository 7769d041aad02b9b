/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the bus as server-sent events. Keys: marathon-schemas (Event:*); framing: marathon-api §11. */
#ifndef STOA_MARATHON_EVENTS_H
#define STOA_MARATHON_EVENTS_H

#include "common/base/sbuf.h"
#include "marathon/core/marathon.h"

/* "event: <type>" CRLF "data: <json>" CRLF CRLF. spec->json may be rendered on the way. full: plans carry
 * `original` and `target` with the affected apps, as they did up to 1.6 and as some clients still need, and every
 * action. Else their steps are cut so that the event stays below EVENT_BYTES_MAX, and say how much is left out. */
enum { EVENT_BYTES_MAX = 64 * 1024 };
void event_frame(struct sbuf *b, const struct bus_event *e, bool full);
/* Whether the two forms differ. */
/* To a stream that comes back with Last-Event-ID, in the place of events that are not kept any more. */
void event_gap_frame(struct sbuf *b, struct str last_id, struct wall at);
bool event_has_plan(enum bus_type t);

#endif
