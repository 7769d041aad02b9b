/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the allocator share. Not for others: the interface is allocator.h.
 *
 *     allocator.c  frameworks, quota, weights, pause; life of the allocator
 *     tables.c     names, references, what is to be looked at
 *     clients.c    clients and their slots
 *     amounts.c    questions about resources alone
 *     agents.c     agents, whitelist, maintenance
 *     books.c      who holds what: grant, recover, launch, conversions, and all sums
 *     roles.c      the tree of roles
 *     sorter.c     order by share
 *     filters.c    offer filters
 *     mask.c       which clients an agent need not be shown to
 *     offer.c      what one agent would offer to one client, and why not
 *     run.c        the cycle: candidates, slices, results
 *     run_state.c  what changes of the books mean to an unfinished run
 *     stage.c      the two stages: looking and granting
 *     query.c      questions
 *     log.c        the decision log
 *     check.c      the invariants, for tests and the simulator
 *
 * A *client* is one framework in one role: the unit that offers are made to. It exists while the framework
 * subscribes to the role or holds something in it, and has a slot: its bit in the masks.
 *
 * Speed rests on two things. Order: see sorter.h. And not looking twice: each agent has a mask of clients
 * that were found *blocked* for good, that is for reasons that neither shares nor quota can change (filter,
 * constraint, too little, missing capability). A bit is right as long as what is free stays within the
 * agent's reference amount (a filter or minimum that stops some amount stops any part of it), and is cleared
 * by what could change the answer; see mask.c. */
#ifndef STOA_MASTER_ALLOC_INTERNAL_H
#define STOA_MASTER_ALLOC_INTERNAL_H

#include "common/base/alloc.h"
#include "common/base/assert.h"
#include "common/base/hash.h"
#include "master/core/alloc/qvec.h"
#include "master/core/alloc/allocator.h"
#include "master/core/alloc/sorter.h"

enum {
    ALLOC_FILTERS_PER_PAIR_MAX =
        16, /* filters of one client on one agent: the one that ends first makes room */
    ALLOC_NONE = UINT32_MAX
};

/* --- roles --- */

struct alloc_limit {
    uint32_t name; /* index */
    int64_t milli;
};

struct alloc_quota {
    struct quantities guarantees, limits; /* as set */
    struct qvec g;
    struct alloc_limit *limit; /* one per limited name */
    uint32_t limit_count;
};

struct alloc_role {
    struct name *name;         /* owned reference */
    struct name *self_path;    /* "<name>/.": the role's own clients beside its sub-roles */
    struct alloc_role *parent; /* the root has none and the empty name */
    uint32_t child_count;      /* roles below that exist */
    uint32_t child_tracked;    /* of them, those that have a client in their subtree */
    uint32_t depth;
    struct sorter_node tree;       /* this role with all below, among its siblings */
    struct sorter_node self;       /* this very role; attached below tree while a sub-role is tracked too */
    struct sorter_node frameworks; /* root of the order of this role's active clients */
    struct alloc_client **clients; /* all, by framework slot */
    uint32_t client_count, client_cap;
    double weight;
    struct alloc_quota *quota; /* NULL: none */
    /* Sums over the role and its sub-roles. plain: unreserved and not revocable, what quota counts. */
    struct qvec plain_used; /* offered or allocated */
    struct qvec plain_allocated;
    struct qvec allocated;     /* anything allocated; tree.used has offered or allocated */
    struct qvec reserved;      /* reservations on known agents, offered or not */
    uint32_t reserved_entries; /* entries of agents' totals that are reserved to this very role */
    size_t filters;            /* offer filters set by its own clients and not dropped */
    uint32_t order_mark;       /* scratch of the run */
    double random_key;         /* scratch of the random sorter */
    UT_hash_handle hh;
};

/* --- clients and frameworks --- */

struct alloc_minimum { /* alternatives; none: no minimum */
    struct quantities *alternatives;
    size_t count;
};

struct alloc_client {
    struct sorter_node node; /* in role->frameworks while active */
    uint32_t slot;
    bool subscribed, suppressed;
    struct alloc_framework *framework;
    struct alloc_role *role;
    const struct role_offer_filter *minimum; /* NULL: the master's default */
    struct alloc_holding *holdings;          /* list over agents */
    size_t filters;                          /* in force or expired but not seen yet */
    double random_key;
};

