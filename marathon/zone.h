/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones of the system. */
#ifndef STOA_MARATHON_ZONE_H
#define STOA_MARATHON_ZONE_H

#include "common/base/error.h"
#include "common/base/sbuf.h"

/* The compiled file of a zone below $TZDIR or /usr/share/zoneinfo; empty for UTC, which needs none. The error names the zone. */
int zone_read(struct str name, struct sbuf *b, struct error *err);

#endif
