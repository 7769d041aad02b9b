/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are under --work_dir: <root>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>,
 * with root the work directory for sandboxes and <work_dir>/meta for checkpoints. Ids were checked to be file names
 * before they got here. A path that would not fit is the empty text, which no system call takes.
 * Source: reference, §13. */
#ifndef STOA_AGENT_PATHS_H
#define STOA_AGENT_PATHS_H

#include <limits.h>

#include "agent/core/state.h"

struct path {
    char p[PATH_MAX];
};

/* printf into a path. */
struct path path_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct path path_agent(const char *root, const char *agent_id);
struct path path_framework(const char *root, const char *agent_id, const char *framework_id);
struct path path_executor(const char *root, const char *agent_id, const struct agent_executor *e);
struct path path_run(const char *root, const char *agent_id, const struct agent_executor *e);
/* A persistent volume on the root disk, on a PATH disk (relative roots are under work_dir), or a MOUNT disk itself. */
struct path path_volume(const char *work_dir, const struct resource *r);

#endif
