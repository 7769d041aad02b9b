/* SPDX-License-Identifier: Apache-2.0 */
/* linux/capabilities: what the command may do beyond its user id; linux/nnp: no_new_privs. Order of precedence of the sets:
 * the container's, else the agent's flags; bounding defaults to effective. Source: §19. */
#include "agent/isolation/isolator.h"

static const uint64_t *first(const uint64_t *a, const uint64_t *b)
{
    return a != NULL ? a : b;
}

static int caps_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    const uint64_t *effective = first(spec->effective_caps, c->iso->o.effective_caps);
    const uint64_t *bounding = first(spec->bounding_caps, c->iso->o.bounding_caps);
    if (effective == NULL && bounding == NULL)
        return 0;
    struct launch_caps rec = { .effective = effective != NULL ? *effective : *bounding,
                               .bounding = bounding != NULL ? *bounding : *effective };
    if ((rec.effective & ~rec.bounding) != 0)
        return error_set(err, ERR_INVALID, "effective capabilities %#llx are not within the bounding set %#llx",
                         (unsigned long long)rec.effective, (unsigned long long)rec.bounding);
    launch_raw(l, LAUNCH_CAPS, &rec, sizeof rec);
    return 0;
}

static int nnp_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    (void)c;
    (void)spec;
    (void)err;
    l->flags |= LAUNCH_NO_NEW_PRIVS;
    return 0;
}

const struct isolator_ops isolator_linux_capabilities = {
    .name = "linux/capabilities",
    .needs_root = true,
    .prepare = caps_prepare,
};
const struct isolator_ops isolator_linux_nnp = { .name = "linux/nnp", .prepare = nnp_prepare };
