/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of schedulers and executors, and what a framework says of itself. The phrases are those that clients know. */
#include <math.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/sbuf.h"
#include "common/base/time.h"
#include "common/model/framework.h"
#include "common/model/ids.h"
#include "common/model/role.h"
#include "common/wire/validate.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { ROLES_TEXT_MAX = 4096 };

extern char mesos__v1__framework_info__role__default_value[];

static int missing(struct error *err, const char *field)
{
    return error_set(err, ERR_INVALID, "Expecting '%s' to be present", field);
}

/* 16 bytes of version 1 to 5; the variant is not looked at. */
static int uuid_check(ProtobufCBinaryData b, struct error *err)
{
    if (b.len != 16 || b.data[6] >> 4 < 1 || b.data[6] >> 4 > 5)
        return error_set(err, ERR_INVALID, "Not a valid UUID");
    return 0;
}

static const char *id_text(const Mesos__V1__FrameworkID *id) /* absent and empty are the same */
{
    return id != NULL ? id->value : "";
}

static int same_id(const Mesos__V1__Scheduler__Call *c, const Mesos__V1__FrameworkInfo *f, const char *field,
                   struct error *err)
{
    if (strcmp(id_text(c->framework_id), id_text(f->id)) != 0)
        return error_set(err, ERR_INVALID, "'framework_id' differs from '%s.framework_info.id'", field);
    return 0;
}

int validate_scheduler_call(const Mesos__V1__Scheduler__Call *c, struct error *err)
{
    int rc;

    if (!c->has_type)
        return missing(err, "type");
    if (c->type == MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE)
        return c->subscribe == NULL ? missing(err, "subscribe")
                                    : same_id(c, c->subscribe->framework_info, "subscribe", err);
    if (c->framework_id == NULL)
        return missing(err, "framework_id");

    switch (c->type) {
    case MESOS__V1__SCHEDULER__CALL__TYPE__UNKNOWN:
    case MESOS__V1__SCHEDULER__CALL__TYPE__SUBSCRIBE:
    case MESOS__V1__SCHEDULER__CALL__TYPE__TEARDOWN:
    case MESOS__V1__SCHEDULER__CALL__TYPE__REVIVE:
    case MESOS__V1__SCHEDULER__CALL__TYPE__SUPPRESS:
        return 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT:
        return c->accept == NULL ? missing(err, "accept") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE:
        return c->decline == NULL ? missing(err, "decline") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACCEPT_INVERSE_OFFERS:
        return c->accept_inverse_offers == NULL ? missing(err, "accept_inverse_offers") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__DECLINE_INVERSE_OFFERS:
        return c->decline_inverse_offers == NULL ? missing(err, "decline_inverse_offers") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__KILL:
        return c->kill == NULL ? missing(err, "kill") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__SHUTDOWN:
        return c->shutdown == NULL ? missing(err, "shutdown") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE:
        return c->acknowledge == NULL ? missing(err, "acknowledge") : uuid_check(c->acknowledge->uuid, err);
    case MESOS__V1__SCHEDULER__CALL__TYPE__ACKNOWLEDGE_OPERATION_STATUS:
        if (c->acknowledge_operation_status == NULL)
            return missing(err, "acknowledge_operation_status");
        rc = uuid_check(c->acknowledge_operation_status->uuid, err);
        if (rc == 0 && c->acknowledge_operation_status->agent_id == NULL)
            rc = missing(err, "agent_id");
        return rc;
    case MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE:
        return c->reconcile == NULL ? missing(err, "reconcile") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__RECONCILE_OPERATIONS:
        return c->reconcile_operations == NULL ? missing(err, "reconcile_operations") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__MESSAGE:
        return c->message == NULL ? missing(err, "message") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__REQUEST:
        return c->request == NULL ? missing(err, "request") : 0;
    case MESOS__V1__SCHEDULER__CALL__TYPE__UPDATE_FRAMEWORK:
        return c->update_framework == NULL ? missing(err, "update_framework")
                                           : same_id(c, c->update_framework->framework_info, "update_framework", err);
    case _MESOS__V1__SCHEDULER__CALL__TYPE_IS_INT_SIZE:
        break;
    }
    return 0;
}

