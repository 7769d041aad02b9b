/* SPDX-License-Identifier: Apache-2.0 */
/* What the encoders of agent/wire know of this agent beside its core's state. Filled once by the shell. */
#ifndef STOA_AGENT_WIRE_ENV_H
#define STOA_AGENT_WIRE_ENV_H

#include "agent/core/state.h"
#include "common/model/attributes.h"
#include "common/wire/convert.h"

#define AGENT_VERSION "1.12.0" /* what the agent tells its master: the protocol's version */

struct agent_env {
    const char *hostname;
    int32_t port;
    const char *pid;               /* slave(1)@ip:port */
    const char *ip;                /* as shown to others */
    const char *launcher_dir;
    const char *region, *zone;     /* NULL: no fault domain */
    struct resources resources;    /* --resources or what was found; owned by the shell */
    struct attributes attributes;
    uint32_t capabilities;         /* enum agent_capability */
};

/* AgentInfo as field number (0: the fields themselves). v0: with checkpoint and the pre-refinement resources, as
 * masters and disks have it; else as the v1 API shows it. */
void wire_put_agent_info(struct sbuf *b, uint32_t number, const struct agent_env *env, struct str agent_id, bool v0);
/* SlaveInfo as v0 executors get it: with checkpoint, resources without the old fields. */
void wire_put_executor_agent_info(struct sbuf *b, uint32_t number, const struct agent_env *env, struct str id);

/* A Task as field number. */
void wire_put_agent_task(struct sbuf *b, uint32_t number, const struct agent_task *t, enum resource_format format);
struct agent_id agent_own_id(const struct agent *a);

#endif
