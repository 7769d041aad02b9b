/* SPDX-License-Identifier: Apache-2.0 */
/* Rules on operations. One function per kind looks at one resource; the walk over the collection is shared. */
#include "common/model/operation.h"

#include "common/base/cleanup.h"
#include "common/model/agent.h"
#include "common/model/role.h"

enum { PRINT_MAX = 4096 };

static int refuse(const struct resource *r, struct error *err, const char *what)
{
    CLEANUP(sbuf_done_p) struct sbuf b = SBUF_INIT(PRINT_MAX);

    resource_print(&b, r);
    return error_set(err, ERR_INVALID, "%s: %.*s", what, STR_ARG(sbuf_view(&b)));
}

/* --- by the resources alone --- */

static int reserve_check(const struct resource *r, struct error *err)
{
    if (!resource_is_dynamically_reserved(r))
        return refuse(r, err, "Resource is not dynamically reserved");
    if (r->revocable)
        return refuse(r, err, "Revocable resources cannot be reserved");
    if (r->role != NULL && r->role != resource_reservation_role(r))
        return error_set(err, ERR_INVALID, "A reserve operation was attempted for a resource allocated to role '%s', but the "
                                           "resource is reserved for role '%s'",
                         r->role->text, resource_reservation_role(r)->text);
    return 0;
}

static int unreserve_check(const struct resource *r, struct error *err)
{
    if (!resource_is_dynamically_reserved(r))
        return refuse(r, err, "Resource is not dynamically reserved");
    if (resource_is_persistent_volume(r))
        return refuse(r, err, "A dynamically reserved persistent volume cannot be unreserved directly; destroy it first");
    return 0;
}

static int volume_check(const struct resource *r, struct error *err)
{
    if (!resource_is_persistent_volume(r))
        return refuse(r, err, "Not a persistent volume");
    if (r->reservations == NULL)
        return refuse(r, err, "Persistent volumes cannot be created from unreserved resources");
    if (!r->disk->has_volume)
        return refuse(r, err, "Expecting 'volume' to be set for persistent volume");
    if (r->disk->host_path != NULL)
        return refuse(r, err, "Expecting 'host_path' to be unset for persistent volume");
    if (r->revocable)
        return refuse(r, err, "Persistent volumes cannot be created from revocable resources");
    if (id_check(name_str(r->disk->persistence), err) != 0)
        return error_wrap(err, "Persistence ID");
    return 0;
}

static int create_check(const struct resource *r, struct error *err)
{
    int rc = volume_check(r, err);

    if (rc == 0 && r->disk->mode != VOLUME_RW)
        return refuse(r, err, "Persistent volumes must be created with mode RW");
    return rc;
}

static int resize_check(const struct resource *r, bool shrinks, struct error *err)
{
    if (r->type != VALUE_SCALAR || r->milli <= 0)
        return refuse(r, err, "The size must be more than 0");
    if (r->provider != NULL)
        return refuse(r, err, "Volumes of resource providers cannot be resized");
    if (r->shared)
        return refuse(r, err, "Shared volumes cannot be resized");
    if (shrinks && (resource_is_disk(r, DISK_MOUNT) || resource_is_disk(r, DISK_BLOCK)))
        return refuse(r, err, "A volume on a MOUNT disk cannot be shrunk");
    return 0;
}

static int create_disk_check(const struct resource *r, struct error *err)
{
    if (!resource_is_disk(r, DISK_RAW))
        return refuse(r, err, "'source' is not a RAW disk resource");
    return r->provider == NULL ? refuse(r, err, "'source' is not managed by a resource provider") : 0;
}

static int destroy_disk_check(const struct resource *r, struct error *err)
{
    if (resource_is_persistent_volume(r))
        return refuse(r, err, "'source' is a persistent volume; destroy it first");
    if (!resource_is_disk(r, DISK_MOUNT) && !resource_is_disk(r, DISK_BLOCK) &&
        !(resource_is_disk(r, DISK_RAW) && r->disk->id != NULL))
        return refuse(r, err, "'source' is neither a MOUNT, a BLOCK nor a RAW disk resource with id");
    return r->provider == NULL ? refuse(r, err, "'source' is not managed by a resource provider") : 0;
}

