/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a task's sandbox over HTTP, for `stoa logs` and `stoa run`. */
#ifndef STOA_CLI_SANDBOX_H
#define STOA_CLI_SANDBOX_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/error.h"

struct sandbox {
    char agent[128]; /* host:port of the agent */
    char path[2048]; /* virtual path of the newest run's directory */
    char state[32];  /* of the task when it was looked up */
};

/* Finds the task (its id, or a part that only one task has). */
int sandbox_find(const char *master, const char *task_id, struct sandbox *ret, struct error *err);
/* Copies what the file has from *offset on, at most 64 KiB, to out and moves the offset. Returns the number of bytes
 * (0: nothing new) or a negative error code. */
int sandbox_read(const struct sandbox *s, const char *file, int64_t *offset, FILE *out, struct error *err);

#endif
