/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks, executors and frameworks of an agent that comes back. After a failover all agents send them at once, some kilobytes each,
 * and most of it is not looked into: so the bytes are kept in one piece and scanned, and only what the core decides about is
 * converted: executors, frameworks that are not known yet, and resources, which most tasks of an agent have alike. */
#ifndef STOA_MASTER_WIRE_DECODE_REPORT_H
#define STOA_MASTER_WIRE_DECODE_REPORT_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "master/core/report.h"

struct master;

/* A ReregisterSlaveMessage that wire_check has passed. scratch: for what is over with the call. ret_rest gets the message without
 * what was taken here, within scratch: small, to be unpacked. */
int decode_report(const struct master *m, struct str message, struct agent_report *r, struct arena *scratch, struct str *ret_rest,
                  struct error *err);

#endif
