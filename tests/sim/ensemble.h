/* SPDX-License-Identifier: Apache-2.0 */
/* A ZooKeeper ensemble, as its clients see it: nodes, sessions, ephemeral and sequence nodes, watches on children, multi.
 *
 * The ensemble is one machine of the network that keeps everything; it can be cut off and can be without a quorum for a while.
 * A session ends at the ensemble when nothing was heard of it for its timeout; its client learns that only when it comes back.
 * Requests of one connection arrive in order or, from some point on, not at all. The client's side is framework/fakezk.c. */
#ifndef STOA_SIM_ENSEMBLE_H
#define STOA_SIM_ENSEMBLE_H

#include "tests/sim/sim.h"

struct ensemble;

enum zreq_kind { ZREQ_PING, ZREQ_CREATE, ZREQ_GET, ZREQ_SET, ZREQ_DELETE, ZREQ_CHILDREN, ZREQ_MULTI };
/* The codes of common/io/zk.h, which the simulator's own files do not see. */
enum zres_code { ZRES_OK, ZRES_NO_NODE, ZRES_NODE_EXISTS, ZRES_BAD_VERSION, ZRES_NOT_EMPTY, ZRES_DENIED };

struct zreq {
    enum zreq_kind kind;
    char *path; /* owned, as all here */
    struct str data;
    bool ephemeral, sequence;
    int32_t version; /* -1: any */
    struct zreq *ops; /* of a MULTI */
    size_t op_count;
};

struct zres {
    enum zres_code code;
    char *path;
    struct str data;
    int32_t version;
    uint64_t children_version; /* changes with the node's children */
    int64_t owner;
    char **children;
    size_t child_count, failed_index;
};

void zreq_done(struct zreq *r);
void zres_done(struct zres *r);

struct ensemble *ensemble_new(struct sim *s);
void ensemble_free(struct ensemble *e);

/* --- for clients; what they ask arrives here and now --- */
/* 0: a new session. Returns its number; 0: that session is over. */
int64_t ensemble_connect(struct ensemble *e, int64_t session, int64_t timeout_ns, struct proc *p, uint64_t client, unsigned connection);
/* False: the session is over or goes on over another connection. */
bool ensemble_ask(struct ensemble *e, int64_t session, unsigned connection, const struct zreq *q, struct zres *ret);
void ensemble_close(struct ensemble *e, int64_t session);
bool ensemble_reachable(const struct ensemble *e, const struct proc *p);
/* The version of a path's children now, 0: there is no such node. */
uint64_t ensemble_children_version(const struct ensemble *e, const char *path);
void ensemble_watch(struct ensemble *e, int64_t session, const char *path);

/* Supplied by the client's side: news for a client that the ensemble sends by itself. path NULL: the connection ends. */
void sim_zk_news(struct sim *s, struct proc *p, uint64_t client, unsigned connection, const char *path);

/* --- for the world --- */
void ensemble_stop(struct ensemble *e, bool stopped);
bool ensemble_is_stopped(const struct ensemble *e);
/* A session by chance ends now. */
void ensemble_expire_some(struct ensemble *e, struct rng *r);
/* An operator deletes the first child of path, if it has any. */
void ensemble_delete_first(struct ensemble *e, const char *path);
/* How many nodes have this in their path. */
size_t ensemble_count(const struct ensemble *e, const char *part);
/* NULL: there is no such node. */
const struct str *ensemble_data(const struct ensemble *e, const char *path);
/* Whoever made the first child of path, a candidate; NULL: nobody. since: for how long it is the first. */
struct proc *ensemble_leader(const struct ensemble *e, const char *path, int64_t *ret_since);

#endif
