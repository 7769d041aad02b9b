/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an agent that starts with other flags than before is still the same agent. Pure. Source: reference, §14. */
#ifndef STOA_AGENT_WIRE_RECONFIGURE_H
#define STOA_AGENT_WIRE_RECONFIGURE_H

#include "agent/wire/env.h"

/* AgentInfo of this run as a model value; the caller's reference. */
int agent_env_info(const struct agent_env *env, struct str agent_id, struct agent_info **ret, struct error *err);

/* --reconfiguration_policy: equal, or additive (resources and attributes may grow, a domain may come). 0, or ERR_CONFLICT
 * naming what differs. */
int agent_info_compatible(const struct agent_info *before, const struct agent_info *now, bool additive,
                          struct error *err);

#endif
