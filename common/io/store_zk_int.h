/* SPDX-License-Identifier: Apache-2.0 */
/* The zookeeper store between its files: what it knows, and the steps that a group is worked off in.
 *
 *     store_zk.c         the backend: groups in, what comes next, closing
 *     store_zk_open.c    taking the store over; the journal of a predecessor
 *     store_zk_commit.c  versions, batches, frames
 *     store_zk_read.c    lists and single records
 *     store_zk_state.c   what all of them need
 *     store_zk_frame.c   names and programs: pure
 *
 * One step is under way at a time (state). A step that is over sets READY and calls next, which is the backend's. */
#ifndef STOA_IO_STORE_ZK_INT_H
#define STOA_IO_STORE_ZK_INT_H

#include "common/base/hash.h"
#include "common/io/store_int.h"
#include "common/io/store_zk_frame.h"
#include "common/io/zk_bulk.h"

enum { SZK_LOOKS_MAX = 5000 };

enum {
    SZK_ABSENT = -1,     /* of struct szk_known: there is no such record */
    SZK_NOT_LOOKED = -2, /* the question is under way */
};

/* What we know of a record: its node's version, and whether it has a second part. */
struct szk_known {
    char *key;
    size_t key_n;
    int32_t version;
    bool split;
    UT_hash_handle hh;
};

enum szk_state {
    SZK_CLOSED, /* not opened in this session, or something went wrong: opens when connected */
    SZK_OPENING,
    SZK_READY,     /* free for the next step */
    SZK_LOOKING,   /* for versions */
    SZK_WRITING,   /* a frame is under way */
    SZK_RESOLVING, /* a frame's answer was lost */
    SZK_READING,
};

struct szk_name {
    char *key;
    size_t n;
};

struct szk;
/* r NULL: all frames happened. Else the one that is at (frame) was refused, and those after it were not sent. */
typedef void szk_program_fn(struct szk *b, const struct zk_result *r);

struct szk {
    struct store *store;
    struct loop *loop;
    struct zk *zk;
    struct zk_listener listener;
    void (*next)(struct szk *b); /* a step is over */
    char *root, *fence, *mark; /* mark: "owner=... term=... seq=" */
    bool world_read, beside_owner;
    enum szk_state state;
    bool is_open, fenced;
    struct error trouble; /* of opening, or fenced */
    uint64_t seq;         /* of our last frame that happened */
    int32_t fence_version;
    /* the group */
    struct store_op *group, *at, *upto; /* upto: first operation after those of the program */
    unsigned syncs, tries;
    struct szk_program program;
    szk_program_fn *program_end;
    size_t frame;
    /* versions */
    struct szk_known *known;
    char *whole; /* all records whose keys begin so are known, so a key that is not is of none; NULL: look */
    struct szk_known *looks[SZK_LOOKS_MAX];
    size_t look_count, look_done;
    bool lost; /* of the pipelined requests under way at least one */
    /* reading */
    struct zk_bulk *bulk;
    bool bulk_failed; /* this read goes on without */
    struct szk_name *names;
    size_t name_count, name_cap, asked, answered, buckets_left;
    struct sbuf half; /* first part of a long value, or the journal's chunks */
    size_t *halves, half_count, half_cap, half_done;
    size_t chunks, applied, chunk;
};

/* --- state -------------------------------------------------------------------------------------------- */
struct szk_known *szk_known_find(struct szk *b, struct str key);
struct szk_known *szk_known_set(struct szk *b, struct str key, int32_t version, bool split);
void szk_known_clear(struct szk *b);
/* Gives the group back. */
void szk_finish(struct szk *b);
void szk_fail_op(struct store_op *op, const struct error *err);
/* From at on. */
void szk_fail_rest(struct szk *b, const struct error *err);
void szk_set_trouble(struct szk *b, const struct zk_result *r, const char *what);
/* Somebody else has the store now. It stays so: whoever opened us must end or open anew. */
void szk_set_fenced(struct szk *b, struct str by);
enum zk_acl szk_acl(const struct szk *b);

/* --- steps -------------------------------------------------------------------------------------------- */
/* Takes the store over; CLOSED again when that fails, with trouble set unless it is the connection. */
void szk_open(struct szk *b);
void szk_begin_commits(struct szk *b); /* from at on */
void szk_begin_read(struct szk *b);    /* at */
/* What was under way in bulk is asked for anew, the ordinary way. */
void szk_read_without_bulk(struct szk *b);
void szk_read_clear(struct szk *b); /* releases what reading keeps */
/* Sends the frames of program one after the other. */
void szk_run_program(struct szk *b, szk_program_fn *end);
/* Connected again while RESOLVING. */
void szk_resolve(struct szk *b);

#endif
