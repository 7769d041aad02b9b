/* SPDX-License-Identifier: Apache-2.0 */
/* One pull: skopeo into staging, layers unpacked in staging, everything moved into the store at the end. */
#include "agent/images/helper/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/io/fs.h"

enum { DOCUMENT_MAX = 8 << 20, STAGING_PATH_MAX = 3072 };

static int read_blob(const char *dir, const char *hex, struct sbuf *b, struct error *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/oci/blobs/sha256/%s", dir, hex);
    return fs_read(path, b, err);
}

static int read_image(const char *dir, struct image *i, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf index = SBUF_INIT(DOCUMENT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf manifest = SBUF_INIT(DOCUMENT_MAX);
    CLEANUP(sbuf_done_p) struct sbuf config = SBUF_INIT(DOCUMENT_MAX);
    char path[4096], digest[IMAGE_DIGEST_SIZE], config_digest[IMAGE_DIGEST_SIZE], text[80];
    (void)snprintf(path, sizeof path, "%s/oci/index.json", dir);
    if (fs_read(path, &index, err) != 0 || image_index_parse(sbuf_view(&index), digest, err) != 0 ||
        read_blob(dir, digest, &manifest, err) != 0 || image_manifest_parse(sbuf_view(&manifest), i, config_digest, err) != 0 ||
        read_blob(dir, config_digest, &config, err) != 0 || image_config_parse(sbuf_view(&config), i, err) != 0)
        return -(int)err->code;
    (void)snprintf(text, sizeof text, "sha256:%s", digest);
    free(i->digest);
    i->digest = xstrdup(text);
    return 0;
}

static int64_t bytes_max(const char *dir)
{
    struct statvfs v;
    if (statvfs(dir, &v) != 0)
        return LAYER_BYTES_MAX;
    int64_t room = (int64_t)v.f_bavail * (int64_t)v.f_frsize / 10 * 9; /* the machine has to live on */
    return room < LAYER_BYTES_MAX ? room : LAYER_BYTES_MAX;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static int move_layers(const struct pull_input *in, const char *dir, const struct image *i, struct error *err)
{
    for (size_t n = 0; n < i->layer_count; n++) {
        char from[4096], to[4096];
        (void)snprintf(from, sizeof from, "%s/layers/%s", dir, i->layers[n]);
        (void)snprintf(to, sizeof to, "%s/layers/%s", in->store, i->layers[n]);
        /* Somebody else may have been faster: one is as good as the other. */
        if (is_there(from) && rename(from, to) != 0 && errno != EEXIST && errno != ENOTEMPTY)
            return error_set_errno(err, errno, "layer %s into the store", i->layers[n]);
    }
    return 0;
}

static int put_into_store(const struct pull_input *in, const char *dir, int dir_fd, const struct image *i, struct error *err)
{
    CLEANUP(sbuf_done_p) struct sbuf record = SBUF_INIT(IMAGE_RECORD_MAX);
    image_record_write(i, &record);
    if (!sbuf_ok(&record))
        return error_set(err, ERR_LIMIT, "the image's configuration is over %d bytes", IMAGE_RECORD_MAX);
    /* A machine that crashes must not wake up with names of layers whose content was never written. */
    if (syncfs(dir_fd) != 0)
        return error_set_errno(err, errno, "writing of the layers");
    if (move_layers(in, dir, i, err) != 0)
        return -(int)err->code;
    return fs_write(in->record, sbuf_view(&record), 0600, FS_SYNC, err);
}

static int pull_into(const struct pull_input *in, const char *dir, int dir_fd, struct error *err)
{
    char layers[4096];
    (void)snprintf(layers, sizeof layers, "%s/layers", dir);
    if (mkdir(layers, 0700) != 0)
        return error_set_errno(err, errno, "%s", layers);
    struct unpacker *u = unpacker_new(in->store, dir, bytes_max(dir), err);
    if (u == NULL)
        return -(int)err->code;
    struct image *i = image_new(in->name);
    int r = skopeo_fetch(in, dir, u, err);
    if (r == 0)
        r = read_image(dir, i, err);
    if (r == 0)
        r = unpacker_finish(u, i, err);
    if (r == 0)
        r = put_into_store(in, dir, dir_fd, i, err);
    image_unref(i);
    unpacker_free(u);
    return r;
}

/* A folder of our own, locked. Between making and locking it an agent that cleans up may have taken it for a leftover. */
static int make_staging(const struct pull_input *in, char dir[STAGING_PATH_MAX], int *ret_fd, struct error *err)
{
    for (int tries = 0; tries < 5; tries++) {
        struct stat here, opened;
        if (snprintf(dir, STAGING_PATH_MAX, "%s/staging/XXXXXX", in->store) >= STAGING_PATH_MAX || mkdtemp(dir) == NULL)
            return error_set_errno(err, errno, "staging in %.150s", in->store);
        CLEANUP(fd_close_p) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &opened) != 0 || stat(dir, &here) != 0 || here.st_ino != opened.st_ino)
            continue;
        *ret_fd = TAKE_FD(fd);
        return 0;
    }
    return error_set(err, ERR_CONFLICT, "staging in %.150s is taken away again and again", in->store);
}

int image_pull(const struct pull_input *in, struct error *err)
{
    char dir[STAGING_PATH_MAX];
    struct error ignored;
    CLEANUP(fd_close_p) int fd = -1;
    if (make_staging(in, dir, &fd, err) != 0)
        return -(int)err->code;
    int r = pull_into(in, dir, fd, err);
    (void)fs_remove_tree(dir, &ignored); /* what stays goes when the agent starts next */
    return r;
}
