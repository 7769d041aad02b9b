/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of apps and pods that were removed, kept for some time so that they can be brought back. One per id, the latest. */
#ifndef STOA_MARATHON_DELETED_H
#define STOA_MARATHON_DELETED_H

#include "common/base/error.h"
#include "marathon/core/state.h"

enum { DELETED_MAX = 10000 }; /* the oldest goes first */

struct deleted {
    struct str id;     /* that of the definition */
    struct spec *spec; /* counted: its record stays as long */
    struct wall at;
    struct deleted *prev, *next; /* by age */
    struct deleted *dead_next;
    UT_hash_handle hh; /* marathon.deleted, by id */
};

struct deleted *deleted_find(const struct marathon *m, struct str id);
/* When it will be forgotten. */
struct wall deleted_until(const struct marathon *m, const struct deleted *d);

/* --- for the core */
void deleted_returned(struct marathon *m, const struct spec *spec); /* one came into the root: forgotten if it is what is kept */
void deleted_note(struct marathon *m, struct spec *spec); /* it leaves the root; nothing when --deleted_apps_keep is 0 */
int deleted_forget(struct marathon *m, struct str id, struct error *err);
void deleted_timer(struct marathon *m);
void deleted_free_dead(struct marathon *m);
void deleted_free(struct marathon *m);

/* Recovery, after the definitions: in any order. */
int marathon_restore_deleted(struct marathon *m, struct str id, struct wall version, struct wall at, struct error *err);

#endif
