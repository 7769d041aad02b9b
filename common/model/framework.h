/* SPDX-License-Identifier: Apache-2.0 */
/* What a framework says of itself, as far as decisions need it, beside the message as it came (raw). Immutable after
 * construction and counted: the framework's entry, the actions and the queues share one. */
#ifndef STOA_MODEL_FRAMEWORK_H
#define STOA_MODEL_FRAMEWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/blob.h"
#include "common/model/capability.h"
#include "common/model/ids.h"
#include "common/model/resources.h"

enum { FRAMEWORK_ROLES_MAX = 1024, OFFER_FILTER_ALTERNATIVES_MAX = 64 };

/* The least offer a framework wants in one role; no alternatives: no minimum. */
struct role_offer_filter {
    struct name *role;
    struct quantities *alternatives; /* owned array; one of them must be reached */
    size_t count;
};

struct framework_info {
    uint32_t refs;
    struct framework_id id; /* owned; empty when the framework has none yet */
    char *name, *user;      /* owned */
    char *principal;        /* owned; NULL: absent */
    char *hostname, *webui_url; /* owned; NULL: absent */
    struct name **roles;    /* owned array, in the order of the message; one entry without MULTI_ROLE */
    size_t role_count;
    uint32_t capabilities;  /* enum framework_capability */
    int64_t failover_timeout_ns; /* INT64_MAX when the double does not fit (values over 292 years) */
    bool checkpoint;
    struct role_offer_filter *offer_filters; /* owned array */
    size_t offer_filter_count;
    struct blob *raw;       /* packed FrameworkInfo; carries the id */
};

struct framework_info *framework_info_new(void); /* zeroed, one reference; filled by the converter before sharing */
static inline struct framework_info *framework_info_ref(struct framework_info *f)
{
    if (f != NULL)
        f->refs++;
    return f;
}
void framework_info_unref(struct framework_info *f); /* NULL and half-built are fine */

bool framework_info_has_role(const struct framework_info *f, struct str role);
/* NULL: no override for this role. */
const struct role_offer_filter *framework_info_offer_filter(const struct framework_info *f, const struct name *role);
static inline bool framework_info_can(const struct framework_info *f, enum framework_capability c)
{
    return (f->capabilities & (uint32_t)c) != 0;
}

/* The effective duration of a filter: refuse_seconds to ns by the rules of the allocator reference, section 17 (default 5 s,
 * negative or not a number too, at most 365 days). The allocator raises it to its interval. 0: no filter. */
int64_t filter_refuse_ns(bool has_refuse_seconds, double refuse_seconds);

#endif