struct alloc_framework {
    uint32_t slot, gen;
    bool active;
    struct name *path; /* the id, for ties */
    struct framework_info *info;
    struct offer_constraints *constraints;
    struct alloc_client **clients; /* ascending by the address of the role: for lookup alone */
    uint32_t client_count, client_cap;
};

/* --- agents --- */

struct alloc_holding { /* what one client has of one agent; entries carry the allocation role */
    struct alloc_client *client;
    struct alloc_agent *agent;
    struct resources offered, allocated;
    uint32_t whole_of; /* offered is all of the agent's reference amount of this number; 0: not, or touched
                          since */
    bool whole_small;  /* hot.small of then */
    struct alloc_holding *agent_next, *agent_prev, *client_next, *client_prev;
};

struct alloc_filter {       /* 16 bytes: there may be one per pair of client and agent */
    uint32_t client;        /* slot */
    uint32_t what;          /* index into the table of filtered resources */
    uint64_t until_ms : 40; /* end; 34 years of uptime */
    uint64_t gen : 24;      /* of the client's slot when set: another one there means dropped */
};

struct alloc_inverse_state { /* of one framework on an agent under maintenance */
    struct framework_ref framework;
    bool outstanding;
    struct mono filter_until;
};

enum alloc_reference { /* what is free against the reference amount that the blocked mask holds for */
                       ALLOC_REF_UNKNOWN,
                       ALLOC_REF_EQUAL,
                       ALLOC_REF_BELOW
};

struct alloc_agent {
    /* what a visit in a run reads comes first, to touch few cache lines */
    uint32_t slot, gen;
    enum alloc_reference ref;
    uint32_t capabilities;             /* of info */
    bool has_gpus, has_shared, remote; /* of the total; in another region */
    bool plain;                        /* available: nothing reserved, revocable, shared; known with ref */
    bool special;       /* available: nothing but reserved, revocable or not scalar; known with ref */
    bool overcommitted; /* the holdings are not within the total */
    bool activated, whitelisted, has_unavailability;
    struct resources available;
    struct resources reference; /* for the blocked mask */
    uint32_t reference_number;  /* counts the changes of reference, from 1 */
    struct alloc_holding *holdings;
    struct alloc_filter *filters; /* by client slot */
    uint32_t filter_count, filter_cap;
    uint32_t grant_head; /* grants of the current run on this agent; ALLOC_NONE */
    uint64_t below_run;  /* ALLOC_REF_BELOW: number of the run that found it */
    /* the rest */
    struct agent_info *info;
    struct str hostname;
    struct resources total;
    struct resources run_shared; /* shared resources offered in this run */
    uint64_t run_shared_at;      /* number of that run */
    struct alloc_inverse_state *inverses;
    uint32_t inverse_count, inverse_cap;
    struct alloc_unavailability unavailability;
};

/* What a pass over all agents reads, apart from the agents themselves so that it stays in the cache. */
struct alloc_hot {
    struct alloc_agent *agent; /* NULL: free slot */
    int64_t next_expiry_ms;    /* the first end of a filter here; INT64_MAX */
    uint64_t mask_seen;        /* allocator.mask_clears applied to this agent's mask */
    uint32_t gen;
    bool usable;     /* activated and whitelisted */
    bool free;       /* something is available */
    bool ref_known;  /* ref is not ALLOC_REF_UNKNOWN */
    bool small;      /* what is free does not reach the default minimum; known with ref_known */
    bool maintained; /* has an unavailability */
    bool pending;    /* in the candidate set of the next run */
};

struct alloc_filtered {         /* the resources of a filter, shared by all filters with the same */
    struct resources resources; /* unallocated */
    uint64_t hash;
    uint32_t refs;
    uint32_t next; /* in the bucket, or in the free list; ALLOC_NONE */
};

struct alloc_filter_table {
    struct alloc_filtered *v;
    uint32_t n, cap, free;
    uint32_t *buckets;
    uint32_t bucket_count, used;
    size_t filters; /* stored over all agents */
};

/* --- the run --- */

enum alloc_phase { ALLOC_PHASE_IDLE, ALLOC_PHASE_GUARANTEES, ALLOC_PHASE_FAIR, ALLOC_PHASE_DONE };

struct alloc_pending {           /* a grant of the unfinished run */
    struct alloc_client *client; /* NULL: withdrawn */
    uint32_t agent, agent_gen;   /* slot */
    uint32_t next;               /* on the same agent */
    struct resources resources;
};

