/* SPDX-License-Identifier: Apache-2.0 */
/* The state store: small records under text keys, each with a version, changed in atomic batches.
 *
 * Operations take effect in the order in which they are asked for, reads included: a read sees every commit
 * asked for before it. A commit is durable when its callback says so, or nothing of it happened; after a
 * crash the records are those after some prefix of the commits, which contains every one whose callback was
 * called. Commits of one loop turn, and those that arrive while the disk is busy, share one sync (group
 * commit), but each batch succeeds or fails alone.
 *
 * Callbacks always run later, on the loop, in order; never inside the asking function. Backends: memory
 * (tests, throw-away clusters), sqlite (embedded default), zookeeper.
 * docs/store.md. */
#ifndef STOA_IO_STORE_H
#define STOA_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/io/loop.h"

struct store;
struct store_batch;

/* Versions: 1 when a record is created, plus 1 with each put. A record that was deleted and is put again
 * starts at 1. */
#define STORE_ABSENT UINT64_C(0)     /* expected version: the record must not exist */
#define STORE_ANY_VERSION UINT64_MAX /* expected version: do not look */

enum {
    STORE_KEY_BYTES_MAX =
        512, /* keys: 1 to 512 bytes of UTF-8 without NUL; '/' separates levels by convention */
    STORE_VALUE_BYTES_MAX = 1000 * 1000, /* a znode takes 1 MiB less its path; the same limit everywhere */
    STORE_BATCH_ENTRIES_MAX = 200 * 1000, /* a root update of 10,000 apps has some 40,000 */
    STORE_BATCH_BYTES_MAX = 256 << 20,
};

struct store_record {
    struct str key, value;
    uint64_t version;
};

/* --- opening ------------------------------------------------------------------------------------------ */
struct store_sqlite_options {
    const char *path; /* of the database file; its folder must exist */
    bool sync_off;    /* false: synchronous=FULL; true: survives a crash of the process, not of the machine */
    unsigned cache_kib; /* page cache; 0: 2048 */
    uint64_t bytes_max; /* of the database; commits over it fail as on a full disk; 0: as the disk has */
    bool beside_owner;  /* to read only, whoever has it: what is asked for in one turn is of one moment; commits fail with IO */
};
/* Blocks while the file is opened and its log replayed: at start only. CONFLICT when another process has it: the file
 * PATH-owner is locked by who has. */
int store_open_sqlite(struct store **ret_store, struct loop *loop, const struct store_sqlite_options *options,
                      struct error *err);
int store_open_memory(struct store **ret_store, struct loop *loop, struct error *err);

struct zk;
struct store_zk_options {
    struct zk *zk;    /* the session; must outlive the store */
    const char *path; /* of the store's root node: made when it is not there; nobody else writes below it */
    const char *owner; /* who we are, e.g. the master's id: for people */
    bool world_read;  /* with credentials in the URL: everybody may read; false: only who has the credentials */
    bool beside_owner; /* to read only, without taking it over: a list is of one moment, or fails with CONFLICT when the owner
                          changes something all the time; commits fail with IO */
};
/* Takes the store over: whoever had it open before is fenced, all its later commits fail with CONFLICT and change nothing.
 * Waits (in the queue, not here) while ZooKeeper is out of reach; operations are never failed for that. */
int store_open_zk(struct store **ret_store, struct loop *loop, const struct store_zk_options *options, struct error *err);
/* Waits for what was asked for; callbacks that have not run are not called. NULL is fine. */
void store_close(struct store *s);

/* --- changing ----------------------------------------------------------------------------------------- */
struct store_batch *store_batch_new(void);
void store_batch_free(struct store_batch *b); /* one that was not committed; NULL is fine */
/* Key and value are copied. A broken key or an oversized value makes the commit fail with INVALID or LIMIT.
 */
void store_batch_put(struct store_batch *b, struct str key, struct str value, uint64_t expected_version);
void store_batch_delete(struct store_batch *b, struct str key, uint64_t expected_version);
size_t store_batch_count(const struct store_batch *b);

struct store_result {
    const struct error *err; /* NULL: durable. CONFLICT: a version differed, conflict_key says where */
    struct str conflict_key; /* empty without a conflict */
    const uint64_t
        *versions; /* new versions in the order of the batch's entries (0: deleted); NULL with err */
    size_t count;
};
typedef void store_commit_fn(void *arg, const struct store_result *r);
/* Takes over b. Deleting an absent record with STORE_ANY_VERSION is no error. fn may be NULL. */
void store_commit(struct store *s, struct store_batch *b, store_commit_fn *fn, void *arg);

/* --- reading ------------------------------------------------------------------------------------------ */
/* record is NULL when there is none (err NULL too) or with err. Valid during the callback. */
typedef void store_get_fn(void *arg, const struct store_record *record, const struct error *err);
void store_get(struct store *s, struct str key, store_get_fn *fn, void *arg);
/* All records whose key begins with prefix, sorted by key bytes. */
typedef void store_list_fn(void *arg, const struct store_record *records, size_t count,
                           const struct error *err);
void store_list(struct store *s, struct str prefix, store_list_fn *fn, void *arg);

/* Commits and reads that have not been called back. */
size_t store_pending(const struct store *s);

struct store_stats {
    uint64_t commits, conflicts, failures; /* batches */
    uint64_t syncs;                        /* transactions: commits / syncs is the size of the groups */
    int64_t last_commit_ns;                /* from the asking to the callback */
    uint64_t bytes;                        /* of values written */
};
void store_stats(const struct store *s, struct store_stats *ret);

#endif
