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

struct forked_handler {
    /* In the child. What is in b is sent when it returns; forked_put sends it earlier. False: it failed. */
    bool (*make)(void *arg, struct sbuf *b);
    /* In the parent, as they come. */
    void (*bytes)(void *arg, struct str piece);
    /* Once, with all bytes told; f is gone. */
    void (*ended)(void *arg, bool ok);
};

/* NULL: no process can be had (limits, or a kernel without pidfds). h must stay. */
struct forked *forked_start(struct loop *loop, const struct forked_handler *h, void *arg);
/* Ends the child; calls nothing any more. NULL is fine. */
void forked_cancel(struct forked *f);
/* In the child: sends b and empties it. Ends the child when nobody reads any more. */
void forked_put(struct sbuf *b);

#endif
