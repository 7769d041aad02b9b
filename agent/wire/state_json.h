/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's /state and what else the unversioned API shows of its core, with the original's keys. Pure.
 * Source: reference of the operator API, §10.4; golden exchanges 465, 738. */
#ifndef STOA_AGENT_WIRE_STATE_JSON_H
#define STOA_AGENT_WIRE_STATE_JSON_H

#include "agent/wire/env.h"
#include "agent/wire/views.h"
#include "common/wire/jsonw.h"

#define AGENT_BUILD_DATE "2026-11-24"
#define AGENT_BUILD_TIME 1795478400.0
#define AGENT_BUILD_USER "stoa"

struct agent_state_view {
    const struct agent *agent;
    const struct agent_env *env;
    double start_time;             /* seconds since 1970 */
    const char *work_dir;
    const char *log_dir, *external_log_file; /* NULL: unset */
    struct str flags;              /* JSON object; empty: not to be seen */
    struct agent_views views;
};

void agent_state_json(struct jsonw *w, const struct agent_state_view *v);
/* {"cpus":..} without the empty entries: what all executors hold, split by reservation; and so on are in /state. */

#endif
