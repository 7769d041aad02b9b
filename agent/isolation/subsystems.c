/* SPDX-License-Identifier: Apache-2.0 */
/* Controllers that a container only needs to have a group in: blkio, hugetlb, perf_event; and cpuset, whose new groups
 * are empty on v1 and refuse processes until they have CPUs and memory nodes (EIO on attach otherwise). */
#include "agent/isolation/isolator.h"
#include "common/base/cleanup.h"

static int need(struct isolation *iso, enum cg_controller c, struct error *err)
{
    if (iso->cg.mount[c][0] == 0)
        return error_set(err, ERR_UNAVAILABLE, "isolation cgroups/%s: this machine has no such cgroup controller under %s; "
                                               "leave it out of --isolation", cg_name(c), iso->o.cgroups_hierarchy);
    return 0;
}

static int blkio_init(struct isolation *iso, struct error *err)
{
    return need(iso, CG_BLKIO, err);
}

static int hugetlb_init(struct isolation *iso, struct error *err)
{
    return need(iso, CG_HUGETLB, err);
}

static int perf_event_init(struct isolation *iso, struct error *err)
{
    return need(iso, CG_PERF_EVENT, err);
}

static int cpuset_init(struct isolation *iso, struct error *err)
{
    return need(iso, CG_CPUSET, err);
}

static int copy_from(const struct isolation *iso, const char *from, const char *to, const char *file, struct error *err)
{
    struct cg_group a = { CG_BIT(CG_CPUSET), from }, b = { CG_BIT(CG_CPUSET), to };
    CLEANUP(sbuf_done_p) struct sbuf text = SBUF_INIT(8192);
    if (cg_read(&iso->cg, &a, CG_CPUSET, file, &text, err) != 0)
        return -(int)err->code;
    return cg_write(&iso->cg, &b, CG_CPUSET, file, text.p, err);
}

static int cpuset_isolate(struct container *c, struct error *err)
{
    if (c->iso->cg.v2)
        return 0; /* inherits */
    /* The root group made by us is empty as well. */
    if (copy_from(c->iso, ".", c->iso->cg.root, "cpuset.cpus", err) != 0 ||
        copy_from(c->iso, ".", c->iso->cg.root, "cpuset.mems", err) != 0 ||
        copy_from(c->iso, c->iso->cg.root, c->group.path, "cpuset.cpus", err) != 0)
        return -(int)err->code;
    return copy_from(c->iso, c->iso->cg.root, c->group.path, "cpuset.mems", err);
}

#define SUBSYSTEM(id_, name_, bit_, ...)                                                                         \
    const struct isolator_ops isolator_cgroups_##id_ = { .name = "cgroups/" name_, .controllers = CG_BIT(bit_),   \
                                                         .needs_cgroup = true, .needs_root = true,              \
                                                         .init = id_##_init, __VA_ARGS__ }

SUBSYSTEM(blkio, "blkio", CG_BLKIO);
SUBSYSTEM(hugetlb, "hugetlb", CG_HUGETLB);
SUBSYSTEM(perf_event, "perf_event", CG_PERF_EVENT);
SUBSYSTEM(cpuset, "cpuset", CG_CPUSET, .isolate = cpuset_isolate);
