/* SPDX-License-Identifier: Apache-2.0 */
/* Executor and task descriptions: the packed message plus the few values that decisions need. Immutable after construction
 * and counted. The ids and names are views into raw: they cost no memory of their own and live as long as the object. */
#ifndef STOA_MODEL_TASK_H
#define STOA_MODEL_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/time.h"
#include "common/model/blob.h"
#include "common/model/ids.h"
#include "common/model/resources.h"

enum executor_type { EXECUTOR_UNSET = -1, EXECUTOR_UNKNOWN = 0, EXECUTOR_DEFAULT = 1, EXECUTOR_CUSTOM = 2 };

struct executor_info {
    uint32_t refs;
    struct executor_id id;          /* view into raw */
    struct framework_id framework;  /* view; may be empty in what a framework sent */
    struct str name, source;        /* views; may be empty */
    enum executor_type type;        /* EXECUTOR_UNSET: the field is absent (custom) */
    struct resources resources;     /* with allocation role, post-refinement form */
    int64_t shutdown_grace_ns;      /* -1: not given */
    bool has_command, has_container;
    struct blob *raw;               /* packed ExecutorInfo as it is stored and sent to agents */
};

struct executor_info *executor_info_new(void);
static inline struct executor_info *executor_info_ref(struct executor_info *e)
{
    if (e != NULL)
        e->refs++;
    return e;
}
void executor_info_unref(struct executor_info *e);
/* Same executor description (the rule for a second task under a running executor): equal bytes. */
bool executor_info_eq(const struct executor_info *a, const struct executor_info *b);

#define LIMIT_INFINITE INT64_MAX /* of a quantity in limits: no limit */

struct task_info {
    uint32_t refs;
    struct task_id id;              /* view into raw */
    struct agent_id agent;          /* view */
    struct str name;                /* view */
    struct executor_info *executor; /* one reference; NULL: a command task */
    struct resources resources;     /* with allocation role, post-refinement form; without the executor's */
    struct quantities limits;       /* may hold LIMIT_INFINITE */
    bool has_command, has_container, has_health_check, has_check;
    bool has_share_cgroups, share_cgroups; /* container.linux_info.share_cgroups */
    bool is_group_member;           /* launched by LAUNCH_GROUP */
    int64_t kill_grace_ns;          /* kill_policy.grace_period; -1: not given */
    int64_t max_completion_ns;      /* -1: not given */
    struct blob *raw;               /* packed TaskInfo as it is stored and sent to agents */
    bool raw_is_task;               /* raw is a packed mesos.v1.Task instead: an agent that registers again brings those */
    struct executor_id executor_id; /* view; of executor, or of the Task; empty for a command task's TaskInfo */
    char *invalid;                  /* owned; the message of the first stateless rule it breaks, NULL when valid.
                                     * An invalid task still has id and agent (possibly empty) for the answer. */
};

struct task_info *task_info_new(void);
static inline struct task_info *task_info_ref(struct task_info *t)
{
    if (t != NULL)
        t->refs++;
    return t;
}
void task_info_unref(struct task_info *t);

#endif
