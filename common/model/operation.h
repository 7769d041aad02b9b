/* SPDX-License-Identifier: Apache-2.0 */
/* One operation of an ACCEPT, or of an operator, as a value. */
#ifndef STOA_MODEL_OPERATION_H
#define STOA_MODEL_OPERATION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/model/blob.h"
#include "common/model/framework.h"
#include "common/model/ids.h"
#include "common/model/resources.h"
#include "common/model/task.h"

enum operation_type { /* wire numbers */
    OPERATION_TYPE_UNKNOWN = 0,
    OPERATION_LAUNCH = 1,
    OPERATION_RESERVE = 2,
    OPERATION_UNRESERVE = 3,
    OPERATION_CREATE = 4,
    OPERATION_DESTROY = 5,
    OPERATION_LAUNCH_GROUP = 6,
    OPERATION_GROW_VOLUME = 11,
    OPERATION_SHRINK_VOLUME = 12,
    OPERATION_CREATE_DISK = 13,
    OPERATION_DESTROY_DISK = 14
};

struct operation {
    enum operation_type type;
    struct operation_id id;         /* owned; empty: no feedback wanted */
    struct task_info **tasks;       /* LAUNCH, LAUNCH_GROUP; owned array of references */
    size_t task_count;
    struct executor_info *executor; /* LAUNCH_GROUP; one reference */
    struct resources resources;     /* RESERVE, UNRESERVE, CREATE, DESTROY; the disk of the others */
    struct conversion conversion;   /* all but LAUNCH*, CREATE_DISK, DESTROY_DISK; empty when invalid */
    char *invalid;                  /* owned; why a stateless rule refuses it; NULL when fine. For LAUNCH the tasks carry theirs,
                                     * for LAUNCH_GROUP this is the reason for the whole group */
    struct blob *raw;               /* packed Offer.Operation, post-refinement form with allocation roles */
};

void operation_done(struct operation *op);
const char *operation_type_name(enum operation_type t);

/* The rules of the scheduler API (reference, 17.4) that need to know the framework and what the agent can do; the others
 * were checked when the operation was converted, and op->invalid is given back if they failed. framework NULL: an
 * operator, with this principal (empty: none). Not here, for they need the agent's resources: unique persistence ids,
 * volumes in use, what is left of the offer. */
int operation_check(const struct operation *op, const struct framework_info *framework, struct str principal,
                    uint32_t agent_capabilities, struct error *err);
/* The rules that the resources alone decide; used by the conversion. */
int operation_check_resources(enum operation_type type, const struct resources *r, struct error *err);

/* Speculative: the master applies it to its books at once. */
static inline bool operation_is_speculative(enum operation_type t)
{
    return t == OPERATION_RESERVE || t == OPERATION_UNRESERVE || t == OPERATION_CREATE || t == OPERATION_DESTROY ||
           t == OPERATION_GROW_VOLUME || t == OPERATION_SHRINK_VOLUME;
}

#endif
