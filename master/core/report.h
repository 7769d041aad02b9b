/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent tells of itself when it (re-)registers. Counted: the core keeps it until the registry has stored the
 * admission. Made by the translation, immutable after. */
#ifndef STOA_MASTER_CORE_REPORT_H
#define STOA_MASTER_CORE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/uuid.h"
#include "common/model/agent.h"
#include "common/model/framework.h"
#include "common/model/ids.h"
#include "common/model/resources.h"
#include "common/model/task.h"
#include "common/model/task_state.h"

struct task_report {
    struct task_id id;
    struct framework_id framework;
    struct executor_id executor;   /* empty: a command task */
    enum task_state state;
    bool has_update_state, has_update_uuid;
    enum task_state update_state;
    struct uuid update_uuid;
    const struct resources *resources; /* one of the report's shapes */
    struct str record;             /* as struct master_codec.task_record makes it */
    struct str *statuses;          /* packed, in order */
    enum task_state *status_states;
    size_t status_count;
};

struct operation_status_value {
    enum operation_state state;
    bool has_id, has_uuid;
    struct uuid uuid;
    struct str raw;                /* packed OperationStatus */
};

struct operation_report {
    struct uuid uuid;
    struct operation_id id;        /* empty: none */
    struct framework_id framework; /* empty: of an operator */
    struct str info;               /* packed Offer.Operation */
    int type;                      /* enum operation_type */
    struct operation_status_value latest;
    struct resources consumed;     /* owned by the report */
};

struct operation_update {          /* UpdateOperationStatusMessage */
    struct agent_id agent;
    struct framework_id framework; /* may be empty */
    struct uuid uuid;              /* of the operation */
    struct operation_status_value status;
    bool has_latest;
    struct operation_status_value latest;
};

/* Most tasks have the same resources as others of their agent. */
struct report_shape {
    struct report_shape *next;
    struct resources resources;
};

struct completed_report {
    struct framework_info *info;
    struct task_report *tasks;
    size_t task_count;
};

struct agent_report {
    uint32_t refs;
    struct arena arena;            /* of all arrays and texts below */
    struct str pid;
    struct agent_info *info;       /* its raw carries the id */
    struct str version;
    struct str master;             /* id of the one that it is meant for; empty: the agent does not know */
    bool has_resource_version;
    struct uuid resource_version;
    struct resources checkpointed; /* owned */
    struct executor_info **executors; /* one reference each */
    size_t executor_count;
    struct report_shape *shapes;   /* of the arena; their content is owned */
    struct task_report *tasks;
    size_t task_count;
    struct framework_info **frameworks; /* one reference each */
    size_t framework_count;
    struct completed_report *completed;
    size_t completed_count;
};

struct agent_report *agent_report_new(size_t budget_bytes);
static inline struct agent_report *agent_report_ref(struct agent_report *r)
{
    if (r != NULL)
        r->refs++;
    return r;
}
void agent_report_unref(struct agent_report *r);

#endif
