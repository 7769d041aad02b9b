/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/pids: counts processes and threads; limits them when the container or --cgroups_pids_max asks for it. The
 * supervisor is one of them. */
#include "agent/isolation/isolator.h"

static int pids_init(struct isolation *iso, struct error *err)
{
    if (iso->cg.mount[CG_PIDS][0] == 0)
        return error_set(err, ERR_UNAVAILABLE, "isolation cgroups/pids: this machine has no pids cgroup controller under %s; "
                                               "leave it out of --isolation", iso->o.cgroups_hierarchy);
    return 0;
}

static int64_t pids_max(const struct isolation *iso, const struct container_resources *r)
{
    if (r->pids_max != CONTAINER_NONE && r->pids_max > 0)
        return r->pids_max;
    return iso->o.pids_default_max > 0 ? iso->o.pids_default_max : CONTAINER_NONE;
}

static int pids_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    (void)err;
    int64_t max = pids_max(c->iso, &spec->resources);
    if (max != CONTAINER_NONE && max != CONTAINER_INFINITY)
        cg_value_set(&l->values, CG_PIDS, "pids.max", max);
    return 0;
}

static int pids_update(struct container *c, const struct container_resources *r, struct error *err)
{
    int64_t max = pids_max(c->iso, r);
    if (max == CONTAINER_NONE)
        return 0;
    if (max == CONTAINER_INFINITY)
        return cg_write(&c->iso->cg, &c->group, CG_PIDS, "pids.max", "max", err);
    return cg_write_i64(&c->iso->cg, &c->group, CG_PIDS, "pids.max", max, err);
}

const struct isolator_ops isolator_cgroups_pids = {
    .name = "cgroups/pids",
    .controllers = CG_BIT(CG_PIDS),
    .needs_cgroup = true,
    .needs_root = true,
    .init = pids_init,
    .prepare = pids_prepare,
    .update = pids_update,
};
