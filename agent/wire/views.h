/* SPDX-License-Identifier: Apache-2.0 */
/* What a principal may see, by the view_* rules of --acls: frameworks by their user, executors by their command's (else the
 * framework's), tasks by theirs (else the executor's). What it may not is left out of answers. Pure. */
#ifndef STOA_AGENT_WIRE_VIEWS_H
#define STOA_AGENT_WIRE_VIEWS_H

#include "agent/core/state.h"
#include "common/model/acl.h"

struct agent_views {
    const struct acls *acls; /* NULL: everything */
    struct str principal;    /* empty: none */
};

struct str agent_executor_user(const struct agent_executor *e);
/* Whom a task that is to be launched runs as. */
struct str agent_run_user(const struct task_info *t, const struct executor_info *e, const struct framework_info *f);
struct str agent_task_user(const struct agent_task *t);
bool agent_views_framework(const struct agent_views *v, const struct agent_framework *f);
bool agent_views_executor(const struct agent_views *v, const struct agent_executor *e); /* false also when its framework is not seen */
bool agent_views_task(const struct agent_views *v, const struct agent_task *t);
bool agent_views_container(const struct agent_views *v, const struct agent_executor *e); /* view_containers */

#endif
