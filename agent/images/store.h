/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of agent/images: what pull.c and store.c share, and how the agent speaks to stoa-image. */
#ifndef STOA_AGENT_IMAGES_STORE_H
#define STOA_AGENT_IMAGES_STORE_H

#include "agent/images/images.h"
#include "common/io/loop.h"

/* Input of stoa-image: texts "name=value", each with a 0 behind it. What it says on standard output is why it failed. */
enum { STOA_IMAGE_INPUT_MAX = 1 << 20 };

struct pull;

struct images {
    struct loop *loop;
    char *store, *registry, *config, *helper;
    int64_t pull_timeout_ns;
    int lock;                    /* <store>/lock */
    struct pull *pulls;          /* under way, then in line */
    size_t waiting_count;
    struct loop_work start;      /* of pulls in line */
    void (*pulled)(void *ctx, int64_t ns);
    void *ctx;
    unsigned removed_count;      /* for names in staging */
    struct loop_timer clean;     /* of staging */
    int64_t clean_ns;
    bool cleaned;                /* once: what is being removed now was found */
};

/* store.c */
int store_open(struct images *im, struct error *err);
void store_record_path(const struct images *im, const char *canonical, char *ret, size_t size);
struct image *store_find(const struct images *im, const char *canonical); /* a reference, or NULL: it is not there, or not whole */
/* Path of skopeo, found in PATH; false: there is none. */
bool store_skopeo(char *ret, size_t size);

#endif
