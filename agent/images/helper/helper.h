/* SPDX-License-Identifier: Apache-2.0 */
/* stoa-image: what is done with images outside of the agent, because it takes long and reads what strangers made.
 *
 *     stoa-image pull NAME     fetches an image by skopeo and puts it into the store (input: see ../pull.c)
 *     stoa-image copy          makes a root file system of layers, for the copy backend
 *
 * It ends with the agent (PR_SET_PDEATHSIG), and with it what it started. */
#ifndef STOA_AGENT_IMAGES_HELPER_H
#define STOA_AGENT_IMAGES_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/images/images.h"

enum {
    LAYER_ENTRIES_MAX = 4 << 20,  /* of one layer */
    LAYER_DEPTH_MAX = 512,        /* directories in each other, when layers are copied */
};
#define LAYER_BYTES_MAX (INT64_C(64) << 30) /* unpacked, of one image; less when the disk has less */

/* One image may unpack to so much. What is left is counted down by all who unpack its layers, in memory that they share. */
struct unpack_budget {
    _Atomic int64_t bytes;
};

/* The settings of one run, views into the input. */
struct pull_input {
    const char *store, *name, *registry, *record, *skopeo, *source, *archive, *config;
    bool plain;
};

/* pull.c: error texts are for whoever launched the task. */
int image_pull(const struct pull_input *in, struct error *err);
/* skopeo.c: fetches into the layout dir/oci, while u looks for what is whole already. */
struct unpacker;
int skopeo_fetch(const struct pull_input *in, const char *dir, struct unpacker *u, struct error *err);
/* unpack.c: the archive at path into the empty directory dir, which becomes the root of this process. */
int layer_unpack(const char *path, const char *dir, struct unpack_budget *budget, struct error *err);
/* unpacker.c: layers into dir/layers; what the store has is left out. */
struct unpacker *unpacker_new(const char *store, const char *dir, int64_t bytes_max, struct error *err);
void unpacker_free(struct unpacker *u);                  /* NULL is fine */
void unpacker_look(struct unpacker *u);                  /* starts what can be started; never waits */
void unpacker_reap(struct unpacker *u, bool wait);       /* those that have ended; wait: for one */
int unpacker_finish(struct unpacker *u, const struct image *i, struct error *err); /* every layer of the image */
/* copy.c: layers, the lowest first, into the directory to. */
int layers_copy(char *const *layers, size_t count, const char *to, struct error *err);

/* child.c: for each child. */
void die_with_parent(void);

#endif
