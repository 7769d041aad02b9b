/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wire/views.h"

#include "common/wire/guard.h"

enum { EXECUTOR_COMMAND = 7, TASK_COMMAND = 7, COMMAND_USER = 5 }; /* field numbers */

struct str agent_executor_user(const struct agent_executor *e)
{
    struct str user = wire_field_bytes(wire_field_bytes(blob_str(e->info->raw), EXECUTOR_COMMAND), COMMAND_USER);

    return user.n != 0 ? user : str_of(e->framework->info->user);
}

struct str agent_task_user(const struct agent_task *t)
{
    struct str none = { NULL, 0 };
    struct str user = t->info->raw_is_task ? none : wire_field_bytes(wire_field_bytes(blob_str(t->info->raw), TASK_COMMAND), COMMAND_USER);

    if (user.n != 0)
        return user;
    return t->executor != NULL ? agent_executor_user(t->executor) : none;
}

struct str agent_run_user(const struct task_info *t, const struct executor_info *e, const struct framework_info *f)
{
    struct str command = wire_field_bytes(blob_str(t->raw), TASK_COMMAND), user = wire_field_bytes(command, COMMAND_USER);

    if (user.n == 0 && e != NULL)
        user = wire_field_bytes(wire_field_bytes(blob_str(e->raw), EXECUTOR_COMMAND), COMMAND_USER);
    return user.n != 0 ? user : str_of(f->user);
}

bool agent_views_framework(const struct agent_views *v, const struct agent_framework *f)
{
    return acls_allow(v->acls, ACL_VIEW_FRAMEWORKS, v->principal, str_of(f->info->user));
}

bool agent_views_executor(const struct agent_views *v, const struct agent_executor *e)
{
    return v->acls == NULL || (agent_views_framework(v, e->framework) &&
                               acls_allow(v->acls, ACL_VIEW_EXECUTORS, v->principal, agent_executor_user(e)));
}

bool agent_views_task(const struct agent_views *v, const struct agent_task *t)
{
    return v->acls == NULL || ((t->executor == NULL || agent_views_framework(v, t->executor->framework)) &&
                               acls_allow(v->acls, ACL_VIEW_TASKS, v->principal, agent_task_user(t)));
}

bool agent_views_container(const struct agent_views *v, const struct agent_executor *e)
{
    return v->acls == NULL || acls_allow(v->acls, ACL_VIEW_CONTAINERS, v->principal, agent_executor_user(e));
}
