/* SPDX-License-Identifier: Apache-2.0 */
/* --container_logger: how large the files of a container's output may become. Its parameters come with --modules, as the
 * original's do; each executor and nested container may change them by variables in its command's environment
 * (CONTAINER_LOGGER_MAX_STDOUT_SIZE and so on). The copying and renaming is the launcher's (launcher/logs.c).
 *
 * Of logrotate's options those are known that need no other program: rotate N, and those that change nothing here (missingok,
 * ifempty, notifempty, copytruncate, create, nocompress ...). Any other is refused by name. Source: reference, §17. */
#ifndef STOA_AGENT_LOGGER_H
#define STOA_AGENT_LOGGER_H

#include "agent/isolation/containerizer.h"
#include "common/base/error.h"

struct agent_flags;

struct logger {
    bool on;
    struct container_log logs[2]; /* stdout, stderr */
    char prefix[64];              /* of the variables */
};

/* From --container_logger and --modules. */
int logger_init(struct logger *l, const struct agent_flags *f, struct error *err);

/* What holds for a container whose command has this environment; ret is of spec->logs. */
int logger_of(const struct logger *l, const struct container_env *env, size_t count, struct container_log ret[2], struct error *err);

#endif