static int check_status_check(const Mesos__V1__CheckStatusInfo *s, struct error *err)
{
    if (!s->has_type)
        return error_set(err, ERR_INVALID, "Check status: expecting 'type' to be present");
    if ((s->type == MESOS__V1__CHECK_INFO__TYPE__COMMAND && s->command == NULL) ||
        (s->type == MESOS__V1__CHECK_INFO__TYPE__HTTP && s->http == NULL) ||
        (s->type == MESOS__V1__CHECK_INFO__TYPE__TCP && s->tcp == NULL))
        return error_set(err, ERR_INVALID, "Check status: the message of its type must be set");
    return 0;
}

static int executor_update_check(const Mesos__V1__Executor__Call *c, struct error *err)
{
    const Mesos__V1__TaskStatus *s = c->update->status;

    if (!s->has_uuid)
        return missing(err, "uuid");
    int rc = uuid_check(s->uuid, err);
    if (rc != 0)
        return rc;
    if (s->executor_id != NULL && strcmp(s->executor_id->value, c->executor_id->value) != 0)
        return error_set(err, ERR_INVALID, "ExecutorID in Call: %s does not match ExecutorID in TaskStatus: %s",
                         c->executor_id->value, s->executor_id->value);
    if (!s->has_source || s->source != MESOS__V1__TASK_STATUS__SOURCE__SOURCE_EXECUTOR)
        return error_set(err, ERR_INVALID,
                         "Received Call from executor %s of framework %s with invalid source, expecting 'SOURCE_EXECUTOR'",
                         c->executor_id->value, c->framework_id->value);
    if (s->state == MESOS__V1__TASK_STATE__TASK_STAGING)
        return error_set(err, ERR_INVALID, "Received TASK_STAGING from executor %s of framework %s which is not allowed",
                         c->executor_id->value, c->framework_id->value);
    return s->check_status != NULL ? check_status_check(s->check_status, err) : 0;
}

int validate_executor_call(const Mesos__V1__Executor__Call *c, struct error *err)
{
    if (!c->has_type)
        return missing(err, "type");
    switch (c->type) {
    case MESOS__V1__EXECUTOR__CALL__TYPE__UNKNOWN:
    case MESOS__V1__EXECUTOR__CALL__TYPE__HEARTBEAT:
        return 0;
    case MESOS__V1__EXECUTOR__CALL__TYPE__SUBSCRIBE:
        return c->subscribe == NULL ? missing(err, "subscribe") : 0;
    case MESOS__V1__EXECUTOR__CALL__TYPE__UPDATE:
        return c->update == NULL ? missing(err, "update") : executor_update_check(c, err);
    case MESOS__V1__EXECUTOR__CALL__TYPE__MESSAGE:
        return c->message == NULL ? missing(err, "message") : 0;
    case _MESOS__V1__EXECUTOR__CALL__TYPE_IS_INT_SIZE:
        break;
    }
    return 0;
}

/* --- FrameworkInfo --- */

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "{ a, b }" of the texts that occur more than once. */
static int duplicates_check(char *const *roles, size_t n, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ROLES_TEXT_MAX);
    CLEANUP(free_p) char **sorted = xmemdup(roles, n * sizeof(char *));
    unsigned count = 0;

    if (n > 1)
        qsort(sorted, n, sizeof(char *), text_cmp);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(sorted[i], sorted[i - 1]) != 0 || (i > 1 && strcmp(sorted[i], sorted[i - 2]) == 0))
            continue;
        sbuf_c(&b, count++ == 0 ? "" : ", ");
        sbuf_c(&b, sorted[i]);
    }
    if (count == 0)
        return 0;
    return error_set(err, ERR_INVALID, "'FrameworkInfo.roles' contains duplicate items: { %.*s }", STR_ARG(sbuf_view(&b)));
}

static bool is_multi_role(const Mesos__V1__FrameworkInfo *f)
{
    for (size_t i = 0; i < f->n_capabilities; i++)
        if (f->capabilities[i]->has_type &&
            f->capabilities[i]->type == MESOS__V1__FRAMEWORK_INFO__CAPABILITY__TYPE__MULTI_ROLE)
            return true;
    return false;
}

