/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa store`: what the parts of the command share. A kind is a program that keeps state; a session is its
 * store, opened by this command with nobody else at it, on a loop of its own that is run until each operation
 * is over. */
#ifndef STOA_CLI_STORE_H
#define STOA_CLI_STORE_H

#include "common/io/store.h"
#include "common/io/zk.h"
#include "common/model/election.h"

/* What is wrong with a record. repair: taking the record out makes it right. */
typedef void store_problem_fn(void *ctx, struct str key, const char *what, bool repair);

struct state_kind {
    const char *name;              /* "master" */
    const char *file;              /* of the database in its folder */
    const char *root, *candidates; /* in ZooKeeper, behind the path of the program's --zk */
    enum election_rule rule;
    /* What a value that is no JSON says, as JSON; nothing is appended when it is not known. */
    void (*show)(struct str key, struct str value, struct sbuf *b);
    /* records are sorted by key. */
    void (*check)(const struct store_record *records, size_t count, store_problem_fn *problem, void *ctx);
};
extern const struct state_kind state_of_master, state_of_marathon;

enum { STORE_PLACE_BYTES = 1200 };

struct store_session {
    const struct state_kind *kind;
    bool in_zookeeper;
    char place[STORE_PLACE_BYTES]; /* of the database, or of the store's root node; without credentials */
    struct zk_url url;
    struct loop *loop;
    struct zk *zk;
    struct store *store;
    size_t unfinished; /* nodes of a change that its writer did not finish; opening finished or dropped it */
};

/* READ: beside its owner, too. MAKE: where there is no store there will be one. */
enum store_session_as { STORE_SESSION_READ, STORE_SESSION_CHANGE, STORE_SESSION_MAKE };
/* where: a folder, a *.db file, zk://[user:password@]host:port,.../path or file:// with that. NOT_FOUND when
 * there is no store. CONFLICT when its owner runs: a lock on the database, or candidates
 * in ZooKeeper. Waits for ZooKeeper 15 s at most. */
int store_session_open(struct store_session *s, const struct state_kind *kind, const char *where, enum store_session_as as,
                       struct error *err);
void store_session_close(struct store_session *s); /* fine on a zeroed one, and after an error */
/* All records; valid until the next call of this or the close. */
int store_session_list(struct store_session *s, const struct store_record **ret, size_t *ret_count,
                       struct error *err);
/* Takes over b; all or nothing. */
int store_session_commit(struct store_session *s, struct store_batch *b, struct error *err);
/* One operation on ZooKeeper at a time: start it with done, then call this. */
struct store_answer {
    struct store_session *s;
    enum zk_code code;
    char text[200];
    char **children;
    size_t child_count;
    bool over;
};
void store_answer_done(struct store_answer *a);
int store_session_children(struct store_session *s, const char *path, struct store_answer *ret,
                           struct error *err);
int store_session_delete_node(struct store_session *s, const char *path, struct error *err);

/* store_files.c: what is wrong below the records. Each prints what it finds; with repair it puts right what
 * can be. Gives the number of things that stay wrong, or a negative code. Of a database before it is opened
 * (a damaged one is rebuilt from what can be read, the old file is kept); of nodes in an open session. */
int store_check_database(const char *path, bool repair, struct error *err);
int store_check_nodes(struct store_session *s, const struct store_record *records, size_t count, bool repair,
                      struct error *err);
/* The database that where means, or NULL when it means ZooKeeper. In buf. */
const char *store_database_path(const struct state_kind *kind, const char *where, char *buf, size_t size);

#endif