struct alloc_candidate {
    uint32_t slot, gen;
};

struct alloc_run_state {
    enum alloc_phase phase;
    uint64_t number;
    struct mono now;
    struct rng *rng;
    bool all;                     /* all agents are candidates */
    struct alloc_candidate *cand; /* agents that may have something to give */
    uint32_t cand_count, cand_cap, next;
    struct alloc_candidate *maintained; /* candidates with an unavailability */
    uint32_t maintained_count, maintained_cap;
    bool sorted;                /* the trees are in order */
    bool quota_known;           /* the two below hold */
    struct qvec headroom;       /* H: still to be set aside */
    struct qvec room;           /* F: free, unreserved, not revocable */
    struct alloc_role **hungry; /* stage 1: top-level roles below their guarantees, in order */
    uint32_t hungry_count, hungry_cap;
    uint64_t *hungry_mask;      /* their clients */
    uint64_t *dead;             /* clients that get nothing unreserved in this stage for reasons of quota */
    bool all_dead;              /* headroom leaves nothing for anybody in this stage */
    uint64_t *scratch;          /* one mask */
    struct sorter_node **moved; /* nodes to be placed anew after this agent */
    uint32_t moved_count, moved_cap;
    struct alloc_client **picked;
    uint32_t picked_cap;
    struct alloc_pending *grants;
    uint32_t grant_count, grant_cap;
    size_t work;
    struct alloc_grant *result; /* handed out */
    uint32_t result_count, result_cap;
    struct alloc_inverse *inverse;
    uint32_t inverse_count, inverse_cap;
};

struct allocator {
    int64_t interval_ns, recovery_timeout_ns;
    double recovery_factor;
    enum alloc_sorter role_sorter, framework_sorter;
    bool filter_gpus;
    struct name *region;
    struct alloc_minimum minimum;
    /* names */
    struct name **names;
    uint32_t name_count, name_cap;
    struct name **excluded;
    uint32_t excluded_count;
    /* sums over all agents; plain as above */
    struct sorter_totals totals;
    struct qvec plain_total, plain_used, nonrevocable_total;
    /* roles */
    struct alloc_role root;
    struct alloc_role *roles;    /* hash by name */
    uint32_t quota_count;        /* roles with a quota */
    struct alloc_role **limited; /* roles with a quota, by name */
    uint32_t limited_cap;
    /* clients */
    struct alloc_client **clients; /* by slot */
    uint32_t *client_gens;         /* by slot, 24 bits */
    uint32_t client_slots, client_cap;
    uint32_t *client_free;
    uint32_t client_free_count, client_free_cap;
    /* masks: one bit per client slot */
    uint32_t mask_words, mask_cap; /* words in use, words per agent */
    uint64_t *active;              /* clients that may get offers */
    uint64_t *own_minimum;         /* clients with a minimum of their own */
    uint64_t *revocable;           /* clients that take revocable resources */
    uint64_t *cleared;             /* columns cleared since the last pass over all agents */
    uint64_t mask_clears;          /* counts changes of cleared */
    uint64_t
        *blocked; /* per agent slot mask_cap words of blocked clients, then as many of those with a filter */
    /* frameworks */
    struct alloc_framework **frameworks; /* by slot */
    uint32_t *framework_gens;
    uint32_t framework_slots, framework_cap, framework_count;
    /* agents */
    struct alloc_hot *hot; /* by slot */
    uint32_t agent_slots, agent_cap, agent_count;
    uint32_t *agent_free; /* free slots */
    uint32_t agent_free_count, agent_free_cap;
    uint32_t *agent_gens;
    uint32_t maintained_count;
    struct alloc_filter_table filters;
    bool whitelist_all;
    struct name **whitelist;
    uint32_t whitelist_count;
    /* triggers */
    bool pending_all, pending_some;
    uint32_t *pending; /* slots */
    uint32_t pending_count, pending_cap;
    bool timer_armed;
    struct mono timer; /* next run over all */
    bool paused;
    size_t agents_expected, agents_added;
    struct mono pause_until;
    struct alloc_run_state run;
    /* log */
    struct alloc_decision *log; /* ring; roles hold references */
    uint32_t log_cap;
    uint64_t log_end;
    struct alloc_stats stats;
};

/* --- shared functions, by file --- */

