/* SPDX-License-Identifier: Apache-2.0 */
/* Layers unpacked beside each other, and while skopeo is still fetching the next: a blob has its name as soon as it is whole, and
 * the name is the digest of what it holds. A child per layer, as many at once as there are processors. */
#include "agent/images/helper/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"

enum { WORKERS_MAX = 4 };

struct job {
    char hex[IMAGE_DIGEST_SIZE];
    pid_t pid;            /* 0: has ended */
    int result;           /* the child's struct error */
    struct error err;     /* code ERR_OK: unpacked */
};

struct unpacker {
    const char *store, *dir;
    struct unpack_budget *budget; /* shared with the children */
    struct job jobs[IMAGE_LAYERS_MAX];
    size_t count, running, running_max;
};

struct unpacker *unpacker_new(const char *store, const char *dir, int64_t bytes_max, struct error *err)
{
    struct unpacker *u = xcalloc(1, sizeof *u);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    u->store = store;
    u->dir = dir;
    u->running_max = processors < 1 ? 1 : processors < WORKERS_MAX ? (size_t)processors : WORKERS_MAX;
    u->budget = mmap(NULL, sizeof *u->budget, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (u->budget == MAP_FAILED) {
        (void)error_set_errno(err, errno, "memory shared with the unpacking children");
        free(u);
        return NULL;
    }
    u->budget->bytes = bytes_max;
    return u;
}

void unpacker_free(struct unpacker *u)
{
    if (u == NULL)
        return;
    for (size_t i = 0; i < u->count; i++) {
        if (u->jobs[i].pid <= 0)
            continue;
        (void)kill(u->jobs[i].pid, SIGKILL); /* before its directory is removed */
        (void)waitpid(u->jobs[i].pid, NULL, 0);
    }
    (void)munmap(u->budget, sizeof *u->budget);
    free(u);
}

static void path_of(const struct unpacker *u, const char *what, const char *hex, char ret[4096])
{
    (void)snprintf(ret, 4096, "%s/%s/%s", u->dir, what, hex);
}

static bool is_stored(const struct unpacker *u, const char *hex)
{
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/layers/%s", u->store, hex);
    return lstat(path, &st) == 0;
}

static struct job *find(struct unpacker *u, const char *hex)
{
    for (size_t i = 0; i < u->count; i++) {
        if (strcmp(u->jobs[i].hex, hex) == 0)
            return &u->jobs[i];
    }
    return NULL;
}

_Noreturn static void child(const char *blob, const char *layer, struct unpack_budget *budget, int result)
{
    struct error err = { .code = ERR_OK };
    die_with_parent();
    (void)layer_unpack(blob, layer, budget, &err);
    _exit(write(result, &err, sizeof err) == (ssize_t)sizeof err ? 0 : 1);
}

static void take_result(struct job *j, int status)
{
    if (read(j->result, &j->err, sizeof j->err) != (ssize_t)sizeof j->err)
        (void)error_set(&j->err, ERR_IO, "unpacking ended without a result (wait status %d)", status);
    j->err.msg[sizeof j->err.msg - 1] = 0;
    (void)close(j->result);
    j->pid = 0;
}

void unpacker_reap(struct unpacker *u, bool wait)
{
    for (size_t i = 0; i < u->count; i++) {
        struct job *j = &u->jobs[i];
        int status;
        if (j->pid == 0 || waitpid(j->pid, &status, wait ? 0 : WNOHANG) != j->pid)
            continue;
        take_result(j, status);
        u->running--;
        wait = false; /* for one */
    }
}

static int start(struct unpacker *u, const char *hex, struct error *err)
{
    char layer[4096], blob[4096];
    int pipe_fd[2];
    if (u->count == IMAGE_LAYERS_MAX)
        return error_set(err, ERR_LIMIT, "the image has over %d layers", IMAGE_LAYERS_MAX);
    path_of(u, "layers", hex, layer);
    path_of(u, "oci/blobs/sha256", hex, blob);
    if (mkdir(layer, 0755) != 0 || pipe2(pipe_fd, O_CLOEXEC) != 0)
        return error_set_errno(err, errno, "%s", layer);
    struct job *j = &u->jobs[u->count++];
    (void)snprintf(j->hex, sizeof j->hex, "%s", hex);
    j->result = pipe_fd[0];
    j->pid = fork();
    if (j->pid == 0)
        child(blob, layer, u->budget, pipe_fd[1]);
    (void)close(pipe_fd[1]);
    if (j->pid < 0) {
        j->pid = 0;
        return error_set_errno(err, errno, "the process that unpacks");
    }
    u->running++;
    return 0;
}

/* gzip or zstd: the configuration and manifests are neither. */
static bool looks_like_layer(int dir, const char *name)
{
    unsigned char magic[4];
    CLEANUP(fd_close_p) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || read(fd, magic, sizeof magic) != (ssize_t)sizeof magic)
        return false;
    return (magic[0] == 0x1f && magic[1] == 0x8b) || memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0;
}

void unpacker_look(struct unpacker *u)
{
    char path[4096];
    struct error later; /* comes again when the layer is wanted */
    path_of(u, "oci/blobs", "sha256", path);
    unpacker_reap(u, false);
    DIR *d = u->running < u->running_max ? opendir(path) : NULL;
    for (struct dirent *e; d != NULL && u->running < u->running_max && (e = readdir(d)) != NULL;) {
        if (strlen(e->d_name) == IMAGE_DIGEST_SIZE - 1 && find(u, e->d_name) == NULL && !is_stored(u, e->d_name) &&
            looks_like_layer(dirfd(d), e->d_name))
            (void)start(u, e->d_name, &later);
    }
    if (d != NULL)
        (void)closedir(d);
}

static int check_blob(const struct unpacker *u, const char *hex, struct error *err)
{
    char path[4096];
    struct stat st;
    path_of(u, "oci/blobs/sha256", hex, path);
    if (stat(path, &st) != 0)
        return error_set_errno(err, errno, "blob %s", hex);
    /* A place holder for a layer that went meanwhile; never unpack it as an empty one. */
    return st.st_size != 0 ? 0 : error_set(err, ERR_CONFLICT, "layer %.12s was removed while the image was pulled; try again", hex);
}

int unpacker_finish(struct unpacker *u, const struct image *i, struct error *err)
{
    for (size_t n = 0; n < i->layer_count; n++) {
        if (is_stored(u, i->layers[n]) || find(u, i->layers[n]) != NULL)
            continue;
        while (u->running >= u->running_max)
            unpacker_reap(u, true);
        if (check_blob(u, i->layers[n], err) != 0 || start(u, i->layers[n], err) != 0)
            return -(int)err->code;
    }
    while (u->running > 0)
        unpacker_reap(u, true);
    for (size_t n = 0; n < i->layer_count; n++) {
        const struct job *j = find(u, i->layers[n]);
        if (j != NULL && j->err.code != ERR_OK) {
            *err = j->err;
            return error_wrap(err, "layer %zu of %zu (%.12s)", n + 1, i->layer_count, i->layers[n]);
        }
    }
    return 0;
}
