/* SPDX-License-Identifier: Apache-2.0 */
/* namespaces/pid: the supervisor is pid 1 of its own namespace (with a /proc of its own), so its end kills everything in
 * it. namespaces/ipc: System V and POSIX shared memory apart. Both are options of the launcher's clone. */
#include "agent/isolation/isolator.h"

static int pid_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    if (spec->class == CONTAINER_CLASS_DEBUG)
        return 0; /* enters its parent's, see containerizer.c */
    if (spec->share_pid_namespace) {
        if (c->parent == NULL && c->iso->o.disallow_sharing_agent_pid_namespace)
            return error_set(err, ERR_INVALID, "Sharing agent pid namespace with top-level container is not allowed");
        return 0;
    }
    l->flags |= LAUNCH_NEW_PID_NS | LAUNCH_NEW_MNT_NS | LAUNCH_MOUNT_PROC;
    return 0;
}

static int ipc_prepare(struct container *c, const struct container_spec *spec, struct launch *l, struct error *err)
{
    (void)err;
    if (spec->class == CONTAINER_CLASS_DEBUG)
        return 0;
    /* Unset keeps what was before this isolator existed: a top-level container shares with the agent. */
    bool own = spec->ipc == CONTAINER_IPC_PRIVATE;
    if (own)
        l->flags |= LAUNCH_NEW_IPC_NS | LAUNCH_NEW_MNT_NS;
    if (own)
        launch_mount(l, "tmpfs", "/dev/shm", "tmpfs", 6 /* MS_NOSUID | MS_NODEV */, "mode=1777", 0);
    (void)c;
    return 0;
}

const struct isolator_ops isolator_namespaces_pid = {
    .name = "namespaces/pid",
    .needs_root = true,
    .prepare = pid_prepare,
};
const struct isolator_ops isolator_namespaces_ipc = {
    .name = "namespaces/ipc",
    .needs_root = true,
    .prepare = ipc_prepare,
};
