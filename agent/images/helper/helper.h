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

/* One image may unpack to so much. What is left is counted down over its layers. */
struct unpack_budget {
    int64_t bytes;
};

/* The settings of one run, views into the input. */
struct pull_input {
    const char *store, *name, *registry, *record, *skopeo, *source, *archive, *config;
    bool plain;
};

/* pull.c: error texts are for whoever launched the task. */
int image_pull(const struct pull_input *in, struct error *err);
/* skopeo.c: fetches into the layout dir/oci. */
int skopeo_fetch(const struct pull_input *in, const char *dir, struct error *err);
/* unpack.c: the archive at path into the empty directory dir, in a child that is locked into dir. */
int layer_unpack(const char *path, const char *dir, struct unpack_budget *budget, struct error *err);
/* copy.c: layers, the lowest first, into the directory to. */
int layers_copy(char *const *layers, size_t count, const char *to, struct error *err);

/* main.c: for each child. */
void die_with_parent(void);

#endif
