/* SPDX-License-Identifier: Apache-2.0 */
/* Between protobuf messages and model values. Pure.
 *
 * In: unpacked messages that passed wire_unpack (guard.h). Converters that keep a message (tasks, executors, operations) change
 * the tree before they pack it again: resources become the post-refinement form and get the allocation role; what they add is
 * allocated from the arena of the call. Out: bytes are appended to an sbuf; check sbuf_ok at the end.
 *
 * Errors are ERR_INVALID with a phrase that names field and value, ERR_LIMIT over a cap of the model. On error nothing is
 * returned and nothing leaks. */
#ifndef STOA_WIRE_CONVERT_H
#define STOA_WIRE_CONVERT_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sbuf.h"
#include "common/base/str.h"
#include "common/model/agent.h"
#include "common/model/framework.h"
#include "common/model/offer_constraints.h"
#include "common/model/operation.h"
#include "common/model/resources.h"
#include "common/model/status.h"
#include "common/model/task.h"
#include "common/wire/jsonw.h"
#include "proto/mesos_v1.pb-c.h"
#include "proto/mesos_v1_scheduler.pb-c.h"

/* --- resources --- */

/* The three forms of reservations on the wire (reference of the allocator, section 3). */
enum resource_format {
    RESOURCE_POST,    /* only `reservations`: inside, and for frameworks with RESERVATION_REFINEMENT */
    RESOURCE_PRE,     /* only `role` and `reservation`; refined entries stay in the POST form */
    RESOURCE_ENDPOINT /* both where both can say it: operator answers */
};

/* Checks (resource_check and the rules on mixed formats) and converts one or many; pre-refinement input is upgraded. */
int convert_resource(const Mesos__V1__Resource *m, struct resource *ret, struct error *err);
int convert_resources(Mesos__V1__Resource *const *v, size_t n, struct resources *ret, struct error *err);
/* The same from a repeated field of a message kept as bytes: convert_resources_bytes(agent_info, 3, ...). */
int convert_resources_bytes(struct str message, uint32_t number, struct resources *ret, struct error *err);
/* Upgrades the messages themselves to the post-refinement form; role, when not NULL, is set as allocation role where none is. */
int convert_resources_upgrade(Mesos__V1__Resource **v, size_t n, const struct name *role, struct arena *arena,
                              struct error *err);

/* Appends as field number; a shared resource as often as it has copies. without_role: leave out allocation_info
 * (frameworks without MULTI_ROLE). */
void wire_put_resource(struct sbuf *b, uint32_t number, const struct resource *r, enum resource_format format,
                       bool without_role);
void wire_put_resources(struct sbuf *b, uint32_t number, const struct resources *r, enum resource_format format,
                        bool without_role);

/* Flags --resources and --default_role: the text syntax, or a JSON array of Resource messages. ERR_INVALID for what a flag may
 * not say (dynamic reservations, persistent volumes, revocable, shared). */
int convert_resources_flag(struct str text, struct str default_role, struct resources *ret, struct error *err);

/* {"cpus":4.0,"disk":0.0,"gpus":0.0,"mem":1024.0,"ports":"[31000-32000]"}: the value of `resources` in unversioned
 * endpoints. Sums over all entries; cpus, disk, gpus and mem are always there. */
void jsonw_resources(struct jsonw *w, const struct resources *r);

/* --- attributes --- */
int convert_attributes(Mesos__V1__Attribute *const *v, size_t n, struct attributes *ret, struct error *err);
void wire_put_attributes(struct sbuf *b, uint32_t number, const struct attributes *a);
/* {"rack":"r1","level":3.0,"zones":"[1-3]"} */
void jsonw_attributes(struct jsonw *w, const struct attributes *a);

/* --- frameworks and agents --- */
/* Validates (validate.h) and converts. raw is the message packed with its id. */
int convert_framework_info(const Mesos__V1__FrameworkInfo *m, struct framework_info **ret, struct error *err);
/* A copy with this id, also in raw. */
struct framework_info *framework_info_with_id(const struct framework_info *f, struct framework_id id);

int convert_agent_info(const Mesos__V1__AgentInfo *m, struct agent_info **ret, struct error *err);
struct agent_info *agent_info_with_id(const struct agent_info *a, struct agent_id id);
/* Bit sets from the wire's lists; unknown numbers are ignored. */
uint32_t convert_agent_capabilities(Mesos__V1__AgentInfo__Capability *const *v, size_t n);
uint32_t convert_framework_capabilities(Mesos__V1__FrameworkInfo__Capability *const *v, size_t n);
void wire_put_agent_capabilities(struct sbuf *b, uint32_t number, uint32_t capabilities);

