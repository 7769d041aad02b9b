/* SPDX-License-Identifier: Apache-2.0 */
/* namespaces/pid: the supervisor is pid 1 of its own namespace (with a /proc of its own), so its end kills everything in
 * it. namespaces/ipc: System V and POSIX shared memory apart, the latter with a /dev/shm of its own that goes with the container. Both are options of the launcher's clone. */
#include "agent/isolation/isolator.h"

#include <stdio.h>
#include <sys/mount.h>

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
    if (spec->class == CONTAINER_CLASS_DEBUG)
        return 0;
    /* Unset: a top-level container is apart from the agent, a nested one with its parent. */
    if (spec->ipc == CONTAINER_IPC_SHARE_PARENT || (spec->ipc == CONTAINER_IPC_UNSET && c->parent != NULL)) {
        if (c->parent == NULL && c->iso->o.disallow_sharing_agent_ipc_namespace)
            return error_set(err, ERR_INVALID, "Sharing agent ipc namespace with top-level container is not allowed");
        if (spec->shm_bytes > 0)
            return error_set(err, ERR_INVALID, "The size of /dev/shm can be given for a container with an own ipc namespace only");
        return 0;
    }
    int64_t size = spec->shm_bytes > 0 ? spec->shm_bytes : c->iso->o.default_container_shm_bytes;
    char data[64] = "mode=1777";
    if (size > 0)
        (void)snprintf(data, sizeof data, "mode=1777,size=%lld", (long long)size);
    l->flags |= LAUNCH_NEW_IPC_NS | LAUNCH_NEW_MNT_NS;
    launch_mount(l, &(struct launch_mount_spec){ .source = "tmpfs", .target = "/dev/shm", .type = "tmpfs", .data = data,
                                                 .flags = MS_NOSUID | MS_NODEV });
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
