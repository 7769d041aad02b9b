/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to events of the agent's core. Pure. The events borrow from the body and the arena and hold references to
 * counted infos, which agent_event_done releases after the step. */
#ifndef STOA_AGENT_WIRE_DECODE_H
#define STOA_AGENT_WIRE_DECODE_H

#include "agent/core/agent.h"
#include "agent/wire/env.h"
#include "common/base/arena.h"
#include "proto/mesos_v1_executor.pb-c.h"

enum { AGENT_DECODE_ARENA_BYTES = 64 << 20 };

/* A message of a master (or, for framework messages, of a scheduler): "mesos.internal.RunTaskMessage". ERR_NOT_FOUND: no
 * such message here; ERR_INVALID: the body. */
int agent_decode_message(struct agent_event *ev, const struct agent_env *env, struct str from, struct str name,
                         struct str body, struct arena *arena, struct error *err);
void agent_event_done(struct agent_event *ev);

/* What the agent adds to the statuses of its executors. */
struct agent_status_fill {
    struct agent_id agent;
    struct wall now;
    struct str container_id;
    uint32_t pid;          /* 0: not known */
    struct str ip;
    /* The container's own networks, of which it says so: ContainerStatus with network_infos alone, packed. Empty, or NULL:
     * the host's, whose address is ip. */
    struct str (*networks)(void *ctx, const struct agent_status_fill *fill, const Mesos__V1__ContainerID *id);
    void *ctx;
    bool has_cgroups;
    uint32_t classid;      /* 0: none */
};

/* A status as an executor sent it, completed: agent_id, source, timestamp, container_status. */
int agent_fill_status(const Mesos__V1__TaskStatus *m, const struct agent_status_fill *fill, struct arena *arena,
                      struct task_status **ret, struct error *err);
/* SUBSCRIBE, UPDATE and MESSAGE of a validated call. stream: only for SUBSCRIBE. */
int agent_decode_executor_call(struct agent_event *ev, const Mesos__V1__Executor__Call *call, uint64_t stream,
                               const struct agent_status_fill *fill, struct arena *arena, struct error *err);

/* The encoders the core asks for. */
extern const struct agent_codec agent_wire_codec;

#endif