/* tables.c */
uint32_t alloc_name_index(struct allocator *a, struct name *name);
uint32_t alloc_name_known(const struct allocator *a, const struct name *name); /* ALLOC_NONE */
struct alloc_framework *alloc_framework_get(const struct allocator *a, struct framework_ref f);
struct framework_ref alloc_framework_ref(const struct alloc_framework *f);
struct alloc_agent *alloc_agent_get(const struct allocator *a, struct agent_ref g);
struct agent_ref alloc_agent_ref(const struct alloc_agent *g);
struct alloc_inverse_state *alloc_inverse_find(struct alloc_agent *g, struct framework_ref f);
void alloc_pending_all(struct allocator *a);
void alloc_pending_agent(struct allocator *a, struct alloc_agent *g);

/* amounts.c */
/* Scalar, unreserved, not revocable: what quota counts. */
static inline bool alloc_is_plain(const struct resource *r)
{
    return r->type == VALUE_SCALAR && r->reservations == NULL && !r->revocable;
}
bool alloc_minimum_reached(const struct alloc_minimum *m, const struct resources *r);
bool alloc_any_alternative_reached(const struct quantities *alternatives, size_t count,
                                    const struct resources *r);
bool mask_same_entries(const struct resources *a, const struct resources *b); /* in the same order */
void alloc_available_scan(struct allocator *a, struct alloc_agent *g); /* plain, hot.small */

/* clients.c */
struct alloc_client *alloc_client_find(const struct alloc_framework *f, const struct alloc_role *r);
struct alloc_client *alloc_client_ensure(struct allocator *a, struct alloc_framework *f, struct name *role);
void alloc_client_release(struct allocator *a, struct alloc_client *c); /* frees it when nothing needs it */
void alloc_client_filters_drop(struct allocator *a, struct alloc_client *c);
bool alloc_client_is_active(const struct alloc_client *c);
void alloc_client_update(struct allocator *a, struct alloc_client *c); /* may it be offered something? */

/* roles.c */
struct alloc_role *alloc_role_find(const struct allocator *a, const struct name *name);
struct alloc_role *alloc_role_ensure(struct allocator *a, struct name *name);
void alloc_role_release(struct allocator *a,
                        struct alloc_role *r); /* frees it and its ancestors when unused */
void alloc_role_client_add(struct alloc_role *r, struct alloc_client *c);
void alloc_role_client_remove(struct alloc_role *r, struct alloc_client *c);
void alloc_role_weight_apply(struct alloc_role *r);
struct alloc_role *alloc_role_top(struct alloc_role *r);
/* The node by which the role's own clients take part in the order. */
static inline struct sorter_node *alloc_role_leaf(struct alloc_role *r)
{
    return r->self.parent != NULL ? &r->self : &r->tree;
}
bool alloc_role_is_within(const struct alloc_role *r, const struct alloc_role *ancestor); /* or equal */

/* books.c */
void alloc_total_add(struct allocator *a, const struct resources *total);
void alloc_total_sub(struct allocator *a, const struct resources *total);
void alloc_available_changed(struct allocator *a, struct alloc_agent *g);
/* c holds r (whatever allocation role its entries have) in addition. Only the holding and the sums change,
 * not what is available, and the order is not touched: see alloc_client_touch. */
struct alloc_holding *alloc_hold_add(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                                     const struct resources *r, enum alloc_state state);
/* The share of c and of its role and ancestors changed. */
void alloc_client_touch(struct alloc_client *c);
struct alloc_holding *alloc_holding_find(const struct alloc_agent *g, const struct alloc_client *c);
/* c gives r back: holding, sums, available. c may be gone afterwards. */
void alloc_give_back(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                     const struct resources *r, enum alloc_state state);
/* All of it; the holding is freed, its client too when nothing else needs it. */
void alloc_holding_drop(struct allocator *a, struct alloc_holding *h, bool give_back);
/* Sets g->overcommitted and what is available from the total and the holdings. */
void alloc_available_recompute(struct allocator *a, struct alloc_agent *g);

/* filters.c */
void filter_add(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                const struct resources *what, int64_t until_ms);
/* Is an offer of these (unallocated) resources stopped? *ret_until_ms: the end of the filter; may be NULL. */
bool filter_stops(const struct allocator *a, const struct alloc_agent *g, const struct alloc_client *c,
                  const struct resources *offer, int64_t now_ms, int64_t *ret_until_ms);
