/* SPDX-License-Identifier: Apache-2.0 */
/* Several masters: which one leads, what the others answer, and what a leader does when it cannot be sure.
 *
 * Without --zk the master leads at once. With it, it contends below the path of the URL. A leader opens the
 * registry when it is elected. While ZooKeeper is out of reach a leader decides nothing: no offers, no
 * removals, calls of frameworks and changes by operators wait; reads are answered, updates of agents are
 * taken in. It goes on when its session survives. When the session expired, or its candidate node is gone, it
 * steps down: the program begins again in the same process, as a follower. DESIGN D7; docs/failures.md. */
#ifndef STOA_MASTER_ELECTION_H
#define STOA_MASTER_ELECTION_H

#include <stdbool.h>

#include "common/io/http.h"

struct shell;
struct election;

/* lead is called once, when this master leads. May call it at once. */
int election_open(struct shell *sh, void (*lead)(struct shell *sh), struct error *err);
void election_close(struct shell *sh);
bool election_leads(const struct shell *sh);
/* Leads and knows that it does. */
bool election_is_sure(const struct shell *sh);
/* Another master has the registry: ends leading. */
void election_step_down(struct shell *sh, const char *why);
/* Answers 307 to the leading master, at path (empty: none) and with the query of r; or 503. */
void election_redirect(struct shell *sh, struct http_req *r, struct str path);
/* True: r waits until this master is sure, then again is called with it. path is without the process prefix. */
typedef void election_again_fn(struct shell *sh, struct http_req *r);
bool election_holds(struct shell *sh, struct http_req *r, struct str path, election_again_fn *again);
/* This master is sure: what waits goes on, at the end of this turn. */
void election_replay(struct shell *sh);
/* The store of the registry in ZooKeeper; only while this master leads with --zk. */
int election_open_store(struct shell *sh, struct error *err);
bool election_with_zk(const struct shell *sh);
/* --zk as a URL, file:// followed. Also checks it. */
int election_check_flag(const char *zk, struct error *err);

#endif
