/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the matcher that knows persistent volumes: which disk of an offer a volume can be made of, and
 * which volumes of an offer are those of an instance. Used by match_try.c alone; kinds are those of match.h.
 *
 * A volume is made of one disk resource: of the agent's root disk or of a PATH disk a part, of a MOUNT disk
 * the whole, the smallest that is large enough. Source: marathon-schemas (PersistentVolumeInfo),
 * marathon-behaviour §10. */
#ifndef STOA_MARATHON_MATCH_VOLUMES_H
#define STOA_MARATHON_MATCH_VOLUMES_H

#include "marathon/core/match.h"

/* Rejects with REJECT_DISK (to reserve) or REJECT_RESERVATION (reserved) when a volume is not to be had. */
void volumes_check(const struct app *a, const struct offer *o, const struct match_context *mc,
                   struct match *m);
/* After a check that passed. False: the arena is spent. */
bool volumes_take(const struct app *a, struct offer *o, const struct match_context *mc, struct match *m,
                  size_t *cap);

/* --- match_rules.c -------------------------------------------------------------------------------------------- */
bool match_usable(const struct app *a, const struct match_context *mc, const struct offer_resource *r);
void match_reject(struct match *m, enum reject_reason r, int64_t need, int64_t have);
bool match_pick(struct match *m, struct arena *arena, struct pick p, size_t *cap);

#endif