static int roles_check(const Mesos__V1__FrameworkInfo *f, struct error *err)
{
    bool has_role = f->role != NULL && f->role != mesos__v1__framework_info__role__default_value;

    if (!is_multi_role(f)) {
        if (f->n_roles > 0)
            return error_set(err, ERR_INVALID,
                             "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable");
        if (has_role && role_check(str_of(f->role), err) != 0)
            return error_wrap(err, "'FrameworkInfo.role' is not a valid role");
        return 0;
    }
    if (has_role)
        return error_set(err, ERR_INVALID,
                         "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable");
    if (f->n_roles > FRAMEWORK_ROLES_MAX)
        return error_set(err, ERR_LIMIT, "'FrameworkInfo.roles' has %zu items; up to %d are taken", f->n_roles,
                         (int)FRAMEWORK_ROLES_MAX);
    int rc = duplicates_check(f->roles, f->n_roles, err);
    for (size_t i = 0; i < f->n_roles && rc == 0; i++) {
        rc = role_check(str_of(f->roles[i]), err);
        if (rc != 0)
            return error_wrap(err, "'FrameworkInfo.roles' contains invalid role");
    }
    return rc;
}

static int quantities_check(const char *role, const Mesos__V1__OfferFilters__ResourceQuantities *q, struct error *err)
{
    if (q->n_quantities == 0)
        return error_set(err, ERR_INVALID, "Invalid offer filter of role '%s': empty resource quantities", role);
    for (size_t i = 0; i < q->n_quantities; i++) {
        double v = q->quantities[i]->value != NULL ? q->quantities[i]->value->value : NAN;
        if (!isfinite(v) || v < 0 || fpclassify(v) == FP_SUBNORMAL)
            return error_set(err, ERR_INVALID,
                             "Invalid offer filter of role '%s': quantity of '%s' is %g, it must be finite and 0 or more", role,
                             q->quantities[i]->key, v);
    }
    return 0;
}

static int offer_filters_check(const Mesos__V1__FrameworkInfo *f, struct error *err)
{
    for (size_t i = 0; i < f->n_offer_filters; i++) {
        const char *role = f->offer_filters[i]->key;
        const Mesos__V1__OfferFilters *x = f->offer_filters[i]->value;
        int rc = role_check(str_of(role), err);

        if (rc != 0)
            return error_wrap(err, "'FrameworkInfo.offer_filters' contains invalid role");
        if (x == NULL || x->min_allocatable_resources == NULL)
            continue;
        for (size_t j = 0; j < x->min_allocatable_resources->n_quantities; j++) {
            rc = quantities_check(role, x->min_allocatable_resources->quantities[j], err);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

int validate_framework_info(const Mesos__V1__FrameworkInfo *f, struct error *err)
{
    int64_t ns;
    int rc = roles_check(f, err);

    if (rc == 0 && f->id != NULL && f->id->value[0] != '\0')
        rc = id_check(str_of(f->id->value), err);
    if (rc == 0)
        rc = offer_filters_check(f, err);
    if (rc == 0 && f->has_failover_timeout && (f->failover_timeout < 0 || !seconds_to_ns(f->failover_timeout, &ns)))
        rc = error_set(err, ERR_INVALID, "The framework failover_timeout (%g) is invalid", f->failover_timeout);
    return rc;
}

static bool framework_has_role(const Mesos__V1__FrameworkInfo *f, const char *role)
{
    if (!is_multi_role(f))
        return strcmp(f->role != NULL ? f->role : "*", role) == 0;
    for (size_t i = 0; i < f->n_roles; i++)
        if (strcmp(f->roles[i], role) == 0)
            return true;
    return false;
}

int validate_suppressed_roles(char *const *roles, size_t n, const Mesos__V1__FrameworkInfo *f, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(ROLES_TEXT_MAX);
    unsigned count = 0;

    for (size_t i = 0; i < n; i++) {
        if (framework_has_role(f, roles[i]))
            continue;
        sbuf_c(&b, count++ == 0 ? "" : ", ");
        sbuf_c(&b, roles[i]);
    }
    if (count == 0)
        return 0;
    return error_set(err, ERR_INVALID, "Suppressed roles { %.*s } are not contained in the set of roles",
                     STR_ARG(sbuf_view(&b)));
}

int validate_offer_constraint_roles(const Mesos__V1__Scheduler__OfferConstraints *c, const Mesos__V1__FrameworkInfo *f,
                                    struct error *err)
{
    for (size_t i = 0; i < c->n_role_constraints; i++)
        if (!framework_has_role(f, c->role_constraints[i]->key))
            return error_set(err, ERR_INVALID,
                             "Offer constraints specify `role_constraints` for a role '%s'not contained in the set of roles",
                             c->role_constraints[i]->key);
    return 0;
}
