/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator: decides which framework is offered what of which agent. It shares the cluster among roles,
 * and among the frameworks of a role, by dominant resource fairness, within quota, reservations, offer
 * filters and offer constraints.
 *
 * Pure: no clock, no randomness of its own, no callbacks. Changes are function calls; decisions are the
 * values that allocator_run returns. How the master uses it:
 *
 *   - every change of the cluster is told by one call below; a call only changes the books and adds to what
 * the next run looks at;
 *   - after the events of a loop turn: if allocator_wake_at(a) <= now, call allocator_run until it is not
 * ALLOC_RUN_MORE (between two calls other events may be handled: that is what the work limit is for), and arm
 * the timer for allocator_wake_at otherwise;
 *   - each grant becomes one offer; it counts as *offered* from the run on. What the offer's end brings is
 * told by allocator_recover (declined, rescinded, the unused rest of an ACCEPT, a finished task) or
 * allocator_launch (now allocated).
 *
 * Invariants, after every call: per agent and entry, offered + allocated + available = total, unless the
 * agent reported a total below what is in use, in which case nothing of that entry is available; a grant
 * never exceeds what was available, a quota limit of its very role, or what is left beside the guarantees
 * that others have not used yet.
 *
 * Ownership: everything passed in is borrowed for the call. Resources passed in may carry an allocation role
 * or not where the role is another argument; where it is not, every entry must carry it (struct
 * resource.role).
 *
 * References to frameworks and agents: ref.h.
 *
 * Sources: reference of the allocator, sections 10 to 25 ("section N" below); Ghodsi et al., Dominant
 * Resource Fairness, NSDI '11. */
#ifndef STOA_MASTER_ALLOCATOR_H
#define STOA_MASTER_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/base/time.h"
#include "common/model/agent.h"
#include "common/model/framework.h"
#include "common/model/ids.h"
#include "common/model/name.h"
#include "common/model/offer_constraints.h"
#include "common/model/resources.h"
#include "master/core/alloc/ref.h"

struct allocator;

/* --- configuration: the flags of section 24 --- */

enum alloc_sorter { ALLOC_SORTER_DRF, ALLOC_SORTER_RANDOM };

struct allocator_config {
    int64_t allocation_interval_ns;     /* --allocation_interval, from the end of a run to the next */
    enum alloc_sorter role_sorter;      /* --role_sorter */
    enum alloc_sorter framework_sorter; /* --framework_sorter */
    const struct str *excluded_names;   /* --fair_sharing_excluded_resource_names */
    size_t excluded_count;
    bool filter_gpu_resources;   /* --filter_gpu_resources */
    struct str min_allocatable;  /* --min_allocatable_resources: "cpus:0.01|mem:32"; empty: no minimum */
    double recovery_factor;      /* --allocator_agent_recovery_factor */
    int64_t recovery_timeout_ns; /* --allocator_recovery_timeout */
    struct str region;           /* of the master; empty: it has no fault domain */
    uint32_t decisions_max;      /* entries of the decision log; 0: none */
};

/* The defaults of section 24 and 65,536 decisions. */
struct allocator_config allocator_config_default(void);

/* ERR_INVALID when min_allocatable does not parse. */
int allocator_new(const struct allocator_config *config, struct allocator **ret, struct error *err);
void allocator_free(struct allocator *a);

/* --- frameworks --- */

struct alloc_framework_spec {
    struct framework_info *info; /* with its id; roles, capabilities and offer_filters are looked at. The
                                    allocator adds its own reference */
    struct name *const
        *suppressed; /* the whole set: roles not named are not suppressed; others than info's are ignored */
    size_t suppressed_count;
    struct offer_constraints *constraints; /* NULL: unconstrained; the allocator adds its own reference */
};

/* The framework is known from now on. active: it gets offers (a framework recovered after a failover is not
 * active until it subscribes). */
struct framework_ref allocator_framework_add(struct allocator *a, const struct alloc_framework_spec *spec,
                                             bool active);
/* Replaces everything but the id. Roles that leave keep what they hold but get no more; roles that leave the
 * suppressed set behave as revived (section 18), without triggering a run. */
void allocator_framework_update(struct allocator *a, struct framework_ref f,
                                const struct alloc_framework_spec *spec);
