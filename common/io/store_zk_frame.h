/* SPDX-License-Identifier: Apache-2.0 */
/* What the zookeeper store writes: paths of records, and commits as frames. Pure: no I/O.
 *
 *     <root>/fence              who has the store, and the number of its last frame
 *     <root>/r/<00..3f>/<key>   a record; the bucket is a hash of the key, the name the key with %XX for what
 * names cannot have <root>/r/<00..3f>/<key>%+ what of a value is over 500,000 bytes <root>/journal/... a
 * batch that is too large for one request, on its way
 *
 * A frame is one multi: the fence, then puts and deletes. Small batches share a frame. A batch larger than a
 * frame becomes a program of several: its operations are written as journal chunks, "commit" makes it happen,
 * apply frames carry it out and count in "commit" how far they are, the last one cleans up. A reader of the
 * journal finishes what has a commit and drops what has none. docs/decisions/zookeeper-layout.md. */
#ifndef STOA_IO_STORE_ZK_FRAME_H
#define STOA_IO_STORE_ZK_FRAME_H

#include "common/base/arena.h"
#include "common/base/sbuf.h"
#include "common/io/zk.h"

enum {
    SZK_BUCKETS = 64,
    SZK_SPLIT_BYTES = 500 * 1000, /* a node of exactly so many bytes has a second part */
    SZK_FRAME_BYTES_MAX =
        ZK_REQUEST_BYTES_MAX - 4096, /* without the fence; for a batch that is alone in it */
    SZK_PACK_BYTES =
        256 * 1000, /* to which batches are gathered: servers keep the last 500 requests in their heap */
    SZK_FRAME_OPS_MAX = 4000,
    SZK_ROOT_BYTES_MAX = 300,
    SZK_OP_BYTES = 100, /* of a request for one operation, besides path and data: ACL, header */
};

enum szk_kind { SZK_CREATE, SZK_SET, SZK_DELETE };

struct szk_op {
    enum szk_kind kind;
    const char *path; /* in the frame's arena */
    struct str data;  /* lent by the batch, or in the arena */
    int32_t version;  /* of SET and DELETE; -1: any */
};

struct szk_frame {
    struct szk_op *ops;
    size_t count, cap, bytes;
};

struct szk_program {
    struct arena arena;
    struct szk_frame *frames;
    size_t count, cap;
};

void szk_program_init(struct szk_program *p);
void szk_program_done(struct szk_program *p);
struct szk_frame *szk_frame_new(struct szk_program *p);
void szk_frame_add(struct szk_frame *f, struct szk_op op);
size_t szk_op_bytes(const struct szk_op *op);
/* An empty frame takes up to SZK_FRAME_BYTES_MAX, another one up to SZK_PACK_BYTES. */
bool szk_frame_has_room(const struct szk_frame *f, size_t bytes, size_t ops);

/* Where key is kept; extra: of its second part. In the arena. */
const char *szk_path(struct arena *a, const char *root, struct str key, bool extra);
/* A name back into a key, appended. False: a second part, or no name of ours. */
bool szk_unescape(struct str name, struct sbuf *key);

/* Turns a list of operations that is larger than a frame into a program. */
void szk_journal_program(struct szk_program *p, const char *root, const struct szk_frame *all);
/* The content of "commit": how many chunks, how many operations are carried out. */
void szk_commit_put(struct sbuf *b, size_t chunks, size_t applied);
bool szk_commit_read(struct str s, size_t *ret_chunks, size_t *ret_applied);
const char *szk_chunk_path(struct arena *a, const char *root, size_t i);
/* Operations from the joined chunks; false when they are damaged. Data is copied into the program's arena. */
bool szk_journal_read(struct szk_program *p, struct str bytes, struct szk_frame *ret);
/* The frames that carry all out from the given operation on, and clean up. */
void szk_apply_program(struct szk_program *p, const char *root, const struct szk_frame *all, size_t from,
                       size_t chunks);

#endif
