/* SPDX-License-Identifier: Apache-2.0 */
/* What `why` adds to the recorded reasons: the smallest change that would let an app run, what a deployment waits for,
 * and which of our apps hold an agent. Texts are of the call's arena; NULL: nothing to say. */
#ifndef STOA_MARATHON_API_ADVICE_H
#define STOA_MARATHON_API_ADVICE_H

#include "marathon/api/int.h"

/* From agents on which a single rule failed, so that it alone stands in the way. */
const char *advice_smallest_change(struct call *c, const struct slot *s);
const char *advice_deployment(struct call *c, const struct slot *s);
/* An array of our apps on the agent, with what their instances there use; not what other frameworks hold.
 * Left out where there are more than 100,000 instances. */
void advice_held_by(struct call *c, struct jsonw *w, struct str agent_id);

/* "text", and "needs" and "offered" where it is about a quantity, into an open object. */
void advice_refusal(struct call *c, struct jsonw *w, const struct reject_note *n, const char *hostname);

/* An array of the running instances whose checks fail, with the cause of the last failure; the first sixteen. */
void advice_unhealthy(struct jsonw *w, const struct slot *s);

#endif
