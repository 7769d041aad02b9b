/* SPDX-License-Identifier: Apache-2.0 */
/* Offer constraints: per role, groups (one must hold) of constraints (all must hold) on an agent's attributes.
 *
 * Regular expressions are pattern.h's: POSIX ones as an approximation of RE2. Judging is pure.
 *
 * Source: reference of the allocator, section 19. */
#ifndef STOA_MODEL_OFFER_CONSTRAINTS_H
#define STOA_MODEL_OFFER_CONSTRAINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/model/agent.h"

enum {
    CONSTRAINT_GROUPS_MAX = 256,        /* per role */
    CONSTRAINTS_PER_GROUP_MAX = 256,
    CONSTRAINT_ROLES_MAX = 1024
};

enum constraint_selector { SELECT_ATTRIBUTE, SELECT_HOSTNAME, SELECT_REGION, SELECT_ZONE };

enum constraint_predicate {
    PREDICATE_EXISTS,
    PREDICATE_NOT_EXISTS,
    PREDICATE_TEXT_EQUALS,
    PREDICATE_TEXT_NOT_EQUALS,
    PREDICATE_TEXT_MATCHES,
    PREDICATE_TEXT_NOT_MATCHES
};

struct constraint; /* one compiled constraint */

struct constraint_group {
    struct constraint **v; /* owned */
    size_t n;
};

struct role_constraints {
    struct name *role;
    struct constraint_group *groups; /* owned */
    size_t n;
};

struct offer_constraints { /* immutable after construction, counted; NULL: unconstrained */
    uint32_t refs;
    struct role_constraints *roles; /* owned */
    size_t n;
    struct blob *raw;               /* packed OfferConstraints, for the operator API */
};

struct offer_constraints *offer_constraints_new(void);
static inline struct offer_constraints *offer_constraints_ref(struct offer_constraints *c)
{
    if (c != NULL)
        c->refs++;
    return c;
}
void offer_constraints_unref(struct offer_constraints *c);

/* Building: text is the value or the expression, empty for the existence predicates; attribute is used by SELECT_ATTRIBUTE
 * alone. ERR_INVALID when the expression does not compile, ERR_LIMIT over a cap. */
struct role_constraints *offer_constraints_add_role(struct offer_constraints *c, struct name *role);
struct constraint_group *role_constraints_add_group(struct role_constraints *r);
int constraint_group_add(struct constraint_group *g, enum constraint_selector selector, struct str attribute,
                         enum constraint_predicate predicate, struct str text, struct error *err);
/* The largest expression's states (pattern_size); 0 without one. */
uint64_t offer_constraints_pattern_size(const struct offer_constraints *c);

/* May this agent be offered to the framework in this role? */
bool offer_constraints_admit(const struct offer_constraints *c, const struct name *role, const struct agent_info *agent);

#endif
