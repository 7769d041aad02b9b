/* SPDX-License-Identifier: Apache-2.0 */
/* Offer constraints of a framework: which agents a role wants to be offered at all, judged by attributes, hostname, region
 * and zone. Built once per SUBSCRIBE or UPDATE_FRAMEWORK (texts copied, expressions compiled), then immutable and counted.
 *
 *     role -> groups (one must hold) -> constraints (all must hold) -> selector, predicate
 *
 * Pure. Source: reference of the allocator, section 19. */
#ifndef STOA_MASTER_OFFER_CONSTRAINTS_H
#define STOA_MASTER_OFFER_CONSTRAINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/model/attributes.h"
#include "common/model/name.h"

enum constraint_selector { /* the wire numbers of PseudoattributeType, and 0 for an attribute's name */
    CONSTRAINT_ATTRIBUTE = 0,
    CONSTRAINT_HOSTNAME = 1,
    CONSTRAINT_REGION = 2,
    CONSTRAINT_ZONE = 3
};

enum constraint_predicate {
    CONSTRAINT_EXISTS,
    CONSTRAINT_NOT_EXISTS,
    CONSTRAINT_TEXT_EQUALS,
    CONSTRAINT_TEXT_NOT_EQUALS,
    CONSTRAINT_TEXT_MATCHES,
    CONSTRAINT_TEXT_NOT_MATCHES
};

/* --- what the caller describes; borrowed --- */
struct constraint_spec {
    enum constraint_selector selector;
    struct str attribute_name; /* CONSTRAINT_ATTRIBUTE only */
    enum constraint_predicate predicate;
    struct str value; /* the text or the expression; unused for the two of existence */
};

struct constraint_group_spec {
    const struct constraint_spec *v;
    size_t n;
};

struct role_constraints_spec {
    struct name *role;
    const struct constraint_group_spec *groups;
    size_t n;
};

struct constraint_limits {
    size_t re2_max_mem;          /* --offer_constraints_re2_max_mem, bytes: 4096 */
    size_t re2_max_program_size; /* --offer_constraints_re2_max_program_size: 100 */
};

enum { OFFER_CONSTRAINTS_MAX = 100000 }; /* constraints of one framework, over all roles and groups */

struct offer_constraints;

/* ERR_INVALID for no groups, an empty group, an empty attribute name, a bad expression; ERR_LIMIT for an expression over the
 * limits. The message names role and value. One reference for the caller. */
int offer_constraints_new(const struct role_constraints_spec *roles, size_t n, const struct constraint_limits *limits,
                          struct offer_constraints **ret, struct error *err);
struct offer_constraints *offer_constraints_ref(struct offer_constraints *c); /* NULL stays NULL */
void offer_constraints_unref(struct offer_constraints *c);

struct constraint_agent {
    const struct attributes *attributes;
    struct str hostname;
    struct str region, zone; /* empty: absent */
};

/* True for a role without constraints, and for c NULL. */
bool offer_constraints_admit(const struct offer_constraints *c, const struct name *role,
                             const struct constraint_agent *agent);

#endif
