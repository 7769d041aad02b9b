/* SPDX-License-Identifier: Apache-2.0 */
/* What masters and agents have of ZooKeeper and of the store: the shipped election, detector and store
 * (common/io/leader.c, detector.c, store.c, store_zk.c) on the simulated loop and ensemble. They are linked into the object of
 * the frameworks, whose loop they use; so these few calls are all that the shells of the others see. */
#ifndef STOA_SIM_COORD_H
#define STOA_SIM_COORD_H

#include "common/model/election.h"
#include "tests/sim/sim.h"

#define MASTERS_PATH "/mesos"
#define MARATHONS_PATH "/marathon/leader-curator"

struct coord;

/* --- masters --- */
/* info: MasterInfo in JSON. news: as of leadership_step; other: where the leading one is, "host:port", or empty. */
typedef void coord_news_fn(struct proc *p, enum leadership_news news, const char *other);
/* Without ZooKeeper the news is LEADERSHIP_WON, at once. */
struct coord *sim_coord_elect(struct proc *p, struct str info, coord_news_fn *fn);
bool sim_coord_is_sure(const struct coord *c);
typedef void coord_list_fn(struct proc *p, const struct str *keys, const struct str *values, size_t n);
typedef void coord_done_fn(struct proc *p, uint64_t version, bool conflict, const char *error); /* error NULL: durable */
void sim_coord_open(struct coord *c, coord_list_fn *fn); /* the registry, and reads it */
/* Takes over the items. Goes on at the end of the turn. */
void sim_coord_commit(struct coord *c, struct store_item *items, size_t n, uint64_t version, coord_done_fn *fn);

/* --- agents --- */
typedef void coord_master_fn(struct proc *p, const char *pid, const char *id); /* NULL: nobody leads */
struct coord *sim_coord_follow(struct proc *p, coord_master_fn *fn);

/* The end of a handler that is not one of these: what was put off runs. */
void sim_coord_turn(struct proc *p);
void sim_coord_free(struct coord *c); /* NULL is fine */
void sim_zk_reset(void);              /* a history is over */

#endif
