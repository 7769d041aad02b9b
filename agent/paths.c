/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/paths.h"

#include <stdio.h>

#include "common/model/role.h"

struct path path_fmt(const char *fmt, ...)
{
    struct path path;
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(path.p, sizeof path.p, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof path.p)
        path.p[0] = 0;
    return path;
}

struct path path_agent(const char *root, const char *agent_id)
{
    return path_fmt("%s/slaves/%s", root, agent_id);
}

struct path path_framework(const char *root, const char *agent_id, const char *framework_id)
{
    return path_fmt("%s/slaves/%s/frameworks/%s", root, agent_id, framework_id);
}

struct path path_executor(const char *root, const char *agent_id, const struct agent_executor *e)
{
    return path_fmt("%s/slaves/%s/frameworks/%s/executors/%s", root, agent_id, e->framework->id, e->id);
}

struct path path_run(const char *root, const char *agent_id, const struct agent_executor *e)
{
    return path_fmt("%s/slaves/%s/frameworks/%s/executors/%s/runs/%s", root, agent_id, e->framework->id, e->id,
                    e->container_id);
}

struct path path_volume(const char *work_dir, const struct resource *r)
{
    char role[ROLE_SIZE_MAX + 1];
    const char *root = resource_is_disk(r, DISK_PATH) && r->disk->path_root != NULL ? r->disk->path_root->text : NULL;

    if (resource_is_disk(r, DISK_MOUNT))
        return path_fmt("%s", r->disk->mount_root != NULL ? r->disk->mount_root->text : "");
    (void)snprintf(role, sizeof role, "%s", resource_reservation_role(r)->text); /* roles are shorter */
    for (char *p = role; *p != 0; p++)
        if (*p == '/')
            *p = ' ';
    if (root == NULL)
        return path_fmt("%s/volumes/roles/%s/%s", work_dir, role, r->disk->persistence->text);
    return path_fmt("%s%s%s/volumes/roles/%s/%s", root[0] == '/' ? "" : work_dir, root[0] == '/' ? "" : "/", root, role,
                    r->disk->persistence->text);
}
