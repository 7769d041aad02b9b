/* SPDX-License-Identifier: Apache-2.0 */
/* A store that takes no more records: see degraded.c. */
#ifndef STOA_MARATHON_DEGRADED_H
#define STOA_MARATHON_DEGRADED_H

#include "common/base/sbuf.h"
#include "common/wire/jsonw.h"
#include "marathon/shell.h"

#define DEGRADED_CHECK_KEY "check"

/* A commit has failed: what shell->commit_failed is. Those who wait for records are refused (shell->refuse_waiting). */
void degraded_commit_failed(struct shell *sh, const struct error *err);
/* True: this request cannot be served now; the answer is 503 with degraded_text. */
bool degraded_refuses(const struct shell *sh, struct http_req *r);
void degraded_text(const struct shell *sh, struct sbuf *b);
/* At the start, with the state loaded. True: the store failed before; works is called when it takes records.
 */
bool degraded_start(struct shell *sh, void (*works)(struct shell *sh));
/* The store could not be opened. True: it failed before, and again is called after a while. */
bool degraded_reopen(struct shell *sh, void (*again)(void *arg), const struct error *err);

#endif
