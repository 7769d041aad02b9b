/* SPDX-License-Identifier: Apache-2.0 */
/* What --acls forbids, asked at the calls' own checks. Source: operator API, section 12. Objects that the original does not tell apart
 * (agents, machines) are absent here: rules with ANY and NONE decide on them. */
#include "common/model/acl.h"
#include "master/core/internal.h"

static bool may(const struct master *m, enum acl_action action, struct str principal, struct str object)
{
    return acls_allow(m->config.acls, action, principal, object);
}

static const struct str nothing = { NULL, 0 };

struct str subscribe_denied(struct master *m, const struct subscribe_request *q)
{
    const struct framework_info *i = q->info;
    CLEANUP(sbuf_done_p) struct sbuf roles = SBUF_INIT(1 << 20);
    struct str principal = q->principal.n != 0 ? q->principal : str_of(i->principal);
    bool allowed = true;

    for (size_t r = 0; r < i->role_count; r++)
        allowed = allowed && may(m, ACL_REGISTER_FRAMEWORKS, principal, name_str(i->roles[r]));
    if (allowed)
        return nothing;
    for (size_t r = 0; r < i->role_count; r++)
        sbuf_fmt(&roles, "%s%s", r != 0 ? ", " : "", i->roles[r]->text);
    return act_keep_fmt(m, "Not authorized to register framework %.*s with roles { %.*s }", STR_ARG(q->has_id ? i->id.s : STR("")),
                        STR_ARG(sbuf_view(&roles)));
}

struct str task_denied(struct master *m, const struct framework *f, const struct task_info *t, const struct executor_info *executor)
{
    if (m->config.acls == NULL)
        return nothing;
    struct str user = m->codec->task_user(t, executor);
    if (user.n == 0)
        user = str_of(f->info->user);
    if (may(m, ACL_RUN_TASKS, str_of(f->info->principal), user))
        return nothing;
    return act_keep_fmt(m, "Principal '%s' no authorized to launch task %.*s of framework %.*s under user '%.*s'", /* as recorded */
                        f->info->principal != NULL ? f->info->principal : "", STR_ARG(t->id.s), STR_ARG(f->id.s), STR_ARG(user));
}

static bool resource_allowed(const struct master *m, enum operation_type type, const struct resource *r, struct str principal)
{
    const struct reservation *top = resource_reservation(r);
    struct str role = name_str(resource_reservation_role(r));

    switch (type) {
    case OPERATION_RESERVE:
        return may(m, ACL_RESERVE_RESOURCES, principal, role);
    case OPERATION_UNRESERVE:
        return may(m, ACL_UNRESERVE_RESOURCES, principal, top != NULL ? name_str(top->principal) : nothing);
    case OPERATION_CREATE:
        return may(m, ACL_CREATE_VOLUMES, principal, role);
    case OPERATION_DESTROY:
        return may(m, ACL_DESTROY_VOLUMES, principal, r->disk != NULL ? name_str(r->disk->principal) : nothing);
    case OPERATION_GROW_VOLUME:
    case OPERATION_SHRINK_VOLUME:
        return may(m, ACL_RESIZE_VOLUMES, principal, role);
    case OPERATION_TYPE_UNKNOWN:
    case OPERATION_LAUNCH:
    case OPERATION_LAUNCH_GROUP:
    case OPERATION_CREATE_DISK: /* refused before */
    case OPERATION_DESTROY_DISK:
        break;
    }
    return true;
}

/* A RESERVE with a source gives levels of the old stack up and pushes those of the new one: each is asked for. */
static bool levels_allowed(const struct master *m, const struct conversion *c, struct str principal)
{
    uint32_t kept = conversion_kept_levels(c);
    const struct reservations *old = c->consumed.n != 0 ? c->consumed.v[0].reservations : NULL;
    const struct reservations *new = c->produced.n != 0 ? c->produced.v[0].reservations : NULL;

    for (uint32_t i = kept; old != NULL && i < old->n; i++)
        if (!may(m, ACL_UNRESERVE_RESOURCES, principal, name_str(old->v[i].principal)))
            return false;
    for (uint32_t i = kept; new != NULL && i < new->n; i++)
        if (!may(m, ACL_RESERVE_RESOURCES, principal, name_str(new->v[i].role)))
            return false;
    return true;
}

bool operation_allowed(const struct master *m, const struct operation *op, struct str principal)
{
    for (size_t i = 0; m->config.acls != NULL && i < op->resources.n; i++)
        if (!resource_allowed(m, op->type, &op->resources.v[i], principal))
            return false;
    return m->config.acls == NULL || op->type != OPERATION_RESERVE || levels_allowed(m, &op->conversion, principal);
}

static bool weights_allowed(const struct master *m, const struct operator_request *q)
{
    for (size_t i = 0; i < q->weight_count; i++)
        if (!may(m, ACL_UPDATE_WEIGHTS, q->principal, q->weights[i].role))
            return false;
    return true;
}

static bool quotas_allowed(const struct master *m, const struct operator_request *q)
{
    for (size_t i = 0; i < q->quota_count; i++)
        if (!may(m, ACL_UPDATE_QUOTAS, q->principal, q->quotas[i].role))
            return false;
    return true;
}

bool operator_allowed(const struct master *m, const struct operator_request *q)
{
    const struct framework *f;

    switch (q->type) {
    case OPERATOR_TEARDOWN:
        f = framework_find(m, q->framework.s);
        return f == NULL || may(m, ACL_TEARDOWN_FRAMEWORKS, q->principal, str_of(f->info->principal)); /* unknown: 400 */
    case OPERATOR_MARK_GONE:
        return may(m, ACL_MARK_AGENTS_GONE, q->principal, nothing);
    case OPERATOR_DRAIN:
        return may(m, ACL_DRAIN_AGENTS, q->principal, nothing) &&
               (!q->mark_gone || may(m, ACL_MARK_AGENTS_GONE, q->principal, nothing));
    case OPERATOR_DEACTIVATE:
        return may(m, ACL_DEACTIVATE_AGENTS, q->principal, nothing);
    case OPERATOR_REACTIVATE:
        return may(m, ACL_REACTIVATE_AGENTS, q->principal, nothing);
    case OPERATOR_OPERATION:
        return true; /* after its other checks */
    case OPERATOR_UPDATE_WEIGHTS:
        return weights_allowed(m, q);
    case OPERATOR_UPDATE_QUOTA:
    case OPERATOR_SET_QUOTA:
        return quotas_allowed(m, q);
    case OPERATOR_REMOVE_QUOTA:
        return may(m, ACL_UPDATE_QUOTAS, q->principal, q->role);
    case OPERATOR_UPDATE_SCHEDULE:
        return may(m, ACL_UPDATE_MAINTENANCE_SCHEDULES, q->principal, nothing);
    case OPERATOR_START_MAINTENANCE:
        return may(m, ACL_START_MAINTENANCES, q->principal, nothing);
    case OPERATOR_STOP_MAINTENANCE:
        return may(m, ACL_STOP_MAINTENANCES, q->principal, nothing);
    }
    return false;
}

bool agent_allowed(const struct master *m)
{
    return may(m, ACL_REGISTER_AGENTS, nothing, nothing); /* agents do not authenticate */
}
