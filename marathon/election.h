/* SPDX-License-Identifier: Apache-2.0 */
/* Several instances with --zk: one leads, the others pass requests on to it.
 *
 * The election is a latch as Curator makes it, at <zk path>/leader-curator, whose nodes hold host:port; the
 * state is kept at <zk path>/stoa, so that neither is taken for the other's. The leader loads the state and
 * connects to the master when it is elected. While ZooKeeper is out of reach nothing durable can happen, and
 * so nothing leaves: see shell.h. When the session expired the program begins again in the same process, as a
 * standby; abdication ends it as before, and a supervisor starts it. Without --zk this instance leads at
 * once. Sources: marathon-behaviour §15; marathon-api §2; DESIGN D7. */
#ifndef STOA_MARATHON_ELECTION_H
#define STOA_MARATHON_ELECTION_H

#include <stdbool.h>

#include "common/base/error.h"

struct shell;
struct http_req;
struct marathon_election;

/* lead is called once, when this instance leads; at once without --zk. */
int marathon_election_open(struct shell *sh, void (*lead)(struct shell *sh), struct error *err);
void marathon_election_close(struct shell *sh); /* after the store */
bool marathon_election_leads(const struct shell *sh);
/* Leads and knows that it does. */
bool marathon_election_is_sure(const struct shell *sh);
/* Another has the store. */
void marathon_election_step_down(struct shell *sh, const char *why);
int marathon_election_open_store(struct shell *sh, struct error *err);

/* proxy.c: answers r with what the leader says. */
typedef void proxy_own_fn(struct shell *sh, struct http_req *r); /* elected meanwhile: by this instance */
void proxy_request(struct shell *sh, struct http_req *r, proxy_own_fn *own);
/* host:port of the leader, when it is another instance and known; else NULL. */
const char *marathon_election_other(const struct shell *sh);

#endif