/* Whatever it still holds is given back. */
void allocator_framework_remove(struct allocator *a, struct framework_ref f);
void allocator_framework_activate(struct allocator *a, struct framework_ref f);
/* No more offers; its offer filters and inverse-offer filters are dropped. What it holds stays. */
void allocator_framework_deactivate(struct allocator *a, struct framework_ref f);
/* Roles that it is not subscribed to are ignored. count 0: all roles. */
void allocator_suppress(struct allocator *a, struct framework_ref f, struct name *const *roles, size_t count);
void allocator_revive(struct allocator *a, struct framework_ref f, struct name *const *roles, size_t count);

/* --- agents --- */

struct alloc_agent_spec {
    struct agent_info *info; /* with its id, attributes, fault domain and capabilities; the allocator adds its
                                own reference */
    const struct resources *total; /* regular and oversubscribed, unallocated */
};

/* Running tasks and executors of an agent that (re-)registers, or an outstanding launch: allocated, not
 * offered. */
struct alloc_use {
    struct framework_ref framework;
    const struct resources *resources; /* every entry with its allocation role */
};

struct agent_ref allocator_agent_add(struct allocator *a, const struct alloc_agent_spec *spec, bool active,
                                     const struct alloc_use *used, size_t used_count);
/* Replaces everything but the id. Changed attributes drop the agent's offer filters. Any change triggers a
 * run for it. */
void allocator_agent_update(struct allocator *a, struct agent_ref g, const struct alloc_agent_spec *spec);
/* A task has ended there and nothing of it is offered: triggers a run for it when half of its cpus and memory are free, which
 * recovering alone does not do. */
void allocator_agent_freed(struct allocator *a, struct agent_ref g);
/* Whatever was offered or allocated there is forgotten; do not recover it afterwards. */
void allocator_agent_remove(struct allocator *a, struct agent_ref g);
void allocator_agent_activate(struct allocator *a, struct agent_ref g);
void allocator_agent_deactivate(struct allocator *a,
                                struct agent_ref g); /* disconnected, draining, deactivated */
/* --whitelist; all: no whitelist, hostnames is not looked at. */
void allocator_whitelist_set(struct allocator *a, bool all, const struct str *hostnames, size_t count);

/* --- resources between runs --- */

enum alloc_state { ALLOC_OFFERED, ALLOC_ALLOCATED };

/* Gives back what framework f held of agent g; state says what it was. refuse_ns > 0 filters offers within
 * these resources to f in their role for that long (filter_refuse_ns of common/model/framework.h; raised to
 * the allocation interval). Removed frameworks and agents must not be named. */
void allocator_recover(struct allocator *a, struct mono now, struct framework_ref f, struct agent_ref g,
                       const struct resources *resources, enum alloc_state state, int64_t refuse_ns);
/* Offered becomes allocated: LAUNCH at ACCEPT, section 23. */
void allocator_launch(struct allocator *a, struct framework_ref f, struct agent_ref g,
                      const struct resources *resources);
/* Held in addition to what was granted: a task reported late by its agent. */
void allocator_use_add(struct allocator *a, struct agent_ref g, const struct alloc_use *use);
/* Offered in addition to what was granted: further copies of shared volumes, for several tasks of one ACCEPT. f has an offer
 * or a task of agent g in their role. */
void allocator_copies_add(struct allocator *a, struct framework_ref f, struct agent_ref g, const struct resources *shared);
/* An operation on offered resources: f's holding and the agent's total are converted together. The
 * conversion's entries carry the allocation role. ERR_CONFLICT when f does not hold (as offered) what is
 * consumed: nothing changed. */
int allocator_update_allocation(struct allocator *a, struct framework_ref f, struct agent_ref g,
                                const struct conversion *c, struct error *err);
/* An operation by an operator: the agent's total and available are converted. ERR_CONFLICT when what is
 * consumed is not available: nothing changed. */
int allocator_update_available(struct allocator *a, struct agent_ref g, const struct conversion *c,
                               struct error *err);

/* --- quota and weights --- */

/* Replaces the quota of a top-level role; both empty removes it. Rescinding offers is the master's (section
 * 23). */
void allocator_quota_set(struct allocator *a, struct name *role, const struct quantities *guarantees,
                         const struct quantities *limits);
/* weight > 0. 1 is the default and forgets the entry. */
void allocator_weight_set(struct allocator *a, struct name *role, double weight);

/* --- maintenance --- */

struct alloc_unavailability {
    struct wall start;
    int64_t duration_ns; /* negative: unbounded */
};

