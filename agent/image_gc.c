/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/image_gc.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/isolation/containerizer.h"
#include "agent/shell.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/io/credentials.h"
#include "common/wire/json.h"

enum { EXCLUDED_MAX = 10000 };

struct image_gc {
    struct shell *shell;
    struct loop_timer timer;
    double headroom;             /* share of the disk that is kept free */
    int64_t interval_ns;         /* 0: nobody watches the disk */
    const char **excluded;       /* owned texts */
    size_t excluded_count;
};

/* The share of the store's disk that is taken; negative: not known. */
static double disk_usage(const char *path)
{
    struct statvfs v;

    if (statvfs(path, &v) != 0 || v.f_blocks == 0)
        return -1;
    return 1.0 - (double)v.f_bavail / (double)v.f_blocks;
}

static void watch(void *arg)
{
    struct image_gc *g = arg;
    struct error err;
    double used = disk_usage(g->shell->flags.docker_store_dir);

    loop_timer_in(&g->timer, g->interval_ns);
    if (used < 0 || used + g->headroom <= 1)
        return;
    log_info("images_prune", "used=%.3f headroom=%.3f", used, g->headroom);
    if (image_gc_prune(g, NULL, 0, &err) != 0)
        log_warn("images_not_pruned", "error=" LOG_Q " retrying later", LOG_QARG(str_of(err.msg)));
}

static const cJSON *member(const cJSON *o, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* A name, or an Image that has one. */
static const char *image_name(const cJSON *v)
{
    const char *name = cJSON_GetStringValue(v);

    return name != NULL ? name : cJSON_GetStringValue(member(member(v, "docker"), "name"));
}

static int take_config(struct image_gc *g, const cJSON *tree, struct error *err)
{
    const cJSON *headroom = member(tree, "image_disk_headroom"), *excluded = member(tree, "excluded_images"), *v,
                *ns = member(member(tree, "image_disk_watch_interval"), "nanoseconds");

    if (!cJSON_IsNumber(headroom) || headroom->valuedouble < 0 || headroom->valuedouble > 1)
        return error_set(err, ERR_INVALID, "--image_gc_config: image_disk_headroom has to be a number from 0 to 1");
    if (!cJSON_IsNumber(ns) || ns->valuedouble < 1e6 || ns->valuedouble > 1e18)
        return error_set(err, ERR_INVALID, "--image_gc_config: image_disk_watch_interval.nanoseconds has to be a number, at least 1000000");
    if (excluded != NULL && (!cJSON_IsArray(excluded) || cJSON_GetArraySize(excluded) > EXCLUDED_MAX))
        return error_set(err, ERR_INVALID, "--image_gc_config: excluded_images has to be a list, of at most %d", EXCLUDED_MAX);
    g->headroom = headroom->valuedouble;
    g->interval_ns = (int64_t)ns->valuedouble;
    g->excluded = xcalloc((size_t)cJSON_GetArraySize(excluded) + 1, sizeof *g->excluded);
    cJSON_ArrayForEach(v, excluded) {
        if (image_name(v) == NULL)
            return error_set(err, ERR_INVALID, "--image_gc_config: excluded_images has to hold names, or images with a docker.name");
        g->excluded[g->excluded_count++] = xstrdup(image_name(v));
    }
    return 0;
}

int image_gc_new(struct image_gc **ret, struct shell *s, struct error *err)
{
    CLEANUP(json_free_p) cJSON *tree = NULL;
    struct image_gc *g = xcalloc(1, sizeof *g);

    g->shell = s;
    loop_timer_init(&g->timer, s->loop, watch, g);
    *ret = g;
    if (s->flags.image_gc_config == NULL)
        return 0;
    if (flag_json("image_gc_config", s->flags.image_gc_config, &tree, err) != 0 || take_config(g, tree, err) != 0)
        return -(int)err->code;
    loop_timer_in(&g->timer, g->interval_ns);
    return 0;
}

void image_gc_free(struct image_gc *g)
{
    if (g == NULL)
        return;
    loop_timer_done(&g->timer);
    for (size_t i = 0; i < g->excluded_count; i++)
        free((void *)(uintptr_t)g->excluded[i]);
    free(g->excluded);
    free(g);
}

int image_gc_prune(struct image_gc *g, const char *const *excluded, size_t count, struct error *err)
{
    size_t layers;
    CLEANUP(free_p) const char **all = xcalloc(count + g->excluded_count + 1, sizeof *all);

    if (!agent_flags_have_images(&g->shell->flags))
        return 0;
    for (size_t i = 0; i < count; i++)
        all[i] = excluded[i];
    for (size_t i = 0; i < g->excluded_count; i++)
        all[count + i] = g->excluded[i];
    if (containerizer_prune_images(g->shell->containers, all, count + g->excluded_count, &layers, err) != 0)
        return -(int)err->code;
    log_info("images_pruned", "layers=%zu", layers);
    return 0;
}
