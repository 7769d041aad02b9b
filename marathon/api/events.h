/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the bus as server-sent events. Keys: marathon-schemas (Event:*); framing: marathon-api §11. */
#ifndef STOA_MARATHON_EVENTS_H
#define STOA_MARATHON_EVENTS_H

#include "common/base/sbuf.h"
#include "marathon/core/marathon.h"

/* "event: <type>" CRLF "data: <json>" CRLF CRLF. spec->json may be rendered on the way. */
void event_frame(struct sbuf *b, const struct bus_event *e);

#endif
