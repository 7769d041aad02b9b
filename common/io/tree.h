/* SPDX-License-Identifier: Apache-2.0 */
/* Directory trees of strangers: of any depth, of any number of entries, changed while they are walked. A walk holds a few
 * descriptors however deep it gets, follows no link, enters nothing that is mounted below and does a bounded amount per step, so that
 * an event loop can take its turns in between. */
#ifndef STOA_IO_TREE_H
#define STOA_IO_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/io/loop.h"

enum {
    TREE_LEVELS_MAX = 1 << 20, /* deeper ones are left out, and the walk is not whole */
    TREE_SLICE = 1024,         /* entries per step: a few milliseconds */
};

struct tree_walk;

/* An entry of the directory dir, or a directory whose entries were all told (leaving). st may be out of date. */
typedef void tree_fn(void *arg, int dir, const char *name, const struct stat *st, bool leaving);

/* Walks what is below the directory fd, which it takes. */
struct tree_walk *tree_walk_new(int fd, tree_fn *fn, void *arg);
void tree_walk_free(struct tree_walk *w); /* NULL is fine */
/* At most so many entries more; false: done. */
bool tree_walk_step(struct tree_walk *w, size_t entries);
/* Nothing was left out: no directory that could not be read, none that was moved away under the walk. */
bool tree_walk_is_whole(const struct tree_walk *w);

/* Removes the entry name of the directory dir (AT_FDCWD: a path) with everything below it. Gone already is fine. What is mounted
 * there or below is taken off, and what it showed stays as it is. */
int tree_remove_at(int dir, const char *name, struct error *err);

/* The same in the background of a loop. done (may be NULL) is called once, perhaps before this returns; arg may be freed in
 * it. What is under way when the loop ends stays. */
typedef void tree_removed_fn(void *arg, const struct error *err); /* err NULL: it is gone */
void tree_remove_later(struct loop *loop, int dir, const char *name, tree_removed_fn *done, void *arg);
/* Ends all removals of the loop; done is not called. Before loop_free. */
void tree_remove_stop(struct loop *loop);

#endif
