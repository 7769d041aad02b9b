/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/devices on v1: everything is denied, then the usual devices are allowed again. v2 has no such files (it wants
 * a BPF program, not built), which is said at start. */
#include "agent/isolation/isolator.h"

/* mknod of anything, and use of console, ttys, ptys, null, zero, full, tty, urandom, random, tun. Source: §19. */
static const char *const allowed[] = {
    "c *:* m",     "b *:* m",     "c 5:1 rwm",   "c 4:0 rwm", "c 4:1 rwm", "c 136:* rwm", "c 5:2 rwm",
    "c 10:200 rwm", "c 1:3 rwm",  "c 1:5 rwm",   "c 1:7 rwm", "c 5:0 rwm", "c 1:9 rwm",   "c 1:8 rwm",
};

static int devices_init(struct isolation *iso, struct error *err)
{
    if (iso->cg.mount[CG_DEVICES][0] == 0)
        return error_set(err, ERR_UNAVAILABLE, "isolation cgroups/devices: %s; leave it out of --isolation",
                         iso->cg.v2 ? "cgroup v2 needs a BPF program for this, which is not built yet"
                                    : "this machine has no devices cgroup controller");
    return 0;
}

static int devices_isolate(struct container *c, struct error *err)
{
    if (cg_write(&c->iso->cg, &c->group, CG_DEVICES, "devices.deny", "a", err) != 0)
        return -(int)err->code;
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        if (cg_write(&c->iso->cg, &c->group, CG_DEVICES, "devices.allow", allowed[i], err) != 0)
            return -(int)err->code;
    }
    return 0;
}

const struct isolator_ops isolator_cgroups_devices = {
    .name = "cgroups/devices",
    .controllers = CG_BIT(CG_DEVICES),
    .needs_cgroup = true,
    .needs_root = true,
    .init = devices_init,
    .isolate = devices_isolate,
};