/* NULL clears. Statuses, filters and outstanding inverse offers of the agent are forgotten; a run for it is
 * triggered. */
void allocator_unavailability_set(struct allocator *a, struct agent_ref g,
                                  const struct alloc_unavailability *u);
/* The framework answered its inverse offer, or it ended otherwise (rescinded: refuse_ns 0). */
void allocator_inverse_answer(struct allocator *a, struct mono now, struct framework_ref f,
                              struct agent_ref g, int64_t refuse_ns);

/* --- recovery and pause --- */

/* After a failover, before agents are added: registry_agents is how many the registry lists. When a quota is
 * set, allocation pauses until recovery_factor of them were added or recovery_timeout passed (section 22). */
void allocator_recovery_start(struct allocator *a, struct mono now, size_t registry_agents);
bool allocator_is_paused(const struct allocator *a);

/* --- runs --- */

struct alloc_grant {
    struct framework_ref framework;
    struct agent_ref agent;
    struct name *role;
    struct resources
        resources; /* with the allocation role; owned by the result: move it out by copying and zeroing it */
};

struct alloc_inverse {
    struct framework_ref framework;
    struct agent_ref agent;
    struct alloc_unavailability unavailability;
};

/* At most one grant per framework, role and agent; grouped by framework slot, within one in the order
 * decided. */
struct alloc_result {
    struct alloc_grant *grants; /* valid until the next call of allocator_run */
    size_t grant_count;
    const struct alloc_inverse *inverses;
    size_t inverse_count;
};

enum alloc_run {
    ALLOC_RUN_IDLE, /* nothing was due (or paused); *ret is empty */
    ALLOC_RUN_MORE, /* the work limit was reached: call again soon; *ret is empty */
    ALLOC_RUN_DONE  /* *ret has the decisions of the whole run */
};

/* When allocator_run should be called: in the past (0) when something is due now; MONO_NEVER only without
 * agents. */
struct mono allocator_wake_at(const struct allocator *a);

enum { ALLOC_WORK_DEFAULT = 5000 };

/* Starts or continues a run. work_max bounds one call: it is counted in looks at a pair of agent and client
 * (each well below a microsecond, so that the default is about five milliseconds); 0: no bound. rng NULL:
 * nothing is shuffled, agents are visited by slot and entries in order (tests). During a run other calls may
 * come in; agents and frameworks that leave take their grants of the unfinished run with them. */
enum alloc_run allocator_run(struct allocator *a, struct mono now, struct rng *rng, size_t work_max,
                             struct alloc_result *ret);

/* --- queries: nothing below changes anything --- */

struct framework_id allocator_framework_id(const struct allocator *a, struct framework_ref f);
struct agent_id allocator_agent_id(const struct allocator *a, struct agent_ref g);
/* The current reference of a slot; gen 0 when it is free. */
struct framework_ref allocator_framework_at(const struct allocator *a, uint32_t slot);
struct agent_ref allocator_agent_at(const struct allocator *a, uint32_t slot);
uint32_t allocator_framework_slots(const struct allocator *a); /* slots are below this */
uint32_t allocator_agent_slots(const struct allocator *a);

const struct resources *allocator_agent_total(const struct allocator *a, struct agent_ref g);
const struct resources *allocator_agent_available(const struct allocator *a, struct agent_ref g);
/* What f holds of g in role, offered or allocated; NULL when nothing. */
const struct resources *allocator_holding(const struct allocator *a, struct framework_ref f,
                                          struct name *role, struct agent_ref g, enum alloc_state state);

/* One line of /roles, section 10.6 of the operator API. Sums include the sub-roles. The pointers are the
 * allocator's, valid until the next call that is not a query; role_done frees what was made for it. */
struct alloc_role_view {
    struct name *role;
    double weight;
    struct quantities guarantees, limits; /* empty without quota */
    struct quantities consumed;           /* allocated and unreserved, plus all reservations */
    struct quantities offered, allocated, reserved;
    struct framework_ref *frameworks; /* subscribed to this very role, in the order of their ids */
    size_t framework_count;
    double share;        /* dominant share, weight taken in; for metrics */
    size_t filter_count; /* offer filters in force, about */
    bool tracked;        /* a framework subscribes to it or holds something in it */
};

void allocator_role_view_done(struct alloc_role_view *v);
/* Roles that a framework subscribes to, that hold or reserve something, or that have a quota or weight, and their ancestors; by
 * name. The array is the caller's (free), the names are borrowed. */
