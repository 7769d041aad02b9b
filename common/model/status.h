/* SPDX-License-Identifier: Apache-2.0 */
/* A task status: the packed TaskStatus plus the values that decisions need. Immutable after construction and counted.
 * Texts are views into raw. */
#ifndef STOA_MODEL_STATUS_H
#define STOA_MODEL_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "common/model/blob.h"
#include "common/model/ids.h"
#include "common/model/task_state.h"

struct task_status {
    uint32_t refs;
    struct task_id task;
    struct agent_id agent;          /* may be empty */
    struct executor_id executor;    /* may be empty */
    struct str message;             /* may be empty */
    enum task_state state;
    int source;                     /* enum task_source; -1: absent */
    enum task_reason reason;        /* REASON_NONE: absent */
    bool has_uuid;                  /* the receiver must acknowledge */
    bool has_healthy, healthy;
    bool has_timestamp;
    struct uuid uuid;
    double timestamp;               /* seconds since 1970, as on the wire */
    struct blob *raw;               /* packed TaskStatus */
};

struct task_status *task_status_new(void);
static inline struct task_status *task_status_ref(struct task_status *s)
{
    if (s != NULL)
        s->refs++;
    return s;
}
void task_status_unref(struct task_status *s);

#endif
