/* SPDX-License-Identifier: Apache-2.0 */
/* Does an app fit into an offer, and if not, which rule fails, with its numbers. Pure: the random choice of
 * ports takes an rng. An offer is worked off in place: what a match takes is gone for the next one, so that
 * many instances share one ACCEPT.
 *
 * Sources: marathon-behaviour §5 (resources, roles, ports, constraints), marathon-api §9 (order of the
 * reasons). */
#ifndef STOA_MARATHON_MATCH_H
#define STOA_MARATHON_MATCH_H

#include "common/base/rng.h"
#include "marathon/core/app.h"
#include "marathon/core/config.h"

/* --- offers ------------------------------------------------------------------------------------------- */
enum value_kind { VALUE_KIND_SCALAR, VALUE_KIND_RANGES, VALUE_KIND_SET, VALUE_KIND_TEXT };

struct port_range {
    uint32_t begin, end; /* both inside */
};

enum disk_source { DISK_ROOT, DISK_PATH, DISK_MOUNT, DISK_OTHER };

struct offer_resource {
    struct str name;
    struct str role; /* of the innermost reservation; "*" when unreserved */
    enum value_kind kind;
    int64_t milli;             /* scalar */
    struct port_range *ranges; /* sorted, disjoint; memory of the event */
    size_t range_count, range_cap;
    bool volume;   /* persistent volume, other disk than the agent's root, revocable: never plain disk */
    bool labelled; /* reserved with labels: for one instance only */
    enum disk_source source;
    struct str disk_root;      /* of PATH and MOUNT */
    struct str disk_profile;   /* of a storage provider's disk; p NULL: none */
    struct str persistence_id; /* p NULL: no volume yet */
    /* Of labelled ones: whose. p NULL: not said. */
    struct str owner_framework, owner;
};

/* One agent attribute. text is the normalised form that constraints compare. */
struct attribute {
    struct str name, text;
    enum value_kind kind;
};

struct offer {
    struct str id, agent_id, hostname, region, zone; /* p NULL when absent */
    struct str role;                                 /* allocated to; "*" when not said */
    struct str home_region;                          /* of the master; p NULL: unknown */
    const struct attribute *attributes;
    size_t attribute_count;
    struct offer_resource *resources;
    size_t resource_count;
    struct opt_time unavailable_from, unavailable_to; /* maintenance */
};

/* Reserved by this framework for this owner (an instance id). */
bool resource_is_ours(const struct offer_resource *r, struct str framework, struct str owner);

/* "1.0" -> "1", 2500 -> "2.5". */
struct str scalar_text(struct arena *a, int64_t milli);

/* --- constraints -------------------------------------------------------------------------------------- */
/* The values that instances of an app already have for one field, with how many have each. */
struct placed_value {
    struct str value;
    int64_t count;
};

struct placed {
    const struct constraint *c;
    struct placed_value *v; /* in the arena of the round */
    size_t n, cap;
    int64_t total;
};

/* p NULL when the offer's agent has no such field. */
struct str field_value(struct str field, struct str hostname, struct str region, struct str zone,
                       const struct attribute *attributes, size_t count);
void placed_add(struct placed *p, struct str value, struct arena *a);
/* instances: the app's target, for GROUP_BY. value p NULL: the agent lacks the field. */
bool constraint_admits(const struct constraint *c, const struct placed *p, struct str value,
                       int64_t instances);

/* --- reasons ------------------------------------------------------------------------------------------ */
#define REJECT_REASONS(X)                                                                    \
    X(ROLE, "UnfulfilledRole")                                                               \
    X(CONSTRAINT, "UnfulfilledConstraint")                                                   \
    X(RESERVATION, "NoCorrespondingReservationFound") X(MAINTENANCE, "AgentMaintenance")     \
        X(CPUS, "InsufficientCpus") X(MEM, "InsufficientMemory") X(DISK, "InsufficientDisk") \
            X(GPUS, "InsufficientGpus") X(PORTS, "InsufficientPorts") X(SCARCE, "DeclinedScarceResources")

enum reject_reason {
#define X(sym, text) REJECT_##sym,
    REJECT_REASONS(X)
#undef X
        REJECT_COUNT,
    REJECT_NONE = REJECT_COUNT
};

const char *reject_name(enum reject_reason r);

/* --- the match ---------------------------------------------------------------------------------------- */
struct pick {
    size_t resource;           /* index into the offer */
    int64_t milli;             /* scalars */
    struct port_range *ranges; /* ports */
    size_t range_count;
    unsigned volume; /* 1 + index among the app's persistent volumes; 0: not for a volume */
};

enum { PORT_NONE = 0 };

/* What the resources shall be: a task of an app without volumes takes plain ones; an instance with volumes
 * first has plain ones reserved, and is launched on those that are reserved for it. */
enum match_kind { MATCH_PLAIN, MATCH_RESERVE, MATCH_RESERVED };

struct match {
    enum reject_reason reason;      /* REJECT_NONE: it fits */
    unsigned reasons;               /* bit per failing rule, all of them */
    int64_t need_milli, have_milli; /* of the first failing quantity */
    char detail[160];               /* "constraint rack UNIQUE: value r1 is taken" */
    struct pick *picks;             /* arena of the round */
    size_t pick_count;
    uint32_t *ports;           /* host port per port of the app; PORT_NONE: none */
    uint32_t *container_ports; /* the container port per port of the app */
    size_t port_count;
};

struct match_context {
    const struct marathon_config *config;
    struct arena *arena; /* of the round */
    struct rng *rng;
    struct wall now;
    struct placed *placed; /* one per constraint of the app, in order */
    enum match_kind kind;
    /* MATCH_RESERVED: whose reservation, and the ids of the volumes in the order of the app. */
    struct str framework, owner;
    const struct str *persistence_ids;
};

/* Tries a against the offer. On REJECT_NONE the resources are taken out of the offer and the placements
 * counted. Otherwise the offer is unchanged. An instance that has a reservation is placed already: its
 * constraints do not count any more. */
void match_try(const struct app *a, struct offer *o, const struct match_context *mc, struct match *ret);

/* Whether the app's constraints admit the agent of the offer at all, wherever its other instances are. */
bool match_agent(const struct app *a, const struct offer *o, struct match *ret);

#endif
