/* SPDX-License-Identifier: Apache-2.0 */
/* The store of secrets: a directory, --secrets_dir, in which the `source` of a secret is a file below it. Read when a task is
 * launched, so a new content counts from the next launch on; kept nowhere, and told to the task alone. */
#ifndef STOA_MARATHON_SECRETS_H
#define STOA_MARATHON_SECRETS_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "marathon/core/app.h"

enum { SECRET_BYTES_MAX = 1 << 20 };

/* *ret: struct kv of each name in `secrets` of the app (or pod) and its content, in memory of the arena. An error names the
 * secret and its file. */
int secrets_read(const char *dir, const struct app *app, struct arena *a, struct list *ret, struct error *err);

#endif
