/* SPDX-License-Identifier: Apache-2.0 */
/* Unused images go when the disk fills up (--image_gc_config) or when somebody says so (PRUNE_IMAGES). An image is unused when no
 * container has it. Source: reference, §20. */
#ifndef STOA_AGENT_IMAGE_GC_H
#define STOA_AGENT_IMAGE_GC_H

#include "common/base/error.h"

struct shell;
struct image_gc;

/* Reads --image_gc_config; without it only image_gc_prune works. */
int image_gc_new(struct image_gc **ret, struct shell *s, struct error *err);
void image_gc_free(struct image_gc *g); /* NULL is fine */
/* Removes now what is unused, but the images named here and in --image_gc_config. Without images there is nothing: 0. */
int image_gc_prune(struct image_gc *g, const char *const *excluded, size_t count, struct error *err);

#endif