int convert_offer_constraints(const Mesos__V1__Scheduler__OfferConstraints *m, struct offer_constraints **ret,
                              struct error *err);
/* NULL: the default of 5 s. */
int64_t convert_filters_ns(const Mesos__V1__Filters *f);

/* --- tasks, executors, operations --- */

struct task_context {
    struct name *role;             /* allocation role of the accepted offers; NULL: do not inject */
    struct framework_id framework; /* for executor.framework_id where unset (LAUNCH) */
    bool is_group;                 /* LAUNCH_GROUP: its further rules */
    bool is_trusted;               /* from our own store or an agent: no validation */
    bool refinement;               /* the framework speaks the post-refinement form and may not use the old fields */
};

/* Converts a TaskInfo; never NULL. When a stateless rule is broken, ret->invalid says which. Changes t. */
struct task_info *convert_task(Mesos__V1__TaskInfo *t, const struct task_context *ctx, struct arena *arena);
struct task_info *convert_task_bytes(struct str bytes, const struct task_context *ctx, struct error *err);
/* From a mesos.v1.Task of an agent that registers again; raw keeps it without state, statuses, status_update_*. */
int convert_task_of_task(const Mesos__V1__Task *t, struct task_info **ret, struct error *err);
int convert_executor(Mesos__V1__ExecutorInfo *e, const struct task_context *ctx, struct arena *arena,
                     struct executor_info **ret, struct error *err);
int convert_executor_bytes(struct str bytes, struct executor_info **ret, struct error *err);

/* Converts one operation of an ACCEPT; never fails: op->invalid, or the tasks' own. Changes m. ret must be released with
 * operation_done. refinement overrides the context's. What needs the framework or the agent is model/operation.h's
 * operation_check. */
void convert_operation(Mesos__V1__Offer__Operation *m, const struct task_context *ctx, bool refinement,
                       struct arena *arena, struct operation *ret);

/* Appends a mesos.v1.Task as field number (0: the fields themselves, without a tag): what the master and the agent tell of
 * a task. statuses are packed TaskStatus messages, oldest first. */
struct task_view {
    const struct task_info *task;
    struct framework_id framework;
    struct executor_id executor;   /* empty: left out (command tasks at the master) */
    struct str user;               /* empty: left out */
    enum task_state state;
    struct task_status *const *statuses;
    size_t status_count;
    bool has_status_update;        /* status_update_state and status_update_uuid */
    enum task_state status_update_state;
    struct uuid status_update_uuid;
    enum resource_format format;
};
void wire_put_task(struct sbuf *b, uint32_t number, const struct task_view *v);

/* --- statuses --- */
/* From bytes that wire_check accepted as a TaskStatus; copies them. */
int convert_status_bytes(struct str bytes, struct task_status **ret, struct error *err);
int convert_status(const Mesos__V1__TaskStatus *m, struct task_status **ret, struct error *err);

/* A status that we make ourselves. */
struct status_spec {
    struct task_id task;
    struct agent_id agent;         /* empty: left out */
    struct executor_id executor;   /* empty: left out */
    enum task_state state;
    enum task_source source;
    enum task_reason reason;       /* REASON_NONE: left out */
    struct str message;            /* empty: left out */
    const struct uuid *uuid;       /* NULL: left out (nothing to acknowledge) */
    double timestamp;              /* seconds since 1970 */
    bool has_healthy, healthy;
    int64_t unreachable_ns;        /* unreachable_time; 0: left out */
    struct str container_status;   /* packed ContainerStatus; empty: left out */
    struct str limitation;         /* packed TaskResourceLimitation; empty: left out */
};
struct task_status *task_status_make(const struct status_spec *s);
/* A copy of s in which agent, executor, timestamp and uuid are replaced (each where given): the translation of an
 * update for the framework. uuid NULL removes it. */
struct task_status *task_status_rewrite(const struct task_status *s, struct agent_id agent, struct executor_id executor,
                                        const double *timestamp, const struct uuid *uuid);

/* --- offers --- */
struct offer_view {
    struct offer_id id;
    struct framework_id framework;
    const struct agent_info *agent;
    struct str agent_ip;           /* text form */
    int32_t agent_port;
    struct str agent_path;         /* "/slave(1)" */
    const struct resources *resources; /* allocated to role */
    struct str role;
    const struct executor_id *executors;
    size_t executor_count;
    uint32_t framework_capabilities; /* decides the form and whether roles are told */
    struct str unavailability;     /* packed Unavailability; empty: none */
};
void wire_put_offer(struct sbuf *b, uint32_t number, const struct offer_view *v);

#endif
