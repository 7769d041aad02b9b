/* SPDX-License-Identifier: Apache-2.0 */
/* Semantic checks of persistent volumes, and of changes to what has them. The texts are Marathon's, as in validate.c. */
#include "marathon/core/normalise.h"

void app_validate_persistent(const struct persistent_info *p, const struct place *at, struct issues *is)
{
    struct place ps = PLACE_FIELD(at, "size"), pm = PLACE_FIELD(at, "maxSize"),
                 pf = PLACE_FIELD(at, "profileName"), pc = PLACE_FIELD(at, "constraints");
    size_t i = 0;

    if (p->size.v == 0)
        issue_at(is, &ps, "got 0, expected more than 0");
    if (p->max_size.has && p->type.v != VOLUME_MOUNT)
        issue_at(is, &pm, "Only mount volumes can have maxSize");
    else if (p->max_size.has && p->max_size.v < p->size.v)
        issue_at(is, &pm, "Max size must be larger than size");
    if (p->profile.p != NULL)
        issue_at(is, &pf,
                 "disk profiles are not supported by this version: agents have no storage provider ('%.*s')",
                 STR_ARG(str_sub(p->profile, 0, 100)));
    if (p->constraints.n != 0 && p->type.v == VOLUME_ROOT)
        issue_at(is, &pc, "Constraints on root volumes are not supported");
    LIST_EACH(p->constraints, struct constraint, c)
    {
        struct place pi = PLACE_INDEX(at, "constraints", i++);
        constraint_validate(c, &pi, is);
        if (c->op.v != OP_LIKE && c->op.v != OP_UNLIKE)
            issue_at(is, &pi, "a volume's constraint has the operator LIKE or UNLIKE");
        if (!str_is(c->field, "path"))
            issue_at(is, &pi, "a volume's constraint is about the field path");
    }
}

static bool same_number(double x, double y)
{
    return !(x < y || x > y);
}

static bool same_volumes(const struct app *from, const struct app *to)
{
    size_t n = app_volume_count(from);

    if (n != app_volume_count(to))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!str_eq(app_volume(from, i)->container_path, app_volume(to, i)->container_path) ||
            !schema_equal(&schema_persistent, app_volume(from, i)->persistent, app_volume(to, i)->persistent))
            return false;
    return true;
}

static int64_t host_port(const struct app *a, size_t i)
{
    if (!app_is_host_mode(a)) {
        const struct port_mapping *m = LIST_AT(a->container->port_mappings, struct port_mapping, i);
        return m->host_port.has ? m->host_port.v : -1;
    }
    return a->require_ports.v ? app_service_port(a, i) : 0;
}

static bool same_host_ports(const struct app *from, const struct app *to)
{
    size_t n = app_port_count(from);

    if (n != app_port_count(to))
        return false;
    for (size_t i = 0; i < n; i++)
        if (host_port(from, i) != host_port(to, i))
            return false;
    return true;
}

static void check_resident_pod(const struct app *from, const struct app *to, const struct place *at,
                               struct issues *is)
{
    if (!same_volumes(from, to))
        issue_at(is, at, "persistent volumes cannot be updated");
    if (!same_number(from->cpus.v, to->cpus.v))
        issue_at(is, at, "cpus cannot be updated if a pod has persistent volumes");
    if (!same_number(from->mem.v, to->mem.v))
        issue_at(is, at, "mem cannot be updated if a pod has persistent volumes");
    if (!same_number(from->disk.v, to->disk.v))
        issue_at(is, at, "disk cannot be updated if a pod has persistent volumes");
    if (from->gpus.v != to->gpus.v)
        issue_at(is, at, "gpus cannot be updated if a pod has persistent volumes");
    if (!same_host_ports(from, to))
        issue_at(is, at, "host ports cannot be updated if a pod has persistent volumes");
}

void app_validate_resident_update(const struct app *from, const struct app *to, const struct place *at,
                                  struct issues *is)
{
    if (!app_is_resident(from))
        return;
    if (to->pod != NULL) {
        check_resident_pod(from, to, at, is);
        return;
    }
    if (!same_volumes(from, to))
        issue_at(is, at, "Persistent volumes can not be changed!");
    if (!same_number(from->cpus.v, to->cpus.v) || !same_number(from->mem.v, to->mem.v) ||
        !same_number(from->disk.v, to->disk.v) || from->gpus.v != to->gpus.v)
        issue_at(is, at,
                 "Services with persistent volumes configured may not change resource requirements. If you need "
                 "to make this change, please create a new service.");
    if (!same_host_ports(from, to))
        issue_at(is, at,
                 "Services with persistent volumes configured may not change host port requirements. If you need "
                 "to make this change, please create a new service.");
}
