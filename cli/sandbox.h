/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a task's sandbox over HTTP, for `stoa logs` and `stoa run`. */
#ifndef STOA_CLI_SANDBOX_H
#define STOA_CLI_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "common/base/error.h"
#include "common/base/sbuf.h"

struct sandbox {
    char agent[128]; /* host:port of the agent */
    char path[2048]; /* virtual path of the newest run's directory */
    char state[32];  /* of the task when it was looked up */
};

/* Whether the task has not ended yet, as far as the master knows. */
bool task_is_active(const cJSON *task);
/* The task whose id is, or contains, the given text; of several the only one that has not ended. NULL with an error when
 * none or several fit. */
const cJSON *task_find(const cJSON *tasks, const char *id, struct error *err);
/* The id of the task's container as its newest status that names one has it; NULL when none does. */
const cJSON *task_container(const cJSON *task);
/* Percent-encodes what is not plain in a query. */
void query_encode(struct sbuf *b, const char *s);

/* Finds the task (its id, or a part that only one task has). */
int sandbox_find(const char *master, const char *task_id, struct sandbox *ret, struct error *err);
/* Copies what the file has from *offset on, at most 64 KiB, to out and moves the offset. Returns the number of bytes
 * (0: nothing new) or a negative error code. */
int sandbox_read(const struct sandbox *s, const char *file, int64_t *offset, FILE *out, struct error *err);

#endif