size_t allocator_roles(const struct allocator *a, struct name ***ret_roles);
/* false when the role is not among them: *ret is then empty with the default weight. */
bool allocator_role_view(const struct allocator *a, struct name *role, struct alloc_role_view *ret);
/* Totals of the scalars of all agents, and what of them is offered or allocated. Owned by the caller. */
void allocator_totals(const struct allocator *a, struct quantities *ret_total,
                      struct quantities *ret_offered_or_allocated);
/* As totals, without revocable resources: what guarantees are validated against. */
struct quantities allocator_total_nonrevocable(const struct allocator *a);
double allocator_weight(const struct allocator *a, struct name *role);
bool allocator_framework_is_suppressed(const struct allocator *a, struct framework_ref f, struct name *role);
/* The agents that f's constraints for role exclude; the array is the caller's (free). */
size_t allocator_excluded_agents(const struct allocator *a, struct framework_ref f, struct name *role,
                                 struct agent_ref **ret);

struct alloc_stats {
    uint64_t runs;          /* finished */
    uint64_t triggers;      /* calls that asked for a run */
    uint64_t grants, looks; /* since the start; looks: pairs of agent and client evaluated */
    size_t agents, frameworks, roles;
    size_t filters;      /* stored */
    size_t filter_bytes; /* what the filters take, shared resources included */
};

struct alloc_stats allocator_stats(const struct allocator *a);

/* --- the decision log (DESIGN D15) --- */

#define ALLOC_REASONS(X)                                                          \
    X(GRANTED, "granted")                                                         \
    X(FILTERED, "refused by the framework before (offer filter)")                 \
    X(TOO_SMALL, "what is free is below min_allocatable_resources")               \
    X(NOTHING_FREE, "nothing is free for this role")                              \
    X(QUOTA_LIMIT, "the role's quota limit is reached")                           \
    X(HEADROOM, "what is free is set aside for guarantees of other roles")        \
    X(CONSTRAINT, "the framework's offer constraints exclude the agent")          \
    X(GPU, "the agent has GPUs, the framework lacks GPU_RESOURCES")               \
    X(REGION, "the agent is in another region, the framework lacks REGION_AWARE") \
    X(AGENT_MULTI_ROLE, "the agent lacks MULTI_ROLE")                             \
    X(AGENT_HIERARCHICAL_ROLE, "the agent lacks HIERARCHICAL_ROLE")               \
    X(CAPABILITY, "what is free needs a capability that the framework lacks")     \
    X(SUPPRESSED, "the framework suppressed offers for this role")                \
    X(FRAMEWORK_INACTIVE, "the framework is not connected")                       \
    X(AGENT_INACTIVE, "the agent is not connected, draining or deactivated")      \
    X(WHITELIST, "the agent is not in the whitelist")                             \
    X(PAUSED, "allocation is paused until enough agents are back")                \
    X(DECLINED, "given back by the framework")

enum alloc_reason {
#define X(sym, text) ALLOC_REASON_##sym,
    ALLOC_REASONS(X)
#undef X
        ALLOC_REASON_COUNT
};

const char *alloc_reason_name(enum alloc_reason r); /* "FILTERED" */
const char *alloc_reason_text(enum alloc_reason r);

/* A rejection is logged when it was found out, not again as long as nothing changed. */
struct alloc_decision {
    struct mono at;
    struct framework_ref framework;
    struct agent_ref agent;
    struct name *role;  /* borrowed; NULL when the role is gone */
    int64_t cpus_milli; /* of what was granted, given back or looked at */
    int64_t mem_milli;
    int64_t until_ns; /* FILTERED, DECLINED: when the filter ends (mono); else 0 */
    uint64_t run;     /* number of the run */
    enum alloc_reason reason;
};

uint64_t
allocator_decisions_end(const struct allocator *a); /* number of the next entry; entries count up from 0 */
/* Entry number i; false when it was overwritten or is not there yet. */
bool allocator_decision(const struct allocator *a, uint64_t i, struct alloc_decision *ret);
/* Why f in role would (not) be offered agent g right now, found by looking, not from the log. */
struct alloc_decision allocator_why(const struct allocator *a, struct mono now, struct framework_ref f,
                                    struct name *role, struct agent_ref g);

/* For tests: recomputes every sum from scratch and compares. ERR_CONFLICT names the first that differs. */
int allocator_check(const struct allocator *a, struct error *err);

#endif