static int one_check(enum operation_type type, const struct resource *r, struct error *err)
{
    switch (type) {
    case OPERATION_TYPE_UNKNOWN:
    case OPERATION_LAUNCH:
    case OPERATION_LAUNCH_GROUP:
        return 0;
    case OPERATION_RESERVE:
        return reserve_check(r, err);
    case OPERATION_UNRESERVE:
        return unreserve_check(r, err);
    case OPERATION_CREATE:
        return create_check(r, err);
    case OPERATION_DESTROY:
        return volume_check(r, err);
    case OPERATION_GROW_VOLUME:
        return resize_check(r, false, err);
    case OPERATION_SHRINK_VOLUME:
        return resize_check(r, true, err);
    case OPERATION_CREATE_DISK:
        return create_disk_check(r, err);
    case OPERATION_DESTROY_DISK:
        return destroy_disk_check(r, err);
    }
    return 0;
}

static int unique_volumes_check(const struct resources *r, struct error *err)
{
    for (uint32_t i = 0; i < r->n; i++)
        for (uint32_t j = 0; j < i; j++)
            if (r->v[i].disk->persistence == r->v[j].disk->persistence &&
                resource_reservation_role(&r->v[i]) == resource_reservation_role(&r->v[j]))
                return error_set(err, ERR_INVALID, "Persistence ID '%s' is not unique", r->v[i].disk->persistence->text);
    return 0;
}

int operation_check_resources(enum operation_type type, const struct resources *r, struct error *err)
{
    if (r->n == 0)
        return error_set(err, ERR_INVALID, "The operation names no resources");
    for (uint32_t i = 0; i < r->n; i++) {
        int rc = resource_gpus_check(&r->v[i], err);

        if (rc == 0)
            rc = one_check(type, &r->v[i], err);
        if (rc != 0)
            return rc;
        if (r->v[i].provider != r->v[0].provider)
            return error_set(err, ERR_INVALID, "The resources have multiple resource providers");
    }
    return type == OPERATION_CREATE ? unique_volumes_check(r, err) : 0;
}

/* --- by framework and agent --- */

/* Whose name is on a reservation or a volume must be who asks. */
static int principal_check(const struct name *given, struct str principal, const char *what, const char *field, struct error *err)
{
    if (principal.n == 0 || (given != NULL && str_eq(name_str(given), principal)))
        return 0;
    return error_set(err, ERR_INVALID, "A %s operation was attempted by principal '%.*s', which does not match the principal '%s' set in the %s",
                     what, STR_ARG(principal), given != NULL ? given->text : "", field);
}

static int reserve_by(const struct resource *r, const struct framework_info *f, struct str principal, uint32_t agent_caps,
                      struct error *err)
{
    const struct reservation *top = resource_reservation(r);
    int rc = principal_check(top->principal, principal, "reserve", "reservation", err);

    if (rc != 0)
        return rc;
    if (f != NULL && !framework_info_has_role(f, name_str(top->role)))
        return error_set(err, ERR_INVALID, "A reserve operation was attempted for role '%s', which the framework does not have",
                         top->role->text);
    if (role_is_hierarchical(name_str(top->role)) && (agent_caps & AGENT_CAP_HIERARCHICAL_ROLE) == 0)
        return error_set(err, ERR_INVALID, "The agent is not HIERARCHICAL_ROLE capable, the reservation is for role '%s'",
                         top->role->text);
    if (resource_has_refined_reservations(r) && (agent_caps & AGENT_CAP_RESERVATION_REFINEMENT) == 0)
        return refuse(r, err, "The agent is not RESERVATION_REFINEMENT capable");
    return 0;
}

static int create_by(const struct resource *r, const struct framework_info *f, struct str principal, struct error *err)
{
    if (r->shared && f != NULL && !framework_info_can(f, FRAMEWORK_CAP_SHARED_RESOURCES))
        return refuse(r, err, "The framework lacks the SHARED_RESOURCES capability");
    return principal_check(r->disk->principal, principal, "create volume", "volume", err);
}

int operation_check(const struct operation *op, const struct framework_info *framework, struct str principal,
                    uint32_t agent_capabilities, struct error *err)
{
    struct str who = framework != NULL ? str_of(framework->principal) : principal;

    if (op->invalid != NULL) /* what follows relies on the rules that were broken */
        return error_set(err, ERR_INVALID, "%s", op->invalid);
    if ((op->type == OPERATION_GROW_VOLUME || op->type == OPERATION_SHRINK_VOLUME) &&
        (agent_capabilities & AGENT_CAP_RESIZE_VOLUME) == 0)
        return error_set(err, ERR_INVALID, "Volume %s is not supported: the agent is not RESIZE_VOLUME capable",
                         operation_type_name(op->type));
    for (uint32_t i = 0; i < op->resources.n; i++) {
        const struct resource *r = &op->resources.v[i];
        int rc = op->type == OPERATION_RESERVE  ? reserve_by(r, framework, who, agent_capabilities, err)
                 : op->type == OPERATION_CREATE ? create_by(r, framework, who, err)
                                                : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}