void filter_agent_clear(struct allocator *a, struct alloc_agent *g);
/* Drops what has ended, clears the mask bits of those clients, sets hot.next_expiry_ms. */
void filter_agent_expire(struct allocator *a, struct alloc_agent *g, int64_t now_ms);
void filter_purge_slot(struct allocator *a,
                       uint32_t client_slot); /* all agents: when a slot's 24-bit count wraps */
void filter_table_done(struct allocator *a);
size_t filter_bytes(const struct allocator *a);

/* mask.c */
void mask_clients_room(struct allocator *a); /* after client_slots grew */
void mask_agents_room(struct allocator *a);  /* after agent_cap grew */
void mask_agent_new(struct allocator *a, uint32_t agent_slot); /* the slot was never used before */
void mask_agent_reset(struct allocator *a, uint32_t agent_slot);
void mask_client_cleared(struct allocator *a, uint32_t client_slot);
void mask_agent_sync(struct allocator *a, uint32_t agent_slot);
void mask_done(struct allocator *a);
static inline uint64_t *mask_blocked(const struct allocator *a, uint32_t agent_slot)
{
    return a->blocked + (size_t)agent_slot * a->mask_cap * 2;
}
static inline uint64_t *mask_filtered(const struct allocator *a,
                                      uint32_t agent_slot) /* may have filters here */
{
    return mask_blocked(a, agent_slot) + a->mask_cap;
}
static inline bool mask_get(const uint64_t *m, uint32_t i)
{
    return (m[i / 64] >> (i % 64) & 1) != 0;
}
static inline void mask_set(uint64_t *m, uint32_t i)
{
    m[i / 64] |= UINT64_C(1) << (i % 64);
}
static inline void mask_clear(uint64_t *m, uint32_t i)
{
    m[i / 64] &= ~(UINT64_C(1) << (i % 64));
}
/* Compares what is free with the reference of the mask and adapts one of them. */
void mask_agent_reference(struct allocator *a, struct alloc_agent *g);

/* offer.c */
struct alloc_offer {
    struct resources resources; /* unallocated; owned; when whole: empty, all that is available is meant */
    bool whole;
    struct qvec plain;      /* S + E: plain scalars in it */
    struct qvec guaranteed; /* S of stage 1 */
};
void alloc_offer_done(struct alloc_offer *o);
/* What g would offer to c in this stage. GRANTED fills *ret. Otherwise *ret_for_good: neither quota nor
 * shares matter for the answer, and *ret_until_ms is the end of the filter of FILTERED. looked (may be NULL):
 * what was on the table. */
enum alloc_reason alloc_offer_make(struct allocator *a, struct alloc_agent *g, struct alloc_client *c,
                                   enum alloc_phase stage, struct alloc_offer *ret, bool *ret_for_good,
                                   int64_t *ret_until_ms);
void alloc_quota_prepare(struct allocator *a); /* H and F of the run, when unknown */
/* No name's amount that quota leaves to plain resources of role reaches any alternative of the default
 * minimum. */
bool alloc_quota_is_dead(const struct allocator *a, const struct alloc_role *role, enum alloc_phase stage);
int64_t alloc_quota_left(const struct allocator *a, const struct alloc_role *r,
                         uint32_t name); /* limit; INT64_MAX */
int64_t alloc_quota_consumed(const struct alloc_role *r, uint32_t name);

/* run_state.c */
void alloc_run_books_changed(struct allocator *a); /* by somebody else while a run is unfinished */
void alloc_run_agent_left(struct allocator *a,
                          struct alloc_agent *g); /* its grants of the unfinished run are void */
void alloc_run_client_left(struct allocator *a, struct alloc_client *c);
void alloc_run_done(struct allocator *a); /* frees */
/* NULL when it left or may not be offered any more. */
struct alloc_agent *alloc_candidate_get(const struct allocator *a, struct alloc_candidate cand);
void alloc_result_free(struct alloc_run_state *run);

/* stage.c */
bool alloc_stage_run(struct allocator *a); /* the stage of run.phase; true: all candidates were visited */

/* log.c */
void alloc_log_add(struct allocator *a, struct mono at, const struct alloc_client *c,
                   const struct alloc_agent *g, enum alloc_reason reason, const struct resources *r,
                   int64_t until_ns);
void alloc_log_done(struct allocator *a);

#endif
