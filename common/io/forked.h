/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a forked child makes of this program's memory as it is at this moment, while the loop goes on.
 *
 * The child has every descriptor closed but its pipe, a lower priority, and ends with its parent. It may touch memory and
 * nothing else: no loop, store, log or thread of the program exists in it. The C library keeps its allocator usable there
 * although the program has threads. */
#ifndef STOA_IO_FORKED_H
#define STOA_IO_FORKED_H

#include <stdbool.h>

#include "common/base/sbuf.h"
#include "common/io/loop.h"

struct forked;

enum { FORKED_PIECE_BYTES = 256 << 10 }; /* read in one turn */

struct forked_handler {
    /* In the child. What is in b is sent when it returns; forked_put sends it earlier. False: it failed. */
    bool (*make)(void *arg, struct sbuf *b);
    /* In the parent: how many bytes to read this time, at most FORKED_PIECE_BYTES. NULL: so many. */
    size_t (*room)(void *arg);
    /* In the parent, as they come. The memory of the piece may be taken over (http_blob_new). */
    void (*bytes)(void *arg, struct sbuf *piece);
    /* Once, with all bytes told; f is gone. status is as from waitpid, 0: all went well. */
    void (*ended)(void *arg, int status);
};

/* NULL: no process can be had (limits, or a kernel without pidfds). h must stay. */
struct forked *forked_start(struct loop *loop, const struct forked_handler *h, void *arg);
/* Stops or goes on reading; the child waits in its write when the pipe is full. */
void forked_pause(struct forked *f, bool pause);
/* Nobody wants the rest: no more bytes are told, ended follows when the child is gone, which may be at once. */
void forked_kill(struct forked *f);
/* Ends the child and waits for that; calls nothing any more. NULL is fine. */
void forked_cancel(struct forked *f);
/* In the child: sends b and empties it. Ends the child when nobody reads any more. */
void forked_put(struct sbuf *b);

#endif
