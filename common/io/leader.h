/* SPDX-License-Identifier: Apache-2.0 */
/* Election over a ZooKeeper path: who leads, and optionally a candidate of our own. For masters, for those
 * who look for masters, and for marathon; who leads given the children is decided by model/election.h.
 *
 * The view and its doubts. While the connection to ZooKeeper is down the last view stays, marked unsure: a
 * leader must then stop deciding (somebody else may lead already), a client may go on talking to the one it
 * knows. With the session surviving, the view is sure again once the children were read anew. When the
 * session expires, a candidate has lost: SELF turns into NONE at once, and a new candidate is made with the
 * next session; other views stay unsure until then. A candidate node that somebody deletes is a loss too.
 * Lost replies to the creation are resolved by looking for a node with our content and our session.
 *
 * fn is called on the loop whenever the view changes, never inside a call of this module, first when
 * something is known; with nobody leading, once that is known. Source: reference of high availability, §2,
 * §4; DESIGN D7. */
#ifndef STOA_IO_LEADER_H
#define STOA_IO_LEADER_H

#include "common/io/zk.h"
#include "common/model/election.h"

struct leader;

struct leader_view {
    enum leader_who who;
    bool unsure;
    enum candidate_label label; /* how data is to be read */
    struct str data;            /* content of the leading node; empty for NONE */
    const char *node;           /* its name; "" for NONE */
    size_t candidates;          /* how many contend */
};
typedef void leader_fn(void *arg, const struct leader_view *v);

struct leader_options {
    struct zk *zk;
    const char *path;
    enum election_rule rule;
    struct str data;    /* content of our candidate node; p NULL: only watch */
    const char *prefix; /* of its name: "json.info_", "_c_<uuid>-latch-" */
    enum zk_acl acl;
    void (*log)(void *arg, enum zk_log_level level, const char *event, const char *text);
    void *log_arg;
};
void leader_new(struct leader **ret, struct loop *loop, const struct leader_options *o, leader_fn *fn,
                void *arg);
/* The same without ZooKeeper: one view, for ever. SELF for a master alone, OTHER for a given address (data:
 * master@ip:port). */
void leader_new_fixed(struct leader **ret, struct loop *loop, enum leader_who who, struct str data,
                      leader_fn *fn, void *arg);
/* The candidate node stays until the session ends: free zk next. NULL is fine. */
void leader_free(struct leader *l);
/* The current view; what it points to is valid until the next turn. */
void leader_view(const struct leader *l, struct leader_view *ret);

#endif
